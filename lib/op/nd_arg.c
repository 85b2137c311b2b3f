/*
 * op/nd_arg.c - where along an axis the largest or smallest number is
 *
 *   x  [..., n, ...] any numbers      y  [..., 1, ...] or [..., ...] int64
 *
 * The first of equals, or the last.  NaN counts as more extreme than any number, as in numpy.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"
#include "op/nd_arg.h"

#include "kernel/reduce.h"

struct arg_params {
    int64_t kind, axis, keepdims, last;
};

enum { MAX, MIN };
static const char *const kinds[] = { "max", "min", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, arg_params, kind, MAX, kinds),
    FIELD(FIELD_INT, arg_params, axis, 0, NULL),
    FIELD(FIELD_INT, arg_params, keepdims, 1, NULL),
    FIELD(FIELD_INT, arg_params, last, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    nd_result(n, g, 0, MDL_I64);
    return mdl_nd_need_type(n, g, 0, TYPES_FLOAT | TYPES_INTEGER, err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct arg_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    int64_t axis = p->axis, dims[MDL_MAX_RANK];
    uint32_t rank = 0;
    mdl_status s;

    if (!x->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "one number has no axis");
    if ((s = mdl_nd_axis(&axis, x->rank, c->err)))
        return s;
    for (uint32_t i = 0; i < x->rank; i++)
        if (i != (uint32_t)axis || p->keepdims)
            dims[rank++] = i == (uint32_t)axis ? 1 : x->dims[i];
    mdl_nd_set_shape(nd_out(c, n, 0), rank, dims);
    if (!x->dims[axis] && nd_product(x, 0, (uint32_t)axis) && nd_product(x, (uint32_t)axis + 1, x->rank))
        return mdl_fail(c->err, MDL_ERR_DATA, "axis %lld is empty", (long long)axis);
    return MDL_OK;
}

/* Is x further out than `best`? */
static int is_better(int64_t kind, int last, double x, double best)
{
    if (best != best)
        return last && x != x;
    if (x != x)
        return 1;
    return last ? (kind == MAX ? x >= best : x <= best) : kind == MAX ? x > best : x < best;
}

uint64_t mdl_nd_arg_row(const struct kernels *k, int is_min, int last, const void *x, uint32_t type,
                        uint64_t n)
{
    const uint32_t how = is_min ? REDUCE_MIN : REDUCE_MAX;
    const double best = type == MDL_F32 ? k->reduce_f32(how, x, (size_t)n, 0)
                                        : k->reduce_f64(how, x, (size_t)n, 0);

    for (uint64_t i = 0; i < n; i++) {
        const uint64_t at = last ? n - 1 - i : i;
        const double v = type == MDL_F32 ? (double)((const float *)x)[at] : ((const double *)x)[at];
        if (best != best ? v != v : v == best)
            return at;
    }
    return 0;
}

/* Columns, some at a time; integers, which double cannot hold, are compared as they are. */
static void columns(const struct arg_params *p, const struct nd *x, int64_t *y, uint64_t base,
                    uint64_t rows, uint64_t step, size_t width)
{
    double best[ND_CHUNK], v[ND_CHUNK];

    for (uint64_t r = 0; r < rows; r++) {
        mdl_nd_load_f64(v, x->data, x->type, base + r * step, width);
        for (size_t c = 0; c < width; c++)
            if (!r || is_better(p->kind, p->last != 0, v[c], best[c])) {
                best[c] = v[c];
                y[c] = (int64_t)r;
            }
    }
}

static void integer_columns(const struct arg_params *p, const struct nd *x, int64_t *y,
                            uint64_t base, uint64_t rows, uint64_t step, size_t width)
{
    const uint64_t turn = x->type == MDL_U64 ? (uint64_t)1 << 63 : 0;
    int64_t best[ND_CHUNK], v[ND_CHUNK];

    for (uint64_t r = 0; r < rows; r++) {
        mdl_nd_load_i64(v, x->data, x->type, base + r * step, width);
        for (size_t c = 0; c < width; c++) {
            const int64_t one = (int64_t)((uint64_t)v[c] ^ turn);
            if (!r || (p->kind == MAX ? one > best[c] : one < best[c])
                || (p->last && one == best[c])) {
                best[c] = one;
                y[c] = (int64_t)r;
            }
        }
    }
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct arg_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const uint32_t axis = (uint32_t)(p->axis + (p->axis < 0 ? (int64_t)x->rank : 0));
    const uint64_t outer = nd_product(x, 0, axis), inner = nd_product(x, axis + 1, x->rank);
    const uint64_t rows = (uint64_t)x->dims[axis];
    const int is_float = (TYPES_FLOAT & TYPE_BIT(x->type)) != 0;
    int64_t *y = nd_out(c, n, 0)->data;

    for (uint64_t o = 0; inner && o < outer; o++)
        for (uint64_t i = 0, some; i < inner; i += some, y += some) {
            const uint64_t base = o * rows * inner + i;
            some = inner - i < ND_CHUNK ? inner - i : ND_CHUNK;
            if (is_float && inner == 1)
                *y = (int64_t)mdl_nd_arg_row(c->kernels, p->kind == MIN, p->last != 0,
                                             (const char *)x->data + base * mdl_type_bytes(x->type),
                                             x->type, rows);
            else if (is_float)
                columns(p, x, y, base, rows, inner, (size_t)some);
            else
                integer_columns(p, x, y, base, rows, inner, (size_t)some);
        }
    return MDL_OK;
}

const struct op mdl_op_arg = {
    .name = "arg",
    .about = "where along an axis the largest or smallest number is",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct arg_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
