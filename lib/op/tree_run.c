/*
 * op/tree_run.c - three ways through the trees: plainly, row by row from the tops, and in
 * blocks of rows; see docs/design.md
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#include <string.h>

#define ROOTS 64u                 /* walks of one row whose exits are kept at a time */

/* Row by row, straight over the file: ensembles so small or so odd that ranks do not pay. */
static void run_plain(const struct tree_walk *w)
{
    for (size_t r = 0; r < w->r->rows; r++)
        for (uint32_t t = w->first; t < w->last; t++)
            mdl_trees_put_leaf(w, r, t, mdl_trees_walk_plain(w->n, w->x_type, view_row(w->x, r), t));
}

/* Does the row go right at a test? */
static uint32_t ask_test(const struct tree_walk *w, const struct tree_test *t, const uint8_t *code,
                         const void *row)
{
    if (t->code == CODE_PLAIN)
        return (uint32_t)mdl_test_right(w->n, t, w->x_type, row);
    return (uint32_t)t->right[code[t->code] / 8] >> code[t->code] % 8 & 1u;
}

/* The bits of the trees' tests that send the row right, for match: coded ones from the table
 * if there is one, the others test by test. */
static void ask_tests(const struct tree_walk *w, uint32_t *bits, const uint8_t *code, uint32_t tree,
                      uint32_t n, const void *row)
{
    const struct trees_plan *p = w->p;

    memset(bits, 0, n * sizeof *bits);
    for (uint32_t c = 0; c < p->n_codes && p->code_bits; c++) {
        const uint32_t *right = p->code_bits + (size_t)mdl_test_row(p, c, code[c]) * p->n_trees
                              + tree;
        for (uint32_t i = 0; i < n; i++)
            bits[i] |= right[i];
    }
    if (p->code_bits && !p->n_plain)
        return;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = p->test_start[tree + i]; k < p->test_start[tree + i + 1]; k++) {
            const struct tree_test *t = &p->tests[k];
            if (t->slot < TOP_EXITS && (t->code == CODE_PLAIN || !p->code_bits))
                bits[i] |= ask_test(w, t, code, row) << t->slot;
        }
}

/* Where the trees [tree, tree + n) take one row whose ranks and codes are known. */
static uint32_t leave_tops(const struct tree_walk *w, uint32_t *exit, const uint8_t *rank,
                           uint32_t tree, uint32_t n, const void *row)
{
    uint32_t bits[ROOTS];

    if (w->p->n_general)
        ask_tests(w, bits, rank + TOP_COLUMNS, tree, n, row);
    return w->r->kernels->match(exit, w->p->tops + tree, w->p->n_general ? bits : NULL, n, rank);
}

/* Leaves of the trees [tree, tree + n) of one row. */
static void find_leaves(const struct tree_walk *w, uint32_t *leaf, const uint8_t *rank, uint32_t tree,
                        uint32_t n, const void *row)
{
    const struct trees_plan *p = w->p;
    uint32_t begin[ROOTS], end[ROOTS], slot[ROOTS], depth = 0, walks = 0;

    if (p->tops && !(leave_tops(w, leaf, rank, tree, n, row) & TOP_GOES_ON))
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (p->tops && !(leaf[i] & TOP_GOES_ON))
            continue;
        const uint32_t from = p->tops ? leaf[i] & ~TOP_GOES_ON : p->tree_start[tree + i];
        if (p->general[tree + i]) {
            leaf[i] = mdl_trees_walk_from(w->n, w->x_type, row, from);
            continue;
        }
        begin[walks] = from;
        slot[walks++] = i;
        if (p->depth[tree + i] > depth)
            depth = p->depth[tree + i];
    }
    w->r->kernels->walk(end, p->steps, begin, walks, depth, rank);
    for (uint32_t i = 0; i < walks; i++)
        leaf[slot[i]] = p->step_leaf[end[i]];
}

static void run_row(const struct tree_walk *w, size_t r)
{
    const void *row = view_row(w->x, r);
    uint8_t *rank = w->r->temp;
    uint32_t leaf[ROOTS];

    if (w->x_type == MDL_F32)
        w->r->kernels->rank_f32(rank, &w->p->ranks, row);
    else
        w->r->kernels->rank_f64(rank, &w->p->ranks, row);
    for (uint32_t c = 0; c < w->p->n_codes && w->p->tops; c++)
        rank[TOP_COLUMNS + c] = mdl_test_code(w->n, mdl_trees_cell(w->x_type, row,
                                                                   w->p->code_feature[c]));
    for (uint32_t t = w->first; t < w->last; t += ROOTS) {
        const uint32_t n = w->last - t < ROOTS ? w->last - t : ROOTS;
        find_leaves(w, leaf, rank, t, n, row);
        mdl_trees_put_row(w, r, t, n, leaf);
    }
}

