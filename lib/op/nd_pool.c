/*
 * op/nd_pool.c - what the windows of an image have in common: maximum, average, norm
 *
 *     x [N, C, ...]   y [N, C, windows ...]   where [N, C, windows ...] int64, of max alone
 *
 *     max       NaN if any is NaN; what lies outside does not count
 *     average   sum in double, by the number of places: those inside, or with
 *               count_include_pad those inside the pads too; of no places 0
 *     lp        (sum of |x|^p)^(1/p), in double
 *
 * A row of results at a time: the rows of x that its windows cover become one, which then lies between
 * what counts for nothing; its neighbours become one at every place, of which those are taken where
 * windows begin:
 *
 *     . r0 r1 r2 r3 r4 .      ->  m0 m1 m2 m3 m4  (kernel 3)  ->  m0 m2 m4  (stride 2)
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/each.h"
#include "kernel/math.h"
#include "op/nd_product.h"
#include "op/nd_slide.h"

enum { MAX, AVERAGE, LP };
static const char *const kinds[] = { "max", "average", "lp", NULL };

#define TYPES_POOL (TYPES_FLOAT | TYPE_BIT(MDL_I8) | TYPE_BIT(MDL_U8))

struct pool_params {
    int64_t kind, auto_pad, ceil_mode, count_include_pad, storage_order, p;
};

static const struct field pool_fields[] = {
    FIELD(FIELD_CHOICE, pool_params, kind, MAX, kinds),
    FIELD(FIELD_CHOICE, pool_params, auto_pad, AUTO_NOT, mdl_auto_pads),
    FIELD(FIELD_INT, pool_params, ceil_mode, 0, NULL),
    FIELD(FIELD_INT, pool_params, count_include_pad, 0, NULL),
    FIELD(FIELD_INT, pool_params, storage_order, 0, NULL),
    FIELD(FIELD_INT, pool_params, p, 2, NULL),
};
static const struct slot pool_slots[WINDOW_SLOTS] = {
    WINDOW_SLOT(WINDOW_STRIDES, "strides"), WINDOW_SLOT(WINDOW_DILATIONS, "dilations"),
    WINDOW_SLOT(WINDOW_PADS, "pads"),
    [WINDOW_KERNEL] = { "kernel", TYPE_BIT(MDL_I64), 1, 1 },
};

static mdl_status pool_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct pool_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 1, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, p->kind == MAX ? TYPES_POOL : TYPES_FLOAT, err);
    if (!s) s = mdl_nd_window_check(n, err);
    if (!s && p->p < 1)
        s = mdl_fail(err, MDL_ERR_FORMAT, "p is %lld", (long long)p->p);
    if (!s && p->kind != MAX && n->n_out > 1)
        s = mdl_fail(err, MDL_ERR_FORMAT, "%s has one result", kinds[p->kind]);
    if (!s) {
        nd_result(n, g, 0, nd_type(n, g, 0));
        nd_result(n, g, 1, MDL_I64);
    }
    return s;
}

/* The taps of window o along an axis that lie inside: first .. end - 1, and how many lie inside
 * with the pads. */
struct taps {
    int64_t first, end, with_pads;
};

static struct taps taps_of(const struct window *w, uint32_t axis, int64_t o)
{
    const int64_t at = o * w->stride[axis] - w->before[axis], d = w->dilation[axis];
    const int64_t k = w->kernel[axis], left = w->in[axis] - at;
    struct taps t = { at < 0 ? (d - 1 - at) / d : 0, left > 0 ? (left + d - 1) / d : 0, 0 };

    t.with_pads = (left + w->after[axis] + d - 1) / d;
    t.with_pads = t.with_pads < k ? t.with_pads : k;
    t.end = t.end < k ? t.end : k;
    t.first = t.first < t.end ? t.first : t.end;
    return t;
}

