/*
 * op/nd_conv.c - convolutions
 *
 *     x [N, C, ...]   w [M, C / group, kernel ...]   b [M], optional   y [N, M, ...]
 *
 *     y[m][o] = act( b[m] + sum over c, t of w[m][c][t] * x[c][o * stride + t * dilation - before] )
 *
 * float32 is a product of matrices whose second factor is never made (kernel/gemm.h, b_at).  A
 * tile of the image, with zeros around it, is copied to where rows lie `wide` apart:
 *
 *     . . . . . .        row k = (c, t) of the factor is the copy moved by t: all of its numbers
 *     . x x x x .        lie side by side, so pixel p of the tile is at  b_at[k] + p,
 *     . x x x x .        p = row * wide + column.  Where rows end, p runs through a few pixels
 *     . . . . . .        that are none; they are dropped afterwards.
 *
 * With a stride the copy is split into planes of every stride-th row and column, so that a tap
 * reads neighbours again.  Sums run over c, then t, in the order of gemm.h; taps outside the image
 * count, as products with zero.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"
#include "op/nd_slide.h"

#include <string.h>

struct conv_params {
    int64_t auto_pad, group, activation;
};

static const char *const activations[] = { "none", "relu", NULL };
static const struct field fields[] = {
    FIELD(FIELD_CHOICE, conv_params, auto_pad, AUTO_NOT, mdl_auto_pads),
    FIELD(FIELD_INT, conv_params, group, 1, NULL),
    FIELD(FIELD_CHOICE, conv_params, activation, 0, activations),
};
static const struct slot slots[WINDOW_SLOTS] = { WINDOW_LISTS };

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct conv_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 2, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_same(n, g, 0, 2, err);
    if (!s) s = mdl_nd_window_check(n, err);
    if (!s && p->group < 1)
        s = mdl_fail(err, MDL_ERR_FORMAT, "group is %lld", (long long)p->group);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

/* The windows, and that x, w and b fit them. */
static mdl_status conv_window(struct window *w, const struct node *n, const struct nd_call *c)
{
    const struct conv_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    char text[2][96];

    if (weight->rank != x->rank || weight->rank < 3)
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and weights %s, expected the same rank",
                        mdl_nd_shape_text(text[0], sizeof text[0], x),
                        mdl_nd_shape_text(text[1], sizeof text[1], weight));
    const mdl_status s = mdl_nd_window(w, n, x, weight->dims + 2, p->auto_pad, 0, c->err);
    if (s)
        return s;
    for (uint32_t i = 0; n->tensors[WINDOW_KERNEL].type && i < w->axes; i++)
        if (mdl_nd_window_item(n, WINDOW_KERNEL, i, 0) != weight->dims[2 + i])
            return mdl_fail(c->err, MDL_ERR_DATA, "weights %s, which is not what 'kernel' says",
                            mdl_nd_shape_text(text[1], sizeof text[1], weight));
    if (weight->dims[0] % p->group || x->dims[1] % p->group
        || x->dims[1] / p->group != weight->dims[1])
        return mdl_fail(c->err, MDL_ERR_DATA, "an image %s and weights %s do not fit %lld groups",
                        mdl_nd_shape_text(text[0], sizeof text[0], x),
                        mdl_nd_shape_text(text[1], sizeof text[1], weight), (long long)p->group);
    if (bias && (bias->rank != 1 || bias->dims[0] != weight->dims[0]))
        return mdl_fail(c->err, MDL_ERR_DATA, "a bias %s, expected [%lld]",
                        mdl_nd_shape_text(text[0], sizeof text[0], bias), (long long)weight->dims[0]);
    return MDL_OK;
}

/* ---- float32: tiles ------------------------------------------------------------------------ */

#define SLAB      49152u          /* floats of a copy: beside weights in L2                   */
#define STRIP     18u             /* channels of results at once where pixels are dropped     */

struct tile {
    struct window w;
    size_t   channels, maps;      /* of a group: C / group, M / group                         */
    size_t   rows, cols;          /* of results in a tile                                     */
    size_t   tall, wide;          /* rows and columns of a plane                              */
    size_t   planes;              /* of a channel at one depth: strides multiplied            */
    size_t   slab;                /* floats                                                   */
    int      direct;              /* pixels of a tile are neighbours in y: nothing is dropped */
};

