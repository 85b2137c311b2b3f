/*
 * bench/bench_peers.c - libmodel beside the library that trained the model, in one process
 *
 *     bench_peers MODEL.mdl ROWS.f32 COLS xgboost|lightgbm LIB.so SOURCE_MODEL
 *
 * ROWS.f32 holds float32 rows.  Each repeat times every engine in turn, at one thread,
 * over distinct rows; the minimum over repeats is printed, and outputs are compared
 * before any time is.  The peer is loaded with dlopen and called through its C API as
 * fast as that allows.  Prints JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mdl.h"

#define REPEATS 7

struct peer {
    void *so, *handle, *fast;
    int is_xgboost;
    size_t cols;
    double *wide;                 /* rows as float64, for LightGBM */
    double *out;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_peers: %s\n", what);
    exit(1);
}

static void *symbol(const struct peer *p, const char *name)
{
    void *f = dlsym(p->so, name);

    if (!f)
        die(name);
    return f;
}

/* Function pointers by way of memcpy: ISO C has no cast from void * to them. */
#define FUNCTION(type, variable, name) \
    type variable; \
    do { void *symbol_ = symbol(p, name); memcpy(&variable, &symbol_, sizeof variable); } while (0)

typedef int (*xgb_create)(const void *, uint64_t, void **);
typedef int (*xgb_load)(void *, const char *);
typedef int (*xgb_set)(void *, const char *, const char *);
typedef int (*xgb_dense)(void *, const char *, const char *, void *, const uint64_t **, uint64_t *,
                         const float **);
typedef int (*lgb_load)(const char *, int *, void **);
typedef int (*lgb_mat)(void *, const void *, int, int32_t, int32_t, int, int, int, int,
                       const char *, int64_t *, double *);
typedef int (*lgb_init)(void *, int, int, int, int, int32_t, const char *, void **);
typedef int (*lgb_fast)(void *, const void *, int64_t *, double *);

#define LGB_FLOAT64 1
#define LGB_NORMAL  0

static void open_peer(struct peer *p, const char *so, const char *model)
{
    p->so = dlopen(so, RTLD_NOW | RTLD_LOCAL);
    if (!p->so)
        die(dlerror());
    if (p->is_xgboost) {
        FUNCTION(xgb_create, create, "XGBoosterCreate");
        FUNCTION(xgb_load, load, "XGBoosterLoadModel");
        FUNCTION(xgb_set, set, "XGBoosterSetParam");
        if (create(NULL, 0, &p->handle) || load(p->handle, model)
            || set(p->handle, "nthread", "1"))
            die("cannot load the XGBoost model");
        return;
    }
    FUNCTION(lgb_load, load, "LGBM_BoosterCreateFromModelfile");
    FUNCTION(lgb_init, init, "LGBM_BoosterPredictForMatSingleRowFastInit");
    int iterations;
    if (load(model, &iterations, &p->handle)
        || init(p->handle, LGB_NORMAL, 0, -1, LGB_FLOAT64, (int32_t)p->cols, "num_threads=1",
                &p->fast))
        die("cannot load the LightGBM model");
}

/* Predict rows [first, first + rows) with the peer; the answers, as float. */
static void run_peer(struct peer *p, const float *x, size_t first, size_t rows, float *y)
{
    if (p->is_xgboost) {
        FUNCTION(xgb_dense, predict, "XGBoosterPredictFromDense");
        char array[256];
        const uint64_t *shape;
        uint64_t rank;
        const float *out;
        snprintf(array, sizeof array, "{\"data\":[%llu,true],\"shape\":[%zu,%zu],"
                 "\"typestr\":\"<f4\",\"version\":3}",
                 (unsigned long long)(uintptr_t)(x + first * p->cols), rows, p->cols);
        if (predict(p->handle, array, "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                    "\"iteration_end\":0,\"strict_shape\":false,\"missing\":NaN,"
                    "\"cache_id\":0}", NULL, &shape, &rank, &out))
            die("XGBoosterPredictFromDense failed");
        memcpy(y, out, rows * sizeof *y);
        return;
    }
    FUNCTION(lgb_fast, fast, "LGBM_BoosterPredictForMatSingleRowFast");
    FUNCTION(lgb_mat, mat, "LGBM_BoosterPredictForMat");
    int64_t length;
    const double *row = p->wide + first * p->cols;
    if (rows == 1 ? fast(p->fast, row, &length, p->out)
                  : mat(p->handle, row, LGB_FLOAT64, (int32_t)rows, (int32_t)p->cols, 1,
                        LGB_NORMAL, 0, -1, "num_threads=1", &length, p->out))
        die("LightGBM failed");
    for (size_t i = 0; i < rows; i++)
        y[i] = (float)p->out[i];
}

