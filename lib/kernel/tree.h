/*
 * kernel/tree.h - ensembles as the kernels see them: ranks, steps, descents
 *
 * A trained feature has few distinct thresholds.  So a cell is first replaced by its
 * rank among them, which is exact, and every comparison of the ensemble becomes one of
 * small integers.  op/tree_rule.c brings every source's rule into the one form
 *
 *     x >= t goes right, anything else left, and NaN to a fixed side
 *
 * and nodes of one feature that disagree about NaN look at two different columns.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_TREE_H
#define MDL_KERNEL_TREE_H

#include <stdint.h>

/*
 * The columns of ranks.  rank(x) is the number of thresholds t of the column with
 * x >= t; of NaN it is 0, or RANK_NAN in a column where NaN goes right.
 *
 * Thresholds lie in blocks of RANK_BLOCK, ascending, the last block filled up with NaN,
 * which no x reaches.  A column of several blocks begins with a block of pivots: the last
 * threshold of each of its blocks but the last, then NaN.  So as many pivots as x reaches,
 * as many whole blocks it has passed, and two blocks are enough to look at:
 *
 *     one block       t0 t1 t2 NaN ...
 *     several         t15 t31 NaN ... | t0 .. t15 | t16 .. t31 | t32 .. NaN
 */
struct rank_table {
    uint32_t        n_columns;
    const uint32_t *feature;      /* [n_columns] column of x                            */
    const uint32_t *start;        /* [n_columns + 1] block, pivots included             */
    const uint8_t  *nan_right;    /* [n_columns]                                        */
    const void     *thresholds;   /* float or double as x is                            */
    uint32_t        cols;         /* of x                                               */
    const float    *search;       /* thresholds once more, as trees, if x is float:     */
    const uint32_t *search_start; /* [n_columns] where the tree of a column begins      */
    const uint8_t  *levels;       /* [n_columns] 0, or 3 to 8: 2^levels - 1 thresholds  */
};

/*
 * A search tree of thresholds: the middle one at 1, those below and above the one at i at 2i
 * and 2i + 1; what is missing is NaN.  Whoever starts at 1 and goes to 2i + (x >= tree[i])
 * arrives after all levels at 2^levels + rank(x).  One without thresholds takes eight floats
 * too.
 *
 * Ranks of a block of rows have their highest bit flipped: compares are signed.
 */

#define RANK_NAN   255u
#define RANK_MOST  254u           /* thresholds of one column, at most                  */
#define RANK_BLOCK 16u            /* RANK_MOST of them are 16 blocks: one of pivots     */

/*
 * A step of a walk: to `child`, or to `child + 1` if the column's rank is at least
 * `rank`.  A leaf is its own child and looks at a column without thresholds, so that
 * walks of different depth may take equally many steps.
 */
struct tree_step {
    uint32_t child;
    uint16_t column;
    uint8_t  rank;
    uint8_t  unused;
};

/*
 * The top of a tree: up to 31 of its nodes, those that rows pass most, closed under
 * parents, numbered in order (left subtree, node, right subtree), and up to 32 exits in
 * that order too.  Exit e lies right of exactly those of its ancestors that are numbered
 * below e, so with bit i of `outcomes` set where node i sends the row right, e is the exit
 * when
 *
 *     (outcomes ^ (2^e - 1)) & ancestors[e] == 0
 *
 * Slot 31 is no node and always right; that keeps unused exits from matching.
 */
#define TOP_NODES   31u
#define TOP_EXITS   32u
#define TOP_COLUMNS 64u           /* ranks that a register can look up                  */

struct tree_top {
    uint8_t  column[TOP_EXITS];
    uint8_t  rank[TOP_EXITS];
    uint32_t ancestors[TOP_EXITS];
    uint32_t exit[TOP_EXITS];     /* a leaf of the ensemble, or TOP_GOES_ON | step      */
};

#define TOP_GOES_ON 0x80000000u

/*
 * A node of a descent, for trees of at most 256 leaves numbered from left to right: rows that
 * stand at `left`, the leftmost leaf of the node's subtree, and whose rank is above `below`,
 * move to the leftmost leaf of its right subtree, left ^ move.  Nodes in pre-order.
 *
 * A tree whose levels ask one question each is even: a fork a level, `move` its bit.
 */
struct tree_fork {
    uint16_t column;
    uint8_t  below;               /* rank - 1, its highest bit flipped                  */
    uint8_t  left;
    uint8_t  move;
    uint8_t  unused;
};

#define BLOCK_ROWS 256u           /* rows of a block, at most                           */
#define BLOCK_STEP 32u            /* its height is a multiple of                        */
#define GROUP_TREES 8u            /* whose leaves are added together, at most           */

#endif
