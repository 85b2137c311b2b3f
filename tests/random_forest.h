/*
 * tests/random_forest.h - random forests, rows that meet their thresholds, and what trees say of them
 *
 * The reference walks what was given to the builder, by the words of mdl_build.h, and
 * adds leaves in order in the type of the leaves: it shares nothing with the library.
 * Rows are full of thresholds, their neighbours, zeros, denormals, infinities and NaN.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_RANDOM_FOREST_H
#define MDL_TESTS_RANDOM_FOREST_H

#include "test.h"

#include <math.h>

#define TINY ((double)1e-35f)
#define MAX_NODES 161u             /* beyond the 31 that a top holds, and its exits */
#define MAX_TREES 150u
#define MAX_COLS 160u              /* two columns of ranks each: beyond what is matched */
#define MAX_OUTPUTS 4u
#define MAX_WIDTH 3u
#define ROWS 300u

/* ---- a random forest, as it is given to the builder ------------------------------------ */

struct random_tree {
    mdl_tree tree;
    uint8_t flags[MAX_NODES];
    int32_t left[MAX_NODES], right[MAX_NODES], feature[MAX_NODES], leaf_id[MAX_NODES];
    double threshold[MAX_NODES], value[MAX_NODES * MAX_WIDTH];
    uint32_t set_start[MAX_NODES + 1], set_words[MAX_NODES * 10];
    double cover[MAX_NODES], linear_const[MAX_NODES], linear_coef[MAX_NODES * 2];
    uint32_t linear_start[MAX_NODES + 1];
    int32_t linear_feature[MAX_NODES * 2];
};

struct forest {
    mdl_trees ensemble;
    double base[MAX_OUTPUTS];
    uint32_t x_type, cols, n_trees, n_iterations;
    int weighted, linear, categories, covered;
    uint32_t shape;
    int float_cells;              /* rows of a float64 model hold floats, and are given as such too */
    struct random_tree trees[MAX_TREES];
};

static uint64_t seed = 0x9E3779B97F4A7C15u;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

static double number(void)
{
    static const double edges[] = { 0, -0.0, 1, -1, 0.5, 2, 3, 1e-36, -1e-36, 1e30, -1e30,
                                    0x1p-149, -0x1p-149, 0x1p24, 100 };

    if (below(3) == 0)
        return edges[below(sizeof edges / sizeof *edges)];
    return ((double)below(2001) - 1000) / (double)(1u << below(12));
}

/* A number that the type holds; for float64 often one that float32 does not. */
static double typed(uint32_t type, double v)
{
    if (type == MDL_F32)
        return (double)(float)v;
    return below(2) ? v : nextafter(v, below(2) ? (double)INFINITY : (double)-INFINITY);
}

static void random_node(struct forest *f, struct random_tree *t, uint32_t i)
{
    static const uint8_t rules[] = { MDL_NODE_NAN_COMPARES, MDL_NODE_NAN_DEFAULT,
                                     MDL_NODE_NAN_ZERO, MDL_NODE_ZERO_DEFAULT };
    const uint8_t kind = f->categories && below(4) == 0 ? MDL_NODE_CATEGORY : MDL_NODE_NUMBER;
    const uint32_t kinds = f->categories ? 4 : 3;   /* without: only what kernels walk */

    t->flags[i] = (uint8_t)(kind | rules[below(kinds)] | (below(2) ? MDL_NODE_DEFAULT_LEFT : 0));
    if (kind == MDL_NODE_CATEGORY && below(2))
        t->flags[i] |= MDL_NODE_SET_LEFT;
    t->feature[i] = (int32_t)below(f->cols);
    t->threshold[i] = typed(f->ensemble.threshold_type, number());
    if (below(60) == 0)
        t->threshold[i] = below(2) ? (double)INFINITY : (double)-INFINITY;
}

static void copy_node(struct random_tree *t, uint32_t to, uint32_t from)
{
    t->flags[to] = t->flags[from];
    t->feature[to] = t->feature[from];
    t->threshold[to] = t->threshold[from];
}

