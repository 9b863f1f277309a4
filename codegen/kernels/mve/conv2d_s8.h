/* int8 convolutions and dense layers on Helium: 1x1 straight from the activations, other windows gathered in scratch two by two.
 *
 * All channels of two pixels are summed in scratch and then finished; in lean rows it is slices of them, in less scratch with more work.
 */
#ifndef TINYC_MVE_CONV2D_S8_H
#define TINYC_MVE_CONV2D_S8_H

#include "mve/matmul_s8.h"

/* Pixels times a matrix. */
typedef struct {
    int32_t depth; /* bytes of one pixel */
    int32_t steps; /* of sixteen bytes */
    int32_t threes; /* blocks of output channels */
    int32_t twos;
    int32_t joined; /* whether two pixels are finished as one */
    int32_t halves; /* how they are rounded: TINYC_MVE_..._HALVES */
    int32_t in_stride; /* bytes from one input pixel to the next */
    int32_t out_channels;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t out_zero_point;
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_mve_layer;

typedef struct {
    const int32_t *weights;   /* blocks of channels, see matmul_s8.h */
    const int32_t *constants; /* see requantize_s8.h; for the channels of two pixels where they are finished as one */
    tinyc_mve_layer layer;
    int32_t vectors; /* of the whole tensor */
} tinyc_dense_s8_mve;

/* Windows, which once gathered are pixels. */
typedef struct {
    const int32_t *weights;
    const int32_t *constants;
    tinyc_mve_layer layer;
    int32_t run_bytes; /* adjacent bytes of a window: one pixel, or a row of pixels that lie side by side */
    int32_t runs;      /* in one row of the window */
    int32_t in_columns;
    int32_t in_channels;
    int32_t in_zero_point;
    int32_t kernel_rows;
    int32_t kernel_columns;
    int32_t stride;        /* of columns */
    int32_t dilation_rows; /* in[] holds the rows between the taps too */
    int32_t dilation;      /* of columns */
    int32_t pad_left;
} tinyc_conv2d_s8_mve;

enum { TINYC_MVE_SLICE = 48 }; /* a multiple of three and of sixteen */

/* The channels that are summed and finished at a time. */
TINYC_INLINE int32_t tinyc_mve_at_once(const tinyc_mve_layer *p, int lean) { return lean ? TINYC_MVE_SLICE : p->out_channels; }

/* Words of sums for two pixels, in whole blocks of sixteen. */
TINYC_INLINE int32_t tinyc_mve_sum_words(const tinyc_mve_layer *p, int lean)
{
    const int32_t slice = tinyc_mve_at_once(p, lean);
    const int32_t one = (slice + 15) & ~15;
    const int32_t two = (2 * slice + 15) & ~15;
    return p->joined ? two : 2 * one;
}

/* The inner blocks of one layer, chosen where its constants are known. */
typedef struct {
    tinyc_mve_multiply *pairs;
    tinyc_mve_multiply *singles;
    tinyc_mve_finish *end;
} tinyc_mve_blocks;

TINYC_INLINE tinyc_mve_blocks tinyc_mve_pixel_blocks(const tinyc_mve_layer *p)
{
    const int whole = (p->depth & 15) == 0;
    tinyc_mve_blocks blocks;
    blocks.pairs = p->steps == 1   ? tinyc_mve_pairs_blocks_1
                   : p->steps == 2 ? tinyc_mve_pairs_blocks_2
                   : p->steps == 3 ? tinyc_mve_pairs_blocks_3
                   : whole         ? tinyc_mve_pairs_blocks_unrolled
                                   : tinyc_mve_pairs_blocks_any;
    blocks.singles = whole ? tinyc_mve_singles_blocks_unrolled : tinyc_mve_singles_blocks_any;
    blocks.end = tinyc_mve_end(p->halves);
    return blocks;
}

TINYC_INLINE tinyc_mve_blocks tinyc_mve_window_blocks(const tinyc_conv2d_s8_mve *p)
{
    tinyc_mve_blocks blocks;
    blocks.pairs = p->run_bytes > TINYC_MVE_BLOCK ? tinyc_mve_long_blocks_unrolled
                   : p->layer.steps == 1          ? tinyc_mve_short_blocks_1
                   : p->layer.steps == 2          ? tinyc_mve_short_blocks_2
                   : p->layer.steps == 3          ? tinyc_mve_short_blocks_3
                                                  : tinyc_mve_short_blocks_unrolled;
    blocks.singles = tinyc_mve_singles_blocks_unrolled;
    blocks.end = tinyc_mve_end(p->layer.halves);
    return blocks;
}

/* What is the same for all pixels of a layer; those in memory are `in_step` bytes apart. */
TINYC_INLINE void tinyc_mve_start(tinyc_mve_product *job, int32_t in_step, int32_t *sums, const tinyc_mve_layer *p, tinyc_mve_blocks blocks,
                                  int lean)
{
    const int32_t slice = tinyc_mve_at_once(p, lean);
    job->steps = p->steps;
    job->finish.sums = sums;
    job->finish.zero_point = p->out_zero_point;
    job->sums_b = sums + (p->joined ? slice : (slice + 15) & ~15);
    job->out_b = p->joined ? 0 : p->out_stride;
    job->in_step = 2 * in_step;
    job->out_step = 2 * p->out_stride;
    job->end = blocks.end;
}

/* The channels from `first` on, as many as a slice has; returns their number. */
TINYC_INLINE int32_t tinyc_mve_slice(tinyc_mve_product *job, int32_t first, int8_t *out, const int32_t *weights, const int32_t *constants,
                                     const tinyc_mve_layer *p, int lean)
{
    const int32_t slice = tinyc_mve_at_once(p, lean);
    const int32_t rest = p->out_channels - first;
    const int32_t channels = rest < slice ? rest : slice;
    const int32_t finished = p->joined ? 2 * channels : channels;
    job->weights = (const int8_t *)weights + first * (4 + TINYC_MVE_BLOCK * p->steps);
    job->threes = rest <= slice ? p->threes - first / 3 : slice / 3;
    job->twos = rest <= slice ? p->twos : 0;
    job->finish.out = out + first;
    job->finish.constants = constants + first * (p->halves == TINYC_MVE_ANY_HALVES ? 3 : 2);
    job->finish.blocks = finished >> 4;
    job->finish.tail = finished & 15;
    return channels;
}

/* One pixel without a neighbour; `whole`: it is as long as its steps. */
TINYC_INLINE void tinyc_mve_single(tinyc_mve_product *job, int whole, int32_t channels, const tinyc_mve_layer *p, tinyc_mve_blocks blocks)
{
    job->rounds = whole ? (p->steps + 3) >> 2 : p->depth;
    job->finish.blocks = channels >> 4;
    job->finish.tail = channels & 15;
    job->count = 1;
    blocks.singles(job);
}

/* `count` neighbouring pixels, each of which is a window. */
TINYC_INLINE void tinyc_mve_all_pixels(int8_t *out, const int8_t *in, int32_t count, const tinyc_dense_s8_mve *dense, int32_t *sums,
                                       tinyc_mve_blocks blocks, int lean)
{
    const tinyc_mve_layer *p = &dense->layer;
    const int whole = (p->depth & 15) == 0;
    tinyc_mve_product job;
    tinyc_mve_start(&job, p->in_stride, sums, p, blocks, lean);
    for (int32_t first = 0; first < p->out_channels; first += tinyc_mve_at_once(p, lean)) {
        const int32_t channels = tinyc_mve_slice(&job, first, out, dense->weights, dense->constants, p, lean);
        job.a = in;
        job.b = in + p->in_stride;
        if (count > 1) {
            job.rounds = p->steps <= 3 ? p->depth - TINYC_MVE_BLOCK * (p->steps - 1) : whole ? (p->steps + 3) >> 2 : p->depth;
            job.count = count >> 1;
            blocks.pairs(&job);
        }
        if (count & 1) {
            tinyc_mve_single(&job, whole, channels, p, blocks);
        }
    }
    tinyc_mve_activate(out, count, p->out_channels, p->out_stride, p->least, p->most);
}

TINYC_SHARED void tinyc_mve_pixels(int8_t *out, const int8_t *in, int32_t count, const tinyc_dense_s8_mve *dense, int32_t *sums,
                                   tinyc_mve_blocks blocks)
{
    tinyc_mve_all_pixels(out, in, count, dense, sums, blocks, 0);
}

TINYC_SHARED void tinyc_mve_lean_pixels(int8_t *out, const int8_t *in, int32_t count, const tinyc_dense_s8_mve *dense, int32_t *sums,
                                        tinyc_mve_blocks blocks)
{
    tinyc_mve_all_pixels(out, in, count, dense, sums, blocks, 1);
}

/* One window of which no or some columns are outside, tap by tap. */
TINYC_INLINE void tinyc_mve_window_taps(int8_t *to, const void *const *in, int32_t left, int32_t origin, const tinyc_conv2d_s8_mve *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        for (int32_t j = 0; j < p->kernel_columns; ++j, to += p->in_channels) {
            const int32_t column = left + j * p->dilation;
            if (column >= 0 && column < p->in_columns) {
                (void)tinyc_mve_copy(to, row + (column - origin) * p->layer.in_stride, p->in_channels);
            }
        }
    }
}

