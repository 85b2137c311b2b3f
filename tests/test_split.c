/*
 * tests/test_split.c - one call on several threads: the bits of one row alone
 *
 * What is expected comes from the plain kernels, one row a call, without threads.  Run it
 * under ThreadSanitizer too, as test_threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include <errno.h>
#include <pthread.h>

#define COLS  12u
#define TREES 30
#define FORKS 255                 /* of a tree, all of its 8 levels: so many nodes that few rows */
#define NODES (2 * FORKS + 1)     /* are worth a thread                                          */
#define ROWS  4200u

/* Two sums over full trees, whose answers tell rows apart. */
static mdl_builder *forest(void)
{
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                          .outputs = 2, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, COLS, 0), n = mdl_build_trees(b, x, &e);
    uint8_t flags[NODES] = { 0 };
    int32_t left[NODES] = { 0 }, right[NODES] = { 0 }, feature[NODES] = { 0 };
    double threshold[NODES] = { 0 }, value[NODES] = { 0 };

    for (int t = 0; t < TREES; t++) {
        for (int i = 0; i < NODES; i++) {
            value[i] = i < FORKS ? 0 : (double)(0.1f * (float)((i * 7 + t * 5) % 997));
            if (i >= FORKS)
                continue;
            flags[i] = (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT
                                 | (i % 2 ? MDL_NODE_DEFAULT_LEFT : 0));
            left[i] = 2 * i + 1;
            right[i] = 2 * i + 2;
            feature[i] = (i + t) % (int)COLS;
            threshold[i] = 0.125 * ((i * 3 + t) % 10);
        }
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = NODES, .weight = 1,
                                .output = (uint64_t)t % 2, .iteration = (uint64_t)t / 2,
                                .flags = flags, .left = left, .right = right, .feature = feature,
                                .threshold = threshold, .value = value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return b;
}

static mdl_model *load_with(const char *isa, const mdl_parallel *parallel)
{
    const mdl_load_options o = { .size = sizeof o, .isa = isa, .parallel = parallel };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    size_t size;
    unsigned char *file = built_file(forest(), &size);

    if (mdl_load_memory(&m, file, size, &o, &err))
        fail_msg("%s", err.text);
    free(file);
    return m;
}

struct fixture {
    mdl_model *m;
    float x[ROWS * COLS];
    double x64[ROWS * COLS];
    float want[ROWS * 2], y[ROWS * 2];
};

/* Rows of values on the thresholds, between them, and missing. */
static int setup(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    uint64_t seed = 11;

    f->m = load_with(NULL, NULL);
    for (size_t i = 0; i < ROWS * COLS; i++) {
        f->x[i] = (float)(next_random(&seed) % 11) / 8 - 0.125f;
        if (next_random(&seed) % 50 == 0)
            f->x[i] = __builtin_nanf("");
        f->x64[i] = (double)f->x[i];
    }
    mdl_model *plain = load_with("ref", NULL);
    for (size_t r = 0; r < ROWS; r++)
        assert_int_equal(mdl_predict(plain, f->x + r * COLS, 1, f->want + 2 * r), MDL_OK);
    mdl_free(plain);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mdl_free(f->m);
    free(f);
    return 0;
}

static mdl_tensor table(uint32_t type, void *data, size_t rows, size_t cols)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = type, .rank = 2, .data = data,
                         .dims = { (int64_t)rows, (int64_t)cols } };
}

static mdl_status predict(struct fixture *f, size_t rows, const mdl_parallel *p, mdl_error *err)
{
    const mdl_tensor x = table(MDL_F32, f->x, rows, COLS), y = table(MDL_F32, f->y, rows, 2);
    const mdl_predict_options o = { .size = sizeof o, .parallel = p };

    memset(f->y, 0xEE, sizeof f->y);
    return mdl_predict_tensor(f->m, &x, &y, &o, err);
}

/* The rows have the bits they should, and nothing behind them was touched. */
static void expect_rows(const struct fixture *f, size_t rows)
{
    const unsigned char *behind = (const unsigned char *)(f->y + 2 * rows);

    assert_memory_equal(f->y, f->want, rows * 2 * sizeof(float));
    for (size_t i = 0; i < (ROWS - rows) * 2 * sizeof(float); i++)
        assert_int_equal(behind[i], 0xEE);
}

