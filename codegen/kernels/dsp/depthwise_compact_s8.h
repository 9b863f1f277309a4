/* Depthwise convolution of int8 from weights of a byte and compact constants, for flash.  Of windows that have a kernel shared by all layers
 * each group of four channels is unpacked as that wants it, which then makes the group's outputs of a row; any other window is multiplied a
 * tap at a time as it is.
 *
 * Constants come as one stream: `zero` (matmul_s8.h), then of each group the words of its weights, and of each channel {2 * bias << 5 |
 * shift, multiplier}.  A last group that is not full starts earlier and repeats channels.  A word holds {upper, upper, lower, lower} weights
 * of two channels in two rows, or of a last row, and of a tap, a weight of each channel.  Rows outside the image are null pointers: where
 * groups are unpacked their weights are masked out, and move the bias instead.
 */
#ifndef TINYC_DSP_DEPTHWISE_COMPACT_S8_H
#define TINYC_DSP_DEPTHWISE_COMPACT_S8_H

#include "dsp/depthwise_3x3_s8.h"
#include "dsp/depthwise_block.h"
#include "dsp/depthwise_window_s8.h"
#include "dsp/groups.h"
#include "requantize.h"

/* Two int16 lanes, doubled: of bytes 0 and 2 of a word, or 1 and 3. */
TINYC_INLINE uint32_t tinyc_even_weights(uint32_t word)
{
    const uint32_t lanes = tinyc_sxtb16(word);
    return tinyc_sadd16(lanes, lanes);
}

TINYC_INLINE uint32_t tinyc_odd_weights(uint32_t word)
{
    const uint32_t lanes = tinyc_sxtb16_ror8(word);
    return tinyc_sadd16(lanes, lanes);
}

/* The bytes of two rows, or of a single one, that are inside. */
TINYC_INLINE uint32_t tinyc_pair_mask(uint32_t outside)
{
    return ((outside & 1u) != 0 ? 0 : 0xffffu) | ((outside & 2u) != 0 ? 0 : 0xffff0000u);
}

TINYC_INLINE uint32_t tinyc_single_mask(uint32_t outside)
{
    return (outside & 1u) != 0 ? 0 : 0xffffffffu;
}

/* Weights of two channels that are outside, summed in two lanes each. */
typedef struct {
    uint32_t even, odd;
} tinyc_outside;

TINYC_INLINE void tinyc_add_outside(tinyc_outside *sums, uint32_t word)
{
    sums->even = tinyc_sxtab16(sums->even, word);
    sums->odd = tinyc_sxtab16_ror8(sums->odd, word);
}

/* What zero points add to a sum, for two lanes of weights. */
TINYC_INLINE void tinyc_move_bias(uint32_t *bias, uint32_t lanes, uint32_t in_zero_points)
{
    *bias += 2u * (uint32_t)tinyc_smuad(lanes, in_zero_points);
}

/* The same for weights of one row of four channels, whose constants are `apart`. */
TINYC_INLINE void tinyc_move_biases(uint32_t *bias, int32_t apart, const tinyc_outside *sums, uint32_t in_zero_points)
{
    tinyc_move_bias(bias, sums->even & 0xffffu, in_zero_points);
    tinyc_move_bias(bias + apart, sums->odd & 0xffffu, in_zero_points);
    tinyc_move_bias(bias + 2 * apart, sums->even & 0xffff0000u, in_zero_points);
    tinyc_move_bias(bias + 3 * apart, sums->odd & 0xffff0000u, in_zero_points);
}

/* The four constants of channel `index` of a group from their compact form. */
TINYC_INLINE tinyc_fast_requantization tinyc_ready(const int32_t *constants, int32_t zero, int32_t index)
{
    const int32_t shift = constants[2 * index] & 31;
    const tinyc_fast_requantization ready = {
        .bias2 = constants[2 * index] >> 5,
        .multiplier = constants[2 * index + 1],
        .offset = (zero * (int32_t)(1u << shift)) >> 1,
        .shift = shift,
    };
    return ready;
}

