/*
 * tests/fuzz/fuzz_lightgbm.c - any bytes as LightGBM's text
 *
 * SPDX-License-Identifier: MIT
 */
#include "trees.h"

static const double hard[] = {
    0, 1, -1, 0.5, -0.5, 2, 31, 32, 33, 1e-36, -1e-36, 1e300, -1e300, 2147483648.0, 16777216.0,
    (double)NAN, (double)INFINITY, -(double)INFINITY, 3.25,
};

static const struct source source = { "lightgbm", MDL_F64, COUNT(hard), hard, MDL_OK };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_trees(&source, data, size);
}
