/*
 * tests/test_tree_planes.c - ensembles by planes of bits, against walks of our own
 *
 * Trees of every number of leaves up to 256, of all shapes between a list and a complete tree;
 * several outputs; ranges of iterations that cut groups of trees; more conditions than planes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#define LEAVES 256u
#define NODES  (2 * LEAVES - 1)
#define TREES  70u
#define COLS   9u
#define ROWS   700u                /* two full blocks and more */
#define OUTPUTS 3u

struct tree {
    uint32_t n, output;
    uint8_t  flags[NODES];
    int32_t  left[NODES], right[NODES], feature[NODES];
    double   threshold[NODES], value[NODES];
};

static struct tree trees[TREES];
static float x[ROWS][COLS];
static uint64_t seed = 271828;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

/* What a test is about: `distinct` thresholds a column, `lean` the share of lists. */
static void grow(struct tree *t, uint32_t leaves, uint32_t distinct, uint32_t lean)
{
    const uint32_t i = t->n++;

    t->left[i] = t->right[i] = t->feature[i] = -1;
    t->threshold[i] = 0;
    t->flags[i] = MDL_NODE_LEAF;
    t->value[i] = (double)below(1u << 20) / 4096 - 100;
    if (leaves == 1)
        return;
    const uint32_t mine = below(100) < lean ? (below(2) ? 1 : leaves - 1) : 1 + below(leaves - 1);
    t->flags[i] = (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT | (below(2) ? MDL_NODE_DEFAULT_LEFT : 0));
    t->feature[i] = (int32_t)below(COLS);
    t->threshold[i] = (double)(float)((int)below(distinct) - (int)distinct / 2);
    t->left[i] = (int32_t)t->n;
    grow(t, mine, distinct, lean);
    t->right[i] = (int32_t)t->n;
    grow(t, leaves - mine, distinct, lean);
}

static void fill_rows(uint32_t distinct)
{
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t c = 0; c < COLS; c++) {
            const float v = (float)((int)below(distinct + 2) - (int)distinct / 2 - 1);
            const float cells[] = { v, v, nextafterf(v, -INFINITY), nextafterf(v, INFINITY), NAN,
                                    below(2) ? INFINITY : -INFINITY };
            x[r][c] = cells[below(6)];
        }
}

static double walked(const struct tree *t, const float *row)
{
    uint32_t i = 0;

    while (t->flags[i] != MDL_NODE_LEAF) {
        const float v = row[t->feature[i]];
        const int left = v != v ? (t->flags[i] & MDL_NODE_DEFAULT_LEFT) != 0
                                : (double)v < t->threshold[i];
        i = (uint32_t)(left ? t->left[i] : t->right[i]);
    }
    return t->value[i];
}

static mdl_model *load_typed(uint32_t n_trees, uint32_t outputs, uint32_t x_type, uint32_t leaf_type,
                             const char *isa, const char *engine)
{
    const mdl_load_options options = { .size = sizeof options, .isa = isa, .engine = engine };
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LT, .threshold_type = x_type,
                          .leaf_type = leaf_type, .outputs = outputs, .leaf_width = 1 };
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t in = mdl_build_input(b, "x", x_type, COLS, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, in, &e);
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    for (uint32_t t = 0; t < n_trees; t++) {
        const struct tree *from = &trees[t];
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = from->n, .weight = 1, .iteration = t,
                                .output = from->output, .flags = from->flags, .left = from->left,
                                .right = from->right, .feature = from->feature,
                                .threshold = from->threshold, .value = from->value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_ready(b, below(2));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, &options, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

static mdl_model *load(uint32_t n_trees, uint32_t outputs, uint32_t leaf_type, const char *isa)
{
    return load_typed(n_trees, outputs, MDL_F32, leaf_type, isa, "planes");
}

/* Values are few bits: the sum of any of them is exact in float64, and rounded in order in float32. */
static void check(const mdl_model *m, uint32_t outputs, uint32_t leaf_type, uint32_t begin, uint32_t end)
{
    static union { float f32[ROWS * OUTPUTS]; double f64[ROWS * OUTPUTS]; } y;
    const mdl_predict_options options = { .size = sizeof options, .tree_begin = begin, .tree_end = end };
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2, .data = x,
                            .dims = { ROWS, COLS } };
    const mdl_tensor out = { .size = sizeof out, .type = leaf_type, .rank = 2, .data = &y,
                             .dims = { ROWS, outputs } };
    mdl_error err = MDL_ERROR_INIT;

    if (mdl_predict_tensor(m, &in, &out, &options, &err))
        fail_msg("%s", err.text);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t k = 0; k < outputs; k++) {
            float narrow = 0;
            double wide = 0;
            for (uint32_t t = begin; t < end; t++)
                if (trees[t].output == k) {
                    const double v = walked(&trees[t], x[r]);
                    wide += v;
                    narrow += (float)v;
                }
            const double want = leaf_type == MDL_F32 ? (double)narrow : wide;
            const double got = leaf_type == MDL_F32 ? (double)y.f32[r * outputs + k] : y.f64[r * outputs + k];
            if (got != want)
                fail_msg("%s: row %u, output %u, trees %u to %u: %a, expected %a", mdl_isa(m), r, k, begin,
                         end, got, want);
        }
}

static int goes_by_planes(const mdl_model *m)
{
    return mdl_engine_cost(m, "planes", 256, NULL) > 0;
}

