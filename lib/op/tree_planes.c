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

/* Scratch of a block, in bytes, from which on the call must be told to make it large: graphs
 * give blocks of BLOCK_ROWS rows 256 KB, for other values too. */
#define LARGE_BLOCK (192u << 10)

static uint32_t rank_of(struct tree_fork f)
{
    return (f.below ^ 0x80u) + 1u;
}

static uint32_t leaves_of(const struct trees_plan *p, uint32_t k)
{
    const uint32_t forks = p->fork_start[k + 1] - p->fork_start[k];

    return p->even ? 1u << forks : forks + 1;
}

/* What every column is asked; returns the planes of all. */
static uint64_t find_columns(const struct trees_plan *p, struct plane_column *columns)
{
    uint64_t at = PLANE_SLOTS + 7;

    for (uint32_t i = 0; i < p->fork_start[p->n_trees]; i++) {
        const struct tree_fork f = p->forks[i];
        const uint32_t rank = rank_of(f);
        if (f.column >= p->ranks.n_columns)
            continue;
        if (rank == RANK_NAN)
            columns[f.column].nan = 1;
        else if (rank > columns[f.column].thresholds)
            columns[f.column].thresholds = (uint8_t)rank;
    }
    for (uint32_t c = 0; c < p->ranks.n_columns; c++) {
        columns[c].first = (uint32_t)at;
        at += (uint64_t)columns[c].thresholds + columns[c].nan;
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

/* Forks of the tree at position k, level by level, to `to`. */
static void sort_levels(const struct trees_plan *p, uint32_t k, struct tree_fork *to)
{
    const struct tree_fork *forks = p->forks + p->fork_start[k];
    const uint32_t n = p->fork_start[k + 1] - p->fork_start[k];
    uint16_t level[256] = { 0 }, start[257] = { 0 };
    uint8_t own[256];

    /* level[s]: of the node that slot s stands for, so far. */
    for (uint32_t i = 0; i < n; i++) {
        own[i] = (uint8_t)level[forks[i].left];
        level[forks[i].left]++;
        level[forks[i].left ^ forks[i].move] = level[forks[i].left];
        start[own[i] + 1]++;
    }
    for (uint32_t l = 0; l < 256; l++)
        start[l + 1] = (uint16_t)(start[l + 1] + start[l]);
    for (uint32_t i = 0; i < n; i++)
        to[start[own[i]]++] = forks[i];
}

static uint16_t place(uint32_t plane)
{
    return (uint16_t)(plane * (PLANE_BYTES / PLANE_UNIT));
}

/* `slot` is the first slot of the fork's tree, `test` the plane of its first test. */
static struct plane_fork make_fork(const struct trees_plan *p, struct tree_fork f, uint32_t slot,
                                   uint32_t test)
{
    uint32_t plane = test + f.column - p->ranks.n_columns;

    if (f.column < p->ranks.n_columns) {
        const struct plane_column c = p->planes->columns[f.column];
        plane = c.first + (rank_of(f) == RANK_NAN ? c.thresholds : rank_of(f) - 1);
    }
    return (struct plane_fork){ place(plane), place(slot + f.left),
                                place(slot + (f.left ^ f.move)) };
}

/* The forks of even trees, as they are. */
static void put_even(const struct trees_plan *p)
{
    for (uint32_t i = 0; i < p->fork_start[p->n_trees]; i++)
        p->planes->forks[i] = make_fork(p, p->forks[i], 0, 0);
}

/* The forks of the group that begins at position k: of each tree as large a part, step by step. */
static void put_group(const struct trees_plan *p, const struct plane_group *g, uint32_t k)
{
    const uint32_t *start = p->fork_start + k;
    struct tree_fork sorted[PLANE_SLOTS];
    struct plane_fork *to = p->planes->forks + start[0];
    uint32_t done[GROUP_TREES] = { 0 }, most = 0;

    for (uint32_t t = 0; t < g->trees; t++) {
        sort_levels(p, k + t, sorted + (start[t] - start[0]));
        if (start[t + 1] - start[t] > most)
            most = start[t + 1] - start[t];
    }
    for (uint32_t step = 1; step <= most; step++)
        for (uint32_t t = 0, slot = 0, test = p->planes->tests; t < g->trees; t++) {
            for (; done[t] * most < step * (start[t + 1] - start[t]); done[t]++)
                *to++ = make_fork(p, sorted[start[t] - start[0] + done[t]], slot, test);
            slot += (g->leaves[t] + 7u) / 8 * 8;
            test += tests_of(p, k + t);
        }
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

mdl_status mdl_trees_plane(struct node *n, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint64_t outputs = (uint64_t)((const struct trees_params *)n->params)->outputs;
    struct trees_planes planes = { .columns = NULL };
    uint32_t most_tests = 0;

    if (!p->forks)
        return MDL_OK;
    planes.columns = mdl_arena_take(a, p->ranks.n_columns, sizeof *planes.columns);
    if (!planes.columns)
        return mdl_arena_fail(a, err, "tree ensemble");
    const uint64_t conditions = find_columns(p, planes.columns);
    planes.n_groups = find_groups(p, outputs, NULL, NULL, &most_tests);
    if (conditions + most_tests > PLANE_MOST)
        return MDL_OK;
    planes.tests = (uint32_t)conditions;
    planes.n_planes = planes.tests + most_tests;
    planes.forks = mdl_arena_take(a, p->fork_start[p->n_trees], sizeof *planes.forks);
    planes.groups = mdl_arena_take(a, planes.n_groups, sizeof *planes.groups);
    planes.leaves = mdl_arena_take(a, p->n_trees, sizeof *planes.leaves);
    planes.group_at = mdl_arena_take(a, p->n_trees, sizeof *planes.group_at);
    p->planes = mdl_arena_take(a, 1, sizeof *p->planes);
    if (!planes.forks || !planes.groups || !planes.leaves || !planes.group_at
        || !p->planes)
        return mdl_arena_fail(a, err, "tree ensemble");
    planes.few = 1;
    for (uint32_t k = 0; k < p->n_trees; k++) {
        planes.leaves[k] = (uint16_t)leaves_of(p, k);
        planes.few &= planes.leaves[k] <= FEW_LEAVES;
    }
    *p->planes = planes;
    find_groups(p, outputs, planes.groups, planes.group_at, &most_tests);
    if (p->even)
        put_even(p);
    for (uint32_t k = 0, g = 0; g < planes.n_groups && !p->even; k += planes.groups[g++].trees)
        put_group(p, &planes.groups[g], k);
    make_room(n);
    return MDL_OK;
}
