/*
 * op/nd_attention.c - scaled dot product attention
 *
 *     q [B, Hq, S, D]   k [B, Hk, L, D]   v [B, Hk, L, Dv]     or, heads side by side,
 *     q [B, S, Hq D]    k [B, L, Hk D]    v [B, L, Hk Dv]
 *     past k, v [B, Hk, P, ..] come before k and v: T = P + L keys
 *
 *     s = scale q k'           softcap: s = softcap tanh(s / softcap)
 *     s = -infinity where the mask is false or ends, the key is later than the query (causal) or
 *         beyond the length of its sequence; a mask of numbers is added
 *     y = softmax(s) v
 *
 * Head h of q goes with head h / (Hq / Hk) of k.  Queries are taken QUERY_ROWS at a time, so scores
 * need little room; what a query gives depends on no other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/each.h"
#include "kernel/math.h"
#include "op/nd_product.h"

#include <math.h>                 /* INFINITY */
#include <string.h>

#define QUERY_ROWS 32u

enum { Q, K, V, MASK, PAST_K, PAST_V, LENGTHS };
enum { Y, PRESENT_K, PRESENT_V, SCORES };
enum { RAW, CAPPED, MASKED, SOFTMAX };

static const char *const stages[] = { "raw", "capped", "masked", "softmax", NULL };

struct attention_params {
    int64_t q_heads, kv_heads, causal, scores;
    double  scale, softcap;
};

