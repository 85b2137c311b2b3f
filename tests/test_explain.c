/*
 * tests/test_explain.c - contributions of columns against their definitions
 *
 * The reference tries all subsets of the columns: what a tree is expected to give when some are
 * known is worked out from what was given to the builder, and weighed as Shapley did.  It shares
 * nothing with the library.  Bad input, threads, layouts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#define COLS 6u
#define TREES 3u
#define MOST_NODES 25u
#define WIDTH 2u
#define ROWS 10u                  /* a group of lanes, and two that go one by one */
#define SUBSETS (1u << COLS)

static uint64_t seed = 0x243F6A8885A308D3u;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

/* ---- a random ensemble ----------------------------------------------------------------------- */

struct random_tree {
    mdl_tree tree;
    uint8_t flags[MOST_NODES];
    int32_t left[MOST_NODES], right[MOST_NODES], feature[MOST_NODES];
    double threshold[MOST_NODES], value[MOST_NODES * WIDTH], cover[MOST_NODES];
    uint32_t set_start[MOST_NODES + 1], set_words[MOST_NODES];
};

struct forest {
    mdl_trees ensemble;
    double base[3];
    uint32_t x_type;
    struct random_tree trees[TREES];
    double x[ROWS][COLS];
};

static void random_tree(struct forest *f, struct random_tree *t, uint32_t number)
{
    const uint32_t n = 1 + 2 * below((MOST_NODES + 1) / 2), width = (uint32_t)f->ensemble.leaf_width;
    uint32_t open[MOST_NODES], n_open = 1, used = 1;

    memset(t, 0, sizeof *t);
    open[0] = 0;
    for (uint32_t i = 0; i < MOST_NODES; i++) {
        t->left[i] = t->right[i] = t->feature[i] = -1;
        t->set_start[i + 1] = i + 1;
        t->set_words[i] = (uint32_t)next_random(&seed);
        for (uint32_t k = 0; k < width; k++)
            t->value[i * width + k] = (double)(float)((double)below(2001) / 1000 - 1);
        /* Covers of children need not add up to their parent's, and may be 0. */
        t->cover[i] = below(5) ? below(100) + 0.25 : 0;
    }
    while (used < n) {
        const uint32_t at = below(n_open), i = open[at];
        const uint8_t rules[] = { MDL_NODE_NAN_COMPARES, MDL_NODE_NAN_DEFAULT, MDL_NODE_NAN_ZERO,
                                  MDL_NODE_ZERO_DEFAULT };
        t->flags[i] = (uint8_t)((below(4) ? MDL_NODE_NUMBER : MDL_NODE_CATEGORY) | rules[below(4)]
                                | (below(2) ? MDL_NODE_DEFAULT_LEFT : 0));
        if (t->flags[i] & MDL_NODE_CATEGORY && below(2))
            t->flags[i] |= MDL_NODE_SET_LEFT;
        t->feature[i] = (int32_t)below(COLS - 1);         /* the last column is never asked */
        t->threshold[i] = below(20) ? (double)below(9) / 2 : (double)INFINITY;
        t->left[i] = (int32_t)used;
        t->right[i] = (int32_t)used + 1;
        open[at] = used;
        open[n_open++] = used + 1;
        used += 2;
    }
    t->tree = (mdl_tree){ .size = sizeof t->tree, .n_nodes = n, .iteration = number,
                          .output = below((uint32_t)(f->ensemble.outputs - width + 1)),
                          .weight = below(2) ? 0.5 : 1, .flags = t->flags, .left = t->left,
                          .right = t->right, .feature = t->feature, .threshold = t->threshold,
                          .value = t->value, .cover = t->cover, .set_start = t->set_start,
                          .set_words = t->set_words };
}

static void random_forest(struct forest *f)
{
    f->ensemble = (mdl_trees){ .size = sizeof f->ensemble, .flags = below(8), .compare = below(2),
                               .threshold_type = MDL_F32, .leaf_type = below(2) ? MDL_F32 : MDL_F64,
                               .outputs = 1 + below(3), .base = f->base };
    f->ensemble.leaf_width = f->ensemble.outputs > 1 && below(2) ? 2 : 1;
    f->x_type = below(2) ? MDL_F32 : MDL_F64;
    for (uint32_t k = 0; k < 3; k++)
        f->base[k] = (double)below(16) / 8;
    for (uint32_t t = 0; t < TREES; t++)
        random_tree(f, &f->trees[t], t);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t c = 0; c < COLS; c++)
            f->x[r][c] = below(8) ? (double)below(18) / 4 - 0.25 : below(3) ? (double)NAN : 1e-40;
}

