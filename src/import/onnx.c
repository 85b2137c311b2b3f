/*
 * import/onnx.c - ONNX models: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 *
 * The file is read where it lies.  Nodes go in their order into a flow (optimize/flow.h), each
 * by the map function of its operator; functions of the model are unfolded where they are
 * called.  What is not supported is gathered, and refused all at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_file.h"
#include "optimize/passes.h"

#include <stdarg.h>
#include <stdio.h>

#define MOST_REFUSALS 512u        /* different ones that are gathered */
#define LEAST_IR 3
#define MOST_IR  13

/* ModelProto, GraphProto, NodeProto, ValueInfoProto, TypeProto, FunctionProto, ... */
enum { M_IR = 1, M_PRODUCER = 2, M_PRODUCER_VERSION = 3, M_GRAPH = 7, M_OPSET = 8, M_META = 14,
       M_FUNCTION = 25 };
enum { G_NODE = 1, G_NAME = 2, G_INIT = 5, G_INPUT = 11, G_OUTPUT = 12, G_SPARSE = 15 };
enum { N_INPUT = 1, N_OUTPUT = 2, N_NAME = 3, N_OP = 4, N_ATTR = 5, N_DOMAIN = 7, N_OVERLOAD = 8 };
enum { F_NAME = 1, F_INPUT = 4, F_OUTPUT = 5, F_NODE = 7, F_OPSET = 9, F_DOMAIN = 10,
       F_ATTR = 11, F_OVERLOAD = 13 };
enum { A_NAME = 1, A_TYPE = 20, A_REF = 21 };

#define FAMILY(name) extern const struct onnx_family mdl_onnx_##name;
#include "import/onnx_families.h"
#undef FAMILY

static const struct onnx_family *const families[] = {
#define FAMILY(name) &mdl_onnx_##name,
#include "import/onnx_families.h"
#undef FAMILY
};

#define N_FAMILIES (sizeof families / sizeof *families)

/* The newest opset of each domain whose operators the tables speak of. */
static const struct onnx_opset domains[] = {
    { "", ONNX_MOST_OPSET }, { "ai.onnx.ml", 5 },
};

const struct onnx_family *mdl_onnx_family(size_t i)
{
    return i < N_FAMILIES ? families[i] : NULL;
}

