/* RA8M1, one image in the secure state: 480 MHz from the 20 MHz crystal, four flash wait states, SCI9 on PA14 (TX) and PA15 (RX).
 *
 * Source: R01UH0994, chapters Clock Generation Circuit, Register Write Protection, I/O Ports, SCI, Flash Memory; the Cortex-M85 technical
 * reference manual and its errata notice SDEN-2236668; EK-RA8M1 User's Manual for crystal and virtual COM port.
 */
#include "board.h"

#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define REG16(address) (*(volatile uint16_t *)(address))
#define REG8(address) (*(volatile uint8_t *)(address))

#define SCB_CCR_BP (1u << 18)  /* branch prediction */
#define SCB_CCR_LOB (1u << 19) /* the cache of low-overhead loops */
#define ACTLR REG32(0xE000E008u)
#define ACTLR_ERRATUM_3175626 (1u << 16)
#define MSCR REG32(0xE001E000u)
#define MSCR_FORCEWT (1u << 2) /* the data cache writes through */

#define SYSC 0x4001E000u
#define SCKDIVCR REG32(SYSC + 0x020u)
#define SCKDIVCR2 REG8(SYSC + 0x024u)
#define SCKDIVCR2_CPUCLK_DIV1 0u
#define SCKDIVCR2_CPUCLK_DIV2 1u
#define SCKSCR REG8(SYSC + 0x026u)
#define SCKSCR_PLL1P 5u
#define PLLCCR REG16(SYSC + 0x028u)
#define PLLCR REG8(SYSC + 0x02Au)
#define MOSCCR REG8(SYSC + 0x032u)
#define OSCSF REG8(SYSC + 0x03Cu)
#define OSCSF_MOSCSF (1u << 3)
#define OSCSF_PLLSF (1u << 5)
#define PLLCCR2 REG16(SYSC + 0x04Cu)
#define SCICKDIVCR REG8(SYSC + 0x054u)
#define SCICKDIVCR_DIV4 2u
#define SCICKCR REG8(SYSC + 0x055u)
#define SCICKCR_PLL1P 5u
#define SCICKCR_CKSREQ (1u << 6)
#define SCICKCR_CKSRDY (1u << 7)
#define MOSCWTCR REG8(SYSC + 0x0A2u)
#define PRCR REG16(SYSC + 0x3FAu)
#define PRCR_LOCKED 0xA500u
#define PRCR_CLOCKS (0xA500u | 1u << 0)
#define PRCR_MODULES (0xA500u | 1u << 1)
#define MOMCR REG8(SYSC + 0xA50u)

#define FCACHEE REG16(0x4001C100u)
#define FCACHEIV REG16(0x4001C104u)
#define FLWT REG8(0x4001C11Cu)
#define FLWT_240MHZ 4u

#define MSTPCRB REG32(0x40203004u)
#define MSTPCRB_SCI9 (1u << 22)

#define PFS(port, pin) REG32(0x40400800u + 0x40u * (port) + 4u * (pin))
#define PFS_PORT_A 10u
#define PFS_PERIPHERAL (1u << 16)
#define PFS_MIDDLE_DRIVE (1u << 10)
#define PFS_ODD_SCI (5u << 24)
#define PWPR REG8(0x40400D14u)
#define PWPR_PFSWE (1u << 6)
#define PWPR_B0WI (1u << 7)

#define SCI9 0x40358900u
#define SCI_RDR REG32(SCI9 + 0x00u)
#define SCI_TDR REG32(SCI9 + 0x04u)
#define SCI_CCR0 REG32(SCI9 + 0x08u)
#define SCI_CCR0_RE (1u << 0)
#define SCI_CCR0_TE (1u << 4)
#define SCI_CCR2 REG32(SCI9 + 0x10u)
#define SCI_CCR2_BGDM (1u << 4) /* 16 clocks a bit, with a divider of N + 1 */
#define SCI_CSR REG32(SCI9 + 0x48u)
#define SCI_CSR_TDRE (1u << 29)
#define SCI_CSR_RDRF (1u << 31)
#define SCI_CFCLR REG32(SCI9 + 0x68u)
#define SCI_CFCLR_ERRORS (1u << 24 | 1u << 27 | 1u << 28) /* overrun, parity, framing */

#define SCICLK_HZ (BOARD_CLOCK_HZ / 4u)

