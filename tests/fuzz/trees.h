/*
 * tests/fuzz/trees.h - any bytes as the file of a framework that trains trees
 *
 * What is accepted must build, load, and answer the same with every kernel set, by each of its
 * outputs; and so must the model with its leaves rounded, where that can be done.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_FUZZ_TREES_H
#define MDL_FUZZ_TREES_H

#include "mdl_import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 24u
#define MOST_CELLS (1u << 20)

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A framework: what its cells may be that is worth a try. */
struct source {
    const char *name;             /* of its importer                     */
    uint32_t cells;               /* MDL_F32 or MDL_F64                  */
    uint32_t n_hard;
    const double *hard;
    mdl_status may_be;            /* what loading may say beside MDL_OK and MDL_ERR_LIMIT */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

/* Rows for a model; NULL when it is too wide. */
static void *rows_for(const struct source *s, const mdl_model *m)
{
    const size_t n = ROWS * mdl_input_cols(m);
    double *x = n <= MOST_CELLS ? malloc(n * sizeof *x) : NULL;

    for (size_t i = 0; x && i < n; i++) {
        const double cell = s->hard[(i * 7 + i / 5) % s->n_hard];
        if (s->cells == MDL_F32)
            ((float *)(void *)x)[i] = (float)cell;
        else
            x[i] = cell;
    }
    return x;
}

/* What one output says, as float64; NULL when it is too wide. */
static double *answers(const struct source *s, const mdl_model *m, void *x, size_t output, size_t *n)
{
    mdl_output_info info = { .size = sizeof info };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

    require(mdl_output(m, output, &info) == MDL_OK);
    if (info.cols > MOST_CELLS / ROWS)
        return NULL;
    *n = ROWS * (size_t)info.cols;
    o.output_name = info.name;
    const mdl_tensor in = { .size = sizeof in, .type = s->cells, .rank = 2, .data = x,
                            .dims = { ROWS, (int64_t)mdl_input_cols(m) } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2,
                             .data = calloc(*n + 1, sizeof(double)),
                             .dims = { ROWS, (int64_t)info.cols } };
    require(mdl_predict_tensor(m, &in, &out, &o, NULL) == MDL_OK);
    return out.data;
}

static void compare(const struct source *s, const mdl_model *ref, const mdl_model *best)
{
    void *x = rows_for(s, ref);

    for (size_t i = 0; x && i < mdl_output_count(ref); i++) {
        size_t n = 0;
        double *a = answers(s, ref, x, i, &n), *b = answers(s, best, x, i, &n);

        for (size_t k = 0; a && b && k < n; k++)
            require(!memcmp(&a[k], &b[k], sizeof *a) || (a[k] != a[k] && b[k] != b[k]));
        free(a);
        free(b);
    }
    free(x);
}

static void round_leaves(const struct source *s, const mdl_model *m);

/* Build, load twice, compare; then once more with leaves rounded. */
static void run(const struct source *s, mdl_builder *b, int again)
{
    mdl_load_options plain = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *ref = NULL, *best = NULL;
    const void *bytes;
    size_t size;

    plain.isa = "ref";
    mdl_status loaded = mdl_build_bytes(b, &bytes, &size, &err);
    require(loaded == MDL_OK || loaded == s->may_be);
    if (!loaded) loaded = mdl_load_memory(&ref, bytes, size, &plain, &err);
    require(loaded == MDL_OK || loaded == MDL_ERR_LIMIT || loaded == s->may_be);
    if (!loaded && !mdl_load_memory(&best, bytes, size, NULL, &err)) {
        compare(s, ref, best);
        if (again)
            round_leaves(s, best);
    }
    require(loaded || best || s->may_be);
    mdl_free(ref);
    mdl_free(best);
}

static void round_leaves(const struct source *s, const mdl_model *m)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    const mdl_status made = mdl_round_leaves(&b, m, MDL_F16, &err);

    require(made == MDL_OK || (made == MDL_ERR_UNSUPPORTED && err.text[0]));
    if (b)
        run(s, b, 0);
    mdl_builder_free(b);
}

static int fuzz_trees(const struct source *s, const uint8_t *data, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    o.from = s->name;
    const mdl_status status = mdl_import_memory(&b, data, size, &o, &err);
    require(!status == (b != NULL) && (!status || (err.code == status && err.text[0])));
    if (b)
        run(s, b, 1);
    mdl_builder_free(b);
    return 0;
}

#endif
