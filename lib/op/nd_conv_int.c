/*
 * op/nd_conv_int.c - convolutions of bytes
 *
 *     conv_integer   x, w, x_zero, w_zero (optional)      y int32 = conv(x - x_zero, w - w_zero)
 *     qlinear_conv   x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias int32 (optional)
 *                    y = round((conv + bias) * (x_scale w_scale / y_scale)) + y_zero
 *
 * Windows as in conv; outside the image x is x_zero.  The zero and scale of w are one number, or one
 * a channel of results.  Sums are exact modulo 2^32; rounding as in qlinear_matmul.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"
#include "op/nd_slide.h"

#include "kernel/math.h"

#define TYPES_BYTE (TYPE_BIT(MDL_I8) | TYPE_BIT(MDL_U8))

struct conv_int_params {
    int64_t auto_pad, group;
};

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, conv_int_params, auto_pad, AUTO_NOT, mdl_auto_pads),
    FIELD(FIELD_INT, conv_int_params, group, 1, NULL),
};
static const struct slot slots[WINDOW_SLOTS] = { WINDOW_LISTS };

/* Which input is what. */
struct places {
    uint32_t w, x_zero, w_zero, bias;
};
static const struct places integer = { 1, 2, 3, 9 }, qlinear = { 3, 2, 5, 8 };

struct conv_int {
    const struct nd *x, *w, *x_zero, *w_zero, *bias;
    struct window    windows;
    uint64_t         channels, maps, group_maps;   /* channels of a group, maps of all, of a group */
};

static mdl_status infer(struct node *n, struct graph *g, const struct places *at, mdl_error *err)
{
    const struct conv_int_params *p = n->params;
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_BYTE, err);

    if (!s) s = mdl_nd_need_type(n, g, at->w, TYPES_BYTE, err);
    if (!s) s = mdl_nd_need_type(n, g, at->x_zero, TYPES_BYTE, err);
    if (!s) s = mdl_nd_need_type(n, g, at->w_zero, TYPES_BYTE, err);
    if (!s) s = mdl_nd_need_type(n, g, at->bias, TYPE_BIT(MDL_I32), err);
    if (!s) s = mdl_nd_window_check(n, err);
    if (!s && p->group < 1)
        s = mdl_fail(err, MDL_ERR_FORMAT, "group is %lld", (long long)p->group);
    return s;
}

static mdl_status conv_int(struct conv_int *v, const struct node *n, const struct nd_call *c,
                           const struct places *at)
{
    const struct conv_int_params *p = n->params;
    char text[2][96];

    *v = (struct conv_int){ nd_in(c, n, 0), nd_in(c, n, at->w), nd_in(c, n, at->x_zero),
                            nd_in(c, n, at->w_zero), nd_in(c, n, at->bias), { 0 }, 0, 0, 0 };
    if (v->w->rank != v->x->rank || v->w->rank < 3 || v->w->dims[0] % p->group
        || v->x->dims[1] % p->group || v->x->dims[1] / p->group != v->w->dims[1])
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and weights %s do not fit %lld groups",
                        mdl_nd_shape_text(text[0], sizeof text[0], v->x),
                        mdl_nd_shape_text(text[1], sizeof text[1], v->w), (long long)p->group);
    v->channels = (uint64_t)v->w->dims[1];
    v->maps = (uint64_t)v->w->dims[0];
    v->group_maps = v->maps / (uint64_t)p->group;
    if ((v->x_zero && v->x_zero->count != 1)
        || (v->w_zero && v->w_zero->count != 1 && v->w_zero->count != v->maps)
        || (v->bias && v->bias->count != v->maps))
        return mdl_fail(c->err, MDL_ERR_DATA, "zeros or a bias that are not one number, nor one a "
                        "channel");
    return mdl_nd_window(&v->windows, n, v->x, v->w->dims + 2, p->auto_pad, 0, c->err);
}

