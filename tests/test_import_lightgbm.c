/*
 * tests/test_import_lightgbm.c - LightGBM's text: a model by hand, every cut, every broken field
 *
 * That whole models give LightGBM's bits is shown by tests/python/test_lightgbm.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "imported.h"

#include <math.h>

/*
 * Two iterations over the columns (a, colour, c).  Tree 0 has a node of each kind:
 *
 *     a <= 1.5, NaN left    yes: colour in {1, 33}    yes: leaf 0 = 1    no: leaf 2 = 4
 *                           no:  c <= -2, 0 and NaN right    yes: leaf 1 = 2   no: leaf 3 = 8
 *
 * Tree 1 has one leaf, linear: 10 + 0.5 a - c, or 32 when one of these is NaN.
 */
static const char by_hand[] =
    "tree\n"
    "version=v4\n"
    "num_class=1\n"
    "num_tree_per_iteration=1\n"
    "label_index=0\n"
    "max_feature_idx=2\n"
    "objective=regression\n"
    "feature_names=a colour c\n"
    "feature_infos=[0:9] -1:1:33 [-5:5]\n"
    "\n"
    "Tree=0\n"
    "num_leaves=4\n"
    "num_cat=1\n"
    "split_feature=0 1 2\n"
    "threshold=1.5 0 -2\n"
    "decision_type=10 1 4\n"
    "left_child=1 -1 -2\n"
    "right_child=2 -3 -4\n"
    "leaf_value=1 2 4 8\n"
    "cat_boundaries=0 2\n"
    "cat_threshold=2 2\n"
    "\n"
    "Tree=1\n"
    "num_leaves=1\n"
    "num_cat=0\n"
    "leaf_value=32\n"
    "is_linear=1\n"
    "leaf_const=10\n"
    "num_features=2\n"
    "leaf_features=0 2 \n"
    "leaf_coeff=0.5 -1\n"
    "\n"
    "end of trees\n";

static void answers(mdl_model *m, const double *x, size_t rows, size_t cols, const char *output,
                    double *y, size_t y_cols)
{
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F64, .rank = 2,
                            .data = (void *)(uintptr_t)x,
                            .dims = { (int64_t)rows, (int64_t)cols } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                             .dims = { (int64_t)rows, (int64_t)y_cols } };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;

    o.output_name = output;
    if (mdl_predict_tensor(m, &in, &out, &o, &err))
        fail_msg("%s: %s", output, err.text);
}

/* ---- by hand ----------------------------------------------------------------------------- */

static void a_model_written_by_hand_answers_as_by_hand(void **state)
{
    const double nan = (double)NAN, inf = (double)INFINITY;
    const struct { double x[3], leaf, raw; } rows[] = {
        { { 1.5, 1, 0 }, 0, 1 + 10.75 },        { { 1, 33, 1 }, 0, 1 + 9.5 },
        { { nan, 33.9, 1 }, 0, 1 + 32 },        { { 0, 0, 0 }, 2, 4 + 10 },
        { { 0, nan, 0 }, 2, 4 + 10 },           { { 0, -1, 0 }, 2, 4 + 10 },
        { { 0, -0.5, 0 }, 2, 4 + 10 },          { { 0, 1e10, 0 }, 2, 4 + 10 },
        { { 0, inf, 0 }, 2, 4 + 10 },           { { 0, 65, 0 }, 2, 4 + 10 },
        { { 2, 0, -2 }, 1, 2 + 13 },            { { 2, 0, -1.5 }, 3, 8 + 12.5 },
        { { 2, 0, 0 }, 3, 8 + 11 },             { { 2, 0, 1e-36 }, 3, 8 + 11 },
        { { 2, 0, nan }, 3, 8 + 32 },           { { inf, 0, -inf }, 1, inf },
    };
    mdl_model *m = imported(by_hand, sizeof by_hand - 1, NULL);
    double leaf[2], raw, prediction;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        answers(m, rows[i].x, 1, 3, "leaf", leaf, 2);
        answers(m, rows[i].x, 1, 3, "raw", &raw, 1);
        answers(m, rows[i].x, 1, 3, "prediction", &prediction, 1);
        if (leaf[0] != rows[i].leaf || leaf[1] != 0 || raw != rows[i].raw || prediction != raw)
            fail_msg("row %u: leaves %d %d", (unsigned)i, (int)leaf[0], (int)leaf[1]);
    }
    for (size_t i = 0; i < 3; i++) {
        mdl_column_info column = { .size = sizeof column };

        assert_int_equal(mdl_column(m, 0, i, &column), MDL_OK);
        assert_string_equal(column.name, i == 0 ? "a" : i == 1 ? "colour" : "c");
        assert_int_equal(column.kind, i == 1 ? MDL_COLUMN_CATEGORY : MDL_COLUMN_NUMBER);
    }
    assert_string_equal(mdl_metadata_get(m, "source"), "lightgbm");
    assert_string_equal(mdl_metadata_get(m, "source_version"), "v4");
    assert_string_equal(mdl_metadata_get(m, "objective"), "regression");
    mdl_free(m);
}

