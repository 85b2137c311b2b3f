/*
 * op/nd_arg.h - the place of the largest number of a row
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_ARG_H
#define MDL_OP_ND_ARG_H

#include "op/op.h"

/* Place of the largest, or smallest, of n > 0 numbers of MDL_F32 or MDL_F64: the first, or the last,
 * of equals; of the first (last) NaN if there is one. */
uint64_t mdl_nd_arg_row(const struct kernels *k, int is_min, int last, const void *x, uint32_t type,
                        uint64_t n);

#endif
