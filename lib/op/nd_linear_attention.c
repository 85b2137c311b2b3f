/*
 * op/nd_linear_attention.c - attention by a state that each step changes
 *
 *     q [B, T, Hq D]   k [B, T, Hk D]   v [B, T, Hk Dv]   state S [B, Hk, D, Dv], 0 to begin with
 *     decay [B, T, Hk] or [B, T, Hk D]   beta [B, T, Hk] or [B, T, 1]
 *
 *     S = e^decay S                   if there is a decay
 *     v = beta (v - S' k)             if there is a beta
 *     S = S + k v';  y = scale S' q
 *
 * Head h of q reads the state of head h / (Hq / Hk).  float32, each operation rounded once, sums
 * over D in order; samples and heads do not see one another.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/math.h"
#include "op/nd_product.h"

#include <string.h>

enum { LIN_Q, LIN_K, LIN_V, LIN_STATE, LIN_DECAY, LIN_BETA };

struct linear_attention_params {
    int64_t q_heads, kv_heads;
    double  scale;
};

static const struct field linear_attention_fields[] = {
    FIELD(FIELD_INT, linear_attention_params, q_heads, 1, NULL),
    FIELD(FIELD_INT, linear_attention_params, kv_heads, 1, NULL),
    FIELD(FIELD_FLOAT, linear_attention_params, scale, 0, NULL),
};

static mdl_status linear_attention_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct linear_attention_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 3, err);

    for (uint32_t i = LIN_Q; !s && i <= LIN_BETA; i++)
        s = mdl_nd_need_type(n, g, i, TYPE_BIT(MDL_F32), err);
    if (!s && (p->q_heads < 1 || p->kv_heads < 1 || p->q_heads > 1 << 24 || p->kv_heads > 1 << 24
               || p->q_heads % p->kv_heads))
        s = mdl_fail(err, MDL_ERR_FORMAT, "q_heads %lld is no multiple of kv_heads %lld",
                     (long long)p->q_heads, (long long)p->kv_heads);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status linear_attention_shape(const struct node *n, struct nd_call *c)
{
    static const char *const names[] = { "q", "k", "v", "the state", "decay", "beta" };
    const struct linear_attention_params *p = n->params;
    const struct nd *q = nd_in(c, n, LIN_Q), *v = nd_in(c, n, LIN_V);
    const struct nd *state = nd_in(c, n, LIN_STATE);
    char text[2][96];
    uint32_t bad = UINT32_MAX;

    for (uint32_t i = LIN_Q; i <= LIN_BETA; i++) {
        const struct nd *t = nd_in(c, n, i);
        if (t && i != LIN_STATE
            && (t->rank != 3 || q->rank != 3 || t->dims[0] != q->dims[0]
                || t->dims[1] != q->dims[1]))
            bad = bad == UINT32_MAX ? i : bad;
    }
    const int64_t depth = bad == LIN_Q ? 0 : q->dims[2] / p->q_heads;
    const int64_t wide = bad == UINT32_MAX ? v->dims[2] / p->kv_heads : 0;
    if (bad == UINT32_MAX) {
        const int64_t k = nd_in(c, n, LIN_K)->dims[2];
        const struct nd *g = nd_in(c, n, LIN_DECAY), *by = nd_in(c, n, LIN_BETA);
        const int64_t decay = g ? g->dims[2] : p->kv_heads, beta = by ? by->dims[2] : 1;
        bad = q->dims[2] % p->q_heads ? LIN_Q : k % p->kv_heads || k / p->kv_heads != depth ? LIN_K
            : v->dims[2] % p->kv_heads ? LIN_V
            : state && (state->rank != 4 || state->dims[0] != q->dims[0]
                        || state->dims[1] != p->kv_heads || state->dims[2] != depth
                        || state->dims[3] != wide) ? LIN_STATE
            : decay != p->kv_heads && decay != k ? LIN_DECAY
            : beta != p->kv_heads && beta != 1 ? LIN_BETA : UINT32_MAX;
    }
    if (bad != UINT32_MAX)
        return mdl_fail(c->err, MDL_ERR_DATA, "%s is %s, which does not fit q %s and the heads",
                        names[bad], mdl_nd_shape_text(text[0], sizeof text[0], nd_in(c, n, bad)),
                        mdl_nd_shape_text(text[1], sizeof text[1], q));
    uint64_t one, bytes, y_wide;
    if (!size_mul((uint64_t)depth, (uint64_t)wide, &one) || !size_add(one, (uint64_t)wide, &one)
        || !size_mul(one, sizeof(float), &bytes)
        || !size_mul((uint64_t)wide, (uint64_t)p->q_heads, &y_wide) || y_wide > INT64_MAX)
        return mdl_fail(c->err, MDL_ERR_LIMIT, "a state too large");
    c->temp_bytes = bytes;
    mdl_nd_set_shape(nd_out(c, n, 0), 3, (int64_t[3]){ q->dims[0], q->dims[1], (int64_t)y_wide });
    if (n->n_out > 1)
        mdl_nd_set_shape(nd_out(c, n, 1), 4, (int64_t[4]){ q->dims[0], p->kv_heads, depth, wide });
    return MDL_OK;
}

/* One step of one head; `decay` and `beta` may be NULL; decays of one number if not `each`. */
static void linear_step(float *state, float *change, const float *k, const float *v,
                        const float *decay, int each, const float *beta, uint64_t depth,
                        uint64_t wide)
{
    for (uint64_t d = 0; decay && d < depth; d++) {
        const float by = (float)mdl_exp((double)decay[each ? d : 0]);
        for (uint64_t m = 0; m < wide; m++)
            state[d * wide + m] *= by;
    }
    for (uint64_t m = 0; m < wide; m++)
        change[m] = beta ? 0 : v[m];
    for (uint64_t d = 0; beta && d < depth; d++)
        for (uint64_t m = 0; m < wide; m++)
            change[m] += state[d * wide + m] * k[d];
    for (uint64_t m = 0; beta && m < wide; m++)
        change[m] = beta[0] * (v[m] - change[m]);
    for (uint64_t d = 0; d < depth; d++)
        for (uint64_t m = 0; m < wide; m++)
            state[d * wide + m] += k[d] * change[m];
}

