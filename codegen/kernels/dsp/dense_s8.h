/* int8 dense layers and 1x1 convolutions on Armv7E-M, one vector at a time, straight from the activations: no scratch. */
#ifndef TINYC_DSP_DENSE_S8_H
#define TINYC_DSP_DENSE_S8_H

#include "dsp/matmul_s8.h"

typedef struct {
    const int32_t *weights; /* blocks of eight output channels: 8 dual words for four inputs, 32 constants; or, for the plain
                               kernels, of four: 4 words for four inputs, 16 constants; compact: `zero`, then blocks
                               with half as many constants */
    int32_t vectors;        /* of the whole tensor */
    int32_t in_channels;
    int32_t in_stride; /* bytes from one input vector to the next */
    int32_t out_channels;
    int32_t out_stride; /* bytes from one output vector to the next */
    int32_t least;      /* the activation's range */
    int32_t most;
} tinyc_dense_s8_dsp;

/* The last one to three bytes of a vector as a word. */
TINYC_INLINE uint32_t tinyc_tail_word(const int8_t *bytes, int32_t count)
{
    uint32_t word = 0;
    for (int32_t i = 0; i < count; ++i) {
        word |= (uint32_t)(uint8_t)bytes[i] << (8 * i);
    }
    return word;
}

/* `constants` words a channel; `more` is what compact blocks take besides. */
#define TINYC_DEFINE_VECTORS(name, block_type, constants, more)                                                                \
    TINYC_SHARED void name(int8_t *out, const int8_t *in, int32_t count, const tinyc_dense_s8_dsp *p, block_type *blocks, int32_t block,\
                           uint32_t group_bytes)                                                                               \
    {                                                                                                                          \
        const int32_t groups = p->in_channels >> 2, tail_bytes = p->in_channels & 3, rest = p->out_channels & (block - 1);     \
        const int32_t words = block * (groups + (tail_bytes != 0) + constants);                                                \
        const uint32_t skip = group_bytes * ((uint32_t)groups & 3u);                                                           \
        const int32_t *weights_end = tinyc_first_block(p->weights, constants) + (p->out_channels / block) * words;             \
        for (; count > 0; --count) {                                                                                           \
            const int8_t *end = in + 4 * groups;                                                                               \
            const uint32_t tail = tinyc_tail_word(end, tail_bytes);                                                            \
            if (weights_end != tinyc_first_block(p->weights, constants)) {                                                     \
                blocks(in, tinyc_first_block(p->weights, constants), out, weights_end, end, skip, tail, (uint32_t)tail_bytes more);\
            }                                                                                                                  \
            if (rest != 0) {                                                                                                   \
                int8_t last[8];                                                                                                \
                blocks(in, weights_end, last, weights_end + words, end, skip, tail, (uint32_t)tail_bytes more);                \
                for (int32_t c = 0; c < rest; ++c) {                                                                           \
                    out[p->out_channels - rest + c] = last[c];                                                                 \
                }                                                                                                              \
            }                                                                                                                  \
            tinyc_clamp_bytes(out, p->out_channels, p->least, p->most);                                                        \
            in += p->in_stride;                                                                                                \
            out += p->out_stride;                                                                                              \
        }                                                                                                                      \
    }

#define TINYC_FIRST_WORD , p->weights[0]
TINYC_DEFINE_VECTORS(tinyc_dense_vectors, tinyc_vector_blocks, TINYC_REQUANTIZATION_WORDS, TINYC_NO_MORE)
TINYC_DEFINE_VECTORS(tinyc_dense_compact, tinyc_compact_vector_blocks, TINYC_COMPACT_WORDS, TINYC_FIRST_WORD)

#define TINYC_DEFINE_DENSE(name, vectors, count, blocks, block, group_bytes)                                                   \
    TINYC_INLINE void name(void *out, const void *const *in, int32_t x0, int32_t x1, const tinyc_dense_s8_dsp *p)              \
    {                                                                                                                          \
        (void)x0, (void)x1;                                                                                                    \
        vectors((int8_t *)out, (const int8_t *)in[0], count, p, blocks, block, group_bytes);                                   \
    }

TINYC_DEFINE_DENSE(dense_s8__dsp, tinyc_dense_vectors, x1 - x0, tinyc_vector_blocks_ties, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_s8__dsp_relu, tinyc_dense_vectors, x1 - x0, tinyc_vector_blocks_relu, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_plain_s8__dsp, tinyc_dense_vectors, x1 - x0, tinyc_plain_blocks_ties, 4, TINYC_PLAIN_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_plain_s8__dsp_relu, tinyc_dense_vectors, x1 - x0, tinyc_plain_blocks_relu, 4, TINYC_PLAIN_GROUP_BYTES)

/* Input vectors that are not pixels: whole images seen as vectors. */
TINYC_DEFINE_DENSE(dense_whole_s8__dsp, tinyc_dense_vectors, p->vectors, tinyc_vector_blocks_ties, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_whole_s8__dsp_relu, tinyc_dense_vectors, p->vectors, tinyc_vector_blocks_relu, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_whole_plain_s8__dsp, tinyc_dense_vectors, p->vectors, tinyc_plain_blocks_ties, 4, TINYC_PLAIN_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_whole_plain_s8__dsp_relu, tinyc_dense_vectors, p->vectors, tinyc_plain_blocks_relu, 4, TINYC_PLAIN_GROUP_BYTES)

/* With compact constants. */
TINYC_DEFINE_DENSE(dense_compact_s8__dsp, tinyc_dense_compact, x1 - x0, tinyc_compact_vector_blocks_ties, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_compact_s8__dsp_relu, tinyc_dense_compact, x1 - x0, tinyc_compact_vector_blocks_relu, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_plain_compact_s8__dsp, tinyc_dense_compact, x1 - x0, tinyc_compact_plain_blocks_ties, 4, TINYC_PLAIN_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_plain_compact_s8__dsp_relu, tinyc_dense_compact, x1 - x0, tinyc_compact_plain_blocks_relu, 4, TINYC_PLAIN_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_whole_compact_s8__dsp, tinyc_dense_compact, p->vectors, tinyc_compact_vector_blocks_ties, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_whole_compact_s8__dsp_relu, tinyc_dense_compact, p->vectors, tinyc_compact_vector_blocks_relu, 8, TINYC_VECTOR_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_whole_plain_compact_s8__dsp, tinyc_dense_compact, p->vectors, tinyc_compact_plain_blocks_ties, 4, TINYC_PLAIN_GROUP_BYTES)
TINYC_DEFINE_DENSE(dense_whole_plain_compact_s8__dsp_relu, tinyc_dense_compact, p->vectors, tinyc_compact_plain_blocks_relu, 4, TINYC_PLAIN_GROUP_BYTES)

#endif
