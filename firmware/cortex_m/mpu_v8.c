/* The MPU of Armv8-M, from the table that tinyc/build/memory.py computes: what no region opens is closed, also to handlers.
 *
 * Source: Armv8-M Architecture Reference Manual, chapter PMSAv8.
 */
#include "board_config.h"
#include "cortex_m.h"
#include "memory.h"

typedef struct {
    uint32_t base;       /* RBAR: address, shareability, access, execute never */
    uint32_t attributes; /* RLAR: last address, index of the memory type, enable */
} mpu_region;

static const mpu_region regions[] = BOARD_MPU_REGIONS;

/* The memory types that the regions name: 0 is normal memory, write-back, allocating; 1 is device memory, nGnRE. */
#define MEMORY_TYPES 0x000004FFu

void memory_protect(void)
{
    MPU_CTRL = 0;
    barrier();
    MPU_MAIR0 = MEMORY_TYPES;
    for (uint32_t i = 0; i < sizeof regions / sizeof regions[0]; ++i) {
        MPU_RNR = i;
        MPU_RBAR = regions[i].base;
        MPU_RLAR = regions[i].attributes;
    }
    MPU_CTRL = MPU_CTRL_ENABLE | MPU_CTRL_HFNMIENA;
    barrier();
}

void memory_unprotect(void)
{
    MPU_CTRL = 0;
    barrier();
}
