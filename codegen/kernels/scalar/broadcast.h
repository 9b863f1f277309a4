/* The outer loops of operators whose two inputs broadcast along any axes: each step is one row of columns and channels. */
#ifndef TINYC_SCALAR_BROADCAST_H
#define TINYC_SCALAR_BROADCAST_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t count_0; /* extents of the outer axes, and the bytes from one index to the next in each input: 0 where it is broadcast */
    int32_t count_1;
    int32_t count_2;
    int32_t columns;
    int32_t step_0_of_0;
    int32_t step_1_of_0;
    int32_t step_2_of_0;
    int32_t step_0_of_1;
    int32_t step_1_of_1;
    int32_t step_2_of_1;
    int32_t row_bytes; /* of the output */
} tinyc_broadcast;

/* Calls `row(out, in, 0, columns, p)` for every index of the outer axes. */
#define TINYC_BROADCAST(row, out, in, b, p)                                                                                    \
    do {                                                                                                                       \
        int8_t *target = (int8_t *)(out);                                                                                      \
        for (int32_t i = 0; i < (b)->count_0; ++i) {                                                                           \
            for (int32_t j = 0; j < (b)->count_1; ++j) {                                                                       \
                for (int32_t k = 0; k < (b)->count_2; ++k) {                                                                   \
                    const void *inputs[2];                                                                                     \
                    inputs[0] = (const int8_t *)(in)[0] + i * (b)->step_0_of_0 + j * (b)->step_1_of_0 + k * (b)->step_2_of_0;  \
                    inputs[1] = (const int8_t *)(in)[1] + i * (b)->step_0_of_1 + j * (b)->step_1_of_1 + k * (b)->step_2_of_1;  \
                    row(target, inputs, 0, (b)->columns, (p));                                                                 \
                    target += (b)->row_bytes;                                                                                  \
                }                                                                                                              \
            }                                                                                                                  \
        }                                                                                                                      \
    } while (0)

#endif
