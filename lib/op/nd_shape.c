/*
 * op/nd_shape.c - the same elements in another shape; shapes as numbers
 *
 *     reshape     x, shape            0 in shape: as x has it there; -1: whatever is left
 *     flatten     x                   two dims: those before `axis`, those from it on
 *     squeeze     x, axes or nothing  without dims of 1: those, or all of them
 *     unsqueeze   x, axes             with dims of 1 where the result has those axes
 *     shape       x                   its dims from `start` to `end`, or how many elements
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include <string.h>

/* Result as x, and input 1 a list of integers. */
static mdl_status list_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* ---- reshape ------------------------------------------------------------------------------- */

struct reshape_params {
    int64_t allowzero;
};

static const struct field reshape_fields[] = {
    FIELD(FIELD_INT, reshape_params, allowzero, 0, NULL),
};

/* dims[open] = elements of x over those of the rest.  Dims that are x's own stand on both
 * sides and are left out, so that one of 0 decides nothing. */
static mdl_status fill_open(int64_t *dims, uint32_t rank, uint32_t open, uint32_t copied,
                            const struct nd *x, mdl_error *err)
{
    uint64_t have = 1, rest = 1;
    char text[96];

    for (uint32_t i = 0; i < x->rank; i++)
        if (!(copied & 1u << i) && !size_mul(have, (uint64_t)x->dims[i], &have))
            return mdl_fail(err, MDL_ERR_DATA, "too many elements");
    for (uint32_t i = 0; i < rank; i++)
        if (i != open && !(copied & 1u << i) && !size_mul(rest, (uint64_t)dims[i], &rest))
            return mdl_fail(err, MDL_ERR_DATA, "too many elements");
    if (!rest || have % rest || have / rest > INT64_MAX)
        return mdl_fail(err, MDL_ERR_DATA, "shape %s does not become one of %llu elements times -1",
                        mdl_nd_shape_text(text, sizeof text, x), (unsigned long long)rest);
    dims[open] = (int64_t)(have / rest);
    return MDL_OK;
}

static mdl_status reshape_shape(const struct node *n, struct nd_call *c)
{
    const struct reshape_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    int64_t dims[MDL_MAX_RANK];
    uint32_t rank, copied = 0, open = UINT32_MAX;
    uint64_t count = 1;
    char text[2][96];
    mdl_status s = mdl_nd_list(dims, &rank, MDL_MAX_RANK, nd_in(c, n, 1), "shape", c->err);

    for (uint32_t i = 0; !s && i < rank; i++) {
        if (dims[i] < -1 || (dims[i] == -1 && open != UINT32_MAX))
            return mdl_fail(c->err, MDL_ERR_DATA, "dimension %u of shape is %lld%s", (unsigned)i,
                            (long long)dims[i], dims[i] == -1 ? " for the second time" : "");
        if (dims[i] == -1)
            open = i;
        if (dims[i] || p->allowzero)
            continue;
        if (i >= x->rank)
            return mdl_fail(c->err, MDL_ERR_DATA, "dimension %u of shape is 0, of a tensor of "
                            "rank %u", (unsigned)i, (unsigned)x->rank);
        dims[i] = x->dims[i];
        copied |= 1u << i;
    }
    if (!s && open != UINT32_MAX)
        s = fill_open(dims, rank, open, copied, x, c->err);
    if (s)
        return s;
    mdl_nd_set_shape(y, rank, dims);
    for (uint32_t i = 0; i < rank; i++)
        if (!dims[i]) {
            count = 0;
            break;
        }
    for (uint32_t i = 0; count && i < rank; i++)
        if (!size_mul(count, (uint64_t)dims[i], &count))
            return mdl_fail(c->err, MDL_ERR_DATA, "too many elements");
    if (count != x->count)
        return mdl_fail(c->err, MDL_ERR_DATA, "shape %s does not become %s",
                        mdl_nd_shape_text(text[0], sizeof text[0], x),
                        mdl_nd_shape_text(text[1], sizeof text[1], y));
    return MDL_OK;
}

const struct op mdl_op_reshape = {
    .name = "reshape",
    .about = "the same elements in the shape of input 1; 0: as it was, -1: what is left",
    .fields = reshape_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct reshape_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = list_infer,
    .shape = reshape_shape,
    .eval = mdl_nd_copy,
    .contents = 1u << 1,
    .traits = ND_ALIAS | ND_HALF,
};

/* ---- flatten ------------------------------------------------------------------------------- */

struct flatten_params {
    int64_t axis;
};

static const struct field flatten_fields[] = {
    FIELD(FIELD_INT, flatten_params, axis, 1, NULL),
};

static mdl_status flatten_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    int64_t axis = ((const struct flatten_params *)n->params)->axis, dims[2];

    if (axis != (int64_t)x->rank) {
        mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);
        if (s)
            return s;
    }
    mdl_status s = mdl_nd_dim_product(&dims[0], x, 0, (uint32_t)axis, c->err);
    if (!s) s = mdl_nd_dim_product(&dims[1], x, (uint32_t)axis, x->rank, c->err);
    mdl_nd_set_shape(nd_out(c, n, 0), 2, dims);
    return s;
}

