/*
 * op/nd_cumulate.c - sums or products of everything so far, along an axis
 *
 *     y[.., k, ..] = x[.., 0, ..] + ... + x[.., k, ..]     `exclusive`: without the last one
 *                                                          `reverse`: from the end
 *
 * Floats are summed in float64 and rounded at every element; integers wrap.  Lanes of ND_CHUNK
 * elements beside each other go along the axis together; where there is one lane, it goes in
 * stretches of ND_CHUNK.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

struct cumulate_params {
    int64_t kind, exclusive, reverse;
};

enum { SUM, PRODUCT };
static const char *const kinds[] = { [SUM] = "sum", [PRODUCT] = "product", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, cumulate_params, kind, SUM, kinds),
    FIELD(FIELD_INT, cumulate_params, exclusive, 0, NULL),
    FIELD(FIELD_INT, cumulate_params, reverse, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT | TYPES_INTEGER, err);

    if (!s) s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    if (nd_in(c, n, 1)->count != 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "axis has %llu elements, expected one",
                        (unsigned long long)nd_in(c, n, 1)->count);
    return mdl_nd_shape_same(n, c);
}

/* A lane: n elements, the first is number `at`, `step` from each to the next; `wide` lanes beside
 * each other, at most ND_CHUNK. */
struct lane {
    uint64_t at, n, wide;
    int64_t  step;
};

/*
 * The same for every type that is computed in.  A lane by itself is packed, so it is taken in
 * stretches, from the end where it goes backwards; else one element of each lane at a time.
 */
#define CUMULATE(NAME, C, LOAD, STORE)                                                            \
    static C NAME##_next(const struct cumulate_params *p, C *so_far, C v)                         \
    {                                                                                             \
        const C was = *so_far;                                                                    \
                                                                                                  \
        *so_far = p->kind == SUM ? was + v : was * v;                                             \
        return p->exclusive ? was : *so_far;                                                      \
    }                                                                                             \
                                                                                                  \
    static void NAME##_one(const struct cumulate_params *p, const struct nd *x,                   \
                           const struct nd *y, const struct lane *w)                              \
    {                                                                                             \
        const uint64_t first = w->step < 0 ? w->at - (w->n - 1) : w->at;                          \
        C v[ND_CHUNK], so_far = p->kind == SUM ? 0 : 1;                                           \
                                                                                                  \
        for (uint64_t done = 0; done < w->n; done += ND_CHUNK) {                                  \
            const size_t some = w->n - done < ND_CHUNK ? (size_t)(w->n - done) : ND_CHUNK;        \
            const uint64_t from = w->step < 0 ? first + w->n - done - some : first + done;        \
            LOAD(v, x->data, x->type, from, some);                                                \
            for (size_t i = 0; i < some; i++) {                                                   \
                const size_t k = w->step < 0 ? some - 1 - i : i;                                  \
                v[k] = NAME##_next(p, &so_far, v[k]);                                             \
            }                                                                                     \
            STORE(y->data, y->type, from, v, some);                                               \
        }                                                                                         \
    }                                                                                             \
                                                                                                  \
    static void NAME##_many(const struct cumulate_params *p, const struct nd *x,                  \
                            const struct nd *y, const struct lane *w)                             \
    {                                                                                             \
        C v[ND_CHUNK], so_far[ND_CHUNK];                                                          \
                                                                                                  \
        for (size_t i = 0; i < w->wide; i++)                                                      \
            so_far[i] = p->kind == SUM ? 0 : 1;                                                   \
        for (uint64_t k = 0; k < w->n; k++) {                                                     \
            const uint64_t at = w->at + k * (uint64_t)w->step;                                    \
            LOAD(v, x->data, x->type, at, (size_t)w->wide);                                       \
            for (size_t i = 0; i < w->wide; i++)                                                  \
                v[i] = NAME##_next(p, &so_far[i], v[i]);                                          \
            STORE(y->data, y->type, at, v, (size_t)w->wide);                                      \
        }                                                                                         \
    }

static void load_u64(uint64_t *to, const void *from, uint32_t type, uint64_t first, size_t n)
{
    mdl_nd_load_i64((int64_t *)to, from, type, first, n);
}

static void store_u64(void *to, uint32_t type, uint64_t first, const uint64_t *from, size_t n)
{
    mdl_nd_store_i64(to, type, first, (const int64_t *)from, n);
}

CUMULATE(real, double, mdl_nd_load_f64, mdl_nd_store_f64)
CUMULATE(whole, uint64_t, load_u64, store_u64)

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct cumulate_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const int real = x->type == MDL_F32 || x->type == MDL_F64;
    int64_t axis = mdl_nd_int(nd_in(c, n, 1), 0);
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);

    if (s || !x->count)
        return s;
    const uint64_t dim = (uint64_t)x->dims[axis];
    const uint64_t inner = nd_product(x, (uint32_t)axis + 1, x->rank);
    const int64_t step = p->reverse ? -(int64_t)inner : (int64_t)inner;
    for (uint64_t o = 0; o < x->count / dim / inner; o++)
        for (uint64_t i = 0; i < inner; i += ND_CHUNK) {
            const uint64_t at = (o * dim + (p->reverse ? dim - 1 : 0)) * inner + i;
            const struct lane w = { at, dim, inner - i < ND_CHUNK ? inner - i : ND_CHUNK, step };
            if (inner == 1)
                (real ? real_one : whole_one)(p, x, y, &w);
            else
                (real ? real_many : whole_many)(p, x, y, &w);
        }
    return MDL_OK;
}

const struct op mdl_op_cumulate = {
    .name = "cumulate",
    .about = "sums or products of the elements so far, along the axis that input 1 says",
    .fields = fields,
    .n_fields = 3,
    .params_bytes = sizeof(struct cumulate_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .traits = ND_IN_PLACE,
};
