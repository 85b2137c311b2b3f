/*
 * cli/cmd_explain.c - mdl explain: what each column adds to the prediction of a row
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/waterfall.h"

#include "cli/number_text.h"
#include "cli/report.h"
#include "cli/sheet.h"
#include "cli/sink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    { "row", 'r', "N", "which row of DATA, counted from 0 (0)" },
    { "class", 0, "NAME", "of several classes or targets: its label or number; else the one\n"
      "                             with the largest margin" },
    { "top", 0, "N", "columns to show, those that add most (10); the others together" },
    { "background", 0, "FILE", "explain against these rows, not by the covers of the trees" },
    { "trees", 0, "A:B", "only boosting rounds A to B - 1" },
    { "svg", 0, NULL, "as a picture" },
    { "out", 'o', "FILE", "write there; else to standard output" },
    { "header", 0, "WHEN", "first line of a .csv is a header: auto (default), yes, no" },
    { "columns", 0, "HOW", "match columns by: auto (default), name, position" },
    { "separator", 0, "CHAR", "between cells of a .csv; else the one of , ; tab | it uses" },
    { "unknown", 0, "HOW", "a category the model does not know: error (default), missing" },
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "Shapley values of a tree ensemble: numbers that add up, with what is expected without a row,\n"
    "to the margin (before the link).  All rows at once: mdl predict --output shap.\n"
    "\n"
    "example:\n"
    "  mdl explain model.mdl rows.csv --row 3\n"
    "  mdl explain model.mdl rows.csv --row 3 --svg -o why.svg\n";

struct job {
    struct cli *c;
    mdl_model *model;
    mdl_explainer *explainer;
    struct wanted *wanted;
    struct sheet_options sheet_options;
    size_t cols, outputs, columns;    /* of DATA; of the values                 */
    double *x, *values;           /* the row; [outputs][columns + 1]            */
    size_t output;
    struct waterfall fall;
};

/* ---- the row --------------------------------------------------------------------------------- */

static int read_row(struct job *j, uint64_t row)
{
    mdl_error err = MDL_ERROR_INIT;
    struct sheet sheet = { 0 };
    size_t got = 0;
    mdl_status s = cli_sheet_open(&sheet, j->c->args[1], j->wanted, j->cols, &j->sheet_options, &err);

    if (!s && sheet.note[0])
        cli_note(j->c, "%s", sheet.note);
    for (uint64_t i = 0; i <= row && !s; i++) {
        s = cli_sheet_read(&sheet, j->x, 1, &got, &err);
        if (!s && !got) {
            cli_sheet_close(&sheet);
            return cli_fail(j->c, CLI_BAD_DATA, "there is no row %llu: %s has %llu rows, counted from 0",
                            (unsigned long long)row, j->c->args[1], (unsigned long long)i);
        }
    }
    cli_sheet_close(&sheet);
    return s ? cli_failed(j->c, NULL, &err) : CLI_OK;
}

static int make_explainer(struct job *j)
{
    const char *path = cli_option(j->c, "background");
    mdl_predict_options range = MDL_PREDICT_OPTIONS_INIT;
    mdl_explain_options o = MDL_EXPLAIN_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    double *rows = NULL;
    size_t n = 0;
    mdl_status s = MDL_OK;
    const int code = cli_read_trees(j->c, &range);

    if (code)
        return code;
    if (path)
        s = cli_sheet_all(path, j->wanted, j->cols, &j->sheet_options, &rows, &n, &err);
    const mdl_tensor background = { .size = sizeof background, .type = MDL_F64, .rank = 2, .data = rows,
                                    .dims = { (int64_t)n, (int64_t)j->cols } };
    o.tree_begin = range.tree_begin;
    o.tree_end = range.tree_end;
    o.method = path ? MDL_EXPLAIN_BACKGROUND : MDL_EXPLAIN_SHAP;
    o.background = path ? &background : NULL;
    if (!s)
        s = mdl_explainer_create(&j->explainer, j->model, &o, &err);
    free(rows);
    return s ? cli_failed(j->c, j->c->args[0], &err) : CLI_OK;
}

static int explain(struct job *j)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_tensor v = { .size = sizeof v };
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = j->x,
                           .dims = { 1, (int64_t)j->cols } };

    mdl_explain_shape(j->explainer, 1, &v);
    j->outputs = (size_t)v.dims[1];
    j->columns = (size_t)v.dims[2] - 1;
    j->values = malloc(j->outputs * (j->columns + 1) * sizeof *j->values);
    v.data = j->values;
    if (!j->values)
        return cli_fail(j->c, CLI_IO, "out of memory");
    return mdl_explain(j->explainer, &x, &v, &err) ? cli_failed(j->c, j->c->args[0], &err) : CLI_OK;
}

/* ---- which class ----------------------------------------------------------------------------- */

static double margin_of(const struct job *j, size_t output)
{
    double sum = 0;

    for (size_t i = 0; i <= j->columns; i++)
        sum += j->values[output * (j->columns + 1) + i];
    return sum;
}

