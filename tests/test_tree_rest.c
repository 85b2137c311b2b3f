/*
 * tests/test_tree_rest.c - leaves whose last value is told by the others (base/rest.h)
 *
 * An oblivious tree of 256 leaves of several values that add up to 0, but for some units.
 *
 * SPDX-License-Identifier: MIT
 */
#include "raw_file.h"

#include "mdl_import.h"

#include <float.h>
#include <math.h>              /* NAN, INFINITY: constants */

#define LEVELS 8u
#define LEAVES (1u << LEVELS)
#define WIDTH 3u

static uint64_t seed;

/* Leaves x, y and -(x + y), then some units more or less. */
static void balanced(double *value)
{
    for (uint32_t i = 0; i < LEAVES; i++) {
        double *x = value + i * WIDTH, sum;
        uint64_t bits;

        for (uint32_t k = 0; k < WIDTH - 1; k++)
            x[k] = (double)(int64_t)next_random(&seed) * 0x1p-70;
        sum = 0 - (x[0] + x[1]);
        memcpy(&bits, &sum, sizeof bits);
        bits += next_random(&seed) % 2001 - 1000;
        memcpy(&x[2], &bits, sizeof bits);
    }
}

static mdl_builder *tree_of(const double *value, uint32_t width, uint32_t type)
{
    static const uint8_t flags[LEVELS] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    static const double threshold[LEVELS] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    static const int32_t feature[LEVELS] = { 0 };
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F32, .leaf_type = type,
                          .outputs = width, .leaf_width = width };
    const mdl_tree t = { .size = sizeof t, .n_nodes = 2 * LEAVES - 1, .weight = 1, .flags = flags,
                         .feature = feature, .threshold = threshold, .value = value, .oblivious = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t n = mdl_build_trees(b, mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_MISSING), &e);

    assert_int_equal(flags[0], MDL_NODE_NUMBER);
    mdl_build_tree(b, n, &t);
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    return b;
}

static mdl_model *loaded(const unsigned char *file, size_t size)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = NULL;

    if (mdl_load_memory(&m, file, size, NULL, &err))
        fail_msg("%s", err.text);
    return m;
}

/* Has the file a `rest`?  Its leaves are those that were given, bit for bit. */
static int is_told(const double *value, uint32_t width)
{
    size_t size;
    unsigned char *file = raw_built(tree_of(value, width, MDL_F64), &size);
    mdl_tensor told, listed;
    const int is = raw_array(file, size, "rest", &told) != NULL;
    mdl_model *m = loaded(file, size);
    double x[WIDTH];

    raw_array(file, size, "value", &listed);
    assert_int_equal(listed.dims[1], (int64_t)width - is);
    for (uint32_t i = 0, leaf = 0; i < 2 * LEAVES - 1; i++) {
        mdl_tree_node_info node = { .size = sizeof node };
        mdl_tree_node(m, 0, 0, i, &node);
        if (node.flags != MDL_NODE_LEAF)
            continue;
        mdl_tree_leaf(m, 0, 0, i, x);
        assert_memory_equal(x, value + width * leaf++, width * sizeof *x);
    }
    mdl_free(m);
    free(file);
    return is;
}

/* All leaves x and -x, but for one. */
static int is_told_of_two(double first, double second)
{
    static double value[2 * LEAVES];

    for (uint32_t i = 0; i < LEAVES; i++) {
        value[2 * i] = 1 + i;
        value[2 * i + 1] = -value[2 * i];
    }
    value[100] = first;
    value[101] = second;
    return is_told(value, 2);
}

static void the_last_of_values_that_add_up_to_0_keeps_its_bits(void **state)
{
    static double value[WIDTH * LEAVES];

    (void)state;
    seed = 3;
    balanced(value);
    assert_true(is_told(value, WIDTH));
    assert_true(is_told_of_two(0.5, -0.5));
    assert_true(is_told_of_two(0, 0));
    assert_true(is_told_of_two(0, -0.0));
    assert_true(is_told_of_two(-0.0, 0));
    assert_true(is_told_of_two(-0.0, -0.0));
    assert_true(is_told_of_two(3, 1e300));       /* ten bytes, of one leaf */
    assert_true(is_told_of_two(DBL_MAX, -DBL_MAX));
    assert_true(is_told_of_two(5e-324, -5e-324));
    assert_true(is_told_of_two(1, INFINITY));    /* bits as any others */
    assert_true(is_told_of_two(1, (double)NAN));
}

static void leaves_are_listed_where_that_is_shorter_or_their_sum_is_not_finite(void **state)
{
    static double value[WIDTH * LEAVES];

    (void)state;
    assert_false(is_told_of_two(INFINITY, 1));
    assert_false(is_told_of_two(-INFINITY, INFINITY));
    assert_false(is_told_of_two((double)NAN, 1));
    seed = 4;
    balanced(value);
    value[3] = DBL_MAX;
    value[4] = DBL_MAX;                          /* together infinite */
    assert_false(is_told(value, WIDTH));
    for (uint32_t i = 0; i < WIDTH * LEAVES; i++)
        value[i] = (double)(next_random(&seed) >> 12) * 0x1p-52;
    assert_false(is_told(value, WIDTH));
}

