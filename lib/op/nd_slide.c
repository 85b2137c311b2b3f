/*
 * op/nd_slide.c - see nd_slide.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_slide.h"

#define MOST ((int64_t)1 << 31)   /* of a stride, a kernel, ...: products of two stay in range */

const char *const mdl_auto_pads[] = { "none", "same_upper", "same_lower", "valid", NULL };

int64_t mdl_nd_window_item(const struct node *n, uint32_t slot, uint64_t i, int64_t fallback)
{
    const struct tensor *t = &n->tensors[slot];

    return t->type ? ((const int64_t *)t->data)[i] : fallback;
}

mdl_status mdl_nd_window_check(const struct node *n, mdl_error *err)
{
    uint64_t axes = 0;

    for (uint32_t k = 0; k < WINDOW_SLOTS; k++) {
        const struct tensor *t = &n->tensors[k];
        const int pads = k == WINDOW_PADS;
        if (!t->type)
            continue;
        const uint64_t count = pads ? t->count / 2 : t->count;
        if (!count || count > WINDOW_AXES || (pads && t->count % 2) || (axes && count != axes))
            return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset,
                               "'%s' has %llu numbers, expected one an axis, 1 to 3 axes",
                               n->op->slots[k].name, (unsigned long long)t->count);
        axes = count;
        for (uint64_t i = 0; i < t->count; i++) {
            const int64_t v = ((const int64_t *)t->data)[i];
            if (v < !pads || v > MOST)
                return mdl_fail_at(err, MDL_ERR_FORMAT, "data", t->offset, "'%s' has a %lld",
                                   n->op->slots[k].name, (long long)v);
        }
    }
    return MDL_OK;
}

/* Windows along one axis: how many, and what auto_pad says of before and after. */
static int slide(struct window *w, uint32_t k, int64_t auto_pad, int ceil)
{
    const int64_t stride = w->stride[k], in = w->in[k];
    const int64_t reach = (w->kernel[k] - 1) * w->dilation[k] + 1;

    if (auto_pad == AUTO_VALID)
        w->before[k] = w->after[k] = 0;
    if (auto_pad == AUTO_UPPER || auto_pad == AUTO_LOWER) {
        const int64_t out = (in + stride - 1) / stride, all = (out - 1) * stride + reach - in;
        const int64_t pads = all > 0 ? all : 0;
        w->before[k] = auto_pad == AUTO_UPPER ? pads / 2 : pads - pads / 2;
        w->after[k] = pads - w->before[k];
        w->out[k] = out;
        return 1;
    }
    const int64_t room = in + w->before[k] + w->after[k] - reach;
    if (room < 0)
        return 0;
    w->out[k] = (ceil ? room + stride - 1 : room) / stride + 1;
    if (ceil && (w->out[k] - 1) * stride >= in + w->before[k])
        w->out[k]--;              /* it would begin beyond the image */
    return 1;
}

mdl_status mdl_nd_window(struct window *w, const struct node *n, const struct nd *x,
                         const int64_t *kernel, int64_t auto_pad, int ceil, mdl_error *err)
{
    char text[96];
    uint64_t lists = 0;

    if (x->rank < 3 || x->rank > 2 + WINDOW_AXES)
        return mdl_fail(err, MDL_ERR_DATA, "an image %s, expected [N, C, 1 to 3 axes]",
                        mdl_nd_shape_text(text, sizeof text, x));
    *w = (struct window){ .axes = x->rank - 2, .in_size = 1, .out_size = 1, .taps = 1 };
    for (uint32_t i = 0; i < WINDOW_SLOTS; i++)
        if (n->tensors[i].type)
            lists = i == WINDOW_PADS ? n->tensors[i].count / 2 : n->tensors[i].count;
    if (lists && lists != w->axes)
        return mdl_fail(err, MDL_ERR_DATA, "an image %s, expected %llu axes",
                        mdl_nd_shape_text(text, sizeof text, x), (unsigned long long)lists);
    for (uint32_t i = 0; i < WINDOW_AXES; i++) {
        const uint32_t missing = WINDOW_AXES - w->axes, k = i - missing;
        w->in[i] = w->out[i] = w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
        if (i < missing)
            continue;
        w->in[i] = x->dims[2 + k];
        w->kernel[i] = kernel ? kernel[k] : mdl_nd_window_item(n, WINDOW_KERNEL, k, 1);
        w->stride[i] = mdl_nd_window_item(n, WINDOW_STRIDES, k, 1);
        w->dilation[i] = mdl_nd_window_item(n, WINDOW_DILATIONS, k, 1);
        w->before[i] = mdl_nd_window_item(n, WINDOW_PADS, k, 0);
        w->after[i] = mdl_nd_window_item(n, WINDOW_PADS, k + w->axes, 0);
        if (w->in[i] > MOST || w->kernel[i] < 1 || w->kernel[i] > MOST)
            return mdl_fail(err, MDL_ERR_DATA, "an image %s with a kernel of %lld",
                            mdl_nd_shape_text(text, sizeof text, x), (long long)w->kernel[i]);
        if (!slide(w, i, auto_pad, ceil))
            return mdl_fail(err, MDL_ERR_DATA, "an image %s is smaller than the window",
                            mdl_nd_shape_text(text, sizeof text, x));
        if (!size_mul(w->in_size, (uint64_t)w->in[i], &w->in_size)
            || !size_mul(w->out_size, (uint64_t)w->out[i], &w->out_size)
            || !size_mul(w->taps, (uint64_t)w->kernel[i], &w->taps))
            return mdl_fail(err, MDL_ERR_DATA, "windows too large");
    }
    return MDL_OK;
}

void mdl_nd_window_result(const struct node *n, struct nd_call *c, uint32_t i, const struct window *w,
                          int64_t first, int64_t second)
{
    int64_t dims[2 + WINDOW_AXES] = { first, second };

    for (uint32_t k = 0; k < w->axes; k++)
        dims[2 + k] = w->out[WINDOW_AXES - w->axes + k];
    if (i < n->n_out)
        mdl_nd_set_shape(nd_out(c, n, i), 2 + w->axes, dims);
}
