/*
 * op/nd_dft.c - Fourier transforms along an axis, and of frames
 *
 *   dft   x [..., d, ..., 1 or 2]   length, axis: one int32 or int64, optional
 *         y [..., n, ..., 2]        real and imaginary part
 *         x is cut or filled with zeros to `length` n.  onesided: n / 2 + 1 of the results of
 *         a real x; with inverse, x are these, and y is real [..., n, ..., 1]
 *   stft  x [batch, d, 1 or 2]   step: one integer   window [w] optional   length optional
 *         y [batch, frames, n or n / 2 + 1, 2]   of each frame times the window
 *
 * float32 or float64, in double throughout.  temp: a line [n] complex, the transform's plan,
 * the window [n].
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_fft.h"

#include <string.h>

/* The one number in input i, `fallback` if it is not given. */
static mdl_status number_in(const struct node *n, const struct nd_call *c, uint32_t i,
                            int64_t fallback, int64_t *v)
{
    const struct nd *t = nd_in(c, n, i);

    *v = fallback;
    if (t && t->count != 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "input %u has %llu numbers, expected 1", (unsigned)i,
                        (unsigned long long)t->count);
    if (t)
        *v = mdl_nd_int(t, 0);
    return MDL_OK;
}

static mdl_status need_length(int64_t n, mdl_error *err)
{
    if (n < 1 || n > FFT_MOST)
        return mdl_fail(err, MDL_ERR_DATA, "a transform of %lld numbers", (long long)n);
    return MDL_OK;
}

static mdl_status signal_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* A line of complex numbers, read from parts `step` numbers of x apart. */
static void load_line(double *line, const struct nd *x, uint64_t at, uint64_t step, uint64_t count,
                      uint64_t n)
{
    const int is_complex = x->dims[x->rank - 1] == 2;

    memset(line, 0, (size_t)n * 2 * sizeof(double));
    for (uint64_t i = 0; i < count && i < n; i++)
        mdl_nd_load_f64(line + 2 * i, x->data, x->type, at + i * step, is_complex ? 2 : 1);
}

static void exchange_parts(double *line, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        const double re = line[2 * i];
        line[2 * i] = line[2 * i + 1];
        line[2 * i + 1] = re;
    }
}

/* ---- dft -------------------------------------------------------------------------------------- */

struct dft_params {
    int64_t inverse, onesided;
};

static const struct field dft_fields[] = {
    FIELD(FIELD_INT, dft_params, inverse, 0, NULL),
    FIELD(FIELD_INT, dft_params, onesided, 0, NULL),
};

static mdl_status dft_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    if (!s) s = mdl_nd_need_type(n, g, 2, TYPES_INDEX, err);
    return s ? s : signal_infer(n, g, err);
}

/* Axis and length. */
static mdl_status dft_asked(const struct node *n, const struct nd_call *c, int64_t *axis, int64_t *length)
{
    const struct dft_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    mdl_status s = number_in(n, c, 2, -2, axis);

    if (s)
        return s;
    if (x->rank < 2 || (x->dims[x->rank - 1] != 1 && x->dims[x->rank - 1] != 2))
        return mdl_fail(c->err, MDL_ERR_DATA, "the last axis of x is not one of 1 or 2 parts");
    if ((s = mdl_nd_axis(axis, x->rank, c->err)))
        return s;
    if (*axis == (int64_t)x->rank - 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "the last axis holds the parts of numbers");
    if (p->onesided && !p->inverse && x->dims[x->rank - 1] == 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "one side of the transform of complex numbers");
    const int64_t d = x->dims[*axis];
    s = number_in(n, c, 1, p->onesided && p->inverse ? 2 * (d - 1) : d, length);
    return s ? s : need_length(*length, c->err);
}

static mdl_status dft_shape(const struct node *n, struct nd_call *c)
{
    const struct dft_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    int64_t axis, length;
    const mdl_status s = dft_asked(n, c, &axis, &length);

    if (s)
        return s;
    nd_like(y, x);
    y->dims[axis] = p->onesided && !p->inverse ? length / 2 + 1 : length;
    y->dims[x->rank - 1] = p->onesided && p->inverse ? 1 : 2;
    c->temp_bytes = mdl_nd_fft_bytes((uint64_t)length) + (uint64_t)length * 2 * sizeof(double);
    return MDL_OK;
}

/* Where one side is given: n / 2 + 1 numbers; the others are their conjugates in reverse. */
static void other_side(double *line, uint64_t n)
{
    line[1] = 0;
    for (uint64_t i = 1; i <= n / 2; i++) {
        double *a = line + 2 * i, *b = line + 2 * (n - i);
        if (a == b)
            a[1] = 0;
        b[0] = a[0];
        b[1] = -a[1];
    }
}

