/*
 * graph/tensors.c - scopes, lifetimes and what is fixed, see tensors.h
 *
 * Each step is one pass over the nodes; a file can only make it fail, never make it long.
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/tensors.h"

#include "op/nd_flow.h"

#define DEPTH 16u                 /* bodies within bodies */

struct planner {
    struct tensor_plan *p;
    const struct model_graph *m;
    uint32_t *maker;              /* [n_values] node, NEVER for inputs                          */
    uint32_t  n_scopes;
    mdl_error *err;
};

int mdl_graph_is_tensors(const struct model_graph *m)
{
    for (uint32_t i = 0; i < m->schema.n_inputs; i++)
        if (!m->graph.values[i].cols)
            return 1;
    for (uint32_t i = 0; i < m->graph.n_nodes; i++)
        if (op_is_tensor(m->graph.nodes[i].op))
            return 1;
    return 0;
}

static mdl_status bad(const struct planner *w, uint32_t node, const char *what)
{
    const struct node *n = &w->m->graph.nodes[node];

    return mdl_fail_at(w->err, MDL_ERR_FORMAT, "nodes", n->offset, "node %u (%s): %s",
                       (unsigned)node, n->op->name, what);
}

/* How many nodes each body of node i has; how many bodies. */
static uint32_t bodies(const struct node *n, int64_t *counts)
{
    if (n->op == &mdl_op_if) {
        const struct if_params *p = n->params;
        counts[0] = p->then_nodes;
        counts[1] = p->else_nodes;
        return 2;
    }
    if (n->op == &mdl_op_loop || n->op == &mdl_op_scan) {
        counts[0] = n->op == &mdl_op_loop ? ((const struct loop_params *)n->params)->body_nodes
                                          : ((const struct scan_params *)n->params)->body_nodes;
        return 1;
    }
    return 0;
}

/* ---- scopes -------------------------------------------------------------------------------- */

/* Nodes come in units: a node with its bodies before it.  unit[i] is where that of node i
 * begins; a body must be whole units. */
static mdl_status find_bodies(struct planner *w, uint32_t *unit)
{
    for (uint32_t i = 0; i < w->m->graph.n_nodes; i++) {
        struct tensor_node *t = &w->p->nodes[i];
        int64_t counts[2] = { 0, 0 };
        const uint32_t n = bodies(&w->m->graph.nodes[i], counts);
        uint32_t at = i;

        unit[i] = i;
        t->n_bodies = n;
        t->body[n] = i;
        for (uint32_t b = n; b-- > 0;) {
            if (counts[b] < 0 || counts[b] > at)
                return bad(w, i, "a body has more nodes than there are");
            const uint32_t begin = at - (uint32_t)counts[b];
            while (at > begin)
                at = unit[at - 1];
            if (at != begin)
                return bad(w, i, "a body cuts another one in two");
            t->body[b] = begin;
        }
        unit[i] = at;
    }
    return MDL_OK;
}

/* Owners come after their bodies, so from the last node on each finds its scope known. */
static mdl_status number_scopes(struct planner *w)
{
    struct tensor_node *nodes = w->p->nodes;

    w->n_scopes = 1;
    w->p->owner[0] = NEVER;
    for (uint32_t i = w->m->graph.n_nodes; i-- > 0;) {
        uint32_t depth = 0;
        for (uint32_t s = nodes[i].scope; s; s = nodes[w->p->owner[s]].scope)
            if (++depth > DEPTH)
                return bad(w, i, "bodies within bodies, too many");
        for (uint32_t b = 0; b < nodes[i].n_bodies; b++) {
            const uint32_t scope = w->n_scopes++;
            w->p->owner[scope] = i;
            for (uint32_t k = nodes[i].body[b]; k < nodes[i].body[b + 1]; k++)
                nodes[k].scope = scope;
        }
    }
    return MDL_OK;
}

static uint32_t scope_of(const struct planner *w, uint32_t value)
{
    return w->maker[value] == NEVER ? 0 : w->p->nodes[w->maker[value]].scope;
}

/* The node in `scope` that node i is or is part of; NEVER when it is outside. */
static uint32_t lift(const struct planner *w, uint32_t i, uint32_t scope)
{
    while (w->p->nodes[i].scope != scope) {
        if (!w->p->nodes[i].scope)
            return NEVER;
        i = w->p->owner[w->p->nodes[i].scope];
    }
    return i;
}

