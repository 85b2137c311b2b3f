/*
 * op/tree_split.c - the trees of few rows over several threads
 *
 *     trees    |--------|--------|--------|----|        a task finds the leaves of a row in some trees
 *     leaves   [      of all trees, in order   ]        this thread adds them up
 *
 * So sums are added in the order of the source, whatever the number of threads.  What tasks share is
 * read, but for the leaves, of which each has lines of the cache to itself, and one counter.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#include <errno.h>

#define TASK_TEMP  4096u          /* bytes of working memory a row, on the stack of a task */
#define TASK_TREES LEVEL_TREES    /* trees of a task are a multiple of these               */
#define TASKS_PER_THREAD 4u       /* one that is held up does not hold up all              */

struct job {
    const struct tree_walk *w;
    uint32_t *leaves;             /* [trees of w] */
    size_t row;
    uint32_t task_trees;
    unsigned char pad[64];
    size_t done;
};

static void run_task(void *data, size_t i)
{
    struct job *j = data;
    const struct tree_walk *w = j->w;
    const uint32_t all = w->last - w->first;
    union { unsigned char bytes[TASK_TEMP]; uint64_t align; } temp;

    if (i >= (all - 1) / j->task_trees + 1)
        return;
    const uint64_t mode = mdl_fp_enter();
    const uint32_t first = (uint32_t)i * j->task_trees;
    struct run r = *w->r;
    struct tree_walk some = *w;
    r.rows = 1;
    r.temp = temp.bytes;
    some.r = &r;
    some.x.data = view_row(w->x, j->row);
    some.first = w->first + first;
    some.last = some.first + (all - first < j->task_trees ? all - first : j->task_trees);
    some.leaves = j->leaves + first;
    mdl_trees_walk(&some);
    mdl_fp_leave(mode);
    mdl_atomic_add(&j->done, 1);
}

/* Trees [first, last) of row `row`; 0: not all tasks were run. */
static int run_row(const struct tree_walk *w, uint32_t *leaves, size_t row)
{
    const mdl_parallel *parallel = w->r->parallel;
    const uint32_t all = w->last - w->first;
    const uint32_t fair = (uint32_t)((all - 1) / (TASKS_PER_THREAD * (uint64_t)parallel->threads)) + 1;
    struct job j = { .w = w, .leaves = leaves, .row = row,
                     .task_trees = (fair + TASK_TREES - 1) / TASK_TREES * TASK_TREES };
    const size_t tasks = (all - 1) / j.task_trees + 1;
    const int kept = errno;

    parallel->run(parallel->user, tasks, run_task, &j);
    errno = kept;
    if (mdl_atomic_get(&j.done) != tasks)
        return 0;
    mdl_trees_put_row(w, row, w->first, all, leaves);
    return 1;
}

void mdl_trees_run_split(const struct tree_walk *w)
{
    const size_t room = w->r->spare_bytes / sizeof(uint32_t);
    const uint32_t step = (uint32_t)(room < w->p->n_trees ? room : w->p->n_trees) / TASK_TREES * TASK_TREES
                        + (room < w->p->n_trees ? 0 : TASK_TREES);
    struct tree_walk some = *w;

    if (step < 2 * TASK_TREES || w->n->temp_bytes > TASK_TEMP) {
        mdl_trees_walk(w);
        return;
    }
    for (size_t r = 0; r < w->r->rows; r++)
        for (some.first = w->first; some.first < w->last; some.first = some.last) {
            some.last = w->last - some.first < step ? w->last : some.first + step;
            if (run_row(&some, w->r->spare, r))
                continue;
            struct tree_walk alone = some;   /* the host did not run them: each adds to its row once */
            struct run one = *w->r;
            one.rows = 1;
            alone.r = &one;
            alone.x.data = view_row(w->x, r);
            alone.sums.data = view_row(w->sums, r);
            mdl_trees_walk(&alone);
        }
}
