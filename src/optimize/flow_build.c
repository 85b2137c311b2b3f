/*
 * optimize/flow_build.c - a flow into a builder
 *
 * Constants come first, so that bodies may read them wherever they are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/flow.h"

#include <string.h>

#define AT(vec, type, i) ((type *)(void *)(vec).data + (i))
#define COUNT(vec, type) ((uint32_t)((vec).bytes / sizeof(type)))

struct maker {
    struct flow *f;
    mdl_builder *b;
    int32_t *made;                /* [values] of the builder, MDL_NONE: not made         */
    int32_t  n_made;              /* nodes of the builder so far                         */
};

/* ---- constants ------------------------------------------------------------------------------- */

/* Texts one after another, each with its zero. */
static void make_texts(struct maker *m, const struct flow_tensor *t, int32_t *value)
{
    const char *const *all = t->data;
    uint64_t bytes = 0;

    for (uint64_t i = 0; i < t->count; i++)
        bytes += strlen(all[i]) + 1;
    char *text = mdl_arena_take(&m->f->arena, bytes, 1), *to = text;
    if (!text) {
        mdl_builder_fail(m->b, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    for (uint64_t i = 0; i < t->count; i++) {
        const size_t n = strlen(all[i]) + 1;
        memcpy(to, all[i], n);
        to += n;
    }
    const int32_t node = mdl_build_node(m->b, "texts", "", NULL, 0);
    mdl_build_weights(m->b, node, "text", MDL_U8, 1, (const int64_t[1]){ (int64_t)bytes }, text);
    mdl_build_weights(m->b, node, "dims", MDL_I64, 1, (const int64_t[1]){ t->rank }, t->dims);
    *value = mdl_build_result(m->b, node, 0);
    m->n_made++;
}

static void need_constant(struct maker *m, int32_t value)
{
    const struct flow_tensor *t = mdl_flow_constant(m->f, value);

    if (!t || m->made[value] != MDL_NONE)
        return;
    if (t->type == MDL_STRING) {
        make_texts(m, t, &m->made[value]);
        return;
    }
    const int32_t node = mdl_build_node(m->b, "constant", mdl_flow_value_at(m->f, value)->name, NULL, 0);
    mdl_build_weights(m->b, node, "value", t->type, t->rank, t->dims, t->data);
    m->made[value] = mdl_build_result(m->b, node, 0);
    m->n_made++;
}

static void make_constants(struct maker *m)
{
    for (uint32_t i = 0; i < mdl_flow_n_nodes(m->f); i++) {
        const struct flow_node *n = mdl_flow_node_at(m->f, (int32_t)i);
        for (uint32_t k = 0; !n->dead && k < n->n_in; k++)
            need_constant(m, n->in[k]);
    }
    for (uint32_t i = 0; i < COUNT(m->f->outputs, struct flow_output); i++)
        need_constant(m, AT(m->f->outputs, struct flow_output, i)->value);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static int is_half(uint32_t type)
{
    return type == MDL_F16 || type == MDL_BF16;
}

static int32_t convert(struct maker *m, int32_t value, uint32_t type)
{
    const int32_t node = mdl_build_node(m->b, "convert", "", &value, 1);

    mdl_build_choice(m->b, node, "to", type == MDL_F32 ? "float32"
                     : type == MDL_F16 ? "float16" : "bfloat16");
    m->n_made++;
    return mdl_build_result(m->b, node, 0);
}

static uint32_t op_flags(const char *name)
{
    mdl_op_info info = { .size = sizeof info };

    for (size_t i = 0; !mdl_op(i, &info); i++)
        if (!strcmp(info.name, name))
            return info.flags;
    return 0;
}

static void put_params(struct maker *m, const struct flow_node *n, int32_t node)
{
    for (uint32_t i = 0; i < COUNT(n->params, struct flow_param); i++) {
        const struct flow_param *p = AT(n->params, struct flow_param, i);
        if (p->choice)
            mdl_build_choice(m->b, node, p->name, p->choice);
        else if (p->is_float)
            mdl_build_float(m->b, node, p->name, p->f);
        else
            mdl_build_int(m->b, node, p->name, p->i);
    }
    for (uint32_t i = 0; i < COUNT(n->weights, struct flow_weights); i++) {
        const struct flow_weights *w = AT(n->weights, struct flow_weights, i);
        mdl_build_weights(m->b, node, w->slot, w->tensor.type, w->tensor.rank, w->tensor.dims,
                          w->tensor.data);
    }
}

/* How many nodes the builder got for each body; the bodies stand right before this one. */
static void put_bodies(struct maker *m, const struct flow_node *n, int32_t node)
{
    int32_t end = m->n_made, counts[2] = { 0, 0 };

    for (int k = 1; k >= 0; k--) {
        const int32_t first = n->bodies[k] ? AT(m->f->regions, struct flow_region,
                                                n->bodies[k])->first : -1;
        if (first < 0)
            continue;
        counts[k] = end - first;
        end = first;
    }
    if (!strcmp(n->op, "if")) {
        mdl_build_int(m->b, node, "then_nodes", counts[0]);
        mdl_build_int(m->b, node, "else_nodes", counts[1]);
    } else {
        mdl_build_int(m->b, node, "body_nodes", counts[0]);
    }
}

static void begin_regions(struct maker *m, int32_t region)
{
    for (; region > 0; region = AT(m->f->regions, struct flow_region, region)->parent)
        if (AT(m->f->regions, struct flow_region, region)->first < 0)
            AT(m->f->regions, struct flow_region, region)->first = m->n_made;
}

/* Inputs of a node that takes no half precision as float32; the type they had, 0 if none. */
static uint32_t widen_inputs(struct maker *m, int32_t *in, uint32_t n)
{
    uint32_t half = 0;

    for (uint32_t k = 0; k < n; k++) {
        const uint32_t type = in[k] == MDL_NONE ? 0 : mdl_build_type(m->b, in[k]);
        if (!is_half(type))
            continue;
        half = half ? half : type;
        in[k] = convert(m, in[k], MDL_F32);
    }
    return half;
}

/* Results of float32 back in half precision. */
static void narrow_results(struct maker *m, const struct flow_node *n, uint32_t half)
{
    for (uint32_t k = 0; k < n->n_out; k++)
        if (mdl_build_type(m->b, m->made[n->out[k]]) == MDL_F32)
            m->made[n->out[k]] = convert(m, m->made[n->out[k]], half);
}

static void make_node(struct maker *m, const struct flow_node *n)
{
    const uint32_t flags = op_flags(n->op);
    int32_t *in = mdl_arena_take(&m->f->arena, n->n_in, sizeof *in);

    if (!in) {
        mdl_builder_fail(m->b, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    for (uint32_t k = 0; k < n->n_in; k++)
        in[k] = n->in[k] == FLOW_NONE ? MDL_NONE : m->made[n->in[k]];
    begin_regions(m, n->region);
    const uint32_t half = flags & MDL_OP_TENSOR && !(flags & MDL_OP_HALF)
                        ? widen_inputs(m, in, n->n_in) : 0;
    const int32_t node = mdl_build_node_n(m->b, n->op, n->name, in, n->n_in, n->n_out);
    put_params(m, n, node);
    if (!strcmp(n->op, "if") || !strcmp(n->op, "loop") || !strcmp(n->op, "scan"))
        put_bodies(m, n, node);
    m->n_made++;
    for (uint32_t k = 0; k < n->n_out; k++)
        m->made[n->out[k]] = mdl_build_result(m->b, node, k);
    if (half)
        narrow_results(m, n, half);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void make_inputs(struct maker *m)
{
    for (uint32_t i = 0; i < COUNT(m->f->inputs, struct flow_input); i++) {
        const struct flow_input *in = AT(m->f->inputs, struct flow_input, i);
        const int32_t value = mdl_build_tensor(m->b, in->name, in->type, in->rank, in->dims);
        m->made[in->value] = value;
        for (uint32_t d = 0; in->rank != MDL_ANY_RANK && d < in->rank; d++)
            if (in->dim_names[d])
                mdl_build_dim_name(m->b, value, d, in->dim_names[d]);
    }
}

/* Nodes that outputs do not need are dead until this is undone; `was` keeps how they were. */
static int bury(struct flow *f, unsigned char *was)
{
    unsigned char *needed = mdl_arena_take(&f->arena, mdl_flow_n_values(f), 1);
    unsigned char *in_use = mdl_arena_take(&f->arena, COUNT(f->regions, struct flow_region), 1);

    if (!needed || !in_use)
        return 0;
    mdl_flow_mark_needed(f, needed, in_use);
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++) {
        struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        int alive = n->region && in_use[n->region];
        for (uint32_t k = 0; k < n->n_out; k++)
            alive |= needed[n->out[k]];
        was[i] = (unsigned char)n->dead;
        n->dead |= !alive;
    }
    return 1;
}

void mdl_flow_build_needed(struct flow *f, mdl_builder *b)
{
    unsigned char *was = mdl_arena_take(&f->arena, mdl_flow_n_nodes(f), 1);

    if (!was || !bury(f, was)) {
        mdl_builder_fail(b, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    mdl_flow_build(f, b);
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++)
        mdl_flow_node_at(f, (int32_t)i)->dead = was[i];
}

void mdl_flow_build(struct flow *f, mdl_builder *b)
{
    const uint32_t n_values = mdl_flow_n_values(f);
    struct maker m = { .f = f, .b = b, .made = mdl_arena_take(&f->arena, n_values, sizeof *m.made) };

    if (f->status || !m.made) {
        mdl_builder_fail(b, f->status ? f->status : MDL_ERR_MEMORY, "the graph could not be made");
        return;
    }
    for (uint32_t v = 0; v < n_values; v++)
        m.made[v] = MDL_NONE;
    for (uint32_t r = 0; r < COUNT(f->regions, struct flow_region); r++)
        AT(f->regions, struct flow_region, r)->first = -1;
    make_inputs(&m);
    make_constants(&m);
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f) && !mdl_builder_status(b, NULL); i++)
        if (!mdl_flow_node_at(f, (int32_t)i)->dead)
            make_node(&m, mdl_flow_node_at(f, (int32_t)i));
    for (uint32_t i = 0; i < COUNT(f->outputs, struct flow_output); i++) {
        const struct flow_output *o = AT(f->outputs, struct flow_output, i);
        mdl_build_output(b, o->name, COUNT(f->outputs, struct flow_output) == 1
                         ? MDL_OUTPUT_VALUE : MDL_OUTPUT_OTHER,
                         o->value == FLOW_NONE ? MDL_NONE : m.made[o->value]);
    }
}