static mdl_model *model_of(const struct forest *f, int covers)
{
    mdl_builder *b = mdl_builder_new(NULL);
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;
    const int32_t x = mdl_build_input(b, "x", f->x_type, COLS, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &f->ensemble);

    mdl_build_column(b, x, 1, "age", MDL_COLUMN_NUMBER);
    for (uint32_t t = 0; t < TREES; t++) {
        mdl_tree tree = f->trees[t].tree;
        tree.cover = covers ? tree.cover : NULL;
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, NULL, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

/* ---- the reference --------------------------------------------------------------------------- */

static int goes_left(const struct forest *f, const struct random_tree *t, uint32_t i, double x)
{
    const double tiny = (double)1e-35f;
    const uint32_t rule = t->flags[i] & 0x18u, compare = f->ensemble.compare;
    const int by_default = (t->flags[i] & MDL_NODE_DEFAULT_LEFT) != 0;

    if (f->x_type == MDL_F32)
        x = (double)(float)x;
    if (f->ensemble.flags & MDL_TREES_CLIP_ZERO && fabs(x) <= tiny)
        x = 0;
    if (isnan(x) && (rule == MDL_NODE_NAN_DEFAULT || rule == MDL_NODE_ZERO_DEFAULT))
        return by_default;
    if (isnan(x) && rule == MDL_NODE_NAN_ZERO)
        x = 0;
    if (rule == MDL_NODE_ZERO_DEFAULT && fabs(x) <= tiny)
        return by_default;
    if ((t->flags[i] & 3u) == MDL_NODE_NUMBER)
        return compare == MDL_TREES_LE ? x <= t->threshold[i] : x < t->threshold[i];
    int member = 0;
    if (f->ensemble.flags & MDL_TREES_TRUNCATE && x > -1 && x < 0)
        x = 0;
    if (x >= 0 && x < 32)
        member = (int)(t->set_words[i] >> (uint32_t)x & 1u);
    return member == ((t->flags[i] & MDL_NODE_SET_LEFT) != 0);
}

/* Component k of what the tree gives when the columns in `known` are those of x; the others are left
 * to the covers, or to those of `other`. */
static double expected(const struct forest *f, const struct random_tree *t, uint32_t i, uint32_t k,
                       uint32_t known, const double *x, const double *other)
{
    const uint32_t column = (uint32_t)t->feature[i];

    if (!(t->flags[i] & 3u))
        return t->value[i * f->ensemble.leaf_width + k] * t->tree.weight;
    const uint32_t left = (uint32_t)t->left[i], right = (uint32_t)t->right[i];
    if (known >> column & 1 || other)
        return expected(f, t, goes_left(f, t, i, known >> column & 1 ? x[column] : other[column])
                              ? left : right, k, known, x, other);
    const double sum = t->cover[left] + t->cover[right];
    const double share = sum > 0 ? t->cover[left] / sum : 0.5;
    return share * expected(f, t, left, k, known, x, other)
         + (1 - share) * expected(f, t, right, k, known, x, other);
}

/* Of all trees in [begin, end), for every subset. */
static void try_all(const struct forest *f, uint32_t begin, uint32_t end, uint32_t output,
                    const double *x, const double *other, double *worth)
{
    for (uint32_t s = 0; s < SUBSETS; s++) {
        worth[s] = f->base[output];
        for (uint32_t t = begin; t < end; t++) {
            const uint64_t k = output - f->trees[t].tree.output;
            if (k < f->ensemble.leaf_width)
                worth[s] += expected(f, &f->trees[t], 0, (uint32_t)k, s, x, other);
        }
        if (f->ensemble.flags & MDL_TREES_AVERAGE)
            worth[s] /= end - begin;
    }
}

static double factorial(uint32_t n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

static uint32_t members(uint32_t s)
{
    return s ? (s & 1) + members(s >> 1) : 0;
}

static double shapley(const double *worth, uint32_t i)
{
    double sum = 0;

    for (uint32_t s = 0; s < SUBSETS; s++)
        if (!(s >> i & 1))
            sum += factorial(members(s)) * factorial(COLS - members(s) - 1) / factorial(COLS)
                 * (worth[s | 1u << i] - worth[s]);
    return sum;
}

static double both(const double *worth, uint32_t i, uint32_t j)
{
    double sum = 0;

    for (uint32_t s = 0; s < SUBSETS; s++)
        if (!(s >> i & 1) && !(s >> j & 1))
            sum += factorial(members(s)) * factorial(COLS - members(s) - 2) / (2 * factorial(COLS - 1))
                 * (worth[s | 1u << i | 1u << j] - worth[s | 1u << i] - worth[s | 1u << j] + worth[s]);
    return sum;
}

static int near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * (1 + fabs(b));
}

/* ---- calls ----------------------------------------------------------------------------------- */

static double values[ROWS * 3 * (COLS + 1) * (COLS + 1)];

static mdl_tensor rows_of(const struct forest *f)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = MDL_F64, .rank = 2,
                         .data = (void *)(uintptr_t)f->x, .dims = { ROWS, COLS } };
}

static void explain(const struct forest *f, const mdl_model *m, const mdl_explain_options *o)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_explainer *e;
    mdl_tensor v = { .size = sizeof v };
    const mdl_tensor x = rows_of(f);

    if (mdl_explainer_create(&e, m, o, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mdl_explain_shape(e, ROWS, &v), MDL_OK);
    assert_int_equal(v.dims[1], f->ensemble.outputs);
    v.data = values;
    if (mdl_explain(e, &x, &v, &err))
        fail_msg("%s", err.text);
    mdl_explainer_free(e);
}

static double value_at(const struct forest *f, uint32_t r, uint32_t k, uint32_t c)
{
    return values[(r * f->ensemble.outputs + k) * (COLS + 1) + c];
}

