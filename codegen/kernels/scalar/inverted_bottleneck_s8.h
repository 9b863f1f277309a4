/* An inverted bottleneck of int8 in plain C: expansion, depthwise convolution and projection, a block of expanded channels at a time. */
#ifndef TINYC_SCALAR_INVERTED_BOTTLENECK_S8_H
#define TINYC_SCALAR_INVERTED_BOTTLENECK_S8_H

#include "requantize.h"
#include "tinyc_kernel.h"

typedef struct {
    int32_t in_columns;
    int32_t in_channels;
    int32_t in_stride; /* bytes from one input pixel to the next */
    int32_t in_zero_point;
    int32_t channels; /* of the expanded image */
    int32_t block;    /* of them at a time */
    int32_t expanded_zero_point;
    int32_t expanded_least; /* the activation's range */
    int32_t expanded_most;
    int32_t window_rows;
    int32_t window_columns;
    int32_t dilation_rows; /* in[] holds the rows between the taps too */
    int32_t dilation;      /* of columns */
    int32_t stride;        /* of columns */
    int32_t pad_left;
    int32_t filtered_zero_point;
    int32_t filtered_least;
    int32_t filtered_most;
    int32_t out_channels;
    int32_t out_stride;
    int32_t out_zero_point;
    int32_t least;
    int32_t most;
    const int8_t *expand_weights;    /* [channels][in_channels] */
    const int8_t *depthwise_weights; /* [window_rows][window_columns][channels] */
    const int8_t *project_weights;   /* [out_channels][channels] */
    const tinyc_requantization *expand;
    const tinyc_requantization *depthwise;
    const tinyc_requantization *project;
} tinyc_inverted_bottleneck_s8;

/* Channels [from, to) of `columns` pixels of one expanded row. */
TINYC_INLINE void tinyc_expand_row_s8(int8_t *out, const int8_t *row, int32_t columns, int32_t from, int32_t to,
                                      const tinyc_inverted_bottleneck_s8 *p)
{
    for (int32_t x = 0; x < columns; ++x) {
        for (int32_t c = from; c < to; ++c) {
            int32_t sum = 0;
            for (int32_t i = 0; i < p->in_channels; ++i) {
                sum += (row[i] - p->in_zero_point) * p->expand_weights[c * p->in_channels + i];
            }
            *out++ = tinyc_requantize(sum, &p->expand[c], p->expanded_zero_point, p->expanded_least, p->expanded_most);
        }
        row += p->in_stride;
    }
}

/* One filtered value: `at` is the channel's place in a pixel of `rows`, whose first column is `origin` and last before `end`. */
TINYC_INLINE int32_t tinyc_filter_s8(const int8_t *rows, const void *const *in, int32_t left, int32_t origin, int32_t end, int32_t at,
                                     int32_t pixel, int32_t channel, const tinyc_inverted_bottleneck_s8 *p)
{
    const int32_t columns = end - origin;
    int32_t sum = 0;
    for (int32_t y = 0; y < p->window_rows; ++y) {
        for (int32_t k = 0; k < p->window_columns; ++k) {
            const int32_t column = left + k * p->dilation;
            if (in[y * p->dilation_rows] != NULL && column >= 0 && column < p->in_columns) {
                const int32_t value = rows[(y * columns + column - origin) * pixel + at];
                sum += (value - p->expanded_zero_point) * p->depthwise_weights[(y * p->window_columns + k) * p->channels + channel];
            }
        }
    }
    return tinyc_requantize(sum, &p->depthwise[channel], p->filtered_zero_point, p->filtered_least, p->filtered_most);
}

TINYC_INLINE void inverted_bottleneck_s8__scalar(
    void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_inverted_bottleneck_s8 *p, void *scratch)
{
    const int32_t start = x0 * p->stride - p->pad_left, reach = (x1 - 1) * p->stride - p->pad_left + (p->window_columns - 1) * p->dilation + 1;
    const int32_t origin = start > 0 ? start : 0, end = reach < p->in_columns ? reach : p->in_columns;
    uint32_t *sums = (uint32_t *)scratch;
    int8_t *rows = (int8_t *)(sums + (x1 - x0) * p->out_channels);
    memset(sums, 0, (size_t)((x1 - x0) * p->out_channels) * sizeof *sums);
    for (int32_t from = 0; from < p->channels; from += p->block) {
        const int32_t to = from + p->block < p->channels ? from + p->block : p->channels, pixel = to - from;
        for (int32_t y = 0; y < p->window_rows; ++y) {
            if (in[y * p->dilation_rows] != NULL) {
                tinyc_expand_row_s8(rows + y * (end - origin) * pixel, (const int8_t *)in[y * p->dilation_rows], end - origin, from, to, p);
            }
        }
        for (int32_t x = x0; x < x1; ++x) {
            for (int32_t c = from; c < to; ++c) {
                const int32_t value = tinyc_filter_s8(rows, in, x * p->stride - p->pad_left, origin, end, c - from, pixel, c, p);
                for (int32_t o = 0; o < p->out_channels; ++o) {
                    const int32_t weight = p->project_weights[o * p->channels + c];
                    sums[(x - x0) * p->out_channels + o] += (uint32_t)((value - p->filtered_zero_point) * weight);
                }
            }
        }
    }
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x, target += p->out_stride) {
        for (int32_t o = 0; o < p->out_channels; ++o) {
            target[o] = tinyc_requantize((int32_t)*sums++, &p->project[o], p->out_zero_point, p->least, p->most);
        }
    }
}

#endif
