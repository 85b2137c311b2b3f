/*
 * op/dense.c - fully connected layer: y = act(W x + b)
 *
 *   x  [rows, inputs]       float32 or float64
 *   W  [outputs, inputs]    of x's type
 *   b  [outputs]            of x's type, optional
 *   y  [rows, outputs]
 *
 * Sums in the order of kernel.h, the same on every machine; linear models are this
 * layer without an activation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include "kernel/math.h"

struct dense_params {
    int64_t activation;
};

enum { NONE, RELU, TANH, LOGISTIC };
static const char *const activations[] = { "none", "relu", "tanh", "logistic", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, dense_params, activation, NONE, activations),
};

enum { WEIGHT, BIAS };
static const struct slot slots[] = {
    [WEIGHT] = { "weight", TYPES_FLOAT, 2, 1 },
    [BIAS] = { "bias", TYPES_FLOAT, 1, 0 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct tensor *w = &n->tensors[WEIGHT];
    mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (!s) s = mdl_op_need_tensor(n, WEIGHT, x->type, w->count, err);
    if (!s) s = mdl_op_need_tensor(n, BIAS, x->type, (uint64_t)w->dims[0], err);
    if (s)
        return s;
    if ((uint64_t)w->dims[1] != x->cols || w->dims[0] < 1)
        return mdl_fail(err, MDL_ERR_FORMAT, "weight is [%lld, %lld], x has %llu columns",
                        (long long)w->dims[0], (long long)w->dims[1],
                        (unsigned long long)x->cols);
    value_table(node_out(n, g, 0), x->type, (uint64_t)w->dims[0]);
    return MDL_OK;
}

static void activate_f32(const struct run *r, int64_t activation, float *y, size_t n)
{
    if (activation == RELU)
        r->kernels->relu_f32(y, y, n);
    for (size_t i = 0; i < n && activation == TANH; i++)
        y[i] = (float)mdl_tanh((double)y[i]);
    for (size_t i = 0; i < n && activation == LOGISTIC; i++)
        y[i] = (float)(1 / (1 + mdl_exp(-(double)y[i])));
}

static void activate_f64(const struct run *r, int64_t activation, double *y, size_t n)
{
    if (activation == RELU)
        r->kernels->relu_f64(y, y, n);
    for (size_t i = 0; i < n && activation == TANH; i++)
        y[i] = mdl_tanh(y[i]);
    for (size_t i = 0; i < n && activation == LOGISTIC; i++)
        y[i] = 1 / (1 + mdl_exp(-y[i]));
}

static void run(const struct node *n, const struct run *r)
{
    const struct view x = run_in(n, r, 0), y = run_out(n, r, 0);
    const struct tensor *w = &n->tensors[WEIGHT], *b = &n->tensors[BIAS];
    const size_t outputs = (size_t)w->dims[0], inputs = (size_t)w->dims[1];
    const int64_t activation = ((const struct dense_params *)n->params)->activation;

    if (w->type == MDL_F32)
        r->kernels->dense_f32(y.data, y.stride, x.data, x.stride, w->data,
                              b->type ? b->data : NULL, r->rows, inputs, outputs);
    else
        r->kernels->dense_f64(y.data, y.stride, x.data, x.stride, w->data,
                              b->type ? b->data : NULL, r->rows, inputs, outputs);
    for (size_t row = 0; row < r->rows && activation; row++) {
        if (w->type == MDL_F32)
            activate_f32(r, activation, view_row(y, row), outputs);
        else
            activate_f64(r, activation, view_row(y, row), outputs);
    }
}

const struct op mdl_op_dense = {
    .name = "dense",
    .about = "activation(weight x + bias)",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = sizeof slots / sizeof *slots,
    .params_bytes = sizeof(struct dense_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
