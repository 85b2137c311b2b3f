/*
 * op/impute.c - missing values replaced, column by column: y = x, or fill where x is NaN
 *
 *   x, y  [rows, cols]  float32 or float64      fill  [cols] of x's type
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

enum { FILL };
static const struct slot slots[] = {
    [FILL] = { "fill", TYPES_FLOAT, 1, 1 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (!s) s = mdl_op_need_tensor(n, FILL, x->type, x->cols, err);
    if (!s) value_table(node_out(n, g, 0), x->type, x->cols);
    return s;
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);
    const void *fill = n->tensors[FILL].data;
    const size_t cols = (size_t)v->cols;

    for (size_t row = 0; row < r->rows; row++) {
        if (v->type == MDL_F32)
            r->kernels->fill_nan_f32(view_row(out, row), view_row(in, row), fill, cols);
        else
            r->kernels->fill_nan_f64(view_row(out, row), view_row(in, row), fill, cols);
    }
}

const struct op mdl_op_impute = {
    .name = "impute",
    .about = "x, or fill where x is NaN",
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
