/*
 * op/tree_engine.h - the ways through an ensemble, and what each costs
 *
 * All give the same bits.  docs/engines.md says how they work.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_ENGINE_H
#define MDL_OP_TREE_ENGINE_H

#include "op/tree_walk.h"

extern const struct op mdl_op_trees;

struct trees_engine {
    const char *name;
    /* About how many nanoseconds a row when a block has `rows` of them; 0: it cannot. */
    double (*cost)(const struct trees_plan *p, const struct kernels *k, size_t rows);
    /* All rows of the block. */
    void (*run)(const struct tree_walk *w);
    int by_blocks;                /* rows side by side: columns of block ranks come first in temp */
};

#define STOP_ROWS 2048u           /* of a block of rows that stop early (tree_part.c), at most */

/* Are trees of blocks to look at rows themselves, not at ranks and codes alone? */
static inline int mdl_trees_reads_x(const struct node *n)
{
    return ((const struct trees_plan *)n->plan)->n_plain || n->tensors[TREES_LINEAR_CONST].type;
}

/* The i-th engine, NULL after the last; the one of a name, NULL if there is none. */
const struct trees_engine *mdl_trees_engine_at(size_t i);
const struct trees_engine *mdl_trees_engine_named(const char *name);

/* The one that costs least. */
const struct trees_engine *mdl_trees_cheapest(const struct trees_plan *p, const struct kernels *k,
                                              size_t rows);

/* The one chosen for blocks of that many rows. */
const struct trees_engine *mdl_trees_engine_for(const struct trees_plan *p, size_t rows);

/* Which engine each size of block gets, once the kernels are known; `name` NULL: the cheapest. */
void mdl_trees_choose(struct trees_plan *p, const struct kernels *k, const char *name);

#endif
