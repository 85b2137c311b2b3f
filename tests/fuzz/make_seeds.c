/*
 * tests/fuzz/make_seeds.c - small models with every operator and every kind of tree node
 *
 *     cc -Iinclude tests/fuzz/make_seeds.c build/libmodel.a -o make_seeds
 *     ./make_seeds tests/fuzz/seeds
 *
 * What fuzzers start from.  Run it again when an operator is added, and commit the new
 * file.  (seeds/forest_* are files of nodes, from before trees were narrow: nothing writes them now.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl_build.h"

#include <stdio.h>
#include <string.h>

static int save(mdl_builder *b, const char *folder, const char *name)
{
    mdl_error err = MDL_ERROR_INIT;
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    const mdl_status s = mdl_build_save(b, path, &err);
    if (s)
        fprintf(stderr, "%s: %s\n", path, err.text);
    mdl_builder_free(b);
    return s == MDL_OK;
}

/* Weights of small integers in the type of the model. */
static void weights(mdl_builder *b, int32_t node, const char *slot, uint32_t type, uint32_t rank,
                    int64_t rows, int64_t cols)
{
    const int64_t dims[] = { rows, cols };
    float narrow[16];
    double wide[16];

    for (int i = 0; i < 16; i++)
        narrow[i] = (float)(wide[i] = i % 5 - 1.5);
    mdl_build_weights(b, node, slot, type, rank, dims, type == MDL_F32 ? (void *)narrow : wide);
}

static int32_t then(mdl_builder *b, const char *op, int32_t x)
{
    return mdl_build_node(b, op, op, &x, 1);
}

/* A pipeline through every operator that is no tree. */
static mdl_builder *pipeline(uint32_t type)
{
    const char *const classes[] = { "no", "yes" };
    const uint32_t picked[] = { 2, 0 }, start[] = { 0, 3, 3, 5 };
    const float narrow[] = { 0, 1, 2, -1, 1 };
    const double wide[] = { 0, 1, 2, -1, 1 };
    const int64_t two = 2, four = 4, five = 5;
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", type, 3, MDL_ABSENT_ZERO);
    int32_t n;

    mdl_build_column(b, x, 0, "age", MDL_COLUMN_NUMBER);
    mdl_build_column(b, x, 1, "class", MDL_COLUMN_CATEGORY);
    mdl_build_categories(b, x, 1, MDL_STRING, 2, classes);
    mdl_build_column(b, x, 2, "n", MDL_COLUMN_INTEGER);

    n = then(b, "impute", x);
    weights(b, n, "fill", type, 1, 3, 0);
    const int32_t filled = mdl_build_result(b, n, 0);
    n = then(b, "scale", filled);
    weights(b, n, "sub", type, 1, 3, 0);
    weights(b, n, "div", type, 1, 3, 0);
    mdl_build_float(b, n, "low", -2);
    const int32_t scaled = mdl_build_result(b, n, 0);
    n = then(b, "encode", filled);
    mdl_build_weights(b, n, "start", MDL_U32, 1, &four, start);
    mdl_build_weights(b, n, "values", type, 1, &five, type == MDL_F32 ? (void *)narrow : (void *)wide);
    n = then(b, "select", mdl_build_result(b, n, 0));
    mdl_build_weights(b, n, "columns", MDL_U32, 1, &two, picked);
    const int32_t both[] = { scaled, mdl_build_result(b, n, 0) };
    n = mdl_build_node(b, "concat", "", both, 2);
    n = then(b, "dense", mdl_build_result(b, n, 0));
    weights(b, n, "weight", type, 2, 3, 5);
    weights(b, n, "bias", type, 1, 3, 0);
    mdl_build_choice(b, n, "activation", "relu");
    const int32_t hidden = mdl_build_result(b, n, 0);
    const int32_t label = mdl_build_result(b, then(b, "argmax", hidden), 0);
    const int32_t softmax = then(b, "link", hidden);
    mdl_build_choice(b, softmax, "function", "softmax");
    n = then(b, "dense", mdl_build_result(b, softmax, 0));
    weights(b, n, "weight", type, 2, 1, 3);
    n = then(b, "link", mdl_build_result(b, n, 0));
    mdl_build_choice(b, n, "function", "logistic");
    const int32_t p = mdl_build_result(b, n, 0);
    n = then(b, "above", p);
    mdl_build_float(b, n, "threshold", 0.5);
    const int32_t above = mdl_build_result(b, n, 0);
    const int32_t proba = mdl_build_result(b, then(b, "complement", p), 0);
    n = then(b, "cast", label);
    mdl_build_choice(b, n, "to", type == MDL_F32 ? "float64" : "float32");

    mdl_build_labels(b, mdl_build_output(b, "probability", MDL_OUTPUT_PROBA, proba), MDL_STRING, 2,
                     classes);
    mdl_build_output(b, "label", MDL_OUTPUT_LABEL, above);
    mdl_build_output(b, "raw", MDL_OUTPUT_RAW, hidden);
    mdl_build_output(b, "class", MDL_OUTPUT_OTHER, mdl_build_result(b, n, 0));
    mdl_build_metadata(b, "source", "scikit-learn");
    return b;
}

