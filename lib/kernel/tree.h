/*
 * kernel/tree.h - nodes as the walk kernels read them
 *
 * Children of a node are neighbours: node `child` is left, `child + 1` right.  A
 * leaf is its own left child and sends everything left, so that a walk may go on
 * past the end of its tree: lanes of one block take equally many steps, and no step
 * has a branch.
 *
 *     x >= t               right
 *     x is NaN             right if TREE_NAN_RIGHT is set, else left
 *     else                 left
 *
 * op/tree_plan.c brings every source's rule into this form (x <= t is x < the next
 * number above t).  A leaf has a NaN threshold, no TREE_NAN_RIGHT and feature 0: no
 * comparison with it is true.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_TREE_H
#define MDL_KERNEL_TREE_H

#include <stdint.h>

#define TREE_NAN_RIGHT 0x80000000u

struct tree_node32 {
    float    threshold;
    uint32_t feature;             /* column, or'ed with TREE_NAN_RIGHT */
    uint32_t child;
};

struct tree_node64 {
    double   threshold;
    uint32_t feature;
    uint32_t child;
};

#endif
