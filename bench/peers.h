/*
 * bench/peers.h - one shape for every engine that is timed from C
 *
 *     struct peer *p = peer_lightgbm("lib_lightgbm.so", "model.txt", 28, 1);
 *     us = peer_time(p, x, 4096, 16, 0.1, &at, y);
 *
 * Each peer_<name>.c opens one library with dlopen and calls it through its own C API, as
 * fast as that allows, at one thread.  bench/peers.py opens them by name and compares their
 * answers before any time is taken.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include "mdl.h"

/* What every peer_<name>.c puts first in a struct of its own. */
struct peer {
    /* Answer `rows` rows of x, [rows][cols] of x_bytes each, into y, [rows][y_cols] of y_bytes
     * each.  0, or not. */
    int  (*predict)(struct peer *p, const void *x, size_t rows, void *y);
    void (*close)(struct peer *p);
    size_t cols, x_bytes, y_cols, y_bytes;
};

/* Why the last open failed. */
MDL_API extern char peer_error[256];

/* For open functions: note why, and return NULL. */
struct peer *peer_fail(const char *why);

/* A symbol of a library into a function pointer, by way of memory: ISO C has no cast from
 * void * to one.  0, or not (and peer_error says which is missing). */
int peer_symbol(void *so, const char *name, void *function);

/* The library, opened for good: what it allocates at first use stays. */
void *peer_library(const char *path);

/* The engines.  `library` is the engine's own; `model` is what it reads.  NULL: peer_error. */
#define PEER(name) \
    MDL_API struct peer *peer_##name(const char *library, const char *model, size_t cols, size_t y_cols)
PEER(libmodel_margin);        /* main raw output, in the source's type: y_bytes says which */
PEER(libmodel_margin_of_doubles);
PEER(libmodel_probability);
PEER(xgboost);
PEER(lightgbm);
PEER(tl2cgen);                /* the model is the library */
PEER(tl2cgen_double);         /* the same where thresholds and leaves are doubles */
PEER(lleaves);
PEER(treelite);
PEER(treelite_double);
PEER(onnxruntime);

MDL_API int peer_predict(struct peer *p, const void *x, size_t rows, void *y);
MDL_API void peer_close(struct peer *p);
MDL_API size_t peer_x_bytes(const struct peer *p);
MDL_API size_t peer_y_bytes(const struct peer *p);
MDL_API size_t peer_y_cols(const struct peer *p);

/*
 * us a row: `rows` rows of x in calls of `batch`, again and again for `seconds`; the least of
 * these passes.  A pass that the time cuts short counts when there is no whole one.  *at is
 * the row to go on from, so that slow engines see every row in time.
 */
MDL_API double peer_time(struct peer *p, const void *x, size_t rows, size_t batch, double seconds,
                         size_t *at, void *y);

#endif
