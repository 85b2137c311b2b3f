/*
 * base/thread.h - threads that sleep and wake, for the opt-in pool alone
 *
 * Nothing else in the library may call these: a program that never makes a pool links
 * neither them nor the system's threads.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_THREAD_H
#define MDL_BASE_THREAD_H

#include "base/compiler.h"

#include <pthread.h>

struct thread {
    pthread_t id;
};

/* One lock, and two things to wait for under it. */
struct monitor {
    pthread_mutex_t lock;
    pthread_cond_t  events[2];
};

/* 0 when the system has no more of them. */
int mdl_monitor_init(struct monitor *m);
void mdl_monitor_free(struct monitor *m);
void mdl_monitor_enter(struct monitor *m);
void mdl_monitor_leave(struct monitor *m);
/* Inside only.  Waiting may end without an event. */
void mdl_monitor_wait(struct monitor *m, int event);
void mdl_monitor_wake_all(struct monitor *m, int event);

/* Start a thread that takes no signals of the host's; 0 when the system refuses. */
int mdl_thread_start(struct thread *t, void *(*body)(void *arg), void *arg);
void mdl_thread_join(struct thread *t);

/* Processors that this process may use, at least 1. */
uint32_t mdl_thread_processors(void);
/* Of this process; another one after fork. */
int64_t mdl_thread_process(void);

#endif
