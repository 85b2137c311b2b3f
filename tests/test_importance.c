/*
 * tests/test_importance.c - importances of columns: in and out of a file, and what is refused
 *
 * What importers make of them is compared with the frameworks in tests/python/test_importance.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"
#include "raw_file.h"

#include <math.h>

static const char *const kinds[2] = { "gain", "weight" };
static const uint32_t columns[2] = { 1, 4 };
static const double values[2][2] = { { 0.5, 1e300 }, { 3, (double)NAN } };

/* Five columns, of which two are in use. */
static mdl_builder *builder(void)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 5, 0);

    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, x);
    return b;
}

static mdl_builder *with_importances(void)
{
    mdl_builder *b = builder();

    assert_int_equal(mdl_build_importance(b, 2, kinds, 2, columns, values[0]), MDL_OK);
    return b;
}

static void expect(const mdl_model *m)
{
    const char *kind;
    double got[5];

    assert_int_equal(mdl_importance_count(m), 2);
    for (size_t k = 0; k < 2; k++) {
        memset(got, 0x55, sizeof got);
        assert_int_equal(mdl_importance(m, k, &kind, got), MDL_OK);
        assert_string_equal(kind, kinds[k]);
        assert_true(got[0] == 0 && got[2] == 0 && got[3] == 0 && got[1] == values[k][0]);
        assert_memory_equal(&got[4], &values[k][1], sizeof(double));
    }
}

static void what_goes_in_comes_out_and_other_columns_are_0(void **state)
{
    mdl_model *m = loaded(with_importances(), NULL);
    double got[5];
    const char *kind = NULL;
    (void)state;

    expect(m);
    assert_int_equal(mdl_importance(m, 1, &kind, NULL), MDL_OK);
    assert_string_equal(kind, "weight");
    assert_int_equal(mdl_importance(m, 1, NULL, got), MDL_OK);
    assert_true(got[1] == 3);
    assert_int_equal(mdl_importance(m, 2, &kind, got), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_importance(NULL, 0, &kind, got), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_importance_count(NULL), 0);

    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *again = mdl_builder_from_model(m, &err);
    assert_non_null(again);
    mdl_model *copy = loaded(again, NULL);
    expect(copy);
    mdl_free(copy);
    mdl_free(m);
}

static void a_file_without_has_none(void **state)
{
    mdl_model *m = loaded(builder(), NULL), *small = loaded(small_model(NULL), NULL);
    (void)state;

    assert_int_equal(mdl_importance_count(m) + mdl_importance_count(small), 0);
    assert_int_equal(mdl_importance(m, 0, NULL, NULL), MDL_ERR_ARGUMENT);
    mdl_free(m);
    mdl_free(small);
}

/* A model that asks nothing: all are 0. */
static void kinds_without_any_column_are_all_0(void **state)
{
    mdl_builder *b = with_importances();
    double got[5] = { 9, 9, 9, 9, 9 };
    (void)state;

    assert_int_equal(mdl_build_importance(b, 1, kinds + 1, 0, NULL, NULL), MDL_OK);
    mdl_model *m = loaded(b, NULL);
    assert_int_equal(mdl_importance_count(m), 1);
    assert_int_equal(mdl_importance(m, 0, NULL, got), MDL_OK);
    for (int i = 0; i < 5; i++)
        assert_true(got[i] == 0);
    mdl_free(m);
}

static void a_builder_refuses_columns_that_are_not_there(void **state)
{
    static const uint32_t wrong[4][2] = { { 4, 1 }, { 1, 1 }, { 0, 5 }, { UINT32_MAX, 0 } };
    const uint32_t many[6] = { 0, 1, 2, 3, 4, 5 };
    const double six[6] = { 0 };
    (void)state;

    for (int i = 0; i < 8; i++) {
        mdl_builder *b = i == 7 ? mdl_builder_new(NULL) : builder();
        const mdl_status s =
            i < 4 ? mdl_build_importance(b, 1, kinds, 2, wrong[i], six)
          : i == 4 ? mdl_build_importance(b, 1, kinds, 6, many, six)
          : i == 5 ? mdl_build_importance(b, 1, NULL, 1, many, six)
          : i == 6 ? mdl_build_importance(b, 1, kinds, 1, NULL, six)
                   : mdl_build_importance(b, 1, kinds, 1, many, six);
        assert_int_equal(s, MDL_ERR_ARGUMENT);
        mdl_builder_free(b);
    }
    mdl_builder *b = builder();
    assert_int_equal(mdl_build_importance(b, 1, kinds, 1, columns, NULL), MDL_ERR_ARGUMENT);
    assert_int_equal(mdl_build_importance(b, 1, kinds, 1, columns, six), MDL_ERR_ARGUMENT);   /* sticks */
    mdl_builder_free(b);
}

/* ---- files ------------------------------------------------------------------------------------- */

/* The entry of a section. */
static struct mdl_file_section *entry(unsigned char *file, uint32_t type)
{
    struct mdl_file_header h;
    struct mdl_file_section *e = (struct mdl_file_section *)(void *)(file + sizeof h);

    memcpy(&h, file, sizeof h);
    for (uint32_t i = 0; i < h.n_sections; i++)
        if (e[i].type == type)
            return &e[i];
    fail_msg("no section %x", (unsigned)type);
    return NULL;
}

static void load_fails(unsigned char *file, size_t size, const char *section, const char *words)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    raw_repair(file);
    assert_int_equal(mdl_load_memory(&m, file, size, NULL, &err), MDL_ERR_FORMAT);
    assert_string_equal(err.section, section);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
    free(file);
}

static void files_whose_importances_contradict_themselves_are_refused(void **state)
{
    static const uint32_t wrong[4][2] = { { 4, 1 }, { 1, 1 }, { 1, 5 }, { UINT32_MAX, 4 } };
    size_t size;
    unsigned char *file;
    (void)state;

    for (int i = 0; i < 4; i++) {
        file = raw_built(with_importances(), &size);
        memcpy(file + entry(file, 0x80000007u)->offset, wrong[i], sizeof wrong[i]);
        load_fails(file, size, "importance_cols", "not ascending");
    }
    file = raw_built(with_importances(), &size);
    memcpy(file + entry(file, 0x80000006u)->offset, &(uint32_t){ 0xFFFF }, 4);
    load_fails(file, size, "importance", "no text begins");
    file = raw_built(with_importances(), &size);
    struct mdl_file_section *e = entry(file, 0x80000007u);
    e->bytes = 4;                 /* a column less than numbers */
    e->count = 1;
    memset(file + e->offset + 4, 0, 4);
    load_fails(file, size, "importance_data", "not one number");
}

/* As a reader that does not know them would. */
static void importances_of_a_later_version_are_ignored(void **state)
{
    size_t size;
    unsigned char *file = raw_built(with_importances(), &size);
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    (void)state;

    for (uint32_t type = 0x80000006u; type <= 0x80000008u; type++)
        entry(file, type)->version = 2;
    raw_repair(file);
    if (mdl_load_memory(&m, file, size, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mdl_importance_count(m), 0);
    mdl_free(m);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_and_other_columns_are_0),
        cmocka_unit_test(a_file_without_has_none),
        cmocka_unit_test(kinds_without_any_column_are_all_0),
        cmocka_unit_test(a_builder_refuses_columns_that_are_not_there),
        cmocka_unit_test(files_whose_importances_contradict_themselves_are_refused),
        cmocka_unit_test(importances_of_a_later_version_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
