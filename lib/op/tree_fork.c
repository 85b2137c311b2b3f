/*
 * op/tree_fork.c - what blocks of rows run on: forks, and in which order trees are taken
 *
 * Trees of one leaf value go output by output, so that the sums of a block stay in registers;
 * within an output in their own order, so that every sum is the source's.  Positions count
 * trees in that order.
 *
 *     position      0  1  2  3  4  5        trees of two classes, three rounds
 *     block_tree    0  2  4  1  3  5
 *     output_at     0        3        6
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <string.h>

/* Bytes can hold every leaf of every tree. */
static int can_fork(const struct trees_plan *p)
{
    for (uint32_t t = 0; t < p->n_trees; t++)
        if ((p->tree_start[t + 1] - p->tree_start[t]) / 2 + 1 > FORK_LEAVES)
            return 0;
    return 1;
}

/* Positions by output, counted and dealt out; all in one row if leaves are vectors. */
static void order_trees(const struct node *n, struct trees_plan *p)
{
    const struct trees_params *params = n->params;
    const int apart = params->leaf_width == 1;

    for (uint32_t t = 0; t < p->n_trees; t++)
        p->output_at[apart ? p->output[t] + 1 : 1]++;
    for (int64_t k = 0; k < params->outputs; k++)
        p->output_at[k + 1] += p->output_at[k];
    for (uint32_t t = 0; t < p->n_trees; t++)
        p->block_tree[p->output_at[apart ? p->output[t] : 0]++] = t;
    memmove(p->output_at + 1, p->output_at, (size_t)params->outputs * sizeof *p->output_at);
    p->output_at[0] = 0;
}

/* Where a row goes right: the step of split k as a fork knows it; tests have columns of their
 * own behind those of the ranks, where right is 1 or more. */
static struct tree_question ask(const struct trees_plan *p, const struct rank_builder *b, uint32_t k,
                                uint32_t *tests)
{
    if (mdl_trees_is_test(p, b->splits[k]))
        return (struct tree_question){ .column = (uint16_t)(p->ranks.n_columns + (*tests)++),
                                   .rank = 1 };
    return mdl_rank_at(b, k);
}

/* The number of a tree's first split. */
static uint32_t first_split(const struct trees_plan *p, uint32_t tree)
{
    return tree < p->n_trees ? p->tree_start[tree] - p->first_leaf[tree]
                             : p->n_nodes - p->n_leaves;
}

/* Has a tree in pre-order all leaves at one level, and one question a level?  `level` has room for
 * its splits: below split k of level l, of n, are k + 1 and k + 2^(n - 1 - l). */
static int is_even(const struct trees_plan *p, uint32_t tree, uint32_t *level,
                   const struct rank_builder *b)
{
    const uint32_t first = first_split(p, tree);
    const uint32_t n = p->depth[tree], nodes = p->tree_start[tree + 1] - p->tree_start[tree];

    if (p->general[tree] || n > LEVEL_MOST || nodes != (2u << n) - 1)
        return 0;
    level[0] = 0;
    for (uint32_t k = 0; k < nodes / 2; k++) {
        const uint32_t at = level[k];

        if (b->known[first + k] != b->known[first + at])   /* the first ones are one a level */
            return 0;
        if (at + 1 < n)
            level[k + 1] = level[k + (1u << (n - 1 - at))] = at + 1;
    }
    return 1;
}

static int all_even(const struct trees_plan *p, uint32_t *level, const struct rank_builder *b)
{
    for (uint32_t t = 0; t < p->n_trees; t++)
        if (!is_even(p, t, level, b))
            return 0;
    return 1;
}

/* In place: a struct on its way through the stack waits for its bytes. */
static void put_fork(struct tree_fork *f, struct tree_question s, uint32_t left, uint32_t right)
{
    f->column = s.column;
    f->below = (uint8_t)((s.rank - 1u) ^ 0x80u);
    f->left = (uint8_t)left;
    f->move = (uint8_t)(left ^ right);
    f->unused = 0;
}

