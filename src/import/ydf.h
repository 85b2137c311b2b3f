/*
 * import/ydf.h - what the files of the YDF importer share
 *
 *     ydf.c           probe and convert: the walk; blobs
 *     ydf_folder.c    the files of a model's folder as one stream
 *     ydf_columns.c   the dataspec: columns, categories, classes
 *     ydf_node.c      a node of a tree, and what its question means here
 *     ydf_trees.c     all trees: what they need, then into the builder
 *     ydf_answers.c   task and loss, what leaves hold, from sums to outputs
 *
 * What Model.serialize of YDF (Yggdrasil Decision Forests) makes is a sequence of blobs, and so
 * is its last blob:
 *
 *     "BS"   u16 version   u8 gzip   3 bytes 0      then, maybe as gzip, blobs: u32 bytes, bytes
 *
 *     "YDF"
 *     SerializedModel      1: header.pb    1001 gradient boosted trees, 1002 random forest,
 *                          1003 isolation forest: { 1: <model>_header.pb }
 *     DataSpecification    data_spec.pb
 *     the nodes            nodes-00000-of-00001: a blob each, in pre-order, the child where the
 *                          condition is false first
 *
 * A folder holds the same parts as files.  The messages are protobuf; their fields are in the
 * .proto files of google/yggdrasil-decision-forests, and here where each is read.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_YDF_H
#define MDL_IMPORT_YDF_H

#include "base/arena.h"
#include "base/vec.h"
#include "import/import.h"
#include "import/onnx_wire.h"

#define YDF_STREAM_BYTES 8u       /* what a sequence of blobs begins with                    */
#define YDF_MOST_CATEGORIES (1u << 24)       /* a float32 holds them                         */

enum ydf_type { YDF_NUMERICAL = 1, YDF_CATEGORICAL = 4, YDF_CATEGORICAL_SET = 5, YDF_BOOLEAN = 7,
                YDF_DISCRETIZED = 9, YDF_HASH = 10, YDF_VECTORS = 11, YDF_TYPES };

enum ydf_task { YDF_CLASSIFICATION = 1, YDF_REGRESSION, YDF_RANKING, YDF_CATEGORICAL_UPLIFT,
                YDF_NUMERICAL_UPLIFT, YDF_ANOMALY_DETECTION, YDF_SURVIVAL };

enum ydf_model { YDF_GBT = 1001, YDF_RF = 1002, YDF_IF = 1003 };   /* their fields, too       */

enum ydf_loss { YDF_BINOMIAL = 1, YDF_SQUARED, YDF_MULTINOMIAL, YDF_NDCG5, YDF_XE_NDCG, YDF_FOCAL,
                YDF_POISSON, YDF_MAE, YDF_NDCG, YDF_COX };

/* A column of the dataspec. */
struct ydf_column {
    struct bytes name, categorical;
    uint32_t type;
    int32_t  position;            /* among the model's columns; -1: it does not see it        */
    uint32_t n_categories;        /* 0 is "out of dictionary"                                 */
    uint32_t first, n;            /* boundaries of a discretised one                          */
    uint8_t  is_integer;          /* categories are their codes                               */
    uint8_t  imputed_true;        /* a boolean: more were true than false                     */
    uint32_t imputed;             /* a category: the most frequent                            */
    double   mean;
};

/* The conditions of nodes, by their fields in Condition. */
enum ydf_condition { YDF_LEAF, YDF_IS_NA, YDF_HIGHER, YDF_TRUE, YDF_CONTAINS, YDF_BITMAP,
                     YDF_DISCRETIZED_HIGHER, YDF_OBLIQUE, YDF_VECTOR_SEQUENCE, YDF_CONDITIONS };

struct ydf_node {
    uint64_t offset;
    unsigned condition;           /* YDF_*                                                    */
    struct bytes detail;          /* the condition's own message                              */
    int64_t  attribute;           /* column of the dataspec                                   */
    int      na_value;            /* where what is missing goes                               */
    double   weight, pos_weight;  /* of training, of it where the condition is true; or -1    */
    struct bytes output[7];       /* classifier 1, regressor 2, uplift 5, anomaly 6           */
    int64_t  examples;
};

