/*
 * import/lightgbm.h - what the files of the LightGBM importer share
 *
 *     lightgbm.c           the walk: header, trees, end, outputs
 *     lightgbm_text.c      lines, fields and arrays of numbers
 *     lightgbm_head.c      the header and the objective
 *     lightgbm_tree.c      one tree
 *     lightgbm_tail.c      what follows the trees
 *     lightgbm_columns.c   names, kinds and categories of the columns
 *
 * The text, versions v2 to v4, every line ended by \n or \r\n:
 *
 *     tree                                      always the first line
 *     version=v4
 *     num_class=1                               key=value, or a bare key
 *     ...
 *                                               blank lines
 *     Tree=0                                    fields up to a blank line
 *     num_leaves=4
 *     ...
 *     end of trees                              since 2.2
 *     feature_importances: ... parameters: ... end of parameters
 *     pandas_categorical:[["a", "b"], null]     written by the Python package
 *
 * Everything stays where it lies in the file until the builder copies it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_LIGHTGBM_H
#define MDL_IMPORT_LIGHTGBM_H

#include "base/vec.h"
#include "import/import.h"
#include "import/scores.h"

/* Bytes of the file; `at` NULL: not there. */
struct span {
    const unsigned char *at, *end;
};

static inline size_t span_length(struct span s) { return (size_t)(s.end - s.at); }

/* From the sums to what Booster.predict gives. */
enum lgb_link { LINK_NONE, LINK_SQUARE, LINK_EXP, LINK_LOG1P_EXP, LINK_LOGISTIC, LINK_SOFTMAX };

#define LGB_NO_TREE UINT64_MAX

struct lgb {
    struct bytes in;              /* the file; `at` is where it is read           */
    mdl_builder *b;
    const mdl_import_options *options;
    mdl_error *err;
    mdl_allocator allocator;
    struct parts parts;           /* what cannot be run                           */

    struct span version, objective, names, infos, sizes;
    uint64_t cols, outputs;       /* outputs: trees per iteration                 */
    int average;                  /* boosting=rf                                  */
    enum lgb_link link;
    double sigmoid;               /* of LINK_LOGISTIC                             */
    int classes;                  /* of a classifier, 0 if it is none             */

    uint64_t tree;                /* being read, for errors; or LGB_NO_TREE       */
    uint64_t n_trees;
    int32_t x, ensemble;          /* value, node                                  */

    struct scores scores;         /* of the trees used                            */
    int no_gains;                 /* some tree has no split_gain                  */

    struct span categorical;      /* parameters: [categorical_feature: 1,3]       */
    struct span categories;       /* the list behind pandas_categorical:          */
};

/* Arrays of one tree, used again for the next. */
struct lgb_tree {
    struct vec flags, left, right, feature, threshold, value, leaf_id, cover;
    struct vec set_start, set_words, boundaries, words, used;
    struct vec linear_const, linear_start, linear_feature, linear_coef, counts, gain;
};

/* ---- lightgbm_text.c --------------------------------------------------------------------- */

/* MDL_ERR_FORMAT at a place in the file; names the tree that is being read. */
mdl_status mdl_lgb_fail(const struct lgb *g, const unsigned char *at, const char *format, ...)
    MDL_PRINTF(3, 4);
mdl_status mdl_lgb_memory(const struct lgb *g);

/* `count` zeroed elements at the beginning of a vec that is used again; or NULL. */
void *mdl_lgb_room(const struct lgb *g, struct vec *v, uint64_t count, size_t bytes);

/* The next line, passed over; 0 at the end of the file. */
int mdl_lgb_line(struct bytes *in, struct span *line);
int mdl_lgb_starts(struct span s, const char *with);
int mdl_lgb_is(struct span s, const char *text);

/* Does the line end the fields of the header, or the trees? */
int mdl_lgb_is_tree(struct span line);
int mdl_lgb_is_end(struct span line);

/* Lines `name=value` into value[i] for each of the `n` names, up to a tree, the end of the
 * trees or, inside a tree, a blank line.  Unknown names are parts that cannot be run. */
mdl_status mdl_lgb_fields(struct lgb *g, const char *const *names, size_t n, struct span *value);

/* The next word before `separator`, passed over; empty words are skipped.  0: no more. */
int mdl_lgb_word(struct span *s, char separator, struct span *word);

/* One integer in [least, most]; `name` for errors.  `s` must be there. */
mdl_status mdl_lgb_int(const struct lgb *g, struct span s, const char *name, int64_t least,
                       int64_t most, int64_t *out);

/* Exactly `n` numbers. */
mdl_status mdl_lgb_doubles(const struct lgb *g, struct span s, const char *name, size_t n,
                           double *out);
mdl_status mdl_lgb_ints(const struct lgb *g, struct span s, const char *name, size_t n,
                        int64_t least, int64_t most, int32_t *out);
mdl_status mdl_lgb_words(const struct lgb *g, struct span s, const char *name, size_t n,
                         uint32_t *out);

/* ---- the parts of a file, in their order ------------------------------------------------- */

mdl_status mdl_lgb_head(struct lgb *g);
mdl_status mdl_lgb_tree(struct lgb *g, struct lgb_tree *t, int wanted);
void mdl_lgb_tree_free(const struct lgb *g, struct lgb_tree *t);
mdl_status mdl_lgb_tail(struct lgb *g);
mdl_status mdl_lgb_columns(struct lgb *g);       /* names and kinds      */
mdl_status mdl_lgb_categories(struct lgb *g);    /* pandas_categorical   */

#endif
