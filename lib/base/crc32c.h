/*
 * base/crc32c.h - CRC-32C (Castagnoli), the checksum of .mdl sections
 *
 * Reflected polynomial 0x82F63B78, start and final xor 0xFFFFFFFF (RFC 3720 B.4:
 * 32 zero bytes give 0x8A9136AA).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_CRC32C_H
#define MDL_BASE_CRC32C_H

#include "base/compiler.h"

/* CRC of `size` bytes; `crc` is 0, or the CRC of what came before. */
uint32_t mdl_crc32c(uint32_t crc, const void *bytes, size_t size);

/* The fastest on a processor with these MDL_CPU_* sets. */
typedef uint32_t mdl_crc32c_function(uint32_t crc, const void *bytes, size_t size);
mdl_crc32c_function *mdl_crc32c_best(unsigned sets);

/* The plain twin, for tests and for processors without the instruction. */
uint32_t mdl_crc32c_ref(uint32_t crc, const void *bytes, size_t size);

#endif
