/*
 * op/nd_conv_transpose.c - windows put back into an image, where they overlap added
 *
 *     conv_transpose   x [N, C, ...]   w [C, M / group, kernel ...]   b [M], optional
 *     col2im           x [N, C * taps, windows]   image: its dims   block: the window's
 *
 *     y[m][o * stride + t * dilation - before] += column[m][t][o]
 *
 * A column of conv_transpose is  sum over c of w[c][m][t] * x[c][o], in the order of gemm.h or,
 * of float64, of nd_product.h.  Columns are added to the image tap by tap, then the bias.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"
#include "op/nd_slide.h"

#include <string.h>

#define COLUMNS 65536u            /* numbers of columns at once                              */

/* y[...] += col[o] of all windows, for each tap. */
#define PUT_BACK(name, type) \
static void name(type *y, const type *col, const struct window *w) \
{ \
    for (uint64_t t = 0; t < w->taps; t++, col += w->out_size) { \
        const int64_t tap[WINDOW_AXES] = { \
            (int64_t)t / w->kernel[WIDE] / w->kernel[TALL], (int64_t)t / w->kernel[WIDE] % w->kernel[TALL], \
            (int64_t)t % w->kernel[WIDE] }; \
        const int64_t s = w->stride[WIDE], at = tap[WIDE] * w->dilation[WIDE] - w->before[WIDE]; \
        int64_t first[WINDOW_AXES], end[WINDOW_AXES]; \
        for (uint32_t i = 0; i < WINDOW_AXES; i++) \
            window_range(w, i, tap[i], &first[i], &end[i]); \
        for (int64_t d = first[DEEP]; d < end[DEEP]; d++) \
            for (int64_t h = first[TALL]; h < end[TALL]; h++) { \
                const int64_t z = d * w->stride[DEEP] + tap[DEEP] * w->dilation[DEEP] - w->before[DEEP]; \
                const int64_t r = h * w->stride[TALL] + tap[TALL] * w->dilation[TALL] - w->before[TALL]; \
                const type *from = col + (d * w->out[TALL] + h) * w->out[WIDE]; \
                type *to = y + (z * w->in[TALL] + r) * w->in[WIDE]; \
                for (int64_t o = first[WIDE]; o < end[WIDE]; o++) \
                    to[o * s + at] += from[o]; \
            } \
    } \
}
PUT_BACK(put_back_f32, float)
PUT_BACK(put_back_f64, double)
#undef PUT_BACK

static void put_back(void *y, const void *col, uint32_t type, const struct window *w)
{
    if (type == MDL_F32)
        put_back_f32(y, col, w);
    else
        put_back_f64(y, col, w);
}

/* ---- conv_transpose --------------------------------------------------------------------------- */

struct transpose_params {
    int64_t auto_pad, group, activation;
};

static const char *const activations[] = { "none", "relu", NULL };
static const struct field transpose_fields[] = {
    FIELD(FIELD_CHOICE, transpose_params, auto_pad, AUTO_NOT, mdl_auto_pads),
    FIELD(FIELD_INT, transpose_params, group, 1, NULL),
    FIELD(FIELD_CHOICE, transpose_params, activation, 0, activations),
};

enum { OUTPUT_PADDING = WINDOW_SLOTS, OUTPUT_SHAPE, TRANSPOSE_SLOTS };
static const struct slot transpose_slots[TRANSPOSE_SLOTS] = {
    WINDOW_LISTS, WINDOW_SLOT(OUTPUT_PADDING, "output_padding"),
    WINDOW_SLOT(OUTPUT_SHAPE, "output_shape"),
};

static mdl_status transpose_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct transpose_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 2, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_same(n, g, 0, 2, err);
    if (!s) s = mdl_nd_window_check(n, err);
    if (!s && p->group < 1)
        s = mdl_fail(err, MDL_ERR_FORMAT, "group is %lld", (long long)p->group);
    for (uint32_t i = OUTPUT_PADDING; !s && i < TRANSPOSE_SLOTS; i++)
        for (uint64_t k = 0; !s && k < n->tensors[i].count; k++) {
            const int64_t v = mdl_nd_window_item(n, i, k, 0);
            if (v < 0 || v > (int64_t)1 << 31)
                s = mdl_fail(err, MDL_ERR_FORMAT, "'%s' has a %lld", n->op->slots[i].name,
                             (long long)v);
        }
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

