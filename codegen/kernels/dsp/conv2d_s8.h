/* int8 convolution on Armv7E-M: the windows of two output pixels are widened to int16 in scratch, then multiplied by all channels.
 *
 * Widening costs one instruction a value, once for all output channels, and lets one LDM feed four SMLADs (matmul_s8.h).  A last odd
 * pixel, and every pixel of the `direct` kernels, is multiplied straight from the rows instead (window_s8.h).
 */
#ifndef TINYC_DSP_CONV2D_S8_H
#define TINYC_DSP_CONV2D_S8_H

#include "dsp/window_s8.h"

/* What the pixels of windows are multiplied by, and where they lie. */
typedef struct {
    const int32_t *weights; /* blocks of four output channels: 2 * steps dual words, 16 constants; compact: `zero`, then blocks with 8 */
    int32_t steps;          /* pairs of inputs of one window */
    int32_t out_channels;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t least;      /* the activation's range */
    int32_t most;
    int32_t in_stride; /* bytes from one input pixel to the next */
    int32_t in_channels;
} tinyc_products_s8_dsp;

typedef struct {
    tinyc_products_s8_dsp products;
    int32_t in_columns;
    int32_t run_bytes; /* adjacent bytes of a window: one pixel, or a row of pixels that lie side by side */
    int32_t runs;      /* in one row of the window */
    int32_t kernel_rows;
    int32_t kernel_columns;
    int32_t stride;        /* of columns */
    int32_t dilation_rows; /* in[] holds the rows between the taps too */
    int32_t dilation;      /* of columns */
    int32_t pad_left;
    int32_t in_zero_point;
    const int8_t *outside; /* a pixel of zero points */
} tinyc_conv2d_s8_dsp;

/* The end of the first `blocks` blocks of four channels; `words` constants a channel. */
TINYC_INLINE const int32_t *tinyc_blocks_end(const tinyc_products_s8_dsp *p, int32_t blocks, int32_t words)
{
    return tinyc_first_block(p->weights, words) + blocks * (2 * p->steps + 4 * words);
}

/* What skips code, below `zero`. */
TINYC_INLINE uint32_t tinyc_with_zero(uint32_t skip, const tinyc_products_s8_dsp *p)
{
    return tinyc_pkhbt_lsl16(skip, (uint32_t)p->weights[0]);
}

/* The activation's range. */
TINYC_INLINE void tinyc_clamp_pixel(int8_t *out, const tinyc_products_s8_dsp *p)
{
    tinyc_clamp_bytes(out, p->out_channels, p->least, p->most);
}

/* Whether the inner blocks write every channel, and as it is to be. */
TINYC_INLINE int32_t tinyc_is_whole(const tinyc_products_s8_dsp *p)
{
    return (p->out_channels & 3) == 0 && p->least == -128 && p->most == 127;
}

/* Two widened pixels times all output channels; b may be a again. */
#define TINYC_DEFINE_MULTIPLY(name, words)                                                                                     \
    TINYC_SHARED void name(int8_t *out_a, int8_t *out_b, tinyc_pairs *job, const tinyc_products_s8_dsp *p, tinyc_pair_blocks *pair)\
    {                                                                                                                          \
        const int32_t *whole_end = job->weights_end;                                                                           \
        if (p->out_channels >= 4) {                                                                                            \
            job->out_a = out_a;                                                                                                \
            job->out_b = out_b;                                                                                                \
            pair(job);                                                                                                         \
        }                                                                                                                      \
        if ((p->out_channels & 3) != 0) {                                                                                      \
            int8_t last[8];                                                                                                    \
            job->weights = whole_end;                                                                                          \
            job->weights_end = tinyc_blocks_end(p, (p->out_channels + 3) >> 2, words);                                         \
            job->out_a = last;                                                                                                 \
            job->out_b = last + 4;                                                                                             \
            pair(job);                                                                                                         \
            for (int32_t c = p->out_channels & ~3; c < p->out_channels; ++c) {                                                 \
                out_a[c] = last[c & 3];                                                                                        \
                out_b[c] = last[4 + (c & 3)];                                                                                  \
            }                                                                                                                  \
            job->weights = tinyc_first_block(p->weights, words);                                                               \
            job->weights_end = whole_end;                                                                                      \
        }                                                                                                                      \
        tinyc_clamp_pixel(out_a, p);                                                                                           \
        tinyc_clamp_pixel(out_b, p);                                                                                           \
    }

