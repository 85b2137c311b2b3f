/*
 * cli/answers.c - results of a network, in files or as text; see tensors.h
 *
 *     .npy    one result            .npz    all of them, by name
 *     .csv    the first dimension goes down, all others go across; results that have as many
 *             rows stand beside each other
 *     .json   {"outputs": [{"name": "y", "type": "float32", "shape": [2], "values": [1, 2]}]}
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/json.h"
#include "cli/npz.h"
#include "cli/number_text.h"
#include "cli/report.h"
#include "cli/sink.h"
#include "cli/tensors.h"

#include <string.h>

#define MOST_SHOWN 1000u          /* elements of a result on a terminal                */

int cli_choose_outputs(struct cli *c, const mdl_model *model, size_t outputs[MOST_TENSORS],
                       size_t *n)
{
    const char *typed;
    size_t at = 0;

    *n = 0;
    while ((typed = cli_option_next(c, "output", &at)) != NULL && *n < MOST_TENSORS) {
        const int code = cli_find_output(c, model, typed, &outputs[*n]);
        if (code)
            return code;
        for (size_t i = 0; i < *n; i++)
            if (outputs[i] == outputs[*n])
                return cli_fail(c, CLI_USAGE, "--output %s is given twice", typed);
        (*n)++;
    }
    if (!*n)
        for (; *n < mdl_output_count(model) && *n < MOST_TENSORS; (*n)++)
            outputs[*n] = *n;
    return CLI_OK;
}

static uint64_t count_of(const mdl_tensor *t, uint32_t from)
{
    uint64_t count = 1;

    for (uint32_t d = from; d < t->rank; d++)
        count *= (uint64_t)t->dims[d];
    return count;
}

/* ---- .npy, .npz -------------------------------------------------------------------- */

static mdl_status write_arrays(FILE *to, const mdl_tensor *results, size_t n, int is_npz,
                               mdl_error *err)
{
    struct npy_image images[MOST_TENSORS] = { { 0 } };
    struct npz_part parts[MOST_TENSORS];
    mdl_status s = MDL_OK;

    for (size_t i = 0; i < n && !s; i++) {
        s = cli_npy_image(&images[i], &results[i], err);
        parts[i] = (struct npz_part){ results[i].name, images[i].head, images[i].elements,
                                      images[i].head_bytes, images[i].element_bytes };
    }
    if (!s && is_npz)
        s = cli_npz_write(to, parts, n, err);
    if (!s && !is_npz) {
        fwrite(images[0].head, 1, images[0].head_bytes, to);
        fwrite(images[0].elements, 1, (size_t)images[0].element_bytes, to);
    }
    for (size_t i = 0; i < n; i++)
        cli_npy_image_free(&images[i]);
    return s;
}

/* ---- JSON -------------------------------------------------------------------------- */

static void json_element(struct json *j, const mdl_tensor *t, uint64_t i)
{
    char number[NUMBER_TEXT];
    const char *text = cli_element_text(number, t->type, t->data, (size_t)i);
    const int is_number = t->type != MDL_STRING && t->type <= MDL_U64;

    if (t->type == MDL_BOOL)
        cli_json_bool(j, *text == 't');
    else if (is_number)
        cli_json_number(j, text);
    else
        cli_json_text(j, text);
}

/* The elements below index `at` of dimension `d`; returns the index of the next one. */
static uint64_t json_elements(struct json *j, const mdl_tensor *t, uint32_t d, uint64_t at)
{
    if (d == t->rank) {
        json_element(j, t, at);
        return at + 1;
    }
    cli_json_open(j, '[');
    for (int64_t i = 0; i < t->dims[d]; i++)
        at = json_elements(j, t, d + 1, at);
    cli_json_close(j);
    return at;
}

static void write_json(FILE *to, const mdl_tensor *results, size_t n)
{
    struct json j;

    cli_json_start(&j, to);
    cli_json_open(&j, '{');
    cli_json_key(&j, "outputs");
    cli_json_open(&j, '[');
    for (size_t i = 0; i < n; i++) {
        cli_json_open_line(&j, '{');
        cli_json_key(&j, "name");
        cli_json_text(&j, results[i].name);
        cli_json_key(&j, "type");
        cli_json_text(&j, mdl_type_name(results[i].type));
        cli_json_key(&j, "shape");
        cli_json_open(&j, '[');
        for (uint32_t d = 0; d < results[i].rank; d++)
            cli_json_count(&j, (uint64_t)results[i].dims[d]);
        cli_json_close(&j);
        cli_json_key(&j, "values");
        json_elements(&j, &results[i], 0, 0);
        cli_json_close(&j);
    }
    cli_json_close(&j);
    cli_json_close(&j);
    cli_json_end(&j);
}

/* ---- CSV --------------------------------------------------------------------------- */

static uint64_t rows_of(const mdl_tensor *t)
{
    return t->rank ? (uint64_t)t->dims[0] : 1;
}

/* Do all have as many rows?  With `flat`: and no more than two dimensions, at least one. */
static int is_table(const mdl_tensor *results, size_t n, int flat)
{
    for (size_t i = 0; i < n; i++)
        if (rows_of(&results[i]) != rows_of(&results[0])
            || (flat && (!results[i].rank || results[i].rank > 2)))
            return 0;
    return n > 0;
}