/* The windows over the result of which x are the places. */
static mdl_status transpose_window(struct window *w, const struct node *n, const struct nd_call *c)
{
    const struct transpose_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    char text[2][96];

    if (weight->rank != x->rank || weight->rank < 3 || weight->dims[0] != x->dims[1]
        || x->dims[1] % p->group)
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and weights %s do not fit %lld groups",
                        mdl_nd_shape_text(text[0], sizeof text[0], x),
                        mdl_nd_shape_text(text[1], sizeof text[1], weight), (long long)p->group);
    /* Wide enough for any kernel: only the lists and x are wanted of it. */
    mdl_status s = mdl_nd_window(w, n, x, weight->dims + 2, AUTO_UPPER, 0, c->err);
    if (s)
        return s;
    int64_t maps;
    if (__builtin_mul_overflow(weight->dims[1], p->group, &maps)
        || (bias && (bias->rank != 1 || bias->dims[0] != maps)))
        return mdl_fail(c->err, MDL_ERR_DATA, "a bias that is not one number a channel");
    w->in_size = w->out_size = 1;
    for (uint32_t i = 0; i < WINDOW_AXES; i++) {
        const uint32_t missing = WINDOW_AXES - w->axes, k = i < missing ? 0 : i - missing;
        if ((n->tensors[OUTPUT_PADDING].type && n->tensors[OUTPUT_PADDING].count != w->axes)
            || (n->tensors[OUTPUT_SHAPE].type && n->tensors[OUTPUT_SHAPE].count != w->axes))
            return mdl_fail(c->err, MDL_ERR_DATA, "output_padding or output_shape is not one "
                            "number an axis");
        const int64_t more = i < missing ? 0 : mdl_nd_window_item(n, OUTPUT_PADDING, k, 0);
        const int64_t places = x->dims[2 + k];
        w->out[i] = i < missing ? 1 : places;
        const int64_t all = w->stride[i] * (w->out[i] - 1) + more
                          + (w->kernel[i] - 1) * w->dilation[i] + 1;
        int64_t want = -1;        /* -1: what the pads leave */
        if (i >= missing && n->tensors[OUTPUT_SHAPE].type)
            want = mdl_nd_window_item(n, OUTPUT_SHAPE, k, 0);
        else if (i >= missing && (p->auto_pad == AUTO_UPPER || p->auto_pad == AUTO_LOWER))
            want = w->out[i] * w->stride[i];
        w->before[i] = i < missing || p->auto_pad == AUTO_VALID ? 0 : mdl_nd_window_item(n, WINDOW_PADS, k, 0);
        w->after[i] = i < missing || p->auto_pad == AUTO_VALID
                          ? 0 : mdl_nd_window_item(n, WINDOW_PADS, k + w->axes, 0);
        if (want >= 0) {
            const int64_t pads = all > want ? all - want : 0;
            w->before[i] = p->auto_pad == AUTO_UPPER ? pads / 2 : pads - pads / 2;
        }
        w->in[i] = want >= 0 ? want : all - w->before[i] - w->after[i];
        if (w->in[i] < 0 || w->in[i] > (int64_t)1 << 40
            || !size_mul(w->in_size, (uint64_t)w->in[i], &w->in_size)
            || !size_mul(w->out_size, (uint64_t)w->out[i], &w->out_size))
            return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and weights %s give a result of %lld",
                            mdl_nd_shape_text(text[0], sizeof text[0], x),
                            mdl_nd_shape_text(text[1], sizeof text[1], weight), (long long)w->in[i]);
    }
    return MDL_OK;
}

/* Working memory, in numbers: columns, weights transposed, x packed; maps at once. */
struct room {
    uint64_t maps, columns, weights, packed;
};

static int room_of(struct room *r, const struct node *n, const struct nd_call *c,
                   const struct window *w, uint64_t *bytes)
{
    const struct transpose_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1);
    const uint64_t per_group = (uint64_t)weight->dims[1];
    const uint64_t channels = (uint64_t)x->dims[1] / (uint64_t)p->group;
    uint64_t one, all;

    *r = (struct room){ .maps = 1 };
    if (!size_mul(w->taps, w->out_size, &one))
        return 0;
    if (one && one < COLUMNS)
        r->maps = COLUMNS / one < per_group ? COLUMNS / one : per_group;
    r->columns = one * r->maps;
    if (x->type == MDL_F32) {
        if (!size_mul(channels * per_group, w->taps, &r->weights)
            || !size_mul(channels, w->out_size + GEMM_COLS, &r->packed))
            return 0;
    }
    return size_add(r->columns, r->weights, &all) && size_add(all, r->packed, &all)
        && size_mul(all, mdl_nd_type_bytes(x->type), bytes);
}

