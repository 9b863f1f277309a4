/* The plain link has no probe. */
#include "port.h"

void harness_begin_records(void)
{
}

void harness_flush_records(void)
{
}
