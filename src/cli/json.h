/*
 * cli/json.h - JSON written piece by piece (RFC 8259)
 *
 *     json_open(j, '{'); json_key(j, "rows"); json_count(j, 3); json_close(j);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_JSON_H
#define MDL_CLI_JSON_H

#include "base/compiler.h"

#include <stdio.h>

#define JSON_DEPTH 16

struct json {
    FILE *f;
    char  closing[JSON_DEPTH];    /* the brackets that stand open              */
    int   depth;
    int   inline_depth;           /* from this depth on all on one line; 0: no */
    int   is_first, after_key;
};

void cli_json_start(struct json *j, FILE *f);
void cli_json_open(struct json *j, char bracket);        /* '{' or '['                      */
void cli_json_open_line(struct json *j, char bracket);   /* the same, kept on one line      */
void cli_json_close(struct json *j);
void cli_json_key(struct json *j, const char *key);
/* Bytes that are not UTF-8 become U+FFFD. */
void cli_json_text(struct json *j, const char *text);
void cli_json_count(struct json *j, uint64_t n);
/* A number already in text; nan becomes null, inf a number too large for a double. */
void cli_json_number(struct json *j, const char *text);
void cli_json_bool(struct json *j, int yes);
/* The last newline. */
void cli_json_end(struct json *j);

/* How many bytes the UTF-8 character at p has; 0 when it is none. */
size_t cli_utf8_length(const char *p);

#endif
