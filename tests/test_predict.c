/*
 * tests/test_predict.c - rows in any layout, answers in any layout, and what is refused
 *
 * Expected numbers are derived by hand, see small_model in test.h and wide_model in
 * counting.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include <math.h>

/* Rows of the small model (age, colour) and their answers: sums, and leaf of each tree. */
#define N 6
static const double rows64[N][2] = { { 1, 0 }, { 2, 1 }, { 2, 0 }, { (double)NAN, (double)NAN },
                                     { 1.5, 3 }, { -5, 2 } };
static const double sums[N] = { 2.5, 8.5, 4.5, 4.5, 8.5, 2.5 };
static const int32_t leaves[N][2] = { { 1, 1 }, { 4, 4 }, { 3, 3 }, { 3, 3 }, { 4, 4 }, { 1, 1 } };

struct fixture {
    mdl_model *m;
    float rows[N][2];
    double want[N];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->m = loaded(small_model(NULL), NULL);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 2; k++)
            f->rows[i][k] = (float)rows64[i][k];
    memcpy(f->want, sums, sizeof sums);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mdl_free(f->m);
    free(f);
    return 0;
}

static mdl_tensor table(uint32_t type, void *data, int64_t rows, int64_t cols)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = type, .rank = 2, .data = data,
                         .dims = { rows, cols } };
}

static mdl_tensor strided(uint32_t type, void *data, int64_t rows, int64_t cols, int64_t row,
                          int64_t col)
{
    mdl_tensor t = table(type, data, rows, cols);

    t.strides[0] = row;
    t.strides[1] = col;
    return t;
}

static void expect_sums(const struct fixture *f, const mdl_tensor *x)
{
    double y[N];
    const mdl_tensor out = table(MDL_F64, y, N, 1);
    mdl_error err = MDL_ERROR_INIT;

    if (mdl_predict_tensor(f->m, x, &out, NULL, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < N; i++)
        assert_true(y[i] == f->want[i]);
}

/* ---- layouts of x -------------------------------------------------------------------------- */

static void packed_rows_of_both_types_give_the_answers_derived_by_hand(void **state)
{
    struct fixture *f = *state;
    float y[N];
    double y64[N];

    assert_int_equal(mdl_predict(f->m, f->rows[0], N, y), MDL_OK);
    assert_int_equal(mdl_predict_f64(f->m, rows64[0], N, y64), MDL_OK);
    for (int i = 0; i < N; i++)
        assert_true((double)y[i] == f->want[i] && y64[i] == f->want[i]);
    assert_int_equal(mdl_predict(f->m, NULL, 0, NULL), MDL_OK);
    assert_int_equal(mdl_predict_f64(f->m, NULL, 0, NULL), MDL_OK);
}

/* Trees of float64 take float32 rows as they lie, but an output of that input is float64. */
static void an_input_that_is_an_output_too_comes_back_as_it_was(void **state)
{
    static const uint8_t flags[3] = { MDL_NODE_NUMBER, MDL_NODE_LEAF, MDL_NODE_LEAF };
    static const int32_t left[3] = { 1 }, right[3] = { 2 }, feature[3] = { 1 };
    static const double threshold[3] = { 0.5 }, value[3] = { 0, -1, 2 };
    const mdl_trees sums_of = { .size = sizeof sums_of, .threshold_type = MDL_F64,
                                .leaf_type = MDL_F64, .outputs = 1, .leaf_width = 1 };
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value };
    static const float x[3][2] = { { 3, 0.25f }, { -7, 0.75f }, { 0.125f, 0.5f } };
    static const double want[3] = { -1, 2, 2 };
    double y[3], back[3][2];
    float narrow[3][2];
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t in = mdl_build_input(b, "x", MDL_F64, 2, MDL_ABSENT_ZERO);
    const int32_t node = mdl_build_trees(b, in, &sums_of);
    (void)state;

    mdl_build_tree(b, node, &tree);
    mdl_build_output(b, "same", MDL_OUTPUT_VALUE, in);
    mdl_build_output(b, "sum", MDL_OUTPUT_RAW, mdl_build_result(b, node, 0));
    mdl_model *m = loaded(b, NULL);
    assert_int_equal(mdl_predict(m, x[0], 3, narrow[0]), MDL_OK);
    assert_memory_equal(narrow, x, sizeof x);
    const mdl_tensor given = table(MDL_F32, (void *)(uintptr_t)x, 3, 2);
    const mdl_tensor out[2] = { table(MDL_F64, back, 3, 2), table(MDL_F64, y, 3, 1) };
    assert_int_equal(mdl_run(m, NULL, &given, 1, out, 2, NULL), MDL_OK);
    for (int i = 0; i < 3; i++)
        assert_true(y[i] == want[i] && back[i][0] == (double)x[i][0] && back[i][1] == (double)x[i][1]);
    mdl_free(m);
}

