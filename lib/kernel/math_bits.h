/*
 * kernel/math_bits.h - doubles and floats as bits, and in two parts
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

static inline float float_from_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t float_bits(float x)
{
    uint32_t bits;

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

/* a * b + c in one rounding.  The product is exact in double; the sum is rounded to odd, so that
 * rounding it to float32 is the only rounding that shows (Boldo and Melquiond, "Emulation of a
 * FMA and correctly rounded sums", 2008). */
static inline float fused_f32(float a, float b, float c)
{
#ifdef FP_FAST_FMAF
    return __builtin_fmaf(a, b, c);
#else
    const double p = (double)a * (double)b, q = (double)c, sum = p + q;
    const double back = sum - p, error = (p - (sum - back)) + (q - back);
    const uint64_t bits = double_bits(sum);

    if (error != 0 && !(bits & 1) && sum - sum == 0)     /* inexact, even, finite */
        return (float)double_from_bits(bits + ((error > 0) == (sum > 0) ? 1 : (uint64_t)-1));
    return (float)sum;
#endif
}

#endif