/* Where the maximum of each window lies: the first of the largest, or of the NaNs. */
#define WHERE_PLANE(name, type) \
static void name(int64_t *where, const type *x, const struct window *w, int64_t base, \
                 const int64_t *step) \
{ \
    for (uint64_t o = 0; o < w->out_size; o++) { \
        const int64_t v = (int64_t)o % w->out[WIDE], h = (int64_t)o / w->out[WIDE] % w->out[TALL]; \
        const int64_t d = (int64_t)o / w->out[WIDE] / w->out[TALL]; \
        const struct taps td = taps_of(w, DEEP, d), th = taps_of(w, TALL, h), tw = taps_of(w, WIDE, v); \
        type best = 0; \
        int64_t at = 0; \
        int found = 0; \
        for (int64_t i = td.first; i < td.end; i++) \
            for (int64_t j = th.first; j < th.end; j++) \
                for (int64_t k = tw.first; k < tw.end; k++) { \
                    const int64_t z = d * w->stride[DEEP] - w->before[DEEP] + i * w->dilation[DEEP]; \
                    const int64_t r = h * w->stride[TALL] - w->before[TALL] + j * w->dilation[TALL]; \
                    const int64_t q = v * w->stride[WIDE] - w->before[WIDE] + k * w->dilation[WIDE]; \
                    const type one = x[(z * w->in[TALL] + r) * w->in[WIDE] + q]; \
                    if (found && (best != best || (!(one > best) && one == one))) \
                        continue; \
                    best = one; \
                    found = 1; \
                    at = z * step[DEEP] + r * step[TALL] + q * step[WIDE]; \
                } \
        where[o] = base + at; \
    } \
}
WHERE_PLANE(where_f32, float)
WHERE_PLANE(where_f64, double)
#undef WHERE_PLANE

/* Working memory of one plane: how many places of the last axis each window has, a row of x, and
 * that row with what counts for nothing around it, twice. */
struct rows {
    int64_t *places;
    double  *term, *row, *near;
    size_t   wide, span;          /* of row; of near: the places where windows may begin      */
};

static size_t row_wide(const struct window *w)
{
    return (size_t)((w->out[WIDE] - 1) * w->stride[WIDE] + (w->kernel[WIDE] - 1) * w->dilation[WIDE] + 1);
}

static double term(const struct pool_params *p, double x)
{
    const double size = x < 0 ? -x : x;

    return p->kind == AVERAGE ? x : p->p == 1 ? size : p->p == 2 ? x * x : mdl_pow(size, (double)p->p);
}

static double root(double sum, int64_t p)
{
    return p == 1 ? sum : p == 2 ? mdl_sqrt(sum) : mdl_pow(sum, 1 / (double)p);
}

/* Two rows into one: of float32 where that is a maximum of such, else of double. */
static void join(const struct nd_call *c, void *to, const void *a, const void *b, size_t n, int narrow,
                 int64_t kind)
{
    if (narrow)
        c->kernels->pair_f32(PAIR_MAX, to, a, b, n);
    else
        c->kernels->pair_f64(kind == MAX ? PAIR_MAX : PAIR_ADD, to, a, b, n);
}

/* The terms of n numbers of x, in the type that rows are joined in. */
static const void *terms(const struct nd_call *c, const struct rows *t, const void *x, size_t at,
                         size_t n, uint32_t type, const struct pool_params *p)
{
    const float *f = (const float *)x + at;
    const double *d = (const double *)x + at;

    if (p->kind == MAX)
        return type == MDL_F32 ? (const void *)f : (const void *)d;
    if (p->kind == AVERAGE && type == MDL_F64)
        return d;
    if (p->kind == AVERAGE)
        c->kernels->widen(t->term, f, n);
    else
        for (size_t i = 0; i < n; i++)
            t->term[i] = term(p, type == MDL_F32 ? (double)f[i] : d[i]);
    return t->term;
}

