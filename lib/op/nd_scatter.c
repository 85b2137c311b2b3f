/*
 * op/nd_scatter.c - a copy of a tensor with elements put into it by number
 *
 *     scatter_elements  y = x;  y[.., indices[.., k, ..], ..] = updates[.., k, ..]    along `axis`
 *     scatter_nd        y = x;  y[indices[k.., :], i..] = updates[k.., i..]
 *     tensor_scatter    y = x;  y[b, .., start[b] + t, ..] = updates[b, .., t, ..]    along `axis`,
 *                       from the beginning again behind the end where `mode` is circular
 *
 * With a `reduction` it is y = y + update, y * update, the smaller or the larger of the two (NaN
 * if either is), update after update in their order.  Integers wrap, sums of bools are "or",
 * products "and".
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include <string.h>

struct scatter_params {
    int64_t reduction, axis;
};

enum { NONE, ADD, MUL, MIN, MAX };
static const char *const reductions[] = {
    [NONE] = "none", [ADD] = "add", [MUL] = "mul", [MIN] = "min", [MAX] = "max", NULL,
};

static const struct field scatter_fields[] = {
    FIELD(FIELD_CHOICE, scatter_params, reduction, NONE, reductions),
    FIELD(FIELD_INT, scatter_params, axis, 0, NULL),
};

static mdl_status scatter_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct scatter_params *p = n->params;
    const uint32_t x = nd_type(n, g, 0);
    const uint32_t reduces = TYPES_NUMBER | TYPE_BIT(MDL_BOOL);
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    if (!s) s = mdl_nd_need_type(n, g, 2, TYPE_BIT(x), err);
    if (!s && p->reduction != NONE) s = mdl_nd_need_type(n, g, 0, reduces, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* y is x, unless it lies there already. */
static void copy_whole(const struct nd *y, const struct nd *x)
{
    if (y->data != x->data && x->count)
        memcpy(y->data, x->data, (size_t)x->count * mdl_nd_type_bytes(x->type));
}

/* ---- y with an update ---------------------------------------------------------------------- */

static double reduce_number(int64_t how, double a, double b)
{
    switch (how) {
    case ADD: return a + b;
    case MUL: return a * b;
    case MIN: return a < b || a != a ? a : b;
    default:  return a > b || a != a ? a : b;
    }
}

static int64_t reduce_int(int64_t how, int64_t a, int64_t b, int is_signed)
{
    const int less = is_signed ? a < b : (uint64_t)a < (uint64_t)b;

    switch (how) {
    case ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case MIN: return less ? a : b;
    default:  return less ? b : a;
    }
}

/* n elements of y from `at` on with those of `updates` from `from` on.  Of two float32 the sum
 * and the product round to the same from float64 as at once. */
static void reduce(int64_t how, const struct nd *y, uint64_t at, const struct nd *updates,
                   uint64_t from, uint64_t n)
{
    const uint32_t type = y->type;

    for (uint64_t i = 0; i < n; i++) {
        if (TYPES_FLOATS & TYPE_BIT(type)) {
            double a, b;
            mdl_nd_load_f64(&a, y->data, type, at + i, 1);
            mdl_nd_load_f64(&b, updates->data, type, from + i, 1);
            a = reduce_number(how, a, b);
            mdl_nd_store_f64(y->data, type, at + i, &a, 1);
        } else {
            int64_t a, b;
            mdl_nd_load_i64(&a, y->data, type, at + i, 1);
            mdl_nd_load_i64(&b, updates->data, type, from + i, 1);
            a = reduce_int(how, a, b, type != MDL_U64);
            mdl_nd_store_i64(y->data, type, at + i, &a, 1);
        }
    }
}

/* ---- scatter_elements ---------------------------------------------------------------------- */

static mdl_status elements_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1), *updates = nd_in(c, n, 2);
    int64_t axis = ((const struct scatter_params *)n->params)->axis;
    char text[3][96];
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);
    int fits = indices->rank == x->rank && updates->rank == x->rank;

    for (uint32_t i = 0; fits && i < x->rank; i++)
        fits = indices->dims[i] == updates->dims[i]
               && (i == (uint32_t)axis || indices->dims[i] <= x->dims[i]);
    if (!s && !fits)
        s = mdl_fail(c->err, MDL_ERR_DATA, "indices of shape %s and updates of shape %s into a "
                     "tensor of shape %s", mdl_nd_shape_text(text[0], sizeof text[0], indices),
                     mdl_nd_shape_text(text[1], sizeof text[1], updates),
                     mdl_nd_shape_text(text[2], sizeof text[2], x));
    nd_like(nd_out(c, n, 0), x);
    return s;
}

