/*
 * cli/bench_rows.h - rows to measure with
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_BENCH_ROWS_H
#define MDL_CLI_BENCH_ROWS_H

#include "cli/cli.h"

struct bench_rows {
    size_t  rows, cols;
    float  *x;                    /* [rows][cols]                                   */
    double *wide;                 /* the same, for models that compute in float64   */
    char    about[120];           /* what the rows are, for the reader of a table   */
};

/* `rows` distinct rows: those of the file `data` (NULL: none), else what the model itself
 * tells about its columns.  CLI_OK or the exit code after telling why. */
int cli_bench_rows(struct cli *c, struct bench_rows *r, const mdl_model *model, size_t rows,
                   const char *data);
void cli_bench_rows_free(struct bench_rows *r);

#endif
