/*
 * tests/test_import_catboost.c - CatBoost's files: a model by hand, every cut, broken fields
 *
 * That whole models give CatBoost's bits is shown by tests/python/test_catboost.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "imported.h"

#include <math.h>

/*
 * Columns a (borders -1, 2, NaN low) and column 2, c (border 0.5, NaN high); column 1 is not
 * used.  Splits are 0: a > -1, 1: a > 2, 2: c > 0.5.  Tree 0 asks 2, then 0: leaf (c > 0.5)
 * + 2 (a > -1).  Tree 1 asks 1.  Raw is 2 sum - 0.25.
 */
static const char by_hand[] =
    "{\"features_info\": {\"float_features\": [\n"
    "  {\"borders\": [-1, 2], \"feature_id\": \"a\", \"feature_index\": 0,\n"
    "   \"flat_feature_index\": 0, \"has_nans\": true, \"nan_value_treatment\": \"AsFalse\"},\n"
    "  {\"borders\": [0.5], \"feature_id\": \"c\", \"feature_index\": 1,\n"
    "   \"flat_feature_index\": 2, \"has_nans\": true, \"nan_value_treatment\": \"AsTrue\"}]},\n"
    " \"model_info\": {\"catboost_version_info\": \"Branch: tags/v1.2.10\\n  more\",\n"
    "   \"params\": {\"loss_function\": {\"params\": {}, \"type\": \"RMSE\"}}},\n"
    " \"oblivious_trees\": [\n"
    "  {\"leaf_values\": [1, 2, 4, 8], \"leaf_weights\": [3, 0, 1, 5],\n"
    "   \"splits\": [{\"split_index\": 2}, {\"border\": -1, \"split_index\": 0}]},\n"
    "  {\"leaf_values\": [0.5, -0.5], \"leaf_weights\": [2, 2], \"splits\": [{\"split_index\": 1}]}\n"
    " ],\n"
    " \"scale_and_bias\": [2, [-0.25]]}\n";

static void answers(const mdl_model *m, const float *x, size_t rows, const char *output,
                    double *y, size_t y_cols)
{
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2,
                            .data = (void *)(uintptr_t)x,
                            .dims = { (int64_t)rows, (int64_t)mdl_input_cols(m) } };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                             .dims = { (int64_t)rows, (int64_t)y_cols } };
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;

    o.output_name = output;
    if (mdl_predict_tensor(m, &in, &out, &o, &err))
        fail_msg("%s: %s", output, err.text);
}

/* ---- by hand --------------------------------------------------------------------------------- */

static void a_model_written_by_hand_answers_as_by_hand(void **state)
{
    const float nan = NAN, inf = INFINITY;
    const struct { float x[3]; double leaf0, leaf1, raw; } rows[] = {
        { { -1, 0, 0.5f }, 0, 0, 2.75 },                /* a border itself is not above it */
        { { -1, 0, 0.50000006f }, 1, 0, 4.75 },
        { { -0.99999994f, 0, 0 }, 2, 0, 8.75 },
        { { 2, 0, 1 }, 3, 0, 16.75 },
        { { 2.0000002f, 0, 1 }, 3, 1, 14.75 },
        { { nan, 0, nan }, 1, 0, 4.75 },
        { { inf, nan, -inf }, 2, 1, 6.75 },
        { { -inf, inf, inf }, 1, 0, 4.75 },
    };
    mdl_model *m = imported(by_hand, sizeof by_hand - 1, NULL);
    mdl_column_info column = { .size = sizeof column };
    double leaf[2], raw, prediction;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        answers(m, rows[i].x, 1, "leaf", leaf, 2);
        answers(m, rows[i].x, 1, "raw", &raw, 1);
        answers(m, rows[i].x, 1, "prediction", &prediction, 1);
        if (leaf[0] != rows[i].leaf0 || leaf[1] != rows[i].leaf1 || raw != rows[i].raw
            || prediction != raw)
            fail_msg("row %u: leaves %d %d", (unsigned)i, (int)leaf[0], (int)leaf[1]);
    }
    assert_int_equal(mdl_input_cols(m), 3);
    assert_int_equal(mdl_column(m, 0, 2, &column), MDL_OK);
    assert_string_equal(column.name, "c");
    assert_string_equal(mdl_metadata_get(m, "source"), "catboost");
    assert_string_equal(mdl_metadata_get(m, "source_version"), "1.2.10");
    assert_string_equal(mdl_metadata_get(m, "objective"), "RMSE");
    mdl_free(m);
}

