/*
 * cli/cmd_inspect.c - mdl inspect: schema, graph, sizes, provenance
 *
 * As CSV everything is one list of facts (section, name, key, value); as JSON and as text it
 * is laid out below, section by section.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/inspect.h"

#include "cli/number_text.h"
#include "cli/report.h"
#include "cli/sink.h"
#include "cli/tensors.h"
#include "cli/tree_view.h"

#include <string.h>

#define SHOWN_COLUMNS 30u

static const struct cli_option options[] = {
    { "all", 'a', NULL, "every column, category and node, however many" },
    { "passes", 0, NULL, "the clean-up passes over networks, and what each did to MODEL.mdl" },
    { "importance", 0, NULL, "columns by importance, as the source has it, the largest first" },
    { "tree", 't', "N", "tree N, from 0 on: its splits and leaves" },
    { "node", 0, "N", "of operator N, where several have trees" },
    { "dot", 0, NULL, "the tree for Graphviz" },
    { "svg", 0, NULL, "the tree as a picture" },
    { "out", 'o', "FILE", "write there instead of to standard output" },
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "example:\n"
    "  mdl inspect model.mdl\n"
    "  mdl inspect model.mdl --format json\n"
    "  mdl inspect model.mdl --importance\n"
    "  mdl inspect model.mdl --tree 7\n"
    "  mdl inspect model.mdl --tree 7 --svg -o tree.svg\n"
    "  mdl inspect net.mdl --passes\n";

const char *cli_kind_name(uint32_t kind)
{
    static const char *const names[] = { "number", "integer", "category", "string", "hash" };

    return kind < 5 ? names[kind] : "?";
}

const char *cli_dims_text(const mdl_tensor *t, char *out, size_t room)
{
    size_t used = (size_t)snprintf(out, room, "[");

    for (uint32_t i = 0; i < t->rank && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%lld", i ? ", " : "",
                                 (long long)t->dims[i]);
    if (used < room)
        snprintf(out + used, room - used, "]");
    return out;
}

/* ---- as text --------------------------------------------------------------------------- */

static void head(FILE *to, const char *text)
{
    fprintf(to, "\n%s\n", text);
}

static void input_as_text(FILE *to, const mdl_model *m, size_t input, int all)
{
    mdl_input_info in = { .size = sizeof in };
    const size_t cols = (mdl_input(m, input, &in), (size_t)in.dims[1]);
    char text[96];

    snprintf(text, sizeof text, ": %s, %llu columns, absent sparse entries are %s",
             mdl_type_name(in.type), (unsigned long long)cols, in.absent_missing ? "missing" : "0");
    fputs("\ninput ", to);
    cli_put_text(to, in.name);
    fprintf(to, "%s\n", text);
    for (size_t i = 0; i < cols && (all || i < SHOWN_COLUMNS); i++) {
        mdl_column_info column = { .size = sizeof column };
        mdl_column(m, input, i, &column);
        fprintf(to, "  %4llu  %-9s", (unsigned long long)i, cli_kind_name(column.kind));
        cli_put_text(to, column.name);
        for (size_t k = 0; k < column.n_categories && (all || k < 8); k++) {
            fputs(k ? ", " : "  = ", to);
            cli_put_text(to, mdl_category(m, input, i, k));
        }
        if (!all && column.n_categories > 8)
            fprintf(to, ", ... (%llu)", (unsigned long long)column.n_categories);
        fputc('\n', to);
    }
    if (!all && cols > SHOWN_COLUMNS)
        fprintf(to, "  ... %llu more; --all shows them\n",
                (unsigned long long)(cols - SHOWN_COLUMNS));
}

