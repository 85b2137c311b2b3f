/*
 * import/onnx_sequence.c - sequences of tensors, as far as they are known at conversion
 *
 * There are no sequences at run time.  One stands for its elements: a node of the flow that is
 * dead from the beginning, whose inputs are the elements ("sequence"), or the tensor that is cut
 * and the sizes ("sequence_split").  Operators on sequences become operators on elements.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

#define LIST  "sequence"
#define SPLIT "sequence_split"
#define MOST  1024u               /* elements                                          */

/* The node that a sequence stands for, NULL for a tensor.  Until a node is added. */
static const struct flow_node *sequence_of(const struct flow *f, int32_t value)
{
    const int32_t node = value == FLOW_NONE ? FLOW_NONE : mdl_flow_value_at(f, value)->node;
    const struct flow_node *n = node == FLOW_NONE ? NULL : mdl_flow_node_at(f, node);

    return n && n->dead && (!strcmp(n->op, LIST) || !strcmp(n->op, SPLIT)) ? n : NULL;
}

int mdl_onnx_is_sequence(const struct onnx *o, int32_t value)
{
    return sequence_of(mdl_onnx_flow((struct onnx *)(uintptr_t)o), value) != NULL;
}

static int32_t make_sequence(struct onnx *o, const struct onnx_node *n, const char *op,
                             const int32_t *in, size_t n_in)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int32_t node = mdl_flow_node(f, op, n->name, in, n_in, 1);

    if (node != FLOW_NONE)
        mdl_flow_node_at(f, node)->dead = 1;
    return mdl_flow_result(f, node, 0);
}

/* Elements of input 0 into list[*count], with room for one more; 0 after a refusal. */
static int take_list(struct onnx *o, const struct onnx_node *n, int32_t *list, uint32_t *count)
{
    const struct flow_node *seq = sequence_of(mdl_onnx_flow(o), onnx_in(n, 0));

    if (!seq || strcmp(seq->op, LIST) || seq->n_in >= MOST) {
        mdl_onnx_refuse(o, n, "a sequence whose elements are not known at conversion");
        return 0;
    }
    *count = seq->n_in;
    for (uint32_t i = 0; i < seq->n_in; i++)
        list[i] = seq->in[i];
    return 1;
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
    mdl_onnx_ignore(o, n, "dtype");   /* of SequenceEmpty */
    n->out[0] = make_sequence(o, n, LIST, n->in, n->n_in);
}

static void map_insert(struct onnx *o, struct onnx_node *n)
{
    int32_t list[MOST];
    uint32_t count;

    if (!take_list(o, n, list, &count))
        return;
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
    n->out[0] = make_sequence(o, n, LIST, list, count + 1);
}

static void map_erase(struct onnx *o, struct onnx_node *n)
{
    int32_t list[MOST];
    uint32_t count;

    if (!take_list(o, n, list, &count))
        return;
    const int64_t at = position(o, n, 1, count, (int64_t)count - 1);
    if (at < 0)
        return;
    memmove(list + at, list + at + 1, (size_t)(count - 1 - at) * sizeof *list);
    n->out[0] = make_sequence(o, n, LIST, list, count - 1);
}

