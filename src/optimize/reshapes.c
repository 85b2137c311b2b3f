/*
 * optimize/reshapes.c - the same elements in another shape, and in another: one step
 *
 * Chains of reshape, flatten, squeeze and unsqueeze.  A shape that x has already is x; of a chain
 * the last step alone is left, where a list says its shape whatever the call brings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/facts.h"
#include "optimize/passes.h"

#include <string.h>

#define MOST_STEPS 64u            /* of a chain at once: long ones shrink round by round */

static int is_view(const struct flow_node *n)
{
    return !n->dead && n->n_out && n->n_in && n->in[0] != FLOW_NONE
        && (!strcmp(n->op, "reshape") || !strcmp(n->op, "flatten") || !strcmp(n->op, "squeeze")
            || !strcmp(n->op, "unsqueeze"));
}

/* The step that makes a value; NULL for others. */
static const struct flow_node *view_before(const struct flow *f, int32_t value)
{
    const int32_t node = mdl_flow_value_at(f, value)->node;

    return node != FLOW_NONE && !mdl_flow_constant(f, value) && is_view(mdl_flow_node_at(f, node))
         ? mdl_flow_node_at(f, node) : NULL;
}

/* Does a reshape say its shape by numbers alone, and -1? */
static int says_all(const struct flow *f, const struct flow_node *n)
{
    const struct flow_tensor *list = strcmp(n->op, "reshape") != 0 || n->n_in < 2
                                   ? NULL : mdl_flow_constant(f, n->in[1]);

    if (!list || list->type != MDL_I64)
        return 0;
    for (uint64_t i = 0; i < list->count; i++)
        if (!((const int64_t *)list->data)[i])
            return 0;
    return 1;
}

static uint32_t run_one(struct flow *f, const struct facts *w, int32_t node, int32_t *instead)
{
    const struct flow_node *n = mdl_flow_node_at(f, node);
    const struct fact *want = &w->of[n->out[0]];
    int64_t list[MDL_MAX_RANK];
    int32_t x = n->in[0];
    uint32_t steps = 1;

    for (const struct flow_node *b; steps < MOST_STEPS && (b = view_before(f, x)); steps++)
        x = b->in[0];
    for (int32_t v = n->in[0]; ; v = view_before(f, v)->in[0]) {
        if (mdl_size_same_dims(want, &w->of[v])) {
            instead[n->out[0]] = v;
            return 1;
        }
        if (v == x)
            break;
    }
    if (steps == 1)
        return 0;
    if (mdl_facts_list(&w->of[x], want, list)) {
        mdl_facts_make_reshape(f, node, x, list, want->rank);
        return 1;
    }
    if (!says_all(f, n))
        return 0;
    n->in[0] = x;
    return 1;
}

static uint32_t run(struct flow *f)
{
    struct facts w;
    uint32_t changed = 0, n_values;

    mdl_facts_find(&w, f);
    int32_t *instead = mdl_facts_instead(&w, &n_values);
    for (uint32_t i = 0; instead && i < mdl_flow_n_nodes(f); i++)
        if (is_view(mdl_flow_node_at(f, (int32_t)i)))
            changed += run_one(f, &w, (int32_t)i, instead);
    if (changed)
        mdl_flow_replace_all(f, instead, n_values);
    mdl_facts_free(&w);
    return changed;
}

const struct flow_pass mdl_pass_reshapes = {
    "reshapes", "the same elements in one shape after another: one step", run
};