static void random_leaf(struct forest *f, struct random_tree *t, uint32_t i)
{
    const uint32_t type = f->ensemble.leaf_type;

    t->flags[i] = MDL_NODE_LEAF;
    for (uint32_t k = 0; k < f->ensemble.leaf_width; k++)
        t->value[i * f->ensemble.leaf_width + k] = typed(type, number() / 3);
    t->linear_const[i] = number();
}

/* Sets and linear terms, for every node in turn: what is not used is not read. */
static void random_lists(struct forest *f, struct random_tree *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t words = below(40) ? below(3) : below(10), terms = below(3);
        t->cover[i] = (double)below(1000);
        t->set_start[i + 1] = t->set_start[i] + words;
        for (uint32_t k = 0; k < words; k++)
            t->set_words[t->set_start[i] + k] = (uint32_t)next_random(&seed);
        t->linear_start[i + 1] = t->linear_start[i] + terms;
        for (uint32_t k = 0; k < terms; k++) {
            t->linear_feature[t->linear_start[i] + k] = (int32_t)below(f->cols);
            t->linear_coef[t->linear_start[i] + k] = number();
        }
    }
}

/* Mostly deep; of few nodes; of few levels; of few levels that ask one question each. */
enum { DEEP, SMALL, SHALLOW, OBLIVIOUS, SHAPES };

/* How many nodes a tree gets, and which of the leaves of these levels is split next. */
static uint32_t random_nodes(uint32_t shape)
{
    switch (shape) {
    case SMALL: return 1 + 2 * below(16);
    case SHALLOW: return 41 + 2 * below(44);
    case OBLIVIOUS: return (2u << below(7)) - 1;
    default: return 1 + 2 * below(below(4) ? 31 : (MAX_NODES + 1) / 2);
    }
}

static uint32_t random_split(uint32_t shape, const uint32_t *level, uint32_t n_leaves)
{
    uint32_t pick = below(4) ? n_leaves - 1 : below(n_leaves);   /* mostly deep */

    while (shape == SHALLOW && level[pick] == 6)
        pick = (pick + 1) % n_leaves;
    for (uint32_t i = 0; i < n_leaves && shape == OBLIVIOUS; i++)
        if (level[i] < level[pick])
            pick = i;
    return pick;
}

/* Grown by splitting a random leaf; then numbered at random, the root staying 0. */
static void random_tree(struct forest *f, struct random_tree *t, uint32_t iteration)
{
    const uint32_t n = random_nodes(f->shape);
    int32_t place[MAX_NODES], leaves[MAX_NODES], asks[7];
    uint32_t level[MAX_NODES] = { 0 }, n_leaves = 1;

    memset(t, 0, sizeof *t);
    for (uint32_t i = 0; i < n; i++)
        place[i] = (int32_t)i;
    for (uint32_t i = n; i > 2; i--) {
        const uint32_t k = 1 + below(i - 1);
        const int32_t kept = place[i - 1];
        place[i - 1] = place[k];
        place[k] = kept;
    }
    leaves[0] = 0;
    for (uint32_t used = 1; used < n; used += 2) {
        const uint32_t pick = random_split(f->shape, level, n_leaves), at = (uint32_t)leaves[pick];
        if (f->shape == OBLIVIOUS && ((used + 1) & used) != 0)
            copy_node(t, at, (uint32_t)asks[level[pick]]);
        else
            random_node(f, t, at);
        asks[level[pick] % 7] = (int32_t)at;
        level[n_leaves] = ++level[pick];
        t->left[at] = place[used];
        t->right[at] = place[used + 1];
        leaves[pick] = place[used];
        leaves[n_leaves++] = place[used + 1];
    }
    for (uint32_t i = 0; i < n_leaves; i++)
        random_leaf(f, t, (uint32_t)leaves[i]);
    for (uint32_t i = 0; i < n; i++)
        t->leaf_id[i] = (int32_t)below(1000) - 500;
    random_lists(f, t, n);
    t->tree = (mdl_tree){
        .size = sizeof t->tree, .n_nodes = n, .iteration = iteration,
        .output = below((uint32_t)(f->ensemble.outputs - f->ensemble.leaf_width + 1)),
        .weight = f->weighted ? typed(f->ensemble.leaf_type, number()) : 1,
        .flags = t->flags, .left = t->left, .right = t->right, .feature = t->feature,
        .threshold = t->threshold, .value = t->value, .leaf_id = below(2) ? t->leaf_id : NULL,
        .cover = f->covered ? t->cover : NULL, .set_start = t->set_start, .set_words = t->set_words,
    };
    if (f->linear && below(2)) {
        t->tree.linear_const = t->linear_const;
        t->tree.linear_start = t->linear_start;
        t->tree.linear_feature = t->linear_feature;
        t->tree.linear_coef = t->linear_coef;
    }
}

