/*
 * import/onnx_flow.c - constants, If, Loop and Scan
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_packed.h"

enum { G_INPUT = 11, G_OUTPUT = 12 };

#define MOST_VALUES 1024u         /* that a body takes, or gives: each is looked for among all      */

/* ---- Constant -------------------------------------------------------------------------------- */

static int32_t whole(struct onnx *o, const struct flow_tensor *t)
{
    return t ? mdl_flow_const_in_place(&o->flow, t) : FLOW_NONE;
}

static void map_constant(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = &o->flow;
    uint64_t count;

    if (mdl_onnx_has(n, "value")) {
        n->out[0] = whole(o, mdl_onnx_tensor(o, n, "value"));
    } else if (mdl_onnx_has(n, "value_float")) {
        n->out[0] = mdl_flow_const_f32(f, (float)mdl_onnx_float(o, n, "value_float", 0));
    } else if (mdl_onnx_has(n, "value_int")) {
        n->out[0] = mdl_flow_const_i64(f, mdl_onnx_int(o, n, "value_int", 0));
    } else if (mdl_onnx_has(n, "value_string")) {
        const char *text = mdl_onnx_string(o, n, "value_string", "");
        n->out[0] = mdl_flow_const(f, MDL_STRING, 0, NULL, &text);
    } else if (mdl_onnx_has(n, "value_floats")) {
        const float *v = mdl_onnx_floats(o, n, "value_floats", &count);
        n->out[0] = mdl_flow_const(f, MDL_F32, 1, (const int64_t[1]){ (int64_t)count }, v);
    } else if (mdl_onnx_has(n, "value_ints")) {
        const int64_t *v = mdl_onnx_ints(o, n, "value_ints", &count);
        n->out[0] = mdl_flow_const_ints(f, v, count);
    } else if (mdl_onnx_has(n, "value_strings")) {
        const char *const *v = mdl_onnx_texts(o, n, "value_strings", &count);
        n->out[0] = mdl_flow_const(f, MDL_STRING, 1, (const int64_t[1]){ (int64_t)count }, v);
    } else if (mdl_onnx_has(n, "sparse_value")) {
        struct bytes left = *mdl_onnx_attr_body(n, "sparse_value"), message;
        if (mdl_wire_find(&left, 22, &message))
            n->out[0] = whole(o, mdl_onnx_read_sparse(o, message, NULL));
    } else {
        mdl_onnx_refuse(o, n, "no value");
    }
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* 0, and failed: a body with too many values. */
static int is_narrow(struct onnx *o, const struct onnx_node *n, struct bytes graph, uint32_t values)
{
    if (values > MOST_VALUES)
        mdl_onnx_fail(o, &graph, MDL_ERR_LIMIT, "node '%s': a body that takes or gives %u values, more "
                      "than %u", n->name, (unsigned)values, MOST_VALUES);
    return values <= MOST_VALUES;
}

/* The nodes of a body into the flow; its results into out[0 .. n_out). */
static int read_body(struct onnx *o, struct onnx_node *n, struct bytes graph, int32_t *out,
                     uint32_t n_out)
{
    if (!is_narrow(o, n, graph, n_out))
        return 0;
    if (o->depth >= ONNX_DEPTH) {
        mdl_onnx_fail(o, &graph, MDL_ERR_LIMIT, "node '%s': bodies within bodies, more than %u", n->name,
                      ONNX_DEPTH);
        return 0;
    }
    if (mdl_onnx_read_constants(o, graph) || mdl_onnx_read_nodes(o, graph))
        return 0;
    for (uint32_t i = 0; i < n_out; i++) {
        const char *name = mdl_onnx_graph_io(o, graph, G_OUTPUT, i);
        out[i] = name ? mdl_onnx_lookup(o, name) : FLOW_NONE;
        if (out[i] == FLOW_NONE) {
            mdl_onnx_fail(o, &graph, MDL_ERR_FORMAT, "node '%s' (%s): its body makes no result %u",
                          n->name, n->op, (unsigned)i);
            return 0;
        }
    }
    return 1;
}

static int32_t *take(struct onnx *o, uint64_t n)
{
    int32_t *p = mdl_arena_take(&o->flow.arena, n, sizeof *p);

    if (!p)
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
    return p;
}

static uint32_t count_io(struct bytes graph, uint32_t number)
{
    struct bytes ignored;
    uint32_t n = 0;

    while (mdl_wire_find(&graph, number, &ignored))
        n++;
    return n;
}

/* Which way the condition of an If always goes: 0, 1, or -1. */
static int known_condition(const struct onnx *o, int32_t cond)
{
    const struct flow_tensor *t = mdl_flow_constant(&o->flow, cond);

    return t && t->type == MDL_BOOL && t->count == 1 ? *(const unsigned char *)t->data != 0 : -1;
}

/* Values as tensors, each in as many as its kind has; how many there are, 0 after a refusal. */
static uint32_t spread(struct onnx *o, struct onnx_node *n, const struct onnx_kind *kinds,
                       uint32_t count, const int32_t *values, int32_t *tensors)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t k = mdl_onnx_take_apart(o, n, &kinds[i], values[i], tensors + used);
        if (!k)
            return 0;
        used += k;
    }
    return used;
}

