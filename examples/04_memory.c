/*
 * examples/04_memory.c - a model inside the program, and memory under the host's control
 *
 * The file is compiled in as an array of bytes and used where it lies: no file system,
 * no copy.  Everything the library needs comes from one buffer of ours, and predicting
 * allocates nothing at all, because it is given a context.
 *
 * ride_mdl.h is the bytes of ride.mdl, separated by commas:
 *     od -An -v -tu1 ride.mdl | sed 's/[0-9][0-9]*\/&,/g' > ride_mdl.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.h"

#include <stdio.h>

static const _Alignas(64) unsigned char ride[] = {      /* MDL_LOAD_BORROW wants 64 */
#include "ride_mdl.h"
};

/* An allocator that hands out a buffer from the front. */
struct pool {
    _Alignas(64) unsigned char bytes[65536];
    size_t used, calls;
};

static void *pool_alloc(void *user, size_t bytes)
{
    struct pool *p = user;
    const size_t size = (bytes + 63) / 64 * 64;

    p->calls++;
    if (size < bytes || size > sizeof p->bytes - p->used)
        return NULL;                          /* mdl_load then says MDL_ERR_MEMORY */
    p->used += size;
    return p->bytes + p->used - size;
}

static void pool_free(void *user, void *pointer, size_t bytes)
{
    (void)user;
    (void)pointer;
    (void)bytes;                              /* the pool goes as a whole */
}

int main(void)
{
    static struct pool pool;
    static unsigned char scratch[65536];
    const mdl_allocator allocator = { .size = sizeof allocator, .alloc = pool_alloc,
                                      .free = pool_free, .user = &pool };
    const mdl_limits limits = { .size = sizeof limits, .memory_bytes = sizeof pool.bytes };
    const mdl_load_options options = { .size = sizeof options, .flags = MDL_LOAD_BORROW,
                                       .allocator = &allocator, .limits = &limits };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    if (mdl_load_memory(&m, ride, sizeof ride, &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }

    /* A context for one row at a time; one per thread. */
    mdl_predict_options how = MDL_PREDICT_OPTIONS_INIT;
    how.context = mdl_context_init(m, 1, scratch, sizeof scratch);
    const size_t calls = pool.calls;
    float x[] = { 5, 2 }, y = 0;              /* 5 km, airport */
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2, .data = x,
                            .dims = { 1, 2 } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F32, .rank = 2, .data = &y,
                             .dims = { 1, 1 } };
    for (int i = 0; i < 1000; i++)
        if (mdl_predict_tensor(m, &in, &out, &how, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }

    printf("%.9g\n", (double)y);
    printf("allocations while predicting: %zu\n", pool.calls - calls);
    mdl_free(m);
    return how.context == NULL;
}
