/*
 * op/tree_sift.c - a few rows through an ensemble of large trees
 *
 * BLOCK_HALF rows pass the tops of trees side by side, node by node; below them each goes on by
 * itself, tile by tile.  Trees are taken some at a time, so that what one row reads is near when
 * the next one comes, and tiles are on their way before they are asked for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#include <string.h>

#define NEAR_TREES 64u            /* at a time */

/* Of some trees and all rows, tree by tree. */
struct exits {
    size_t   rows;
    uint32_t n;                   /* that go on                                            */
    uint32_t exit[NEAR_TREES * BLOCK_HALF];
    uint16_t at[NEAR_TREES * BLOCK_HALF];   /* which those are                             */
};

/* By block ranks; those of a row lie together then, `bytes` a row. */
static void find_ranks(const struct tree_walk *w, uint8_t *rank, uint8_t *own, size_t bytes,
                       size_t at, size_t rows)
{
    const struct rank_table *t = &w->p->ranks;

    if (w->x_type == MDL_F32)
        w->r->kernels->ranks_f32(rank, t, view_row(w->x, at), w->x.stride, rows, BLOCK_HALF);
    else
        w->r->kernels->ranks_f64(rank, t, view_row(w->x, at), w->x.stride, rows, BLOCK_HALF);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < t->n_columns; c++)
            own[r * bytes + c] = rank[c * BLOCK_HALF + r] ^ 0x80u;
}

static void fetch(const struct tree_walk *w, const struct exits *e)
{
    for (uint32_t k = 0; k < e->n; k++) {
        const struct tree_tile *tile = &w->p->tiles[e->exit[e->at[k]] & ~TOP_GOES_ON];
        MDL_PREFETCH(tile);
        MDL_PREFETCH(tile->exit);
    }
}

/* Exits of the tops of the trees [tree, tree + n), which rows stand at. */
static void leave_tops(const struct tree_walk *w, struct exits *e, const uint8_t *stand,
                       uint32_t tree, uint32_t n)
{
    const struct tree_exits *exits = w->p->exits + tree;
    uint32_t left = 0;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = i * BLOCK_HALF; k < i * BLOCK_HALF + e->rows; k++) {
            const uint32_t exit = exits[i].exit[stand[k]];

            e->exit[k] = exit;
            e->at[left] = (uint16_t)k;
            left += exit / TOP_GOES_ON;
        }
    e->n = left;
}

/* Tile by tile, pass by pass, until all are leaves. */
static void go_on(const struct tree_walk *w, struct exits *e, const uint8_t *rank)
{
    while (e->n) {
        uint32_t left = 0;

        fetch(w, e);
        w->r->kernels->pass_tiles(e->exit, w->p->tiles, e->at, e->n, rank, w->p->n_places,
                                  w->p->quarters);
        for (uint32_t k = 0; k < e->n; k++) {
            const uint16_t at = e->at[k];

            e->at[left] = at;
            left += e->exit[at] / TOP_GOES_ON;
        }
        e->n = left;
    }
}

#define ADD_ROWS 8u               /* sums in registers */

/* Leaves of one value into one sum a row. */
#define ADD_EXITS(name, real) \
static void name(const struct tree_walk *w, const struct exits *e, size_t at, uint32_t n) \
{ \
    const real *value = w->p->value; \
\
    for (size_t first = 0; first < e->rows; first += ADD_ROWS) { \
        const size_t some = e->rows - first < ADD_ROWS ? e->rows - first : ADD_ROWS; \
        real sum[ADD_ROWS] = { 0 }; \
\
        for (size_t r = 0; r < some; r++) \
            sum[r] = *(const real *)view_row(w->sums, at + first + r); \
        for (size_t i = 0; i < n; i++) \
            MDL_UNROLL(8) \
            for (size_t r = 0; r < ADD_ROWS; r++) \
                sum[r] += value[e->exit[i * BLOCK_HALF + first + r]]; \
        for (size_t r = 0; r < some; r++) \
            *(real *)view_row(w->sums, at + first + r) = sum[r]; \
    } \
}
ADD_EXITS(add_exits_f32, float)
ADD_EXITS(add_exits_f64, double)

static void add_exits(const struct tree_walk *w, const struct exits *e, size_t at, uint32_t tree,
                      uint32_t n)
{
    uint32_t leaf[NEAR_TREES];

    if (w->n_outputs == 1 && mdl_trees_is_simple(w)) {
        if (mdl_trees_type(w->n) == MDL_F32)
            add_exits_f32(w, e, at, n);
        else
            add_exits_f64(w, e, at, n);
        return;
    }
    for (size_t r = 0; r < e->rows; r++) {
        for (size_t i = 0; i < n; i++)
            leaf[i] = e->exit[i * BLOCK_HALF + r];
        mdl_trees_put_row(w, at + r, tree, n, leaf);
    }
}

void mdl_trees_run_sift(const struct tree_walk *w, size_t at, size_t rows)
{
    const struct trees_plan *p = w->p;
    uint8_t column[TOP_MOST * BLOCK_HALF], stand[NEAR_TREES * BLOCK_HALF];
    uint8_t *rank = w->r->temp;
    struct exits e;

    memset(e.exit, 0, sizeof e.exit);
    e.rows = rows;
    find_ranks(w, column, rank, p->n_places, at, rows);
    for (uint32_t t = w->first, n; t < w->last; t += n) {
        n = w->last - t < NEAR_TREES ? w->last - t : NEAR_TREES;
        w->r->kernels->sift(stand, p->tops + t, p->exits + t, n, column);
        leave_tops(w, &e, stand, t, n);
        go_on(w, &e, rank);
        add_exits(w, &e, at, t, n);
    }
}
