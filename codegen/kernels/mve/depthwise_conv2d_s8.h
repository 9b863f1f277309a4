/* int8 depthwise convolution on Helium: sixteen channels at a time, taps in pairs.
 *
 * VMULLB and VMULLT make products of 16 bits, of which any two sum up without overflow (the packing checks the actual weights); pairs of
 * taps are then widened into sums of 32 bits.  Even and odd channels come apart and together again in the same order.  Rows outside
 * the image are rows of zero points, columns outside a pixel of zero points; both are folded into the biases.  Constants come as one
 * stream, for every sixteen channels: biases, sixteen bytes of weights for each tap, shifts to the left (for "any" halves only),
 * multipliers, negated shifts; words in the order of channels 0, 4, 8, 12, 2, 6, ..., 1, 5, ..., 3, 7, ...
 *
 * Loops over channels are predicated by bytes and by fours, because words are too.  Where the number of channels is no multiple of four up
 * to three bytes beyond a pixel are read, and none is written.
 */
#ifndef TINYC_MVE_DEPTHWISE_CONV2D_S8_H
#define TINYC_MVE_DEPTHWISE_CONV2D_S8_H

#include "mve/bytes.h"
#include "mve/requantize_s8.h"

enum { TINYC_MVE_MOST_TAPS = 64 };

typedef struct {
    const int32_t *stream;
    int32_t channels;
    int32_t merged;   /* neighbouring pixels whose channels are taken as those of one pixel, where that is possible */
    int32_t taps;     /* 9 where channels are a multiple of four, or even: a last tap may be there twice, with weights of zero */
    int32_t window_rows;
    int32_t window_columns;
    int32_t row_dilation;
    int32_t column_dilation;
    int32_t column_stride;
    int32_t pad_left;
    int32_t in_columns;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t out_zero_point;
    int32_t halves; /* how they are rounded: TINYC_MVE_..._HALVES */
    int32_t least; /* the activation's range */
    int32_t most;
    const int8_t *outside; /* a pixel of zero points */
} tinyc_depthwise_conv2d_s8_mve;

/* Neighbouring pixels whose windows all lie inside, or one pixel.  The assembly knows the offsets of the fields. */
typedef struct {
    int8_t *out;
    const int8_t *stream;
    int32_t channels; /* by fours */
    int32_t zero_point;
    int32_t out_gap; /* bytes from after a pixel's vectors to the next pixel: output */
    int32_t in_gap;  /* and input */
    int32_t pairs;   /* of taps */
    int32_t count;   /* of pixels; at least one */
    int32_t stored;  /* channels */
    const int8_t *taps[TINYC_MVE_MOST_TAPS];
} tinyc_mve_depthwise;

#if TINYC_HAS_MVE

#define TINYC_MVE_DEPTHWISE_BIASES                                                                                             \
    "vldrw.u32 q0, [r9], #16\n"                                                                                                \
    "vldrw.u32 q1, [r9], #16\n"                                                                                                \
    "vldrw.u32 q2, [r9], #16\n"                                                                                                \
    "vldrw.u32 q3, [r9], #16\n"

/* sums += the products q6 (even channels) and q4 (odd channels). */
#define TINYC_MVE_DEPTHWISE_WIDEN                                                                                              \
    "vmovlb.s16 q5, q6\n"                                                                                                      \
    "vmovlt.s16 q6, q6\n"                                                                                                      \
    "vadd.i32 q0, q0, q5\n"                                                                                                    \
    "vmovlb.s16 q5, q4\n"                                                                                                      \
    "vadd.i32 q1, q1, q6\n"                                                                                                    \
    "vmovlt.s16 q4, q4\n"                                                                                                      \
    "vadd.i32 q2, q2, q5\n"                                                                                                    \
    "vadd.i32 q3, q3, q4\n"

#define TINYC_MVE_DEPTHWISE_TAP(a)                                                                                             \
    "vldrb.8 q4, [" a "], #16\n"                                                                                               \
    "vldrb.8 q5, [r9], #16\n"                                                                                                  \
    "vmullb.s8 q6, q4, q5\n"                                                                                                   \
    "vmullt.s8 q4, q4, q5\n"

#define TINYC_MVE_DEPTHWISE_ONE(a) TINYC_MVE_DEPTHWISE_TAP(a) TINYC_MVE_DEPTHWISE_WIDEN

