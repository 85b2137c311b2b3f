/*
 * bench/peer_treelite.c - treelite's own interpreter, GTIL, on a checkpoint it wrote
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "peers.h"

#include <stdlib.h>

struct treelite {
    struct peer base;
    void *model, *config;
    const char *type;
    int (*load)(const char *, void **);
    int (*parse)(const char *, void **);
    int (*predict)(void *, const void *, const char *, uint64_t, void *, void *);
    int (*free)(void *);
    int (*free_config)(void *);
};

static int predict(struct peer *base, const void *x, size_t rows, void *y)
{
    struct treelite *p = (struct treelite *)base;

    return p->predict(p->model, x, p->type, rows, y, p->config);
}

static void close_model(struct peer *base)
{
    struct treelite *p = (struct treelite *)base;

    p->free(p->model);
    p->free_config(p->config);
    free(p);
}

static struct peer *open_model(const char *library, const char *model, size_t cols, size_t y_cols, size_t bytes)
{
    void *so = peer_library(library);
    struct treelite *p = calloc(1, sizeof *p);

    if (!so || !p || peer_symbol(so, "TreeliteDeserializeModelFromFile", &p->load)
        || peer_symbol(so, "TreeliteGTILParseConfig", &p->parse)
        || peer_symbol(so, "TreeliteGTILPredict", &p->predict) || peer_symbol(so, "TreeliteFreeModel", &p->free)
        || peer_symbol(so, "TreeliteGTILDeleteConfig", &p->free_config)) {
        free(p);
        return NULL;
    }
    p->type = bytes == sizeof(float) ? "float32" : "float64";
    if (p->load(model, &p->model)
        || p->parse(y_cols == 1 ? "{\"predict_type\":\"raw\",\"nthread\":1}"
                                : "{\"predict_type\":\"default\",\"nthread\":1}", &p->config)) {
        free(p);
        return peer_fail("cannot load the treelite checkpoint");
    }
    p->base = (struct peer){ predict, close_model, cols, bytes, y_cols, bytes };
    return &p->base;
}

struct peer *peer_treelite(const char *library, const char *model, size_t cols, size_t y_cols)
{
    return open_model(library, model, cols, y_cols, sizeof(float));
}

struct peer *peer_treelite_double(const char *library, const char *model, size_t cols, size_t y_cols)
{
    return open_model(library, model, cols, y_cols, sizeof(double));
}
