/*
 * tests/test_status.c - errors of every size, texts that are safe to show, names of types
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/status.h"

#include <locale.h>

static void a_failure_fills_every_field(void **state)
{
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mdl_fail_at(&err, MDL_ERR_FORMAT, "nodes", 77, "node %d of %s", 3, "x"),
                     MDL_ERR_FORMAT);
    assert_int_equal(err.code, MDL_ERR_FORMAT);
    assert_true(err.offset == 77);
    assert_string_equal(err.section, "nodes");
    assert_string_equal(err.text, "node 3 of x");
    assert_int_equal(mdl_fail(&err, MDL_ERR_DATA, "again"), MDL_ERR_DATA);
    assert_true(err.offset == MDL_NO_OFFSET);
    assert_string_equal(err.section, "");
}

static void no_error_struct_is_fine(void **state)
{
    (void)state;

    assert_int_equal(mdl_fail(NULL, MDL_ERR_DATA, "%d", 1), MDL_ERR_DATA);
    mdl_error_where(NULL, "x", 1, "y");
    mdl_error_copy(NULL, &(mdl_error)MDL_ERROR_INIT);
}

/* A program compiled with a shorter mdl_error, down to one whose size was never set. */
static void nothing_is_written_beyond_the_size_a_caller_gave(void **state)
{
    (void)state;

    for (uint32_t size = 0; size < sizeof(mdl_error); size++) {
        unsigned char bytes[sizeof(mdl_error)];
        mdl_error err;
        memset(bytes, 0xEE, sizeof bytes);
        memcpy(bytes, &size, sizeof size);
        memcpy(&err, bytes, sizeof err);
        mdl_fail_at(&err, MDL_ERR_IO, "section", 1, "%0300d", 7);
        mdl_error_where(&err, "nodes", 5, "node 1");
        memcpy(bytes, &err, sizeof bytes);
        for (size_t i = size < 4 ? 4 : size; i < sizeof bytes; i++)
            assert_int_equal(bytes[i], 0xEE);
    }
}

static void a_long_text_is_cut_and_ended(void **state)
{
    mdl_error err = MDL_ERROR_INIT;
    char longer[2000];
    (void)state;

    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    mdl_fail_at(&err, MDL_ERR_IO, "a name that is too long", 1, "%s", longer);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(strlen(err.section), sizeof err.section - 1);
    mdl_error_where(&err, "nodes", 5, "node 1");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text, "node 1: aaaa", 12);
}

static void the_place_is_added_and_never_replaced(void **state)
{
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    mdl_fail(&err, MDL_ERR_FORMAT, "too wide");
    mdl_error_where(&err, "nodes", 64, "node 3 (trees)");
    mdl_error_where(&err, "params", 99, NULL);
    assert_string_equal(err.text, "node 3 (trees): too wide");
    assert_string_equal(err.section, "nodes");
    assert_true(err.offset == 64);
}

static void a_hostile_text_becomes_harmless(void **state)
{
    char out[16];
    (void)state;

    assert_string_equal(mdl_safe_text(out, sizeof out, "a\nb\x1b[0m'\"\x7f", 10), "a?b?[0m???");
    assert_string_equal(mdl_safe_text(out, sizeof out, "0123456789abcdefgh", 18),
                        "0123456789abcde");
    assert_string_equal(mdl_safe_text(out, sizeof out, "abc", 2), "ab");
    assert_string_equal(mdl_safe_text(out, sizeof out, "a\0b", 3), "a");
    assert_string_equal(mdl_safe_text(out, 1, "abc", 3), "");
}

static void a_number_is_short_and_reads_back_as_itself(void **state)
{
    char text[32];
    uint64_t seed = 2;
    (void)state;

    assert_string_equal(mdl_number_text(text, sizeof text, 0.1), "0.1");
    assert_string_equal(mdl_number_text(text, sizeof text, 5), "5");
    assert_string_equal(mdl_number_text(text, sizeof text, -1.5e300), "-1.5e+300");
    assert_string_equal(mdl_number_text(text, sizeof text, 1.0 / 3), "0.3333333333333333");
    for (int i = 0; i < 20000; i++) {
        const uint64_t bits = next_random(&seed);
        double v;
        memcpy(&v, &bits, sizeof v);
        mdl_number_text(text, sizeof text, v);
        assert_true(v != v || strtod(text, NULL) == v);
    }
}

static void a_number_has_a_point_in_every_locale(void **state)
{
    static const char *const commas[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "de_DE" };
    char text[32];
    (void)state;

    for (size_t i = 0; i < sizeof commas / sizeof *commas; i++)
        if (setlocale(LC_NUMERIC, commas[i]))
            break;                       /* none installed: the C locale is tried again */
    assert_string_equal(mdl_number_text(text, sizeof text, 1234.5), "1234.5");
    assert_string_equal(mdl_number_text(text, sizeof text, -1e-7), "-1e-07");
    setlocale(LC_NUMERIC, "C");
}

static void sizes_that_do_not_fit_are_told(void **state)
{
    uint64_t out = 42;
    (void)state;

    assert_true(size_add(UINT64_MAX, 0, &out) && out == UINT64_MAX);
    assert_false(size_add(UINT64_MAX, 1, &out));
    assert_true(out == UINT64_MAX);
    assert_true(size_mul(1ull << 32, (1ull << 32) - 1, &out) && out == 0xFFFFFFFF00000000u);
    assert_false(size_mul(1ull << 32, 1ull << 32, &out));
    assert_true(out == 0xFFFFFFFF00000000u);
    assert_true(size_mul(UINT64_MAX, 0, &out) && out == 0);
}

static void types_have_sizes_and_names_and_unknown_ones_do_not(void **state)
{
    static const size_t bytes[] = { 0, 4, 8, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8, 1, 0,
                                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8, 16, 0 };
    (void)state;

    for (uint32_t t = 0; t < sizeof bytes / sizeof *bytes; t++)
        assert_int_equal(mdl_type_bytes(t), bytes[t]);
    assert_int_equal(mdl_type_bytes(UINT32_MAX), 0);
    assert_string_equal(mdl_type_name(MDL_F64), "float64");
    assert_string_equal(mdl_type_name(MDL_STRING), "string");
    assert_string_equal(mdl_type_name(MDL_F8E4M3FN), "float8e4m3fn");
    assert_string_equal(mdl_type_name(MDL_C128), "complex128");
    assert_string_equal(mdl_type_name(MDL_C128 + 1), "?");
    assert_string_equal(mdl_type_name(0), "?");
    assert_string_equal(mdl_type_name(99), "?");
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;

    for (mdl_status a = MDL_ERR_NOT_FOUND; a <= MDL_OK; a++)
        for (mdl_status b = MDL_ERR_NOT_FOUND; b < a; b++)
            assert_string_not_equal(mdl_strerror(a), mdl_strerror(b));
    assert_string_equal(mdl_strerror(12345), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_fills_every_field),
        cmocka_unit_test(no_error_struct_is_fine),
        cmocka_unit_test(nothing_is_written_beyond_the_size_a_caller_gave),
        cmocka_unit_test(a_long_text_is_cut_and_ended),
        cmocka_unit_test(the_place_is_added_and_never_replaced),
        cmocka_unit_test(a_hostile_text_becomes_harmless),
        cmocka_unit_test(a_number_is_short_and_reads_back_as_itself),
        cmocka_unit_test(a_number_has_a_point_in_every_locale),
        cmocka_unit_test(sizes_that_do_not_fit_are_told),
        cmocka_unit_test(types_have_sizes_and_names_and_unknown_ones_do_not),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
