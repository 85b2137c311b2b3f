/*
 * cli/inspect.h - a model described in JSON, and words for its parts
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_INSPECT_H
#define MDL_CLI_INSPECT_H

#include "cli/cli.h"

void cli_inspect_json(FILE *to, const mdl_model *model, const char *path);

/* "category"; "[3, 4]". */
const char *cli_kind_name(uint32_t kind);
const char *cli_dims_text(const mdl_tensor *t, char *out, size_t room);

#endif
