/*
 * base/arena.h - memory that is freed all at once
 *
 * Blocks come from the host's allocator and are handed out from the front; nothing
 * is returned one by one, so error paths have nothing to clean up.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_ARENA_H
#define MDL_BASE_ARENA_H

#include "base/status.h"

struct arena_block;

struct arena {
    mdl_allocator allocator;
    struct arena_block *blocks;   /* newest first                          */
    size_t left;                  /* bytes free at the end of the newest   */
    uint64_t used;                /* bytes got from the allocator          */
    uint64_t limit;               /* of `used`                             */
    uint64_t expected;            /* bytes of the next block, at least     */
    int limited;                  /* a request went over the limit         */
};

/* The host's allocator, or malloc and free; with the defaults filled in. */
mdl_allocator mdl_allocator_or_default(const mdl_allocator *allocator);

void mdl_arena_init(struct arena *a, const mdl_allocator *allocator, uint64_t limit);
void mdl_arena_free(struct arena *a);

/* `count` elements of `bytes` bytes, zeroed, aligned to 64; NULL when memory or the
 * limit is reached or the product overflows.  A count of 0 gives a valid pointer. */
void *mdl_arena_take(struct arena *a, uint64_t count, uint64_t bytes);

/* The same, not zeroed: for what the caller fills. */
void *mdl_arena_take_raw(struct arena *a, uint64_t count, uint64_t bytes);

/* About so many bytes will be taken, piece by piece: they come from one block, unless the limit
 * is near. */
void mdl_arena_expect(struct arena *a, uint64_t bytes);

/* Give back what was taken since *a was a copy of `was`. */
void mdl_arena_back(struct arena *a, const struct arena *was);

/* The error for a NULL from mdl_arena_take. */
mdl_status mdl_arena_fail(const struct arena *a, mdl_error *err, const char *what);

#endif
