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
       SOFTMAX, NORMALIZE, EXPECTILE, QUANTILE,
       LOG };                    /* by element, too: codes are on disk */
static const char *const functions[] = { "logistic", "exp", "log1p_exp", "signed_square",
                                         "exp2_neg", "clip_unit", "softmax", "normalize",
                                         "expectile", "quantile", "log", NULL };

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

static float softplus_f32(float x)
{
    const double e = mdl_exp(x < 0 ? (double)x : -(double)x);

    return (float)((x > 0 ? (double)x : 0) + mdl_log1p(e));
}

static float element_f32(int64_t function, float x)
{
    switch (function) {
    case LOG1P_EXP: return softplus_f32(x);
    case SIGNED_SQUARE: return x < 0 ? -(x * x) : x * x;
    case EXP2_NEG: return (float)mdl_exp2(-(double)x);
    case LOG: return (float)mdl_log((double)x);
    default: return ((x > 1 ? 1 : x < -1 ? -1 : x) + 1) / 2;
    }
}

static void row_f32(int64_t function, float *y, const float *x, size_t n)
{
    float sum = 0;

    switch (function) {
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
            y[i] = element_f32(function, x[i]);
    }
}

static void run_f32(const struct link_params *p, const struct kernels *k, struct view y,
                    struct view x, size_t rows, size_t cols)
{
    if (p->function == SOFTMAX) {
        k->softmax_f32(y.data, y.stride, x.data, x.stride, rows, cols);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        if (p->function == LOGISTIC)
            k->logistic_f32(view_row(y, r), view_row(x, r), p->scale, cols);
        else if (p->function == EXP)
            k->exp_f32(view_row(y, r), view_row(x, r), cols);
        else
            row_f32(p->function, view_row(y, r), view_row(x, r), cols);
    }
}

/* ---- float64: LightGBM, scikit-learn ------------------------------------------------ */

static double softplus_f64(double x)
{
    return (x > 0 ? x : 0) + mdl_log1p(mdl_exp(x < 0 ? x : -x));
}

static double element_f64(int64_t function, double x)
{
    switch (function) {
    case LOG1P_EXP: return mdl_log1p(mdl_exp(x));      /* as LightGBM: infinite from 709.8 on */
    case SIGNED_SQUARE: return x < 0 ? -(x * x) : x * x;
    case EXP2_NEG: return mdl_exp2(-x);
    case LOG: return mdl_log(x);
    default: return ((x > 1 ? 1 : x < -1 ? -1 : x) + 1) / 2;
    }
}

static void row_f64(int64_t function, double *y, const double *x, size_t n)
{
    double sum = 0;

    switch (function) {
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
            y[i] = element_f64(function, x[i]);
    }
}

static void run_f64(const struct link_params *p, const struct kernels *k, struct view y,
                    struct view x, size_t rows, size_t cols)
{
    if (p->function == SOFTMAX) {
        k->softmax_f64(y.data, y.stride, x.data, x.stride, rows, cols);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        if (p->function == LOGISTIC)
            k->logistic_f64(view_row(y, r), view_row(x, r), p->scale, cols);
        else if (p->function == EXP)
            k->exp_f64(view_row(y, r), view_row(x, r), cols);
        else
            row_f64(p->function, view_row(y, r), view_row(x, r), cols);
    }
}

/* Functions of single elements see packed rows as one long row. */
static void run(const struct node *n, const struct run *r)
{
    const struct view x = run_in(n, r, 0), y = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);
    const struct link_params *p = n->params;
    size_t rows = r->rows, cols = (size_t)v->cols;

    if (p->function < SOFTMAX && x.stride == y.stride
        && x.stride == cols * mdl_type_bytes(v->type)) {
        cols *= rows;
        rows = 1;
    }
    if (v->type == MDL_F32)
        run_f32(p, r->kernels, y, x, rows, cols);
    else
        run_f64(p, r->kernels, y, x, rows, cols);
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