static void random_forest(struct forest *f)
{
    mdl_trees *e = &f->ensemble;

    *e = (mdl_trees){ .size = sizeof *e, .flags = below(8), .compare = below(2),
                      .threshold_type = below(2) ? MDL_F32 : MDL_F64,
                      .leaf_type = below(2) ? MDL_F32 : MDL_F64,
                      .outputs = 1 + below(MAX_OUTPUTS), .base = f->base };
    e->leaf_width = below(2) ? 1 : 1 + below((uint32_t)(e->outputs < MAX_WIDTH ? e->outputs
                                                                               : MAX_WIDTH));
    f->x_type = below(2) ? MDL_F32 : MDL_F64;
    f->float_cells = f->x_type == MDL_F64 && below(2);
    f->cols = 1 + below(below(4) ? 12 : MAX_COLS);
    f->shape = below(SHAPES);
    f->weighted = below(3) == 0;
    f->categories = below(2) == 0;
    f->covered = below(2) == 0;
    f->linear = e->leaf_type == MDL_F64 && e->leaf_width == 1 && below(3) == 0;
    f->n_trees = 1 + below(below(4) ? 20 : MAX_TREES);
    for (uint32_t k = 0; k < MAX_OUTPUTS; k++)
        f->base[k] = typed(e->leaf_type, number());
    uint32_t iteration = 0;
    for (uint32_t t = 0; t < f->n_trees; t++) {
        random_tree(f, &f->trees[t], iteration);
        f->n_iterations = iteration + 1;
        iteration += below(3) ? 1 : below(3);
    }
}

static unsigned char *forest_file(const struct forest *f, size_t *size)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", f->x_type, f->cols, MDL_ABSENT_ZERO);
    const int32_t n = mdl_build_trees(b, x, &f->ensemble);

    for (uint32_t t = 0; t < f->n_trees; t++)
        mdl_build_tree(b, n, &f->trees[t].tree);
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    mdl_build_output(b, "sure", MDL_OUTPUT_PROBA, mdl_build_result(b, n, 0));
    mdl_build_ready(b, below(2));
    return built_file(b, size);
}

/* ---- the reference ----------------------------------------------------------------------- */

static int in_set(const mdl_tree *t, uint32_t node, double x, int truncate)
{
    if (x != x)
        return 0;
    if (truncate)
        x = trunc(x);
    if (x < 0 || x >= 2147483648.0)
        return 0;
    const uint32_t category = (uint32_t)x;
    const uint32_t words = t->set_start[node + 1] - t->set_start[node];
    if (category >= words * 32)
        return 0;
    return (int)(t->set_words[t->set_start[node] + category / 32] >> (category % 32)) & 1;
}

