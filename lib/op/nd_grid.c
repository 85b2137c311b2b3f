/*
 * op/nd_grid.c - images read at any places
 *
 *     grid_sample   x [N, C, ...]   grid [N, out ..., axes]   y [N, C, out ...]
 *     affine_grid   theta [N, axes, axes + 1]   size: [N, C, ...]   y [N, ..., axes]
 *
 * A place is given from -1 to 1, last axis of x first:  with align_corners -1 and 1 are the middles
 * of the first and the last number, otherwise their outer edges.  x is read there by nearest (halves
 * to even), linear or cubic (a = -0.75); beyond its edge it is zeros, its border, or reflected.
 * In double, rounded at the end; a NaN reads as -1.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include "kernel/math.h"

#define AXES 3u

enum { LINEAR, NEAREST, CUBIC };
static const char *const modes[] = { "linear", "nearest", "cubic", NULL };
enum { ZEROS, BORDER, REFLECTION };
static const char *const paddings[] = { "zeros", "border", "reflection", NULL };

/* ---- grid_sample ------------------------------------------------------------------------------------ */

struct sample_params {
    int64_t mode, padding, align_corners;
};

static const struct field sample_fields[] = {
    FIELD(FIELD_CHOICE, sample_params, mode, LINEAR, modes),
    FIELD(FIELD_CHOICE, sample_params, padding, ZEROS, paddings),
    FIELD(FIELD_INT, sample_params, align_corners, 0, NULL),
};

static mdl_status sample_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_given(n, 2, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT | TYPES_INTEGER | TYPE_BIT(MDL_BOOL), err);
    if (!s) s = mdl_nd_need_type(n, g, 1, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status sample_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *grid = nd_in(c, n, 1);
    struct nd *y = nd_out(c, n, 0);
    char text[2][96];

    if (x->rank < 3 || x->rank > 2 + AXES || grid->rank != x->rank || grid->dims[0] != x->dims[0]
        || grid->dims[grid->rank - 1] != (int64_t)x->rank - 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and a grid %s do not fit",
                        mdl_nd_shape_text(text[0], sizeof text[0], x),
                        mdl_nd_shape_text(text[1], sizeof text[1], grid));
    nd_like(y, x);
    for (uint32_t i = 2; i < x->rank; i++)
        y->dims[i] = grid->dims[i - 1];
    return MDL_OK;
}

static double reflect(double x, double low, double high)
{
    const double range = high - low;

    if (!(range > 0))
        return low;
    const double away = x < low ? low - x : x > high ? x - high : 0;
    const double times = mdl_floor(away / range), rest = away - times * range;
    if (away == 0)
        return x;
    const int even = mdl_fmod(times, 2) == 0;
    return (x < low) == even ? low + rest : high - rest;
}

/* Along one axis: up to four numbers of x with their weights; -1: a zero. */
struct near {
    int64_t at[4];
    double  weight[4];
    int     n;
};

static int64_t number_at(double at, const struct sample_params *p, int64_t n)
{
    const double low = p->align_corners ? 0 : -0.5, last = (double)(n - 1);

    if (at >= 0 && at <= last)
        return (int64_t)at;
    if (p->padding == ZEROS)
        return -1;
    if (p->padding == REFLECTION)
        at = reflect(at, low, last - low);
    return at >= last ? n - 1 : at > 0 ? (int64_t)at : 0;
}

