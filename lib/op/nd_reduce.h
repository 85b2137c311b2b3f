/*
 * op/nd_reduce.h - a tensor seen as axes that are reduced and axes that are kept
 *
 * Neighbouring axes of one sort are one.  The innermost two are walked by kernels, the
 * others from outside:
 *
 *     last axis reduced   rows numbers in turn                              -> 1 result
 *     last axis kept      rows times width numbers, `step` from row to row  -> width results
 *
 * Sums run in lanes over the innermost reduced axis; what further reduced axes give is added
 * in order.  So the order depends on which axes are reduced, never on how long others are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_REDUCE_H
#define MDL_OP_ND_REDUCE_H

#include "kernel/reduce.h"
#include "op/nd.h"

struct axes {                     /* innermost first                                   */
    uint32_t n;
    uint64_t size[MDL_MAX_RANK], step[MDL_MAX_RANK], count;
};

struct reduction {
    uint64_t rows, width, step;
    int      down;                /* the last axis is kept                             */
    struct axes kept, parts;      /* from outside                                      */
    uint64_t count;               /* numbers in a result                               */
};

/* *mask = bits of the axes in a list of int32 or int64; of all axes, or none if `noop`, when it is
 * NULL or empty.  MDL_ERR_DATA for an axis that is not there or is named twice. */
mdl_status mdl_nd_axes_mask(uint32_t *mask, const struct nd *list, uint32_t rank, int noop,
                            mdl_error *err);

void mdl_nd_reduction(struct reduction *r, const struct nd *x, uint32_t mask);

/* Where entry i of the axes lies. */
static inline uint64_t axes_at(const struct axes *a, uint64_t i)
{
    uint64_t at = 0;

    for (uint32_t k = 0; k < a->n; k++) {
        at += (k + 1 == a->n ? i : i % a->size[k]) * a->step[k];
        i /= a->size[k];
    }
    return at;
}

/* to[c] of columns first .. first + n - 1, at most REDUCE_COLUMNS, of kept entry `outer`, or of
 * its one row; x is MDL_F32 or MDL_F64. */
void mdl_nd_reduce_columns(const struct reduction *r, const struct kernels *k, uint32_t how, double *to,
                           const void *x, uint32_t type, uint64_t outer, uint64_t first, size_t n,
                           const double *about);

#endif
