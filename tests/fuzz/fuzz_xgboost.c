/*
 * tests/fuzz/fuzz_xgboost.c - any bytes as XGBoost's JSON or UBJSON
 *
 * SPDX-License-Identifier: MIT
 */
#include "trees.h"

static const double hard[] = {
    0, -0.0, 1, -1, 0.5, -0.5, 2, 3, 31, 32, 33, 0x1p-149, -0x1p-149, 1e-38, 16777216, 2147483648.0, 3e38,
    -3e38, (double)INFINITY, -(double)INFINITY, (double)NAN, 1.5, 100,
};

static const struct source source = { "xgboost", MDL_F32, COUNT(hard), hard, MDL_OK };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_trees(&source, data, size);
}
