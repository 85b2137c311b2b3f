/*
 * cli/predict_tensors.c - mdl predict of a network: all inputs at once, all results at once
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/tensors.h"

#include <string.h>

static int run_once(struct cli *c, const mdl_model *model, const struct feed *f)
{
    mdl_tensor results[MOST_TENSORS];
    size_t outputs[MOST_TENSORS], n;
    mdl_context *context = NULL;
    mdl_error err = MDL_ERROR_INIT;
    int code = cli_choose_outputs(c, model, outputs, &n);

    if (code)
        return code;
    for (size_t i = 0; i < n; i++) {
        mdl_output_info o = { .size = sizeof o };
        mdl_output(model, outputs[i], &o);
        results[i] = (mdl_tensor){ .size = sizeof *results, .name = o.name };
    }
    mdl_status s = mdl_context_create(&context, model, &err);
    if (!s) s = mdl_run_tensors(model, context, f->inputs, f->n, results, n, &err);
    code = s ? cli_failed(c, c->args[0], &err) : cli_answers_write(c, results, n);
    mdl_context_free(context);
    return code;
}

int cli_predict_tensors(struct cli *c, mdl_model *model, const char *data)
{
    struct feed f;

    if (cli_option(c, "trees"))
        return cli_fail(c, CLI_USAGE, "--trees goes with models of tables, this is a network");
    if (cli_option(c, "threads"))
        cli_note(c, "a network runs on one thread, --threads does nothing");
    int code = cli_feed_read(c, &f, model, data, 0);
    if (!code) code = run_once(c, model, &f);
    cli_feed_free(&f);
    return code;
}
