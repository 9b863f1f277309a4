/* The Armv7E-M SIMD instructions that kernels use, one wrapper each, named after the instruction.
 *
 * Where the compiler targets no DSP extension each wrapper is its meaning in portable C, so that the very same kernel runs on the host
 * under sanitizers.  A packed word holds two int16 lanes (low half first) or four int8 lanes (low byte first).
 */
#ifndef TINYC_DSP_DSP_H
#define TINYC_DSP_DSP_H

#include "tinyc_kernel.h"

/* Load or store a word at any address: LDR and STR on Cortex-M4 and later, which allow it. */
TINYC_INLINE uint32_t tinyc_load32(const void *address)
{
    uint32_t word;
    TINYC_MEMCPY(&word, address, sizeof word);
    return word;
}

TINYC_INLINE void tinyc_store32(void *address, uint32_t word)
{
    TINYC_MEMCPY(address, &word, sizeof word);
}

/* Unoptimized code leaves the blocks of instructions too few registers: it is plain C. */
#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && defined(__thumb2__) && defined(__OPTIMIZE__)
#define TINYC_HAS_DSP 1
#else
#define TINYC_HAS_DSP 0
#endif

#if TINYC_HAS_DSP

/* A function that is one block of assembly, and its argument. */
#if defined(__clang__)
#define TINYC_NAKED __attribute__((naked, noinline, unused)) static
#else
#define TINYC_NAKED __attribute__((naked, noipa, unused)) static
#endif
#define TINYC_ARGUMENT __attribute__((unused))

/* One result of two operands. */
#define TINYC_DSP_2(name, type, text)                                                                                          \
    TINYC_INLINE type tinyc_##name(uint32_t a, uint32_t b)                                                                     \
    {                                                                                                                          \
        type result;                                                                                                           \
        __asm__(text : "=r"(result) : "r"(a), "r"(b));                                                                         \
        return result;                                                                                                         \
    }

/* One result of two packed operands and an accumulator. */
#define TINYC_DSP_3(name, text)                                                                                                \
    TINYC_INLINE int32_t tinyc_##name(uint32_t a, uint32_t b, int32_t sum)                                                     \
    {                                                                                                                          \
        int32_t result;                                                                                                        \
        __asm__(text : "=r"(result) : "r"(a), "r"(b), "r"(sum));                                                               \
        return result;                                                                                                         \
    }

/* One result of one packed operand. */
#define TINYC_DSP_1(name, text)                                                                                                \
    TINYC_INLINE uint32_t tinyc_##name(uint32_t a)                                                                             \
    {                                                                                                                          \
        uint32_t result;                                                                                                       \
        __asm__(text : "=r"(result) : "r"(a));                                                                                 \
        return result;                                                                                                         \
    }

TINYC_DSP_1(sxtb16, "sxtb16 %0, %1")
TINYC_DSP_1(sxtb16_ror8, "sxtb16 %0, %1, ror #8")
TINYC_DSP_2(sxtab16, uint32_t, "sxtab16 %0, %1, %2")
TINYC_DSP_2(sxtab16_ror8, uint32_t, "sxtab16 %0, %1, %2, ror #8")
TINYC_DSP_2(pkhbt, uint32_t, "pkhbt %0, %1, %2")
TINYC_DSP_2(pkhbt_lsl16, uint32_t, "pkhbt %0, %1, %2, lsl #16")
TINYC_DSP_2(pkhtb_asr16, uint32_t, "pkhtb %0, %1, %2, asr #16")
TINYC_DSP_2(sadd16, uint32_t, "sadd16 %0, %1, %2")
TINYC_DSP_2(smuad, int32_t, "smuad %0, %1, %2")
TINYC_DSP_2(smulbb, int32_t, "smulbb %0, %1, %2")
TINYC_DSP_2(smultt, int32_t, "smultt %0, %1, %2")
TINYC_DSP_3(smlad, "smlad %0, %1, %2, %3")
TINYC_DSP_3(smlabb, "smlabb %0, %1, %2, %3")
TINYC_DSP_3(smlatt, "smlatt %0, %1, %2, %3")

#undef TINYC_DSP_1
#undef TINYC_DSP_2
#undef TINYC_DSP_3

/* sum + ((a * b + 2^31) >> 32). */
TINYC_INLINE int32_t tinyc_smmlar(int32_t a, int32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* Clamp to [-128, 127]. */
TINYC_INLINE int32_t tinyc_ssat8(int32_t value)
{
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value));
    return result;
}

/* The greater of each pair of int8 lanes; SSUB8 and SEL stay together because of the GE flags between them. */
TINYC_INLINE uint32_t tinyc_max_s8x4(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b));
    return result;
}

#else

/* Lanes of a packed word, and a word of two lanes. */
TINYC_INLINE int32_t tinyc_lane16(uint32_t word, int index)
{
    const int32_t lane = (int32_t)((word >> (16 * index)) & 0xffffu);
    return lane >= 0x8000 ? lane - 0x10000 : lane;
}

