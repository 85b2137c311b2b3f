/*
 * base/cpu.c - see cpu.h; bits from Intel's manual, volume 2A, CPUID
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/cpu.h"

#if MDL_ARCH_X86
#include <cpuid.h>

#define LEAF1_ECX_FMA     (1u << 12)
#define LEAF1_ECX_SSE42   (1u << 20)
#define LEAF1_ECX_POPCNT  (1u << 23)
#define LEAF1_ECX_OSXSAVE (1u << 27)
#define LEAF1_ECX_AVX     (1u << 28)
#define LEAF7_EBX_AVX2    (1u << 5)
#define XCR0_XMM_YMM      6u

static unsigned leaf1_ecx(void)
{
    unsigned a, b, c, d;

    __cpuid(1, a, b, c, d);       /* every 64-bit processor has this leaf */
    return c;
}

int mdl_cpu_has_crc32c(void)
{
    return (leaf1_ecx() & LEAF1_ECX_SSE42) != 0;
}

int mdl_cpu_has_avx2(void)
{
    const unsigned need = LEAF1_ECX_FMA | LEAF1_ECX_POPCNT | LEAF1_ECX_OSXSAVE
                        | LEAF1_ECX_AVX;
    unsigned a, b, c, d, low, high;

    if ((leaf1_ecx() & need) != need)
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & XCR0_XMM_YMM) != XCR0_XMM_YMM)
        return 0;
    __cpuid_count(7, 0, a, b, c, d);   /* and every one with AVX this */
    return (b & LEAF7_EBX_AVX2) != 0;
}
#else
int mdl_cpu_has_avx2(void) { return 0; }
int mdl_cpu_has_crc32c(void) { return 0; }
#endif
