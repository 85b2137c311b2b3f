/*
 * op/op.h - what an operator is, and what it sees while it runs
 *
 * A graph is a list of values and a list of nodes.  A value is a table: `rows` of a
 * call by `cols` of one element type, or a tensor whose first dimension is the rows.
 * A node is an operator with its parameters, its weights and the numbers of the
 * values it reads and makes; it reads only values made before it.
 *
 *     load:     defaults -> decode params and tensors -> infer -> prepare
 *     predict:  run, once per block of rows
 *
 * infer and prepare check everything that could be wrong, so run has no error path.
 *
 * That is a table operator.  A tensor operator (nd.h) works on tensors of any rank whose
 * shapes are known only when a call is made: instead of `run` it has `shape` and `eval`,
 * which are called in turn, and whose errors are those of the caller's data.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_OP_H
#define MDL_OP_OP_H

#include "base/arena.h"
#include "base/families.h"
#include "kernel/kernel.h"

/* A table in the graph, or a tensor. */
struct value {
    uint32_t type;                /* a table: MDL_F32, MDL_F64 or MDL_I32           */
    uint32_t rank;                /* 2; VALUE_ANY_RANK: a tensor whose shape a call decides */
    int64_t  dims[MDL_MAX_RANK];  /* dims[0] -1: the rows of the call; of inputs any may be -1 */
    uint64_t cols;                /* of a table: product of dims[1 ..]; of a tensor 0 */
    const struct tensor *constant;/* what it always is, or NULL                     */
    int      shown;               /* once inferred: it is an output of the model    */
    uint32_t first_reader, end_readers; /* and nodes among which all that read it are    */
};

#define VALUE_ANY_RANK UINT32_MAX
#define VALUE_NONE     UINT32_MAX /* an optional input of a tensor operator that is not given */

/* Weights, in the file image; read-only, packed, row-major, aligned to 64. */
struct tensor {
    uint32_t    type;             /* 0: this optional tensor is not there           */
    uint32_t    rank;
    int64_t     dims[MDL_MAX_RANK];
    uint64_t    count;            /* product of dims                                */
    const void *data;
    uint64_t    offset;           /* of data in the file, for errors                */
};

/* Where a value lies during a call: row r begins at data + r * stride. */
struct view {
    void  *data;
    size_t stride;                /* in bytes                                       */
    uint32_t type;                /* the value's; MDL_F32 if all its readers take that */
};

struct node {
    const struct op *op;
    const char      *name;
    uint64_t         offset;      /* of its record in the file, for errors          */
    uint32_t         n_in, n_out;
    const uint32_t  *in, *out;    /* numbers of values                              */
    void            *params;      /* the operator's own struct                      */
    struct tensor   *tensors;     /* [op->n_slots]                                  */
    struct tensor   *ready;       /* [op->n_ready] tables that the file brings; NULL: none */
    void            *plan;        /* what prepare made, in the arena                */
    uint32_t         block_rows;  /* set by prepare: rows at once that it is quickest with,  */
                                  /* if those are many; 0: it does not care         */
    uint64_t         temp_bytes;  /* working memory per row, set by infer           */
    int              takes_f32;   /* set by prepare: its inputs of float64 may come as float32,
                                   * which mean the same numbers                    */
    uint32_t         takes_sparse;/* set by prepare: what the sparse rows that run_sparse may be
                                   * given leave out, SPARSE_ZERO or SPARSE_MISSING; 0: none */
};

#define SPARSE_ZERO    1u         /* 1 + input.absent of the schema                 */
#define SPARSE_MISSING 2u

struct nd_call;                   /* nd.h */

struct graph {
    struct value  *values;
    struct node   *nodes;
    uint32_t       n_values, n_nodes;
    int            plain;         /* trees are walked plainly: nothing else is laid out */
};

/* One block of rows on its way through the graph. */
struct run {
    const struct kernels *kernels;
    const struct graph   *graph;
    const struct view    *views;  /* [n_values]; data NULL: nobody wants this value */
    void                 *temp;   /* rows * temp_bytes of the node, aligned to 8    */
    size_t                rows;
    uint64_t              tree_begin, tree_end;  /* iterations; UINT64_MAX: to the last */

    /* Of an ensemble, seldom (tree_part.c): */
    int                   keeps;  /* 1: further trees of the rows follow; 2: they do: temp and sums are  */
                                  /* as the last call left them                                     */
    uint64_t              tree_most;  /* where they end                                             */
    uint64_t              tree_done;  /* above tree_begin: the sums have the iterations before it */
    uint64_t              part;   /* 1: what sums start from alone; 2 + i: tree i of the range */
    uint64_t              stop_every; /* rows above the margin are done, looked at so often; 0: no */
    double                stop_margin;
    const mdl_parallel   *parallel;   /* the rows are few: threads for the trees; NULL: none      */
    void                 *spare;  /* scratch behind temp, aligned to 64                          */
    size_t                spare_bytes;
};

/* ---- an operator's table ---------------------------------------------------- */

#define FIELD_INT    1            /* int64_t                                        */
#define FIELD_FLOAT  2            /* double                                         */
#define FIELD_CHOICE 3            /* int64_t: position in `choices`                 */

/* One scalar parameter.  On disk the parameters of a node are 8-byte words in the
 * order of this table; fields are only ever added at its end. */