TINYC_DEFINE_MULTIPLY(tinyc_multiply_ragged, TINYC_REQUANTIZATION_WORDS)
TINYC_DEFINE_MULTIPLY(tinyc_multiply_compact, TINYC_COMPACT_WORDS)

TINYC_INLINE void tinyc_multiply(int8_t *out_a, int8_t *out_b, tinyc_pairs *job, const tinyc_products_s8_dsp *p, int32_t words,
                                 tinyc_pair_blocks *pair)
{
    if (tinyc_is_whole(p)) {
        job->out_a = out_a;
        job->out_b = out_b;
        pair(job);
    } else if (words == TINYC_COMPACT_WORDS) {
        tinyc_multiply_compact(out_a, out_b, job, p, pair);
    } else {
        tinyc_multiply_ragged(out_a, out_b, job, p, pair);
    }
}

/* One window, where its runs lie, times all output channels. */
#define TINYC_DEFINE_MULTIPLY_WINDOW(name, words)                                                                              \
    TINYC_SHARED void name(int8_t *out, tinyc_window *job, const tinyc_products_s8_dsp *p, tinyc_window_blocks *window)        \
    {                                                                                                                          \
        job->weights = tinyc_first_block(p->weights, words);                                                                   \
        job->weights_end = tinyc_blocks_end(p, p->out_channels >> 2, words);                                                   \
        if (words == TINYC_COMPACT_WORDS) {                                                                                    \
            job->skip = tinyc_with_zero(job->skip, p);                                                                         \
        }                                                                                                                      \
        job->out = out;                                                                                                        \
        if (p->out_channels >= 4) {                                                                                            \
            window(job);                                                                                                       \
        }                                                                                                                      \
        if ((p->out_channels & 3) != 0) {                                                                                      \
            int8_t last[4];                                                                                                    \
            job->weights = job->weights_end;                                                                                   \
            job->weights_end = tinyc_blocks_end(p, (p->out_channels + 3) >> 2, words);                                         \
            job->out = last;                                                                                                   \
            window(job);                                                                                                       \
            for (int32_t c = p->out_channels & ~3; c < p->out_channels; ++c) {                                                 \
                out[c] = last[c & 3];                                                                                          \
            }                                                                                                                  \
        }                                                                                                                      \
        tinyc_clamp_pixel(out, p);                                                                                             \
    }

TINYC_DEFINE_MULTIPLY_WINDOW(tinyc_multiply_window_ready, TINYC_REQUANTIZATION_WORDS)
TINYC_DEFINE_MULTIPLY_WINDOW(tinyc_multiply_window_compact, TINYC_COMPACT_WORDS)

TINYC_INLINE void tinyc_multiply_window(int8_t *out, tinyc_window *job, const tinyc_products_s8_dsp *p, int32_t words,
                                        tinyc_window_blocks *window)
{
    if (words == TINYC_COMPACT_WORDS) {
        tinyc_multiply_window_compact(out, job, p, window);
    } else {
        tinyc_multiply_window_ready(out, job, p, window);
    }
}

