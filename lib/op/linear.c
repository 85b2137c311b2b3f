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
#include "op/sparse.h"

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

/* (bias + base) of output k. */
static float start(const struct node *n, size_t k)
{
    const struct tensor *base = &n->tensors[BASE];
    const float sum = ((const float *)n->tensors[BIAS].data)[k];

    return base->type ? sum + ((const float *)base->data)[k] : sum;
}

#define SUMS 4u                  /* each waits for itself, so several run side by side */

/* What is added where a product is skipped: it changes no number.  gcc 12 must not know that it is
 * -0: with AVX-512 it takes the 0 of masked products for it. */
MDL_INLINE float none(void)
{
    float zero = -0.0f;

    MDL_KEEP(zero);
    return zero;
}

/* sum[s] += x[s] w[s]. */
static void add_products(float *sum, const float *const *x, const float *const *w, size_t inputs)
{
    float s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
    const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    const float *w0 = w[0], *w1 = w[1], *w2 = w[2], *w3 = w[3];
    const float skipped = none();

    for (size_t i = 0; i < inputs; i++) {
        s0 += x0[i] == x0[i] ? x0[i] * w0[i] : skipped;
        s1 += x1[i] == x1[i] ? x1[i] * w1[i] : skipped;
        s2 += x2[i] == x2[i] ? x2[i] * w2[i] : skipped;
        s3 += x3[i] == x3[i] ? x3[i] * w3[i] : skipped;
    }
    sum[0] = s0;
    sum[1] = s1;
    sum[2] = s2;
    sum[3] = s3;
}

/* Sums are numbered row by row. */
static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct tensor *weight = &n->tensors[WEIGHT];
    const size_t outputs = (size_t)weight->dims[0], inputs = (size_t)weight->dims[1];
    const size_t sums = r->rows * outputs;

    for (size_t first = 0; first < sums; first += SUMS) {
        const float *x[SUMS], *w[SUMS];
        float sum[SUMS];

        for (size_t i = 0; i < SUMS; i++) {
            const size_t at = first + i < sums ? first + i : first;
            x[i] = view_row(in, at / outputs);
            w[i] = (const float *)weight->data + at % outputs * inputs;
            sum[i] = start(n, at % outputs);
        }
        add_products(sum, x, w, inputs);
        for (size_t i = 0; i < SUMS && first + i < sums; i++)
            ((float *)view_row(out, (first + i) / outputs))[(first + i) % outputs] = sum[i];
    }
}

static void run_sparse(const struct node *n, const struct run *r, const mdl_csr *x, uint64_t first)
{
    const struct view out = run_out(n, r, 0);
    const struct tensor *weight = &n->tensors[WEIGHT];
    const size_t outputs = (size_t)weight->dims[0], inputs = (size_t)weight->dims[1];
    uint64_t column[SPARSE_TAKE];
    double value[SPARSE_TAKE];
    const float skipped = none();

    for (size_t row = 0; row < r->rows; row++) {
        const int64_t begin = sparse_index(x, x->row_start, (int64_t)(first + row));
        const int64_t end = sparse_index(x, x->row_start, (int64_t)(first + row) + 1);
        float *y = view_row(out, row);

        for (size_t k = 0; k < outputs; k++)
            y[k] = start(n, k);
        for (int64_t at = begin; at < end; at += SPARSE_TAKE) {
            const size_t taken = sparse_take(column, value, x, at, end);
            for (size_t k = 0; k < outputs; k++) {
                const float *w = (const float *)weight->data + k * inputs;
                float sum = y[k];
                for (size_t i = 0; i < taken; i++)
                    sum += value[i] == value[i] ? (float)value[i] * w[column[i]] : skipped;
                y[k] = sum;
            }
        }
    }
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    (void)g;
    (void)a;
    (void)err;
    n->takes_sparse = SPARSE_MISSING;
    return MDL_OK;
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
    .prepare = prepare,
    .run = run,
    .run_sparse = run_sparse,
};
