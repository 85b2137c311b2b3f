/*
 * tests/test_tree_row.c - every way one row goes, over ranges of trees that begin anywhere
 *
 * Perfect trees of 3 to 7 levels, oblivious or not, are small tiles, whole tops, heaps, tops
 * with tiles below, and levels side by side.  Rows hold thresholds, their neighbours, zeros,
 * infinities and NaN; what they add up to is found by walking the arrays given to the builder.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#define TREES 70u
#define MAX_COLS 200u
#define MAX_NODES 255u
#define ROWS 40u

struct forest {
    uint32_t cols, nodes, inner;
    uint8_t flags[TREES][MAX_NODES];
    int32_t left[MAX_NODES], right[MAX_NODES], feature[TREES][MAX_NODES];
    double threshold[TREES][MAX_NODES], value[TREES][MAX_NODES];
    float x[ROWS][MAX_COLS];
};

static uint64_t seed = 3;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

static void draw_node(struct forest *f, uint32_t t, uint32_t i)
{
    f->flags[t][i] = (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT
                               | (below(2) ? MDL_NODE_DEFAULT_LEFT : 0));
    f->feature[t][i] = (int32_t)below(f->cols);
    f->threshold[t][i] = (double)((float)below(41) / 4 - 5);
}

static void draw_forest(struct forest *f, uint32_t depth, uint32_t cols, int oblivious)
{
    memset(f, 0, sizeof *f);
    f->cols = cols;
    f->inner = (1u << depth) - 1;
    f->nodes = 2 * f->inner + 1;
    for (uint32_t i = 0; i < f->inner; i++) {
        f->left[i] = (int32_t)(2 * i + 1);
        f->right[i] = (int32_t)(2 * i + 2);
    }
    for (uint32_t t = 0; t < TREES; t++)
        for (uint32_t i = 0; i < f->nodes; i++) {
            f->value[t][i] = ((double)below(1u << 30) - (1 << 29)) / (1 + below(1000));
            if (i >= f->inner)
                continue;
            if (!oblivious || !(i & (i + 1))) {
                draw_node(f, t, i);
                continue;
            }
            f->flags[t][i] = f->flags[t][i - 1];
            f->feature[t][i] = f->feature[t][i - 1];
            f->threshold[t][i] = f->threshold[t][i - 1];
        }
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t c = 0; c < cols; c++) {
            const float v = (float)below(41) / 4 - 5;
            const float cells[] = { v, v, nextafterf(v, -INFINITY), nextafterf(v, INFINITY), -0.0f, NAN,
                                    INFINITY, -INFINITY };
            f->x[r][c] = cells[below(8)];
        }
}

static double walked(const struct forest *f, uint32_t t, const float *row)
{
    uint32_t i = 0;

    while (i < f->inner) {
        const float x = row[f->feature[t][i]];
        const int left = x != x ? (f->flags[t][i] & MDL_NODE_DEFAULT_LEFT) != 0
                                : (double)x < f->threshold[t][i];
        i = (uint32_t)(left ? f->left[i] : f->right[i]);
    }
    return f->value[t][i];
}

static mdl_model *load_forest(const struct forest *f, const char *isa)
{
    const mdl_load_options options = { .size = sizeof options, .isa = isa, .engine = "row" };
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
                          .leaf_type = MDL_F64, .outputs = 1, .leaf_width = 1 };
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, f->cols, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    for (uint32_t t = 0; t < TREES; t++) {
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = f->nodes, .weight = 1, .iteration = t,
                                .flags = f->flags[t], .left = f->left, .right = f->right,
                                .feature = f->feature[t], .threshold = f->threshold[t],
                                .value = f->value[t] };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, &options, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

static void check_range(const struct forest *f, const mdl_model *m, uint32_t begin, uint32_t end)
{
    const mdl_predict_options options = { .size = sizeof options, .tree_begin = begin, .tree_end = end };
    mdl_error err = MDL_ERROR_INIT;

    for (uint32_t r = 0; r < ROWS; r++) {
        double y = 0, want = 0;
        const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2,
                                .data = (void *)(uintptr_t)f->x[r], .dims = { 1, f->cols } };
        const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = &y,
                                 .dims = { 1, 1 } };

        for (uint32_t t = begin; t < end; t++)
            want += walked(f, t, f->x[r]);
        if (mdl_predict_tensor(m, &in, &out, &options, &err))
            fail_msg("%s", err.text);
        if (memcmp(&y, &want, sizeof y) != 0)
            fail_msg("%s: row %u, trees %u to %u of %u nodes, %u columns: %a, expected %a", mdl_isa(m),
                     r, begin, end, f->nodes, f->cols, y, want);
    }
}

static void any_range_of_any_shape_adds_up_to_what_walks_find(void **state)
{
    static const uint32_t ranges[][2] = { { 0, TREES }, { 1, TREES }, { 31, 33 }, { 32, 64 },
                                          { 33, TREES }, { 5, 6 }, { 64, 66 } };
    static const uint32_t cols[] = { 3, 20, 40, 100, MAX_COLS };
    static struct forest f;

    (void)state;
    for (uint32_t depth = 1; depth <= 7; depth++)
        for (int oblivious = 0; oblivious < 2; oblivious++)
            for (size_t c = 0; c < sizeof cols / sizeof *cols; c++) {
                draw_forest(&f, depth, cols[c], oblivious);
                for (size_t k = 0; mdl_isa_name(k); k++) {
                    mdl_model *m = load_forest(&f, mdl_isa_name(k));
                    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
                        check_range(&f, m, ranges[i][0], ranges[i][1]);
                    mdl_free(m);
                }
            }
}

/* ---- leaves of several values --------------------------------------------------------------- */

