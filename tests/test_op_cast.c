/*
 * tests/test_op_cast.c - element types
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static struct one cast_node(uint32_t from, const char *to, uint64_t cols)
{
    struct one t = one_node("cast", from, cols);

    mdl_build_choice(t.b, t.node, "to", to);
    return t;
}

/* Values worked out from the format: 24 bits, ties to even, smallest 2^-149. */
static void narrowing_rounds_to_nearest_even(void **state)
{
    const double x[] = { 1 + 0x1p-24, 1 + 0x1p-24 + 0x1p-52, 1 + 0x3p-24, -0.0, 0x1p-149, 0x1p-150,
                         0x1.8p-150, 0x1.fffffep127, 0x1.ffffffp127, (double)INFINITY,
                         (double)NAN };
    const float y[] = { 1, 1 + 0x1p-23f, 1 + 0x1p-22f, -0.0f, 0x1p-149f, 0, 0x1p-149f,
                        0x1.fffffep127f, INFINITY, INFINITY, NAN };
    (void)state;

    struct one t = cast_node(MDL_F64, "float32", 11);
    one_gives(&t, x, 1, MDL_F32, 11, y);
}

static void widening_is_exact_denormals_too(void **state)
{
    const float x[] = { 0.1f, -0.0f, 0x1p-149f, 0x1.fffffep127f, -INFINITY, NAN, 1, 2, 3 };
    const double y[] = { 0x1.99999ap-4, -0.0, 0x1p-149, 0x1.fffffep127, -(double)INFINITY,
                         (double)NAN, 1, 2, 3 };
    (void)state;

    struct one t = cast_node(MDL_F32, "float64", 9);
    one_gives(&t, x, 1, MDL_F64, 9, y);
}

static void the_same_type_is_copied(void **state)
{
    const double x[] = { 0.1, (double)NAN, -0.0 };
    const float x32[] = { 0.1f, NAN, -0.0f };
    (void)state;

    struct one t = cast_node(MDL_F64, "float64", 3);
    one_gives(&t, x, 1, MDL_F64, 3, x);
    t = cast_node(MDL_F32, "float32", 3);
    one_gives(&t, x32, 1, MDL_F32, 3, x32);
}

static void integers_become_either_float(void **state)
{
    const double x[] = { 0, 0, 1, 7, 2, 3 }, y[] = { 2, 0 };
    const float y32[] = { 2, 0 };
    (void)state;

    for (int wide = 0; wide < 2; wide++) {
        struct one t = one_node("argmax", MDL_F64, 3);
        const int32_t most = mdl_build_result(t.b, t.node, 0);
        t.node = mdl_build_node(t.b, "cast", "", &most, 1);
        mdl_build_choice(t.b, t.node, "to", wide ? "float64" : "float32");
        if (wide)
            one_gives(&t, x, 2, MDL_F64, 1, y);
        else
            one_gives(&t, x, 2, MDL_F32, 1, y32);
    }
}

static void another_type_is_refused(void **state)
{
    (void)state;

    struct one t = cast_node(MDL_F64, "int8", 1);
    one_refused(&t, "int8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrowing_rounds_to_nearest_even),
        cmocka_unit_test(widening_is_exact_denormals_too),
        cmocka_unit_test(the_same_type_is_copied),
        cmocka_unit_test(integers_become_either_float),
        cmocka_unit_test(another_type_is_refused),
    };

    return cmocka_run_group_tests_name("op cast", tests, NULL, NULL);
}