/* ---- threads of a pool ------------------------------------------------------------------- */

static const size_t edges[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 300, 383, 384,
                                385, 511, 512, 513, 640, 767, 768, 769, 1000, 1023, 1024, 1025, 1535,
                                1536, 1537, 2047, 2048, 2049, 3333, 4095, 4096, 4097, ROWS };

static void any_number_of_threads_gives_the_bits_of_one_row_alone(void **state)
{
    struct fixture *f = *state;

    for (uint32_t threads = 1; threads <= 5; threads++) {
        mdl_pool *pool;
        assert_int_equal(mdl_pool_create(&pool, threads, NULL, NULL), MDL_OK);
        for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
            assert_int_equal(predict(f, edges[i], mdl_pool_parallel(pool), NULL), MDL_OK);
            expect_rows(f, edges[i]);
        }
        mdl_pool_free(pool);
    }
}

/* float64 in, column by column; leaf numbers out, as float64 and backwards. */
static void tables_of_every_kind_are_split(void **state)
{
    struct fixture *f = *state;
    double *x = malloc(ROWS * COLS * sizeof *x), *y = malloc(ROWS * TREES * sizeof *y);
    int32_t *want = malloc(ROWS * TREES * sizeof *want);
    const mdl_predict_options alone = { .size = sizeof alone, .output = MDL_OUTPUT_LEAF };
    mdl_predict_options o = alone;
    mdl_pool *pool;

    for (size_t r = 0; r < ROWS; r++) {
        const mdl_tensor in = table(MDL_F32, f->x + r * COLS, 1, COLS);
        const mdl_tensor out = table(MDL_I32, want + r * TREES, 1, TREES);
        assert_int_equal(mdl_predict_tensor(f->m, &in, &out, &alone, NULL), MDL_OK);
        for (size_t c = 0; c < COLS; c++)
            x[c * ROWS + r] = f->x64[r * COLS + c];
    }
    assert_int_equal(mdl_pool_create(&pool, 3, NULL, NULL), MDL_OK);
    o.parallel = mdl_pool_parallel(pool);
    mdl_tensor in = table(MDL_F64, x, ROWS, COLS), out = table(MDL_F64, y, ROWS, TREES);
    in.strides[0] = sizeof *x;
    in.strides[1] = (int64_t)(ROWS * sizeof *x);
    out.data = y + (ROWS - 1) * TREES;
    out.strides[0] = -(int64_t)(TREES * sizeof *y);
    out.strides[1] = sizeof *y;
    assert_int_equal(mdl_predict_tensor(f->m, &in, &out, &o, NULL), MDL_OK);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t t = 0; t < TREES; t++)
            if (y[(ROWS - 1 - r) * TREES + t] != want[r * TREES + t])
                fail_msg("row %zu, tree %zu", r, t);
    mdl_pool_free(pool);
    free(x);
    free(y);
    free(want);
}

static void the_threads_of_a_load_serve_every_call(void **state)
{
    struct fixture *f = *state;
    double *y64 = malloc(ROWS * 2 * sizeof *y64);
    mdl_pool *pool;

    assert_int_equal(mdl_pool_create(&pool, 2, NULL, NULL), MDL_OK);
    mdl_model *m = load_with(NULL, mdl_pool_parallel(pool));
    const mdl_tensor x = table(MDL_F32, f->x, ROWS, COLS), y = table(MDL_F32, f->y, ROWS, 2);

    assert_int_equal(mdl_predict(m, f->x, ROWS, f->y), MDL_OK);
    expect_rows(f, ROWS);
    memset(f->y, 0, sizeof f->y);
    assert_int_equal(mdl_predict_tensor(m, &x, &y, NULL, NULL), MDL_OK);
    expect_rows(f, ROWS);
    memset(f->y, 0, sizeof f->y);
    assert_int_equal(mdl_run(m, NULL, &x, 1, &y, 1, NULL), MDL_OK);
    expect_rows(f, ROWS);
    assert_int_equal(mdl_predict_f64(m, f->x64, ROWS, y64), MDL_OK);
    for (size_t i = 0; i < ROWS * 2; i++)
        assert_true(y64[i] == (double)f->want[i]);
    free(y64);
    mdl_free(m);
    mdl_pool_free(pool);
}

