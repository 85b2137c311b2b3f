/*
 * optimize/flow.c - making a graph, see flow.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/flow.h"

#include <string.h>

#define AT(vec, type, i) ((type *)(void *)(vec).data + (i))
#define COUNT(vec, type) ((uint32_t)((vec).bytes / sizeof(type)))

void mdl_flow_init(struct flow *f)
{
    const struct flow_region whole = { -1, -1 };

    memset(f, 0, sizeof *f);
    f->allocator = mdl_allocator_or_default(NULL);
    mdl_arena_init(&f->arena, &f->allocator, UINT64_MAX);
    if (!mdl_vec_add(&f->regions, &f->allocator, &whole, sizeof whole))
        f->status = MDL_ERR_MEMORY;
}

void mdl_flow_free(struct flow *f)
{
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++) {
        mdl_vec_free(&mdl_flow_node_at(f, (int32_t)i)->params, &f->allocator);
        mdl_vec_free(&mdl_flow_node_at(f, (int32_t)i)->weights, &f->allocator);
    }
    mdl_vec_free(&f->values, &f->allocator);
    mdl_vec_free(&f->nodes, &f->allocator);
    mdl_vec_free(&f->inputs, &f->allocator);
    mdl_vec_free(&f->outputs, &f->allocator);
    mdl_vec_free(&f->regions, &f->allocator);
    mdl_arena_free(&f->arena);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void *fail(struct flow *f, mdl_status status)
{
    if (!f->status)
        f->status = status;
    return NULL;
}

static void *take(struct flow *f, uint64_t count, size_t bytes)
{
    void *p = f->status ? NULL : mdl_arena_take(&f->arena, count, bytes);

    return p ? p : fail(f, MDL_ERR_MEMORY);
}

static int add(struct flow *f, struct vec *v, const void *item, size_t bytes)
{
    if (f->status)
        return 0;
    if (mdl_vec_add(v, &f->allocator, item, bytes))
        return 1;
    fail(f, MDL_ERR_MEMORY);
    return 0;
}

static const char *text(struct flow *f, const char *from)
{
    const size_t bytes = from ? strlen(from) + 1 : 1;
    char *to = bytes > 1 ? take(f, bytes, 1) : NULL;

    return to ? memcpy(to, from, bytes) : "";
}

static int32_t new_value(struct flow *f, const char *name, int32_t node, uint32_t result,
                         const struct flow_tensor *constant)
{
    const struct flow_value v = { name, node, result, constant };
    const uint32_t at = COUNT(f->values, struct flow_value);

    return at < INT32_MAX && add(f, &f->values, &v, sizeof v) ? (int32_t)at : FLOW_NONE;
}

/* Bytes of an element as they lie in memory here. */
static size_t element_bytes(uint32_t type)
{
    return type == MDL_STRING ? sizeof(const char *) : mdl_type_bytes(type);
}

/* *t over a copy of `data`; 0 when the shape is no shape. */
static int copy_tensor(struct flow *f, struct flow_tensor *t, uint32_t type, uint32_t rank,
                       const int64_t *dims, const void *data)
{
    uint64_t bytes = element_bytes(type);
    int fits = bytes && rank <= MDL_MAX_RANK;

    *t = (struct flow_tensor){ .type = type, .rank = rank, .count = 1 };
    for (uint32_t i = 0; fits && i < rank; i++) {
        t->dims[i] = dims[i];
        fits = dims[i] >= 0 && size_mul(t->count, (uint64_t)dims[i], &t->count);
    }
    if (!fits || !size_mul(t->count, bytes, &bytes)) {
        fail(f, MDL_ERR_FORMAT);
        return 0;
    }
    void *to = take(f, bytes, 1);
    if (!to)
        return 0;
    if (bytes)
        memcpy(to, data, (size_t)bytes);
    t->data = to;
    for (uint64_t i = 0; type == MDL_STRING && i < t->count; i++)
        ((const char **)to)[i] = text(f, ((const char *const *)data)[i]);
    return !f->status;
}

