/*
 * tests/test_op_scale.c - columns shifted, scaled and held
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"
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
    for (int64_t first = -1; first < 3; first++) {
        t = one_node("scale", MDL_F64, 3);
        one_row(&t, first == 1 ? "sub" : "mul", MDL_F64, 3, w);
        one_row(&t, first == 1 ? "div" : "add", MDL_F64, 3, w);
        mdl_build_int(t.b, t.node, "first", first);
        if (first)
            one_refused(&t, "first is neither 0 nor 1, or there is no add");
        else
            mdl_builder_free(t.b);
    }
}

/* Two stumps of a leaf, 3 and 4; times 2, plus 10 with the first. */
static void what_belongs_to_the_first_round_is_not_in_a_later_range(void **state)
{
    static const double want[3] = { 24, 16, 8 };
    static const uint64_t ranges[3][2] = { { 0, 0 }, { 0, 1 }, { 1, 2 } };
    static const uint8_t leaf[1] = { MDL_NODE_LEAF };
    static const int32_t none[1] = { -1 };
    const int64_t one[1] = { 1 };
    (void)state;

    for (int wide = 0; wide < 2; wide++) {
        const uint32_t type = wide ? MDL_F64 : MDL_F32;
        const mdl_trees e = { .size = sizeof e, .threshold_type = type, .leaf_type = type,
                              .outputs = 1, .leaf_width = 1 };
        mdl_builder *b = mdl_builder_new(NULL);
        const int32_t x = mdl_build_input(b, "x", type, 1, 0), trees = mdl_build_trees(b, x, &e);
        for (uint64_t i = 0; i < 2; i++) {
            const double value = 3 + (double)i, zero = 0;
            const mdl_tree tree = { .size = sizeof tree, .n_nodes = 1, .weight = 1, .iteration = i,
                                    .flags = leaf, .left = none, .right = none, .feature = none,
                                    .threshold = &zero, .value = &value };
            mdl_build_tree(b, trees, &tree);
        }
        const int32_t sums = mdl_build_result(b, trees, 0);
        const int32_t scale = mdl_build_node(b, "scale", "", &sums, 1);
        mdl_build_weights(b, scale, "mul", type, 1, one, wide ? (const void *)&(double){ 2 }
                                                              : (const void *)&(float){ 2 });
        mdl_build_weights(b, scale, "add", type, 1, one, wide ? (const void *)&(double){ 10 }
                                                              : (const void *)&(float){ 10 });
        mdl_build_int(b, scale, "first", 1);
        mdl_build_output(b, "raw", MDL_OUTPUT_RAW, mdl_build_result(b, scale, 0));
        mdl_model *m = loaded(b, NULL);
        for (int i = 0; i < 3; i++) {
            double cell = 0, y = 0;
            mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
            const mdl_tensor in = { .size = sizeof in, .type = MDL_F64, .rank = 2, .data = &cell,
                                    .dims = { 1, 1 } };
            const mdl_tensor out = { .size = sizeof in, .type = MDL_F64, .rank = 2, .data = &y,
                                     .dims = { 1, 1 } };
            o.tree_begin = ranges[i][0];
            o.tree_end = ranges[i][1];
            assert_int_equal(mdl_predict_tensor(m, &in, &out, &o, NULL), MDL_OK);
            assert_true(y == want[i]);
        }
        mdl_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shift_then_divide_and_multiply_then_add),
        cmocka_unit_test(each_operation_rounds_by_itself),
        cmocka_unit_test(division_is_a_division),
        cmocka_unit_test(results_are_held_between_low_and_high),
        cmocka_unit_test(what_belongs_to_the_first_round_is_not_in_a_later_range),
        cmocka_unit_test(half_a_pair_both_pairs_or_a_wrong_length_are_refused),
    };

    return cmocka_run_group_tests_name("op scale", tests, NULL, NULL);
}
