/*
 * import/onnx_node.c - nodes of an ONNX graph, by the tables of onnx_<family>.c
 *
 * Each is mapped in its order; a call of a function of the model is unfolded where it stands.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_file.h"

/* NodeProto, FunctionProto, AttributeProto. */
enum { N_INPUT = 1, N_OUTPUT = 2, N_NAME = 3, N_OP = 4, N_ATTR = 5, N_DOMAIN = 7, N_OVERLOAD = 8 };
enum { F_INPUT = 4, F_OUTPUT = 5, F_NODE = 7, F_OPSET = 9, F_ATTR = 11 };
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
/* ---- nodes: what maps them ----------------------------------------------------------------------- */
const char *mdl_onnx_domain(const char *domain)
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
mdl_status mdl_onnx_read_opsets(struct onnx *o, struct bytes message, uint32_t number, struct vec *to)
{
    struct bytes one;

    while (mdl_wire_find(&message, number, &one)) {
        static const struct wire_rule rules[] = { { 2, WIRE_VARINT, 0 }, { 0, 0, 0 } };
        struct onnx_opset s = { .domain = mdl_onnx_domain(mdl_onnx_text_field(o, one, 1)) };
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

/* Attributes that the function says how to fill in when a call leaves them out; the first of a name
 * counts. */
static uint32_t add_defaults(struct onnx *o, const struct onnx_function *f, struct onnx_attr *attrs,
                             uint32_t n, uint32_t room)
{
    static const struct wire_rule rules[] = { { A_TYPE, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = f->body, one;

    while (n < room && mdl_wire_find(&left, F_ATTR, &one)) {
        struct onnx_attr a = { .name = mdl_onnx_text_field(o, one, A_NAME), .body = one };
        if (mdl_wire_read(one, rules, &a.type))
            attrs[n++] = a;
    }
    return n;
}

#define NODE_BYTES 128u           /* a larger node counts as several, and so does the body of a function */
#define TOO_MANY "out of memory, or the functions unfold into too many nodes"

int mdl_onnx_spend(struct onnx *o, uint64_t nodes)
{
    if (nodes > o->nodes_left)
        return mdl_onnx_fail(o, NULL, MDL_ERR_LIMIT, TOO_MANY) == MDL_OK;
    o->nodes_left -= nodes;
    return 1;
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

    if (!mdl_onnx_spend(o, bytes_left(&left) / NODE_BYTES))
        return;
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
    if (mdl_onnx_read_opsets(o, f->body, F_OPSET, &opsets))
        goto out;
    o->call_attrs = attrs;
    o->n_call_attrs = add_defaults(o, f, attrs, n->n_attrs, n->n_attrs + defaults);
    o->scope_opsets = (const struct onnx_opset *)(const void *)opsets.data;
    o->n_scope_opsets = (uint32_t)(opsets.bytes / sizeof *o->scope_opsets);
    if (!mdl_onnx_read_list(o, f->body, F_NODE)) {
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

    *a = (struct onnx_attr){ .name = mdl_onnx_text_field(o, body, A_NAME), .body = body };
    if (!mdl_wire_read(body, rules, &a->type))
        mdl_onnx_fail(o, &body, MDL_ERR_FORMAT, "an attribute is broken");
    return resolve_attr(o, a, mdl_onnx_text_field(o, body, A_REF));
}

static mdl_status fill_node(struct onnx *o, struct bytes message, struct onnx_node *n, int32_t *in,
                            const char **outs)
{
    struct wire_field f;
    uint32_t at_in = 0, at_out = 0;

    n->op = mdl_onnx_text_field(o, message, N_OP);
    n->name = mdl_onnx_text_field(o, message, N_NAME);
    n->domain = mdl_onnx_domain(mdl_onnx_text_field(o, message, N_DOMAIN));
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
    const uint64_t cost = 1 + bytes_left(&message) / NODE_BYTES;
    if (!in || !outs || !n.out || !n.attrs || cost > o->nodes_left)
        return mdl_onnx_fail(o, &message, MDL_ERR_LIMIT, TOO_MANY);
    o->nodes_left -= cost;
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
    map_node(o, &n, mdl_onnx_text_field(o, message, N_OVERLOAD));
    o->depth--;
    for (uint32_t i = 0; i < c.out; i++)
        if (*outs[i])
            mdl_onnx_bind(o, outs[i], n.out[i] == FLOW_NONE ? o->unknown : n.out[i]);
    return o->status ? o->status : o->flow.status;
}

mdl_status mdl_onnx_read_list(struct onnx *o, struct bytes message, uint32_t number)
{
    struct bytes one;
    mdl_status s = MDL_OK;

    while (!s && mdl_wire_find(&message, number, &one))
        s = read_node(o, one);
    if (!s && message.bad)
        s = mdl_onnx_fail(o, &message, MDL_ERR_FORMAT, "the list of nodes is broken");
    return s;
}
