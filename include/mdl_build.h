/*
 * mdl_build.h - make a model from code.  What importers and bindings use.
 *
 *     mdl_builder *b = mdl_builder_new(NULL);
 *     int32_t x = mdl_build_input(b, "x", MDL_F32, 2, MDL_ABSENT_ZERO);
 *     int32_t n = mdl_build_node(b, "dense", "", &x, 1);
 *     mdl_build_weights(b, n, "weight", MDL_F32, 2, (int64_t[]){1, 2}, w);
 *     mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
 *     if (mdl_build_save(b, "model.mdl", &e)) puts(e.text);
 *     mdl_builder_free(b);
 *
 * Errors stick: after the first one every call does nothing and returns it (or
 * MDL_NONE), and mdl_build_save or mdl_build_bytes reports it with its text.  So a
 * long sequence needs one check, at the end.  Everything passed in is copied.
 * One thread at a time per builder.
 *
 * Values, nodes and inputs are numbers given out by the builder.  Operators, their
 * parameters and weights are named as in docs/operators.md (`mdl help ops`).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BUILD_H
#define MDL_BUILD_H

#include "mdl.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MDL_NONE (-1)

typedef struct mdl_builder mdl_builder;

/* A new builder, or NULL when out of memory.  `allocator` NULL: malloc. */
MDL_API mdl_builder *mdl_builder_new(const mdl_allocator *allocator);
MDL_API void mdl_builder_free(mdl_builder *b);

/* The first error so far, MDL_OK if none; fills *error (may be NULL). */
MDL_API mdl_status mdl_builder_status(const mdl_builder *b, mdl_error *error);

/* Record an error found by the caller, so that it sticks like the builder's own.
 * `text` is one sentence.  Returns the status that now holds. */
MDL_API mdl_status mdl_builder_fail(mdl_builder *b, mdl_status status, const char *text);

/* ---- schema ---------------------------------------------------------------- */

#define MDL_ABSENT_ZERO    0u  /* sparse entries not stored are 0       */
#define MDL_ABSENT_MISSING 1u  /* sparse entries not stored are missing */

/* A table of `cols` columns, MDL_F32 or MDL_F64: the type the model computes in.
 * Returns the value to feed to nodes. */
MDL_API int32_t mdl_build_input(mdl_builder *b, const char *name, uint32_t type, uint64_t cols,
                                uint32_t absent);

/* A tensor of any type and rank, for a graph of tensor operators; a dimension of -1 is
 * settled by each call, and so are all with MDL_ANY_RANK.  Float tables (rank 2, [-1, cols])
 * are the same as mdl_build_input's. */
MDL_API int32_t mdl_build_tensor(mdl_builder *b, const char *name, uint32_t type, uint32_t rank,
                                 const int64_t *dims);

/* Name and kind of one column of an input (given by its value).  Columns that are
 * never described are unnamed numbers. */
MDL_API mdl_status mdl_build_column(mdl_builder *b, int32_t input, uint64_t column,
                                    const char *name, uint32_t kind);

/* The categories of a category column in code order: cell value i means text[i]. */
MDL_API mdl_status mdl_build_categories(mdl_builder *b, int32_t input, uint64_t column,
                                        uint32_t type, uint64_t n, const char *const *text);

/* Name a value as an output.  The first output is the main one.  Returns its
 * position. */
MDL_API int32_t mdl_build_output(mdl_builder *b, const char *name, uint32_t role, int32_t value);

/* Class labels of an output: index i means text[i]; `type` says what they were. */
MDL_API mdl_status mdl_build_labels(mdl_builder *b, int32_t output, uint32_t type, uint64_t n,
                                    const char *const *text);

/* One pair of metadata.  A key given twice keeps the last value; there are at most 16,384. */
MDL_API mdl_status mdl_build_metadata(mdl_builder *b, const char *key, const char *value);

/*
 * Importances of the columns of the first input: `n_kinds` kinds, the default first, of the `n`
 * columns whose numbers are in `columns`, ascending; values are [n_kinds][n], those of other columns
 * 0.  Again: instead of those before.
 */
MDL_API mdl_status mdl_build_importance(mdl_builder *b, size_t n_kinds, const char *const *kinds,
                                        uint64_t n, const uint32_t *columns, const double *values);

/* ---- nodes ----------------------------------------------------------------- */

/* An operator fed by values.  Returns the node. */
MDL_API int32_t mdl_build_node(mdl_builder *b, const char *op, const char *name,
                               const int32_t *inputs, size_t n_inputs);

/* The same for a tensor operator, of which `n_results` are asked; an optional input that is
 * not given is MDL_NONE. */
MDL_API int32_t mdl_build_node_n(mdl_builder *b, const char *op, const char *name,
                                 const int32_t *inputs, size_t n_inputs, size_t n_results);

/* Type (MDL_*) of a value of what has been built so far, 0 after an error. */
MDL_API uint32_t mdl_build_type(mdl_builder *b, int32_t value);

