/*
 * exec.c - nodes of a call, in their order, and a call; see exec.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "exec.h"

#include "op/nd_flow.h"

#include <stdio.h>
#include <string.h>

#define BODY_STEPS (1ull << 24)   /* nodes that bodies may run in one call                    */
#define TABLE_ROWS 256u           /* rows that a table operator sees at a time                */

/* ---- what a context holds --------------------------------------------------------------- */

static uint64_t round64(uint64_t n)
{
    return (n + 63) / 64 * 64;
}

size_t mdl_exec_fixed_bytes(const mdl_model *m)
{
    const uint64_t n = m->m.graph.n_values;

    return (size_t)(round64(sizeof(struct exec)) + round64(n * sizeof(struct nd))
                    + round64(n * sizeof(void *)) + round64(n * sizeof(struct view)) + round64(n)
                    + round64(m->m.graph.n_nodes) + round64(4ull * m->m.graph.n_nodes)
                    + round64(sizeof(void *) * m->m.graph.n_nodes));
}

static void *part(unsigned char **at, uint64_t bytes)
{
    void *p = *at;

    *at += round64(bytes);
    memset(p, 0, (size_t)bytes);
    return p;
}

struct exec *mdl_exec_init(const mdl_model *m, void *memory)
{
    const struct graph *g = &m->m.graph;
    unsigned char *at = memory;
    struct exec *x = part(&at, sizeof *x);

    x->values = part(&at, g->n_values * sizeof *x->values);
    x->block = part(&at, g->n_values * sizeof *x->block);
    x->views = part(&at, g->n_values * sizeof *x->views);
    x->wanted = part(&at, g->n_values);
    x->needed = part(&at, g->n_nodes);
    x->run = part(&at, 4ull * g->n_nodes);
    x->temp = part(&at, sizeof(void *) * g->n_nodes);
    for (uint32_t v = 0; v < g->n_values; v++) {
        const struct tensor *t = g->values[v].constant;
        x->values[v].type = g->values[v].type;
        if (!t)
            continue;
        x->values[v].count = t->count;
        x->values[v].data = (void *)(uintptr_t)t->data;
        mdl_nd_set_shape(&x->values[v], t->rank, t->dims);
    }
    return x;
}

/* ---- memory of values ----------------------------------------------------------------------- */

mdl_status mdl_exec_bytes(const struct exec_call *c, struct nd *t, uint64_t *bytes)
{
    uint64_t all = 1;
    int fits = t->rank <= MDL_MAX_RANK;

    for (uint32_t i = 0; fits && i < t->rank; i++)
        fits = t->dims[i] >= 0 && t->dims[i] <= INT64_MAX / 64;
    /* A zero makes the product 0, whatever the others: those must fit all the same. */
    for (uint32_t i = 0; fits && i < t->rank; i++)
        if (t->dims[i])
            fits = size_mul(all, (uint64_t)t->dims[i], &all) && all <= INT64_MAX / 64;
    for (uint32_t i = 0; fits && i < t->rank; i++)
        if (!t->dims[i])
            all = 0;
    if (!fits)
        return mdl_fail(c->err, MDL_ERR_LIMIT, "a result with more elements than there can be");
    t->count = all;
    *bytes = all * mdl_nd_type_bytes(t->type);
    return MDL_OK;
}

void mdl_exec_drop(struct exec *x, uint32_t value)
{
    x->given_back |= x->block[value] != NULL;
    mdl_heap_give(&x->heap, x->block[value]);
    x->block[value] = NULL;
}

static mdl_status no_memory(const struct exec_call *c, uint64_t bytes)
{
    const struct heap *h = &c->x->heap;

    if (bytes > h->limit - h->used)
        return mdl_fail(c->err, MDL_ERR_LIMIT, "the call needs more than %llu bytes of scratch "
                        "(mdl_limits.scratch_bytes)", (unsigned long long)h->limit);
    if (!h->allocator)
        return mdl_fail(c->err, MDL_ERR_LIMIT, "the context is too small for tensors of these "
                        "shapes; mdl_run_shapes says how large it must be");
    return mdl_fail(c->err, MDL_ERR_MEMORY, "out of memory for a tensor of %llu bytes",
                    (unsigned long long)bytes);
}

mdl_status mdl_exec_place(const struct exec_call *c, uint32_t value)
{
    struct exec *x = c->x;
    uint64_t bytes;
    const mdl_status s = mdl_exec_bytes(c, &x->values[value], &bytes);

    if (s)
        return s;
    mdl_exec_drop(x, value);
    /* What is computed once is the model's, not the call's. */
    if (c->model->tensors.values[value].fixed && bytes <= c->model->memory_limit - x->fixed_bytes) {
        x->fixed_bytes += bytes;
        x->heap.limit = c->model->scratch_limit + x->fixed_bytes;
    }
    x->block[value] = x->values[value].data = mdl_heap_take(&x->heap, bytes);
    return x->block[value] ? MDL_OK : no_memory(c, bytes);
}

