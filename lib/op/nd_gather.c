/*
 * op/nd_gather.c - elements picked by number, or by a condition
 *
 * indices count from the end when negative; what lies outside is an error of the data.
 *
 *     gather            y[o.., k.., i..] = x[o.., indices[k..], i..]     k.. in place of `axis`
 *     gather_elements   y[.., k, ..] = x[.., indices[.., k, ..], ..]     shape of indices
 *     gather_nd         y[b.., k.., i..] = x[b.., indices[b.., k.., :], i..], `batch_dims` b
 *     compress          slices of x along `axis` where condition is true, or of x as a list
 *     nonzero           positions of elements that are not 0, int64 [rank, how many]
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include <string.h>

static mdl_status index_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

struct gather_params {
    int64_t axis, flat;
};

static const struct field axis_fields[] = {
    FIELD(FIELD_INT, gather_params, axis, 0, NULL),
    FIELD(FIELD_INT, gather_params, flat, 0, NULL),
};

/* The axis, in eval: it has been checked. */
static uint32_t axis_of(const struct node *n, const struct nd *x)
{
    const int64_t axis = ((const struct gather_params *)n->params)->axis;

    return (uint32_t)(axis < 0 ? axis + (int64_t)x->rank : axis);
}

/* to[i] = from[at[i]] for runs of `bytes` bytes. */
static void pick(unsigned char *to, const unsigned char *from, const int64_t *at, size_t n,
                 size_t bytes)
{
    if (bytes == 4)
        for (size_t i = 0; i < n; i++)
            memcpy(to + 4 * i, from + 4 * at[i], 4);
    else if (bytes == 8)
        for (size_t i = 0; i < n; i++)
            memcpy(to + 8 * i, from + 8 * at[i], 8);
    else
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * bytes, from + (size_t)at[i] * bytes, bytes);
}

/* ---- gather -------------------------------------------------------------------------------- */

static mdl_status gather_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1);
    int64_t axis = ((const struct gather_params *)n->params)->axis, dims[2 * MDL_MAX_RANK];
    uint32_t rank = 0;
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);

    if (s)
        return s;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (i != (uint32_t)axis)
            dims[rank++] = x->dims[i];
        for (uint32_t k = 0; i == (uint32_t)axis && k < indices->rank; k++)
            dims[rank++] = indices->dims[k];
    }
    if (rank > MDL_MAX_RANK)
        return mdl_fail(c->err, MDL_ERR_DATA, "a result of rank %u, at most %d is possible",
                        (unsigned)rank, MDL_MAX_RANK);
    mdl_nd_set_shape(nd_out(c, n, 0), rank, dims);
    return MDL_OK;
}

static mdl_status gather_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const uint32_t axis = axis_of(n, x);
    const int64_t dim = x->dims[axis];
    const uint64_t outer = nd_product(x, 0, axis);
    const size_t run = (size_t)nd_product(x, axis + 1, x->rank) * mdl_nd_type_bytes(x->type);
    int64_t at[ND_CHUNK];

    for (uint64_t first = 0; first < indices->count; first += ND_CHUNK) {
        const uint64_t left = indices->count - first;
        const size_t some = left < ND_CHUNK ? (size_t)left : ND_CHUNK;
        mdl_nd_load_i64(at, indices->data, indices->type, first, some);
        for (size_t i = 0; i < some; i++) {
            const int64_t given = at[i];
            if (!nd_index_ok(&at[i], dim))
                return mdl_nd_index_fail(given, dim, c->err);
        }
        for (uint64_t o = 0; y->count && o < outer; o++)
            pick(nd_at(y->data, o * indices->count + first, run),
                 nd_at(x->data, o * (uint64_t)dim, run), at, some, run);
    }
    return MDL_OK;
}

const struct op mdl_op_gather = {
    .name = "gather",
    .about = "slices of x along an axis, by number",
    .fields = axis_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct gather_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = index_infer,
    .shape = gather_shape,
    .eval = gather_eval,
    .traits = ND_HALF,
};