static double cubic(double x)
{
    const double a = -0.75;

    x = x < 0 ? -x : x;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static void near_place(struct near *t, double place, const struct sample_params *p, int64_t n)
{
    const double in = (double)n, low = p->align_corners ? 0 : -0.5, high = in - 1 - low;
    double at = place != place ? -1 : place;

    at = p->align_corners ? (at + 1) / 2 * (in - 1) : ((at + 1) * in - 1) / 2;
    at = at < -0x1p50 ? -0x1p50 : at > 0x1p50 ? 0x1p50 : at;
    if (p->mode == NEAREST)
        at = mdl_round_even(at);
    if ((at < low || at > high) && p->padding == BORDER)
        at = at < 0 ? 0 : in - 1;
    if ((at < low || at > high) && p->padding == REFLECTION)
        at = reflect(at, low, high);
    if (p->mode == NEAREST) {
        *t = (struct near){ { number_at(mdl_round_even(at), p, n) }, { 1 }, 1 };
        return;
    }
    const double whole = mdl_floor(at), part = at - whole;
    t->n = p->mode == LINEAR ? 2 : 4;
    for (int i = 0; i < t->n; i++) {
        const int k = p->mode == LINEAR ? i : i - 1;
        t->at[i] = number_at(whole + k, p, n);
        t->weight[i] = p->mode == CUBIC ? cubic(part - k) : k ? part : 1 - part;
    }
}

/* x of one channel at a place: sums over the last axis first. */
static double read_at(const struct nd *x, uint64_t base, const struct near *t)
{
    const int64_t rows = x->rank > 3 ? x->dims[x->rank - 2] : 1, cols = x->dims[x->rank - 1];
    double sum = 0;

    for (int i = 0; i < t[0].n; i++) {
        double plane = 0;
        for (int j = 0; j < t[1].n; j++) {
            double row = 0;
            for (int k = 0; k < t[2].n; k++) {
                if (t[0].at[i] < 0 || t[1].at[j] < 0 || t[2].at[k] < 0)
                    continue;
                const uint64_t at = base + (uint64_t)((t[0].at[i] * rows + t[1].at[j]) * cols + t[2].at[k]);
                const double v = x->type == MDL_F32 ? (double)((const float *)x->data)[at]
                               : x->type == MDL_F64 ? ((const double *)x->data)[at] : mdl_nd_number(x, at);
                row += t[2].weight[k] * v;
            }
            plane += t[1].weight[j] * row;
        }
        sum += t[0].weight[i] * plane;
    }
    return sum;
}

static mdl_status sample_eval(const struct node *n, struct nd_call *c)
{
    const struct sample_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *grid = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const uint32_t axes = x->rank - 2;
    const uint64_t size = nd_product(x, 2, x->rank), places = nd_product(y, 2, y->rank);
    const uint64_t channels = (uint64_t)x->dims[1];

    if (!y->count)
        return MDL_OK;
    if (!size)
        return mdl_fail(c->err, MDL_ERR_DATA, "places of an image without numbers");
    for (uint64_t b = 0; b < (uint64_t)x->dims[0]; b++)
        for (uint64_t o = 0; o < places; o++) {
            struct near t[AXES] = { { { 0 }, { 1 }, 1 }, { { 0 }, { 1 }, 1 }, { { 0 }, { 1 }, 1 } };
            for (uint32_t i = 0; i < axes; i++)   /* the last axis comes first */
                near_place(&t[AXES - 1 - i], mdl_nd_number(grid, (b * places + o) * axes + i), p,
                           x->dims[x->rank - 1 - i]);
            for (uint64_t ch = 0; ch < channels; ch++) {
                const double v = read_at(x, (b * channels + ch) * size, t);
                mdl_nd_store_f64(y->data, y->type, (b * channels + ch) * places + o, &v, 1);
            }
        }
    return MDL_OK;
}

const struct op mdl_op_grid_sample = {
    .name = "grid_sample",
    .about = "an image read at the places of a grid",
    .fields = sample_fields,
    .n_fields = sizeof sample_fields / sizeof *sample_fields,
    .params_bytes = sizeof(struct sample_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = sample_infer,
    .shape = sample_shape,
    .eval = sample_eval,
};

/* ---- affine_grid ------------------------------------------------------------------------------------- */

struct affine_params {
    int64_t align_corners;
};

static const struct field affine_fields[] = {
    FIELD(FIELD_INT, affine_params, align_corners, 0, NULL),
};

static mdl_status affine_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_given(n, 2, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_type(n, g, 1, TYPE_BIT(MDL_I64), err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status affine_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *theta = nd_in(c, n, 0), *size = nd_in(c, n, 1);
    const uint64_t axes = size->count - 2;
    int64_t dims[3 + AXES];
    char text[96];

    if ((size->count != 4 && size->count != 5) || theta->rank != 3
        || theta->dims[1] != (int64_t)axes || theta->dims[2] != (int64_t)axes + 1
        || mdl_nd_int(size, 0) != theta->dims[0])
        return mdl_fail(c->err, MDL_ERR_DATA, "theta %s and a size of %llu numbers do not fit",
                        mdl_nd_shape_text(text, sizeof text, theta), (unsigned long long)size->count);
    dims[0] = theta->dims[0];
    for (uint32_t i = 0; i < axes; i++) {
        dims[1 + i] = mdl_nd_int(size, 2 + i);
        if (dims[1 + i] < 0)
            return mdl_fail(c->err, MDL_ERR_DATA, "an image with a dimension of %lld",
                            (long long)dims[1 + i]);
    }
    dims[1 + axes] = (int64_t)axes;
    mdl_nd_set_shape(nd_out(c, n, 0), 2 + (uint32_t)axes, dims);
    return MDL_OK;
}

static mdl_status affine_eval(const struct node *n, struct nd_call *c)
{
    const struct affine_params *p = n->params;
    const struct nd *theta = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const uint32_t axes = y->rank - 2;
    const uint64_t places = nd_product(y, 1, y->rank - 1);

    for (uint64_t i = 0; i < y->count; i++) {
        const uint64_t row = i % axes, b = i / axes / places;
        uint64_t rest = i / axes % places;
        const uint64_t from = (b * axes + row) * (axes + 1);
        double sum = mdl_nd_number(theta, from + axes);
        for (uint32_t k = 0; k < axes; k++) {     /* the last axis comes first */
            const uint64_t d = (uint64_t)y->dims[axes - k], at = rest % d;
            const double v = p->align_corners ? (d > 1 ? 2 * (double)at / (double)(d - 1) - 1 : -1)
                                              : (2 * (double)at + 1) / (double)d - 1;
            sum += mdl_nd_number(theta, from + k) * v;
            rest /= d;
        }
        mdl_nd_store_f64(y->data, y->type, i, &sum, 1);
    }
    return MDL_OK;
}

const struct op mdl_op_affine_grid = {
    .name = "affine_grid",
    .about = "the places of an image under an affine map",
    .fields = affine_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct affine_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = affine_infer,
    .shape = affine_shape,
    .eval = affine_eval,
    .contents = 1u << 1,
};
