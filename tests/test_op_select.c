/*
 * tests/test_op_select.c - some columns, in any order
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static void columns_come_in_the_order_asked_for_and_may_repeat(void **state)
{
    const uint32_t columns[] = { 3, 0, 0, 2 };
    const double x[] = { 1, 2, 3, 4, 5, 6, 7, (double)NAN };
    const double y[] = { 4, 1, 1, 3, (double)NAN, 5, 5, 7 };
    const float x32[] = { 1, 2, 3, 4, 5, 6, 7, 8 }, y32[] = { 4, 1, 1, 3, 8, 5, 5, 7 };
    (void)state;

    struct one t = one_node("select", MDL_F64, 4);
    one_row(&t, "columns", MDL_U32, 4, columns);
    one_gives(&t, x, 2, MDL_F64, 4, y);
    t = one_node("select", MDL_F32, 4);
    one_row(&t, "columns", MDL_U32, 4, columns);
    one_gives(&t, x32, 2, MDL_F32, 4, y32);
}

static void integers_can_be_selected_too(void **state)
{
    const uint32_t columns[] = { 0, 0 };
    const double x[] = { 1, 2, 3, 9, 2, 3 };
    const int32_t y[] = { 2, 2, 0, 0 };
    (void)state;

    struct one t = one_node("argmax", MDL_F64, 3);
    const int32_t most = mdl_build_result(t.b, t.node, 0);
    t.node = mdl_build_node(t.b, "select", "", &most, 1);
    one_row(&t, "columns", MDL_U32, 2, columns);
    one_gives(&t, x, 2, MDL_I32, 2, y);
}

static void a_column_that_is_not_there_and_no_column_are_refused(void **state)
{
    const uint32_t columns[] = { 0, 4 };
    (void)state;

    struct one t = one_node("select", MDL_F64, 4);
    one_row(&t, "columns", MDL_U32, 2, columns);
    one_refused(&t, "column 4 is selected, x has 4");
    t = one_node("select", MDL_F64, 4);
    one_row(&t, "columns", MDL_U32, 0, columns);
    one_refused(&t, "no column is selected");
    t = one_node("select", MDL_F64, 4);
    one_refused(&t, "columns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_come_in_the_order_asked_for_and_may_repeat),
        cmocka_unit_test(integers_can_be_selected_too),
        cmocka_unit_test(a_column_that_is_not_there_and_no_column_are_refused),
    };

    return cmocka_run_group_tests_name("op select", tests, NULL, NULL);
}
