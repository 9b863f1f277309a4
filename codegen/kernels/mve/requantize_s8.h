/* Requantization of sums, sixteen channels at a time: TensorFlow Lite's two roundings, bit for bit.
 *
 * VQRDMULH is the first rounding.  VRSHL rounds halves up, so that negative halves need one taken off before it: always ("ties"), or
 * where there is a shift at all, after a shift to the left ("any"), or never ("relu"), where nothing below the output's zero point
 * survives the activation.  Constants come as 32 words for sixteen channels: the multipliers, then the shifts (negative: to the right),
 * each of the channels 0, 4, 8, 12, 1, 5, ... as VLD4 takes the sums; for "any" 48 words, the shifts to the left before them.
 */
#ifndef TINYC_MVE_REQUANTIZE_S8_H
#define TINYC_MVE_REQUANTIZE_S8_H

#include "mve/mve.h"
#include "requantize.h"

enum { TINYC_MVE_BLOCK = 16 };

/* How halves are rounded; tinyc/kernels/mve.py knows the values. */
enum { TINYC_MVE_RELU_HALVES, TINYC_MVE_TIES_HALVES, TINYC_MVE_ANY_HALVES };

/* Where the requantized channels go, and how: `blocks` of sixteen channels and then `tail` more.  Sums and constants are read in whole
 * blocks. */
typedef struct {
    int8_t *out;
    const int32_t *sums;
    const int32_t *constants;
    int32_t zero_point;
    int32_t blocks;
    int32_t tail;
} tinyc_mve_requantization;

#if TINYC_HAS_MVE

/* Called from assembly with the fields in r0 r1 r2 r3 r5 r6; uses r4 and q0 to q4. */
typedef void tinyc_mve_finish(void);
#define TINYC_MVE_SUMS                                                                                                         \
    "vld40.32 {q0, q1, q2, q3}, [r1]\n"                                                                                        \
    "vld41.32 {q0, q1, q2, q3}, [r1]\n"                                                                                        \
    "vld42.32 {q0, q1, q2, q3}, [r1]\n"                                                                                        \
    "vld43.32 {q0, q1, q2, q3}, [r1]!\n"

#define TINYC_MVE_MULTIPLY(sums)                                                                                               \
    "vldrw.u32 q4, [r2], #16\n"                                                                                                \
    "vqrdmulh.s32 " sums ", " sums ", q4\n"

#define TINYC_MVE_SHIFT(sums)                                                                                                  \
    "vldrw.u32 q4, [r2], #16\n"                                                                                                \
    "vrshl.s32 " sums ", " sums ", q4\n"

#define TINYC_MVE_TIES(sums)                                                                                                   \
    "vshr.s32 q4, " sums ", #31\n"                                                                                             \
    "vadd.i32 " sums ", " sums ", q4\n"
#define TINYC_MVE_RELU(sums) ""

/* For "any", with constants from the register `by`; uses q5 too. */
#define TINYC_MVE_LEFT(sums, by)                                                                                               \
    "vldrw.u32 q4, [" by "], #16\n"                                                                                            \
    "vqshl.s32 " sums ", " sums ", q4\n"

#define TINYC_MVE_SHIFT_ANY(sums, by)                                                                                          \
    "vldrw.u32 q4, [" by "], #16\n"                                                                                            \
    "vand q5, " sums ", q4\n"                                                                                                  \
    "vshr.s32 q5, q5, #31\n"                                                                                                   \
    "vadd.i32 " sums ", " sums ", q5\n"                                                                                        \
    "vrshl.s32 " sums ", " sums ", q4\n"

#define TINYC_MVE_NARROW                                                                                                       \
    "vqmovnb.s32 q0, q0\n"                                                                                                     \
    "vqmovnt.s32 q0, q2\n"                                                                                                     \
    "vqmovnb.s32 q1, q1\n"                                                                                                     \
    "vqmovnt.s32 q1, q3\n"                                                                                                     \
    "vqadd.s16 q0, q0, r3\n"                                                                                                   \
    "vqadd.s16 q1, q1, r3\n"                                                                                                   \
    "vqmovnb.s16 q0, q0\n"                                                                                                     \
    "vqmovnt.s16 q0, q1\n"

/* Sixteen channels, in q0. */
#define TINYC_MVE_REQUANTIZE(ties)                                                                                             \
    TINYC_MVE_SUMS                                                                                                             \
    TINYC_MVE_MULTIPLY("q0") TINYC_MVE_MULTIPLY("q1") TINYC_MVE_MULTIPLY("q2") TINYC_MVE_MULTIPLY("q3")                        \
    ties("q0") ties("q1") ties("q2") ties("q3")                                                                                \
    TINYC_MVE_SHIFT("q0") TINYC_MVE_SHIFT("q1") TINYC_MVE_SHIFT("q2") TINYC_MVE_SHIFT("q3")                                    \
    TINYC_MVE_NARROW

#define TINYC_MVE_REQUANTIZE_ANY                                                                                               \
    TINYC_MVE_SUMS                                                                                                             \
    TINYC_MVE_LEFT("q0", "r2") TINYC_MVE_LEFT("q1", "r2") TINYC_MVE_LEFT("q2", "r2") TINYC_MVE_LEFT("q3", "r2")                \
    TINYC_MVE_MULTIPLY("q0") TINYC_MVE_MULTIPLY("q1") TINYC_MVE_MULTIPLY("q2") TINYC_MVE_MULTIPLY("q3")                        \
    TINYC_MVE_SHIFT_ANY("q0", "r2") TINYC_MVE_SHIFT_ANY("q1", "r2")                                                            \
    TINYC_MVE_SHIFT_ANY("q2", "r2") TINYC_MVE_SHIFT_ANY("q3", "r2")                                                            \
    TINYC_MVE_NARROW

