/*
 * bench/peers.c - what the engines timed from C share: opening, errors, the clock
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "peers.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLOCK_ROWS 64u            /* the clock is read once for so many rows, or once a call */

char peer_error[256];

struct peer *peer_fail(const char *why)
{
    snprintf(peer_error, sizeof peer_error, "%s", why ? why : "no reason given");
    return NULL;
}

int peer_symbol(void *so, const char *name, void *function)
{
    void *found = dlsym(so, name);

    if (!found) {
        snprintf(peer_error, sizeof peer_error, "no symbol %s", name);
        return 1;
    }
    memcpy(function, &found, sizeof found);
    return 0;
}

void *peer_library(const char *path)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!so)
        peer_fail(dlerror());
    return so;
}

int peer_predict(struct peer *p, const void *x, size_t rows, void *y)
{
    return p->predict(p, x, rows, y);
}

void peer_close(struct peer *p)
{
    p->close(p);
}

size_t peer_x_bytes(const struct peer *p)
{
    return p->x_bytes;
}

size_t peer_y_bytes(const struct peer *p)
{
    return p->y_bytes;
}

size_t peer_y_cols(const struct peer *p)
{
    return p->y_cols;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double peer_time(struct peer *p, const void *x, size_t rows, size_t batch, double seconds, size_t *at,
                 void *y)
{
    const double begin = now(), end = begin + seconds;
    const size_t x_row = p->cols * p->x_bytes, y_row = p->y_cols * p->y_bytes;
    const size_t calls = batch < CLOCK_ROWS ? CLOCK_ROWS / batch : 1;
    double best = 0, t = begin;

    do {
        const double pass = t;
        size_t done = 0;
        do {
            for (size_t i = 0; i < calls; i++) {
                if (*at + batch > rows)
                    *at = 0;
                if (p->predict(p, (const char *)x + *at * x_row, batch, (char *)y + *at * y_row))
                    return -1;
                *at += batch;
            }
            done += calls * batch;
            t = now();
        } while (done < rows && t < end);
        const double each = (t - pass) * 1e6 / (double)done;
        if (best == 0 || (done >= rows && each < best))
            best = each;
    } while (t < end);
    return best;
}
