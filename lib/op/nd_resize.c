/*
 * op/nd_resize.c - another size of an image, along any axes
 *
 *   x       any type for nearest, else numbers
 *   roi     [2 axes] of float, optional: begin and end, for tf_crop_and_resize
 *   scales  [axes] float, or sizes [axes] int64: one of both
 *
 * Axis by axis: place o of the result is place p of x, by `coordinate`
 *
 *     half_pixel            (o + 0.5) / scale - 0.5     asymmetric    o / scale
 *     half_pixel_symmetric  the same about the middle   align_corners o (in - 1) / (out - 1)
 *     pytorch_half_pixel    half_pixel; -0.5 if out is 1
 *     tf_half_pixel_for_nn  (o + 0.5) / scale           tf_crop_and_resize  align_corners in roi
 *
 * with out = scale * in, which need be no integer; nearest takes one number of x, linear and cubic
 * weigh 2 and 4 about p, or with antialias as many as a smaller image needs.  Beyond the edge x
 * is its edge.  In double, rounded at the end; integers to nearest even, held within the type.
 *
 * A dimension of the result is floor(scale * in), a product of float32.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include "kernel/math.h"

#include <string.h>

enum { NEAREST, LINEAR, CUBIC };
static const char *const modes[] = { "nearest", "linear", "cubic", NULL };
enum { HALF, HALF_SYMMETRIC, HALF_PYTORCH, ALIGN, ASYMMETRIC, CROP, HALF_TF };
static const char *const coordinates[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
    "tf_crop_and_resize", "tf_half_pixel_for_nn", NULL };
enum { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL, SIMPLE };   /* simple: ceil where it shrinks */
static const char *const nearests[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil",
                                        "simple", NULL };
enum { STRETCH, NOT_LARGER, NOT_SMALLER };
static const char *const aspects[] = { "stretch", "not_larger", "not_smaller", NULL };

struct resize_params {
    int64_t mode, coordinate, nearest, aspect, antialias, exclude_outside;
    double  cubic_coeff_a, extrapolation_value;
};

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, resize_params, mode, NEAREST, modes),
    FIELD(FIELD_CHOICE, resize_params, coordinate, HALF, coordinates),
    FIELD(FIELD_CHOICE, resize_params, nearest, PREFER_FLOOR, nearests),
    FIELD(FIELD_CHOICE, resize_params, aspect, STRETCH, aspects),
    FIELD(FIELD_INT, resize_params, antialias, 0, NULL),
    FIELD(FIELD_INT, resize_params, exclude_outside, 0, NULL),
    FIELD(FIELD_FLOAT, resize_params, cubic_coeff_a, -0.75, NULL),
    FIELD(FIELD_FLOAT, resize_params, extrapolation_value, 0, NULL),
};
static const struct slot slots[] = { { "axes", TYPE_BIT(MDL_I64), 1, 0 } };

enum { IMAGE, ROI, SCALES, SIZES };

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct resize_params *p = n->params;
    const uint32_t numbers = TYPES_NUMBER & ~(TYPE_BIT(MDL_F16) | TYPE_BIT(MDL_BF16));
    mdl_status s = mdl_nd_need_given(n, 1, err);

    if (!s) s = mdl_nd_need_type(n, g, IMAGE, p->mode == NEAREST ? TYPES_ANY : numbers, err);
    if (!s) s = mdl_nd_need_type(n, g, ROI, TYPES_FLOATS, err);
    if (!s) s = mdl_nd_need_type(n, g, SCALES, TYPE_BIT(MDL_F32), err);
    if (!s) s = mdl_nd_need_type(n, g, SIZES, TYPE_BIT(MDL_I64), err);
    if (!s && p->mode == NEAREST && p->antialias)
        s = mdl_fail(err, MDL_ERR_FORMAT, "nearest with antialias");
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

struct along {
    double  scale, begin, end;    /* of the roi                                           */
    int64_t in, out;
    int     resized;              /* not the identity                                     */
};

/* Number i of a list that goes with axes, which may be empty. */
static int list_has(const struct nd *t, uint64_t n)
{
    return t && t->count == n && n;
}

