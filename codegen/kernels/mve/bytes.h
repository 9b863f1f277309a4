/* Bytes on Helium: copy, fill and clamp, any number of them at any address. */
#ifndef TINYC_MVE_BYTES_H
#define TINYC_MVE_BYTES_H

#include "mve/mve.h"

#if TINYC_HAS_MVE

/* Copies `count` bytes and returns the address after them. */
TINYC_INLINE int8_t *tinyc_mve_copy(int8_t *to, const int8_t *from, int32_t count)
{
    int8_t *at = to;
    __asm__ volatile("dlstp.8 lr, %2\n"
                     "1:\n"
                     "vldrb.8 q0, [%1], #16\n"
                     "vstrb.8 q0, [%0], #16\n"
                     "letp lr, 1b\n"
                     : "+r"(at), "+r"(from)
                     : "r"(count)
                     : "lr", "q0", "memory");
    return to + count;
}

TINYC_INLINE void tinyc_mve_fill(int8_t *to, int32_t value, int32_t count)
{
    __asm__ volatile("vdup.8 q0, %1\n"
                     "dlstp.8 lr, %2\n"
                     "1:\n"
                     "vstrb.8 q0, [%0], #16\n"
                     "letp lr, 1b\n"
                     : "+r"(to)
                     : "r"(value), "r"(count)
                     : "lr", "q0", "memory");
}

TINYC_INLINE void tinyc_mve_clamp(int8_t *values, int32_t count, int32_t least, int32_t most)
{
    __asm__ volatile("vdup.8 q1, %1\n"
                     "vdup.8 q2, %2\n"
                     "dlstp.8 lr, %3\n"
                     "1:\n"
                     "vldrb.8 q0, [%0]\n"
                     "vmax.s8 q0, q0, q1\n"
                     "vmin.s8 q0, q0, q2\n"
                     "vstrb.8 q0, [%0], #16\n"
                     "letp lr, 1b\n"
                     : "+r"(values)
                     : "r"(least), "r"(most), "r"(count)
                     : "lr", "q0", "q1", "q2", "memory");
}

#else

TINYC_INLINE int8_t *tinyc_mve_copy(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count > 0; --count) {
        *to++ = *from++;
    }
    return to;
}

TINYC_INLINE void tinyc_mve_fill(int8_t *to, int32_t value, int32_t count)
{
    for (; count > 0; --count) {
        *to++ = (int8_t)value;
    }
}

TINYC_INLINE void tinyc_mve_clamp(int8_t *values, int32_t count, int32_t least, int32_t most)
{
    for (; count > 0; --count, ++values) {
        *values = (int8_t)tinyc_clamp(*values, least, most);
    }
}

#endif

/* The activation's clamp on `count` pixels, where it is narrower than int8. */
TINYC_INLINE void tinyc_mve_activate(int8_t *pixels, int32_t count, int32_t channels, int32_t stride, int32_t least, int32_t most)
{
    if (least > INT8_MIN || most < INT8_MAX) {
        for (; count > 0; --count, pixels += stride) {
            tinyc_mve_clamp(pixels, channels, least, most);
        }
    }
}

#endif