static double pair_at(const struct forest *f, uint32_t r, uint32_t k, uint32_t c, uint32_t d)
{
    return values[((r * f->ensemble.outputs + k) * (COLS + 1) + c) * (COLS + 1) + d];
}

#define FORESTS (60u * (uint32_t)slow())

static void values_are_those_of_all_subsets(void **state)
{
    static struct forest f;
    double worth[SUBSETS];

    (void)state;
    for (uint32_t i = 0; i < FORESTS; i++) {
        random_forest(&f);
        const uint32_t begin = below(TREES), end = begin + 1 + below(TREES - begin);
        const mdl_explain_options o = { .size = sizeof o, .tree_begin = begin, .tree_end = end };
        mdl_model *m = model_of(&f, 1);
        explain(&f, m, &o);
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t k = 0; k < f.ensemble.outputs; k++) {
                try_all(&f, begin, end, k, f.x[r], NULL, worth);
                for (uint32_t c = 0; c < COLS; c++)
                    if (!near(value_at(&f, r, k, c), shapley(worth, c)))
                        fail_msg("forest %u row %u output %u column %u: %.17g, expected %.17g", i, r, k,
                                 c, value_at(&f, r, k, c), shapley(worth, c));
                assert_true(value_at(&f, r, k, COLS - 1) == 0);     /* never asked: exactly */
                assert_true(near(value_at(&f, r, k, COLS), worth[0]));
            }
        mdl_free(m);
    }
}

static void interactions_are_those_of_all_subsets(void **state)
{
    static struct forest f;
    const mdl_explain_options o = { .size = sizeof o, .method = MDL_EXPLAIN_INTERACTIONS };
    double worth[SUBSETS];

    (void)state;
    for (uint32_t i = 0; i < FORESTS / 4; i++) {
        random_forest(&f);
        mdl_model *m = model_of(&f, 1);
        explain(&f, m, &o);
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t k = 0; k < f.ensemble.outputs; k++) {
                try_all(&f, 0, TREES, k, f.x[r], NULL, worth);
                for (uint32_t c = 0; c < COLS; c++) {
                    double sum = 0;
                    for (uint32_t d = 0; d < COLS; d++) {
                        sum += pair_at(&f, r, k, c, d);
                        assert_true(pair_at(&f, r, k, c, d) == pair_at(&f, r, k, d, c));
                        assert_true(c == d || near(pair_at(&f, r, k, c, d), both(worth, c, d)));
                    }
                    assert_true(near(sum, shapley(worth, c)));
                    assert_true(pair_at(&f, r, k, c, COLS) == 0 && pair_at(&f, r, k, COLS, c) == 0);
                }
                assert_true(near(pair_at(&f, r, k, COLS, COLS), worth[0]));
            }
        mdl_free(m);
    }
}

static void values_against_a_background_are_those_of_all_subsets(void **state)
{
    static struct forest f;
    double worth[SUBSETS], mean[SUBSETS];

    (void)state;
    for (uint32_t i = 0; i < FORESTS / 4; i++) {
        random_forest(&f);
        mdl_model *m = model_of(&f, 0);
        mdl_tensor background = rows_of(&f);
        background.dims[0] = 4;
        const mdl_explain_options o = { .size = sizeof o, .method = MDL_EXPLAIN_BACKGROUND,
                                        .background = &background };
        explain(&f, m, &o);
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t k = 0; k < f.ensemble.outputs; k++) {
                memset(mean, 0, sizeof mean);
                for (uint32_t b = 0; b < 4; b++) {
                    try_all(&f, 0, TREES, k, f.x[r], f.x[b], worth);
                    for (uint32_t s = 0; s < SUBSETS; s++)
                        mean[s] += worth[s] / 4;
                }
                for (uint32_t c = 0; c < COLS; c++)
                    assert_true(near(value_at(&f, r, k, c), shapley(mean, c)));
                assert_true(near(value_at(&f, r, k, COLS), mean[0]));
            }
        mdl_free(m);
    }
}

/* What is expected at each node of the path, one less the other. */
static void steps_are_changes_of_what_is_expected(void **state)
{
    static struct forest f;
    const mdl_explain_options o = { .size = sizeof o, .method = MDL_EXPLAIN_STEPS };

    (void)state;
    for (uint32_t i = 0; i < FORESTS; i++) {
        random_forest(&f);
        mdl_model *m = model_of(&f, 1);
        explain(&f, m, &o);
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t k = 0; k < f.ensemble.outputs; k++) {
                double want[COLS + 1] = { 0 };
                want[COLS] = f.base[k];
                for (uint32_t t = 0; t < TREES; t++) {
                    const struct random_tree *tree = &f.trees[t];
                    const uint64_t part = k - tree->tree.output;
                    if (part >= f.ensemble.leaf_width)
                        continue;
                    double was = expected(&f, tree, 0, (uint32_t)part, 0, NULL, NULL);
                    want[COLS] += was;
                    for (uint32_t n = 0; tree->flags[n] & 3u;) {
                        const uint32_t c = (uint32_t)tree->feature[n];
                        n = (uint32_t)(goes_left(&f, tree, n, f.x[r][c]) ? tree->left[n]
                                                                         : tree->right[n]);
                        const double is = expected(&f, tree, n, (uint32_t)part, 0, NULL, NULL);
                        want[c] += is - was;
                        was = is;
                    }
                }
                for (uint32_t c = 0; c <= COLS; c++)
                    assert_true(near(value_at(&f, r, k, c),
                                     f.ensemble.flags & MDL_TREES_AVERAGE ? want[c] / TREES : want[c]));
            }
        mdl_free(m);
    }
}

