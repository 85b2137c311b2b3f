/*
 * op/tree_plan.c - from the file's nodes to what the kernels run on
 *
 * One pass over the nodes of each tree checks and numbers them (tree_survey.c); then, if the
 * ensemble has ranks, forks for blocks of rows and what one row goes by.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/half.h"
#include "op/tree_deep.h"
#include "op/tree_planes.h"
#include "op/tree_survey.h"

#define LEFT_OVER (16u << 10)     /* of the limit, for what else a model takes                 */
#define WHILE_LOADING 4u           /* times the limit, for what is soon given back */
#define MANY_NODES 16384u         /* what they need meanwhile is worth a page of 2 MB */

/* How one row goes. */
static mdl_status lay_out_row(struct node *n, struct survey *s, const struct rank_builder *b,
                              struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;

    p->quarters = (p->ranks.n_columns + 15) / 16;
    p->n_places = (p->quarters * 16 + TOP_COLUMNS - 1) / TOP_COLUMNS * TOP_COLUMNS;
    if (p->ranks.n_columns > TOP_MOST)
        return MDL_OK;
    if (b->ready)
        return mdl_ready_pieces(n, err);
    mdl_status status = mdl_trees_whole(n, b, s->place, a, err);
    if (!status && !p->levels && !p->heaps)
        status = mdl_trees_cut(n, b, s->sum, &s->temp, a, err);
    if (!status && p->n_general)
        status = mdl_tests_tabulate(n, a, err);
    return status;
}

/* What engines run on, in the order in which it is laid out. */
enum part { FORKS, ROW, PLANES, KEYS };

static mdl_status lay_out_part(struct node *n, enum part part, const struct value *x,
                               struct survey *s, const struct rank_builder *b, struct arena *a,
                               mdl_error *err)
{
    switch (part) {
    case FORKS: return mdl_trees_fork(n, s->level, b, a, err);
    case ROW: return lay_out_row(n, s, b, a, err);
    case PLANES: return mdl_trees_plane(n, b, a, err);
    default: return mdl_trees_deepen(n, x, s, &s->temp, a, err);
    }
}

static void leave_out(struct trees_plan *p, enum part part)
{
    switch (part) {
    case FORKS:
        p->forks = NULL;
        p->even = 0;
        return;
    case ROW:
        p->levels = NULL;
        p->heaps = NULL;
        p->tops = NULL;
        p->tiles = NULL;
        p->code_bits = NULL;
        return;
    case PLANES:
        p->planes = NULL;
        return;
    default:
        p->deep = NULL;
    }
}

/* A part, unless it would go over the memory limit: then there is an engine less. */
static mdl_status try_part(struct node *n, enum part part, const struct value *x, struct survey *s,
                           const struct rank_builder *b, struct arena *a, mdl_error *err)
{
    const struct arena was = *a, temp = s->temp;
    mdl_error own = MDL_ERROR_INIT;

    a->limit -= a->limit < LEFT_OVER ? 0 : LEFT_OVER;
    const mdl_status status = lay_out_part(n, part, x, s, b, a, &own);
    a->limit = was.limit;
    if (status != MDL_ERR_LIMIT) {
        if (status && err)
            mdl_error_copy(err, &own);
        return status;
    }
    mdl_arena_back(a, &was);
    mdl_arena_back(&s->temp, &temp);
    leave_out(n->plan, part);
    return MDL_OK;
}

static mdl_status lay_out(struct node *n, const struct value *x, struct survey *s,
                          struct rank_builder *b, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    int ranked;

    if (b->most_columns > TOP_MOST)
        b->most_columns -= p->most_tests;
    mdl_status status = mdl_ranks_close(b, n, x, a, &ranked, err);

    if (status || !ranked)
        return status;
    status = try_part(n, FORKS, x, s, b, a, err);
    if (!status) status = try_part(n, ROW, x, s, b, a, err);
    if (status)
        return status;
    const uint64_t columns = (uint64_t)p->ranks.n_columns + p->most_tests + p->n_codes;
    p->row_bytes = (p->n_places + p->n_codes + 7) / 8 * 8;
    n->temp_bytes = columns * TREES_TEMP_PER_COLUMN;
    if (n->temp_bytes < p->row_bytes)
        n->temp_bytes = p->row_bytes;
    return try_part(n, PLANES, x, s, b, a, err);
}

