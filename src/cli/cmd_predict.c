/*
 * cli/cmd_predict.c - mdl predict: rows in, answers out, a block at a time
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/results.h"
#include "cli/sheet.h"
#include "cli/tensors.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_CELLS ((size_t)1 << 17)     /* of input: 1 MiB of float64 */

static const struct cli_option options[] = {
    { "output", 0, "NAME", "an output by name, or value, raw, proba, label, leaf, shap, trees; else the\n"
      "                             first, of a network all; may be given again" },
    { "input", 0, "NAME=F.npy", "an input of a network from a file of its own; for each one" },
    { "trees", 0, "A:B", "only boosting rounds A to B - 1; 0:10 are the first ten" },
    { "staged", 0, "K", "predictions after K rounds, 2 K, ... and all, side by side" },
    { "early-stop", 0, "K:MARGIN", "every K rounds, rows whose margin is above that are done" },
    { "out", 'o', "FILE", "write there: .csv, .npy, .npz or .json; else to standard output" },
    { "header", 0, "WHEN", "first line of a .csv is a header: auto (default), yes, no" },
    { "columns", 0, "HOW", "match columns by: auto (default), name, position" },
    { "separator", 0, "CHAR", "between cells of a .csv; else the one of , ; tab | it uses" },
    { "unknown", 0, "HOW", "a category the model does not know: error (default), missing" },
    { "threads", 0, "N", "threads that predict (1); 0: all processors; the same answers" },
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "DATA is a .csv file, whose columns are found by the names in its header, or a .npy file.\n"
    "An empty cell, NA, nan and the like are missing values.  Numbers are written as the\n"
    "shortest text that reads back as the same float.\n"
    "\n"
    "Inputs of networks have any shape and type: one array as .npy, several as a .npz with an\n"
    "array for each input, or with --input.  Floats and integers become the type that the model\n"
    "takes.  One output goes to a .npy file, several to a .npz.\n"
    "\n"
    "example:\n"
    "  mdl predict model.mdl rows.csv -o predictions.csv\n"
    "  mdl predict model.mdl rows.npy --output raw -o margins.npy\n"
    "  mdl predict model.mdl rows.csv --output shap -o contributions.csv\n"
    "  mdl predict bert.mdl --input ids=ids.npy --input mask=mask.npy -o answers.npz\n";

/* One of a few words; `choices` ends with NULL.  CLI_OK or the exit code after telling why. */
static int choose(struct cli *c, const char *option, const char *const *choices, int *out)
{
    const char *typed = cli_option(c, option);
    struct cli_suggest s = { .typed = typed };
    char safe[64];

    *out = 0;
    for (int i = 0; typed && choices[i]; i++) {
        cli_suggest_offer(&s, choices[i]);
        if (!strcmp(typed, choices[i])) {
            *out = i;
            return CLI_OK;
        }
    }
    if (!typed)
        return CLI_OK;
    return cli_fail(c, CLI_USAGE, "--%s cannot be '%s', only %s, %s%s%s%s%s%s", option,
                    mdl_safe_text(safe, sizeof safe, typed, strlen(typed)), choices[0], choices[1],
                    choices[2] ? ", " : "", choices[2] ? choices[2] : "",
                    s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
}

int cli_read_sheet_options(struct cli *c, struct sheet_options *o)
{
    static const char *const headers[] = { "auto", "yes", "no", NULL };
    static const char *const columns[] = { "auto", "name", "position", NULL };
    static const char *const unknown[] = { "error", "missing", NULL };
    const char *separator = cli_option(c, "separator");
    int header, by, missing;

    int code = choose(c, "header", headers, &header);
    if (!code) code = choose(c, "columns", columns, &by);
    if (!code) code = choose(c, "unknown", unknown, &missing);
    if (code)
        return code;
    *o = (struct sheet_options){ .header = (enum sheet_choice)header,
                                 .by_name = (enum sheet_choice)by, .unknown_missing = missing };
    if (!separator)
        return CLI_OK;
    if (!strcmp(separator, "tab") || !strcmp(separator, "\\t"))
        separator = "\t";
    if (strlen(separator) != 1 || *separator == '"' || *separator == '\n' || *separator == '\r')
        return cli_fail(c, CLI_USAGE, "--separator is one character, or tab");
    o->separator = *separator;
    return CLI_OK;
}

/* "A:B", "A:", ":B": rounds of boosting. */
int cli_read_trees(struct cli *c, mdl_predict_options *o)
{
    const char *typed = cli_option(c, "trees");
    char from[24] = "";
    uint64_t begin = 0, end = 0;

    if (!typed)
        return CLI_OK;
    const char *colon = strchr(typed, ':');
    if (colon && (size_t)(colon - typed) < sizeof from)
        memcpy(from, typed, (size_t)(colon - typed));
    const int ok = colon && (size_t)(colon - typed) < sizeof from
                && (!from[0] || cli_parse_count(from, 0, &begin))
                && (!colon[1] || cli_parse_count(colon + 1, 1, &end)) && (!end || begin < end);
    if (!ok)
        return cli_fail(c, CLI_USAGE, "--trees is A:B with A below B, like 0:10, not '%s'",
                        mdl_safe_text(from, sizeof from, typed, strlen(typed)));
    o->tree_begin = begin;
    o->tree_end = end;
    return CLI_OK;
}

/* All that one run needs. */
struct job {
    struct cli *c;
    mdl_model *model;
    struct wanted *wanted;
    struct sheet_options sheet_options;
    struct sheet sheet;
    struct results results;
    mdl_predict_options predict;
    mdl_pool *pool;               /* NULL: no threads but this one */
    mdl_explainer *explainer;     /* --output shap; else NULL */
    size_t cols, block;
    double *x;
    void *y;
};

static int make_pool(struct job *j)
{
    const char *typed = cli_option(j->c, "threads");
    mdl_error err = MDL_ERROR_INIT;
    uint64_t threads;

    if (!typed)
        return CLI_OK;
    if (!cli_parse_count(typed, 0, &threads) || threads > 1024)
        return cli_fail(j->c, CLI_USAGE, "--threads is a number from 0 to 1024");
    if (mdl_pool_create(&j->pool, (uint32_t)threads, NULL, &err))
        return cli_failed(j->c, NULL, &err);
    j->predict.parallel = mdl_pool_parallel(j->pool);
    return CLI_OK;
}

static int ends_with(const char *path, const char *end)
{
    const size_t n = path ? strlen(path) : 0, m = strlen(end);

    return n >= m && !strcmp(path + n - m, end);
}

/* --format decides, else the name of the file, else .csv. */
static int results_format(struct cli *c, const char *path, enum results_format *format)
{
    if (cli_option(c, "format"))
        *format = c->format == CLI_TABLE ? RESULTS_TABLE
                : c->format == CLI_JSON  ? RESULTS_JSON : RESULTS_CSV;
    else
        *format = ends_with(path, ".npy") ? RESULTS_NPY
                : ends_with(path, ".json") ? RESULTS_JSON : RESULTS_CSV;
    if (*format != RESULTS_NPY && ends_with(path, ".npy"))
        return cli_fail(c, CLI_USAGE, "--format and the name of a .npy file contradict each other");
    return CLI_OK;
}

/* A block of rows through the explainer. */
static mdl_status explain_block(const struct job *j, const mdl_tensor *x, mdl_error *err)
{
    mdl_tensor v = { .size = sizeof v };

    mdl_explain_shape(j->explainer, (size_t)x->dims[0], &v);
    v.data = j->y;
    return mdl_explain(j->explainer, x, &v, err);
}

/* Block by block from the sheet through the model into the results. */
static int pump(struct job *j)
{
    mdl_error err = MDL_ERROR_INIT;
    char count[32];
    size_t got;

    for (;;) {
        if (cli_sheet_read(&j->sheet, j->x, j->block, &got, &err))
            return cli_failed(j->c, NULL, &err);
        if (!got)
            return CLI_OK;
        const mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = j->x,
                               .dims = { (int64_t)got, (int64_t)j->cols } };
        const mdl_tensor y = cli_results_tensor(&j->results, j->y, got);
        if (j->explainer ? explain_block(j, &x, &err)
                         : mdl_predict_tensor(j->model, &x, &y, &j->predict, &err))
            return cli_failed(j->c, j->c->args[0], &err);
        cli_results_rows(&j->results, j->y, got);
        if (ferror(j->results.sink.file))
            return j->results.sink.path ? CLI_OK : CLI_IO;   /* told when it is closed */
        if (j->results.sink.path)
            cli_progress(j->c, "%s rows", cli_count_text(count, j->results.rows));
    }
}

/* What each column adds to each output of the ensemble, and the base behind them. */
static int choose_values(struct job *j)
{
    mdl_explain_options o = MDL_EXPLAIN_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_tensor v = { .size = sizeof v };

    o.tree_begin = j->predict.tree_begin;
    o.tree_end = j->predict.tree_end;
    o.parallel = j->predict.parallel;
    if (mdl_explainer_create(&j->explainer, j->model, &o, &err))
        return cli_failed(j->c, j->c->args[0], &err);
    mdl_explain_shape(j->explainer, 1, &v);
    j->results.model = j->model;
    j->results.explainer = j->explainer;
    j->results.explained = (size_t)v.dims[2];
    j->results.cols = (size_t)(v.dims[1] * v.dims[2]);
    j->results.type = MDL_F64;
    return CLI_OK;
}

/* Which output, of what type and width. */
static int choose_output(struct job *j)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_output_info info = { .size = sizeof info };
    struct results *r = &j->results;
    const char *name = cli_option(j->c, "output");
    int code = cli_read_trees(j->c, &j->predict);

    const int is_own = name && mdl_output_find(j->model, name) == SIZE_MAX;
    const int is_shap = is_own && !strcmp(name, "shap"), is_trees = is_own && !strcmp(name, "trees");
    if (!code) code = cli_read_early_stop(j->c, &j->predict);
    if (!code && (is_shap || is_trees) && (j->predict.stop_every || cli_option(j->c, "staged")))
        code = cli_fail(j->c, CLI_USAGE, "--output %s goes with neither --staged nor --early-stop",
                        name);
    if (!code && is_shap)
        return choose_values(j);
    if (!code && is_trees)
        return cli_predict_trees(j->c, j->model, &j->predict, r);
    if (!code) code = cli_find_output(j->c, j->model, name, &r->output);
    if (code)
        return code;
    mdl_output(j->model, r->output, &info);
    j->predict.output_name = info.name;
    if (mdl_output_shape(j->model, &j->predict, &r->cols, &err))
        return cli_failed(j->c, j->c->args[0], &err);
    r->model = j->model;
    r->type = info.type == MDL_F64 || info.type == MDL_I32 ? info.type : MDL_F32;
    r->as_labels = info.role == MDL_OUTPUT_LABEL && info.n_labels && r->cols == 1
                && r->format != RESULTS_NPY;
    return cli_predict_stages(j->c, j->model, &j->predict, r);
}