/* `count` pairs from the rows of the job, which the inner blocks widen themselves; `run_bytes` for one row of a window. */
TINYC_SHARED void tinyc_multiply_straight(int8_t *out, int32_t count, int32_t run_bytes, tinyc_pairs *job, const tinyc_products_s8_dsp *p,
                                          tinyc_pair_blocks *pair)
{
    job->run_bytes = 4 * run_bytes;
    job->out_a = out;
    job->out_b = out + p->out_stride;
    job->out_gap = p->out_stride - p->out_channels;
    job->out_stride = p->out_stride;
    job->group_skip = TINYC_WIDEN_GROUP_BYTES * ((uint32_t)(run_bytes >> 2) & 3u) - 1u;
    job->count = count;
    pair(job);
    job->rows = job->rows_end;
    job->count = 1;
}

/* Whether a run of pairs goes without leaving the inner blocks. */
TINYC_INLINE int32_t tinyc_is_straight(const tinyc_conv2d_s8_dsp *p)
{
    return p->runs == 1 && (p->run_bytes & 3) == 0 && tinyc_is_whole(&p->products);
}

/* `count` pairs whose windows are inside; the first starts `offset` bytes after the row pointers. */
TINYC_INLINE void tinyc_multiply_inside(int8_t *out, const void *const *in, int32_t offset, int32_t count, tinyc_pairs *job,
                                        const tinyc_conv2d_s8_dsp *p, tinyc_pair_blocks *pair)
{
    job->rows = in;
    job->rows_end = in + p->kernel_rows * p->dilation_rows;
    job->row_step = p->dilation_rows * (int32_t)sizeof *in;
    job->offset = offset;
    job->pixel_step = p->stride * p->products.in_stride;
    job->outside = tinyc_pkhbt_lsl16((uint32_t)p->in_zero_point, (uint32_t)p->in_zero_point);
    tinyc_multiply_straight(out, count, p->run_bytes, job, &p->products, pair);
}

/* A row of the windows that is outside: `words` words of zero points. */
TINYC_INLINE uint32_t *tinyc_widen_outside(uint32_t *to, int32_t words, int32_t zero_point)
{
    const uint32_t word = tinyc_pkhbt_lsl16((uint32_t)zero_point, (uint32_t)zero_point);
    for (const uint32_t *end = to + words; to != end;) {
        *to++ = word;
    }
    return to;
}

/* The bytes [first, end) of a run that are inside, for a window that starts at input column `left`. */
typedef struct {
    int32_t first, end;
    int32_t offset; /* of the run's first byte from the row pointer */
} tinyc_edge;

TINYC_INLINE tinyc_edge tinyc_make_edge(int32_t left, int32_t origin, const tinyc_conv2d_s8_dsp *p)
{
    const int32_t room = p->in_columns - left < p->kernel_columns ? p->in_columns - left : p->kernel_columns;
    const int32_t from = left < 0 ? -left : 0;
    const tinyc_edge edge = {from * p->products.in_channels, (room > from ? room : from) * p->products.in_channels, (left - origin) * p->products.in_stride};
    return edge;
}

/* A run's bytes: where they are, or copied between the zero points of `buffer`. */
TINYC_INLINE const int8_t *tinyc_edge_run(int8_t *buffer, const int8_t *row, const tinyc_edge *edge, int32_t run_bytes)
{
    if (edge->first == 0 && edge->end == run_bytes) {
        return row + edge->offset;
    }
    for (int32_t i = edge->first; i < edge->end; ++i) {
        buffer[i] = row[edge->offset + i];
    }
    return buffer;
}

/* Windows that cross the left or right border, taps side by side, channels not a multiple of four. */
TINYC_SHARED void tinyc_widen_edges(uint32_t *to, const void *const *in, int32_t left_a, int32_t left_b, int32_t origin,
                                    const tinyc_conv2d_s8_dsp *p)
{
    int8_t *buffer = (int8_t *)(to + 2 * p->products.steps);
    const tinyc_edge edge_a = tinyc_make_edge(left_a, origin, p), edge_b = tinyc_make_edge(left_b, origin, p);
    for (int32_t i = 0; i < 2 * p->run_bytes; ++i) {
        buffer[i] = (int8_t)p->in_zero_point;
    }
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->products.steps / p->kernel_rows, p->in_zero_point);
            continue;
        }
        const int8_t *a = tinyc_edge_run(buffer, row, &edge_a, p->run_bytes);
        const int8_t *b = left_a == left_b ? a : tinyc_edge_run(buffer + p->run_bytes, row, &edge_b, p->run_bytes);
        to = tinyc_widen_pair(to, a, b, p->run_bytes);
    }
}