/* The value that holds result `i` of a node. */
MDL_API int32_t mdl_build_result(mdl_builder *b, int32_t node, size_t i);

/* One parameter: an integer, a number, or the name of a choice ("relu"). */
MDL_API mdl_status mdl_build_int(mdl_builder *b, int32_t node, const char *param, int64_t v);
MDL_API mdl_status mdl_build_float(mdl_builder *b, int32_t node, const char *param, double v);
MDL_API mdl_status mdl_build_choice(mdl_builder *b, int32_t node, const char *param,
                                    const char *v);

/* What an input's dimension is called in the source ("batch"); shown by tools. */
MDL_API mdl_status mdl_build_dim_name(mdl_builder *b, int32_t input, uint32_t dim,
                                      const char *name);

/* One weight array, packed and row-major.  `dims` may be NULL when rank is 0.  Type 0 takes an array
 * away that the node has. */
MDL_API mdl_status mdl_build_weights(mdl_builder *b, int32_t node, const char *slot,
                                     uint32_t type, uint32_t rank, const int64_t *dims,
                                     const void *data);

/* ---- what operators there are ------------------------------------------------ */

typedef struct mdl_op_info {
    uint32_t    size;
    uint32_t    min_inputs, max_inputs, n_results;
    uint32_t    n_params, n_weights;
    const char *name;          /* "dense"                                              */
    const char *about;         /* one line: the formula                                */
    uint32_t    max_results;   /* n_results, or more                                   */
    uint32_t    flags;         /* MDL_OP_*                                             */
    uint32_t    contents;      /* bit i: shapes of its results depend on what is in input i; bit
                                  31 stands for that and all after                      */
    uint32_t    reserved;
} mdl_op_info;

#define MDL_OP_TENSOR 1u       /* works on tensors of any rank, not on tables          */
#define MDL_OP_HALF   2u       /* takes float16 and bfloat16 (tensor operators)        */
#define MDL_OP_RANDOM 4u       /* another result each time                             */
#define MDL_OP_SHAPE  8u       /* its results depend on the shapes of inputs alone     */

/* Operator `op`, counted from 0; MDL_ERR_ARGUMENT behind the last. */
MDL_API mdl_status mdl_op(size_t op, mdl_op_info *info);
/* One of its parameters or weight arrays: its name, and in words what it may be ("none or
 * relu; default none", "float32 or float64, rank 2, required").  `text` has `text_bytes`
 * room. */
MDL_API mdl_status mdl_op_param(size_t op, size_t param, const char **name, char *text,
                                size_t text_bytes);
MDL_API mdl_status mdl_op_weight(size_t op, size_t weight, const char **name, char *text,
                                 size_t text_bytes);

/* ---- trees ----------------------------------------------------------------- */

/* How an ensemble computes; see docs/operators.md, "trees". */
#define MDL_TREES_LT        0u  /* x <  threshold goes left */
#define MDL_TREES_LE        1u  /* x <= threshold goes left */

#define MDL_TREES_AVERAGE   1u  /* divide the sums by the number of iterations used        */
#define MDL_TREES_CLIP_ZERO 2u  /* |x| <= (double)1e-35f is read as 0 (LightGBM)           */
#define MDL_TREES_TRUNCATE  4u  /* categories: -1 < x < 0 is category 0; else it is none   */

typedef struct mdl_trees {
    uint32_t      size;
    uint32_t      flags;       /* MDL_TREES_AVERAGE | ...                                  */
    uint32_t      compare;     /* MDL_TREES_LT or MDL_TREES_LE                             */
    uint32_t      threshold_type; /* MDL_F32 or MDL_F64; compared exactly with x of either  */
    uint32_t      leaf_type;   /* type of leaf values, sums and result: MDL_F32 or MDL_F64 */
    uint32_t      reserved;
    uint64_t      outputs;     /* columns of the result                                    */
    uint64_t      leaf_width;  /* values a leaf: 1, or several for vector leaves           */
    const double *base;        /* [outputs] what the sums start from; NULL: 0              */
} mdl_trees;

/* An ensemble over value x.  Result 0 is the sums [rows][outputs], result 1 the leaf
 * ids [rows][trees].  Returns the node; add its trees next. */
MDL_API int32_t mdl_build_trees(mdl_builder *b, int32_t x, const mdl_trees *trees);

