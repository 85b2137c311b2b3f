/*
 * tests/test_import_treelite.c - checkpoints of treelite: one by hand, every cut, broken fields
 *
 * That whole models give the bits of treelite's own engine is shown by
 * tests/python/test_treelite.py.
 *
 * SPDX-License-Identifier: MIT
 */
#include "imported.h"

#include <math.h>

/* ---- a checkpoint written by hand ------------------------------------------------------------ */

/*
 * Two trees of float32 over three columns; what goes left first:
 *
 *     0   x0 < 0.5, NaN left    yes: x1 in {1, 33}, NaN right    yes: 1    no: 2
 *                               no:  4
 *     1   x2 >= 2, NaN right    yes: 8    no: 16
 */
#define NODES 5
static void put(struct made *m, const char *name, const void *v, size_t bytes)
{
    mark(m, name, m->size);
    put_bytes(m, v, bytes);
}

static void put_array(struct made *m, const char *name, const void *v, uint64_t n, size_t cell)
{
    put(m, "", &n, sizeof n);
    put(m, name, v, (size_t)n * cell);
}

#define PUT(m, name, type, ...) put(m, name, &(type){ __VA_ARGS__ }, sizeof(type))
#define ARRAY(m, name, type, ...) \
    put_array(m, name, (type[]){ __VA_ARGS__ }, sizeof((type[]){ __VA_ARGS__ }) / sizeof(type), \
              sizeof(type))

/* Of 1 or 2 classes. */
static void put_head(struct made *m, int32_t classes)
{
    const double base[] = { 0.25, 0 };

    PUT(m, "major", int32_t, 4);
    PUT(m, "minor", int32_t, 8);
    PUT(m, "patch", int32_t, 1);
    PUT(m, "threshold_type", uint8_t, 2);
    PUT(m, "leaf_type", uint8_t, 2);
    PUT(m, "trees", uint64_t, 2);
    PUT(m, "columns", int32_t, 3);
    PUT(m, "task", uint8_t, 1);
    PUT(m, "average", uint8_t, 0);
    PUT(m, "targets", int32_t, 1);
    ARRAY(m, "num_class", int32_t, classes);
    ARRAY(m, "shape", int32_t, 1, classes);
    ARRAY(m, "target_id", int32_t, 0, 0);
    ARRAY(m, "class_id", int32_t, classes > 1 ? -1 : 0, -1);
    put_array(m, "postprocessor", "identity", 8, 1);
    PUT(m, "alpha", float, 1);
    PUT(m, "ratio", float, 1);
    put_array(m, "base", base, (uint64_t)classes, sizeof *base);
    put_array(m, "attributes", "{}", 2, 1);
    PUT(m, "fields", int32_t, 1);             /* of a version to come */
    put_array(m, "field", "news", 4, 1);
    PUT(m, "field_cell", uint64_t, 2);
    put_array(m, "field_value", "123456", 3, 2);
}

static void put_tail(struct made *m)
{
    put_array(m, "data_count", NULL, 0, 8);
    put_array(m, "data_count_present", NULL, 0, 1);
    put_array(m, "sum_hess", NULL, 0, 8);
    put_array(m, "sum_hess_present", NULL, 0, 1);
    put_array(m, "gain", NULL, 0, 8);
    put_array(m, "gain_present", NULL, 0, 1);
    PUT(m, "tree_fields", int32_t, 0);
    PUT(m, "node_fields", int32_t, 0);
}

static struct made of_classes(int32_t classes)
{
    struct made m = { .size = 0 };