static struct tree_fork *put_even(const struct trees_plan *p, uint32_t tree, struct tree_fork *f,
                                  const struct rank_builder *b)
{
    const uint32_t n = p->depth[tree], first = first_split(p, tree);

    for (uint32_t l = 0; l < n; l++)
        put_fork(f++, mdl_rank_at(b, first + l), 0, 1u << (n - 1 - l));
    return f;
}

static struct tree_fork *put_forks(const struct trees_plan *p, uint32_t tree, struct tree_fork *f,
                                   const struct rank_builder *b)
{
    const uint32_t *splits = b->splits;
    const uint32_t *left = b->left, *known = b->known;
    const uint32_t first = p->first_leaf[tree], end = first_split(p, tree + 1);

    for (uint32_t k = first_split(p, tree); k < end; k++, f++) {
        const uint32_t leaf = splits[k] - k - first, right = leaf + left[k] + 1;
        f->column = (uint16_t)known[k];
        f->below = (uint8_t)((known[k] >> 16) + 0x7Fu);   /* rank - 1, its highest bit flipped */
        f->left = (uint8_t)leaf;
        f->move = (uint8_t)(leaf ^ right);
        f->unused = 0;
    }
    return f;
}

/* Of a tree with tests. */
static struct tree_fork *put_tested(const struct trees_plan *p, uint32_t tree, struct tree_fork *f,
                                    const struct rank_builder *b)
{
    const uint32_t first = p->first_leaf[tree], end = first_split(p, tree + 1);
    uint32_t tests = 0;

    for (uint32_t k = first_split(p, tree); k < end; k++) {
        const uint32_t leaf = b->splits[k] - k - first;
        put_fork(f++, ask(p, b, k, &tests), leaf, leaf + b->left[k] + 1);
    }
    return f;
}

static mdl_status put_all(struct trees_plan *p, const struct rank_builder *b, struct arena *a,
                          mdl_error *err)
{
    struct tree_fork *forks = mdl_arena_take_raw(a, p->fork_start[p->n_trees], sizeof *forks);

    if (!forks)
        return mdl_arena_fail(a, err, "tree ensemble");
    p->forks = forks;
    for (uint32_t k = 0; k < p->n_trees; k++) {
        const uint32_t tree = p->block_tree[k];
        forks = p->even ? put_even(p, tree, forks, b)
              : p->general[tree] ? put_tested(p, tree, forks, b) : put_forks(p, tree, forks, b);
    }
    return MDL_OK;
}

mdl_status mdl_trees_fork(const struct node *n, uint32_t *scratch, const struct rank_builder *b,
                          struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint64_t outputs = (uint64_t)((const struct trees_params *)n->params)->outputs;

    if (!can_fork(p))
        return MDL_OK;
    p->even = !b->ready && all_even(p, scratch, b);
    p->block_tree = mdl_arena_take_raw(a, p->n_trees, sizeof *p->block_tree);
    p->block_leaf = mdl_arena_take_raw(a, p->n_trees, sizeof *p->block_leaf);
    p->output_at = mdl_arena_take(a, outputs + 1, sizeof *p->output_at);
    p->fork_start = mdl_arena_take(a, (uint64_t)p->n_trees + 1, sizeof *p->fork_start);
    if (!p->block_tree || !p->block_leaf || !p->output_at || !p->fork_start)
        return mdl_arena_fail(a, err, "tree ensemble");
    order_trees(n, p);
    for (uint32_t k = 0; k < p->n_trees; k++) {
        const uint32_t tree = p->block_tree[k];
        p->block_leaf[k] = p->first_leaf[tree];
        p->fork_start[k + 1] = p->fork_start[k] + (p->even ? p->depth[tree]
                                                  : first_split(p, tree + 1) - first_split(p, tree));
    }
    return b->ready ? mdl_ready_forks(n, err) : put_all(p, b, a, err);
}
