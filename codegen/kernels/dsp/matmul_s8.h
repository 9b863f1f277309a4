/* The inner blocks of convolutions and dense layers: a few pixels times a few output channels, requantized.
 *
 * Weights are packed in pairs of channels, "dual": an int16 lane holds 256 * w1 + w0, a word the lanes of two inputs.  SMLAD with the word
 * gives 256 * S1 + S0, SMLAD with its SXTB16 gives S0, and S1 is the difference over 256: exact while |S1| < 2^23, whatever wraps in
 * between (packing.py checks the actual weights).  Every block of channels is followed by its requantization constants {2 * bias,
 * multiplier, offset, shift}, so that one pointer reads the whole layer.  See requantize.h for the five instructions that use them; the
 * `relu` variants leave out the tie correction, which cannot show where nothing below the zero point survives.
 *
 * The `compact` variants have half as many constants: {2 * bias << 5 | shift, multiplier}.  The offset is `zero` << shift >> 1, where `zero`
 * is twice the output's zero point and 1; it is the first word of a layer's constants.
 *
 * The blocks are assembly because gcc spills: all fourteen registers are in use.  Loops are unrolled eight or four times and entered at
 * `entry`, so that any count runs without a remainder loop.
 */
#ifndef TINYC_DSP_MATMUL_S8_H
#define TINYC_DSP_MATMUL_S8_H

#include "dsp/dsp.h"
#include "requantize.h"

/* Pairs of pixels times blocks of four channels.  Windows are widened into `acts` first: a step is two inputs, a word {pixel a} and a
 * word {pixel b}.  Where rows == rows_end they have been. */
typedef struct {
    uint32_t *acts;
    const void *const *rows_end;
    int32_t row_step;        /* bytes from one used row pointer to the next */
    const void *const *rows; /* null pointers are rows outside */
    int32_t offset;          /* bytes from a row pointer to the window of a; a row of it is adjacent bytes, a multiple of four */
    int32_t pixel_step;      /* bytes from the window of a to that of b, and on to the next a */
    int32_t run_bytes;       /* of acts, for one row of the window */
    int8_t *out_a;
    int8_t *out_b;
    int32_t out_gap;    /* from the end of b's whole blocks to the next a */
    int32_t out_stride; /* from a to b */
    const int32_t *weights;
    const int32_t *weights_end; /* after whole blocks, at least one */
    const uint32_t *acts_end;   /* after at least one step */
    uint32_t step_skip;         /* bytes of code, less 1: where the unrolled loops are entered; in compact blocks the low half, then `zero` */
    uint32_t group_skip;
    int32_t count;    /* pairs, at least one */
    uint32_t outside; /* two zero points */
} tinyc_pairs;

typedef void tinyc_pair_blocks(const tinyc_pairs *job);

/* One vector of bytes: blocks of eight channels of dual words, or ("plain") of four channels of bytes as they are, which any weights
 * allow.  `acts_end` is after the whole groups of four; `tail` has the last one to three bytes. */
typedef void tinyc_vector_blocks(const int8_t *acts, const int32_t *weights, int8_t *out, const int32_t *weights_end, const int8_t *acts_end,
                                 uint32_t skip, uint32_t tail, uint32_t has_tail);
typedef void tinyc_compact_vector_blocks(const int8_t *acts, const int32_t *weights, int8_t *out, const int32_t *weights_end,
                                         const int8_t *acts_end, uint32_t skip, uint32_t tail, uint32_t has_tail, int32_t zero);

enum {
    TINYC_PAIR_STEP_BYTES = 48, /* of code */
    TINYC_WIDEN_GROUP_BYTES = 28,
    TINYC_VECTOR_GROUP_BYTES = 124,
    TINYC_PLAIN_GROUP_BYTES = 80,
    TINYC_REQUANTIZATION_WORDS = 4,
    TINYC_COMPACT_WORDS = 2
};

/* The blocks of a layer, which follow its `zero` where constants are compact. */
TINYC_INLINE const int32_t *tinyc_first_block(const int32_t *weights, int32_t words)
{
    return weights + (words == TINYC_COMPACT_WORDS);
}

/* Windows of `steps` steps that are widened already; the caller sets where the output goes. */
TINYC_SHARED void tinyc_make_pairs(tinyc_pairs *job, uint32_t *acts, int32_t steps, const int32_t *weights, const int32_t *weights_end)
{
    job->acts = acts;
    job->rows_end = NULL;
    job->row_step = 0;
    job->rows = NULL;
    job->offset = 0;
    job->pixel_step = 0;
    job->run_bytes = 0;
    job->out_gap = 0;
    job->out_stride = 0;
    job->weights = weights;
    job->weights_end = weights_end;
    job->acts_end = acts + 2 * steps;
    job->step_skip = TINYC_PAIR_STEP_BYTES * ((uint32_t)(steps - 1) & 7u) - 1u;
    job->group_skip = 0;
    job->count = 1;
    job->outside = 0;
}

#if TINYC_HAS_DSP