/* The tap at input column `column`, or a pixel of zero points; `row` is at input column `origin`. */
TINYC_INLINE const int8_t *tinyc_tap(const int8_t *row, int32_t column, int32_t origin, const tinyc_conv2d_s8_dsp *p)
{
    return column >= 0 && column < p->in_columns ? row + (column - origin) * p->products.in_stride : p->outside;
}

/* Windows that cross the left or right border, tap by tap. */
TINYC_SHARED void tinyc_widen_taps(uint32_t *to, const void *const *in, int32_t left_a, int32_t left_b, int32_t origin,
                                   const tinyc_conv2d_s8_dsp *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->products.steps / p->kernel_rows, p->in_zero_point);
            continue;
        }
        for (int32_t j = 0; j < p->kernel_columns; ++j) {
            const int8_t *a = tinyc_tap(row, left_a + j * p->dilation, origin, p);
            const int8_t *b = tinyc_tap(row, left_b + j * p->dilation, origin, p);
            to = tinyc_widen_pair(to, a, b, p->products.in_channels);
        }
    }
}

/* Windows of which no column is outside. */
TINYC_INLINE void tinyc_widen_interior(uint32_t *to, const void *const *in, int32_t offset_a, int32_t offset_b, const tinyc_conv2d_s8_dsp *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->products.steps / p->kernel_rows, p->in_zero_point);
            continue;
        }
        const int8_t *a = row + offset_a, *b = row + offset_b;
        for (int32_t run = 0; run < p->runs; ++run) {
            to = tinyc_widen_pair(to, a, b, p->run_bytes);
            a += p->dilation * p->products.in_stride;
            b += p->dilation * p->products.in_stride;
        }
    }
}

/* The same for one run a row, of at most 32 bytes. */
TINYC_INLINE void tinyc_widen_stem(uint32_t *to, const void *const *in, int32_t offset_a, int32_t offset_b, const tinyc_conv2d_s8_dsp *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->products.steps / p->kernel_rows, p->in_zero_point);
        } else {
            to = tinyc_widen_short(to, row + offset_a, row + offset_b, p->run_bytes);
        }
    }
}

typedef void tinyc_widen(uint32_t *to, const void *const *in, int32_t offset_a, int32_t offset_b, const tinyc_conv2d_s8_dsp *p);

/* One or two pixels of which a part of a window may be outside. */
TINYC_INLINE void tinyc_widen_any(const void *const *in, int32_t left_a, int32_t left_b, int32_t origin, const tinyc_conv2d_s8_dsp *p,
                                  uint32_t *scratch, tinyc_widen *widen)
{
    if (left_a >= 0 && left_b + (p->kernel_columns - 1) * p->dilation < p->in_columns) {
        widen(scratch, in, (left_a - origin) * p->products.in_stride, (left_b - origin) * p->products.in_stride, p);
    } else if (p->run_bytes == p->products.in_channels || (p->products.in_channels & 3) == 0) {
        tinyc_widen_taps(scratch, in, left_a, left_b, origin, p);
    } else {
        tinyc_widen_edges(scratch, in, left_a, left_b, origin, p);
    }
}

/* How many of `most` pairs from the window at `left` on have no column outside. */
TINYC_INLINE int32_t tinyc_pairs_inside(int32_t left, int32_t most, const tinyc_conv2d_s8_dsp *p)
{
    const int32_t room = p->in_columns - (p->kernel_columns - 1) * p->dilation - 1 - left - p->stride;
    if (left < 0 || room < 0) {
        return 0;
    }
    const int32_t pairs = room / (2 * p->stride) + 1;
    return pairs < most ? pairs : most;
}

