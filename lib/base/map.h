/*
 * base/map.h - the bytes of a file, read once or mapped; and files written whole
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_MAP_H
#define MDL_BASE_MAP_H

#include "base/status.h"

struct map {
    const unsigned char *data;    /* aligned to 64                             */
    size_t size;
    void  *block;                 /* from the allocator, NULL if mapped or borrowed */
    size_t block_bytes;
    int    mapped;
};

/* Read a regular file of at most `limit` bytes into memory from the allocator. */
mdl_status mdl_map_read(struct map *m, const char *path, const mdl_allocator *allocator,
                        uint64_t limit, mdl_error *err);

/* Map it instead.  The file must not change meanwhile: a shorter file kills us. */
mdl_status mdl_map_open(struct map *m, const char *path, uint64_t limit, mdl_error *err);

/* A copy of bytes in memory; or those bytes themselves. */
mdl_status mdl_map_copy(struct map *m, const void *bytes, size_t size,
                        const mdl_allocator *allocator, mdl_error *err);
void mdl_map_borrow(struct map *m, const void *bytes, size_t size);

/* Give everything back; fine on a zeroed struct. */
void mdl_map_free(struct map *m, const mdl_allocator *allocator);

/* Write a file whole or not at all: temporary name in the same folder, fsync,
 * rename, fsync of the folder. */
mdl_status mdl_write_file(const char *path, const void *bytes, size_t size, mdl_error *err);

#endif
