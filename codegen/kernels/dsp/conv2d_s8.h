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
    int32_t in_zero_point;
    const int8_t *outside; /* a pixel of zero points */
} tinyc_conv2d_s8_dsp;

/* The products of one layer: whole blocks of channels, and the last block where one to three channels are left. */
typedef struct {
    tinyc_blocks whole, rest;
    int32_t whole_channels, rest_channels;
    tinyc_pair_blocks *pair;
    tinyc_single_blocks *single;
} tinyc_products;

TINYC_INLINE tinyc_products tinyc_make_products(const tinyc_conv2d_s8_dsp *p, const uint32_t *acts, tinyc_pair_blocks *pair,
                                                tinyc_single_blocks *single)
{
    const int32_t words = 2 * p->steps + 4 * TINYC_REQUANTIZATION_WORDS;
    const int32_t *middle = p->weights + (p->out_channels >> 2) * words;
    tinyc_products products;
    products.whole = tinyc_make_blocks(acts, p->steps, p->weights, middle);
    products.whole_channels = p->out_channels & ~3;
    products.rest_channels = p->out_channels & 3;
    products.rest = tinyc_make_blocks(acts, p->steps, middle, products.rest_channels > 0 ? middle + words : middle);
    products.pair = pair;
    products.single = single;
    return products;
}

/* The channels after the whole blocks. */
TINYC_SHARED void tinyc_multiply_rest(int8_t *out, int8_t *next, int32_t pixels, const tinyc_products *products)
{
    int8_t last[8];
    if (pixels == 2) {
        products->pair(&products->rest, last, last + 4);
    } else {
        products->single(&products->rest, last);
    }
    for (int32_t c = 0; c < products->rest_channels; ++c) {
        out[products->whole_channels + c] = last[c];
        if (pixels == 2) {
            next[products->whole_channels + c] = last[4 + c];
        }
    }
}

/* One or two pixels times all output channels. */
TINYC_INLINE void tinyc_multiply(int8_t *out, int32_t pixels, const tinyc_products *products, const tinyc_conv2d_s8_dsp *p)
{
    int8_t *next = out + p->out_stride;
    if (products->whole_channels > 0) {
        if (pixels == 2) {
            products->pair(&products->whole, out, next);
        } else {
            products->single(&products->whole, out);
        }
    }
    if (products->rest_channels > 0) {
        tinyc_multiply_rest(out, next, pixels, products);
    }
    if (p->least > -128 || p->most < 127) {
        tinyc_clamp_bytes(out, p->out_channels, p->least, p->most);
        if (pixels == 2) {
            tinyc_clamp_bytes(next, p->out_channels, p->least, p->most);
        }
    }
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

/* Windows that cross the left or right border, taps side by side, channels not a multiple of four: `edges` takes their bytes. */
TINYC_SHARED void tinyc_widen_edges(uint32_t *to, const void *const *in, int32_t left_a, int32_t left_b, int32_t origin,
                                    const tinyc_conv2d_s8_dsp *p)
{
    int8_t *edges = (int8_t *)(to + 2 * p->steps);
    const int32_t left[2] = {left_a, left_b};
    int32_t first[2], count[2];
    for (int i = 0; i < 2; ++i) {
        const int32_t from = left[i] < 0 ? -left[i] : 0;
        const int32_t room = p->in_columns - left[i] < p->kernel_columns ? p->in_columns - left[i] : p->kernel_columns;
        first[i] = from * p->in_channels;
        count[i] = room > from ? (room - from) * p->in_channels : 0;
    }
    for (int32_t i = 0; i < 2 * p->run_bytes; ++i) {
        edges[i] = (int8_t)p->in_zero_point;
    }
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->steps / p->kernel_rows, p->in_zero_point);
            continue;
        }
        for (int window = 0; window < 2; ++window) {
            const int8_t *from = row + (left[window] - origin) * p->in_stride + first[window];
            int8_t *edge = edges + window * p->run_bytes + first[window];
            for (const int8_t *end = edge + count[window]; edge != end;) {
                *edge++ = *from++;
            }
        }
        to = tinyc_widen_pair(to, edges, edges + p->run_bytes, p->run_bytes);
    }
}

/* The tap at input column `column`, or a pixel of zero points; `row` is at input column `origin`. */
TINYC_INLINE const int8_t *tinyc_tap(const int8_t *row, int32_t column, int32_t origin, const tinyc_conv2d_s8_dsp *p)
{
    return column >= 0 && column < p->in_columns ? row + (column - origin) * p->in_stride : p->outside;
}

/* Windows that cross the left or right border, tap by tap. */
TINYC_SHARED void tinyc_widen_taps(uint32_t *to, const void *const *in, int32_t left_a, int32_t left_b, int32_t origin,
                                   const tinyc_conv2d_s8_dsp *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->steps / p->kernel_rows, p->in_zero_point);
            continue;
        }
        for (int32_t j = 0; j < p->kernel_columns; ++j) {
            const int8_t *a = tinyc_tap(row, left_a + j * p->dilation, origin, p);
            const int8_t *b = tinyc_tap(row, left_b + j * p->dilation, origin, p);
            to = tinyc_widen_pair(to, a, b, p->in_channels);
        }
    }
}

