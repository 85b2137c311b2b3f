/*
 * op/nd_product.c - see nd_product.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

#include <string.h>

mdl_status mdl_nd_need_given(const struct node *n, uint32_t inputs, mdl_error *err)
{
    for (uint32_t i = 0; i < inputs; i++)
        if (!nd_given(n, i))
            return mdl_fail(err, MDL_ERR_FORMAT, "input %u is not given", (unsigned)i);
    return MDL_OK;
}

static size_t panel_cols(size_t left)
{
    return left > GEMM_HALF ? GEMM_COLS : GEMM_HALF;
}

void mdl_nd_pack(float *to, const float *b, size_t row_step, size_t col_step, size_t depth,
                 size_t cols)
{
    for (size_t c = 0; c < cols; c += GEMM_COLS) {
        const size_t wide = panel_cols(cols - c), n = cols - c < wide ? cols - c : wide;
        for (size_t k = 0; k < depth; k++, to += wide) {
            const float *from = b + k * row_step + c * col_step;
            if (n == GEMM_COLS && col_step == 1) {
                memcpy(to, from, GEMM_COLS * sizeof *to);
                continue;
            }
            for (size_t j = 0; j < wide; j++)
                to[j] = j < n ? from[j * col_step] : 0;
        }
    }
}

void mdl_nd_use_packed(struct gemm *g, const float *packed)
{
    const size_t full = g->cols / GEMM_COLS * GEMM_COLS;

    g->b = packed;
    g->b_panel = g->depth * GEMM_COLS;
    g->b_step = GEMM_COLS;
    g->b_last = packed + full * g->depth;
    g->last_step = panel_cols(g->cols - full);
    g->b_at = NULL;
}

void mdl_nd_use_rows(struct gemm *g, const float *b, float *room)
{
    const size_t full = g->cols / GEMM_COLS * GEMM_COLS;

    mdl_nd_pack(room, b + full, g->cols, 1, g->depth, g->cols - full);
    g->b = b;
    g->b_panel = GEMM_COLS;
    g->b_step = g->cols;
    g->b_last = room;
    g->last_step = panel_cols(g->cols - full);
    g->b_at = NULL;
}

mdl_status mdl_nd_stacks(struct stacks *t, const struct nd *a, const struct nd *b, mdl_error *err)
{
    char text[2][96];

    if (!a->rank || !b->rank)
        return mdl_fail(err, MDL_ERR_DATA, "a product of a number, expected matrices");
    const int64_t depth = a->dims[a->rank - 1];
    if (depth != b->dims[b->rank < 2 ? 0 : b->rank - 2])
        return mdl_fail(err, MDL_ERR_DATA, "matrices %s and %s do not fit",
                        mdl_nd_shape_text(text[0], sizeof text[0], a),
                        mdl_nd_shape_text(text[1], sizeof text[1], b));
    *t = (struct stacks){
        .rows = a->rank < 2 ? 1 : (uint64_t)a->dims[a->rank - 2],
        .depth = (uint64_t)depth,
        .cols = b->rank < 2 ? 1 : (uint64_t)b->dims[b->rank - 1],
    };
    mdl_nd_set_shape(&t->a, a->rank < 2 ? 0 : a->rank - 2, a->dims);
    mdl_nd_set_shape(&t->b, b->rank < 2 ? 0 : b->rank - 2, b->dims);
    const mdl_status s = mdl_nd_broadcast(&t->y, &t->a, &t->b, err);
    if (s)
        return s;
    t->batch = t->y;
    if (nd_product(&t->b, 0, t->b.rank) == 1 && t->a.rank >= t->b.rank) {   /* one b: more rows */
        t->rows *= nd_product(&t->a, 0, t->a.rank);
        t->a.rank = t->b.rank = t->y.rank = 0;
    }
    t->count = nd_product(&t->y, 0, t->y.rank);
    return MDL_OK;
}

void mdl_nd_stacks_result(struct nd *y, const struct nd *a, const struct nd *b, const struct stacks *t)
{
    struct nd to = t->batch;

    if (a->rank > 1)
        to.dims[to.rank++] = a->dims[a->rank - 2];
    if (b->rank > 1)
        to.dims[to.rank++] = b->dims[b->rank - 1];
    nd_like(y, &to);
}

uint64_t mdl_nd_stack_at(const struct nd *y, const int64_t *step, uint64_t i)
{
    uint64_t at = 0;

    for (uint32_t k = y->rank; k--; i /= (uint64_t)y->dims[k])
        at += i % (uint64_t)y->dims[k] * (uint64_t)step[k];
    return at;
}

int mdl_nd_multiply_room(uint64_t *bytes, uint64_t depth, uint64_t cols)
{
    return size_mul(depth, ((cols < ND_CHUNK_COLS ? cols : ND_CHUNK_COLS) + GEMM_COLS) * sizeof(float),
                    bytes);
}

void mdl_nd_multiply(const struct kernels *k, struct gemm *g, const float *b, size_t row_step,
                     size_t col_step, float *room)
{
    if (col_step == 1 && row_step == g->cols && g->rows < ND_PACK_ROWS) {
        mdl_nd_use_rows(g, b, room);
        k->gemm_f32(g);
        return;
    }
    struct gemm part = *g;
    for (size_t c = 0; c < g->cols; c += ND_CHUNK_COLS) {
        part.cols = g->cols - c < ND_CHUNK_COLS ? g->cols - c : ND_CHUNK_COLS;
        part.y = g->y + c;
        part.col_bias = g->col_bias ? g->col_bias + c : NULL;
        mdl_nd_pack(room, b + c * col_step, row_step, col_step, g->depth, part.cols);
        mdl_nd_use_packed(&part, room);
        k->gemm_f32(&part);
    }
}

/* Sums of integers wrap, so they are taken without sign. */
#define PLAIN(name, type) \
static void name(type *y, const struct nd_plain *p) \
{ \
    const type *a = p->a, *b = p->b; \
    for (size_t r = 0; r < p->rows; r++, y += p->cols) { \
        for (size_t c = 0; c < p->cols; c++) \
            y[c] = 0; \
        for (size_t k = 0; k < p->depth; k++) { \
            const type v = a[r * p->a_step[0] + k * p->a_step[1]]; \
            const type *row = b + k * p->b_step[0]; \
            if (p->b_step[1] == 1) { \
                for (size_t c = 0; c < p->cols; c++) \
                    y[c] += v * row[c]; \
            } else { \
                for (size_t c = 0; c < p->cols; c++) \
                    y[c] += v * row[c * p->b_step[1]]; \
            } \
        } \
    } \
}
PLAIN(plain_f32, float)
PLAIN(plain_f64, double)
PLAIN(plain_u32, uint32_t)
PLAIN(plain_u64, uint64_t)
#undef PLAIN

void mdl_nd_product_plain(void *y, uint32_t type, const struct nd_plain *p)
{
    switch (type) {
    case MDL_F32: plain_f32(y, p); break;
    case MDL_F64: plain_f64(y, p); break;
    case MDL_I32: case MDL_U32: plain_u32(y, p); break;
    default: plain_u64(y, p); break;
    }
}
