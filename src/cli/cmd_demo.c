/*
 * cli/cmd_demo.c - mdl demo: from a file that XGBoost saved to predictions, in one go
 *
 * The program carries a model that XGBoost trained on real data, rows that it had not seen,
 * and XGBoost's own answers (examples/demo, made by tools/make_demo.py).
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/compare.h"
#include "cli/os.h"
#include "cli/sheet.h"
#include "cli/sink.h"

#include "demo_data.h"
#include "mdl_import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE  "cancer.json"
#define MODEL   "cancer.mdl"
#define ROWS    "rows.csv"
#define ANSWERS "predictions.csv"
#define FOLDER  "mdl-demo"
#define GOLDEN_ROWS 8u

static const struct cli_option options[] = {
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "DIR is made if it is not there; without it, " FOLDER " in this folder.  Needs nothing but\n"
    "this program: the model, its rows and what XGBoost answered are inside it.\n"
    "\n"
    "example:\n"
    "  mdl demo\n"
    "  mdl predict " FOLDER "/" MODEL " " FOLDER "/" ROWS "\n";

struct demo {
    struct cli *c;
    const char *folder;
    char source[4096], model[4096], rows[4096], answers[4096];
};

static int join(struct demo *d, char out[4096], const char *name)
{
    const size_t n = strlen(d->folder);
    const int slash = n && d->folder[n - 1] == '/';
    const int length = snprintf(out, 4096, "%s%s%s", d->folder, slash ? "" : "/", name);

    return length > 0 && length < 4000;
}

static int write_file(struct cli *c, const char *path, const void *bytes, size_t size)
{
    struct sink sink;
    const int code = cli_sink_open(c, &sink, path);

    if (code)
        return code;
    fwrite(bytes, 1, size, sink.file);
    return cli_sink_close(c, &sink, CLI_OK);
}

static int write_files(struct demo *d)
{
    char path[4096];
    int code = CLI_OK;

    if (!join(d, d->source, SOURCE) || !join(d, d->model, MODEL) || !join(d, d->rows, ROWS)
        || !join(d, d->answers, ANSWERS))
        return cli_fail(d->c, CLI_USAGE, "the name of the folder is too long");
    if (cli_os_make_folder(d->folder) != 0)
        return cli_fail(d->c, CLI_IO, "cannot make the folder '%s': %s", d->folder,
                        strerror(errno));
    for (size_t i = 0; i < sizeof demo_files / sizeof *demo_files && !code; i++) {
        join(d, path, demo_files[i].name);
        code = write_file(d->c, path, demo_files[i].bytes, demo_files[i].size);
    }
    if (!code)
        printf("wrote    %s, %s, %s into %s\n", SOURCE, ROWS, ANSWERS, d->folder);
    return code;
}

/* Convert, add the first of XGBoost's answers as golden rows, save; *out is the model. */
static int convert(struct demo *d, struct reference *r, mdl_model **out)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    const void *bytes;
    size_t size;
    int code = CLI_OK;
    mdl_status s = mdl_import(&b, d->source, NULL, &err);

    if (!s) s = mdl_build_bytes(b, &bytes, &size, &err);
    if (!s) s = mdl_load_memory(out, bytes, size, NULL, &err);
    if (s)
        code = cli_failed(d->c, d->source, &err);
    if (!code) code = cli_reference_read(d->c, r, *out, d->answers, d->rows, NULL);
    if (!code && (cli_reference_golden(r, *out, b, GOLDEN_ROWS, &err)
                  || mdl_build_bytes(b, &bytes, &size, &err)))
        code = cli_failed(d->c, d->model, &err);
    if (!code) code = write_file(d->c, d->model, bytes, size);
    mdl_builder_free(b);
    mdl_free(*out);
    *out = NULL;
    return code ? code : cli_load_model(d->c, out, d->model);
}

static void tell_model(const mdl_model *m)
{
    const struct cli_trees t = cli_count_trees(m);
    const char *version = mdl_metadata_get(m, "source_version");

    printf("convert  %s (XGBoost %s, %llu trees, %llu columns) -> %s, %llu bytes\n", SOURCE,
           version ? version : "?", (unsigned long long)t.trees,
           (unsigned long long)mdl_input_cols(m), MODEL, (unsigned long long)mdl_file_bytes(m));
}

