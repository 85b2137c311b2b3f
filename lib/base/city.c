/*
 * base/city.c - CityHash64 of version 1.0 (G. Pike, J. Alakuijala, 2011)
 *
 * Up to 16 bytes, up to 32, up to 64, and more each have a way of their own.  Words are
 * little-endian and overlap where the length is no multiple of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/city.h"

#include <string.h>

#define K0 0xc3a5c85c97cb3127u
#define K1 0xb492b66fbe98f273u
#define K2 0x9ae16a3b2f90404fu
#define K3 0xc949d7c7509e6557u
#define MIX 0x9ddfea08eb382d69u

struct city_pair {
    uint64_t a, b;
};

static uint64_t word(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

static uint64_t half(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

static uint64_t turn(uint64_t v, unsigned by)
{
    return v >> by | v << (64 - by);
}

static uint64_t fold(uint64_t v)
{
    return v ^ v >> 47;
}

static uint64_t two(uint64_t u, uint64_t v)
{
    const uint64_t a = fold((u ^ v) * MIX);

    return fold((v ^ a) * MIX) * MIX;
}

static uint64_t up_to_16(const unsigned char *p, size_t n)
{
    if (n > 8) {
        const uint64_t last = word(p + n - 8);
        return two(word(p), turn(last + n, (unsigned)n)) ^ last;
    }
    if (n >= 4)
        return two(n + (half(p) << 3), half(p + n - 4));
    if (!n)
        return K2;
    const uint32_t y = p[0] + ((uint32_t)p[n >> 1] << 8);
    const uint32_t z = (uint32_t)n + ((uint32_t)p[n - 1] << 2);
    return fold((y * K2) ^ (z * K3)) * K2;
}

static uint64_t up_to_32(const unsigned char *p, size_t n)
{
    const uint64_t a = word(p) * K1, b = word(p + 8);
    const uint64_t c = word(p + n - 8) * K2, d = word(p + n - 16) * K0;

    return two(turn(a - b, 43) + turn(c, 30) + d, a + turn(b ^ K3, 20) - c + n);
}

/* Half of the next: 32 bytes from p, begun with a and z. */
static struct city_pair quarter(const unsigned char *p, uint64_t a, uint64_t z)
{
    uint64_t b = turn(a + z, 52), c = turn(a, 37);

    a += word(p + 8);
    c += turn(a, 7);
    a += word(p + 16);
    return (struct city_pair){ a + z, b + turn(a, 31) + c };
}

static uint64_t up_to_64(const unsigned char *p, size_t n)
{
    const struct city_pair v = quarter(p, word(p) + (n + word(p + n - 16)) * K0, word(p + 24));
    const struct city_pair w = quarter(p + n - 32, word(p + 16) + word(p + n - 32),
                                       word(p + n - 8));
    const uint64_t r = fold((v.a + w.b) * K2 + (w.a + v.b) * K0);

    return fold(r * K0 + v.b) * K2;
}

static struct city_pair weak(const unsigned char *p, uint64_t a, uint64_t b)
{
    const uint64_t z = word(p + 24);

    a += word(p);
    b = turn(b + a + z, 21);
    const uint64_t c = a;
    a += word(p + 8) + word(p + 16);
    b += turn(a, 44);
    return (struct city_pair){ a + z, b + c };
}

uint64_t mdl_city64(const void *text, size_t n)
{
    const unsigned char *p = text;

    if (n <= 64)
        return n <= 16 ? up_to_16(p, n) : n <= 32 ? up_to_32(p, n) : up_to_64(p, n);

    uint64_t x = word(p), y = word(p + n - 16) ^ K1, z = word(p + n - 56) ^ K0;
    struct city_pair v = weak(p + n - 64, n, y), w = weak(p + n - 32, n * K1, K0);
    z += fold(v.b) * K1;
    x = turn(z + x, 39) * K1;
    y = turn(y, 33) * K1;
    for (size_t left = (n - 1) & ~(size_t)63; left; left -= 64, p += 64) {
        x = turn(x + y + v.a + word(p + 16), 37) * K1 ^ w.b;
        y = turn(y + v.b + word(p + 48), 42) * K1 ^ v.a;
        z = turn(z ^ w.a, 33);
        v = weak(p, v.b * K1, x + w.a);
        w = weak(p + 32, z + w.b, y);
        const uint64_t was = z;
        z = x;
        x = was;
    }
    return two(two(v.a, w.a) + fold(y) * K1 + z, two(v.b, w.b) + x);
}