/* One window, its first column `left`; the rows are at column `origin`. */
TINYC_SHARED void tinyc_mve_window(int8_t *to, const void *const *in, int32_t left, int32_t origin, const tinyc_conv2d_s8_mve *p)
{
    const int32_t first = left < 0 ? -left : 0;
    const int32_t room = p->in_columns - left;
    const int32_t taps = (room < p->kernel_columns ? room : p->kernel_columns) - first;
    if (p->runs > 1 || taps < p->kernel_columns) {
        tinyc_mve_fill(to, p->in_zero_point, p->layer.depth);
    }
    if (p->runs > 1) {
        tinyc_mve_window_taps(to, in, left, origin, p);
        return;
    }
    if (taps <= 0) {
        return;
    }
    to += first * p->in_channels;
    for (int32_t i = 0; i < p->kernel_rows; ++i, to += p->run_bytes) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        (void)tinyc_mve_copy(to, row + (left + first - origin) * p->layer.in_stride, taps * p->in_channels);
    }
}

/* Any window; rows outside are rows of zero points. */
TINYC_INLINE void tinyc_mve_all_windows(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, int32_t *sums,
                                        tinyc_mve_blocks blocks, int lean)
{
    const tinyc_mve_layer *layer = &p->layer;
    int8_t *a = (int8_t *)(sums + tinyc_mve_sum_words(layer, lean));
    int8_t *b = a + TINYC_MVE_BLOCK * (layer->steps + 1);
    const int32_t start = x0 * p->stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    const int32_t last = p->runs > 1 ? 0 : p->in_columns - p->kernel_columns + 1 - p->stride;
    int8_t *at = out;
    int32_t left = start;
    int32_t count = x1 - x0;
    tinyc_mve_product job;
    tinyc_mve_start(&job, p->stride * layer->in_stride, sums, layer, blocks, lean);
    (void)tinyc_mve_slice(&job, 0, out, p->weights, p->constants, layer, lean);
    job.a = a;
    job.b = b;
    job.rounds = p->run_bytes > TINYC_MVE_BLOCK || layer->steps > 3 ? (layer->steps + 3) >> 2 : TINYC_MVE_BLOCK;
    job.rows = in;
    job.row_step = (int32_t)sizeof in[0] * p->dilation_rows;
    job.next = p->stride * layer->in_stride;
    job.bytes = p->run_bytes;
    while (count > 1) {
        int32_t pairs = 1;
        if (left >= 0 && left < last) {
            const int32_t inside = (last - left + 2 * p->stride - 1) / (2 * p->stride);
            pairs = lean ? 1 : inside < count >> 1 ? inside : count >> 1;
            job.row_count = p->kernel_rows;
            job.offset = (left - origin) * layer->in_stride;
        } else {
            tinyc_mve_window(a, in, left, origin, p);
            tinyc_mve_window(b, in, left + p->stride, origin, p);
            job.row_count = 0;
        }
        count -= 2 * pairs;
        left += 2 * pairs * p->stride;
        job.count = pairs;
        blocks.pairs(&job);
        if (lean) {
            job.row_count = 0;
            for (int32_t first = TINYC_MVE_SLICE; first < layer->out_channels; first += TINYC_MVE_SLICE) {
                (void)tinyc_mve_slice(&job, first, at, p->weights, p->constants, layer, lean);
                job.count = 1;
                blocks.pairs(&job);
            }
            at += 2 * layer->out_stride;
            (void)tinyc_mve_slice(&job, 0, at, p->weights, p->constants, layer, lean);
        }
    }
    if (count > 0) {
        tinyc_mve_window(a, in, left, origin, p);
        tinyc_mve_single(&job, 1, tinyc_mve_at_once(layer, lean), layer, blocks);
        for (int32_t first = TINYC_MVE_SLICE; lean && first < layer->out_channels; first += TINYC_MVE_SLICE) {
            const int32_t channels = tinyc_mve_slice(&job, first, at, p->weights, p->constants, layer, lean);
            job.a = a;
            tinyc_mve_single(&job, 1, channels, layer, blocks);
        }
    }
    tinyc_mve_activate(out, x1 - x0, layer->out_channels, layer->out_stride, layer->least, layer->most);
}

