/*
 * op/tree_deep.c - walks by keys (kernel/deep.h)
 *
 * For trees of many leaves, and for ensembles so small that ranks do not pay; tree_deep_lay.c lays
 * them out.
 *
 * Blocks go tree by tree.  Above L2, a forest costs what it takes to read it: the more rows in a
 * block, the less each.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_deep.h"

#define MANY_COLUMNS 256u

/* ---- keys ---------------------------------------------------------------------------------- */

/* The key of a cell in a column that is no plain number. */
static uint64_t odd_key(const struct node *n, enum deep_kind kind, double x, int wide)
{
    const struct trees_params *params = n->params;
    const int tiny = x >= -TREES_TINY && x <= TREES_TINY;

    if (kind == KIND_ZERO_LEFT || kind == KIND_ZERO_RIGHT) {
        if (x != x || tiny)
            return kind == KIND_ZERO_LEFT ? 0 : wide ? UINT64_MAX : UINT32_MAX;
        return wide ? deep_key_f64(x) : deep_key_f32((float)x);
    }
    if (x != x ? kind == KIND_SET_DEFAULT || kind == KIND_SET_ZERO_DEFAULT
               : tiny && kind == KIND_SET_ZERO_DEFAULT)
        return 0;
    if (x != x ? kind == KIND_SET_ZERO : tiny && params->clip_zero)
        x = 0;
    if (!(x > (params->truncate ? -1.0 : -0x1p-1074) && x < 0x1p31))
        return 1;
    return 2 + (x < 0 ? 0 : (uint64_t)x);
}

static uint32_t narrow_key(float x) { return deep_key_f32(x); }
static uint64_t wide_key(double x) { return deep_key_f64(x); }

/* Keys of `lanes` rows, 1 or DEEP_ROWS, of type X. */
#define FIND_KEYS(X, KEY, OF, key, d, x, stride, lanes) do { \
    const uint32_t *feature_ = (d)->feature; \
    const size_t end_ = (d)->n_numbers + 1; \
    for (size_t r_ = 0; r_ < (lanes); r_++) \
        (key)[r_] = 0; \
    for (size_t c_ = 1; c_ < end_; c_++) { \
        const X *cell_ = (const X *)(const void *)(x) + feature_[c_]; \
        X lane_[DEEP_ROWS]; \
        for (size_t r_ = 0; r_ < (lanes); r_++) \
            lane_[r_] = *(const X *)(const void *)((const unsigned char *)cell_ + r_ * (stride)); \
        for (size_t r_ = 0; r_ < (lanes); r_++) \
            (key)[c_ * (lanes) + r_] = OF(lane_[r_]); \
    } \
} while (0)

static void find_odd_keys(const struct tree_walk *w, const struct trees_deep *d, void *key,
                          size_t at, size_t lanes)
{
    for (uint32_t c = d->n_numbers + 1; c < d->table.columns; c++)
        for (size_t r = 0; r < lanes; r++) {
            const double x = mdl_trees_cell(w->x_type, view_row(w->x, at + r), d->feature[c]);
            const uint64_t k = odd_key(w->n, d->kind[c], x, d->wide);
            if (d->wide)
                ((uint64_t *)key)[c * lanes + r] = k;
            else
                ((uint32_t *)key)[c * lanes + r] = (uint32_t)k;
        }
}

static void find_keys_of_row(const struct tree_walk *w, const struct trees_deep *d, void *key,
                             size_t at)
{
    const unsigned char *x = view_row(w->x, at);

    if (!d->wide)
        FIND_KEYS(float, uint32_t, narrow_key, (uint32_t *)key, d, x, w->x.stride, 1);
    else if (w->x_type == MDL_F32)
        FIND_KEYS(float, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, 1);
    else
        FIND_KEYS(double, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, 1);
    find_odd_keys(w, d, key, at, 1);
}

