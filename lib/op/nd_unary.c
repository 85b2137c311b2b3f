/*
 * op/nd_unary.c - y = f(x), element by element
 *
 * float32 goes through the kernels of each.h where there is one; everything else in pieces
 * through double, or int64 where that is more: a kind is a function over such a piece.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include "kernel/each.h"
#include "kernel/math.h"

#include <math.h>              /* INFINITY: a constant */

struct unary_params {
    int64_t kind;
    double  alpha, beta;
};

typedef double each_function(double x);
typedef void f64_function(double *x, size_t n, const struct unary_params *p);
typedef void i64_function(int64_t *x, size_t n, uint32_t type);

#define NO_KERNEL EACH_KINDS
#define TYPES_F8  (TYPE_BIT(MDL_F8E4M3FN) | TYPE_BIT(MDL_F8E4M3FNUZ) | TYPE_BIT(MDL_F8E5M2) \
                   | TYPE_BIT(MDL_F8E5M2FNUZ))

/* ---- pieces -------------------------------------------------------------------------------- */

#define OVER(NAME, RESULT) \
static void NAME(double *x, size_t n, const struct unary_params *p) \
{ \
    (void)p; \
    for (size_t i = 0; i < n; i++) { \
        const double v = x[i]; \
        x[i] = RESULT; \
    } \
}

/* 1 / (1 + e^-x) */
static double sigmoid(double x)
{
    const double e = mdl_exp(x < 0 ? x : -x);

    return (x < 0 ? e : 1) / (1 + e);
}

/* log(1 + e^x) */
static double softplus(double x)
{
    return x > 0 ? x + mdl_log1p(mdl_exp(-x)) : mdl_log1p(mdl_exp(x));
}

/* tanh(softplus(x)) = (e^2 + 2 e) / (e^2 + 2 e + 2) with e = e^x */
static double mish_factor(double x)
{
    const double e = mdl_exp(x), m = e * (e + 2);

    return x > 20 ? 1 : m / (m + 2);
}

static double elu(double x, double alpha)
{
    return x < 0 ? alpha * mdl_expm1(x) : x;
}

static double between(double x, double low, double high)
{
    x = low > x ? low : x;
    return high < x ? high : x;
}

/* Reals of beta and alpha as a detector of infinity wants them: which signs count. */
static int is_inf(double x, const struct unary_params *p)
{
    return x == (double)INFINITY ? p->beta != 0 : x == -(double)INFINITY && p->alpha != 0;
}

OVER(do_abs, v < 0 ? -v : v == 0 ? 0 : v)
OVER(do_neg, -v)
OVER(do_sign, v > 0 ? 1 : v < 0 ? -1 : v)
OVER(do_reciprocal, 1 / v)
OVER(do_ceil, -mdl_floor(-v))
OVER(do_relu, v <= 0 ? 0 : v)
OVER(do_leaky_relu, v < 0 ? p->alpha * v : v)
OVER(do_thresholded_relu, v > p->alpha ? v : v != v ? v : 0)
OVER(do_elu, elu(v, p->alpha))
OVER(do_selu, p->beta * elu(v, p->alpha))
OVER(do_celu, v < 0 ? p->alpha * mdl_expm1(v / p->alpha) : v)
OVER(do_hard_sigmoid, between(p->alpha * v + p->beta, 0, 1))
OVER(do_hard_swish, v * between(p->alpha * v + p->beta, 0, 1))
OVER(do_softsign, v / (1 + (v < 0 ? -v : v)))
OVER(do_gelu, v * (0.5 * mdl_erfc(v * -0x1.6a09e667f3bcdp-1)))
OVER(do_gelu_tanh, v * sigmoid(v * (0x1.9884533d43651p+0 + 0x1.2444f32acbf0bp-4 * (v * v))))
OVER(do_mish, v * mish_factor(v))
OVER(do_swish, v * sigmoid(p->alpha * v))
OVER(do_shrink, v < -p->alpha ? v + p->beta : v > p->alpha ? v - p->beta : v != v ? v : 0)
OVER(do_is_nan, v != v)
OVER(do_is_inf, is_inf(v, p))
OVER(do_not, v == 0)
OVER(do_true, ((void)v, 1))
OVER(do_divide, v / p->alpha)

#define OVER_I(NAME, RESULT) \
static void NAME(int64_t *x, size_t n, uint32_t type) \
{ \
    (void)type; \
    for (size_t i = 0; i < n; i++) { \
        const int64_t v = x[i]; \
        x[i] = RESULT; \
    } \
}