/* Compare one output with XGBoost's answers; how many differ, or UINT64_MAX on an error. */
static uint64_t compare(struct demo *d, const mdl_model *m, const struct reference *r,
                        const struct expected *e)
{
    const struct allowed equal = { .ulp = 0 };
    mdl_error err = MDL_ERROR_INIT;
    mdl_output_info o = { .size = sizeof o };
    mdl_predict_options predict = MDL_PREDICT_OPTIONS_INIT;
    void *got = calloc(r->rows * e->cols + 1, sizeof(double));
    uint64_t wrong = UINT64_MAX;

    mdl_output(m, e->output, &o);
    predict.output_name = o.name;
    const mdl_tensor x = { .size = sizeof x, .type = MDL_F64, .rank = 2, .data = r->x,
                           .dims = { (int64_t)r->rows, (int64_t)r->cols } };
    const mdl_tensor y = { .size = sizeof y, .type = e->type, .rank = 2, .data = got,
                           .dims = { (int64_t)r->rows, (int64_t)e->cols } };
    if (!got) {
        cli_fail(d->c, CLI_IO, "out of memory");
    } else if (mdl_predict_tensor(m, &x, &y, &predict, &err)) {
        cli_failed(d->c, d->model, &err);
    } else {
        const struct difference diff = cli_compare(e->type, got, e->data, r->rows * e->cols,
                                                   &equal);
        wrong = diff.wrong;
        printf("compare  %-10s  %llu of %llu answers have XGBoost's bits", o.name,
               (unsigned long long)(diff.cells - wrong), (unsigned long long)diff.cells);
        if (wrong)
            printf(", the others are at most %llu units in the last place away",
                   (unsigned long long)diff.ulp);
        printf("\n");
    }
    free(got);
    return wrong;
}

/* How often the model agrees with the column "diagnosis" of the rows. */
static int tell_diagnosis(struct demo *d, const mdl_model *m, const struct reference *r)
{
    const char *names[] = { "benign", "malignant" };
    uint32_t sorted[] = { 0, 1 };
    const struct wanted diagnosis = { .name = "diagnosis", .is_category = 1,
                                      .category_type = MDL_STRING, .n_categories = 2,
                                      .categories = names, .sorted = sorted };
    mdl_error err = MDL_ERROR_INIT;
    struct sheet sheet;
    double truth[256], p[256];
    size_t got = 0, right = 0;
    const size_t rows = r->rows < 256 ? r->rows : 256;
    mdl_status s = cli_sheet_open(&sheet, d->rows, &diagnosis, 1, NULL, &err);

    if (!s) s = cli_sheet_read(&sheet, truth, rows, &got, &err);
    if (!s) s = mdl_predict_f64(m, r->x, got, p);
    cli_sheet_close(&sheet);
    if (s)
        return cli_failed(d->c, d->rows, &err);
    for (size_t i = 0; i < got; i++)
        right += (p[i] > 0.5) == (truth[i] > 0.5);
    printf("predict  %llu tumours the model has not seen: it agrees with the doctors on %llu\n",
           (unsigned long long)got, (unsigned long long)right);
    return CLI_OK;
}

static void tell_next(const struct demo *d)
{
    printf("\nnow try:\n");
    printf("  mdl inspect %s\n", d->model);
    printf("  mdl predict %s %s\n", d->model, d->rows);
    printf("  mdl check %s\n", d->model);
    printf("  mdl check %s --data %s --reference %s\n", d->model, d->rows, d->answers);
    printf("  mdl bench %s\n", d->model);
}

static int run(struct cli *c)
{
    struct demo d = { .c = c, .folder = c->n_args ? c->args[0] : FOLDER };
    struct reference r = { 0 };
    mdl_model *m = NULL;
    uint64_t differ = 0;
    int code = write_files(&d);

    if (!code) code = convert(&d, &r, &m);
    if (!code) {
        tell_model(m);
        code = tell_diagnosis(&d, m, &r);
    }
    for (size_t i = 0; i < r.n_expected && !code; i++) {
        const struct allowed a = cli_allowed(m, r.expected[i].output);
        const uint64_t wrong = compare(&d, m, &r, &r.expected[i]);
        code = wrong == UINT64_MAX ? CLI_IO : CLI_OK;
        differ += a.ulp ? 0 : wrong;         /* margins of trees must be equal */
    }
    if (!code && differ)
        code = cli_fail(c, CLI_CHECK_FAILED, "answers differ from XGBoost's");
    if (!code && !c->quiet)
        tell_next(&d);
    cli_reference_free(&r);
    mdl_free(m);
    return code;
}

const struct cli_verb cli_verb_demo = { "[DIR]", 0, 1, options, more, NULL, run };