static void write_csv(FILE *to, const mdl_tensor *results, size_t n)
{
    char name[300], number[NUMBER_TEXT];

    for (size_t i = 0, first = 1; i < n; i++) {
        const uint64_t cols = count_of(&results[i], 1);
        for (uint64_t k = 0; k < cols; k++, first = 0) {
            if (cols == 1)
                snprintf(name, sizeof name, "%s", results[i].name);
            else
                snprintf(name, sizeof name, "%s_%llu", results[i].name, (unsigned long long)k);
            fputs(first ? "" : ",", to);
            cli_csv_text(to, name, ',');
        }
    }
    fputc('\n', to);
    for (uint64_t row = 0; row < rows_of(&results[0]); row++) {
        for (size_t i = 0, first = 1; i < n; i++) {
            const uint64_t cols = count_of(&results[i], 1);
            for (uint64_t k = 0; k < cols; k++, first = 0) {
                fputs(first ? "" : ",", to);
                cli_csv_text(to, cli_element_text(number, results[i].type, results[i].data,
                                                  (size_t)(row * cols + k)), ',');
            }
        }
        fputc('\n', to);
    }
}

/* ---- for people -------------------------------------------------------------------- */

/* A line for each run of the last dimension; above two dimensions with its index before it. */
static void write_text(FILE *to, const mdl_tensor *t)
{
    const uint64_t count = count_of(t, 0);
    const uint64_t across = t->rank ? (uint64_t)t->dims[t->rank - 1] : 1;
    char shape[200], number[NUMBER_TEXT];

    cli_put_text(to, t->name);
    fprintf(to, ": %s %s\n", mdl_type_name(t->type),
            cli_shape_text(shape, sizeof shape, t->rank, t->dims));
    for (uint64_t i = 0; i < count && i < MOST_SHOWN; i++) {
        if (i % across == 0 && t->rank > 2) {
            int64_t index[MDL_MAX_RANK];
            uint64_t left = i / across;
            for (uint32_t d = t->rank - 1; d-- > 0; left /= (uint64_t)t->dims[d])
                index[d] = (int64_t)(left % (uint64_t)t->dims[d]);
            fprintf(to, "  %s ", cli_shape_text(shape, sizeof shape, t->rank - 1, index));
        }
        fputs("  ", to);
        const char *text = cli_element_text(number, t->type, t->data, (size_t)i);
        if (t->type == MDL_STRING)
            fputc('"', to);
        size_t width = cli_put_text(to, text);
        if (t->type == MDL_STRING)
            fputc('"', to);
        if (i % across + 1 == across || i + 1 == count || i + 1 == MOST_SHOWN)
            fputc('\n', to);
        else
            for (; width < 12; width++)
                fputc(' ', to);
    }
    if (count > MOST_SHOWN)
        fprintf(to, "  ... %llu more; '-o FILE.npz' has all\n",
                (unsigned long long)(count - MOST_SHOWN));
}

/* ---- where to ---------------------------------------------------------------------- */

enum form { AS_TEXT, AS_JSON, AS_CSV, AS_NPY, AS_NPZ };

static int ends_with(const char *path, const char *end)
{
    const size_t n = path ? strlen(path) : 0, m = strlen(end);

    return n >= m && !strcmp(path + n - m, end);
}

static int choose_form(struct cli *c, const char *path, const mdl_tensor *results, size_t n,
                       enum form *form)
{
    const int is_npy = ends_with(path, ".npy"), is_npz = ends_with(path, ".npz");

    if (cli_option(c, "format") && (is_npy || is_npz))
        return cli_fail(c, CLI_USAGE, "--format and the name of a .npy or .npz file contradict "
                        "each other");
    *form = is_npy ? AS_NPY : is_npz ? AS_NPZ
          : cli_option(c, "format") ? (c->format == CLI_JSON ? AS_JSON
                                       : c->format == CLI_CSV ? AS_CSV : AS_TEXT)
          : ends_with(path, ".json") ? AS_JSON
          : ends_with(path, ".csv") || is_table(results, n, 1) ? AS_CSV : AS_TEXT;
    if (*form == AS_NPY && n > 1)
        return cli_fail(c, CLI_USAGE, "a .npy file holds one array, there are %llu outputs: "
                        "--output NAME picks one, a .npz holds all", (unsigned long long)n);
    if (*form == AS_CSV && !is_table(results, n, 0))
        return cli_fail(c, CLI_USAGE, "outputs with different numbers of rows are no one table: "
                        "--output NAME picks one, .npz and .json hold all");
    return CLI_OK;
}

int cli_answers_write(struct cli *c, const mdl_tensor *results, size_t n)
{
    const char *path = cli_option(c, "out");
    mdl_error err = MDL_ERROR_INIT;
    struct sink sink;
    enum form form = AS_TEXT;
    mdl_status s = MDL_OK;
    int code = choose_form(c, path, results, n, &form);

    if (!code) code = cli_sink_open(c, &sink, path);
    if (code)
        return code;
    if (form == AS_NPY || form == AS_NPZ)
        s = write_arrays(sink.file, results, n, form == AS_NPZ, &err);
    else if (form == AS_JSON)
        write_json(sink.file, results, n);
    else if (form == AS_CSV)
        write_csv(sink.file, results, n);
    for (size_t i = 0; form == AS_TEXT && i < n; i++)
        write_text(sink.file, &results[i]);
    code = cli_sink_close(c, &sink, s ? cli_failed(c, path, &err) : CLI_OK);
    if (!code && sink.path)
        cli_note(c, "%llu output%s to %s", (unsigned long long)n, n == 1 ? "" : "s", path);
    return code;
}
