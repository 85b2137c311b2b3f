/*
 * tests/test_leaves.c - leaves rounded to float16: the nearest ones, what is said of them, sums
 *
 * What is nearest is found by trying all float16, decoded by the program's reader of .npy files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "cli/npy.h"
#include "mdl_import.h"

#include <float.h>
#include <math.h>

#define MANY 300u                 /* rows for which every engine may be chosen */

/* Trees of one split each, x < 0 left: leaves[2 t] and [2 t + 1], `width` values each. */
static mdl_builder *stumps(uint32_t type, uint32_t width, size_t trees, const double *leaves,
                           const double *weights)
{
    const mdl_trees ensemble = { .size = sizeof ensemble, .compare = MDL_TREES_LT,
                                 .threshold_type = MDL_F32, .leaf_type = type, .outputs = width,
                                 .leaf_width = width };
    const uint8_t flags[] = { MDL_NODE_NUMBER, MDL_NODE_LEAF, MDL_NODE_LEAF };
    const int32_t left[] = { 1, 0, 0 }, right[] = { 2, 0, 0 }, feature[] = { 0, 0, 0 };
    const double threshold[] = { 0, 0, 0 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_ZERO);
    const int32_t n = mdl_build_trees(b, x, &ensemble);

    for (size_t t = 0; t < trees; t++) {
        double value[12] = { 0 };
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .iteration = t,
                                .weight = weights ? weights[t] : 1, .flags = flags, .left = left,
                                .right = right, .feature = feature, .threshold = threshold,
                                .value = value };
        memcpy(value + width, leaves + 2 * width * t, 2 * width * sizeof *value);
        assert_int_equal(mdl_build_tree(b, n, &tree), MDL_OK);
    }
    mdl_build_output(b, "raw", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    return b;
}

