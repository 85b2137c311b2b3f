/*
 * import/onnx_sequence.c - operators on sequences and optionals
 *
 * A sequence whose elements are known at conversion stands for them: ONNX_LIST, whose inputs are
 * the elements (parameter "type": of none), or ONNX_SPLIT, the tensor that is cut and the sizes.
 * Operators on it become operators on elements.  Where that is not known it is packed, and they
 * become operators on that: onnx_packed.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_packed.h"

enum { G_INPUT = 11, G_OUTPUT = 12 };

#define MOST  1024u               /* elements of a list                                */

/* The list or split that a value stands for; NULL for others.  Until a node is added. */
static const struct flow_node *sequence_of(const struct flow *f, int32_t value)
{
    const struct flow_node *n = mdl_onnx_compound(f, value);

    return n && (!strcmp(n->op, ONNX_LIST) || !strcmp(n->op, ONNX_SPLIT)) ? n : NULL;
}

int mdl_onnx_is_sequence(const struct onnx *o, int32_t value)
{
    return mdl_onnx_compound(mdl_onnx_flow((struct onnx *)(uintptr_t)o), value) != NULL;
}

static int32_t make_sequence(struct onnx *o, const struct onnx_node *n, const char *op,
                             const int32_t *in, size_t n_in)
{
    return mdl_onnx_make_compound(o, n->name, op, in, n_in);
}

static int32_t make_packed(struct onnx *o, const struct onnx_node *n, struct packed s)
{
    return mdl_onnx_make_compound(o, n->name, ONNX_PACKED, (int32_t[]){ s.data, s.dims }, 2);
}

/* Elements of input 0 into list[*count], with room for one more; 0 when they are not known. */
static int take_list(struct onnx *o, const struct onnx_node *n, int32_t *list, uint32_t *count)
{
    const struct flow_node *seq = sequence_of(mdl_onnx_flow(o), onnx_in(n, 0));

    if (!seq || strcmp(seq->op, ONNX_LIST) || seq->n_in >= MOST)
        return 0;
    *count = seq->n_in;
    for (uint32_t i = 0; i < seq->n_in; i++)
        list[i] = seq->in[i];
    return 1;
}

/* Is a position known, or not given? */
static int is_fixed(struct onnx *o, const struct onnx_node *n, uint32_t i)
{
    return onnx_in(n, i) == FLOW_NONE || mdl_flow_constant(mdl_onnx_flow(o), onnx_in(n, i));
}

/* The constant in input i, of 0 .. count - 1 or the same from the end; `fallback` when it is not
 * given, -1 after a refusal. */