/* us a row for all rows in calls of `batch`. */
static double time_rows(struct peer *p, const mdl_model *m, const float *x, size_t rows,
                        size_t batch, float *y)
{
    const double begin = now();

    for (size_t i = 0; i + batch <= rows; i += batch) {
        if (p)
            run_peer(p, x, i, batch, y + i);
        else
            mdl_predict(m, x + i * mdl_input_cols(m), batch, y + i);
    }
    return (now() - begin) / (double)(rows / batch * batch);
}

static void compare(struct peer *p, const mdl_model *m, const float *x, size_t rows)
{
    float *a = malloc(rows * sizeof *a), *b = malloc(rows * sizeof *b);
    double worst = 0;

    run_peer(p, x, 0, rows, a);
    mdl_predict(m, x, rows, b);
    for (size_t i = 0; i < rows; i++)
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    printf("\"largest_difference\": %.3g", worst);
    if (worst > 2e-6)
        die("the answers differ");
    free(a);
    free(b);
}

static double load_time(const char *path)
{
    double best = 1e300;

    for (int i = 0; i < REPEATS; i++) {
        mdl_model *m;
        const double begin = now();
        if (mdl_load(&m, path, NULL, NULL))
            die("cannot load the .mdl");
        best = fmin(best, now() - begin);
        mdl_free(m);
    }
    return best;
}

int main(int argc, char **argv)
{
    static const size_t batches[] = { 1, 16, 256, 4096 };
    mdl_model *m;
    mdl_error err = MDL_ERROR_INIT;

    if (argc != 7)
        die("usage: bench_peers MODEL.mdl ROWS.f32 COLS xgboost|lightgbm LIB.so SOURCE_MODEL");
    if (mdl_load(&m, argv[1], NULL, &err))
        die(err.text);
    const size_t cols = (size_t)strtoull(argv[3], NULL, 10);
    FILE *f = fopen(argv[2], "rb");
    if (!f || cols != mdl_input_cols(m) || mdl_output_cols(m) != 1)
        die("rows that do not fit the model");
    fseek(f, 0, SEEK_END);
    const size_t rows = (size_t)ftell(f) / (cols * sizeof(float));
    rewind(f);
    float *x = malloc(rows * cols * sizeof *x), *y = malloc(rows * sizeof *y);
    if (fread(x, sizeof *x, rows * cols, f) != rows * cols)
        die("cannot read the rows");
    fclose(f);

    struct peer p = { .is_xgboost = !strcmp(argv[4], "xgboost"), .cols = cols,
                      .wide = malloc(rows * cols * sizeof(double)),
                      .out = malloc(rows * sizeof(double)) };
    for (size_t i = 0; i < rows * cols; i++)
        p.wide[i] = (double)x[i];
    open_peer(&p, argv[5], argv[6]);

    printf("{\"isa\": \"%s\", \"rows\": %zu, \"load_us\": %.1f, ", mdl_isa(m), rows,
           load_time(argv[1]));
    compare(&p, m, x, rows);
    for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
        double ours = 1e300, theirs = 1e300;
        for (int i = 0; i < REPEATS; i++) {
            theirs = fmin(theirs, time_rows(&p, NULL, x, rows, batches[k], y));
            ours = fmin(ours, time_rows(NULL, m, x, rows, batches[k], y));
        }
        printf(", \"%zu\": [%.4f, %.4f]", batches[k], theirs, ours);
    }
    printf("}\n");
    mdl_free(m);
    free(x);
    free(y);
    free(p.wide);
    free(p.out);
    return 0;
}
