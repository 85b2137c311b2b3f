/*
 * run.h - a call: where the caller's rows lie, and where the answers go
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_RUN_H
#define MDL_RUN_H

#include "model.h"
#include "table.h"

struct call {
    const mdl_model *model;
    struct table *in;             /* [n_inputs] */
    struct table *out;            /* [n_out], data written */
    const uint32_t *out_at;       /* [n_out] which outputs */
    size_t n_out;
    uint64_t rows;
    uint64_t tree_begin, tree_end;
    mdl_error *err;
};

/* Do it, in blocks of rows.  `context` NULL: scratch of the stack or of the model, and the
 * threads of `parallel` if it has a run; with a context it must not have one. */
mdl_status mdl_run_call(struct call *c, mdl_context *context, const mdl_parallel *parallel);

/* run.c, split.c: rows of a call whose tables have been looked at, on this thread; and all of
 * them on several. */
mdl_status mdl_run_rows(const struct call *c, mdl_context *context, uint64_t first, uint64_t rows);
mdl_status mdl_run_split(const struct call *c, const mdl_parallel *parallel);

#endif
