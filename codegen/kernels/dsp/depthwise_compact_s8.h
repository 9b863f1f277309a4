/* Depthwise convolution of int8 from weights of a byte and compact constants, for flash: each group of four channels is unpacked as the
 * ready kernels want it, which then make its outputs of a row.
 *
 * Constants come as one stream: `zero` (matmul_s8.h), then of each group, tap by tap, a word with the weights of four channels, and of each
 * channel {2 * bias << 5 | shift, multiplier}.  A last group that is not full starts earlier and repeats channels.  Rows outside the
 * image are null pointers: they have no weights, and move the bias instead.
 */
#ifndef TINYC_DSP_DEPTHWISE_COMPACT_S8_H
#define TINYC_DSP_DEPTHWISE_COMPACT_S8_H

#include "dsp/depthwise_3x3_s8.h"
#include "dsp/depthwise_block.h"
#include "dsp/depthwise_window_s8.h"
#include "dsp/groups.h"
#include "requantize.h"

/* The words of one tap: int16 lanes of channels 0 and 2, and of 1 and 3. */
typedef struct {
    uint32_t even, odd;
} tinyc_tap_words;

TINYC_INLINE tinyc_tap_words tinyc_doubled_weights(int32_t word)
{
    const uint32_t even = tinyc_sxtb16((uint32_t)word), odd = tinyc_sxtb16_ror8((uint32_t)word);
    const tinyc_tap_words doubled = {tinyc_sadd16(even, even), tinyc_sadd16(odd, odd)};
    return doubled;
}

TINYC_INLINE void tinyc_add_weights(tinyc_tap_words *sums, tinyc_tap_words taps)
{
    sums->even = tinyc_sadd16(sums->even, taps.even);
    sums->odd = tinyc_sadd16(sums->odd, taps.odd);
}

/* The four constants of channel `index` of a group from their compact form; `sums` are the doubled weights of the rows outside. */
TINYC_INLINE tinyc_fast_requantization tinyc_ready(const int32_t *constants, int32_t zero, int32_t index, const tinyc_tap_words *sums,
                                                   int32_t in_zero_point)
{
    const uint32_t lanes = (index & 1) != 0 ? sums->odd : sums->even;
    const int32_t bias2 = constants[2 * index] >> 5, shift = constants[2 * index] & 31;
    const tinyc_fast_requantization ready = {
        .bias2 = index < 2 ? tinyc_smlabb(lanes, (uint32_t)in_zero_point, bias2) : tinyc_smlatb(lanes, (uint32_t)in_zero_point, bias2),
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

/* One group as depthwise_3x3_s8.h wants it; returns what follows it. */
TINYC_SHARED const int32_t *tinyc_unpack_3x3(uint32_t *to, const int32_t *from, int32_t zero, uint32_t outside, int32_t in_zero_point)
{
    tinyc_tap_words taps[9], sums = {0, 0};
#pragma GCC unroll 9
    for (int32_t i = 0; i < 9; ++i) {
        taps[i] = tinyc_doubled_weights(from[i]);
    }
    for (int32_t i = 0; outside != 0; i += 3, outside >>= 1) {
        for (int32_t k = i; (outside & 1u) != 0 && k < i + 3; ++k) {
            tinyc_add_weights(&sums, taps[k]);
            taps[k].even = taps[k].odd = 0;
        }
    }
#pragma GCC unroll 2
    for (int32_t odd = 0; odd < 2; ++odd, to += 16) {
        const tinyc_fast_requantization low = tinyc_ready(from + 9, zero, odd, &sums, in_zero_point);
        const tinyc_fast_requantization high = tinyc_ready(from + 9, zero, odd + 2, &sums, in_zero_point);
#define TINYC_LANES(i) (odd != 0 ? taps[i].odd : taps[i].even)
#pragma GCC unroll 3
        for (int32_t k = 0; k < 3; ++k) {
            to[k] = tinyc_pkhbt_lsl16(TINYC_LANES(k), TINYC_LANES(k + 3));
            to[8 + k] = tinyc_pkhtb_asr16(TINYC_LANES(k + 3), TINYC_LANES(k));
        }
        to[3] = tinyc_pkhbt_lsl16(TINYC_LANES(6), TINYC_LANES(7));
        to[11] = tinyc_pkhtb_asr16(TINYC_LANES(7), TINYC_LANES(6));
        to[4] = tinyc_pkhbt_lsl16((uint32_t)low.shift, TINYC_LANES(8));
        to[12] = tinyc_pkhbt((uint32_t)high.shift, TINYC_LANES(8));
#undef TINYC_LANES
        to[5] = (uint32_t)low.bias2;
        to[6] = (uint32_t)low.multiplier;
        to[7] = (uint32_t)low.offset;
        to[13] = (uint32_t)high.bias2;
        to[14] = (uint32_t)high.multiplier;
        to[15] = (uint32_t)high.offset;
    }
    return from + 17;
}

/* The outputs of a part of a row, group by group. */
TINYC_SHARED void tinyc_depthwise_groups(tinyc_depthwise_job *job, tinyc_depthwise_multiply *multiply)
{
    const int32_t channels = job->left + 4, in_zero_point = tinyc_smulbb(job->outside, 1);
    const int32_t *stream = job->stream, *from = stream + 1;
    const int8_t *const rows[3] = {job->row[0], job->row[1], job->row[2]};
    int8_t *const out = job->out;
    const uint32_t outside = tinyc_fill_rows(job->row, 3);
    uint32_t by[32];
    job->stream = (const int32_t *)by;
    job->left = 0;
    for (int32_t c = 0; c < channels;) {
        from = tinyc_unpack_3x3(by, from, stream[0], outside, in_zero_point);
        multiply(job);
        const int32_t step = tinyc_next_group(c, channels) - c;
        job->out += step;
        job->row[0] += step;
        job->row[1] += step;
        job->row[2] += step;
        c += step;
    }
    job->out = out;
    job->left = channels - 4;
    job->stream = stream;
    for (int32_t i = 0; i < 3; ++i) {
        job->row[i] = rows[i];
    }
}

TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_compact_s8__dsp, tinyc_depthwise_compact_1_ties, 1, 52, tinyc_depthwise_1_ties, tinyc_depthwise_groups)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_compact_s8__dsp_relu, tinyc_depthwise_compact_1_relu, 1, 44, tinyc_depthwise_1_relu, tinyc_depthwise_groups)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s2_compact_s8__dsp, tinyc_depthwise_compact_2_ties, 2, 56, tinyc_depthwise_2_ties, tinyc_depthwise_groups)
TINYC_DEFINE_DEPTHWISE_3X3(depthwise_3x3_s2_compact_s8__dsp_relu, tinyc_depthwise_compact_2_relu, 2, 48, tinyc_depthwise_2_relu, tinyc_depthwise_groups)

