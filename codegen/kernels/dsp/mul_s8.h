/* Multiplication of int8: input 1 has input 0's channels, and its pixels or only one. */
#ifndef TINYC_DSP_MUL_S8_H
#define TINYC_DSP_MUL_S8_H

#include "dsp/dsp.h"

typedef struct {
    int32_t channels;
    int32_t column_step_0; /* bytes from one column to the next of each input: 0 where it is broadcast */
    int32_t column_step_1;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t zero_0;
    int32_t zero_1;
    int32_t multiplier;
    int32_t offset; /* 2^(shift-1) + (zero_point << shift) */
    int32_t shift;  /* 1 .. 22, or 0 without ties */
    int32_t ties;   /* whether negative ties need their correction */
    int32_t least;  /* the activation's range */
    int32_t most;
} tinyc_mul_s8_dsp;

/* `product` is doubled. */
TINYC_INLINE int8_t mul_s8_store(int32_t product, const tinyc_mul_s8_dsp *p)
{
    const int32_t offset = p->ties ? p->offset + (product >> 31) : p->offset;
    const int32_t value = tinyc_ssat8(tinyc_smmlar(product, p->multiplier, offset) >> p->shift);
    return tinyc_clamped(value, p->least, p->most);
}

/* `count` elements that lie side by side. */
TINYC_INLINE void mul_s8_run(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_mul_s8_dsp *p)
{
    const uint32_t zeros_a = (uint32_t)(-p->zero_0 & 0xffff) * 0x00010001u;
    const uint32_t zeros_b = (uint32_t)(-p->zero_1 & 0xffff) * 0x00010001u;
    for (; count >= 4; count -= 4) {
        const uint32_t left = tinyc_load32(a);
        const uint32_t right = tinyc_load32(b);
        const uint32_t left_even = tinyc_sxtab16(zeros_a, left);
        const uint32_t left_odd = tinyc_sxtab16_ror8(zeros_a, left);
        const uint32_t right_even = tinyc_sxtab16(zeros_b, right);
        const uint32_t right_odd = tinyc_sxtab16_ror8(zeros_b, right);
        const uint32_t twice_even = tinyc_sadd16(right_even, right_even);
        const uint32_t twice_odd = tinyc_sadd16(right_odd, right_odd);
        a += 4;
        b += 4;
        out[0] = mul_s8_store(tinyc_smulbb(left_even, twice_even), p);
        out[1] = mul_s8_store(tinyc_smulbb(left_odd, twice_odd), p);
        out[2] = mul_s8_store(tinyc_smultt(left_even, twice_even), p);
        out[3] = mul_s8_store(tinyc_smultt(left_odd, twice_odd), p);
        out += 4;
    }
    for (; count > 0; --count) {
        *out++ = mul_s8_store(2 * (*a++ - p->zero_0) * (*b++ - p->zero_1), p);
    }
}

TINYC_INLINE void mul_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_mul_s8_dsp *p)
{
    const int8_t *a = (const int8_t *)in[0];
    const int8_t *b = (const int8_t *)in[1];
    int8_t *target = (int8_t *)out;
    if (p->column_step_0 == p->channels && p->column_step_1 == p->channels && p->out_stride == p->channels) {
        mul_s8_run(target, a, b, (x1 - x0) * p->channels, p);
        return;
    }
    for (int32_t x = x0; x < x1; ++x) {
        mul_s8_run(target, a, b, p->channels, p);
        a += p->column_step_0;
        b += p->column_step_1;
        target += p->out_stride;
    }
}

#endif
