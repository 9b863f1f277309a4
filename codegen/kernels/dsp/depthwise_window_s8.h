/* Depthwise convolution of int8 by any window of up to seven rows, four channels at a time.
 *
 * The columns of a row of windows are staged first, in scratch, each channel in a plane of its own: of each input column a word for each
 * pair of window rows, and one for the last row that holds the taps of two channels.  A window is then a run of adjacent words; two
 * neighbouring output pixels are multiplied at a time.  Columns outside the image are staged as zero points, which are folded into the
 * biases.  Where the number of window rows is even, a row of zero weights follows.
 *
 * Constants come as one stream: of each channel, in groups of four, the doubled bias, the doubled weights column by column in the order
 * of the staged words, padded to groups of four words, the multiplier, the offset and the shift (requantize.h).  A last group of channels
 * that is not full starts earlier and repeats channels.
 */
#ifndef TINYC_DSP_DEPTHWISE_WINDOW_S8_H
#define TINYC_DSP_DEPTHWISE_WINDOW_S8_H

#include "dsp/dsp.h"

typedef struct {
    const int32_t *stream;
    int32_t channels; /* at least 4 */
    int32_t window_rows;
    int32_t window_columns;
    int32_t words; /* of a window, in groups of four: up to 28 */
    int32_t row_dilation;
    int32_t stride; /* of columns */
    int32_t pad_left;
    int32_t in_columns;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t in_zero_point;
    int32_t part;        /* the most output pixels whose columns fit scratch */
    int32_t plane_bytes; /* of scratch, for one channel */
    int32_t least;       /* the activation's range */
    int32_t most;
} tinyc_depthwise_window_s8_dsp;

enum {
    TINYC_PLANE_GROUP_BYTES = 44, /* of code, for four words of two windows */
    TINYC_PLANE_PAIR_BYTES = 60,  /* of code, for two rows of a column */
    TINYC_MOST_PLANE_WORDS = 28
};

/* Some output pixels of a row, all channels. */
typedef struct {
    int32_t out_stride;
    int8_t *out; /* of the channel */
    int32_t rest;
    int32_t step_two; /* bytes from the end of a window to the start of the next but one */
    int32_t step_one; /* bytes from one window to the next */
    uint32_t skip_group; /* bytes of code, less 1: where the unrolled code is entered */
    uint32_t skip_pair;
    const int32_t *stream;
    int8_t *first_out;
    int32_t count;
    int32_t left; /* channels after the first group */
    uint32_t *planes;
    int32_t plane_bytes;
    uint32_t *inside; /* where the first column inside is staged */
    int32_t span;     /* in_stride times the columns inside */
    int32_t in_stride;
    const int8_t *row[7]; /* pairs, the last ones used, then the single one */
    int32_t offset;       /* from a row to its first column inside */
} tinyc_planes_job;

#if TINYC_HAS_DSP

/* Two rows of a column: offset r0, to r2 and planes r3 r4 r5 further. */
#define TINYC_PLANE_PAIR(rows)                                                                                                 \
    "ldrd r7, r8, [sp, #" rows "]\n"                                                                                           \
    "ldr.w r7, [r7, r0]\n"                                                                                                     \
    "ldr.w r8, [r8, r0]\n"                                                                                                     \
    "sxtb16 r9, r7\n"                                                                                                          \
    "sxtb16 r10, r8\n"                                                                                                         \
    "sxtb16 r7, r7, ror #8\n"                                                                                                  \
    "sxtb16 r8, r8, ror #8\n"                                                                                                  \
    "pkhbt r11, r9, r10, lsl #16\n"                                                                                            \
    "pkhtb r10, r10, r9, asr #16\n"                                                                                            \
    "pkhbt r9, r7, r8, lsl #16\n"                                                                                              \
    "pkhtb r8, r8, r7, asr #16\n"                                                                                              \
    "str.w r9, [r2, r3]\n"                                                                                                     \
    "str.w r10, [r2, r4]\n"                                                                                                    \
    "str.w r8, [r2, r5]\n"                                                                                                     \
    "str.w r11, [r2], #4\n"

