/*
 * op/tree_planes.c - forks of descents become forks of planes
 *
 * A condition is a column and a rank, and nearly every threshold of the table is asked by some
 * node: so all are planes, in order.  Trees are grouped by position, one output at a time; the
 * forks of a group are merged in proportion, so that its trees end together.  Within a tree they
 * go level by level: what waits for each other stands far apart.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_planes.h"

#include <string.h>

/* Scratch of a block, in bytes, from which on the call must be told to make it large: graphs
 * give blocks of BLOCK_ROWS rows 256 KB, for other values too. */
#define LARGE_BLOCK (192u << 10)

static uint32_t leaves_of(const struct trees_plan *p, uint32_t k)
{
    const uint32_t forks = p->fork_start[k + 1] - p->fork_start[k];

    return p->even ? 1u << forks : forks + 1;
}

/* What every column is asked: all that was met; returns the planes of all. */
static uint64_t find_columns(const struct trees_plan *p, const struct rank_builder *b,
                             struct plane_column *columns)
{
    uint64_t at = PLANE_SLOTS + 7;

    for (uint32_t c = 0; c < p->ranks.n_columns; c++) {
        columns[c] = (struct plane_column){ (uint32_t)at, (uint8_t)b->count[c], b->nan[c], 0 };
        at += (uint64_t)b->count[c] + b->nan[c];
    }
    return at;
}

static uint32_t tests_of(const struct trees_plan *p, uint32_t k)
{
    const uint32_t tree = p->block_tree[k];

    return p->general[tree] ? p->test_start[tree + 1] - p->test_start[tree] : 0;
}

/* Trees from position k on, below `end`, that make a group; *tests of them. */
static uint32_t group_size(const struct trees_plan *p, uint32_t k, uint32_t end, uint32_t *tests)
{
    uint32_t n = 0, slots = 0;

    *tests = 0;
    for (; n < GROUP_TREES && k + n < end; n++) {
        slots += p->even ? 0 : (leaves_of(p, k + n) + 7) / 8 * 8;
        if (slots > PLANE_SLOTS)
            break;
        *tests += tests_of(p, k + n);
    }
    return n;
}

/* The groups, if `groups` is not NULL; returns how many, and the most tests of one. */
static uint32_t find_groups(const struct trees_plan *p, uint64_t outputs,
                            struct plane_group *groups, uint32_t *group_at,
                            uint32_t *most_tests)
{
    uint32_t count = 0;

    for (uint64_t k = 0; k < outputs; k++)
        for (uint32_t at = p->output_at[k], n; at < p->output_at[k + 1]; at += n, count++) {
            uint32_t tests;
            n = group_size(p, at, p->output_at[k + 1], &tests);
            if (tests > *most_tests)
                *most_tests = tests;
            if (!groups)
                continue;
            group_at[at] = count + 1;
            groups[count] = (struct plane_group){
                .first = p->fork_start[at], .trees = n,
                .forks = p->fork_start[at + n] - p->fork_start[at],
            };
            for (uint32_t t = 0; t < n; t++)
                groups[count].leaves[t] = (uint16_t)leaves_of(p, at + t);
        }
    return count;
}

static uint32_t place(uint32_t plane)
{
    return plane * (PLANE_BYTES / PLANE_UNIT);
}

/* A fork of a tree whose slots begin at the place `slot`, and its tests at the plane `test`. */
MDL_INLINE void put_fork(const struct plane_column *columns, uint32_t n_columns,
                         const struct tree_fork *f, uint32_t slot, uint32_t test,
                         struct plane_fork *to)
{
    const uint32_t column = f->column, left = f->left, right = left ^ f->move;
    const uint32_t below = f->below ^ 0x80u;     /* rank - 1 */
    uint32_t plane = test + column - n_columns;

    if (column < n_columns) {     /* RANK_NAN is above that of all thresholds */
        const struct plane_column *c = &columns[column];
        plane = c->first + (below < c->thresholds ? below : c->thresholds);
    }
    to->condition = (uint16_t)place(plane);
    to->left = (uint16_t)(slot + place(left));
    to->right = (uint16_t)(slot + place(right));
}

/* The forks of even trees, as they are. */
static void put_even(const struct trees_plan *p, struct plane_fork *to)
{
    const struct plane_column *columns = p->planes->columns;

    for (uint32_t i = 0; i < p->fork_start[p->n_trees]; i++)
        put_fork(columns, p->ranks.n_columns, &p->forks[i], 0, 0, &to[i]);
}

/* Forks of the tree at position k, level by level: number i goes to to[i * apart]. */
static void put_levels(const struct trees_plan *p, const uint8_t *level, uint32_t k, uint32_t slot,
                       uint32_t test, struct plane_fork *to, uint32_t apart)
{
    const struct plane_column *columns = p->planes->columns;
    const struct tree_fork *forks = p->forks + p->fork_start[k];
    const uint32_t n = p->fork_start[k + 1] - p->fork_start[k], n_columns = p->ranks.n_columns;
    const uint32_t tree = p->block_tree[k], levels = p->depth[tree], first = place(slot);
    uint32_t start[FORK_LEAVES + 1];     /* where the next fork of a level goes           */

    level += p->tree_start[tree] - p->first_leaf[tree];
    memset(start, 0, (levels + 2) * sizeof *start);
    for (uint32_t i = 0; i < n; i++)
        start[level[i] + 1] += apart;
    for (uint32_t l = 1; l < levels; l++)
        start[l + 1] += start[l];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t *at = &start[level[i]];

        put_fork(columns, n_columns, &forks[i], first, test, &to[*at]);
        *at += apart;
    }
}

