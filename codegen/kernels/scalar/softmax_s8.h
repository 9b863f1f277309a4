/* Softmax over the channels of int8 pixels, in gemmlowp's fixed point: no float, no division.
 *
 * exp[d] is exp(-beta * scale * d) in Q0.31 for a value d steps below the pixel's maximum, zero where TFLite cuts it off.  The compact
 * kernel computes it.
 */
#ifndef TINYC_SCALAR_SOFTMAX_S8_H
#define TINYC_SCALAR_SOFTMAX_S8_H

#include "requantize.h"
#include "tinyc_kernel.h"

typedef struct {
    int32_t channels;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    const int32_t *exp; /* 256 entries */
} tinyc_softmax_s8;

typedef struct {
    int32_t channels;
    int32_t in_stride;
    int32_t out_stride;
    int32_t multiplier; /* from steps to beta * scale * d in Q5.26 */
    int32_t shift;
    int32_t most; /* steps that are not cut off */
} tinyc_softmax_compact_s8;

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
    int32_t estimate = 1515870810 + tinyc_rounding_doubling_high_mul(half, -1010580540); /* Q2.29 */
    for (int step = 0; step < 3; ++step) {
        const int32_t rest = (1 << 29) - tinyc_rounding_doubling_high_mul(half, estimate);
        estimate += softmax_s8_shift_left(tinyc_rounding_doubling_high_mul(estimate, rest), 2);
    }
    return softmax_s8_shift_left(estimate, 1);
}

/* exp(x) in Q0.31 for x <= 0 in Q5.26: a series around -1/8, then a factor for each further bit. */
TINYC_INLINE int32_t softmax_s8_exp(int32_t x)
{
    static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << 24;
    const int32_t below = (x & (quarter - 1)) - quarter;
    const int32_t t = below * 32 + (1 << 28);
    const int32_t t2 = tinyc_rounding_doubling_high_mul(t, t);
    const int32_t t3 = tinyc_rounding_doubling_high_mul(t2, t), t4 = tinyc_rounding_doubling_high_mul(t2, t2);
    const int32_t higher = tinyc_rounding_doubling_high_mul(tinyc_rounding_divide_by_pot(t4, 2) + t3, 715827883) + t2;
    int32_t result = 1895147668 + tinyc_rounding_doubling_high_mul(1895147668, t + tinyc_rounding_divide_by_pot(higher, 1));
    for (int32_t bit = 0; bit < 7; ++bit) {
        if (((below - x) & (quarter << bit)) != 0) {
            result = tinyc_rounding_doubling_high_mul(result, factors[bit]);
        }
    }
    return x == 0 ? INT32_MAX : result;
}

/* What exp[steps] holds. */
TINYC_SHARED int32_t softmax_s8_power(int32_t steps, const tinyc_softmax_compact_s8 *p)
{
    return steps > p->most ? 0 : softmax_s8_exp(tinyc_multiply_by_quantized_multiplier(-steps, p->multiplier, p->shift));
}

/* From the table, or where there is none by computation. */
TINYC_INLINE int32_t softmax_s8_look_up(int32_t steps, const int32_t *exp, const tinyc_softmax_compact_s8 *p)
{
    return exp != NULL ? exp[steps] : softmax_s8_power(steps, p);
}

TINYC_INLINE void softmax_s8_pixels(void *out, const void *const *in, int32_t x0, int32_t x1, const int32_t *exp,
                                    const tinyc_softmax_compact_s8 *p)
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
            sum += ((uint32_t)softmax_s8_look_up(greatest - source[c], exp, p) + (1u << 11)) >> 12;
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
            const uint32_t share = (uint32_t)tinyc_rounding_doubling_high_mul(scale, softmax_s8_look_up(greatest - source[c], exp, p));
            const int32_t value = (int32_t)(((share >> (shift - 1)) + 1u) >> 1);
            target[c] = (int8_t)tinyc_clamp(value - 128, INT8_MIN, INT8_MAX);
        }
        source += p->in_stride;
        target += p->out_stride;
    }
}

TINYC_INLINE void softmax_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_softmax_s8 *p)
{
    const tinyc_softmax_compact_s8 shape = {.channels = p->channels, .in_stride = p->in_stride, .out_stride = p->out_stride};
    softmax_s8_pixels(out, in, x0, x1, p->exp, &shape);
}

TINYC_INLINE void softmax_compact_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_softmax_compact_s8 *p)
{
    softmax_s8_pixels(out, in, x0, x1, NULL, p);
}

#endif
