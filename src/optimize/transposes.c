/*
 * optimize/transposes.c - transpositions that change nothing, or that one can do instead of two
 *
 * One that moves dimensions of one element alone moves no element: it is a reshape.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/facts.h"
#include "optimize/passes.h"

#include <string.h>

static int is_transpose(const struct flow_node *n)
{
    return !n->dead && !strcmp(n->op, "transpose") && n->n_out && n->n_in
        && n->in[0] != FLOW_NONE;
}

/* perm of a node, its default written out when the rank is known; the rank, or -1. */
static int32_t perm_of(const struct facts *w, const struct flow_node *n, int64_t *perm)
{
    const int32_t rank = w->of[n->in[0]].rank;
    uint64_t count = 0;
    const int64_t *given = mdl_flow_get_ints(n, "perm", &count);

    if (given ? count > MDL_MAX_RANK || (rank >= 0 && count != (uint64_t)rank) : rank < 0)
        return -1;
    const int32_t n_perm = given ? (int32_t)count : rank;
    uint32_t seen = 0;
    for (int32_t i = 0; i < n_perm; i++) {
        perm[i] = given ? given[i] : n_perm - 1 - i;
        if (perm[i] < 0 || perm[i] >= n_perm)
            return -1;
        seen |= 1u << perm[i];
    }
    return seen == (1u << n_perm) - 1 ? n_perm : -1;
}

static int is_identity(const int64_t *perm, int32_t rank)
{
    for (int32_t i = 0; i < rank; i++)
        if (perm[i] != i)
            return 0;
    return 1;
}

/* Do dimensions of more than one element keep their order? */
static int moves_nothing(const struct fact *x, const int64_t *perm, int32_t rank)
{
    int64_t last = -1;

    for (int32_t i = 0; x->rank == rank && i < rank; i++) {
        if (size_is(&x->dims[perm[i]], 1))
            continue;
        if (perm[i] < last)
            return 0;
        last = perm[i];
    }
    return x->rank == rank;
}

/* The transposition before, if there is one, becomes part of this one. */
static int merge(struct flow *f, const struct facts *w, int32_t at, int64_t *perm, int32_t rank)
{
    struct flow_node *n = mdl_flow_node_at(f, at);
    const int32_t node = mdl_flow_value_at(f, n->in[0])->node;
    const struct flow_node *before = node == FLOW_NONE ? NULL : mdl_flow_node_at(f, node);
    int64_t first[MDL_MAX_RANK];

    if (!before || !is_transpose(before) || mdl_flow_constant(f, n->in[0])
        || perm_of(w, before, first) != rank)
        return 0;
    for (int32_t i = 0; i < rank; i++)
        perm[i] = first[perm[i]];
    n->in[0] = before->in[0];
    n->weights.bytes = 0;
    mdl_flow_ints(f, at, "perm", perm, (uint64_t)rank);
    return 1;
}

static uint32_t run_one(struct flow *f, const struct facts *w, int32_t node, int32_t *instead)
{
    struct flow_node *n = mdl_flow_node_at(f, node);
    int64_t perm[MDL_MAX_RANK], list[MDL_MAX_RANK];
    const int32_t rank = perm_of(w, n, perm);

    if (rank < 0)
        return 0;
    const int merged = merge(f, w, node, perm, rank);
    const struct fact *x = &w->of[n->in[0]], *y = &w->of[n->out[0]];
    if (is_identity(perm, rank)) {
        instead[n->out[0]] = n->in[0];
        return 1;
    }
    if (moves_nothing(x, perm, rank) && mdl_facts_list(x, y, list)) {
        mdl_facts_make_reshape(f, node, n->in[0], list, y->rank);
        return 1;
    }
    return (uint32_t)merged;
}

static uint32_t run(struct flow *f)
{
    struct facts w;
    uint32_t changed = 0, n_values;

    mdl_facts_find(&w, f);
    int32_t *instead = mdl_facts_instead(&w, &n_values);
    for (uint32_t i = 0; instead && i < mdl_flow_n_nodes(f); i++)
        if (is_transpose(mdl_flow_node_at(f, (int32_t)i)))
            changed += run_one(f, &w, (int32_t)i, instead);
    if (changed)
        mdl_flow_replace_all(f, instead, n_values);
    mdl_facts_free(&w);
    return changed;
}

const struct flow_pass mdl_pass_transposes = {
    "transposes", "transpositions that change nothing, or that one can do for two", run
};
