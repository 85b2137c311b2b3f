/*
 * op/nd_number.c - see nd_number.h
 *
 * digits x 10^e: exact when both are exact doubles and e is small; else in two doubles, whose
 * errors are below 2^-95.  Digits beyond the 38th are left out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "op/nd_number.h"

#include "kernel/math_bits.h"

#include <math.h>              /* INFINITY, NAN: constants only */

static int is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* Behind the word, in any case, or NULL. */
static const char *behind(const char *p, const char *word)
{
    for (; *word; word++, p++)
        if ((*p | 32) != *word)
            return NULL;
    return p;
}

struct two {
    double high, low;
};

static struct two times(struct two a, struct two b)
{
    struct two y;
    double rest;

    y.high = two_product(a.high, b.high, &rest);
    rest += a.high * b.low + a.low * b.high;
    a.high = y.high + rest;
    y.low = (y.high - a.high) + rest;
    y.high = a.high;
    return y;
}

static struct two over(struct two a, struct two b)
{
    double rest;
    const double q = a.high / b.high, p = two_product(q, b.high, &rest);
    const double low = ((a.high - p) - rest + a.low - q * b.low) / b.high;
    const struct two y = { q + low, (q - (q + low)) + low };

    return y;
}

/* 10^e for e from 0 to 200 */
static struct two ten(int e)
{
    struct two y = { 1, 0 }, base = { 10, 0 };

    for (; e; e >>= 1, base = e ? times(base, base) : base)
        if (e & 1)
            y = times(y, base);
    return y;
}

/* y 2^-200, rounded once: a denormal one is counted in units of 2^-1074. */
static double scaled_down(struct two y)
{
    const double sum = y.high + y.low;

    if (sum >= 0x1p-822)
        return sum * 0x1p-200;
    const double units = y.high * 0x1p874;
    const uint64_t whole = (uint64_t)units;
    const double beyond = (units - (double)whole - 0.5) + y.low * 0x1p874;   /* half */
    return double_from_bits(whole + (beyond > 0 || (beyond == 0 && whole & 1)));
}

/* y 2^200 */
static double scaled_up(struct two y)
{
    return (y.high + y.low) * 0x1p200;
}

/* The first 19 digits, the next 19 of them, and how many those are. */
struct digits {
    uint64_t first, next;
    int      n_next;
};

static struct two as_two(uint64_t v)
{
    const double near = (double)v;
    const struct two y = { near, (double)(int64_t)(v - (uint64_t)near) };

    return y;
}

static struct two all_digits(struct digits d)
{
    struct two y = as_two(d.first);

    if (d.n_next) {
        const struct two high = times(y, ten(d.n_next)), low = as_two(d.next);
        double rest;
        y.high = two_sum(high.high, low.high, &rest);
        y.low = rest + high.low + low.low;
    }
    return y;
}

/* d x 10^e */
static double scaled(struct digits d, int e)
{
    if (!(d.first | d.next) || e < -400)
        return 0;
    if (e > 310)
        return (double)INFINITY;
    if (!d.n_next && d.first < (uint64_t)1 << 53 && e >= -22 && e <= 22)
        return e < 0 ? (double)d.first / ten(-e).high : (double)d.first * ten(e).high;
    const struct two y = all_digits(d);
    const int half = e / 2;
    const struct two last = ten(e < 0 ? half - e : e - half);
    if (e < 0)
        return scaled_down(over(over((struct two){ y.high * 0x1p200, y.low * 0x1p200 }, ten(-half)), last));
    const struct two most = times(y, ten(half));
    if (most.high > 1.7e308 / last.high)   /* a little below it may be the last finite one */
        return scaled_up(times((struct two){ most.high * 0x1p-200, most.low * 0x1p-200 }, last));
    const struct two all = times(most, last);
    return all.high + all.low;
}

/* Digits and their exponent from *p on; 0 when there are none. */
static int read_digits(const char **p, struct digits *d, int *e)
{
    const uint64_t full = 1000000000000000000u;    /* 19 digits */
    int any = 0, point = 0;

    *d = (struct digits){ 0, 0, 0 };
    *e = 0;
    for (;; ++*p) {
        const char c = **p;
        if (c == '.' && !point) {
            point = 1;
            continue;
        }
        if (!is_digit(c))
            return any;
        any = 1;
        const uint64_t v = (uint64_t)(c - '0');
        if (d->first < full) {
            d->first = d->first * 10 + v;
        } else if (d->n_next < 19) {
            d->next = d->next * 10 + v;
            d->n_next++;
        } else {                  /* no longer matters */
            *e += !point && *e < 100000;
            continue;
        }
        *e -= point && *e > -100000;
    }
}

/* An exponent from *p on, if there is one; far out it is about as far. */
static int read_exponent(const char **p)
{
    const char *q = *p + 1;
    int e = 0;

    if ((**p | 32) != 'e')
        return 0;
    const int minus = *q == '-';
    q += *q == '-' || *q == '+';
    if (!is_digit(*q))
        return 0;
    for (; is_digit(*q); q++)
        e = e < 100000 ? e * 10 + (*q - '0') : e;
    *p = q;
    return minus ? -e : e;
}

int mdl_nd_read_number(const char *text, double *to)
{
    const char *p = skip_blanks(text), *end;
    const int minus = *p == '-';
    struct digits digits;
    double y;
    int e;

    p += *p == '-' || *p == '+';
    if ((end = behind(p, "infinity")) || (end = behind(p, "inf"))) {
        y = (double)INFINITY;
    } else if ((end = behind(p, "nan"))) {
        y = (double)NAN;
    } else {
        end = p;
        if (!read_digits(&end, &digits, &e))
            return 0;
        y = scaled(digits, e + read_exponent(&end));
    }
    if (*skip_blanks(end))
        return 0;
    *to = minus ? -y : y;
    return 1;
}

int mdl_nd_read_int(const char *text, int64_t *to)
{
    const char *p = skip_blanks(text);
    const int minus = *p == '-';
    uint64_t y = 0;

    p += *p == '-' || *p == '+';
    if (!is_digit(*p))
        return 0;
    for (; is_digit(*p); p++) {
        const uint64_t d = (uint64_t)(*p - '0');
        if (y > (UINT64_MAX - d) / 10)
            return 0;
        y = y * 10 + d;
    }
    if (*skip_blanks(p) || (minus && y > (uint64_t)1 << 63))
        return 0;
    *to = (int64_t)(minus ? 0 - y : y);
    return 1;
}