/* Row pointers: rows outside get another one's, their bits are set in the result. */
TINYC_INLINE uint32_t tinyc_fill_rows(const int8_t **rows, int32_t count)
{
    uint32_t outside = 0;
    const int8_t *inside = NULL;
    for (int32_t i = 0; i < count; ++i) {
        inside = rows[i] != NULL ? rows[i] : inside;
    }
    for (int32_t i = 0; i < count; ++i) {
        outside |= (uint32_t)(rows[i] == NULL) << i;
        rows[i] = rows[i] != NULL ? rows[i] : inside;
    }
    return outside;
}

/* --- windows of 3x3 --- */

/* The rows outside of a group: their zero points go to the biases. */
TINYC_SHARED void tinyc_move_3x3(uint32_t *to, const int32_t *from, uint32_t outside, uint32_t in_zero_points)
{
    const uint32_t pair = ~tinyc_pair_mask(outside), single = ~tinyc_single_mask(outside >> 2);
    tinyc_outside last = {0, 0};
    tinyc_add_outside(&last, (uint32_t)from[8] & single);
    tinyc_move_biases(to + 5, 8, &last, in_zero_points);
    for (int32_t i = 0; i < 2; ++i, to += 16, from += 4) {
        tinyc_outside sums = {0, 0};
        tinyc_add_outside(&sums, (uint32_t)from[0] & pair);
        tinyc_add_outside(&sums, (uint32_t)from[1] & pair);
        tinyc_add_outside(&sums, (uint32_t)from[2] & pair);
        tinyc_add_outside(&sums, (uint32_t)from[3] & single);
        tinyc_move_bias(to + 5, sums.even, in_zero_points);
        tinyc_move_bias(to + 13, sums.odd, in_zero_points);
    }
}

/* One group as depthwise_3x3_s8.h wants it, channels in its order; returns what follows it. */
TINYC_SHARED const int32_t *tinyc_unpack_3x3(uint32_t *to, const int32_t *from, int32_t zero, uint32_t outside, uint32_t in_zero_points)
{
    const uint32_t pair = tinyc_pair_mask(outside), single = tinyc_single_mask(outside >> 2);
    const uint32_t last = (uint32_t)from[8] & single;
    for (int32_t i = 0; i < 2; ++i, to += 16, from += 4) {
#pragma GCC unroll 4
        for (int32_t k = 0; k < 4; ++k) {
            const uint32_t word = (uint32_t)from[k] & (k == 3 ? single : pair);
            to[k] = tinyc_even_weights(word);
            to[8 + k] = tinyc_odd_weights(word);
        }
    }
    to -= 32;
    ++from;
#pragma GCC unroll 4
    for (int32_t i = 0; i < 4; ++i) {
        const tinyc_fast_requantization ready = tinyc_ready(from, zero, i);
        const uint32_t lanes = (i & 1) != 0 ? tinyc_odd_weights(last) : tinyc_even_weights(last);
        to[8 * i + 4] = i < 2 ? tinyc_pkhbt_lsl16((uint32_t)ready.shift, lanes) : tinyc_pkhbt((uint32_t)ready.shift, lanes);
        to[8 * i + 5] = (uint32_t)ready.bias2;
        to[8 * i + 6] = (uint32_t)ready.multiplier;
        to[8 * i + 7] = (uint32_t)ready.offset;
    }
    if (outside != 0) {
        tinyc_move_3x3(to, from - 9, outside, in_zero_points);
    }
    return from + 8;
}

