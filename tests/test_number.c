/*
 * tests/test_number.c - text to numbers, against strtod and strtof of the C library
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "import/number.h"

#include <fenv.h>
#include <float.h>
#include <math.h>

static void agrees_with_the_c_library(const char *text)
{
    const size_t n = strlen(text);
    const double want = strtod(text, NULL);
    const float want32 = strtof(text, NULL);
    double got = 0;
    float got32 = 0;

    if (mdl_parse_f64(text, n, &got) != n || memcmp(&got, &want, sizeof got) != 0)
        fail_msg("%.60s is %a, not %a", text, want, got);
    if (mdl_parse_f32(text, n, &got32) != n || memcmp(&got32, &want32, sizeof got32) != 0)
        fail_msg("%.60s as float is %a, not %a", text, (double)want32, (double)got32);
}

/* ---- reals ------------------------------------------------------------------------------ */

static void random_doubles_read_back_in_every_precision(void **state)
{
    uint64_t seed = 88172645463325252u;
    char text[64];
    (void)state;

    for (int i = 0; i < 200000; i++) {
        const uint64_t bits = next_random(&seed);
        double v;

        memcpy(&v, &bits, sizeof v);
        if (v - v != 0)
            continue;
        snprintf(text, sizeof text, i % 2 ? "%.*e" : "%.*g", (int)(bits % 20), v);
        agrees_with_the_c_library(text);
        snprintf(text, sizeof text, "%.9g", (double)(float)fmod(v, 1e6));
        agrees_with_the_c_library(text);
    }
}

static void random_digits_of_any_length_and_exponent_are_rounded_once(void **state)
{
    uint64_t seed = 4101842887655102017u;
    char text[1200];
    (void)state;

    for (int i = 0; i < 60000; i++) {
        size_t n = 0, digits = 1 + next_random(&seed) % (i % 50 ? 40 : 1000);
        const size_t point = next_random(&seed) % (digits + 1);

        if (next_random(&seed) % 2)
            text[n++] = '-';
        for (size_t d = 0; d < digits; d++) {
            if (d == point)
                text[n++] = '.';
            text[n++] = (char)('0' + next_random(&seed) % 10);
        }
        snprintf(text + n, sizeof text - n, "e%d",
                 (int)(next_random(&seed) % 700) - 350 - (int)digits / 2);
        agrees_with_the_c_library(text);
    }
}

/* The exact digits of a number between two floats, and one digit more or less. */
static void around_the_middle(long double middle)
{
    static char text[20000];
    const int n = snprintf(text, sizeof text - 4, "%.1200Lf", middle);

    agrees_with_the_c_library(text);
    strcpy(text + n, "001");
    agrees_with_the_c_library(text);
    text[n] = 0;
    char *last = text + n - 1;
    while (*last == '0')
        last--;
    if (*last != '.') {
        --*last;
        agrees_with_the_c_library(text);
    }
}

static void ties_go_to_the_even_neighbour_and_a_hair_beside_does_not(void **state)
{
    uint64_t seed = 7046029254386353131u;
    (void)state;

    for (int i = 0; i < 3000; i++) {
        const uint64_t bits = next_random(&seed);
        const double scale = ldexp(1, (int)(bits % 600) - 300);
        const double v = (double)(bits >> 11) * scale / 9007199254740992.0;
        const float f = (float)(bits >> 40) * (float)ldexp(1, (int)(bits % 120) - 90);

        around_the_middle(((long double)v + (long double)nextafter(v, INFINITY)) / 2);
        around_the_middle(((long double)f + (long double)nextafterf(f, INFINITY)) / 2);
    }
    for (int k = 0; k < 20; k++) {               /* among the denormals */
        around_the_middle(((long double)k + 0.5L) * (long double)0x1p-1074);
        around_the_middle(((long double)k + 0.5L) * (long double)0x1p-149);
    }
    around_the_middle((long double)DBL_MAX + (long double)0x1p969);
    around_the_middle((long double)FLT_MAX + (long double)0x1p102);
}

static void hard_and_extreme_numbers_are_right(void **state)
{
    static const char *const texts[] = {
        "0", "-0", "0.0", "-0e99999", "0e999999999999999999999", "000001", "1.", ".5", "-.5e1",
        "1e22", "1e23", "8.5e22", "9007199254740993", "9007199254740992.99999", "1e308", "1e309",
        "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308",
        "2.2250738585072011e-308", "2.2250738585072012e-308", "2.2250738585072014e-308",
        "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
        "1e-324", "1e-999999999999999999999", "1e999999999999999999999", "3.4028235e38",
        "3.4028235677973366e38", "3.4028236e38", "1.1754943508222875e-38", "1.401298464324817e-45",
        "7.006492321624085e-46", "7.0064923216240854e-46", "1.0000000180025095e-35", "5E-1",
        "1.00000011920928955078125", "6.631236846766476e-316", "3.2378839133029012895883524125015e-292",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "9775872070963302864166928879109465555478519404026306574886715058206819089020007083836762738"
        "54845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342"
        "711559699508093042880", "0.1e1", "123456789012345678901234567890", "9.5367431640625e-07",
    };
    static char zeros[3000];
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        agrees_with_the_c_library(texts[i]);
    zeros[0] = '1';
    memset(zeros + 1, '0', 2000);
    strcpy(zeros + 2001, "e-2000");
    agrees_with_the_c_library(zeros);
    strcpy(zeros, "0.");
    memset(zeros + 2, '0', 2000);
    strcpy(zeros + 2002, "17e2001");
    agrees_with_the_c_library(zeros);
}

