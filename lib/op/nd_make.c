/*
 * op/nd_make.c - tensors made from little
 *
 *     fill      shape                   everywhere the one element of `value`; without it float32 0
 *     eye       x                       of x's shape, 1 on diagonal `k`, else 0
 *     trilu     x, k                    x on one side of diagonal k, and on it; else 0
 *     range     start, limit, delta     start + i delta, as long as it is before the limit
 *     one_hot   indices, depth, values  a new axis of `depth` elements: values[1] at the index,
 *                                       else values[0]; an index outside -depth .. depth - 1 is
 *                                       nowhere
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include "kernel/math.h"

#include <string.h>

/* ---- fill ---------------------------------------------------------------------------------- */

static const struct slot fill_slots[] = {
    { "value", TYPES_ANY & ~TYPE_BIT(MDL_STRING), VALUE_ANY_RANK, 0 },
};

static mdl_status fill_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *value = &n->tensors[0];
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_INDEX, err);

    if (!s && value->type && value->count != 1)
        s = mdl_fail(err, MDL_ERR_FORMAT, "'value' has %llu elements, expected one",
                     (unsigned long long)value->count);
    nd_result(n, g, 0, value->type ? value->type : MDL_F32);
    return s;
}

static mdl_status fill_shape(const struct node *n, struct nd_call *c)
{
    struct nd *y = nd_out(c, n, 0);
    int64_t dims[MDL_MAX_RANK];
    uint32_t rank;
    mdl_status s = mdl_nd_list(dims, &rank, MDL_MAX_RANK, nd_in(c, n, 0), "shape", c->err);

    for (uint32_t i = 0; !s && i < rank; i++)
        if (dims[i] < 0)
            s = mdl_fail(c->err, MDL_ERR_DATA, "dimension %u of shape is %lld", (unsigned)i,
                         (long long)dims[i]);
    if (!s)
        mdl_nd_set_shape(y, rank, dims);
    return s;
}

static mdl_status fill_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *y = nd_out(c, n, 0);
    unsigned char zero[16];

    mdl_nd_zero(zero, y->type);
    mdl_nd_fill(y->data, n->tensors[0].type ? n->tensors[0].data : zero, mdl_nd_type_bytes(y->type),
                y->count);
    return MDL_OK;
}

const struct op mdl_op_fill = {
    .name = "fill",
    .about = "one number everywhere in the shape of input 0",
    .slots = fill_slots,
    .n_slots = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = fill_infer,
    .shape = fill_shape,
    .eval = fill_eval,
    .contents = 1u << 0,
    .traits = ND_HALF,
};

/* ---- eye ----------------------------------------------------------------------------------- */

struct eye_params {
    int64_t k, type;
};

static const struct field eye_fields[] = {
    FIELD(FIELD_INT, eye_params, k, 0, NULL),
    FIELD(FIELD_INT, eye_params, type, 0, NULL),
};

#define TYPES_ONE (TYPES_NUMBER | TYPE_BIT(MDL_BOOL))

static mdl_status eye_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct eye_params *p = n->params;
    const uint32_t type = p->type > 0 && p->type < 32 ? (uint32_t)p->type : nd_type(n, g, 0);

    if (p->type < 0 || p->type > 31 || !(TYPES_ONE & TYPE_BIT(type)))
        return mdl_fail(err, MDL_ERR_FORMAT, "type %lld, which has no 1", (long long)p->type);
    nd_result(n, g, 0, type);
    return MDL_OK;
}

static mdl_status eye_shape(const struct node *n, struct nd_call *c)
{
    if (nd_in(c, n, 0)->rank != 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "a tensor of rank %u, expected 2",
                        (unsigned)nd_in(c, n, 0)->rank);
    return mdl_nd_shape_same(n, c);
}

static mdl_status eye_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *y = nd_out(c, n, 0);
    const int64_t k = ((const struct eye_params *)n->params)->k, one = 1, cols = y->dims[1];

    if (!y->count)
        return MDL_OK;
    memset(y->data, 0, (size_t)y->count * mdl_nd_type_bytes(y->type));
    for (int64_t row = 0; row < y->dims[0] && k > -y->dims[0] && k < cols; row++)
        if (row + k >= 0 && row + k < cols)
            mdl_nd_store_i64(y->data, y->type, (uint64_t)(row * cols + row + k), &one, 1);
    return MDL_OK;
}

const struct op mdl_op_eye = {
    .name = "eye",
    .about = "1 on a diagonal, else 0, in the shape of x",
    .fields = eye_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct eye_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = eye_infer,
    .shape = eye_shape,
    .eval = eye_eval,
    .traits = ND_SHAPE | ND_HALF,
};

