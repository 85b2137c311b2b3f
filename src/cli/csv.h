/*
 * cli/csv.h - records of a .csv file (RFC 4180), one at a time
 *
 *     a,"b ""c""",d   CRLF, LF or CR ends a record, except inside quotes
 *
 * Quotes count only where a cell begins.  A byte-order mark is passed over, as are lines
 * with nothing on them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_CSV_H
#define MDL_CLI_CSV_H

#include "cli/input.h"

#define CSV_MAX_CELLS  ((size_t)1 << 21)   /* above the columns of any model */
#define CSV_MAX_RECORD ((size_t)1 << 26)   /* bytes */

struct csv_cell {
    const char *text;             /* NUL-ended, quotes taken off */
    size_t      length;
    int         quoted;
};

struct csv {
    struct input *in;
    char     separator;
    uint64_t line;                /* on which the record began, from 1 */
    size_t   n_cells;
    struct csv_cell *cells;       /* of the record; live until the next one is read */

    uint64_t next_line;
    char    *text;
    size_t   text_bytes, text_room, cells_room;
};

/* Start on an input.  `separator` 0: the one of , ; tab | that the first line has most of. */
mdl_status cli_csv_open(struct csv *csv, struct input *in, char separator, mdl_error *err);
void cli_csv_close(struct csv *csv);

/* The next record; *got 0 at the end. */
mdl_status cli_csv_next(struct csv *csv, int *got, mdl_error *err);

#endif
