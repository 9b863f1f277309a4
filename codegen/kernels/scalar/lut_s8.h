/* One-input int8 functions (logistic, requantize, relu, ...) as a table of 256 entries. */
#ifndef TINYC_SCALAR_LUT_S8_H
#define TINYC_SCALAR_LUT_S8_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t channels;
    int32_t in_stride;   /* bytes from one input pixel to the next */
    int32_t out_stride;  /* bytes from one output pixel to the next */
    const int8_t *table; /* 256 entries, indexed by the input byte read as unsigned */
} tinyc_lut_s8;

TINYC_INLINE void lut_s8_run(int8_t *out, const uint8_t *in, int32_t count, const int8_t *table)
{
    for (; count >= 4; count -= 4) {
        out[0] = table[in[0]];
        out[1] = table[in[1]];
        out[2] = table[in[2]];
        out[3] = table[in[3]];
        in += 4;
        out += 4;
    }
    for (; count > 0; --count) {
        *out++ = table[*in++];
    }
}

TINYC_INLINE void lut_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_lut_s8 *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    int8_t *target = (int8_t *)out;
    if (p->in_stride == p->channels && p->out_stride == p->channels) {
        lut_s8_run(target, source, (x1 - x0) * p->channels, p->table);
        return;
    }
    for (int32_t x = x0; x < x1; ++x) {
        lut_s8_run(target, source, p->channels, p->table);
        source += p->in_stride;
        target += p->out_stride;
    }
}

#endif
