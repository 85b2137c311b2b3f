/*
 * tests/one_node.h - a model of one operator over one input, run on every kernel set
 *
 *     struct one t = one_node("scale", MDL_F64, 3);
 *     one_weights(&t, "sub", MDL_F64, 1, (int64_t[]){ 3 }, sub);
 *     one_gives(&t, x, 2, MDL_F64, 3, expected);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_ONE_NODE_H
#define MDL_TESTS_ONE_NODE_H

#include "counting.h"

#include <float.h>
#include <math.h>

#define ONE_MOST 16384u           /* cells of an answer, at most */

struct one {
    mdl_builder *b;
    int32_t      x, node;
    uint32_t     type;
    uint64_t     cols;
};

static inline struct one one_node(const char *op, uint32_t type, uint64_t cols)
{
    struct one t = { .b = mdl_builder_new(NULL), .type = type, .cols = cols };

    t.x = mdl_build_input(t.b, "x", type, cols, MDL_ABSENT_ZERO);
    t.node = mdl_build_node(t.b, op, "", &t.x, 1);
    return t;
}

static inline void one_weights(struct one *t, const char *slot, uint32_t type, uint32_t rank,
                               const int64_t *dims, const void *data)
{
    mdl_build_weights(t->b, t->node, slot, type, rank, dims, data);
}

/* A row of n weights. */
static inline void one_row(struct one *t, const char *slot, uint32_t type, int64_t n,
                           const void *data)
{
    one_weights(t, slot, type, 1, &n, data);
}

static inline size_t one_cell(uint32_t type)
{
    return type == MDL_F64 ? 8 : 4;
}

/* What the model says of `rows` rows, the same on every kernel set; frees the builder. */
static inline void one_answers(struct one *t, const void *x, size_t rows, uint32_t type,
                               uint64_t cols, void *y)
{
    mdl_error err = MDL_ERROR_INIT;
    const size_t bytes = rows * (size_t)cols * one_cell(type);
    size_t size;

    mdl_build_output(t->b, "y", MDL_OUTPUT_OTHER, mdl_build_result(t->b, t->node, 0));
    unsigned char *file = built_file(t->b, &size), *again = malloc(bytes + 1);
    for (size_t k = 0; mdl_isa_name(k); k++) {
        const mdl_load_options o = { .size = sizeof o, .isa = mdl_isa_name(k) };
        const mdl_tensor in = { .size = sizeof in, .type = t->type, .rank = 2,
                                .data = (void *)(uintptr_t)x,
                                .dims = { (int64_t)rows, (int64_t)t->cols } };
        const mdl_tensor out = { .size = sizeof out, .type = type, .rank = 2,
                                 .data = k ? (void *)again : y,
                                 .dims = { (int64_t)rows, (int64_t)cols } };
        mdl_model *m;
        if (mdl_load_memory(&m, file, size, &o, &err)
            || mdl_predict_tensor(m, &in, &out, NULL, &err))
            fail_msg("%s", err.text);
        if (k)
            assert_memory_equal(again, y, bytes);
        mdl_free(m);
    }
    free(again);
    free(file);
}

/* The same, compared: equal numbers of equal sign, NaN where NaN is expected. */
static inline void one_gives(struct one *t, const void *x, size_t rows, uint32_t type,
                             uint64_t cols, const void *expected)
{
    static double room[ONE_MOST];
    const size_t cells = rows * (size_t)cols;

    assert_true(cells <= ONE_MOST);
    one_answers(t, x, rows, type, cols, room);
    for (size_t i = 0; i < cells; i++) {
        const double got = type == MDL_F64 ? room[i]
                         : type == MDL_F32 ? (double)((float *)(void *)room)[i]
                                           : (double)((int32_t *)(void *)room)[i];
        const double want = type == MDL_F64 ? ((const double *)expected)[i]
                          : type == MDL_F32 ? (double)((const float *)expected)[i]
                                            : (double)((const int32_t *)expected)[i];
        if (want != want ? got == got : got != want || !signbit(got) != !signbit(want))
            fail_msg("cell %zu of %zu: got %.17g, expected %.17g", i, cells, got, want);
    }
}

/* No model comes of it, and the reason says so; frees the builder. */
static inline void one_refused(struct one *t, const char *says)
{
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    mdl_build_output(t->b, "y", MDL_OUTPUT_OTHER, mdl_build_result(t->b, t->node, 0));
    if (!mdl_build_bytes(t->b, &bytes, &size, &err))
        mdl_load_memory(&m, bytes, size, NULL, &err);
    if (m || !err.code || !strstr(err.text, says))
        fail_msg("status %d \"%s\", which should say \"%s\"", (int)err.code, err.text, says);
    mdl_builder_free(t->b);
}

/* Distance in units in the last place of the exact value. */
static inline double ulps(double got, long double exact)
{
    const double near = (double)exact;
    const double next = nextafter(near < 0 ? -near : near, (double)INFINITY);
    const double unit = next - (near < 0 ? -near : near);

    if (isnan(exact) || isinf(near))
        return isnan(got) == isnan(exact) && (isnan(got) || got == near) ? 0 : (double)INFINITY;
    return (double)(fabsl((long double)got - exact) / (long double)unit);
}

static inline double ulps_f32(float got, long double exact)
{
    const float near = (float)exact, size = near < 0 ? -near : near;
    const float unit = nextafterf(size, INFINITY) - size;

    if (isnan(exact) || isinf(near))
        return isnan(got) == isnan(exact) && (isnan(got) || got == near) ? 0 : (double)INFINITY;
    return (double)(fabsl((long double)got - exact) / (long double)unit);
}

#endif