static void only_rounds_up_to_the_best_are_kept(void **state)
{
    const double x[] = { 1, 1, 0 };
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = (mdl_builder *)1;
    double raw;
    (void)state;

    o.best_iteration = 0;
    mdl_model *m = imported(by_hand, sizeof by_hand - 1, &o);
    answers(m, x, 1, 3, "raw", &raw, 1);
    assert_true(raw == 1);
    assert_string_equal(mdl_metadata_get(m, "best_iteration"), "0");
    mdl_free(m);

    o.best_iteration = 2;
    assert_int_equal(mdl_import_memory(&b, by_hand, sizeof by_hand - 1, &o, &err),
                     MDL_ERR_ARGUMENT);
    assert_null(b);
    assert_non_null(strstr(err.text, "best_iteration 2, the model has 2 iterations"));
}

static void a_random_forest_averages_its_prediction_only(void **state)
{
    static const char forest[] =
        "tree\nversion=v3\nnum_class=2\nnum_tree_per_iteration=2\nmax_feature_idx=0\n"
        "objective=multiclassova num_class:2 sigmoid:1\naverage_output\nfeature_names=a\n"
        "feature_infos=none\n\n"
        "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=1\n\n"
        "Tree=1\nnum_leaves=1\nnum_cat=0\nleaf_value=0\n\n"
        "Tree=2\nnum_leaves=1\nnum_cat=0\nleaf_value=3\n\n"
        "Tree=3\nnum_leaves=1\nnum_cat=0\nleaf_value=-4\n\nend of trees\n";
    const double x = 0;
    double y[2];
    mdl_model *m = imported(forest, sizeof forest - 1, NULL);
    (void)state;

    answers(m, &x, 1, 1, "raw", y, 2);
    assert_true(y[0] == 4 && y[1] == -4);
    answers(m, &x, 1, 1, "prediction", y, 2);
    assert_true(fabs(y[0] - 1 / (1 + exp(-2.0))) < 1e-15);
    assert_true(fabs(y[1] - 1 / (1 + exp(2.0))) < 1e-15);
    answers(m, &x, 1, 1, "label", y, 1);
    assert_true(y[0] == 0);
    mdl_free(m);
}

/* ---- cut files --------------------------------------------------------------------------- */

static size_t find(const char *text, size_t size, const char *what)
{
    const size_t n = strlen(what);

    for (size_t i = 0; i + n <= size; i++)
        if (!memcmp(text + i, what, n))
            return i;
    fail_msg("no '%s'", what);
    return 0;
}

/* What is behind the trees may end between its sections and between lines of the
 * importances: nothing that a prediction needs is lost then. */
struct tail { size_t trees, importances, parameters, after, pandas; };

static struct tail find_tail(const char *text, size_t size)
{
    return (struct tail){ .trees = find(text, size, "\nend of trees") + 13,
                          .importances = find(text, size, "\nfeature_importances:"),
                          .parameters = find(text, size, "\nparameters:"),
                          .after = find(text, size, "\nend of parameters") + 18,
                          .pandas = find(text, size, "\npandas_categorical:") };
}

static int may_end_at(const struct tail *t, const char *text, size_t size, size_t at)
{
    if (at < t->trees || (at > t->importances + 1 && at < t->importances + 21))
        return 0;
    if (at <= t->parameters + 1) {
        size_t line = at;         /* inside a line of the importances: behind its '=' */

        while (text[line - 1] != '\n')
            line--;
        return line == at || line <= t->importances + 1 || memchr(text + line, '=', at - line);
    }
    if (at < t->after)
        return 0;
    return at <= t->pandas + 1 || at + 1 >= size;
}