/* Codes of a block of rows, column by column; those of further rows are 0. */
static void find_codes(const struct tree_walk *w, uint8_t *code, size_t at, size_t rows)
{
    for (uint32_t c = 0; c < w->p->n_codes; c++, code += FORK_ROWS) {
        for (size_t r = 0; r < rows; r++)
            code[r] = mdl_test_code(w->n, mdl_trees_cell(w->x_type, view_row(w->x, at + r),
                                                         w->p->code_feature[c]));
        for (size_t r = rows; r < FORK_ROWS; r++)
            code[r] = 0;
    }
}

/* The columns of one tree's tests: 0 left, else right. */
static void find_tests(const struct tree_walk *w, uint8_t *column, const uint8_t *code, uint32_t tree,
                       size_t at, size_t rows)
{
    const struct trees_plan *p = w->p;

    for (uint32_t k = p->test_start[tree]; k < p->test_start[tree + 1]; k++, column += FORK_ROWS) {
        const struct tree_test *t = &p->tests[k];

        if (t->code != CODE_PLAIN) {
            w->r->kernels->members(column, code + t->code * FORK_ROWS, t->right, rows);
            continue;
        }
        for (size_t r = 0; r < FORK_ROWS; r++)
            column[r] = r < rows
                && mdl_test_right(w->n, t, w->x_type, view_row(w->x, at + r)) ? 1 : 0;
    }
}

/* Up to FORK_ROWS rows at once, tree by tree.  Columns of bytes in temp: ranks, then the tests
 * of one tree, then codes. */
static void run_block(const struct tree_walk *w, size_t at, size_t rows)
{
    const struct trees_plan *p = w->p;
    const struct kernels *k = w->r->kernels;
    uint8_t *rank = w->r->temp, leaf[FORK_ROWS];
    uint8_t *test = rank + (size_t)p->ranks.n_columns * FORK_ROWS;
    uint8_t *code = test + (size_t)p->most_tests * FORK_ROWS;

    if (w->x_type == MDL_F32)
        k->ranks_f32(rank, &p->ranks, view_row(w->x, at), w->x.stride, rows);
    else
        k->ranks_f64(rank, &p->ranks, view_row(w->x, at), w->x.stride, rows);
    find_codes(w, code, at, rows);
    for (uint32_t t = w->first; t < w->last; t++) {
        if (p->general[t])
            find_tests(w, test, code, t, at, rows);
        k->descend(leaf, p->forks + p->fork_start[t], p->fork_start[t + 1] - p->fork_start[t],
                   rank, rows);
        mdl_trees_put_leaves(w, at, rows, t, leaf);
    }
}

/* Ranks cost about as much as walking a few trees for each column. */
static int ranks_pay(const struct tree_walk *w)
{
    return w->p->steps && w->last - w->first >= w->p->ranks.n_columns / 4;
}

/* A descent takes every fork of a tree, whatever the rows; a walk only a row's path.  They
 * cost the same at about this many rows (measured on trees of 31 to 255 leaves). */
static int forks_pay(const struct tree_walk *w)
{
    const struct trees_plan *p = w->p;

    if (!p->forks)
        return 0;
    const size_t least = FORK_ROWS / TREES_TEMP_PER_COLUMN;
    const size_t even = 8 + p->fork_start[p->n_trees] / (5u * p->n_trees);
    return w->r->rows >= (even > least ? even : least);
}

void mdl_trees_run(const struct node *n, const struct run *r)
{
    struct tree_walk w = { .n = n, .p = n->plan, .r = r, .x = run_in(n, r, 0), .sums = run_out(n, r, 0),
                      .ids = run_out(n, r, 1), .x_type = r->graph->values[n->in[0]].type,
                      .n_outputs = (size_t)((const struct trees_params *)n->params)->outputs };

    mdl_trees_range(n, r->tree_begin, r->tree_end, &w.first, &w.last);
    if (w.sums.data)
        mdl_trees_sum_begin(&w);
    if (!ranks_pay(&w))
        run_plain(&w);
    else if (forks_pay(&w))
        for (size_t at = 0; at < r->rows; at += FORK_ROWS)
            run_block(&w, at, r->rows - at < FORK_ROWS ? r->rows - at : FORK_ROWS);
    else
        for (size_t row = 0; row < r->rows; row++)
            run_row(&w, row);
    if (w.sums.data)
        mdl_trees_sum_end(&w);
}