static int64_t position(struct onnx *o, const struct onnx_node *n, uint32_t i, int64_t count,
                        int64_t fallback)
{
    const struct flow_tensor *t = mdl_flow_constant(mdl_onnx_flow(o), onnx_in(n, i));
    int64_t at = 0;

    if (onnx_in(n, i) == FLOW_NONE && fallback >= 0)
        return fallback;
    if (t && t->count == 1 && t->type == MDL_I64)
        at = *(const int64_t *)t->data;
    else if (t && t->count == 1 && t->type == MDL_I32)
        at = *(const int32_t *)t->data;
    else
        t = NULL;
    if (t && at >= -count && at < count)
        return at < 0 ? at + count : at;
    mdl_onnx_refuse(o, n, t ? "a position outside the sequence"
                        : "a position that is not known at conversion");
    return -1;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void map_construct(struct onnx *o, struct onnx_node *n)
{
    const uint32_t type = mdl_onnx_type(mdl_onnx_int(o, n, "dtype", 1));   /* of SequenceEmpty */

    n->out[0] = make_sequence(o, n, ONNX_LIST, n->in, n->n_in);
    if (n->out[0] != FLOW_NONE)
        mdl_flow_int(mdl_onnx_flow(o), mdl_flow_value_at(mdl_onnx_flow(o), n->out[0])->node, "type",
                     type ? type : MDL_F32);
}

static void map_insert(struct onnx *o, struct onnx_node *n)
{
    int32_t list[MOST];
    uint32_t count;

    if (!is_fixed(o, n, 2) || !take_list(o, n, list, &count)) {
        const struct packed s = mdl_onnx_pack(o, n, onnx_in(n, 0));
        if (s.dims != FLOW_NONE)
            n->out[0] = make_packed(o, n, mdl_onnx_packed_insert(o, s, onnx_in(n, 1), onnx_in(n, 2)));
        return;
    }
    const int64_t at = position(o, n, 2, (int64_t)count + 1, count);
    if (at < 0)
        return;
    /* A position from the end counts from that of the sequence before. */
    const struct flow_tensor *t = mdl_flow_constant(mdl_onnx_flow(o), onnx_in(n, 2));
    const int back = t && (t->type == MDL_I64 ? *(const int64_t *)t->data < 0
                                              : *(const int32_t *)t->data < 0);
    const int64_t place = at - back;
    if (place < 0) {
        mdl_onnx_refuse(o, n, "a position outside the sequence");
        return;
    }
    memmove(list + place + 1, list + place, (size_t)(count - place) * sizeof *list);
    list[place] = onnx_in(n, 1);
    n->out[0] = make_sequence(o, n, ONNX_LIST, list, count + 1);
}

static void map_erase(struct onnx *o, struct onnx_node *n)
{
    int32_t list[MOST];
    uint32_t count;

    if (!is_fixed(o, n, 1) || !take_list(o, n, list, &count)) {
        const struct packed s = mdl_onnx_pack(o, n, onnx_in(n, 0));
        if (s.dims != FLOW_NONE)
            n->out[0] = make_packed(o, n, mdl_onnx_packed_erase(o, s, onnx_in(n, 1)));
        return;
    }
    const int64_t at = position(o, n, 1, count, (int64_t)count - 1);
    if (at < 0)
        return;
    memmove(list + at, list + at + 1, (size_t)(count - 1 - at) * sizeof *list);
    n->out[0] = make_sequence(o, n, ONNX_LIST, list, count - 1);
}

static void map_split(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int32_t in[2] = { onnx_in(n, 0), onnx_in(n, 1) };
    const int64_t axis = mdl_onnx_int(o, n, "axis", 0), keep = mdl_onnx_int(o, n, "keepdims", 1);

    n->out[0] = make_sequence(o, n, ONNX_SPLIT, in, 2);
    if (n->out[0] == FLOW_NONE)
        return;
    mdl_flow_int(f, mdl_flow_value_at(f, n->out[0])->node, "axis", axis);
    mdl_flow_int(f, mdl_flow_value_at(f, n->out[0])->node, "keepdims", keep);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* What a split sequence was made of; 0 for others. */
static int split_of(struct onnx *o, const struct onnx_node *n, int32_t *in, int64_t *axis,
                    int64_t *keep)
{
    const struct flow_node *seq = sequence_of(mdl_onnx_flow(o), onnx_in(n, 0));

    if (!seq || strcmp(seq->op, ONNX_SPLIT))
        return 0;
    in[0] = seq->in[0];
    in[1] = seq->in[1];
    *axis = ((const struct flow_param *)(const void *)seq->params.data)[0].i;
    *keep = ((const struct flow_param *)(const void *)seq->params.data)[1].i;
    return 1;
}

/* Element of x cut into slices of 1. */
static void at_slice(struct onnx *o, struct onnx_node *n, int32_t x, int64_t axis, int64_t keep)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int32_t in[2] = { x, onnx_in(n, 1) };
    const int32_t node = mdl_onnx_emit(o, n, "gather", in, 2);

    mdl_flow_int(f, node, "axis", axis);
    if (keep)
        n->out[0] = mdl_flow_op2(f, "unsqueeze", n->out[0], mdl_flow_const_ints(f, &axis, 1));
}

/* Are sizes a constant list, and not too long? */
static int sizes_known(struct onnx *o, int32_t split)
{
    const struct flow_tensor *sizes = mdl_flow_constant(mdl_onnx_flow(o), split);

    return sizes && sizes->rank == 1 && sizes->type == MDL_I64 && sizes->count <= MOST;
}

/* Part `at` of x cut by a constant list of sizes. */
static void at_part(struct onnx *o, struct onnx_node *n, const int32_t *split, int64_t axis)
{
    struct flow *const f = mdl_onnx_flow(o);
    const struct flow_tensor *sizes = mdl_flow_constant(f, split[1]);
    int64_t start = 0, end = 0;

    const int64_t at = position(o, n, 1, (int64_t)sizes->count, -1);
    for (int64_t i = 0; i <= at; i++) {
        const int64_t size = ((const int64_t *)sizes->data)[i];
        start = end;
        end += size < 0 || size > INT64_MAX / MOST ? 0 : size;
    }
    const int32_t in[4] = { split[0], mdl_flow_const_ints(f, &start, 1), mdl_flow_const_ints(f, &end, 1),
                            mdl_flow_const_ints(f, &axis, 1) };
    if (at >= 0)
        mdl_onnx_emit(o, n, "slice", in, 4);
}

static void map_at(struct onnx *o, struct onnx_node *n)
{
    int32_t list[MOST], split[2];
    uint32_t count;
    int64_t axis, keep;

    if (split_of(o, n, split, &axis, &keep)
        && (split[1] == FLOW_NONE || (is_fixed(o, n, 1) && sizes_known(o, split[1])))) {
        if (split[1] == FLOW_NONE)
            at_slice(o, n, split[0], axis, keep);
        else
            at_part(o, n, split, axis);
        return;
    }
    if (!is_fixed(o, n, 1) || !take_list(o, n, list, &count)) {
        const struct packed s = mdl_onnx_pack(o, n, onnx_in(n, 0));
        if (s.dims != FLOW_NONE)
            n->out[0] = mdl_onnx_packed_at(o, s, onnx_in(n, 1));
        return;
    }
    const int64_t at = position(o, n, 1, count, -1);
    if (at >= 0)
        n->out[0] = list[at];
}

static void map_length(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    int32_t list[MOST], split[2];
    uint32_t count;
    int64_t axis, keep;

    if (split_of(o, n, split, &axis, &keep) && split[1] == FLOW_NONE) {
        n->out[0] = mdl_flow_op2(f, "gather", mdl_flow_op1(f, "shape", split[0]),
                                 mdl_flow_const_i64(f, axis));
    } else if (take_list(o, n, list, &count)) {
        n->out[0] = mdl_flow_const_i64(f, count);
    } else {
        const struct packed s = mdl_onnx_pack(o, n, onnx_in(n, 0));
        if (s.dims != FLOW_NONE)
            n->out[0] = mdl_onnx_packed_length(o, s);
    }
}

static void map_concat(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int64_t axis = mdl_onnx_int(o, n, "axis", 0), stack = mdl_onnx_int(o, n, "new_axis", 0);
    int32_t list[MOST];
    uint32_t count;

    if (!take_list(o, n, list, &count)) {
        const struct packed s = mdl_onnx_pack(o, n, onnx_in(n, 0));
        if (axis)
            mdl_onnx_refuse(o, n, "axis %lld of a sequence whose elements are not known at conversion",
                            (long long)axis);
        else if (s.dims != FLOW_NONE)
            n->out[0] = mdl_onnx_packed_concat(o, s, stack != 0);
        return;
    }
    for (uint32_t i = 0; stack && i < count; i++)
        list[i] = mdl_flow_op2(f, "unsqueeze", list[i], mdl_flow_const_ints(f, &axis, 1));
    if (!count)
        mdl_onnx_refuse(o, n, "an empty sequence");
    else
        mdl_flow_int(f, mdl_onnx_emit(o, n, "join", list, count), "axis", axis);
}

/* ---- SequenceMap ----------------------------------------------------------------------------- */

/* The body once, of element `step` of each sequence: its results. */
static int map_once(struct onnx *o, struct onnx_node *n, struct bytes body, const struct packed *from,
                    int32_t step, int32_t *out)
{
    const uint32_t mark = mdl_onnx_names_mark(o);
    int good = 1;

    for (uint32_t i = 0; i < n->n_in; i++) {
        const char *name = mdl_onnx_graph_io(o, body, G_INPUT, i);
        if (name)
            mdl_onnx_bind(o, name, from[i].dims == FLOW_NONE ? n->in[i]
                                   : mdl_onnx_packed_at(o, from[i], step));
    }
    if (mdl_onnx_read_constants(o, body) || mdl_onnx_read_nodes(o, body))
        return 0;
    for (uint32_t i = 0; good && i < n->n_out; i++) {
        const char *name = mdl_onnx_graph_io(o, body, G_OUTPUT, i);
        out[i] = name ? mdl_onnx_lookup(o, name) : FLOW_NONE;
        good = out[i] != FLOW_NONE && !mdl_onnx_is_sequence(o, out[i]);
    }
    mdl_onnx_names_forget(o, mark);
    if (!good)
        mdl_onnx_refuse(o, n, "a body that makes no tensor as a result");
    return good;
}

/* A loop over the first sequence; results of the body go to the ends of sequences. */
static void map_map(struct onnx *o, struct onnx_node *n)
{
    const struct bytes body = mdl_onnx_attr_graph(o, n, "body");
    struct packed from[8], next[8], made[8];
    struct onnx_walk w = { .n = n->n_out };
    int32_t out[8];

    if (o->status)
        return;
    if (n->n_in < 1 || n->n_in > 8 || n->n_out > 8 || o->depth >= ONNX_DEPTH) {
        mdl_onnx_refuse(o, n, "%u inputs, %u results, or too deep", (unsigned)n->n_in,
                        (unsigned)n->n_out);
        return;
    }
    for (uint32_t i = 0; i < n->n_in; i++) {
        from[i] = (struct packed){ FLOW_NONE, FLOW_NONE };
        if (!i || mdl_onnx_is_sequence(o, n->in[i]))
            from[i] = mdl_onnx_pack(o, n, n->in[i]);
        if ((!i || mdl_onnx_is_sequence(o, n->in[i])) && from[i].dims == FLOW_NONE)
            return;
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        const struct onnx_kind kind = mdl_onnx_body_kind(o, body, G_OUTPUT, i);
        if (!kind.type)
            mdl_onnx_refuse(o, n, "a body that does not say the type of result %u", (unsigned)i);
        w.begin[i] = mdl_onnx_pack_empty(o, kind.type ? kind.type : MDL_F32);
    }
    w.trip = mdl_onnx_packed_length(o, from[0]);
    if (!mdl_onnx_walk_begin(o, &w))
        return;
    const int good = map_once(o, n, body, from, w.step, out);
    for (uint32_t i = 0; i < n->n_out; i++)
        next[i] = good ? mdl_onnx_packed_insert(o, w.now[i], out[i], FLOW_NONE) : w.now[i];
    mdl_onnx_walk_end(o, &w, next, made);
    for (uint32_t i = 0; i < n->n_out; i++)
        n->out[i] = make_packed(o, n, made[i]);
}

/* ---- optional values ------------------------------------------------------------------------- */

/* What is not there: of the type that is said. */
static void map_nothing(struct onnx *o, struct onnx_node *n)
{
    const struct bytes *attr = mdl_onnx_attr_body(n, "type");
    struct bytes left = attr ? *attr : (struct bytes){ 0 }, type;
    struct onnx_kind kind;
    const int64_t none[1] = { 0 };
    const uint8_t no = 0;
    int32_t parts[ONNX_MOST_PARTS];

    if (!attr || !mdl_wire_find(&left, 14, &type) || !mdl_onnx_read_kind(o, type, &kind)
        || kind.is_map) {
        mdl_onnx_refuse(o, n, "nothing of a type that is not said");
        return;
    }
    kind.is_optional = 1;
    parts[0] = mdl_flow_const(mdl_onnx_flow(o), kind.type, 1, none, NULL);
    if (kind.is_sequence)
        parts[1] = mdl_onnx_pack_empty(o, kind.type).dims;
    parts[mdl_onnx_n_parts(&kind) - 1] = mdl_flow_const(mdl_onnx_flow(o), MDL_BOOL, 0, NULL, &no);
    n->out[0] = mdl_onnx_put_together(o, &kind, parts);
}

static const struct flow_node *optional_of(struct onnx *o, const struct onnx_node *n)
{
    const struct flow_node *c = mdl_onnx_compound(mdl_onnx_flow(o), onnx_in(n, 0));

    return c && !strcmp(c->op, ONNX_OPTIONAL) ? c : NULL;
}

/* What is there is itself. */
static void map_optional(struct onnx *o, struct onnx_node *n)
{
    if (onnx_in(n, 0) == FLOW_NONE) {
        map_nothing(o, n);
        return;
    }
    mdl_onnx_ignore(o, n, "type");
    mdl_onnx_map_identity(o, n);
}

static void map_get_element(struct onnx *o, struct onnx_node *n)
{
    struct onnx_kind kind = { .rank = MDL_ANY_RANK };
    int32_t parts[ONNX_MOST_PARTS];

    if (onnx_in(n, 0) == FLOW_NONE) {
        mdl_onnx_refuse(o, n, "an optional value that is not there");
    } else if (!optional_of(o, n)) {
        mdl_onnx_map_identity(o, n);
    } else {
        mdl_onnx_widen_kind(o, &kind, onnx_in(n, 0));
        kind.is_optional = 0;
        if (mdl_onnx_take_apart(o, n, &kind, onnx_in(n, 0), parts))
            n->out[0] = mdl_onnx_put_together(o, &kind, parts);
    }
}

static void map_has_element(struct onnx *o, struct onnx_node *n)
{
    const uint8_t given = onnx_in(n, 0) != FLOW_NONE;

    n->out[0] = optional_of(o, n) ? optional_of(o, n)->in[0]
              : mdl_flow_const(mdl_onnx_flow(o), MDL_BOOL, 0, NULL, &given);
}

static const struct onnx_op ops[] = {
    { "ConcatFromSequence", 11, 0, map_concat, NULL, NULL },
    { "Optional", 15, 0, map_optional, NULL, NULL },
    { "OptionalGetElement", 15, 0, map_get_element, NULL, NULL },
    { "OptionalHasElement", 15, 0, map_has_element, NULL, NULL },
    { "SequenceAt", 11, 0, map_at, NULL, NULL },
    { "SequenceConstruct", 11, 0, map_construct, NULL, NULL },
    { "SequenceEmpty", 11, 0, map_construct, NULL, NULL },
    { "SequenceErase", 11, 0, map_erase, NULL, NULL },
    { "SequenceInsert", 11, 0, map_insert, NULL, NULL },
    { "SequenceLength", 11, 0, map_length, NULL, NULL },
    { "SequenceMap", 17, 0, map_map, NULL, NULL },
    { "SplitToSequence", 11, 0, map_split, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

const struct onnx_family mdl_onnx_sequence = { "", ops };
