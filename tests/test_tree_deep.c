/*
 * tests/test_tree_deep.c - walks by keys: trees of thousands of leaves, and their kernels
 *
 * Trees grow by splitting random leaves, so that some paths are long.  The reference walks the
 * arrays that were given to the builder, by the words of mdl_build.h, and adds what it finds in
 * the order of the trees.  Blocks of every size, one row, part of the trees: the same bits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "kernel/deep.h"
#include "kernel/kernel.h"

#include <math.h>

static uint64_t seed = 20;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

/* ---- ensembles, as they are given to the builder ------------------------------------------ */

#define TREES 20u
#define SET_WORDS 12u              /* of one set */

struct tree {
    uint32_t n;
    uint8_t *flags;
    int32_t *left, *right, *feature;
    double *threshold, *value, *cover;
    uint32_t *set_start, *set_words;
};

struct forest {
    uint32_t x_type, cols, width;
    int odd, covered;             /* category sets and zero rules; training weights */
    struct tree trees[TREES];
};

static double cell(uint32_t type)
{
    const double v = ((double)below(4001) - 2000) / 64;

    return type == MDL_F32 ? v : v + 0x1p-40;
}

static void draw_rule(const struct forest *f, struct tree *t, uint32_t i)
{
    static const uint8_t rules[] = { MDL_NODE_NAN_COMPARES, MDL_NODE_NAN_DEFAULT, MDL_NODE_NAN_ZERO,
                                     MDL_NODE_ZERO_DEFAULT };
    const uint32_t words = below(SET_WORDS);

    t->flags[i] = (uint8_t)(rules[below(f->odd ? 4 : 3)] | (below(2) ? MDL_NODE_DEFAULT_LEFT : 0));
    t->feature[i] = (int32_t)below(f->cols);
    t->threshold[i] = cell(f->x_type);
    t->set_start[i + 1] = t->set_start[i];
    if (!f->odd || below(4)) {
        t->flags[i] |= MDL_NODE_NUMBER;
        return;
    }
    t->flags[i] |= MDL_NODE_CATEGORY | (below(2) ? MDL_NODE_SET_LEFT : 0);
    for (uint32_t k = 0; k < words; k++)
        t->set_words[t->set_start[i + 1]++] = (uint32_t)next_random(&seed);
}

/* `leaves` leaves; every second split is of the youngest leaf, the others of any. */
static void draw_tree(const struct forest *f, struct tree *t, uint32_t leaves)
{
    const uint32_t n = 2 * leaves - 1;
    uint32_t *open = calloc(n, sizeof *open), n_open = 1;

    *t = (struct tree){ n, calloc(n, 1), calloc(n, 4), calloc(n, 4), calloc(n, 4), calloc(n, 8),
                        calloc(n, 8 * f->width), calloc(n, 8), calloc(n + 1, 4),
                        calloc(n, 4 * SET_WORDS) };
    for (uint32_t used = 1; used < n; used += 2) {
        const uint32_t k = below(2) ? n_open - 1 : below(n_open), i = open[k];
        t->flags[i] = MDL_NODE_NUMBER;
        t->left[i] = (int32_t)used;
        t->right[i] = (int32_t)used + 1;
        open[k] = used + below(2);
        open[n_open++] = 2 * used + 1 - open[k];
    }
    for (uint32_t i = 0; i < n; i++) {
        t->set_start[i + 1] = t->set_start[i];
        t->cover[i] = below(100);
        if (t->flags[i])
            draw_rule(f, t, i);
        for (uint32_t k = 0; k < f->width; k++)
            t->value[i * f->width + k] = ((double)below(1u << 30) - (1 << 29)) / (1 + below(1000));
    }
    free(open);
}

static void free_forest(struct forest *f)
{
    for (uint32_t k = 0; k < TREES; k++) {
        struct tree *t = &f->trees[k];
        free(t->flags); free(t->left); free(t->right); free(t->feature); free(t->threshold);
        free(t->value); free(t->cover); free(t->set_start); free(t->set_words);
    }
}

static mdl_model *load_forest(const struct forest *f, const mdl_load_options *options)
{
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LE, .threshold_type = f->x_type,
                          .leaf_type = MDL_F64, .outputs = f->width, .leaf_width = f->width };
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", f->x_type, f->cols, MDL_ABSENT_MISSING);
    const int32_t node = mdl_build_trees(b, x, &e);
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    for (uint32_t k = 0; k < TREES; k++) {
        const struct tree *t = &f->trees[k];
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = t->n, .weight = 1, .iteration = k,
                                .flags = t->flags, .left = t->left, .right = t->right,
                                .feature = t->feature, .threshold = t->threshold, .value = t->value,
                                .cover = f->covered ? t->cover : NULL, .set_start = t->set_start,
                                .set_words = t->set_words };
        mdl_build_tree(b, node, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, node, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, node, 1));
    mdl_build_ready(b, below(2));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, options, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

