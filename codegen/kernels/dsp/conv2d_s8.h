/* int8 convolution on Armv7E-M: the windows of two output pixels are widened to int16 in scratch, then multiplied by all channels.
 *
 * Widening costs one instruction a value, once for all output channels, and lets one LDM feed four SMLADs (matmul_s8.h).
 */
#ifndef TINYC_DSP_CONV2D_S8_H
#define TINYC_DSP_CONV2D_S8_H

#include "dsp/matmul_s8.h"

typedef struct {
    const int32_t *weights; /* blocks of four output channels: 2 * steps dual words, 16 constants */
    int32_t steps;          /* pairs of inputs of one window */
    int32_t out_channels;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t least;      /* the activation's range */
    int32_t most;
    int32_t in_stride; /* bytes from one input pixel to the next */
    int32_t in_columns;
    int32_t in_channels;
    int32_t run_bytes; /* adjacent bytes of a window: one pixel, or a row of pixels that lie side by side */
    int32_t runs;      /* in one row of the window */
    int32_t kernel_rows;
    int32_t kernel_columns;
    int32_t stride;        /* of columns */
    int32_t dilation_rows; /* in[] holds the rows between the taps too */
    int32_t dilation;      /* of columns */
    int32_t pad_left;
    const int8_t *outside; /* a pixel of zero points */
} tinyc_conv2d_s8_dsp;

/* One or two pixels times all output channels. */
TINYC_INLINE void tinyc_multiply_pair(int8_t *out, int32_t pixels, const uint32_t *acts, const tinyc_conv2d_s8_dsp *p,
                                      tinyc_pair_blocks *pair, tinyc_single_blocks *single)
{
    const uint32_t *acts_end = acts + 2 * p->steps;
    const int32_t words = 2 * p->steps + 4 * TINYC_REQUANTIZATION_WORDS;
    const int32_t *weights_end = p->weights + (p->out_channels >> 2) * words;
    const int32_t rest = p->out_channels & 3;
    int8_t *next = out + p->out_stride;
    if (pixels == 2) {
        const uint32_t skip = TINYC_PAIR_STEP_BYTES * ((uint32_t)(p->steps - 1) & 7u);
        if (weights_end != p->weights) {
            pair(acts, p->weights, out, next, weights_end, acts_end, skip);
        }
        if (rest != 0) {
            int8_t last[8];
            pair(acts, weights_end, last, last + 4, weights_end + words, acts_end, skip);
            for (int32_t c = 0; c < rest; ++c) {
                out[p->out_channels - rest + c] = last[c];
                next[p->out_channels - rest + c] = last[4 + c];
            }
        }
    } else {
        const uint32_t skip = TINYC_SINGLE_STEP_BYTES * ((uint32_t)p->steps & 7u);
        if (weights_end != p->weights) {
            single(acts, p->weights, out, weights_end, acts_end, skip);
        }
        if (rest != 0) {
            int8_t last[4];
            single(acts, weights_end, last, weights_end + words, acts_end, skip);
            for (int32_t c = 0; c < rest; ++c) {
                out[p->out_channels - rest + c] = last[c];
            }
        }
    }
    if (p->least > -128 || p->most < 127) {
        tinyc_clamp_bytes(out, p->out_channels, p->least, p->most);
        if (pixels == 2) {
            tinyc_clamp_bytes(next, p->out_channels, p->least, p->most);
        }
    }
}

/* The tap at input column `column`, or a pixel of zero points; `row` is at input column `origin`. */
TINYC_INLINE const int8_t *tinyc_tap(const int8_t *row, int32_t column, int32_t origin, const tinyc_conv2d_s8_dsp *p)
{
    return row != NULL && column >= 0 && column < p->in_columns ? row + (column - origin) * p->in_stride : p->outside;
}

