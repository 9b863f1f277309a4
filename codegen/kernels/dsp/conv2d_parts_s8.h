/* int8 convolution on Armv7E-M in less scratch: the windows of two output pixels are widened and multiplied a part at a time.
 *
 * A part is a row of the window, or one tap.  Between two parts the sums of all output channels wait in scratch: a block of four
 * channels loads them with one LDM, adds the steps of the part as matmul_s8.h does, and stores them with one STM.  Weights and constants
 * are those of whole windows, so that a part skips from block to block.  Channels come in fours.
 */
#ifndef TINYC_DSP_CONV2D_PARTS_S8_H
#define TINYC_DSP_CONV2D_PARTS_S8_H

#include "dsp/conv2d_s8.h"

/* A widened part of two windows times all blocks. */
typedef struct {
    const uint32_t *acts;
    int32_t *sums;        /* eight a block */
    int32_t weights_skip; /* bytes from the end of the part in one block to its start in the next */
    const int32_t *sums_end;
    const uint32_t *acts_end; /* after at least one step */
    uint32_t step_skip;       /* bytes of code, less 1: where the unrolled loop is entered */
    const int32_t *weights;
    int32_t is_first; /* sums start at zero */
} tinyc_part;

/* The sums, requantized; `constants` are those of the first block, `skip` the bytes from the end of one block's to the next. */
typedef void tinyc_store_blocks(const int32_t *sums, const int32_t *constants, int8_t *out_a, int8_t *out_b, int32_t skip,
                                const int32_t *sums_end);

enum { TINYC_BLOCK_SUMS = 8 };

#if TINYC_HAS_DSP

