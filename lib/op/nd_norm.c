/*
 * op/nd_norm.c - normalising over axes and groups of channels
 *
 *   group_norm   x [N, C, ...]; scale, bias [C] or [groups]
 *                each sample's channels in `groups` groups (0: as many as channels): mean and
 *                variance of a group, y = (x - mean) / sqrt(variance + epsilon) scale + bias
 *   standardize  y = (x - mean) / (sqrt(variance) + epsilon), of the axes in `axes`
 *   lp_norm      y = x / |x|_p along an axis, p 1 or 2; 0 where that norm is 0
 *
 * All of one type, float32 or float64; statistics in double.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_reduce.h"

/* y = (x - sub) mul + add for n numbers from `at`. */
static void affine(const struct kernels *k, const struct nd *y, const struct nd *x, uint64_t at,
                   uint64_t n, double sub, double mul, double add)
{
    if (x->type == MDL_F32)
        k->affine_f32((float *)y->data + at, (const float *)x->data + at, sub, mul, add, NULL, NULL,
                      (size_t)n);
    else
        k->affine_f64((double *)y->data + at, (const double *)x->data + at, sub, mul, add, NULL, NULL,
                      (size_t)n);
}

static double reduced(const struct kernels *k, uint32_t how, const struct nd *x, uint64_t at, uint64_t n,
                      double about)
{
    return x->type == MDL_F32 ? k->reduce_f32(how, (const float *)x->data + at, (size_t)n, about)
                              : k->reduce_f64(how, (const double *)x->data + at, (size_t)n, about);
}

/* ---- group_norm -------------------------------------------------------------------------------- */

struct group_params {
    int64_t groups;
    double  epsilon;
};

static const struct field group_fields[] = {
    FIELD(FIELD_INT, group_params, groups, 0, NULL),
    FIELD(FIELD_FLOAT, group_params, epsilon, 1e-5, NULL),
};

static mdl_status group_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct group_params *p = n->params;
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    if (p->groups < 0)
        return mdl_fail(err, MDL_ERR_FORMAT, "%lld groups", (long long)p->groups);
    if (!s) s = mdl_nd_need_same(n, g, 0, 2, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status group_shape(const struct node *n, struct nd_call *c)
{
    const struct group_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);

    if (x->rank < 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "x has rank %u, expected 2 or more", (unsigned)x->rank);
    const int64_t groups = p->groups ? p->groups : x->dims[1];
    if (groups && x->dims[1] % groups)
        return mdl_fail(c->err, MDL_ERR_DATA, "%lld channels in %lld groups", (long long)x->dims[1],
                        (long long)groups);
    for (uint32_t i = 1; i < 3; i++) {
        const struct nd *t = nd_in(c, n, i);
        if (!t || t->rank != 1 || (t->dims[0] != x->dims[1] && t->dims[0] != groups))
            return mdl_fail(c->err, MDL_ERR_DATA, "input %u is not a list of %lld or %lld numbers",
                            (unsigned)i, (long long)x->dims[1], (long long)groups);
    }
    c->temp_bytes = 2 * (uint64_t)x->dims[1] * sizeof(double);   /* y may lie over them */
    return mdl_nd_shape_same(n, c);
}

static mdl_status group_eval(const struct node *n, struct nd_call *c)
{
    const struct group_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *scale = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    const uint64_t channels = (uint64_t)x->dims[1], area = nd_product(x, 2, x->rank);
    const uint64_t groups = p->groups ? (uint64_t)p->groups : channels;
    const uint64_t each = groups ? channels / groups : 0, size = each * area;
    double *mul = c->temp, *add = mul + channels;

    if (!x->count)
        return MDL_OK;
    mdl_nd_load_f64(mul, scale->data, scale->type, 0, (size_t)scale->count);
    mdl_nd_load_f64(add, bias->data, bias->type, 0, (size_t)bias->count);
    for (uint64_t i = 0; i < (uint64_t)x->dims[0] * groups; i++) {
        const double mean = reduced(c->kernels, REDUCE_SUM, x, i * size, size, 0) / (double)size;
        const double square = reduced(c->kernels, REDUCE_SQUARES, x, i * size, size, mean);
        const double inv = 1 / mdl_sqrt(square / (double)size + p->epsilon);

        for (uint64_t k = 0; k < each; k++) {
            const uint64_t channel = i % groups * each + k;
            affine(c->kernels, nd_out(c, n, 0), x, i * size + k * area, area, mean,
                   inv * mul[scale->count == channels ? channel : channel / each],
                   add[bias->count == channels ? channel : channel / each]);
        }
    }
    return MDL_OK;
}

