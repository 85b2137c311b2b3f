/*
 * import/number.c - see number.h
 *
 * The first 19 digits w and the power of ten q are multiplied out to 128 bits with a
 * bound on the error, all in integers, so the floating-point mode of the host has no
 * say:
 *
 *     w * 10^q = w * 5^b * 5^(27 a) * 2^q,     q = 27 a + b,  0 <= b < 27
 *
 * where w * 5^b is exact and 5^(27 a) comes from a table.  When the error leaves open
 * on which side of the middle between two floats the number lies (one in thousands, or
 * a tie with more than 19 digits), both are compared exactly as large integers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/number.h"

#include <string.h>

/* Digits that fit in 64 bits. */
#define DIGITS 19
/* The middle between two doubles has at most 767 digits, so of the digits behind the
 * 800th it only matters whether one is not zero. */
#define LARGE_DIGITS 800
/* Both sides of a comparison stay below 2^4096: 800 digits are 2658 bits, 5^1142 with
 * the 54 bits of a middle 2706, and the larger power of two makes the smaller side as
 * long as the other. */
#define LARGE_WORDS 128
/* Beyond any power of ten that the bytes of a file can balance. */
#define MOST_EXPONENT ((int64_t)1 << 60)

struct format {
    int bits;                    /* of the mantissa, the hidden one included */
    int lowest;                  /* exponent of the smallest normal number   */
    uint64_t infinite;
};

static const struct format f64_format = { 53, -1022, 0x7FF0000000000000u };
static const struct format f32_format = { 24, -126, 0x7F800000u };

/* The digits without leading zeros: w * 10^q, and more when `cut`. */
struct decimal {
    const char *from, *to;       /* all of them; a point may lie between     */
    int64_t  all_q;              /* power of ten of the last                 */
    uint64_t w;
    int64_t  q;
    int      cut;
};

/* ---- reading -------------------------------------------------------------------------- */

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Bytes of the exponent at p, 0 when there is none. */
static size_t read_exponent(const char *p, size_t n, int64_t *out)
{
    size_t i = 1;
    int64_t e = 0;

    if (n < 2 || (*p != 'e' && *p != 'E'))
        return 0;
    const int minus = p[1] == '-';
    i += minus || p[1] == '+';
    if (i == n || !is_digit(p[i]))
        return 0;
    for (; i < n && is_digit(p[i]); i++)
        e = e < MOST_EXPONENT / 10 ? e * 10 + (p[i] - '0') : MOST_EXPONENT;
    *out = minus ? -e : e;
    return i;
}

/* Bytes of an unsigned decimal number at p, 0 when there is none. */
static size_t read_decimal(const char *p, size_t n, struct decimal *d)
{
    size_t i = 0, digits = 0, kept = 0, dropped = 0, behind = 0, point = 0;
    int64_t exponent = 0;

    *d = (struct decimal){ .from = p, .to = p };
    for (; i < n; i++) {
        if (p[i] == '.' && !point) {
            point = 1;
            continue;
        }
        if (!is_digit(p[i]))
            break;
        digits++;
        behind += point;
        if (!d->w && p[i] == '0')
            continue;
        if (!kept)
            d->from = p + i;
        if (kept == DIGITS) {
            dropped++;
            d->cut |= p[i] != '0';
            continue;
        }
        d->w = d->w * 10 + (uint64_t)(p[i] - '0');
        kept++;
    }
    if (!digits)
        return 0;
    d->to = p + i;
    i += read_exponent(p + i, n - i, &exponent);
    d->all_q = exponent - (int64_t)behind;
    d->q = d->all_q + (int64_t)dropped;
    return i;
}

static int is_word(const char *p, size_t n, const char *word, size_t length)
{
    if (n < length)
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((p[i] | 0x20) != word[i])
            return 0;
    return 1;
}

