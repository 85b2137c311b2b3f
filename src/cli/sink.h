/*
 * cli/sink.h - where a verb's data goes: standard output, or a file that appears whole
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_SINK_H
#define MDL_CLI_SINK_H

#include "cli/cli.h"

struct sink {
    FILE       *file;
    const char *path;             /* NULL: standard output                        */
    char        temporary[4096];  /* written here until it is whole; "": in place */
};

/* `path` NULL or "-" is standard output.  A device or pipe is written in place.  CLI_OK or
 * the exit code after telling why. */
int cli_sink_open(struct cli *c, struct sink *s, const char *path);

/* Put the file into place, or, when `code` is not CLI_OK, take it away.  Returns `code`, or
 * CLI_IO after telling why. */
int cli_sink_close(struct cli *c, struct sink *s, int code);

#endif
