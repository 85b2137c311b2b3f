/*
 * cli/array_convert.c - an array becomes one of another type; see array.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/array.h"

#include "cli/npy.h"

#include <math.h>
#include <string.h>

static int is_float(uint32_t type)
{
    return type == MDL_F32 || type == MDL_F64 || type == MDL_F16 || type == MDL_BF16;
}

static int is_integer(uint32_t type)
{
    return type >= MDL_I8 && type <= MDL_U64;
}

/* A float of a sign, exponent bits and `digits` bits behind the point: to the nearest, ties to
 * even.  `least` is the exponent of the smallest normal number, doubled as frexp has it. */
static uint16_t small_float(double v, int digits, int least, double above)
{
    const uint16_t sign = (uint16_t)(signbit(v) ? 0x8000 : 0);
    const uint16_t top = (uint16_t)(digits == 10 ? 0x7C00 : 0x7F80);
    int e;

    if (isnan(v))
        return (uint16_t)(sign | top | 1u << (digits - 1));
    if (fabs(v) >= above)
        return (uint16_t)(sign | top);
    frexp(v, &e);
    if (e < least || !(fabs(v) > 0))
        e = least;
    const long q = lrint(ldexp(fabs(v), digits + 1 - e));
    return (uint16_t)(sign | (((long)(e - least) << digits) + q));
}

static double load_float(const struct array *a, uint64_t i)
{
    const unsigned char *p = (const unsigned char *)a->data + i * a->item_bytes;
    uint16_t h;
    uint32_t w;
    float f;
    double d;

    switch (a->type) {
    case MDL_F32: memcpy(&f, p, sizeof f); return (double)f;
    case MDL_F64: memcpy(&d, p, sizeof d); return d;
    case MDL_F16: memcpy(&h, p, sizeof h); return cli_half_value(h);
    default:
        memcpy(&h, p, sizeof h);
        w = (uint32_t)h << 16;
        memcpy(&f, &w, sizeof f);
        return (double)f;
    }
}

static void store_float(struct array *a, uint64_t i, double v)
{
    unsigned char *p = (unsigned char *)a->data + i * a->item_bytes;
    const float f = (float)v;
    uint16_t h;

    if (a->type == MDL_F32) {
        memcpy(p, &f, sizeof f);
    } else if (a->type == MDL_F64) {
        memcpy(p, &v, sizeof v);
    } else {
        h = a->type == MDL_F16 ? small_float(v, 10, -13, 65520)
                               : small_float(v, 7, -125, ldexp(511, 119));
        memcpy(p, &h, sizeof h);
    }
}

/* An integer or boolean as 64 bits; of a negative one *minus is set. */
static uint64_t load_integer(const struct array *a, uint64_t i, int *minus)
{
    const unsigned n = a->item_bytes;
    const int is_signed = a->type == MDL_I8 || a->type == MDL_I16 || a->type == MDL_I32
                       || a->type == MDL_I64;
    uint64_t v = 0;

    memcpy(&v, (const unsigned char *)a->data + i * n, n);
    *minus = is_signed && v >> (8 * n - 1);
    return *minus && n < 8 ? v | ~(uint64_t)0 << 8 * n : v;
}

/* Does it fit?  Then it is stored. */
static int store_integer(struct array *a, uint64_t i, uint64_t v, int minus)
{
    const unsigned n = a->item_bytes, bits = 8 * n;
    const int is_signed = a->type == MDL_I8 || a->type == MDL_I16 || a->type == MDL_I32
                       || a->type == MDL_I64;
    const uint64_t most = a->type == MDL_BOOL ? 1
                        : is_signed ? ((uint64_t)1 << (bits - 1)) - 1
                        : bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;

    if (minus ? !is_signed || ~v > most : v > most)
        return 0;
    memcpy((unsigned char *)a->data + i * n, &v, n);
    return 1;
}

static mdl_status wrong_type(const struct array *a, uint32_t type, const char *what, mdl_error *err)
{
    const char *numpy = cli_numpy_name(type);
    const char *have = a->type ? mdl_type_name(a->type) : "of raw bits";

    if (numpy)
        return mdl_fail(err, MDL_ERR_DATA, "%s is %s, expected %s; save it as x.astype('%s')", what,
                        have, mdl_type_name(type), numpy);
    return mdl_fail(err, MDL_ERR_DATA, "%s is %s, expected %s, which numpy saves as its bits: "
                    "x.view('V%u')", what, have, mdl_type_name(type),
                    (unsigned)cli_item_bytes(type));
}

static mdl_status convert_one(const struct array *a, struct array *to, uint64_t i, const char *what,
                              int *rounded, mdl_error *err)
{
    int minus;

    if (is_float(a->type)) {
        const double v = load_float(a, i);
        store_float(to, i, v);
        const double got = load_float(to, i);
        *rounded |= got < v || got > v;
        return MDL_OK;
    }
    const uint64_t v = load_integer(a, i, &minus);
    if (is_float(to->type)) {
        store_float(to, i, minus ? (double)(int64_t)v : (double)v);
        return MDL_OK;
    }
    if (store_integer(to, i, v, minus))
        return MDL_OK;
    return minus ? mdl_fail(err, MDL_ERR_DATA, "%s: element %llu is %lld, which no %s is", what,
                            (unsigned long long)i, (long long)(int64_t)v, mdl_type_name(to->type))
                 : mdl_fail(err, MDL_ERR_DATA, "%s: element %llu is %llu, which no %s is", what,
                            (unsigned long long)i, (unsigned long long)v, mdl_type_name(to->type));
}

mdl_status cli_array_convert(struct array *a, uint32_t type, const char *what, int *rounded,
                             mdl_error *err)
{
    const int from_integer = is_integer(a->type) || a->type == MDL_BOOL;
    struct array to;

    if (a->type == type)
        return MDL_OK;
    if (!a->type && !cli_numpy_name(type) && cli_item_bytes(type) == a->item_bytes) {
        a->type = type;
        return MDL_OK;
    }
    const int can = (is_float(a->type) && is_float(type))
                 || (from_integer && (is_float(type) || is_integer(type) || type == MDL_BOOL));
    if (!can)
        return wrong_type(a, type, what, err);
    mdl_status s = cli_array_make(&to, type, a->rank, a->dims, err);
    for (uint64_t i = 0; !s && i < a->count; i++)
        s = convert_one(a, &to, i, what, rounded, err);
    if (s) {
        cli_array_free(&to);
        return s;
    }
    cli_array_free(a);
    *a = to;
    return MDL_OK;
}
