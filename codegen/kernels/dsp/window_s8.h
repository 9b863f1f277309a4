/* The inner blocks of convolutions without widening: one pixel times four output channels, straight from the rows' bytes.
 *
 * A window is a list of pointers to runs of adjacent bytes, all of one length that is a multiple of four.  Weights and constants are
 * those of the pairs in matmul_s8.h.  Slower than pairs, but all that it needs beside the rows is the list.
 */
#ifndef TINYC_DSP_WINDOW_S8_H
#define TINYC_DSP_WINDOW_S8_H

#include "dsp/matmul_s8.h"

/* In scratch, which is aligned by four on every machine. */
#if defined(__GNUC__)
typedef const int8_t *tinyc_run __attribute__((aligned(4)));
#else
typedef const int8_t *tinyc_run;
#endif

typedef struct {
    const tinyc_run *runs;
    const int32_t *weights;
    const tinyc_run *runs_end;
    const int32_t *weights_end; /* after whole blocks, at least one */
    int32_t run_bytes;
    int8_t *out;
    uint32_t skip; /* bytes of code, less 1: where the unrolled loop is entered; in compact blocks the low half, then `zero` */
} tinyc_window;

typedef void tinyc_window_blocks(const tinyc_window *job);

enum { TINYC_WINDOW_GROUP_BYTES = 64 };

TINYC_INLINE void tinyc_set_runs(tinyc_window *job, const tinyc_run *runs, const tinyc_run *runs_end, int32_t run_bytes)
{
    job->runs = runs;
    job->runs_end = runs_end;
    job->run_bytes = run_bytes;
    job->skip = TINYC_WINDOW_GROUP_BYTES * ((uint32_t)(run_bytes >> 2) & 3u) - 1u;
}

#if TINYC_HAS_DSP

/* acts r0, weights r1, inputs r2 (even) r3 (odd), weights r8 .. r11; sums: channels 01 r4 and 0 r5, channels 23 r6 and 2 r7. */
#define TINYC_WINDOW_GROUP                                                                                                     \
    "ldr.w r3, [r0], #4\n"                                                                                                     \
    "ldmia.w r1!, {r8, r9, r10, r11}\n"                                                                                        \
    "sxtb16 r2, r3\n"                                                                                                          \
    "sxtb16 r3, r3, ror #8\n"                                                                                                  \
    "smlad r4, r8, r2, r4\n"                                                                                                   \
    "sxtb16 r8, r8\n"                                                                                                          \
    "smlad r5, r8, r2, r5\n"                                                                                                   \
    "smlad r6, r9, r2, r6\n"                                                                                                   \
    "sxtb16 r9, r9\n"                                                                                                          \
    "smlad r7, r9, r2, r7\n"                                                                                                   \
    "smlad r4, r10, r3, r4\n"                                                                                                  \
    "sxtb16 r10, r10\n"                                                                                                        \
    "smlad r5, r10, r3, r5\n"                                                                                                  \
    "smlad r6, r11, r3, r6\n"                                                                                                  \
    "sxtb16 r11, r11\n"                                                                                                        \
    "smlad r7, r11, r3, r7\n"

/* `skip` alone, or in halves: what the stack holds after `entry`, and its bytes. */
#define TINYC_READY_SKIP
#define TINYC_READY_PUSH "push {r0, r2, r3, r4, r5, r6}\n"
#define TINYC_READY_POP "add sp, sp, #24\n"
#define TINYC_COMPACT_SKIP                                                                                                     \
    "asr r8, r6, #16\n"                                                                                                        \
    "sxth r6, r6\n"
#define TINYC_COMPACT_PUSH "push {r0, r2, r3, r4, r5, r6, r8}\n"
#define TINYC_COMPACT_POP "add sp, sp, #28\n"

#define TINYC_REQUANTIZE_WINDOW(constants, high_mul, sum, doubling)                                                            \
    constants("24")                                                                                                            \
    TINYC_REQUANTIZE(high_mul, sum, doubling)                                                                                  \
    "strb " sum ", [r8], #1\n"