static void map_split(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int32_t in[2] = { onnx_in(n, 0), onnx_in(n, 1) };
    const int64_t axis = mdl_onnx_int(o, n, "axis", 0), keep = mdl_onnx_int(o, n, "keepdims", 1);

    n->out[0] = make_sequence(o, n, SPLIT, in, 2);
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

    if (!seq || strcmp(seq->op, SPLIT))
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

/* Part `at` of x cut by a constant list of sizes. */
static void at_part(struct onnx *o, struct onnx_node *n, const int32_t *split, int64_t axis)
{
    struct flow *const f = mdl_onnx_flow(o);
    const struct flow_tensor *sizes = mdl_flow_constant(f, split[1]);
    int64_t start = 0, end = 0;

    if (!sizes || sizes->rank != 1 || sizes->type != MDL_I64 || sizes->count > MOST) {
        mdl_onnx_refuse(o, n, "a sequence whose elements are not known at conversion");
        return;
    }
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

    if (split_of(o, n, split, &axis, &keep)) {
        if (split[1] == FLOW_NONE)
            at_slice(o, n, split[0], axis, keep);
        else
            at_part(o, n, split, axis);
        return;
    }
    if (!take_list(o, n, list, &count))
        return;
    const int64_t at = position(o, n, 1, count, -1);
    if (at >= 0)
        n->out[0] = list[at];
}

/* Rank of a value that is constant or given, -1 of others. */
static int64_t rank_of(const struct flow *f, int32_t value)
{
    const struct flow_tensor *t = mdl_flow_constant(f, value);
    const struct flow_input *in = (const struct flow_input *)(const void *)f->inputs.data;

    for (size_t i = 0; !t && i < f->inputs.bytes / sizeof *in; i++)
        if (in[i].value == value)
            return in[i].rank == MDL_ANY_RANK ? -1 : (int64_t)in[i].rank;
    return t ? (int64_t)t->rank : -1;
}

static void map_length(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    int32_t list[MOST], split[2];
    uint32_t count;
    int64_t axis, keep;

    if (!split_of(o, n, split, &axis, &keep)) {
        if (take_list(o, n, list, &count))
            n->out[0] = mdl_flow_const_i64(f, count);
    } else if (split[1] == FLOW_NONE) {
        n->out[0] = mdl_flow_op2(f, "gather", mdl_flow_op1(f, "shape", split[0]), mdl_flow_const_i64(f, axis));
    } else if (rank_of(f, split[1]) == 1) {
        n->out[0] = mdl_flow_kind1(f, "shape", "count", split[1]);
    } else {
        mdl_onnx_refuse(o, n, "a sequence whose length is not known at conversion");
    }
}

static void map_concat(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int64_t axis = mdl_onnx_int(o, n, "axis", 0), stack = mdl_onnx_int(o, n, "new_axis", 0);
    int32_t list[MOST];
    uint32_t count;

    if (!take_list(o, n, list, &count))
        return;
    for (uint32_t i = 0; stack && i < count; i++)
        list[i] = mdl_flow_op2(f, "unsqueeze", list[i], mdl_flow_const_ints(f, &axis, 1));
    if (!count)
        mdl_onnx_refuse(o, n, "an empty sequence");
    else
        mdl_flow_int(f, mdl_onnx_emit(o, n, "join", list, count), "axis", axis);
}

/* ---- optional values ------------------------------------------------------------------------- */

/* What is there is itself; what is not is never a value here. */
static void map_optional(struct onnx *o, struct onnx_node *n)
{
    mdl_onnx_ignore(o, n, "type");
    if (onnx_in(n, 0) == FLOW_NONE)
        mdl_onnx_refuse(o, n, "an optional value that is not there");
    else
        mdl_onnx_map_identity(o, n);
}

static void map_has_element(struct onnx *o, struct onnx_node *n)
{
    const uint8_t given = onnx_in(n, 0) != FLOW_NONE;

    n->out[0] = mdl_flow_const(mdl_onnx_flow(o), MDL_BOOL, 0, NULL, &given);
}

static const struct onnx_op ops[] = {
    { "ConcatFromSequence", 11, 0, map_concat, NULL, NULL },
    { "Optional", 15, 0, map_optional, NULL, NULL },
    { "OptionalGetElement", 15, 0, map_optional, NULL, NULL },
    { "OptionalHasElement", 15, 0, map_has_element, NULL, NULL },
    { "SequenceAt", 11, 0, map_at, NULL, NULL },
    { "SequenceConstruct", 11, 0, map_construct, NULL, NULL },
    { "SequenceEmpty", 11, 0, map_construct, NULL, NULL },
    { "SequenceErase", 11, 0, map_erase, NULL, NULL },
    { "SequenceInsert", 11, 0, map_insert, NULL, NULL },
    { "SequenceLength", 11, 0, map_length, NULL, NULL },
    { "SplitToSequence", 11, 0, map_split, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

const struct onnx_family mdl_onnx_sequence = { "", ops };
