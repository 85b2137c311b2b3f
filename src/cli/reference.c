/*
 * cli/reference.c - rows and the answers of a framework, from files; see compare.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/compare.h"
#include "cli/npz.h"
#include "cli/sheet.h"

#include "mdl_build.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 256u

void cli_reference_free(struct reference *r)
{
    free(r->x);
    for (size_t i = 0; i < r->n_expected; i++)
        free(r->expected[i].data);
    memset(r, 0, sizeof *r);
}

mdl_status cli_sheet_all(const char *path, const struct wanted *wanted, size_t n,
                         const struct sheet_options *options, double **out, size_t *rows,
                         mdl_error *err)
{
    struct sheet sheet;
    size_t got = 1, room = 0;
    mdl_status s = cli_sheet_open(&sheet, path, wanted, n, options, err);

    for (*rows = 0; !s && got; *rows += got) {
        if (*rows + BLOCK > room) {
            room = room * 2 + BLOCK;
            double *more = room < SIZE_MAX / 16 / (n + 1) ? realloc(*out, room * n * sizeof **out)
                                                          : NULL;
            if (!more) {
                s = mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
                break;
            }
            *out = more;
        }
        s = cli_sheet_read(&sheet, *out + *rows * n, BLOCK, &got, err);
    }
    cli_sheet_close(&sheet);
    return s;
}

/* Take over the values of an output, in the type it is computed in. */
static mdl_status add_expected(struct reference *r, const mdl_model *model, size_t output,
                               const double *values, size_t rows, size_t cols, mdl_error *err)
{
    mdl_output_info o = { .size = sizeof o };

    mdl_output(model, output, &o);
    if (rows != r->rows)
        return mdl_fail(err, MDL_ERR_DATA, "%llu rows of '%s', but %llu rows of input",
                        (unsigned long long)rows, o.name, (unsigned long long)r->rows);
    if (r->n_expected == MAX_EXPECTED)
        return mdl_fail(err, MDL_ERR_DATA, "more than %u outputs", (unsigned)MAX_EXPECTED);
    const uint32_t type = o.type == MDL_F64 || o.type == MDL_I32 ? o.type : MDL_F32;
    const size_t n = rows * cols;
    void *data = calloc(n + 1, sizeof(double));
    if (!data)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const double v = values[i];
        if (type == MDL_F32)
            ((float *)data)[i] = (float)v;
        else if (type == MDL_F64)
            ((double *)data)[i] = v;
        else if (v >= INT32_MIN && v <= INT32_MAX)
            ((int32_t *)data)[i] = (int32_t)v;
        else
            ((int32_t *)data)[i] = INT32_MIN;          /* nan and the like: equals no answer */
    }
    r->expected[r->n_expected++] = (struct expected){ output, type, cols, data };
    return MDL_OK;
}

/* Where answers of one output come from. */
static mdl_status read_expected(struct reference *r, const mdl_model *model, size_t output,
                                const char *path, const struct sheet_options *options,
                                mdl_error *err)
{
    mdl_predict_options all = MDL_PREDICT_OPTIONS_INIT;
    mdl_output_info o = { .size = sizeof o };
    size_t cols, rows = 0;
    double *values = NULL;

    mdl_output(model, output, &o);
    all.output_name = o.name;
    mdl_status s = mdl_output_shape(model, &all, &cols, err);
    if (s)
        return s;
    struct wanted *wanted = cli_wanted_output(model, output, cols);
    s = wanted ? cli_sheet_all(path, wanted, cols, options, &values, &rows, err)
               : mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    if (!s) s = add_expected(r, model, output, values, rows, cols, err);
    cli_wanted_free(wanted, cols);
    free(values);
    return s;
}

/* ---- .npz: an array for the input and one for each output ------------------------------ */

/* Every array must be one that we know; *names is then what the outputs of the file are. */
static mdl_status npz_outputs(const mdl_model *model, const char *path, const char *input,
                              int has_data, unsigned char *found, mdl_error *err)
{
    struct input in;
    struct npz npz;
    struct npz_member m;
    unsigned char *bytes = NULL;
    size_t size = 0;
    char name[128], safe[128];
    mdl_status s = cli_input_open(&in, path, err);

    if (!s) s = cli_input_all(&in, &bytes, &size, SIZE_MAX / 4, err);
    cli_input_close(&in);
    if (s)
        return s;
    s = cli_npz_open(&npz, path, bytes, size, err);
    for (unsigned i = 0; !s && i < npz.count; i++) {
        s = cli_npz_member(&npz, i, &m, err);
        const size_t n = m.name_length < sizeof name - 1 ? m.name_length : sizeof name - 1;
        if (s)
            break;
        memcpy(name, m.name, n);
        name[n] = '\0';
        const size_t output = mdl_output_find(model, name);
        if (output != SIZE_MAX)
            found[output] = 1;
        else if (has_data || (strcmp(name, input) != 0 && strcmp(name, "X") != 0))
            s = mdl_fail(err, MDL_ERR_DATA,
                         "%s: array '%s' is neither the input '%s' nor an output of the model "
                         "('mdl inspect' lists them)", path,
                         mdl_safe_text(safe, sizeof safe, name, n), input);
    }
    cli_npz_close(&npz);
    return s;
}

/* ---- .csv: columns of outputs beside those of the input -------------------------------- */

