/*
 * graph/plan.c - a place in scratch for every value
 *
 * Sizes are per row, so one plan serves blocks of any height.  Each value has a place
 * of its own: tables are narrow, and blocks are as high as the scratch allows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/graph.h"

#include <string.h>

#define ROUND 8u                  /* keeps every float64 aligned, whatever the rows */

static int place(uint64_t *at, uint64_t *total, uint64_t bytes)
{
    uint64_t end;

    if (!size_add(*total, bytes, &end) || !size_add(end, ROUND - 1, &end))
        return 0;
    *at = *total;
    *total = end / ROUND * ROUND;
    return 1;
}

mdl_status mdl_graph_plan(struct plan *p, const struct model_graph *m, struct arena *a,
                          const mdl_limits *limits, mdl_error *err)
{
    const struct graph *g = &m->graph;
    uint64_t temp = 0;
    int fits = 1;

    memset(p, 0, sizeof *p);
    p->at = mdl_arena_take(a, g->n_values, sizeof *p->at);
    if (!p->at)
        return mdl_arena_fail(a, err, "scratch plan");
    p->trees = UINT32_MAX;
    for (uint32_t v = 0; v < g->n_values; v++)
        fits = fits && place(&p->at[v], &p->row_bytes,
                             g->values[v].cols * mdl_type_bytes(g->values[v].type));

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
    fits = fits && place(&p->temp_at, &p->row_bytes, temp);
    p->fixed_bytes = g->n_values * (sizeof(struct view) + 1ull);
    if (!fits || p->row_bytes > limits->scratch_bytes)
        return mdl_fail(err, MDL_ERR_LIMIT,
                        "one row needs %llu bytes of scratch, the limit is %llu "
                        "(mdl_limits.scratch_bytes)",
                        (unsigned long long)p->row_bytes,
                        (unsigned long long)limits->scratch_bytes);
    return MDL_OK;
}
