/* Runs one program whose constants can be changed between runs.
 *
 * Commands on standard input: 'P' { uint32 site; uint32 offset; uint32 bytes; bytes } changes a constant, 'R' { inputs } runs; the answer
 * to a run is { uint32 layer calls; { uint32 layer, crc } * calls; output bytes }.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyc_harness.h"

extern void *const mutable_sites[];

typedef struct {
    uint32_t layer;
    uint32_t crc;
} record;

static record *records;
static size_t record_count, record_room;
static uint32_t table[8][256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; ++bit) {
            entry = (entry >> 1) ^ (0xEDB88320u & (0u - (entry & 1u)));
        }
        table[0][i] = entry;
    }
    for (uint32_t i = 0; i < 256; ++i) {
        for (int k = 1; k < 8; ++k) {
            table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xFFu];
        }
    }
}

static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t bytes)
{
    for (; bytes >= 8; bytes -= 8, data += 8) {
        uint32_t words[2];
        memcpy(words, data, 8);
        words[0] ^= crc;
        crc = table[7][words[0] & 0xFFu] ^ table[6][(words[0] >> 8) & 0xFFu] ^ table[5][(words[0] >> 16) & 0xFFu] ^
              table[4][words[0] >> 24] ^ table[3][words[1] & 0xFFu] ^ table[2][(words[1] >> 8) & 0xFFu] ^
              table[1][(words[1] >> 16) & 0xFFu] ^ table[0][words[1] >> 24];
    }
    for (size_t i = 0; i < bytes; ++i) {
        crc = (crc >> 8) ^ table[0][(crc ^ data[i]) & 0xFFu];
    }
    return crc;
}

void tinyc_probe_enter(uint32_t layer)
{
    (void)layer;
}

void tinyc_probe_leave(uint32_t layer, const void *out, uint32_t pixels, uint32_t pixel_bytes, uint32_t pixel_stride)
{
    const uint8_t *pixel = (const uint8_t *)out;
    uint32_t crc = ~0u;
    if (pixel_stride == pixel_bytes) {
        pixel_bytes *= pixels;
        pixels = 1;
    }
    for (uint32_t i = 0; i < pixels; ++i) {
        crc = crc32(crc, pixel, pixel_bytes);
        pixel += pixel_stride;
    }
    if (record_count == record_room) {
        record_room = record_room * 2 + 64;
        records = realloc(records, record_room * sizeof records[0]);
    }
    records[record_count].layer = layer;
    records[record_count].crc = ~crc;
    ++record_count;
}

static void get(void *data, size_t bytes)
{
    if (fread(data, 1, bytes, stdin) != bytes) {
        exit(2);
    }
}

static void change(void)
{
    uint32_t header[3];
    get(header, sizeof header);
    get((uint8_t *)mutable_sites[header[0]] + header[1], header[2]);
}

static void run(uint8_t *arena)
{
    uint32_t calls;
    memset(arena, 0x5A, tinyc_model.arena_bytes[0]);
    if (tinyc_model.init((void *[]){arena}, tinyc_model.arena_bytes) != 0) {
        exit(3);
    }
    for (uint32_t i = 0; i < tinyc_model.input_count; ++i) {
        get(tinyc_model.input(i), tinyc_model.input_bytes[i]);
    }
    record_count = 0;
    if (tinyc_model.run() != 0) {
        exit(4);
    }
    calls = (uint32_t)record_count;
    fwrite(&calls, sizeof calls, 1, stdout);
    fwrite(records, sizeof records[0], record_count, stdout);
    for (uint32_t i = 0; i < tinyc_model.output_count; ++i) {
        fwrite(tinyc_model.output(i), 1, tinyc_model.output_bytes[i], stdout);
    }
    fflush(stdout);
}

int main(void)
{
    uint8_t *arena = malloc(tinyc_model.arena_bytes[0]);
    make_table();
    for (;;) {
        const int command = getchar();
        if (command == 'P') {
            change();
        } else if (command == 'R') {
            run(arena);
        } else {
            return 0;
        }
    }
}
