/* The constants of a pooling layer, shared by average and max pooling. */
#ifndef TINYC_SCALAR_POOL_S8_H
#define TINYC_SCALAR_POOL_S8_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t columns; /* of the input */
    int32_t channels;
    int32_t window_rows;
    int32_t window_columns;
    int32_t column_stride;
    int32_t pad_left;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t least;      /* the activation's range */
    int32_t most;
} tinyc_pool_s8;

#endif
