/*
 * cli/cmd_diff.c - mdl diff: what is not the same in two models
 *
 * A line for each difference: where it is, what it is called, and how it is in the first and in
 * the second model.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/inspect.h"

#include "cli/diff.h"
#include "cli/sink.h"

#include <string.h>

static const struct cli_option options[] = {
    { "tolerance", 0, "T", "predictions so far apart, by the larger of 1 and the first, are equal (0)" },
    { "header", 0, "WHEN", "first line of a .csv is a header: auto (default), yes, no" },
    { "columns", 0, "HOW", "match columns by: auto (default), name, position" },
    { "separator", 0, "CHAR", "between cells of a .csv; else the one of , ; tab | it uses" },
    { "unknown", 0, "HOW", "a category the model does not know: error (default), missing" },
    { "out", 'o', "FILE", "write there instead of to standard output" },
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "Compares inputs, outputs, operators with their parameters and weights, trees, metadata, and,\n"
    "with DATA, what both models answer for its rows (.csv, .npy).  Exit code 0: nothing differs,\n"
    "1: something does.\n"
    "\n"
    "example:\n"
    "  mdl diff old.mdl new.mdl\n"
    "  mdl diff old.mdl new.mdl rows.csv --tolerance 1e-6\n";

/* ---- what is found ------------------------------------------------------------------------- */

static void found(struct diff *d, const char *where, const char *what, const char *a, const char *b)
{
    cli_report_text(&d->report, where);
    cli_report_text(&d->report, what);
    cli_report_text(&d->report, a);
    cli_report_text(&d->report, b);
    d->found++;
}

void cli_diff_text(struct diff *d, const char *where, const char *what, const char *a,
                   const char *b)
{
    if (strcmp(a ? a : "", b ? b : "") != 0)
        found(d, where, what, a ? a : "-", b ? b : "-");
}

void cli_diff_count(struct diff *d, const char *where, const char *what, uint64_t a, uint64_t b)
{
    char text[2][32];

    if (a != b)
        found(d, where, what, cli_count_text(text[0], a), cli_count_text(text[1], b));
}

/* ---- inputs, outputs, metadata ------------------------------------------------------------- */

static void diff_columns(struct diff *d, size_t input, const char *where, size_t cols)
{
    char what[96];

    for (size_t i = 0; i < cols; i++) {
        mdl_column_info c[2] = { { .size = sizeof c[0] }, { .size = sizeof c[1] } };
        mdl_column(d->m[0], input, i, &c[0]);
        mdl_column(d->m[1], input, i, &c[1]);
        snprintf(what, sizeof what, "column %llu", (unsigned long long)i);
        cli_diff_text(d, where, what, c[0].name, c[1].name);
        cli_diff_text(d, where, what, cli_kind_name(c[0].kind), cli_kind_name(c[1].kind));
        snprintf(what, sizeof what, "categories of column %llu", (unsigned long long)i);
        cli_diff_count(d, where, what, c[0].n_categories, c[1].n_categories);
        for (size_t k = 0; c[0].n_categories == c[1].n_categories && k < c[0].n_categories; k++)
            cli_diff_text(d, where, what, mdl_category(d->m[0], input, i, k),
                          mdl_category(d->m[1], input, i, k));
    }
}

static void diff_inputs(struct diff *d)
{
    const size_t n[2] = { mdl_input_count(d->m[0]), mdl_input_count(d->m[1]) };
    char where[96], dims[2][120];

    cli_diff_count(d, "inputs", "count", n[0], n[1]);
    for (size_t i = 0; i < n[0] && i < n[1]; i++) {
        mdl_input_info in[2] = { { .size = sizeof in[0] }, { .size = sizeof in[1] } };
        for (int k = 0; k < 2; k++) {
            mdl_input(d->m[k], i, &in[k]);
            mdl_tensor t = { .rank = in[k].rank > MDL_MAX_RANK ? 0 : in[k].rank };
            memcpy(t.dims, in[k].dims, sizeof t.dims);
            cli_dims_text(&t, dims[k], sizeof dims[k]);
        }
        snprintf(where, sizeof where, "input %llu", (unsigned long long)i);
        cli_diff_text(d, where, "name", in[0].name, in[1].name);
        cli_diff_text(d, where, "type", mdl_type_name(in[0].type), mdl_type_name(in[1].type));
        cli_diff_text(d, where, "shape", dims[0], dims[1]);
        cli_diff_count(d, where, "absent entries are missing", in[0].absent_missing,
                       in[1].absent_missing);
        if (!cli_is_tensors(d->m[0]) && !cli_is_tensors(d->m[1]) && in[0].dims[1] == in[1].dims[1])
            diff_columns(d, i, where, (size_t)in[0].dims[1]);
    }
}

