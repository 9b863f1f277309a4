/* Frames over the port's byte stream.  Nothing is buffered: payloads go straight to and from where they live. */
#include "protocol.h"

#include "port.h"

static const uint32_t crc_nibbles[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
    0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

uint32_t crc32_update(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)data;
    crc = ~crc;
    while (bytes-- != 0) {
        crc ^= *p++;
        crc = (crc >> 4) ^ crc_nibbles[crc & 15u];
        crc = (crc >> 4) ^ crc_nibbles[crc & 15u];
    }
    return ~crc;
}

static uint32_t decode_u32(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) | ((uint32_t)bytes[3] << 24);
}

static void encode_u32(uint8_t bytes[4], uint32_t value)
{
    for (unsigned i = 0; i < 4; ++i) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

void frame_receive(frame *f)
{
    uint8_t header[6];
    uint8_t byte = 0;
    for (;;) {
        while (byte != 'T') {
            port_read(&byte, 1);
        }
        port_read(&byte, 1);
        if (byte == 'C') {
            break;
        }
    }
    port_read(header, sizeof header);
    f->type = header[0];
    f->sequence = header[1];
    f->length = decode_u32(header + 2);
    f->crc = crc32_update(0, header, sizeof header);
}

void frame_take(frame *f, void *data, size_t bytes)
{
    port_read(data, bytes);
    f->crc = crc32_update(f->crc, data, bytes);
    f->length -= (uint32_t)bytes;
}

uint32_t frame_take_u32(frame *f)
{
    uint8_t bytes[4];
    frame_take(f, bytes, sizeof bytes);
    return decode_u32(bytes);
}

int frame_finish(frame *f)
{
    uint8_t bytes[4];
    port_read(bytes, sizeof bytes);
    return decode_u32(bytes) == f->crc ? 0 : -1;
}

void frame_send(frame *f, uint8_t type, uint8_t sequence, uint32_t length)
{
    uint8_t header[8] = {'T', 'C', type, sequence};
    encode_u32(header + 4, length);
    f->type = type;
    f->sequence = sequence;
    f->length = length;
    f->crc = crc32_update(0, header + 2, sizeof header - 2);
    port_write(header, sizeof header);
    frame_put(f, header, 0);
}

void frame_put(frame *f, const void *data, size_t bytes)
{
    uint8_t crc[4];
    f->crc = crc32_update(f->crc, data, bytes);
    f->length -= (uint32_t)bytes;
    port_write(data, bytes);
    if (f->length == 0) {
        encode_u32(crc, f->crc);
        port_write(crc, sizeof crc);
    }
}

void frame_put_u32(frame *f, uint32_t value)
{
    uint8_t bytes[4];
    encode_u32(bytes, value);
    frame_put(f, bytes, sizeof bytes);
}