const struct op mdl_op_group_norm = {
    .name = "group_norm",
    .about = "groups of channels to mean 0 and variance 1, then scaled and moved",
    .fields = group_fields,
    .n_fields = sizeof group_fields / sizeof *group_fields,
    .params_bytes = sizeof(struct group_params),
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = group_infer,
    .shape = group_shape,
    .eval = group_eval,
    .traits = ND_IN_PLACE,
};

/* ---- over any axes: results of mdl_nd_reduction, in rows or in columns ------------------------------ */

/* y = (x - sub[i]) mul[i] for the numbers that results first .. first + n - 1 of kept entry
 * `outer` were made of; without columns there is one result. */
static void spread(const struct reduction *r, const struct kernels *k, const struct nd *y,
                   const struct nd *x, uint64_t outer, uint64_t first, size_t n, const double *sub,
                   const double *mul)
{
    const uint64_t base = axes_at(&r->kept, outer) + first;
    double none[REDUCE_COLUMNS];

    for (size_t i = 0; i < n; i++)
        none[i] = -0.0;
    for (uint64_t p = 0; p < r->parts.count; p++) {
        uint64_t at = base + axes_at(&r->parts, p);

        if (!r->down) {
            affine(k, y, x, at, r->rows, *sub, *mul, -0.0);
            continue;
        }
        for (uint64_t row = 0; row < r->rows; row++, at += r->step)
            if (x->type == MDL_F32)
                k->affine_each_f32((float *)y->data + at, (const float *)x->data + at, sub, mul, none,
                                   n);
            else
                k->affine_each_f64((double *)y->data + at, (const double *)x->data + at, sub, mul,
                                   none, n);
    }
}

struct standardize_params {
    double epsilon;
};

static const struct field standardize_fields[] = {
    FIELD(FIELD_FLOAT, standardize_params, epsilon, 0, NULL),
};

static const struct slot standardize_slots[] = {
    { "axes", TYPE_BIT(MDL_I64), 1, 1 },
};

static mdl_status float_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* An empty list means all axes. */
static mdl_status standardize_mask(const struct node *n, const struct nd *x, uint32_t *mask,
                                   mdl_error *err)
{
    const struct tensor *axes = &n->tensors[0];
    const struct nd list = { .data = (void *)(uintptr_t)axes->data, .count = axes->count,
                             .type = MDL_I64, .rank = 1, .dims = { (int64_t)axes->count } };

    return mdl_nd_axes_mask(mask, &list, x->rank, 0, err);
}

static mdl_status standardize_shape(const struct node *n, struct nd_call *c)
{
    uint32_t mask;
    const mdl_status s = standardize_mask(n, nd_in(c, n, 0), &mask, c->err);

    return s ? s : mdl_nd_shape_same(n, c);
}

