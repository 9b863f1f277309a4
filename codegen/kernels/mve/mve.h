/* What the Helium (Armv8.1-M MVE) kernels share.
 *
 * Their inner blocks are assembly: gcc 12 neither makes low-overhead loops nor keeps eight vector registers in place.  Where the compiler
 * targets no MVE each block is its meaning in C, so that the very same kernel runs on the host under sanitizers; there a word that is
 * read as a word must also be aligned as one, which the core demands and QEMU does not check.  Vectors of bytes may lie anywhere.
 */
#ifndef TINYC_MVE_MVE_H
#define TINYC_MVE_MVE_H

#include "tinyc_kernel.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define TINYC_HAS_MVE 1
#if defined(__clang__)
#define TINYC_MVE_NAKED __attribute__((naked, noinline, unused)) static
#else
#define TINYC_MVE_NAKED __attribute__((naked, noipa, unused)) static
#endif
#define TINYC_MVE_ARGUMENT __attribute__((unused))
#else
#define TINYC_HAS_MVE 0
#endif

#endif
