/*
 * tests/fuzz/fuzz_ydf.c - any bytes as a model of YDF
 *
 * What is accepted must build, load, and answer the same with every kernel set, by each of its
 * outputs.  Bytes that do not begin as a sequence of blobs are taken for what gzip holds.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/arena.h"
#include "import/inflate.h"
#include "mdl_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 20u
#define MOST_CELLS (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void fill(float *x, size_t n)
{
    static const float hard[] = {
        0, -0.0f, 1, -1, 0.5f, -0.5f, 2, 31, 32, 33, 1e-45f, 3e38f, -3e38f, 16777216, 2147483648.0f,
        NAN, INFINITY, -INFINITY, 3.25f, 100,
    };

    for (size_t i = 0; i < n; i++)
        x[i] = hard[(i * 7 + i / 5) % (sizeof hard / sizeof *hard)];
}

/* What one output says, as float64; NULL when it is too wide. */
static double *answers(const mdl_model *m, const float *x, size_t output, size_t *n)
{
    mdl_output_info info = { .size = sizeof info };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

    require(mdl_output(m, output, &info) == MDL_OK);
    if (info.cols > MOST_CELLS / ROWS)
        return NULL;
    *n = ROWS * (size_t)info.cols;
    o.output_name = info.name;
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2,
                            .data = (void *)(uintptr_t)x,
                            .dims = { ROWS, (int64_t)mdl_input_cols(m) } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2,
                             .data = calloc(*n + 1, sizeof(double)),
                             .dims = { ROWS, (int64_t)info.cols } };
    require(mdl_predict_tensor(m, &in, &out, &o, NULL) == MDL_OK);
    return out.data;
}

static void compare(const mdl_model *ref, const mdl_model *best, const float *x)
{
    for (size_t i = 0; i < mdl_output_count(ref); i++) {
        size_t n = 0;
        double *a = answers(ref, x, i, &n), *b = answers(best, x, i, &n);

        for (size_t k = 0; a && b && k < n; k++)
            require(!memcmp(&a[k], &b[k], sizeof *a) || (a[k] != a[k] && b[k] != b[k]));
        free(a);
        free(b);
    }
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
        const size_t cells = ROWS * mdl_input_cols(ref);
        float *x = cells <= MOST_CELLS ? malloc(cells * sizeof *x) : NULL;

        require(mdl_load_memory(&best, bytes, size, NULL, &err) == MDL_OK);
        if (x) {
            fill(x, cells);
            compare(ref, best, x);
        }
        free(x);
    }
    mdl_free(ref);
    mdl_free(best);
}

static void unpack(const uint8_t *data, size_t size)
{
    const mdl_allocator allocator = mdl_allocator_or_default(NULL);
    mdl_error err = MDL_ERROR_INIT;
    struct vec out = { 0 };
    struct bytes in = bytes_of(data, size);

    const mdl_status s = mdl_gunzip(&out, &in, MOST_CELLS, &allocator, &err);
    require(out.bytes <= MOST_CELLS && (s == MDL_OK || err.text[0]));
    mdl_vec_free(&out, &allocator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    if (!size || *data != 'B')
        unpack(data, size);
    o.from = "ydf";
    const mdl_status s = mdl_import_memory(&b, data, size, &o, &err);
    require((s == MDL_OK) == (b != NULL) && (s == MDL_OK || err.text[0]));
    if (b)
        run(b);
    mdl_builder_free(b);
    return 0;
}