/* Windows r0 and r12, sums r2 and r3, weights r1. */
#define TINYC_PLANE_GROUP                                                                                                      \
    "ldmia.w r1!, {r4, r5, r6, r7}\n"                                                                                          \
    "ldmia.w r0!, {r8, r9, r10, r11}\n"                                                                                        \
    "smlad r2, r8, r4, r2\n"                                                                                                   \
    "smlad r2, r9, r5, r2\n"                                                                                                   \
    "smlad r2, r10, r6, r2\n"                                                                                                  \
    "smlad r2, r11, r7, r2\n"                                                                                                  \
    "ldmia.w r12!, {r8, r9, r10, r11}\n"                                                                                       \
    "smlad r3, r8, r4, r3\n"                                                                                                   \
    "smlad r3, r9, r5, r3\n"                                                                                                   \
    "smlad r3, r10, r6, r3\n"                                                                                                  \
    "smlad r3, r11, r7, r3\n"

/* Multiplier r4, offset r5, shift r6. */
#define TINYC_PLANE_HIGH_relu(sum) "smmlar " sum ", " sum ", r4, r5\n"
#define TINYC_PLANE_HIGH_ties(sum) "add r7, r5, " sum ", asr #31\n smmlar " sum ", " sum ", r4, r7\n"
#define TINYC_PLANE_FINISH(ties, sum) TINYC_PLANE_HIGH_##ties(sum) "asr " sum ", " sum ", r6\n ssat " sum ", #8, " sum "\n"

