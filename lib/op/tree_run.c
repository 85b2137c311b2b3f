/*
 * op/tree_run.c - which way through the trees: plainly, row by row from the tops, or in
 * blocks of rows; see docs/design.md
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

/* Row by row, straight over the file: ensembles so small or so odd that ranks do not pay. */
static void run_plain(const struct tree_walk *w)
{
    for (size_t r = 0; r < w->r->rows; r++)
        for (uint32_t t = w->first; t < w->last; t++)
            mdl_trees_put_leaf(w, r, t, mdl_trees_walk_plain(w->n, w->x_type, view_row(w->x, r), t));
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
    const size_t least = BLOCK_STEP / TREES_TEMP_PER_COLUMN;
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
        for (size_t at = 0; at < r->rows; at += BLOCK_ROWS)
            mdl_trees_run_block(&w, at, r->rows - at < BLOCK_ROWS ? r->rows - at : BLOCK_ROWS);
    else
        for (size_t row = 0; row < r->rows; row++)
            mdl_trees_run_row(&w, row);
    if (w.sums.data)
        mdl_trees_sum_end(&w);
}
