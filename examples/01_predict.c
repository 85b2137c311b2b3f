/*
 * examples/01_predict.c - one row, by column names
 *
 *     01_predict ride.mdl distance=5 zone=airport
 *
 * Columns that are not given are missing.  Build: cc 01_predict.c -lmodel
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a model wants to see for a text: the number, or the index of the category. */
static float cell(const mdl_model *m, size_t column, const char *text)
{
    mdl_column_info info = { .size = sizeof info };

    mdl_column(m, 0, column, &info);
    if (info.kind != MDL_COLUMN_CATEGORY)
        return strtof(text, NULL);
    for (size_t i = 0; i < info.n_categories; i++)
        if (!strcmp(mdl_category(m, 0, column, i), text))
            return (float)i;
    return NAN;                               /* a category the model has never seen */
}

int main(int argc, char **argv)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    if (argc < 2) {
        fprintf(stderr, "usage: %s MODEL.mdl [COLUMN=VALUE ...]\n", argv[0]);
        return 2;
    }
    if (mdl_load(&m, argv[1], NULL, &err)) {
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
        return 1;
    }

    float *x = malloc(mdl_input_cols(m) * sizeof *x);
    float *y = malloc(mdl_output_cols(m) * sizeof *y);
    for (size_t i = 0; i < mdl_input_cols(m); i++)
        x[i] = NAN;
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value)
            continue;
        *value++ = '\0';
        const size_t column = mdl_column_find(m, 0, argv[i]);
        if (column == SIZE_MAX) {
            fprintf(stderr, "the model has no column '%s'\n", argv[i]);
            return 1;
        }
        x[column] = cell(m, column, value);
    }

    mdl_predict(m, x, 1, y);                  /* with one row of its own width it cannot fail */
    for (size_t k = 0; k < mdl_output_cols(m); k++)
        printf("%.9g\n", (double)y[k]);

    free(x);
    free(y);
    mdl_free(m);
    return 0;
}