TINYC_INLINE int32_t tinyc_lane8(uint32_t word, int index)
{
    const int32_t lane = (int32_t)((word >> (8 * index)) & 0xffu);
    return lane >= 0x80 ? lane - 0x100 : lane;
}

TINYC_INLINE uint32_t tinyc_lanes16(int32_t low, int32_t high)
{
    return ((uint32_t)low & 0xffffu) | ((uint32_t)high << 16);
}

/* Sums wrap, as they do on the target. */
TINYC_INLINE int32_t tinyc_wrapping_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

TINYC_INLINE uint32_t tinyc_sxtb16(uint32_t a) { return tinyc_lanes16(tinyc_lane8(a, 0), tinyc_lane8(a, 2)); }
TINYC_INLINE uint32_t tinyc_sxtb16_ror8(uint32_t a) { return tinyc_lanes16(tinyc_lane8(a, 1), tinyc_lane8(a, 3)); }
TINYC_INLINE uint32_t tinyc_sadd16(uint32_t a, uint32_t b)
{
    return tinyc_lanes16(tinyc_lane16(a, 0) + tinyc_lane16(b, 0), tinyc_lane16(a, 1) + tinyc_lane16(b, 1));
}
TINYC_INLINE uint32_t tinyc_sxtab16(uint32_t a, uint32_t b) { return tinyc_sadd16(a, tinyc_sxtb16(b)); }
TINYC_INLINE uint32_t tinyc_sxtab16_ror8(uint32_t a, uint32_t b) { return tinyc_sadd16(a, tinyc_sxtb16_ror8(b)); }
TINYC_INLINE uint32_t tinyc_pkhbt(uint32_t a, uint32_t b) { return (a & 0xffffu) | (b & 0xffff0000u); }
TINYC_INLINE uint32_t tinyc_pkhbt_lsl16(uint32_t a, uint32_t b) { return (a & 0xffffu) | (b << 16); }
TINYC_INLINE uint32_t tinyc_pkhtb_asr16(uint32_t a, uint32_t b) { return (a & 0xffff0000u) | (b >> 16); }
TINYC_INLINE int32_t tinyc_smulbb(uint32_t a, uint32_t b) { return tinyc_lane16(a, 0) * tinyc_lane16(b, 0); }
TINYC_INLINE int32_t tinyc_smultt(uint32_t a, uint32_t b) { return tinyc_lane16(a, 1) * tinyc_lane16(b, 1); }
TINYC_INLINE int32_t tinyc_smuad(uint32_t a, uint32_t b) { return tinyc_wrapping_add(tinyc_smulbb(a, b), tinyc_smultt(a, b)); }
TINYC_INLINE int32_t tinyc_smlad(uint32_t a, uint32_t b, int32_t sum) { return tinyc_wrapping_add(sum, tinyc_smuad(a, b)); }
TINYC_INLINE int32_t tinyc_smlabb(uint32_t a, uint32_t b, int32_t sum) { return tinyc_wrapping_add(sum, tinyc_smulbb(a, b)); }
TINYC_INLINE int32_t tinyc_smlatt(uint32_t a, uint32_t b, int32_t sum) { return tinyc_wrapping_add(sum, tinyc_smultt(a, b)); }

/* sum + ((a * b + 2^31) >> 32). */
TINYC_INLINE int32_t tinyc_smmlar(int32_t a, int32_t b, int32_t sum)
{
    return tinyc_wrapping_add(sum, (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32));
}

/* Clamp to [-128, 127]. */
TINYC_INLINE int32_t tinyc_ssat8(int32_t value) { return tinyc_clamp(value, -128, 127); }

/* The greater of each pair of int8 lanes. */
TINYC_INLINE uint32_t tinyc_max_s8x4(uint32_t a, uint32_t b)
{
    uint32_t result = 0;
    for (int i = 0; i < 4; ++i) {
        result |= (tinyc_lane8(a, i) >= tinyc_lane8(b, i) ? a : b) & (0xffu << (8 * i));
    }
    return result;
}

#endif

/* An int8 value in the activation's range. */
TINYC_INLINE int8_t tinyc_clamped(int32_t value, int32_t least, int32_t most)
{
    return (int8_t)(least > -128 || most < 127 ? tinyc_clamp(value, least, most) : value);
}

/* The int8 channels of pixels that are `stride` bytes apart. */
TINYC_INLINE void tinyc_clamp_row(int8_t *out, int32_t pixels, int32_t stride, int32_t channels, int32_t least, int32_t most)
{
    if (least > -128 || most < 127) {
        for (; pixels > 0; --pixels, out += stride) {
            for (int32_t i = 0; i < channels; ++i) {
                out[i] = (int8_t)tinyc_clamp(out[i], least, most);
            }
        }
    }
}

/* Bytes side by side. */
TINYC_INLINE void tinyc_clamp_bytes(int8_t *values, int32_t count, int32_t least, int32_t most)
{
    tinyc_clamp_row(values, 1, 0, count, least, most);
}

#endif