#define WIDTH 10u
#define VECTORS 5u                /* of which every leaf is one */

/* Trees of `f` whose leaves are vectors; which one, its value says. */
static mdl_model *load_vectors(const struct forest *f, double vectors[VECTORS][WIDTH], const char *isa)
{
    static double value[MAX_NODES * WIDTH];
    const mdl_load_options options = { .size = sizeof options, .isa = isa, .engine = "row" };
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
                          .leaf_type = MDL_F64, .outputs = WIDTH, .leaf_width = WIDTH };
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, f->cols, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    for (uint32_t t = 0; t < TREES; t++) {
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = f->nodes, .weight = 1, .iteration = t,
                                .flags = f->flags[t], .left = f->left, .right = f->right,
                                .feature = f->feature[t], .threshold = f->threshold[t], .value = value };
        for (uint32_t i = 0; i < f->nodes; i++)
            memcpy(value + i * WIDTH, vectors[(uint32_t)f->value[t][i]], WIDTH * sizeof *value);
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, &options, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

/* Vectors begin with zeros of both signs. */
static void draw_vectors(double vectors[VECTORS][WIDTH])
{
    for (uint32_t v = 0; v < VECTORS; v++)
        for (uint32_t k = 0; k < WIDTH; k++)
            vectors[v][k] = k == 0 ? (v == 1 ? 0.0 : -0.0)
                                   : ((double)below(1u << 30) - (1 << 29)) / (1 + below(1000));
}

static void equal_vectors_add_up_as_any_others(void **state)
{
    static struct forest f;
    double vectors[VECTORS][WIDTH];

    (void)state;
    for (uint32_t depth = 2; depth <= 7; depth++) {
        draw_forest(&f, depth, 30, depth % 2);
        draw_vectors(vectors);
        for (uint32_t t = 0; t < TREES; t++)
            for (uint32_t i = 0; i < f.nodes; i++)
                f.value[t][i] = below(VECTORS);
        for (size_t k = 0; mdl_isa_name(k); k++) {
            mdl_model *m = load_vectors(&f, vectors, mdl_isa_name(k));
            for (uint32_t r = 0; r < ROWS; r++) {
                double y[WIDTH], want[WIDTH] = { 0 };
                const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2,
                                        .data = f.x[r], .dims = { 1, f.cols } };
                const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                                         .dims = { 1, WIDTH } };
                mdl_error err = MDL_ERROR_INIT;

                for (uint32_t t = 0; t < TREES; t++)
                    for (uint32_t j = 0; j < WIDTH; j++)
                        want[j] += vectors[(uint32_t)walked(&f, t, f.x[r])][j];
                if (mdl_predict_tensor(m, &in, &out, NULL, &err))
                    fail_msg("%s", err.text);
                assert_memory_equal(y, want, sizeof y);
            }
            mdl_free(m);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_vectors_add_up_as_any_others),
        cmocka_unit_test(any_range_of_any_shape_adds_up_to_what_walks_find),
    };

    return cmocka_run_group_tests_name("tree_row", tests, NULL, NULL);
}
