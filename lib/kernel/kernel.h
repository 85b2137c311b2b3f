/*
 * kernel/kernel.h - the contract of every kernel
 *
 * Arithmetic on plain pointers: no tensors, no errors, no allocation.  Every table
 * of kernels has every kernel (kernel_table.h); all tables give the same bits, on
 * every processor:
 *
 *   - sums of products are not fused (gemm_f32 has rules of its own) and are added in
 *     one fixed order, that of eight lanes: lane j sums the products i = j, j + 8, j + 16, ... in turn; then
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
#include "base/families.h"

struct rank_table;                /* kernel/tree.h */
struct tree_fork;
struct plane_column;
struct plane_group;
struct plane_fork;
struct tree_top;
struct tree_exits;
struct tree_tile;
struct tree_heap;
struct tree_level;
struct deep_table;                /* kernel/deep.h */
struct shap_tree;                 /* kernel/shap.h */
struct gemm;                      /* kernel/gemm.h */

struct kernels {
    const char *isa;

    /* Ranks of one row: rank[c] for every column of the table (tree.h). */
    void (*rank_f32)(uint8_t *rank, const struct rank_table *t, const float *x);
    void (*rank_f64)(uint8_t *rank, const struct rank_table *t, const double *x);

    /* Block ranks (tree.h) of `rows` rows: rank[c * height + r]; those of further rows are
     * unspecified.  height is BLOCK_HALF or a multiple of BLOCK_STEP, at least rows, at most
     * BLOCK_ROWS. */
    void (*ranks_f32)(uint8_t *rank, const struct rank_table *t, const float *x, size_t x_stride,
                      size_t rows, size_t height);
    void (*ranks_f64)(uint8_t *rank, const struct rank_table *t, const double *x, size_t x_stride,
                      size_t rows, size_t height);

    /* One row, of whose ranks 16 times `quarters` may be looked up; there is room for a
     * multiple of TOP_COLUMNS.
     *   match        exit[i] of top i and all their bits together: what exits[i] says, or, if
     *                exits is NULL, first[i] + the number of the exit; tests[i], if not NULL, has
     *                the bits of top i that go right for reasons other than ranks
     *   match_tiles  exit[i] of tile at[i], or of tile i if `at` is NULL
     *   match_heaps  leaf[i] of heap i, plus first[i]
     *   match_levels leaf[i] of tree i of n / LEVEL_TREES groups, rounded up, plus first[i] */
    uint32_t (*match)(uint32_t *exit, const struct tree_top *tops, const struct tree_exits *exits,
                      const uint32_t *first, const uint32_t *tests, size_t n, const uint8_t *rank,
                      size_t quarters);
    void (*match_tiles)(uint32_t *exit, const struct tree_tile *tiles, const uint32_t *at, size_t n,
                        const uint8_t *rank, size_t quarters);
    /* Exits of BLOCK_HALF rows, side by side: at[i * BLOCK_HALF + r], of block ranks of as many. */
    void (*sift)(uint8_t *at, const struct tree_top *tops, const struct tree_exits *exits, size_t n,
                 const uint8_t *rank);
    /* exit[at[i]], which is one of row at[i] % BLOCK_HALF and goes on, becomes what its tile says;
     * ranks of rows are `stride` bytes apart. */
    void (*pass_tiles)(uint32_t *exit, const struct tree_tile *tiles, const uint16_t *at, size_t n,
                       const uint8_t *rank, size_t stride, size_t quarters);
    void (*match_heaps)(uint32_t *leaf, const struct tree_heap *heaps, const uint32_t *first,
                        size_t n, const uint8_t *rank, size_t quarters);
    void (*match_levels)(uint32_t *leaf, const struct tree_level *levels, size_t depth,
                         const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters);

    /* *y += value[leaf] of tree after tree: leaves as above, of tops that are whole trees. */
    void (*add_tops_f32)(float *y, const float *value, const struct tree_top *tops,
                         const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters);
    void (*add_tops_f64)(double *y, const double *value, const struct tree_top *tops,
                         const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters);
    void (*add_heaps_f32)(float *y, const float *value, const struct tree_heap *heaps,
                          const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters);
    void (*add_heaps_f64)(double *y, const double *value, const struct tree_heap *heaps,
                          const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters);
    void (*add_levels_f32)(float *y, const float *value, const struct tree_level *levels, size_t depth,
                           const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters);
    void (*add_levels_f64)(double *y, const double *value, const struct tree_level *levels,
                           size_t depth, const uint32_t *first, size_t n, const uint8_t *rank,
                           size_t quarters);