/* The columns [x0, x1), one group after the other, each in parts. */
TINYC_INLINE void tinyc_depthwise_groups(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_3x3_s8_dsp *p,
                                         uint32_t *scratch, int32_t stride, uint32_t next_bytes,
                                         void (*multiply)(const tinyc_depthwise_job *job))
{
    const int32_t left = x0 * stride - p->pad_left, origin = left > 0 ? left : 0, parts = (x1 - x0 + p->part - 1) / p->part;
    const int32_t *from = p->stream + 1;
    uint32_t by[32];
    tinyc_depthwise_job job;
    tinyc_begin_depthwise(&job, out, in, p, scratch);
    const uint32_t outside = tinyc_fill_rows(job.row, 3);
    job.stream = (const int32_t *)by;
    job.left = 0;
    for (int32_t c = 0; c < p->channels;) {
        from = tinyc_unpack_3x3(by, from, p->stream[0], outside, job.outside);
        job.out = out + c;
        tinyc_depthwise_parts(&job, left, origin, x1 - x0, parts, parts == 1 && c != 0, stride, next_bytes, multiply, p);
        const int32_t next = tinyc_next_group(c, p->channels);
        job.row[0] += next - c;
        job.row[1] += next - c;
        job.row[2] += next - c;
        c = next;
    }
    tinyc_clamp_row(out, x1 - x0, p->out_stride, p->channels, p->least, p->most);
}

TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_compact_s8__dsp, tinyc_depthwise_compact_1_ties, tinyc_depthwise_groups, 1, ties)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_compact_s8__dsp_relu, tinyc_depthwise_compact_1_relu, tinyc_depthwise_groups, 1, relu)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s2_compact_s8__dsp, tinyc_depthwise_compact_2_ties, tinyc_depthwise_groups, 2, ties)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s2_compact_s8__dsp_relu, tinyc_depthwise_compact_2_relu, tinyc_depthwise_groups, 2, relu)

/* --- other windows of up to seven rows --- */

/* The rows outside of a group: their zero points go to the biases. */
TINYC_SHARED void tinyc_move_planes(uint32_t *to, const int32_t *from, uint32_t outside, const tinyc_depthwise_window_s8_dsp *p)
{
    const uint32_t zero_points = tinyc_pkhbt_lsl16((uint32_t)p->in_zero_point, (uint32_t)p->in_zero_point);
    const int32_t plane = p->words + 4;
    int32_t rows = p->window_rows;
    for (; rows > 1; rows -= 2, outside >>= 2) {
        const uint32_t mask = ~tinyc_pair_mask(outside);
        const int32_t *const end = from + 2 * p->window_columns;
        tinyc_outside low = {0, 0}, high = {0, 0};
        for (; mask != 0 && from != end; from += 2) {
            tinyc_add_outside(&low, (uint32_t)from[0] & mask);
            tinyc_add_outside(&high, (uint32_t)from[1] & mask);
        }
        from = end;
        tinyc_move_bias(to, low.even, zero_points);
        tinyc_move_bias(to + plane, low.odd, zero_points);
        tinyc_move_bias(to + 2 * plane, high.even, zero_points);
        tinyc_move_bias(to + 3 * plane, high.odd, zero_points);
    }
    if (rows != 0 && outside != 0) {
        tinyc_outside last = {0, 0};
        for (int32_t k = 0; k < p->window_columns; ++k) {
            tinyc_add_outside(&last, (uint32_t)from[k]);
        }
        tinyc_move_biases(to, plane, &last, zero_points);
    }
}

