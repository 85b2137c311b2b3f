/*
 * op/tree_plan.c - from the file's nodes to what the kernels run on
 *
 * One pass over the nodes of each tree: who is whose child (each node but the root has
 * one parent, or the file is refused), how deep it lies, which leaf or set it is; then,
 * if the ensemble has ranks, forks for blocks of rows and what one row goes by.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_deep.h"
#include "op/tree_planes.h"

#include <string.h>

#define FEW_TREES 32u

/* Working memory for one tree, as large as the largest. */
struct scratch {
    struct arena arena;
    uint32_t *place;              /* [nodes] 1 + position of the node's step, 0: no parent */
    uint32_t *level;              /* [nodes] distance from the root                       */
    uint32_t leaf, set;           /* counted over the ensemble                            */
};

static mdl_status bad_parent(const struct node *n, uint32_t i, const char *what, mdl_error *err)
{
    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_RIGHT].offset + 4ull * i,
                       "node %u %s", i, what);
}

/* Nodes that a row passes in a tree: by the training weights, else as if half went each way. */
static double path_of(const struct node *n, uint32_t tree, const uint32_t *level)
{
    const struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    const double *cover = n->tensors[TREES_COVER].type ? n->tensors[TREES_COVER].data : NULL;
    double sum = 0;

    for (uint32_t i = start; i < end; i++)
        if ((p->flags[i] & NODE_KIND) != NODE_LEAF) {
            const uint32_t l = level[i - start];
            sum += cover && cover[start] > 0 ? cover[i] / cover[start]
                                             : l < 60 ? 1.0 / (double)((uint64_t)1 << l) : 0;
        }
    return sum;
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
    p->path += path_of(n, tree, s->level) / p->n_trees;
    p->n_general += p->general[tree];
    return MDL_OK;
}

/* How one row goes. */
static mdl_status lay_out_row(struct node *n, struct scratch *s, const struct rank_builder *b,
                              struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;

    p->quarters = (p->ranks.n_columns + 15) / 16;
    p->n_places = (p->quarters * 16 + TOP_COLUMNS - 1) / TOP_COLUMNS * TOP_COLUMNS;
    if (p->ranks.n_columns > TOP_MOST)
        return MDL_OK;
    mdl_status status = mdl_trees_whole(n, b, s->place, a, err);
    if (!status && !p->levels && !p->heaps)
        status = mdl_trees_cut(n, b, s->place, &s->arena, a, err);
    if (!status && p->n_general)
        status = mdl_tests_tabulate(n, a, err);
    return status;
}

static uint32_t largest_tree(const struct trees_plan *p)
{
    uint32_t most = 0;

    for (uint32_t t = 0; t < p->n_trees; t++)
        if (p->tree_start[t + 1] - p->tree_start[t] > most)
            most = p->tree_start[t + 1] - p->tree_start[t];
    return most;
}

static mdl_status lay_out(struct node *n, const struct value *x, struct scratch *s,
                          struct rank_builder *b, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    int ranked;

    /* Without forks only a row that can be matched needs ranks. */
    b->most_columns = largest_tree(p) / 2 + 1 <= FORK_LEAVES ? UINT16_MAX - p->most_tests
                                                             : TOP_MOST;
    const mdl_status status = mdl_ranks_begin(b, n, x->type, (uint32_t)x->cols, a, &ranked,
                                              err);

    if (status || !ranked)
        return status;
    const mdl_status forked = mdl_trees_fork(n, s->level, b, a, err);
    if (forked)
        return forked;
    const mdl_status laid = lay_out_row(n, s, b, a, err);
    if (laid)
        return laid;
    const uint64_t columns = (uint64_t)p->ranks.n_columns + p->most_tests + p->n_codes;
    const uint64_t one_row = (uint64_t)p->n_places + p->n_codes;
    n->temp_bytes = columns * TREES_TEMP_PER_COLUMN;
    if (n->temp_bytes < one_row)
        n->temp_bytes = one_row;
    return mdl_trees_plane(n, a, err);
}

static mdl_status survey(struct node *n, struct scratch *s, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint32_t most = largest_tree(p);

    s->place = mdl_arena_take(&s->arena, most, sizeof *s->place);
    s->level = mdl_arena_take(&s->arena, most, sizeof *s->level);
    if (!s->place || !s->level)
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

/* Where ranks cannot serve a row, or trees are few or have sets: see the costs in tree_engine.c. */
static int keys_may_pay(const struct trees_plan *p)
{
    return !mdl_trees_match(p) || p->n_trees <= FEW_TREES || (p->n_general && !p->forks);
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
    n->takes_f32 = 1;              /* a float is the double that it is: ranks have both */
    mdl_status status = mdl_trees_check(n, node_in(n, g, 0)->cols, p, err);
    if (status)
        return status;
    mdl_arena_init(&s.arena, &a->allocator, a->limit);
    mdl_arena_init(&b.temp, &a->allocator, a->limit);
    status = survey(n, &s, a, err);
    if (!status) status = weigh(n, a, err);
    if (!status) status = mdl_trees_share(n, &s.arena, a, err);
    if (!status) status = mdl_tests_prepare(n, node_in(n, g, 0)->cols, &s.arena, a, err);
    if (!status)
        status = lay_out(n, node_in(n, g, 0), &s, &b, a, err);
    if (!status && keys_may_pay(p))
        status = mdl_trees_deepen(n, node_in(n, g, 0), s.place, s.level, &s.arena, a, err);
    mdl_arena_free(&b.temp);
    mdl_arena_free(&s.arena);
    return status;
}
