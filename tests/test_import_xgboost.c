/*
 * tests/test_import_xgboost.c - XGBoost's files: what they mean, and what is refused
 *
 * Models are written here as JSON, small enough to be computed by hand.  Against XGBoost
 * itself: tests/python/test_xgboost.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "imported.h"

#include <math.h>

/* age < 1.5 ? 1 : (colour in {1, 3} ? 4 : 2); NaN age goes right, NaN colour left.  Node 5 is
 * deleted: nothing reaches it, and its numbers mean nothing. */
#define TREE(id) \
    "{\"base_weights\":[0,1,0,2,4,0],\"categories\":[1,3],\"categories_nodes\":[2]," \
    "\"categories_segments\":[0],\"categories_sizes\":[2],\"default_left\":[0,0,1,0,0,0],\"id\":" id \
    ",\"left_children\":[1,-1,3,-1,-1,77],\"loss_changes\":[9,0,5,0,0,0]," \
    "\"parents\":[2147483647,0,0,2,2,0],\"right_children\":[2,-1,4,-1,-1,78]," \
    "\"split_conditions\":[1.5E0,1,0,2,4,NaN],\"split_indices\":[0,0,1,0,0,2147483647]," \
    "\"split_type\":[0,0,1,0,0,0],\"sum_hessian\":[10,4,6,3,3,0],\"tree_param\":" \
    "{\"num_deleted\":\"1\",\"num_feature\":\"2\",\"num_nodes\":\"6\",\"size_leaf_vector\":\"1\"}}"

static const char model[] =
    "{\"learner\":{\"attributes\":{},\"feature_names\":[\"age\",\"colour\"],\"feature_types\":"
    "[\"int\",\"c\"],\"gradient_booster\":{\"model\":{\"gbtree_model_param\":{\"num_parallel_tree\":"
    "\"1\",\"num_trees\":\"2\"},\"iteration_indptr\":[0,1,2],\"tree_info\":[0,0],\"trees\":["
    TREE("0") "," TREE("1") "]},\"name\":\"gbtree\"},\"learner_model_param\":{\"base_score\":\"5E-1\","
    "\"boost_from_average\":\"1\",\"num_class\":\"0\",\"num_feature\":\"2\",\"num_target\":\"1\"},"
    "\"objective\":{\"name\":\"reg:squarederror\",\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}}},"
    "\"version\":[2,1,0]}";

/* ---- helpers ---------------------------------------------------------------------------- */

struct edit { const char *find, *with; };

/* The model with each text replaced where it comes first; the caller frees it. */
static char *edited(const struct edit *edits, size_t n)
{
    char *text = strcpy(malloc(sizeof model), model);

    for (size_t i = 0; i < n && edits[i].find; i++) {
        char *at = strstr(text, edits[i].find);
        if (!at)
            fail_msg("nothing to edit: %s", edits[i].find);
        char *longer = malloc(strlen(text) + strlen(edits[i].with) + 1);
        const size_t before = (size_t)(at - text);
        memcpy(longer, text, before);
        strcpy(longer + before, edits[i].with);
        strcat(longer, at + strlen(edits[i].find));
        free(text);
        text = longer;
    }
    return text;
}

static mdl_status import(mdl_builder **b, const void *bytes, size_t n, mdl_error *err)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;

    o.from = "xgboost";
    return mdl_import_memory(b, bytes, n, &o, err);
}

static mdl_model *load(const char *text)
{
    return imported(text, strlen(text), NULL);
}

static void answers(const mdl_model *m, const char *output, const float *x, size_t rows, void *y,
                    uint32_t type, size_t cols)
{
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2,
                            .data = (void *)(uintptr_t)x, .dims = { (int64_t)rows, 2 } };
    const mdl_tensor out = { .size = sizeof out, .type = type, .rank = 2, .data = y,
                             .dims = { (int64_t)rows, (int64_t)cols } };

    o.output_name = output;
    if (mdl_predict_tensor(m, &in, &out, &o, &err))
        fail_msg("%s: %s", output, err.text);
}

/* (1, 0), (2, 1), (2, 0), (NaN, 3), (2, NaN), (2, 2^24), (2, -1) by hand: leaf values below. */
static const float rows[] = { 1, 0, 2, 1, 2, 0, NAN, 3, 2, NAN, 2, 16777216, 2, -1 };
static const float leaf_values[] = { 1, 4, 2, 4, 2, 2, 2 };
static const int32_t leaf_ids[] = { 1, 4, 3, 4, 3, 3, 3 };
#define ROWS 7

