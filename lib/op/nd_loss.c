/*
 * op/nd_loss.c - negative log likelihood
 *
 *   x       [N, C, d1, ...] logarithms of probabilities, float32 or float64
 *   target  [N, d1, ...] int32 or int64: classes
 *   weight  [C] as x, optional
 *   y       none: -x[n, target, d...] weight[target], in target's shape
 *           sum:  of these, one number         mean: their sum over that of the weights
 *
 * A target equal to `ignore`, if has_ignore is 1, gives 0 and has no weight; any other that is
 * not a class is an error.  Sums in double, in order.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

struct loss_params {
    int64_t reduction, has_ignore, ignore;
};

enum { NONE, SUM, MEAN };
static const char *const reductions[] = { "none", "sum", "mean", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, loss_params, reduction, MEAN, reductions),
    FIELD(FIELD_INT, loss_params, has_ignore, 0, NULL),
    FIELD(FIELD_INT, loss_params, ignore, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    if (!s) s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);
    if (!s && nd_given(n, 2) && nd_type(n, g, 2) != nd_type(n, g, 0))
        return mdl_fail(err, MDL_ERR_FORMAT, "weights are %s, x is %s",
                        mdl_type_name(nd_type(n, g, 2)), mdl_type_name(nd_type(n, g, 0)));
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct loss_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *target = nd_in(c, n, 1), *weight = nd_in(c, n, 2);
    char a[96], b[96];
    int fits = x->rank >= 2 && target->rank == x->rank - 1 && target->dims[0] == x->dims[0];

    for (uint32_t i = 2; fits && i < x->rank; i++)
        fits = target->dims[i - 1] == x->dims[i];
    if (!fits)
        return mdl_fail(c->err, MDL_ERR_DATA, "x of shape %s with targets of shape %s",
                        mdl_nd_shape_text(a, sizeof a, x), mdl_nd_shape_text(b, sizeof b, target));
    if (weight && weight->count != (uint64_t)x->dims[1])
        return mdl_fail(c->err, MDL_ERR_DATA, "%llu weights, expected %lld",
                        (unsigned long long)weight->count, (long long)x->dims[1]);
    if (p->reduction == NONE)
        nd_like(nd_out(c, n, 0), target);
    else
        mdl_nd_set_shape(nd_out(c, n, 0), 0, NULL);
    return MDL_OK;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct loss_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *target = nd_in(c, n, 1), *weight = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const int64_t classes = x->dims[1];
    const uint64_t inner = nd_product(x, 2, x->rank);
    double sum = 0, weights = 0;

    for (uint64_t i = 0; i < target->count; i++) {
        const int64_t t = mdl_nd_int(target, i);
        double loss = 0;

        if (!p->has_ignore || t != p->ignore) {
            if (t < 0 || t >= classes)
                return mdl_fail(c->err, MDL_ERR_DATA, "target %lld of %lld classes", (long long)t,
                                (long long)classes);
            const uint64_t row = i / inner * (uint64_t)classes + (uint64_t)t;
            const double w = weight ? mdl_nd_number(weight, (uint64_t)t) : 1;
            loss = -mdl_nd_number(x, row * inner + i % inner) * w;
            weights += w;
        }
        sum += loss;
        if (p->reduction == NONE)
            mdl_nd_store_f64(y->data, y->type, i, &loss, 1);
    }
    if (p->reduction == MEAN)
        sum /= weights;
    if (p->reduction != NONE)
        mdl_nd_store_f64(y->data, y->type, 0, &sum, 1);
    return MDL_OK;
}

const struct op mdl_op_nll_loss = {
    .name = "nll_loss",
    .about = "negative log likelihood of classes",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct loss_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
