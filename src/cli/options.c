/*
 * cli/options.c - the list of verbs; command lines and help from their option tables
 *
 *     --name VALUE   --name=VALUE   --flag   -o VALUE   -oVALUE   -q   --   -
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"
#include "cli/os.h"
#include "import/number.h"

#include <string.h>

static const struct {
    const char *name, *about;
    const struct cli_verb *verb;
} verbs[] = {
#define VERB(name, about) { #name, about, &cli_verb_##name },
#include "cli/verb_list.h"
#undef VERB
};

#define N_VERBS (sizeof verbs / sizeof *verbs)

const struct cli_verb *cli_verb_at(size_t i, const char **name, const char **about)
{
    if (i >= N_VERBS)
        return NULL;
    *name = verbs[i].name;
    *about = verbs[i].about;
    return verbs[i].verb;
}

const struct cli_verb *cli_verb_find(const char *name)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (!strcmp(verbs[i].name, name))
            return verbs[i].verb;
    return NULL;
}

/* ---- the command line ------------------------------------------------------------------ */

#define NOT_THERE SIZE_MAX

/* Position of an option whose long name is the first `length` bytes of `name`. */
static size_t find_long(const struct cli_verb *verb, const char *name, size_t length)
{
    for (size_t i = 0; verb->options[i].name; i++)
        if (strlen(verb->options[i].name) == length && !memcmp(verb->options[i].name, name, length))
            return i;
    return NOT_THERE;
}

static size_t find_letter(const struct cli_verb *verb, char letter)
{
    for (size_t i = 0; verb->options[i].name; i++)
        if (verb->options[i].letter == letter)
            return i;
    return NOT_THERE;
}

static int no_such_option(struct cli *c, const char *word)
{
    char safe[80], name[80];
    struct cli_suggest s = { .typed = name };
    const size_t length = strcspn(word, "=");

    mdl_safe_text(safe, sizeof safe, word, length);
    mdl_safe_text(name, sizeof name, word + strspn(word, "-"), length - strspn(word, "-"));
    for (size_t i = 0; word[1] == '-' && c->verb->options[i].name; i++)
        cli_suggest_offer(&s, c->verb->options[i].name);
    if (s.best)
        return cli_fail(c, CLI_USAGE, "there is no option '%s'; did you mean '--%s'?", safe,
                        s.best);
    return cli_fail(c, CLI_USAGE, "there is no option '%s'; 'mdl help %s' lists them", safe,
                    c->name);
}

/* One option at words[*at]; moves *at over a value in a word of its own. */
static int read_option(struct cli *c, int n, char **words, int *at)
{
    const char *word = words[*at];
    const int is_long = word[1] == '-';
    const size_t length = is_long ? strcspn(word + 2, "=") : 1;
    const size_t i = is_long ? find_long(c->verb, word + 2, length) : find_letter(c->verb, word[1]);

    if (i == NOT_THERE)
        return no_such_option(c, word);
    const struct cli_option *o = &c->verb->options[i];
    const char *rest = is_long ? word + 2 + length : word + 2;
    if (!o->takes) {
        if (*rest)
            return cli_fail(c, CLI_USAGE, "'--%s' takes no value", o->name);
        c->values[i] = "";
        return CLI_OK;
    }
    if (c->n_given == CLI_MAX_GIVEN)
        return cli_fail(c, CLI_USAGE, "more than %d options", CLI_MAX_GIVEN);
    if (*rest)
        c->values[i] = rest + is_long;       /* behind the '=' */
    else if (*at + 1 < n)
        c->values[i] = words[++*at];
    else
        return cli_fail(c, CLI_USAGE, "'--%s' needs a value: %s", o->name, o->takes);
    c->given[c->n_given].option = i;
    c->given[c->n_given++].value = c->values[i];
    return CLI_OK;
}

