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

double cli_element(uint32_t type, const void *data, size_t i)
{
    if (type == MDL_F32)
        return (double)((const float *)data)[i];
    return type == MDL_F64 ? ((const double *)data)[i] : ((const int32_t *)data)[i];
}

const char *cli_element_text(char out[NUMBER_TEXT], uint32_t type, const void *data, size_t i)
{
    if (type == MDL_F32)
        return cli_f32_text(out, ((const float *)data)[i]);
    if (type == MDL_F64)
        return cli_f64_text(out, ((const double *)data)[i]);
    snprintf(out, NUMBER_TEXT, "%ld", (long)((const int32_t *)data)[i]);
    return out;
}

const char *cli_brief_text(char out[NUMBER_TEXT], double v)
{
    if (!special_text(out, v))
        snprintf(out, NUMBER_TEXT, "%.3g", v);
    return out;
}
