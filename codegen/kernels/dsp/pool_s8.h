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
    return tinyc_clamped(mean, p->least, p->most);
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

/* out = the greater of a and b, four channels at a time; the last four of channels that do not end there repeat some. */
TINYC_SHARED void tinyc_max_of_two(int8_t *out, const int8_t *a, const int8_t *b, int32_t channels)
{
    for (int32_t c = 4; c <= channels; c += 4, a += 4, b += 4, out += 4) {
        tinyc_store32(out, tinyc_max_s8x4(tinyc_load32(a), tinyc_load32(b)));
    }
    if ((channels & 3) != 0) {
        const int32_t back = (channels & 3) - 4;
        tinyc_store32(out + back, tinyc_max_s8x4(tinyc_load32(a + back), tinyc_load32(b + back)));
    }
}

/* out = the greatest of out, a and b. */
TINYC_SHARED void tinyc_max_of_three(int8_t *out, const int8_t *a, const int8_t *b, int32_t channels)
{
    for (int32_t c = 4; c <= channels; c += 4, a += 4, b += 4, out += 4) {
        tinyc_store32(out, tinyc_max_s8x4(tinyc_load32(out), tinyc_max_s8x4(tinyc_load32(a), tinyc_load32(b))));
    }
    if ((channels & 3) != 0) {
        const int32_t back = (channels & 3) - 4;
        const uint32_t greater = tinyc_max_s8x4(tinyc_load32(a + back), tinyc_load32(b + back));
        tinyc_store32(out + back, tinyc_max_s8x4(tinyc_load32(out + back), greater));
    }
}

/* One output pixel: the pixels of its window by twos. */
TINYC_INLINE void tinyc_max_of_window(int8_t *out, const void *const *in, tinyc_pool_window at, const tinyc_pool_s8 *p)
{
    const int8_t *waiting = NULL;
    int32_t begun = 0;
    for (int32_t y = 0; y < p->window_rows; ++y) {
        const int8_t *row = (const int8_t *)in[y];
        for (int32_t column = row == NULL ? at.last : at.first; column < at.last; ++column) {
            const int8_t *pixel = row + column * p->in_stride;
            if (waiting == NULL) {
                waiting = pixel;
                continue;
            }
            if (begun) {
                tinyc_max_of_three(out, waiting, pixel, p->channels);
            } else {
                tinyc_max_of_two(out, waiting, pixel, p->channels);
            }
            begun = 1;
            waiting = NULL;
        }
    }
    if (waiting != NULL && begun) {
        tinyc_max_of_three(out, waiting, waiting, p->channels);
    } else if (waiting != NULL) {
        tinyc_max_of_two(out, waiting, waiting, p->channels);
    }
}

/* One copy of the code for all layers. */
TINYC_SHARED void tinyc_max_pool_row(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    const int32_t origin = tinyc_clamp(x0 * p->column_stride - p->pad_left, 0, p->columns);
    for (int32_t x = x0; x < x1; ++x, out += p->out_stride) {
        tinyc_max_of_window(out, in, pool_s8_window(x, origin, p), p);
        tinyc_clamp_bytes(out, p->channels, p->least, p->most);
    }
}

TINYC_INLINE void max_pool2d_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    tinyc_max_pool_row((int8_t *)out, in, x0, x1, p);
}

#endif