/* Which outputs have all their columns in the header of the file. */
static mdl_status csv_outputs(const mdl_model *model, const char *path, unsigned char *found,
                              mdl_error *err)
{
    struct input in;
    struct csv csv = { 0 };
    int got = 0;
    mdl_status s = cli_input_open(&in, path, err);

    if (!s) s = cli_csv_open(&csv, &in, 0, err);
    if (!s) s = cli_csv_next(&csv, &got, err);
    for (size_t i = 0; !s && got && i < mdl_output_count(model); i++) {
        mdl_output_info o = { .size = sizeof o };
        mdl_output(model, i, &o);
        struct wanted *wanted = cli_wanted_output(model, i, o.cols);
        size_t have = 0;
        for (size_t k = 0; wanted && k < o.cols; k++)
            for (size_t n = 0; n < csv.n_cells; n++)
                if (!strcmp(csv.cells[n].text, wanted[k].name)) {
                    have++;
                    break;
                }
        found[i] = wanted && have == o.cols;
        cli_wanted_free(wanted, o.cols);
    }
    cli_csv_close(&csv);
    cli_input_close(&in);
    return s;
}

enum kind { KIND_CSV, KIND_NPY, KIND_NPZ };

static mdl_status kind_of(const char *path, enum kind *kind, mdl_error *err)
{
    struct input in;
    mdl_status s = cli_input_open(&in, path, err);

    if (!s) {
        const size_t n = cli_input_peek(&in);
        *kind = n >= 6 && !memcmp(in.at, "\x93NUMPY", 6) ? KIND_NPY
              : n >= 4 && !memcmp(in.at, "PK\x03\x04", 4) ? KIND_NPZ : KIND_CSV;
        s = cli_input_status(&in, err);
    }
    cli_input_close(&in);
    return s;
}

static mdl_status read_x(struct reference *r, const mdl_model *model, const char *path,
                         const char *member, mdl_error *err)
{
    const struct sheet_options options = { .member = member };
    struct wanted *wanted = cli_wanted_input(model);

    r->cols = mdl_input_cols(model);
    const mdl_status s = wanted ? cli_sheet_all(path, wanted, r->cols, &options, &r->x, &r->rows, err)
                                : mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    cli_wanted_free(wanted, r->cols);
    return s;
}

/* The answers in `path`, to every output it has. */
static mdl_status read_answers(struct reference *r, const mdl_model *model, const char *path,
                               enum kind kind, const char *input, int has_data, size_t output,
                               mdl_error *err)
{
    struct sheet_options options = { .by_name = kind == KIND_CSV ? SHEET_YES : SHEET_AUTO,
                                     .header = kind == KIND_CSV ? SHEET_YES : SHEET_AUTO };
    unsigned char *found = calloc(mdl_output_count(model) + 1, 1);
    mdl_status s = found ? MDL_OK : mdl_fail(err, MDL_ERR_MEMORY, "out of memory");

    if (!s && kind == KIND_NPZ) s = npz_outputs(model, path, input, has_data, found, err);
    if (!s && kind == KIND_CSV) s = csv_outputs(model, path, found, err);
    for (size_t i = 0; !s && i < mdl_output_count(model); i++) {
        mdl_output_info o = { .size = sizeof o };
        mdl_output(model, i, &o);
        options.member = o.name;
        if (found[i])
            s = read_expected(r, model, i, path, &options, err);
    }
    /* one table without names: the output that was asked for */
    if (!s && !r->n_expected && has_data && kind != KIND_NPZ) {
        options = (struct sheet_options){ .by_name = SHEET_NO };
        s = read_expected(r, model, output, path, &options, err);
    }
    if (!s && !r->n_expected)
        s = mdl_fail(err, MDL_ERR_DATA, "%s has answers to no output of the model; name arrays or "
                     "columns as 'mdl predict' does", path);
    free(found);
    return s;
}

int cli_reference_read(struct cli *c, struct reference *r, const mdl_model *model,
                       const char *path, const char *data, const char *output)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_input_info in = { .size = sizeof in };
    enum kind kind = KIND_CSV;
    size_t asked;
    const int code = cli_find_output(c, model, output, &asked);

    memset(r, 0, sizeof *r);
    if (code)
        return code;
    if (mdl_input_count(model) != 1)
        return cli_fail(c, CLI_UNSUPPORTED, "the model has several inputs, --reference feeds one");
    if (!strcmp(path, "-") || (data && !strcmp(data, "-")))
        return cli_fail(c, CLI_USAGE, "a reference is read more than once: give a file, not '-'");
    mdl_input(model, 0, &in);
    mdl_status s = kind_of(path, &kind, &err);
    if (!s && kind == KIND_NPY && !data)
        return cli_fail(c, CLI_USAGE, "%s holds answers only; --data names the file of the rows",
                        path);
    if (!s) s = read_x(r, model, data ? data : path, in.name, &err);
    if (!s) s = read_answers(r, model, path, kind, in.name, data != NULL, asked, &err);
    if (!s && !r->rows) s = mdl_fail(&err, MDL_ERR_DATA, "%s has no rows", path);
    return s ? cli_failed(c, NULL, &err) : CLI_OK;
}

mdl_status cli_reference_golden(const struct reference *r, const mdl_model *model, mdl_builder *b,
                                size_t rows, mdl_error *err)
{
    mdl_input_info in = { .size = sizeof in };
    const size_t n = rows * r->cols;
    float *narrow = malloc(n * sizeof *narrow + 1);

    if (!narrow)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    mdl_input(model, 0, &in);
    for (size_t i = 0; i < n; i++)
        narrow[i] = (float)r->x[i];
    if (in.type == MDL_F32)
        mdl_build_golden_input(b, 0, MDL_F32, rows, narrow);
    else
        mdl_build_golden_input(b, 0, MDL_F64, rows, r->x);
    for (size_t i = 0; i < r->n_expected; i++)
        mdl_build_golden_output(b, (int32_t)r->expected[i].output, r->expected[i].type, rows,
                                r->expected[i].data);
    free(narrow);
    return mdl_builder_status(b, err);
}
