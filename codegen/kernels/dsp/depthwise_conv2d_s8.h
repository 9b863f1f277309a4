/* Depthwise convolution of int8, four channels and where possible two neighbouring output pixels at a time.
 *
 * Rows outside the image are rows of zero points, folded into the biases; columns outside are skipped, with biases of their own.
 * Constants come as one stream, for every group of four channels: 4 doubled biases, 2 words of doubled weights for every tap, and
 * {multiplier, offset, shift} of every channel.  A last group that is not full starts earlier and repeats channels.  Where an input channel
 * makes several output channels, all first ones are made, then all second ones, each with a stream of its own, one after the other.
 */
#ifndef TINYC_DSP_DEPTHWISE_CONV2D_S8_H
#define TINYC_DSP_DEPTHWISE_CONV2D_S8_H

#include "dsp/depthwise_block.h"
#include "dsp/groups.h"

/* An output column whose window lies partly outside: the window's columns [first, last) that lie inside. */
typedef struct {
    int32_t first;
    int32_t last;
} tinyc_border;

typedef struct {
    int32_t channels; /* of the input, at least 4 */
    int32_t multiplier; /* output channels of each */
    int32_t window_rows;
    int32_t window_columns;
    int32_t row_dilation;
    int32_t column_dilation;
    int32_t column_stride;
    int32_t pad_left;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t inside_first; /* the output columns [inside_first, inside_last) whose windows lie inside */
    int32_t inside_last;
    int32_t ties;  /* whether negative ties need their correction */
    int32_t least; /* the activation's range */
    int32_t most;
    const int32_t *stream;
    const tinyc_border *borders;  /* for every output column that is not inside, from left to right */
    const int32_t *border_biases; /* for each of them, of each stream, 4 doubled biases a group */
} tinyc_depthwise_conv2d_s8_dsp;

TINYC_INLINE tinyc_sums depthwise_conv2d_s8_biases(const int32_t *biases)
{
    const tinyc_sums sums = {biases[0], biases[1], biases[2], biases[3]};
    return sums;
}

TINYC_INLINE int8_t depthwise_conv2d_s8_store(int32_t sum, const tinyc_channel *by, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t value = tinyc_finish(sum, by, p->ties != 0);
    return tinyc_clamped(value, p->least, p->most);
}

/* `taps` neighbouring columns of one row of the window of one output pixel; unrolled where the number is known. */
TINYC_INLINE void depthwise_conv2d_s8_taps(
    tinyc_sums *a, const int8_t *x, const int32_t **stream, int32_t taps, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t *s = *stream;
#pragma GCC unroll 8
    for (int32_t k = 0; k < taps; ++k) {
        uint32_t even, odd, w_even, w_odd;
        TINYC_UNPACK(even, odd, x + k * p->column_dilation * p->in_stride);
        TINYC_WEIGHTS(w_even, w_odd, s);
        TINYC_TAP(*a, even, odd, w_even, w_odd);
    }
    *stream = s;
}

/* The columns of one row of a window that lie inside the image, where not all do. */
TINYC_INLINE void depthwise_conv2d_s8_part(
    tinyc_sums *a, const int8_t *x, const int32_t **stream, int32_t first, int32_t last, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t taps = last - first;
    *stream += 2 * first;
    if (taps == 1) {
        depthwise_conv2d_s8_taps(a, x, stream, 1, p);
    } else if (taps == 2) {
        depthwise_conv2d_s8_taps(a, x, stream, 2, p);
    } else if (p->window_columns > 3 && taps == 3) {
        depthwise_conv2d_s8_taps(a, x, stream, 3, p);
    } else if (p->window_columns > 4 && taps == 4) {
        depthwise_conv2d_s8_taps(a, x, stream, 4, p);
    } else if (p->window_columns > 5) {
        for (int32_t k = 0; k < taps; ++k) {
            depthwise_conv2d_s8_taps(a, x + k * p->column_dilation * p->in_stride, stream, 1, p);
        }
    }
    *stream += 2 * (p->window_columns - last);
}

