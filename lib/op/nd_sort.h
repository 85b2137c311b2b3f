/*
 * op/nd_sort.h - numbers of all types in one order
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_SORT_H
#define MDL_OP_ND_SORT_H

#include "op/nd.h"

/* Keys of elements first .. first + n - 1, at most ND_CHUNK: integers that ascend as the numbers
 * do.  -0 and 0 have the same, NaN the largest, whatever its sign. */
void mdl_nd_keys(uint64_t *key, const void *data, uint32_t type, uint64_t first, size_t n);

#endif