/* What is done along each dimension of x. */
static mdl_status plan(struct along *a, const struct node *n, const struct nd_call *c)
{
    const struct resize_params *p = n->params;
    const struct nd *x = nd_in(c, n, IMAGE), *roi = nd_in(c, n, ROI);
    const struct nd *scales = nd_in(c, n, SCALES), *sizes = nd_in(c, n, SIZES);
    const struct tensor *axes = &n->tensors[0];
    const uint64_t n_axes = axes->type ? axes->count : x->rank;
    uint32_t seen = 0;
    double common = 0;

    const int by_size = list_has(sizes, n_axes);
    if (by_size == list_has(scales, n_axes) && n_axes)
        return mdl_fail(c->err, MDL_ERR_DATA, "scales or sizes: one of them, with %llu numbers",
                        (unsigned long long)n_axes);
    if (p->coordinate == CROP && (!roi || roi->count != 2 * n_axes))
        return mdl_fail(c->err, MDL_ERR_DATA, "a roi of %llu numbers, expected %llu",
                        (unsigned long long)(roi ? roi->count : 0), (unsigned long long)(2 * n_axes));
    for (uint32_t i = 0; i < x->rank; i++)
        a[i] = (struct along){ 1, 0, 1, x->dims[i], x->dims[i], 0 };
    for (uint64_t i = 0; i < n_axes; i++) {
        int64_t axis = axes->type ? ((const int64_t *)axes->data)[i] : (int64_t)i;
        const mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);
        if (s)
            return s;
        if (seen >> axis & 1)
            return mdl_fail(c->err, MDL_ERR_DATA, "axis %lld is named twice", (long long)axis);
        seen |= (uint32_t)1 << axis;
        struct along *to = &a[axis];
        if (by_size) {
            to->out = mdl_nd_int(sizes, i);
            to->scale = to->in ? (double)to->out / (double)to->in : 1;
        } else {
            const float scale = ((const float *)scales->data)[i], out = scale * (float)to->in;
            to->scale = (double)scale;
            if (!(scale > 0) || !(out < 0x1p40f))
                return mdl_fail(c->err, MDL_ERR_DATA, "a scale of %g", (double)scale);
            to->out = (int64_t)out;
        }
        if (to->out < 0 || to->out > (int64_t)1 << 40 || (to->out && !to->in))
            return mdl_fail(c->err, MDL_ERR_DATA, "%lld numbers resized to %lld",
                            (long long)to->in, (long long)to->out);
        if (p->coordinate == CROP) {
            to->begin = mdl_nd_number(roi, i);
            to->end = mdl_nd_number(roi, n_axes + i);
        }
        if (!i || (p->aspect == NOT_LARGER ? to->scale < common : to->scale > common))
            common = to->scale;
    }
    for (uint32_t i = 0; i < x->rank; i++) {
        if (by_size && p->aspect != STRETCH && (seen >> i & 1)) {
            if (!(common * (double)a[i].in < 0x1p40))
                return mdl_fail(c->err, MDL_ERR_DATA, "%lld numbers resized by %g",
                                (long long)a[i].in, common);
            a[i].scale = common;
            a[i].out = (int64_t)(common * (double)a[i].in + 0.5);
        }
        a[i].resized = a[i].out != a[i].in || a[i].scale != 1 || a[i].begin != 0 || a[i].end != 1;
    }
    return MDL_OK;
}

/* Numbers of x that one of the result is made of. */
static int64_t reach(const struct resize_params *p, const struct along *a)
{
    const int64_t half = p->mode == NEAREST ? 0 : p->mode == LINEAR ? 1 : 2;

    if (!half)
        return 1;
    if (!p->antialias || a->scale >= 1)
        return 2 * half;
    return 2 - 2 * (int64_t)(mdl_floor((double)-half / a->scale) + 1);
}

/* Working memory: places and weights of the widest axis, and two buffers of doubles. */
struct sizes {
    uint64_t places, weights, buffer;
};

static int sizes_of(struct sizes *z, const struct resize_params *p, const struct along *a,
                    uint32_t rank, uint64_t count, uint64_t *bytes)
{
    uint64_t all, size = count;

    *z = (struct sizes){ 0, 0, p->mode == NEAREST ? 0 : count };
    for (uint32_t i = 0; i < rank; i++) {
        uint64_t weights;
        if (a[i].scale < 0x1p-40
            || !size_mul((uint64_t)a[i].out, (uint64_t)reach(p, &a[i]), &weights))
            return 0;
        if (p->mode == NEAREST) {
            z->places += (uint64_t)a[i].out;
            continue;
        }
        z->places = z->places > (uint64_t)a[i].out ? z->places : (uint64_t)a[i].out;
        z->weights = z->weights > weights ? z->weights : weights;
        if (size && !size_mul(size / (uint64_t)a[i].in, (uint64_t)a[i].out, &size))
            return 0;
        z->buffer = z->buffer > size ? z->buffer : size;
    }
    return size_mul(z->buffer, 2, &all) && size_add(all, z->weights, &all)
        && size_add(all, z->places, &all) && size_mul(all, 8, bytes);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, IMAGE);
    struct nd *y = nd_out(c, n, 0);
    struct along a[MDL_MAX_RANK];
    struct sizes z;
    const mdl_status s = plan(a, n, c);

    if (s)
        return s;
    nd_like(y, x);
    for (uint32_t i = 0; i < x->rank; i++)
        y->dims[i] = a[i].out;
    if (!sizes_of(&z, n->params, a, x->rank, x->count, &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "an image too large");
    return MDL_OK;
}

