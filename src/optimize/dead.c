/*
 * optimize/dead.c - nodes that no output needs
 *
 * A body's state stays with its owner, whose results it is part of.  A result that is constant
 * needs no node.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/passes.h"

#include <string.h>

static int is_state(const struct flow_node *n)
{
    return !strcmp(n->op, "loop_state") || !strcmp(n->op, "scan_state");
}

/* Backwards: owners come after their bodies, so they are met first. */
void mdl_flow_mark_needed(const struct flow *f, unsigned char *needed, unsigned char *region_needed)
{
    for (size_t i = 0; i < f->outputs.bytes / sizeof(struct flow_output); i++) {
        const int32_t v = ((struct flow_output *)(void *)f->outputs.data)[i].value;
        if (v != FLOW_NONE && !mdl_flow_constant(f, v))
            needed[v] = 1;
    }
    for (uint32_t i = mdl_flow_n_nodes(f); i-- > 0;) {
        const struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        int alive = is_state(n) && region_needed[n->region];
        for (uint32_t k = 0; k < n->n_out; k++)
            alive |= needed[n->out[k]];
        if (!alive || n->dead)
            continue;
        for (uint32_t k = 0; k < n->n_out; k++)
            needed[n->out[k]] = 1;
        for (uint32_t k = 0; k < n->n_in; k++)
            if (n->in[k] != FLOW_NONE && !mdl_flow_constant(f, n->in[k]))
                needed[n->in[k]] = 1;
        for (int b = 0; b < 2; b++)
            if (n->bodies[b] > 0)
                region_needed[n->bodies[b]] = 1;
    }
}

static uint32_t run(struct flow *f)
{
    unsigned char *needed = mdl_arena_take(&f->arena, mdl_flow_n_values(f), 1);
    unsigned char *region_needed = mdl_arena_take(&f->arena, f->regions.bytes
                                                  / sizeof(struct flow_region), 1);
    uint32_t changed = 0;

    if (!needed || !region_needed)
        return 0;
    mdl_flow_mark_needed(f, needed, region_needed);
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++) {
        struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        int alive = is_state(n) && region_needed[n->region];
        for (uint32_t k = 0; k < n->n_out; k++)
            alive |= needed[n->out[k]];
        changed += !alive && !n->dead;
        n->dead |= !alive;
    }
    return changed;
}

const struct flow_pass mdl_pass_dead = { "dead", "nodes that no output needs", run };
