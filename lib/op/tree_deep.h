/*
 * op/tree_deep.h - walks by keys
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_DEEP_H
#define MDL_OP_TREE_DEEP_H

#include "kernel/deep.h"
#include "op/tree_survey.h"
#include "op/tree_walk.h"

/* What a node makes of cells. */
enum deep_kind {
    KIND_NUMBER, KIND_ZERO_LEFT, KIND_ZERO_RIGHT,
    KIND_SET, KIND_SET_DEFAULT, KIND_SET_ZERO, KIND_SET_ZERO_DEFAULT,
    KINDS
};

struct trees_deep {
    struct deep_table table;
    int       wide;               /* keys of 8 bytes                          */
    uint32_t  n_numbers;          /* columns 1 .. n_numbers are KIND_NUMBER   */
    uint32_t *feature;            /* [columns] of x                           */
    uint8_t  *kind;               /* [columns]                                */
};

/* tree_deep_lay.c: lay the trees out and fill plan->deep, if they can be walked so. */
mdl_status mdl_trees_deepen(struct node *n, const struct value *x, const struct survey *s,
                            struct arena *temp, struct arena *a, mdl_error *err);

/* For tree_engine.h. */
double mdl_trees_deep_cost(const struct trees_plan *p, const struct kernels *k, size_t rows);
void mdl_trees_run_deep(const struct tree_walk *w);

#endif
