/*
 * op/nd_choose.c - where, clip, dropout, align
 *
 *     where     condition, a, b       a where the condition holds, else b; shapes broadcast
 *     clip      x, low, high          below low: low; then above high: high.  Bounds are one
 *                                     number each, or the parameters, when they are not given
 *     dropout   x, ratio, training    x, and where it was kept: everywhere.  Training, unless
 *                                     the ratio is 0, is refused when it is asked for
 *     align     b, a                  b with as many dims of 1 at its end as it takes for its
 *                                     first to broadcast against dim `axis` of a
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_walk.h"

#include "kernel/each.h"

#include <math.h>              /* INFINITY: a constant */
#include <string.h>

/* ---- where ----------------------------------------------------------------------------------- */

static mdl_status where_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPE_BIT(MDL_BOOL), err);

    if (!s)
        s = mdl_nd_need_same(n, g, 1, 2, err);
    if (!s)
        nd_result(n, g, 0, nd_type(n, g, 1));
    return s;
}

#define SELECT(BYTES, C) \
    case BYTES: \
        for (size_t i = 0; i < n; i++) { \
            const C u = ((const C *)a)[i], v = ((const C *)b)[i]; \
            ((C *)to)[i] = which[i] ? u : v; \
        } \
        return;

static void select_some(void *to, const uint8_t *which, const void *a, const void *b, size_t size,
                        size_t n)
{
    switch (size) {
    SELECT(1, uint8_t)
    SELECT(2, uint16_t)
    SELECT(4, uint32_t)
    SELECT(8, uint64_t)
    default:
        for (size_t i = 0; i < n; i++)
            memcpy((unsigned char *)to + i * size,
                   (const unsigned char *)(which[i] ? a : b) + i * size, size);
    }
}

static mdl_status where_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *from[3] = { nd_in(c, n, 0), nd_in(c, n, 1), nd_in(c, n, 2) };
    struct nd *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(y->type);
    struct nd_walk w;

    mdl_nd_walk_start(&w, y, from, 3, SIZE_MAX);
    while (mdl_nd_walk_next(&w))
        select_some((unsigned char *)y->data + w.first * size, w.at[0], w.at[1], w.at[2], size,
                    w.count);
    return MDL_OK;
}

const struct op mdl_op_where = {
    .name = "where",
    .about = "y = condition ? a : b for each element, shapes broadcast",
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = where_infer,
    .shape = mdl_nd_shape_broadcast,
    .eval = where_eval,
    .traits = ND_HALF,
};

/* ---- clip ------------------------------------------------------------------------------------ */

struct clip_params {
    double low, high;
};

static const struct field clip_fields[] = {
    FIELD(FIELD_FLOAT, clip_params, low, -(double)INFINITY, NULL),
    FIELD(FIELD_FLOAT, clip_params, high, (double)INFINITY, NULL),
};

static mdl_status clip_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_NUMBER, err);

    if (!s)
        s = mdl_nd_need_same(n, g, 0, 2, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status clip_shape(const struct node *n, struct nd_call *c)
{
    char text[96];

    for (uint32_t i = 1; i < 3; i++) {
        const struct nd *bound = nd_in(c, n, i);
        if (bound && nd_product(bound, 0, bound->rank) != 1)
            return mdl_fail(c->err, MDL_ERR_DATA, "input %u is %s, expected one number", (unsigned)i,
                            mdl_nd_shape_text(text, sizeof text, bound));
    }
    return mdl_nd_shape_same(n, c);
}

static void clip_f64(struct nd *y, const struct nd *x, double low, double high)
{
    double v[ND_CHUNK];

    for (uint64_t at = 0; at < x->count; at += ND_CHUNK) {
        const size_t some = x->count - at < ND_CHUNK ? (size_t)(x->count - at) : ND_CHUNK;
        mdl_nd_load_f64(v, x->data, x->type, at, some);
        for (size_t i = 0; i < some; i++) {
            v[i] = low > v[i] ? low : v[i];
            v[i] = high < v[i] ? high : v[i];
        }
        mdl_nd_store_f64(y->data, y->type, at, v, some);
    }
}

/* uint64 as int64 in the same order. */
static void clip_i64(struct nd *y, const struct nd *x, int64_t low, int64_t high, uint64_t flip)
{
    int64_t v[ND_CHUNK];

    for (uint64_t at = 0; at < x->count; at += ND_CHUNK) {
        const size_t some = x->count - at < ND_CHUNK ? (size_t)(x->count - at) : ND_CHUNK;
        mdl_nd_load_i64(v, x->data, x->type, at, some);
        for (size_t i = 0; i < some; i++) {
            int64_t k = (int64_t)((uint64_t)v[i] ^ flip);
            k = low > k ? low : k;
            k = high < k ? high : k;
            v[i] = (int64_t)((uint64_t)k ^ flip);
        }
        mdl_nd_store_i64(y->data, y->type, at, v, some);
    }
}

static mdl_status clip_eval(const struct node *n, struct nd_call *c)
{
    const struct clip_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *low = nd_in(c, n, 1), *high = nd_in(c, n, 2);
    struct nd *y = nd_out(c, n, 0);

    if (TYPES_FLOATS & TYPE_BIT(x->type)) {
        const double a = low ? mdl_nd_number(low, 0) : p->low, b = high ? mdl_nd_number(high, 0) : p->high;
        if (x->type == MDL_F32)
            c->kernels->each_f32(EACH_CLIP, y->data, x->data, (size_t)x->count, (float)a, (float)b);
        else
            clip_f64(y, x, a, b);
        return MDL_OK;
    }
    const uint64_t flip = x->type == MDL_U64 ? (uint64_t)1 << 63 : 0;
    clip_i64(y, x, low ? (int64_t)((uint64_t)mdl_nd_int(low, 0) ^ flip) : INT64_MIN,
             high ? (int64_t)((uint64_t)mdl_nd_int(high, 0) ^ flip) : INT64_MAX, flip);
    return MDL_OK;
}

const struct op mdl_op_clip = {
    .name = "clip",
    .about = "y = min(max(x, low), high)",
    .fields = clip_fields,
    .n_fields = sizeof clip_fields / sizeof *clip_fields,
    .params_bytes = sizeof(struct clip_params),
    .min_in = 1,
    .max_in = 3,
    .n_out = 1,
    .infer = clip_infer,
    .shape = clip_shape,
    .eval = clip_eval,
    .traits = ND_IN_PLACE | ND_HALF,
};

/* ---- dropout --------------------------------------------------------------------------------- */

static mdl_status dropout_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOATS, err);

    if (!s)
        s = mdl_nd_need_type(n, g, 1, TYPES_FLOATS, err);
    if (!s)
        s = mdl_nd_need_type(n, g, 2, TYPE_BIT(MDL_BOOL), err);
    nd_result(n, g, 0, nd_type(n, g, 0));
    nd_result(n, g, 1, MDL_BOOL);
    return s;
}

