/*
 * op/tree_part.c - parts of ensembles: one tree, and the trees that a row needs to be sure
 *
 * The rule of early stopping is LightGBM's (src/boosting/prediction_early_stop.cpp): after every
 * `stop_every` iterations of the range the margin of a row is 2 |sum| of one output, of several the
 * largest sum less the second one; above `stop_margin` the row is done.
 *
 * Rows of many blocks (tree_block.c) stop together.  Their bytes lie block behind block:
 *
 *     256 rows: [columns][256]    256 rows: [columns][256]    ...    the rest: [columns][height]
 *
 * so those that go on move to the front, and take fewer blocks.
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

MDL_INLINE double sum_at(const struct tree_walk *w, const void *sums, size_t k)
{
    return w->sums.type == MDL_F32 ? (double)((const float *)sums)[k] : ((const double *)sums)[k];
}

/* Of several outputs. */
static double margin_of(const struct tree_walk *w, const void *sums)
{
    double first = sum_at(w, sums, 0), second = first;

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

MDL_INLINE int is_sure(const struct tree_walk *w, size_t r)
{
    const void *sums = view_row(w->sums, r);
    const double most = w->r->stop_margin;

    if (w->n_outputs > 1)
        return margin_of(w, sums) > most;
    const double twice = 2 * sum_at(w, sums, 0);
    return (twice > most) | (-twice > most);
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
MDL_INLINE void copy_sums(struct view to, size_t a, struct view from, size_t b, size_t bytes)
{
    unsigned char *t = view_row(to, a), *f = view_row(from, b);

    for (; bytes >= sizeof(double); bytes -= sizeof(double), t += sizeof(double), f += sizeof(double))
        memcpy(t, f, sizeof(double));
    if (bytes)
        memcpy(t, f, sizeof(float));
}

/* Of n rows in blocks, one behind the other. */
static size_t height_of(size_t n)
{
    return n % BLOCK_ROWS ? n - n % BLOCK_ROWS + mdl_trees_height(n % BLOCK_ROWS) : n;
}

/* Of `rows` rows in blocks of `columns` columns of bytes, the lanes lane[0 .. n) move together. */
static void pack(uint8_t *byte, size_t columns, size_t rows, const uint16_t *lane, size_t n)
{
    const size_t whole = rows - rows % BLOCK_ROWS, rest = height_of(rows) - whole;
    uint32_t from[BLOCK_ROWS];    /* a lane's byte of the first column */

    for (size_t at = 0; at < n; at += BLOCK_ROWS) {
        const size_t some = n - at < BLOCK_ROWS ? n - at : BLOCK_ROWS;
        uint8_t *to = byte + at * columns;
        size_t full = 0;          /* lanes of whole blocks, which come first */

        for (size_t k = 0; k < some; k++) {
            const size_t l = lane[at + k];
            from[k] = (uint32_t)(l / BLOCK_ROWS * BLOCK_ROWS * columns + l % BLOCK_ROWS);
            full += l < whole;
        }
        for (size_t c = 0; c < columns; c++, to += height_of(some))
            for (size_t k = 0; k < some; k++)
                to[k] = byte[from[k] + c * (k < full ? BLOCK_ROWS : rest)];
    }
}

/* Are n rows, whose ranks are known, quicker side by side than one by one? */
static int stays(const struct tree_walk *w, size_t n)
{
    const struct trees_plan *p = w->p;
    const struct kernels *k = w->r->kernels;
    const double cost = mdl_trees_engine_named("block")->cost(p, k, n);

    return mdl_trees_engine_for(p, n)->by_blocks || (cost > 0 && cost < p->engine[0]->cost(p, k, 1));
}

/* The rows in the lanes lane[0 .. n) are in lanes 0 .. n now, with sums of their own. */
static void gather(const struct tree_walk *w, struct view own, uint16_t *row, uint16_t *lane, size_t n)
{
    const size_t bytes = w->n_outputs * mdl_type_bytes(own.type);

    for (size_t k = 0; k < n; k++) {
        row[k] = row[lane[k]];
        lane[k] = (uint16_t)k;
        copy_sums(own, k, w->sums, row[k], bytes);
    }
}

/* Rows side by side, in lanes with sums of their own, while those that are not sure are enough; what is
 * left of `row` and its n, and the iteration where they stand. */
static size_t stop_blocks(const struct tree_walk *w, uint16_t *row, size_t n, uint64_t *i)
{
    const struct trees_plan *p = w->p;
    const size_t bytes = w->n_outputs * mdl_type_bytes(w->sums.type);
    const size_t columns = (size_t)p->ranks.n_columns + p->most_tests + p->n_codes;
    uint16_t lane[STOP_ROWS];     /* that are not sure; row[] is of each lane */
    struct run rows = *w->r;
    struct tree_walk some = *w;

    some.r = &rows;
    some.sums = mdl_trees_own_sums(w);
    memcpy(lane, row, n * sizeof *lane);
    gather(w, some.sums, row, lane, n);
    for (rows.keeps = 1; stays(w, n) && next_trees(&some, i); rows.keeps = 2) {
        size_t left = 0;
        for (size_t at = 0; at < rows.rows; at += BLOCK_ROWS) {
            rows.temp = (uint8_t *)w->r->temp + at * columns;
            mdl_trees_run_block(&some, at, rows.rows - at < BLOCK_ROWS ? rows.rows - at : BLOCK_ROWS);
        }
        for (size_t k = 0; k < n; k++) {
            const uint16_t l = lane[k];
            copy_sums(w->sums, row[l], some.sums, l, bytes);
            lane[left] = l;
            left += !is_sure(&some, l);
        }
        n = left;
        if (mdl_trees_reads_x(w->n) || 2 * height_of(n) > height_of(rows.rows))
            continue;
        pack(w->r->temp, columns, rows.rows, lane, n);
        gather(w, some.sums, row, lane, n);
        rows.rows = n;
    }
    gather(w, some.sums, row, lane, n);
    return n;
}

void mdl_trees_run_stopping(const struct tree_walk *w)
{
    uint16_t row[STOP_ROWS];      /* that are not sure */
    uint64_t i = w->r->tree_begin;
    size_t n = w->r->rows;

    for (size_t r = 0; r < n; r++)
        row[r] = (uint16_t)r;
    if (mdl_trees_engine_for(w->p, n)->by_blocks)
        n = stop_blocks(w, row, n, &i);
    stop_rows(w, row, n, i);
}
