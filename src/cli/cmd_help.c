/*
 * cli/cmd_help.c - mdl help: the program, a verb, or the operators
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/report.h"

#include "mdl_build.h"

#include <string.h>

static const struct cli_option options[] = {
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "'mdl help ops' shows the operators that .mdl files are made of, too, as a table with\n"
    "--format csv or json; those of ONNX, with their opsets, 'mdl ops' lists.\n"
    "\n"
    "example:\n"
    "  mdl help predict\n"
    "  mdl help ops\n";

static void inputs_text(const mdl_op_info *op, char *out, size_t room)
{
    if (op->min_inputs == op->max_inputs)
        snprintf(out, room, "%u", op->min_inputs);
    else
        snprintf(out, room, "%u to %u", op->min_inputs, op->max_inputs);
}

void cli_list_ops(FILE *to)
{
    mdl_op_info op = { .size = sizeof op };
    const char *name;
    char text[200];

    fprintf(to, "\noperators of .mdl files:\n");
    for (size_t i = 0; !mdl_op(i, &op); i++) {
        inputs_text(&op, text, sizeof text);
        fprintf(to, "\n%-12s %s\n%-13sinputs: %s, results: %u\n", op.name, op.about, "", text,
                op.n_results);
        for (size_t k = 0; !mdl_op_param(i, k, &name, text, sizeof text); k++)
            fprintf(to, "%-13s%-16s %s\n", k ? "" : "  parameters", name, text);
        for (size_t k = 0; !mdl_op_weight(i, k, &name, text, sizeof text); k++)
            fprintf(to, "%-13s%-16s %s\n", k ? "" : "  weights", name, text);
    }
}

/* One record a thing: the operator itself, each parameter, each weight array. */
static void ops_as_records(enum cli_format format)
{
    static const char *const heads[] = { "operator", "what", "name", "about", NULL };
    mdl_op_info op = { .size = sizeof op };
    struct report r;
    const char *name;
    char text[200];

    cli_report_start(&r, format, heads);
    for (size_t i = 0; !mdl_op(i, &op); i++) {
        const char *rows[3] = { "operator", "parameter", "weight" };
        for (int what = 0; what < 3; what++)
            for (size_t k = 0;; k++) {
                if (what == 0 && k == 1)
                    break;
                if (what == 1 && mdl_op_param(i, k, &name, text, sizeof text))
                    break;
                if (what == 2 && mdl_op_weight(i, k, &name, text, sizeof text))
                    break;
                cli_report_text(&r, op.name);
                cli_report_text(&r, rows[what]);
                cli_report_text(&r, what ? name : "");
                cli_report_text(&r, what ? text : op.about);
            }
    }
    cli_report_end(&r, stdout);
}

static int run(struct cli *c)
{
    struct cli_suggest s = { .typed = c->n_args ? c->args[0] : NULL };
    const struct cli_verb *verb;
    const char *name, *about;
    char safe[64];

    if (!c->n_args) {
        cli_help_program(stdout);
        return CLI_OK;
    }
    if (!strcmp(c->args[0], "ops") && c->format != CLI_TABLE) {
        ops_as_records(c->format);
        return CLI_OK;
    }
    for (size_t i = 0; (verb = cli_verb_at(i, &name, &about)) != NULL; i++) {
        cli_suggest_offer(&s, name);
        if (!strcmp(c->args[0], name)) {
            cli_help_verb(stdout, name, verb, about);
            return CLI_OK;
        }
    }
    mdl_safe_text(safe, sizeof safe, c->args[0], strlen(c->args[0]));
    return cli_fail(c, CLI_USAGE, "there is no verb '%s'%s%s%s", safe,
                    s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
}

const struct cli_verb cli_verb_help = { "[VERB]", 0, 1, options, more, NULL, run };
