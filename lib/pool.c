/*
 * pool.c - the opt-in pool of threads: sleep, take tasks, sleep
 *
 * The caller works with its threads.  Tasks are taken from one counter; nothing else is
 * written while they run.  Whoever finds the pool taken (another caller, or a task of its
 * own) runs its tasks itself: no call ever waits for another one.
 *
 * Both sides look for a moment before they sleep: waking somebody costs more than a small
 * task.
 *
 * SPDX-License-Identifier: MIT
 */
#include "model.h"

#include "base/thread.h"

#include <errno.h>
#include <string.h>

#define MOST_THREADS 4096u
#define LOOKS        2000u        /* before sleep: 20 to 80 us, as long as it takes to wake */

enum { WORK, DONE };              /* events */

struct mdl_pool {
    mdl_parallel parallel;
    mdl_allocator allocator;
    size_t bytes;
    int64_t process;              /* which has the threads                       */
    struct monitor monitor;
    int taken, stop;              /* under the lock                              */
    mdl_task task;                /* these two: no worker inside                 */
    void *data;
    size_t tasks;                 /* 0: nothing to do; under the lock, atomic    */
    uint32_t inside;              /* workers at it; likewise                     */
    unsigned char pad[64];        /* the others are only read while tasks run    */
    size_t next;                  /* task to take, atomic                        */
    unsigned char pad2[64];
    uint32_t n_threads;
    struct thread threads[];
};

static int has_work(const mdl_pool *p)
{
    return mdl_atomic_get(&p->next) < mdl_atomic_get(&p->tasks);
}

static void take_tasks(mdl_pool *p)
{
    const size_t tasks = mdl_atomic_get(&p->tasks);

    for (size_t i; (i = mdl_atomic_add(&p->next, 1)) < tasks;)
        p->task(p->data, i);
}

static void *work(void *arg)
{
    mdl_pool *p = arg;

    for (;;) {
        for (unsigned i = 0; i < LOOKS && !has_work(p); i++)
            MDL_PAUSE();
        mdl_monitor_enter(&p->monitor);
        while (!p->stop && !has_work(p))
            mdl_monitor_wait(&p->monitor, WORK);
        if (p->stop)
            break;
        mdl_atomic_set(&p->inside, p->inside + 1);
        mdl_monitor_leave(&p->monitor);
        take_tasks(p);
        mdl_monitor_enter(&p->monitor);
        mdl_atomic_set(&p->inside, p->inside - 1);
        if (!p->inside)
            mdl_monitor_wake_all(&p->monitor, DONE);
        mdl_monitor_leave(&p->monitor);
    }
    mdl_monitor_leave(&p->monitor);
    return NULL;
}

/* Take the pool and show the tasks to its threads; 0 when somebody else has it. */
static int open_job(mdl_pool *p, size_t tasks, mdl_task task, void *data)
{
    mdl_monitor_enter(&p->monitor);
    if (p->taken) {
        mdl_monitor_leave(&p->monitor);
        return 0;
    }
    p->taken = 1;
    p->task = task;
    p->data = data;
    mdl_atomic_set(&p->next, 0);
    mdl_atomic_set(&p->tasks, tasks);
    mdl_monitor_wake_all(&p->monitor, WORK);
    mdl_monitor_leave(&p->monitor);
    return 1;
}

/* No task is left; wait for those under way.  Who wakes up only now stays out. */
static void close_job(mdl_pool *p)
{
    for (unsigned i = 0; i < LOOKS && mdl_atomic_get(&p->inside); i++)
        MDL_PAUSE();
    mdl_monitor_enter(&p->monitor);
    mdl_atomic_set(&p->tasks, 0);
    while (p->inside)
        mdl_monitor_wait(&p->monitor, DONE);
    p->taken = 0;
    mdl_monitor_leave(&p->monitor);
}

static void run(void *user, size_t tasks, mdl_task task, void *data)
{
    mdl_pool *p = user;

    if (tasks > 1 && p->process == mdl_thread_process() && open_job(p, tasks, task, data)) {
        take_tasks(p);
        close_job(p);
        return;
    }
    for (size_t i = 0; i < tasks; i++)
        task(data, i);
}

static void end_threads(mdl_pool *p)
{
    mdl_monitor_enter(&p->monitor);
    p->stop = 1;
    mdl_monitor_wake_all(&p->monitor, WORK);
    mdl_monitor_leave(&p->monitor);
    while (p->n_threads)
        mdl_thread_join(&p->threads[--p->n_threads]);
}

static mdl_status create(mdl_pool **out, uint32_t threads, const mdl_allocator *allocator,
                         mdl_error *err)
{
    mdl_allocator a;
    const mdl_status s = mdl_options_copy(&a, sizeof a, allocator, "mdl_allocator", err);

    if (s)
        return s;
    if (allocator && (!a.alloc || !a.free))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "mdl_allocator needs alloc and free");
    a = mdl_allocator_or_default(&a);
    if (!threads)
        threads = mdl_thread_processors();
    if (threads > MOST_THREADS)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "a pool of %u threads, at most %u", threads,
                        MOST_THREADS);
    const size_t bytes = sizeof(mdl_pool) + (threads - 1) * sizeof(struct thread);
    mdl_pool *p = a.alloc(a.user, bytes);
    if (!p)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory for a pool");
    memset(p, 0, bytes);
    p->parallel = (mdl_parallel){ .size = sizeof p->parallel, .threads = threads, .user = p,
                                  .run = run };
    p->allocator = a;
    p->bytes = bytes;
    p->process = mdl_thread_process();
    if (!mdl_monitor_init(&p->monitor)) {
        a.free(a.user, p, bytes);
        return mdl_fail(err, MDL_ERR_MEMORY, "the system has no lock for a pool");
    }
    while (p->n_threads + 1 < threads && mdl_thread_start(&p->threads[p->n_threads], work, p))
        p->n_threads++;
    *out = p;
    if (p->n_threads + 1 == threads)
        return MDL_OK;
    const uint32_t started = p->n_threads;
    mdl_pool_free(p);
    *out = NULL;
    return mdl_fail(err, MDL_ERR_MEMORY, "the system starts %u threads, %u were wanted", started,
                    threads - 1);
}

mdl_status mdl_pool_create(mdl_pool **pool, uint32_t threads, const mdl_allocator *allocator,
                           mdl_error *error)
{
    const int kept = errno;

    if (!pool)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "pool is NULL");
    *pool = NULL;
    const mdl_status s = create(pool, threads, allocator, error);
    errno = kept;
    return s;
}

const mdl_parallel *mdl_pool_parallel(const mdl_pool *pool)
{
    return pool ? &pool->parallel : NULL;
}

void mdl_pool_free(mdl_pool *p)
{
    const int kept = errno;

    if (!p)
        return;
    if (p->process == mdl_thread_process()) {    /* else fork left the threads behind */
        end_threads(p);
        mdl_monitor_free(&p->monitor);
    }
    const mdl_allocator a = p->allocator;
    a.free(a.user, p, p->bytes);
    errno = kept;
}
