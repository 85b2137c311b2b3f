/*
 * tests/test_kernel_reduce.c - sums, extremes, softmax of columns and normalising, on every
 * kernel set
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "kernel/kernel.h"
#include "kernel/reduce.h"

#include <math.h>

#define N 300u

static float x32[N * 20];
static double x64[N * 20];

static uint32_t state32 = 1;

static double number(void)
{
    state32 = state32 * 1664525u + 1013904223u;
    return (double)(state32 >> 8) * 0x1p-23 - 1;
}

static void fill(void)
{
    for (size_t i = 0; i < sizeof x32 / sizeof *x32; i++) {
        x32[i] = (float)(number() * 3);
        x64[i] = number() * 3;
    }
}

static int same(double a, double b)
{
    return a == b ? !signbit(a) == !signbit(b) : a != a && b != b;
}

static void every_set_reduces_as_ref_does(void **state)
{
    const struct kernels *ref = &mdl_kernels_ref, *k;
    static const size_t sizes[] = { 0, 1, 2, 3, 7, 8, 9, 15, 16, 31, 64, 65, 255, 300 };
    (void)state;

    fill();
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (uint32_t how = REDUCE_SUM; how <= REDUCE_MIN; how++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                const size_t n = sizes[s];
                x32[5] = s % 3 == 2 ? NAN : 1;
                x64[6] = s % 3 == 2 ? (double)NAN : 1;
                assert_true(same(k->reduce_f32(how, x32, n, 0.5), ref->reduce_f32(how, x32, n, 0.5)));
                assert_true(same(k->reduce_f64(how, x64, n, -2), ref->reduce_f64(how, x64, n, -2)));
            }
}

static void columns_reduce_as_rows_do(void **state)
{
    const struct kernels *ref = &mdl_kernels_ref, *k;
    double got[200], about[200];
    float row32[N];
    double row64[N];
    (void)state;

    fill();
    for (size_t c = 0; c < 200; c++)
        about[c] = number();
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (uint32_t how = REDUCE_SUM; how <= REDUCE_MIN; how++)
            for (size_t rows = 0; rows < 29; rows++) {
                const size_t width = rows < 20 ? 131 : 3;
                k->reduce_rows_f32(how, got, x32, 200, rows, width, rows % 2 ? about : NULL);
                for (size_t c = 0; c < width; c++) {
                    for (size_t r = 0; r < rows; r++)
                        row32[r] = x32[r * 200 + c];
                    assert_true(same(got[c], ref->reduce_f32(how, row32, rows, rows % 2 ? about[c] : 0)));
                }
                k->reduce_rows_f64(how, got, x64, 200, rows, width, rows % 2 ? about : NULL);
                for (size_t c = 0; c < width; c++) {
                    for (size_t r = 0; r < rows; r++)
                        row64[r] = x64[r * 200 + c];
                    assert_true(same(got[c], ref->reduce_f64(how, row64, rows, rows % 2 ? about[c] : 0)));
                }
            }
}

static void sums_are_within_a_part_in_10_to_15_of_exact_ones(void **state)
{
    const struct kernels *k;
    (void)state;

    fill();
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++) {
        long double sum = 0, sizes = 0, squares = 0, powers = 0, product = 1;
        float most = -INFINITY, least = INFINITY;

        for (size_t i = 0; i < 300; i++) {
            const long double v = (long double)x32[i];
            sum += v;
            sizes += fabsl(v);
            squares += (v - 0.25L) * (v - 0.25L);
            powers += expl(v - 0.25L);
            product *= v;
            most = fmaxf(most, x32[i]);
            least = fminf(least, x32[i]);
        }
        assert_true(fabsl((long double)k->reduce_f32(REDUCE_SUM, x32, 300, 0) - sum) < sizes * 1e-15L);
        assert_true(fabsl((long double)k->reduce_f32(REDUCE_SIZES, x32, 300, 0) - sizes) < sizes * 1e-15L);
        assert_true(fabsl((long double)k->reduce_f32(REDUCE_SQUARES, x32, 300, 0.25) - squares) < squares * 1e-15L);
        assert_true(fabsl((long double)k->reduce_f32(REDUCE_POWERS, x32, 300, 0.25) - powers) < powers * 1e-15L);
        assert_true(fabsl((long double)k->reduce_f32(REDUCE_PRODUCT, x32, 300, 0) - product) <= fabsl(product) * 1e-13L);
        assert_true(k->reduce_f32(REDUCE_MAX, x32, 300, 0) == (double)most);
        assert_true(k->reduce_f32(REDUCE_MIN, x32, 300, 0) == (double)least);
    }
}

/* Exponentials within 1 ULP, a quotient of two roundings, and sums that are all but exact. */
static void soft_is_within_4_ulp(void **state)
{
    const struct kernels *k;
    static float y32[20 * 131];
    static double y64[20 * 131];
    (void)state;

    fill();
    for (size_t i = 0; i < 20 * 131; i++)
        x32[i] *= 20;
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (size_t cols = 1; cols < 132; cols += cols < 20 ? 1 : 37) {
            k->soft_f32(y32, x32, 20, cols);
            k->soft_f64(y64, x64, 20, cols);
            for (size_t i = 0; i < 20 * cols; i++) {
                const float *row32 = x32 + i / cols * cols;
                const double *row64 = x64 + i / cols * cols;
                long double sum32 = 0, sum64 = 0;
                for (size_t c = 0; c < cols; c++) {
                    sum32 += expl((long double)row32[c] - (long double)x32[i]);
                    sum64 += expl((long double)row64[c] - (long double)x64[i]);
                }
                /* The difference from the largest is rounded before it is raised. */
                const long double far = 1 + fabsl(logl(sum32));
                if (1 / sum32 > 0x1p-126L)
                    assert_true(fabsl((long double)y32[i] * sum32 - 1) < far * 4 * 0x1p-24L);
                assert_true(fabsl((long double)y64[i] * sum64 - 1) < 16 * 0x1p-53L);
            }
        }
}

