/* Depthwise convolution of int8 by 3x3 windows, four channels at a time.
 *
 * The columns of a row of windows are staged first, in scratch: of each input column, and four channels, the two upper taps of every
 * channel in one word {upper, middle}, and the lowest taps of two channels in another.  Then every channel slides along its columns with
 * its weights in registers; one column serves three windows.  Columns outside the image are staged as zero points, which are folded into
 * the biases, so the borders need no code.  Assembly, because all fourteen registers are in use.
 *
 * Constants come as one stream: of each channel, in groups of four in the order 0, 2, 1, 3, eight words: the doubled weights {upper,
 * middle} of the left, middle and right columns, the lowest {left, middle}, {shift, right}, the doubled bias, multiplier and offset
 * (requantize.h).  A last group that is not full starts earlier and repeats channels.
 */
#ifndef TINYC_DSP_DEPTHWISE_3X3_S8_H
#define TINYC_DSP_DEPTHWISE_3X3_S8_H

#include "dsp/dsp.h"

typedef struct {
    const int32_t *stream;
    int32_t channels; /* at least 4 */
    int32_t row_dilation;
    int32_t pad_left;
    int32_t in_columns;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t in_zero_point;
    int32_t part; /* the most output pixels whose columns fit scratch */
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_depthwise_3x3_s8_dsp;

enum {
    TINYC_DEPTHWISE_COLUMN_BYTES = 28, /* {pair 0, lowest 0 and 2, pair 2, pair 1, lowest 1 and 3, pair 3, four outputs} */
    TINYC_DEPTHWISE_STAGE_BYTES = 60,  /* of code, for one column */
    TINYC_NEXT_BYTES_1_ties = 52,      /* of code, for one output pixel, by stride and ties */
    TINYC_NEXT_BYTES_1_relu = 44,
    TINYC_NEXT_BYTES_2_ties = 56,
    TINYC_NEXT_BYTES_2_relu = 48
};

/* Some output pixels of a row, all channels.  `_at` is in bytes from the first staged column. */
typedef struct {
    int32_t end_at;
    uint32_t skip_next; /* bytes of code, less 1: where the unrolled loops are entered */
    uint32_t skip_stage;
    int32_t count;
    const int32_t *stream;
    uint32_t *columns;
    int8_t *out;
    int32_t out_stride;
    int32_t left;         /* channels after the first group */
    const int8_t *row[3]; /* `offset` bytes before the first column inside */
    int32_t inside_at;
    int32_t span; /* in_stride times the columns inside */
    int32_t in_stride;
    int32_t offset;
    int32_t before; /* columns outside: how many, then where those after the last start, and how many */
    int32_t after_at;
    int32_t after;
    uint32_t outside; /* two zero points */
} tinyc_depthwise_job;

#if TINYC_HAS_DSP

/* Four channels of one column: base r0, rows r1 r2, to r3, in_stride lr. */
#define TINYC_DEPTHWISE_STAGE                                                                                                  \
    "ldr.w r4, [r0]\n"                                                                                                         \
    "ldr.w r6, [r0, r1]\n"                                                                                                     \
    "ldr.w r8, [r0, r2]\n"                                                                                                     \
    "add.w r0, r0, lr\n"                                                                                                       \
    "sxtb16 r11, r4\n"                                                                                                         \
    "sxtb16 r10, r4, ror #8\n"                                                                                                 \
    "sxtb16 r9, r6, ror #8\n"                                                                                                  \
    "sxtb16 r6, r6\n"                                                                                                          \
    "sxtb16 r5, r8\n"                                                                                                          \
    "sxtb16 r8, r8, ror #8\n"                                                                                                  \
    "pkhbt r4, r11, r6, lsl #16\n"                                                                                             \
    "pkhtb r6, r6, r11, asr #16\n"                                                                                             \
    "pkhbt r7, r10, r9, lsl #16\n"                                                                                             \
    "pkhtb r9, r9, r10, asr #16\n"                                                                                             \
    "stmia.w r3!, {r4, r5, r6, r7, r8, r9, r10}\n"

/* Weights r0 .. r4 (the shift in r4's low byte), bias r5, multiplier r6, offset r7; a column's words r8 (pair) and r9 (lowest), both
 * after r12; output offset lr. */
#define TINYC_DEPTHWISE_COLUMN_0 "ldrd r8, r9, [r12], #28\n"
#define TINYC_DEPTHWISE_COLUMN_2 "ldrd r9, r8, [r12], #28\n"

/* A right, middle or left column. */
#define TINYC_DEPTHWISE_RIGHT(lane, sum) "smlad " sum ", r8, r2, " sum "\n smla" lane "t " sum ", r9, r4, " sum "\n"
#define TINYC_DEPTHWISE_MIDDLE(lane, sum) "smlad " sum ", r8, r1, " sum "\n smla" lane "t " sum ", r9, r3, " sum "\n"
#define TINYC_DEPTHWISE_LEFT(lane, sum) "smla" lane "b " sum ", r9, r3, " sum "\n"

/* Store a sum and begin the next one with its left column. */
#define TINYC_DEPTHWISE_STORE(sum)                                                                                             \
    "asr.w " sum ", " sum ", r4\n"                                                                                             \
    "ssat " sum ", #8, " sum "\n"                                                                                              \
    "strb.w " sum ", [r12, lr]\n"
#define TINYC_DEPTHWISE_NEXT_relu(lane, sum)                                                                                   \
    "smmlar " sum ", " sum ", r6, r7\n"                                                                                        \
    TINYC_DEPTHWISE_STORE(sum)                                                                                                 \
    "smlad " sum ", r8, r0, r5\n"                                                                                              \
    TINYC_DEPTHWISE_LEFT(lane, sum)
#define TINYC_DEPTHWISE_NEXT_ties(lane, sum)                                                                                   \
    "add.w r5, r7, " sum ", asr #31\n"                                                                                         \
    "smmlar " sum ", " sum ", r6, r5\n"                                                                                        \
    TINYC_DEPTHWISE_STORE(sum)                                                                                                 \
    "ldr.w " sum ", [sp, #80]\n"                                                                                               \
    "smlad " sum ", r8, r0, " sum "\n"                                                                                         \
    TINYC_DEPTHWISE_LEFT(lane, sum)

/* Stride 1: a column is the right one of the sum a, the middle one of b and the left one of the next a.  Where the count is odd the loop
 * is entered at its second or fourth quarter, with the sums swapped. */
#define TINYC_DEPTHWISE_START_1                                                                                                \
    "mov r10, r5\n"                                                                                                            \
    "mov r11, r6\n"                                                                                                            \
    "lsls r8, r8, #31\n"                                                                                                       \
    "beq 1f\n"                                                                                                                 \
    "adr.w r10, 11f\n"                                                                                                         \
    "add.w r10, r10, #1\n"                                                                                                     \
    "adr.w r11, 21f\n"                                                                                                         \
    "add.w r11, r11, #1\n"                                                                                                     \
    "1:\n"                                                                                                                     \
    "strd r10, r11, [sp, #72]\n"
#define TINYC_DEPTHWISE_NEXT_1(load, lane, next, a, b)                                                                         \
    load                                                                                                                       \
    TINYC_DEPTHWISE_RIGHT(lane, a)                                                                                             \
    TINYC_DEPTHWISE_MIDDLE(lane, b)                                                                                            \
    next(lane, a)
#define TINYC_DEPTHWISE_BEGIN_1(load, lane, swap, start, entry)                                                                \
    load                                                                                                                       \
    "smlad r10, r8, r0, r5\n"                                                                                                  \
    TINYC_DEPTHWISE_LEFT(lane, "r10")                                                                                          \
    load                                                                                                                       \
    TINYC_DEPTHWISE_MIDDLE(lane, "r10")                                                                                        \
    "smlad r11, r8, r0, r5\n"                                                                                                  \
    TINYC_DEPTHWISE_LEFT(lane, "r11")                                                                                          \
    "ldr.w pc, [sp, #" start "]\n"                                                                                             \
    swap ":\n"                                                                                                                 \
    "mov r8, r10\n"                                                                                                            \
    "mov r10, r11\n"                                                                                                           \
    "mov r11, r8\n"                                                                                                            \
    "ldr.w pc, [sp, #" entry "]\n"
#define TINYC_DEPTHWISE_LOOP_1(load, lane, next)                                                                               \
    TINYC_DEPTHWISE_NEXT_1(load, lane, next, "r10", "r11")                                                                     \
    TINYC_DEPTHWISE_NEXT_1(load, lane, next, "r11", "r10")                                                                     \
    TINYC_DEPTHWISE_NEXT_1(load, lane, next, "r10", "r11")                                                                     \
    TINYC_DEPTHWISE_NEXT_1(load, lane, next, "r11", "r10")

/* Stride 2: two columns a sum. */
#define TINYC_DEPTHWISE_START_2
#define TINYC_DEPTHWISE_NEXT_2(load, lane, next)                                                                               \
    load                                                                                                                       \
    TINYC_DEPTHWISE_MIDDLE(lane, "r10")                                                                                        \
    load                                                                                                                       \
    TINYC_DEPTHWISE_RIGHT(lane, "r10")                                                                                         \
    next(lane, "r10")
#define TINYC_DEPTHWISE_BEGIN_2(load, lane, swap, start, entry)                                                                \
    load                                                                                                                       \
    "smlad r10, r8, r0, r5\n"                                                                                                  \
    TINYC_DEPTHWISE_LEFT(lane, "r10")                                                                                          \
    "ldr.w pc, [sp, #" entry "]\n"
#define TINYC_DEPTHWISE_LOOP_2(load, lane, next)                                                                               \
    TINYC_DEPTHWISE_NEXT_2(load, lane, next)                                                                                   \
    TINYC_DEPTHWISE_NEXT_2(load, lane, next)

/* The next channel: its constants, where its words are. */
#define TINYC_DEPTHWISE_CHANNEL_relu                                                                                           \
    "ldr.w r8, [sp, #32]\n"                                                                                                    \
    "ldmia.w r8!, {r0, r1, r2, r3, r4, r5, r6, r7}\n"                                                                          \
    "str.w r8, [sp, #32]\n"                                                                                                    \
    "ldrd r12, lr, [sp, #8]\n"

#define TINYC_DEPTHWISE_CHANNEL_ties TINYC_DEPTHWISE_CHANNEL_relu "str.w r5, [sp, #80]\n"

/* The stack holds a copy of the job, addresses for offsets and skips, at 72 where the loops start, at 80 the bias. */
#define TINYC_DEFINE_DEPTHWISE(name, stride, ties, pitch)                                                                      \
    TINYC_NAKED void name(TINYC_ARGUMENT const tinyc_depthwise_job *job)                                                       \
    {                                                                                                                          \
        __asm__ volatile(                                                                                                      \
            "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                                    \
            "sub.w sp, sp, #92\n"                                                                                              \
            "mov r12, sp\n"                                                                                                    \
            "ldmia.w r0!, {r1, r5, r7, r8, r9, lr}\n"                                                                          \
            "str.w lr, [sp, #84]\n"                                                                                            \
            "add r1, r1, lr\n"                                                                                                 \
            "add.w r2, r1, #4\n"                                                                                               \
            "mov r3, lr\n"                                                                                                     \
            "mvn r4, #59\n"                                                                                                    \
            "adr.w r10, 23f\n"                                                                                                 \
            "sub r6, r10, r5\n"                                                                                                \
            "adr.w r10, 13f\n"                                                                                                 \
            "sub r5, r10, r5\n"                                                                                                \
            "adr.w r10, 3f\n"                                                                                                  \
            "sub r7, r10, r7\n"                                                                                                \
            "stmia.w r12!, {r1, r2, r3, r4, r5, r6, r7, r8, r9}\n"                                                             \
            TINYC_DEPTHWISE_START_##stride                                                                                     \
            "ldmia.w r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10}\n"                                                         \
            "sub r5, r5, r4\n"                                                                                                 \
            "sub r6, r6, r4\n"                                                                                                 \
            "add r4, r4, r10\n"                                                                                                \
            "add r7, r7, lr\n"                                                                                                 \
            "stmia.w r12!, {r1, r2, r3, r4, r5, r6, r7, r8, r9}\n"                                                             \
            "ldmia.w r0!, {r1, r2, r3, r4}\n"                                                                                  \
            "add r2, r2, lr\n"                                                                                                 \
            "mov r5, r4\n"                                                                                                     \
            "mov r6, r4\n"                                                                                                     \
            "mov r7, r4\n"                                                                                                     \
            "mov r8, r4\n"                                                                                                     \
            "mov r9, r4\n"                                                                                                     \
            "b 1f\n"                                                                                                           \
            "0:\n"                                                                                                             \
            "stmia.w lr!, {r4, r5, r6, r7, r8, r9, r10}\n"                                                                     \
            "1:\n"                                                                                                             \
            "subs r1, r1, #1\n"                                                                                                \
            "bpl 0b\n"                                                                                                         \
            "b 1f\n"                                                                                                           \
            "0:\n"                                                                                                             \
            "stmia.w r2!, {r4, r5, r6, r7, r8, r9, r10}\n"                                                                     \
            "1:\n"                                                                                                             \
            "subs r3, r3, #1\n"                                                                                                \
            "bpl 0b\n"                                                                                                         \
            "4:\n"                                                                                                             \
            "add r8, sp, #48\n"                                                                                                \
            "ldmia.w r8, {r0, r1, r2, r3, r12, lr}\n"                                                                          \
            "add r12, r12, r0\n"                                                                                               \
            "ldr.w pc, [sp, #24]\n"                                                                                            \
            "2:\n"                                                                                                             \
            TINYC_DEPTHWISE_STAGE TINYC_DEPTHWISE_STAGE                                                                        \
            "3:\n"                                                                                                             \
            "cmp r0, r12\n"                                                                                                    \
            "bne.w 2b\n"                                                                                                       \
            "5:\n"                                                                                                             \
            TINYC_DEPTHWISE_CHANNEL_##ties                                                                                     \
            TINYC_DEPTHWISE_BEGIN_##stride(TINYC_DEPTHWISE_COLUMN_0, "b", "11", "72", "16")                                    \
            "12:\n"                                                                                                            \
            TINYC_DEPTHWISE_LOOP_##stride(TINYC_DEPTHWISE_COLUMN_0, "b", TINYC_DEPTHWISE_NEXT_##ties)                          \
            "13:\n"                                                                                                            \
            "ldr.w r8, [sp]\n"                                                                                                 \
            "cmp r12, r8\n"                                                                                                    \
            "bne.w 12b\n"                                                                                                      \
            TINYC_DEPTHWISE_CHANNEL_##ties                                                                                     \
            "add.w r12, r12, #4\n"                                                                                             \
            "sub.w lr, lr, #2\n"                                                                                               \
            TINYC_DEPTHWISE_BEGIN_##stride(TINYC_DEPTHWISE_COLUMN_2, "t", "21", "76", "20")                                    \
            "22:\n"                                                                                                            \
            TINYC_DEPTHWISE_LOOP_##stride(TINYC_DEPTHWISE_COLUMN_2, "t", TINYC_DEPTHWISE_NEXT_##ties)                          \
            "23:\n"                                                                                                            \
            "ldr.w r8, [sp, #4]\n"                                                                                             \
            "cmp r12, r8\n"                                                                                                    \
            "bne.w 22b\n"                                                                                                      \
            "ldmia.w sp, {r0, r1, r2, r3}\n"                                                                                   \
            "cmn r3, #60\n"                                                                                                    \
            "bne 6f\n"                                                                                                         \
            "adds r0, #12\n"                                                                                                   \
            "adds r1, #12\n"                                                                                                   \
            "adds r2, #12\n"                                                                                                   \
            "subs r3, #11\n"                                                                                                   \
            "stmia.w sp, {r0, r1, r2, r3}\n"                                                                                   \
            "b.w 5b\n"                                                                                                         \
            "6:\n"                                                                                                             \
            "subs r0, #12\n"                                                                                                   \
            "subs r1, #12\n"                                                                                                   \
            "subs r2, #12\n"                                                                                                   \
            "adds r3, #11\n"                                                                                                   \
            "stmia.w sp, {r0, r1, r2, r3}\n"                                                                                   \
            "ldr.w r12, [sp, #84]\n"                                                                                           \
            "add.w r12, r12, #24\n"                                                                                            \
            "ldrd r0, r1, [sp, #36]\n"                                                                                         \
            "ldr r2, [sp, #28]\n"                                                                                              \
            "lsls r3, r2, #31\n"                                                                                               \
            "bne 8f\n"                                                                                                         \
            "7:\n"                                                                                                             \
            "ldr r3, [r12], #" pitch "\n"                                                                                      \
            "str r3, [r0]\n"                                                                                                   \
            "add r0, r0, r1\n"                                                                                                 \
            "8:\n"                                                                                                             \
            "ldr r3, [r12], #" pitch "\n"                                                                                      \
            "str r3, [r0]\n"                                                                                                   \
            "add r0, r0, r1\n"                                                                                                 \
            "subs r2, #2\n"                                                                                                    \
            "bgt 7b\n"                                                                                                         \
            "ldr r0, [sp, #44]\n"                                                                                              \
            "cbz r0, 9f\n"                                                                                                     \
            "movs r1, #4\n"                                                                                                    \
            "cmp r0, #4\n"                                                                                                     \
            "bge 7f\n"                                                                                                         \
            "mov r1, r0\n"                                                                                                     \
            "7:\n"                                                                                                             \
            "subs r0, r0, r1\n"                                                                                                \
            "str r0, [sp, #44]\n"                                                                                              \
            "ldr r2, [sp, #48]\n"                                                                                              \
            "add r2, r2, r1\n"                                                                                                 \
            "str r2, [sp, #48]\n"                                                                                              \
            "ldr r2, [sp, #36]\n"                                                                                              \
            "add r2, r2, r1\n"                                                                                                 \
            "str r2, [sp, #36]\n"                                                                                              \
            "b.w 4b\n"                                                                                                         \
            "9:\n"                                                                                                             \
            "add.w sp, sp, #92\n"                                                                                              \
            "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                                   \
    }

TINYC_DEFINE_DEPTHWISE(tinyc_depthwise_1_ties, 1, ties, "28")
TINYC_DEFINE_DEPTHWISE(tinyc_depthwise_1_relu, 1, relu, "28")
TINYC_DEFINE_DEPTHWISE(tinyc_depthwise_2_ties, 2, ties, "56")
TINYC_DEFINE_DEPTHWISE(tinyc_depthwise_2_relu, 2, relu, "56")

#else

/* The input of one channel at a row and a staged column. */
TINYC_INLINE int32_t tinyc_depthwise_input(const tinyc_depthwise_job *job, int32_t row, int32_t column, int32_t channel)
{
    const int32_t inside = column - job->before;
    if (inside < 0 || inside * job->in_stride >= job->span) {
        return tinyc_lane16(job->outside, 0);
    }
    return job->row[row][job->offset + inside * job->in_stride + channel];
}

TINYC_INLINE int8_t tinyc_depthwise_output(const tinyc_depthwise_job *job, const int32_t *by, int32_t column, int32_t channel, int32_t ties)
{
    const int32_t lowest[3] = {tinyc_lane16((uint32_t)by[3], 0), tinyc_lane16((uint32_t)by[3], 1), tinyc_lane16((uint32_t)by[4], 1)};
    int32_t sum = by[5];
    for (int32_t k = 0; k < 3; ++k) {
        sum += tinyc_lane16((uint32_t)by[k], 0) * tinyc_depthwise_input(job, 0, column + k, channel);
        sum += tinyc_lane16((uint32_t)by[k], 1) * tinyc_depthwise_input(job, 1, column + k, channel);
        sum += lowest[k] * tinyc_depthwise_input(job, 2, column + k, channel);
    }
    const int32_t tie = ties && sum < 0 ? -1 : 0;
    return (int8_t)tinyc_ssat8(tinyc_smmlar(sum, by[6], by[7] + tie) >> (by[4] & 0xff));
}

TINYC_INLINE void tinyc_depthwise_c(const tinyc_depthwise_job *job, int32_t stride, int32_t ties)
{
    const int32_t channels = job->left + 4, order[4] = {0, 2, 1, 3};
    const int32_t *by = job->stream;
    for (int32_t c = 0; c < channels; c += 4) {
        const int32_t first = c < channels - 4 ? c : channels - 4;
        for (int32_t i = 0; i < 4; ++i, by += 8) {
            const int32_t channel = first + order[i];
            for (int32_t j = 0; j < job->count; ++j) {
                job->out[j * job->out_stride + channel] = tinyc_depthwise_output(job, by, j * stride, channel, ties);
            }
        }
    }
}

TINYC_SHARED void tinyc_depthwise_1_ties(const tinyc_depthwise_job *job) { tinyc_depthwise_c(job, 1, 1); }
TINYC_SHARED void tinyc_depthwise_1_relu(const tinyc_depthwise_job *job) { tinyc_depthwise_c(job, 1, 0); }
TINYC_SHARED void tinyc_depthwise_2_ties(const tinyc_depthwise_job *job) { tinyc_depthwise_c(job, 2, 1); }
TINYC_SHARED void tinyc_depthwise_2_relu(const tinyc_depthwise_job *job) { tinyc_depthwise_c(job, 2, 0); }

#endif

/* What all parts of a row have in common. */
TINYC_INLINE void tinyc_begin_depthwise(tinyc_depthwise_job *job, int8_t *out, const void *const *in, const tinyc_depthwise_3x3_s8_dsp *p,
                                        uint32_t *scratch)
{
    job->stream = p->stream;
    job->columns = scratch;
    job->out = out;
    job->out_stride = p->out_stride;
    job->left = p->channels - 4;
    job->row[0] = (const int8_t *)in[0];
    job->row[1] = (const int8_t *)in[p->row_dilation];
    job->row[2] = (const int8_t *)in[2 * p->row_dilation];
    job->in_stride = p->in_stride;
    job->outside = tinyc_pkhbt_lsl16((uint32_t)p->in_zero_point, (uint32_t)p->in_zero_point);
}

/* The next part: `columns` columns from input column `left` on; the rows start at column `origin`. */
TINYC_INLINE void tinyc_set_columns(tinyc_depthwise_job *job, int32_t left, int32_t origin, int32_t columns, int32_t in_columns)
{
    const int32_t before = left >= 0 ? 0 : -left < columns ? -left : columns;
    const int32_t room = in_columns - left;
    const int32_t end = room < before ? before : room < columns ? room : columns;
    job->end_at = columns * TINYC_DEPTHWISE_COLUMN_BYTES;
    job->skip_stage = TINYC_DEPTHWISE_STAGE_BYTES * ((uint32_t)(end - before) & 1u) - 1u;
    job->inside_at = before * TINYC_DEPTHWISE_COLUMN_BYTES;
    job->span = (end - before) * job->in_stride;
    job->offset = (left + before - origin) * job->in_stride;
    job->before = before;
    job->after_at = end * TINYC_DEPTHWISE_COLUMN_BYTES;
    job->after = columns - end;
}

/* `count` output pixels from input column `left` on, as evenly as they can be cut into `parts` of which all columns fit.  With `is_same` the
 * one part is what it was at the last call. */
TINYC_INLINE void tinyc_depthwise_parts(tinyc_depthwise_job *job, int32_t left, int32_t origin, int32_t count, int32_t parts, int32_t is_same,
                                        int32_t stride, uint32_t next_bytes, void (*multiply)(const tinyc_depthwise_job *job),
                                        const tinyc_depthwise_3x3_s8_dsp *p)
{
    for (; parts > 0; --parts) {
        if (!is_same) {
            job->count = count / parts;
            tinyc_set_columns(job, left, origin, (job->count - 1) * stride + 3, p->in_columns);
            job->skip_next = next_bytes * ((uint32_t)job->count & (stride == 1 ? 3u : 1u)) - 1u;
        }
        multiply(job);
        job->out += job->count * p->out_stride;
        left += job->count * stride;
        count -= job->count;
    }
}

/* The columns [x0, x1). */
TINYC_INLINE void tinyc_depthwise_3x3(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_3x3_s8_dsp *p,
                                      uint32_t *scratch, int32_t stride, uint32_t next_bytes,
                                      void (*multiply)(const tinyc_depthwise_job *job))
{
    const int32_t left = x0 * stride - p->pad_left, origin = left > 0 ? left : 0, parts = (x1 - x0 + p->part - 1) / p->part;
    tinyc_depthwise_job job;
    tinyc_begin_depthwise(&job, out, in, p, scratch);
    tinyc_depthwise_parts(&job, left, origin, x1 - x0, parts, 0, stride, next_bytes, multiply, p);
    tinyc_clamp_row(out, x1 - x0, p->out_stride, p->channels, p->least, p->most);
}

/* One copy of the code for all layers of one stride, which `pixels` multiplies. */
#define TINYC_DEFINE_DEPTHWISE_3X3(name, row, pixels, stride, ties)                                                            \
    TINYC_SHARED void row(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_3x3_s8_dsp *p, void *scratch)\
    {                                                                                                                          \
        pixels((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, stride, TINYC_NEXT_BYTES_##stride##_##ties,                  \
               tinyc_depthwise_##stride##_##ties);                                                                             \
    }                                                                                                                          \
    TINYC_INLINE void name(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_3x3_s8_dsp *p, void *scratch)\
    {                                                                                                                          \
        row(out, in, x0, x1, p, scratch);                                                                                      \
    }

TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s8__dsp, tinyc_depthwise_row_1_ties, tinyc_depthwise_3x3, 1, ties)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s8__dsp_relu, tinyc_depthwise_row_1_relu, tinyc_depthwise_3x3, 1, relu)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s2_s8__dsp, tinyc_depthwise_row_2_ties, tinyc_depthwise_3x3, 2, ties)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s2_s8__dsp_relu, tinyc_depthwise_row_2_relu, tinyc_depthwise_3x3, 2, relu)

#endif
