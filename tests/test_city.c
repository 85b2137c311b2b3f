/*
 * tests/test_city.c - hashes of texts, as CatBoost 1.2.10 wrote them (cat_features_hash)
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/city.h"

/* Text of `n` characters: character i is number (7 i + n) mod 62 of these. */
static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static void texts_of_every_length_have_the_hashes_of_catboost(void **state)
{
    static const struct { uint32_t n, hash; } all[] = {
        { 0, 797982799u }, { 1, 1121341681u }, { 2, 3940690768u }, { 3, 2819293983u },
        { 4, 260313079u }, { 5, 3653676312u }, { 7, 4198088764u }, { 8, 4178148440u },
        { 9, 3678884991u }, { 12, 1757312766u }, { 15, 408375909u }, { 16, 2522295413u },
        { 17, 4292594366u }, { 20, 1812392518u }, { 24, 3679847471u }, { 31, 1715155572u },
        { 32, 1845418591u }, { 33, 2751175250u }, { 40, 4140766713u }, { 48, 2815492088u },
        { 63, 2725851314u }, { 64, 2393405888u }, { 65, 2997399740u }, { 66, 3986544305u },
        { 100, 3322141734u }, { 127, 4209190414u }, { 128, 2689456800u }, { 129, 3254887794u },
        { 192, 2327663509u }, { 200, 2543431597u },
    };
    (void)state;

    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        char *text = malloc(all[k].n + 1);        /* of its own: a sanitizer sees the end */

        for (uint32_t i = 0; i < all[k].n; i++)
            text[i] = alphabet[(i * 7 + all[k].n) % 62];
        assert_int_equal((uint32_t)mdl_city64(text, all[k].n), all[k].hash);
        free(text);
    }
    assert_int_equal((uint32_t)mdl_city64("-5", 2), 2572957386u);
    assert_int_equal((uint32_t)mdl_city64("\303\274ber", 5), 174258293u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_every_length_have_the_hashes_of_catboost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
