/* The harness: answers the host's commands (protocol.h), one after the other. */
#include "port.h"
#include "protocol.h"
#include "tinyc_harness.h"

#include <string.h>

static uint8_t sequence; /* of the command being carried out */

/* Every byte of the painted arena depends on its place and on the seed, so that a byte read before it is written shows. */
static uint8_t paint(uint32_t seed, uint32_t index)
{
    uint32_t x = (index + 1u) * 2654435761u ^ seed * 2246822519u;
    return (uint8_t)(x >> 24);
}

static uint32_t arena_seed;
static port_measurement measured; /* since the last RESET */

static void reply(uint32_t type)
{
    frame f;
    frame_send(&f, (uint8_t)(type | FRAME_REPLY), sequence, 0);
}

static void reply_error(uint32_t code)
{
    frame f;
    frame_send(&f, FRAME_ERROR, sequence, 4);
    frame_put_u32(&f, code);
}

/* The bytes of all arenas together. */
static uint32_t sum(const uint32_t *bytes, uint32_t count)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; ++i) {
        total += bytes[i];
    }
    return total;
}

static void describe(void)
{
    const uint32_t name = (uint32_t)strlen(tinyc_model.name);
    const uint32_t sha256 = (uint32_t)strlen(tinyc_model.sha256);
    const uint32_t ports = tinyc_model.input_count + tinyc_model.output_count;
    port_description port;
    frame f;

    port_describe(&port);
    frame_send(&f, FRAME_DESCRIBE | FRAME_REPLY, sequence, 4 * (13 + ports) + sha256 + name);
    frame_put_u32(&f, TINYC_PROTOCOL_VERSION);
    frame_put_u32(&f, port.counter_kind);
    frame_put_u32(&f, port.counter_hz);
    frame_put_u32(&f, port.clock_hz);
    frame_put_u32(&f, port.stack_bytes);
    frame_put_u32(&f, sum(port.arena_bytes, port.arena_count));
    frame_put_u32(&f, sum(tinyc_model.arena_bytes, tinyc_model.arena_count));
    frame_put_u32(&f, tinyc_model.arena_align);
    frame_put_u32(&f, tinyc_model.layer_count);
    frame_put_u32(&f, tinyc_model.input_count);
    frame_put_u32(&f, tinyc_model.output_count);
    frame_put_u32(&f, tinyc_model.input_rows);
    frame_put_u32(&f, sha256);
    for (uint32_t i = 0; i < tinyc_model.input_count; ++i) {
        frame_put_u32(&f, tinyc_model.input_bytes[i]);
    }
    for (uint32_t i = 0; i < tinyc_model.output_count; ++i) {
        frame_put_u32(&f, tinyc_model.output_bytes[i]);
    }
    if (sha256 != 0) {
        frame_put(&f, tinyc_model.sha256, sha256);
    }
    if (name != 0) {
        frame_put(&f, tinyc_model.name, name);
    }
}

static void reset(uint32_t seed)
{
    port_description port;
    port_describe(&port);
    arena_seed = seed;
    for (uint32_t arena = 0; arena < port.arena_count; ++arena) {
        for (uint32_t i = 0; i < port.arena_bytes[arena]; ++i) {
            port.arenas[arena][i] = paint(seed, i);
        }
    }
    void *arenas[PORT_MOST_ARENAS];
    for (uint32_t arena = 0; arena < PORT_MOST_ARENAS; ++arena) {
        arenas[arena] = port.arenas[arena];
    }
    if (port.arena_count != tinyc_model.arena_count || tinyc_model.init(arenas, port.arena_bytes) != 0) {
        reply_error(ERROR_INIT);
        return;
    }
    measured = (port_measurement){0};
    harness_begin_records();
    reply(FRAME_RESET);
}

/* The bytes from each arena's start up to the last one that is no longer as painted, all together. */
static uint32_t arena_used(void)
{
    port_description port;
    uint32_t total = 0;
    port_describe(&port);
    for (uint32_t arena = 0; arena < port.arena_count; ++arena) {
        uint32_t used = port.arena_bytes[arena];
        while (used != 0 && port.arenas[arena][used - 1] == paint(arena_seed, used - 1)) {
            --used;
        }
        total += used;
    }
    return total;
}

/* One call of the model's run function, added to what was measured since RESET. */
static void run_once(void)
{
    port_measurement once;
    port_measure(tinyc_model.run, &once);
    measured.status = once.status;
    measured.ticks += once.ticks;
    measured.stack_bytes = once.stack_bytes > measured.stack_bytes ? once.stack_bytes : measured.stack_bytes;
}