/* ---- trilu --------------------------------------------------------------------------------- */

struct trilu_params {
    int64_t upper;
};

static const struct field trilu_fields[] = {
    FIELD(FIELD_INT, trilu_params, upper, 1, NULL),
};

static mdl_status trilu_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status trilu_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *k = nd_in(c, n, 1);

    if (x->rank < 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "a tensor of rank %u, expected 2 or more",
                        (unsigned)x->rank);
    if (k && k->count != 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "k has %llu elements, expected one",
                        (unsigned long long)k->count);
    return mdl_nd_shape_same(n, c);
}

static mdl_status trilu_eval(const struct node *n, struct nd_call *c)
{
    const int64_t upper = ((const struct trilu_params *)n->params)->upper;
    const struct nd *x = nd_in(c, n, 0), *given = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(x->type);
    unsigned char zero[16];

    if (!x->count)
        return MDL_OK;
    const int64_t rows = x->dims[x->rank - 2], cols = x->dims[x->rank - 1];
    int64_t k = given ? mdl_nd_int(given, 0) : 0;
    k = k < -rows ? -rows : k > cols ? cols : k;
    mdl_nd_zero(zero, x->type);
    for (uint64_t row = 0; row < x->count / (uint64_t)cols; row++) {
        const int64_t at = (int64_t)(row % (uint64_t)rows) + k + (upper ? 0 : 1);
        const size_t left = (size_t)(at < 0 ? 0 : at > cols ? cols : at);
        unsigned char *to = nd_at(y->data, row * (uint64_t)cols, size);
        const unsigned char *from = nd_at(x->data, row * (uint64_t)cols, size);
        const size_t skip = upper ? left : 0, some = upper ? (size_t)cols - left : left;
        memcpy(to + skip * size, from + skip * size, some * size);
        mdl_nd_fill(upper ? to : to + left * size, zero, size, (size_t)cols - some);
    }
    return MDL_OK;
}

const struct op mdl_op_trilu = {
    .name = "trilu",
    .about = "what is above a diagonal or below it, and the diagonal; else 0",
    .fields = trilu_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct trilu_params),
    .min_in = 1,
    .max_in = 2,
    .n_out = 1,
    .infer = trilu_infer,
    .shape = trilu_shape,
    .eval = trilu_eval,
    .traits = ND_HALF,
};

/* ---- range --------------------------------------------------------------------------------- */

enum { START, LIMIT, DELTA };

static mdl_status range_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, START, TYPES_FLOAT | TYPES_INTEGER, err);

    if (!s) s = mdl_nd_need_same(n, g, START, DELTA, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* How many, in the arithmetic of the type; UINT64_MAX when that cannot be said. */
static uint64_t range_count(const struct nd *start, const struct nd *limit, const struct nd *delta)
{
    const uint32_t type = start->type;

    if (type == MDL_F32 || type == MDL_F64) {
        const double from = mdl_nd_number(start, 0), to = mdl_nd_number(limit, 0), by = mdl_nd_number(delta, 0);
        const double steps = type == MDL_F32 ? (double)(((float)to - (float)from) / (float)by)
                                             : (to - from) / by;
        const double down = mdl_floor(steps), n = down < steps ? down + 1 : down;
        return !(n < 0x1p62) ? UINT64_MAX : n > 0 ? (uint64_t)n : 0;
    }
    const int64_t from = mdl_nd_int(start, 0), to = mdl_nd_int(limit, 0), by = mdl_nd_int(delta, 0);
    const int up = type == MDL_U64 || by > 0;
    const int before = type == MDL_U64 ? (uint64_t)from < (uint64_t)to : up ? from < to : from > to;
    const uint64_t way = up ? (uint64_t)to - (uint64_t)from : (uint64_t)from - (uint64_t)to;
    if (!by)
        return UINT64_MAX;
    return before ? 1 + (way - 1) / (up ? (uint64_t)by : 0 - (uint64_t)by) : 0;
}

static mdl_status range_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *in[3] = { nd_in(c, n, START), nd_in(c, n, LIMIT), nd_in(c, n, DELTA) };

    for (int i = 0; i < 3; i++)
        if (in[i]->count != 1)
            return mdl_fail(c->err, MDL_ERR_DATA, "input %d has %llu elements, expected one", i,
                            (unsigned long long)in[i]->count);
    const uint64_t some = range_count(in[START], in[LIMIT], in[DELTA]);
    if (some > INT64_MAX)
        return mdl_fail(c->err, MDL_ERR_DATA, "a range without an end");
    mdl_nd_set_shape(nd_out(c, n, 0), 1, (const int64_t[]){ (int64_t)some });
    return MDL_OK;
}

