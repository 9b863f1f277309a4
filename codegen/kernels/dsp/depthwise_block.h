/* Blocks of instructions for depthwise convolution of four channels at a time.
 *
 * Written in assembly because the order matters: with intrinsics gcc hoists every load and spills.  volatile keeps the blocks in the
 * order of the source; registers stay the compiler's choice.  Four channels' bytes of a pixel become two words of two int16 lanes,
 * `even` (channels 0 and 2) and `odd` (1 and 3); weights are packed the same way, doubled, so that sums come out doubled.
 */
#ifndef TINYC_DSP_DEPTHWISE_BLOCK_H
#define TINYC_DSP_DEPTHWISE_BLOCK_H

#include "dsp/dsp.h"

/* Doubled sums of four channels. */
typedef struct {
    int32_t c0, c1, c2, c3;
} tinyc_sums;

/* The requantization of one channel: stored = (doubled sum * multiplier / 2^32 + offset) >> shift. */
typedef struct {
    int32_t multiplier;
    int32_t offset; /* (1 << shift >> 1) + (zero_point << shift) */
    int32_t shift;
} tinyc_channel;

#if TINYC_HAS_DSP

typedef uint32_t __attribute__((may_alias, aligned(1))) tinyc_any_word;

/* even, odd = four bytes at `address`. */
#define TINYC_UNPACK(even, odd, address)                                                                                       \
    __asm__ volatile("ldr %0, %2\n\tsxtb16 %1, %0, ror #8\n\tsxtb16 %0, %0"                                                    \
                     : "=&r"(even), "=&r"(odd)                                                                                 \
                     : "m"(*(const tinyc_any_word *)(const void *)(address)))

/* even, odd = the next two words of a stream. */
#define TINYC_WEIGHTS(even, odd, stream)                                                                                       \
    __asm__ volatile("ldrd %0, %1, [%2], #8" : "=&r"(even), "=&r"(odd), "+r"(stream) : : "memory")

/* sums += x * w, channel by channel. */
#define TINYC_TAP(sums, x_even, x_odd, w_even, w_odd)                                                                          \
    __asm__ volatile("smlabb %0, %4, %6, %0\n\tsmlabb %1, %5, %7, %1\n\tsmlatt %2, %4, %6, %2\n\tsmlatt %3, %5, %7, %3"         \
                     : "+r"((sums).c0), "+r"((sums).c1), "+r"((sums).c2), "+r"((sums).c3)                                      \
                     : "r"(x_even), "r"(x_odd), "r"(w_even), "r"(w_odd))

/* The next constants of a stream. */
#define TINYC_CHANNEL(channel, stream)                                                                                         \
    __asm__ volatile("ldrd %0, %1, [%3], #8\n\tldr %2, [%3], #4"                                                               \
                     : "=&r"((channel).multiplier), "=&r"((channel).offset), "=&r"((channel).shift), "+r"(stream)              \
                     :                                                                                                         \
                     : "memory")

/* The value before the clamp to the activation's range; `ties`: negative ties go away from zero, as they must unless they are
 * clamped anyway. */
TINYC_INLINE int32_t tinyc_finish(int32_t sum, const tinyc_channel *by, int ties)
{
    int32_t offset = by->offset;
    if (ties) {
        __asm__("add %0, %1, %2, asr #31" : "=r"(offset) : "r"(by->offset), "r"(sum));
    }
    __asm__("smmlar %0, %0, %1, %2\n\tasr %0, %0, %3\n\tssat %0, #8, %0"
            : "+&r"(sum)
            : "r"(by->multiplier), "r"(offset), "r"(by->shift));
    return sum;
}

#else

#define TINYC_UNPACK(even, odd, address)                                                                                       \
    do {                                                                                                                       \
        const uint32_t tinyc_word = tinyc_load32(address);                                                                     \
        (even) = tinyc_sxtb16(tinyc_word);                                                                                     \
        (odd) = tinyc_sxtb16_ror8(tinyc_word);                                                                                 \
    } while (0)

#define TINYC_WEIGHTS(even, odd, stream)                                                                                       \
    do {                                                                                                                       \
        (even) = (uint32_t)(stream)[0];                                                                                        \
        (odd) = (uint32_t)(stream)[1];                                                                                         \
        (stream) += 2;                                                                                                         \
    } while (0)

#define TINYC_TAP(sums, x_even, x_odd, w_even, w_odd)                                                                          \
    do {                                                                                                                       \
        (sums).c0 = tinyc_smlabb(x_even, w_even, (sums).c0);                                                                   \
        (sums).c1 = tinyc_smlabb(x_odd, w_odd, (sums).c1);                                                                     \
        (sums).c2 = tinyc_smlatt(x_even, w_even, (sums).c2);                                                                   \
        (sums).c3 = tinyc_smlatt(x_odd, w_odd, (sums).c3);                                                                     \
    } while (0)

#define TINYC_CHANNEL(channel, stream)                                                                                         \
    do {                                                                                                                       \
        (channel).multiplier = (stream)[0];                                                                                    \
        (channel).offset = (stream)[1];                                                                                        \
        (channel).shift = (stream)[2];                                                                                         \
        (stream) += 3;                                                                                                         \
    } while (0)

TINYC_INLINE int32_t tinyc_finish(int32_t sum, const tinyc_channel *by, int ties)
{
    const int32_t offset = by->offset + (ties ? sum >> 31 : 0);
    return tinyc_ssat8(tinyc_smmlar(sum, by->multiplier, offset) >> by->shift);
}

#endif

#endif
