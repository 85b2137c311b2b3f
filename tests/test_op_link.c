/*
 * tests/test_op_link.c - links of margins, against the C library in long double
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

#define N 301

static struct one link_node(const char *function, uint32_t type, uint64_t cols, double scale)
{
    struct one t = one_node("link", type, cols);

    mdl_build_choice(t.b, t.node, "function", function);
    if (scale != 1)
        mdl_build_float(t.b, t.node, "scale", scale);
    return t;
}

static long double exact(const char *function, long double x)
{
    if (!strcmp(function, "logistic"))
        return 1 / (1 + expl(-x));
    if (!strcmp(function, "exp"))
        return expl(x);
    if (!strcmp(function, "log1p_exp"))
        return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
    return exp2l(-x);
}

static void float64_links_are_within_two_units_in_the_last_place(void **state)
{
    static const char *const names[] = { "logistic", "exp", "exp2_neg" };
    static double x[N], y[N];
    (void)state;

    for (int i = 0; i < N; i++)
        x[i] = (i - N / 2) * 0.23 + 7e-4;
    for (size_t k = 0; k < 3; k++) {
        struct one t = link_node(names[k], MDL_F64, 1, 1);
        one_answers(&t, x, N, MDL_F64, 1, y);
        for (int i = 0; i < N; i++)
            if (ulps(y[i], exact(names[k], x[i])) > 2)
                fail_msg("%s(%.17g) = %.17g", names[k], x[i], y[i]);
    }
    struct one t = link_node("logistic", MDL_F64, 1, 2.5);
    one_answers(&t, x, N, MDL_F64, 1, y);
    for (int i = 0; i < N; i++)
        if (ulps(y[i], exact("logistic", (long double)(2.5 * x[i]))) > 2)
            fail_msg("logistic(2.5 * %.17g) = %.17g", x[i], y[i]);
}

/* log1p(exp(x)) as its source writes it: an error of exp weighs as much as exp itself. */
static void log1p_exp_is_within_four_units(void **state)
{
    static double x[N], y[N];
    (void)state;

    for (int i = 0; i < N; i++)
        x[i] = (i - N / 2) * 0.23 + 7e-4;
    struct one t = link_node("log1p_exp", MDL_F64, 1, 1);
    one_answers(&t, x, N, MDL_F64, 1, y);
    for (int i = 0; i < N; i++)
        if (ulps(y[i], exact("log1p_exp", x[i])) > 4)
            fail_msg("log1p(exp(%.17g)) = %.17g", x[i], y[i]);

    const double large[] = { 709.78, 709.79, 2785 };        /* the last two: e^x is infinite */
    t = link_node("log1p_exp", MDL_F64, 1, 1);
    one_answers(&t, large, 3, MDL_F64, 1, y);
    assert_true(y[0] == 709.78 && isinf(y[1]) && isinf(y[2]));
}

static void float32_links_are_within_two_units_in_the_last_place(void **state)
{
    static const char *const names[] = { "logistic", "exp", "exp2_neg", "log1p_exp" };
    static float x[N], y[N];
    (void)state;

    for (int i = 0; i < N; i++)
        x[i] = (float)((i - N / 2) * 0.23 + 7e-4);
    for (size_t k = 0; k < 4; k++) {
        struct one t = link_node(names[k], MDL_F32, 1, 1);
        one_answers(&t, x, N, MDL_F32, 1, y);
        for (int i = 0; i < N; i++)
            if (ulps_f32(y[i], exact(names[k], (long double)x[i])) > 2)
                fail_msg("%s(%.9g) = %.9g", names[k], (double)x[i], (double)y[i]);
    }
}

static void links_of_extremes_and_nan_are_their_limits(void **state)
{
    const double x[] = { (double)INFINITY, -(double)INFINITY, (double)NAN, 0 };
    const double inf = (double)INFINITY, nan = (double)NAN;
    const struct { const char *name; double y[4]; } of[] = {
        { "logistic", { 1, 0, nan, 0.5 } },
        { "exp", { inf, 0, nan, 1 } },
        { "log1p_exp", { inf, 0, nan, 0x1.62e42fefa39efp-1 } },      /* ln 2 */
        { "signed_square", { inf, -inf, nan, 0 } },
        { "exp2_neg", { 0, inf, nan, 1 } },
        { "clip_unit", { 1, 0, nan, 0.5 } },
        { "log", { inf, nan, nan, -inf } },
    };
    (void)state;

    for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
        struct one t = link_node(of[k].name, MDL_F64, 1, 1);
        one_gives(&t, x, 4, MDL_F64, 1, of[k].y);
    }
}

/* XGBoost holds the exponent at 88.7, so its smallest probability is not 0. */
static void float32_logistic_keeps_the_clamp_of_its_source(void **state)
{
    const float x[] = { -88.7f, -89, -1000, 1000 };
    float y[4];
    (void)state;

    struct one t = link_node("logistic", MDL_F32, 1, 1);
    one_answers(&t, x, 4, MDL_F32, 1, y);
    assert_true(y[0] > 0 && y[0] < 1e-38f);
    assert_true(y[1] == y[0] && y[2] == y[0] && y[3] == 1);
}

