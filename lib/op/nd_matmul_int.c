/*
 * op/nd_matmul_int.c - products of matrices of bytes
 *
 *     matmul_integer   a, b, a_zero, b_zero (optional)            y int32 = (a - a_zero)(b - b_zero)
 *     qlinear_matmul   a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero
 *                      y = round((a - a_zero)(b - b_zero) * (a_scale b_scale / y_scale)) + y_zero
 *
 * Stacks of matrices as in matmul.  Zeros and scales are one number, or one a row of a and one a
 * column of b.  Sums are exact modulo 2^32; the product with the scale is rounded to
 * float32, then to an integer, halves to even, and held within the range of y.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include "kernel/math.h"

#define TYPES_BYTE (TYPE_BIT(MDL_I8) | TYPE_BIT(MDL_U8))

/* Numbers that one side has: how they go with rows of a or columns of b. */
struct sides {
    const struct nd *a, *b, *a_zero, *b_zero;
    struct stacks    t;
};

/* One number, one for each of `n` rows or columns, or one for each of `all`. */
static mdl_status need_numbers(const struct nd *v, const char *what, uint64_t n, uint64_t all,
                               mdl_error *err)
{
    if (v && v->count != 1 && v->count != n && v->count != all)
        return mdl_fail(err, MDL_ERR_DATA, "%s has %llu numbers, expected 1 or %llu", what,
                        (unsigned long long)v->count, (unsigned long long)n);
    return MDL_OK;
}

static mdl_status sides_of(struct sides *s, const struct node *n, const struct nd_call *c, uint32_t b,
                           uint32_t a_zero, uint32_t b_zero)
{
    *s = (struct sides){ nd_in(c, n, 0), nd_in(c, n, b), nd_in(c, n, a_zero), nd_in(c, n, b_zero),
                         { 0 } };
    mdl_status status = mdl_nd_stacks(&s->t, s->a, s->b, c->err);
    if (status)
        return status;
    const uint64_t rows = s->a->rank < 2 ? 1 : (uint64_t)s->a->dims[s->a->rank - 2];
    const uint64_t a_rows = nd_product(s->a, 0, s->a->rank - 1);
    const uint64_t b_cols = s->t.cols * (s->b->rank < 2 ? 1 : nd_product(s->b, 0, s->b->rank - 2));
    status = need_numbers(s->a_zero, "the zero of a", rows, a_rows, c->err);
    if (!status) status = need_numbers(s->b_zero, "the zero of b", s->t.cols, b_cols, c->err);
    if (!status && b == 3) {
        status = need_numbers(nd_in(c, n, 1), "the scale of a", rows, a_rows, c->err);
        if (!status) status = need_numbers(nd_in(c, n, 4), "the scale of b", s->t.cols, b_cols, c->err);
        for (uint32_t i = 6; !status && i < 8; i++)
            status = need_numbers(nd_in(c, n, i), "the scale or zero of y", 1, 1, c->err);
    }
    return status;
}

/* sum[c] += v * b[c]. */
static void add_bytes(uint32_t *sum, uint32_t v, const void *b, uint32_t type, size_t n)
{
    const uint8_t *u = b;
    const int8_t *i = b;

    if (type == MDL_U8)
        for (size_t c = 0; c < n; c++)
            sum[c] += v * u[c];
    else
        for (size_t c = 0; c < n; c++) {
            const uint32_t wide = (uint32_t)i[c];
            sum[c] += v * wide;
        }
}

static uint64_t number_at(const struct nd *v, uint64_t i)
{
    return i % v->count;
}

static int64_t zero_at(const struct nd *zero, uint64_t i)
{
    return zero ? mdl_nd_int(zero, number_at(zero, i)) : 0;
}

/* Row r of matrix `a_at` of a, of t.rows, by matrix b_at. */
static void row_sums(uint32_t *sum, const struct sides *s, uint64_t a_row, uint64_t b_at)
{
    const size_t depth = (size_t)s->t.depth, cols = (size_t)s->t.cols;
    const char *a = (const char *)s->a->data + a_row * depth;
    const char *b = (const char *)s->b->data + b_at * depth * cols;
    const int64_t zero = zero_at(s->a_zero, a_row);
    uint32_t total = 0;

    for (size_t c = 0; c < cols; c++)
        sum[c] = 0;
    for (size_t k = 0; k < depth; k++) {
        const int v = s->a->type == MDL_U8 ? ((const uint8_t *)a)[k] : ((const int8_t *)a)[k];
        const uint32_t one = (uint32_t)(v - zero);
        total += one;
        add_bytes(sum, one, b + k * cols, s->b->type, cols);
    }
    for (size_t c = 0; s->b_zero && c < cols; c++)
        sum[c] -= total * (uint32_t)zero_at(s->b_zero, b_at * cols + c);
}

/* ---- matmul_integer ------------------------------------------------------------------------------ */

static mdl_status integer_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_given(n, 2, err);

    for (uint32_t i = 0; !s && i < 4; i++)
        s = mdl_nd_need_type(n, g, i, TYPES_BYTE, err);
    for (uint32_t i = 0; !s && i < 2; i++)
        if (nd_given(n, i + 2) && nd_type(n, g, i + 2) != nd_type(n, g, i))
            s = mdl_fail(err, MDL_ERR_FORMAT, "a zero is %s, expected %s",
                         mdl_type_name(nd_type(n, g, i + 2)), mdl_type_name(nd_type(n, g, i)));
    nd_result(n, g, 0, MDL_I32);
    return s;
}

