/* ADD, SUB and MUL of int8 on Helium, four elements at a time: both inputs have the output's channels, and its pixels or only one.
 *
 * Products by a factor are VMULH's of a byte in the top of its lane; VQRDMULH and VRSHL are the two roundings of a product.
 */
#ifndef TINYC_MVE_ELEMENTWISE_S8_H
#define TINYC_MVE_ELEMENTWISE_S8_H

#include "mve/bytes.h"
#include "mve/requantize_s8.h"

/* What the inner loops take; the assembly knows the offsets of the fields. */
typedef struct {
    int32_t term_0; /* a factor, or minus a zero point */
    int32_t term_1;
    int32_t offset; /* or the multiplier */
    int32_t shift;  /* negative: to the right */
    int32_t out_zero_point;
} tinyc_mve_elementwise;

/* (((term_0 * a) >> 8) + ((term_1 * b) >> 8) + offset) >> shift, clamped. */
typedef struct {
    int32_t channels;
    int32_t column_step_0; /* bytes from one column to the next of each input: 0 where it is broadcast */
    int32_t column_step_1;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t ties;       /* of products: whether negative ties need their correction */
    int32_t least;      /* the activation's range */
    int32_t most;
    int32_t term_0;
    int32_t term_1;
    int32_t offset;
    int32_t shift;
    int32_t out_zero_point;
} tinyc_elementwise_s8_mve;

/* `count` elements that lie side by side. */
typedef void tinyc_mve_elementwise_run(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_mve_elementwise *by);

#if TINYC_HAS_MVE

TINYC_MVE_NAKED void tinyc_mve_add_blocks_run(TINYC_MVE_ARGUMENT int8_t *out, TINYC_MVE_ARGUMENT const int8_t *a,
                                              TINYC_MVE_ARGUMENT const int8_t *b, TINYC_MVE_ARGUMENT int32_t count,
                                              TINYC_MVE_ARGUMENT const tinyc_mve_elementwise *by)
{
    __asm__ volatile("push {r4, r5, r6, lr}\n"
                     "ldr r4, [sp, #16]\n"
                     "ldrd r5, r6, [r4]\n"
                     "vdup.32 q2, r5\n"
                     "vdup.32 q3, r6\n"
                     "ldrd r5, r6, [r4, #8]\n"
                     "dlstp.32 lr, r3\n"
                     "1:\n"
                     "vldrb.s32 q0, [r1], #4\n"
                     "vldrb.s32 q1, [r2], #4\n"
                     "vshl.i32 q0, q0, #24\n"
                     "vmulh.s32 q0, q0, q2\n"
                     "vshl.i32 q1, q1, #24\n"
                     "vmulh.s32 q1, q1, q3\n"
                     "vadd.i32 q0, q0, r5\n"
                     "vadd.i32 q0, q0, q1\n"
                     "vshl.s32 q0, r6\n"
                     "vqmovnb.s32 q0, q0\n"
                     "vqmovnb.s16 q0, q0\n"
                     "vstrb.32 q0, [r0], #4\n"
                     "letp lr, 1b\n"
                     "pop {r4, r5, r6, pc}\n");
}

