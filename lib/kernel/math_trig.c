/*
 * kernel/math_trig.c - sin, cos, tan and their inverses; see math.h
 *
 * An angle is n quarter turns and a rest r of at most an eighth, kept in two parts.  Below
 * 2^20 quarter turns, pi/2 is subtracted in three parts of which the products with n are exact.
 * Beyond that (Payne and Hanek) the 53 bits of the angle are multiplied with those bits of
 * 2/pi that matter: higher ones give whole turns, lower ones nothing that can be seen.
 *
 * sin and cos of r are Taylor series; atan is one around the nearest sixteenth.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "kernel/math.h"
#include "kernel/math_bits.h"

#include <math.h>              /* NAN, INFINITY: constants only */

#define PI_2_HIGH   0x1.921fb54400000p+0    /* pi / 2: 33 bits, 33 bits, the rest */
#define PI_2_MIDDLE 0x1.0b4611a600000p-34
#define PI_2_LOW    0x1.3198a2e037073p-69
#define PI_2        0x1.921fb54442d18p+0
#define PI_2_REST   0x1.1a62633145c07p-54

/* 2 / pi: bits after the point, the first word's first. */
static const uint32_t two_over_pi[40] = {
    0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu,
    0xdebbc561u, 0xb7246e3au, 0x424dd2e0u, 0x06492eeau, 0x09d1921cu, 0xfe1deb1cu, 0xb129a73eu,
    0xe88235f5u, 0x2ebb4484u, 0xe99c7026u, 0xb45f7e41u, 0x3991d639u, 0x835339f4u, 0x9c845f8bu,
    0xbdf9283bu, 0x1ff897ffu, 0xde05980fu, 0xef2f118bu, 0x5a0a6d1fu, 0x6d367ecfu, 0x27cb09b7u,
    0x4f463f66u, 0x9e5fea2du, 0x7527bac7u, 0xebe5f17bu, 0x3d0739f7u, 0x8a5292eau, 0x6bfb5fb1u,
    0x1f8d5d08u, 0x56033046u, 0xfc7b6babu, 0xf0cfbc20u, 0x9af4361du,
};

#define WORDS 7u                  /* of 2/pi that are looked at: 224 bits */

/* 64 bits of a number of WORDS + 2 words, lowest word first, from bit `at` on. */
static uint64_t bits_at(const uint32_t *number, uint32_t at)
{
    const uint32_t *w = number + at / 32, shift = at % 32;
    const uint64_t low = (uint64_t)w[1] << 32 | w[0];

    return shift ? low >> shift | (uint64_t)w[2] << (64 - shift) : low;
}

/* Rest of |x| >= 2^20: r[0] + r[1]; returns the quarter turns mod 4. */
static unsigned reduce_large(double x, double *r)
{
    const uint64_t bits = double_bits(x), m = (bits & 0xFFFFFFFFFFFFFull) | 0x10000000000000ull;
    const int e = (int)(bits >> 52 & 0x7ff) - 1075;       /* |x| = m 2^e */
    const uint32_t first = e >= 2 ? (uint32_t)(e - 2) / 32 : 0;
    const uint32_t point = (uint32_t)(32 * ((int)first + 1) - e) + 32 * (WORDS - 1);
    uint32_t number[WORDS + 4] = { 0 };
    uint64_t carry = 0;

    for (uint32_t i = 0; i < WORDS; i++) {        /* times the low word of m, then the high one */
        carry += (m & UINT32_MAX) * two_over_pi[first + WORDS - 1 - i];
        number[i] = (uint32_t)carry;
        carry >>= 32;
    }
    number[WORDS] = (uint32_t)carry;
    carry = 0;
    for (uint32_t i = 0; i < WORDS; i++) {
        carry += (m >> 32) * two_over_pi[first + WORDS - 1 - i] + number[i + 1];
        number[i + 1] = (uint32_t)carry;
        carry >>= 32;
    }
    number[WORDS + 1] = (uint32_t)carry;

    const unsigned turns = (unsigned)bits_at(number, point) & 3;
    uint64_t high = bits_at(number, point - 64), low = bits_at(number, point - 128);
    const int beyond = (int)(high >> 63);        /* more than half: from the next one back */
    if (beyond) {
        low = ~low + 1;
        high = ~high + (low == 0);
    }
    const double part = (double)(high >> 32) * 0x1p-32
                      + ((double)(high & UINT32_MAX) * 0x1p-64 + (double)low * 0x1p-128);
    const double rest = ((double)(high >> 32) * 0x1p-32 - part)
                      + ((double)(high & UINT32_MAX) * 0x1p-64 + (double)low * 0x1p-128);
    double lost;
    const double product = two_product(part, PI_2, &lost);
    r[0] = beyond ? -product : product;
    lost += part * PI_2_REST + rest * PI_2;
    r[1] = beyond ? -lost : lost;
    return (turns + (unsigned)beyond) & 3;
}

