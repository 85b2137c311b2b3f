/*
 * base/cpu.h - what this processor can do
 *
 * Asked anew at each call, so that nothing global is written: a few hundred cycles, but some
 * 20 us where a hypervisor answers, so a load asks once and hands on what it was told.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_CPU_H
#define MDL_BASE_CPU_H

#include "base/compiler.h"

/* Sets of instructions, with an operating system that keeps their registers. */
#define MDL_CPU_AVX2   1u         /* AVX2, FMA and POPCNT                                   */
#define MDL_CPU_AVX512 2u         /* those, and AVX-512 F, BW, DQ, VL, VBMI, and GFNI:
                                     Ice Lake, Zen 4 and later                              */
#define MDL_CPU_CRC32C 4u         /* the CRC-32C instruction (SSE4.2)                       */

/* Those of MDL_CPU_* that it has, together. */
unsigned mdl_cpu_sets(void);

/* The instructions of SHA-256, and on x86 SSE4.1, which comes with them. */
int mdl_cpu_has_sha256(void);

#endif