/* y[to[i]] with element from + i of the updates. */
static void put(int64_t how, const struct nd *y, const int64_t *to, const struct nd *updates,
                uint64_t from, size_t n)
{
    const size_t size = mdl_nd_type_bytes(y->type);
    unsigned char *const data = y->data;
    const unsigned char *u = nd_at(updates->data, from, size);

    if (how != NONE) {
        for (size_t i = 0; i < n; i++)
            reduce(how, y, (uint64_t)to[i], updates, from + i, 1);
    } else if (size == 4) {
        for (size_t i = 0; i < n; i++)
            memcpy(data + 4 * to[i], u + 4 * i, 4);
    } else {
        for (size_t i = 0; i < n; i++)
            memcpy(data + (size_t)to[i] * size, u + i * size, size);
    }
}

/* Row by row along the last axis, as gather_elements. */
static mdl_status elements_eval(const struct node *n, struct nd_call *c)
{
    const struct scatter_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1), *updates = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const uint32_t axis = (uint32_t)(p->axis < 0 ? p->axis + (int64_t)x->rank : p->axis);
    const uint32_t last = x->rank - 1;
    int64_t step[MDL_MAX_RANK], at[MDL_MAX_RANK] = { 0 }, index[ND_CHUNK], base = 0;
    uint64_t row = 0;

    copy_whole(y, x);
    if (!indices->count)
        return MDL_OK;
    mdl_nd_packed(step, x->rank, x->dims);
    const int64_t along = step[axis], dim = x->dims[axis], cols = indices->dims[last];
    step[axis] = 0;
    for (uint32_t i = last; i != UINT32_MAX; row++) {
        for (int64_t first = 0; first < cols; first += ND_CHUNK) {
            const int64_t left = cols - first;
            const size_t some = left < (int64_t)ND_CHUNK ? (size_t)left : ND_CHUNK;
            const uint64_t from = row * (uint64_t)cols + (uint64_t)first;
            mdl_nd_load_i64(index, indices->data, indices->type, from, some);
            for (size_t k = 0; k < some; k++) {
                const int64_t given = index[k];
                if (!nd_index_ok(&index[k], dim))
                    return mdl_nd_index_fail(given, dim, c->err);
                index[k] = base + (first + (int64_t)k) * step[last] + index[k] * along;
            }
            put(p->reduction, y, index, updates, from, some);
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

const struct op mdl_op_scatter_elements = {
    .name = "scatter_elements",
    .about = "x with elements replaced along an axis, by number, or reduced into it",
    .fields = scatter_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct scatter_params),
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = scatter_infer,
    .shape = elements_shape,
    .eval = elements_eval,
    .traits = ND_HALF,
};

/* ---- scatter_nd ---------------------------------------------------------------------------- */

static mdl_status nd_scatter_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1), *updates = nd_in(c, n, 2);
    char text[3][96];
    int fits = indices->rank > 0;
    const int64_t numbers = fits ? indices->dims[indices->rank - 1] : 0;
    const uint32_t before = fits ? indices->rank - 1 : 0;

    fits = fits && numbers <= (int64_t)x->rank
           && updates->rank == before + x->rank - (uint32_t)numbers;
    for (uint32_t i = 0; fits && i < before; i++)
        fits = updates->dims[i] == indices->dims[i];
    for (uint32_t i = before; fits && i < updates->rank; i++)
        fits = updates->dims[i] == x->dims[i - before + (uint32_t)numbers];
    if (!fits)
        return mdl_fail(c->err, MDL_ERR_DATA, "indices of shape %s and updates of shape %s into a "
                        "tensor of shape %s", mdl_nd_shape_text(text[0], sizeof text[0], indices),
                        mdl_nd_shape_text(text[1], sizeof text[1], updates),
                        mdl_nd_shape_text(text[2], sizeof text[2], x));
    nd_like(nd_out(c, n, 0), x);
    return MDL_OK;
}

static mdl_status nd_scatter_eval(const struct node *n, struct nd_call *c)
{
    const struct scatter_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1), *updates = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const uint32_t numbers = (uint32_t)indices->dims[indices->rank - 1];
    const size_t size = mdl_nd_type_bytes(x->type);
    int64_t index[MDL_MAX_RANK];

    copy_whole(y, x);
    if (!updates->count)
        return MDL_OK;
    const uint64_t run = nd_product(x, numbers, x->rank);
    const uint64_t picks = updates->count / run;
    for (uint64_t k = 0; k < picks; k++) {
        uint64_t to = 0;
        mdl_nd_load_i64(index, indices->data, indices->type, k * numbers, numbers);
        for (uint32_t i = 0; i < numbers; i++) {
            const int64_t given = index[i];
            if (!nd_index_ok(&index[i], x->dims[i]))
                return mdl_nd_index_fail(given, x->dims[i], c->err);
            to = to * (uint64_t)x->dims[i] + (uint64_t)index[i];
        }
        if (p->reduction != NONE)
            reduce(p->reduction, y, to * run, updates, k * run, run);
        else
            memcpy(nd_at(y->data, to * run, size), nd_at(updates->data, k * run, size),
                   (size_t)run * size);
    }
    return MDL_OK;
}

