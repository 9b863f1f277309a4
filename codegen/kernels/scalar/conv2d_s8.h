/* int8 convolution and dense layers in plain C: any stride, dilation, padding and pixel stride. */
#ifndef TINYC_SCALAR_CONV2D_S8_H
#define TINYC_SCALAR_CONV2D_S8_H

#include "requantize.h"
#include "tinyc_kernel.h"

/* A convolution with a window of several taps, or a stride. */
typedef struct {
    const int8_t *weights;                   /* [out_channels][kernel_rows][kernel_columns][in_channels] */
    const tinyc_requantization *requantize; /* [out_channels] */
    int32_t in_columns;
    int32_t in_channels;
    int32_t in_stride; /* bytes from one input pixel to the next */
    int32_t in_zero_point;
    int32_t out_channels;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t out_zero_point;
    int32_t least; /* the activation's range */
    int32_t most;
    int32_t kernel_rows;
    int32_t kernel_columns;
    int32_t stride;        /* of columns */
    int32_t dilation_rows; /* in[] holds the rows between the taps too */
    int32_t dilation;      /* of columns */
    int32_t pad_left;
} tinyc_conv2d_s8;

/* The weighted sum of one tap. */
TINYC_INLINE int32_t tinyc_tap_s8(const int8_t *input, const int8_t *weights, int32_t channels, int32_t zero_point)
{
    int32_t sum = 0;
    for (int32_t c = 0; c < channels; ++c) {
        sum += (input[c] - zero_point) * weights[c];
    }
    return sum;
}

/* The sum under the window whose first tap is input column `left`; row pointers are at input column `origin`. */
TINYC_INLINE int32_t tinyc_window_s8(const void *const *in, const int8_t *weights, int32_t left, int32_t origin, const tinyc_conv2d_s8 *p)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        for (int32_t j = 0; j < p->kernel_columns; ++j) {
            const int32_t column = left + j * p->dilation;
            if (row != NULL && column >= 0 && column < p->in_columns) {
                sum += (uint32_t)tinyc_tap_s8(row + (column - origin) * p->in_stride, weights, p->in_channels, p->in_zero_point);
            }
            weights += p->in_channels;
        }
    }
    return (int32_t)sum;
}

TINYC_INLINE void conv2d_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8 *p)
{
    const int32_t window = p->kernel_rows * p->kernel_columns * p->in_channels;
    const int32_t origin = x0 * p->stride > p->pad_left ? x0 * p->stride - p->pad_left : 0;
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        for (int32_t c = 0; c < p->out_channels; ++c) {
            const int32_t sum = tinyc_window_s8(in, p->weights + c * window, x * p->stride - p->pad_left, origin, p);
            target[c] = tinyc_requantize(sum, &p->requantize[c], p->out_zero_point, p->least, p->most);
        }
        target += p->out_stride;
    }
}

/* A matrix product for every pixel: a dense layer, or a 1x1 convolution of stride 1. */
typedef struct {
    const int8_t *weights;                   /* [out_channels][in_channels] */
    const tinyc_requantization *requantize; /* [out_channels] */
    int32_t pixels;                          /* of the whole tensor */
    int32_t in_channels;
    int32_t in_stride; /* bytes from one input pixel to the next */
    int32_t in_zero_point;
    int32_t out_channels;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t out_zero_point;
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_dense_s8;

TINYC_INLINE void dense_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_dense_s8 *p)
{
    const int8_t *source = (const int8_t *)in[0];
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        for (int32_t c = 0; c < p->out_channels; ++c) {
            const int32_t sum = tinyc_tap_s8(source, p->weights + c * p->in_channels, p->in_channels, p->in_zero_point);
            target[c] = tinyc_requantize(sum, &p->requantize[c], p->out_zero_point, p->least, p->most);
        }
        source += p->in_stride;
        target += p->out_stride;
    }
}

/* Input vectors that are not pixels: whole images seen as vectors. */
TINYC_INLINE void dense_whole_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_dense_s8 *p)
{
    (void)x0, (void)x1;
    dense_s8__scalar(out, in, 0, p->pixels, p);
}

#endif
