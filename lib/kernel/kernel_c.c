/*
 * kernel/kernel_c.c - every kernel, in plain C: for processors without a set of their own
 *
 * kernel_ref.c says what each kernel is; this is how to be quick about it.  Where another set is
 * always there, MDL_KERNEL_C=1 puts it beside that one, for tests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"
#include "kernel/tree.h"

#include <string.h>

#if MDL_KERNEL_C
#include "kernel/math.h"
#include "kernel/math_bits.h"
#include "kernel/vec_c.h"
#include "kernel/vec8_c.h"
#include "kernel/vec_rank_c.h"
#include "kernel/kernel_tmpl.h"

const struct kernels mdl_kernels_c = {
    .isa = "c",
#include "kernel/kernel_table.h"
};
#endif
