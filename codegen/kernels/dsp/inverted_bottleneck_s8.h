/* An inverted bottleneck of int8 on Armv7E-M, a block of expanded channels at a time, of the kernels of its three convolutions.
 *
 * For one output row: the rows of the window are expanded into scratch, filtered into scratch, and what comes out is added to the sums of
 * the projection (conv2d_parts_s8.h), which wait in scratch until the last block.  A row outside is a row of zero points, as the
 * depthwise kernels want it.  A block is a part of each convolution's packed weights, which are those of the convolutions by themselves.
 */
#ifndef TINYC_DSP_INVERTED_BOTTLENECK_S8_H
#define TINYC_DSP_INVERTED_BOTTLENECK_S8_H

#include "dsp/conv2d_parts_s8.h"
#include "dsp/depthwise_3x3_s8.h"
#include "dsp/depthwise_window_s8.h"

enum { TINYC_MOST_WINDOW_ROWS = 7 };

typedef struct {
    tinyc_products_s8_dsp expand;
    tinyc_products_s8_dsp project;
    int32_t expand_ties; /* whether negative ties need their correction */
    int32_t depthwise_ties;
    int32_t project_ties;
    int32_t channels; /* of the expanded image */
    int32_t block;    /* of them at a time, a multiple of four */
    int32_t window_rows;
    int32_t window_columns;
    int32_t dilation_rows; /* in[] holds the rows between the taps too */
    int32_t stride;        /* of columns */
    int32_t stream_words;  /* of the depthwise constants, for one channel */
} tinyc_bottleneck_s8_dsp;

typedef struct {
    tinyc_bottleneck_s8_dsp bottleneck;
    tinyc_depthwise_3x3_s8_dsp depthwise;
} tinyc_bottleneck_3x3_s8_dsp;

typedef struct {
    tinyc_bottleneck_s8_dsp bottleneck;
    tinyc_depthwise_window_s8_dsp depthwise;
} tinyc_bottleneck_window_s8_dsp;

/* One call's columns and places in scratch. */
typedef struct {
    int32_t x0;
    int32_t x1;
    int32_t columns;  /* of the input */
    int32_t *sums;    /* of pairs of output pixels */
    int8_t *expanded; /* window_rows rows */
    int8_t *filtered; /* one row */
    void *scratch;    /* of the kernels */
} tinyc_bottleneck_job;

TINYC_INLINE void tinyc_begin_bottleneck(tinyc_bottleneck_job *job, int32_t x0, int32_t x1, int32_t pad_left, int32_t in_columns,
                                         const tinyc_bottleneck_s8_dsp *p, void *scratch)
{
    const int32_t start = x0 * p->stride - pad_left, reach = (x1 - 1) * p->stride - pad_left + p->window_columns;
    job->x0 = x0;
    job->x1 = x1;
    job->columns = (reach < in_columns ? reach : in_columns) - (start > 0 ? start : 0);
    job->sums = (int32_t *)scratch;
    job->expanded = (int8_t *)(job->sums + ((x1 - x0 + 1) & ~1) * p->project.out_channels);
    job->filtered = job->expanded + p->window_rows * job->columns * p->block;
    job->scratch = job->filtered + (x1 - x0) * p->block;
}

/* Channels [from, from + count) of the window's rows, one after the other; `rows` points to them. */
TINYC_INLINE void tinyc_expand_rows(const tinyc_bottleneck_job *job, const void **rows, const void *const *in, int32_t from, int32_t count,
                                    int32_t zero_point, const tinyc_bottleneck_s8_dsp *p)
{
    tinyc_products_s8_dsp expand = p->expand;
    int8_t *row = job->expanded;
    expand.weights = tinyc_blocks_end(&p->expand, from >> 2, TINYC_REQUANTIZATION_WORDS);
    expand.out_channels = count;
    expand.out_stride = count;
    for (int32_t i = 0; i < p->window_rows; ++i, row += job->columns * count) {
        rows[i] = row;
        if (in[i * p->dilation_rows] == NULL) {
            memset(row, zero_point, (size_t)(job->columns * count));
        } else if (p->expand_ties != 0) {
            tinyc_pointwise_ties(row, &in[i * p->dilation_rows], 0, job->columns, &expand, job->scratch);
        } else {
            tinyc_pointwise_relu(row, &in[i * p->dilation_rows], 0, job->columns, &expand, job->scratch);
        }
    }
}

/* The filtered row's channels [from, from + count) times their part of the projection, added to the sums. */
TINYC_INLINE void tinyc_project_block(const tinyc_bottleneck_job *job, int32_t from, int32_t count, const tinyc_bottleneck_s8_dsp *p)
{
    tinyc_part part;
    tinyc_set_steps(&part, (uint32_t *)job->scratch, count >> 1, &p->project);
    part.sums = job->sums;
    part.weights = p->project.weights + from; /* a word a channel and two inputs */
    part.is_first = from == 0;
    const int8_t *a = job->filtered;
    for (int32_t x = job->x0; x < job->x1; x += 2) {
        (void)tinyc_widen_pair((uint32_t *)job->scratch, a, x + 1 < job->x1 ? a + count : a, count);
        part.sums_end = part.sums + 2 * p->project.out_channels;
        tinyc_add_part(&part);
        part.sums += 2 * p->project.out_channels;
        a += 2 * count;
    }
}

