/*
 * model.h - a loaded model, for the files that implement mdl.h
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_MODEL_H
#define MDL_MODEL_H

#include "base/map.h"
#include "graph/tensors.h"

/*
 * Scratch memory of one thread's call: this header, then the views and the rows.
 * Small calls use the stack; others take a context that the model keeps and put it
 * back, each with one atomic exchange.
 */
struct mdl_context {
    const mdl_model *model;       /* whose plan the scratch follows       */
    unsigned char *scratch;       /* aligned to 64                        */
    size_t scratch_bytes;         /* enough for a row at least            */
    void *block;                  /* from the allocator; NULL: the caller's */
    size_t bytes;
    struct exec *exec;            /* of a graph of tensors (exec.h), else NULL */
};

#define SCRATCH_SLOTS 64u         /* more threads than this at once allocate */

struct scratch_slot {
    mdl_context *context;         /* only touched atomically              */
    unsigned char pad[64 - sizeof(void *)];   /* a cache line each        */
};

struct mdl_model {
    mdl_allocator allocator;
    struct map map;
    struct arena arena;
    struct model_graph m;
    struct plan plan;             /* of a graph of tables                 */
    struct tensor_plan tensors;   /* of a graph of tensors: nodes not NULL */
    size_t in_cols, out_cols;     /* of mdl_predict on tensors; 0: it cannot be called */
    size_t *output_cols;          /* [n_outputs] the same of each output  */
    int is_plain;                 /* mdl_predict is mdl_run on tensors: float32, rank 2 */
    uint64_t scratch_limit, memory_limit;  /* of mdl_limits               */
    const struct kernels *kernels;
    struct scratch_slot *scratch; /* [SCRATCH_SLOTS]                      */
    size_t block_rows;            /* of a kept context, for the first output */
    size_t most_rows;             /* of a block                              */
    uint64_t main_bytes;          /* scratch of a row for the first output */
    size_t task_rows;             /* fewer are not worth a thread         */
    double trees_ns;              /* of one row through the one ensemble  */
    size_t *row_bytes;            /* [n_values] of a packed row, not rounded */
    int has_hashes;               /* some column is of MDL_COLUMN_HASH     */
    unsigned char *main_marks;    /* [n_values] needed for the first output */
    mdl_parallel parallel;        /* run NULL: none                       */
};

/* run.c: what calls need beside the plan; and what mdl_free must give back of it. */
mdl_status mdl_run_prepare(mdl_model *model, mdl_error *err);
void mdl_run_free(mdl_model *model);

/* tensors.c: the same of a graph of tensors; its contexts; and mdl_run, mdl_predict of it. */
mdl_status mdl_tensors_prepare(mdl_model *model, mdl_error *err);
size_t mdl_tensors_context_bytes(const mdl_model *model, size_t rows);
mdl_context *mdl_tensors_context_init(const mdl_model *model, void *memory, size_t bytes);
mdl_context *mdl_tensors_context_new(const mdl_model *model);
void mdl_tensors_context_free(const mdl_model *model, mdl_context *context);
mdl_status mdl_tensors_run(const mdl_model *model, mdl_context *context, const mdl_tensor *inputs,
                           size_t n_inputs, mdl_tensor *outputs, size_t n_outputs,
                           mdl_error *err);
mdl_status mdl_tensors_predict(const mdl_model *model, mdl_context *context, const mdl_tensor *x,
                               const mdl_tensor *y, uint32_t output, mdl_error *err);

static inline int mdl_model_is_tensors(const mdl_model *m)
{
    return MDL_OPS_TENSORS && m->tensors.values != NULL;
}

/* split.c: *to = a host's way to use threads, checked; run NULL for none. */
mdl_status mdl_parallel_copy(mdl_parallel *to, const mdl_parallel *given, mdl_error *err);

/* Copy as much of a struct as the caller's version of it has, keeping its size. */
void mdl_struct_copy(void *to, uint32_t to_bytes, const void *from, uint32_t from_bytes);

/* *to = the caller's options at their own size, zeros for the rest.  Longer structs
 * must be zero beyond what this library knows. */
mdl_status mdl_options_copy(void *to, uint32_t to_bytes, const void *from, const char *what,
                            mdl_error *err);

#endif
