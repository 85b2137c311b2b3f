/*
 * cli/check_tensors.c - mdl check of a network: golden tensors, or a .npz with arrays named like
 * its inputs and outputs, against this machine's answers
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/compare.h"
#include "cli/number_text.h"
#include "cli/report.h"
#include "cli/sink.h"
#include "cli/tensors.h"

#include "import/number.h"
#include "mdl_build.h"

#include <string.h>

struct job {
    struct cli *c;
    const mdl_model *model;
    struct report report;
    struct allowed override;      /* of --tolerance                                     */
    int has_override;
    int failed;
};

static int read_tolerance(struct job *j)
{
    const char *typed = cli_option(j->c, "tolerance");
    double v = 0;

    if (!typed)
        return CLI_OK;
    if (!*typed || mdl_parse_f64(typed, strlen(typed), &v) != strlen(typed) || !(v >= 0))
        return cli_fail(j->c, CLI_USAGE, "--tolerance is a number, 0 or more");
    j->override = (struct allowed){ .relative = v, .wide = 1 };
    j->has_override = 1;
    return CLI_OK;
}

static void tell_worst(struct job *j, const char *name, const mdl_tensor *got, const void *want,
                       const struct difference *d)
{
    char want_text[NUMBER_TEXT], got_text[NUMBER_TEXT], place[200];
    int64_t index[MDL_MAX_RANK];
    uint64_t left = d->worst;

    for (uint32_t i = got->rank; i-- > 0; left /= (uint64_t)got->dims[i])
        index[i] = (int64_t)(left % (uint64_t)got->dims[i]);
    cli_warn(j->c, "%s: %llu of %llu values differ; worst at %s: expected %s, got %s", name,
             (unsigned long long)d->wrong, (unsigned long long)d->cells,
             cli_shape_text(place, sizeof place, got->rank, index),
             cli_element_text(want_text, got->type, want, (size_t)d->worst),
             cli_element_text(got_text, got->type, got->data, (size_t)d->worst));
}

static int same_shape(const mdl_tensor *got, const struct array *want)
{
    return got->rank == want->rank
        && !memcmp(got->dims, want->dims, got->rank * sizeof *got->dims);
}

/* One line of the report. */
static void compare(struct job *j, size_t output, const mdl_tensor *got, const struct array *want)
{
    const struct allowed a = j->has_override ? j->override : cli_allowed(j->model, output);
    char text[200], number[NUMBER_TEXT], other[200];
    struct difference d = { .wrong = 1 };
    const int fits = same_shape(got, want);

    if (fits)
        d = cli_compare(got->type, got->data, want->data, want->count, &a);
    cli_report_text(&j->report, got->name);
    cli_report_text(&j->report, cli_shape_text(text, sizeof text, got->rank, got->dims));
    cli_report_count(&j->report, want->count);
    cli_report_number(&j->report, fits ? cli_brief_text(number, d.largest) : "nan");
    snprintf(number, sizeof number, "%llu", (unsigned long long)d.ulp);
    cli_report_number(&j->report, !fits || d.ulp == UINT64_MAX ? "nan" : number);
    cli_report_text(&j->report, cli_allowed_text(&a, text, sizeof text));
    cli_report_text(&j->report, d.wrong ? "FAILED" : "ok");
    if (!fits)
        cli_warn(j->c, "%s: expected shape %s, got %s", got->name,
                 cli_shape_text(other, sizeof other, want->rank, want->dims),
                 cli_shape_text(text, sizeof text, got->rank, got->dims));
    else if (d.wrong)
        tell_worst(j, got->name, got, want->data, &d);
    j->failed |= d.wrong != 0;
}

/* Run for the outputs that there are answers to. */
static int check(struct job *j, struct feed *f, const char *path)
{
    static const char *const heads[] = { "output", "shape", "values", "largest error", "ulp",
                                         "allowed", "result", NULL };
    mdl_tensor results[MOST_TENSORS];
    size_t at[MOST_TENSORS], n = 0;
    mdl_context *context = NULL;
    mdl_error err = MDL_ERROR_INIT;

    for (size_t i = 0; i < mdl_output_count(j->model) && i < MOST_TENSORS; i++) {
        mdl_output_info o = { .size = sizeof o };
        char what[300];
        int rounded = 0;
        if (!f->others[i].data)
            continue;
        mdl_output(j->model, i, &o);
        snprintf(what, sizeof what, "%.150s: output '%.100s'", path, o.name);
        if (cli_array_convert(&f->others[i], o.type, what, &rounded, &err))
            return cli_failed(j->c, NULL, &err);
        results[n] = (mdl_tensor){ .size = sizeof *results, .name = o.name };
        at[n++] = i;
    }
    if (!n)
        return cli_fail(j->c, CLI_BAD_DATA, "%s has answers to no output of the model; name arrays "
                        "like the outputs that 'mdl inspect' lists", path);
    mdl_status s = mdl_context_create(&context, j->model, &err);
    if (!s) s = mdl_run_tensors(j->model, context, f->inputs, f->n, results, n, &err);
    if (!s) {
        cli_report_start(&j->report, j->c->format, heads);
        for (size_t i = 0; i < n; i++)
            compare(j, at[i], &results[i], &f->others[at[i]]);
        const char *out = cli_option(j->c, "out");
        cli_report_end(&j->report, out && !strcmp(out, "-") ? stderr : stdout);
    }
    mdl_context_free(context);
    return s ? cli_failed(j->c, j->c->args[0], &err) : j->failed ? CLI_CHECK_FAILED : CLI_OK;
}

