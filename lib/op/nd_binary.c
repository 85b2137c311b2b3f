/*
 * op/nd_binary.c - y = f(a, b), element by element, shapes broadcast
 *
 *     binary    arithmetic, logic and bits: results of the type of a
 *     compare   of numbers, bools and strings: bool
 *
 * Walks of nd_walk.h; float32 and float64 go through the kernels of each.h where there is one,
 * everything else in pieces through double, or int64 where that is more.
 *
 * Integers: results are cut to the type's bits.  Division is towards zero, mod has the sign of
 * the divisor and fmod that of the dividend; x / 0 and x mod 0 are 0.  Shifts by the width of
 * the type or more give 0.  A negative power of an integer is 0, of 1 and -1 what it is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_walk.h"

#include "kernel/each.h"
#include "kernel/math.h"

#include <string.h>

struct binary_params {
    int64_t kind;
};

typedef void f64_pairs(double *y, const double *a, const double *b, size_t n);
typedef void i64_pairs(int64_t *y, const int64_t *a, const int64_t *b, size_t n);

#define NO_KERNEL PAIR_KINDS
#define BOOL      TYPE_BIT(MDL_BOOL)

/* ---- pieces -------------------------------------------------------------------------------- */

/* y may be a. */
#define OVER(NAME, REAL, RESULT) \
static void NAME(REAL *y, const REAL *a, const REAL *b, size_t n) \
{ \
    for (size_t i = 0; i < n; i++) { \
        const REAL u = a[i], v = b[i]; \
        y[i] = RESULT; \
    } \
}

static int64_t int_divide(int64_t a, int64_t b)
{
    if (b == 0 || b == -1)        /* of the least integer, itself */
        return b ? (int64_t)(0 - (uint64_t)a) : 0;
    return a / b;
}

