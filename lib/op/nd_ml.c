/*
 * op/nd_ml.c - transforms of scores, and the operator that is nothing else
 *
 *   x     [..., n]  float32 or float64
 *   base  [n]       of x's type, optional: added first, in that type
 *   y     [..., n]  float32, or x's type with `keep`
 *
 * n = 1 is transformed by probit alone: see docs/operators.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_ml.h"

#include "kernel/math.h"

#include <float.h>
#include <string.h>

const char *const mdl_ml_transforms[] = { "none", "logistic", "softmax", "softmax_zero", "probit",
                                          NULL };

static float exp_f32(float x)
{
    return (float)mdl_exp((double)x);
}

float mdl_ml_logistic(float x)
{
    const float v = 1.0f / (1.0f + exp_f32(x < 0 ? x : -x));

    return x < 0 ? 1.0f - v : v;
}

float mdl_ml_probit(float x)
{
    const float z = 2.0f * x - 1.0f;
    const float square = (1.0f - z) * (1.0f + z);
    const float log = (float)mdl_log((double)square);
    const float v = 2.0f / (3.14159274f * 0.147f) + 0.5f * log;
    const float v2 = 1.0f / 0.147f * log;
    const float root = (float)mdl_sqrt((double)(v * v - v2));
    const float erfinv = (z < 0 ? -1.0f : 1.0f) * (float)mdl_sqrt((double)(-v + root));

    return 1.41421354f * erfinv;
}

static void softmax(float *y, size_t n)
{
    float most = -FLT_MAX, sum = 0;

    for (size_t i = 0; i < n; i++)
        most = y[i] > most ? y[i] : most;
    for (size_t i = 0; i < n; i++) {
        y[i] = exp_f32(y[i] - most);
        sum += y[i];
    }
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void softmax_zero(float *y, size_t n)
{
    float most = -FLT_MAX, sum = 0;

    for (size_t i = 0; i < n; i++)
        most = y[i] > most ? y[i] : most;
    const float low = exp_f32(-most);
    for (size_t i = 0; i < n; i++) {
        if (y[i] > 0.0000001f || y[i] < -0.0000001f) {
            y[i] = exp_f32(y[i] - most);
            sum += y[i];
        } else {
            y[i] *= low;
        }
    }
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}

void mdl_ml_transform(int64_t transform, float *y, size_t n)
{
    if (transform == ML_SOFTMAX)
        softmax(y, n);
    if (transform == ML_SOFTMAX_ZERO)
        softmax_zero(y, n);
    for (size_t i = 0; i < n && transform == ML_LOGISTIC; i++)
        y[i] = mdl_ml_logistic(y[i]);
    for (size_t i = 0; i < n && transform == ML_PROBIT; i++)
        y[i] = mdl_ml_probit(y[i]);
}

void mdl_ml_transform_linear(int64_t transform, float *y, size_t n)
{
    if (transform != ML_LOGISTIC) {
        mdl_ml_transform(transform, y, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const double e = mdl_exp(y[i] < 0 ? (double)y[i] : -(double)y[i]);
        y[i] = (float)((y[i] < 0 ? e : 1.0) / (1.0 + e));
    }
}

mdl_status mdl_ml_rows(const struct nd *x, int64_t *rows, int64_t *cols, mdl_error *err)
{
    char text[96];

    *rows = *cols = 0;
    if (x->rank != 1 && x->rank != 2)
        return mdl_fail(err, MDL_ERR_DATA, "shape %s, expected [columns] or [rows, columns]",
                        mdl_nd_shape_text(text, sizeof text, x));
    *rows = x->rank == 1 ? 1 : x->dims[0];
    *cols = x->dims[x->rank - 1];
    return MDL_OK;
}

/* ---- the operator --------------------------------------------------------------------------- */

struct post_params {
    int64_t transform;
    int64_t keep;
};

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, post_params, transform, ML_NONE, mdl_ml_transforms),
    FIELD(FIELD_INT, post_params, keep, 0, NULL),
};

static const struct slot slots[] = { { "base", TYPES_FLOAT, 1, 0 } };

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct post_params *p = n->params;
    const uint32_t type = nd_type(n, g, 0);
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    if (s)
        return s;
    nd_result(n, g, 0, p->keep ? type : MDL_F32);
    return MDL_OK;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    const struct tensor *base = &n->tensors[0];
    char text[96];

    if (!x->rank || (base->type && (uint64_t)x->dims[x->rank - 1] != base->count))
        return mdl_fail(c->err, MDL_ERR_DATA, "shape %s, expected rows of %llu scores",
                        mdl_nd_shape_text(text, sizeof text, x), (unsigned long long)base->count);
    nd_like(nd_out(c, n, 0), x);
    c->temp_bytes = (uint64_t)x->dims[x->rank - 1] * sizeof(float);
    return MDL_OK;
}

static double base_at(const struct tensor *base, size_t i)
{
    if (!base->type)
        return 0;
    return base->type == MDL_F32 ? (double)((const float *)base->data)[i]
                                 : ((const double *)base->data)[i];
}

/* x + base in float64: only without a transform is that wider than float32. */
static void add_f64(double *y, const double *x, const struct tensor *base, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = base->type ? x[i] + base_at(base, i) : x[i];
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct post_params *p = n->params;
    const struct tensor *base = &n->tensors[0];
    const struct nd *x = nd_in(c, n, 0);
    const struct nd *y = nd_out(c, n, 0);
    const size_t width = (size_t)x->dims[x->rank - 1];
    const size_t rows = width ? (size_t)(x->count / width) : 0;
    float *row = c->temp;

    for (size_t r = 0; r < rows; r++) {
        if (x->type == MDL_F64 && y->type == MDL_F64 && p->transform == ML_NONE) {
            add_f64((double *)y->data + r * width, (const double *)x->data + r * width, base,
                    width);
            continue;
        }
        for (size_t i = 0; i < width; i++) {
            const double v = mdl_nd_number(x, r * width + i);
            row[i] = base->type ? (float)(v + base_at(base, i)) : (float)v;
        }
        if (width == 1)
            row[0] = ml_transform_one(p->transform, row[0]);
        else
            mdl_ml_transform(p->transform, row, width);
        mdl_nd_store_f32(y->data, y->type, r * width, row, width);
    }
    return MDL_OK;
}

const struct op mdl_op_post_transform = {
    .name = "post_transform",
    .about = "scores + base, then logistic, softmax, softmax_zero or probit",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = 1,
    .params_bytes = sizeof(struct post_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
