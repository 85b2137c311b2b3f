/*
 * tests/test_op_linear.c - the linear booster's float32 sums
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static struct one linear(const float *w, const float *bias, const float *base)
{
    struct one t = one_node("linear", MDL_F32, 3);

    one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 2, 3 }, w);
    one_row(&t, "bias", MDL_F32, 2, bias);
    if (base)
        one_row(&t, "base", MDL_F32, 2, base);
    return t;
}

static void missing_columns_are_skipped(void **state)
{
    const float w[] = { 1, 2, 4, -1, 0, 1 }, bias[] = { 10, 20 }, base[] = { 0.5f, 0.25f };
    const float x[] = { 1, 1, 1, NAN, 3, NAN, NAN, NAN, NAN };
    /* by hand: 10 + 7, 20 + 0;  10 + 6, 20;  10, 20 */
    const float y[] = { 17, 20, 16, 20, 10, 20 };
    const float shifted[] = { 17.5f, 20.25f, 16.5f, 20.25f, 10.5f, 20.25f };
    (void)state;

    struct one t = linear(w, bias, NULL);
    one_gives(&t, x, 3, MDL_F32, 2, y);
    t = linear(w, bias, base);
    one_gives(&t, x, 3, MDL_F32, 2, shifted);
}

/* 2^24 + 1 is not a float: each 1 added to 2^24 is lost, two added first are not. */
static void columns_are_added_one_by_one_after_bias_and_base(void **state)
{
    const float w[] = { 0x1p24f, 1, 1, 1, 1, 0x1p24f }, zero[] = { 0, 0 }, x[] = { 1, 1, 1 };
    const float y[] = { 0x1p24f, 0x1p24f + 2 };
    (void)state;

    struct one t = linear(w, zero, NULL);
    one_gives(&t, x, 1, MDL_F32, 2, y);

    const float none[6] = { 0 }, bias[] = { 1, 1 }, base[] = { 0x1p24f, 3 };
    const float sums[] = { 0x1p24f, 4 };
    t = linear(none, bias, base);
    one_gives(&t, x, 1, MDL_F32, 2, sums);
}

static void infinity_times_zero_is_nan_as_in_the_source(void **state)
{
    const float w[] = { 0, 1, 1, 1, 0, 0 }, zero[] = { 0, 0 }, x[] = { INFINITY, 1, 1 };
    const float y[] = { NAN, INFINITY };
    (void)state;

    struct one t = linear(w, zero, NULL);
    one_gives(&t, x, 1, MDL_F32, 2, y);
}

static void shapes_and_types_that_do_not_fit_are_refused(void **state)
{
    const float w[6] = { 0 };
    (void)state;

    struct one t = one_node("linear", MDL_F64, 3);
    one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 2, 3 }, w);
    one_row(&t, "bias", MDL_F32, 2, w);
    one_refused(&t, "x has 3 columns of float64");
    t = one_node("linear", MDL_F32, 2);
    one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 2, 3 }, w);
    one_row(&t, "bias", MDL_F32, 2, w);
    one_refused(&t, "x has 2 columns");
    t = one_node("linear", MDL_F32, 3);
    one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 2, 3 }, w);
    one_row(&t, "bias", MDL_F32, 3, w);
    one_refused(&t, "'bias' has 3 elements, expected 2");
    t = one_node("linear", MDL_F32, 3);
    one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 2, 3 }, w);
    one_refused(&t, "bias");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_columns_are_skipped),
        cmocka_unit_test(columns_are_added_one_by_one_after_bias_and_base),
        cmocka_unit_test(infinity_times_zero_is_nan_as_in_the_source),
        cmocka_unit_test(shapes_and_types_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests_name("op linear", tests, NULL, NULL);
}
