/*
 * cli/feed.c - inputs of a run of a network, from files; see tensors.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/npz.h"
#include "cli/sheet.h"
#include "cli/tensors.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct cli *c;
    struct feed *f;
    const mdl_model *model;
};

void cli_feed_free(struct feed *f)
{
    for (size_t i = 0; i < MOST_TENSORS; i++) {
        cli_array_free(&f->arrays[i]);
        cli_array_free(&f->others[i]);
    }
    f->n = 0;
}

/* ---- one input --------------------------------------------------------------------- */

static int wrong_shape(struct reader *r, size_t input, const char *file)
{
    mdl_input_info in = { .size = sizeof in };
    const struct array *a = &r->f->arrays[input];
    char have[160], want[300], safe[64];

    mdl_input(r->model, input, &in);
    return cli_fail(r->c, CLI_BAD_DATA, "%s: input '%s' is %s, expected %s; reshape it "
                    "(x.reshape(...)), 'mdl inspect' shows what the model takes", file,
                    mdl_safe_text(safe, sizeof safe, in.name, strlen(in.name)),
                    cli_shape_text(have, sizeof have, a->rank, a->dims),
                    cli_input_shape(r->model, input, want, sizeof want));
}

/* Does the shape fit?  One row of a table may come without the dimension for rows. */
static int fits(struct array *a, const mdl_input_info *in)
{
    if (in->rank == MDL_ANY_RANK)
        return 1;
    if (a->rank + 1 == in->rank && a->rank && (in->dims[0] < 0 || in->dims[0] == 1)) {
        memmove(a->dims + 1, a->dims, a->rank * sizeof *a->dims);
        a->dims[0] = 1;
        a->rank++;
    }
    if (a->rank != in->rank)
        return 0;
    for (uint32_t d = 0; d < in->rank; d++)
        if (in->dims[d] >= 0 && in->dims[d] != a->dims[d])
            return 0;
    return 1;
}

/* The array that was read for an input becomes its tensor. */
static int take(struct reader *r, size_t input, const char *file)
{
    struct feed *f = r->f;
    struct array *a = &f->arrays[input];
    mdl_input_info in = { .size = sizeof in };
    mdl_error err = MDL_ERROR_INIT;
    char what[200], safe[64];
    int rounded = 0;

    mdl_input(r->model, input, &in);
    mdl_safe_text(safe, sizeof safe, in.name, strlen(in.name));
    snprintf(what, sizeof what, "%.100s: input '%s'", file, safe);
    if (f->given[input]++)
        return cli_fail(r->c, CLI_USAGE, "%s is given twice", what);
    const uint32_t was = a->type;
    if (cli_array_convert(a, in.type, what, &rounded, &err))
        return cli_failed(r->c, NULL, &err);
    if (rounded)
        cli_note(r->c, "%s: %s rounded to %s, the type the model takes", what, mdl_type_name(was),
                 mdl_type_name(in.type));
    if (!fits(a, &in))
        return wrong_shape(r, input, file);
    f->inputs[input].rank = a->rank;
    f->inputs[input].data = a->data;
    memcpy(f->inputs[input].dims, a->dims, sizeof a->dims);
    return CLI_OK;
}

static size_t find_input(const mdl_model *model, const char *name, size_t length)
{
    for (size_t i = 0; i < mdl_input_count(model); i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(model, i, &in);
        if (strlen(in.name) == length && !memcmp(in.name, name, length))
            return i;
    }
    return SIZE_MAX;
}

/* ---- .npz -------------------------------------------------------------------------- */

