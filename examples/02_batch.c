/*
 * examples/02_batch.c - many rows in one call, more than one output
 *
 *     02_batch ride.mdl rows.csv
 *
 * rows.csv: a header line, then numbers; an empty cell is missing.  Prints for each
 * row the main output and, if the model has trees, the leaf of each.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of `cols` numbers behind the header; the caller frees them. */
static double *read_rows(const char *path, size_t cols, size_t *rows)
{
    char line[65536];
    double *x = NULL;
    size_t room = 0;
    FILE *f = fopen(path, "r");

    *rows = 0;
    if (!f || !fgets(line, sizeof line, f))
        return NULL;
    while (fgets(line, sizeof line, f)) {
        char *at = line;
        if (*rows == room) {
            room = room ? room * 2 : 64;
            x = realloc(x, room * cols * sizeof *x);
            if (!x)
                break;
        }
        for (size_t c = 0; c < cols; c++) {
            char *end;
            const double v = strtod(at, &end);
            x[*rows * cols + c] = end == at ? (double)NAN : v;
            at = end + (*end == ',');
        }
        ++*rows;
    }
    fclose(f);
    return x;
}

/* A packed table; zeroed strides mean just that. */
static mdl_tensor table(uint32_t type, void *data, size_t rows, size_t cols)
{
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = type, .rank = 2, .data = data,
                         .dims = { (int64_t)rows, (int64_t)cols } };
}

int main(int argc, char **argv)
{
    mdl_predict_options leaf = MDL_PREDICT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    size_t rows, trees = 0;

    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.mdl ROWS.csv\n", argv[0]);
        return 2;
    }
    if (mdl_load(&m, argv[1], NULL, &err)) {
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
        return 1;
    }
    const size_t cols = mdl_input_cols(m), out_cols = mdl_output_cols(m);
    double *x = read_rows(argv[2], cols, &rows);
    if (!x) {
        fprintf(stderr, "no rows in %s\n", argv[2]);
        return 1;
    }

    double *y = malloc(rows * out_cols * sizeof *y);
    mdl_status s = mdl_predict_f64(m, x, rows, y);

    leaf.output = MDL_OUTPUT_LEAF;            /* not every model has leaves: ask */
    int32_t *leaves = NULL;
    if (!s && !mdl_output_shape(m, &leaf, &trees, NULL)) {
        leaves = malloc(rows * trees * sizeof *leaves);
        const mdl_tensor in = table(MDL_F64, x, rows, cols);
        const mdl_tensor out = table(MDL_I32, leaves, rows, trees);
        s = mdl_predict_tensor(m, &in, &out, &leaf, &err);
    }
    if (s) {
        fprintf(stderr, "%s\n", err.text[0] ? err.text : mdl_strerror(s));
        return 1;
    }

    for (size_t r = 0; r < rows; r++) {
        for (size_t k = 0; k < out_cols; k++)
            printf("%s%.9g", k ? " " : "", y[r * out_cols + k]);
        if (leaves)
            printf(" |");
        for (size_t t = 0; leaves && t < trees; t++)
            printf(" %d", (int)leaves[r * trees + t]);
        putchar('\n');
    }
    free(leaves);
    free(y);
    free(x);
    mdl_free(m);
    return 0;
}
