/*
 * kernel/kernel_avx512.c - every kernel, for x86 with AVX-512 as Ice Lake and Zen 4 have it
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"
#include "kernel/tree.h"

#include <string.h>

#if MDL_ARCH_X86
#include <immintrin.h>        /* before the target is narrowed */
MDL_TARGET_BEGIN("avx512f,fma,avx512bw,avx512dq,avx512vl,avx512vbmi,gfni,popcnt")
#include "kernel/vec_avx512.h"
#include "kernel/vec8_x86.h"
#include "kernel/vec8_avx512.h"
#include "kernel/vec_rank_avx512.h"
#include "kernel/vec_rank_x86.h"
#include "kernel/vec_few_avx512.h"
#include "kernel/kernel_tmpl.h"
MDL_TARGET_END

const struct kernels mdl_kernels_avx512 = {
    .isa = "avx512",
#include "kernel/kernel_table.h"
};
#endif
