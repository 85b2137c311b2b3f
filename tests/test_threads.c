/*
 * tests/test_threads.c - many threads, one handle, the answers of one thread
 *
 * Run it under ThreadSanitizer too: make check-c SANITIZE=thread B=build/tsan
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include <pthread.h>

#define THREADS 4
#define CALLS   3000
#define ROWS    130u
#define COLS    40u
#define TREES   70

/* A small forest over COLS columns whose answers tell rows apart. */
static mdl_builder *forest(void)
{
    const uint8_t flags[] = { MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT, 0,
                              MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT | MDL_NODE_DEFAULT_LEFT, 0, 0 };
    const int32_t left[] = { 1, 0, 3, 0, 0 }, right[] = { 2, 0, 4, 0, 0 };
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                          .outputs = 2, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, COLS, 0), n = mdl_build_trees(b, x, &e);

    for (int t = 0; t < TREES; t++) {
        const int32_t feature[] = { t % (int)COLS, 0, t * 7 % (int)COLS, 0, 0 };
        const double threshold[] = { 0.25 * (t % 5), 0, 0.5 * (t % 3), 0, 0 };
        const double value[] = { 0, t + 0.5, 0, 100 + t, 1.0 / (1 << (t % 20)) };
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 5, .weight = 1,
                                .output = (uint64_t)t % 2, .iteration = (uint64_t)t / 2,
                                .flags = flags, .left = left, .right = right, .feature = feature,
                                .threshold = threshold, .value = value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return b;
}

struct shared {
    const mdl_model *m;
    size_t rows, cols;
    const float *x;
    const double *want;           /* [rows][2 or 1], by one thread   */
    size_t y_cols;
    int calls;
};

struct worker {
    pthread_t thread;
    const struct shared *s;
    uint64_t seed;
    size_t wrong;
};

/* Random slices, in float32 or float64, with a context of its own or without. */
static void *work(void *arg)
{
    struct worker *w = arg;
    const struct shared *s = w->s;
    const size_t bytes = mdl_context_bytes(s->m, 16);
    void *memory = malloc(bytes);
    mdl_context *context = mdl_context_init(s->m, 16, memory, bytes);
    double *y = malloc(s->rows * s->y_cols * sizeof *y);

    for (int i = 0; i < s->calls; i++) {
        const size_t rows = 1 + (size_t)(next_random(&w->seed) % s->rows) / (i % 3 ? 20 : 1);
        const size_t first = (size_t)(next_random(&w->seed) % (s->rows - rows + 1));
        const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2,
                                .data = (void *)(uintptr_t)(s->x + first * s->cols),
                                .dims = { (int64_t)rows, (int64_t)s->cols } };
        const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                                 .dims = { (int64_t)rows, (int64_t)s->y_cols } };
        const mdl_predict_options o = { .size = sizeof o, .context = i % 2 ? context : NULL };
        w->wrong += mdl_predict_tensor(s->m, &in, &out, &o, NULL) != MDL_OK;
        w->wrong += memcmp(y, s->want + first * s->y_cols, rows * s->y_cols * sizeof *y) != 0;
    }
    free(y);
    free(memory);
    return NULL;
}

static void all_threads_agree(mdl_model *m, int calls)
{
    struct shared s = { .m = m, .rows = ROWS, .cols = mdl_input_cols(m),
                        .y_cols = mdl_output_cols(m), .calls = calls };
    struct worker workers[THREADS];
    float *x = malloc(s.rows * s.cols * sizeof *x);
    double *want = malloc(s.rows * s.y_cols * sizeof *want);
    uint64_t seed = 3;

    for (size_t i = 0; i < s.rows * s.cols; i++)
        x[i] = (float)(next_random(&seed) % 9) / 4 - 0.5f;
    for (size_t r = 0; r < s.rows; r++) {        /* one row at a time, alone */
        float y[2];
        assert_int_equal(mdl_predict(m, x + r * s.cols, 1, y), MDL_OK);
        for (size_t k = 0; k < s.y_cols; k++)
            want[r * s.y_cols + k] = (double)y[k];
    }
    s.x = x;
    s.want = want;
    for (size_t t = 0; t < THREADS; t++) {
        workers[t] = (struct worker){ .s = &s, .seed = t + 1 };
        assert_int_equal(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(workers[t].thread, NULL);
        assert_int_equal(workers[t].wrong, 0);
    }
    free(x);
    free(want);
}

static void four_threads_on_one_handle_answer_as_one_thread_does(void **state)
{
    (void)state;

    for (size_t k = 0; mdl_isa_name(k); k++) {
        const mdl_load_options o = { .size = sizeof o, .isa = mdl_isa_name(k) };
        size_t size;
        unsigned char *file = built_file(forest(), &size);
        mdl_model *m;
        assert_int_equal(mdl_load_memory(&m, file, size, &o, NULL), MDL_OK);
        all_threads_agree(m, CALLS);
        mdl_free(m);
        free(file);
    }
}

/* Wide calls share the pool of scratch memory: at most one block a thread, all given back. */
static void four_threads_share_the_scratch_of_a_wide_model(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator a = counting_allocator(&c);
    mdl_model *m = loaded(wide_model(NULL, MDL_F64), &a);
    const size_t before = c.allocs;
    (void)state;

    all_threads_agree(m, CALLS / 10);
    assert_true(c.allocs <= before + THREADS);
    mdl_free(m);
    assert_int_equal(c.live, 0);
    assert_int_equal(c.wrong, 0);
}

/* Each thread with models of its own: nothing is shared behind their backs. */
struct loader {
    pthread_t thread;
    const unsigned char *file;
    size_t size, wrong;
};

static void *load_and_free(void *arg)
{
    struct loader *l = arg;

    for (int i = 0; i < 200; i++) {
        const float x[] = { 2, 1 };
        float y = 0;
        mdl_model *m;
        l->wrong += mdl_load_memory(&m, l->file, l->size, NULL, NULL) != MDL_OK;
        l->wrong += mdl_predict(m, x, 1, &y) != MDL_OK || y != 8.5f;
        mdl_free(m);
    }
    return NULL;
}

static void threads_load_and_free_models_of_their_own(void **state)
{
    struct loader loaders[THREADS];
    size_t size;
    unsigned char *file = small_file(&size);
    (void)state;

    for (size_t t = 0; t < THREADS; t++) {
        loaders[t] = (struct loader){ .file = file, .size = size };
        assert_int_equal(pthread_create(&loaders[t].thread, NULL, load_and_free, &loaders[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(loaders[t].thread, NULL);
        assert_int_equal(loaders[t].wrong, 0);
    }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_threads_on_one_handle_answer_as_one_thread_does),
        cmocka_unit_test(four_threads_share_the_scratch_of_a_wide_model),
        cmocka_unit_test(threads_load_and_free_models_of_their_own),
    };

    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
