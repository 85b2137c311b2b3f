/*
 * tests/test_op_combine.c - sums, votes and medians of several models' answers
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static void sums_go_from_left_to_right_with_one_rounding_each(void **state)
{
    /* 0.1 + 0.2 + 0.3 is not 0.1 + (0.2 + 0.3); 1 + 2^-53 is 1, twice. */
    const double x[] = { 0.1, 1, 0.2, 0x1p-53, 0.3, 0x1p-53,  -0.0, 0, -0.0, 0, -0.0, 0 };
    const double y[] = { 0.1 + 0.2 + 0.3, 1, 0, 0 };
    const double w[] = { 3, 0.5, 7 };
    const double weighted[] = { (0.1 * 3 + 0.2 * 0.5) + 0.3 * 7, 3 + 0x1p-51 * 2 };
    const double kept[] = { -0.0, 0 };
    (void)state;

    struct one t = one_node("combine", MDL_F64, 6);
    mdl_build_int(t.b, t.node, "width", 2);
    one_gives(&t, x, 2, MDL_F64, 2, y);
    t = one_node("combine", MDL_F64, 6);
    mdl_build_int(t.b, t.node, "width", 2);
    one_row(&t, "weight", MDL_F64, 3, w);
    one_gives(&t, x, 1, MDL_F64, 2, weighted);
    t = one_node("combine", MDL_F64, 6);
    mdl_build_int(t.b, t.node, "width", 2);
    mdl_build_float(t.b, t.node, "start", -0.0);
    mdl_build_float(t.b, t.node, "divisor", 3);
    one_gives(&t, x + 6, 1, MDL_F64, 2, kept);
}

/* x, 0 or 1 by its sign, as an int32 column: what votes are counted of. */
static struct one signs(uint64_t cols)
{
    struct one t = { .b = mdl_builder_new(NULL), .type = MDL_F64, .cols = cols };
    int32_t column[8];

    t.x = mdl_build_input(t.b, "x", MDL_F64, cols, MDL_ABSENT_ZERO);
    for (uint32_t i = 0; i < cols; i++) {
        const int32_t select = mdl_build_node(t.b, "select", "", &t.x, 1);
        mdl_build_weights(t.b, select, "columns", MDL_U32, 1, (int64_t[]){ 1 }, &i);
        const int32_t one = mdl_build_result(t.b, select, 0);
        column[i] = mdl_build_result(t.b, mdl_build_node(t.b, "above", "", &one, 1), 0);
    }
    const int32_t all = mdl_build_result(t.b, mdl_build_node(t.b, "concat", "", column, cols), 0);
    t.node = mdl_build_node(t.b, "combine", "", &all, 1);
    mdl_build_choice(t.b, t.node, "kind", "votes");
    return t;
}

static void votes_count_for_their_class_and_may_count_against_the_others(void **state)
{
    const double x[] = { 1, -1, 1,  -1, -1, -1 };
    const double counts[] = { 1, 2, 0, 3, 0, 0 };
    const double w[] = { 0.5, 4, 0.25 }, other[] = { -1, -2, -3 };
    const double weighted[] = { (-1 + 4 - 3) / 2.0, (0.5 - 2 + 0.25) / 2, (-1.0 - 2 - 3) / 2 };
    (void)state;

    struct one t = signs(3);
    mdl_build_int(t.b, t.node, "width", 3);
    one_gives(&t, x, 2, MDL_F64, 3, counts);
    t = signs(3);
    mdl_build_int(t.b, t.node, "width", 3);
    mdl_build_float(t.b, t.node, "divisor", 2);
    one_row(&t, "weight", MDL_F64, 3, w);
    one_row(&t, "other", MDL_F64, 3, other);
    one_gives(&t, x, 1, MDL_F64, 3, weighted);
}

static void a_median_is_where_half_of_the_weight_is_reached(void **state)
{
    const double nan = (double)NAN;
    const double x[] = { 5, 1, 3, 2,  4, 4, 4, 4,  nan, 2, nan, 1,  -0.5, 7, -7, 9 };
    const double plain[] = { 2, 4, 2, -0.5 };
    const double w[] = { 1, 1, 0.5, 10 }, weighted[] = { 2, 4, 1, 9 };
    (void)state;

    struct one t = one_node("combine", MDL_F64, 4);
    mdl_build_choice(t.b, t.node, "kind", "median");
    one_gives(&t, x, 4, MDL_F64, 1, plain);
    t = one_node("combine", MDL_F64, 4);
    mdl_build_choice(t.b, t.node, "kind", "median");
    one_row(&t, "weight", MDL_F64, 4, w);
    one_gives(&t, x, 4, MDL_F64, 1, weighted);
}

static int ascends(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void a_median_of_many_is_the_middle_of_them_in_order(void **state)
{
    double x[7 * 101], y[7], sorted[101];
    uint64_t random = 7;
    (void)state;

    for (size_t row = 0; row < 7; row++) {
        for (size_t i = 0; i < 101; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            sorted[i] = x[row * 101 + i] = (double)(random >> 58) - 20;
        }
        qsort(sorted, 101, sizeof *sorted, ascends);
        y[row] = sorted[50];
    }
    struct one t = one_node("combine", MDL_F64, 101);
    mdl_build_choice(t.b, t.node, "kind", "median");
    one_gives(&t, x, 7, MDL_F64, 1, y);
}

static void what_does_not_fit_is_refused(void **state)
{
    const double w[3] = { 1, 1, 1 };
    (void)state;

    struct one t = one_node("combine", MDL_F32, 4);
    one_refused(&t, "input 0 is float32, expected float64");
    t = one_node("combine", MDL_F64, 4);
    mdl_build_choice(t.b, t.node, "kind", "votes");
    one_refused(&t, "input 0 is float64, expected int32");
    t = one_node("combine", MDL_F64, 4);
    mdl_build_int(t.b, t.node, "width", 3);
    one_refused(&t, "a width of 3 for 4 columns");
    t = one_node("combine", MDL_F64, 4);
    mdl_build_int(t.b, t.node, "width", 0);
    one_refused(&t, "a width of 0 for 4 columns");
    t = signs(2);
    mdl_build_int(t.b, t.node, "width", INT64_MAX);
    one_refused(&t, "a width of");
    t = one_node("combine", MDL_F64, 4);
    mdl_build_choice(t.b, t.node, "kind", "median");
    mdl_build_int(t.b, t.node, "width", 2);
    one_refused(&t, "a width of 2 for 4 columns");
    t = one_node("combine", MDL_F64, 4);
    one_row(&t, "weight", MDL_F64, 3, w);
    one_refused(&t, "'weight' has 3 elements, expected 4");
    t = one_node("combine", MDL_F64, 3);
    one_row(&t, "other", MDL_F64, 3, w);
    one_refused(&t, "'other' belongs to votes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_go_from_left_to_right_with_one_rounding_each),
        cmocka_unit_test(votes_count_for_their_class_and_may_count_against_the_others),
        cmocka_unit_test(a_median_is_where_half_of_the_weight_is_reached),
        cmocka_unit_test(a_median_of_many_is_the_middle_of_them_in_order),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests_name("op combine", tests, NULL, NULL);
}
