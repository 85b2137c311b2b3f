/*
 * cli/main.c - the program mdl: find the verb, read its options, run it
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"
#include "cli/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What was written may fail to arrive only now: a full disk, a closed pipe. */
static int finish(struct cli *c, int code)
{
    cli_progress(c, NULL);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        const int why = errno;
        if (code == CLI_OK || code == CLI_CHECK_FAILED)
            code = cli_fail(c, CLI_IO, "cannot write to standard output: %s",
                            why ? strerror(why) : "an earlier write failed");
    }
    return code;
}

static int no_such_verb(struct cli *c, const char *typed)
{
    struct cli_suggest s = { .typed = typed };
    const char *name, *about;
    char safe[64];

    for (size_t i = 0; cli_verb_at(i, &name, &about); i++)
        cli_suggest_offer(&s, name);
    mdl_safe_text(safe, sizeof safe, typed, strlen(typed));
    if (s.best)
        return cli_fail(c, CLI_USAGE, "there is no verb '%s'; did you mean '%s'?", safe, s.best);
    return cli_fail(c, CLI_USAGE, "there is no verb '%s'; 'mdl help' lists them", safe);
}

int main(int argc, char **argv)
{
    struct cli c = { .name = NULL };
    int done = 0;

    cli_os_start();
    c.colour = cli_os_wants_colour(stderr);
    if (argc < 2) {
        cli_help_program(stderr);
        return CLI_USAGE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("mdl %s\n", mdl_version_string());
        return finish(&c, CLI_OK);
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
        cli_help_program(stdout);
        return finish(&c, CLI_OK);
    }

    c.verb = cli_verb_find(word);
    if (!c.verb)
        return no_such_verb(&c, word);
    c.name = word;
    int code = cli_read_options(&c, argc - 2, argv + 2, &done);
    if (code == CLI_OK && !done)
        code = c.verb->run(&c);
    return finish(&c, code);
}
