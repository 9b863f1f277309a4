/* STM32F407: 168 MHz from the 8 MHz crystal, five flash wait states, USART2 on PA2 and PA3.
 *
 * Source: RM0090, chapters 3 (flash), 5 (PWR), 7 (RCC), 8 (GPIO), 30 (USART); UM1472 for the board's crystal.  The board has no
 * virtual COM port: connect a 3.3 V USB-serial adapter to PA2 (TX) and PA3 (RX).
 */
#include "board.h"

#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define RCC 0x40023800u
#define RCC_CR REG32(RCC + 0x00u)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR REG32(RCC + 0x04u)
#define RCC_PLLCFGR_SOURCE_HSE (1u << 22)
#define RCC_CFGR REG32(RCC + 0x08u)
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS_MASK (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_PPRE1_DIV4 (5u << 10)
#define RCC_CFGR_PPRE2_DIV2 (4u << 13)
#define RCC_AHB1ENR REG32(RCC + 0x30u)
#define RCC_APB1ENR REG32(RCC + 0x40u)
#define RCC_APB1ENR_USART2 (1u << 17)
#define RCC_APB1ENR_PWR (1u << 28)

#define PWR_CR REG32(0x40007000u)
#define PWR_CR_VOS_SCALE1 (1u << 14)

#define FLASH_ACR REG32(0x40023C00u)
#define FLASH_ACR_LATENCY_MASK 0x7u
#define FLASH_ACR_LATENCY_5 5u
#define FLASH_ACR_PREFETCH (1u << 8)
#define FLASH_ACR_ICACHE (1u << 9)
#define FLASH_ACR_DCACHE (1u << 10)

#define GPIOA_MODER REG32(0x40020000u)
#define GPIOA_AFRL REG32(0x40020020u)

#define USART2 0x40004400u
#define USART_SR REG32(USART2 + 0x00u)
#define USART_SR_RXNE (1u << 5)
#define USART_SR_TXE (1u << 7)
#define USART_DR REG32(USART2 + 0x04u)
#define USART_BRR REG32(USART2 + 0x08u)
#define USART_CR1 REG32(USART2 + 0x0Cu)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_UE (1u << 13)

static void wait_until(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    while ((*reg & mask) != value) {
    }
}

/* 8 MHz / 8 * 336 / 2 = 168 MHz; /7 = 48 MHz for USB.  APB1 42 MHz, APB2 84 MHz. */
static void clock_start(void)
{
    RCC_APB1ENR |= RCC_APB1ENR_PWR;
    (void)RCC_APB1ENR;
    PWR_CR |= PWR_CR_VOS_SCALE1;

    RCC_CR |= RCC_CR_HSEON;
    wait_until(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
    RCC_PLLCFGR = (7u << 24) | RCC_PLLCFGR_SOURCE_HSE | (0u << 16) | (336u << 6) | 8u;
    RCC_CR |= RCC_CR_PLLON;
    wait_until(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);

    FLASH_ACR = FLASH_ACR_LATENCY_5 | FLASH_ACR_PREFETCH | FLASH_ACR_ICACHE | FLASH_ACR_DCACHE;
    wait_until(&FLASH_ACR, FLASH_ACR_LATENCY_MASK, FLASH_ACR_LATENCY_5);
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2 | RCC_CFGR_SW_PLL;
    wait_until(&RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL);
}

static void usart_start(void)
{
    RCC_AHB1ENR |= 1u << 0; /* GPIOA */
    RCC_APB1ENR |= RCC_APB1ENR_USART2;
    (void)RCC_APB1ENR;
    GPIOA_MODER = (GPIOA_MODER & ~(15u << 4)) | (10u << 4);  /* PA2, PA3: alternate function */
    GPIOA_AFRL = (GPIOA_AFRL & ~(255u << 8)) | (0x77u << 8); /* 7: USART2 */
    USART_BRR = (BOARD_CLOCK_HZ / 4 + BOARD_UART_BAUD / 2) / BOARD_UART_BAUD;
    USART_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
}

void board_start(void)
{
    clock_start();
    usart_start();
    systick_start();
}

/* Reading the status and then the data also clears an overrun. */
uint8_t board_read(void)
{
    wait_until(&USART_SR, USART_SR_RXNE, USART_SR_RXNE);
    return (uint8_t)USART_DR;
}

void board_write(uint8_t byte)
{
    wait_until(&USART_SR, USART_SR_TXE, USART_SR_TXE);
    USART_DR = byte;
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