/* One row of the windows of two output pixels; with stride 1 and no dilation they share every pixel but the first and the last. */
TINYC_INLINE void depthwise_conv2d_s8_row_of_two(
    tinyc_sums *a, tinyc_sums *b, const int8_t *x, const int32_t **stream, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t *s = *stream;
    uint32_t even, odd, w_even, w_odd;
    if (p->column_stride == 1 && p->column_dilation == 1) {
        TINYC_WEIGHTS(w_even, w_odd, s);
        TINYC_UNPACK(even, odd, x);
        TINYC_TAP(*a, even, odd, w_even, w_odd);
#pragma GCC unroll 8
        for (int32_t k = 1; k < p->window_columns; ++k) {
            TINYC_UNPACK(even, odd, x + k * p->in_stride);
            TINYC_TAP(*b, even, odd, w_even, w_odd);
            TINYC_WEIGHTS(w_even, w_odd, s);
            TINYC_TAP(*a, even, odd, w_even, w_odd);
        }
        TINYC_UNPACK(even, odd, x + p->window_columns * p->in_stride);
        TINYC_TAP(*b, even, odd, w_even, w_odd);
    } else {
#pragma GCC unroll 8
        for (int32_t k = 0; k < p->window_columns; ++k) {
            TINYC_WEIGHTS(w_even, w_odd, s);
            TINYC_UNPACK(even, odd, x + k * p->column_dilation * p->in_stride);
            TINYC_TAP(*a, even, odd, w_even, w_odd);
            TINYC_UNPACK(even, odd, x + (k * p->column_dilation + p->column_stride) * p->in_stride);
            TINYC_TAP(*b, even, odd, w_even, w_odd);
        }
    }
    *stream = s;
}

/* The output pixels at `out` and `out + out_stride`; the first one's window starts at byte `offset` of the rows. */
TINYC_INLINE void depthwise_conv2d_s8_two(
    int8_t *out, const void *const *in, int32_t offset, const int32_t *s, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t step = p->multiplier;
    for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels)) {
        tinyc_sums a = depthwise_conv2d_s8_biases(s);
        tinyc_sums b = a;
        tinyc_channel by;
        s += 4;
        if (p->window_rows == 3) {
            depthwise_conv2d_s8_row_of_two(&a, &b, (const int8_t *)in[0] + offset + c, &s, p);
            depthwise_conv2d_s8_row_of_two(&a, &b, (const int8_t *)in[p->row_dilation] + offset + c, &s, p);
            depthwise_conv2d_s8_row_of_two(&a, &b, (const int8_t *)in[2 * p->row_dilation] + offset + c, &s, p);
        } else {
            for (int32_t y = 0; y < p->window_rows; ++y) {
                depthwise_conv2d_s8_row_of_two(&a, &b, (const int8_t *)in[y * p->row_dilation] + offset + c, &s, p);
            }
        }
        TINYC_CHANNEL(by, s);
        out[c * step] = depthwise_conv2d_s8_store(a.c0, &by, p);
        out[p->out_stride + c * step] = depthwise_conv2d_s8_store(b.c0, &by, p);
        TINYC_CHANNEL(by, s);
        out[(c + 1) * step] = depthwise_conv2d_s8_store(a.c1, &by, p);
        out[p->out_stride + (c + 1) * step] = depthwise_conv2d_s8_store(b.c1, &by, p);
        TINYC_CHANNEL(by, s);
        out[(c + 2) * step] = depthwise_conv2d_s8_store(a.c2, &by, p);
        out[p->out_stride + (c + 2) * step] = depthwise_conv2d_s8_store(b.c2, &by, p);
        TINYC_CHANNEL(by, s);
        out[(c + 3) * step] = depthwise_conv2d_s8_store(a.c3, &by, p);
        out[p->out_stride + (c + 3) * step] = depthwise_conv2d_s8_store(b.c3, &by, p);
    }
}

TINYC_INLINE void depthwise_conv2d_s8_store_one(int8_t *out, tinyc_sums a, const int32_t **stream, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t *s = *stream;
    tinyc_channel by;
    TINYC_CHANNEL(by, s);
    out[0] = depthwise_conv2d_s8_store(a.c0, &by, p);
    TINYC_CHANNEL(by, s);
    out[p->multiplier] = depthwise_conv2d_s8_store(a.c1, &by, p);
    TINYC_CHANNEL(by, s);
    out[2 * p->multiplier] = depthwise_conv2d_s8_store(a.c2, &by, p);
    TINYC_CHANNEL(by, s);
    out[3 * p->multiplier] = depthwise_conv2d_s8_store(a.c3, &by, p);
    *stream = s;
}

