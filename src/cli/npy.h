/*
 * cli/npy.h - arrays as numpy.save writes them, versions 1 to 3, row by row
 *
 * Booleans, integers and floats of 1 to 8 bytes in either byte order, C or Fortran order,
 * as rows of float64.  An array of one dimension is a single column, or, read for a model,
 * a single row.  Whole arrays of any rank and type: array.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_NPY_H
#define MDL_CLI_NPY_H

#include "cli/input.h"

struct npy {
    struct input *in;
    char     kind;                /* 'b', 'i', 'u' or 'f'                       */
    unsigned item_bytes;
    int      swap;                /* big-endian                                 */
    int      fortran;
    char     descr[32];           /* type as the file says it: "<f4"            */
    unsigned rank;                /* of rows: 1 or 2                            */
    uint64_t dims[MDL_MAX_RANK];  /* those that there is room for               */
    uint64_t rows, cols;          /* of rank 1: elements and 1                  */
    uint64_t row;                 /* the next one to read                       */
    unsigned char *all;           /* Fortran order: the whole array             */
    unsigned char *row_bytes;     /* C order: one row                           */
};

/* Read the header; the input stands at the magic.  Only in, descr, fortran, rank and dims are
 * known then, of any array but a structured one. */
mdl_status cli_npy_describe(struct npy *npy, struct input *in, mdl_error *err);

/* The same for an array that will be read by rows. */
mdl_status cli_npy_open(struct npy *npy, struct input *in, mdl_error *err);
void cli_npy_close(struct npy *npy);

/* Take an array of rank 1 as one row instead of one column; before the first read. */
void cli_npy_as_row(struct npy *npy);

/* The next rows, at most `max`, as [*got][cols]; *got is 0 behind the last. */
mdl_status cli_npy_read(struct npy *npy, double *out, size_t max, size_t *got, mdl_error *err);

/* The float that 16 bits of IEEE half mean. */
double cli_half_value(uint16_t half);

/* The header of an array [rows][cols] of MDL_F32, MDL_F64, MDL_I32, MDL_I64: NPY_HEADER bytes
 * whatever the numbers are. */
#define NPY_HEADER 128u
void cli_npy_header(unsigned char out[NPY_HEADER], uint32_t type, uint64_t rows, uint64_t cols);

#endif
