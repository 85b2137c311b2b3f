/*
 * op/nd_layer_norm.c - layer and RMS normalisation
 *
 *   x      [d0, ..., d_axis, ..., dn] any float: rows are all that follows axis - 1
 *   scale  any float, broadcasts to x; bias (optional, layer alone) as scale
 *   y      layer: (x - mean) / sqrt(variance + epsilon) scale + bias       x's type
 *          rms:   x / sqrt(mean of x^2 + epsilon) scale                    scale's type
 *   mean, inv_std  [d0, ..., 1, ..., 1]  layer alone: of each row          `stash`
 *
 * Statistics in double; a result is rounded once.  Of types other than x's, and of 16 bits,
 * rows are widened to float32 in temp:
 *
 *     [x row] [scale row] [bias row]      float32, or float64 for float64
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include "kernel/reduce.h"

struct layer_params {
    int64_t kind, axis;
    double  epsilon;
    int64_t stash;
};

enum { LAYER, RMS };
static const char *const kinds[] = { "layer", "rms", NULL };
static const char *const stashes[] = { "float32", "bfloat16", "float64", NULL };
static const uint32_t stash_types[] = { MDL_F32, MDL_BF16, MDL_F64 };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, layer_params, kind, LAYER, kinds),
    FIELD(FIELD_INT, layer_params, axis, -1, NULL),
    FIELD(FIELD_FLOAT, layer_params, epsilon, 1e-5, NULL),
    FIELD(FIELD_CHOICE, layer_params, stash, 0, stashes),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct layer_params *p = n->params;
    mdl_status s = MDL_OK;

    for (uint32_t i = 0; i < 3 && !s; i++)
        s = mdl_nd_need_type(n, g, i, TYPES_FLOATS, err);
    if (s)
        return s;
    if (!nd_given(n, 1))
        return mdl_fail(err, MDL_ERR_FORMAT, "no scale");
    if (p->kind == RMS && (n->n_out > 1 || nd_given(n, 2)))
        return mdl_fail(err, MDL_ERR_FORMAT, "rms has one result and no bias");
    nd_result(n, g, 0, nd_type(n, g, p->kind == RMS));
    nd_result(n, g, 1, stash_types[p->stash]);
    nd_result(n, g, 2, stash_types[p->stash]);
    return MDL_OK;
}

static uint32_t axis_of(const struct node *n, const struct nd *x)
{
    const int64_t axis = ((const struct layer_params *)n->params)->axis;

    return (uint32_t)(axis < 0 ? axis + (int64_t)x->rank : axis);
}

/* What rows are computed in. */
static uint32_t row_type(const struct nd *x)
{
    return x->type == MDL_F64 ? MDL_F64 : MDL_F32;
}

/* Is it one row of this type for all rows of x? */
static int is_row(const struct nd *t, const struct nd *x, uint32_t axis)
{
    if (t->type != row_type(x) || t->rank > x->rank || nd_product(x, axis, x->rank) != t->count)
        return 0;
    for (uint32_t i = 0; i < t->rank; i++) {
        const uint32_t at = x->rank - t->rank + i;
        if (t->dims[i] != (at < axis ? 1 : x->dims[at]))
            return 0;
    }
    return 1;
}

static mdl_status need_broadcast(const struct nd *t, const struct nd *x, const char *what,
                                 mdl_error *err)
{
    struct nd to;
    char a[96], b[96];
    mdl_status s;

    if (!t)
        return MDL_OK;
    if ((s = mdl_nd_broadcast(&to, x, t, err)))
        return s;
    int same = to.rank == x->rank;
    for (uint32_t i = 0; same && i < x->rank; i++)
        same = to.dims[i] == x->dims[i];
    return same ? MDL_OK
                : mdl_fail(err, MDL_ERR_DATA, "%s of shape %s does not broadcast to %s", what,
                           mdl_nd_shape_text(a, sizeof a, t), mdl_nd_shape_text(b, sizeof b, x));
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct layer_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    int64_t axis = p->axis;
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);

    if (!s) s = need_broadcast(nd_in(c, n, 1), x, "scale", c->err);
    if (!s) s = need_broadcast(nd_in(c, n, 2), x, "bias", c->err);
    if (s)
        return s;
    nd_like(nd_out(c, n, 0), x);
    for (uint32_t i = 1; i < n->n_out; i++) {
        struct nd *stat = nd_out(c, n, i);
        nd_like(stat, x);
        for (uint32_t k = (uint32_t)axis; k < x->rank; k++)
            stat->dims[k] = 1;
    }
    if (!size_mul(nd_product(x, (uint32_t)axis, x->rank), 3 * sizeof(double), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "too many numbers");
    return MDL_OK;
}

