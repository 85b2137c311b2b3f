/*
 * tests/test_stages.c - stages, what each tree adds, rows that stop early, and what is refused
 *
 * Expected numbers are derived by hand: small_model of test.h starts at 0.5 and has two rounds that
 * add the same; sure_model below has four rounds, each of which adds -1 to the rows below 0, 3 to
 * the others.
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include <math.h>

#define N 6
static const float rows[N][2] = { { 1, 0 }, { 2, 1 }, { 2, 0 }, { (float)NAN, (float)NAN },
                                  { 1.5f, 3 }, { -5, 2 } };
static const double adds[N] = { 1, 4, 2, 2, 4, 1 };      /* a tree to each row */

static mdl_tensor tensor(uint32_t type, void *data, uint32_t rank, int64_t a, int64_t b, int64_t c)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = type, .rank = rank, .data = data,
                         .dims = { a, b, c } };
}

static mdl_tensor small_rows(void)
{
    return tensor(MDL_F32, (void *)(uintptr_t)rows, 2, N, 2, 0);
}

/* Fails with that status and words. */
static void refused(const mdl_model *m, const mdl_tensor *x, const mdl_tensor *y,
                    const mdl_predict_options *o, mdl_status status, const char *words)
{
    mdl_error err = MDL_ERROR_INIT;

    assert_int_equal(mdl_predict_tensor(m, x, y, o, &err), status);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

/* ---- stages -------------------------------------------------------------------------------- */

static void stages_are_the_predictions_of_longer_and_longer_ranges(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    const mdl_tensor x = small_rows();
    float y[2][N];
    double spread[N][2][3];
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    (void)state;

    assert_int_equal(mdl_iterations(m), 2);
    assert_int_equal(mdl_iterations(NULL), 0);
    o.stage_every = 1;
    mdl_tensor out = tensor(MDL_F32, y, 3, 2, N, 1);
    assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
    out = tensor(MDL_F64, spread, 3, 2, N, 1);
    out.strides[0] = sizeof spread[0][0];
    out.strides[1] = sizeof spread[0];
    out.strides[2] = 8;
    assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 2; k++)
            assert_true((double)y[k][i] == 0.5 + (k + 1) * adds[i] && spread[i][k][0] == (double)y[k][i]);
    mdl_free(m);
}

/* Of rounds [begin, 2): how many stages, and what the last one is. */
static void the_last_stage_is_the_whole_range(void **state)
{
    static const struct { uint64_t begin, first, every; int stages; double last; } cases[] = {
        { 0, 0, 2, 1, 2 }, { 0, 0, 9, 1, 2 }, { 0, 1, 7, 2, 2 }, { 0, 2, 1, 1, 2 },
        { 0, UINT64_MAX, 1, 1, 2 }, { 1, 0, 1, 1, 1 }, { 0, 1, UINT64_MAX, 2, 2 },
    };
    mdl_model *m = loaded(small_model(NULL), NULL);
    const mdl_tensor x = small_rows();
    float y[2][N];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
        o.tree_begin = cases[i].begin;
        o.stage_first = cases[i].first;
        o.stage_every = cases[i].every;
        const mdl_tensor out = tensor(MDL_F32, y, 3, cases[i].stages, N, 1);
        const mdl_tensor more = tensor(MDL_F32, y, 3, 3, N, 1);
        assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
        assert_int_equal(mdl_stages(m, &o), cases[i].stages);
        for (int k = 0; k < N; k++)
            assert_true((double)y[cases[i].stages - 1][k] == 0.5 + cases[i].last * adds[k]);
        refused(m, &x, &more, &o, MDL_ERR_DATA, "y has 3 stages, there are ");
    }
    mdl_free(m);
}