mdl_status mdl_exec_move(const struct exec_call *c, uint32_t to, uint32_t from, int last)
{
    struct exec *x = c->x;
    struct nd *a = &x->values[to];
    const struct nd *b = &x->values[from];

    nd_like(a, b);
    if (last && x->block[from]) {
        mdl_exec_drop(x, to);
        a->count = b->count;
        a->data = b->data;
        x->block[to] = x->block[from];
        x->block[from] = NULL;
        return MDL_OK;
    }
    const mdl_status s = mdl_exec_place(c, to);
    if (!s && b->count)
        memcpy(a->data, b->data, (size_t)b->count * mdl_nd_type_bytes(b->type));
    return s;
}

/* Working memory of node `i`, until it has been evaluated.  Each has a place of its own: played
 * again, it must not lie where another value is alive at that time. */
static mdl_status need_temp(const struct exec_call *c, uint32_t i, uint64_t bytes)
{
    struct exec *x = c->x;

    x->temp[i] = bytes ? mdl_heap_take(&x->heap, bytes) : NULL;
    return x->temp[i] || !bytes ? MDL_OK : no_memory(c, bytes);
}

static void give_temp(struct exec *x, uint32_t i)
{
    x->given_back |= x->temp[i] != NULL;
    mdl_heap_give(&x->heap, x->temp[i]);
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static mdl_status at_node(const struct exec_call *c, uint32_t i, mdl_status s)
{
    const struct node *n = &c->model->m.graph.nodes[i];
    char name[64], who[128];

    mdl_safe_text(name, sizeof name, n->name, strlen(n->name) < 60 ? strlen(n->name) : 60);
    snprintf(who, sizeof who, "node %u (%s%s%s)", (unsigned)i, n->op->name, name[0] ? " " : "",
             name);
    mdl_error_where(c->err, "", MDL_NO_OFFSET, who);
    return s;
}

/* The caller's memory for an output that may go there, else NULL. */
static mdl_status direct_place(const struct exec_call *c, uint32_t v, void **place)
{
    *place = NULL;
    for (size_t i = 0; i < c->n_out; i++)
        if (c->x->directs >> i & 1 && mdl_exec_value_of(c, i) == v) {
            if (!mdl_exec_same_shape(&c->x->values[v], &c->out[i]))
                return mdl_exec_wrong_shape(c, i);
            *place = (void *)(uintptr_t)c->out[i].data;
        }
    return MDL_OK;
}

/* Can result 0 take over the memory of input 0? */
static int take_over(const struct exec_call *c, uint32_t i, const struct node *n)
{
    struct exec *x = c->x;
    uint64_t bytes;

    if (!(n->op->traits & ND_IN_PLACE) || !nd_given(n, 0))
        return 0;
    const uint32_t root = c->model->tensors.values[n->in[0]].root, out = n->out[0];
    if (c->model->tensors.values[root].last != i || !x->block[root]
        || x->values[root].data != x->block[root]
        || mdl_exec_bytes(c, &x->values[out], &bytes)
        || bytes != x->values[n->in[0]].count * mdl_nd_type_bytes(x->values[n->in[0]].type))
        return 0;
    mdl_exec_drop(x, out);
    x->block[out] = x->block[root];
    x->block[root] = NULL;
    x->values[out].data = x->block[out];
    return 1;
}

static mdl_status place_results(const struct exec_call *c, uint32_t i, const struct node *n)
{
    struct exec *x = c->x;
    uint64_t bytes;

    for (uint32_t k = 0; k < n->n_out; k++) {
        const uint32_t v = n->out[k];
        struct nd *t = &x->values[v];
        void *place;
        const uint64_t cols = c->model->m.graph.values[v].cols;
        mdl_status s = mdl_exec_bytes(c, t, &bytes);
        if (!s && cols && (t->rank != 2 || t->dims[1] != (int64_t)cols))
            s = mdl_fail(c->err, MDL_ERR_DATA, "a table of another width than %llu",
                         (unsigned long long)cols);
        if (!s) s = direct_place(c, v, &place);
        if (s)
            return s;
        if (!c->model->tensors.values[v].used) {
            t->data = NULL;
        } else if (place) {
            t->data = place;
        } else if (n->op->traits & ND_ALIAS && !k) {
            t->data = x->values[n->in[0]].data;
        } else if (k || !take_over(c, i, n)) {
            s = mdl_exec_place(c, v);
            if (s)
                return s;
        }
    }
    return MDL_OK;
}

static mdl_status eval_tensor(const struct exec_call *c, const struct node *n, int record, int eval)
{
    struct nd_call call = { .kernels = c->model->kernels, .graph = &c->model->m.graph,
                            .values = c->x->values, .err = c->err };
    const uint32_t i = (uint32_t)(n - c->model->m.graph.nodes);
    mdl_status s = MDL_OK;

    if (record) {
        s = n->op->shape(n, &call);
        if (!s) s = place_results(c, i, n);
        if (!s) s = need_temp(c, i, call.temp_bytes);
        if (!s && call.text_bytes) {      /* never given back: whoever holds the strings needs it */
            c->x->made_text = 1;
            call.text = mdl_heap_take(&c->x->heap, call.text_bytes);
            s = call.text ? MDL_OK : no_memory(c, call.text_bytes);
        }
    }
    call.temp = c->x->temp[i] ? c->x->temp[i] : (void *)c->x;   /* of no bytes: anywhere */
    if (!s && eval && !(n->op->traits & ND_ALIAS))
        s = n->op->eval(n, &call);
    if (!s && record)
        give_temp(c->x, i);
    return s;
}

/* A table operator: results are tables, of as many rows as its inputs, in blocks. */
static mdl_status eval_table(const struct exec_call *c, const struct node *n, int record, int eval)
{
    struct exec *x = c->x;
    const struct graph *g = &c->model->m.graph;
    const int64_t rows = x->values[n->in[0]].dims[0];
    const uint32_t i = (uint32_t)(n - g->nodes);
    mdl_status s = MDL_OK;

    for (uint32_t k = 1; k < n->n_in; k++)
        if (x->values[n->in[k]].dims[0] != rows)
            return mdl_fail(c->err, MDL_ERR_DATA, "tables of %lld and of %lld rows", (long long)rows,
                            (long long)x->values[n->in[k]].dims[0]);
    for (uint32_t k = 0; record && k < n->n_out; k++)
        mdl_nd_set_shape(&x->values[n->out[k]], 2,
                         (const int64_t[2]){ rows, (int64_t)g->values[n->out[k]].cols });
    if (record) {
        s = place_results(c, i, n);
        if (!s) s = need_temp(c, i, n->temp_bytes * TABLE_ROWS);
    }
    for (int64_t first = 0; !s && eval && first < rows; first += TABLE_ROWS) {
        const struct run r = { .kernels = c->model->kernels, .graph = g, .views = x->views,
                               .temp = x->temp[i], .tree_end = UINT64_MAX,
                               .rows = (size_t)(rows - first < (int64_t)TABLE_ROWS ? rows - first
                                                : (int64_t)TABLE_ROWS) };
        for (uint32_t k = 0; k < n->n_in + n->n_out; k++) {
            const uint32_t v = k < n->n_in ? n->in[k] : n->out[k - n->n_in];
            const size_t stride = g->values[v].cols * mdl_nd_type_bytes(x->values[v].type);
            unsigned char *data = x->values[v].data;
            x->views[v] = (struct view){ data ? data + (size_t)first * stride : NULL, stride,
                                         x->values[v].type };
        }
        n->op->run(n, &r);
    }
    if (!s && record)
        give_temp(x, i);
    return s;
}

static mdl_status run_node(const struct exec_call *c, uint32_t i, int record, int eval)
{
    const struct node *n = &c->model->m.graph.nodes[i];
    mdl_status s;

    if (c->model->tensors.nodes[i].n_bodies)
        s = mdl_exec_flow(c, i);
    else if (op_is_tensor(n->op))
        s = eval_tensor(c, n, record, eval);
    else
        s = eval_table(c, n, record, eval);
    return s ? at_node(c, i, s) : MDL_OK;
}

mdl_status mdl_exec_nodes(const struct exec_call *c, uint32_t begin, uint32_t end, uint32_t scope)
{
    const struct tensor_plan *p = &c->model->tensors;
    struct exec *x = c->x;

    for (uint32_t i = begin; i < end; i++) {
        while (p->nodes[i].scope != scope)
            i = p->owner[p->nodes[i].scope];     /* past the bodies of a node, to it */
        if (!x->needed[i] || c->model->m.graph.nodes[i].op == &mdl_op_constant)
            continue;
        if (scope && !x->steps--)
            return mdl_fail(c->err, MDL_ERR_LIMIT, "bodies ran more than %llu nodes",
                            (unsigned long long)BODY_STEPS);
        if (p->nodes[i].fixed && x->given_back)
            x->needed[i] = 2;
        const mdl_status s = run_node(c, i, 1, !c->measure || p->nodes[i].fixed);
        if (s)
            return s;
        for (uint32_t k = 0; k < p->nodes[i].n_deaths; k++)
            mdl_exec_drop(x, p->deaths[p->nodes[i].first_death + k]);
    }
    return MDL_OK;
}

/* ---- a call -------------------------------------------------------------------------------------- */

/* Nodes that the outputs asked for need. */
static void mark_needed(const struct exec_call *c)
{
    const struct graph *g = &c->model->m.graph;
    unsigned char *wanted = c->x->wanted;

    memset(wanted, 0, g->n_values);
    for (size_t i = 0; i < c->n_out; i++)
        wanted[mdl_exec_value_of(c, i)] = 1;
    for (uint32_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = &g->nodes[i];
        const uint32_t scope = c->model->tensors.nodes[i].scope;
        int needed = 0;
        for (uint32_t k = 0; k < n->n_out; k++)
            needed |= wanted[n->out[k]];
        /* A body's state goes along with its owner. */
        if (n->op == &mdl_op_loop_state || n->op == &mdl_op_scan_state)
            needed |= c->x->needed[c->model->tensors.owner[scope]];
        c->x->needed[i] = (unsigned char)needed;
        for (uint32_t k = 0; needed && k < n->n_in; k++)
            if (n->in[k] != VALUE_NONE)
                wanted[n->in[k]] = 1;
    }
}

static mdl_status record(const struct exec_call *c)
{
    const struct graph *g = &c->model->m.graph;
    struct exec *x = c->x;
    mdl_status s = MDL_OK;

    mdl_heap_reset(&x->heap);
    memset(x->block, 0, g->n_values * sizeof *x->block);
    memset(x->temp, 0, g->n_nodes * sizeof *x->temp);
    x->given_back = 0;
    x->recorded = 0;
    x->quick.n_out = 0;
    x->made_text = 0;
    x->fixed_bytes = 0;
    x->heap.limit = c->model->scratch_limit;
    x->steps = BODY_STEPS;
    x->directs = c->measure ? 0 : mdl_exec_find_direct(c);
    mark_needed(c);
    for (uint32_t i = 0; !s && i < c->model->m.schema.n_inputs; i++)
        s = mdl_exec_take_input(c, i);
    if (!s) s = mdl_exec_nodes(c, 0, g->n_nodes, 0);
    if (s)
        return s;
    x->recorded = c->model->tensors.steady && !c->measure;
    x->n_out = c->n_out;
    x->n_run = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        if (x->needed[i] && (!c->model->tensors.nodes[i].fixed || x->needed[i] == 2))
            x->run[x->n_run++] = i;
    memcpy(x->out_at, c->out_at, c->n_out * sizeof *c->out_at);
    return MDL_OK;
}

static int can_play(const struct exec_call *c)
{
    const struct exec *x = c->x;

    if (!x->recorded || c->measure || x->n_out != c->n_out
        || memcmp(x->out_at, c->out_at, c->n_out * sizeof *c->out_at) != 0)
        return 0;
    for (uint32_t i = 0; i < c->model->m.schema.n_inputs; i++)
        if (!mdl_exec_same_shape(&x->values[i], &c->in[i]))
            return 0;
    return x->directs == mdl_exec_find_direct(c);
}

mdl_status mdl_exec_again(const mdl_model *m, struct exec *x, mdl_error *err)
{
    struct nd_call call = { .kernels = m->kernels, .graph = &m->m.graph, .values = x->values,
                            .err = err };
    mdl_status s = MDL_OK;
    uint32_t k = 0;

    for (; !s && k < x->n_run; k++) {
        const struct node *n = &m->m.graph.nodes[x->run[k]];
        call.temp = x->temp[x->run[k]] ? x->temp[x->run[k]] : (void *)x;
        if (n->op->traits & ND_ALIAS)
            x->values[n->out[0]].data = x->values[n->in[0]].data;
        else if (op_is_tensor(n->op))
            s = n->op->eval(n, &call);
        else
            s = eval_table(&(struct exec_call){ .model = m, .x = x, .err = err }, n, 0, 1);
    }
    if (s) {
        x->recorded = 0;
        x->quick.n_out = 0;
        at_node(&(struct exec_call){ .model = m, .err = err }, x->run[k - 1], s);
    }
    return s;
}

static mdl_status play(const struct exec_call *c)
{
    struct exec *x = c->x;
    mdl_status s = MDL_OK;

    for (uint32_t i = 0; !s && i < c->model->m.schema.n_inputs; i++)
        s = mdl_exec_take_input(c, i);
    for (size_t i = 0; !s && i < c->n_out; i++)
        if (x->directs >> i & 1) {
            if (!mdl_exec_same_shape(&x->values[mdl_exec_value_of(c, i)], &c->out[i]))
                return mdl_exec_wrong_shape(c, i);
            x->values[mdl_exec_value_of(c, i)].data = (void *)(uintptr_t)c->out[i].data;
        }
    return s ? s : mdl_exec_again(c->model, x, c->err);
}

mdl_status mdl_exec(const struct exec_call *c)
{
    const mdl_status s = can_play(c) ? play(c) : record(c);

    return s ? s : mdl_exec_give_outputs(c);
}
