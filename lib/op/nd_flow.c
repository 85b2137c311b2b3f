/*
 * op/nd_flow.c - parts of the graph that run sometimes, or often: if, loop, scan
 *
 * A body is a run of nodes right before the node that owns it; what is inside, only that
 * node and the body itself read.
 *
 *     if      [ then ... ][ else ... ] if    cond, results of then, results of else
 *     loop    [ state, ... ] loop    most, cond, first values, next cond, next values, scanned
 *     scan    [ state, ... ] scan    first values, scanned inputs, next values, scanned
 *
 * `state` is the first node of the body of loop and scan.  It reads what the owner reads at
 * first, so that types are known in order; its results are what an iteration begins with:
 * of a loop the number of the iteration, the condition and the values, of a scan the values
 * and the slices.  The executor (exec_flow.c) runs all of these; here is what they check.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_flow.h"

static const struct field if_fields[] = {
    FIELD(FIELD_INT, if_params, then_nodes, 0, NULL),
    FIELD(FIELD_INT, if_params, else_nodes, 0, NULL),
};

static const struct field loop_fields[] = {
    FIELD(FIELD_INT, loop_params, body_nodes, 1, NULL),
    FIELD(FIELD_INT, loop_params, carried, 0, NULL),
    FIELD(FIELD_INT, loop_params, scanned, 0, NULL),
};

static mdl_status never(const struct node *n, struct nd_call *c)
{
    (void)n;
    return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "a body outside of its place");
}

static mdl_status differ(const struct graph *g, uint32_t a, uint32_t b, mdl_error *err)
{
    if (a == VALUE_NONE || b == VALUE_NONE)
        return mdl_fail(err, MDL_ERR_FORMAT, "a value that a body needs is not given");
    if (g->values[a].type != g->values[b].type)
        return mdl_fail(err, MDL_ERR_FORMAT, "a body makes %s where %s is expected",
                        mdl_type_name(g->values[b].type), mdl_type_name(g->values[a].type));
    return MDL_OK;
}

static mdl_status need_bool(const struct node *n, const struct graph *g, uint32_t i, mdl_error *err)
{
    return mdl_nd_need_type(n, g, i, TYPE_BIT(MDL_BOOL), err);
}

/* ---- if -------------------------------------------------------------------------------------- */

static mdl_status if_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = need_bool(n, g, 0, err);

    if (n->n_in != 1 + 2 * n->n_out || !nd_given(n, 0))
        return mdl_fail(err, MDL_ERR_FORMAT, "%u inputs for %u results", n->n_in, n->n_out);
    for (uint32_t i = 0; !s && i < n->n_out; i++) {
        s = differ(g, n->in[1 + i], n->in[1 + n->n_out + i], err);
        if (!s)
            nd_result(n, g, i, nd_type(n, g, 1 + i));
    }
    return s;
}

const struct op mdl_op_if = {
    .name = "if",
    .about = "the results of one of two bodies",
    .fields = if_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct if_params),
    .min_in = 1,
    .max_in = 1 + 2 * FLOW_MOST,
    .n_out = 0,
    .max_out = FLOW_MOST,
    .infer = if_infer,
    .shape = never,
    .eval = never,
    .traits = ND_HALF,
};

/* ---- loop ------------------------------------------------------------------------------------ */

static mdl_status state_infer(struct node *n, struct graph *g, uint32_t fixed, mdl_error *err)
{
    if (n->n_out != n->n_in)
        return mdl_fail(err, MDL_ERR_FORMAT, "%u inputs and %u results", n->n_in, n->n_out);
    for (uint32_t i = fixed; i < n->n_in; i++) {
        if (!nd_given(n, i))
            return mdl_fail(err, MDL_ERR_FORMAT, "input %u is not given", (unsigned)i);
        nd_result(n, g, i, nd_type(n, g, i));
    }
    return MDL_OK;
}

static mdl_status loop_state_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_INTEGER, err);

    if (!s) s = need_bool(n, g, 1, err);
    if (s)
        return s;
    nd_result(n, g, 0, MDL_I64);
    nd_result(n, g, 1, MDL_BOOL);
    return state_infer(n, g, 2, err);
}

const struct op mdl_op_loop_state = {
    .name = "loop_state",
    .about = "what an iteration of a loop begins with",
    .min_in = 0,                  /* the first two need not be given; infer counts */
    .max_in = 2 + FLOW_MOST,
    .n_out = 2,
    .max_out = 2 + FLOW_MOST,
    .infer = loop_state_infer,
    .shape = never,
    .eval = never,
    .traits = ND_HALF,
};

