/*
 * kernel/math_more.c - roots, powers, hyperbolic functions, erf; see math.h
 *
 * erfc(x) = e^(-x^2) P(t) / (1 + 2 x) with t = (x - 3.75) / (x + 3.75) for x from 0.5 on
 * (M. M. Shepherd and J. G. Laframboise, Math. Comp. 36, 1981); P is a Chebyshev fit of our own
 * over x in [0.5, 28], within 2^-57.  Squares are split so that e^(-x^2) loses nothing.
 *
 * pow: log x in two parts, times y in two parts, and the exponential of that.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "kernel/math.h"
#include "kernel/math_bits.h"

#include <math.h>              /* NAN, INFINITY: constants only */
#if MDL_ARCH_X86
#include <emmintrin.h>
#elif MDL_ARCH_ARM64
#include <arm_neon.h>
#endif

/* ---- roots and rounding ---------------------------------------------------------------------- */

/* Digit by digit, as one does on paper, with 55 bits. */
static double digits(double x)
{
    int e = 0;

    if (x < 0x1p-1000) {          /* denormal, or near */
        x *= 0x1p200;
        e = -100;
    }
    const uint64_t bits = double_bits(x);
    const int exponent = (int)(bits >> 52) - 1023;
    uint64_t left = (bits & 0xFFFFFFFFFFFFFull) | 0x10000000000000ull, root = 0;

    left <<= 1 + (exponent & 1);  /* one or two digits before the point, 53 after it */
    e += (exponent - (exponent & 1)) / 2;
    uint64_t rest = 0;
    left <<= 9;                   /* the first pair of bits to the top */
    for (int i = 0; i < 54; i++) {
        rest = rest << 2 | left >> 62;
        left <<= 2;
        root <<= 1;
        if (rest > 2 * root) {
            rest -= 2 * root + 1;
            root |= 1;
        }
    }
    root = (root + 1) >> 1;       /* never halfway: the square of a half has more bits */
    return (double)root * double_from_bits((uint64_t)(1023 + e - 52) << 52);
}

double mdl_sqrt_by_hand(double x)
{
    if (x == 0 || x != x || x == (double)INFINITY)
        return x;
    return x < 0 ? (double)NAN : digits(x);
}

double mdl_sqrt(double x)
{
#if MDL_ARCH_X86
    const __m128d v = _mm_set_sd(x);

    return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
#elif MDL_ARCH_ARM64
    return vget_lane_f64(vsqrt_f64(vdup_n_f64(x)), 0);
#else
    return mdl_sqrt_by_hand(x);
#endif
}

double mdl_floor(double x)
{
    if (!(size_of(x) < 0x1p52))
        return x;
    const double whole = (double)(int64_t)x;
    return with_sign(whole > x ? whole - 1 : whole, x);
}

double mdl_round_even(double x)
{
    if (!(size_of(x) < 0x1p52))
        return x;
    return with_sign((size_of(x) + 0x1p52) - 0x1p52, x);
}

double mdl_fmod(double x, double y)
{
    double rest = size_of(x);
    const double by = size_of(y);

    if (x != x || y != y || rest == (double)INFINITY || by == 0)
        return (double)NAN;
    if (rest < by)                /* infinite y too */
        return x;
    /* subtract y 2^k for k downwards: exact, since both are multiples of y's last unit */
    while (rest >= by) {
        const uint64_t r = double_bits(rest) >> 52, b = double_bits(by) >> 52;
        double d = by;
        if (b && r > b) {
            d = double_from_bits(double_bits(by) + ((r - b) << 52));
            if (d > rest)
                d *= 0.5;
        } else if (!b) {          /* a denormal: doubled as often as fits */
            while (d <= rest * 0.5)
                d *= 2;
        }
        rest -= d;
    }
    return with_sign(rest, x);
}

/* ---- hyperbolic ------------------------------------------------------------------------------ */

double mdl_sinh(double x)
{
    const double size = size_of(x);

    if (x != x || x == 0)
        return x;
    if (size > 700) {
        const double half = mdl_exp(size * 0.5);
        return with_sign(half * 0.5 * half, x);
    }
    const double e = mdl_expm1(size);
    return with_sign(size > 40 ? e * 0.5 : 0.5 * (e + e / (e + 1)), x);
}