#define TINYC_MVE_DEFINE_REQUANTIZE(name, sixteen)                                                                             \
    TINYC_MVE_NAKED void name(void)                                                                                            \
    {                                                                                                                          \
        __asm__ volatile("mov r4, lr\n"                                                                                        \
                         "wls lr, r5, 2f\n"                                                                                    \
                         "1:\n" sixteen                                                                                        \
                         "vstrb.8 q0, [r0], #16\n"                                                                             \
                         "le lr, 1b\n"                                                                                         \
                         "2:\n"                                                                                                \
                         "cmp r6, #0\n"                                                                                        \
                         "beq.w 3f\n" sixteen                                                                                  \
                         "vctp.8 r6\n"                                                                                         \
                         "vpst\n"                                                                                              \
                         "vstrbt.8 q0, [r0]\n"                                                                                 \
                         "3:\n"                                                                                                \
                         "bx r4\n");                                                                                           \
    }

TINYC_MVE_DEFINE_REQUANTIZE(tinyc_mve_requantize_ends_ties, TINYC_MVE_REQUANTIZE(TINYC_MVE_TIES))
TINYC_MVE_DEFINE_REQUANTIZE(tinyc_mve_requantize_ends_relu, TINYC_MVE_REQUANTIZE(TINYC_MVE_RELU))
TINYC_MVE_DEFINE_REQUANTIZE(tinyc_mve_requantize_ends_any, TINYC_MVE_REQUANTIZE_ANY)

#else

typedef void tinyc_mve_finish(const tinyc_mve_requantization *job);

/* (2 * a * b + 2^31) >> 32. */
TINYC_INLINE int32_t tinyc_vqrdmulh(int32_t a, int32_t b)
{
    const int64_t product = ((int64_t)a * b + ((int64_t)1 << 30)) >> 31;
    return product > INT32_MAX ? INT32_MAX : (int32_t)product;
}

/* To the right, halves up; `shift` is -31 .. 0. */
TINYC_INLINE int32_t tinyc_vrshl(int32_t value, int32_t shift)
{
    return (int32_t)((value + (((int64_t)1 << -shift) >> 1)) >> -shift);
}

/* To the left, saturating. */
TINYC_INLINE int32_t tinyc_vqshl(int32_t value, int32_t shift)
{
    const int64_t wide = (int64_t)value * ((int64_t)1 << shift);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

TINYC_INLINE int8_t tinyc_mve_requantize_one(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero_point, int32_t ties)
{
    const int32_t high = tinyc_vqrdmulh(sum, multiplier);
    const int32_t rounded = tinyc_vrshl(ties && high < 0 ? high - 1 : high, shift);
    const int32_t narrow = tinyc_clamp(rounded, INT16_MIN, INT16_MAX);
    return (int8_t)tinyc_clamp(narrow + zero_point, INT8_MIN, INT8_MAX);
}

/* The same by the constants of one channel of sixteen. */
TINYC_INLINE int8_t tinyc_mve_requantize_by(int32_t sum, const int32_t *by, int32_t zero_point, int32_t halves)
{
    if (halves == TINYC_MVE_ANY_HALVES) {
        sum = tinyc_vqshl(sum, by[0]);
        by += TINYC_MVE_BLOCK;
    }
    return tinyc_mve_requantize_one(sum, by[0], by[TINYC_MVE_BLOCK], zero_point, halves != TINYC_MVE_RELU_HALVES && by[TINYC_MVE_BLOCK] < 0);
}

/* Words of constants for sixteen channels. */
TINYC_INLINE int32_t tinyc_mve_constants(int32_t halves) { return TINYC_MVE_BLOCK * (halves == TINYC_MVE_ANY_HALVES ? 3 : 2); }

/* The place of channel `c` among the sixteen multipliers. */
TINYC_INLINE int32_t tinyc_mve_place(int32_t c) { return (c & 3) * 4 + (c >> 2); }

TINYC_INLINE void tinyc_mve_requantize_c(const tinyc_mve_requantization *job, int32_t halves)
{
    const int32_t count = TINYC_MVE_BLOCK * job->blocks + job->tail;
    for (int32_t i = 0; i < count; ++i) {
        const int32_t *block = job->constants + tinyc_mve_constants(halves) * (i / TINYC_MVE_BLOCK);
        job->out[i] = tinyc_mve_requantize_by(job->sums[i], block + tinyc_mve_place(i % TINYC_MVE_BLOCK), job->zero_point, halves);
    }
}

#define TINYC_MVE_DEFINE_REQUANTIZE(name, halves)                                                                              \
    TINYC_SHARED void name(const tinyc_mve_requantization *job) { tinyc_mve_requantize_c(job, halves); }

TINYC_MVE_DEFINE_REQUANTIZE(tinyc_mve_requantize_ends_ties, TINYC_MVE_TIES_HALVES)
TINYC_MVE_DEFINE_REQUANTIZE(tinyc_mve_requantize_ends_relu, TINYC_MVE_RELU_HALVES)
TINYC_MVE_DEFINE_REQUANTIZE(tinyc_mve_requantize_ends_any, TINYC_MVE_ANY_HALVES)

#endif

TINYC_INLINE tinyc_mve_finish *tinyc_mve_end(int32_t halves)
{
    return halves == TINYC_MVE_RELU_HALVES   ? tinyc_mve_requantize_ends_relu
           : halves == TINYC_MVE_TIES_HALVES ? tinyc_mve_requantize_ends_ties
                                             : tinyc_mve_requantize_ends_any;
}

#endif
