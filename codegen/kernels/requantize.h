/* From an int32 accumulator to a stored int8: TensorFlow Lite's fixed-point multiplication with its two roundings, bit for bit. */
#ifndef TINYC_REQUANTIZE_H
#define TINYC_REQUANTIZE_H

#include "tinyc_kernel.h"

/* Any bias and any real factor, multiplier * 2^(shift - 31). */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift; /* -31 .. 30 */
} tinyc_requantization;

/* floor((a * b + 2^30) / 2^31); a and b are not both -2^31. */
TINYC_INLINE int32_t tinyc_rounding_doubling_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* value / 2^exponent, rounded to nearest, ties away from zero; exponent is 0 .. 31. */
TINYC_INLINE int32_t tinyc_rounding_divide_by_pot(int32_t value, int32_t exponent)
{
    const int64_t half = ((int64_t)1 << exponent) >> 1;
    const int64_t tie = value < 0 && exponent > 0 ? 1 : 0;
    return (int32_t)((value + half - tie) >> exponent);
}

/* value * multiplier * 2^(shift - 31), rounded twice. */
TINYC_INLINE int32_t tinyc_multiply_by_quantized_multiplier(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int32_t scaled = (int32_t)((uint32_t)value << left);
    return tinyc_rounding_divide_by_pot(tinyc_rounding_doubling_high_mul(scaled, multiplier), right);
}

/* The stored value of an accumulator. */
TINYC_INLINE int8_t tinyc_requantize(int32_t sum, const tinyc_requantization *r, int32_t zero_point, int32_t least, int32_t most)
{
    const int32_t value = (int32_t)((uint32_t)sum + (uint32_t)r->bias);
    return (int8_t)tinyc_clamp(tinyc_multiply_by_quantized_multiplier(value, r->multiplier, r->shift) + zero_point, least, most);
}

/* The same in five instructions and one LDM where |sum + bias| < 2^30 and the right shift e is 1 .. 22, or 0 where the tie correction is
 * left out (kernels/requantize.py of the compiler checks both).  bias2 = 2 * bias; offset = (1 << e >> 1) + (zero_point << e), where a channel
 * that only ever gives one value has that for its zero point.  Ends before the clamp. */
typedef struct {
    int32_t bias2;
    int32_t multiplier;
    int32_t offset;
    int32_t shift;
} tinyc_fast_requantization;

#endif
