/* Softmax on Helium, four channels at a time; the reciprocal of the sum is the scalar one. */
#ifndef TINYC_MVE_SOFTMAX_S8_H
#define TINYC_MVE_SOFTMAX_S8_H

#include "mve/requantize_s8.h"
#include "scalar/softmax_s8.h"

typedef struct {
    const int32_t *exp;
    int32_t greatest; /* value of the pixel */
    int32_t channels;
    int32_t scale;
    int32_t shift; /* negative: to the right */
} tinyc_mve_softmax;

#if TINYC_HAS_MVE

TINYC_MVE_NAKED int32_t tinyc_mve_greatest_of(TINYC_MVE_ARGUMENT const int8_t *in, TINYC_MVE_ARGUMENT int32_t channels)
{
    __asm__ volatile("push {r4, lr}\n"
                     "mvn r2, #127\n"
                     "dlstp.8 lr, r1\n"
                     "1:\n"
                     "vldrb.8 q0, [r0], #16\n"
                     "vmaxv.s8 r2, q0\n"
                     "letp lr, 1b\n"
                     "sxtb r0, r2\n"
                     "pop {r4, pc}\n");
}

/* The sum of exponentials in Q12.19. */
TINYC_MVE_NAKED uint32_t tinyc_mve_exponentials(TINYC_MVE_ARGUMENT const int8_t *in, TINYC_MVE_ARGUMENT const tinyc_mve_softmax *by)
{
    __asm__ volatile("push {r4, lr}\n"
                     "ldm r1, {r1, r2, r3}\n"
                     "vdup.32 q2, r2\n"
                     "mov r4, #0\n"
                     "dlstp.32 lr, r3\n"
                     "1:\n"
                     "vldrb.s32 q0, [r0], #4\n"
                     "vsub.i32 q0, q2, q0\n"
                     "vldrw.u32 q1, [r1, q0, uxtw #2]\n"
                     "vrshr.u32 q1, q1, #12\n"
                     "vaddva.u32 r4, q1\n"
                     "letp lr, 1b\n"
                     "mov r0, r4\n"
                     "pop {r4, pc}\n");
}

TINYC_MVE_NAKED void tinyc_mve_shares(TINYC_MVE_ARGUMENT int8_t *out, TINYC_MVE_ARGUMENT const int8_t *in,
                                      TINYC_MVE_ARGUMENT const tinyc_mve_softmax *by)
{
    __asm__ volatile("push {r4, r5, r6, lr}\n"
                     "ldm r2, {r2, r3, r4, r5, r6}\n"
                     "vdup.32 q2, r3\n"
                     "mvn r3, #127\n"
                     "dlstp.32 lr, r4\n"
                     "1:\n"
                     "vldrb.s32 q0, [r1], #4\n"
                     "vsub.i32 q0, q2, q0\n"
                     "vldrw.u32 q1, [r2, q0, uxtw #2]\n"
                     "vqrdmulh.s32 q1, q1, r5\n"
                     "vrshl.u32 q1, r6\n"
                     "vadd.i32 q1, q1, r3\n"
                     "vqmovnb.s32 q1, q1\n"
                     "vqmovnb.s16 q1, q1\n"
                     "vstrb.32 q1, [r0], #4\n"
                     "letp lr, 1b\n"
                     "pop {r4, r5, r6, pc}\n");
}

#else

TINYC_SHARED int32_t tinyc_mve_greatest_of(const int8_t *in, int32_t channels)
{
    int32_t greatest = INT8_MIN;
    for (int32_t c = 0; c < channels; ++c) {
        greatest = in[c] > greatest ? in[c] : greatest;
    }
    return greatest;
}

TINYC_SHARED uint32_t tinyc_mve_exponentials(const int8_t *in, const tinyc_mve_softmax *by)
{
    uint32_t sum = 0;
    for (int32_t c = 0; c < by->channels; ++c) {
        sum += ((uint32_t)by->exp[by->greatest - in[c]] + (1u << 11)) >> 12;
    }
    return sum;
}

TINYC_SHARED void tinyc_mve_shares(int8_t *out, const int8_t *in, const tinyc_mve_softmax *by)
{
    for (int32_t c = 0; c < by->channels; ++c) {
        const uint32_t share = (uint32_t)tinyc_vqrdmulh(by->exp[by->greatest - in[c]], by->scale);
        const int32_t value = (int32_t)(((uint64_t)share + ((uint64_t)1 << (-by->shift - 1))) >> -by->shift);
        out[c] = (int8_t)tinyc_clamp(value - 128, INT8_MIN, INT8_MAX);
    }
}

#endif

TINYC_SHARED void tinyc_mve_softmax_pixel(int8_t *out, const int8_t *in, const tinyc_softmax_s8 *p)
{
    tinyc_mve_softmax by = {p->exp, tinyc_mve_greatest_of(in, p->channels), p->channels, 0, 0};
    const uint32_t sum = tinyc_mve_exponentials(in, &by);
    const int32_t headroom = __builtin_clz(sum);
    by.scale = softmax_s8_reciprocal((int32_t)(sum << headroom & INT32_MAX));
    by.shift = -tinyc_clamp(12 - headroom + 31 - 8, 0, 32);
    tinyc_mve_shares(out, in, &by);
}

TINYC_INLINE void softmax_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_softmax_s8 *p)
{
    const int8_t *source = (const int8_t *)in[0];
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        tinyc_mve_softmax_pixel(target, source, p);
        source += p->in_stride;
        target += p->out_stride;
    }
}

#endif
