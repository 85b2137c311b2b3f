/*
 * op/positions.c - columns of x, then some of them again as positions among values
 *
 *   x        [rows, cols]      float32 or float64
 *   feature  u32 [n]           the columns that are looked up
 *   start    u32 [n + 1]       first value of each
 *   values   f64 [...]         ascending for each feature, no NaN
 *   y        [rows, cols + n]  x, then of each feature the position of x; -1 for what is none of
 *                              the values, NaN for NaN
 *
 * Tree nodes that ask "is x one of these numbers" look at positions as categories.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include <string.h>

enum { FEATURE, START, VALUES };
static const struct slot slots[] = {
    [FEATURE] = { "feature", TYPE_BIT(MDL_U32), 1, 1 },
    [START] = { "start", TYPE_BIT(MDL_U32), 1, 1 },
    [VALUES] = { "values", TYPE_BIT(MDL_F64), 1, 1 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct tensor *features = &n->tensors[FEATURE], *values = &n->tensors[VALUES];
    const uint32_t *feature = features->data, *start = n->tensors[START].data;
    const double *v = values->data;
    uint64_t cols;
    mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (!s) s = mdl_op_need_tensor(n, START, 0, features->count + 1, err);
    if (s)
        return s;
    if (!size_add(x->cols, features->count, &cols) || cols > INT32_MAX || start[0] != 0
        || start[features->count] != values->count)
        return mdl_fail(err, MDL_ERR_FORMAT, "'start' goes from %u to %u, expected 0 to %llu",
                        start[0], start[features->count], (unsigned long long)values->count);
    for (uint64_t k = 0; k < features->count; k++) {
        if (feature[k] >= x->cols || start[k + 1] < start[k] || start[k + 1] > values->count)
            return mdl_fail(err, MDL_ERR_FORMAT, "feature %u of %llu, values %u to %u", feature[k],
                            (unsigned long long)x->cols, start[k], start[k + 1]);
        for (uint32_t i = start[k]; i < start[k + 1]; i++)
            if (v[i] != v[i] || (i > start[k] && !(v[i - 1] < v[i])))
                return mdl_fail_at(err, MDL_ERR_FORMAT, "data", values->offset + 8ull * i,
                                   "value %u of feature %u is NaN or not above the one before",
                                   i - start[k], feature[k]);
    }
    value_table(node_out(n, g, 0), x->type, cols);
    return MDL_OK;
}

static double position(const double *values, uint32_t begin, uint32_t end, double x)
{
    uint32_t low = begin, high = end;

    if (x != x)
        return x;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (values[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && values[low] == x ? (double)(low - begin) : -1.0;
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);
    const uint32_t *feature = n->tensors[FEATURE].data, *start = n->tensors[START].data;
    const double *values = n->tensors[VALUES].data;
    const size_t cols = (size_t)v->cols, bytes = cols * mdl_type_bytes(v->type);

    for (size_t row = 0; row < r->rows; row++) {
        const void *x = view_row(in, row);
        void *y = view_row(out, row);

        memcpy(y, x, bytes);
        for (size_t k = 0; k < n->tensors[FEATURE].count; k++) {
            const double cell = v->type == MDL_F32 ? (double)((const float *)x)[feature[k]]
                                                   : ((const double *)x)[feature[k]];
            const double at = position(values, start[k], start[k + 1], cell);
            if (v->type == MDL_F32)
                ((float *)y)[cols + k] = (float)at;
            else
                ((double *)y)[cols + k] = at;
        }
    }
}

const struct op mdl_op_positions = {
    .name = "positions",
    .about = "x, then positions of some columns among values, -1 for none",
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
