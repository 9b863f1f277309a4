/* Nearest-neighbour resizing: every output pixel copies the input pixel that tables name. */
#ifndef TINYC_SCALAR_RESIZE_NEAREST_NEIGHBOR_H
#define TINYC_SCALAR_RESIZE_NEAREST_NEIGHBOR_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t bytes;           /* of a pixel */
    int32_t in_stride;       /* bytes from one input pixel to the next */
    int32_t out_stride;      /* bytes from one output pixel to the next */
    const uint16_t *columns; /* the input column of every output column */
} tinyc_resize_nearest_neighbor;

TINYC_INLINE void resize_nearest_neighbor__scalar(
    void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_resize_nearest_neighbor *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        TINYC_MEMCPY(target, source + (p->columns[x] - p->columns[x0]) * p->in_stride, (size_t)p->bytes);
        target += p->out_stride;
    }
}

typedef struct {
    int32_t out_rows;
    int32_t out_columns;
    int32_t row_bytes;   /* of the input */
    int32_t pixel_bytes; /* of both */
    const uint16_t *rows;    /* the input row of every output row */
    const uint16_t *columns; /* the input column of every output column */
} tinyc_resize_nearest_neighbor_whole;

/* A whole image, where float32 rounded the tables away from any regular step. */
TINYC_INLINE void resize_nearest_neighbor_whole__scalar(
    void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_resize_nearest_neighbor_whole *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t y = 0; y < p->out_rows; ++y) {
        const uint8_t *row = source + p->rows[y] * p->row_bytes;
        for (int32_t x = 0; x < p->out_columns; ++x) {
            TINYC_MEMCPY(target, row + p->columns[x] * p->pixel_bytes, (size_t)p->pixel_bytes);
            target += p->pixel_bytes;
        }
    }
}

#endif
