/*
 * op/nd_deform.c - convolutions whose taps are moved
 *
 *     x [N, C, H, W]   w [M, C / group, kernel ...]   offset [N, 2 groups' taps, rows, cols]
 *     b [M], optional  mask [N, groups' taps, rows, cols], optional     y [N, M, rows, cols]
 *
 * `offset_group` groups of channels share offsets.  Tap t of group g reads x linearly at its place in
 * conv plus (offset[g][t][0], offset[g][t][1]), rows first, zeros outside, times mask[g][t].
 * What is read is rounded to x's type; the product with w is that of conv.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"
#include "op/nd_slide.h"

#include "kernel/math.h"

struct deform_params {
    int64_t group, offset_group;
};

static const struct field fields[] = {
    FIELD(FIELD_INT, deform_params, group, 1, NULL),
    FIELD(FIELD_INT, deform_params, offset_group, 1, NULL),
};
static const struct slot slots[WINDOW_SLOTS] = { WINDOW_LISTS };

enum { IMAGE, WEIGHT, OFFSET, BIAS, MASK };

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct deform_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 3, err);

    if (!s) s = mdl_nd_need_type(n, g, IMAGE, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_same(n, g, IMAGE, MASK, err);
    if (!s) s = mdl_nd_window_check(n, err);
    if (!s && (p->group < 1 || p->offset_group < 1))
        s = mdl_fail(err, MDL_ERR_FORMAT, "%lld groups, %lld of offsets", (long long)p->group,
                     (long long)p->offset_group);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

/* A tensor of the given shape. */
static mdl_status need_shape(const struct nd *t, const char *what, const int64_t *dims, mdl_error *err)
{
    char text[96];

    for (uint32_t i = 0; t && i < 4; i++)
        if (t->rank != 4 || t->dims[i] != dims[i])
            return mdl_fail(err, MDL_ERR_DATA, "%s is %s, expected [%lld, %lld, %lld, %lld]", what,
                            mdl_nd_shape_text(text, sizeof text, t), (long long)dims[0],
                            (long long)dims[1], (long long)dims[2], (long long)dims[3]);
    return MDL_OK;
}

static mdl_status deform_window(struct window *w, const struct node *n, const struct nd_call *c)
{
    const struct deform_params *p = n->params;
    const struct nd *x = nd_in(c, n, IMAGE), *weight = nd_in(c, n, WEIGHT), *bias = nd_in(c, n, BIAS);
    char text[2][96];

    if (x->rank != 4 || weight->rank != 4 || weight->dims[0] % p->group || x->dims[1] % p->group
        || x->dims[1] / p->group != weight->dims[1] || x->dims[1] % p->offset_group
        || (bias && (bias->rank != 1 || bias->dims[0] != weight->dims[0])))
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and weights %s do not fit %lld groups",
                        mdl_nd_shape_text(text[0], sizeof text[0], x),
                        mdl_nd_shape_text(text[1], sizeof text[1], weight), (long long)p->group);
    mdl_status s = mdl_nd_window(w, n, x, weight->dims + 2, AUTO_NOT, 0, c->err);
    if (s)
        return s;
    const int64_t taps = (int64_t)w->taps;
    if (taps > (int64_t)1 << 30 || p->offset_group > (int64_t)1 << 30)
        return mdl_fail(c->err, MDL_ERR_DATA, "windows too large");
    const int64_t mask[4] = { x->dims[0], taps * p->offset_group, w->out[TALL], w->out[WIDE] };
    const int64_t offset[4] = { mask[0], 2 * mask[1], mask[2], mask[3] };
    s = need_shape(nd_in(c, n, OFFSET), "offset", offset, c->err);
    return s ? s : need_shape(nd_in(c, n, MASK), "mask", mask, c->err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, IMAGE), *weight = nd_in(c, n, WEIGHT);
    struct window w;
    uint64_t depth, cols;
    const mdl_status s = deform_window(&w, n, c);

    if (s)
        return s;
    mdl_nd_window_result(n, c, 0, &w, x->dims[0], weight->dims[0]);
    /* Columns, and of float32 the same packed. */
    if (!size_mul((uint64_t)weight->dims[1], w.taps, &depth) || !size_mul(w.out_size, 2, &cols)
        || !size_add(cols, GEMM_COLS, &cols) || !size_mul(depth, cols, &depth)
        || !size_mul(depth, sizeof(double), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "windows too large");
    return MDL_OK;
}

static double number(const struct nd *t, uint64_t i)
{
    return t->type == MDL_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}