static void rows_may_lie_anywhere_in_any_order(void **state)
{
    struct fixture *f = *state;
    float padded[N][5], columns[2][N], backwards[N][2];
    double wide_columns[2][N], sparse[N][7];
    unsigned char odd[sizeof f->rows + 1];

    memset(padded, 0x55, sizeof padded);
    memset(sparse, 0x55, sizeof sparse);
    for (int i = 0; i < N; i++) {
        memcpy(padded[i], f->rows[i], sizeof f->rows[i]);
        for (int k = 0; k < 2; k++) {
            columns[k][i] = f->rows[i][k];
            wide_columns[k][i] = rows64[i][k];
            backwards[N - 1 - i][1 - k] = f->rows[i][k];
            sparse[i][3 * k] = rows64[i][k];
        }
    }
    memcpy(odd + 1, f->rows, sizeof f->rows);

    mdl_tensor x = table(MDL_F32, f->rows, N, 2);
    expect_sums(f, &x);
    x = strided(MDL_F32, padded, N, 2, sizeof padded[0], 4);
    expect_sums(f, &x);
    x = strided(MDL_F32, columns, N, 2, 4, sizeof columns[0]);
    expect_sums(f, &x);
    x = strided(MDL_F64, wide_columns, N, 2, 8, sizeof wide_columns[0]);
    expect_sums(f, &x);
    x = strided(MDL_F32, &backwards[N - 1][1], N, 2, -8, -4);
    expect_sums(f, &x);
    x = strided(MDL_F64, sparse, N, 2, sizeof sparse[0], 24);
    expect_sums(f, &x);
    x = strided(MDL_F32, odd + 1, N, 2, 8, 4);       /* not aligned */
    expect_sums(f, &x);
    x = table(MDL_F32, odd + 1, N, 2);
    expect_sums(f, &x);
}

static void a_row_of_stride_zero_is_read_again_and_again(void **state)
{
    struct fixture *f = *state;
    const mdl_tensor x = strided(MDL_F32, f->rows[1], 20, 2, 0, 4);
    float y[20];
    const mdl_tensor out = table(MDL_F32, y, 20, 1);

    assert_int_equal(mdl_predict_tensor(f->m, &x, &out, NULL, NULL), MDL_OK);
    for (int i = 0; i < 20; i++)
        assert_true(y[i] == 8.5f);
}

/* ---- layouts and types of y ------------------------------------------------------------------ */

static void answers_go_where_and_as_what_they_are_wanted(void **state)
{
    struct fixture *f = *state;
    const mdl_tensor x = table(MDL_F32, f->rows, N, 2);
    float padded[N][3], backwards[N];
    int32_t i32[N];
    int64_t i64[N][2];
    unsigned char odd[8 * N + 1];

    for (int i = 0; i < N; i++)
        padded[i][0] = padded[i][2] = -1;
    mdl_tensor y = strided(MDL_F32, &padded[0][1], N, 1, sizeof padded[0], 4);
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, NULL, NULL), MDL_OK);
    y = strided(MDL_F32, &backwards[N - 1], N, 1, -4, 4);
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, NULL, NULL), MDL_OK);
    y = table(MDL_I32, i32, N, 1);
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, NULL, NULL), MDL_OK);
    memset(i64, 0x11, sizeof i64);
    y = strided(MDL_I64, i64, N, 1, 16, 8);
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, NULL, NULL), MDL_OK);
    y = table(MDL_F64, odd + 1, N, 1);
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, NULL, NULL), MDL_OK);
    for (int i = 0; i < N; i++) {
        double v;
        memcpy(&v, odd + 1 + 8 * i, sizeof v);
        assert_true((double)padded[i][1] == f->want[i] && padded[i][0] == -1 && padded[i][2] == -1);
        assert_true((double)backwards[N - 1 - i] == f->want[i] && v == f->want[i]);
        assert_true(i32[i] == (int32_t)f->want[i]);      /* 2.5 is cut to 2 */
        assert_true(i64[i][0] == (int64_t)f->want[i] && i64[i][1] == 0x1111111111111111);
    }
}