    put_head(&m, classes);
    PUT(&m, "nodes", int32_t, NODES);
    PUT(&m, "has_categories", uint8_t, 1);
    ARRAY(&m, "node_type", int8_t, 1, 2, 0, 0, 0);
    ARRAY(&m, "cleft", int32_t, 1, 3, -1, -1, -1);
    ARRAY(&m, "cright", int32_t, 2, 4, -1, -1, -1);
    ARRAY(&m, "split_index", int32_t, 0, 1, -1, -1, -1);
    ARRAY(&m, "default_left", uint8_t, 1, 0, 0, 0, 0);
    ARRAY(&m, "leaf_value", float, 0, 0, 4, 1, 2);
    ARRAY(&m, "threshold", float, 0.5f, 0, 0, 0, 0);
    ARRAY(&m, "cmp", int8_t, 2, 0, 0, 0, 0);
    ARRAY(&m, "list_right", uint8_t, 0, 0, 0, 0, 0);
    put_array(&m, "leaf_vector", NULL, 0, 4);
    ARRAY(&m, "vector_begin", uint64_t, 0, 0, 0, 0, 0);
    ARRAY(&m, "vector_end", uint64_t, 0, 0, 0, 0, 0);
    ARRAY(&m, "list", uint32_t, 1, 33);
    ARRAY(&m, "list_begin", uint64_t, 0, 0, 2, 2, 2);
    ARRAY(&m, "list_end", uint64_t, 0, 2, 2, 2, 2);
    put_tail(&m);
    PUT(&m, "nodes1", int32_t, 3);
    PUT(&m, "has_categories1", uint8_t, 0);
    ARRAY(&m, "node_type1", int8_t, 1, 0, 0);
    ARRAY(&m, "cleft1", int32_t, 1, -1, -1);
    ARRAY(&m, "cright1", int32_t, 2, -1, -1);
    ARRAY(&m, "split_index1", int32_t, 2, -1, -1);
    ARRAY(&m, "default_left1", uint8_t, 0, 0, 0);
    ARRAY(&m, "leaf_value1", float, 0, 8, 16);
    ARRAY(&m, "threshold1", float, 2, 0, 0);
    ARRAY(&m, "cmp1", int8_t, 5, 0, 0);
    ARRAY(&m, "list_right1", uint8_t, 0, 0, 0);
    put_array(&m, "leaf_vector1", NULL, 0, 4);
    ARRAY(&m, "vector_begin1", uint64_t, 0, 0, 0);
    ARRAY(&m, "vector_end1", uint64_t, 0, 0, 0);
    put_array(&m, "list1", NULL, 0, 4);
    ARRAY(&m, "list_begin1", uint64_t, 0, 0, 0);
    ARRAY(&m, "list_end1", uint64_t, 0, 0, 0);
    put_tail(&m);
    return m;
}

static struct made by_hand(void) { return of_classes(1); }

static void a_checkpoint_written_by_hand_answers_as_by_hand(void **state)
{
    const float nan = NAN, inf = INFINITY;
    const struct { float x[3], y; } rows[] = {
        { { 0, 1, 2 }, 1 + 8 },              { { 0, 33, 1.5f }, 1 + 16 },
        { { 0.5f, 1, 2 }, 4 + 8 },           { { nan, 33.9f, inf }, 1 + 8 },
        { { 0, nan, nan }, 2 + 16 },         { { -inf, -0.5f, -inf }, 2 + 16 },
        { { 0, 2, 0 }, 2 + 16 },             { { 0, inf, 0 }, 2 + 16 },
        { { inf, 0, 3 }, 4 + 8 },            { { 0, -1, 3 }, 2 + 8 },
        { { 0, 65, 3 }, 2 + 8 },             { { 0, 16777216, 3 }, 2 + 8 },
    };
    const struct made made = by_hand();
    mdl_model *m = imported(made.bytes, made.size, NULL);
    float y;
    (void)state;

    assert_int_equal(mdl_input_cols(m), 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(mdl_predict(m, rows[i].x, 1, &y), MDL_OK);
        if (y != rows[i].y + 0.25f)
            fail_msg("row %u: %g", (unsigned)i, (double)y);
    }
    assert_string_equal(mdl_metadata_get(m, "source"), "treelite");
    assert_string_equal(mdl_metadata_get(m, "source_version"), "4.8.1");
    assert_string_equal(mdl_metadata_get(m, "objective"), "identity");
    mdl_free(m);
}

/* ---- cut files ------------------------------------------------------------------------------------ */

static void check_cuts(const unsigned char *file, size_t size)
{
    mdl_import_options o = MDL_IMPORT_OPTIONS_INIT;

    o.from = "treelite";
    for (size_t n = 0; n <= size; n++) {
        unsigned char *cut = malloc(n + 1);        /* of its own, so that a sanitizer sees the end */
        mdl_error err = MDL_ERROR_INIT;
        mdl_builder *b = NULL;

        memcpy(cut, file, n);
        const mdl_status s = mdl_import_memory(&b, cut, n, &o, &err);
        if ((s == MDL_OK) != (n == size)
            || (s && (s != MDL_ERR_FORMAT || err.offset > n || !strstr(err.text, "copy it or save it again"))))
            fail_msg("cut at %u of %u: status %d, offset %llu, \"%s\"", (unsigned)n,
                     (unsigned)size, (int)s, (unsigned long long)err.offset, err.text);
        mdl_builder_free(b);
        free(cut);
    }
}

static void every_cut_is_refused(void **state)
{
    static const char *const names[] = { "treelite_4.8/shares.tl", "treelite_4.8/sets_wide.tl",
                                         "treelite_4.0/forest_classes.tl" };
    const struct made made = by_hand();
    (void)state;

    check_cuts(made.bytes, made.size);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        unsigned char *file = read_file(data_path(names[i]), &size);

        assert_non_null(file);
        check_cuts(file, size);
        free(file);
    }
}

