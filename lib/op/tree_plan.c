/*
 * op/tree_plan.c - from the file's nodes to what the kernels run on
 *
 * One pass over the nodes of each tree: who is whose child (each node but the root has
 * one parent, or the file is refused), how deep it lies, which leaf or set it is; then,
 * if the ensemble has ranks, a step for every node and, for small trees, the forks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <string.h>

#define FORK_LEAVES 256u          /* positions of rows are bytes */
#define TOP_LEAST_NODES 15u       /* of a tree; smaller ones are walked as fast as matched */

/* Working memory for one tree, as large as the largest. */
struct scratch {
    struct arena arena;
    uint32_t *place;              /* [nodes] 1 + position of the node's step, 0: no parent */
    uint32_t *level;              /* [nodes] distance from the root                       */
    uint32_t *leaves;             /* [nodes] leaves before it                             */
    uint8_t  *taken;              /* [nodes] for mdl_tree_top                             */
    uint32_t leaf, set;           /* counted over the ensemble                            */
};

static mdl_status bad_parent(const struct node *n, uint32_t i, const char *what, mdl_error *err)
{
    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_RIGHT].offset + 4ull * i,
                       "node %u %s", i, what);
}

/* Parents, depth, leaves and sets of one tree. */
static mdl_status survey_tree(const struct node *n, uint32_t tree, struct scratch *s,
                              mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];

    memset(s->place, 0, (size_t)(end - start) * sizeof *s->place);
    s->place[0] = 1;
    s->level[0] = 0;
    p->first_leaf[tree] = s->leaf;
    for (uint32_t i = start; i < end; i++) {
        const uint32_t level = s->level[i - start], kind = p->flags[i] & NODE_KIND;

        if (!s->place[i - start])
            return bad_parent(n, i, "has no parent", err);
        if (level > p->depth[tree])
            p->depth[tree] = level;
        if (kind == NODE_LEAF) {
            p->ordinal[i] = s->leaf++;
            continue;
        }
        const uint32_t left = i + 1 - start, right = p->right[i] - start;
        if (s->place[left] || s->place[right])
            return bad_parent(n, s->place[left] ? i + 1 : p->right[i], "has two parents", err);
        s->place[left] = s->place[right] = 1;
        s->level[left] = s->level[right] = level + 1;
        p->general[tree] |= (uint8_t)mdl_trees_is_test(p, i);
        if (kind == NODE_CATEGORY)
            p->ordinal[i] = s->set++;
    }
    p->n_general += p->general[tree];
    return MDL_OK;
}

/* Steps of one tree: the root first, then children side by side. */
static void put_steps(const struct node *n, uint32_t tree, struct scratch *s,
                      const struct rank_builder *b)
{
    struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    const uint16_t nowhere = (uint16_t)(p->ranks.n_columns - 1);   /* where every rank is 0 */
    uint32_t next = start + 1;

    s->place[0] = start;
    for (uint32_t i = start; i < end; i++) {
        const uint32_t at = s->place[i - start];

        if ((p->flags[i] & NODE_KIND) == NODE_LEAF) {
            p->steps[at] = (struct tree_step){ .child = at, .column = nowhere, .rank = 1 };
            p->step_leaf[at] = p->ordinal[i];
            continue;
        }
        p->steps[at] = mdl_rank_of(b, i);
        p->steps[at].child = next;
        s->place[i + 1 - start] = next++;
        s->place[p->right[i] - start] = next++;
    }
}

/* Forks of one tree, behind those of the trees before.  Its tests have columns of their own
 * behind those of the ranks, where right is 1 or more. */
static void put_forks(const struct node *n, uint32_t tree, struct scratch *s,
                      const struct rank_builder *b)
{
    struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    uint32_t leaves = 0, tests = 0, at = p->fork_start[tree];

    for (uint32_t i = start; i < end; i++) {
        s->leaves[i - start] = leaves;
        leaves += (p->flags[i] & NODE_KIND) == NODE_LEAF;
    }
    for (uint32_t i = start; i < end; i++) {
        if ((p->flags[i] & NODE_KIND) == NODE_LEAF)
            continue;
        const struct tree_step step = mdl_trees_is_test(p, i)
            ? (struct tree_step){ .column = (uint16_t)(p->ranks.n_columns + tests++), .rank = 1 }
            : mdl_rank_of(b, i);
        p->forks[at++] = (struct tree_fork){
            .column = step.column,
            .rank = step.rank,
            .left = (uint8_t)s->leaves[i - start],
            .right = (uint8_t)s->leaves[p->right[i] - start],
        };
    }
    p->fork_start[tree + 1] = at;
}