/* Numbers first .. first + cols - 1 of what t broadcasts to. */
static void expand(void *to, uint32_t type, const struct nd *t, const struct nd *x, uint64_t first,
                   uint64_t cols)
{
    int64_t step[MDL_MAX_RANK];
    struct nd as = *t;

    as.rank = as.rank > x->rank ? x->rank : as.rank;    /* axes beyond x's are of 1 */
    for (uint32_t i = 0; i < as.rank; i++)
        as.dims[i] = t->dims[t->rank - as.rank + i];
    mdl_nd_steps(step, x, &as);
    for (uint64_t i = 0; i < cols; i++) {
        uint64_t rest = first + i, at = 0;

        for (uint32_t k = x->rank; k--; rest /= (uint64_t)x->dims[k])
            at += rest % (uint64_t)x->dims[k] * (uint64_t)step[k];
        if (type == MDL_F32)
            mdl_nd_load_f32((float *)to + i, t->data, t->type, at, 1);
        else
            mdl_nd_load_f64((double *)to + i, t->data, t->type, at, 1);
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct layer_run {
    const struct kernels *k;
    const struct nd *x, *y;
    uint32_t type, axis;          /* of rows                                         */
    uint64_t cols;
    char *x_row;                  /* [cols] each                                     */
    void *scale_row, *bias_row;
};

/* The row that t is for all rows, or room that `expand` is to fill for each.  y may lie over t. */
static void *fixed_row(const struct layer_run *l, const struct nd *t, char *room, int *each)
{
    uint64_t leading = 1;

    *each = 0;
    if (!t)
        return NULL;
    if (is_row(t, l->x, l->axis) && t->data != l->y->data)
        return t->data;
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->rank - i > l->x->rank - l->axis)
            leading *= (uint64_t)t->dims[i];
    *each = leading != 1;
    if (!*each)
        expand(room, l->type, t, l->x, 0, l->cols);
    return room;
}

static void one_row(const struct layer_run *l, const struct layer_params *p, void *y, const void *x,
                    double *mean, double *inv_std)
{
    const size_t n = (size_t)l->cols;
    double squares;

    if (l->type == MDL_F32) {
        *mean = p->kind == RMS ? 0 : l->k->reduce_f32(REDUCE_SUM, x, n, 0) / (double)n;
        squares = l->k->reduce_f32(REDUCE_SQUARES, x, n, *mean);
        *inv_std = 1 / mdl_sqrt(squares / (double)n + p->epsilon);
        l->k->affine_f32(y, x, *mean, *inv_std, -0.0, l->scale_row, l->bias_row, n);
        return;
    }
    *mean = p->kind == RMS ? 0 : l->k->reduce_f64(REDUCE_SUM, x, n, 0) / (double)n;
    squares = l->k->reduce_f64(REDUCE_SQUARES, x, n, *mean);
    *inv_std = 1 / mdl_sqrt(squares / (double)n + p->epsilon);
    l->k->affine_f64(y, x, *mean, *inv_std, -0.0, l->scale_row, l->bias_row, n);
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct layer_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *scale = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    struct nd *y = nd_out(c, n, 0);
    const uint32_t axis = axis_of(n, x);
    const uint64_t rows = nd_product(x, 0, axis), cols = nd_product(x, axis, x->rank);
    struct layer_run l = { .k = c->kernels, .x = x, .y = y, .type = row_type(x), .axis = axis,
                           .cols = cols, .x_row = c->temp };
    const size_t cell = mdl_type_bytes(l.type), bytes = (size_t)cols * cell;
    int scale_each, bias_each;

    if (!rows || (!cols && !nd_wanted(c, n, 1) && !nd_wanted(c, n, 2)))
        return MDL_OK;            /* of rows without numbers there may be any number */
    l.scale_row = fixed_row(&l, scale, l.x_row + bytes, &scale_each);
    l.bias_row = fixed_row(&l, bias, l.x_row + 2 * bytes, &bias_each);
    for (uint64_t r = 0; r < rows; r++) {
        const void *from = (const char *)x->data + r * bytes;
        void *to = y->data && y->type == l.type ? (char *)y->data + r * bytes : l.x_row;
        double mean, inv_std;

        if (x->type != l.type) {
            mdl_nd_load_f32((float *)(void *)l.x_row, x->data, x->type, r * cols, (size_t)cols);
            from = l.x_row;
        }
        if (scale_each) expand(l.scale_row, l.type, scale, x, r * cols, cols);
        if (bias_each) expand(l.bias_row, l.type, bias, x, r * cols, cols);
        one_row(&l, p, to, from, &mean, &inv_std);
        if (y->data && to == l.x_row && l.type == MDL_F32)
            mdl_nd_store_f32(y->data, y->type, r * cols, (float *)to, (size_t)cols);
        else if (y->data && to == l.x_row)
            mdl_nd_store_f64(y->data, y->type, r * cols, (double *)to, (size_t)cols);
        if (nd_wanted(c, n, 1))
            mdl_nd_store_f64(nd_out(c, n, 1)->data, nd_out(c, n, 1)->type, r, &mean, 1);
        if (nd_wanted(c, n, 2))
            mdl_nd_store_f64(nd_out(c, n, 2)->data, nd_out(c, n, 2)->type, r, &inv_std, 1);
    }
    return MDL_OK;
}

const struct op mdl_op_layer_norm = {
    .name = "layer_norm",
    .about = "rows to mean 0 and variance 1, or to mean square 1, then scaled and moved",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct layer_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .max_out = 3,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .traits = ND_IN_PLACE | ND_HALF,
};
