/*
 * bench/peer_libmodel.c - libmodel itself, as a program calls it: mdl_predict_tensor
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "peers.h"

#include <stdlib.h>

struct libmodel {
    struct peer           base;
    mdl_model            *model;
    uint32_t              type;
    mdl_predict_options   options;
    mdl_status          (*load)(mdl_model **, const char *, const mdl_load_options *, mdl_error *);
    void                (*free)(mdl_model *);
    size_t              (*find)(const mdl_model *, uint32_t);
    mdl_status          (*output)(const mdl_model *, size_t, mdl_output_info *);
    mdl_status          (*predict)(const mdl_model *, const mdl_tensor *, const mdl_tensor *,
                                   const mdl_predict_options *, mdl_error *);
};

static int predict(struct peer *base, const void *x, size_t rows, void *y)
{
    struct libmodel *p = (struct libmodel *)base;
    const uint32_t type = base->x_bytes == sizeof(double) ? MDL_F64 : MDL_F32;
    const mdl_tensor in = { sizeof in, type, 2, 0, NULL, (void *)(uintptr_t)x,
                            { (int64_t)rows, (int64_t)base->cols }, { 0 } };
    const mdl_tensor out = { sizeof out, p->type, 2, 0, NULL, y,
                             { (int64_t)rows, (int64_t)base->y_cols }, { 0 } };

    return p->predict(p->model, &in, &out, &p->options, NULL);
}

static void close_model(struct peer *base)
{
    struct libmodel *p = (struct libmodel *)base;

    p->free(p->model);
    free(p);
}

static struct peer *open_model(const char *library, const char *path, size_t cols, size_t y_cols,
                               size_t x_bytes, uint32_t role)
{
    void *so = peer_library(library);
    struct libmodel *p = calloc(1, sizeof *p);
    mdl_output_info info = { .size = sizeof info };
    mdl_error err = MDL_ERROR_INIT;

    if (!so || !p || peer_symbol(so, "mdl_load", &p->load) || peer_symbol(so, "mdl_free", &p->free)
        || peer_symbol(so, "mdl_output_find_role", &p->find)
        || peer_symbol(so, "mdl_output", &p->output)
        || peer_symbol(so, "mdl_predict_tensor", &p->predict)) {
        free(p);
        return NULL;
    }
    if (p->load(&p->model, path, NULL, &err)) {
        free(p);
        return peer_fail(err.text);
    }
    if (p->output(p->model, p->find(p->model, role), &info) || info.cols != y_cols) {
        close_model(&p->base);
        return peer_fail("no such output");
    }
    p->type = info.type;
    p->options = (mdl_predict_options)MDL_PREDICT_OPTIONS_INIT;
    p->options.output = role;
    p->base = (struct peer){ predict, close_model, cols, x_bytes, y_cols,
                             info.type == MDL_F64 ? sizeof(double) : sizeof(float) };
    return &p->base;
}

struct peer *peer_libmodel_margin(const char *library, const char *model, size_t cols, size_t y_cols)
{
    return open_model(library, model, cols, y_cols, sizeof(float), MDL_OUTPUT_RAW);
}

struct peer *peer_libmodel_margin_of_doubles(const char *library, const char *model, size_t cols, size_t y_cols)
{
    return open_model(library, model, cols, y_cols, sizeof(double), MDL_OUTPUT_RAW);
}

struct peer *peer_libmodel_probability(const char *library, const char *model, size_t cols, size_t y_cols)
{
    return open_model(library, model, cols, y_cols, sizeof(float), MDL_OUTPUT_PROBA);
}