mdl_status mdl_onnx_op(size_t i, mdl_onnx_op_info *info)
{
    if (!info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    for (size_t f = 0; f < N_FAMILIES; f++)
        for (const struct onnx_op *op = families[f]->ops; op->name; op++) {
            mdl_onnx_op_info all = { .since = op->since, .until = op->until,
                                     .domain = families[f]->domain, .name = op->name,
                                     .op = op->op ? op->op : "" };
            if (i--)
                continue;
            for (size_t d = 0; !op->until && d < sizeof domains / sizeof *domains; d++)
                if (!strcmp(domains[d].domain, all.domain))
                    all.until = (uint32_t)domains[d].version;
            all.size = info->size;    /* as much as the caller has room for */
            memcpy(info, &all, info->size < sizeof all ? info->size : sizeof all);
            return MDL_OK;
        }
    return MDL_ERR_ARGUMENT;
}

struct flow *mdl_onnx_flow(struct onnx *o)
{
    return &o->flow;
}

/* ---- failing, refusing ---------------------------------------------------------------------- */

mdl_status mdl_onnx_fail(struct onnx *o, const struct bytes *at, mdl_status status, const char *format,
                     ...)
{
    char text[400];
    va_list args;

    if (o->status)
        return o->status;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* A message read in place knows where it is in the file; a copy does not. */
    const int inside = at && at->start == o->file.start && at->at >= o->file.start;
    o->status = mdl_fail_at(o->err, status, "", inside ? bytes_offset(at) : MDL_NO_OFFSET, "%s",
                            text);
    return o->status;
}

void mdl_onnx_refuse(struct onnx *o, const struct onnx_node *n, const char *format, ...)
{
    struct onnx_refusal r = { .count = 1 };
    char why[120];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    snprintf(r.text, sizeof r.text, "%s%s%s of opset %lld%s%s", n->domain, n->domain[0] ? "." : "",
             n->op, (long long)n->opset, why[0] ? ": " : "", why);
    struct onnx_refusal *all = (struct onnx_refusal *)(void *)o->refusals.data;
    for (size_t i = 0; i < o->refusals.bytes / sizeof *all; i++)
        if (!strcmp(all[i].text, r.text)) {
            const size_t used = strlen(all[i].nodes), more = strlen(n->name);
            if (all[i].count++ < 3 && more && used + more + 5 < sizeof r.nodes)
                snprintf(all[i].nodes + used, sizeof r.nodes - used, ", '%s'", n->name);
            return;
        }
    if (o->refusals.bytes / sizeof *all == MOST_REFUSALS)
        return;
    if (n->name[0])
        snprintf(r.nodes, sizeof r.nodes, "'%.60s'", n->name);
    if (!mdl_vec_add(&o->refusals, &o->flow.allocator, &r, sizeof r))
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
}

/* All that was refused, as one error. */
static mdl_status report(struct onnx *o)
{
    const struct onnx_refusal *all = (const struct onnx_refusal *)(const void *)o->refusals.data;
    struct parts parts = { 0 };

    for (size_t i = 0; i < o->refusals.bytes / sizeof *all; i++) {
        const char *more = all[i].count > 3 ? ", ..." : "";
        if (all[i].nodes[0])
            mdl_parts_add(&parts, "%s (%u node%s: %s%s)", all[i].text, all[i].count,
                          all[i].count > 1 ? "s" : "", all[i].nodes, more);
        else
            mdl_parts_add(&parts, "%s (%u node%s)", all[i].text, all[i].count,
                          all[i].count > 1 ? "s" : "");
    }
    return mdl_parts_fail(&parts, o->err);
}

/* ---- texts and names ---------------------------------------------------------------------------- */

const char *mdl_onnx_copy_text(struct onnx *o, struct bytes b)
{
    const size_t n = bytes_left(&b);
    char *to = n ? mdl_arena_take(&o->flow.arena, (uint64_t)n + 1, 1) : NULL;

    if (!to)
        return "";
    memcpy(to, b.at, n);
    if (memchr(to, 0, n))
        mdl_onnx_fail(o, &b, MDL_ERR_UNSUPPORTED, "a text with a zero byte in it");
    return to;
}

static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h ^ h >> 15;
}

static struct onnx_name *names(const struct onnx *o)
{
    return (struct onnx_name *)(void *)o->names.data;
}

uint32_t mdl_onnx_names_mark(const struct onnx *o)
{
    return (uint32_t)(o->names.bytes / sizeof(struct onnx_name));
}

void mdl_onnx_names_forget(struct onnx *o, uint32_t mark)
{
    for (uint32_t i = mdl_onnx_names_mark(o); i-- > mark;)
        o->buckets[names(o)[i].hash % ONNX_BUCKETS] = names(o)[i].next;
    o->names.bytes = mark * sizeof(struct onnx_name);
}

