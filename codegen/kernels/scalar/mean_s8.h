/* Mean of int8 over any axes: the whole output in one call.
 *
 * The axes, merged where they are neighbours of a kind, are up to three that stay (their output is contiguous) and up to three
 * that are summed.
 */
#ifndef TINYC_SCALAR_MEAN_S8_H
#define TINYC_SCALAR_MEAN_S8_H

#include "requantize.h"
#include "tinyc_kernel.h"

typedef struct {
    int32_t kept_0; /* extents of the axes that stay, outermost first, and the bytes from one index to the next in the input */
    int32_t kept_1;
    int32_t kept_2;
    int32_t kept_step_0;
    int32_t kept_step_1;
    int32_t kept_step_2;
    int32_t summed_0; /* the same for the axes that are summed */
    int32_t summed_1;
    int32_t summed_2;
    int32_t summed_step_0;
    int32_t summed_step_1;
    int32_t summed_step_2;
    int32_t bias; /* minus the input's zero point for every element summed */
    int32_t multiplier;
    int32_t shift;
    int32_t out_zero;
} tinyc_mean_s8;

TINYC_INLINE int32_t mean_s8_sum(const int8_t *source, const tinyc_mean_s8 *p)
{
    int32_t sum = p->bias;
    for (int32_t i = 0; i < p->summed_0; ++i) {
        for (int32_t j = 0; j < p->summed_1; ++j) {
            const int8_t *element = source + i * p->summed_step_0 + j * p->summed_step_1;
            for (int32_t k = 0; k < p->summed_2; ++k) {
                sum += *element;
                element += p->summed_step_2;
            }
        }
    }
    return sum;
}

TINYC_INLINE void mean_s8__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_mean_s8 *p)
{
    const int8_t *source = (const int8_t *)in[0];
    int8_t *target = (int8_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t i = 0; i < p->kept_0; ++i) {
        for (int32_t j = 0; j < p->kept_1; ++j) {
            for (int32_t k = 0; k < p->kept_2; ++k) {
                const int8_t *first = source + i * p->kept_step_0 + j * p->kept_step_1 + k * p->kept_step_2;
                const int32_t value = tinyc_multiply_by_quantized_multiplier(mean_s8_sum(first, p), p->multiplier, p->shift) + p->out_zero;
                *target++ = (int8_t)tinyc_clamp(value, INT8_MIN, INT8_MAX);
            }
        }
    }
}

#endif
