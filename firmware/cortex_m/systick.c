/* SysTick as a 64-bit count of core clock cycles: the 24-bit timer runs freely, its interrupt counts the wraps. */
#include "board.h"
#include "cortex_m.h"

#define RELOAD 0x00FFFFFFu

static volatile uint32_t wraps;

void systick_start(void)
{
    SYST_RVR = RELOAD;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_TICKINT | SYST_CSR_CORE_CLOCK;
}

void tinyc_systick_handler(void)
{
    ++wraps;
}

uint64_t systick_counter(void)
{
    uint32_t before;
    uint32_t value;
    do {
        before = wraps;
        value = SYST_CVR;
    } while (before != wraps || (SCB_ICSR & SCB_ICSR_PENDSTSET) != 0); /* a wrap that is not counted yet */
    return ((uint64_t)before << 24) + (RELOAD - value);
}
