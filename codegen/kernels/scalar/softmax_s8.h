/* Softmax over the channels of int8 pixels, in gemmlowp's fixed point: no float, no division.
 *
 * exp[d] is exp(-beta * scale * d) in Q0.31 for a value d steps below the pixel's maximum, zero where TFLite cuts it off.
 */
#ifndef TINYC_SCALAR_SOFTMAX_S8_H
#define TINYC_SCALAR_SOFTMAX_S8_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t channels;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    const int32_t *exp; /* 256 entries */
} tinyc_softmax_s8;

/* floor((a * b + 2^30) / 2^31). */
TINYC_INLINE int32_t softmax_s8_multiply(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* Shift left by `bits`, saturating. */
TINYC_INLINE int32_t softmax_s8_shift_left(int32_t value, int32_t bits)
{
    const int32_t most = INT32_MAX >> bits;
    if (value > most) {
        return INT32_MAX;
    }
    return value < -most - 1 ? INT32_MIN : value * ((int32_t)1 << bits);
}

/* 1 / (1 + x) in Q0.31 for x in [0, 1) in Q0.31: three Newton-Raphson steps on 48/17 - 32/17 d, d = (1 + x) / 2. */
TINYC_INLINE int32_t softmax_s8_reciprocal(int32_t x)
{
    const int32_t half = (int32_t)(((uint32_t)x + (uint32_t)INT32_MAX + 1u) >> 1);
    int32_t estimate = 1515870810 + softmax_s8_multiply(half, -1010580540); /* Q2.29 */
    for (int step = 0; step < 3; ++step) {
        const int32_t rest = (1 << 29) - softmax_s8_multiply(half, estimate);
        estimate += softmax_s8_shift_left(softmax_s8_multiply(estimate, rest), 2);
    }
    return softmax_s8_shift_left(estimate, 1);
}

TINYC_INLINE void softmax_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_softmax_s8 *p)
{
    const int8_t *source = (const int8_t *)in[0];
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        int32_t greatest = INT8_MIN;
        for (int32_t c = 0; c < p->channels; ++c) {
            greatest = source[c] > greatest ? source[c] : greatest;
        }
        uint32_t sum = 0; /* Q12.19 */
        for (int32_t c = 0; c < p->channels; ++c) {
            sum += ((uint32_t)p->exp[greatest - source[c]] + (1u << 11)) >> 12;
        }
        int32_t headroom = 0;
        while ((sum & 0x80000000u) == 0u) {
            sum <<= 1;
            ++headroom;
        }
        const int32_t scale = softmax_s8_reciprocal((int32_t)(sum & INT32_MAX));
        /* A sum of 512 and more makes every share less than half a unit: 32 shifts it out as well as 33 and more. */
        const int32_t shift = tinyc_clamp(12 - headroom + 31 - 8, 0, 32);
        for (int32_t c = 0; c < p->channels; ++c) {
            const uint32_t share = (uint32_t)softmax_s8_multiply(scale, p->exp[greatest - source[c]]);
            const int32_t value = (int32_t)(((share >> (shift - 1)) + 1u) >> 1);
            target[c] = (int8_t)tinyc_clamp(value - 128, INT8_MIN, INT8_MAX);
        }
        source += p->in_stride;
        target += p->out_stride;
    }
}

#endif