/* The label of an output, or NULL. */
static const char *label_of(const struct job *j, size_t output)
{
    for (size_t i = 0; i < mdl_output_count(j->model); i++) {
        mdl_output_info info = { .size = sizeof info };
        mdl_output(j->model, i, &info);
        if (info.n_labels == j->outputs && j->outputs > 1)
            return mdl_label(j->model, i, output);
    }
    return NULL;
}

static int choose_output(struct job *j)
{
    const char *typed = cli_option(j->c, "class");
    struct cli_suggest s = { .typed = typed };
    char safe[64];
    uint64_t number;

    for (size_t k = 1; k < j->outputs && !typed; k++)
        if (margin_of(j, k) > margin_of(j, j->output))
            j->output = k;
    for (size_t k = 0; k < j->outputs && typed; k++) {
        const char *name = label_of(j, k);
        if (!name)
            continue;
        cli_suggest_offer(&s, name);
        if (!strcmp(name, typed)) {
            j->output = k;
            return CLI_OK;
        }
    }
    if (!typed)
        return CLI_OK;
    if (cli_parse_count(typed, 0, &number) && number < j->outputs) {
        j->output = (size_t)number;
        return CLI_OK;
    }
    return cli_fail(j->c, CLI_USAGE, "no class '%s'; there are %llu, counted from 0%s%s%s",
                    mdl_safe_text(safe, sizeof safe, typed, strlen(typed)),
                    (unsigned long long)j->outputs, s.best ? "; did you mean '" : "",
                    s.best ? s.best : "", s.best ? "'?" : "");
}

/* ---- the steps ------------------------------------------------------------------------------- */

/* Are the values for the columns of DATA? */
static int are_theirs(const struct job *j)
{
    int same = j->columns == j->cols;

    for (size_t i = 0; i < j->columns && same; i++)
        same = !strcmp(mdl_explain_column(j->explainer, i), j->wanted[i].name);
    return same;
}

static void describe(const struct job *j, size_t column, int theirs, struct fall_step *s)
{
    const char *name = mdl_explain_column(j->explainer, column);
    const double v = theirs ? j->x[column] : 0;
    char number[NUMBER_TEXT];

    if (name[0])
        mdl_safe_text(s->name, sizeof s->name, name, strlen(name));
    else
        snprintf(s->name, sizeof s->name, "column %llu", (unsigned long long)column);
    if (!theirs)
        s->value[0] = '\0';
    else if (v != v)
        snprintf(s->value, sizeof s->value, "missing");
    else if (v >= 0 && v < (double)j->wanted[column].n_categories && v == floor(v))
        mdl_safe_text(s->value, sizeof s->value, j->wanted[column].categories[(size_t)v],
                      strlen(j->wanted[column].categories[(size_t)v]));
    else
        snprintf(s->value, sizeof s->value, "%s", cli_f64_text(number, v));
    if (!theirs)
        snprintf(s->label, sizeof s->label, "%s", s->name);
    else
        snprintf(s->label, sizeof s->label, "%s = %s", s->name, s->value);
}

struct ranked { size_t column; double adds; };

static int by_size(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const double p = fabs(x->adds), q = fabs(y->adds);

    return p != q ? (p < q) - (p > q) : (x->column > y->column) - (x->column < y->column);
}

/* The largest `top` as steps, the rest together. */
static int rank_columns(struct job *j, uint64_t top)
{
    const double *values = j->values + j->output * (j->columns + 1);
    struct ranked *all = calloc(j->columns + 1, sizeof *all);
    struct waterfall *w = &j->fall;
    const int theirs = are_theirs(j);

    w->n = top < j->columns ? (size_t)top : j->columns;
    w->steps = calloc(w->n + 1, sizeof *w->steps);
    if (!all || !w->steps) {
        free(all);
        return cli_fail(j->c, CLI_IO, "out of memory");
    }
    for (size_t i = 0; i < j->columns; i++)
        all[i] = (struct ranked){ i, values[i] };
    qsort(all, j->columns, sizeof *all, by_size);
    while (w->n && all[w->n - 1].adds == 0)       /* what adds nothing is not worth a line */
        w->n--;
    for (size_t i = 0; i < w->n; i++) {
        describe(j, all[i].column, theirs, &w->steps[i]);
        w->steps[i].adds = all[i].adds;
    }
    for (size_t i = w->n; i < j->columns; i++) {
        w->others += all[i].adds != 0;
        w->others_add += all[i].adds;
    }
    free(all);
    if (!theirs)
        cli_note(j->c, "the columns are those that the trees see, %llu made of the %llu of %s",
                 (unsigned long long)j->columns, (unsigned long long)j->cols, j->c->args[1]);
    return CLI_OK;
}