/* May node i read `value`, as input k? */
static int may_read(const struct planner *w, uint32_t i, uint32_t k, uint32_t value)
{
    const uint32_t scope = scope_of(w, value);
    const struct node *n = &w->m->graph.nodes[i];

    if (lift(w, i, scope) != NEVER)
        return 1;
    if (w->p->owner[scope] != i)
        return 0;
    /* A result of its own body: `if` takes one half from each, the others have one body. */
    const uint32_t body = n->op == &mdl_op_if && k > n->n_out ? 1 : 0;
    return w->maker[value] >= w->p->nodes[i].body[body]
        && w->maker[value] < w->p->nodes[i].body[body + 1];
}

static mdl_status check_state(const struct planner *w, uint32_t i)
{
    const struct node *n = &w->m->graph.nodes[i];
    const struct node *state = &w->m->graph.nodes[w->p->nodes[i].body[0]];
    const int is_loop = n->op == &mdl_op_loop;
    const int64_t want = is_loop ? 2 + ((const struct loop_params *)n->params)->carried
        : ((const struct scan_params *)n->params)->carried
        + ((const struct scan_params *)n->params)->inputs;

    if (w->p->nodes[i].body[0] == i || state->op != (is_loop ? &mdl_op_loop_state
                                                             : &mdl_op_scan_state)
        || state->n_out != (uint64_t)want)
        return bad(w, i, "its body does not begin with its state");
    for (uint32_t k = is_loop ? 2 : 0; k < state->n_in; k++)
        if (w->m->graph.values[state->in[k]].type != w->m->graph.values[n->in[k]].type)
            return bad(w, i, "its state has other types than itself");
    return MDL_OK;
}

static int is_state(const struct op *op)
{
    return op == &mdl_op_loop_state || op == &mdl_op_scan_state;
}

static mdl_status check_scopes(const struct planner *w)
{
    const struct graph *g = &w->m->graph;
    mdl_status s = MDL_OK;

    for (uint32_t i = 0; !s && i < g->n_nodes; i++) {
        const struct node *n = &g->nodes[i];
        const uint32_t scope = w->p->nodes[i].scope;
        for (uint32_t k = 0; k < n->n_in; k++)
            if (n->in[k] != VALUE_NONE && !may_read(w, i, k, n->in[k]))
                return bad(w, i, "it reads what a body made that may not have run");
        if (n->op == &mdl_op_loop || n->op == &mdl_op_scan)
            s = check_state(w, i);
        if (is_state(n->op) && (!scope || w->p->nodes[w->p->owner[scope]].body[0] != i
                                || g->nodes[w->p->owner[scope]].op == &mdl_op_if))
            return bad(w, i, "not the first node of a body that has a state");
    }
    for (uint32_t i = 0; !s && i < w->m->schema.n_outputs; i++)
        if (scope_of(w, w->m->schema.outputs[i].value))
            return mdl_fail_at(w->err, MDL_ERR_FORMAT, "outputs", MDL_NO_OFFSET,
                               "output %u is a value within a body", (unsigned)i);
    return s;
}

/* ---- lifetimes ----------------------------------------------------------------------------- */

/* A bit for every input whose contents shape reads, of inputs that are not fixed. */
static int needs_contents(const struct planner *w, const struct node *n)
{
    for (uint32_t k = 0; k < n->n_in; k++)
        if (n->op->contents >> (k < 31 ? k : 31) & 1 && n->in[k] != VALUE_NONE
            && !w->p->values[n->in[k]].fixed)
            return 1;
    return 0;
}

static void find_fixed(struct planner *w)
{
    const struct graph *g = &w->m->graph;

    w->p->steady = w->n_scopes == 1;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->nodes[i];
        int fixed = op_is_tensor(n->op) && !w->p->nodes[i].scope && !w->p->nodes[i].n_bodies
                 && !(n->op->traits & ND_RANDOM);
        for (uint32_t k = 0; k < n->n_in && !(n->op->traits & ND_SHAPE); k++)
            fixed = fixed && (n->in[k] == VALUE_NONE || w->p->values[n->in[k]].fixed);
        w->p->nodes[i].fixed = (unsigned char)fixed;
        for (uint32_t k = 0; k < n->n_out; k++)
            w->p->values[n->out[k]].fixed = (unsigned char)fixed;
        if (!fixed && needs_contents(w, n))
            w->p->steady = 0;
    }
}

