/*
 * import/onnx_attr.c - attributes of a node
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_file.h"

/* AttributeProto, and AttributeProto.AttributeType. */
enum { A_F = 2, A_I = 3, A_S = 4, A_T = 5, A_G = 6, A_FLOATS = 7, A_INTS = 8, A_STRINGS = 9 };
enum { T_FLOAT = 1, T_INT, T_STRING, T_TENSOR, T_GRAPH, T_FLOATS, T_INTS, T_STRINGS };

static struct onnx_attr *find(const struct onnx_node *n, const char *name)
{
    for (uint32_t i = 0; i < n->n_attrs; i++)
        if (!strcmp(n->attrs[i].name, name)) {
            n->attrs[i].seen = 1;
            return &n->attrs[i];
        }
    return NULL;
}

int mdl_onnx_has(const struct onnx_node *n, const char *name)
{
    return find(n, name) != NULL;
}

/* The attribute if it has that type; another type fails the conversion. */
static struct onnx_attr *typed(struct onnx *o, const struct onnx_node *n, const char *name,
                               int64_t type)
{
    struct onnx_attr *a = find(n, name);

    /* Files of IR version 1 and 2 need not say the type. */
    if (a && a->type && a->type != type) {
        mdl_onnx_fail(o, &a->body, MDL_ERR_FORMAT, "node '%s' (%s): attribute %s has type %lld, "
                      "expected %lld", n->name, n->op, name, (long long)a->type, (long long)type);
        return NULL;
    }
    return a;
}

static void broken(struct onnx *o, const struct onnx_node *n, const struct onnx_attr *a)
{
    mdl_onnx_fail(o, &a->body, MDL_ERR_FORMAT, "node '%s' (%s): attribute %s is broken", n->name, n->op,
                  a->name);
}

int64_t mdl_onnx_int(struct onnx *o, const struct onnx_node *n, const char *name, int64_t fallback)
{
    static const struct wire_rule rules[] = { { A_I, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    const struct onnx_attr *a = typed(o, n, name, T_INT);
    int64_t v = 0;

    if (!a)
        return fallback;
    if (!mdl_wire_read(a->body, rules, &v))
        broken(o, n, a);
    return v;
}

double mdl_onnx_float(struct onnx *o, const struct onnx_node *n, const char *name, double fallback)
{
    static const struct wire_rule rules[] = { { A_F, WIRE_32, 0 }, { 0, 0, 0 } };
    const struct onnx_attr *a = typed(o, n, name, T_FLOAT);
    float v = 0;

    if (!a)
        return fallback;
    if (!mdl_wire_read(a->body, rules, &v))
        broken(o, n, a);
    return (double)v;
}

const char *mdl_onnx_string(struct onnx *o, const struct onnx_node *n, const char *name,
                      const char *fallback)
{
    static const struct wire_rule rules[] = { { A_S, WIRE_BYTES, 0 }, { 0, 0, 0 } };
    const struct onnx_attr *a = typed(o, n, name, T_STRING);
    struct bytes v = { 0 };

    if (!a)
        return fallback;
    if (!mdl_wire_read(a->body, rules, &v))
        broken(o, n, a);
    return mdl_onnx_copy_text(o, v);
}

const int64_t *mdl_onnx_ints(struct onnx *o, const struct onnx_node *n, const char *name,
                             uint64_t *count)
{
    const struct onnx_attr *a = typed(o, n, name, T_INTS);

    *count = 0;
    if (!a)
        return NULL;
    *count = mdl_wire_count(a->body, A_INTS, WIRE_VARINT);
    int64_t *all = mdl_arena_take(&o->flow.arena, *count, sizeof *all), *to = all;
    struct wire_list w = { .message = a->body, .number = A_INTS, .kind = WIRE_VARINT };
    uint64_t v;
    while (all && mdl_wire_each(&w, &v))
        *to++ = (int64_t)v;
    if (!all || w.message.bad)
        broken(o, n, a);
    return all;
}

const float *mdl_onnx_floats(struct onnx *o, const struct onnx_node *n, const char *name,
                             uint64_t *count)
{
    const struct onnx_attr *a = typed(o, n, name, T_FLOATS);

    *count = 0;
    if (!a)
        return NULL;
    *count = mdl_wire_count(a->body, A_FLOATS, WIRE_32);
    float *all = mdl_arena_take(&o->flow.arena, *count, sizeof *all), *to = all;
    struct wire_list w = { .message = a->body, .number = A_FLOATS, .kind = WIRE_32 };
    uint64_t v;
    while (all && mdl_wire_each(&w, &v)) {
        const uint32_t bits = (uint32_t)v;
        memcpy(to++, &bits, sizeof bits);
    }
    if (!all || w.message.bad)
        broken(o, n, a);
    return all;
}

const char *const *mdl_onnx_texts(struct onnx *o, const struct onnx_node *n, const char *name,
                                  uint64_t *count)
{
    const struct onnx_attr *a = typed(o, n, name, T_STRINGS);
    struct bytes left, one;

    *count = 0;
    if (!a)
        return NULL;
    for (left = a->body; mdl_wire_find(&left, A_STRINGS, &one);)
        ++*count;
    const char **all = mdl_arena_take(&o->flow.arena, *count, sizeof *all), **to = all;
    for (left = a->body; all && mdl_wire_find(&left, A_STRINGS, &one);)
        *to++ = mdl_onnx_copy_text(o, one);
    if (!all || left.bad)
        broken(o, n, a);
    return all;
}

const struct flow_tensor *mdl_onnx_tensor(struct onnx *o, const struct onnx_node *n, const char *name)
{
    const struct onnx_attr *a = typed(o, n, name, T_TENSOR);
    struct bytes left, message;

    if (!a)
        return NULL;
    left = a->body;
    if (mdl_wire_find(&left, A_T, &message))
        return mdl_onnx_read_tensor(o, message, NULL);
    broken(o, n, a);
    return NULL;
}

const struct bytes *mdl_onnx_attr_body(const struct onnx_node *n, const char *name)
{
    const struct onnx_attr *a = find(n, name);

    return a ? &a->body : NULL;
}

struct bytes mdl_onnx_attr_graph(struct onnx *o, const struct onnx_node *n, const char *name)
{
    const struct onnx_attr *a = typed(o, n, name, T_GRAPH);
    struct bytes left, message = { 0 };

    if (!a) {
        mdl_onnx_fail(o, NULL, MDL_ERR_FORMAT, "node '%s' (%s) has no %s", n->name, n->op, name);
        return message;
    }
    left = a->body;
    if (!mdl_wire_find(&left, A_G, &message))
        broken(o, n, a);
    return message;
}

void mdl_onnx_ignore(struct onnx *o, const struct onnx_node *n, const char *name)
{
    (void)o;
    find(n, name);
}

int32_t mdl_onnx_ints_value(struct onnx *o, const struct onnx_node *n, uint32_t i, const char *name)
{
    uint64_t count;

    if (onnx_in(n, i) != FLOW_NONE)
        return onnx_in(n, i);
    const int64_t *v = mdl_onnx_ints(o, n, name, &count);
    return v ? mdl_flow_const_ints(&o->flow, v, count) : FLOW_NONE;
}