/* The window at input column `left`, run by run, or tap by tap where a part of it is outside; `list` has room for all taps.  Returns
 * whether all of it is inside. */
TINYC_SHARED int32_t tinyc_set_window(tinyc_window *job, tinyc_run *list, const void *const *in, int32_t left, int32_t origin,
                                      const tinyc_conv2d_s8_dsp *p)
{
    int32_t inside = left >= 0 && left + (p->kernel_columns - 1) * p->dilation < p->in_columns;
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        inside = inside && in[i * p->dilation_rows] != NULL;
    }
    const int32_t joined = inside && p->runs == 1;
    tinyc_run *end = list;
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        for (int32_t j = 0; j < (joined ? 1 : p->kernel_columns); ++j) {
            *end++ = row == NULL ? p->outside : tinyc_tap(row, left + j * p->dilation, origin, p);
        }
    }
    tinyc_set_runs(job, list, end, joined ? p->run_bytes : p->products.in_channels);
    return inside;
}

/* Every pixel straight from the rows; a window that is inside moves on as long as it is. */
TINYC_INLINE void tinyc_direct_any(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                   tinyc_run *list, int32_t words, tinyc_window_blocks *window)
{
    const int32_t last = p->in_columns - 1 - (p->kernel_columns - 1) * p->dilation;
    const int32_t start = x0 * p->stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    int32_t left = start, inside = 0;
    tinyc_window job;
    for (int32_t x = x0; x < x1; ++x) {
        if (inside && left <= last) {
            for (tinyc_run *run = list; run != job.runs_end; ++run) {
                *run += p->stride * p->products.in_stride;
            }
        } else {
            inside = tinyc_set_window(&job, list, in, left, origin, p);
        }
        tinyc_multiply_window(out, &job, &p->products, words, window);
        left += p->stride;
        out += p->products.out_stride;
    }
}

TINYC_SHARED void tinyc_direct_shared(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                      tinyc_run *list, tinyc_window_blocks *window)
{
    tinyc_direct_any(out, in, x0, x1, p, list, TINYC_REQUANTIZATION_WORDS, window);
}

TINYC_INLINE void tinyc_compact_direct_shared(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                              tinyc_run *list, tinyc_window_blocks *window)
{
    tinyc_direct_any(out, in, x0, x1, p, list, TINYC_COMPACT_WORDS, window);
}

TINYC_INLINE void tinyc_conv2d_pairs(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                     uint32_t *scratch, tinyc_widen *widen, int32_t straight, int32_t words, tinyc_pair_blocks *pair,
                                     tinyc_window_blocks *window)
{
    tinyc_pairs job;
    tinyc_make_pairs(&job, scratch, p->products.steps, tinyc_first_block(p->products.weights, words),
                     tinyc_blocks_end(&p->products, p->products.out_channels >> 2, words));
    if (words == TINYC_COMPACT_WORDS) {
        job.step_skip = tinyc_with_zero(job.step_skip, &p->products);
    }
    const int32_t start = x0 * p->stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    int32_t left = start;
    for (int32_t count = x1 - x0; count > 0;) {
        int32_t inside = tinyc_pairs_inside(left, count >> 1, p);
        int32_t offset = (left - origin) * p->products.in_stride;
        if (inside > 0 && straight) {
            tinyc_multiply_inside(out, in, offset, inside, &job, p, pair);
        } else if (count == 1 && (p->products.in_channels & 3) == 0) {
            tinyc_window one;
            (void)tinyc_set_window(&one, (tinyc_run *)(void *)scratch, in, left, origin, p);
            tinyc_multiply_window(out, &one, &p->products, words, window);
            return;
        } else if (inside > 0) {
            int8_t *target = out;
            for (int32_t i = 0; i < inside; ++i) {
                widen(scratch, in, offset, offset + p->stride * p->products.in_stride, p);
                tinyc_multiply(target, target + p->products.out_stride, &job, &p->products, words, pair);
                offset += 2 * p->stride * p->products.in_stride;
                target += 2 * p->products.out_stride;
            }
        } else {
            const int32_t next = count > 1;
            inside = 1;
            tinyc_widen_any(in, left, left + next * p->stride, origin, p, scratch, widen);
            tinyc_multiply(out, out + next * p->products.out_stride, &job, &p->products, words, pair);
        }
        left += 2 * inside * p->stride;
        out += 2 * inside * p->products.out_stride;
        count -= 2 * inside;
    }
}