/* A kernel of one pixel sees an image without rows: all its pixels are one. */
static void flatten(struct window *w)
{
    for (uint32_t i = 0; i < WINDOW_AXES; i++)
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] || w->out[i] != w->in[i])
            return;
    for (uint32_t i = 0; i < WIDE; i++)
        w->in[i] = w->out[i] = 1;
    w->in[WIDE] = w->out[WIDE] = (int64_t)w->in_size;
}

/* Cut `all` into even parts of at most `most`. */
static size_t even(size_t all, size_t most)
{
    const size_t parts = (all + most - 1) / most;

    return parts ? (all + parts - 1) / parts : 1;
}

static int tile_of(struct tile *t, const struct window *w, uint64_t channels, uint64_t maps)
{
    uint64_t all, planes, plane;

    *t = (struct tile){ .w = *w, .channels = (size_t)channels, .maps = (size_t)maps };
    flatten(&t->w);
    w = &t->w;
    const uint64_t more_rows = (uint64_t)((w->kernel[TALL] - 1) * w->dilation[TALL] / w->stride[TALL]);
    const uint64_t more_cols = (uint64_t)((w->kernel[WIDE] - 1) * w->dilation[WIDE] / w->stride[WIDE]);
    const uint64_t phases_h = w->kernel[TALL] == 1 ? 1 : (uint64_t)w->stride[TALL];
    const uint64_t phases_w = w->kernel[WIDE] == 1 ? 1 : (uint64_t)w->stride[WIDE];
    if (!size_mul(phases_h, phases_w, &planes) || !size_mul(planes, (uint64_t)w->kernel[DEEP], &all)
        || !size_mul(all, channels ? channels : 1, &all))
        return 0;
    t->planes = (size_t)planes;

    const uint64_t room = SLAB / all, most = maps == 1 ? 4096 : 768;
    const uint64_t pixels = room < 64 ? 64 : room > most ? most : room;
    t->cols = even((size_t)w->out[WIDE], (size_t)pixels);
    t->cols = t->cols == (size_t)w->out[WIDE] ? t->cols : (t->cols + GEMM_COLS - 1) / GEMM_COLS * GEMM_COLS;
    t->wide = t->cols + more_cols;
    t->rows = even((size_t)w->out[TALL], pixels < t->wide ? 1 : (size_t)(pixels / t->wide));
    t->tall = t->rows + more_rows;
    t->direct = t->rows == 1 || (t->wide == t->cols && t->cols == (size_t)w->out[WIDE]);
    if (!size_mul(t->tall, t->wide, &plane) || !size_mul(plane, all, &all)
        || all > UINT32_MAX - GEMM_COLS)
        return 0;
    t->slab = (size_t)all + GEMM_COLS;
    return 1;
}

/* Bytes of the table b_at, and of all working memory. */
static int tile_bytes(const struct tile *t, uint64_t *table, uint64_t *bytes)
{
    const uint64_t strip = t->direct ? 0 : (uint64_t)STRIP * t->rows * t->wide;
    uint64_t all;

    if (!size_mul(t->channels, t->w.taps, table) || !size_mul(*table, sizeof(uint32_t), table)
        || !size_add(*table, 63, table))
        return 0;
    *table -= *table % 64;
    return size_add(t->slab, strip, &all) && size_mul(all, sizeof(float), &all)
        && size_add(all, *table, bytes);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct conv_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1);
    struct window w;
    struct tile t;
    uint64_t table;
    const mdl_status s = conv_window(&w, n, c);

    if (s)
        return s;
    mdl_nd_window_result(n, c, 0, &w, x->dims[0], weight->dims[0]);
    if (x->type == MDL_F32 && w.out_size
        && (!tile_of(&t, &w, (uint64_t)weight->dims[1], (uint64_t)(weight->dims[0] / p->group))
            || !tile_bytes(&t, &table, &c->temp_bytes)))
        return mdl_fail(c->err, MDL_ERR_DATA, "windows too large");
    return MDL_OK;
}

/* Numbers first .. end - 1 of a row of a plane lie inside the image; they are those from `from` on. */
struct part {
    size_t first, end;
    int64_t from;
};

/* n / s, mostly without a division: images may have few pixels. */
static int64_t strides_in(int64_t n, int64_t s)
{
    return s == 1 ? n : s == 2 ? n >> 1 : n / s;
}

