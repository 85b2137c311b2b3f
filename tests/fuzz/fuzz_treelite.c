/*
 * tests/fuzz/fuzz_treelite.c - any bytes as a checkpoint of treelite
 *
 * SPDX-License-Identifier: MIT
 */
#include "trees.h"

static const double hard[] = {
    0, -0.0, 1, -1, 0.5, -0.5, 2, 31, 32, 33, 1e-45, 1e300, -1e300, 16777216, 16777217, 2147483648.0,
    (double)NAN, (double)INFINITY, -(double)INFINITY, 3.25, 100,
};

static const struct source source = { "treelite", MDL_F64, COUNT(hard), hard, MDL_OK };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_trees(&source, data, size);
}
