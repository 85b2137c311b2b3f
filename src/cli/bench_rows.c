/*
 * cli/bench_rows.c - see bench_rows.h
 *
 * How long a walk through a tree takes depends on where its branches go.  Best are the user's
 * own rows.  Without them each cell is drawn, where trees read the input itself, near one of
 * the thresholds that they compare the column with, so that all branches are in play; else from
 * the golden rows with a little noise; else from a normal distribution.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/bench_rows.h"

#include "cli/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* xorshift64* (Vigna 2016): the same rows on every run. */
static double uniform(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 0x2545F4914F6CDD1Dull) >> 11) / 9007199254740992.0;
}

/* Near enough: the sum of 12 uniform numbers, less 6. */
static double normal(uint64_t *state)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += uniform(state);
    return sum;
}

void cli_bench_rows_free(struct bench_rows *r)
{
    free(r->x);
    free(r->wide);
    memset(r, 0, sizeof *r);
}

/* ---- the user's rows ------------------------------------------------------------------- */

/* Read up to r->rows rows, and repeat them when there are fewer. */
static int from_file(struct cli *c, struct bench_rows *r, const mdl_model *model, const char *data)
{
    mdl_error err = MDL_ERROR_INIT;
    struct wanted *wanted = cli_wanted_input(model);
    struct sheet sheet = { 0 };
    size_t have = 0, got = 1;
    mdl_status s = wanted ? cli_sheet_open(&sheet, data, wanted, r->cols, NULL, &err)
                          : mdl_fail(&err, MDL_ERR_MEMORY, "out of memory");

    while (!s && got && have < r->rows) {
        s = cli_sheet_read(&sheet, r->wide + have * r->cols, r->rows - have, &got, &err);
        have += got;
    }
    if (!s && !have)
        s = mdl_fail(&err, MDL_ERR_DATA, "%s has no rows", data);
    for (size_t i = have; !s && i < r->rows; i++)
        memcpy(r->wide + i * r->cols, r->wide + (i - have) * r->cols, r->cols * sizeof(double));
    snprintf(r->about, sizeof r->about, "%llu rows of %.80s", (unsigned long long)have, data);
    cli_sheet_close(&sheet);
    cli_wanted_free(wanted, r->cols);
    return s ? cli_failed(c, NULL, &err) : CLI_OK;
}

/* ---- thresholds of the trees ----------------------------------------------------------- */

/* Feature and threshold arrays of the first node, if that is an ensemble: then its trees read
 * the input itself. */
static int find_thresholds(const mdl_model *model, mdl_tensor *feature, mdl_tensor *threshold)
{
    mdl_node_info n = { .size = sizeof n };
    int found = 0;

    if (mdl_node(model, 0, &n) || strcmp(n.op, "trees") != 0)
        return 0;
    for (size_t i = 0; i < n.n_tensors; i++) {
        mdl_tensor t = { .size = sizeof t };
        mdl_node_tensor(model, 0, i, &t);
        if (!strcmp(t.name, "feature"))
            *feature = t, found |= 1;
        if (!strcmp(t.name, "threshold"))
            *threshold = t, found |= 2;
    }
    return found == 3;
}

static double threshold_at(const mdl_tensor *t, size_t i)
{
    return t->type == MDL_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}

/* Categories of a column, 0 for numbers. */
static size_t category_count(const mdl_model *model, size_t column)
{
    mdl_column_info info = { .size = sizeof info };

    mdl_column(model, 0, column, &info);
    if (info.kind != MDL_COLUMN_CATEGORY && info.kind != MDL_COLUMN_HASH)
        return 0;
    return info.n_categories ? info.n_categories : 8;
}

/* Cells of one column near its thresholds; a leaf's entry has feature 0 and threshold 0, which
 * only makes 0 a little more likely in column 0. */
