/*
 * tests/test_op_ctr.c - numbers, equalities and target statistics
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

/* h = M (h + M v), as in op/ctr.c. */
static uint64_t take(uint64_t h, uint64_t v)
{
    const uint64_t m = 0x4906ba494954cb65u;

    return m * (h + m * v);
}

static void numbers_are_rounded_and_equalities_are_0_or_1(void **state)
{
    static const uint32_t number[] = { 2, 0 };
    static const int32_t equal[] = { 1, -1438285038, 1, 7 };
    const double x[] = { 0.1, -1438285038.0, 1e300, (double)NAN, 7, -0.0, 0.1, 7.5, 2,
                         1, (double)NAN, 16777217 };
    const float y[] = { INFINITY, 0.1f, 1, 0, -0.0f, NAN, 0, 1, 2, 0.1f, 0, 0, 16777216, 1, 0, 0 };
    struct one t = one_node("ctr", MDL_F64, 3);
    (void)state;

    one_row(&t, "number", MDL_U32, 2, number);
    one_weights(&t, "equal", MDL_I32, 2, (int64_t[]){ 2, 2 }, equal);
    one_gives(&t, x, 4, MDL_F32, 4, y);
}

/*
 * Two keys over columns (category a, number b, category c): { a } and { a, b > 1 or NaN, c is
 * -3 }; a table of each, the first with two statistics, the second a counter.
 */

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static struct one statistics(void)
{
    const int32_t part[] = { 0, 0, 0, 0, 0, 0, 2, 1, 0, 3, 2, -3 };
    const float border[] = { 0, 0, 1, 0 };
    const uint32_t key[] = { 0, 1, 4 }, table[] = { 0, 2, 3, 1, 1, 2 };
    const int32_t ratio[] = { 0, 1, 0, 0, 0, 0, 1, 0, -1 };
    const float prior[] = { 1, 2, 0, 10, 0, 0.5f, 1, -0.25f, 4, 0, 0, 1, 0, 1, 31 };
    uint64_t hash[5] = { take(0, 5), take(0, (uint64_t)-7), take(0, 0) };
    float count[8];
    struct one t = one_node("ctr", MDL_F64, 3);

    qsort(hash, 3, sizeof *hash, by_hash);
    for (size_t i = 0; i < 3; i++) {               /* all, good */
        count[2 * i] = hash[i] == take(0, 5) ? 8 : hash[i] == take(0, (uint64_t)-7) ? 3 : 1;
        count[2 * i + 1] = hash[i] == take(0, 5) ? 4 : hash[i] == take(0, (uint64_t)-7) ? 0 : 1;
    }
    hash[3] = take(take(take(0, 5), 1), 0);
    hash[4] = take(take(take(0, 5), 0), 1);
    qsort(hash + 3, 2, sizeof *hash, by_hash);
    count[6] = hash[3] == take(take(take(0, 5), 1), 0) ? 15 : 7;
    count[7] = 22 - count[6];
    one_row(&t, "hash", MDL_U64, 5, hash);
    one_row(&t, "count", MDL_F32, 8, count);
    one_row(&t, "key", MDL_U32, 3, key);
    one_row(&t, "border", MDL_F32, 4, border);
    one_weights(&t, "part", MDL_I32, 2, (int64_t[]){ 4, 3 }, part);
    one_weights(&t, "table", MDL_U32, 2, (int64_t[]){ 2, 3 }, table);
    one_weights(&t, "ratio", MDL_I32, 2, (int64_t[]){ 3, 3 }, ratio);
    one_weights(&t, "prior", MDL_F32, 2, (int64_t[]){ 3, 5 }, prior);
    return t;
}