/* acts r0, weights r1, pixels r2 r3, weights r12 lr; sums: channels 01 r4 r5 and 0 r6 r7, channels 23 r8 r9 and 2 r10 r11 (a, b). */
#define TINYC_PAIR_FIRST                                                                                                       \
    "ldmia.w r0!, {r2, r3}\n"                                                                                                  \
    "ldmia.w r1!, {r12, lr}\n"                                                                                                 \
    "smuad r4, r12, r2\n"                                                                                                      \
    "smuad r5, r12, r3\n"                                                                                                      \
    "sxtb16 r12, r12\n"                                                                                                        \
    "smuad r6, r12, r2\n"                                                                                                      \
    "smuad r7, r12, r3\n"                                                                                                      \
    "smuad r8, lr, r2\n"                                                                                                       \
    "smuad r9, lr, r3\n"                                                                                                       \
    "sxtb16 lr, lr\n"                                                                                                          \
    "smuad r10, lr, r2\n"                                                                                                      \
    "smuad r11, lr, r3\n"

#define TINYC_PAIR_STEP                                                                                                        \
    "ldmia.w r0!, {r2, r3}\n"                                                                                                  \
    "ldmia.w r1!, {r12, lr}\n"                                                                                                 \
    "smlad r4, r12, r2, r4\n"                                                                                                  \
    "smlad r5, r12, r3, r5\n"                                                                                                  \
    "sxtb16 r12, r12\n"                                                                                                        \
    "smlad r6, r12, r2, r6\n"                                                                                                  \
    "smlad r7, r12, r3, r7\n"                                                                                                  \
    "smlad r8, lr, r2, r8\n"                                                                                                   \
    "smlad r9, lr, r3, r9\n"                                                                                                   \
    "sxtb16 lr, lr\n"                                                                                                          \
    "smlad r10, lr, r2, r10\n"                                                                                                 \
    "smlad r11, lr, r3, r11\n"

/* Constants {r0 r2 r3 r12}; the sum is doubled by `doubling` as it is read. */
#define TINYC_TIES(sum)                                                                                                        \
    "add lr, r3, " sum ", asr #31\n"                                                                                           \
    "smmlar " sum ", " sum ", r2, lr\n"
#define TINYC_RELU(sum) "smmlar " sum ", " sum ", r2, r3\n"

#define TINYC_REQUANTIZE(high_mul, sum, doubling)                                                                              \
    "add " sum ", r0, " sum ", " doubling "\n"                                                                                 \
    high_mul(sum)                                                                                                              \
    "asr " sum ", " sum ", r12\n"                                                                                              \
    "ssat " sum ", #8, " sum "\n"

/* Constants as the instructions use them, or from their compact form, where `zero` is at `sp`. */
#define TINYC_READY(zero) "ldmia.w r1!, {r0, r2, r3, r12}\n"
#define TINYC_COMPACT(zero)                                                                                                    \
    "ldmia.w r1!, {r0, r2}\n"                                                                                                  \
    "ldrsh.w r3, [sp, #" zero "]\n"                                                                                            \
    "and r12, r0, #31\n"                                                                                                       \
    "asr r0, r0, #5\n"                                                                                                         \
    "lsl r3, r3, r12\n"                                                                                                        \
    "asr r3, r3, #1\n"

#define TINYC_REQUANTIZE_PAIR(constants, high_mul, a, b, doubling)                                                             \
    constants("70")                                                                                                            \
    TINYC_REQUANTIZE(high_mul, a, doubling)                                                                                    \
    TINYC_REQUANTIZE(high_mul, b, doubling)

#define TINYC_WIDEN_GROUP                                                                                                      \
    "ldr.w r11, [r2], #4\n"                                                                                                    \
    "ldr.w r12, [r3], #4\n"                                                                                                    \
    "sxtb16 r9, r11\n"                                                                                                         \
    "sxtb16 r10, r12\n"                                                                                                        \
    "sxtb16 r11, r11, ror #8\n"                                                                                                \
    "sxtb16 r12, r12, ror #8\n"                                                                                                \
    "stmia.w r0!, {r9, r10, r11, r12}\n"

/* `step_skip` alone, or with `zero`, which takes the place of one of the zero points outside. */
#define TINYC_READY_STEP
#define TINYC_COMPACT_STEP                                                                                                     \
    "pkhtb r7, r4, r7\n"                                                                                                       \
    "sxth r4, r4\n"
#define TINYC_READY_OUTSIDE
#define TINYC_COMPACT_OUTSIDE "pkhbt r9, r9, r9, lsl #16\n"

/* The stack holds a copy of the job, skips replaced by addresses.  Widening: to r0, rows_end r1, a r2, b r3, row_step r4, rows r5,
 * offset r6, pixel_step r7, run_bytes r8, the run's end lr. */
