/* HardFault, MemManage, BusFault and UsageFault: report the registers over the protocol, then stop.
 *
 * The stack may be what failed, so the handler works on a stack of its own.
 */
#include "board_config.h"
#include "cortex_m.h"
#include "memory.h"
#include "port.h"

#define FAULT_STACK_WORDS 96

uint32_t tinyc_fault_stack[FAULT_STACK_WORDS] __attribute__((aligned(8)));

void tinyc_fault_handler(void);
void tinyc_fault_report(const uint32_t *stacked, uint32_t exc_return) __attribute__((used, noreturn));

/* The harness runs on the main stack only, so MSP points to the stacked registers. */
void __attribute__((naked)) tinyc_fault_handler(void)
{
    __asm__ volatile("mrs r0, msp\n\t"
                     "mov r1, lr\n\t"
                     "ldr r2, =tinyc_fault_stack + %c0\n\t"
                     "msr msp, r2\n\t"
                     "b tinyc_fault_report\n\t"
                     ".ltorg" ::"i"(sizeof tinyc_fault_stack));
}

extern uint32_t __tinyc_stack_start[], __tinyc_stack_end[];

void tinyc_fault_report(const uint32_t *stacked, uint32_t exc_return)
{
    fault_report report = {0};
    uint32_t exception;

    memory_unprotect();
    __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
    report.exception = exception;
    report.cfsr = SCB_CFSR;
    report.hfsr = SCB_HFSR;
    report.mmfar = SCB_MMFAR;
    report.bfar = SCB_BFAR;
    report.sp = (uint32_t)(uintptr_t)stacked;
    report.exc_return = exc_return;
    if ((report.cfsr & (SCB_CFSR_MSTKERR | SCB_CFSR_STKERR)) == 0 && stacked >= __tinyc_stack_start &&
        stacked + 8 <= __tinyc_stack_end) {
        report.frame_valid = 1;
        report.r0 = stacked[0];
        report.r1 = stacked[1];
        report.r2 = stacked[2];
        report.r3 = stacked[3];
        report.r12 = stacked[4];
        report.lr = stacked[5];
        report.pc = stacked[6];
        report.xpsr = stacked[7];
    }
    harness_report_fault(&report);
    for (;;) {
    }
}
