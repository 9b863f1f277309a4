/* STM32H743: 480 MHz from the ST-LINK's 8 MHz clock, or 400 MHz where the silicon does no more; USART3 on PD8 and PD9.
 *
 * Source: RM0433, chapters 4 (flash), 6 (PWR), 8 (RCC), 11 (GPIO), 12 (SYSCFG), 48 (USART), 60 (DBGMCU); DS12110, tables of the general
 * operating conditions and of the PLL; ES0392 for the AXI SRAM of revision Y; UM1974 and UM2407 for the boards' clock and virtual COM port.
 */
#include "board.h"

#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define RCC 0x58024400u
#define RCC_CR REG32(RCC + 0x00u)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CFGR REG32(RCC + 0x10u)
#define RCC_CFGR_SW_PLL1 3u
#define RCC_CFGR_SWS_MASK (7u << 3)
#define RCC_CFGR_SWS_PLL1 (3u << 3)
#define RCC_D1CFGR REG32(RCC + 0x18u)
#define RCC_D1CFGR_HPRE_DIV2 (8u << 0)
#define RCC_D1CFGR_PPRE_DIV2 (4u << 4)
#define RCC_D2CFGR REG32(RCC + 0x1Cu)
#define RCC_D2CFGR_PPRE1_DIV2 (4u << 4)
#define RCC_D2CFGR_PPRE2_DIV2 (4u << 8)
#define RCC_D3CFGR REG32(RCC + 0x20u)
#define RCC_D3CFGR_PPRE_DIV2 (4u << 4)
#define RCC_PLLCKSELR REG32(RCC + 0x28u)
#define RCC_PLLCKSELR_HSE 2u
#define RCC_PLLCFGR REG32(RCC + 0x2Cu)
#define RCC_PLLCFGR_PLL1_INPUT_4_TO_8_MHZ (2u << 2)
#define RCC_PLLCFGR_DIVP1EN (1u << 16)
#define RCC_PLL1DIVR REG32(RCC + 0x30u)
#define RCC_AHB2ENR REG32(RCC + 0xDCu)
#define RCC_AHB2ENR_D2_SRAMS (7u << 29)
#define RCC_AHB4ENR REG32(RCC + 0xE0u)
#define RCC_AHB4ENR_GPIOD (1u << 3)
#define RCC_APB1LENR REG32(RCC + 0xE8u)
#define RCC_APB1LENR_USART3 (1u << 18)
#define RCC_APB4ENR REG32(RCC + 0xF4u)
#define RCC_APB4ENR_SYSCFG (1u << 1)

#define PWR 0x58024800u
#define PWR_CSR1 REG32(PWR + 0x04u)
#define PWR_CSR1_ACTVOSRDY (1u << 13)
#define PWR_CR3 REG32(PWR + 0x0Cu)
#define PWR_CR3_SUPPLY_MASK 7u
#define PWR_CR3_LDOEN (1u << 1)
#define PWR_D3CR REG32(PWR + 0x18u)
#define PWR_D3CR_VOSRDY (1u << 13)
#define PWR_D3CR_VOS_SCALE1 (3u << 14)

#define SYSCFG_PWRCR REG32(0x5800042Cu)
#define SYSCFG_PWRCR_ODEN (1u << 0) /* voltage scale 0, from scale 1 */

#define FLASH_ACR REG32(0x52002000u)
#define FLASH_ACR_MASK 0x3Fu
#define FLASH_ACR_LATENCY_4 4u
#define FLASH_ACR_WRHIGHFREQ_2 (2u << 4)

#define DBGMCU_IDCODE REG32(0x5C001000u)
#define REVISION_V 0x2003u

#define AXI_SRAM_FN_MOD REG32(0x51008108u) /* read issuing of the AXI SRAM's port */
#define AXI_SRAM_FN_MOD_ONE_READ 1u

#define GPIOD_MODER REG32(0x58020C00u)
#define GPIOD_AFRH REG32(0x58020C24u)

#define USART3 0x40004800u
#define USART_CR1 REG32(USART3 + 0x00u)
#define USART_CR1_UE (1u << 0)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_BRR REG32(USART3 + 0x0Cu)
#define USART_ISR REG32(USART3 + 0x1Cu)
#define USART_ISR_RXNE (1u << 5)
#define USART_ISR_TXE (1u << 7)
#define USART_ICR REG32(USART3 + 0x20u)
#define USART_ICR_OVERRUN (1u << 3)
#define USART_RDR REG32(USART3 + 0x24u)
#define USART_TDR REG32(USART3 + 0x28u)

