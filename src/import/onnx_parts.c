/*
 * import/onnx_parts.c - values of more than one tensor: what a type says, apart and together
 *
 *     input or output NAME   tensors
 *     sequence of tensors    NAME, NAME.dims
 *     optional tensor        NAME, NAME.given
 *     optional sequence      NAME, NAME.dims, NAME.given
 *     map (inputs alone)     NAME, NAME.keys
 *
 * See onnx_packed.h for what is in them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_packed.h"

#include <stdio.h>

/* TypeProto and its parts. */
enum { T_TENSOR = 1, T_SEQUENCE = 4, T_MAP = 5, T_OPTIONAL = 9 };

struct onnx_part {
    const char *name;
    struct onnx_kind kind;
};

/* ---- kinds ----------------------------------------------------------------------------------- */

static int read_tensor(struct onnx *o, struct bytes tensor, struct onnx_kind *kind)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes shape;
    int64_t element = 0;

    if (!mdl_wire_read(tensor, rules, &element) || !mdl_onnx_type(element))
        return 0;
    kind->type = mdl_onnx_type(element);
    kind->rank = MDL_ANY_RANK;
    if (mdl_wire_find(&tensor, 2, &shape))
        kind->rank = mdl_onnx_read_shape(o, shape, kind->dims, kind->dim_names);
    return 1;
}

static int read_map(struct onnx *o, struct bytes map, struct onnx_kind *kind)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = map, values, tensor;
    int64_t key = 0;

    if (!mdl_wire_read(map, rules, &key) || !mdl_wire_find(&left, 2, &values)
        || !mdl_wire_find(&values, T_TENSOR, &tensor) || !read_tensor(o, tensor, kind))
        return 0;
    kind->key_type = mdl_onnx_type(key);
    kind->is_map = 1;
    return kind->key_type == MDL_STRING || kind->key_type == MDL_I64;
}

int mdl_onnx_read_kind(struct onnx *o, struct bytes type, struct onnx_kind *kind)
{
    struct bytes left = type, inner;

    *kind = (struct onnx_kind){ .rank = MDL_ANY_RANK };
    if (mdl_wire_find(&left, T_OPTIONAL, &inner)) {
        kind->is_optional = 1;
        if (!mdl_wire_find(&inner, 1, &type))
            return 0;
    }
    left = type;
    if (mdl_wire_find(&left, T_MAP, &inner))
        return !kind->is_optional && read_map(o, inner, kind);
    left = type;
    if (mdl_wire_find(&left, T_SEQUENCE, &inner)) {
        kind->is_sequence = 1;
        if (!mdl_wire_find(&inner, 1, &type))
            return 0;
    }
    return mdl_wire_find(&type, T_TENSOR, &inner) && read_tensor(o, inner, kind);
}

void mdl_onnx_widen_kind(const struct onnx *o, struct onnx_kind *kind, int32_t value)
{
    const struct flow *f = mdl_onnx_flow((struct onnx *)(uintptr_t)o);
    const struct flow_node *n = mdl_onnx_compound(f, value);

    if (n && !strcmp(n->op, ONNX_OPTIONAL)) {
        kind->is_optional = 1;
        n = mdl_onnx_compound(f, n->in[1]);
    }
    if (n && !strcmp(n->op, ONNX_MAP))
        kind->is_map = 1;
    else if (n)
        kind->is_sequence = 1;
}

struct onnx_kind mdl_onnx_body_kind(struct onnx *o, struct bytes graph, uint32_t number, uint32_t i)
{
    struct onnx_kind kind = { .rank = MDL_ANY_RANK };
    struct bytes info, type;

    while (mdl_wire_find(&graph, number, &info))
        if (!i--) {
            if (!mdl_wire_find(&info, 2, &type) || !mdl_onnx_read_kind(o, type, &kind))
                kind = (struct onnx_kind){ .rank = MDL_ANY_RANK };
            break;
        }
    return kind;
}

/* ---- apart and together ---------------------------------------------------------------------- */

