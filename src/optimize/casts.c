/*
 * optimize/casts.c - conversions that change nothing, or that one can do instead of two
 *
 * Two are one where the first loses nothing and the second cannot tell: integers through wider
 * integers, floats through wider floats.  Floats that come back to their type stay, since that
 * makes a signaling NaN a quiet one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/facts.h"
#include "optimize/passes.h"

#include <string.h>

/* What a type holds without rounding: integers of so many bits below the sign. */
static const struct {
    uint32_t type, bits;
    int is_signed, is_float;
} kinds[] = {
    { MDL_BOOL, 1, 0, 0 },  { MDL_U8, 8, 0, 0 },    { MDL_U16, 16, 0, 0 },  { MDL_U32, 32, 0, 0 },
    { MDL_U64, 64, 0, 0 },  { MDL_I8, 7, 1, 0 },    { MDL_I16, 15, 1, 0 },  { MDL_I32, 31, 1, 0 },
    { MDL_I64, 63, 1, 0 },  { MDL_F16, 11, 1, 1 },  { MDL_BF16, 8, 1, 1 },  { MDL_F32, 24, 1, 1 },
    { MDL_F64, 53, 1, 1 },
};

#define N_KINDS (sizeof kinds / sizeof *kinds)

static size_t kind_of(uint32_t type)
{
    size_t i = 0;

    while (i < N_KINDS && kinds[i].type != type)
        i++;
    return i;
}

/* Does `wide` hold every value of `narrow`, which is an integer as it is, or a float as it is? */
static int holds(uint32_t wide, uint32_t narrow)
{
    const size_t w = kind_of(wide), n = kind_of(narrow);

    if (w == N_KINDS || n == N_KINDS || wide == MDL_BOOL || kinds[w].is_float != kinds[n].is_float)
        return 0;
    if (kinds[w].is_float)
        return kinds[w].bits > kinds[n].bits && wide != MDL_F16;
    return kinds[w].bits >= kinds[n].bits && kinds[w].is_signed >= kinds[n].is_signed;
}

static int is_cast(const struct flow_node *n)
{
    return !n->dead && !strcmp(n->op, "convert") && n->n_out && n->n_in && n->in[0] != FLOW_NONE;
}

/* The conversion that makes a value; NULL for others. */
static const struct flow_node *cast_before(const struct flow *f, int32_t value)
{
    const int32_t node = mdl_flow_value_at(f, value)->node;

    return node != FLOW_NONE && !mdl_flow_constant(f, value) && is_cast(mdl_flow_node_at(f, node))
         ? mdl_flow_node_at(f, node) : NULL;
}

static uint32_t run(struct flow *f)
{
    struct facts w;
    uint32_t changed = 0, n_values;

    mdl_facts_find(&w, f);
    int32_t *instead = mdl_facts_instead(&w, &n_values);
    for (uint32_t i = 0; instead && i < mdl_flow_n_nodes(f); i++) {
        const struct flow_node *n = mdl_flow_node_at(f, (int32_t)i);
        if (!is_cast(n))
            continue;
        const uint32_t to = w.of[n->out[0]].type;
        const struct flow_node *before = cast_before(f, n->in[0]);
        const uint32_t first = before ? w.of[before->in[0]].type : 0;
        if (holds(w.of[n->in[0]].type, first) && !(to == first && kinds[kind_of(first)].is_float)) {
            n->in[0] = before->in[0];
            changed++;
        }
        if (to && to == w.of[n->in[0]].type) {
            instead[n->out[0]] = n->in[0];
            changed++;
        }
    }
    if (changed)
        mdl_flow_replace_all(f, instead, n_values);
    mdl_facts_free(&w);
    return changed;
}

const struct flow_pass mdl_pass_casts = {
    "casts", "conversions that change nothing, or that one can do for two", run
};