/* sum[o] += v * (x[...] - zero) of all windows, for one tap of one channel. */
#define ADD_TAP(name, type) \
static void name(uint32_t *sum, const type *x, uint32_t v, uint32_t zero, const struct window *w, \
                 const int64_t *tap) \
{ \
    const int64_t s = w->stride[WIDE], at = tap[WIDE] * w->dilation[WIDE] - w->before[WIDE]; \
    int64_t first[WINDOW_AXES], end[WINDOW_AXES]; \
    for (uint32_t i = 0; i < WINDOW_AXES; i++) \
        window_range(w, i, tap[i], &first[i], &end[i]); \
    for (int64_t d = first[DEEP]; d < end[DEEP]; d++) \
        for (int64_t h = first[TALL]; h < end[TALL]; h++) { \
            const int64_t z = d * w->stride[DEEP] + tap[DEEP] * w->dilation[DEEP] - w->before[DEEP]; \
            const int64_t r = h * w->stride[TALL] + tap[TALL] * w->dilation[TALL] - w->before[TALL]; \
            const type *from = x + (z * w->in[TALL] + r) * w->in[WIDE]; \
            uint32_t *to = sum + (d * w->out[TALL] + h) * w->out[WIDE]; \
            for (int64_t o = first[WIDE]; o < end[WIDE]; o++) \
                to[o] += v * ((uint32_t)from[o * s + at] - zero); \
        } \
}
ADD_TAP(add_tap_u8, uint8_t)
ADD_TAP(add_tap_i8, int8_t)
#undef ADD_TAP

static int byte_at(const struct nd *t, uint64_t i)
{
    return t->type == MDL_U8 ? ((const uint8_t *)t->data)[i] : ((const int8_t *)t->data)[i];
}

static int zero_at(const struct nd *zero, uint64_t i)
{
    return zero ? byte_at(zero, zero->count == 1 ? 0 : i) : 0;
}

/* Sums of map m of image `image`. */
static void map_sums(uint32_t *sum, const struct conv_int *v, uint64_t image, uint64_t m)
{
    const struct window *w = &v->windows;
    const uint64_t from = image * (uint64_t)v->x->dims[1] + m / v->group_maps * v->channels;
    const uint32_t zero = (uint32_t)zero_at(v->x_zero, 0);

    for (uint64_t o = 0; o < w->out_size; o++)
        sum[o] = 0;
    for (uint64_t k = 0; k < v->channels * w->taps; k++) {
        const int64_t t = (int64_t)(k % w->taps);
        const int64_t tap[WINDOW_AXES] = { t / w->kernel[WIDE] / w->kernel[TALL],
                                           t / w->kernel[WIDE] % w->kernel[TALL], t % w->kernel[WIDE] };
        const uint32_t one = (uint32_t)(byte_at(v->w, m * v->channels * w->taps + k)
                                        - zero_at(v->w_zero, m));
        const char *x = (const char *)v->x->data + (from + k / w->taps) * w->in_size;
        if (v->x->type == MDL_U8)
            add_tap_u8(sum, (const uint8_t *)x, one, zero, w, tap);
        else
            add_tap_i8(sum, (const int8_t *)x, one, zero, w, tap);
    }
}

/* ---- conv_integer ---------------------------------------------------------------------------------- */

static mdl_status integer_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_given(n, 2, err);

    nd_result(n, g, 0, MDL_I32);
    return s ? s : infer(n, g, &integer, err);
}

static mdl_status integer_shape(const struct node *n, struct nd_call *c)
{
    struct conv_int v;
    const mdl_status s = conv_int(&v, n, c, &integer);

    if (!s)
        mdl_nd_window_result(n, c, 0, &v.windows, v.x->dims[0], v.w->dims[0]);
    return s;
}

static mdl_status integer_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *y = nd_out(c, n, 0);
    struct conv_int v;
    const mdl_status s = conv_int(&v, n, c, &integer);

    for (uint64_t i = 0; !s && y->count && i < (uint64_t)v.x->dims[0] * v.maps; i++)
        map_sums((uint32_t *)y->data + i * v.windows.out_size, &v, i / v.maps, i % v.maps);
    return s;
}

