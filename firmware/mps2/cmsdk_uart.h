/* The CMSDK UART, polled; a board file that includes this defines CMSDK_UART, the address of its registers.
 *
 * Source: Arm Cortex-M System Design Kit, technical reference manual.
 */
#ifndef TINYC_CMSDK_UART_H
#define TINYC_CMSDK_UART_H

#include "board.h"

#include "board_config.h"
#include "cortex_m.h"

#define UART_DATA REG32(CMSDK_UART + 0x00u)
#define UART_STATE REG32(CMSDK_UART + 0x04u)
#define UART_STATE_TX_FULL (1u << 0)
#define UART_STATE_RX_FULL (1u << 1)
#define UART_CTRL REG32(CMSDK_UART + 0x08u)
#define UART_CTRL_TX_ENABLE (1u << 0)
#define UART_CTRL_RX_ENABLE (1u << 1)
#define UART_BAUDDIV REG32(CMSDK_UART + 0x10u)

static void uart_start(uint32_t clock_hz)
{
    UART_BAUDDIV = clock_hz / BOARD_UART_BAUD;
    UART_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE;
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

#endif
