/* Depthwise convolution of int8 by windows of one column, four channels at a time and two window rows in each multiplication.
 *
 * Rows outside the image are rows of zero points, folded into the biases; no window lies beside the image.  Constants come as one stream,
 * for every group of four channels: 4 doubled biases; for every two rows of the window the doubled weights of each channel, the upper row's
 * in the lower half of a word; of a last single row those of channels 0 and 2, then 1 and 3; {multiplier, offset, shift} of every channel.
 * A last group that is not full starts earlier and repeats channels.
 */
#ifndef TINYC_DSP_DEPTHWISE_COLUMN_S8_H
#define TINYC_DSP_DEPTHWISE_COLUMN_S8_H

#include "dsp/depthwise_block.h"

typedef struct {
    int32_t channels; /* at least 4 */
    int32_t window_rows;
    int32_t column_stride;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t ties;       /* whether negative ties need their correction */
    int32_t least;      /* the activation's range */
    int32_t most;
    const int32_t *stream;
} tinyc_depthwise_column_s8_dsp;

#if TINYC_HAS_DSP

/* sums += the next two rows, four bytes at `offset` of each, times the next weights of the stream. */
#define TINYC_TWO_ROWS(sums, rows, offset, stream)                                                                             \
    do {                                                                                                                       \
        uint32_t tinyc_a, tinyc_b, tinyc_c, tinyc_v, tinyc_w;                                                                  \
        __asm__ volatile("ldrd %4, %5, [%9], #8\n\tldr %4, [%4, %11]\n\tldr %5, [%5, %11]\n\tldrd %7, %8, [%10], #8\n\t"       \
                         "pkhtb %6, %5, %4, asr #16\n\tpkhbt %4, %4, %5, lsl #16\n\t"                                          \
                         "sxtb16 %5, %4\n\tsxtb16 %4, %4, ror #8\n\tsmlad %0, %5, %7, %0\n\tsmlad %1, %4, %8, %1\n\t"          \
                         "ldrd %7, %8, [%10], #8\n\tsxtb16 %5, %6\n\tsxtb16 %4, %6, ror #8\n\t"                                \
                         "smlad %2, %5, %7, %2\n\tsmlad %3, %4, %8, %3"                                                        \
                         : "+r"((sums).c0), "+r"((sums).c1), "+r"((sums).c2), "+r"((sums).c3), "=&r"(tinyc_a),                 \
                           "=&r"(tinyc_b), "=&r"(tinyc_c), "=&r"(tinyc_v), "=&r"(tinyc_w), "+r"(rows), "+r"(stream)            \
                         : "r"(offset)                                                                                         \
                         : "memory");                                                                                          \
    } while (0)

/* sum = the stored value before the clamp to the activation's range. */
#define TINYC_FINISH(sum, stream, ties)                                                                                        \
    do {                                                                                                                       \
        int32_t tinyc_by, tinyc_offset, tinyc_shift;                                                                           \
        if (ties) {                                                                                                            \
            __asm__ volatile("ldrd %1, %2, [%4], #8\n\tldr %3, [%4], #4\n\tadd %2, %2, %0, asr #31\n\t"                        \
                             "smmlar %0, %0, %1, %2\n\tasr %0, %0, %3\n\tssat %0, #8, %0"                                      \
                             : "+r"(sum), "=&r"(tinyc_by), "=&r"(tinyc_offset), "=&r"(tinyc_shift), "+r"(stream)               \
                             :                                                                                                 \
                             : "memory");                                                                                      \
        } else {                                                                                                               \
            __asm__ volatile("ldrd %1, %2, [%4], #8\n\tldr %3, [%4], #4\n\t"                                                   \
                             "smmlar %0, %0, %1, %2\n\tasr %0, %0, %3\n\tssat %0, #8, %0"                                      \
                             : "+r"(sum), "=&r"(tinyc_by), "=&r"(tinyc_offset), "=&r"(tinyc_shift), "+r"(stream)               \
                             :                                                                                                 \
                             : "memory");                                                                                      \
        }                                                                                                                      \
    } while (0)

#else

