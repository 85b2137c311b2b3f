/*
 * cli/compare.c - see compare.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/compare.h"

#include "cli/number_text.h"

#include <math.h>
#include <string.h>

/* Floats as integers in the same order, so that neighbours differ by 1. */
static int64_t order_f32(float v)
{
    int32_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? (int64_t)INT32_MIN - bits : bits;
}

static int64_t order_f64(double v)
{
    int64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? (int64_t)((uint64_t)INT64_MIN - (uint64_t)bits) : bits;
}

/* The same of 16 bits. */
static int64_t order_16(uint16_t bits)
{
    return bits & 0x8000 ? -(int64_t)(bits & 0x7FFF) : bits;
}

static uint64_t apart(int64_t x, int64_t y)
{
    return x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
}

static int is_whole(uint32_t type)
{
    return (type >= MDL_I8 && type <= MDL_U64) || type == MDL_BOOL;
}

/* Are the bits equal, or the texts? */
static int is_same(uint32_t type, const void *got, const void *want, size_t i)
{
    const size_t n = type == MDL_C64 ? 8 : type == MDL_C128 ? 16 : mdl_type_bytes(type);

    if (type == MDL_STRING)
        return !strcmp(((const char *const *)got)[i], ((const char *const *)want)[i]);
    return !memcmp((const char *)got + i * n, (const char *)want + i * n, n ? n : 1);
}

static uint64_t ulp_between(uint32_t type, const void *got, const void *want, size_t i)
{
    const double a = cli_element(type, got, i), b = cli_element(type, want, i);

    if (is_same(type, got, want, i))
        return 0;
    if (isnan(a) || isnan(b))                 /* what is no number is NaN here, too */
        return isnan(a) && isnan(b) && type <= MDL_BF16 ? 0 : UINT64_MAX;
    if (type == MDL_F32)
        return apart(order_f32((float)a), order_f32((float)b));
    if (type == MDL_F64)
        return apart(order_f64(a), order_f64(b));
    if (type == MDL_F16 || type == MDL_BF16)
        return apart(order_16(((const uint16_t *)got)[i]), order_16(((const uint16_t *)want)[i]));
    if (type == MDL_I64)
        return apart(((const int64_t *)got)[i], ((const int64_t *)want)[i]);
    if (type == MDL_U64) {
        const uint64_t x = ((const uint64_t *)got)[i], y = ((const uint64_t *)want)[i];
        return x > y ? x - y : y - x;
    }
    return apart((int64_t)a, (int64_t)b);
}

/* |got - want|; infinite where just one of them is nan, or they are infinities apart. */
static double error_between(uint32_t type, double got, double want, uint64_t ulp)
{
    if (!ulp || got == want)
        return is_whole(type) ? (double)ulp : 0;
    if (is_whole(type))
        return (double)ulp;
    const double error = fabs(got - want);
    return isnan(error) ? (double)INFINITY : error;
}

static int passes(double error, uint64_t ulp, double want, const struct allowed *a)
{
    if (ulp <= a->ulp)
        return 1;
    const double size = a->wide && fabs(want) < 1 ? 1 : fabs(want);
    return isfinite(error) && isfinite(want) && error <= a->relative * size;
}

struct difference cli_compare(uint32_t type, const void *got, const void *expected,
                              uint64_t count, const struct allowed *allowed)
{
    struct difference d = { .cells = count };
    int is_worst_wrong = 0;

    for (uint64_t i = 0; i < count; i++) {
        const double a = cli_element(type, got, i), b = cli_element(type, expected, i);
        const uint64_t ulp = ulp_between(type, got, expected, i);
        const double error = error_between(type, a, b, ulp);
        const int wrong = !passes(error, ulp, b, allowed);
        if (wrong > is_worst_wrong || (wrong == is_worst_wrong && error > d.largest)) {
            d.worst = i;
            is_worst_wrong |= wrong;
        }
        d.wrong += (uint64_t)wrong;
        d.largest = error > d.largest ? error : d.largest;
        d.ulp = ulp > d.ulp ? ulp : d.ulp;
    }
    return d;
}

/* Are there trees, and no sums of products whose order may differ? */
static int is_trees(const mdl_model *model)
{
    int trees = 0;

    for (size_t i = 0; i < mdl_node_count(model); i++) {
        mdl_node_info n = { .size = sizeof n };
        mdl_node(model, i, &n);
        trees |= !strcmp(n.op, "trees");
        if (!strcmp(n.op, "dense") || !strcmp(n.op, "linear"))
            return 0;
    }
    return trees;
}

struct allowed cli_allowed(const mdl_model *model, size_t output)
{
    mdl_output_info o = { .size = sizeof o };

    mdl_output(model, output, &o);
    if (cli_is_tensors(model) && o.type <= MDL_BF16)
        return (struct allowed){ .relative = o.type == MDL_F64 ? 1e-9 : o.type == MDL_F32 ? 1e-4
                                           : o.type == MDL_F16 ? 1e-2 : 5e-2, .wide = 1 };
    if (is_whole(o.type) || o.type > MDL_BF16 || (o.role == MDL_OUTPUT_RAW && is_trees(model)))
        return (struct allowed){ .ulp = 0 };
    return (struct allowed){ .ulp = 2, .relative = 1e-6 };
}

const char *cli_allowed_text(const struct allowed *a, char *out, size_t room)
{
    char number[NUMBER_TEXT];

    if (!a->ulp && !(a->relative > 0))
        snprintf(out, room, "equal");
    else if (a->wide)
        snprintf(out, room, "%s", cli_brief_text(number, a->relative));
    else
        snprintf(out, room, "%llu ulp or %s rel", (unsigned long long)a->ulp,
                 cli_brief_text(number, a->relative));
    return out;
}
