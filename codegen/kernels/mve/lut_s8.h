/* One-input int8 functions on Helium: sixteen entries of their table at a time. */
#ifndef TINYC_MVE_LUT_S8_H
#define TINYC_MVE_LUT_S8_H

#include "mve/mve.h"
#include "scalar/lut_s8.h"

#if TINYC_HAS_MVE

TINYC_INLINE void tinyc_mve_look_up(int8_t *out, const uint8_t *in, int32_t count, const int8_t *table)
{
    __asm__ volatile("dlstp.8 lr, %2\n"
                     "1:\n"
                     "vldrb.8 q0, [%1], #16\n"
                     "vldrb.u8 q1, [%3, q0]\n"
                     "vstrb.8 q1, [%0], #16\n"
                     "letp lr, 1b\n"
                     : "+r"(out), "+r"(in)
                     : "r"(count), "r"(table)
                     : "lr", "q0", "q1", "memory");
}

#else

TINYC_INLINE void tinyc_mve_look_up(int8_t *out, const uint8_t *in, int32_t count, const int8_t *table)
{
    lut_s8_run(out, in, count, table);
}

#endif

TINYC_INLINE void lut_s8__mve(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_lut_s8 *p)
{
    const uint8_t *source = (const uint8_t *)in[0];
    int8_t *target = (int8_t *)out;
    if (p->in_stride == p->channels && p->out_stride == p->channels) {
        tinyc_mve_look_up(target, source, (x1 - x0) * p->channels, p->table);
        return;
    }
    for (int32_t x = x0; x < x1; ++x) {
        tinyc_mve_look_up(target, source, p->channels, p->table);
        source += p->in_stride;
        target += p->out_stride;
    }
}

#endif