static mdl_status dropout_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *ratio = nd_in(c, n, 1), *training = nd_in(c, n, 2);

    for (uint32_t i = 1; i < 3; i++)
        if (nd_in(c, n, i) && nd_product(nd_in(c, n, i), 0, nd_in(c, n, i)->rank) != 1)
            return mdl_fail(c->err, MDL_ERR_DATA, "input %u has not one element", (unsigned)i);
    if (training && mdl_nd_int(training, 0) && (!ratio || mdl_nd_number(ratio, 0) != 0))
        return mdl_fail(c->err, MDL_ERR_DATA, "training, which is not for inference");
    return mdl_nd_shape_same(n, c);
}

static mdl_status dropout_eval(const struct node *n, struct nd_call *c)
{
    if (nd_wanted(c, n, 0))
        mdl_nd_copy(n, c);
    if (nd_wanted(c, n, 1) && nd_out(c, n, 1)->count)
        memset(nd_out(c, n, 1)->data, 1, (size_t)nd_out(c, n, 1)->count);
    return MDL_OK;
}

const struct op mdl_op_dropout = {
    .name = "dropout",
    .about = "x, and true for each of its elements: what dropout is outside of training",
    .min_in = 1,
    .max_in = 3,
    .n_out = 1,
    .max_out = 2,
    .infer = dropout_infer,
    .shape = dropout_shape,
    .eval = dropout_eval,
    .contents = 6,
    .traits = ND_IN_PLACE | ND_HALF,
};

/* ---- align ----------------------------------------------------------------------------------- */

struct align_params {
    int64_t axis;
};

static const struct field align_fields[] = {
    FIELD(FIELD_INT, align_params, axis, 0, NULL),
};

static mdl_status align_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *b = nd_in(c, n, 0), *a = nd_in(c, n, 1);
    int64_t axis = ((const struct align_params *)n->params)->axis, dims[MDL_MAX_RANK];

    axis += axis < 0 ? (int64_t)a->rank : 0;
    if (axis < 0 || axis > (int64_t)a->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "axis %lld of a tensor of rank %u", (long long)axis,
                        (unsigned)a->rank);
    const uint32_t behind = a->rank - (uint32_t)axis, rank = b->rank > behind ? b->rank : behind;
    for (uint32_t i = 0; i < rank; i++)
        dims[i] = i < b->rank ? b->dims[i] : 1;
    mdl_nd_set_shape(nd_out(c, n, 0), rank, dims);
    return MDL_OK;
}

const struct op mdl_op_align = {
    .name = "align",
    .about = "b with dims of 1 at its end, to broadcast against dim `axis` of a",
    .fields = align_fields,
    .n_fields = sizeof align_fields / sizeof *align_fields,
    .params_bytes = sizeof(struct align_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = mdl_nd_infer_same,
    .shape = align_shape,
    .eval = mdl_nd_copy,
    .traits = ND_ALIAS | ND_HALF,
};
