/*
 * cli/cmd_convert.c - mdl convert: a framework's model file becomes a .mdl file
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/input.h"
#include "cli/os.h"
#include "cli/report.h"
#include "cli/sink.h"
#include "cli/tensors.h"

#include "mdl_import.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    { "out", 'o', "M.mdl", "where to write; '-' is standard output" },
    { "from", 0, "NAME", "read it as a file of this framework; else its content decides" },
    { "dir", 0, "FOLDER", "of tensors that an ONNX model keeps in other files; else beside it" },
    { "without", 0, "PASSES", "clean-up of networks to leave out: fold,dead, or all" },
    { "best-iteration", 0, "N", "keep rounds 0 to N, or all; else as the file says" },
    { "leaves", 0, "TYPE", "float16: round the leaf values of trees to it" },
    { "ready", 0, NULL, "store what loading works out, too: larger, loads sooner, shared by processes" },
    { "force", 'f', NULL, "overwrite M.mdl even when it is no .mdl file" },
    CLI_OPTION_FORMAT,
    CLI_OPTION_QUIET,
    CLI_OPTION_HELP,
    CLI_OPTION_END,
};

static const char more[] =
    "Everything in the file that cannot be converted is listed at once.  M.mdl appears whole or\n"
    "not at all.  Models of scikit-learn are Python objects: 'import mdl' there converts them.\n"
    "A model of YDF is a folder; where its files have a prefix, name the one of data_spec.pb.\n"
    "'mdl ops' lists the operators of ONNX, 'mdl inspect --passes' the clean-up passes.  A .mdl file\n"
    "is written once more: with --ready, or without, or with --leaves.\n"
    "\n"
    "example:\n"
    "  mdl convert model.json -o model.mdl\n"
    "  mdl convert net.onnx -o net.mdl --dir weights\n"
    "  mdl convert model.mdl -o small.mdl --leaves float16\n";

static int on_progress(void *user, uint64_t done, uint64_t total)
{
    struct cli *c = user;

    if (done && done < total)
        cli_progress(c, "converting: %u %%", (unsigned)(done / (total / 100 + 1)));
    return 0;
}

static int read_iteration(struct cli *c, int64_t *out)
{
    const char *typed = cli_option(c, "best-iteration");
    uint64_t n;

    if (!typed)
        return CLI_OK;
    if (!strcmp(typed, "all")) {
        *out = -2;
        return CLI_OK;
    }
    if (!cli_parse_count(typed, 0, &n))
        return cli_fail(c, CLI_USAGE, "--best-iteration is a number of a round, from 0, or all");
    *out = (int64_t)n;
    return CLI_OK;
}

static int read_from(struct cli *c, const char **from)
{
    struct cli_suggest s = { .typed = cli_option(c, "from") };
    char safe[64];

    *from = s.typed;
    for (size_t i = 0; s.typed && mdl_importer_name(i); i++) {
        cli_suggest_offer(&s, mdl_importer_name(i));
        if (!strcmp(s.typed, mdl_importer_name(i)))
            return CLI_OK;
    }
    if (!s.typed)
        return CLI_OK;
    mdl_safe_text(safe, sizeof safe, s.typed, strlen(s.typed));
    if (s.best)
        return cli_fail(c, CLI_USAGE, "nothing here reads files of '%s'; did you mean '%s'?", safe,
                        s.best);
    return cli_fail(c, CLI_USAGE, "nothing here reads files of '%s'; 'mdl help convert' says what "
                    "can be read", safe);
}

/* --without: passes by name. */
static int read_without(struct cli *c, const char **out)
{
    const char *typed = cli_option(c, "without");
    char name[64], known[200] = "";
    size_t used = 0;

    *out = typed;
    for (size_t i = 0; mdl_pass_name(i) && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", mdl_pass_name(i));
    for (const char *at = typed; at && *at; at += strcspn(at, ","), at += *at == ',') {
        struct cli_suggest s = { .typed = name };
        mdl_safe_text(name, sizeof name, at, strcspn(at, ","));
        int found = !strcmp(name, "all");
        for (size_t i = 0; mdl_pass_name(i); i++) {
            cli_suggest_offer(&s, mdl_pass_name(i));
            found |= !strcmp(name, mdl_pass_name(i));
        }
        if (!found)
            return cli_fail(c, CLI_USAGE, "--without: there is no pass '%s', but %sall%s%s%s", name,
                            known, s.best ? "; did you mean '" : "", s.best ? s.best : "",
                            s.best ? "'?" : "");
    }
    return CLI_OK;
}

static int read_leaves(struct cli *c)
{
    const char *typed = cli_option(c, "leaves");
    char safe[64];

    if (!typed || !strcmp(typed, "float16"))
        return CLI_OK;
    return cli_fail(c, CLI_USAGE, "--leaves takes float16, not '%s'; without it leaves keep the source's "
                    "bits", mdl_safe_text(safe, sizeof safe, typed, strlen(typed)));
}

static int is_mdl(const unsigned char *bytes, size_t n)
{
    return n >= 8 && !memcmp(bytes, "\x89MDL\r\n\x1a\n", 8);
}

/* May `out` be written?  Never over the source; over something else only by force. */
static int may_write(struct cli *c, const char *source, const char *out)
{
    struct input in;
    mdl_error err = MDL_ERROR_INIT;
    int replaces = 0;

    if (!out)
        return cli_fail(c, CLI_USAGE, "where to? -o model.mdl");
    if (!strcmp(out, "-"))
        return CLI_OK;
    if (strcmp(source, "-") != 0 && cli_os_same_file(source, out))
        return cli_fail(c, CLI_USAGE, "'%s' is the source itself; write to another file", out);
    if (cli_os_kind(out) != CLI_KIND_FILE || cli_option(c, "force"))
        return CLI_OK;
    if (!cli_input_open(&in, out, &err)) {
        const size_t n = cli_input_peek(&in);
        replaces = !n || is_mdl(in.at, n);
    }
    cli_input_close(&in);
    return replaces ? CLI_OK
                    : cli_fail(c, CLI_USAGE, "'%s' is there and is no .mdl file; --force "
                               "overwrites it", out);
}

/* The first bytes of a source, for a hint. */
struct head {
    unsigned char bytes[32];
    size_t n;
};

/* Failures of the importer, with a hint for files that are something else altogether. */
static int import_failed(struct cli *c, const char *source, const char *from, const struct head *head,
                         const mdl_error *err)
{
    const int damaged = cli_file_converts(head->bytes, head->n) || (is_mdl(head->bytes, head->n) && !from);
    const char *hint = err->code == MDL_ERR_FORMAT && !damaged ? cli_file_hint(head->bytes, head->n)
                                                               : NULL;
    char safe[256];

    if (cli_os_kind(source) == CLI_KIND_FOLDER)
        return err->code != MDL_ERR_IO ? cli_failed(c, source, err)
            : cli_fail(c, CLI_IO, "%s is a folder without a model of YDF (a file data_spec.pb), the only "
                       "one that is a folder; name the model's file",
                       mdl_safe_text(safe, sizeof safe, source, strlen(source)));
    if (hint)
        return cli_fail(c, CLI_BAD_MODEL, "%s cannot be converted: %s",
                        mdl_safe_text(safe, sizeof safe, source, strlen(source)), hint);
    return cli_failed(c, source, err);
}

/* A model that is a .mdl file already: to be written once more, in another way. */
static mdl_status open_model(mdl_builder **out, const char *path, const void *bytes, size_t size,
                             mdl_error *err)
{
    const mdl_load_options o = { .size = sizeof o, .engine = "plain" };   /* nobody predicts */
    mdl_model *m = NULL;
    mdl_status s = path ? mdl_load(&m, path, &o, err) : mdl_load_memory(&m, bytes, size, &o, err);

    if (!s) *out = mdl_builder_from_model(m, err);
    mdl_free(m);
    return s ? s : *out ? MDL_OK : err->code;
}

static int import(struct cli *c, const char *source, mdl_import_options *o, mdl_builder **out)
{
    const int is_stdin = !strcmp(source, "-");
    const int is_folder = !is_stdin && cli_os_kind(source) == CLI_KIND_FOLDER;
    struct input in = { 0 };
    struct head head = { .n = 0 };
    unsigned char *bytes = NULL;
    size_t size = 0;
    mdl_error err = MDL_ERROR_INIT;

    o->file = is_stdin ? "standard input" : source;
    mdl_status s = is_folder ? MDL_OK : cli_input_open(&in, source, &err);
    if (!s && !is_folder) {
        const size_t n = cli_input_peek(&in);
        head.n = n < sizeof head.bytes ? n : sizeof head.bytes;
        memcpy(head.bytes, in.at, head.n);
        s = cli_input_status(&in, &err);
    }
    if (!s && is_stdin) s = cli_input_all(&in, &bytes, &size, SIZE_MAX / 4, &err);
    if (!s && !o->from && is_mdl(head.bytes, head.n))
        s = open_model(out, is_stdin ? NULL : source, bytes, size, &err);
    else if (!s)
        s = is_stdin ? mdl_import_memory(out, bytes, size, o, &err)
                     : mdl_import(out, source, o, &err);
    cli_input_close(&in);
    free(bytes);
    return s ? import_failed(c, o->file, o->from, &head, &err) : CLI_OK;
}

/* --leaves: the builder of the model becomes that of the rounded one. */
static int round_leaves(struct cli *c, const char *source, mdl_builder **b)
{
    mdl_load_options borrow = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *rounded = NULL;
    mdl_model *m = NULL;
    const void *bytes;
    size_t size;

    if (!cli_option(c, "leaves"))
        return CLI_OK;
    borrow.engine = "plain";                     /* nobody predicts */
    borrow.flags = MDL_LOAD_BORROW;
    mdl_status s = mdl_build_bytes(*b, &bytes, &size, &err);
    if (!s) s = mdl_load_memory(&m, bytes, size, &borrow, &err);
    if (!s) s = mdl_round_leaves(&rounded, m, MDL_F16, &err);
    mdl_free(m);
    if (s)
        return cli_failed(c, source, &err);
    mdl_builder_free(*b);
    *b = rounded;
    return CLI_OK;
}

/* ---- what was made ----------------------------------------------------------------- */

static const char *metadata(const mdl_model *m, const char *key)
{
    const char *text = mdl_metadata_get(m, key);

    return text ? text : "";
}

static void put_text(struct report *r, const char *what, const char *text)
{
    if (r->format == CLI_TABLE && !*text)
        return;
    if (r->format == CLI_TABLE)
        cli_report_text(r, what);
    cli_report_text(r, text);
}

static void put_count(struct report *r, const char *what, uint64_t n)
{
    char text[32];

    if (r->format == CLI_TABLE) {
        cli_report_text(r, what);
        cli_report_text(r, cli_count_text(text, n));
    } else {
        cli_report_count(r, n);
    }
}

static const char *output_names(const mdl_model *m, char *out, size_t room)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < mdl_output_count(m) && used + 2 < room; i++) {
        mdl_output_info info = { .size = sizeof info };
        mdl_output(m, i, &info);
        const int n = snprintf(out + used, room - used, "%s%s", i ? ", " : "", info.name);
        used += n > 0 ? (size_t)n : 0;
    }
    return out;
}