TINYC_SHARED void tinyc_conv2d_shared(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                      uint32_t *scratch, tinyc_pair_blocks *pair, tinyc_window_blocks *window)
{
    tinyc_conv2d_pairs(out, in, x0, x1, p, scratch, tinyc_widen_interior, tinyc_is_straight(p), TINYC_REQUANTIZATION_WORDS, pair, window);
}

TINYC_SHARED void tinyc_compact_conv2d_shared(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                              uint32_t *scratch, tinyc_pair_blocks *pair, tinyc_window_blocks *window)
{
    tinyc_conv2d_pairs(out, in, x0, x1, p, scratch, tinyc_widen_interior, tinyc_is_straight(p), TINYC_COMPACT_WORDS, pair, window);
}

/* A window of one tap and stride 1: pixels may be those of a whole image. */
#define TINYC_DEFINE_POINTWISE(name, words)                                                                                    \
    TINYC_SHARED void name(int8_t *out, const int8_t *in, int32_t count, const tinyc_products_s8_dsp *p, uint32_t *scratch,    \
                           tinyc_pair_blocks *pair, tinyc_window_blocks *window)                                               \
    {                                                                                                                          \
        const void *const rows[1] = {in};                                                                                      \
        tinyc_pairs job;                                                                                                       \
        tinyc_make_pairs(&job, scratch, p->steps, tinyc_first_block(p->weights, words),                                        \
                         tinyc_blocks_end(p, p->out_channels >> 2, words));                                                    \
        if (words == TINYC_COMPACT_WORDS) {                                                                                    \
            job.step_skip = tinyc_with_zero(job.step_skip, p);                                                                 \
        }                                                                                                                      \
        if (count > 1 && (p->in_channels & 3) == 0 && tinyc_is_whole(p)) {                                                     \
            job.rows = rows;                                                                                                   \
            job.rows_end = rows + 1;                                                                                           \
            job.row_step = (int32_t)sizeof *rows;                                                                              \
            job.pixel_step = p->in_stride;                                                                                     \
            tinyc_multiply_straight(out, count >> 1, p->in_channels, &job, p, pair);                                           \
            in += (count & ~1) * p->in_stride;                                                                                 \
            out += (count & ~1) * p->out_stride;                                                                               \
            count &= 1;                                                                                                        \
        }                                                                                                                      \
        for (; count > 1 || (count > 0 && (p->in_channels & 3) != 0); count -= 2) {                                            \
            const int32_t next = count > 1;                                                                                    \
            (void)tinyc_widen_pair(scratch, in, in + next * p->in_stride, p->in_channels);                                     \
            tinyc_multiply(out, out + next * p->out_stride, &job, p, words, pair);                                             \
            in += 2 * p->in_stride;                                                                                            \
            out += 2 * p->out_stride;                                                                                          \
        }                                                                                                                      \
        if (count > 0) {                                                                                                       \
            const tinyc_run run = in;                                                                                          \
            tinyc_window last;                                                                                                 \
            tinyc_set_runs(&last, &run, &run + 1, p->in_channels);                                                             \
            tinyc_multiply_window(out, &last, p, words, window);                                                               \
        }                                                                                                                      \
    }