#define MINUS(v) (int64_t)(0 - (uint64_t)(v))
OVER_I(int_abs, v < 0 && type != MDL_U64 ? MINUS(v) : v)
OVER_I(int_neg, MINUS(v))
OVER_I(int_sign, v > 0 || (v && type == MDL_U64) ? 1 : v < 0 ? -1 : 0)
OVER_I(int_relu, v > 0 ? v : 0)
OVER_I(int_not, ~v)

/* ---- kinds --------------------------------------------------------------------------------- */

enum { TO_SAME, TO_BOOL };

static const struct unary {
    uint32_t      types;
    uint32_t      result;
    each_function *each;          /* of doubles, or                                 */
    f64_function  *f64;
    i64_function  *i64;           /* of integers, or NULL: as doubles               */
    uint32_t      kernel;
} kinds[] = {
#define KIND(name, types, result, each, f64, i64, kernel) { types, result, each, f64, i64, kernel },
#define FLOAT_KIND(name, each, f64, kernel) KIND(name, TYPES_FLOATS, TO_SAME, each, f64, NULL, kernel)
#define KINDS \
    KIND(abs, TYPES_NUMBER, TO_SAME, NULL, do_abs, int_abs, EACH_ABS) \
    KIND(neg, TYPES_NUMBER, TO_SAME, NULL, do_neg, int_neg, EACH_NEG) \
    KIND(sign, TYPES_NUMBER, TO_SAME, NULL, do_sign, int_sign, NO_KERNEL) \
    FLOAT_KIND(reciprocal, NULL, do_reciprocal, EACH_RECIPROCAL) \
    FLOAT_KIND(sqrt, mdl_sqrt, NULL, EACH_SQRT) \
    FLOAT_KIND(exp, mdl_exp, NULL, EACH_EXP) \
    FLOAT_KIND(log, mdl_log, NULL, NO_KERNEL) \
    FLOAT_KIND(floor, mdl_floor, NULL, NO_KERNEL) \
    FLOAT_KIND(ceil, NULL, do_ceil, NO_KERNEL) \
    FLOAT_KIND(round, mdl_round_even, NULL, NO_KERNEL) \
    KIND(erf, TYPES_NUMBER, TO_SAME, mdl_erf, NULL, NULL, EACH_ERF) \
    FLOAT_KIND(sin, mdl_sin, NULL, NO_KERNEL) \
    FLOAT_KIND(cos, mdl_cos, NULL, NO_KERNEL) \
    FLOAT_KIND(tan, mdl_tan, NULL, NO_KERNEL) \
    FLOAT_KIND(asin, mdl_asin, NULL, NO_KERNEL) \
    FLOAT_KIND(acos, mdl_acos, NULL, NO_KERNEL) \
    FLOAT_KIND(atan, mdl_atan, NULL, NO_KERNEL) \
    FLOAT_KIND(sinh, mdl_sinh, NULL, NO_KERNEL) \
    FLOAT_KIND(cosh, mdl_cosh, NULL, NO_KERNEL) \
    FLOAT_KIND(tanh, mdl_tanh, NULL, EACH_TANH) \
    FLOAT_KIND(asinh, mdl_asinh, NULL, NO_KERNEL) \
    FLOAT_KIND(acosh, mdl_acosh, NULL, NO_KERNEL) \
    FLOAT_KIND(atanh, mdl_atanh, NULL, NO_KERNEL) \
    FLOAT_KIND(sigmoid, sigmoid, NULL, EACH_SIGMOID) \
    KIND(relu, TYPES_NUMBER, TO_SAME, NULL, do_relu, int_relu, EACH_RELU) \
    FLOAT_KIND(leaky_relu, NULL, do_leaky_relu, EACH_LEAKY_RELU) \
    FLOAT_KIND(thresholded_relu, NULL, do_thresholded_relu, NO_KERNEL) \
    FLOAT_KIND(elu, NULL, do_elu, EACH_ELU) \
    FLOAT_KIND(selu, NULL, do_selu, EACH_ELU) \
    FLOAT_KIND(celu, NULL, do_celu, NO_KERNEL) \
    FLOAT_KIND(hard_sigmoid, NULL, do_hard_sigmoid, EACH_HARD_SIGMOID) \
    FLOAT_KIND(hard_swish, NULL, do_hard_swish, EACH_HARD_SWISH) \
    FLOAT_KIND(softplus, softplus, NULL, EACH_SOFTPLUS) \
    FLOAT_KIND(softsign, NULL, do_softsign, NO_KERNEL) \
    FLOAT_KIND(gelu, NULL, do_gelu, EACH_GELU) \
    FLOAT_KIND(gelu_tanh, NULL, do_gelu_tanh, EACH_GELU_TANH) \
    FLOAT_KIND(mish, NULL, do_mish, EACH_MISH) \
    FLOAT_KIND(swish, NULL, do_swish, EACH_SWISH) \
    KIND(shrink, TYPES_NUMBER, TO_SAME, NULL, do_shrink, NULL, NO_KERNEL) \
    KIND(is_nan, TYPES_FLOATS | TYPES_F8, TO_BOOL, NULL, do_is_nan, NULL, NO_KERNEL) \
    KIND(is_inf, TYPES_FLOATS | TYPES_F8, TO_BOOL, NULL, do_is_inf, NULL, NO_KERNEL) \
    KIND(not, TYPE_BIT(MDL_BOOL), TO_BOOL, NULL, do_not, NULL, NO_KERNEL) \
    KIND(bit_not, TYPES_INTEGER, TO_SAME, NULL, NULL, int_not, NO_KERNEL) \
    KIND(true, TYPES_ANY, TO_BOOL, NULL, do_true, NULL, NO_KERNEL) \
    FLOAT_KIND(divide, NULL, do_divide, NO_KERNEL)
    KINDS
#undef KIND
};

