/*
 * op/nd_product.h - products of matrices, packing, for the operators that multiply
 *
 * float32 goes through kernels->gemm_f32 over a packed b (kernel/gemm.h says in which order);
 * the other types through plain loops that add products in turn: float64 one rounding for each
 * product and sum, integers modulo 2^32 or 2^64.  What a row gives depends on nothing beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_PRODUCT_H
#define MDL_OP_ND_PRODUCT_H

#include "kernel/gemm.h"
#include "op/nd.h"

#define TYPES_PRODUCT (TYPES_FLOAT | TYPE_BIT(MDL_I32) | TYPE_BIT(MDL_I64) | TYPE_BIT(MDL_U32) \
                       | TYPE_BIT(MDL_U64))

/* b[k * row_step + c * col_step] as panels: gemm_packed(depth, cols) floats. */
void mdl_nd_pack(float *to, const float *b, size_t row_step, size_t col_step, size_t depth,
                 size_t cols);

/* Let g read a packed b of g->depth x g->cols. */
void mdl_nd_use_packed(struct gemm *g, const float *packed);

/* Let g read b where it lies, [depth][cols]; `room` takes a copy of the last columns, if they
 * fill no panel: depth * GEMM_COLS floats. */
void mdl_nd_use_rows(struct gemm *g, const float *b, float *room);

/* The product g, whose b is b[k * row_step + c * col_step] and changes from call to call: read where
 * it lies if rows are few, else packed ND_CHUNK_COLS columns at a time.  `room` has
 * mdl_nd_multiply_room(depth, cols) bytes. */
void mdl_nd_multiply(const struct kernels *k, struct gemm *g, const float *b, size_t row_step,
                     size_t col_step, float *room);
int mdl_nd_multiply_room(uint64_t *bytes, uint64_t depth, uint64_t cols);

/* y[rows][cols] = a * b; a[r * a_step[0] + k * a_step[1]], b[k * b_step[0] + c * b_step[1]]. */
struct nd_plain {
    const void *a, *b;
    size_t      a_step[2], b_step[2];
    size_t      rows, depth, cols;
};
void mdl_nd_product_plain(void *y, uint32_t type, const struct nd_plain *p);

/* Two stacks of matrices that broadcast; of one b, the rows of all a are those of one matrix. */
struct stacks {
    uint64_t  rows, depth, cols, count;   /* count: products                              */
    struct nd a, b, y;                    /* dims without the last two                    */
    struct nd batch;                      /* the same of the result, whatever was joined  */
};

mdl_status mdl_nd_stacks(struct stacks *t, const struct nd *a, const struct nd *b, mdl_error *err);

/* The shape of the result. */
void mdl_nd_stacks_result(struct nd *y, const struct nd *a, const struct nd *b, const struct stacks *t);

/* Where matrix i of the products lies in a stack, in matrices; step as mdl_nd_steps gives it. */
uint64_t mdl_nd_stack_at(const struct nd *y, const int64_t *step, uint64_t i);

/* MDL_ERR_FORMAT unless the first `inputs` inputs are given. */
mdl_status mdl_nd_need_given(const struct node *n, uint32_t inputs, mdl_error *err);

/* Rows from which on packing b pays; columns packed at a time: a multiple of GEMM_NEAR. */
#define ND_PACK_ROWS  7u
#define ND_CHUNK_COLS (2 * GEMM_NEAR)

#endif