/* What the model answers, if that is one number or a label. */
static void say_answer(struct job *j)
{
    struct waterfall *w = &j->fall;
    mdl_output_info info = { .size = sizeof info };
    char number[NUMBER_TEXT];
    double y = 0;
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = j->x,
                           .dims = { 1, (int64_t)j->cols } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = &y,
                             .dims = { 1, 1 } };

    mdl_output(j->model, 0, &info);
    if (info.cols != 1 || info.role == MDL_OUTPUT_RAW || cli_option(j->c, "trees")
        || mdl_predict_tensor(j->model, &x, &out, NULL, NULL))
        return;
    snprintf(w->answer, sizeof w->answer, "The model's answer, '%.80s', is %s.", info.name,
             info.type == MDL_F32 ? cli_f32_text(number, (float)y) : cli_f64_text(number, y));
}

static void write_report(struct job *j, FILE *to)
{
    static const char *const heads[] = { "column", "value", "contribution", NULL };
    const struct waterfall *w = &j->fall;
    struct report r;
    char number[NUMBER_TEXT], text[64];

    cli_report_start(&r, j->c->format, heads);
    cli_report_text(&r, "expected");
    cli_report_text(&r, "");
    cli_report_number(&r, cli_f64_text(number, w->base));
    for (size_t i = 0; i < w->n + (w->others != 0); i++) {
        snprintf(text, sizeof text, "%llu others", (unsigned long long)w->others);
        cli_report_text(&r, i < w->n ? w->steps[i].name : text);
        cli_report_text(&r, i < w->n ? w->steps[i].value : "");
        cli_report_number(&r, cli_f64_text(number, i < w->n ? w->steps[i].adds : w->others_add));
    }
    cli_report_text(&r, "margin");
    cli_report_text(&r, "");
    cli_report_number(&r, cli_f64_text(number, w->margin));
    cli_report_end(&r, to);
}

static int write_out(struct job *j)
{
    struct sink sink;
    const int code = cli_sink_open(j->c, &sink, cli_option(j->c, "out"));

    if (code)
        return code;
    if (cli_option(j->c, "svg")) {
        cli_waterfall_svg(sink.file, &j->fall);
    } else if (cli_option(j->c, "format") && j->c->format != CLI_TABLE) {
        write_report(j, sink.file);
    } else {
        cli_waterfall_words(sink.file, &j->fall);
        fputc('\n', sink.file);
        cli_waterfall_bars(sink.file, &j->fall);
    }
    return cli_sink_close(j->c, &sink, CLI_OK);
}

static int explain_model(struct job *j)
{
    uint64_t row = 0, top = 10;
    struct cli *c = j->c;

    if (cli_option(c, "row") && !cli_parse_count(cli_option(c, "row"), 0, &row))
        return cli_fail(c, CLI_USAGE, "--row is a number, counted from 0");
    if (cli_option(c, "top") && !cli_parse_count(cli_option(c, "top"), 1, &top))
        return cli_fail(c, CLI_USAGE, "--top is a number from 1");
    int code = cli_read_sheet_options(c, &j->sheet_options);
    if (!code && mdl_input_count(j->model) != 1)
        code = cli_fail(c, CLI_UNSUPPORTED, "only a model with one input and exactly one tree ensemble "
                        "can be explained");
    if (code)
        return code;
    j->cols = mdl_input_cols(j->model);
    j->wanted = cli_wanted_input(j->model);
    j->x = malloc((j->cols + 1) * sizeof *j->x);
    if (!j->wanted || !j->x)
        return cli_fail(c, CLI_IO, "out of memory");
    code = make_explainer(j);
    if (!code) code = read_row(j, row);
    if (!code) code = explain(j);
    if (!code) code = choose_output(j);
    if (!code) code = rank_columns(j, top);
    if (code)
        return code;
    const char *name = label_of(j, j->output);
    j->fall.base = j->values[j->output * (j->columns + 1) + j->columns];
    j->fall.margin = margin_of(j, j->output);
    snprintf(j->fall.title, sizeof j->fall.title, "Row %llu of %.200s", (unsigned long long)row,
             c->args[1]);
    const size_t used = strlen(j->fall.title);
    if (name)
        snprintf(j->fall.title + used, sizeof j->fall.title - used, ", class %.120s", name);
    else if (j->outputs > 1)
        snprintf(j->fall.title + used, sizeof j->fall.title - used, ", output %llu",
                 (unsigned long long)j->output);
    say_answer(j);
    return write_out(j);
}

static int run(struct cli *c)
{
    struct job j = { .c = c };

    if (!strcmp(c->args[0], "-") && !strcmp(c->args[1], "-"))
        return cli_fail(c, CLI_USAGE, "model and data cannot both come from standard input");
    int code = cli_load_model(c, &j.model, c->args[0]);
    if (!code && cli_is_tensors(j.model))
        code = cli_fail(c, CLI_UNSUPPORTED, "a network has no trees to explain");
    if (!code)
        code = explain_model(&j);
    mdl_explainer_free(j.explainer);
    cli_wanted_free(j.wanted, j.cols);
    mdl_free(j.model);
    free(j.fall.steps);
    free(j.values);
    free(j.x);
    return code;
}

const struct cli_verb cli_verb_explain = { "MODEL.mdl DATA [--row N]", 2, 2, options, more, NULL, run };