static int read_member(struct reader *r, const char *path, const struct npz_member *m, int how)
{
    const size_t input = find_input(r->model, m->name, m->name_length);
    mdl_error err = MDL_ERROR_INIT;
    char name[300], file[700], safe[200];

    mdl_safe_text(safe, sizeof safe, m->name, m->name_length);
    snprintf(name, sizeof name, "%.*s", (int)(m->name_length < 299 ? m->name_length : 299),
             m->name);
    const size_t output = (how & FEED_OUTPUTS) ? mdl_output_find(r->model, name) : SIZE_MAX;
    if (input == SIZE_MAX && (output == SIZE_MAX || output >= MOST_TENSORS)) {
        if (how & FEED_OUTPUTS)
            return cli_fail(r->c, CLI_BAD_DATA, "%s: array '%s' is named like no input and no "
                            "output of the model; 'mdl inspect' lists them", path, safe);
        cli_note(r->c, "%s: array '%s' is no input of the model, it is not read", path, safe);
        return CLI_OK;
    }
    struct array *a = input != SIZE_MAX ? &r->f->arrays[input] : &r->f->others[output];
    if (a->data)
        return cli_fail(r->c, CLI_BAD_DATA, "%s: two arrays for '%s'", path, safe);
    snprintf(file, sizeof file, "%.400s, array '%s'", path, safe);
    if (cli_array_read(a, file, m->bytes, m->size, &err))
        return cli_failed(r->c, NULL, &err);
    return input != SIZE_MAX ? take(r, input, path) : CLI_OK;
}

static int read_npz(struct reader *r, const char *path, unsigned char *bytes, size_t size, int how)
{
    struct npz npz;
    struct npz_member m;
    mdl_error err = MDL_ERROR_INIT;
    mdl_status s = cli_npz_open(&npz, path, bytes, size, &err);
    int code = CLI_OK;

    for (unsigned i = 0; !s && !code && i < npz.count; i++) {
        s = cli_npz_member(&npz, i, &m, &err);
        if (!s) code = read_member(r, path, &m, how);
    }
    cli_npz_close(&npz);
    return s ? cli_failed(r->c, NULL, &err) : code;
}

/* ---- .csv: the rows of one input, all its further dimensions in a row -------------- */

static int no_table(struct reader *r, const char *path)
{
    char shape[300];
    mdl_input_info in = { .size = sizeof in };

    if (r->f->n != 1)
        return cli_fail(r->c, CLI_BAD_DATA, "%s is a table, the model has %llu inputs; give a .npz "
                        "with an array for each, or --input NAME=FILE.npy", path,
                        (unsigned long long)r->f->n);
    mdl_input(r->model, 0, &in);
    return cli_fail(r->c, CLI_BAD_DATA, "%s is a table of numbers, the input '%s' is %s %s; "
                    "give it as .npy", path, in.name, mdl_type_name(in.type),
                    cli_input_shape(r->model, 0, shape, sizeof shape));
}

static int read_table(struct reader *r, const char *path)
{
    mdl_input_info in = { .size = sizeof in };
    struct sheet_options options = { 0 };
    struct array *a = &r->f->arrays[0];
    mdl_error err = MDL_ERROR_INIT;
    uint64_t cols = 1;
    size_t rows = 0;
    double *all = NULL;
    int code = cli_read_sheet_options(r->c, &options);

    mdl_input(r->model, 0, &in);
    int ok = r->f->n == 1 && in.rank != MDL_ANY_RANK && in.rank && in.type != MDL_STRING;
    for (uint32_t d = 1; ok && d < in.rank; d++)
        ok = in.dims[d] > 0 && size_mul(cols, (uint64_t)in.dims[d], &cols) && cols < 1u << 24;
    if (code || !ok)
        return code ? code : no_table(r, path);
    struct wanted *wanted = calloc((size_t)cols, sizeof *wanted);
    for (uint64_t i = 0; wanted && i < cols; i++)
        wanted[i].name = "";
    mdl_status s = wanted ? cli_sheet_all(path, wanted, (size_t)cols, &options, &all, &rows, &err)
                          : mdl_fail(&err, MDL_ERR_MEMORY, "out of memory");
    in.dims[0] = (int64_t)rows;
    if (!s) s = cli_array_make(a, MDL_F64, in.rank, in.dims, &err);
    if (!s && rows)
        memcpy(a->data, all, rows * (size_t)cols * sizeof *all);
    free(all);
    free(wanted);
    if (s)
        return cli_failed(r->c, NULL, &err);
    const int rest = (in.type >= MDL_I8 && in.type <= MDL_U64) || in.type == MDL_BOOL;
    if (!rest)
        return take(r, 0, path);
    /* whole numbers in a .csv are meant as such */
    struct array whole;
    s = cli_array_make(&whole, MDL_I64, a->rank, a->dims, &err);
    for (uint64_t i = 0; !s && i < a->count; i++) {
        const double v = ((double *)a->data)[i];
        if (v >= -9e15 && v <= 9e15 && (double)(int64_t)v <= v && (double)(int64_t)v >= v)
            ((int64_t *)whole.data)[i] = (int64_t)v;
        else
            s = mdl_fail(&err, MDL_ERR_DATA, "%s: cell %llu is no whole number, input '%s' is %s",
                         path, (unsigned long long)i, in.name, mdl_type_name(in.type));
    }
    if (s) {
        cli_array_free(&whole);
        return cli_failed(r->c, NULL, &err);
    }
    cli_array_free(a);
    *a = whole;
    return take(r, 0, path);
}

