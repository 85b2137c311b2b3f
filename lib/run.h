/*
 * run.h - a call: where the caller's rows lie, and where the answers go
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_RUN_H
#define MDL_RUN_H

#include "model.h"

/* A caller's table. */
struct table {
    const unsigned char *data;
    uint64_t rows, cols;
    int64_t  row_stride, col_stride;   /* bytes */
    uint32_t type;
    const mdl_csr *csr;                /* instead of data, strides and type */
};

struct call {
    const mdl_model *model;
    const struct table *in;       /* [n_inputs] */
    const struct table *out;      /* [n_out], data written */
    const uint32_t *out_at;       /* [n_out] which outputs */
    size_t n_out;
    uint64_t rows;
    uint64_t tree_begin, tree_end;
    mdl_error *err;
};

/* Do it, in blocks of rows.  `context` NULL: the stack or the model's pool. */
mdl_status mdl_run_call(const struct call *c, mdl_context *context);

/* Entry i of a list of a sparse table. */
static inline int64_t csr_index(const mdl_csr *csr, const void *list, uint64_t i)
{
    return csr->index_type == MDL_I32 ? ((const int32_t *)list)[i] : ((const int64_t *)list)[i];
}

#endif
