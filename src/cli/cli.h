/*
 * cli/cli.h - what the verbs of the program share
 *
 * To add a verb: cmd_foo.c with one exported `struct cli_verb cli_verb_foo`, and a line
 * in verb_list.h.  A verb gets a `struct cli` whose command line has been read by its
 * option table, and returns an exit code.
 *
 * Data goes to standard output, everything said to people to standard error.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_CLI_H
#define MDL_CLI_CLI_H

#include "base/status.h"

#include <stdio.h>

/* Exit codes. */
enum {
    CLI_OK = 0,
    CLI_CHECK_FAILED = 1,
    CLI_USAGE = 2,
    CLI_BAD_MODEL = 3,
    CLI_UNSUPPORTED = 4,
    CLI_BAD_DATA = 5,
    CLI_IO = 6              /* files, memory */
};

enum cli_format { CLI_TABLE, CLI_JSON, CLI_CSV };

#define CLI_MAX_ARGS    16
#define CLI_MAX_OPTIONS 16
#define CLI_MAX_GIVEN   64          /* all together, those that come again too */

struct cli_option {
    const char *name;       /* long name without dashes; NULL ends a table */
    char        letter;     /* 0: none                                     */
    const char *takes;      /* what its value is called; NULL: a flag      */
    const char *about;
};

#define CLI_OPTION_FORMAT { "format", 0, "FORMAT", "table (default), json or csv" }
#define CLI_OPTION_QUIET { "quiet", 'q', NULL, "no notes and no progress" }
#define CLI_OPTION_HELP { "help", 'h', NULL, "this help" }
#define CLI_OPTION_END { NULL, 0, NULL, NULL }

struct cli;

struct cli_verb {
    const char *args;       /* "MODEL DATA"                               */
    unsigned    min_args, max_args;
    const struct cli_option *options;
    const char *more;       /* the rest of its help: examples             */
    void      (*list)(FILE *to);  /* and what comes after them; or NULL  */
    int       (*run)(struct cli *c);
};

#define VERB(name, about) extern const struct cli_verb cli_verb_##name;
#include "cli/verb_list.h"
#undef VERB

struct cli {
    const struct cli_verb *verb;
    const char *name;                        /* of the verb              */
    const char *args[CLI_MAX_ARGS];
    size_t      n_args;
    const char *values[CLI_MAX_OPTIONS];     /* beside verb->options; the last one given */
    struct { size_t option; const char *value; } given[CLI_MAX_GIVEN];   /* all, in order  */
    size_t      n_given;
    enum cli_format format;
    int         quiet;
    int         progress;                    /* a terminal is watching   */
    int         colour;                      /* messages may have colour */
    int         drawn;                       /* a progress line stands   */
};

/* ---- verbs and their command lines (verbs.c, options.c) -------------------------------- */

/* The i-th verb, its name and its one line; NULL after the last. */
const struct cli_verb *cli_verb_at(size_t i, const char **name, const char **about);
const struct cli_verb *cli_verb_find(const char *name);

/* Read the words behind the verb.  CLI_OK, or the exit code after telling why; *done is
 * set when nothing is left to do (help was shown). */
int cli_read_options(struct cli *c, int n, char **words, int *done);

/* Value of an option by long name ("" for a flag), NULL when it was not given. */
const char *cli_option(const struct cli *c, const char *name);

/* The next value of an option that may come again, from *at = 0 on; NULL behind the last. */
const char *cli_option_next(const struct cli *c, const char *name, size_t *at);

/* A whole number from `least` up, all of the text; 0 when it is not one. */
int cli_parse_count(const char *text, uint64_t least, uint64_t *out);

void cli_help_program(FILE *to);
/* The operators of .mdl files.  In cmd_help.c. */
void cli_list_ops(FILE *to);
void cli_help_verb(FILE *to, const char *name, const struct cli_verb *verb, const char *about);

/* ---- messages (message.c) -------------------------------------------------------------- */

/* Say why it does not go on, and return `code`. */
int cli_fail(struct cli *c, int code, const char *format, ...) MDL_PRINTF(3, 4);
/* The same from an error of the library.  `path` goes before it unless it names the file
 * already; NULL: none. */
int cli_failed(struct cli *c, const char *path, const mdl_error *err);
/* Worth knowing; not shown when quiet. */
void cli_note(struct cli *c, const char *format, ...) MDL_PRINTF(2, 3);
/* Worth knowing even then. */
void cli_warn(struct cli *c, const char *format, ...) MDL_PRINTF(2, 3);
/* One line that replaces itself; cli_progress(c, NULL) takes it away. */
void cli_progress(struct cli *c, const char *format, ...) MDL_PRINTF(2, 3);

/* Exit code for a status of the library. */
int cli_exit_code(mdl_status status);

/* 12345678 -> "12,345,678".  Returns `out`. */
const char *cli_count_text(char out[32], uint64_t n);

/* ---- did you mean (suggest.c) ---------------------------------------------------------- */

/* Keeps the closest name it is offered, if any is close. */
struct cli_suggest {
    const char *typed;
    const char *best;       /* NULL while nothing is close enough */
    size_t      distance;
};

void cli_suggest_offer(struct cli_suggest *s, const char *name);

/* ---- models (model.c) ------------------------------------------------------------------ */

/* Load a model from a file or, "-", from standard input; CLI_OK or the exit code after
 * telling why. */
int cli_load_model(struct cli *c, mdl_model **out, const char *path);

/* A message for a file that is not what was expected, from its first bytes: what it is and
 * the way out; NULL when we do not know. */
const char *cli_file_hint(const void *bytes, size_t size);
/* Is it of a kind that 'mdl convert' reads? */
int cli_file_converts(const void *bytes, size_t size);

/* A network: not a model of tables, but one whose inputs are tensors of any shape. */
int cli_is_tensors(const mdl_model *model);

/* Trees, nodes and rounds of all ensembles together; zeros when there are none. */
struct cli_trees { uint64_t trees, nodes, leaves, iterations; };
struct cli_trees cli_count_trees(const mdl_model *model);

/* The output that `name` asks for: a name, or a role: value, raw, proba, label, leaf; NULL:
 * the first.  CLI_OK or the exit code after telling why. */
int cli_find_output(struct cli *c, const mdl_model *model, const char *name, size_t *output);
int cli_no_such_input(struct cli *c, const mdl_model *model, const char *typed, size_t length);
const char *cli_role_name(uint32_t role);
/* The option --trees of a verb: tree_begin and tree_end.  In cmd_predict.c. */
int cli_read_trees(struct cli *c, mdl_predict_options *o);

/* The name of column `i` of an output in tables: its name, with the label or the number of
 * the column when there are several. */
const char *cli_output_column(const mdl_model *model, size_t output, size_t cols, size_t i,
                              char *out, size_t room);

#endif
