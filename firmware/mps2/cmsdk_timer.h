/* The CMSDK timer as the counter; a board file that includes this defines CMSDK_TIMER, the address of its registers.
 *
 * Source: Arm Cortex-M System Design Kit, technical reference manual.  The timer counts down through 32 bits without an interrupt, so
 * that it does not disturb what it measures.
 */
#ifndef TINYC_CMSDK_TIMER_H
#define TINYC_CMSDK_TIMER_H

#include "board.h"

#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define TIMER_CTRL REG32(CMSDK_TIMER + 0x00u)
#define TIMER_CTRL_ENABLE (1u << 0)
#define TIMER_VALUE REG32(CMSDK_TIMER + 0x04u)
#define TIMER_RELOAD REG32(CMSDK_TIMER + 0x08u)

static void timer_start(void)
{
    TIMER_RELOAD = 0xFFFFFFFFu;
    TIMER_VALUE = 0xFFFFFFFFu;
    TIMER_CTRL = TIMER_CTRL_ENABLE;
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

#endif
