/*
 * cli/diff.h - two models side by side
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_DIFF_H
#define MDL_CLI_DIFF_H

#include "cli/report.h"

struct diff {
    struct cli *c;
    mdl_model  *m[2];
    double      tolerance;        /* of predictions                  */
    struct report report;
    uint64_t    found;            /* differences                     */
};

/* A line if the two are not the same; NULL is what is not there. */
void cli_diff_text(struct diff *d, const char *where, const char *what, const char *a,
                   const char *b);
void cli_diff_count(struct diff *d, const char *where, const char *what, uint64_t a, uint64_t b);

/* Operators, their parameters, weights and trees (diff_nodes.c). */
void cli_diff_nodes(struct diff *d);
/* What both answer for the rows of a file (diff_rows.c).  CLI_OK or the exit code after telling
 * why they could not be asked. */
int cli_diff_rows(struct diff *d, const char *data);

#endif