/* One group as depthwise_window_s8.h wants it; returns what follows it. */
TINYC_SHARED const int32_t *tinyc_unpack_planes(uint32_t *to, const int32_t *from, uint32_t outside, const tinyc_depthwise_window_s8_dsp *p)
{
    const int32_t pairs = p->window_rows >> 1, plane = p->words + 4, used = p->window_columns * (pairs + 1);
    const int32_t *weights = from;
    for (int32_t i = 0; i < pairs; ++i) {
        const uint32_t mask = tinyc_pair_mask(outside >> (2 * i));
        for (uint32_t *at = to + 1 + i, *end = at + used; at != end; at += pairs + 1, from += 2) {
            const uint32_t low = (uint32_t)from[0] & mask, high = (uint32_t)from[1] & mask;
            at[0] = tinyc_even_weights(low);
            at[plane] = tinyc_odd_weights(low);
            at[2 * plane] = tinyc_even_weights(high);
            at[3 * plane] = tinyc_odd_weights(high);
        }
    }
    const uint32_t mask = (p->window_rows & 1) != 0 ? tinyc_single_mask(outside >> (2 * pairs)) : 0;
    for (uint32_t *at = to + 1 + pairs, *end = at + used; at != end; at += pairs + 1) {
        const uint32_t word = mask != 0 ? (uint32_t)*from : 0;
        at[0] = tinyc_even_weights(word) & 0xffffu;
        at[plane] = tinyc_odd_weights(word) & 0xffffu;
        at[2 * plane] = tinyc_even_weights(word) & 0xffff0000u;
        at[3 * plane] = tinyc_odd_weights(word) & 0xffff0000u;
        from += p->window_rows & 1;
    }
    for (int32_t i = 0; i < 4; ++i, to += plane) {
        const tinyc_fast_requantization ready = tinyc_ready(from, p->stream[0], i);
        uint32_t *last = to + 1 + p->words;
        for (uint32_t *at = to + 1 + used; at != last; ++at) {
            *at = 0;
        }
        to[0] = (uint32_t)ready.bias2;
        last[0] = (uint32_t)ready.multiplier;
        last[1] = (uint32_t)ready.offset;
        last[2] = (uint32_t)ready.shift;
    }
    if (outside != 0) {
        tinyc_move_planes(to - 4 * plane, weights, outside, p);
    }
    return from + 8;
}

/* The columns [x0, x1), one group after the other, each in parts. */
TINYC_INLINE void tinyc_plane_groups(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_window_s8_dsp *p,
                                     uint32_t *scratch, void (*multiply)(const tinyc_planes_job *job))
{
    const int32_t left = x0 * p->stride - p->pad_left, origin = left > 0 ? left : 0, parts = (x1 - x0 + p->part - 1) / p->part;
    const int32_t first_row = 6 - 2 * (p->window_rows >> 1), *from = p->stream + 1;
    uint32_t by[4 * (TINYC_MOST_PLANE_WORDS + 4)];
    tinyc_planes_job job;
    tinyc_begin_planes(&job, out, in, p, scratch);
    /* The rows used are the last ones; where their number is even the last is there twice. */
    const uint32_t outside = tinyc_fill_rows(job.row + first_row, 7 - first_row) & ((1u << p->window_rows) - 1u);
    job.stream = (const int32_t *)by;
    job.left = 0;
    for (int32_t c = 0; c < p->channels;) {
        from = tinyc_unpack_planes(by, from, outside, p);
        job.first_out = out + c;
        tinyc_planes_parts(&job, left, origin, x1 - x0, parts, parts == 1 && c != 0, multiply, p);
        const int32_t next = tinyc_next_group(c, p->channels);
        for (int32_t i = first_row; i < 7; ++i) {
            job.row[i] += next - c;
        }
        c = next;
    }
    tinyc_clamp_row(out, x1 - x0, p->out_stride, p->channels, p->least, p->most);
}

TINYC_DEFINE_DEPTHWISE_WINDOWS(depthwise_window_compact_s8__dsp, tinyc_windows_compact_ties, tinyc_plane_groups, tinyc_depthwise_window_ties)
TINYC_DEFINE_DEPTHWISE_WINDOWS(depthwise_window_compact_s8__dsp_relu, tinyc_windows_compact_relu, tinyc_plane_groups, tinyc_depthwise_window_relu)

/* --- any window --- */