/* Where in x place o of the result is; *outside: beyond the roi's image. */
static double place(const struct resize_params *p, const struct along *a, int64_t o, int *outside)
{
    const double y = (double)o, in = (double)a->in, out = a->scale * in;
    double at = 0;

    *outside = 0;
    switch (p->coordinate) {
    case HALF: return (y + 0.5) / a->scale - 0.5;
    case HALF_SYMMETRIC: return in / 2 * (1 - (double)a->out / out) + (y + 0.5) / a->scale - 0.5;
    case HALF_PYTORCH: return out == 1 ? -0.5 : (y + 0.5) / a->scale - 0.5;
    case ALIGN: return out == 1 ? 0 : y * (in - 1) / (out - 1);
    case ASYMMETRIC: return y / a->scale;
    case HALF_TF: return (y + 0.5) / a->scale;
    default:
        at = out == 1 ? (a->end - a->begin) * (in - 1) / 2
                      : y * (a->end - a->begin) * (in - 1) / (out - 1);
        at += a->begin * (in - 1);
        *outside = !(at >= 0 && at <= in - 1);
        return at;
    }
}

static int64_t clamp(double v, int64_t n)
{
    return v >= (double)n - 1 ? n - 1 : v > 0 ? (int64_t)v : 0;
}

/* ---- nearest: by bytes ---------------------------------------------------------------------------- */

static int64_t nearest(const struct resize_params *p, const struct along *a, double at)
{
    const double low = mdl_floor(at), part = at - low;
    int up = 0;

    switch (p->nearest) {
    case PREFER_FLOOR: up = part > 0.5; break;
    case PREFER_CEIL: up = part >= 0.5; break;
    case FLOOR: break;
    case CEIL: up = part > 0; break;
    default: up = a->scale < 1 && part > 0; break;
    }
    return clamp(low + up, a->in);
}

static void resize_nearest(const struct node *n, const struct nd_call *c, const struct along *a)
{
    const struct resize_params *p = n->params;
    const struct nd *x = nd_in(c, n, IMAGE), *y = nd_out(c, n, 0);
    const size_t size = mdl_nd_type_bytes(x->type);
    const int64_t *from[MDL_MAX_RANK];
    int64_t *to = c->temp, step = 1;
    int64_t at[MDL_MAX_RANK] = { 0 };
    const uint32_t last = x->rank - 1;
    union { double d; const char *text; unsigned char bytes[16]; } filler = { .d = 0 };

    if (!x->rank) {
        memcpy(y->data, x->data, size);
        return;
    }
    if (TYPES_NUMBER & TYPE_BIT(x->type))
        mdl_nd_store_f64(filler.bytes, x->type, 0, &p->extrapolation_value, 1);
    if (x->type == MDL_STRING)
        filler.text = "";
    for (uint32_t i = x->rank; i--; step *= x->dims[i]) {
        from[i] = to;
        for (int64_t o = 0; o < a[i].out; o++) {
            int outside;
            const double v = place(p, &a[i], o, &outside);
            *to++ = outside ? -1 : (a[i].resized ? nearest(p, &a[i], v) : o) * step;
        }
    }
    const uint64_t rows = y->count / (uint64_t)y->dims[last];
    char *out = y->data;
    for (uint64_t r = 0; r < rows; r++) {
        int64_t base = 0;
        for (uint32_t i = 0; i < last; i++)
            base = base < 0 || from[i][at[i]] < 0 ? -1 : base + from[i][at[i]];
        for (int64_t o = 0; o < y->dims[last]; o++, out += size)
            memcpy(out, base < 0 || from[last][o] < 0
                            ? (const void *)filler.bytes
                            : (const char *)x->data + (size_t)(base + from[last][o]) * size, size);
        for (uint32_t i = last; i--;) {
            if (++at[i] < y->dims[i])
                break;
            at[i] = 0;
        }
    }
}

/* ---- linear, cubic: axis after axis --------------------------------------------------------------- */