/* Stack: 0 runs, 4 runs_end, 8 weights_end, 12 run_bytes, 16 out, 20 entry, 24 `zero`.  The next run r12, this run's end lr. */
#define TINYC_DEFINE_WINDOW_BLOCKS(name, constants, high_mul)                                                                  \
    TINYC_NAKED void name(TINYC_ARGUMENT const tinyc_window *job)                                                              \
    {                                                                                                                          \
        __asm__ volatile(                                                                                                      \
            "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                                    \
            "ldmia.w r0, {r0, r1, r2, r3, r4, r5, r6}\n"                                                                       \
            "adr.w r7, 3f\n"                                                                                                   \
            constants##_SKIP                                                                                                   \
            "sub r6, r7, r6\n"                                                                                                 \
            constants##_PUSH                                                                                                   \
            "1:\n"                                                                                                             \
            "ldr.w r12, [sp]\n"                                                                                                \
            "mov r4, #0\n"                                                                                                     \
            "mov r5, #0\n"                                                                                                     \
            "mov r6, #0\n"                                                                                                     \
            "mov r7, #0\n"                                                                                                     \
            "4:\n"                                                                                                             \
            "ldr.w r0, [r12], #4\n"                                                                                            \
            "ldr.w lr, [sp, #12]\n"                                                                                            \
            "add lr, lr, r0\n"                                                                                                 \
            "ldr.w pc, [sp, #20]\n"                                                                                            \
            "2:\n"                                                                                                             \
            TINYC_WINDOW_GROUP TINYC_WINDOW_GROUP TINYC_WINDOW_GROUP TINYC_WINDOW_GROUP                                        \
            "3:\n"                                                                                                             \
            "cmp r0, lr\n"                                                                                                     \
            "bne.w 2b\n"                                                                                                       \
            "ldr r2, [sp, #4]\n"                                                                                               \
            "cmp r12, r2\n"                                                                                                    \
            "bne.w 4b\n"                                                                                                       \
            "sub r4, r4, r5\n"                                                                                                 \
            "sub r6, r6, r7\n"                                                                                                 \
            "ldr.w r8, [sp, #16]\n"                                                                                            \
            TINYC_REQUANTIZE_WINDOW(constants, high_mul, "r5", "lsl #1")                                                       \
            TINYC_REQUANTIZE_WINDOW(constants, high_mul, "r4", "asr #7")                                                       \
            TINYC_REQUANTIZE_WINDOW(constants, high_mul, "r7", "lsl #1")                                                       \
            TINYC_REQUANTIZE_WINDOW(constants, high_mul, "r6", "asr #7")                                                       \
            "str.w r8, [sp, #16]\n"                                                                                            \
            "ldr r0, [sp, #8]\n"                                                                                               \
            "cmp r1, r0\n"                                                                                                     \
            "bne.w 1b\n"                                                                                                       \
            constants##_POP                                                                                                    \
            "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                                   \
    }

TINYC_DEFINE_WINDOW_BLOCKS(tinyc_window_blocks_ties, TINYC_READY, TINYC_TIES)
TINYC_DEFINE_WINDOW_BLOCKS(tinyc_window_blocks_relu, TINYC_READY, TINYC_RELU)
TINYC_DEFINE_WINDOW_BLOCKS(tinyc_compact_window_blocks_ties, TINYC_COMPACT, TINYC_TIES)
TINYC_DEFINE_WINDOW_BLOCKS(tinyc_compact_window_blocks_relu, TINYC_COMPACT, TINYC_RELU)

#else

TINYC_INLINE void tinyc_window_blocks_c(const tinyc_window *job, int32_t words, int32_t ties)
{
    const tinyc_form form = {words, ties, tinyc_lane16(job->skip, 1)};
    int8_t *out = job->out;
    for (const int32_t *weights = job->weights; weights != job->weights_end; out += 4) {
        int32_t sums[4] = {0, 0, 0, 0};
        for (const tinyc_run *run = job->runs; run != job->runs_end; ++run) {
            for (int32_t i = 0; i < job->run_bytes; i += 4) {
                const uint32_t word = tinyc_load32(*run + i);
                weights = tinyc_step_1x4(sums, tinyc_sxtb16(word), weights);
                weights = tinyc_step_1x4(sums, tinyc_sxtb16_ror8(word), weights);
            }
        }
        weights = tinyc_store_1x4(out, sums, weights, &form);
    }
}

#define TINYC_DEFINE_WINDOW_BLOCKS(name, words, ties)                                                                          \
    TINYC_SHARED void name(const tinyc_window *job) { tinyc_window_blocks_c(job, words, ties); }

TINYC_DEFINE_WINDOW_BLOCKS(tinyc_window_blocks_ties, TINYC_REQUANTIZATION_WORDS, 1)
TINYC_DEFINE_WINDOW_BLOCKS(tinyc_window_blocks_relu, TINYC_REQUANTIZATION_WORDS, 0)
TINYC_DEFINE_WINDOW_BLOCKS(tinyc_compact_window_blocks_ties, TINYC_COMPACT_WORDS, 1)
TINYC_DEFINE_WINDOW_BLOCKS(tinyc_compact_window_blocks_relu, TINYC_COMPACT_WORDS, 0)

#endif

#endif