static void linear_read(float *y, const float *state, const float *q, float scale, uint64_t depth,
                        uint64_t wide)
{
    for (uint64_t m = 0; m < wide; m++)
        y[m] = 0;
    for (uint64_t d = 0; d < depth; d++)
        for (uint64_t m = 0; m < wide; m++)
            y[m] += q[d] * state[d * wide + m];
    for (uint64_t m = 0; m < wide; m++)
        y[m] *= scale;
}

static const float *linear_row(const struct nd *t, uint64_t row)
{
    return t ? (const float *)t->data + row * (uint64_t)t->dims[2] : NULL;
}

static mdl_status linear_attention_eval(const struct node *n, struct nd_call *c)
{
    const struct linear_attention_params *p = n->params;
    const struct nd *q = nd_in(c, n, LIN_Q), *v = nd_in(c, n, LIN_V);
    const struct nd *begin = nd_in(c, n, LIN_STATE);
    const struct nd *decay = nd_in(c, n, LIN_DECAY), *beta = nd_in(c, n, LIN_BETA);
    const uint64_t steps = (uint64_t)q->dims[1], heads = (uint64_t)p->kv_heads;
    const uint64_t depth = (uint64_t)(q->dims[2] / p->q_heads), wide = (uint64_t)v->dims[2] / heads;
    const uint64_t share = (uint64_t)p->q_heads / heads, one = depth * wide;
    const float scale = (float)(p->scale != 0 ? p->scale
                                              : depth ? 1 / mdl_sqrt((double)depth) : 1);
    const int each = decay && decay->dims[2] != p->kv_heads;
    float *state = c->temp, *change = state + one, *y = nd_out(c, n, 0)->data;

    if (!nd_out(c, n, 0)->count && !(nd_wanted(c, n, 1) && nd_out(c, n, 1)->count))
        return MDL_OK;            /* no number is made */
    for (uint64_t i = 0; i < (uint64_t)q->dims[0] * heads; i++) {
        const uint64_t b = i / heads, h = i % heads;
        if (begin && one)
            memcpy(state, (const float *)begin->data + i * one, one * sizeof *state);
        else
            memset(state, 0, one * sizeof *state);
        for (uint64_t row = b * steps; row < (b + 1) * steps; row++) {
            const float *g = linear_row(decay, row), *by = linear_row(beta, row);
            linear_step(state, change, linear_row(nd_in(c, n, LIN_K), row) + h * depth,
                        linear_row(v, row) + h * wide, g ? g + h * (each ? depth : 1) : NULL, each,
                        by ? by + (beta->dims[2] == 1 ? 0 : h) : NULL, depth, wide);
            for (uint64_t k = h * share; y && k < (h + 1) * share; k++)
                linear_read(y + (row * (uint64_t)p->q_heads + k) * wide, state,
                            linear_row(q, row) + k * depth, scale, depth, wide);
        }
        if (nd_wanted(c, n, 1) && one)
            memcpy((float *)nd_out(c, n, 1)->data + i * one, state, one * sizeof *state);
    }
    return MDL_OK;
}

const struct op mdl_op_linear_attention = {
    .name = "linear_attention",
    .about = "attention by a state: S = e^decay S + k v', y = scale S' q",
    .fields = linear_attention_fields,
    .n_fields = sizeof linear_attention_fields / sizeof *linear_attention_fields,
    .params_bytes = sizeof(struct linear_attention_params),
    .min_in = 3,
    .max_in = 6,
    .n_out = 1,
    .max_out = 2,
    .infer = linear_attention_infer,
    .shape = linear_attention_shape,
    .eval = linear_attention_eval,
};