static void signed_square_exp2_and_clip_are_exact_where_they_can_be(void **state)
{
    const double x[] = { -3, -0.5, 0.25, 2, 10 }, square[] = { -9, -0.25, 0.0625, 4, 100 };
    const double clip[] = { 0, 0.25, 0.625, 1, 1 };
    const double n[] = { -3, 0, 1, 10, 1074 }, power[] = { 8, 1, 0.5, 0x1p-10, 0x1p-1074 };
    (void)state;

    struct one t = link_node("signed_square", MDL_F64, 1, 1);
    one_gives(&t, x, 5, MDL_F64, 1, square);
    t = link_node("clip_unit", MDL_F64, 1, 1);
    one_gives(&t, x, 5, MDL_F64, 1, clip);
    t = link_node("exp2_neg", MDL_F64, 1, 1);
    one_gives(&t, n, 5, MDL_F64, 1, power);
}

static void softmax_is_a_distribution_whatever_the_size_of_margins(void **state)
{
    const double x[] = { 1, 2, 4, 1000, 999, -1000, 5, 5, 5 };
    double y[9];
    float x32[9], y32[9];
    (void)state;

    struct one t = link_node("softmax", MDL_F64, 3, 1);
    one_answers(&t, x, 3, MDL_F64, 3, y);
    for (int i = 0; i < 9; i++)
        x32[i] = (float)x[i];
    t = link_node("softmax", MDL_F32, 3, 1);
    one_answers(&t, x32, 3, MDL_F32, 3, y32);
    for (size_t r = 0; r < 3; r++) {
        long double sum = 0;
        for (size_t k = 0; k < 3; k++)
            sum += expl((long double)x[3 * r + k] - 1000);
        for (size_t k = 0; k < 3; k++) {
            const long double want = expl((long double)x[3 * r + k] - 1000) / sum;
            if (want > 1e-300L && ulps(y[3 * r + k], want) > 3)
                fail_msg("row %zu, class %zu: %.17g", r, k, y[3 * r + k]);
            if (want > 1e-37L && ulps_f32(y32[3 * r + k], want) > 2)
                fail_msg("row %zu, class %zu: %.9g", r, k, (double)y32[3 * r + k]);
        }
    }
    assert_true(y[5] == 0 && y[3] < 1 && y[4] > 0);
}

static void normalize_divides_by_the_sum_and_spreads_a_row_of_zeros(void **state)
{
    const double x[] = { 1, 3, 4, 0, 0, 0, 0, 5, 0 };
    const double y[] = { 0.125, 0.375, 0.5, 1 / 3.0, 1 / 3.0, 1 / 3.0, 0, 1, 0 };
    const float x32[] = { 1, 3, 4, 0, 0, 0, 0, 5, 0 };
    const float y32[] = { 0.125f, 0.375f, 0.5f, 1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 0, 1, 0 };
    (void)state;

    struct one t = link_node("normalize", MDL_F64, 3, 1);
    one_gives(&t, x, 3, MDL_F64, 3, y);
    t = link_node("normalize", MDL_F32, 3, 1);
    one_gives(&t, x32, 3, MDL_F32, 3, y32);
}

static void quantiles_are_sorted_as_since_xgboost_3_4(void **state)
{
    const double x[] = { 1, 3, 2, 5, -1, -2, -3, 0 }, y[] = { 1, 2, 3, 5, -3, -2, -1, 0 };
    (void)state;

    struct one t = link_node("quantile", MDL_F64, 4, 1);
    one_gives(&t, x, 2, MDL_F64, 4, y);
}

static void expectiles_stack_softplus_steps_on_the_first(void **state)
{
    const float x[] = { -2, 0.5f, -30 };
    float y[3];
    (void)state;

    struct one t = link_node("expectile", MDL_F32, 3, 1);
    one_answers(&t, x, 1, MDL_F32, 3, y);
    const long double second = -2 + log1pl(expl(0.5L)) + 1e-6L;
    assert_true(y[0] == -2);
    assert_true(ulps_f32(y[1], second) <= 4);
    assert_true(ulps_f32(y[2], second + log1pl(expl(-30)) + 1e-6L) <= 6);
}

static void scale_belongs_to_logistic_alone(void **state)
{
    (void)state;

    struct one t = link_node("exp", MDL_F64, 1, 2);
    one_refused(&t, "exp takes no scale");
    t = link_node("logistic", MDL_F64, 1, (double)NAN);
    one_refused(&t, "scale");
    t = link_node("sigmoid", MDL_F64, 1, 1);
    one_refused(&t, "sigmoid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float64_links_are_within_two_units_in_the_last_place),
        cmocka_unit_test(log1p_exp_is_within_four_units),
        cmocka_unit_test(float32_links_are_within_two_units_in_the_last_place),
        cmocka_unit_test(links_of_extremes_and_nan_are_their_limits),
        cmocka_unit_test(float32_logistic_keeps_the_clamp_of_its_source),
        cmocka_unit_test(signed_square_exp2_and_clip_are_exact_where_they_can_be),
        cmocka_unit_test(softmax_is_a_distribution_whatever_the_size_of_margins),
        cmocka_unit_test(normalize_divides_by_the_sum_and_spreads_a_row_of_zeros),
        cmocka_unit_test(quantiles_are_sorted_as_since_xgboost_3_4),
        cmocka_unit_test(expectiles_stack_softplus_steps_on_the_first),
        cmocka_unit_test(scale_belongs_to_logistic_alone),
    };

    return cmocka_run_group_tests_name("op link", tests, NULL, NULL);
}
