/*
 * graph/infer.c - types and shapes of every value, in the order of the nodes
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/graph.h"

#include "graph/tensors.h"

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

/* Rows of a table: as wide as it, and all of them as many. */
static mdl_status check_golden_rows(const struct tensor *t, const struct tensor *first,
                                    uint64_t cols, mdl_error *err)
{
    if (t->rank != 2 || t->dims[0] != first->dims[0])
        return mdl_fail_at(err, MDL_ERR_FORMAT, "golden", t->offset,
                           "golden rows of different heights");
    if ((uint64_t)t->dims[1] != cols
        || (t->type != MDL_F32 && t->type != MDL_F64 && t->type != MDL_I32))
        return mdl_fail_at(err, MDL_ERR_FORMAT, "golden", t->offset,
                           "golden rows of %lld columns of %s, expected %llu",
                           (long long)t->dims[1], mdl_type_name(t->type),
                           (unsigned long long)cols);
    return MDL_OK;
}

/* A whole input or output of a graph of tensors: of its type, and an input of its shape.  Which
 * shape an output has only a run tells. */
static mdl_status check_golden_tensor(const struct tensor *t, const struct value *v, int is_output,
                                      mdl_error *err)
{
    int fits = t->type == v->type;

    if (!is_output && v->rank != VALUE_ANY_RANK) {
        fits &= t->rank == v->rank;
        for (uint32_t i = 0; fits && i < t->rank; i++)
            fits &= v->dims[i] == -1 || v->dims[i] == t->dims[i];
    }
    if (fits)
        return MDL_OK;
    return mdl_fail_at(err, MDL_ERR_FORMAT, "golden", t->offset,
                       "a golden tensor of %s and rank %u, which its %s cannot have",
                       mdl_type_name(t->type), (unsigned)t->rank, is_output ? "output" : "input");
}

static mdl_status check_golden(const struct model_graph *m, mdl_error *err)
{
    const int tensors = m->schema.n_golden && mdl_graph_is_tensors(m);

    for (uint32_t i = 0; i < m->schema.n_golden; i++) {
        const struct golden *g = &m->schema.golden[i];
        const uint32_t at = g->is_output ? m->schema.outputs[g->index].value : g->index;
        const struct value *v = &m->graph.values[at];
        const mdl_status s = tensors
            ? check_golden_tensor(&g->tensor, v, g->is_output != 0, err)
            : check_golden_rows(&g->tensor, &m->schema.golden[0].tensor, v->cols, err);

        if (s)
            return s;
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

/* Who reads each value. */
static void find_readers(struct graph *g)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++) {
            if (g->nodes[i].in[k] == VALUE_NONE)
                continue;
            struct value *v = node_in(&g->nodes[i], g, k);
            if (!v->end_readers)
                v->first_reader = i;
            v->end_readers = i + 1;
        }
}

mdl_status mdl_graph_prepare(struct model_graph *m, struct arena *a, mdl_error *err)
{
    struct graph *g = &m->graph;

    for (uint32_t i = 0; i < m->schema.n_outputs; i++)
        g->values[m->schema.outputs[i].value].shown = 1;
    find_readers(g);
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