static mdl_status range_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *start = nd_in(c, n, START), *delta = nd_in(c, n, DELTA), *y = nd_out(c, n, 0);
    const double from = mdl_nd_number(start, 0), by = mdl_nd_number(delta, 0);
    const uint64_t whole_from = (uint64_t)mdl_nd_int(start, 0), whole_by = (uint64_t)mdl_nd_int(delta, 0);

    for (uint64_t i = 0; i < y->count; i++) {
        const double v = from + (double)i * by;
        const int64_t whole = (int64_t)(whole_from + i * whole_by);
        if (y->type == MDL_F32 || y->type == MDL_F64)
            mdl_nd_store_f64(y->data, y->type, i, &v, 1);
        else
            mdl_nd_store_i64(y->data, y->type, i, &whole, 1);
    }
    return MDL_OK;
}

const struct op mdl_op_range = {
    .name = "range",
    .about = "start, start + delta, ... before the limit",
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = range_infer,
    .shape = range_shape,
    .eval = range_eval,
    .contents = 1u << START | 1u << LIMIT | 1u << DELTA,
};

/* ---- one_hot ------------------------------------------------------------------------------- */

struct one_hot_params {
    int64_t axis;
};

static const struct field one_hot_fields[] = {
    FIELD(FIELD_INT, one_hot_params, axis, -1, NULL),
};

enum { INDICES, DEPTH, VALUES };

static mdl_status one_hot_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, INDICES, TYPES_NUMBER, err);

    if (!s) s = mdl_nd_need_type(n, g, DEPTH, TYPES_NUMBER, err);
    nd_result(n, g, 0, nd_type(n, g, VALUES));
    return s;
}

static mdl_status one_hot_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *indices = nd_in(c, n, INDICES), *depth = nd_in(c, n, DEPTH);
    int64_t axis = ((const struct one_hot_params *)n->params)->axis, dims[MDL_MAX_RANK];

    if (depth->count != 1 || nd_in(c, n, VALUES)->count != 2 || mdl_nd_int(depth, 0) < 0)
        return mdl_fail(c->err, MDL_ERR_DATA, "%llu depths and %llu values, expected one, 0 or "
                        "more, and two", (unsigned long long)depth->count,
                        (unsigned long long)nd_in(c, n, VALUES)->count);
    if (indices->rank == MDL_MAX_RANK)
        return mdl_fail(c->err, MDL_ERR_DATA, "a result of rank %d", MDL_MAX_RANK + 1);
    mdl_status s = mdl_nd_axis(&axis, indices->rank + 1, c->err);
    if (s)
        return s;
    for (uint32_t i = 0, from = 0; i <= indices->rank; i++)
        dims[i] = i == (uint32_t)axis ? mdl_nd_int(depth, 0) : indices->dims[from++];
    mdl_nd_set_shape(nd_out(c, n, 0), indices->rank + 1, dims);
    return MDL_OK;
}

static mdl_status one_hot_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *indices = nd_in(c, n, INDICES), *values = nd_in(c, n, VALUES);
    const struct nd *y = nd_out(c, n, 0);
    const int64_t axis = ((const struct one_hot_params *)n->params)->axis;
    const uint32_t a = (uint32_t)(axis < 0 ? axis + (int64_t)y->rank : axis);
    const size_t size = mdl_nd_type_bytes(y->type);

    if (!y->count)
        return MDL_OK;
    mdl_nd_fill(y->data, values->data, size, y->count);
    const int64_t depth = y->dims[a];
    const uint64_t inner = nd_product(y, a + 1, y->rank);
    for (uint64_t i = 0; i < indices->count; i++) {
        int64_t at = mdl_nd_int(indices, i);
        if (nd_index_ok(&at, depth))
            memcpy(nd_at(y->data, (i / inner * (uint64_t)depth + (uint64_t)at) * inner + i % inner,
                         size), nd_at(values->data, 1, size), size);
    }
    return MDL_OK;
}

const struct op mdl_op_one_hot = {
    .name = "one_hot",
    .about = "a new axis with one of two values: the second at the index, else the first",
    .fields = one_hot_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct one_hot_params),
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = one_hot_infer,
    .shape = one_hot_shape,
    .eval = one_hot_eval,
    .contents = 1u << DEPTH,
    .traits = ND_HALF,
};
