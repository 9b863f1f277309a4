/* The system registers of Armv7-M and Armv8-M Mainline that the firmware uses.
 *
 * Source: Armv7-M Architecture Reference Manual, part B; Armv8-M Architecture Reference Manual, part D.
 */
#ifndef TINYC_CORTEX_M_H
#define TINYC_CORTEX_M_H

#include <stdint.h>

#define REG32(address) (*(volatile uint32_t *)(address))

#define SYST_CSR REG32(0xE000E010u) /* SysTick control and status */
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_TICKINT (1u << 1)
#define SYST_CSR_CORE_CLOCK (1u << 2)
#define SYST_RVR REG32(0xE000E014u) /* reload value, 24 bits */
#define SYST_CVR REG32(0xE000E018u) /* current value */

#define SCB_ICSR REG32(0xE000ED04u) /* interrupt control and state */
#define SCB_ICSR_PENDSTSET (1u << 26)
#define SCB_VTOR REG32(0xE000ED08u)
#define SCB_CCR REG32(0xE000ED14u) /* configuration and control */
#define SCB_CCR_DIV_0_TRP (1u << 4)
#define SCB_CCR_DC (1u << 16)
#define SCB_CCR_IC (1u << 17)
#define SCB_SHCSR REG32(0xE000ED24u) /* system handler control and state */
#define SCB_SHCSR_MEMFAULTENA (1u << 16)
#define SCB_SHCSR_BUSFAULTENA (1u << 17)
#define SCB_SHCSR_USGFAULTENA (1u << 18)
#define SCB_CFSR REG32(0xE000ED28u) /* configurable fault status */
#define SCB_CFSR_MSTKERR (1u << 4)
#define SCB_CFSR_STKERR (1u << 12)
#define SCB_HFSR REG32(0xE000ED2Cu)
#define SCB_MMFAR REG32(0xE000ED34u)
#define SCB_BFAR REG32(0xE000ED38u)
#define SCB_CPACR REG32(0xE000ED88u) /* coprocessor access */
#define SCB_CPACR_FPU_FULL (0xFu << 20)

#define MPU_TYPE REG32(0xE000ED90u)
#define MPU_CTRL REG32(0xE000ED94u)
#define MPU_CTRL_ENABLE (1u << 0)
#define MPU_CTRL_HFNMIENA (1u << 1)
#define MPU_RNR REG32(0xE000ED98u)
#define MPU_RBAR REG32(0xE000ED9Cu)
#define MPU_RASR REG32(0xE000EDA0u) /* Armv7-M */
#define MPU_RLAR REG32(0xE000EDA0u) /* Armv8-M */
#define MPU_MAIR0 REG32(0xE000EDC0u)

/* Cache maintenance, Cortex-M7. */
#define SCB_CLIDR REG32(0xE000ED78u)
#define SCB_CCSIDR REG32(0xE000ED80u)
#define SCB_CSSELR REG32(0xE000ED84u)
#define SCB_ICIALLU REG32(0xE000EF50u) /* invalidate the instruction cache */
#define SCB_DCISW REG32(0xE000EF60u)   /* invalidate a data cache line by set and way */

static inline void barrier(void)
{
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

#endif