/* The model of a builder, which is freed. */
static mdl_model *model_of(mdl_builder *b, const char *isa)
{
    mdl_load_options o = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = NULL;
    const void *bytes;
    size_t size;

    o.isa = isa;
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, &o, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

static mdl_model *rounded(mdl_builder *b, const char *isa)
{
    mdl_model *m = model_of(b, NULL);
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *r = NULL;

    if (mdl_round_leaves(&r, m, MDL_F16, &err))
        fail_msg("%s", err.text);
    mdl_free(m);
    return model_of(r, isa);
}

static mdl_tensor array(const mdl_model *m, const char *name)
{
    mdl_tensor t = { .size = sizeof t };

    for (size_t i = 0; !mdl_node_tensor(m, 0, i, &t); i++)
        if (!strcmp(t.name, name))
            return t;
    fail_msg("no '%s'", name);
    return t;
}

static double scale_of(const mdl_model *m)
{
    const mdl_tensor t = array(m, "scale");

    return t.type == MDL_F32 ? (double)*(const float *)t.data : *(const double *)t.data;
}

/* Is none of all finite float16 nearer to x / scale, and of two the even one taken? */
static void is_nearest(uint16_t code, double scale, double x)
{
    const long double mine = fabsl((long double)cli_half_value(code) * scale - x);

    assert_int_equal(signbit(x) != 0, code >> 15);
    for (uint32_t c = 0; c < 0x7C00; c++) {
        const uint16_t other = (uint16_t)(c | (code & 0x8000));
        const long double its = fabsl((long double)cli_half_value(other) * scale - x);
        if (its < mine)
            fail_msg("%.17g / %g: %04x, but %04x is nearer", x, scale, code, other);
        assert_true(its > mine || other == code || !(code & 1));
    }
}

static void leaves_become_the_nearest_float16_times_a_power_of_two(void **state)
{
    static const double tops[] = { 1, 0.7, 65504, 65519, 1.99999, 1e-3, 4e-38, 1e30, 3e-44 };
    uint64_t seed = 7;
    (void)state;

    for (size_t k = 0; k < sizeof tops / sizeof *tops; k++)
        for (uint32_t type = MDL_F32; type <= MDL_F64; type++) {
            double leaves[16] = { (double)(float)tops[k], 0, -0.0 };
            for (size_t i = 3; i < 16; i++) {
                const double u = (double)(next_random(&seed) >> 40) / 0x1p24 - 0.5;
                leaves[i] = leaves[0] * u * pow(2, -(double)(i % 7) * 5);
                if (i % 4 == 0)                /* between two float16 */
                    leaves[i] = leaves[0] * (1025 + 2 * (double)i + 1) / 4096;
                leaves[i] = type == MDL_F32 ? (double)(float)leaves[i] : leaves[i];
            }
            mdl_model *m = rounded(stumps(type, 1, 8, leaves, NULL), NULL);
            const mdl_tensor value = array(m, "value");
            const uint16_t *code = value.data;
            const double scale = scale_of(m);
            int power;
            assert_int_equal(value.type, MDL_F16);
            assert_int_equal(array(m, "scale").type, type);
            assert_true(frexp(scale, &power) == 0.5);
            assert_true(cli_half_value(code[0]) >= 32768 || scale == 0x1p-126);
            for (size_t i = 0; i < 16; i++)
                is_nearest(code[i], scale, leaves[i]);
            mdl_free(m);
        }
}

static void what_is_no_number_stays_and_does_not_count(void **state)
{
    const double leaves[] = { (double)NAN, 1, (double)INFINITY, -(double)INFINITY };
    (void)state;

    mdl_model *m = rounded(stumps(MDL_F32, 1, 2, leaves, NULL), NULL);
    const uint16_t *code = array(m, "value").data;
    assert_true(isnan(cli_half_value(code[0])));
    assert_true(cli_half_value(code[1]) * scale_of(m) == 1);
    assert_true(cli_half_value(code[2]) > DBL_MAX && cli_half_value(code[3]) < -DBL_MAX);
    assert_string_equal(mdl_metadata_get(m, "leaf_change_most"), "0");
    mdl_free(m);
}

/* 1 stays; 1 + 3 * 2^-12 becomes 1 + 2^-10, 2^-12 = 2.4414e-4 more, 2.43962e-4 of itself.  Of the
 * two values half of that on average; of the trees' sum once and, with the weight -2, twice. */
static void how_far_leaves_and_sums_move_is_in_the_metadata(void **state)
{
    const double leaves[] = { 1, 1 + 3 * 0x1p-12, 1, 1 + 3 * 0x1p-12 }, weights[] = { 1, -2 };
    (void)state;

    mdl_model *m = rounded(stumps(MDL_F64, 1, 2, leaves, weights), NULL);
    assert_string_equal(mdl_metadata_get(m, "leaves"), "float16");
    assert_string_equal(mdl_metadata_get(m, "leaf_change_most"), "2.45e-4");
    assert_string_equal(mdl_metadata_get(m, "leaf_change_relative"), "2.44e-4");
    assert_string_equal(mdl_metadata_get(m, "leaf_change_mean"), "1.23e-4");
    assert_string_equal(mdl_metadata_get(m, "sum_change_most"), "7.33e-4");
    mdl_free(m);
}

/* Sums as the rounded leaves give them, in the order and type of the source; every table of kernels
 * and every number of rows the same. */
static void sums_are_those_of_the_rounded_leaves(void **state)
{
    static const char *const isas[] = { "ref", NULL };
    double leaves[80], weights[40];
    uint64_t seed = 3;
    (void)state;

    for (size_t i = 0; i < 80; i++)
        leaves[i] = (double)(float)((double)(next_random(&seed) >> 40) / 0x1p24 - 0.5);
    for (size_t t = 0; t < 40; t++)
        weights[t] = t % 3 ? 1 : 0.75;
    for (size_t k = 0; k < 2; k++)
        for (int dart = 0; dart < 2; dart++) {
            mdl_model *m = rounded(stumps(MDL_F32, 1, 40, leaves, dart ? weights : NULL), isas[k]);
            const uint16_t *code = array(m, "value").data;
            const float scale = (float)scale_of(m);
            float sum[2] = { 0, 0 }, x[MANY], y[MANY], one;
            for (size_t t = 0; t < 40; t++)
                for (size_t side = 0; side < 2; side++) {
                    const float leaf = (float)cli_half_value(code[2 * t + side]) * scale;
                    volatile const float part = dart ? leaf * (float)weights[t] : leaf;
                    sum[side] += part;
                }
            for (size_t r = 0; r < MANY; r++)
                x[r] = r % 5 ? 1.0f : -1.0f;
            assert_int_equal(mdl_predict(m, x, MANY, y), MDL_OK);
            for (size_t r = 0; r < MANY; r++)
                assert_true(y[r] == sum[r % 5 != 0]);
            assert_int_equal(mdl_predict(m, x + 1, 1, &one), MDL_OK);
            assert_true(one == sum[1]);
            mdl_free(m);
        }
}

/* 40 trees whose leaves are one of two vectors: (1, 2, 1 + 3 * 2^-12) and (0, 0, 4).  Of 4 the unit
 * is 2^-8, of 1 it is 2^-10: the third output alone moves, 2^-12 a tree. */
static void leaves_of_several_values_that_are_shared_are_rounded_once(void **state)
{
    static const double vectors[] = { 1, 2, 1 + 3 * 0x1p-12, 0, 0, 4 };
    double leaves[240];
    (void)state;

    for (size_t i = 0; i < 40; i++)
        memcpy(leaves + 6 * i, vectors, sizeof vectors);
    mdl_model *m = rounded(stumps(MDL_F64, 3, 40, leaves, NULL), NULL);
    const float x[] = { -1, 1 };
    float y[6];
    assert_int_equal(array(m, "value").dims[0], 2);
    assert_int_equal(array(m, "vector").dims[0], 80);
    assert_string_equal(mdl_metadata_get(m, "sum_change_most"), "9.77e-3");   /* 40 * 2^-12 */
    assert_int_equal(mdl_predict(m, x, 2, y), MDL_OK);
    assert_true(y[0] == 40 && y[1] == 80 && y[2] == 40 + 40 * 0x1p-10f);
    assert_true(y[3] == 0 && y[4] == 0 && y[5] == 160);
    mdl_free(m);
}

static void a_rounded_file_says_so_to_older_readers_and_survives_being_rebuilt(void **state)
{
    const double leaves[] = { 0.1, 0.2, -0.3, 0.4 };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = rounded(stumps(MDL_F64, 1, 2, leaves, NULL), NULL), *again;
    const void *bytes, *other;
    size_t size, n;
    (void)state;

    mdl_builder *b = mdl_builder_from_model(m, &err);
    assert_int_equal(mdl_build_bytes(b, &bytes, &size, &err), MDL_OK);
    assert_int_equal(((const unsigned char *)bytes)[32] & 2, 2);   /* required features */
    assert_int_equal(mdl_load_memory(&again, bytes, size, NULL, &err), MDL_OK);
    mdl_builder *c = mdl_builder_from_model(again, &err);
    assert_int_equal(mdl_build_bytes(c, &other, &n, &err), MDL_OK);
    assert_int_equal(n, size);
    assert_memory_equal(bytes, other, size);
    mdl_builder_free(b);
    mdl_builder_free(c);
    mdl_free(m);
    mdl_free(again);
}

static void refuses(mdl_builder *b, uint32_t type, mdl_status status, const char *text)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = model_of(b, NULL);
    mdl_builder *out = (mdl_builder *)1;

    assert_int_equal(mdl_round_leaves(&out, m, type, &err), status);
    assert_null(out);
    if (!strstr(err.text, text))
        fail_msg("'%s' is not in '%s'", text, err.text);
    mdl_free(m);
}

