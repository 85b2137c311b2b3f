/*
 * exec_flow.c - bodies: if, loop, scan (what they are: op/nd_flow.c)
 *
 * SPDX-License-Identifier: MIT
 */
#include "exec.h"

#include "op/nd_flow.h"

#include <string.h>

static struct nd *value_in(const struct exec_call *c, const struct node *n, uint32_t k)
{
    return k < n->n_in && n->in[k] != VALUE_NONE ? &c->x->values[n->in[k]] : NULL;
}

/* May the memory of value v be taken once node i has run?  Not by a loop that it was made before:
 * the next iteration reads it again. */
static int is_last(const struct exec_call *c, uint32_t v, uint32_t i)
{
    const struct tensor_value *t = &c->model->tensors.values[v];
    const struct node *nodes = c->model->m.graph.nodes;
    const struct node *first = &nodes[c->model->tensors.nodes[i].body[0]];

    return t->root == v && t->last == i && c->x->block[v]
        && (nodes[i].op == &mdl_op_if || v >= first->out[0]);
}

static mdl_status run_body(const struct exec_call *c, uint32_t i, uint32_t body, uint32_t skip)
{
    const struct tensor_node *t = &c->model->tensors.nodes[i];
    const uint32_t begin = t->body[body] + skip, end = t->body[body + 1];

    if (begin >= end)
        return MDL_OK;
    /* The last node of a body is its own, not one of a body within. */
    return mdl_exec_nodes(c, begin, end, c->model->tensors.nodes[end - 1].scope);
}

static mdl_status need_one(const struct exec_call *c, const struct nd *t, const char *what)
{
    if (t && t->count != 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "%s has %llu elements, expected 1", what,
                        (unsigned long long)t->count);
    return MDL_OK;
}

static mdl_status run_if(const struct exec_call *c, uint32_t i, const struct node *n)
{
    mdl_status s = need_one(c, value_in(c, n, 0), "the condition");

    if (s)
        return s;
    const uint32_t body = mdl_nd_int(value_in(c, n, 0), 0) ? 0 : 1;
    s = run_body(c, i, body, 0);
    for (uint32_t k = 0; !s && k < n->n_out; k++) {
        const uint32_t from = n->in[1 + body * n->n_out + k];
        s = mdl_exec_move(c, n->out[k], from, is_last(c, from, i));
    }
    return s;
}

/* ---- results gathered from all iterations ---------------------------------------------------- */

/* Element `at` of `length` of the value `to`, along an axis, becomes what `from` is. */
static mdl_status gather(const struct exec_call *c, uint32_t to, uint32_t from, int64_t axis,
                         uint64_t at, uint64_t length, int is_first)
{
    struct nd *t = &c->x->values[to];
    const struct nd *f = &c->x->values[from];

    if (is_first) {
        int64_t dims[MDL_MAX_RANK];
        if (f->rank >= MDL_MAX_RANK)
            return mdl_fail(c->err, MDL_ERR_LIMIT, "a result of rank %u", f->rank + 1);
        mdl_status s = mdl_nd_axis(&axis, f->rank + 1, c->err);
        for (uint32_t d = 0; d <= f->rank; d++)
            dims[d] = (int64_t)d == axis ? (int64_t)length : f->dims[(int64_t)d < axis ? d : d - 1];
        if (!s) mdl_nd_set_shape(t, f->rank + 1, dims);
        if (!s) s = mdl_exec_place(c, to);
        if (s)
            return s;
    }
    axis += axis < 0 ? (int64_t)t->rank : 0;
    int same = t->rank == f->rank + 1;
    for (uint32_t d = 0; same && d < f->rank; d++)
        same = f->dims[d] == t->dims[(int64_t)d < axis ? d : d + 1];
    if (!same) {
        char text[96];
        return mdl_fail(c->err, MDL_ERR_DATA, "a body's result has shape %s, before it had another",
                        mdl_nd_shape_text(text, sizeof text, f));
    }
    const uint64_t outer = nd_product(f, 0, (uint32_t)axis);
    const size_t inner = (size_t)nd_product(f, (uint32_t)axis, f->rank) * mdl_nd_type_bytes(f->type);
    for (uint64_t o = 0; inner && o < outer; o++)
        memcpy((unsigned char *)t->data + (o * (uint64_t)t->dims[axis] + at) * inner,
               (const unsigned char *)f->data + o * inner, inner);
    return MDL_OK;
}

/* A gathered result of which there is none: no iteration. */
static mdl_status gather_nothing(const struct exec_call *c, uint32_t to)
{
    mdl_nd_set_shape(&c->x->values[to], 1, (const int64_t[1]){ 0 });
    return mdl_exec_place(c, to);
}

