/*
 * tests/test_kernel_gemm.c - products of matrices of every table against the plain ones, bit for bit
 *
 * The plain ones against C's fma and against float64.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#include "kernel/gemm.h"
#include "kernel/kernel.h"

#ifndef TABLE_AT                  /* the tables to try, as in test_kernel.c */
#define TABLE_AT mdl_kernels_at
#endif

enum { ROWS = 13, COLS = 300, DEPTH = 600 };

static float a[ROWS * DEPTH], b[DEPTH * COLS], packed[DEPTH * (COLS + GEMM_HALF)];
static float bias[COLS], y[2][ROWS * (COLS + 3)];
static uint32_t at[DEPTH];

static float uniform(uint64_t *seed)
{
    return (float)(next_random(seed) >> 40) * 0x1p-23f - 1;
}

/* b as panels, and g about them. */
static void pack(struct gemm *g, size_t depth, size_t cols)
{
    float *to = packed;

    g->b = packed;
    g->b_panel = depth * GEMM_COLS;
    g->b_step = GEMM_COLS;
    for (size_t c = 0; c < cols; c += GEMM_COLS) {
        const size_t left = cols - c, wide = left > GEMM_HALF ? GEMM_COLS : GEMM_HALF;
        g->b_last = to;
        g->last_step = wide;
        for (size_t k = 0; k < depth; k++)
            for (size_t j = 0; j < wide; j++)
                *to++ = j < left ? b[k * COLS + c + j] : NAN;
    }
}

static void fill(uint64_t seed)
{
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        a[i] = uniform(&seed);
    for (size_t i = 0; i < sizeof b / sizeof *b; i++)
        b[i] = uniform(&seed);
    for (size_t i = 0; i < COLS; i++)
        bias[i] = uniform(&seed);
}

static void same_as_ref(struct gemm *g)
{
    const struct kernels *k;
    const size_t n = g->rows * g->y_row;

    for (size_t i = 0; i < n; i++)
        y[0][i] = y[1][i] = -7;
    g->y = y[0];
    mdl_kernels_ref.gemm_f32(g);
    g->y = y[1];
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL && k != &mdl_kernels_ref; i++) {
        k->gemm_f32(g);
        if (memcmp(y[0], y[1], n * sizeof **y))
            fail_msg("%s differs: %zu x %zu x %zu, relu %d", k->isa, g->rows, g->depth, g->cols,
                     g->relu);
    }
}

static void packed_products_agree_with_ref(void **state)
{
    static const size_t cols[] = { 1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 300 };
    static const size_t depths[] = { 0, 1, 2, 17, 255, 256, 257, 600 };

    (void)state;
    fill(5);
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
        for (size_t c = 0; c < sizeof cols / sizeof *cols; c++)
            for (size_t rows = 1; rows <= ROWS; rows += rows == 8 ? 5 : 1) {
                struct gemm g = { .y_row = cols[c] + 3, .a = a, .a_row = DEPTH, .rows = rows,
                                  .cols = cols[c], .depth = depths[d],
                                  .row_bias = c % 2 ? bias : NULL, .col_bias = c % 3 ? bias : NULL,
                                  .relu = (int)rows % 2 };
                pack(&g, depths[d], cols[c]);
                same_as_ref(&g);
            }
}

/* As a convolution sees its image: rows overlap, in any order. */
static void products_of_a_table_of_rows_agree_with_ref(void **state)
{
    uint64_t seed = 9;

    (void)state;
    fill(6);
    for (size_t k = 0; k < DEPTH; k++)
        at[k] = (uint32_t)(next_random(&seed) % (DEPTH * COLS - COLS - GEMM_COLS));
    for (size_t cols = 1; cols <= COLS; cols += cols / 3 + 1)
        for (size_t rows = 1; rows <= ROWS; rows++) {
            struct gemm g = { .y_row = cols, .a = a, .a_row = DEPTH, .b = b, .b_panel = GEMM_COLS,
                              .b_last = b + cols / GEMM_COLS * GEMM_COLS, .b_at = at, .rows = rows,
                              .cols = cols, .depth = 300, .row_bias = bias };
            same_as_ref(&g);
        }
}

/* What a row gives does not depend on the rows beside it. */
static void a_row_alone_gives_the_same_bits(void **state)
{
    const struct kernels *k;

    (void)state;
    fill(7);
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++) {
        struct gemm g = { .y = y[0], .y_row = COLS, .a = a, .a_row = DEPTH, .rows = ROWS,
                          .cols = COLS, .depth = DEPTH };
        pack(&g, DEPTH, COLS);
        k->gemm_f32(&g);
        for (size_t r = 0; r < ROWS; r++) {
            g.y = y[1];
            g.a = a + r * DEPTH;
            g.rows = 1;
            k->gemm_f32(&g);
            assert_memory_equal(y[1], y[0] + r * COLS, COLS * sizeof **y);
        }
    }
}