static void options_that_ask_for_no_stages_have_none(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    (void)state;

    assert_int_equal(mdl_stages(m, NULL), 0);
    assert_int_equal(mdl_stages(m, &o), 0);
    o.stage_every = 1;
    assert_int_equal(mdl_stages(NULL, &o), 0);
    assert_int_equal(mdl_stages(m, &o), 2);
    o.tree_end = UINT64_MAX;
    assert_int_equal(mdl_stages(m, &o), 2);
    o.tree_end = 3;
    assert_int_equal(mdl_stages(m, &o), 0);
    o.tree_end = o.tree_begin = 1;
    assert_int_equal(mdl_stages(m, &o), 0);
    o.tree_begin = 0;
    assert_int_equal(mdl_stages(m, &o), 1);
    o.size = 2;
    assert_int_equal(mdl_stages(m, &o), 0);
    mdl_free(m);
}

static void what_is_no_tensor_of_stages_is_refused(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    const mdl_tensor x = small_rows();
    float y[2][N];
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_tensor out = tensor(MDL_F32, y, 2, N, 1, 0);
    (void)state;

    o.stage_first = 1;
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "stage_first without stage_every");
    o.stage_every = 1;
    refused(m, &x, &out, &o, MDL_ERR_DATA, "rank 3");
    refused(m, &x, NULL, &o, MDL_ERR_DATA, "rank 3");
    out = tensor(MDL_F32, y, 3, -2, N, 1);
    refused(m, &x, &out, &o, MDL_ERR_DATA, "rank 3");
    out = tensor(MDL_F32, y, 3, 2, N, 2);
    refused(m, &x, &out, &o, MDL_ERR_DATA, "2 columns");
    out = tensor(MDL_F32, y, 3, 2, N - 1, 1);
    refused(m, &x, &out, &o, MDL_ERR_DATA, "rows");
    out = tensor(MDL_F32, y, 3, INT64_MAX, INT64_MAX, INT64_MAX);
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "overflows");
    out = tensor(MDL_F32, y, 3, 2, N, 1);
    o.output = MDL_OUTPUT_LEAF;
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "not for one call");
    o.output = MDL_OUTPUT_TREES;
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "not for one call");
    o.output = MDL_OUTPUT_CONTRIB;
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "no stages");
    mdl_free(m);
}

/* The struct of before stages, with anything behind it. */
static void an_older_options_struct_asks_for_no_stages(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    const mdl_tensor x = small_rows();
    float y[N];
    const mdl_tensor out = tensor(MDL_F32, y, 2, N, 1, 0);
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    (void)state;

    o.size = offsetof(mdl_predict_options, stage_every);
    o.stage_every = o.stop_every = 77;
    assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
    for (int i = 0; i < N; i++)
        assert_true((double)y[i] == 0.5 + 2 * adds[i]);
    mdl_free(m);
}

/* ---- trees --------------------------------------------------------------------------------- */

static void each_tree_stands_behind_what_the_sums_start_from(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    const mdl_tensor x = small_rows();
    float y[N][3];
    double one[2][N];             /* by column */
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    size_t cols = 0;
    (void)state;

    o.output = MDL_OUTPUT_TREES;
    assert_int_equal(mdl_output_shape(m, &o, &cols, NULL), MDL_OK);
    assert_int_equal(cols, 3);
    mdl_tensor out = tensor(MDL_F32, y, 2, N, 3, 0);
    assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
    refused(m, &x, &(mdl_tensor){ .size = sizeof out, .type = MDL_F32, .rank = 2, .data = y,
                                  .dims = { N, 2 } }, &o, MDL_ERR_DATA, "'trees' has 3");
    o.tree_begin = 1;
    out = tensor(MDL_F64, one, 2, N, 2, 0);
    out.strides[0] = 8;
    out.strides[1] = sizeof one[0];
    assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
    for (int i = 0; i < N; i++) {
        assert_true(y[i][0] == 0.5f && (double)y[i][1] == adds[i] && (double)y[i][2] == adds[i]);
        assert_true(one[0][i] == 0.5 && one[1][i] == adds[i]);
    }
    mdl_free(m);
}