/* Leaves that no integer holds: cut towards zero, to the nearest end, NaN to 0. */
static void floats_are_cut_to_integers_without_undefined_behaviour(void **state)
{
    static const uint8_t flags[] = { MDL_NODE_LEAF };
    static const double values[] = { -2.75, 1e10, -1e10, 1e30, -1e30, (double)INFINITY,
                                     -(double)INFINITY, (double)NAN, 2147483647.5 };
    static const int32_t want[] = { -2, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX,
                                    INT32_MIN, 0, INT32_MAX };
    static const int64_t want64[] = { -2, 10000000000, -10000000000, INT64_MAX, INT64_MIN,
                                      INT64_MAX, INT64_MIN, 0, 2147483647 };
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F64, .leaf_type = MDL_F64,
                          .outputs = 9, .leaf_width = 9 };
    const int32_t none = -1;
    const double zero = 0;
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 1, .weight = 1, .flags = flags,
                            .left = &none, .right = &none, .feature = &none, .threshold = &zero,
                            .value = values };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F64, 1, 0), n = mdl_build_trees(b, x, &e);
    double cell = 0;
    int32_t got[9];
    int64_t got64[9];
    (void)state;

    mdl_build_tree(b, n, &tree);
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    mdl_model *m = loaded(b, NULL);
    const mdl_tensor in = table(MDL_F64, &cell, 1, 1), out = table(MDL_I32, got, 1, 9);
    const mdl_tensor out64 = table(MDL_I64, got64, 1, 9);
    assert_int_equal(mdl_predict_tensor(m, &in, &out, NULL, NULL), MDL_OK);
    assert_int_equal(mdl_predict_tensor(m, &in, &out64, NULL, NULL), MDL_OK);
    assert_memory_equal(got, want, sizeof want);
    assert_memory_equal(got64, want64, sizeof want64);
    mdl_free(m);
}

/* ---- which output, which trees ------------------------------------------------------------------ */

static void an_output_is_chosen_by_role_or_by_name(void **state)
{
    struct fixture *f = *state;
    const mdl_tensor x = table(MDL_F32, f->rows, N, 2);
    int32_t got[N][2];
    int64_t columns[2][N];
    const mdl_tensor packed = table(MDL_I32, got, N, 2);
    const mdl_tensor by_column = strided(MDL_I64, columns, N, 2, 8, sizeof columns[0]);
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    float y[N];
    const mdl_tensor raw = table(MDL_F32, y, N, 1);

    o.output = MDL_OUTPUT_LEAF;
    assert_int_equal(mdl_predict_tensor(f->m, &x, &packed, &o, NULL), MDL_OK);
    assert_memory_equal(got, leaves, sizeof leaves);
    o.output_name = "leaf";
    o.output = 77;                /* the name decides */
    assert_int_equal(mdl_predict_tensor(f->m, &x, &by_column, &o, NULL), MDL_OK);
    for (int i = 0; i < N; i++)
        assert_true(columns[0][i] == leaves[i][0] && columns[1][i] == leaves[i][1]);
    o.output_name = NULL;
    o.output = MDL_OUTPUT_RAW;
    assert_int_equal(mdl_predict_tensor(f->m, &x, &raw, &o, NULL), MDL_OK);
    for (int i = 0; i < N; i++)
        assert_true((double)y[i] == f->want[i]);
}

