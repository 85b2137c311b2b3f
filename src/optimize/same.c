/*
 * optimize/same.c - nodes that compute the same are one
 *
 * Two nodes are the same when operator, parameters, weights and inputs are, in one scope or
 * the first one in a scope around.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/passes.h"

#include <string.h>

#define AT(vec, type, i) ((type *)(void *)(vec).data + (i))
#define COUNT(vec, type) ((uint32_t)((vec).bytes / sizeof(type)))

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001B3u;
    return h;
}

static uint64_t hash(const struct flow_node *n)
{
    uint64_t h = mix(0xCBF29CE484222325u, n->op, strlen(n->op));

    h = mix(h, n->in, n->n_in * sizeof *n->in);
    h = mix(h, &n->n_out, sizeof n->n_out);
    return h ^ h >> 29;
}

static size_t element_bytes(uint32_t type)
{
    return type == MDL_STRING ? 0 : mdl_type_bytes(type);
}

static int same_tensor(const struct flow_tensor *a, const struct flow_tensor *b)
{
    return a->type == b->type && a->type != MDL_STRING && a->rank == b->rank
        && a->count == b->count && !memcmp(a->dims, b->dims, sizeof a->dims)
        && (!a->count || !memcmp(a->data, b->data, (size_t)a->count * element_bytes(a->type)));
}

static int same_params(const struct flow_node *a, const struct flow_node *b)
{
    const uint32_t n = COUNT(a->params, struct flow_param);
    const uint32_t n_weights = COUNT(a->weights, struct flow_weights);

    if (n != COUNT(b->params, struct flow_param)
        || n_weights != COUNT(b->weights, struct flow_weights))
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct flow_param *p = AT(a->params, struct flow_param, i);
        const struct flow_param *q = AT(b->params, struct flow_param, i);
        if (strcmp(p->name, q->name) || p->i != q->i || p->is_float != q->is_float
            || memcmp(&p->f, &q->f, sizeof p->f) || !p->choice != !q->choice
            || (p->choice && strcmp(p->choice, q->choice)))
            return 0;
    }
    for (uint32_t i = 0; i < n_weights; i++) {
        const struct flow_weights *p = AT(a->weights, struct flow_weights, i);
        const struct flow_weights *q = AT(b->weights, struct flow_weights, i);
        if (strcmp(p->slot, q->slot) || !same_tensor(&p->tensor, &q->tensor))
            return 0;
    }
    return 1;
}

static int same_node(const struct flow_node *a, const struct flow_node *b)
{
    return !strcmp(a->op, b->op) && a->n_in == b->n_in && a->n_out == b->n_out
        && !memcmp(a->in, b->in, a->n_in * sizeof *a->in) && same_params(a, b);
}

/* Is scope `in` the same as `scope`, or within it? */
static int within(const struct flow *f, int32_t in, int32_t scope)
{
    while (in > scope)
        in = AT(f->regions, struct flow_region, in)->parent;
    return in == scope;
}

static int may_merge(const struct flow_node *n)
{
    mdl_op_info info = { .size = sizeof info };

    if (n->dead || n->bodies[0] || n->bodies[1] || !strcmp(n->op, "loop_state")
        || !strcmp(n->op, "scan_state"))
        return 0;
    for (size_t i = 0; !mdl_op(i, &info); i++)
        if (!strcmp(info.name, n->op))
            return !(info.flags & MDL_OP_RANDOM) && info.flags & MDL_OP_TENSOR;
    return 0;
}

static uint32_t run(struct flow *f)
{
    const uint32_t n_nodes = mdl_flow_n_nodes(f);
    uint32_t size = 64, changed = 0;

    while (size < 2 * n_nodes)
        size *= 2;
    uint32_t *table = mdl_arena_take(&f->arena, size, sizeof *table);
    int32_t *instead = mdl_arena_take(&f->arena, mdl_flow_n_values(f), sizeof *instead);
    if (!table || !instead)
        return 0;
    for (uint32_t v = 0; v < mdl_flow_n_values(f); v++)
        instead[v] = (int32_t)v;
    for (uint32_t i = 0; i < n_nodes; i++) {
        struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        for (uint32_t k = 0; k < n->n_in; k++)
            if (n->in[k] != FLOW_NONE)
                n->in[k] = instead[n->in[k]];
        if (!may_merge(n))
            continue;
        uint32_t at = (uint32_t)hash(n) & (size - 1);
        for (; table[at]; at = (at + 1) & (size - 1)) {
            const struct flow_node *first = mdl_flow_node_at(f, (int32_t)table[at] - 1);
            if (!same_node(first, n) || !within(f, n->region, first->region))
                continue;
            for (uint32_t k = 0; k < n->n_out; k++)
                instead[n->out[k]] = first->out[k];
            n->dead = 1;
            changed++;
            break;
        }
        if (!table[at])
            table[at] = i + 1;
    }
    for (uint32_t i = 0; i < COUNT(f->outputs, struct flow_output); i++) {
        struct flow_output *out = AT(f->outputs, struct flow_output, i);
        if (out->value != FLOW_NONE)
            out->value = instead[out->value];
    }
    return changed;
}

const struct flow_pass mdl_pass_same = { "same", "nodes that compute the same are one", run };