TINYC_SHARED void tinyc_mve_windows(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, int32_t *sums,
                                    tinyc_mve_blocks blocks)
{
    tinyc_mve_all_windows(out, in, x0, x1, p, sums, blocks, 0);
}

TINYC_SHARED void tinyc_mve_lean_windows(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, int32_t *sums,
                                         tinyc_mve_blocks blocks)
{
    tinyc_mve_all_windows(out, in, x0, x1, p, sums, blocks, 1);
}

TINYC_INLINE void conv2d_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, void *scratch)
{
    tinyc_mve_windows((int8_t *)out, in, x0, x1, p, (int32_t *)scratch, tinyc_mve_window_blocks(p));
}

TINYC_INLINE void conv2d_lean_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, void *scratch)
{
    tinyc_mve_lean_windows((int8_t *)out, in, x0, x1, p, (int32_t *)scratch, tinyc_mve_window_blocks(p));
}

/* One tap, stride 1: pixels may be those of a whole image. */
TINYC_INLINE void pointwise_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_dense_s8_mve *p, void *scratch)
{
    tinyc_mve_pixels((int8_t *)out, (const int8_t *)in[0], x1 - x0, p, (int32_t *)scratch, tinyc_mve_pixel_blocks(&p->layer));
}

TINYC_INLINE void pointwise_lean_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_dense_s8_mve *p, void *scratch)
{
    tinyc_mve_lean_pixels((int8_t *)out, (const int8_t *)in[0], x1 - x0, p, (int32_t *)scratch, tinyc_mve_pixel_blocks(&p->layer));
}

/* Input vectors that are not pixels: whole images seen as vectors. */
TINYC_INLINE void dense_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_dense_s8_mve *p, void *scratch)
{
    (void)x0;
    (void)x1;
    tinyc_mve_pixels((int8_t *)out, (const int8_t *)in[0], p->vectors, p, (int32_t *)scratch, tinyc_mve_pixel_blocks(&p->layer));
}

TINYC_INLINE void dense_lean_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_dense_s8_mve *p, void *scratch)
{
    (void)x0;
    (void)x1;
    tinyc_mve_lean_pixels((int8_t *)out, (const int8_t *)in[0], p->vectors, p, (int32_t *)scratch, tinyc_mve_pixel_blocks(&p->layer));
}

#endif