/* The margins are base + the first tree's weight * leaf + the second's. */
static void margins_are(const char *text, float base, float first, float second)
{
    mdl_model *m = load(text);
    float y[ROWS];
    int32_t leaf[2 * ROWS];

    answers(m, "raw", rows, ROWS, y, MDL_F32, 1);
    for (int i = 0; i < ROWS; i++)
        if (y[i] != base + first * leaf_values[i] + second * leaf_values[i])
            fail_msg("row %d has the margin %a", i, (double)y[i]);
    if (second != 0) {
        answers(m, "leaf", rows, ROWS, leaf, MDL_I32, 2);
        for (int i = 0; i < ROWS; i++)
            assert_true(leaf[2 * i] == leaf_ids[i] && leaf[2 * i + 1] == leaf_ids[i]);
    }
    mdl_free(m);
}

static void margins_of(const struct edit *edits, size_t n, float base, float first, float second)
{
    char *text = edited(edits, n);

    margins_are(text, base, first, second);
    free(text);
}

/* ---- what a file means ---------------------------------------------------------------------- */

static void a_model_answers_as_by_hand(void **state)
{
    mdl_model *m = load(model);
    mdl_column_info c = { .size = sizeof c };
    (void)state;

    margins_are(model, 0.5f, 1, 1);
    assert_string_equal(mdl_metadata_get(m, "source"), "xgboost");
    assert_string_equal(mdl_metadata_get(m, "source_version"), "2.1.0");
    assert_string_equal(mdl_metadata_get(m, "source_kind"), "Booster");
    assert_string_equal(mdl_metadata_get(m, "objective"), "reg:squarederror");
    assert_int_equal(strlen(mdl_metadata_get(m, "source_sha256")), 64);
    mdl_column(m, 0, 0, &c);
    assert_true(!strcmp(c.name, "age") && c.kind == MDL_COLUMN_INTEGER);
    mdl_column(m, 0, 1, &c);
    assert_true(!strcmp(c.name, "colour") && c.kind == MDL_COLUMN_CATEGORY);
    mdl_free(m);
}

static void the_intercept_is_written_in_many_ways(void **state)
{
    static const char *const ways[] = { "5E-1", "0.500000", "[5E-1]", "(5E-1)" };
    (void)state;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        margins_of(&(struct edit){ "5E-1", ways[i] }, 1, 0.5f, 1, 1);
    margins_of(&(struct edit){ "\"5E-1\"", "0.5" }, 1, 0.5f, 1, 1);
}

static void layouts_of_old_versions_are_read(void **state)
{
    static const struct edit old[] = {
        { "\"iteration_indptr\":[0,1,2],", "" },
        { "\"feature_names\":[\"age\",\"colour\"],\"feature_types\":[\"int\",\"c\"],", "" },
        { "\"num_parallel_tree\":\"1\",", "" }, { ",\"num_target\":\"1\"", "" },
        { "\"default_left\":[0,0,1,0,0,0]", "\"default_left\":[false,false,true,false,false,false]" },
        { "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"0\"" }, { "[2,1,0]", "[1,0,2]" },
    };
    (void)state;

    margins_of(old, sizeof old / sizeof *old, 0.5f, 1, 1);
}

static void dart_multiplies_by_the_weights_of_either_layout(void **state)
{
    static const struct edit nested[] = {
        { "\"gradient_booster\":{\"model\"", "\"gradient_booster\":{\"gbtree\":{\"model\"" },
        { "\"name\":\"gbtree\"}", "\"name\":\"gbtree\"},\"name\":\"dart\",\"weight_drop\":[0.25,2]}" },
    };
    static const struct edit flat[] = {
        { "]},\"name\":\"gbtree\"}", "],\"weight_drop\":[0.25]},\"name\":\"gbtree\"}" },
    };
    static const struct edit updated[] = {         /* process_type=update: some of no tree */
        { "\"gradient_booster\":{\"model\"", "\"gradient_booster\":{\"gbtree\":{\"model\"" },
        { "\"name\":\"gbtree\"}", "\"name\":\"gbtree\"},\"name\":\"dart\",\"weight_drop\":[0.25,2,7]}" },
    };
    (void)state;

    margins_of(nested, 2, 0.5f, 0.25f, 2);
    margins_of(updated, 2, 0.5f, 0.25f, 2);
    margins_of(flat, 1, 0.5f, 0.25f, 1);           /* trees without a weight have 1 */
}

static void a_memory_snapshot_holds_a_model(void **state)
{
    char *text = malloc(sizeof model + 100);
    (void)state;

    sprintf(text, "{\"Config\":{\"learner\":[1]},\"Model\":%s}", model);
    margins_are(text, 0.5f, 1, 1);
    free(text);
}

