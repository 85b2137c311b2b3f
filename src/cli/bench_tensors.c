/*
 * cli/bench_tensors.c - mdl bench of a network: latency of a run
 *
 * Inputs are those that are given, else made up: floats from a normal distribution, integers 0
 * or 1, which most networks take as indices.  Every thread has a context of its own; the first
 * tenth of the time is warm-up and does not count.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/number_text.h"
#include "cli/os.h"
#include "cli/report.h"
#include "cli/sink.h"
#include "cli/tensors.h"

#include "import/number.h"

#include <stdlib.h>
#include <string.h>

#define MOST_TIMES   ((size_t)1 << 18)
#define MOST_SIZES   16u

struct worker {
    float   *times;               /* [MOST_TIMES] nanoseconds                        */
    size_t   n_times;
    uint64_t calls, ns;           /* after warm-up                                   */
    mdl_context *context;
    mdl_tensor results[MOST_TENSORS];
    mdl_error err;
};

struct bench {
    struct cli *c;
    const mdl_model *model;
    struct feed feed;
    size_t  outputs[MOST_TENSORS], n_outputs;
    uint64_t budget;              /* nanoseconds                                     */
    struct worker *workers;
};

/* ---- inputs ------------------------------------------------------------------------ */

/* xorshift64* (Vigna 2016): the same numbers on every run. */
static double uniform(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 0x2545F4914F6CDD1Dull) >> 11) / 9007199254740992.0;
}

/* Is symbol `k` dimension d of an input, and `text` "input.d"? */
static int is_place(const struct bench *b, const struct symbols *s, size_t k, const char *text,
                    size_t length)
{
    char name[300];

    for (size_t i = 0; i < b->feed.n; i++)
        for (uint32_t d = 0; d < MDL_MAX_RANK; d++) {
            snprintf(name, sizeof name, "%s.%u", b->feed.inputs[i].name, (unsigned)d);
            if (s->of[i][d] == (int)k && strlen(name) == length && !memcmp(name, text, length))
                return 1;
        }
    return 0;
}

/* --dim NAME=N: every dimension of that name; --dim INPUT.D=N: that one; --dim N: all that nobody
 * named. */
static int read_dims(struct bench *b, struct symbols *s)
{
    unsigned char named[MOST_SYMBOLS] = { 0 };
    const char *typed;
    char safe[80], text[500] = "";
    size_t at = 0, used = 0;

    while ((typed = cli_option_next(b->c, "dim", &at)) != NULL) {
        const char *equals = strrchr(typed, '=');
        const size_t length = equals ? (size_t)(equals - typed) : 0;
        uint64_t n;
        size_t found = 0;
        if (!cli_parse_count(equals ? equals + 1 : typed, 0, &n) || n > 1u << 30)
            return cli_fail(b->c, CLI_USAGE, "--dim is NAME=N or N, not '%s'",
                            mdl_safe_text(safe, sizeof safe, typed, strlen(typed)));
        for (size_t i = 0; i < s->n; i++) {
            const int same = equals
                && ((s->names[i] && strlen(s->names[i]) == length
                     && !memcmp(s->names[i], typed, length))
                    || is_place(b, s, i, typed, length));
            if (!same && (equals || named[i]))
                continue;
            s->values[i] = (int64_t)n;
            named[i] |= (unsigned char)same;
            found++;
        }
        for (size_t i = 0; i < s->n && used + 70 < sizeof text; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.60s", i ? ", " : "",
                                     s->names[i] ? s->names[i] : "one without a name (INPUT.0)");
        if (!found)
            return cli_fail(b->c, CLI_USAGE, "the model has no open dimension '%s'%s%s",
                            mdl_safe_text(safe, sizeof safe, typed, strcspn(typed, "=")),
                            s->n ? ", but " : ", all are fixed", text);
    }
    return CLI_OK;
}

static mdl_status make_up(struct array *a, const mdl_tensor *t, mdl_error *err)
{
    uint64_t state = 0x9E3779B97F4A7C15u;
    int rounded = 0;

    if (t->type == MDL_STRING)
        return cli_array_make(a, t->type, t->rank, t->dims, err);
    const int whole = (t->type >= MDL_I8 && t->type <= MDL_U64) || t->type == MDL_BOOL;
    if (!whole && t->type > MDL_BF16)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "input '%s' is %s: give it with --input", t->name,
                        mdl_type_name(t->type));
    mdl_status s = cli_array_make(a, whole ? MDL_U8 : MDL_F64, t->rank, t->dims, err);
    for (uint64_t i = 0; !s && i < a->count; i++) {
        double v = uniform(&state);
        if (whole) {
            ((uint8_t *)a->data)[i] = v >= 0.5;
            continue;
        }
        for (int k = 1; k < 12; k++)
            v += uniform(&state);
        ((double *)a->data)[i] = v - 6;      /* near enough to a normal distribution */
    }
    return s ? s : cli_array_convert(a, t->type, t->name, &rounded, err);
}