static uint32_t core_hz;

static void wait_until(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    while ((*reg & mask) != value) {
    }
}

static uint32_t revision(void)
{
    return DBGMCU_IDCODE >> 16;
}

/* Voltage scale 1; where the silicon has it, scale 0 for 480 MHz. */
static void power_start(int fast)
{
    PWR_CR3 = (PWR_CR3 & ~PWR_CR3_SUPPLY_MASK) | PWR_CR3_LDOEN; /* once after power-on: the regulator supplies the core */
    wait_until(&PWR_CSR1, PWR_CSR1_ACTVOSRDY, PWR_CSR1_ACTVOSRDY);
    PWR_D3CR |= PWR_D3CR_VOS_SCALE1;
    wait_until(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY);
    if (fast) {
        RCC_APB4ENR |= RCC_APB4ENR_SYSCFG;
        (void)RCC_APB4ENR;
        SYSCFG_PWRCR |= SYSCFG_PWRCR_ODEN;
        wait_until(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY);
    }
}

/* 8 MHz / 2 * 240 / 2 = 480 MHz, or * 200 / 2 = 400 MHz.  AXI and AHB half of it, every APB a quarter. */
static void clock_start(void)
{
    const int fast = revision() >= REVISION_V;
    const uint32_t multiplier = fast ? 240u : 200u;
    power_start(fast);

    RCC_CR |= RCC_CR_HSEBYP;
    RCC_CR |= RCC_CR_HSEON;
    wait_until(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
    RCC_PLLCKSELR = (2u << 4) | RCC_PLLCKSELR_HSE;
    RCC_PLLCFGR = RCC_PLLCFGR_PLL1_INPUT_4_TO_8_MHZ | RCC_PLLCFGR_DIVP1EN; /* the wide VCO, no fraction */
    RCC_PLL1DIVR = ((2u - 1u) << 9) | (multiplier - 1u);
    RCC_CR |= RCC_CR_PLL1ON;
    wait_until(&RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY);

    FLASH_ACR = FLASH_ACR_LATENCY_4 | FLASH_ACR_WRHIGHFREQ_2; /* what 240 MHz needs in scale 0; 200 MHz in scale 1 needs less */
    wait_until(&FLASH_ACR, FLASH_ACR_MASK, FLASH_ACR_LATENCY_4 | FLASH_ACR_WRHIGHFREQ_2);
    RCC_D1CFGR = RCC_D1CFGR_HPRE_DIV2 | RCC_D1CFGR_PPRE_DIV2;
    RCC_D2CFGR = RCC_D2CFGR_PPRE1_DIV2 | RCC_D2CFGR_PPRE2_DIV2;
    RCC_D3CFGR = RCC_D3CFGR_PPRE_DIV2;
    RCC_CFGR = RCC_CFGR_SW_PLL1;
    wait_until(&RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL1);
    core_hz = 4000000u * multiplier / 2u;
}

/* The AXI SRAM needs no clock of its own; in revision Y it may return wrong data unless its reads are taken one by one. */
static void memories_start(void)
{
    if (revision() < REVISION_V) {
        AXI_SRAM_FN_MOD = AXI_SRAM_FN_MOD_ONE_READ;
    }
    RCC_AHB2ENR |= RCC_AHB2ENR_D2_SRAMS;
    (void)RCC_AHB2ENR;
}

static void usart_start(void)
{
    RCC_AHB4ENR |= RCC_AHB4ENR_GPIOD;
    RCC_APB1LENR |= RCC_APB1LENR_USART3;
    (void)RCC_APB1LENR;
    GPIOD_MODER = (GPIOD_MODER & ~(15u << 16)) | (10u << 16); /* PD8, PD9: alternate function */
    GPIOD_AFRH = (GPIOD_AFRH & ~255u) | 0x77u;                /* 7: USART3 */
    USART_BRR = (core_hz / 4 + BOARD_UART_BAUD / 2) / BOARD_UART_BAUD;
    USART_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
}

void board_start(void)
{
    memories_start();
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

/* BOARD_CLOCK_HZ, or less in an older revision. */
uint32_t board_counter_hz(void)
{
    return core_hz;
}

uint32_t board_counter_kind(void)
{
    return COUNTER_CYCLES;
}
