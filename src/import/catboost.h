/*
 * import/catboost.h - what the files of the CatBoost importer share
 *
 *     catboost.c          probe and convert: the walk
 *     catboost_cbm.c      the binary file into struct cat (flat.h reads it)
 *     catboost_json.c     the JSON file into the same
 *     catboost_info.c     what both keep as JSON: loss, classes
 *     catboost_cbm_ctr.c, catboost_json_ctr.c    target statistics of either
 *     catboost_table.c    what trees look at: columns, categories, statistics
 *     catboost_tree.c     trees into the builder
 *     catboost_score.c    how much each column matters
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
#include "import/scores.h"

#define CAT_NO_TEXT UINT32_MAX

/* A column of numbers or of categories. */
struct cat_feature {
    int64_t  index;               /* among its kind                                      */
    int64_t  column;              /* among all of the caller's                           */
    uint32_t name;                /* in c->texts, or CAT_NO_TEXT                         */
    uint32_t first, n;            /* its borders                                         */
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

/* Columns of categories that are asked for by name. */
struct cat_one_hot {
    int64_t  index;               /* of the category                                     */
    uint32_t first, n;            /* in c->values                                        */
};

/* What a statistic is kept for: the combination of some categories, and of answers to
 * questions. */
enum { CAT_PART_CATEGORY, CAT_PART_ABOVE, CAT_PART_EQUAL };
struct cat_part {
    int32_t kind, index;          /* of the column among its kind                        */
    int32_t category;             /* CAT_PART_EQUAL                                      */
    float   border;               /* CAT_PART_ABOVE                                      */
};

enum { CAT_BORDERS, CAT_BUCKETS, CAT_BINARY_MEAN, CAT_FLOAT_MEAN, CAT_COUNTER, CAT_FREQUENCY,
       CAT_STATISTICS };
struct cat_base {
    uint32_t type;                /* CAT_BORDERS, ...                                    */
    uint32_t first, n;            /* in c->parts_of                                      */
};

/* A column of statistics: (good + prior 0) / (all + prior 1) + shift, times scale. */
struct cat_ctr {
    struct cat_base base;
    int64_t  target;
    float    prior[2], shift, scale;
    uint32_t first, n;            /* its borders                                         */
};

/* The rows of a statistic: `width` words each, of c->words, and hashes of parts.  Words are
 * int32: of each class of the target, or one; of means float32 sum and int32 count. */
struct cat_hash {
    uint64_t hash;
    uint32_t row;
};
struct cat_rows {
    struct cat_base base;
    int32_t  denominator;
    uint32_t width;
    uint64_t n, rows;             /* hashes, rows                                        */
    uint64_t first_hash, first_word;
    int      used;
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
    struct vec one_hot;           /* struct cat_one_hot                                  */
    struct vec parts_of;          /* struct cat_part                                     */
    struct vec ctrs;              /* struct cat_ctr                                      */
    struct vec rows;              /* struct cat_rows                                     */
    struct vec hashes;            /* struct cat_hash                                     */
    struct vec words;             /* uint32                                              */

    int64_t    outputs;           /* values a leaf                                       */
    struct vec sizes;             /* int32 [trees] splits or nodes                       */
    struct vec tree_splits;       /* int32 [splits of trees], or [nodes]                 */
    struct vec nodes;             /* struct cat_node; empty: oblivious trees             */
    const double *leaf_values;    /* [leaves][outputs]: of the file, or of own_values    */
    const double *leaf_weights;   /* [leaves] or NULL: of the file, or of own_weights    */
    uint64_t   n_values, n_weights;
    struct vec own_values, own_weights;   /* double                                      */
    double     scale;
    struct vec bias;              /* double [outputs], or empty                          */

    char version[32], loss[64], label_type[16];
    struct vec labels;            /* uint32 texts                                        */
    struct vec labels_seen;       /* int32 classes that outputs stand for                */
    double probability;           /* from which on it is the second of two classes       */

    struct vec splits;            /* struct cat_split                                    */
    struct vec owner;             /* uint32 [splits] which feature, one-hot or statistic */
    struct vec effect;            /* double: how much each of those matters              */
    struct scores scores;         /* of columns                                          */
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

/* What c->rows holds of a type: words for each of its rows; 0 for a wrong number of classes. */
static inline uint32_t cat_width(uint32_t type, int64_t classes)
{
    if (type == CAT_BINARY_MEAN || type == CAT_FLOAT_MEAN)
        return 2;
    if (type == CAT_COUNTER || type == CAT_FREQUENCY)
        return 1;
    return classes >= 2 && classes <= INT32_MAX ? (uint32_t)classes : 0;
}

/* catboost_json_ctr.c: the next value of a reader, "ctrs" of features_info or "ctr_data" */
void mdl_cat_json_ctrs(struct cat *c, struct events *e);
void mdl_cat_json_rows(struct cat *c, struct events *e);
/* catboost_json.c: an array of numbers, rounded once */
void mdl_cat_json_floats(struct cat *c, struct events *e, struct vec *to);

/* catboost_table.c: the input and its columns, the table that trees look at, and c->splits */
mdl_status mdl_cat_table(struct cat *c);

/* catboost_tree.c: all trees: fills raw (without scale and bias) and leaves */
mdl_status mdl_cat_trees(struct cat *c);

/* catboost_answer.c: what the loss makes of the sums.  mdl_cat_check adds what cannot be run
 * to the parts. */
void mdl_cat_check(struct cat *c);
mdl_status mdl_cat_answers(struct cat *c);

/* catboost_table.c: a column by its index among its kind; NULL: there is none. */
const struct cat_feature *mdl_cat_feature(const struct vec *kind, int64_t index);

/* catboost_score.c, where leaves have weights: once there are splits; a tree of so many splits and the
 * number of its first leaf; a node whose children are done, which gets their mean; importances into
 * the builder. */
mdl_status mdl_cat_score_open(struct cat *c);
void mdl_cat_score_oblivious(struct cat *c, const int32_t *splits, int32_t depth, uint64_t leaf);
void mdl_cat_score_node(struct cat *c, int32_t split, double *value, const double *cover, size_t i,
                        size_t left, size_t right);
mdl_status mdl_cat_score_give(struct cat *c);

#endif
