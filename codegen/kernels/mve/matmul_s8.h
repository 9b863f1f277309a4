/* Products of byte vectors with all output channels, requantized: the inner part of convolutions and dense layers.
 *
 * Two pixels are multiplied with three channels at a time by VMLADAVA (six sums are what the even registers hold), one pixel with
 * three where no second is left; what three do not divide are blocks of two.  A block's weights are its biases, zero points folded in,
 * and then for every sixteen inputs (a step) sixteen bytes of each channel, padded with zeros.  Pixels of up to three steps stay in
 * registers; for others the loop over steps is unrolled four times and entered in the middle, or (`any`) predicated by the byte.
 * No byte beyond a pixel is read.
 *
 * Windows that are not pixels are gathered in scratch first, two by two: rows of up to sixteen bytes (`short`) or more (`long`).
 */
#ifndef TINYC_MVE_MATMUL_S8_H
#define TINYC_MVE_MATMUL_S8_H

#include "mve/bytes.h"
#include "mve/requantize_s8.h"

/* The assembly knows the offsets of the fields. */
typedef struct {
    const int8_t *a; /* the pixels, or where to gather them */
    const int8_t *b;
    int32_t rounds;    /* of the unrolled loop; the depth, for `any`; the bytes of the last step, for pixels in registers */
    const void *entry; /* filled in by the assembly */
    const int8_t *weights;
    int32_t steps;
    int32_t threes; /* blocks of three channels */
    int32_t twos;   /* and of two */
    tinyc_mve_requantization finish; /* of pixel a, or of both where they are finished as one */
    int32_t *sums_b;
    int32_t out_b;   /* bytes from pixel a's output to b's; 0 where they are finished as one */
    int32_t in_step; /* bytes from a pair of pixels to the next, or from a single one; for windows, in their rows */
    int32_t out_step;
    int32_t count;           /* of pairs, or of single pixels; at least one */
    const void *const *rows; /* of windows */
    int32_t row_step;        /* bytes from one row's pointer to the next */
    int32_t row_count;       /* 0: the windows are there already */
    int32_t offset;          /* of window a in its rows, in bytes */
    int32_t next;            /* from window a to window b */
    int32_t bytes;           /* of a row of a window */
    tinyc_mve_finish *end;
} tinyc_mve_product;

typedef void tinyc_mve_multiply(tinyc_mve_product *job);

#if TINYC_HAS_MVE

#define TINYC_MVE_PAIR_THREE                                                                                                  \
    "vldrb.8 q0, [r1], #16\n"                                                                                                 \
    "vldrb.8 q1, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q1\n"                                                                                                \
    "vldrb.8 q2, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q2\n"                                                                                                \
    "vldrb.8 q3, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q0, q3\n"                                                                                                \
    "vldrb.8 q0, [r3], #16\n"                                                                                                 \
    "vmladava.s8 r6, q0, q1\n"                                                                                                \
    "vmladava.s8 r8, q0, q2\n"                                                                                                \
    "vmladava.s8 r10, q0, q3\n"

#define TINYC_MVE_PAIR_TWO                                                                                                    \
    "vldrb.8 q0, [r1], #16\n"                                                                                                 \
    "vldrb.8 q1, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q1\n"                                                                                                \
    "vldrb.8 q2, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q2\n"                                                                                                \
    "vldrb.8 q0, [r3], #16\n"                                                                                                 \
    "vmladava.s8 r6, q0, q1\n"                                                                                                \
    "vmladava.s8 r8, q0, q2\n"

#define TINYC_MVE_SINGLE_THREE                                                                                                \
    "vldrb.8 q0, [r1], #16\n"                                                                                                 \
    "vldrb.8 q1, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q1\n"                                                                                                \
    "vldrb.8 q2, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q2\n"                                                                                                \
    "vldrb.8 q3, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q0, q3\n"

#define TINYC_MVE_SINGLE_TWO                                                                                                  \
    "vldrb.8 q0, [r1], #16\n"                                                                                                 \
    "vldrb.8 q1, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q1\n"                                                                                                \
    "vldrb.8 q2, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q2\n"

/* Bytes of code of a step of three channels. */
#define TINYC_MVE_PAIR_BYTES "44"
#define TINYC_MVE_SINGLE_BYTES "28"

