/*
 * base/vec.c - see vec.h; capacity doubles
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/vec.h"

#include <string.h>

#define FIRST_BYTES 256u

static int grow(struct vec *v, const mdl_allocator *allocator, size_t least)
{
    size_t capacity = v->capacity ? v->capacity : FIRST_BYTES;

    while (capacity < least)
        capacity = capacity > SIZE_MAX / 2 ? least : capacity * 2;
    unsigned char *data = allocator->alloc(allocator->user, capacity);
    if (!data)
        return 0;
    if (v->bytes)
        memcpy(data, v->data, v->bytes);
    if (v->data)
        allocator->free(allocator->user, v->data, v->capacity);
    v->data = data;
    v->capacity = capacity;
    return 1;
}

void *mdl_vec_add(struct vec *v, const mdl_allocator *allocator, const void *from, size_t bytes)
{
    if (bytes > SIZE_MAX - v->bytes
        || ((!v->data || v->bytes + bytes > v->capacity)
            && !grow(v, allocator, v->bytes + bytes)))
        return NULL;

    unsigned char *to = v->data + v->bytes;
    if (from && bytes == 8)
        memcpy(to, from, 8);      /* a number: most are, and need no call */
    else if (from && bytes == 4)
        memcpy(to, from, 4);
    else if (from && bytes)
        memcpy(to, from, bytes);
    else
        memset(to, 0, bytes);
    v->bytes += bytes;
    return to;
}

void mdl_vec_free(struct vec *v, const mdl_allocator *allocator)
{
    if (v->data)
        allocator->free(allocator->user, v->data, v->capacity);
    memset(v, 0, sizeof *v);
}
