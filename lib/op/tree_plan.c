/*
 * op/tree_plan.c - from the file's nodes to what the kernels run on
 *
 * One pass over the nodes of each tree: who is whose child (each node but the root has
 * one parent, or the file is refused), how deep it lies, which leaf or set it is; then,
 * if the ensemble has ranks, a step for every node, tops and forks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <string.h>

#define TOP_LEAST_NODES 15u       /* of a tree; smaller ones are walked as fast as matched */

/* Working memory for one tree, as large as the largest. */
struct scratch {
    struct arena arena;
    uint32_t *place;              /* [nodes] 1 + position of the node's step, 0: no parent */
    uint32_t *level;              /* [nodes] distance from the root                       */
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

/* Registers can look up every rank, and trees are large enough for a top to save steps. */
static int tops_pay(const struct trees_plan *p)
{
    return p->ranks.n_columns <= TOP_COLUMNS && p->n_nodes / TOP_LEAST_NODES >= p->n_trees;
}

static mdl_status lay_out(struct node *n, const struct value *x, struct scratch *s,
                          struct rank_builder *b, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    int ranked;
    const mdl_status status = mdl_ranks_begin(b, n, x->type, (uint32_t)x->cols, a, &ranked,
                                              err);

    if (status || !ranked)
        return status;
    const int topped = tops_pay(p);
    p->steps = mdl_arena_take(a, p->n_nodes, sizeof *p->steps);
    p->step_leaf = mdl_arena_take(a, p->n_nodes, sizeof *p->step_leaf);
    p->tops = topped ? mdl_arena_take(a, p->n_trees, sizeof *p->tops) : NULL;
    if (!p->steps || !p->step_leaf || (topped && !p->tops))
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        if (!p->general[t])
            put_steps(n, t, s, b);
        if (topped)
            p->depth[t] -= mdl_tree_top(n, t, &p->tops[t], s->taken, s->place, b);
    }
    const mdl_status forked = mdl_trees_fork(n, s->level, b, a, err);
    if (forked)
        return forked;
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
    s->taken = mdl_arena_take(&s->arena, most, 1);
    if (!s->place || !s->level || !s->taken)
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

/* Leaf values times the weights of their trees: rounded as they would be when they are used. */
static mdl_status weigh(struct node *n, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct tensor *value = &n->tensors[TREES_VALUE], *weight = &n->tensors[TREES_WEIGHT];
    const size_t width = (size_t)((const struct trees_params *)n->params)->leaf_width;

    p->value = value->data;
    if (!weight->type)
        return MDL_OK;
    void *weighed = mdl_arena_take(a, value->count, mdl_type_bytes(value->type));
    if (!weighed)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint32_t end = t + 1 < p->n_trees ? p->first_leaf[t + 1] : p->n_leaves;
        for (size_t i = p->first_leaf[t] * width; i < end * width; i++)
            if (value->type == MDL_F32)
                ((float *)weighed)[i] = ((const float *)value->data)[i]
                                      * ((const float *)weight->data)[t];
            else
                ((double *)weighed)[i] = ((const double *)value->data)[i]
                                       * ((const double *)weight->data)[t];
    }
    p->value = weighed;
    return MDL_OK;
}

mdl_status mdl_trees_prepare(struct node *n, const struct graph *g, struct arena *a,
                             mdl_error *err)
{
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
    if (!status) status = weigh(n, a, err);
    if (!status) status = mdl_tests_prepare(n, node_in(n, g, 0)->cols, &s.arena, a, err);
    if (!status)
        status = lay_out(n, node_in(n, g, 0), &s, &b, a, err);
    mdl_arena_free(&b.temp);
    mdl_arena_free(&s.arena);
    return status;
}
