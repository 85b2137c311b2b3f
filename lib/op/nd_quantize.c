/*
 * op/nd_quantize.c - between numbers and few bits
 *
 *   quantize    y = round(x / scale) + zero, held within the type; floats of 8 and 4 bits are
 *               rounded to nearest even
 *   dequantize  y = (x - zero) scale
 *   dynamic_quantize  the same with scale and zero from the extremes of x: y uint8, scale
 *               float32, zero uint8
 *
 * Scales and zero points: see nd_quantize.h.  The quotient is rounded to `precision`, by
 * default the type of scale; ties of integers go to even; NaN becomes the least integer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_quantize.h"

#include "kernel/half.h"

#include <string.h>

/* "as given" and the types, which follow. */
static const char *const quantized[] = {
    "default", "uint8", "int8", "uint16", "int16", "uint4", "int4", "uint2", "int2",
    "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float4e2m1", NULL
};
static const uint8_t quantized_types[] = {
    0, MDL_U8, MDL_I8, MDL_U16, MDL_I16, MDL_U4, MDL_I4, MDL_U2, MDL_I2,
    MDL_F8E4M3FN, MDL_F8E4M3FNUZ, MDL_F8E5M2, MDL_F8E5M2FNUZ, MDL_F4E2M1
};
static const char *const floats[] = { "default", "float32", "float16", "bfloat16", NULL };
static const uint8_t float_types[] = { 0, MDL_F32, MDL_F16, MDL_BF16 };

#define TYPES_SMALL (TYPE_BIT(MDL_F8E4M3FN) | TYPE_BIT(MDL_F8E4M3FNUZ) | TYPE_BIT(MDL_F8E5M2) \
                     | TYPE_BIT(MDL_F8E5M2FNUZ) | TYPE_BIT(MDL_F4E2M1))
#define TYPES_FEW   (TYPE_BIT(MDL_U8) | TYPE_BIT(MDL_I8) | TYPE_BIT(MDL_U16) | TYPE_BIT(MDL_I16) \
                     | TYPE_BIT(MDL_U4) | TYPE_BIT(MDL_I4) | TYPE_BIT(MDL_U2) | TYPE_BIT(MDL_I2))
#define TYPES_SCALE (TYPE_BIT(MDL_F32) | TYPE_BIT(MDL_F16) | TYPE_BIT(MDL_BF16) \
                     | TYPE_BIT(MDL_F8E8M0))
#define TYPES_WIDE  (TYPE_BIT(MDL_F32) | TYPE_BIT(MDL_F16) | TYPE_BIT(MDL_BF16) | TYPE_BIT(MDL_I32))

/* ---- scales -------------------------------------------------------------------------------------- */

mdl_status mdl_nd_quant(struct quant *q, const struct nd *x, const struct nd *scale,
                        const struct nd *zero, int64_t axis, int64_t block, mdl_error *err)
{
    char a[96], b[96];
    int fits;
    mdl_status s;

    *q = (struct quant){ .n = 1, .inner = 1, .single = scale->count == 1 && scale->rank <= 1 };
    if (zero && (zero->count != scale->count || (zero->rank != scale->rank && scale->count != 1)))
        return mdl_fail(err, MDL_ERR_DATA, "zero points of shape %s for scales of shape %s",
                        mdl_nd_shape_text(a, sizeof a, zero), mdl_nd_shape_text(b, sizeof b, scale));
    if (q->single)
        return MDL_OK;
    if ((s = mdl_nd_axis(&axis, x->rank, err)))
        return s;
    q->n = (uint64_t)x->dims[axis];
    q->inner = nd_product(x, (uint32_t)axis + 1, x->rank);
    q->block = (uint64_t)block;
    q->blocks = block ? q->n / q->block + (q->n % q->block != 0) : 0;
    fits = block ? scale->rank == x->rank : scale->rank == 1 && scale->count == q->n;
    for (uint32_t i = 0; block && fits && i < x->rank; i++)
        fits = (uint64_t)scale->dims[i] == (i == (uint32_t)axis ? q->blocks : (uint64_t)x->dims[i]);
    if (!fits)
        return mdl_fail(err, MDL_ERR_DATA, "scales of shape %s for %s, axis %lld, blocks of %lld",
                        mdl_nd_shape_text(a, sizeof a, scale), mdl_nd_shape_text(b, sizeof b, x),
                        (long long)axis, (long long)block);
    return MDL_OK;
}

struct quant_params {
    int64_t axis, block, to, precision, saturate;
};

