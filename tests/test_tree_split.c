/*
 * tests/test_tree_split.c - the trees of few rows over threads: the bits of one thread
 *
 * Ensembles of so many trees that a row is worth it, by each engine that serves single rows; leaf
 * values whose sums depend on their order.  One thread is judged elsewhere.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <errno.h>

#define COLS 300u
#define FORKS 15u                 /* of a tree, all of its levels */
#define NODES (2 * FORKS + 1)
#define ROWS 4u

struct shape {
    uint32_t trees, cols, outputs;
    const char *engine;
};

/* Tiles; keys, for too many columns to match; the plain walk.  One sum, and three. */
static const struct shape shapes[] = {
    { 24000, 12, 1, "row" }, { 24000, 12, 3, "row" }, { 9000, COLS, 1, "deep" },
    { 9000, COLS, 3, "deep" }, { 2000, 12, 3, "plain" },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static mdl_model *build(const struct shape *s, const mdl_parallel *parallel)
{
    const mdl_load_options o = { .size = sizeof o, .engine = s->engine, .parallel = parallel };
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                          .outputs = s->outputs, .leaf_width = 1 };
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, s->cols, 0), n = mdl_build_trees(b, x, &e);
    uint8_t flags[NODES] = { 0 };
    int32_t left[NODES] = { 0 }, right[NODES] = { 0 }, feature[NODES] = { 0 };
    double threshold[NODES] = { 0 }, value[NODES] = { 0 };
    uint64_t seed = 5;
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    for (uint32_t t = 0; t < s->trees; t++) {
        for (uint32_t i = 0; i < NODES; i++) {
            value[i] = i < FORKS ? 0 : (double)(0.1f * (float)(next_random(&seed) % 997));
            if (i >= FORKS)
                continue;
            flags[i] = MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT;
            left[i] = (int32_t)(2 * i + 1);
            right[i] = (int32_t)(2 * i + 2);
            feature[i] = (int32_t)(next_random(&seed) % s->cols);
            threshold[i] = (double)(next_random(&seed) % 64);
        }
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = NODES, .weight = 1,
                                .output = t % s->outputs, .iteration = t, .flags = flags, .left = left,
                                .right = right, .feature = feature, .threshold = threshold,
                                .value = value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, &o, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

static const float *rows_of(uint32_t cols)
{
    static float x[ROWS * COLS];
    uint64_t seed = 9;

    for (uint32_t i = 0; i < ROWS * cols; i++)
        x[i] = next_random(&seed) % 11 ? (float)(next_random(&seed) % 66) - 1 : __builtin_nanf("");
    return x;
}

/* ---- a host that counts ------------------------------------------------------------------ */

struct host {
    size_t calls, tasks;          /* of run; tasks of all          */
    size_t leave_out;             /* so many tasks do not run      */
};

static void run_backwards(void *user, size_t tasks, mdl_task task, void *data)
{
    struct host *h = user;

    h->calls++;
    h->tasks += tasks;
    errno = 5;
    for (size_t i = tasks; i-- > h->leave_out;)
        task(data, i);
}

static mdl_status predict(const mdl_model *m, const struct shape *s, size_t rows, float *y,
                          const mdl_parallel *p, uint64_t begin, uint64_t end)
{
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F32, .rank = 2,
                           .data = (void *)(uintptr_t)rows_of(s->cols),
                           .dims = { (int64_t)rows, s->cols } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F32, .rank = 2, .data = y,
                             .dims = { (int64_t)rows, s->outputs } };
    const mdl_predict_options o = { .size = sizeof o, .parallel = p, .tree_begin = begin,
                                    .tree_end = end };

    return mdl_predict_tensor(m, &x, &out, &o, NULL);
}

