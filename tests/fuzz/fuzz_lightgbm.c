/*
 * tests/fuzz/fuzz_lightgbm.c - any bytes as LightGBM's text
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
        0, 1, -1, 0.5, -0.5, 2, 31, 32, 33, 1e-36, -1e-36, 1e300, -1e300, 2147483648.0, 16777216.0,
        (double)NAN, (double)INFINITY, -(double)INFINITY, 3.25,
    };

    for (size_t i = 0; i < n; i++)
        x[i] = hard[(i * 7 + i / 5) % (sizeof hard / sizeof *hard)];
}

static void require(int holds)
{
    if (!holds)
        abort();
}

static void predict(const mdl_model *m, const double *x, double *y, uint32_t role, size_t cols)
{
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F64, .rank = 2,
                            .data = (void *)(uintptr_t)x,
                            .dims = { ROWS, (int64_t)mdl_input_cols(m) } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                             .dims = { ROWS, (int64_t)cols } };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

    o.output = role;
    require(mdl_predict_tensor(m, &in, &out, &o, NULL) == MDL_OK);
}

static int same(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) && (a[i] == a[i] || b[i] == b[i]))
            return 0;
    return 1;
}

static void compare(const mdl_model *ref, const mdl_model *best, uint32_t role)
{
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    const size_t cols = mdl_input_cols(ref);
    size_t out = 0;

    o.output = role;
    require(mdl_output_shape(ref, &o, &out, NULL) == MDL_OK);
    if (cols > MOST_CELLS / ROWS || out > MOST_CELLS / ROWS)
        return;
    double *x = malloc(ROWS * cols * sizeof *x);
    double *y = malloc(2 * ROWS * out * sizeof *y);
    fill(x, ROWS * cols);
    predict(ref, x, y, role, out);
    predict(best, x, y + ROWS * out, role, out);
    require(same(y, y + ROWS * out, ROWS * out));
    free(x);
    free(y);
}

static void run(mdl_builder *b)
{
    mdl_load_options plain = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *ref = NULL, *best = NULL;
    const void *bytes;
    size_t size;

    plain.isa = "ref";
    require(mdl_build_bytes(b, &bytes, &size, &err) == MDL_OK);
    const mdl_status s = mdl_load_memory(&ref, bytes, size, &plain, &err);
    require(s == MDL_OK || s == MDL_ERR_LIMIT);
    if (!s) {
        require(mdl_load_memory(&best, bytes, size, NULL, &err) == MDL_OK);
        compare(ref, best, MDL_OUTPUT_RAW);
        compare(ref, best, MDL_OUTPUT_LEAF);
        compare(ref, best, MDL_OUTPUT_MAIN);
    }
    mdl_free(ref);
    mdl_free(best);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    o.from = "lightgbm";
    const mdl_status s = mdl_import_memory(&b, data, size, &o, &err);
    require((s == MDL_OK) == (b != NULL) && (s == MDL_OK || err.text[0]));
    if (b)
        run(b);
    mdl_builder_free(b);
    return 0;
}
