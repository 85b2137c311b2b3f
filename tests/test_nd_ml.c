/*
 * tests/test_nd_ml.c - operators of classic machine learning: what is refused, and rules by hand
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_tensor.h"

static void slot(struct call *t, const char *name, uint32_t type, uint32_t rank,
                 const int64_t *dims, const void *data)
{
    uint64_t count = 1;

    for (uint32_t k = 0; k < rank; k++)
        count *= (uint64_t)dims[k];
    for (uint32_t i = 0; i < t->node.op->n_slots; i++)
        if (!strcmp(t->node.op->slots[i].name, name)) {
            t->tensors[i] = (struct tensor){ .type = type, .rank = rank, .count = count,
                                             .data = data };
            memcpy(t->tensors[i].dims, dims, rank * sizeof *dims);
            return;
        }
    fail_msg("no slot %s", name);
}

static void list(struct call *t, const char *name, uint32_t type, int64_t n, const void *data)
{
    slot(t, name, type, 1, &n, data);
}

static void texts_are_found_and_others_get_the_default(void **state)
{
    const char *x[4] = { "b", "a", "zz", "" };
    const int64_t values[3] = { 10, 20, 30 }, other = -7;
    (void)state;

    struct call t;
    call_begin(&t, "lookup");
    list(&t, "key_text", MDL_U8, 6, "a\0b\0a");
    list(&t, "values", MDL_I64, 3, values);
    list(&t, "default", MDL_I64, 1, &other);
    call_in(&t, MDL_STRING, 2, (int64_t[]){ 2, 2 }, x);
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
    const int64_t *y = t.y[0].data;
    assert_int_equal(y[0], 20);
    assert_int_equal(y[1], 10);             /* of equal keys the first */
    assert_int_equal(y[2], -7);
    assert_int_equal(y[3], -7);
    call_end(&t);
}

static void nan_is_a_key_where_asked_and_zeros_are_one(void **state)
{
    const float x[3] = { NAN, -0.0f, 2 }, keys[2] = { NAN, 0 };
    const int64_t values[2] = { 1, 2 }, other = 0;
    (void)state;

    for (int nan = 0; nan < 2; nan++) {
        struct call t;
        call_begin(&t, "lookup");
        call_set(&t, "nan", nan);
        list(&t, "keys", MDL_F32, 2, keys);
        list(&t, "values", MDL_I64, 2, values);
        list(&t, "default", MDL_I64, 1, &other);
        call_in(&t, MDL_F32, 1, (int64_t[]){ 3 }, x);
        assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
        const int64_t *y = t.y[0].data;
        assert_int_equal(y[0], nan);
        assert_int_equal(y[1], 2);
        assert_int_equal(y[2], 0);
        call_end(&t);
    }
}

static void lists_that_do_not_fit_are_refused(void **state)
{
    const int64_t values[2] = { 1, 2 };
    const float x[1] = { 0 };
    const struct { const char *text; int64_t bytes, n_values, n_default; } bad[] = {
        { "a\0b", 3, 2, 1 },                /* no end */
        { "a\0b", 4, 1, 1 },                /* fewer values than keys */
        { "a\0b", 4, 2, 2 },                /* two defaults */
        { "a\0b", 4, 2, 1 },                /* x is no string */
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct call t;
        call_begin(&t, "lookup");
        list(&t, "key_text", MDL_U8, bad[i].bytes, bad[i].text);
        list(&t, "values", MDL_I64, bad[i].n_values, values);
        list(&t, "default", MDL_I64, bad[i].n_default, values);
        call_in(&t, MDL_F32, 1, (int64_t[]){ 1 }, x);
        assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_ERR_FORMAT);
        call_end(&t);
    }
}

static void a_category_that_is_none_is_an_error_when_strict(void **state)
{
    const int64_t cats[2] = { 3, -1 };
    const double x[3] = { 3.7, -1.2, 1e300 };
    (void)state;

    for (int strict = 0; strict < 2; strict++) {
        struct call t;
        call_begin(&t, "categories");
        call_set(&t, "strict", strict);
        list(&t, "cats", MDL_I64, 2, cats);
        call_in(&t, MDL_F64, 1, (int64_t[]){ 3 }, x);
        assert_int_equal(call_with(&t, &mdl_kernels_ref), strict ? MDL_ERR_DATA : MDL_OK);
        if (!strict) {
            const float want[6] = { 1, 0, 0, 1, 0, 0 };   /* cut: 3, -1, none */
            assert_memory_equal(t.y[0].data, want, sizeof want);
        }
        call_end(&t);
    }
}

