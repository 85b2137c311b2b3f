/*
 * cli/sheet.c - see sheet.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/sheet.h"

#include "cli/cli.h"
#include "cli/npz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static mdl_status memory(mdl_error *err)
{
    return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
}

/* ---- a list of names that is cut where the room ends ----------------------------------- */

struct list {
    char  *text;
    size_t room, used;
    size_t count, shown;
};

static void list_add(struct list *l, const char *name)
{
    char safe[64];

    if (l->count++ >= 10 || l->used + 72 > l->room)
        return;
    mdl_safe_text(safe, sizeof safe, name, strlen(name));
    l->used += (size_t)snprintf(l->text + l->used, l->room - l->used, "%s'%s'",
                                l->shown ? ", " : "", safe);
    l->shown++;
}

static void list_end(struct list *l)
{
    if (l->count > l->shown)
        snprintf(l->text + l->used, l->room - l->used, " and %llu more",
                 (unsigned long long)(l->count - l->shown));
}

/* ---- columns by name ------------------------------------------------------------------- */

struct heading {
    const char *name;
    size_t      at;
};

static int by_name(const void *a, const void *b)
{
    const struct heading *x = a, *y = b;
    const int order = strcmp(x->name, y->name);

    return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* The header of the file, sorted; NULL when out of memory. */
static struct heading *sorted_header(const struct sheet *s)
{
    struct heading *all = calloc(s->csv.n_cells, sizeof *all);

    for (size_t i = 0; all && i < s->csv.n_cells; i++)
        all[i] = (struct heading){ s->csv.cells[i].text, i };
    if (all)
        qsort(all, s->csv.n_cells, sizeof *all, by_name);
    return all;
}

/* First heading of that name, or NULL. */
static const struct heading *find_heading(const struct heading *all, size_t n, const char *name)
{
    size_t low = 0, high = n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(all[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && !strcmp(all[low].name, name) ? &all[low] : NULL;
}

/* The heading that a missing column may have meant. */
static const char *close_heading(const struct sheet *s, const char *name)
{
    struct cli_suggest g = { .typed = name };

    for (size_t i = 0; i < s->csv.n_cells; i++)
        cli_suggest_offer(&g, s->csv.cells[i].text);
    return g.best;
}

static mdl_status missing_columns(const struct sheet *s, const struct list *missing,
                                  const char *first, mdl_error *err)
{
    const char *close = close_heading(s, first);
    char safe[64] = "";

    if (close)
        mdl_safe_text(safe, sizeof safe, close, strlen(close));
    return mdl_fail(err, MDL_ERR_DATA, "%s: %llu of %llu columns are missing: %s%s%s%s",
                    s->in.name, (unsigned long long)missing->count,
                    (unsigned long long)s->n_wanted, missing->text,
                    close ? "; is '" : "", safe, close ? "' the first of them?" : "");
}

/* What the file has and nobody wants. */
static void note_extra(struct sheet *s)
{
    struct list extra = { .text = s->note, .room = sizeof s->note };
    unsigned char *used = calloc(s->csv.n_cells + 1, 1);

    for (size_t i = 0; used && i < s->n_wanted; i++)
        used[s->from[i]] = 1;
    s->note[0] = '\0';
    for (size_t i = 0; used && i < s->csv.n_cells; i++)
        extra.count += !used[i];
    if (used && extra.count) {
        extra.used = (size_t)snprintf(s->note, sizeof s->note, "%s: ignoring %llu column%s that "
                                      "the model does not use: ", s->in.name,
                                      (unsigned long long)extra.count,
                                      extra.count == 1 ? "" : "s");
        extra.count = 0;
        for (size_t i = 0; i < s->csv.n_cells; i++)
            if (!used[i])
                list_add(&extra, s->csv.cells[i].text);
        list_end(&extra);
    }
    free(used);
}

static mdl_status match_names(struct sheet *s, mdl_error *err)
{
    char text[700] = "", safe[64];
    struct list missing = { .text = text, .room = sizeof text };
    const char *first = NULL;
    struct heading *header = sorted_header(s);
    mdl_status status = header ? MDL_OK : memory(err);

    for (size_t i = 0; !status && i < s->n_wanted; i++) {
        const char *name = s->wanted[i].name;
        const struct heading *h = find_heading(header, s->csv.n_cells, name);
        if (!h) {
            first = first ? first : name;
            list_add(&missing, name);
        } else if (h + 1 < header + s->csv.n_cells && !strcmp(h[1].name, name)) {
            status = mdl_fail(err, MDL_ERR_DATA, "%s: column '%s' is there twice", s->in.name,
                              mdl_safe_text(safe, sizeof safe, name, strlen(name)));
        } else {
            s->from[i] = h->at;
        }
    }
    list_end(&missing);
    if (!status && missing.count)
        status = missing_columns(s, &missing, first, err);
    if (!status)
        note_extra(s);
    free(header);
    return status;
}

/* ---- columns by position --------------------------------------------------------------- */

static mdl_status match_positions(struct sheet *s, size_t have, mdl_error *err)
{
    if (have != s->n_wanted)
        return mdl_fail(err, MDL_ERR_DATA,
                        "%s: %llu columns, the model has %llu, and there are no names to choose by",
                        s->in.name, (unsigned long long)have, (unsigned long long)s->n_wanted);
    for (size_t i = 0; i < s->n_wanted; i++)
        s->from[i] = i;
    return MDL_OK;
}

/* Has the model a name for every column? */
static int has_names(const struct sheet *s)
{
    for (size_t i = 0; i < s->n_wanted; i++)
        if (!s->wanted[i].name[0])
            return 0;
    return 1;
}

static int any_name_matches(const struct sheet *s)
{
    struct heading *header = sorted_header(s);
    int found = 0;

    for (size_t i = 0; header && !found && i < s->n_wanted; i++)
        found = s->wanted[i].name[0]
             && find_heading(header, s->csv.n_cells, s->wanted[i].name) != NULL;
    free(header);
    return found;
}

/* 0, 1, 2, ...: what pandas writes above the columns of an array. */
static int is_numbered(const struct csv *csv)
{
    char text[32];

    for (size_t i = 0; i < csv->n_cells; i++) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)i);
        if (strcmp(csv->cells[i].text, text) != 0)
            return 0;
    }
    return csv->n_cells >= 3;
}

