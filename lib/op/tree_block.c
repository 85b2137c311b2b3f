/*
 * op/tree_block.c - up to FORK_ROWS rows at once through an ensemble
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#include <string.h>

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
void mdl_trees_run_block(const struct tree_walk *w, size_t at, size_t rows)
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