static void ref_is_fused_and_near_float64(void **state)
{
    (void)state;
    fill(8);
    struct gemm g = { .y = y[0], .y_row = COLS, .a = a, .a_row = DEPTH, .rows = ROWS,
                      .cols = COLS, .depth = DEPTH };
    pack(&g, DEPTH, COLS);
    mdl_kernels_ref.gemm_f32(&g);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < COLS; c++) {
            float total = 0;
            double exact = 0, size = 0;
            for (size_t k = 0; k < DEPTH; k += GEMM_DEPTH) {
                float sum = 0;
                for (size_t i = k; i < DEPTH && i < k + GEMM_DEPTH; i++) {
                    const double term = (double)a[r * DEPTH + i] * (double)b[i * COLS + c];
                    sum = fmaf(a[r * DEPTH + i], b[i * COLS + c], sum);
                    exact += term;
                    size += fabs(term);
                }
                total += sum;
            }
            assert_true(y[0][r * COLS + c] == total);
            assert_true(fabs((double)total - exact) < 1e-6 * size);
        }
}

/* One product and one addition of numbers of every size, halfway cases and the largest included:
 * fmaf of the C library is right. */
static void one_fused_product_is_rounded_once(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (size_t i = 0; i < 2000000; i++) {
        uint32_t bits[3];
        float v[6] = { 0 };
        for (size_t j = 0; j < 3; j++) {
            bits[j] = (uint32_t)next_random(&seed);
            if (i % 3 == 0)       /* near each other */
                bits[j] = (bits[j] & 0x80FFFFFFu) | 0x3F000000u;
            if (i % 7 == 0)       /* few bits: halfway cases */
                bits[j] &= 0xFFF00003u;
            memcpy(&v[j], &bits[j], 4);
        }
        /* 1 * c first, then a * b: the sum is c. */
        const float row[2] = { 1, v[0] }, panel[16] = { v[2], 0, 0, 0, 0, 0, 0, 0, v[1] };
        float got = 0;
        const struct gemm g = { .y = &got, .y_row = 1, .a = row, .a_row = 2, .b_last = panel,
                                .last_step = 8, .rows = 1, .cols = 1, .depth = 2 };
        const float want = fmaf(v[0], v[1], fmaf(1, v[2], 0));
        mdl_kernels_ref.gemm_f32(&g);
        if (memcmp(&got, &want, 4) && !(isnan(got) && isnan(want)))
            fail_msg("%a * %a + %a is %a, got %a", (double)v[0], (double)v[1], (double)v[2],
                     (double)want, (double)got);
    }
}

static void every_so_many_numbers_are_picked(void **state)
{
    const struct kernels *k;

    (void)state;
    fill(9);
    for (size_t step = 1; step < 5; step++)
        for (size_t n = 0; n < 70; n++) {
            const size_t last = n ? (n - 1) * step + 1 : 0;
            float *x = malloc(last * sizeof *x + 1);   /* nothing behind the last is read */
            memcpy(x, a, last * sizeof *x);
            for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++) {
                y[0][n] = -7;
                k->pick_f32(y[0], x, step, n);
                for (size_t j = 0; j < n; j++)
                    assert_true(y[0][j] == a[j * step]);
                assert_true(y[0][n] == -7);
            }
            free(x);
        }
}

/* Pixels of an image are columns of a product of one row. */
static void rows_of_pixels_are_columns_of_a_product(void **state)
{
    enum { WIDE = 23, TAPS = 9 };
    const struct kernels *k;
    uint32_t tap[TAPS];

    (void)state;
    fill(10);
    for (uint32_t i = 0; i < TAPS; i++)
        tap[i] = i / 3 * WIDE + i % 3;
    for (size_t rows = 1; rows < 10; rows++)
        for (size_t cols = 1; cols <= WIDE - 2; cols++)
            for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++) {
                const size_t all = (rows - 1) * WIDE + cols;
                struct gemm g = { .y = y[0], .a = a, .b = b, .b_panel = GEMM_COLS, .b_at = tap,
                                  .b_last = b + all / GEMM_COLS * GEMM_COLS, .rows = 1, .cols = all,
                                  .depth = TAPS, .row_bias = i % 2 ? NULL : bias, .relu = cols % 2 };
                mdl_kernels_ref.gemm_f32(&g);
                g = (struct gemm){ .y = y[1], .y_row = cols, .a = a, .b = b, .b_at = tap, .rows = rows,
                                   .cols = cols, .depth = TAPS, .row_bias = g.row_bias, .relu = g.relu };
                y[1][rows * cols] = -7;
                k->gemm_pixels(&g, WIDE);
                for (size_t r = 0; r < rows; r++)
                    assert_memory_equal(y[1] + r * cols, y[0] + r * WIDE, cols * sizeof **y);
                assert_true(y[1][rows * cols] == -7);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_products_agree_with_ref),
        cmocka_unit_test(products_of_a_table_of_rows_agree_with_ref),
        cmocka_unit_test(a_row_alone_gives_the_same_bits),
        cmocka_unit_test(ref_is_fused_and_near_float64),
        cmocka_unit_test(one_fused_product_is_rounded_once),
        cmocka_unit_test(every_so_many_numbers_are_picked),
        cmocka_unit_test(rows_of_pixels_are_columns_of_a_product),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
