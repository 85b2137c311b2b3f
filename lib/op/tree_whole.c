/*
 * op/tree_whole.c - trees that one row is matched against whole: shallow, and oblivious ones
 *
 * See struct tree_heap and struct tree_level.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <string.h>

/* Places of the nodes of a tree in a heap: the root has 1.  `left` is of its splits. */
static void place_nodes(const struct trees_plan *p, uint32_t tree, const uint32_t *left,
                        uint32_t *place)
{
    const uint32_t start = p->tree_start[tree], nodes = p->tree_start[tree + 1] - start;

    place[0] = 1;
    for (uint32_t i = 0; i < nodes; i++) {
        if (mdl_tree_is_leaf(p, start + i))
            continue;
        place[i + 1] = 2 * place[i];
        place[i + 2 + 2 * *left++] = 2 * place[i] + 1;
    }
}

static uint32_t level_of(uint32_t place)
{
    uint32_t level = 0;

    while (place >>= 1)
        level++;
    return level;
}

static uint32_t deepest(const struct trees_plan *p)
{
    uint32_t most = 0;

    for (uint32_t t = 0; t < p->n_trees; t++)
        if (p->depth[t] > most)
            most = p->depth[t];
    return most;
}

/* All trees, from their forks: one a level, the root's first. */
static void put_levels(struct trees_plan *p)
{
    const uint8_t nowhere = (uint8_t)(p->ranks.n_columns - 1);   /* where every rank is 0 */

    for (uint32_t k = 0; k < p->n_trees; k++) {
        const uint32_t tree = p->block_tree[k], lane = tree % LEVEL_TREES;
        const uint32_t missing = p->level_depth - p->depth[tree];
        struct tree_level *group = p->levels + (size_t)(tree / LEVEL_TREES) * p->level_depth;

        for (uint32_t l = 0; l < p->level_depth; l++) {
            const uint32_t fork = p->fork_start[k] + (l < missing ? 0 : l - missing);
            const struct tree_fork *f = &p->forks[fork];
            group[l].column[lane] = l < missing ? nowhere : (uint8_t)f->column;
            group[l].rank[lane] = l < missing ? 1 : (uint8_t)((f->below ^ 0x80u) + 1u);
        }
    }
}

static void put_heap(const struct trees_plan *p, uint32_t tree, const struct rank_builder *b,
                     uint32_t *place)
{
    const uint32_t start = p->tree_start[tree];
    uint32_t k = start - p->first_leaf[tree];   /* split */
    struct tree_heap *h = &p->heaps[tree];

    memset(h->column, (int)(p->ranks.n_columns - 1), sizeof h->column);
    memset(h->rank, 1, sizeof h->rank);
    place_nodes(p, tree, b->left + k, place);
    for (uint32_t i = start; i < p->tree_start[tree + 1]; i++) {
        const uint32_t at = place[i - start];
        if (mdl_tree_is_leaf(p, i)) {
            const uint32_t leftmost = at << (HEAP_LEVELS - level_of(at));
            h->leaves |= (uint64_t)1 << (leftmost - HEAP_NODES);
            continue;
        }
        const struct tree_question s = mdl_rank_at(b, k++);
        h->column[at] = (uint8_t)s.column;
        h->rank[at] = s.rank;
    }
}

mdl_status mdl_trees_whole(struct node *n, const struct rank_builder *b, uint32_t *place,
                           struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint32_t most = deepest(p);

    if (p->n_general)
        return MDL_OK;
    if (p->even) {
        const uint64_t groups = (p->n_trees + LEVEL_TREES - 1) / LEVEL_TREES;
        p->level_depth = most;
        p->levels = mdl_arena_take(a, groups * most, sizeof *p->levels);
        if (!p->levels)
            return mdl_arena_fail(a, err, "tree ensemble");
        put_levels(p);
        return MDL_OK;
    }
    if (most > HEAP_LEVELS
        || p->n_nodes - p->n_leaves <= (uint64_t)TILE_NODES * p->n_trees)
        return MDL_OK;
    p->heaps = mdl_arena_take(a, p->n_trees, sizeof *p->heaps);
    if (!p->heaps)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++)
        put_heap(p, t, b, place);
    return MDL_OK;
}