static struct part part_of(const struct window *w, size_t wide, int64_t at)
{
    const int64_t s = w->stride[WIDE], n = w->in[WIDE];
    int64_t first = at < 0 ? strides_in(s - 1 - at, s) : 0;
    int64_t end = n > at ? strides_in(n - 1 - at, s) + 1 : 0;

    end = end < (int64_t)wide ? end : (int64_t)wide;
    first = first < end ? first : end;
    return (struct part){ (size_t)first, (size_t)end, first * s + at };
}

/* One row of a plane from one of the image; NULL: from outside it. */
static void fill_row(const struct kernels *k, float *to, size_t wide, const float *row,
                     const struct part *p, size_t stride, int again)
{
    const size_t first = row ? p->first : wide, end = row ? p->end : wide;

    for (size_t i = 0; i < first && !again; i++)
        to[i] = 0;
    if (end > first && stride == 1)
        memcpy(to + first, row + p->from, (end - first) * sizeof *to);
    else if (end > first)
        k->pick_f32(to + first, row + p->from, stride, end - first);
    for (size_t i = end; i < wide && !again; i++)
        to[i] = 0;
}

/* One plane: every stride-th row and column of the image from row y and column `col` on. */
static float *fill_plane(const struct kernels *k, float *slab, const struct tile *t, const float *image,
                         int64_t y, int64_t col, int again)
{
    const struct window *w = &t->w;
    const struct part p = part_of(w, t->wide, col);

    if (again && image && p.first < p.end && y < w->in[TALL] && w->stride[TALL] == 1
        && w->stride[WIDE] == 1) {             /* mostly so */
        const size_t above = y < 0 ? (size_t)-y : 0, wide = (size_t)w->in[WIDE], n = p.end - p.first;
        const float *row = image + (y < 0 ? 0 : y) * w->in[WIDE] + p.from;
        for (size_t i = above; i < t->tall && row < image + w->in[TALL] * w->in[WIDE]; i++, row += wide)
            memcpy(slab + i * t->wide + p.first, row, n * sizeof *row);
        return slab + t->tall * t->wide;
    }
    for (size_t i = 0; i < t->tall; i++, slab += t->wide, y += w->stride[TALL])
        fill_row(k, slab, t->wide, image && y >= 0 && y < w->in[TALL] ? image + y * w->in[WIDE] : NULL, &p,
                 (size_t)w->stride[WIDE], again);
    return slab;
}

/* Copy what a tile sees: results from row `row` and column `col` on, at depth `depth`.  `again`:
 * the copy is of the same place of another image, zeros around it are there already. */
static void fill_slab(const struct kernels *k, float *slab, const struct tile *t, const float *x,
                      int64_t depth, int64_t row, int64_t col, int again)
{
    const struct window *w = &t->w;
    const size_t area = (size_t)(w->in[TALL] * w->in[WIDE]);
    const int64_t phases_h = w->kernel[TALL] == 1 ? 1 : w->stride[TALL];
    const int64_t phases_w = w->kernel[WIDE] == 1 ? 1 : w->stride[WIDE];

    for (size_t c = 0; c < t->channels; c++)
        for (int64_t d = 0; d < w->kernel[DEEP]; d++) {
            const int64_t z = depth * w->stride[DEEP] + d * w->dilation[DEEP] - w->before[DEEP];
            const int inside = z >= 0 && z < w->in[DEEP];
            const float *image = inside ? x + (c * (size_t)w->in[DEEP] + (size_t)z) * area : NULL;
            for (int64_t h = 0; h < phases_h; h++)
                for (int64_t v = 0; v < phases_w; v++)
                    slab = fill_plane(k, slab, t, image, row * w->stride[TALL] + h - w->before[TALL],
                                      col * w->stride[WIDE] + v - w->before[WIDE], again);
        }
    if (!again)
        memset(slab, 0, GEMM_COLS * sizeof *slab);
}

/* Where in the copy tap t of channel c is. */
static void fill_table(uint32_t *at, const struct tile *t)
{
    const struct window *w = &t->w;
    const size_t phases_w = w->kernel[WIDE] == 1 ? 1 : (size_t)w->stride[WIDE], plane = t->tall * t->wide;
    const size_t sh = (size_t)w->stride[TALL], sw = (size_t)w->stride[WIDE];

    for (size_t cd = 0; cd < t->channels * (size_t)w->kernel[DEEP]; cd++)
        for (size_t h = 0; h < (size_t)w->kernel[TALL] * (size_t)w->dilation[TALL]; h += (size_t)w->dilation[TALL])
            for (size_t v = 0; v < (size_t)w->kernel[WIDE] * (size_t)w->dilation[WIDE]; v += (size_t)w->dilation[WIDE])
                *at++ = (uint32_t)((cd * t->planes + h % sh * phases_w + v % sw) * plane
                                   + h / sh * t->wide + v / sw);
}

