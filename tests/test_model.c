/*
 * tests/test_model.c - loading, its options and limits, and what a model says of itself
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

static const mdl_load_options defaults = MDL_LOAD_OPTIONS_INIT;

static void expect(mdl_status got, mdl_status want, const mdl_error *err, const char *says)
{
    if (got != want || !strstr(err->text, says))
        fail_msg("status %d, expected %d; \"%s\" should say \"%s\"", (int)got, (int)want,
                 err->text, says);
}

static void answers_as_by_hand(mdl_model *m)
{
    const float x[] = { 1, 0, 2, 1, 2, 0 };
    float y[3];

    assert_int_equal(mdl_predict(m, x, 3, y), MDL_OK);
    assert_true(y[0] == 2.5f && y[1] == 8.5f && y[2] == 4.5f);
    mdl_free(m);
}

/* ---- where a model comes from ---------------------------------------------------------------- */

static void a_model_loads_from_a_path_a_map_a_copy_and_borrowed_bytes(void **state)
{
    const char *path = data_path("golden_v1_small.mdl");
    size_t size;
    unsigned char *file = read_file(path, &size);
    unsigned char *aligned = aligned_alloc(64, (size + 63) / 64 * 64);
    mdl_load_options o = defaults;
    mdl_model *m;
    (void)state;

    memcpy(aligned, file, size);
    assert_int_equal(mdl_load(&m, path, NULL, NULL), MDL_OK);
    assert_int_equal(mdl_file_bytes(m), size);
    answers_as_by_hand(m);
    o.flags = MDL_LOAD_MMAP;
    assert_int_equal(mdl_load(&m, path, &o, NULL), MDL_OK);
    answers_as_by_hand(m);
    assert_int_equal(mdl_load_memory(&m, file, size, NULL, NULL), MDL_OK);
    memset(file, 0, size);        /* a copy was made */
    answers_as_by_hand(m);
    o.flags = MDL_LOAD_BORROW;
    assert_int_equal(mdl_load_memory(&m, aligned, size, &o, NULL), MDL_OK);
    answers_as_by_hand(m);
    free(file);
    free(aligned);
    mdl_free(NULL);
}

static void impossible_requests_are_refused_with_a_reason(void **state)
{
    const char *path = data_path("golden_v1_small.mdl");
    size_t size;
    unsigned char *file = read_file(path, &size);
    unsigned char *room = aligned_alloc(64, (size / 64 + 2) * 64);
    mdl_load_options o = defaults;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = (mdl_model *)1;
    (void)state;

    expect(mdl_load(NULL, path, NULL, &err), MDL_ERR_ARGUMENT, &err, "out is NULL");
    expect(mdl_load(&m, NULL, NULL, &err), MDL_ERR_ARGUMENT, &err, "the source is NULL");
    assert_null(m);
    expect(mdl_load_memory(&m, NULL, size, NULL, &err), MDL_ERR_ARGUMENT, &err, "NULL");
    m = (mdl_model *)1;
    expect(mdl_load(&m, "/no/such/file", NULL, &err), MDL_ERR_IO, &err, "/no/such/file");
    assert_null(m);
    expect(mdl_load(&m, "/", NULL, &err), MDL_ERR_IO, &err, "not a regular file");
    expect(mdl_load(&m, "/dev/null", NULL, &err), MDL_ERR_IO, &err, "not a regular file");
    assert_int_not_equal(mdl_load_memory(&m, file, 0, NULL, &err), MDL_OK);

    o.flags = MDL_LOAD_BORROW;
    expect(mdl_load(&m, path, &o, &err), MDL_ERR_ARGUMENT, &err, "unknown flags 0x2");
    memcpy(room + 1, file, size);
    expect(mdl_load_memory(&m, room + 1, size, &o, &err), MDL_ERR_ARGUMENT, &err, "multiple of 64");
    o.flags = MDL_LOAD_MMAP;
    expect(mdl_load_memory(&m, file, size, &o, &err), MDL_ERR_ARGUMENT, &err, "unknown flags 0x1");
    o.flags = 0x80;
    expect(mdl_load(&m, path, &o, &err), MDL_ERR_ARGUMENT, &err, "unknown flags 0x80");
    o = defaults;
    o.isa = "z80";
    expect(mdl_load(&m, path, &o, &err), MDL_ERR_ARGUMENT, &err, "no kernel set 'z80' here");
    o = defaults;
    const mdl_allocator half = { .size = sizeof half, .alloc = counting_alloc };
    o.allocator = &half;
    expect(mdl_load(&m, path, &o, &err), MDL_ERR_ARGUMENT, &err, "mdl_allocator needs");
    o = defaults;
    o.size = 3;
    expect(mdl_load(&m, path, &o, &err), MDL_ERR_ARGUMENT, &err, "mdl_load_options.size is 3");
    assert_null(m);
    free(file);
    free(room);
}

