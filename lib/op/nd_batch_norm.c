/*
 * op/nd_batch_norm.c - batch normalisation
 *
 *   x                       [N, C, ...], or [N] with C = 1; any float
 *   scale, bias, mean, var  [C]; without `spatial` one for each number of a sample; any floats
 *   y                       (x - mean) / sqrt(var + epsilon) scale + bias
 *
 * With `training` mean and variance are those of the batch, and results 1 and 2 are
 * mean momentum + batch's (1 - momentum), and so for the variance.
 *
 * In double, rounded once.  temp: mean [C], factor [C], bias [C] as double.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_reduce.h"

struct batch_params {
    double  epsilon, momentum;
    int64_t training, spatial;
};

static const struct field fields[] = {
    FIELD(FIELD_FLOAT, batch_params, epsilon, 1e-5, NULL),
    FIELD(FIELD_FLOAT, batch_params, momentum, 0.9, NULL),
    FIELD(FIELD_INT, batch_params, training, 0, NULL),
    FIELD(FIELD_INT, batch_params, spatial, 1, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct batch_params *p = n->params;
    mdl_status s = MDL_OK;

    for (uint32_t i = 0; i < 5 && !s; i++)
        s = mdl_nd_need_type(n, g, i, i || !p->training ? TYPES_FLOATS : TYPES_FLOAT, err);
    if (s)
        return s;
    for (uint32_t i = 0; i < 5; i++)
        if (!nd_given(n, i))
            return mdl_fail(err, MDL_ERR_FORMAT, "input %u is not given", (unsigned)i);
    if (n->n_out > 1 && !p->training)
        return mdl_fail(err, MDL_ERR_FORMAT, "means are results of training alone");
    nd_result(n, g, 0, nd_type(n, g, 0));
    nd_result(n, g, 1, nd_type(n, g, 3));
    nd_result(n, g, 2, nd_type(n, g, 4));
    return MDL_OK;
}

/* x as [outer][channels][area]. */
static void parts(const struct batch_params *p, const struct nd *x, uint64_t *outer, uint64_t *channels,
                  uint64_t *area)
{
    *outer = x->rank > 1 ? (uint64_t)x->dims[0] : 1;
    *channels = x->rank < 2 ? 1 : p->spatial ? (uint64_t)x->dims[1] : nd_product(x, 1, x->rank);
    *area = x->rank < 2 ? x->count : p->spatial ? nd_product(x, 2, x->rank) : 1;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct batch_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    uint64_t outer, channels, area;

    parts(p, x, &outer, &channels, &area);
    if (!x->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "x is one number, expected samples of channels");
    for (uint32_t i = 1; i < 5; i++)
        if (nd_in(c, n, i)->count != channels)
            return mdl_fail(c->err, MDL_ERR_DATA, "input %u has %llu numbers, expected %llu",
                            (unsigned)i, (unsigned long long)nd_in(c, n, i)->count,
                            (unsigned long long)channels);
    if (!size_mul(channels, 3 * sizeof(double), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "too many channels");
    nd_like(nd_out(c, n, 0), x);
    for (uint32_t i = 1; i < n->n_out; i++)
        nd_like(nd_out(c, n, i), nd_in(c, n, i + 2));
    return MDL_OK;
}

/* Mean and variance of the batch into `mean` and `var`; results 1 and 2. */
static void train(const struct node *n, struct nd_call *c, double *mean, double *var)
{
    const struct batch_params *p = n->params;
    struct nd x = *nd_in(c, n, 0);
    uint64_t outer, channels, area;
    struct reduction r;

    parts(p, &x, &outer, &channels, &area);
    mdl_nd_set_shape(&x, 3, (int64_t[]){ (int64_t)outer, (int64_t)channels, (int64_t)area });
    mdl_nd_reduction(&r, &x, 5);      /* the first and the last of three axes */
    for (uint64_t i = 0; i < channels; i++) {
        const double ran[2] = { mean[i], var[i] };
        double *now[2] = { mean + i, var + i };

        mdl_nd_reduce_columns(&r, c->kernels, REDUCE_SUM, &mean[i], x.data, x.type, i, 0, 1, NULL);
        mean[i] /= (double)r.count;
        mdl_nd_reduce_columns(&r, c->kernels, REDUCE_SQUARES, &var[i], x.data, x.type, i, 0, 1, &mean[i]);
        var[i] /= (double)r.count;
        for (uint32_t k = 0; k < 2; k++) {
            const double next = ran[k] * p->momentum + *now[k] * (1 - p->momentum);
            if (nd_wanted(c, n, 1 + k))
                mdl_nd_store_f64(nd_out(c, n, 1 + k)->data, nd_out(c, n, 1 + k)->type, i, &next, 1);
        }
    }
}

/* y = (x - mean) mul + add of n numbers from `at`: of one channel, of one channel each. */
static void channel(const struct kernels *k, const struct nd *y, const struct nd *x, uint64_t at,
                    uint64_t n, double mean, double mul, double add)
{
    double v[ND_CHUNK];

    if (x->type == MDL_F32) {
        k->affine_f32((float *)y->data + at, (const float *)x->data + at, mean, mul, add, NULL, NULL,
                      (size_t)n);
        return;
    }
    for (uint64_t i = 0, m; i < n; i += m) {
        m = n - i < ND_CHUNK ? n - i : ND_CHUNK;
        mdl_nd_load_f64(v, x->data, x->type, at + i, (size_t)m);
        k->affine_f64(v, v, mean, mul, add, NULL, NULL, (size_t)m);
        mdl_nd_store_f64(y->data, y->type, at + i, v, (size_t)m);
    }
}

static void sample(const struct kernels *k, const struct nd *y, const struct nd *x, uint64_t at,
                   uint64_t n, const double *mean, const double *mul, const double *add)
{
    double v[ND_CHUNK];

    if (x->type == MDL_F32) {
        k->affine_each_f32((float *)y->data + at, (const float *)x->data + at, mean, mul, add,
                           (size_t)n);
        return;
    }
    for (uint64_t i = 0, m; i < n; i += m) {
        m = n - i < ND_CHUNK ? n - i : ND_CHUNK;
        mdl_nd_load_f64(v, x->data, x->type, at + i, (size_t)m);
        k->affine_each_f64(v, v, mean + i, mul + i, add + i, (size_t)m);
        mdl_nd_store_f64(y->data, y->type, at + i, v, (size_t)m);
    }
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct batch_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    uint64_t outer, channels, area;

    parts(p, x, &outer, &channels, &area);
    double *mean = c->temp, *mul = mean + channels, *add = mul + channels;
    mdl_nd_load_f64(mean, nd_in(c, n, 3)->data, nd_in(c, n, 3)->type, 0, (size_t)channels);
    mdl_nd_load_f64(mul, nd_in(c, n, 4)->data, nd_in(c, n, 4)->type, 0, (size_t)channels);
    mdl_nd_load_f64(add, nd_in(c, n, 2)->data, nd_in(c, n, 2)->type, 0, (size_t)channels);
    if (p->training)
        train(n, c, mean, mul);
    for (uint64_t i = 0; i < channels; i++)
        mul[i] = mdl_nd_number(nd_in(c, n, 1), i) / mdl_sqrt(mul[i] + p->epsilon);
    if (!y->data || !x->count)
        return MDL_OK;
    for (uint64_t o = 0; o < outer; o++) {
        if (area == 1) {
            sample(c->kernels, y, x, o * channels, channels, mean, mul, add);
            continue;
        }
        for (uint64_t i = 0; i < channels; i++)
            channel(c->kernels, y, x, (o * channels + i) * area, area, mean[i], mul[i], add[i]);
    }
    return MDL_OK;
}

const struct op mdl_op_batch_norm = {
    .name = "batch_norm",
    .about = "channels to mean 0 and variance 1 as they were while training, then scaled and moved",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct batch_params),
    .min_in = 5,
    .max_in = 5,
    .n_out = 1,
    .max_out = 3,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .traits = ND_IN_PLACE | ND_HALF,
};