static mdl_status quant_shape(const struct node *n, struct nd_call *c)
{
    const struct quant_params *p = n->params;
    struct quant q;
    const mdl_status s = mdl_nd_quant(&q, nd_in(c, n, 0), nd_in(c, n, 1), nd_in(c, n, 2), p->axis,
                                      p->block, c->err);

    return s ? s : mdl_nd_shape_same(n, c);
}

/* ---- quantize -------------------------------------------------------------------------------------- */

static const struct field quantize_fields[] = {
    FIELD(FIELD_INT, quant_params, axis, 1, NULL),
    FIELD(FIELD_INT, quant_params, block, 0, NULL),
    FIELD(FIELD_CHOICE, quant_params, to, 0, quantized),
    FIELD(FIELD_CHOICE, quant_params, precision, 0, floats),
    FIELD(FIELD_INT, quant_params, saturate, 1, NULL),
};

static mdl_status quantize_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct quant_params *p = n->params;
    const uint32_t zero = nd_type(n, g, 2), to = quantized_types[p->to];
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_WIDE, err);

    if (!s) s = mdl_nd_need_type(n, g, 1, TYPES_SCALE | TYPE_BIT(MDL_I32), err);
    if (!s) s = mdl_nd_need_type(n, g, 2, TYPES_FEW | TYPES_SMALL, err);
    if (s)
        return s;
    if (!nd_given(n, 1) || p->block < 0)
        return mdl_fail(err, MDL_ERR_FORMAT, "no scale, or blocks of %lld", (long long)p->block);
    if (zero && to && zero != to)
        return mdl_fail(err, MDL_ERR_FORMAT, "the zero point is %s, the result %s",
                        mdl_type_name(zero), mdl_type_name(to));
    nd_result(n, g, 0, zero ? zero : to ? to : MDL_U8);
    return MDL_OK;
}

/* Least and largest of the type; of floats what saturates. */
static void limits(uint32_t type, float *least, float *most)
{
    switch (type) {
    case MDL_U8: *least = 0, *most = 255; return;
    case MDL_I8: *least = -128, *most = 127; return;
    case MDL_U16: *least = 0, *most = 65535; return;
    case MDL_I16: *least = -32768, *most = 32767; return;
    case MDL_U4: *least = 0, *most = 15; return;
    case MDL_I4: *least = -8, *most = 7; return;
    case MDL_U2: *least = 0, *most = 3; return;
    case MDL_I2: *least = -2, *most = 1; return;
    case MDL_F8E4M3FN: *most = 448; break;
    case MDL_F8E4M3FNUZ: *most = 240; break;
    case MDL_F4E2M1: *most = 6; break;
    default: *most = 57344; break;
    }
    *least = -*most;
}

/* x to the precision of a type. */
static float rounded(float x, uint32_t type)
{
    return type == MDL_F16 ? half_to_float(half_from_float(x))
         : type == MDL_BF16 ? bf16_to_float(bf16_from_float(x)) : x;
}

/* A loop whose length is known where it is a whole chunk: compilers then use vectors. */
#define WHOLE_OR_PART(n, STATEMENT) \
    if ((n) == ND_CHUNK) \
        for (size_t i = 0; i < ND_CHUNK; i++) { STATEMENT; } \
    else \
        for (size_t i = 0; i < (n); i++) { STATEMENT; }

/* v[i] = v[i] / scale, in place. */
static void divide(float *v, size_t n, float scale, uint32_t precision)
{
    if (precision == MDL_F32) {
        WHOLE_OR_PART(n, v[i] /= scale)
        return;
    }
    scale = rounded(scale, precision);
    for (size_t i = 0; i < n; i++)
        v[i] = rounded(rounded(v[i], precision) / scale, precision);
}

/* round(v) + zero, held within the type: exact, because what is far outside is cut first. */
static void to_integers(float *v, size_t n, float zero, float least, float most)
{
    const float low = least - zero, high = most - zero;

    /* NaN: the least.  To nearest even, as |v| < 2^17. */
    WHOLE_OR_PART(n, v[i] = v[i] > low ? v[i] : low)
    WHOLE_OR_PART(n, v[i] = v[i] < high ? v[i] : high)
    WHOLE_OR_PART(n, v[i] = ((v[i] + 0x1.8p23f) - 0x1.8p23f) + zero)
}

static void to_floats(float *v, size_t n, float zero, float most, int saturate)
{
    for (size_t i = 0; i < n; i++) {
        const float x = v[i] + zero;
        v[i] = !saturate ? x : x > most ? most : x < -most ? -most : x;
    }
}