static void input(frame *command)
{
    const uint32_t index = frame_take_u32(command);
    const int by_rows = tinyc_model.input_rows != 0;
    if (index >= tinyc_model.input_count) {
        reply_error(ERROR_INDEX);
        return;
    }
    if (command->length != (by_rows ? tinyc_model.row_bytes : tinyc_model.input_bytes[index])) {
        reply_error(ERROR_LENGTH);
        return;
    }
    frame_take(command, by_rows ? tinyc_model.row : tinyc_model.input(index), command->length);
    if (frame_finish(command) != 0) {
        reply_error(ERROR_CRC);
        return;
    }
    if (by_rows) {
        run_once();
    }
    reply(FRAME_INPUT);
}

static void input_at(uint32_t index, uint32_t address)
{
    frame f;
    if (index >= tinyc_model.input_count) {
        reply_error(ERROR_INDEX);
        return;
    }
    const uint32_t pieces = tinyc_model.input_rows != 0 ? tinyc_model.input_rows : 1;
    const uint32_t bytes = tinyc_model.input_bytes[index] / pieces;
    uint32_t crc = 0;
    for (uint32_t piece = 0; piece < pieces; ++piece) {
        void *target = tinyc_model.input_rows != 0 ? tinyc_model.row : tinyc_model.input(index);
        port_copy(target, address + piece * bytes, bytes);
        crc = crc32_update(crc, target, bytes);
        if (tinyc_model.input_rows != 0) {
            run_once();
        }
    }
    frame_send(&f, FRAME_INPUT_AT | FRAME_REPLY, sequence, 4);
    frame_put_u32(&f, crc);
}

static void run(void)
{
    frame f;
    if (tinyc_model.input_rows == 0) {
        run_once();
    }
    harness_flush_records();
    frame_send(&f, FRAME_RUN | FRAME_REPLY, sequence, 20);
    frame_put_u32(&f, (uint32_t)measured.status);
    frame_put_u32(&f, (uint32_t)measured.ticks);
    frame_put_u32(&f, (uint32_t)(measured.ticks >> 32));
    frame_put_u32(&f, measured.stack_bytes);
    frame_put_u32(&f, arena_used());
}

static void output(uint32_t index)
{
    frame f;
    if (index >= tinyc_model.output_count) {
        reply_error(ERROR_INDEX);
        return;
    }
    frame_send(&f, FRAME_OUTPUT | FRAME_REPLY, sequence, tinyc_model.output_bytes[index]);
    frame_put(&f, tinyc_model.output(index), tinyc_model.output_bytes[index]);
}

/* Commands other than INPUT have at most two words. */
static void carry_out(frame *command)
{
    static const struct {
        uint8_t type;
        uint8_t words;
    } commands[] = {{FRAME_DESCRIBE, 0}, {FRAME_RESET, 1}, {FRAME_INPUT_AT, 2}, {FRAME_RUN, 0}, {FRAME_OUTPUT, 1}};
    uint32_t words[2] = {0, 0};
    unsigned i = 0;

    while (i < sizeof commands / sizeof commands[0] && commands[i].type != command->type) {
        ++i;
    }
    if (i == sizeof commands / sizeof commands[0]) {
        reply_error(ERROR_UNKNOWN_COMMAND);
        return;
    }
    if (command->length != 4u * commands[i].words) {
        reply_error(ERROR_LENGTH);
        return;
    }
    for (unsigned word = 0; word < commands[i].words; ++word) {
        words[word] = frame_take_u32(command);
    }
    if (frame_finish(command) != 0) {
        reply_error(ERROR_CRC);
        return;
    }
    switch (command->type) {
    case FRAME_DESCRIBE:
        describe();
        break;
    case FRAME_RESET:
        reset(words[0]);
        break;
    case FRAME_INPUT_AT:
        input_at(words[0], words[1]);
        break;
    case FRAME_RUN:
        run();
        break;
    default:
        output(words[0]);
        break;
    }
}

void harness_serve(void)
{
    for (;;) {
        frame command;
        frame_receive(&command);
        sequence = command.sequence;
        if (command.type == FRAME_INPUT && command.length >= 4) {
            input(&command);
        } else {
            carry_out(&command);
        }
    }
}

void harness_report_fault(const fault_report *report)
{
    frame f;
    frame_send(&f, FRAME_FAULT, sequence, sizeof *report);
    frame_put(&f, report, sizeof *report);
}
