/*
 * op/nd_window.c - what weighs samples and spectra: windows, triangles of the mel scale
 *
 *   window       size: one integer          y [size]
 *   mel_weights  bands, length, rate: one integer each; low, high: one float each, in hertz
 *                y [length / 2 + 1, bands]  triangles of height 1, evenly apart in mel
 *
 * In double; y has the type `to`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include "kernel/math.h"

#include <string.h>

#define PI   0x1.921fb54442d18p+1
#define LN10 0x1.26bb1bbb55516p+1

static const char *const numbers[] = { "float32", "float64", "float16", "bfloat16", "int8", "uint8",
                                       "int16", "uint16", "int32", "uint32", "int64", "uint64", NULL };

/* Types are numbered in this order. */
static uint32_t number_type(int64_t choice)
{
    return MDL_F32 + (uint32_t)choice;
}

static mdl_status one_number(const struct nd_call *c, const struct node *n, uint32_t i)
{
    if (nd_in(c, n, i)->count != 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "input %u has %llu numbers, expected 1", (unsigned)i,
                        (unsigned long long)nd_in(c, n, i)->count);
    return MDL_OK;
}

/* ---- window -------------------------------------------------------------------------------------- */

struct window_params {
    int64_t kind, periodic, to;
};

enum { HANN, HAMMING, BLACKMAN };
static const char *const windows[] = { "hann", "hamming", "blackman", NULL };

/* a - b cos t + c cos 2t */
static const double terms[][3] = {
    [HANN] = { 0.5, 0.5, 0 },
    [HAMMING] = { 25.0 / 46, 21.0 / 46, 0 },
    [BLACKMAN] = { 0.42, 0.5, 0.08 },
};

static const struct field window_fields[] = {
    FIELD(FIELD_CHOICE, window_params, kind, HANN, windows),
    FIELD(FIELD_INT, window_params, periodic, 1, NULL),
    FIELD(FIELD_CHOICE, window_params, to, 0, numbers),
};

static mdl_status window_infer(struct node *n, struct graph *g, mdl_error *err)
{
    nd_result(n, g, 0, number_type(((const struct window_params *)n->params)->to));
    return mdl_nd_need_type(n, g, 0, TYPES_INDEX, err);
}

static mdl_status window_shape(const struct node *n, struct nd_call *c)
{
    const mdl_status s = one_number(c, n, 0);

    if (s)
        return s;
    const int64_t size = mdl_nd_int(nd_in(c, n, 0), 0);
    if (size < 0)
        return mdl_fail(c->err, MDL_ERR_DATA, "a window of %lld numbers", (long long)size);
    mdl_nd_set_shape(nd_out(c, n, 0), 1, &size);
    return MDL_OK;
}

static mdl_status window_eval(const struct node *n, struct nd_call *c)
{
    const struct window_params *p = n->params;
    const struct nd *y = nd_out(c, n, 0);
    const double *t = terms[p->kind], turn = (double)(p->periodic ? y->count : y->count - 1);

    for (uint64_t i = 0; i < y->count; i++) {
        const double at = 2 * PI * (double)i / turn;
        double v = t[0] - t[1] * mdl_cos(at) + t[2] * mdl_cos(2 * at);
        if (turn == 0)            /* one number, symmetric: its middle */
            v = 1;
        mdl_nd_store_f64(y->data, y->type, i, &v, 1);
    }
    return MDL_OK;
}

const struct op mdl_op_window = {
    .name = "window",
    .about = "a Hann, Hamming or Blackman window",
    .fields = window_fields,
    .n_fields = sizeof window_fields / sizeof *window_fields,
    .params_bytes = sizeof(struct window_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = window_infer,
    .shape = window_shape,
    .eval = window_eval,
    .contents = 1u << 0,
    .traits = ND_HALF,
};

/* ---- mel_weights ----------------------------------------------------------------------------------- */

enum { BANDS, LENGTH, RATE, LOW, HIGH };

struct mel_params {
    int64_t to;
};

static const struct field mel_fields[] = {
    FIELD(FIELD_CHOICE, mel_params, to, 0, numbers),
};

static mdl_status mel_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = MDL_OK;

    for (uint32_t i = BANDS; i <= HIGH && !s; i++)
        s = mdl_nd_need_type(n, g, i, i <= RATE ? TYPES_INDEX : TYPES_FLOATS, err);
    nd_result(n, g, 0, number_type(((const struct mel_params *)n->params)->to));
    return s;
}