/* Where the unrolled loop is entered. */
#define TINYC_MVE_ENTRY(step_bytes)                                                                                            \
    "ldr r1, [r12, #20]\n"                                                                                                     \
    "adr.w r2, 3f\n"                                                                                                           \
    "rsb r1, r1, #0\n"                                                                                                         \
    "and r1, r1, #3\n"                                                                                                         \
    "mov r3, #" step_bytes "\n"                                                                                                \
    "mla r2, r1, r3, r2\n"                                                                                                     \
    "orr r2, r2, #1\n"                                                                                                         \
    "str r2, [r12, #12]\n"

/* The loop over the steps of one block whose biases are read; lr has `rounds`. */
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

/* All blocks of two pixels, in memory: sums at r9 and r11. */
#define TINYC_MVE_PAIR_BLOCKS(threes, twos)                                                                                    \
    "ldr r7, [r12, #24]\n"                                                                                                     \
    "cmp r7, #0\n"                                                                                                             \
    "beq.w 5f\n"                                                                                                               \
    "2:\n"                                                                                                                     \
    "ldm r12, {r1, r3, lr}\n"                                                                                                  \
    "ldm r5, {r0, r2, r4}\n"                                                                                                   \
    "ldm r5!, {r6, r8, r10}\n" threes(TINYC_MVE_PAIR_THREE)                                                                    \
    "stm r9!, {r0, r2, r4}\n"                                                                                                  \
    "stm r11!, {r6, r8, r10}\n"                                                                                                \
    "subs r7, r7, #1\n"                                                                                                        \
    "bne.w 2b\n"                                                                                                               \
    "5:\n"                                                                                                                     \
    "ldr r7, [r12, #28]\n"                                                                                                     \
    "cmp r7, #0\n"                                                                                                             \
    "beq.w 7f\n"                                                                                                               \
    "6:\n"                                                                                                                     \
    "ldm r12, {r1, r3, lr}\n"                                                                                                  \
    "ldrd r0, r2, [r5]\n"                                                                                                      \
    "ldrd r6, r8, [r5], #8\n" twos(TINYC_MVE_PAIR_TWO)                                                                         \
    "strd r0, r2, [r9], #8\n"                                                                                                  \
    "strd r6, r8, [r11], #8\n"                                                                                                 \
    "subs r7, r7, #1\n"                                                                                                        \
    "bne.w 6b\n"                                                                                                               \
    "7:\n"

/* The same of two pixels in registers. */
#define TINYC_MVE_RESIDENT_BLOCKS(load, three, two)                                                                            \
    "ldm r12, {r1, r3, r7}\n"                                                                                                  \
    "vctp.8 r7\n" load                                                                                                         \
    "ldrd r6, r7, [r12, #24]\n"                                                                                                \
    "wls lr, r6, 5f\n"                                                                                                         \
    "2:\n"                                                                                                                     \
    "ldm r5, {r0, r2, r4}\n"                                                                                                   \
    "ldm r5!, {r6, r8, r10}\n" three                                                                                           \
    "stm r9!, {r0, r2, r4}\n"                                                                                                  \
    "stm r11!, {r6, r8, r10}\n"                                                                                                \
    "le lr, 2b\n"                                                                                                              \
    "5:\n"                                                                                                                     \
    "wls lr, r7, 7f\n"                                                                                                         \
    "6:\n"                                                                                                                     \
    "ldrd r0, r2, [r5]\n"                                                                                                      \
    "ldrd r6, r8, [r5], #8\n" two                                                                                              \
    "strd r0, r2, [r9], #8\n"                                                                                                  \
    "strd r6, r8, [r11], #8\n"                                                                                                 \
    "le lr, 6b\n"                                                                                                              \
    "7:\n"

#define TINYC_MVE_LOAD_1                                                                                                      \
    "vpstt\n"                                                                                                                 \
    "vldrbt.8 q0, [r1]\n"                                                                                                     \
    "vldrbt.8 q1, [r3]\n"
#define TINYC_MVE_THREE_1                                                                                                     \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q6\n"                                                                                                \
    "vmladava.s8 r6, q1, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q7\n"                                                                                                \
    "vmladava.s8 r8, q1, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q0, q6\n"                                                                                                \
    "vmladava.s8 r10, q1, q6\n"
