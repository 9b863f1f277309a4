/* Average pooling of int8: the mean of the window's elements inside the tensor, rounded half away from zero, clamped. */
#ifndef TINYC_SCALAR_AVERAGE_POOL2D_S8_H
#define TINYC_SCALAR_AVERAGE_POOL2D_S8_H

#include "scalar/pool_s8.h"

TINYC_INLINE void average_pool2d_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    const int32_t origin = tinyc_clamp(x0 * p->column_stride - p->pad_left, 0, p->columns);
    int8_t *target = (int8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        const int32_t left = x * p->column_stride - p->pad_left;
        const int32_t first = tinyc_clamp(left, 0, p->columns) - origin;
        const int32_t last = tinyc_clamp(left + p->window_columns, 0, p->columns) - origin;
        for (int32_t c = 0; c < p->channels; ++c) {
            int32_t sum = 0;
            int32_t count = 0;
            for (int32_t y = 0; y < p->window_rows; ++y) {
                const int8_t *row = (const int8_t *)in[y];
                if (row == NULL) {
                    continue;
                }
                for (int32_t column = first; column < last; ++column) {
                    sum += row[column * p->in_stride + c];
                }
                count += last - first;
            }
            const int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
            target[c] = (int8_t)tinyc_clamp(mean, p->least, p->most);
        }
        target += p->out_stride;
    }
}

#endif