#define TINYC_MVE_DEPTHWISE_TWO(a, b)                                                                                          \
    TINYC_MVE_DEPTHWISE_TAP(a)                                                                                                 \
    "vldrb.8 q5, [" b "], #16\n"                                                                                               \
    "vldrb.8 q7, [r9]\n"                                                                                                       \
    "vmullb.s8 q7, q5, q7\n"                                                                                                   \
    "vadd.i16 q6, q6, q7\n"                                                                                                    \
    "vldrb.8 q7, [r9], #16\n"                                                                                                  \
    "vmullt.s8 q5, q5, q7\n"                                                                                                   \
    "vadd.i16 q4, q4, q5\n" TINYC_MVE_DEPTHWISE_WIDEN

#define TINYC_MVE_DEPTHWISE_MULTIPLY(sums)                                                                                     \
    "vldrw.u32 q4, [r9], #16\n"                                                                                                \
    "vqrdmulh.s32 " sums ", " sums ", q4\n"

#define TINYC_MVE_DEPTHWISE_SHIFT(sums)                                                                                        \
    "vldrw.u32 q4, [r9], #16\n"                                                                                                \
    "vrshl.s32 " sums ", " sums ", q4\n"

#define TINYC_MVE_DEPTHWISE_MULTIPLIED                                                                                         \
    TINYC_MVE_DEPTHWISE_MULTIPLY("q0")                                                                                         \
    TINYC_MVE_DEPTHWISE_MULTIPLY("q1")                                                                                         \
    TINYC_MVE_DEPTHWISE_MULTIPLY("q2")                                                                                         \
    TINYC_MVE_DEPTHWISE_MULTIPLY("q3")

#define TINYC_MVE_DEPTHWISE_NARROW                                                                                             \
    "vqmovnb.s32 q0, q0\n"                                                                                                     \
    "vqmovnt.s32 q0, q1\n"                                                                                                     \
    "vqmovnb.s32 q2, q2\n"                                                                                                     \
    "vqmovnt.s32 q2, q3\n"                                                                                                     \
    "vqadd.s16 q0, q0, r11\n"                                                                                                  \
    "vqadd.s16 q2, q2, r11\n"                                                                                                  \
    "vqmovnb.s16 q0, q0\n"                                                                                                     \
    "vqmovnt.s16 q0, q2\n"

/* Sixteen channels from q0 to q3, requantized in q0. */
#define TINYC_MVE_DEPTHWISE_FINISH(ties)                                                                                       \
    TINYC_MVE_DEPTHWISE_MULTIPLIED                                                                                             \
    ties("q0") ties("q1") ties("q2") ties("q3")                                                                                \
    TINYC_MVE_DEPTHWISE_SHIFT("q0")                                                                                            \
    TINYC_MVE_DEPTHWISE_SHIFT("q1")                                                                                            \
    TINYC_MVE_DEPTHWISE_SHIFT("q2")                                                                                            \
    TINYC_MVE_DEPTHWISE_SHIFT("q3")                                                                                            \
    TINYC_MVE_DEPTHWISE_NARROW

#define TINYC_MVE_DEPTHWISE_FINISH_ANY                                                                                         \
    TINYC_MVE_LEFT("q0", "r9") TINYC_MVE_LEFT("q1", "r9") TINYC_MVE_LEFT("q2", "r9") TINYC_MVE_LEFT("q3", "r9")                \
    TINYC_MVE_DEPTHWISE_MULTIPLIED                                                                                             \
    TINYC_MVE_SHIFT_ANY("q0", "r9") TINYC_MVE_SHIFT_ANY("q1", "r9")                                                            \
    TINYC_MVE_SHIFT_ANY("q2", "r9") TINYC_MVE_SHIFT_ANY("q3", "r9")                                                            \
    TINYC_MVE_DEPTHWISE_NARROW

