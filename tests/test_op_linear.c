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

/* Several sums run side by side; each is that of its own row and output. */
static void sums_beside_each_other_do_not_mix(void **state)
{
    float x[7 * 3], y[7 * 2];
    const float w[] = { 1, 10, 100, 2, 20, 200 }, bias[] = { 1000, -0.0f };
    (void)state;

    for (int i = 0; i < 21; i++)
        x[i] = i % 5 == 4 ? NAN : (float)(i % 10);
    for (int r = 0; r < 7; r++)
        for (int k = 0; k < 2; k++) {
            y[2 * r + k] = bias[k];
            for (int c = 0; c < 3; c++)      /* integers: exact in any order */
                y[2 * r + k] += isnan(x[3 * r + c]) ? 0 : x[3 * r + c] * w[3 * k + c];
        }
    struct one t = linear(w, bias, NULL);
    one_gives(&t, x, 7, MDL_F32, 2, y);
}

static void a_sum_of_minus_zero_stays_when_all_is_missing(void **state)
{
    const float w[6] = { 1, 1, 1, 1, 1, 1 }, bias[] = { -0.0f, 0 }, x[] = { NAN, NAN, NAN };
    const float y[] = { -0.0f, 0 };
    (void)state;

    struct one t = linear(w, bias, NULL);
    one_gives(&t, x, 1, MDL_F32, 2, y);
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
        cmocka_unit_test(sums_beside_each_other_do_not_mix),
        cmocka_unit_test(a_sum_of_minus_zero_stays_when_all_is_missing),
        cmocka_unit_test(infinity_times_zero_is_nan_as_in_the_source),
        cmocka_unit_test(shapes_and_types_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests_name("op linear", tests, NULL, NULL);
}
