/*
 * optimize/flow.h - a graph while it is converted: easy to change, then given to a builder
 *
 * Importers of networks make it, passes (pass_list.h) change it, mdl_flow_build writes it.
 * Values and nodes are numbers; a node comes after everything that it reads.  Nodes are
 * operators of libmodel with their parameters and weights, as in mdl_build.h.
 *
 * Bodies of `if`, `loop` and `scan` are regions: the nodes made between mdl_flow_enter and
 * mdl_flow_leave, which stand right before the node that owns them (docs/operators.md).
 *
 * Errors stick, as the builder's do: after the first one calls do nothing and give FLOW_NONE.
 * Everything passed in is copied, except the data of tensors given to mdl_flow_const_in_place.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OPTIMIZE_FLOW_H
#define MDL_OPTIMIZE_FLOW_H

#include "base/arena.h"
#include "base/vec.h"
#include "mdl_build.h"

#define FLOW_NONE (-1)

struct flow_tensor {
    uint32_t    type, rank;
    int64_t     dims[MDL_MAX_RANK];
    uint64_t    count;            /* product of dims                                 */
    const void *data;             /* packed; MDL_STRING: const char *const [count]   */
};

struct flow_value {
    const char *name;             /* "" when it has none                             */
    int32_t     node;             /* that makes it, or FLOW_NONE                     */
    uint32_t    result;           /* which result of it                              */
    const struct flow_tensor *constant;  /* what it always is, or NULL               */
};

struct flow_param {
    const char *name;
    const char *choice;           /* or NULL                                         */
    int64_t     i;
    double      f;
    int         is_float;
};

struct flow_weights {
    const char *slot;
    struct flow_tensor tensor;
};

struct flow_node {
    const char *op, *name;
    uint32_t    n_in, n_out;
    int32_t    *in, *out;
    struct vec  params;           /* struct flow_param                               */
    struct vec  weights;          /* struct flow_weights                             */
    int32_t     region;           /* it is in, 0: the whole graph                    */
    int32_t     bodies[2];        /* regions it owns, or 0                           */
    int         dead;             /* a pass took it away                             */
};

struct flow_input {
    const char *name;
    uint32_t    type, rank;
    int64_t     dims[MDL_MAX_RANK];  /* -1: any                                      */
    const char *dim_names[MDL_MAX_RANK];  /* what the source calls those, or NULL    */
    int32_t     value;
};

struct flow_region {
    int32_t parent;
    int32_t first;                /* while building: its first node, or -1           */
};

struct flow_output {
    const char *name;
    int32_t     value;
};

struct flow {
    mdl_allocator allocator;
    struct arena  arena;
    struct vec    values, nodes, inputs, outputs;
    struct vec    regions;        /* struct flow_region; 0 is the whole graph        */
    int32_t       region;         /* that nodes are made in now                      */
    mdl_status    status;         /* the first error                                 */
};

void mdl_flow_init(struct flow *f);
void mdl_flow_free(struct flow *f);

/* ---- making ---------------------------------------------------------------------------------- */

/* A tensor given in each call; dims may have -1, names may be NULL. */
int32_t mdl_flow_input(struct flow *f, const char *name, uint32_t type, uint32_t rank,
                       const int64_t *dims, const char *const *dim_names);
/* Name a value as a result of the whole. */
void mdl_flow_output(struct flow *f, const char *name, int32_t value);

/* A value that is always the same. */
int32_t mdl_flow_const(struct flow *f, uint32_t type, uint32_t rank, const int64_t *dims,
                       const void *data);
int32_t mdl_flow_const_in_place(struct flow *f, const struct flow_tensor *t);
/* One number; a list of integers, int64 and rank 1. */
int32_t mdl_flow_const_f32(struct flow *f, float v);
int32_t mdl_flow_const_i64(struct flow *f, int64_t v);
int32_t mdl_flow_const_ints(struct flow *f, const int64_t *v, uint64_t n);

/* An operator with its inputs (FLOW_NONE where an optional one is not given), and how many
 * results are asked of it.  Returns the node. */
int32_t mdl_flow_node(struct flow *f, const char *op, const char *name, const int32_t *in,
                      size_t n_in, size_t n_out);
int32_t mdl_flow_result(const struct flow *f, int32_t node, size_t i);
void mdl_flow_int(struct flow *f, int32_t node, const char *param, int64_t v);
void mdl_flow_float(struct flow *f, int32_t node, const char *param, double v);
void mdl_flow_choice(struct flow *f, int32_t node, const char *param, const char *v);
/* A weight array; a list of integers of rank 1. */
void mdl_flow_weights(struct flow *f, int32_t node, const char *slot, uint32_t type, uint32_t rank,
                      const int64_t *dims, const void *data);
void mdl_flow_ints(struct flow *f, int32_t node, const char *slot, const int64_t *v, uint64_t n);

/* Short for a node with one result: the value. */
int32_t mdl_flow_op1(struct flow *f, const char *op, int32_t a);
int32_t mdl_flow_op2(struct flow *f, const char *op, int32_t a, int32_t b);
/* The same with a choice "kind": mdl_flow_kind2(f, "binary", "add", a, b). */
int32_t mdl_flow_kind1(struct flow *f, const char *op, const char *kind, int32_t a);
int32_t mdl_flow_kind2(struct flow *f, const char *op, const char *kind, int32_t a, int32_t b);

/* A body: nodes made from here on, until the matching mdl_flow_leave.  The region's number, to
 * be given to its owner with mdl_flow_body. */
int32_t mdl_flow_enter(struct flow *f);
void mdl_flow_leave(struct flow *f);
void mdl_flow_body(struct flow *f, int32_t node, int i, int32_t region);

/* ---- looking, changing ----------------------------------------------------------------------- */

struct flow_node *mdl_flow_node_at(const struct flow *f, int32_t node);
struct flow_value *mdl_flow_value_at(const struct flow *f, int32_t value);
uint32_t mdl_flow_n_nodes(const struct flow *f);
uint32_t mdl_flow_n_values(const struct flow *f);
/* Contents of a value that is constant, else NULL. */
const struct flow_tensor *mdl_flow_constant(const struct flow *f, int32_t value);
/* Whoever reads `from`, outputs included, reads `to` from now on. */
void mdl_flow_replace(struct flow *f, int32_t from, int32_t to);

/* ---- the end --------------------------------------------------------------------------------- */

/* Everything alive into an empty builder, float16 and bfloat16 widened around operators that do
 * not take them.  Errors are the builder's. */
void mdl_flow_build(struct flow *f, mdl_builder *b);
/* The same of no more than the outputs need. */
void mdl_flow_build_needed(struct flow *f, mdl_builder *b);
/* Which values (needed[value]) the outputs need, and of which regions (in_use[region]). */
void mdl_flow_mark_needed(const struct flow *f, unsigned char *needed, unsigned char *in_use);

#endif