void mdl_onnx_bind(struct onnx *o, const char *name, int32_t value)
{
    const uint32_t h = hash(name);
    const struct onnx_name n = { name, value, o->buckets[h % ONNX_BUCKETS], h };

    if (!mdl_vec_add(&o->names, &o->flow.allocator, &n, sizeof n)) {
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    o->buckets[h % ONNX_BUCKETS] = mdl_onnx_names_mark(o);
}

int32_t mdl_onnx_lookup(const struct onnx *o, const char *name)
{
    const uint32_t h = hash(name);

    for (uint32_t i = o->buckets[h % ONNX_BUCKETS]; i; i = names(o)[i - 1].next)
        if (names(o)[i - 1].hash == h && !strcmp(names(o)[i - 1].name, name))
            return names(o)[i - 1].value;
    return FLOW_NONE;
}

/* ---- nodes: what maps them ----------------------------------------------------------------------- */

static const char *plain_domain(const char *domain)
{
    return strcmp(domain, "ai.onnx") ? domain : "";
}

static int64_t opset_of(const struct onnx *o, const char *domain)
{
    for (uint32_t i = 0; i < o->n_scope_opsets; i++)
        if (!strcmp(o->scope_opsets[i].domain, domain))
            return o->scope_opsets[i].version;
    return 0;
}

static const struct onnx_op *find_op(const struct onnx_node *n)
{
    for (size_t f = 0; f < N_FAMILIES; f++)
        for (const struct onnx_op *op = families[f]->ops;
             !strcmp(families[f]->domain, n->domain) && op->name; op++)
            if (!strcmp(op->name, n->op) && n->opset >= op->since
                && (!op->until || n->opset <= op->until))
                return op;
    return NULL;
}

int32_t mdl_onnx_emit(struct onnx *o, struct onnx_node *n, const char *op, const int32_t *in,
                  size_t n_in)
{
    const int32_t node = mdl_flow_node(&o->flow, op, n->name, in, n_in, n->n_out);

    for (size_t i = 0; i < n_in; i++)
        if (mdl_onnx_is_sequence(o, in[i]))
            mdl_onnx_refuse(o, n, "a sequence as input %u", (unsigned)i);
    for (uint32_t i = 0; i < n->n_out; i++)
        n->out[i] = mdl_flow_result(&o->flow, node, i);
    return node;
}

void mdl_onnx_map_plain(struct onnx *o, struct onnx_node *n)
{
    const struct onnx_op *op = find_op(n);
    const int32_t node = mdl_onnx_emit(o, n, op->op, n->in, n->n_in);

    if (op->kind)
        mdl_flow_choice(&o->flow, node, "kind", op->kind);
}

void mdl_onnx_map_identity(struct onnx *o, struct onnx_node *n)
{
    (void)o;
    n->out[0] = onnx_in(n, 0);
}

/* ---- functions of the model -------------------------------------------------------------------------- */

static const struct onnx_function *find_function(const struct onnx *o, const struct onnx_node *n,
                                                 const char *overload)
{
    const struct onnx_function *all = (const struct onnx_function *)(const void *)o->functions.data;

    for (size_t i = 0; i < o->functions.bytes / sizeof *all; i++)
        if (!strcmp(all[i].name, n->op) && !strcmp(all[i].domain, n->domain)
            && !strcmp(all[i].overload, overload))
            return &all[i];
    return NULL;
}

static const char *text_field(struct onnx *o, struct bytes message, uint32_t number)
{
    struct bytes b;

    return mdl_wire_find(&message, number, &b) ? mdl_onnx_copy_text(o, b) : "";
}

static mdl_status read_opsets(struct onnx *o, struct bytes message, uint32_t number, struct vec *to)
{
    struct bytes one;

    while (mdl_wire_find(&message, number, &one)) {
        static const struct wire_rule rules[] = { { 2, WIRE_VARINT, 0 }, { 0, 0, 0 } };
        struct onnx_opset s = { .domain = plain_domain(text_field(o, one, 1)) };
        if (!mdl_wire_read(one, rules, &s.version))
            return mdl_onnx_fail(o, &one, MDL_ERR_FORMAT, "an opset is broken");
        if (!mdl_vec_add(to, &o->flow.allocator, &s, sizeof s))
            return mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
        for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
            if (!strcmp(s.domain, domains[i].domain)
                && (s.version < 1 || s.version > domains[i].version))
                return mdl_onnx_fail(o, &one, MDL_ERR_UNSUPPORTED, "opset %lld of %s, this libmodel "
                                 "knows 1 to %lld", (long long)s.version,
                                 s.domain[0] ? s.domain : "ai.onnx",
                                 (long long)domains[i].version);
    }
    return message.bad ? mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "the list of opsets is broken")
                       : MDL_OK;
}