/* ---- loop -------------------------------------------------------------------------------------- */

/* Room for more iterations in a gathered result: twice as many. */
static mdl_status grow(const struct exec_call *c, uint32_t value, uint64_t have, uint64_t want)
{
    struct exec *x = c->x;
    struct nd *t = &x->values[value];
    void *old = x->block[value];
    const size_t bytes = (size_t)(nd_product(t, 1, t->rank) * have) * mdl_nd_type_bytes(t->type);

    x->block[value] = NULL;
    t->dims[0] = (int64_t)want;
    const mdl_status s = mdl_exec_place(c, value);
    if (!s && bytes)
        memcpy(t->data, old, bytes);
    mdl_heap_give(&x->heap, old);
    return s;
}

struct loop {
    const struct exec_call *c;
    uint32_t i;                   /* the node                                            */
    const struct node *n, *state;
    uint32_t carried, scanned;
    uint64_t room;                /* iterations that gathered results have room for      */
};

static mdl_status set_state(const struct loop *l, uint32_t k, int64_t v)
{
    const uint32_t value = l->state->out[k];

    mdl_nd_set_shape(&l->c->x->values[value], 0, NULL);
    const mdl_status s = mdl_exec_place(l->c, value);
    if (!s)
        mdl_nd_store_i64(l->c->x->values[value].data, l->c->x->values[value].type, 0, &v, 1);
    return s;
}

static mdl_status gather_all(struct loop *l, uint64_t iteration)
{
    mdl_status s = MDL_OK;

    if (iteration && iteration == l->room) {
        for (uint32_t k = 0; !s && k < l->scanned; k++)
            s = grow(l->c, l->n->out[l->carried + k], iteration, 2 * iteration);
        l->room *= 2;
    }
    for (uint32_t k = 0; !s && k < l->scanned; k++)
        s = gather(l->c, l->n->out[l->carried + k], l->n->in[3 + 2 * l->carried + k], 0, iteration,
                   l->room, !iteration);
    return s;
}

/* The values carried on become those that the next iteration begins with.  All are taken out
 * first: one may be another's next. */
static mdl_status carry(const struct loop *l)
{
    const struct exec_call *c = l->c;
    mdl_status s = MDL_OK;

    for (uint32_t k = 0; !s && k < l->carried; k++)
        s = mdl_exec_move(c, l->n->out[k], l->n->in[3 + l->carried + k],
                          is_last(c, l->n->in[3 + l->carried + k], l->i));
    return s;
}

static mdl_status run_loop(const struct exec_call *c, uint32_t i, const struct node *n)
{
    const struct loop_params *p = n->params;
    struct loop l = { .c = c, .i = i, .n = n, .carried = (uint32_t)p->carried,
                      .state = &c->model->m.graph.nodes[c->model->tensors.nodes[i].body[0]],
                      .scanned = (uint32_t)p->scanned, .room = 4 };
    const struct nd *most = value_in(c, n, 0), *cond = value_in(c, n, 1);
    mdl_status s = need_one(c, most, "the number of iterations");

    if (!s) s = need_one(c, cond, "the condition");
    if (s)
        return s;
    const int64_t end = most ? mdl_nd_int(most, 0) : INT64_MAX;
    int go = cond ? mdl_nd_int(cond, 0) != 0 : 1;
    int64_t at = 0;

    for (uint32_t k = 0; !s && k < l.carried; k++)
        s = mdl_exec_move(c, n->out[k], n->in[2 + k], 0);
    for (; !s && go && at < end; at++) {
        s = set_state(&l, 0, at);
        if (!s) s = set_state(&l, 1, go);
        for (uint32_t k = 0; !s && k < l.carried; k++)
            s = mdl_exec_move(c, l.state->out[2 + k], n->out[k], 1);
        if (!s && !c->x->steps--)
            s = mdl_fail(c->err, MDL_ERR_LIMIT, "a loop that goes on and on");
        if (!s) s = run_body(c, i, 0, 1);
        if (!s) s = need_one(c, value_in(c, n, 2 + l.carried), "the next condition");
        if (s)
            break;
        go = mdl_nd_int(value_in(c, n, 2 + l.carried), 0) != 0;
        s = gather_all(&l, (uint64_t)at);
        if (!s) s = carry(&l);
    }
    for (uint32_t k = 0; !s && k < l.scanned; k++) {
        struct nd *t = &c->x->values[n->out[l.carried + k]];
        s = at ? MDL_OK : gather_nothing(c, n->out[l.carried + k]);
        t->count = t->dims[0] && at ? t->count / (uint64_t)t->dims[0] * (uint64_t)at : t->count;
        t->dims[0] = at;
    }
    return s;
}

