/*
 * kernel/kernel_avx2.c - every kernel, for x86 with AVX2
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"
#include "kernel/tree.h"

#include <string.h>

#if MDL_ARCH_X86
#include <immintrin.h>        /* before the target is narrowed */
MDL_TARGET_BEGIN("avx2,fma,popcnt")
#include "kernel/vec_avx2.h"
#include "kernel/vec8_x86.h"
#include "kernel/vec8_avx2.h"
#include "kernel/vec_rank_avx2.h"
#include "kernel/vec_rank_x86.h"
#include "kernel/kernel_tmpl.h"
MDL_TARGET_END

const struct kernels mdl_kernels_avx2 = {
    .isa = "avx2",
#include "kernel/kernel_table.h"
};
#endif