/* Attributes that the function says how to fill in when a call leaves them out. */
static uint32_t add_defaults(struct onnx *o, const struct onnx_function *f, struct onnx_attr *attrs,
                             uint32_t n, uint32_t room)
{
    static const struct wire_rule rules[] = { { A_TYPE, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = f->body, one;

    while (n < room && mdl_wire_find(&left, F_ATTR, &one)) {
        struct onnx_attr a = { .name = text_field(o, one, A_NAME), .body = one };
        int known = 0;
        for (uint32_t i = 0; i < n; i++)
            known |= !strcmp(attrs[i].name, a.name);
        if (!known && mdl_wire_read(one, rules, &a.type))
            attrs[n++] = a;
    }
    return n;
}

/* The body of a function in place of a call. */
static void unfold(struct onnx *o, struct onnx_node *n, const struct onnx_function *f)
{
    const struct onnx_opset *kept_opsets = o->scope_opsets;
    const struct onnx_attr *kept_attrs = o->call_attrs;
    const uint32_t kept_n = o->n_scope_opsets, kept_n_attrs = o->n_call_attrs;
    const uint32_t mark = mdl_onnx_names_mark(o);
    struct vec opsets = { 0 };
    struct bytes left = f->body, one;
    uint32_t defaults = 0, i = 0;

    while (mdl_wire_find(&left, F_ATTR, &one))
        defaults++;
    struct onnx_attr *attrs = mdl_arena_take(&o->flow.arena, (uint64_t)n->n_attrs + defaults,
                                             sizeof *attrs);
    if (!attrs) {
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    for (uint32_t k = 0; k < n->n_attrs; k++) {
        attrs[k] = n->attrs[k];
        n->attrs[k].seen = 1;
    }
    for (left = f->body; mdl_wire_find(&left, F_INPUT, &one); i++)
        mdl_onnx_bind(o, mdl_onnx_copy_text(o, one), onnx_in(n, i));
    if (read_opsets(o, f->body, F_OPSET, &opsets))
        goto out;
    o->call_attrs = attrs;
    o->n_call_attrs = add_defaults(o, f, attrs, n->n_attrs, n->n_attrs + defaults);
    o->scope_opsets = (const struct onnx_opset *)(const void *)opsets.data;
    o->n_scope_opsets = (uint32_t)(opsets.bytes / sizeof *o->scope_opsets);
    if (!mdl_onnx_read_graph_nodes(o, f->body, F_NODE)) {
        i = 0;
        for (left = f->body; mdl_wire_find(&left, F_OUTPUT, &one); i++)
            if (i < n->n_out)
                n->out[i] = mdl_onnx_lookup(o, mdl_onnx_copy_text(o, one));
    }
out:
    mdl_onnx_names_forget(o, mark);
    mdl_vec_free(&opsets, &o->flow.allocator);
    o->scope_opsets = kept_opsets;
    o->n_scope_opsets = kept_n;
    o->call_attrs = kept_attrs;
    o->n_call_attrs = kept_n_attrs;
}

/* ---- one node ---------------------------------------------------------------------------------------- */

struct node_counts { uint32_t in, out, attrs; };

#define SPARE 8ull

/* An attribute that stands for one of the call's (ref_attr_name): that one under its name. */
static int resolve_attr(const struct onnx *o, struct onnx_attr *a, const char *ref)
{
    if (!*ref)
        return 1;
    for (uint32_t i = 0; i < o->n_call_attrs; i++)
        if (!strcmp(o->call_attrs[i].name, ref)) {
            const char *name = a->name;
            *a = o->call_attrs[i];
            a->name = name;
            a->seen = 0;
            return 1;
        }
    return 0;                     /* left out there: left out here */
}

static int read_attr(struct onnx *o, struct bytes body, struct onnx_attr *a)
{
    static const struct wire_rule rules[] = { { A_TYPE, WIRE_VARINT, 0 }, { 0, 0, 0 } };

    *a = (struct onnx_attr){ .name = text_field(o, body, A_NAME), .body = body };
    if (!mdl_wire_read(body, rules, &a->type))
        mdl_onnx_fail(o, &body, MDL_ERR_FORMAT, "an attribute is broken");
    return resolve_attr(o, a, text_field(o, body, A_REF));
}

static mdl_status fill_node(struct onnx *o, struct bytes message, struct onnx_node *n, int32_t *in,
                            const char **outs)
{
    struct wire_field f;
    uint32_t at_in = 0, at_out = 0;

    n->op = text_field(o, message, N_OP);
    n->name = text_field(o, message, N_NAME);
    n->domain = plain_domain(text_field(o, message, N_DOMAIN));
    n->opset = opset_of(o, n->domain);
    while (mdl_wire_next(&message, &f)) {
        if (f.kind != WIRE_BYTES)
            continue;
        if (f.number == N_INPUT) {
            const char *name = mdl_onnx_copy_text(o, f.bytes);
            in[at_in] = *name ? mdl_onnx_lookup(o, name) : FLOW_NONE;
            if (*name && in[at_in] == FLOW_NONE)
                return mdl_onnx_fail(o, &f.bytes, MDL_ERR_FORMAT, "node '%s' (%s) reads '%s', which no "
                                 "node before it makes", n->name, n->op, name);
            at_in++;
        } else if (f.number == N_OUTPUT) {
            outs[at_out++] = mdl_onnx_copy_text(o, f.bytes);
        } else if (f.number == N_ATTR) {
            n->n_attrs += (uint32_t)read_attr(o, f.bytes, &n->attrs[n->n_attrs]);
        }
    }
    return o->status;
}

static void map_node(struct onnx *o, struct onnx_node *n, const char *overload)
{
    const struct onnx_function *function = find_function(o, n, overload);
    const struct onnx_op *op = function ? NULL : find_op(n);

    if (function && o->depth >= ONNX_DEPTH)
        mdl_onnx_fail(o, NULL, MDL_ERR_LIMIT, "node '%s': functions within functions, more than %u",
                  n->name, ONNX_DEPTH);
    else if (function)
        unfold(o, n, function);
    else if (op)
        op->map(o, n);
    else if (!n->opset && strcmp(n->domain, ""))
        mdl_onnx_refuse(o, n, "the model imports no opset of the domain");
    else
        mdl_onnx_refuse(o, n, "%s", "");
    for (uint32_t i = 0; op && i < n->n_attrs; i++)
        if (!n->attrs[i].seen)
            mdl_onnx_refuse(o, n, "attribute %s", n->attrs[i].name);
}

static mdl_status read_node(struct onnx *o, struct bytes message)
{
    struct bytes left = message, ignored;
    struct node_counts c = { 0, 0, 0 };
    struct onnx_node n = { 0 };

    while (mdl_wire_find(&left, N_INPUT, &ignored)) c.in++;
    for (left = message; mdl_wire_find(&left, N_OUTPUT, &ignored);) c.out++;
    for (left = message; mdl_wire_find(&left, N_ATTR, &ignored);) c.attrs++;
    /* Maps may look at the first inputs and set the first results, even of a node without. */
    int32_t *in = mdl_arena_take(&o->flow.arena, c.in + SPARE, sizeof *in);
    const char **outs = mdl_arena_take(&o->flow.arena, c.out, sizeof *outs);
    n.out = mdl_arena_take(&o->flow.arena, c.out + SPARE, sizeof *n.out);
    n.attrs = mdl_arena_take(&o->flow.arena, c.attrs, sizeof *n.attrs);
    if (!in || !outs || !n.out || !n.attrs || !o->nodes_left--)
        return mdl_onnx_fail(o, &message, MDL_ERR_LIMIT, "out of memory, or the functions unfold into "
                         "too many nodes");
    n.in = in;
    n.n_in = c.in;
    n.n_out = c.out;
    for (uint64_t i = 0; i < c.in + SPARE; i++)
        in[i] = FLOW_NONE;
    for (uint64_t i = 0; i < c.out + SPARE; i++)
        n.out[i] = FLOW_NONE;
    if (left.bad || fill_node(o, message, &n, in, outs))
        return mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "a node is broken");
    while (n.n_out && !*outs[n.n_out - 1])
        n.n_out--;                /* results left out at the end */
    o->depth++;
    map_node(o, &n, text_field(o, message, N_OVERLOAD));
    o->depth--;
    for (uint32_t i = 0; i < c.out; i++)
        if (*outs[i])
            mdl_onnx_bind(o, outs[i], n.out[i] == FLOW_NONE ? o->unknown : n.out[i]);
    return o->status ? o->status : o->flow.status;
}

mdl_status mdl_onnx_read_graph_nodes(struct onnx *o, struct bytes graph, uint32_t number)
{
    struct bytes one;
    mdl_status s = MDL_OK;

    while (!s && mdl_wire_find(&graph, number ? number : G_NODE, &one))
        s = read_node(o, one);
    if (!s && graph.bad)
        s = mdl_onnx_fail(o, &graph, MDL_ERR_FORMAT, "the list of nodes is broken");
    return s;
}

mdl_status mdl_onnx_read_constants(struct onnx *o, struct bytes graph)
{
    struct wire_field f;

    while (!o->status && mdl_wire_next(&graph, &f)) {
        const char *name = "";
        const struct flow_tensor *t;
        if (f.kind != WIRE_BYTES || (f.number != G_INIT && f.number != G_SPARSE))
            continue;
        t = f.number == G_INIT ? mdl_onnx_read_tensor(o, f.bytes, &name)
                               : mdl_onnx_read_sparse(o, f.bytes, &name);
        if (t) {
            const int32_t value = mdl_flow_const_in_place(&o->flow, t);
            if (value != FLOW_NONE)
                mdl_flow_value_at(&o->flow, value)->name = name;
            mdl_onnx_bind(o, name, value);
        }
    }
    if (graph.bad)
        mdl_onnx_fail(o, &graph, MDL_ERR_FORMAT, "the graph is broken");
    return o->status;
}

const char *mdl_onnx_graph_io(struct onnx *o, struct bytes graph, uint32_t number, uint32_t i)
{
    struct bytes one;

    while (mdl_wire_find(&graph, number, &one))
        if (!i--)
            return text_field(o, one, 1);
    return NULL;
}

/* ---- inputs and outputs ---------------------------------------------------------------------------------- */

/* The shape of a tensor type; rank MDL_ANY_RANK when there is none. */
static uint32_t read_shape(struct onnx *o, struct bytes shape, int64_t *dims, const char **dim_names)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes one;
    uint32_t rank = 0;

    while (mdl_wire_find(&shape, 1, &one)) {
        int64_t d = -1;
        if (rank == MDL_MAX_RANK || !mdl_wire_read(one, rules, &d)) {
            mdl_onnx_fail(o, &one, MDL_ERR_UNSUPPORTED, "an input of more than %d dimensions",
                      MDL_MAX_RANK);
            return 0;
        }
        const char *name = text_field(o, one, 2);
        dim_names[rank] = *name ? name : NULL;
        dims[rank++] = d < 0 ? -1 : d;
    }
    return rank;
}

static mdl_status read_input(struct onnx *o, struct bytes info)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = info, type, tensor, shape;
    int64_t dims[MDL_MAX_RANK], element = 0;
    const char *dim_names[MDL_MAX_RANK] = { NULL };
    const char *name = text_field(o, info, 1);
    uint32_t rank = MDL_ANY_RANK;

    if (mdl_onnx_lookup(o, name) != FLOW_NONE)
        return MDL_OK;            /* an initializer: what it is if nobody gives another one */
    if (!mdl_wire_find(&left, 2, &type))
        return mdl_onnx_fail(o, &info, MDL_ERR_FORMAT, "input '%s' has no type", name);
    left = type;
    if (!mdl_wire_find(&left, 1, &tensor))
        return mdl_onnx_fail(o, &info, MDL_ERR_UNSUPPORTED, "input '%s' is no tensor but a sequence, "
                         "a map or optional", name);
    if (!mdl_wire_read(tensor, rules, &element) || !mdl_onnx_type(element))
        return mdl_onnx_fail(o, &info, MDL_ERR_UNSUPPORTED, "input '%s' of element type %lld", name,
                         (long long)element);
    left = tensor;
    if (mdl_wire_find(&left, 2, &shape))
        rank = read_shape(o, shape, dims, dim_names);
    mdl_onnx_bind(o, name, mdl_flow_input(&o->flow, name, mdl_onnx_type(element), rank, dims, dim_names));
    return o->status ? o->status : o->flow.status;
}

