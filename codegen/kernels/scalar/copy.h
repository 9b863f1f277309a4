/* Copy the pixels of a row: a piece of a concatenation whose producer could not write into place. */
#ifndef TINYC_SCALAR_COPY_H
#define TINYC_SCALAR_COPY_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t bytes;      /* of one pixel */
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
} tinyc_copy;

TINYC_INLINE void copy__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_copy *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    if (p->in_stride == p->bytes && p->out_stride == p->bytes) {
        memmove(target, source, (size_t)((x1 - x0) * p->bytes));
        return;
    }
    for (int32_t x = x0; x < x1; ++x) {
        memmove(target, source, (size_t)p->bytes);
        source += p->in_stride;
        target += p->out_stride;
    }
}

typedef struct {
    int32_t bytes; /* of the whole tensor */
} tinyc_copy_whole;

TINYC_INLINE void copy_whole__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_copy_whole *p)
{
    (void)x0;
    (void)x1;
    memmove(out, in[0], (size_t)p->bytes);
}

#endif
