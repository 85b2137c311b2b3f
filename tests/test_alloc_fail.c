/*
 * tests/test_alloc_fail.c - memory runs out at every possible place, one after the other
 *
 * Each story is told again and again; the first time its first allocation fails, then
 * its second, until it ends well.  Every failure is MDL_ERR_MEMORY, and whatever
 * happened, nothing is left behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

typedef mdl_status story(const mdl_allocator *a, const void *with, size_t size, mdl_error *err);

/* How often the story had to be told. */
static size_t tell(story *run, const void *with, size_t size)
{
    for (size_t fail_at = 1;; fail_at++) {
        struct counting c = { .fail_at = fail_at };
        const mdl_allocator a = counting_allocator(&c);
        mdl_error err = MDL_ERROR_INIT;
        const mdl_status s = run(&a, with, size, &err);

        assert_int_equal(c.live, 0);
        assert_int_equal(c.live_bytes, 0);
        assert_int_equal(c.wrong, 0);
        if (c.allocs < fail_at) {
            if (s)
                fail_msg("all memory was there: %s", err.text);
            return fail_at - 1;
        }
        if (s != MDL_ERR_MEMORY)
            fail_msg("allocation %zu failed: status %d, %s", fail_at, (int)s, err.text);
        assert_true(err.code == MDL_ERR_MEMORY || !err.code);
    }
}

static mdl_status load(const mdl_allocator *a, const void *file, size_t size, mdl_error *err)
{
    const mdl_load_options o = { .size = sizeof o, .allocator = a };
    mdl_model *m = (mdl_model *)1;
    const mdl_status s = mdl_load_memory(&m, file, size, &o, err);

    if (s)
        assert_null(m);
    mdl_free(m);
    return s;
}

static mdl_status load_path(const mdl_allocator *a, const void *path, size_t size, mdl_error *err)
{
    const mdl_load_options o = { .size = sizeof o, .allocator = a, .flags = (uint32_t)size };
    mdl_model *m = (mdl_model *)1;
    const mdl_status s = mdl_load(&m, path, &o, err);

    if (s)
        assert_null(m);
    mdl_free(m);
    return s;
}

static void loading_fails_cleanly_at_every_allocation(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    (void)state;

    assert_true(tell(load, file, size) >= 3);            /* model, copy of the file, arena */
    free(file);
    file = built_file(wide_model(NULL, MDL_F64), &size);
    assert_true(tell(load, file, size) >= 3);
    free(file);
    assert_true(tell(load_path, data_path("golden_v1_small.mdl"), 0) >= 3);
    assert_true(tell(load_path, data_path("golden_v1_small.mdl"), MDL_LOAD_MMAP) >= 2);
}

static mdl_status finish(mdl_builder *b, mdl_error *err)
{
    const void *bytes;
    size_t size;

    if (!b)
        return MDL_ERR_MEMORY;
    const mdl_status s = mdl_build_bytes(b, &bytes, &size, err);
    mdl_builder_free(b);
    return s;
}

static mdl_status build_small(const mdl_allocator *a, const void *with, size_t size, mdl_error *err)
{
    (void)with;
    (void)size;
    return finish(small_model(a), err);
}

static mdl_status build_wide(const mdl_allocator *a, const void *with, size_t size, mdl_error *err)
{
    (void)with;
    (void)size;
    return finish(wide_model(a, MDL_F64), err);
}

static void building_fails_cleanly_at_every_allocation(void **state)
{
    (void)state;

    assert_true(tell(build_small, NULL, 0) > 10);
    assert_true(tell(build_wide, NULL, 0) > 10);
}

static mdl_status rebuild(const mdl_allocator *a, const void *file, size_t size, mdl_error *err)
{
    const mdl_load_options o = { .size = sizeof o, .allocator = a };
    mdl_model *m;
    const mdl_status s = mdl_load_memory(&m, file, size, &o, err);

    if (s)
        return s;
    mdl_builder *b = mdl_builder_from_model(m, err);
    const mdl_status made = finish(b, err);
    mdl_free(m);
    return made;
}

static void rebuilding_fails_cleanly_at_every_allocation(void **state)
{
    size_t size;
    unsigned char *file = small_file(&size);
    (void)state;

    assert_true(tell(rebuild, file, size) > 10);
    free(file);
}

/* A wide model's first call takes its scratch from the allocator. */
static mdl_status predict_wide(const mdl_allocator *a, const void *file, size_t size,
                               mdl_error *err)
{
    static float x[WIDE_COLS * 3];
    const mdl_load_options o = { .size = sizeof o, .allocator = a };
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F32, .rank = 2, .data = x,
                            .dims = { 3, WIDE_COLS } };
    double y[3] = { 0 };
    const mdl_tensor out = { .size = sizeof out, .type = MDL_F64, .rank = 2, .data = y,
                             .dims = { 3, 1 } };
    mdl_model *m;
    mdl_status s = mdl_load_memory(&m, file, size, &o, err);

    if (s)
        return s;
    s = mdl_predict_tensor(m, &in, &out, NULL, err);
    if (!s)
        assert_true(y[0] == 20 && y[2] == 20);
    if (s) {                      /* a failure is not for ever */
        assert_int_equal(mdl_predict_tensor(m, &in, &out, NULL, NULL), MDL_OK);
        assert_true(y[0] == 20 && y[2] == 20);
    }
    mdl_free(m);
    return s;
}

static void predicting_with_a_wide_model_fails_cleanly_and_recovers(void **state)
{
    size_t size;
    unsigned char *file = built_file(wide_model(NULL, MDL_F64), &size);
    (void)state;

    const size_t with_predict = tell(predict_wide, file, size);
    assert_int_equal(with_predict, tell(load, file, size) + 1);
    free(file);
}

/* ---- errors that hide a leak ------------------------------------------------------------------- */

static void a_builder_with_an_error_gives_everything_back(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator a = counting_allocator(&c);
    mdl_builder *b = small_model(&a);
    const void *bytes;
    size_t size;
    (void)state;

    mdl_build_output(b, "again", 99, 0);
    assert_int_not_equal(mdl_build_bytes(b, &bytes, &size, NULL), MDL_OK);
    mdl_builder_free(b);
    assert_int_equal(c.live, 0);
    mdl_builder_free(NULL);
}

static void a_damaged_file_leaves_nothing_behind(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator a = counting_allocator(&c);
    const mdl_load_options o = { .size = sizeof o, .allocator = &a };
    size_t size;
    unsigned char *file = small_file(&size);
    mdl_model *m;
    (void)state;

    for (size_t at = 0; at < size; at += 7) {
        file[at] ^= 0x10;
        assert_int_not_equal(mdl_load_memory(&m, file, size, &o, NULL), MDL_OK);
        assert_int_equal(c.live, 0);
        file[at] ^= 0x10;
    }
    assert_int_equal(c.wrong, 0);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_fails_cleanly_at_every_allocation),
        cmocka_unit_test(building_fails_cleanly_at_every_allocation),
        cmocka_unit_test(rebuilding_fails_cleanly_at_every_allocation),
        cmocka_unit_test(predicting_with_a_wide_model_fails_cleanly_and_recovers),
        cmocka_unit_test(a_builder_with_an_error_gives_everything_back),
        cmocka_unit_test(a_damaged_file_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("alloc_fail", tests, NULL, NULL);
}
