/*
 * cli/report.c - see report.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/report.h"

#include "cli/json.h"

#include <stdlib.h>
#include <string.h>

void cli_report_start(struct report *r, enum cli_format format, const char *const *heads)
{
    *r = (struct report){ .format = format };
    for (; heads[r->n_heads] && r->n_heads < REPORT_HEADS; r->n_heads++)
        r->heads[r->n_heads] = heads[r->n_heads];
}

static void add(struct report *r, const char *text, int number)
{
    const size_t n = strlen(text) + 1;

    if (r->used + n > r->room) {
        const size_t room = (r->used + n) * 2;
        char *more = realloc(r->text, room);
        r->failed |= !more;
        if (!more)
            return;
        r->text = more;
        r->room = room;
    }
    if (r->n_cells == r->cells_room) {
        const size_t room = r->cells_room * 2 + 64;
        unsigned char *more = realloc(r->numbers, room);
        r->failed |= !more;
        if (!more)
            return;
        r->numbers = more;
        r->cells_room = room;
    }
    memcpy(r->text + r->used, text, n);
    r->used += n;
    r->numbers[r->n_cells++] = (unsigned char)number;
}

void cli_report_text(struct report *r, const char *text) { add(r, text, 0); }
void cli_report_number(struct report *r, const char *text) { add(r, text, 1); }

void cli_report_count(struct report *r, uint64_t n)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    add(r, text, 1);
}

/* ---- writing --------------------------------------------------------------------------- */

static size_t width(const char *text)
{
    size_t n = 0;

    while (*text) {
        const size_t length = cli_utf8_length(text);
        text += length ? length : 1;
        n++;
    }
    return n;
}

size_t cli_put_text(FILE *to, const char *text)
{
    const size_t wide = width(text);

    while (*text) {
        const size_t n = cli_utf8_length(text);
        const unsigned char c = (unsigned char)*text;
        /* C1 controls (U+0080 to U+009F) drive some terminals, too */
        if (!n || c < 32 || c == 127 || (c == 0xC2 && (unsigned char)text[1] < 0xA0))
            fputc('?', to);
        else
            fwrite(text, 1, n, to);
        text += n ? n : 1;
    }
    return wide;
}

void cli_csv_text(FILE *to, const char *text, char separator)
{
    const char special[] = { '"', '\n', '\r', separator, '\0' };

    if (!strpbrk(text, special) && *text != ' ') {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

static void pad(FILE *to, size_t n)
{
    while (n--)
        fputc(' ', to);
}

static void write_table(const struct report *r, FILE *to)
{
    size_t widths[REPORT_HEADS];
    const char *text = r->text;

    for (size_t i = 0; i < r->n_heads; i++)
        widths[i] = width(r->heads[i]);
    for (size_t i = 0; i < r->n_cells; i++, text += strlen(text) + 1)
        if (width(text) > widths[i % r->n_heads])
            widths[i % r->n_heads] = width(text);

    text = r->text;
    for (size_t i = 0; i < r->n_heads + r->n_cells; i++) {
        const size_t column = i % r->n_heads, last = r->n_heads - 1;
        const char *cell = i < r->n_heads ? r->heads[i] : text;
        /* a head stands as the cells below it do */
        const int right = i >= r->n_heads ? r->numbers[i - r->n_heads]
                                          : i < r->n_cells && r->numbers[i];
        const size_t spare = widths[column] - width(cell);
        if (right)
            pad(to, spare);
        cli_put_text(to, cell);
        if (!right && column < last)
            pad(to, spare);
        fputs(column < last ? "  " : "\n", to);
        if (i >= r->n_heads)
            text += strlen(text) + 1;
    }
}

static void write_csv(const struct report *r, FILE *to)
{
    const char *text = r->text;

    for (size_t i = 0; i < r->n_heads + r->n_cells; i++) {
        cli_csv_text(to, i < r->n_heads ? r->heads[i] : text, ',');
        fputc(i % r->n_heads + 1 < r->n_heads ? ',' : '\n', to);
        if (i >= r->n_heads)
            text += strlen(text) + 1;
    }
}

static void write_json(const struct report *r, FILE *to)
{
    struct json j;
    char key[64];
    const char *text = r->text;

    cli_json_start(&j, to);
    cli_json_open(&j, '[');
    for (size_t i = 0; i < r->n_cells; i++, text += strlen(text) + 1) {
        if (i % r->n_heads == 0)
            cli_json_open_line(&j, '{');
        snprintf(key, sizeof key, "%s", r->heads[i % r->n_heads]);
        for (char *k = key; *k; k++)
            *k = *k == ' ' ? '_' : *k;
        cli_json_key(&j, key);
        if (r->numbers[i])
            cli_json_number(&j, *text ? text : "nan");
        else
            cli_json_text(&j, text);
        if (i % r->n_heads + 1 == r->n_heads)
            cli_json_close(&j);
    }
    cli_json_close(&j);
    cli_json_end(&j);
}

void cli_report_end(struct report *r, FILE *to)
{
    if (r->failed)
        fputs("out of memory\n", stderr);
    else if (r->format == CLI_TABLE)
        write_table(r, to);
    else if (r->format == CLI_CSV)
        write_csv(r, to);
    else
        write_json(r, to);
    free(r->text);
    free(r->numbers);
    r->text = NULL;
    r->numbers = NULL;
}

void cli_put_xml(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        default: fputc(*text, to);
        }
}
