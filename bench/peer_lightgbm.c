/*
 * bench/peer_lightgbm.c - LightGBM: its fast call for one row, PredictForMat for more
 *
 * Rows are float64 already, so that it need not widen them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "peers.h"

#include <stdlib.h>

#define LGB_FLOAT64   1
#define LGB_ROW_MAJOR 1
#define LGB_RAW       1
#define LGB_THREADS   "num_threads=1"

struct lightgbm {
    struct peer base;
    void *booster, *fast;
    int (*load)(const char *, int *, void **);
    int (*free)(void *);
    int (*mat)(void *, const void *, int, int32_t, int32_t, int, int, int, int, const char *, int64_t *,
               double *);
    int (*fast_init)(void *, int, int, int, int, int32_t, const char *, void **);
    int (*fast_row)(void *, const void *, int64_t *, double *);
    int (*fast_free)(void *);
};

static int predict(struct peer *base, const void *x, size_t rows, void *y)
{
    struct lightgbm *p = (struct lightgbm *)base;
    int64_t length;

    if (rows == 1)
        return p->fast_row(p->fast, x, &length, y);
    return p->mat(p->booster, x, LGB_FLOAT64, (int32_t)rows, (int32_t)base->cols, LGB_ROW_MAJOR, LGB_RAW, 0,
                  -1, LGB_THREADS, &length, y);
}

static void close_model(struct peer *base)
{
    struct lightgbm *p = (struct lightgbm *)base;

    p->fast_free(p->fast);
    p->free(p->booster);
    free(p);
}

struct peer *peer_lightgbm(const char *library, const char *model, size_t cols, size_t y_cols)
{
    void *so = peer_library(library);
    struct lightgbm *p = calloc(1, sizeof *p);
    int iterations;

    if (!so || !p || peer_symbol(so, "LGBM_BoosterCreateFromModelfile", &p->load)
        || peer_symbol(so, "LGBM_BoosterFree", &p->free)
        || peer_symbol(so, "LGBM_BoosterPredictForMat", &p->mat)
        || peer_symbol(so, "LGBM_BoosterPredictForMatSingleRowFastInit", &p->fast_init)
        || peer_symbol(so, "LGBM_BoosterPredictForMatSingleRowFast", &p->fast_row)
        || peer_symbol(so, "LGBM_FastConfigFree", &p->fast_free)) {
        free(p);
        return NULL;
    }
    if (p->load(model, &iterations, &p->booster)
        || p->fast_init(p->booster, LGB_RAW, 0, -1, LGB_FLOAT64, (int32_t)cols, LGB_THREADS, &p->fast)) {
        free(p);
        return peer_fail("cannot load the LightGBM model");
    }
    p->base = (struct peer){ predict, close_model, cols, sizeof(double), y_cols, sizeof(double) };
    return &p->base;
}
