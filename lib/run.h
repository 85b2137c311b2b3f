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
    const uint32_t *out_at;       /* [n_out] which outputs, or */
    const uint32_t *value_at;     /* [n_out] which values of the graph; NULL: outputs */
    size_t n_out;
    uint64_t rows;
    uint64_t tree_begin, tree_end;
    struct stages {
        uint64_t n;               /* answers, one behind the other; 0: one          */
        uint64_t first, every;    /* iterations before the first, and between two   */
        int64_t stride;           /* bytes from one to the next                     */
        int is_trees;             /* of one tree each, the first of what sums start from */
        int is_anew;              /* what comes behind the trees needs temp, too */
        int by_leaves;            /* they are found once, where leaf indices would be */
    } stages;
    const mdl_parallel *parallel;     /* for the trees of few rows; NULL: none          */
    uint64_t most_rows;           /* of a block, where something is kept of them; 0: the model's */
    uint64_t stop_every;
    double stop_margin;
    mdl_error *err;
};

/* Do it, in blocks of rows.  `context` NULL: scratch of the stack or of the model, and the
 * threads of `parallel` if it has a run; with a context it must not have one. */
mdl_status mdl_run_call(struct call *c, mdl_context *context, const mdl_parallel *parallel);

/* run.c, split.c: rows of a call whose tables have been looked at, on this thread; and all of
 * them on several. */
mdl_status mdl_run_rows(const struct call *c, mdl_context *context, uint64_t first, uint64_t rows);
mdl_status mdl_run_split(const struct call *c, const mdl_parallel *parallel);

/* predict.c: a caller's tensor as a table of floats, or of anything we write; are sparse rows what
 * they say? */
mdl_status mdl_table_of(struct table *t, const mdl_tensor *given, const char *what, int is_output,
                        mdl_error *err);
mdl_status mdl_csr_check(const mdl_csr *x, mdl_error *err);

/* stages.c: a caller's y of stages as the first one, *flat; what the options ask for beside an output
 * and a range, once those are known (`output` of them); and which trees an answer takes. */
mdl_status mdl_stages_flat(struct call *c, mdl_tensor *flat, const mdl_tensor *y);
mdl_status mdl_stages_resolve(struct call *c, const mdl_predict_options *o, uint32_t output);
void mdl_stages_run(const struct call *c, struct run *r, uint64_t stage);

/* predict.c: trees of the range */
uint32_t mdl_call_trees(const struct call *c);

/* explain.c: contributions as a table, all outputs side by side; how many columns it has. */
mdl_status mdl_explain_table(const mdl_model *m, const struct table *in, const struct table *out,
                             const mdl_predict_options *o, mdl_error *err);
mdl_status mdl_explain_cols(const mdl_model *m, size_t *cols, mdl_error *err);

#endif
