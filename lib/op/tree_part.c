/*
 * op/tree_part.c - parts of ensembles: one tree, and the trees that a row needs to be sure
 *
 * The rule of early stopping is LightGBM's (src/boosting/prediction_early_stop.cpp): after every
 * `stop_every` iterations of the range the margin of a row is 2 |sum| of one output, of several the
 * largest sum less the second one; above `stop_margin` the row is done.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#include <string.h>

void mdl_trees_run_part(const struct tree_walk *w)
{
    const size_t bytes = w->n_outputs * mdl_type_bytes(mdl_trees_type(w->n));
    const uint32_t tree = w->first + (uint32_t)w->r->part - 2;

    if (w->r->part == 1) {
        mdl_trees_sum_begin(w);
        return;
    }
    for (size_t r = 0; r < w->r->rows; r++) {
        memset(view_row(w->sums, r), 0, bytes);
        mdl_trees_put_leaf(w, r, tree, mdl_trees_walk_plain(w->n, w->x_type, view_row(w->x, r), tree));
    }
}

static double margin_of(const struct tree_walk *w, size_t r)
{
    const uint32_t type = mdl_trees_type(w->n);
    const void *sums = view_row(w->sums, r);
    double first = mdl_trees_cell(type, sums, 0), second = first;

    if (w->n_outputs == 1)
        return first < 0 ? -2 * first : 2 * first;
    for (uint32_t k = 1; k < w->n_outputs; k++) {
        const double x = mdl_trees_cell(type, sums, k);
        if (x > first) {
            second = first;
            first = x;
        } else if (k == 1 || x > second) {
            second = x;
        }
    }
    return first - second;
}

/* Row by row: few trees at a time are not worth more at once. */
void mdl_trees_run_stopping(const struct tree_walk *w)
{
    const uint64_t every = w->r->stop_every, all = w->p->n_iterations;
    const uint64_t end = w->r->tree_end < all ? w->r->tree_end : all;
    struct run one = *w->r;
    struct tree_walk some = *w;

    one.rows = 1;
    some.r = &one;
    for (size_t r = 0; r < w->r->rows; r++) {
        some.x.data = view_row(w->x, r);
        some.sums.data = view_row(w->sums, r);
        for (uint64_t i = w->r->tree_begin, next; i < end; i = next) {
            next = end - i < every ? end : i + every;
            some.first = w->p->iteration[i];
            some.last = w->p->iteration[next];
            mdl_trees_walk(&some);
            if (margin_of(w, r) > w->r->stop_margin)
                break;
        }
    }
}
