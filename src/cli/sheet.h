/*
 * cli/sheet.h - rows of named columns from a .csv, .npy or .npz file
 *
 * The kind of file is seen from its first bytes.  Columns of a .csv are found by the names
 * in its header, in any order; a file without usable names goes by position when the number
 * of columns fits, and so do arrays.  Every cell becomes a float64:
 *
 *     number      as pandas reads it: correctly rounded; true and false are 1 and 0
 *     category    its text among the categories, or its code
 *     missing     an empty cell, NA, N/A, <NA>, nan, null, None: NaN
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_SHEET_H
#define MDL_CLI_SHEET_H

#include "cli/csv.h"
#include "cli/npy.h"

/* A column that somebody wants. */
struct wanted {
    const char *name;             /* "" when it has none                          */
    int         is_category;
    uint32_t    category_type;    /* what the categories were: MDL_STRING, ...    */
    size_t      n_categories;
    const char **categories;      /* in code order                                */
    uint32_t   *sorted;           /* their codes in the order of the texts        */
    int         unseen_first;     /* texts that are none are the first category   */
    const mdl_model *hashes;      /* not NULL: texts are hashed by this model,    */
    size_t      column;           /* whose column it is                           */
};

enum sheet_choice { SHEET_AUTO, SHEET_YES, SHEET_NO };

struct sheet_options {
    enum sheet_choice header;     /* has the .csv one?                             */
    enum sheet_choice by_name;    /* find columns by name (YES) or position (NO)?  */
    int  unknown_missing;         /* a category the model does not know is missing */
    char separator;               /* 0: detect                                     */
    const char *member;           /* array of a .npz to read; NULL: "x"            */
};

struct sheet {
    struct input in;
    struct csv   csv;
    struct npy   npy;
    int          is_array;
    unsigned char *zip;           /* bytes of a .npz, owned                         */
    const struct wanted *wanted;
    size_t       n_wanted;
    size_t      *from;            /* [n_wanted] position in a record                */
    size_t       n_cells;         /* of a record                                    */
    int          pending;         /* the record that csv holds is a row to give out */
    struct sheet_options options;
    char         note[400];       /* worth telling: "" or text                      */
};

/* `path` "-" is standard input.  After a failure, too, close it. */
mdl_status cli_sheet_open(struct sheet *s, const char *path, const struct wanted *wanted,
                          size_t n_wanted, const struct sheet_options *options, mdl_error *err);
/* The same from bytes that outlive the sheet. */
mdl_status cli_sheet_open_memory(struct sheet *s, const char *name, const void *bytes, size_t size,
                                 const struct wanted *wanted, size_t n_wanted,
                                 const struct sheet_options *options, mdl_error *err);
void cli_sheet_close(struct sheet *s);

/* The next rows, at most `max`, as [*got][n_wanted]; *got is 0 behind the last. */
mdl_status cli_sheet_read(struct sheet *s, double *out, size_t max, size_t *got, mdl_error *err);

/* All rows of a file, as [*rows][n], malloced (also after a failure).  In reference.c. */
mdl_status cli_sheet_all(const char *path, const struct wanted *wanted, size_t n,
                         const struct sheet_options *options, double **out, size_t *rows,
                         mdl_error *err);

/* What a cell of text means for a column; 0 when it is neither number, category nor
 * missing.  In sheet_cell.c. */
int cli_cell_value(const struct wanted *w, const struct csv_cell *cell, double *out);
/* Is it a number or missing? */
int cli_cell_is_number(const struct csv_cell *cell);

/* The columns of the model's input, and of an output of `cols` columns; NULL when out of
 * memory.  In wanted.c. */
struct wanted *cli_wanted_input(const mdl_model *model);
struct wanted *cli_wanted_output(const mdl_model *model, size_t output, size_t cols);
void cli_wanted_free(struct wanted *wanted, size_t n);


/* The options --header, --columns, --separator, --unknown of a verb; CLI_OK or the exit code
 * after telling why.  In cmd_predict.c. */
struct cli;
int cli_read_sheet_options(struct cli *c, struct sheet_options *o);

#endif