struct ydf {
    struct bytes file;
    mdl_builder *b;
    const mdl_import_options *options;
    mdl_error *err;
    mdl_allocator allocator;
    struct parts parts;

    struct bytes header, special, spec, nodes;       /* the four messages                     */
    struct vec unpacked;          /* the nodes, if they were compressed                       */
    uint64_t size;                /* of file and unpacked nodes: what memory is measured by   */

    int      model;               /* YDF_GBT, ...                                             */
    int64_t  task, label, loss, n_trees;
    int      winner_takes_all, wants_logits;
    int64_t  trees_a_round, examples_a_tree;
    struct vec initial;           /* float: initial predictions                               */

    struct vec columns;           /* struct ydf_column                                        */
    struct vec boundaries;        /* float                                                    */
    uint64_t n_inputs;            /* columns that the model sees                              */
    uint64_t classes, outputs, leaf_width;

    /* What all trees together say, before any is built. */
    uint64_t most_nodes;          /* of one tree                                              */
    int      globally_higher, globally_others;   /* missing goes where imputed values go      */
    int      has_cover, has_is_na, is_quick;         /* the engine is its QuickScorer         */
    uint64_t set_bytes;           /* of all sets of categories                                */

    int32_t  x, raw, leaves;      /* values of the graph                                      */
};

#define ULL(v) ((unsigned long long)(v))
#define YDF_AT(v, type) ((type *)(void *)(v).data)
#define YDF_COUNT(v, type) ((v).bytes / sizeof(type))
#define YDF_BAD(y, at, ...) mdl_fail_at((y)->err, MDL_ERR_FORMAT, "", (at), __VA_ARGS__)

/* Room for n zeroed elements; NULL and y->err when there is none. */
void *mdl_ydf_room(const struct ydf *y, struct vec *v, uint64_t n, size_t bytes);

/* To the first blob of a sequence; what is compressed goes into `room`, and *in points there. */
mdl_status mdl_ydf_sequence(struct bytes *in, const char *what, struct vec *room,
                            const mdl_allocator *allocator, mdl_error *err);
/* The next blob of a sequence, or of the rest of one; 0 at its end, or with in->bad. */
int mdl_ydf_blob(struct bytes *in, struct bytes *blob);

/* ydf_folder.c: if `path` is a folder with a data_spec.pb, or that file, its parts as a stream in
 * *out; else *out stays empty. */
mdl_status mdl_ydf_folder(struct vec *out, const char *path, const mdl_allocator *allocator,
                          mdl_error *err);
/* Which model a name of header.pb is; 0 for none. */
int mdl_ydf_model(struct bytes name);

/* ydf_columns.c: columns, input and its categories; what classes an output has */
mdl_status mdl_ydf_columns(struct ydf *y);
mdl_status mdl_ydf_labels(struct ydf *y, int32_t output);

/* ydf_node.c */
mdl_status mdl_ydf_node(struct ydf *y, struct bytes blob, struct ydf_node *node);
/* Is the question one that can be asked?  Adds to the parts, to what all trees say. */
mdl_status mdl_ydf_survey(struct ydf *y, const struct ydf_node *node);
/* Flags, threshold and the set at the end of `words`, as mdl_tree has them; *swap when the
 * children are to change places. */
mdl_status mdl_ydf_question(struct ydf *y, const struct ydf_node *node, uint8_t *flags,
                            double *threshold, struct vec *words, int *swap);

/* ydf_trees.c: sets raw and leaves, and asks mdl_ydf_leaf for values */
mdl_status mdl_ydf_trees(struct ydf *y);

/* ydf_answers.c: what the model is, before its trees; leaf values; outputs */
mdl_status mdl_ydf_kind(struct ydf *y);
mdl_status mdl_ydf_leaf(struct ydf *y, const struct ydf_node *node, uint64_t depth, double *value);
mdl_status mdl_ydf_answers(struct ydf *y);

#endif