/* ---- gather_elements ----------------------------------------------------------------------- */

static mdl_status elements_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1);
    int64_t axis = ((const struct gather_params *)n->params)->axis;
    char text[2][96];
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);
    int fits = indices->rank == x->rank;

    for (uint32_t i = 0; fits && i < x->rank; i++)
        fits = i == (uint32_t)axis || indices->dims[i] <= x->dims[i];
    if (!s && !fits)
        s = mdl_fail(c->err, MDL_ERR_DATA, "indices of shape %s into a tensor of shape %s",
                     mdl_nd_shape_text(text[0], sizeof text[0], indices),
                     mdl_nd_shape_text(text[1], sizeof text[1], x));
    nd_like(nd_out(c, n, 0), indices);
    return s;
}

/* Row by row along the last axis; `base` is where a row of indices stands in x, without what
 * the indices themselves say. */
static mdl_status elements_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const uint32_t axis = axis_of(n, x), last = x->rank - 1;
    const size_t size = mdl_nd_type_bytes(x->type);
    int64_t step[MDL_MAX_RANK], at[MDL_MAX_RANK] = { 0 }, index[ND_CHUNK], base = 0;
    uint64_t row = 0;

    if (!y->count)
        return MDL_OK;
    mdl_nd_packed(step, x->rank, x->dims);
    const int64_t along = step[axis], dim = x->dims[axis], cols = indices->dims[last];
    step[axis] = 0;
    for (uint32_t i = last; i != UINT32_MAX; row++) {
        for (int64_t first = 0; first < cols; first += ND_CHUNK) {
            const size_t some = (size_t)(cols - first < (int64_t)ND_CHUNK ? cols - first
                                                                         : (int64_t)ND_CHUNK);
            const uint64_t to = row * (uint64_t)cols + (uint64_t)first;
            mdl_nd_load_i64(index, indices->data, indices->type, to, some);
            for (size_t k = 0; k < some; k++) {
                const int64_t given = index[k];
                if (!nd_index_ok(&index[k], dim))
                    return mdl_nd_index_fail(given, dim, c->err);
                index[k] = base + (first + (int64_t)k) * step[last] + index[k] * along;
            }
            pick(nd_at(y->data, to, size), x->data, index, some, size);
        }
        for (i = last; i--;) {
            base += step[i];
            if (++at[i] < indices->dims[i])
                break;
            base -= step[i] * indices->dims[i];
            at[i] = 0;
        }
    }
    return MDL_OK;
}

const struct op mdl_op_gather_elements = {
    .name = "gather_elements",
    .about = "elements of x along an axis, by number",
    .fields = axis_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct gather_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = index_infer,
    .shape = elements_shape,
    .eval = elements_eval,
    .traits = ND_HALF,
};

/* ---- gather_nd ----------------------------------------------------------------------------- */

struct gather_nd_params {
    int64_t batch_dims;
};

static const struct field gather_nd_fields[] = {
    FIELD(FIELD_INT, gather_nd_params, batch_dims, 0, NULL),
};

static mdl_status gather_nd_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const int64_t batch = ((const struct gather_nd_params *)n->params)->batch_dims;

    if (batch < 0 || batch >= MDL_MAX_RANK)
        return mdl_fail(err, MDL_ERR_FORMAT, "batch_dims is %lld", (long long)batch);
    return index_infer(n, g, err);
}

