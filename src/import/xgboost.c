/*
 * import/xgboost.c - JSON and UBJSON models of XGBoost, versions 1.0 to 3.x
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/xgboost.h"

#include "base/arena.h"

#include <stdio.h>
#include <string.h>

/* ---- is it one? ------------------------------------------------------------------------ */

/* {"learner": ...}, or the memory snapshot {"Config": ..., "Model": ...}. */
static const char *const first_keys[] = { "learner", "version", "Config", "Model" };

static int begins_with(const struct bytes *in, const char *text)
{
    const size_t n = strlen(text);

    return bytes_left(in) >= n && !memcmp(in->at, text, n);
}

static void skip_blanks(struct bytes *in)
{
    while (bytes_left(in) && memchr(" \t\r\n", *in->at, 4))
        in->at++;
}

/* Behind '{' comes the quote of a key or the end; in UBJSON a length or a count. */
static int is_json(struct bytes in)
{
    skip_blanks(&in);
    if (!begins_with(&in, "{"))
        return 0;
    in.at++;
    skip_blanks(&in);
    return begins_with(&in, "\"") || begins_with(&in, "}");
}

/* Formats that we know and cannot read. */
static const char *other_format(struct bytes file)
{
    if (begins_with(&file, "binf") || begins_with(&file, "bs64"))
        return "the binary format that XGBoost wrote before 3.1";
    if (bytes_left(&file) > 1 && file.at[0] == 0x80 && file.at[1] >= 2 && file.at[1] <= 5)
        return "a Python pickle, which could run any code";
    return NULL;
}

static int probe(struct bytes file)
{
    struct events e;
    int found = other_format(file) != NULL;

    if (found)
        return 1;
    (is_json(file) ? mdl_events_json : mdl_events_ubjson)(&e, file, NULL);
    if (mdl_events_object(&e) && mdl_events_key(&e))
        for (size_t i = 0; i < sizeof first_keys / sizeof *first_keys; i++)
            found |= mdl_events_is(&e, first_keys[i]);
    mdl_events_free(&e);
    return found;
}

/* ---- the walk ---------------------------------------------------------------------------- */

void mdl_xgb_events(const struct xgb *x, struct events *e, struct bytes at)
{
    (x->ubjson ? mdl_events_ubjson : mdl_events_json)(e, at, x->err);
}

static void metadata(const struct xgb *x)
{
    char text[72];

    mdl_build_metadata(x->b, "source", "xgboost");
    if (x->version[0]) {
        snprintf(text, sizeof text, "%lld.%lld.%lld", (long long)x->version[0],
                 (long long)x->version[1], (long long)x->version[2]);
        mdl_build_metadata(x->b, "source_version", text);
    }
    mdl_build_metadata(x->b, "source_kind", x->estimator[0] ? x->estimator : "Booster");
    mdl_build_metadata(x->b, "objective", x->objective);
    mdl_build_metadata(x->b, "booster", x->booster);
    if (x->best_iteration >= 0) {
        snprintf(text, sizeof text, "%lld", (long long)x->best_iteration);
        mdl_build_metadata(x->b, "best_iteration", text);
    }
}

/* As get_score has them: the coefficients, also those that are 0.  (Of several outputs it has as many
 * of each column.) */
static mdl_status give_weights(struct xgb *x, const float *weight)
{
    static const char *const kinds[] = { "weight" };
    const size_t n = (size_t)x->features;
    struct vec columns = { 0 }, values = { 0 };
    uint32_t *column = mdl_vec_add(&columns, &x->allocator, NULL, n * sizeof *column + 1);
    double *value = mdl_vec_add(&values, &x->allocator, NULL, n * sizeof *value + 1);

    for (size_t i = 0; i < n && column && value; i++) {
        column[i] = (uint32_t)i;
        value[i] = (double)weight[i];
    }
    if (column && value)
        mdl_build_importance(x->b, 1, kinds, n, column, value);
    mdl_vec_free(&columns, &x->allocator);
    mdl_vec_free(&values, &x->allocator);
    return column && value ? MDL_OK : mdl_fail(x->err, MDL_ERR_MEMORY, "out of memory");
}

