/*
 * split.c - a call's rows over several threads
 *
 *     rows   |--------|--------|--------|--------|---|
 *     task       0        1        2        3      4
 *
 * Tasks are whole blocks of rows, a few for each thread, so that one that is held up does
 * not hold up all.  A task is a call of its own with scratch of its own; what tasks share is
 * only read, but for two counters that each touches once, when it ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include <errno.h>

#define TASKS_PER_THREAD 4u
#define GOOD_ROWS        128u     /* blocks of trees get little quicker above this      */
#define LEAST_UNIT       64u      /* and like multiples of this                         */

struct job {
    const struct call *call;
    uint64_t task_rows;
    unsigned char pad[64];
    size_t done;
    size_t failed;                /* the first task that failed, else SIZE_MAX */
};

static void note_failure(struct job *j, size_t i)
{
    size_t was = mdl_atomic_get(&j->failed);

    while (i < was && !mdl_atomic_swap(&j->failed, &was, i))
        ;
}

static void run_task(void *data, size_t i)
{
    struct job *j = data;
    struct call c = *j->call;
    const uint64_t first = i * j->task_rows;

    c.err = NULL;
    if (i >= c.rows || first >= c.rows)
        return;
    const uint64_t rows = c.rows - first < j->task_rows ? c.rows - first : j->task_rows;
    if (mdl_run_rows(&c, NULL, first, rows))
        note_failure(j, i);
    mdl_atomic_add(&j->done, 1);
}

static uint64_t share(uint64_t rows, uint64_t tasks)
{
    return (rows - 1) / tasks + 1;
}

static uint64_t rows_of_task(const struct call *c, uint32_t threads)
{
    const mdl_model *m = c->model;
    uint64_t rows = share(c->rows, TASKS_PER_THREAD * (uint64_t)threads), unit = 1;

    if (rows < GOOD_ROWS)         /* rather fewer tasks than small ones */
        rows = share(c->rows, threads) < GOOD_ROWS ? share(c->rows, threads) : GOOD_ROWS;
    if (rows < m->task_rows)
        rows = m->task_rows;
    if (rows >= LEAST_UNIT)
        unit = rows >= m->block_rows ? m->block_rows : LEAST_UNIT;
    return share(rows, unit) * unit;
}

mdl_status mdl_run_split(const struct call *c, const mdl_parallel *parallel)
{
    struct job j = { .call = c, .task_rows = rows_of_task(c, parallel->threads),
                     .failed = SIZE_MAX };
    const uint64_t tasks = share(c->rows, j.task_rows);
    const int kept = errno;

    parallel->run(parallel->user, (size_t)tasks, run_task, &j);
    errno = kept;
    const size_t done = mdl_atomic_get(&j.done), failed = mdl_atomic_get(&j.failed);
    if (done != tasks)
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "mdl_parallel.run ran %llu of %llu tasks",
                        (unsigned long long)done, (unsigned long long)tasks);
    if (failed == SIZE_MAX)
        return MDL_OK;
    /* Go on alone from there: it fails with the words of a call without threads. */
    return mdl_run_rows(c, NULL, failed * j.task_rows, c->rows - failed * j.task_rows);
}

mdl_status mdl_parallel_copy(mdl_parallel *to, const mdl_parallel *given, mdl_error *err)
{
    const mdl_status s = mdl_options_copy(to, sizeof *to, given, "mdl_parallel", err);

    if (!s && given && !to->run)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "mdl_parallel needs run");
    return s;
}
