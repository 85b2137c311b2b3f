/*
 * op/nd_roi.c - boxes of an image, brought to one size
 *
 *     roi_pool    x [N, C, H, W]   rois [R, 5]: image, x1, y1, x2, y2      y [R, C, height, width]
 *                 the maximum of each cell, boxes rounded to whole numbers, ends included
 *     roi_align   x [N, C, H, W]   rois [R, 4]: x1, y1, x2, y2   images [R] int64
 *                 mean (avg) or maximum (max) of samples of each cell, read linearly
 *
 * Coordinates are multiplied by `scale`.  roi_align takes `samples` times `samples` of a cell,
 * 0: as many as it has numbers, at most 4,096 along an axis.  In double, rounded at the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include "kernel/math.h"

#define MOST_SAMPLES 4096

struct roi_params {
    double  scale;
    int64_t height, width, mode, samples, half_pixel;
};

enum { AVG, MAX };
static const char *const modes[] = { "avg", "max", NULL };

static const struct field pool_fields[] = {
    FIELD(FIELD_FLOAT, roi_params, scale, 1, NULL),
    FIELD(FIELD_INT, roi_params, height, 1, NULL),
    FIELD(FIELD_INT, roi_params, width, 1, NULL),
};
static const struct field align_fields[] = {
    FIELD(FIELD_FLOAT, roi_params, scale, 1, NULL),
    FIELD(FIELD_INT, roi_params, height, 1, NULL),
    FIELD(FIELD_INT, roi_params, width, 1, NULL),
    FIELD(FIELD_CHOICE, roi_params, mode, AVG, modes),
    FIELD(FIELD_INT, roi_params, samples, 0, NULL),
    FIELD(FIELD_INT, roi_params, half_pixel, 1, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, uint32_t inputs, mdl_error *err)
{
    const struct roi_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, inputs, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_same(n, g, 0, 1, err);
    if (!s) s = mdl_nd_need_type(n, g, 2, TYPES_INDEX, err);
    if (!s && (p->height < 1 || p->width < 1 || p->height > 1 << 20 || p->width > 1 << 20
               || p->samples < 0 || p->samples > MOST_SAMPLES))
        s = mdl_fail(err, MDL_ERR_FORMAT, "%lld x %lld of %lld samples", (long long)p->height,
                     (long long)p->width, (long long)p->samples);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status shape(const struct node *n, struct nd_call *c, int64_t numbers)
{
    const struct roi_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *rois = nd_in(c, n, 1), *images = nd_in(c, n, 2);
    char text[2][96];

    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != numbers
        || (images && (images->rank != 1 || images->dims[0] != rois->dims[0])))
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and boxes %s do not fit",
                        mdl_nd_shape_text(text[0], sizeof text[0], x),
                        mdl_nd_shape_text(text[1], sizeof text[1], rois));
    mdl_nd_set_shape(nd_out(c, n, 0), 4, (const int64_t[]){ rois->dims[0], x->dims[1], p->height, p->width });
    return MDL_OK;
}

static mdl_status need_image(const struct nd *x, double image, mdl_error *err)
{
    if (!(image >= 0 && image < (double)x->dims[0]))
        return mdl_fail(err, MDL_ERR_DATA, "image %g of %lld", image, (long long)x->dims[0]);
    return MDL_OK;
}

static double number(const struct nd *x, uint64_t i)
{
    return x->type == MDL_F32 ? (double)((const float *)x->data)[i] : ((const double *)x->data)[i];
}

/* ---- roi_pool ---------------------------------------------------------------------------------------- */

static mdl_status pool_infer(struct node *n, struct graph *g, mdl_error *err)
{
    struct roi_params *p = n->params;

    p->samples = 0;
    return infer(n, g, 2, err);
}

static mdl_status pool_shape(const struct node *n, struct nd_call *c)
{
    return shape(n, c, 5);
}

/* Halves away from zero, within what an image can be. */
static int64_t whole(double v)
{
    const double held = v < -0x1p40 ? -0x1p40 : v < 0x1p40 ? v : v >= 0x1p40 ? 0x1p40 : 0;

    return held < 0 ? -(int64_t)(0.5 - held) : (int64_t)(held + 0.5);
}

/* Cell i of `cells` of a box [from, from + size) within an axis of n. */
static void cell_of(int64_t *begin, int64_t *end, int64_t i, int64_t cells, int64_t from, int64_t size,
                    int64_t n)
{
    *begin = from + i * size / cells;
    *end = from + ((i + 1) * size + cells - 1) / cells;
    *begin = *begin < 0 ? 0 : *begin > n ? n : *begin;
    *end = *end < 0 ? 0 : *end > n ? n : *end;
}

static mdl_status pool_eval(const struct node *n, struct nd_call *c)
{
    const struct roi_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *rois = nd_in(c, n, 1), *y = nd_out(c, n, 0);
    const uint64_t channels = (uint64_t)x->dims[1], cells = (uint64_t)(p->height * p->width);

    for (uint64_t i = 0; i < y->count; i++) {
        const uint64_t r = i / cells / channels, ch = i / cells % channels;
        const double image = number(rois, r * 5);
        const mdl_status s = need_image(x, image, c->err);
        int64_t box[4], h0, h1, w0, w1;
        if (s)
            return s;
        for (uint32_t k = 0; k < 4; k++)
            box[k] = whole(number(rois, r * 5 + 1 + k) * p->scale);
        const int64_t wide = box[2] - box[0] + 1, tall = box[3] - box[1] + 1;
        cell_of(&h0, &h1, (int64_t)(i % cells) / p->width, p->height, box[1], tall > 1 ? tall : 1, x->dims[2]);
        cell_of(&w0, &w1, (int64_t)(i % cells) % p->width, p->width, box[0], wide > 1 ? wide : 1, x->dims[3]);
        const uint64_t base = ((uint64_t)image * channels + ch) * (uint64_t)(x->dims[2] * x->dims[3]);
        double best = 0;
        for (int64_t h = h0; h < h1; h++)
            for (int64_t w = w0; w < w1; w++) {
                const double v = number(x, base + (uint64_t)(h * x->dims[3] + w));
                best = (h == h0 && w == w0) || v > best || v != v ? v : best;
            }
        mdl_nd_store_f64(y->data, y->type, i, &best, 1);
    }
    return MDL_OK;
}

