/*
 * tests/test_kernel_math.c - our math.h against MPFR, in units in the last place
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

    mpfr_inits2(120, exact, at, difference, (mpfr_ptr)0);
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

    for (int i = 0; i < 10000 * slow(); i++) {
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

static void the_others_are_within_their_ulps(void **state)
{
    static const struct {
        const char *name;
        double (*ours)(double);
        exact_function exact;
        double low, high, bound;
    } all[] = {
        { "log", mdl_log, mpfr_log, 5e-324, 1.7e308, 1 },
        { "log", mdl_log, mpfr_log, 0.5, 2, 1 },
        { "sqrt", mdl_sqrt, mpfr_sqrt, 5e-324, 1.7e308, 0.5 },
        { "sqrt", mdl_sqrt_by_hand, mpfr_sqrt, 5e-324, 1e-310, 0.5 },
        { "sin", mdl_sin, mpfr_sin, -20, 20, 2 },
        { "sin", mdl_sin, mpfr_sin, -1e7, 1e7, 2 },
        { "sin", mdl_sin, mpfr_sin, -8e307, 8e307, 2 },
        { "cos", mdl_cos, mpfr_cos, -20, 20, 2 },
        { "cos", mdl_cos, mpfr_cos, -8e307, 8e307, 2 },
        { "tan", mdl_tan, mpfr_tan, -20, 20, 2.5 },
        { "tan", mdl_tan, mpfr_tan, -8e307, 8e307, 2.5 },
        { "asin", mdl_asin, mpfr_asin, -1, 1, 2 },
        { "acos", mdl_acos, mpfr_acos, -1, 1, 2 },
        { "atan", mdl_atan, mpfr_atan, -3, 3, 2 },
        { "atan", mdl_atan, mpfr_atan, -1e300, 1e300, 2 },
        { "sinh", mdl_sinh, mpfr_sinh, -710.4, 710.4, 2 },
        { "sinh", mdl_sinh, mpfr_sinh, -2, 2, 2 },
        { "cosh", mdl_cosh, mpfr_cosh, -710.4, 710.4, 2 },
        { "cosh", mdl_cosh, mpfr_cosh, -2, 2, 2 },
        { "asinh", mdl_asinh, mpfr_asinh, -4, 4, 2 },
        { "asinh", mdl_asinh, mpfr_asinh, -1e300, 1e300, 2 },
        { "acosh", mdl_acosh, mpfr_acosh, 1, 3, 2 },
        { "acosh", mdl_acosh, mpfr_acosh, 1, 1e300, 2 },
        { "atanh", mdl_atanh, mpfr_atanh, -1, 1, 2 },
        { "erf", mdl_erf, mpfr_erf, -7, 7, 2 },
        { "erfc", mdl_erfc, mpfr_erfc, -6, 6, 4 },
        { "erfc", mdl_erfc, mpfr_erfc, 5, 26.5, 4 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        worst_is_below(all[i].name, all[i].ours, all[i].exact, all[i].low, all[i].high,
                       all[i].bound);
}

static void angles_near_whole_quarter_turns_keep_their_bits(void **state)
{
    (void)state;
    for (int64_t n = 1; n < 3000000; n = n * 9 / 8 + 1) {
        const double x = (double)n * 1.5707963267948966;
        for (int k = -2; k <= 2; k++) {
            const double at = x + k * (nextafter(x, INFINITY) - x);
            if (ulps(mpfr_sin, at, mdl_sin(at)) > 2 || ulps(mpfr_cos, at, mdl_cos(at)) > 2)
                fail_msg("sin or cos is off at %.17g", at);
        }
    }
    /* The double nearest to a multiple of pi / 2 (Kahan and McDonald). */
    assert_true(ulps(mpfr_cos, 6381956970095103.0 * 0x1p797, mdl_cos(6381956970095103.0 * 0x1p797)) < 2);
}

/* The same of pow. */
static double pow_error(double x, double y)
{
    mpfr_t a, b, exact;
    const double got = mdl_pow(x, y);

    mpfr_inits2(200, a, b, exact, (mpfr_ptr)0);
    mpfr_set_d(a, x, MPFR_RNDN);
    mpfr_set_d(b, y, MPFR_RNDN);
    mpfr_pow(exact, a, b, MPFR_RNDN);
    const double nearest = fabs(mpfr_get_d(exact, MPFR_RNDN));
    mpfr_sub_d(exact, exact, got, MPFR_RNDN);
    const double off = fabs(mpfr_get_d(exact, MPFR_RNDN));
    mpfr_clears(a, b, exact, (mpfr_ptr)0);
    if (isinf(nearest) || isinf(got))
        return isinf(nearest) == isinf(got) ? 0 : nearest > 1.79e308 || fabs(got) > 1.79e308 ? 0 : 1e9;
    return off / (nextafter(nearest, INFINITY) - nearest);
}

