/*
 * examples/03_threads.c - one handle, many threads
 *
 *     03_threads ride.mdl
 *
 * A loaded model never changes, so threads share it without locks.  Each thread here
 * takes a slice of the rows; the answers are, bit for bit, those of a single thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4u
#define ROWS    10000u

struct slice {
    pthread_t thread;
    const mdl_model *model;                   /* shared */
    const float *x;
    float *y;
    size_t rows;
    mdl_status status;
};

static void *predict_slice(void *arg)
{
    struct slice *s = arg;

    s->status = mdl_predict(s->model, s->x, s->rows, s->y);
    return NULL;
}

static float *floats(size_t n)
{
    float *p = malloc((n ? n : 1) * sizeof *p);

    if (!p)
        exit(1);
    return p;
}

int main(int argc, char **argv)
{
    struct slice slices[THREADS];
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL.mdl\n", argv[0]);
        return 2;
    }
    if (mdl_load(&m, argv[1], NULL, &err)) {
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
        return 1;
    }
    const size_t cols = mdl_input_cols(m), out_cols = mdl_output_cols(m);
    float *x = floats(ROWS * cols), *alone = floats(ROWS * out_cols);
    float *together = floats(ROWS * out_cols);
    for (size_t i = 0; i < ROWS * cols; i++)
        x[i] = (float)(i * 2654435761u % 1000) / 50;

    mdl_status s = mdl_predict(m, x, ROWS, alone);

    for (size_t t = 0; t < THREADS; t++) {
        const size_t first = ROWS * t / THREADS, last = ROWS * (t + 1) / THREADS;
        slices[t] = (struct slice){ .model = m, .x = x + first * cols, .rows = last - first,
                                    .y = together + first * out_cols };
        if (pthread_create(&slices[t].thread, NULL, predict_slice, &slices[t]))
            return 1;
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(slices[t].thread, NULL);
        if (slices[t].status)
            s = slices[t].status;
    }

    const int same = !s && !memcmp(alone, together, ROWS * out_cols * sizeof *alone);
    printf("%u rows, %u threads: %s\n", ROWS, THREADS,
           same ? "the bits of one thread" : s ? mdl_strerror(s) : "different");
    free(x);
    free(alone);
    free(together);
    mdl_free(m);
    return !same;
}
