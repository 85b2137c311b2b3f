/*
 * tests/test_crc32c.c - the published values, and one more derivation beside the table
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/crc32c.h"

/* RFC 3720, B.4, and the check value of the Rocksoft catalogue ("CRC-32/ISCSI"). */
static void published_values_come_out(void **state)
{
    static const unsigned char read_pdu[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
    };
    unsigned char bytes[32];
    (void)state;

    assert_true(mdl_crc32c(0, "123456789", 9) == 0xE3069283u);
    assert_true(mdl_crc32c(0, read_pdu, sizeof read_pdu) == 0xD9963A56u);
    for (unsigned char i = 0; i < 32; i++)
        bytes[i] = (unsigned char)(31 - i);
    assert_true(mdl_crc32c(0, bytes, 32) == 0x113FDB5Cu);
    assert_true(mdl_crc32c(0, NULL, 0) == 0);
}

/* One bit at a time, as the polynomial division is defined. */
static uint32_t by_bits(const unsigned char *p, size_t size)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (size_t i = 0; i < size * 8; i++) {
        const uint32_t bit = (crc ^ (uint32_t)(p[i / 8] >> i % 8)) & 1;
        crc = crc >> 1 ^ (bit ? 0x82F63B78u : 0);
    }
    return ~crc;
}

static void every_length_start_and_split_agrees_with_the_definition(void **state)
{
    unsigned char bytes[80];
    uint64_t seed = 5;
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)next_random(&seed);
    for (size_t start = 0; start < 9; start++)
        for (size_t size = 0; start + size <= sizeof bytes; size++) {
            const uint32_t want = by_bits(bytes + start, size);
            assert_true(mdl_crc32c(0, bytes + start, size) == want);
            assert_true(mdl_crc32c_ref(0, bytes + start, size) == want);
            const size_t half = size / 3;
            const uint32_t first = mdl_crc32c(0, bytes + start, half);
            assert_true(mdl_crc32c(first, bytes + start + half, size - half) == want);
            assert_true(mdl_crc32c_ref(first, bytes + start + half, size - half) == want);
        }
}

/* Long ones are taken in strands. */
static void long_inputs_agree_with_the_definition(void **state)
{
    enum { MOST = 20011 };
    unsigned char *bytes = malloc(MOST);
    uint64_t seed = 7;
    (void)state;

    assert_non_null(bytes);
    for (size_t i = 0; i < MOST; i++)
        bytes[i] = (unsigned char)next_random(&seed);
    for (size_t size = 4090; size < 4125; size++)
        assert_true(mdl_crc32c(0, bytes + size % 9, size) == by_bits(bytes + size % 9, size));
    for (size_t size = 5000; size <= MOST; size += 1501) {
        const uint32_t first = mdl_crc32c(0, bytes, size / 2);
        assert_true(mdl_crc32c(0, bytes, size) == by_bits(bytes, size));
        assert_true(mdl_crc32c(first, bytes + size / 2, size - size / 2) == by_bits(bytes, size));
    }
    free(bytes);
}

/* A CRC with a polynomial of degree 32 and a constant term finds every burst of 32 bits. */
static void every_short_burst_changes_it(void **state)
{
    unsigned char bytes[24];
    uint64_t seed = 6;
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)next_random(&seed);
    const uint32_t before = mdl_crc32c(0, bytes, sizeof bytes);
    for (size_t at = 0; at + 4 <= sizeof bytes; at++)
        for (int i = 0; i < 500; i++) {
            uint32_t burst = (uint32_t)(next_random(&seed) >> 32), word;
            burst |= burst == 0;
            memcpy(&word, bytes + at, 4);
            word ^= burst;
            memcpy(bytes + at, &word, 4);
            assert_true(mdl_crc32c(0, bytes, sizeof bytes) != before);
            word ^= burst;
            memcpy(bytes + at, &word, 4);
        }
    assert_true(mdl_crc32c(0, bytes, sizeof bytes) == before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_come_out),
        cmocka_unit_test(every_length_start_and_split_agrees_with_the_definition),
        cmocka_unit_test(long_inputs_agree_with_the_definition),
        cmocka_unit_test(every_short_burst_changes_it),
    };

    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