/* v into a type; if that is an integer, v are numbers of it. */
#define STORE_CHUNK(TYPE, C) \
    case TYPE: \
        for (size_t i = 0; i < ND_CHUNK; i++) \
            ((C *)to)[i] = (C)(int32_t)v[i]; \
        return;

static void store_chunk(void *data, uint32_t type, uint64_t first, const float *v, size_t n)
{
    char *to = (char *)data + first * mdl_type_bytes(type);

    if (n == ND_CHUNK)
        switch (type) {
        STORE_CHUNK(MDL_U8, uint8_t)
        STORE_CHUNK(MDL_I8, int8_t)
        STORE_CHUNK(MDL_U16, uint16_t)
        STORE_CHUNK(MDL_I16, int16_t)
        default: break;
        }
    mdl_nd_store_f32(data, type, first, v, n);
}

static mdl_status quantize_eval(const struct node *n, struct nd_call *c)
{
    const struct quant_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *scale = nd_in(c, n, 1), *zero = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const int is_float = (TYPES_SMALL & TYPE_BIT(y->type)) != 0;
    const uint32_t precision = p->precision ? float_types[p->precision]
                             : scale->type == MDL_F16 || scale->type == MDL_BF16 ? scale->type
                                                                                 : MDL_F32;
    float v[ND_CHUNK], least, most;
    struct quant q;
    const mdl_status s = mdl_nd_quant(&q, x, scale, zero, p->axis, p->block, c->err);

    if (s)
        return s;
    limits(y->type, &least, &most);
    for (uint64_t i = 0, m; i < x->count; i += m) {
        m = x->count - i < ND_CHUNK ? x->count - i : ND_CHUNK;
        mdl_nd_load_f32(v, x->data, x->type, i, (size_t)m);
        for (uint64_t k = 0, run; k < m; k += run) {
            const uint64_t at = q.single ? 0 : quant_at(&q, i + k);
            float by, from = 0;
            run = q.single ? m : quant_run(&q, i + k);
            run = run < m - k ? run : m - k;
            mdl_nd_load_f32(&by, scale->data, scale->type, at, 1);
            if (zero)
                mdl_nd_load_f32(&from, zero->data, zero->type, at, 1);
            divide(v + k, (size_t)run, by, precision);
            if (is_float)
                to_floats(v + k, (size_t)run, from, most, p->saturate || y->type == MDL_F4E2M1);
            else
                to_integers(v + k, (size_t)run, from, least, most);
        }
        store_chunk(y->data, y->type, i, v, (size_t)m);
    }
    return MDL_OK;
}

const struct op mdl_op_quantize = {
    .name = "quantize",
    .about = "x / scale + zero, rounded to few bits",
    .fields = quantize_fields,
    .n_fields = sizeof quantize_fields / sizeof *quantize_fields,
    .params_bytes = sizeof(struct quant_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = quantize_infer,
    .shape = quant_shape,
    .eval = quantize_eval,
    .traits = ND_HALF,
};

/* ---- dequantize ------------------------------------------------------------------------------------ */

static const struct field dequantize_fields[] = {
    FIELD(FIELD_INT, quant_params, axis, 1, NULL),
    FIELD(FIELD_INT, quant_params, block, 0, NULL),
    FIELD(FIELD_CHOICE, quant_params, to, 0, floats),
};

static mdl_status dequantize_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct quant_params *p = n->params;
    const uint32_t to = float_types[p->to], scale = nd_type(n, g, 1);
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FEW | TYPES_SMALL | TYPE_BIT(MDL_I32), err);

    if (!s) s = mdl_nd_need_type(n, g, 1, TYPES_SCALE, err);
    if (s)
        return s;
    if (!scale || p->block < 0)
        return mdl_fail(err, MDL_ERR_FORMAT, "no scale, or blocks of %lld", (long long)p->block);
    if (nd_given(n, 2) && nd_type(n, g, 2) != nd_type(n, g, 0))
        return mdl_fail(err, MDL_ERR_FORMAT, "the zero point is %s, x is %s",
                        mdl_type_name(nd_type(n, g, 2)), mdl_type_name(nd_type(n, g, 0)));
    nd_result(n, g, 0, to ? to : scale == MDL_F8E8M0 ? MDL_F32 : scale);
    return MDL_OK;
}

#define LOAD_CHUNK(TYPE, C) \
    case TYPE: \
        for (size_t i = 0; i < ND_CHUNK; i++) \
            v[i] = (float)((const C *)from)[i]; \
        return;

