/* STM32F746: 216 MHz from the 25 MHz crystal with over-drive, seven flash wait states, USART1 on PA9 and PB7.
 *
 * Source: RM0385, chapters 3 (flash), 4 (PWR), 5 (RCC), 6 (GPIO), 31 (USART); UM1907 for the board's crystal and virtual COM port.
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
#define RCC_APB1ENR_PWR (1u << 28)
#define RCC_APB2ENR REG32(RCC + 0x44u)
#define RCC_APB2ENR_USART1 (1u << 4)

#define PWR_CR1 REG32(0x40007000u)
#define PWR_CR1_VOS_SCALE1 (3u << 14)
#define PWR_CR1_ODEN (1u << 16)
#define PWR_CR1_ODSWEN (1u << 17)
#define PWR_CSR1 REG32(0x40007004u)
#define PWR_CSR1_ODRDY (1u << 16)
#define PWR_CSR1_ODSWRDY (1u << 17)

#define FLASH_ACR REG32(0x40023C00u)
#define FLASH_ACR_LATENCY_MASK 0xFu
#define FLASH_ACR_LATENCY_7 7u
#define FLASH_ACR_PREFETCH (1u << 8)
#define FLASH_ACR_ART (1u << 9)

#define GPIOA 0x40020000u
#define GPIOB 0x40020400u
#define GPIO_MODER(port) REG32((port) + 0x00u)
#define GPIO_AFRL(port) REG32((port) + 0x20u)
#define GPIO_AFRH(port) REG32((port) + 0x24u)

#define USART1 0x40011000u
#define USART_CR1 REG32(USART1 + 0x00u)
#define USART_CR1_UE (1u << 0)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_BRR REG32(USART1 + 0x0Cu)
#define USART_ISR REG32(USART1 + 0x1Cu)
#define USART_ISR_RXNE (1u << 5)
#define USART_ISR_TXE (1u << 7)
#define USART_ICR REG32(USART1 + 0x20u)
#define USART_ICR_OVERRUN (1u << 3)
#define USART_RDR REG32(USART1 + 0x24u)
#define USART_TDR REG32(USART1 + 0x28u)

static void wait_until(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    while ((*reg & mask) != value) {
    }
}

/* 25 MHz / 25 * 432 / 2 = 216 MHz; /9 = 48 MHz for USB.  APB1 54 MHz, APB2 108 MHz. */
static void clock_start(void)
{
    RCC_APB1ENR |= RCC_APB1ENR_PWR;
    (void)RCC_APB1ENR;
    PWR_CR1 |= PWR_CR1_VOS_SCALE1;

    RCC_CR |= RCC_CR_HSEON;
    wait_until(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
    RCC_PLLCFGR = (RCC_PLLCFGR & 0xF0000000u) | (9u << 24) | RCC_PLLCFGR_SOURCE_HSE | (0u << 16) | (432u << 6) | 25u;
    RCC_CR |= RCC_CR_PLLON;

    PWR_CR1 |= PWR_CR1_ODEN;
    wait_until(&PWR_CSR1, PWR_CSR1_ODRDY, PWR_CSR1_ODRDY);
    PWR_CR1 |= PWR_CR1_ODSWEN;
    wait_until(&PWR_CSR1, PWR_CSR1_ODSWRDY, PWR_CSR1_ODSWRDY);
    wait_until(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);

    FLASH_ACR = FLASH_ACR_LATENCY_7 | FLASH_ACR_PREFETCH | FLASH_ACR_ART;
    wait_until(&FLASH_ACR, FLASH_ACR_LATENCY_MASK, FLASH_ACR_LATENCY_7);
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2 | RCC_CFGR_SW_PLL;
    wait_until(&RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL);
}

static void usart_start(void)
{
    RCC_AHB1ENR |= (1u << 0) | (1u << 1); /* GPIOA, GPIOB */
    RCC_APB2ENR |= RCC_APB2ENR_USART1;
    (void)RCC_APB2ENR;
    GPIO_MODER(GPIOA) = (GPIO_MODER(GPIOA) & ~(3u << 18)) | (2u << 18); /* PA9: alternate function */
    GPIO_AFRH(GPIOA) = (GPIO_AFRH(GPIOA) & ~(15u << 4)) | (7u << 4);    /* 7: USART1_TX */
    GPIO_MODER(GPIOB) = (GPIO_MODER(GPIOB) & ~(3u << 14)) | (2u << 14); /* PB7 */
    GPIO_AFRL(GPIOB) = (GPIO_AFRL(GPIOB) & ~(15u << 28)) | (7u << 28);  /* 7: USART1_RX */
    USART_BRR = (BOARD_CLOCK_HZ / 2 + BOARD_UART_BAUD / 2) / BOARD_UART_BAUD;
    USART_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
}

void board_start(void)
{
    clock_start();
    usart_start();
    systick_start();
}

uint8_t board_read(void)
{
    while ((USART_ISR & USART_ISR_RXNE) == 0) {
        USART_ICR = USART_ICR_OVERRUN;
    }
    return (uint8_t)USART_RDR;
}

void board_write(uint8_t byte)
{
    wait_until(&USART_ISR, USART_ISR_TXE, USART_ISR_TXE);
    USART_TDR = byte;
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
