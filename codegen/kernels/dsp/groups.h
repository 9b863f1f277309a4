/* Channels in groups of four: a last group that is not full starts earlier and repeats channels. */
#ifndef TINYC_DSP_GROUPS_H
#define TINYC_DSP_GROUPS_H

#include "dsp/dsp.h"

/* The first channel of the group after the one at `c`; not below `channels` after the last. */
TINYC_INLINE int32_t tinyc_next_group(int32_t c, int32_t channels)
{
    const int32_t next = c + 4;
    return next < channels && next > channels - 4 ? channels - 4 : next;
}

#endif