static int32_t next_node(const mdl_trees *e, const mdl_tree *t, uint32_t node, double x)
{
    const uint8_t flags = t->flags[node], rule = flags & 0x18u;
    const int32_t by_default = flags & MDL_NODE_DEFAULT_LEFT ? t->left[node] : t->right[node];
    const int small = fabs(x) <= TINY;

    if (isnan(x) && (rule == MDL_NODE_NAN_DEFAULT || rule == MDL_NODE_ZERO_DEFAULT))
        return by_default;
    if (small && rule == MDL_NODE_ZERO_DEFAULT)
        return by_default;
    if (isnan(x) && rule == MDL_NODE_NAN_ZERO)
        x = 0;
    if (small && e->flags & MDL_TREES_CLIP_ZERO)
        x = 0;
    if ((flags & 3u) == MDL_NODE_CATEGORY) {
        const int member = in_set(t, node, x, (e->flags & MDL_TREES_TRUNCATE) != 0);
        if (flags & MDL_NODE_SET_LEFT)
            return member ? t->left[node] : t->right[node];
        return member ? t->right[node] : t->left[node];
    }
    if (e->compare == MDL_TREES_LT)
        return x < t->threshold[node] ? t->left[node] : t->right[node];
    return x <= t->threshold[node] ? t->left[node] : t->right[node];
}

static uint32_t leaf_of(const struct forest *f, const mdl_tree *t, const double *row)
{
    int32_t node = 0;

    while ((t->flags[node] & 3u) != MDL_NODE_LEAF)
        node = next_node(&f->ensemble, t, (uint32_t)node, row[t->feature[node]]);
    return (uint32_t)node;
}

static double leaf_value(const struct forest *f, const mdl_tree *t, uint32_t leaf, uint32_t k,
                         const double *row)
{
    const double plain = t->value[leaf * f->ensemble.leaf_width + k];
    double sum;

    if (!t->linear_const)
        return plain;
    sum = t->linear_const[leaf];
    for (uint32_t i = t->linear_start[leaf]; i < t->linear_start[leaf + 1]; i++) {
        double x = row[t->linear_feature[i]];
        if (isnan(x))
            return plain;
        if (f->ensemble.flags & MDL_TREES_CLIP_ZERO && fabs(x) <= TINY)
            x = 0;
        sum = sum + t->linear_coef[i] * x;
    }
    return sum;
}

/* What tree i adds to the sums of a row, in the type of the leaves. */
static void add_tree(const struct forest *f, const double *row, uint32_t i, double *sums)
{
    const mdl_trees *e = &f->ensemble;
    const mdl_tree *t = &f->trees[i].tree;
    const uint32_t leaf = leaf_of(f, t, row);

    for (uint32_t k = 0; k < e->leaf_width; k++) {
        double *sum = &sums[t->output + k];
        const double v = leaf_value(f, t, leaf, k, row);
        if (e->leaf_type == MDL_F32) {
            const float product = (float)v * (float)t->weight;
            *sum = (double)((float)*sum + product);
        } else {
            const double product = v * t->weight;
            *sum = *sum + product;
        }
    }
}

/* Answers from sums of so many rounds. */
static void end_sums(const struct forest *f, uint64_t rounds, const double *sums, double *y)
{
    for (uint32_t k = 0; k < f->ensemble.outputs; k++) {
        y[k] = sums[k];
        if (f->ensemble.flags & MDL_TREES_AVERAGE)
            y[k] = f->ensemble.leaf_type == MDL_F32 ? (double)((float)sums[k] / (float)rounds)
                                                    : sums[k] / (double)rounds;
    }
}