static void wait_until(volatile uint8_t *reg, uint32_t mask, uint32_t value)
{
    while ((*reg & mask) != value) {
    }
}

/* Loops and branches are fast with their caches only.  Up to r1p0 the data cache needs two workarounds, before it is enabled. */
static void core_start(void)
{
    SCB_CCR |= SCB_CCR_LOB | SCB_CCR_BP;
    barrier();
    MSCR |= MSCR_FORCEWT;
    barrier();
    ACTLR |= ACTLR_ERRATUM_3175626;
    barrier();
}

/* 150 us at 480 MHz or less. */
static void settle(void)
{
    for (uint32_t pause = 0; pause < 72000; ++pause) {
        __asm__ volatile("nop");
    }
}

/* 20 MHz / 2 * 96 = 960 MHz, halved: 480 MHz for the core, 240 for the buses, 120, 60 for peripherals.  The core goes there over half of
 * it, and settles after each step. */
static void clock_start(void)
{
    PRCR = PRCR_CLOCKS;
    MOMCR = 1u << 4 | 3u << 1; /* a crystal of 8 to 24 MHz; bit 4 is always one */
    MOSCWTCR = 9;              /* the longest wait */
    MOSCCR = 0;
    wait_until(&OSCSF, OSCSF_MOSCSF, OSCSF_MOSCSF);

    PLLCCR = 95u << 8 | 1u; /* the multiplier less one, the crystal, halved */
    PLLCCR2 = 0x111u;       /* outputs R, Q and P divide by 2 */
    PLLCR = 0;
    wait_until(&OSCSF, OSCSF_PLLSF, OSCSF_PLLSF);

    FLWT = FLWT_240MHZ;
    FCACHEIV = 1;
    while (FCACHEIV != 0) {
    }
    FCACHEE = 1;

    SCKDIVCR = 0x31122332u; /* FCLK, ICLK, PCLKE, BCLK, PCLKA, PCLKB, PCLKC, PCLKD, as powers of two */
    (void)SCKDIVCR;
    SCKDIVCR2 = SCKDIVCR2_CPUCLK_DIV2;
    (void)SCKDIVCR2;
    SCKSCR = SCKSCR_PLL1P;
    (void)SCKSCR;
    settle();
    SCKDIVCR2 = SCKDIVCR2_CPUCLK_DIV1;
    (void)SCKDIVCR2;
    settle();

    SCICKCR |= SCICKCR_CKSREQ;
    wait_until(&SCICKCR, SCICKCR_CKSRDY, SCICKCR_CKSRDY);
    SCICKDIVCR = SCICKDIVCR_DIV4;
    SCICKCR = SCICKCR_PLL1P | SCICKCR_CKSREQ;
    SCICKCR = SCICKCR_PLL1P;
    wait_until(&SCICKCR, SCICKCR_CKSRDY, 0);
    PRCR = PRCR_LOCKED;
}

static void uart_start(void)
{
    PRCR = PRCR_MODULES;
    MSTPCRB &= ~MSTPCRB_SCI9;
    (void)MSTPCRB;
    PRCR = PRCR_LOCKED;

    PWPR = 0;
    PWPR = PWPR_PFSWE;
    PFS(PFS_PORT_A, 14) = PFS_ODD_SCI | PFS_PERIPHERAL | PFS_MIDDLE_DRIVE;
    PFS(PFS_PORT_A, 15) = PFS_ODD_SCI | PFS_PERIPHERAL;
    PWPR = 0;
    PWPR = PWPR_B0WI;

    SCI_CCR0 = 0; /* CCR3 comes out of reset as asynchronous, 8 bits, low bit first, no parity, one stop bit */
    SCI_CCR2 = SCI_CCR2_BGDM | ((SCICLK_HZ + 8u * BOARD_UART_BAUD) / (16u * BOARD_UART_BAUD) - 1u) << 8;
    SCI_CCR0 = SCI_CCR0_TE | SCI_CCR0_RE;
}

void board_start(void)
{
    core_start();
    clock_start();
    uart_start();
    systick_start();
}

uint8_t board_read(void)
{
    while ((SCI_CSR & SCI_CSR_RDRF) == 0) {
        SCI_CFCLR = SCI_CFCLR_ERRORS;
    }
    return (uint8_t)SCI_RDR;
}

void board_write(uint8_t byte)
{
    while ((SCI_CSR & SCI_CSR_TDRE) == 0) {
    }
    SCI_TDR = byte;
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
