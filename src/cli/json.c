/*
 * cli/json.c - see json.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/json.h"

#include <assert.h>
#include <string.h>

void cli_json_start(struct json *j, FILE *f)
{
    *j = (struct json){ .f = f, .is_first = 1 };
}

static void new_line(struct json *j)
{
    if (j->inline_depth)
        return;
    fputc('\n', j->f);
    for (int i = 0; i < j->depth; i++)
        fputs("  ", j->f);
}

/* Whatever stands between the value before and this one. */
static void before_value(struct json *j)
{
    if (j->after_key) {
        j->after_key = 0;
        return;
    }
    if (!j->is_first)
        fputs(j->inline_depth ? ", " : ",", j->f);
    if (j->depth)
        new_line(j);
    j->is_first = 0;
}

void cli_json_open(struct json *j, char bracket)
{
    assert(j->depth < JSON_DEPTH);
    before_value(j);
    fputc(bracket, j->f);
    j->closing[j->depth++] = bracket == '{' ? '}' : ']';
    j->is_first = 1;
}

void cli_json_open_line(struct json *j, char bracket)
{
    cli_json_open(j, bracket);
    if (!j->inline_depth)
        j->inline_depth = j->depth;
}

void cli_json_close(struct json *j)
{
    assert(j->depth > 0);
    const int was_inline = j->inline_depth, empty = j->is_first;

    j->depth--;
    if (!empty && !was_inline)
        new_line(j);
    if (was_inline > j->depth)
        j->inline_depth = 0;
    fputc(j->closing[j->depth], j->f);
    j->is_first = 0;
}

void cli_json_key(struct json *j, const char *key)
{
    cli_json_text(j, key);
    fputs(": ", j->f);
    j->after_key = 1;
}

size_t cli_utf8_length(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    const size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xC2 && u[0] < 0xE0 ? 2
                   : u[0] >= 0xE0 && u[0] < 0xF0 ? 3 : u[0] >= 0xF0 && u[0] < 0xF5 ? 4 : 0;

    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xC0) != 0x80)
            return 0;
    if ((u[0] == 0xE0 && u[1] < 0xA0) || (u[0] == 0xED && u[1] > 0x9F)
        || (u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F))
        return 0;                 /* too long a form, a surrogate, beyond U+10FFFF */
    return n;
}

void cli_json_text(struct json *j, const char *text)
{
    before_value(j);
    fputc('"', j->f);
    while (*text) {
        const size_t n = cli_utf8_length(text);
        const unsigned char c = (unsigned char)*text;
        if (!n)
            fputs("\\ufffd", j->f);
        else if (c == '"' || c == '\\')
            fprintf(j->f, "\\%c", c);
        else if (c < 32 || c == 127)
            fprintf(j->f, "\\u%04x", c);
        else
            fwrite(text, 1, n, j->f);
        text += n ? n : 1;
    }
    fputc('"', j->f);
}

void cli_json_count(struct json *j, uint64_t n)
{
    before_value(j);
    fprintf(j->f, "%llu", (unsigned long long)n);
}

void cli_json_number(struct json *j, const char *text)
{
    before_value(j);
    if (!strcmp(text, "nan"))
        fputs("null", j->f);
    else if (!strcmp(text, "inf"))
        fputs("1e999", j->f);
    else if (!strcmp(text, "-inf"))
        fputs("-1e999", j->f);
    else
        fputs(text, j->f);
}

void cli_json_bool(struct json *j, int yes)
{
    before_value(j);
    fputs(yes ? "true" : "false", j->f);
}

void cli_json_end(struct json *j)
{
    fputc('\n', j->f);
}