/* ---- long paths ------------------------------------------------------------------------------ */

#define LONG 300u

/* "All of the first n columns are below 1" is worth 1 - 2^-n more than it was: so much, by symmetry,
 * that each column has the same part of it. */
static void long_paths_are_exact(void **state)
{
    static const uint32_t lengths[] = { 1, 2, 3, 7, 16, 17, 33, 64, 150, LONG };
    static uint8_t flags[2 * LONG + 1];
    static int32_t left[2 * LONG + 1], right[2 * LONG + 1], feature[2 * LONG + 1];
    static double threshold[2 * LONG + 1], value[2 * LONG + 1], cover[2 * LONG + 1], x[9 * LONG];
    static double y[9][LONG + 1];                         /* eight rows, and one alone */

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const uint32_t n = lengths[i];
        const mdl_trees ensemble = { .size = sizeof ensemble, .threshold_type = MDL_F64,
                                     .leaf_type = MDL_F64, .outputs = 1, .leaf_width = 1 };
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 2 * n + 1, .weight = 1, .flags = flags,
                                .left = left, .right = right, .feature = feature,
                                .threshold = threshold, .value = value, .cover = cover };
        memset(flags, 0, sizeof flags);
        memset(value, 0, sizeof value);
        for (uint32_t k = 0; k <= 2 * n; k++)
            cover[k] = 1;
        for (uint32_t k = 0; k < n; k++) {
            flags[2 * k] = MDL_NODE_NUMBER;
            left[2 * k] = (int32_t)(2 * k + 2);
            right[2 * k] = (int32_t)(2 * k + 1);
            feature[2 * k] = (int32_t)k;
            threshold[2 * k] = 1;
        }
        value[2 * n] = 1;
        mdl_builder *b = mdl_builder_new(NULL);
        const int32_t in = mdl_build_input(b, "x", MDL_F64, n, MDL_ABSENT_ZERO);
        const int32_t node = mdl_build_trees(b, in, &ensemble);
        const void *bytes;
        size_t size;
        mdl_model *m = NULL;
        mdl_error err = MDL_ERROR_INIT;
        mdl_build_tree(b, node, &tree);
        mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, node, 0));
        if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, NULL, &err))
            fail_msg("%s", err.text);
        const mdl_tensor rows = { .size = sizeof rows, .type = MDL_F64, .rank = 2, .data = x,
                                  .dims = { 9, n } };
        const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                                 .dims = { 9, n + 1 }, .strides = { sizeof *y, sizeof **y } };
        const mdl_predict_options o = { .size = sizeof o, .output = MDL_OUTPUT_CONTRIB };
        if (mdl_predict_tensor(m, &rows, &out, &o, &err))
            fail_msg("%s", err.text);
        for (uint32_t c = 0; c < n; c++)
            if (fabs(y[0][c] * n / (1 - ldexp(1, -(int)n)) - 1) > 1e-12)
                fail_msg("path of %u, column %u: %.17g", n, c, y[0][c] * n);
        assert_true(fabs(y[0][n] - ldexp(1, -(int)n)) <= 1e-15);
        assert_memory_equal(y[0], y[8], (n + 1) * sizeof **y);
        mdl_free(m);
        mdl_builder_free(b);
    }
}

/* A model of one tree, over n columns. */
static mdl_model *model_of_one(const mdl_tree *tree, uint32_t n)
{
    const mdl_trees ensemble = { .size = sizeof ensemble, .threshold_type = MDL_F64,
                                 .leaf_type = MDL_F64, .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t node = mdl_build_trees(b, mdl_build_input(b, "x", MDL_F64, n, MDL_ABSENT_ZERO), &ensemble);
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    mdl_build_tree(b, node, tree);
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, node, 0));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, NULL, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

/* One row against a background. */
static void explain_against(const mdl_model *m, const double *x, uint32_t n, const double *background,
                            uint32_t rows, double *y)
{
    const mdl_tensor given = { .size = sizeof given, .type = MDL_F64, .rank = 2,
                               .data = (void *)(uintptr_t)background, .dims = { rows, n } };
    const mdl_tensor row = { .size = sizeof row, .type = MDL_F64, .rank = 2,
                             .data = (void *)(uintptr_t)x, .dims = { 1, n } };
    const mdl_explain_options o = { .size = sizeof o, .method = MDL_EXPLAIN_BACKGROUND,
                                    .background = &given };
    mdl_tensor v = { .size = sizeof v };
    mdl_explainer *e;

    assert_int_equal(mdl_explainer_create(&e, m, &o, NULL), MDL_OK);
    assert_int_equal(mdl_explain_shape(e, 1, &v), MDL_OK);
    v.data = y;
    assert_int_equal(mdl_explain(e, &row, &v, NULL), MDL_OK);
    mdl_explainer_free(e);
}