const struct op mdl_op_roi_pool = {
    .name = "roi_pool",
    .about = "maxima of the cells of boxes of an image",
    .fields = pool_fields,
    .n_fields = sizeof pool_fields / sizeof *pool_fields,
    .params_bytes = sizeof(struct roi_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = pool_infer,
    .shape = pool_shape,
    .eval = pool_eval,
};

/* ---- roi_align --------------------------------------------------------------------------------------- */

static mdl_status align_infer(struct node *n, struct graph *g, mdl_error *err)
{
    return infer(n, g, 3, err);
}

static mdl_status align_shape(const struct node *n, struct nd_call *c)
{
    return shape(n, c, 4);
}

/* One axis of a sample: two numbers and the weight of the second; 0 if it is outside. */
static int near(int64_t *low, int64_t *high, double *part, double at, int64_t n)
{
    if (!(at >= -1 && at <= (double)n))
        return 0;
    at = at > 0 ? at : 0;
    *low = (int64_t)at;
    *part = at - (double)*low;
    *high = *low + 1;
    if (*low >= n - 1) {
        *high = *low = n - 1;
        *part = 0;
    }
    return 1;
}

/* A box along one axis: where cells begin, how large they are, samples in each. */
struct span {
    double  begin, cell;
    int64_t samples;
};

static struct span span_of(const struct roi_params *p, double begin, double end, int64_t cells)
{
    const double offset = p->half_pixel ? 0.5 : 0;
    struct span s = { begin * p->scale - offset, 0, p->samples };
    double size = end * p->scale - offset - s.begin;

    if (!p->half_pixel && !(size >= 1))
        size = 1;
    s.cell = size / (double)cells;
    if (!s.samples) {
        const double up = -mdl_floor(-s.cell);
        s.samples = up >= MOST_SAMPLES ? MOST_SAMPLES : up > 0 ? (int64_t)up : 0;
    }
    return s;
}

static double sample_cell(const struct nd *x, uint64_t base, const struct span *h, const struct span *w,
                          int64_t row, int64_t col, int64_t mode)
{
    double sum = 0;

    for (int64_t i = 0; i < h->samples; i++)
        for (int64_t j = 0; j < w->samples; j++) {
            const double y = h->begin + (double)row * h->cell + ((double)i + 0.5) * h->cell / (double)h->samples;
            const double z = w->begin + (double)col * w->cell + ((double)j + 0.5) * w->cell / (double)w->samples;
            int64_t y0, y1, x0, x1;
            double py, px, corner[4] = { 0, 0, 0, 0 };
            if (near(&y0, &y1, &py, y, x->dims[2]) && near(&x0, &x1, &px, z, x->dims[3])) {
                const int64_t wide = x->dims[3];
                corner[0] = (1 - py) * (1 - px) * number(x, base + (uint64_t)(y0 * wide + x0));
                corner[1] = (1 - py) * px * number(x, base + (uint64_t)(y0 * wide + x1));
                corner[2] = py * (1 - px) * number(x, base + (uint64_t)(y1 * wide + x0));
                corner[3] = py * px * number(x, base + (uint64_t)(y1 * wide + x1));
            }
            if (mode == AVG) {
                sum += corner[0] + corner[1] + corner[2] + corner[3];
                continue;
            }
            for (int k = 0; k < 4; k++)
                sum = (!i && !j && !k) || corner[k] > sum ? corner[k] : sum;
        }
    const int64_t count = h->samples * w->samples;
    return mode == AVG && count > 1 ? sum / (double)count : sum;
}

static mdl_status align_eval(const struct node *n, struct nd_call *c)
{
    const struct roi_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *rois = nd_in(c, n, 1), *images = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const uint64_t channels = (uint64_t)x->dims[1], cells = (uint64_t)(p->height * p->width);

    if (y->count && (!x->dims[2] || !x->dims[3]))
        return mdl_fail(c->err, MDL_ERR_DATA, "boxes of an image without numbers");
    for (uint64_t i = 0; i < y->count; i++) {
        const uint64_t r = i / cells / channels, ch = i / cells % channels;
        const int64_t image = mdl_nd_int(images, r);
        const mdl_status s = need_image(x, (double)image, c->err);
        if (s)
            return s;
        const struct span w = span_of(p, number(rois, r * 4), number(rois, r * 4 + 2), p->width);
        const struct span h = span_of(p, number(rois, r * 4 + 1), number(rois, r * 4 + 3), p->height);
        const uint64_t base = ((uint64_t)image * channels + ch) * (uint64_t)(x->dims[2] * x->dims[3]);
        const double v = sample_cell(x, base, &h, &w, (int64_t)(i % cells) / p->width,
                                     (int64_t)(i % cells) % p->width, p->mode);
        mdl_nd_store_f64(y->data, y->type, i, &v, 1);
    }
    return MDL_OK;
}

const struct op mdl_op_roi_align = {
    .name = "roi_align",
    .about = "means or maxima of samples of the cells of boxes of an image",
    .fields = align_fields,
    .n_fields = sizeof align_fields / sizeof *align_fields,
    .params_bytes = sizeof(struct roi_params),
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .infer = align_infer,
    .shape = align_shape,
    .eval = align_eval,
};
