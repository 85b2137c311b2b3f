/*
 * op/tree_walk.h - one block of rows on its way through an ensemble
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_WALK_H
#define MDL_OP_TREE_WALK_H

#include "op/tree.h"

/* Through the trees [first, last). */
struct tree_walk {
    const struct node *n;
    const struct trees_plan *p;
    const struct run *r;
    struct view x, sums, ids;     /* sums or ids without data: not wanted */
    struct view kept;             /* where leaves of all trees are kept; without data: nowhere */
    uint32_t x_type;
    uint32_t first, last;
    size_t n_outputs;
    int planes;                   /* blocks of BLOCK_ROWS rows go by planes */
    uint32_t *leaves;             /* [last - first] of one row, instead of sums and ids; NULL: not so */
};

/* tree_row.c: one row by ranks; the rows [at, at + rows), tree_sift.c: at most BLOCK_HALF,
 * tree_block.c: at most BLOCK_ROWS. */
void mdl_trees_run_row(const struct tree_walk *w, size_t r);
void mdl_trees_run_sift(const struct tree_walk *w, size_t at, size_t rows);
void mdl_trees_run_block(const struct tree_walk *w, size_t at, size_t rows);

/* tree_run.c: by the engine that fits. */
void mdl_trees_walk(const struct tree_walk *w);

/* tree_split.c: the trees of few rows, on the threads of r->parallel; no ids. */
void mdl_trees_run_split(const struct tree_walk *w);

/* tree_part.c: the start of the sums or one tree, alone; trees whose leaves are found with those of all
 * that follow, and kept; rows that stop early. */
void mdl_trees_run_part(struct tree_walk *w);
void mdl_trees_run_kept(const struct tree_walk *w);
void mdl_trees_run_stopping(const struct tree_walk *w);

/* tree_sum.c: sums start at the base; leaves are added tree by tree; then averages, at `to`. */
void mdl_trees_sum_begin(const struct tree_walk *w);
void mdl_trees_sum_end(const struct tree_walk *w, struct view to);

/* tree_part.c: sums beside those that are answers: behind what engines need of temp. */
struct view mdl_trees_own_sums(const struct tree_walk *w);

/* Row `r` of the block ended at `leaf` of `tree`. */
void mdl_trees_put_leaf(const struct tree_walk *w, size_t r, uint32_t tree, uint32_t leaf);

/* Row `r` ended at leaf[0 .. n) of the trees from `tree` on. */
void mdl_trees_put_row(const struct tree_walk *w, size_t r, uint32_t tree, uint32_t n,
                       const uint32_t *leaf);

/* Nothing but one value a leaf is to be added. */
int mdl_trees_is_simple(const struct tree_walk *w);

#endif
