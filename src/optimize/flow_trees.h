/*
 * optimize/flow_trees.h - ensembles of trees as other formats have them, onto operator "trees"
 *
 * A node asks one of seven questions of a feature and goes to `yes` or `no`.  The operator asks
 * two (x < t or x <= t, one of them in the whole ensemble) and sets of categories; this file
 * rewrites the others so that every x, NaN and infinities too, ends at the same leaf:
 *
 *     x > t    is  not x <= t, children swapped        x >= t   is  not x < t
 *     x < t    among others  is  x <= the double below t
 *     x == t, x != t, x in a set:  by position among the values asked for (operator
 *              "positions"), which are categories
 *
 * Leaves say something of any number of targets; sums are made in the order of the trees.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OPTIMIZE_FLOW_TREES_H
#define MDL_OPTIMIZE_FLOW_TREES_H

#include "optimize/flow.h"

enum flow_question { FLOW_LEAF, FLOW_LE, FLOW_LT, FLOW_GE, FLOW_GT, FLOW_EQ, FLOW_NE, FLOW_MEMBER };

struct flow_tree_node {
    uint32_t ask;
    uint32_t missing_yes;         /* NaN goes to `yes`; else as the comparison says (only x != t
                                   * is true of it)                                         */
    uint32_t feature;
    uint32_t yes, no;             /* nodes; of a leaf: its entries are yes .. no - 1        */
    uint32_t set, set_end;        /* FLOW_MEMBER: members set .. set_end - 1                */
    double   value;
};

struct flow_leaf_entry {
    uint32_t target;
    double   value;
};

struct flow_ensemble {
    const struct flow_tree_node  *nodes;
    const struct flow_leaf_entry *entries;
    const double   *members;
    const uint32_t *roots;        /* [n_trees] nodes                                        */
    uint32_t n_nodes, n_entries, n_members, n_trees;
    uint32_t targets;             /* columns of the sums                                    */
    uint32_t type;                /* of values, sums and thresholds: MDL_F32 or MDL_F64     */
    int      average;             /* sums divided by the number of trees                    */
    int      extreme;             /* 1 the least, 2 the greatest instead of the sum         */
};

/* The ensemble over x, rows of at least as many columns as it asks for: a value of shape
 * [rows, targets].  What is wrong with it goes into *err. */
int32_t mdl_flow_trees(struct flow *f, int32_t x, const char *name, const struct flow_ensemble *e,
                       mdl_error *err);

#endif
