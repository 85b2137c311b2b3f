/*
 * model.h - a loaded model, for the files that implement mdl.h
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_MODEL_H
#define MDL_MODEL_H

#include "base/map.h"
#include "graph/graph.h"

/*
 * Scratch memory of one thread's call: this header, then the views and the rows.
 * Small calls use the stack; others take a context from the model's pool and put it
 * back, each with one atomic exchange.
 */
struct mdl_context {
    const mdl_model *model;       /* whose plan the scratch follows       */
    size_t rows;                  /* worked on at once                    */
    unsigned char *scratch;       /* aligned to 64                        */
    void *block;                  /* from the allocator; NULL: the caller's */
    size_t bytes;
};

#define POOL_SLOTS 64u            /* more threads than this at once allocate */

struct pool_slot {
    mdl_context *context;         /* only touched atomically              */
    unsigned char pad[64 - sizeof(void *)];   /* a cache line each        */
};

struct mdl_model {
    mdl_allocator allocator;
    struct map map;
    struct arena arena;
    struct model_graph m;
    struct plan plan;
    const struct kernels *kernels;
    struct pool_slot *pool;       /* [POOL_SLOTS]                         */
    size_t block_rows;            /* rows of a pooled context             */
};

/* predict.c: what mdl_free must give back. */
void mdl_pool_free(mdl_model *model);

/* Copy as much of a struct as the caller's version of it has, keeping its size. */
void mdl_struct_copy(void *to, uint32_t to_bytes, const void *from, uint32_t from_bytes);

/* *to = the caller's options at their own size, zeros for the rest.  Longer structs
 * must be zero beyond what this library knows. */
mdl_status mdl_options_copy(void *to, uint32_t to_bytes, const void *from, const char *what,
                            mdl_error *err);

#endif
