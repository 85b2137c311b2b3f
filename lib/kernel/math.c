/*
 * kernel/math.c - see math.h
 *
 * exp: x = k ln2/64 + r with an integer k, so e^x = 2^(k/64) e^r.  2^(k/64) is a power of
 * two times an entry of a table that holds a double and the rest of it; |r| < 0.0055, so six
 * terms of the Taylor series leave less than 2^-60.
 *
 * log1p: 1 + x = 2^k (1 + f) with 1 + f near 1; s = f / (2 + f), and
 * log(1 + f) = 2 atanh(s) = 2s + 2/3 s^3 + 2/5 s^5 + ..., written so that the leading term
 * is f itself, which is exact.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "kernel/math.h"

#include <math.h>              /* INFINITY, NAN: constants only */
#include <string.h>

const double mdl_exp_powers[64][2] = { EXP_POWERS };

static double from_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t to_bits(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* x * 2^n for n from -1100 to 1100; one rounding where the result is denormal. */
static double scale(double x, int n)
{
    if (n > 1000)
        return x * 0x1p1000 * from_bits((uint64_t)(1023 + n - 1000) << 52);
    if (n < -1000)
        return x * from_bits((uint64_t)(1023 + n + 1000) << 52) * 0x1p-1000;
    return x * from_bits((uint64_t)(1023 + n) << 52);
}

/* e^r - 1 for |r| < 0.0055 */
static double small_expm1(double r)
{
    const double r2 = r * r;

    return r + r2 * (0.5 + r * (1.0 / 6) + r2 * (1.0 / 24 + r * (1.0 / 120) + r2 * (1.0 / 720)));
}

/* e^r - 1 - r for |r| < 0.022: two more terms */
static double near_expm1_rest(double r)
{
    const double r2 = r * r;

    return r2 * (0.5 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720
                   + r * (1.0 / 5040 + r * (1.0 / 40320)))))));
}

/* 2^(k/64) e^r */
static double finish(int k, double r)
{
    const double *power = mdl_exp_powers[k & 63];
    const double p = small_expm1(r);

    return scale(power[0] + (power[1] + power[0] * p), (k - (k & 63)) / 64);
}

/* x = k ln2/64 + r for |x| < 800 */
static int reduce(double x, double *r)
{
    const double k = (x * (1 / (LN2_64_HIGH + LN2_64_LOW)) + ROUND_BIAS) - ROUND_BIAS;

    *r = (x - k * LN2_64_HIGH) - k * LN2_64_LOW;
    return (int)k;
}

double mdl_exp(double x)
{
    double r;

    if (x != x)
        return x;
    if (x > 709.79)               /* ln of the largest double is 709.78 */
        return (double)INFINITY;
    if (x < -745.14)              /* ln of half the smallest denormal is -745.13 */
        return 0;
    const int k = reduce(x, &r);
    return finish(k, r);
}

double mdl_exp_sum(double high, double low)
{
    double r;

    if (!(high > -745.14 && high < 709.79))
        return mdl_exp(high);
    const int k = reduce(high, &r);
    return finish(k, r + low);
}

double mdl_exp2(double x)
{
    if (x != x)
        return x;
    if (x >= 1024)
        return (double)INFINITY;
    if (x < -1075.5)
        return 0;
    const double k = (x * 64 + ROUND_BIAS) - ROUND_BIAS;
    return finish((int)k, (x - k / 64) * (LN2_HIGH + LN2_LOW));
}

/* e^x - 1 = returned + *low for -40 < x < 709.79, |*low| less than a unit in the last place */
static double expm1_parts(double x, double *low)
{
    double r, high, rest;

    if (x > -0.022 && x < 0.022) {   /* closer to 0 the table's 1 would cancel too much */
        high = x;
        rest = near_expm1_rest(x);
    } else {
        const int k = reduce(x, &r), n = (k - (k & 63)) / 64;
        const double *power = mdl_exp_powers[k & 63];
        rest = scale(power[1] + power[0] * small_expm1(r), n);
        high = scale(power[0], n);
        if (n > 60)
            rest -= 1;
        else
            high -= 1;
    }
    const double sum = high + rest;
    *low = rest - (sum - high);
    return sum;
}

double mdl_expm1(double x)
{
    double low;

    if (x != x || x == 0)
        return x;
    if (x > 709.79)
        return (double)INFINITY;
    if (x < -40)                  /* e^-40 < 2^-54 */
        return -1;
    return expm1_parts(x, &low);
}

/* log(2^k (1 + f)) + c, 1 + f from sqrt(1/2) to sqrt(2) */
static double finish_log(int k, double f, double c)
{
    const double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    const double tail = z * (2.0 / 3 + z * (2.0 / 5 + z * (2.0 / 7 + z * (2.0 / 9 + z * (2.0 / 11
                      + z * (2.0 / 13 + z * (2.0 / 15 + z * (2.0 / 17 + z * (2.0 / 19
                      + z * (2.0 / 21 + z * (2.0 / 23)))))))))));

    return k * LN2_HIGH - ((half - (s * (half + tail) + (k * LN2_LOW + c))) - f);
}

double mdl_log1p(double x)
{
    if (x != x || x == 0 || x == (double)INFINITY)
        return x;
    if (x <= -1)
        return x == -1 ? -(double)INFINITY : (double)NAN;
    if (x > -0.29 && x < 0.41)
        return finish_log(0, x, 0);

    const double u = 1 + x;
    const double lost = x < 1 ? x - (u - 1) : 1 - (u - x);
    const uint64_t bits = to_bits(u);
    int k = (int)(bits >> 52) - 1023;
    double m = from_bits((bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
    if (m > 0x1.6a09e667f3bcdp0) {   /* sqrt(2) */
        m *= 0.5;
        k++;
    }
    return finish_log(k, m - 1, lost / u);
}

double mdl_log(double x)
{
    int k = -1023;

    if (!(x > 0))
        return x == 0 ? -(double)INFINITY : (double)NAN;
    if (x == (double)INFINITY)
        return x;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k -= 54;
    }
    const uint64_t bits = to_bits(x);
    k += (int)(bits >> 52);
    double m = from_bits((bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
    if (m > 0x1.6a09e667f3bcdp0) {   /* sqrt(2) */
        m *= 0.5;
        k++;
    }
    return finish_log(k, m - 1, 0);
}

double mdl_tanh(double x)
{
    const double size = x < 0 ? -x : x;

    if (x != x || x == 0)
        return x;
    if (size > 20)                /* 1 - tanh(20) < 2^-56 */
        return x < 0 ? -1 : 1;
    if (size < 0.011) {           /* Taylor; the next term is 62/2835 x^9 */
        const double z = x * x;
        return x - x * z * (1.0 / 3 - z * (2.0 / 15 - z * (17.0 / 315)));
    }
    /* e / (e + 2), with what was rounded off from e and from e + 2 put back */
    double low;
    const double e = expm1_parts(2 * size, &low), d = e + 2, lost = e - (d - 2) + low;
    const double q = e / d, t = q + (low - q * lost) / d;
    return x < 0 ? -t : t;
}
