/*
 * import/onnx_packed.c - sequences at run time: their elements in one row, and the shape of each
 *
 * See onnx_packed.h.  Each step copies the row; it is for sequences whose elements are not known
 * at conversion.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_packed.h"

/* ---- short words ----------------------------------------------------------------------------- */

static int32_t ints(struct flow *f, int64_t v)
{
    return mdl_flow_const_ints(f, &v, 1);
}

static int32_t node1(struct flow *f, const char *op, const int32_t *in, size_t n_in)
{
    return mdl_flow_result(f, mdl_flow_node(f, op, "", in, n_in, 1), 0);
}

/* x from `start` to `end` along the axis; both lists of one. */
static int32_t cut(struct flow *f, int32_t x, int32_t start, int32_t end, int64_t axis)
{
    const int32_t in[4] = { x, start, end, ints(f, axis) };

    return node1(f, "slice", in, 4);
}

static int32_t reshape(struct flow *f, int32_t x, int32_t list, int zero_is_zero)
{
    const int32_t in[2] = { x, list };
    const int32_t node = mdl_flow_node(f, "reshape", "", in, 2, 1);

    mdl_flow_int(f, node, "allowzero", zero_is_zero);
    return mdl_flow_result(f, node, 0);
}

static int32_t as_list(struct flow *f, int32_t x)
{
    return reshape(f, x, ints(f, -1), 0);
}

static int32_t as_int64(struct flow *f, int32_t x)
{
    const int32_t node = mdl_flow_node(f, "convert", "", &x, 1, 1);

    mdl_flow_choice(f, node, "to", "int64");
    return mdl_flow_result(f, node, 0);
}

static int32_t add(struct flow *f, int32_t a, int32_t b)
{
    return mdl_flow_kind2(f, "binary", "add", a, b);
}

static int32_t sub(struct flow *f, int32_t a, int32_t b)
{
    return mdl_flow_kind2(f, "binary", "sub", a, b);
}

static int32_t join(struct flow *f, const int32_t *in, size_t n_in)
{
    return node1(f, "join", in, n_in);
}

static int32_t pick(struct flow *f, int32_t x, int32_t at)
{
    return mdl_flow_op2(f, "gather", x, at);
}

static int32_t reduce(struct flow *f, const char *kind, int32_t x, int64_t axis, int keep)
{
    const int32_t in[2] = { x, ints(f, axis) };
    const int32_t node = mdl_flow_node(f, "reduce", "", in, 2, 1);

    mdl_flow_choice(f, node, "kind", kind);
    mdl_flow_int(f, node, "keepdims", keep);
    return mdl_flow_result(f, node, 0);
}

/* 1 where x < 0, else 0. */
static int32_t negative(struct flow *f, int32_t x)
{
    return as_int64(f, mdl_flow_kind2(f, "compare", "less", x, mdl_flow_const_i64(f, 0)));
}

int32_t mdl_onnx_guard(struct onnx *o, int32_t x, int32_t given)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t at = sub(f, mdl_flow_const_i64(f, 1), as_int64(f, given));

    return pick(f, mdl_flow_op2(f, "unsqueeze", x, ints(f, 0)), at);
}

/* ---- what is in it --------------------------------------------------------------------------- */

/* The shape of x as a row of dims. */
static int32_t row_of(struct flow *f, int32_t x)
{
    static const int64_t none[MDL_MAX_RANK] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    const int32_t in[2] = { mdl_flow_op1(f, "shape", x),
                            mdl_flow_const_ints(f, none, MDL_MAX_RANK) };
    const int32_t row = cut(f, join(f, in, 2), ints(f, 0), ints(f, MDL_MAX_RANK), 0);

    return mdl_flow_op2(f, "unsqueeze", row, ints(f, 0));
}

/* How many numbers each element has: what is -1 counts as 1. */
static int32_t sizes_of(struct flow *f, struct packed s)
{
    return reduce(f, "prod", mdl_flow_kind1(f, "unary", "abs", s.dims), 1, 0);
}

