/*
 * op/nd_convert.c - elements of another type: their values, or their bits
 *
 *     convert       x, like           values as the type `to`, or as that of `like` if given
 *     reinterpret   x                 the same bits as the type `to`, which has as many
 *
 * Values are rounded once, to nearest even; what overflows is infinite where the type has that.
 * Of 8-bit floats `saturate` makes it the largest number instead; `round` is for float8e8m0
 * alone.  Floats become integers as op/nd_types.c says, integers keep their low bits.  Strings
 * are read as numbers: "3.5", "-1e9", "inf", "NaN"; anything else is an error.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include "kernel/half.h"
#include "op/nd_number.h"

#include <string.h>

struct convert_params {
    int64_t to, saturate, round;
};

/* In the order of MDL_F32, ... */
static const char *const type_names[] = {
    "like", "float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32",
    "uint32", "int64", "uint64", "bool", "string", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
    "float8e5m2fnuz", "float8e8m0", "float4e2m1", "int4", "uint4", "int2", "uint2", NULL
};
_Static_assert(MDL_F32 == 1 && MDL_BOOL == 13 && MDL_U2 == 24, "type_names is in another order");

static const char *const rounds[] = { "down", "up", "nearest", NULL };   /* as E8M0_DOWN, ... */

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, convert_params, to, 0, type_names),
    FIELD(FIELD_INT, convert_params, saturate, 1, NULL),
    FIELD(FIELD_CHOICE, convert_params, round, E8M0_UP, rounds),
};

#define TYPES_F8 (TYPE_BIT(MDL_F8E4M3FN) | TYPE_BIT(MDL_F8E4M3FNUZ) | TYPE_BIT(MDL_F8E5M2) \
                  | TYPE_BIT(MDL_F8E5M2FNUZ) | TYPE_BIT(MDL_F8E8M0))
#define TYPES_COMPLEX (TYPE_BIT(MDL_C64) | TYPE_BIT(MDL_C128))
#define TYPES_HALF (TYPE_BIT(MDL_F16) | TYPE_BIT(MDL_BF16))
#define TYPES_REAL (TYPES_FLOATS | TYPES_F8 | TYPE_BIT(MDL_F4E2M1))

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct convert_params *p = n->params;
    const uint32_t to = p->to ? (uint32_t)p->to : nd_type(n, g, 1), from = nd_type(n, g, 0);
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_ANY & ~TYPES_COMPLEX, err);

    if (s)
        return s;
    if (!to)
        return mdl_fail(err, MDL_ERR_FORMAT, "no type to convert to");
    if (TYPES_COMPLEX & TYPE_BIT(to) || (to == MDL_STRING && from != MDL_STRING))
        return mdl_fail(err, MDL_ERR_FORMAT, "%s does not become %s", mdl_type_name(from),
                        mdl_type_name(to));
    nd_result(n, g, 0, to);
    return MDL_OK;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    nd_like(nd_out(c, n, 0), nd_in(c, n, 0));
    return MDL_OK;
}

/* 8-bit floats of doubles. */
static void store_f8(uint8_t *to, uint32_t type, const double *from, size_t n,
                     const struct convert_params *p)
{
    const enum small_kind kind = (enum small_kind)(SMALL_E4M3FN + (type - MDL_F8E4M3FN));

    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(type == MDL_F8E8M0
                          ? mdl_e8m0_encode(from[i], (int)p->round, p->saturate != 0)
                          : mdl_small_encode(kind, from[i], p->saturate != 0));
}

static mdl_status load_strings(double *to, const struct nd *x, uint64_t first, size_t n,
                               mdl_error *err)
{
    const char *const *text = (const char *const *)x->data + first;

    for (size_t i = 0; i < n; i++)
        if (!mdl_nd_read_number(text[i], &to[i]))
            return mdl_fail(err, MDL_ERR_DATA, "element %llu is '%.40s', which is no number",
                            (unsigned long long)(first + i), text[i]);
    return MDL_OK;
}

/* Integers of 64 bits in a string are more than a double holds. */
static int load_integers(int64_t *to, const struct nd *x, uint64_t first, size_t n)
{
    const char *const *text = (const char *const *)x->data + first;

    for (size_t i = 0; i < n; i++)
        if (!mdl_nd_read_int(text[i], &to[i]))
            return 0;
    return 1;
}

