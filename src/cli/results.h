/*
 * cli/results.h - rows of predictions, as .csv, .npy, JSON or an aligned table
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_RESULTS_H
#define MDL_CLI_RESULTS_H

#include "cli/sink.h"

enum results_format { RESULTS_CSV, RESULTS_NPY, RESULTS_JSON, RESULTS_TABLE };

struct results {
    struct sink sink;
    enum results_format format;
    const mdl_model *model;
    size_t   output;
    uint32_t type;                /* of the elements: MDL_F32, MDL_F64 or MDL_I32      */
    size_t   cols;
    const mdl_explainer *explainer;  /* contributions, not an output; else NULL        */
    size_t   explained;           /* columns of each output of those, the base with them */
    int      as_labels;           /* one column whose numbers stand for texts          */
    uint64_t rows;
};

/* Open the file and write what stands above the rows.  CLI_OK or the exit code after telling
 * why; then nothing is left to close. */
int cli_results_open(struct cli *c, struct results *r, const char *path);
/* `rows` rows, packed. */
void cli_results_rows(struct results *r, const void *data, size_t rows);
/* What stands below them; `code` as in cli_sink_close. */
int cli_results_close(struct cli *c, struct results *r, int code);

#endif
