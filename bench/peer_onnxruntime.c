/*
 * bench/peer_onnxruntime.c - ONNX Runtime through its C function table
 *
 * Its library ships without a header, so the functions used are named here by their place in
 * OrtApi, which only ever grows at its end.  Probabilities, float32; the input tensor is made
 * anew for every call, the output lands in the caller's memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "peers.h"

#include <stdlib.h>

/* Places in OrtApi, version 1. */
enum {
    CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_OPTIONS = 10, SET_EXECUTION = 13, SET_OPTIMIZATION = 23,
    SET_INTRA = 24, SET_INTER = 25, CREATE_TENSOR = 49, CREATE_CPU_MEMORY = 69, RELEASE_ENV = 92,
    RELEASE_STATUS = 93, RELEASE_MEMORY = 94, RELEASE_SESSION = 95, RELEASE_VALUE = 96, RELEASE_OPTIONS = 100
};

enum { API_VERSION = 1, WARNINGS = 2, OPTIMIZE_ALL = 99, ORT_FLOAT = 1, ARENA = 1, DEFAULT_MEMORY = 0 };

typedef void any(void);

struct api_base {
    any *const *(*get)(uint32_t version);
    const char *(*version)(void);
};

typedef void *create_env(int, const char *, void **);
typedef void *create(void **);
typedef void *set_int(void *, int);
typedef void *create_session(void *, const char *, const void *, void **);
typedef void *create_memory(int, int, void **);
typedef void *create_tensor(const void *, void *, size_t, const int64_t *, size_t, int, void **);
typedef void *run(void *, const void *, const char *const *, const void *const *, size_t, const char *const *,
                  size_t, void **);
typedef void release(void *);

struct onnxruntime {
    struct peer base;
    any *const *api;
    void *env, *options, *session, *memory;
    create_tensor *tensor;
    run *run;
    release *free;
};

static int predict(struct peer *base, const void *x, size_t rows, void *y)
{
    static const char *const in[] = { "x" }, *const out[] = { "p" };
    struct onnxruntime *p = (struct onnxruntime *)base;
    const int64_t x_dims[] = { (int64_t)rows, (int64_t)base->cols };
    const int64_t y_dims[] = { (int64_t)rows, (int64_t)base->y_cols };
    void *a = NULL, *b = NULL;

    int bad = p->tensor(p->memory, (void *)(uintptr_t)x, rows * base->cols * 4, x_dims, 2, ORT_FLOAT, &a) != NULL
        || p->tensor(p->memory, y, rows * base->y_cols * 4, y_dims, 2, ORT_FLOAT, &b) != NULL
        || p->run(p->session, NULL, in, (const void *const *)&a, 1, out, 1, &b) != NULL;
    p->free(a);
    p->free(b);
    return bad;
}

static void close_model(struct peer *base)
{
    struct onnxruntime *p = (struct onnxruntime *)base;

    ((release *)p->api[RELEASE_MEMORY])(p->memory);
    ((release *)p->api[RELEASE_SESSION])(p->session);
    ((release *)p->api[RELEASE_OPTIONS])(p->options);
    ((release *)p->api[RELEASE_ENV])(p->env);
    free(p);
}

struct peer *peer_onnxruntime(const char *library, const char *model, size_t cols, size_t y_cols)
{
    const struct api_base *(*get_base)(void);
    void *so = peer_library(library);
    struct onnxruntime *p = calloc(1, sizeof *p);

    if (!so || !p || peer_symbol(so, "OrtGetApiBase", &get_base)) {
        free(p);
        return NULL;
    }
    p->api = get_base()->get(API_VERSION);
    p->tensor = (create_tensor *)p->api[CREATE_TENSOR];
    p->run = (run *)p->api[RUN];
    p->free = (release *)p->api[RELEASE_VALUE];
    if (((create_env *)p->api[CREATE_ENV])(WARNINGS, "bench", &p->env)
        || ((create *)p->api[CREATE_OPTIONS])(&p->options)
        || ((set_int *)p->api[SET_EXECUTION])(p->options, 0)
        || ((set_int *)p->api[SET_OPTIMIZATION])(p->options, OPTIMIZE_ALL)
        || ((set_int *)p->api[SET_INTRA])(p->options, 1) || ((set_int *)p->api[SET_INTER])(p->options, 1)
        || ((create_session *)p->api[CREATE_SESSION])(p->env, model, p->options, &p->session)
        || ((create_memory *)p->api[CREATE_CPU_MEMORY])(ARENA, DEFAULT_MEMORY, &p->memory)) {
        free(p);
        return peer_fail("cannot load the ONNX model");
    }
    p->base = (struct peer){ predict, close_model, cols, sizeof(float), y_cols, sizeof(float) };
    return &p->base;
}
