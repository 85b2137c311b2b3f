/*
 * tests/test_op_label.c - argmax, above, complement
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static void argmax_is_the_first_of_the_largest_and_never_nan(void **state)
{
    const double nan = (double)NAN, inf = (double)INFINITY;
    const double x[] = { 1, 3, 3,  5, 5, 5,  -1, -2, -3,  nan, -inf, -inf,  nan, nan, nan,
                         nan, 1, nan,  2, nan, 3,  -0.0, 0, 0,  -inf, inf, inf };
    const int32_t y[] = { 1, 0, 0, 1, 0, 1, 2, 0, 1 };
    float x32[27];
    (void)state;

    for (int i = 0; i < 27; i++)
        x32[i] = (float)x[i];
    struct one t = one_node("argmax", MDL_F64, 3);
    one_gives(&t, x, 9, MDL_I32, 1, y);
    t = one_node("argmax", MDL_F32, 3);
    one_gives(&t, x32, 9, MDL_I32, 1, y);
}

static void above_is_strict_unless_inclusive(void **state)
{
    const double x[] = { 0.5, 0.5 + 0x1p-53, 0.5 - 0x1p-54, (double)NAN, (double)INFINITY };
    const int32_t strict[] = { 0, 1, 0, 0, 1 }, inclusive[] = { 1, 1, 0, 0, 1 };
    const float zeros[] = { 0, -0.0f, 1e-45f, -1e-45f };
    const int32_t positive[] = { 0, 0, 1, 0 };
    (void)state;

    struct one t = one_node("above", MDL_F64, 1);
    mdl_build_float(t.b, t.node, "threshold", 0.5);
    one_gives(&t, x, 5, MDL_I32, 1, strict);
    t = one_node("above", MDL_F64, 1);
    mdl_build_float(t.b, t.node, "threshold", 0.5);
    mdl_build_int(t.b, t.node, "inclusive", 1);
    one_gives(&t, x, 5, MDL_I32, 1, inclusive);
    t = one_node("above", MDL_F32, 1);
    one_gives(&t, zeros, 4, MDL_I32, 1, positive);
    t = one_node("above", MDL_F32, 2);
    one_gives(&t, zeros, 2, MDL_I32, 2, positive);
}

static void complement_puts_one_minus_p_before_p(void **state)
{
    const double p[] = { 0.25, 1, 0, (double)NAN };
    const double y[] = { 0.75, 0.25, 0, 1, 1, 0, (double)NAN, (double)NAN };
    const float p32[] = { 0.25f, 0x1p-30f }, y32[] = { 0.75f, 0.25f, 1, 0x1p-30f };
    (void)state;

    struct one t = one_node("complement", MDL_F64, 1);
    one_gives(&t, p, 4, MDL_F64, 2, y);
    t = one_node("complement", MDL_F32, 1);
    one_gives(&t, p32, 2, MDL_F32, 2, y32);
}

static void more_than_one_column_and_odd_parameters_are_refused(void **state)
{
    (void)state;

    struct one t = one_node("complement", MDL_F64, 2);
    one_refused(&t, "x has 2 columns, expected 1");
    t = one_node("above", MDL_F64, 1);
    mdl_build_float(t.b, t.node, "threshold", (double)NAN);
    one_refused(&t, "the threshold is NaN");
    t = one_node("above", MDL_F64, 1);
    mdl_build_int(t.b, t.node, "inclusive", 2);
    one_refused(&t, "inclusive is not 0 or 1");
    t = one_node("argmax", MDL_F64, 3);
    const int32_t most = mdl_build_result(t.b, t.node, 0);
    t.node = mdl_build_node(t.b, "argmax", "", &most, 1);
    one_refused(&t, "input 0 is int32, expected float32 or float64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(argmax_is_the_first_of_the_largest_and_never_nan),
        cmocka_unit_test(above_is_strict_unless_inclusive),
        cmocka_unit_test(complement_puts_one_minus_p_before_p),
        cmocka_unit_test(more_than_one_column_and_odd_parameters_are_refused),
    };

    return cmocka_run_group_tests_name("op label", tests, NULL, NULL);
}
