/* nRF52840: 64 MHz from the 32 MHz crystal, flash cache on, UART0 on P0.06 (TX) and P0.08 (RX).
 *
 * Source: nRF52840 Product Specification, chapters NVMC, CLOCK, UART; nRF52840 DK hardware guide for the pins.
 */
#include "board.h"

#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define CLOCK_TASKS_HFCLKSTART REG32(0x40000000u)
#define CLOCK_EVENTS_HFCLKSTARTED REG32(0x40000100u)

#define NVMC_ICACHECNF REG32(0x4001E540u)

#define GPIO_P0_OUTSET REG32(0x50000508u)
#define GPIO_P0_DIRSET REG32(0x50000518u)
#define GPIO_P0_PIN_CNF(pin) REG32(0x50000700u + 4u * (pin))
#define TX_PIN 6u
#define RX_PIN 8u

#define UART_TASKS_STARTRX REG32(0x40002000u)
#define UART_TASKS_STARTTX REG32(0x40002008u)
#define UART_EVENTS_RXDRDY REG32(0x40002108u)
#define UART_EVENTS_TXDRDY REG32(0x4000211Cu)
#define UART_ENABLE REG32(0x40002500u)
#define UART_ENABLE_ON 4u
#define UART_PSEL_TXD REG32(0x4000250Cu)
#define UART_PSEL_RXD REG32(0x40002514u)
#define UART_RXD REG32(0x40002518u)
#define UART_TXD REG32(0x4000251Cu)
#define UART_BAUDRATE REG32(0x40002524u)
#define UART_BAUDRATE_115200 0x01D7E000u

_Static_assert(BOARD_UART_BAUD == 115200, "the UART's divider is stated for 115200 baud");

static int transmitting;

void board_start(void)
{
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1;
    while (CLOCK_EVENTS_HFCLKSTARTED == 0) {
    }
    NVMC_ICACHECNF = 1;

    GPIO_P0_OUTSET = 1u << TX_PIN;
    GPIO_P0_DIRSET = 1u << TX_PIN;
    GPIO_P0_PIN_CNF(RX_PIN) = 0; /* input, buffer connected */
    UART_PSEL_TXD = TX_PIN;
    UART_PSEL_RXD = RX_PIN;
    UART_BAUDRATE = UART_BAUDRATE_115200;
    UART_ENABLE = UART_ENABLE_ON;
    UART_TASKS_STARTRX = 1;
    UART_TASKS_STARTTX = 1;
    systick_start();
}

uint8_t board_read(void)
{
    while (UART_EVENTS_RXDRDY == 0) {
    }
    UART_EVENTS_RXDRDY = 0;
    return (uint8_t)UART_RXD;
}

void board_write(uint8_t byte)
{
    if (transmitting) {
        while (UART_EVENTS_TXDRDY == 0) {
        }
    }
    UART_EVENTS_TXDRDY = 0;
    transmitting = 1;
    UART_TXD = byte;
}

uint64_t board_counter(void)
{
    return systick_counter();
}

uint32_t board_counter_hz(void)
{
    return BOARD_CLOCK_HZ;
}

uint32_t board_counter_kind(void)
{
    return COUNTER_CYCLES;
}