static const char *input_type(const mdl_model *m, size_t i, const char **name)
{
    mdl_input_info in = { .size = sizeof in };

    mdl_input(m, i, &in);
    *name = in.name;
    return mdl_type_name(in.type);
}

static void facts(FILE *to, const char *source, const char *out, const mdl_model *m)
{
    static const char *const keys[] = { "producer", "passes" };
    char nodes[32], bytes[32];

    fprintf(to, "file       %s\nsource     %s\nframework  %s %s\n", out, source,
            metadata(m, "source"), metadata(m, "source_version"));
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (*metadata(m, keys[k])) {
            fprintf(to, "%-10s ", keys[k]);
            cli_put_text(to, metadata(m, keys[k]));
            fputc('\n', to);
        }
    fprintf(to, "operators  %s\nbytes      %s\n", cli_count_text(nodes, mdl_node_count(m)),
            cli_count_text(bytes, mdl_file_bytes(m)));
}

/* A network: a line for each input and output. */
static void show_tensors(struct cli *c, const char *source, const char *out, const mdl_model *m,
                         FILE *to)
{
    static const char *const heads[] = { "what", "name", "type", "shape", NULL };
    struct known_shape shape;
    struct report r;
    char text[300];
    const char *name;

    cli_report_start(&r, c->format, heads);
    for (size_t i = 0; i < mdl_input_count(m); i++) {
        const char *type = input_type(m, i, &name);
        cli_report_text(&r, "input");
        cli_report_text(&r, name);
        cli_report_text(&r, type);
        cli_report_text(&r, cli_input_shape(m, i, text, sizeof text));
    }
    for (size_t i = 0; i < mdl_output_count(m); i++) {
        mdl_output_info o = { .size = sizeof o };
        mdl_output(m, i, &o);
        cli_output_shape(m, i, &shape);
        cli_report_text(&r, "output");
        cli_report_text(&r, o.name);
        cli_report_text(&r, mdl_type_name(o.type));
        cli_report_text(&r, shape.rank == MDL_ANY_RANK
                            ? "known when it runs"
                            : cli_known_shape_text(&shape, text, sizeof text));
    }
    if (c->format == CLI_TABLE) {
        facts(to, source, out, m);
        fputc('\n', to);
    }
    cli_report_end(&r, to);
}

