/*
 * kernel/math_bits.h - doubles as bits, and in two parts
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_MATH_BITS_H
#define MDL_KERNEL_MATH_BITS_H

#include <stdint.h>
#include <string.h>

static inline double double_from_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t double_bits(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* |x|; |x| with the sign of s */
static inline double size_of(double x)
{
    return double_from_bits(double_bits(x) & INT64_MAX);
}

static inline double with_sign(double x, double s)
{
    return double_from_bits((double_bits(x) & INT64_MAX) | (double_bits(s) & ~(uint64_t)INT64_MAX));
}

/* a + b = returned + *rest exactly (Knuth); a * b (Dekker), while a and b are below 2^990 */
static inline double two_sum(double a, double b, double *rest)
{
    const double sum = a + b, late = sum - a;

    *rest = (a - (sum - late)) + (b - late);
    return sum;
}

static inline double two_product(double a, double b, double *rest)
{
    const double p = a * b, ca = a * 0x1.0000002p27, cb = b * 0x1.0000002p27;
    const double ah = ca - (ca - a), al = a - ah, bh = cb - (cb - b), bl = b - bh;

    *rest = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    return p;
}

#endif