/* --- other windows of up to seven rows --- */

/* One group as depthwise_window_s8.h wants it; returns what follows it. */
TINYC_SHARED const int32_t *tinyc_unpack_planes(uint32_t *to, const int32_t *from, uint32_t outside, int32_t zero,
                                                const tinyc_depthwise_window_s8_dsp *p)
{
    const int32_t columns = p->window_columns, plane = p->words + 4;
    const int32_t *constants = from + p->window_rows * columns;
    uint32_t *at = to + 1;
    tinyc_tap_words sums = {0, 0};
    for (int32_t i = 0; outside >> i != 0; ++i) {
        for (int32_t k = 0; ((outside >> i) & 1u) != 0 && k < columns; ++k) {
            tinyc_add_weights(&sums, tinyc_doubled_weights(from[i * columns + k]));
        }
    }
    for (int32_t k = 0; k < columns; ++k) {
        const int32_t *tap = from + k;
        uint32_t rows = outside;
        for (int32_t i = p->window_rows; i > 0; i -= 2, tap += 2 * columns, rows >>= 2, ++at) {
            const tinyc_tap_words upper = tinyc_doubled_weights((rows & 1u) != 0 ? 0 : tap[0]);
            if (i == 1) { /* the last row: channels 0 and 1 low, 2 and 3 high */
                at[0] = upper.even & 0xffffu;
                at[plane] = upper.odd & 0xffffu;
                at[2 * plane] = upper.even & 0xffff0000u;
                at[3 * plane] = upper.odd & 0xffff0000u;
                continue;
            }
            const tinyc_tap_words lower = tinyc_doubled_weights((rows & 2u) != 0 ? 0 : tap[columns]);
            at[0] = tinyc_pkhbt_lsl16(upper.even, lower.even);
            at[plane] = tinyc_pkhbt_lsl16(upper.odd, lower.odd);
            at[2 * plane] = tinyc_pkhtb_asr16(lower.even, upper.even);
            at[3 * plane] = tinyc_pkhtb_asr16(lower.odd, upper.odd);
        }
        if ((p->window_rows & 1) == 0) {
            at[0] = at[plane] = at[2 * plane] = at[3 * plane] = 0;
            ++at;
        }
    }
    for (; at != to + 1 + p->words; ++at) {
        at[0] = at[plane] = at[2 * plane] = at[3 * plane] = 0;
    }
    for (int32_t i = 0; i < 4; ++i, to += plane, at += plane) {
        const tinyc_fast_requantization ready = tinyc_ready(constants, zero, i, &sums, p->in_zero_point);
        to[0] = (uint32_t)ready.bias2;
        at[0] = (uint32_t)ready.multiplier;
        at[1] = (uint32_t)ready.offset;
        at[2] = (uint32_t)ready.shift;
    }
    return constants + 8;
}

