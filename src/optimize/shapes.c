/*
 * optimize/shapes.c - arithmetic of shapes, as far as it is known while other dimensions are not
 *
 * Exporters spell out a shape: Shape -> Gather -> Unsqueeze -> Concat -> Reshape.  Lists all of
 * whose numbers are known become constants (fold.c needs the whole shape of every input), and the
 * list of a reshape that names x's own dimensions, or what they leave over, becomes 0 and -1.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/facts.h"
#include "optimize/passes.h"

#include <string.h>

/* A list of known numbers as a constant. */
static int make_constant(struct flow *f, int32_t value, const struct fact *t)
{
    int64_t list[FACTS_LONGEST];
    int32_t narrow[FACTS_LONGEST];
    const int wide = t->type == MDL_I64;

    if ((!wide && t->type != MDL_I32) || t->n < 0 || t->rank < 0 || mdl_flow_constant(f, value))
        return 0;
    for (int32_t i = 0; i < t->n; i++) {
        if (!size_is_number(&t->numbers[i]))
            return 0;
        list[i] = t->numbers[i].times;
        narrow[i] = (int32_t)list[i];
    }
    const int64_t dims[1] = { t->n };
    const int32_t made = mdl_flow_const(f, t->type, (uint32_t)t->rank, dims,
                                        wide ? (const void *)list : narrow);
    if (made == FLOW_NONE)
        return 0;
    mdl_flow_value_at(f, value)->constant = mdl_flow_value_at(f, made)->constant;
    return 1;
}

/* A reshape whose list is computed, by a constant list instead. */
static int make_list(struct flow *f, const struct facts *w, int32_t node)
{
    const struct flow_node *n = mdl_flow_node_at(f, node);
    int64_t list[MDL_MAX_RANK];

    if (n->in[0] == FLOW_NONE || n->in[1] == FLOW_NONE || mdl_flow_constant(f, n->in[1])
        || !mdl_facts_list(&w->of[n->in[0]], &w->of[n->out[0]], list))
        return 0;
    mdl_facts_make_reshape(f, node, n->in[0], list, w->of[n->out[0]].rank);
    return 1;
}

/* An expand of x to what x is, or by a constant list: x's own dimensions are 1 there. */
static int make_expand(struct flow *f, const struct facts *w, struct flow_node *n, int32_t *instead)
{
    const struct fact *x = n->in[0] == FLOW_NONE ? NULL : &w->of[n->in[0]];
    const struct fact *list = n->in[1] == FLOW_NONE ? NULL : &w->of[n->in[1]];
    int64_t to[FACTS_LONGEST];

    if (!x || !list || x->rank < 0)
        return 0;
    if (mdl_size_same_dims(x, &w->of[n->out[0]])) {
        instead[n->out[0]] = n->in[0];
        return 1;
    }
    if (list->n < 0 || mdl_flow_constant(f, n->in[1]))
        return 0;
    for (int32_t i = 0; i < list->n; i++) {
        const int32_t d = i - list->n + x->rank;
        const int same = d >= 0 && mdl_size_equal(&x->dims[d], &list->numbers[i]);
        if (!same && !size_is_number(&list->numbers[i]))
            return 0;
        to[i] = same ? 1 : list->numbers[i].times;
    }
    n->in[1] = mdl_flow_const_ints(f, to, (uint64_t)list->n);
    return 1;
}

static uint32_t run(struct flow *f)
{
    const uint32_t n_nodes = mdl_flow_n_nodes(f);
    struct facts w;
    uint32_t changed = 0, n_values;

    mdl_facts_find(&w, f);
    int32_t *instead = mdl_facts_instead(&w, &n_values);
    for (uint32_t i = 0; instead && i < n_nodes; i++) {
        struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        if (n->dead || !n->n_out || mdl_flow_constant(f, n->out[0]))
            continue;
        if (make_constant(f, n->out[0], &w.of[n->out[0]]))
            changed++;
        else if (n->n_in < 2)
            continue;             /* the builder says what is wrong */
        else if (!strcmp(n->op, "reshape"))
            changed += (uint32_t)make_list(f, &w, (int32_t)i);
        else if (!strcmp(n->op, "expand"))
            changed += (uint32_t)make_expand(f, &w, n, instead);
    }
    if (changed)
        mdl_flow_replace_all(f, instead, n_values);
    mdl_facts_free(&w);
    return changed;
}

const struct flow_pass mdl_pass_shapes = {
    "shapes", "arithmetic of shapes, where they are known", run
};