static mdl_status standardize_eval(const struct node *n, struct nd_call *c)
{
    const struct standardize_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    double mean[REDUCE_COLUMNS], mul[REDUCE_COLUMNS];
    struct reduction r;
    uint32_t mask;
    const mdl_status s = standardize_mask(n, x, &mask, c->err);

    if (s || !x->count)
        return s;
    mdl_nd_reduction(&r, x, mask);
    for (uint64_t o = 0; o < r.kept.count; o++)
        for (uint64_t first = 0, some; first < r.width; first += some) {
            some = r.width - first < REDUCE_COLUMNS ? r.width - first : REDUCE_COLUMNS;
            mdl_nd_reduce_columns(&r, c->kernels, REDUCE_SUM, mean, x->data, x->type, o, first,
                                  (size_t)some, NULL);
            for (uint64_t i = 0; i < some; i++)
                mean[i] /= (double)r.count;
            mdl_nd_reduce_columns(&r, c->kernels, REDUCE_SQUARES, mul, x->data, x->type, o, first,
                                  (size_t)some, mean);
            for (uint64_t i = 0; i < some; i++)
                mul[i] = 1 / (mdl_sqrt(mul[i] / (double)r.count) + p->epsilon);
            spread(&r, c->kernels, nd_out(c, n, 0), x, o, first, (size_t)some, mean, mul);
        }
    return MDL_OK;
}

const struct op mdl_op_standardize = {
    .name = "standardize",
    .about = "to mean 0 and variance 1 over some axes",
    .fields = standardize_fields,
    .slots = standardize_slots,
    .n_fields = 1,
    .n_slots = 1,
    .params_bytes = sizeof(struct standardize_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = float_infer,
    .shape = standardize_shape,
    .eval = standardize_eval,
    .traits = ND_IN_PLACE,
};

/* ---- lp_norm ------------------------------------------------------------------------------------ */

struct lp_params {
    int64_t axis, p;
};

static const struct field lp_fields[] = {
    FIELD(FIELD_INT, lp_params, axis, -1, NULL),
    FIELD(FIELD_INT, lp_params, p, 2, NULL),
};

static mdl_status lp_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct lp_params *p = n->params;

    if (p->p != 1 && p->p != 2)
        return mdl_fail(err, MDL_ERR_FORMAT, "p is %lld, expected 1 or 2", (long long)p->p);
    return float_infer(n, g, err);
}

static mdl_status lp_shape(const struct node *n, struct nd_call *c)
{
    int64_t axis = ((const struct lp_params *)n->params)->axis;
    const mdl_status s = mdl_nd_axis(&axis, nd_in(c, n, 0)->rank, c->err);

    return s ? s : mdl_nd_shape_same(n, c);
}

static mdl_status lp_eval(const struct node *n, struct nd_call *c)
{
    const struct lp_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const uint32_t axis = (uint32_t)(p->axis + (p->axis < 0 ? (int64_t)x->rank : 0));
    const double none[REDUCE_COLUMNS] = { 0 };
    double mul[REDUCE_COLUMNS];
    struct reduction r;

    if (!x->count)
        return MDL_OK;
    mdl_nd_reduction(&r, x, (uint32_t)1 << axis);
    for (uint64_t o = 0; o < r.kept.count; o++)
        for (uint64_t first = 0, some; first < r.width; first += some) {
            some = r.width - first < REDUCE_COLUMNS ? r.width - first : REDUCE_COLUMNS;
            mdl_nd_reduce_columns(&r, c->kernels, p->p == 1 ? REDUCE_SIZES : REDUCE_SQUARES, mul, x->data,
                                  x->type, o, first, (size_t)some, NULL);
            for (uint64_t i = 0; i < some; i++) {
                const double norm = p->p == 1 ? mul[i] : mdl_sqrt(mul[i]);
                mul[i] = norm == 0 ? 0 : 1 / norm;
            }
            spread(&r, c->kernels, nd_out(c, n, 0), x, o, first, (size_t)some, none, mul);
        }
    return MDL_OK;
}

const struct op mdl_op_lp_norm = {
    .name = "lp_norm",
    .about = "x over its norm along an axis",
    .fields = lp_fields,
    .n_fields = sizeof lp_fields / sizeof *lp_fields,
    .params_bytes = sizeof(struct lp_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = lp_infer,
    .shape = lp_shape,
    .eval = lp_eval,
    .traits = ND_IN_PLACE,
};
