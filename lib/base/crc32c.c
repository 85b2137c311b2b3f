/*
 * base/crc32c.c - see crc32c.h
 *
 * Processors with a CRC32C instruction take 8 bytes a step; the others one, with a
 * table made on the spot (2048 steps, nothing beside a file).
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/crc32c.h"

#include "base/cpu.h"

#include <string.h>

uint32_t mdl_crc32c_ref(uint32_t crc, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    uint32_t table[256];

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c >> 1 ^ (c & 1 ? 0x82F63B78u : 0);
        table[i] = c;
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xFF];
    return ~crc;
}

#if MDL_ARCH_X86
#include <nmmintrin.h>
MDL_TARGET_BEGIN("sse4.2")
static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    uint64_t c = ~crc;

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

mdl_crc32c_function *mdl_crc32c_best(void)
{
#if MDL_ARCH_X86
    if (mdl_cpu_has_crc32c())
        return crc32c_sse42;
#endif
    return mdl_crc32c_ref;
}

uint32_t mdl_crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return mdl_crc32c_best()(crc, bytes, size);
}