static void check_cuts(const char *name)
{
    size_t size;
    char *text = (char *)read_file(data_path(name), &size);
    size_t accepted = 0;

    assert_non_null(text);
    const struct tail tail = find_tail(text, size);
    for (size_t n = 0; n <= size; n++) {
        char *cut = malloc(n + 1);         /* of its own, so that a sanitizer sees the end */
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b = NULL;

        memcpy(cut, text, n);
        const mdl_status s = mdl_import_memory(&b, cut, n, NULL, &err);
        const int may = may_end_at(&tail, text, size, n);
        if ((s == MDL_OK) != may)
            fail_msg("%s cut at %u: status %d, \"%s\"", name, (unsigned)n, (int)s, err.text);
        if (s && (s != MDL_ERR_FORMAT || err.offset > n
                  || (!strstr(err.text, "copy it or save it again") && n >= sizeof "tree")))
            fail_msg("%s cut at %u: status %d, offset %llu, \"%s\"", name, (unsigned)n, (int)s,
                     (unsigned long long)err.offset, err.text);
        accepted += s == MDL_OK;
        mdl_builder_free(b);
        free(cut);
    }
    assert_true(accepted > 0 && accepted < 200);
    free(text);
}

static void every_cut_is_refused_unless_only_importances_or_parameters_are_lost(void **state)
{
    (void)state;
    check_cuts("lightgbm_4.7/binary.txt");
    check_cuts("lightgbm_4.7/multiclass.txt");
    check_cuts("lightgbm_3.3/linear.txt");
}

/* ---- broken fields ----------------------------------------------------------------------- */

struct broken {
    const char *from, *to, *says;
};

/* The text with the first `from` replaced; *at: where. */
static char *replace(const char *text, const struct broken *r, size_t *size, size_t *at)
{
    const size_t n = strlen(text), from = strlen(r->from), to = strlen(r->to);
    char *out = malloc(n + to + 1);

    *at = find(text, n, r->from);
    memcpy(out, text, *at);
    memcpy(out + *at, r->to, to);
    memcpy(out + *at + to, text + *at + from, n - *at - from + 1);
    *size = n - from + to;
    return out;
}

static void refuse(const char *text, const struct broken *r, mdl_status want, int far)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = (mdl_builder *)1;
    size_t size, at;
    char *bad = replace(text, r, &size, &at);
    const mdl_status s = mdl_import_memory(&b, bad, size, NULL, &err);

    assert_null(b);
    if (s != want || !strstr(err.text, r->says))
        fail_msg("'%s' for '%s': status %d \"%s\" should say \"%s\"", r->to, r->from, (int)s,
                 err.text, r->says);
    if (want == MDL_ERR_FORMAT
        && (err.offset == MDL_NO_OFFSET || err.offset > size
            || (!far && (err.offset < at || err.offset > at + strlen(r->to) + 1))))
        fail_msg("'%s': offset %llu, the change is at %u", r->to, (unsigned long long)err.offset,
                 (unsigned)at);
    free(bad);
}

