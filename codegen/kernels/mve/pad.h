/* Padding on Helium, sixteen bytes at a time. */
#ifndef TINYC_MVE_PAD_H
#define TINYC_MVE_PAD_H

#include "mve/bytes.h"
#include "scalar/pad.h"

/* Fills pixels, but not what is between them. */
TINYC_INLINE void tinyc_mve_pad_fill(int8_t *out, int32_t count, int32_t bytes, const tinyc_pad *p)
{
    if (p->out_stride == bytes) {
        tinyc_mve_fill(out, p->value, count * bytes);
        return;
    }
    for (; count > 0; --count, out += p->out_stride) {
        tinyc_mve_fill(out, p->value, bytes);
    }
}

TINYC_SHARED void tinyc_mve_pad_row(int8_t *out, const int8_t *in, int32_t x0, int32_t x1, const tinyc_pad *p)
{
    const int32_t bytes = p->bytes_before + p->bytes + p->bytes_after;
    const int32_t first = tinyc_clamp(p->pad_left, x0, x1);
    const int32_t last = in == NULL ? first : tinyc_clamp(p->pad_left + p->columns, x0, x1);
    const int alike = bytes == p->bytes && p->in_stride == bytes && p->out_stride == bytes;
    int8_t *to = out + (first - x0) * p->out_stride + p->bytes_before;
    if (alike) {
        tinyc_mve_fill(out, p->value, (first - x0) * bytes);
        tinyc_mve_fill(tinyc_mve_copy(to, in, (last - first) * bytes), p->value, (x1 - last) * bytes);
        return;
    }
    tinyc_mve_pad_fill(out, x1 - x0, bytes, p);
    for (int32_t x = first; x < last; ++x) {
        (void)tinyc_mve_copy(to, in, p->bytes);
        to += p->out_stride;
        in += p->in_stride;
    }
}

TINYC_INLINE void pad__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_pad *p)
{
    tinyc_mve_pad_row((int8_t *)out, (const int8_t *)in[0], x0, x1, p);
}

#endif
