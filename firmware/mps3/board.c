/* Arm MPS3 AN547 (SSE-300): CMSDK UART 0 at its secure address; the system counter, which counts up through 64 bits.
 *
 * Source: Arm AN547; Arm Corstone SSE-300 technical reference manual, chapter System timer components.
 */
#define CMSDK_UART 0x59303000u

#include "../mps2/cmsdk_uart.h"

#include "port.h"

#define PERIPHERAL_CLOCK_HZ 25000000u

#define COUNTER_CONTROL REG32(0x58100000u)
#define COUNTER_CONTROL_ENABLE (1u << 0)
#define COUNTER_LOW REG32(0x58101000u)
#define COUNTER_HIGH REG32(0x58101004u)

void board_start(void)
{
    uart_start(PERIPHERAL_CLOCK_HZ);
    COUNTER_CONTROL = COUNTER_CONTROL_ENABLE;
}

uint64_t board_counter(void)
{
    uint32_t high;
    uint32_t low;
    do {
        high = COUNTER_HIGH;
        low = COUNTER_LOW;
    } while (high != COUNTER_HIGH);
    return (uint64_t)high << 32 | low;
}

uint32_t board_counter_hz(void)
{
    return BOARD_CLOCK_HZ;
}

uint32_t board_counter_kind(void)
{
    return COUNTER_EMULATED;
}