static void trees_of_few_rows_over_threads_give_the_bits_of_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *s = &shapes[i];
        mdl_model *m = build(s, NULL);
        float want[ROWS * 3], y[ROWS * 3];
        struct host h = { 0 };
        mdl_parallel p = { .size = sizeof p, .threads = 5, .user = &h, .run = run_backwards };
        mdl_pool *pool;

        assert_int_equal(mdl_pool_create(&pool, 3, NULL, NULL), MDL_OK);
        for (size_t rows = 1; rows <= ROWS; rows++)
            for (uint64_t begin = 0; begin < 2; begin++) {
                const uint64_t end = begin ? s->trees - 7 : 0;
                assert_int_equal(predict(m, s, rows, want, NULL, begin, end), MDL_OK);
                errno = 77;
                assert_int_equal(predict(m, s, rows, y, &p, begin, end), MDL_OK);
                assert_int_equal(errno, 77);
                assert_memory_equal(y, want, rows * s->outputs * sizeof *y);
                assert_int_equal(predict(m, s, rows, y, mdl_pool_parallel(pool), begin, end), MDL_OK);
                assert_memory_equal(y, want, rows * s->outputs * sizeof *y);
            }
        assert_true(h.calls >= 2 * (1 + 2 + 3 + 4) && h.tasks > 4 * h.calls);
        mdl_pool_free(pool);
        mdl_free(m);
    }
}

static void tasks_that_a_host_leaves_out_are_run_all_the_same(void **state)
{
    const struct shape *s = &shapes[1];
    mdl_model *m = build(s, NULL);
    float want[3], y[3];
    (void)state;

    assert_int_equal(predict(m, s, 1, want, NULL, 0, 0), MDL_OK);
    for (size_t out = 1; out < 40; out += 6) {
        struct host h = { .leave_out = out };
        const mdl_parallel p = { .size = sizeof p, .threads = 4, .user = &h, .run = run_backwards };
        assert_int_equal(predict(m, s, 1, y, &p, 0, 0), MDL_OK);
        assert_memory_equal(y, want, sizeof y);
        assert_true(h.calls > 0);
    }
    mdl_free(m);
}

/* Leaf numbers are asked for one by one; a small range is not worth a thread, but stays right. */
static void leaves_and_simple_calls_are_right_with_threads(void **state)
{
    const struct shape *s = &shapes[0];
    mdl_pool *pool;
    (void)state;

    assert_int_equal(mdl_pool_create(&pool, 2, NULL, NULL), MDL_OK);
    mdl_model *alone = build(s, NULL), *m = build(s, mdl_pool_parallel(pool));
    float want, y;
    int32_t *leaf = malloc(2 * s->trees * sizeof *leaf);
    const mdl_predict_options o = { .size = sizeof o, .output = MDL_OUTPUT_LEAF };
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F32, .rank = 2, .dims = { 1, s->cols },
                           .data = (void *)(uintptr_t)rows_of(s->cols) };
    mdl_tensor out = { .size = sizeof out, .type = MDL_I32, .rank = 2, .data = leaf,
                       .dims = { 1, s->trees } };

    assert_int_equal(mdl_predict(alone, rows_of(s->cols), 1, &want), MDL_OK);
    assert_int_equal(mdl_predict(m, rows_of(s->cols), 1, &y), MDL_OK);
    assert_memory_equal(&y, &want, sizeof y);
    assert_int_equal(mdl_predict_tensor(alone, &x, &out, &o, NULL), MDL_OK);
    out.data = leaf + s->trees;
    assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
    assert_memory_equal(leaf, leaf + s->trees, s->trees * sizeof *leaf);
    assert_int_equal(predict(alone, s, 1, &want, NULL, 40, 41), MDL_OK);
    assert_int_equal(predict(m, s, 1, &y, NULL, 40, 41), MDL_OK);
    assert_memory_equal(&y, &want, sizeof y);
    free(leaf);
    mdl_free(alone);
    mdl_free(m);
    mdl_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_of_few_rows_over_threads_give_the_bits_of_one),
        cmocka_unit_test(tasks_that_a_host_leaves_out_are_run_all_the_same),
        cmocka_unit_test(leaves_and_simple_calls_are_right_with_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