static mdl_status integer_shape(const struct node *n, struct nd_call *c)
{
    struct sides s;
    const mdl_status status = sides_of(&s, n, c, 1, 2, 3);

    if (!status)
        mdl_nd_stacks_result(nd_out(c, n, 0), s.a, s.b, &s.t);
    return status;
}

/* Every row of every product. */
static void each_row(const struct sides *s, const struct nd *y, uint32_t *room,
                     void (*store)(void *to, const struct nd *y, const uint32_t *sum, uint64_t row,
                                   uint64_t a_row, uint64_t b_at), void *to)
{
    int64_t a_step[MDL_MAX_RANK], b_step[MDL_MAX_RANK];

    mdl_nd_steps(a_step, &s->t.y, &s->t.a);
    mdl_nd_steps(b_step, &s->t.y, &s->t.b);
    for (uint64_t i = 0; y->count && i < s->t.count; i++) {
        const uint64_t a_at = mdl_nd_stack_at(&s->t.y, a_step, i), b_at = mdl_nd_stack_at(&s->t.y, b_step, i);
        for (uint64_t r = 0; r < s->t.rows; r++) {
            const uint64_t row = i * s->t.rows + r, a_row = a_at * s->t.rows + r;
            uint32_t *sum = room ? room : (uint32_t *)y->data + row * s->t.cols;
            row_sums(sum, s, a_row, b_at);
            if (store)
                store(to, y, sum, row, a_row, b_at);
        }
    }
}

static mdl_status integer_eval(const struct node *n, struct nd_call *c)
{
    struct sides s;
    const mdl_status status = sides_of(&s, n, c, 1, 2, 3);

    if (!status)
        each_row(&s, nd_out(c, n, 0), NULL, NULL, NULL);
    return status;
}

const struct op mdl_op_matmul_integer = {
    .name = "matmul_integer",
    .about = "(a - a_zero)(b - b_zero) of bytes, in int32",
    .min_in = 2,
    .max_in = 4,
    .n_out = 1,
    .infer = integer_infer,
    .shape = integer_shape,
    .eval = integer_eval,
};

/* ---- qlinear_matmul ------------------------------------------------------------------------------ */

static mdl_status qlinear_infer(struct node *n, struct graph *g, mdl_error *err)
{
    static const uint32_t bytes[] = { 0, 2, 3, 5, 7 }, scales[] = { 1, 4, 6 };
    mdl_status s = mdl_nd_need_given(n, 8, err);

    for (uint32_t i = 0; !s && i < 5; i++)
        s = mdl_nd_need_type(n, g, bytes[i], TYPES_BYTE, err);
    for (uint32_t i = 0; !s && i < 3; i++)
        s = mdl_nd_need_type(n, g, scales[i], TYPE_BIT(MDL_F32), err);
    nd_result(n, g, 0, nd_type(n, g, 7));
    return s;
}

static mdl_status qlinear_shape(const struct node *n, struct nd_call *c)
{
    struct sides s;
    const mdl_status status = sides_of(&s, n, c, 3, 2, 5);

    if (status)
        return status;
    mdl_nd_stacks_result(nd_out(c, n, 0), s.a, s.b, &s.t);
    if (!size_mul(s.t.cols, sizeof(uint32_t), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "matrices too large");
    return MDL_OK;
}

struct rescale {
    const struct nd *a_scale, *b_scale, *y_scale, *y_zero;
    uint64_t cols;
};

static void store_row(void *to, const struct nd *y, const uint32_t *sum, uint64_t row,
                      uint64_t a_row, uint64_t b_at)
{
    const struct rescale *q = to;
    const float *a = q->a_scale->data, *b = q->b_scale->data, *scale = q->y_scale->data;
    const double least = y->type == MDL_I8 ? -128 : 0, most = y->type == MDL_I8 ? 127 : 255;
    const double zero = (double)mdl_nd_int(q->y_zero, 0);

    for (uint64_t c = 0; c < q->cols; c++) {
        const float by = a[number_at(q->a_scale, a_row)] * b[number_at(q->b_scale, b_at * q->cols + c)]
                       / scale[0];
        const double v = mdl_round_even((double)((float)(int32_t)sum[c] * by)) + zero;
        const int64_t held = (int64_t)(v > most ? most : v >= least ? v : least);
        mdl_nd_store_i64(y->data, y->type, row * q->cols + c, &held, 1);
    }
}

static mdl_status qlinear_eval(const struct node *n, struct nd_call *c)
{
    struct sides s;
    const mdl_status status = sides_of(&s, n, c, 3, 2, 5);

    if (status)
        return status;
    struct rescale q = { nd_in(c, n, 1), nd_in(c, n, 4), nd_in(c, n, 6), nd_in(c, n, 7), s.t.cols };
    each_row(&s, nd_out(c, n, 0), c->temp, store_row, &q);
    return MDL_OK;
}

const struct op mdl_op_qlinear_matmul = {
    .name = "qlinear_matmul",
    .about = "product of quantised matrices, quantised again",
    .min_in = 8,
    .max_in = 8,
    .n_out = 1,
    .infer = qlinear_infer,
    .shape = qlinear_shape,
    .eval = qlinear_eval,
};
