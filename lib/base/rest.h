/*
 * base/rest.h - the last of several numbers that add up to nearly 0, by how far it is off
 *
 * It would be  0 - (x0 + x1 + ...), added in that order, but for the rounding of whoever made them: its bits
 * are those of that sum and a few more or less.  0, -1, 1, -2, ... are 0, 1, 2, 3, ..., of which a byte
 * has seven bits, the lowest first; its eighth says that there are more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_REST_H
#define MDL_BASE_REST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bits of what the last of n >= 2 numbers is near to; *known is 0 when that is not finite. */
static inline uint64_t mdl_rest_near(const double *x, size_t n, int *known)
{
    double sum = x[0];
    uint64_t bits;

    for (size_t i = 1; i < n - 1; i++)
        sum += x[i];
    *known = sum - sum == 0;
    sum = 0 - sum;                /* never -0: leaves of zeros are no way off */
    memcpy(&bits, &sum, sizeof bits);
    return bits;
}

/* What is to be written for x[n - 1]; *known as above. */
static inline uint64_t mdl_rest_of(const double *x, size_t n, int *known)
{
    uint64_t bits;

    memcpy(&bits, &x[n - 1], sizeof bits);
    const uint64_t off = bits - mdl_rest_near(x, n, known);
    return off << 1 ^ (0 - (off >> 63));
}

/* x[n - 1] from those before it and the bytes at `at`; returns where the next begin.  NULL: they go on
 * to `end`, or the others do not say what it is near to. */
static inline const uint8_t *mdl_rest_read(double *x, size_t n, const uint8_t *at, const uint8_t *end)
{
    uint64_t off = 0;
    int known;

    for (unsigned shift = 0;; shift += 7) {
        if (at == end || shift > 63)
            return NULL;
        off |= (uint64_t)(*at & 127) << shift;
        if (*at++ < 128)
            break;
    }
    const uint64_t bits = mdl_rest_near(x, n, &known) + (off >> 1 ^ (0 - (off & 1)));
    memcpy(&x[n - 1], &bits, sizeof bits);
    return known ? at : NULL;
}

/* Rows of one number more than `others`, from those and all of their bytes, which begin at *at; returns
 * how many there could be made. */
static inline uint64_t mdl_rest_rows(double *to, const double *from, uint64_t rows, size_t others,
                                     const uint8_t **at, const uint8_t *end)
{
    uint64_t r = 0;

    for (const uint8_t *next; r < rows; r++, to += others + 1, from += others, *at = next) {
        for (size_t i = 0; i < others; i++)
            to[i] = from[i];
        next = mdl_rest_read(to, others + 1, *at, end);
        if (!next)
            break;
    }
    return r;
}

#endif