#define MANY 1100u                /* more than the library looks at together */

/* "All of n columns are below 1": it takes the row at u of them and the background at v, so each of
 * the u has (u - 1)! v! / (u + v)! and each of the v as much less; nothing, if both fail at one. */
static void long_paths_against_many_rows_are_exact(void **state)
{
    enum { N = 12 };
    static double background[MANY][N], x[N], want[N], y[N + 1];
    uint8_t flags[2 * N + 1] = { 0 };
    int32_t left[2 * N + 1], right[2 * N + 1], feature[2 * N + 1];
    double threshold[2 * N + 1], value[2 * N + 1] = { 0 }, factorial[N + 1] = { 1 };
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 2 * N + 1, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature, .threshold = threshold,
                            .value = value };

    (void)state;
    for (int32_t k = 0; k < N; k++) {
        flags[2 * k] = MDL_NODE_NUMBER;
        left[2 * k] = 2 * k + 2;
        right[2 * k] = 2 * k + 1;
        feature[2 * k] = k;
        threshold[2 * k] = 1;
        factorial[k + 1] = factorial[k] * (k + 1);
    }
    value[2 * N] = 1;
    mdl_model *m = model_of_one(&tree, N);
    for (uint32_t round = 0; round < 5; round++) {
        double base = 0;
        for (uint32_t c = 0; c < N; c++) {
            x[c] = round && below(4) == 0;
            want[c] = 0;
        }
        for (uint32_t r = 0; r < MANY; r++) {
            uint32_t u = 0, v = 0, dead = 0, all = 1;
            for (uint32_t c = 0; c < N; c++) {
                const int fails = below(round < 2 ? 2 : 6) == 0;
                background[r][c] = fails;
                dead |= fails && x[c] > 0;
                all &= !fails;
                u += fails && x[c] < 1;
                v += !fails && x[c] > 0;
            }
            base += all;
            for (uint32_t c = 0; c < N && !dead; c++) {
                if (background[r][c] > 0)
                    want[c] += factorial[u - 1] * factorial[v] / factorial[u + v] / MANY;
                else if (x[c] > 0)
                    want[c] -= factorial[u] * factorial[v - 1] / factorial[u + v] / MANY;
            }
        }
        explain_against(m, x, N, background[0], MANY, y);
        for (uint32_t c = 0; c < N; c++)
            assert_true(near(y[c], want[c]));
        assert_true(near(y[N], base / MANY));
    }
    mdl_free(m);
}

#define LEVELS 17u
#define BITS_ROWS 2200u

/* A tree that asks each column once on every path, and whose leaves add up what columns are worth:
 * so many nodes that where rows go is not kept. */
static void columns_that_add_up_are_worth_what_they_add(void **state)
{
    enum { NODES = (2 << LEVELS) - 1, INNER = NODES / 2 };
    static double background[BITS_ROWS][LEVELS], x[LEVELS], y[LEVELS + 1], mean[LEVELS];
    uint8_t *flags = calloc(NODES, 1);
    int32_t *ints = calloc(3 * NODES, sizeof *ints);
    double *reals = calloc(2 * NODES, sizeof *reals);
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = NODES, .weight = 1, .flags = flags,
                            .left = ints, .right = ints + NODES, .feature = ints + 2 * NODES,
                            .threshold = reals, .value = reals + NODES };

    (void)state;
    assert_true(flags && ints && reals);
    for (int32_t i = 0, level = 0; i < INNER; i++) {
        level += i == (2 << level) - 1;
        flags[i] = MDL_NODE_NUMBER;
        ints[i] = 2 * i + 1;
        ints[NODES + i] = 2 * i + 2;
        ints[2 * NODES + i] = level;
        reals[i] = 1;
    }
    for (uint32_t i = INNER; i < NODES; i++)
        for (uint32_t c = 0; c < LEVELS; c++)
            reals[NODES + i] += (i - INNER) >> (LEVELS - 1 - c) & 1 ? c + 1 : 0;
    for (uint32_t c = 0; c < LEVELS; c++)
        x[c] = below(2);
    for (uint32_t r = 0; r < BITS_ROWS; r++) {
        memcpy(background[r], x, sizeof x);
        for (uint32_t k = 0; k < 3; k++) {               /* a few of few: most of the tree is not reached */
            const uint32_t c = 5 * k + r % 2;
            background[r][c] = below(2);
        }
        for (uint32_t c = 0; c < LEVELS; c++)
            mean[c] += background[r][c] / BITS_ROWS;
    }
    mdl_model *m = model_of_one(&tree, LEVELS);
    explain_against(m, x, LEVELS, background[0], BITS_ROWS, y);
    for (uint32_t c = 0; c < LEVELS; c++)
        assert_true(near(y[c], (c + 1) * (x[c] - mean[c])));
    mdl_free(m);
    free(flags);
    free(ints);
    free(reals);
}

/* ---- layouts, threads ------------------------------------------------------------------------ */

static void one_after_the_other(void *user, size_t tasks, mdl_task task, void *data)
{
    (void)user;
    for (size_t i = tasks; i-- > 0;)
        task(data, i);
}

