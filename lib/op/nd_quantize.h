/*
 * op/nd_quantize.h - which scale and zero point a number has
 *
 *     one for all        scale of one number
 *     one for an axis    scale [n], n the length of the axis
 *     one for a block    scale of x's shape but for the axis, of which ceil(n / block)
 *
 * x is seen as [outer][n][inner] around the axis.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_QUANTIZE_H
#define MDL_OP_ND_QUANTIZE_H

#include "op/nd.h"

struct quant {
    uint64_t n, inner, block;     /* block 0: one for the axis or for all             */
    uint64_t blocks;              /* of scales along the axis                         */
    int      single;
};

/* MDL_ERR_DATA unless scale and, if given, zero point fit x. */
mdl_status mdl_nd_quant(struct quant *q, const struct nd *x, const struct nd *scale,
                        const struct nd *zero, int64_t axis, int64_t block, mdl_error *err);

/* Where the scale of number i of x lies. */
static inline uint64_t quant_at(const struct quant *q, uint64_t i)
{
    const uint64_t place = i / q->inner % q->n;

    if (!q->block)
        return place;
    return (i / q->inner / q->n * q->blocks + place / q->block) * q->inner + i % q->inner;
}

/* Numbers from i on that have the same scale: at least 1. */
static inline uint64_t quant_run(const struct quant *q, uint64_t i)
{
    if (q->inner > 1)
        return q->block ? 1 : q->inner - i % q->inner;
    if (!q->block)
        return 1;
    const uint64_t place = i % q->n, end = (place / q->block + 1) * q->block;
    return (end < q->n ? end : q->n) - place;
}

#endif
