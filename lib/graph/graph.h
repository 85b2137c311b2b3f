/*
 * graph/graph.h - a model: its graph, and what it says about itself
 *
 * Values are numbered: the inputs first, then the results of each node in turn.  So
 * no node can read what is not made yet.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_GRAPH_GRAPH_H
#define MDL_GRAPH_GRAPH_H

#include "op/op.h"

struct labels {
    uint32_t type;                /* what the texts were: MDL_STRING, MDL_I64, ...    */
    uint32_t count;
    const char *const *text;      /* [count]                                          */
};

struct column {
    const char   *name;
    uint32_t      kind;           /* MDL_COLUMN_*                                     */
    struct labels categories;
};

struct input {                    /* input i is value i                               */
    const char    *name;
    uint32_t       absent;        /* MDL_ABSENT_*                                     */
    struct column *columns;       /* [cols of the value], NULL: nothing is known      */
};

struct output {
    const char   *name;
    uint32_t      role;           /* MDL_OUTPUT_*                                     */
    uint32_t      value;
    struct labels labels;
};

struct pair { const char *key, *value; };

struct golden {
    uint32_t      is_output;
    uint32_t      index;          /* of the input or output                           */
    struct tensor tensor;         /* [rows, cols]; of a graph of tensors a whole one  */
};

/* Importances of the columns of input 0, as the source says them. */
struct importance {
    const char *const *kinds;     /* [n_kinds] "gain", ...                            */
    const uint32_t *columns;      /* [n_columns] ascending; 0 in all others           */
    const double   *values;       /* [n_kinds][n_columns]                             */
    uint32_t n_kinds, n_columns;
};

struct schema {
    struct importance importance;
    struct input  *inputs;
    struct output *outputs;
    struct pair   *metadata;
    struct golden *golden;
    uint32_t n_inputs, n_outputs, n_metadata, n_golden;
};

struct model_graph {
    struct graph  graph;
    struct schema schema;
};

/* What one may cost; the defaults for zeros. */
void mdl_limits_fill(mdl_limits *to, const mdl_limits *from);

/* infer.c: types and shapes of all values, operator by operator; golden rows must fit
 * them.  `limits` bounds columns. */
mdl_status mdl_graph_infer(struct model_graph *m, const mdl_limits *limits, mdl_error *err);

/* infer.c: the layouts that operators derive from their weights. */
mdl_status mdl_graph_prepare(struct model_graph *m, struct arena *a, mdl_error *err);

/*
 * plan.c: scratch.  A call gives a table of its own to each value that it needs and that does
 * not lie in the caller's tables, and working memory to one node at a time.
 */
struct plan {
    uint64_t *bytes;              /* [n_values] of a packed row, rounded to 8         */
    uint64_t  temp_bytes;         /* per row, of the node that needs most             */
    uint64_t  row_bytes;          /* scratch per row when all values are needed       */
    unsigned char *takes_sparse;  /* [n_inputs] readers take sparse rows as they are stored */
    unsigned char *takes_f32;     /* [n_values] of float64 that may come as float32   */
    uint64_t  fixed_bytes;        /* beside the rows: a view and a mark of every value */
    uint32_t  trees;              /* the one tree ensemble, or UINT32_MAX             */
};

mdl_status mdl_graph_plan(struct plan *p, const struct model_graph *m, struct arena *a,
                          const mdl_limits *limits, mdl_error *err);

#endif
