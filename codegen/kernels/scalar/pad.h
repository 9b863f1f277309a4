/* Padding of rows, columns and channels with one byte value. */
#ifndef TINYC_SCALAR_PAD_H
#define TINYC_SCALAR_PAD_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t columns; /* of the input */
    int32_t pad_left;
    int32_t bytes_before; /* of padding inside an output pixel */
    int32_t bytes;        /* of an input pixel */
    int32_t bytes_after;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t value;
} tinyc_pad;

TINYC_INLINE void pad__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pad *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        const int32_t column = x - p->pad_left;
        if (source == NULL || column < 0 || column >= p->columns) {
            memset(target, p->value, (size_t)(p->bytes_before + p->bytes + p->bytes_after));
        } else {
            memset(target, p->value, (size_t)p->bytes_before);
            TINYC_MEMCPY(target + p->bytes_before, source, (size_t)p->bytes);
            memset(target + p->bytes_before + p->bytes, p->value, (size_t)p->bytes_after);
            source += p->in_stride;
        }
        target += p->out_stride;
    }
}

typedef struct {
    int32_t out_bytes;  /* of the whole output */
    int32_t offset;     /* of the input's first byte in the output */
    int32_t count_0;    /* extents of the axes, outermost first, and the bytes from one index to the next in the output */
    int32_t count_1;
    int32_t count_2;
    int32_t count_3;
    int32_t step_0;
    int32_t step_1;
    int32_t step_2;
    int32_t step_3;
    int32_t run; /* bytes that stay together */
    int32_t value;
} tinyc_pad_whole;

/* Any axes of a whole tensor. */
TINYC_INLINE void pad_whole__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pad_whole *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out + p->offset;
    (void)x0;
    (void)x1;
    memset(out, p->value, (size_t)p->out_bytes);
    for (int32_t i = 0; i < p->count_0; ++i) {
        for (int32_t j = 0; j < p->count_1; ++j) {
            for (int32_t k = 0; k < p->count_2; ++k) {
                for (int32_t l = 0; l < p->count_3; ++l) {
                    TINYC_MEMCPY(target + i * p->step_0 + j * p->step_1 + k * p->step_2 + l * p->step_3, source, (size_t)p->run);
                    source += p->run;
                }
            }
        }
    }
}

#endif