static void weights_of_leaves_become_covers(void **state)
{
    const uint8_t want[] = { 3, 0, 1, 5, 2, 2 };       /* of leaves, as narrow as they can be */
    mdl_model *m = imported(by_hand, sizeof by_hand - 1, NULL);
    size_t found = 0;
    (void)state;

    for (size_t node = 0; node < mdl_node_count(m); node++) {
        mdl_node_info info = { .size = sizeof info };
        mdl_tensor t = { .size = sizeof t };

        assert_int_equal(mdl_node(m, node, &info), MDL_OK);
        for (size_t i = 0; i < info.n_tensors; i++) {
            assert_int_equal(mdl_node_tensor(m, node, i, &t), MDL_OK);
            if (strcmp(t.name, "cover") != 0)
                continue;
            assert_int_equal(t.type, MDL_U8);
            assert_int_equal(t.dims[0], sizeof want);
            assert_memory_equal(t.data, want, sizeof want);
            found++;
        }
    }
    assert_int_equal(found, 1);
    mdl_free(m);
}

static void only_trees_up_to_the_best_are_kept(void **state)
{
    const float x[] = { 3, 0, 0 };
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = (mdl_builder *)1;
    double raw;
    (void)state;

    o.best_iteration = 0;
    mdl_model *m = imported(by_hand, sizeof by_hand - 1, &o);
    answers(m, x, 1, "raw", &raw, 1);
    assert_true(raw == 7.75);
    assert_string_equal(mdl_metadata_get(m, "best_iteration"), "0");
    mdl_free(m);

    o.best_iteration = 2;
    assert_int_equal(mdl_import_memory(&b, by_hand, sizeof by_hand - 1, &o, &err),
                     MDL_ERR_ARGUMENT);
    assert_null(b);
    assert_non_null(strstr(err.text, "best_iteration 2, the model has 2 trees"));
}

/* ---- files of CatBoost ----------------------------------------------------------------------- */

static mdl_model *load_file(const char *name)
{
    size_t size;
    unsigned char *bytes = read_file(data_path(name), &size);

    assert_non_null(bytes);
    mdl_model *m = imported(bytes, size, NULL);
    free(bytes);
    return m;
}

#define ROWS 200u

static void both_files_of_a_model_answer_alike(void **state)
{
    static const char *const names[][3] = {
        { "catboost_1.2/binary.cbm", "catboost_1.2/binary.json", "probability" },
        { "catboost_1.2/classes.cbm", "catboost_1.2/classes.json", "probability" },
        { "catboost_1.2/poisson.cbm", "catboost_1.2/poisson.json", "prediction" },
    };
    float x[ROWS * 4];
    double y[2][ROWS * 3];
    (void)state;

    for (size_t i = 0; i < ROWS * 4; i++)
        x[i] = i % 37 ? (float)((double)(i * 2654435761u % 8192) / 1024 - 4) : NAN;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mdl_model *a = load_file(names[i][0]), *b = load_file(names[i][1]);
        mdl_output_info o = { .size = sizeof o };

        assert_int_equal(mdl_output(a, mdl_output_find(a, "raw"), &o), MDL_OK);
        for (size_t k = 0; k < 2; k++) {
            const char *output = k ? "raw" : names[i][2];

            assert_int_equal(mdl_output(a, mdl_output_find(a, output), &o), MDL_OK);
            assert_in_range(o.cols, 1, 3);
            answers(a, x, ROWS, output, y[0], (size_t)o.cols);
            answers(b, x, ROWS, output, y[1], (size_t)o.cols);
            assert_memory_equal(y[0], y[1], ROWS * (size_t)o.cols * sizeof(double));
        }
        mdl_free(a);
        mdl_free(b);
    }
}

