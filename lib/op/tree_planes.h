/*
 * op/tree_planes.h - an ensemble as planes of bits (kernel/tree.h)
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_PLANES_H
#define MDL_OP_TREE_PLANES_H

#include "op/tree.h"

/* Slots first, then the conditions of all columns, then the tests of a group's trees. */
struct trees_planes {
    uint32_t n_planes, n_groups;
    uint32_t tests;               /* the first plane of tests                           */
    struct plane_column *columns; /* [ranks.n_columns]                                  */
    const struct plane_fork *forks;
    struct plane_group *groups;   /* in order of positions (tree_fork.c)                */
    uint16_t *leaves;             /* [n_trees] of the tree at a position                */
    int few;                      /* at most FEW_LEAVES, of all                         */
    uint32_t *group_at;           /* [n_trees] 1 + the group that begins at a position  */
};

#define PLANE_ALIGN 64u           /* of the planes of a block: a cache line             */

/* The group that begins at position k, if its trees are all below `end`. */
static inline const struct plane_group *mdl_planes_group(const struct trees_planes *p, uint32_t k,
                                                         uint32_t end)
{
    const struct plane_group *g = p->group_at[k] ? &p->groups[p->group_at[k] - 1] : NULL;

    return g && g->trees <= end - k ? g : NULL;
}

/* plan->planes from its forks, unless there are too many planes. */
mdl_status mdl_trees_plane(struct node *n, const struct rank_builder *b, struct arena *a,
                           mdl_error *err);

#endif