/* ---- an early stop --------------------------------------------------------------------------- */

enum { ROUNDS = 4, MANY = 200 };

/* One output and its class, or a margin of each of `outputs` classes: the k-th has the sum over k + 1. */
static mdl_model *sure_model(uint64_t outputs, const mdl_allocator *allocator)
{
    static const uint8_t flags[3] = { MDL_NODE_NUMBER };
    static const int32_t left[3] = { 1 }, right[3] = { 2 }, feature[3] = { 0 };
    static const double threshold[3] = { 0 };
    double value[3][3] = { { 0 } };
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F64, .leaf_type = MDL_F64,
                          .outputs = outputs, .leaf_width = outputs };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F64, 1, 0), n = mdl_build_trees(b, x, &e);

    for (uint64_t k = 0; k < outputs; k++) {
        ((double *)value)[outputs + k] = -1.0 / (double)(k + 1);
        ((double *)value)[2 * outputs + k] = 3.0 / (double)(k + 1);
    }
    for (uint64_t i = 0; i < ROUNDS; i++) {
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .weight = 1, .iteration = i,
                                .flags = flags, .left = left, .right = right, .feature = feature,
                                .threshold = threshold, .value = (const double *)value };
        mdl_build_tree(b, n, &tree);
    }
    const int32_t sums = mdl_build_result(b, n, 0);
    const int32_t link = mdl_build_node(b, "link", "", &sums, 1);
    mdl_build_choice(b, link, "function", outputs > 1 ? "softmax" : "logistic");
    mdl_build_output(b, "raw", MDL_OUTPUT_RAW, sums);
    mdl_build_output(b, "probability", MDL_OUTPUT_PROBA, mdl_build_result(b, link, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return loaded(b, allocator);
}

/* Every round adds -1 or 3, so that is the average of any; the parameter is any number but 0. */
static void stages_of_averages_are_averages_of_their_iterations(void **state)
{
    (void)state;
    for (int bit = 0; bit < 63; bit += 31) {
        double cell[2] = { -1, 1 }, y[ROUNDS][2];
        mdl_model *m = sure_model(1, NULL);
        mdl_builder *b = mdl_builder_from_model(m, NULL);
        const mdl_tensor x = tensor(MDL_F64, cell, 2, 2, 1, 0), out = tensor(MDL_F64, y, 3, ROUNDS, 2, 1);
        mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

        mdl_free(m);
        mdl_build_int(b, 0, "average", (int64_t)1 << bit);
        m = loaded(b, NULL);
        o.output = MDL_OUTPUT_RAW;
        o.stage_every = 1;
        assert_int_equal(mdl_predict_tensor(m, &x, &out, &o, NULL), MDL_OK);
        for (int k = 0; k < ROUNDS; k++)
            assert_true(y[k][0] == -1 && y[k][1] == 3);
        mdl_free(m);
    }
}

/* Rounds that a row takes to which each adds `step`. */
static int rounds_of(double step, double share, int begin, uint64_t every, double margin)
{
    int n = 0;

    for (int i = begin; i < ROUNDS; i++)
        if (++n % (int)every == 0 && share * fabs(step) * n > margin)
            break;
    return n;
}

static void rows_above_the_margin_are_done(void **state)
{
    static const double margins[] = { 0, 1.5, 2, 5, 6, 7, 12, 1e300, (double)INFINITY };
    double x[MANY], y[MANY][3];
    (void)state;

    for (int i = 0; i < MANY; i++)
        x[i] = i % 7 == 3 || (i > 64 && i < 100) ? 1 : -1;
    for (uint64_t outputs = 1; outputs < 4; outputs += 2) {
        mdl_model *m = sure_model(outputs, NULL);
        const mdl_tensor in = tensor(MDL_F64, x, 2, MANY, 1, 0);
        const mdl_tensor out = tensor(MDL_F64, y, 2, MANY, (int64_t)outputs, 0);
        for (uint64_t every = 1; every < 6; every++)
            for (size_t k = 0; k < 9 * 3; k++) {
                const int begin = (int)(k % 3);
                const double margin = margins[k / 3];
                mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
                o.stop_every = every;
                o.stop_margin = margin;
                o.tree_begin = (uint64_t)begin;
                assert_int_equal(mdl_predict_tensor(m, &in, &out, &o, NULL), MDL_OK);
                for (int i = 0; i < MANY; i++) {
                    /* Of three: -1, -1/2, -1/3 a round, the best two apart by 1/6; or 3 and 1.5. */
                    const double step = x[i] < 0 ? -1 : 3;
                    const double share = outputs == 1 ? 2 : x[i] < 0 ? 1.0 / 6 : 0.5;
                    const int n = rounds_of(step, share, begin, every, margin);
                    assert_true(((double *)y)[i * (int)outputs] == n * step);
                }
            }
        mdl_free(m);
    }
}

static void an_early_stop_is_refused_where_every_tree_counts(void **state)
{
    mdl_model *m = sure_model(1, NULL), *small = loaded(small_model(NULL), NULL);
    double cell = 1, y[4];
    const mdl_tensor x = tensor(MDL_F64, &cell, 2, 1, 1, 0), small_x = small_rows();
    mdl_tensor out = tensor(MDL_F64, y, 2, 1, 1, 0);
    const mdl_tensor six = tensor(MDL_F64, (double[N]){ 0 }, 2, N, 1, 0);
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    (void)state;

    o.stop_margin = 1;
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "stop_margin without stop_every");
    o.stop_every = 1;
    refused(small, &small_x, &six, &o, MDL_ERR_UNSUPPORTED, "an early stop needs a classifier");
    o.stop_margin = -1;
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "0 or more");
    o.stop_margin = (double)NAN;
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "0 or more");
    o.stop_margin = 1;
    o.output = MDL_OUTPUT_LEAF;
    out = tensor(MDL_F64, y, 2, 1, 4, 0);
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "not for one call");
    o.output = MDL_OUTPUT_MAIN;
    o.stage_every = 1;
    out = tensor(MDL_F64, y, 3, 4, 1, 1);
    refused(m, &x, &out, &o, MDL_ERR_ARGUMENT, "not for one call");
    mdl_free(m);
    mdl_free(small);
}

