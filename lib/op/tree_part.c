/*
 * op/tree_part.c - parts of ensembles: one tree, and the trees that a row needs to be sure
 *
 * The rule of early stopping is LightGBM's (src/boosting/prediction_early_stop.cpp): after every
 * `stop_every` iterations of the range the margin of a row is 2 |sum| of one output, of several the
 * largest sum less the second one; above `stop_margin` the row is done.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_engine.h"

#include <string.h>

struct view mdl_trees_own_sums(const struct tree_walk *w)
{
    return (struct view){ (unsigned char *)w->r->temp + w->r->rows * w->p->sums_at,
                          w->n_outputs * mdl_type_bytes(w->sums.type), w->sums.type };
}

void mdl_trees_run_part(struct tree_walk *w)
{
    if (w->r->part == 1) {
        mdl_trees_sum_begin(w);
        return;
    }
    for (size_t r = 0; r < w->r->rows; r++)
        memset(view_row(w->sums, r), 0, w->n_outputs * mdl_type_bytes(w->sums.type));
    w->first += (uint32_t)w->r->part - 2;
    w->last = w->first + 1;
    mdl_trees_walk(w);
}

/* Of all trees of the call, to w->kept. */
static void find_leaves(const struct tree_walk *w)
{
    struct run one = *w->r;
    struct tree_walk some = *w;

    mdl_trees_range(w->n, one.tree_begin, one.tree_most, &some.first, &some.last);
    one.keeps = 0;
    one.rows = 1;
    some.r = &one;
    some.kept.data = NULL;
    for (size_t r = 0; r < w->r->rows; r++) {
        some.x.data = view_row(w->x, r);
        some.leaves = view_row(w->kept, r);
        mdl_trees_walk(&some);
    }
}

void mdl_trees_run_kept(const struct tree_walk *w)
{
    const uint32_t begin = w->p->iteration[w->r->tree_begin];

    if (w->r->keeps == 1)
        find_leaves(w);
    for (size_t r = 0; r < w->r->rows; r++)
        mdl_trees_put_row(w, r, w->first, w->last - w->first,
                          (const uint32_t *)view_row(w->kept, r) + (w->first - begin));
}

static double sum_at(const struct tree_walk *w, const void *sums, size_t k)
{
    return w->sums.type == MDL_F32 ? (double)((const float *)sums)[k] : ((const double *)sums)[k];
}

static double margin_of(const struct tree_walk *w, size_t r)
{
    const void *sums = view_row(w->sums, r);
    double first = sum_at(w, sums, 0), second = first;

    if (w->n_outputs == 1)
        return first < 0 ? -2 * first : 2 * first;
    for (size_t k = 1; k < w->n_outputs; k++) {
        const double x = sum_at(w, sums, k);
        if (x > first) {
            second = first;
            first = x;
        } else if (k == 1 || x > second) {
            second = x;
        }
    }
    return first - second;
}

static int is_sure(const struct tree_walk *w, size_t r)
{
    return margin_of(w, r) > w->r->stop_margin;
}

/* The trees from iteration *i to the next look, which is where *i is then; 0: there are none. */
static int next_trees(struct tree_walk *w, uint64_t *i)
{
    const struct run *r = w->r;
    const uint64_t end = r->tree_end < w->p->n_iterations ? r->tree_end : w->p->n_iterations, at = *i;

    if (at >= end)
        return 0;
    *i = end - at < r->stop_every ? end : at + r->stop_every;
    w->first = w->p->iteration[at];
    w->last = w->p->iteration[*i];
    return 1;
}

/* The rows row[0 .. n), one by one between two looks, from iteration i on.  (So trees are near when the
 * next row comes.) */