static void best_iteration_counts_where_the_wrapper_wrote_the_file(void **state)
{
    static const char attributes[] = "\"attributes\":{}";
    const struct edit wrapper = { attributes, "\"attributes\":{\"best_iteration\":\"0\","
                                  "\"scikit_learn\":\"{\\\"_estimator_type\\\": \\\"regressor\\\"}\"}" };
    const struct edit booster = { attributes, "\"attributes\":{\"best_iteration\":\"0\"}" };
    const struct edit beyond = { attributes,
                                 "\"attributes\":{\"best_iteration\":\"2\",\"scikit_learn\":\"{}\"}" };
    char *text = edited(&wrapper, 1);
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b;
    (void)state;

    margins_are(text, 0.5f, 1, 0);
    mdl_model *m = load(text);
    assert_string_equal(mdl_metadata_get(m, "source_kind"), "XGBRegressor");
    assert_string_equal(mdl_metadata_get(m, "best_iteration"), "0");
    mdl_free(m);
    free(text);
    margins_of(&booster, 1, 0.5f, 1, 1);
    text = edited(&beyond, 1);
    assert_int_equal(import(&b, text, strlen(text), &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "best_iteration 2 and has 2 rounds"));
    free(text);
}

static void vector_leaves_of_either_layout_add_to_all_outputs(void **state)
{
    /* two targets: the leaf values, and ten times them */
    static const struct edit until_3_1[] = {
        { "\"num_target\":\"1\"", "\"num_target\":\"2\"" },
        { "\"base_weights\":[0,1,0,2,4,0]", "\"base_weights\":[0,0,1,10,0,0,2,20,4,40,0,0]" },
        { "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"" },
        { "\"base_weights\":[0,1,0,2,4,0]", "\"base_weights\":[0,0,1,10,0,0,2,20,4,40,0,0]" },
        { "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"" },
    };
    static const struct edit since_3_2[] = {
        { "\"num_target\":\"1\"", "\"num_target\":\"2\"" },
        { "\"left_children\"", "\"leaf_weights\":[4,40,2,20,1,10],\"left_children\"" },
        { "\"right_children\":[2,-1,4,-1,-1,78]", "\"right_children\":[2,2,4,1,0,78]" },
        { "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"" },
        { "}," TREE("1"), "}" }, { "\"num_trees\":\"2\"", "\"num_trees\":\"1\"" },
        { "[0,1,2]", "[0,1]" }, { "\"tree_info\":[0,0]", "\"tree_info\":[0]" },
    };
    float y[2 * ROWS];
    (void)state;

    for (int layout = 0; layout < 2; layout++) {
        char *text = layout ? edited(since_3_2, 8) : edited(until_3_1, 5);
        mdl_model *m = load(text);
        const float trees = layout ? 1 : 2;

        answers(m, "raw", rows, ROWS, y, MDL_F32, 2);
        for (int i = 0; i < ROWS; i++)
            assert_true(y[2 * i] == 0.5f + trees * leaf_values[i]
                        && y[2 * i + 1] == 0.5f + trees * 10 * leaf_values[i]);
        mdl_free(m);
        free(text);
    }
}

static void gblinear_adds_bias_base_and_products(void **state)
{
    static const struct edit linear[] = { { "\"gbtree_model_param\"",
                                            "\"weights\":[2,-1,0.25],\"gbtree_model_param\"" },
                                          { "\"name\":\"gbtree\"", "\"name\":\"gblinear\"" } };
    const float want[] = { 0.75f + 2, 0.75f + 4 - 1, 0.75f + 4, 0.75f - 3, 0.75f + 4 };
    char *text = edited(linear, 2);
    mdl_model *m = load(text);
    float y[5];
    (void)state;

    answers(m, "raw", rows, 5, y, MDL_F32, 1);
    for (int i = 0; i < 5; i++)
        assert_true(y[i] == want[i]);
    assert_true(mdl_output_find(m, "leaf") == SIZE_MAX);
    const char *kind = NULL;
    double weight[2] = { 0 };
    assert_int_equal(mdl_importance_count(m), 1);
    assert_int_equal(mdl_importance(m, 0, &kind, weight), MDL_OK);
    assert_string_equal(kind, "weight");
    assert_true(weight[0] == 2 && weight[1] == -1);
    mdl_free(m);
    free(text);
}

/* One tree of one leaf, 0: the margin is the intercept's. */
static float intercept(const char *objective, const char *base, const char *version)
{
    const struct edit edits[] = { { "reg:squarederror", objective }, { "5E-1", base },
                                  { "[2,1,0]", version }, { "\"left_children\":[1,", "\"left_children\":[-1," },
                                  { "\"split_conditions\":[1.5E0", "\"split_conditions\":[0" },
                                  { "}," TREE("1"), "}" }, { "\"num_trees\":\"2\"", "\"num_trees\":\"1\"" },
                                  { "[0,1,2]", "[0,1]" }, { "\"tree_info\":[0,0]", "\"tree_info\":[0]" } };
    char *text = edited(edits, sizeof edits / sizeof *edits);
    mdl_model *m = load(text);
    float y = 0;

    answers(m, "raw", rows, 1, &y, MDL_F32, 1);
    mdl_free(m);
    free(text);
    return y;
}

static void close_to(float got, double want)
{
    if (fabs((double)got - want) > 1e-6 * fabs(want))
        fail_msg("%.9g, expected %.9g", (double)got, want);
}

static void the_margin_of_the_intercept_follows_objective_and_version(void **state)
{
    (void)state;

    assert_true(intercept("binary:logistic", "0.5", "[3,2,0]") == 0);
    close_to(intercept("binary:logistic", "0.8", "[1,7,6]"), log(4));
    close_to(intercept("reg:logistic", "0.8", "[3,2,0]"), log(4));
    close_to(intercept("binary:logistic", "0", "[3,2,0]"), -log(1e6 - 1));    /* clamped */
    assert_true(isinf(intercept("binary:logistic", "0", "[3,1,0]")));
    close_to(intercept("count:poisson", "7", "[3,2,0]"), log(7));
    close_to(intercept("survival:aft", "7", "[1,7,0]"), log(7));
    close_to(intercept("survival:cox", "7", "[1,7,0]"), log(7));
    close_to(intercept("reg:gamma", "7", "[1,7,0]"), log(7));
    close_to(intercept("reg:tweedie", "7", "[1,7,0]"), log(7));
    assert_true(intercept("binary:logitraw", "0.8", "[1,3,0]") == 0.8f);
    close_to(intercept("binary:logitraw", "0.8", "[1,2,0]"), log(4));
    assert_true(intercept("rank:ndcg", "0.8", "[1,2,0]") == 0.8f);
    assert_true(intercept("reg:linear", "-3", "[1,0,0]") == -3);
}

static void expectiles_and_quantiles_answer_in_ascending_order(void **state)
{
    /* three outputs whose trees are two leaves of 0: the intercepts come back */
    const struct edit edits[] = { { "reg:squarederror", "reg:expectileerror" },
                                  { "\"5E-1\"", "\"[-2,1.5,1.75]\"" }, { "[2,1,0]", "[3,5,0]" },
                                  { "\"num_target\":\"1\"", "\"num_target\":\"3\"" },
                                  { "\"num_trees\":\"2\"", "\"num_trees\":\"0\"" }, { "[0,1,2]", "[0]" },
                                  { "\"tree_info\":[0,0]", "\"tree_info\":[]" },
                                  { TREE("0") "," TREE("1"), "" } };
    struct edit quantile[sizeof edits / sizeof *edits];
    float y[3];
    (void)state;

    char *text = edited(edits, sizeof edits / sizeof *edits);
    mdl_model *m = load(text);
    answers(m, "prediction", rows, 1, y, MDL_F32, 3);
    close_to(y[0], -2);
    close_to(y[1], 1.5);
    close_to(y[2], 1.75);
    mdl_free(m);
    free(text);

    memcpy(quantile, edits, sizeof edits);
    quantile[0].with = "reg:quantileerror";
    quantile[1].with = "\"[2,-1,1]\"";
    for (int sorted = 0; sorted < 2; sorted++) {
        quantile[2].with = sorted ? "[3,4,0]" : "[3,3,0]";
        text = edited(quantile, sizeof edits / sizeof *edits);
        m = load(text);
        answers(m, "prediction", rows, 1, y, MDL_F32, 3);
        assert_true(sorted ? y[0] == -1 && y[1] == 1 && y[2] == 2 : y[0] == 2 && y[1] == -1);
        mdl_free(m);
        free(text);
    }
}

static void a_nan_threshold_sends_every_number_right(void **state)
{
    char *text = edited(&(struct edit){ "[1.5E0,1,0,2,4,NaN]", "[NaN,1,0,2,4,NaN]" }, 1);
    mdl_model *m = load(text);
    const float x[] = { -INFINITY, 0, 1, 1, NAN, 1 };
    int32_t leaf[6];
    (void)state;

    answers(m, "leaf", x, 3, leaf, MDL_I32, 2);
    assert_true(leaf[0] == 3 && leaf[2] == 4 && leaf[4] == 4);
    mdl_free(m);
    free(text);
}

static void strange_categories_went_to_the_default_side_once(void **state)
{
    static const struct { const char *version; int32_t leaf; } versions[] = {
        { "[1,5,2]", 3 }, { "[1,6,0]", 4 }, { "[1,7,2]", 4 }, { "[1,7,3]", 3 }, { "[3,2,0]", 3 },
    };
    const float x[] = { 2, -1, 2, 32, 2, 16777216, 2, -0.5f, 2, 0, 2, 1, 2, 31 };
    (void)state;

    for (size_t v = 0; v < sizeof versions / sizeof *versions; v++) {
        const struct edit edits[] = { { "[2,1,0]", versions[v].version },
                                      { "\"default_left\":[0,0,1", "\"default_left\":[0,0,0" } };
        char *text = edited(edits, 2);
        mdl_model *m = load(text);
        int32_t leaf[14];

        answers(m, "leaf", x, 7, leaf, MDL_I32, 2);
        for (int i = 0; i < 4; i++)
            assert_int_equal(leaf[2 * i], versions[v].leaf);
        assert_true(leaf[8] == 3 && leaf[10] == 4 && leaf[12] == 3);
        mdl_free(m);
        free(text);
    }
}

static void an_empty_set_sends_every_category_left(void **state)
{
    static const struct edit edits[] = { { "\"categories\":[1,3]", "\"categories\":[]" },
                                         { "\"categories_sizes\":[2]", "\"categories_sizes\":[0]" } };
    char *text = edited(edits, 2);
    mdl_model *m = load(text);
    int32_t leaf[2 * ROWS];
    (void)state;

    answers(m, "leaf", rows, ROWS, leaf, MDL_I32, 2);
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(leaf[2 * i], i ? 3 : 1);
    mdl_free(m);
    free(text);
}

static void categories_of_data_frames_become_those_of_columns(void **state)
{
    const struct edit cats = { "\"gbtree_model_param\"",
        "\"cats\":{\"enc\":[{\"type\":12,\"values\":[-1,5]},{\"offsets\":[0,3,5],\"values\":"
        "[114,101,100,-61,-68]}],\"feature_segments\":[0,2,4],\"sorted_idx\":[]},"
        "\"gbtree_model_param\"" };
    const struct edit edits[] = { cats, { "[2,1,0]", "[3,4,0]" } };
    char *text = edited(edits, 2);
    mdl_model *m = load(text);
    (void)state;

    assert_string_equal(mdl_category(m, 0, 0, 0), "65535");       /* unsigned, 16 bits */
    assert_string_equal(mdl_category(m, 0, 0, 1), "5");
    assert_string_equal(mdl_category(m, 0, 1, 0), "red");
    assert_string_equal(mdl_category(m, 0, 1, 1), "\xc3\xbc");
    mdl_free(m);
    free(text);
    text = edited(&cats, 1);                                       /* as 2.1: mangled */
    m = load(text);
    assert_null(mdl_category(m, 0, 1, 0));
    mdl_free(m);
    free(text);
}

/* ---- what is refused --------------------------------------------------------------------------- */

static void broken_files_are_refused_by_name(void **state)
{
    static const struct { struct edit edit; const char *says; mdl_status status; } cases[] = {
        { { "\"learner\":", "\"lerner\":" }, "it has no 'learner'", MDL_ERR_FORMAT },
        { { "\"learner_model_param\"", "\"model_param\"" }, "no 'learner_model_param'", MDL_ERR_FORMAT },
        { { "\"base_score\":\"5E-1\",", "" }, "no 'base_score'", MDL_ERR_FORMAT },
        { { "\"5E-1\"", "\"half\"" }, "'base_score' is no number", MDL_ERR_FORMAT },
        { { "\"5E-1\"", "\"[1,2\"" }, "'base_score' is no number", MDL_ERR_FORMAT },
        { { "\"5E-1\"", "\"[1,2]\"" }, "'base_score' has 2 numbers for 1 outputs", MDL_ERR_FORMAT },
        { { "\"5E-1\"", "\"[]\"" }, "'base_score' is no number", MDL_ERR_FORMAT },
        { { "5E-1", "nan" }, "'base_score' is not finite", MDL_ERR_FORMAT },
        { { "\"num_feature\":\"2\",\"num_target\"", "\"num_feature\":\"0\",\"num_target\"" },
          "never fitted", MDL_ERR_FORMAT },
        { { "\"num_feature\":\"2\",\"num_target\"", "\"num_feature\":\"2x\",\"num_target\"" },
          "'num_feature' is no integer", MDL_ERR_FORMAT },
        { { "\"num_class\":\"0\"", "\"num_class\":\"-1\"" }, "'num_class' is no integer from 0",
          MDL_ERR_FORMAT },
        { { "\"num_class\":\"0\"", "\"num_class\":\"2000000000\"" }, "'num_class'", MDL_ERR_FORMAT },
        { { "\"num_class\":\"0\"", "\"num_class\":[]" }, "'num_class' is no integer", MDL_ERR_FORMAT },
        { { "\"objective\":{\"name\":\"reg:squarederror\"", "\"objective\":{\"nam\":\"x\"" },
          "no 'objective.name'", MDL_ERR_FORMAT },
        { { "\"name\":\"gbtree\"", "\"nom\":\"gbtree\"" }, "no 'gradient_booster.name'", MDL_ERR_FORMAT },
        { { "\"trees\":[", "\"forest\":[" }, "has no 'trees'", MDL_ERR_FORMAT },
        { { "\"tree_info\":[0,0],", "" }, "has no 'tree_info'", MDL_ERR_FORMAT },
        { { "\"tree_info\":[0,0]", "\"tree_info\":[0]" }, "'tree_info' has 1 entries, expected 2",
          MDL_ERR_FORMAT },
        { { "\"tree_info\":[0,0]", "\"tree_info\":[0,1]" }, "tree 1 adds to column 1", MDL_ERR_FORMAT },
        { { "\"tree_info\":[0,0]", "\"tree_info\":[-1,0]" }, "tree 0 adds to output -1", MDL_ERR_FORMAT },
        { { "[0,1,2]", "[0,2,1]" }, "do not lead from 0 to 2", MDL_ERR_FORMAT },
        { { "[0,1,2]", "[0,3,2]" }, "'iteration_indptr' decreases", MDL_ERR_FORMAT },
        { { "[0,1,2]", "[]" }, "'iteration_indptr' has 0 entries", MDL_ERR_FORMAT },
        { { "\"num_trees\":\"2\"", "\"num_trees\":\"3\"" }, "'tree_info' has 2 entries, expected 3",
          MDL_ERR_FORMAT },
        { { "}," TREE("1"), "}" }, "'trees' has 1 entries, expected 2", MDL_ERR_FORMAT },
        { { "\"trees\":[", "\"trees\":[[],"}, "tree 0 is no object", MDL_ERR_FORMAT },
        { { "\"id\":0", "\"id\":1" }, "tree 0 has the id 1", MDL_ERR_FORMAT },
        { { "\"num_nodes\":\"6\"", "\"num_nodes\":\"7\"" }, "'left_children' has 6 entries, expected 7",
          MDL_ERR_FORMAT },
        { { "\"num_nodes\":\"6\"", "\"num_nodes\":\"0\"" }, "'num_nodes' is no integer from 1",
          MDL_ERR_FORMAT },
        { { "\"num_nodes\":\"6\",", "" }, "tree 0 has no 'num_nodes'", MDL_ERR_FORMAT },
        { { "\"right_children\":[2,", "\"right_children\":[" }, "'right_children' has 5 entries",
          MDL_ERR_FORMAT },
        { { "\"split_indices\":[0,", "\"split_indices\":[" }, "'split_indices' has 5 entries",
          MDL_ERR_FORMAT },
        { { "\"split_conditions\":[1.5E0,", "\"split_conditions\":[" },
          "'split_conditions' has 5 entries", MDL_ERR_FORMAT },
        { { "\"default_left\":[0,", "\"default_left\":[" }, "'default_left' has 5 entries",
          MDL_ERR_FORMAT },
        { { "\"split_type\":[0,", "\"split_type\":[" }, "'split_type' has 5 entries", MDL_ERR_FORMAT },
        { { "\"sum_hessian\":[10,", "\"sum_hessian\":[" }, "'sum_hessian' has 5 entries",
          MDL_ERR_FORMAT },
        { { "\"split_type\":[0,0,1", "\"split_type\":[0,0,2" }, "node 2 has the split_type 2",
          MDL_ERR_FORMAT },
        { { "\"left_children\":[1,", "\"left_children\":[7," }, "child 7, there are 6 nodes",
          MDL_ERR_FORMAT },
        { { "\"left_children\":[1,", "\"left_children\":[0," }, "node 0 is reached twice", MDL_ERR_FORMAT },
        { { "\"left_children\":[1,-1,3", "\"left_children\":[1,-1,1" }, "node 1 is reached twice",
          MDL_ERR_FORMAT },
        { { "\"left_children\":[1,", "\"left_children\":[-2," }, "child -2", MDL_ERR_FORMAT },
        { { "\"split_indices\":[0,0,1", "\"split_indices\":[0,0,2" }, "node 2 tests column 2 of 2",
          MDL_ERR_FORMAT },
        { { "\"split_indices\":[0", "\"split_indices\":[4294967296" }, "does not fit 32 bits",
          MDL_ERR_FORMAT },
        { { "\"split_indices\":[0", "\"split_indices\":[0.5" }, "expected an integer", MDL_ERR_FORMAT },
        { { "\"split_conditions\":[1.5E0", "\"split_conditions\":[\"x\"" }, "expected a number",
          MDL_ERR_FORMAT },
        { { "\"categories_nodes\":[2]", "\"categories_nodes\":[6]" }, "'categories_nodes' has 6",
          MDL_ERR_FORMAT },
        { { "\"categories_nodes\":[2]", "\"categories_nodes\":[]" }, "'categories_segments' has 1",
          MDL_ERR_FORMAT },
        { { "\"categories_sizes\":[2]", "\"categories_sizes\":[3]" }, "categories 0 to 3 of 2",
          MDL_ERR_FORMAT },
        { { "\"categories_segments\":[0]", "\"categories_segments\":[-1]" }, "categories -1 to 1",
          MDL_ERR_FORMAT },
        { { "\"categories_nodes\":[2],\"categories_segments\":[0],\"categories_sizes\":[2]",
            "\"categories_nodes\":[0,2],\"categories_segments\":[0,1],\"categories_sizes\":[2,1]" },
          "tree 0: sets share their categories", MDL_ERR_FORMAT },
        { { "\"categories\":[1,3]", "\"categories\":[1,-3]" }, "-3 is no category", MDL_ERR_FORMAT },
        { { "\"categories\":[1,3]", "\"categories\":[1,16777216]" }, "16777216 is no category",
          MDL_ERR_FORMAT },
        { { "\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"" }, "leaves of 2 values",
          MDL_ERR_FORMAT },
        { { "[\"age\",", "[" }, "'feature_names' has 1 entries, expected 2", MDL_ERR_FORMAT },
        { { "[\"int\",\"c\"]", "[1,2]" }, "'feature_types' is no list of texts", MDL_ERR_FORMAT },
        { { "\"gbtree_model_param\"", "\"cats\":{\"enc\":[{}]},\"gbtree_model_param\"" },
          "'enc' has 1 entries, expected 2", MDL_ERR_FORMAT },
        { { "\"gbtree_model_param\"", "\"cats\":{\"enc\":[{\"offsets\":[0,5],\"values\":[65]},{}]},"
            "\"gbtree_model_param\"" }, "'offsets' of categories go from 0 to 5", MDL_ERR_FORMAT },
        { { "[2,1,0]", "[2,1,0,0]" }, "'version' is no list of three", MDL_ERR_FORMAT },
        { { "\"name\":\"gbtree\"", "\"name\":\"gblinear\"" }, "has no 'weights'", MDL_ERR_FORMAT },
        { { "\"attributes\":{}", "\"attributes\":{\"scikit_learn\":\"{\\\"missing\\\": -999.0}\"}" },
          "(missing=-999.0)", MDL_ERR_UNSUPPORTED },
        { { "reg:squarederror", "reg:no\\u000asuch" }, "not supported: objective 'reg:no?such'",
          MDL_ERR_UNSUPPORTED },
        { { "\"name\":\"gbtree\"", "\"name\":\"gbforest_of_some_sort\"" }, "booster 'gbforest_of_som'",
          MDL_ERR_UNSUPPORTED },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = edited(&cases[i].edit, 1);
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b = (mdl_builder *)1;
        const mdl_status s = import(&b, text, strlen(text), &err);

        if (s != cases[i].status || !strstr(err.text, cases[i].says) || b
            || (s == MDL_ERR_FORMAT && err.offset > strlen(text)))
            fail_msg("%s: status %d, \"%s\" at %llu, expected \"%s\"", cases[i].edit.with, (int)s,
                     err.text, (unsigned long long)err.offset, cases[i].says);
        free(text);
    }
}

/* "key":[item,item,...], with the number of the item where it says %d. */
static size_t put_list(char *to, const char *key, int count, const char *item)
{
    size_t n = (size_t)sprintf(to, "\"%s\":[", key);

    for (int i = 0; i < count; i++) {
        if (i)
            to[n++] = ',';
        if (!strcmp(item, "%d"))
            n += (size_t)sprintf(to + n, "%d", i);
        else
            n += (size_t)sprintf(to + n, "%s", item);
    }
    return n + (size_t)sprintf(to + n, "],");
}

static void categories_far_from_zero_cost_no_memory_without_end(void **state)
{
    /* Sets of 2^24 bits for 4000 nodes: 8 GB from 150 kB. */
    enum { NODES = 4000 };
    static const char *const zeros[] = { "default_left", "left_children", "right_children",
                                         "split_conditions", "split_indices" };
    static char tree[NODES * 50];
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b;
    size_t n = (size_t)sprintf(tree, "\"trees\":[{");
    (void)state;

    for (int i = 0; i < 5; i++)
        n += put_list(tree + n, zeros[i], NODES, "0");
    n += put_list(tree + n, "categories", NODES, "16777215");
    n += put_list(tree + n, "categories_nodes", NODES, "%d");
    n += put_list(tree + n, "categories_segments", NODES, "%d");
    n += put_list(tree + n, "categories_sizes", NODES, "1");
    n += put_list(tree + n, "split_type", NODES, "1");
    sprintf(tree + n, "\"tree_param\":{\"num_nodes\":\"%d\"}},", NODES);
    char *text = edited(&(struct edit){ "\"trees\":[", tree }, 1);
    assert_int_equal(import(&b, text, strlen(text), &err), MDL_ERR_LIMIT);
    assert_non_null(strstr(err.text, "tree 0: the sets of categories need more than"));
    free(text);
}

static void every_truncation_of_a_real_file_is_refused(void **state)
{
    static const char *const files[] = { "xgboost_3.2/one_hot.json", "xgboost_3.2/one_hot.ubj",
                                         "xgboost_1.7/dart.json", "xgboost_1.7/dart.ubj",
                                         "xgboost_3.2/linear_classes.ubj" };
    (void)state;

    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        size_t size;
        unsigned char *file = read_file(data_path(files[f]), &size);
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b;

        assert_non_null(file);
        for (size_t n = 0; n < size; n++) {
            unsigned char *cut = memcpy(malloc(n + 1), file, n);
            if (import(&b, cut, n, &err) != MDL_ERR_FORMAT || err.offset > n
                || (!strstr(err.text, "copy it or save it again")
                    && !strstr(err.text, "not a model file that can be imported")))
                fail_msg("%s: the first %zu bytes: %s", files[f], n, err.text);
            free(cut);
        }
        assert_int_equal(import(&b, file, size, &err), MDL_OK);
        mdl_builder_free(b);
        free(file);
    }
}

static void other_formats_are_refused_with_the_way_out(void **state)
{
    static const struct { const char *bytes; size_t n; const char *says; mdl_status status; } all[] = {
        { "binf\0\0\0\0", 8, "wrote before 3.1", MDL_ERR_UNSUPPORTED },
        { "bs64\t", 5, "wrote before 3.1", MDL_ERR_UNSUPPORTED },
        { "\x80\x04\x95", 3, "Python pickle", MDL_ERR_UNSUPPORTED },
        { "{\"Model\":1}", 11, "expected an object", MDL_ERR_FORMAT },
        { "{\"features\":1}", 14, "not a model file that can be imported", MDL_ERR_FORMAT },
        { "{}", 2, "not a model file", MDL_ERR_FORMAT },
        { "", 0, "empty", MDL_ERR_FORMAT },
    };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b;

        if (mdl_import_memory(&b, all[i].bytes, all[i].n, NULL, &err) != all[i].status
            || !strstr(err.text, all[i].says))
            fail_msg("file %zu: \"%s\", expected \"%s\"", i, err.text, all[i].says);
    }
}

static int stop_halfway(void *user, uint64_t done, uint64_t total)
{
    *(int *)user += 1;
    return done > total / 2;
}

static void the_caller_may_stop_and_choose_rounds(void **state)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b;
    int calls = 0;
    (void)state;

    o.progress = stop_halfway;
    o.user = &calls;
    assert_int_equal(mdl_import_memory(&b, model, sizeof model - 1, &o, &err), MDL_ERR_IO);
    assert_non_null(strstr(err.text, "stopped by the caller"));
    assert_true(calls > 1);
    o.progress = NULL;
    o.best_iteration = 2;
    assert_int_equal(mdl_import_memory(&b, model, sizeof model - 1, &o, &err), MDL_ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "best_iteration is 2, the model has 2 rounds"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_answers_as_by_hand),
        cmocka_unit_test(the_intercept_is_written_in_many_ways),
        cmocka_unit_test(layouts_of_old_versions_are_read),
        cmocka_unit_test(dart_multiplies_by_the_weights_of_either_layout),
        cmocka_unit_test(a_memory_snapshot_holds_a_model),
        cmocka_unit_test(best_iteration_counts_where_the_wrapper_wrote_the_file),
        cmocka_unit_test(vector_leaves_of_either_layout_add_to_all_outputs),
        cmocka_unit_test(gblinear_adds_bias_base_and_products),
        cmocka_unit_test(the_margin_of_the_intercept_follows_objective_and_version),
        cmocka_unit_test(expectiles_and_quantiles_answer_in_ascending_order),
        cmocka_unit_test(a_nan_threshold_sends_every_number_right),
        cmocka_unit_test(strange_categories_went_to_the_default_side_once),
        cmocka_unit_test(an_empty_set_sends_every_category_left),
        cmocka_unit_test(categories_of_data_frames_become_those_of_columns),
        cmocka_unit_test(broken_files_are_refused_by_name),
        cmocka_unit_test(categories_far_from_zero_cost_no_memory_without_end),
        cmocka_unit_test(every_truncation_of_a_real_file_is_refused),
        cmocka_unit_test(other_formats_are_refused_with_the_way_out),
        cmocka_unit_test(the_caller_may_stop_and_choose_rounds),
    };

    return cmocka_run_group_tests_name("import xgboost", tests, NULL, NULL);
}
