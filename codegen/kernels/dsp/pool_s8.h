/* Average and max pooling of int8, four channels at a time. */
#ifndef TINYC_DSP_POOL_S8_H
#define TINYC_DSP_POOL_S8_H

#include "dsp/groups.h"
#include "scalar/pool_s8.h"

/* The part of a window that lies inside the image, in columns from where in[] points. */
typedef struct {
    int32_t first;
    int32_t last;
} tinyc_pool_window;

TINYC_INLINE tinyc_pool_window pool_s8_window(int32_t x, int32_t origin, const tinyc_pool_s8 *p)
{
    const int32_t left = x * p->column_stride - p->pad_left;
    const tinyc_pool_window window = {tinyc_clamp(left, 0, p->columns) - origin,
        tinyc_clamp(left + p->window_columns, 0, p->columns) - origin};
    return window;
}

TINYC_INLINE int8_t average_pool2d_s8_mean(int32_t sum, int32_t count, const tinyc_pool_s8 *p)
{
    const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    return (int8_t)(p->least > -128 || p->most < 127 ? tinyc_clamp(mean, p->least, p->most) : mean);
}

/* At most 256 elements a window: sums are int16. */
TINYC_INLINE void average_pool2d_s8_group(int8_t *out, const void *const *in, int32_t c, tinyc_pool_window at, const tinyc_pool_s8 *p)
{
    uint32_t even = 0;
    uint32_t odd = 0;
    int32_t count = 0;
    for (int32_t y = 0; y < p->window_rows; ++y) {
        const int8_t *row = (const int8_t *)in[y];
        if (row == NULL) {
            continue;
        }
        const int8_t *pixel = row + at.first * p->in_stride + c;
        for (int32_t column = at.first; column < at.last; ++column) {
            const uint32_t word = tinyc_load32(pixel);
            even = tinyc_sxtab16(even, word);
            odd = tinyc_sxtab16_ror8(odd, word);
            pixel += p->in_stride;
        }
        count += at.last - at.first;
    }
    out[0] = average_pool2d_s8_mean((int16_t)(even & 0xffffu), count, p);
    out[1] = average_pool2d_s8_mean((int16_t)(odd & 0xffffu), count, p);
    out[2] = average_pool2d_s8_mean((int32_t)even >> 16, count, p);
    out[3] = average_pool2d_s8_mean((int32_t)odd >> 16, count, p);
}

TINYC_INLINE void average_pool2d_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    const int32_t origin = tinyc_clamp(x0 * p->column_stride - p->pad_left, 0, p->columns);
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        const tinyc_pool_window at = pool_s8_window(x, origin, p);
        for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels)) {
            average_pool2d_s8_group(target + c, in, c, at, p);
        }
        target += p->out_stride;
    }
}

TINYC_INLINE void max_pool2d_s8_group(int8_t *out, const void *const *in, int32_t c, tinyc_pool_window at, const tinyc_pool_s8 *p)
{
    uint32_t greatest = 0x80808080u;
    for (int32_t y = 0; y < p->window_rows; ++y) {
        const int8_t *row = (const int8_t *)in[y];
        if (row == NULL) {
            continue;
        }
        const int8_t *pixel = row + at.first * p->in_stride + c;
        for (int32_t column = at.first; column < at.last; ++column) {
            greatest = tinyc_max_s8x4(greatest, tinyc_load32(pixel));
            pixel += p->in_stride;
        }
    }
    if (p->least > -128 || p->most < 127) {
        greatest = tinyc_max_s8x4(greatest, (uint32_t)(p->least & 0xff) * 0x01010101u);
        greatest = tinyc_min_s8x4(greatest, (uint32_t)(p->most & 0xff) * 0x01010101u);
    }
    tinyc_store32(out, greatest);
}

TINYC_INLINE void max_pool2d_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    const int32_t origin = tinyc_clamp(x0 * p->column_stride - p->pad_left, 0, p->columns);
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        const tinyc_pool_window at = pool_s8_window(x, origin, p);
        for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels)) {
            max_pool2d_s8_group(target + c, in, c, at, p);
        }
        target += p->out_stride;
    }
}

#endif
