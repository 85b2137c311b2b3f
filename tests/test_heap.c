/*
 * tests/test_heap.c - memory within one call
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/arena.h"
#include "base/heap.h"

static void pieces_never_overlap_and_come_back_whole(void **state)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    unsigned char *held[64] = { NULL };
    size_t bytes[64] = { 0 };
    uint64_t random = 7;
    struct heap h;
    (void)state;

    mdl_heap_init(&h, &a, NULL, 0, UINT64_MAX);
    for (int step = 0; step < 20000; step++) {
        const size_t i = (size_t)(next_random(&random) % 64);
        for (size_t k = 0; k < bytes[i]; k++)
            assert_int_equal(held[i][k], i);
        if (held[i]) {
            mdl_heap_give(&h, held[i]);
            held[i] = NULL;
            bytes[i] = 0;
            continue;
        }
        bytes[i] = (size_t)(next_random(&random) % 700);
        held[i] = mdl_heap_take(&h, bytes[i]);
        assert_non_null(held[i]);
        assert_int_equal((uintptr_t)held[i] % 64, 0);
        memset(held[i], (int)i, bytes[i]);
    }
    const uint64_t kept = h.held;
    mdl_heap_reset(&h);
    assert_int_equal(h.used, 0);
    /* All of it is one piece again. */
    assert_non_null(mdl_heap_take(&h, kept - 128));
    mdl_heap_free(&h);
}

static void a_block_of_the_caller_does_not_grow_and_a_limit_holds(void **state)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    unsigned char *memory = malloc(4096);
    struct heap h;
    (void)state;

    mdl_heap_init(&h, NULL, memory + 1, 4095, UINT64_MAX);
    assert_non_null(mdl_heap_take(&h, 1000));
    assert_null(mdl_heap_take(&h, 4000));
    assert_non_null(mdl_heap_take(&h, 0));
    assert_null(mdl_heap_take(&h, UINT64_MAX));
    mdl_heap_free(&h);
    free(memory);
    mdl_heap_init(&h, &a, NULL, 0, 10000);
    void *p = mdl_heap_take(&h, 9000);
    assert_non_null(p);
    assert_null(mdl_heap_take(&h, 2000));
    mdl_heap_give(&h, p);
    assert_non_null(mdl_heap_take(&h, 2000));
    mdl_heap_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_never_overlap_and_come_back_whole),
        cmocka_unit_test(a_block_of_the_caller_does_not_grow_and_a_limit_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
