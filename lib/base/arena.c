/*
 * base/arena.c - see arena.h
 *
 *     block:  | header | pad to 64 | ... handed out ... | left |
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#if MDL_OS_LINUX
#  include <sys/mman.h>
#endif

#define ALIGN 64u                 /* one cache line, the widest vector */
#define BLOCK_BYTES 16384u        /* small models fit one block        */

/* The address sanitizer is told what has been handed out: who reads on is seen. */
#if defined __has_feature
#  define HAS_FEATURE(x) __has_feature(x)
#else
#  define HAS_FEATURE(x) 0
#endif
#if defined __SANITIZE_ADDRESS__ || HAS_FEATURE(address_sanitizer)
#  include <sanitizer/asan_interface.h>
#else
#  define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#  define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

struct arena_block {
    struct arena_block *next;
    size_t bytes;
};

#ifdef MADV_HUGEPAGE
/* Memory costs what it takes to get its pages, 2 us for one of 4 KB in a virtual machine, 80 for
 * one of 2 MB: so that is asked for, where Linux has them to spare, also for a part of one. */
#  define HUGE_PAGE  ((size_t)2 << 20)
#  define HUGE_LEAST (HUGE_PAGE / 4)

static void *default_alloc(void *user, size_t bytes)
{
    const int kept = errno;
    void *p;

    (void)user;
    if (bytes < HUGE_LEAST || bytes > SIZE_MAX - HUGE_PAGE)
        return malloc(bytes);
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (posix_memalign(&p, HUGE_PAGE, bytes))
        return NULL;
    (void)madvise(p, bytes, MADV_HUGEPAGE);
    errno = kept;                 /* it is a wish */
    return p;
}
#else
static void *default_alloc(void *user, size_t bytes)
{
    (void)user;
    return malloc(bytes);
}
#endif

static void default_free(void *user, void *pointer, size_t bytes)
{
    (void)user;
    (void)bytes;
    free(pointer);
}

mdl_allocator mdl_allocator_or_default(const mdl_allocator *allocator)
{
    const mdl_allocator standard = { sizeof standard, 0, default_alloc, default_free, NULL };

    return allocator && allocator->alloc && allocator->free ? *allocator : standard;
}

void mdl_arena_init(struct arena *a, const mdl_allocator *allocator, uint64_t limit)
{
    memset(a, 0, sizeof *a);
    a->allocator = mdl_allocator_or_default(allocator);
    a->limit = limit;
}

/* Where the next bytes are handed out. */
static unsigned char *next_of(const struct arena *a)
{
    return (unsigned char *)a->blocks + a->blocks->bytes - a->left;
}

void mdl_arena_back(struct arena *a, const struct arena *was)
{
    while (a->blocks != was->blocks) {
        struct arena_block *next = a->blocks->next;
        ASAN_UNPOISON_MEMORY_REGION(a->blocks, a->blocks->bytes);
        a->allocator.free(a->allocator.user, a->blocks, a->blocks->bytes);
        a->blocks = next;
    }
    *a = *was;
    if (a->blocks)
        ASAN_POISON_MEMORY_REGION(next_of(a), a->left);
}

void mdl_arena_free(struct arena *a)
{
    const struct arena empty = { .allocator = a->allocator, .limit = a->limit,
                                 .limited = a->limited };

    mdl_arena_back(a, &empty);
}

/* A new block with room for `bytes` aligned bytes, and for what is expected if the limit allows. */
static int grow(struct arena *a, size_t bytes)
{
    const size_t overhead = sizeof(struct arena_block) + ALIGN;

    if (bytes > SIZE_MAX - overhead)
        return 0;
    size_t total = bytes + overhead;
    if (total < BLOCK_BYTES)
        total = BLOCK_BYTES;
    if (a->expected > total && a->limit - a->used >= a->expected)
        total = (size_t)a->expected;
    a->expected = 0;
    if (total > a->limit || a->used > a->limit - total) {
        a->limited = 1;
        return 0;
    }

    struct arena_block *block = a->allocator.alloc(a->allocator.user, total);
    if (!block)
        return 0;
    block->next = a->blocks;
    block->bytes = total;
    a->blocks = block;
    a->used += total;

    const size_t start = sizeof *block;
    const size_t pad = (ALIGN - ((uintptr_t)block + start) % ALIGN) % ALIGN;
    a->left = total - start - pad;
    ASAN_POISON_MEMORY_REGION(next_of(a), a->left);
    return 1;
}

void mdl_arena_expect(struct arena *a, uint64_t bytes)
{
    if (bytes > a->left && bytes < SIZE_MAX / 2)
        a->expected = bytes + sizeof(struct arena_block) + ALIGN;
}

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

void *mdl_arena_take_raw(struct arena *a, uint64_t count, uint64_t bytes)
{
    uint64_t size;

    if (!size_mul(count, bytes, &size) || size > SIZE_MAX - 2 * ALIGN)
        return NULL;
    const size_t rounded = round_up((size_t)size);
    if ((!a->blocks || rounded > a->left) && !grow(a, rounded))
        return NULL;

    unsigned char *p = next_of(a);
    a->left -= rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, (size_t)size);
    return p;
}

void *mdl_arena_take(struct arena *a, uint64_t count, uint64_t bytes)
{
    void *p = mdl_arena_take_raw(a, count, bytes);

    return p ? memset(p, 0, (size_t)(count * bytes)) : NULL;
}

mdl_status mdl_arena_fail(const struct arena *a, mdl_error *err, const char *what)
{
    if (a->limited)
        return mdl_fail(err, MDL_ERR_LIMIT,
                        "%s: over the memory limit of %llu bytes (mdl_limits.memory_bytes)", what,
                        (unsigned long long)a->limit);
    return mdl_fail(err, MDL_ERR_MEMORY, "%s: out of memory", what);
}