/* What stands behind the name of the postprocessor is longer than a short name. */
static void a_file_that_ends_at_a_short_name_is_not_read_beyond(void **state)
{
    struct made m = by_hand();
    unsigned char *name = field(&m, "postprocessor");
    (void)state;

    for (uint64_t n = 0; n < 8; n++)
        for (size_t more = 0; more < 8; more++) {
            const size_t size = (size_t)(name - m.bytes) + n + more;
            unsigned char *cut = malloc(size);         /* not a byte more */
            mdl_error err = MDL_ERROR_INIT;
            mdl_builder *b = NULL;

            memcpy(name - 8, &n, 8);
            memcpy(cut, m.bytes, size);
            assert_int_equal(mdl_import_memory(&b, cut, size, NULL, &err), MDL_ERR_FORMAT);
            assert_non_null(strstr(err.text, "the file ends within 'sigmoid_alpha'"));
            free(cut);
        }
}

/* ---- broken fields ---------------------------------------------------------------------------------- */

#define NOT MDL_ERR_UNSUPPORTED

static void a_broken_field_is_named(void **state)
{
    static const struct broken_field all[] = {
        { "major", 0, 4, 3, "a checkpoint of treelite 3.8", NOT },
        { "major", 0, 4, 5, "a checkpoint of treelite 5.8", NOT },
        { "threshold_type", 0, 1, 3, "types 3 of thresholds and 2 of leaves", 0 },
        { "leaf_type", 0, 1, 1, "types 2 of thresholds and 1 of leaves", 0 },
        { "trees", 0, 8, 3, "'target_id' has 2 elements, expected 3", 0 },
        { "trees", 0, 8, -1, "18446744073709551615 trees", 0 },
        { "columns", 0, 4, 0, "num_feature is 0", 0 },
        { "columns", 0, 4, -1, "num_feature is -1", 0 },
        { "columns", 0, 4, INT32_MAX, "num_feature is 2147483647, expected 1 to 4194304", 0 },
        { "columns", 0, 4, 2, "tree 1: node 0 tests column 2 of 2", 0 },
        { "task", 0, 1, 5, "task_type is 5", 0 },
        { "average", 0, 1, 2, "average_tree_output is 2", 0 },
        { "targets", 0, 4, 2, "'num_class' has 1 elements, expected 2", 0 },
        { "targets", 0, 4, INT32_MIN, "num_target is -2147483648", 0 },
        { "num_class", 0, 4, 0, "num_class of target 0 is 0", 0 },
        { "num_class", 0, 4, INT32_MAX, "num_class of target 0 is 2147483647", 0 },
        { "num_class", 0, 4, 2, "'base_scores' has 1 elements, expected 2", 0 },
        { "shape", 1, 4, 2, "leaf_vector_shape is 1 x 2", 0 },
        { "shape", 0, 4, -1, "leaf_vector_shape is -1 x 1", 0 },
        { "target_id", 1, 4, 1, "tree 1 adds to target 1, class -1", 0 },
        { "target_id", 1, 4, -2, "tree 1 adds to target -2", 0 },
        { "class_id", 0, 4, 1, "tree 0 adds to target 0, class 1", 0 },
        { "class_id", 0, 4, INT32_MIN, "tree 0 adds to target 0, class -2147483648", 0 },
        { "postprocessor", 0, 1, 'I', "not supported: postprocessor 'Identity'", NOT },
        { "postprocessor", 0, 1, 0xff, "not supported: postprocessor", NOT },
        { "fields", 0, 4, -1, "-1 optional fields", 0 },
        { "fields", 0, 4, INT32_MAX, "cut off", 0 },
        { "field_cell", 0, 8, -1, "cut off", 0 },
        { "nodes", 0, 4, 0, "tree 0 has 0 nodes", 0 },
        { "nodes", 0, 4, -5, "tree 0 has -5 nodes", 0 },
        { "nodes", 0, 4, 4, "'node_type' has 5 elements, expected 4", 0 },
        { "node_type", 0, 1, 0, "node 0 has children and the type 0", 0 },
        { "node_type", 0, 1, -1, "node 0 has children and the type 255", 0 },
        { "node_type", 1, 1, 1, "node 1 has the operator 0", 0 },
        { "cmp", 0, 1, 6, "node 0 has the operator 6", 0 },
        { "cmp", 0, 1, 1, "not supported: tests x == threshold", NOT },
        { "cmp", 0, 1, 3, "not supported: tests with < and with <= in one model", NOT },
        { "cleft", 0, 4, 5, "tree 0: child 5, there are 5 nodes", 0 },
        { "cleft", 0, 4, 0, "node 0 is reached twice", 0 },
        { "cleft", 1, 4, -2, "child -2", 0 },
        { "cright", 0, 4, 1, "node 1 is reached twice", 0 },
        { "cright", 1, 4, INT32_MIN, "child -2147483648", 0 },
        { "cleft", 2, 4, 3, "node 2 has children and the type 0", 0 },
        { "split_index", 0, 4, 3, "node 0 tests column 3 of 3", 0 },
        { "split_index", 1, 4, -1, "node 1 tests column -1 of 3", 0 },
        { "threshold", 0, 4, 0x7fc00000, "the threshold NaN", 0 },
        { "vector_begin", 3, 8, 1, "leaf 3 is values 1 to 0 of 0", 0 },
        { "vector_end", 3, 8, 1, "leaf 3 is values 0 to 1 of 0", 0 },
        { "list_end", 1, 8, 3, "node 1 has categories 0 to 3 of 2", 0 },
        { "list_begin", 1, 8, -1, "node 1 has categories 18446744073709551615 to 2", 0 },
        { "tree_fields", 0, 4, INT32_MIN, "optional fields", 0 },
    };
    struct made long_one = by_hand();
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse_field(by_hand(), "treelite", &all[i]);
    assert_int_equal(mdl_import_memory(&b, long_one.bytes, ++long_one.size, NULL, &err),
                     MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "1 bytes behind the last tree"));
}

