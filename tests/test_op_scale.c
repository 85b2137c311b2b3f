/*
 * tests/test_op_scale.c - columns shifted, scaled and held
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static void shift_then_divide_and_multiply_then_add(void **state)
{
    const double sub[] = { 1, 0, -2 }, div[] = { 2, 1, 4 };
    const double mul[] = { 2, -1, 0 }, add[] = { 1, 0, 7 };
    const double x[] = { 5, 3, 2, 1, -0.0, (double)NAN };
    const double divided[] = { 2, 3, 1, 0, -0.0, (double)NAN };
    const double added[] = { 11, -3, 7, 3, 0, (double)NAN };
    (void)state;

    struct one t = one_node("scale", MDL_F64, 3);
    one_row(&t, "sub", MDL_F64, 3, sub);
    one_row(&t, "div", MDL_F64, 3, div);
    one_gives(&t, x, 2, MDL_F64, 3, divided);
    t = one_node("scale", MDL_F64, 3);
    one_row(&t, "mul", MDL_F64, 3, mul);
    one_row(&t, "add", MDL_F64, 3, add);
    one_gives(&t, x, 2, MDL_F64, 3, added);
}

/* (1 + e)^2 - 1 with e = 2^-30: the product rounds to 1 + 2e; fused it would keep e^2. */
static void each_operation_rounds_by_itself(void **state)
{
    double x[11], mul[11], add[11], y[11];
    float x32[11], mul32[11], add32[11], y32[11];
    (void)state;

    for (int i = 0; i < 11; i++) {
        x[i] = mul[i] = 1 + 0x1p-30;
        add[i] = -1;
        y[i] = 0x1p-29;
        x32[i] = mul32[i] = 1 + 0x1p-14f;
        add32[i] = -1;
        y32[i] = 0x1p-13f;
    }
    struct one t = one_node("scale", MDL_F64, 11);
    one_row(&t, "mul", MDL_F64, 11, mul);
    one_row(&t, "add", MDL_F64, 11, add);
    one_gives(&t, x, 1, MDL_F64, 11, y);
    t = one_node("scale", MDL_F32, 11);
    one_row(&t, "mul", MDL_F32, 11, mul32);
    one_row(&t, "add", MDL_F32, 11, add32);
    one_gives(&t, x32, 1, MDL_F32, 11, y32);
}

/* IEEE: 1/3 is correctly rounded, so dividing is not multiplying by a reciprocal. */
static void division_is_a_division(void **state)
{
    double x[9], sub[9], div[9], y[9];
    (void)state;

    for (int i = 0; i < 9; i++) {
        x[i] = 5 + i;
        sub[i] = 0;
        div[i] = 49;
        y[i] = (double)((long double)(5 + i) / 49);
    }
    struct one t = one_node("scale", MDL_F64, 9);
    one_row(&t, "sub", MDL_F64, 9, sub);
    one_row(&t, "div", MDL_F64, 9, div);
    one_gives(&t, x, 1, MDL_F64, 9, y);
}

static void results_are_held_between_low_and_high(void **state)
{
    const double one = 1, zero = 0;
    const double x[] = { -3, 0.25, 3, (double)NAN, (double)INFINITY, -(double)INFINITY };
    const double y[] = { 0, 0.25, 1, (double)NAN, 1, 0 };
    const float one32 = 1, zero32 = 0, x32[] = { -3, 0.25f, 3 }, y32[] = { -1, 0.25f, 3 };
    (void)state;

    struct one t = one_node("scale", MDL_F64, 1);
    one_row(&t, "mul", MDL_F64, 1, &one);
    one_row(&t, "add", MDL_F64, 1, &zero);
    mdl_build_float(t.b, t.node, "low", 0);
    mdl_build_float(t.b, t.node, "high", 1);
    one_gives(&t, x, 6, MDL_F64, 1, y);
    t = one_node("scale", MDL_F32, 1);
    one_row(&t, "mul", MDL_F32, 1, &one32);
    one_row(&t, "add", MDL_F32, 1, &zero32);
    mdl_build_float(t.b, t.node, "low", -1);
    one_gives(&t, x32, 3, MDL_F32, 1, y32);
}

static void half_a_pair_both_pairs_or_a_wrong_length_are_refused(void **state)
{
    const double w[3] = { 1, 1, 1 };
    (void)state;

    struct one t = one_node("scale", MDL_F64, 3);
    one_refused(&t, "neither sub and div nor mul and add");
    t = one_node("scale", MDL_F64, 3);
    one_row(&t, "sub", MDL_F64, 3, w);
    one_refused(&t, "neither sub and div nor mul and add");
    t = one_node("scale", MDL_F64, 3);
    one_row(&t, "sub", MDL_F64, 3, w);
    one_row(&t, "div", MDL_F64, 3, w);
    one_row(&t, "add", MDL_F64, 3, w);
    one_refused(&t, "neither sub and div nor mul and add");
    t = one_node("scale", MDL_F64, 3);
    one_row(&t, "sub", MDL_F64, 3, w);
    one_row(&t, "div", MDL_F64, 2, w);
    one_refused(&t, "'div' has 2 elements, expected 3");
    t = one_node("scale", MDL_F64, 3);
    one_row(&t, "sub", MDL_F64, 3, w);
    one_row(&t, "div", MDL_F64, 3, w);
    mdl_build_float(t.b, t.node, "low", 2);
    mdl_build_float(t.b, t.node, "high", 1);
    one_refused(&t, "low is not at or below high");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shift_then_divide_and_multiply_then_add),
        cmocka_unit_test(each_operation_rounds_by_itself),
        cmocka_unit_test(division_is_a_division),
        cmocka_unit_test(results_are_held_between_low_and_high),
        cmocka_unit_test(half_a_pair_both_pairs_or_a_wrong_length_are_refused),
    };

    return cmocka_run_group_tests_name("op scale", tests, NULL, NULL);
}
