/*
 * op/nd_table.c - from tensors to tables: x as rows of a fixed number of columns
 *
 *   x  [cols'], [rows, cols'], [rows, ...]    numbers; all but the first dimension are columns
 *   y  [rows, cols]                           a table: operators on tables may follow
 *
 * x of rank 1 is one row.  With `first`, rows of x may be longer than `cols` and what lies
 * behind is not read.  Type "float" keeps float64 and rounds everything else to float32.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include <string.h>

struct table_params {
    int64_t cols;
    int64_t type;
    int64_t first;
};

enum { AS_FLOAT, AS_F32, AS_F64 };
static const char *const types[] = { "float", "float32", "float64", NULL };

static const struct field fields[] = {
    FIELD(FIELD_INT, table_params, cols, 1, NULL),
    FIELD(FIELD_CHOICE, table_params, type, AS_FLOAT, types),
    FIELD(FIELD_INT, table_params, first, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct table_params *p = n->params;
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_NUMBER | TYPE_BIT(MDL_BOOL), err);

    if (s)
        return s;
    if (p->cols < 1 || p->cols > INT32_MAX)
        return mdl_fail(err, MDL_ERR_FORMAT, "a table of %lld columns", (long long)p->cols);
    const int wide = p->type == AS_F64 || (p->type == AS_FLOAT && nd_type(n, g, 0) == MDL_F64);
    value_table(node_out(n, g, 0), wide ? MDL_F64 : MDL_F32, (uint64_t)p->cols);
    return MDL_OK;
}

/* Columns of x's rows. */
static uint64_t width(const struct nd *x)
{
    return x->rank == 1 ? (uint64_t)x->dims[0] : nd_product(x, 1, x->rank);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct table_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    char text[96];

    if (!x->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "a scalar, expected rows of %lld columns",
                        (long long)p->cols);
    const uint64_t cols = width(x);
    const int64_t rows = x->rank == 1 ? 1 : x->dims[0];
    if (rows && (p->first ? cols < (uint64_t)p->cols : cols != (uint64_t)p->cols))
        return mdl_fail(c->err, MDL_ERR_DATA, "shape %s, expected rows of %s%lld columns",
                        mdl_nd_shape_text(text, sizeof text, x), p->first ? "at least " : "",
                        (long long)p->cols);
    mdl_nd_set_shape(nd_out(c, n, 0), 2, (int64_t[]){ rows, p->cols });
    return MDL_OK;
}

/* n elements of x from `at` on, as the table's type. */
static void load(void *to, uint32_t type, const struct nd *x, uint64_t at, size_t n)
{
    if (type == x->type)
        memcpy(to, (const unsigned char *)x->data + at * mdl_nd_type_bytes(type),
               n * mdl_nd_type_bytes(type));
    else if (type == MDL_F32)
        mdl_nd_load_f32(to, x->data, x->type, at, n);
    else
        mdl_nd_load_f64(to, x->data, x->type, at, n);
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    const struct nd *y = nd_out(c, n, 0);
    const uint64_t rows = (uint64_t)y->dims[0], cols = (uint64_t)y->dims[1];
    const uint64_t all = rows ? width(x) : 0;
    const size_t cell = mdl_nd_type_bytes(y->type);

    if (all == cols) {
        load(y->data, y->type, x, 0, (size_t)(rows * cols));
        return MDL_OK;
    }
    for (uint64_t r = 0; r < rows; r++)
        load((unsigned char *)y->data + r * cols * cell, y->type, x, r * all, (size_t)cols);
    return MDL_OK;
}

const struct op mdl_op_table = {
    .name = "table",
    .about = "a tensor as a table of float32 or float64",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct table_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .traits = ND_HALF,
};
