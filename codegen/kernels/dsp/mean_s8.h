/* Mean of int8 over all pixels of an image, four channels at a time: the whole output in one call. */
#ifndef TINYC_DSP_MEAN_S8_H
#define TINYC_DSP_MEAN_S8_H

#include "dsp/groups.h"
#include "requantize.h"

typedef struct {
    int32_t pixels;
    int32_t channels; /* at least 4 */
    int32_t bias;     /* minus the input's zero point for every pixel */
    int32_t multiplier;
    int32_t shift;
    int32_t out_zero;
} tinyc_mean_s8_dsp;

TINYC_INLINE int8_t mean_s8_store(int32_t sum, const tinyc_mean_s8_dsp *p)
{
    const int32_t value = tinyc_multiply_by_quantized_multiplier(sum + p->bias, p->multiplier, p->shift) + p->out_zero;
    return (int8_t)tinyc_clamp(value, INT8_MIN, INT8_MAX);
}

TINYC_INLINE void mean_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_mean_s8_dsp *p)
{
    int8_t *target = (int8_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t c = 0; c < p->channels; c = tinyc_next_group(c, p->channels)) {
        const int8_t *pixel = (const int8_t *)in[0] + c;
        int32_t sums[4] = {0, 0, 0, 0};
        for (int32_t done = 0; done < p->pixels;) {
            const int32_t until = p->pixels - done > 256 ? done + 256 : p->pixels; /* what int16 sums hold */
            uint32_t even = 0;
            uint32_t odd = 0;
            for (; done < until; ++done) {
                const uint32_t word = tinyc_load32(pixel);
                even = tinyc_sxtab16(even, word);
                odd = tinyc_sxtab16_ror8(odd, word);
                pixel += p->channels;
            }
            sums[0] += (int16_t)(even & 0xffffu);
            sums[1] += (int16_t)(odd & 0xffffu);
            sums[2] += (int32_t)even >> 16;
            sums[3] += (int32_t)odd >> 16;
        }
        for (int32_t i = 0; i < 4; ++i) {
            target[c + i] = mean_s8_store(sums[i], p);
        }
    }
}

#endif
