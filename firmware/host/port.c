/* The harness on this computer: standard input and output, an arena between two closed pages. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "port.h"

#include "board_config.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { SANITIZED = 1 }; /* the sanitizer reports bad accesses itself */
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
enum { SANITIZED = 0 };
#endif

static uint8_t *arena;

/* The arena ends where a page does; its size is a multiple of its alignment. */
static void open_arena(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t open = (BOARD_ARENA_BYTES + page - 1) / page * page;
    uint8_t *pages = mmap(NULL, open + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, open, PROT_READ | PROT_WRITE) != 0) {
        abort();
    }
    arena = pages + page + open - BOARD_ARENA_ROOM;
    ASAN_POISON_MEMORY_REGION(pages + page, (size_t)(arena - pages) - page);
    ASAN_POISON_MEMORY_REGION(arena + BOARD_ARENA_BYTES, BOARD_ARENA_ROOM - BOARD_ARENA_BYTES);
}

void port_describe(port_description *description)
{
    description->arena = arena;
    description->arena_bytes = BOARD_ARENA_BYTES;
    description->counter_kind = COUNTER_NONE;
    description->counter_hz = 0;
    description->clock_hz = 0;
    description->stack_bytes = 0;
}

void port_read(void *data, size_t bytes)
{
    uint8_t *p = (uint8_t *)data;
    while (bytes != 0) {
        const ssize_t count = read(STDIN_FILENO, p, bytes);
        if (count <= 0) {
            exit(0); /* the host has finished */
        }
        p += count;
        bytes -= (size_t)count;
    }
}

void port_write(const void *data, size_t bytes)
{
    const uint8_t *p = (const uint8_t *)data;
    while (bytes != 0) {
        const ssize_t count = write(STDOUT_FILENO, p, bytes);
        if (count <= 0) {
            exit(1);
        }
        p += count;
        bytes -= (size_t)count;
    }
}

void port_copy(void *target, uintptr_t source, size_t bytes)
{
    memcpy(target, (const void *)source, bytes);
}

uint64_t port_counter(void)
{
    return 0;
}

void port_measure(int (*run)(void), port_measurement *result)
{
    result->ticks = 0;
    result->stack_bytes = 0;
    result->status = run();
}

static void report_signal(int number, siginfo_t *information, void *context)
{
    fault_report report = {0};
    (void)context;
    report.exception = (uint32_t)number;
    report.mmfar = (uint32_t)(uintptr_t)information->si_addr;
    harness_report_fault(&report);
    _exit(1);
}

int main(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action;
    open_arena();
    memset(&action, 0, sizeof action);
    action.sa_sigaction = report_signal;
    action.sa_flags = SA_SIGINFO;
    for (size_t i = 0; !SANITIZED && i < sizeof signals / sizeof signals[0]; ++i) {
        (void)sigaction(signals[i], &action, NULL);
    }
    harness_serve();
    return 0;
}
