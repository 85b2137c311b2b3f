/*
 * op/nd_lrn.c - local response normalisation over channels
 *
 *   x, y  [N, C, ...] float32 or float64
 *
 *   y = x / (bias + alpha / size  sum of x^2 of the channels c - (size - 1) / 2 ... c + size / 2
 *            of the same place) ^ beta
 *
 * In double, rounded once.  Some places at a time: their sums lie in a row, channels are
 * added and the result is stored.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include "kernel/math.h"

struct lrn_params {
    double  alpha, beta, bias;
    int64_t size;
};

static const struct field fields[] = {
    FIELD(FIELD_FLOAT, lrn_params, alpha, 1e-4, NULL),
    FIELD(FIELD_FLOAT, lrn_params, beta, 0.75, NULL),
    FIELD(FIELD_FLOAT, lrn_params, bias, 1, NULL),
    FIELD(FIELD_INT, lrn_params, size, 1, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct lrn_params *p = n->params;
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    if (p->size < 1 || p->size > INT32_MAX)
        return mdl_fail(err, MDL_ERR_FORMAT, "size %lld", (long long)p->size);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);

    if (x->rank < 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "x has rank %u, expected 2 or more", (unsigned)x->rank);
    return mdl_nd_shape_same(n, c);
}

/* v^-beta; without pow for what networks have. */
static double inverse_power(double v, double beta)
{
    if (beta == 0.75) {
        const double root = mdl_sqrt(v);
        return 1 / (root * mdl_sqrt(root));
    }
    return beta == 0.5 ? 1 / mdl_sqrt(v) : 1 / mdl_pow(v, beta);
}

/* Channel c of m places; those of a channel lie `area` from the next channel's. */
static void some(const struct lrn_params *p, const struct nd *y, const struct nd *x, uint64_t at,
                 int64_t channel, uint64_t area, size_t m)
{
    const int64_t channels = x->dims[1], before = (p->size - 1) / 2, after = p->size / 2;
    const int64_t first = channel < before ? 0 : channel - before;
    const int64_t last = channels - 1 - channel < after ? channels - 1 : channel + after;
    double sum[ND_CHUNK] = { 0 }, v[ND_CHUNK];

    for (int64_t k = first; k <= last; k++) {
        mdl_nd_load_f64(v, x->data, x->type, at + (uint64_t)k * area, m);
        for (size_t i = 0; i < m; i++)
            sum[i] += v[i] * v[i];
    }
    mdl_nd_load_f64(v, x->data, x->type, at + (uint64_t)channel * area, m);
    for (size_t i = 0; i < m; i++)
        v[i] *= inverse_power(p->bias + p->alpha / (double)p->size * sum[i], p->beta);
    mdl_nd_store_f64(y->data, y->type, at + (uint64_t)channel * area, v, m);
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const uint64_t channels = (uint64_t)x->dims[1], area = nd_product(x, 2, x->rank);

    if (!x->count)
        return MDL_OK;
    for (uint64_t o = 0; o < (uint64_t)x->dims[0]; o++)
        for (uint64_t k = 0; k < channels; k++)
            for (uint64_t i = 0, m; i < area; i += m) {
                m = area - i < ND_CHUNK ? area - i : ND_CHUNK;
                some(n->params, y, x, o * channels * area + i, (int64_t)k, area, (size_t)m);
            }
    return MDL_OK;
}

const struct op mdl_op_lrn = {
    .name = "lrn",
    .about = "x over a power of the squares of its neighbours in other channels",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct lrn_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
