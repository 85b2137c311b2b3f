/*
 * op/encode.c - categories to their numbers: y = position of x among the column's values
 *
 *   x, y    [rows, cols]  float32 or float64
 *   start   u32 [cols + 1]   first value of each column; a column without values is copied
 *   values  [...]            of x's type, ascending in each column, no NaN
 *
 * What is none of the values, NaN too, becomes NaN.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include <math.h>              /* NAN, a constant */

enum { START, VALUES };
static const struct slot slots[] = {
    [START] = { "start", TYPE_BIT(MDL_U32), 1, 1 },
    [VALUES] = { "values", TYPES_FLOAT, 1, 1 },
};

static double value_at(const struct tensor *t, uint64_t i)
{
    return t->type == MDL_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}

/* Strictly ascending; false for NaN. */
static mdl_status check_column(const struct tensor *values, uint32_t begin, uint32_t end,
                               uint64_t column, mdl_error *err)
{
    for (uint32_t i = begin; i < end; i++) {
        const double v = value_at(values, i), before = i > begin ? value_at(values, i - 1) : v - 1;

        if (v != v || (i > begin && !(before < v)))
            return mdl_fail_at(err, MDL_ERR_FORMAT, "data",
                               values->offset + i * (uint64_t)mdl_type_bytes(values->type),
                               "value %u of column %llu is NaN or not above the one before",
                               i - begin, (unsigned long long)column);
    }
    return MDL_OK;
}

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct tensor *starts = &n->tensors[START], *values = &n->tensors[VALUES];
    const uint32_t *start = starts->data;
    mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (!s) s = mdl_op_need_tensor(n, START, 0, x->cols + 1, err);
    if (!s) s = mdl_op_need_tensor(n, VALUES, x->type, values->count, err);
    if (s)
        return s;
    if (start[0] != 0 || start[x->cols] != values->count)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", starts->offset,
                           "'start' goes from %u to %u, expected 0 to %llu", start[0],
                           start[x->cols], (unsigned long long)values->count);
    for (uint64_t c = 0; c < x->cols; c++) {
        if (start[c + 1] < start[c])
            return mdl_fail_at(err, MDL_ERR_FORMAT, "data", starts->offset + 4 * (c + 1),
                               "'start' decreases from %u to %u", start[c], start[c + 1]);
        s = start[c + 1] <= values->count ? check_column(values, start[c], start[c + 1], c, err)
                                          : MDL_OK;      /* it decreases later */
        if (s)
            return s;
    }
    value_table(node_out(n, g, 0), x->type, x->cols);
    return MDL_OK;
}

/* x among values[begin .. end), counted from begin, or NaN. */
static double position(const struct tensor *values, uint32_t begin, uint32_t end, double x)
{
    uint32_t low = begin, high = end;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (value_at(values, middle) < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && value_at(values, low) == x ? (double)(low - begin) : (double)NAN;
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);
    const struct tensor *values = &n->tensors[VALUES];
    const uint32_t *start = n->tensors[START].data;

    for (size_t row = 0; row < r->rows; row++) {
        const void *x = view_row(in, row);
        void *y = view_row(out, row);

        for (size_t c = 0; c < (size_t)v->cols; c++) {
            const double cell = v->type == MDL_F32 ? (double)((const float *)x)[c]
                                                   : ((const double *)x)[c];
            const double code = start[c] == start[c + 1]
                                    ? cell : position(values, start[c], start[c + 1], cell);
            if (v->type == MDL_F32)
                ((float *)y)[c] = (float)code;
            else
                ((double *)y)[c] = code;
        }
    }
}

const struct op mdl_op_encode = {
    .name = "encode",
    .about = "position of x among the values of its column, NaN if it is none",
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
