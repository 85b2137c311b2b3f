/*
 * op/nd_einsum.c - sums of products over labelled axes
 *
 *     equation   the characters of "ab,bc->ac"; without "->" the labels that occur once, in order
 *     x ...      as many tensors as it has terms
 *
 * "..." stands for axes that broadcast.  A label that occurs twice in a term is its diagonal.
 *
 * Two tensors of float32, each label of theirs once in each, are a product of matrices, after the
 * axes of each have been brought together (kernel/gemm.h): labels of both and the result are stacks,
 * of both alone are summed.  Everything else is summed in double, integers modulo 2^64, in the order
 * in which the labels occur.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include <string.h>

#define TERMS   8u
#define LABELS  60u               /* a..z, A..Z, and 8 axes of "..."                  */
#define DOTS    52u
#define MOST    256u              /* characters                                       */
#define MOST_PRODUCTS (1ull << 40) /* eight small tensors could ask for any number     */

struct term {
    uint32_t n;
    uint8_t  label[MDL_MAX_RANK];
};

struct equation {
    uint32_t    n_terms, n_labels;
    struct term term[TERMS], result;
    uint32_t    dots;             /* axes of "..."                                    */
    int64_t     dim[LABELS];      /* -1: does not occur                               */
    uint8_t     order[LABELS];    /* labels in the order in which they occur          */
};

static const struct slot slots[] = { { "equation", TYPE_BIT(MDL_I64), 1, 1 } };

static int label_of(int64_t ch)
{
    return ch >= 'a' && ch <= 'z' ? (int)(ch - 'a') : ch >= 'A' && ch <= 'Z' ? (int)(ch - 'A') + 26 : -1;
}

/* The term at *at, up to ',' or '-' or the end: its letters, and where "..." is, -1: nowhere. */
static int parse_term(struct term *t, int *dots, const int64_t *text, uint64_t n, uint64_t *at)
{
    *t = (struct term){ 0 };
    *dots = -1;
    for (; *at < n && text[*at] != ',' && text[*at] != '-'; ++*at) {
        const int label = label_of(text[*at]);
        if (text[*at] == ' ')
            continue;
        if (text[*at] == '.' && *dots < 0 && *at + 2 < n && text[*at + 1] == '.' && text[*at + 2] == '.') {
            *dots = (int)t->n;
            *at += 2;
            continue;
        }
        if (label < 0 || t->n == MDL_MAX_RANK)
            return 0;
        t->label[t->n++] = (uint8_t)label;
    }
    return 1;
}

/* Put `n` axes of "..." at place `at`: the last ones of all. */
static int put_dots(struct term *t, int at, uint32_t n)
{
    if (at < 0)
        return n == 0;
    if (t->n + n > MDL_MAX_RANK)
        return 0;
    memmove(t->label + at + n, t->label + at, t->n - (uint32_t)at);
    for (uint32_t i = 0; i < n; i++)
        t->label[(uint32_t)at + i] = (uint8_t)(LABELS - n + i);
    t->n += n;
    return 1;
}

static mdl_status wrong(mdl_error *err)
{
    return mdl_fail(err, MDL_ERR_DATA, "the tensors do not fit the equation");
}

/* The result of an equation that does not name it. */
static void implied(struct equation *e)
{
    uint32_t seen[LABELS] = { 0 };

    for (uint32_t i = 0; i < e->n_terms; i++)
        for (uint32_t k = 0; k < e->term[i].n; k++)
            seen[e->term[i].label[k]]++;
    e->result.n = 0;
    for (uint32_t i = 0; i < e->dots; i++)
        e->result.label[e->result.n++] = (uint8_t)(LABELS - e->dots + i);
    for (int upper = 1; upper >= 0; upper--)   /* A..Z come before a..z */
        for (uint32_t k = 0; k < 26; k++) {
            const uint32_t label = k + (upper ? 26u : 0u);
            if (seen[label] == 1 && e->result.n < MDL_MAX_RANK)
                e->result.label[e->result.n++] = (uint8_t)label;
        }
}