TINYC_DEFINE_POINTWISE(tinyc_pointwise_shared, TINYC_REQUANTIZATION_WORDS)
TINYC_DEFINE_POINTWISE(tinyc_compact_pointwise_shared, TINYC_COMPACT_WORDS)

/* A kernel of which all layers share one copy of the code, `row`. */
#define TINYC_DEFINE_SHARED_KERNEL(name, row, type, call)                                                                      \
    TINYC_SHARED void row(void *out, const void *const *in, int32_t x0, int32_t x1, const type *p, void *scratch) { call; }    \
    TINYC_INLINE void name(void *out, const void *const *in, int32_t x0, int32_t x1, const type *p, void *scratch)             \
    {                                                                                                                          \
        row(out, in, x0, x1, p, scratch);                                                                                      \
    }

/* One of which each layer has a copy. */
#define TINYC_DEFINE_OWN_KERNEL(name, row, type, call)                                                                         \
    TINYC_INLINE void name(void *out, const void *const *in, int32_t x0, int32_t x1, const type *p, void *scratch) { call; }

/* The kernels of one form of constants and ties, with the inner blocks of that form:
 *   conv2d         any window
 *   conv2d_direct  channels a multiple of four, read where they are: all the scratch it needs is a list of taps
 *   stem           a window whose rows are at most 32 adjacent bytes, as over an image's few channels
 *   pointwise      one tap, stride 1 */
#define TINYC_DEFINE_CONVOLUTIONS(compact, words, define_stem, ties, dsp)                                                      \
    TINYC_DEFINE_SHARED_KERNEL(conv2d_##compact##s8__##dsp, tinyc_##compact##conv2d_##ties, tinyc_conv2d_s8_dsp,               \
                               tinyc_##compact##conv2d_shared((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch,               \
                                                              tinyc_##compact##pair_blocks_##ties,                             \
                                                              tinyc_##compact##window_blocks_##ties))                          \
    TINYC_DEFINE_SHARED_KERNEL(conv2d_direct_##compact##s8__##dsp, tinyc_##compact##direct_##ties, tinyc_conv2d_s8_dsp,        \
                               tinyc_##compact##direct_shared((int8_t *)out, in, x0, x1, p, (tinyc_run *)scratch,              \
                                                              tinyc_##compact##window_blocks_##ties))                          \
    define_stem(stem_##compact##s8__##dsp, tinyc_##compact##stem_##ties, tinyc_conv2d_s8_dsp,                                  \
                tinyc_conv2d_pairs((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, tinyc_widen_stem, 0, words,              \
                                   tinyc_##compact##pair_blocks_##ties, tinyc_##compact##window_blocks_##ties))                \
    TINYC_DEFINE_SHARED_KERNEL(pointwise_##compact##s8__##dsp, tinyc_##compact##pointwise_##ties, tinyc_products_s8_dsp,       \
                               tinyc_##compact##pointwise_shared((int8_t *)out, (const int8_t *)in[0], x1 - x0, p,             \
                                                                 (uint32_t *)scratch, tinyc_##compact##pair_blocks_##ties,     \
                                                                 tinyc_##compact##window_blocks_##ties))

TINYC_DEFINE_CONVOLUTIONS(, TINYC_REQUANTIZATION_WORDS, TINYC_DEFINE_OWN_KERNEL, ties, dsp)
TINYC_DEFINE_CONVOLUTIONS(, TINYC_REQUANTIZATION_WORDS, TINYC_DEFINE_OWN_KERNEL, relu, dsp_relu)
TINYC_DEFINE_CONVOLUTIONS(compact_, TINYC_COMPACT_WORDS, TINYC_DEFINE_SHARED_KERNEL, ties, dsp)
TINYC_DEFINE_CONVOLUTIONS(compact_, TINYC_COMPACT_WORDS, TINYC_DEFINE_SHARED_KERNEL, relu, dsp_relu)

#endif