static mdl_status loop_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct loop_params *p = n->params;
    const int64_t most = FLOW_MOST;

    if (p->carried < 0 || p->carried > most || p->scanned < 0 || p->scanned > most
        || n->n_in != (uint64_t)(3 + 2 * p->carried + p->scanned)
        || n->n_out != (uint64_t)(p->carried + p->scanned))
        return mdl_fail(err, MDL_ERR_FORMAT, "%u inputs and %u results", n->n_in, n->n_out);

    const uint32_t carried = (uint32_t)p->carried;
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_INTEGER, err);
    if (!s) s = need_bool(n, g, 1, err);
    if (!s) s = need_bool(n, g, 2 + carried, err);
    if (!s && !nd_given(n, 2 + carried))
        return mdl_fail(err, MDL_ERR_FORMAT, "a loop without its next condition");
    for (uint32_t i = 0; !s && i < n->n_out; i++) {
        const uint32_t next = n->in[3 + carried + i];
        s = differ(g, i < carried ? n->in[2 + i] : next, next, err);
        if (!s)
            nd_result(n, g, i, g->values[next].type);
    }
    return s;
}

const struct op mdl_op_loop = {
    .name = "loop",
    .about = "a body again and again, up to a number of times or while a condition holds",
    .fields = loop_fields,
    .n_fields = 3,
    .params_bytes = sizeof(struct loop_params),
    .min_in = 0,
    .max_in = 3 + 3 * FLOW_MOST,
    .n_out = 0,
    .max_out = 2 * FLOW_MOST,
    .infer = loop_infer,
    .shape = never,
    .eval = never,
    .traits = ND_HALF,
};

/* ---- scan ------------------------------------------------------------------------------------ */

static mdl_status scan_state_infer(struct node *n, struct graph *g, mdl_error *err)
{
    return state_infer(n, g, 0, err);
}

const struct op mdl_op_scan_state = {
    .name = "scan_state",
    .about = "what an iteration of a scan begins with",
    .min_in = 1,
    .max_in = 2 * FLOW_MOST,
    .n_out = 1,
    .max_out = 2 * FLOW_MOST,
    .infer = scan_state_infer,
    .shape = never,
    .eval = never,
    .traits = ND_HALF,
};

static const struct field scan_fields[] = {
    FIELD(FIELD_INT, scan_params, body_nodes, 1, NULL),
    FIELD(FIELD_INT, scan_params, carried, 0, NULL),
    FIELD(FIELD_INT, scan_params, inputs, 1, NULL),
};

static const struct slot scan_slots[] = {
    [SCAN_IN_AXES] = { "in_axes", TYPE_BIT(MDL_I64), 1, 1 },
    [SCAN_IN_BACK] = { "in_backwards", TYPE_BIT(MDL_I64), 1, 1 },
    [SCAN_OUT_AXES] = { "out_axes", TYPE_BIT(MDL_I64), 1, 1 },
    [SCAN_OUT_BACK] = { "out_backwards", TYPE_BIT(MDL_I64), 1, 1 },
};

static mdl_status scan_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct scan_params *p = n->params;
    const int64_t most = FLOW_MOST, outs = (int64_t)n->n_out - p->carried;

    if (p->carried < 0 || p->carried > most || p->inputs < 1 || p->inputs > most || outs < 0
        || n->n_in != (uint64_t)(2 * p->carried + p->inputs + outs))
        return mdl_fail(err, MDL_ERR_FORMAT, "%u inputs and %u results", n->n_in, n->n_out);

    const uint32_t carried = (uint32_t)p->carried, inputs = (uint32_t)p->inputs;
    mdl_status s = mdl_op_need_tensor(n, SCAN_IN_AXES, MDL_I64, inputs, err);
    if (!s) s = mdl_op_need_tensor(n, SCAN_IN_BACK, MDL_I64, inputs, err);
    if (!s) s = mdl_op_need_tensor(n, SCAN_OUT_AXES, MDL_I64, (uint64_t)outs, err);
    if (!s) s = mdl_op_need_tensor(n, SCAN_OUT_BACK, MDL_I64, (uint64_t)outs, err);
    for (uint32_t i = carried; !s && i < carried + inputs; i++)
        if (!nd_given(n, i))
            s = mdl_fail(err, MDL_ERR_FORMAT, "input %u is not given", (unsigned)i);
    for (uint32_t i = 0; !s && i < n->n_out; i++) {
        const uint32_t next = n->in[carried + inputs + i];
        s = differ(g, i < carried ? n->in[i] : next, next, err);
        if (!s)
            nd_result(n, g, i, g->values[next].type);
    }
    return s;
}

const struct op mdl_op_scan = {
    .name = "scan",
    .about = "a body for each slice of its inputs",
    .fields = scan_fields,
    .slots = scan_slots,
    .n_fields = 3,
    .n_slots = 4,
    .params_bytes = sizeof(struct scan_params),
    .min_in = 1,
    .max_in = 4 * FLOW_MOST,
    .n_out = 0,
    .max_out = 2 * FLOW_MOST,
    .infer = scan_infer,
    .shape = never,
    .eval = never,
    .traits = ND_HALF,
};