enum {
#define KIND(name, types, result, each, f64, i64, kernel) UNARY_##name,
    KINDS
#undef KIND
};

static const char *const names[] = {
#define KIND(name, types, result, each, f64, i64, kernel) #name,
    KINDS
    NULL
};

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, unary_params, kind, UNARY_abs, names),
    FIELD(FIELD_FLOAT, unary_params, alpha, 1, NULL),
    FIELD(FIELD_FLOAT, unary_params, beta, 1, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct unary_params *p = n->params;
    const struct unary *u = &kinds[p->kind];
    const mdl_status s = mdl_nd_need_type(n, g, 0, u->types, err);

    if (s)
        return s;
    nd_result(n, g, 0, u->result == TO_BOOL ? MDL_BOOL : nd_type(n, g, 0));
    return MDL_OK;
}

static void eval_kernel(const struct nd_call *c, const struct nd *x, struct nd *y, uint32_t kernel,
                        const struct unary_params *p)
{
    double a = p->alpha, b = p->beta;

    if (p->kind == UNARY_elu)
        b = 1;
    if (p->kind == UNARY_selu)
        a *= b;
    if (p->kind == UNARY_hard_swish)
        b /= a;
    c->kernels->each_f32(kernel, y->data, x->data, (size_t)x->count, (float)a, (float)b);
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct unary_params *p = n->params;
    const struct unary *u = &kinds[p->kind];
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    const int whole = u->i64 && TYPES_INTEGER & TYPE_BIT(x->type);

    if (x->type == MDL_F32 && u->kernel != NO_KERNEL) {
        eval_kernel(c, x, y, u->kernel, p);
        return MDL_OK;
    }
    for (uint64_t at = 0; at < x->count; at += ND_CHUNK) {
        const size_t some = x->count - at < ND_CHUNK ? (size_t)(x->count - at) : ND_CHUNK;
        double v[ND_CHUNK];
        int64_t k[ND_CHUNK];

        if (whole) {
            mdl_nd_load_i64(k, x->data, x->type, at, some);
            u->i64(k, some, x->type);
            mdl_nd_store_i64(y->data, y->type, at, k, some);
            continue;
        }
        mdl_nd_load_f64(v, x->data, x->type, at, some);
        if (u->each)
            for (size_t i = 0; i < some; i++)
                v[i] = u->each(v[i]);
        else
            u->f64(v, some, p);
        mdl_nd_store_f64(y->data, y->type, at, v, some);
    }
    return MDL_OK;
}

const struct op mdl_op_unary = {
    .name = "unary",
    .about = "y = f(x) for each element: abs, exp, tanh, relu, gelu, is_nan, ...",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct unary_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = mdl_nd_shape_same,
    .eval = eval,
    .traits = ND_IN_PLACE | ND_HALF,
};