static int32_t sums(struct flow *f, int32_t list)
{
    const int32_t in[2] = { list, mdl_flow_const_i64(f, 0) };
    const int32_t node = mdl_flow_node(f, "cumulate", "", in, 2, 1);

    mdl_flow_choice(f, node, "kind", "sum");
    return mdl_flow_result(f, node, 0);
}

/* Where an element is in data; out of range is the operator's error. */
static void place_of(struct flow *f, struct packed s, int32_t at, int32_t *start, int32_t *end)
{
    const int32_t sizes = sizes_of(f, s);

    *end = pick(f, sums(f, sizes), at);
    *start = sub(f, *end, pick(f, sizes, at));
}

int32_t mdl_onnx_packed_length(struct onnx *o, struct packed s)
{
    struct flow *f = mdl_onnx_flow(o);

    return pick(f, mdl_flow_op1(f, "shape", s.dims), mdl_flow_const_i64(f, 0));
}

int32_t mdl_onnx_packed_at(struct onnx *o, struct packed s, int32_t position)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t at = as_list(f, position);
    int32_t start, end;

    place_of(f, s, at, &start, &end);
    const int32_t row = as_list(f, pick(f, s.dims, at));
    const int32_t is_dim = mdl_flow_kind2(f, "compare", "greater_equal", row, mdl_flow_const_i64(f, 0));
    const int32_t rank = reduce(f, "sum", as_int64(f, is_dim), 0, 1);
    return reshape(f, cut(f, s.data, start, end, 0), cut(f, row, ints(f, 0), rank, 0), 1);
}

/* ---- changing it ----------------------------------------------------------------------------- */

struct packed mdl_onnx_packed_insert(struct onnx *o, struct packed s, int32_t x, int32_t position)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t flat = as_list(f, x), row = row_of(f, x), last = ints(f, INT64_MAX);

    if (position == FLOW_NONE)
        return (struct packed){ join(f, (int32_t[]){ s.data, flat }, 2),
                                join(f, (int32_t[]){ s.dims, row }, 2) };
    /* Starts of all elements and the end: position p is the p-th, -p the one before the p-th last. */
    const int32_t at = as_int64(f, as_list(f, position));
    const int32_t starts = join(f, (int32_t[]){ ints(f, 0), sums(f, sizes_of(f, s)) }, 2);
    const int32_t here = pick(f, starts, sub(f, at, negative(f, at)));
    const int32_t data[3] = { cut(f, s.data, ints(f, 0), here, 0), flat,
                              cut(f, s.data, here, last, 0) };
    const int32_t dims[3] = { cut(f, s.dims, ints(f, 0), at, 0), row, cut(f, s.dims, at, last, 0) };
    return (struct packed){ join(f, data, 3), join(f, dims, 3) };
}

struct packed mdl_onnx_packed_erase(struct onnx *o, struct packed s, int32_t position)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t given = position == FLOW_NONE ? ints(f, -1) : as_int64(f, as_list(f, position));
    const int32_t length = mdl_onnx_packed_length(o, s), last = ints(f, INT64_MAX);
    const int32_t at = add(f, given, mdl_flow_kind2(f, "binary", "mul", length, negative(f, given)));
    int32_t start, end;

    place_of(f, s, given, &start, &end);
    const int32_t data[2] = { cut(f, s.data, ints(f, 0), start, 0), cut(f, s.data, end, last, 0) };
    const int32_t dims[2] = { cut(f, s.dims, ints(f, 0), at, 0),
                              cut(f, s.dims, add(f, at, ints(f, 1)), last, 0) };
    return (struct packed){ join(f, data, 2), join(f, dims, 2) };
}

