/*
 * kernel/kernel_neon.c - every kernel, for 64-bit Arm
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"
#include "kernel/tree.h"

#include <string.h>

#if MDL_ARCH_ARM64
#include <arm_neon.h>
#include "kernel/vec_neon.h"
#include "kernel/vec8_neon.h"
#include "kernel/vec_rank_c.h"
#include "kernel/kernel_tmpl.h"

const struct kernels mdl_kernels_neon = {
    .isa = "neon",
#include "kernel/kernel_table.h"
};
#endif
