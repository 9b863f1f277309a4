/* Running sums of int8 rows, four channels at a time in pairs of 16 bits: exact for rows of up to 255 pixels. */
#ifndef TINYC_DSP_RUNNING_SUM_S8_H
#define TINYC_DSP_RUNNING_SUM_S8_H

#include "dsp/dsp.h"
#include "scalar/running_sum_s8.h"

TINYC_INLINE void running_sum_s8__dsp(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_running_sum_s8 *p)
{
    const int32_t *before = (const int32_t *)in[1];
    int32_t *sums = (int32_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t c = 0; c < p->channels; c += 4) {
        const int8_t *pixel = (const int8_t *)in[0] + c;
        uint32_t even = 0; /* channels c and c + 2 */
        uint32_t odd = 0;  /* channels c + 1 and c + 3 */
        for (int32_t x = 0; x < p->columns; ++x) {
            const uint32_t four = tinyc_load32(pixel);
            even = tinyc_sxtab16(even, four);
            odd = tinyc_sxtab16_ror8(odd, four);
            pixel += p->in_stride;
        }
        for (int32_t k = 0; k < 2; ++k) {
            const int32_t old_even = before == NULL ? 0 : before[c + 2 * k];
            const int32_t old_odd = before == NULL ? 0 : before[c + 2 * k + 1];
            sums[c + 2 * k] = old_even + (int16_t)(uint16_t)(even >> (16 * k));
            sums[c + 2 * k + 1] = old_odd + (int16_t)(uint16_t)(odd >> (16 * k));
        }
    }
}

#endif
