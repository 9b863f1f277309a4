/* The instrumented link: a record for every layer call, sent in batches while the model runs. */
#include "port.h"
#include "protocol.h"
#include "tinyc_harness.h"

typedef struct {
    uint32_t layer;
    uint32_t ticks;
    uint32_t crc;
} record;

static record records[32];
static uint32_t record_count;
static uint32_t entered;

void harness_flush_records(void)
{
    frame f;
    if (record_count == 0) {
        return;
    }
    frame_send(&f, FRAME_RECORDS, 0, (uint32_t)(record_count * sizeof records[0]));
    frame_put(&f, records, record_count * sizeof records[0]);
    record_count = 0;
}

void harness_begin_records(void)
{
    record_count = 0;
    tinyc_probe_empty();
}

void tinyc_probe_enter(uint32_t layer)
{
    (void)layer;
    entered = (uint32_t)port_counter();
}

void tinyc_probe_leave(uint32_t layer, const void *out, uint32_t pixels, uint32_t pixel_bytes, uint32_t pixel_stride)
{
    const uint32_t ticks = (uint32_t)port_counter() - entered;
    const uint8_t *pixel = (const uint8_t *)out;
    uint32_t crc = 0;
    if (pixel_stride == pixel_bytes) {
        pixel_bytes *= pixels;
        pixels = 1;
    }
    for (uint32_t i = 0; i < pixels; ++i) {
        crc = crc32_update(crc, pixel, pixel_bytes);
        pixel += pixel_stride;
    }
    records[record_count].layer = layer;
    records[record_count].ticks = ticks;
    records[record_count].crc = crc;
    if (++record_count == sizeof records / sizeof records[0]) {
        harness_flush_records();
    }
}
