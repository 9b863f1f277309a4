/* Sums divided by their count on Helium, halves away from zero, clamped.
 *
 * floor((|sum| + count / 2) / count) is the high half of (2 |sum| + 2 (count / 2)) * ceil(2^31 / count): exact for sums of up to 4088
 * bytes, because what the multiplier was rounded up by then never reaches the next multiple of the count.
 */
#ifndef TINYC_MVE_AVERAGE_H
#define TINYC_MVE_AVERAGE_H

#include "mve/mve.h"

/* The assembly knows the offsets of the fields. */
typedef struct {
    uint32_t multiplier;
    int32_t offset;
    int32_t least;
    int32_t most;
} tinyc_mve_division;

TINYC_INLINE void tinyc_mve_divide_by(tinyc_mve_division *by, int32_t count)
{
    by->multiplier = (0x80000000u + (uint32_t)count - 1u) / (uint32_t)count;
    by->offset = 2 * (count / 2);
}

#if TINYC_HAS_MVE

/* Takes a division at r2: q4 has its multiplier, r11 its offset, q2 and q3 its limits. */
#define TINYC_MVE_DIVISION                                                                                                     \
    "ldm r2, {r3, r4, r5, r6}\n"                                                                                               \
    "mov r11, r4\n"                                                                                                            \
    "vdup.32 q4, r3\n"                                                                                                         \
    "vdup.32 q2, r5\n"                                                                                                         \
    "vdup.32 q3, r6\n"

/* Sums in q0, means in q1. */
#define TINYC_MVE_DIVIDE                                                                                                       \
    "vabs.s32 q1, q0\n"                                                                                                        \
    "vshl.i32 q1, q1, #1\n"                                                                                                    \
    "vadd.i32 q1, q1, r11\n"                                                                                                   \
    "vmulh.u32 q1, q1, q4\n"                                                                                                   \
    "vpt.s32 lt, q0, zr\n"                                                                                                     \
    "vnegt.s32 q1, q1\n"                                                                                                       \
    "vmax.s32 q1, q1, q2\n"                                                                                                    \
    "vmin.s32 q1, q1, q3\n"

#else

TINYC_INLINE int8_t tinyc_mve_divide(int32_t sum, const tinyc_mve_division *by)
{
    const uint32_t numerator = 2u * (uint32_t)(sum < 0 ? -sum : sum) + (uint32_t)by->offset;
    const int32_t mean = (int32_t)((uint64_t)numerator * by->multiplier >> 32);
    return (int8_t)tinyc_clamp(sum < 0 ? -mean : mean, by->least, by->most);
}

#endif

#endif
