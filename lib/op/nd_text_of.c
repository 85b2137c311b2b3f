/*
 * op/nd_text_of.c - numbers as strings, as ONNX Runtime writes them
 *
 *     integers      "-5"                                 bools   "1", "0"
 *     floats        8 digits, as printf's "%.8g": "3.1400001", "1e-07", "1"; "NaN", "INF", "-INF"
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include <stdio.h>
#include <string.h>

#define LONGEST 32u               /* bytes of "-1.2345678e-308" or of 64 bits, and more       */

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    nd_result(n, g, 0, MDL_STRING);
    return mdl_nd_need_type(n, g, 0, TYPES_NUMBER | TYPE_BIT(MDL_BOOL) | TYPE_BIT(MDL_STRING), err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);

    nd_like(nd_out(c, n, 0), x);
    if (x->type != MDL_STRING && !size_mul(x->count, LONGEST, &c->text_bytes))
        return mdl_fail(c->err, MDL_ERR_LIMIT, "too many texts");
    return MDL_OK;
}

/* What the host's locale takes for the point is a point. */
static void write_real(char *to, double v)
{
    if (v - v != 0) {
        memcpy(to, v != v ? "NaN" : v > 0 ? "INF" : "-INF", v < 0 ? 5 : 4);
        return;
    }
    char text[LONGEST];
    int in_point = 0;
    snprintf(text, sizeof text, "%.8g", v);
    for (const char *p = text; *p; p++) {
        const int plain = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
        if (plain || !in_point)
            *to++ = plain ? *p : '.';
        in_point = !plain;
    }
    *to = '\0';
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const char **to = y->data;
    char *at = c->text;

    if (x->type == MDL_STRING)
        return mdl_nd_copy(n, c);
    for (uint64_t i = 0; i < x->count; i++, at += LONGEST) {
        to[i] = at;
        if (TYPES_FLOATS & TYPE_BIT(x->type))
            write_real(at, mdl_nd_number(x, i));
        else if (x->type == MDL_U64)
            snprintf(at, LONGEST, "%llu", (unsigned long long)mdl_nd_int(x, i));
        else
            snprintf(at, LONGEST, "%lld", (long long)mdl_nd_int(x, i));
    }
    return MDL_OK;
}

const struct op mdl_op_text_of = {
    .name = "text_of",
    .about = "numbers as strings, floats with 8 digits",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .contents = 1u << 0,
    .traits = ND_HALF,
};
