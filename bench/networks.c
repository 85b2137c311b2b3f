/*
 * bench/networks.c - one network through libmodel and through ONNX Runtime, each from its C API
 *
 * Tensors are made once and kept, as is libmodel's context; every call writes its outputs to the
 * caller's memory.  What is timed is a call, again and again; the least of many short loops.
 * ONNX Runtime ships without a header: its functions are named by their place in OrtApi.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mdl.h"

enum {
    ERROR_MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_OPTIONS = 10, SET_OPTIMIZATION = 23,
    SET_INTRA = 24, SET_INTER = 25, CREATE_TENSOR = 49, CREATE_CPU_MEMORY = 69, RELEASE_VALUE = 96,
    RELEASE_SESSION = 95
};
enum { API_VERSION = 1, ERRORS_ONLY = 3, OPTIMIZE_ALL = 99, ARENA = 1, DEFAULT_MEMORY = 0, MOST = 8 };

typedef void any(void);
struct api_base {
    any *const *(*get)(uint32_t version);
};
typedef const char *message(const void *);
typedef void *create_env(int, const char *, void **);
typedef void *create(void **);
typedef void *set_int(void *, int);
typedef void *create_session(void *, const char *, const void *, void **);
typedef void *create_memory(int, int, void **);
typedef void *create_tensor(const void *, void *, size_t, const int64_t *, size_t, int, void **);
typedef void *run(void *, const void *, const char *const *, const void *const *, size_t, const char *const *,
                  size_t, void **);
typedef void release(void *);

struct network {
    mdl_tensor   in[MOST], out[MOST];
    size_t       n_in, n_out;
    mdl_model   *model;               /* libmodel ...          */
    mdl_context *context;
    any *const  *api;                 /* ... or ONNX Runtime   */
    void        *session, *in_values[MOST], *out_values[MOST];
    const char  *in_names[MOST], *out_names[MOST];
};

MDL_API char network_error[1024];
MDL_API struct network *network_libmodel(const char *model, const mdl_tensor *in, size_t n_in,
                                         const mdl_tensor *out, size_t n_out);
MDL_API struct network *network_onnxruntime(const char *library, const char *model, const mdl_tensor *in,
                                            size_t n_in, const mdl_tensor *out, size_t n_out);
MDL_API int network_run(struct network *n);
MDL_API double network_time(struct network *n, double seconds);
MDL_API double network_load(const char *model, double seconds, size_t *bytes);
MDL_API void network_close(struct network *n);

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct network *network_of(const mdl_tensor *in, size_t n_in, const mdl_tensor *out, size_t n_out)
{
    struct network *n = n_in <= MOST && n_out <= MOST ? calloc(1, sizeof *n) : NULL;

    if (!n)
        return NULL;
    memcpy(n->in, in, n_in * sizeof *in);
    memcpy(n->out, out, n_out * sizeof *out);
    n->n_in = n_in;
    n->n_out = n_out;
    return n;
}

static struct network *failed(struct network *n, const char *why)
{
    if (why)
        snprintf(network_error, sizeof network_error, "%s", why);
    network_close(n);
    return NULL;
}

struct network *network_libmodel(const char *model, const mdl_tensor *in, size_t n_in, const mdl_tensor *out,
                                 size_t n_out)
{
    struct network *n = network_of(in, n_in, out, n_out);
    mdl_error err = MDL_ERROR_INIT;

    if (!n)
        return failed(n, "too many tensors");
    if (mdl_load(&n->model, model, NULL, &err) || mdl_context_create(&n->context, n->model, &err)
        || mdl_run(n->model, n->context, n->in, n_in, n->out, n_out, &err))
        return failed(n, err.text);
    return n;
}

/* A status of ONNX Runtime: NULL is success. */
static int bad(const struct network *n, const void *status)
{
    if (status)
        snprintf(network_error, sizeof network_error, "%s", ((message *)n->api[ERROR_MESSAGE])(status));
    return status != NULL;
}

static int make_values(const struct network *n, const void *memory, const mdl_tensor *t, size_t count,
                       void **values, const char **names)
{
    /* ONNX's number of each element type of mdl.h, from 1 on. */
    static const unsigned char mdl_onnx_type[] = { 0, 1, 11, 10, 16, 3, 2, 5, 4, 6, 12, 7, 13, 9 };
    static const unsigned char size[] = { 0, 4, 8, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1 };

    for (size_t i = 0; i < count; i++) {
        size_t bytes = size[t[i].type];
        for (uint32_t k = 0; k < t[i].rank; k++)
            bytes *= (size_t)t[i].dims[k];
        if (bad(n, ((create_tensor *)n->api[CREATE_TENSOR])(memory, t[i].data, bytes, t[i].dims, t[i].rank,
                                                            mdl_onnx_type[t[i].type], &values[i])))
            return 1;
        names[i] = t[i].name;
    }
    return 0;
}

