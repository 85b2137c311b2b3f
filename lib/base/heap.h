/*
 * base/heap.h - memory that is handed out and taken back within one call
 *
 * First fit over a list of free pieces in the order of their addresses; neighbours grow
 * together.  What was handed out can all be taken back at once.  It lies in one block of the
 * caller's, or in blocks from an allocator, of which the largest is kept.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_HEAP_H
#define MDL_BASE_HEAP_H

#include "base/status.h"

struct heap_piece;
struct heap_block;

struct heap {
    const mdl_allocator *allocator;  /* NULL: the caller's block alone             */
    struct heap_block *blocks;
    struct heap_piece *free;      /* by address                                     */
    uint64_t used, most;          /* bytes handed out, and the most there were      */
    uint64_t limit;               /* of `used`                                      */
    uint64_t held;                /* bytes in blocks                                */
};

/* A heap over `bytes` bytes at `memory`, which may be NULL and 0 when there is an allocator. */
void mdl_heap_init(struct heap *h, const mdl_allocator *allocator, void *memory, size_t bytes,
                   uint64_t limit);
/* Gives blocks back to the allocator. */
void mdl_heap_free(struct heap *h);

/* `bytes` bytes aligned to 64, not zeroed, or NULL; 0 bytes are a place too. */
void *mdl_heap_take(struct heap *h, uint64_t bytes);
void mdl_heap_give(struct heap *h, void *p);
/* Everything back at once.  Blocks become one that held all of them. */
void mdl_heap_reset(struct heap *h);

#endif