#define TINYC_MVE_DEFINE_MUL(name, ties)                                                                                       \
    TINYC_MVE_NAKED void name(TINYC_MVE_ARGUMENT int8_t *out, TINYC_MVE_ARGUMENT const int8_t *a, TINYC_MVE_ARGUMENT const int8_t *b, \
                              TINYC_MVE_ARGUMENT int32_t count, TINYC_MVE_ARGUMENT const tinyc_mve_elementwise *by)            \
    {                                                                                                                          \
        __asm__ volatile("push {r4, r5, r6, r7, r8, lr}\n"                                                                     \
                         "vpush {d8, d9}\n"                                                                                    \
                         "ldr r8, [sp, #40]\n"                                                                                 \
                         "ldm r8, {r4, r5, r6, r7, r8}\n"                                                                      \
                         "dlstp.32 lr, r3\n"                                                                                   \
                         "1:\n"                                                                                                \
                         "vldrb.s32 q0, [r1], #4\n"                                                                            \
                         "vldrb.s32 q1, [r2], #4\n"                                                                            \
                         "vadd.i32 q0, q0, r4\n"                                                                               \
                         "vadd.i32 q1, q1, r5\n"                                                                               \
                         "vmul.i32 q0, q0, q1\n"                                                                               \
                         "vqrdmulh.s32 q0, q0, r6\n" ties("q0")                                                                \
                         "vrshl.s32 q0, r7\n"                                                                                  \
                         "vadd.i32 q0, q0, r8\n"                                                                               \
                         "vqmovnb.s32 q0, q0\n"                                                                                \
                         "vqmovnb.s16 q0, q0\n"                                                                                \
                         "vstrb.32 q0, [r0], #4\n"                                                                             \
                         "letp lr, 1b\n"                                                                                       \
                         "vpop {d8, d9}\n"                                                                                     \
                         "pop {r4, r5, r6, r7, r8, pc}\n");                                                                    \
    }

TINYC_MVE_DEFINE_MUL(tinyc_mve_mul_blocks_ties, TINYC_MVE_TIES)
TINYC_MVE_DEFINE_MUL(tinyc_mve_mul_blocks_relu, TINYC_MVE_RELU)

#else

TINYC_SHARED void tinyc_mve_add_blocks_run(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_mve_elementwise *by)
{
    for (int32_t i = 0; i < count; ++i) {
        const int32_t x = (int32_t)((int64_t)by->term_0 * a[i] >> 8), y = (int32_t)((int64_t)by->term_1 * b[i] >> 8);
        out[i] = (int8_t)tinyc_clamp((x + by->offset + y) >> -by->shift, INT8_MIN, INT8_MAX);
    }
}

TINYC_INLINE void tinyc_mve_mul_c(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_mve_elementwise *by, int32_t ties)
{
    for (int32_t i = 0; i < count; ++i) {
        const int32_t product = (a[i] + by->term_0) * (b[i] + by->term_1);
        out[i] = tinyc_mve_requantize_one(product, by->offset, by->shift, by->out_zero_point, ties);
    }
}

TINYC_SHARED void tinyc_mve_mul_blocks_ties(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_mve_elementwise *by)
{
    tinyc_mve_mul_c(out, a, b, count, by, 1);
}

TINYC_SHARED void tinyc_mve_mul_blocks_relu(int8_t *out, const int8_t *a, const int8_t *b, int32_t count, const tinyc_mve_elementwise *by)
{
    tinyc_mve_mul_c(out, a, b, count, by, 0);
}

#endif

TINYC_SHARED void tinyc_mve_elementwise_row(int8_t *out, const void *const *in, int32_t pixels, const tinyc_elementwise_s8_mve *p,
                                            tinyc_mve_elementwise_run *run)
{
    const tinyc_mve_elementwise by = {p->term_0, p->term_1, p->offset, p->shift, p->out_zero_point};
    const int8_t *a = (const int8_t *)in[0];
    const int8_t *b = (const int8_t *)in[1];
    int32_t channels = p->channels;
    if (p->column_step_0 == channels && p->column_step_1 == channels && p->out_stride == channels) {
        channels *= pixels;
        pixels = 1;
    }
    for (; pixels > 0; --pixels) {
        run(out, a, b, channels, &by);
        if (p->least > INT8_MIN || p->most < INT8_MAX) {
            tinyc_mve_clamp(out, channels, p->least, p->most);
        }
        a += p->column_step_0;
        b += p->column_step_1;
        out += p->out_stride;
    }
}

TINYC_INLINE void add_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_elementwise_s8_mve *p)
{
    tinyc_mve_elementwise_row((int8_t *)out, in, x1 - x0, p, tinyc_mve_add_blocks_run);
}

TINYC_INLINE void mul_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_elementwise_s8_mve *p)
{
    tinyc_mve_elementwise_row((int8_t *)out, in, x1 - x0, p, p->ties ? tinyc_mve_mul_blocks_ties : tinyc_mve_mul_blocks_relu);
}

#endif
