/*
 * tests/fuzz/fuzz_catboost.c - any bytes as a model of CatBoost, binary or JSON
 *
 * What is accepted must load, and every instruction set must give the same bits for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 24u
#define MOST_CELLS (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(double *x, size_t n)
{
    static const double hard[] = {
        0, -0.0, 1, -1, 0.5, -0.5, 2, 1e-45, -1e-45, 3e38, -3e38, 1e300, 16777216.0, -1438285038.0,
        593172586.0, (double)NAN, (double)INFINITY, -(double)INFINITY, 3.25,
    };

    for (size_t i = 0; i < n; i++)
        x[i] = hard[(i * 7 + i / 5) % (sizeof hard / sizeof *hard)];
}

static void require(int holds)
{
    if (!holds)
        abort();
}

static void predict(const mdl_model *m, const double *x, double *y, const char *output, size_t cols)
{
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F64, .rank = 2,
                            .data = (void *)(uintptr_t)x,
                            .dims = { ROWS, (int64_t)mdl_input_cols(m) } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                             .dims = { ROWS, (int64_t)cols } };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

    o.output_name = output;
    require(mdl_predict_tensor(m, &in, &out, &o, NULL) == MDL_OK);
}

static int same(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) && (a[i] == a[i] || b[i] == b[i]))
            return 0;
    return 1;
}

static void compare(const mdl_model *ref, const mdl_model *best, size_t output)
{
    mdl_output_info o = { .size = sizeof o };
    const size_t cols = mdl_input_cols(ref);

    require(mdl_output(ref, output, &o) == MDL_OK);
    if (cols * ROWS > MOST_CELLS || o.cols * ROWS > MOST_CELLS)
        return;
    const size_t n = ROWS * (size_t)o.cols;
    double *x = malloc(cols * ROWS * sizeof *x), *y = calloc(2 * n, sizeof *y);
    if (x && y) {
        fill(x, cols * ROWS);
        predict(ref, x, y, o.name, (size_t)o.cols);
        predict(best, x, y + n, o.name, (size_t)o.cols);
        require(same(y, y + n, n));
    }
    free(x);
    free(y);
}

static mdl_status load(mdl_model **m, mdl_builder *b, const char *isa)
{
    mdl_load_options o = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;

    o.isa = isa;
    const mdl_status s = mdl_build_bytes(b, &bytes, &size, &err);
    return s ? s : mdl_load_memory(m, bytes, size, &o, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    mdl_model *ref = NULL, *best = NULL;

    o.from = "catboost";
    const mdl_status s = mdl_import_memory(&b, data, size, &o, &err);
    require(!s == (b != NULL));
    require(!s || (err.code == s && err.text[0]));
    if (s)
        return 0;
    const mdl_status loaded = load(&ref, b, "ref");
    require(loaded == MDL_OK || loaded == MDL_ERR_LIMIT || loaded == MDL_ERR_MEMORY);
    if (!loaded && !load(&best, b, NULL))
        for (size_t i = 0; i < mdl_output_count(ref); i++)
            compare(ref, best, i);
    mdl_free(ref);
    mdl_free(best);
    mdl_builder_free(b);
    return 0;
}