/* gblinear: the weights are [feature][output], and [output] biases follow. */
static mdl_status linear(struct xgb *x)
{
    const size_t features = (size_t)x->features, outputs = (size_t)x->outputs;
    const size_t count = x->weights.bytes / sizeof(double);
    const double *from = (const double *)(const void *)x->weights.data;
    const int64_t dims[] = { (int64_t)outputs, (int64_t)features };
    struct vec to = { 0 };

    if (x->options->best_iteration >= 0)
        return mdl_fail(x->err, MDL_ERR_ARGUMENT, "a linear booster has no rounds to choose from");
    if (!x->has_weights)
        return mdl_fail_at(x->err, MDL_ERR_FORMAT, "", bytes_offset(&x->file),
                           "gradient_booster.model has no 'weights'");
    if (count / outputs != features + 1 || count % outputs)
        return mdl_fail_at(x->err, MDL_ERR_FORMAT, "", bytes_offset(&x->file),
                           "'weights' has %llu entries, expected %llu x %llu",
                           (unsigned long long)count, (unsigned long long)features + 1,
                           (unsigned long long)outputs);
    float *all = (float *)(void *)mdl_vec_add(&to, &x->allocator, NULL,
                                              (count + outputs) * sizeof *all);
    if (!all)
        return mdl_fail(x->err, MDL_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < features; i++)
        for (size_t k = 0; k < outputs; k++)
            all[k * features + i] = (float)from[i * outputs + k];
    float *bias = all + features * outputs, *base = bias + outputs;
    for (size_t k = 0; k < outputs; k++) {
        bias[k] = (float)from[features * outputs + k];
        base[k] = (float)x->margin[0];             /* of the first output, for all */
    }
    const int32_t node = mdl_build_node(x->b, "linear", "", &x->input, 1);
    mdl_build_weights(x->b, node, "weight", MDL_F32, 2, dims, all);
    mdl_build_weights(x->b, node, "bias", MDL_F32, 1, dims, bias);
    mdl_build_weights(x->b, node, "base", MDL_F32, 1, dims, base);
    x->raw = mdl_build_result(x->b, node, 0);
    const mdl_status s = outputs == 1 ? give_weights(x, all) : MDL_OK;
    mdl_vec_free(&to, &x->allocator);
    return s;
}

static mdl_status check_booster(struct xgb *x)
{
    char name[sizeof x->booster];

    if (strcmp(x->booster, "gbtree") != 0 && strcmp(x->booster, "dart") != 0
        && strcmp(x->booster, "gblinear") != 0)
        mdl_parts_add(&x->parts, "booster '%s'",
                      mdl_safe_text(name, sizeof name, x->booster, strlen(x->booster)));
    return mdl_parts_fail(&x->parts, x->err);
}

static mdl_status walk(struct xgb *x)
{
    const int is_linear = !strcmp(x->booster, "gblinear");
    mdl_status s = mdl_xgb_margin(x);

    if (!s) s = check_booster(x);
    if (s)
        return s;
    x->input = mdl_build_input(x->b, "x", MDL_F32, (uint64_t)x->features, MDL_ABSENT_MISSING);
    s = mdl_xgb_columns(x);
    if (!s) s = is_linear ? linear(x) : mdl_xgb_trees(x);
    if (!s) s = mdl_parts_fail(&x->parts, x->err);
    if (s)
        return s;
    mdl_xgb_outputs(x);
    metadata(x);
    return mdl_builder_status(x->b, x->err);
}

static void free_all(struct xgb *x)
{
    mdl_vec_free(&x->base, &x->allocator);
    mdl_vec_free(&x->tree_info, &x->allocator);
    mdl_vec_free(&x->rounds, &x->allocator);
    mdl_vec_free(&x->drop, &x->allocator);
    mdl_vec_free(&x->weights, &x->allocator);
}

static mdl_status convert(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err)
{
    const char *other = other_format(file);
    struct xgb x = {
        .file = file, .ubjson = !is_json(file), .b = b, .options = options, .err = err,
        .allocator = mdl_allocator_or_default(NULL), .best_iteration = -1, .targets = 1,
        .parallel = 1, .raw = MDL_NONE, .leaves = MDL_NONE,
    };

    if (other)
        return mdl_fail_at(err, MDL_ERR_UNSUPPORTED, "", 0,
                           "not supported: %s. Load it where it was made and save it with "
                           "Booster.save_model(\"model.json\"), or hand the loaded object to "
                           "mdl.convert in Python", other);
    mdl_status s = mdl_xgb_learner(&x);
    if (!s) s = walk(&x);
    free_all(&x);
    return s;
}

const struct importer mdl_importer_xgboost = {
    .name = "xgboost",
    .about = "XGBoost: JSON and UBJSON of 1.0 and newer",
    .probe = probe,
    .convert = convert,
};