int32_t mdl_onnx_packed_concat(struct onnx *o, struct packed s, int stack)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t row = as_list(f, pick(f, s.dims, ints(f, 0)));
    const int32_t is_dim = mdl_flow_kind2(f, "compare", "greater_equal", row, mdl_flow_const_i64(f, 0));
    const int32_t rank = reduce(f, "sum", as_int64(f, is_dim), 0, 1);
    /* All elements have the other dims of the first one. */
    const int32_t rest = ints(f, !stack), last = ints(f, INT64_MAX);
    const int32_t same = mdl_flow_kind2(f, "compare", "equal", cut(f, s.dims, rest, last, 1),
                                        cut(f, row, rest, last, 0));
    const int32_t all = reduce(f, "min", reduce(f, "min", as_int64(f, same), 1, 0), 0, 0);
    const int32_t inner = mdl_onnx_guard(o, cut(f, row, rest, rank, 0), all);
    const int32_t first = stack ? as_list(f, mdl_onnx_packed_length(o, s))
                        : reduce(f, "sum", cut(f, s.dims, ints(f, 0), ints(f, 1), 1), 0, 0);
    return reshape(f, s.data, join(f, (int32_t[]){ first, inner }, 2), 1);
}

/* ---- loops ----------------------------------------------------------------------------------- */

int mdl_onnx_walk_begin(struct onnx *o, struct onnx_walk *w)
{
    struct flow *f = mdl_onnx_flow(o);
    const uint8_t yes = 1;
    int32_t in[2 + 2 * 8];

    w->go = mdl_flow_const(f, MDL_BOOL, 0, NULL, &yes);
    in[0] = w->trip;
    in[1] = w->go;
    for (uint32_t i = 0; i < w->n; i++) {
        in[2 + 2 * i] = w->begin[i].data;
        in[3 + 2 * i] = w->begin[i].dims;
    }
    w->region = mdl_flow_enter(f);
    const int32_t state = mdl_flow_node(f, "loop_state", "", in, 2 + 2 * w->n, 2 + 2 * w->n);
    w->step = mdl_flow_result(f, state, 0);
    for (uint32_t i = 0; i < w->n; i++)
        w->now[i] = (struct packed){ mdl_flow_result(f, state, 2 + 2 * i),
                                     mdl_flow_result(f, state, 3 + 2 * i) };
    return state != FLOW_NONE;
}

void mdl_onnx_walk_end(struct onnx *o, struct onnx_walk *w, const struct packed *next,
                       struct packed *result)
{
    struct flow *f = mdl_onnx_flow(o);
    int32_t in[3 + 4 * 8];

    mdl_flow_leave(f);
    in[0] = w->trip;
    in[1] = in[2 + 2 * w->n] = w->go;
    for (uint32_t i = 0; i < w->n; i++) {
        in[2 + 2 * i] = w->begin[i].data;
        in[3 + 2 * i] = w->begin[i].dims;
        in[3 + 2 * w->n + 2 * i] = next[i].data;
        in[4 + 2 * w->n + 2 * i] = next[i].dims;
    }
    const int32_t node = mdl_flow_node(f, "loop", "", in, 3 + 4 * w->n, 2 * w->n);
    mdl_flow_int(f, node, "carried", 2 * w->n);
    mdl_flow_int(f, node, "scanned", 0);
    mdl_flow_body(f, node, 0, w->region);
    for (uint32_t i = 0; i < w->n; i++)
        result[i] = (struct packed){ mdl_flow_result(f, node, 2 * i),
                                     mdl_flow_result(f, node, 2 * i + 1) };
}

/* ---- out of the other forms ------------------------------------------------------------------ */

struct packed mdl_onnx_pack_empty(struct onnx *o, uint32_t type)
{
    struct flow *f = mdl_onnx_flow(o);
    const int64_t none[1] = { 0 }, rows[2] = { 0, MDL_MAX_RANK };

    return (struct packed){ mdl_flow_const(f, type, 1, none, NULL),
                            mdl_flow_const(f, MDL_I64, 2, rows, NULL) };
}

