/*
 * cli/predict_stages.c - mdl predict --staged, --early-stop, --output trees; see results.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/results.h"

#include "import/number.h"

#include <stdlib.h>
#include <string.h>

/* Outputs and type of the sums of the model's ensemble, and its trees before round `rounds`. */
static size_t ensemble(const mdl_model *model, uint64_t rounds, uint32_t *type, uint64_t *trees)
{
    size_t outputs = 1;

    for (size_t i = 0; i < mdl_node_count(model); i++) {
        mdl_node_info info = { .size = sizeof info };
        const char *name;
        char text[32];
        mdl_node(model, i, &info);
        if (strcmp(info.op, "trees") != 0)
            continue;
        for (size_t k = 0; k < info.n_params; k++) {
            mdl_node_param(model, i, k, &name, text, sizeof text);
            if (!strcmp(name, "outputs"))
                outputs = (size_t)strtoull(text, NULL, 10);
        }
        for (size_t k = 0; k < info.n_tensors; k++) {
            mdl_tensor t = { .size = sizeof t };
            mdl_node_tensor(model, i, k, &t);
            if (!strcmp(t.name, "scale") || (!strcmp(t.name, "value") && t.type != MDL_F16))
                *type = t.type;                   /* leaves of float16 have a scale */
            if (!strcmp(t.name, "iteration"))
                *trees = ((const uint32_t *)t.data)[rounds];
        }
    }
    return outputs;
}

int cli_predict_trees(struct cli *c, const mdl_model *model, mdl_predict_options *o,
                      struct results *r)
{
    mdl_error err = MDL_ERROR_INIT;

    o->output = MDL_OUTPUT_TREES;
    if (mdl_output_shape(model, o, &r->cols, &err))
        return cli_failed(c, c->args[0], &err);
    r->model = model;
    r->trees_width = ensemble(model, o->tree_begin, &r->type, &r->first_tree);
    return CLI_OK;
}

int cli_predict_stages(struct cli *c, const mdl_model *model, mdl_predict_options *o,
                       struct results *r)
{
    const char *typed = cli_option(c, "staged");
    const uint64_t all = mdl_iterations(model), end = o->tree_end ? o->tree_end : all;
    mdl_error err = MDL_ERROR_INIT;
    char safe[24];

    if (!typed)
        return CLI_OK;
    if (!cli_parse_count(typed, 1, &o->stage_every))
        return cli_fail(c, CLI_USAGE, "--staged is a number of rounds, like 10, not '%s'",
                        mdl_safe_text(safe, sizeof safe, typed, strlen(typed)));
    if (!all)
        return cli_fail(c, CLI_UNSUPPORTED, "%s has no stages: it is not exactly one tree ensemble",
                        c->args[0]);
    if (mdl_output_shape(model, o, &r->cols, &err))
        return cli_failed(c, c->args[0], &err);
    r->stage_width = r->cols;
    r->stage_begin = o->tree_begin;
    r->stage_end = end;
    r->stage_every = o->stage_every;
    r->cols *= (size_t)mdl_stages(model, o);
    return CLI_OK;
}

int cli_read_early_stop(struct cli *c, mdl_predict_options *o)
{
    const char *typed = cli_option(c, "early-stop");
    const char *colon = typed ? strchr(typed, ':') : NULL;
    char every[24] = "";

    if (!typed)
        return CLI_OK;
    if (colon && (size_t)(colon - typed) < sizeof every)
        memcpy(every, typed, (size_t)(colon - typed));
    const int ok = cli_parse_count(every, 1, &o->stop_every) && colon[1]
        && mdl_parse_f64(colon + 1, strlen(colon + 1), &o->stop_margin) == strlen(colon + 1)
        && o->stop_margin >= 0;
    if (!ok)
        return cli_fail(c, CLI_USAGE, "--early-stop is ROUNDS:MARGIN, like 10:5.5");
    return CLI_OK;
}

mdl_tensor cli_results_tensor(const struct results *r, void *y, size_t rows)
{
    const int64_t cell = (int64_t)mdl_type_bytes(r->type), row = (int64_t)r->cols * cell;
    const int64_t width = (int64_t)r->stage_width;

    if (!r->stage_width)
        return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = r->type, .rank = 2, .data = y,
                             .dims = { (int64_t)rows, (int64_t)r->cols } };
    return (mdl_tensor){ .size = sizeof(mdl_tensor), .type = r->type, .rank = 3, .data = y,
                         .dims = { (int64_t)r->cols / width, (int64_t)rows, width },
                         .strides = { width * cell, row, cell } };
}

void cli_stage_name(const struct results *r, size_t i, char *out, size_t room)
{
    const uint64_t rounds = r->stage_every * (i / r->stage_width + 1);
    const uint64_t most = r->stage_end - r->stage_begin;
    char name[256];

    cli_output_column(r->model, r->output, r->stage_width, i % r->stage_width, name, sizeof name);
    snprintf(out, room, "%.200s@%llu", name,
             (unsigned long long)(r->stage_begin + (rounds < most ? rounds : most)));
}

void cli_tree_name(const struct results *r, size_t i, char *out, size_t room)
{
    const unsigned long long tree = i / r->trees_width, output = i % r->trees_width;
    char name[40] = "base";

    if (tree)
        snprintf(name, sizeof name, "tree_%llu", r->first_tree + tree - 1);
    if (r->trees_width == 1)
        snprintf(out, room, "%s", name);
    else
        snprintf(out, room, "%s_%llu", name, output);
}