static void outputs_as_text(FILE *to, const mdl_model *m, int all)
{
    head(to, "outputs (the first is the main one)");
    for (size_t i = 0; i < mdl_output_count(m); i++) {
        mdl_output_info o = { .size = sizeof o };
        mdl_output(m, i, &o);
        fputs("  ", to);
        for (size_t n = cli_put_text(to, o.name); n < 14; n++)
            fputc(' ', to);
        fprintf(to, "%-8s %-8s %llu column%s", cli_role_name(o.role), mdl_type_name(o.type),
                (unsigned long long)o.cols, o.cols == 1 ? "" : "s");
        for (size_t k = 0; k < o.n_labels && (all || k < 8); k++) {
            fputs(k ? ", " : "  = ", to);
            cli_put_text(to, mdl_label(m, i, k));
        }
        if (!all && o.n_labels > 8)
            fprintf(to, ", ... (%llu)", (unsigned long long)o.n_labels);
        fputc('\n', to);
    }
}

static void graph_as_text(FILE *to, const mdl_model *m)
{
    const struct cli_trees t = cli_count_trees(m);
    char trees[32], nodes[32], leaves[32], rounds[32], text[80];
    const char *name;

    head(to, "graph, in the order in which it runs");
    for (size_t i = 0; i < mdl_node_count(m); i++) {
        mdl_node_info n = { .size = sizeof n };
        mdl_node(m, i, &n);
        fprintf(to, "  %2llu  %-11s", (unsigned long long)i, n.op);
        for (size_t k = 0; k < n.n_params; k++) {
            mdl_node_param(m, i, k, &name, text, sizeof text);
            fprintf(to, "%s%s=%s", k ? " " : "", name, text);
        }
        fprintf(to, "%s%s bytes of weights\n", n.n_params ? ", " : "",
                cli_count_text(nodes, n.bytes));
    }
    if (t.trees)
        fprintf(to, "  %s trees in %s rounds: %s nodes, %s of them leaves\n",
                cli_count_text(trees, t.trees), cli_count_text(rounds, t.iterations),
                cli_count_text(nodes, t.nodes), cli_count_text(leaves, t.leaves));
}

/* Which engine takes calls of how many rows, and what the others would cost. */
static void engines_as_text(FILE *to, const mdl_model *m)
{
    static const size_t rows[] = { 1, 16, 64, 256 };
    const char *name, *chosen[4];

    if (!(mdl_engine_cost(m, NULL, 1, NULL) > 0))
        return;
    head(to, "engines for the trees: estimated us a row by rows in a call, > is the chosen one");
    fprintf(to, "  %-8s", "");
    for (size_t k = 0; k < 4; k++) {
        mdl_engine_cost(m, NULL, rows[k], &chosen[k]);
        fprintf(to, "  %8llu%s", (unsigned long long)rows[k], k == 3 ? "+" : " ");
    }
    fputc('\n', to);
    for (size_t i = 0; (name = mdl_engine_name(i)) != NULL; i++) {
        fprintf(to, "  %-8s", name);
        for (size_t k = 0; k < 4; k++) {
            const double ns = mdl_engine_cost(m, name, rows[k], NULL);
            if (ns > 0)
                fprintf(to, " %c%8.3f ", chosen[k] && !strcmp(chosen[k], name) ? '>' : ' ', ns / 1000);
            else
                fprintf(to, "  %8s ", "-");
        }
        fputc('\n', to);
    }
}

static void memory_as_text(FILE *to, const mdl_model *m)
{
    char file[32], memory[32], scratch[32];
    const int tensors = cli_is_tensors(m);
    const size_t bytes = tensors ? cli_run_bytes(m) : mdl_context_bytes(m, 64);

    fprintf(to, "  %s bytes of file, %s allocated beside it, ",
            cli_count_text(file, mdl_file_bytes(m)), cli_count_text(memory, mdl_memory_bytes(m)));
    if (bytes == SIZE_MAX)
        fputs("what a run needs depends on its inputs\n", to);
    else
        fprintf(to, "%s per thread %s\n", cli_count_text(scratch, bytes),
                tensors ? "(open dimensions 1)" : "for 64 rows at once");
}