    /* y[k] += value[leaf[i] * width + k] for i = 0 .. n - 1 in turn, k < width. */
    void (*add_row_f32)(float *y, const float *value, const uint32_t *leaf, size_t n,
                           size_t width);
    void (*add_row_f64)(double *y, const double *value, const uint32_t *leaf, size_t n,
                           size_t width);

    /* Block ranks of a test: out[r] is 0x7f where bit code[r] % 8 of byte code[r] / 8 of `set`
     * (32 bytes) is set, else 0x80. */
    void (*members)(uint8_t *out, const uint8_t *code, const uint8_t *set, size_t height);

    /* `height` rows down `trees` trees: leaf[t * height + r] is the leaf of row r.  The forks
     * of tree t are those from start[t] to start[t + 1]; another one's bytes are behind the last.
     * In even trees rows move at a fork wherever they stand. */
    void (*descend)(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                    size_t trees, const uint8_t *rank, size_t height);
    void (*descend_even)(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                         size_t trees, const uint8_t *rank, size_t height);

    /* Planes (tree.h) of BLOCK_ROWS rows: the conditions of `n` columns of block ranks; that of
     * a test, from block ranks of its own.  Then a group's leaves as by descend; its slots are
     * the first planes. */
    void (*planes)(uint8_t *plane, const struct plane_column *columns, size_t n,
                   const uint8_t *rank);
    void (*test_plane)(uint8_t *plane, const uint8_t *test);
    void (*part)(uint8_t *leaf, const struct plane_group *group, const struct plane_fork *forks,
                 uint8_t *plane);
    void (*part_even)(uint8_t *leaf, const struct plane_group *group,
                      const struct plane_fork *forks, uint8_t *plane);

    /* sum[r] += value[first[t] + leaf[t * height + r]], tree by tree, at most GROUP_TREES. */
    void (*add_leaves_f32)(float *sum, const float *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height);
    void (*add_leaves_f64)(double *sum, const double *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height);

    /* The same of trees of at most FEW_LEAVES leaves: of tree t there are leaves[t].  height is no
     * BLOCK_HALF. */
    void (*add_few_f32)(float *sum, const float *value, const uint32_t *first,
                        const uint16_t *leaves, size_t trees, const uint8_t *leaf, size_t height);
    void (*add_few_f64)(double *sum, const double *value, const uint32_t *first,
                        const uint16_t *leaves, size_t trees, const uint8_t *leaf, size_t height);

    /* Walks by keys: leaf[r] of 8 * eights rows of one tree; leaf[t] of the trees
     * [tree, tree + n) of one row. */
    void (*deep_rows_u32)(uint32_t *leaf, const struct deep_table *d, size_t tree,
                          const uint32_t *key, size_t eights);
    void (*deep_rows_u64)(uint32_t *leaf, const struct deep_table *d, size_t tree,
                          const uint64_t *key, size_t eights);
    void (*deep_row_u32)(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n,
                         const uint32_t *key);
    void (*deep_row_u64)(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n,
                         const uint64_t *key);

    /*
     * What each column adds to the worth of a tree for SHAP_ROWS rows (kernel/shap.h):
     *   phi [columns][SHAP_ROWS] +=   x [columns][SHAP_ROWS]   sides [tests][SHAP_ROWS] -1: left
     * `work` has shap_level(points) doubles for each level of nodes, and a level more.
     */
    void (*shap)(double *phi, const double *x, const double *sides, const struct shap_tree *t,
                 double *work);
    /* The same of one row, the first lane, without a table: `work` has shap_alone doubles. */
    void (*shap_one)(double *phi, const double *x, const double *sides, const struct shap_tree *t,
                     double *work);

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
    /* dense_f64 over float32 rows, which are widened on the way: for few outputs. */
    void (*dense_mixed)(double *y, size_t y_stride, const float *x, size_t x_stride,
                        const double *w, const double *b, size_t rows, size_t inputs,
                        size_t outputs);

