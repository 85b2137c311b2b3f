/*
 * cli/compare.h - computed answers beside expected ones
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_COMPARE_H
#define MDL_CLI_COMPARE_H

#include "cli/cli.h"

#include "mdl_build.h"

/* What an output may differ by.  A cell passes when it is equal (nan equals nan), or within
 * `ulp` units in the last place, or when its error is at most `relative` of the expected
 * value, or, with `wide`, of the larger of that and 1. */
struct allowed {
    uint64_t ulp;
    double   relative;
    int      wide;
};

struct difference {
    uint64_t cells, wrong;
    double   largest;             /* absolute error; inf where one is nan                 */
    uint64_t ulp;                 /* largest distance; UINT64_MAX where one is nan        */
    uint64_t worst;               /* cell with the largest error                          */
};

/* `count` packed elements of one type.  Of those that are no numbers (texts, complex ones, floats
 * of a byte) two are either equal or infinitely apart. */
struct difference cli_compare(uint32_t type, const void *got, const void *expected,
                              uint64_t count, const struct allowed *allowed);

/* What this model promises for an output: equality for integers and for margins of trees,
 * else 2 ULP or 1e-6 relative; of a network what adds up over its layers. */
struct allowed cli_allowed(const mdl_model *model, size_t output);
/* "equal", "2 ulp or 1e-06 rel". */
const char *cli_allowed_text(const struct allowed *allowed, char *out, size_t room);

/* What a framework gave for one output. */
struct expected {
    size_t   output;
    uint32_t type;                /* the one the model computes it in                     */
    size_t   cols;
    void    *data;                /* [rows][cols], packed, owned                          */
};

#define MAX_EXPECTED 16

/* Rows and what a framework gave for them. */
struct reference {
    size_t   rows, cols;
    double  *x;                   /* [rows][cols], owned                                  */
    struct expected expected[MAX_EXPECTED];
    size_t   n_expected;
};

void cli_reference_free(struct reference *r);

/* Read rows and answers.  `data` NULL: both are in the file `path` (.npz or .csv); else rows
 * are in `data`, answers in `path`, those of an array for the output named `output`. */
int cli_reference_read(struct cli *c, struct reference *r, const mdl_model *model,
                       const char *path, const char *data, const char *output);

/* Put the first `rows` rows of a reference into a builder as golden rows. */
mdl_status cli_reference_golden(const struct reference *r, const mdl_model *model, mdl_builder *b,
                                size_t rows, mdl_error *err);

#endif