/* The way back, of results `from` .. of a node. */
static void gather(struct onnx *o, const struct onnx_kind *kinds, uint32_t count, int32_t node,
                   uint32_t from, int32_t *values)
{
    int32_t parts[ONNX_MOST_PARTS];

    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < mdl_onnx_n_parts(&kinds[i]); k++)
            parts[k] = mdl_flow_result(&o->flow, node, from++);
        values[i] = mdl_onnx_put_together(o, &kinds[i], parts);
    }
}

/* What either body says that result i is, and the value of one of them. */
static struct onnx_kind kind_of_result(struct onnx *o, const struct bytes *bodies, uint32_t i,
                                       int32_t value)
{
    struct onnx_kind kind = mdl_onnx_body_kind(o, bodies[0], G_OUTPUT, i);
    const struct onnx_kind other = mdl_onnx_body_kind(o, bodies[1], G_OUTPUT, i);

    kind.is_optional |= other.is_optional;
    kind.is_sequence |= other.is_sequence;
    mdl_onnx_widen_kind(o, &kind, value);
    return kind;
}

static void map_if(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = &o->flow;
    const struct bytes bodies[2] = { mdl_onnx_attr_graph(o, n, "then_branch"),
                                     mdl_onnx_attr_graph(o, n, "else_branch") };
    const int known = known_condition(o, onnx_in(n, 0));
    const uint32_t mark = mdl_onnx_names_mark(o);
    int32_t *in = take(o, 1 + 2ull * ONNX_MOST_PARTS * n->n_out), *values = take(o, n->n_out);
    int32_t regions[2];
    struct onnx_kind *kinds = mdl_arena_take(&f->arena, n->n_out, sizeof *kinds);
    uint32_t used = 1, parts = 0;

    if (!in || !values || !kinds || o->status)
        return;
    if (known >= 0) {
        read_body(o, n, bodies[!known], n->out, n->n_out);
        mdl_onnx_names_forget(o, mark);
        return;
    }
    in[0] = onnx_in(n, 0);
    for (int b = 0; b < 2; b++) {
        regions[b] = mdl_flow_enter(f);
        const int good = read_body(o, n, bodies[b], values, n->n_out);
        for (uint32_t i = 0; good && !b && i < n->n_out; i++)
            kinds[i] = kind_of_result(o, bodies, i, values[i]);
        parts = good ? spread(o, n, kinds, n->n_out, values, in + used) : 0;
        mdl_flow_leave(f);
        mdl_onnx_names_forget(o, mark);
        if (!good || (n->n_out && !parts))
            return;
        used += parts;
    }
    const int32_t node = mdl_flow_node(f, "if", n->name, in, used, parts);
    mdl_flow_body(f, node, 0, regions[0]);
    mdl_flow_body(f, node, 1, regions[1]);
    gather(o, kinds, n->n_out, node, 0, n->out);
}

