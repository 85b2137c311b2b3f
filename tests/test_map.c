/*
 * tests/test_map.c - files come in whole and go out whole
 *
 * SPDX-License-Identifier: MIT
 */
#include "counting.h"

#include "base/arena.h"
#include "base/map.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *at(const char *name)
{
    static char path[2][512];
    static int turn;

    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, P_tmpdir "/test_map_XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- in ------------------------------------------------------------------------------ */

static void a_file_is_read_and_mapped_at_a_multiple_of_64(void **state)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    unsigned char bytes[1000];
    struct map m;
    (void)state;

    for (size_t size = 0; size <= sizeof bytes; size += 250) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)(i * 7);
        put(at("in"), bytes, size);
        for (int mapped = 0; mapped < 2; mapped++) {
            assert_int_equal(mapped ? mdl_map_open(&m, at("in"), 1000, NULL)
                                    : mdl_map_read(&m, at("in"), &a, 1000, NULL), MDL_OK);
            assert_int_equal(m.size, size);
            assert_memory_equal(m.data, bytes, size);
            assert_true(!size || (uintptr_t)m.data % 64 == 0);
            mdl_map_free(&m, &a);
            assert_null(m.data);
        }
    }
}

static void the_limit_is_the_largest_size_that_is_read(void **state)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    mdl_error err = MDL_ERROR_INIT;
    struct map m;
    (void)state;

    put(at("in"), "0123456789", 10);
    assert_int_equal(mdl_map_read(&m, at("in"), &a, 10, &err), MDL_OK);
    mdl_map_free(&m, &a);
    assert_int_equal(mdl_map_read(&m, at("in"), &a, 9, &err), MDL_ERR_LIMIT);
    assert_non_null(strstr(err.text, "10 bytes, the limit is 9"));
    assert_int_equal(mdl_map_open(&m, at("in"), 9, &err), MDL_ERR_LIMIT);
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    struct map m;
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    alarm(5);                            /* a pipe without a writer would hang for ever */
    assert_int_equal(mdl_map_read(&m, at("pipe"), &a, 100, &err), MDL_ERR_IO);
    assert_non_null(strstr(err.text, "not a regular file"));
    assert_int_equal(mdl_map_read(&m, folder, &a, 100, &err), MDL_ERR_IO);
    assert_int_equal(mdl_map_read(&m, "/dev/zero", &a, 100, &err), MDL_ERR_IO);
    alarm(0);
}

static void an_error_shows_the_path_without_control_characters(void **state)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    struct map m;
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    assert_int_equal(mdl_map_read(&m, "no\nsuch\x1b[31mfile", &a, 100, &err), MDL_ERR_IO);
    assert_non_null(strstr(err.text, "no?such?[31mfile"));
    assert_int_equal(err.code, MDL_ERR_IO);
}

static void a_copy_is_ones_own_and_a_loan_is_not(void **state)
{
    struct counting c = { 0 };
    const mdl_allocator a = counting_allocator(&c);
    unsigned char bytes[100] = { 1, 2, 3 };
    struct map m;
    (void)state;

    assert_int_equal(mdl_map_copy(&m, bytes, sizeof bytes, &a, NULL), MDL_OK);
    bytes[0] = 9;
    assert_int_equal(m.data[0], 1);
    assert_int_equal((uintptr_t)m.data % 64, 0);
    mdl_map_free(&m, &a);

    mdl_map_borrow(&m, bytes, sizeof bytes);
    assert_ptr_equal(m.data, bytes);
    mdl_map_free(&m, &a);
    assert_int_equal(c.allocs, 1);
    assert_int_equal(c.live, 0);
    assert_int_equal(c.wrong, 0);
}

/* ---- out ----------------------------------------------------------------------------- */

static size_t files_in_folder(void)
{
    char command[128];
    unsigned n = 99;

    snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
    FILE *p = popen(command, "r");
    assert_int_equal(fscanf(p, "%u", &n), 1);
    pclose(p);
    return n;
}

static void a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(void **state)
{
    size_t size;
    const size_t before = files_in_folder();
    (void)state;

    assert_int_equal(mdl_write_file(at("out"), "first", 5, NULL), MDL_OK);
    assert_int_equal(mdl_write_file(at("out"), "2nd", 3, NULL), MDL_OK);
    unsigned char *bytes = read_file(at("out"), &size);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "2nd", 3);
    free(bytes);
    assert_int_equal(files_in_folder(), before + 1);
}

static void a_failed_write_says_why_and_leaves_nothing(void **state)
{
    mdl_error err = MDL_ERROR_INIT;
    const size_t before = files_in_folder();
    char longer[5000];
    (void)state;

    assert_int_equal(mdl_write_file(at("no/such/folder"), "x", 1, &err), MDL_ERR_IO);
    assert_non_null(strstr(err.text, "no/such/folder"));
    assert_int_equal(mdl_write_file(folder, "x", 1, &err), MDL_ERR_IO);
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(mdl_write_file(longer, "x", 1, &err), MDL_ERR_IO);
    assert_non_null(strstr(err.text, "too long"));
    assert_int_equal(files_in_folder(), before);
}

static void a_device_is_never_replaced_by_a_file(void **state)
{
    mdl_error err = MDL_ERROR_INIT;
    (void)state;

    if (access("/dev/full", W_OK) != 0)
        return;
    assert_int_equal(mdl_write_file("/dev/full", "x", 1, &err), MDL_ERR_IO);
    assert_int_equal(access("/dev/full", W_OK), 0);       /* not replaced by a file of ours */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_and_mapped_at_a_multiple_of_64),
        cmocka_unit_test(the_limit_is_the_largest_size_that_is_read),
        cmocka_unit_test(what_is_no_regular_file_is_refused_without_waiting),
        cmocka_unit_test(an_error_shows_the_path_without_control_characters),
        cmocka_unit_test(a_copy_is_ones_own_and_a_loan_is_not),
        cmocka_unit_test(a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it),
        cmocka_unit_test(a_failed_write_says_why_and_leaves_nothing),
        cmocka_unit_test(a_device_is_never_replaced_by_a_file),
    };

    return cmocka_run_group_tests_name("map", tests, make_folder, remove_folder);
}
