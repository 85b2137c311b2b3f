/*
 * tests/test_pool.c - the pool alone: every task once, whoever asks, whatever fails
 *
 * The pool is compiled in here with a system that refuses to start threads on demand.
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include "base/thread.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

static int may_start = 1 << 20;

static int start_or_not(struct thread *t, void *(*body)(void *arg), void *arg)
{
    return may_start-- > 0 && mdl_thread_start(t, body, arg);
}

#define mdl_thread_start start_or_not
#include "pool.c"

#define MOST_TASKS 300u

struct tally {
    size_t ran[MOST_TASKS + 1];   /* atomic: times that each task ran; the last: no task of ours */
    const mdl_parallel *nested;   /* every task asks it for more      */
};

static void count(void *data, size_t i)
{
    struct tally *t = data;

    __atomic_add_fetch(&t->ran[i < MOST_TASKS ? i : MOST_TASKS], 1, __ATOMIC_RELAXED);
}

/* Tasks 0 .. tasks - 1 ran `times` times, no other did. */
static void expect_ran(const struct tally *t, size_t tasks, size_t times)
{
    for (size_t i = 0; i <= MOST_TASKS; i++)
        assert_int_equal(t->ran[i], i < tasks ? times : 0);
}

static void every_task_runs_once_on_any_number_of_threads(void **state)
{
    (void)state;

    for (uint32_t threads = 1; threads <= 5; threads++) {
        mdl_pool *pool;
        mdl_error err = MDL_ERROR_INIT;
        if (mdl_pool_create(&pool, threads, NULL, &err))
            fail_msg("%s", err.text);
        const mdl_parallel *p = mdl_pool_parallel(pool);
        assert_int_equal(p->threads, threads);
        for (size_t tasks = 0; tasks < MOST_TASKS; tasks += tasks < 12 ? 1 : 37) {
            struct tally t = { { 0 }, NULL };
            p->run(p->user, tasks, count, &t);
            expect_ran(&t, tasks, 1);
        }
        mdl_pool_free(pool);
    }
}

/* Jobs so short that threads wake up late, and so far apart that they sleep. */
static void threads_that_come_late_find_nothing(void **state)
{
    mdl_pool *pool;
    (void)state;

    assert_int_equal(mdl_pool_create(&pool, 3, NULL, NULL), MDL_OK);
    const mdl_parallel *p = mdl_pool_parallel(pool);
    for (int i = 0; i < 3000; i++) {
        struct tally t = { { 0 }, NULL };
        p->run(p->user, 2, count, &t);
        expect_ran(&t, 2, 1);
        memset(&t, 0xFF, sizeof t);              /* nobody may count in it any more */
        for (size_t k = 0; k < 2; k++)
            assert_true(t.ran[k] == SIZE_MAX);
        if (i % 100 == 0)
            usleep(300);
    }
    mdl_pool_free(pool);
}

#define CALLERS 4

struct caller {
    pthread_t thread;
    const mdl_parallel *p;
    size_t wrong;
};

static void *call_often(void *arg)
{
    struct caller *c = arg;

    for (int i = 0; i < 500; i++) {
        struct tally t = { { 0 }, NULL };
        const size_t tasks = 1 + (size_t)i % 40;
        c->p->run(c->p->user, tasks, count, &t);
        for (size_t k = 0; k < MOST_TASKS; k++)
            c->wrong += t.ran[k] != (k < tasks);
    }
    return NULL;
}

static void several_callers_share_one_pool(void **state)
{
    struct caller callers[CALLERS];
    mdl_pool *pool;
    (void)state;

    assert_int_equal(mdl_pool_create(&pool, 3, NULL, NULL), MDL_OK);
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ .p = mdl_pool_parallel(pool) };
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    mdl_pool_free(pool);
}

static void ask_for_more(void *data, size_t i)
{
    struct tally *t = data;
    (void)i;

    t->nested->run(t->nested->user, 7, count, t);
}