static double cubic(double x, double a)
{
    x = x < 0 ? -x : x;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double weight(const struct resize_params *p, double x)
{
    if (p->mode == CUBIC)
        return cubic(x, p->cubic_coeff_a);
    x = x < 0 ? -x : x;
    return x < 1 ? 1 - x : 0;
}

/* First place of x and `taps` weights for place o; INT64_MIN where that is outside. */
static void weigh(int64_t *first, double *w, const struct resize_params *p, const struct along *a,
                  int64_t o, int64_t taps)
{
    const double shrink = p->antialias && a->scale < 1 ? a->scale : 1;
    int outside;
    const double at = place(p, a, o, &outside);
    const double far = at < -1e15 ? -1e15 : at < 1e15 ? at : 1e15, low = mdl_floor(far);
    double sum = 0;

    *first = outside ? INT64_MIN : (int64_t)low + 1 - taps / 2;
    for (int64_t i = 0; i < taps; i++) {
        w[i] = weight(p, ((double)(i + 1 - taps / 2) - (far - low)) * shrink);
        if (p->exclude_outside && (*first + i < 0 || *first + i >= a->in) && !outside)
            w[i] = 0;
        sum += w[i];
    }
    if ((shrink < 1 || p->exclude_outside) && sum != 0)
        for (int64_t i = 0; i < taps; i++)
            w[i] /= sum;
}

/* One number of a row. */
static double sum_place(const struct resize_params *p, const struct along *a, const double *x,
                        int64_t first, const double *w, int64_t taps)
{
    double sum = 0;

    if (first == INT64_MIN)
        return p->extrapolation_value;
    for (int64_t t = 0; t < taps; t++) {
        const int64_t at = first + t;
        if (w[t] != 0)
            sum += w[t] * x[at < 0 ? 0 : at < a->in ? at : a->in - 1];
    }
    return sum;
}

/* [outer][in][inner] to [outer][out][inner]. */
static void resize_axis(double *y, const double *x, const struct resize_params *p,
                        const struct along *a, uint64_t outer, uint64_t inner, int64_t *first,
                        double *w)
{
    const int64_t taps = reach(p, a);

    for (int64_t o = 0; o < a->out; o++)
        weigh(first + o, w + o * taps, p, a, o, taps);
    if (inner == 1) {             /* sums in the same order, one number at a time */
        for (uint64_t i = 0; i < outer; i++, x += a->in)
            for (int64_t o = 0; o < a->out; o++)
                *y++ = sum_place(p, a, x, first[o], w + o * taps, taps);
        return;
    }
    for (uint64_t i = 0; i < outer; i++, x += (uint64_t)a->in * inner)
        for (int64_t o = 0; o < a->out; o++, y += inner) {
            const double start = first[o] == INT64_MIN ? p->extrapolation_value : 0;
            for (uint64_t k = 0; k < inner; k++)
                y[k] = start;
            for (int64_t t = 0; t < taps && first[o] != INT64_MIN; t++) {
                const int64_t at = first[o] + t;
                const double v = w[o * taps + t];
                const double *row = x + (uint64_t)(at < 0 ? 0 : at < a->in ? at : a->in - 1) * inner;
                for (uint64_t k = 0; v != 0 && k < inner; k++)
                    y[k] += v * row[k];
            }
        }
}

/* Doubles into the result; integers rounded and held within their type. */
static void store(const struct nd *y, double *v)
{
    const int bits = (int)mdl_type_bytes(y->type) * 8, is_signed = (TYPES_SIGNED & TYPE_BIT(y->type)) != 0;
    const double half = bits < 64 ? (double)((int64_t)1 << (bits - 1)) : 0x1p63;
    const double least = is_signed ? -half : 0, most = is_signed ? half : 2 * half;

    if (TYPES_INTEGER & TYPE_BIT(y->type))
        for (uint64_t i = 0; i < y->count; i++) {
            const double r = mdl_round_even(v[i]), below = bits < 53 ? most - 1 : most - half * 0x1p-52;
            v[i] = r >= least ? (r < most ? r : below) : least;
        }
    mdl_nd_store_f64(y->data, y->type, 0, v, (size_t)y->count);
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct resize_params *p = n->params;
    const struct nd *x = nd_in(c, n, IMAGE), *y = nd_out(c, n, 0);
    struct along a[MDL_MAX_RANK];
    struct sizes z;
    uint64_t bytes, outer = 1;
    const mdl_status s = plan(a, n, c);

    if (s || !y->count)
        return s;
    if (p->mode == NEAREST) {
        resize_nearest(n, c, a);
        return MDL_OK;
    }
    if (!sizes_of(&z, p, a, x->rank, x->count, &bytes))
        return MDL_OK;            /* shape has seen that it can */
    double *from = c->temp, *to = from + z.buffer, *w = to + z.buffer;
    int64_t *first = (int64_t *)(void *)(w + z.weights);
    mdl_nd_load_f64(from, x->data, x->type, 0, (size_t)x->count);
    for (uint32_t i = 0; i < x->rank; i++) {
        if (a[i].resized) {
            resize_axis(to, from, p, &a[i], outer, nd_product(x, i + 1, x->rank), first, w);
            double *swap = from;
            from = to;
            to = swap;
        }
        outer *= (uint64_t)a[i].out;
    }
    store(y, from);
    return MDL_OK;
}

const struct op mdl_op_resize = {
    .name = "resize",
    .about = "another size of an image: nearest, linear or cubic",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = 1,
    .params_bytes = sizeof(struct resize_params),
    .min_in = 1,
    .max_in = 4,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .contents = 1u << ROI | 1u << SCALES | 1u << SIZES,
};
