/* Addition and subtraction of int8 as one affine form: (factor_0 * a + factor_1 * b + offset) >> shift, clamped.
 *
 * The compiler has compared the form with TFLite's three roundings on all 65,536 pairs of inputs; where no such form is equal on every
 * pair this kernel is not chosen.  Inputs enter in the high bytes of 16-bit lanes, so a product is (factor * (x << 8)) >> 16.
 */
#ifndef TINYC_DSP_ADD_S8_H
#define TINYC_DSP_ADD_S8_H

#include "dsp/dsp.h"

typedef struct {
    int32_t channels;
    int32_t column_step_0; /* bytes from one column to the next of each input: 0 where it is broadcast */
    int32_t column_step_1;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t factor_0;
    int32_t factor_1;
    int32_t offset;
    int32_t shift;
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_add_s8_dsp;

#if TINYC_HAS_DSP

/* sum + ((a * bottom or top half of x) >> 16). */
TINYC_INLINE int32_t tinyc_smlawb(int32_t a, uint32_t x, int32_t sum)
{
    int32_t result;
    __asm__("smlawb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(x), "r"(sum));
    return result;
}

TINYC_INLINE int32_t tinyc_smlawt(int32_t a, uint32_t x, int32_t sum)
{
    int32_t result;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(x), "r"(sum));
    return result;
}

/* value >> shift, clamped to [-128, 127]: one instruction for the usual shifts when they are known. */
TINYC_INLINE int32_t tinyc_ssat8_asr(int32_t value, int32_t shift)
{
    int32_t result;
    if (shift == 22) {
        __asm__("ssat %0, #8, %1, asr #22" : "=r"(result) : "r"(value));
        return result;
    }
    if (shift == 21) {
        __asm__("ssat %0, #8, %1, asr #21" : "=r"(result) : "r"(value));
        return result;
    }
    return tinyc_ssat8(value >> shift);
}

#else

TINYC_INLINE int32_t tinyc_smlawb(int32_t a, uint32_t x, int32_t sum)
{
    return tinyc_wrapping_add(sum, (int32_t)(((int64_t)a * tinyc_lane16(x, 0)) >> 16));
}

TINYC_INLINE int32_t tinyc_smlawt(int32_t a, uint32_t x, int32_t sum)
{
    return tinyc_wrapping_add(sum, (int32_t)(((int64_t)a * tinyc_lane16(x, 1)) >> 16));
}

TINYC_INLINE int32_t tinyc_ssat8_asr(int32_t value, int32_t shift) { return tinyc_ssat8(value >> shift); }

#endif

TINYC_INLINE int8_t add_s8_store(int32_t sum, const tinyc_add_s8_dsp *p)
{
    const int32_t value = tinyc_ssat8_asr(sum, p->shift);
    return (int8_t)(p->least > -128 || p->most < 127 ? tinyc_clamp(value, p->least, p->most) : value);
}

/* `count` elements that lie side by side. */
TINYC_INLINE void add_s8_run(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_add_s8_dsp *p)
{
    const uint32_t high = 0xff00ff00u;
    for (; count >= 4; count -= 4) {
        const uint32_t left = tinyc_load32(a);
        const uint32_t right = tinyc_load32(b);
        const uint32_t left_even = (left << 8) & high;
        const uint32_t left_odd = left & high;
        const uint32_t right_even = (right << 8) & high;
        const uint32_t right_odd = right & high;
        a += 4;
        b += 4;
        out[0] = add_s8_store(tinyc_smlawb(p->factor_1, right_even, tinyc_smlawb(p->factor_0, left_even, p->offset)), p);
        out[1] = add_s8_store(tinyc_smlawb(p->factor_1, right_odd, tinyc_smlawb(p->factor_0, left_odd, p->offset)), p);
        out[2] = add_s8_store(tinyc_smlawt(p->factor_1, right_even, tinyc_smlawt(p->factor_0, left_even, p->offset)), p);
        out[3] = add_s8_store(tinyc_smlawt(p->factor_1, right_odd, tinyc_smlawt(p->factor_0, left_odd, p->offset)), p);
        out += 4;
    }
    for (; count > 0; --count) {
        const uint32_t left = (uint32_t)*a++ << 8;
        const uint32_t right = (uint32_t)*b++ << 8;
        *out++ = add_s8_store(tinyc_smlawb(p->factor_1, right, tinyc_smlawb(p->factor_0, left, p->offset)), p);
    }
}

TINYC_INLINE void add_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_add_s8_dsp *p)
{
    const int8_t *a = (const int8_t *)in[0];
    const int8_t *b = (const int8_t *)in[1];
    int8_t *target = (int8_t *)out;
    if (p->column_step_0 == p->channels && p->column_step_1 == p->channels && p->out_stride == p->channels) {
        add_s8_run(target, a, b, (x1 - x0) * p->channels, p);
        return;
    }
    for (int32_t x = x0; x < x1; ++x) {
        add_s8_run(target, a, b, p->channels, p);
        a += p->column_step_0;
        b += p->column_step_1;
        target += p->out_stride;
    }
}

#endif
