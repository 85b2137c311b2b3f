/*
 * op/nd_pad.c - more around a tensor, or less
 *
 *     pad               x, pads, value, axes    pads: before every axis, then after every axis; a
 *                       negative one cuts, first.  What is added:
 *                         constant  `value`       edge  the nearest element
 *                         reflect   mirrored, the edge itself once:  c b [a b c] b a
 *                         wrap      from the other end:              b c [a b c] a b
 *     center_crop_pad   x, shape                to that size along `axes`, evenly on both sides
 *
 * Both are where the middle of the result begins and which box of x lies there.  Then, the last
 * axis first, slabs before and after the middle are copied from slabs inside it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include <string.h>

/* Along each axis: x from `skip` on is y from `first` on, `some` elements. */
struct middle {
    int64_t skip[MDL_MAX_RANK], first[MDL_MAX_RANK], some[MDL_MAX_RANK];
};

/* The middle of y; around it constant elements. */
static void move_middle(const struct nd *y, const struct nd *x, const struct middle *m,
                        const void *around)
{
    const size_t size = mdl_nd_type_bytes(x->type);
    struct nd_box box = { .rank = x->rank };
    uint64_t to = 0, from = 0, all = 1;

    memcpy(box.dims, m->some, x->rank * sizeof *box.dims);
    mdl_nd_packed(box.to, x->rank, y->dims);
    for (uint32_t i = 0; i < x->rank; i++)
        all *= (uint64_t)m->some[i];
    if (around && all != y->count)
        mdl_nd_fill(y->data, around, size, y->count);
    if (!x->count || !all)
        return;
    mdl_nd_packed(box.from, x->rank, x->dims);
    for (uint32_t i = 0; i < x->rank; i++) {
        to += (uint64_t)(m->first[i] * box.to[i]);
        from += (uint64_t)(m->skip[i] * box.from[i]);
    }
    mdl_nd_move(nd_at(y->data, to, size), nd_at(x->data, from, size), size, &box);
}

/* ---- pad ----------------------------------------------------------------------------------- */

struct pad_params {
    int64_t mode;
    double  value;
};

enum { CONSTANT, REFLECT, EDGE, WRAP };
static const char *const pad_modes[] = {
    [CONSTANT] = "constant", [REFLECT] = "reflect", [EDGE] = "edge", [WRAP] = "wrap", NULL,
};

static const struct field pad_fields[] = {
    FIELD(FIELD_CHOICE, pad_params, mode, CONSTANT, pad_modes),
    FIELD(FIELD_FLOAT, pad_params, value, 0, NULL),
};

enum { X, PADS, VALUE, AXES };

static mdl_status pad_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, PADS, TYPES_INDEX, err);

    if (!s) s = mdl_nd_need_type(n, g, AXES, TYPES_INDEX, err);
    if (!s && nd_given(n, VALUE)) s = mdl_nd_need_type(n, g, VALUE, TYPE_BIT(nd_type(n, g, X)), err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* The middle, and the dims of the result. */
static mdl_status pad_middle(struct middle *m, int64_t *dims, const struct node *n,
                             struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, X);
    int64_t axes[MDL_MAX_RANK], pads[2 * MDL_MAX_RANK];
    uint32_t n_axes, n_pads;
    mdl_status s = mdl_nd_axes(axes, &n_axes, nd_in(c, n, AXES), x->rank, c->err);

    if (!s) s = mdl_nd_list(pads, &n_pads, 2 * MDL_MAX_RANK, nd_in(c, n, PADS), "pads", c->err);
    if (!s && n_pads != 2 * n_axes)
        s = mdl_fail(c->err, MDL_ERR_DATA, "%u pads of %u axes, expected two of each",
                     (unsigned)n_pads, (unsigned)n_axes);
    if (s)
        return s;
    for (uint32_t i = 0; i < x->rank; i++) {
        m->skip[i] = m->first[i] = 0;
        m->some[i] = dims[i] = x->dims[i];
    }
    for (uint32_t i = 0; i < n_axes; i++) {
        const int64_t a = axes[i], before = pads[i], after = pads[n_axes + i], dim = x->dims[a];
        if (before < -dim || after < -dim || before > INT64_MAX / 4 || after > INT64_MAX / 4
            || dim > INT64_MAX / 4 || dim + before + after < 0)
            return mdl_fail(c->err, MDL_ERR_DATA, "pads of %lld and %lld of a dimension of %lld",
                            (long long)before, (long long)after, (long long)dim);
        m->skip[a] = before < 0 ? -before : 0;
        m->first[a] = before > 0 ? before : 0;
        m->some[a] = dim - m->skip[a] + (after < 0 ? after : 0);
        dims[a] = dim + before + after;
        m->some[a] = m->some[a] < 0 ? 0 : m->some[a];
    }
    return MDL_OK;
}

