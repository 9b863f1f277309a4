/* What every tinyc kernel shares: types, attributes and the contract of a row kernel.
 *
 * A row kernel is
 *
 *     static inline void NAME(void *out, const void *const *in, int32_t x0, int32_t x1, const STRUCT *p);
 *
 * (kernels with scratch take a last `void *scratch`, aligned by 4).  One call writes the columns [x0, x1) of one output row.
 *   out  the first byte of output column x0.
 *   in   for each activation input in order, one pointer for every input row of the row rule's window [lo(r), hi(r)).  Each points to the
 *        first input column that the range needs, clipped into the tensor: max(lo(x0), 0).  A row outside the tensor is a null
 *        pointer or a row of zero points, as the catalogue says.  Kernels of extent WHOLE get the first byte of each whole input.
 *   p    the layer's constants.  In a layer with a copy of its own the compiler sees their values; layers that share a copy pass
 *        them at run time.
 * Input and output may overlap by what the catalogue's step allows, so nothing here is `restrict`.
 */
#ifndef TINYC_KERNEL_H
#define TINYC_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define TINYC_INLINE static inline __attribute__((always_inline, unused))
#define TINYC_SHARED static __attribute__((noinline, unused))
/* Stays an instruction or two for a few bytes under -ffreestanding too, where memcpy is a call. */
#define TINYC_MEMCPY __builtin_memcpy
#else
#define TINYC_INLINE static inline
#define TINYC_SHARED static
#define TINYC_MEMCPY memcpy
#endif

/* Clamp a value into int8 range bounds. */
TINYC_INLINE int32_t tinyc_clamp(int32_t value, int32_t least, int32_t most)
{
    value = value < least ? least : value;
    return value > most ? most : value;
}

#endif
