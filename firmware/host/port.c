/* The harness on this computer: standard input and output, arenas, each between two closed pages. */
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

static const struct {
    uintptr_t address; /* not used: the pages are where the system puts them */
    uint32_t bytes;
    uint32_t room;
} sizes[BOARD_ARENA_COUNT] = BOARD_ARENAS;
static uint8_t *arenas[BOARD_ARENA_COUNT];

/* An arena ends where a page does; its room is a multiple of its alignment. */
static uint8_t *open_arena(uint32_t bytes, uint32_t room)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t open = (room + page - 1) / page * page;
    uint8_t *pages = mmap(NULL, open + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, open, PROT_READ | PROT_WRITE) != 0) {
        abort();
    }
    uint8_t *arena = pages + page + open - room;
    ASAN_POISON_MEMORY_REGION(pages + page, (size_t)(arena - pages) - page);
    ASAN_POISON_MEMORY_REGION(arena + bytes, room - bytes);
    return arena;
}

void port_describe(port_description *description)
{
    description->arena_count = BOARD_ARENA_COUNT;
    for (uint32_t i = 0; i < BOARD_ARENA_COUNT; ++i) {
        description->arenas[i] = arenas[i];
        description->arena_bytes[i] = sizes[i].bytes;
    }
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
    for (size_t i = 0; i < BOARD_ARENA_COUNT; ++i) {
        arenas[i] = open_arena(sizes[i].bytes, sizes[i].room);
    }
    memset(&action, 0, sizeof action);
    action.sa_sigaction = report_signal;
    action.sa_flags = SA_SIGINFO;
    for (size_t i = 0; !SANITIZED && i < sizeof signals / sizeof signals[0]; ++i) {
        (void)sigaction(signals[i], &action, NULL);
    }
    harness_serve();
    return 0;
}
