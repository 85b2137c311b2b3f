/*
 * graph/tensors.h - what can be known of a graph of tensors before its shapes are
 *
 * Nodes that own bodies (op/nd_flow.c) cut the list of nodes into scopes: the whole graph is
 * scope 0, each body one more.  A node reads values of its own scope and of those around it,
 * and an owner the results of its bodies.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_GRAPH_TENSORS_H
#define MDL_GRAPH_TENSORS_H

#include "graph/graph.h"
#include "op/nd.h"

#define NEVER UINT32_MAX

struct tensor_node {
    uint32_t scope;
    uint32_t body[3];             /* first nodes of its bodies; the last one's end is itself    */
    uint32_t n_bodies;
    uint32_t first_death, n_deaths;  /* in deaths: values that nobody reads after it            */
    unsigned char fixed;          /* reads shapes and constants alone: computed once a shape    */
};

struct tensor_value {
    uint32_t root;                /* the value whose bytes it is                                */
    uint32_t last;                /* roots: the node that reads them last; NEVER: they stay     */
    unsigned char used;           /* by a node, or it is an output                              */
    unsigned char fixed;
};

struct tensor_plan {
    struct tensor_node  *nodes;   /* [n_nodes]                                                  */
    struct tensor_value *values;  /* [n_values]                                                 */
    uint32_t            *deaths;  /* values                                                     */
    uint32_t            *owner;   /* [scopes] the node that a scope is a body of; of 0 NEVER    */
    int                  steady;  /* shapes of all values follow from those of the inputs, and
                                   * there are no bodies: a call can be played again            */
};

/* Does the graph have tensor operators, or inputs that are not tables? */
int mdl_graph_is_tensors(const struct model_graph *m);

/* Check scopes, and plan.  MDL_ERR_FORMAT when a node reads what may not be there. */
mdl_status mdl_graph_plan_tensors(struct tensor_plan *p, const struct model_graph *m,
                                  struct arena *a, mdl_error *err);

#endif
