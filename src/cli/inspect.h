/*
 * cli/inspect.h - a model described in JSON, and words for its parts
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_INSPECT_H
#define MDL_CLI_INSPECT_H

#include "cli/cli.h"

void cli_inspect_json(FILE *to, const mdl_model *model, const char *path);

/* The parts of a network, as text. */
void cli_inspect_tensors(FILE *to, const mdl_model *model, int all);
/* The clean-up passes, and what each did to a model, if one is given. */
void cli_inspect_passes(struct cli *c, FILE *to, const mdl_model *model);
/* Bytes that a run takes beside the model, with open dimensions 1; SIZE_MAX: it cannot be told. */
size_t cli_run_bytes(const mdl_model *model);

/* Columns by importance.  CLI_OK or the exit code after telling why. */
int cli_inspect_importance(struct cli *c, FILE *to, const mdl_model *model);

/* Where the bytes of the file are, as text: its weights. */
void cli_inspect_bytes(FILE *to, const mdl_model *model, int all);
uint64_t cli_tensor_bytes(const mdl_tensor *t);

/* "category"; "[3, 4]". */
const char *cli_kind_name(uint32_t kind);
const char *cli_dims_text(const mdl_tensor *t, char *out, size_t room);

#endif
