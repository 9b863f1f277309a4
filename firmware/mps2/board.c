/* Arm MPS2 (AN386, AN500): CMSDK UART 0 and CMSDK timer 0, both on the 25 MHz system clock.
 *
 * Source: Arm Cortex-M System Design Kit, technical reference manual.  The timer counts down through 32 bits without an interrupt, so
 * that it does not disturb what it measures.
 */
#include "board.h"

#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define UART_DATA REG32(0x40004000u)
#define UART_STATE REG32(0x40004004u)
#define UART_STATE_TX_FULL (1u << 0)
#define UART_STATE_RX_FULL (1u << 1)
#define UART_CTRL REG32(0x40004008u)
#define UART_CTRL_TX_ENABLE (1u << 0)
#define UART_CTRL_RX_ENABLE (1u << 1)
#define UART_BAUDDIV REG32(0x40004010u)

#define TIMER_CTRL REG32(0x40000000u)
#define TIMER_CTRL_ENABLE (1u << 0)
#define TIMER_VALUE REG32(0x40000004u)
#define TIMER_RELOAD REG32(0x40000008u)

void board_start(void)
{
    UART_BAUDDIV = BOARD_CLOCK_HZ / BOARD_UART_BAUD;
    UART_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE;
    TIMER_RELOAD = 0xFFFFFFFFu;
    TIMER_VALUE = 0xFFFFFFFFu;
    TIMER_CTRL = TIMER_CTRL_ENABLE;
}

/* Polls with pauses: an emulator that is asked for the state without rest delivers bytes more slowly. */
uint8_t board_read(void)
{
    while ((UART_STATE & UART_STATE_RX_FULL) == 0) {
        for (uint32_t pause = 0; pause < 1000; ++pause) {
            __asm__ volatile("nop");
        }
    }
    return (uint8_t)UART_DATA;
}

void board_write(uint8_t byte)
{
    while ((UART_STATE & UART_STATE_TX_FULL) != 0) {
    }
    UART_DATA = byte;
}

uint64_t board_counter(void)
{
    return 0xFFFFFFFFu - TIMER_VALUE;
}

uint32_t board_counter_hz(void)
{
    return BOARD_CLOCK_HZ;
}

uint32_t board_counter_kind(void)
{
    return COUNTER_EMULATED;
}
