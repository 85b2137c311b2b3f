/*
 * graph/infer.c - types and shapes of every value, in the order of the nodes
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/graph.h"

#include <stdio.h>

/* Name the node in an error that its operator reported. */
static mdl_status at_node(mdl_error *err, const struct node *n, uint32_t i, mdl_status s)
{
    char name[64], who[128];

    mdl_safe_text(name, sizeof name, n->name, n->name[0] ? 60 : 0);
    snprintf(who, sizeof who, "node %u (%s%s%s)", (unsigned)i, n->op->name, name[0] ? " " : "",
             name);
    mdl_error_where(err, "nodes", n->offset, who);
    return s;
}

/* A table operator reads tables, which a tensor may not be. */
static mdl_status check_tables(const struct node *n, const struct graph *g, mdl_error *err)
{
    for (uint32_t i = 0; i < n->n_in && !op_is_tensor(n->op); i++)
        if (!node_in(n, g, i)->cols)
            return mdl_fail(err, MDL_ERR_FORMAT, "input %u is a tensor, expected a table",
                            (unsigned)i);
    return MDL_OK;
}

static mdl_status check_results(const struct node *n, const struct graph *g,
                                const mdl_limits *limits, mdl_error *err)
{
    for (uint32_t i = 0; i < n->n_out; i++) {
        const struct value *v = node_out(n, g, i);
        if (v->cols > limits->columns)
            return mdl_fail(err, MDL_ERR_LIMIT,
                            "a result of %llu columns, the limit is %llu (mdl_limits.columns)",
                            (unsigned long long)v->cols, (unsigned long long)limits->columns);
    }
    return MDL_OK;
}

static mdl_status check_golden(const struct model_graph *m, mdl_error *err)
{
    for (uint32_t i = 0; i < m->schema.n_golden; i++) {
        const struct golden *g = &m->schema.golden[i];
        const uint32_t v = g->is_output ? m->schema.outputs[g->index].value : g->index;
        const uint64_t cols = m->graph.values[v].cols;

        const uint32_t type = g->tensor.type;

        if ((uint64_t)g->tensor.dims[1] != cols
            || (type != MDL_F32 && type != MDL_F64 && type != MDL_I32))
            return mdl_fail_at(err, MDL_ERR_FORMAT, "golden", g->tensor.offset,
                               "golden rows of %lld columns of %s, expected %llu",
                               (long long)g->tensor.dims[1], mdl_type_name(type),
                               (unsigned long long)cols);
    }
    return MDL_OK;
}

mdl_status mdl_graph_infer(struct model_graph *m, const mdl_limits *limits, mdl_error *err)
{
    struct graph *g = &m->graph;

    for (uint32_t i = 0; i < g->n_nodes; i++) {
        struct node *n = &g->nodes[i];
        mdl_status s = check_tables(n, g, err);

        if (!s) s = n->op->infer(n, g, err);

        if (!s) s = check_results(n, g, limits, err);
        if (s)
            return at_node(err, n, i, s);
    }
    return check_golden(m, err);
}

mdl_status mdl_graph_prepare(struct model_graph *m, struct arena *a, mdl_error *err)
{
    struct graph *g = &m->graph;

    for (uint32_t i = 0; i < g->n_nodes; i++) {
        struct node *n = &g->nodes[i];
        const mdl_status s = n->op->prepare ? n->op->prepare(n, g, a, err) : MDL_OK;

        if (s)
            return at_node(err, n, i, s);
    }
    return MDL_OK;
}

void mdl_limits_fill(mdl_limits *to, const mdl_limits *from)
{
    *to = (mdl_limits){
        .size = sizeof *to,
        .file_bytes = 2ull << 30,
        .memory_bytes = 4ull << 30,
        .scratch_bytes = 256ull << 20,
        .columns = 1ull << 20,
    };
    if (!from)
        return;
    if (from->file_bytes) to->file_bytes = from->file_bytes;
    if (from->memory_bytes) to->memory_bytes = from->memory_bytes;
    if (from->scratch_bytes) to->scratch_bytes = from->scratch_bytes;
    if (from->columns) to->columns = from->columns;
}