static void labels_are_the_texts_of_the_file(void **state)
{
    static const char *const labels[] = { "low", "mid", "\303\274ber" };
    mdl_model *m = load_file("catboost_1.2/classes.cbm");
    const size_t at = mdl_output_find(m, "label");
    (void)state;

    for (size_t i = 0; i < 3; i++)
        assert_string_equal(mdl_label(m, at, i), labels[i]);
    assert_null(mdl_label(m, at, 3));
    mdl_free(m);
}

/* ---- categories ------------------------------------------------------------------------------ */

static void a_text_has_a_code_that_float64_rows_carry(void **state)
{
    mdl_model *m = load_file("catboost_1.2/categories.cbm");
    mdl_column_info column = { .size = sizeof column };
    double code = 0, x[6] = { 0 }, y[2];
    float narrow[6] = { 0 }, z[2];
    (void)state;

    assert_int_equal(mdl_column(m, 0, 4, &column), MDL_OK);
    assert_int_equal(column.kind, MDL_COLUMN_HASH);
    assert_int_equal(mdl_category_code(m, 0, 4, "-5", &code), MDL_OK);
    assert_true(code == (double)(int32_t)2572957386u);
    assert_int_equal(mdl_category_code(m, 0, 4, NULL, &code), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_category_code(m, 0, 4, "a", NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_category_code(m, 0, 0, "a", &code), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_category_code(m, 0, 6, "a", &code), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_predict_f64(m, x, 1, y), MDL_OK);
    assert_int_equal(mdl_predict(m, narrow, 1, z), MDL_ERR_DATA);
    mdl_free(m);
}

static void both_files_with_categories_become_the_same_model(void **state)
{
    size_t size[2];
    unsigned char *made[2];
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        const char *name = i ? "catboost_1.2/categories.json" : "catboost_1.2/categories.cbm";
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b = NULL;
        const void *bytes;
        size_t n;
        unsigned char *file = read_file(data_path(name), &n);

        assert_non_null(file);
        assert_int_equal(mdl_import_memory(&b, file, n, NULL, &err), MDL_OK);
        mdl_build_metadata(b, "source_sha256", "");
        assert_int_equal(mdl_build_bytes(b, &bytes, &size[i], &err), MDL_OK);
        made[i] = malloc(size[i]);
        memcpy(made[i], bytes, size[i]);
        mdl_builder_free(b);
        free(file);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(made[0], made[1], size[0]);
    free(made[0]);
    free(made[1]);
}

/* ---- damaged files --------------------------------------------------------------------------- */

static char said[1000];           /* by the last try_bytes */

/* Whatever is said, it is said with a reason and a place in the file. */
static mdl_status try_bytes(const unsigned char *bytes, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;

    o.from = "catboost";
    const mdl_status s = mdl_import_memory(&b, bytes, size, &o, &err);
    if ((s != MDL_OK) != (b == NULL)
        || (s && s != MDL_ERR_FORMAT && s != MDL_ERR_UNSUPPORTED && s != MDL_ERR_ARGUMENT)
        || (s && !err.text[0]) || (s == MDL_ERR_FORMAT && err.offset > size))
        fail_msg("status %d, offset %llu of %u: \"%s\"", (int)s, (unsigned long long)err.offset,
                 (unsigned)size, err.text);
    snprintf(said, sizeof said, "%s", err.text);
    mdl_builder_free(b);
    return s;
}

static void check_cuts(const char *name, size_t whole)
{
    size_t size;
    unsigned char *bytes = read_file(data_path(name), &size);

    assert_non_null(bytes);
    for (size_t n = 0; n < size - whole; n += 1 + n / 64) {
        unsigned char *cut = malloc(n + 1);     /* of its own, so that a sanitizer sees the end */

        memcpy(cut, bytes, n);
        if (try_bytes(cut, n) == MDL_OK || !strstr(said, "copy it or save it again"))
            fail_msg("%s cut at %u: \"%s\"", name, (unsigned)n, said);
        free(cut);
    }
    assert_int_equal(try_bytes(bytes, size), MDL_OK);
    free(bytes);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    check_cuts("catboost_1.2/binary.cbm", 0);
    check_cuts("catboost_1.2/poisson.cbm", 0);
    check_cuts("catboost_1.2/categories.cbm", 0);
    check_cuts("catboost_1.2/categories.json", 1);
    check_cuts("catboost_1.2/classes.json", 1);
}

static void no_byte_of_the_binary_file_does_harm(void **state)
{
    static const char *const names[] = { "catboost_1.2/binary.cbm", "catboost_1.2/classes.cbm",
                                         "catboost_1.2/categories.cbm" };
    static const unsigned char other[] = { 0x00, 0xFF, 0x80, 0x01 };
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size, accepted = 0, refused = 0;
        unsigned char *bytes = read_file(data_path(names[i]), &size);

        assert_non_null(bytes);
        for (size_t at = 4; at < size; at++) {
            const unsigned char was = bytes[at];

            bytes[at] = (unsigned char)(was ^ other[at * 7 % 4] ^ (other[at * 7 % 4] == 0));
            ++*(try_bytes(bytes, size) ? &refused : &accepted);
            bytes[at] = was;
        }
        assert_true(accepted > 100 && refused > 100);
        free(bytes);
    }
}