/* ---- a file ------------------------------------------------------------------------ */

/* A .npy file for one input: the only one, or the one that was named. */
static int read_npy(struct reader *r, const char *path, const unsigned char *bytes, size_t size,
                    size_t input)
{
    mdl_error err = MDL_ERROR_INIT;

    if (input == SIZE_MAX && r->f->n != 1)
        return cli_fail(r->c, CLI_BAD_DATA, "%s is one array, the model has %llu inputs; give a "
                        ".npz with an array for each, or --input NAME=FILE.npy", path,
                        (unsigned long long)r->f->n);
    input = input == SIZE_MAX ? 0 : input;
    struct array kept = r->f->arrays[input];
    if (kept.data)
        return cli_fail(r->c, CLI_USAGE, "%s: that input is given twice", path);
    if (cli_array_read(&r->f->arrays[input], path, bytes, size, &err))
        return cli_failed(r->c, NULL, &err);
    return take(r, input, path);
}

/* Any file; `input` SIZE_MAX: for the whole model. */
static int read_file(struct reader *r, const char *path, size_t input, int how)
{
    struct input in;
    unsigned char *bytes = NULL;
    size_t size = 0;
    mdl_error err = MDL_ERROR_INIT;
    mdl_status s = cli_input_open(&in, path, &err);
    const size_t n = s ? 0 : cli_input_peek(&in);
    const int is_npy = n >= 6 && !memcmp(in.at, "\x93NUMPY", 6);
    const int is_npz = n >= 4 && !memcmp(in.at, "PK\x03\x04", 4);
    int code = CLI_OK;

    if (!s) s = cli_input_status(&in, &err);
    if (!s && !is_npy && !is_npz) {
        const char *hint = n ? cli_file_hint(in.at, n) : "it is empty";
        if (hint || input != SIZE_MAX)
            code = cli_fail(r->c, CLI_BAD_DATA, "%s is no .npy file%s%s", path, hint ? ": " : "",
                            hint ? hint : "; --input takes arrays as numpy.save writes them");
        cli_input_close(&in);
        return code ? code : read_table(r, path);
    }
    if (!s) s = cli_input_all(&in, &bytes, &size, SIZE_MAX / 4, &err);
    cli_input_close(&in);
    if (s)
        return cli_failed(r->c, NULL, &err);
    if (is_npz && input == SIZE_MAX)
        return read_npz(r, path, bytes, size, how);       /* takes the bytes */
    code = is_npz ? cli_fail(r->c, CLI_BAD_DATA, "%s is a .npz; --input takes one array, a .npz is "
                             "given as it is", path)
                  : read_npy(r, path, bytes, size, input);
    free(bytes);
    return code;
}

