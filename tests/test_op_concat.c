/*
 * tests/test_op_concat.c - tables side by side
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

/* x beside two selections of it, over `type`. */
static struct one beside(uint32_t type)
{
    struct one t = one_node("select", type, 3);
    int32_t parts[3];

    one_row(&t, "columns", MDL_U32, 1, (uint32_t[]){ 2 });
    parts[0] = t.x;
    parts[1] = mdl_build_result(t.b, t.node, 0);
    t.node = mdl_build_node(t.b, "select", "", &t.x, 1);
    one_row(&t, "columns", MDL_U32, 2, (uint32_t[]){ 1, 1 });
    parts[2] = mdl_build_result(t.b, t.node, 0);
    t.node = mdl_build_node(t.b, "concat", "", parts, 3);
    return t;
}

static void tables_stand_side_by_side_in_order(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, (double)NAN };
    const double y[] = { 1, 2, 3, 3, 2, 2, 4, 5, (double)NAN, (double)NAN, 5, 5 };
    const float x32[] = { 1, 2, 3, 4, 5, 6 }, y32[] = { 1, 2, 3, 3, 2, 2, 4, 5, 6, 6, 5, 5 };
    (void)state;

    struct one t = beside(MDL_F64);
    one_gives(&t, x, 2, MDL_F64, 6, y);
    t = beside(MDL_F32);
    one_gives(&t, x32, 2, MDL_F32, 6, y32);
}

static void one_table_alone_is_copied(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, 6 };
    (void)state;

    struct one t = one_node("concat", MDL_F64, 3);
    one_gives(&t, x, 2, MDL_F64, 3, x);
}

static void tables_of_two_types_and_too_many_are_refused(void **state)
{
    int32_t parts[65];
    (void)state;

    struct one t = one_node("cast", MDL_F64, 3);
    mdl_build_choice(t.b, t.node, "to", "float32");
    parts[0] = t.x;
    parts[1] = mdl_build_result(t.b, t.node, 0);
    t.node = mdl_build_node(t.b, "concat", "", parts, 2);
    one_refused(&t, "input 1 is float32, input 0 is float64");
    t = one_node("concat", MDL_F64, 3);
    for (int i = 0; i < 65; i++)
        parts[i] = t.x;
    t.node = mdl_build_node(t.b, "concat", "", parts, 65);
    one_refused(&t, "65");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_stand_side_by_side_in_order),
        cmocka_unit_test(one_table_alone_is_copied),
        cmocka_unit_test(tables_of_two_types_and_too_many_are_refused),
    };

    return cmocka_run_group_tests_name("op concat", tests, NULL, NULL);
}
