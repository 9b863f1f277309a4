/* What corrupted schedules share with the program that runs them. */
#ifndef FATES_H
#define FATES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ARENAS = 4 };

typedef struct {
    void (*run)(uint8_t *const *arenas, const uint8_t *input, uint8_t *output);
    uint32_t arenas;
    uint32_t arena_bytes[MOST_ARENAS];
} entry;

/* A layer has written pixels. */
void note(unsigned layer, const void *out, int32_t pixels, int32_t pixel_bytes, int32_t stride);

#endif