/* x of one channel at (row, col); 0 outside. */
static double read_at(const struct nd *x, uint64_t base, double row, double col)
{
    const int64_t tall = x->dims[2], wide = x->dims[3];
    double sum = 0;

    if (!(row > -1 && row < (double)tall && col > -1 && col < (double)wide))
        return 0;
    const double r0 = mdl_floor(row), c0 = mdl_floor(col);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            const int64_t r = (int64_t)r0 + i, q = (int64_t)c0 + j;
            const double by = (i ? row - r0 : 1 - (row - r0)) * (j ? col - c0 : 1 - (col - c0));
            if (r >= 0 && r < tall && q >= 0 && q < wide)
                sum += by * number(x, base + (uint64_t)(r * wide + q));
        }
    return sum;
}

/* Row k of the columns, of channel `channel` of image b. */
static void fill_row(void *to, const struct node *n, const struct nd_call *c, const struct window *w,
                     uint64_t b, uint64_t channel, uint64_t tap)
{
    const struct deform_params *p = n->params;
    const struct nd *x = nd_in(c, n, IMAGE), *offset = nd_in(c, n, OFFSET), *mask = nd_in(c, n, MASK);
    const uint64_t channels = (uint64_t)x->dims[1];
    const uint64_t set = channel / (channels / (uint64_t)p->offset_group);
    const uint64_t place = (b * (uint64_t)p->offset_group + set) * w->taps + tap;
    const int64_t t = (int64_t)tap;

    for (uint64_t o = 0; o < w->out_size; o++) {
        const int64_t i = (int64_t)o / w->out[WIDE], j = (int64_t)o % w->out[WIDE];
        const int64_t row = i * w->stride[TALL] + t / w->kernel[WIDE] * w->dilation[TALL] - w->before[TALL];
        const int64_t col = j * w->stride[WIDE] + t % w->kernel[WIDE] * w->dilation[WIDE] - w->before[WIDE];
        double v = read_at(x, (b * channels + channel) * w->in_size,
                        (double)row + number(offset, 2 * place * w->out_size + o),
                        (double)col + number(offset, (2 * place + 1) * w->out_size + o));
        if (mask)
            v *= number(mask, place * w->out_size + o);
        if (x->type == MDL_F32)
            ((float *)to)[o] = (float)v;
        else
            ((double *)to)[o] = v;
    }
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct deform_params *p = n->params;
    const struct nd *x = nd_in(c, n, IMAGE), *weight = nd_in(c, n, WEIGHT), *bias = nd_in(c, n, BIAS);
    const struct nd *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(x->type);
    struct window w;
    const mdl_status s = deform_window(&w, n, c);

    if (s || !y->count)
        return s;
    const uint64_t groups = (uint64_t)p->group, channels = (uint64_t)weight->dims[1];
    const uint64_t maps = (uint64_t)weight->dims[0] / groups, depth = channels * w.taps;
    for (uint64_t i = 0; i < (uint64_t)x->dims[0] * groups; i++) {
        const uint64_t g = i % groups;
        const void *a = (const char *)weight->data + g * maps * depth * size;
        char *to = (char *)y->data + i * maps * w.out_size * size;
        for (uint64_t k = 0; k < depth; k++)
            fill_row((char *)c->temp + k * w.out_size * size, n, c, &w, i / groups,
                     g * channels + k / w.taps, k % w.taps);
        if (x->type == MDL_F32) {
            float *packed = (float *)c->temp + depth * w.out_size;
            struct gemm product = { .y = (float *)(void *)to, .y_row = (size_t)w.out_size, .a = a,
                                    .a_row = (size_t)depth, .rows = (size_t)maps,
                                    .cols = (size_t)w.out_size, .depth = (size_t)depth,
                                    .row_bias = bias ? (const float *)bias->data + g * maps : NULL };
            mdl_nd_pack(packed, c->temp, (size_t)w.out_size, 1, (size_t)depth, (size_t)w.out_size);
            mdl_nd_use_packed(&product, packed);
            c->kernels->gemm_f32(&product);
            continue;
        }
        const struct nd_plain plain = { a, c->temp, { (size_t)depth, 1 }, { (size_t)w.out_size, 1 },
                                        (size_t)maps, (size_t)depth, (size_t)w.out_size };
        mdl_nd_product_plain(to, x->type, &plain);
        for (uint64_t k = 0; bias && k < maps * w.out_size; k++)
            ((double *)(void *)to)[k] += ((const double *)bias->data)[g * maps + k / w.out_size];
    }
    return MDL_OK;
}

const struct op mdl_op_deform_conv = {
    .name = "deform_conv",
    .about = "convolution whose taps are moved by offsets",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = WINDOW_SLOTS,
    .params_bytes = sizeof(struct deform_params),
    .min_in = 3,
    .max_in = 5,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
