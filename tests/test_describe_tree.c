/*
 * tests/test_describe_tree.c - trees of a loaded model are those that were built
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

/*         0: x1 < 2.5, missing left
 *        /                        \
 *   2: leaf 7, 8           1: x0 in {1, 33}: left
 *                          /                 \
 *                  4: leaf 9, 10         3: leaf 11, 12           */
static const uint8_t flags[] = {
    MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT | MDL_NODE_DEFAULT_LEFT,
    MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT, MDL_NODE_LEAF, MDL_NODE_LEAF, MDL_NODE_LEAF,
};
static const int32_t left[] = { 2, 4, 0, 0, 0 }, right[] = { 1, 3, 0, 0, 0 };
static const int32_t feature[] = { 1, 0, 0, 0, 0 }, leaf_id[] = { 0, 0, 70, 30, 40 };
static const double threshold[] = { 2.5, 0, 0, 0, 0 }, cover[] = { 10, 6, 4, 5, 1 };
static const double value[] = { 0, 0, 0, 0, 7, 8, 11, 12, 9, 10 };
static const uint32_t set_start[] = { 0, 0, 2, 2, 2, 2 }, set_words[] = { 2, 2 };

static mdl_model *make(int with_cover)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const mdl_trees all = { .size = sizeof all, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
                            .leaf_type = MDL_F64, .outputs = 4, .leaf_width = 2 };
    mdl_tree t = { .size = sizeof t, .n_nodes = 5, .output = 2, .weight = 0.5, .flags = flags,
                   .left = left, .right = right, .feature = feature, .threshold = threshold,
                   .value = value, .leaf_id = leaf_id, .cover = with_cover ? cover : NULL,
                   .set_start = set_start, .set_words = set_words };
    const uint8_t lone_flags = MDL_NODE_LEAF;
    const double lone_value[2] = { 1, 2 }, lone_cover = 10;
    const int32_t nothing = 0, lone_id = 5;
    const mdl_tree lone = { .size = sizeof lone, .n_nodes = 1, .weight = 1, .flags = &lone_flags,
                            .left = &nothing, .right = &nothing, .feature = &nothing,
                            .threshold = lone_value, .value = lone_value, .leaf_id = &lone_id,
                            .cover = with_cover ? &lone_cover : NULL };
    mdl_model *m = NULL;
    mdl_error err = MDL_ERROR_INIT;
    const void *file;
    size_t size;

    const int32_t x = mdl_build_input(b, "x", MDL_F32, 2, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &all);
    mdl_build_tree(b, n, &lone);
    t.iteration = 3;
    mdl_build_tree(b, n, &t);
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    if (mdl_build_bytes(b, &file, &size, &err) || mdl_load_memory(&m, file, size, NULL, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

static void a_tree_is_as_it_was_built(void **state)
{
    mdl_model *m = make(1);
    mdl_tree_info t = { .size = sizeof t };
    mdl_tree_node_info root = { .size = sizeof root }, n = { .size = sizeof n };
    double numbers[2], weights[5];

    (void)state;
    assert_int_equal(mdl_tree_count(m, 0), 2);
    assert_int_equal(mdl_tree_shape(m, 0, 1, &t), MDL_OK);
    assert_true(t.nodes == 5 && t.leaves == 3 && t.depth == 2 && t.output == 2 && t.leaf_width == 2);
    assert_true(t.round == 3 && t.has_cover == 1 && t.input == 0);
    assert_int_equal(mdl_tree_node(m, 0, 1, 0, &root), MDL_OK);
    assert_true(root.flags == flags[0] && root.feature == 1 && root.threshold == 2.5);
    assert_int_equal(mdl_tree_cover(m, 0, 1, weights), MDL_OK);
    assert_true(weights[0] == 10 && weights[root.left] == 4 && weights[root.right] == 6);

    assert_int_equal(mdl_tree_node(m, 0, 1, root.left, &n), MDL_OK);
    assert_true(n.flags == MDL_NODE_LEAF && n.leaf_id == 70);
    assert_int_equal(mdl_tree_leaf(m, 0, 1, root.left, numbers), MDL_OK);
    assert_true(numbers[0] == 3.5 && numbers[1] == 4);      /* times the weight of the tree */

    assert_int_equal(mdl_tree_node(m, 0, 1, root.right, &n), MDL_OK);
    assert_true(n.flags == flags[1] && n.feature == 0 && n.set_words == 2);
    assert_true(n.set[0] == 2 && n.set[1] == 2);
    assert_int_equal(mdl_tree_leaf(m, 0, 1, n.left, numbers), MDL_OK);
    assert_true(numbers[0] == 4.5 && numbers[1] == 5);
    assert_int_equal(mdl_tree_leaf(m, 0, 1, n.right, numbers), MDL_OK);
    assert_true(numbers[0] == 5.5 && numbers[1] == 6);
    mdl_free(m);
}

static void what_is_not_there_is_an_error(void **state)
{
    mdl_model *m = make(0);
    mdl_tree_info t = { .size = sizeof t };
    mdl_tree_node_info n = { .size = sizeof n };
    double numbers[5];

    (void)state;
    assert_int_equal(mdl_tree_count(m, 1), 0);
    assert_int_equal(mdl_tree_count(NULL, 0), 0);
    assert_int_equal(mdl_tree_shape(m, 0, 2, &t), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_tree_shape(m, 1, 0, &t), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_tree_shape(m, 0, 0, NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_tree_node(m, 0, 1, 5, &n), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_tree_node(m, 0, 0, SIZE_MAX, &n), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_tree_leaf(m, 0, 1, 0, numbers), MDL_ERR_ARGUMENT);   /* a split */
    assert_int_equal(mdl_tree_leaf(m, 0, 0, 0, numbers), MDL_OK);
    assert_int_equal(mdl_tree_cover(m, 0, 1, numbers), MDL_ERR_NOT_FOUND);
    assert_int_equal(mdl_tree_shape(m, 0, 0, &t), MDL_OK);
    assert_true(t.nodes == 1 && t.leaves == 1 && t.depth == 0 && !t.has_cover && t.round == 0);
    mdl_free(m);
}

static void rounds_of_very_many_trees_are_told_in_time(void **state)
{
    enum { TREES = 80000 };
    mdl_builder *b = mdl_builder_new(NULL);
    const mdl_trees all = { .size = sizeof all, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                            .outputs = 1, .leaf_width = 1 };
    mdl_tree_info info = { .size = sizeof info };
    mdl_tree_node_info leaf = { .size = sizeof leaf };
    const void *file;
    size_t size;
    mdl_model *m;
    (void)state;

    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &all);
    for (uint32_t t = 0; t < TREES; t++)
        mdl_build_tree(b, n, &(mdl_tree){
            .size = sizeof(mdl_tree), .n_nodes = 1, .weight = 1, .iteration = t + t / 3,
            .flags = (uint8_t[]){ MDL_NODE_LEAF }, .left = (int32_t[]){ 0 }, .right = (int32_t[]){ 0 },
            .feature = (int32_t[]){ 0 }, .threshold = (double[]){ 0 }, .value = (double[]){ t } });
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    assert_int_equal(mdl_build_bytes(b, &file, &size, NULL), MDL_OK);
    assert_int_equal(mdl_load_memory(&m, file, size, NULL, NULL), MDL_OK);
    mdl_builder_free(b);
    const double start = seconds_now();
    for (uint32_t t = 0; t < TREES; t++)
        assert_int_equal(mdl_tree_node(m, 0, t, 0, &leaf), MDL_OK);
    const double nodes = seconds_now() - start;
    for (uint32_t t = 0; t < TREES; t++) {
        assert_int_equal(mdl_tree_shape(m, 0, t, &info), MDL_OK);
        assert_int_equal(info.round, t + t / 3);
    }
    const double shapes = seconds_now() - start - nodes;
    assert_in_time(shapes, nodes);
    mdl_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_as_it_was_built),
        cmocka_unit_test(what_is_not_there_is_an_error),
        cmocka_unit_test(rounds_of_very_many_trees_are_told_in_time),
    };

    return cmocka_run_group_tests_name("describe_tree", tests, NULL, NULL);
}