/* ---- the reference ------------------------------------------------------------------------- */

static int is_member(const struct tree *t, uint32_t i, double x)
{
    if (!(x >= 0 && x < 0x1p31))
        return 0;
    const uint32_t c = (uint32_t)x;
    return c / 32 < t->set_start[i + 1] - t->set_start[i]
        && (t->set_words[t->set_start[i] + c / 32] >> c % 32 & 1u);
}

static int goes_left(const struct tree *t, uint32_t i, double x)
{
    const uint8_t rule = t->flags[i] & 0x18u;
    const int by_default = (t->flags[i] & MDL_NODE_DEFAULT_LEFT) != 0;

    if (isnan(x) && (rule == MDL_NODE_NAN_DEFAULT || rule == MDL_NODE_ZERO_DEFAULT))
        return by_default;
    if (fabs(x) <= (double)1e-35f && rule == MDL_NODE_ZERO_DEFAULT)
        return by_default;
    if (isnan(x) && rule == MDL_NODE_NAN_ZERO)
        x = 0;
    if ((t->flags[i] & 3u) == MDL_NODE_CATEGORY)
        return is_member(t, i, x) == ((t->flags[i] & MDL_NODE_SET_LEFT) != 0);
    return x <= t->threshold[i];
}

static uint32_t leaf_of(const struct tree *t, const double *row)
{
    uint32_t i = 0;

    while (t->flags[i] & 3u)
        i = (uint32_t)(goes_left(t, i, row[t->feature[i]]) ? t->left[i] : t->right[i]);
    return i;
}

/* ---- rows ------------------------------------------------------------------------------------ */

#define MOST_ROWS 5000u            /* more than a block of a large forest */
#define MOST_WIDTH 10u

struct rows {
    double *wide, *sums;
    float *narrow;
    int32_t *leaves;
    uint32_t count;
};

static void draw_rows(const struct forest *f, struct rows *d, uint32_t count)
{
    d->count = count;
    d->wide = calloc((size_t)count * f->cols, sizeof *d->wide);
    d->narrow = calloc((size_t)count * f->cols, sizeof *d->narrow);
    d->sums = calloc((size_t)count * f->width, sizeof *d->sums);
    d->leaves = calloc((size_t)count * TREES, sizeof *d->leaves);
    for (size_t i = 0; i < (size_t)count * f->cols; i++) {
        const double v = cell(f->x_type);
        const double cells[] = { v, v, (double)below(400), (double)NAN, -0.0, 1e-36, (double)INFINITY,
                                 -(double)INFINITY, nextafter(v, -1e9), v };
        d->wide[i] = cells[below(10)];
        d->narrow[i] = (float)d->wide[i];
        if (f->x_type == MDL_F32)
            d->wide[i] = (double)d->narrow[i];
    }
    for (uint32_t r = 0; r < count; r++)
        for (uint32_t k = 0; k < TREES; k++) {
            const uint32_t leaf = leaf_of(&f->trees[k], d->wide + (size_t)r * f->cols);
            d->leaves[r * TREES + k] = (int32_t)leaf;
            for (uint32_t c = 0; c < f->width; c++)
                d->sums[r * f->width + c] += f->trees[k].value[leaf * f->width + c];
        }
}

static void free_rows(struct rows *d)
{
    free(d->wide); free(d->narrow); free(d->sums); free(d->leaves);
}

