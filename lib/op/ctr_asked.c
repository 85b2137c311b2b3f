/*
 * op/ctr_asked.c - what trees ask of ratios, so that they can be said in a byte
 *
 * Trees see of a number which of their borders it reaches, and whether it is NaN.  So a ratio is
 * one of few: below all borders, not below the first, ..., the last; NaN.  Each of these has a
 * number that stands for all of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

#include "op/tree.h"

#if MDL_OPS_TREE
#include "op/tree_engine.h"       /* mdl_op_trees */

static int is_trees(const struct node *n)
{
    return n->op == &mdl_op_trees;
}
#else
static int is_trees(const struct node *n)
{
    (void)n;
    return 0;
}
#endif

static uint32_t ratios_of(const struct node *n)
{
    return (uint32_t)ctr_records(n, CTR_RATIO, 3);
}

/* Does the node read the ratios in another way than by comparing them?  What is wrong with it is
 * told when its turn comes. */
static int sees_more(const struct node *n)
{
    if (!is_trees(n))
        return 1;
    const uint64_t asked = n->tensors[TREES_FLAGS].count;

    return n->tensors[TREES_LINEAR_CONST].type
        || n->tensors[TREES_FEATURE].count != asked || n->tensors[TREES_THRESHOLD].count != asked;
}

/* What is asked at a place: of which ratio, and from which number on it goes right.  0: of none; -1:
 * it is asked in another way. */
static int question(const struct node *n, uint64_t q, uint64_t before, uint32_t ratios,
                    uint32_t *ratio, float *border)
{
    const struct tensor *t = &n->tensors[TREES_THRESHOLD], *f = &n->tensors[TREES_FEATURE];
    const uint8_t flags = ((const uint8_t *)n->tensors[TREES_FLAGS].data)[q];
    const uint64_t feature = mdl_tree_word((struct tree_words){ f->data,
                                           (uint32_t)mdl_type_bytes(f->type) }, q);

    *ratio = (uint32_t)(feature - before);
    if ((flags & NODE_KIND) == NODE_LEAF || feature < before || feature - before >= ratios)
        return 0;
    *border = (float)mdl_trees_rule_of(n->params, MDL_F32,
                                       t->type == MDL_F32 ? (double)((const float *)t->data)[q]
                                                          : ((const double *)t->data)[q], flags).t;
    return mdl_flags_are_test(flags) ? -1 : 1;
}

/* One more border of a ratio, in order; `n` of them. */
static void insert(float *at, uint32_t *n, float border)
{
    uint32_t low = 0, high = *n;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (at[middle] < border)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < *n && at[low] == border)
        return;
    for (uint32_t i = (*n)++; i > low; i--)
        at[i] = at[i - 1];
    at[low] = border;
}

static void take_node(const struct node *n, uint64_t before, uint32_t ratios, struct ctr_asked *a,
                      int count_only)
{
    for (uint64_t q = 0; q < n->tensors[TREES_FLAGS].count; q++) {
        uint32_t r;
        float border;
        const int kind = question(n, q, before, ratios, &r, &border);

        if (!kind || (border != border && kind > 0))
            continue;
        if (count_only)
            a->first[r + 1] += a->first[r + 1] < CTR_BORDERS + 1;
        else if (kind < 0 || a->n[r] > CTR_BORDERS)
            a->n[r] = CTR_BORDERS + 1;
        else
            insert(a->border + a->first[r], &a->n[r], border);
    }
}

static void take_nodes(const struct node *n, const struct graph *g, struct ctr_asked *a,
                       int count_only)
{
    const uint64_t before = ctr_records(n, CTR_NUMBER, 1) + ctr_records(n, CTR_EQUAL, 2);
    const struct value *y = &g->values[n->out[0]];

    for (uint32_t i = y->first_reader; i < y->end_readers; i++)
        if (g->nodes[i].n_in && g->nodes[i].in[0] == n->out[0])
            take_node(&g->nodes[i], before, ratios_of(n), a, count_only);
}

static int is_seen(const struct node *n, const struct graph *g)
{
    const struct value *y = &g->values[n->out[0]];
    int seen = y->shown;

    for (uint32_t i = y->first_reader; i < y->end_readers; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++)
            if (g->nodes[i].in[k] == n->out[0])
                seen |= sees_more(&g->nodes[i]);
    return seen;
}

mdl_status mdl_ctr_asked(const struct node *n, const struct graph *g, struct ctr_asked *to,
                         struct arena *temp, mdl_error *err)
{
    const uint32_t ratios = ratios_of(n);

    *to = (struct ctr_asked){ .n = NULL };
    if (is_seen(n, g))
        return MDL_OK;
    to->first = mdl_arena_take(temp, ratios + 1ull, sizeof *to->first);
    to->n = mdl_arena_take(temp, ratios, sizeof *to->n);
    if (!to->first || !to->n)
        return mdl_arena_fail(temp, err, "ctr");
    take_nodes(n, g, to, 1);
    for (uint32_t i = 0; i < ratios; i++)
        to->first[i + 1] += to->first[i];
    to->border = mdl_arena_take_raw(temp, to->first[ratios], sizeof *to->border);
    if (!to->border)
        return mdl_arena_fail(temp, err, "ctr");
    take_nodes(n, g, to, 0);
    return MDL_OK;
}
