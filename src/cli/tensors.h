/*
 * cli/tensors.h - networks: what their inputs and outputs are, tensors from files and back
 *
 *     tensors.c   shapes with names for open dimensions      feed.c     inputs of a run
 *     answers.c   results of a run, in files or as text
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_TENSORS_H
#define MDL_CLI_TENSORS_H

#include "cli/array.h"
#include "cli/cli.h"

#define MOST_TENSORS 64u          /* inputs, and outputs, of one run                   */
#define MOST_SYMBOLS 64u

/* ---- shapes (tensors.c) -------------------------------------------------------------- */

/* The dimensions that are open: one symbol for all that have the same name. */
struct symbols {
    size_t      n;
    const char *names[MOST_SYMBOLS];       /* NULL: it has none                         */
    int64_t     values[MOST_SYMBOLS];
    int         is_any_rank;               /* an input of any shape at all              */
    int         of[MOST_TENSORS][MDL_MAX_RANK];  /* of dimensions of inputs; -1: fixed  */
};

void cli_symbols(const mdl_model *model, struct symbols *s);
/* Tensors without data of those shapes; an input of any rank has none. */
void cli_symbol_inputs(const mdl_model *model, const struct symbols *s,
                       mdl_tensor inputs[MOST_TENSORS]);
/* What people call dimension `d` of an input, or NULL. */
const char *cli_dim_name(const mdl_model *model, const char *input, uint32_t d);

/* "[batch, 4]"; "any" where a dimension has no name, "of any shape" without a rank. */
const char *cli_input_shape(const mdl_model *model, size_t input, char *out, size_t room);

/* A shape that may be known in part. */
struct known_shape {
    uint32_t    rank;                      /* MDL_ANY_RANK: nothing is known            */
    int64_t     dims[MDL_MAX_RANK];        /* -1: open                                  */
    const char *names[MDL_MAX_RANK];       /* of those, or NULL                         */
};

/* What an output will be, found by asking for the shapes of two runs. */
void cli_output_shape(const mdl_model *model, size_t output, struct known_shape *shape);
const char *cli_known_shape_text(const struct known_shape *shape, char *out, size_t room);

/* ---- inputs (feed.c) ------------------------------------------------------------------- */

struct feed {
    size_t        n;                       /* inputs of the model                       */
    mdl_tensor    inputs[MOST_TENSORS];    /* named, packed                             */
    struct array  arrays[MOST_TENSORS];    /* what they point to                        */
    unsigned char given[MOST_TENSORS];
    struct array  others[MOST_TENSORS];    /* arrays of a .npz named like outputs       */
};

/* What a feed may have and lack. */
#define FEED_OUTPUTS 1            /* keep arrays named like outputs                     */
#define FEED_PART    2            /* inputs may be left out                             */

/* Read the inputs of a model from a file (.npy, .npz, .csv; NULL: none) and from what options
 * --input NAME=FILE.npy say.  CLI_OK or the exit code after telling why. */
int cli_feed_read(struct cli *c, struct feed *f, const mdl_model *model, const char *data,
                  int how);
void cli_feed_free(struct feed *f);

/* ---- results (answers.c) ----------------------------------------------------------------- */

/* Outputs that --output names, each of them, else all: how many. */
int cli_choose_outputs(struct cli *c, const mdl_model *model, size_t outputs[MOST_TENSORS],
                       size_t *n);

/* Write results where -o says: .npy (of one), .npz, .json, .csv; else to standard output.
 * CLI_OK or the exit code after telling why. */
int cli_answers_write(struct cli *c, const mdl_tensor *results, size_t n);

/* ---- verbs for networks -------------------------------------------------------------------- */

int cli_predict_tensors(struct cli *c, mdl_model *model, const char *data);
int cli_check_tensors(struct cli *c, mdl_model *model);
int cli_bench_tensors(struct cli *c, mdl_model *model);

#endif
