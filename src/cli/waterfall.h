/*
 * cli/waterfall.h - how a margin comes about, column by column: words, bars, a picture
 *
 *     expected without a row      -0.794
 *     worst radius = 16.2         +0.41    ......====>.......
 *     ...
 *     margin                      +0.12
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_WATERFALL_H
#define MDL_CLI_WATERFALL_H

#include "cli/cli.h"

/* A column, or several together, and what it adds. */
struct fall_step {
    char   label[200];            /* "age = 31"                                    */
    char   name[120], value[64];  /* its parts                                     */
    double adds;
};

struct waterfall {
    char   title[400];            /* which row of which model                      */
    char   answer[200];           /* what the model answers; "": not said          */
    double base, margin;
    struct fall_step *steps;      /* [n], the largest first; then, if others is not 0, */
    size_t n, others;             /* so many columns together                      */
    double others_add;
};

void cli_waterfall_words(FILE *to, const struct waterfall *w);
void cli_waterfall_bars(FILE *to, const struct waterfall *w);
void cli_waterfall_svg(FILE *to, const struct waterfall *w);

#endif