double mdl_cosh(double x)
{
    const double size = size_of(x);

    if (size > 700) {
        const double half = mdl_exp(size * 0.5);
        return half * 0.5 * half;
    }
    if (size < 0.35) {
        const double e = mdl_expm1(size);
        return 1 + e * e / (2 * (1 + e));
    }
    const double e = mdl_exp(size);
    return 0.5 * e + 0.5 / e;
}

double mdl_asinh(double x)
{
    const double size = size_of(x);

    if (x != x || x == 0 || size == (double)INFINITY)
        return x;
    if (size > 0x1p28)
        return with_sign(mdl_log(size) + (LN2_HIGH + LN2_LOW), x);
    const double square = size * size;
    return with_sign(mdl_log1p(size + square / (1 + mdl_sqrt(1 + square))), x);
}

double mdl_acosh(double x)
{
    if (!(x >= 1))
        return (double)NAN;
    if (x > 0x1p28)
        return mdl_log(x) + (LN2_HIGH + LN2_LOW);
    const double t = x - 1;
    return mdl_log1p(t + mdl_sqrt(t * 2 + t * t));
}

double mdl_atanh(double x)
{
    const double size = size_of(x);

    if (x == 0)
        return x;
    if (!(size < 1))
        return size == 1 ? with_sign((double)INFINITY, x) : (double)NAN;
    return with_sign(0.5 * mdl_log1p(2 * size / (1 - size)), x);
}

/* ---- powers ---------------------------------------------------------------------------------- */

/* log(k / 16) from k = 11 on: a double, and the rest. */
static const double logs[13][2] = {
    { -0x1.7fafa3bd8151cp-2, 0x1.219024acd3b77p-58 },
    { -0x1.269621134db92p-2, -0x1.e0efadd9db02bp-56 },
    { -0x1.a93ed3c8ad9e3p-3, -0x1.bcafa9de97203p-57 },
    { -0x1.1178e8227e47cp-3, 0x1.0e63a5f01c691p-58 },
    { -0x1.08598b59e3a07p-4, 0x1.dd7009902bf32p-58 },
    { 0, 0 },
    { 0x1.f0a30c01162a6p-5, 0x1.85f325c5bbacdp-59 },
    { 0x1.e27076e2af2e6p-4, -0x1.61578001e0162p-60 },
    { 0x1.5ff3070a793d4p-3, -0x1.bc60efafc6f6ep-58 },
    { 0x1.c8ff7c79a9a22p-3, -0x1.4f689f8434012p-57 },
    { 0x1.1675cababa60ep-2, 0x1.ce63eab883717p-61 },
    { 0x1.4618bc21c5ec2p-2, 0x1.f42decdeccf1dp-56 },
    { 0x1.739d7f6bbd007p-2, -0x1.8c76ceb014b04p-56 },
};

/* log of x > 0, finite, = returned + *low, about 2^-65 off: 2^k c (1 + g) with c in sixteenths,
 * and log(1 + g) = 2 atanh(s) for s = g / (2 + g) */