/* Stack: 0 acts, 4 sums, 8 weights_skip, 12 sums_end, 16 acts_end, 20 entry. */
TINYC_NAKED void tinyc_add_part(TINYC_ARGUMENT const tinyc_part *job)
{
    __asm__ volatile(
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
        "ldmia.w r0, {r0, r1, r2, r3, r4, r5, r6, r7}\n"
        "adr.w r8, 3f\n"
        "sub r5, r8, r5\n"
        "push {r0, r1, r2, r3, r4, r5}\n"
        "mov r2, r1\n"
        "mov r1, r6\n"
        "cbz r7, 1f\n"
        "mov r4, #0\n"
        "mov r5, #0\n"
        "mov r6, #0\n"
        "mov r7, #0\n"
        "mov r8, #0\n"
        "mov r9, #0\n"
        "mov r10, #0\n"
        "mov r11, #0\n"
        "4:\n"
        "stmia.w r2!, {r4, r5, r6, r7, r8, r9, r10, r11}\n"
        "cmp r2, r3\n"
        "bne 4b\n"
        "ldr r2, [sp, #4]\n"
        "1:\n"
        "ldmia.w r2, {r4, r5, r6, r7, r8, r9, r10, r11}\n"
        "ldr.w pc, [sp, #20]\n"
        "2:\n"
        TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP
        TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP
        "3:\n"
        "ldr r2, [sp, #16]\n"
        "cmp r0, r2\n"
        "bne.w 2b\n"
        "ldmia.w sp, {r0, r2, r3, r12}\n"
        "stmia.w r2!, {r4, r5, r6, r7, r8, r9, r10, r11}\n"
        "str r2, [sp, #4]\n"
        "add r1, r1, r3\n"
        "cmp r2, r12\n"
        "bne.w 1b\n"
        "add sp, sp, #24\n"
        "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

/* Sums as in matmul_s8.h.  Stack: 0 sums, 4 out_a, 8 out_b, 48 skip, 52 sums_end. */
#define TINYC_DEFINE_STORE_BLOCKS(name, high_mul)                                                                              \
    TINYC_NAKED void name(TINYC_ARGUMENT const int32_t *sums, TINYC_ARGUMENT const int32_t *constants,                         \
                          TINYC_ARGUMENT int8_t *out_a, TINYC_ARGUMENT int8_t *out_b, TINYC_ARGUMENT int32_t skip,             \
                          TINYC_ARGUMENT const int32_t *sums_end)                                                              \
    {                                                                                                                          \
        __asm__ volatile(                                                                                                      \
            "push {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                        \
            "1:\n"                                                                                                             \
            "ldmia.w r0!, {r4, r5, r6, r7, r8, r9, r10, r11}\n"                                                                \
            "str r0, [sp]\n"                                                                                                   \
            "sub r4, r4, r6\n"                                                                                                 \
            "sub r5, r5, r7\n"                                                                                                 \
            "sub r8, r8, r10\n"                                                                                                \
            "sub r9, r9, r11\n"                                                                                                \
            TINYC_REQUANTIZE_PAIR(TINYC_READY, high_mul, "r6", "r7", "lsl #1")                                                 \
            TINYC_REQUANTIZE_PAIR(TINYC_READY, high_mul, "r4", "r5", "asr #7")                                                 \
            TINYC_REQUANTIZE_PAIR(TINYC_READY, high_mul, "r10", "r11", "lsl #1")                                               \
            TINYC_REQUANTIZE_PAIR(TINYC_READY, high_mul, "r8", "r9", "asr #7")                                                 \
            "ldmia.w sp, {r0, r2, r3}\n"                                                                                       \
            "strb r6, [r2], #1\n"                                                                                              \
            "strb r4, [r2], #1\n"                                                                                              \
            "strb r10, [r2], #1\n"                                                                                             \
            "strb r8, [r2], #1\n"                                                                                              \
            "strb r7, [r3], #1\n"                                                                                              \
            "strb r5, [r3], #1\n"                                                                                              \
            "strb r11, [r3], #1\n"                                                                                             \
            "strb r9, [r3], #1\n"                                                                                              \
            "strd r2, r3, [sp, #4]\n"                                                                                          \
            "ldrd r2, r3, [sp, #48]\n"                                                                                         \
            "add r1, r1, r2\n"                                                                                                 \
            "cmp r0, r3\n"                                                                                                     \
            "bne.w 1b\n"                                                                                                       \
            "pop {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                       \
    }

TINYC_DEFINE_STORE_BLOCKS(tinyc_store_blocks_ties, TINYC_TIES)
TINYC_DEFINE_STORE_BLOCKS(tinyc_store_blocks_relu, TINYC_RELU)

#else

/* Four sums of a, then four of b. */
TINYC_SHARED void tinyc_add_part(const tinyc_part *job)
{
    const int32_t *weights = job->weights;
    for (int32_t *sums = job->sums; sums != job->sums_end; sums += TINYC_BLOCK_SUMS) {
        for (int i = 0; i < TINYC_BLOCK_SUMS && job->is_first; ++i) {
            sums[i] = 0;
        }
        for (const uint32_t *acts = job->acts; acts != job->acts_end; acts += 2) {
            (void)tinyc_step_1x4(sums, acts[0], weights);
            weights = tinyc_step_1x4(sums + 4, acts[1], weights);
        }
        weights += job->weights_skip / (int32_t)sizeof *weights;
    }
}

TINYC_INLINE void tinyc_store_blocks_c(const int32_t *sums, const int32_t *constants, int8_t *out_a, int8_t *out_b, int32_t skip,
                                       const int32_t *sums_end, int32_t ties)
{
    const tinyc_form form = {TINYC_REQUANTIZATION_WORDS, ties, 0};
    for (; sums != sums_end; sums += TINYC_BLOCK_SUMS, out_a += 4, out_b += 4) {
        (void)tinyc_store_1x4(out_a, sums, constants, &form);
        constants = tinyc_store_1x4(out_b, sums + 4, constants, &form) + skip / (int32_t)sizeof *constants;
    }
}

#define TINYC_DEFINE_STORE_BLOCKS(suffix, ties)                                                                                \
    TINYC_SHARED void tinyc_store_blocks_##suffix(const int32_t *sums, const int32_t *constants, int8_t *out_a, int8_t *out_b, \
                                                int32_t skip, const int32_t *sums_end)                                         \
    {                                                                                                                          \
        tinyc_store_blocks_c(sums, constants, out_a, out_b, skip, sums_end, ties);                                             \
    }

TINYC_DEFINE_STORE_BLOCKS(ties, 1)
TINYC_DEFINE_STORE_BLOCKS(relu, 0)

#endif

/* A part of `steps` steps of each window; the caller sets which, and where its sums are. */
TINYC_INLINE void tinyc_set_steps(tinyc_part *part, uint32_t *acts, int32_t steps, const tinyc_products_s8_dsp *p)
{
    part->acts = acts;
    part->acts_end = acts + 2 * steps;
    part->weights_skip = 8 * (p->steps - steps) + 4 * 4 * TINYC_REQUANTIZATION_WORDS;
    part->step_skip = TINYC_PAIR_STEP_BYTES * (((uint32_t)(steps - 1) & 7u) + 1u) - 1u;
}

/* `columns` taps of one row of two windows, of which the first are at input columns `left_a` and `left_b`; any may be outside. */
TINYC_SHARED void tinyc_widen_border(uint32_t *to, const int8_t *row, int32_t left_a, int32_t left_b, int32_t origin, int32_t columns,
                                     const tinyc_conv2d_s8_dsp *p)
{
    if (row == NULL) {
        (void)tinyc_widen_outside(to, columns * p->products.in_channels, p->in_zero_point);
        return;
    }
    for (int32_t j = 0; j < columns; ++j) {
        const int8_t *a = tinyc_tap(row, left_a + j * p->dilation, origin, p);
        const int8_t *b = tinyc_tap(row, left_b + j * p->dilation, origin, p);
        to = tinyc_widen_pair(to, a, b, p->products.in_channels);
    }
}

/* The sums of two windows, of which the first columns are `left_a` and `left_b`, in parts of `columns` taps. */
TINYC_INLINE void tinyc_add_parts(tinyc_part *part, uint32_t *acts, const void *const *in, int32_t left_a, int32_t left_b, int32_t origin,
                                  int32_t columns, const tinyc_conv2d_s8_dsp *p)
{
    const int32_t inside = left_a >= 0 && left_b + (p->kernel_columns - 1) * p->dilation < p->in_columns;
    const int32_t is_run = inside && (columns == 1 || p->runs == 1);
    const int32_t bytes = columns * p->products.in_channels;
    part->weights = p->products.weights;
    part->is_first = 1;
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        for (int32_t j = 0; j < p->kernel_columns; j += columns) {
            const int32_t a = left_a + j * p->dilation, b = left_b + j * p->dilation;
            if (is_run && row != NULL) {
                const int8_t *first = row + (a - origin) * p->products.in_stride;
                (void)tinyc_widen_pair(acts, first, first + (b - a) * p->products.in_stride, bytes);
            } else {
                tinyc_widen_border(acts, row, a, b, origin, columns, p);
            }
            tinyc_add_part(part);
            part->weights += bytes; /* a word a channel and two inputs */
            part->is_first = 0;
        }
    }
}

/* Pairs of pixels. */
TINYC_SHARED void tinyc_conv2d_parts(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                     int32_t *scratch, int32_t columns, tinyc_store_blocks *store, tinyc_window_blocks *window)
{
    const int32_t steps = columns * p->products.in_channels / 2;
    const int32_t start = x0 * p->stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    int32_t *sums_end = scratch + 2 * p->products.out_channels;
    uint32_t *acts = (uint32_t *)sums_end;
    tinyc_part part;
    tinyc_set_steps(&part, acts, steps, &p->products);
    part.sums = scratch;
    part.sums_end = sums_end;
    int32_t left = start;
    for (int32_t count = x1 - x0; count > 1; count -= 2) {
        tinyc_add_parts(&part, acts, in, left, left + p->stride, origin, columns, p);
        store(scratch, part.weights, out, out + p->products.out_stride, 8 * p->products.steps, sums_end);
        if (!tinyc_is_whole(&p->products)) {
            tinyc_clamp_pixel(out, &p->products);
            tinyc_clamp_pixel(out + p->products.out_stride, &p->products);
        }
        out += 2 * p->products.out_stride;
        left += 2 * p->stride;
    }
    if (((x1 - x0) & 1) != 0) {
        tinyc_window last;
        (void)tinyc_set_window(&last, (tinyc_run *)(void *)scratch, in, left, origin, p);
        tinyc_multiply_window(out, &last, &p->products, TINYC_REQUANTIZATION_WORDS, window);
    }
}

/* One copy of the code for all layers: a row of the window at a time, and a tap. */
#define TINYC_DEFINE_PARTS(name, columns, ties)                                                                                \
    TINYC_INLINE void name(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)\
    {                                                                                                                          \
        tinyc_conv2d_parts((int8_t *)out, in, x0, x1, p, (int32_t *)scratch, columns, tinyc_store_blocks_##ties,               \
                           tinyc_window_blocks_##ties);                                                                        \
    }

TINYC_DEFINE_PARTS(conv2d_by_rows_s8__dsp, p->kernel_columns, ties)
TINYC_DEFINE_PARTS(conv2d_by_rows_s8__dsp_relu, p->kernel_columns, relu)
TINYC_DEFINE_PARTS(conv2d_by_taps_s8__dsp, 1, ties)
TINYC_DEFINE_PARTS(conv2d_by_taps_s8__dsp_relu, 1, relu)

#endif
