/*
 * op/tree_run.c - a block of rows through an ensemble, by the engine chosen for its size
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_engine.h"

/* Few trees of many are walked plainly, if no others follow. */
static const struct trees_engine *engine_for(const struct tree_walk *w)
{
    const uint32_t trees = w->last - w->first;
    const uint32_t columns = w->p->ranks.n_columns ? w->p->ranks.n_columns : w->p->deep_columns;

    return !w->r->keeps && trees * 4ull < w->p->n_trees && trees < columns / 4
        ? mdl_trees_engine_at(0) : mdl_trees_engine_for(w->p, w->r->rows);
}

void mdl_trees_walk(const struct tree_walk *w)
{
    if (w->kept.data)
        mdl_trees_run_kept(w);
    else
        engine_for(w)->run(w);
}

void mdl_trees_run(const struct node *n, const struct run *r)
{
    const int average = ((const struct trees_params *)n->params)->average != 0;
    struct tree_walk w = { .n = n, .p = n->plan, .r = r, .x = run_in(n, r, 0), .sums = run_out(n, r, 0),
                      .ids = run_out(n, r, 1), .x_type = run_in(n, r, 0).type,
                      .n_outputs = (size_t)((const struct trees_params *)n->params)->outputs };

    if (r->keeps) {               /* nobody else asks for ids then */
        w.kept = w.ids;
        w.ids.data = NULL;
    }
    mdl_trees_range(n, r->tree_begin, r->tree_end, &w.first, &w.last);
    if (r->part) {
        mdl_trees_run_part(&w);
        return;
    }
    const struct view to = w.sums;
    if (r->keeps && average && w.sums.data)
        w.sums = mdl_trees_own_sums(&w);
    if (r->tree_done > r->tree_begin && (r->keeps || !average))
        w.first = w.p->iteration[r->tree_done];
    else if (w.sums.data)
        mdl_trees_sum_begin(&w);
    if (r->stop_every)
        mdl_trees_run_stopping(&w);
    else if (r->parallel && !r->keeps && w.sums.data && !w.ids.data && w.first < w.last)
        mdl_trees_run_split(&w);
    else
        mdl_trees_walk(&w);
    if (w.sums.data)
        mdl_trees_sum_end(&w, to);
}
