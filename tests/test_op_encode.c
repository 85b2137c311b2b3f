/*
 * tests/test_op_encode.c - categories to their numbers
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static const double values[] = { -1.5, 0, 2, 7, 100, 1e300 };
static const uint32_t start[] = { 0, 4, 4, 6 };

static struct one encode(const uint32_t *from, int64_t n, const double *of)
{
    struct one t = one_node("encode", MDL_F64, 3);

    one_row(&t, "start", MDL_U32, 4, from);
    one_row(&t, "values", MDL_F64, n, of);
    return t;
}

static void values_become_positions_and_strangers_nan(void **state)
{
    const double nan = (double)NAN, inf = (double)INFINITY;
    const double x[] = { -1.5, 5, 100,  0, -5, 1e300,  -0.0, nan, 99,  7, inf, -inf,
                         1, 0.5, 1e301,  nan, -0.0, nan,  8, 0, 0x1.9000000000001p6 };
    const double y[] = { 0, 5, 0,  1, -5, 1,  1, nan, nan,  3, inf, nan,
                         nan, 0.5, nan,  nan, -0.0, nan,  nan, 0, nan };
    (void)state;

    struct one t = encode(start, 6, values);
    one_gives(&t, x, 7, MDL_F64, 3, y);
}

static void every_value_of_a_long_list_is_found(void **state)
{
    float list[300], x[601], y[601];
    (void)state;

    for (int i = 0; i < 300; i++)
        list[i] = (float)(2 * i);
    for (int i = 0; i < 601; i++) {
        x[i] = (float)(i - 1);
        y[i] = i % 2 ? (float)((i - 1) / 2) : NAN;
    }
    struct one t = one_node("encode", MDL_F32, 1);
    one_row(&t, "start", MDL_U32, 2, (uint32_t[]){ 0, 300 });
    one_row(&t, "values", MDL_F32, 300, list);
    one_gives(&t, x, 601, MDL_F32, 1, y);
}

static void lists_out_of_order_or_out_of_bounds_are_refused(void **state)
{
    const double twice[] = { 1, 2, 2, 3, 4, 5 }, holes[] = { 1, (double)NAN, 3, 4, 5, 6 };
    (void)state;

    struct one t = encode(start, 6, twice);
    one_refused(&t, "value 2 of column 0 is NaN or not above the one before");
    t = encode(start, 6, holes);
    one_refused(&t, "value 1 of column 0 is NaN");
    t = encode((uint32_t[]){ 0, 5, 4, 6 }, 6, values);
    one_refused(&t, "'start' decreases from 5 to 4");
    t = encode((uint32_t[]){ 0, 4000000000u, 4, 6 }, 6, values);
    one_refused(&t, "'start' decreases from 4000000000 to 4");
    t = encode((uint32_t[]){ 1, 4, 4, 6 }, 6, values);
    one_refused(&t, "'start' goes from 1 to 6, expected 0 to 6");
    t = encode((uint32_t[]){ 0, 4, 4, 7 }, 6, values);
    one_refused(&t, "'start' goes from 0 to 7, expected 0 to 6");
    t = one_node("encode", MDL_F64, 3);
    one_row(&t, "start", MDL_U32, 3, start);
    one_row(&t, "values", MDL_F64, 6, values);
    one_refused(&t, "'start' has 3 elements, expected 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_positions_and_strangers_nan),
        cmocka_unit_test(every_value_of_a_long_list_is_found),
        cmocka_unit_test(lists_out_of_order_or_out_of_bounds_are_refused),
    };

    return cmocka_run_group_tests_name("op encode", tests, NULL, NULL);
}
