/*
 * import/onnx_training.c - one step of an optimiser: Adagrad, Adam, Momentum
 *
 * Inputs are the rate R, the count T of steps so far, and for each of k tensors X what goes with
 * it: all X, then all gradients G, then all of what is carried on.  Results: X, and that.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

static onnx_map map_adagrad, map_adam, map_momentum;

static const struct onnx_op ops[] = {
    { "Adagrad", 1, 0, map_adagrad, NULL, NULL },
    { "Adam", 1, 0, map_adam, NULL, NULL },
    { "Momentum", 1, 0, map_momentum, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

const struct onnx_family mdl_onnx_training = { "ai.onnx.preview.training", ops };

#define ARITHMETIC(name, kind) \
static int32_t name(struct flow *f, int32_t a, int32_t b) \
{ \
    return mdl_flow_kind2(f, "binary", kind, a, b); \
}

ARITHMETIC(add, "add")
ARITHMETIC(sub, "sub")
ARITHMETIC(mul, "mul")
ARITHMETIC(over, "div")

static int32_t root(struct flow *f, int32_t x)
{
    return mdl_flow_kind1(f, "unary", "sqrt", x);
}

/* A number, a value, in the type of `like`. */
static int32_t number(struct flow *f, double v, int32_t like)
{
    return mdl_flow_op2(f, "convert", mdl_flow_const_f32(f, (float)v), like);
}

/* An attribute in the type of `like`. */
static int32_t given(struct onnx *o, struct onnx_node *n, const char *name, double fallback,
                     int32_t like)
{
    return number(mdl_onnx_flow(o), mdl_onnx_float(o, n, name, fallback), like);
}

/* T > 0 ? a : b */
static int32_t after_first(struct flow *f, const struct onnx_node *n, int32_t a, int32_t b)
{
    const int32_t zero = mdl_flow_const_i64(f, 0);
    const int32_t later = mdl_flow_kind2(f, "compare", "greater", onnx_in(n, 1), zero);
    const int32_t in[3] = { later, a, b };

    return mdl_flow_result(f, mdl_flow_node(f, "where", "", in, 3, 1), 0);
}

/* How many tensors there are, each with `each` inputs; 0 after a refusal. */
static uint32_t tensors(struct onnx *o, const struct onnx_node *n, uint32_t each)
{
    const uint32_t k = n->n_in < 2 ? 0 : (n->n_in - 2) / each;
    int whole = k && n->n_in == 2 + k * each && n->n_out <= k * (each - 1);

    for (uint32_t i = 0; whole && i < n->n_in; i++)
        whole = n->in[i] != FLOW_NONE;
    if (!whole)
        mdl_onnx_refuse(o, n, "%u inputs and %u results", (unsigned)n->n_in, (unsigned)n->n_out);
    return whole ? k : 0;
}

/* G + norm X, of tensor i of k. */
static int32_t gradient(struct onnx *o, struct onnx_node *n, uint32_t k, uint32_t i)
{
    const int32_t x = n->in[2 + i], g = n->in[2 + k + i];

    const int32_t more = mul(mdl_onnx_flow(o), given(o, n, "norm_coefficient", 0, x), x);

    return add(mdl_onnx_flow(o), more, g);
}

static void set(struct onnx_node *n, uint32_t at, int32_t value)
{
    if (at < n->n_out)
        n->out[at] = value;
}

static void map_adagrad(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const uint32_t k = tensors(o, n, 3);

    if (!k)
        return;
    const int32_t r = n->in[0], t = mdl_flow_op2(f, "convert", n->in[1], r);
    const int32_t decay = mul(f, t, given(o, n, "decay_factor", 0, r));
    const int32_t rate = over(f, r, add(f, number(f, 1, r), decay));
    for (uint32_t i = 0; i < k; i++) {
        const int32_t x = n->in[2 + i], g = gradient(o, n, k, i);
        const int32_t h = add(f, n->in[2 + 2 * k + i], mul(f, g, g));
        const int32_t size = add(f, root(f, h), given(o, n, "epsilon", 1e-6f, x));
        set(n, i, sub(f, x, over(f, mul(f, rate, g), size)));
        set(n, k + i, h);
    }
}

/* a old + (1 - a) now */
static int32_t blend(struct flow *f, int32_t a, int32_t old, int32_t now)
{
    return add(f, mul(f, a, old), mul(f, sub(f, number(f, 1, a), a), now));
}

static void map_adam(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const uint32_t k = tensors(o, n, 4);

    if (!k)
        return;
    const int32_t r = n->in[0], t = mdl_flow_op2(f, "convert", n->in[1], r), one = number(f, 1, r);
    const int32_t alpha = given(o, n, "alpha", 0.9f, r), beta = given(o, n, "beta", 0.999f, r);
    const int32_t up = sub(f, one, mdl_flow_kind2(f, "binary", "pow", beta, t));
    const int32_t down = sub(f, one, mdl_flow_kind2(f, "binary", "pow", alpha, t));
    const int32_t later = over(f, mul(f, r, root(f, up)), down);
    const int32_t rate = after_first(f, n, later, r);
    for (uint32_t i = 0; i < k; i++) {
        const int32_t x = n->in[2 + i], g = gradient(o, n, k, i);
        const int32_t v = blend(f, given(o, n, "alpha", 0.9f, x), n->in[2 + 2 * k + i], g);
        const int32_t h = blend(f, given(o, n, "beta", 0.999f, x), n->in[2 + 3 * k + i],
                                mul(f, g, g));
        const int32_t size = add(f, root(f, h), given(o, n, "epsilon", 1e-6f, x));
        const int32_t moved = sub(f, x, over(f, mul(f, rate, v), size));
        const int32_t post = sub(f, number(f, 1, x), given(o, n, "norm_coefficient_post", 0, x));
        set(n, i, mul(f, post, moved));
        set(n, k + i, v);
        set(n, 2 * k + i, h);
    }
}

static void map_momentum(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const uint32_t k = tensors(o, n, 3);
    const char *mode = mdl_onnx_string(o, n, "mode", "");
    const int nesterov = !strcmp(mode, "nesterov");

    if (!nesterov && strcmp(mode, "standard") != 0)
        mdl_onnx_refuse(o, n, "mode '%s'", mode);
    for (uint32_t i = 0; i < k; i++) {
        const int32_t x = n->in[2 + i], g = gradient(o, n, k, i);
        const int32_t alpha = given(o, n, "alpha", 0, x);
        const int32_t beta = after_first(f, n, given(o, n, "beta", 0, x), number(f, 1, x));
        const int32_t v = add(f, mul(f, alpha, n->in[2 + 2 * k + i]), mul(f, beta, g));
        const int32_t way = nesterov ? add(f, g, mul(f, alpha, v)) : v;
        set(n, i, sub(f, x, mul(f, n->in[0], way)));
        set(n, k + i, v);
    }
}
