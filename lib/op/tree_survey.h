/*
 * op/tree_survey.h - what one pass over the nodes of an ensemble finds out
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_SURVEY_H
#define MDL_OP_TREE_SURVEY_H

#include "op/tree.h"

/* While the ensemble is prepared; `temp` is the caller's to free. */
struct survey {
    struct arena temp;
    uint32_t  largest;            /* nodes of the largest tree                                 */
    uint32_t  n_splits;
    uint32_t *splits;             /* [n_splits] nodes that are no leaves, in order; tree t's   */
                                  /* from tree_start[t] - first_leaf[t] on                     */
    uint32_t *left;               /* [n_splits] what op/tree.h calls left                      */
    uint32_t *place, *level;      /* [largest + 2], [largest] scratch                          */
    uint32_t *next;               /* [largest + 2] 1, 2, 3 ...                                 */
    uint64_t *below;              /* [largest / 2 + 1], and one before, of a split: how many   */
                                  /* splits below it, itself included, and << 32 the leaf, of  */
                                  /* all, that is leftmost                                     */
    uint32_t *depth;              /* [largest / 2 + 1], and one before: the level, from 1 on   */
    uint8_t  *busy;               /* [n_splits] 1: more rows go left; NULL: nobody has asked   */
    double   *sum;                /* [largest / 2 + 3] training weights; NULL: there are none  */
    double    half[64];           /* 2^-i                                                      */
};

/* Check all trees; fill the plan's numbering, first_leaf, depth, general, path, in_order and counts, and
 * the splits, which ranks meet. */
mdl_status mdl_trees_survey(const struct node *n, uint64_t cols, struct survey *s,
                            struct rank_builder *b, struct arena *a, mdl_error *err);

#endif