/* Results of one group, from its slab into y, where map 0 begins. */
static void run_tile(const struct nd_call *c, const struct tile *t, struct gemm *g, float *y,
                     float *strip, size_t rows, size_t cols)
{
    const float *a = g->a, *bias = g->row_bias;

    g->cols = (rows - 1) * t->wide + cols;
    g->b_last = g->b + g->cols / GEMM_COLS * GEMM_COLS;
    if (t->direct) {
        g->y = y;
        g->y_row = (size_t)t->w.out_size;
        g->rows = t->maps;
        c->kernels->gemm_f32(g);
        return;
    }
    if (t->maps == 1 && g->depth <= GEMM_DEPTH) {
        g->y = y;
        g->y_row = (size_t)t->w.out[WIDE];
        g->rows = rows;
        g->cols = cols;
        c->kernels->gemm_pixels(g, t->wide);
        return;
    }
    g->y = strip;
    g->y_row = t->rows * t->wide;
    const size_t most = even(t->maps, STRIP);
    for (size_t m = 0; m < t->maps; m += most) {
        g->a = a + m * g->a_row;
        g->row_bias = bias ? bias + m : NULL;
        g->rows = t->maps - m < most ? t->maps - m : most;
        c->kernels->gemm_f32(g);
        for (size_t i = 0; i < g->rows; i++)
            for (size_t r = 0; r < rows; r++)
                memcpy(y + (m + i) * (size_t)t->w.out_size + r * (size_t)t->w.out[WIDE],
                       strip + i * g->y_row + r * t->wide, cols * sizeof *y);
    }
    g->a = a;
    g->row_bias = bias;
}

/* One group of one image; `first`: no other was in the slab before. */
static void run_group(const struct nd_call *c, const struct tile *t, struct gemm *g, const float *x,
                      float *y, float *slab, float *strip, int first)
{
    const struct window *w = &t->w;
    const int again = !first && t->rows == (size_t)w->out[TALL] && t->cols == (size_t)w->out[WIDE]
        && w->out[DEEP] == 1;

    for (int64_t d = 0; d < w->out[DEEP]; d++)
        for (int64_t r = 0; r < w->out[TALL]; r += (int64_t)t->rows)
            for (int64_t q = 0; q < w->out[WIDE]; q += (int64_t)t->cols) {
                const size_t rows = (size_t)(w->out[TALL] - r), cols = (size_t)(w->out[WIDE] - q);
                fill_slab(c->kernels, slab, t, x, d, r, q, again);
                run_tile(c, t, g, y + (d * w->out[TALL] + r) * w->out[WIDE] + q, strip,
                         rows < t->rows ? rows : t->rows, cols < t->cols ? cols : t->cols);
            }
}

/* Is the image the second factor as it lies?  One tile of a kernel of one pixel is, where a panel
 * that is not full is half a panel: nothing behind the image is read. */
static int lies_right(const struct tile *t)
{
    const struct window *w = &t->w;

    return w->taps == 1 && w->in[DEEP] == 1 && w->in[TALL] == 1 && w->stride[WIDE] == 1 && !w->before[WIDE]
        && w->out[WIDE] == w->in[WIDE] && w->out[TALL] == 1 && w->out[DEEP] == 1
        && t->cols == (size_t)w->out[WIDE] && t->cols % GEMM_HALF == 0;
}

