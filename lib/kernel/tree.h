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
    const float    *f32;          /* thresholds for rows of floats                      */
    const double   *f64;          /* and of doubles; NULL: rows are floats              */
    uint32_t        cols;         /* of x                                               */
    const float    *search;       /* those of floats once more, as trees:               */
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

/* What a node asks: is the rank of the column at least `rank`? */
struct tree_question {
    uint16_t column;
    uint8_t  rank;
    uint8_t  unused;
};

/*
 * What one row is matched against.  Ranks are looked up in registers, TOP_COLUMNS of them at a
 * time, so columns are bytes.
 *
 * The top of a tree: up to 31 of its nodes, those that rows pass most, closed under
 * parents, numbered in order (left subtree, node, right subtree), and up to 32 exits in
 * that order too.  Exit e lies right of exactly those of its ancestors that are numbered
 * below e, so with bit i of `outcomes` set where node i sends the row right, e is the exit
 * when
 *
 *     (outcomes ^ (2^e - 1)) & ancestors[e] == 0
 *
 * Slot 31 is no node and always right; that keeps unused exits from matching.  Exit 31 has no
 * ancestors and always matches: it is taken where no other one does.
 */
#define TOP_NODES   31u
#define TOP_EXITS   32u
#define TOP_COLUMNS 64u           /* ranks that a register can look up                  */
#define TOP_MOST    256u          /* columns that are matched, at most                  */

struct tree_top {
    uint8_t  column[TOP_EXITS];
    uint8_t  rank[TOP_EXITS];
    uint32_t ancestors[TOP_EXITS];
};

/* What exits say: a leaf of the ensemble, or TOP_GOES_ON | tile.  Those of tops lie apart, and
 * are not there if all tops are whole trees: exits are leaves in order then.  For rows side by
 * side, of each node the lowest exit below it: a row that goes right there and stands at that one
 * or above goes to the exit after the node, nodes in order (kernel sift). */
struct tree_exits {
    uint32_t exit[TOP_EXITS];
    uint8_t  lowest[TOP_EXITS];
};

#define TOP_GOES_ON 0x80000000u

/* The same of half the size, two cache lines: what lies below tops, and small trees. */
#define TILE_NODES 15u
#define TILE_EXITS 16u

struct tree_tile {
    uint8_t  column[TILE_EXITS];
    uint8_t  rank[TILE_EXITS];
    uint16_t ancestors[TILE_EXITS];
    uint32_t exit[TILE_EXITS];
};

/*
 * A tree of at most HEAP_LEVELS levels of nodes, whole: the children of node k are 2 k and
 * 2 k + 1, the root is 1.  Leaves higher up become nodes that send every row left.  So a row
 * leaves at one of 64 places, and bit e of `leaves` is set where place e is one of a leaf.
 */
#define HEAP_LEVELS 6u
#define HEAP_NODES  64u

struct tree_heap {
    uint8_t  column[HEAP_NODES];
    uint8_t  rank[HEAP_NODES];
    uint64_t leaves;
};

/*
 * LEVEL_TREES oblivious trees side by side: all nodes of a level ask the same.  A group of
 * trees is `depth` of these, root level first; the outcomes are the bits of the leaf's number,
 * that of the root highest.  Trees less deep begin with levels that are never right.
 */
#define LEVEL_TREES 32u
#define LEVEL_MOST  8u            /* levels: numbers of leaves are bytes                */

struct tree_level {
    uint8_t column[LEVEL_TREES];
    uint8_t rank[LEVEL_TREES];
};

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

/*
 * The same with a bit a row.  A plane is a block of BLOCK_ROWS rows: row 32 i + j is bit i of
 * byte j.  Every condition, "rank of a column >= t", is a plane; a column has those of t = 1 ..
 * thresholds, and one of NaN where only NaN goes right.  A leaf is a slot, a plane too:
 *
 *     slot 0 = all rows; for each fork   right = left & condition;  left = left & ~condition
 *
 * Up to GROUP_TREES trees are parted side by side, a fork of each in turn; their slots lie
 * together, each tree's filled up to eight.  Slots and conditions are the planes of one array;
 * forks name them by their place there, in units of PLANE_UNIT bytes.  The group of even trees
 * has the condition of each level, root first, tree by tree.
 */
struct plane_column {
    uint32_t first;               /* plane                                              */
    uint8_t  thresholds;
    uint8_t  nan;
    uint16_t unused;
};

struct plane_fork {
    uint16_t condition, left, right;
};

struct plane_group {
    uint32_t first, forks;
    uint32_t trees;
    uint16_t leaves[8];           /* of each tree                                       */
};

#define PLANE_BYTES 32u           /* BLOCK_ROWS bits                                    */
#define PLANE_UNIT  8u
#define PLANE_MOST  (65536u * PLANE_UNIT / PLANE_BYTES)
#define PLANE_SLOTS 256u          /* of a group; seven more are written                 */

#define BLOCK_ROWS 256u           /* rows of a block, at most                           */
#define BLOCK_STEP 32u            /* its height is a multiple of                        */
#define BLOCK_HALF 16u            /* or this                                            */
#define FEW_LEAVES 64u            /* whose values are looked up in registers, at most   */
#define GROUP_TREES 8u            /* whose leaves are added together, at most           */

#endif
