/*
 * cli/report.h - a small table, as aligned text, JSON or CSV
 *
 * As JSON it is an array of objects whose keys are the heads, with blanks as underscores.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_REPORT_H
#define MDL_CLI_REPORT_H

#include "cli/cli.h"

#define REPORT_HEADS 12

struct report {
    enum cli_format format;
    const char *heads[REPORT_HEADS];
    size_t n_heads;
    char  *text;                  /* the cells, each NUL-ended                 */
    size_t used, room;
    unsigned char *numbers;       /* is cell i a number?                       */
    size_t n_cells, cells_room;
    int    failed;                /* out of memory                             */
};

/* Heads up to a NULL. */
void cli_report_start(struct report *r, enum cli_format format, const char *const *heads);
void cli_report_text(struct report *r, const char *text);
/* A number in text, without separators of thousands; "" where there is none. */
void cli_report_number(struct report *r, const char *text);
void cli_report_count(struct report *r, uint64_t n);
/* Write it and free it. */
void cli_report_end(struct report *r, FILE *to);

/* One cell of a .csv file, in quotes where it needs them. */
void cli_csv_text(FILE *to, const char *text, char separator);
/* Text for a terminal: control bytes become '?'.  Returns its width in characters. */
size_t cli_put_text(FILE *to, const char *text);
/* Text inside an SVG. */
void cli_put_xml(FILE *to, const char *text);

#endif
