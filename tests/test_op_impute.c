/*
 * tests/test_op_impute.c - missing values replaced by column
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static void nan_and_only_nan_is_replaced_by_the_fill_of_its_column(void **state)
{
    const double fill[] = { 10, 20, 30 }, nan = (double)NAN, inf = (double)INFINITY;
    const double x[] = { nan, nan, nan, -0.0, inf, -inf, 0, nan, 5e-324 };
    const double y[] = { 10, 20, 30, -0.0, inf, -inf, 0, 20, 5e-324 };
    (void)state;

    struct one t = one_node("impute", MDL_F64, 3);
    one_row(&t, "fill", MDL_F64, 3, fill);
    one_gives(&t, x, 3, MDL_F64, 3, y);
}

static void every_width_and_both_types_are_filled(void **state)
{
    double x[40], fill[40], y[40];
    float x32[40], fill32[40], y32[40];
    (void)state;

    for (size_t cols = 1; cols <= 19; cols++) {
        for (size_t i = 0; i < 2 * cols; i++) {
            fill[i] = 100 + (double)(i % cols);
            x[i] = i % 3 ? (double)i : (double)NAN;
            y[i] = i % 3 ? (double)i : fill[i];
            fill32[i] = (float)fill[i];
            x32[i] = (float)x[i];
            y32[i] = (float)y[i];
        }
        struct one t = one_node("impute", MDL_F64, cols);
        one_row(&t, "fill", MDL_F64, (int64_t)cols, fill);
        one_gives(&t, x, 2, MDL_F64, cols, y);
        t = one_node("impute", MDL_F32, cols);
        one_row(&t, "fill", MDL_F32, (int64_t)cols, fill32);
        one_gives(&t, x32, 2, MDL_F32, cols, y32);
    }
}

static void nan_as_fill_leaves_the_column_alone(void **state)
{
    const double fill = (double)NAN, x[] = { 1, (double)NAN }, y[] = { 1, (double)NAN };
    (void)state;

    struct one t = one_node("impute", MDL_F64, 1);
    one_row(&t, "fill", MDL_F64, 1, &fill);
    one_gives(&t, x, 2, MDL_F64, 1, y);
}

static void a_fill_of_wrong_length_or_type_is_refused(void **state)
{
    const double fill[3] = { 0 };
    const float fill32[3] = { 0 };
    (void)state;

    struct one t = one_node("impute", MDL_F64, 3);
    one_refused(&t, "fill");
    t = one_node("impute", MDL_F64, 3);
    one_row(&t, "fill", MDL_F64, 2, fill);
    one_refused(&t, "'fill' has 2 elements, expected 3");
    t = one_node("impute", MDL_F64, 3);
    one_row(&t, "fill", MDL_F32, 3, fill32);
    one_refused(&t, "'fill' is float32, expected float64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_and_only_nan_is_replaced_by_the_fill_of_its_column),
        cmocka_unit_test(every_width_and_both_types_are_filled),
        cmocka_unit_test(nan_as_fill_leaves_the_column_alone),
        cmocka_unit_test(a_fill_of_wrong_length_or_type_is_refused),
    };

    return cmocka_run_group_tests_name("op impute", tests, NULL, NULL);
}
