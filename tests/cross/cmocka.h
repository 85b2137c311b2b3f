/*
 * tests/cross/cmocka.h - the part of cmocka that our tests use, in one header
 *
 * For processors other than this machine's, where cmocka is not at hand: `make
 * check-qemu` builds every C test with this instead.  A failed assertion prints its
 * place, ends the test and fails the program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_CROSS_CMOCKA_H
#define MDL_TESTS_CROSS_CMOCKA_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    int (*setup_func)(void **state);
    int (*teardown_func)(void **state);
    void *initial_state;
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_prestate(f, state) { #f, f, NULL, NULL, state }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) { #f, f, setup, teardown, NULL }

static jmp_buf cross_end;

__attribute__((noreturn, unused)) static void cross_fail(const char *file, int line)
{
    fprintf(stderr, "    %s:%d\n", file, line);
    longjmp(cross_end, 1);
}

#define fail_msg(...) \
    (fprintf(stderr, "    "), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), \
     cross_fail(__FILE__, __LINE__))
#define fail() fail_msg("failed")

#define CROSS_TRUE(holds, ...) do { if (!(holds)) fail_msg(__VA_ARGS__); } while (0)
#define CROSS_COMPARE(a, op, b) do { \
        const uintmax_t cross_a = (uintmax_t)(a), cross_b = (uintmax_t)(b); \
        CROSS_TRUE(cross_a op cross_b, "%s = %" PRIuMAX ", expected " #op " %" PRIuMAX, #a, \
                   cross_a, cross_b); \
    } while (0)

#define assert_true(c) CROSS_TRUE(c, "%s", #c)
#define assert_false(c) CROSS_TRUE(!(c), "!(%s)", #c)
#define assert_null(p) CROSS_TRUE((p) == NULL, "%s is not NULL", #p)
#define assert_non_null(p) CROSS_TRUE((p) != NULL, "%s is NULL", #p)
#define assert_ptr_equal(a, b) CROSS_TRUE((const void *)(a) == (const void *)(b), "%s != %s", #a, #b)
#define assert_int_equal(a, b) CROSS_COMPARE(a, ==, b)
#define assert_int_not_equal(a, b) CROSS_COMPARE(a, !=, b)
#define assert_string_equal(a, b) do { \
        const char *cross_a = (a), *cross_b = (b); \
        CROSS_TRUE(!strcmp(cross_a, cross_b), "\"%s\", expected \"%s\"", cross_a, cross_b); \
    } while (0)
#define assert_string_not_equal(a, b) CROSS_TRUE(strcmp(a, b), "\"%s\"", (const char *)(a))
#define assert_memory_equal(a, b, n) CROSS_TRUE(!memcmp(a, b, n), "%s and %s differ", #a, #b)

#define print_message printf
#define print_error(...) fprintf(stderr, __VA_ARGS__)

static inline int cross_run(const struct CMUnitTest *t, void *state)
{
    if (t->initial_state)
        state = t->initial_state;
    if (setjmp(cross_end))
        return 0;
    if (t->setup_func && t->setup_func(&state))
        return 0;
    t->test_func(&state);
    return !t->teardown_func || t->teardown_func(&state) == 0;
}

static inline int cross_run_all(const char *group, const struct CMUnitTest *tests, size_t n,
                                int (*setup)(void **state), int (*teardown)(void **state))
{
    void *state = NULL;
    int failed = 0;

    if (setup && setup(&state))
        return 1;
    for (size_t i = 0; i < n; i++)
        if (!cross_run(&tests[i], state)) {
            fprintf(stderr, "FAILED %s: %s\n", group, tests[i].name);
            failed++;
        }
    if (teardown && teardown(&state))
        failed++;
    printf("%s: %zu tests, %d failed\n", group, n, failed);
    return failed;
}

#define cmocka_run_group_tests_name(group, tests, setup, teardown) \
    cross_run_all(group, tests, sizeof(tests) / sizeof *(tests), setup, teardown)
#define cmocka_run_group_tests(tests, setup, teardown) \
    cross_run_all(__FILE__, tests, sizeof(tests) / sizeof *(tests), setup, teardown)

#endif