static mdl_status mel_shape(const struct node *n, struct nd_call *c)
{
    mdl_status s = MDL_OK;

    for (uint32_t i = BANDS; i <= HIGH && !s; i++)
        s = one_number(c, n, i);
    if (s)
        return s;
    const int64_t bands = mdl_nd_int(nd_in(c, n, BANDS), 0), length = mdl_nd_int(nd_in(c, n, LENGTH), 0);
    if (bands < 0 || length < 0)
        return mdl_fail(c->err, MDL_ERR_DATA, "%lld bands of a transform of %lld numbers",
                        (long long)bands, (long long)length);
    mdl_nd_set_shape(nd_out(c, n, 0), 2, (int64_t[]){ length / 2 + 1, bands });
    return MDL_OK;
}

static double mel(double hertz)
{
    return 2595 / LN10 * mdl_log(1 + hertz / 700);
}

/* Edge i of the bands, in bins. */
static int64_t edge(double low, double step, uint64_t i, double length, double rate)
{
    const double hertz = 700 * (mdl_pow(10, (low + (double)i * step) / 2595) - 1);
    const double bin = mdl_floor((length + 1) * hertz / rate);

    return bin > 0x1p40 ? (int64_t)1 << 40 : bin > -0x1p40 ? (int64_t)bin : -((int64_t)1 << 40);
}

static mdl_status mel_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *y = nd_out(c, n, 0);
    const uint64_t bands = (uint64_t)y->dims[1];
    const double length = (double)mdl_nd_int(nd_in(c, n, LENGTH), 0);
    const double rate = (double)mdl_nd_int(nd_in(c, n, RATE), 0);
    const double low = mdl_nd_number(nd_in(c, n, LOW), 0), high = mdl_nd_number(nd_in(c, n, HIGH), 0);

    if (!(rate > 0) || !(low > -700) || !(high > -700) || !(high < 0x1p100))
        return mdl_fail(c->err, MDL_ERR_DATA, "a rate below 1, or edges at or below -700 hertz");
    const double step = (mel(high) - mel(low)) / (double)(bands + 2);
    memset(y->data, 0, (size_t)y->count * mdl_type_bytes(y->type));
    for (uint64_t b = 0; b < bands; b++) {
        const int64_t left = edge(mel(low), step, b, length, rate);
        const int64_t middle = edge(mel(low), step, b + 1, length, rate);
        const int64_t right = edge(mel(low), step, b + 2, length, rate);
        const int64_t end = right > middle ? right : middle + 1;

        for (int64_t bin = left > 0 ? left : 0; bin < end && bin < y->dims[0]; bin++) {
            const double v = bin < middle ? (double)(bin - left) / (double)(middle - left)
                           : bin == middle ? 1 : (double)(right - bin) / (double)(right - middle);
            mdl_nd_store_f64(y->data, y->type, (uint64_t)bin * bands + b, &v, 1);
        }
    }
    return MDL_OK;
}

const struct op mdl_op_mel_weights = {
    .name = "mel_weights",
    .about = "triangles evenly apart on the mel scale",
    .fields = mel_fields,
    .n_fields = sizeof mel_fields / sizeof *mel_fields,
    .params_bytes = sizeof(struct mel_params),
    .min_in = 5,
    .max_in = 5,
    .n_out = 1,
    .infer = mel_infer,
    .shape = mel_shape,
    .eval = mel_eval,
    .contents = 1u << BANDS | 1u << LENGTH,
    .traits = ND_HALF,
};
