/*
 * graph/plan.c - how much scratch a call needs
 *
 * Sizes are per row, so one plan serves blocks of any height.  Each value has a table of its
 * own: tables are narrow, and blocks are as high as the scratch allows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/graph.h"

#include <string.h>

#define ROUND 8u                  /* keeps every float64 aligned, whatever the rows */

/* Round up and add to the total. */
static int add(uint64_t *total, uint64_t bytes, uint64_t *rounded)
{
    if (!size_add(bytes, ROUND - 1, rounded))
        return 0;
    *rounded = *rounded / ROUND * ROUND;
    return size_add(*total, *rounded, total);
}

/* Values of float64 whose readers all take float32 too; whoever reads an output does not. */
static void mark_narrow(struct plan *p, const struct model_graph *m)
{
    const struct graph *g = &m->graph;

    for (uint32_t v = 0; v < g->n_values; v++)
        p->takes_f32[v] = g->values[v].type == MDL_F64;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++)
            p->takes_f32[g->nodes[i].in[k]] &= g->nodes[i].takes_f32 != 0;
    for (uint32_t i = 0; i < m->schema.n_outputs; i++)
        p->takes_f32[m->schema.outputs[i].value] = 0;
}

/* Inputs all of whose readers take sparse rows with that meaning of what is left out; an input
 * that is an output too has to be expanded. */
static void mark_sparse(struct plan *p, const struct model_graph *m)
{
    const struct graph *g = &m->graph;

    for (uint32_t v = 0; v < m->schema.n_inputs; v++)
        p->takes_sparse[v] = 1;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_in; k++) {
            const uint32_t v = g->nodes[i].in[k];
            if (v < m->schema.n_inputs)
                p->takes_sparse[v] &= g->nodes[i].op->run_sparse != NULL && k == 0
                    && g->nodes[i].takes_sparse == 1 + m->schema.inputs[v].absent;
        }
    for (uint32_t i = 0; i < m->schema.n_outputs; i++)
        if (m->schema.outputs[i].value < m->schema.n_inputs)
            p->takes_sparse[m->schema.outputs[i].value] = 0;
}

mdl_status mdl_graph_plan(struct plan *p, const struct model_graph *m, struct arena *a,
                          const mdl_limits *limits, mdl_error *err)
{
    const struct graph *g = &m->graph;
    uint64_t temp = 0;
    int fits = 1;

    memset(p, 0, sizeof *p);
    p->bytes = mdl_arena_take(a, g->n_values, sizeof *p->bytes);
    p->takes_f32 = mdl_arena_take(a, g->n_values, 1);
    p->takes_sparse = mdl_arena_take(a, m->schema.n_inputs, 1);
    if (!p->bytes || !p->takes_f32 || !p->takes_sparse)
        return mdl_arena_fail(a, err, "scratch plan");
    p->trees = UINT32_MAX;
    for (uint32_t v = 0; v < g->n_values; v++)
        fits = fits && add(&p->row_bytes, g->values[v].cols * mdl_type_bytes(g->values[v].type),
                           &p->bytes[v]);
    mark_narrow(p, m);
    mark_sparse(p, m);

    uint32_t ensembles = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].temp_bytes > temp)
            temp = g->nodes[i].temp_bytes;
        if (!strcmp(g->nodes[i].op->name, "trees")) {
            p->trees = i;
            ensembles++;
        }
    }
    if (ensembles != 1)
        p->trees = UINT32_MAX;
    fits = fits && add(&p->row_bytes, temp, &p->temp_bytes);
    p->fixed_bytes = g->n_values * (sizeof(struct view) + 1ull);
    if (!fits || p->row_bytes > limits->scratch_bytes)
        return mdl_fail(err, MDL_ERR_LIMIT,
                        "one row needs %llu bytes of scratch, the limit is %llu "
                        "(mdl_limits.scratch_bytes)",
                        (unsigned long long)p->row_bytes,
                        (unsigned long long)limits->scratch_bytes);
    return MDL_OK;
}