static mdl_status transpose_shape(const struct node *n, struct nd_call *c)
{
    const struct transpose_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1);
    int64_t dims[2 + WINDOW_AXES] = { x->dims[0] };
    struct window w;
    struct room r;
    const mdl_status s = transpose_window(&w, n, c);

    if (s)
        return s;
    dims[1] = weight->dims[1] * p->group;
    for (uint32_t k = 0; k < w.axes; k++)
        dims[2 + k] = w.in[WINDOW_AXES - w.axes + k];
    mdl_nd_set_shape(nd_out(c, n, 0), 2 + w.axes, dims);
    if (!room_of(&r, n, c, &w, &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "windows too large");
    return MDL_OK;
}

/* Columns of maps first .. first + maps - 1 of one group of one image. */
static void make_columns(const struct nd_call *c, void *col, uint32_t type, const void *x,
                    const void *weight, uint64_t channels, uint64_t first, uint64_t maps,
                    uint64_t per_group, const struct window *w, const float *packed)
{
    if (type == MDL_F32) {
        struct gemm g = { .y = col, .y_row = (size_t)w->out_size,
                          .a = (const float *)weight + first * w->taps * channels,
                          .a_row = (size_t)channels, .rows = (size_t)(maps * w->taps),
                          .cols = (size_t)w->out_size, .depth = (size_t)channels };
        mdl_nd_use_packed(&g, packed);
        c->kernels->gemm_f32(&g);
        return;
    }
    const struct nd_plain plain = {
        (const double *)weight + first * w->taps, x, { 1, (size_t)(per_group * w->taps) },
        { (size_t)w->out_size, 1 }, (size_t)(maps * w->taps), (size_t)channels, (size_t)w->out_size };
    mdl_nd_product_plain(col, type, &plain);
}

static void add_bias(const struct nd *y, const struct nd *bias, uint64_t size)
{
    const uint64_t maps = (uint64_t)y->dims[1];

    for (uint64_t i = 0; i < (uint64_t)y->dims[0] * maps; i++)
        for (uint64_t o = 0; o < size; o++) {
            if (y->type == MDL_F32)
                ((float *)y->data)[i * size + o] += ((const float *)bias->data)[i % maps];
            else
                ((double *)y->data)[i * size + o] += ((const double *)bias->data)[i % maps];
        }
}

static mdl_status transpose_eval(const struct node *n, struct nd_call *c)
{
    const struct transpose_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(x->type);
    struct window w;
    struct room r;
    uint64_t bytes;
    const mdl_status s = transpose_window(&w, n, c);

    if (s || !y->count || !room_of(&r, n, c, &w, &bytes))
        return s;
    memset(y->data, 0, (size_t)y->count * size);
    const uint64_t groups = (uint64_t)p->group, per_group = (uint64_t)weight->dims[1];
    const uint64_t channels = (uint64_t)x->dims[1] / groups, row = per_group * w.taps;
    float *turned = (float *)c->temp + r.columns, *packed = turned + r.weights;
    for (uint64_t i = 0; w.out_size && i < (uint64_t)x->dims[0] * groups; i++) {
        const void *xi = (const char *)x->data + i * channels * w.out_size * size;
        const void *wi = (const char *)weight->data + i % groups * channels * row * size;
        if (x->type == MDL_F32) {
            mdl_nd_pack(packed, xi, (size_t)w.out_size, 1, (size_t)channels, (size_t)w.out_size);
            for (uint64_t k = 0; k < channels * row; k++)
                turned[k % row * channels + k / row] = ((const float *)wi)[k];
            wi = turned;
        }
        for (uint64_t m = 0; m < per_group; m += r.maps) {
            const uint64_t maps = per_group - m < r.maps ? per_group - m : r.maps;
            make_columns(c, c->temp, x->type, xi, wi, channels, m, maps, per_group, &w, packed);
            for (uint64_t k = 0; k < maps; k++)
                put_back((char *)y->data + (i * per_group + m + k) * w.in_size * size,
                         (char *)c->temp + k * w.taps * w.out_size * size, x->type, &w);
        }
    }
    if (bias)
        add_bias(y, bias, w.in_size);
    if (p->activation && x->type == MDL_F32)
        c->kernels->relu_f32(y->data, y->data, (size_t)y->count);
    if (p->activation && x->type == MDL_F64)
        c->kernels->relu_f64(y->data, y->data, (size_t)y->count);
    return MDL_OK;
}

