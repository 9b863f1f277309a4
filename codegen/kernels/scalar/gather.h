/* The elements of a whole tensor in another order: transposition and slices with strides. */
#ifndef TINYC_SCALAR_GATHER_H
#define TINYC_SCALAR_GATHER_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t offset;  /* of the first byte taken */
    int32_t count_0; /* extents of the output's axes, outermost first, and the bytes from one index to the next in the input */
    int32_t count_1;
    int32_t count_2;
    int32_t count_3;
    int32_t count_4;
    int32_t step_0;
    int32_t step_1;
    int32_t step_2;
    int32_t step_3;
    int32_t step_4;
    int32_t run; /* bytes that stay together */
} tinyc_gather;

TINYC_INLINE void gather__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_gather *p)
{
    const uint8_t *source = (const uint8_t *)in[0] + p->offset;
    uint8_t *target = (uint8_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t i = 0; i < p->count_0; ++i) {
        for (int32_t j = 0; j < p->count_1; ++j) {
            for (int32_t k = 0; k < p->count_2; ++k) {
                for (int32_t l = 0; l < p->count_3; ++l) {
                    const uint8_t *line = source + i * p->step_0 + j * p->step_1 + k * p->step_2 + l * p->step_3;
                    for (int32_t m = 0; m < p->count_4; ++m) {
                        TINYC_MEMCPY(target, line + m * p->step_4, (size_t)p->run);
                        target += p->run;
                    }
                }
            }
        }
    }
}

#endif