static void no_layout_and_no_thread_changes_a_bit(void **state)
{
    static struct forest f;
    static double big[200][COLS], alone[200][COLS + 1], split[200][COLS + 1];
    static float narrow[200][COLS + 1], sides[COLS + 1][200];
    const mdl_parallel parallel = { .size = sizeof parallel, .threads = 3, .run = one_after_the_other };
    const mdl_explain_options o = { .size = sizeof o, .parallel = &parallel };
    mdl_explainer *e, *threaded;

    (void)state;
    do {
        random_forest(&f);
    } while (f.ensemble.outputs != 1 || f.trees[0].tree.n_nodes < 9);
    mdl_model *m = model_of(&f, 1);
    for (uint32_t i = 0; i < 200 * COLS; i++)
        big[i / COLS][i % COLS] = f.x[below(ROWS)][i % COLS];
    assert_int_equal(mdl_explainer_create(&e, m, NULL, NULL), MDL_OK);
    assert_int_equal(mdl_explainer_create(&threaded, m, &o, NULL), MDL_OK);
    mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = big, .dims = { 200, COLS } };
    mdl_tensor v = { .size = sizeof v };

    mdl_explain_shape(e, 200, &v);
    v.data = split;
    assert_int_equal(mdl_explain(threaded, &x, &v, NULL), MDL_OK);
    x.dims[0] = v.dims[0] = 1;                            /* row by row */
    for (uint32_t r = 0; r < 200; r++) {
        x.data = big[r];
        v.data = alone[r];
        assert_int_equal(mdl_explain(e, &x, &v, NULL), MDL_OK);
    }
    assert_memory_equal(alone, split, sizeof alone);
    x.data = big;
    x.dims[0] = v.dims[0] = 200;
    v.type = MDL_F32;
    v.data = narrow;
    memset(v.strides, 0, sizeof v.strides);
    assert_int_equal(mdl_explain(e, &x, &v, NULL), MDL_OK);
    v.data = sides;                                       /* columns of rows */
    v.strides[0] = sizeof(float);
    v.strides[2] = sizeof sides[0];
    v.strides[1] = 4 * COLS;                              /* of no consequence */
    assert_int_equal(mdl_explain(e, &x, &v, NULL), MDL_OK);
    for (uint32_t r = 0; r < 200; r++)
        for (uint32_t c = 0; c <= COLS; c++)
            assert_true(narrow[r][c] == (float)alone[r][c] && sides[c][r] == narrow[r][c]);
    mdl_explainer_free(e);
    mdl_explainer_free(threaded);
    mdl_free(m);
}

/* Ways of a group of rows and of single ones, in trees of all sorts. */
static void no_cut_of_the_rows_changes_a_bit(void **state)
{
    static struct forest f;
    static double whole[sizeof values / sizeof *values], part[sizeof values / sizeof *values];
    static const uint32_t methods[] = { MDL_EXPLAIN_SHAP, MDL_EXPLAIN_INTERACTIONS };

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        const mdl_explain_options o = { .size = sizeof o, .method = methods[i % 2] };
        mdl_explainer *e;
        random_forest(&f);
        mdl_model *m = model_of(&f, 1);
        mdl_tensor x = rows_of(&f), v = { .size = sizeof v };
        assert_int_equal(mdl_explainer_create(&e, m, &o, NULL), MDL_OK);
        mdl_explain_shape(e, ROWS, &v);
        const size_t each = (size_t)(v.dims[1] * v.dims[2] * (v.rank == 4 ? v.dims[3] : 1));
        v.data = whole;
        assert_int_equal(mdl_explain(e, &x, &v, NULL), MDL_OK);
        for (uint32_t begin = 0; begin < ROWS; begin++)
            for (uint32_t n = 1; begin + n <= ROWS; n++) {
                x.data = f.x[begin];
                x.dims[0] = v.dims[0] = n;
                v.data = part;
                assert_int_equal(mdl_explain(e, &x, &v, NULL), MDL_OK);
                assert_memory_equal(part, whole + begin * each, n * each * sizeof *part);
            }
        mdl_explainer_free(e);
        mdl_free(m);
    }
}

static void every_kernel_set_gives_the_same_bits(void **state)
{
    static struct forest f;
    static double first[sizeof values / sizeof *values];
    const char *isa;

    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        random_forest(&f);
        mdl_model *any = model_of(&f, 1);
        mdl_builder *b = mdl_builder_from_model(any, NULL);
        const void *bytes;
        size_t size;
        assert_int_equal(mdl_build_bytes(b, &bytes, &size, NULL), MDL_OK);
        for (size_t k = 0; (isa = mdl_isa_name(k)) != NULL; k++) {
            const mdl_load_options o = { .size = sizeof o, .isa = isa };
            mdl_model *m;
            assert_int_equal(mdl_load_memory(&m, bytes, size, &o, NULL), MDL_OK);
            memset(values, 0, sizeof values);
            explain(&f, m, NULL);
            if (k == 0)
                memcpy(first, values, sizeof first);
            assert_memory_equal(first, values, sizeof first);
            mdl_free(m);
        }
        mdl_builder_free(b);
        mdl_free(any);
    }
}

