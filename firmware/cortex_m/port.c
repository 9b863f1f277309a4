/* The harness's port on a Cortex-M: the board's serial port, the board's arenas, stack painting. */
#include "port.h"

#include "board.h"
#include "board_config.h"
#include "memory.h"

#include <string.h>

extern uint32_t __tinyc_stack_start[], __tinyc_stack_end[];

#define STACK_PAINT 0xC5A3B791u

void port_describe(port_description *description)
{
    static const struct {
        uintptr_t address;
        uint32_t bytes;
        uint32_t room;
    } arenas[BOARD_ARENA_COUNT] = BOARD_ARENAS;

    description->arena_count = BOARD_ARENA_COUNT;
    for (uint32_t i = 0; i < BOARD_ARENA_COUNT; ++i) {
        description->arenas[i] = (uint8_t *)arenas[i].address;
        description->arena_bytes[i] = arenas[i].bytes;
    }
    description->counter_kind = board_counter_kind();
    description->counter_hz = board_counter_hz();
    description->clock_hz = BOARD_CLOCK_HZ;
    description->stack_bytes = (uint32_t)((uintptr_t)__tinyc_stack_end - (uintptr_t)__tinyc_stack_start);
}

void port_read(void *data, size_t bytes)
{
    uint8_t *p = (uint8_t *)data;
    while (bytes-- != 0) {
        *p++ = board_read();
    }
}

void port_write(const void *data, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)data;
    while (bytes-- != 0) {
        board_write(*p++);
    }
}

void port_copy(void *target, uintptr_t source, size_t bytes)
{
    memory_unprotect();
    memcpy(target, (const void *)source, bytes);
    memory_protect();
}

uint64_t port_counter(void)
{
    return board_counter();
}

static inline uint32_t *stack_pointer(void)
{
    uint32_t *sp;
    __asm__ volatile("mov %0, sp" : "=r"(sp)::"memory");
    return sp;
}

void port_measure(int (*run)(void), port_measurement *result)
{
    uint32_t *const sp = stack_pointer();
    for (volatile uint32_t *word = __tinyc_stack_start; word < sp; ++word) {
        *word = STACK_PAINT;
    }
    const uint64_t start = board_counter();
    result->status = run();
    result->ticks = board_counter() - start;
    const volatile uint32_t *word = __tinyc_stack_start;
    while (word < sp && *word == STACK_PAINT) {
        ++word;
    }
    result->stack_bytes = (uint32_t)((uintptr_t)sp - (uintptr_t)word);
}