static void load_options_may_be_short_or_long_but_ask_for_nothing_unknown(void **state)
{
    const char *path = data_path("golden_v1_small.mdl");
    struct { mdl_load_options known; uint64_t later; } o = { .known = { .size = sizeof o } };
    struct { mdl_limits known; uint64_t later; } l = { .known = { .size = sizeof l } };
    struct { mdl_allocator known; uint64_t later; } a;
    struct counting c = { 0 };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    (void)state;

    o.known.limits = &l.known;
    assert_int_equal(mdl_load(&m, path, &o.known, &err), MDL_OK);
    answers_as_by_hand(m);
    l.later = 1;
    expect(mdl_load(&m, path, &o.known, &err), MDL_ERR_UNSUPPORTED, &err, "mdl_limits asks");
    l.later = 0;
    o.later = 1;
    expect(mdl_load(&m, path, &o.known, &err), MDL_ERR_UNSUPPORTED, &err, "mdl_load_options asks");
    o.later = 0;
    a.known = counting_allocator(&c);
    a.known.size = sizeof a;
    a.later = 1;
    o.known.allocator = &a.known;
    expect(mdl_load(&m, path, &o.known, &err), MDL_ERR_UNSUPPORTED, &err, "mdl_allocator asks");
    assert_int_equal(c.allocs, 0);
    o.known.isa = (const char *)(uintptr_t)1;
    o.known.size = offsetof(mdl_load_options, isa);      /* what follows is not there */
    assert_int_equal(mdl_load(&m, path, &o.known, &err), MDL_OK);
    answers_as_by_hand(m);
}

static void every_limit_is_kept_and_named(void **state)
{
    size_t size;
    unsigned char *file = built_file(wide_model(NULL, MDL_F64), &size);
    mdl_limits l = { .size = sizeof l };
    const mdl_load_options o = { .size = sizeof o, .limits = &l };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    (void)state;

    l.file_bytes = size;
    assert_int_equal(mdl_load_memory(&m, file, size, &o, &err), MDL_OK);
    const uint64_t memory = mdl_memory_bytes(m);
    mdl_free(m);
    l.file_bytes = size - 1;
    expect(mdl_load_memory(&m, file, size, &o, &err), MDL_ERR_LIMIT, &err, "the limit is");
    l = (mdl_limits){ .size = sizeof l, .columns = WIDE_COLS - 1 };
    expect(mdl_load_memory(&m, file, size, &o, &err), MDL_ERR_LIMIT, &err, "columns");
    l = (mdl_limits){ .size = sizeof l, .columns = WIDE_COLS };
    assert_int_equal(mdl_load_memory(&m, file, size, &o, &err), MDL_OK);
    mdl_free(m);
    l = (mdl_limits){ .size = sizeof l, .scratch_bytes = WIDE_COLS * 8 };
    expect(mdl_load_memory(&m, file, size, &o, &err), MDL_ERR_LIMIT, &err,
           "mdl_limits.scratch_bytes");
    l = (mdl_limits){ .size = sizeof l, .memory_bytes = 1000 };
    expect(mdl_load_memory(&m, file, size, &o, &err), MDL_ERR_LIMIT, &err,
           "mdl_limits.memory_bytes");
    l.memory_bytes = memory;
    assert_int_equal(mdl_load_memory(&m, file, size, &o, &err), MDL_OK);
    mdl_free(m);
    const mdl_load_options path = { .size = sizeof path, .limits = &l };
    l = (mdl_limits){ .size = sizeof l, .file_bytes = 100 };
    expect(mdl_load(&m, data_path("golden_v1_small.mdl"), &path, &err), MDL_ERR_LIMIT, &err,
           "the limit is 100");
    free(file);
}