static int fill_inputs(struct bench *b)
{
    mdl_tensor inputs[MOST_TENSORS];
    struct symbols s;
    mdl_error err = MDL_ERROR_INIT;
    char shape[200];

    cli_symbols(b->model, &s);
    const int code = read_dims(b, &s);
    if (code)
        return code;
    /* what is given binds the names of its dimensions for the others */
    for (size_t i = 0; i < b->feed.n; i++)
        for (uint32_t d = 0; b->feed.given[i] && d < b->feed.inputs[i].rank; d++)
            if (s.of[i][d] >= 0)
                s.values[s.of[i][d]] = b->feed.inputs[i].dims[d];
    cli_symbol_inputs(b->model, &s, inputs);
    for (size_t i = 0; i < b->feed.n; i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_tensor *t = &b->feed.inputs[i];
        const int given = b->feed.given[i];
        mdl_input(b->model, i, &in);
        if (!given && in.rank == MDL_ANY_RANK)
            return cli_fail(b->c, CLI_USAGE, "input '%s' may have any shape: give it with --input "
                            "%s=FILE.npy", in.name, in.name);
        if (!given) {
            *t = inputs[i];
            if (make_up(&b->feed.arrays[i], t, &err))
                return cli_failed(b->c, b->c->args[0], &err);
            t->data = b->feed.arrays[i].data;
        }
        cli_note(b->c, "input '%s': %s %s, %s", t->name, mdl_type_name(t->type),
                 cli_shape_text(shape, sizeof shape, t->rank, t->dims),
                 given ? "from a file" : "made up");
    }
    return CLI_OK;
}

/* ---- measuring --------------------------------------------------------------------- */

static mdl_status one_run(const struct bench *b, struct worker *w)
{
    for (size_t i = 0; i < b->n_outputs; i++)
        w->results[i].data = NULL;
    return mdl_run_tensors(b->model, w->context, b->feed.inputs, b->feed.n, w->results,
                           b->n_outputs, &w->err);
}

