/* The framed protocol between the host and the harness; tinyc/run/protocol.py is its other end.
 *
 * A frame:  'T' 'C'  type:u8  sequence:u8  length:u32  payload[length]  crc:u32
 * All integers are little-endian.  The CRC-32 (IEEE 802.3) covers everything between the magic and itself.  A reply has its command's
 * sequence number.  The device never speaks first, except to report a fault.
 *
 * command            payload                          reply (type | 0x80)
 * DESCRIBE  0x01     -                                see `describe` in harness.c
 * RESET     0x02     seed:u32                         -      paints the arena from the seed and initializes the model
 * INPUT     0x03     index:u32 bytes...               -      a whole input, or one row of an input that is pushed row by row
 * INPUT_AT  0x04     index:u32 address:u32            crc:u32 of a whole input, taken from the device's own memory
 * RUN       0x05     -                                status:i32 ticks:u64 stack:u32 arena:u32
 * OUTPUT    0x06     index:u32                        bytes...
 *
 * A model whose input is pushed computes while it takes its rows; RUN then only brings the sums.
 *
 * RECORDS   0xC0     {layer:u32 ticks:u32 crc:u32}*   one for every layer call, in order, before RUN's reply (instrumented link only)
 * ERROR     0xE0     code:u32                         a command could not be carried out
 * FAULT     0xF0     see fault_report in port.h       the device stopped
 */
#ifndef TINYC_PROTOCOL_H
#define TINYC_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define TINYC_PROTOCOL_VERSION 2u

enum {
    FRAME_DESCRIBE = 0x01,
    FRAME_RESET = 0x02,
    FRAME_INPUT = 0x03,
    FRAME_INPUT_AT = 0x04,
    FRAME_RUN = 0x05,
    FRAME_OUTPUT = 0x06,
    FRAME_REPLY = 0x80,
    FRAME_RECORDS = 0xC0,
    FRAME_ERROR = 0xE0,
    FRAME_FAULT = 0xF0
};

enum { ERROR_UNKNOWN_COMMAND = 1, ERROR_LENGTH = 2, ERROR_CRC = 3, ERROR_INDEX = 4, ERROR_INIT = 5 };

typedef struct {
    uint8_t type;
    uint8_t sequence;
    uint32_t length; /* payload bytes not yet received or sent */
    uint32_t crc;
} frame;

uint32_t crc32_update(uint32_t crc, const void *data, size_t bytes);

/* Receiving: open (waits for the magic), take the payload in pieces, close (0 if the CRC is right). */
void frame_receive(frame *f);
void frame_take(frame *f, void *data, size_t bytes);
uint32_t frame_take_u32(frame *f);
int frame_finish(frame *f);

/* Sending: open with the payload's length, put the payload in pieces; the CRC goes out with the last one. */
void frame_send(frame *f, uint8_t type, uint8_t sequence, uint32_t length);
void frame_put(frame *f, const void *data, size_t bytes);
void frame_put_u32(frame *f, uint32_t value);

#endif
