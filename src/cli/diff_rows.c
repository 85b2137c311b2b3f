/*
 * cli/diff_rows.c - what two models answer for the same rows
 *
 * Each model finds its own columns in the file, so that columns in another order, and categories
 * with other codes, do no harm.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/diff.h"

#include "cli/number_text.h"
#include "cli/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct asked {
    double *x, *y;                /* [rows][cols of the input], [rows][cols of an output]      */
    size_t  rows, cols;
};

static int read_rows(struct diff *d, int k, const char *data, struct asked *a)
{
    struct sheet_options options;
    mdl_error err = MDL_ERROR_INIT;
    int code = cli_read_sheet_options(d->c, &options);

    if (code)
        return code;
    a->cols = mdl_input_cols(d->m[k]);
    struct wanted *wanted = cli_wanted_input(d->m[k]);
    if (!wanted)
        return cli_fail(d->c, CLI_IO, "out of memory");
    if (cli_sheet_all(data, wanted, a->cols, &options, &a->x, &a->rows, &err))
        code = cli_failed(d->c, NULL, &err);
    cli_wanted_free(wanted, a->cols);
    return code;
}

/* One output of a model for all rows, as doubles. */
static int answer(struct diff *d, int k, size_t output, size_t cols, struct asked *a)
{
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_output_info info = { .size = sizeof info };
    mdl_error err = MDL_ERROR_INIT;

    mdl_output(d->m[k], output, &info);
    o.output_name = info.name;
    free(a->y);
    a->y = malloc(a->rows * cols * sizeof *a->y + 1);
    if (!a->y)
        return cli_fail(d->c, CLI_IO, "out of memory");
    const uint32_t type = info.type == MDL_I32 ? MDL_I32 : MDL_F64;
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = a->x,
                           .dims = { (int64_t)a->rows, (int64_t)a->cols } };
    const mdl_tensor y = { .size = sizeof y, .type = type, .rank = 2, .data = a->y,
                           .dims = { (int64_t)a->rows, (int64_t)cols } };
    if (mdl_predict_tensor(d->m[k], &x, &y, &o, &err))
        return cli_failed(d->c, d->c->args[k], &err);
    for (size_t i = a->rows * cols; type == MDL_I32 && i-- > 0;) {
        int32_t v;                /* from the end: the wider numbers overwrite those behind */
        memcpy(&v, (const unsigned char *)a->y + i * sizeof v, sizeof v);
        a->y[i] = v;
    }
    return CLI_OK;
}

static int differ(const struct diff *d, double a, double b, double *by)
{
    if (isnan(a) || isnan(b) || isinf(a) || isinf(b)) {
        *by = isnan(a) && isnan(b) ? 0 : a > b || a < b || isnan(a) != isnan(b) ? INFINITY : 0;
        return *by > 0;
    }
    *by = fabs(a - b);
    return *by > d->tolerance * fmax(1, fabs(a));
}

static void compare(struct diff *d, const char *name, const struct asked a[2], size_t cols)
{
    char where[96], safe[64], text[160], count[2][32], number[NUMBER_TEXT];
    uint64_t rows = 0, first = 0;
    double worst = 0, by;

    for (size_t r = 0; r < a[0].rows; r++) {
        int apart = 0;
        for (size_t i = r * cols; i < (r + 1) * cols; i++) {
            if (!differ(d, a[0].y[i], a[1].y[i], &by))
                continue;
            apart = 1;
            worst = by > worst ? by : worst;
        }
        if (apart && !rows++)
            first = r;
    }
    if (!rows)
        return;
    snprintf(where, sizeof where, "predictions (%s)",
             mdl_safe_text(safe, sizeof safe, name, strlen(name)));
    snprintf(text, sizeof text, "%s of %s rows differ, by at most %s; the first is row %llu",
             cli_count_text(count[0], rows), cli_count_text(count[1], a[0].rows),
             cli_brief_text(number, worst), (unsigned long long)first);
    cli_diff_text(d, where, "numbers", "", text);
}

int cli_diff_rows(struct diff *d, const char *data)
{
    struct asked a[2] = { { NULL, NULL, 0, 0 }, { NULL, NULL, 0, 0 } };
    int code = CLI_OK;

    if (!strcmp(data, "-"))
        return cli_fail(d->c, CLI_USAGE, "DATA is read for each model, so it must be a file");
    for (int k = 0; k < 2; k++)
        if (cli_is_tensors(d->m[k]) || mdl_input_count(d->m[k]) != 1)
            return cli_fail(d->c, CLI_UNSUPPORTED, "%s is no model of one table of rows; without "
                            "DATA all else is compared", d->c->args[k]);
    for (int k = 0; !code && k < 2; k++)
        code = read_rows(d, k, data, &a[k]);
    const size_t n[2] = { mdl_output_count(d->m[0]), mdl_output_count(d->m[1]) };
    for (size_t i = 0; !code && i < n[0] && i < n[1]; i++) {
        mdl_output_info o[2] = { { .size = sizeof o[0] }, { .size = sizeof o[1] } };
        mdl_output(d->m[0], i, &o[0]);
        mdl_output(d->m[1], i, &o[1]);
        if (o[0].cols != o[1].cols)
            continue;
        for (int k = 0; !code && k < 2; k++)
            code = answer(d, k, i, (size_t)o[0].cols, &a[k]);
        if (!code)
            compare(d, o[0].name, a, (size_t)o[0].cols);
    }
    for (int k = 0; k < 2; k++) {
        free(a[k].x);
        free(a[k].y);
    }
    return code;
}
