/* Reductions over rows that consume them as they come: running sums, and what a mean or an average pool makes of them. */
#ifndef TINYC_SCALAR_RUNNING_SUM_S8_H
#define TINYC_SCALAR_RUNNING_SUM_S8_H

#include "requantize.h"
#include "tinyc_kernel.h"

typedef struct {
    int32_t columns;
    int32_t channels;
    int32_t in_stride; /* bytes from one input pixel to the next */
} tinyc_running_sum_s8;

/* in[0] is an input row, in[1] the sums before it (null for the first row; may be `out`). */
TINYC_INLINE void running_sum_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_running_sum_s8 *p)
{
    const int32_t *before = (const int32_t *)in[1];
    int32_t *sums = (int32_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t c = 0; c < p->channels; ++c) {
        const int8_t *element = (const int8_t *)in[0] + c;
        int32_t sum = before == NULL ? 0 : before[c];
        for (int32_t x = 0; x < p->columns; ++x) {
            sum += *element;
            element += p->in_stride;
        }
        sums[c] = sum;
    }
}

typedef struct {
    int32_t channels;
    int32_t bias; /* added to every sum */
    int32_t multiplier;
    int32_t shift;
    int32_t out_zero;
} tinyc_mean_of_sum_s8;

TINYC_INLINE void mean_of_sum_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_mean_of_sum_s8 *p)
{
    const int32_t *sums = (const int32_t *)in[0];
    int8_t *target = (int8_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t c = 0; c < p->channels; ++c) {
        const int32_t value = tinyc_multiply_by_quantized_multiplier(sums[c] + p->bias, p->multiplier, p->shift) + p->out_zero;
        target[c] = (int8_t)tinyc_clamp(value, INT8_MIN, INT8_MAX);
    }
}

typedef struct {
    int32_t channels;
    int32_t count; /* elements in every sum */
    int32_t least;
    int32_t most;
} tinyc_average_of_sum_s8;

TINYC_INLINE void average_of_sum_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_average_of_sum_s8 *p)
{
    const int32_t *sums = (const int32_t *)in[0];
    const int32_t half = p->count / 2;
    int8_t *target = (int8_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t c = 0; c < p->channels; ++c) {
        const int32_t value = (sums[c] > 0 ? sums[c] + half : sums[c] - half) / p->count;
        target[c] = (int8_t)tinyc_clamp(value, p->least, p->most);
    }
}

#endif