static void a_range_of_iterations_sums_only_its_trees(void **state)
{
    struct fixture *f = *state;
    const mdl_tensor x = table(MDL_F32, f->rows, N, 2);
    float y[N];
    int32_t got[N];
    const mdl_tensor out = table(MDL_F32, y, N, 1), leaf = table(MDL_I32, got, N, 1);
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    size_t cols = 0;

    for (uint64_t begin = 0; begin < 2; begin++) {
        o.tree_begin = begin;
        o.tree_end = begin + 1;
        o.output = MDL_OUTPUT_MAIN;
        assert_int_equal(mdl_predict_tensor(f->m, &x, &out, &o, NULL), MDL_OK);
        for (int i = 0; i < N; i++)
            assert_true((double)y[i] == 0.5 + (f->want[i] - 0.5) / 2);
        o.output = MDL_OUTPUT_LEAF;
        assert_int_equal(mdl_output_shape(f->m, &o, &cols, NULL), MDL_OK);
        assert_int_equal(cols, 1);
        assert_int_equal(mdl_predict_tensor(f->m, &x, &leaf, &o, NULL), MDL_OK);
        for (int i = 0; i < N; i++)
            assert_int_equal(got[i], leaves[i][begin]);
    }
    o.tree_begin = 1;
    o.tree_end = 0;               /* to the last */
    assert_int_equal(mdl_output_shape(f->m, &o, &cols, NULL), MDL_OK);
    assert_int_equal(cols, 1);
    assert_int_equal(mdl_output_shape(f->m, NULL, &cols, NULL), MDL_OK);
    assert_int_equal(cols, 1);
}

/* ---- sparse rows --------------------------------------------------------------------------------- */

/* Rows (1, -), (-, 1), (2, 0) of columns in any order, and an empty one. */
static void sparse_rows_mean_missing_or_zero_where_they_hold_nothing(void **state)
{
    const int32_t start[] = { 0, 1, 2, 4, 4 }, columns[] = { 0, 1, 1, 0 };
    const int64_t start64[] = { 0, 1, 2, 4, 4 }, columns64[] = { 0, 1, 1, 0 };
    const float values[] = { 1, 1, 0, 2 };
    const double values64[] = { 1, 1, 0, 2 };
    struct fixture *f = *state;
    mdl_csr x = { .size = sizeof x, .type = MDL_F32, .index_type = MDL_I32, .rows = 4, .cols = 2,
                  .row_start = start, .columns = columns, .values = values };
    /* missing: age 1 -> 2.5; age NaN goes right, green -> 8.5; (2, red) -> 4.5; all NaN -> 4.5 */
    const float missing[] = { 2.5f, 8.5f, 4.5f, 4.5f };
    float y[4];
    const mdl_tensor out = table(MDL_F32, y, 4, 1);

    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, NULL), MDL_OK);
    assert_memory_equal(y, missing, sizeof y);
    x.index_type = MDL_I64;
    x.row_start = start64;
    x.columns = columns64;
    x.type = MDL_F64;
    x.values = values64;
    memset(y, 0, sizeof y);
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, NULL), MDL_OK);
    assert_memory_equal(y, missing, sizeof y);
}

static void sparse_rows_of_a_zero_model_read_zero(void **state)
{
    static const uint32_t types[] = { MDL_F32, MDL_F64 };
    const int32_t start[] = { 0, 0, 3, 4 }, columns[] = { 300, 0, 300, 1999 };
    const float values[] = { -1, 1, 7, 5 };      /* column 300 twice: the last counts */
    (void)state;

    for (size_t t = 0; t < 2; t++) {
        mdl_model *m = loaded(wide_model(NULL, types[t]), NULL);
        const mdl_csr x = { .size = sizeof x, .type = MDL_F32, .index_type = MDL_I32, .rows = 3,
                            .cols = WIDE_COLS, .row_start = start, .columns = columns,
                            .values = values };
        double y[3];
        const mdl_tensor out = table(MDL_F64, y, 3, 1);
        assert_int_equal(mdl_predict_csr(m, &x, &out, NULL, NULL), MDL_OK);
        assert_true(y[0] == 20 && y[1] == 18 + 2000 && y[2] == 20);
        mdl_free(m);
    }
}