/* Trees of different sizes, one after the other in `sorted`: of each as large a part, step by
 * step. */
static void merge(const struct plane_group *g, const uint32_t *start, uint32_t most,
                  const struct plane_fork *sorted, struct plane_fork *to)
{
    uint32_t done[GROUP_TREES] = { 0 };

    for (uint32_t step = 1; step <= most; step++)
        for (uint32_t t = 0; t < g->trees; t++) {
            const uint32_t first = start[t] - start[0], n = start[t + 1] - start[t];
            for (; done[t] * most < step * n; done[t]++)
                *to++ = sorted[first + done[t]];
        }
}

/* The forks of the group that begins at position k. */
static void put_group(const struct trees_plan *p, const uint8_t *level, const struct plane_group *g,
                      uint32_t k, struct plane_fork *to)
{
    const uint32_t *start = p->fork_start + k;
    struct plane_fork sorted[PLANE_SLOTS];
    uint32_t most = 0, least = UINT32_MAX;

    for (uint32_t t = 0; t < g->trees; t++) {
        const uint32_t n = start[t + 1] - start[t];
        most = n > most ? n : most;
        least = n < least ? n : least;
    }
    const int same = most == least;

    for (uint32_t t = 0, slot = 0, test = p->planes->tests; t < g->trees; t++) {
        put_levels(p, level, k + t, slot, test, same ? to + t : sorted + (start[t] - start[0]),
                   same ? g->trees : 1);
        slot += (g->leaves[t] + 7u) / 8 * 8;
        test += tests_of(p, k + t);
    }
    if (!same)
        merge(g, start, most, sorted, to);
}

/* A block needs room for its planes behind its columns of bytes. */
static void make_room(struct node *n)
{
    const struct trees_plan *p = n->plan;
    const uint64_t columns = (uint64_t)p->ranks.n_columns + p->most_tests + p->n_codes;
    const uint64_t aligned = p->planes->n_planes + PLANE_ALIGN / PLANE_BYTES;
    const uint64_t bytes = columns + (aligned * PLANE_BYTES + BLOCK_ROWS - 1) / BLOCK_ROWS;

    if (n->temp_bytes < bytes)
        n->temp_bytes = bytes;
    if (bytes * BLOCK_ROWS > LARGE_BLOCK && n->block_rows < 2 * BLOCK_ROWS)
        n->block_rows = 2 * BLOCK_ROWS;
}

static mdl_status put_all(struct trees_plan *p, const uint8_t *level, struct arena *a,
                          mdl_error *err)
{
    struct plane_fork *forks = mdl_arena_take_raw(a, p->fork_start[p->n_trees], sizeof *forks);
    const struct trees_planes *planes = p->planes;

    if (!forks)
        return mdl_arena_fail(a, err, "tree ensemble");
    p->planes->forks = forks;
    if (p->even)
        put_even(p, forks);
    for (uint32_t k = 0, g = 0; g < planes->n_groups && !p->even; k += planes->groups[g++].trees)
        put_group(p, level, &planes->groups[g], k, forks + planes->groups[g].first);
    return MDL_OK;
}

mdl_status mdl_trees_plane(struct node *n, const struct rank_builder *b, struct arena *a,
                           mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint64_t outputs = (uint64_t)((const struct trees_params *)n->params)->outputs;
    struct trees_planes planes = { .columns = NULL };
    uint32_t most_tests = 0;

    if (!p->forks)
        return MDL_OK;
    planes.columns = mdl_arena_take_raw(a, p->ranks.n_columns, sizeof *planes.columns);
    if (!planes.columns)
        return mdl_arena_fail(a, err, "tree ensemble");
    const uint64_t conditions = find_columns(p, b, planes.columns);
    planes.n_groups = find_groups(p, outputs, NULL, NULL, &most_tests);
    if (conditions + most_tests > PLANE_MOST)
        return MDL_OK;
    planes.tests = (uint32_t)conditions;
    planes.n_planes = planes.tests + most_tests;
    planes.groups = mdl_arena_take(a, planes.n_groups, sizeof *planes.groups);
    planes.leaves = mdl_arena_take(a, p->n_trees, sizeof *planes.leaves);
    planes.group_at = mdl_arena_take(a, p->n_trees, sizeof *planes.group_at);
    p->planes = mdl_arena_take(a, 1, sizeof *p->planes);
    if (!planes.groups || !planes.leaves || !planes.group_at || !p->planes)
        return mdl_arena_fail(a, err, "tree ensemble");
    planes.few = 1;
    for (uint32_t k = 0; k < p->n_trees; k++) {
        planes.leaves[k] = (uint16_t)leaves_of(p, k);
        planes.few &= planes.leaves[k] <= FEW_LEAVES;
    }
    *p->planes = planes;
    find_groups(p, outputs, planes.groups, planes.group_at, &most_tests);
    const mdl_status s = b->ready ? mdl_ready_planes(n, err) : put_all(p, b->level, a, err);
    if (!s && p->planes)
        make_room(n);
    return s;
}