static void every_kernel_set_can_be_asked_for_and_ref_is_the_last(void **state)
{
    size_t n = 0;
    (void)state;

    for (; mdl_isa_name(n); n++) {
        const mdl_load_options o = { .size = sizeof o, .isa = mdl_isa_name(n) };
        mdl_model *m;
        assert_int_equal(mdl_load(&m, data_path("golden_v1_small.mdl"), &o, NULL), MDL_OK);
        assert_string_equal(mdl_isa(m), mdl_isa_name(n));
        answers_as_by_hand(m);
        mdl_load(&m, data_path("golden_v1_small.mdl"), NULL, NULL);
        assert_string_equal(mdl_isa(m), mdl_isa_name(0));
        mdl_free(m);
    }
    assert_true(n > 0);
    assert_string_equal(mdl_isa_name(n - 1), "ref");
    assert_null(mdl_isa_name(SIZE_MAX));
}

static void every_engine_can_be_asked_for_and_an_unknown_one_is_refused(void **state)
{
    const mdl_load_options unknown = { .size = sizeof unknown, .engine = "fast" };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    size_t n = 0;
    (void)state;

    for (; mdl_engine_name(n); n++) {
        const mdl_load_options o = { .size = sizeof o, .engine = mdl_engine_name(n) };
        assert_int_equal(mdl_load(&m, data_path("golden_v1_small.mdl"), &o, NULL), MDL_OK);
        answers_as_by_hand(m);
    }
    assert_true(n > 1);
    assert_string_equal(mdl_engine_name(0), "plain");
    expect(mdl_load(&m, data_path("golden_v1_small.mdl"), &unknown, &err), MDL_ERR_ARGUMENT, &err,
           "no engine 'fast'");
}

static void the_chosen_engine_is_the_cheapest_of_those_that_can(void **state)
{
    static const char *const files[] = { "golden_v1_small.mdl", "golden_v1_lightgbm.mdl" };
    (void)state;

    for (size_t f = 0; f < 2; f++)
        for (size_t rows = 1; rows <= 4096; rows *= 2) {
            const char *chosen = NULL, *name;
            mdl_model *m;
            assert_int_equal(mdl_load(&m, data_path(files[f]), NULL, NULL), MDL_OK);
            const double least = mdl_engine_cost(m, NULL, rows, &chosen);
            assert_true(least > 0 && chosen != NULL);
            assert_true(mdl_engine_cost(m, "plain", rows, NULL) > 0);
            for (size_t i = 0; (name = mdl_engine_name(i)) != NULL; i++) {
                const double cost = mdl_engine_cost(m, name, rows, NULL);
                assert_true(!(cost > 0) || cost >= least);
            }
            mdl_free(m);
        }
    assert_true(mdl_engine_cost(NULL, NULL, 1, NULL) <= 0);
}

static void all_memory_comes_from_the_hosts_allocator_and_goes_back(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator a = counting_allocator(&c);
    mdl_load_options o = { .size = sizeof o, .allocator = &a };
    mdl_model *m;
    (void)state;

    assert_int_equal(mdl_load(&m, data_path("golden_v1_small.mdl"), &o, NULL), MDL_OK);
    assert_true(c.allocs > 0);
    assert_true(mdl_memory_bytes(m) + mdl_file_bytes(m) <= c.live_bytes + 64);
    answers_as_by_hand(m);
    assert_int_equal(c.live, 0);
    const size_t one = c.allocs;
    o.flags = MDL_LOAD_MMAP;
    assert_int_equal(mdl_load(&m, data_path("golden_v1_small.mdl"), &o, NULL), MDL_OK);
    assert_int_equal(c.allocs, 2 * one - 1);             /* no copy of the file */
    answers_as_by_hand(m);
    mdl_builder *b = small_model(&a);
    mdl_free(loaded(b, &a));
    assert_int_equal(c.live, 0);
    assert_int_equal(c.live_bytes, 0);
    assert_int_equal(c.wrong, 0);
}

/* ---- what it says of itself ---------------------------------------------------------------------- */

static void the_version_is_that_of_the_header(void **state)
{
    char text[32];
    (void)state;

    assert_int_equal(mdl_version(), MDL_VERSION_MAJOR * 1000000 + MDL_VERSION_MINOR * 1000
                                        + MDL_VERSION_PATCH);
    snprintf(text, sizeof text, "%d.%d.%d", MDL_VERSION_MAJOR, MDL_VERSION_MINOR,
             MDL_VERSION_PATCH);
    assert_string_equal(mdl_version_string(), text);
    assert_string_equal(MDL_VERSION_STRING, text);
    assert_int_equal(mdl_format_version(), 1000);
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;

    for (mdl_status s = 0; s >= -10; s--)
        for (mdl_status t = 1; t > s; t--)
            assert_string_not_equal(mdl_strerror(s), mdl_strerror(t));
    assert_string_equal(mdl_strerror(-9999), mdl_strerror(1));
}