/* Names of the body's inputs from `first` on for the results of its state. */
static void bind_state(struct onnx *o, struct bytes graph, int32_t state, uint32_t n_state)
{
    for (uint32_t i = 0; i < n_state; i++) {
        const char *name = mdl_onnx_graph_io(o, graph, G_INPUT, i);
        if (name)
            mdl_onnx_bind(o, name, mdl_flow_result(&o->flow, state, i));
    }
}

/* What a loop carries: kinds of it, and of results that it gathers (tensors). */
static struct onnx_kind *kinds_of_loop(struct onnx *o, struct onnx_node *n, struct bytes body,
                                       uint32_t carried, uint32_t results)
{
    struct onnx_kind *kinds = mdl_arena_take(&o->flow.arena, results, sizeof *kinds);

    for (uint32_t i = 0; kinds && i < carried; i++) {
        kinds[i] = mdl_onnx_body_kind(o, body, G_INPUT, 2 + i);
        mdl_onnx_widen_kind(o, &kinds[i], n->in[2 + i]);
    }
    return kinds;
}

static void map_loop(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = &o->flow;
    const struct bytes body = mdl_onnx_attr_graph(o, n, "body");
    const uint32_t carried = n->n_in > 2 ? n->n_in - 2 : 0;
    const uint32_t results = count_io(body, G_OUTPUT), mark = mdl_onnx_names_mark(o);

    if (o->status || !is_narrow(o, n, body, carried))
        return;
    if (results < 1 + carried || count_io(body, G_INPUT) != 2 + carried) {
        mdl_onnx_fail(o, &body, MDL_ERR_FORMAT, "node '%s' (Loop): its body does not take and give the "
                      "%u values it carries on", n->name, (unsigned)carried);
        return;
    }
    int32_t *in = take(o, 2 + ONNX_MOST_PARTS * (2ull * carried + results));
    int32_t *values = take(o, (uint64_t)carried + results);
    const struct onnx_kind *kinds = kinds_of_loop(o, n, body, carried, results);
    if (!in || !values || !kinds)
        return;
    in[0] = onnx_in(n, 0);
    in[1] = onnx_in(n, 1);
    const uint32_t parts = spread(o, n, kinds, carried, n->in + 2, in + 2);
    if (carried && !parts)
        return;
    const int32_t region = mdl_flow_enter(f);
    const int32_t state = mdl_flow_node(f, "loop_state", "", in, 2 + parts, 2 + parts);
    bind_state(o, body, state, 2);
    gather(o, kinds, carried, state, 2, values);
    for (uint32_t i = 0; i < carried; i++)
        mdl_onnx_bind(o, mdl_onnx_graph_io(o, body, G_INPUT, 2 + i), values[i]);
    const int good = read_body(o, n, body, values, results);
    uint32_t used = 2 + parts;
    in[used++] = good ? values[0] : FLOW_NONE;
    if (good && carried && spread(o, n, kinds, carried, values + 1, in + used) != parts)
        mdl_onnx_refuse(o, n, "a body that carries on something else than it is given");
    used += parts;
    for (uint32_t i = 1 + carried; good && i < results; i++) {
        if (mdl_onnx_is_sequence(o, values[i]))
            mdl_onnx_refuse(o, n, "a sequence in each step");
        in[used++] = values[i];
    }
    mdl_flow_leave(f);
    mdl_onnx_names_forget(o, mark);
    if (!good)
        return;
    const uint32_t scanned = results - 1 - carried;
    const int32_t node = mdl_flow_node(f, "loop", n->name, in, used, parts + scanned);
    mdl_flow_int(f, node, "carried", parts);
    mdl_flow_int(f, node, "scanned", scanned);
    mdl_flow_body(f, node, 0, region);
    gather(o, kinds, carried, node, 0, values);
    for (uint32_t i = 0; i < n->n_out && i < carried + scanned; i++)
        n->out[i] = i < carried ? values[i] : mdl_flow_result(f, node, parts + i - carried);
}