static int64_t int_rest(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static int64_t int_mod(int64_t a, int64_t b)
{
    const int64_t rest = int_rest(a, b);

    return rest && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Low 64 bits of a^b. */
static uint64_t power(uint64_t a, uint64_t b)
{
    uint64_t y = 1;

    for (; b; b >>= 1, a *= a)
        y *= b & 1 ? a : 1;
    return y;
}

static int64_t int_power(int64_t a, int64_t b)
{
    if (b < 0)
        return a == 1 || a == -1 ? (b & 1 ? a : 1) : 0;
    return (int64_t)power((uint64_t)a, (uint64_t)b);
}

/* As Python's %: the sign of the divisor. */
static double real_mod(double a, double b)
{
    const double rest = mdl_fmod(a, b);

    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* The usual exponents without a logarithm. */
static double real_power(double a, double b)
{
    if (b == 2)
        return a * a;
    if (b == 3)
        return a * a * a;
    return b == 0.5 && a > 0 ? mdl_sqrt(a) : mdl_pow(a, b);
}

#define U(x) ((uint64_t)(x))
#define I(x) ((int64_t)(x))
OVER(f_add, double, u + v)
OVER(f_sub, double, u - v)
OVER(f_mul, double, u * v)
OVER(f_div, double, u / v)
OVER(f_mod, double, real_mod(u, v))
OVER(f_fmod, double, mdl_fmod(u, v))
OVER(f_pow, double, real_power(u, v))
OVER(f_max, double, u != u ? u : u > v ? u : v)
OVER(f_min, double, u != u ? u : u < v ? u : v)
OVER(f_prelu, double, u < 0 ? v * u : u)
OVER(f_equal, double, u == v)
OVER(f_less, double, u < v)
OVER(f_less_equal, double, u <= v)
OVER(f_greater, double, u > v)
OVER(f_greater_equal, double, u >= v)

OVER(i_add, int64_t, I(U(u) + U(v)))
OVER(i_sub, int64_t, I(U(u) - U(v)))
OVER(i_mul, int64_t, I(U(u) * U(v)))
OVER(i_div, int64_t, int_divide(u, v))
OVER(i_mod, int64_t, int_mod(u, v))
OVER(i_fmod, int64_t, int_rest(u, v))
OVER(i_pow, int64_t, int_power(u, v))
OVER(i_max, int64_t, u > v ? u : v)
OVER(i_min, int64_t, u < v ? u : v)
OVER(i_prelu, int64_t, u < 0 ? I(U(u) * U(v)) : u)
OVER(i_and, int64_t, u & v)
OVER(i_or, int64_t, u | v)
OVER(i_xor, int64_t, u ^ v)
OVER(i_left, int64_t, U(v) < 64 ? I(U(u) << v) : 0)
OVER(i_right, int64_t, U(v) < 64 ? u >> v : u < 0 ? -1 : 0)
OVER(i_equal, int64_t, u == v)
OVER(i_less, int64_t, u < v)
OVER(i_less_equal, int64_t, u <= v)
OVER(i_greater, int64_t, u > v)
OVER(i_greater_equal, int64_t, u >= v)

/* uint64, where it differs. */
OVER(u_div, int64_t, v ? I(U(u) / U(v)) : 0)
OVER(u_mod, int64_t, v ? I(U(u) % U(v)) : 0)
OVER(u_pow, int64_t, I(power(U(u), U(v))))
OVER(u_max, int64_t, U(u) > U(v) ? u : v)
OVER(u_min, int64_t, U(u) < U(v) ? u : v)
OVER(u_same, int64_t, ((void)v, u))
OVER(u_right, int64_t, U(v) < 64 ? I(U(u) >> v) : 0)
OVER(u_less, int64_t, U(u) < U(v))
OVER(u_less_equal, int64_t, U(u) <= U(v))
OVER(u_greater, int64_t, U(u) > U(v))
OVER(u_greater_equal, int64_t, U(u) >= U(v))

/* ---- kinds --------------------------------------------------------------------------------- */

struct binary {
    uint32_t   types;
    uint32_t   kernel;
    f64_pairs *f64;
    i64_pairs *i64, *u64;         /* u64: of uint64                                  */
};

#define BINARY_KINDS \
    KIND(add, TYPES_NUMBER, PAIR_ADD, f_add, i_add, i_add) \
    KIND(sub, TYPES_NUMBER, PAIR_SUB, f_sub, i_sub, i_sub) \
    KIND(mul, TYPES_NUMBER, PAIR_MUL, f_mul, i_mul, i_mul) \
    KIND(div, TYPES_NUMBER, PAIR_DIV, f_div, i_div, u_div) \
    KIND(mod, TYPES_NUMBER, NO_KERNEL, f_mod, i_mod, u_mod) \
    KIND(fmod, TYPES_NUMBER, NO_KERNEL, f_fmod, i_fmod, u_mod) \
    KIND(pow, TYPES_NUMBER, NO_KERNEL, f_pow, i_pow, u_pow) \
    KIND(max, TYPES_NUMBER, PAIR_MAX, f_max, i_max, u_max) \
    KIND(min, TYPES_NUMBER, PAIR_MIN, f_min, i_min, u_min) \
    KIND(prelu, TYPES_NUMBER, PAIR_PRELU, f_prelu, i_prelu, u_same) \
    KIND(and, BOOL, NO_KERNEL, NULL, i_and, i_and) \
    KIND(or, BOOL, NO_KERNEL, NULL, i_or, i_or) \
    KIND(xor, BOOL, NO_KERNEL, NULL, i_xor, i_xor) \
    KIND(bit_and, TYPES_INTEGER, NO_KERNEL, NULL, i_and, i_and) \
    KIND(bit_or, TYPES_INTEGER, NO_KERNEL, NULL, i_or, i_or) \
    KIND(bit_xor, TYPES_INTEGER, NO_KERNEL, NULL, i_xor, i_xor) \
    KIND(shift_left, TYPES_INTEGER, NO_KERNEL, NULL, i_left, i_left) \
    KIND(shift_right, TYPES_INTEGER, NO_KERNEL, NULL, i_right, u_right)

#define COMPARE_KINDS \
    KIND(equal, TYPES_ANY, NO_KERNEL, f_equal, i_equal, i_equal) \
    KIND(less, TYPES_NUMBER, NO_KERNEL, f_less, i_less, u_less) \
    KIND(less_equal, TYPES_NUMBER, NO_KERNEL, f_less_equal, i_less_equal, u_less_equal) \
    KIND(greater, TYPES_NUMBER, NO_KERNEL, f_greater, i_greater, u_greater) \
    KIND(greater_equal, TYPES_NUMBER, NO_KERNEL, f_greater_equal, i_greater_equal, u_greater_equal)

#define KIND(name, types, kernel, f64, i64, u64) { types, kernel, f64, i64, u64 },
static const struct binary binaries[] = { BINARY_KINDS }, compares[] = { COMPARE_KINDS };
#undef KIND
#define KIND(name, types, kernel, f64, i64, u64) BINARY_##name,
enum { BINARY_KINDS };
#undef KIND
#define KIND(name, types, kernel, f64, i64, u64) COMPARE_##name,
enum { COMPARE_KINDS };
#undef KIND
#define KIND(name, types, kernel, f64, i64, u64) #name,
static const char *const binary_names[] = { BINARY_KINDS NULL };
static const char *const compare_names[] = { COMPARE_KINDS NULL };
#undef KIND

static const struct field binary_fields[] = {
    FIELD(FIELD_CHOICE, binary_params, kind, BINARY_add, binary_names),
};

static const struct field compare_fields[] = {
    FIELD(FIELD_CHOICE, binary_params, kind, COMPARE_equal, compare_names),
};

/* ---- evaluation ------------------------------------------------------------------------------ */

/* Kernels take types of 4 and 8 bytes as they are. */
static void walk_kernel(const struct nd_call *c, struct nd *y, const struct nd *const *from,
                        uint32_t kernel)
{
    struct nd_walk w;

    mdl_nd_walk_start(&w, y, from, 2, SIZE_MAX);
    while (mdl_nd_walk_next(&w))
        if (y->type == MDL_F32)
            c->kernels->pair_f32(kernel, (float *)y->data + w.first, w.at[0], w.at[1], w.count);
        else
            c->kernels->pair_f64(kernel, (double *)y->data + w.first, w.at[0], w.at[1], w.count);
}

static void walk_f64(struct nd *y, const struct nd *const *from, f64_pairs *f)
{
    double a[ND_CHUNK], b[ND_CHUNK];
    struct nd_walk w;

    mdl_nd_walk_start(&w, y, from, 2, ND_CHUNK);
    while (mdl_nd_walk_next(&w)) {
        mdl_nd_load_f64(a, w.at[0], from[0]->type, 0, w.count);
        mdl_nd_load_f64(b, w.at[1], from[1]->type, 0, w.count);
        f(a, a, b, w.count);
        mdl_nd_store_f64(y->data, y->type, w.first, a, w.count);
    }
}

static void walk_i64(struct nd *y, const struct nd *const *from, i64_pairs *f)
{
    int64_t a[ND_CHUNK], b[ND_CHUNK];
    struct nd_walk w;

    mdl_nd_walk_start(&w, y, from, 2, ND_CHUNK);
    while (mdl_nd_walk_next(&w)) {
        mdl_nd_load_i64(a, w.at[0], from[0]->type, 0, w.count);
        mdl_nd_load_i64(b, w.at[1], from[1]->type, 0, w.count);
        f(a, a, b, w.count);
        mdl_nd_store_i64(y->data, y->type, w.first, a, w.count);
    }
}

static void walk_strings(struct nd *y, const struct nd *const *from)
{
    struct nd_walk w;

    mdl_nd_walk_start(&w, y, from, 2, ND_CHUNK);
    while (mdl_nd_walk_next(&w)) {
        const char *const *a = w.at[0], *const *b = w.at[1];
        for (size_t i = 0; i < w.count; i++)
            ((uint8_t *)y->data)[w.first + i] = !strcmp(a[i], b[i]);
    }
}

#define TYPES_WHOLE (TYPES_INTEGER | BOOL | TYPE_BIT(MDL_I4) | TYPE_BIT(MDL_U4) | TYPE_BIT(MDL_I2) \
                     | TYPE_BIT(MDL_U2))

static int is_whole(const struct nd *t)
{
    return (TYPES_WHOLE & TYPE_BIT(t->type)) != 0;
}

static void walk(const struct nd_call *c, const struct node *n, const struct binary *k)
{
    const struct nd *from[2] = { nd_in(c, n, 0), nd_in(c, n, 1) };
    struct nd *y = nd_out(c, n, 0);

    if (k->kernel != NO_KERNEL && TYPES_FLOAT & TYPE_BIT(y->type))
        walk_kernel(c, y, from, k->kernel);
    else if (from[0]->type == MDL_STRING)
        walk_strings(y, from);
    else if (is_whole(from[0]) && is_whole(from[1]))
        walk_i64(y, from, from[0]->type == MDL_U64 ? k->u64 : k->i64);
    else
        walk_f64(y, from, k->f64);
}

static mdl_status binary_eval(const struct node *n, struct nd_call *c)
{
    const struct binary_params *p = n->params;
    const struct nd *a = nd_in(c, n, 0), *b = nd_in(c, n, 1);

    /* The most common power. */
    if (p->kind == BINARY_pow && TYPES_FLOAT & TYPE_BIT(a->type) && b->count == 1
        && mdl_nd_number(b, 0) == 2 && a->count == nd_out(c, n, 0)->count) {
        walk_kernel(c, nd_out(c, n, 0), (const struct nd *[]){ a, a }, PAIR_MUL);
        return MDL_OK;
    }
    walk(c, n, &binaries[p->kind]);
    return MDL_OK;
}

static mdl_status compare_eval(const struct node *n, struct nd_call *c)
{
    walk(c, n, &compares[((const struct binary_params *)n->params)->kind]);
    return MDL_OK;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static mdl_status binary_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct binary_params *p = n->params;
    mdl_status s = mdl_nd_need_type(n, g, 0, binaries[p->kind].types, err);

    if (!s)
        s = p->kind == BINARY_pow ? mdl_nd_need_type(n, g, 1, TYPES_NUMBER, err)
                                  : mdl_nd_need_same(n, g, 0, 1, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

#define TYPES_COMPLEX (TYPE_BIT(MDL_C64) | TYPE_BIT(MDL_C128))

static mdl_status compare_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct binary_params *p = n->params;
    mdl_status s = mdl_nd_need_type(n, g, 0, compares[p->kind].types & ~TYPES_COMPLEX, err);

    if (!s)
        s = mdl_nd_need_same(n, g, 0, 1, err);
    return s ? s : mdl_nd_infer_bool(n, g, err);
}

const struct op mdl_op_binary = {
    .name = "binary",
    .about = "y = f(a, b) for each element, shapes broadcast: add, mul, pow, max, bit_and, ...",
    .fields = binary_fields,
    .n_fields = sizeof binary_fields / sizeof *binary_fields,
    .params_bytes = sizeof(struct binary_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = binary_infer,
    .shape = mdl_nd_shape_broadcast,
    .eval = binary_eval,
    .traits = ND_IN_PLACE | ND_HALF,
};

const struct op mdl_op_compare = {
    .name = "compare",
    .about = "a bool for each element, shapes broadcast: equal, less, greater_equal, ...",
    .fields = compare_fields,
    .n_fields = sizeof compare_fields / sizeof *compare_fields,
    .params_bytes = sizeof(struct binary_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = compare_infer,
    .shape = mdl_nd_shape_broadcast,
    .eval = compare_eval,
    .traits = ND_IN_PLACE | ND_HALF,
};
