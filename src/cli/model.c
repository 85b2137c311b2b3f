/*
 * cli/model.c - load a model, find its outputs, count its trees
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"
#include "cli/input.h"

#include "mdl_build.h"

#include <stdlib.h>
#include <string.h>

/* The first bytes of a file decide what to say about one that is no model. */
static const char *hint_of_file(const char *path)
{
    struct input in;
    const char *hint = NULL;

    if (!cli_input_open(&in, path, NULL)) {
        const size_t n = cli_input_peek(&in);
        hint = n ? cli_file_hint(in.at, n) : "it is empty; " MDL_AGAIN;
        if (n >= 8 && !memcmp(in.at, "\x89MDL\r\n\x1a\n", 8))
            hint = NULL;                      /* it is one, but damaged */
    }
    cli_input_close(&in);
    return hint;
}

static mdl_status load_stdin(mdl_model **out, mdl_error *err)
{
    struct input in;
    unsigned char *bytes = NULL;
    size_t size = 0;
    mdl_status s = cli_input_open(&in, "-", err);

    if (!s) s = cli_input_all(&in, &bytes, &size, SIZE_MAX / 4, err);
    if (!s) s = mdl_load_memory(out, bytes, size, NULL, err);
    cli_input_close(&in);
    free(bytes);
    return s;
}

int cli_load_model(struct cli *c, mdl_model **out, const char *path)
{
    mdl_error err = MDL_ERROR_INIT;
    const int is_stdin = !strcmp(path, "-");
    char safe[256];

    *out = NULL;
    const mdl_status s = is_stdin ? load_stdin(out, &err) : mdl_load(out, path, NULL, &err);
    if (!s)
        return CLI_OK;
    const char *hint = s == MDL_ERR_FORMAT && !is_stdin ? hint_of_file(path) : NULL;
    if (hint)
        return cli_fail(c, CLI_BAD_MODEL, "%s is not a .mdl file: %s",
                        mdl_safe_text(safe, sizeof safe, path, strlen(path)), hint);
    return cli_failed(c, is_stdin ? "standard input" : path, &err);
}

/* Is it an operator on tensors? */
static int is_tensor_op(const char *name)
{
    mdl_op_info op = { .size = sizeof op };

    for (size_t i = 0; !mdl_op(i, &op); i++)
        if (!strcmp(op.name, name))
            return (op.flags & MDL_OP_TENSOR) != 0;
    return 0;
}

int cli_is_tensors(const mdl_model *model)
{
    for (size_t i = 0; i < mdl_input_count(model); i++) {
        mdl_input_info in = { .size = sizeof in };
        mdl_input(model, i, &in);
        if (in.rank != 2 || in.dims[0] != -1 || in.dims[1] < 0)
            return 1;
    }
    for (size_t i = 0; i < mdl_node_count(model); i++) {
        mdl_node_info n = { .size = sizeof n };
        mdl_node(model, i, &n);
        if (is_tensor_op(n.op))
            return 1;
    }
    return 0;
}

struct cli_trees cli_count_trees(const mdl_model *model)
{
    struct cli_trees n = { 0 };

    for (size_t i = 0; i < mdl_node_count(model); i++) {
        mdl_node_info info = { .size = sizeof info };
        mdl_node(model, i, &info);
        if (strcmp(info.op, "trees") != 0)
            continue;
        for (size_t k = 0; k < info.n_tensors; k++) {
            mdl_tensor t = { .size = sizeof t };
            mdl_node_tensor(model, i, k, &t);
            if (!strcmp(t.name, "tree_start")) {
                const uint64_t trees = (uint64_t)t.dims[0] - 1;
                n.trees += trees;
                n.nodes += ((const uint32_t *)t.data)[trees];
            } else if (!strcmp(t.name, "iteration")) {
                n.iterations += (uint64_t)t.dims[0] - 1;
            }
        }
    }
    /* A tree of n nodes, each with two children or none, has (n + 1) / 2 leaves. */
    n.leaves = (n.nodes + n.trees) / 2;
    return n;
}

/* ---- outputs --------------------------------------------------------------------------- */

static const struct {
    uint32_t    role;
    const char *name, *other;
} roles[] = {
    { MDL_OUTPUT_VALUE, "value", "prediction" },
    { MDL_OUTPUT_RAW, "raw", "margin" },
    { MDL_OUTPUT_PROBA, "proba", "probability" },
    { MDL_OUTPUT_LABEL, "label", "class" },
    { MDL_OUTPUT_LEAF, "leaf", "leaves" },
    { MDL_OUTPUT_CONTRIB, "contributions", "shap" },
    { MDL_OUTPUT_OTHER, "other", "other" },
};

const char *cli_role_name(uint32_t role)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "?";
}

static int no_such_output(struct cli *c, const mdl_model *model, const char *typed)
{
    char text[600] = "", safe[64];
    struct cli_suggest s = { .typed = typed };
    size_t used = 0;

    for (size_t i = 0; i < mdl_output_count(model); i++) {
        mdl_output_info info = { .size = sizeof info };
        mdl_output(model, i, &info);
        cli_suggest_offer(&s, info.name);
        if (used + 70 > sizeof text)
            break;
        mdl_safe_text(safe, sizeof safe, info.name, strlen(info.name));
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", safe);
    }
    mdl_safe_text(safe, sizeof safe, typed, strlen(typed));
    return cli_fail(c, CLI_USAGE, "the model has no output '%s', but %s%s%s%s", safe, text,
                    s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
}

int cli_no_such_input(struct cli *c, const mdl_model *model, const char *typed, size_t length)
{
    char text[600] = "", safe[64], name[64];
    struct cli_suggest s = { .typed = name };
    size_t used = 0;

    mdl_safe_text(name, sizeof name, typed, length);
    for (size_t i = 0; i < mdl_input_count(model) && used + 70 < sizeof text; i++) {
        mdl_input_info info = { .size = sizeof info };
        mdl_input(model, i, &info);
        cli_suggest_offer(&s, info.name);
        mdl_safe_text(safe, sizeof safe, info.name, strlen(info.name));
        used += (size_t)snprintf(text + used, sizeof text - used, "%s'%s'", i ? ", " : "", safe);
    }
    return cli_fail(c, CLI_USAGE, "the model has no input '%s', but %s%s%s%s", name, text,
                    s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
}

int cli_find_output(struct cli *c, const mdl_model *model, const char *name, size_t *output)
{
    *output = 0;
    if (!name)
        return CLI_OK;
    *output = mdl_output_find(model, name);
    for (size_t i = 0; *output == SIZE_MAX && i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(name, roles[i].name) || !strcmp(name, roles[i].other))
            *output = mdl_output_find_role(model, roles[i].role);
    return *output == SIZE_MAX ? no_such_output(c, model, name) : CLI_OK;
}