static void sparse_rows_are_explained_as_dense_ones(void **state)
{
    static struct forest f;
    double cells[3] = { 1.5, 0.5, 2 }, dense[2][COLS];
    const int32_t start[] = { 0, 1, 3 }, columns[] = { 2, 0, 3 };
    double a[2][COLS + 1], b[2][COLS + 1];
    mdl_explainer *e;

    (void)state;
    do {
        random_forest(&f);
    } while (f.ensemble.outputs != 1);
    for (uint32_t i = 0; i < 2 * COLS; i++)
        dense[i / COLS][i % COLS] = (double)NAN;
    dense[0][2] = 1.5;
    dense[1][0] = 0.5;
    dense[1][3] = 2;
    mdl_model *m = model_of(&f, 1);
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = dense,
                           .dims = { 2, COLS } };
    const mdl_csr sparse = { .size = sizeof sparse, .type = MDL_F64, .index_type = MDL_I32, .rows = 2,
                             .cols = COLS, .row_start = start, .columns = columns, .values = cells };
    mdl_tensor v = { .size = sizeof v, .name = NULL };
    assert_int_equal(mdl_explainer_create(&e, m, NULL, NULL), MDL_OK);
    mdl_explain_shape(e, 2, &v);
    v.data = a;
    assert_int_equal(mdl_explain(e, &x, &v, NULL), MDL_OK);
    v.data = b;
    assert_int_equal(mdl_explain_csr(e, &sparse, &v, NULL), MDL_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_string_equal(mdl_explain_column(e, 1), "age");
    assert_string_equal(mdl_explain_column(e, 0), "");
    assert_null(mdl_explain_column(e, COLS));
    mdl_explainer_free(e);
    mdl_free(m);
}

/* ---- very many trees ------------------------------------------------------------------------- */

/* Seconds for a row whose one column reaches the thresholds of half of the stumps, and one more. */
static double time_of(const mdl_model *m, uint32_t method, uint32_t stumps)
{
    const mdl_explain_options o = { .size = sizeof o, .method = method };
    const float middle = (float)stumps / 2;
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F32, .rank = 2, .dims = { 1, 1 },
                           .data = (void *)(uintptr_t)&middle };
    double value[2];
    mdl_tensor v = { .size = sizeof v };
    mdl_error err = MDL_ERROR_INIT;
    mdl_explainer *e;

    if (mdl_explainer_create(&e, m, &o, &err))
        fail_msg("%s", err.text);
    mdl_explain_shape(e, 1, &v);
    v.data = value;
    const double start = seconds_now();
    if (mdl_explain(e, &x, &v, &err))
        fail_msg("%s", err.text);
    const double seconds = seconds_now() - start;
    assert_true(value[0] == 1 && value[1] == stumps / 2.0);
    mdl_explainer_free(e);
    return seconds;
}

static void steps_down_very_many_trees_take_their_time_each(void **state)
{
    enum { STUMPS = 80000 };
    const mdl_trees all = { .size = sizeof all, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                            .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &all);
    const void *bytes;
    size_t size;
    mdl_model *m;
    (void)state;

    for (uint32_t i = 0; i < STUMPS; i++)
        mdl_build_tree(b, n, &(mdl_tree){
            .size = sizeof(mdl_tree), .n_nodes = 3, .weight = 1,
            .flags = (uint8_t[]){ MDL_NODE_NUMBER, MDL_NODE_LEAF, MDL_NODE_LEAF },
            .left = (int32_t[]){ 1, 0, 0 }, .right = (int32_t[]){ 2, 0, 0 },
            .feature = (int32_t[]){ 0, 0, 0 }, .threshold = (double[]){ i, 0, 0 },
            .value = (double[]){ 0, 0, 1 }, .cover = (double[]){ 2, 1, 1 } });
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    assert_int_equal(mdl_build_bytes(b, &bytes, &size, NULL), MDL_OK);
    assert_int_equal(mdl_load_memory(&m, bytes, size, NULL, NULL), MDL_OK);
    mdl_builder_free(b);
    const double paths = time_of(m, MDL_EXPLAIN_SHAP, STUMPS);
    const double steps = time_of(m, MDL_EXPLAIN_STEPS, STUMPS);
    assert_in_time(steps, paths);
    mdl_free(m);
}

/* ---- bad input ------------------------------------------------------------------------------- */

static void refuses(const mdl_model *m, const mdl_explain_options *o, mdl_status status,
                    const char *words)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_explainer *e = (mdl_explainer *)&err;

    assert_int_equal(mdl_explainer_create(&e, m, o, &err), status);
    assert_null(e);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