static mdl_builder *no_trees(void)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const float w[] = { 1 };
    const int64_t dims[] = { 1, 1 };
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_ZERO);
    const int32_t n = mdl_build_node(b, "dense", "", &x, 1);

    mdl_build_weights(b, n, "weight", MDL_F32, 2, dims, w);
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    return b;
}

static mdl_builder *rounded_again(void)
{
    const double leaves[] = { 1, 2 };
    mdl_model *m = rounded(stumps(MDL_F64, 1, 1, leaves, NULL), NULL);
    mdl_builder *b = mdl_builder_from_model(m, NULL);

    mdl_free(m);
    return b;
}

static void what_cannot_be_rounded_is_refused_by_name(void **state)
{
    const double ones[] = { 1, 2 }, floats[] = { (double)FLT_MAX, 1 }, doubles[] = { 1, -DBL_MAX };
    (void)state;

    refuses(no_trees(), MDL_F16, MDL_ERR_UNSUPPORTED, "without trees");
    refuses(rounded_again(), MDL_F16, MDL_ERR_ARGUMENT, "float16 already");
    refuses(stumps(MDL_F32, 1, 1, floats, NULL), MDL_F16, MDL_ERR_UNSUPPORTED, "as large as float32");
    refuses(stumps(MDL_F64, 1, 1, doubles, NULL), MDL_F16, MDL_ERR_UNSUPPORTED, "float64 can be");
    refuses(stumps(MDL_F64, 1, 1, ones, NULL), MDL_BF16, MDL_ERR_ARGUMENT, "type");

    mdl_error err = MDL_ERROR_INIT;
    mdl_model *linear;
    mdl_builder *out;
    assert_int_equal(mdl_load(&linear, data_path("golden_v1_linear_leaves.mdl"), NULL, &err), MDL_OK);
    assert_int_equal(mdl_round_leaves(&out, linear, MDL_F16, &err), MDL_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "linear leaves"));
    mdl_free(linear);
}

