/*
 * cli/cmd_ops.c - mdl ops: the operators of ONNX that can be converted, and their opsets
 *
 * From the tables that the importer itself goes by; what it knows by several lines with
 * adjoining opsets is one line here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/report.h"

#include "mdl_import.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "'opsets' are those of the domain in which the operator is converted; 'becomes' is the\n"
    "operator of libmodel, where it is one; those stand below, with their parameters.\n"
    "With NAME only operators whose name has it.  Exit 4 when there is none.\n"
    "\n"
    "example:\n"
    "  mdl ops\n"
    "  mdl ops conv\n"
    "  mdl ops --format csv\n";

static int by_name(const void *a, const void *b)
{
    const mdl_onnx_op_info *x = a, *y = b;
    int order = strcmp(x->domain, y->domain);

    if (!order) order = strcmp(x->name, y->name);
    return order ? order : x->since < y->since ? -1 : x->since > y->since;
}

static char lower(char ch)
{
    return ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
}

/* Is `part` in `name`, whatever the case? */
static int has(const char *name, const char *part)
{
    for (; *name; name++) {
        size_t i = 0;
        while (part[i] && lower(name[i]) == lower(part[i]))
            i++;
        if (!part[i])
            return 1;
    }
    return !*part;
}

/* Join lines of one operator; how many are left. */
static size_t join(mdl_onnx_op_info *all, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        mdl_onnx_op_info *last = kept ? &all[kept - 1] : NULL;
        if (last && !strcmp(last->name, all[i].name) && !strcmp(last->domain, all[i].domain)
            && all[i].since <= last->until + 1) {
            last->until = all[i].until > last->until ? all[i].until : last->until;
            if (strcmp(last->op, all[i].op) != 0)
                last->op = "";
        } else {
            all[kept++] = all[i];
        }
    }
    return kept;
}

static int show(struct cli *c, mdl_onnx_op_info *all, size_t n, const char *part)
{
    static const char *const heads[] = { "operator", "domain", "from opset", "to opset", "becomes",
                                         NULL };
    struct cli_suggest s = { .typed = part };
    struct report r;
    size_t shown = 0;
    char safe[64];

    cli_report_start(&r, c->format, heads);
    for (size_t i = 0; i < n; i++) {
        cli_suggest_offer(&s, all[i].name);
        if (part && !has(all[i].name, part))
            continue;
        cli_report_text(&r, all[i].name);
        cli_report_text(&r, all[i].domain[0] ? all[i].domain : "ai.onnx");
        cli_report_count(&r, all[i].since);
        cli_report_count(&r, all[i].until);
        cli_report_text(&r, all[i].op);
        shown++;
    }
    cli_report_end(&r, shown ? stdout : stderr);
    if (!shown)
        return cli_fail(c, CLI_UNSUPPORTED, "no operator '%s' of ONNX can be converted%s%s%s",
                        mdl_safe_text(safe, sizeof safe, part, strlen(part)),
                        s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
    cli_note(c, "%llu operators of ONNX", (unsigned long long)shown);
    return CLI_OK;
}

static int run(struct cli *c)
{
    mdl_onnx_op_info one = { .size = sizeof one }, *all;
    size_t n = 0;

    while (!mdl_onnx_op(n, &one))
        n++;
    all = calloc(n + 1, sizeof *all);
    if (!all)
        return cli_fail(c, CLI_IO, "out of memory");
    for (size_t i = 0; i < n; i++) {
        all[i].size = sizeof *all;
        mdl_onnx_op(i, &all[i]);
    }
    qsort(all, n, sizeof *all, by_name);
    n = join(all, n);
    const int code = show(c, all, n, c->n_args ? c->args[0] : NULL);
    free(all);
    return code;
}

const struct cli_verb cli_verb_ops = { "[NAME]", 0, 1, options, more, cli_list_ops,
                                       run };
