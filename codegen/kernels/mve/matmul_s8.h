/* Products of byte vectors with all output channels, requantized: the inner part of convolutions and dense layers.
 *
 * Two pixels are multiplied with three channels at a time by VMLADAVA (six sums are what the even registers hold), one pixel with three
 * where no second is left; what three do not divide are blocks of two.  A block's weights are its biases, zero points folded in, and
 * then for every sixteen inputs (a step) sixteen bytes of each channel, padded with zeros.  Loops over steps are unrolled four times and
 * entered in the middle; the `_tail` variants take any depth by tail predication and read no byte beyond it.
 */
#ifndef TINYC_MVE_MATMUL_S8_H
#define TINYC_MVE_MATMUL_S8_H

#include "mve/requantize_s8.h"

/* The assembly knows the offsets of the fields. */
typedef struct {
    const int8_t *a; /* the pixels, `depth` bytes each, or whole steps */
    const int8_t *b;
    int32_t rounds;    /* of the unrolled loop, or the depth of a tail variant */
    const void *entry; /* filled in by the assembly */
    const int8_t *weights;
    int32_t steps;
    int32_t threes; /* blocks of three channels */
    int32_t twos;   /* and of two */
    tinyc_mve_requantization finish; /* of pixel a, or of both where they are finished as one */
    int32_t *sums_b;
    int32_t out_b;    /* bytes from pixel a's output to b's; 0 where they are finished as one */
    int32_t in_step;  /* bytes from a pair of pixels to the next, or from a single one */
    int32_t out_step;
    int32_t count; /* of pairs, or of single pixels; at least one */
    tinyc_mve_requantize *requantize;
} tinyc_mve_product;

typedef void tinyc_mve_multiply(tinyc_mve_product *job);

#if TINYC_HAS_MVE

#define TINYC_MVE_PAIR_THREE_BYTES "44"
#define TINYC_MVE_PAIR_THREE                                                                                                   \
    "vldrb.8 q0, [r1], #16\n"                                                                                                  \
    "vldrb.8 q1, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r0, q0, q1\n"                                                                                                 \
    "vldrb.8 q2, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r2, q0, q2\n"                                                                                                 \
    "vldrb.8 q3, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r4, q0, q3\n"                                                                                                 \
    "vldrb.8 q0, [r3], #16\n"                                                                                                  \
    "vmladava.s8 r6, q0, q1\n"                                                                                                 \
    "vmladava.s8 r8, q0, q2\n"                                                                                                 \
    "vmladava.s8 r10, q0, q3\n"

#define TINYC_MVE_PAIR_TWO                                                                                                     \
    "vldrb.8 q0, [r1], #16\n"                                                                                                  \
    "vldrb.8 q1, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r0, q0, q1\n"                                                                                                 \
    "vldrb.8 q2, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r2, q0, q2\n"                                                                                                 \
    "vldrb.8 q0, [r3], #16\n"                                                                                                  \
    "vmladava.s8 r6, q0, q1\n"                                                                                                 \
    "vmladava.s8 r8, q0, q2\n"

#define TINYC_MVE_SINGLE_THREE_BYTES "28"
#define TINYC_MVE_SINGLE_THREE                                                                                                 \
    "vldrb.8 q0, [r1], #16\n"                                                                                                  \
    "vldrb.8 q1, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r0, q0, q1\n"                                                                                                 \
    "vldrb.8 q2, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r2, q0, q2\n"                                                                                                 \
    "vldrb.8 q3, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r4, q0, q3\n"

#define TINYC_MVE_SINGLE_TWO                                                                                                   \
    "vldrb.8 q0, [r1], #16\n"                                                                                                  \
    "vldrb.8 q1, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r0, q0, q1\n"                                                                                                 \
    "vldrb.8 q2, [r5], #16\n"                                                                                                  \
    "vmladava.s8 r2, q0, q2\n"

/* The loop over the steps of one block, whose biases are read: lr has `rounds`. */
#define TINYC_MVE_UNROLLED(step)                                                                                               \
    "dls lr, lr\n"                                                                                                             \
    "ldr pc, [r12, #12]\n"                                                                                                     \
    "3:\n" step step step step                                                                                                 \
    "le lr, 3b\n"

#define TINYC_MVE_ROLLED(step)                                                                                                 \
    "ldr lr, [r12, #20]\n"                                                                                                     \
    "dls lr, lr\n"                                                                                                             \
    "3:\n" step                                                                                                                \
    "le lr, 3b\n"

#define TINYC_MVE_PREDICATED(step)                                                                                             \
    "dlstp.8 lr, lr\n"                                                                                                         \
    "3:\n" step                                                                                                                \
    "letp lr, 3b\n"