const struct flow_node *mdl_onnx_compound(const struct flow *f, int32_t value)
{
    static const char *const ops[] = { ONNX_LIST, ONNX_SPLIT, ONNX_PACKED, ONNX_OPTIONAL, ONNX_MAP };
    const int32_t node = value == FLOW_NONE ? FLOW_NONE : mdl_flow_value_at(f, value)->node;
    const struct flow_node *n = node == FLOW_NONE ? NULL : mdl_flow_node_at(f, node);

    for (size_t i = 0; n && n->dead && i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(n->op, ops[i]))
            return n;
    return NULL;
}

int32_t mdl_onnx_make_compound(struct onnx *o, const char *name, const char *op, const int32_t *in,
                               size_t n_in)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int32_t node = mdl_flow_node(f, op, name, in, n_in, 1);

    if (node != FLOW_NONE)
        mdl_flow_node_at(f, node)->dead = 1;
    return mdl_flow_result(f, node, 0);
}

uint32_t mdl_onnx_n_parts(const struct onnx_kind *kind)
{
    return 1 + (uint32_t)(kind->is_sequence + kind->is_optional + kind->is_map);
}

static int is_optional(const struct flow_node *n)
{
    return n && !strcmp(n->op, ONNX_OPTIONAL);
}

uint32_t mdl_onnx_take_apart(struct onnx *o, const struct onnx_node *n, const struct onnx_kind *kind,
                             int32_t value, int32_t *parts)
{
    struct flow *f = mdl_onnx_flow(o);
    const struct flow_node *c = mdl_onnx_compound(f, value);
    const int held = is_optional(c);
    const int32_t inside = held ? c->in[1] : value, told = held ? c->in[0] : FLOW_NONE;
    const uint8_t yes = 1;
    uint32_t k = 0;

    c = mdl_onnx_compound(f, inside);
    if ((c != NULL) != (kind->is_sequence || kind->is_map)
        || (c && !strcmp(c->op, ONNX_MAP)) != kind->is_map) {
        mdl_onnx_refuse(o, n, "a value of another kind than is declared");
        return 0;
    }
    if (kind->is_map) {
        parts[k++] = c->in[0];
        parts[k++] = c->in[1];
    } else if (kind->is_sequence) {
        const struct packed s = mdl_onnx_pack(o, n, inside);
        parts[k++] = s.data;
        parts[k++] = s.dims;
        if (s.dims == FLOW_NONE)
            return 0;
    } else {
        parts[k++] = inside;
    }
    if (kind->is_optional)
        parts[k++] = held ? told : mdl_flow_const(f, MDL_BOOL, 0, NULL, &yes);
    else if (held)
        parts[k - 1] = mdl_onnx_guard(o, parts[k - 1], told);
    return k;
}

int32_t mdl_onnx_put_together(struct onnx *o, const struct onnx_kind *kind, const int32_t *parts)
{
    int32_t value = parts[0];

    if (kind->is_sequence || kind->is_map)
        value = mdl_onnx_make_compound(o, "", kind->is_map ? ONNX_MAP : ONNX_PACKED, parts, 2);
    if (kind->is_optional) {
        const int32_t in[2] = { parts[mdl_onnx_n_parts(kind) - 1], value };
        value = mdl_onnx_make_compound(o, "", ONNX_OPTIONAL, in, 2);
    }
    return value;
}

/* ---- inputs and outputs of the graph --------------------------------------------------------- */

static const char *with_suffix(struct onnx *o, const char *name, const char *suffix)
{
    const size_t bytes = strlen(name) + strlen(suffix) + 1;
    char *to = mdl_arena_take(&mdl_onnx_flow(o)->arena, bytes, 1);

    if (to)
        snprintf(to, bytes, "%s%s", name, suffix);
    return to ? to : "";
}

static void note(struct onnx *o, const char *name, const struct onnx_kind *kind)
{
    const struct onnx_part p = { name, *kind };

    if (!mdl_vec_add(&o->parts, &o->flow.allocator, &p, sizeof p))
        mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
}

