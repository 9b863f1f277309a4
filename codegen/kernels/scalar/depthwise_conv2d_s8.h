/* Depthwise convolution of int8 for any window, stride, dilation and channel multiplier; requantized per channel. */
#ifndef TINYC_SCALAR_DEPTHWISE_CONV2D_S8_H
#define TINYC_SCALAR_DEPTHWISE_CONV2D_S8_H

#include "requantize.h"
#include "tinyc_kernel.h"

typedef struct {
    int32_t columns;  /* of the input */
    int32_t channels; /* of the input */
    int32_t multiplier;
    int32_t window_rows;
    int32_t window_columns;
    int32_t row_dilation;
    int32_t column_dilation;
    int32_t column_stride;
    int32_t pad_left;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t in_zero;
    int32_t out_zero;
    int32_t least; /* the activation's range */
    int32_t most;
    const int8_t *weights;                     /* [window_rows][window_columns][channels * multiplier] */
    const tinyc_requantization *requantization; /* [channels * multiplier] */
} tinyc_depthwise_conv2d_s8;

/* The sum over the window for output channel `o`; `left` is the window's first column, `origin` the column that in[] points to. */
TINYC_INLINE int32_t depthwise_conv2d_s8_sum(
    const void *const *in, int32_t left, int32_t origin, int32_t o, const tinyc_depthwise_conv2d_s8 *p)
{
    const int32_t outputs = p->channels * p->multiplier;
    int32_t sum = 0;
    for (int32_t y = 0; y < p->window_rows; ++y) {
        const int8_t *row = (const int8_t *)in[y * p->row_dilation];
        const int8_t *weights = p->weights + y * p->window_columns * outputs + o;
        if (row == NULL) {
            continue;
        }
        for (int32_t k = 0; k < p->window_columns; ++k) {
            const int32_t column = left + k * p->column_dilation;
            if (column >= 0 && column < p->columns) {
                sum += (row[(column - origin) * p->in_stride + o / p->multiplier] - p->in_zero) * weights[k * outputs];
            }
        }
    }
    return sum;
}

TINYC_INLINE void depthwise_conv2d_s8__scalar(
    void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_conv2d_s8 *p)
{
    const int32_t first = x0 * p->column_stride - p->pad_left;
    const int32_t origin = first > 0 ? first : 0;
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        const int32_t left = x * p->column_stride - p->pad_left;
        for (int32_t o = 0; o < p->channels * p->multiplier; ++o) {
            const int32_t sum = depthwise_conv2d_s8_sum(in, left, origin, o, p);
            target[o] = tinyc_requantize(sum, &p->requantization[o], p->out_zero, p->least, p->most);
        }
        target += p->out_stride;
    }
}

#endif