static mdl_status convert_some(struct nd *y, const struct nd *x, uint64_t at, size_t n,
                               const struct convert_params *p, mdl_error *err)
{
    const uint32_t real = TYPES_REAL & TYPE_BIT(x->type);
    double v[ND_CHUNK];
    int64_t k[ND_CHUNK];
    float f[ND_CHUNK];

    if (x->type == MDL_STRING && TYPES_INTEGER & TYPE_BIT(y->type) && load_integers(k, x, at, n)) {
        mdl_nd_store_i64(y->data, y->type, at, k, n);
        return MDL_OK;
    }
    if (x->type == MDL_STRING) {
        const mdl_status s = load_strings(v, x, at, n, err);
        if (s)
            return s;
    } else if (y->type == MDL_F32 || (real && x->type != MDL_F64 && TYPES_HALF & TYPE_BIT(y->type))) {
        /* one rounding: of integers of 64 bits to float, of floats to half of them */
        mdl_nd_load_f32(f, x->data, x->type, at, n);
        mdl_nd_store_f32(y->data, y->type, at, f, n);
        return MDL_OK;
    } else if (!real && !((TYPES_REAL | TYPE_BIT(MDL_BOOL)) & TYPE_BIT(y->type))) {
        mdl_nd_load_i64(k, x->data, x->type, at, n);
        mdl_nd_store_i64(y->data, y->type, at, k, n);
        return MDL_OK;
    } else {
        mdl_nd_load_f64(v, x->data, x->type, at, n);
    }
    if (TYPES_F8 & TYPE_BIT(y->type))
        store_f8((uint8_t *)y->data + at, y->type, v, n, p);
    else
        mdl_nd_store_f64(y->data, y->type, at, v, n);
    return MDL_OK;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);

    if (x->type == y->type)
        return mdl_nd_copy(n, c);
    if (x->type == MDL_F32 && y->type == MDL_F64)
        c->kernels->widen(y->data, x->data, (size_t)x->count);
    else if (x->type == MDL_F64 && y->type == MDL_F32)
        c->kernels->narrow(y->data, x->data, (size_t)x->count);
    else
        for (uint64_t at = 0; at < x->count; at += ND_CHUNK) {
            const size_t some = x->count - at < ND_CHUNK ? (size_t)(x->count - at) : ND_CHUNK;
            const mdl_status s = convert_some(y, x, at, some, n->params, c->err);
            if (s)
                return s;
        }
    return MDL_OK;
}

const struct op mdl_op_convert = {
    .name = "convert",
    .about = "elements as another type",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct convert_params),
    .min_in = 1,
    .max_in = 2,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .traits = ND_HALF,
};

/* ---- reinterpret ------------------------------------------------------------------------------- */

static const struct field reinterpret_fields[] = {
    FIELD(FIELD_CHOICE, convert_params, to, MDL_I32, type_names),
};

static unsigned bits_of(uint32_t type)
{
    if (type == MDL_I4 || type == MDL_U4 || type == MDL_F4E2M1)
        return 4;
    return type == MDL_I2 || type == MDL_U2 ? 2 : (unsigned)mdl_type_bytes(type) * 8;
}

static mdl_status reinterpret_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const uint32_t to = (uint32_t)((const struct convert_params *)n->params)->to;
    const uint32_t from = nd_type(n, g, 0);

    if (!bits_of(from) || bits_of(from) != bits_of(to))
        return mdl_fail(err, MDL_ERR_FORMAT, "%s has not as many bits as %s", mdl_type_name(from),
                        mdl_type_name(to));
    nd_result(n, g, 0, to);
    return MDL_OK;
}

static mdl_status reinterpret_eval(const struct node *n, struct nd_call *c)
{
    struct nd *y = nd_out(c, n, 0);
    uint8_t *byte = y->data;
    const unsigned bits = bits_of(y->type);

    mdl_nd_copy(n, c);
    if (y->type == MDL_BOOL)
        for (uint64_t i = 0; i < y->count; i++)
            byte[i] = byte[i] != 0;
    if (bits < 8)                 /* the other bits of the byte repeat the sign or are 0 */
        for (uint64_t i = 0; i < y->count; i++) {
            const int64_t low = byte[i] & ((1 << bits) - 1);
            if (y->type == MDL_F4E2M1)
                byte[i] = (uint8_t)low;
            else
                mdl_nd_store_i64(byte, y->type, i, &low, 1);
        }
    return MDL_OK;
}

const struct op mdl_op_reinterpret = {
    .name = "reinterpret",
    .about = "the bits of elements as another type of the same size",
    .fields = reinterpret_fields,
    .n_fields = sizeof reinterpret_fields / sizeof *reinterpret_fields,
    .params_bytes = sizeof(struct convert_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = reinterpret_infer,
    .shape = mdl_nd_shape_same,
    .eval = reinterpret_eval,
    .traits = ND_IN_PLACE | ND_HALF,
};
