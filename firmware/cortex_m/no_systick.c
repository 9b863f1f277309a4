/* A board that counts with another timer: SysTick never starts. */
#include "board.h"

void tinyc_systick_handler(void)
{
}