/* The outputs of a part of a row, group by group. */
TINYC_SHARED void tinyc_plane_groups(tinyc_planes_job *job, const tinyc_depthwise_window_s8_dsp *p, tinyc_planes_multiply *multiply)
{
    const int32_t first = 6 - 2 * (p->window_rows >> 1), *from = p->stream + 1;
    const int8_t *rows[7];
    int8_t *const out = job->first_out;
    uint32_t by[4 * (TINYC_MOST_PLANE_WORDS + 4)];
    for (int32_t i = 0; i < 7; ++i) {
        rows[i] = job->row[i];
    }
    /* The rows used are the last ones; where their number is even the last is there twice. */
    uint32_t outside = tinyc_fill_rows(job->row + first, 7 - first);
    outside &= (1u << p->window_rows) - 1u;
    job->stream = (const int32_t *)by;
    job->left = 0;
    for (int32_t c = 0; c < p->channels;) {
        from = tinyc_unpack_planes(by, from, outside, p->stream[0], p);
        multiply(job);
        const int32_t step = tinyc_next_group(c, p->channels) - c;
        job->first_out += step;
        for (int32_t i = first; i < 7; ++i) {
            job->row[i] += step;
        }
        c += step;
    }
    job->first_out = out;
    for (int32_t i = 0; i < 7; ++i) {
        job->row[i] = rows[i];
    }
}

TINYC_DEFINE_DEPTHWISE_WINDOWS(depthwise_window_compact_s8__dsp, tinyc_depthwise_windows_compact_ties, tinyc_depthwise_window_ties, tinyc_plane_groups)
TINYC_DEFINE_DEPTHWISE_WINDOWS(depthwise_window_compact_s8__dsp_relu, tinyc_depthwise_windows_compact_relu, tinyc_depthwise_window_relu, tinyc_plane_groups)

/* --- any window --- */

/* Inputs are centered, so what is outside needs nothing; biases have no zero point folded in. */
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
    int32_t ties;  /* whether negative ties need their correction */
    int32_t least; /* the activation's range */
    int32_t most;
} tinyc_depthwise_compact_s8_dsp;

/* Sums of four channels over the columns [first, last) of the window, whose first input column is `left`. */
TINYC_INLINE tinyc_sums tinyc_centered_sums(const void *const *in, const int32_t *taps, int32_t offset, int32_t first, int32_t last,
                                            const tinyc_depthwise_compact_s8_dsp *p)
{
    const uint32_t center = tinyc_pkhbt_lsl16((uint32_t)-p->in_zero_point, (uint32_t)-p->in_zero_point);
    tinyc_sums sums = {0, 0, 0, 0};
    for (int32_t i = 0; i < p->window_rows; ++i, taps += p->window_columns) {
        const int8_t *row = (const int8_t *)in[i * p->row_dilation];
        if (row == NULL) {
            continue;
        }
        row += offset;
        for (int32_t k = first; k < last; ++k, row += p->column_dilation * p->in_stride) {
            const uint32_t x = tinyc_load32(row), w = (uint32_t)taps[k];
            const uint32_t x_even = tinyc_sxtab16(center, x), x_odd = tinyc_sxtab16_ror8(center, x);
            const uint32_t w_even = tinyc_sxtb16(w), w_odd = tinyc_sxtb16_ror8(w);
            TINYC_TAP(sums, x_even, x_odd, w_even, w_odd);
        }
    }
    return sums;
}

TINYC_INLINE int8_t tinyc_compact_value(int32_t sum, const int32_t *constants, int32_t index, const tinyc_depthwise_compact_s8_dsp *p)
{
    const tinyc_tap_words none = {0, 0};
    const tinyc_fast_requantization ready = tinyc_ready(constants, p->stream[0], index, &none, 0);
    const tinyc_channel by = {ready.multiplier, ready.offset, ready.shift};
    return (int8_t)tinyc_clamp(tinyc_finish(ready.bias2 + 2 * sum, &by, p->ties != 0), p->least, p->most);
}

/* One output pixel; the window starts at input column `left`, the rows at column `origin`. */
TINYC_INLINE void tinyc_compact_pixel(int8_t *out, const void *const *in, int32_t left, int32_t origin, const tinyc_depthwise_compact_s8_dsp *p)
{
    const int32_t taps = p->window_rows * p->window_columns, *from = p->stream + 1;
    int32_t first = 0, last = p->window_columns;
    while (first < last && left + first * p->column_dilation < 0) {
        ++first;
    }
    while (first < last && left + (last - 1) * p->column_dilation >= p->in_columns) {
        --last;
    }
    const int32_t offset = (left + first * p->column_dilation - origin) * p->in_stride;
    for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels), from += taps + 8) {
        const tinyc_sums sums = tinyc_centered_sums(in, from, offset + c, first, last, p);
        out[c] = tinyc_compact_value(sums.c0, from + taps, 0, p);
        out[c + 1] = tinyc_compact_value(sums.c1, from + taps, 1, p);
        out[c + 2] = tinyc_compact_value(sums.c2, from + taps, 2, p);
        out[c + 3] = tinyc_compact_value(sums.c3, from + taps, 3, p);
    }
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