static void pow_is_within_one_and_a_half_ulp(void **state)
{
    uint64_t seed = 5;
    double worst = 0, at_x = 0, at_y = 0;

    (void)state;
    for (int i = 0; i < 10000 * slow(); i++) {
        const double u = (double)(next_random(&seed) >> 11) * 0x1p-53;
        const double v = (double)(next_random(&seed) >> 11) * 0x1p-53;
        const double x = exp2(i % 2 ? 4 * u - 2 : 2000 * u - 1000);
        const double y = (i % 3 ? 20 : 1e3) * (2 * v - 1) / (i % 2 ? 1 : 20);
        const double error = pow_error(x, y);
        if (error > worst) {
            worst = error;
            at_x = x;
            at_y = y;
        }
    }
    print_message("pow: at most %.3f ULP, at %.17g ^ %.17g\n", worst, at_x, at_y);
    assert_true(worst < 1.5);
}

static void same(double got, double want, const char *name, double x, double y)
{
    if (isnan(got) != isnan(want) || (!isnan(want) && (got != want || signbit(got) != signbit(want))))
        fail_msg("%s(%g, %g) is %g, expected %g", name, x, y, got, want);
}

/* libm has them right. */
static void special_values_are_those_of_libm(void **state)
{
    static const struct {
        const char *name;
        double (*ours)(double), (*libms)(double);
    } all[] = {
        { "log", mdl_log, log }, { "sqrt", mdl_sqrt, sqrt }, { "sin", mdl_sin, sin },
        { "cos", mdl_cos, cos }, { "tan", mdl_tan, tan }, { "asin", mdl_asin, asin },
        { "acos", mdl_acos, acos }, { "atan", mdl_atan, atan }, { "sinh", mdl_sinh, sinh },
        { "cosh", mdl_cosh, cosh }, { "asinh", mdl_asinh, asinh }, { "acosh", mdl_acosh, acosh },
        { "atanh", mdl_atanh, atanh }, { "erf", mdl_erf, erf }, { "erfc", mdl_erfc, erfc },
        { "floor", mdl_floor, floor }, { "round", mdl_round_even, rint },
    };
    static const double at[] = { 0.0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 5e-324, -5e-324,
                                 1e-310, -3e-320, 2, -2 };
    static const double whole[] = { 0.0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.5, 0.49999999999999994, 1e15 + 0.5,
                                    -4503599627370497.5, 1e300, INFINITY, -INFINITY, NAN, -0.3 };
    static const double base[] = { 0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, INFINITY, -INFINITY,
                                   NAN, 1e300, 5e-324, -1e300 };
    static const double exponent[] = { 0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, INFINITY,
                                       -INFINITY, NAN, 1e300, -1e300, 9007199254740992.0, 1e9 + 1 };

    (void)state;
    for (size_t f = 0; f < sizeof all / sizeof *all; f++)
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            const double want = all[f].libms(at[i]), got = all[f].ours(at[i]);
            if (isnan(want) || isinf(want) || want == 0 || fabs(want) == 1)
                same(got, want, all[f].name, at[i], 0);
            else
                assert_true(fabs(got - want) <= 4e-16 * fabs(want));
        }
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        same(mdl_floor(whole[i]), floor(whole[i]), "floor", whole[i], 0);
        same(mdl_round_even(whole[i]), rint(whole[i]), "round", whole[i], 0);
    }
    for (size_t i = 0; i < sizeof base / sizeof *base; i++)
        for (size_t k = 0; k < sizeof exponent / sizeof *exponent; k++) {
            same(mdl_pow(base[i], exponent[k]), pow(base[i], exponent[k]), "pow", base[i], exponent[k]);
            same(mdl_fmod(base[i], exponent[k]), fmod(base[i], exponent[k]), "fmod", base[i], exponent[k]);
        }
}

static void fmod_and_sqrt_are_exact(void **state)
{
    uint64_t seed = 77;

    (void)state;
    for (int i = 0; i < 30000 * slow(); i++) {
        double x, y;
        const uint64_t a = next_random(&seed), b = next_random(&seed);
        memcpy(&x, &a, sizeof x);
        memcpy(&y, &b, sizeof y);
        if (i % 4 == 0)
            y = x * 0x1p-40 * (double)(b >> 40);
        if (i % 4 == 1)
            y *= 0x1p-1000;
        same(mdl_fmod(x, y), fmod(x, y), "fmod", x, y);
        same(mdl_sqrt(x), sqrt(x), "sqrt", x, 0);
        same(mdl_sqrt_by_hand(x), sqrt(x), "sqrt by hand", x, 0);
    }
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
        cmocka_unit_test(the_others_are_within_their_ulps),
        cmocka_unit_test(angles_near_whole_quarter_turns_keep_their_bits),
        cmocka_unit_test(pow_is_within_one_and_a_half_ulp),
        cmocka_unit_test(special_values_are_those_of_libm),
        cmocka_unit_test(fmod_and_sqrt_are_exact),
        cmocka_unit_test(special_values_are_those_of_annex_f),
    };

    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