static void statistics_are_found_by_their_key(void **state)
{
    const double nan = (double)NAN;
    const double x[] = { 5, 2, 0,   5, nan, -4,   5, 1, -3,   5, 1, -2,   -7, 2, 0,   0, 0, 0,
                         4, 2, 0,   nan, 2, 0,   5.5, 2, 0,   4294967301.0, 2, 0,   -0.0, 9, nan };
    /* (4 + 1) / (8 + 2) * 10, ((8 + 0.5) / (8 + 1) - 0.25) * 4, 15 / 32 */
    const float five[] = { 5, ((8.5f / 9) - 0.25f) * 4 }, none[] = { 5, (0.5f - 0.25f) * 4 };
    const float seven[] = { 2, (3.5f / 4 - 0.25f) * 4 };
    const float zero[] = { (2.0f / 3 + 0) * 10, (1.5f / 2 - 0.25f) * 4 };
    const float y[] = {
        five[0], five[1], 15.0f / 32,   five[0], five[1], 15.0f / 32,   five[0], five[1], 7.0f / 32,
        five[0], five[1], 0,   seven[0], seven[1], 0,   zero[0], zero[1], 0,
        none[0], none[1], 0,   none[0], none[1], 0,   none[0], none[1], 0,   none[0], none[1], 0,
        zero[0], zero[1], 0,
    };
    struct one t = statistics();
    (void)state;

    one_gives(&t, x, 11, MDL_F32, 3, y);
}

static void every_row_of_a_large_table_is_found(void **state)
{
    enum { N = 300 };
    const int32_t part[] = { 0, 0, 0 }, ratio[] = { 0, 0, -1 };
    const float border[] = { 0 }, prior[] = { 0, 0, 0, 1, 1 };
    const uint32_t key[] = { 0, 1 }, table[] = { 0, 1, N };
    static double x[2 * N];
    static float y[2 * N], count[N];
    static uint64_t hash[N];
    struct one t = one_node("ctr", MDL_F64, 1);
    (void)state;

    for (uint64_t i = 0; i < N; i++)
        hash[i] = take(0, i * 3);
    qsort(hash, N, sizeof *hash, by_hash);
    for (size_t i = 0; i < N; i++)
        for (uint64_t k = 0; k < N; k++)
            count[i] = hash[i] == take(0, k * 3) ? (float)(k + 1) : count[i];
    for (size_t i = 0; i < 2 * N; i++) {
        x[i] = (double)(i / 2 * 3 + i % 2);        /* one that is there, one that is not */
        y[i] = i % 2 ? 0 : (float)(i / 2 + 1);
    }
    one_row(&t, "hash", MDL_U64, N, hash);
    one_row(&t, "count", MDL_F32, N, count);
    one_row(&t, "key", MDL_U32, 2, key);
    one_row(&t, "border", MDL_F32, 1, border);
    one_weights(&t, "part", MDL_I32, 2, (int64_t[]){ 1, 3 }, part);
    one_weights(&t, "table", MDL_U32, 2, (int64_t[]){ 1, 3 }, table);
    one_weights(&t, "ratio", MDL_I32, 2, (int64_t[]){ 1, 3 }, ratio);
    one_weights(&t, "prior", MDL_F32, 2, (int64_t[]){ 1, 5 }, prior);
    one_gives(&t, x, 2 * N, MDL_F32, 1, y);
}

/* Of 41 hashes that follow each other one is that of a category: the first, the last, any. */
static void a_row_in_a_crowd_of_the_same_first_bits_is_found(void **state)
{
    enum { N = 41 };
    const int32_t part[] = { 0, 0, 0 }, ratio[] = { 0, 0, -1 };
    const uint32_t key[] = { 0, 1 }, table[] = { 0, 1, N };
    (void)state;

    for (uint32_t at = 0; at < N; at++) {
        const float y[] = { (float)(at + 1), 0 };
        uint64_t hash[N];
        float count[N];
        struct one t = one_node("ctr", MDL_F64, 1);

        for (uint32_t i = 0; i < N; i++) {
            hash[i] = take(0, 5) - at + i;
            count[i] = (float)(i + 1);
        }
        one_row(&t, "hash", MDL_U64, N, hash);
        one_row(&t, "count", MDL_F32, N, count);
        one_row(&t, "key", MDL_U32, 2, key);
        one_row(&t, "border", MDL_F32, 1, (float[]){ 0 });
        one_weights(&t, "part", MDL_I32, 2, (int64_t[]){ 1, 3 }, part);
        one_weights(&t, "table", MDL_U32, 2, (int64_t[]){ 1, 3 }, table);
        one_weights(&t, "ratio", MDL_I32, 2, (int64_t[]){ 1, 3 }, ratio);
        one_weights(&t, "prior", MDL_F32, 2, (int64_t[]){ 1, 5 }, (float[]){ 0, 0, 0, 1, 1 });
        one_gives(&t, (double[]){ 5, 6 }, 2, MDL_F32, 1, y);
    }
}