/* ---- broken fields --------------------------------------------------------------------------- */

static void refuse(const char *from, const char *to, mdl_status want, const char *says)
{
    const char *at = strstr(by_hand, from);
    const size_t begin = at ? (size_t)(at - by_hand) : 0, n = sizeof by_hand - 1;
    char text[sizeof by_hand + 400];
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = (mdl_builder *)1;

    if (!at)
        fail_msg("no '%s'", from);
    memcpy(text, by_hand, begin);
    memcpy(text + begin, to, strlen(to));
    memcpy(text + begin + strlen(to), at + strlen(from), n - begin - strlen(from));
    o.from = "catboost";
    const mdl_status s = mdl_import_memory(&b, text, n - strlen(from) + strlen(to), &o, &err);
    assert_null(b);
    if (s != want || !strstr(err.text, says))
        fail_msg("'%s' for '%s': status %d \"%s\" should say \"%s\"", to, from, (int)s, err.text,
                 says);
}

static void a_broken_value_is_named(void **state)
{
    static const struct { const char *from, *to, *says; } all[] = {
        { "[-1, 2]", "[2, -1]", "borders of a column are not ascending" },
        { "[-1, 2]", "[-1, NaN]", "borders of a column are not ascending" },
        { "[-1, 2]", "[-1, \"2\"]", "expected a number" },
        { "[-1, 2]", "[-1]", "split 2, the model has 2" },
        { "\"flat_feature_index\": 0", "\"flat_feature_index\": -1", "is column -1" },
        { "\"flat_feature_index\": 0", "\"flat_feature_index\": 2147483647", "is column 2147" },
        { "\"flat_feature_index\": 0", "\"flat_feature_index\": 4194304", "is column 4194304" },
        { "\"flat_feature_index\": 0", "\"flat_feature_index\": 0.5", "expected an integer" },
        { "AsTrue", "AsMaybe", "'nan_value_treatment' is none of" },
        { "{\"split_index\": 2}", "{\"split_index\": 3}", "split 3, the model has 3" },
        { "{\"split_index\": 2}", "{\"split_index\": -1}", "expected an integer from 0" },
        { "{\"split_index\": 2}", "{}", "has no 'split_index'" },
        { "{\"split_index\": 2}", "2", "a split is no object" },
        { "[1, 2, 4, 8]", "[1, 2, 4]", "3 values for 4 leaves" },
        { "[1, 2, 4, 8]", "[]", "0 values for 4 leaves" },
        { "[1, 2, 4, 8]", "[1, 2, 4, null]", "expected a number" },
        { "[1, 2, 4, 8]", "[1, 2, 4, 8, 1, 2, 4, 8]", "tree 1: 2 values for 2 leaves" },
        { "[3, 0, 1, 5]", "[3, 0, 1]", "5 weights, but 6 values" },
        { "[2, [-0.25]]", "[2, [-0.25, 1]]", "a bias for 2 outputs, expected 1" },
        { "[2, [-0.25]]", "[\"2\"]", "expected a number" },
        { "oblivious_trees", "other_trees", "neither 'trees' nor 'oblivious_trees'" },
        { "\"scale_and_bias\"", "\"trees\": [], \"scale_and_bias\"", "both 'trees' and" },
        { "-0.25]]}", "-0.25]]} {", "bytes behind the end" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse(all[i].from, all[i].to, MDL_ERR_FORMAT, all[i].says);
}

/* In place of oblivious trees: nodes. */
static void broken_trees_of_nodes_are_named(void **state)
{
#define LEAF "{\"value\": 1, \"weight\": 1}"
    static const struct { const char *tree, *says; } all[] = {
        { "1", "a tree is no object" },
        { "{}", "neither a leaf nor a split" },
        { "{\"left\": " LEAF ", \"right\": " LEAF "}", "neither a leaf nor a split" },
        { "{\"left\": " LEAF ", \"split\": {\"split_index\": 0}}", "neither a leaf nor a split" },
        { "{\"left\": " LEAF ", \"right\": 3, \"split\": {\"split_index\": 0}}",
          "expected an object" },
        { "{\"left\": " LEAF ", \"right\": " LEAF ", \"split\": {\"split_index\": 7}}",
          "split 7, the model has 3" },
        { "{\"left\": " LEAF ", \"right\": {\"value\": [1, 2]}, \"split\": {\"split_index\": 0}}",
          "2 values for 1 leaves" },
        { "{\"left\": " LEAF ", \"right\": {\"value\": 1}, \"split\": {\"split_index\": 0}}",
          "1 weights, but 2 values" },
    };
    const char *begin = strstr(by_hand, "\"oblivious_trees\""), *end = strstr(by_hand, " \"scale");
    char from[sizeof by_hand], to[400];
    (void)state;

    memcpy(from, begin, (size_t)(end - begin));
    from[end - begin] = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(to, sizeof to, "\"trees\": [%s],", all[i].tree);
        refuse(from, to, MDL_ERR_FORMAT, all[i].says);
    }
    refuse(from, "\"trees\": [],", MDL_ERR_FORMAT, "there are no trees");
}

static void what_cannot_be_run_is_named_at_once(void **state)
{
    (void)state;
    refuse("\"RMSE\"", "\"Loss'42\"", MDL_ERR_UNSUPPORTED, "not supported: loss 'Loss?42'");
    refuse("\"RMSE\"", "\"RMSEWithUncertainty\"", MDL_ERR_UNSUPPORTED,
           "loss RMSEWithUncertainty with 1 outputs");
}

/* ---- tables that are told twice ------------------------------------------------------------ */

static uint32_t put(unsigned char *to, uint32_t at, const void *from, uint32_t bytes)
{
    memcpy(to + at, from, bytes);
    return at + bytes;
}

/* The place `field` of a flatbuffer points to `at`. */
static void point(unsigned char *to, uint32_t field, uint32_t at)
{
    const uint32_t far = at - field;

    memcpy(to + field, &far, 4);
}

static uint32_t put_text(unsigned char *to, uint32_t *at, const char *text, uint32_t n)
{
    const uint32_t begin = (*at + 3) / 4 * 4;

    *at = put(to, put(to, begin, &n, 4), text, n);
    return begin;
}

/* A core whose 40,000 pairs are all the same one, with a text of a megabyte: reading each would
 * take hours. */
static void a_text_that_many_share_is_refused(void **state)
{
    enum { PAIRS = 40000, TEXT = 1 << 20, SIZE = TEXT + 8 * PAIRS + 4096 };
    static const uint16_t root_fields[] = { 10, 16, 4, 8, 12 }, tree_fields[] = { 6, 4, 0 };
    static const uint16_t pair_fields[] = { 8, 12, 4, 8 };
    unsigned char *file = calloc(1, SIZE), *core = file + 8;
    char *text = malloc(TEXT);
    mdl_builder *b = NULL;
    mdl_error err = MDL_ERROR_INIT;
    uint32_t at = 64;

    (void)state;
    memset(text, ' ', TEXT);
    memcpy(text, "{}", 2);
    memcpy(file, "CBM1", 4);
    put(core, 4, root_fields, sizeof root_fields);             /* its table at 16 */
    put(core, 16, &(int32_t){ 12 }, 4);
    put(core, 32, tree_fields, sizeof tree_fields);            /* at 40 */
    put(core, 40, &(int32_t){ 8 }, 4);
    point(core, 0, 16);
    point(core, 24, 40);
    point(core, 20, put_text(core, &at, "FlabuffersModel_v1", 18));
    at = (at + 3) / 4 * 4;
    point(core, 28, at);
    at = put(core, at, &(uint32_t){ PAIRS }, 4);
    const uint32_t pair = at + 4 * PAIRS + 8;                  /* offsets go forwards only */
    for (uint32_t i = 0; i < PAIRS; i++, at += 4)
        point(core, at, pair);
    put(core, at, pair_fields, sizeof pair_fields);
    put(core, pair, &(int32_t){ 8 }, 4);
    at = pair + 12;
    point(core, pair + 4, put_text(core, &at, "params", 6));
    point(core, pair + 8, put_text(core, &at, text, TEXT));
    memcpy(file + 4, &at, 4);
    assert_int_equal(mdl_import_memory(&b, file, at + 8, NULL, &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "share"));
    free(text);
    free(file);
}

/* Places of an index that are empty, filled with hashes of its first row: each would write the
 * numbers of that row again. */
static void hashes_that_share_a_row_are_refused(void **state)
{
    static const uint64_t empty = UINT64_MAX;
    size_t size;
    unsigned char *file = read_file(data_path("catboost_1.2/categories.cbm"), &size);
    mdl_builder *b = NULL;
    mdl_error err = MDL_ERROR_INIT;
    uint64_t filled = 0;
    uint32_t core;

    (void)state;
    assert_non_null(file);
    memcpy(&core, file + 4, 4);
    for (size_t i = 8 + core; i + 12 <= size; i++)
        if (!memcmp(file + i, &empty, 8)) {
            memcpy(file + i, &(uint64_t){ ++filled }, 8);
            memset(file + i + 8, 0, 4);
        }
    assert_true(filled > 0);
    assert_int_equal(mdl_import_memory(&b, file, size, NULL, &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "hashes of a statistic share their rows"));
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_written_by_hand_answers_as_by_hand),
        cmocka_unit_test(weights_of_leaves_become_covers),
        cmocka_unit_test(only_trees_up_to_the_best_are_kept),
        cmocka_unit_test(both_files_of_a_model_answer_alike),
        cmocka_unit_test(labels_are_the_texts_of_the_file),
        cmocka_unit_test(a_text_has_a_code_that_float64_rows_carry),
        cmocka_unit_test(both_files_with_categories_become_the_same_model),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(a_text_that_many_share_is_refused),
        cmocka_unit_test(hashes_that_share_a_row_are_refused),
        cmocka_unit_test(no_byte_of_the_binary_file_does_harm),
        cmocka_unit_test(a_broken_value_is_named),
        cmocka_unit_test(broken_trees_of_nodes_are_named),
        cmocka_unit_test(what_cannot_be_run_is_named_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
