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

/* value >> shift, clamped to [-128, 127]: one instruction for the usual shifts where they are known. */
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

/* `count` elements that lie side by side. */
TINYC_INLINE void tinyc_add_run(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_add_s8_dsp *p, int32_t shift)
{
    const uint32_t high = 0xff00ff00u;
    const int32_t f0 = p->factor_0, f1 = p->factor_1, offset = p->offset;
    for (; count >= 4; count -= 4) {
        const uint32_t left = tinyc_load32(a);
        const uint32_t right = tinyc_load32(b);
        const uint32_t left_even = (left << 8) & high;
        const uint32_t left_odd = left & high;
        const uint32_t right_even = (right << 8) & high;
        const uint32_t right_odd = right & high;
        a += 4;
        b += 4;
        out[0] = (int8_t)tinyc_ssat8_asr(tinyc_smlawb(f1, right_even, tinyc_smlawb(f0, left_even, offset)), shift);
        out[1] = (int8_t)tinyc_ssat8_asr(tinyc_smlawb(f1, right_odd, tinyc_smlawb(f0, left_odd, offset)), shift);
        out[2] = (int8_t)tinyc_ssat8_asr(tinyc_smlawt(f1, right_even, tinyc_smlawt(f0, left_even, offset)), shift);
        out[3] = (int8_t)tinyc_ssat8_asr(tinyc_smlawt(f1, right_odd, tinyc_smlawt(f0, left_odd, offset)), shift);
        out += 4;
    }
    for (; count > 0; --count) {
        const uint32_t left = (uint32_t)*a++ << 8;
        const uint32_t right = (uint32_t)*b++ << 8;
        *out++ = (int8_t)tinyc_ssat8_asr(tinyc_smlawb(f1, right, tinyc_smlawb(f0, left, offset)), shift);
    }
}

TINYC_INLINE void tinyc_add_row(int8_t *out, const void *const *in, int32_t columns, const tinyc_add_s8_dsp *p, int32_t shift)
{
    const int8_t *a = (const int8_t *)in[0];
    const int8_t *b = (const int8_t *)in[1];
    int32_t count = p->channels;
    if (p->column_step_0 == count && p->column_step_1 == count && p->out_stride == count) {
        count *= columns;
        columns = columns > 0 ? 1 : 0;
    }
    for (; columns > 0; --columns) {
        tinyc_add_run(out, a, b, count, p, shift);
        tinyc_clamp_bytes(out, count, p->least, p->most);
        a += p->column_step_0;
        b += p->column_step_1;
        out += p->out_stride;
    }
}

/* One copy of the code for all layers of one shift. */
TINYC_SHARED void tinyc_add_row_22(int8_t *out, const void *const *in, int32_t columns, const tinyc_add_s8_dsp *p)
{
    tinyc_add_row(out, in, columns, p, 22);
}

TINYC_SHARED void tinyc_add_row_21(int8_t *out, const void *const *in, int32_t columns, const tinyc_add_s8_dsp *p)
{
    tinyc_add_row(out, in, columns, p, 21);
}

TINYC_SHARED void tinyc_add_row_any(int8_t *out, const void *const *in, int32_t columns, const tinyc_add_s8_dsp *p)
{
    tinyc_add_row(out, in, columns, p, p->shift);
}

TINYC_INLINE void add_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_add_s8_dsp *p)
{
    if (p->shift == 22) {
        tinyc_add_row_22((int8_t *)out, in, x1 - x0, p);
    } else if (p->shift == 21) {
        tinyc_add_row_21((int8_t *)out, in, x1 - x0, p);
    } else {
        tinyc_add_row_any((int8_t *)out, in, x1 - x0, p);
    }
}

#endif
