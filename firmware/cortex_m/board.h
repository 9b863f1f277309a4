/* What a chip family provides below cortex_m/: clocks, one serial port, one counter that counts up. */
#ifndef TINYC_BOARD_H
#define TINYC_BOARD_H

#include <stdint.h>

void board_start(void); /* clocks at full speed, the serial port and the counter */
uint8_t board_read(void);
void board_write(uint8_t byte);
uint64_t board_counter(void);
uint32_t board_counter_hz(void);
uint32_t board_counter_kind(void); /* COUNTER_... of harness/port.h */

/* systick.c: the core's own 24-bit timer, extended by its interrupt to 64 bits, in core clock cycles. */
void systick_start(void);
uint64_t systick_counter(void);
void tinyc_systick_handler(void);

#endif