/* ---- golden tensors ---------------------------------------------------------------- */

/* Those of the file as inputs, and as arrays of outputs. */
static int read_golden(struct job *j, struct feed *f)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_status s = MDL_OK;

    memset(f, 0, sizeof *f);
    for (size_t i = 0; !s && i < mdl_golden_count(j->model); i++) {
        mdl_tensor t = { .size = sizeof t };
        uint32_t is_output;
        mdl_golden(j->model, i, &t, &is_output);
        if (!is_output && f->n < MOST_TENSORS) {
            f->inputs[f->n++] = t;
            continue;
        }
        const size_t at = is_output ? mdl_output_find(j->model, t.name) : SIZE_MAX;
        if (at >= MOST_TENSORS)
            continue;
        s = cli_array_make(&f->others[at], t.type, t.rank, t.dims, &err);
        if (!s)
            memcpy(f->others[at].data, t.data,
                   (size_t)f->others[at].count * f->others[at].item_bytes);
    }
    return s ? cli_failed(j->c, j->c->args[0], &err) : CLI_OK;
}

static int save_golden(struct job *j, const struct feed *f, const char *out)
{
    mdl_error err = MDL_ERROR_INIT;
    struct sink sink;
    const void *bytes;
    size_t size;
    mdl_builder *b = mdl_builder_from_model(j->model, &err);
    mdl_status s = b ? MDL_OK : err.code;

    for (size_t i = 0; !s && i < f->n; i++)
        s = mdl_build_golden_tensor(b, 0, (int32_t)i, f->inputs[i].type, f->inputs[i].rank,
                                    f->inputs[i].dims, f->inputs[i].data);
    for (size_t i = 0; !s && i < MOST_TENSORS; i++)
        if (f->others[i].data)
            s = mdl_build_golden_tensor(b, 1, (int32_t)i, f->others[i].type, f->others[i].rank,
                                        f->others[i].dims, f->others[i].data);
    if (s && b) mdl_builder_status(b, &err);
    if (!s) s = mdl_build_bytes(b, &bytes, &size, &err);
    int code = s ? cli_failed(j->c, out, &err) : cli_sink_open(j->c, &sink, out);
    if (!code) {
        fwrite(bytes, 1, size, sink.file);
        code = cli_sink_close(j->c, &sink, CLI_OK);
    }
    if (!code)
        cli_note(j->c, "%s carries the reference as its golden tensors", out);
    mdl_builder_free(b);
    return code;
}

static int check_usage(struct job *j, const char *path, const char *out)
{
    if (cli_option(j->c, "golden") || cli_option(j->c, "data"))
        return cli_fail(j->c, CLI_USAGE, "--golden and --data go with models of tables; a network "
                        "is compared with --reference R.npz, which has its inputs and outputs");
    if (out && !path)
        return cli_fail(j->c, CLI_USAGE, "-o goes with --reference");
    if (out && mdl_golden_count(j->model))
        return cli_fail(j->c, CLI_USAGE, "%s has golden tensors already; convert its source again "
                        "to give it others", j->c->args[0]);
    return CLI_OK;
}

int cli_check_tensors(struct cli *c, mdl_model *model)
{
    const char *path = cli_option(c, "reference"), *out = cli_option(c, "out");
    struct job j = { .c = c, .model = model };
    struct feed f;
    int code = read_tolerance(&j);

    if (!code) code = check_usage(&j, path, out);
    if (code)
        return code;
    if (!path && !mdl_golden_count(model)) {
        cli_warn(c, "%s is a sound file, but has nothing to compare with; give arrays named like "
                 "its inputs and outputs: --reference R.npz", c->args[0]);
        return cli_option(c, "strict") ? CLI_CHECK_FAILED : CLI_OK;
    }
    code = path ? cli_feed_read(c, &f, model, path, FEED_OUTPUTS) : read_golden(&j, &f);
    if (!code) code = check(&j, &f, path ? path : c->args[0]);
    if (!code && out)
        code = save_golden(&j, &f, out);
    cli_feed_free(&f);
    return code;
}
