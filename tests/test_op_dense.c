/*
 * tests/test_op_dense.c - fully connected layers
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

static void a_layer_is_the_product_of_its_weights_and_the_row(void **state)
{
    /* by hand: [1 2 3; 4 5 6] (1, 0, -1) = (-2, -2), (2, 1, 1) -> (7, 19) */
    const double w[] = { 1, 2, 3, 4, 5, 6 }, x[] = { 1, 0, -1, 2, 1, 1 };
    const double b[] = { 0.5, -8 }, plain[] = { -2, -2, 7, 19 }, shifted[] = { -1.5, -10, 7.5, 11 };
    (void)state;

    struct one t = one_node("dense", MDL_F64, 3);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 2, 3 }, w);
    one_gives(&t, x, 2, MDL_F64, 2, plain);
    t = one_node("dense", MDL_F64, 3);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 2, 3 }, w);
    one_row(&t, "bias", MDL_F64, 2, b);
    one_gives(&t, x, 2, MDL_F64, 2, shifted);

    const float w32[] = { 1, 2, 3, 4, 5, 6 }, x32[] = { 1, 0, -1, 2, 1, 1 };
    const float b32[] = { 0.5f, -8 }, shifted32[] = { -1.5f, -10, 7.5f, 11 };
    t = one_node("dense", MDL_F32, 3);
    one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 2, 3 }, w32);
    one_row(&t, "bias", MDL_F32, 2, b32);
    one_gives(&t, x32, 2, MDL_F32, 2, shifted32);
}

/* Integers below 2^53 add up exactly in any order. */
static void every_width_and_number_of_outputs_is_summed_whole(void **state)
{
    static double x[3 * 40], w[9 * 40], y[3 * 9];
    uint64_t seed = 7;
    (void)state;

    for (size_t inputs = 1; inputs <= 40; inputs += inputs < 18 ? 1 : 11)
        for (size_t outputs = 1; outputs <= 9; outputs += 2) {
            for (size_t i = 0; i < 3 * inputs; i++)
                x[i] = (double)(next_random(&seed) % 2001) - 1000;
            for (size_t i = 0; i < outputs * inputs; i++)
                w[i] = (double)(next_random(&seed) % 2001) - 1000;
            for (size_t r = 0; r < 3; r++)
                for (size_t o = 0; o < outputs; o++) {
                    int64_t sum = 0;
                    for (size_t i = 0; i < inputs; i++)
                        sum += (int64_t)x[r * inputs + i] * (int64_t)w[o * inputs + i];
                    y[r * outputs + o] = (double)sum;
                }
            struct one t = one_node("dense", MDL_F64, inputs);
            one_weights(&t, "weight", MDL_F64, 2,
                        (int64_t[]){ (int64_t)outputs, (int64_t)inputs }, w);
            one_gives(&t, x, 3, MDL_F64, outputs, y);
        }
}

/* kernel.h: lane j sums the products j, j + 8, ...; then ((0+4)+(2+6)) + ((1+5)+(3+7)). */
static void sums_follow_the_order_of_eight_lanes(void **state)
{
    double x[19], w[19], lane[8] = { 0 };
    uint64_t seed = 99;
    (void)state;

    for (size_t i = 0; i < 19; i++) {
        x[i] = (double)(next_random(&seed) >> 11) * 0x1p-53 - 0.5;
        w[i] = (double)(next_random(&seed) >> 11) * 0x1p-40 - 4096;
        const volatile double product = x[i] * w[i];
        lane[i % 8] += product;
    }
    const double sum = ((lane[0] + lane[4]) + (lane[2] + lane[6]))
                     + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    struct one t = one_node("dense", MDL_F64, 19);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 1, 19 }, w);
    one_gives(&t, x, 1, MDL_F64, 1, &sum);
}

static void relu_lets_through_what_is_above_zero_and_nan(void **state)
{
    const double one = 1, x[] = { 2.5, -2.5, 0, -0.0, (double)NAN, 5e-324, (double)-INFINITY };
    const double y[] = { 2.5, 0, 0, 0, (double)NAN, 5e-324, 0 };
    (void)state;

    struct one t = one_node("dense", MDL_F64, 1);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 1, 1 }, &one);
    mdl_build_choice(t.b, t.node, "activation", "relu");
    one_gives(&t, x, 7, MDL_F64, 1, y);
}