/* The stack holds a copy of the job, addresses for skips, and at 96 the plane; the channel's weights lr. */
#define TINYC_DEFINE_DEPTHWISE_WINDOW(name, ties)                                                                              \
    TINYC_NAKED void name(TINYC_ARGUMENT const tinyc_planes_job *job)                                                          \
    {                                                                                                                          \
        __asm__ volatile(                                                                                                      \
            "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                                    \
            "sub.w sp, sp, #100\n"                                                                                             \
            "mov r12, sp\n"                                                                                                    \
            "ldmia.w r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                \
            "adr.w r3, 8f\n"                                                                                                   \
            "sub r6, r3, r6\n"                                                                                                 \
            "adr.w r3, 3f\n"                                                                                                   \
            "sub r7, r3, r7\n"                                                                                                 \
            "stmia.w r12!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                               \
            "ldmia.w r0!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                                \
            "stmia.w r12!, {r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"                                               \
            "4:\n"                                                                                                             \
            "add.w r7, sp, #48\n"                                                                                              \
            "ldmia.w r7, {r3, r7, r8, r9}\n"                                                                                   \
            "ldr.w r0, [sp, #92]\n"                                                                                            \
            "mov r2, r7\n"                                                                                                     \
            "add r1, r0, r8\n"                                                                                                 \
            "mov r6, r9\n"                                                                                                     \
            "lsl r4, r3, #1\n"                                                                                                 \
            "add r5, r4, r3\n"                                                                                                 \
            "b 2f\n"                                                                                                           \
            "1:\n"                                                                                                             \
            "ldr.w pc, [sp, #24]\n"                                                                                            \
            "0:\n"                                                                                                             \
            TINYC_PLANE_PAIR("64")                                                                                             \
            TINYC_PLANE_PAIR("72")                                                                                             \
            TINYC_PLANE_PAIR("80")                                                                                             \
            "3:\n"                                                                                                             \
            "ldr.w r7, [sp, #88]\n"                                                                                            \
            "ldr.w r7, [r7, r0]\n"                                                                                             \
            "sxtb16 r8, r7\n"                                                                                                  \
            "sxtb16 r7, r7, ror #8\n"                                                                                          \
            "str.w r7, [r2, r3]\n"                                                                                             \
            "str.w r8, [r2, r4]\n"                                                                                             \
            "str.w r7, [r2, r5]\n"                                                                                             \
            "str.w r8, [r2], #4\n"                                                                                             \
            "add r0, r0, r6\n"                                                                                                 \
            "2:\n"                                                                                                             \
            "cmp r0, r1\n"                                                                                                     \
            "bne 1b\n"                                                                                                         \
            "ldr r0, [sp, #44]\n"                                                                                              \
            "ldr.w lr, [sp, #28]\n"                                                                                            \
            "ldr r5, [sp, #32]\n"                                                                                              \
            "5:\n"                                                                                                             \
            "ldr r6, [sp, #36]\n"                                                                                              \
            "strd r5, r6, [sp, #4]\n"                                                                                          \
            "str r0, [sp, #96]\n"                                                                                              \
            "ldr r4, [sp, #16]\n"                                                                                              \
            "add r12, r0, r4\n"                                                                                                \
            "6:\n"                                                                                                             \
            "mov r1, lr\n"                                                                                                     \
            "ldr.w r2, [r1], #4\n"                                                                                             \
            "mov r3, r2\n"                                                                                                     \
            "ldr.w pc, [sp, #20]\n"                                                                                            \
            TINYC_PLANE_GROUP TINYC_PLANE_GROUP TINYC_PLANE_GROUP TINYC_PLANE_GROUP TINYC_PLANE_GROUP TINYC_PLANE_GROUP        \
            TINYC_PLANE_GROUP                                                                                                  \
            "8:\n"                                                                                                             \
            "ldmia.w r1!, {r4, r5, r6}\n"                                                                                      \
            TINYC_PLANE_FINISH(ties, "r2")                                                                                     \
            TINYC_PLANE_FINISH(ties, "r3")                                                                                     \
            "ldmia.w sp, {r8, r9, r10}\n"                                                                                      \
            "strb.w r2, [r9]\n"                                                                                                \
            "subs r10, r10, #2\n"                                                                                              \
            "blt 7f\n"                                                                                                         \
            "strb.w r3, [r9, r8]\n"                                                                                            \
            "beq 7f\n"                                                                                                         \
            "add r9, r9, r8, lsl #1\n"                                                                                         \
            "strd r9, r10, [sp, #4]\n"                                                                                         \
            "ldrd r4, r5, [sp, #12]\n"                                                                                         \
            "add r0, r0, r4\n"                                                                                                 \
            "add r12, r0, r5\n"                                                                                                \
            "b.w 6b\n"                                                                                                         \
            "7:\n"                                                                                                             \
            "mov lr, r1\n"                                                                                                     \
            "ldr r0, [sp, #96]\n"                                                                                              \
            "ldr r4, [sp, #48]\n"                                                                                              \
            "ldr r5, [sp, #32]\n"                                                                                              \
            "ldr r2, [sp, #44]\n"                                                                                              \
            "add r0, r0, r4\n"                                                                                                 \
            "adds r5, r5, #1\n"                                                                                                \
            "str r5, [sp, #32]\n"                                                                                              \
            "add r2, r2, r4, lsl #2\n"                                                                                         \
            "cmp r0, r2\n"                                                                                                     \
            "bne.w 5b\n"                                                                                                       \
            "str.w lr, [sp, #28]\n"                                                                                            \
            "ldr r0, [sp, #40]\n"                                                                                              \
            "cbz r0, 9f\n"                                                                                                     \
            "movs r1, #4\n"                                                                                                    \
            "cmp r0, #4\n"                                                                                                     \
            "bge 7f\n"                                                                                                         \
            "mov r1, r0\n"                                                                                                     \
            "7:\n"                                                                                                             \
            "subs r0, r0, r1\n"                                                                                                \
            "str r0, [sp, #40]\n"                                                                                              \
            "ldr r2, [sp, #92]\n"                                                                                              \
            "add r2, r2, r1\n"                                                                                                 \
            "str r2, [sp, #92]\n"                                                                                              \
            "subs r1, #4\n"                                                                                                    \
            "add r5, r5, r1\n"                                                                                                 \
            "str r5, [sp, #32]\n"                                                                                              \
            "b.w 4b\n"                                                                                                         \
            "9:\n"                                                                                                             \
            "add.w sp, sp, #100\n"                                                                                             \
            "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");                                                                   \
    }

TINYC_DEFINE_DEPTHWISE_WINDOW(tinyc_depthwise_window_ties, ties)
TINYC_DEFINE_DEPTHWISE_WINDOW(tinyc_depthwise_window_relu, relu)

#else

/* Four channels of one column from where `at` is staged; returns where the next one is. */
TINYC_INLINE uint32_t *tinyc_stage_planes(const tinyc_planes_job *job, uint32_t *at, int32_t offset)
{
    const uint32_t plane = (uint32_t)job->plane_bytes / sizeof *at;
    const int32_t first = 6 - 2 * (int32_t)((job->skip_pair + 1u) / TINYC_PLANE_PAIR_BYTES);
    for (int32_t i = first; i < 6; i += 2, ++at) {
        const uint32_t a = tinyc_load32(job->row[i] + offset), b = tinyc_load32(job->row[i + 1] + offset);
        at[0] = tinyc_pkhbt_lsl16(tinyc_sxtb16(a), tinyc_sxtb16(b));
        at[plane] = tinyc_pkhbt_lsl16(tinyc_sxtb16_ror8(a), tinyc_sxtb16_ror8(b));
        at[2 * plane] = tinyc_pkhtb_asr16(tinyc_sxtb16(b), tinyc_sxtb16(a));
        at[3 * plane] = tinyc_pkhtb_asr16(tinyc_sxtb16_ror8(b), tinyc_sxtb16_ror8(a));
    }
    const uint32_t last = tinyc_load32(job->row[6] + offset);
    at[0] = at[2 * plane] = tinyc_sxtb16(last);
    at[plane] = at[3 * plane] = tinyc_sxtb16_ror8(last);
    return at + 1;
}

/* One channel: returns what follows its constants. */
TINYC_INLINE const int32_t *tinyc_multiply_plane(const tinyc_planes_job *job, int8_t *out, const uint32_t *at, const int32_t *by, int32_t ties)
{
    const int32_t words = 4 * (int32_t)((job->skip_group + 1u) / TINYC_PLANE_GROUP_BYTES);
    const int32_t *last = by + 1 + words;
    for (int32_t j = 0; j < job->count; ++j, at += job->step_one / (int32_t)sizeof *at) {
        int32_t sum = by[0];
        for (int32_t i = 0; i < words; ++i) {
            sum = tinyc_smlad(at[i], (uint32_t)by[1 + i], sum);
        }
        const int32_t tie = ties && sum < 0 ? -1 : 0;
        out[j * job->out_stride] = (int8_t)tinyc_ssat8(tinyc_smmlar(sum, last[0], last[1] + tie) >> last[2]);
    }
    return last + 3;
}

TINYC_INLINE void tinyc_depthwise_window_c(const tinyc_planes_job *job, int32_t ties)
{
    const int32_t channels = job->left + 4;
    const int32_t *by = job->stream;
    for (int32_t c = 0; c < channels; c += 4) {
        const int32_t first = c < channels - 4 ? c : channels - 4;
        uint32_t *at = job->inside;
        for (int32_t offset = 0; offset != job->span; offset += job->in_stride) {
            at = tinyc_stage_planes(job, at, job->offset + offset + first);
        }
        const uint32_t *plane = job->planes;
        for (int32_t i = 0; i < 4; ++i, plane += (uint32_t)job->plane_bytes / sizeof *plane) {
            by = tinyc_multiply_plane(job, job->first_out + first + i, plane, by, ties);
        }
    }
}

TINYC_SHARED void tinyc_depthwise_window_ties(const tinyc_planes_job *job) { tinyc_depthwise_window_c(job, 1); }
TINYC_SHARED void tinyc_depthwise_window_relu(const tinyc_planes_job *job) { tinyc_depthwise_window_c(job, 0); }

#endif

/* The words [first, last) of every plane are of columns outside. */
TINYC_INLINE void tinyc_stage_outside(const tinyc_planes_job *job, int32_t first, int32_t last, uint32_t outside)
{
    uint32_t *plane = job->planes;
    for (int32_t i = 0; i < 4; ++i, plane += (uint32_t)job->plane_bytes / sizeof *plane) {
        for (int32_t at = first; at < last; ++at) {
            plane[at] = outside;
        }
    }
}

/* What all parts of a row have in common. */
TINYC_INLINE void tinyc_begin_planes(tinyc_planes_job *job, int8_t *out, const void *const *in, const tinyc_depthwise_window_s8_dsp *p,
                                     uint32_t *scratch)
{
    const int32_t pairs = p->window_rows >> 1;
    job->out_stride = p->out_stride;
    job->step_one = 4 * p->stride * (pairs + 1);
    job->step_two = 2 * job->step_one - 4 * p->words;
    job->skip_group = TINYC_PLANE_GROUP_BYTES * ((uint32_t)p->words >> 2) - 1u;
    job->skip_pair = TINYC_PLANE_PAIR_BYTES * (uint32_t)pairs - 1u;
    job->stream = p->stream;
    job->first_out = out;
    job->left = p->channels - 4;
    job->planes = scratch;
    job->plane_bytes = p->plane_bytes;
    job->in_stride = p->in_stride;
    for (int32_t i = 0; i <= 2 * pairs; ++i) {
        const int32_t row = i < p->window_rows ? i : i - 1;
        job->row[6 - 2 * pairs + i] = (const int8_t *)in[row * p->row_dilation];
    }
}

/* The next part: `columns` columns from input column `left` on; the rows start at column `origin`. */
TINYC_INLINE void tinyc_set_planes(tinyc_planes_job *job, int32_t left, int32_t origin, int32_t columns,
                                   const tinyc_depthwise_window_s8_dsp *p)
{
    const int32_t words = (p->window_rows >> 1) + 1;
    const int32_t before = left >= 0 ? 0 : -left < columns ? -left : columns;
    const int32_t room = p->in_columns - left;
    const int32_t end = room < before ? before : room < columns ? room : columns;
    const uint32_t outside = tinyc_pkhbt_lsl16((uint32_t)p->in_zero_point, (uint32_t)p->in_zero_point);
    job->inside = job->planes + before * words;
    job->span = (end - before) * p->in_stride;
    job->offset = (left + before - origin) * p->in_stride;
    tinyc_stage_outside(job, 0, before * words, outside);
    tinyc_stage_outside(job, end * words, columns * words, outside);
}

/* `count` output pixels from input column `left` on, as evenly as they can be cut into `parts` of which all columns fit.  With `is_same` the
 * one part is what it was at the last call. */
TINYC_INLINE void tinyc_planes_parts(tinyc_planes_job *job, int32_t left, int32_t origin, int32_t count, int32_t parts, int32_t is_same,
                                     void (*multiply)(const tinyc_planes_job *job), const tinyc_depthwise_window_s8_dsp *p)
{
    for (; parts > 0; --parts) {
        if (!is_same) {
            job->count = count / parts;
            tinyc_set_planes(job, left, origin, (job->count - 1) * p->stride + p->window_columns, p);
        }
        multiply(job);
        job->first_out += job->count * p->out_stride;
        left += job->count * p->stride;
        count -= job->count;
    }
}

/* The columns [x0, x1). */
TINYC_INLINE void tinyc_depthwise_window(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_window_s8_dsp *p,
                                         uint32_t *scratch, void (*multiply)(const tinyc_planes_job *job))
{
    const int32_t left = x0 * p->stride - p->pad_left, origin = left > 0 ? left : 0, parts = (x1 - x0 + p->part - 1) / p->part;
    tinyc_planes_job job;
    tinyc_begin_planes(&job, out, in, p, scratch);
    tinyc_planes_parts(&job, left, origin, x1 - x0, parts, 0, multiply, p);
    tinyc_clamp_row(out, x1 - x0, p->out_stride, p->channels, p->least, p->most);
}

/* One copy of the code for all layers, which `pixels` multiplies. */
#define TINYC_DEFINE_DEPTHWISE_WINDOWS(name, row, pixels, multiply)                                                            \
    TINYC_SHARED void row(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_window_s8_dsp *p, void *scratch)\
    {                                                                                                                          \
        pixels((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, multiply);                                                   \
    }                                                                                                                          \
    TINYC_INLINE void name(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_window_s8_dsp *p, void *scratch)\
    {                                                                                                                          \
        row(out, in, x0, x1, p, scratch);                                                                                      \
    }

TINYC_DEFINE_DEPTHWISE_WINDOWS(depthwise_window_s8__dsp, tinyc_depthwise_windows_ties, tinyc_depthwise_window, tinyc_depthwise_window_ties)
TINYC_DEFINE_DEPTHWISE_WINDOWS(depthwise_window_s8__dsp_relu, tinyc_depthwise_windows_relu, tinyc_depthwise_window, tinyc_depthwise_window_relu)

#endif