/* The equation over inputs of these ranks and dims; `x` NULL: only what its text says. */
static mdl_status parse(struct equation *e, const struct node *n, const struct nd *const *x,
                        mdl_error *err)
{
    const int64_t *text = n->tensors[0].data;
    const uint64_t length = n->tensors[0].count;
    uint64_t at = 0;
    int dots[TERMS], result_dots;

    *e = (struct equation){ 0 };
    for (uint32_t i = 0; i < LABELS; i++)
        e->dim[i] = -1;
    do {
        if (e->n_terms == TERMS || !parse_term(&e->term[e->n_terms], &dots[e->n_terms], text, length, &at))
            return mdl_fail(err, MDL_ERR_FORMAT, "an equation that is none");
        e->n_terms++;
    } while (at < length && text[at] == ',' && ++at);
    if (e->n_terms != n->n_in)
        return mdl_fail(err, MDL_ERR_FORMAT, "%u tensors, the equation has %u", (unsigned)n->n_in,
                        (unsigned)e->n_terms);
    for (uint32_t i = 0; x && i < e->n_terms; i++) {
        const uint32_t more = x[i]->rank - e->term[i].n;
        if (x[i]->rank < e->term[i].n || (more && dots[i] < 0))
            return wrong(err);
        e->dots = more > e->dots ? more : e->dots;
        if (!put_dots(&e->term[i], dots[i], more))
            return wrong(err);
    }
    if (at == length) {
        implied(e);
    } else {
        at += 2;
        if (at > length || text[at - 1] != '>' || !parse_term(&e->result, &result_dots, text, length, &at)
            || at != length)
            return mdl_fail(err, MDL_ERR_FORMAT, "an equation that is none");
        if (x && result_dots >= 0 && !put_dots(&e->result, result_dots, e->dots))
            return wrong(err);
    }
    for (uint32_t i = 0; x && i < e->n_terms; i++)
        for (uint32_t k = 0; k < e->term[i].n; k++) {
            const uint8_t label = e->term[i].label[k];
            const int64_t d = x[i]->dims[k];
            if (e->dim[label] < 0) {
                e->order[e->n_labels++] = label;
                e->dim[label] = d;
            } else if (e->dim[label] == 1) {
                e->dim[label] = d;
            } else if (d != e->dim[label] && d != 1) {
                return wrong(err);
            }
        }
    for (uint32_t k = 0; x && k < e->result.n; k++) {
        const uint8_t label = e->result.label[k];
        for (uint32_t j = 0; j < k; j++)
            if (e->result.label[j] == label)
                return wrong(err);
        if (e->dim[label] < 0)
            return wrong(err);
    }
    return MDL_OK;
}

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    struct equation e;
    mdl_status s = mdl_nd_need_given(n, n->n_in, err);

    if (!s && n->tensors[0].count > MOST)
        s = mdl_fail(err, MDL_ERR_FORMAT, "an equation of %llu characters",
                     (unsigned long long)n->tensors[0].count);
    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT | TYPES_INTEGER, err);
    if (!s) s = mdl_nd_need_same(n, g, 0, TERMS, err);
    if (!s) s = parse(&e, n, NULL, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

/* ---- two tensors as matrices ------------------------------------------------------------------------- */

/* Axes of a tensor brought together: dims, and steps in each of the tensors. */
struct joined {
    uint32_t n;
    uint64_t count;
    int64_t  dim[LABELS];
    uint64_t a[LABELS], b[LABELS], y[LABELS];
};

struct matrices {
    struct joined batch, left, right, inner;
};

/* The step of a label in a packed term; 0 where it has one number or is not. */
static uint64_t step_of(const struct term *t, const struct nd *x, uint8_t label)
{
    uint64_t all = 1, step = 0;

    for (uint32_t k = t->n; k--; all *= (uint64_t)x->dims[k])
        if (t->label[k] == label && x->dims[k] != 1)
            step += all;
    return step;
}

static int times(const struct term *t, uint8_t label)
{
    int n = 0;

    for (uint32_t k = 0; k < t->n; k++)
        n += t->label[k] == label;
    return n;
}

static void add_axis(struct joined *to, const struct equation *e, const struct nd *a, const struct nd *b,
                     const struct nd *y, uint8_t label)
{
    to->dim[to->n] = e->dim[label];
    to->a[to->n] = step_of(&e->term[0], a, label);
    to->b[to->n] = step_of(&e->term[1], b, label);
    to->y[to->n] = step_of(&e->result, y, label);
    to->count *= (uint64_t)e->dim[label];
    to->n++;
}

/* Sorts labels; 0 if it is no product of matrices. */
static int matrices_of(struct matrices *m, const struct equation *e, const struct nd *a,
                       const struct nd *b, const struct nd *y)
{
    *m = (struct matrices){ { .count = 1 }, { .count = 1 }, { .count = 1 }, { .count = 1 } };
    if (e->n_terms != 2 || a->type != MDL_F32)
        return 0;
    for (uint32_t i = 0; i < e->n_labels; i++) {
        const uint8_t label = e->order[i];
        const int in_a = times(&e->term[0], label), in_b = times(&e->term[1], label);
        const int in_y = times(&e->result, label);
        if (in_a > 1 || in_b > 1 || (!in_y && !(in_a && in_b)))
            return 0;
        add_axis(!in_y ? &m->inner : in_a && in_b ? &m->batch : in_a ? &m->left : &m->right, e, a, b,
                 y, label);
    }
    for (uint32_t k = 0; k < m->inner.n; k++)   /* a summed axis of which one has one number */
        if (m->inner.dim[k] != 1 && (!m->inner.a[k] || !m->inner.b[k]))
            return 0;
    return 1;
}

/* Where entry i of the axes lies, by one of their steps. */
static uint64_t entry(const struct joined *t, const uint64_t *step, uint64_t i)
{
    uint64_t at = 0;

    for (uint32_t k = t->n; k--; i /= (uint64_t)t->dim[k])
        at += i % (uint64_t)t->dim[k] * step[k];
    return at;
}

/* One matrix of every stack in turn: a [left][inner], b packed from [inner][right], y [left][right]. */
static void run_matrices(const struct nd_call *c, const struct matrices *m, const float *a,
                         const float *b, float *y)
{
    const uint64_t rows = m->left.count, depth = m->inner.count, cols = m->right.count;
    float *am = c->temp, *bm = am + rows * depth, *ym = bm + depth * cols, *packed = ym + rows * cols;

    for (uint64_t i = 0; i < m->batch.count; i++) {
        const float *ai = a + entry(&m->batch, m->batch.a, i), *bi = b + entry(&m->batch, m->batch.b, i);
        float *yi = y + entry(&m->batch, m->batch.y, i);
        for (uint64_t k = 0; k < depth; k++) {
            const uint64_t a_at = entry(&m->inner, m->inner.a, k), b_at = entry(&m->inner, m->inner.b, k);
            for (uint64_t r = 0; r < rows; r++)
                am[r * depth + k] = ai[a_at + entry(&m->left, m->left.a, r)];
            for (uint64_t q = 0; q < cols; q++)
                bm[k * cols + q] = bi[b_at + entry(&m->right, m->right.b, q)];
        }
        struct gemm g = { .y = ym, .y_row = (size_t)cols, .a = am, .a_row = (size_t)depth,
                          .rows = (size_t)rows, .cols = (size_t)cols, .depth = (size_t)depth };
        mdl_nd_pack(packed, bm, (size_t)cols, 1, (size_t)depth, (size_t)cols);
        mdl_nd_use_packed(&g, packed);
        c->kernels->gemm_f32(&g);
        for (uint64_t r = 0; r < rows; r++)
            for (uint64_t q = 0; q < cols; q++)
                yi[entry(&m->left, m->left.y, r) + entry(&m->right, m->right.y, q)] = ym[r * cols + q];
    }
}

/* ---- any others -------------------------------------------------------------------------------------- */

/* Steps of all labels in all terms, summed labels first in `at`. */
static void run_sums(const struct equation *e, const struct nd *const *x, const struct nd *y)
{
    uint64_t step[LABELS][TERMS], y_at, summed = 1;
    uint8_t inner[LABELS];
    uint32_t n_inner = 0;

    for (uint32_t i = 0; i < e->n_labels; i++) {
        const uint8_t label = e->order[i];
        for (uint32_t k = 0; k < e->n_terms; k++)
            step[label][k] = step_of(&e->term[k], x[k], label);
        if (times(&e->result, label))
            continue;
        inner[n_inner++] = label;
        summed *= (uint64_t)e->dim[label];
    }
    for (y_at = 0; y_at < y->count; y_at++) {
        uint64_t base[TERMS] = { 0 }, rest = y_at, whole = 0;
        double sum = 0;
        for (uint32_t k = e->result.n; k--; rest /= (uint64_t)y->dims[k])
            for (uint32_t t = 0; t < e->n_terms; t++)
                base[t] += rest % (uint64_t)y->dims[k] * step[e->result.label[k]][t];
        for (uint64_t i = 0; i < summed; i++) {
            uint64_t at[TERMS], left = i, int_product = 1;
            double product = 1;
            memcpy(at, base, sizeof at);
            for (uint32_t k = n_inner; k--; left /= (uint64_t)e->dim[inner[k]])
                for (uint32_t t = 0; t < e->n_terms; t++)
                    at[t] += left % (uint64_t)e->dim[inner[k]] * step[inner[k]][t];
            for (uint32_t t = 0; t < e->n_terms; t++) {
                if (y->type == MDL_F32)
                    product *= (double)((const float *)x[t]->data)[at[t]];
                else if (y->type == MDL_F64)
                    product *= ((const double *)x[t]->data)[at[t]];
                else
                    int_product *= (uint64_t)mdl_nd_int(x[t], at[t]);
            }
            sum += product;
            whole += int_product;
        }
        if (y->type == MDL_F32 || y->type == MDL_F64)
            mdl_nd_store_f64(y->data, y->type, y_at, &sum, 1);
        else
            mdl_nd_store_i64(y->data, y->type, y_at, (const int64_t *)&whole, 1);
    }
}

static mdl_status equation_of(struct equation *e, const struct nd **x, const struct node *n,
                              const struct nd_call *c)
{
    for (uint32_t i = 0; i < n->n_in && i < TERMS; i++)
        x[i] = nd_in(c, n, i);
    return parse(e, n, x, c->err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x[TERMS] = { NULL };
    struct nd *y = nd_out(c, n, 0);
    int64_t dims[MDL_MAX_RANK];
    struct equation e;
    struct matrices m;
    uint64_t sum = 0, one, all = 1;
    const mdl_status s = equation_of(&e, x, n, c);

    if (s)
        return s;
    for (uint32_t i = 0; i < e.n_labels; i++)   /* so that no product of dims overflows */
        if (e.dim[e.order[i]] && !size_mul(all, (uint64_t)e.dim[e.order[i]], &all))
            return mdl_fail(c->err, MDL_ERR_DATA, "sums too large");
    if (all > MOST_PRODUCTS)
        return mdl_fail(c->err, MDL_ERR_LIMIT, "sums of %llu products", (unsigned long long)all);
    for (uint32_t k = 0; k < e.result.n; k++)
        dims[k] = e.dim[e.result.label[k]];
    mdl_nd_set_shape(y, e.result.n, dims);
    if (!matrices_of(&m, &e, x[0], e.n_terms > 1 ? x[1] : x[0], y))
        return MDL_OK;
    const uint64_t pair[4][2] = { { m.left.count, m.inner.count }, { m.inner.count, m.right.count },
                                  { m.left.count, m.right.count },
                                  { m.inner.count, m.right.count + GEMM_COLS } };
    for (uint32_t i = 0; i < 4; i++)
        if (!size_mul(pair[i][0], pair[i][1], &one) || !size_add(sum, one, &sum))
            return mdl_fail(c->err, MDL_ERR_DATA, "matrices too large");
    if (!size_mul(sum, sizeof(float), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "matrices too large");
    return MDL_OK;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x[TERMS] = { NULL }, *y = nd_out(c, n, 0);
    struct equation e;
    struct matrices m;
    const mdl_status s = equation_of(&e, x, n, c);

    if (s || !y->count)
        return s;
    if (matrices_of(&m, &e, x[0], e.n_terms > 1 ? x[1] : x[0], y))
        run_matrices(c, &m, x[0]->data, x[1]->data, y->data);
    else
        run_sums(&e, x, y);
    return MDL_OK;
}

const struct op mdl_op_einsum = {
    .name = "einsum",
    .about = "sums of products over labelled axes",
    .slots = slots,
    .n_slots = 1,
    .min_in = 1,
    .max_in = TERMS,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};