/* One row of results: windows (d, h, 0 ..). */
static void pool_row(void *y, const struct nd_call *c, const struct rows *t, const void *x,
                     uint32_t type, const struct window *w, const struct pool_params *p, int64_t d,
                     int64_t h)
{
    const struct taps td = taps_of(w, DEEP, d), th = taps_of(w, TALL, h);
    const int narrow = p->kind == MAX && type == MDL_F32;
    const size_t size = narrow ? sizeof(float) : sizeof(double), step = (size_t)w->stride[WIDE];
    const double nothing = p->kind == MAX ? -0x1p1023 * 2 : 0;
    const int64_t room = (int64_t)t->wide - w->before[WIDE];
    const size_t n = room <= 0 ? 0 : (size_t)(room < w->in[WIDE] ? room : w->in[WIDE]);
    char *row = (char *)t->row, *inside = row + (size_t)w->before[WIDE] * size;

    for (size_t i = 0; i < t->wide; i++) {
        if (narrow)
            ((float *)t->row)[i] = (float)nothing;
        else
            t->row[i] = nothing;
    }
    for (int64_t i = td.first; n && i < td.end; i++)
        for (int64_t j = th.first; j < th.end; j++) {
            const int64_t z = d * w->stride[DEEP] - w->before[DEEP] + i * w->dilation[DEEP];
            const int64_t r = h * w->stride[TALL] - w->before[TALL] + j * w->dilation[TALL];
            join(c, inside, inside, terms(c, t, x, (size_t)((z * w->in[TALL] + r) * w->in[WIDE]), n, type, p),
                 n, narrow, p->kind);
        }
    const void *near = row;
    for (int64_t k = 1; k < w->kernel[WIDE]; k++) {
        join(c, t->near, near, row + (size_t)(k * w->dilation[WIDE]) * size, t->span, narrow, p->kind);
        near = t->near;
    }
    const double rows = p->count_include_pad ? (double)(td.with_pads * th.with_pads)
                                             : (double)((td.end - td.first) * (th.end - th.first));
    if (narrow) {
        c->kernels->pick_f32(y, near, step, (size_t)w->out[WIDE]);
        return;
    }
    for (size_t o = 0; o < (size_t)w->out[WIDE]; o++) {
        double v = ((const double *)near)[o * step];
        if (p->kind == AVERAGE) {
            const double places = rows * (double)t->places[o];
            v = places > 0 ? v / places : 0;
        }
        v = p->kind == LP ? root(v, p->p) : v;
        if (type == MDL_F32)
            ((float *)y)[o] = (float)v;
        else
            ((double *)y)[o] = v;
    }
}

#define SMALL 4096u               /* numbers of a plane that is taken at once */

/* Do all windows of a small float32 plane lie inside, and cover neighbours? */
static int whole_plane(const struct window *w, const struct pool_params *p, uint32_t type)
{
    int64_t outside = 0;

    for (uint32_t i = 0; i < WINDOW_AXES; i++)
        outside |= w->before[i] | (w->dilation[i] - 1)
            | ((w->out[i] - 1) * w->stride[i] + w->kernel[i] > w->in[i]);
    return p->kind == MAX && type == MDL_F32 && w->in_size <= SMALL && w->in[DEEP] == 1 && !outside;
}

/* What pool_row does, in its order, for all rows at once: a small image costs calls, not maxima.
 * `room` has place for two planes. */
static void max_plane(float *y, const struct nd_call *c, float *room, const float *x, const struct window *w)
{
    const size_t wide = (size_t)w->in[WIDE], rows = (size_t)w->kernel[TALL], cols = (size_t)w->kernel[WIDE];
    const size_t n = (size_t)w->in_size - (rows - 1) * wide;
    const float *down = x, *near;

    for (size_t j = 1; j < rows; j++, down = room)
        c->kernels->pair_f32(PAIR_MAX, room, down, x + j * wide, n);
    near = down;
    for (size_t k = 1; k < cols; k++, near = room + w->in_size)
        c->kernels->pair_f32(PAIR_MAX, room + w->in_size, near, down + k, n - (cols - 1));
    for (size_t h = 0; h < (size_t)w->out[TALL]; h++)
        c->kernels->pick_f32(y + h * (size_t)w->out[WIDE], near + h * (size_t)w->stride[TALL] * wide,
                             (size_t)w->stride[WIDE], (size_t)w->out[WIDE]);
}

/* The windows of one plane. */
static void pool_plane(void *y, const struct nd_call *c, const struct rows *t, const void *x,
                       uint32_t type, const struct window *w, const struct pool_params *p)
{
    const size_t bytes = (size_t)w->out[WIDE] * mdl_nd_type_bytes(type);

    for (int64_t d = 0; d < w->out[DEEP]; d++)
        for (int64_t h = 0; h < w->out[TALL]; h++)
            pool_row((char *)y + (size_t)(d * w->out[TALL] + h) * bytes, c, t, x, type, w, p, d, h);
}

/* The parts of working memory; bytes of all. */
static int rows_of(struct rows *t, const struct window *w, const struct pool_params *p, void *temp,
                   uint64_t *bytes)
{
    *t = (struct rows){ .wide = row_wide(w), .span = (size_t)((w->out[WIDE] - 1) * w->stride[WIDE] + 1) };
    const uint64_t in = (uint64_t)w->in[WIDE], out = (uint64_t)w->out[WIDE];
    if (!size_mul(2 * (uint64_t)t->wide + in + out, sizeof(double), bytes))
        return 0;
    if (!temp)
        return 1;
    t->places = temp;
    t->term = (double *)temp + out;
    t->row = t->term + in;
    t->near = t->row + t->wide;
    for (uint64_t o = 0; o < out; o++) {
        const struct taps tw = taps_of(w, WIDE, (int64_t)o);
        t->places[o] = p->count_include_pad ? tw.with_pads : tw.end - tw.first;
    }
    return 1;
}