/* ---- inputs, constants, outputs -------------------------------------------------------------- */

int32_t mdl_flow_input(struct flow *f, const char *name, uint32_t type, uint32_t rank,
                       const int64_t *dims, const char *const *dim_names)
{
    struct flow_input in = { .name = text(f, name), .type = type, .rank = rank };

    for (uint32_t i = 0; rank != MDL_ANY_RANK && i < rank && i < MDL_MAX_RANK; i++) {
        in.dims[i] = dims[i];
        in.dim_names[i] = dim_names && dim_names[i] ? text(f, dim_names[i]) : NULL;
    }
    in.value = new_value(f, in.name, FLOW_NONE, 0, NULL);
    return add(f, &f->inputs, &in, sizeof in) ? in.value : FLOW_NONE;
}

void mdl_flow_output(struct flow *f, const char *name, int32_t value)
{
    const struct flow_output out = { text(f, name), value };

    add(f, &f->outputs, &out, sizeof out);
}

int32_t mdl_flow_const(struct flow *f, uint32_t type, uint32_t rank, const int64_t *dims,
                       const void *data)
{
    struct flow_tensor *t = take(f, 1, sizeof *t);

    return t && copy_tensor(f, t, type, rank, dims, data) ? new_value(f, "", FLOW_NONE, 0, t)
                                                          : FLOW_NONE;
}

int32_t mdl_flow_const_in_place(struct flow *f, const struct flow_tensor *t)
{
    struct flow_tensor *own = take(f, 1, sizeof *own);

    if (!own)
        return FLOW_NONE;
    *own = *t;
    return new_value(f, "", FLOW_NONE, 0, own);
}

int32_t mdl_flow_const_f32(struct flow *f, float v)
{
    return mdl_flow_const(f, MDL_F32, 0, NULL, &v);
}

int32_t mdl_flow_const_i64(struct flow *f, int64_t v)
{
    return mdl_flow_const(f, MDL_I64, 0, NULL, &v);
}

