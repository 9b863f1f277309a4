/* What a target provides to the harness: a byte stream, the arenas, a counter.  cortex_m/ and host/ implement it. */
#ifndef TINYC_PORT_H
#define TINYC_PORT_H

#include <stddef.h>
#include <stdint.h>

enum { COUNTER_NONE = 0, COUNTER_EMULATED = 1, COUNTER_CYCLES = 2 };

#define PORT_MOST_ARENAS 4

typedef struct {
    uint32_t arena_count;
    uint8_t *arenas[PORT_MOST_ARENAS];
    uint32_t arena_bytes[PORT_MOST_ARENAS];
    uint32_t counter_kind; /* EMULATED: ticks of virtual time; CYCLES: core clock cycles */
    uint32_t counter_hz;
    uint32_t clock_hz;
    uint32_t stack_bytes; /* what the linker gave to the stack; 0 where it is not known */
} port_description;

typedef struct {
    int status;
    uint64_t ticks;
    uint32_t stack_bytes; /* the deepest stack below the call; 0 where it is not measured */
} port_measurement;

/* A fault as it goes over the wire.  On Cortex-M the names say it; on the host `exception` is the signal and `mmfar` the address. */
typedef struct {
    uint32_t exception;
    uint32_t frame_valid; /* 1 if the core could stack r0 .. xpsr */
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
    uint32_t sp, exc_return, cfsr, hfsr, mmfar, bfar;
} fault_report;

void port_describe(port_description *description);
void port_read(void *data, size_t bytes); /* waits until all bytes have come */
void port_write(const void *data, size_t bytes);
void port_copy(void *target, uintptr_t source, size_t bytes); /* from memory that the model has no access to */
uint64_t port_counter(void);
void port_measure(int (*run)(void), port_measurement *result);

void harness_serve(void); /* answers commands for ever */
void harness_report_fault(const fault_report *report);
/* The instrumented link gathers records between these two; they do nothing in a plain link. */
void harness_begin_records(void);
void harness_flush_records(void);

#endif