/* Bytes can hold every leaf of every tree. */
static int can_fork(const struct trees_plan *p)
{
    for (uint32_t t = 0; t < p->n_trees; t++)
        if ((p->tree_start[t + 1] - p->tree_start[t]) / 2 + 1 > FORK_LEAVES)
            return 0;
    return 1;
}

/* Registers can look up every rank, and trees are large enough for a top to save steps. */
static int tops_pay(const struct trees_plan *p)
{
    return p->ranks.n_columns <= TOP_COLUMNS && p->n_nodes / TOP_LEAST_NODES >= p->n_trees;
}

static mdl_status lay_out(struct node *n, uint32_t x_type, struct scratch *s,
                          struct rank_builder *b, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    int ranked;
    const mdl_status status = mdl_ranks_begin(b, n, x_type, a, &ranked, err);

    if (status || !ranked)
        return status;
    const int forked = can_fork(p), topped = tops_pay(p);
    p->steps = mdl_arena_take(a, p->n_nodes, sizeof *p->steps);
    p->step_leaf = mdl_arena_take(a, p->n_nodes, sizeof *p->step_leaf);
    p->fork_start = mdl_arena_take(a, (uint64_t)p->n_trees + 1, sizeof *p->fork_start);
    p->forks = forked ? mdl_arena_take(a, p->n_nodes / 2 + 1, sizeof *p->forks) : NULL;
    p->tops = topped ? mdl_arena_take(a, p->n_trees, sizeof *p->tops) : NULL;
    if (!p->steps || !p->step_leaf || !p->fork_start || (forked && !p->forks)
        || (topped && !p->tops))
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        if (!p->general[t])
            put_steps(n, t, s, b);
        if (topped)
            p->depth[t] -= mdl_tree_top(n, t, &p->tops[t], s->taken, s->place, b);
        if (forked)
            put_forks(n, t, s, b);
    }
    if (topped && p->n_general) {
        const mdl_status tabulated = mdl_tests_tabulate(n, a, err);
        if (tabulated)
            return tabulated;
    }
    const uint64_t columns = (uint64_t)p->ranks.n_columns + p->most_tests + p->n_codes;
    const uint64_t one_row = TOP_COLUMNS + columns;
    n->temp_bytes = columns * TREES_TEMP_PER_COLUMN;
    if (n->temp_bytes < one_row)
        n->temp_bytes = one_row;
    return MDL_OK;
}

static uint32_t largest_tree(const struct trees_plan *p)
{
    uint32_t most = 0;

    for (uint32_t t = 0; t < p->n_trees; t++)
        if (p->tree_start[t + 1] - p->tree_start[t] > most)
            most = p->tree_start[t + 1] - p->tree_start[t];
    return most;
}

static mdl_status survey(struct node *n, struct scratch *s, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint32_t most = largest_tree(p);

    s->place = mdl_arena_take(&s->arena, most, sizeof *s->place);
    s->level = mdl_arena_take(&s->arena, most, sizeof *s->level);
    s->leaves = mdl_arena_take(&s->arena, most, sizeof *s->leaves);
    s->taken = mdl_arena_take(&s->arena, most, 1);
    if (!s->place || !s->level || !s->leaves || !s->taken)
        return mdl_arena_fail(&s->arena, err, "tree ensemble");
    p->ordinal = mdl_arena_take(a, p->n_nodes, sizeof *p->ordinal);
    p->first_leaf = mdl_arena_take(a, p->n_trees, sizeof *p->first_leaf);
    p->depth = mdl_arena_take(a, p->n_trees, sizeof *p->depth);
    p->general = mdl_arena_take(a, p->n_trees, sizeof *p->general);
    if (!p->ordinal || !p->first_leaf || !p->depth || !p->general)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const mdl_status status = survey_tree(n, t, s, err);
        if (status)
            return status;
    }
    return MDL_OK;
}

mdl_status mdl_trees_prepare(struct node *n, const struct graph *g, struct arena *a,
                             mdl_error *err)
{
    const uint32_t x_type = node_in(n, g, 0)->type;
    struct trees_plan *p = mdl_arena_take(a, 1, sizeof *p);
    struct scratch s = { .leaf = 0 };
    struct rank_builder b = { .mask = 0 };

    if (!p)
        return mdl_arena_fail(a, err, "tree ensemble");
    n->plan = p;
    mdl_status status = mdl_trees_check(n, node_in(n, g, 0)->cols, p, err);
    if (status)
        return status;
    mdl_arena_init(&s.arena, &a->allocator, a->limit);
    mdl_arena_init(&b.temp, &a->allocator, a->limit);
    status = survey(n, &s, a, err);
    if (!status) status = mdl_tests_prepare(n, node_in(n, g, 0)->cols, &s.arena, a, err);
    if (!status)
        status = lay_out(n, x_type, &s, &b, a, err);
    mdl_arena_free(&b.temp);
    mdl_arena_free(&s.arena);
    return status;
}