/* Could this record be a row? */
static int looks_like_row(const struct sheet *s)
{
    double v;

    if (is_numbered(&s->csv))
        return 0;
    for (size_t i = 0; i < s->csv.n_cells; i++) {
        const int is_category = s->csv.n_cells == s->n_wanted
                             && (s->wanted[i].n_categories || s->wanted[i].hashes);
        if (is_category ? !cli_cell_value(&s->wanted[i], &s->csv.cells[i], &v)
                        : !cli_cell_is_number(&s->csv.cells[i]))
            return 0;
    }
    return 1;
}

static mdl_status open_csv(struct sheet *s, mdl_error *err)
{
    int got = 0;
    mdl_status status = cli_csv_open(&s->csv, &s->in, s->options.separator, err);

    if (!status)
        status = cli_csv_next(&s->csv, &got, err);
    if (status)
        return status;
    if (!got)
        return mdl_fail(err, MDL_ERR_DATA, "%s: no rows: the file is empty", s->in.name);

    s->n_cells = s->csv.n_cells;
    const int names = has_names(s);
    const int matches = s->options.header != SHEET_NO && any_name_matches(s);
    const int header = s->options.header == SHEET_YES
                    || (s->options.header == SHEET_AUTO && (matches || !looks_like_row(s)));
    const int use_names = s->options.by_name == SHEET_YES
                       || (s->options.by_name == SHEET_AUTO && header && names);
    s->pending = !header;
    if (use_names && !header)
        return mdl_fail(err, MDL_ERR_DATA, "%s: the first line is no header, so there are no names",
                        s->in.name);
    if (use_names && !names)
        return mdl_fail(err, MDL_ERR_DATA, "%s: the model has no column names to find columns by",
                        s->in.name);
    if (use_names)
        return match_names(s, err);
    if (names && !header)
        snprintf(s->note, sizeof s->note, "%s: no header; columns are taken by position",
                 s->in.name);
    if (header && is_numbered(&s->csv))
        snprintf(s->note, sizeof s->note, "%s: the first line (0, 1, 2, ...) is taken for a "
                 "header; --header no makes it a row", s->in.name);
    return match_positions(s, s->n_cells, err);
}