/* One output pixel whose window starts at byte `offset` of the rows. */
TINYC_INLINE void depthwise_conv2d_s8_one(
    int8_t *out, const void *const *in, int32_t offset, const int32_t *s, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels)) {
        tinyc_sums a = depthwise_conv2d_s8_biases(s);
        s += 4;
        if (p->window_rows == 3) {
            depthwise_conv2d_s8_taps(&a, (const int8_t *)in[0] + offset + c, &s, p->window_columns, p);
            depthwise_conv2d_s8_taps(&a, (const int8_t *)in[p->row_dilation] + offset + c, &s, p->window_columns, p);
            depthwise_conv2d_s8_taps(&a, (const int8_t *)in[2 * p->row_dilation] + offset + c, &s, p->window_columns, p);
        } else {
            for (int32_t y = 0; y < p->window_rows; ++y) {
                depthwise_conv2d_s8_taps(&a, (const int8_t *)in[y * p->row_dilation] + offset + c, &s, p->window_columns, p);
            }
        }
        depthwise_conv2d_s8_store_one(out + c * p->multiplier, a, &s, p);
    }
}

/* One output pixel whose window has the columns [first, last) only; `offset` is the byte of column `first`. */
TINYC_INLINE void depthwise_conv2d_s8_partial(int8_t *out, const void *const *in, int32_t offset, const int32_t *biases,
    int32_t first, int32_t last, const int32_t *s, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels)) {
        tinyc_sums a = depthwise_conv2d_s8_biases(biases);
        biases += 4;
        s += 4;
        if (p->window_rows == 3 && p->window_columns == 3 && last - first == 2) {
            s += 2 * first;
            depthwise_conv2d_s8_taps(&a, (const int8_t *)in[0] + offset + c, &s, 2, p);
            s += 2;
            depthwise_conv2d_s8_taps(&a, (const int8_t *)in[p->row_dilation] + offset + c, &s, 2, p);
            s += 2;
            depthwise_conv2d_s8_taps(&a, (const int8_t *)in[2 * p->row_dilation] + offset + c, &s, 2, p);
            s += 2 * (3 - last);
        } else {
            for (int32_t y = 0; y < p->window_rows; ++y) {
                depthwise_conv2d_s8_part(&a, (const int8_t *)in[y * p->row_dilation] + offset + c, &s, first, last, p);
            }
        }
        depthwise_conv2d_s8_store_one(out + c * p->multiplier, a, &s, p);
    }
}

TINYC_INLINE void depthwise_conv2d_s8_border(int8_t *out, const void *const *in, int32_t x, int32_t origin, int32_t turn,
    const int32_t *s, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t index = x < p->inside_first ? x : x - (p->inside_last - p->inside_first);
    const tinyc_border border = p->borders[index];
    const int32_t column = x * p->column_stride - p->pad_left + border.first * p->column_dilation - origin;
    const int32_t *biases = p->border_biases + (index * p->multiplier + turn) * ((p->channels + 3) & ~3);
    depthwise_conv2d_s8_partial(out, in, column * p->in_stride, biases, border.first, border.last, s, p);
}

/* The output channel number `turn` of every input channel. */
TINYC_INLINE void depthwise_conv2d_s8_turn(int8_t *target, const void *const *in, int32_t x0, int32_t x1, int32_t turn,
    const int32_t *s, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t start = x0 * p->column_stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    int32_t x = x0;
    while (x < x1) {
        const int32_t offset = (x * p->column_stride - p->pad_left - origin) * p->in_stride;
        if (x < p->inside_first || x >= p->inside_last) {
            depthwise_conv2d_s8_border(target, in, x, origin, turn, s, p);
        } else if (x + 2 <= x1 && x + 2 <= p->inside_last) {
            depthwise_conv2d_s8_two(target, in, offset, s, p);
            target += p->out_stride;
            ++x;
        } else {
            depthwise_conv2d_s8_one(target, in, offset, s, p);
        }
        target += p->out_stride;
        ++x;
    }
}

TINYC_INLINE void depthwise_conv2d_s8__dsp(
    void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_conv2d_s8_dsp *p)
{
    const int32_t words = ((p->channels + 3) >> 2) * (16 + 2 * p->window_rows * p->window_columns);
    for (int32_t turn = 0; turn < p->multiplier; ++turn) {
        depthwise_conv2d_s8_turn((int8_t *)out + turn, in, x0, x1, turn, p->stream + turn * words, p);
    }
}

#endif