static mdl_builder *linear(void)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 4, MDL_ABSENT_MISSING);
    const int32_t n = then(b, "linear", x);

    weights(b, n, "weight", MDL_F32, 2, 3, 4);
    weights(b, n, "bias", MDL_F32, 1, 3, 0);
    weights(b, n, "base", MDL_F32, 1, 3, 0);
    mdl_build_output(b, "prediction", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    return b;
}

/* Three rounds of trees with all kinds of nodes; `kind`: 0 as XGBoost, 1 as LightGBM with
 * linear leaves and a zero rule, 2 with vector leaves and an average. */
static mdl_builder *forest(int kind)
{
    const uint32_t real = kind == 0 ? MDL_F32 : MDL_F64;
    const double base[] = { 0.5, -0.5 };
    const uint32_t width = kind == 2 ? 2 : 1;
    const mdl_trees e = { .size = sizeof e, .compare = kind == 1 ? MDL_TREES_LE : MDL_TREES_LT,
                          .flags = kind == 1 ? MDL_TREES_CLIP_ZERO | MDL_TREES_TRUNCATE
                                 : kind == 2 ? MDL_TREES_AVERAGE : 0,
                          .threshold_type = real, .leaf_type = real, .outputs = 2,
                          .leaf_width = width, .base = base };
    const uint8_t rule = kind == 1 ? MDL_NODE_ZERO_DEFAULT : MDL_NODE_NAN_DEFAULT;
    const uint8_t flags[] = { (uint8_t)(MDL_NODE_NUMBER | rule), 0,
                              MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT | MDL_NODE_NAN_DEFAULT,
                              (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_DEFAULT_LEFT | rule), 0, 0, 0 };
    const int32_t left[] = { 1, 0, 3, 5, 0, 0, 0 }, right[] = { 2, 0, 4, 6, 0, 0, 0 };
    const double value[] = { 0, 0, 1, 2, 0, 0, 0, 0, 0.25, 8, -3, 4, 5, -6 }, cover[] = { 9, 4, 5, 3, 2, 2, 1 };
    const int32_t leaf_id[] = { 0, 3, 0, 0, 2, 1, 0 };
    const uint32_t set_start[] = { 0, 0, 0, 2, 2, 2, 2, 2 }, set_words[] = { 0x8000000Au, 1 };
    const double linear_const[] = { 0, 1, 0, 0, 2, 3, 4 }, linear_coef[] = { 0.5, -1, 2 };
    const uint32_t linear_start[] = { 0, 0, 2, 2, 2, 2, 3, 3 };
    const int32_t linear_feature[] = { 0, 2, 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", real, 3, kind ? MDL_ABSENT_ZERO : MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);

    for (int t = 0; t < 6; t++) {
        const int32_t feature[] = { t % 3, 0, 1, (t + 1) % 3, 0, 0, 0 };
        const double threshold[] = { 0.5 * t - 1, 0, 0, 0.25, 0, 0, 0 };
        mdl_tree tree = { .size = sizeof tree, .n_nodes = 7, .iteration = (uint64_t)t / 2,
                          .output = width == 1 ? (uint64_t)t % 2 : 0, .weight = t == 3 ? 0.5 : 1,
                          .flags = flags, .left = left, .right = right, .feature = feature,
                          .threshold = threshold, .value = value, .leaf_id = leaf_id,
                          .cover = cover, .set_start = set_start, .set_words = set_words };
        if (kind == 1) {
            tree.linear_const = linear_const;
            tree.linear_start = linear_start;
            tree.linear_feature = linear_feature;
            tree.linear_coef = linear_coef;
        }
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "raw", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    const char *const kinds[] = { "gain", "weight" };
    const uint32_t columns[] = { 0, 2 };
    const double importances[] = { 0.5, 7, 1, 2 };
    mdl_build_importance(b, 2, kinds, 2, columns, importances);
    return b;
}

/* Trees that are lists of so many leaves, with tables. */
static mdl_builder *listed(uint32_t trees, uint32_t leaves)
{
    enum { MOST = 120 };
    static uint8_t flags[MOST];
    static int32_t left[MOST], right[MOST], feature[MOST];
    static double threshold[MOST], value[MOST];
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
                          .leaf_type = MDL_F32, .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 3, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);

    for (uint32_t t = 0; t < trees; t++) {
        for (uint32_t i = 0; i < 2 * leaves - 1; i++) {   /* split, leaf, split, leaf ... leaf */
            const int is_leaf = i % 2 || i == 2 * leaves - 2;
            flags[i] = is_leaf ? MDL_NODE_LEAF : MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT;
            left[i] = is_leaf ? -1 : (int32_t)i + 1;
            right[i] = is_leaf ? -1 : (int32_t)i + 2;
            feature[i] = is_leaf ? -1 : (int32_t)((i + t) % 3);
            threshold[i] = is_leaf ? 0 : (i / 2 * 7 + t) % 50;
            value[i] = i % 13;
        }
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 2 * leaves - 1, .weight = 1,
                                .iteration = t, .flags = flags, .left = left, .right = right,
                                .feature = feature, .threshold = threshold, .value = value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_ready(b, 1);
    return b;
}

/* Oblivious trees, of whose leaves every fourth has two values, which may add up to 0. */
static mdl_builder *oblivious(int balanced)
{
    enum { LEVELS = 5, LEAVES = 1 << LEVELS };
    const uint8_t flags[LEVELS] = {
        MDL_NODE_NUMBER, MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT, MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT,
        MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT | MDL_NODE_DEFAULT_LEFT, MDL_NODE_NUMBER };
    const uint32_t set_start[LEVELS + 1] = { 0, 0, 0, 1, 1, 1 }, set_words[] = { 0x15 };
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LE, .threshold_type = MDL_F32,
                          .leaf_type = MDL_F64, .outputs = 2, .leaf_width = 2 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 3, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);

    for (uint32_t t = 0; t < 24; t++) {
        int32_t feature[LEVELS];
        double threshold[LEVELS], value[2 * LEAVES] = { 0 }, cover[LEAVES] = { 0 };
        for (uint32_t l = 0; l < LEVELS; l++) {
            feature[l] = (int32_t)((l + t) % 3);
            threshold[l] = flags[l] & MDL_NODE_CATEGORY ? 0 : (double)(l * t % 7) / 2;
        }
        for (uint32_t i = t % 4; i < LEAVES; i += 4) {
            value[2 * i] = i - 7.5;
            value[2 * i + 1] = 0.25 * t;
            if (balanced) {
                value[2 * i] += 40 * t;          /* no two leaves alike */
                value[2 * i + 1] = -value[2 * i];
            }
            cover[i] = i * i * (t + 1) * (i % 3 ? 1 : 1000);
        }
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 2 * LEAVES - 1, .iteration = t,
                                .weight = 1, .flags = flags, .feature = feature,
                                .threshold = threshold, .value = value, .cover = cover,
                                .set_start = set_start, .set_words = set_words, .oblivious = 1 };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "raw", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return b;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    int ok = 1;

    ok &= save(pipeline(MDL_F32), folder, "pipeline_f32.mdl");
    ok &= save(pipeline(MDL_F64), folder, "pipeline_f64.mdl");
    ok &= save(linear(), folder, "linear.mdl");
    ok &= save(forest(0), folder, "narrow_f32.mdl");
    ok &= save(forest(1), folder, "narrow_linear_leaves.mdl");
    ok &= save(forest(2), folder, "narrow_vector_leaves.mdl");
    ok &= save(listed(3, 10), folder, "ready_tiles.mdl");
    ok &= save(listed(2, 20), folder, "ready_tops.mdl");
    ok &= save(listed(2, 60), folder, "ready_exits.mdl");
    ok &= save(oblivious(0), folder, "short_levels.mdl");
    ok &= save(oblivious(1), folder, "short_rest.mdl");
    return !ok;
}
