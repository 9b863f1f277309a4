/* The MPU, from the table that tinyc/build/memory.py computes: what no region opens is closed, also to handlers. */
#include "board_config.h"
#include "cortex_m.h"
#include "memory.h"

typedef struct {
    uint32_t base;
    uint32_t attributes; /* RASR */
} mpu_region;

static const mpu_region regions[] = BOARD_MPU_REGIONS;

void memory_protect(void)
{
    MPU_CTRL = 0;
    for (uint32_t i = 0; i < sizeof regions / sizeof regions[0]; ++i) {
        MPU_RNR = i;
        MPU_RBAR = regions[i].base;
        MPU_RASR = regions[i].attributes;
    }
    MPU_CTRL = MPU_CTRL_ENABLE | MPU_CTRL_HFNMIENA;
    barrier();
}

void memory_unprotect(void)
{
    MPU_CTRL = 0;
    barrier();
}