#define TINYC_MVE_TWO_1                                                                                                       \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q6\n"                                                                                                \
    "vmladava.s8 r6, q1, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q7\n"                                                                                                \
    "vmladava.s8 r8, q1, q7\n"

#define TINYC_MVE_LOAD_2                                                                                                      \
    "vldrb.8 q0, [r1], #16\n"                                                                                                 \
    "vldrb.8 q2, [r3], #16\n"                                                                                                 \
    "vpstt\n"                                                                                                                 \
    "vldrbt.8 q1, [r1]\n"                                                                                                     \
    "vldrbt.8 q3, [r3]\n"
#define TINYC_MVE_THREE_2                                                                                                     \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q6\n"                                                                                                \
    "vmladava.s8 r6, q2, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q7\n"                                                                                                \
    "vmladava.s8 r8, q2, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q0, q6\n"                                                                                                \
    "vmladava.s8 r10, q2, q6\n"                                                                                               \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q1, q7\n"                                                                                                \
    "vmladava.s8 r6, q3, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q1, q6\n"                                                                                                \
    "vmladava.s8 r8, q3, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q1, q7\n"                                                                                                \
    "vmladava.s8 r10, q3, q7\n"
#define TINYC_MVE_TWO_2                                                                                                       \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q6\n"                                                                                                \
    "vmladava.s8 r6, q2, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q7\n"                                                                                                \
    "vmladava.s8 r8, q2, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q1, q6\n"                                                                                                \
    "vmladava.s8 r6, q3, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q1, q7\n"                                                                                                \
    "vmladava.s8 r8, q3, q7\n"

#define TINYC_MVE_LOAD_3                                                                                                      \
    "vldrb.8 q0, [r1], #16\n"                                                                                                 \
    "vldrb.8 q3, [r3], #16\n"                                                                                                 \
    "vldrb.8 q1, [r1], #16\n"                                                                                                 \
    "vldrb.8 q4, [r3], #16\n"                                                                                                 \
    "vpstt\n"                                                                                                                 \
    "vldrbt.8 q2, [r1]\n"                                                                                                     \
    "vldrbt.8 q5, [r3]\n"
#define TINYC_MVE_THREE_3                                                                                                     \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q6\n"                                                                                                \
    "vmladava.s8 r6, q3, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q7\n"                                                                                                \
    "vmladava.s8 r8, q3, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q0, q6\n"                                                                                                \
    "vmladava.s8 r10, q3, q6\n"                                                                                               \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q1, q7\n"                                                                                                \
    "vmladava.s8 r6, q4, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q1, q6\n"                                                                                                \
    "vmladava.s8 r8, q4, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q1, q7\n"                                                                                                \
    "vmladava.s8 r10, q4, q7\n"                                                                                               \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q2, q6\n"                                                                                                \
    "vmladava.s8 r6, q5, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q2, q7\n"                                                                                                \
    "vmladava.s8 r8, q5, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r4, q2, q6\n"                                                                                                \
    "vmladava.s8 r10, q5, q6\n"
#define TINYC_MVE_TWO_3                                                                                                       \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q0, q6\n"                                                                                                \
    "vmladava.s8 r6, q3, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q0, q7\n"                                                                                                \
    "vmladava.s8 r8, q3, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q1, q6\n"                                                                                                \
    "vmladava.s8 r6, q4, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q1, q7\n"                                                                                                \
    "vmladava.s8 r8, q4, q7\n"                                                                                                \
    "vldrb.8 q6, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r0, q2, q6\n"                                                                                                \
    "vmladava.s8 r6, q5, q6\n"                                                                                                \
    "vldrb.8 q7, [r5], #16\n"                                                                                                 \
    "vmladava.s8 r2, q2, q7\n"                                                                                                \
    "vmladava.s8 r8, q5, q7\n"

/* What comes before the blocks of a pair: nothing, or windows are gathered. */
#define TINYC_MVE_PIXELS ""

#define TINYC_MVE_GATHER(rows)                                                                                                 \
    "add r8, r12, #76\n"                                                                                                       \
    "ldm r8, {r0, r1, r2, r3, r4, r5}\n"                                                                                       \
    "ldrd r6, r7, [r12]\n"                                                                                                     \
    "cmp r2, #0\n"                                                                                                             \
    "beq 9f\n" rows                                                                                                            \
    "9:\n"