static mdl_status gather_nd_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1);
    const uint32_t batch = (uint32_t)((const struct gather_nd_params *)n->params)->batch_dims;
    int64_t dims[2 * MDL_MAX_RANK];
    uint32_t rank = 0;
    char text[2][96];
    int fits = indices->rank > batch && x->rank > batch;

    for (uint32_t i = 0; fits && i < batch; i++)
        fits = indices->dims[i] == x->dims[i];
    const int64_t numbers = fits ? indices->dims[indices->rank - 1] : 0;
    if (!fits || numbers > (int64_t)(x->rank - batch))
        return mdl_fail(c->err, MDL_ERR_DATA, "indices of shape %s into a tensor of shape %s",
                        mdl_nd_shape_text(text[0], sizeof text[0], indices),
                        mdl_nd_shape_text(text[1], sizeof text[1], x));
    for (uint32_t i = 0; i + 1 < indices->rank; i++)
        dims[rank++] = indices->dims[i];
    for (uint32_t i = batch + (uint32_t)numbers; i < x->rank; i++)
        dims[rank++] = x->dims[i];
    if (rank > MDL_MAX_RANK)
        return mdl_fail(c->err, MDL_ERR_DATA, "a result of rank %u, at most %d is possible",
                        (unsigned)rank, MDL_MAX_RANK);
    mdl_nd_set_shape(nd_out(c, n, 0), rank, dims);
    return MDL_OK;
}

static mdl_status gather_nd_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const uint32_t batch = (uint32_t)((const struct gather_nd_params *)n->params)->batch_dims;
    const uint32_t numbers = (uint32_t)indices->dims[indices->rank - 1];
    int64_t index[MDL_MAX_RANK];

    if (!y->count)
        return MDL_OK;
    const size_t run = (size_t)nd_product(x, batch + numbers, x->rank) * mdl_nd_type_bytes(x->type);
    const uint64_t picks = nd_product(indices, 0, indices->rank - 1);
    const uint64_t each = picks / nd_product(indices, 0, batch);
    for (uint64_t k = 0; k < picks; k++) {
        uint64_t from = k / each;
        mdl_nd_load_i64(index, indices->data, indices->type, k * numbers, numbers);
        for (uint32_t i = 0; i < numbers; i++) {
            const int64_t dim = x->dims[batch + i], given = index[i];
            if (!nd_index_ok(&index[i], dim))
                return mdl_nd_index_fail(given, dim, c->err);
            from = from * (uint64_t)dim + (uint64_t)index[i];
        }
        memcpy(nd_at(y->data, k, run), nd_at(x->data, from, run), run);
    }
    return MDL_OK;
}

const struct op mdl_op_gather_nd = {
    .name = "gather_nd",
    .about = "slices of x by the numbers in the last dimension of input 1",
    .fields = gather_nd_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct gather_nd_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = gather_nd_infer,
    .shape = gather_nd_shape,
    .eval = gather_nd_eval,
    .traits = ND_HALF,
};

/* ---- compress ------------------------------------------------------------------------------ */

static mdl_status compress_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPE_BIT(MDL_BOOL), err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status compress_shape(const struct node *n, struct nd_call *c)
{
    const struct gather_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *condition = nd_in(c, n, 1);
    struct nd *y = nd_out(c, n, 0);
    const uint8_t *keep = condition->data;
    int64_t axis = p->axis, some = 0;
    mdl_status s = p->flat ? MDL_OK : mdl_nd_axis(&axis, x->rank, c->err);

    if (s)
        return s;
    const uint64_t dim = p->flat ? x->count : (uint64_t)x->dims[axis];
    for (uint64_t i = 0; i < condition->count; i++) {
        if (keep[i] && i >= dim)
            return mdl_fail(c->err, MDL_ERR_DATA, "element %llu of %llu is wanted",
                            (unsigned long long)i, (unsigned long long)dim);
        some += keep[i] != 0;
    }
    nd_like(y, x);
    if (p->flat)
        mdl_nd_set_shape(y, 1, &some);
    else
        y->dims[axis] = some;
    return MDL_OK;
}