/* Flags of a tree's nodes. */
#define MDL_NODE_LEAF          0x00u
#define MDL_NODE_NUMBER        0x01u  /* compare x[feature] with threshold                  */
#define MDL_NODE_CATEGORY      0x02u  /* look x[feature], cut to an integer, up in a set    */
#define MDL_NODE_DEFAULT_LEFT  0x04u  /* where the missing go, if the node has a rule       */
#define MDL_NODE_NAN_COMPARES  0x00u  /* no rule: NaN fails every comparison, so goes right */
#define MDL_NODE_NAN_DEFAULT   0x08u  /* NaN goes to the default side                       */
#define MDL_NODE_NAN_ZERO      0x10u  /* NaN is read as 0                                   */
#define MDL_NODE_ZERO_DEFAULT  0x18u  /* NaN and |x| <= (double)1e-35f go to the default side */
#define MDL_NODE_SET_LEFT      0x20u  /* members of the set go left, all else right;
                                         without it members go right, all else left         */

/*
 * One tree in the source's own numbering: node 0 is the root, arrays are indexed
 * by node.  Nodes that the root does not reach are dropped.  A category node whose
 * x is NaN follows its missing rule, else (and for values outside [0, 2^31) after
 * MDL_TREES_TRUNCATE) it counts as no member.
 *
 * An oblivious tree (of CatBoost, say) is told by its levels: n_nodes is 2^(d + 1) - 1, arrays of
 * questions (flags, feature, threshold, set_start) are indexed by level, the root's first, those of
 * leaves (value, cover) by leaf, left to right, which is also the leaf's number; left, right and leaf_id
 * are not read, leaves are not linear.  Either all trees of an ensemble are told so or none.
 */
typedef struct mdl_tree {
    uint32_t        size;
    uint32_t        n_nodes;
    uint64_t        output;         /* first result column the leaves are added to          */
    uint64_t        iteration;      /* round of boosting; never less than the tree before   */
    double          weight;         /* leaf values are multiplied by this; 1 unless DART     */
    const uint8_t  *flags;          /* [n_nodes] MDL_NODE_*                                 */
    const int32_t  *left, *right;   /* [n_nodes] children; not read at leaves               */
    const int32_t  *feature;        /* [n_nodes] column of x; not read at leaves            */
    const double   *threshold;      /* [n_nodes] read at number nodes; not NaN              */
    const double   *value;          /* [n_nodes][leaf_width] read at leaves                 */
    const int32_t  *leaf_id;        /* [n_nodes] the source's leaf numbers; NULL: the node  */
    const double   *cover;          /* [n_nodes] training weight of each node, or NULL      */
    const uint32_t *set_start;      /* [n_nodes + 1] first word of each node's set, or NULL */
    const uint32_t *set_words;      /* bit c % 32 of word c / 32: category c is a member    */
    const double   *linear_const;   /* [n_nodes] linear leaves (LightGBM), or NULL: value = */
    const uint32_t *linear_start;   /* [n_nodes + 1]   const + sum coef * x[feature], or    */
    const int32_t  *linear_feature; /*                 `value` when one of these x is NaN   */
    const double   *linear_coef;
    uint64_t        oblivious;      /* 1: complete, with one question on each level; below   */
} mdl_tree;

MDL_API mdl_status mdl_build_tree(mdl_builder *b, int32_t node, const mdl_tree *tree);

/* ---- golden rows and the file ------------------------------------------------ */

/* Golden rows: values of an input, or what the source framework gave for an
 * output.  All of a model's golden tensors have the same number of rows. */
MDL_API mdl_status mdl_build_golden_input(mdl_builder *b, int32_t input, uint32_t type,
                                          uint64_t rows, const void *data);
MDL_API mdl_status mdl_build_golden_output(mdl_builder *b, int32_t output, uint32_t type,
                                           uint64_t rows, const void *data);

/* The same of a graph of tensors: a whole input (`index` is its value) or output (its position),
 * packed, of its own type and any shape that it can have. */
MDL_API mdl_status mdl_build_golden_tensor(mdl_builder *b, uint32_t is_output, int32_t index,
                                           uint32_t type, uint32_t rank, const int64_t *dims,
                                           const void *data);

/*
 * 1: the file is to bring what loading would work out (tables of tree ensembles, so far): it is larger,
 * about twice, but loads in about half the time, and processes that load it with MDL_LOAD_MMAP share
 * those pages.  For models of tens of megabytes; ensembles of shallow or oblivious trees, or with
 * categories, are as without.  Predictions are the same.  0, as it begins: only what the source said.
 */
MDL_API mdl_status mdl_build_ready(mdl_builder *b, uint32_t on);

/* Write the model.  The file appears whole or not at all: it is written under a
 * temporary name beside `path`, synced, then renamed.  The same calls give the
 * same bytes. */
MDL_API mdl_status mdl_build_save(mdl_builder *b, const char *path, mdl_error *error);

/* The same in memory: *bytes holds *size bytes until the next call with this
 * builder. */
MDL_API mdl_status mdl_build_bytes(mdl_builder *b, const void **bytes, size_t *size,
                                   mdl_error *error);

/* A builder that holds everything of a loaded model, to change and save again. */
MDL_API mdl_builder *mdl_builder_from_model(const mdl_model *model, mdl_error *error);

#ifdef __cplusplus
}
#endif
#endif