static mdl_status dft_eval(const struct node *n, struct nd_call *c)
{
    const struct dft_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    int64_t axis, length;
    struct fft f;
    const mdl_status s = dft_asked(n, c, &axis, &length);

    if (s || !y->count)
        return s;
    const uint64_t size = (uint64_t)length, outer = nd_product(x, 0, (uint32_t)axis);
    const uint64_t inner = nd_product(x, (uint32_t)axis + 1, x->rank - 1);
    const uint64_t parts = (uint64_t)x->dims[x->rank - 1], y_parts = (uint64_t)y->dims[x->rank - 1];
    const uint64_t d = (uint64_t)x->dims[axis], results = (uint64_t)y->dims[axis];
    const uint64_t given = p->onesided && p->inverse && d > size / 2 + 1 ? size / 2 + 1 : d;
    double *line = c->temp;

    mdl_nd_fft_plan(&f, size, line + 2 * size);
    for (uint64_t i = 0; i < outer * inner; i++) {
        const uint64_t o = i / inner, k = i % inner;

        load_line(line, x, (o * d * inner + k) * parts, inner * parts, given, size);
        if (p->inverse && p->onesided)
            other_side(line, size);
        if (p->inverse)
            exchange_parts(line, size);
        mdl_nd_fft(&f, line);
        if (p->inverse)
            exchange_parts(line, size);
        for (uint64_t r = 0; r < results; r++) {
            double v[2] = { line[2 * r], line[2 * r + 1] };
            if (p->inverse)
                v[0] /= (double)size, v[1] /= (double)size;
            mdl_nd_store_f64(y->data, y->type, ((o * results + r) * inner + k) * y_parts, v,
                             (size_t)y_parts);
        }
    }
    return MDL_OK;
}

const struct op mdl_op_dft = {
    .name = "dft",
    .about = "the discrete Fourier transform along an axis",
    .fields = dft_fields,
    .n_fields = sizeof dft_fields / sizeof *dft_fields,
    .params_bytes = sizeof(struct dft_params),
    .min_in = 1,
    .max_in = 3,
    .n_out = 1,
    .infer = dft_infer,
    .shape = dft_shape,
    .eval = dft_eval,
    .contents = 1u << 1 | 1u << 2,
};

/* ---- stft ------------------------------------------------------------------------------------- */

struct stft_params {
    int64_t onesided;
};

static const struct field stft_fields[] = {
    FIELD(FIELD_INT, stft_params, onesided, 1, NULL),
};

static mdl_status stft_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    if (!s) s = mdl_nd_need_type(n, g, 2, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_type(n, g, 3, TYPES_INDEX, err);
    if (!s && !nd_given(n, 1))
        return mdl_fail(err, MDL_ERR_FORMAT, "no step");
    return s ? s : signal_infer(n, g, err);
}

static mdl_status stft_asked(const struct node *n, const struct nd_call *c, int64_t *step, int64_t *length)
{
    const struct nd *x = nd_in(c, n, 0), *window = nd_in(c, n, 2);
    mdl_status s;

    if (x->rank != 3 || (x->dims[2] != 1 && x->dims[2] != 2))
        return mdl_fail(c->err, MDL_ERR_DATA, "x is not [batch, length, 1 or 2]");
    if (window && window->rank != 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "the window has rank %u", (unsigned)window->rank);
    if (((const struct stft_params *)n->params)->onesided && x->dims[2] == 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "one side of the transform of complex numbers");
    s = number_in(n, c, 1, 1, step);
    if (!s) s = number_in(n, c, 3, window ? window->dims[0] : x->dims[1], length);
    if (!s && *step < 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "a step of %lld", (long long)*step);
    return s ? s : need_length(*length, c->err);
}

static mdl_status stft_shape(const struct node *n, struct nd_call *c)
{
    const struct stft_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    int64_t step, length;
    const mdl_status s = stft_asked(n, c, &step, &length);

    if (s)
        return s;
    const int64_t frames = x->dims[1] < length ? 0 : 1 + (x->dims[1] - length) / step;
    mdl_nd_set_shape(nd_out(c, n, 0), 4, (int64_t[]){ x->dims[0], frames,
                                                  p->onesided ? length / 2 + 1 : length, 2 });
    c->temp_bytes = mdl_nd_fft_bytes((uint64_t)length) + (uint64_t)length * 3 * sizeof(double);
    return MDL_OK;
}

static mdl_status stft_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *window = nd_in(c, n, 2), *y = nd_out(c, n, 0);
    int64_t step, length;
    struct fft f;
    const mdl_status s = stft_asked(n, c, &step, &length);

    if (s || !y->count)
        return s;
    const uint64_t size = (uint64_t)length, frames = (uint64_t)y->dims[1];
    const uint64_t results = (uint64_t)y->dims[2], parts = (uint64_t)x->dims[2];
    const uint64_t wide = !window || window->count > size ? size : window->count;
    double *line = c->temp, *weight = line + 2 * size;

    if (window)                   /* shorter than the frame: zeros follow */
        mdl_nd_load_f64(weight, window->data, window->type, 0, (size_t)wide);
    mdl_nd_fft_plan(&f, size, weight + size);
    for (uint64_t i = 0; i < (uint64_t)x->dims[0] * frames; i++) {
        const uint64_t first = i / frames * (uint64_t)x->dims[1] + i % frames * (uint64_t)step;

        load_line(line, x, first * parts, parts, wide, size);
        for (uint64_t k = 0; window && k < wide; k++) {
            line[2 * k] *= weight[k];
            line[2 * k + 1] *= weight[k];
        }
        mdl_nd_fft(&f, line);
        mdl_nd_store_f64(y->data, y->type, i * results * 2, line, (size_t)results * 2);
    }
    return MDL_OK;
}

const struct op mdl_op_stft = {
    .name = "stft",
    .about = "Fourier transforms of frames of a signal",
    .fields = stft_fields,
    .n_fields = sizeof stft_fields / sizeof *stft_fields,
    .params_bytes = sizeof(struct stft_params),
    .min_in = 2,
    .max_in = 4,
    .n_out = 1,
    .infer = stft_infer,
    .shape = stft_shape,
    .eval = stft_eval,
    .contents = 1u << 1 | 1u << 3,
};