static void one_score_becomes_two_by_the_sign_of_the_weights(void **state)
{
    const double x[2] = { 0.25, 0.75 };
    const int64_t labels[2] = { 7, 9 }, given[2] = { -1, -2 };
    (void)state;

    for (int positive = 0; positive < 2; positive++) {
        const float wide[2] = { (float)x[0], (float)x[1] };
        struct call t;
        call_begin(&t, "tree_classes");
        call_set(&t, "classes", 2);
        call_set(&t, "columns", 2);
        call_set(&t, "binary", 1);
        call_set(&t, "positive", positive);
        list(&t, "labels", MDL_I64, 2, labels);
        list(&t, "given", MDL_I64, 2, given);
        const float rows[4] = { wide[0], 0, wide[1], 0 };
        call_in(&t, MDL_F32, 2, (int64_t[]){ 2, 2 }, rows);
        assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
        const int64_t *y = t.y[0].data;
        const float *z = t.y[1].data;
        assert_int_equal(y[0], positive ? 7 : 9);          /* 0.25 against 0.5 or 0 */
        assert_int_equal(y[1], 9);
        assert_true(z[0] == (positive ? 0.75f : -0.25f) && z[1] == 0.25f);
        call_end(&t);
    }
}

static void a_class_that_no_leaf_speaks_of_is_never_the_label(void **state)
{
    const int64_t labels[3] = { 0, 1, 2 }, given[3] = { 3, -1, -2 };
    const float rows[8] = { -5, -9, 0, 1,   -5, -9, 0, 0 };   /* the last column counts class 0 */
    (void)state;

    struct call t;
    call_begin(&t, "tree_classes");
    call_set(&t, "classes", 3);
    call_set(&t, "columns", 4);
    list(&t, "labels", MDL_I64, 3, labels);
    list(&t, "given", MDL_I64, 3, given);
    call_in(&t, MDL_F32, 2, (int64_t[]){ 2, 4 }, rows);
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
    assert_int_equal(((int64_t *)t.y[0].data)[0], 0);
    assert_int_equal(((int64_t *)t.y[0].data)[1], 1);
    call_end(&t);
}

static void decisions_of_pairs_follow_the_definition(void **state)
{
    /* three classes with one vector each, linear: coef rows as libsvm has them */
    const float vectors[3] = { 1, 2, 4 }, coef[6] = { 1, -1, 2,   3, 5, -2 };
    const float rho[3] = { .5f, 0, 1 };
    const int64_t per[3] = { 1, 1, 1 }, labels[3] = { 4, 5, 6 };
    const float x[2] = { 1, -1 };
    (void)state;

    struct call t;
    call_begin(&t, "svm_classes");
    slot(&t, "vectors", MDL_F32, 2, (int64_t[]){ 3, 1 }, vectors);
    slot(&t, "coef", MDL_F32, 2, (int64_t[]){ 2, 3 }, coef);
    list(&t, "rho", MDL_F32, 3, rho);
    list(&t, "per_class", MDL_I64, 3, per);
    list(&t, "labels", MDL_I64, 3, labels);
    call_in(&t, MDL_F32, 2, (int64_t[]){ 2, 1 }, x);
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
    /* K = x v; 0-1: 1 K0 - 1 K1; 0-2: 3 K0 + 2 K2; 1-2: 5 K1 - 2 K2 */
    const float want[6] = { -.5f, 11, 3,   1.5f, -11, -1 };
    assert_memory_equal(t.y[1].data, want, sizeof want);
    assert_int_equal(((int64_t *)t.y[0].data)[0], 5);      /* votes 1, 2, 0 */
    assert_int_equal(((int64_t *)t.y[0].data)[1], 6);      /* votes 0, 2, 2 */
    call_end(&t);
}

static void machines_that_do_not_fit_are_refused(void **state)
{
    const float v[6] = { 0 };
    const int64_t per[2] = { 2, 2 }, labels[2] = { 0, 1 };
    (void)state;

    struct call t;
    call_begin(&t, "svm_classes");
    slot(&t, "vectors", MDL_F32, 2, (int64_t[]){ 3, 1 }, v);
    slot(&t, "coef", MDL_F32, 2, (int64_t[]){ 1, 3 }, v);
    list(&t, "rho", MDL_F32, 1, v);
    list(&t, "per_class", MDL_I64, 2, per);                /* four vectors of three */
    list(&t, "labels", MDL_I64, 2, labels);
    call_in(&t, MDL_F32, 2, (int64_t[]){ 1, 1 }, v);
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_ERR_FORMAT);
    call_end(&t);

    call_begin(&t, "svm");
    slot(&t, "vectors", MDL_F32, 2, (int64_t[]){ 3, 2 }, v);
    slot(&t, "coef", MDL_F32, 2, (int64_t[]){ 1, 3 }, v);
    list(&t, "rho", MDL_F32, 1, v);
    call_in(&t, MDL_F32, 2, (int64_t[]){ 2, 3 }, v);       /* three columns, not two */
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_ERR_DATA);
    call_end(&t);
}