static void the_schema_is_what_the_builder_was_told(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    mdl_input_info in = { .size = sizeof in };
    mdl_column_info column = { .size = sizeof column };
    mdl_output_info out = { .size = sizeof out };
    const char *key, *value;
    (void)state;

    assert_int_equal(mdl_input_count(m), 1);
    assert_int_equal(mdl_input(m, 0, &in), MDL_OK);
    assert_true(in.type == MDL_F32 && in.rank == 2 && in.dims[0] == -1 && in.dims[1] == 2);
    assert_int_equal(in.absent_missing, 1);
    assert_string_equal(in.name, "x");
    assert_int_equal(mdl_column(m, 0, 0, &column), MDL_OK);
    assert_true(column.kind == MDL_COLUMN_NUMBER && column.n_categories == 0);
    assert_string_equal(column.name, "age");
    assert_int_equal(mdl_column(m, 0, 1, &column), MDL_OK);
    assert_true(column.kind == MDL_COLUMN_CATEGORY && column.n_categories == 4
                && column.category_type == MDL_STRING);
    assert_string_equal(mdl_category(m, 0, 1, 3), "black");
    assert_null(mdl_category(m, 0, 1, 4));
    assert_null(mdl_category(m, 0, 0, 0));
    assert_int_equal(mdl_column_find(m, 0, "colour"), 1);
    assert_true(mdl_column_find(m, 0, "size") == SIZE_MAX);

    assert_int_equal(mdl_output_count(m), 2);
    assert_int_equal(mdl_output(m, 1, &out), MDL_OK);
    assert_true(out.role == MDL_OUTPUT_LEAF && out.type == MDL_I32 && out.cols == 2);
    assert_string_equal(out.name, "leaf");
    assert_int_equal(mdl_output_find(m, "leaf"), 1);
    assert_int_equal(mdl_output_find_role(m, MDL_OUTPUT_RAW), 0);
    assert_true(mdl_output_find_role(m, MDL_OUTPUT_PROBA) == SIZE_MAX);
    assert_true(mdl_output_find(m, NULL) == SIZE_MAX);

    assert_int_equal(mdl_metadata_count(m), 1);
    assert_int_equal(mdl_metadata(m, 0, &key, &value), MDL_OK);
    assert_string_equal(key, "framework");
    assert_string_equal(value, "none");
    assert_string_equal(mdl_metadata_get(m, "framework"), "none");
    assert_null(mdl_metadata_get(m, "nothing"));
    mdl_free(m);
}

static void golden_rows_and_nodes_are_told(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    mdl_tensor t = { .size = sizeof t };
    mdl_node_info node = { .size = sizeof node };
    uint32_t is_output = 9;
    char text[16];
    const char *name;
    (void)state;

    assert_int_equal(mdl_golden_count(m), 2);
    assert_int_equal(mdl_golden(m, 1, &t, &is_output), MDL_OK);
    assert_true(is_output == 1 && t.type == MDL_F32 && t.dims[0] == 3 && t.dims[1] == 1);
    assert_string_equal(t.name, "y");
    assert_true(((const float *)t.data)[1] == 8.5f);
    assert_int_equal(mdl_golden(m, 2, &t, &is_output), MDL_ERR_ARGUMENT);

    assert_int_equal(mdl_node_count(m), 1);
    assert_int_equal(mdl_node(m, 0, &node), MDL_OK);
    assert_string_equal(node.op, "trees");
    assert_true(node.n_params > 0 && node.n_tensors > 0 && node.bytes > 0);
    assert_int_equal(mdl_node_param(m, 0, 0, &name, text, sizeof text), MDL_OK);
    assert_string_equal(name, "compare");
    assert_string_equal(text, "<");
    assert_int_equal(mdl_node_param(m, 0, node.n_params, &name, text, sizeof text),
                     MDL_ERR_ARGUMENT);
    for (size_t i = 0; i < node.n_tensors; i++) {
        assert_int_equal(mdl_node_tensor(m, 0, i, &t), MDL_OK);
        if (strcmp(t.name, "threshold") == 0)
            assert_true(t.type == MDL_F32 && t.rank == 1 && t.dims[0] == 2   /* questions */
                        && ((const float *)t.data)[0] == 1.5f);
    }
    assert_int_equal(mdl_node_tensor(m, 0, node.n_tensors, &t), MDL_ERR_ARGUMENT);
    mdl_free(m);
}

