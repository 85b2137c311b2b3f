/*
 * import/catboost.c - models saved by CatBoost: the binary format (.cbm) and JSON
 *
 * Sums are double, tree by tree from 0; times scale plus bias they are RawFormulaVal.
 *
 *     output        CatBoost.predict(...)
 *     prediction    regression: as it is, of Poisson, Tweedie and RMSEWithUncertainty after
 *                   their link, as CatBoostRegressor.predict
 *     probability   classifiers: prediction_type Probability
 *     label         Class
 *     raw           RawFormulaVal
 *     leaf          calc_leaf_indexes
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOOK 65536u               /* bytes a probe looks at                              */

/* ---- what its files share -------------------------------------------------------------------- */

mdl_status mdl_cat_fail(const struct cat *c, uint64_t offset, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return mdl_fail_at(c->err, MDL_ERR_FORMAT, "", offset, "%s", text);
}

mdl_status mdl_cat_memory(const struct cat *c)
{
    return mdl_fail(c->err, MDL_ERR_MEMORY, "out of memory");
}

int mdl_cat_text(struct cat *c, const void *text, size_t length, uint32_t *at)
{
    *at = (uint32_t)c->texts.bytes;
    return mdl_vec_add(&c->texts, &c->allocator, text, length)
        && mdl_vec_add(&c->texts, &c->allocator, "", 1);
}

/* ---- is it one? ------------------------------------------------------------------------------ */

static int is_binary(struct bytes file)
{
    const unsigned char *p = bytes_take(&file, 4);

    return p && !memcmp(p, "CBM1", 4);
}

/* Keys come in the order of the alphabet: ctr_data, features_info, model_info. */
static int is_json(struct bytes file)
{
    static const char *const keys[] = { "ctr_data", "features_info", "model_info",
                                        "oblivious_trees" };
    struct events e;
    int found = 0;

    if (bytes_left(&file) > LOOK)
        file.end = file.at + LOOK;
    mdl_events_json(&e, file, NULL);
    if (mdl_events_object(&e) && mdl_events_key(&e))
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            found |= mdl_events_is(&e, keys[i]);
    mdl_events_free(&e);
    return found;
}

static int probe(struct bytes file)
{
    return is_binary(file) || is_json(file);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void metadata(const struct cat *c)
{
    char text[24];

    mdl_build_metadata(c->b, "source", "catboost");
    mdl_build_metadata(c->b, "source_kind", "CatBoost");
    if (c->version[0])
        mdl_build_metadata(c->b, "source_version", c->version);
    if (c->loss[0])
        mdl_build_metadata(c->b, "objective", c->loss);
    if (c->options->best_iteration >= 0) {
        snprintf(text, sizeof text, "%lld", (long long)c->options->best_iteration);
        mdl_build_metadata(c->b, "best_iteration", text);
    }
}

static mdl_status read_model(struct cat *c)
{
    mdl_status s = is_binary(c->file) ? mdl_cat_cbm(c) : mdl_cat_json(c);

    if (s)
        return s;
    if (c->own_values.bytes) {
        c->leaf_values = CAT_AT(c->own_values, double);
        c->n_values = CAT_COUNT(c->own_values, double);
    }
    if (c->own_weights.bytes) {
        c->leaf_weights = CAT_AT(c->own_weights, double);
        c->n_weights = CAT_COUNT(c->own_weights, double);
    }
    mdl_cat_check(c);
    s = mdl_parts_fail(&c->parts, c->err);
    if (!s) s = mdl_cat_table(c);
    if (!s) s = mdl_cat_trees(c);
    if (!s) s = mdl_cat_answers(c);
    if (!s) metadata(c);
    return s;
}

static mdl_status convert(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err)
{
    struct cat c = { .file = file, .b = b, .options = options, .err = err, .scale = 1,
                     .probability = 0.5, .allocator = mdl_allocator_or_default(NULL) };
    struct vec *const all[] = {
        &c.texts, &c.numbers, &c.categories, &c.borders, &c.values, &c.one_hot, &c.parts_of,
        &c.ctrs, &c.rows, &c.hashes, &c.words, &c.sizes, &c.tree_splits, &c.nodes,
        &c.own_values, &c.own_weights, &c.bias, &c.labels, &c.labels_seen, &c.splits,
        &c.owner, &c.effect,
    };
    const mdl_status s = read_model(&c);

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mdl_vec_free(all[i], &c.allocator);
    mdl_scores_free(&c.scores, &c.allocator);
    return s;
}

const struct importer mdl_importer_catboost = {
    .name = "catboost",
    .about = "save_model of CatBoost: cbm and json",
    .probe = probe,
    .convert = convert,
};