/* ---- Scan ------------------------------------------------------------------------------------ */

/* A list of `n` axes or directions, zeros when it is not given. */
static const int64_t *list(struct onnx *o, struct onnx_node *n, const char *name, uint64_t count)
{
    uint64_t have;
    const int64_t *v = mdl_onnx_ints(o, n, name, &have);

    if (!v)
        return mdl_arena_take(&o->flow.arena, count, sizeof *v);
    if (have != count)
        mdl_onnx_fail(o, NULL, MDL_ERR_FORMAT, "node '%s' (Scan): %s has %llu entries, expected %llu",
                      n->name, name, (unsigned long long)have, (unsigned long long)count);
    return have == count ? v : NULL;
}

/* What a scan goes over: the last `sliced` of the values given, carried on are those before. */
struct scan {
    const int32_t *given;
    uint32_t n_given;
    int64_t  sliced;
    const int64_t *in_axes, *in_back, *out_axes, *out_back;
};

/* The node, made from a body that is read; FLOW_NONE after a failure. */
static int32_t make_scan(struct onnx *o, struct onnx_node *n, struct bytes body, const struct scan *s)
{
    struct flow *f = &o->flow;
    const uint32_t results = count_io(body, G_OUTPUT), mark = mdl_onnx_names_mark(o);
    const int64_t carried = (int64_t)s->n_given - s->sliced, gathered = (int64_t)results - carried;
    int32_t *in = take(o, (uint64_t)s->n_given + results);

    if (!in)
        return FLOW_NONE;
    for (uint32_t i = 0; i < s->n_given; i++) {
        if (mdl_onnx_is_sequence(o, s->given[i]))
            mdl_onnx_refuse(o, n, "a sequence as input %u", (unsigned)i);
        in[i] = s->given[i];
    }
    const int32_t region = mdl_flow_enter(f);
    const int32_t state = mdl_flow_node(f, "scan_state", "", in, s->n_given, s->n_given);
    bind_state(o, body, state, s->n_given);
    const int good = read_body(o, n, body, in + s->n_given, results);
    mdl_flow_leave(f);
    mdl_onnx_names_forget(o, mark);
    if (!good)
        return FLOW_NONE;
    const int32_t node = mdl_flow_node(f, "scan", n->name, in, (size_t)s->n_given + results, results);
    mdl_flow_int(f, node, "carried", carried);
    mdl_flow_int(f, node, "inputs", s->sliced);
    mdl_flow_ints(f, node, "in_axes", s->in_axes, (uint64_t)s->sliced);
    mdl_flow_ints(f, node, "in_backwards", s->in_back, (uint64_t)s->sliced);
    mdl_flow_ints(f, node, "out_axes", s->out_axes, (uint64_t)gathered);
    mdl_flow_ints(f, node, "out_backwards", s->out_back, (uint64_t)gathered);
    mdl_flow_body(f, node, 0, region);
    return node;
}

/* Do a body's inputs and results fit?  Else it fails. */
static int fits(struct onnx *o, struct onnx_node *n, struct bytes body, uint32_t n_given, int64_t sliced)
{
    const int64_t carried = (int64_t)n_given - sliced;

    if (!o->status && is_narrow(o, n, body, n_given)
        && (sliced < 1 || carried < 0 || (int64_t)count_io(body, G_OUTPUT) < carried
            || count_io(body, G_INPUT) != n_given))
        mdl_onnx_fail(o, &body, MDL_ERR_FORMAT, "node '%s' (Scan): its body does not fit its inputs",
                      n->name);
    return !o->status;
}