static void tanh_and_logistic_are_within_their_tolerance(void **state)
{
    enum { N = 400 };
    static double x[N], y[N];
    static float x32[N], y32[N];
    const double one = 1;
    const float one32 = 1;
    (void)state;

    for (int i = 0; i < N; i++) {
        x[i] = (i - N / 2) * 0.11 + 1e-3;
        x32[i] = (float)x[i];
    }
    for (int logistic = 0; logistic < 2; logistic++) {
        const char *name = logistic ? "logistic" : "tanh";
        struct one t = one_node("dense", MDL_F64, 1);
        one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 1, 1 }, &one);
        mdl_build_choice(t.b, t.node, "activation", name);
        one_answers(&t, x, N, MDL_F64, 1, y);
        t = one_node("dense", MDL_F32, 1);
        one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 1, 1 }, &one32);
        mdl_build_choice(t.b, t.node, "activation", name);
        one_answers(&t, x32, N, MDL_F32, 1, y32);
        for (int i = 0; i < N; i++) {
            const long double a = x[i], f = (long double)x32[i];
            if (ulps(y[i], logistic ? 1 / (1 + expl(-a)) : tanhl(a)) > 2
                || ulps_f32(y32[i], logistic ? 1 / (1 + expl(-f)) : tanhl(f)) > 0.51)
                fail_msg("%s(%.17g): %.17g, %.9g", name, x[i], y[i], (double)y32[i]);
        }
    }
}

static void nan_in_a_row_stays_in_that_row(void **state)
{
    const double w[] = { 1, 1 }, x[] = { 1, (double)NAN, 1, 2 }, y[] = { (double)NAN, 3 };
    (void)state;

    struct one t = one_node("dense", MDL_F64, 2);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 1, 2 }, w);
    one_gives(&t, x, 2, MDL_F64, 1, y);
}

/* mdl_predict gives float32 rows, of which this layer's float64 may take a few at a time. */
static void float32_rows_mean_the_same_numbers_in_float64(void **state)
{
    enum { ROWS = 40, MOST = 1500 };
    static const size_t widths[] = { 1, 5, 64, 128, 129, 1000, MOST };
    static double w[MOST * 4], x[ROWS * MOST], y[ROWS * 4];
    static float x32[ROWS * MOST], y32[ROWS * 4];
    uint64_t seed = 41;
    (void)state;

    for (size_t i = 0; i < MOST * 4; i++)
        w[i] = (double)(next_random(&seed) >> 11) * 0x1p-53 - 0.5;
    for (size_t i = 0; i < ROWS * MOST; i++)
        x[i] = (double)(x32[i] = (float)(next_random(&seed) >> 40) * 0x1p-20f - 8);
    for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
        mdl_error err = MDL_ERROR_INIT;
        mdl_model *m;
        size_t size;
        const size_t outputs = 1 + k % 4;
        struct one t = one_node("dense", MDL_F64, widths[k]);
        one_weights(&t, "weight", MDL_F64, 2,
                    (int64_t[]){ (int64_t)outputs, (int64_t)widths[k] }, w);
        mdl_build_output(t.b, "y", MDL_OUTPUT_OTHER, mdl_build_result(t.b, t.node, 0));
        unsigned char *file = built_file(t.b, &size);
        if (mdl_load_memory(&m, file, size, NULL, &err))
            fail_msg("%s", err.text);
        assert_int_equal(mdl_predict(m, x32, ROWS, y32), MDL_OK);
        assert_int_equal(mdl_predict_f64(m, x, ROWS, y), MDL_OK);
        for (size_t i = 0; i < ROWS * outputs; i++)
            assert_true(y32[i] == (float)y[i]);
        mdl_free(m);
        free(file);
    }
}

static void weights_that_do_not_fit_are_refused(void **state)
{
    const double w[6] = { 0 };
    const float w32[6] = { 0 };
    (void)state;

    struct one t = one_node("dense", MDL_F64, 3);
    one_refused(&t, "weight");
    t = one_node("dense", MDL_F64, 3);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 3, 2 }, w);
    one_refused(&t, "weight is [3, 2], x has 3 columns");
    t = one_node("dense", MDL_F64, 3);
    one_weights(&t, "weight", MDL_F32, 2, (int64_t[]){ 2, 3 }, w32);
    one_refused(&t, "'weight' is float32, expected float64");
    t = one_node("dense", MDL_F64, 3);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 2, 3 }, w);
    one_row(&t, "bias", MDL_F64, 3, w);
    one_refused(&t, "'bias' has 3 elements, expected 2");
    t = one_node("dense", MDL_F64, 3);
    one_weights(&t, "weight", MDL_F64, 2, (int64_t[]){ 2, 3 }, w);
    mdl_build_choice(t.b, t.node, "activation", "swish");
    one_refused(&t, "swish");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_is_the_product_of_its_weights_and_the_row),
        cmocka_unit_test(every_width_and_number_of_outputs_is_summed_whole),
        cmocka_unit_test(sums_follow_the_order_of_eight_lanes),
        cmocka_unit_test(relu_lets_through_what_is_above_zero_and_nan),
        cmocka_unit_test(tanh_and_logistic_are_within_their_tolerance),
        cmocka_unit_test(nan_in_a_row_stays_in_that_row),
        cmocka_unit_test(float32_rows_mean_the_same_numbers_in_float64),
        cmocka_unit_test(weights_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests_name("op dense", tests, NULL, NULL);
}
