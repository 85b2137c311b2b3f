/*
 * base/crc32c.c - see crc32c.h
 *
 * Processors with a CRC32C instruction take 8 bytes a step; the others one, with a
 * table made on the spot (2048 steps, nothing beside a file).  A step waits three cycles for the
 * one before, so bytes are taken as three strands, and what comes out is put together:
 *
 *     | strand 0 | strand 1 | strand 2 | rest |      crc(a b) = crc(a) * x^(8 |b|) + crc(b)
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/crc32c.h"

#include "base/cpu.h"

#include <string.h>

#define POLYNOMIAL 0x82F63B78u    /* Castagnoli's, bits reversed */

uint32_t mdl_crc32c_ref(uint32_t crc, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    uint32_t table[256];

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c >> 1 ^ (c & 1 ? POLYNOMIAL : 0);
        table[i] = c;
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xFF];
    return ~crc;
}

#if MDL_ARCH_X86
#include <nmmintrin.h>
#define STRANDS_LEAST 4096u      /* bytes that are worth putting together */

/* The product of two polynomials, modulo that of the CRC; bit 31 is x^0. */
static uint32_t product(uint32_t a, uint32_t b)
{
    uint32_t sum = 0;

    for (; a; a <<= 1) {
        sum ^= a >> 31 ? b : 0;
        b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0);
    }
    return sum;
}

/* x^(8 n) */
static uint32_t power(size_t n)
{
    uint32_t all = 0x80000000u, square = 0x80000000u >> 8;

    for (; n; n >>= 1) {
        if (n & 1)
            all = product(square, all);
        square = product(square, square);
    }
    return all;
}

MDL_TARGET_BEGIN("sse4.2")
/* Of 3 * n bytes, n a multiple of 8. */
static uint32_t three_strands(uint32_t crc, const unsigned char *p, size_t n)
{
    const uint32_t behind = power(n);
    uint64_t c[3] = { crc, 0, 0 };

    for (size_t i = 0; i < n; i += 8) {
        uint64_t word[3];
        memcpy(&word[0], p + i, 8);
        memcpy(&word[1], p + n + i, 8);
        memcpy(&word[2], p + 2 * n + i, 8);
        c[0] = _mm_crc32_u64(c[0], word[0]);
        c[1] = _mm_crc32_u64(c[1], word[1]);
        c[2] = _mm_crc32_u64(c[2], word[2]);
    }
    return product(behind, product(behind, (uint32_t)c[0]) ^ (uint32_t)c[1]) ^ (uint32_t)c[2];
}

static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    uint64_t c = ~crc;

    if (size >= STRANDS_LEAST) {
        const size_t n = size / 24 * 8;
        c = three_strands((uint32_t)c, p, n);
        p += 3 * n;
        size -= 3 * n;
    }
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    for (; size; p++, size--)
        c = _mm_crc32_u8((uint32_t)c, *p);
    return ~(uint32_t)c;
}
MDL_TARGET_END
#endif

mdl_crc32c_function *mdl_crc32c_best(unsigned sets)
{
#if MDL_ARCH_X86
    if (sets & MDL_CPU_CRC32C)
        return crc32c_sse42;
#endif
    (void)sets;
    return mdl_crc32c_ref;
}

uint32_t mdl_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return mdl_crc32c_best(mdl_cpu_sets())(crc, bytes, size);
}
