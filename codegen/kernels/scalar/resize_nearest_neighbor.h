/* Nearest-neighbour resizing of a whole image: every output pixel copies the input pixel that two tables name. */
#ifndef TINYC_SCALAR_RESIZE_NEAREST_NEIGHBOR_H
#define TINYC_SCALAR_RESIZE_NEAREST_NEIGHBOR_H

#include <string.h>

#include "tinyc_kernel.h"

typedef struct {
    int32_t out_rows; /* of all images of a batch */
    int32_t out_columns;
    int32_t row_bytes;   /* of the input */
    int32_t pixel_bytes; /* of both */
    const uint16_t *rows;    /* [out_rows]: the input row */
    const uint16_t *columns; /* [out_columns]: the input column */
} tinyc_resize_nearest_neighbor;

TINYC_INLINE void resize_nearest_neighbor__scalar(
    void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_resize_nearest_neighbor *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    (void)x0;
    (void)x1;
    for (int32_t y = 0; y < p->out_rows; ++y) {
        const uint8_t *row = source + p->rows[y] * p->row_bytes;
        for (int32_t x = 0; x < p->out_columns; ++x) {
            memcpy(target, row + p->columns[x] * p->pixel_bytes, (size_t)p->pixel_bytes);
            target += p->pixel_bytes;
        }
    }
}

#endif
