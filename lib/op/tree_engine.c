/*
 * op/tree_engine.c - what each way through an ensemble costs, and so which one is taken
 *
 * Nanoseconds a row, as sums of what grows with columns, trees and nodes; the factors were
 * measured with `make bench-sweep` (AVX2, one machine), which shows where they mislead.  The
 * choice is made once, for blocks of 1, 2 .. 3, 4 .. 7, ... 256 rows, by the fewest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_deep.h"
#include "op/tree_engine.h"
#include "op/tree_planes.h"

#include <string.h>

#define WIDE_ROW 1024u            /* cells: a few such rows fill L2 */

/* ---- plain ------------------------------------------------------------------------------- */

/* A step of the plain walk: 8 to 10 ns from L2, 24 for 200,000 nodes of 17 bytes in four arrays,
 * 75 for 2,000,000; of rows of many columns, most of whose cells it passes by, a miss more. */
static double plain_step(const struct trees_plan *p)
{
    return 12 + (p->n_nodes / 26000.0 < 70 ? p->n_nodes / 26000.0 : 70)
         + (p->ranks.cols > WIDE_ROW ? 25 : 0);
}

static double plain_cost(const struct trees_plan *p, const struct kernels *k, size_t rows)
{
    (void)k;
    (void)rows;
    return 5 + p->n_trees * (4 + plain_step(p) * p->path);
}

static void plain_run(const struct tree_walk *w)
{
    for (size_t r = 0; r < w->r->rows; r++)
        for (uint32_t t = w->first; t < w->last; t++)
            mdl_trees_put_leaf(w, r, t, mdl_trees_walk_plain(w->n, w->x_type, view_row(w->x, r), t));
}

/* Leaves of several values: what adding one takes longer. */
static double vector_cost(const struct trees_plan *p)
{
    return p->leaf_width > 1 ? 0.3 * p->leaf_width : 0;
}

/* Columns are turned eight at a time: of wide rows, each eight is another miss. */
static double turn_cost(const struct trees_plan *p)
{
    const uint32_t eights = p->ranks.cols / 8;

    return p->ranks.cols <= 64 ? 0 : 10.0 * (p->ranks.n_columns < eights ? p->ranks.n_columns : eights);
}

/* ---- one row at a time, by ranks ------------------------------------------------------------ */

#define SIFT_LEAST 8u             /* rows that are worth it */

/* Do rows pass the tops of large trees side by side? */
static int sifts(const struct trees_plan *p, size_t rows)
{
    return p->exits && !p->n_general && rows >= SIFT_LEAST;
}

static double sift_cost(const struct trees_plan *p, size_t rows)
{
    const double height = (double)BLOCK_HALF, part = rows < BLOCK_HALF ? height / (double)rows : 1;

    return 20 + part * (2 * p->ranks.n_columns + 1.2 * p->n_trees) + turn_cost(p)
         + p->n_trees * (2.4 + 0.5 * p->path + 2 * vector_cost(p));
}

static double row_cost(const struct trees_plan *p, const struct kernels *k, size_t rows)
{
    if (!mdl_trees_match(p) || k == &mdl_kernels_ref)
        return mdl_trees_match(p) ? 1e9 : 0;
    if (sifts(p, rows))
        return sift_cost(p, rows);
    /* Trees with tests are walked plainly below their tops. */
    const double below = p->path > 5 ? p->path - 5 : 0;
    const double tree = p->levels ? 1.1 : p->heaps ? 5.2 : p->tops && !p->exits ? 4.3
                                                         : 4.3 + 0.65 * p->path;
    const double column = p->ranks.cols > WIDE_ROW ? 7.8 : 2.8;
    return 20 + column * p->ranks.n_columns + p->n_trees * (tree + 2 * vector_cost(p))
         + p->n_general * plain_step(p) * below;
}

static void row_run(const struct tree_walk *w)
{
    const size_t rows = w->r->rows;
    size_t at = 0;

    for (size_t n; !w->r->keeps && sifts(w->p, rows - at); at += n) {
        n = rows - at < BLOCK_HALF ? rows - at : BLOCK_HALF;
        mdl_trees_run_sift(w, at, n);
    }
    for (; at < rows; at++)
        mdl_trees_run_row(w, at);
}