const struct op mdl_op_flatten = {
    .name = "flatten",
    .about = "the same elements in two dimensions: those before the axis, and the others",
    .fields = flatten_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct flatten_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = mdl_nd_infer_same,
    .shape = flatten_shape,
    .eval = mdl_nd_copy,
    .traits = ND_ALIAS | ND_HALF,
};

/* ---- squeeze, unsqueeze -------------------------------------------------------------------- */

static mdl_status squeeze_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *list = nd_in(c, n, 1);
    int64_t axes[MDL_MAX_RANK], dims[MDL_MAX_RANK];
    uint32_t n_axes, drop = 0, rank = 0;
    mdl_status s = mdl_nd_axes(axes, &n_axes, list, x->rank, c->err);

    for (uint32_t i = 0; !s && i < n_axes; i++) {
        if (list && x->dims[axes[i]] != 1)
            s = mdl_fail(c->err, MDL_ERR_DATA, "dimension %lld is %lld, expected 1",
                         (long long)axes[i], (long long)x->dims[axes[i]]);
        drop |= x->dims[axes[i]] == 1 ? 1u << axes[i] : 0;
    }
    if (s)
        return s;
    for (uint32_t i = 0; i < x->rank; i++)
        if (!(drop & 1u << i))
            dims[rank++] = x->dims[i];
    mdl_nd_set_shape(nd_out(c, n, 0), rank, dims);
    return MDL_OK;
}

const struct op mdl_op_squeeze = {
    .name = "squeeze",
    .about = "without dimensions of 1: those that input 1 names, or all",
    .min_in = 1,
    .max_in = 2,
    .n_out = 1,
    .infer = list_infer,
    .shape = squeeze_shape,
    .eval = mdl_nd_copy,
    .contents = 1u << 1,
    .traits = ND_ALIAS | ND_HALF,
};

static mdl_status unsqueeze_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *list = nd_in(c, n, 1);
    int64_t axes[MDL_MAX_RANK], dims[MDL_MAX_RANK];
    uint32_t n_axes, ones = 0, from = 0;
    mdl_status s;

    if (list->count > MDL_MAX_RANK - x->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "a result of rank %llu, at most %d is possible",
                        (unsigned long long)list->count + x->rank, MDL_MAX_RANK);
    const uint32_t rank = x->rank + (uint32_t)list->count;
    if ((s = mdl_nd_axes(axes, &n_axes, list, rank, c->err)))
        return s;
    for (uint32_t i = 0; i < n_axes; i++)
        ones |= 1u << axes[i];
    for (uint32_t i = 0; i < rank; i++)
        dims[i] = ones & 1u << i ? 1 : x->dims[from++];
    mdl_nd_set_shape(nd_out(c, n, 0), rank, dims);
    return MDL_OK;
}

const struct op mdl_op_unsqueeze = {
    .name = "unsqueeze",
    .about = "with dimensions of 1 at the axes that input 1 names",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = list_infer,
    .shape = unsqueeze_shape,
    .eval = mdl_nd_copy,
    .contents = 1u << 1,
    .traits = ND_ALIAS | ND_HALF,
};

/* ---- shape --------------------------------------------------------------------------------- */

struct shape_params {
    int64_t kind, start, end;
};

enum { DIMS, COUNT };
static const char *const shape_kinds[] = { [DIMS] = "dims", [COUNT] = "count", NULL };

static const struct field shape_fields[] = {
    FIELD(FIELD_CHOICE, shape_params, kind, DIMS, shape_kinds),
    FIELD(FIELD_INT, shape_params, start, 0, NULL),
    FIELD(FIELD_INT, shape_params, end, MDL_MAX_RANK, NULL),
};

static mdl_status shape_infer(struct node *n, struct graph *g, mdl_error *err)
{
    (void)err;
    nd_result(n, g, 0, MDL_I64);
    return MDL_OK;
}

/* A position, counted from the end if negative, into 0 .. rank. */
static int64_t within(int64_t at, int64_t rank)
{
    at += at < 0 ? rank : 0;
    return at < 0 ? 0 : at > rank ? rank : at;
}

static mdl_status shape_shape(const struct node *n, struct nd_call *c)
{
    const struct shape_params *p = n->params;
    const int64_t rank = (int64_t)nd_in(c, n, 0)->rank;
    const int64_t some = within(p->end, rank) - within(p->start, rank);
    const int64_t dims[1] = { some < 0 ? 0 : some };

    mdl_nd_set_shape(nd_out(c, n, 0), p->kind == COUNT ? 0 : 1, dims);
    return MDL_OK;
}

static mdl_status shape_eval(const struct node *n, struct nd_call *c)
{
    const struct shape_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);

    if (p->kind == COUNT)
        *(int64_t *)y->data = (int64_t)x->count;
    else
        memcpy(y->data, x->dims + within(p->start, (int64_t)x->rank),
               (size_t)y->count * sizeof *x->dims);
    return MDL_OK;
}

const struct op mdl_op_shape = {
    .name = "shape",
    .about = "the dimensions from start to end, or the number of elements, as int64",
    .fields = shape_fields,
    .n_fields = 3,
    .params_bytes = sizeof(struct shape_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = shape_infer,
    .shape = shape_shape,
    .eval = shape_eval,
    .traits = ND_SHAPE | ND_HALF,
};