/* Every node and leaf of a wide model could point to the same few values of its file. */
static void leaves_and_sets_that_share_are_refused(void **state)
{
    size_t size;
    unsigned char *file = read_file(data_path("treelite_4.8/shares.tl"), &size);
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    unsigned changed = 0;
    (void)state;

    assert_non_null(file);
    for (size_t i = 0; i + 16 <= size; i++) {        /* [6, 9) -> [3, 6) */
        static const uint64_t pair[2] = { 6, 9 };
        if (!memcmp(file + i, pair, 8)) {
            memcpy(file + i, &(uint64_t){ 3 }, 8);
            changed |= 1;
        } else if (!memcmp(file + i, pair + 1, 8) && changed) {
            memcpy(file + i, &(uint64_t){ 6 }, 8);
            changed |= 2;
        }
    }
    assert_int_equal(mdl_import_memory(&b, file, size, NULL, &err), MDL_ERR_FORMAT);
    assert_int_equal(changed, 3);
    assert_null(b);
    free(file);

    struct made m = by_hand();
    memcpy(field(&m, "list") + 4, &(uint32_t){ UINT32_MAX / 2 }, 4);    /* beyond float32: never */
    mdl_free(imported(m.bytes, m.size, NULL));
}

/* Room for values is made by nodes, so a file of a megabyte could ask for gigabytes. */
static void leaves_without_values_ask_for_no_memory(void **state)
{
    const struct made m = of_classes(2);
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    (void)state;

    assert_int_equal(mdl_import_memory(&b, m.bytes, m.size, NULL, &err), MDL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "tree 0: 3 leaves of 2 values, there are 0"));
}

static void a_set_of_huge_categories_asks_for_no_memory(void **state)
{
    size_t size;
    unsigned char *file = read_file(data_path("treelite_4.8/sets_wide.tl"), &size);
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = NULL;
    const uint32_t list[] = { 1, 16777216, 64 }, huge = 4000000000u;
    unsigned changed = 0;
    (void)state;

    assert_non_null(file);
    for (size_t i = 0; i + sizeof list <= size; i++)
        if (!memcmp(file + i, list, sizeof list)) {
            memcpy(file + i + 4, &huge, 4);
            changed++;
        }
    assert_int_equal(changed, 1);
    assert_int_equal(mdl_import_memory(&b, file, size, NULL, &err), MDL_ERR_LIMIT);
    assert_non_null(strstr(err.text, "number the categories from 0"));
    assert_null(b);
    free(file);
}

static void best_iteration_is_not_for_checkpoints(void **state)
{
    const struct made made = by_hand();
    (void)state;

    best_iteration_is_refused(made.bytes, made.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_written_by_hand_answers_as_by_hand),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(a_file_that_ends_at_a_short_name_is_not_read_beyond),
        cmocka_unit_test(a_broken_field_is_named),
        cmocka_unit_test(leaves_and_sets_that_share_are_refused),
        cmocka_unit_test(leaves_without_values_ask_for_no_memory),
        cmocka_unit_test(a_set_of_huge_categories_asks_for_no_memory),
        cmocka_unit_test(best_iteration_is_not_for_checkpoints),
    };

    return cmocka_run_group_tests_name("import treelite", tests, NULL, NULL);
}
