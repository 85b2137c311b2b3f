/*
 * tests/fuzz/repair.h - a model file with its size and checksums made right
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_FUZZ_REPAIR_H
#define MDL_TESTS_FUZZ_REPAIR_H

#include "base/crc32c.h"
#include "format/mdl_format.h"

#include <string.h>

/* Right the file size, and every checksum of a section that lies inside the file. */
static inline void repair(unsigned char *file, size_t size)
{
    struct mdl_file_header h;
    struct mdl_file_section e;

    if (size < sizeof h)
        return;
    memcpy(&h, file, sizeof h);
    if (h.n_sections > (size - sizeof h) / sizeof e)
        return;
    h.file_bytes = size;
    for (uint32_t i = 0; i < h.n_sections; i++) {
        unsigned char *at = file + sizeof h + i * sizeof e;
        memcpy(&e, at, sizeof e);
        if (e.offset <= size && e.bytes <= size - e.offset)
            e.crc = mdl_crc32c(0, file + e.offset, (size_t)e.bytes);
        memcpy(at, &e, sizeof e);
    }
    memcpy(file, &h, sizeof h);
    h.crc = mdl_crc32c(0, file, offsetof(struct mdl_file_header, crc));
    h.crc = mdl_crc32c(h.crc, file + sizeof h, h.n_sections * sizeof e);
    memcpy(file, &h, sizeof h);
}

/* Does the file bring tables?  Whoever changes those changes what some engines predict. */
static inline int has_tables(const unsigned char *file, size_t size)
{
    struct mdl_file_section e;

    for (size_t at = sizeof(struct mdl_file_header); at + sizeof e <= size; at += sizeof e) {
        memcpy(&e, file + at, sizeof e);
        if (e.type == 0x80000004u)
            return 1;
    }
    return 0;
}

#endif