/* Leaves are numbered as the builder's nodes. */
static void check(const struct forest *f, const struct rows *d, const mdl_model *m, uint32_t first,
                  uint32_t count)
{
    static double y[MOST_ROWS * MOST_WIDTH];
    static int32_t leaves[MOST_ROWS * TREES];
    const void *x = f->x_type == MDL_F32 ? (const void *)(d->narrow + (size_t)first * f->cols)
                                         : (const void *)(d->wide + (size_t)first * f->cols);
    const mdl_tensor in = { .size = sizeof in, .type = f->x_type, .rank = 2,
                            .data = (void *)(uintptr_t)x, .dims = { count, f->cols } };
    const mdl_tensor out[] = {
        { .size = sizeof *out, .type = MDL_F64, .rank = 2, .data = y, .dims = { count, f->width } },
        { .size = sizeof *out, .type = MDL_I32, .rank = 2, .data = leaves, .dims = { count, TREES } },
    };
    mdl_error err = MDL_ERROR_INIT;

    for (size_t n = 1; n <= 2; n++) {
        memset(y, 0xA5, sizeof y);
        if (mdl_run(m, NULL, &in, 1, out, n, &err))
            fail_msg("%s", err.text);
        if (memcmp(y, d->sums + (size_t)first * f->width, count * f->width * sizeof *y) != 0)
            fail_msg("%s, %u rows, %u columns: other sums", mdl_isa(m), count, f->cols);
    }
    if (memcmp(leaves, d->leaves + (size_t)first * TREES, count * TREES * sizeof *leaves) != 0)
        fail_msg("%s, %u rows, %u columns: other leaves", mdl_isa(m), count, f->cols);
}

static void check_forest(struct forest *f, uint32_t leaves, uint32_t count)
{
    static const uint32_t heights[] = { 1, 2, 7, 8, 9, 17, 64, 250, 300, MOST_ROWS };
    struct rows d;

    for (uint32_t k = 0; k < TREES; k++)
        draw_tree(f, &f->trees[k], k % 5 == 4 ? 1 + below(3) : leaves);
    draw_rows(f, &d, count);
    for (size_t isa = 0; mdl_isa_name(isa); isa++) {
        const mdl_load_options options = { .size = sizeof options, .isa = mdl_isa_name(isa),
                                           .engine = "deep" };
        mdl_model *m = load_forest(f, &options);
        const char *chosen = NULL;

        mdl_engine_cost(m, NULL, 1, &chosen);
        assert_string_equal(chosen, "deep");
        for (size_t h = 0; h < sizeof heights / sizeof *heights && heights[h] <= count; h++)
            check(f, &d, m, below(count - heights[h] + 1), heights[h]);
        mdl_free(m);
    }
    free_rows(&d);
    free_forest(f);
}

static void deep_trees_answer_as_walks_over_what_was_built(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 16; k++) {
        struct forest f = { .x_type = k & 1 ? MDL_F64 : MDL_F32, .cols = k & 2 ? 9 : 70,
                            .width = k & 4 ? MOST_WIDTH : 1 + k % 3, .odd = (k & 8) != 0,
                            .covered = below(2) == 0 };
        check_forest(&f, 40 + below(2000), k < 2 ? MOST_ROWS : 300);
    }
}

/* More columns and nodes than fit 32 bits together: floats are walked as doubles. */
static void more_columns_than_nodes_have_bits_for_are_walked_too(void **state)
{
    struct forest f = { .x_type = MDL_F32, .cols = 40000, .width = 1 };

    (void)state;
    check_forest(&f, 30000, 20);
}

/* ---- kernels --------------------------------------------------------------------------------- */

#define KERNEL_NODES 1024u         /* of one tree: root, gap, pairs */
#define COLUMNS 37u
#define EIGHTS 5u

static const uint32_t words[4] = { 0xDEADBEEFu, 0x12345678u, 0, 0xFFFFFFFFu };
static const struct deep_set sets[3] = { { 0, 4, 0 }, { 1, 2, 1 }, { 0, 0, 0 } };
static const uint32_t roots[40] = { 0 };       /* many walks of one tree */

/* A chain of pairs with leaves here and there; the last pair is two leaves. */
static void draw_nodes(struct deep_u32 *narrow, struct deep_u64 *wide, uint32_t shift32,
                       uint32_t shift64)
{
    uint32_t next = 2, at = 0, leaf = 1;

    while (next < KERNEL_NODES) {
        const uint32_t c = 1 + below(COLUMNS - 1), side = below(2), set = below(5) == 0;
        const uint32_t t = set ? below(3) : 1000 + below(1000) - side;
        const uint32_t other = below(2);
        narrow[at] = (struct deep_u32){ (next + 1 - at) << shift32 | c * 4 | set * DEEP_SET | side, t };
        wide[at] = (struct deep_u64){ (uint64_t)(next + 1 - at) << shift64 | c * 8 | set * DEEP_SET | side,
                                      t };
        narrow[next + !other] = (struct deep_u32){ 1u << shift32, leaf };
        wide[next + !other] = (struct deep_u64){ (uint64_t)1 << shift64, leaf++ };
        at = next + other;
        next += 2;
    }
    narrow[at] = (struct deep_u32){ 1u << shift32, leaf };
    wide[at] = (struct deep_u64){ (uint64_t)1 << shift64, leaf };
}