/* Nine taps, whose pointers stay in r0 to r8. */
#define TINYC_MVE_DEFINE_DEPTHWISE_NINE(name, finish)                                                                           \
    TINYC_MVE_NAKED void name(TINYC_MVE_ARGUMENT tinyc_mve_depthwise *job)                                                     \
    {                                                                                                                          \
        __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                       \
                         "vpush {d8, d9, d10, d11, d12, d13, d14, d15}\n"                                                      \
                         "mov r12, r0\n"                                                                                       \
                         "ldr r10, [r12]\n"                                                                                    \
                         "add r8, r12, #36\n"                                                                                  \
                         "ldm r8, {r0, r1, r2, r3, r4, r5, r6, r7, r8}\n"                                                      \
                         "1:\n"                                                                                                \
                         "ldrd r9, lr, [r12, #4]\n"                                                                            \
                         "ldr r11, [r12, #12]\n"                                                                               \
                         "dlstp.8 lr, lr\n"                                                                                    \
                         "2:\n" TINYC_MVE_DEPTHWISE_BIASES                                                                     \
                         TINYC_MVE_DEPTHWISE_TWO("r0", "r1") TINYC_MVE_DEPTHWISE_TWO("r2", "r3")                               \
                         TINYC_MVE_DEPTHWISE_TWO("r4", "r5") TINYC_MVE_DEPTHWISE_TWO("r6", "r7")                               \
                         TINYC_MVE_DEPTHWISE_ONE("r8") finish                                                                  \
                         "vstrb.8 q0, [r10], #16\n"                                                                            \
                         "letp lr, 2b\n"                                                                                       \
                         "ldrd r9, r11, [r12, #16]\n"                                                                          \
                         "add r10, r10, r9\n"                                                                                  \
                         "cmp r11, #0\n"                                                                                       \
                         "beq 3f\n"                                                                                            \
                         "add r0, r0, r11\n"                                                                                   \
                         "add r1, r1, r11\n"                                                                                   \
                         "add r2, r2, r11\n"                                                                                   \
                         "add r3, r3, r11\n"                                                                                   \
                         "add r4, r4, r11\n"                                                                                   \
                         "add r5, r5, r11\n"                                                                                   \
                         "add r6, r6, r11\n"                                                                                   \
                         "add r7, r7, r11\n"                                                                                   \
                         "add r8, r8, r11\n"                                                                                   \
                         "3:\n"                                                                                                \
                         "ldr r9, [r12, #28]\n"                                                                                \
                         "subs r9, r9, #1\n"                                                                                   \
                         "str r9, [r12, #28]\n"                                                                                \
                         "bne.w 1b\n"                                                                                          \
                         "vpop {d8, d9, d10, d11, d12, d13, d14, d15}\n"                                                       \
                         "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                      \
    }

/* Any number of pairs of taps, whose pointers stay in the job. */
#define TINYC_MVE_DEFINE_DEPTHWISE_MANY(name, finish)                                                                            \
    TINYC_MVE_NAKED void name(TINYC_MVE_ARGUMENT tinyc_mve_depthwise *job)                                                     \
    {                                                                                                                          \
        __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                       \
                         "vpush {d8, d9, d10, d11, d12, d13, d14, d15}\n"                                                      \
                         "mov r12, r0\n"                                                                                       \
                         "ldr r10, [r12]\n"                                                                                    \
                         "add r6, r12, #36\n"                                                                                  \
                         "ldr r7, [r12, #24]\n"                                                                                \
                         "1:\n"                                                                                                \
                         "ldrd r9, lr, [r12, #4]\n"                                                                            \
                         "ldr r11, [r12, #12]\n"                                                                               \
                         "ldr r5, [r12, #32]\n"                                                                                \
                         "mov r4, #0\n"                                                                                        \
                         "dlstp.8 lr, lr\n"                                                                                    \
                         "2:\n" TINYC_MVE_DEPTHWISE_BIASES                                                                     \
                         "mov r2, r6\n"                                                                                        \
                         "mov r3, r7\n"                                                                                        \
                         "3:\n"                                                                                                \
                         "ldrd r0, r1, [r2], #8\n"                                                                             \
                         "add r0, r0, r4\n"                                                                                    \
                         "add r1, r1, r4\n" TINYC_MVE_DEPTHWISE_TWO("r0", "r1")                                                \
                         "subs r3, r3, #1\n"                                                                                   \
                         "bne.w 3b\n"                                                                                          \
                         "add r4, r4, #16\n" finish                                                                            \
                         "vctp.8 r5\n"                                                                                         \
                         "vpst\n"                                                                                              \
                         "vstrbt.8 q0, [r10], #16\n"                                                                           \
                         "sub r5, r5, #16\n"                                                                                   \
                         "letp lr, 2b\n"                                                                                       \
                         "ldrd r9, r11, [r12, #16]\n"                                                                          \
                         "add r10, r10, r9\n"                                                                                  \
                         "add r11, r11, r4\n"                                                                                  \
                         "mov r2, r6\n"                                                                                        \
                         "lsl r3, r7, #1\n"                                                                                    \
                         "dlstp.32 lr, r3\n"                                                                                   \
                         "4:\n"                                                                                                \
                         "vldrw.u32 q0, [r2]\n"                                                                                \
                         "vadd.i32 q0, q0, r11\n"                                                                              \
                         "vstrw.32 q0, [r2], #16\n"                                                                            \
                         "letp lr, 4b\n"                                                                                       \
                         "ldr r9, [r12, #28]\n"                                                                                \
                         "subs r9, r9, #1\n"                                                                                   \
                         "str r9, [r12, #28]\n"                                                                                \
                         "bne.w 1b\n"                                                                                          \
                         "vpop {d8, d9, d10, d11, d12, d13, d14, d15}\n"                                                       \
                         "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                      \
    }

#define TINYC_MVE_DEFINE_DEPTHWISE(halves, finish)                                                                             \
    TINYC_MVE_DEFINE_DEPTHWISE_NINE(tinyc_mve_depthwise_blocks_nine_##halves, finish)                                                 \
    TINYC_MVE_DEFINE_DEPTHWISE_MANY(tinyc_mve_depthwise_blocks_many_##halves, finish)

TINYC_MVE_DEFINE_DEPTHWISE(relu, TINYC_MVE_DEPTHWISE_FINISH(TINYC_MVE_RELU))
TINYC_MVE_DEFINE_DEPTHWISE(ties, TINYC_MVE_DEPTHWISE_FINISH(TINYC_MVE_TIES))
TINYC_MVE_DEFINE_DEPTHWISE(any, TINYC_MVE_DEPTHWISE_FINISH_ANY)

#else

/* Channel `c` of sixteen among the words of the stream. */
TINYC_INLINE int32_t tinyc_mve_depthwise_place(int32_t c) { return ((c & 1) * 2 + (c >> 1 & 1)) * 4 + (c >> 2); }

TINYC_INLINE int16_t tinyc_mve_product16(int32_t a, int32_t b)
{
    const int32_t sum = a + b;
    return (int16_t)(sum < INT16_MIN ? sum + 0x10000 : sum > INT16_MAX ? sum - 0x10000 : sum);
}

TINYC_INLINE int8_t tinyc_mve_depthwise_channel(const tinyc_mve_depthwise *job, int32_t c, int32_t taps, int32_t halves)
{
    const int32_t block_bytes = 4 * (TINYC_MVE_BLOCK + tinyc_mve_constants(halves)) + TINYC_MVE_BLOCK * taps;
    const int8_t *block = job->stream + c / TINYC_MVE_BLOCK * block_bytes;
    const int8_t *weights = block + 4 * TINYC_MVE_BLOCK + c % TINYC_MVE_BLOCK;
    const int32_t place = tinyc_mve_depthwise_place(c % TINYC_MVE_BLOCK);
    const int32_t *constants = (const int32_t *)(const void *)(block + 4 * TINYC_MVE_BLOCK + TINYC_MVE_BLOCK * taps);
    int32_t sum = ((const int32_t *)(const void *)block)[place];
    for (int32_t i = 0; i < taps; i += 2) {
        const int32_t a = job->taps[i][c] * weights[TINYC_MVE_BLOCK * i];
        const int32_t b = i + 1 < taps ? job->taps[i + 1][c] * weights[TINYC_MVE_BLOCK * (i + 1)] : 0;
        sum = (int32_t)((uint32_t)sum + (uint32_t)tinyc_mve_product16(a, b));
    }
    return tinyc_mve_requantize_by(sum, constants + place, job->zero_point, halves);
}

TINYC_INLINE void tinyc_mve_depthwise_c(tinyc_mve_depthwise *job, int32_t taps, int32_t halves)
{
    const int32_t vectors = (job->channels + 15) & ~15;
    for (; job->count > 0; --job->count) {
        for (int32_t c = 0; c < job->stored; ++c) {
            job->out[c] = tinyc_mve_depthwise_channel(job, c, taps, halves);
        }
        job->out += vectors + job->out_gap;
        for (int32_t i = 0; i < taps && job->count > 1; ++i) {
            job->taps[i] += vectors + job->in_gap;
        }
    }
}

#define TINYC_MVE_DEFINE_DEPTHWISE(name, halves)                                                                               \
    TINYC_SHARED void tinyc_mve_depthwise_blocks_nine_##name(tinyc_mve_depthwise *job) { tinyc_mve_depthwise_c(job, 9, halves); }     \
    TINYC_SHARED void tinyc_mve_depthwise_blocks_many_##name(tinyc_mve_depthwise *job) { tinyc_mve_depthwise_c(job, 2 * job->pairs, halves); }

TINYC_MVE_DEFINE_DEPTHWISE(relu, TINYC_MVE_RELU_HALVES)
TINYC_MVE_DEFINE_DEPTHWISE(ties, TINYC_MVE_TIES_HALVES)
TINYC_MVE_DEFINE_DEPTHWISE(any, TINYC_MVE_ANY_HALVES)

#endif

typedef void tinyc_mve_depthwise_block(tinyc_mve_depthwise *job);

/* The inner blocks of one layer, chosen where its constants are known. */
TINYC_INLINE tinyc_mve_depthwise_block *tinyc_mve_depthwise_choice(const tinyc_depthwise_conv2d_s8_mve *p)
{
    if (p->taps == 9) {
        return p->halves == TINYC_MVE_RELU_HALVES   ? tinyc_mve_depthwise_blocks_nine_relu
               : p->halves == TINYC_MVE_TIES_HALVES ? tinyc_mve_depthwise_blocks_nine_ties
                                                    : tinyc_mve_depthwise_blocks_nine_any;
    }
    return p->halves == TINYC_MVE_RELU_HALVES   ? tinyc_mve_depthwise_blocks_many_relu
           : p->halves == TINYC_MVE_TIES_HALVES ? tinyc_mve_depthwise_blocks_many_ties
                                                : tinyc_mve_depthwise_blocks_many_any;
}

/* `count` output pixels with `channels` channels each, `step` pixels apart, whose taps are in the job. */
TINYC_INLINE void tinyc_mve_depthwise_run(tinyc_mve_depthwise *job, int8_t *out, int32_t channels, int32_t step, int32_t count,
                                          const tinyc_depthwise_conv2d_s8_mve *p, tinyc_mve_depthwise_block *block)
{
    const int32_t vectors = (channels + 15) & ~15;
    job->out = out;
    job->channels = (channels + 3) & ~3;
    job->stored = channels;
    job->out_gap = step * p->out_stride - vectors;
    job->in_gap = step * p->column_stride * p->in_stride - vectors;
    job->count = count;
    block(job);
}

/* The taps of the window whose first column is `left`; the rows are at column `origin`. */
TINYC_INLINE void tinyc_mve_depthwise_taps(tinyc_mve_depthwise *job, const void *const *in, int32_t left, int32_t origin, int inside,
                                           const tinyc_depthwise_conv2d_s8_mve *p)
{
    const int8_t **tap = job->taps;
    for (int32_t y = 0; y < p->window_rows; ++y) {
        const int8_t *row = (const int8_t *)in[y * p->row_dilation];
        for (int32_t x = 0; x < p->window_columns; ++x) {
            const int32_t column = left + x * p->column_dilation;
            const int covered = inside || (column >= 0 && column < p->in_columns);
            *tap++ = covered ? row + (column - origin) * p->in_stride : p->outside;
        }
    }
    if (tap != job->taps + p->taps) {
        *tap = tap[-1];
    }
}

TINYC_SHARED void tinyc_mve_depthwise_row(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_conv2d_s8_mve *p,
                                          tinyc_mve_depthwise_block *block)
{
    const int32_t start = x0 * p->column_stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    const int32_t reach = (p->window_columns - 1) * p->column_dilation;
    tinyc_mve_depthwise job;
    job.stream = (const int8_t *)p->stream;
    job.zero_point = p->out_zero_point;
    job.pairs = p->taps >> 1;
    int32_t left = start;
    for (int32_t x = x0; x < x1;) {
        int32_t inside = (p->in_columns - reach - left + p->column_stride - 1) / p->column_stride;
        inside = left < 0 ? 0 : inside < x1 - x ? inside : x1 - x;
        tinyc_mve_depthwise_taps(&job, in, left, origin, inside > 0, p);
        int32_t count = inside > 0 ? inside : 1;
        if (p->merged > 1 && inside >= p->merged) {
            count = inside / p->merged;
            tinyc_mve_depthwise_run(&job, out, p->merged * p->channels, p->merged, count, p, block);
            count *= p->merged;
        } else {
            tinyc_mve_depthwise_run(&job, out, p->channels, 1, count, p, block);
        }
        x += count;
        left += count * p->column_stride;
        out += count * p->out_stride;
    }
}

TINYC_INLINE void depthwise_conv2d_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_conv2d_s8_mve *p)
{
    tinyc_mve_depthwise_row((int8_t *)out, in, x0, x1, p, tinyc_mve_depthwise_choice(p));
    tinyc_mve_activate((int8_t *)out, x1 - x0, p->channels, p->out_stride, p->least, p->most);
}

#endif