/* One row of two windows of which a part is outside; `edges` has room for the bytes of two runs. */
TINYC_INLINE uint32_t *tinyc_widen_border(uint32_t *to, const int8_t *row, int32_t left_a, int32_t left_b, int32_t origin, int8_t *edges,
                                          const tinyc_conv2d_s8_dsp *p)
{
    const int32_t adjacent = p->run_bytes != p->in_channels && (p->in_channels & 3) != 0;
    int8_t *edge = edges;
    for (int32_t j = 0; j < p->kernel_columns; ++j) {
        const int8_t *a = tinyc_tap(row, left_a + j * p->dilation, origin, p);
        const int8_t *b = tinyc_tap(row, left_b + j * p->dilation, origin, p);
        if (!adjacent) {
            to = tinyc_widen_pair(to, a, b, p->in_channels);
            continue;
        }
        for (int32_t c = 0; c < p->in_channels; ++c, ++edge) {
            edge[0] = a[c];
            edge[p->run_bytes] = b[c];
        }
    }
    return adjacent ? tinyc_widen_pair(to, edges, edges + p->run_bytes, p->run_bytes) : to;
}

/* The windows whose first taps are input columns left_a <= left_b. */
TINYC_INLINE void tinyc_widen_windows(uint32_t *to, const void *const *in, int32_t left_a, int32_t left_b, int32_t origin,
                                      const tinyc_conv2d_s8_dsp *p)
{
    const int32_t inside = left_a >= 0 && left_b + (p->kernel_columns - 1) * p->dilation < p->in_columns;
    int8_t *edges = (int8_t *)(to + 2 * p->steps);
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL || !inside) {
            to = tinyc_widen_border(to, row, left_a, left_b, origin, edges, p);
            continue;
        }
        const int8_t *a = row + (left_a - origin) * p->in_stride;
        const int8_t *b = row + (left_b - origin) * p->in_stride;
        for (int32_t run = 0; run < p->runs; ++run) {
            to = tinyc_widen_pair(to, a, b, p->run_bytes);
            a += p->dilation * p->in_stride;
            b += p->dilation * p->in_stride;
        }
    }
}

TINYC_SHARED void tinyc_conv2d_pairs(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                     uint32_t *scratch, tinyc_pair_blocks *pair, tinyc_single_blocks *single)
{
    const int32_t first = x0 * p->stride - p->pad_left;
    const int32_t origin = first > 0 ? first : 0;
    for (int32_t x = x0; x < x1; x += 2) {
        const int32_t left = x * p->stride - p->pad_left;
        const int32_t pixels = x + 1 < x1 ? 2 : 1;
        tinyc_widen_windows(scratch, in, left, pixels == 2 ? left + p->stride : left, origin, p);
        tinyc_multiply_pair(out, pixels, scratch, p, pair, single);
        out += 2 * p->out_stride;
    }
}

/* A window of one tap and stride 1: pixels may be those of a whole image. */
TINYC_SHARED void tinyc_pointwise_pairs(int8_t *out, const int8_t *in, int32_t count, const tinyc_conv2d_s8_dsp *p, uint32_t *scratch,
                                        tinyc_pair_blocks *pair, tinyc_single_blocks *single)
{
    for (; count > 0; count -= 2) {
        (void)tinyc_widen_pair(scratch, in, count > 1 ? in + p->in_stride : in, p->in_channels);
        tinyc_multiply_pair(out, count > 1 ? 2 : 1, scratch, p, pair, single);
        in += 2 * p->in_stride;
        out += 2 * p->out_stride;
    }
}

TINYC_INLINE void conv2d_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_conv2d_pairs((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, tinyc_pair_blocks_ties, tinyc_single_blocks_ties);
}

TINYC_INLINE void conv2d_s8__dsp_relu(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_conv2d_pairs((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, tinyc_pair_blocks_relu, tinyc_single_blocks_relu);
}

TINYC_INLINE void pointwise_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_pointwise_pairs((int8_t *)out, (const int8_t *)in[0], x1 - x0, p, (uint32_t *)scratch, tinyc_pair_blocks_ties,
                          tinyc_single_blocks_ties);
}

TINYC_INLINE void pointwise_s8__dsp_relu(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                         void *scratch)
{
    tinyc_pointwise_pairs((int8_t *)out, (const int8_t *)in[0], x1 - x0, p, (uint32_t *)scratch, tinyc_pair_blocks_relu,
                          tinyc_single_blocks_relu);
}

#endif
