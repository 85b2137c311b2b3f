/*
 * op/nd_matmul.c - products of matrices
 *
 *     matmul   y = act(a b + bias)                a [.., M, K]  b [.., K, N]  bias [N], optional
 *     gemm     y = act(alpha a' b' + beta c)      a [M, K]  b [K, N]  c broadcasts to [M, N]
 *
 * matmul broadcasts the dimensions before the last two, and takes vectors as numpy does: a [K] is a
 * row, b [K] a column, and the dimension that they lack is missing in the result too.
 *
 * A constant b of float32 is packed once, at load; any other for each call, or read where it
 * lies when the rows are few.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include <string.h>

static const char *const activations[] = { "none", "relu", NULL };

struct plan {
    const float *packed;          /* every matrix of b                                    */
    uint64_t     each;            /* floats of one                                        */
};

/* Pack the matrices of a constant b. */
static mdl_status pack_constant(struct node *n, const struct graph *g, int transposed,
                                struct arena *a, mdl_error *err)
{
    const struct tensor *b = nd_given(n, 1) ? node_in(n, g, 1)->constant : NULL;

    if (!b || b->type != MDL_F32 || !b->count)
        return MDL_OK;
    const uint64_t cols = b->rank < 2 ? 1 : (uint64_t)b->dims[transposed ? b->rank - 2 : b->rank - 1];
    const uint64_t depth = b->rank < 2 ? b->count
                                       : (uint64_t)b->dims[transposed ? b->rank - 1 : b->rank - 2];
    const uint64_t each = gemm_packed(depth, cols), matrices = b->count / (depth * cols);
    struct plan *plan = mdl_arena_take(a, 1, sizeof *plan);
    float *to = mdl_arena_take_raw(a, each * matrices, sizeof *to);

    if (!plan || !to)
        return mdl_arena_fail(a, err, "packed weights");
    for (uint64_t i = 0; i < matrices; i++)
        mdl_nd_pack(to + i * each, (const float *)b->data + i * depth * cols, transposed ? 1 : cols,
                    transposed ? depth : 1, depth, cols);
    *plan = (struct plan){ to, each };
    n->plan = plan;
    return MDL_OK;
}

/* ---- matmul -------------------------------------------------------------------------------- */

struct matmul_params {
    int64_t activation;
};

static const struct field matmul_fields[] = {
    FIELD(FIELD_CHOICE, matmul_params, activation, 0, activations),
};

static mdl_status matmul_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct matmul_params *p = n->params;
    const int extra = p->activation || nd_given(n, 2);
    mdl_status s = mdl_nd_need_given(n, 2, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, extra ? TYPES_FLOAT : TYPES_PRODUCT, err);
    if (!s) s = mdl_nd_need_same(n, g, 0, 2, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status matmul_prepare(struct node *n, const struct graph *g, struct arena *a,
                                 mdl_error *err)
{
    return pack_constant(n, g, 0, a, err);
}

static mdl_status matmul_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *a = nd_in(c, n, 0), *b = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    struct stacks t;
    const mdl_status s = mdl_nd_stacks(&t, a, b, c->err);

    if (s)
        return s;
    mdl_nd_stacks_result(nd_out(c, n, 0), a, b, &t);
    if (bias && (bias->rank != 1 || (uint64_t)bias->dims[0] != t.cols))
        return mdl_fail(c->err, MDL_ERR_DATA, "a bias of rank %u and %llu numbers, expected %llu",
                        (unsigned)bias->rank, (unsigned long long)bias->count,
                        (unsigned long long)t.cols);
    if (a->type == MDL_F32 && !n->plan && !mdl_nd_multiply_room(&c->temp_bytes, t.depth, t.cols))
        return mdl_fail(c->err, MDL_ERR_DATA, "matrices too large");
    return MDL_OK;
}

static void add_bias_f64(const struct nd_call *c, double *y, const double *bias, int relu,
                         uint64_t rows, uint64_t cols)
{
    for (uint64_t i = 0; bias && i < rows; i++)
        for (uint64_t j = 0; j < cols; j++)
            y[i * cols + j] += bias[j];
    if (relu)
        c->kernels->relu_f64(y, y, (size_t)(rows * cols));
}

