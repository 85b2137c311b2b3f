/*
 * base/heap.c - see heap.h
 *
 *     block:  | heap_block, 64 bytes | piece | piece | ...
 *     piece:  | heap_piece, 64 bytes | what is handed out, a multiple of 64 bytes |
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/heap.h"

#define STEP 64u
#define LEAST_BLOCK 16384u

struct heap_piece {
    uint64_t bytes;               /* with this header; a multiple of STEP           */
    struct heap_piece *next;      /* among the free                                 */
};

struct heap_block {
    struct heap_block *next;
    void   *raw;                  /* as the allocator gave it; NULL: the caller's   */
    size_t  raw_bytes;
    uint64_t bytes;               /* of pieces                                      */
};

static struct heap_piece *first_piece(struct heap_block *b)
{
    return (struct heap_piece *)(void *)((unsigned char *)b + STEP);
}

/* Among the free, in order, joined with neighbours. */
static void insert(struct heap *h, struct heap_piece *p)
{
    struct heap_piece **at = &h->free, *before = NULL;

    while (*at && *at < p) {
        before = *at;
        at = &(*at)->next;
    }
    p->next = *at;
    *at = p;
    if (p->next && (unsigned char *)p + p->bytes == (unsigned char *)p->next) {
        p->bytes += p->next->bytes;
        p->next = p->next->next;
    }
    if (before && (unsigned char *)before + before->bytes == (unsigned char *)p) {
        before->bytes += p->bytes;
        before->next = p->next;
    }
}

/* Pieces out of `bytes` raw bytes; blocks never touch, so they never join: a header lies
 * between. */
static void add_block(struct heap *h, void *raw, size_t raw_bytes, int is_ours)
{
    const size_t skip = (STEP - (uintptr_t)raw % STEP) % STEP;

    if (raw_bytes < skip + 4 * STEP)
        return;
    struct heap_block *b = (struct heap_block *)(void *)((unsigned char *)raw + skip);
    *b = (struct heap_block){ .next = h->blocks, .raw = is_ours ? raw : NULL,
                              .raw_bytes = raw_bytes,
                              .bytes = (raw_bytes - skip - STEP) / STEP * STEP };
    h->blocks = b;
    h->held += b->bytes;
    struct heap_piece *p = first_piece(b);
    p->bytes = b->bytes;
    insert(h, p);
}

void mdl_heap_init(struct heap *h, const mdl_allocator *allocator, void *memory, size_t bytes,
                   uint64_t limit)
{
    *h = (struct heap){ .allocator = allocator, .limit = limit };
    if (memory)
        add_block(h, memory, bytes, 0);
}

static void free_blocks(struct heap *h)
{
    for (struct heap_block *b = h->blocks, *next; b; b = next) {
        next = b->next;
        if (b->raw)
            h->allocator->free(h->allocator->user, b->raw, b->raw_bytes);
    }
}

void mdl_heap_free(struct heap *h)
{
    free_blocks(h);
    *h = (struct heap){ .allocator = h->allocator, .limit = h->limit };
}

static int grow(struct heap *h, uint64_t bytes)
{
    uint64_t raw_bytes = bytes + 4 * STEP;

    if (!h->allocator || bytes > SIZE_MAX / 2)
        return 0;
    if (raw_bytes < LEAST_BLOCK)
        raw_bytes = LEAST_BLOCK;
    if (raw_bytes < h->held / 2)
        raw_bytes = h->held / 2;
    void *raw = h->allocator->alloc(h->allocator->user, (size_t)raw_bytes);
    if (!raw)
        return 0;
    add_block(h, raw, (size_t)raw_bytes, 1);
    return 1;
}

static void *take_first(struct heap *h, uint64_t bytes)
{
    for (struct heap_piece **at = &h->free; *at; at = &(*at)->next) {
        struct heap_piece *p = *at;
        if (p->bytes < bytes)
            continue;
        if (p->bytes - bytes >= 2 * STEP) {
            struct heap_piece *rest = (struct heap_piece *)(void *)((unsigned char *)p + bytes);
            rest->bytes = p->bytes - bytes;
            rest->next = p->next;
            p->bytes = bytes;
            *at = rest;
        } else {
            *at = p->next;
        }
        h->used += p->bytes;
        h->most = h->used > h->most ? h->used : h->most;
        return (unsigned char *)p + STEP;
    }
    return NULL;
}

void *mdl_heap_take(struct heap *h, uint64_t bytes)
{
    uint64_t all;

    if (!size_add(bytes, 2 * STEP - 1, &all) || all > h->limit - (h->used < h->limit ? h->used
                                                                                    : h->limit))
        return NULL;
    all = all / STEP * STEP;
    void *p = take_first(h, all);
    if (!p && grow(h, all))
        p = take_first(h, all);
    return p;
}

void mdl_heap_give(struct heap *h, void *p)
{
    if (!p)
        return;
    struct heap_piece *piece = (struct heap_piece *)(void *)((unsigned char *)p - STEP);
    h->used -= piece->bytes;
    insert(h, piece);
}

void mdl_heap_reset(struct heap *h)
{
    struct heap_block *blocks = h->blocks;
    const uint64_t held = h->held;

    h->used = 0;
    h->free = NULL;
    if (blocks && blocks->next && h->allocator) {
        free_blocks(h);
        h->blocks = NULL;
        h->held = 0;
        grow(h, held);            /* no memory: the next take asks again */
        return;
    }
    for (struct heap_block *b = blocks; b; b = b->next) {
        struct heap_piece *p = first_piece(b);
        p->bytes = b->bytes;
        insert(h, p);
    }
}
