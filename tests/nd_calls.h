/*
 * tests/nd_calls.h - inputs and answers of tensor operators in few words
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_ND_CALLS_H
#define MDL_TESTS_ND_CALLS_H

#include "one_tensor.h"

#define N(...) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))
#define DIMS(...) (uint32_t)N(__VA_ARGS__), (int64_t[]){ __VA_ARGS__ }

static const float ten[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

/* A tensor of float32; a list of int64; one number of int64. */
static inline void floats(struct call *t, uint32_t rank, const int64_t *dims)
{
    static const float zeros[4096];
    uint64_t n = 1;

    for (uint32_t i = 0; i < rank; i++)
        n *= (uint64_t)dims[i];
    assert_true(n <= 4096);
    call_in(t, MDL_F32, rank, dims, n <= 10 ? ten : zeros);
}

static inline void list(struct call *t, uint32_t n, const int64_t *v)
{
    call_in(t, MDL_I64, 1, (const int64_t[]){ n }, v);
}

static inline void number(struct call *t, const int64_t *v)
{
    call_in(t, MDL_I64, 0, NULL, v);
}

static inline void gives(struct call *t, uint32_t rank, const int64_t *dims, const void *want)
{
    call_run(t);
    assert_int_equal(t->y->rank, rank);
    assert_memory_equal(t->y->dims, dims, rank * sizeof *dims);
    assert_memory_equal(t->y->data, want, t->y->count * mdl_nd_type_bytes(t->y->type));
    call_end(t);
}

static inline void refuses(struct call *t, const char *text)
{
    call_fails(t, text);
    call_end(t);
}

#endif
