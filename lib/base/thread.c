/*
 * base/thread.c - see thread.h; POSIX threads
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/thread.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

int mdl_monitor_init(struct monitor *m)
{
    if (pthread_mutex_init(&m->lock, NULL) != 0)
        return 0;
    for (int i = 0; i < 2; i++)
        if (pthread_cond_init(&m->events[i], NULL) != 0) {
            while (i-- > 0)
                pthread_cond_destroy(&m->events[i]);
            pthread_mutex_destroy(&m->lock);
            return 0;
        }
    return 1;
}

void mdl_monitor_free(struct monitor *m)
{
    pthread_cond_destroy(&m->events[0]);
    pthread_cond_destroy(&m->events[1]);
    pthread_mutex_destroy(&m->lock);
}

void mdl_monitor_enter(struct monitor *m)
{
    pthread_mutex_lock(&m->lock);
}

void mdl_monitor_leave(struct monitor *m)
{
    pthread_mutex_unlock(&m->lock);
}

void mdl_monitor_wait(struct monitor *m, int event)
{
    pthread_cond_wait(&m->events[event], &m->lock);
}

void mdl_monitor_wake_all(struct monitor *m, int event)
{
    pthread_cond_broadcast(&m->events[event]);
}

/* A new thread has the signal mask of the one that starts it. */
int mdl_thread_start(struct thread *t, void *(*body)(void *arg), void *arg)
{
    sigset_t all, kept;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    const int failed = pthread_create(&t->id, NULL, body, arg);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return !failed;
}

void mdl_thread_join(struct thread *t)
{
    pthread_join(t->id, NULL);
}

uint32_t mdl_thread_processors(void)
{
#if MDL_OS_LINUX
    cpu_set_t set;                /* what a container or taskset leaves us */

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
#endif
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 4096 ? 4096 : (uint32_t)n;
}

int64_t mdl_thread_process(void)
{
    return getpid();
}
