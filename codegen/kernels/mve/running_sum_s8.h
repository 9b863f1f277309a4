/* Running sums of int8 rows on Helium, eight channels at a time in 16 bits: exact for rows of up to 255 pixels; means of such sums. */
#ifndef TINYC_MVE_RUNNING_SUM_S8_H
#define TINYC_MVE_RUNNING_SUM_S8_H

#include "mve/average.h"
#include "mve/requantize_s8.h"
#include "scalar/running_sum_s8.h"

/* sums = before + the sums of `p->columns` pixels, channel by channel. */
#if TINYC_HAS_MVE

TINYC_MVE_NAKED void tinyc_mve_sum_row(TINYC_MVE_ARGUMENT int32_t *sums, TINYC_MVE_ARGUMENT const int32_t *before,
                                       TINYC_MVE_ARGUMENT const int8_t *row, TINYC_MVE_ARGUMENT const tinyc_running_sum_s8 *p)
{
    __asm__ volatile("push {r4, r5, r6, r7, lr}\n"
                     "sub sp, sp, #20\n"
                     "ldm r3, {r4, r5, r6}\n"
                     "1:\n"
                     "mov r7, r2\n"
                     "vmov.i16 q0, #0\n"
                     "dls lr, r4\n"
                     "2:\n"
                     "vldrb.s16 q1, [r7]\n"
                     "add r7, r7, r6\n"
                     "vadd.i16 q0, q0, q1\n"
                     "le lr, 2b\n"
                     "vldrw.u32 q2, [r1], #16\n"
                     "vldrw.u32 q3, [r1], #16\n"
                     "mov r7, sp\n"
                     "vstrh.16 q0, [r7]\n"
                     "vldrh.s32 q0, [r7]\n"
                     "vldrh.s32 q1, [r7, #8]\n"
                     "vadd.i32 q0, q0, q2\n"
                     "vadd.i32 q1, q1, q3\n"
                     "vstrw.32 q0, [r0], #16\n"
                     "vstrw.32 q1, [r0], #16\n"
                     "add r2, r2, #8\n"
                     "subs r5, r5, #8\n"
                     "bne 1b\n"
                     "add sp, sp, #20\n"
                     "pop {r4, r5, r6, r7, pc}\n");
}

#else

TINYC_SHARED void tinyc_mve_sum_row(int32_t *sums, const int32_t *before, const int8_t *row, const tinyc_running_sum_s8 *p)
{
    for (int32_t c = 0; c < p->channels; ++c) {
        int32_t sum = 0;
        for (int32_t x = 0; x < p->columns; ++x) {
            sum += row[x * p->in_stride + c];
        }
        sums[c] = before[c] + sum;
    }
}

#endif

/* Channels are a multiple of eight. */
TINYC_INLINE void running_sum_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_running_sum_s8 *p)
{
    const int32_t *before = (const int32_t *)in[1];
    int32_t *sums = (int32_t *)out;
    (void)x0;
    (void)x1;
    if (before == NULL) {
        for (int32_t c = 0; c < p->channels; ++c) {
            sums[c] = 0;
        }
        before = sums;
    }
    tinyc_mve_sum_row(sums, before, (const int8_t *)in[0], p);
}

#if TINYC_HAS_MVE

TINYC_MVE_NAKED void tinyc_mve_average_of_sums(TINYC_MVE_ARGUMENT int8_t *out, TINYC_MVE_ARGUMENT const int32_t *sums,
                                               TINYC_MVE_ARGUMENT const tinyc_mve_division *by, TINYC_MVE_ARGUMENT int32_t channels)
{
    __asm__ volatile("push {r4, r5, r6, r7, r11, lr}\n"
                     "vpush {d8, d9}\n"
                     "mov r7, r3\n" TINYC_MVE_DIVISION
                     "dlstp.32 lr, r7\n"
                     "1:\n"
                     "vldrw.u32 q0, [r1], #16\n" TINYC_MVE_DIVIDE
                     "vstrb.32 q1, [r0], #4\n"
                     "letp lr, 1b\n"
                     "vpop {d8, d9}\n"
                     "pop {r4, r5, r6, r7, r11, pc}\n");
}

TINYC_MVE_NAKED void tinyc_mve_mean_of_sums(TINYC_MVE_ARGUMENT int8_t *out, TINYC_MVE_ARGUMENT const int32_t *sums,
                                            TINYC_MVE_ARGUMENT const tinyc_mean_of_sum_s8 *p)
{
    __asm__ volatile("push {r4, r5, r6, lr}\n"
                     "ldm r2, {r2, r3, r4, r5, r6}\n"
                     "vdup.32 q1, r5\n"
                     "dlstp.32 lr, r2\n"
                     "1:\n"
                     "vldrw.u32 q0, [r1], #16\n"
                     "vadd.i32 q0, q0, r3\n"
                     "vqrdmulh.s32 q0, q0, r4\n"
                     "vand q2, q0, q1\n"
                     "vshr.s32 q2, q2, #31\n"
                     "vadd.i32 q0, q0, q2\n"
                     "vrshl.s32 q0, q0, q1\n"
                     "vadd.i32 q0, q0, r6\n"
                     "vqmovnb.s32 q0, q0\n"
                     "vqmovnb.s16 q0, q0\n"
                     "vstrb.32 q0, [r0], #4\n"
                     "letp lr, 1b\n"
                     "pop {r4, r5, r6, pc}\n");
}

#else

TINYC_SHARED void tinyc_mve_average_of_sums(int8_t *out, const int32_t *sums, const tinyc_mve_division *by, int32_t channels)
{
    for (int32_t c = 0; c < channels; ++c) {
        out[c] = tinyc_mve_divide(sums[c], by);
    }
}

TINYC_SHARED void tinyc_mve_mean_of_sums(int8_t *out, const int32_t *sums, const tinyc_mean_of_sum_s8 *p)
{
    for (int32_t c = 0; c < p->channels; ++c) {
        out[c] = tinyc_mve_requantize_one(sums[c] + p->bias, p->multiplier, p->shift, p->out_zero, p->shift < 0);
    }
}

#endif

/* Of at most 4088 elements. */
TINYC_INLINE void average_of_sum_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_average_of_sum_s8 *p)
{
    tinyc_mve_division by = {0, 0, p->least, p->most};
    (void)x0;
    (void)x1;
    tinyc_mve_divide_by(&by, p->count);
    tinyc_mve_average_of_sums((int8_t *)out, (const int32_t *)in[0], &by, p->channels);
}

/* The shift is to the right, by 0 to 31. */
TINYC_INLINE void mean_of_sum_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_mean_of_sum_s8 *p)
{
    (void)x0;
    (void)x1;
    tinyc_mve_mean_of_sums((int8_t *)out, (const int32_t *)in[0], p);
}

#endif