/* The name of each part, in the order of mdl_onnx_take_apart. */
static void part_names(struct onnx *o, const char *name, const struct onnx_kind *kind, const char **names)
{
    uint32_t k = 0;

    names[k++] = name;
    if (kind->is_map)
        names[k++] = with_suffix(o, name, ".keys");
    if (kind->is_sequence)
        names[k++] = with_suffix(o, name, ".dims");
    if (kind->is_optional)
        names[k++] = with_suffix(o, name, ".given");
}

int mdl_onnx_parts_input(struct onnx *o, const char *name, struct bytes type)
{
    const int64_t any[1] = { -1 }, rows[2] = { -1, MDL_MAX_RANK };
    const char *names[ONNX_MOST_PARTS];
    struct flow *f = mdl_onnx_flow(o);
    struct onnx_kind kind;
    int32_t parts[ONNX_MOST_PARTS];
    uint32_t k = 0;

    if (!mdl_onnx_read_kind(o, type, &kind))
        return 0;
    part_names(o, name, &kind, names);
    parts[k++] = kind.is_sequence || kind.is_map
               ? mdl_flow_input(f, name, kind.type, 1, any, NULL)
               : mdl_flow_input(f, name, kind.type, kind.rank, kind.dims, kind.dim_names);
    if (kind.is_map)
        parts[k] = mdl_flow_input(f, names[k], kind.key_type, 1, any, NULL), k++;
    if (kind.is_sequence)
        parts[k] = mdl_flow_input(f, names[k], MDL_I64, 2, rows, NULL), k++;
    if (kind.is_optional)
        parts[k] = mdl_flow_input(f, names[k], MDL_BOOL, 0, NULL, NULL), k++;
    mdl_onnx_bind(o, name, mdl_onnx_put_together(o, &kind, parts));
    note(o, name, &kind);
    return 1;
}

uint32_t mdl_onnx_parts_output(struct onnx *o, const char *name, struct bytes info, int32_t value)
{
    const struct onnx_node here = { .op = "output", .domain = "", .name = name };
    struct onnx_kind kind = { .rank = MDL_ANY_RANK }, real = kind;
    const char *names[ONNX_MOST_PARTS];
    int32_t parts[ONNX_MOST_PARTS];
    struct bytes type;

    mdl_onnx_widen_kind(o, &real, value);
    if (mdl_onnx_n_parts(&real) == 1)
        return 0;                 /* scores of a ZipMap, too: onnx_maps.c */
    if (!mdl_wire_find(&info, 2, &type) || !mdl_onnx_read_kind(o, type, &kind))
        kind = real;
    const uint32_t n = mdl_onnx_take_apart(o, &here, &kind, value, parts);
    part_names(o, name, &kind, names);
    for (uint32_t i = 0; i < n; i++)
        mdl_flow_output(mdl_onnx_flow(o), names[i], parts[i]);
    if (n > 1)
        note(o, name, &kind);
    return n;
}

static void build_names(struct onnx *o, const char *key, int which)
{
    const struct onnx_part *all = (const struct onnx_part *)(const void *)o->parts.data;
    const size_t n = o->parts.bytes / sizeof *all;
    size_t bytes = 1, used = 0;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(all[i].name) + 1;
    char *names = mdl_arena_take(&o->flow.arena, bytes, 1);
    if (!names) {
        mdl_builder_fail(o->b, MDL_ERR_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (which == 0 ? all[i].kind.is_sequence : which == 1 ? all[i].kind.is_optional
            : all[i].kind.is_map)
            used += (size_t)snprintf(names + used, bytes - used, "%s%s", used ? "\n" : "", all[i].name);
    if (used)
        mdl_build_metadata(o->b, key, names);
}

void mdl_onnx_parts_build(struct onnx *o)
{
    build_names(o, "sequences", 0);
    build_names(o, "optionals", 1);
    build_names(o, "maps", 2);
}