/* Weights of a rounded model that do not belong together. */
static void float16_without_a_scale_and_a_scale_without_float16_are_refused(void **state)
{
    const double leaves[] = { 1, 2 }, two[] = { 1, 1 };
    const uint16_t half[] = { 0x3C00, 0x4000 };
    const int64_t values[] = { 2, 1 }, n[] = { 1, 2 };
    (void)state;

    for (int k = 0; k < 3; k++) {
        mdl_model *m = model_of(stumps(MDL_F64, 1, 1, leaves, NULL), NULL);
        mdl_builder *b = mdl_builder_from_model(m, NULL);
        mdl_error err = MDL_ERROR_INIT;
        const void *bytes;
        size_t size;
        if (k != 1)
            mdl_build_weights(b, 0, "value", MDL_F16, 2, values, half);
        if (k)
            mdl_build_weights(b, 0, "scale", MDL_F64, 1, &n[k == 2], two);
        assert_int_equal(mdl_build_bytes(b, &bytes, &size, &err), MDL_ERR_FORMAT);
        assert_non_null(strstr(err.text, "scale"));
        mdl_builder_free(b);
        mdl_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_become_the_nearest_float16_times_a_power_of_two),
        cmocka_unit_test(what_is_no_number_stays_and_does_not_count),
        cmocka_unit_test(how_far_leaves_and_sums_move_is_in_the_metadata),
        cmocka_unit_test(sums_are_those_of_the_rounded_leaves),
        cmocka_unit_test(leaves_of_several_values_that_are_shared_are_rounded_once),
        cmocka_unit_test(a_rounded_file_says_so_to_older_readers_and_survives_being_rebuilt),
        cmocka_unit_test(what_cannot_be_rounded_is_refused_by_name),
        cmocka_unit_test(float16_without_a_scale_and_a_scale_without_float16_are_refused),
    };

    return cmocka_run_group_tests_name("leaves", tests, NULL, NULL);
}