static mdl_status open_npy(struct sheet *s, mdl_error *err)
{
    const mdl_status status = cli_npy_open(&s->npy, &s->in, err);

    if (status)
        return status;
    s->is_array = 1;
    if (s->npy.rank == 1 && s->n_wanted > 1 && s->npy.rows == s->n_wanted)
        cli_npy_as_row(&s->npy);
    s->n_cells = (size_t)s->npy.cols;
    return match_positions(s, s->n_cells, err);
}

/* Is it the array that is wanted?  "X" is "x": both are usual names for rows. */
static int is_member(const struct npz_member *m, const char *want)
{
    if (m->name_length == 1 && !strcmp(want, "x"))
        return m->name[0] == 'x' || m->name[0] == 'X';
    return strlen(want) == m->name_length && !memcmp(want, m->name, m->name_length);
}

/* Find the array and go on with it as an input of its own. */
static mdl_status open_npz(struct sheet *s, mdl_error *err)
{
    struct npz npz;
    struct npz_member m;
    unsigned char *bytes = NULL;
    size_t size = 0;
    const char *want = s->options.member ? s->options.member : "x", *name = s->in.name;
    mdl_status status = cli_input_all(&s->in, &bytes, &size, SIZE_MAX / 4, err);

    if (status)
        return status;
    s->zip = bytes;
    status = cli_npz_open(&npz, name, bytes, size, err);
    for (unsigned i = 0; !status && i < npz.count; i++) {
        status = cli_npz_member(&npz, i, &m, err);
        if (status || !is_member(&m, want))
            continue;
        cli_input_close(&s->in);
        cli_input_memory(&s->in, name, m.bytes, m.size);
        return open_npy(s, err);
    }
    return status ? status : mdl_fail(err, MDL_ERR_DATA, "%s: no array '%s' in it", name, want);
}

static mdl_status open_any(struct sheet *s, const struct wanted *wanted, size_t n_wanted,
                           const struct sheet_options *options, mdl_error *err)
{
    static const struct sheet_options defaults;
    const size_t n = cli_input_peek(&s->in);

    s->wanted = wanted;
    s->n_wanted = n_wanted;
    s->options = options ? *options : defaults;
    s->from = calloc(n_wanted ? n_wanted : 1, sizeof *s->from);
    if (!s->from)
        return memory(err);
    if (cli_input_status(&s->in, err))
        return MDL_ERR_IO;
    if (n >= 6 && !memcmp(s->in.at, "\x93NUMPY", 6))
        return open_npy(s, err);
    if (n >= 4 && !memcmp(s->in.at, "PK\x03\x04", 4))
        return open_npz(s, err);
    const char *hint = cli_file_hint(s->in.at, n);
    if (hint)
        return mdl_fail(err, MDL_ERR_DATA, "%s is no table of rows: %s", s->in.name, hint);
    return open_csv(s, err);
}

mdl_status cli_sheet_open(struct sheet *s, const char *path, const struct wanted *wanted,
                          size_t n_wanted, const struct sheet_options *options, mdl_error *err)
{
    memset(s, 0, sizeof *s);
    const mdl_status status = cli_input_open(&s->in, path, err);

    return status ? status : open_any(s, wanted, n_wanted, options, err);
}

