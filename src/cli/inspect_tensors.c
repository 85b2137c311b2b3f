/*
 * cli/inspect_tensors.c - mdl inspect of a network: inputs, outputs, operators, passes
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/inspect.h"
#include "cli/report.h"
#include "cli/tensors.h"

#include "mdl_import.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_NODES 30u

size_t cli_run_bytes(const mdl_model *model)
{
    mdl_tensor inputs[MOST_TENSORS], results[MOST_TENSORS];
    const size_t n = mdl_output_count(model);
    struct symbols s;
    size_t bytes;

    cli_symbols(model, &s);
    if (s.is_any_rank || n > MOST_TENSORS || mdl_input_count(model) > MOST_TENSORS)
        return SIZE_MAX;
    cli_symbol_inputs(model, &s, inputs);
    for (size_t i = 0; i < n; i++)
        results[i] = (mdl_tensor){ .size = sizeof *results };
    return mdl_run_shapes(model, inputs, mdl_input_count(model), results, n, &bytes, NULL)
         ? SIZE_MAX : bytes;
}

/* ---- inputs and outputs ------------------------------------------------------------ */

static void pad(FILE *to, size_t used, size_t width)
{
    for (; used < width; used++)
        fputc(' ', to);
}

static void values_as_text(FILE *to, const mdl_model *m)
{
    struct known_shape shape;
    char text[300];

    fputs("\ninputs\n", to);
    for (size_t i = 0; i < mdl_input_count(m); i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(m, i, &in);
        fputs("  ", to);
        pad(to, cli_put_text(to, in.name), 20);
        fprintf(to, " %-9s %s\n", mdl_type_name(in.type), cli_input_shape(m, i, text, sizeof text));
    }
    fputs("\noutputs\n", to);
    for (size_t i = 0; i < mdl_output_count(m); i++) {
        mdl_output_info o = { .size = sizeof o };
        mdl_output(m, i, &o);
        cli_output_shape(m, i, &shape);
        fputs("  ", to);
        pad(to, cli_put_text(to, o.name), 20);
        fprintf(to, " %-9s %s\n", mdl_type_name(o.type), shape.rank == MDL_ANY_RANK
                ? "shape known when it runs" : cli_known_shape_text(&shape, text, sizeof text));
    }
}

/* ---- operators --------------------------------------------------------------------- */

struct tally {
    const char *op;
    uint64_t    nodes, bytes;
};

/* Its parameter "kind": add, sub, ...; "" when it has none. */
static void kind_of(const mdl_model *m, size_t node, uint32_t n_params, char *text, size_t room)
{
    const char *name;

    for (size_t k = 0; k < n_params; k++)
        if (!mdl_node_param(m, node, k, &name, text, room) && !strcmp(name, "kind"))
            return;
    text[0] = '\0';
}

static int by_bytes(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    if (x->nodes != y->nodes)
        return x->nodes > y->nodes ? -1 : 1;
    return strcmp(x->op, y->op);
}

/* How many nodes of each operator, those with most weights first. */
static void tally_as_text(FILE *to, const mdl_model *m)
{
    const size_t n_nodes = mdl_node_count(m);
    struct tally *all = calloc(n_nodes + 1, sizeof *all);
    uint64_t bytes = 0;
    size_t n = 0;
    char text[32];

    for (size_t i = 0; all && i < n_nodes; i++) {
        mdl_node_info node = { .size = sizeof node };
        size_t k = 0;
        mdl_node(m, i, &node);
        while (k < n && strcmp(all[k].op, node.op) != 0)
            k++;
        n += k == n;
        all[k].op = node.op;
        all[k].nodes++;
        all[k].bytes += node.bytes;
        bytes += node.bytes;
    }
    fprintf(to, "\n%llu operators", (unsigned long long)n_nodes);
    fprintf(to, ", %s bytes of weights\n", cli_count_text(text, bytes));
    if (all)
        qsort(all, n, sizeof *all, by_bytes);
    for (size_t k = 0; all && k < n; k++)
        fprintf(to, "  %-20s %6llu  %15s bytes of weights\n", all[k].op,
                (unsigned long long)all[k].nodes, cli_count_text(text, all[k].bytes));
    free(all);
}

static void node_as_text(FILE *to, const mdl_model *m, size_t i)
{
    mdl_node_info n = { .size = sizeof n };
    char text[96], kind[48];

    mdl_node(m, i, &n);
    kind_of(m, i, n.n_params, kind, sizeof kind);
    snprintf(text, sizeof text, "%s%s%s", n.op, *kind ? " " : "", kind);
    const int width = n.n_tensors || *n.name ? 24 : 0;
    fprintf(to, "  %4llu  %-*s", (unsigned long long)i, width, text);
    for (size_t k = 0, shown = 0; k < n.n_tensors; k++) {
        mdl_tensor t = { .size = sizeof t };
        mdl_node_tensor(m, i, k, &t);
        fprintf(to, "%s%s %s", shown++ ? ", " : " ", t.name, cli_dims_text(&t, text, sizeof text));
    }
    if (*n.name) {
        fputs(n.n_tensors ? "  " : " ", to);
        cli_put_text(to, n.name);
    }
    fputc('\n', to);
}

void cli_inspect_tensors(FILE *to, const mdl_model *m, int all)
{
    const size_t n = mdl_node_count(m);
    size_t shown = 0, others = 0;

    values_as_text(to, m);
    tally_as_text(to, m);
    fprintf(to, "\ngraph, in the order in which it runs%s\n", all ? "" : ", without constants");
    for (size_t i = 0; i < n; i++) {
        mdl_node_info node = { .size = sizeof node };
        mdl_node(m, i, &node);
        const int plain = strcmp(node.op, "constant") != 0;
        others += (size_t)plain;
        if (!all && (!plain || shown == SHOWN_NODES))
            continue;
        node_as_text(to, m, i);
        shown++;
    }
    if (!all && shown < others)
        fprintf(to, "  ... %llu more; --all shows them\n", (unsigned long long)(others - shown));
}

/* ---- passes ------------------------------------------------------------------------ */

/* "fold 12, same 3": what stands behind a name; NULL when it does not stand there. */
static const char *count_of(const char *report, const char *name, char *out, size_t room)
{
    const size_t n = strlen(name);

    for (const char *at = report; at && *at; at += strcspn(at, ","), at += strspn(at, ", "))
        if (!strncmp(at, name, n) && at[n] == ' ') {
            snprintf(out, room, "%.*s", (int)strcspn(at + n + 1, ","), at + n + 1);
            return out;
        }
    return NULL;
}

void cli_inspect_passes(struct cli *c, FILE *to, const mdl_model *model)
{
    static const char *const plain[] = { "pass", "about", NULL };
    static const char *const counted[] = { "pass", "changes", "about", NULL };
    const char *done = model ? mdl_metadata_get(model, "passes") : NULL;
    struct report r;
    char text[32];

    cli_report_start(&r, c->format, model ? counted : plain);
    for (size_t i = 0; mdl_pass_name(i); i++) {
        const char *n = count_of(done, mdl_pass_name(i), text, sizeof text);
        cli_report_text(&r, mdl_pass_name(i));
        if (model && n)
            cli_report_number(&r, n);
        else if (model)
            cli_report_text(&r, "left out");
        cli_report_text(&r, mdl_pass_about(i));
    }
    cli_report_end(&r, to);
    if (model && !done)
        cli_note(c, "no passes were run over this model: its source is no network");
}