static int open_data(struct job *j)
{
    mdl_error err = MDL_ERROR_INIT;

    if (mdl_input_count(j->model) != 1)
        return cli_fail(j->c, CLI_UNSUPPORTED, "%s has %llu inputs; one table of rows feeds one",
                        j->c->args[0], (unsigned long long)mdl_input_count(j->model));
    j->cols = mdl_input_cols(j->model);
    j->wanted = cli_wanted_input(j->model);
    j->block = BLOCK_CELLS / (j->cols + j->results.cols) + 1;
    j->x = malloc(j->block * j->cols * sizeof *j->x + 1);
    j->y = malloc(j->block * j->results.cols * sizeof(double) + 1);
    if (!j->wanted || !j->x || !j->y)
        return cli_fail(j->c, CLI_IO, "out of memory");
    if (cli_sheet_open(&j->sheet, j->c->args[1], j->wanted, j->cols, &j->sheet_options, &err))
        return cli_failed(j->c, NULL, &err);
    if (j->sheet.note[0])
        cli_note(j->c, "%s", j->sheet.note);
    return CLI_OK;
}

static int predict(struct job *j)
{
    const char *out = cli_option(j->c, "out");
    char count[32];
    int code = results_format(j->c, out, &j->results.format);

    if (!code) code = cli_read_sheet_options(j->c, &j->sheet_options);
    if (!code) code = make_pool(j);
    if (!code) code = choose_output(j);
    if (!code) code = open_data(j);
    if (!code) code = cli_results_open(j->c, &j->results, out);
    if (code)
        return code;
    code = pump(j);
    if (code == CLI_IO && !j->results.sink.path)
        return CLI_OK;                        /* main says why */
    code = cli_results_close(j->c, &j->results, code);
    if (!code && j->results.sink.path)
        cli_note(j->c, "%s rows to %s", cli_count_text(count, j->results.rows), out);
    return code;
}