/* "float16, ..." or "". */
static const char *leaves(const mdl_model *m, char *out, size_t room)
{
    const char *type = metadata(m, "leaves");

    if (!*type)
        return "";
    snprintf(out, room, "%s: moved by %s at most, %s on average; sums by %s at most", type,
             metadata(m, "leaf_change_most"), metadata(m, "leaf_change_mean"),
             metadata(m, "sum_change_most"));
    return out;
}

static void show(struct cli *c, const char *source, const char *out, const mdl_model *m, FILE *to)
{
    static const char *const across[] = { "file", "source", "framework", "version", "kind",
                                          "objective", "trees", "nodes", "leaves", "columns",
                                          "outputs", "bytes", NULL };
    static const char *const down[] = { "file", "", NULL };
    const struct cli_trees t = cli_count_trees(m);
    struct report r;
    char names[400];

    cli_report_start(&r, c->format, c->format == CLI_TABLE ? down : across);
    if (c->format == CLI_TABLE)
        r.heads[1] = out;
    else
        cli_report_text(&r, out);
    put_text(&r, "source", source);
    put_text(&r, "framework", metadata(m, "source"));
    put_text(&r, "version", metadata(m, "source_version"));
    put_text(&r, "kind", metadata(m, "source_kind"));
    put_text(&r, "objective", metadata(m, "objective"));
    put_count(&r, "trees", t.trees);
    put_count(&r, "nodes", t.nodes);
    put_text(&r, "leaves", leaves(m, names, sizeof names));
    put_count(&r, "columns", mdl_input_cols(m));
    put_text(&r, "outputs", output_names(m, names, sizeof names));
    put_count(&r, "bytes", mdl_file_bytes(m));
    cli_report_end(&r, to);
}

