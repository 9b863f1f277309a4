/* A core without caches. */
#include "memory.h"

void caches_enable(void)
{
}