/* All of one row: sums in the type of the leaves, and leaf ids. */
static void reference(const struct forest *f, const double *row, double *y, int32_t *ids)
{
    double sums[MAX_OUTPUTS];

    memcpy(sums, f->base, sizeof sums);
    for (uint32_t i = 0; i < f->n_trees; i++) {
        const mdl_tree *t = &f->trees[i].tree;
        const uint32_t leaf = leaf_of(f, t, row);
        ids[i] = t->leaf_id ? t->leaf_id[leaf] : (int32_t)leaf;
        add_tree(f, row, i, sums);
    }
    end_sums(f, f->n_iterations, sums, y);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* A cell that is likely to meet a threshold of the forest. */
static double random_cell(const struct forest *f)
{
    static const double edges[] = { 0, -0.0, 0x1p-149, -0x1p-149, 0x1p-1074, (double)1e-35f,
                                    -(double)1e-35f, 1e-36, 0x1p24, 0x1p31, -0.5, -1, 33, 63, 64 };
    const struct random_tree *t = &f->trees[below(f->n_trees)];
    const double near = t->threshold[below(t->tree.n_nodes)];
    const uint32_t choice = below(10);

    if (choice < 5) {
        const double up = choice == 3 ? (double)INFINITY : (double)-INFINITY;
        if (choice < 3)
            return near;
        return f->x_type == MDL_F32 ? (double)nextafterf((float)near, (float)up)
                                    : nextafter(near, up);
    }
    if (choice == 5)
        return (double)NAN;
    if (choice == 6)
        return edges[below(sizeof edges / sizeof *edges)];
    if (choice == 7)
        return below(2) ? (double)INFINITY : (double)-INFINITY;
    return choice == 8 ? (double)below(below(2) ? 70 : 330) : number();
}

struct data {
    double wide[ROWS * MAX_COLS];        /* the cells as the model sees them, widened */
    float narrow[ROWS * MAX_COLS];
    double sums[ROWS * MAX_OUTPUTS];     /* by the reference */
    float narrow_sums[ROWS * MAX_OUTPUTS];
    int32_t ids[ROWS * MAX_TREES];
};

static void fill(const struct forest *f, struct data *d)
{
    const size_t outputs = (size_t)f->ensemble.outputs;

    for (uint32_t i = 0; i < ROWS * f->cols; i++) {
        const double v = random_cell(f);
        d->narrow[i] = (float)v;
        d->wide[i] = f->x_type == MDL_F32 || f->float_cells ? (double)d->narrow[i] : v;
    }
    for (uint32_t r = 0; r < ROWS; r++)
        reference(f, d->wide + r * f->cols, d->sums + r * outputs, d->ids + r * f->n_trees);
    for (size_t i = 0; i < ROWS * outputs; i++)
        d->narrow_sums[i] = (float)d->sums[i];
}

/* NaN has many bits (inf - inf); every other result has one pattern. */
static void same_bits(const void *got, const void *want, uint32_t type, size_t n, const char *isa,
                      size_t rows)
{
    for (size_t i = 0; i < n; i++) {
        const double g = type == MDL_F32 ? (double)((const float *)got)[i]
                                         : ((const double *)got)[i];
        const double w = type == MDL_F32 ? (double)((const float *)want)[i]
                                         : ((const double *)want)[i];
        if (memcmp(&g, &w, sizeof g) != 0 && !(g != g && w != w))
            fail_msg("%s, %zu rows: value %zu is %a, expected %a", isa, rows, i, g, w);
    }
}

/* ---- all of them ------------------------------------------------------------------------- */

/* So many random forests and their rows, with every kernel set and engine; returns how many trees. */
static size_t each_forest(int rounds, void (*check)(struct forest *f, struct data *d, mdl_model *m))
{
    static struct forest f;
    static struct data d;
    size_t n_trees = 0;

    for (int round = 0; round < rounds; round++) {
        size_t size;
        random_forest(&f);
        fill(&f, &d);
        n_trees += f.n_trees;
        unsigned char *file = forest_file(&f, &size);
        for (size_t k = 0; mdl_isa_name(k); k++)
            for (size_t e = 0;; e++) {
                const mdl_load_options options = { .size = sizeof options, .isa = mdl_isa_name(k),
                                                   .engine = mdl_engine_name(e) };
                mdl_model *m;
                mdl_error err = MDL_ERROR_INIT;
                if (mdl_load_memory(&m, file, size, &options, &err))
                    fail_msg("%s", err.text);
                check(&f, &d, m);
                mdl_free(m);
                if (!options.engine)
                    break;        /* after all that have a name: the one chosen */
            }
        free(file);
    }
    return n_trees;
}

static const size_t heights[] = { 1, 2, 7, 8, 9, 63, 64, 65, 255, ROWS };
#define HEIGHTS (sizeof heights / sizeof *heights)

#endif
