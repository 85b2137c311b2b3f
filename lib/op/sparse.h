/*
 * op/sparse.h - rows of a sparse table, for operators that need not expand them
 *
 * Why the answer has the same bits as that of the expanded row.  dense: a lane starts at +0
 * and is never -0, since a sum is -0 only if both of its terms are; what is left out
 * contributes 0 w, which is +0 or -0 for every finite w, and adding either to a number that
 * is not -0, to an infinity or to NaN changes nothing.  So those products may be left out,
 * if all of w is finite, and the others come in the same order if columns ascend.  linear:
 * what is left out is NaN there, and NaN is skipped.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_SPARSE_H
#define MDL_OP_SPARSE_H

#include "op/op.h"

#define SPARSE_TAKE 64u           /* entries looked at at once */

static inline int64_t sparse_index(const mdl_csr *x, const void *list, int64_t i)
{
    return x->index_type == MDL_I32 ? ((const int32_t *)list)[i] : ((const int64_t *)list)[i];
}

/* The next entries of a row: columns and values from entry `at` to `end`, at most SPARSE_TAKE.
 * Returns how many. */
static inline size_t sparse_take(uint64_t *column, double *value, const mdl_csr *x, int64_t at,
                                 int64_t end)
{
    const size_t n = end - at < (int64_t)SPARSE_TAKE ? (size_t)(end - at) : SPARSE_TAKE;

    for (size_t i = 0; i < n; i++)
        column[i] = (uint64_t)sparse_index(x, x->columns, at + (int64_t)i);
    for (size_t i = 0; i < n; i++)
        value[i] = x->type == MDL_F32 ? (double)((const float *)x->values)[at + (int64_t)i]
                                      : ((const double *)x->values)[at + (int64_t)i];
    return n;
}

/* Do the columns of these rows ascend, each within the table?  Only such rows are for
 * run_sparse. */
static inline int sparse_ascends(const mdl_csr *x, uint64_t first, size_t rows)
{
    for (uint64_t r = first; r < first + rows; r++) {
        const int64_t begin = sparse_index(x, x->row_start, (int64_t)r);
        const int64_t end = sparse_index(x, x->row_start, (int64_t)r + 1);
        int64_t last = -1;

        if (begin < 0 || end < begin)
            return 0;
        for (int64_t i = begin; i < end; i++) {
            const int64_t c = sparse_index(x, x->columns, i);
            if (c <= last)
                return 0;
            last = c;
        }
        if (last >= 0 && (uint64_t)last >= x->cols)
            return 0;
    }
    return 1;
}

#endif
