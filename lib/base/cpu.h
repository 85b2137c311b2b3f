/*
 * base/cpu.h - what this processor can do
 *
 * Asked anew at each call, so that nothing global is written: a few hundred cycles, but some
 * 20 us where a hypervisor answers, so once a load is enough.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_CPU_H
#define MDL_BASE_CPU_H

#include "base/compiler.h"

/* AVX2, FMA and POPCNT, with an operating system that keeps the wide registers. */
int mdl_cpu_has_avx2(void);

/* The CRC-32C instruction (SSE4.2). */
int mdl_cpu_has_crc32c(void);

#endif