/* Bytes of inf, infinity or nan at p, 0 when it is neither. */
static size_t read_word(const char *p, size_t n, const struct format *f, uint64_t *bits)
{
    *bits = f->infinite;
    if (is_word(p, n, "infinity", 8))
        return 8;
    if (is_word(p, n, "inf", 3))
        return 3;
    *bits |= (uint64_t)1 << (f->bits - 2);           /* a quiet NaN */
    return is_word(p, n, "nan", 3) ? 3 : 0;
}

/* ---- the quick way ------------------------------------------------------------------------ */

struct u128 { uint64_t high, low; };

/* 5^(27 a) for a = -13 .. 11, cut to 128 bits with the top bit set; exact for 0, 1, 2. */
#define FIRST_POWER (-13)
#define STEP 27
static const struct u128 powers[] = {
    { 0x8049A4AC0C5811AEu, 0x205B896D777D6278u }, { 0xCF42894A5DCE35EAu, 0x52064CAC828675B9u },
    { 0xA76C582338ED2621u, 0xAF2AF2B80AF6F24Eu }, { 0x873E4F75E2224E68u, 0x5A7744A6E804A291u },
    { 0xDA7F5BF590966848u, 0xAF39A475506A899Eu }, { 0xB080392CC4349DECu, 0xBD8D794D96AACFB3u },
    { 0x8E938662882AF53Eu, 0x547EB47B7282EE9Cu }, { 0xE65829B3046B0AFAu, 0x0CB4A5A3112A5112u },
    { 0xBA121A4650E4DDEBu, 0x92F34D62616CE413u }, { 0x964E858C91BA2655u, 0x3A6A07F8D510F86Fu },
    { 0xF2D56790AB41C2A2u, 0xFAE27299423FB9C3u }, { 0xC428D05AA4751E4Cu, 0xAA97E14C3C26B886u },
    { 0x9E74D1B791E07E48u, 0x775EA264CF55347Du }, { 0x8000000000000000u, 0x0000000000000000u },
    { 0xCECB8F27F4200F3Au, 0x0000000000000000u }, { 0xA70C3C40A64E6C51u, 0x999090B65F67D924u },
    { 0x86F0AC99B4E8DAFDu, 0x69A028BB3DED71A3u }, { 0xDA01EE641A708DE9u, 0xE80E6F4820CC9495u },
    { 0xB01AE745B101E9E4u, 0x5EC05DCFF72E7F8Fu }, { 0x8E41ADE9FBEBC27Du, 0x14588F13BE847307u },
    { 0xE5D3EF282A242E81u, 0x8F1668C8A86DA5FAu }, { 0xB9A74A0637CE2EE1u, 0x6D953E2BD7173692u },
    { 0x95F83D0A1FB69CD9u, 0x4ABDAF101564F98Eu }, { 0xF24A01A73CF2DCCFu, 0xBC633B39673C8CECu },
    { 0xC3B8358109E84F07u, 0x0A862F80EC4700C8u },
};

/* Every power of ten beyond these ends in 0 or infinity: w < 2^64 < 10^20. */
#define LEAST_Q (-343)
#define MOST_Q 308

static struct u128 multiply(uint64_t a, uint64_t b)
{
    const uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    const uint64_t low = al * bl, middle = ah * bl + (low >> 32);
    const uint64_t other = al * bh + (uint32_t)middle;

    return (struct u128){ ah * bh + (middle >> 32) + (other >> 32),
                          other << 32 | (uint32_t)low };
}

/* The upper half of a * b, with the last bit set when the lower half is not 0. */
static struct u128 multiply_high(struct u128 a, struct u128 b)
{
    const struct u128 hh = multiply(a.high, b.high), hl = multiply(a.high, b.low);
    const struct u128 lh = multiply(a.low, b.high), ll = multiply(a.low, b.low);
    struct u128 r = hh;

    uint64_t sum = hl.low + lh.low, carry = sum < hl.low;
    sum += ll.high;
    carry += sum < ll.high;
    r.low += hl.high;
    r.high += r.low < hl.high;
    r.low += lh.high;
    r.high += r.low < lh.high;
    r.low += carry;
    r.high += r.low < carry;
    r.low |= (sum | ll.low) != 0;
    return r;
}

