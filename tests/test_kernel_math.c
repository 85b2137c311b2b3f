/*
 * tests/test_kernel_math.c - our exponentials against MPFR, in units in the last place
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <float.h>
#include <math.h>
#include <mpfr.h>

#include "kernel/math.h"

typedef int (*exact_function)(mpfr_t, const mpfr_t, mpfr_rnd_t);

/* |got - exact| in units of the last place of the exact value's double. */
static double ulps(exact_function f, double x, double got)
{
    mpfr_t exact, at, difference;
    double unit, result;

    mpfr_inits2(200, exact, at, difference, (mpfr_ptr)0);
    mpfr_set_d(at, x, MPFR_RNDN);
    f(exact, at, MPFR_RNDN);
    const double nearest = fabs(mpfr_get_d(exact, MPFR_RNDN));
    unit = nextafter(nearest, INFINITY) - nearest;
    if (nearest == DBL_MAX || isinf(nearest)) {
        mpfr_clears(exact, at, difference, (mpfr_ptr)0);
        return got == nearest || isinf(nearest) == isinf(got) ? 0 : 1e9;
    }
    mpfr_sub_d(difference, exact, got, MPFR_RNDN);
    result = fabs(mpfr_get_d(difference, MPFR_RNDN)) / unit;
    mpfr_clears(exact, at, difference, (mpfr_ptr)0);
    return result;
}

static void worst_is_below(const char *name, double (*ours)(double), exact_function exact,
                           double low, double high, double bound)
{
    uint64_t seed = 88172645463325252ull;
    double worst = 0, worst_at = 0;

    for (int i = 0; i < 200000; i++) {
        const double u = (double)(next_random(&seed) >> 11) * 0x1p-53;
        double x = low + (high - low) * u;
        if (i % 3 == 0)              /* many magnitudes, not only large ones */
            x *= exp2(-60 * ((double)(next_random(&seed) >> 11) * 0x1p-53));
        if (x < low || x > high)
            continue;
        const double error = ulps(exact, x, ours(x));
        if (error > worst) {
            worst = error;
            worst_at = x;
        }
    }
    if (worst > bound)
        fail_msg("%s is %.3f ULP off at %.17g", name, worst, worst_at);
    print_message("%s: at most %.3f ULP in [%g, %g]\n", name, worst, low, high);
}

static void exp_is_within_one_ulp(void **state)
{
    (void)state;
    worst_is_below("exp", mdl_exp, mpfr_exp, -745.2, 709.8, 1);
    worst_is_below("exp", mdl_exp, mpfr_exp, -5, 5, 0.6);
}

static void exp2_is_within_one_ulp(void **state)
{
    (void)state;
    worst_is_below("exp2", mdl_exp2, mpfr_exp2, -1076, 1024, 1);
    worst_is_below("exp2", mdl_exp2, mpfr_exp2, -2, 2, 0.6);
}

static void expm1_is_within_one_and_a_half_ulp(void **state)
{
    (void)state;
    worst_is_below("expm1", mdl_expm1, mpfr_expm1, -41, 709.8, 1.5);
    worst_is_below("expm1", mdl_expm1, mpfr_expm1, -1, 1, 1.5);
}

static void log1p_is_within_one_ulp(void **state)
{
    (void)state;
    worst_is_below("log1p", mdl_log1p, mpfr_log1p, -0.999999, 1e6, 1);
    worst_is_below("log1p", mdl_log1p, mpfr_log1p, -0.5, 2, 1);
    worst_is_below("log1p", mdl_log1p, mpfr_log1p, 0, 1e300, 1);
}

static void tanh_is_within_one_and_a_half_ulp(void **state)
{
    (void)state;
    worst_is_below("tanh", mdl_tanh, mpfr_tanh, -21, 21, 1.5);
    worst_is_below("tanh", mdl_tanh, mpfr_tanh, -1, 1, 1.5);
}

static void special_values_are_those_of_annex_f(void **state)
{
    (void)state;
    assert_true(isnan(mdl_exp(NAN)) && isnan(mdl_exp2(NAN)) && isnan(mdl_expm1(NAN)));
    assert_true(isnan(mdl_log1p(NAN)) && isnan(mdl_tanh(NAN)) && isnan(mdl_log1p(-2)));
    assert_true(mdl_exp(0) == 1 && mdl_exp(-0.0) == 1 && mdl_exp2(0) == 1);
    assert_true(mdl_exp(INFINITY) == INFINITY && mdl_exp(-INFINITY) == 0);
    assert_true(mdl_exp2(INFINITY) == INFINITY && mdl_exp2(-INFINITY) == 0);
    assert_true(mdl_expm1(INFINITY) == INFINITY && mdl_expm1(-INFINITY) == -1);
    assert_true(mdl_log1p(INFINITY) == INFINITY && mdl_log1p(-1) == -INFINITY);
    assert_true(mdl_tanh(INFINITY) == 1 && mdl_tanh(-INFINITY) == -1);
    assert_true(signbit(mdl_tanh(-0.0)) && signbit(mdl_expm1(-0.0)) && signbit(mdl_log1p(-0.0)));
    assert_true(mdl_exp2(-1074) == 0x1p-1074 && mdl_exp2(1023) == 0x1p1023 && mdl_exp2(10) == 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_one_ulp),
        cmocka_unit_test(exp2_is_within_one_ulp),
        cmocka_unit_test(expm1_is_within_one_and_a_half_ulp),
        cmocka_unit_test(log1p_is_within_one_ulp),
        cmocka_unit_test(tanh_is_within_one_and_a_half_ulp),
        cmocka_unit_test(special_values_are_those_of_annex_f),
    };

    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