/* ---- ways to call ------------------------------------------------------------------------------ */

static void backwards(void *user, size_t tasks, mdl_task task, void *data)
{
    (void)user;
    while (tasks-- > 0)
        task(data, tasks);
}

/* Stages with a context, in tasks, and of sparse rows. */
static void stages_do_not_depend_on_how_they_are_made(void **state)
{
    enum { LONG = 3000 };
    const mdl_parallel tasks = { .size = sizeof tasks, .threads = 2, .run = backwards };
    mdl_model *m = sure_model(1, NULL);
    double *x = calloc(LONG, sizeof *x), *want = calloc(ROUNDS * LONG, sizeof *want);
    double *got = calloc(ROUNDS * LONG, sizeof *got);
    int32_t *start = calloc(LONG + 1, sizeof *start), *zero = calloc(LONG, sizeof *zero);
    const mdl_tensor in = tensor(MDL_F64, x, 2, LONG, 1, 0);
    const mdl_tensor out = tensor(MDL_F64, got, 3, ROUNDS, LONG, 1);
    const mdl_csr csr = { .size = sizeof csr, .type = MDL_F64, .index_type = MDL_I32, .rows = LONG,
                          .cols = 1, .row_start = start, .columns = zero, .values = x };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_context *context;
    (void)state;

    for (int i = 0; i < LONG; i++) {
        x[i] = i % 5 ? -1 : 1;
        start[i + 1] = i + 1;
        for (int k = 0; k < ROUNDS; k++)
            want[k * LONG + i] = (k + 1) * (x[i] < 0 ? -1 : 3);
    }
    assert_int_equal(mdl_context_create(&context, m, NULL), MDL_OK);
    o.stage_every = 1;
    for (int way = 0; way < 4; way++) {
        memset(got, 0, ROUNDS * LONG * sizeof *got);
        o.context = way == 1 ? context : NULL;
        o.parallel = way == 2 ? &tasks : NULL;
        const mdl_status s = way == 3 ? mdl_predict_csr(m, &csr, &out, &o, NULL)
                                      : mdl_predict_tensor(m, &in, &out, &o, NULL);
        assert_int_equal(s, MDL_OK);
        assert_memory_equal(got, want, ROUNDS * LONG * sizeof *got);
    }
    mdl_context_free(context);
    mdl_free(m);
    free(x);
    free(want);
    free(got);
    free(start);
    free(zero);
}