static unsigned reduce(double x, double *r)
{
    const double size = size_of(x);

    if (size <= PI_2 / 2) {
        r[0] = x;
        r[1] = 0;
        return 0;
    }
    if (size < 0x1p20) {
        const double n = (x * (1 / PI_2) + ROUND_BIAS) - ROUND_BIAS;
        double rest;
        const double high = two_sum(x - n * PI_2_HIGH, -(n * PI_2_MIDDLE), &rest);
        rest -= n * PI_2_LOW;
        r[0] = high + rest;
        r[1] = (high - r[0]) + rest;
        return (unsigned)(int)n & 3;
    }
    const unsigned turns = reduce_large(size, r);
    if (x > 0)
        return turns;
    r[0] = -r[0];
    r[1] = -r[1];
    return -turns & 3;
}

/* Taylor series; the terms left out are below 2^-60. */
static double sin_of(double r, double low)
{
    const double z = r * r;
    const double p = z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880
                   + z * (-1.0 / 39916800 + z * (1.0 / 6227020800.0 + z * (-1.0 / 1307674368000.0
                   + z * (1.0 / 355687428096000.0))))))));

    return r + (r * p + low * (1 - 0.5 * z));
}

static double cos_of(double r, double low)
{
    const double z = r * r, half = 0.5 * z, w = 1 - half;
    const double p = z * z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 + z * (-1.0 / 3628800
                   + z * (1.0 / 479001600 + z * (-1.0 / 87178291200.0
                   + z * (1.0 / 20922789888000.0)))))));

    return w + (((1 - w) - half) + (p - r * low));
}

double mdl_sin(double x)
{
    double r[2];

    if (x - x != 0)               /* NaN or infinite */
        return (double)NAN;
    if (x == 0)
        return x;
    const unsigned turns = reduce(x, r);
    const double y = turns & 1 ? cos_of(r[0], r[1]) : sin_of(r[0], r[1]);
    return turns & 2 ? -y : y;
}

double mdl_cos(double x)
{
    double r[2];

    if (x - x != 0)
        return (double)NAN;
    const unsigned turns = reduce(x, r);
    const double y = turns & 1 ? sin_of(r[0], r[1]) : cos_of(r[0], r[1]);
    return turns == 1 || turns == 2 ? -y : y;
}

double mdl_tan(double x)
{
    double r[2];

    if (x - x != 0)
        return (double)NAN;
    if (x == 0)
        return x;
    const unsigned turns = reduce(x, r);
    const double s = sin_of(r[0], r[1]), c = cos_of(r[0], r[1]);
    return turns & 1 ? -c / s : s / c;
}

/* atan(k / 16): a double, and the rest. */
static const double atans[17][2] = {
    { 0, 0 },
    { 0x1.ff55bb72cfdeap-5, -0x1.c934d86d23f1dp-60 },
    { 0x1.fd5ba9aac2f6ep-4, -0x1.cd37686760c17p-59 },
    { 0x1.7b97b4bce5b02p-3, 0x1.347b0b4f881cap-58 },
    { 0x1.f5b75f92c80ddp-3, 0x1.8ab6e3cf7afbdp-57 },
    { 0x1.362773707ebccp-2, -0x1.963a544b672d8p-57 },
    { 0x1.6f61941e4def1p-2, -0x1.c63aae6f6e918p-56 },
    { 0x1.a64eec3cc23fdp-2, -0x1.24dec1b50b7ffp-56 },
    { 0x1.dac670561bb4fp-2, 0x1.a2b7f222f65e2p-56 },
    { 0x1.0657e94db30d0p-1, -0x1.d5b495f6349e6p-56 },
    { 0x1.1e00babdefeb4p-1, -0x1.928df287a668fp-58 },
    { 0x1.345f01cce37bbp-1, 0x1.1021137c71102p-55 },
    { 0x1.4978fa3269ee1p-1, 0x1.2419a87f2a458p-56 },
    { 0x1.5d58987169b18p-1, 0x1.0028e4bc5e7cap-57 },
    { 0x1.700a7c5784634p-1, -0x1.8c34d25aadef6p-56 },
    { 0x1.819d0b7158a4dp-1, -0x1.bf76229d3b917p-56 },
    { 0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55 },
};

/* Of 0 <= x <= 1, in two parts. */
static double atan_parts(double x, double *low)
{
    const int k = (int)(x * 16 + 0.5);
    const double c = k / 16.0, t = (x - c) / (1 + x * c), z = t * t;
    const double tail = t * z * (-1.0 / 3 + z * (1.0 / 5 + z * (-1.0 / 7 + z * (1.0 / 9
                      + z * (-1.0 / 11)))));
    const double high = atans[k][0] + t;

    *low = (atans[k][0] - high) + t + (tail + atans[k][1]);
    return high;
}

double mdl_atan(double x)
{
    const double size = size_of(x);
    double low, y;

    if (x != x || x == 0)
        return x;
    if (size <= 1) {
        y = atan_parts(size, &low);
        return with_sign(y + low, x);
    }
    y = atan_parts(1 / size, &low);
    return with_sign(PI_2 - (y + (low - PI_2_REST)), x);
}

double mdl_asin(double x)
{
    const double size = size_of(x);

    if (!(size <= 1))
        return (double)NAN;
    if (size < 0x1p-27)
        return x;
    return with_sign(size == 1 ? PI_2 : mdl_atan(size / mdl_sqrt((1 - size) * (1 + size))), x);
}

double mdl_acos(double x)
{
    if (!(size_of(x) <= 1))
        return (double)NAN;
    return x == -1 ? 2 * PI_2 : 2 * mdl_atan(mdl_sqrt((1 - x) / (1 + x)));
}