static void trees_of_every_size_add_up_to_what_walks_find(void **state)
{
    (void)state;
    for (uint32_t first = 1; first <= LEAVES; first += TREES) {
        const uint32_t n = LEAVES + 1 - first < TREES ? LEAVES + 1 - first : TREES;
        const uint32_t type = below(2) ? MDL_F32 : MDL_F64;

        for (uint32_t t = 0; t < n; t++) {
            trees[t].n = 0;
            trees[t].output = 0;
            grow(&trees[t], first + t, 2 + below(200), below(101));
        }
        fill_rows(200);
        for (size_t i = 0; mdl_isa_name(i); i++) {
            mdl_model *m = load(n, 1, type, mdl_isa_name(i));
            assert_true(goes_by_planes(m));
            check(m, 1, type, 0, n);
            mdl_free(m);
        }
    }
}

static void any_range_of_iterations_of_several_outputs(void **state)
{
    static const uint32_t ranges[][2] = { { 0, TREES }, { 1, TREES }, { 3, 4 }, { 7, 41 }, { 0, TREES - 1 },
                                          { 23, 49 } };
    (void)state;
    for (int round = 0; round < 12; round++) {
        const uint32_t most = round < 4 ? 8 : round < 8 ? 40 : LEAVES, outputs = 1 + below(OUTPUTS);
        const uint32_t type = below(2) ? MDL_F32 : MDL_F64;

        for (uint32_t t = 0; t < TREES; t++) {
            trees[t].n = 0;
            trees[t].output = below(outputs);
            grow(&trees[t], 1 + below(most), 100, below(101));
        }
        fill_rows(100);
        for (size_t i = 0; mdl_isa_name(i); i++) {
            mdl_model *m = load(TREES, outputs, type, mdl_isa_name(i));
            assert_true(goes_by_planes(m));
            for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
                check(m, outputs, type, ranges[k][0], ranges[k][1]);
            mdl_free(m);
        }
    }
}

/* Complete trees, a threshold a level. */
static void level(struct tree *t, uint32_t depth, uint32_t levels)
{
    const uint32_t i = t->n++;

    t->left[i] = t->right[i] = t->feature[i] = -1;
    t->threshold[i] = 0;
    t->flags[i] = MDL_NODE_LEAF;
    t->value[i] = (double)below(1u << 20) / 4096 - 100;
    if (depth == levels)
        return;
    t->flags[i] = (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT
                            | (depth % 2 ? MDL_NODE_DEFAULT_LEFT : 0));
    t->feature[i] = (int32_t)((depth + levels) % COLS);
    t->threshold[i] = (double)(depth * 3) - 9;
    t->left[i] = (int32_t)t->n;
    level(t, depth + 1, levels);
    t->right[i] = (int32_t)t->n;
    level(t, depth + 1, levels);
}

static void oblivious_trees_add_up_to_what_walks_find(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < TREES; t++) {
        trees[t].n = 0;
        trees[t].output = t % OUTPUTS;
        level(&trees[t], 0, t % 9);
    }
    fill_rows(24);
    for (size_t i = 0; mdl_isa_name(i); i++) {
        mdl_model *m = load(TREES, OUTPUTS, MDL_F64, mdl_isa_name(i));
        assert_true(goes_by_planes(m));
        check(m, OUTPUTS, MDL_F64, 0, TREES);
        check(m, OUTPUTS, MDL_F64, 5, 50);
        mdl_free(m);
    }
}

/* Thresholds on floats and beside them, where no float is. */
static void floats_are_compared_as_the_doubles_that_they_are(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < TREES; t++) {
        trees[t].n = 0;
        trees[t].output = 0;
        grow(&trees[t], 1 + below(40), 100, 50);
        for (uint32_t i = 0; i < trees[t].n; i++)
            if (trees[t].flags[i] != MDL_NODE_LEAF && below(2))
                trees[t].threshold[i] = nextafter(trees[t].threshold[i], below(2) ? 1e9 : -1e9);
    }
    fill_rows(100);
    for (size_t i = 0; mdl_isa_name(i); i++)
        for (size_t e = 0;; e++) {
            mdl_model *m = load_typed(TREES, 1, MDL_F64, MDL_F64, mdl_isa_name(i), mdl_engine_name(e));
            check(m, 1, MDL_F64, 0, TREES);
            mdl_free(m);
            if (!mdl_engine_name(e))
                break;            /* after all that have a name: the one chosen */
        }
}

/* 70 trees of 255 nodes with hardly a threshold in common are 17,850 conditions, more than the
 * 16,384 planes that forks can name; 35 of them are not. */
static void with_more_conditions_than_planes_blocks_descend(void **state)
{
    const uint32_t distinct = 10000000;

    (void)state;
    for (uint32_t t = 0; t < TREES; t++) {
        trees[t].n = 0;
        trees[t].output = 0;
        grow(&trees[t], LEAVES, distinct, 30);
    }
    fill_rows(distinct);
    for (uint32_t n = TREES; n > TREES / 4; n /= 2) {
        mdl_model *m = load(n, 1, MDL_F64, NULL);
        assert_int_equal(goes_by_planes(m), n < TREES);
        check(m, 1, MDL_F64, 0, n);
        mdl_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_of_every_size_add_up_to_what_walks_find),
        cmocka_unit_test(any_range_of_iterations_of_several_outputs),
        cmocka_unit_test(oblivious_trees_add_up_to_what_walks_find),
        cmocka_unit_test(floats_are_compared_as_the_doubles_that_they_are),
        cmocka_unit_test(with_more_conditions_than_planes_blocks_descend),
    };

    return cmocka_run_group_tests_name("tree_planes", tests, NULL, NULL);
}
