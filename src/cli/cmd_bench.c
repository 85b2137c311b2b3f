/*
 * cli/cmd_bench.c - mdl bench: latency and rows per second
 *
 * Calls mdl_predict as a program would: every call on other rows, answers into memory that is
 * there.  Each thread keeps its own times; percentiles are over the calls of all threads, the
 * first tenth of the time is warm-up and does not count.  With --split one thread calls, and a
 * pool shares its rows out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/bench_rows.h"
#include "cli/number_text.h"
#include "cli/os.h"
#include "cli/report.h"
#include "cli/sink.h"
#include "cli/tensors.h"

#include "import/number.h"

#include <stdlib.h>
#include <string.h>

#define POOL_ROWS   8192u         /* distinct rows, more for larger batches         */
#define POOL_CELLS  ((size_t)1 << 24)
#define MOST_TIMES  ((size_t)1 << 19)
#define MOST_SIZES  16u

static const struct cli_option options[] = {
    { "rows", 0, "LIST", "rows per call (1,64,4096)" },
    { "threads", 0, "LIST", "threads that call at the same time (1 and all processors)" },
    { "split", 0, NULL, "one caller instead, whose rows are split over the threads" },
    { "data", 0, "FILE", "rows to predict, .csv or .npy; else rows are made up" },
    { "seconds", 0, "S", "time for each line (0.3)" },
    { "isa", 0, "NAME", "kernel set: ref, avx2, avx512, neon; else the best here" },
    { "dim", 0, "NAME=N", "of a network: what an open dimension is (1); INPUT.0=N by place" },
    { "input", 0, "NAME=F.npy", "of a network: an input from a file; others are made up" },
    { "engine", 0, "NAME", "for trees: plain, row, block, planes, deep; else the cheapest" },
    { "out", 'o', "FILE", "write there instead of to standard output" },
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "Times are per call, in microseconds.  Made-up rows lie near the thresholds of the trees.\n"
    "A network is run as a whole, with floats of a normal distribution and integers 0 or 1.\n"
    "\n"
    "example:\n"
    "  mdl bench model.mdl\n"
    "  mdl bench model.mdl --rows 1,1000 --threads 1,2,4 --data rows.csv --format json\n"
    "  mdl bench net.mdl --dim batch=8 --dim width=320\n";

struct sizes {
    uint64_t n[MOST_SIZES];
    size_t   count;
};

struct worker {
    float   *times;               /* [MOST_TIMES] nanoseconds                        */
    size_t   n_times;
    uint64_t rows, calls, ns;     /* after warm-up                                   */
    void    *y;
    mdl_status status;
};

struct bench {
    struct cli *c;
    mdl_model *model;
    struct bench_rows data;
    int wide;                     /* the model computes in float64                   */
    size_t rows;                  /* of a call                                       */
    mdl_pool *pool;               /* --split: of so many threads                     */
    uint64_t budget;              /* nanoseconds                                     */
    struct worker *workers;
};

static int read_sizes(struct cli *c, const char *option, uint64_t most, struct sizes *s)
{
    const char *at = cli_option(c, option);
    int64_t v;

    for (s->count = 0; at;) {
        const size_t n = mdl_parse_i64(at, strlen(at), &v);
        if (!n || v < 1 || (uint64_t)v > most || s->count == MOST_SIZES
            || (at[n] && (at[n] != ',' || !at[n + 1])))
            return cli_fail(c, CLI_USAGE, "--%s is a list like 1,64,4096 of up to %u numbers from "
                            "1 to %llu", option, MOST_SIZES, (unsigned long long)most);
        s->n[s->count++] = (uint64_t)v;
        at = at[n] ? at + n + 1 : NULL;
    }
    return CLI_OK;
}

static mdl_status predict(const struct bench *b, size_t at, void *y)
{
    const uint32_t type = b->wide ? MDL_F64 : MDL_F32;
    const mdl_predict_options o = { .size = sizeof o, .parallel = mdl_pool_parallel(b->pool) };
    const size_t cols = b->data.cols, y_cols = mdl_output_cols(b->model);

    if (!b->pool && b->wide)
        return mdl_predict_f64(b->model, b->data.wide + at, b->rows, y);
    if (!b->pool)
        return mdl_predict(b->model, b->data.x + at, b->rows, y);
    const void *from = b->wide ? (const void *)(b->data.wide + at) : b->data.x + at;
    const mdl_tensor x = { .size = sizeof x, .type = type, .rank = 2,
                           .data = (void *)(uintptr_t)from,
                           .dims = { (int64_t)b->rows, (int64_t)cols } };
    const mdl_tensor to = { .size = sizeof to, .type = type, .rank = 2, .data = y,
                            .dims = { (int64_t)b->rows, (int64_t)y_cols } };
    return mdl_predict_tensor(b->model, &x, &to, &o, NULL);
}

static void work(void *user, size_t i)
{
    struct bench *b = user;
    struct worker *w = &b->workers[i];
    const size_t places = b->data.rows / b->rows, cols = b->data.cols;
    size_t place = i * 7919 % places;         /* threads begin at different rows */
    const uint64_t start = cli_os_now();
    uint64_t before = start;

    while (!w->status && before - start < b->budget) {
        const size_t at = place * b->rows * cols;
        w->status = predict(b, at, w->y);
        const uint64_t now = cli_os_now();
        if (before - start >= b->budget / 10) {
            if (w->n_times < MOST_TIMES)
                w->times[w->n_times++] = (float)(now - before);
            w->calls++;
            w->rows += b->rows;
            w->ns += now - before;
        }
        before = now;
        place = place + 1 == places ? 0 : place + 1;
    }
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

/* The time that a share of all calls did not exceed, in microseconds. */
static const char *percentile(const float *sorted, size_t n, double share, char *out, size_t room)
{
    const size_t i = n ? (size_t)(share * (double)(n - 1) + 0.5) : 0;

    snprintf(out, room, "%.2f", n ? (double)sorted[i] / 1e3 : 0);
    return out;
}

static void report_line(struct report *r, struct bench *b, size_t threads, size_t callers,
                        float *all)
{
    size_t n = 0;
    uint64_t calls = 0;
    double rate = 0;
    char text[32];

    for (size_t i = 0; i < callers; i++) {
        const struct worker *w = &b->workers[i];
        memcpy(all + n, w->times, w->n_times * sizeof *all);
        n += w->n_times;
        calls += w->calls;
        rate += w->ns ? (double)w->rows * 1e9 / (double)w->ns : 0;
    }
    qsort(all, n, sizeof *all, by_size);
    cli_report_count(r, b->rows);
    cli_report_count(r, threads);
    cli_report_number(r, percentile(all, n, 0.50, text, sizeof text));
    cli_report_number(r, percentile(all, n, 0.90, text, sizeof text));
    cli_report_number(r, percentile(all, n, 0.99, text, sizeof text));
    cli_report_count(r, (uint64_t)rate);
    cli_report_count(r, calls);
}

static int start_pool(struct bench *b, size_t threads)
{
    mdl_error err = MDL_ERROR_INIT;

    if (cli_option(b->c, "split") && mdl_pool_create(&b->pool, (uint32_t)threads, NULL, &err))
        return cli_failed(b->c, NULL, &err);
    return CLI_OK;
}

/* One line: so many rows a call, on so many threads. */
static int measure(struct bench *b, struct report *r, size_t threads)
{
    const size_t answers = b->rows * mdl_output_cols(b->model);
    const size_t callers = cli_option(b->c, "split") ? 1 : threads;
    float *all = malloc(callers * MOST_TIMES * sizeof *all);
    int code = start_pool(b, threads);

    b->workers = calloc(callers, sizeof *b->workers);
    int ok = all && b->workers;
    for (size_t i = 0; ok && i < callers; i++) {
        b->workers[i].times = malloc(MOST_TIMES * sizeof(float));
        b->workers[i].y = malloc(answers * sizeof(double) + 1);
        ok = b->workers[i].times && b->workers[i].y;
    }
    if (!code && !ok)
        code = cli_fail(b->c, CLI_IO, "out of memory");
    else if (!code && !cli_os_threads(callers, work, b))
        code = cli_fail(b->c, CLI_IO, "cannot start %llu threads", (unsigned long long)callers);
    for (size_t i = 0; !code && i < callers; i++)
        if (b->workers[i].status)
            code = cli_fail(b->c, cli_exit_code(b->workers[i].status), "%s: %s", b->c->args[0],
                            mdl_strerror(b->workers[i].status));
    if (!code)
        report_line(r, b, threads, callers, all);
    for (size_t i = 0; b->workers && i < callers; i++) {
        free(b->workers[i].times);
        free(b->workers[i].y);
    }
    free(b->workers);
    free(all);
    mdl_pool_free(b->pool);
    b->pool = NULL;
    return code;
}

static int read_options(struct bench *b, struct sizes *rows, struct sizes *threads)
{
    const char *seconds = cli_option(b->c, "seconds");
    double s = 0.3;
    int code = read_sizes(b->c, "rows", 1u << 24, rows);

    if (!code) code = read_sizes(b->c, "threads", 1024, threads);
    if (code)
        return code;
    if (seconds && (!*seconds || mdl_parse_f64(seconds, strlen(seconds), &s) != strlen(seconds)
                    || !(s > 0 && s <= 3600)))
        return cli_fail(b->c, CLI_USAGE, "--seconds is a number above 0, at most 3600");
    b->budget = (uint64_t)(s * 1e9);
    if (!rows->count)
        *rows = (struct sizes){ { 1, 64, 4096 }, 3 };
    if (!threads->count) {
        *threads = (struct sizes){ { 1, cli_os_processors() }, 2 };
        threads->count = threads->n[1] > 1 ? 2 : 1;
    }
    return CLI_OK;
}

/* Is the option not given, or one of the names? */
static int check_name(struct cli *c, const char *option, const char *what,
                      const char *(*name)(size_t i))
{
    const char *given = cli_option(c, option);
    char known[100] = "";
    size_t used = 0;

    for (size_t i = 0; name(i) && used < sizeof known; i++) {
        if (given && !strcmp(given, name(i)))
            return CLI_OK;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", name(i));
    }
    return given ? cli_fail(c, CLI_USAGE, "no %s '%s' here, only %s", what, given, known) : CLI_OK;
}

static int load(struct bench *b)
{
    mdl_load_options o = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_input_info in = { .size = sizeof in };
    int code = check_name(b->c, "isa", "kernel set", mdl_isa_name);

    if (!code) code = check_name(b->c, "engine", "engine", mdl_engine_name);
    if (code)
        return code;
    o.isa = cli_option(b->c, "isa");
    o.engine = cli_option(b->c, "engine");
    if (!o.isa && !o.engine)
        code = cli_load_model(b->c, &b->model, b->c->args[0]);
    else if (mdl_load(&b->model, b->c->args[0], &o, &err))
        code = cli_failed(b->c, b->c->args[0], &err);
    if (code)
        return code;
    if (mdl_input_count(b->model) != 1)
        return cli_is_tensors(b->model) ? CLI_OK
            : cli_fail(b->c, CLI_UNSUPPORTED, "the model has several inputs, bench feeds one");
    mdl_input(b->model, 0, &in);
    b->wide = in.type == MDL_F64;
    return CLI_OK;
}

static int bench(struct bench *b)
{
    static const char *const heads[] = { "rows", "threads", "p50 us", "p90 us", "p99 us",
                                         "rows/s", "calls", NULL };
    struct sizes rows, threads;
    struct report report;
    struct sink sink;
    size_t pool = POOL_ROWS;
    int code = load(b);

    if (!code && cli_is_tensors(b->model))
        return cli_bench_tensors(b->c, b->model);
    if (!code && (cli_option(b->c, "dim") || cli_option(b->c, "input")))
        code = cli_fail(b->c, CLI_USAGE, "--dim and --input go with networks; --rows and --data "
                        "with this model");
    if (!code) code = read_options(b, &rows, &threads);
    if (code)
        return code;
    while (pool > 64 && pool * mdl_input_cols(b->model) > POOL_CELLS)
        pool /= 2;
    for (size_t i = 0; i < rows.count; i++)
        pool = rows.n[i] > pool ? (size_t)rows.n[i] : pool;
    code = cli_bench_rows(b->c, &b->data, b->model, pool, cli_option(b->c, "data"));
    if (!code) code = cli_sink_open(b->c, &sink, cli_option(b->c, "out"));
    if (code)
        return code;
    cli_note(b->c, "%s, %s kernels, %s, %u processors", b->data.about, mdl_isa(b->model),
             b->wide ? "float64" : "float32", cli_os_processors());
    cli_report_start(&report, b->c->format, heads);
    for (size_t i = 0; i < threads.count && !code; i++)
        for (size_t k = 0; k < rows.count && !code; k++) {
            b->rows = (size_t)rows.n[k];
            cli_progress(b->c, "%llu rows on %llu threads", (unsigned long long)rows.n[k],
                         (unsigned long long)threads.n[i]);
            code = measure(b, &report, (size_t)threads.n[i]);
        }
    cli_progress(b->c, NULL);
    cli_report_end(&report, code ? stderr : sink.file);
    return cli_sink_close(b->c, &sink, code);
}

static int run(struct cli *c)
{
    struct bench b = { .c = c };
    const int code = bench(&b);

    cli_bench_rows_free(&b.data);
    mdl_free(b.model);
    return code;
}

const struct cli_verb cli_verb_bench = { "MODEL.mdl [options]", 1, 1, options, more, NULL, run };