static const struct field fields[] = {
    FIELD(FIELD_INT, attention_params, q_heads, 0, NULL),
    FIELD(FIELD_INT, attention_params, kv_heads, 0, NULL),
    FIELD(FIELD_INT, attention_params, causal, 0, NULL),
    FIELD(FIELD_CHOICE, attention_params, scores, 0, stages),
    FIELD(FIELD_FLOAT, attention_params, scale, 0, NULL),
    FIELD(FIELD_FLOAT, attention_params, softcap, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct attention_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 3, err);

    if (!s) s = mdl_nd_need_type(n, g, Q, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_need_same(n, g, Q, V, err);
    if (!s) s = mdl_nd_need_type(n, g, MASK, TYPE_BIT(nd_type(n, g, Q)) | TYPE_BIT(MDL_BOOL), err);
    for (uint32_t i = PAST_K; !s && i <= PAST_V; i++)
        s = mdl_nd_need_type(n, g, i, TYPE_BIT(nd_type(n, g, Q)), err);
    if (!s) s = mdl_nd_need_type(n, g, LENGTHS, TYPES_INDEX, err);
    if (!s && nd_given(n, PAST_K) != nd_given(n, PAST_V))
        s = mdl_fail(err, MDL_ERR_FORMAT, "one of past keys and past values alone");
    if (!s && (p->q_heads < 0 || p->kv_heads < 0 || p->q_heads > 1 << 24 || p->kv_heads > 1 << 24
               || !p->q_heads != !p->kv_heads))
        s = mdl_fail(err, MDL_ERR_FORMAT, "q_heads %lld, kv_heads %lld", (long long)p->q_heads,
                     (long long)p->kv_heads);
    if (!s && !(p->softcap >= 0))
        s = mdl_fail(err, MDL_ERR_FORMAT, "softcap %g is negative", p->softcap);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

struct sizes {
    uint64_t batch, q_heads, kv_heads, rows, keys, past, depth, v_depth;   /* keys: past too */
    int      flat;                /* heads side by side                                      */
};

static mdl_status misfit(const struct nd_call *c, const struct node *n, uint32_t i)
{
    static const char *const names[] = { "q", "k", "v", "the mask", "past k", "past v", "lengths" };
    char text[2][96];

    return mdl_fail(c->err, MDL_ERR_DATA, "%s is %s, which does not fit q %s and the heads",
                    names[i], mdl_nd_shape_text(text[0], sizeof text[0], nd_in(c, n, i)),
                    mdl_nd_shape_text(text[1], sizeof text[1], nd_in(c, n, Q)));
}

/* heads, keys and depth of k or v; 0 if it is not of the rank of q and the heads given. */
static int read_kv(const struct nd *t, uint32_t rank, int64_t kv_heads, uint64_t of[3])
{
    if (t->rank != rank)
        return 0;
    if (rank == 4) {
        for (uint32_t i = 0; i < 3; i++)
            of[i] = (uint64_t)t->dims[i + 1];
        return of[0] != 0 && (!kv_heads || of[0] == (uint64_t)kv_heads);
    }
    of[0] = (uint64_t)kv_heads;
    of[1] = (uint64_t)t->dims[1];
    of[2] = kv_heads ? (uint64_t)(t->dims[2] / kv_heads) : 0;
    return kv_heads && t->dims[2] % kv_heads == 0;
}

static int is_past(const struct nd *t, const struct sizes *s, uint64_t depth)
{
    return !t || (t->rank == 4 && (uint64_t)t->dims[0] == s->batch
                  && (uint64_t)t->dims[1] == s->kv_heads && (uint64_t)t->dims[2] == s->past
                  && (uint64_t)t->dims[3] == depth);
}

static mdl_status find_sizes(const struct node *n, const struct nd_call *c, struct sizes *s)
{
    const struct attention_params *p = n->params;
    const struct nd *q = nd_in(c, n, Q), *k = nd_in(c, n, K), *v = nd_in(c, n, V);
    const struct nd *past = nd_in(c, n, PAST_K), *lengths = nd_in(c, n, LENGTHS);
    uint64_t of_q[3], of_k[3], of_v[3];

    if ((q->rank != 3 && q->rank != 4) || !read_kv(q, q->rank, p->q_heads, of_q))
        return misfit(c, n, Q);
    if (!read_kv(k, q->rank, p->kv_heads, of_k) || k->dims[0] != q->dims[0] || of_k[2] != of_q[2]
        || of_q[0] % of_k[0])
        return misfit(c, n, K);
    if (!read_kv(v, q->rank, p->kv_heads, of_v) || v->dims[0] != q->dims[0] || of_v[0] != of_k[0]
        || of_v[1] != of_k[1])
        return misfit(c, n, V);
    *s = (struct sizes){ .batch = (uint64_t)q->dims[0], .q_heads = of_q[0], .kv_heads = of_k[0],
                         .rows = of_q[1], .depth = of_q[2], .v_depth = of_v[2],
                         .flat = q->rank == 3 };
    s->past = past && past->rank == 4 ? (uint64_t)past->dims[2] : 0;
    s->keys = s->past + of_k[1];
    if (!is_past(past, s, s->depth))
        return misfit(c, n, PAST_K);
    if (!is_past(nd_in(c, n, PAST_V), s, s->v_depth))
        return misfit(c, n, PAST_V);
    if (lengths && (lengths->rank != 1 || (uint64_t)lengths->dims[0] != s->batch))
        return misfit(c, n, LENGTHS);
    return MDL_OK;
}

/* A mask broadcasts; its last dimension may be short. */
static int mask_fits(const struct nd *mask, const struct sizes *s)
{
    const uint64_t want[3] = { s->rows, s->q_heads, s->batch };

    if (!mask)
        return 1;
    if (!mask->rank || mask->rank > 4 || (uint64_t)mask->dims[mask->rank - 1] > s->keys)
        return 0;
    for (uint32_t i = 1; i < mask->rank; i++) {
        const uint64_t d = (uint64_t)mask->dims[mask->rank - 1 - i];
        if (d != 1 && d != want[i - 1])
            return 0;
    }
    return 1;
}

/* Where things lie in the working memory, in numbers. */
struct room {
    uint64_t k, v, packed_k, packed_v, q, scores, all;
};

static int lay_out(struct room *m, const struct sizes *s)
{
    const uint64_t bound = (uint64_t)1 << 28;

    if (s->keys > bound || s->depth > bound || s->v_depth > bound
        || s->keys * (s->depth + s->v_depth + 1) > (uint64_t)1 << 40)
        return 0;
    m->k = 0;
    m->v = m->k + s->keys * s->depth;
    m->packed_k = m->v + s->keys * s->v_depth;
    m->packed_v = m->packed_k + gemm_packed(s->depth, s->keys);
    m->q = m->packed_v + gemm_packed(s->keys, s->v_depth);
    m->scores = m->q + QUERY_ROWS * s->depth;
    m->all = m->scores + QUERY_ROWS * s->keys;
    return 1;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    struct sizes s;
    struct room m;
    const mdl_status status = find_sizes(n, c, &s);

    if (status)
        return status;
    if (!mask_fits(nd_in(c, n, MASK), &s))
        return misfit(c, n, MASK);
    if (!lay_out(&m, &s))
        return mdl_fail(c->err, MDL_ERR_LIMIT, "attention over too much");
    c->temp_bytes = m.all * mdl_nd_type_bytes(nd_in(c, n, Q)->type);
    const int64_t b = (int64_t)s.batch, rows = (int64_t)s.rows, keys = (int64_t)s.keys;
    const int64_t hq = (int64_t)s.q_heads, hk = (int64_t)s.kv_heads, v = (int64_t)s.v_depth;
    int64_t wide;
    if (!size_mul((uint64_t)hq, (uint64_t)v, (uint64_t *)&wide) || wide < 0)
        return misfit(c, n, V);
    mdl_nd_set_shape(nd_out(c, n, Y), s.flat ? 3 : 4, s.flat ? (int64_t[4]){ b, rows, wide, 0 }
                                                         : (int64_t[4]){ b, hq, rows, v });
    if (n->n_out > PRESENT_K)
        mdl_nd_set_shape(nd_out(c, n, PRESENT_K), 4, (int64_t[4]){ b, hk, keys, (int64_t)s.depth });
    if (n->n_out > PRESENT_V)
        mdl_nd_set_shape(nd_out(c, n, PRESENT_V), 4, (int64_t[4]){ b, hk, keys, v });
    if (n->n_out > SCORES)
        mdl_nd_set_shape(nd_out(c, n, SCORES), 4, (int64_t[4]){ b, hq, rows, keys });
    return MDL_OK;
}

/* ---- eval ------------------------------------------------------------------------------------ */

struct walk {
    const struct node    *n;
    const struct nd_call *c;
    const struct attention_params  *p;
    struct sizes s;
    uint32_t     type;
    size_t       bytes;           /* of a number                                             */
    double       scale;
    char        *k, *v, *packed_k, *packed_v, *q, *scores;   /* working memory               */
};

/* Rows of a matrix, `row` numbers apart. */
struct rows {
    const char *at;
    uint64_t    row;
};

/* Head h of sample b of a tensor of `heads`. */
static struct rows head(const struct walk *w, const struct nd *t, uint64_t b, uint64_t h,
                        uint64_t heads, uint64_t rows, uint64_t depth)
{
    const uint64_t first = w->s.flat ? (b * rows * heads + h) * depth
                                     : (b * heads + h) * rows * depth;

    /* Nothing lies anywhere in what nobody wants. */
    return (struct rows){ t->data ? (const char *)t->data + first * w->bytes : NULL,
                          w->s.flat ? heads * depth : depth };
}

/* All keys (or values) of a head: where they lie, or, if some are past or they are to be a result,
 * put together. */
static struct rows all_keys(const struct walk *w, uint32_t in, uint32_t past, uint32_t out,
                            char *room, uint64_t b, uint64_t h, uint64_t depth)
{
    const struct sizes *s = &w->s;
    const struct nd *before = nd_in(w->c, w->n, past);
    const int wanted = nd_wanted(w->c, w->n, out);
    const uint64_t at = b * s->kv_heads + h, fresh = s->keys - s->past;
    struct rows r = head(w, nd_in(w->c, w->n, in), b, h, s->kv_heads, fresh, depth);

    if (!before && !wanted)
        return r;
    if (wanted)
        room = (char *)nd_out(w->c, w->n, out)->data + at * s->keys * depth * w->bytes;
    if (s->past && depth)
        memcpy(room, (const char *)before->data + at * s->past * depth * w->bytes,
               s->past * depth * w->bytes);
    for (uint64_t i = 0; depth && i < fresh; i++)
        memcpy(room + (s->past + i) * depth * w->bytes, r.at + i * r.row * w->bytes,
               depth * w->bytes);
    return (struct rows){ room, depth };
}

/* y = a b for some rows: b packed if float32, else b[k * b_step[0] + c * b_step[1]]. */
static void product(const struct walk *w, char *y, uint64_t y_row, const char *a, uint64_t depth,
                    uint64_t rows, uint64_t cols, const char *packed, const char *b,
                    uint64_t b_down, uint64_t b_along)
{
    if (w->type == MDL_F32) {
        struct gemm g = { .y = (float *)(void *)y, .y_row = y_row,
                          .a = (const float *)(const void *)a, .a_row = depth, .rows = rows,
                          .cols = cols, .depth = depth };
        mdl_nd_use_packed(&g, (const float *)(const void *)packed);
        w->c->kernels->gemm_f32(&g);
        return;
    }
    for (uint64_t i = 0; i < rows; i++) {
        const struct nd_plain plain = { a + i * depth * w->bytes, b, { depth, 1 },
                                        { b_down, b_along }, 1, depth, cols };
        mdl_nd_product_plain(y + i * y_row * w->bytes, w->type, &plain);
    }
}

static void scale_rows(const struct walk *w, struct rows q, uint64_t rows)
{
    const void *at = q.at;
    void *room = w->q;
    const float *f_from = at;
    const double *d_from = at;
    float *f_to = room;
    double *d_to = room;

    for (uint64_t i = 0; i < rows; i++)
        for (uint64_t k = 0; k < w->s.depth; k++) {
            const uint64_t from = i * q.row + k, to = i * w->s.depth + k;
            if (w->type == MDL_F32)
                f_to[to] = (float)w->scale * f_from[from];
            else
                d_to[to] = w->scale * d_from[from];
        }
}

static void cap(const struct walk *w, uint64_t count)
{
    float *x = (float *)(void *)w->scores;
    double *d = (double *)(void *)w->scores;
    const float bound = (float)w->p->softcap;

    if (w->type != MDL_F32) {
        for (uint64_t i = 0; i < count; i++)
            d[i] = w->p->softcap * mdl_tanh(d[i] / w->p->softcap);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        x[i] /= bound;
    w->c->kernels->each_f32(EACH_TANH, x, x, (size_t)count, 0, 0);
    for (uint64_t i = 0; i < count; i++)
        x[i] *= bound;
}

/* Keys that a row must not see. */
static void forbid(const struct walk *w, char *scores, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        if (w->type == MDL_F32)
            ((float *)(void *)scores)[i] = -INFINITY;
        else
            ((double *)(void *)scores)[i] = (double)-INFINITY;
}

/* Row of the mask for one query: broadcast dimensions have no step. */
static const char *mask_row(const struct nd *mask, uint64_t b, uint64_t h, uint64_t row,
                            size_t bytes)
{
    const uint64_t index[3] = { row, h, b };
    uint64_t at = 0, step = (uint64_t)mask->dims[mask->rank - 1];

    for (uint32_t i = 1; i < mask->rank; i++) {
        const uint64_t d = (uint64_t)mask->dims[mask->rank - 1 - i];
        at += d == 1 ? 0 : index[i - 1] * step;
        step *= d;
    }
    return (const char *)mask->data + at * bytes;
}

static void mask_one(const struct walk *w, char *scores, uint64_t b, uint64_t h, uint64_t row)
{
    const struct nd *mask = nd_in(w->c, w->n, MASK), *lengths = nd_in(w->c, w->n, LENGTHS);
    const uint64_t keys = w->s.keys;
    uint64_t most = keys;         /* keys before that may be seen                            */

    if (mask) {
        const uint64_t wide = (uint64_t)mask->dims[mask->rank - 1];
        const char *m = mask_row(mask, b, h, row, mdl_nd_type_bytes(mask->type));
        if (mask->type == MDL_BOOL) {
            for (uint64_t i = 0; i < wide; i++)
                if (!m[i])
                    forbid(w, scores, i, i + 1);
        } else if (w->type == MDL_F32) {
            w->c->kernels->pair_f32(PAIR_ADD, (float *)(void *)scores, (float *)(void *)scores,
                                    (const float *)(const void *)m, (size_t)wide);
        } else {
            w->c->kernels->pair_f64(PAIR_ADD, (double *)(void *)scores, (double *)(void *)scores,
                                    (const double *)(const void *)m, (size_t)wide);
        }
        most = wide;
    }
    if (w->p->causal && w->s.past + row + 1 < most)
        most = w->s.past + row + 1;
    if (lengths) {
        const int64_t length = mdl_nd_int(lengths, b);
        const uint64_t some = length < 0 ? 0 : (uint64_t)length;
        most = some < most ? some : most;
    }
    forbid(w, scores, most, keys);
}

/* Scores to the caller, if this is the stage that he asked for. */
static void show(const struct walk *w, int64_t stage, uint64_t first_row, uint64_t rows)
{
    if (w->p->scores == stage && nd_wanted(w->c, w->n, SCORES) && w->s.keys)
        memcpy((char *)nd_out(w->c, w->n, SCORES)->data + first_row * w->s.keys * w->bytes,
               w->scores, rows * w->s.keys * w->bytes);
}

/* Some queries of a head of q. */
static void run_rows(const struct walk *w, uint64_t b, uint64_t h, uint64_t row, uint64_t rows,
                     struct rows k, struct rows v)
{
    const struct sizes *s = &w->s;
    struct rows q = head(w, nd_in(w->c, w->n, Q), b, h, s->q_heads, s->rows, s->depth);
    const struct rows y = head(w, nd_out(w->c, w->n, Y), b, h, s->q_heads, s->rows, s->v_depth);
    const uint64_t first = (b * s->q_heads + h) * s->rows + row;
    char *to = (char *)nd_out(w->c, w->n, Y)->data;

    q.at += row * q.row * w->bytes;
    scale_rows(w, q, rows);
    product(w, w->scores, s->keys, w->q, s->depth, rows, s->keys, w->packed_k, k.at, 1, k.row);
    show(w, RAW, first, rows);
    if (w->p->softcap > 0)
        cap(w, rows * s->keys);
    show(w, CAPPED, first, rows);
    for (uint64_t i = 0; i < rows; i++)
        mask_one(w, w->scores + i * s->keys * w->bytes, b, h, row + i);
    show(w, MASKED, first, rows);
    if (w->type == MDL_F32)
        w->c->kernels->soft_f32((float *)(void *)w->scores, (float *)(void *)w->scores,
                                (size_t)rows, (size_t)s->keys);
    else
        w->c->kernels->soft_f64((double *)(void *)w->scores, (double *)(void *)w->scores,
                                (size_t)rows, (size_t)s->keys);
    show(w, SOFTMAX, first, rows);
    if (to)
        product(w, to + (size_t)(y.at - to) + row * y.row * w->bytes, y.row, w->scores, s->keys,
                rows, s->v_depth, w->packed_v, v.at, v.row, 1);
}

static int is_made(const struct node *n, const struct nd_call *c, uint32_t i)
{
    return nd_wanted(c, n, i) && nd_out(c, n, i)->count;
}

/* Is there a number to be made?  What makes none could be of any length. */
static int is_wanted(const struct node *n, const struct nd_call *c)
{
    for (uint32_t i = 0; i < n->n_out; i++)
        if (is_made(n, c, i))
            return 1;
    return 0;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct attention_params *p = n->params;
    struct walk w = { .n = n, .c = c, .p = p, .type = nd_in(c, n, Q)->type };
    struct room m;
    const mdl_status status = find_sizes(n, c, &w.s);
    char *room = c->temp;

    if (status || !is_wanted(n, c) || !lay_out(&m, &w.s))
        return status;
    const struct sizes *s = &w.s;
    if (!is_made(n, c, Y) && !is_made(n, c, SCORES))
        w.s.rows = 0;             /* of queries that nobody asks for there may be any number */
    w.bytes = mdl_nd_type_bytes(w.type);
    w.scale = p->scale != 0 ? p->scale : s->depth ? 1 / mdl_sqrt((double)s->depth) : 1;
    w.k = room + m.k * w.bytes;
    w.v = room + m.v * w.bytes;
    w.packed_k = room + m.packed_k * w.bytes;
    w.packed_v = room + m.packed_v * w.bytes;
    w.q = room + m.q * w.bytes;
    w.scores = room + m.scores * w.bytes;
    for (uint64_t b = 0; b < s->batch; b++)
        for (uint64_t g = 0; g < s->kv_heads; g++) {
            const struct rows k = all_keys(&w, K, PAST_K, PRESENT_K, w.k, b, g, s->depth);
            const struct rows v = all_keys(&w, V, PAST_V, PRESENT_V, w.v, b, g, s->v_depth);
            const uint64_t each = s->q_heads / s->kv_heads;
            if (w.type == MDL_F32 && s->rows) {
                mdl_nd_pack((float *)(void *)w.packed_k, (const float *)(const void *)k.at, 1, k.row,
                            s->depth, s->keys);
                mdl_nd_pack((float *)(void *)w.packed_v, (const float *)(const void *)v.at, v.row, 1,
                            s->keys, s->v_depth);
            }
            for (uint64_t h = g * each; h < (g + 1) * each; h++)
                for (uint64_t row = 0; row < s->rows; row += QUERY_ROWS)
                    run_rows(&w, b, h, row,
                             s->rows - row < QUERY_ROWS ? s->rows - row : QUERY_ROWS, k, v);
        }
    return MDL_OK;
}

const struct op mdl_op_attention = {
    .name = "attention",
    .about = "softmax(scale q k' + mask) v, head by head",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct attention_params),
    .min_in = 3,
    .max_in = 7,
    .n_out = 1,
    .max_out = 4,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
