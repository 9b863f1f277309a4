/* What kind of work a Thumb instruction does.  Facts: the encodings of the Armv7-M and Armv8-M Architecture Reference Manuals
 * (DDI 0403, DDI 0553).  Helium's floating-point products, which no kernel uses, count as other. */
#ifndef TINYC_THUMB_H
#define TINYC_THUMB_H

#include <stdint.h>

enum instruction_class { LOAD, STORE, MULTIPLY, BRANCH, OTHER, CLASSES };

static inline enum instruction_class if_set(uint32_t bits, enum instruction_class set, enum instruction_class clear)
{
    return bits != 0 ? set : clear;
}

static inline enum instruction_class narrow_class(uint32_t a)
{
    if ((a & 0xFFC0) == 0x4340) {
        return MULTIPLY; /* MULS */
    }
    if ((a & 0xFF00) == 0x4700 || (a & 0xFD87) == 0x4487) {
        return BRANCH; /* BX, BLX; ADD, MOV to the program counter */
    }
    if ((a & 0xF800) == 0x4800) {
        return LOAD; /* LDR from the literal pool */
    }
    if ((a & 0xF000) == 0x5000) {
        return if_set((a & 0x0E00) >= 0x0600, LOAD, STORE); /* register offset: STR, STRH, STRB, then LDRSB ... */
    }
    if ((a >= 0x6000 && a < 0xA000) || (a & 0xF000) == 0xC000) {
        return if_set(a & 0x0800, LOAD, STORE); /* immediate offset, stack; LDM, STM */
    }
    if ((a & 0xF600) == 0xB400) {
        return if_set(a & 0x0800, LOAD, STORE); /* POP, PUSH */
    }
    if ((a & 0xF500) == 0xB100 || (a & 0xF800) == 0xE000) {
        return BRANCH; /* CBZ, CBNZ; B */
    }
    return if_set((a & 0xF000) == 0xD000 && (a & 0x0E00) != 0x0E00, BRANCH, OTHER); /* B by condition; UDF, SVC */
}

/* LDM, STM, LDRD, STRD, exclusive ones, table branches: 0xE800 ... 0xE9FF. */
static inline enum instruction_class multiple_class(uint32_t a, uint32_t b)
{
    if ((a & 0xFFF0) == 0xE8D0 && (b & 0xFFE0) == 0xF000) {
        return BRANCH; /* TBB, TBH */
    }
    if (a == 0xE89F || a == 0xE97F || ((a & 0xFFF0) == 0xE840 && (b & 0xF000) == 0xF000)) {
        return OTHER; /* CLRM, SG, TT */
    }
    return if_set(a & 0x0010, LOAD, STORE);
}

/* Branches and control: 0xF000 ... 0xF7FF with the second half's top bit set. */
static inline enum instruction_class control_class(uint32_t a, uint32_t b)
{
    if ((b & 0xD000) == 0xC000) {
        return if_set((b & 0xF800) == 0xE800, OTHER, BRANCH); /* VCTP; WLS, DLS, LE and their tail-predicated forms */
    }
    if ((b & 0xD000) == 0x8000) {
        return if_set((a & 0x0380) != 0x0380, BRANCH, OTHER); /* B by condition; MSR, barriers, hints */
    }
    return BRANCH; /* B, BL */
}

/* SMLAD, MUL, SMULL ...: 0xFB00 ... 0xFBFF. */
static inline enum instruction_class product_class(uint32_t a)
{
    const uint32_t kind = a & 0xFFF0;
    return if_set(kind != 0xFB70 && kind != 0xFB90 && kind != 0xFBB0, MULTIPLY, OTHER); /* USAD8, SDIV, UDIV */
}

/* Floating point and Helium: 0xEC00 ... 0xEFFF, 0xFC00 ... 0xFFFF. */
static inline enum instruction_class vector_class(uint32_t a, uint32_t b)
{
    const uint32_t kind = b & 0x0F00;
    if ((a & 0xEE00) == 0xEC00) { /* VLDR, VSTR, VLDM, VSTM; with neither P, U nor W it moves between registers */
        if ((a & 0xF000) == 0xF000 && (b & 0x0E00) != 0x0E00) {
            return OTHER;
        }
        return (a & 0x01A0) == 0 ? OTHER : if_set(a & 0x0010, LOAD, STORE);
    }
    if ((a & 0xFF00) == 0xEE00 && (b & 0x0E00) == 0x0A00) { /* floating point: VMLA, VNMLA, VMUL, VFNMA, VFMA */
        const uint32_t opcode = a & 0x00B0;
        return if_set((b & 0x0010) == 0 && opcode != 0x0030 && opcode != 0x0080 && opcode != 0x00B0, MULTIPLY, OTHER);
    }
    if ((a & 0xEF80) == 0xEE00 && kind == 0x0E00) { /* VMULH, VQDMULH, VMLA, VMLAS, VMULL ...; not narrowing, not VBRSR */
        const int reverses = (a & 0xFF81) == 0xFE01 && (b & 0x1070) == 0x1060;
        return if_set((a & 0x0030) != 0x0030 && !reverses, MULTIPLY, OTHER);
    }
    if ((a & 0xEF80) == 0xEE80 && kind == 0x0E00) {
        return MULTIPLY; /* VMLADAV and VMLALDAV of 16 and 32 bits, and their kin */
    }
    if ((a & 0xEF81) == 0xEE80 && (b & 0x0F51) == 0x0F00) {
        return if_set((a & 0x0070) != 0x0060, MULTIPLY, OTHER); /* VMLADAV of 8 bits, VRMLALDAVH; VMAXV, VMINV */
    }
    if ((a & 0xEF80) == 0xEF00) { /* VMUL; VQDMULH, VQRDMULH */
        return if_set((kind == 0x0900 && (b & 0x0010) != 0) || (kind == 0x0B00 && (b & 0x0010) == 0), MULTIPLY, OTHER);
    }
    return OTHER;
}

/* `a` and `b` are the halves of the instruction in memory order; `b` is ignored where one half is all. */
static inline enum instruction_class thumb_class(uint32_t a, uint32_t b)
{
    if (a < 0xE800) {
        return narrow_class(a);
    }
    if ((a & 0xFE00) == 0xE800) {
        return multiple_class(a, b);
    }
    if ((a & 0xF800) == 0xF000) {
        return (b & 0x8000) != 0 ? control_class(a, b) : OTHER;
    }
    if ((a & 0xFE00) == 0xF800) {
        return if_set(a & 0x0010, LOAD, STORE);
    }
    if ((a & 0xFF00) == 0xFB00) {
        return product_class(a);
    }
    return (a & 0x0C00) == 0x0C00 ? vector_class(a, b) : OTHER;
}

#endif
