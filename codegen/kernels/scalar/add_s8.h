/* Addition and subtraction of int8 with broadcasting inside a row.
 *
 * Both inputs are brought to the scale 2 * max(scale_0, scale_1) with 20 fractional bits, then their sum to the output's scale.
 */
#ifndef TINYC_SCALAR_ADD_S8_H
#define TINYC_SCALAR_ADD_S8_H

#include "requantize.h"
#include "scalar/broadcast.h"
#include "tinyc_kernel.h"

typedef struct {
    int32_t channels;
    int32_t column_step_0; /* bytes from one column to the next of input 0, and from one channel to the next; */
    int32_t channel_step_0; /* 0 where it is broadcast */
    int32_t column_step_1;
    int32_t channel_step_1;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t zero_0;
    int32_t multiplier_0;
    int32_t shift_0;
    int32_t zero_1;
    int32_t multiplier_1;
    int32_t shift_1;
    int32_t out_zero;
    int32_t multiplier;
    int32_t shift;
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_add_s8;

/* Input 0 plus `sign` times input 1. */
TINYC_INLINE void add_s8_row(void *out, const void *const *in, int32_t columns, int32_t sign, const tinyc_add_s8 *p)
{
    const int32_t unit = 1 << 20;
    const int8_t *a = (const int8_t *)in[0];
    const int8_t *b = (const int8_t *)in[1];
    int8_t *target = (int8_t *)out;
    for (int32_t x = 0; x < columns; ++x) {
        for (int32_t c = 0; c < p->channels; ++c) {
            const int32_t left = (a[c * p->channel_step_0] - p->zero_0) * unit;
            const int32_t right = (b[c * p->channel_step_1] - p->zero_1) * unit;
            const int32_t sum = tinyc_multiply_by_quantized_multiplier(left, p->multiplier_0, p->shift_0)
                                + sign * tinyc_multiply_by_quantized_multiplier(right, p->multiplier_1, p->shift_1);
            const int32_t value = tinyc_multiply_by_quantized_multiplier(sum, p->multiplier, p->shift) + p->out_zero;
            target[c] = (int8_t)tinyc_clamp(value, p->least, p->most);
        }
        a += p->column_step_0;
        b += p->column_step_1;
        target += p->out_stride;
    }
}

TINYC_INLINE void add_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_add_s8 *p)
{
    add_s8_row(out, in, x1 - x0, 1, p);
}

TINYC_INLINE void sub_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_add_s8 *p)
{
    add_s8_row(out, in, x1 - x0, -1, p);
}

/* Whole tensors that broadcast along any axes. */
typedef struct {
    tinyc_broadcast outer;
    tinyc_add_s8 row;
} tinyc_add_s8_whole;

TINYC_INLINE void add_s8_whole__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_add_s8_whole *p)
{
    (void)x0;
    (void)x1;
    TINYC_BROADCAST(add_s8__scalar, out, in, &p->outer, &p->row);
}

TINYC_INLINE void sub_s8_whole__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_add_s8_whole *p)
{
    (void)x0;
    (void)x1;
    TINYC_BROADCAST(sub_s8__scalar, out, in, &p->outer, &p->row);
}

#endif
