/*
 * op/linear.c - the linear booster of XGBoost: y = (bias + base) + sum of w x
 *
 *   x  [rows, inputs] float32    weight [outputs, inputs]    bias, base [outputs]
 *
 * In float32, column by column, as gblinear does (src/gbm/gblinear.cc, Pred): NaN is
 * missing and skipped.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

enum { WEIGHT, BIAS, BASE };
static const struct slot slots[] = {
    [WEIGHT] = { "weight", TYPE_BIT(MDL_F32), 2, 1 },
    [BIAS] = { "bias", TYPE_BIT(MDL_F32), 1, 1 },
    [BASE] = { "base", TYPE_BIT(MDL_F32), 1, 0 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct tensor *w = &n->tensors[WEIGHT];
    mdl_status s = MDL_OK;

    if (x->type != MDL_F32 || (uint64_t)w->dims[1] != x->cols || w->dims[0] < 1)
        return mdl_fail(err, MDL_ERR_FORMAT, "weight is [%lld, %lld], x has %llu columns of %s",
                        (long long)w->dims[0], (long long)w->dims[1],
                        (unsigned long long)x->cols, mdl_type_name(x->type));
    if (!s) s = mdl_op_need_tensor(n, BIAS, MDL_F32, (uint64_t)w->dims[0], err);
    if (!s) s = mdl_op_need_tensor(n, BASE, MDL_F32, (uint64_t)w->dims[0], err);
    if (!s) value_table(node_out(n, g, 0), MDL_F32, (uint64_t)w->dims[0]);
    return s;
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct tensor *weight = &n->tensors[WEIGHT], *base = &n->tensors[BASE];
    const size_t outputs = (size_t)weight->dims[0], inputs = (size_t)weight->dims[1];

    for (size_t row = 0; row < r->rows; row++)
        for (size_t k = 0; k < outputs; k++) {
            const float *x = view_row(in, row), *w = (const float *)weight->data + k * inputs;
            float sum = ((const float *)n->tensors[BIAS].data)[k];

            if (base->type)
                sum += ((const float *)base->data)[k];
            for (size_t i = 0; i < inputs; i++)
                if (x[i] == x[i])
                    sum += x[i] * w[i];
            ((float *)view_row(out, row))[k] = sum;
        }
}

const struct op mdl_op_linear = {
    .name = "linear",
    .about = "(bias + base) + sum of weight x in column order, missing x skipped",
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