static void a_task_may_use_the_pool_it_runs_on(void **state)
{
    struct tally t = { { 0 }, NULL };
    mdl_pool *pool;
    (void)state;

    assert_int_equal(mdl_pool_create(&pool, 3, NULL, NULL), MDL_OK);
    t.nested = mdl_pool_parallel(pool);
    t.nested->run(t.nested->user, 20, ask_for_more, &t);
    expect_ran(&t, 7, 20);
    mdl_pool_free(pool);
}

static void what_cannot_be_made_is_refused_and_leaves_nothing(void **state)
{
    struct counting c = { .fail_at = 1 };
    const mdl_allocator a = counting_allocator(&c), no_free = { sizeof a, 0, a.alloc, NULL, NULL };
    mdl_error err = MDL_ERROR_INIT;
    mdl_pool *pool = (mdl_pool *)(uintptr_t)1;
    (void)state;

    assert_int_equal(mdl_pool_create(&pool, 2, &a, &err), MDL_ERR_MEMORY);
    assert_null(pool);
    assert_int_equal(mdl_pool_create(NULL, 2, &a, NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_pool_create(&pool, 2, &no_free, NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_pool_create(&pool, UINT32_MAX, &a, &err), MDL_ERR_ARGUMENT);
    assert_null(pool);
    for (int allowed = 0; allowed < 3; allowed++) {
        err = (mdl_error)MDL_ERROR_INIT;
        may_start = allowed;
        errno = 77;
        assert_int_equal(mdl_pool_create(&pool, 4, &a, &err), MDL_ERR_MEMORY);
        assert_int_equal(errno, 77);
        assert_null(pool);
        char says[64];
        snprintf(says, sizeof says, "the system starts %d threads, 3 were wanted", allowed);
        assert_string_equal(err.text, says);
    }
    may_start = 1 << 20;
    assert_int_equal(mdl_pool_create(&pool, 4, &a, NULL), MDL_OK);
    mdl_pool_free(pool);
    mdl_pool_free(NULL);
    assert_null(mdl_pool_parallel(NULL));
    assert_int_equal(c.live, 0);
    assert_int_equal(c.wrong, 0);
}

static void zero_threads_are_as_many_as_there_are_processors(void **state)
{
    mdl_pool *pool;
    (void)state;

    assert_int_equal(mdl_pool_create(&pool, 0, NULL, NULL), MDL_OK);
    const uint32_t threads = mdl_pool_parallel(pool)->threads;
    assert_true(threads >= 1 && threads <= (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
    mdl_pool_free(pool);
}

/* fork copies the pool but not its threads. */
static void in_a_forked_process_the_caller_does_it_all(void **state)
{
    mdl_pool *pool;
    int status = -1;
    (void)state;

    assert_int_equal(mdl_pool_create(&pool, 3, NULL, NULL), MDL_OK);
    const mdl_parallel *p = mdl_pool_parallel(pool);
    const pid_t child = fork();
    if (!child) {
        struct tally t = { { 0 }, NULL };
        size_t wrong = 0;
        alarm(20);                               /* instead of waiting for ever */
        p->run(p->user, 50, count, &t);
        for (size_t i = 0; i < MOST_TASKS; i++)
            wrong += t.ran[i] != (i < 50);
        mdl_pool_free(pool);
        _exit(wrong != 0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct tally t = { { 0 }, NULL };
    p->run(p->user, 50, count, &t);
    expect_ran(&t, 50, 1);
    mdl_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_on_any_number_of_threads),
        cmocka_unit_test(threads_that_come_late_find_nothing),
        cmocka_unit_test(several_callers_share_one_pool),
        cmocka_unit_test(a_task_may_use_the_pool_it_runs_on),
        cmocka_unit_test(what_cannot_be_made_is_refused_and_leaves_nothing),
        cmocka_unit_test(zero_threads_are_as_many_as_there_are_processors),
        cmocka_unit_test(in_a_forked_process_the_caller_does_it_all),
    };

    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
