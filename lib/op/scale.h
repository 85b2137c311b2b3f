/*
 * op/scale.h - parameters of scale.c, which explanations look at
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_SCALE_H
#define MDL_OP_SCALE_H

#include <stdint.h>

struct scale_params {
    double  low, high;
    int64_t first;                /* add is part of the first iteration */
};

#endif
