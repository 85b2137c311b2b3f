/*
 * op/nd_global_pool.c - one window for a whole image; numbers put back where maxima were
 *
 *     global_pool   x [N, C, ...]   y [N, C, 1 ...]   maximum, average or norm as in pool
 *     max_unpool    x [N, C, ...]   where: int64, as pool gives it   shape: int64, optional
 *
 * max_unpool counts `where` in the image that the windows covered, which lies at the beginning of
 * a result of a larger shape.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/reduce.h"
#include "op/nd_product.h"
#include "op/nd_slide.h"

#include <string.h>

enum { MAX, AVERAGE, LP };
static const char *const kinds[] = { "max", "average", "lp", NULL };

/* ---- global_pool ---------------------------------------------------------------------------------- */

struct global_params {
    int64_t kind, p;
};

static const struct field global_fields[] = {
    FIELD(FIELD_CHOICE, global_params, kind, MAX, kinds),
    FIELD(FIELD_INT, global_params, p, 2, NULL),
};

static mdl_status global_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct global_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 1, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    if (!s && p->p < 1)
        s = mdl_fail(err, MDL_ERR_FORMAT, "p is %lld", (long long)p->p);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status global_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    char text[96];

    if (x->rank < 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s, expected [N, C, ...]",
                        mdl_nd_shape_text(text, sizeof text, x));
    nd_like(y, x);
    for (uint32_t i = 2; i < x->rank; i++)
        y->dims[i] = 1;
    return MDL_OK;
}

static double reduce(const struct nd_call *c, uint32_t how, const struct nd *x, uint64_t i, size_t n)
{
    return x->type == MDL_F32 ? c->kernels->reduce_f32(how, (const float *)x->data + i * n, n, 0)
                              : c->kernels->reduce_f64(how, (const double *)x->data + i * n, n, 0);
}

static double size_of(double v)
{
    return v < 0 ? -v : v;
}

static mdl_status global_eval(const struct node *n, struct nd_call *c)
{
    const struct global_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const size_t size = (size_t)nd_product(x, 2, x->rank);
    const uint32_t how = p->kind == MAX ? REDUCE_MAX : p->kind == AVERAGE ? REDUCE_SUM
                                        : p->p == 1 ? REDUCE_SIZES : REDUCE_SQUARES;

    for (uint64_t i = 0; i < y->count; i++) {
        double v = 0;
        if (p->kind != LP || p->p <= 2)
            v = reduce(c, how, x, i, size);
        else
            for (size_t k = 0; k < size; k++)
                v += mdl_pow(size_of(mdl_nd_number(x, i * size + k)), (double)p->p);
        if (p->kind == AVERAGE)
            v = size ? v / (double)size : 0;
        if (p->kind == LP)
            v = p->p == 1 ? v : p->p == 2 ? mdl_sqrt(v) : mdl_pow(v, 1 / (double)p->p);
        if (y->type == MDL_F32)
            ((float *)y->data)[i] = (float)v;
        else
            ((double *)y->data)[i] = v;
    }
    return MDL_OK;
}

