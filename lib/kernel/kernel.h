/*
 * kernel/kernel.h - the contract of every kernel
 *
 * Arithmetic on plain pointers: no tensors, no errors, no allocation.  Every table
 * of kernels has every kernel (kernel_table.h); all tables give the same bits, on
 * every processor:
 *
 *   - sums of products are not fused and are added in one fixed order, that of
 *     eight lanes: lane j sums the products i = j, j + 8, j + 16, ... in turn; then
 *     ((0+4) + (2+6)) + ((1+5) + (3+7)); then the bias is added;
 *   - everything else is one rounding per operation, as C writes it.
 *
 * Strides are in bytes from one row to the next.  Rows, inputs and outputs may have
 * any alignment that their element type allows; outputs overlap no input unless
 * said; counts may be 0.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_KERNEL_H
#define MDL_KERNEL_KERNEL_H

#include "base/compiler.h"

struct rank_table;                /* kernel/tree.h */
struct tree_step;
struct tree_fork;
struct tree_top;

struct kernels {
    const char *isa;

    /* Ranks of one row: rank[c] for every column of the table (tree.h). */
    void (*rank_f32)(uint8_t *rank, const struct rank_table *t, const float *x);
    void (*rank_f64)(uint8_t *rank, const struct rank_table *t, const double *x);

    /* Block ranks (tree.h) of `rows` rows: rank[c * height + r]; those of further rows are
     * unspecified.  height is a multiple of BLOCK_STEP, at least rows, at most BLOCK_ROWS. */
    void (*ranks_f32)(uint8_t *rank, const struct rank_table *t, const float *x, size_t x_stride,
                      size_t rows, size_t height);
    void (*ranks_f64)(uint8_t *rank, const struct rank_table *t, const double *x, size_t x_stride,
                      size_t rows, size_t height);

    /* The exits of `n` tops for one row, and all their bits together.  rank has room for
     * TOP_COLUMNS; tests[i], if not NULL, has the bits of top i that go right for reasons
     * other than ranks. */
    uint32_t (*match)(uint32_t *exit, const struct tree_top *tops, const uint32_t *tests, size_t n,
                      const uint8_t *rank);

    /* Block ranks of a test: out[r] is 0x7f where bit code[r] % 8 of byte code[r] / 8 of `set`
     * (32 bytes) is set, else 0x80. */
    void (*members)(uint8_t *out, const uint8_t *code, const uint8_t *set, size_t height);

    /* `n` walks of one row, each from root[i]; exit[i] is where walk i ends.  depth is at
     * least that of every tree. */
    void (*walk)(uint32_t *exit, const struct tree_step *steps, const uint32_t *root, size_t n,
                 size_t depth, const uint8_t *rank);

    /* `height` rows down `trees` trees: leaf[t * height + r] is the leaf of row r.  The forks
     * of tree t are those from start[t] to start[t + 1].  In even trees rows move at a fork
     * wherever they stand. */
    void (*descend)(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                    size_t trees, const uint8_t *rank, size_t height);
    void (*descend_even)(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                         size_t trees, const uint8_t *rank, size_t height);

    /* sum[r] += value[first[t] + leaf[t * height + r]], tree by tree, at most GROUP_TREES. */
    void (*add_leaves_f32)(float *sum, const float *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height);
    void (*add_leaves_f64)(double *sum, const double *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height);

    /* The same with `width` values a leaf: y[r][k] += value[first[t] + leaf[...]][k]. */
    void (*add_vectors_f32)(float *y, size_t y_stride, const float *value, size_t width,
                            const uint32_t *first, size_t trees, const uint8_t *leaf,
                            size_t height, size_t rows);
    void (*add_vectors_f64)(double *y, size_t y_stride, const double *value, size_t width,
                            const uint32_t *first, size_t trees, const uint8_t *leaf,
                            size_t height, size_t rows);

    /*
     * y = W x + b for a block of rows; sums in lanes as above.
     *   y [rows][outputs]   x [rows][inputs]
     *   w [outputs][inputs] packed   b [outputs], or NULL: nothing is added
     */
    void (*dense_f32)(float *y, size_t y_stride, const float *x, size_t x_stride, const float *w,
                      const float *b, size_t rows, size_t inputs, size_t outputs);
    void (*dense_f64)(double *y, size_t y_stride, const double *x, size_t x_stride,
                      const double *w, const double *b, size_t rows, size_t inputs,
                      size_t outputs);

    /* One row of n elements.  y may be x. */
    void (*sub_div_f32)(float *y, const float *x, const float *sub, const float *div, size_t n);
    void (*sub_div_f64)(double *y, const double *x, const double *sub, const double *div, size_t n);
    void (*mul_add_f32)(float *y, const float *x, const float *mul, const float *add, size_t n);
    void (*mul_add_f64)(double *y, const double *x, const double *mul, const double *add, size_t n);
    /* NaN becomes fill[i]. */
    void (*fill_nan_f32)(float *y, const float *x, const float *fill, size_t n);
    void (*fill_nan_f64)(double *y, const double *x, const double *fill, size_t n);
    /* max(x, 0); NaN stays NaN, -0 becomes 0. */
    void (*relu_f32)(float *y, const float *x, size_t n);
    void (*relu_f64)(double *y, const double *x, size_t n);
    /* Types: exact upwards, to nearest even downwards. */
    void (*widen)(double *y, const float *x, size_t n);
    void (*narrow)(float *y, const double *x, size_t n);
};

/* The plain definition of every kernel: the fallback, and the judge of the others. */
extern const struct kernels mdl_kernels_ref;

/* The i-th table this library has and this machine can run, best first; NULL after
 * the last.  The last one is always mdl_kernels_ref. */
const struct kernels *mdl_kernels_at(size_t i);

/* The table named `isa`, or the best one for NULL; NULL when there is none. */
const struct kernels *mdl_kernels_named(const char *isa);

#endif
