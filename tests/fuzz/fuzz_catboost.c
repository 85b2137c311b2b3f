/*
 * tests/fuzz/fuzz_catboost.c - any bytes as a model of CatBoost, binary or JSON
 *
 * SPDX-License-Identifier: MIT
 */
#include "trees.h"

static const double hard[] = {
    0, -0.0, 1, -1, 0.5, -0.5, 2, 1e-45, -1e-45, 3e38, -3e38, 1e300, 16777216.0, -1438285038.0,
    593172586.0, (double)NAN, (double)INFINITY, -(double)INFINITY, 3.25,
};

static const struct source source = { "catboost", MDL_F64, COUNT(hard), hard, MDL_ERR_MEMORY };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_trees(&source, data, size);
}
