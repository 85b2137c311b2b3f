/*
 * kernel/shap.h - a tree as the kernel of Shapley values goes over it
 *
 * The prediction of a tree, where feature i is known with probability p_i and else left to the
 * training rows, is a polynomial F(p): at a node whose left child had the share z of the rows, a
 * row goes left with factor f = z (1 - p) + o p, o being 1 if it does, and right with 1 - f.  The
 * value of i is the integral of dF/dp_i along p_1 = p_2 = ... = t, of a degree below the number of
 * features on a path; as many Gauss-Legendre points as half of that give it exactly.
 *
 * A feature that is asked again on a path, when it had the product zo of shares so far, has
 *
 *     f = (zo z (1 - t) + o t) / (zo (1 - t) + t)      df/dp = (o - z) zo / (zo (1 - t) + t)^2
 *
 * as long as the row has gone the way of the path at all of its nodes, else f = z and df/dp = 0.
 * Still f of the right child is 1 - f of the left.  So with A the product of factors from the
 * root, times the weight of the point, and G what a subtree is worth,
 *
 *     A(left) = A f       G = G(right) + f (G(left) - G(right))
 *     A(right) = A - A f  value of the feature += A df/dp (G(left) - G(right))
 *
 * Rows are lanes; each level has room for each point.  Of a row alone points are lanes, and factors
 * are worked out on the way: that is less work than to fetch them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_SHAP_H
#define MDL_KERNEL_SHAP_H

#include "base/compiler.h"

#define SHAP_ROWS  8u             /* rows at a time                                        */
#define SHAP_ALONE 8u             /* points of a row alone at a time                       */
#define SHAP_FRESH UINT32_MAX     /* before: the feature is asked for the first time       */

/* flags */
#define SHAP_NAN_LEFT    1u
#define SHAP_GIVEN       2u       /* `from` is of sides: where rows go                     */
#define SHAP_BEFORE_LEFT 4u       /* the path went left at `before`                        */
#define SHAP_IS_RIGHT    8u       /* it is a right child                                   */
#define SHAP_LEAVES     16u       /* both children are leaves                              */

/* Numbered as they are entered, left children first. */
struct shap_node {
    double   threshold;           /* x >= threshold goes right, NaN too; 0 if given        */
    double   share;               /* z                                                     */
    double   old;                 /* zo; 1 if the feature is asked for the first time      */
    uint32_t slot;                /* column of phi                                         */
    uint32_t from;                /* and of x, or row of sides                             */
    uint32_t level;               /* nodes above it                                        */
    uint32_t child[2];            /* left and right: a leaf's number, or n_leaves + a node's */
    uint32_t table;               /* f of rows that go left, and right [points] each; if   */
                                  /* asked again df/dp / (o - z) [points] behind them      */
    uint32_t before;              /* level at which the feature was asked                  */
    uint32_t flags;
};

/* Steps: a node's number times 4 and what is done there. */
#define SHAP_ENTER  0u            /* rows go somewhere; the first child that is a node next */
#define SHAP_ACROSS 1u            /* the left child is done, the right one next            */
#define SHAP_LEAVE  2u            /* its children are done                                 */
#define SHAP_BOTTOM 3u            /* enter and leave: both are leaves                      */

struct shap_tree {
    const struct shap_node *nodes;
    const uint32_t *steps;
    const double   *table, *leaf;
    const double   *weight;       /* [points] of the points                                */
    uint32_t n_steps, points, n_leaves;
    /* Of a row alone: nodes as they are left; the points; a column, or SHAP_FRESH, that is known or
     * not, whose own value is of no account. */
    uint32_t n_splits, levels, fixed, known;
    const uint32_t *order;
    const double   *point;
};

/* Doubles of working memory for `levels` levels of nodes. */
static inline uint64_t shap_level(uint64_t points) { return (1 + 3 * points) * SHAP_ROWS; }

/*
 * Of a row alone:
 *
 *     t     [2][wide]                points, and as many zeros
 *     rest  [wide]                   1 - t
 *     live  [wide]                   1, 0 behind the last point
 *     adds  [wide]                   what each point adds to the sum of a node
 *     f     [splits][wide]           factors
 *     g     [leaves + splits][wide]  A times the slope, which becomes G
 *     a     [1 + levels][2][wide]    A of a left and a right child at the level
 *     step  [splits]                 o - z
 *     sum   [splits]                 of the points so far
 *     way   [levels]                 0 left, 1 right, 2 the row has left the path
 */
struct shap_memory { double *t, *rest, *live, *adds, *f, *g, *a, *step, *sum; unsigned char *way; };

static inline uint64_t shap_alone(uint64_t splits, uint64_t levels)
{
    return SHAP_ALONE * (3 * splits + 2 * levels + 8) + 2 * splits + levels / 8 + 1;
}

#endif