#define TINYC_MVE_SHORT                                                                                                        \
    TINYC_MVE_GATHER("vctp.8 r5\n"                                                                                             \
                     "dls lr, r2\n"                                                                                            \
                     "8:\n"                                                                                                    \
                     "ldr r8, [r0]\n"                                                                                          \
                     "add r0, r0, r1\n"                                                                                        \
                     "add r8, r8, r3\n"                                                                                        \
                     "add r9, r8, r4\n"                                                                                        \
                     "vpstt\n"                                                                                                 \
                     "vldrbt.8 q0, [r8]\n"                                                                                     \
                     "vldrbt.8 q1, [r9]\n"                                                                                     \
                     "vstrb.8 q0, [r6]\n"                                                                                      \
                     "vstrb.8 q1, [r7]\n"                                                                                      \
                     "add r6, r6, r5\n"                                                                                        \
                     "add r7, r7, r5\n"                                                                                        \
                     "le lr, 8b\n")

#define TINYC_MVE_LONG                                                                                                         \
    TINYC_MVE_GATHER("8:\n"                                                                                                    \
                     "ldr r8, [r0]\n"                                                                                          \
                     "mov r9, r6\n"                                                                                            \
                     "add r8, r8, r3\n"                                                                                        \
                     "add r10, r8, r4\n"                                                                                       \
                     "dlstp.8 lr, r5\n"                                                                                        \
                     "4:\n"                                                                                                    \
                     "vldrb.8 q0, [r8], #16\n"                                                                                 \
                     "vstrb.8 q0, [r9], #16\n"                                                                                 \
                     "letp lr, 4b\n"                                                                                           \
                     "mov r9, r7\n"                                                                                            \
                     "dlstp.8 lr, r5\n"                                                                                        \
                     "4:\n"                                                                                                    \
                     "vldrb.8 q0, [r10], #16\n"                                                                                \
                     "vstrb.8 q0, [r9], #16\n"                                                                                 \
                     "letp lr, 4b\n"                                                                                           \
                     "add r0, r0, r1\n"                                                                                        \
                     "add r6, r6, r5\n"                                                                                        \
                     "add r7, r7, r5\n"                                                                                        \
                     "subs r2, r2, #1\n"                                                                                       \
                     "bne 8b\n")

/* What comes after a pair: the next pair's place, in memory or in the rows. */
#define TINYC_MVE_NEXT_PIXELS                                                                                                  \
    "ldrd r0, r1, [r12]\n"                                                                                                     \
    "add r0, r0, r2\n"                                                                                                         \
    "add r1, r1, r2\n"                                                                                                         \
    "strd r0, r1, [r12]\n"

#define TINYC_MVE_NEXT_WINDOWS                                                                                                 \
    "ldr r0, [r12, #88]\n"                                                                                                     \
    "add r0, r0, r2\n"                                                                                                         \
    "str r0, [r12, #88]\n"

#define TINYC_MVE_ENTER                                                                                                        \
    "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                                            \
    "vpush {d8, d9, d10, d11, d12, d13, d14, d15}\n"                                                                           \
    "mov r12, r0\n"

/* r2 and r3 have in_step and out_step. */
#define TINYC_MVE_LEAVE(next)                                                                                                  \
    "ldrd r2, r3, [r12, #64]\n"                                                                                                \
    "ldr r4, [r12, #32]\n"                                                                                                     \
    "ldr r5, [r12, #72]\n"                                                                                                     \
    "add r4, r4, r3\n"                                                                                                         \
    "str r4, [r12, #32]\n" next                                                                                                \
    "subs r5, r5, #1\n"                                                                                                        \
    "str r5, [r12, #72]\n"                                                                                                     \
    "bne.w 1b\n"                                                                                                               \
    "vpop {d8, d9, d10, d11, d12, d13, d14, d15}\n"                                                                            \
    "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n"