#define TINYC_MVE_ENTER(step_bytes)                                                                                            \
    "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                                            \
    "vpush {d8, d9}\n"                                                                                                         \
    "mov r12, r0\n"                                                                                                            \
    "ldr r1, [r12, #20]\n"                                                                                                     \
    "adr.w r2, 3f\n"                                                                                                           \
    "rsb r1, r1, #0\n"                                                                                                         \
    "and r1, r1, #3\n"                                                                                                         \
    "mov r3, #" step_bytes "\n"                                                                                                \
    "mla r2, r1, r3, r2\n"                                                                                                     \
    "orr r2, r2, #1\n"                                                                                                         \
    "str r2, [r12, #12]\n"

#define TINYC_MVE_LEAVE                                                                                                        \
    "ldr r0, [r12, #72]\n"                                                                                                     \
    "subs r0, r0, #1\n"                                                                                                        \
    "str r0, [r12, #72]\n"                                                                                                     \
    "bne.w 1b\n"                                                                                                               \
    "vpop {d8, d9}\n"                                                                                                          \
    "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n"

#define TINYC_MVE_DEFINE_PAIRS(name, threes, twos)                                                                             \
    TINYC_MVE_NAKED void name(TINYC_MVE_ARGUMENT tinyc_mve_product *job)                                                       \
    {                                                                                                                          \
        __asm__ volatile(TINYC_MVE_ENTER(TINYC_MVE_PAIR_THREE_BYTES)                                                           \
                         "1:\n"                                                                                                \
                         "ldr r5, [r12, #16]\n"                                                                                \
                         "ldr r9, [r12, #36]\n"                                                                                \
                         "ldr r11, [r12, #56]\n"                                                                               \
                         "ldr r7, [r12, #24]\n"                                                                                \
                         "cmp r7, #0\n"                                                                                        \
                         "beq.w 5f\n"                                                                                          \
                         "2:\n"                                                                                                \
                         "ldm r12, {r1, r3, lr}\n"                                                                             \
                         "ldm r5, {r0, r2, r4}\n"                                                                              \
                         "ldm r5!, {r6, r8, r10}\n" threes(TINYC_MVE_PAIR_THREE)                                               \
                         "stm r9!, {r0, r2, r4}\n"                                                                             \
                         "stm r11!, {r6, r8, r10}\n"                                                                           \
                         "subs r7, r7, #1\n"                                                                                   \
                         "bne.w 2b\n"                                                                                          \
                         "5:\n"                                                                                                \
                         "ldr r7, [r12, #28]\n"                                                                                \
                         "cmp r7, #0\n"                                                                                        \
                         "beq.w 7f\n"                                                                                          \
                         "6:\n"                                                                                                \
                         "ldm r12, {r1, r3, lr}\n"                                                                             \
                         "ldrd r0, r2, [r5]\n"                                                                                 \
                         "ldrd r6, r8, [r5], #8\n" twos(TINYC_MVE_PAIR_TWO)                                                    \
                         "strd r0, r2, [r9], #8\n"                                                                             \
                         "strd r6, r8, [r11], #8\n"                                                                            \
                         "subs r7, r7, #1\n"                                                                                   \
                         "bne.w 6b\n"                                                                                          \
                         "7:\n"                                                                                                \
                         "add r8, r12, #32\n"                                                                                  \
                         "ldm r8, {r0, r1, r2, r3, r5, r6}\n"                                                                  \
                         "ldr r7, [r12, #76]\n"                                                                                \
                         "blx r7\n"                                                                                            \
                         "ldrd r10, r11, [r12, #56]\n"                                                                         \
                         "cmp r11, #0\n"                                                                                       \
                         "beq 8f\n"                                                                                            \
                         "ldm r8, {r0, r1, r2, r3, r5, r6}\n"                                                                  \
                         "mov r1, r10\n"                                                                                       \
                         "add r0, r0, r11\n"                                                                                   \
                         "blx r7\n"                                                                                            \
                         "8:\n"                                                                                                \
                         "ldrd r0, r1, [r12]\n"                                                                                \
                         "ldrd r2, r3, [r12, #64]\n"                                                                           \
                         "ldr r4, [r12, #32]\n"                                                                                \
                         "add r0, r0, r2\n"                                                                                    \
                         "add r1, r1, r2\n"                                                                                    \
                         "add r4, r4, r3\n"                                                                                    \
                         "strd r0, r1, [r12]\n"                                                                                \
                         "str r4, [r12, #32]\n" TINYC_MVE_LEAVE);                                                              \
    }

#define TINYC_MVE_DEFINE_SINGLES(name, threes, twos)                                                                           \
    TINYC_MVE_NAKED void name(TINYC_MVE_ARGUMENT tinyc_mve_product *job)                                                       \
    {                                                                                                                          \
        __asm__ volatile(TINYC_MVE_ENTER(TINYC_MVE_SINGLE_THREE_BYTES)                                                         \
                         "1:\n"                                                                                                \
                         "ldr r5, [r12, #16]\n"                                                                                \
                         "ldr r9, [r12, #36]\n"                                                                                \
                         "ldr r7, [r12, #24]\n"                                                                                \
                         "cmp r7, #0\n"                                                                                        \
                         "beq.w 5f\n"                                                                                          \
                         "2:\n"                                                                                                \
                         "ldm r12, {r1, r3, lr}\n"                                                                             \
                         "ldm r5!, {r0, r2, r4}\n" threes(TINYC_MVE_SINGLE_THREE)                                              \
                         "stm r9!, {r0, r2, r4}\n"                                                                             \
                         "subs r7, r7, #1\n"                                                                                   \
                         "bne.w 2b\n"                                                                                          \
                         "5:\n"                                                                                                \
                         "ldr r7, [r12, #28]\n"                                                                                \
                         "cmp r7, #0\n"                                                                                        \
                         "beq.w 7f\n"                                                                                          \
                         "6:\n"                                                                                                \
                         "ldm r12, {r1, r3, lr}\n"                                                                             \
                         "ldrd r0, r2, [r5], #8\n" twos(TINYC_MVE_SINGLE_TWO)                                                  \
                         "strd r0, r2, [r9], #8\n"                                                                             \
                         "subs r7, r7, #1\n"                                                                                   \
                         "bne.w 6b\n"                                                                                          \
                         "7:\n"                                                                                                \
                         "add r8, r12, #32\n"                                                                                  \
                         "ldm r8, {r0, r1, r2, r3, r5, r6}\n"                                                                  \
                         "ldr r7, [r12, #76]\n"                                                                                \
                         "blx r7\n"                                                                                            \
                         "ldr r0, [r12]\n"                                                                                     \
                         "ldrd r2, r3, [r12, #64]\n"                                                                           \
                         "ldr r4, [r12, #32]\n"                                                                                \
                         "add r0, r0, r2\n"                                                                                    \
                         "add r4, r4, r3\n"                                                                                    \
                         "str r0, [r12]\n"                                                                                     \
                         "str r4, [r12, #32]\n" TINYC_MVE_LEAVE);                                                              \
    }

TINYC_MVE_DEFINE_PAIRS(tinyc_mve_pairs, TINYC_MVE_UNROLLED, TINYC_MVE_ROLLED)
TINYC_MVE_DEFINE_PAIRS(tinyc_mve_pairs_tail, TINYC_MVE_PREDICATED, TINYC_MVE_PREDICATED)
TINYC_MVE_DEFINE_SINGLES(tinyc_mve_singles, TINYC_MVE_UNROLLED, TINYC_MVE_ROLLED)
TINYC_MVE_DEFINE_SINGLES(tinyc_mve_singles_tail, TINYC_MVE_PREDICATED, TINYC_MVE_PREDICATED)

#else

/* One pixel times a block of `channels` channels; returns where the next block's weights are. */
TINYC_INLINE const int8_t *tinyc_mve_block_c(const int8_t *x, const int8_t *weights, int32_t depth, int32_t channels, int32_t *sums)
{
    const int32_t *biases = (const int32_t *)(const void *)weights;
    weights += 4 * channels;
    for (int32_t c = 0; c < channels; ++c) {
        sums[c] = biases[c];
    }
    for (int32_t k = 0; k < depth; k += TINYC_MVE_BLOCK) {
        for (int32_t c = 0; c < channels; ++c, weights += TINYC_MVE_BLOCK) {
            for (int32_t i = 0; i < TINYC_MVE_BLOCK && k + i < depth; ++i) {
                sums[c] = (int32_t)((uint32_t)sums[c] + (uint32_t)(x[k + i] * weights[i]));
            }
        }
    }
    return weights;
}

TINYC_INLINE void tinyc_mve_pixel_c(const tinyc_mve_product *job, const int8_t *x, int32_t *sums, int32_t depth)
{
    const int8_t *weights = job->weights;
    for (int32_t i = 0; i < job->threes; ++i, sums += 3) {
        weights = tinyc_mve_block_c(x, weights, depth, 3, sums);
    }
    for (int32_t i = 0; i < job->twos; ++i, sums += 2) {
        weights = tinyc_mve_block_c(x, weights, depth, 2, sums);
    }
}

TINYC_INLINE void tinyc_mve_multiply_c(tinyc_mve_product *job, int32_t depth, int pair)
{
    for (; job->count > 0; --job->count) {
        tinyc_mve_pixel_c(job, job->a, (int32_t *)(uintptr_t)job->finish.sums, depth);
        if (pair) {
            tinyc_mve_pixel_c(job, job->b, job->sums_b, depth);
        }
        job->requantize(&job->finish);
        if (pair && job->out_b != 0) {
            tinyc_mve_requantization second = job->finish;
            second.sums = job->sums_b;
            second.out += job->out_b;
            job->requantize(&second);
        }
        job->a += job->in_step;
        job->b += job->in_step;
        job->finish.out += job->out_step;
    }
}

TINYC_SHARED void tinyc_mve_pairs(tinyc_mve_product *job) { tinyc_mve_multiply_c(job, TINYC_MVE_BLOCK * job->steps, 1); }
TINYC_SHARED void tinyc_mve_pairs_tail(tinyc_mve_product *job) { tinyc_mve_multiply_c(job, job->rounds, 1); }
TINYC_SHARED void tinyc_mve_singles(tinyc_mve_product *job) { tinyc_mve_multiply_c(job, TINYC_MVE_BLOCK * job->steps, 0); }
TINYC_SHARED void tinyc_mve_singles_tail(tinyc_mve_product *job) { tinyc_mve_multiply_c(job, job->rounds, 0); }

#endif

#endif
