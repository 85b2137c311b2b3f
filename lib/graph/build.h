/*
 * graph/build.h - a model while it is made
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_GRAPH_BUILD_H
#define MDL_GRAPH_BUILD_H

#include "base/vec.h"
#include "graph/graph.h"
#include "mdl_build.h"

struct tree_parts;               /* build_tree.c: an ensemble's growing arrays */

struct build_node {
    struct node node;            /* tensors of trees are filled in by assemble */
    struct tree_parts *trees;    /* NULL for every other operator              */
};

struct build_input {
    struct input input;
    struct value value;
};

struct mdl_builder {
    mdl_allocator allocator;
    struct arena arena;          /* texts, parameters, weights                 */
    struct arena image;          /* the last file image                        */
    struct vec inputs;           /* struct build_input                         */
    struct vec nodes;            /* struct build_node                          */
    struct vec outputs;          /* struct output                              */
    struct vec metadata;         /* struct pair                                */
    struct vec golden;           /* struct golden                              */
    struct importance importance;  /* in the arena                             */
    struct vec types;            /* struct value: those of the first nodes, for mdl_build_type */
    uint32_t n_typed;            /* nodes that have been looked at for it      */
    uint32_t n_values;
    uint32_t ready;              /* mdl_build_ready                            */
    mdl_error error;             /* the first one                              */
};

#define BUILD_COUNT(vec, type) ((uint32_t)((vec).bytes / sizeof(type)))

/* Record an error; the first one stays.  Returns the status that holds. */
mdl_status mdl_build_error(mdl_builder *b, mdl_status status, const char *format, ...)
    MDL_PRINTF(3, 4);

/* Whatever failed to be allocated. */
mdl_status mdl_build_memory(mdl_builder *b);

/* Everything so far as a model whose tables lie in `a`; weights stay where they are. */
mdl_status mdl_build_assemble(mdl_builder *b, struct model_graph *m, struct arena *a);

/* Node `node`, or NULL after recording an error. */
struct build_node *mdl_build_node_at(mdl_builder *b, int32_t node);

/* Input of that value, or NULL after recording an error. */
struct build_input *mdl_build_input_at(mdl_builder *b, int32_t input);
/* A copy of a text, in the builder's arena; "" of NULL, NULL after recording an error. */
const char *mdl_build_text(mdl_builder *b, const char *text);
/* *t as a packed tensor over a copy of `data`. */
mdl_status mdl_build_copy_tensor(mdl_builder *b, struct tensor *t, uint32_t type, uint32_t rank,
                                 const int64_t *dims, const void *data);

/* build_tree.c */
mdl_status mdl_tree_parts_finish(mdl_builder *b, struct build_node *n, struct arena *a);
/* Type of the leaves. */
uint32_t mdl_tree_parts_type(const struct tree_parts *parts);
void mdl_tree_parts_free(mdl_builder *b, struct tree_parts *parts);
/* build_pack.c: the weights of an ensemble of nodes in pre-order, or of levels of oblivious trees, become
 * those of one of splits and questions, or of levels, which lie in `a`; 0: no memory. */
struct trees_params;
int mdl_tree_pack(struct tensor *tensors, const struct trees_params *params, int oblivious,
                  struct arena *a);

#endif
