/*
 * op/tree_block.c - up to BLOCK_ROWS rows at once through an ensemble
 *
 * Columns of bytes in the node's working memory, `height` a column: block ranks, then the
 * tests of one tree, then codes.  Trees go in groups, by position (tree_fork.c); the sums of
 * one output lie in a column of their own meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_planes.h"
#include "op/tree_walk.h"

#include <string.h>

struct block {
    const struct tree_walk *w;
    size_t   at, rows, height;    /* rows [at, at + rows), padded to height */
    uint8_t *rank, *test, *code;
    uint8_t *plane;               /* NULL: rows descend byte by byte   */
    uint8_t  leaf[GROUP_TREES * BLOCK_ROWS];
};

/* Codes column by column; those of further rows are 0. */
static void find_codes(const struct block *b)
{
    const struct tree_walk *w = b->w;

    for (uint32_t c = 0; c < w->p->n_codes; c++) {
        uint8_t *code = b->code + c * b->height;
        for (size_t r = 0; r < b->rows; r++)
            code[r] = mdl_test_code(w->n, mdl_trees_cell(w->x_type, view_row(w->x, b->at + r),
                                                         w->p->code_feature[c]));
        memset(code + b->rows, 0, b->height - b->rows);
    }
}

/* The columns of one tree's tests. */
static void find_tests(const struct block *b, uint32_t tree)
{
    const struct tree_walk *w = b->w;
    const struct trees_plan *p = w->p;
    uint8_t *column = b->test;

    for (uint32_t k = p->test_start[tree]; k < p->test_start[tree + 1]; k++, column += b->height) {
        const struct tree_test *t = &p->tests[k];

        if (t->code != CODE_PLAIN) {
            w->r->kernels->members(column, b->code + t->code * b->height, t->right, b->height);
            continue;
        }
        for (size_t r = 0; r < b->rows; r++)
            column[r] = mdl_test_right(w->n, t, w->x_type, view_row(w->x, b->at + r)) ? 0x7f : 0x80;
        memset(column + b->rows, 0x80, b->height - b->rows);
    }
}

/* How many trees from position k on descend together: up to GROUP_TREES, one if it has tests. */
static uint32_t group_at(const struct tree_walk *w, uint32_t k, uint32_t end)
{
    uint32_t n = 0;

    while (n < GROUP_TREES && k + n < end && !w->p->general[w->p->block_tree[k + n]])
        n++;
    return n ? n : 1;
}

static void descend(const struct block *b, uint8_t *leaf, uint32_t k, uint32_t n)
{
    const struct trees_plan *p = b->w->p;
    const struct kernels *kernels = b->w->r->kernels;

    if (p->general[p->block_tree[k]])
        find_tests(b, p->block_tree[k]);
    (p->even ? kernels->descend_even : kernels->descend)(leaf, p->forks, p->fork_start + k, n,
                                                         b->rank, b->height);
}

#define NEAR_VALUES (192u << 10)  /* bytes that stay near between two blocks */

/* Leaves of one value are on their way while their numbers are found: a large ensemble's come
 * from far. */
static void fetch_values(const struct block *b, uint32_t k, const struct plane_group *g)
{
    const struct trees_plan *p = b->w->p;
    const size_t bytes = mdl_type_bytes(mdl_trees_type(b->w->n));
    const unsigned char *value = p->value;

    if (p->leaf_width > 1 || p->n_leaves * bytes < NEAR_VALUES)
        return;
    for (uint32_t t = 0; t < g->trees; t++)
        for (size_t i = 0; i < g->leaves[t] * bytes; i += 64)
            MDL_PREFETCH(value + p->block_leaf[k + t] * bytes + i);
}

/* A group of planes, which begins at position k. */
static void part(const struct block *b, uint8_t *leaf, uint32_t k, const struct plane_group *g)
{
    const struct trees_plan *p = b->w->p;
    const struct kernels *kernels = b->w->r->kernels;
    uint8_t *to = b->plane + (size_t)p->planes->tests * PLANE_BYTES;

    for (uint32_t t = 0; t < g->trees && p->n_general; t++) {
        const uint32_t tree = p->block_tree[k + t];
        if (!p->general[tree])
            continue;
        find_tests(b, tree);
        for (uint32_t i = 0; i < p->test_start[tree + 1] - p->test_start[tree]; i++) {
            kernels->test_plane(to, b->test + (size_t)i * BLOCK_ROWS);
            to += PLANE_BYTES;
        }
    }
    fetch_values(b, k, g);
    (p->even ? kernels->part_even : kernels->part)(leaf, g, p->planes->forks, b->plane);
}

/* The leaves of the first trees at positions [k, end); returns how many trees. */
static uint32_t find_leaves(struct block *b, uint32_t k, uint32_t end)
{
    uint32_t n = 0;

    if (!b->plane) {
        n = group_at(b->w, k, end);
        descend(b, b->leaf, k, n);
        return n;
    }
    while (n < GROUP_TREES && k + n < end) {
        const struct plane_group *g = mdl_planes_group(b->w->p->planes, k + n, end);
        uint8_t *leaf = b->leaf + n * BLOCK_ROWS;

        if (g && n + g->trees > GROUP_TREES)
            break;
        if (g)
            part(b, leaf, k + n, g);
        else
            descend(b, leaf, k + n, 1);
        n += g ? g->trees : 1;
    }
    return n;
}