static double log_parts(double x, double *low)
{
    int k = -1023;

    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k -= 54;
    }
    k += (int)(double_bits(x) >> 52);
    double m = double_from_bits((double_bits(x) & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
    if (m > 0x1.6a09e667f3bcdp0) {   /* sqrt(2) */
        m *= 0.5;
        k++;
    }
    const int sixteenths = (int)(m * 16 + 0.5);
    const double c = sixteenths / 16.0, f = m - c, *log_c = logs[sixteenths - 11];
    double d_low, product_low, rest, rest2;
    const double d = two_sum(c, m, &d_low), s = f / d;
    const double product = two_product(s, d, &product_low);
    const double s_low = ((f - product) - product_low - s * d_low) / d, z = s * s;
    const double tail = s * z * (2.0 / 3 + z * (2.0 / 5 + z * (2.0 / 7 + z * (2.0 / 9
                      + z * (2.0 / 11)))));
    const double whole = two_sum(k * LN2_HIGH, log_c[0], &rest);
    const double high = two_sum(whole, 2 * s, &rest2);
    const double all = rest + rest2 + (log_c[1] + (2 * s_low + k * LN2_LOW + tail)), y = high + all;

    *low = (high - y) + all;
    return y;
}

static int is_whole(double x)
{
    return size_of(x) >= 0x1p52 || (double)(int64_t)x == x;
}

static int is_odd(double x)
{
    return size_of(x) < 0x1p53 && (int64_t)x & 1;
}

/* |x|^y where x is 0 or infinite: 0, 1 or infinite */
static double power_of_limit(double x, double y)
{
    return (x == 0) == (y < 0) ? (double)INFINITY : 0;
}

double mdl_pow(double x, double y)
{
    const double size = size_of(x);

    if (y == 0 || x == 1)
        return 1;
    if (x != x || y != y)
        return (double)NAN;
    if (size_of(y) == (double)INFINITY)
        return size == 1 ? 1 : (size > 1) == (y > 0) ? (double)INFINITY : 0;
    const int minus = double_bits(x) >> 63 && is_whole(y) && is_odd(y);
    if (size == 0 || size == (double)INFINITY)
        return minus ? -power_of_limit(size, y) : power_of_limit(size, y);
    if (x < 0 && !is_whole(y))
        return (double)NAN;
    double low, product_low, high = log_parts(size, &low), r = 1;
    if (size == 1)
        return minus ? -r : r;
    if (size_of(high * y) > 800 || size_of(y) > 0x1p70)
        r = (high > 0) == (y > 0) ? (double)INFINITY : 0;
    else {
        high = two_product(high, y, &product_low);
        r = mdl_exp_sum(high, product_low + low * y);
    }
    return minus ? -r : r;
}

/* ---- the normal distribution ------------------------------------------------------------------- */

/* e^(-x^2) for x >= 0 */
static double gauss(double x)
{
    const double high = double_from_bits(double_bits(x) & ~(uint64_t)0x7FFFFFF);  /* 26 bits */

    return mdl_exp_sum(-(high * high), -((x - high) * (x + high)));
}

/* erfc of x >= 0.5 */
static double far_erfc(double x)
{
    static const double p[] = {
        0x1.3ccda0b5d5dc2p+0, -0x1.1f367683f89a7p-3, 0x1.d5f2948159d96p-9, 0x1.510169d0967bfp-4,
        -0x1.bda9309a289b6p-4, 0x1.7a14188a9a6e5p-4, -0x1.e0d0fa6dfc4ddp-5, 0x1.d0b0037d904b2p-6,
        -0x1.3f603c34e41d8p-7, 0x1.cc3a0e4d40f3cp-10, 0x1.33fb25f690680p-12,
        -0x1.303fa248b96e7p-12, 0x1.b143f749a13aep-15, 0x1.778b7d6694da8p-16,
        -0x1.800333a3cc905p-17, -0x1.05649a506050fp-20, 0x1.d63d98ac93339p-20,
        -0x1.e5251b8490e6fp-25, -0x1.1510407b4313ap-22, 0x1.7b6674e9422afp-26,
        0x1.3ff3b45866f45p-25, -0x1.8075015cb026ep-29, -0x1.0d20869ea6cc0p-28,
    };
    const double t = (x - 3.75) / (x + 3.75);
    double sum = 0;

    if (x > 27.3)                 /* less than the smallest denormal */
        return 0;
    for (size_t i = sizeof p / sizeof *p; i-- > 0;)
        sum = sum * t + p[i];
    return gauss(x) * sum / (1 + 2 * x);
}

/* erf of |x| < 0.9: 2 / sqrt(pi) sum of (-1)^k x^(2k+1) / (k! (2k+1)) */
static double near_erf(double x)
{
    static const double below[] = {
        -3.0, 10.0, -42.0, 216.0, -1320.0, 9360.0, -75600.0, 685440.0, -6894720.0, 76204800.0,
        -918086400.0, 11975040000.0, -168129561600.0, 2528170444800.0, -40537905408000.0,
        690452066304000.0, -12449059983360000.0,
    };
    const double z = x * x;
    double sum = 0;

    for (size_t i = sizeof below / sizeof *below; i-- > 0;)
        sum = sum * z + 1 / below[i];
    /* 2 / sqrt(pi) = 1 + 0.128... */
    return x + (x * 0x1.06eba8214db69p-3 + x * z * sum * 0x1.20dd750429b6dp+0);
}

double mdl_erf(double x)
{
    const double size = size_of(x);

    if (x != x || x == 0)
        return x;
    if (size < 0.9)
        return near_erf(x);
    return with_sign(size > 6 ? 1 : 1 - far_erfc(size), x);
}

double mdl_erfc(double x)
{
    if (x != x)
        return x;
    if (x < 0.5)
        return x < -0.9 ? 2 - far_erfc(-x) : 1 - near_erf(x);
    return far_erfc(x);
}