struct network *network_onnxruntime(const char *library, const char *model, const mdl_tensor *in, size_t n_in,
                                    const mdl_tensor *out, size_t n_out)
{
    static void *env, *options, *memory;
    const struct api_base *(*get_base)(void) = NULL;
    void *so = dlopen(library, RTLD_NOW | RTLD_LOCAL), *found = so ? dlsym(so, "OrtGetApiBase") : NULL;
    struct network *n = network_of(in, n_in, out, n_out);

    if (!n || !found)
        return failed(n, "cannot open ONNX Runtime");
    memcpy(&get_base, &found, sizeof found);
    n->api = get_base()->get(API_VERSION);
    if (!env && (bad(n, ((create_env *)n->api[CREATE_ENV])(ERRORS_ONLY, "bench", &env))
                 || bad(n, ((create *)n->api[CREATE_OPTIONS])(&options))
                 || bad(n, ((set_int *)n->api[SET_OPTIMIZATION])(options, OPTIMIZE_ALL))
                 || bad(n, ((set_int *)n->api[SET_INTRA])(options, 1))
                 || bad(n, ((set_int *)n->api[SET_INTER])(options, 1))
                 || bad(n, ((create_memory *)n->api[CREATE_CPU_MEMORY])(ARENA, DEFAULT_MEMORY, &memory))))
        return failed(n, NULL);
    if (bad(n, ((create_session *)n->api[CREATE_SESSION])(env, model, options, &n->session))
        || make_values(n, memory, n->in, n_in, n->in_values, n->in_names)
        || make_values(n, memory, n->out, n_out, n->out_values, n->out_names) || network_run(n))
        return failed(n, NULL);
    return n;
}

int network_run(struct network *n)
{
    if (n->model)
        return mdl_run(n->model, n->context, n->in, n->n_in, n->out, n->n_out, NULL);
    return bad(n, ((run *)n->api[RUN])(n->session, NULL, n->in_names, (const void *const *)n->in_values, n->n_in,
                                       n->out_names, n->n_out, n->out_values));
}

/* Seconds of a call: the least of loops of at least 20 us. */
double network_time(struct network *n, double seconds)
{
    const double end = now() + seconds;
    double best = 1e30;
    size_t calls = 1;

    do {
        const double t = now();
        for (size_t i = 0; i < calls; i++)
            if (network_run(n))
                return -1;
        const double took = now() - t;
        best = took / (double)calls < best ? took / (double)calls : best;
        if (took < 2e-5)
            calls *= 2;
    } while (now() < end);
    return best;
}

static void *count_in(void *user, size_t bytes)
{
    *(size_t *)user += bytes;
    return malloc(bytes ? bytes : 1);
}

static void count_out(void *user, void *p, size_t bytes)
{
    *(size_t *)user -= p ? bytes : 0;
    free(p);
}

/* Seconds to load a model from its file, and the bytes that it then holds. */
double network_load(const char *model, double seconds, size_t *bytes)
{
    size_t held = 0;
    const mdl_allocator allocator = { sizeof allocator, 0, count_in, count_out, &held };
    mdl_load_options options = MDL_LOAD_OPTIONS_INIT;
    const double end = now() + seconds;
    double best = 1e30;

    options.allocator = &allocator;
    do {
        mdl_model *m;
        const double t = now();
        if (mdl_load(&m, model, &options, NULL))
            return -1;
        const double took = now() - t;
        best = took < best ? took : best;
        *bytes = held;
        mdl_free(m);
    } while (now() < end);
    return best;
}

void network_close(struct network *n)
{
    if (!n)
        return;
    mdl_context_free(n->context);
    mdl_free(n->model);
    for (size_t i = 0; n->api && i < MOST; i++) {
        ((release *)n->api[RELEASE_VALUE])(n->in_values[i]);
        ((release *)n->api[RELEASE_VALUE])(n->out_values[i]);
    }
    if (n->session)
        ((release *)n->api[RELEASE_SESSION])(n->session);
    free(n);
}
