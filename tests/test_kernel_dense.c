/*
 * tests/test_kernel_dense.c - layers and links of every table against the plain ones, bit for bit
 *
 * Shapes around the blocks that share loads, rows that end where memory ends, and e^x over all
 * that a double can hold.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/math.h"

#ifndef TABLE_AT                  /* the tables to try, as in test_kernel.c */
#define TABLE_AT mdl_kernels_at
#endif

#define FOR_TABLES(k) \
    for (size_t at_ = 0; ((k) = TABLE_AT(at_)) != NULL && (k) != &mdl_kernels_ref; at_++)

static double uniform(uint64_t *seed, double low, double high)
{
    return low + (high - low) * ((double)(next_random(seed) >> 11) * 0x1p-53);
}

/* Equal bits, but for the payload of NaN, which no rule fixes. */
static int same_f32(float a, float b)
{
    return !memcmp(&a, &b, sizeof a) || (isnan(a) && isnan(b));
}

static int same_f64(double a, double b)
{
    return !memcmp(&a, &b, sizeof a) || (isnan(a) && isnan(b));
}

/* ---- y = W x + b ------------------------------------------------------------------------- */

enum { ROWS = 8, INPUTS = 70, OUTS = 11 };

static void blocks_of_rows_and_outputs_agree_with_ref(void **state)
{
    const struct kernels *k;
    static float xf[ROWS * INPUTS], wf[OUTS * INPUTS], bf[OUTS], yf[2][ROWS * OUTS];
    static double xd[ROWS * INPUTS], wd[OUTS * INPUTS], bd[OUTS], yd[2][ROWS * OUTS];
    static double ym[2][ROWS * OUTS];
    static const size_t widths[] = { 1, 7, 8, 9, 15, 16, 17, 31, 64, 69, 70 };
    uint64_t seed = 21;

    (void)state;
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        xd[i] = (double)(xf[i] = (float)uniform(&seed, -3, 3));   /* the same numbers */
    for (size_t i = 0; i < OUTS * INPUTS; i++)
        wf[i] = (float)(wd[i] = uniform(&seed, -1, 1));
    for (size_t i = 0; i < OUTS; i++)
        bf[i] = (float)(bd[i] = uniform(&seed, -1, 1));
    FOR_TABLES(k)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
            for (size_t rows = 1; rows <= ROWS; rows++)
                for (size_t outs = 1; outs <= OUTS; outs++) {
                    const size_t n = widths[i];
                    mdl_kernels_ref.dense_f32(yf[0], outs * 4, xf, n * 4, wf, bf, rows, n, outs);
                    k->dense_f32(yf[1], outs * 4, xf, n * 4, wf, bf, rows, n, outs);
                    mdl_kernels_ref.dense_f64(yd[0], outs * 8, xd, n * 8, wd, NULL, rows, n, outs);
                    k->dense_f64(yd[1], outs * 8, xd, n * 8, wd, NULL, rows, n, outs);
                    mdl_kernels_ref.dense_mixed(ym[0], outs * 8, xf, n * 4, wd, bd, rows, n, outs);
                    k->dense_mixed(ym[1], outs * 8, xf, n * 4, wd, bd, rows, n, outs);
                    if (memcmp(yf[0], yf[1], rows * outs * 4)
                        || memcmp(yd[0], yd[1], rows * outs * 8)
                        || memcmp(ym[0], ym[1], rows * outs * 8))
                        fail_msg("%s differs: %zu rows, %zu -> %zu", k->isa, rows, n, outs);
                }
}

/* Weights beyond L1 take another order of blocks. */
static void large_layers_agree_with_ref(void **state)
{
    enum { N = 300, M = 20, R = 5 };
    const struct kernels *k;
    static float xf[R * N], wf[M * N], yf[2][R * M];
    static double xd[R * N], wd[M * N], yd[2][R * M];
    uint64_t seed = 22;

    (void)state;
    for (size_t i = 0; i < R * N; i++)
        xf[i] = (float)(xd[i] = uniform(&seed, -3, 3));
    for (size_t i = 0; i < M * N; i++)
        wf[i] = (float)(wd[i] = uniform(&seed, -1, 1));
    FOR_TABLES(k) {
        mdl_kernels_ref.dense_f32(yf[0], M * 4, xf, N * 4, wf, NULL, R, N, M);
        k->dense_f32(yf[1], M * 4, xf, N * 4, wf, NULL, R, N, M);
        mdl_kernels_ref.dense_f64(yd[0], M * 8, xd, N * 8, wd, NULL, R, N, M);
        k->dense_f64(yd[1], M * 8, xd, N * 8, wd, NULL, R, N, M);
        assert_memory_equal(yf[0], yf[1], sizeof yf[0]);
        assert_memory_equal(yd[0], yd[1], sizeof yd[0]);
    }
}

