/*
 * tests/test_kernel_half.c - small floats against their definition: sign, exponent, mantissa
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#include "kernel/half.h"

/* As in the table of half.h. */
static const struct {
    enum small_kind kind;
    const char *name;
    unsigned exponent, mantissa;
    int bias;
    double most;
    unsigned infinite, nan;       /* codes; 0: none                                 */
    int unsigned_zero;
} kinds[] = {
    { SMALL_HALF, "half", 5, 10, 15, 65504, 0x7c00, 0x7e00, 0 },
    { SMALL_BF16, "bf16", 8, 7, 127, 0x1.fep127, 0x7f80, 0x7fc0, 0 },
    { SMALL_E4M3FN, "e4m3fn", 4, 3, 7, 448, 0, 0x7f, 0 },
    { SMALL_E4M3FNUZ, "e4m3fnuz", 4, 3, 8, 240, 0, 0x80, 1 },
    { SMALL_E5M2, "e5m2", 5, 2, 15, 57344, 0x7c, 0x7e, 0 },
    { SMALL_E5M2FNUZ, "e5m2fnuz", 5, 2, 16, 57344, 0, 0x80, 1 },
    { SMALL_E2M1, "e2m1", 2, 1, 1, 6, 0, 0, 0 },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static unsigned sign_of(size_t k)
{
    return 1u << (kinds[k].exponent + kinds[k].mantissa);
}

/* The number that a code without a sign means. */
static double meaning(size_t k, unsigned code)
{
    const unsigned e = code >> kinds[k].mantissa, m = code & ((1u << kinds[k].mantissa) - 1);
    const double fraction = (double)m / (double)(1u << kinds[k].mantissa);

    return e ? ldexp(1 + fraction, (int)e - kinds[k].bias) : ldexp(fraction, 1 - kinds[k].bias);
}

static void every_code_means_what_it_says_and_comes_back(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        const unsigned sign = sign_of(k);
        unsigned code = 0;
        for (; code < sign && meaning(k, code) <= kinds[k].most; code++) {
            const double v = meaning(k, code);
            assert_true((double)mdl_small_decode(kinds[k].kind, code) == v);
            assert_int_equal(mdl_small_encode(kinds[k].kind, v, 0), code);
            if (code == 0 && kinds[k].unsigned_zero)
                continue;
            assert_true((double)mdl_small_decode(kinds[k].kind, code | sign) == -v);
            assert_int_equal(mdl_small_encode(kinds[k].kind, -v, 1), code | sign);
        }
        assert_true(meaning(k, code - 1) == kinds[k].most);
        for (; code < sign; code++) {
            const float v = mdl_small_decode(kinds[k].kind, code);
            assert_true(code == kinds[k].infinite ? isinf(v) : isnan(v));
        }
        if (kinds[k].unsigned_zero)
            assert_true(isnan(mdl_small_decode(kinds[k].kind, 0x80)));
    }
}

static void the_middle_of_two_numbers_becomes_the_even_one(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++)
        for (unsigned code = 0; meaning(k, code + 1) <= kinds[k].most && code + 1 < sign_of(k); code++) {
            const double middle = (meaning(k, code) + meaning(k, code + 1)) / 2;
            const enum small_kind kind = kinds[k].kind;
            assert_int_equal(mdl_small_encode(kind, middle, 0), code + (code & 1));
            assert_int_equal(mdl_small_encode(kind, nextafter(middle, 0), 0), code);
            assert_int_equal(mdl_small_encode(kind, nextafter(middle, INFINITY), 0), code + 1);
        }
}

static void what_overflows_is_infinite_nan_or_the_largest(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        const enum small_kind kind = kinds[k].kind;
        const double unit = kinds[k].most - meaning(k, mdl_small_encode(kind, kinds[k].most, 0) - 1);
        const unsigned most = mdl_small_encode(kind, kinds[k].most, 0);
        const unsigned over = kinds[k].infinite ? kinds[k].infinite : kinds[k].nan ? kinds[k].nan : most;
        const double beyond[] = { kinds[k].most + unit, 1e300, INFINITY };

        assert_int_equal(mdl_small_encode(kind, kinds[k].most + unit * 0.499, 0), most);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(mdl_small_encode(kind, beyond[i], 1), most);
            assert_int_equal(mdl_small_encode(kind, beyond[i], 0), over);
            assert_int_equal(mdl_small_encode(kind, -beyond[i], 1), most | sign_of(k));
        }
        if (kind == SMALL_E2M1)
            assert_int_equal(mdl_small_encode(kind, NAN, 1), 8);
        else
            assert_true(isnan(mdl_small_decode(kind, mdl_small_encode(kind, NAN, 1))));
    }
}

static void short_ways_agree_with_the_table(void **state)
{
    uint64_t seed = 4;

    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        const float half = half_to_float((uint16_t)code), want = mdl_small_decode(SMALL_HALF, code);
        const float bf16 = bf16_to_float((uint16_t)code), wide = mdl_small_decode(SMALL_BF16, code);
        assert_true(isnan(want) ? isnan(half) : float_bits(half) == float_bits(want));
        assert_true(isnan(wide) ? isnan(bf16) : float_bits(bf16) == float_bits(wide));
    }
    for (int i = 0; i < 1000000; i++) {
        const uint32_t bits = (uint32_t)(next_random(&seed) >> 32);
        const float x = float_from_bits(i % 2 ? bits : (bits & 0x8fffffffu) | 0x30000000u);
        if (isnan(x)) {
            assert_true(isnan(half_to_float(half_from_float(x))));
            assert_true(isnan(bf16_to_float(bf16_from_float(x))));
            continue;
        }
        assert_int_equal(half_from_float(x), mdl_small_encode(SMALL_HALF, (double)x, 0));
        assert_int_equal(bf16_from_float(x), mdl_small_encode(SMALL_BF16, (double)x, 0));
    }
}

static void e8m0_is_a_power_of_two(void **state)
{
    static const struct {
        double x;
        int way, saturate;
        unsigned code;
    } cases[] = {
        { 1, E8M0_UP, 1, 127 }, { 1.1, E8M0_UP, 1, 128 }, { 1.9, E8M0_DOWN, 1, 127 },
        { 1.5, E8M0_NEAREST, 0, 128 }, { 1.49, E8M0_NEAREST, 0, 127 }, { 0, E8M0_UP, 1, 0 },
        { 0, E8M0_NEAREST, 0, 255 }, { 1e39, E8M0_UP, 1, 254 }, { 1e39, E8M0_NEAREST, 0, 255 },
        { INFINITY, E8M0_UP, 1, 254 }, { INFINITY, E8M0_UP, 0, 255 }, { NAN, E8M0_UP, 1, 255 },
        { -1, E8M0_UP, 1, 255 }, { 0x1p-127, E8M0_DOWN, 0, 0 }, { 1e-40, E8M0_UP, 1, 0 },
    };

    (void)state;
    for (unsigned code = 0; code < 255; code++)
        assert_true((double)mdl_small_decode(SMALL_E8M0, code) == ldexp(1, (int)code - 127));
    assert_true(isnan(mdl_small_decode(SMALL_E8M0, 255)));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mdl_e8m0_encode(cases[i].x, cases[i].way, cases[i].saturate), cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_means_what_it_says_and_comes_back),
        cmocka_unit_test(the_middle_of_two_numbers_becomes_the_even_one),
        cmocka_unit_test(what_overflows_is_infinite_nan_or_the_largest),
        cmocka_unit_test(short_ways_agree_with_the_table),
        cmocka_unit_test(e8m0_is_a_power_of_two),
    };

    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