#define CALLERS 3

struct caller {
    pthread_t thread;
    const struct fixture *f;
    const mdl_parallel *p;
    size_t wrong;
};

static void *call_often(void *arg)
{
    struct caller *c = arg;
    float *y = malloc(ROWS * 2 * sizeof *y);

    for (size_t i = 0; i < 25; i++) {
        const size_t rows = edges[(i * 5 + 17) % (sizeof edges / sizeof *edges)];
        const mdl_tensor in = table(MDL_F32, (void *)(uintptr_t)c->f->x, rows, COLS);
        const mdl_tensor out = table(MDL_F32, y, rows, 2);
        const mdl_predict_options o = { .size = sizeof o, .parallel = c->p };
        c->wrong += mdl_predict_tensor(c->f->m, &in, &out, &o, NULL) != MDL_OK;
        c->wrong += memcmp(y, c->f->want, rows * 2 * sizeof *y) != 0;
    }
    free(y);
    return NULL;
}

static void callers_on_their_own_threads_share_pool_and_model(void **state)
{
    struct caller callers[CALLERS];
    mdl_pool *pool;

    assert_int_equal(mdl_pool_create(&pool, 2, NULL, NULL), MDL_OK);
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ .f = *state, .p = mdl_pool_parallel(pool) };
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    mdl_pool_free(pool);
}

/* ---- threads of the host -------------------------------------------------------------------- */

struct host {
    size_t calls, tasks;          /* of run; tasks of the last one        */
    size_t leave_out;             /* so many tasks do not run             */
    int backwards;
};

static void run_here(void *user, size_t tasks, mdl_task task, void *data)
{
    struct host *h = user;

    h->calls++;
    h->tasks = tasks;
    errno = 5;
    for (size_t i = h->leave_out; i < tasks; i++)
        task(data, h->backwards ? tasks - 1 - i : i);
}

struct started {
    pthread_t thread;
    mdl_task task;
    void *data;
    size_t i;
};

static void *start(void *arg)
{
    struct started *s = arg;

    s->task(s->data, s->i);
    return NULL;
}