/* Of many rows, in blocks whose scratch grows: with a context, in tasks, and when there is no memory. */
static void early_stops_of_many_rows_do_not_depend_on_how_they_are_made(void **state)
{
    enum { LONG = 5000 };
    static double x[LONG], got[LONG];
    const mdl_parallel tasks = { .size = sizeof tasks, .threads = 2, .run = backwards };
    struct counting c = { 0 };
    const mdl_allocator allocator = counting_allocator(&c);
    mdl_model *m = sure_model(1, &allocator);
    const mdl_tensor in = tensor(MDL_F64, x, 2, LONG, 1, 0), out = tensor(MDL_F64, got, 2, LONG, 1, 0);
    const mdl_tensor some_in = tensor(MDL_F64, x, 2, MANY, 1, 0), some = tensor(MDL_F64, got, 2, MANY, 1, 0);
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_context *context;
    (void)state;

    for (int i = 0; i < LONG; i++)
        x[i] = i % 5 ? -1 : 1;
    o.stop_every = 1;
    o.stop_margin = 5.5;          /* above it are three rounds of -1, one of 3 */
    assert_int_equal(mdl_predict_tensor(m, &some_in, &some, &o, NULL), MDL_OK);
    c.fail_at = c.allocs + 1;
    assert_int_equal(mdl_predict_tensor(m, &in, &out, &o, NULL), MDL_ERR_MEMORY);
    assert_int_equal(mdl_predict_tensor(m, &in, &out, &o, NULL), MDL_OK);
    assert_int_equal(mdl_context_create(&context, m, NULL), MDL_OK);
    for (int way = 0; way < 3; way++) {
        const size_t allocs = c.allocs;
        memset(got, 0, sizeof got);
        o.context = way == 1 ? context : NULL;
        o.parallel = way == 2 ? &tasks : NULL;
        assert_int_equal(mdl_predict_tensor(m, &in, &out, &o, NULL), MDL_OK);
        assert_int_equal(c.allocs, allocs);
        for (int i = 0; i < LONG; i++)
            assert_true(got[i] == (x[i] < 0 ? -3 : 3));
    }
    mdl_context_free(context);
    mdl_free(m);
    assert_int_equal(c.live + c.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_are_the_predictions_of_longer_and_longer_ranges),
        cmocka_unit_test(the_last_stage_is_the_whole_range),
        cmocka_unit_test(options_that_ask_for_no_stages_have_none),
        cmocka_unit_test(what_is_no_tensor_of_stages_is_refused),
        cmocka_unit_test(an_older_options_struct_asks_for_no_stages),
        cmocka_unit_test(each_tree_stands_behind_what_the_sums_start_from),
        cmocka_unit_test(stages_of_averages_are_averages_of_their_iterations),
        cmocka_unit_test(rows_above_the_margin_are_done),
        cmocka_unit_test(an_early_stop_is_refused_where_every_tree_counts),
        cmocka_unit_test(stages_do_not_depend_on_how_they_are_made),
        cmocka_unit_test(early_stops_of_many_rows_do_not_depend_on_how_they_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
