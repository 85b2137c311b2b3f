/*
 * import/catboost.h - what the files of the CatBoost importer share
 *
 *     catboost.c          probe and convert: the walk
 *     catboost_cbm.c      the binary file into struct cat (flat.h reads it)
 *     catboost_json.c     the JSON file into the same
 *     catboost_info.c     what both keep as JSON: loss, classes
 *     catboost_tree.c     trees into the builder
 *     catboost_answer.c   from sums to the outputs
 *
 * Trees ask by number: split s of the model is one of all borders of all number columns,
 * then of all one-hot values, then of all borders of all target statistics, in the order of
 * the features.  An oblivious tree of d splits has 2^d leaves, the first split the lowest
 * bit of the leaf's number.  Other trees are nodes; a child lies behind its parent, and
 * where there is no child the node's own leaf is the end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_CATBOOST_H
#define MDL_IMPORT_CATBOOST_H

#include "import/events.h"
#include "import/import.h"

#define CAT_NO_TEXT UINT32_MAX

/* A column of numbers or of categories. */
struct cat_feature {
    int64_t  index;               /* among its kind                                      */
    int64_t  column;              /* among all of the caller's                           */
    uint32_t name;                /* in c->texts, or CAT_NO_TEXT                         */
    uint32_t first, n;            /* its borders, or the categories it is asked for      */
    int      nan_is_high;         /* NaN is above every border, not below                */
};

/* What trees ask: is column `column` of their table above `border`? */
struct cat_split {
    uint32_t column;
    float    border;
    int      nan_is_above;
};

struct cat_node {
    uint32_t left, right;         /* nodes, counted over all trees; 0: the end           */
    uint32_t leaf;                /* first of its values                                 */
};

struct cat {
    struct bytes file;
    mdl_builder *b;
    const mdl_import_options *options;
    mdl_error *err;
    mdl_allocator allocator;
    struct parts parts;           /* what cannot be run                                  */

    struct vec texts;             /* names and labels, each with its zero byte           */
    struct vec numbers;           /* struct cat_feature                                  */
    struct vec categories;        /* struct cat_feature                                  */
    struct vec borders;           /* float                                               */
    struct vec values;            /* int32, hashes of categories                         */

    int64_t    outputs;           /* values a leaf                                       */
    struct vec sizes;             /* int32 [trees] splits or nodes                       */
    struct vec tree_splits;       /* int32 [splits of trees], or [nodes]                 */
    struct vec nodes;             /* struct cat_node; empty: oblivious trees             */
    struct vec leaf_values;       /* double [leaves][outputs]                            */
    struct vec leaf_weights;      /* double [leaves], or empty                           */
    double     scale;
    struct vec bias;              /* double [outputs], or empty                          */

    char version[32], loss[64], label_type[16];
    struct vec labels;            /* uint32 texts                                        */
    struct vec labels_seen;       /* int32 classes that outputs stand for                */
    double probability;           /* from which on it is the second of two classes       */

    struct vec splits;            /* struct cat_split                                    */
    int32_t input, table;         /* values: the caller's rows, and what trees look at   */
    int32_t raw, leaves;
};

#define CAT_COUNT(v, type) ((v).bytes / sizeof(type))
#define CAT_AT(v, type) ((type *)(void *)(v).data)

/* The file is not what it should be, at a byte of it. */
mdl_status mdl_cat_fail(const struct cat *c, uint64_t offset, const char *format, ...)
    MDL_PRINTF(3, 4);
mdl_status mdl_cat_memory(const struct cat *c);

/* One more text, at the end of c->texts; 0 when out of memory. */
int mdl_cat_text(struct cat *c, const void *text, size_t length, uint32_t *at);

/* The two formats: everything above but splits and values. */
mdl_status mdl_cat_cbm(struct cat *c);
mdl_status mdl_cat_json(struct cat *c);

/* catboost_info.c: the next value of a reader, the object "params" or "class_params"; and
 * text of "catboost_version_info", "binclass_probability_threshold", "loss_function" */
void mdl_cat_params(struct cat *c, struct events *e);
void mdl_cat_classes(struct cat *c, struct events *e);
void mdl_cat_version(struct cat *c, const char *text, size_t length);
mdl_status mdl_cat_threshold(struct cat *c, const char *text, size_t length);
mdl_status mdl_cat_loss(struct cat *c, const char *text, size_t length);

/* catboost_tree.c: c->splits, then all trees: fills raw (without scale and bias) and leaves */
mdl_status mdl_cat_trees(struct cat *c);

/* catboost_answer.c: what the loss makes of the sums.  mdl_cat_check adds what cannot be run
 * to the parts. */
void mdl_cat_check(struct cat *c);
mdl_status mdl_cat_answers(struct cat *c);

#endif