/* A thread for every task. */
static void run_apart(void *user, size_t tasks, mdl_task task, void *data)
{
    struct started *s = calloc(tasks, sizeof *s);

    ((struct host *)user)->tasks = tasks;
    for (size_t i = 0; i < tasks; i++) {
        s[i] = (struct started){ .task = task, .data = data, .i = i };
        if (pthread_create(&s[i].thread, NULL, start, &s[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < tasks; i++)
        pthread_join(s[i].thread, NULL);
    free(s);
}

static void a_host_runs_tasks_in_any_order_anywhere(void **state)
{
    struct fixture *f = *state;
    struct host h = { 0 };
    mdl_parallel p = { .size = sizeof p, .threads = 4, .user = &h, .run = run_here };

    for (h.backwards = 0; h.backwards < 2; h.backwards++)
        for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
            errno = 77;
            assert_int_equal(predict(f, edges[i], &p, NULL), MDL_OK);
            assert_int_equal(errno, 77);
            expect_rows(f, edges[i]);
        }
    assert_true(h.calls > 0 && h.tasks > 4 && h.tasks <= 16);
    p.run = run_apart;
    h.tasks = 0;
    assert_int_equal(predict(f, ROWS, &p, NULL), MDL_OK);
    expect_rows(f, ROWS);
    assert_true(h.tasks > 4);
}

static void few_rows_and_one_thread_never_reach_the_host(void **state)
{
    struct fixture *f = *state;
    struct host h = { 0 };
    mdl_parallel p = { .size = sizeof p, .threads = 4, .user = &h, .run = run_here };

    assert_int_equal(predict(f, 64, &p, NULL), MDL_OK);
    expect_rows(f, 64);
    for (p.threads = 0; p.threads < 2; p.threads++) {
        assert_int_equal(predict(f, ROWS, &p, NULL), MDL_OK);
        expect_rows(f, ROWS);
    }
    assert_int_equal(h.calls, 0);
    p.threads = UINT32_MAX;                      /* tasks are not smaller for it */
    assert_int_equal(predict(f, ROWS, &p, NULL), MDL_OK);
    expect_rows(f, ROWS);
    assert_int_equal(h.calls, 1);
    assert_true(h.tasks > 1 && h.tasks < ROWS / 64);
}

static void a_host_that_leaves_tasks_out_is_told_so(void **state)
{
    struct host h = { .leave_out = 2 };
    const mdl_parallel p = { .size = sizeof p, .threads = 2, .user = &h, .run = run_here };
    mdl_error err = MDL_ERROR_INIT;
    char says[80];

    assert_int_equal(predict(*state, ROWS, &p, &err), MDL_ERR_ARGUMENT);
    snprintf(says, sizeof says, "mdl_parallel.run ran %zu of %zu tasks", h.tasks - 2, h.tasks);
    assert_string_equal(err.text, says);
}

/* ---- errors, options ------------------------------------------------------------------------ */

/* Rows of one cell each; rows 1500 and 4000 name columns that are not there. */
static void an_error_of_a_worker_is_the_error_of_one_thread(void **state)
{
    struct fixture *f = *state;
    struct host h = { 0 };
    const mdl_parallel p = { .size = sizeof p, .threads = 4, .user = &h, .run = run_here };
    int32_t *start_at = malloc((ROWS + 1) * sizeof *start_at);
    int32_t *columns = calloc(ROWS, sizeof *columns);
    const mdl_tensor y = table(MDL_F32, f->y, ROWS, 2);
    const mdl_csr x = { .size = sizeof x, .type = MDL_F32, .index_type = MDL_I32, .rows = ROWS,
                        .cols = COLS, .row_start = start_at, .columns = columns, .values = f->x };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

    for (int32_t r = 0; r <= (int32_t)ROWS; r++)
        start_at[r] = r;
    assert_int_equal(mdl_predict_csr(f->m, &x, &y, &o, NULL), MDL_OK);
    memcpy(f->want, f->y, sizeof f->want);       /* of sparse rows; restored by nobody: last */
    o.parallel = &p;
    for (h.backwards = 0; h.backwards < 2; h.backwards++) {
        mdl_error err = MDL_ERROR_INIT;
        columns[1500] = columns[4000] = 0;
        memset(f->y, 0, sizeof f->y);
        assert_int_equal(mdl_predict_csr(f->m, &x, &y, &o, &err), MDL_OK);
        expect_rows(f, ROWS);
        columns[1500] = 99;
        columns[4000] = -1;
        assert_int_equal(mdl_predict_csr(f->m, &x, &y, &o, &err), MDL_ERR_DATA);
        assert_string_equal(err.text, "row 1500 has a value in column 99 of 12");
        assert_int_equal(err.code, MDL_ERR_DATA);
    }
    assert_int_equal(h.calls, 4);
    free(start_at);
    free(columns);
}

/* Whatever allocation fails: the right rows, or no memory. */
static void a_worker_without_memory_fails_or_is_stood_in_for(void **state)
{
    const size_t rows = 5000;
    float *x = calloc(rows * WIDE_COLS, sizeof *x), *y = malloc(rows * sizeof *y);
    struct host h = { .backwards = 1 };
    const mdl_parallel p = { .size = sizeof p, .threads = 2, .user = &h, .run = run_here };
    (void)state;

    for (size_t r = 0; r < rows; r++)            /* stump 3 goes right in odd rows */
        x[r * WIDE_COLS + 300] = (float)(r % 2);
    for (size_t fail = 0; fail < 3; fail++) {
        struct counting c = { 0 };
        const mdl_allocator a = counting_allocator(&c);
        mdl_model *m = loaded(wide_model(NULL, MDL_F64), &a);
        const mdl_tensor in = table(MDL_F32, x, rows, WIDE_COLS), out = table(MDL_F32, y, rows, 1);
        const mdl_predict_options o = { .size = sizeof o, .parallel = &p };
        c.fail_at = fail ? c.allocs + fail : 0;
        assert_int_equal(mdl_predict_tensor(m, &in, &out, &o, NULL), MDL_OK);
        for (size_t r = 0; r < rows; r++)
            assert_true(y[r] == (r % 2 ? 1019 : 20));
        mdl_free(m);
        assert_int_equal(c.live, 0);
    }
    assert_int_equal(h.calls, 3);
    free(x);
    free(y);
}

static void options_without_threads_or_with_half_of_them(void **state)
{
    struct fixture *f = *state;
    struct host h = { 0 };
    mdl_parallel p = { .size = sizeof p, .threads = 2, .user = &h, .run = run_here };
    const mdl_tensor x = table(MDL_F32, f->x, ROWS, COLS), y = table(MDL_F32, f->y, ROWS, 2);
    mdl_predict_options o = { .size = offsetof(mdl_predict_options, parallel), .parallel = &p };
    mdl_load_options l = { .size = offsetof(mdl_load_options, parallel), .parallel = &p };
    mdl_error err = MDL_ERROR_INIT;
    size_t size;
    unsigned char *file = built_file(forest(), &size);
    mdl_model *m;

    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, &o, &err), MDL_OK);
    assert_int_equal(mdl_load_memory(&m, file, size, &l, &err), MDL_OK);
    assert_int_equal(mdl_predict(m, f->x, ROWS, f->y), MDL_OK);
    assert_int_equal(h.calls, 0);                /* structs from before there were threads */
    mdl_free(m);

    o.size = sizeof o;
    l.size = sizeof l;
    p.run = NULL;
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, &o, &err), MDL_ERR_ARGUMENT);
    assert_string_equal(err.text, "mdl_parallel needs run");
    assert_int_equal(mdl_load_memory(&m, file, size, &l, NULL), MDL_ERR_ARGUMENT);
    p.run = run_here;
    p.size = 0;
    err = (mdl_error)MDL_ERROR_INIT;
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, &o, &err), MDL_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "mdl_parallel.size is 0"));
    p.size = sizeof p;

    const size_t bytes = mdl_context_bytes(f->m, 16);
    void *memory = malloc(bytes);
    o.context = mdl_context_init(f->m, 16, memory, bytes);
    err = (mdl_error)MDL_ERROR_INIT;
    assert_int_equal(mdl_predict_tensor(f->m, &x, &y, &o, &err), MDL_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "a context serves one thread"));
    free(memory);
    assert_int_equal(h.calls, 0);
    free(file);
}