/* The output pixels from their sums; a last one without a neighbour is stored twice. */
TINYC_INLINE void tinyc_store_bottleneck(const tinyc_bottleneck_job *job, int8_t *out, const tinyc_bottleneck_s8_dsp *p)
{
    const tinyc_products_s8_dsp *project = &p->project;
    const int32_t *sums = job->sums;
    for (int32_t x = job->x0; x < job->x1; x += 2) {
        const int32_t *end = sums + 2 * project->out_channels;
        int8_t *next = x + 1 < job->x1 ? out + project->out_stride : out;
        if (p->project_ties != 0) {
            tinyc_store_blocks_ties(sums, project->weights + 2 * project->steps, out, next, 8 * project->steps, end);
        } else {
            tinyc_store_blocks_relu(sums, project->weights + 2 * project->steps, out, next, 8 * project->steps, end);
        }
        tinyc_clamp_pixel(out, project);
        if (next != out) {
            tinyc_clamp_pixel(next, project);
        }
        sums = end;
        out += 2 * project->out_stride;
    }
}

/* A window of 3x3; the pointers' rows are of `count` channels. */
TINYC_INLINE void tinyc_filter_3x3(const tinyc_bottleneck_job *job, const void *const *rows, int32_t from, int32_t count,
                                   const tinyc_bottleneck_3x3_s8_dsp *p)
{
    tinyc_depthwise_3x3_s8_dsp depthwise = p->depthwise;
    depthwise.stream += from * p->bottleneck.stream_words;
    depthwise.channels = depthwise.in_stride = depthwise.out_stride = count;
    if (p->bottleneck.stride == 1 && p->bottleneck.depthwise_ties != 0) {
        tinyc_depthwise_row_1_ties(job->filtered, rows, job->x0, job->x1, &depthwise, job->scratch);
    } else if (p->bottleneck.stride == 1) {
        tinyc_depthwise_row_1_relu(job->filtered, rows, job->x0, job->x1, &depthwise, job->scratch);
    } else if (p->bottleneck.depthwise_ties != 0) {
        tinyc_depthwise_row_2_ties(job->filtered, rows, job->x0, job->x1, &depthwise, job->scratch);
    } else {
        tinyc_depthwise_row_2_relu(job->filtered, rows, job->x0, job->x1, &depthwise, job->scratch);
    }
}

/* Any other window of up to seven rows. */
TINYC_INLINE void tinyc_filter_window(const tinyc_bottleneck_job *job, const void *const *rows, int32_t from, int32_t count,
                                      const tinyc_bottleneck_window_s8_dsp *p)
{
    tinyc_depthwise_window_s8_dsp depthwise = p->depthwise;
    depthwise.stream += from * p->bottleneck.stream_words;
    depthwise.channels = depthwise.in_stride = depthwise.out_stride = count;
    if (p->bottleneck.depthwise_ties != 0) {
        tinyc_depthwise_windows_ties(job->filtered, rows, job->x0, job->x1, &depthwise, job->scratch);
    } else {
        tinyc_depthwise_windows_relu(job->filtered, rows, job->x0, job->x1, &depthwise, job->scratch);
    }
}

#define TINYC_DEFINE_BOTTLENECK(name, type, filter)                                                                            \
    TINYC_INLINE void name(void *out, const void *const *in, int32_t x0, int32_t x1, const type *p, void *scratch)             \
    {                                                                                                                          \
        const tinyc_bottleneck_s8_dsp *b = &p->bottleneck;                                                                     \
        const void *rows[TINYC_MOST_WINDOW_ROWS];                                                                              \
        tinyc_bottleneck_job job;                                                                                              \
        tinyc_begin_bottleneck(&job, x0, x1, p->depthwise.pad_left, p->depthwise.in_columns, b, scratch);                      \
        for (int32_t from = 0; from < b->channels; from += b->block) {                                                         \
            const int32_t count = from + b->block < b->channels ? b->block : b->channels - from;                               \
            tinyc_expand_rows(&job, rows, in, from, count, p->depthwise.in_zero_point, b);                                     \
            filter(&job, rows, from, count, p);                                                                                \
            tinyc_project_block(&job, from, count, b);                                                                         \
        }                                                                                                                      \
        tinyc_store_bottleneck(&job, (int8_t *)out, b);                                                                        \
    }

TINYC_DEFINE_BOTTLENECK(bottleneck_3x3_s8__dsp, tinyc_bottleneck_3x3_s8_dsp, tinyc_filter_3x3)
TINYC_DEFINE_BOTTLENECK(bottleneck_window_s8__dsp, tinyc_bottleneck_window_s8_dsp, tinyc_filter_window)

#endif