/* ---- blocks ------------------------------------------------------------------------------------ */

static double block_cost(const struct trees_plan *p, const struct kernels *k, size_t rows)
{
    const size_t least = BLOCK_HALF / TREES_TEMP_PER_COLUMN;

    if (!p->forks || rows < least)
        return 0;
    if (k == &mdl_kernels_ref)
        return 1e9;
    const double height = (double)mdl_trees_height(rows);
    const double forks = (double)p->fork_start[p->n_trees];
    const double once = rows <= BLOCK_HALF ? 0.5 * forks + 7.0 * p->n_trees
                                           : 0.55 * forks + 10.0 * p->n_trees;
    return (height * (1.5 * p->ranks.n_columns + 0.4 * p->n_trees + 0.0135 * forks) + once)
         / (double)rows + turn_cost(p) + p->n_trees * vector_cost(p);
}

static void block_run(const struct tree_walk *w)
{
    for (size_t at = 0; at < w->r->rows; at += BLOCK_ROWS)
        mdl_trees_run_block(w, at, w->r->rows - at < BLOCK_ROWS ? w->r->rows - at : BLOCK_ROWS);
}

/* ---- planes ------------------------------------------------------------------------------------ */

static double planes_cost(const struct trees_plan *p, const struct kernels *k, size_t rows)
{
    if (!p->planes || rows < BLOCK_ROWS)
        return 0;
    if (k == &mdl_kernels_ref)
        return 1e9;
    return 1.5 * p->ranks.n_columns + 0.004 * p->planes->n_planes + (p->even ? 0.37 : 0.4) * p->n_trees
         + 0.006 * (double)p->fork_start[p->n_trees] + turn_cost(p) + p->n_trees * vector_cost(p);
}

static void planes_run(const struct tree_walk *w)
{
    struct tree_walk by_planes = *w;

    by_planes.planes = 1;
    block_run(&by_planes);
}

/* ---- the choice ------------------------------------------------------------------------------ */

static const struct trees_engine engines[] = {
    { "plain", plain_cost, plain_run, 0 },
    { "row", row_cost, row_run, 0 },
    { "block", block_cost, block_run, 1 },
    { "planes", planes_cost, planes_run, 1 },
    { "deep", mdl_trees_deep_cost, mdl_trees_run_deep, 0 },
};

const struct trees_engine *mdl_trees_engine_at(size_t i)
{
    return i < sizeof engines / sizeof *engines ? &engines[i] : NULL;
}

const struct trees_engine *mdl_trees_engine_named(const char *name)
{
    const struct trees_engine *e;

    for (size_t i = 0; (e = mdl_trees_engine_at(i)) != NULL && strcmp(e->name, name); i++)
        ;
    return e;
}

const struct trees_engine *mdl_trees_cheapest(const struct trees_plan *p, const struct kernels *k,
                                              size_t rows)
{
    const struct trees_engine *best = engines, *e;
    double least = engines->cost(p, k, rows);

    for (size_t i = 1; (e = mdl_trees_engine_at(i)) != NULL; i++) {
        const double cost = e->cost(p, k, rows);
        if (cost > 0 && cost < least) {
            least = cost;
            best = e;
        }
    }
    return best;
}

const struct trees_engine *mdl_trees_engine_for(const struct trees_plan *p, size_t rows)
{
    uint32_t i = 0;

    while (i + 1 < TREES_SIZES && (size_t)2 << i <= rows)
        i++;
    return p->engine[i];
}

void mdl_trees_choose(struct trees_plan *p, const struct kernels *k, const char *name)
{
    const struct trees_engine *wanted = name ? mdl_trees_engine_named(name) : NULL;

    for (uint32_t i = 0; i < TREES_SIZES; i++) {
        const size_t rows = (size_t)1 << i;
        p->engine[i] = wanted && wanted->cost(p, k, rows) > 0 ? wanted : mdl_trees_cheapest(p, k, rows);
    }
}