static mdl_status read_graph(struct onnx *o, struct bytes graph)
{
    struct bytes left = graph, one;
    int32_t outputs = 0;
    mdl_status s = mdl_onnx_read_constants(o, graph);

    while (!s && mdl_wire_find(&left, G_INPUT, &one))
        s = read_input(o, one);
    if (!s) s = mdl_onnx_read_graph_nodes(o, graph, G_NODE);
    for (left = graph; !s && mdl_wire_find(&left, G_OUTPUT, &one);) {
        const char *name = text_field(o, one, 1);
        const int32_t value = mdl_onnx_lookup(o, name);
        if (value == FLOW_NONE)
            return mdl_onnx_fail(o, &one, MDL_ERR_FORMAT, "output '%s' is made by no node", name);
        if (mdl_onnx_is_sequence(o, value))
            return mdl_onnx_fail(o, &one, MDL_ERR_UNSUPPORTED, "output '%s' is no tensor but a sequence",
                             name);
        mdl_onnx_zip_output(o, one, value, name, outputs++);
        mdl_flow_output(&o->flow, name, value);
    }
    return s;
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static mdl_status read_functions(struct onnx *o, struct bytes model)
{
    struct bytes one;

    while (mdl_wire_find(&model, M_FUNCTION, &one)) {
        const struct onnx_function f = { .domain = plain_domain(text_field(o, one, F_DOMAIN)),
                                         .name = text_field(o, one, F_NAME),
                                         .overload = text_field(o, one, F_OVERLOAD), .body = one };
        if (!mdl_vec_add(&o->functions, &o->flow.allocator, &f, sizeof f))
            return mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
    }
    return o->status;
}

static void add_metadata(struct onnx *o, struct bytes model, int64_t ir)
{
    const struct onnx_opset *sets = (const struct onnx_opset *)(const void *)o->opsets.data;
    char text[64], key[128];
    struct bytes left = model, one;

    while (mdl_wire_find(&left, M_META, &one))   /* first: what we say ourselves holds */
        mdl_build_metadata(o->b, text_field(o, one, 1), text_field(o, one, 2));
    mdl_build_metadata(o->b, "source", "onnx");
    snprintf(text, sizeof text, "ir %lld", (long long)ir);
    mdl_build_metadata(o->b, "source_version", text);
    for (size_t i = 0; i < o->opsets.bytes / sizeof *sets; i++) {
        snprintf(key, sizeof key, "opset.%s", sets[i].domain[0] ? sets[i].domain : "ai.onnx");
        snprintf(text, sizeof text, "%lld", (long long)sets[i].version);
        mdl_build_metadata(o->b, key, text);
    }
    left = model;
    if (mdl_wire_find(&left, M_PRODUCER, &one))
        mdl_build_metadata(o->b, "producer", mdl_onnx_copy_text(o, one));
    left = model;
    if (mdl_wire_find(&left, M_PRODUCER_VERSION, &one))
        mdl_build_metadata(o->b, "producer_version", mdl_onnx_copy_text(o, one));
}

static mdl_status read_model(struct onnx *o, struct bytes model)
{
    static const struct wire_rule rules[] = { { M_IR, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = model, graph;
    int64_t ir = 0;

    if (!mdl_wire_read(model, rules, &ir) || !mdl_wire_find(&left, M_GRAPH, &graph))
        return mdl_onnx_fail(o, &model, MDL_ERR_FORMAT, "not an ONNX model, or one that is cut off");
    if (ir < LEAST_IR || ir > MOST_IR)
        return mdl_onnx_fail(o, NULL, MDL_ERR_UNSUPPORTED, "IR version %lld, this libmodel reads %d to "
                         "%d", (long long)ir, LEAST_IR, MOST_IR);
    mdl_status s = read_opsets(o, model, M_OPSET, &o->opsets);
    if (!s) s = read_functions(o, model);
    if (s)
        return s;
    o->scope_opsets = (const struct onnx_opset *)(const void *)o->opsets.data;
    o->n_scope_opsets = (uint32_t)(o->opsets.bytes / sizeof *o->scope_opsets);
    o->unknown = mdl_flow_const_f32(&o->flow, 0);
    s = read_graph(o, graph);
    if (!s) s = report(o);
    if (!s) s = o->flow.status;
    if (!s) {
        char passes[256];
        mdl_flow_optimize(&o->flow, o->options, passes, sizeof passes);
        mdl_flow_build(&o->flow, o->b);
        add_metadata(o, model, ir);
        mdl_onnx_zip_build(o);
        mdl_build_metadata(o->b, "passes", passes);
    }
    return s;
}

/* ---- the importer ---------------------------------------------------------------------------------------- */

/* A protobuf message that begins like a ModelProto: small fields in front of the graph. */
static int probe(struct bytes file)
{
    struct wire_field f;
    int ir = 0;

    for (int i = 0; i < 64 && mdl_wire_next(&file, &f); i++) {
        if (f.number == M_IR && f.kind == WIRE_VARINT)
            ir = f.value > 0 && f.value < 1000;
        if (f.number == M_GRAPH)
            return ir && f.kind == WIRE_BYTES;
        if (f.number > 32)
            return 0;
    }
    return ir && file.bad;        /* cut off: convert says so */
}

static mdl_status convert(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    struct onnx *o = a.alloc(a.user, sizeof *o);
    mdl_error first = MDL_ERROR_INIT;

    if (!o)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    memset(o, 0, sizeof *o);
    o->options = options;
    o->b = b;
    o->err = &first;
    o->file = file;
    o->directory = options->directory;
    o->nodes_left = 100000 + bytes_left(&file);
    mdl_flow_init(&o->flow);
    mdl_status s = read_model(o, file);
    if (s && !first.code)
        mdl_fail(&first, s, "%s", mdl_strerror(s));
    if (s)
        mdl_error_copy(err, &first);
    mdl_vec_free(&o->names, &o->flow.allocator);
    mdl_vec_free(&o->opsets, &o->flow.allocator);
    mdl_vec_free(&o->functions, &o->flow.allocator);
    mdl_vec_free(&o->refusals, &o->flow.allocator);
    mdl_vec_free(&o->zips, &o->flow.allocator);
    mdl_flow_free(&o->flow);
    a.free(a.user, o, sizeof *o);
    return s;
}

const struct importer mdl_importer_onnx = {
    .name = "onnx",
    .about = "ONNX models, IR 3 to 13, opsets to 27",
    .probe = probe,
    .convert = convert,
};
