/*
 * kernel/half.h - numbers of 16 bits and fewer
 *
 * A small float is a sign, an exponent and a mantissa in the low bits of a word:
 *
 *              exponent mantissa bias   largest   infinity  NaN
 *     half         5       10     15     65504     0x7c00   0x7e00   IEEE binary16
 *     bf16         8        7    127    3.4e38     0x7f80   0x7fc0   the upper half of a float
 *     e4m3fn       4        3      7       448     none     0x7f
 *     e4m3fnuz     4        3      8       240     none     0x80     no -0
 *     e5m2         5        2     15     57344     0x7c     0x7e
 *     e5m2fnuz     5        2     16     57344     none     0x80     no -0
 *     e2m1         2        1      1         6     none     none     4 bits; NaN becomes -0
 *     e8m0         8        0    127    2^127      none     0xff     no sign, no 0: a power of two
 *
 * Decoding is exact; encoding rounds once, to nearest even.  e8m0 takes the nearest power
 * of two by exponent (ties up).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_HALF_H
#define MDL_KERNEL_HALF_H

#include "kernel/math_bits.h"

#include <stdint.h>

enum small_kind {
    SMALL_HALF, SMALL_BF16, SMALL_E4M3FN, SMALL_E4M3FNUZ, SMALL_E5M2, SMALL_E5M2FNUZ, SMALL_E8M0,
    SMALL_E2M1
};

float mdl_small_decode(enum small_kind kind, uint32_t code);
/* What overflows is infinite, or NaN where there is no infinity; with `saturate` it is the
 * largest number, infinity included.  e2m1 always saturates. */
uint32_t mdl_small_encode(enum small_kind kind, double x, int saturate);

/* e8m0: 2^floor(log2 x), 2^ceil, or the nearer of both (ties up); of negative numbers NaN, and
 * without `saturate` of those out of range too. */
enum { E8M0_DOWN, E8M0_UP, E8M0_NEAREST };
uint32_t mdl_e8m0_encode(double x, int way, int saturate);

static inline float half_to_float(uint16_t code)
{
    const uint32_t sign = (code & 0x8000u) << 16, rest = code & 0x7fffu;

    if (rest < 0x400)             /* multiples of 2^-24 */
        return float_from_bits(float_bits((float)rest * 0x1p-24f) | sign);
    return float_from_bits(((rest << 13) + (rest < 0x7c00 ? 0x38000000u : 0x70000000u)) | sign);
}

static inline uint16_t half_from_float(float x)
{
    const uint32_t bits = float_bits(x), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;

    if (rest > 0x7f800000)        /* NaN: quiet, as much of it as there is room for */
        return (uint16_t)(sign | 0x7e00u | (rest >> 13 & 0x3ffu));
    if (rest >= 0x477ff000)       /* 65520 */
        return (uint16_t)(sign | 0x7c00u);
    if (rest < 0x38800000)        /* 2^-14: a sum with 0.5 has units of 2^-24 */
        return (uint16_t)(sign | (float_bits(float_from_bits(rest) + 0.5f) - 0x3f000000u));
    return (uint16_t)(sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1)) >> 13);
}

static inline float bf16_to_float(uint16_t code)
{
    return float_from_bits((uint32_t)code << 16);
}

static inline uint16_t bf16_from_float(float x)
{
    const uint32_t bits = float_bits(x);

    if ((bits & 0x7fffffffu) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

#endif