static void find_roots(struct planner *w)
{
    const struct graph *g = &w->m->graph;

    for (uint32_t v = 0; v < g->n_values; v++)
        w->p->values[v].root = v;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->nodes[i];
        if (n->op->traits & ND_ALIAS && nd_given(n, 0))
            w->p->values[n->out[0]].root = w->p->values[n->in[0]].root;
    }
}

/* Node i reads value v (or, of a root, a value that is its bytes). */
static void reads(struct planner *w, uint32_t v, uint32_t i)
{
    struct tensor_value *root = &w->p->values[w->p->values[v].root];
    const uint32_t scope = scope_of(w, w->p->values[v].root);
    uint32_t at = lift(w, i, scope);

    if (at == NEVER)
        at = w->p->owner[scope];     /* a result of a body, read by the owner */
    if (root->last != NEVER && (root->last < at))
        root->last = at;
}

static void find_last(struct planner *w)
{
    const struct graph *g = &w->m->graph;

    for (uint32_t v = 0; v < g->n_values; v++)
        w->p->values[v].last = w->maker[v] == NEVER || w->p->values[v].fixed
                            || g->values[v].constant ? NEVER : w->maker[v];
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++)
            if (g->nodes[i].in[k] != VALUE_NONE) {
                w->p->values[g->nodes[i].in[k]].used = 1;
                reads(w, g->nodes[i].in[k], i);
            }
    for (uint32_t i = 0; i < w->m->schema.n_outputs; i++) {
        const uint32_t v = w->m->schema.outputs[i].value;
        w->p->values[v].used = 1;
        w->p->values[w->p->values[v].root].last = NEVER;
    }
    /* What an iteration begins with is written when the one before ends. */
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; is_state(g->nodes[i].op) && k < g->nodes[i].n_out; k++)
            w->p->values[g->nodes[i].out[k]].last = w->p->owner[w->p->nodes[i].scope];
}

/* Values by the node after which they die: counted, then placed. */
static void list_deaths(struct planner *w)
{
    const struct graph *g = &w->m->graph;
    uint32_t first = 0;

    for (uint32_t v = 0; v < g->n_values; v++)
        if (w->p->values[v].last != NEVER && w->p->values[v].root == v)
            w->p->nodes[w->p->values[v].last].n_deaths++;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        w->p->nodes[i].first_death = first;
        first += w->p->nodes[i].n_deaths;
        w->p->nodes[i].n_deaths = 0;
    }
    for (uint32_t v = 0; v < g->n_values; v++)
        if (w->p->values[v].last != NEVER && w->p->values[v].root == v) {
            struct tensor_node *t = &w->p->nodes[w->p->values[v].last];
            w->p->deaths[t->first_death + t->n_deaths++] = v;
        }
}

mdl_status mdl_graph_plan_tensors(struct tensor_plan *p, const struct model_graph *m,
                                  struct arena *a, mdl_error *err)
{
    const struct graph *g = &m->graph;
    struct planner w = { .p = p, .m = m, .err = err };
    uint32_t *unit = mdl_arena_take(a, g->n_nodes, sizeof *unit);

    p->nodes = mdl_arena_take(a, g->n_nodes, sizeof *p->nodes);
    p->values = mdl_arena_take(a, g->n_values, sizeof *p->values);
    p->deaths = mdl_arena_take(a, g->n_values, sizeof *p->deaths);
    w.maker = mdl_arena_take(a, g->n_values, sizeof *w.maker);
    p->owner = mdl_arena_take(a, 2ull * g->n_nodes + 1, sizeof *p->owner);
    if (!unit || !p->nodes || !p->values || !p->deaths || !w.maker || !p->owner)
        return mdl_arena_fail(a, err, "tensor plan");
    for (uint32_t v = 0; v < m->schema.n_inputs; v++)
        w.maker[v] = NEVER;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_out; k++)
            w.maker[g->nodes[i].out[k]] = i;

    mdl_status s = find_bodies(&w, unit);
    if (!s) s = number_scopes(&w);
    if (!s) s = check_scopes(&w);
    if (s)
        return s;
    find_fixed(&w);
    find_roots(&w);
    find_last(&w);
    list_deaths(&w);
    return MDL_OK;
}
