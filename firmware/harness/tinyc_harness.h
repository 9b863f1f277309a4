/* What the harness knows of a model, and what an instrumented link tells the harness about every layer call.
 *
 * The generated model_entry.c defines `tinyc_model`; the generated probe.c wraps each layer function with the two probe calls.
 */
#ifndef TINYC_HARNESS_H
#define TINYC_HARNESS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    const char *sha256; /* of the model file, 64 hexadecimal digits */
    uint32_t arena_count;
    const uint32_t *arena_bytes; /* of each */
    uint32_t arena_align;
    uint32_t layer_count;
    uint32_t input_count;
    uint32_t output_count;
    const uint32_t *input_bytes;
    const uint32_t *output_bytes;
    uint32_t input_rows; /* 0: the input lies in the arena; else it is pushed in so many rows, each from `row` */
    uint32_t row_bytes;
    uint8_t *row;
    int (*init)(void *const *arenas, const uint32_t *bytes);
    int (*run)(void); /* one inference; where the input is pushed, one row of it: returns how many are still to come */
    void *(*input)(unsigned index);
    const void *(*output)(unsigned index);
} tinyc_entry;

extern const tinyc_entry tinyc_model;

/* Called right before and right after a layer function: `pixels` of `pixel_bytes` each were written at `out`, `pixel_stride` apart. */
void tinyc_probe_enter(uint32_t layer);
void tinyc_probe_leave(uint32_t layer, const void *out, uint32_t pixels, uint32_t pixel_bytes, uint32_t pixel_stride);

/* A wrapped layer that does nothing: what it counts is the cost of the probe itself. */
#define TINYC_PROBE_EMPTY 0xFFFFFFFFu
void tinyc_probe_empty(void);

#endif