static void draw_column(struct bench_rows *r, const mdl_model *model, size_t column,
                        const double *values, size_t n, uint64_t *state)
{
    const size_t categories = category_count(model, column);
    double low = n ? values[0] : 0, high = low;

    for (size_t i = 0; i < n; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    const double noise = high > low ? (high - low) / 64 : fabs(low) / 8 + 1;
    for (size_t i = 0; i < r->rows; i++) {
        const double at = n ? values[(size_t)(uniform(state) * (double)n)] : 0;
        r->wide[i * r->cols + column] = categories ? floor(uniform(state) * (double)categories)
                                                   : at + noise * normal(state);
    }
}

static int from_thresholds(struct bench_rows *r, const mdl_model *model, uint64_t *state)
{
    mdl_tensor feature = { .size = sizeof feature }, threshold = { .size = sizeof threshold };

    if (!find_thresholds(model, &feature, &threshold))
        return 0;
    const size_t nodes = (size_t)feature.dims[0];
    const uint32_t *features = feature.data;
    /* thresholds sorted by column: count, then place */
    size_t *start = calloc(r->cols + 2, sizeof *start);
    double *values = malloc(nodes * sizeof *values + 1);
    if (start && values) {
        for (size_t i = 0; i < nodes; i++)
            start[features[i] < r->cols ? features[i] + 2 : r->cols + 1]++;
        for (size_t k = 1; k < r->cols + 2; k++)
            start[k] += start[k - 1];
        for (size_t i = 0; i < nodes; i++)
            if (features[i] < r->cols)
                values[start[features[i] + 1]++] = threshold_at(&threshold, i);
        for (size_t k = 0; k < r->cols; k++)
            draw_column(r, model, k, values + start[k], start[k + 1] - start[k], state);
        snprintf(r->about, sizeof r->about, "%llu random rows near the thresholds of the trees",
                 (unsigned long long)r->rows);
    }
    const int ok = start && values;
    free(start);
    free(values);
    return ok;
}

/* ---- golden rows, or nothing known ----------------------------------------------------- */

static int from_golden(struct bench_rows *r, const mdl_model *model, uint64_t *state)
{
    mdl_tensor t = { .size = sizeof t };
    uint32_t is_output = 1;

    for (size_t i = 0; is_output && i < mdl_golden_count(model); i++)
        mdl_golden(model, i, &t, &is_output);
    if (is_output || (size_t)t.dims[1] != r->cols)
        return 0;
    for (size_t i = 0; i < r->rows * r->cols; i++) {
        const size_t row = (size_t)(uniform(state) * (double)t.dims[0]), column = i % r->cols;
        const double v = threshold_at(&t, row * r->cols + column);
        r->wide[i] = category_count(model, column) ? v : v * (1 + normal(state) / 32);
    }
    snprintf(r->about, sizeof r->about, "%llu rows drawn from %llu golden rows, with noise",
             (unsigned long long)r->rows, (unsigned long long)t.dims[0]);
    return 1;
}

static void from_nothing(struct bench_rows *r, const mdl_model *model, uint64_t *state)
{
    for (size_t i = 0; i < r->rows * r->cols; i++) {
        const size_t categories = category_count(model, i % r->cols);
        r->wide[i] = categories ? floor(uniform(state) * (double)categories) : normal(state);
    }
    snprintf(r->about, sizeof r->about, "%llu random rows, normally distributed",
             (unsigned long long)r->rows);
}

int cli_bench_rows(struct cli *c, struct bench_rows *r, const mdl_model *model, size_t rows,
                   const char *data)
{
    uint64_t state = 0x9E3779B97F4A7C15u;
    const size_t cols = mdl_input_cols(model);

    *r = (struct bench_rows){ .rows = rows, .cols = cols };
    if (rows > SIZE_MAX / 16 / (cols + 1))
        return cli_fail(c, CLI_USAGE, "too many rows");
    r->wide = malloc(rows * cols * sizeof *r->wide + 1);
    r->x = malloc(rows * cols * sizeof *r->x + 1);
    if (!r->wide || !r->x)
        return cli_fail(c, CLI_IO, "out of memory");
    if (data) {
        const int code = from_file(c, r, model, data);
        if (code)
            return code;
    } else if (!from_thresholds(r, model, &state) && !from_golden(r, model, &state)) {
        from_nothing(r, model, &state);
    }
    for (size_t i = 0; i < rows * cols; i++)
        r->x[i] = (float)r->wide[i];
    return CLI_OK;
}
