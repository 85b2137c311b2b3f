/*
 * op/nd_softmax.c - softmax, its logarithm, and its hard form, along an axis
 *
 *   x, y  [..., n, ...]  float32 or float64
 *
 *   softmax      e^(x - max) / sum of these
 *   log_softmax  (x - max) - log(sum of e^(x - max))
 *   hardmax      1 where the first of the largest is, else 0
 *
 * With `flat` the axis and all that follow are one, as ONNX had it before opset 13.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"
#include "op/nd_arg.h"

#include "kernel/reduce.h"

#include <string.h>

struct softmax_params {
    int64_t kind, axis, flat;
};

enum { SOFTMAX, LOG_SOFTMAX, HARDMAX };
static const char *const kinds[] = { "softmax", "log_softmax", "hardmax", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, softmax_params, kind, SOFTMAX, kinds),
    FIELD(FIELD_INT, softmax_params, axis, -1, NULL),
    FIELD(FIELD_INT, softmax_params, flat, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* x as [outer][rows][inner]. */
static mdl_status parts(const struct node *n, const struct nd *x, uint64_t *outer, uint64_t *rows,
                        uint64_t *inner, mdl_error *err)
{
    const struct softmax_params *p = n->params;
    int64_t axis = p->axis;

    *outer = *rows = *inner = 1;
    if (!x->rank && (axis == 0 || axis == -1))
        return MDL_OK;
    if (p->flat && axis == (int64_t)x->rank) {   /* behind the last: rows of one */
        *outer = x->count;
        return MDL_OK;
    }
    const mdl_status s = mdl_nd_axis(&axis, x->rank, err);
    if (s)
        return s;
    *outer = nd_product(x, 0, (uint32_t)axis);
    *rows = p->flat ? nd_product(x, (uint32_t)axis, x->rank) : (uint64_t)x->dims[axis];
    *inner = p->flat ? 1 : nd_product(x, (uint32_t)axis + 1, x->rank);
    return MDL_OK;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    uint64_t outer, rows, inner;
    const mdl_status s = parts(n, nd_in(c, n, 0), &outer, &rows, &inner, c->err);

    return s ? s : mdl_nd_shape_same(n, c);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void log_row(const struct kernels *k, uint32_t type, void *y, const void *x, uint64_t n)
{
    if (type == MDL_F32) {
        const double most = k->reduce_f32(REDUCE_MAX, x, (size_t)n, 0);
        const double sum = k->reduce_f32(REDUCE_POWERS, x, (size_t)n, most);
        k->affine_f32(y, x, most, 1, -mdl_log(sum), NULL, NULL, (size_t)n);
        return;
    }
    const double most = k->reduce_f64(REDUCE_MAX, x, (size_t)n, 0);
    const double sum = k->reduce_f64(REDUCE_POWERS, x, (size_t)n, most);
    k->affine_f64(y, x, most, 1, -mdl_log(sum), NULL, NULL, (size_t)n);
}

static void hard_row(const struct kernels *k, uint32_t type, void *y, const void *x, uint64_t n)
{
    const uint64_t at = mdl_nd_arg_row(k, 0, 0, x, type, n);
    const size_t cell = mdl_type_bytes(type);
    const double one = 1;

    memset(y, 0, (size_t)n * cell);
    mdl_nd_store_f64(y, type, at, &one, 1);
}

static void all_rows(const struct kernels *k, int64_t kind, uint32_t type, char *y, const char *x,
                     uint64_t rows, uint64_t cols)
{
    const size_t bytes = (size_t)cols * mdl_type_bytes(type);

    if (kind == SOFTMAX && type == MDL_F32)
        k->soft_f32((float *)(void *)y, (const float *)(const void *)x, (size_t)rows, (size_t)cols);
    else if (kind == SOFTMAX)
        k->soft_f64((double *)(void *)y, (const double *)(const void *)x, (size_t)rows,
                    (size_t)cols);
    else
        for (uint64_t r = 0; r < rows; r++, y += bytes, x += bytes)
            (kind == HARDMAX ? hard_row : log_row)(k, type, y, x, cols);
}

/* ---- columns: rows lie `step` apart ------------------------------------------------------------ */

static void log_columns(const struct kernels *k, uint32_t type, void *y, const void *x, uint64_t base,
                        uint64_t rows, uint64_t step, size_t width)
{
    double most[REDUCE_COLUMNS], sum[REDUCE_COLUMNS], one[REDUCE_COLUMNS];

    if (type == MDL_F32) {
        const float *from = (const float *)x + base;
        k->reduce_rows_f32(REDUCE_MAX, most, from, (size_t)step, (size_t)rows, width, NULL);
        k->reduce_rows_f32(REDUCE_POWERS, sum, from, (size_t)step, (size_t)rows, width, most);
    } else {
        const double *from = (const double *)x + base;
        k->reduce_rows_f64(REDUCE_MAX, most, from, (size_t)step, (size_t)rows, width, NULL);
        k->reduce_rows_f64(REDUCE_POWERS, sum, from, (size_t)step, (size_t)rows, width, most);
    }
    for (size_t c = 0; c < width; c++) {
        sum[c] = -mdl_log(sum[c]);
        one[c] = 1;
    }
    for (uint64_t r = 0; r < rows; r++, base += step)
        if (type == MDL_F32)
            k->affine_each_f32((float *)y + base, (const float *)x + base, most, one, sum, width);
        else
            k->affine_each_f64((double *)y + base, (const double *)x + base, most, one, sum, width);
}

static void hard_columns(uint32_t type, void *y, const void *x, uint64_t base, uint64_t rows,
                         uint64_t step, size_t width)
{
    double best[REDUCE_COLUMNS], v[REDUCE_COLUMNS];
    uint64_t at[REDUCE_COLUMNS] = { 0 };

    for (uint64_t r = 0; r < rows; r++) {
        mdl_nd_load_f64(v, x, type, base + r * step, width);
        for (size_t c = 0; c < width; c++)
            if (!r || v[c] > best[c] || (v[c] != v[c] && best[c] == best[c])) {
                best[c] = v[c];
                at[c] = r;
            }
    }
    for (uint64_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < width; c++)
            v[c] = at[c] == r;
        mdl_nd_store_f64(y, type, base + r * step, v, width);
    }
}