static void rest_as_text(FILE *to, const mdl_model *m, int all)
{
    const char *key, *value;
    const int tensors = cli_is_tensors(m);
    uint64_t rows = 0;
    char shape[200];

    head(to, "memory");
    memory_as_text(to, m);
    fprintf(to, "  kernels: %s\n", mdl_isa(m));
    engines_as_text(to, m);
    cli_inspect_bytes(to, m, all);

    head(to, "metadata");
    for (size_t i = 0; !mdl_metadata(m, i, &key, &value); i++) {
        fputs("  ", to);
        for (size_t n = cli_put_text(to, key); n < 20; n++)
            fputc(' ', to);
        fputc(' ', to);
        cli_put_text(to, value);
        fputc('\n', to);
    }

    head(to, tensors ? "golden tensors" : "golden rows");
    for (size_t i = 0; i < mdl_golden_count(m); i++) {
        mdl_tensor t = { .size = sizeof t };
        uint32_t is_output;
        mdl_golden(m, i, &t, &is_output);
        rows = tensors ? 1 : (uint64_t)t.dims[0];
        fprintf(to, "  %s ", is_output ? "output" : "input ");
        cli_put_text(to, t.name);
        if (tensors) {
            fprintf(to, ": %s %s\n", mdl_type_name(t.type), cli_dims_text(&t, shape, sizeof shape));
            continue;
        }
        fprintf(to, ": %s, %llu rows of %llu\n", mdl_type_name(t.type), (unsigned long long)rows,
                (unsigned long long)t.dims[1]);
    }
    if (!rows)
        fputs("  none; 'mdl check --reference' adds them\n", to);
}

static void as_text(FILE *to, const mdl_model *m, const char *path, int all)
{
    cli_put_text(to, path);
    fprintf(to, ": .mdl format %u.%u\n", mdl_format_version() / 1000, mdl_format_version() % 1000);
    if (cli_is_tensors(m)) {
        cli_inspect_tensors(to, m, all);
    } else {
        for (size_t i = 0; i < mdl_input_count(m); i++)
            input_as_text(to, m, i, all);
        outputs_as_text(to, m, all);
        graph_as_text(to, m);
    }
    rest_as_text(to, m, all);
}

/* ---- as a list of facts ---------------------------------------------------------------- */

static void fact(struct report *r, const char *section, const char *name, const char *key,
                 const char *value)
{
    cli_report_text(r, section);
    cli_report_text(r, name);
    cli_report_text(r, key);
    cli_report_text(r, value);
}

static void fact_count(struct report *r, const char *section, const char *name, const char *key,
                       uint64_t n)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    fact(r, section, name, key, text);
}

static void node_facts(struct report *r, const mdl_model *m, size_t i)
{
    mdl_node_info n = { .size = sizeof n };
    char text[96], id[24];
    const char *name;

    mdl_node(m, i, &n);
    snprintf(id, sizeof id, "%llu", (unsigned long long)i);
    fact(r, "node", id, "operator", n.op);
    fact_count(r, "node", id, "bytes", n.bytes);
    for (size_t k = 0; k < n.n_params; k++) {
        mdl_node_param(m, i, k, &name, text, sizeof text);
        fact(r, "node", id, name, text);
    }
    for (size_t k = 0; k < n.n_tensors; k++) {
        mdl_tensor t = { .size = sizeof t };
        mdl_node_tensor(m, i, k, &t);
        fact(r, "node", id, t.name, cli_dims_text(&t, text, sizeof text));
        snprintf(text, sizeof text, "%s bytes", t.name);
        fact_count(r, "node", id, text, cli_tensor_bytes(&t));
    }
}