static void a_broken_value_is_named_with_its_place(void **state)
{
    static const struct broken all[] = {
        { "tree\n", "Tree\n", "not a model file" },
        { "num_class=1", "num_class=0", "num_class is '0', expected an integer from 1" },
        { "num_class=1", "num_class=", "num_class is ''" },
        { "num_class=1", "num_class=1 1", "num_class is '1 1'" },
        { "num_class=1", "num_class=99999999", "num_class is '99999999'" },
        { "num_tree_per_iteration=1", "num_tree_per_iteration=x",
          "num_tree_per_iteration is 'x'" },
        { "max_feature_idx=2", "max_feature_idx=-1", "max_feature_idx is '-1'" },
        { "max_feature_idx=2", "max_feature_idx=2147483647", "max_feature_idx is" },
        { "feature_names=a colour c", "feature_names=a c", "feature_names has 2 words, expected "
          "max_feature_idx + 1 = 3" },
        { "feature_names=a colour c", "feature_names=a \xff c", "column 1 is not UTF-8" },
        { "feature_infos=[0:9] -1:1:33 [-5:5]", "feature_infos=none",
          "feature_infos has 1 words, expected" },
        { "num_leaves=4", "num_leaves=0", "tree 0: num_leaves is '0'" },
        { "num_cat=1", "num_cat=4", "tree 0: num_cat is '4', expected an integer from 0 to 3" },
        { "split_feature=0 1 2", "split_feature=0 1 3", "value 2 is 3, expected 0 to 2" },
        { "split_feature=0 1 2", "split_feature=0 -1 2", "split_feature: value 1 is -1" },
        { "split_feature=0 1 2", "split_feature=0 1", "too short for 3" },
        { "split_feature=0 1 2", "split_feature=0 1 2 0", "has 4 values, expected 3" },
        { "threshold=1.5 0 -2", "threshold=1.5 0 -2,5", "threshold: value 2 is '-2,5'" },
        { "threshold=1.5 0 -2", "threshold=1.5 0 x", "threshold: value 2 is 'x'" },
        { "threshold=1.5 0 -2", "threshold=1.55555 0", "threshold has 2 values, expected 3" },
        { "threshold=1.5 0 -2", "threshold=1.5 1 -2", "node 1 is categorical, its set must be" },
        { "threshold=1.5 0 -2", "threshold=1.5 0.5 -2", "node 1 is categorical, its set must be" },
        { "threshold=1.5 0 -2", "threshold=1.5 nan -2", "node 1 is categorical, its set must be" },
        { "decision_type=10 1 4", "decision_type=10 1 12", "decision_type: value 2 is 12" },
        { "decision_type=10 1 4", "decision_type=10 1 -4", "decision_type: value 2 is -4" },
        { "left_child=1 -1 -2", "left_child=1 -1 3", "left_child: value 2 is 3, expected -4 to 2" },
        { "left_child=1 -1 -2", "left_child=1 -5 -2", "left_child: value 1 is -5" },
        { "left_child=1 -1 -2", "left_child=0 -1 -2", "node 0 is reached twice" },
        { "left_child=1 -1 -2", "left_child=1 -1 -1", "node -1 is reached twice" },
        { "right_child=2 -3 -4", "right_child=2 1 -4", "node 1 is reached twice" },
        { "leaf_value=1 2 4 8", "leaf_value=1 2 4", "leaf_value is too short for 4" },
        { "leaf_value=1 2 4 8", "leaf_value=1 2 4 8 1", "leaf_value has 5 values, expected 4" },
        { "leaf_value=1 2 4 8", "leaf_value=1 2 4 1e", "leaf_value: value 3 is '1e'" },
        { "cat_boundaries=0 2", "cat_boundaries=0 1 2", "cat_boundaries has 3 values, expected 2" },
        { "cat_boundaries=0 2", "cat_boundaries=1 2", "must begin with 0" },
        { "cat_boundaries=0 2", "cat_boundaries=0 -2", "cat_boundaries: value 1 is -2" },
        { "cat_threshold=2 2", "cat_threshold=2", "cat_threshold is too short for 2" },
        { "cat_threshold=2 2", "cat_threshold=2 -2", "cat_threshold: value 1 is '-2'" },
        { "cat_threshold=2 2", "cat_threshold=2 4294967296", "cat_threshold: value 1" },
        { "is_linear=1", "is_linear=2", "tree 1: is_linear is '2'" },
        { "leaf_const=10", "leaf_const=", "leaf_const is too short" },
        { "num_features=2", "num_features=-1", "num_features: value 0 is -1" },
        { "num_features=2", "num_features=2147483648", "num_features: value 0 is '2147483648'" },
        { "leaf_features=0 2 ", "leaf_features=0 3 ", "leaf_features: value 1 is 3" },
        { "leaf_features=0 2 ", "leaf_features=0 2 0 ", "leaf_features has 3 values, expected 2" },
        { "leaf_coeff=0.5 -1", "leaf_coeff=0.5", "leaf_coeff has 1 values, expected 2" },
        { "\nTree=1", "\nBush=1", "expected 'Tree=' or 'end of trees'" },
        { "num_leaves=4\n", "num_leaves=4\nwhat\n", "the line 'what' is no key=value" },
        { "num_leaves=4\n", "num_leaves=4\nnum_cat=1\n", "the key 'num_cat' is there twice" },
        { "end of trees\n", "end of trees\nparameters:\n", "the file ends before 'end of parameters'" },
        { "end of trees\n", "end of trees\nparser:\n", "the file ends before 'end of parser'" },
        { "end of trees\n", "end of trees\nsomething=1\n", "belongs to no section" },
        { "end of trees\n", "end of trees\npandas_categorical:{}\n", "no list" },
        { "end of trees\n", "end of trees\npandas_categorical:[1]\n", "no list of lists" },
        { "end of trees\n", "end of trees\npandas_categorical:[[[]]]\n", "a list or an object" },
        { "end of trees\n", "end of trees\npandas_categorical:[[\"a\"]\n", "" },
        { "end of trees\n", "end of trees\npandas_categorical:[[],[],[],[]]\n", "more lists" },
        { "end of trees\n", "end of trees\npandas_categorical:null\nx=1\n", "a line behind" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse(by_hand, &all[i], MDL_ERR_FORMAT,
               strstr(all[i].says, "twice") || i == 0 || strstr(all[i].says, "categorical,"));
}

static void a_missing_field_is_named_with_the_place_of_its_tree(void **state)
{
    static const struct broken all[] = {
        { "num_class=1\n", "", "the header has no 'num_class'" },
        { "max_feature_idx=2\n", "", "the header has no 'max_feature_idx'" },
        { "feature_names=a colour c\n", "", "the header has no 'feature_names'" },
        { "feature_infos=[0:9] -1:1:33 [-5:5]\n", "", "the header has no 'feature_infos'" },
        { "num_leaves=4\n", "", "tree 0: there is no 'num_leaves'" },
        { "num_cat=1\n", "", "tree 0: there is no 'num_cat'" },
        { "split_feature=0 1 2\n", "", "there is no 'split_feature'" },
        { "threshold=1.5 0 -2\n", "", "there is no 'threshold'" },
        { "left_child=1 -1 -2\n", "", "there is no 'left_child'" },
        { "right_child=2 -3 -4\n", "", "there is no 'right_child'" },
        { "leaf_value=1 2 4 8\n", "", "there is no 'leaf_value'" },
        { "cat_boundaries=0 2\n", "", "there is no 'cat_boundaries'" },
        { "cat_threshold=2 2\n", "", "there is no 'cat_threshold'" },
        { "leaf_const=10\n", "", "tree 1: there is no 'leaf_const'" },
        { "num_features=2\n", "", "there is no 'num_features'" },
        { "leaf_features=0 2 \n", "", "there is no 'leaf_features'" },
        { "leaf_coeff=0.5 -1\n", "", "there is no 'leaf_coeff'" },
        { "end of trees\n", "", "expected 'Tree=' or 'end of trees'; the file ends before 'end of trees': it is cut off" },
        { "num_cat=1", "num_cat=2", "num_cat is 2, decision_type has 1 category nodes" },
        { "\nnum_leaves=1\n", "\nnum_leaves=2\n", "leaf_value is too short for 2 values" },
        { "decision_type=10 1 4\n", "", "num_cat is 1, decision_type has 0 category nodes" },
        { "num_cat=1", "num_cat=0", "num_cat is 0, decision_type has 1 category nodes" },
        { "num_leaves=4", "num_leaves=1000000000", "leaf_value is too short for 1000000000" },
        { "threshold=1.5 0 -2", "threshold=nan 0 -2", "has the threshold NaN" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse(by_hand, &all[i], MDL_ERR_FORMAT, 1);
}

static void sizes_and_numbers_of_trees_must_agree(void **state)
{
    static const struct broken all[] = {
        { "feature_infos", "tree_sizes=186 1 1\nfeature_infos",
          "tree_sizes has 3 values, there are 2 trees" },
        { "feature_infos", "tree_sizes=9 9\nfeature_infos", "tree 1: the tree begins at byte" },
        { "feature_infos", "tree_sizes=x 9\nfeature_infos", "tree_sizes is 'x'" },
        { "num_class=1\nnum_tree_per_iteration=1", "num_class=3\nnum_tree_per_iteration=3",
          "2 trees, expected a multiple of 3" },
        { "objective=regression", "objective=multiclass num_class:3",
          "the objective has 3 classes, an iteration 1 trees" },
        { "objective=regression", "objective=ova num_class:x", "num_class of the objective" },
        { "objective=regression", "objective=binary sigmoid:0", "sigmoid of the objective" },
        { "objective=regression", "objective=binary sigmoid:1e", "sigmoid of the objective" },
        { "objective=regression", "objective=binary sigmoid:", "sigmoid of the objective" },
        { "objective=regression", "objective=", "the objective is empty" },
        { "objective=regression", "objective=binary sigmoid:1e999", "sigmoid of the objective" },
        { "objective=regression", "objective=regression \xff", "the objective is not UTF-8" },
    };
    static const char none[] = "tree\nversion=v4\nnum_class=1\nmax_feature_idx=0\n"
                               "feature_names=a\nfeature_infos=none\n\nend of trees\n";
    const struct broken no_change = { "tree", "tree", "there are no trees" };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse(by_hand, &all[i], MDL_ERR_FORMAT, 1);
    refuse(none, &no_change, MDL_ERR_FORMAT, 1);
}

static void what_cannot_be_run_is_named(void **state)
{
    static const struct broken all[] = {
        { "version=v4", "version=v5", "not supported: text version 'v5'" },
        { "version=v4\n", "", "not supported: a text without a version" },
        { "objective=regression", "objective=quantile_l2 x", "objective 'quantile_l2'" },
        { "label_index=0", "label_index=0\nboosted", "header key 'boosted'" },
        { "is_linear=1", "is_linear=1\nleaf_bend=1", "tree key 'leaf_bend'" },
        { "num_class=1", "num_class=2", "num_class 2 with 1 trees per iteration" },
    };
    static const char dump[] = "{\"name\": \"tree\", \"version\": \"v4\", \"tree_info\": []}";
    const struct broken no_change = { "tree", "tree", "save_model" };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse(by_hand, &all[i], MDL_ERR_UNSUPPORTED, 1);
    refuse(dump, &no_change, MDL_ERR_UNSUPPORTED, 1);
}

/* ---- categories ------------------------------------------------------------------------------ */

/* The categories of the three columns as "a,b|c||", or the text that was kept. */
static void expect_categories(const char *lists, const char *want)
{
    const struct broken end = { "end of trees\n", lists, "" };
    char got[200] = "";
    size_t size, at;
    char *text = replace(by_hand, &end, &size, &at);
    mdl_model *m = imported(text, size, NULL);
    const char *kept = mdl_metadata_get(m, "pandas_categorical");

    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; mdl_category(m, 0, i, k); k++) {
            strcat(got, k ? "," : "");
            strcat(got, mdl_category(m, 0, i, k));
        }
        strcat(got, "|");
    }
    assert_string_equal(kept ? kept : got, want);
    mdl_free(m);
    free(text);
}

static void lists_of_categories_go_to_the_columns_they_must_belong_to(void **state)
{
    char lists[300] = "end of trees\npandas_categorical:[[0", want[300] = "|0", ten[80];
    (void)state;

    for (int i = 1; i < 34; i++) {        /* 34 codes: colour's largest is 33 */
        snprintf(ten, sizeof ten, ",%d", i);
        strcat(lists, ten);
        strcat(want, ten);
    }
    strcat(want, "||");
    strcat(lists, "]]\n");
    expect_categories(lists, want);

    /* a holds 0 to 9: with ten letters it may be a's; only a has a range of codes */
    expect_categories("end of trees\npandas_categorical:"
                      "[[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"]]",
                      "a,b,c,d,e,f,g,h,i,j|||");
    expect_categories("end of trees\npandas_categorical:[[true,false]]", "[[true,false]]");
    expect_categories("end of trees\npandas_categorical:[[1,\"a\"]]", "[[1,\"a\"]]");
    expect_categories("end of trees\npandas_categorical:[]", "|||");
    expect_categories("end of trees\npandas_categorical:null", "|||");
}

