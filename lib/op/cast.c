/*
 * op/cast.c - another element type: exact upwards, to nearest even downwards
 *
 *   x  [rows, cols]  float32, float64 or int32      y  [rows, cols]  float32 or float64
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include <string.h>

struct cast_params {
    int64_t to;
};

enum { TO_F32, TO_F64 };
static const char *const types[] = { "float32", "float64", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, cast_params, to, TO_F32, types),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct cast_params *p = n->params;

    if (x->type != MDL_I32) {
        const mdl_status s = mdl_op_need_float(n, g, 0, err);
        if (s)
            return s;
    }
    value_table(node_out(n, g, 0), p->to == TO_F32 ? MDL_F32 : MDL_F64, x->cols);
    return MDL_OK;
}

static void cast_i32(void *y, uint32_t to, const int32_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (to == MDL_F32)
            ((float *)y)[i] = (float)x[i];
        else
            ((double *)y)[i] = (double)x[i];
    }
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const uint32_t from = node_in(n, r->graph, 0)->type, to = node_out(n, r->graph, 0)->type;
    const size_t cols = (size_t)node_in(n, r->graph, 0)->cols;

    for (size_t row = 0; row < r->rows; row++) {
        const void *x = view_row(in, row);
        void *y = view_row(out, row);

        if (from == to)
            memcpy(y, x, cols * mdl_type_bytes(to));
        else if (from == MDL_I32)
            cast_i32(y, to, x, cols);
        else if (to == MDL_F64)
            r->kernels->widen(y, x, cols);
        else
            r->kernels->narrow(y, x, cols);
    }
}

const struct op mdl_op_cast = {
    .name = "cast",
    .about = "x as another element type, rounded to nearest",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct cast_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
