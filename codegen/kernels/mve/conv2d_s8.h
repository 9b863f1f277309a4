/* int8 convolutions and dense layers on Helium: 1x1 straight from the activations, other windows gathered in scratch two by two. */
#ifndef TINYC_MVE_CONV2D_S8_H
#define TINYC_MVE_CONV2D_S8_H

#include "mve/bytes.h"
#include "mve/matmul_s8.h"

/* The fields from `run_bytes` on are for windows only. */
typedef struct {
    const int32_t *weights;   /* blocks of channels, see matmul_s8.h */
    const int32_t *constants; /* see requantize_s8.h; for the channels of two pixels where they are finished as one */
    int32_t depth;            /* bytes of one window */
    int32_t steps;            /* of sixteen bytes */
    int32_t threes;           /* blocks */
    int32_t twos;
    int32_t joined; /* whether two pixels are finished as one */
    int32_t ties;   /* whether negative ties need their correction */
    int32_t vectors; /* of the whole tensor */
    int32_t in_stride; /* bytes from one input pixel to the next */
    int32_t out_channels;
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t out_zero_point;
    int32_t least; /* the activation's range */
    int32_t most;
    int32_t run_bytes; /* adjacent bytes of a window: one pixel, or a row of pixels that lie side by side */
    int32_t runs;      /* in one row of the window */
    int32_t in_columns;
    int32_t in_channels;
    int32_t in_zero_point;
    int32_t kernel_rows;
    int32_t kernel_columns;
    int32_t stride;        /* of columns */
    int32_t dilation_rows; /* in[] holds the rows between the taps too */
    int32_t dilation;      /* of columns */
    int32_t pad_left;
} tinyc_conv2d_s8_mve;

/* Words of sums for two pixels, in whole blocks of sixteen. */
TINYC_INLINE int32_t tinyc_mve_sum_words(const tinyc_conv2d_s8_mve *p)
{
    const int32_t one = (p->out_channels + 15) & ~15;
    const int32_t two = (2 * p->out_channels + 15) & ~15;
    return p->joined ? two : 2 * one;
}

/* What is the same for all pixels of a layer; `in_step` is from a pixel to the next. */
TINYC_INLINE void tinyc_mve_start(tinyc_mve_product *job, int8_t *out, const int8_t *a, int32_t in_step, int32_t *sums,
                                  const tinyc_conv2d_s8_mve *p)
{
    job->a = a;
    job->b = a + in_step;
    job->weights = (const int8_t *)p->weights;
    job->steps = p->steps;
    job->threes = p->threes;
    job->twos = p->twos;
    job->finish.out = out;
    job->finish.sums = sums;
    job->finish.constants = p->constants;
    job->finish.zero_point = p->out_zero_point;
    job->sums_b = sums + (p->joined ? p->out_channels : (p->out_channels + 15) & ~15);
    job->out_b = p->joined ? 0 : p->out_stride;
    job->requantize = p->ties ? tinyc_mve_requantize_blocks_ties : tinyc_mve_requantize_blocks_relu;
}

TINYC_INLINE void tinyc_mve_pairs_of(tinyc_mve_product *job, int32_t count, int32_t in_step, const tinyc_conv2d_s8_mve *p)
{
    const int32_t channels = p->joined ? 2 * p->out_channels : p->out_channels;
    job->finish.blocks = channels >> 4;
    job->finish.tail = channels & 15;
    job->in_step = 2 * in_step;
    job->out_step = 2 * p->out_stride;
    job->count = count;
}

TINYC_INLINE void tinyc_mve_singles_of(tinyc_mve_product *job, int32_t count, int32_t in_step, const tinyc_conv2d_s8_mve *p)
{
    job->finish.blocks = p->out_channels >> 4;
    job->finish.tail = p->out_channels & 15;
    job->in_step = in_step;
    job->out_step = p->out_stride;
    job->count = count;
}

/* `count` neighbouring pixels, each of which is a window. */
TINYC_INLINE void tinyc_mve_pixels(int8_t *out, const int8_t *in, int32_t count, const tinyc_conv2d_s8_mve *p, int32_t *sums)
{
    const int32_t whole = (p->depth & 15) == 0;
    tinyc_mve_product job;
    tinyc_mve_start(&job, out, in, p->in_stride, sums, p);
    job.rounds = whole ? (p->steps + 3) >> 2 : p->depth;
    if (count > 1) {
        tinyc_mve_pairs_of(&job, count >> 1, p->in_stride, p);
        if (whole) {
            tinyc_mve_pairs(&job);
        } else {
            tinyc_mve_pairs_tail(&job);
        }
    }
    if (count & 1) {
        tinyc_mve_singles_of(&job, 1, p->in_stride, p);
        if (whole) {
            tinyc_mve_singles(&job);
        } else {
            tinyc_mve_singles_tail(&job);
        }
    }
    tinyc_mve_activate(out, count, p->out_channels, p->out_stride, p->least, p->most);
}