/* ---- the caller -------------------------------------------------------------------------- */

static int stop_at_third(void *user, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    return ++*(int *)user == 3;
}

static void the_caller_can_stop_it(void **state)
{
    struct mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b;
    int calls = 0;
    (void)state;

    o.progress = stop_at_third;
    o.user = &calls;
    assert_int_equal(mdl_import_memory(&b, by_hand, sizeof by_hand - 1, &o, &err), MDL_ERR_IO);
    assert_int_equal(calls, 3);
    assert_non_null(strstr(err.text, "stopped by the caller"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_written_by_hand_answers_as_by_hand),
        cmocka_unit_test(only_rounds_up_to_the_best_are_kept),
        cmocka_unit_test(a_random_forest_averages_its_prediction_only),
        cmocka_unit_test(every_cut_is_refused_unless_only_importances_or_parameters_are_lost),
        cmocka_unit_test(a_broken_value_is_named_with_its_place),
        cmocka_unit_test(a_missing_field_is_named_with_the_place_of_its_tree),
        cmocka_unit_test(sizes_and_numbers_of_trees_must_agree),
        cmocka_unit_test(what_cannot_be_run_is_named),
        cmocka_unit_test(lists_of_categories_go_to_the_columns_they_must_belong_to),
        cmocka_unit_test(the_caller_can_stop_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