static void sums_of_zeros_keep_their_sign_without_a_bias(void **state)
{
    /* Lanes start at +0, so no sum is -0, whatever the products; a bias of -0 changes none. */
    const double x[3] = { 0, 0, 0 }, w[3] = { -1, -1, -1 }, b = -0.0;
    const struct kernels *k;

    (void)state;
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++) {
        double y[2];
        k->dense_f64(y, 8, x, 24, w, NULL, 1, 3, 1);
        k->dense_f64(y + 1, 8, x, 24, w, &b, 1, 3, 1);
        assert_true(y[0] == 0 && !signbit(y[0]) && y[1] == 0 && !signbit(y[1]));
    }
}

/* Rows, weights and results that end at the end of a page: the next one cannot be read. */
static void nothing_is_read_or_written_beyond_the_end(void **state)
{
    const struct kernels *k;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *end[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        unsigned char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANON, -1, 0);
        assert_true(at != MAP_FAILED);
        assert_int_equal(mprotect(at + page, page, PROT_NONE), 0);
        end[i] = at + page;
    }
    FOR_TABLES(k)
        for (size_t n = 1; n <= 40; n++) {
            float *xf = (float *)(void *)end[0] - n, *wf = (float *)(void *)end[1] - n;
            double *xd = (double *)(void *)end[0] - n, *wd = (double *)(void *)end[1] - n;
            k->dense_f32((float *)(void *)end[2] - 1, 4, xf, n * 4, wf, NULL, 1, n, 1);
            k->dense_f64((double *)(void *)end[2] - 1, 8, xd, n * 8, wd, NULL, 1, n, 1);
            k->dense_mixed((double *)(void *)end[2] - 1, 8, xf, n * 4, wd, NULL, 1, n, 1);
            k->exp_f32((float *)(void *)end[2] - n, xf, n);
            k->exp_f64((double *)(void *)end[2] - n, xd, n);
            k->logistic_f32((float *)(void *)end[2] - n, xf, 1, n);
            k->logistic_f64((double *)(void *)end[2] - n, xd, 1, n);
            k->softmax_f32((float *)(void *)end[2] - n, n * 4, xf, n * 4, 1, n);
            k->softmax_f64((double *)(void *)end[2] - n, n * 8, xd, n * 8, 1, n);
        }
    for (size_t i = 0; i < 3; i++)
        munmap(end[i] - page, 2 * page);
}

/* ---- links ----------------------------------------------------------------------------------- */

enum { N = 4099 };
static double x64[N], y64[2][N];
static float x32[N], y32[2][N];

/* The ends of what e^x is not 0 or infinite for, denormal results, and all magnitudes. */
static void fill(uint64_t *seed)
{
    static const double ends[] = {
        0.0, -0.0, NAN, INFINITY, -INFINITY, 709.78, 709.782712893384, 709.7827128933841, 709.79,
        709.8, 710, 711, 1e300, -708.3, -708.4, -744.4400719213812, -745.1332191019411,
        -745.1332191019412, -745.14, -746, -747, -1e300, 5e-324, -5e-324, 1e-310, 88.7,
        88.71, -88.7, -103.9, -104, 3e38, -3e38, 1e-40,
    };
    const size_t n_ends = sizeof ends / sizeof *ends;

    for (size_t i = 0; i < N; i++) {
        x64[i] = i % 3 == 0 ? uniform(seed, -760, 720) : uniform(seed, -30, 30);
        if (i % 3 == 1)
            x64[i] *= exp2(uniform(seed, -70, 0));
        if (i % 7 == 0)
            x64[i] = ends[next_random(seed) % n_ends];
        x32[i] = (float)x64[i];
    }
}

#define CHECK_LINK(REAL, x, y, same, name, n, off, call) do { \
    const struct kernels *use = &mdl_kernels_ref; \
    REAL *to = y[0]; \
    const REAL *from = x + (off); \
    call; \
    use = k; \
    to = y[1]; \
    to[n] = 42; \
    call; \
    for (size_t i_ = 0; i_ < (n); i_++) \
        if (!same(y[0][i_], y[1][i_])) \
            fail_msg("%s of %s, %zu elements: %a gives %a, expected %a", name, k->isa, \
                     (size_t)(n), (double)from[i_], (double)y[1][i_], (double)y[0][i_]); \
    assert_true(to[n] == 42); \
    memcpy(y[1], from, (n) * sizeof(REAL)); \
    from = y[1]; \
    call; \
    for (size_t i_ = 0; i_ < (n); i_++) \
        if (!same(y[0][i_], y[1][i_])) \
            fail_msg("%s of %s in place differs", name, k->isa); \
} while (0)

