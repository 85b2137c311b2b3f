/*
 * cli/cmd_check.c - mdl check: golden rows, or a reference, against this machine's answers
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

#include <stdlib.h>
#include <string.h>

#define GOLDEN_ROWS 64u           /* kept of a reference unless --golden says otherwise */

static const struct cli_option options[] = {
    { "reference", 'r', "FILE", "rows and answers: .npz or .csv; with --data the answers only" },
    { "data", 0, "FILE", "rows that belong to --reference" },
    { "output", 0, "NAME", "output that a --reference without names answers; else the first" },
    { "tolerance", 't', "T", "an error up to T, or up to T of values above 1, passes; 0: equal" },
    { "out", 'o', "M2.mdl", "if all is well, the model with the reference as golden rows" },
    { "golden", 0, "N", "how many rows of the reference -o keeps (64)" },
    { "strict", 0, NULL, "exit 1 when there is nothing to compare" },
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "Without --reference the golden rows in the file are predicted: inputs with the outputs that\n"
    "the source framework gave.  Integers and margins of trees must be equal, other outputs\n"
    "within 2 units in the last place or 1e-6 of their value.  Exit 1 when one is not.\n"
    "A .npz holds an array 'x' and arrays named like outputs; a .csv columns of both.\n"
    "Of a network the .npz has arrays named like inputs and outputs; floats may differ by 1e-4\n"
    "of themselves or of 1 (float64 1e-9, float16 1e-2), all else must be equal.\n"
    "A file without golden rows passes with a warning: its checksums and structure are right.\n"
    "\n"
    "example:\n"
    "  mdl check model.mdl\n"
    "  mdl check model.mdl --reference reference.npz -o proven.mdl\n";

struct job {
    struct cli *c;
    const mdl_model *model;
    struct report report;
    struct allowed override;      /* of --tolerance */
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

static void tell_worst(struct job *j, const char *name, const struct expected *e, const void *got,
                       const struct difference *d)
{
    char want_text[NUMBER_TEXT], got_text[NUMBER_TEXT];

    cli_warn(j->c, "%s: %llu of %llu values differ; worst in row %llu, column %llu: expected %s, "
             "got %s", name, (unsigned long long)d->wrong, (unsigned long long)d->cells,
             (unsigned long long)(d->worst / e->cols), (unsigned long long)(d->worst % e->cols),
             cli_element_text(want_text, e->type, e->data, d->worst),
             cli_element_text(got_text, e->type, got, d->worst));
}

/* Predict one output and add its line to the report. */
static mdl_status check_output(struct job *j, const mdl_tensor *inputs, size_t n_inputs,
                               uint64_t rows, const struct expected *e, mdl_error *err)
{
    mdl_output_info o = { .size = sizeof o };
    char text[64], number[NUMBER_TEXT];
    void *got = calloc((size_t)rows * e->cols + 1, sizeof(double));

    if (!got)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    mdl_output(j->model, e->output, &o);
    const mdl_tensor y = { .size = sizeof y, .type = e->type, .rank = 2, .name = o.name,
                           .data = got, .dims = { (int64_t)rows, (int64_t)e->cols } };
    const mdl_status s = mdl_run(j->model, NULL, inputs, n_inputs, &y, 1, err);
    if (!s) {
        const struct allowed a = j->has_override ? j->override : cli_allowed(j->model, e->output);
        const struct difference d = cli_compare(e->type, got, e->data, rows * e->cols, &a);
        cli_report_text(&j->report, o.name);
        cli_report_count(&j->report, rows);
        cli_report_count(&j->report, d.cells);
        cli_report_number(&j->report, cli_brief_text(number, d.largest));
        snprintf(text, sizeof text, "%llu", (unsigned long long)d.ulp);
        cli_report_number(&j->report, d.ulp == UINT64_MAX ? "nan" : text);
        cli_report_text(&j->report, cli_allowed_text(&a, text, sizeof text));
        cli_report_text(&j->report, d.wrong ? "FAILED" : "ok");
        if (d.wrong)
            tell_worst(j, o.name, e, got, &d);
        j->failed |= d.wrong != 0;
    }
    free(got);
    return s;
}

/* ---- golden rows of the file ----------------------------------------------------------- */

static mdl_status check_golden(struct job *j, mdl_error *err)
{
    mdl_tensor inputs[MAX_EXPECTED], t = { .size = sizeof t };
    size_t n_inputs = 0;
    uint32_t is_output;
    mdl_status s = MDL_OK;

    for (size_t i = 0; i < mdl_golden_count(j->model) && n_inputs < MAX_EXPECTED; i++) {
        mdl_golden(j->model, i, &t, &is_output);
        if (!is_output)
            inputs[n_inputs++] = t;
    }
    for (size_t i = 0; i < mdl_golden_count(j->model) && !s; i++) {
        mdl_golden(j->model, i, &t, &is_output);
        if (!is_output)
            continue;
        const struct expected e = { mdl_output_find(j->model, t.name), t.type, (size_t)t.dims[1],
                                    t.data };
        s = check_output(j, inputs, n_inputs, (uint64_t)t.dims[0], &e, err);
    }
    return s;
}

/* ---- a reference ----------------------------------------------------------------------- */

static mdl_status check_reference(struct job *j, const struct reference *r, mdl_error *err)
{
    mdl_status s = MDL_OK;
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = r->x,
                           .dims = { (int64_t)r->rows, (int64_t)r->cols } };

    for (size_t i = 0; i < r->n_expected && !s; i++)
        s = check_output(j, &x, 1, r->rows, &r->expected[i], err);
    return s;
}

static int save_golden(struct job *j, const struct reference *r, const char *out)
{
    struct cli *c = j->c;
    mdl_error err = MDL_ERROR_INIT;
    const char *typed = cli_option(c, "golden");
    struct sink sink;
    const void *bytes;
    size_t size;
    uint64_t rows = GOLDEN_ROWS;

    if (typed && !cli_parse_count(typed, 1, &rows))
        return cli_fail(c, CLI_USAGE, "--golden is a number of rows, 1 or more");
    rows = rows < r->rows ? rows : r->rows;
    mdl_builder *b = mdl_builder_from_model(j->model, &err);
    mdl_status s = b ? cli_reference_golden(r, j->model, b, (size_t)rows, &err) : err.code;
    if (!s) s = mdl_build_bytes(b, &bytes, &size, &err);
    int code = s ? cli_failed(c, out, &err) : cli_sink_open(c, &sink, out);
    if (!code) {
        fwrite(bytes, 1, size, sink.file);
        code = cli_sink_close(c, &sink, CLI_OK);
    }
    if (!code)
        cli_note(c, "%s carries %llu golden rows", out, (unsigned long long)rows);
    mdl_builder_free(b);
    return code;
}

/* -o needs a reference, and a model that has no golden rows of its own. */
static int check_usage(struct job *j, const char *reference, const char *out)
{
    if (!reference && (out || cli_option(j->c, "data") || cli_option(j->c, "golden")))
        return cli_fail(j->c, CLI_USAGE, "-o, --data and --golden go with --reference");
    if (out && mdl_golden_count(j->model))
        return cli_fail(j->c, CLI_USAGE, "%s has golden rows already; convert its source again to "
                        "give it others", j->c->args[0]);
    return CLI_OK;
}

static int check(struct job *j)
{
    static const char *const heads[] = { "output", "rows", "values", "largest error", "ulp",
                                         "allowed", "result", NULL };
    struct cli *c = j->c;
    const char *path = cli_option(c, "reference"), *out = cli_option(c, "out");
    mdl_error err = MDL_ERROR_INIT;
    struct reference r = { 0 };
    int code = check_usage(j, path, out);

    if (!code && !path && !mdl_golden_count(j->model)) {
        cli_warn(c, "%s is a sound file, but has no golden rows to compare with; 'mdl check %s "
                 "--reference R.npz -o M2.mdl' adds them", c->args[0], c->args[0]);
        return cli_option(c, "strict") ? CLI_CHECK_FAILED : CLI_OK;
    }
    if (!code && path)
        code = cli_reference_read(c, &r, j->model, path, cli_option(c, "data"),
                                  cli_option(c, "output"));
    if (!code) {
        cli_report_start(&j->report, c->format, heads);
        if (path ? check_reference(j, &r, &err) : check_golden(j, &err))
            code = cli_failed(c, c->args[0], &err);
        cli_report_end(&j->report, code || (out && !strcmp(out, "-")) ? stderr : stdout);
    }
    if (!code && j->failed)
        code = CLI_CHECK_FAILED;
    if (!code && out)
        code = save_golden(j, &r, out);
    cli_reference_free(&r);
    return code;
}

static int run(struct cli *c)
{
    struct job j = { .c = c };
    mdl_model *m = NULL;
    int code = read_tolerance(&j);

    if (!code) code = cli_load_model(c, &m, c->args[0]);
    j.model = m;
    if (!code) code = cli_is_tensors(m) ? cli_check_tensors(c, m) : check(&j);
    mdl_free(m);
    return code;
}

const struct cli_verb cli_verb_check = { "MODEL.mdl [--reference R]", 1, 1, options, more, NULL,
                                         run };