/* Leaf values in the type of the sums: those of float16 times their scale. */
static mdl_status widen(const struct node *n, struct arena *temp, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct tensor *scale = &n->tensors[TREES_SCALE];
    const int given = n->tensors[TREES_GIVEN].type != 0;
    struct tensor value = n->tensors[TREES_VALUE];
    const uint64_t count = given ? (uint64_t)p->n_leaves * p->leaf_width : value.count;
    const mdl_status s = n->tensors[TREES_REST].type ? mdl_trees_rest(n, &value, given ? temp : a, err)
                                                     : MDL_OK;

    if (s)
        return s;
    p->value = mdl_trees_spread(n, &value, p->n_leaves, p->leaf_width * mdl_type_bytes(value.type),
                                scale->type ? temp : a);
    if (!p->value && p->n_leaves)
        return mdl_arena_fail(a, err, "tree ensemble");
    if (!scale->type)
        return MDL_OK;
    const uint16_t *half = p->value;
    void *wide = mdl_arena_take_raw(a, count, mdl_type_bytes(scale->type));
    if (!wide)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint64_t i = 0; i < count; i++)
        if (scale->type == MDL_F32)
            ((float *)wide)[i] = half_to_float(half[i]) * *(const float *)scale->data;
        else
            ((double *)wide)[i] = (double)half_to_float(half[i]) * *(const double *)scale->data;
    p->value = wide;
    return MDL_OK;
}

/* Those times the weights of their trees: rounded as they would be when they are used. */
static mdl_status weigh(struct node *n, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct tensor *weight = &n->tensors[TREES_WEIGHT];
    const size_t width = (size_t)((const struct trees_params *)n->params)->leaf_width;
    const void *from = p->value;

    if (!weight->type)               /* always so where leaves share values */
        return MDL_OK;
    void *weighed = mdl_arena_take_raw(a, p->n_leaves * (uint64_t)width,
                                       mdl_type_bytes(mdl_trees_type(n)));
    if (!weighed)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint32_t end = t + 1 < p->n_trees ? p->first_leaf[t + 1] : p->n_leaves;
        for (size_t i = p->first_leaf[t] * width; i < end * width; i++)
            if (mdl_trees_type(n) == MDL_F32)
                ((float *)weighed)[i] = ((const float *)from)[i] * ((const float *)weight->data)[t];
            else
                ((double *)weighed)[i] = ((const double *)from)[i]
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

/* What is taken for sure, or nearly: the numbering, forks and their planes; splits, what they ask,
 * and pieces meanwhile. */
static void expect(const struct trees_plan *p, struct arena *temp, struct arena *a, int ready)
{
    const uint64_t splits = ready ? 0 : p->n_nodes / 2;
    const int few = splits <= (uint64_t)p->n_trees * FORK_LEAVES;

    mdl_arena_expect(a, p->n_nodes / 5 + (few ? 12 * splits : 0) + 32 * (uint64_t)p->n_trees);
    mdl_arena_expect(temp, splits * (few ? 30 : 12) + (p->n_nodes < MANY_NODES ? 0 : 512u << 10));
}

mdl_status mdl_trees_prepare(struct node *n, const struct graph *g, struct arena *a,
                             mdl_error *err)
{
    struct trees_plan *p = mdl_arena_take(a, 1, sizeof *p);
    struct survey s = { .n_splits = 0 };
    struct rank_builder b = { .mask = 0 };

    if (!p)
        return mdl_arena_fail(a, err, "tree ensemble");
    n->plan = p;
    n->takes_f32 = 1;              /* a float is the double that it is: ranks have both */
    mdl_status status = mdl_trees_check(n, node_in(n, g, 0)->cols, p, a, err);
    if (status)
        return status;
    mdl_arena_init(&s.temp, &a->allocator,
                   a->limit < UINT64_MAX / WHILE_LOADING ? a->limit * WHILE_LOADING : UINT64_MAX);
    b.ready = mdl_trees_ready(n) || (g->plain && !p->right_node);   /* no list of splits is asked for */
    expect(p, &s.temp, a, b.ready);
    b.temp = &s.temp;
    status = mdl_trees_survey(n, node_in(n, g, 0)->cols, &s, &b, a, err);
    if (!status) status = mdl_trees_check_leaves(n, node_in(n, g, 0)->cols, p, err);
    if (!status) status = widen(n, &s.temp, a, err);
    if (!status) status = weigh(n, a, err);
    if (!status) status = mdl_trees_share(n, &s.temp, a, err);
    if (!status) status = mdl_tests_prepare(n, node_in(n, g, 0)->cols, &s.temp, a, err);
    if (!status && !g->plain)
        status = lay_out(n, node_in(n, g, 0), &s, &b, a, err);
    if (!status && !g->plain && (b.ready ? n->ready[READY_DEEP].type != 0 : keys_may_pay(p)))
        status = try_part(n, KEYS, node_in(n, g, 0), &s, &b, a, err);
    p->sums_at = (n->temp_bytes + 7) / 8 * 8;
    n->temp_bytes = p->sums_at + sizeof(double) * node_out(n, g, 0)->cols;
    mdl_arena_free(&s.temp);
    return status;
}