static void bytes_that_tell_other_leaves_are_refused(void **state)
{
    static double value[WIDTH * LEAVES];
    static const uint8_t zeros[8], ones[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
    const double infinite = INFINITY;
    mdl_tensor told;
    size_t size;

    (void)state;
    seed = 5;
    balanced(value);
    unsigned char *file = raw_built(tree_of(value, WIDTH, MDL_F64), &size);
    uint8_t *rest = raw_array(file, size, "rest", &told), *end = rest + told.dims[0];
    double *listed = raw_array(file, size, "value", NULL);

    raw_try(file, size, end - 1, &(uint8_t){ 200 }, 1, "'rest' tells the last values of 255 rows, expected 256");
    raw_try(file, size, rest, zeros, 8, "'rest' tells the last values of more than 256 rows");
    raw_try(file, size, listed + 20, &infinite, sizeof infinite, "of 10 rows, expected 256");
    raw_try(file, size, rest, ones, 8, "'rest' tells the last values of");
    memset(rest, 0xFF, 12);                      /* a number of 13 bytes */
    raw_refused(file, size, "of 0 rows, expected 256");
    free(file);
}

/* An array that goes with no such leaves. */
static void refuses_rest(mdl_builder *b, int64_t bytes, const char *says)
{
    static const uint8_t zeros[2 * LEAVES];
    mdl_error err = MDL_ERROR_INIT;
    const void *file;
    size_t size;

    mdl_build_weights(b, 0, "rest", MDL_U8, 1, &bytes, zeros);
    assert_int_equal(mdl_build_bytes(b, &file, &size, &err), MDL_ERR_FORMAT);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
    mdl_builder_free(b);
}

/* A model that was loaded, as it can be built upon. */
static mdl_builder *again(mdl_builder *b)
{
    size_t size;
    unsigned char *file = raw_built(b, &size);
    mdl_model *m = loaded(file, size);
    mdl_builder *copy = mdl_builder_from_model(m, NULL);

    mdl_free(m);
    free(file);
    return copy;
}

static void rest_goes_with_several_float64_of_each_leaf(void **state)
{
    static double value[WIDTH * LEAVES];

    (void)state;
    for (uint32_t i = 0; i < WIDTH * LEAVES; i++)
        value[i] = i;
    refuses_rest(again(tree_of(value, WIDTH, MDL_F32)), LEAVES, "'rest' of leaves that are no float64");
    refuses_rest(again(tree_of(value, 1, MDL_F64)), LEAVES, "'rest' of leaves that are no float64");
    refuses_rest(again(tree_of(value, WIDTH, MDL_F64)), LEAVES, "'value' has 3 columns, expected 2");
    for (uint32_t i = 0; i < WIDTH * LEAVES; i++)
        value[i] = i % WIDTH;                    /* one vector for all leaves */
    refuses_rest(again(tree_of(value, WIDTH, MDL_F64)), LEAVES, "'rest' of leaves that are no float64, share");
}

/* As if the file had listed them all. */
static void rounded_leaves_are_those_of_the_same_leaves_in_full(void **state)
{
    static double value[WIDTH * LEAVES];
    const int64_t dims[] = { LEAVES, WIDTH };
    size_t size, bytes;

    (void)state;
    seed = 6;
    balanced(value);
    unsigned char *file = raw_built(tree_of(value, WIDTH, MDL_F64), &size);
    mdl_builder *full = again(tree_of(value, WIDTH, MDL_F64)), *b = NULL;
    mdl_build_weights(full, 0, "value", MDL_F64, 2, dims, value);
    mdl_build_weights(full, 0, "rest", 0, 1, NULL, NULL);
    unsigned char *listed = raw_built(full, &bytes);
    mdl_model *m = loaded(file, size), *twin = loaded(listed, bytes);

    assert_non_null(raw_array(file, size, "rest", NULL));
    assert_null(raw_array(listed, bytes, "rest", NULL));
    free(file);
    free(listed);
    assert_int_equal(mdl_round_leaves(&b, m, MDL_F16, NULL), MDL_OK);
    file = raw_built(b, &size);
    assert_int_equal(mdl_round_leaves(&b, twin, MDL_F16, NULL), MDL_OK);
    listed = raw_built(b, &bytes);
    assert_int_equal(size, bytes);
    assert_memory_equal(file, listed, size);
    mdl_free(m);
    mdl_free(twin);
    free(file);
    free(listed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_of_values_that_add_up_to_0_keeps_its_bits),
        cmocka_unit_test(leaves_are_listed_where_that_is_shorter_or_their_sum_is_not_finite),
        cmocka_unit_test(bytes_that_tell_other_leaves_are_refused),
        cmocka_unit_test(rest_goes_with_several_float64_of_each_leaf),
        cmocka_unit_test(rounded_leaves_are_those_of_the_same_leaves_in_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
