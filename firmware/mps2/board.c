/* Arm MPS2 (AN386, AN500): CMSDK UART 0 and CMSDK timer 0, both on the 25 MHz system clock.  Source: Arm AN386, AN500. */
#define CMSDK_UART 0x40004000u
#define CMSDK_TIMER 0x40000000u

#include "cmsdk_timer.h"
#include "cmsdk_uart.h"

void board_start(void)
{
    uart_start(BOARD_CLOCK_HZ);
    timer_start();
}