static void find_keys_of_eight(const struct tree_walk *w, const struct trees_deep *d, void *key,
                               size_t at)
{
    const unsigned char *x = view_row(w->x, at);

    if (!d->wide)
        FIND_KEYS(float, uint32_t, narrow_key, (uint32_t *)key, d, x, w->x.stride, DEEP_ROWS);
    else if (w->x_type == MDL_F32)
        FIND_KEYS(float, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, DEEP_ROWS);
    else
        FIND_KEYS(double, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, DEEP_ROWS);
    find_odd_keys(w, d, key, at, DEEP_ROWS);
}

/* ---- walks ---------------------------------------------------------------------------------- */

#define ROW_TREES 64u             /* whose leaves are kept at a time */

static void walk_row(const struct tree_walk *w, const struct trees_deep *d, void *key, size_t at)
{
    const struct kernels *k = w->r->kernels;
    uint32_t leaf[ROW_TREES];

    if (w->r->keeps < 2)
        find_keys_of_row(w, d, key, at);
    for (uint32_t t = w->first; t < w->last; t += ROW_TREES) {
        const uint32_t n = w->last - t < ROW_TREES ? w->last - t : ROW_TREES;

        if (d->wide)
            k->deep_row_u64(leaf, &d->table, t, n, key);
        else
            k->deep_row_u32(leaf, &d->table, t, n, key);
        for (uint32_t i = 0; i < n; i++)
            leaf[i] += w->p->first_leaf[t + i];
        mdl_trees_put_row(w, at, t, n, leaf);
    }
}

#define VECTOR_LEAST 4u           /* values of a leaf that are worth a call */

/* The rows [0, rows) ended at leaf[] of a tree. */
static void add_leaves(const struct tree_walk *w, uint32_t tree, const uint32_t *leaf, size_t rows)
{
    const uint32_t first = w->p->first_leaf[tree], output = w->p->output[tree];
    const size_t width = (size_t)((const struct trees_params *)w->n->params)->leaf_width;
    unsigned char *y = w->sums.data;

    if (y && !w->ids.data && w->p->vector && width == w->n_outputs) {
        for (size_t r = 0; r < rows; r++) {
            const uint32_t at = first + leaf[r];
            mdl_trees_put_row(w, r, tree, 1, &at);
        }
        return;
    }
    if (!y || w->ids.data || w->n->tensors[TREES_LINEAR_CONST].type || w->p->vector) {
        for (size_t r = 0; r < rows; r++)
            mdl_trees_put_leaf(w, r, tree, first + leaf[r]);
        return;
    }
    if (mdl_trees_type(w->n) == MDL_F32) {
        const float *value = (const float *)w->p->value + first * width;
        for (size_t r = 0; r < rows && width >= VECTOR_LEAST; r++)
            w->r->kernels->add_row_f32((float *)view_row(w->sums, r) + output, value, leaf + r, 1,
                                       width);
        for (size_t r = 0; r < rows && width < VECTOR_LEAST; r++, y += w->sums.stride)
            for (size_t k = 0; k < width; k++)
                ((float *)(void *)y)[output + k] += value[leaf[r] * width + k];
        return;
    }
    const double *value = (const double *)w->p->value + first * width;
    for (size_t r = 0; r < rows && width >= VECTOR_LEAST; r++)
        w->r->kernels->add_row_f64((double *)view_row(w->sums, r) + output, value, leaf + r, 1,
                                   width);
    for (size_t r = 0; r < rows && width < VECTOR_LEAST; r++, y += w->sums.stride)
        for (size_t k = 0; k < width; k++)
            ((double *)(void *)y)[output + k] += value[leaf[r] * width + k];
}

/* ---- the choice ---------------------------------------------------------------------------- */