static void walks_of_every_table_end_where_the_plain_ones_end(void **state)
{
    static _Alignas(64) struct deep_u32 narrow[KERNEL_NODES];
    static _Alignas(64) struct deep_u64 wide[KERNEL_NODES];
    static uint32_t key32[COLUMNS * 8 * EIGHTS];
    static uint64_t key64[COLUMNS * 8 * EIGHTS];
    const struct kernels *k;
    (void)state;

    for (uint32_t round = 0; round < 50; round++) {
        struct deep_table n = { narrow, roots, sets, words, COLUMNS, 8 };
        struct deep_table w = { wide, roots, sets, words, COLUMNS, 9 };
        uint32_t want[8 * EIGHTS], got[8 * EIGHTS + 1];

        draw_nodes(narrow, wide, n.shift, w.shift);
        for (size_t i = 0; i < sizeof key32 / sizeof *key32; i++)
            key64[i] = key32[i] = i / 8 % COLUMNS == 0 ? 0 : below(8) ? 990 + below(1020) : below(140);
        for (size_t i = 0; (k = mdl_kernels_at(i)) != NULL; i++) {
            got[8 * EIGHTS] = 77;
            mdl_kernels_ref.deep_rows_u32(want, &n, 0, key32, EIGHTS);
            k->deep_rows_u32(got, &n, 0, key32, EIGHTS);
            assert_memory_equal(got, want, sizeof want);
            k->deep_rows_u64(got, &w, 0, key64, EIGHTS);
            assert_memory_equal(got, want, sizeof want);
            assert_int_equal(got[8 * EIGHTS], 77);
        }
        key32[0] = 0;                           /* now keys of one row */
        key64[0] = 0;
        for (size_t i = 0; (k = mdl_kernels_at(i)) != NULL; i++)
            for (uint32_t trees = 1; trees < 40; trees++) {
                got[trees] = 77;
                mdl_kernels_ref.deep_row_u32(want, &n, 0, trees, key32);
                k->deep_row_u32(got, &n, 0, trees, key32);
                assert_memory_equal(got, want, trees * sizeof *want);
                k->deep_row_u64(got, &w, 0, trees, key64);
                assert_memory_equal(got, want, trees * sizeof *want);
                assert_int_equal(got[trees], 77);
            }
    }
}

/* Seconds that it takes to load very many stumps, each an ensemble. */
static double time_of(uint64_t cols)
{
    const mdl_trees one = { .size = sizeof one, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                            .outputs = 1, .leaf_width = 1 };
    const mdl_tree stump = { .size = sizeof stump, .n_nodes = 3, .weight = 1,
                             .flags = (uint8_t[]){ MDL_NODE_NUMBER, MDL_NODE_LEAF, MDL_NODE_LEAF },
                             .left = (int32_t[]){ 1, 0, 0 }, .right = (int32_t[]){ 2, 0, 0 },
                             .feature = (int32_t[]){ (int32_t)cols - 1, 0, 0 },
                             .threshold = (double[]){ 5, 0, 0 }, .value = (double[]){ 0, 1, 2 } };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, cols, MDL_ABSENT_MISSING);
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    int32_t n = 0;
    size_t size;
    mdl_model *m;

    for (uint32_t i = 0; i < 1000; i++) {
        n = mdl_build_trees(b, x, &one);
        mdl_build_tree(b, n, &stump);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    if (mdl_build_bytes(b, &bytes, &size, &err))
        fail_msg("%s", err.text);
    const double start = seconds_now();
    if (mdl_load_memory(&m, bytes, size, NULL, &err))
        fail_msg("%s", err.text);
    const double seconds = seconds_now() - start;
    assert_true(mdl_engine_cost(m, "deep", 1, NULL) > 0);
    mdl_free(m);
    mdl_builder_free(b);
    return seconds;
}

static void columns_that_nobody_asks_about_cost_next_to_nothing(void **state)
{
    const double few = time_of(2), many = time_of(1 << 20);
    (void)state;

    assert_in_time(many, few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deep_trees_answer_as_walks_over_what_was_built),
        cmocka_unit_test(more_columns_than_nodes_have_bits_for_are_walked_too),
        cmocka_unit_test(walks_of_every_table_end_where_the_plain_ones_end),
        cmocka_unit_test(columns_that_nobody_asks_about_cost_next_to_nothing),
    };

    return cmocka_run_group_tests_name("tree_deep", tests, NULL, NULL);
}