    /* A product of matrices: gemm.h says of what, and in which order.  The one kernel whose
     * products are fused. */
    void (*gemm_f32)(const struct gemm *g);
    /* The same of one row whose columns are the pixels of an image, cut into rows: what it gives
     * for column i * wide + c goes to y[i * y_row + c], i < rows, c < cols.  For b_at, depth up to
     * GEMM_DEPTH, no col_bias; b has GEMM_COLS numbers behind the last column that count. */
    void (*gemm_pixels)(const struct gemm *g, size_t wide);
    /* y[i] = x[i * step] */
    void (*pick_f32)(float *y, const float *x, size_t step, size_t n);

    /* e^x of n elements, float32 rounded once from double.  y may be x. */
    void (*exp_f32)(float *y, const float *x, size_t n);
    void (*exp_f64)(double *y, const double *x, size_t n);
    /* 1 / (1 + e^(-scale x)); float32 with XGBoost's clamp and tiny term (math.h), each step
     * rounded to float32.  y may be x. */
    void (*logistic_f32)(float *y, const float *x, double scale, size_t n);
    void (*logistic_f64)(double *y, const double *x, double scale, size_t n);
    /* e^(x - max of the row) over their sum, added in order in double.  y may be x. */
    void (*softmax_f32)(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                        size_t cols);
    void (*softmax_f64)(double *y, size_t y_stride, const double *x, size_t x_stride, size_t rows,
                        size_t cols);

    /* n numbers to one, in double and in lanes as above: see reduce.h.  Of columns: to[c] of
     * x[r * stride + c], r < rows, c < width; `about` has `width` numbers, or is NULL: zeros. */
    double (*reduce_f32)(uint32_t how, const float *x, size_t n, double about);
    double (*reduce_f64)(uint32_t how, const double *x, size_t n, double about);
    void (*reduce_rows_f32)(uint32_t how, double *to, const float *x, size_t stride, size_t rows,
                            size_t width, const double *about);
    void (*reduce_rows_f64)(uint32_t how, double *to, const double *x, size_t stride, size_t rows,
                            size_t width, const double *about);
    /* e^(x - most of the row) over their sum: in the type, sums as by reduce.  float32: each within
     * 4 ULP of the exact e^(x - most) / sum (each.h has its exponential).  The same down columns.
     * y may be x. */
    void (*soft_f32)(float *y, const float *x, size_t rows, size_t cols);
    void (*soft_f64)(double *y, const double *x, size_t rows, size_t cols);
    void (*soft_rows_f32)(float *y, const float *x, size_t stride, size_t rows, size_t width);
    void (*soft_rows_f64)(double *y, const double *x, size_t stride, size_t rows, size_t width);
    /* y = (x - sub) mul scale[i] + bias[i], in double, rounded once; scale NULL: 1, bias NULL: add.
     * y may be x. */
    void (*affine_f32)(float *y, const float *x, double sub, double mul, double add,
                       const float *scale, const float *bias, size_t n);
    void (*affine_f64)(double *y, const double *x, double sub, double mul, double add,
                       const double *scale, const double *bias, size_t n);
    /* The same with three numbers for each: y = (x - sub[i]) mul[i] + add[i]. */
    void (*affine_each_f32)(float *y, const float *x, const double *sub, const double *mul,
                            const double *add, size_t n);
    void (*affine_each_f64)(double *y, const double *x, const double *sub, const double *mul,
                            const double *add, size_t n);

    /* Element by element, what `how` says: see each.h. */
    void (*each_f32)(uint32_t how, float *y, const float *x, size_t n, float a, float b);
    void (*pair_f32)(uint32_t how, float *y, const float *p, const float *q, size_t n);
    void (*pair_f64)(uint32_t how, double *y, const double *p, const double *q, size_t n);

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

/* The table named `isa`, or the best one for NULL, on a processor with these MDL_CPU_* sets; NULL
 * when there is none. */
const struct kernels *mdl_kernels_named(const char *isa, unsigned sets);

#endif
