/*
 * import/xgboost.h - what the files of the XGBoost importer share
 *
 *     xgboost.c           probe and convert: the walk
 *     xgboost_learner.c   first pass: all but the trees, whose place is noted
 *     xgboost_margin.c    objectives: where sums start, what Booster.predict gives
 *     xgboost_columns.c   names, kinds and categories of the columns
 *     xgboost_rounds.c    rounds of boosting, and how many are used
 *     xgboost_tree.c      second pass: tree by tree into the builder
 *     xgboost_set.c       sets of categories of one tree
 *
 * JSON and UBJSON hold the same tree of keys, in the order of the alphabet: what trees
 * need to know comes behind them.  So the file is read twice, and never held as nodes.
 *
 *     version [3]
 *     learner
 *         attributes              texts: best_iteration, scikit_learn, the user's own
 *         feature_names, feature_types                                    since 1.4
 *         gradient_booster
 *             name                gbtree, dart, gblinear
 *             model               trees, tree_info, iteration_indptr, cats; weights
 *             gbtree              dart before 3.3: another gradient_booster in here,
 *             weight_drop             and a weight for each tree
 *         learner_model_param     base_score, num_class, num_feature, num_target
 *         objective               name
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_XGBOOST_H
#define MDL_IMPORT_XGBOOST_H

#include "import/events.h"
#include "import/import.h"

/* Outputs a model may have: there is an array of them that no bytes of the file back. */
#define XGB_MAX_OUTPUTS (1 << 20)

struct xgb_objective;

/* The value of a key, to be read later; start NULL: not there. */
typedef struct bytes xgb_span;

struct xgb {
    struct bytes file;
    int ubjson;
    mdl_builder *b;
    const mdl_import_options *options;
    mdl_error *err;
    mdl_allocator allocator;
    struct parts parts;           /* what cannot be run                                 */

    int64_t version[3];           /* 0 where the file says nothing                      */
    char objective[64], booster[16], estimator[16];
    int from_sklearn;             /* saved by the scikit-learn wrapper                  */
    int64_t best_iteration;       /* -1: none                                           */
    xgb_span names, types, cats, trees;
    int has_learner, has_params, has_tree_info, has_rounds, has_weights;

    int64_t features, classes, targets, n_trees, parallel;
    uint64_t outputs;             /* columns of the margin                              */
    struct vec base;              /* double [1, classes or targets]                     */
    struct vec tree_info;         /* int32 [n_trees] output of each tree                */
    struct vec rounds;            /* int32 [rounds + 1] first tree of each              */
    struct vec drop;              /* double [] weights of trees, 1 beyond; updated
                                     models have more than trees                       */
    struct vec weights;           /* double [features + 1][outputs] of gblinear         */

    const struct xgb_objective *how;
    double *margin;               /* [outputs] what the sums start from                 */
    int32_t input, raw, leaves;   /* values; leaves MDL_NONE for gblinear               */
};

/* Is the file's version at least this? */
static inline int xgb_since(const struct xgb *x, int64_t major, int64_t minor)
{
    return x->version[0] != major ? x->version[0] > major : x->version[1] >= minor;
}

/* A reader of the file, or of a value noted earlier; free it. */
void mdl_xgb_events(const struct xgb *x, struct events *e, struct bytes at);

/* xgboost_learner.c: the first pass */
mdl_status mdl_xgb_learner(struct xgb *x);

/* The next value as an integer in [least, most]: a number, or a text that is one. */
int mdl_xgb_integer(struct events *e, const char *name, int64_t least, int64_t most,
                    int64_t *out);

/* xgboost_margin.c: find the objective (or add a part) and x->margin; then, when the
 * ensemble stands, link and outputs */
mdl_status mdl_xgb_margin(struct xgb *x);
void mdl_xgb_outputs(const struct xgb *x);

/* Until 1.3 (dart: 1.4) sums started from 0, and what base_score stands for was added to
 * the sum of all trees; the last bits tell.  mdl_xgb_add_base does that, if it is so. */
int mdl_xgb_adds_base_last(const struct xgb *x);
int32_t mdl_xgb_add_base(const struct xgb *x, int32_t sums);

/* xgboost_columns.c: describe the columns of x->input */
mdl_status mdl_xgb_columns(const struct xgb *x);

/* xgboost_rounds.c: check or make x->rounds; trees before *limit are used, UINT64_MAX: all */
mdl_status mdl_xgb_rounds(struct xgb *x, uint64_t *limit);

/* xgboost_tree.c: all trees; fills raw and leaves */
mdl_status mdl_xgb_trees(struct xgb *x);

/* xgboost_set.c: `start` and `words` as mdl_tree wants them, from a tree's lists; flags of
 * its nodes may change.  0 on failure. */
struct xgb_sets {
    const int32_t *node, *segment, *size, *member;
    uint64_t n, n_members;
    struct vec start, words;      /* uint32                                             */
    uint64_t all_bytes;           /* of all trees so far                                */
};
int mdl_xgb_sets(const struct xgb *x, struct events *e, struct xgb_sets *s, uint64_t tree,
                 uint64_t n_nodes, uint8_t *flags);

#endif
