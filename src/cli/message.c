/*
 * cli/message.c - what the program says to people, on standard error
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <string.h>

#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

static void clear_line(struct cli *c)
{
    if (c->drawn)
        fputs("\r\033[K", stderr);
    c->drawn = 0;
}

/* Texts of the library may quote names from a file: nothing in them may drive a terminal. */
static void put_safe(const char *text)
{
    for (; *text; text++) {
        const unsigned char ch = (unsigned char)*text;
        fputc((ch < 32 && ch != '\n') || ch == 127 ? '?' : ch, stderr);
    }
}

static void say(struct cli *c, const char *colour, const char *kind, const char *format,
                va_list args)
{
    char text[2048];

    clear_line(c);
    fflush(stdout);
    vsnprintf(text, sizeof text, format, args);
    fprintf(stderr, "mdl%s%s: ", c->name ? " " : "", c->name ? c->name : "");
    if (*kind)
        fprintf(stderr, "%s%s%s", c->colour ? colour : "", kind, c->colour ? PLAIN : "");
    put_safe(text);
    fputc('\n', stderr);
}

int cli_fail(struct cli *c, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(c, RED, "error: ", format, args);
    va_end(args);
    return code;
}

void cli_note(struct cli *c, const char *format, ...)
{
    va_list args;

    if (c->quiet)
        return;
    va_start(args, format);
    say(c, "", "", format, args);
    va_end(args);
}

void cli_warn(struct cli *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(c, YELLOW, "warning: ", format, args);
    va_end(args);
}

void cli_progress(struct cli *c, const char *format, ...)
{
    va_list args;

    clear_line(c);
    if (!format || !c->progress)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fflush(stderr);
    c->drawn = 1;
}

int cli_exit_code(mdl_status status)
{
    switch (status) {
    case MDL_OK: return CLI_OK;
    case MDL_ERR_ARGUMENT: return CLI_USAGE;
    case MDL_ERR_NOT_FOUND: return CLI_USAGE;
    case MDL_ERR_FORMAT: return CLI_BAD_MODEL;
    case MDL_ERR_CHECKSUM: return CLI_BAD_MODEL;
    case MDL_ERR_LIMIT: return CLI_BAD_MODEL;
    case MDL_ERR_VERSION: return CLI_UNSUPPORTED;
    case MDL_ERR_UNSUPPORTED: return CLI_UNSUPPORTED;
    case MDL_ERR_DATA: return CLI_BAD_DATA;
    default: return CLI_IO;
    }
}

int cli_failed(struct cli *c, const char *path, const mdl_error *err)
{
    const int code = cli_exit_code(err->code);
    char where[80] = "", file[300] = "";

    if (err->section[0] && err->offset != MDL_NO_OFFSET)
        snprintf(where, sizeof where, " (section '%s', byte %llu)", err->section,
                 (unsigned long long)err->offset);
    else if (err->offset != MDL_NO_OFFSET)
        snprintf(where, sizeof where, " (byte %llu)", (unsigned long long)err->offset);
    if (path && !strstr(err->text, path)) {
        mdl_safe_text(file, sizeof file - 2, path, strlen(path));
        strcat(file, ": ");
    }
    return cli_fail(c, code, "%s%s%s", file, err->text, where);
}

const char *cli_count_text(char out[32], uint64_t n)
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *to = out;

    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}
