/*
 * table.h - a caller's table, in and out
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TABLE_H
#define MDL_TABLE_H

#include "graph/graph.h"

struct table {
    const unsigned char *data;         /* written to when it is an output       */
    uint64_t rows, cols;
    int64_t  row_stride, col_stride;   /* bytes                                 */
    uint32_t type;
    int      direct;                   /* lies as the graph wants it: mdl_table_fits */
    int      sparse;                   /* its readers take the rows as they are stored */
    const mdl_csr *csr;                /* instead of data, strides and type     */
};

static inline const unsigned char *table_cell(const struct table *t, uint64_t row, uint64_t col)
{
    return t->data + (int64_t)row * t->row_stride + (int64_t)col * t->col_stride;
}

/* The rows from `first` on, of a table that fits. */
static inline struct view table_view(const struct table *t, uint64_t first)
{
    return (struct view){ (void *)(uintptr_t)table_cell(t, first, 0), (size_t)t->row_stride, t->type };
}

/* Entry i of a list of a sparse table. */
static inline int64_t csr_index(const mdl_csr *csr, const void *list, uint64_t i)
{
    return csr->index_type == MDL_I32 ? ((const int32_t *)list)[i] : ((const int64_t *)list)[i];
}

/* Can a node that wants `type` read or write the table where it is? */
int mdl_table_fits(const struct table *t, const struct value *v, uint32_t type);

/* `rows` rows from `first` into packed cells of `type`; what sparse ones leave out is
 * `absent`.  Fails for sparse rows that contradict themselves only. */
mdl_status mdl_table_read(const struct kernels *k, struct view to, uint32_t type,
                          const struct table *t, double absent, uint64_t first, size_t rows,
                          mdl_error *err);

/* Packed cells of `type` into `rows` rows from `first`. */
void mdl_table_write(const struct kernels *k, const struct table *t, uint64_t first, size_t rows,
                     struct view from, uint32_t type);

#endif
