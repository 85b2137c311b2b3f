/*
 * cli/sheet_cell.c - from the text of a cell to a number; see sheet.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/sheet.h"

#include "import/number.h"

#include <math.h>
#include <string.h>

struct text {
    const char *p;
    size_t n;
};

static struct text trimmed(const struct csv_cell *cell)
{
    struct text t = { cell->text, cell->length };

    while (t.n && (*t.p == ' ' || *t.p == '\t')) {
        t.p++;
        t.n--;
    }
    while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
        t.n--;
    return t;
}

static int is_text(struct text t, const char *s)
{
    return strlen(s) == t.n && !memcmp(t.p, s, t.n);
}

/* What pandas reads as missing, but for the spellings of old Windows. */
static int is_missing(struct text t)
{
    static const char *const names[] = { "", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan",
                                         "-NaN", "-nan", "NULL", "null", "None" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_text(t, names[i]))
            return 1;
    return 0;
}

static int number_value(struct text t, double *out)
{
    if (t.n && *t.p >= '0' && *t.p <= '9')    /* the usual case first */
        return mdl_parse_f64(t.p, t.n, out) == t.n;
    if (is_missing(t)) {
        *out = (double)NAN;
        return 1;
    }
    if (is_text(t, "True") || is_text(t, "true") || is_text(t, "TRUE")) {
        *out = 1;
        return 1;
    }
    if (is_text(t, "False") || is_text(t, "false") || is_text(t, "FALSE")) {
        *out = 0;
        return 1;
    }
    return mdl_parse_f64(t.p, t.n, out) == t.n;
}

int cli_cell_is_number(const struct csv_cell *cell)
{
    double v;

    return number_value(trimmed(cell), &v);
}

/* ---- categories ------------------------------------------------------------------------ */

/* Code of a category by its text, or SIZE_MAX. */
static size_t find_category(const struct wanted *w, struct text t)
{
    size_t low = 0, high = w->n_categories;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *text = w->categories[w->sorted[middle]];
        const size_t length = strlen(text), shared = length < t.n ? length : t.n;
        int order = memcmp(text, t.p, shared);
        if (!order)
            order = length < t.n ? -1 : length > t.n;
        if (!order)
            return w->sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* Categories that were numbers match by value: "1", "1.0" and "01" are one. */
static size_t find_number(const struct wanted *w, double v)
{
    double one;

    for (size_t i = 0; i < w->n_categories; i++) {
        const size_t n = strlen(w->categories[i]);
        if (mdl_parse_f64(w->categories[i], n, &one) == n && one == v)
            return i;
    }
    return SIZE_MAX;
}

int cli_cell_value(const struct wanted *w, const struct csv_cell *cell, double *out)
{
    const struct text as_is = { cell->text, cell->length }, t = trimmed(cell);

    if (w->hashes)
        return mdl_category_code(w->hashes, 0, w->column, cell->text, out) == MDL_OK;
    if (!w->n_categories)
        return number_value(t, out);
    size_t code = find_category(w, as_is);
    if (code == SIZE_MAX)
        code = find_category(w, t);
    if (code == SIZE_MAX && is_missing(t)) {
        *out = (double)NAN;
        return 1;
    }
    double v = 0;
    const int number = number_value(t, &v);
    if (code == SIZE_MAX && number && w->category_type != MDL_STRING)
        code = find_number(w, v);
    else if (code == SIZE_MAX && number && !w->unseen_first && v >= 0
             && v < (double)w->n_categories && v == floor(v))
        code = (size_t)v;
    if (code == SIZE_MAX)
        return 0;
    *out = (double)code;
    return 1;
}
