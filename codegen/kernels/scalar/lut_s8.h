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

TINYC_INLINE void lut_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_lut_s8 *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        for (int32_t c = 0; c < p->channels; ++c) {
            target[c] = p->table[source[c]];
        }
        source += p->in_stride;
        target += p->out_stride;
    }
}

#endif