/* Shift left until the top bit is set; how far.  Not for 0. */
static int normalise(struct u128 *v)
{
    int shift = 0;

    if (!v->high) {
        v->high = v->low;
        v->low = 0;
        shift = 64;
    }
    for (int step = 32; step; step /= 2)
        if (!(v->high >> (64 - step))) {
            v->high = v->high << step | v->low >> (64 - step);
            v->low <<= step;
            shift += step;
        }
    return shift;
}

/* w * 10^q lies in [v, v + error] * 2^(result - 127), and v has its top bit set. */
static int scale(const struct decimal *d, struct u128 *v, uint64_t error[2])
{
    const int q = (int)d->q, a = (q - FIRST_POWER * STEP) / STEP + FIRST_POWER, b = q - a * STEP;
    uint64_t five = 1;

    for (int i = 0; i < b; i++)
        five *= 5;
    *v = multiply(d->w, five);
    int exponent = 127 - normalise(v);

    *v = multiply_high(*v, powers[a - FIRST_POWER]);
    exponent += (a * STEP * 152170 >> 16) + q + 1;   /* log2(5) * 2^16, rounded up */
    exponent -= normalise(v);

    /* The table is short by less than 1 in the last place, which is then up to 4 in the
     * product; what follows 19 digits adds less than 10^-18 < 2^-59 of the whole. */
    error[0] = d->cut ? (uint64_t)1 << 5 : 0;        /* in units of 2^64 and of 1 */
    error[1] = a < 0 || a > 2 ? 4 : 0;
    return exponent;
}

/* ---- the exact way -------------------------------------------------------------------------- */

struct large {
    uint32_t words[LARGE_WORDS];
    size_t   n;
};

static void large_multiply(struct large *v, uint32_t by, uint32_t plus)
{
    uint64_t carry = plus;

    for (size_t i = 0; i < v->n; i++) {
        carry += (uint64_t)v->words[i] * by;
        v->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry && v->n < LARGE_WORDS)
        v->words[v->n++] = (uint32_t)carry;
}

static void large_power_of_5(struct large *v, int64_t power)
{
    for (; power >= 13; power -= 13)
        large_multiply(v, 1220703125, 0);            /* 5^13 */
    for (; power > 0; power--)
        large_multiply(v, 5, 0);
}

static void large_shift(struct large *v, int64_t bits)
{
    const size_t words = (size_t)(bits / 32);

    large_multiply(v, (uint32_t)1 << bits % 32, 0);
    if (!v->n || words > LARGE_WORDS - v->n)
        return;
    memmove(v->words + words, v->words, v->n * sizeof *v->words);
    memset(v->words, 0, words * sizeof *v->words);
    v->n += words;
}

static int large_compare(const struct large *a, const struct large *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (size_t i = a->n; i-- > 0;)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    return 0;
}

/* All digits as one integer, times 10^*q; 1 when there was more than that. */
static int large_digits(struct large *v, const struct decimal *d, int64_t *q)
{
    size_t digits = 0, dropped = 0;
    int more = 0;

    v->n = 0;
    for (const char *p = d->from; p < d->to; p++) {
        if (*p == '.')
            continue;
        if (digits++ < LARGE_DIGITS) {
            large_multiply(v, 10, (uint32_t)(*p - '0'));
            continue;
        }
        dropped++;
        more |= *p != '0';
    }
    *q = d->all_q + (int64_t)dropped;
    return more;
}

/* The sign of d - middle * 2^exponent, for two that are close. */
static int compare_exactly(const struct decimal *d, uint64_t middle, int64_t exponent)
{
    struct large a, b = { .words = { (uint32_t)middle, (uint32_t)(middle >> 32) },
                          .n = middle >> 32 ? 2 : 1 };
    int64_t q;
    const int more = large_digits(&a, d, &q);

    large_power_of_5(q < 0 ? &b : &a, q < 0 ? -q : q);
    if (q > exponent)
        large_shift(&a, q - exponent);
    else
        large_shift(&b, exponent - q);
    const int sign = large_compare(&a, &b);
    return sign ? sign : more;
}