static void conv_f32(const struct node *n, const struct nd_call *c, const struct window *w)
{
    const struct conv_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const size_t groups = (size_t)p->group;
    struct tile t;
    uint64_t table, bytes;

    if (!tile_of(&t, w, (uint64_t)weight->dims[1], (uint64_t)weight->dims[0] / groups)
        || !tile_bytes(&t, &table, &bytes))
        return;                   /* shape has seen that it can */
    uint32_t *at = c->temp;
    float *slab = (float *)(void *)((char *)c->temp + table), *strip = slab + t.slab;
    fill_table(at, &t);
    const size_t depth = t.channels * (size_t)w->taps;
    struct gemm g = { .a_row = depth, .b = slab, .b_panel = GEMM_COLS, .b_at = at, .depth = depth,
                      .relu = p->activation != 0 };
    const int as_it_lies = lies_right(&t);
    if (as_it_lies) {
        g.b_at = NULL;
        g.b_step = g.last_step = g.y_row = g.cols = t.cols;
        g.rows = t.maps;
    }
    for (size_t i = 0, group = 0; i < (size_t)x->dims[0] * groups; i++) {
        g.a = (const float *)weight->data + group * t.maps * depth;
        g.row_bias = bias ? (const float *)bias->data + group * t.maps : NULL;
        group = group + 1 < groups ? group + 1 : 0;
        const float *image = (const float *)x->data + i * t.channels * (size_t)w->in_size;
        float *result = (float *)y->data + i * t.maps * (size_t)w->out_size;
        if (!as_it_lies) {
            run_group(c, &t, &g, image, result, slab, strip, i == 0);
            continue;
        }
        g.y = result;
        g.b = image;
        g.b_last = image + t.cols / GEMM_COLS * GEMM_COLS;
        c->kernels->gemm_f32(&g);
    }
}

/* ---- float64: tap after tap over whole rows --------------------------------------------------- */

/* y[o] += v * x[...] along all three axes, for one tap of one channel. */
static void add_tap(double *y, const double *x, double v, const struct window *w, const int64_t *tap)
{
    int64_t first[WINDOW_AXES], end[WINDOW_AXES];
    const int64_t s = w->stride[WIDE], at = tap[WIDE] * w->dilation[WIDE] - w->before[WIDE];

    for (uint32_t i = 0; i < WINDOW_AXES; i++)
        window_range(w, i, tap[i], &first[i], &end[i]);
    for (int64_t d = first[DEEP]; d < end[DEEP]; d++)
        for (int64_t h = first[TALL]; h < end[TALL]; h++) {
            const int64_t z = d * w->stride[DEEP] + tap[DEEP] * w->dilation[DEEP] - w->before[DEEP];
            const int64_t r = h * w->stride[TALL] + tap[TALL] * w->dilation[TALL] - w->before[TALL];
            const double *from = x + (z * w->in[TALL] + r) * w->in[WIDE];
            double *to = y + (d * w->out[TALL] + h) * w->out[WIDE];
            for (int64_t o = first[WIDE]; o < end[WIDE]; o++)
                to[o] += v * from[o * s + at];
        }
}

static void conv_f64(const struct node *n, const struct nd_call *c, const struct window *w)
{
    const struct conv_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *weight = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    const struct nd *result = nd_out(c, n, 0);
    const uint64_t channels = (uint64_t)weight->dims[1], maps = (uint64_t)weight->dims[0];
    const uint64_t per_group = maps / (uint64_t)p->group;

    for (uint64_t i = 0; i < (uint64_t)x->dims[0] * maps; i++) {
        const uint64_t m = i % maps;
        const uint64_t from = i / maps * (uint64_t)x->dims[1] + m / per_group * channels;
        const double *v = (const double *)weight->data + m * channels * w->taps;
        double *y = (double *)result->data + i * w->out_size;
        for (uint64_t o = 0; o < w->out_size; o++)
            y[o] = 0;
        for (uint64_t k = 0; k < channels * w->taps; k++) {
            const int64_t t = (int64_t)(k % w->taps);
            const int64_t tap[WINDOW_AXES] = { t / w->kernel[WIDE] / w->kernel[TALL],
                                               t / w->kernel[WIDE] % w->kernel[TALL], t % w->kernel[WIDE] };
            add_tap(y, (const double *)x->data + (from + k / w->taps) * w->in_size, v[k], w, tap);
        }
        for (uint64_t o = 0; bias && o < w->out_size; o++)
            y[o] += ((const double *)bias->data)[m];
    }
    if (p->activation)
        c->kernels->relu_f64(result->data, result->data, (size_t)result->count);
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    struct window w;
    const mdl_status s = conv_window(&w, n, c);

    if (s || !nd_out(c, n, 0)->count)
        return s;
    if (nd_in(c, n, 0)->type == MDL_F32)
        conv_f32(n, c, &w);
    else
        conv_f64(n, c, &w);
    return MDL_OK;
}

const struct op mdl_op_conv = {
    .name = "conv",
    .about = "activation(convolution of x with w + b)",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = WINDOW_SLOTS,
    .params_bytes = sizeof(struct conv_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
