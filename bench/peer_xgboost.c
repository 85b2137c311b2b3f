/*
 * bench/peer_xgboost.c - XGBoost through XGBoosterPredictFromDense: margins, in place
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xgboost {
    struct peer base;
    void *booster;
    int (*create)(const void *, uint64_t, void **);
    int (*load)(void *, const char *);
    int (*set)(void *, const char *, const char *);
    int (*free)(void *);
    int (*dense)(void *, const char *, const char *, void *, const uint64_t **, uint64_t *, const float **);
};

static int predict(struct peer *base, const void *x, size_t rows, void *y)
{
    static const char options[] = "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
                                  "\"strict_shape\":false,\"missing\":NaN,\"cache_id\":0}";
    struct xgboost *p = (struct xgboost *)base;
    char array[160];
    const uint64_t *shape;
    uint64_t rank;
    const float *out;

    snprintf(array, sizeof array, "{\"data\":[%llu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
             (unsigned long long)(uintptr_t)x, rows, base->cols);
    if (p->dense(p->booster, array, options, NULL, &shape, &rank, &out))
        return 1;
    memcpy(y, out, rows * base->y_cols * sizeof *out);
    return 0;
}

static void close_model(struct peer *base)
{
    struct xgboost *p = (struct xgboost *)base;

    p->free(p->booster);
    free(p);
}

struct peer *peer_xgboost(const char *library, const char *model, size_t cols, size_t y_cols)
{
    void *so = peer_library(library);
    struct xgboost *p = calloc(1, sizeof *p);

    if (!so || !p || peer_symbol(so, "XGBoosterCreate", &p->create)
        || peer_symbol(so, "XGBoosterLoadModel", &p->load) || peer_symbol(so, "XGBoosterSetParam", &p->set)
        || peer_symbol(so, "XGBoosterFree", &p->free)
        || peer_symbol(so, "XGBoosterPredictFromDense", &p->dense)) {
        free(p);
        return NULL;
    }
    if (p->create(NULL, 0, &p->booster) || p->load(p->booster, model)
        || p->set(p->booster, "nthread", "1")) {
        free(p);
        return peer_fail("cannot load the XGBoost model");
    }
    p->base = (struct peer){ predict, close_model, cols, sizeof(float), y_cols, sizeof(float) };
    return &p->base;
}
