/*
 * kernel/ref_gemm.h - products of matrices in the plainest C; part of kernel_ref.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/gemm.h"
#include "kernel/math_bits.h"

#include <string.h>

static float gemm_b(const struct gemm *g, size_t k, size_t c)
{
    const int last = g->cols - c / GEMM_COLS * GEMM_COLS < GEMM_COLS;
    const float *panel = last ? g->b_last : g->b + c / GEMM_COLS * g->b_panel;
    const size_t row = g->b_at ? g->b_at[k] : k * (last ? g->last_step : g->b_step);

    return panel[row + c % GEMM_COLS];
}

static void gemm_f32(const struct gemm *g)
{
    for (size_t r = 0; r < g->rows; r++)
        for (size_t c = 0; c < g->cols; c++) {
            float y = 0;
            for (size_t k = 0; k < g->depth; k += GEMM_DEPTH) {
                float sum = 0;
                for (size_t i = k; i < g->depth && i < k + GEMM_DEPTH; i++)
                    sum = fused_f32(g->a[r * g->a_row + i], gemm_b(g, i, c), sum);
                y = k ? y + sum : sum;
            }
            y = g->row_bias ? y + g->row_bias[r] : y;
            y = g->col_bias ? y + g->col_bias[c] : y;
            g->y[r * g->y_row + c] = g->relu && y <= 0 ? 0 : y;
        }
}

static void gemm_pixels(const struct gemm *g, size_t wide)
{
    for (size_t i = 0; i < g->rows; i++)
        for (size_t c = 0; c < g->cols; c++) {
            float y = 0;
            for (size_t k = 0; k < g->depth; k++)
                y = fused_f32(g->a[k], g->b[g->b_at[k] + i * wide + c], y);
            y = g->row_bias ? y + g->row_bias[0] : y;
            g->y[i * g->y_row + c] = g->relu && y <= 0 ? 0 : y;
        }
}

static void pick_f32(float *y, const float *x, size_t step, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i * step];
}