static mdl_status compress_eval(const struct node *n, struct nd_call *c)
{
    const struct gather_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *condition = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const uint32_t axis = p->flat ? 0 : axis_of(n, x);
    const uint8_t *keep = condition->data;
    unsigned char *to = y->data;

    if (!y->count)
        return MDL_OK;
    const uint64_t dim = p->flat ? x->count : (uint64_t)x->dims[axis];
    const uint64_t outer = p->flat ? 1 : nd_product(x, 0, axis);
    const size_t run = (size_t)(x->count / outer / dim) * mdl_nd_type_bytes(x->type);
    const uint64_t end = dim < condition->count ? dim : condition->count;
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t i = 0; i < end; i++)
            if (keep[i]) {
                memcpy(to, nd_at(x->data, o * dim + i, run), run);
                to += run;
            }
    return MDL_OK;
}

const struct op mdl_op_compress = {
    .name = "compress",
    .about = "slices of x along an axis, or elements, for which input 1 is true",
    .fields = axis_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct gather_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = compress_infer,
    .shape = compress_shape,
    .eval = compress_eval,
    .contents = 1u << 1,
    .traits = ND_HALF,
};

/* ---- nonzero ------------------------------------------------------------------------------- */

static mdl_status nonzero_infer(struct node *n, struct graph *g, mdl_error *err)
{
    (void)err;
    nd_result(n, g, 0, MDL_I64);
    return MDL_OK;
}

/* hit[i]: is element first + i not 0?  Texts are not when they have a byte. */
static void nonzero_chunk(uint8_t *hit, const struct nd *x, uint64_t first, size_t n)
{
    double v[2 * ND_CHUNK];

    if (x->type == MDL_STRING) {
        for (size_t i = 0; i < n; i++)
            hit[i] = *((const char *const *)x->data)[first + i] != '\0';
    } else if (x->type == MDL_C64 || x->type == MDL_C128) {
        mdl_nd_load_f64(v, x->data, x->type == MDL_C64 ? MDL_F32 : MDL_F64, 2 * first, 2 * n);
        for (size_t i = 0; i < n; i++)
            hit[i] = v[2 * i] != 0 || v[2 * i + 1] != 0;
    } else {
        mdl_nd_load_f64(v, x->data, x->type, first, n);
        for (size_t i = 0; i < n; i++)
            hit[i] = v[i] != 0;
    }
}

static mdl_status nonzero_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    int64_t dims[2] = { x->rank, 0 };
    uint8_t hit[ND_CHUNK];

    for (uint64_t first = 0; first < x->count; first += ND_CHUNK) {
        const size_t some = x->count - first < ND_CHUNK ? (size_t)(x->count - first) : ND_CHUNK;
        nonzero_chunk(hit, x, first, some);
        for (size_t i = 0; i < some; i++)
            dims[1] += hit[i];
    }
    mdl_nd_set_shape(nd_out(c, n, 0), 2, dims);
    return MDL_OK;
}

static mdl_status nonzero_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const uint64_t found = (uint64_t)y->dims[1];
    int64_t *to = y->data;
    uint8_t hit[ND_CHUNK];
    uint64_t k = 0;

    for (uint64_t first = 0; x->rank && first < x->count; first += ND_CHUNK) {
        const size_t some = x->count - first < ND_CHUNK ? (size_t)(x->count - first) : ND_CHUNK;
        nonzero_chunk(hit, x, first, some);
        for (size_t i = 0; i < some; i++) {
            uint64_t at = first + i;
            if (!hit[i] || k >= found)
                continue;
            for (uint32_t d = x->rank; d--; at /= (uint64_t)x->dims[d])
                to[d * found + k] = (int64_t)(at % (uint64_t)x->dims[d]);
            k++;
        }
    }
    return MDL_OK;
}

const struct op mdl_op_nonzero = {
    .name = "nonzero",
    .about = "positions of the elements that are not 0, one a column",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = nonzero_infer,
    .shape = nonzero_shape,
    .eval = nonzero_eval,
    .contents = 1u << 0,
    .traits = ND_HALF,
};
