/* Reset: vector table, FPU, caches, .data and .bss, clocks, memory protection, and then the harness. */
#include "board.h"
#include "board_config.h"
#include "cortex_m.h"
#include "memory.h"
#include "port.h"

#include <string.h>

void tinyc_reset(void);
void tinyc_fault_handler(void);

typedef void (*vector)(void);

static void unexpected_interrupt(void)
{
    for (;;) {
    }
}

extern uint8_t __tinyc_stack_end[];

/* The first word is the stack pointer at reset; no peripheral interrupt is ever enabled. */
const vector tinyc_vectors[16] __attribute__((section(".vectors"), used)) = {
    (vector)(void (*)(void))(uintptr_t)__tinyc_stack_end,
    tinyc_reset,
    unexpected_interrupt, /* NMI */
    tinyc_fault_handler,  /* HardFault */
    tinyc_fault_handler,  /* MemManage */
    tinyc_fault_handler,  /* BusFault */
    tinyc_fault_handler,  /* UsageFault */
    0,
    0,
    0,
    0,
    unexpected_interrupt, /* SVCall */
    unexpected_interrupt, /* DebugMonitor */
    0,
    unexpected_interrupt, /* PendSV */
    tinyc_systick_handler,
};

extern uint8_t __tinyc_data_start[], __tinyc_data_end[], __tinyc_data_image[];
extern uint8_t __tinyc_bss_start[], __tinyc_bss_end[];

void __attribute__((noreturn)) tinyc_reset(void)
{
    SCB_CPACR |= SCB_CPACR_FPU_FULL;
    barrier();
    SCB_VTOR = (uint32_t)(uintptr_t)tinyc_vectors;
    memcpy(__tinyc_data_start, __tinyc_data_image, (size_t)(__tinyc_data_end - __tinyc_data_start));
    memset(__tinyc_bss_start, 0, (size_t)(__tinyc_bss_end - __tinyc_bss_start));
    SCB_CCR |= SCB_CCR_DIV_0_TRP;
    SCB_SHCSR |= SCB_SHCSR_MEMFAULTENA | SCB_SHCSR_BUSFAULTENA | SCB_SHCSR_USGFAULTENA;
    board_start();
    memory_protect();
    caches_enable();
    harness_serve();
    for (;;) {
    }
}
