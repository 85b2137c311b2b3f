/*
 * op/scale.c - columns shifted and scaled: y = (x - sub) / div, or y = x * mul + add
 *
 *   x, y  [rows, cols]  float32 or float64      sub, div  or  mul, add  [cols] of x's type
 *
 * Two roundings each, as scikit-learn's StandardScaler and MinMaxScaler do; then y is
 * held within [low, high].  NaN stays NaN.  With `first`, `add` belongs to the first iteration of the
 * ensemble that made x (CatBoost's bias): a range without that is x * mul.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"
#include "op/scale.h"

#include <math.h>              /* INFINITY, a constant */

static const struct field fields[] = {
    FIELD(FIELD_FLOAT, scale_params, low, -(double)INFINITY, NULL),
    FIELD(FIELD_FLOAT, scale_params, high, (double)INFINITY, NULL),
    FIELD(FIELD_INT, scale_params, first, 0, NULL),
};

enum { SUB, DIV, MUL, ADD, SLOTS };
static const struct slot slots[SLOTS] = {
    [SUB] = { "sub", TYPES_FLOAT, 1, 0 },
    [DIV] = { "div", TYPES_FLOAT, 1, 0 },
    [MUL] = { "mul", TYPES_FLOAT, 1, 0 },
    [ADD] = { "add", TYPES_FLOAT, 1, 0 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct scale_params *p = n->params;
    unsigned given = 0;
    mdl_status s = mdl_op_need_float(n, g, 0, err);

    for (uint32_t i = 0; i < SLOTS; i++) {
        if (!s) s = mdl_op_need_tensor(n, i, x->type, x->cols, err);
        given |= n->tensors[i].type ? 1u << i : 0;
    }
    if (s)
        return s;
    if (given != (1u << SUB | 1u << DIV) && given != (1u << MUL | 1u << ADD))
        return mdl_fail(err, MDL_ERR_FORMAT, "weights are neither sub and div nor mul and add");
    if (p->first < 0 || p->first > 1 || (p->first && !n->tensors[MUL].type))
        return mdl_fail(err, MDL_ERR_FORMAT, "first is neither 0 nor 1, or there is no add");
    if (!(p->low <= p->high))
        return mdl_fail(err, MDL_ERR_FORMAT, "low is not at or below high");
    value_table(node_out(n, g, 0), x->type, x->cols);
    return MDL_OK;
}

static void hold(const struct scale_params *p, uint32_t type, void *y, size_t cols)
{
    for (size_t i = 0; i < cols; i++) {
        const double v = type == MDL_F32 ? (double)((float *)y)[i] : ((double *)y)[i];
        const double held = v < p->low ? p->low : v > p->high ? p->high : v;

        if (type == MDL_F32)
            ((float *)y)[i] = (float)held;
        else
            ((double *)y)[i] = held;
    }
}

/* y = x * mul */
static void multiply(uint32_t type, void *y, const void *x, const void *mul, size_t cols)
{
    for (size_t i = 0; i < cols; i++) {
        if (type == MDL_F32)
            ((float *)y)[i] = ((const float *)x)[i] * ((const float *)mul)[i];
        else
            ((double *)y)[i] = ((const double *)x)[i] * ((const double *)mul)[i];
    }
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);
    const struct kernels *k = r->kernels;
    const struct scale_params *p = n->params;
    const struct tensor *t = n->tensors;
    const size_t cols = (size_t)v->cols;
    const int divides = t[DIV].type != 0;
    const void *first = t[divides ? SUB : MUL].data, *second = t[divides ? DIV : ADD].data;

    for (size_t row = 0; row < r->rows; row++) {
        const void *x = view_row(in, row);
        void *y = view_row(out, row);

        if (p->first && r->tree_begin)
            multiply(v->type, y, x, first, cols);
        else if (v->type == MDL_F32)
            (divides ? k->sub_div_f32 : k->mul_add_f32)(y, x, first, second, cols);
        else
            (divides ? k->sub_div_f64 : k->mul_add_f64)(y, x, first, second, cols);
        if (p->low > -(double)INFINITY || p->high < (double)INFINITY)
            hold(p, v->type, y, cols);
    }
}

const struct op mdl_op_scale = {
    .name = "scale",
    .about = "(x - sub) / div, or x * mul + add, held within [low, high]",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = SLOTS,
    .params_bytes = sizeof(struct scale_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
