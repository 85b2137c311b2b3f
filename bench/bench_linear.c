/*
 * bench/bench_linear.c - linear models of every width: dense and sparse rows, us a row
 *
 *     bench_linear [ISA]
 *
 * Models are built here: float64 weights as scikit-learn's have, float32 rows as mdl_predict
 * takes them, softmax or logistic behind.  Distinct rows, the minimum of the repeats; `GB/s` is
 * what a row holds over the time of one, beside what reading memory alone reaches.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mdl_build.h"

#define REPEATS 9
#define CELLS   (1u << 22)        /* of distinct rows, at most  */
#define STORED  100u              /* cells of a sparse row      */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static uint64_t seed = 88172645463325252ull;

static double next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53 - 0.5;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_linear: %s\n", what);
    exit(1);
}

static mdl_model *make(size_t cols, size_t outputs, const char *isa)
{
    const mdl_load_options options = { .size = sizeof options, .isa = isa };
    mdl_error err = MDL_ERROR_INIT;
    double *w = malloc(cols * outputs * sizeof *w);
    mdl_builder *b = mdl_builder_new(NULL);
    mdl_model *m;
    const void *bytes;
    size_t size;

    for (size_t i = 0; i < cols * outputs; i++)
        w[i] = next() / 8;
    const int32_t x = mdl_build_input(b, "x", MDL_F64, cols, MDL_ABSENT_ZERO);
    const int32_t dense = mdl_build_node(b, "dense", "", &x, 1);
    mdl_build_weights(b, dense, "weight", MDL_F64, 2,
                      (int64_t[]){ (int64_t)outputs, (int64_t)cols }, w);
    mdl_build_weights(b, dense, "bias", MDL_F64, 1, (int64_t[]){ (int64_t)outputs }, w);
    const int32_t raw = mdl_build_result(b, dense, 0);
    const int32_t link = mdl_build_node(b, "link", "", &raw, 1);
    mdl_build_choice(b, link, "function", outputs > 1 ? "softmax" : "logistic");
    mdl_build_output(b, "y", MDL_OUTPUT_PROBA, mdl_build_result(b, link, 0));
    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, &options, &err))
        die(err.text);
    mdl_builder_free(b);
    free(w);
    return m;
}

/* us a row, `rows` of them a call, over `total` distinct rows. */
static double time_dense(const mdl_model *m, const float *x, size_t total, size_t rows, float *y)
{
    const size_t cols = mdl_input_cols(m), outputs = mdl_output_cols(m);
    double best = 1e30;

    for (int i = 0; i < REPEATS; i++) {
        const double begin = now();
        for (size_t r = 0; r + rows <= total; r += rows)
            if (mdl_predict(m, x + r * cols, rows, y + r * outputs))
                die("mdl_predict");
        const double t = (now() - begin) / (double)(total / rows * rows);
        best = t < best ? t : best;
    }
    return best;
}

static double time_sparse(const mdl_model *m, const mdl_csr *x, float *y)
{
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F32, .rank = 2, .data = y,
                             .dims = { (int64_t)x->rows, (int64_t)mdl_output_cols(m) } };
    double best = 1e30;

    for (int i = 0; i < REPEATS; i++) {
        const double begin = now();
        if (mdl_predict_csr(m, x, &out, NULL, NULL))
            die("mdl_predict_csr");
        const double t = (now() - begin) / (double)x->rows;
        best = t < best ? t : best;
    }
    return best;
}

/* GB/s of adding up n floats that no cache holds. */
static double memory_speed(const float *x, size_t n)
{
    volatile uint64_t sink = 0;
    double best = 1e30;

    for (int i = 0; i < REPEATS; i++) {
        uint64_t sum[8] = { 0 };
        const double begin = now();
        for (size_t k = 0; k + 16 <= n; k += 16)
            for (size_t j = 0; j < 8; j++) {
                uint64_t bits;
                memcpy(&bits, x + k + 2 * j, sizeof bits);
                sum[j] |= bits;
            }
        for (size_t j = 0; j < 8; j++)
            sink += sum[j];
        const double t = now() - begin;
        best = t < best ? t : best;
    }
    return (double)n * sizeof *x / best * 1e-3;
}

int main(int argc, char **argv)
{
    static const size_t shapes[][2] = { { 1, 1 }, { 4, 3 }, { 13, 1 }, { 30, 1 }, { 64, 10 },
                                        { 256, 1 }, { 784, 10 }, { 1000, 1 }, { 1000, 20 }, { 10000, 1 },
                                        { 100000, 1 }, { 100000, 20 } };
    const char *isa = argc > 1 ? argv[1] : NULL;
    float *x = malloc(CELLS * sizeof *x), *y = malloc(CELLS * sizeof *y);
    static int32_t start[4097], columns[4096 * STORED];

    if (!x || !y)
        die("out of memory");
    for (size_t i = 0; i < CELLS; i++)
        x[i] = (float)next();
    printf("%s; memory: %.1f GB/s\n", isa ? isa : mdl_isa_name(0), memory_speed(x, CELLS));
    printf("columns outputs   1 row  16 rows  4096 rows us/row    GB/s  sparse us/row\n");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t cols = shapes[s][0], outputs = shapes[s][1];
        const size_t total = CELLS / cols < 4096 ? CELLS / cols : 4096;
        const size_t stored = cols < 2 * STORED ? (cols + 1) / 2 : STORED;
        mdl_model *m = make(cols, outputs, isa);
        const double one = time_dense(m, x, total, 1, y);
        const double few = time_dense(m, x, total, total < 16 ? total : 16, y);
        const double many = time_dense(m, x, total, total, y);

        for (size_t r = 0; r <= total; r++)
            start[r] = (int32_t)(r * stored);
        for (size_t i = 0; i < total * stored; i++)      /* ascending, a random step apart */
            columns[i] = (int32_t)((i % stored * cols
                                    + (size_t)((next() + 0.5) * (double)cols)) / stored);
        const mdl_csr csr = { .size = sizeof csr, .rows = total, .cols = cols, .type = MDL_F32,
                              .index_type = MDL_I32, .row_start = start, .columns = columns,
                              .values = x };
        printf("%7zu %7zu %8.3f %8.3f %10.4f %14.1f %10.3f\n", cols, outputs, one, few, many,
               (double)cols * sizeof *x / many * 1e-3, time_sparse(m, &csr, y));
        mdl_free(m);
    }
    free(x);
    free(y);
    return 0;
}
