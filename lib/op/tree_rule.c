/*
 * op/tree_rule.c - every source's rule as "x >= t goes right, NaN to a fixed side"
 *
 * Exactly:
 *
 *   x <= t                   is  x < the next number above t
 *   thresholds wider than x  are rounded so that no value of x changes sides
 *   |x| <= tiny read as 0    moves thresholds within [-tiny, tiny] to its ends
 *   NaN read as 0            is a fixed side, that of 0
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <math.h>              /* INFINITY, NAN: constants only */
#include <string.h>

/* The next double above t; +inf stays. */
static double next_up(double t)
{
    uint64_t bits;

    if (t != t || t == (double)INFINITY)
        return t;
    t += 0.0;                    /* -0 becomes +0 */
    memcpy(&bits, &t, sizeof bits);
    bits += t >= 0 ? 1 : (uint64_t)-1;
    memcpy(&t, &bits, sizeof t);
    return t;
}

/* The smallest float not below t: for floats x, x >= t means x >= ceil_float(t). */
float mdl_ceil_float(double t)
{
    float f = (float)t;          /* to nearest; beyond the largest float: infinity */
    uint32_t bits;

    if ((double)f >= t)
        return f;
    memcpy(&bits, &f, sizeof bits);
    if (f == 0)
        bits = 1;                /* smallest positive */
    else
        bits += f > 0 ? 1 : (uint32_t)-1;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* A node's rule as "x >= *t goes right".  `always_left` when no number goes right. */
static double right_from(const struct trees_params *p, double threshold, int *always_left)
{
    double t = threshold;

    *always_left = 0;
    if (p->compare) {            /* x <= t left, so x > t right */
        *always_left = t == (double)INFINITY;
        t = next_up(t);
    }
    if (p->clip_zero && t > -TREES_TINY && t <= TREES_TINY)
        t = t <= 0 ? -TREES_TINY : next_up(TREES_TINY);
    return t;
}

static int nan_goes_right(uint8_t flags, double t)
{
    switch (flags & NODE_MISSING) {
    case NODE_NAN_DEFAULT: return !(flags & NODE_DEFAULT_LEFT);
    case NODE_NAN_ZERO: return 0.0 >= t;
    default: return 1;
    }
}

struct tree_rule mdl_trees_rule_of(const struct trees_params *p, uint32_t x_type, double threshold,
                                   uint8_t flags)
{
    int always_left;
    double t = right_from(p, threshold, &always_left);
    const int nan_right = nan_goes_right(flags, always_left ? (double)INFINITY : t);

    if (x_type == MDL_F32)
        t = (double)mdl_ceil_float(t);
    return (struct tree_rule){ always_left ? (double)NAN : t, nan_right };
}

struct tree_rule mdl_trees_rule(const struct node *n, uint32_t x_type, uint32_t i)
{
    const struct trees_plan *p = n->plan;

    return mdl_trees_rule_of(n->params, x_type, mdl_tree_threshold(p, i),
                             (uint8_t)mdl_tree_flags(p, i));
}