static void all_columns(const struct kernels *k, int64_t kind, uint32_t type, void *y, const void *x,
                        uint64_t base, uint64_t rows, uint64_t inner)
{
    if (kind == SOFTMAX && type == MDL_F32) {
        k->soft_rows_f32((float *)y + base, (const float *)x + base, (size_t)inner, (size_t)rows,
                         (size_t)inner);
        return;
    }
    if (kind == SOFTMAX) {
        k->soft_rows_f64((double *)y + base, (const double *)x + base, (size_t)inner,
                         (size_t)rows, (size_t)inner);
        return;
    }
    for (uint64_t c = 0, n; c < inner; c += n) {
        n = inner - c < REDUCE_COLUMNS ? inner - c : REDUCE_COLUMNS;
        if (kind == HARDMAX)
            hard_columns(type, y, x, base + c, rows, inner, (size_t)n);
        else
            log_columns(k, type, y, x, base + c, rows, inner, (size_t)n);
    }
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct softmax_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    uint64_t outer, rows, inner;
    const mdl_status s = parts(n, x, &outer, &rows, &inner, c->err);

    if (s || !x->count)
        return s;
    if (inner == 1) {
        all_rows(c->kernels, p->kind, x->type, y->data, x->data, outer, rows);
        return MDL_OK;
    }
    for (uint64_t o = 0; o < outer; o++)
        all_columns(c->kernels, p->kind, x->type, y->data, x->data, o * rows * inner, rows, inner);
    return MDL_OK;
}

const struct op mdl_op_softmax = {
    .name = "softmax",
    .about = "softmax along an axis, its logarithm or its hard form",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct softmax_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .traits = ND_IN_PLACE,
};