mdl_status cli_sheet_open_memory(struct sheet *s, const char *name, const void *bytes, size_t size,
                                 const struct wanted *wanted, size_t n_wanted,
                                 const struct sheet_options *options, mdl_error *err)
{
    memset(s, 0, sizeof *s);
    cli_input_memory(&s->in, name, bytes, size);
    return open_any(s, wanted, n_wanted, options, err);
}

void cli_sheet_close(struct sheet *s)
{
    cli_csv_close(&s->csv);
    cli_npy_close(&s->npy);
    cli_input_close(&s->in);
    free(s->zip);
    free(s->from);
    s->zip = NULL;
    s->from = NULL;
}

/* ---- rows ------------------------------------------------------------------------------ */

static mdl_status bad_cell(const struct sheet *s, const struct wanted *w,
                           const struct csv_cell *cell, size_t at, mdl_error *err)
{
    char safe[64], name[64], close[64] = "";
    struct cli_suggest g = { .typed = cell->text };

    for (size_t i = 0; i < w->n_categories; i++)
        cli_suggest_offer(&g, w->categories[i]);
    if (g.best)
        mdl_safe_text(close, sizeof close, g.best, strlen(g.best));
    mdl_safe_text(safe, sizeof safe, cell->text, cell->length);
    mdl_safe_text(name, sizeof name, w->name, strlen(w->name));
    if (w->n_categories)
        return mdl_fail(err, MDL_ERR_DATA,
                        "%s:%llu: column %llu '%s': '%s' is none of its %llu categories%s%s%s; "
                        "--unknown missing reads such cells as missing",
                        s->in.name, (unsigned long long)s->csv.line, (unsigned long long)at + 1,
                        name, safe, (unsigned long long)w->n_categories,
                        g.best ? " (did you mean '" : "", close, g.best ? "'?)" : "");
    const int comma = s->csv.separator != ',' && strchr(cell->text, ',') != NULL;
    return mdl_fail(err, MDL_ERR_DATA, "%s:%llu: column %llu '%s': '%s' is not a number%s",
                    s->in.name, (unsigned long long)s->csv.line, (unsigned long long)at + 1, name,
                    safe, comma ? "; the decimal mark is a point" : "");
}

static mdl_status csv_row(const struct sheet *s, double *out, mdl_error *err)
{
    const struct csv *csv = &s->csv;

    if (csv->n_cells != s->n_cells)
        return mdl_fail(err, MDL_ERR_DATA, "%s:%llu: %llu cells, the first line has %llu",
                        s->in.name, (unsigned long long)csv->line,
                        (unsigned long long)csv->n_cells, (unsigned long long)s->n_cells);
    for (size_t i = 0; i < s->n_wanted; i++) {
        const struct csv_cell *cell = &csv->cells[s->from[i]];
        if (cli_cell_value(&s->wanted[i], cell, &out[i]))
            continue;
        const int is_first = s->wanted[i].unseen_first && !s->options.unknown_missing;
        if (!s->wanted[i].n_categories || !(is_first || s->options.unknown_missing))
            return bad_cell(s, &s->wanted[i], cell, s->from[i], err);
        out[i] = is_first ? 0 : (double)NAN;
    }
    return MDL_OK;
}

mdl_status cli_sheet_read(struct sheet *s, double *out, size_t max, size_t *got, mdl_error *err)
{
    *got = 0;
    if (s->is_array)
        return cli_npy_read(&s->npy, out, max, got, err);
    while (*got < max) {
        int more = s->pending;
        mdl_status status = more ? MDL_OK : cli_csv_next(&s->csv, &more, err);
        s->pending = 0;
        if (status || !more)
            return status;
        status = csv_row(s, out + *got * s->n_wanted, err);
        if (status)
            return status;
        (*got)++;
    }
    return MDL_OK;
}
