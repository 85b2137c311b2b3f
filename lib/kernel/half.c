/*
 * kernel/half.c - see half.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/half.h"

static const struct small {
    uint8_t  mantissa;            /* bits of it                                      */
    uint8_t  unsigned_zero;       /* what would be -0 is the NaN                     */
    int16_t  bias;
    uint16_t sign, most;          /* the bit; the largest number                     */
    uint16_t infinite, nan;       /* 0: there is none; e2m1: what NaN becomes, -0    */
} smalls[] = {
    [SMALL_HALF]     = { 10, 0, 15, 0x8000, 0x7bff, 0x7c00, 0x7e00 },
    [SMALL_BF16]     = { 7, 0, 127, 0x8000, 0x7f7f, 0x7f80, 0x7fc0 },
    [SMALL_E4M3FN]   = { 3, 0, 7, 0x80, 0x7e, 0, 0x7f },
    [SMALL_E4M3FNUZ] = { 3, 1, 8, 0x80, 0x7f, 0, 0x80 },
    [SMALL_E5M2]     = { 2, 0, 15, 0x80, 0x7b, 0x7c, 0x7e },
    [SMALL_E5M2FNUZ] = { 2, 1, 16, 0x80, 0x7f, 0, 0x80 },
    [SMALL_E2M1]     = { 1, 0, 1, 0x8, 0x7, 0, 0x8 },
};

/* 2^n as a float, n from -149 to 127 */
static float power(int n)
{
    return float_from_bits(n >= -126 ? (uint32_t)(n + 127) << 23 : 1u << (n + 149));
}

static float quiet_nan(void)
{
    return float_from_bits(0x7fc00000u);
}

float mdl_small_decode(enum small_kind kind, uint32_t code)
{
    if (kind == SMALL_E8M0)
        return code == 0xff ? quiet_nan() : power((int)code - 127);
    const struct small *s = &smalls[kind];
    const uint32_t size = code & (s->sign - 1u), sign = code & s->sign ? 0x80000000u : 0;
    if (s->unsigned_zero ? code == s->nan : size > s->most && size != s->infinite)
        return float_from_bits(float_bits(quiet_nan()) | (s->unsigned_zero ? 0 : sign));
    if (size > s->most)
        return float_from_bits(0x7f800000u | sign);
    const uint32_t exponent = size >> s->mantissa, mantissa = size & ((1u << s->mantissa) - 1);
    const uint32_t whole = exponent ? mantissa | 1u << s->mantissa : mantissa;
    const float unit = power((exponent ? (int)exponent : 1) - s->bias - s->mantissa);
    return float_from_bits(float_bits((float)whole * unit) | sign);
}

/* x >> shift to nearest even; shift > 0 */
static uint64_t shift_even(uint64_t x, uint32_t shift)
{
    if (shift > 63)
        return 0;
    const uint64_t kept = x >> shift, rest = x & (((uint64_t)1 << shift) - 1);
    const uint64_t half = (uint64_t)1 << (shift - 1);
    return kept + (rest > half || (rest == half && kept & 1));
}

/* Sign, mantissa (53 bits with the leading one) and exponent of a finite double. */
static uint64_t mantissa_of(uint64_t bits, int *exponent)
{
    const uint64_t fraction = bits & 0xFFFFFFFFFFFFFull;
    const int e = (int)(bits >> 52 & 0x7ff);

    *exponent = (e ? e : 1) - 1023;
    return e ? fraction | 0x10000000000000ull : fraction;
}

uint32_t mdl_small_encode(enum small_kind kind, double x, int saturate)
{
    if (kind == SMALL_E8M0)
        return mdl_e8m0_encode(x, E8M0_NEAREST, saturate);
    const struct small *s = &smalls[kind];
    uint64_t bits, code;
    int exponent;

    memcpy(&bits, &x, sizeof bits);
    const uint32_t sign = bits >> 63 ? s->sign : 0;
    if (x != x)
        return s->unsigned_zero || kind == SMALL_E2M1 ? s->nan : sign | s->nan;
    const uint64_t mantissa = mantissa_of(bits, &exponent);
    const int field = exponent + s->bias;    /* of the exponent in the code */
    if (field > 300)
        code = UINT32_MAX;
    else if (field < 1)
        code = shift_even(mantissa, (uint32_t)(52 - s->mantissa + 1 - field));
    else                          /* the leading one adds 1 to the exponent */
        code = ((uint64_t)(field - 1) << s->mantissa)
             + shift_even(mantissa, (uint32_t)(52 - s->mantissa));
    if (code > s->most)
        code = saturate || kind == SMALL_E2M1 ? s->most : s->infinite ? s->infinite : s->nan;
    if (s->unsigned_zero && (code == 0 || code == s->nan))
        return (uint32_t)code;
    return sign | (uint32_t)code;
}

uint32_t mdl_e8m0_encode(double x, int way, int saturate)
{
    uint64_t bits;
    int exponent;

    memcpy(&bits, &x, sizeof bits);
    if (x != x || bits >> 63)     /* it has no sign */
        return 0xff;
    if (bits >> 52 == 0x7ff)
        return saturate ? 0xfe : 0xff;
    const uint64_t mantissa = mantissa_of(bits, &exponent);
    const uint64_t fraction = mantissa & 0xFFFFFFFFFFFFFull;
    exponent -= !(mantissa >> 52);           /* far below what there is */
    exponent += way == E8M0_UP ? fraction != 0 : way == E8M0_NEAREST && fraction >> 51;
    if (exponent >= -127 && exponent <= 127)
        return (uint32_t)(exponent + 127);
    return !saturate ? 0xff : exponent < 0 ? 0 : 0xfe;
}