/* Each use of the list makes some nodes for each of its elements. */
static struct packed pack_list(struct onnx *o, const struct onnx_node *n, const int32_t *list,
                               uint32_t count)
{
    struct flow *f = mdl_onnx_flow(o);

    if (count > o->packed_left) {
        mdl_onnx_refuse(o, n, "long sequences that are used too often");
        return (struct packed){ FLOW_NONE, FLOW_NONE };
    }
    o->packed_left -= count;
    int32_t *data = mdl_arena_take(&f->arena, count, sizeof *data);
    int32_t *dims = mdl_arena_take(&f->arena, count, sizeof *dims);

    for (uint32_t i = 0; data && dims && i < count; i++) {
        data[i] = as_list(f, list[i]);
        dims[i] = row_of(f, list[i]);
    }
    if (!data || !dims)
        return (struct packed){ FLOW_NONE, FLOW_NONE };
    return (struct packed){ join(f, data, count), join(f, dims, count) };
}

/* Slices of x along the axis, of sizes that are a list or all alike, one in each step of a loop. */
static struct packed pack_split(struct onnx *o, int32_t x, int32_t sizes, int one_size, int64_t axis,
                                int squeeze)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t long_axis = pick(f, mdl_flow_op1(f, "shape", x), mdl_flow_const_i64(f, axis));
    int32_t starts, ends;

    sizes = as_int64(f, sizes);
    if (one_size) {
        const int32_t size = reshape(f, sizes, mdl_flow_const_ints(f, NULL, 0), 0);
        const int32_t in[3] = { mdl_flow_const_i64(f, 0), long_axis, size };
        starts = node1(f, "range", in, 3);
        ends = mdl_flow_kind2(f, "binary", "min", add(f, starts, size), long_axis);
    } else {
        ends = sums(f, sizes);
        starts = sub(f, ends, sizes);
    }
    struct packed none = { cut(f, as_list(f, x), ints(f, 0), ints(f, 0), 0), FLOW_NONE }, made;
    none.dims = mdl_onnx_pack_empty(o, MDL_I64).dims;
    struct onnx_walk w = { .trip = mdl_flow_kind1(f, "shape", "count", starts), .n = 1,
                           .begin = { none } };
    if (!mdl_onnx_walk_begin(o, &w))
        return (struct packed){ FLOW_NONE, FLOW_NONE };
    const int32_t at = as_list(f, w.step);
    int32_t part = cut(f, x, pick(f, starts, at), pick(f, ends, at), axis);
    if (squeeze)
        part = mdl_flow_op2(f, "squeeze", part, ints(f, axis));
    const struct packed next = mdl_onnx_packed_insert(o, w.now[0], part, FLOW_NONE);
    mdl_onnx_walk_end(o, &w, &next, &made);
    return made;
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

struct packed mdl_onnx_pack(struct onnx *o, const struct onnx_node *n, int32_t value)
{
    struct flow *f = mdl_onnx_flow(o);
    const struct flow_node *s = mdl_onnx_compound(f, value);
    const struct flow_param *p = s ? (const struct flow_param *)(const void *)s->params.data : NULL;

    if (s && !strcmp(s->op, ONNX_PACKED))
        return (struct packed){ s->in[0], s->in[1] };
    if (s && !strcmp(s->op, ONNX_LIST) && s->n_in)
        return pack_list(o, n, s->in, s->n_in);
    if (s && !strcmp(s->op, ONNX_LIST))
        return mdl_onnx_pack_empty(o, (uint32_t)p[0].i);
    if (s && !strcmp(s->op, ONNX_SPLIT)) {
        const int64_t axis = p[0].i, keep = p[1].i, rank = rank_of(f, s->in[1]);
        if (s->in[1] == FLOW_NONE)
            return pack_split(o, s->in[0], mdl_flow_const_i64(f, 1), 1, axis, !keep);
        if (rank >= 0)
            return pack_split(o, s->in[0], s->in[1], !rank, axis, 0);
    }
    mdl_onnx_refuse(o, n, "a sequence that is not known to be one");
    return (struct packed){ FLOW_NONE, FLOW_NONE };
}