/* In opset 8 everything has a batch in front: a scan over that around the scan itself.  Input 0,
 * the lengths, is seldom given. */
static void map_scan_8(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = &o->flow;
    const struct bytes body = mdl_onnx_attr_graph(o, n, "body");
    const uint32_t n_given = n->n_in ? n->n_in - 1 : 0, results = count_io(body, G_OUTPUT);
    const int64_t sliced = mdl_onnx_int(o, n, "num_scan_inputs", 0);

    if (onnx_in(n, 0) != FLOW_NONE)
        mdl_onnx_refuse(o, n, "lengths of sequences");
    if (!fits(o, n, body, n_given, sliced))
        return;
    const int64_t *in_back = list(o, n, "directions", (uint64_t)sliced);
    const int64_t *zeros = mdl_arena_take(&f->arena, (uint64_t)n_given + results, sizeof *zeros);
    int32_t *in = take(o, (uint64_t)n_given + results), *one = take(o, n_given);
    if (!in_back || !zeros || !in || !one)
        return;
    for (uint32_t i = 0; i < n_given; i++)
        in[i] = n->in[1 + i];
    const int32_t region = mdl_flow_enter(f);
    const int32_t state = mdl_flow_node(f, "scan_state", "", in, n_given, n_given);
    for (uint32_t i = 0; i < n_given; i++)
        one[i] = mdl_flow_result(f, state, i);
    const struct scan s = { one, n_given, sliced, zeros, in_back, zeros, zeros };
    const int32_t inner = make_scan(o, n, body, &s);
    for (uint32_t i = 0; i < results; i++)
        in[n_given + i] = mdl_flow_result(f, inner, i);
    mdl_flow_leave(f);
    const int32_t node = inner == FLOW_NONE ? inner : mdl_flow_node(f, "scan", n->name, in,
                                                                    (size_t)n_given + results, results);
    mdl_flow_int(f, node, "carried", 0);
    mdl_flow_int(f, node, "inputs", n_given);
    mdl_flow_ints(f, node, "in_axes", zeros, n_given);
    mdl_flow_ints(f, node, "in_backwards", zeros, n_given);
    mdl_flow_ints(f, node, "out_axes", zeros, results);
    mdl_flow_ints(f, node, "out_backwards", zeros, results);
    mdl_flow_body(f, node, 0, region);
    for (uint32_t i = 0; i < n->n_out && i < results; i++)
        n->out[i] = mdl_flow_result(f, node, i);
}

static void map_scan(struct onnx *o, struct onnx_node *n)
{
    const struct bytes body = mdl_onnx_attr_graph(o, n, "body");
    const int64_t sliced = mdl_onnx_int(o, n, "num_scan_inputs", 0);
    const uint32_t results = count_io(body, G_OUTPUT);

    if (!fits(o, n, body, n->n_in, sliced))
        return;
    const uint64_t gathered = results - (n->n_in - (uint64_t)sliced);
    const struct scan s = { n->in, n->n_in, sliced,
                            list(o, n, "scan_input_axes", (uint64_t)sliced),
                            list(o, n, "scan_input_directions", (uint64_t)sliced),
                            list(o, n, "scan_output_axes", gathered),
                            list(o, n, "scan_output_directions", gathered) };
    if (!s.in_axes || !s.in_back || !s.out_axes || !s.out_back)
        return;
    const int32_t node = make_scan(o, n, body, &s);
    for (uint32_t i = 0; i < n->n_out && i < results; i++)
        n->out[i] = mdl_flow_result(&o->flow, node, i);
}

static const struct onnx_op ops[] = {
    { "Constant", 1, 0, map_constant, NULL, NULL },
    { "If", 1, 0, map_if, NULL, NULL },
    { "Loop", 1, 0, map_loop, NULL, NULL },
    { "Scan", 8, 8, map_scan_8, NULL, NULL },
    { "Scan", 9, 0, map_scan, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

const struct onnx_family mdl_onnx_base = { "", ops };