struct field {
    const char        *name;
    uint32_t           kind;
    uint32_t           offset;    /* in the operator's struct                       */
    double             fallback;  /* when the file has no word for it               */
    const char *const *choices;   /* FIELD_CHOICE: names, NULL-ended                */
};

#define FIELD(kind, type, member, fallback, choices) \
    { #member, kind, (uint32_t)offsetof(struct type, member), fallback, choices }

#define OP_NARROW_TREES 1ull      /* trees of splits and questions: op/tree.h         */
#define OP_F16_LEAVES   2ull      /* trees whose leaves are float16, times a scale    */
#define OP_SHORT_TREES  4ull      /* trees with level, given, count or rest: op/tree.h */

#define TYPES_FLOAT (1u << MDL_F32 | 1u << MDL_F64)
#define TYPE_BIT(type) (1u << (type))

/* One weight array.  Slots are on disk by name. */
struct slot {
    const char *name;
    uint32_t    types;            /* bits TYPE_BIT(MDL_...) it may have             */
    uint32_t    rank;             /* VALUE_ANY_RANK: any                            */
    uint32_t    required;
};

/* A table that prepare would work out, and a file may bring: bytes [count, record_bytes].  The name
 * says the layout too: one that this library does not know is as if it were not there. */
struct ready {
    const char *name;
    uint32_t    record_bytes;
};

struct op {
    const char         *name;
    const char         *about;    /* one line: the formula                          */
    const struct field *fields;
    const struct slot  *slots;
    uint32_t            n_fields, n_slots;
    uint32_t            params_bytes;
    uint32_t            min_in, max_in, n_out;
    uint32_t            max_out;  /* tensor operators: from n_out up to so many results; 0: n_out */

    /* Check inputs, parameters and weights; set type and dims of every result, and
     * n->temp_bytes.  Values are all of g; results are g->values[n->out[i]]. */
    mdl_status (*infer)(struct node *n, struct graph *g, mdl_error *err);
    /* Check what takes a pass over the weights and derive a layout to run on, in linear
     * time; NULL: nothing to do. */
    mdl_status (*prepare)(struct node *n, const struct graph *g, struct arena *a, mdl_error *err);
    void (*run)(const struct node *n, const struct run *r);
    /* run with rows from `first` on of x as input 0, without expanding them and with the same
     * bits.  Rows have passed sparse_ascends (sparse.h).  NULL: cannot. */
    void (*run_sparse)(const struct node *n, const struct run *r, const mdl_csr *x, uint64_t first);
    /* Once the kernels are known: which of several ways to go; `engine` NULL: the cheapest.
     * NULL: there is one way. */
    void (*choose)(struct node *n, const struct kernels *k, const char *engine);

    /* Features of files (mdl_format.h) that a reader must have for this node; NULL: none. */
    uint64_t (*features)(const struct node *n);   /* OP_* */

    /* Tables for the file, of a node that has been prepared: those that there are and that take long
     * to work out, to[i] is of type 0 if not so.  NULL: none. */
    void (*give)(const struct node *n, struct tensor *to);
    const struct ready *ready;
    uint32_t            n_ready;

    /* Tensor operators, see nd.h.  Of those, infer sets the types of results alone. */
    mdl_status (*shape)(const struct node *n, struct nd_call *c);
    mdl_status (*eval)(const struct node *n, struct nd_call *c);
    uint32_t contents;            /* bit i: shape reads what is in input i          */
    uint32_t traits;              /* ND_*                                           */
};

/* The operator with this code on disk or this name, NULL if there is none; the
 * i-th operator there is, NULL after the last. */
const struct op *mdl_op_by_code(uint32_t code);
const struct op *mdl_op_by_name(const char *name);
const struct op *mdl_op_at(size_t i);
uint32_t mdl_op_code(const struct op *op);

/* ---- helpers for operators ---------------------------------------------------- */

/* The value behind input or result i. */
static inline struct value *node_in(const struct node *n, const struct graph *g, uint32_t i)
{
    return &g->values[n->in[i]];
}

static inline struct value *node_out(const struct node *n, const struct graph *g, uint32_t i)
{
    return &g->values[n->out[i]];
}

/* Where they lie in this call. */
static inline struct view run_in(const struct node *n, const struct run *r, uint32_t i)
{
    return r->views[n->in[i]];
}

static inline struct view run_out(const struct node *n, const struct run *r, uint32_t i)
{
    return r->views[n->out[i]];
}

static inline void *view_row(struct view v, size_t row)
{
    return (unsigned char *)v.data + row * v.stride;
}

/* Does it work on tensors? */
static inline int op_is_tensor(const struct op *op)
{
    return op->eval != NULL;
}

/* Results it has at most. */
static inline uint32_t op_max_out(const struct op *op)
{
    return op->max_out > op->n_out ? op->max_out : op->n_out;
}

/* Make v a table of `cols` columns. */
static inline void value_table(struct value *v, uint32_t type, uint64_t cols)
{
    *v = (struct value){ .type = type, .rank = 2, .dims = { -1, (int64_t)cols }, .cols = cols };
}

/* MDL_ERR_FORMAT unless input i is float32 or float64. */
mdl_status mdl_op_need_float(const struct node *n, const struct graph *g, uint32_t i,
                             mdl_error *err);

/* MDL_ERR_FORMAT unless the tensor in `slot`, if it is there, has `type` (0: any)
 * and exactly `count` elements. */
mdl_status mdl_op_need_tensor(const struct node *n, uint32_t slot, uint32_t type, uint64_t count,
                              mdl_error *err);

#endif