/* ---- rounding ----------------------------------------------------------------------------------- */

/* The lower `bits` of v, 64 < bits <= 128, cleared in what is returned above them. */
static uint64_t split(struct u128 *v, int bits)
{
    const uint64_t above = bits == 128 ? 0 : v->high >> (bits - 64);

    if (bits < 128)
        v->high &= ((uint64_t)1 << (bits - 64)) - 1;
    return above;
}

/* 1 when v, somewhere in [v, v + error], is to be rounded up; 0 down; -1: unknown. */
static int rounds_up(struct u128 v, int bits, uint64_t above, const uint64_t error[2])
{
    const uint64_t half = (uint64_t)1 << (bits - 65);
    struct u128 most = { v.high + error[0], v.low + error[1] };

    most.high += most.low < v.low;
    if (v.high < half)
        return most.high < half ? 0 : -1;
    if (v.high > half || v.low)
        return 1;
    if (error[0] || error[1])
        return -1;
    return (int)(above & 1);
}

static uint64_t round_decimal(const struct decimal *d, const struct format *f)
{
    struct u128 v;
    uint64_t error[2];

    if (!d->w || d->q < LEAST_Q)
        return 0;
    if (d->q > MOST_Q)
        return f->infinite;
    const int exponent = scale(d, &v, error);
    const int below = exponent < f->lowest ? f->lowest - exponent : 0;
    /* Half of the smallest number is a power of two; v may lie below it and d above. */
    if (below > f->bits)
        return below == f->bits + 1 && compare_exactly(d, 1, f->lowest - f->bits) > 0;

    const int bits = 128 - f->bits + below;
    const uint64_t above = split(&v, bits);
    int up = rounds_up(v, bits, above, error);
    if (up < 0) {
        const int sign = compare_exactly(d, 2 * above + 1, exponent - 127 + bits - 1);
        up = sign ? sign > 0 : (int)(above & 1);
    }
    /* A mantissa that overflows counts one up in the exponent, as it should. */
    const uint64_t base = below ? 0 : (uint64_t)(exponent - f->lowest) << (f->bits - 1);
    const uint64_t rounded = base + above + (uint64_t)up;
    return rounded < f->infinite ? rounded : f->infinite;
}

/* ---- the calls ------------------------------------------------------------------------------------ */

static size_t parse_bits(const char *p, size_t n, const struct format *f, uint64_t *bits)
{
    struct decimal d;
    const size_t sign = n && (*p == '-' || *p == '+');
    size_t taken = read_decimal(p + sign, n - sign, &d);

    if (taken)
        *bits = round_decimal(&d, f);
    else
        taken = read_word(p + sign, n - sign, f, bits);
    if (!taken)
        return 0;
    if (*p == '-')
        *bits |= (f->infinite << 1) & ~f->infinite;
    return taken + sign;
}

size_t mdl_parse_f64(const char *p, size_t n, double *out)
{
    uint64_t bits;
    const size_t taken = parse_bits(p, n, &f64_format, &bits);

    if (taken)
        memcpy(out, &bits, sizeof *out);
    return taken;
}

size_t mdl_parse_f32(const char *p, size_t n, float *out)
{
    uint64_t bits;
    const size_t taken = parse_bits(p, n, &f32_format, &bits);

    if (taken)
        memcpy(out, &(uint32_t){ (uint32_t)bits }, sizeof *out);
    return taken;
}

size_t mdl_parse_i64(const char *p, size_t n, int64_t *out)
{
    const int minus = n && *p == '-';
    const size_t sign = n && (minus || *p == '+');
    const uint64_t most = (uint64_t)INT64_MAX + (uint64_t)minus;
    uint64_t v = 0;
    size_t i = sign;

    for (; i < n && is_digit(p[i]); i++) {
        const uint64_t digit = (uint64_t)(p[i] - '0');

        if (v > (most - digit) / 10)
            return 0;
        v = v * 10 + digit;
    }
    if (i == sign)
        return 0;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return i;
}
