/* STM32U585 with TrustZone off: 160 MHz from the internal MSIS, four flash wait states, USART1 on PA9 and PA10.
 *
 * Source: RM0456, chapters FLASH, PWR, RCC, GPIO, ICACHE, USART; UM2839 for the board's virtual COM port.
 */
#include "board.h"

#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define RCC 0x46020C00u
#define RCC_CR REG32(RCC + 0x00u)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CFGR1 REG32(RCC + 0x1Cu)
#define RCC_CFGR1_SW_PLL 3u
#define RCC_CFGR1_SWS_MASK (3u << 2)
#define RCC_CFGR1_SWS_PLL (3u << 2)
#define RCC_CFGR2 REG32(RCC + 0x20u)
#define RCC_CFGR2_HPRE_MASK 0xFu
#define RCC_CFGR2_HPRE_DIV2 8u
#define RCC_PLL1CFGR REG32(RCC + 0x28u)
#define RCC_PLL1CFGR_SOURCE_MSIS (1u << 0)
#define RCC_PLL1CFGR_PLL1REN (1u << 18)
#define RCC_PLL1DIVR REG32(RCC + 0x34u)
#define RCC_AHB2ENR1 REG32(RCC + 0x8Cu)
#define RCC_AHB3ENR REG32(RCC + 0x94u)
#define RCC_AHB3ENR_PWR (1u << 2)
#define RCC_APB2ENR REG32(RCC + 0xA4u)
#define RCC_APB2ENR_USART1 (1u << 14)

#define PWR_VOSR REG32(0x4602080Cu)
#define PWR_VOSR_BOOSTRDY (1u << 14)
#define PWR_VOSR_VOSRDY (1u << 15)
#define PWR_VOSR_RANGE1 (3u << 16)
#define PWR_VOSR_BOOSTEN (1u << 18)

#define FLASH_ACR REG32(0x40022000u)
#define FLASH_ACR_LATENCY_MASK 0xFu
#define FLASH_ACR_LATENCY_4 4u
#define FLASH_ACR_PREFETCH (1u << 8)

#define ICACHE_CR REG32(0x40030400u)
#define ICACHE_CR_ENABLE (1u << 0)
#define ICACHE_SR REG32(0x40030404u)
#define ICACHE_SR_BUSY (1u << 0)

#define GPIOA_MODER REG32(0x42020000u)
#define GPIOA_AFRH REG32(0x42020024u)

#define USART1 0x40013800u
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

/* 4 MHz * 80 / 2 = 160 MHz on every bus.  The booster, which voltage range 1 needs above 55 MHz, runs on the PLL's input: that is chosen
 * first.  The step to full speed goes over half of it. */
static void clock_start(void)
{
    RCC_AHB3ENR |= RCC_AHB3ENR_PWR;
    (void)RCC_AHB3ENR;
    RCC_PLL1CFGR = RCC_PLL1CFGR_SOURCE_MSIS | RCC_PLL1CFGR_PLL1REN;
    PWR_VOSR |= PWR_VOSR_RANGE1 | PWR_VOSR_BOOSTEN;
    wait_until(&PWR_VOSR, PWR_VOSR_VOSRDY | PWR_VOSR_BOOSTRDY, PWR_VOSR_VOSRDY | PWR_VOSR_BOOSTRDY);

    RCC_PLL1DIVR = (1u << 24) | (1u << 16) | (1u << 9) | 79u; /* R, Q and P divide by 2 */
    RCC_CR |= RCC_CR_PLL1ON;
    wait_until(&RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY);

    FLASH_ACR = FLASH_ACR_LATENCY_4 | FLASH_ACR_PREFETCH;
    wait_until(&FLASH_ACR, FLASH_ACR_LATENCY_MASK, FLASH_ACR_LATENCY_4);
    RCC_CFGR2 |= RCC_CFGR2_HPRE_DIV2;
    RCC_CFGR1 |= RCC_CFGR1_SW_PLL;
    wait_until(&RCC_CFGR1, RCC_CFGR1_SWS_MASK, RCC_CFGR1_SWS_PLL);
    for (uint32_t pause = 0; pause < 100; ++pause) {
        __asm__ volatile("nop");
    }
    RCC_CFGR2 &= ~RCC_CFGR2_HPRE_MASK;

    wait_until(&ICACHE_SR, ICACHE_SR_BUSY, 0);
    ICACHE_CR |= ICACHE_CR_ENABLE;
}

static void usart_start(void)
{
    RCC_AHB2ENR1 |= 1u << 0; /* GPIOA */
    RCC_APB2ENR |= RCC_APB2ENR_USART1;
    (void)RCC_APB2ENR;
    GPIOA_MODER = (GPIOA_MODER & ~(15u << 18)) | (10u << 18); /* PA9, PA10: alternate function */
    GPIOA_AFRH = (GPIOA_AFRH & ~(255u << 4)) | (0x77u << 4);  /* 7: USART1 */
    USART_BRR = (BOARD_CLOCK_HZ + BOARD_UART_BAUD / 2) / BOARD_UART_BAUD;
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
