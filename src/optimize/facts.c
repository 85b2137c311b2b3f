/*
 * optimize/facts.c - sizes, lists for reshape, and the walk over all nodes; see facts.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/facts.h"
#include "optimize/facts_rules.h"

#include <string.h>

#define AT(vec, type, i) ((type *)(void *)(vec).data + (i))
#define COUNT(vec, type) ((uint32_t)((vec).bytes / sizeof(type)))

/* ---- sizes ----------------------------------------------------------------------------------- */

int mdl_size_equal(const struct size *a, const struct size *b)
{
    return a->of[0] >= 0 && a->times == b->times && !memcmp(a->of, b->of, sizeof a->of);
}

int mdl_size_times(struct size *to, const struct size *a, const struct size *b)
{
    struct size r = { 0, { 0 } };
    uint64_t times;
    int at = SIZE_FACTORS, i = SIZE_FACTORS, k = SIZE_FACTORS;

    if (a->of[0] < 0 || b->of[0] < 0)
        return 0;
    if (size_is(a, 0) || size_is(b, 0)) {
        *to = r;
        return 1;
    }
    if (a->times < 0 || b->times < 0 || !size_mul((uint64_t)a->times, (uint64_t)b->times, &times)
        || times > INT64_MAX)
        return 0;
    r.times = (int64_t)times;
    for (;;) {
        const int32_t from_a = i ? a->of[i - 1] : 0, from_b = k ? b->of[k - 1] : 0;
        if (!from_a && !from_b)
            break;
        if (!at)
            return 0;
        r.of[--at] = from_a > from_b ? from_a : from_b;
        if (from_a > from_b) i--;
        else k--;
    }
    *to = r;
    return 1;
}

int mdl_size_same_dims(const struct fact *a, const struct fact *b)
{
    if (a->rank < 0 || a->rank != b->rank)
        return 0;
    for (int32_t i = 0; i < a->rank; i++)
        if (!mdl_size_equal(&a->dims[i], &b->dims[i]))
            return 0;
    return 1;
}

/* ---- lists for reshape ----------------------------------------------------------------------- */

int mdl_facts_list(const struct fact *x, const struct fact *want, int64_t *list)
{
    struct size have = size_number(1), rest = size_number(1);
    int32_t open = -1;

    if (x->rank < 0 || want->rank < 0)
        return 0;
    for (int32_t i = 0; i < want->rank; i++) {
        const struct size *w = &want->dims[i];
        const int same = i < x->rank && mdl_size_equal(w, &x->dims[i]);
        if (size_is_number(w) && w->times > 0)
            list[i] = w->times;
        else if (same)
            list[i] = 0;
        else if (open < 0 && !size_is_number(w))
            list[open = i] = -1;
        else
            return 0;
    }
    if (open < 0)
        return 1;
    /* What is left for it must be it in every call: the numbers aside, x has it elsewhere. */
    for (int32_t i = 0; i < x->rank; i++)
        if ((i >= want->rank || list[i]) && !mdl_size_times(&have, &have, &x->dims[i]))
            return 0;
    for (int32_t i = 0; i < want->rank; i++)
        if (list[i] && !mdl_size_times(&rest, &rest, &want->dims[i]))
            return 0;
    return mdl_size_equal(&have, &rest);
}

void mdl_facts_make_reshape(struct flow *f, int32_t node, int32_t x, const int64_t *list,
                            int32_t rank)
{
    const int32_t shape = mdl_flow_const_ints(f, list, (uint64_t)rank);
    struct flow_node *n = mdl_flow_node_at(f, node);
    int32_t *in = mdl_arena_take(&f->arena, 2, sizeof *in);

    if (!in || shape == FLOW_NONE)
        return;
    in[0] = x;
    in[1] = shape;
    n->op = "reshape";
    n->in = in;
    n->n_in = 2;
    n->params.bytes = n->weights.bytes = 0;
}

/* ---- looking at nodes ------------------------------------------------------------------------ */

static const struct flow_param *param_of(const struct flow_node *n, const char *name)
{
    for (uint32_t i = 0; i < COUNT(n->params, struct flow_param); i++)
        if (!strcmp(AT(n->params, struct flow_param, i)->name, name))
            return AT(n->params, struct flow_param, i);
    return NULL;
}

int64_t mdl_flow_get_int(const struct flow_node *n, const char *param, int64_t fallback)
{
    const struct flow_param *p = param_of(n, param);

    return p ? p->i : fallback;
}