/* The trees at positions [begin, end), all of one output. */
static void sum_output(struct block *b, uint32_t begin, uint32_t end, uint32_t output)
{
    const struct tree_walk *w = b->w;
    const struct kernels *kernels = w->r->kernels;
    union { float f32[BLOCK_ROWS]; double f64[BLOCK_ROWS]; } sum;
    const int wide = mdl_trees_type(w->n) == MDL_F64;

    memset(&sum, 0, b->height * (wide ? sizeof(double) : sizeof(float)));
    for (size_t r = 0; r < b->rows; r++)
        if (wide)
            sum.f64[r] = ((const double *)view_row(w->sums, b->at + r))[output];
        else
            sum.f32[r] = ((const float *)view_row(w->sums, b->at + r))[output];
    for (uint32_t k = begin, n; k < end; k += n) {
        const uint32_t *first = w->p->block_leaf + k;
        const uint16_t *leaves = b->plane && w->p->planes->few ? w->p->planes->leaves + k : NULL;

        n = find_leaves(b, k, end);
        if (leaves && wide)
            kernels->add_few_f64(sum.f64, w->p->value, first, leaves, n, b->leaf, b->height);
        else if (leaves)
            kernels->add_few_f32(sum.f32, w->p->value, first, leaves, n, b->leaf, b->height);
        else if (wide)
            kernels->add_leaves_f64(sum.f64, w->p->value, first, n, b->leaf, b->height);
        else
            kernels->add_leaves_f32(sum.f32, w->p->value, first, n, b->leaf, b->height);
    }
    for (size_t r = 0; r < b->rows; r++)
        if (wide)
            ((double *)view_row(w->sums, b->at + r))[output] = sum.f64[r];
        else
            ((float *)view_row(w->sums, b->at + r))[output] = sum.f32[r];
}

/* Leaves of several values, added row by row; those that are shared are taken where they are. */
static void sum_vectors(struct block *b, uint32_t begin, uint32_t end)
{
    const struct tree_walk *w = b->w;
    const struct trees_plan *p = w->p;
    const void *from = p->vector ? p->vectors : p->value;
    uint32_t at[GROUP_TREES];

    for (uint32_t k = begin, n; k < end; k += n) {
        n = find_leaves(b, k, end);
        for (size_t r = 0; r < b->rows; r++) {
            for (uint32_t t = 0; t < n; t++) {
                const uint32_t leaf = p->block_leaf[k + t] + b->leaf[t * b->height + r];
                at[t] = p->vector ? p->vector[leaf] : leaf;
            }
            void *y = view_row(w->sums, b->at + r);
            if (mdl_trees_type(w->n) == MDL_F64)
                w->r->kernels->add_row_f64(y, from, at, n, w->n_outputs);
            else
                w->r->kernels->add_row_f32(y, from, at, n, w->n_outputs);
        }
    }
}

/* Leaf by leaf: ids, linear leaves, vectors that begin at different outputs. */
static void put_all(struct block *b, uint32_t begin, uint32_t end)
{
    const struct trees_plan *p = b->w->p;

    for (uint32_t k = begin, n; k < end; k += n) {
        n = find_leaves(b, k, end);
        for (uint32_t t = 0; t < n; t++)
            for (size_t r = 0; r < b->rows; r++)
                mdl_trees_put_leaf(b->w, b->at + r, p->block_tree[k + t],
                                   p->block_leaf[k + t] + b->leaf[t * b->height + r]);
    }
}

/* Nothing but whole rows of outputs are to be added. */
static int is_full(const struct tree_walk *w)
{
    return w->sums.data && !w->ids.data && !w->n->tensors[TREES_LINEAR_CONST].type
        && (size_t)((const struct trees_params *)w->n->params)->leaf_width == w->n_outputs;
}

/* The first position of an output's trees from `tree` on. */
static uint32_t position_of(const struct trees_plan *p, size_t output, uint32_t tree)
{
    uint32_t begin = p->output_at[output], end = p->output_at[output + 1];

    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;
        if (p->block_tree[middle] < tree)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* And what else can be found out about rows before any tree is looked at. */
static void find_ranks(const struct block *b)
{
    const struct tree_walk *w = b->w;
    const struct rank_table *ranks = &w->p->ranks;
    const void *x = view_row(w->x, b->at);

    if (w->x_type == MDL_F32)
        w->r->kernels->ranks_f32(b->rank, ranks, x, w->x.stride, b->rows, b->height);
    else
        w->r->kernels->ranks_f64(b->rank, ranks, x, w->x.stride, b->rows, b->height);
    find_codes(b);
    if (b->plane)
        w->r->kernels->planes(b->plane, w->p->planes->columns, ranks->n_columns, b->rank);
}

void mdl_trees_run_block(const struct tree_walk *w, size_t at, size_t rows)
{
    const struct trees_plan *p = w->p;
    struct block b;               /* leaves are not set: of few trees that would cost more than they do */

    b.w = w;
    b.at = at;
    b.rows = rows;
    b.height = mdl_trees_height(rows);
    b.rank = w->r->temp;
    b.plane = NULL;
    b.test = b.rank + p->ranks.n_columns * b.height;
    b.code = b.test + p->most_tests * b.height;
    if (w->planes && rows == BLOCK_ROWS) {
        b.plane = b.code + (size_t)p->n_codes * BLOCK_ROWS;
        b.plane += (0 - (uintptr_t)b.plane) % PLANE_ALIGN;
    }
    if (w->r->keeps < 2)
        find_ranks(&b);
    for (size_t k = 0; k < w->n_outputs; k++) {
        const uint32_t begin = position_of(p, k, w->first), end = position_of(p, k, w->last);

        if (mdl_trees_is_simple(w))
            sum_output(&b, begin, end, (uint32_t)k);
        else if (is_full(w))
            sum_vectors(&b, begin, end);
        else
            put_all(&b, begin, end);
    }
}
