/*
 * op/concat.c - tables side by side
 *
 *   x_0 [rows, c_0], x_1 [rows, c_1], ...  of one type      y [rows, c_0 + c_1 + ...]
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#include <string.h>

#define MOST_INPUTS 64u

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *first = node_in(n, g, 0);
    uint64_t cols = 0;

    for (uint32_t i = 0; i < n->n_in; i++) {
        const struct value *x = node_in(n, g, i);

        if (x->type != first->type)
            return mdl_fail(err, MDL_ERR_FORMAT, "input %u is %s, input 0 is %s", (unsigned)i,
                            mdl_type_name(x->type), mdl_type_name(first->type));
        if (!size_add(cols, x->cols, &cols) || cols > INT64_MAX)
            return mdl_fail(err, MDL_ERR_FORMAT, "too many columns");
    }
    value_table(node_out(n, g, 0), first->type, cols);
    return MDL_OK;
}

static void run(const struct node *n, const struct run *r)
{
    const struct view out = run_out(n, r, 0);
    const size_t cell = mdl_type_bytes(node_in(n, r->graph, 0)->type);
    size_t at = 0;

    for (uint32_t i = 0; i < n->n_in; i++) {
        const struct view in = run_in(n, r, i);
        const size_t bytes = (size_t)node_in(n, r->graph, i)->cols * cell;

        for (size_t row = 0; row < r->rows; row++)
            memcpy((unsigned char *)view_row(out, row) + at, view_row(in, row), bytes);
        at += bytes;
    }
}

const struct op mdl_op_concat = {
    .name = "concat",
    .about = "tables of one type side by side",
    .min_in = 1,
    .max_in = MOST_INPUTS,
    .n_out = 1,
    .infer = infer,
    .run = run,
};