static void stop_rows(const struct tree_walk *w, uint16_t *row, size_t n, uint64_t i)
{
    struct run one = *w->r;
    struct tree_walk some = *w;

    one.rows = 1;
    some.r = &one;
    for (one.keeps = 1; n && next_trees(&some, &i); one.keeps = 2) {
        size_t left = 0;
        for (size_t k = 0; k < n; k++) {
            const uint16_t r = row[k];
            one.temp = (unsigned char *)w->r->temp + r * w->p->sums_at;
            some.x.data = view_row(w->x, r);
            some.sums.data = view_row(w->sums, r);
            mdl_trees_walk(&some);
            row[left] = r;
            left += !is_sure(w, r);
        }
        n = left;
    }
}

/* Row `b` of `from` to row `a` of `to`: word by word, they are few.  (Compiled to be small, memcpy would
 * take its time.) */
static void copy_sums(struct view to, size_t a, struct view from, size_t b, size_t bytes)
{
    unsigned char *t = view_row(to, a), *f = view_row(from, b);

    for (; bytes; bytes -= sizeof(float), t += sizeof(float), f += sizeof(float))
        memcpy(t, f, sizeof(float));
}

/* Of each of `columns` columns of bytes the lanes lane[0 .. n) move together. */
static void pack(uint8_t *column, size_t columns, size_t height, const uint16_t *lane, size_t n)
{
    const size_t low = mdl_trees_height(n);

    for (size_t c = 0; c < columns; c++)
        for (size_t k = 0; k < n; k++)
            column[c * low + k] = column[c * height + lane[k]];
}

/* Rows side by side, in lanes with sums of their own, while those that are not sure are enough; what is
 * left of `row` and its n, and the iteration where they stand. */
static size_t stop_block(const struct tree_walk *w, uint16_t *row, size_t n, uint64_t *i)
{
    const struct trees_plan *p = w->p;
    const size_t bytes = w->n_outputs * mdl_type_bytes(w->sums.type);
    const int reads_x = p->n_plain || w->n->tensors[TREES_LINEAR_CONST].type;
    uint16_t lane[BLOCK_ROWS];    /* that are not sure; row[] is of each lane */
    struct run rows = *w->r;
    struct tree_walk some = *w;

    some.r = &rows;
    some.sums = mdl_trees_own_sums(w);
    for (size_t r = 0; r < n; r++) {
        lane[r] = (uint16_t)r;
        copy_sums(some.sums, r, w->sums, r, bytes);
    }
    for (rows.keeps = 1; mdl_trees_engine_for(p, n)->by_blocks && next_trees(&some, i); rows.keeps = 2) {
        size_t left = 0;
        mdl_trees_run_block(&some, 0, rows.rows);
        for (size_t k = 0; k < n; k++) {
            lane[left] = lane[k];
            if (is_sure(&some, lane[k]))
                copy_sums(w->sums, row[lane[k]], some.sums, lane[k], bytes);
            else
                left++;
        }
        n = left;
        if (reads_x || 2 * mdl_trees_height(n) > mdl_trees_height(rows.rows))
            continue;
        pack(rows.temp, (size_t)p->ranks.n_columns + p->most_tests + p->n_codes,
             mdl_trees_height(rows.rows), lane, n);
        for (size_t k = 0; k < n; k++) {
            copy_sums(some.sums, k, some.sums, lane[k], bytes);
            row[k] = row[lane[k]];
            lane[k] = (uint16_t)k;
        }
        rows.rows = n;
    }
    for (size_t k = 0; k < n; k++) {
        copy_sums(w->sums, row[lane[k]], some.sums, lane[k], bytes);
        row[k] = row[lane[k]];
    }
    return n;
}

void mdl_trees_run_stopping(const struct tree_walk *w)
{
    uint16_t row[BLOCK_ROWS];     /* that are not sure */
    uint64_t i = w->r->tree_begin;
    size_t n = w->r->rows;

    for (size_t r = 0; r < n; r++)
        row[r] = (uint16_t)r;
    if (mdl_trees_engine_for(w->p, n)->by_blocks)
        n = stop_block(w, row, n, &i);
    stop_rows(w, row, n, i);
}