static int save(struct cli *c, const char *source, const char *out, mdl_builder *b)
{
    mdl_load_options borrow = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = NULL;
    struct sink sink;
    const void *bytes;
    size_t size;

    borrow.engine = "plain";                     /* nobody predicts */
    borrow.flags = MDL_LOAD_BORROW;              /* the builder has the bytes until the end */
    if (mdl_build_bytes(b, &bytes, &size, &err)
        || mdl_load_memory(&m, bytes, size, &borrow, &err))
        return cli_failed(c, source, &err);
    int code = cli_sink_open(c, &sink, out);
    if (!code) {
        fwrite(bytes, 1, size, sink.file);
        code = cli_sink_close(c, &sink, CLI_OK);
    }
    if (!code && (sink.path || !c->quiet))
        (cli_is_tensors(m) ? show_tensors : show)(c, source, out, m, sink.path ? stdout : stderr);
    mdl_free(m);
    return code;
}

static int run(struct cli *c)
{
    const char *source = c->args[0], *out = cli_option(c, "out");
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_builder *b = NULL;
    int code = may_write(c, source, out);

    if (!code) code = read_iteration(c, &o.best_iteration);
    if (!code) code = read_from(c, &o.from);
    if (!code) code = read_without(c, &o.without);
    if (!code) code = read_leaves(c);
    o.directory = cli_option(c, "dir");
    o.progress = on_progress;
    o.user = c;
    if (!code) code = import(c, source, &o, &b);
    if (!code) code = round_leaves(c, source, &b);
    if (!code && cli_option(c, "ready"))
        mdl_build_ready(b, 1);
    if (!code) code = save(c, source, out, b);
    mdl_builder_free(b);
    return code;
}

static void list_importers(FILE *to)
{
    fprintf(to, "\nwhat can be read:\n");
    for (size_t i = 0; mdl_importer_name(i); i++)
        fprintf(to, "  %-12s %s\n", mdl_importer_name(i), mdl_importer_about(i));
}

const struct cli_verb cli_verb_convert = { "SOURCE -o M.mdl", 1, 1, options, more, list_importers,
                                           run };
