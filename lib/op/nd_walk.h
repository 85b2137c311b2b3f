/*
 * op/nd_walk.h - element by element over tensors that broadcast
 *
 * A walk goes along the result in pieces, and has for each piece the operands as packed
 * arrays of as many elements: loops over them need not know of shapes.
 *
 *     mdl_nd_walk_start(&w, y, from, 2, most);
 *     while (mdl_nd_walk_next(&w))
 *         kernel(result + w.first, w.at[0], w.at[1], w.count);
 *
 * Dimensions that all operands go through alike are one.  Where an operand is packed along a
 * piece, at[] points into it; else it is copied out: an element that repeats once per row,
 * short rows several at a time, and what is the same in all pieces only once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_WALK_H
#define MDL_OP_ND_WALK_H

#include "op/nd.h"

#define ND_WALK_OPERANDS 3u
#define ND_WALK_BYTES    4096u    /* of what is copied out                          */

struct nd_walk {
    uint64_t    first;            /* of the piece, in elements of the result        */
    size_t      count;            /* of its elements                                */
    const void *at[ND_WALK_OPERANDS];

    /* private */
    uint64_t total, inner, held[ND_WALK_OPERANDS];
    size_t   most, size[ND_WALK_OPERANDS];
    uint32_t n, rank, whole;      /* bit k of `whole`: operand k lies like the result */
    int      started, by_row;
    int64_t  dims[MDL_MAX_RANK], step[ND_WALK_OPERANDS][MDL_MAX_RANK];
    const unsigned char *data[ND_WALK_OPERANDS];
    _Alignas(32) unsigned char copy[ND_WALK_OPERANDS][ND_WALK_BYTES];
};

/* `from` are n operands that broadcast to `to`; pieces have at most `most` elements. */
void mdl_nd_walk_start(struct nd_walk *w, const struct nd *to, const struct nd *const *from, uint32_t n,
                       size_t most);

/* The next piece; 0 when there is none. */
int mdl_nd_walk_next(struct nd_walk *w);

/* infer and shape for operators whose result is what all inputs broadcast to. */
mdl_status mdl_nd_shape_broadcast(const struct node *n, struct nd_call *c);

#endif
