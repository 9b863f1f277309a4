/* Arm MPS2 AN505: CMSDK UART 0 and CMSDK timer 0 at their secure addresses, both on the 20 MHz system clock.  Source: Arm AN505. */
#define CMSDK_UART 0x50200000u
#define CMSDK_TIMER 0x50000000u

#include "../mps2/cmsdk_timer.h"
#include "../mps2/cmsdk_uart.h"

void board_start(void)
{
    uart_start(BOARD_CLOCK_HZ);
    timer_start();
}