/* ---- scan ---------------------------------------------------------------------------------------- */

/* Slice `at` of an input along an axis. */
static mdl_status slice(const struct exec_call *c, uint32_t to, const struct nd *f, int64_t axis,
                        uint64_t at)
{
    struct nd *t = &c->x->values[to];
    int64_t dims[MDL_MAX_RANK];

    for (uint32_t d = 0; d + 1 < f->rank; d++)
        dims[d] = f->dims[(int64_t)d < axis ? d : d + 1];
    mdl_nd_set_shape(t, f->rank - 1, dims);
    const mdl_status s = mdl_exec_place(c, to);
    if (s)
        return s;
    const uint64_t outer = nd_product(f, 0, (uint32_t)axis);
    const size_t inner = (size_t)nd_product(f, (uint32_t)axis + 1, f->rank) * mdl_nd_type_bytes(f->type);
    for (uint64_t o = 0; inner && o < outer; o++)
        memcpy((unsigned char *)t->data + o * inner,
               (const unsigned char *)f->data + (o * (uint64_t)f->dims[axis] + at) * inner, inner);
    return MDL_OK;
}

static int64_t slot_int(const struct node *n, int slot, uint32_t k)
{
    return ((const int64_t *)n->tensors[slot].data)[k];
}

/* How many slices there are, of all inputs. */
static mdl_status scan_length(const struct exec_call *c, const struct node *n, uint32_t carried,
                              uint32_t inputs, int64_t *length)
{
    *length = -1;
    for (uint32_t k = 0; k < inputs; k++) {
        const struct nd *f = value_in(c, n, carried + k);
        int64_t axis = slot_int(n, SCAN_IN_AXES, k);
        const mdl_status s = mdl_nd_axis(&axis, f->rank, c->err);
        if (s)
            return s;
        if (*length >= 0 && f->dims[axis] != *length)
            return mdl_fail(c->err, MDL_ERR_DATA, "inputs of %lld and of %lld slices",
                            (long long)*length, (long long)f->dims[axis]);
        *length = f->dims[axis];
    }
    return MDL_OK;
}

static mdl_status run_scan(const struct exec_call *c, uint32_t i, const struct node *n)
{
    const struct scan_params *p = n->params;
    const uint32_t carried = (uint32_t)p->carried, inputs = (uint32_t)p->inputs;
    const struct node *state = &c->model->m.graph.nodes[c->model->tensors.nodes[i].body[0]];
    int64_t length;
    mdl_status s = scan_length(c, n, carried, inputs, &length);

    for (uint32_t k = 0; !s && k < carried; k++)
        s = mdl_exec_move(c, n->out[k], n->in[k], 0);
    for (int64_t at = 0; !s && at < length; at++) {
        for (uint32_t k = 0; !s && k < carried; k++)
            s = mdl_exec_move(c, state->out[k], n->out[k], 1);
        for (uint32_t k = 0; !s && k < inputs; k++) {
            const struct nd *f = value_in(c, n, carried + k);
            int64_t axis = slot_int(n, SCAN_IN_AXES, k);
            s = mdl_nd_axis(&axis, f->rank, c->err);
            if (!s) s = slice(c, state->out[carried + k], f, axis, (uint64_t)
                              (slot_int(n, SCAN_IN_BACK, k) ? length - 1 - at : at));
        }
        if (!s && !c->x->steps--)
            s = mdl_fail(c->err, MDL_ERR_LIMIT, "a scan that goes on and on");
        if (!s) s = run_body(c, i, 0, 1);
        for (uint32_t k = carried; !s && k < n->n_out; k++)
            s = gather(c, n->out[k], n->in[carried + inputs + k],
                       slot_int(n, SCAN_OUT_AXES, k - carried), (uint64_t)
                       (slot_int(n, SCAN_OUT_BACK, k - carried) ? length - 1 - at : at),
                       (uint64_t)length, !at);
        for (uint32_t k = 0; !s && k < carried; k++)
            s = mdl_exec_move(c, n->out[k], n->in[carried + inputs + k],
                              is_last(c, n->in[carried + inputs + k], i));
    }
    for (uint32_t k = carried; !s && !length && k < n->n_out; k++)
        s = gather_nothing(c, n->out[k]);
    return s;
}

mdl_status mdl_exec_flow(const struct exec_call *c, uint32_t i)
{
    const struct node *n = &c->model->m.graph.nodes[i];

    if (c->measure)
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "the shapes of its results depend on contents");
    if (n->op == &mdl_op_if)
        return run_if(c, i, n);
    return n->op == &mdl_op_loop ? run_loop(c, i, n) : run_scan(c, i, n);
}