const struct op mdl_op_conv_transpose = {
    .name = "conv_transpose",
    .about = "activation(transposed convolution of x with w + b)",
    .fields = transpose_fields,
    .slots = transpose_slots,
    .n_fields = sizeof transpose_fields / sizeof *transpose_fields,
    .n_slots = TRANSPOSE_SLOTS,
    .params_bytes = sizeof(struct transpose_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = transpose_infer,
    .shape = transpose_shape,
    .eval = transpose_eval,
};

/* ---- col2im -------------------------------------------------------------------------------------- */

static const struct slot col2im_slots[WINDOW_SLOTS] = { WINDOW_LISTS };

static mdl_status col2im_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_given(n, 3, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    for (uint32_t i = 1; !s && i < 3; i++)
        s = mdl_nd_need_type(n, g, i, TYPES_INDEX, err);
    if (!s) s = mdl_nd_window_check(n, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status col2im_window(struct window *w, struct nd *image, const struct node *n,
                                const struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *dims = nd_in(c, n, 1), *block = nd_in(c, n, 2);
    int64_t kernel[WINDOW_AXES], all[2 + WINDOW_AXES];
    char text[96];

    if (x->rank != 3 || dims->rank != 1 || block->rank != 1 || dims->count != block->count
        || dims->count < 1 || dims->count > WINDOW_AXES)
        return mdl_fail(c->err, MDL_ERR_DATA, "columns %s of %llu axes, expected [N, C, windows], "
                        "1 to 3 axes", mdl_nd_shape_text(text, sizeof text, x),
                        (unsigned long long)dims->count);
    for (uint32_t i = 0; i < dims->count; i++) {
        all[2 + i] = mdl_nd_int(dims, i);
        kernel[i] = mdl_nd_int(block, i);
        if (all[2 + i] < 0)
            return mdl_fail(c->err, MDL_ERR_DATA, "an image with a dimension of %lld",
                            (long long)all[2 + i]);
    }
    all[0] = x->dims[0];
    all[1] = x->dims[1];
    mdl_nd_set_shape(image, 2 + (uint32_t)dims->count, all);
    const mdl_status s = mdl_nd_window(w, n, image, kernel, AUTO_NOT, 0, c->err);
    if (s)
        return s;
    if (w->out_size != (uint64_t)x->dims[2] || (uint64_t)x->dims[1] % w->taps)
        return mdl_fail(c->err, MDL_ERR_DATA, "columns %s, expected %llu windows of %llu",
                        mdl_nd_shape_text(text, sizeof text, x), (unsigned long long)w->out_size,
                        (unsigned long long)w->taps);
    image->dims[1] = (int64_t)((uint64_t)x->dims[1] / w->taps);
    return MDL_OK;
}

static mdl_status col2im_shape(const struct node *n, struct nd_call *c)
{
    struct window w;

    return col2im_window(&w, nd_out(c, n, 0), n, c);
}

static mdl_status col2im_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(x->type);
    struct nd image;
    struct window w;
    const mdl_status s = col2im_window(&w, &image, n, c);

    if (s || !y->count)
        return s;
    memset(y->data, 0, (size_t)y->count * size);
    for (uint64_t i = 0; i < (uint64_t)y->dims[0] * (uint64_t)y->dims[1]; i++)
        put_back((char *)y->data + i * w.in_size * size,
                 (const char *)x->data + i * w.taps * w.out_size * size, x->type, &w);
    return MDL_OK;
}

const struct op mdl_op_col2im = {
    .name = "col2im",
    .about = "windows put back into an image, where they overlap added",
    .slots = col2im_slots,
    .n_slots = WINDOW_SLOTS,
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = col2im_infer,
    .shape = col2im_shape,
    .eval = col2im_eval,
    .contents = 1u << 1 | 1u << 2,
};
