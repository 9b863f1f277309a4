/* One row of a slice with strides: every column_step-th byte group of columns, every channel_step-th of channels. */
#ifndef TINYC_SCALAR_SLICE_H
#define TINYC_SCALAR_SLICE_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t channels;     /* of the output */
    int32_t column_step;  /* bytes from one column taken to the next */
    int32_t offset;       /* bytes of the first channel taken inside a pixel */
    int32_t channel_step; /* bytes from one channel taken to the next */
    int32_t element;      /* bytes */
    int32_t out_stride;   /* bytes from one output pixel to the next */
} tinyc_slice;

TINYC_INLINE void slice__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_slice *p)
{
    const uint8_t *source = (const uint8_t *)in[0] + p->offset;
    uint8_t *target = (uint8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        for (int32_t c = 0; c < p->channels; ++c) {
            TINYC_MEMCPY(target + c * p->element, source + c * p->channel_step, (size_t)p->element);
        }
        source += p->column_step;
        target += p->out_stride;
    }
}

#endif
