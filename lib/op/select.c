/*
 * op/select.c - some columns, in any order, repeats allowed: y[i] = x[columns[i]]
 *
 *   x  [rows, cols]  of any type      columns  u32 [n]      y  [rows, n]
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include <string.h>

enum { COLUMNS };
static const struct slot slots[] = {
    [COLUMNS] = { "columns", TYPE_BIT(MDL_U32), 1, 1 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct tensor *t = &n->tensors[COLUMNS];
    const uint32_t *columns = t->data;

    if (!t->count)
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset, "no column is selected");
    for (uint64_t i = 0; i < t->count; i++)
        if (columns[i] >= x->cols)
            return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset + 4 * i,
                               "column %u is selected, x has %llu", columns[i],
                               (unsigned long long)x->cols);
    value_table(node_out(n, g, 0), x->type, t->count);
    return MDL_OK;
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const uint32_t *columns = n->tensors[COLUMNS].data;
    const size_t count = (size_t)n->tensors[COLUMNS].count;
    const size_t cell = mdl_type_bytes(node_in(n, r->graph, 0)->type);

    for (size_t row = 0; row < r->rows; row++) {
        const unsigned char *x = view_row(in, row);
        unsigned char *y = view_row(out, row);

        if (cell == 8)
            for (size_t i = 0; i < count; i++)
                memcpy(y + i * 8, x + (size_t)columns[i] * 8, 8);
        else
            for (size_t i = 0; i < count; i++)
                memcpy(y + i * 4, x + (size_t)columns[i] * 4, 4);
    }
}

const struct op mdl_op_select = {
    .name = "select",
    .about = "some columns of x, in any order",
    .slots = slots,
    .n_slots = sizeof slots / sizeof *slots,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
