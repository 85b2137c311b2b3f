/*
 * tests/test_sha256.c - SHA-256 of the standard's examples, and of every length near a block
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/cpu.h"
#include "import/sha256.h"

/* The instructions of this processor, where it has them, and plain C. */
static void agree(const void *bytes, size_t size)
{
    unsigned char fast[MDL_SHA256_BYTES], ref[MDL_SHA256_BYTES];

    mdl_sha256(fast, bytes, size);
    mdl_sha256_ref(ref, bytes, size);
    assert_memory_equal(fast, ref, sizeof ref);
}

static void is(const void *bytes, size_t size, const char *want)
{
    char text[MDL_SHA256_TEXT];

    mdl_sha256_text(text, bytes, size);
    assert_string_equal(text, want);
    agree(bytes, size);
}

/* FIPS 180-2, appendix B, and NIST's empty message. */
static void the_examples_of_the_standard_come_out(void **state)
{
    char *million = malloc(1000000);
    (void)state;

    is(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(million, 'a', 1000000);
    is(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

/* Byte i is (7 i + 3) mod 256; digests by Python's hashlib. */
static void lengths_around_a_block_and_its_padding_agree_with_another_implementation(void **state)
{
    static const struct { size_t size; const char *digest; } known[] = {
        { 1, "084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5" },
        { 55, "e7313d333c272e639f790978283f9eb392e843d0f29b7016828bb1daa4aac70b" },
        { 56, "4324d65f3c103567f5589c710bc08f8523f929a9272e3af36fc968e52abc6c27" },
        { 57, "35df609437dcfea3279283ab79fd554e2bf78f8f7ae2de532d8ee300b09e8f73" },
        { 63, "81c80242132f230c3bd41b3e63bbcff16107339549214a99614ff26664625055" },
        { 64, "39e3d7b6b5d075d37d053ad89b24b41bef4f3c29760c84447cab3f3be1882241" },
        { 65, "aacca6ff74fdbb296d165a45cecfa04e5127bc008770fbbdd48006f2d2fae95e" },
        { 111, "67d9492e628fd376e0b2efec8ca2b99b123e202cf620deb270728df979b2f73e" },
        { 112, "96b928cff8528dbb99602c709a65b846cb6467acb8b722f0d758e4dc27bfc508" },
        { 119, "9ce7368e4daf32341631b492e80359dc9f594b48453cd0dd5bf0b19279cc177e" },
        { 120, "7836b787757e95e58b3ca5aec90b1b004e8deba1e50e9675af9cabf1a13a04b5" },
        { 127, "a8d23e75d936f303d248888d9b165ee543f4cbafcad3c9dd2a79bd84faa11d07" },
        { 128, "d2742f1f4ac6bb7ca2b239ee18402ba8b3f9f8e652d2a72973c2b9ba11c08cf6" },
        { 1000, "1e9bc38cbf860b9ec31918b065f9b52476c549a782e0e7990bed8ce3868d2371" },
    };
    (void)state;

    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        unsigned char *bytes = malloc(known[k].size);      /* exactly, for the sanitizers */
        for (size_t i = 0; i < known[k].size; i++)
            bytes[i] = (unsigned char)(i * 7 + 3);
        is(bytes, known[k].size, known[k].digest);
        free(bytes);
    }
}

static void random_bytes_of_random_lengths_agree_with_plain_c(void **state)
{
    unsigned char *bytes = malloc(5000);
    uint64_t seed = 1;
    (void)state;

    print_message("instructions of SHA-256: %s\n",
                  mdl_cpu_has_sha256() ? "tested" : "skipped, not on this processor");
    for (size_t i = 0; i < 5000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(seed >> 56);
    }
    for (size_t i = 0; i < 2000; i++) {          /* from any byte on: nothing need be aligned */
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const size_t from = (size_t)(seed >> 33) % 100, size = (size_t)(seed >> 41) % 4900;
        agree(bytes + from, size);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_come_out),
        cmocka_unit_test(random_bytes_of_random_lengths_agree_with_plain_c),
        cmocka_unit_test(lengths_around_a_block_and_its_padding_agree_with_another_implementation),
    };

    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