#define TINYC_MVE_DEFINE_PAIRS(name, entry, before, blocks, next)                                                              \
    TINYC_MVE_NAKED void name(TINYC_MVE_ARGUMENT tinyc_mve_product *job)                                                       \
    {                                                                                                                          \
        __asm__ volatile(TINYC_MVE_ENTER entry                                                                                 \
                         "1:\n" before                                                                                         \
                         "ldr r5, [r12, #16]\n"                                                                                \
                         "ldr r9, [r12, #36]\n"                                                                                \
                         "ldr r11, [r12, #56]\n" blocks                                                                        \
                         "add r8, r12, #32\n"                                                                                  \
                         "ldm r8, {r0, r1, r2, r3, r5, r6}\n"                                                                  \
                         "ldr r7, [r12, #100]\n"                                                                               \
                         "blx r7\n"                                                                                            \
                         "ldrd r10, r11, [r12, #56]\n"                                                                         \
                         "cmp r11, #0\n"                                                                                       \
                         "beq 8f\n"                                                                                            \
                         "ldm r8, {r0, r1, r2, r3, r5, r6}\n"                                                                  \
                         "mov r1, r10\n"                                                                                       \
                         "add r0, r0, r11\n"                                                                                   \
                         "blx r7\n"                                                                                            \
                         "8:\n" TINYC_MVE_LEAVE(next));                                                                        \
    }

#define TINYC_MVE_DEFINE_SINGLES(name, entry, threes, twos)                                                                    \
    TINYC_MVE_NAKED void name(TINYC_MVE_ARGUMENT tinyc_mve_product *job)                                                       \
    {                                                                                                                          \
        __asm__ volatile(TINYC_MVE_ENTER entry                                                                                 \
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
                         "ldr r7, [r12, #100]\n"                                                                               \
                         "blx r7\n" TINYC_MVE_LEAVE(TINYC_MVE_NEXT_PIXELS));                                                   \
    }