static mdl_status pool_shape(const struct node *n, struct nd_call *c)
{
    const struct pool_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    struct window w;
    const mdl_status s = mdl_nd_window(&w, n, x, NULL, p->auto_pad, p->ceil_mode != 0, c->err);

    if (s)
        return s;
    mdl_nd_window_result(n, c, 0, &w, x->dims[0], x->dims[1]);
    mdl_nd_window_result(n, c, 1, &w, x->dims[0], x->dims[1]);
    struct rows t;
    uint64_t more = 0;
    if (!w.out_size)
        return MDL_OK;
    if (!rows_of(&t, &w, p, NULL, &c->temp_bytes)
        || (x->type != MDL_F32 && x->type != MDL_F64
            && (!size_add(w.in_size, w.out_size, &more) || !size_mul(more, sizeof(float), &more)))
        || (whole_plane(&w, p, x->type) && !size_mul(w.in_size, 2 * sizeof(float), &more))
        || !size_add(c->temp_bytes, more, &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "an image too large");
    return MDL_OK;
}

static mdl_status pool_eval(const struct node *n, struct nd_call *c)
{
    const struct pool_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const int whole = x->type == MDL_F32 || x->type == MDL_F64;
    const size_t size = mdl_nd_type_bytes(x->type);
    int64_t *where = nd_wanted(c, n, 1) ? nd_out(c, n, 1)->data : NULL;
    struct window w;
    const mdl_status s = mdl_nd_window(&w, n, x, NULL, p->auto_pad, p->ceil_mode != 0, c->err);

    if (s || !w.out_size)
        return s;
    const int64_t across[WINDOW_AXES] = { w.in[TALL] * w.in[WIDE], w.in[WIDE], 1 };
    const int64_t down[WINDOW_AXES] = { 1, w.in[DEEP], w.in[DEEP] * w.in[TALL] };
    const int64_t *step = p->storage_order ? down : across;
    struct rows t;
    uint64_t bytes;
    if (!rows_of(&t, &w, p, c->temp, &bytes))
        return MDL_OK;            /* shape has seen that it can */
    float *room = (float *)(void *)((char *)c->temp + bytes);
    const int at_once = whole_plane(&w, p, x->type);
    for (uint64_t i = 0; i < (uint64_t)x->dims[0] * (uint64_t)x->dims[1]; i++) {
        const char *plane = (const char *)x->data + i * w.in_size * size;
        const int64_t base = (int64_t)(i * w.in_size);
        if (!whole) {
            mdl_nd_load_f32(room, x->data, x->type, i * w.in_size, (size_t)w.in_size);
            plane = (const char *)room;
        }
        if (where && x->type == MDL_F64)
            where_f64(where + i * w.out_size, (const double *)(const void *)plane, &w, base, step);
        else if (where)
            where_f32(where + i * w.out_size, (const float *)(const void *)plane, &w, base, step);
        if (!y->data)
            continue;
        if (at_once) {
            max_plane((float *)y->data + i * w.out_size, c, room, (const float *)(const void *)plane, &w);
            continue;
        }
        if (whole) {
            pool_plane((char *)y->data + i * w.out_size * size, c, &t, plane, x->type, &w, p);
            continue;
        }
        pool_plane(room + w.in_size, c, &t, plane, MDL_F32, &w, p);
        for (uint64_t o = 0; o < w.out_size; o++)   /* a window outside: the least of the type */
            if (room[w.in_size + o] < -128)
                room[w.in_size + o] = x->type == MDL_I8 ? -128 : 0;
        mdl_nd_store_f32(y->data, y->type, i * w.out_size, room + w.in_size, (size_t)w.out_size);
    }
    return MDL_OK;
}

const struct op mdl_op_pool = {
    .name = "pool",
    .about = "maximum, average or norm of windows",
    .fields = pool_fields,
    .slots = pool_slots,
    .n_fields = sizeof pool_fields / sizeof *pool_fields,
    .n_slots = WINDOW_SLOTS,
    .params_bytes = sizeof(struct pool_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .max_out = 2,
    .infer = pool_infer,
    .shape = pool_shape,
    .eval = pool_eval,
};