static void exponentials_agree_with_ref_wherever_they_are_taken(void **state)
{
    const struct kernels *k;
    uint64_t seed = 23;

    (void)state;
    FOR_TABLES(k)
        for (size_t round = 0; round < 60; round++) {
            const size_t n = round < 40 ? round : N - 2 - round % 5, off = round % 2;
            fill(&seed);
            CHECK_LINK(double, x64, y64, same_f64, "exp_f64", n, off, use->exp_f64(to, from, n));
            CHECK_LINK(float, x32, y32, same_f32, "exp_f32", n, off, use->exp_f32(to, from, n));
            CHECK_LINK(double, x64, y64, same_f64, "logistic_f64", n, off,
                       use->logistic_f64(to, from, 1, n));
            CHECK_LINK(float, x32, y32, same_f32, "logistic_f32", n, off,
                       use->logistic_f32(to, from, 1, n));
            CHECK_LINK(double, x64, y64, same_f64, "logistic_f64", n, off,
                       use->logistic_f64(to, from, 1.7, n));
            CHECK_LINK(float, x32, y32, same_f32, "logistic_f32", n, off,
                       use->logistic_f32(to, from, 1.7, n));
        }
}

static void softmax_agrees_with_ref_for_every_number_of_classes(void **state)
{
    const struct kernels *k;
    uint64_t seed = 24;

    (void)state;
    FOR_TABLES(k)
        for (size_t cols = 1; cols < 1300; cols += cols < 40 ? 1 : 419) {
            const size_t rows = (N - 1) / cols < 150 ? (N - 1) / cols : 150, n = rows * cols;
            const size_t gaps = (N - 1) / (cols + 3);
            fill(&seed);
            for (size_t i = 0; cols > 1 && i < N; i++)    /* most rows without NaN */
                if (!(fabs(x64[i]) < 1000) && next_random(&seed) % 16)
                    x32[i] = (float)(x64[i] = uniform(&seed, -20, 20));
            CHECK_LINK(double, x64, y64, same_f64, "softmax_f64", n, 0,
                       use->softmax_f64(to, cols * 8, from, cols * 8, rows, cols));
            CHECK_LINK(float, x32, y32, same_f32, "softmax_f32", n, 0,
                       use->softmax_f32(to, cols * 4, from, cols * 4, rows, cols));
            mdl_kernels_ref.softmax_f64(y64[0], (cols + 3) * 8, x64, (cols + 3) * 8, gaps, cols);
            k->softmax_f64(y64[1], (cols + 3) * 8, x64, (cols + 3) * 8, gaps, cols);
            for (size_t i = 0; i < gaps; i++)
                for (size_t c = 0; c < cols; c++)
                    assert_true(same_f64(y64[0][i * (cols + 3) + c], y64[1][i * (cols + 3) + c]));
        }
}

static void the_plain_links_do_what_they_say(void **state)
{
    /* e^ln 2 = 2: odds of two to one, by hand */
    const double ln2 = 0x1.62e42fefa39efp-1, x[3] = { 0, ln2, ln2 };
    double y[3];

    (void)state;
    mdl_kernels_ref.exp_f64(y, x, 3);
    assert_true(y[0] == 1 && y[1] == 2 && y[2] == 2);
    mdl_kernels_ref.logistic_f64(y, x, -1, 2);
    assert_true(y[0] == 0.5 && y[1] == 1 / 3.0);
    mdl_kernels_ref.softmax_f64(y, 24, x, 24, 1, 3);
    assert_true(fabs(y[0] - 0.2) < 1e-16 && fabs(y[1] - 0.4) < 1e-16 && y[1] == y[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_rows_and_outputs_agree_with_ref),
        cmocka_unit_test(large_layers_agree_with_ref),
        cmocka_unit_test(sums_of_zeros_keep_their_sign_without_a_bias),
        cmocka_unit_test(nothing_is_read_or_written_beyond_the_end),
        cmocka_unit_test(exponentials_agree_with_ref_wherever_they_are_taken),
        cmocka_unit_test(softmax_agrees_with_ref_for_every_number_of_classes),
        cmocka_unit_test(the_plain_links_do_what_they_say),
    };

    return cmocka_run_group_tests_name("dense kernels", tests, NULL, NULL);
}