static void sparse_rows_that_contradict_themselves_are_refused(void **state)
{
    struct fixture *f = *state;
    const float values[] = { 1, 1, 1 };
    static const struct { int32_t start[4], columns[3]; const char *says; } bad[] = {
        { { 0, 1, 2, 3 }, { 0, 2, 0 }, "row 1 has a value in column 2 of 2" },
        { { 0, 1, 2, 3 }, { 0, -1, 0 }, "row 1 has a value in column -1" },
        { { 0, 2, 1, 3 }, { 0, 1, 0 }, "row 1 ends before it begins" },
        { { 0, 5, 1, 3 }, { 0, 1, 0 }, "row 1 ends before it begins" },
        { { 1, 1, 2, 3 }, { 0, 1, 0 }, "do not begin at 0" },
        { { 0, 1, 2, -3 }, { 0, 1, 0 }, "" },
    };
    float y[3];
    const mdl_tensor out = table(MDL_F32, y, 3, 1);
    mdl_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mdl_csr x = { .size = sizeof x, .type = MDL_F32, .index_type = MDL_I32, .rows = 3,
                      .cols = 2, .row_start = bad[i].start, .columns = bad[i].columns,
                      .values = values };
        err = (mdl_error)MDL_ERROR_INIT;
        assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_DATA);
        assert_non_null(strstr(err.text, bad[i].says));
    }
    const int32_t start[] = { 0, 1, 2, 3 }, columns[] = { 0, 1, 0 };
    const mdl_csr good = { .size = sizeof good, .type = MDL_F32, .index_type = MDL_I32, .rows = 3,
                           .cols = 2, .row_start = start, .columns = columns, .values = values };
    mdl_csr x = good;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, NULL), MDL_OK);
    x.type = MDL_I32;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_DATA);
    assert_non_null(strstr(err.text, "sparse rows of int32"));
    x = good;
    x.index_type = MDL_U32;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_DATA);
    assert_non_null(strstr(err.text, "indices of uint32"));
    x = good;
    x.cols = 3;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_DATA);
    assert_non_null(strstr(err.text, "x has 3 columns, the model was trained on 2"));
    x = good;
    x.columns = NULL;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_DATA);
    x = good;
    x.values = NULL;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_DATA);
    x = good;
    x.row_start = NULL;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_ARGUMENT);
    x = good;
    x.rows = 2;
    assert_int_equal(mdl_predict_csr(f->m, &x, &out, NULL, &err), MDL_ERR_DATA);
    assert_non_null(strstr(err.text, "x has 2 rows and y has 3"));
    assert_int_equal(mdl_predict_csr(f->m, NULL, &out, NULL, NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict_csr(NULL, &good, &out, NULL, NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict_csr(f->m, &good, NULL, NULL, NULL), MDL_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_rows_of_both_types_give_the_answers_derived_by_hand),
        cmocka_unit_test(an_input_that_is_an_output_too_comes_back_as_it_was),
        cmocka_unit_test(rows_may_lie_anywhere_in_any_order),
        cmocka_unit_test(a_row_of_stride_zero_is_read_again_and_again),
        cmocka_unit_test(answers_go_where_and_as_what_they_are_wanted),
        cmocka_unit_test(floats_are_cut_to_integers_without_undefined_behaviour),
        cmocka_unit_test(an_output_is_chosen_by_role_or_by_name),
        cmocka_unit_test(a_range_of_iterations_sums_only_its_trees),
        cmocka_unit_test(sparse_rows_mean_missing_or_zero_where_they_hold_nothing),
        cmocka_unit_test(sparse_rows_of_a_zero_model_read_zero),
        cmocka_unit_test(sparse_rows_that_contradict_themselves_are_refused),
    };

    return cmocka_run_group_tests_name("predict", tests, setup, teardown);
}