const struct op mdl_op_global_pool = {
    .name = "global_pool",
    .about = "maximum, average or norm of each channel of an image",
    .fields = global_fields,
    .n_fields = sizeof global_fields / sizeof *global_fields,
    .params_bytes = sizeof(struct global_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = global_infer,
    .shape = global_shape,
    .eval = global_eval,
};

/* ---- max_unpool ----------------------------------------------------------------------------------- */

static const struct slot unpool_slots[WINDOW_SLOTS] = {
    WINDOW_SLOT(WINDOW_STRIDES, "strides"), WINDOW_SLOT(WINDOW_DILATIONS, "dilations"),
    WINDOW_SLOT(WINDOW_PADS, "pads"),
    [WINDOW_KERNEL] = { "kernel", TYPE_BIT(MDL_I64), 1, 1 },
};

static mdl_status unpool_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_given(n, 2, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_type(n, g, 1, TYPE_BIT(MDL_I64), err);
    if (!s) s = mdl_nd_need_type(n, g, 2, TYPE_BIT(MDL_I64), err);
    if (!s) s = mdl_nd_window_check(n, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

/* The image that x was pooled from, by its windows. */
static mdl_status unpool_image(struct nd *image, const struct node *n, const struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct window w;
    const mdl_status s = mdl_nd_window(&w, n, x, NULL, AUTO_UPPER, 0, c->err);
    uint64_t count = 1;

    if (s)
        return s;
    nd_like(image, x);
    for (uint32_t i = 0; i < w.axes; i++) {
        const uint32_t k = WINDOW_AXES - w.axes + i;
        const int64_t d = (x->dims[2 + i] - 1) * w.stride[k] + w.kernel[k]
                        - mdl_nd_window_item(n, WINDOW_PADS, i, 0)
                        - mdl_nd_window_item(n, WINDOW_PADS, i + w.axes, 0);
        image->dims[2 + i] = d;
        if (d < 0)
            return mdl_fail(c->err, MDL_ERR_DATA, "a result with a dimension of %lld", (long long)d);
    }
    for (uint32_t i = 0; i < image->rank; i++)
        if (!size_mul(count, (uint64_t)image->dims[i], &count))
            return mdl_fail(c->err, MDL_ERR_DATA, "an image too large");
    image->count = count;
    return MDL_OK;
}

static mdl_status unpool_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *where = nd_in(c, n, 1), *want = nd_in(c, n, 2);
    struct nd image, *y = nd_out(c, n, 0);
    const mdl_status s = unpool_image(&image, n, c);

    if (s)
        return s;
    if (where->count != x->count)
        return mdl_fail(c->err, MDL_ERR_DATA, "%llu numbers and %llu places",
                        (unsigned long long)x->count, (unsigned long long)where->count);
    nd_like(y, &image);
    if (!want)
        return MDL_OK;
    if (want->count != x->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "a shape of %llu dimensions, expected %u",
                        (unsigned long long)want->count, (unsigned)x->rank);
    for (uint32_t i = 0; i < x->rank; i++) {
        y->dims[i] = mdl_nd_int(want, i);
        if (y->dims[i] < image.dims[i])
            return mdl_fail(c->err, MDL_ERR_DATA, "dimension %u is %lld, which is less than %lld",
                            (unsigned)i, (long long)y->dims[i], (long long)image.dims[i]);
    }
    return MDL_OK;
}

static mdl_status unpool_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *where = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(x->type);
    struct nd image;
    const mdl_status s = unpool_image(&image, n, c);

    if (s)
        return s;
    if (y->count)
        memset(y->data, 0, (size_t)y->count * size);
    for (uint64_t i = 0; i < x->count; i++) {
        const int64_t at = ((const int64_t *)where->data)[i];
        uint64_t rest = (uint64_t)at, to = 0, step = 1;
        if (at < 0 || rest >= image.count)
            return mdl_fail(c->err, MDL_ERR_DATA, "place %lld of an image of %llu numbers",
                            (long long)at, (unsigned long long)image.count);
        for (uint32_t k = image.rank; k--; step *= (uint64_t)y->dims[k]) {
            to += rest % (uint64_t)image.dims[k] * step;
            rest /= (uint64_t)image.dims[k];
        }
        memcpy((char *)y->data + to * size, (const char *)x->data + i * size, size);
    }
    return MDL_OK;
}

const struct op mdl_op_max_unpool = {
    .name = "max_unpool",
    .about = "numbers put back where the maxima of windows were, among zeros",
    .slots = unpool_slots,
    .n_slots = WINDOW_SLOTS,
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = unpool_infer,
    .shape = unpool_shape,
    .eval = unpool_eval,
    .contents = 1u << 2,
};
