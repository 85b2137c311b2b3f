/*
 * cli/results.c - see results.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/results.h"

#include "cli/json.h"
#include "cli/npy.h"
#include "cli/number_text.h"
#include "cli/report.h"

#include <errno.h>
#include <string.h>

#define CELL_WIDTH 16             /* of a table: its rows are written as they come */

/* "age", and behind the columns "base"; with the number of the output if there are several. */
static void contribution_name(const struct results *r, size_t i, char *out, size_t room)
{
    const size_t column = i % r->explained, output = i / r->explained;
    const char *name = column + 1 == r->explained ? "base"
                                                  : mdl_explain_column(r->explainer, column);
    char number[40];

    snprintf(number, sizeof number, "column_%llu", (unsigned long long)column);
    if (r->cols == r->explained)
        snprintf(out, room, "%s", name[0] ? name : number);
    else
        snprintf(out, room, "%s_%llu", name[0] ? name : number, (unsigned long long)output);
}

static void column_name(const struct results *r, size_t i, char *out, size_t room)
{
    if (r->explainer)
        contribution_name(r, i, out, room);
    else if (r->trees_width)
        cli_tree_name(r, i, out, room);
    else if (r->stage_width)
        cli_stage_name(r, i, out, room);
    else
        cli_output_column(r->model, r->output, r->cols, i, out, room);
}

static void pad(const struct results *r, size_t width)
{
    for (; width < CELL_WIDTH; width++)
        fputc(' ', r->sink.file);
}

static void write_heads(struct results *r)
{
    FILE *f = r->sink.file;
    char name[256];

    for (size_t i = 0; i < r->cols; i++) {
        column_name(r, i, name, sizeof name);
        if (r->format == RESULTS_CSV && i)
            fputc(',', f);
        if (r->format == RESULTS_CSV)
            cli_csv_text(f, name, ',');
        else if (i + 1 < r->cols)
            pad(r, cli_put_text(f, name));
        else
            cli_put_text(f, name);
    }
    fputc('\n', f);
}

/* {"output": "raw", "columns": [...], "rows": [ */
static void write_json_head(struct results *r)
{
    struct json j;
    char name[256];
    mdl_output_info info = { .size = sizeof info, .name = "" };

    mdl_output(r->model, r->output, &info);
    cli_json_start(&j, r->sink.file);
    cli_json_open_line(&j, '{');
    cli_json_key(&j, "output");
    cli_json_text(&j, r->explainer ? "shap" : r->trees_width ? "trees" : info.name);
    cli_json_key(&j, "columns");
    cli_json_open(&j, '[');
    for (size_t i = 0; i < r->cols; i++) {
        column_name(r, i, name, sizeof name);
        cli_json_text(&j, name);
    }
    cli_json_close(&j);
    cli_json_key(&j, "rows");
    cli_json_open(&j, '[');
}

static void write_npy_head(struct results *r)
{
    unsigned char head[NPY_HEADER];

    cli_npy_header(head, r->type, r->rows, r->cols);
    fwrite(head, 1, sizeof head, r->sink.file);
}

int cli_results_open(struct cli *c, struct results *r, const char *path)
{
    const int code = cli_sink_open(c, &r->sink, path);

    if (code)
        return code;
    if (r->format == RESULTS_NPY)
        write_npy_head(r);
    else if (r->format == RESULTS_JSON)
        write_json_head(r);
    else
        write_heads(r);
    return CLI_OK;
}

/* ---- rows ------------------------------------------------------------------------------ */

/* Text of an element; the label itself where the model has one. */
static const char *cell_text(const struct results *r, const void *data, size_t i,
                             char number[NUMBER_TEXT])
{
    if (r->as_labels) {
        const double v = cli_element(r->type, data, i);
        const char *label = v >= 0 ? mdl_label(r->model, r->output, (size_t)v) : NULL;
        if (label)
            return label;
    }
    return cli_element_text(number, r->type, data, i);
}

/* Are its labels texts, not numbers? */
static int labels_are_text(const struct results *r)
{
    mdl_output_info info = { .size = sizeof info };

    mdl_output(r->model, r->output, &info);
    return r->as_labels && (info.label_type == MDL_STRING || info.label_type == MDL_BOOL);
}

static void json_row(struct results *r, const void *data, size_t row)
{
    struct json j;
    char number[NUMBER_TEXT];
    const int is_text = labels_are_text(r);

    cli_json_start(&j, r->sink.file);
    fputs(r->rows + row ? ",\n  " : "\n  ", r->sink.file);
    cli_json_open_line(&j, '[');
    for (size_t i = 0; i < r->cols; i++) {
        const char *text = cell_text(r, data, row * r->cols + i, number);
        if (is_text)
            cli_json_text(&j, text);
        else
            cli_json_number(&j, text);
    }
    cli_json_close(&j);
}

static void text_row(struct results *r, const void *data, size_t row)
{
    FILE *f = r->sink.file;
    char number[NUMBER_TEXT];

    for (size_t i = 0; i < r->cols; i++) {
        const char *text = cell_text(r, data, row * r->cols + i, number);
        if (r->format == RESULTS_CSV && i)
            fputc(',', f);
        if (r->format == RESULTS_CSV)
            cli_csv_text(f, text, ',');
        else if (i + 1 < r->cols)
            pad(r, cli_put_text(f, text));
        else
            cli_put_text(f, text);
    }
    fputc('\n', f);
}

void cli_results_rows(struct results *r, const void *data, size_t rows)
{
    if (r->format == RESULTS_NPY)
        fwrite(data, mdl_type_bytes(r->type) * r->cols, rows, r->sink.file);
    for (size_t row = 0; row < rows && r->format != RESULTS_NPY; row++) {
        if (r->format == RESULTS_JSON)
            json_row(r, data, row);
        else
            text_row(r, data, row);
    }
    r->rows += rows;
}

int cli_results_close(struct cli *c, struct results *r, int code)
{
    if (code == CLI_OK && r->format == RESULTS_JSON)
        fputs(r->rows ? "\n]}\n" : "]}\n", r->sink.file);
    if (code == CLI_OK && r->format == RESULTS_NPY) {
        if (fseek(r->sink.file, 0, SEEK_SET) != 0) {
            code = cli_fail(c, CLI_IO, "a .npy file needs its number of rows at its beginning: "
                            "write it to a file, not into a pipe (%s)", strerror(errno));
        } else {
            write_npy_head(r);
        }
    }
    return cli_sink_close(c, &r->sink, code);
}