/* A word has the weights of one tap.  Inputs are centered, so what is outside needs nothing; biases have no zero point folded in. */
typedef struct {
    const int32_t *stream;
    int32_t channels; /* at least 4 */
    int32_t window_rows;
    int32_t window_columns;
    int32_t row_dilation;
    int32_t column_dilation;
    int32_t column_stride;
    int32_t pad_left;
    int32_t in_columns;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t in_zero_point;
    int32_t ties;  /* 1 where negative ties need their correction */
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_depthwise_compact_s8_dsp;

/* One tap of four channels. */
TINYC_INLINE void tinyc_add_tap(tinyc_sums *sums, const int8_t *input, int32_t weights, uint32_t center)
{
    const uint32_t x = tinyc_load32(input), w = (uint32_t)weights;
    const uint32_t x_even = tinyc_sxtab16(center, x), x_odd = tinyc_sxtab16_ror8(center, x);
    const uint32_t w_even = tinyc_sxtb16(w), w_odd = tinyc_sxtb16_ror8(w);
    TINYC_TAP(*sums, x_even, x_odd, w_even, w_odd);
}

/* Sums of four channels over the columns [first, last) of the window, whose first input column is `left`. */
TINYC_INLINE tinyc_sums tinyc_centered_sums(const void *const *in, const int32_t *taps, int32_t offset, int32_t first, int32_t last,
                                            const tinyc_depthwise_compact_s8_dsp *p)
{
    const uint32_t center = tinyc_pkhbt_lsl16((uint32_t)-p->in_zero_point, (uint32_t)-p->in_zero_point);
    const int32_t *const end = taps + p->window_rows * p->window_columns;
    const int32_t step = p->column_dilation * p->in_stride;
    tinyc_sums sums = {0, 0, 0, 0};
    if (last - first == 1) {
        for (taps += first; taps < end; taps += p->window_columns, in += p->row_dilation) {
            if (*in != NULL) {
                tinyc_add_tap(&sums, (const int8_t *)*in + offset, *taps, center);
            }
        }
        return sums;
    }
    for (; taps != end; taps += p->window_columns, in += p->row_dilation) {
        for (int32_t k = first, at = offset; *in != NULL && k < last; ++k, at += step) {
            tinyc_add_tap(&sums, (const int8_t *)*in + at, taps[k], center);
        }
    }
    return sums;
}

/* `ties`: all bits set where negative ties need their correction. */
TINYC_INLINE int8_t tinyc_compact_value(int32_t sum, const int32_t *constants, int32_t zero, int32_t ties)
{
    const tinyc_fast_requantization ready = tinyc_ready(constants, zero, 0);
    const int32_t doubled = ready.bias2 + 2 * sum;
    return (int8_t)tinyc_ssat8(tinyc_smmlar(doubled, ready.multiplier, ready.offset + ((doubled >> 31) & ties)) >> ready.shift);
}

/* One output pixel; the window starts at input column `left`, the rows at column `origin`. */
TINYC_INLINE void tinyc_compact_pixel(int8_t *out, const void *const *in, int32_t left, int32_t origin, const tinyc_depthwise_compact_s8_dsp *p)
{
    const int32_t taps = p->window_rows * p->window_columns, zero = p->stream[0], ties = -p->ties, *from = p->stream + 1;
    int32_t first = 0, last = p->window_columns;
    while (first < last && left + first * p->column_dilation < 0) {
        ++first;
    }
    while (first < last && left + (last - 1) * p->column_dilation >= p->in_columns) {
        --last;
    }
    const int32_t offset = (left + first * p->column_dilation - origin) * p->in_stride;
    for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels), from += 8) {
        const tinyc_sums sums = tinyc_centered_sums(in, from, offset + c, first, last, p);
        from += taps;
        out[c] = tinyc_compact_value(sums.c0, from, zero, ties);
        out[c + 1] = tinyc_compact_value(sums.c1, from + 2, zero, ties);
        out[c + 2] = tinyc_compact_value(sums.c2, from + 4, zero, ties);
        out[c + 3] = tinyc_compact_value(sums.c3, from + 6, zero, ties);
    }
    tinyc_clamp_bytes(out, p->channels, p->least, p->most);
}

TINYC_SHARED void tinyc_depthwise_compact(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_compact_s8_dsp *p)
{
    int32_t left = x0 * p->column_stride - p->pad_left;
    const int32_t origin = left > 0 ? left : 0;
    for (int32_t x = x0; x < x1; ++x, left += p->column_stride, out += p->out_stride) {
        tinyc_compact_pixel(out, in, left, origin, p);
    }
}

TINYC_INLINE void depthwise_conv2d_compact_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1,
                                                   const tinyc_depthwise_compact_s8_dsp *p)
{
    tinyc_depthwise_compact((int8_t *)out, in, x0, x1, p);
}

#endif