static void diff_outputs(struct diff *d)
{
    const size_t n[2] = { mdl_output_count(d->m[0]), mdl_output_count(d->m[1]) };
    char where[96];

    cli_diff_count(d, "outputs", "count", n[0], n[1]);
    for (size_t i = 0; i < n[0] && i < n[1]; i++) {
        mdl_output_info o[2] = { { .size = sizeof o[0] }, { .size = sizeof o[1] } };
        mdl_output(d->m[0], i, &o[0]);
        mdl_output(d->m[1], i, &o[1]);
        snprintf(where, sizeof where, "output %llu", (unsigned long long)i);
        cli_diff_text(d, where, "name", o[0].name, o[1].name);
        cli_diff_text(d, where, "role", cli_role_name(o[0].role), cli_role_name(o[1].role));
        cli_diff_text(d, where, "type", mdl_type_name(o[0].type), mdl_type_name(o[1].type));
        cli_diff_count(d, where, "columns", o[0].cols, o[1].cols);
        cli_diff_count(d, where, "labels", o[0].n_labels, o[1].n_labels);
        for (size_t k = 0; o[0].n_labels == o[1].n_labels && k < o[0].n_labels; k++)
            cli_diff_text(d, where, "label", mdl_label(d->m[0], i, k), mdl_label(d->m[1], i, k));
    }
}

static void diff_metadata(struct diff *d)
{
    const char *key, *value;

    for (size_t i = 0; !mdl_metadata(d->m[0], i, &key, &value); i++)
        cli_diff_text(d, "metadata", key, value, mdl_metadata_get(d->m[1], key));
    for (size_t i = 0; !mdl_metadata(d->m[1], i, &key, &value); i++)
        if (!mdl_metadata_get(d->m[0], key))
            cli_diff_text(d, "metadata", key, NULL, value);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int compare(struct cli *c, struct diff *d, const char *data)
{
    static const char *const heads[] = { "where", "what", "first", "second", NULL };
    struct sink sink;
    int code = cli_sink_open(c, &sink, cli_option(c, "out"));

    if (code)
        return code;
    cli_report_start(&d->report, c->format, heads);
    diff_inputs(d);
    diff_outputs(d);
    cli_diff_nodes(d);
    diff_metadata(d);
    if (data)
        code = cli_diff_rows(d, data);
    if (d->found || c->format != CLI_TABLE)
        cli_report_end(&d->report, sink.file);
    code = cli_sink_close(c, &sink, code);
    if (code)
        return code;
    if (!d->found)
        cli_note(c, "nothing differs%s", data ? ", nor do the predictions" : "");
    return d->found ? CLI_CHECK_FAILED : CLI_OK;
}

static int run(struct cli *c)
{
    struct diff d = { .c = c };
    const char *tolerance = cli_option(c, "tolerance");
    char *end;
    int code = CLI_OK;

    if (tolerance) {
        d.tolerance = strtod(tolerance, &end);
        if (end == tolerance || *end || !(d.tolerance >= 0))
            return cli_fail(c, CLI_USAGE, "--tolerance is a number from 0 up");
        if (c->n_args < 3)
            return cli_fail(c, CLI_USAGE, "--tolerance is for predictions: give DATA, too");
    }
    for (int k = 0; !code && k < 2; k++)
        code = cli_load_model(c, &d.m[k], c->args[k]);
    if (!code)
        code = compare(c, &d, c->n_args > 2 ? c->args[2] : NULL);
    mdl_free(d.m[0]);
    mdl_free(d.m[1]);
    return code;
}

const struct cli_verb cli_verb_diff = { "FIRST.mdl SECOND.mdl [DATA]", 2, 3, options, more, NULL,
                                        run };
