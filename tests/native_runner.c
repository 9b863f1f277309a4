/* Runs every program of a test natively: arenas of the exact size on the heap, records of every row.
 *
 * For every sample: each program's inputs come on standard input and its answer goes to standard output, as frames
 * { uint32 layer calls; { uint32 layer, crc } * calls; output bytes }.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyc_harness.h"

extern const tinyc_entry *const programs[];
extern const uint32_t program_count;

typedef struct {
    uint32_t layer;
    uint32_t crc;
} record;

static record *records;
static size_t record_count, record_room;

static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t bytes)
{
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; ++i) {
            uint32_t entry = i;
            for (int bit = 0; bit < 8; ++bit) {
                entry = (entry >> 1) ^ (0xEDB88320u & (0u - (entry & 1u)));
            }
            table[i] = entry;
        }
    }
    crc = ~crc;
    for (size_t i = 0; i < bytes; ++i) {
        crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFFu];
    }
    return ~crc;
}

void tinyc_probe_enter(uint32_t layer)
{
    (void)layer;
}

void tinyc_probe_leave(uint32_t layer, const void *out, uint32_t pixels, uint32_t pixel_bytes, uint32_t pixel_stride)
{
    const uint8_t *pixel = (const uint8_t *)out;
    uint32_t crc = 0;
    for (uint32_t i = 0; i < pixels; ++i) {
        crc = crc32(crc, pixel, pixel_bytes);
        pixel += pixel_stride;
    }
    if (layer == TINYC_PROBE_EMPTY) {
        return;
    }
    if (record_count == record_room) {
        record_room = record_room * 2 + 64;
        records = realloc(records, record_room * sizeof records[0]);
    }
    records[record_count].layer = layer;
    records[record_count].crc = crc;
    ++record_count;
}

static void expect(int held, const char *what)
{
    if (!held) {
        fprintf(stderr, "%s\n", what);
        exit(2);
    }
}

static void run(const tinyc_entry *program, uint32_t seed)
{
    void *arenas[4] = {NULL};
    uint32_t calls;
    for (uint32_t number = 0; number < program->arena_count; ++number) {
        uint8_t *arena = malloc(program->arena_bytes[number]);
        for (uint32_t i = 0; i < program->arena_bytes[number]; ++i) {
            seed = seed * 1664525u + 1013904223u;
            arena[i] = (uint8_t)(seed >> 24);
        }
        arenas[number] = arena;
    }
    expect(program->init(arenas, program->arena_bytes) == 0, "init failed");
    for (uint32_t i = 0; i < program->input_count; ++i) {
        expect(fread(program->input(i), 1, program->input_bytes[i], stdin) == program->input_bytes[i], "input missing");
    }
    record_count = 0;
    expect(program->run() == 0, "run failed");
    calls = (uint32_t)record_count;
    fwrite(&calls, sizeof calls, 1, stdout);
    for (size_t i = 0; i < record_count; ++i) {
        fwrite(&records[i], sizeof records[i], 1, stdout);
    }
    for (uint32_t i = 0; i < program->output_count; ++i) {
        fwrite(program->output(i), 1, program->output_bytes[i], stdout);
    }
    for (uint32_t number = 0; number < program->arena_count; ++number) {
        free(arenas[number]);
    }
}

int main(void)
{
    uint32_t seed = 1;
    for (;;) {
        for (uint32_t i = 0; i < program_count; ++i) {
            const int more = getchar();
            if (more == EOF) {
                return 0;
            }
            run(programs[i], seed++);
        }
    }
}
