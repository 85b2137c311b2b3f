/*
 * op/link.c - from margin to prediction
 *
 *   x, y  [rows, cols]  float32 or float64
 *
 * float32 follows XGBoost's formulas (src/common/math.h, src/objective/), float64
 * LightGBM's and scikit-learn's; exponentials of float32 are rounded once, from double.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include "kernel/math.h"

struct link_params {
    int64_t function;
    double  scale;               /* logistic only: f(scale x) */
};

/* Element by element, then those that need the whole row. */
enum { LOGISTIC, EXP, LOG1P_EXP, SIGNED_SQUARE, EXP2_NEG, CLIP_UNIT,
       SOFTMAX, NORMALIZE, EXPECTILE, QUANTILE };
static const char *const functions[] = { "logistic", "exp", "log1p_exp", "signed_square",
                                         "exp2_neg", "clip_unit", "softmax", "normalize",
                                         "expectile", "quantile", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, link_params, function, LOGISTIC, functions),
    FIELD(FIELD_FLOAT, link_params, scale, 1, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct link_params *p = n->params;
    const mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (s)
        return s;
    if (p->scale != p->scale || (p->scale != 1 && p->function != LOGISTIC))
        return mdl_fail(err, MDL_ERR_FORMAT, "%s takes no scale", functions[p->function]);
    value_table(node_out(n, g, 0), x->type, x->cols);
    return MDL_OK;
}

/* ---- float32: XGBoost -------------------------------------------------------------- */

static float exp_f32(float x)
{
    return (float)mdl_exp((double)x);
}

/* 1 / (1 + e^-x) with the clamp and the tiny term of common::Sigmoid. */
static float logistic_f32(float x)
{
    const float z = -x < 88.7f ? -x : 88.7f;

    return x != x ? x : 1.0f / (exp_f32(z) + 1.0f + 1e-16f);
}

static float softplus_f32(float x)
{
    const double e = mdl_exp(x < 0 ? (double)x : -(double)x);

    return (float)((x > 0 ? (double)x : 0) + mdl_log1p(e));
}

static float element_f32(const struct link_params *p, float x)
{
    switch (p->function) {
    case LOGISTIC: return logistic_f32(p->scale == 1 ? x : (float)(p->scale * (double)x));
    case EXP: return exp_f32(x);
    case LOG1P_EXP: return softplus_f32(x);
    case SIGNED_SQUARE: return x < 0 ? -(x * x) : x * x;
    case EXP2_NEG: return (float)mdl_exp2(-(double)x);
    default: return ((x > 1 ? 1 : x < -1 ? -1 : x) + 1) / 2;
    }
}

static void softmax_f32(float *y, const float *x, size_t n)
{
    float most = x[0];
    double sum = 0;

    for (size_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < n; i++) {
        y[i] = exp_f32(x[i] - most);
        sum += (double)y[i];
    }
    for (size_t i = 0; i < n; i++)
        y[i] /= (float)sum;
}

static void row_f32(const struct link_params *p, float *y, const float *x, size_t n)
{
    float sum = 0;

    switch (p->function) {
    case SOFTMAX:
        softmax_f32(y, x, n);
        break;
    case NORMALIZE:              /* a row of zeros: all the same */
        for (size_t i = 0; i < n; i++)
            sum += x[i];
        for (size_t i = 0; i < n; i++)
            y[i] = sum == 0 ? 1 / (float)n : x[i] / sum;
        break;
    case EXPECTILE:              /* the first as it is, each further one above it */
        for (size_t i = 0; i < n; i++) {
            sum = i ? sum + (1e-6f + softplus_f32(x[i])) : x[i];
            y[i] = sum;
        }
        break;
    case QUANTILE:               /* ascending: an insertion sort, NaN stays where it is */
        for (size_t i = 0, at; i < n; i++) {
            const float v = x[i];
            for (at = i; at && y[at - 1] > v; at--)
                y[at] = y[at - 1];
            y[at] = v;
        }
        break;
    default:
        for (size_t i = 0; i < n; i++)
            y[i] = element_f32(p, x[i]);
    }
}

/* ---- float64: LightGBM, scikit-learn ------------------------------------------------ */

static double softplus_f64(double x)
{
    return (x > 0 ? x : 0) + mdl_log1p(mdl_exp(x < 0 ? x : -x));
}

static double element_f64(const struct link_params *p, double x)
{
    switch (p->function) {
    case LOGISTIC: return 1 / (1 + mdl_exp(-p->scale * x));
    case EXP: return mdl_exp(x);
    case LOG1P_EXP: return x > 709 ? x : mdl_log1p(mdl_exp(x));
    case SIGNED_SQUARE: return x < 0 ? -(x * x) : x * x;
    case EXP2_NEG: return mdl_exp2(-x);
    default: return ((x > 1 ? 1 : x < -1 ? -1 : x) + 1) / 2;
    }
}

static void softmax_f64(double *y, const double *x, size_t n)
{
    double most = x[0], sum = 0;

    for (size_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < n; i++) {
        y[i] = mdl_exp(x[i] - most);
        sum += y[i];
    }
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void row_f64(const struct link_params *p, double *y, const double *x, size_t n)
{
    double sum = 0;

    switch (p->function) {
    case SOFTMAX:
        softmax_f64(y, x, n);
        break;
    case NORMALIZE:              /* a row of zeros: all the same */
        for (size_t i = 0; i < n; i++)
            sum += x[i];
        for (size_t i = 0; i < n; i++)
            y[i] = sum == 0 ? 1 / (double)n : x[i] / sum;
        break;
    case EXPECTILE:
        for (size_t i = 0; i < n; i++) {
            sum = i ? sum + (1e-6 + softplus_f64(x[i])) : x[i];
            y[i] = sum;
        }
        break;
    case QUANTILE:
        for (size_t i = 0, at; i < n; i++) {
            const double v = x[i];
            for (at = i; at && y[at - 1] > v; at--)
                y[at] = y[at - 1];
            y[at] = v;
        }
        break;
    default:
        for (size_t i = 0; i < n; i++)
            y[i] = element_f64(p, x[i]);
    }
}

static void run(const struct node *n, const struct run *r)
{
    const struct view x = run_in(n, r, 0), y = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);

    for (size_t row = 0; row < r->rows; row++) {
        if (v->type == MDL_F32)
            row_f32(n->params, view_row(y, row), view_row(x, row), (size_t)v->cols);
        else
            row_f64(n->params, view_row(y, row), view_row(x, row), (size_t)v->cols);
    }
}

const struct op mdl_op_link = {
    .name = "link",
    .about = "a link function of a margin, by element or by row",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct link_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
