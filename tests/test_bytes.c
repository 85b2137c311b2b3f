/*
 * tests/test_bytes.c - the cursor reads little-endian numbers and never leaves its buffer
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/bytes.h"

static void numbers_are_read_little_endian_in_turn(void **state)
{
    const unsigned char data[] = { 0xAB, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12,
                                   8, 7, 6, 5, 4, 3, 2, 1 };
    struct bytes b = bytes_of(data, sizeof data);
    (void)state;

    assert_int_equal(bytes_u8(&b), 0xAB);
    assert_int_equal(bytes_u16(&b), 0x1234);
    assert_int_equal(bytes_offset(&b), 3);
    assert_int_equal(bytes_u32(&b), 0x12345678);
    assert_int_equal(bytes_u64(&b), 0x0102030405060708ull);
    assert_int_equal(bytes_left(&b), 0);
    assert_int_equal(b.bad, 0);
}

/* In blocks of exactly n bytes, so that a sanitizer sees a read beyond. */
static void a_read_that_does_not_fit_gives_zero_and_ends_the_cursor(void **state)
{
    (void)state;

    for (size_t n = 0; n < 8; n++) {
        unsigned char *data = malloc(n ? n : 1);
        memset(data, 0xFF, n);
        struct bytes b = bytes_of(data, n);
        assert_true(bytes_u64(&b) == 0);
        assert_int_equal(b.bad, 1);
        assert_int_equal(bytes_left(&b), 0);
        assert_int_equal(bytes_u8(&b), 0);            /* and stays so */
        assert_int_equal(bytes_offset(&b), n);
        free(data);
    }
}

static void a_length_near_the_end_of_memory_does_not_wrap(void **state)
{
    const unsigned char data[4] = { 1, 2, 3, 4 };
    unsigned char out[4] = { 9, 9, 9, 9 };
    (void)state;

    for (uint64_t back = 0; back < 64; back++) {
        struct bytes b = bytes_of(data, sizeof data);
        assert_int_equal(bytes_u8(&b), 1);
        assert_null(bytes_take(&b, UINT64_MAX - back));
        assert_int_equal(b.bad, 1);
    }
    struct bytes b = bytes_of(data, sizeof data);
    bytes_copy(&b, out, 4);
    assert_memory_equal(out, data, 4);
    bytes_copy(&b, out, 2);                           /* none left: zeros */
    assert_true(out[0] == 0 && out[1] == 0 && out[2] == 3);
}

static void taking_nothing_always_fits(void **state)
{
    const unsigned char data[1] = { 5 };
    struct bytes b = bytes_of(data, 1);
    (void)state;

    assert_ptr_equal(bytes_take(&b, 0), data);
    assert_ptr_equal(bytes_take(&b, 1), data);
    assert_ptr_equal(bytes_take(&b, 0), data + 1);
    assert_int_equal(b.bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_little_endian_in_turn),
        cmocka_unit_test(a_read_that_does_not_fit_gives_zero_and_ends_the_cursor),
        cmocka_unit_test(a_length_near_the_end_of_memory_does_not_wrap),
        cmocka_unit_test(taking_nothing_always_fits),
    };

    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
