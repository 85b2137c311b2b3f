/*
 * tests/test_op_average.c - sums by the iterations that went into them
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static void sums_are_divided_by_the_iterations(void **state)
{
    const double x[] = { 3, -1, (double)NAN, 0, 1, 6 };
    const double y[] = { 1, -1.0 / 3, (double)NAN, 0, 1.0 / 3, 2 };
    const float x32[] = { 3, 1 }, y32[] = { 1, 1.0f / 3 };
    (void)state;

    struct one t = one_node("average", MDL_F64, 3);
    mdl_build_int(t.b, t.node, "iterations", 3);
    one_gives(&t, x, 2, MDL_F64, 3, y);
    t = one_node("average", MDL_F32, 2);
    mdl_build_int(t.b, t.node, "iterations", 3);
    one_gives(&t, x32, 1, MDL_F32, 2, y32);
}

/* Four trees of one leaf each, 1, 2, 4 and 8, averaged over so many. */
static mdl_builder *averaged(int64_t iterations)
{
    const uint8_t flags[] = { MDL_NODE_LEAF };
    const int32_t none[] = { -1 };
    const double threshold[] = { 0 };
    const mdl_trees ensemble = { .size = sizeof ensemble, .threshold_type = MDL_F64,
                                 .leaf_type = MDL_F64, .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F64, 1, MDL_ABSENT_ZERO);
    const int32_t trees = mdl_build_trees(b, x, &ensemble);

    for (uint64_t i = 0; i < 4; i++) {
        const double value = (double)(1u << i);
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 1, .iteration = i, .weight = 1,
                                .flags = flags, .left = none, .right = none, .feature = none,
                                .threshold = threshold, .value = &value };
        mdl_build_tree(b, trees, &tree);
    }
    const int32_t sums = mdl_build_result(b, trees, 0);
    const int32_t node = mdl_build_node(b, "average", "", &sums, 1);
    mdl_build_int(b, node, "iterations", iterations);
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, node, 0));
    return b;
}

static void a_range_of_iterations_is_divided_by_its_own_length(void **state)
{
    mdl_builder *b = averaged(4);
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;
    (void)state;

    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, NULL, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);

    static const struct { uint64_t begin, end; double want; } cases[] = {
        { 0, 0, 15.0 / 4 }, { 0, 1, 1 }, { 1, 3, 3 }, { 2, 4, 6 }, { 3, 4, 8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double in = 0, out = -1;
        const mdl_tensor from = { .size = sizeof from, .type = MDL_F64, .rank = 2, .data = &in,
                                  .dims = { 1, 1 } };
        const mdl_tensor to = { .size = sizeof to, .type = MDL_F64, .rank = 2, .data = &out,
                                .dims = { 1, 1 } };
        mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
        o.tree_begin = cases[i].begin;
        o.tree_end = cases[i].end;
        assert_int_equal(mdl_predict_tensor(m, &from, &to, &o, &err), MDL_OK);
        assert_true(out == cases[i].want);
    }
    mdl_free(m);
}

static void no_iterations_are_refused(void **state)
{
    (void)state;
    struct one t = one_node("average", MDL_F64, 1);
    mdl_build_int(t.b, t.node, "iterations", 0);
    one_refused(&t, "an average over 0 iterations");
}

static void iterations_that_the_ensemble_does_not_have_are_refused(void **state)
{
    mdl_builder *b = averaged(5);
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    (void)state;

    assert_int_equal(mdl_build_bytes(b, &bytes, &size, &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "an average over 5 iterations of an ensemble that has 4"));
    mdl_builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_divided_by_the_iterations),
        cmocka_unit_test(a_range_of_iterations_is_divided_by_its_own_length),
        cmocka_unit_test(no_iterations_are_refused),
        cmocka_unit_test(iterations_that_the_ensemble_does_not_have_are_refused),
    };

    return cmocka_run_group_tests_name("op_average", tests, NULL, NULL);
}