static mdl_status matmul_eval(const struct node *n, struct nd_call *c)
{
    const struct matmul_params *p = n->params;
    const struct nd *a = nd_in(c, n, 0), *b = nd_in(c, n, 1), *bias = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const struct plan *plan = n->plan;
    const size_t size = mdl_nd_type_bytes(a->type);
    int64_t a_step[MDL_MAX_RANK], b_step[MDL_MAX_RANK];
    struct stacks t;
    const mdl_status s = mdl_nd_stacks(&t, a, b, c->err);

    if (s || !y->count)
        return s;
    mdl_nd_steps(a_step, &t.y, &t.a);
    mdl_nd_steps(b_step, &t.y, &t.b);
    for (uint64_t i = 0; i < t.count; i++) {
        const uint64_t b_at = mdl_nd_stack_at(&t.y, b_step, i);
        const void *ai = (const char *)a->data + mdl_nd_stack_at(&t.y, a_step, i) * t.rows * t.depth * size;
        const void *bi = (const char *)b->data + b_at * t.depth * t.cols * size;
        void *yi = (char *)y->data + i * t.rows * t.cols * size;
        if (a->type == MDL_F32) {
            struct gemm g = { .y = yi, .y_row = t.cols, .a = ai, .a_row = t.depth, .rows = t.rows,
                              .cols = t.cols, .depth = t.depth, .relu = p->activation != 0,
                              .col_bias = bias ? bias->data : NULL };
            if (plan) {
                mdl_nd_use_packed(&g, plan->packed + b_at * plan->each);
                c->kernels->gemm_f32(&g);
            } else {
                mdl_nd_multiply(c->kernels, &g, bi, t.cols, 1, c->temp);
            }
            continue;
        }
        const struct nd_plain plain = { ai, bi, { t.depth, 1 }, { t.cols, 1 }, t.rows, t.depth,
                                        t.cols };
        mdl_nd_product_plain(yi, a->type, &plain);
        if (a->type == MDL_F64)
            add_bias_f64(c, yi, bias ? bias->data : NULL, p->activation != 0, t.rows, t.cols);
    }
    return MDL_OK;
}

const struct op mdl_op_matmul = {
    .name = "matmul",
    .about = "activation(a b + bias), stacks of matrices",
    .fields = matmul_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct matmul_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = matmul_infer,
    .prepare = matmul_prepare,
    .shape = matmul_shape,
    .eval = matmul_eval,
};

/* ---- gemm ---------------------------------------------------------------------------------- */

struct gemm_params {
    double  alpha, beta;
    int64_t trans_a, trans_b, activation;
};

static const struct field gemm_fields[] = {
    FIELD(FIELD_FLOAT, gemm_params, alpha, 1, NULL),
    FIELD(FIELD_FLOAT, gemm_params, beta, 1, NULL),
    FIELD(FIELD_INT, gemm_params, trans_a, 0, NULL),
    FIELD(FIELD_INT, gemm_params, trans_b, 0, NULL),
    FIELD(FIELD_CHOICE, gemm_params, activation, 0, activations),
};

