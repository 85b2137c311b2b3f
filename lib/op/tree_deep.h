/*
 * op/tree_deep.h - walks by keys
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_DEEP_H
#define MDL_OP_TREE_DEEP_H

#include "op/tree_walk.h"

/* Lay the trees out and fill plan->deep, if they can be walked so; `place` and `list` have room
 * for the nodes of the largest tree. */
mdl_status mdl_trees_deepen(struct node *n, const struct value *x, uint32_t *place, uint32_t *list,
                            struct arena *temp, struct arena *a, mdl_error *err);

/* For tree_engine.h. */
double mdl_trees_deep_cost(const struct trees_plan *p, const struct kernels *k, size_t rows);
void mdl_trees_run_deep(const struct tree_walk *w);

#endif