#define TINYC_DEFINE_PAIR_BLOCKS(name, constants, high_mul)                                                                    \
    TINYC_NAKED void name(TINYC_ARGUMENT const tinyc_pairs *job)                                                               \
    {                                                                                                                          \
        __asm__ volatile(                                                                                                      \
            "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                                    \
            "sub sp, sp, #72\n"                                                                                                \
            "ldmia.w r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n"                                                    \
            "stmia.w sp, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}\n"                                                     \
            "ldmia.w r0, {r1, r2, r3, r4, r5, r6, r7}\n"                                                                       \
            constants##_STEP                                                                                                   \
            "adr.w r8, 3f\n"                                                                                                   \
            "sub r4, r8, r4\n"                                                                                                 \
            "adr.w r8, 8f\n"                                                                                                   \
            "sub r5, r8, r5\n"                                                                                                 \
            "add r8, sp, #44\n"                                                                                                \
            "stmia.w r8, {r1, r2, r3, r4, r5, r6, r7}\n"                                                                       \
            "4:\n"                                                                                                             \
            "ldmia.w sp, {r0, r1, r4, r5, r6, r7, r8}\n"                                                                       \
            "add r9, r6, r7, lsl #1\n"                                                                                         \
            "str r9, [sp, #16]\n"                                                                                              \
            "cmp r5, r1\n"                                                                                                     \
            "beq 9f\n"                                                                                                         \
            "5:\n"                                                                                                             \
            "ldr r2, [r5]\n"                                                                                                   \
            "add r5, r5, r4\n"                                                                                                 \
            "add lr, r0, r8\n"                                                                                                 \
            "cbnz r2, 7f\n"                                                                                                    \
            "ldr r9, [sp, #68]\n"                                                                                              \
            constants##_OUTSIDE                                                                                                \
            "6:\n"                                                                                                             \
            "str r9, [r0], #4\n"                                                                                               \
            "cmp r0, lr\n"                                                                                                     \
            "bne 6b\n"                                                                                                         \
            "b 8f\n"                                                                                                           \
            "7:\n"                                                                                                             \
            "add r2, r2, r6\n"                                                                                                 \
            "add r3, r2, r7\n"                                                                                                 \
            "ldr.w pc, [sp, #60]\n"                                                                                            \
            "0:\n"                                                                                                             \
            TINYC_WIDEN_GROUP TINYC_WIDEN_GROUP TINYC_WIDEN_GROUP TINYC_WIDEN_GROUP                                            \
            "8:\n"                                                                                                             \
            "cmp r0, lr\n"                                                                                                     \
            "bne 0b\n"                                                                                                         \
            "cmp r5, r1\n"                                                                                                     \
            "bne 5b\n"                                                                                                         \
            "9:\n"                                                                                                             \
            "ldr r1, [sp, #44]\n"                                                                                              \
            "1:\n"                                                                                                             \
            "ldr r0, [sp]\n"                                                                                                   \
            TINYC_PAIR_FIRST                                                                                                   \
            "ldr.w pc, [sp, #56]\n"                                                                                            \
            "2:\n"                                                                                                             \
            TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP                                                    \
            TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP TINYC_PAIR_STEP                                                    \
            "3:\n"                                                                                                             \
            "ldr r2, [sp, #52]\n"                                                                                              \
            "cmp r0, r2\n"                                                                                                     \
            "bne.w 2b\n"                                                                                                       \
            "sub r4, r4, r6\n"                                                                                                 \
            "sub r5, r5, r7\n"                                                                                                 \
            "sub r8, r8, r10\n"                                                                                                \
            "sub r9, r9, r11\n"                                                                                                \
            TINYC_REQUANTIZE_PAIR(constants, high_mul, "r6", "r7", "lsl #1")                                                   \
            TINYC_REQUANTIZE_PAIR(constants, high_mul, "r4", "r5", "asr #7")                                                   \
            TINYC_REQUANTIZE_PAIR(constants, high_mul, "r10", "r11", "lsl #1")                                                 \
            TINYC_REQUANTIZE_PAIR(constants, high_mul, "r8", "r9", "asr #7")                                                   \
            "ldrd r2, r3, [sp, #28]\n"                                                                                         \
            "strb r6, [r2], #1\n"                                                                                              \
            "strb r4, [r2], #1\n"                                                                                              \
            "strb r10, [r2], #1\n"                                                                                             \
            "strb r8, [r2], #1\n"                                                                                              \
            "strb r7, [r3], #1\n"                                                                                              \
            "strb r5, [r3], #1\n"                                                                                              \
            "strb r11, [r3], #1\n"                                                                                             \
            "strb r9, [r3], #1\n"                                                                                              \
            "strd r2, r3, [sp, #28]\n"                                                                                         \
            "ldr r0, [sp, #48]\n"                                                                                              \
            "cmp r1, r0\n"                                                                                                     \
            "bne.w 1b\n"                                                                                                       \
            "ldr r4, [sp, #64]\n"                                                                                              \
            "subs r4, r4, #1\n"                                                                                                \
            "beq 6f\n"                                                                                                         \
            "ldrd r5, r6, [sp, #36]\n"                                                                                         \
            "str r4, [sp, #64]\n"                                                                                              \
            "add r2, r3, r5\n"                                                                                                 \
            "add r3, r2, r6\n"                                                                                                 \
            "strd r2, r3, [sp, #28]\n"                                                                                         \
            "b.w 4b\n"                                                                                                         \
            "6:\n"                                                                                                             \
            "add sp, sp, #72\n"                                                                                                \
            "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                                   \
    }

TINYC_DEFINE_PAIR_BLOCKS(tinyc_pair_blocks_ties, TINYC_READY, TINYC_TIES)
TINYC_DEFINE_PAIR_BLOCKS(tinyc_pair_blocks_relu, TINYC_READY, TINYC_RELU)
TINYC_DEFINE_PAIR_BLOCKS(tinyc_compact_pair_blocks_ties, TINYC_COMPACT, TINYC_TIES)
TINYC_DEFINE_PAIR_BLOCKS(tinyc_compact_pair_blocks_relu, TINYC_COMPACT, TINYC_RELU)

/* acts r0, weights r1, inputs r2 (even) r3 (odd), weights r12 lr; sums of channels 01 r4, 0 r5, 23 r6, 2 r7, 45 r8, 4 r9, 67 r10, 6 r11. */
#define TINYC_VECTOR_HALF(inputs)                                                                                              \
    "ldmia.w r1!, {r12, lr}\n"                                                                                                 \
    "smlad r4, r12, " inputs ", r4\n"                                                                                          \
    "sxtb16 r12, r12\n"                                                                                                        \
    "smlad r5, r12, " inputs ", r5\n"                                                                                          \
    "smlad r6, lr, " inputs ", r6\n"                                                                                           \
    "sxtb16 lr, lr\n"                                                                                                          \
    "smlad r7, lr, " inputs ", r7\n"                                                                                           \
    "ldmia.w r1!, {r12, lr}\n"                                                                                                 \
    "smlad r8, r12, " inputs ", r8\n"                                                                                          \
    "sxtb16 r12, r12\n"                                                                                                        \
    "smlad r9, r12, " inputs ", r9\n"                                                                                          \
    "smlad r10, lr, " inputs ", r10\n"                                                                                         \
    "sxtb16 lr, lr\n"                                                                                                          \
    "smlad r11, lr, " inputs ", r11\n"

#define TINYC_VECTOR_GROUP(load)                                                                                               \
    load                                                                                                                       \
    "sxtb16 r2, r3\n"                                                                                                          \
    "sxtb16 r3, r3, ror #8\n"                                                                                                  \
    TINYC_VECTOR_HALF("r2")                                                                                                    \
    TINYC_VECTOR_HALF("r3")

#define TINYC_VECTOR_LOAD "ldr.w r3, [r0], #4\n"

#define TINYC_REQUANTIZE_VECTOR(constants, high_mul, sum, doubling)                                                            \
    constants("64")                                                                                                            \
    TINYC_REQUANTIZE(high_mul, sum, doubling)                                                                                  \
    "strb " sum ", [lr], #1\n"

/* The offset's register is not needed again, so the tie correction may take it. */
#define TINYC_VECTOR_TIES(sum)                                                                                                 \
    "add r3, r3, " sum ", asr #31\n"                                                                                           \
    "smmlar " sum ", " sum ", r2, r3\n"

/* acts r0, weights r1, inputs r2 (even) r3 (odd), weights r8 .. r11, a product's weights r12; sums r4 .. r7. */
#define TINYC_PLAIN_CHANNEL(sum, weights)                                                                                      \
    "sxtb16 r12, "   weights "\n"                                                                                              \
    "smlad " sum ", r12, r2, " sum "\n"                                                                                        \
    "sxtb16 r12, "   weights ", ror #8\n"                                                                                      \
    "smlad " sum ", r12, r3, " sum "\n"

#define TINYC_PLAIN_GROUP(load)                                                                                                \
    load                                                                                                                       \
    "sxtb16 r2, r3\n"                                                                                                          \
    "sxtb16 r3, r3, ror #8\n"                                                                                                  \
    "ldmia.w r1!, {r8, r9, r10, r11}\n"                                                                                        \
    TINYC_PLAIN_CHANNEL("r4", "r8")                                                                                            \
    TINYC_PLAIN_CHANNEL("r5", "r9")                                                                                            \
    TINYC_PLAIN_CHANNEL("r6", "r10")                                                                                           \
    TINYC_PLAIN_CHANNEL("r7", "r11")

#define TINYC_VECTOR_SUMS                                                                                                      \
    "mov r4, #0\n"                                                                                                             \
    "mov r5, #0\n"                                                                                                             \
    "mov r6, #0\n"                                                                                                             \
    "mov r7, #0\n"                                                                                                             \
    "mov r8, #0\n"                                                                                                             \
    "mov r9, #0\n"                                                                                                             \
    "mov r10, #0\n"                                                                                                            \
    "mov r11, #0\n"

#define TINYC_PLAIN_SUMS                                                                                                       \
    "mov r4, #0\n"                                                                                                             \
    "mov r5, #0\n"                                                                                                             \
    "mov r6, #0\n"                                                                                                             \
    "mov r7, #0\n"

#define TINYC_VECTOR_STORES(constants, high_mul)                                                                               \
    "sub r4, r4, r5\n"                                                                                                         \
    "sub r6, r6, r7\n"                                                                                                         \
    "sub r8, r8, r9\n"                                                                                                         \
    "sub r10, r10, r11\n"                                                                                                      \
    "ldr lr, [sp, #4]\n"                                                                                                       \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r5", "lsl #1")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r4", "asr #7")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r7", "lsl #1")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r6", "asr #7")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r9", "lsl #1")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r8", "asr #7")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r11", "lsl #1")                                                              \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r10", "asr #7")

#define TINYC_PLAIN_STORES(constants, high_mul)                                                                                \
    "ldr lr, [sp, #4]\n"                                                                                                       \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r4", "lsl #1")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r5", "lsl #1")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r6", "lsl #1")                                                               \
    TINYC_REQUANTIZE_VECTOR(constants, high_mul, "r7", "lsl #1")

/* Stack: 0 acts, 4 out, 8 weights_end, 48 acts_end, 52 skip, then entry, 56 tail, 60 has_tail, then where the groups end. */
#define TINYC_DEFINE_VECTOR_BLOCKS(name, sums, group, stores, more)                                                            \
    TINYC_NAKED void name(TINYC_ARGUMENT const int8_t *acts, TINYC_ARGUMENT const int32_t *weights, TINYC_ARGUMENT int8_t *out, \
                          TINYC_ARGUMENT const int32_t *weights_end, TINYC_ARGUMENT const int8_t *acts_end,                    \
                          TINYC_ARGUMENT uint32_t skip, TINYC_ARGUMENT uint32_t tail, TINYC_ARGUMENT uint32_t has_tail more)   \
    {                                                                                                                          \
        __asm__ volatile(                                                                                                      \
            "push {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                        \
            "ldr r12, [sp, #52]\n"                                                                                             \
            "adr.w lr, 3f\n"                                                                                                   \
            "sub lr, lr, r12\n"                                                                                                \
            "orr lr, lr, #1\n"                                                                                                 \
            "str lr, [sp, #52]\n"                                                                                              \
            "ldr r12, [sp, #60]\n"                                                                                             \
            "adr.w lr, 5f\n"                                                                                                   \
            "cmp r12, #0\n"                                                                                                    \
            "beq 6f\n"                                                                                                         \
            "adr.w lr, 4f\n"                                                                                                   \
            "6:\n"                                                                                                             \
            "orr lr, lr, #1\n"                                                                                                 \
            "str lr, [sp, #60]\n"                                                                                              \
            "1:\n"                                                                                                             \
            "ldr r0, [sp]\n"                                                                                                   \
            sums                                                                                                               \
            "ldr.w pc, [sp, #52]\n"                                                                                            \
            "2:\n"                                                                                                             \
            group(TINYC_VECTOR_LOAD)                                                                                           \
            group(TINYC_VECTOR_LOAD)                                                                                           \
            group(TINYC_VECTOR_LOAD)                                                                                           \
            group(TINYC_VECTOR_LOAD)                                                                                           \
            "3:\n"                                                                                                             \
            "ldr r2, [sp, #48]\n"                                                                                              \
            "cmp r0, r2\n"                                                                                                     \
            "bne.w 2b\n"                                                                                                       \
            "ldr.w pc, [sp, #60]\n"                                                                                            \
            "4:\n"                                                                                                             \
            group("ldr r3, [sp, #56]\n")                                                                                       \
            "5:\n"                                                                                                             \
            stores                                                                                                             \
            "str lr, [sp, #4]\n"                                                                                               \
            "ldr r0, [sp, #8]\n"                                                                                               \
            "cmp r1, r0\n"                                                                                                     \
            "bne.w 1b\n"                                                                                                       \
            "pop {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                       \
    }

/* The last parameter of compact blocks, at 64. */
#define TINYC_NO_MORE
#define TINYC_ZERO , TINYC_ARGUMENT int32_t zero

TINYC_DEFINE_VECTOR_BLOCKS(tinyc_vector_blocks_ties, TINYC_VECTOR_SUMS, TINYC_VECTOR_GROUP, TINYC_VECTOR_STORES(TINYC_READY, TINYC_VECTOR_TIES), TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_vector_blocks_relu, TINYC_VECTOR_SUMS, TINYC_VECTOR_GROUP, TINYC_VECTOR_STORES(TINYC_READY, TINYC_RELU), TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_plain_blocks_ties, TINYC_PLAIN_SUMS, TINYC_PLAIN_GROUP, TINYC_PLAIN_STORES(TINYC_READY, TINYC_VECTOR_TIES), TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_plain_blocks_relu, TINYC_PLAIN_SUMS, TINYC_PLAIN_GROUP, TINYC_PLAIN_STORES(TINYC_READY, TINYC_RELU), TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_vector_blocks_ties, TINYC_VECTOR_SUMS, TINYC_VECTOR_GROUP, TINYC_VECTOR_STORES(TINYC_COMPACT, TINYC_VECTOR_TIES), TINYC_ZERO)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_vector_blocks_relu, TINYC_VECTOR_SUMS, TINYC_VECTOR_GROUP, TINYC_VECTOR_STORES(TINYC_COMPACT, TINYC_RELU), TINYC_ZERO)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_plain_blocks_ties, TINYC_PLAIN_SUMS, TINYC_PLAIN_GROUP, TINYC_PLAIN_STORES(TINYC_COMPACT, TINYC_VECTOR_TIES), TINYC_ZERO)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_plain_blocks_relu, TINYC_PLAIN_SUMS, TINYC_PLAIN_GROUP, TINYC_PLAIN_STORES(TINYC_COMPACT, TINYC_RELU), TINYC_ZERO)

/* `count` groups of four bytes of a and of b, widened: {a even, b even, a odd, b odd} each. */
TINYC_INLINE uint32_t *tinyc_widen_groups(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
#define TINYC_WIDEN_NEXT                                                                                                       \
    "ldr r6, [%1], #4\n"                                                                                                       \
    "ldr r8, [%2], #4\n"                                                                                                       \
    "sxtb16 r4, r6\n"                                                                                                          \
    "sxtb16 r5, r8\n"                                                                                                          \
    "sxtb16 r6, r6, ror #8\n"                                                                                                  \
    "sxtb16 r8, r8, ror #8\n"                                                                                                  \
    "stmia %0!, {r4, r5, r6, r8}\n"
    __asm__ volatile("subs %3, %3, #4\n"
                     "blt 2f\n"
                     "1:\n" TINYC_WIDEN_NEXT TINYC_WIDEN_NEXT TINYC_WIDEN_NEXT TINYC_WIDEN_NEXT
                     "subs %3, %3, #4\n"
                     "bge 1b\n"
                     "2:\n"
                     "adds %3, %3, #4\n"
                     "beq 4f\n"
                     "3:\n" TINYC_WIDEN_NEXT
                     "subs %3, %3, #1\n"
                     "bne 3b\n"
                     "4:\n"
                     : "+r"(to), "+r"(a), "+r"(b), "+r"(count)
                     :
                     : "r4", "r5", "r6", "r8", "cc", "memory");
#undef TINYC_WIDEN_NEXT
    return to;
}

/* One group. */
TINYC_INLINE uint32_t *tinyc_widen_group(uint32_t *to, const int8_t *a, const int8_t *b)
{
    __asm__ volatile("ldr r6, %1\n"
                     "ldr r8, %2\n"
                     "sxtb16 r4, r6\n"
                     "sxtb16 r5, r8\n"
                     "sxtb16 r6, r6, ror #8\n"
                     "sxtb16 r8, r8, ror #8\n"
                     "stmia %0!, {r4, r5, r6, r8}\n"
                     : "+r"(to)
                     : "m"(*(const int8_t(*)[4])a), "m"(*(const int8_t(*)[4])b)
                     : "r4", "r5", "r6", "r8", "memory");
    return to;
}

#else

/* What the requantization of a block depends on; `zero` where constants are compact. */
typedef struct {
    int32_t words; /* constants of a channel */
    int32_t ties;
    int32_t zero;
} tinyc_form;

/* A requantized sum from its constants {2 * bias, multiplier, offset, shift}, or their compact form. */
TINYC_INLINE int8_t tinyc_requantize_fast(int32_t sum, const int32_t *constants, const tinyc_form *form)
{
    const int32_t compact = form->words == TINYC_COMPACT_WORDS;
    const int32_t shift = compact ? constants[0] & 31 : constants[3];
    const int32_t offset = compact ? (form->zero * (1 << shift)) >> 1 : constants[2];
    const int32_t bias = compact ? constants[0] >> 5 : constants[0];
    const int32_t doubled = (int32_t)((uint32_t)bias + 2u * (uint32_t)sum);
    const int32_t tie = form->ties && doubled < 0 ? -1 : 0;
    return (int8_t)tinyc_ssat8(tinyc_smmlar(doubled, constants[1], offset + tie) >> shift);
}

/* Two sums from 256 * s1 + s0 and s0, requantized. */
TINYC_INLINE void tinyc_store_dual(int8_t *out, int32_t both, int32_t low, const int32_t *constants, const tinyc_form *form)
{
    const int32_t high = (int32_t)((uint32_t)both - (uint32_t)low) / 256;
    out[0] = tinyc_requantize_fast(low, constants, form);
    out[1] = tinyc_requantize_fast(high, constants + form->words, form);
}

/* Two widened inputs times four channels. */
TINYC_INLINE const int32_t *tinyc_step_1x4(int32_t *sums, uint32_t inputs, const int32_t *weights)
{
    for (int i = 0; i < 2; ++i) {
        sums[2 * i] = tinyc_smlad((uint32_t)weights[i], inputs, sums[2 * i]);
        sums[2 * i + 1] = tinyc_smlad(tinyc_sxtb16((uint32_t)weights[i]), inputs, sums[2 * i + 1]);
    }
    return weights + 2;
}

/* The sums of four channels, requantized; returns what follows their constants. */
TINYC_INLINE const int32_t *tinyc_store_1x4(int8_t *out, const int32_t *sums, const int32_t *constants, const tinyc_form *form)
{
    tinyc_store_dual(out, sums[0], sums[1], constants, form);
    tinyc_store_dual(out + 2, sums[2], sums[3], constants + 2 * form->words, form);
    return constants + 4 * form->words;
}

/* One pixel times four channels; the words of a pixel are two apart. */
TINYC_INLINE const int32_t *tinyc_block_1x4(const uint32_t *acts, const uint32_t *acts_end, const int32_t *weights, int8_t *out,
                                            const tinyc_form *form)
{
    int32_t sums[4] = {0, 0, 0, 0};
    for (; acts != acts_end; acts += 2) {
        weights = tinyc_step_1x4(sums, acts[0], weights);
    }
    return tinyc_store_1x4(out, sums, weights, form);
}

/* Four bytes of a and of b, widened: {a even, b even, a odd, b odd}. */
TINYC_INLINE uint32_t *tinyc_widen_group(uint32_t *to, const int8_t *a, const int8_t *b)
{
    const uint32_t word_a = tinyc_load32(a), word_b = tinyc_load32(b);
    to[0] = tinyc_sxtb16(word_a);
    to[1] = tinyc_sxtb16(word_b);
    to[2] = tinyc_sxtb16_ror8(word_a);
    to[3] = tinyc_sxtb16_ror8(word_b);
    return to + 4;
}

/* `count` groups. */
TINYC_INLINE uint32_t *tinyc_widen_groups(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
    for (; count > 0; --count, a += 4, b += 4) {
        to = tinyc_widen_group(to, a, b);
    }
    return to;
}

TINYC_INLINE void tinyc_widen_rows_c(const tinyc_pairs *job, uint32_t *to, int32_t offset)
{
    const char *rows = (const char *)job->rows;
    for (; rows != (const char *)job->rows_end; rows += job->row_step) {
        const int8_t *row = (const int8_t *)*(const void *const *)(const void *)rows;
        if (row != NULL) {
            to = tinyc_widen_groups(to, row + offset, row + offset + job->pixel_step, job->run_bytes / 16);
            continue;
        }
        for (int32_t i = 0; i < job->run_bytes / 4; ++i) {
            *to++ = job->outside;
        }
    }
}

TINYC_INLINE void tinyc_pair_blocks_c(const tinyc_pairs *job, int32_t words, int32_t ties)
{
    const tinyc_form form = {words, ties, tinyc_lane16(job->step_skip, 1)};
    int8_t *out_a = job->out_a, *out_b = job->out_b;
    for (int32_t i = 0; i < job->count; ++i) {
        tinyc_widen_rows_c(job, job->acts, job->offset + 2 * i * job->pixel_step);
        for (const int32_t *weights = job->weights; weights != job->weights_end; out_a += 4, out_b += 4) {
            (void)tinyc_block_1x4(job->acts, job->acts_end, weights, out_a, &form);
            weights = tinyc_block_1x4(job->acts + 1, job->acts_end + 1, weights, out_b, &form);
        }
        out_a = out_b + job->out_gap;
        out_b = out_a + job->out_stride;
    }
}

/* Four inputs times eight channels. */
TINYC_INLINE const int32_t *tinyc_vector_group_c(int32_t *sums, uint32_t inputs, const int32_t *weights)
{
    const uint32_t halves[2] = {tinyc_sxtb16(inputs), tinyc_sxtb16_ror8(inputs)};
    for (int half = 0; half < 2; ++half) {
        for (int i = 0; i < 4; ++i, ++weights) {
            sums[2 * i] = tinyc_smlad((uint32_t)*weights, halves[half], sums[2 * i]);
            sums[2 * i + 1] = tinyc_smlad(tinyc_sxtb16((uint32_t)*weights), halves[half], sums[2 * i + 1]);
        }
    }
    return weights;
}

TINYC_INLINE void tinyc_vector_blocks_c(const int8_t *acts, const int32_t *weights, int8_t *out, const int32_t *weights_end,
                                        const int8_t *acts_end, uint32_t tail, uint32_t has_tail, const tinyc_form *form)
{
    while (weights != weights_end) {
        int32_t sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        for (const int8_t *a = acts; a != acts_end; a += 4) {
            weights = tinyc_vector_group_c(sums, tinyc_load32(a), weights);
        }
        if (has_tail) {
            weights = tinyc_vector_group_c(sums, tail, weights);
        }
        for (int i = 0; i < 8; i += 2, out += 2, weights += 2 * form->words) {
            tinyc_store_dual(out, sums[i], sums[i + 1], weights, form);
        }
    }
}

/* Four inputs times four channels of plain bytes. */
TINYC_INLINE const int32_t *tinyc_plain_group_c(int32_t *sums, uint32_t inputs, const int32_t *weights)
{
    for (int i = 0; i < 4; ++i, ++weights) {
        sums[i] = tinyc_smlad(tinyc_sxtb16((uint32_t)*weights), tinyc_sxtb16(inputs), sums[i]);
        sums[i] = tinyc_smlad(tinyc_sxtb16_ror8((uint32_t)*weights), tinyc_sxtb16_ror8(inputs), sums[i]);
    }
    return weights;
}

TINYC_INLINE void tinyc_plain_blocks_c(const int8_t *acts, const int32_t *weights, int8_t *out, const int32_t *weights_end,
                                       const int8_t *acts_end, uint32_t tail, uint32_t has_tail, const tinyc_form *form)
{
    while (weights != weights_end) {
        int32_t sums[4] = {0, 0, 0, 0};
        for (const int8_t *a = acts; a != acts_end; a += 4) {
            weights = tinyc_plain_group_c(sums, tinyc_load32(a), weights);
        }
        if (has_tail) {
            weights = tinyc_plain_group_c(sums, tail, weights);
        }
        for (int i = 0; i < 4; ++i, weights += form->words) {
            *out++ = tinyc_requantize_fast(sums[i], weights, form);
        }
    }
}

#define TINYC_DEFINE_PAIR_BLOCKS(name, words, ties)                                                                            \
    TINYC_SHARED void name(const tinyc_pairs *job) { tinyc_pair_blocks_c(job, words, ties); }

#define TINYC_DEFINE_VECTOR_BLOCKS(name, blocks, words, ties, zero, more)                                                      \
    TINYC_SHARED void name(const int8_t *acts, const int32_t *weights, int8_t *out, const int32_t *weights_end, const int8_t *acts_end,\
                           uint32_t skip, uint32_t tail, uint32_t has_tail more)                                               \
    {                                                                                                                          \
        const tinyc_form form = {words, ties, zero};                                                                           \
        (void)skip;                                                                                                            \
        blocks(acts, weights, out, weights_end, acts_end, tail, has_tail, &form);                                              \
    }

TINYC_DEFINE_PAIR_BLOCKS(tinyc_pair_blocks_ties, TINYC_REQUANTIZATION_WORDS, 1)
TINYC_DEFINE_PAIR_BLOCKS(tinyc_pair_blocks_relu, TINYC_REQUANTIZATION_WORDS, 0)
TINYC_DEFINE_PAIR_BLOCKS(tinyc_compact_pair_blocks_ties, TINYC_COMPACT_WORDS, 1)
TINYC_DEFINE_PAIR_BLOCKS(tinyc_compact_pair_blocks_relu, TINYC_COMPACT_WORDS, 0)

#define TINYC_NO_MORE
#define TINYC_ZERO , int32_t zero

TINYC_DEFINE_VECTOR_BLOCKS(tinyc_vector_blocks_ties, tinyc_vector_blocks_c, TINYC_REQUANTIZATION_WORDS, 1, 0, TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_vector_blocks_relu, tinyc_vector_blocks_c, TINYC_REQUANTIZATION_WORDS, 0, 0, TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_plain_blocks_ties, tinyc_plain_blocks_c, TINYC_REQUANTIZATION_WORDS, 1, 0, TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_plain_blocks_relu, tinyc_plain_blocks_c, TINYC_REQUANTIZATION_WORDS, 0, 0, TINYC_NO_MORE)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_vector_blocks_ties, tinyc_vector_blocks_c, TINYC_COMPACT_WORDS, 1, zero, TINYC_ZERO)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_vector_blocks_relu, tinyc_vector_blocks_c, TINYC_COMPACT_WORDS, 0, zero, TINYC_ZERO)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_plain_blocks_ties, tinyc_plain_blocks_c, TINYC_COMPACT_WORDS, 1, zero, TINYC_ZERO)
TINYC_DEFINE_VECTOR_BLOCKS(tinyc_compact_plain_blocks_relu, tinyc_plain_blocks_c, TINYC_COMPACT_WORDS, 0, zero, TINYC_ZERO)

