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
#include "op/sparse.h"

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

static void activate_f64(const struct kernels *k, int64_t activation, double *y, size_t n)
{
    if (activation == RELU)
        k->relu_f64(y, y, n);
    if (activation == LOGISTIC)
        k->logistic_f64(y, y, 1, n);
    for (size_t i = 0; i < n && activation == TANH; i++)
        y[i] = mdl_tanh(y[i]);
}

/* In double, rounded once. */
static void activate_f32(const struct kernels *k, int64_t activation, float *y, size_t n)
{
    double wide[64];

    if (activation == RELU) {
        k->relu_f32(y, y, n);
        return;
    }
    for (size_t i = 0, some; i < n; i += some) {
        some = n - i < 64 ? n - i : 64;
        k->widen(wide, y + i, some);
        activate_f64(k, activation, wide, some);
        k->narrow(y + i, wide, some);
    }
}

static void activate(const struct node *n, const struct run *r, struct view y)
{
    const int64_t activation = ((const struct dense_params *)n->params)->activation;
    const struct tensor *w = &n->tensors[WEIGHT];

    for (size_t row = 0; row < r->rows && activation; row++) {
        if (w->type == MDL_F32)
            activate_f32(r->kernels, activation, view_row(y, row), (size_t)w->dims[0]);
        else
            activate_f64(r->kernels, activation, view_row(y, row), (size_t)w->dims[0]);
    }
}

/* ---- float32 rows for float64 weights ------------------------------------------------------- */

#define WIDE_COLS   128u         /* rows that are widened here, a few at a time, so that they */
#define WIDE_CELLS  1024u        /* stay in L1                                                */
#define MIXED_OUTS  2u           /* outputs for which widening them each time is cheaper      */

static int takes_f32(const struct tensor *w)
{
    return w->type == MDL_F64
        && (w->dims[0] <= (int64_t)MIXED_OUTS || w->dims[1] <= (int64_t)WIDE_COLS);
}

static void run_widened(const struct run *r, struct view y, struct view x, const struct tensor *w,
                        const double *bias)
{
    const size_t outputs = (size_t)w->dims[0], inputs = (size_t)w->dims[1];
    double wide[WIDE_CELLS];

    if (outputs <= MIXED_OUTS) {
        r->kernels->dense_mixed(y.data, y.stride, x.data, x.stride, w->data, bias, r->rows, inputs,
                                outputs);
        return;
    }
    const size_t most = inputs ? WIDE_CELLS / inputs : r->rows;
    for (size_t row = 0, rows; row < r->rows; row += rows) {
        rows = r->rows - row < most ? r->rows - row : most;
        for (size_t i = 0; i < rows; i++)
            r->kernels->widen(wide + i * inputs, view_row(x, row + i), inputs);
        r->kernels->dense_f64(view_row(y, row), y.stride, wide, inputs * sizeof *wide, w->data,
                              bias, rows, inputs, outputs);
    }
}

static void run(const struct node *n, const struct run *r)
{
    const struct view x = run_in(n, r, 0), y = run_out(n, r, 0);
    const struct tensor *w = &n->tensors[WEIGHT], *b = &n->tensors[BIAS];
    const void *bias = b->type ? b->data : NULL;
    const size_t outputs = (size_t)w->dims[0], inputs = (size_t)w->dims[1];

    if (w->type == MDL_F32)
        r->kernels->dense_f32(y.data, y.stride, x.data, x.stride, w->data, bias, r->rows, inputs,
                              outputs);
    else if (x.type == MDL_F32)
        run_widened(r, y, x, w, bias);
    else
        r->kernels->dense_f64(y.data, y.stride, x.data, x.stride, w->data, bias, r->rows, inputs,
                              outputs);
    activate(n, r, y);
}

/* ---- sparse rows: what is stored, in the lanes of the full row ------------------------------ */

#define OUTS 4u                  /* outputs that share a look at the row */

static void sparse_f32(float *y, const mdl_csr *x, int64_t begin, int64_t end, const float *w,
                       size_t inputs, size_t outs, const float *bias)
{
    float lane[OUTS][8] = { { 0 } };
    uint64_t column[SPARSE_TAKE];
    double value[SPARSE_TAKE];

    for (int64_t at = begin; at < end; at += SPARSE_TAKE) {
        const size_t n = sparse_take(column, value, x, at, end);
        for (size_t o = 0; o < outs; o++)
            for (size_t i = 0; i < n; i++)
                lane[o][column[i] % 8] += (float)value[i] * w[o * inputs + column[i]];
    }
    for (size_t o = 0; o < outs; o++) {
        const float *s = lane[o];
        const float sum = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
        y[o] = bias ? sum + bias[o] : sum;
    }
}

static void sparse_f64(double *y, const mdl_csr *x, int64_t begin, int64_t end, const double *w,
                       size_t inputs, size_t outs, const double *bias)
{
    double lane[OUTS][8] = { { 0 } };
    uint64_t column[SPARSE_TAKE];
    double value[SPARSE_TAKE];

    for (int64_t at = begin; at < end; at += SPARSE_TAKE) {
        const size_t n = sparse_take(column, value, x, at, end);
        for (size_t o = 0; o < outs; o++)
            for (size_t i = 0; i < n; i++)
                lane[o][column[i] % 8] += value[i] * w[o * inputs + column[i]];
    }
    for (size_t o = 0; o < outs; o++) {
        const double *s = lane[o];
        const double sum = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
        y[o] = bias ? sum + bias[o] : sum;
    }
}

static void run_sparse(const struct node *n, const struct run *r, const mdl_csr *x, uint64_t first)
{
    const struct view y = run_out(n, r, 0);
    const struct tensor *w = &n->tensors[WEIGHT], *b = &n->tensors[BIAS];
    const size_t outputs = (size_t)w->dims[0], inputs = (size_t)w->dims[1];

    for (size_t row = 0; row < r->rows; row++) {
        const int64_t begin = sparse_index(x, x->row_start, (int64_t)(first + row));
        const int64_t end = sparse_index(x, x->row_start, (int64_t)(first + row) + 1);

        for (size_t o = 0; o < outputs; o += OUTS) {
            const size_t outs = outputs - o < OUTS ? outputs - o : OUTS;
            if (w->type == MDL_F32)
                sparse_f32((float *)view_row(y, row) + o, x, begin, end,
                           (const float *)w->data + o * inputs, inputs, outs,
                           b->type ? (const float *)b->data + o : NULL);
            else
                sparse_f64((double *)view_row(y, row) + o, x, begin, end,
                           (const double *)w->data + o * inputs, inputs, outs,
                           b->type ? (const double *)b->data + o : NULL);
        }
    }
    activate(n, r, y);
}

/* No infinity or NaN among n numbers?  Their exponents are all ones. */
static int all_finite(const struct tensor *w)
{
    const uint32_t *f32 = w->data;
    const uint64_t *f64 = w->data;
    unsigned odd = 0;

    if (w->type == MDL_F32)
        for (uint64_t i = 0; i < w->count; i++)
            odd |= (f32[i] & 0x7F800000u) == 0x7F800000u;
    else
        for (uint64_t i = 0; i < w->count; i++)
            odd |= (f64[i] & 0x7FF0000000000000u) == 0x7FF0000000000000u;
    return !odd;
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const struct tensor *w = &n->tensors[WEIGHT];

    (void)g;
    (void)a;
    (void)err;
    n->takes_f32 = takes_f32(w);
    n->takes_sparse = all_finite(w) ? SPARSE_ZERO : 0;
    return MDL_OK;
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
    .prepare = prepare,
    .run = run,
    .run_sparse = run_sparse,
};