static void what_is_not_there_or_out_of_order_is_refused(void **state)
{
    static const struct {
        const char *slot;
        uint32_t type;
        int64_t dims[2];
        int32_t v[9];
    } all[] = {
        { "number", MDL_U32, { 1, 0 }, { 3 } },
        { "equal", MDL_I32, { 1, 2 }, { 3, 0 } },
        { "equal", MDL_I32, { 1, 2 }, { -1, 0 } },
        { "part", MDL_I32, { 4, 3 }, { 4 } },
        { "part", MDL_I32, { 4, 3 }, { 0, 3 } },
        { "part", MDL_I32, { 4, 3 }, { -1 } },
        { "key", MDL_U32, { 3, 0 }, { 0, 5, 4 } },
        { "key", MDL_U32, { 3, 0 }, { 1, 1, 4 } },
        { "key", MDL_U32, { 3, 0 }, { 0, 1, 3 } },
        { "table", MDL_U32, { 2, 3 }, { 0, 2, 3, 2, 1, 2 } },
        { "table", MDL_U32, { 2, 3 }, { 1, 2, 3, 0, 1, 2 } },
        { "table", MDL_U32, { 2, 3 }, { 0, 0, 3, 1, 1, 2 } },
        { "table", MDL_U32, { 2, 3 }, { 0, 2, 6, 1, 1, 2 } },
        { "table", MDL_U32, { 2, 3 }, { 0, 9, 3, 1, 1, 2 } },
        { "ratio", MDL_I32, { 3, 3 }, { 0, 2, 0, 0, 0, 0, 1, 0, -1 } },
        { "ratio", MDL_I32, { 3, 3 }, { 0, 1, -2, 0, 0, 0, 1, 0, -1 } },
        { "ratio", MDL_I32, { 3, 3 }, { 0, 1, 2, 0, 0, 0, 1, 0, -1 } },
        { "ratio", MDL_I32, { 3, 3 }, { 2, 1, 0, 2, 0, 0, 2, 0, -1 } },
        { "ratio", MDL_I32, { 3, 3 }, { 1, 0, -1, 0, 0, 0, 0, 0, -1 } },
    };
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct one t = statistics();
        one_weights(&t, all[i].slot, all[i].type, all[i].dims[1] ? 2 : 1, all[i].dims, all[i].v);
        one_refused(&t, "names what is not there, or is out of order");
    }
    struct one t = statistics();
    one_row(&t, "hash", MDL_U64, 5, (uint64_t[]){ 1, 3, 3, 1, 2 });
    one_refused(&t, "element 2 of 'hash'");
    t = statistics();
    one_row(&t, "hash", MDL_U64, 5, (uint64_t[]){ 1, 2, UINT64_MAX, 1, 2 });
    one_refused(&t, "element 2 of 'hash'");
    t = statistics();
    one_row(&t, "hash", MDL_U64, 6, (uint64_t[]){ 1, 2, 3, 1, 2, 3 });
    one_refused(&t, "tables have not the rows that there are");
    t = statistics();
    one_row(&t, "border", MDL_F32, 3, (float[]){ 0, 1, 2 });
    one_refused(&t, "not as many borders as parts");
    t = statistics();
    one_weights(&t, "prior", MDL_F32, 2, (int64_t[]){ 1, 5 }, (float[5]){ 0 });
    one_refused(&t, "not as many priors as ratios");
    t = one_node("ctr", MDL_F64, 1);
    one_refused(&t, "there is nothing to make");
    t = one_node("ctr", MDL_F32, 1);
    one_row(&t, "number", MDL_U32, 1, (uint32_t[]){ 0 });
    one_refused(&t, "x is float32, expected float64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_rounded_and_equalities_are_0_or_1),
        cmocka_unit_test(statistics_are_found_by_their_key),
        cmocka_unit_test(every_row_of_a_large_table_is_found),
        cmocka_unit_test(a_row_in_a_crowd_of_the_same_first_bits_is_found),
        cmocka_unit_test(what_is_not_there_or_out_of_order_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
