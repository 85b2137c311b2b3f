/*
 * op/nd_move.h - copying a box of elements from one place to another
 *
 * Most operators that only move elements are one or a few boxes: dims, and for each of them
 * the step between neighbours on either side.
 *
 *     transpose   to packed, from permuted        slice     from begins inside, steps may be < 0
 *     expand      from 0 where it repeats         join      to is a part of the result
 *
 * mdl_nd_move drops dims of 1, joins neighbours that lie in one another's continuation on both
 * sides, and then copies runs of bytes, or turns 2-d tiles.  Order of elements in a box means
 * nothing, so places on the `to` side must differ, and the sides must not overlap.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_MOVE_H
#define MDL_OP_ND_MOVE_H

#include "op/nd.h"

#define ND_BOX_RANK (2 * MDL_MAX_RANK)

struct nd_box {
    uint32_t rank;
    int64_t  dims[ND_BOX_RANK];
    int64_t  to[ND_BOX_RANK], from[ND_BOX_RANK];  /* steps, in elements                   */
};

/* Copy it.  `to` and `from` are where the element 0, 0, ... lies on either side; elements have
 * `size` bytes, 1, 2, 4, 8 or 16.  A box with a dim of 0 is empty. */
void mdl_nd_move(void *to, const void *from, size_t size, const struct nd_box *box);

/* Steps of packed dims, in elements.  Of an empty tensor they mean nothing. */
void mdl_nd_packed(int64_t *step, uint32_t rank, const int64_t *dims);

/* The box of t's dims, packed on both sides. */
void mdl_nd_box_of(struct nd_box *box, const struct nd *t);

/* `n` times the element `one`. */
void mdl_nd_fill(void *to, const void *one, size_t size, uint64_t n);

/* What an element is that nothing is said of: 0, of strings "".  16 bytes. */
void mdl_nd_zero(void *one, uint32_t type);

/* Element i, counted in `size` bytes. */
static inline void *nd_at(const void *data, uint64_t i, size_t size)
{
    return (unsigned char *)(uintptr_t)data + i * size;
}

/* ---- what shape functions of these operators share ----------------------------------------- */

/* Integers of a tensor of rank 0 or 1 into to[*n], at most `room` of them; `what` for errors.
 * A tensor that is not given (NULL) has none. */
mdl_status mdl_nd_list(int64_t *to, uint32_t *n, uint32_t room, const struct nd *t, const char *what,
                       mdl_error *err);

/* The axes that input t names, counted from 0 and each at most once; t NULL: all of them. */
mdl_status mdl_nd_axes(int64_t *axes, uint32_t *n, const struct nd *t, uint32_t rank, mdl_error *err);

/* *to = product of the dimensions first .. last - 1 of t, as a dimension. */
mdl_status mdl_nd_dim_product(int64_t *to, const struct nd *t, uint32_t first, uint32_t last,
                              mdl_error *err);

/* *at from -dim .. dim - 1 into 0 .. dim - 1, else MDL_ERR_DATA. */
static inline int nd_index_ok(int64_t *at, int64_t dim)
{
    *at += *at < 0 ? dim : 0;
    return *at >= 0 && *at < dim;
}

mdl_status mdl_nd_index_fail(int64_t at, int64_t dim, mdl_error *err);

#endif
