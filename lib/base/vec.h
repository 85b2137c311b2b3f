/*
 * base/vec.h - bytes that grow
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_VEC_H
#define MDL_BASE_VEC_H

#include "base/status.h"

struct vec {
    unsigned char *data;          /* aligned as the allocator gives it */
    size_t bytes, capacity;
};

/* Append `bytes` bytes (zeros when `from` is NULL); where they went, or NULL when out
 * of memory: nothing changed then. */
void *mdl_vec_add(struct vec *v, const mdl_allocator *allocator, const void *from, size_t bytes);

void mdl_vec_free(struct vec *v, const mdl_allocator *allocator);

#endif
