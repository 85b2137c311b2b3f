/*
 * cli/number_text.c - see number_text.h
 *
 * Six digits of a float32 (15 of a float64) that came from as few decimals print as those
 * decimals, with %g taking trailing zeros off; so the search may begin there.  Subnormals have
 * fewer digits to give: for them it begins at one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/number_text.h"

#include "cli/npy.h"
#include "import/number.h"
#include "mdl.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The three that no digits help; 0 for a number. */
static int special_text(char *out, double v)
{
    if (v - v == 0)
        return 0;
    strcpy(out, v != v ? "nan" : v > 0 ? "inf" : "-inf");
    return 1;
}

const char *cli_f32_text(char out[NUMBER_TEXT], float v)
{
    float back;

    if (special_text(out, (double)v))
        return out;
    for (int digits = fabsf(v) < FLT_MIN ? 1 : 6; digits <= 9; digits++) {
        const int n = snprintf(out, NUMBER_TEXT, "%.*g", digits, (double)v);
        if (mdl_parse_f32(out, (size_t)n, &back) == (size_t)n && back == v)
            break;
    }
    return out;
}

const char *cli_f64_text(char out[NUMBER_TEXT], double v)
{
    double back;

    if (special_text(out, v))
        return out;
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        const int n = snprintf(out, NUMBER_TEXT, "%.*g", digits, v);
        if (mdl_parse_f64(out, (size_t)n, &back) == (size_t)n && back == v)
            break;
    }
    return out;
}

static int64_t signed_at(uint32_t type, const void *data, size_t i)
{
    switch (type) {
    case MDL_I8: return ((const int8_t *)data)[i];
    case MDL_I16: return ((const int16_t *)data)[i];
    case MDL_I32: return ((const int32_t *)data)[i];
    default: return ((const int64_t *)data)[i];
    }
}

static uint64_t unsigned_at(uint32_t type, const void *data, size_t i)
{
    switch (type) {
    case MDL_U16: return ((const uint16_t *)data)[i];
    case MDL_U32: return ((const uint32_t *)data)[i];
    case MDL_U64: return ((const uint64_t *)data)[i];
    default: return ((const uint8_t *)data)[i];
    }
}

static float bf16_at(const void *data, size_t i)
{
    const uint32_t bits = (uint32_t)((const uint16_t *)data)[i] << 16;
    float v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

double cli_element(uint32_t type, const void *data, size_t i)
{
    switch (type) {
    case MDL_F32: return (double)((const float *)data)[i];
    case MDL_F64: return ((const double *)data)[i];
    case MDL_F16: return cli_half_value(((const uint16_t *)data)[i]);
    case MDL_BF16: return (double)bf16_at(data, i);
    case MDL_I8: case MDL_I16: case MDL_I32: case MDL_I64:
        return (double)signed_at(type, data, i);
    case MDL_U8: case MDL_U16: case MDL_U32: case MDL_U64: case MDL_BOOL:
        return (double)unsigned_at(type, data, i);
    default: return (double)NAN;
    }
}

static const char *complex_text(char out[NUMBER_TEXT], double re, double im, int is_narrow)
{
    char one[NUMBER_TEXT], two[NUMBER_TEXT];

    if (is_narrow) {
        cli_f32_text(one, (float)re);
        cli_f32_text(two, (float)im);
    } else {
        cli_f64_text(one, re);
        cli_f64_text(two, im);
    }
    snprintf(out, NUMBER_TEXT, "%.30s%s%.30sj", one, *two == '-' ? "" : "+", two);
    return out;
}

const char *cli_element_text(char out[NUMBER_TEXT], uint32_t type, const void *data, size_t i)
{
    const float *f = data;
    const double *d = data;

    switch (type) {
    case MDL_F32: return cli_f32_text(out, f[i]);
    case MDL_F64: return cli_f64_text(out, d[i]);
    case MDL_F16: return cli_f32_text(out, (float)cli_half_value(((const uint16_t *)data)[i]));
    case MDL_BF16: return cli_f32_text(out, bf16_at(data, i));
    case MDL_I8: case MDL_I16: case MDL_I32: case MDL_I64:
        snprintf(out, NUMBER_TEXT, "%lld", (long long)signed_at(type, data, i));
        return out;
    case MDL_U8: case MDL_U16: case MDL_U32: case MDL_U64:
        snprintf(out, NUMBER_TEXT, "%llu", (unsigned long long)unsigned_at(type, data, i));
        return out;
    case MDL_BOOL: return unsigned_at(type, data, i) ? "true" : "false";
    case MDL_STRING: return ((const char *const *)data)[i];
    case MDL_C64: return complex_text(out, (double)f[2 * i], (double)f[2 * i + 1], 1);
    case MDL_C128: return complex_text(out, d[2 * i], d[2 * i + 1], 0);
    default:
        snprintf(out, NUMBER_TEXT, "0x%02x", (unsigned)((const uint8_t *)data)[i]);
        return out;
    }
}

const char *cli_brief_text(char out[NUMBER_TEXT], double v)
{
    if (!special_text(out, v))
        snprintf(out, NUMBER_TEXT, "%.3g", v);
    return out;
}
