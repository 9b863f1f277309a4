/* Cortex-M7: invalidate and enable both caches.  Sizes come from the core, so one routine serves every M7. */
#include "cortex_m.h"
#include "memory.h"

void caches_enable(void)
{
    SCB_ICIALLU = 0;
    barrier();
    SCB_CCR |= SCB_CCR_IC;
    barrier();

    SCB_CSSELR = 0; /* level 1, data */
    barrier();
    const uint32_t geometry = SCB_CCSIDR;
    const uint32_t sets = (geometry >> 13) & 0x7FFFu;
    const uint32_t ways = (geometry >> 3) & 0x3FFu;
    const uint32_t set_shift = (geometry & 7u) + 4u;
    for (uint32_t set = 0; set <= sets; ++set) {
        for (uint32_t way = 0; way <= ways; ++way) {
            SCB_DCISW = (way << 30) | (set << set_shift); /* four ways: the way is in the top two bits */
        }
    }
    barrier();
    SCB_CCR |= SCB_CCR_DC;
    barrier();
}
