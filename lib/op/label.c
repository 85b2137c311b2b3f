/*
 * op/label.c - from scores to classes
 *
 *   argmax      x [rows, cols]        -> int32 [rows, 1]   first column of the largest value
 *   above       x [rows, cols]        -> int32 [rows, cols]   1 where x is above the threshold
 *   complement  p [rows, 1]           -> [rows, 2]         1 - p and p, in p's type
 *
 * x and p are float32 or float64.  NaN is no maximum (all NaN: column 0) and is above
 * nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

static double cell(const struct view v, uint32_t type, size_t row, size_t col)
{
    const void *x = view_row(v, row);

    return type == MDL_F32 ? (double)((const float *)x)[col] : ((const double *)x)[col];
}

/* ---- argmax ------------------------------------------------------------------------- */

static mdl_status argmax_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (!s) value_table(node_out(n, g, 0), MDL_I32, 1);
    return s;
}

static void argmax_run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);

    for (size_t row = 0; row < r->rows; row++) {
        size_t best = 0;

        for (size_t c = 1; c < (size_t)v->cols; c++) {
            const double most = cell(in, v->type, row, best), x = cell(in, v->type, row, c);
            if (x > most || (most != most && x == x))
                best = c;
        }
        *(int32_t *)view_row(out, row) = (int32_t)best;
    }
}

const struct op mdl_op_argmax = {
    .name = "argmax",
    .about = "first column of the largest value",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = argmax_infer,
    .run = argmax_run,
};

/* ---- above -------------------------------------------------------------------------- */

struct above_params {
    double  threshold;
    int64_t inclusive;            /* 1: at the threshold counts as above */
};

static const struct field above_fields[] = {
    FIELD(FIELD_FLOAT, above_params, threshold, 0, NULL),
    FIELD(FIELD_INT, above_params, inclusive, 0, NULL),
};

static mdl_status above_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct above_params *p = n->params;
    const mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (s)
        return s;
    if (p->threshold != p->threshold || (p->inclusive != 0 && p->inclusive != 1))
        return mdl_fail(err, MDL_ERR_FORMAT, "the threshold is NaN, or inclusive is not 0 or 1");
    value_table(node_out(n, g, 0), MDL_I32, node_in(n, g, 0)->cols);
    return MDL_OK;
}

static void above_run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);
    const struct above_params *p = n->params;

    for (size_t row = 0; row < r->rows; row++) {
        int32_t *y = view_row(out, row);

        for (size_t c = 0; c < (size_t)v->cols; c++) {
            const double x = cell(in, v->type, row, c);
            y[c] = p->inclusive ? x >= p->threshold : x > p->threshold;
        }
    }
}

const struct op mdl_op_above = {
    .name = "above",
    .about = "1 where x is above the threshold, else 0",
    .fields = above_fields,
    .n_fields = sizeof above_fields / sizeof *above_fields,
    .params_bytes = sizeof(struct above_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = above_infer,
    .run = above_run,
};

/* ---- complement --------------------------------------------------------------------- */

static mdl_status complement_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (!s && x->cols != 1)
        return mdl_fail(err, MDL_ERR_FORMAT, "x has %llu columns, expected 1",
                        (unsigned long long)x->cols);
    if (!s) value_table(node_out(n, g, 0), x->type, 2);
    return s;
}

static void complement_run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const int is_f32 = node_in(n, r->graph, 0)->type == MDL_F32;

    for (size_t row = 0; row < r->rows; row++) {
        const void *p = view_row(in, row);
        void *y = view_row(out, row);

        if (is_f32) {
            const float one = *(const float *)p;
            ((float *)y)[0] = 1 - one;
            ((float *)y)[1] = one;
        } else {
            const double one = *(const double *)p;
            ((double *)y)[0] = 1 - one;
            ((double *)y)[1] = one;
        }
    }
}

const struct op mdl_op_complement = {
    .name = "complement",
    .about = "1 - p and p, side by side",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = complement_infer,
    .run = complement_run,
};