static void soft_has_the_bits_of_ref_in_rows_and_in_columns(void **state)
{
    const struct kernels *k;
    static float y32[20 * 200], row32[20];
    static double y64[20 * 200], row64[20];
    (void)state;

    fill();
    x32[7] = INFINITY;
    x32[200 + 9] = -INFINITY;
    x64[200 + 3] = (double)NAN;
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (size_t rows = 0; rows < 20; rows++) {
            const size_t width = rows % 2 ? 131 : 3;
            memcpy(y32, x32, sizeof y32);
            k->soft_rows_f32(y32, y32, 200, rows, width);   /* in place */
            k->soft_rows_f64(y64, x64, 200, rows, width);
            for (size_t c = 0; c < width; c++) {
                for (size_t r = 0; r < rows; r++) {
                    row32[r] = x32[r * 200 + c];
                    row64[r] = x64[r * 200 + c];
                }
                k->soft_f32(row32, row32, 1, rows);
                k->soft_f64(row64, row64, 1, rows);
                for (size_t r = 0; r < rows; r++) {
                    assert_true(same((double)y32[r * 200 + c], (double)row32[r]));
                    assert_true(same(y64[r * 200 + c], row64[r]));
                }
            }
            mdl_kernels_ref.soft_rows_f32(y32, x32, 200, rows, width);
            for (size_t c = 0; c < width; c++) {
                for (size_t r = 0; r < rows; r++)
                    row32[r] = x32[r * 200 + c];
                k->soft_f32(row32, row32, 1, rows);
                for (size_t r = 0; r < rows; r++)
                    assert_true(same((double)y32[r * 200 + c], (double)row32[r]));
            }
        }
}

static void affine_is_one_formula_rounded_once(void **state)
{
    const struct kernels *k;
    float y32[41];
    double y64[41];
    (void)state;

    fill();
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (uint32_t with = 0; with < 4; with++)
            for (size_t n = 0; n <= 41; n++) {
                const float *s = with & 1 ? x32 + 50 : NULL, *b = with & 2 ? x32 + 100 : NULL;
                const double *s64 = with & 1 ? x64 + 50 : NULL, *b64 = with & 2 ? x64 + 100 : NULL;
                k->affine_f32(y32, x32, 0.1, 0.7, -3, s, b, n);
                k->affine_f64(y64, x64, 0.1, 0.7, -3, s64, b64, n);
                for (size_t i = 0; i < n; i++) {
                    const double d = ((double)x32[i] - 0.1) * 0.7, e = (x64[i] - 0.1) * 0.7;
                    assert_true(y32[i] == (float)((s ? d * (double)s[i] : d) + (b ? (double)b[i] : -3)));
                    assert_true(y64[i] == (s64 ? e * s64[i] : e) + (b64 ? b64[i] : -3));
                }
            }
}

static void affine_of_each_is_the_same_formula(void **state)
{
    const struct kernels *k;
    float y32[41];
    double y64[41];
    (void)state;

    fill();
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (size_t n = 0; n <= 41; n++) {
            k->affine_each_f32(y32, x32, x64 + 50, x64 + 100, x64 + 150, n);
            k->affine_each_f64(y64, x64, x64 + 50, x64 + 100, x64 + 150, n);
            for (size_t i = 0; i < n; i++) {
                assert_true(y32[i] == (float)(((double)x32[i] - x64[50 + i]) * x64[100 + i] + x64[150 + i]));
                assert_true(y64[i] == (x64[i] - x64[50 + i]) * x64[100 + i] + x64[150 + i]);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_reduces_as_ref_does),
        cmocka_unit_test(columns_reduce_as_rows_do),
        cmocka_unit_test(sums_are_within_a_part_in_10_to_15_of_exact_ones),
        cmocka_unit_test(soft_is_within_4_ulp),
        cmocka_unit_test(soft_has_the_bits_of_ref_in_rows_and_in_columns),
        cmocka_unit_test(affine_is_one_formula_rounded_once),
        cmocka_unit_test(affine_of_each_is_the_same_formula),
    };

    return cmocka_run_group_tests_name("kernel reduce", tests, NULL, NULL);
}