static void work(void *user, size_t i)
{
    const struct bench *b = user;
    struct worker *w = &b->workers[i];
    const uint64_t start = cli_os_now();
    uint64_t before = start;

    while (!w->err.code && (before - start < b->budget || !w->calls)) {
        if (one_run(b, w))
            return;
        const uint64_t now = cli_os_now();
        if (before - start >= b->budget / 10) {
            if (w->n_times < MOST_TIMES)
                w->times[w->n_times++] = (float)(now - before);
            w->calls++;
            w->ns += now - before;
        }
        before = now;
    }
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

static void add_percentile(struct report *r, const float *sorted, size_t n, double share)
{
    char text[40];

    snprintf(text, sizeof text, "%.2f",
             n ? (double)sorted[(size_t)(share * (double)(n - 1) + 0.5)] / 1e3 : 0);
    cli_report_number(r, text);
}

static int report_line(struct bench *b, struct report *r, size_t threads)
{
    float *all = malloc(threads * MOST_TIMES * sizeof *all);
    uint64_t calls = 0, ns = 0;
    size_t n = 0;
    char text[40];

    if (!all)
        return cli_fail(b->c, CLI_IO, "out of memory");
    for (size_t i = 0; i < threads; i++) {
        memcpy(all + n, b->workers[i].times, b->workers[i].n_times * sizeof *all);
        n += b->workers[i].n_times;
        calls += b->workers[i].calls;
        ns += b->workers[i].ns;
    }
    qsort(all, n, sizeof *all, by_size);
    cli_report_count(r, threads);
    add_percentile(r, all, n, 0.5);
    add_percentile(r, all, n, 0.9);
    add_percentile(r, all, n, 0.99);
    snprintf(text, sizeof text, "%.1f",
             ns ? (double)calls * (double)threads * 1e9 / (double)ns : 0);
    cli_report_number(r, text);
    cli_report_count(r, calls);
    free(all);
    return CLI_OK;
}

static int start_workers(struct bench *b, size_t threads)
{
    mdl_error err = MDL_ERROR_INIT;

    b->workers = calloc(threads, sizeof *b->workers);
    if (!b->workers)
        return cli_fail(b->c, CLI_IO, "out of memory");
    for (size_t i = 0; i < threads; i++) {
        struct worker *w = &b->workers[i];
        w->err = (mdl_error)MDL_ERROR_INIT;
        w->times = malloc(MOST_TIMES * sizeof *w->times);
        if (!w->times)
            return cli_fail(b->c, CLI_IO, "out of memory");
        if (mdl_context_create(&w->context, b->model, &err))
            return cli_failed(b->c, NULL, &err);
        for (size_t k = 0; k < b->n_outputs; k++) {
            mdl_output_info o = { .size = sizeof o };
            mdl_output(b->model, b->outputs[k], &o);
            w->results[k] = (mdl_tensor){ .size = sizeof *w->results, .name = o.name };
        }
    }
    return CLI_OK;
}

static int measure(struct bench *b, struct report *r, size_t threads)
{
    int code = start_workers(b, threads);

    if (!code && !cli_os_threads(threads, work, b))
        code = cli_fail(b->c, CLI_IO, "cannot start %llu threads", (unsigned long long)threads);
    for (size_t i = 0; !code && i < threads; i++)
        if (b->workers[i].err.code)
            code = cli_failed(b->c, b->c->args[0], &b->workers[i].err);
    if (!code) code = report_line(b, r, threads);
    for (size_t i = 0; b->workers && i < threads; i++) {
        mdl_context_free(b->workers[i].context);
        free(b->workers[i].times);
    }
    free(b->workers);
    b->workers = NULL;
    return code;
}

/* ---- the verb ---------------------------------------------------------------------- */

static int read_threads(struct cli *c, size_t threads[MOST_SIZES], size_t *n)
{
    const char *at = cli_option(c, "threads");
    int64_t v;

    *n = 0;
    if (!at) {
        threads[(*n)++] = 1;
        if (cli_os_processors() > 1)
            threads[(*n)++] = cli_os_processors();
    }
    while (at) {
        const size_t length = mdl_parse_i64(at, strlen(at), &v);
        if (!length || v < 1 || v > 1024 || *n == MOST_SIZES
            || (at[length] && (at[length] != ',' || !at[length + 1])))
            return cli_fail(c, CLI_USAGE, "--threads is a list like 1,4 of numbers from 1 to 1024");
        threads[(*n)++] = (size_t)v;
        at = at[length] ? at + length + 1 : NULL;
    }
    return CLI_OK;
}

static int read_options(struct bench *b)
{
    static const char *const others[] = { "rows", "split", "engine", NULL };
    const char *seconds = cli_option(b->c, "seconds");
    double s = 0.3;

    for (size_t i = 0; others[i]; i++)
        if (cli_option(b->c, others[i]))
            return cli_fail(b->c, CLI_USAGE, "--%s goes with models of tables; a network takes "
                            "--dim and --input", others[i]);
    if (seconds && (!*seconds || mdl_parse_f64(seconds, strlen(seconds), &s) != strlen(seconds)
                    || !(s > 0 && s <= 3600)))
        return cli_fail(b->c, CLI_USAGE, "--seconds is a number above 0, at most 3600");
    b->budget = (uint64_t)(s * 1e9);
    return cli_choose_outputs(b->c, b->model, b->outputs, &b->n_outputs);
}

/* A first run tells whether it works at all, and the shapes of results. */
static int try_once(struct bench *b)
{
    char shape[200];
    int code = start_workers(b, 1);

    if (!code && one_run(b, &b->workers[0]))
        code = cli_failed(b->c, b->c->args[0], &b->workers[0].err);
    for (size_t i = 0; !code && i < b->n_outputs; i++) {
        const mdl_tensor *t = &b->workers[0].results[i];
        cli_note(b->c, "output '%s': %s %s", t->name, mdl_type_name(t->type),
                 cli_shape_text(shape, sizeof shape, t->rank, t->dims));
    }
    if (b->workers) {
        mdl_context_free(b->workers[0].context);
        free(b->workers[0].times);
    }
    free(b->workers);
    b->workers = NULL;
    return code;
}

static int bench(struct bench *b)
{
    static const char *const heads[] = { "threads", "p50 us", "p90 us", "p99 us", "runs/s",
                                         "calls", NULL };
    size_t threads[MOST_SIZES], n;
    struct report report;
    struct sink sink;
    int code = read_options(b);

    if (!code) code = read_threads(b->c, threads, &n);
    if (!code) code = cli_feed_read(b->c, &b->feed, b->model, cli_option(b->c, "data"), FEED_PART);
    if (!code) code = fill_inputs(b);
    if (!code) code = try_once(b);
    if (!code) code = cli_sink_open(b->c, &sink, cli_option(b->c, "out"));
    if (code)
        return code;
    cli_note(b->c, "%s kernels, %u processors", mdl_isa(b->model), cli_os_processors());
    cli_report_start(&report, b->c->format, heads);
    for (size_t i = 0; i < n && !code; i++) {
        cli_progress(b->c, "%llu threads", (unsigned long long)threads[i]);
        code = measure(b, &report, threads[i]);
    }
    cli_progress(b->c, NULL);
    cli_report_end(&report, code ? stderr : sink.file);
    return cli_sink_close(b->c, &sink, code);
}

int cli_bench_tensors(struct cli *c, mdl_model *model)
{
    struct bench *b = calloc(1, sizeof *b);

    if (!b)
        return cli_fail(c, CLI_IO, "out of memory");
    b->c = c;
    b->model = model;
    const int code = bench(b);
    cli_feed_free(&b->feed);
    free(b);
    return code;
}