static mdl_status pad_shape(const struct node *n, struct nd_call *c)
{
    const struct pad_params *p = n->params;
    const struct nd *x = nd_in(c, n, X), *value = nd_in(c, n, VALUE);
    int64_t dims[MDL_MAX_RANK];
    struct middle m;
    mdl_status s = pad_middle(&m, dims, n, c);

    if (s)
        return s;
    if (value && value->count != 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "a value of %llu elements, expected one",
                        (unsigned long long)value->count);
    for (uint32_t i = 0; p->mode != CONSTANT && i < x->rank; i++)
        if (!m.some[i] && dims[i])
            return mdl_fail(c->err, MDL_ERR_DATA, "dimension %u has no elements to be continued",
                            (unsigned)i);
    mdl_nd_set_shape(nd_out(c, n, 0), x->rank, dims);
    return MDL_OK;
}

/* The element of 0 .. some - 1 that stands at `at`, which is below 0 or from `some` on. */
static int64_t source(int64_t mode, int64_t at, int64_t some)
{
    const int64_t period = mode == WRAP ? some : 2 * (some - 1);

    if (mode == EDGE || !period)
        return at < 0 || !period ? 0 : some - 1;
    at %= period;
    at += at < 0 ? period : 0;
    return at < some ? at : period - at;
}

/* Along axis a of y, where y is done along all later axes and in the middle of the others. */
static void continue_axis(const struct nd *y, const struct middle *m, uint32_t a, int64_t mode)
{
    const size_t size = mdl_nd_type_bytes(y->type);
    const uint64_t inner = nd_product(y, a + 1, y->rank);
    const int64_t first = m->first[a], some = m->some[a];
    struct nd_box box = { .rank = a + 1 };
    uint64_t at = 0;

    mdl_nd_packed(box.to, y->rank, y->dims);
    for (uint32_t i = 0; i < a; i++) {
        box.dims[i] = m->some[i];
        at += (uint64_t)(m->first[i] * box.to[i]);
    }
    box.dims[a] = (int64_t)inner;
    box.to[a] = 1;
    memcpy(box.from, box.to, sizeof box.from);
    for (int64_t i = 0; i < y->dims[a]; i++) {
        if (i == first)
            i += some;            /* some is not 0 */
        if (i == y->dims[a])
            break;
        const int64_t from = first + source(mode, i - first, some);
        mdl_nd_move(nd_at(y->data, at + (uint64_t)i * inner, size),
                    nd_at(y->data, at + (uint64_t)from * inner, size), size, &box);
    }
}

static mdl_status pad_eval(const struct node *n, struct nd_call *c)
{
    const struct pad_params *p = n->params;
    const struct nd *x = nd_in(c, n, X), *value = nd_in(c, n, VALUE), *y = nd_out(c, n, 0);
    unsigned char zero[16];
    int64_t dims[MDL_MAX_RANK];
    struct middle m;
    mdl_status s = pad_middle(&m, dims, n, c);

    if (s || !y->count)
        return s;
    mdl_nd_zero(zero, x->type);
    if (p->value != 0 && x->type != MDL_STRING)
        mdl_nd_store_f64(zero, x->type, 0, &p->value, 1);
    move_middle(y, x, &m, p->mode != CONSTANT ? NULL : value ? value->data : zero);
    for (uint32_t i = x->rank; p->mode != CONSTANT && i--;)
        if (m.some[i] != y->dims[i])
            continue_axis(y, &m, i, p->mode);
    return MDL_OK;
}

