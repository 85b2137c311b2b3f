/*
 * op/nd_slice.c - tensors put together and cut
 *
 *     join    x_0, x_1, ...  of one type, equal in all dims but `axis`: one after another
 *     split   x, sizes       the way back; without sizes n equal parts, of which the last may be
 *                            smaller where `uneven` allows it
 *     slice   x, starts, ends, axes, steps      as numpy's x[start:end:step] along each axis
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include <string.h>

#define MOST 65535u               /* tensors joined or cut: a limit of the file's own          */

struct join_params {
    int64_t axis, uneven;
};

static const struct field axis_fields[] = {
    FIELD(FIELD_INT, join_params, axis, 0, NULL),
    FIELD(FIELD_INT, join_params, uneven, 1, NULL),
};

/* `part` and its place in `whole`, from `first` on along the axis, as a box of bytes: of
 * `before` runs.  Copies out of the whole or into it. */
static void move_part(const struct nd *whole, const struct nd *part, uint32_t axis, uint64_t first,
                      int into)
{
    const size_t size = mdl_nd_type_bytes(whole->type);
    const uint64_t inner = nd_product(whole, axis + 1, whole->rank);
    void *const at = nd_at(whole->data, first * inner, size);
    struct nd_box box = {
        .rank = 2,
        .dims = { (int64_t)nd_product(whole, 0, axis),
                  (int64_t)((uint64_t)part->dims[axis] * inner) },
        .to = { 0, 1 },
        .from = { 0, 1 },
    };

    box.to[0] = into ? (int64_t)((uint64_t)whole->dims[axis] * inner) : box.dims[1];
    box.from[0] = into ? box.dims[1] : (int64_t)((uint64_t)whole->dims[axis] * inner);
    if (part->count)
        mdl_nd_move(into ? at : part->data, into ? part->data : at, size, &box);
}

/* ---- join ---------------------------------------------------------------------------------- */

static mdl_status join_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_same(n, g, 0, n->n_in - 1, err);

    for (uint32_t i = 0; !s && i < n->n_in; i++)
        if (!nd_given(n, i))
            s = mdl_fail(err, MDL_ERR_FORMAT, "input %u is not given", (unsigned)i);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status join_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *first = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    int64_t axis = ((const struct join_params *)n->params)->axis, dims[MDL_MAX_RANK];
    char text[2][96];
    mdl_status s = mdl_nd_axis(&axis, first->rank, c->err);

    if (s)
        return s;
    memcpy(dims, first->dims, sizeof dims);
    dims[axis] = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const struct nd *x = nd_in(c, n, i);
        int same = x->rank == first->rank;
        for (uint32_t d = 0; same && d < first->rank; d++)
            same = d == (uint32_t)axis || x->dims[d] == first->dims[d];
        if (!same || x->dims[axis] > INT64_MAX - dims[axis])
            return mdl_fail(c->err, MDL_ERR_DATA, "shapes %s and %s do not join along axis %lld",
                            mdl_nd_shape_text(text[0], sizeof text[0], first),
                            mdl_nd_shape_text(text[1], sizeof text[1], x), (long long)axis);
        dims[axis] += x->dims[axis];
    }
    mdl_nd_set_shape(y, first->rank, dims);
    return MDL_OK;
}

static mdl_status join_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *y = nd_out(c, n, 0);
    const int64_t axis = ((const struct join_params *)n->params)->axis;
    const uint32_t a = (uint32_t)(axis < 0 ? axis + (int64_t)y->rank : axis);
    uint64_t first = 0;

    for (uint32_t i = 0; i < n->n_in; i++) {
        const struct nd *x = nd_in(c, n, i);
        move_part(y, x, a, first, 1);
        first += (uint64_t)x->dims[a];
    }
    return MDL_OK;
}

const struct op mdl_op_join = {
    .name = "join",
    .about = "tensors one after another along an axis",
    .fields = axis_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct join_params),
    .min_in = 1,
    .max_in = MOST,
    .n_out = 1,
    .infer = join_infer,
    .shape = join_shape,
    .eval = join_eval,
    .traits = ND_HALF,
};

/* ---- split --------------------------------------------------------------------------------- */

static mdl_status split_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* Elements along the axis of part i. */
static int64_t part_size(const struct node *n, const struct nd *sizes, int64_t dim, uint32_t i)
{
    const int64_t parts = (int64_t)n->n_out, each = dim / parts + (dim % parts != 0);

    if (sizes)
        return mdl_nd_int(sizes, i);
    return i + 1 < n->n_out ? each : dim - each * (parts - 1);
}

static mdl_status split_shape(const struct node *n, struct nd_call *c)
{
    const struct join_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *sizes = nd_in(c, n, 1);
    int64_t axis = p->axis, left;
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);

    if (s)
        return s;
    const int64_t dim = left = x->dims[axis];
    if (sizes ? sizes->rank != 1 || sizes->count != n->n_out
              : !p->uneven && dim % (int64_t)n->n_out)
        return mdl_fail(c->err, MDL_ERR_DATA, "dimension %lld, of %lld, in %u parts of %s",
                        (long long)axis, (long long)dim, (unsigned)n->n_out,
                        sizes ? "another number of sizes" : "equal size");
    for (uint32_t i = 0; i < n->n_out; i++) {
        const int64_t part = part_size(n, sizes, dim, i);
        struct nd *y = nd_out(c, n, i);
        if (part < 0 || part > left)
            return mdl_fail(c->err, MDL_ERR_DATA, "a part of %lld of a dimension of %lld, of which "
                            "%lld are left", (long long)part, (long long)dim, (long long)left);
        nd_like(y, x);
        y->dims[axis] = part;
        left -= part;
    }
    if (left)
        return mdl_fail(c->err, MDL_ERR_DATA, "sizes leave %lld of a dimension of %lld",
                        (long long)left, (long long)dim);
    return MDL_OK;
}

