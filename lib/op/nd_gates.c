/*
 * op/nd_gates.c - see nd_gates.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_gates.h"

#include "kernel/math.h"

/* Functions of gates: which kernel, if one has it; else in double, rounded once.  Positions are
 * on disk. */
enum { RELU, TANH, SIGMOID, AFFINE, LEAKY_RELU, THRESHOLDED_RELU, SCALED_TANH, HARD_SIGMOID, ELU,
       SOFTSIGN, SOFTPLUS };

static const enum each fast[GATE_FUNCTIONS] = {
    [RELU] = EACH_RELU, [TANH] = EACH_TANH, [SIGMOID] = EACH_SIGMOID,
    [AFFINE] = EACH_KINDS, [LEAKY_RELU] = EACH_LEAKY_RELU, [THRESHOLDED_RELU] = EACH_KINDS,
    [SCALED_TANH] = EACH_KINDS, [HARD_SIGMOID] = EACH_HARD_SIGMOID, [ELU] = EACH_ELU,
    [SOFTSIGN] = EACH_KINDS, [SOFTPLUS] = EACH_KINDS,
};

/* f, g, h; what h takes is no gate. */
enum { GATE, CANDIDATE, STATE };

static double of(const struct gate_function *f, double x)
{
    const double a = (double)f->alpha, b = (double)f->beta;

    switch (f->kind) {
    case RELU:             return x <= 0 ? 0 : x;
    case TANH:             return mdl_tanh(x);
    case SIGMOID:          return 1 / (1 + mdl_exp(-x));
    case AFFINE:           return a * x + b;
    case LEAKY_RELU:       return x < 0 ? a * x : x;
    case THRESHOLDED_RELU: return x < a ? 0 : x;
    case SCALED_TANH:      return a * mdl_tanh(b * x);
    case HARD_SIGMOID:     return a * x + b < 0 ? 0 : a * x + b > 1 ? 1 : a * x + b;
    case ELU:              return x < 0 ? a * mdl_expm1(x) : x;
    case SOFTSIGN:         return x / (1 + (x < 0 ? -x : x));
    default:               return x > 0 ? x + mdl_log1p(mdl_exp(-x)) : mdl_log1p(mdl_exp(x));
    }
}

static void *at(const struct gates *g, void *p, uint64_t i)
{
    return (char *)p + i * (g->type == MDL_F32 ? sizeof(float) : sizeof(double));
}

static const void *at_const(const struct gates *g, const void *p, uint64_t i)
{
    return (const char *)p + i * (g->type == MDL_F32 ? sizeof(float) : sizeof(double));
}

void mdl_nd_gates_pair(const struct gates *g, enum each_pair how, void *y, const void *p, const void *q,
                       uint64_t n)
{
    if (g->type == MDL_F32)
        g->k->pair_f32(how, y, p, q, (size_t)n);
    else
        g->k->pair_f64(how, y, p, q, (size_t)n);
}

/* A function of gates, clipped first. */
static void apply(const struct gates *g, int which, void *v, uint64_t n)
{
    const struct gate_function *f = &g->functions[which];
    const enum each how = fast[f->kind];
    const double clip = which == STATE ? 0 : g->clip;
    const float bound = (float)clip;
    double *d = v;
    float *x = v;

    if (g->type == MDL_F32) {
        if (clip > 0)
            g->k->each_f32(EACH_CLIP, x, x, (size_t)n, -bound, bound);
        if (how != EACH_KINDS) {
            g->k->each_f32(how, x, x, (size_t)n, f->alpha, f->kind == ELU ? 1 : f->beta);
            return;
        }
        for (uint64_t i = 0; i < n; i++)
            x[i] = (float)of(f, (double)x[i]);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        const double low = clip > 0 && d[i] < -clip ? -clip : d[i];
        d[i] = of(f, clip > 0 && low > clip ? clip : low);
    }
}

/* y = 1 - x */
static void complement(const struct gates *g, void *y, const void *x)
{
    if (g->type == MDL_F32)
        for (uint64_t i = 0; i < g->hidden; i++)
            ((float *)y)[i] = 1 - ((const float *)x)[i];
    else
        for (uint64_t i = 0; i < g->hidden; i++)
            ((double *)y)[i] = 1 - ((const double *)x)[i];
}

void mdl_nd_gates_rnn(const struct gates *g, void *gate, void *h)
{
    apply(g, GATE, gate, g->hidden);
    for (uint64_t i = 0; i < g->hidden; i++)
        if (g->type == MDL_F32)
            ((float *)h)[i] = ((float *)gate)[i];
        else
            ((double *)h)[i] = ((double *)gate)[i];
}

/* Gate `to` += what it sees of the cell. */
static void peep(const struct gates *g, uint64_t which, void *to, const void *c)
{
    if (!g->peephole)
        return;
    mdl_nd_gates_pair(g, PAIR_MUL, g->room, at_const(g, g->peephole, which * g->hidden), c, g->hidden);
    mdl_nd_gates_pair(g, PAIR_ADD, to, to, g->room, g->hidden);
}

void mdl_nd_gates_lstm(const struct gates *g, void *gate, void *h, void *c)
{
    const uint64_t n = g->hidden;
    void *i = gate, *o = at(g, gate, n), *f = at(g, gate, 2 * n), *in = at(g, gate, 3 * n);

    if (!g->peephole && !g->input_forget) {
        apply(g, GATE, gate, 3 * n);
    } else {
        peep(g, 0, i, c);
        apply(g, GATE, i, n);
        peep(g, 2, f, c);
        if (g->input_forget)
            complement(g, f, i);
        else
            apply(g, GATE, f, n);
    }
    apply(g, CANDIDATE, in, n);
    mdl_nd_gates_pair(g, PAIR_MUL, c, f, c, n);
    mdl_nd_gates_pair(g, PAIR_MUL, in, i, in, n);
    mdl_nd_gates_pair(g, PAIR_ADD, c, c, in, n);
    if (g->peephole || g->input_forget) {
        peep(g, 1, o, c);
        apply(g, GATE, o, n);
    }
    for (uint64_t k = 0; k < n; k++)
        if (g->type == MDL_F32)
            ((float *)h)[k] = ((float *)c)[k];
        else
            ((double *)h)[k] = ((double *)c)[k];
    apply(g, STATE, h, n);
    mdl_nd_gates_pair(g, PAIR_MUL, h, o, h, n);
}

void mdl_nd_gates_reset(const struct gates *g, void *gate, const void *h, void *reset_h)
{
    apply(g, GATE, gate, 2 * g->hidden);
    if (!g->linear_before_reset)
        mdl_nd_gates_pair(g, PAIR_MUL, reset_h, at(g, gate, g->hidden), h, g->hidden);
}

void mdl_nd_gates_gru(const struct gates *g, void *gate, void *hidden_part, void *h)
{
    const uint64_t n = g->hidden;
    void *z = gate, *r = at(g, gate, n), *in = at(g, gate, 2 * n);

    if (g->linear_before_reset)
        mdl_nd_gates_pair(g, PAIR_MUL, hidden_part, r, hidden_part, n);
    mdl_nd_gates_pair(g, PAIR_ADD, in, in, hidden_part, n);
    apply(g, CANDIDATE, in, n);
    complement(g, r, z);
    mdl_nd_gates_pair(g, PAIR_MUL, in, r, in, n);
    mdl_nd_gates_pair(g, PAIR_MUL, h, z, h, n);
    mdl_nd_gates_pair(g, PAIR_ADD, h, in, h, n);
}