const struct op mdl_op_pad = {
    .name = "pad",
    .about = "elements before and after each axis: constant, reflected, of the edge, wrapped",
    .fields = pad_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct pad_params),
    .min_in = 2,
    .max_in = 4,
    .n_out = 1,
    .infer = pad_infer,
    .shape = pad_shape,
    .eval = pad_eval,
    .contents = 1u << PADS | 1u << AXES,
    .traits = ND_HALF,
};

/* ---- center_crop_pad ----------------------------------------------------------------------- */

static const struct slot center_slots[] = {
    { "axes", TYPE_BIT(MDL_I64), 1, 0 },
};

static mdl_status center_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status center_middle(struct middle *m, int64_t *dims, const struct node *n,
                                struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    const struct tensor *given = &n->tensors[0];
    const struct nd list = { .data = (void *)(uintptr_t)given->data, .count = given->count,
                             .type = MDL_I64, .rank = 1 };
    int64_t axes[MDL_MAX_RANK], want[MDL_MAX_RANK];
    uint32_t n_axes, n_want;
    mdl_status s = mdl_nd_axes(axes, &n_axes, given->type ? &list : NULL, x->rank, c->err);

    if (!s) s = mdl_nd_list(want, &n_want, MDL_MAX_RANK, nd_in(c, n, 1), "shape", c->err);
    if (!s && n_want != n_axes)
        s = mdl_fail(c->err, MDL_ERR_DATA, "a shape of %u dimensions, expected %u",
                     (unsigned)n_want, (unsigned)n_axes);
    if (s)
        return s;
    for (uint32_t i = 0; i < x->rank; i++) {
        m->skip[i] = m->first[i] = 0;
        m->some[i] = dims[i] = x->dims[i];
    }
    for (uint32_t i = 0; i < n_axes; i++) {
        const int64_t a = axes[i], dim = x->dims[a];
        if (want[i] < 0)
            return mdl_fail(c->err, MDL_ERR_DATA, "dimension %u of shape is %lld", (unsigned)i,
                            (long long)want[i]);
        m->skip[a] = want[i] < dim ? (dim - want[i]) / 2 : 0;
        m->first[a] = want[i] > dim ? (want[i] - dim) / 2 : 0;
        m->some[a] = want[i] < dim ? want[i] : dim;
        dims[a] = want[i];
    }
    return MDL_OK;
}

static mdl_status center_shape(const struct node *n, struct nd_call *c)
{
    int64_t dims[MDL_MAX_RANK];
    struct middle m;
    mdl_status s = center_middle(&m, dims, n, c);

    if (!s)
        mdl_nd_set_shape(nd_out(c, n, 0), nd_in(c, n, 0)->rank, dims);
    return s;
}

static mdl_status center_eval(const struct node *n, struct nd_call *c)
{
    unsigned char zero[16];
    int64_t dims[MDL_MAX_RANK];
    struct middle m;
    mdl_status s = center_middle(&m, dims, n, c);

    if (s)
        return s;
    mdl_nd_zero(zero, nd_in(c, n, 0)->type);
    move_middle(nd_out(c, n, 0), nd_in(c, n, 0), &m, zero);
    return MDL_OK;
}

const struct op mdl_op_center_crop_pad = {
    .name = "center_crop_pad",
    .about = "cut or padded with 0 to the size of input 1, evenly on both sides",
    .slots = center_slots,
    .n_slots = 1,
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = center_infer,
    .shape = center_shape,
    .eval = center_eval,
    .contents = 1u << 1,
    .traits = ND_HALF,
};