#define TINYC_TWO_ROWS(sums, rows, offset, stream)                                                                             \
    do {                                                                                                                       \
        const uint32_t tinyc_upper = tinyc_load32((rows)[0] + (offset)), tinyc_lower = tinyc_load32((rows)[1] + (offset));     \
        const uint32_t tinyc_low = tinyc_pkhbt_lsl16(tinyc_upper, tinyc_lower);                                                \
        const uint32_t tinyc_high = tinyc_pkhtb_asr16(tinyc_lower, tinyc_upper);                                               \
        (sums).c0 = tinyc_smlad(tinyc_sxtb16(tinyc_low), (uint32_t)(stream)[0], (sums).c0);                                    \
        (sums).c1 = tinyc_smlad(tinyc_sxtb16_ror8(tinyc_low), (uint32_t)(stream)[1], (sums).c1);                               \
        (sums).c2 = tinyc_smlad(tinyc_sxtb16(tinyc_high), (uint32_t)(stream)[2], (sums).c2);                                   \
        (sums).c3 = tinyc_smlad(tinyc_sxtb16_ror8(tinyc_high), (uint32_t)(stream)[3], (sums).c3);                              \
        (rows) += 2;                                                                                                           \
        (stream) += 4;                                                                                                         \
    } while (0)

#define TINYC_FINISH(sum, stream, ties)                                                                                        \
    do {                                                                                                                       \
        tinyc_channel tinyc_by;                                                                                                \
        TINYC_CHANNEL(tinyc_by, stream);                                                                                       \
        (sum) = tinyc_finish(sum, &tinyc_by, ties);                                                                            \
    } while (0)

#endif

/* One output pixel, whose window is at byte `offset` of the rows.  Groups are counted down: by groups.h it takes up to a sixth more. */
TINYC_INLINE void depthwise_column_s8_pixel(
    int8_t *out, const int8_t *const *rows, int32_t offset, const tinyc_depthwise_column_s8_dsp *p)
{
    const int32_t pairs = p->window_rows >> 1;
    const int32_t surplus = (p->channels + 3) / 4 * 4 - p->channels;
    const int32_t *s = p->stream;
    for (int32_t groups = (p->channels + 3) / 4; groups > 0; --groups) {
        uint32_t b0, b1, b2, b3;
        if (surplus != 0 && groups == 1) {
            offset -= surplus;
            out -= surplus;
        }
        TINYC_WEIGHTS(b0, b1, s);
        TINYC_WEIGHTS(b2, b3, s);
        tinyc_sums a = {(int32_t)b0, (int32_t)b1, (int32_t)b2, (int32_t)b3};
#pragma GCC unroll 8
        for (int32_t i = 0; i < pairs; ++i) {
            TINYC_TWO_ROWS(a, rows, offset, s);
        }
        rows -= 2 * pairs;
        if ((p->window_rows & 1) != 0) {
            uint32_t even, odd, w_even, w_odd;
            TINYC_UNPACK(even, odd, rows[2 * pairs] + offset);
            TINYC_WEIGHTS(w_even, w_odd, s);
            TINYC_TAP(a, even, odd, w_even, w_odd);
        }
        TINYC_FINISH(a.c0, s, p->ties != 0);
        *out++ = tinyc_clamped(a.c0, p->least, p->most);
        TINYC_FINISH(a.c1, s, p->ties != 0);
        *out++ = tinyc_clamped(a.c1, p->least, p->most);
        TINYC_FINISH(a.c2, s, p->ties != 0);
        *out++ = tinyc_clamped(a.c2, p->least, p->most);
        TINYC_FINISH(a.c3, s, p->ties != 0);
        *out++ = tinyc_clamped(a.c3, p->least, p->most);
        offset += 4;
    }
}

TINYC_INLINE void depthwise_column_s8__dsp(
    void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_depthwise_column_s8_dsp *p)
{
    int8_t *target = (int8_t *)out;
    for (int32_t x = 0; x < x1 - x0; ++x, target += p->out_stride) {
        depthwise_column_s8_pixel(target, (const int8_t *const *)in, x * p->column_stride * p->in_stride, p);
    }
}

#endif
