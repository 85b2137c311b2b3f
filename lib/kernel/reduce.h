/*
 * kernel/reduce.h - many numbers to one: which ways there are, and what one step of each is
 *
 * In double whatever the type of the numbers, in the eight lanes of kernel.h: lane j takes
 * the numbers j, j + 8, ... in turn; then ((0 4) (2 6)) ((1 5) (3 7)).  An empty set gives
 * what the lanes begin with.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_REDUCE_H
#define MDL_KERNEL_REDUCE_H

#include "kernel/math.h"

#include <math.h>                 /* INFINITY */
#include <stddef.h>
#include <stdint.h>

enum {
    REDUCE_SUM,
    REDUCE_SIZES,                 /* sum of |x|                                       */
    REDUCE_SQUARES,               /* sum of (x - about)^2                             */
    REDUCE_POWERS,                /* sum of e^(x - about)                             */
    REDUCE_PRODUCT,
    REDUCE_MAX, REDUCE_MIN        /* NaN if any is NaN                                */
};

#define REDUCE_COLUMNS 64u        /* columns that are reduced at a time               */

static inline double reduce_begin(uint32_t how)
{
    return how == REDUCE_MAX ? -(double)INFINITY : how == REDUCE_MIN ? (double)INFINITY
                                                     : how == REDUCE_PRODUCT;
}

/* Two lanes, or the results of two sets. */
static inline double reduce_two(uint32_t how, double a, double b)
{
    switch (how) {
    case REDUCE_PRODUCT: return a * b;
    case REDUCE_MAX: return b != b ? b : b > a ? b : a;
    case REDUCE_MIN: return b != b ? b : b < a ? b : a;
    default: return a + b;
    }
}

/* A lane and one number more. */
static inline double reduce_one(uint32_t how, double lane, double x, double about)
{
    switch (how) {
    case REDUCE_SIZES: return lane + (x > -x ? x : -x);
    case REDUCE_SQUARES: return lane + (x - about) * (x - about);
    case REDUCE_POWERS: return lane + mdl_exp(x - about);
    default: return reduce_two(how, lane, x);
    }
}

static inline double reduce_lanes(uint32_t how, const double *lane, size_t step)
{
    const double a = reduce_two(how, reduce_two(how, lane[0], lane[4 * step]),
                                reduce_two(how, lane[2 * step], lane[6 * step]));
    const double b = reduce_two(how, reduce_two(how, lane[1 * step], lane[5 * step]),
                                reduce_two(how, lane[3 * step], lane[7 * step]));

    return reduce_two(how, a, b);
}

#endif