/* Windows of which no column is outside. */
TINYC_INLINE void tinyc_widen_interior(uint32_t *to, const void *const *in, int32_t offset_a, int32_t offset_b, const tinyc_conv2d_s8_dsp *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->steps / p->kernel_rows, p->in_zero_point);
            continue;
        }
        const int8_t *a = row + offset_a, *b = row + offset_b;
        for (int32_t run = 0; run < p->runs; ++run) {
            to = tinyc_widen_pair(to, a, b, p->run_bytes);
            a += p->dilation * p->in_stride;
            b += p->dilation * p->in_stride;
        }
    }
}

/* The same for one short run a row, of constant length. */
TINYC_INLINE void tinyc_widen_stem(uint32_t *to, const void *const *in, int32_t offset_a, int32_t offset_b, const tinyc_conv2d_s8_dsp *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        if (row == NULL) {
            to = tinyc_widen_outside(to, 2 * p->steps / p->kernel_rows, p->in_zero_point);
        } else {
            to = tinyc_widen_short(to, row + offset_a, row + offset_b, p->run_bytes);
        }
    }
}

typedef void tinyc_widen(uint32_t *to, const void *const *in, int32_t offset_a, int32_t offset_b, const tinyc_conv2d_s8_dsp *p);

TINYC_INLINE void tinyc_conv2d_pairs(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                     uint32_t *scratch, tinyc_widen *widen, tinyc_pair_blocks *pair, tinyc_single_blocks *single)
{
    const tinyc_products products = tinyc_make_products(p, scratch, pair, single);
    const int32_t start = x0 * p->stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    const int32_t last = p->in_columns - (p->kernel_columns - 1) * p->dilation;
    int32_t left = start;
    for (int32_t count = x1 - x0; count > 0; count -= 2) {
        const int32_t left_b = count > 1 ? left + p->stride : left;
        if (left >= 0 && left_b < last) {
            widen(scratch, in, (left - origin) * p->in_stride, (left_b - origin) * p->in_stride, p);
        } else if (p->run_bytes == p->in_channels || (p->in_channels & 3) == 0) {
            tinyc_widen_taps(scratch, in, left, left_b, origin, p);
        } else {
            tinyc_widen_edges(scratch, in, left, left_b, origin, p);
        }
        tinyc_multiply(out, count > 1 ? 2 : 1, &products, p);
        left += 2 * p->stride;
        out += 2 * p->out_stride;
    }
}

TINYC_SHARED void tinyc_conv2d_shared(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                      uint32_t *scratch, tinyc_pair_blocks *pair, tinyc_single_blocks *single)
{
    tinyc_conv2d_pairs(out, in, x0, x1, p, scratch, tinyc_widen_interior, pair, single);
}

/* A window of one tap and stride 1: pixels may be those of a whole image. */
TINYC_SHARED void tinyc_pointwise_shared(int8_t *out, const int8_t *in, int32_t count, const tinyc_conv2d_s8_dsp *p, uint32_t *scratch,
                                         tinyc_pair_blocks *pair, tinyc_single_blocks *single)
{
    const tinyc_products products = tinyc_make_products(p, scratch, pair, single);
    for (; count > 0; count -= 2) {
        (void)tinyc_widen_pair(scratch, in, count > 1 ? in + p->in_stride : in, p->in_channels);
        tinyc_multiply(out, count > 1 ? 2 : 1, &products, p);
        in += 2 * p->in_stride;
        out += 2 * p->out_stride;
    }
}

/* Any window; one copy of the code for all layers. */
TINYC_INLINE void conv2d_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_conv2d_shared((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, tinyc_pair_blocks_ties, tinyc_single_blocks_ties);
}

TINYC_INLINE void conv2d_s8__dsp_relu(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_conv2d_shared((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, tinyc_pair_blocks_relu, tinyc_single_blocks_relu);
}

/* A window whose rows are at most 32 adjacent bytes, as over an image's few channels; a copy for each layer. */
TINYC_INLINE void stem_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_conv2d_pairs((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, tinyc_widen_stem, tinyc_pair_blocks_ties,
                       tinyc_single_blocks_ties);
}

TINYC_INLINE void stem_s8__dsp_relu(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_conv2d_pairs((int8_t *)out, in, x0, x1, p, (uint32_t *)scratch, tinyc_widen_stem, tinyc_pair_blocks_relu,
                       tinyc_single_blocks_relu);
}

/* One tap, stride 1; one copy of the code for all layers. */
TINYC_INLINE void pointwise_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p, void *scratch)
{
    tinyc_pointwise_shared((int8_t *)out, (const int8_t *)in[0], x1 - x0, p, (uint32_t *)scratch, tinyc_pair_blocks_ties,
                           tinyc_single_blocks_ties);
}

TINYC_INLINE void pointwise_s8__dsp_relu(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_dsp *p,
                                         void *scratch)
{
    tinyc_pointwise_shared((int8_t *)out, (const int8_t *)in[0], x1 - x0, p, (uint32_t *)scratch, tinyc_pair_blocks_relu,
                           tinyc_single_blocks_relu);
}

#endif
