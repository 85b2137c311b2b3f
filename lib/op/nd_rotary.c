/*
 * op/nd_rotary.c - rotary position embedding
 *
 *     x [B, N, S, D], or heads side by side [B, S, N D]      positions [B, S], optional
 *     cos, sin [P, d / 2] looked up by position, or [B, S, d / 2] without positions
 *
 * The first d numbers of a head are pairs (a, b), which turn: (a cos - b sin, a sin + b cos).
 * Pairs are one half and the other, or, interleaved, neighbours; the rest stays as it is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include <string.h>

enum { X, COS, SIN, POSITIONS };

struct rotary_params {
    int64_t heads, dims, interleaved;
};

static const struct field fields[] = {
    FIELD(FIELD_INT, rotary_params, heads, 0, NULL),
    FIELD(FIELD_INT, rotary_params, dims, 0, NULL),
    FIELD(FIELD_INT, rotary_params, interleaved, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct rotary_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 3, err);

    if (!s) s = mdl_nd_need_type(n, g, X, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_same(n, g, X, SIN, err);
    if (!s) s = mdl_nd_need_type(n, g, POSITIONS, TYPES_INDEX, err);
    if (!s && (p->heads < 0 || p->dims < 0 || p->dims % 2))
        s = mdl_fail(err, MDL_ERR_FORMAT, "heads %lld, dims %lld: of which dims must be even",
                     (long long)p->heads, (long long)p->dims);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

struct sizes {
    uint64_t batch, heads, rows, depth, turned;
    uint64_t at_row, at_head;     /* how far apart rows and heads are                        */
};

static int find_sizes(const struct rotary_params *p, const struct nd *x, struct sizes *s)
{
    if (x->rank != 4 && (x->rank != 3 || p->heads < 1 || x->dims[2] % p->heads))
        return 0;
    const int flat = x->rank == 3;
    s->batch = (uint64_t)x->dims[0];
    s->heads = (uint64_t)(flat ? p->heads : x->dims[1]);
    s->rows = (uint64_t)x->dims[flat ? 1 : 2];
    s->depth = (uint64_t)(flat ? x->dims[2] / p->heads : x->dims[3]);
    s->turned = p->dims ? (uint64_t)p->dims : s->depth;
    s->at_row = flat ? s->heads * s->depth : s->depth;
    s->at_head = flat ? s->depth : s->rows * s->depth;
    return s->turned <= s->depth && s->turned % 2 == 0;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, X), *positions = nd_in(c, n, POSITIONS);
    const uint32_t rank = positions ? 2 : 3;
    char text[2][96];
    struct sizes s;

    if (!find_sizes(n->params, x, &s))
        return mdl_fail(c->err, MDL_ERR_DATA, "x is %s, which does not fit heads and dims",
                        mdl_nd_shape_text(text[0], sizeof text[0], x));
    if (positions && (positions->rank != 2 || (uint64_t)positions->dims[0] != s.batch
                      || (uint64_t)positions->dims[1] != s.rows))
        return mdl_fail(c->err, MDL_ERR_DATA, "positions are %s and x is %s",
                        mdl_nd_shape_text(text[0], sizeof text[0], positions),
                        mdl_nd_shape_text(text[1], sizeof text[1], x));
    for (uint32_t i = COS; i <= SIN; i++) {
        const struct nd *t = nd_in(c, n, i);
        if (t->rank != rank || (uint64_t)t->dims[rank - 1] != s.turned / 2
            || (!positions && ((uint64_t)t->dims[0] != s.batch || (uint64_t)t->dims[1] != s.rows))
            || t->dims[0] != nd_in(c, n, COS)->dims[0])
            return mdl_fail(c->err, MDL_ERR_DATA, "cos or sin is %s, which does not fit x %s",
                            mdl_nd_shape_text(text[0], sizeof text[0], t),
                            mdl_nd_shape_text(text[1], sizeof text[1], x));
    }
    return mdl_nd_shape_same(n, c);
}

/* One head: `half` pairs, `between` of them apart, their steps `along`. */
#define TURN(name, type) \
static void name(type *y, const type *x, const type *cosine, const type *sine, uint64_t half, \
                 uint64_t between, uint64_t along) \
{ \
    for (uint64_t i = 0; i < half; i++) { \
        const type a = x[i * along], b = x[i * along + between]; \
        y[i * along] = cosine[i] * a - sine[i] * b; \
        y[i * along + between] = sine[i] * a + cosine[i] * b; \
    } \
}
TURN(turn_f32, float)
TURN(turn_f64, double)
#undef TURN

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct rotary_params *p = n->params;
    const struct nd *x = nd_in(c, n, X), *cosine = nd_in(c, n, COS), *sine = nd_in(c, n, SIN);
    const struct nd *positions = nd_in(c, n, POSITIONS);
    char *y = nd_out(c, n, 0)->data;
    const size_t bytes = mdl_nd_type_bytes(x->type);
    struct sizes s;

    if (!x->count || !find_sizes(p, x, &s))
        return MDL_OK;
    const uint64_t half = s.turned / 2, along = p->interleaved ? 2 : 1;
    const uint64_t between = p->interleaved ? 1 : half, rest = s.depth - s.turned;
    for (uint64_t i = 0; i < s.batch * s.rows; i++) {
        const int64_t at = positions ? mdl_nd_int(positions, i) : (int64_t)i;
        if (positions && (at < 0 || at >= cosine->dims[0]))
            return mdl_fail(c->err, MDL_ERR_DATA, "position %lld of %lld", (long long)at,
                            (long long)cosine->dims[0]);
        const size_t turn = (size_t)((uint64_t)at * half) * bytes;
        const char *co = (const char *)cosine->data + turn, *si = (const char *)sine->data + turn;
        for (uint64_t h = 0; h < s.heads; h++) {
            const size_t first = (size_t)(i / s.rows * s.heads * s.rows * s.depth
                                          + i % s.rows * s.at_row + h * s.at_head) * bytes;
            const char *from = (const char *)x->data + first;
            if (x->type == MDL_F32)
                turn_f32((float *)(void *)(y + first), (const float *)(const void *)from,
                         (const float *)(const void *)co, (const float *)(const void *)si, half,
                         between, along);
            else
                turn_f64((double *)(void *)(y + first), (const double *)(const void *)from,
                         (const double *)(const void *)co, (const double *)(const void *)si, half,
                         between, along);
            if (rest)
                memcpy(y + first + s.turned * bytes, from + s.turned * bytes, rest * bytes);
        }
    }
    return MDL_OK;
}

const struct op mdl_op_rotary = {
    .name = "rotary",
    .about = "pairs of numbers turned by an angle that depends on the position",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct rotary_params),
    .min_in = 3,
    .max_in = 4,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
