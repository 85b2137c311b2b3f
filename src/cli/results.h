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
    size_t   stage_width;         /* --staged: columns of each stage; 0: no stages     */
    uint64_t stage_begin, stage_end, stage_every;    /* rounds                         */
    size_t   trees_width;         /* --output trees: columns of each; 0: an output     */
    uint64_t first_tree;
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

/* predict_stages.c: what --output trees, --staged and --early-stop ask for, into *o and *r; of
 * stages once the output is chosen. */
int cli_predict_trees(struct cli *c, const mdl_model *model, mdl_predict_options *o,
                      struct results *r);
int cli_predict_stages(struct cli *c, const mdl_model *model, mdl_predict_options *o,
                       struct results *r);
int cli_read_early_stop(struct cli *c, mdl_predict_options *o);
/* `rows` rows of results at y for the library; names of their columns. */
mdl_tensor cli_results_tensor(const struct results *r, void *y, size_t rows);
void cli_stage_name(const struct results *r, size_t i, char *out, size_t room);
void cli_tree_name(const struct results *r, size_t i, char *out, size_t room);

#endif