/*
 * Rows from which on a block goes tree by tree.  Row by row 16 trees are in flight, which from L3
 * counts more than that a tree's top stays near.  Measured (us a row; row by row / tree by tree):
 *
 *     trees x leaves, MB      16 rows        256 rows       1,024 rows     4,096 rows
 *     1 x 5,000,  0.1         0.26 / 0.11    0.26 / 0.10
 *     200 x 480,  1.5         4.2 / 3.9      4.2 / 2.9
 *     30 x 18,000, 8.5        2.4 / 4.0      2.4 / 2.5      2.4 / 3.0      2.4 / 2.0
 *     100 x 9,700, 15.5       10 / 12        10 / 12        10 / 9.7       10 / 6.1
 *     100 x 400, 2,000 columns               18 / 33        (keys beyond L2)
 */
static size_t least_eights(const struct trees_plan *p)
{
    if (p->n_trees < 16)
        return DEEP_ROWS;
    if (p->deep_columns > MANY_COLUMNS)
        return SIZE_MAX;
    if (p->deep_bytes > 16u << 20)
        return 1024;
    return p->deep_bytes > (256u << 10) ? (size_t)(p->deep_bytes >> 14) : 16;
}

/*
 * Walks of a group take as many steps as the longest, about 0.4 of the way from the mean path
 * to the depth (18.4, 37: 26 steps; 8.2, 14: 11), and one to see that all have ended.
 */
double mdl_trees_deep_cost(const struct trees_plan *p, const struct kernels *k, size_t rows)
{
    const double megabytes = (double)p->deep_bytes / 1e6;
    double depth = 0;

    if (!p->deep)
        return 0;
    if (k == &mdl_kernels_ref)
        return 1e9;
    for (uint32_t t = 0; t < p->n_trees; t++)
        depth += (double)p->depth[t] / p->n_trees;
    const double steps = p->n_trees < 4 && rows < DEEP_ROWS ? p->path
                                                            : p->path + 0.4 * (depth - p->path) + 1;
    const double far = megabytes / 8 < 4 ? megabytes / 8 : 4;
    const double step = (rows < least_eights(p) ? 1.6 : 1.1) + far + (p->n_general ? 1 : 0);
    /* Keys of many rows are made column by column: of wide rows, each is a miss.  Of rows one by one
     * it is so too where they are wider still: 1.5 ns of 300 columns, 4.5 of 2,000. */
    const uint32_t many = rows >= least_eights(p) ? 64 : 1024;
    const double column = p->deep_columns > many ? 4.5 : 1.5;
    return (rows < least_eights(p) ? 90 : 30) + column * p->deep_columns
         + p->n_trees * (5 + step * steps);
}

/* Eights of rows tree by tree, then the others one by one. */
void mdl_trees_run_deep(const struct tree_walk *w)
{
    const struct trees_deep *d = w->p->deep;
    const struct kernels *k = w->r->kernels;
    const size_t rows = w->r->rows, row_bytes = d->table.columns * (d->wide ? sizeof(uint64_t)
                                                                            : sizeof(uint32_t));
    const size_t eights = rows < least_eights(w->p) ? 0 : rows / DEEP_ROWS;
    unsigned char *key = w->r->temp;
    uint32_t *leaf = (uint32_t *)(void *)(key + rows * row_bytes);

    for (size_t e = 0; e < eights && w->r->keeps < 2; e++)
        find_keys_of_eight(w, d, key + e * DEEP_ROWS * row_bytes, e * DEEP_ROWS);
    for (uint32_t t = w->first; t < w->last && eights; t++) {
        if (d->wide)
            k->deep_rows_u64(leaf, &d->table, t, (const uint64_t *)(const void *)key, eights);
        else
            k->deep_rows_u32(leaf, &d->table, t, (const uint32_t *)(const void *)key, eights);
        add_leaves(w, t, leaf, eights * DEEP_ROWS);
    }
    for (size_t r = eights * DEEP_ROWS; r < rows; r++)
        walk_row(w, d, key + (w->r->keeps ? r * row_bytes : 0), r);
}