static mdl_status gemm_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct gemm_params *p = n->params;
    mdl_status s = mdl_nd_need_given(n, 2, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, p->activation ? TYPES_FLOAT : TYPES_PRODUCT, err);
    if (!s) s = mdl_nd_need_same(n, g, 0, 2, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status gemm_prepare(struct node *n, const struct graph *g, struct arena *a,
                               mdl_error *err)
{
    const struct gemm_params *p = n->params;
    const struct tensor *b = nd_given(n, 1) ? node_in(n, g, 1)->constant : NULL;

    return b && b->rank == 2 ? pack_constant(n, g, p->trans_b != 0, a, err) : MDL_OK;
}

static mdl_status gemm_shape(const struct node *n, struct nd_call *c)
{
    const struct gemm_params *p = n->params;
    const struct nd *a = nd_in(c, n, 0), *b = nd_in(c, n, 1), *add = nd_in(c, n, 2);
    const int ta = p->trans_a != 0, tb = p->trans_b != 0;
    struct nd *y = nd_out(c, n, 0), both;
    char text[2][96];
    uint64_t b_bytes = 0, a_bytes = 0;

    if (a->rank != 2 || b->rank != 2 || a->dims[!ta] != b->dims[tb])
        return mdl_fail(c->err, MDL_ERR_DATA, "matrices %s%s and %s%s do not fit",
                        mdl_nd_shape_text(text[0], sizeof text[0], a), ta ? " transposed" : "",
                        mdl_nd_shape_text(text[1], sizeof text[1], b), tb ? " transposed" : "");
    const int64_t dims[2] = { a->dims[ta], b->dims[!tb] };
    mdl_nd_set_shape(y, 2, dims);
    if (add) {
        const mdl_status s = mdl_nd_broadcast(&both, y, add, c->err);
        if (s)
            return s;
        if (both.rank != 2 || both.dims[0] != dims[0] || both.dims[1] != dims[1])
            return mdl_fail(c->err, MDL_ERR_DATA, "c is %s, expected to broadcast to %s",
                            mdl_nd_shape_text(text[0], sizeof text[0], add),
                            mdl_nd_shape_text(text[1], sizeof text[1], y));
    }
    if (a->type != MDL_F32)
        return MDL_OK;
    if ((!n->plan && !mdl_nd_multiply_room(&b_bytes, (uint64_t)a->dims[!ta], (uint64_t)dims[1]))
        || (ta && !size_mul(a->count, sizeof(float), &a_bytes))
        || !size_add(b_bytes, a_bytes, &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "matrices too large");
    return MDL_OK;
}

/* y = alpha y + beta c, rounded at each step, and the activation. */
#define SCALE_ADD(name, type) \
static void name(type *y, const type *add, const int64_t *step, type alpha, type beta, size_t rows, \
                 size_t cols) \
{ \
    for (size_t r = 0; r < rows; r++, y += cols) { \
        const type *row = add ? add + r * (size_t)step[0] : NULL; \
        for (size_t j = 0; j < cols; j++) \
            y[j] = row ? alpha * y[j] + beta * row[j * (size_t)step[1]] : alpha * y[j]; \
    } \
}
SCALE_ADD(scale_add_f32, float)
SCALE_ADD(scale_add_f64, double)
#undef SCALE_ADD

/* Integers by way of double: alpha and beta are numbers with fractions, which are cut off. */
static void scale_add_int(const struct nd *y, const struct nd *add, const int64_t *step,
                          const struct gemm_params *p)
{
    const uint64_t cols = (uint64_t)y->dims[1];

    if (p->alpha == 1 && (!add || p->beta == 1)) {
        for (uint64_t i = 0; add && i < y->count; i++) {
            const uint64_t at = i / cols * (uint64_t)step[0] + i % cols * (uint64_t)step[1];
            const int64_t v = (int64_t)((uint64_t)mdl_nd_int(y, i) + (uint64_t)mdl_nd_int(add, at));
            mdl_nd_store_i64(y->data, y->type, i, &v, 1);
        }
        return;
    }
    for (uint64_t i = 0; i < y->count; i++) {
        const uint64_t at = i / cols * (uint64_t)step[0] + i % cols * (uint64_t)step[1];
        const double v = p->alpha * mdl_nd_number(y, i) + (add ? p->beta * mdl_nd_number(add, at) : 0);
        mdl_nd_store_f64(y->data, y->type, i, &v, 1);
    }
}

static void gemm_product_f32(const struct node *n, const struct nd_call *c, int fused)
{
    const struct gemm_params *p = n->params;
    const struct nd *a = nd_in(c, n, 0), *b = nd_in(c, n, 1), *add = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    const struct plan *plan = n->plan;
    const size_t rows = (size_t)y->dims[0], cols = (size_t)y->dims[1];
    const size_t depth = (size_t)a->dims[p->trans_a == 0];
    const float *ax = a->data;
    float *room = c->temp;
    struct gemm g = { .y = y->data, .y_row = cols, .a = ax, .a_row = depth, .rows = rows,
                      .cols = cols, .depth = depth, .relu = fused && p->activation,
                      .col_bias = fused && add ? add->data : NULL };

    if (p->trans_a) {             /* rows in a row */
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 0; k < depth; k++)
                room[r * depth + k] = ax[k * rows + r];
        g.a = room;
        room += a->count;
    }
    if (plan) {
        mdl_nd_use_packed(&g, plan->packed);
        c->kernels->gemm_f32(&g);
        return;
    }
    mdl_nd_multiply(c->kernels, &g, b->data, p->trans_b ? 1 : cols, p->trans_b ? depth : 1, room);
}

static mdl_status gemm_eval(const struct node *n, struct nd_call *c)
{
    const struct gemm_params *p = n->params;
    const struct nd *a = nd_in(c, n, 0), *b = nd_in(c, n, 1), *add = nd_in(c, n, 2);
    const struct nd *y = nd_out(c, n, 0);
    int64_t step[2] = { 0, 0 };

    if (!y->count)
        return MDL_OK;
    const size_t rows = (size_t)y->dims[0], cols = (size_t)y->dims[1];
    const size_t depth = (size_t)a->dims[p->trans_a == 0];
    if (add)
        mdl_nd_steps(step, y, add);
    const int fused = p->alpha == 1 && (!add || (p->beta == 1 && step[0] == 0 && (step[1] == 1 || cols == 1)));
    if (a->type == MDL_F32) {
        gemm_product_f32(n, c, fused);
        if (fused)
            return MDL_OK;
        scale_add_f32(y->data, add ? add->data : NULL, step, (float)p->alpha, (float)p->beta, rows,
                      cols);
        if (p->activation)
            c->kernels->relu_f32(y->data, y->data, (size_t)y->count);
        return MDL_OK;
    }
    const struct nd_plain plain = { a->data, b->data,
                                    { p->trans_a ? 1 : depth, p->trans_a ? rows : 1 },
                                    { p->trans_b ? 1 : cols, p->trans_b ? depth : 1 },
                                    rows, depth, cols };
    mdl_nd_product_plain(y->data, a->type, &plain);
    if (a->type != MDL_F64) {
        scale_add_int(y, add, step, p);
        return MDL_OK;
    }
    scale_add_f64(y->data, add ? add->data : NULL, step, p->alpha, p->beta, rows, cols);
    if (p->activation)
        c->kernels->relu_f64(y->data, y->data, (size_t)y->count);
    return MDL_OK;
}

const struct op mdl_op_gemm = {
    .name = "gemm",
    .about = "activation(alpha a b + beta c) of matrices, each transposed or not",
    .fields = gemm_fields,
    .n_fields = sizeof gemm_fields / sizeof *gemm_fields,
    .params_bytes = sizeof(struct gemm_params),
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = gemm_infer,
    .prepare = gemm_prepare,
    .shape = gemm_shape,
    .eval = gemm_eval,
};