static void questions_out_of_range_or_about_nothing_are_answered_without_harm(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    mdl_input_info in = { .size = sizeof in };
    mdl_output_info out = { .size = sizeof out };
    mdl_column_info column = { .size = sizeof column };
    mdl_tensor t = { .size = sizeof t };
    mdl_node_info node = { .size = sizeof node };
    const char *key;
    (void)state;

    for (int null = 0; null < 2; null++) {
        const mdl_model *q = null ? NULL : m;
        const size_t i = null ? 0 : SIZE_MAX;
        assert_int_equal(mdl_input(q, i, &in), MDL_ERR_ARGUMENT);
        assert_int_equal(mdl_output(q, i, &out), MDL_ERR_ARGUMENT);
        assert_int_equal(mdl_column(q, i, 0, &column), MDL_ERR_ARGUMENT);
        assert_int_equal(mdl_column(q, 0, i ? i : 0, &column), MDL_ERR_ARGUMENT);
        assert_int_equal(mdl_node(q, i, &node), MDL_ERR_ARGUMENT);
        assert_int_equal(mdl_node_tensor(q, i, 0, &t), MDL_ERR_ARGUMENT);
        assert_int_equal(mdl_metadata(q, i, &key, &key), MDL_ERR_ARGUMENT);
        assert_null(mdl_category(q, i, 0, 0));
        assert_null(mdl_label(q, i, 0));
        assert_null(mdl_label(q, 0, i));
    }
    assert_int_equal(mdl_input_cols(NULL), 0);
    assert_int_equal(mdl_output_cols(NULL), 0);
    assert_int_equal(mdl_input_count(NULL) + mdl_output_count(NULL) + mdl_node_count(NULL)
                         + mdl_golden_count(NULL) + mdl_metadata_count(NULL), 0);
    assert_null(mdl_metadata_get(NULL, "framework"));
    assert_string_equal(mdl_isa(NULL), "");
    assert_int_equal(mdl_input(m, 0, NULL), MDL_ERR_ARGUMENT);
    in.size = 0;
    assert_int_equal(mdl_input(m, 0, &in), MDL_ERR_ARGUMENT);
    mdl_free(m);
}

static void a_struct_is_filled_as_far_as_its_size_reaches(void **state)
{
    mdl_model *m = loaded(small_model(NULL), NULL);
    struct { mdl_input_info info; unsigned char beyond[32]; } box;
    (void)state;

    memset(&box, 0x5C, sizeof box);
    box.info.size = offsetof(mdl_input_info, rank);        /* an older program's struct */
    assert_int_equal(mdl_input(m, 0, &box.info), MDL_OK);
    assert_int_equal(box.info.type, MDL_F32);
    assert_int_equal(box.info.rank, 0x5C5C5C5C);
    box.info.size = sizeof box;                            /* a newer program's */
    assert_int_equal(mdl_input(m, 0, &box.info), MDL_OK);
    assert_int_equal(box.info.size, sizeof box);
    assert_int_equal(box.info.dims[1], 2);
    assert_int_equal(box.beyond[0], 0x5C);
    mdl_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_loads_from_a_path_a_map_a_copy_and_borrowed_bytes),
        cmocka_unit_test(impossible_requests_are_refused_with_a_reason),
        cmocka_unit_test(load_options_may_be_short_or_long_but_ask_for_nothing_unknown),
        cmocka_unit_test(every_limit_is_kept_and_named),
        cmocka_unit_test(every_kernel_set_can_be_asked_for_and_ref_is_the_last),
        cmocka_unit_test(every_engine_can_be_asked_for_and_an_unknown_one_is_refused),
        cmocka_unit_test(the_chosen_engine_is_the_cheapest_of_those_that_can),
        cmocka_unit_test(all_memory_comes_from_the_hosts_allocator_and_goes_back),
        cmocka_unit_test(the_version_is_that_of_the_header),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(the_schema_is_what_the_builder_was_told),
        cmocka_unit_test(golden_rows_and_nodes_are_told),
        cmocka_unit_test(questions_out_of_range_or_about_nothing_are_answered_without_harm),
        cmocka_unit_test(a_struct_is_filled_as_far_as_its_size_reaches),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