/* Windows of which no column is outside: where they lie in the rows, and where they go.  The assembly knows the offsets of the fields. */
typedef struct {
    const void *const *rows;
    int32_t row_step;  /* bytes from one row's pointer to the next */
    int32_t row_count; /* at least one */
    int32_t offset;    /* of window a in its rows, in bytes */
    int32_t next;      /* from window a to window b */
    int32_t bytes;     /* of a run, at least one */
    int8_t *to_a;
    int8_t *to_b;
} tinyc_mve_gather;

#if TINYC_HAS_MVE

/* Two windows of one run of bytes in each row. */
TINYC_MVE_NAKED void tinyc_mve_gather_pair(TINYC_MVE_ARGUMENT const tinyc_mve_gather *job)
{
    __asm__ volatile("push {r4, r5, r6, r7, r8, r9, lr}\n"
                     "ldm r0, {r0, r1, r2, r3, r4, r5, r6, r7}\n"
                     "1:\n"
                     "ldr r8, [r0]\n"
                     "mov r9, r6\n"
                     "add r8, r8, r3\n"
                     "add r12, r8, r4\n"
                     "dlstp.8 lr, r5\n"
                     "2:\n"
                     "vldrb.8 q0, [r8], #16\n"
                     "vstrb.8 q0, [r9], #16\n"
                     "letp lr, 2b\n"
                     "mov r9, r7\n"
                     "dlstp.8 lr, r5\n"
                     "3:\n"
                     "vldrb.8 q0, [r12], #16\n"
                     "vstrb.8 q0, [r9], #16\n"
                     "letp lr, 3b\n"
                     "add r0, r0, r1\n"
                     "add r6, r6, r5\n"
                     "add r7, r7, r5\n"
                     "subs r2, r2, #1\n"
                     "bne 1b\n"
                     "pop {r4, r5, r6, r7, r8, r9, pc}\n");
}

/* The same for runs of at most 16 bytes; up to 15 bytes after the windows are overwritten. */
TINYC_MVE_NAKED void tinyc_mve_gather_pair_short(TINYC_MVE_ARGUMENT const tinyc_mve_gather *job)
{
    __asm__ volatile("push {r4, r5, r6, r7, r8, lr}\n"
                     "ldm r0, {r0, r1, r2, r3, r4, r5, r6, r7}\n"
                     "vctp.8 r5\n"
                     "dls lr, r2\n"
                     "1:\n"
                     "ldr r8, [r0]\n"
                     "add r0, r0, r1\n"
                     "add r8, r8, r3\n"
                     "add r12, r8, r4\n"
                     "vpstt\n"
                     "vldrbt.8 q0, [r8]\n"
                     "vldrbt.8 q1, [r12]\n"
                     "vstrb.8 q0, [r6]\n"
                     "vstrb.8 q1, [r7]\n"
                     "add r6, r6, r5\n"
                     "add r7, r7, r5\n"
                     "le lr, 1b\n"
                     "pop {r4, r5, r6, r7, r8, pc}\n");
}

#else

TINYC_SHARED void tinyc_mve_gather_pair(const tinyc_mve_gather *job)
{
    const char *rows = (const char *)job->rows;
    for (int32_t i = 0; i < job->row_count; ++i, rows += job->row_step) {
        const int8_t *row = (const int8_t *)*(const void *const *)(const void *)rows + job->offset;
        (void)tinyc_mve_copy(job->to_a + i * job->bytes, row, job->bytes);
        (void)tinyc_mve_copy(job->to_b + i * job->bytes, row + job->next, job->bytes);
    }
}

TINYC_SHARED void tinyc_mve_gather_pair_short(const tinyc_mve_gather *job)
{
    tinyc_mve_gather_pair(job);
    for (int32_t i = 0; i < TINYC_MVE_BLOCK - job->bytes; ++i) {
        job->to_a[job->row_count * job->bytes + i] = 0;
        job->to_b[job->row_count * job->bytes + i] = 0;
    }
}

#endif

