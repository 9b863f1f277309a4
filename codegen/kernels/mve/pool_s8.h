/* Pooling of int8 on Helium: maxima of sixteen channels at a time, means of four. */
#ifndef TINYC_MVE_POOL_S8_H
#define TINYC_MVE_POOL_S8_H

#include "mve/average.h"
#include "mve/bytes.h"
#include "scalar/pool_s8.h"

/* The part of a window that lies inside the image.  The assembly knows the offsets of the fields. */
typedef struct {
    const void *const *rows; /* of the window's rows; null where outside */
    int32_t row_count;
    int32_t offset;  /* of the first column in its row, in bytes */
    int32_t columns; /* at least one */
    int32_t in_stride;
    int32_t channels;
} tinyc_mve_pool_window;

#if TINYC_HAS_MVE

TINYC_MVE_NAKED void tinyc_mve_greatest(TINYC_MVE_ARGUMENT int8_t *out, TINYC_MVE_ARGUMENT const tinyc_mve_pool_window *at)
{
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, lr}\n"
                     "ldm r1, {r4, r5, r6, r7, r8, r9}\n"
                     "dlstp.8 lr, r9\n"
                     "1:\n"
                     "vmov.i8 q0, #0x80\n"
                     "mov r9, r4\n"
                     "mov r10, r5\n"
                     "2:\n"
                     "ldr r2, [r9], #4\n"
                     "cbz r2, 4f\n"
                     "add r2, r2, r6\n"
                     "mov r3, r7\n"
                     "3:\n"
                     "vldrb.8 q1, [r2]\n"
                     "add r2, r2, r8\n"
                     "subs r3, r3, #1\n"
                     "vmax.s8 q0, q0, q1\n"
                     "bne 3b\n"
                     "4:\n"
                     "subs r10, r10, #1\n"
                     "bne 2b\n"
                     "add r6, r6, #16\n"
                     "vstrb.8 q0, [r0], #16\n"
                     "letp lr, 1b\n"
                     "pop {r4, r5, r6, r7, r8, r9, r10, pc}\n");
}

TINYC_MVE_NAKED void tinyc_mve_average(TINYC_MVE_ARGUMENT int8_t *out, TINYC_MVE_ARGUMENT const tinyc_mve_pool_window *at,
                                       TINYC_MVE_ARGUMENT const tinyc_mve_division *by)
{
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
                     "vpush {d8, d9}\n" TINYC_MVE_DIVISION
                     "ldm r1, {r4, r5, r6, r7, r8, r9}\n"
                     "dlstp.32 lr, r9\n"
                     "1:\n"
                     "vmov.i32 q0, #0\n"
                     "mov r9, r4\n"
                     "mov r10, r5\n"
                     "2:\n"
                     "ldr r2, [r9], #4\n"
                     "cbz r2, 4f\n"
                     "add r2, r2, r6\n"
                     "mov r3, r7\n"
                     "3:\n"
                     "vldrb.s32 q1, [r2]\n"
                     "add r2, r2, r8\n"
                     "subs r3, r3, #1\n"
                     "vadd.i32 q0, q0, q1\n"
                     "bne 3b\n"
                     "4:\n"
                     "subs r10, r10, #1\n"
                     "bne 2b\n"
                     "add r6, r6, #4\n" TINYC_MVE_DIVIDE
                     "vstrb.32 q1, [r0], #4\n"
                     "letp lr, 1b\n"
                     "vpop {d8, d9}\n"
                     "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

TINYC_SHARED void tinyc_mve_greatest(int8_t *out, const tinyc_mve_pool_window *at)
{
    for (int32_t c = 0; c < at->channels; ++c) {
        out[c] = INT8_MIN;
        for (int32_t y = 0; y < at->row_count; ++y) {
            const int8_t *row = (const int8_t *)at->rows[y];
            for (int32_t x = 0; row != NULL && x < at->columns; ++x) {
                const int8_t value = row[at->offset + x * at->in_stride + c];
                out[c] = value > out[c] ? value : out[c];
            }
        }
    }
}

TINYC_SHARED void tinyc_mve_average(int8_t *out, const tinyc_mve_pool_window *at, const tinyc_mve_division *by)
{
    for (int32_t c = 0; c < at->channels; ++c) {
        int32_t sum = 0;
        for (int32_t y = 0; y < at->row_count; ++y) {
            const int8_t *row = (const int8_t *)at->rows[y];
            for (int32_t x = 0; row != NULL && x < at->columns; ++x) {
                sum += row[at->offset + x * at->in_stride + c];
            }
        }
        out[c] = tinyc_mve_divide(sum, by);
    }
}

#endif

/* The window of output column `x`; returns its columns, the rows are at column `origin`. */
TINYC_INLINE int32_t tinyc_mve_pool_at(tinyc_mve_pool_window *at, int32_t x, int32_t origin, const tinyc_pool_s8 *p)
{
    const int32_t left = x * p->column_stride - p->pad_left;
    const int32_t first = tinyc_clamp(left, 0, p->columns);
    at->offset = (first - origin) * p->in_stride;
    at->columns = tinyc_clamp(left + p->window_columns, 0, p->columns) - first;
    return at->columns;
}

TINYC_SHARED void tinyc_mve_max_pool_row(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    const int32_t origin = tinyc_clamp(x0 * p->column_stride - p->pad_left, 0, p->columns);
    tinyc_mve_pool_window at = {in, p->window_rows, 0, 0, p->in_stride, p->channels};
    for (int32_t x = x0; x < x1; ++x) {
        (void)tinyc_mve_pool_at(&at, x, origin, p);
        tinyc_mve_greatest(out + (x - x0) * p->out_stride, &at);
    }
    tinyc_mve_activate(out, x1 - x0, p->channels, p->out_stride, p->least, p->most);
}

TINYC_INLINE void max_pool2d_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    tinyc_mve_max_pool_row((int8_t *)out, in, x0, x1, p);
}

TINYC_SHARED void tinyc_mve_average_pool_row(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    const int32_t origin = tinyc_clamp(x0 * p->column_stride - p->pad_left, 0, p->columns);
    tinyc_mve_pool_window at = {in, p->window_rows, 0, 0, p->in_stride, p->channels};
    tinyc_mve_division by = {0, 0, p->least, p->most};
    int32_t rows = 0;
    int32_t columns = 0;
    for (int32_t y = 0; y < p->window_rows; ++y) {
        rows += in[y] != NULL;
    }
    for (int32_t x = x0; x < x1; ++x) {
        if (tinyc_mve_pool_at(&at, x, origin, p) != columns) {
            columns = at.columns;
            tinyc_mve_divide_by(&by, rows * columns);
        }
        tinyc_mve_average(out + (x - x0) * p->out_stride, &at, &by);
    }
}

TINYC_INLINE void average_pool2d_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pool_s8 *p)
{
    tinyc_mve_average_pool_row((int8_t *)out, in, x0, x1, p);
}

#endif