const struct op mdl_op_conv_integer = {
    .name = "conv_integer",
    .about = "convolution of bytes, in int32",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = WINDOW_SLOTS,
    .params_bytes = sizeof(struct conv_int_params),
    .min_in = 2,
    .max_in = 4,
    .n_out = 1,
    .infer = integer_infer,
    .shape = integer_shape,
    .eval = integer_eval,
};

/* ---- qlinear_conv ----------------------------------------------------------------------------------- */

static mdl_status qlinear_infer(struct node *n, struct graph *g, mdl_error *err)
{
    static const uint32_t scales[] = { 1, 4, 6 };
    mdl_status s = mdl_nd_need_given(n, 8, err);

    if (!s) s = infer(n, g, &qlinear, err);
    if (!s) s = mdl_nd_need_type(n, g, 7, TYPES_BYTE, err);
    for (uint32_t i = 0; !s && i < 3; i++)
        s = mdl_nd_need_type(n, g, scales[i], TYPE_BIT(MDL_F32), err);
    nd_result(n, g, 0, nd_type(n, g, 7));
    return s;
}

static mdl_status qlinear_shape(const struct node *n, struct nd_call *c)
{
    struct conv_int v;
    const mdl_status s = conv_int(&v, n, c, &qlinear);
    const struct nd *w_scale = nd_in(c, n, 4);

    if (s)
        return s;
    if (nd_in(c, n, 1)->count != 1 || nd_in(c, n, 6)->count != 1 || nd_in(c, n, 7)->count != 1
        || (w_scale->count != 1 && w_scale->count != v.maps))
        return mdl_fail(c->err, MDL_ERR_DATA, "scales that are not one number, nor one a channel");
    mdl_nd_window_result(n, c, 0, &v.windows, v.x->dims[0], v.w->dims[0]);
    if (!size_mul(v.windows.out_size, sizeof(uint32_t), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "windows too large");
    return MDL_OK;
}

static mdl_status qlinear_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *y = nd_out(c, n, 0), *w_scale = nd_in(c, n, 4);
    const float x_scale = *(const float *)nd_in(c, n, 1)->data;
    const float y_scale = *(const float *)nd_in(c, n, 6)->data;
    const double zero = (double)mdl_nd_int(nd_in(c, n, 7), 0);
    const double least = y->type == MDL_I8 ? -128 : 0, most = y->type == MDL_I8 ? 127 : 255;
    uint32_t *sum = c->temp;
    struct conv_int v;
    const mdl_status s = conv_int(&v, n, c, &qlinear);

    for (uint64_t i = 0; !s && y->count && i < (uint64_t)v.x->dims[0] * v.maps; i++) {
        const uint64_t m = i % v.maps;
        const float by = x_scale * ((const float *)w_scale->data)[w_scale->count == 1 ? 0 : m] / y_scale;
        const uint32_t bias = v.bias ? (uint32_t)((const int32_t *)v.bias->data)[m] : 0;
        map_sums(sum, &v, i / v.maps, m);
        for (uint64_t o = 0; o < v.windows.out_size; o++) {
            const double q = mdl_round_even((double)((float)(int32_t)(sum[o] + bias) * by)) + zero;
            const int64_t held = (int64_t)(q > most ? most : q >= least ? q : least);
            mdl_nd_store_i64(y->data, y->type, i * v.windows.out_size + o, &held, 1);
        }
    }
    return s;
}

const struct op mdl_op_qlinear_conv = {
    .name = "qlinear_conv",
    .about = "convolution of quantised images, quantised again",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = WINDOW_SLOTS,
    .params_bytes = sizeof(struct conv_int_params),
    .min_in = 8,
    .max_in = 9,
    .n_out = 1,
    .infer = qlinear_infer,
    .shape = qlinear_shape,
    .eval = qlinear_eval,
};