/* The inner blocks by what they read: pixels, or windows of short or long rows; 1 to 3 steps in registers, or `unrolled`, or `any`. */
#define TINYC_MVE_DEFINE_RESIDENT(name, n, before, next)                                                                       \
    TINYC_MVE_DEFINE_PAIRS(name, "", before,                                                                                   \
                           TINYC_MVE_RESIDENT_BLOCKS(TINYC_MVE_LOAD_##n, TINYC_MVE_THREE_##n, TINYC_MVE_TWO_##n), next)

#define TINYC_MVE_DEFINE_UNROLLED(name, before, next)                                                                          \
    TINYC_MVE_DEFINE_PAIRS(name, TINYC_MVE_ENTRY(TINYC_MVE_PAIR_BYTES), before,                                                \
                           TINYC_MVE_PAIR_BLOCKS(TINYC_MVE_UNROLLED, TINYC_MVE_ROLLED), next)

TINYC_MVE_DEFINE_RESIDENT(tinyc_mve_pairs_blocks_1, 1, TINYC_MVE_PIXELS, TINYC_MVE_NEXT_PIXELS)
TINYC_MVE_DEFINE_RESIDENT(tinyc_mve_pairs_blocks_2, 2, TINYC_MVE_PIXELS, TINYC_MVE_NEXT_PIXELS)
TINYC_MVE_DEFINE_RESIDENT(tinyc_mve_pairs_blocks_3, 3, TINYC_MVE_PIXELS, TINYC_MVE_NEXT_PIXELS)
TINYC_MVE_DEFINE_UNROLLED(tinyc_mve_pairs_blocks_unrolled, TINYC_MVE_PIXELS, TINYC_MVE_NEXT_PIXELS)
TINYC_MVE_DEFINE_PAIRS(tinyc_mve_pairs_blocks_any, "", TINYC_MVE_PIXELS, TINYC_MVE_PAIR_BLOCKS(TINYC_MVE_PREDICATED, TINYC_MVE_PREDICATED),
                       TINYC_MVE_NEXT_PIXELS)
TINYC_MVE_DEFINE_RESIDENT(tinyc_mve_short_blocks_1, 1, TINYC_MVE_SHORT, TINYC_MVE_NEXT_WINDOWS)
TINYC_MVE_DEFINE_RESIDENT(tinyc_mve_short_blocks_2, 2, TINYC_MVE_SHORT, TINYC_MVE_NEXT_WINDOWS)
TINYC_MVE_DEFINE_RESIDENT(tinyc_mve_short_blocks_3, 3, TINYC_MVE_SHORT, TINYC_MVE_NEXT_WINDOWS)
TINYC_MVE_DEFINE_UNROLLED(tinyc_mve_short_blocks_unrolled, TINYC_MVE_SHORT, TINYC_MVE_NEXT_WINDOWS)
TINYC_MVE_DEFINE_UNROLLED(tinyc_mve_long_blocks_unrolled, TINYC_MVE_LONG, TINYC_MVE_NEXT_WINDOWS)
TINYC_MVE_DEFINE_SINGLES(tinyc_mve_singles_blocks_unrolled, TINYC_MVE_ENTRY(TINYC_MVE_SINGLE_BYTES), TINYC_MVE_UNROLLED, TINYC_MVE_ROLLED)
TINYC_MVE_DEFINE_SINGLES(tinyc_mve_singles_blocks_any, "", TINYC_MVE_PREDICATED, TINYC_MVE_PREDICATED)

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

/* Up to fifteen bytes after the windows may be overwritten. */
TINYC_INLINE void tinyc_mve_gather_c(const tinyc_mve_product *job)
{
    int8_t *a = (int8_t *)(uintptr_t)job->a, *b = (int8_t *)(uintptr_t)job->b;
    const char *rows = (const char *)job->rows;
    for (int32_t i = 0; i < job->row_count; ++i, rows += job->row_step) {
        const int8_t *row = (const int8_t *)*(const void *const *)(const void *)rows + job->offset;
        a = tinyc_mve_copy(a, row, job->bytes);
        b = tinyc_mve_copy(b, row + job->next, job->bytes);
    }
    for (int32_t i = 0; job->row_count > 0 && i < TINYC_MVE_BLOCK - job->bytes; ++i) {
        a[i] = 0;
        b[i] = 0;
    }
}

enum { TINYC_MVE_SINGLE, TINYC_MVE_PAIR, TINYC_MVE_WINDOW_PAIR };

TINYC_INLINE void tinyc_mve_multiply_c(tinyc_mve_product *job, int32_t depth, int kind)
{
    for (; job->count > 0; --job->count) {
        if (kind == TINYC_MVE_WINDOW_PAIR) {
            tinyc_mve_gather_c(job);
        }
        tinyc_mve_pixel_c(job, job->a, (int32_t *)(uintptr_t)job->finish.sums, depth);
        if (kind != TINYC_MVE_SINGLE) {
            tinyc_mve_pixel_c(job, job->b, job->sums_b, depth);
        }
        job->end(&job->finish);
        if (kind != TINYC_MVE_SINGLE && job->out_b != 0) {
            tinyc_mve_requantization second = job->finish;
            second.sums = job->sums_b;
            second.out += job->out_b;
            job->end(&second);
        }
        if (kind == TINYC_MVE_WINDOW_PAIR) {
            job->offset += job->in_step;
        } else {
            job->a += job->in_step;
            job->b += job->in_step;
        }
        job->finish.out += job->out_step;
    }
}

#define TINYC_MVE_DEFINE(name, depth, kind)                                                                                    \
    TINYC_SHARED void name(tinyc_mve_product *job)                                                                             \
    {                                                                                                                          \
        tinyc_mve_multiply_c(job, depth, kind);                                                                                \
    }

TINYC_MVE_DEFINE(tinyc_mve_pairs_blocks_1, job->rounds, TINYC_MVE_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_pairs_blocks_2, TINYC_MVE_BLOCK + job->rounds, TINYC_MVE_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_pairs_blocks_3, 2 * TINYC_MVE_BLOCK + job->rounds, TINYC_MVE_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_pairs_blocks_unrolled, TINYC_MVE_BLOCK * job->steps, TINYC_MVE_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_pairs_blocks_any, job->rounds, TINYC_MVE_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_short_blocks_1, job->rounds, TINYC_MVE_WINDOW_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_short_blocks_2, TINYC_MVE_BLOCK + job->rounds, TINYC_MVE_WINDOW_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_short_blocks_3, 2 * TINYC_MVE_BLOCK + job->rounds, TINYC_MVE_WINDOW_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_short_blocks_unrolled, TINYC_MVE_BLOCK * job->steps, TINYC_MVE_WINDOW_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_long_blocks_unrolled, TINYC_MVE_BLOCK * job->steps, TINYC_MVE_WINDOW_PAIR)
TINYC_MVE_DEFINE(tinyc_mve_singles_blocks_unrolled, TINYC_MVE_BLOCK * job->steps, TINYC_MVE_SINGLE)
TINYC_MVE_DEFINE(tinyc_mve_singles_blocks_any, job->rounds, TINYC_MVE_SINGLE)

#endif

#endif
