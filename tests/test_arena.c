/*
 * tests/test_arena.c - memory from an arena is aligned, zeroed, apart, limited, given back
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include "base/arena.h"
#include "base/vec.h"

static void pieces_are_aligned_zeroed_and_do_not_overlap(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator allocator = counting_allocator(&c);    /* hands out 0xA5 */
    enum { PIECES = 300 };
    unsigned char *piece[PIECES];
    size_t size[PIECES];
    uint64_t seed = 1;
    struct arena a;
    (void)state;

    mdl_arena_init(&a, &allocator, UINT64_MAX);
    for (int i = 0; i < PIECES; i++) {
        size[i] = (size_t)(next_random(&seed) % (i % 50 == 0 ? 40000 : 700));
        piece[i] = mdl_arena_take(&a, size[i], 1);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 64, 0);
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(piece[i][k], 0);
        memset(piece[i], i, size[i]);
    }
    for (int i = 0; i < PIECES; i++)
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(piece[i][k], (unsigned char)i);
    assert_true(a.used == c.live_bytes);
    mdl_arena_free(&a);
    assert_int_equal(c.live, 0);
    assert_int_equal(c.wrong, 0);
    assert_true(a.used == 0);
}

static void a_product_that_overflows_is_refused(void **state)
{
    struct arena a;
    (void)state;

    mdl_arena_init(&a, NULL, UINT64_MAX);
    assert_null(mdl_arena_take(&a, UINT64_MAX / 2, 3));
    assert_null(mdl_arena_take(&a, 1ull << 32, 1ull << 32));
    assert_null(mdl_arena_take(&a, UINT64_MAX, 1));
    assert_null(mdl_arena_take(&a, UINT64_MAX - 63, 1));
    assert_non_null(mdl_arena_take(&a, 0, UINT64_MAX));
    assert_non_null(mdl_arena_take(&a, UINT64_MAX, 0));
    mdl_arena_free(&a);
}

static void the_limit_holds_and_is_named_in_the_error(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator allocator = counting_allocator(&c);
    mdl_error err = MDL_ERROR_INIT;
    struct arena a;
    (void)state;

    mdl_arena_init(&a, &allocator, 100000);
    while (mdl_arena_take(&a, 1000, 1))
        assert_true(a.used <= 100000);
    assert_true(c.live_bytes > 50000 && c.live_bytes <= 100000);
    assert_int_equal(mdl_arena_fail(&a, &err, "weights"), MDL_ERR_LIMIT);
    assert_non_null(strstr(err.text, "weights"));
    assert_non_null(strstr(err.text, "100000"));
    mdl_arena_free(&a);
    assert_int_equal(c.live, 0);
}

static void what_is_expected_comes_from_one_block(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator allocator = counting_allocator(&c);
    struct arena a;
    (void)state;

    mdl_arena_init(&a, &allocator, UINT64_MAX);
    mdl_arena_expect(&a, 100 * 6400);
    for (int i = 0; i < 100; i++)
        assert_non_null(mdl_arena_take(&a, 6400, 1));
    assert_int_equal(c.allocs, 1);
    assert_non_null(mdl_arena_take(&a, 1, 1));           /* and more is no mistake */
    assert_int_equal(c.allocs, 2);
    mdl_arena_free(&a);

    mdl_arena_init(&a, &allocator, 20000);               /* a limit goes before */
    mdl_arena_expect(&a, 30000);
    assert_non_null(mdl_arena_take(&a, 10000, 1));
    assert_true(a.used <= 20000 && !a.limited);
    mdl_arena_free(&a);
    assert_int_equal(c.live, 0);
}

static void an_allocator_that_fails_is_told_from_a_limit(void **state)
{
    struct counting c = { .fail_at = 1 };
    const mdl_allocator allocator = counting_allocator(&c);
    mdl_error err = MDL_ERROR_INIT;
    struct arena a;
    (void)state;

    mdl_arena_init(&a, &allocator, UINT64_MAX);
    assert_null(mdl_arena_take(&a, 1, 1));
    assert_int_equal(mdl_arena_fail(&a, &err, "weights"), MDL_ERR_MEMORY);
    assert_non_null(mdl_arena_take(&a, 1, 1));          /* and a failure is not for ever */
    mdl_arena_free(&a);
    assert_int_equal(c.live, 0);
}

static void a_vec_keeps_what_it_holds_while_it_grows(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator allocator = counting_allocator(&c);
    struct vec v = { 0 };
    (void)state;

    for (uint32_t i = 0; i < 5000; i++)
        assert_non_null(mdl_vec_add(&v, &allocator, &i, sizeof i));
    assert_int_equal(v.bytes, 5000 * sizeof(uint32_t));
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t word;
        memcpy(&word, v.data + i * sizeof word, sizeof word);
        assert_int_equal(word, i);
    }
    const unsigned char *zeros = mdl_vec_add(&v, &allocator, NULL, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    assert_true(c.allocs < 20);                          /* doubling, not one by one */
    assert_null(mdl_vec_add(&v, &allocator, NULL, SIZE_MAX - 10));
    assert_int_equal(v.bytes, 5000 * sizeof(uint32_t) + 100);
    mdl_vec_free(&v, &allocator);
    assert_int_equal(c.live, 0);
    assert_int_equal(c.wrong, 0);
}

static void a_vec_that_cannot_grow_is_as_before(void **state)
{
    struct counting c = { .fail_at = 2 };
    const mdl_allocator allocator = counting_allocator(&c);
    struct vec v = { 0 };
    (void)state;

    assert_non_null(mdl_vec_add(&v, &allocator, "0123", 4));
    assert_null(mdl_vec_add(&v, &allocator, NULL, 1000));
    assert_int_equal(v.bytes, 4);
    assert_memory_equal(v.data, "0123", 4);
    mdl_vec_free(&v, &allocator);
    assert_int_equal(c.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zeroed_and_do_not_overlap),
        cmocka_unit_test(a_product_that_overflows_is_refused),
        cmocka_unit_test(the_limit_holds_and_is_named_in_the_error),
        cmocka_unit_test(what_is_expected_comes_from_one_block),
        cmocka_unit_test(an_allocator_that_fails_is_told_from_a_limit),
        cmocka_unit_test(a_vec_keeps_what_it_holds_while_it_grows),
        cmocka_unit_test(a_vec_that_cannot_grow_is_as_before),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
