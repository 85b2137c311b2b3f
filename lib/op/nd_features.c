/*
 * op/nd_features.c - features put together and picked: FeatureVectorizer, ArrayFeatureExtractor
 *
 *   feature_vector  x_0 [rows, ...], x_1 [rows, ...], ... -> [rows, sum of widths], float32:
 *                   rows side by side, each cut or filled up with 0 to its width
 *   pick_columns    x [..., n], indices int64 -> [..., count of indices]; of x [n]: [1, count]
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_ml.h"

#define MOST_INPUTS 4096u

static const struct slot slots[] = { { "widths", TYPE_BIT(MDL_I64), 1, 0 } };

static mdl_status vector_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *widths = &n->tensors[0];
    const int64_t *width = widths->data;

    for (uint32_t i = 0; i < n->n_in; i++) {
        const mdl_status s = mdl_nd_need_type(n, g, i, ML_X, err);
        if (s)
            return s;
        if (!nd_given(n, i))
            return mdl_fail(err, MDL_ERR_FORMAT, "input %u is not given", (unsigned)i);
    }
    if (widths->type && widths->count != n->n_in)
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu widths of %u inputs",
                        (unsigned long long)widths->count, (unsigned)n->n_in);
    for (uint64_t i = 0; i < widths->count; i++)
        if (width[i] < 0 || width[i] > INT32_MAX)
            return mdl_fail(err, MDL_ERR_FORMAT, "a width of %lld", (long long)width[i]);
    nd_result(n, g, 0, MDL_F32);
    return MDL_OK;
}

static uint64_t own_width(const struct nd *x)
{
    return x->rank == 1 ? (uint64_t)x->dims[0] : nd_product(x, 1, x->rank);
}

static uint64_t width_of(const struct node *n, const struct nd *x, uint32_t i)
{
    return n->tensors[0].type ? (uint64_t)((const int64_t *)n->tensors[0].data)[i] : own_width(x);
}

static mdl_status vector_shape(const struct node *n, struct nd_call *c)
{
    int64_t rows = 0;
    uint64_t all = 0;

    for (uint32_t i = 0; i < n->n_in; i++) {
        const struct nd *x = nd_in(c, n, i);
        const int64_t own = x->rank > 1 ? x->dims[0] : 1;
        if (!x->rank || (i && own != rows))
            return mdl_fail(c->err, MDL_ERR_DATA, "input %u, rank %u, has %lld rows, expected %lld",
                            (unsigned)i, (unsigned)x->rank, (long long)own, (long long)rows);
        rows = own;
        if (!size_add(all, width_of(n, x, i), &all) || all > INT64_MAX)
            return mdl_fail(c->err, MDL_ERR_DATA, "too many columns");
    }
    mdl_nd_set_shape(nd_out(c, n, 0), 2, (int64_t[]){ rows, (int64_t)all });
    return MDL_OK;
}

static mdl_status vector_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *out = nd_out(c, n, 0);
    const uint64_t rows = (uint64_t)out->dims[0], all = (uint64_t)out->dims[1];
    float *y = out->data;
    uint64_t at = 0;

    for (uint32_t i = 0; i < n->n_in && out->count; i++) {
        const struct nd *x = nd_in(c, n, i);
        const uint64_t own = own_width(x), width = width_of(n, x, i);
        const uint64_t used = own < width ? own : width;

        for (uint64_t r = 0; r < rows; r++) {
            mdl_nd_load_f32(y + r * all + at, x->data, x->type, r * own, (size_t)used);
            for (uint64_t k = used; k < width; k++)
                y[r * all + at + k] = 0;
        }
        at += width;
    }
    return MDL_OK;
}

const struct op mdl_op_feature_vector = {
    .name = "feature_vector",
    .about = "rows side by side, each cut or filled up to its width",
    .slots = slots,
    .n_slots = 1,
    .min_in = 1,
    .max_in = MOST_INPUTS,
    .n_out = 1,
    .infer = vector_infer,
    .shape = vector_shape,
    .eval = vector_eval,
};

/* ---- pick_columns --------------------------------------------------------------------------- */

static mdl_status pick_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status pick_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    const int64_t count = (int64_t)nd_in(c, n, 1)->count;

    if (!x->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "a scalar has no columns");
    if (x->rank == 1) {
        mdl_nd_set_shape(y, 2, (int64_t[]){ 1, count });
        return MDL_OK;
    }
    nd_like(y, x);
    y->dims[x->rank - 1] = count;
    return MDL_OK;
}

static mdl_status pick_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *indices = nd_in(c, n, 1);
    unsigned char *y = nd_out(c, n, 0)->data;
    const int64_t cols = x->dims[x->rank - 1];
    const uint64_t rows = nd_product(x, 0, x->rank - 1);
    const size_t cell = mdl_nd_type_bytes(x->type);

    for (uint64_t k = 0; k < indices->count; k++) {
        const int64_t given = mdl_nd_int(indices, k), at = given < 0 ? given + cols : given;
        if (at < 0 || at >= cols)
            return mdl_fail(c->err, MDL_ERR_DATA, "index %lld of %lld columns", (long long)given,
                            (long long)cols);
        for (uint64_t r = 0; r < rows; r++)
            memcpy(y + (r * indices->count + k) * cell,
                   (const unsigned char *)x->data + (r * (uint64_t)cols + (uint64_t)at) * cell,
                   cell);
    }
    return MDL_OK;
}

const struct op mdl_op_pick_columns = {
    .name = "pick_columns",
    .about = "elements of the last dimension, by number",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = pick_infer,
    .shape = pick_shape,
    .eval = pick_eval,
    .traits = ND_HALF,
};
