/* Multiplication of int8 with broadcasting inside a row. */
#ifndef TINYC_SCALAR_MUL_S8_H
#define TINYC_SCALAR_MUL_S8_H

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
    int32_t zero_1;
    int32_t out_zero;
    int32_t multiplier;
    int32_t shift;
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_mul_s8;

TINYC_INLINE void mul_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_mul_s8 *p)
{
    const int8_t *a = (const int8_t *)in[0];
    const int8_t *b = (const int8_t *)in[1];
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        for (int32_t c = 0; c < p->channels; ++c) {
            const int32_t product = (a[c * p->channel_step_0] - p->zero_0) * (b[c * p->channel_step_1] - p->zero_1);
            const int32_t value = tinyc_multiply_by_quantized_multiplier(product, p->multiplier, p->shift) + p->out_zero;
            target[c] = (int8_t)tinyc_clamp(value, p->least, p->most);
        }
        a += p->column_step_0;
        b += p->column_step_1;
        target += p->out_stride;
    }
}

/* Whole tensors that broadcast along any axes. */
typedef struct {
    tinyc_broadcast outer;
    tinyc_mul_s8 row;
} tinyc_mul_s8_whole;

TINYC_INLINE void mul_s8_whole__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_mul_s8_whole *p)
{
    (void)x0;
    (void)x1;
    TINYC_BROADCAST(mul_s8__scalar, out, in, &p->outer, &p->row);
}

#endif