int32_t mdl_flow_const_ints(struct flow *f, const int64_t *v, uint64_t n)
{
    const int64_t dims[1] = { (int64_t)n };

    return mdl_flow_const(f, MDL_I64, 1, dims, v);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

int32_t mdl_flow_node(struct flow *f, const char *op, const char *name, const int32_t *in,
                      size_t n_in, size_t n_out)
{
    const uint32_t at = mdl_flow_n_nodes(f);
    struct flow_node n = { .op = text(f, op), .name = text(f, name), .n_in = (uint32_t)n_in,
                           .n_out = (uint32_t)n_out, .region = f->region };

    n.in = take(f, n_in, sizeof *n.in);
    n.out = take(f, n_out, sizeof *n.out);
    if (f->status || at >= INT32_MAX)
        return FLOW_NONE;
    for (size_t i = 0; i < n_in; i++)
        n.in[i] = in[i];
    for (size_t i = 0; i < n_out; i++)
        n.out[i] = new_value(f, "", (int32_t)at, (uint32_t)i, NULL);
    return add(f, &f->nodes, &n, sizeof n) ? (int32_t)at : FLOW_NONE;
}

int32_t mdl_flow_result(const struct flow *f, int32_t node, size_t i)
{
    return node != FLOW_NONE && i < mdl_flow_node_at(f, node)->n_out ? mdl_flow_node_at(f, node)->out[i]
                                                                 : FLOW_NONE;
}

static void add_param(struct flow *f, int32_t node, struct flow_param p)
{
    if (node == FLOW_NONE || f->status)
        return;
    p.name = text(f, p.name);
    add(f, &mdl_flow_node_at(f, node)->params, &p, sizeof p);
}

void mdl_flow_int(struct flow *f, int32_t node, const char *param, int64_t v)
{
    add_param(f, node, (struct flow_param){ .name = param, .i = v });
}

void mdl_flow_float(struct flow *f, int32_t node, const char *param, double v)
{
    add_param(f, node, (struct flow_param){ .name = param, .f = v, .is_float = 1 });
}

void mdl_flow_choice(struct flow *f, int32_t node, const char *param, const char *v)
{
    add_param(f, node, (struct flow_param){ .name = param, .choice = text(f, v) });
}

void mdl_flow_weights(struct flow *f, int32_t node, const char *slot, uint32_t type, uint32_t rank,
                      const int64_t *dims, const void *data)
{
    struct flow_weights w = { .slot = text(f, slot) };

    if (node != FLOW_NONE && copy_tensor(f, &w.tensor, type, rank, dims, data))
        add(f, &mdl_flow_node_at(f, node)->weights, &w, sizeof w);
}

void mdl_flow_ints(struct flow *f, int32_t node, const char *slot, const int64_t *v, uint64_t n)
{
    const int64_t dims[1] = { (int64_t)n };

    mdl_flow_weights(f, node, slot, MDL_I64, 1, dims, v);
}

int32_t mdl_flow_op1(struct flow *f, const char *op, int32_t a)
{
    return mdl_flow_result(f, mdl_flow_node(f, op, "", &a, 1, 1), 0);
}

int32_t mdl_flow_op2(struct flow *f, const char *op, int32_t a, int32_t b)
{
    const int32_t in[2] = { a, b };

    return mdl_flow_result(f, mdl_flow_node(f, op, "", in, 2, 1), 0);
}

int32_t mdl_flow_kind1(struct flow *f, const char *op, const char *kind, int32_t a)
{
    const int32_t node = mdl_flow_node(f, op, "", &a, 1, 1);

    mdl_flow_choice(f, node, "kind", kind);
    return mdl_flow_result(f, node, 0);
}

int32_t mdl_flow_kind2(struct flow *f, const char *op, const char *kind, int32_t a, int32_t b)
{
    const int32_t in[2] = { a, b };
    const int32_t node = mdl_flow_node(f, op, "", in, 2, 1);

    mdl_flow_choice(f, node, "kind", kind);
    return mdl_flow_result(f, node, 0);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

int32_t mdl_flow_enter(struct flow *f)
{
    const struct flow_region r = { f->region, -1 };
    const uint32_t at = COUNT(f->regions, struct flow_region);

    if (!add(f, &f->regions, &r, sizeof r))
        return FLOW_NONE;
    f->region = (int32_t)at;
    return f->region;
}

void mdl_flow_leave(struct flow *f)
{
    if (!f->status)
        f->region = AT(f->regions, struct flow_region, f->region)->parent;
}

void mdl_flow_body(struct flow *f, int32_t node, int i, int32_t region)
{
    if (node != FLOW_NONE)
        mdl_flow_node_at(f, node)->bodies[i] = region;
}

/* ---- looking, changing ----------------------------------------------------------------------- */

struct flow_node *mdl_flow_node_at(const struct flow *f, int32_t node)
{
    return AT(f->nodes, struct flow_node, node);
}

struct flow_value *mdl_flow_value_at(const struct flow *f, int32_t value)
{
    return AT(f->values, struct flow_value, value);
}

uint32_t mdl_flow_n_nodes(const struct flow *f)
{
    return COUNT(f->nodes, struct flow_node);
}

uint32_t mdl_flow_n_values(const struct flow *f)
{
    return COUNT(f->values, struct flow_value);
}

const struct flow_tensor *mdl_flow_constant(const struct flow *f, int32_t value)
{
    return value == FLOW_NONE ? NULL : mdl_flow_value_at(f, value)->constant;
}

void mdl_flow_replace(struct flow *f, int32_t from, int32_t to)
{
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++) {
        const struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        for (uint32_t k = 0; k < n->n_in; k++)
            if (n->in[k] == from)
                n->in[k] = to;
    }
    for (uint32_t i = 0; i < COUNT(f->outputs, struct flow_output); i++)
        if (AT(f->outputs, struct flow_output, i)->value == from)
            AT(f->outputs, struct flow_output, i)->value = to;
}