/* The threads of the load are not for a call that brings its own scratch. */
static void a_call_with_a_context_stays_on_its_thread(void **state)
{
    struct fixture *f = *state;
    struct host h = { 0 };
    const mdl_parallel p = { .size = sizeof p, .threads = 2, .user = &h, .run = run_here };
    const mdl_tensor x = table(MDL_F32, f->x, ROWS, COLS), y = table(MDL_F32, f->y, ROWS, 2);
    mdl_model *m = load_with(NULL, &p);
    const size_t bytes = mdl_context_bytes(m, 16);
    void *memory = malloc(bytes);
    mdl_context *context = mdl_context_init(m, 16, memory, bytes);
    const mdl_predict_options o = { .size = sizeof o, .context = context };

    assert_int_equal(mdl_predict_tensor(m, &x, &y, &o, NULL), MDL_OK);
    expect_rows(f, ROWS);
    memset(f->y, 0, sizeof f->y);
    assert_int_equal(mdl_run(m, context, &x, 1, &y, 1, NULL), MDL_OK);
    expect_rows(f, ROWS);
    assert_int_equal(h.calls, 0);
    free(memory);
    mdl_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_bits_of_one_row_alone),
        cmocka_unit_test(tables_of_every_kind_are_split),
        cmocka_unit_test(the_threads_of_a_load_serve_every_call),
        cmocka_unit_test(callers_on_their_own_threads_share_pool_and_model),
        cmocka_unit_test(a_host_runs_tasks_in_any_order_anywhere),
        cmocka_unit_test(few_rows_and_one_thread_never_reach_the_host),
        cmocka_unit_test(a_host_that_leaves_tasks_out_is_told_so),
        cmocka_unit_test(a_worker_without_memory_fails_or_is_stood_in_for),
        cmocka_unit_test(options_without_threads_or_with_half_of_them),
        cmocka_unit_test(a_call_with_a_context_stays_on_its_thread),
        cmocka_unit_test(an_error_of_a_worker_is_the_error_of_one_thread),
    };

    return cmocka_run_group_tests_name("split", tests, setup, teardown);
}