static void load_chunk(float *v, const struct nd *x, uint64_t first, size_t n)
{
    const char *from = (const char *)x->data + first * mdl_type_bytes(x->type);

    if (n == ND_CHUNK)
        switch (x->type) {
        LOAD_CHUNK(MDL_U8, uint8_t)
        LOAD_CHUNK(MDL_I8, int8_t)
        LOAD_CHUNK(MDL_U16, uint16_t)
        LOAD_CHUNK(MDL_I16, int16_t)
        default: break;
        }
    mdl_nd_load_f32(v, x->data, x->type, first, n);
}

/* v = (v - zero) scale, rounded once: differences of what has 16 bits are exact. */
static void scaled(float *v, size_t n, float zero, float scale)
{
    WHOLE_OR_PART(n, v[i] = (v[i] - zero) * scale)
}

static mdl_status dequantize_eval(const struct node *n, struct nd_call *c)
{
    const struct quant_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *scale = nd_in(c, n, 1), *zero = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    float v[ND_CHUNK], by, from = 0;
    struct quant q;
    const mdl_status s = mdl_nd_quant(&q, x, scale, zero, p->axis, p->block, c->err);

    if (s)
        return s;
    for (uint64_t i = 0, m; i < x->count; i += m) {
        m = x->count - i < ND_CHUNK ? x->count - i : ND_CHUNK;
        load_chunk(v, x, i, (size_t)m);
        for (uint64_t k = 0, run; k < m; k += run) {
            const uint64_t at = q.single ? 0 : quant_at(&q, i + k);
            run = q.single ? m : quant_run(&q, i + k);
            run = run < m - k ? run : m - k;
            mdl_nd_load_f32(&by, scale->data, scale->type, at, 1);
            if (zero)
                mdl_nd_load_f32(&from, zero->data, zero->type, at, 1);
            scaled(v + k, (size_t)run, from, by);
        }
        mdl_nd_store_f32(y->data, y->type, i, v, (size_t)m);
    }
    return MDL_OK;
}

const struct op mdl_op_dequantize = {
    .name = "dequantize",
    .about = "(x - zero) scale",
    .fields = dequantize_fields,
    .n_fields = sizeof dequantize_fields / sizeof *dequantize_fields,
    .params_bytes = sizeof(struct quant_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = dequantize_infer,
    .shape = quant_shape,
    .eval = dequantize_eval,
    .traits = ND_HALF,
};

/* ---- dynamic_quantize -------------------------------------------------------------------------------- */

static mdl_status dynamic_infer(struct node *n, struct graph *g, mdl_error *err)
{
    nd_result(n, g, 0, MDL_U8);
    nd_result(n, g, 1, MDL_F32);
    nd_result(n, g, 2, MDL_U8);
    return mdl_nd_need_type(n, g, 0, TYPE_BIT(MDL_F32), err);
}

static mdl_status dynamic_shape(const struct node *n, struct nd_call *c)
{
    nd_like(nd_out(c, n, 0), nd_in(c, n, 0));
    for (uint32_t i = 1; i < n->n_out; i++)
        mdl_nd_set_shape(nd_out(c, n, i), 0, NULL);
    return MDL_OK;
}

static mdl_status dynamic_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const float *from = x->data;
    float least = 0, most = 0, v[ND_CHUNK];

    for (uint64_t i = 0; i < x->count; i++) {     /* NaN is neither */
        least = from[i] < least ? from[i] : least;
        most = from[i] > most ? from[i] : most;
    }
    const float scale = (most == least ? 1 : most - least) / 255;
    float zero = 0 - least / scale;
    to_integers(&zero, 1, 0, 0, 255);
    if (nd_wanted(c, n, 1))
        *(float *)nd_out(c, n, 1)->data = scale;
    if (nd_wanted(c, n, 2))
        *(uint8_t *)nd_out(c, n, 2)->data = (uint8_t)zero;
    for (uint64_t i = 0, m; y->data && i < x->count; i += m) {
        m = x->count - i < ND_CHUNK ? x->count - i : ND_CHUNK;
        memcpy(v, from + i, (size_t)m * sizeof *v);
        divide(v, (size_t)m, scale, MDL_F32);
        to_integers(v, (size_t)m, zero, 0, 255);
        store_chunk(y->data, MDL_U8, i, v, (size_t)m);
    }
    return MDL_OK;
}

const struct op mdl_op_dynamic_quantize = {
    .name = "dynamic_quantize",
    .about = "x to uint8 with the scale and the zero point that its extremes ask for",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .max_out = 3,
    .infer = dynamic_infer,
    .shape = dynamic_shape,
    .eval = dynamic_eval,
};
