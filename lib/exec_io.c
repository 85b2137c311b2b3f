/*
 * exec_io.c - the caller's tensors: read and written where they lie, or copied
 *
 * SPDX-License-Identifier: MIT
 */
#include "exec.h"

#include <string.h>

/* Copy between a packed tensor and the caller's, element by element where strides or types
 * are not ours; `to_caller` says which way. */
static void copy_box(const struct given *g, void *packed, uint32_t type, int to_caller)
{
    const size_t bytes = mdl_nd_type_bytes(type), theirs = mdl_nd_type_bytes(g->type);
    unsigned char *at = packed, *from = (unsigned char *)(uintptr_t)g->data;
    int64_t index[MDL_MAX_RANK] = { 0 };
    uint64_t count = 1;

    for (uint32_t i = 0; i < g->rank; i++)
        count *= (uint64_t)g->dims[i];
    for (uint64_t k = 0; k < count; k++) {
        int64_t offset = 0;
        double v;
        for (uint32_t i = 0; i < g->rank; i++)
            offset += index[i] * g->strides[i];
        if (type == g->type) {
            memcpy(to_caller ? from + offset : at, to_caller ? at : from + offset, theirs);
        } else if (to_caller) {
            mdl_nd_load_f64(&v, at, type, 0, 1);
            mdl_nd_store_f64(from + offset, g->type, 0, &v, 1);
        } else {
            mdl_nd_load_f64(&v, from + offset, g->type, 0, 1);
            mdl_nd_store_f64(at, type, 0, &v, 1);
        }
        at += bytes;
        for (uint32_t i = g->rank; i-- > 0 && ++index[i] == g->dims[i];)
            index[i] = 0;
    }
}

void mdl_exec_flatten(const struct given *to, const struct given *from)
{
    copy_box(to, (void *)(uintptr_t)from->data, from->type, 1);
}

static int lies_right(const struct given *g, uint32_t type)
{
    return g->packed && g->type == type;
}

mdl_status mdl_exec_take_input(const struct exec_call *c, uint32_t i)
{
    struct nd *t = &c->x->values[i];
    uint64_t bytes;

    mdl_nd_set_shape(t, c->in[i].rank, c->in[i].dims);
    mdl_status s = mdl_exec_bytes(c, t, &bytes);
    if (s)
        return s;
    if (lies_right(&c->in[i], t->type)) {
        t->data = c->in[i].data ? (void *)(uintptr_t)c->in[i].data : (void *)c->x;
        return MDL_OK;
    }
    if (!c->x->block[i] || !c->x->recorded)
        s = mdl_exec_place(c, i);
    t->data = c->x->block[i];
    if (!s && !c->measure)
        copy_box(&c->in[i], t->data, t->type, 0);
    return s;
}

/* Does the output's memory overlap an input's?  Then it cannot be written before all is read. */
static int overlaps(const struct exec_call *c, const struct given *out)
{
    const struct graph *g = &c->model->m.graph;
    const uintptr_t begin = (uintptr_t)out->data;
    uint64_t bytes = mdl_nd_type_bytes(out->type);

    for (uint32_t i = 0; i < out->rank; i++)
        bytes *= (uint64_t)out->dims[i];
    for (uint32_t i = 0; i < c->model->m.schema.n_inputs; i++) {
        uint64_t theirs = mdl_nd_type_bytes(g->values[i].type);
        for (uint32_t k = 0; k < c->in[i].rank; k++)
            theirs *= (uint64_t)c->in[i].dims[k];
        if (c->in[i].packed && begin < (uintptr_t)c->in[i].data + theirs
            && (uintptr_t)c->in[i].data < begin + bytes)
            return 1;
    }
    return 0;
}

uint32_t mdl_exec_value_of(const struct exec_call *c, size_t i)
{
    return c->model->m.schema.outputs[c->out_at[i]].value;
}

/* Outputs that nodes may write where the caller wants them; bit i for output i. */
uint64_t mdl_exec_find_direct(const struct exec_call *c)
{
    uint64_t directs = 0;

    for (size_t i = 0; i < c->n_out; i++) {
        const uint32_t v = mdl_exec_value_of(c, i);
        int twice = 0;
        for (size_t k = 0; k < i; k++)
            twice |= mdl_exec_value_of(c, k) == v;
        if (c->out[i].data && !twice && lies_right(&c->out[i], c->x->values[v].type)
            && v >= c->model->m.schema.n_inputs && c->model->tensors.values[v].root == v
            && !c->model->m.graph.values[v].constant && !c->model->tensors.values[v].fixed
            && !overlaps(c, &c->out[i]))
            directs |= 1ull << i;
    }
    return directs;
}

int mdl_exec_same_shape(const struct nd *t, const struct given *g)
{
    return t->rank == g->rank && !memcmp(t->dims, g->dims, t->rank * sizeof *t->dims);
}

mdl_status mdl_exec_wrong_shape(const struct exec_call *c, size_t i)
{
    const struct given *g = &c->out[i];
    struct nd theirs = { .rank = g->rank };
    char text[2][96];

    memcpy(theirs.dims, g->dims, sizeof theirs.dims);
    return mdl_fail(c->err, MDL_ERR_DATA, "output '%s' is %s, the tensor given for it is %s",
                    c->model->m.schema.outputs[c->out_at[i]].name,
                    mdl_nd_shape_text(text[0], sizeof text[0], &c->x->values[mdl_exec_value_of(c, i)]),
                    mdl_nd_shape_text(text[1], sizeof text[1], &theirs));
}

/* Results to the caller, unless they are there already. */
mdl_status mdl_exec_give_outputs(const struct exec_call *c)
{
    for (size_t i = 0; i < c->n_out; i++) {
        const struct nd *t = &c->x->values[mdl_exec_value_of(c, i)];
        struct given *g = &c->out[i];
        if (!g->data || c->measure) {
            *g = (struct given){ .data = c->measure ? NULL : t->data, .type = t->type,
                                 .rank = t->rank, .packed = 1 };
            memcpy(g->dims, t->dims, sizeof g->dims);
        } else if (!mdl_exec_same_shape(t, g)) {
            return mdl_exec_wrong_shape(c, i);
        } else if (g->data == t->data) {
            continue;
        } else if (lies_right(g, t->type)) {
            if (t->count)
                memmove((void *)(uintptr_t)g->data, t->data,
                        (size_t)t->count * mdl_nd_type_bytes(t->type));
        } else {
            copy_box(g, t->data, t->type, 1);
        }
    }
    return MDL_OK;
}
