/*
 * base/cpu.c - see cpu.h; bits from Intel's manual, volume 1, XCR0, and 2A, CPUID
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/cpu.h"

#if MDL_ARCH_X86
#include <cpuid.h>

#define LEAF1_ECX_FMA        (1u << 12)
#define LEAF1_ECX_SSE41      (1u << 19)
#define LEAF1_ECX_SSE42      (1u << 20)
#define LEAF1_ECX_POPCNT     (1u << 23)
#define LEAF1_ECX_OSXSAVE    (1u << 27)
#define LEAF1_ECX_AVX        (1u << 28)
#define LEAF7_EBX_AVX2       (1u << 5)
#define LEAF7_EBX_AVX512F    (1u << 16)
#define LEAF7_EBX_AVX512DQ   (1u << 17)
#define LEAF7_EBX_SHA        (1u << 29)
#define LEAF7_EBX_AVX512BW   (1u << 30)
#define LEAF7_EBX_AVX512VL   (1u << 31)
#define LEAF7_ECX_AVX512VBMI (1u << 1)
#define LEAF7_ECX_GFNI       (1u << 8)
#define XCR0_XMM_YMM         0x06u
#define XCR0_MASKS_ZMM       0xE0u     /* k0 to k7, upper halves, registers 16 to 31 */

static unsigned leaf1_ecx(void)
{
    unsigned a, b, c, d;

    __cpuid(1, a, b, c, d);       /* every 64-bit processor has this leaf */
    return c;
}

int mdl_cpu_has_sha256(void)
{
    unsigned a, b, c, d;

    return (leaf1_ecx() & LEAF1_ECX_SSE41) && __get_cpuid_count(7, 0, &a, &b, &c, &d)
        && (b & LEAF7_EBX_SHA);
}

static int all_of(unsigned bits, unsigned needed) { return (bits & needed) == needed; }

unsigned mdl_cpu_sets(void)
{
    const unsigned ecx = leaf1_ecx(), crc = ecx & LEAF1_ECX_SSE42 ? MDL_CPU_CRC32C : 0;
    unsigned a, b, c, d, low, high;

    if (!all_of(ecx, LEAF1_ECX_FMA | LEAF1_ECX_POPCNT | LEAF1_ECX_OSXSAVE | LEAF1_ECX_AVX))
        return crc;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if (!all_of(low, XCR0_XMM_YMM))
        return crc;
    __cpuid_count(7, 0, a, b, c, d);   /* and every one with AVX this */
    if (!all_of(b, LEAF7_EBX_AVX2))
        return crc;
    if (all_of(low, XCR0_MASKS_ZMM)
        && all_of(b, LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512BW | LEAF7_EBX_AVX512VL)
        && all_of(c, LEAF7_ECX_AVX512VBMI | LEAF7_ECX_GFNI))
        return crc | MDL_CPU_AVX2 | MDL_CPU_AVX512;
    return crc | MDL_CPU_AVX2;
}
#else
unsigned mdl_cpu_sets(void) { return 0; }
#if defined(__ARM_FEATURE_SHA2)
int mdl_cpu_has_sha256(void) { return 1; }
#elif MDL_ARCH_ARM64 && MDL_OS_LINUX
#include <sys/auxv.h>
#define HWCAP_SHA2_BIT (1ul << 6)      /* asm/hwcap.h */

int mdl_cpu_has_sha256(void) { return (getauxval(AT_HWCAP) & HWCAP_SHA2_BIT) != 0; }
#else
int mdl_cpu_has_sha256(void) { return 0; }
#endif
#endif