static void the_rounding_mode_of_the_host_does_not_matter(void **state)
{
    static const int modes[] = { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        double v = 0;
        float f = 0;

        fesetround(modes[i]);
        const size_t n = mdl_parse_f64("0.1", 3, &v), m = mdl_parse_f32("0.1", 3, &f);
        fesetround(FE_TONEAREST);
        assert_true(n == 3 && m == 3 && v == 0x1.999999999999ap-4 && f == 0x1.99999ap-4f);
    }
}

static void float_is_rounded_from_decimal_and_not_from_double(void **state)
{
    const char *text = "1.00000017881393432617187499";   /* just below a tie of floats */
    float f = 0;
    (void)state;

    assert_int_equal(mdl_parse_f32(text, strlen(text), &f), strlen(text));
    assert_true(f == 0x1.000002p0f);
    assert_true((float)strtod(text, NULL) != f);
}

static void words_are_infinite_or_nan_in_any_case(void **state)
{
    static const char *const infinite[] = { "inf", "INF", "Infinity", "-iNfInItY", "+inf" };
    double v = 0;
    float f = 0;
    (void)state;

    for (size_t i = 0; i < sizeof infinite / sizeof *infinite; i++) {
        assert_int_equal(mdl_parse_f64(infinite[i], strlen(infinite[i]), &v), strlen(infinite[i]));
        assert_int_equal(mdl_parse_f32(infinite[i], strlen(infinite[i]), &f), strlen(infinite[i]));
        assert_true(isinf(v) && isinf(f) && signbit(v) == (infinite[i][0] == '-'));
    }
    assert_true(mdl_parse_f64("NaN", 3, &v) == 3 && isnan(v));
    assert_true(mdl_parse_f32("-nan", 4, &f) == 4 && isnan(f));
}

static void the_longest_number_is_taken_and_nothing_behind_the_end_is_read(void **state)
{
    static const struct { const char *text; size_t taken; } cases[] = {
        { "1.5x", 3 }, { "1e", 1 }, { "1e+", 1 }, { "1e+x", 1 }, { "1.2.3", 3 }, { "-", 0 },
        { "", 0 }, { ".", 0 }, { "e5", 0 }, { "+.e1", 0 }, { " 1", 0 }, { "0x10", 1 },
        { "infinit", 3 }, { "na", 0 }, { "1,5", 1 }, { "--1", 0 }, { "5-3", 1 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t n = strlen(cases[i].text);
        char *exact = malloc(n ? n : 1);
        double v = 42;

        memcpy(exact, cases[i].text, n);
        const size_t taken = mdl_parse_f64(exact, n, &v);
        if (taken != cases[i].taken || (!taken && v != 42))
            fail_msg("'%s': %zu bytes taken, expected %zu", cases[i].text, taken, cases[i].taken);
        free(exact);
    }
    double v = 0;
    assert_true(mdl_parse_f64("12345", 2, &v) == 2 && v == 12);
}

/* ---- integers ---------------------------------------------------------------------------- */

static void integers_are_exact_up_to_the_last_and_no_further(void **state)
{
    int64_t v = 42;
    (void)state;

    assert_true(mdl_parse_i64("9223372036854775807", 19, &v) == 19 && v == INT64_MAX);
    assert_true(mdl_parse_i64("-9223372036854775808", 20, &v) == 20 && v == INT64_MIN);
    assert_true(mdl_parse_i64("+007x", 5, &v) == 4 && v == 7);
    v = 42;
    assert_int_equal(mdl_parse_i64("9223372036854775808", 19, &v), 0);
    assert_int_equal(mdl_parse_i64("-9223372036854775809", 20, &v), 0);
    assert_int_equal(mdl_parse_i64("99999999999999999999999", 23, &v), 0);
    assert_int_equal(mdl_parse_i64("", 0, &v), 0);
    assert_int_equal(mdl_parse_i64("-", 1, &v), 0);
    assert_int_equal(mdl_parse_i64(" 1", 2, &v), 0);
    assert_int_equal(v, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_doubles_read_back_in_every_precision),
        cmocka_unit_test(random_digits_of_any_length_and_exponent_are_rounded_once),
        cmocka_unit_test(ties_go_to_the_even_neighbour_and_a_hair_beside_does_not),
        cmocka_unit_test(hard_and_extreme_numbers_are_right),
        cmocka_unit_test(the_rounding_mode_of_the_host_does_not_matter),
        cmocka_unit_test(float_is_rounded_from_decimal_and_not_from_double),
        cmocka_unit_test(words_are_infinite_or_nan_in_any_case),
        cmocka_unit_test(the_longest_number_is_taken_and_nothing_behind_the_end_is_read),
        cmocka_unit_test(integers_are_exact_up_to_the_last_and_no_further),
    };

    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