const struct op mdl_op_scatter_nd = {
    .name = "scatter_nd",
    .about = "x with slices replaced, by the numbers in the last dimension of input 1, or reduced",
    .fields = scatter_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct scatter_params),
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = scatter_infer,
    .shape = nd_scatter_shape,
    .eval = nd_scatter_eval,
    .traits = ND_HALF,
};

/* ---- tensor_scatter ------------------------------------------------------------------------ */

struct cache_params {
    int64_t mode, axis;
};

enum { LINEAR, CIRCULAR };
static const char *const cache_modes[] = { [LINEAR] = "linear", [CIRCULAR] = "circular", NULL };

static const struct field cache_fields[] = {
    FIELD(FIELD_CHOICE, cache_params, mode, LINEAR, cache_modes),
    FIELD(FIELD_INT, cache_params, axis, -2, NULL),
};

static mdl_status cache_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_same(n, g, 0, 1, err);

    if (!s) s = mdl_nd_need_type(n, g, 2, TYPES_INDEX, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status cache_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *updates = nd_in(c, n, 1), *starts = nd_in(c, n, 2);
    int64_t axis = ((const struct cache_params *)n->params)->axis;
    char text[2][96];
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);
    int fits = updates->rank == x->rank && axis > 0;

    for (uint32_t i = 0; fits && i < x->rank; i++)
        fits = i == (uint32_t)axis ? updates->dims[i] <= x->dims[i]
                                   : updates->dims[i] == x->dims[i];
    if (!s && !fits)
        s = mdl_fail(c->err, MDL_ERR_DATA, "updates of shape %s into a tensor of shape %s",
                     mdl_nd_shape_text(text[0], sizeof text[0], updates),
                     mdl_nd_shape_text(text[1], sizeof text[1], x));
    if (!s && starts && (starts->rank != 1 || starts->dims[0] != x->dims[0]))
        s = mdl_fail(c->err, MDL_ERR_DATA, "%llu places to write to, expected %lld",
                     (unsigned long long)starts->count, (long long)x->dims[0]);
    nd_like(nd_out(c, n, 0), x);
    return s;
}

static mdl_status cache_eval(const struct node *n, struct nd_call *c)
{
    const struct cache_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *updates = nd_in(c, n, 1), *starts = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const uint32_t axis = (uint32_t)(p->axis < 0 ? p->axis + (int64_t)x->rank : p->axis);

    copy_whole(y, x);
    if (!updates->count)
        return MDL_OK;
    const uint64_t outer = nd_product(x, 0, axis), each = outer / (uint64_t)x->dims[0];
    const size_t run = (size_t)nd_product(x, axis + 1, x->rank) * mdl_nd_type_bytes(x->type);
    const int64_t dim = x->dims[axis], some = updates->dims[axis];
    for (uint64_t o = 0; o < outer; o++) {
        int64_t start = starts ? mdl_nd_int(starts, o / each) : 0;
        if (p->mode == CIRCULAR) {
            start %= dim;
            start += start < 0 ? dim : 0;
        }
        if (start < 0 || start > dim || (p->mode == LINEAR && some > dim - start))
            return mdl_fail(c->err, MDL_ERR_DATA, "%lld elements from %lld on in a dimension of "
                            "%lld", (long long)some, (long long)start, (long long)dim);
        const int64_t head = some < dim - start ? some : dim - start;
        const unsigned char *from = nd_at(updates->data, o * (uint64_t)some, run);
        unsigned char *to = nd_at(y->data, o * (uint64_t)dim, run);
        memcpy(to + (size_t)start * run, from, (size_t)head * run);
        if (some > head)
            memcpy(to, from + (size_t)head * run, (size_t)(some - head) * run);
    }
    return MDL_OK;
}

const struct op mdl_op_tensor_scatter = {
    .name = "tensor_scatter",
    .about = "x with a stretch along an axis replaced, from where input 2 says for each batch",
    .fields = cache_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct cache_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = cache_infer,
    .shape = cache_shape,
    .eval = cache_eval,
    .traits = ND_HALF,
};
