/*
 * bench/peer_compiled.c - models that a compiler turned into a library of their own
 *
 *     tl2cgen   void predict(union Entry *row, int margin, result *y), one row a call; adds to y;
 *               NaN cells are marked by the caller, and the quantised form overwrites the row
 *     lleaves   void forest_root(double *x, double *y, int begin, int end), raw scores
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include "peers.h"

#include <stdlib.h>
#include <string.h>

#define MOST_COLS 64u

union entry_f32 { int missing; float fvalue; int qvalue; };
union entry_f64 { int missing; double fvalue; int qvalue; };

struct compiled {
    struct peer base;
    void (*predict_f32)(union entry_f32 *, int, float *);
    void (*predict_f64)(union entry_f64 *, int, double *);
    void (*forest)(const double *, double *, int32_t, int32_t);
    int margin;
};

/* For either type: cells into entries, row by row. */
#define ROWS(suffix, type) \
    static int predict_##suffix(struct peer *base, const void *x, size_t rows, void *y) \
    { \
        struct compiled *p = (struct compiled *)base; \
        const type *cell = x; \
        union entry_##suffix row[MOST_COLS]; \
        memset(y, 0, rows * base->y_cols * sizeof(type)); \
        for (size_t r = 0; r < rows; r++, cell += base->cols) { \
            for (size_t c = 0; c < base->cols; c++) \
                if (cell[c] == cell[c]) \
                    row[c].fvalue = cell[c]; \
                else \
                    row[c].missing = -1; \
            p->predict_##suffix(row, p->margin, (type *)y + r * base->y_cols); \
        } \
        return 0; \
    }

ROWS(f32, float)
ROWS(f64, double)

static int predict_forest(struct peer *base, const void *x, size_t rows, void *y)
{
    ((struct compiled *)base)->forest(x, y, 0, (int32_t)rows);
    return 0;
}

static void close_model(struct peer *base)
{
    free(base);
}

static struct peer *open_model(const char *library, size_t cols, size_t y_cols, size_t bytes, int is_forest)
{
    void *so = peer_library(library);
    struct compiled *p = calloc(1, sizeof *p);

    if (!so || !p || cols > MOST_COLS
        || (is_forest ? peer_symbol(so, "forest_root", &p->forest)
            : bytes == sizeof(float) ? peer_symbol(so, "predict", &p->predict_f32)
                                     : peer_symbol(so, "predict", &p->predict_f64))) {
        free(p);
        return NULL;
    }
    p->margin = y_cols == 1;
    p->base = (struct peer){ is_forest ? predict_forest : bytes == sizeof(float) ? predict_f32 : predict_f64,
                             close_model, cols, bytes, y_cols, bytes };
    return &p->base;
}

struct peer *peer_tl2cgen(const char *library, const char *model, size_t cols, size_t y_cols)
{
    (void)model;
    return open_model(library, cols, y_cols, sizeof(float), 0);
}

struct peer *peer_tl2cgen_double(const char *library, const char *model, size_t cols, size_t y_cols)
{
    (void)model;
    return open_model(library, cols, y_cols, sizeof(double), 0);
}

struct peer *peer_lleaves(const char *library, const char *model, size_t cols, size_t y_cols)
{
    (void)model;
    return open_model(library, cols, y_cols, sizeof(double), 1);
}