static mdl_status split_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    const int64_t axis = ((const struct join_params *)n->params)->axis;
    const uint32_t a = (uint32_t)(axis < 0 ? axis + (int64_t)x->rank : axis);
    uint64_t first = 0;

    for (uint32_t i = 0; i < n->n_out; i++) {
        const struct nd *y = nd_out(c, n, i);
        if (nd_wanted(c, n, i))
            move_part(x, y, a, first, 0);
        first += (uint64_t)y->dims[a];
    }
    return MDL_OK;
}

const struct op mdl_op_split = {
    .name = "split",
    .about = "parts of a tensor along an axis",
    .fields = axis_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct join_params),
    .min_in = 1,
    .max_in = 2,
    .n_out = 1,
    .max_out = MOST,
    .infer = split_infer,
    .shape = split_shape,
    .eval = split_eval,
    .contents = 1u << 1,
    .traits = ND_HALF,
};

/* ---- slice --------------------------------------------------------------------------------- */

enum { X, STARTS, ENDS, AXES, STEPS };

static mdl_status slice_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = MDL_OK;

    for (uint32_t i = STARTS; !s && i <= STEPS; i++)
        s = mdl_nd_need_type(n, g, i, TYPES_INDEX, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* Where `at` lies in low .. high, counted from dim if negative. */
static int64_t hold(int64_t at, int64_t dim, int64_t low, int64_t high)
{
    at += at < 0 ? dim : 0;
    return at < low ? low : at > high ? high : at;
}

/* *start into what it means, and how many elements from there to `end`; step is not 0. */
static int64_t slice_count(int64_t *start, int64_t end, int64_t step, int64_t dim)
{
    const int back = step < 0;

    if (!dim)
        return *start = 0;
    *start = hold(*start, dim, 0, back ? dim - 1 : dim);
    end = hold(end, dim, back ? -1 : 0, back ? dim - 1 : dim);
    const int64_t way = back ? *start - end : end - *start;
    if (way <= 0)
        return 0;
    const uint64_t size = back ? 0 - (uint64_t)step : (uint64_t)step;
    return 1 + (int64_t)((uint64_t)(way - 1) / size);
}

/* Per dim of x: first element, step, and how many. */
struct cut {
    int64_t start[MDL_MAX_RANK], step[MDL_MAX_RANK], count[MDL_MAX_RANK];
};

static mdl_status cut_of(struct cut *cut, const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, X);
    const struct nd *given_axes = nd_in(c, n, AXES), *given_steps = nd_in(c, n, STEPS);
    int64_t starts[MDL_MAX_RANK], ends[MDL_MAX_RANK], axes[MDL_MAX_RANK], steps[MDL_MAX_RANK];
    uint32_t n_starts, n_ends, n_axes, n_steps;
    mdl_status s = mdl_nd_list(starts, &n_starts, x->rank, nd_in(c, n, STARTS), "starts", c->err);

    if (!s) s = mdl_nd_list(ends, &n_ends, x->rank, nd_in(c, n, ENDS), "ends", c->err);
    if (!s) s = mdl_nd_axes(axes, &n_axes, given_axes, x->rank, c->err);
    if (!s) s = mdl_nd_list(steps, &n_steps, x->rank, given_steps, "steps", c->err);
    if (s)
        return s;
    if (n_ends != n_starts || (given_axes && n_axes != n_starts)
        || (given_steps && n_steps != n_starts))
        return mdl_fail(c->err, MDL_ERR_DATA, "starts has %u elements, ends, axes or steps another "
                        "number", (unsigned)n_starts);
    for (uint32_t i = 0; i < x->rank; i++) {
        cut->start[i] = 0;
        cut->step[i] = 1;
        cut->count[i] = x->dims[i];
    }
    for (uint32_t i = 0; i < n_starts; i++) {
        const int64_t a = axes[i], step = given_steps ? steps[i] : 1;
        if (!step)
            return mdl_fail(c->err, MDL_ERR_DATA, "a step of 0 along axis %lld", (long long)a);
        cut->start[a] = starts[i];
        cut->count[a] = slice_count(&cut->start[a], ends[i], step, x->dims[a]);
        cut->step[a] = cut->count[a] > 1 ? step : 1;
    }
    return MDL_OK;
}

static mdl_status slice_shape(const struct node *n, struct nd_call *c)
{
    struct cut cut;
    mdl_status s = cut_of(&cut, n, c);

    if (!s)
        mdl_nd_set_shape(nd_out(c, n, 0), nd_in(c, n, X)->rank, cut.count);
    return s;
}

static mdl_status slice_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, X), *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(x->type);
    struct nd_box box;
    struct cut cut;
    uint64_t first = 0;
    mdl_status s = cut_of(&cut, n, c);

    if (s || !y->count)
        return s;
    mdl_nd_box_of(&box, y);
    mdl_nd_packed(box.from, x->rank, x->dims);
    for (uint32_t i = 0; i < x->rank; i++) {
        first += (uint64_t)(cut.start[i] * box.from[i]);
        box.from[i] *= cut.step[i];
    }
    mdl_nd_move(y->data, nd_at(x->data, first, size), size, &box);
    return MDL_OK;
}

const struct op mdl_op_slice = {
    .name = "slice",
    .about = "from start to end by step along some axes",
    .min_in = 3,
    .max_in = 5,
    .n_out = 1,
    .infer = slice_infer,
    .shape = slice_shape,
    .eval = slice_eval,
    .contents = 1u << STARTS | 1u << ENDS | 1u << AXES | 1u << STEPS,
    .traits = ND_HALF,
};
