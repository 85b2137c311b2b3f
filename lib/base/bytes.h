/*
 * base/bytes.h - a cursor that cannot leave its buffer
 *
 * Every read checks what is left.  After a read that did not fit, `bad` is set, the
 * cursor stands at the end and all further reads give zeros: parse a whole section,
 * then test `bad` once.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_BYTES_H
#define MDL_BASE_BYTES_H

#include "base/compiler.h"

#include <string.h>

struct bytes {
    const unsigned char *start;   /* of the buffer, for offsets */
    const unsigned char *at;
    const unsigned char *end;
    int bad;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    const unsigned char *p = data;

    return (struct bytes){ p, p, p + size, 0 };
}

static inline size_t bytes_left(const struct bytes *b) { return (size_t)(b->end - b->at); }
static inline uint64_t bytes_offset(const struct bytes *b) { return (uint64_t)(b->at - b->start); }

/* The next `n` bytes, passed over; NULL (and bad) when fewer are left. */
static inline const unsigned char *bytes_take(struct bytes *b, uint64_t n)
{
    const unsigned char *p = b->at;

    if (n > bytes_left(b)) {
        b->at = b->end;
        b->bad = 1;
        return NULL;
    }
    b->at += n;
    return p;
}

static inline void bytes_copy(struct bytes *b, void *out, size_t n)
{
    const unsigned char *p = bytes_take(b, n);

    if (p)
        memcpy(out, p, n);
    else
        memset(out, 0, n);
}

/* Little-endian numbers (the machine is little-endian, see compiler.h). */
static inline uint8_t bytes_u8(struct bytes *b)
{
    const unsigned char *p = bytes_take(b, 1);

    return p ? *p : 0;
}

static inline uint16_t bytes_u16(struct bytes *b) { uint16_t v; bytes_copy(b, &v, 2); return v; }
static inline uint32_t bytes_u32(struct bytes *b) { uint32_t v; bytes_copy(b, &v, 4); return v; }
static inline uint64_t bytes_u64(struct bytes *b) { uint64_t v; bytes_copy(b, &v, 8); return v; }

#endif