#endif

/* The last `count` (0 to 3) bytes of a and of b, widened in pairs; a last odd lane holds anything, its weights are 0. */
TINYC_INLINE uint32_t *tinyc_widen_tail(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
    if (count >= 2) {
        *to++ = tinyc_pkhbt_lsl16((uint32_t)a[0], (uint32_t)a[1]);
        *to++ = tinyc_pkhbt_lsl16((uint32_t)b[0], (uint32_t)b[1]);
    }
    if (count & 1) {
        *to++ = (uint32_t)a[count - 1];
        *to++ = (uint32_t)b[count - 1];
    }
    return to;
}

/* `count` bytes of a and of b, widened: groups of four, then the tail. */
TINYC_SHARED uint32_t *tinyc_widen_pair(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
    const int32_t whole = count & ~3;
    if (whole > 0) {
        to = tinyc_widen_groups(to, a, b, whole >> 2);
    }
    return count == whole ? to : tinyc_widen_tail(to, a + whole, b + whole, count - whole);
}

/* The same for at most 32 bytes, without a loop; nor a test where `count` is a constant, as in a layer with a copy of its own. */
TINYC_INLINE uint32_t *tinyc_widen_short(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
#define TINYC_WIDEN_AT(i)                                                                                                      \
    if (count >= (i) + 4) {                                                                                                    \
        to = tinyc_widen_group(to, a + (i), b + (i));                                                                          \
    }
    TINYC_WIDEN_AT(0)
    TINYC_WIDEN_AT(4)
    TINYC_WIDEN_AT(8)
    TINYC_WIDEN_AT(12)
    TINYC_WIDEN_AT(16)
    TINYC_WIDEN_AT(20)
    TINYC_WIDEN_AT(24)
    TINYC_WIDEN_AT(28)
#undef TINYC_WIDEN_AT
    return tinyc_widen_tail(to, a + (count & ~3), b + (count & ~3), count & 3);
}

#endif