/* --input NAME=FILE */
static int read_options(struct reader *r, int how)
{
    const char *typed;
    size_t at = 0;
    char safe[100];

    while ((typed = cli_option_next(r->c, "input", &at)) != NULL) {
        /* names have '=' seldom, and so do files: the first one whose left side is an input */
        const char *equals = strchr(typed, '=');
        while (equals && find_input(r->model, typed, (size_t)(equals - typed)) == SIZE_MAX
               && strchr(equals + 1, '='))
            equals = strchr(equals + 1, '=');
        if (!equals || equals == typed || !equals[1])
            return cli_fail(r->c, CLI_USAGE, "--input is NAME=FILE.npy, not '%s'",
                            mdl_safe_text(safe, sizeof safe, typed, strlen(typed)));
        const size_t input = find_input(r->model, typed, (size_t)(equals - typed));
        if (input == SIZE_MAX)
            return cli_no_such_input(r->c, r->model, typed, strcspn(typed, "="));
        const int code = read_file(r, equals + 1, input, how);
        if (code)
            return code;
    }
    return CLI_OK;
}

/* All that nobody gave, in one message. */
static int missing(struct reader *r, const char *data)
{
    char text[700] = "", shape[300], safe[64];
    size_t used = 0, n = 0;

    for (size_t i = 0; i < r->f->n; i++) {
        mdl_input_info in = { .size = sizeof in };
        if (r->f->given[i])
            continue;
        mdl_input(r->model, i, &in);
        if (used + 140 < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s'%s' (%s %.80s)",
                                     n ? ", " : "", mdl_safe_text(safe, sizeof safe, in.name,
                                                                  strlen(in.name)),
                                     mdl_type_name(in.type),
                                     cli_input_shape(r->model, i, shape, sizeof shape));
        n++;
    }
    if (!n)
        return CLI_OK;
    return cli_fail(r->c, data ? CLI_BAD_DATA : CLI_USAGE, "%s%sinput%s %s %s not given; a .npz "
                    "has one array for each, or --input NAME=FILE.npy", data ? data : "",
                    data ? ": " : "", n > 1 ? "s" : "", text, n > 1 ? "are" : "is");
}

/* Dimensions of one name that differ: told, since the run may fail far from the reason. */
static void tell_differences(struct reader *r)
{
    struct symbols s;
    size_t first[MOST_SYMBOLS];
    unsigned char seen[MOST_SYMBOLS] = { 0 };

    cli_symbols(r->model, &s);
    for (size_t i = 0; i < r->f->n; i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(r->model, i, &in);
        for (uint32_t d = 0; r->f->given[i] && in.rank <= MDL_MAX_RANK && d < in.rank; d++) {
            const int k = s.of[i][d];
            const int64_t v = r->f->inputs[i].dims[d];
            if (k < 0 || !s.names[k])
                continue;
            if (seen[k] && s.values[k] != v)
                cli_warn(r->c, "'%s' is %lld in input '%s', but %lld in '%s'", s.names[k],
                         (long long)v, in.name, (long long)s.values[k],
                         r->f->inputs[first[k]].name);
            else if (!seen[k])
                first[k] = i;
            s.values[k] = v;
            seen[k] = 1;
        }
    }
}

int cli_feed_read(struct cli *c, struct feed *f, const mdl_model *model, const char *data, int how)
{
    struct reader r = { c, f, model };

    memset(f, 0, sizeof *f);
    f->n = mdl_input_count(model);
    if (f->n > MOST_TENSORS)
        return cli_fail(c, CLI_UNSUPPORTED, "the model has %llu inputs, at most %u can be given",
                        (unsigned long long)f->n, MOST_TENSORS);
    for (size_t i = 0; i < f->n; i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(model, i, &in);
        f->inputs[i] = (mdl_tensor){ .size = sizeof *f->inputs, .type = in.type, .name = in.name };
    }
    int code = data ? read_file(&r, data, SIZE_MAX, how) : CLI_OK;
    if (!code) code = read_options(&r, how);
    if (!code && !(how & FEED_PART)) code = missing(&r, data);
    if (!code) tell_differences(&r);
    return code;
}