static int read_format(struct cli *c)
{
    static const char *const names[] = { "table", "json", "csv" };
    const char *typed = cli_option(c, "format");
    struct cli_suggest s = { .typed = typed };
    char safe[64];

    for (unsigned i = 0; typed && i < 3; i++) {
        cli_suggest_offer(&s, names[i]);
        if (!strcmp(typed, names[i])) {
            c->format = (enum cli_format)i;
            return CLI_OK;
        }
    }
    if (!typed)
        return CLI_OK;
    mdl_safe_text(safe, sizeof safe, typed, strlen(typed));
    return cli_fail(c, CLI_USAGE, "there is no format '%s', only table, json and csv%s%s%s", safe,
                    s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
}

static int count_args(struct cli *c)
{
    char safe[80];

    if (c->n_args < c->verb->min_args)
        return cli_fail(c, CLI_USAGE, "too few arguments; use: mdl %s %s", c->name,
                        c->verb->args);
    if (c->n_args > c->verb->max_args) {
        const char *extra = c->args[c->verb->max_args];
        return cli_fail(c, CLI_USAGE, "'%s' is one argument too many; use: mdl %s %s",
                        mdl_safe_text(safe, sizeof safe, extra, strlen(extra)), c->name,
                        c->verb->args);
    }
    return CLI_OK;
}

int cli_read_options(struct cli *c, int n, char **words, int *done)
{
    int code = CLI_OK, only_args = 0;

    for (int i = 0; i < n && code == CLI_OK; i++) {
        const char *word = words[i];
        if (!only_args && !strcmp(word, "--"))
            only_args = 1;
        else if (!only_args && word[0] == '-' && word[1])
            code = read_option(c, n, words, &i);
        else if (c->n_args == CLI_MAX_ARGS)
            code = cli_fail(c, CLI_USAGE, "too many arguments; use: mdl %s %s", c->name,
                            c->verb->args);
        else
            c->args[c->n_args++] = word;
    }
    if (code)
        return code;
    if (cli_option(c, "help")) {
        *done = 1;
        for (size_t i = 0; i < N_VERBS; i++)
            if (verbs[i].verb == c->verb)
                cli_help_verb(stdout, verbs[i].name, c->verb, verbs[i].about);
        return CLI_OK;
    }
    c->quiet = cli_option(c, "quiet") != NULL;
    c->progress = !c->quiet && cli_os_is_terminal(stderr);
    code = read_format(c);
    return code ? code : count_args(c);
}

const char *cli_option(const struct cli *c, const char *name)
{
    const size_t i = find_long(c->verb, name, strlen(name));

    return i == NOT_THERE ? NULL : c->values[i];
}

const char *cli_option_next(const struct cli *c, const char *name, size_t *at)
{
    const size_t i = find_long(c->verb, name, strlen(name));

    while (i != NOT_THERE && *at < c->n_given)
        if (c->given[(*at)++].option == i)
            return c->given[*at - 1].value;
    return NULL;
}

int cli_parse_count(const char *text, uint64_t least, uint64_t *out)
{
    int64_t v;
    const size_t length = strlen(text);

    if (!length || mdl_parse_i64(text, length, &v) != length || v < 0 || (uint64_t)v < least)
        return 0;
    *out = (uint64_t)v;
    return 1;
}

/* ---- help ------------------------------------------------------------------------------ */

void cli_help_program(FILE *to)
{
    fprintf(to, "mdl %s - run trained models, bit for bit as the framework that trained them\n\n"
                "usage: mdl VERB [options]\n\n", mdl_version_string());
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(to, "  %-9s%s\n", verbs[i].name, verbs[i].about);
    fprintf(to,
            "\n'mdl help VERB' shows a verb with its options and an example, 'mdl help ops' the\n"
            "operators of .mdl files, too, 'mdl --version' the version.  '-' as a file is standard\n"
            "input or output.\n"
            "\n"
            "exit codes: 0 ok, 1 a check failed, 2 usage, 3 bad model, 4 unsupported, 5 bad data,\n"
            "            6 input/output or memory\n");
}

void cli_help_verb(FILE *to, const char *name, const struct cli_verb *verb, const char *about)
{
    char left[64];

    fprintf(to, "mdl %s - %s\n\nusage: mdl %s %s\n\n", name, about, name, verb->args);
    for (const struct cli_option *o = verb->options; o->name; o++) {
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "",
                 o->letter ? o->letter : ' ', o->letter ? ", " : "   ", o->name,
                 o->takes ? " " : "", o->takes ? o->takes : "");
        fprintf(to, "  %-26s %s\n", left, o->about);
    }
    if (verb->more)
        fprintf(to, "\n%s", verb->more);
    if (verb->list)
        verb->list(to);
}