static void tables_take_longer_rows_only_where_allowed(void **state)
{
    const int64_t x[6] = { 1, 2, 3, 4, 5, 16777217 };
    (void)state;

    for (int first = 0; first < 2; first++) {
        struct call t;
        call_begin(&t, "table");
        call_set(&t, "cols", 2);
        call_set(&t, "first", first);
        call_in(&t, MDL_I64, 2, (int64_t[]){ 2, 3 }, x);
        assert_int_equal(call_with(&t, &mdl_kernels_ref), first ? MDL_OK : MDL_ERR_DATA);
        if (first) {
            const float want[4] = { 1, 2, 4, 5 };
            assert_memory_equal(t.y[0].data, want, sizeof want);
        }
        call_end(&t);
    }
}

static void indices_out_of_range_are_errors(void **state)
{
    const double x[6] = { 1, 2, 3, 4, 5, 6 };
    const int64_t good[3] = { 2, -3, 0 }, bad[2] = { 3, -4 };
    (void)state;

    struct call t;
    call_begin(&t, "pick_columns");
    call_in(&t, MDL_F64, 2, (int64_t[]){ 2, 3 }, x);
    call_in(&t, MDL_I64, 1, (int64_t[]){ 3 }, good);
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
    const double want[6] = { 3, 1, 1, 6, 4, 4 };
    assert_memory_equal(t.y[0].data, want, sizeof want);
    call_end(&t);
    for (int i = 0; i < 2; i++) {
        call_begin(&t, "pick_columns");
        call_in(&t, MDL_F64, 2, (int64_t[]){ 2, 3 }, x);
        call_in(&t, MDL_I64, 1, (int64_t[]){ 1 }, &bad[i]);
        assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_ERR_DATA);
        call_end(&t);
    }
}

static void rows_whose_norm_is_zero_stay(void **state)
{
    const float x[6] = { 3, -4, 0, 0, -1, -3 };
    const float l2[6] = { .6f, -.8f, 0, 0, -0.31622777f, -0.94868330f };
    (void)state;

    struct call t;
    call_begin(&t, "normalize_rows");
    call_set(&t, "norm", 2);
    call_in(&t, MDL_F32, 2, (int64_t[]){ 3, 2 }, x);
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
    for (int i = 0; i < 6; i++)
        assert_true(fabs((double)(((float *)t.y[0].data)[i] - l2[i])) <= 6e-8);
    call_end(&t);
}

static void fills_go_by_column(void **state)
{
    const float x[4] = { NAN, 1, 2, NAN }, fill[2] = { 10, 20 }, hole = NAN;
    const float want[4] = { 10, 1, 2, 20 };
    (void)state;

    struct call t;
    call_begin(&t, "replace");
    list(&t, "fill", MDL_F32, 2, fill);
    list(&t, "missing", MDL_F32, 1, &hole);
    call_in(&t, MDL_F32, 2, (int64_t[]){ 2, 2 }, x);
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_OK);
    assert_memory_equal(t.y[0].data, want, sizeof want);
    call_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_found_and_others_get_the_default),
        cmocka_unit_test(nan_is_a_key_where_asked_and_zeros_are_one),
        cmocka_unit_test(lists_that_do_not_fit_are_refused),
        cmocka_unit_test(a_category_that_is_none_is_an_error_when_strict),
        cmocka_unit_test(one_score_becomes_two_by_the_sign_of_the_weights),
        cmocka_unit_test(a_class_that_no_leaf_speaks_of_is_never_the_label),
        cmocka_unit_test(decisions_of_pairs_follow_the_definition),
        cmocka_unit_test(machines_that_do_not_fit_are_refused),
        cmocka_unit_test(tables_take_longer_rows_only_where_allowed),
        cmocka_unit_test(indices_out_of_range_are_errors),
        cmocka_unit_test(rows_whose_norm_is_zero_stay),
        cmocka_unit_test(fills_go_by_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