static void what_cannot_be_explained_is_refused_with_words(void **state)
{
    static struct forest f;
    mdl_error err = MDL_ERROR_INIT;

    (void)state;
    random_forest(&f);
    mdl_model *bare = model_of(&f, 0), *m = model_of(&f, 1);
    mdl_tensor none = rows_of(&f);
    none.dims[0] = 0;
    mdl_tensor wide = rows_of(&f);
    wide.dims[1] = COLS - 1;
    mdl_explain_options o = MDL_EXPLAIN_OPTIONS_INIT;

    refuses(bare, NULL, MDL_ERR_UNSUPPORTED, "no covers");
    refuses(bare, NULL, MDL_ERR_UNSUPPORTED, "sum_hessian");
    refuses(NULL, NULL, MDL_ERR_ARGUMENT, "NULL");
    o.method = 4;
    refuses(m, &o, MDL_ERR_ARGUMENT, "method 4");
    o.method = MDL_EXPLAIN_BACKGROUND;
    refuses(m, &o, MDL_ERR_ARGUMENT, "background");
    o.background = &none;
    refuses(m, &o, MDL_ERR_DATA, "no rows");
    o.background = &wide;
    refuses(m, &o, MDL_ERR_DATA, "5 columns");
    o.method = MDL_EXPLAIN_SHAP;
    refuses(m, &o, MDL_ERR_ARGUMENT, "background");
    o = (mdl_explain_options){ .size = sizeof o, .tree_begin = 2, .tree_end = 9 };
    refuses(m, &o, MDL_ERR_ARGUMENT, "iterations 2 to 9");
    o = (mdl_explain_options){ .size = 3 };
    refuses(m, &o, MDL_ERR_ARGUMENT, "mdl_explain_options.size");

    mdl_explainer *e;
    assert_int_equal(mdl_explainer_create(&e, m, NULL, NULL), MDL_OK);
    mdl_tensor v = { .size = sizeof v };
    const mdl_tensor x = rows_of(&f);
    mdl_explain_shape(e, ROWS, &v);
    assert_int_equal(mdl_explain(e, &x, &v, &err), MDL_ERR_ARGUMENT);      /* no data */
    v.data = values;
    assert_int_equal(mdl_explain(e, &wide, &v, &err), MDL_ERR_DATA);
    v.dims[2]--;
    assert_int_equal(mdl_explain(e, &x, &v, &err), MDL_ERR_DATA);
    assert_non_null(strstr(err.text, "shape"));
    v.dims[2]++;
    v.type = MDL_I32;
    assert_int_equal(mdl_explain(e, &x, &v, &err), MDL_ERR_DATA);
    assert_int_equal(mdl_explain(NULL, &x, &v, &err), MDL_ERR_ARGUMENT);
    v.type = MDL_F64;
    v.dims[0] = 0;
    assert_int_equal(mdl_explain(e, &none, &v, &err), MDL_OK);
    mdl_explainer_free(e);
    mdl_explainer_free(NULL);
    mdl_free(bare);
    mdl_free(m);
}

static void covers_that_are_no_weights_are_refused(void **state)
{
    static struct forest f;
    const double bad[] = { -1, (double)NAN, (double)INFINITY };

    (void)state;
    do {
        random_forest(&f);
    } while (f.trees[1].tree.n_nodes < 3);
    for (int i = 0; i < 3; i++) {
        f.trees[1].cover[1] = bad[i];
        mdl_model *m = model_of(&f, 1);
        refuses(m, NULL, MDL_ERR_UNSUPPORTED, "cover of node");
        mdl_free(m);
    }
}

static void memory_that_runs_out_is_an_error(void **state)
{
    static struct forest f;
    mdl_error err = MDL_ERROR_INIT;
    const mdl_limits little = { .size = sizeof little, .scratch_bytes = 4096 };
    const mdl_load_options o = { .size = sizeof o, .limits = &little };
    const mdl_tensor x = rows_of(&f);
    const void *bytes;
    size_t size;
    mdl_model *m;
    mdl_explainer *e;

    (void)state;
    do {
        random_forest(&f);
    } while (f.trees[1].tree.n_nodes < 9);
    mdl_model *any = model_of(&f, 1);
    mdl_builder *b = mdl_builder_from_model(any, NULL);
    assert_int_equal(mdl_build_bytes(b, &bytes, &size, NULL), MDL_OK);
    assert_int_equal(mdl_load_memory(&m, bytes, size, &o, &err), MDL_OK);
    assert_int_equal(mdl_explainer_create(&e, m, NULL, NULL), MDL_OK);
    mdl_tensor v = { .size = sizeof v };
    mdl_explain_shape(e, ROWS, &v);
    v.data = values;
    assert_int_equal(mdl_explain(e, &x, &v, &err), MDL_ERR_LIMIT);
    assert_non_null(strstr(err.text, "scratch_bytes"));
    mdl_explainer_free(e);
    mdl_free(m);
    mdl_free(any);
    mdl_builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_all_subsets),
        cmocka_unit_test(interactions_are_those_of_all_subsets),
        cmocka_unit_test(values_against_a_background_are_those_of_all_subsets),
        cmocka_unit_test(steps_are_changes_of_what_is_expected),
        cmocka_unit_test(long_paths_are_exact),
        cmocka_unit_test(long_paths_against_many_rows_are_exact),
        cmocka_unit_test(columns_that_add_up_are_worth_what_they_add),
        cmocka_unit_test(no_layout_and_no_thread_changes_a_bit),
        cmocka_unit_test(no_cut_of_the_rows_changes_a_bit),
        cmocka_unit_test(every_kernel_set_gives_the_same_bits),
        cmocka_unit_test(sparse_rows_are_explained_as_dense_ones),
        cmocka_unit_test(steps_down_very_many_trees_take_their_time_each),
        cmocka_unit_test(what_cannot_be_explained_is_refused_with_words),
        cmocka_unit_test(covers_that_are_no_weights_are_refused),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
