/*
 * op/average.c - sums of an ensemble by the number of iterations that went into them
 *
 *   x, y  [rows, cols]  float32 or float64
 *
 * y = x / n, where n is the number of iterations of the range that is run: all of them, or
 * those between tree_begin and tree_end.  For sources whose raw score is the sum itself
 * (LightGBM's random forests); others have `average` in the ensemble.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"
#include "op/tree.h"
#include "op/tree_engine.h"       /* mdl_op_trees */

struct average_params {
    int64_t iterations;          /* of the ensemble that made x */
};

static const struct field fields[] = {
    FIELD(FIELD_INT, average_params, iterations, 1, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct average_params *p = n->params;
    const mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (s)
        return s;
    if (p->iterations < 1 || p->iterations > INT32_MAX)
        return mdl_fail(err, MDL_ERR_FORMAT, "an average over %lld iterations",
                        (long long)p->iterations);
    value_table(node_out(n, g, 0), x->type, x->cols);
    return MDL_OK;
}

/* Ranges and stages of an ensemble are counted by its own iterations. */
static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const struct average_params *p = n->params;
    (void)a;

    for (const struct node *k = g->nodes; k < n; k++)
        if (k->op == &mdl_op_trees && k->out[0] == n->in[0] && mdl_trees_iterations(k) != p->iterations)
            return mdl_fail(err, MDL_ERR_FORMAT, "an average over %lld iterations of an ensemble "
                            "that has %u", (long long)p->iterations, mdl_trees_iterations(k));
    return MDL_OK;
}

static void run(const struct node *n, const struct run *r)
{
    const struct view x = run_in(n, r, 0), y = run_out(n, r, 0);
    const struct value *v = node_in(n, r->graph, 0);
    const uint64_t all = (uint64_t)((const struct average_params *)n->params)->iterations;
    const uint64_t end = r->tree_end < all ? r->tree_end : all;
    const uint64_t used = end > r->tree_begin ? end - r->tree_begin : 1;

    for (size_t row = 0; row < r->rows; row++)
        for (size_t c = 0; c < (size_t)v->cols; c++) {
            if (v->type == MDL_F32)
                ((float *)view_row(y, row))[c] = ((float *)view_row(x, row))[c] / (float)used;
            else
                ((double *)view_row(y, row))[c] = ((double *)view_row(x, row))[c] / (double)used;
        }
}

const struct op mdl_op_average = {
    .name = "average",
    .about = "sums divided by the iterations that went into them",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct average_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .prepare = prepare,
    .run = run,
};
