/* float32 to int8 or uint8 and back. */
#ifndef TINYC_SCALAR_QUANTIZE_F32_H
#define TINYC_SCALAR_QUANTIZE_F32_H

#include "tinyc_kernel.h"

typedef struct {
    int32_t channels;
    int32_t in_stride;  /* bytes from one input pixel to the next */
    int32_t out_stride; /* bytes from one output pixel to the next */
    int32_t scale;      /* the bits of a float32 */
    int32_t zero;
    int32_t least; /* the range of the quantized type */
    int32_t most;
} tinyc_quantize_f32;

TINYC_INLINE float quantize_f32_float(const void *bits)
{
    float value;
    TINYC_MEMCPY(&value, bits, sizeof value);
    return value;
}

/* Round to nearest, halves away from zero; beyond +-1024 (and for NaN) the value does not matter: it will be clamped. */
TINYC_INLINE int32_t quantize_f32_round(float value)
{
    if (!(value > -1024.0f)) {
        return -1024;
    }
    if (value > 1024.0f) {
        return 1024;
    }
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

TINYC_INLINE void quantize_f32__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_quantize_f32 *p)
{
    const float scale = quantize_f32_float(&p->scale);
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        for (int32_t c = 0; c < p->channels; ++c) {
            const int32_t value = quantize_f32_round(quantize_f32_float(source + 4 * c) / scale) + p->zero;
            target[c] = (uint8_t)(tinyc_clamp(value, p->least, p->most) & 0xff);
        }
        source += p->in_stride;
        target += p->out_stride;
    }
}

/* `least` tells whether the input byte is signed. */
TINYC_INLINE void dequantize_f32__scalar(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_quantize_f32 *p)
{
    const float scale = quantize_f32_float(&p->scale);
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    for (int32_t x = x0; x < x1; ++x) {
        for (int32_t c = 0; c < p->channels; ++c) {
            const int32_t stored = source[c] > p->most ? source[c] - 256 : source[c];
            const float value = scale * (float)(stored - p->zero);
            TINYC_MEMCPY(target + 4 * c, &value, sizeof value);
        }
        source += p->in_stride;
        target += p->out_stride;
    }
}

#endif
