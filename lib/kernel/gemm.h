/*
 * kernel/gemm.h - products of matrices: the layout of b, the order of sums
 *
 *     y[r][c] = act( sum over k of a[r][k] * b[k][c]  + row_bias[r] + col_bias[c] )
 *
 * b lies in panels of GEMM_COLS columns.  Row k of panel p begins at
 *
 *     b + p * b_panel + k * b_step          b_at NULL
 *     b + p * b_panel + b_at[k]             otherwise: rows may lie anywhere, and overlap
 *
 * and of the last panel, if it is not full, at b_last + k * last_step (or + b_at[k]); it has
 * GEMM_COLS numbers, or GEMM_HALF if no more than so many are columns.  What is no column is read
 * but goes nowhere.  Packed, that is
 *
 *     panel 0: [depth][16]   panel 1: [depth][16]   ...   last: [depth][16 or 8]
 *
 * A convolution sees its image through b_at: row k is the image moved by tap k (op/nd_conv.c).
 *
 * The order of sums is the same for every table, shape and row: products are taken in groups of
 * GEMM_DEPTH along k.  A group starts at +0 and adds its products in turn, each fused
 * with its addition into one rounding; the groups are added in turn; then the biases.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_GEMM_H
#define MDL_KERNEL_GEMM_H

#include "base/compiler.h"

#define GEMM_COLS  16u            /* of a panel: with GEMM_ROWS what fits the registers     */
#define GEMM_HALF  8u
#define GEMM_ROWS  6u
#define GEMM_DEPTH 256u           /* of a and b at once: 16 KB of a panel, 6 KB of rows     */
#define GEMM_NEAR  128u           /* columns at once: 128 KB of b stay in L2                */

/* Strides are in elements. */
struct gemm {
    float          *y;
    size_t          y_row;
    const float    *a;
    size_t          a_row;
    const float    *b, *b_last;
    size_t          b_panel, b_step, last_step;
    const uint32_t *b_at;
    const float    *row_bias, *col_bias;   /* or NULL                                       */
    size_t          rows, cols, depth;
    int             relu;                  /* max(y, 0); NaN stays NaN                      */
};

/* Elements of a packed b. */
static inline uint64_t gemm_packed(uint64_t depth, uint64_t cols)
{
    return depth * ((cols + GEMM_HALF - 1) / GEMM_HALF * GEMM_HALF);
}

#endif