const char *mdl_flow_get_choice(const struct flow_node *n, const char *param, const char *fallback)
{
    const struct flow_param *p = param_of(n, param);

    return p && p->choice ? p->choice : fallback;
}

const int64_t *mdl_flow_get_ints(const struct flow_node *n, const char *slot, uint64_t *count)
{
    for (uint32_t i = 0; i < COUNT(n->weights, struct flow_weights); i++) {
        const struct flow_weights *w = AT(n->weights, struct flow_weights, i);
        if (strcmp(w->slot, slot) != 0 || w->tensor.type != MDL_I64)
            continue;
        *count = w->tensor.count;
        return w->tensor.data;
    }
    return NULL;
}

/* The end of the way, which is made shorter for those who come after. */
static int32_t last_of(int32_t *instead, uint32_t n, int32_t v)
{
    int32_t last = v;

    while (last != FLOW_NONE && (uint32_t)last < n && instead[last] != last)
        last = instead[last];
    while (v != last) {
        const int32_t next = instead[v];
        instead[v] = last;
        v = next;
    }
    return last;
}

void mdl_flow_replace_all(struct flow *f, int32_t *instead, uint32_t n_instead)
{
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++) {
        struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        n->dead |= n->n_out == 1 && (uint32_t)n->out[0] < n_instead && instead[n->out[0]] != n->out[0];
        for (uint32_t k = 0; k < n->n_in; k++)
            n->in[k] = last_of(instead, n_instead, n->in[k]);
    }
    for (uint32_t i = 0; i < COUNT(f->outputs, struct flow_output); i++) {
        struct flow_output *out = AT(f->outputs, struct flow_output, i);
        out->value = last_of(instead, n_instead, out->value);
    }
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void know_constant(struct facts *w, struct fact *to, const struct flow_tensor *t)
{
    struct size dims[MDL_MAX_RANK], numbers[FACTS_LONGEST];
    const int is_list = t->rank < 2 && t->count <= FACTS_LONGEST;

    to->type = t->type;
    for (uint32_t i = 0; i < t->rank; i++)
        dims[i] = size_number(t->dims[i]);
    mdl_facts_shape(w, to, (int32_t)t->rank, dims);
    if (!is_list || (t->type != MDL_I64 && t->type != MDL_I32))
        return;
    for (uint64_t i = 0; i < t->count; i++)
        numbers[i] = size_number(t->type == MDL_I64 ? ((const int64_t *)t->data)[i]
                                                    : ((const int32_t *)t->data)[i]);
    mdl_facts_numbers(w, to, (int32_t)t->count, numbers);
}

static void know_input(struct facts *w, const struct flow_input *in)
{
    struct size dims[MDL_MAX_RANK];

    w->of[in->value].type = in->type;
    if (in->rank == MDL_ANY_RANK)
        return;
    for (uint32_t i = 0; i < in->rank; i++)
        dims[i] = in->dims[i] >= 0 ? size_number(in->dims[i]) : size_factor(in->value, i);
    mdl_facts_shape(w, &w->of[in->value], (int32_t)in->rank, dims);
}

void mdl_facts_find(struct facts *w, struct flow *f)
{
    const uint32_t n_values = mdl_flow_n_values(f);

    w->f = f;
    mdl_arena_init(&w->arena, &f->allocator, UINT64_MAX);
    w->of = n_values < INT32_MAX / MDL_MAX_RANK ? mdl_arena_take(&w->arena, n_values, sizeof *w->of)
                                                : NULL;
    if (!w->of)
        return;
    for (uint32_t v = 0; v < n_values; v++) {
        const struct flow_tensor *t = mdl_flow_constant(f, (int32_t)v);
        w->of[v].rank = w->of[v].n = -1;
        if (t)
            know_constant(w, &w->of[v], t);
    }
    for (uint32_t i = 0; i < COUNT(f->inputs, struct flow_input); i++)
        know_input(w, AT(f->inputs, struct flow_input, i));
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++)
        if (!mdl_flow_node_at(f, (int32_t)i)->dead)
            mdl_facts_rule(w, mdl_flow_node_at(f, (int32_t)i));
}

int32_t *mdl_facts_instead(struct facts *w, uint32_t *n)
{
    int32_t *instead = w->of ? mdl_arena_take(&w->arena, mdl_flow_n_values(w->f), sizeof *instead)
                             : NULL;

    *n = instead ? mdl_flow_n_values(w->f) : 0;
    for (uint32_t v = 0; v < *n; v++)
        instead[v] = (int32_t)v;
    return instead;
}

void mdl_facts_free(struct facts *w)
{
    mdl_arena_free(&w->arena);
}