/* One window of which no or some columns are outside, tap by tap. */
TINYC_INLINE void tinyc_mve_window_taps(int8_t *to, const void *const *in, int32_t left, int32_t origin, const tinyc_conv2d_s8_mve *p)
{
    for (int32_t i = 0; i < p->kernel_rows; ++i) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        for (int32_t j = 0; j < p->kernel_columns; ++j, to += p->in_channels) {
            const int32_t column = left + j * p->dilation;
            if (column >= 0 && column < p->in_columns) {
                (void)tinyc_mve_copy(to, row + (column - origin) * p->in_stride, p->in_channels);
            }
        }
    }
}

/* One window, its first column `left`; the rows are at column `origin`. */
TINYC_SHARED void tinyc_mve_window(int8_t *to, const void *const *in, int32_t left, int32_t origin, const tinyc_conv2d_s8_mve *p)
{
    const int32_t first = left < 0 ? -left : 0;
    const int32_t room = p->in_columns - left;
    const int32_t taps = (room < p->kernel_columns ? room : p->kernel_columns) - first;
    if (p->runs > 1 || taps < p->kernel_columns) {
        tinyc_mve_fill(to, p->in_zero_point, p->depth);
    }
    if (p->runs > 1) {
        tinyc_mve_window_taps(to, in, left, origin, p);
        return;
    }
    if (taps <= 0) {
        return;
    }
    to += first * p->in_channels;
    for (int32_t i = 0; i < p->kernel_rows; ++i, to += p->run_bytes) {
        const int8_t *row = (const int8_t *)in[i * p->dilation_rows];
        (void)tinyc_mve_copy(to, row + (left + first - origin) * p->in_stride, taps * p->in_channels);
    }
}

/* Any window; rows outside are rows of zero points. */
TINYC_SHARED void tinyc_mve_windows(int8_t *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, int32_t *sums)
{
    int8_t *windows = (int8_t *)(sums + tinyc_mve_sum_words(p));
    const int32_t window_bytes = TINYC_MVE_BLOCK * (p->steps + 1);
    const int32_t start = x0 * p->stride - p->pad_left;
    const int32_t origin = start > 0 ? start : 0;
    const int32_t last = p->in_columns - (p->kernel_columns - 1) * p->dilation - p->stride;
    tinyc_mve_gather gather = {in, (int32_t)sizeof in[0] * p->dilation_rows, p->kernel_rows, 0, p->stride * p->in_stride, p->run_bytes,
                               windows, windows + window_bytes};
    tinyc_mve_product job;
    tinyc_mve_start(&job, out, windows, window_bytes, sums, p);
    job.rounds = (p->steps + 3) >> 2;
    tinyc_mve_pairs_of(&job, 1, 0, p);
    int32_t left = start;
    int32_t count = x1 - x0;
    for (; count > 1; count -= 2, left += 2 * p->stride) {
        if (left < 0 || left >= last || p->runs != 1) {
            tinyc_mve_window(windows, in, left, origin, p);
            tinyc_mve_window(windows + window_bytes, in, left + p->stride, origin, p);
        } else {
            gather.offset = (left - origin) * p->in_stride;
            if (p->run_bytes > TINYC_MVE_BLOCK) {
                tinyc_mve_gather_pair(&gather);
            } else {
                tinyc_mve_gather_pair_short(&gather);
            }
        }
        job.count = 1;
        tinyc_mve_pairs(&job);
    }
    if (count > 0) {
        tinyc_mve_window(windows, in, left, origin, p);
        tinyc_mve_singles_of(&job, 1, 0, p);
        tinyc_mve_singles(&job);
    }
    tinyc_mve_activate(out, x1 - x0, p->out_channels, p->out_stride, p->least, p->most);
}

TINYC_SHARED void tinyc_mve_pixels_shared(int8_t *out, const int8_t *in, int32_t count, const tinyc_conv2d_s8_mve *p, int32_t *sums)
{
    tinyc_mve_pixels(out, in, count, p, sums);
}

TINYC_INLINE void conv2d_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, void *scratch)
{
    tinyc_mve_windows((int8_t *)out, in, x0, x1, p, (int32_t *)scratch);
}

/* One tap, stride 1: pixels may be those of a whole image. */
TINYC_INLINE void pointwise_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, void *scratch)
{
    tinyc_mve_pixels_shared((int8_t *)out, (const int8_t *)in[0], x1 - x0, p, (int32_t *)scratch);
}

/* Input vectors that are not pixels: whole images seen as vectors. */
TINYC_INLINE void dense_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_conv2d_s8_mve *p, void *scratch)
{
    (void)x0;
    (void)x1;
    tinyc_mve_pixels_shared((int8_t *)out, (const int8_t *)in[0], p->vectors, p, (int32_t *)scratch);
}

#endif