static int run(struct cli *c)
{
    struct job j = { .c = c, .predict = MDL_PREDICT_OPTIONS_INIT };
    const char *data = c->n_args > 1 ? c->args[1] : NULL;

    if (data && !strcmp(c->args[0], "-") && !strcmp(data, "-"))
        return cli_fail(c, CLI_USAGE, "model and data cannot both come from standard input");
    if (!data && !cli_option(c, "input"))
        return cli_fail(c, CLI_USAGE, "too few arguments; use: mdl %s %s", c->name,
                        c->verb->args);
    int code = cli_load_model(c, &j.model, c->args[0]);
    if (!code && cli_is_tensors(j.model))
        code = cli_predict_tensors(c, j.model, data);
    else if (!code && (!data || cli_option(c, "input")))
        code = cli_fail(c, CLI_USAGE, "--input is for networks; give the rows of this model as "
                        "DATA");
    else if (!code)
        code = predict(&j);
    cli_sheet_close(&j.sheet);
    cli_wanted_free(j.wanted, j.cols);
    mdl_explainer_free(j.explainer);
    mdl_free(j.model);
    mdl_pool_free(j.pool);
    free(j.x);
    free(j.y);
    return code;
}

const struct cli_verb cli_verb_predict = { "MODEL.mdl DATA [-o OUT]", 1, 2, options, more, NULL,
                                           run };
