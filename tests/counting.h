/*
 * tests/counting.h - an allocator that counts, checks sizes, and fails on demand
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_COUNTING_H
#define MDL_TESTS_COUNTING_H

#include "test.h"

struct counting {
    size_t allocs;               /* calls so far                        */
    size_t fail_at;              /* this call fails; 0: none does       */
    size_t live, live_bytes;     /* not given back yet                  */
    size_t wrong;                /* blocks given back with another size */
};

#define COUNTING_HEAD 64u        /* the size is kept in front of a block */

static inline void *counting_alloc(void *user, size_t bytes)
{
    struct counting *c = user;

    if (__atomic_add_fetch(&c->allocs, 1, __ATOMIC_SEQ_CST) == c->fail_at
        || bytes > SIZE_MAX - COUNTING_HEAD)
        return NULL;
    unsigned char *p = malloc(bytes + COUNTING_HEAD);
    if (!p)
        return NULL;
    memcpy(p, &bytes, sizeof bytes);
    memset(p + COUNTING_HEAD, 0xA5, bytes);      /* nobody may rely on zeros */
    __atomic_add_fetch(&c->live, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&c->live_bytes, bytes, __ATOMIC_SEQ_CST);
    return p + COUNTING_HEAD;
}

static inline void counting_free(void *user, void *pointer, size_t bytes)
{
    struct counting *c = user;
    unsigned char *p = (unsigned char *)pointer - COUNTING_HEAD;
    size_t was;

    memcpy(&was, p, sizeof was);
    if (was != bytes)
        __atomic_add_fetch(&c->wrong, 1, __ATOMIC_SEQ_CST);
    memset(p, 0x5A, was + COUNTING_HEAD);        /* use after free shows */
    free(p);
    __atomic_sub_fetch(&c->live, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&c->live_bytes, was, __ATOMIC_SEQ_CST);
}

static inline mdl_allocator counting_allocator(struct counting *c)
{
    return (mdl_allocator){ .size = sizeof(mdl_allocator), .alloc = counting_alloc,
                            .free = counting_free, .user = c };
}

/*
 * A model whose scratch is far larger than a stack frame: stump t of 20 reads column
 * 100 t of 2000 and adds 1 on the left of 0.5, 1000 on the right.
 */
#define WIDE_COLS 2000u
#define WIDE_TREES 20u

static inline mdl_builder *wide_model(const mdl_allocator *allocator, uint32_t x_type)
{
    const uint8_t flags[] = { MDL_NODE_NUMBER, MDL_NODE_LEAF, MDL_NODE_LEAF };
    const int32_t left[] = { 1, -1, -1 }, right[] = { 2, -1, -1 };
    const double threshold[] = { 0.5, 0, 0 }, value[] = { 0, 1, 1000 };
    const mdl_trees ensemble = { .size = sizeof ensemble, .threshold_type = MDL_F32,
                                 .leaf_type = MDL_F64, .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(allocator);

    if (!b)
        return NULL;
    const int32_t x = mdl_build_input(b, "x", x_type, WIDE_COLS, MDL_ABSENT_ZERO);
    const int32_t n = mdl_build_trees(b, x, &ensemble);
    for (int32_t t = 0; t < (int32_t)WIDE_TREES; t++) {
        const int32_t feature[] = { 100 * t, -1, -1 };
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .iteration = (uint64_t)t,
                                .weight = 1, .flags = flags, .left = left, .right = right,
                                .feature = feature, .threshold = threshold, .value = value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return b;
}

static inline mdl_model *loaded(mdl_builder *b, const mdl_allocator *allocator)
{
    const mdl_load_options options = { .size = sizeof options, .allocator = allocator };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    size_t size;
    unsigned char *file = built_file(b, &size);

    if (mdl_load_memory(&m, file, size, &options, &err))
        fail_msg("%s", err.text);
    free(file);
    return m;
}

#endif
