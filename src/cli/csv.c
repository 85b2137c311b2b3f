/*
 * cli/csv.c - see csv.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/csv.h"

#include <stdlib.h>
#include <string.h>

static const char separators[] = ",;\t|";

/* Which separator the first line has most of, outside quotes; of equals the first. */
static char detect_separator(const unsigned char *p, size_t n)
{
    size_t counts[sizeof separators] = { 0 }, best = 0;
    int in_quotes = 0;

    for (size_t i = 0; i < n && (in_quotes || (p[i] != '\n' && p[i] != '\r')); i++) {
        const char *hit = p[i] ? strchr(separators, p[i]) : NULL;
        if (p[i] == '"')
            in_quotes = !in_quotes;
        else if (hit && !in_quotes)
            counts[hit - separators]++;
    }
    for (size_t i = 1; i + 1 < sizeof separators; i++)
        if (counts[i] > counts[best])
            best = i;
    return separators[best];
}

mdl_status cli_csv_open(struct csv *csv, struct input *in, char separator, mdl_error *err)
{
    size_t n = cli_input_peek(in);

    *csv = (struct csv){ .in = in, .next_line = 1 };
    if (n >= 2 && ((in->at[0] == 0xFF && in->at[1] == 0xFE)
                   || (in->at[0] == 0xFE && in->at[1] == 0xFF)))
        return mdl_fail(err, MDL_ERR_DATA, "'%s' is UTF-16 text; save it as UTF-8", in->name);
    if (n >= 3 && !memcmp(in->at, "\xEF\xBB\xBF", 3)) {
        in->at += 3;
        n -= 3;
    }
    csv->separator = separator ? separator : detect_separator(in->at, n);
    return MDL_OK;
}

void cli_csv_close(struct csv *csv)
{
    free(csv->cells);
    free(csv->text);
    csv->cells = NULL;
    csv->text = NULL;
}

/* ---- one record ------------------------------------------------------------------------ */

static mdl_status csv_fail(const struct csv *csv, mdl_error *err, const char *what)
{
    return mdl_fail(err, MDL_ERR_DATA, "%s:%llu: %s", csv->in->name,
                    (unsigned long long)csv->line, what);
}

static mdl_status put(struct csv *csv, int c, mdl_error *err)
{
    if (csv->text_bytes == csv->text_room) {
        if (csv->text_room >= CSV_MAX_RECORD)
            return csv_fail(csv, err, "a record of more than 64 MiB begins here; is a quote open?");
        const size_t room = csv->text_room ? csv->text_room * 2 : 4096;
        char *text = realloc(csv->text, room);
        if (!text)
            return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
        csv->text = text;
        csv->text_room = room;
    }
    csv->text[csv->text_bytes++] = (char)c;
    return MDL_OK;
}

static mdl_status add_cell(struct csv *csv, int quoted, mdl_error *err)
{
    if (csv->n_cells == csv->cells_room) {
        if (csv->cells_room >= CSV_MAX_CELLS)
            return csv_fail(csv, err, "more than 2,097,152 cells");
        const size_t room = csv->cells_room ? csv->cells_room * 2 : 64;
        struct csv_cell *cells = realloc(csv->cells, room * sizeof *cells);
        if (!cells)
            return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
        csv->cells = cells;
        csv->cells_room = room;
    }
    csv->cells[csv->n_cells++] = (struct csv_cell){ .quoted = quoted };
    return put(csv, 0, err);
}

/* A line end has begun with `c`: pass over the LF of a CRLF. */
static void end_line(struct csv *csv, int c)
{
    if (c == '\r' && (csv->in->at < csv->in->end || cli_input_fill(csv->in))
        && *csv->in->at == '\n')
        csv->in->at++;
    csv->next_line++;
}

/* The rest of a quoted cell; *end is the byte behind its closing quote. */
static mdl_status quoted_cell(struct csv *csv, int *end, mdl_error *err)
{
    for (;;) {
        int c = input_byte(csv->in);
        if (c == INPUT_END)
            return csv->in->failed ? cli_input_status(csv->in, err)
                                   : csv_fail(csv, err, "a quote that begins in this record is "
                                                        "never closed");
        if (c == '"') {
            c = input_byte(csv->in);
            if (c != '"') {
                *end = c;
                return MDL_OK;
            }
        } else if (c == '\n') {
            csv->next_line++;
        } else if (!c) {
            return csv_fail(csv, err, "a zero byte: not a text file");
        }
        const mdl_status s = put(csv, c, err);
        if (s)
            return s;
    }
}

/* One cell that begins with byte `c`; *end is the separator, line end or INPUT_END behind it. */
static mdl_status read_cell(struct csv *csv, int c, int *end, mdl_error *err)
{
    const int quoted = c == '"';
    mdl_status s = MDL_OK;

    if (quoted) {
        s = quoted_cell(csv, &c, err);
        if (!s && c != csv->separator && c != '\n' && c != '\r' && c != INPUT_END)
            return csv_fail(csv, err, "text behind a closing quote; a quote inside a quoted cell "
                                      "is written twice");
    } else {
        while (!s && c != csv->separator && c != '\n' && c != '\r' && c != INPUT_END) {
            if (!c)
                return csv_fail(csv, err, "a zero byte: not a text file");
            s = put(csv, c, err);
            c = input_byte(csv->in);
        }
    }
    *end = c;
    return s ? s : add_cell(csv, quoted, err);
}

/* Texts lie one behind the other, each with its NUL; they have stopped moving now. */
static void place_cells(struct csv *csv)
{
    const char *at = csv->text;

    for (size_t i = 0; i < csv->n_cells; i++) {
        csv->cells[i].text = at;
        csv->cells[i].length = strlen(at);
        at += csv->cells[i].length + 1;
    }
}

mdl_status cli_csv_next(struct csv *csv, int *got, mdl_error *err)
{
    int c = input_byte(csv->in);

    *got = 0;
    while (c == '\n' || c == '\r') {
        end_line(csv, c);
        c = input_byte(csv->in);
    }
    if (c == INPUT_END)
        return cli_input_status(csv->in, err);

    csv->line = csv->next_line;
    csv->n_cells = csv->text_bytes = 0;
    for (int end = INPUT_END;; c = input_byte(csv->in)) {
        const mdl_status s = read_cell(csv, c, &end, err);
        if (s)
            return s;
        if (end == csv->separator)
            continue;
        if (end != INPUT_END)
            end_line(csv, end);
        break;
    }
    if (csv->in->failed)
        return cli_input_status(csv->in, err);
    place_cells(csv);
    *got = 1;
    return MDL_OK;
}