static void as_facts(FILE *to, const mdl_model *m, const char *path)
{
    static const char *const heads[] = { "section", "name", "key", "value", NULL };
    const char *key, *value;
    const int tensors = cli_is_tensors(m);
    struct known_shape shape;
    struct report r;
    char text[300];

    cli_report_start(&r, CLI_CSV, heads);
    fact(&r, "file", path, "path", path);
    fact_count(&r, "file", path, "bytes", mdl_file_bytes(m));
    fact_count(&r, "file", path, "memory_bytes", mdl_memory_bytes(m));
    for (size_t i = 0; i < mdl_input_count(m); i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(m, i, &in);
        fact(&r, "input", in.name, "type", mdl_type_name(in.type));
        if (tensors) {
            fact(&r, "input", in.name, "shape", cli_input_shape(m, i, text, sizeof text));
            continue;
        }
        fact_count(&r, "input", in.name, "columns", (uint64_t)in.dims[1]);
        for (size_t k = 0; k < (size_t)in.dims[1]; k++) {
            mdl_column_info column = { .size = sizeof column };
            mdl_column(m, i, k, &column);
            fact(&r, "column", column.name, "kind", cli_kind_name(column.kind));
        }
    }
    for (size_t i = 0; i < mdl_output_count(m); i++) {
        mdl_output_info o = { .size = sizeof o };
        mdl_output(m, i, &o);
        fact(&r, "output", o.name, "role", cli_role_name(o.role));
        fact(&r, "output", o.name, "type", mdl_type_name(o.type));
        if (tensors) {
            cli_output_shape(m, i, &shape);
            fact(&r, "output", o.name, "shape", cli_known_shape_text(&shape, text, sizeof text));
            continue;
        }
        fact_count(&r, "output", o.name, "columns", o.cols);
    }
    for (size_t i = 0; i < mdl_node_count(m); i++)
        node_facts(&r, m, i);
    for (size_t i = 0; !mdl_metadata(m, i, &key, &value); i++)
        fact(&r, "metadata", "", key, value);
    cli_report_end(&r, to);
}

/* --tree, as it was asked for. */
static int show_tree(struct cli *c, const mdl_model *m, FILE *to)
{
    const char *node_text = cli_option(c, "node"), *tree_text = cli_option(c, "tree");
    uint64_t node = SIZE_MAX, tree;
    struct tree_view v;

    if (!cli_parse_count(tree_text, 0, &tree))
        return cli_fail(c, CLI_USAGE, "--tree wants a number from 0 on, not '%s'", tree_text);
    if (node_text && !cli_parse_count(node_text, 0, &node))
        return cli_fail(c, CLI_USAGE, "--node wants a number from 0 on, not '%s'", node_text);
    const int code = cli_tree_open(c, &v, m, (size_t)node, (size_t)tree);
    if (!code) {
        if (cli_option(c, "dot"))
            cli_tree_as_dot(to, &v);
        else if (cli_option(c, "svg"))
            cli_tree_as_svg(to, &v);
        else if (c->format != CLI_TABLE)
            cli_tree_as_table(to, &v, c->format);
        else
            cli_tree_as_text(to, &v);
    }
    cli_tree_close(&v);
    return code;
}

static int run(struct cli *c)
{
    mdl_model *m = NULL;
    struct sink sink;
    const int passes = cli_option(c, "passes") != NULL;

    if (!cli_option(c, "tree") && (cli_option(c, "dot") || cli_option(c, "svg")
                                   || cli_option(c, "node")))
        return cli_fail(c, CLI_USAGE, "which tree? --tree N says it, from 0 on");
    if (!c->n_args && !passes)
        return cli_fail(c, CLI_USAGE, "too few arguments; use: mdl %s %s", c->name,
                        c->verb->args);
    int code = c->n_args ? cli_load_model(c, &m, c->args[0]) : CLI_OK;
    if (!code) code = cli_sink_open(c, &sink, cli_option(c, "out"));
    if (!code && cli_option(c, "tree") && m) {
        code = cli_sink_close(c, &sink, show_tree(c, m, sink.file));
    } else if (!code && cli_option(c, "importance") && m) {
        code = cli_sink_close(c, &sink, cli_inspect_importance(c, sink.file, m));
    } else if (!code) {
        if (passes)
            cli_inspect_passes(c, sink.file, m);
        else if (c->format == CLI_JSON)
            cli_inspect_json(sink.file, m, c->args[0]);
        else if (c->format == CLI_CSV)
            as_facts(sink.file, m, c->args[0]);
        else
            as_text(sink.file, m, c->args[0], cli_option(c, "all") != NULL);
        code = cli_sink_close(c, &sink, CLI_OK);
    }
    mdl_free(m);
    return code;
}

const struct cli_verb cli_verb_inspect = { "MODEL.mdl", 0, 1, options, more, NULL, run };
