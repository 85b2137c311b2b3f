/*
 * tests/test_kernel_planes.c - planes of every table against the plain ones, and against descents
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "kernel/kernel.h"
#include "kernel/tree.h"

#ifndef TABLE_AT                  /* the tables to try, as in test_kernel.c */
#define TABLE_AT mdl_kernels_at
#endif

#define FOR_TABLES(k) \
    for (size_t at_ = 0; ((k) = TABLE_AT(at_)) != NULL && (k) != &mdl_kernels_ref; at_++)

#define COLUMNS 12u
#define GUARD   64u
#define PLACES  (PLANE_BYTES / PLANE_UNIT)   /* of a plane */

static uint64_t seed = 4711;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

/* Ranks up to as many thresholds as the column has, and NaN. */
static uint8_t rank[COLUMNS * BLOCK_ROWS];
static struct plane_column columns[COLUMNS];
static uint8_t conditions[PLANE_MOST * PLANE_BYTES], plane[PLANE_MOST * PLANE_BYTES + GUARD];
static uint32_t n_planes;

static void fill(void)
{
    static const uint8_t edges[] = { 0, 1, 2, 3, 7, 8, 127, 128, 129, 253, 254 };

    n_planes = PLANE_SLOTS + 7;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        const uint32_t edge = below(2 * sizeof edges);
        const uint8_t thresholds = edge < sizeof edges ? edges[edge] : (uint8_t)below(255);
        columns[c] = (struct plane_column){ n_planes, thresholds, (uint8_t)below(2), 0 };
        n_planes += thresholds + (uint32_t)columns[c].nan;
        for (uint32_t r = 0; r < BLOCK_ROWS; r++)
            rank[c * BLOCK_ROWS + r] = (uint8_t)((below(9) ? below(thresholds + 1u) : RANK_NAN) ^ 0x80u);
    }
}

static void conditions_are_those_of_the_plain_kernel(void **state)
{
    const struct kernels *k;

    (void)state;
    FOR_TABLES(k)
        for (int round = 0; round < 60; round++) {
            fill();
            memset(conditions, 0xA7, sizeof conditions);
            memset(plane, 0xA7, sizeof plane);
            mdl_kernels_ref.planes(conditions, columns, COLUMNS, rank);
            k->planes(plane, columns, COLUMNS, rank);
            if (memcmp(conditions, plane, sizeof conditions))
                fail_msg("planes of %s differ from the plain kernel's", k->isa);
            assert_int_equal(plane[sizeof plane - 1], 0xA7);
        }
}

/* By hand: row 32 i + j is bit i of byte j. */
static void a_row_is_the_bit_that_the_layout_says(void **state)
{
    const struct kernels *k;
    uint8_t test[BLOCK_ROWS], got[PLANE_BYTES + 1];

    (void)state;
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++)
        for (uint32_t row = 0; row < BLOCK_ROWS; row++) {
            memset(test, 0x80, sizeof test);
            test[row] = 0x7f;
            got[PLANE_BYTES] = 0xA7;
            k->test_plane(got, test);
            for (uint32_t j = 0; j < PLANE_BYTES; j++)
                assert_int_equal(got[j], j == row % 32 ? 1u << row / 32 : 0);
            assert_int_equal(got[PLANE_BYTES], 0xA7);
        }
}

/* ---- trees ------------------------------------------------------------------------------- */

static struct tree_fork forks[GROUP_TREES * 256];
static uint32_t start[GROUP_TREES + 1];
static struct plane_fork plane_forks[GROUP_TREES * 256];

/* A condition that is asked, as forks of both kinds know it; returns its plane. */
static uint32_t random_condition(struct tree_fork *f)
{
    for (;;) {
        const uint32_t c = below(COLUMNS);
        const uint32_t n = (uint32_t)columns[c].thresholds + columns[c].nan;
        if (!n)
            continue;
        const uint32_t i = below(n);
        f->column = (uint16_t)c;
        f->below = (uint8_t)((i < columns[c].thresholds ? i : RANK_NAN - 1u) ^ 0x80u);
        return columns[c].first + i;
    }
}

/* The forks of a random subtree of `n` leaves from number `left` on, in pre-order. */
static uint32_t grow(uint32_t at, uint32_t left, uint32_t n, uint32_t slot)
{
    if (n == 1)
        return at;
    const uint32_t mine = below(4) ? 1 + below(n - 1) : 1;    /* leaves of the left subtree */
    const uint32_t condition = random_condition(&forks[at]);

    forks[at].left = (uint8_t)left;
    forks[at].move = (uint8_t)(left ^ (left + mine));
    plane_forks[at] = (struct plane_fork){ (uint16_t)(condition * PLACES),
                                           (uint16_t)((slot + left) * PLACES),
                                           (uint16_t)((slot + left + mine) * PLACES) };
    at = grow(at + 1, left, mine, slot);
    return grow(at, left + mine, n - mine, slot);
}

static struct plane_group random_group(void)
{
    const uint32_t most = 1 + below(below(2) ? 32 : 256);
    struct plane_group g = { .trees = 0 };

    for (uint32_t slots = 0; g.trees < GROUP_TREES; g.trees++) {
        const uint32_t n = below(4) ? 1 + below(most) : most;
        if (slots + (n + 7) / 8 * 8 > PLANE_SLOTS)
            break;
        g.leaves[g.trees] = (uint16_t)n;
        start[g.trees + 1] = grow(start[g.trees], 0, n, slots);
        slots += (n + 7) / 8 * 8;
    }
    g.forks = start[g.trees];
    return g;
}

/* The forks of trees in turn, as they may be. */
static void mix(const struct plane_group *g)
{
    struct plane_fork mixed[PLANE_SLOTS];
    uint32_t done[GROUP_TREES] = { 0 };

    for (uint32_t n = 0; n < g->forks;)
        for (uint32_t t = 0; t < g->trees; t++)
            if (done[t] < start[t + 1] - start[t])
                mixed[n++] = plane_forks[start[t] + done[t]++];
    memcpy(plane_forks, mixed, g->forks * sizeof *mixed);
}

static void parting_finds_the_leaves_that_descending_finds(void **state)
{
    static uint8_t want[GROUP_TREES * BLOCK_ROWS], got[GROUP_TREES * BLOCK_ROWS + 1];
    const struct kernels *k;

    (void)state;
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++)
        for (int round = 0; round < 120; round++) {
            fill();
            const struct plane_group g = random_group();
            mix(&g);
            mdl_kernels_ref.planes(plane, columns, COLUMNS, rank);
            memset(plane + n_planes * PLANE_BYTES, 0xA7, GUARD);
            memset(got, 0xA7, sizeof got);
            memcpy(conditions, plane, sizeof conditions);
            mdl_kernels_ref.descend(want, forks, start, g.trees, rank, BLOCK_ROWS);
            k->part(got, &g, plane_forks, plane);
            if (memcmp(want, got, g.trees * BLOCK_ROWS))
                fail_msg("part of %s differs from a descent", k->isa);
            assert_int_equal(got[g.trees * BLOCK_ROWS], 0xA7);
            assert_memory_equal(plane + (PLANE_SLOTS + 7) * PLANE_BYTES,
                                conditions + (PLANE_SLOTS + 7) * PLANE_BYTES,
                                (n_planes - PLANE_SLOTS - 7) * PLANE_BYTES);
        }
}

static void levels_of_even_trees_are_the_bits_of_their_leaves(void **state)
{
    static uint8_t want[GROUP_TREES * BLOCK_ROWS], got[GROUP_TREES * BLOCK_ROWS + 1];
    const struct kernels *k;

    (void)state;
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++)
        for (int round = 0; round < 60; round++) {
            struct plane_group g = { .trees = 1 + below(GROUP_TREES) };
            fill();
            for (uint32_t t = 0; t < g.trees; t++) {
                const uint32_t levels = below(9);
                g.leaves[t] = (uint16_t)(1u << levels);
                start[t + 1] = start[t] + levels;
                for (uint32_t l = 0; l < levels; l++) {
                    struct tree_fork *f = &forks[start[t] + l];
                    f->move = (uint8_t)(1u << (levels - 1 - l));
                    plane_forks[start[t] + l].condition = (uint16_t)(random_condition(f) * PLACES);
                }
            }
            g.forks = start[g.trees];
            memset(got, 0xA7, sizeof got);
            mdl_kernels_ref.planes(plane, columns, COLUMNS, rank);
            mdl_kernels_ref.descend_even(want, forks, start, g.trees, rank, BLOCK_ROWS);
            k->part_even(got, &g, plane_forks, plane);
            if (memcmp(want, got, g.trees * BLOCK_ROWS))
                fail_msg("part_even of %s differs from a descent", k->isa);
            assert_int_equal(got[g.trees * BLOCK_ROWS], 0xA7);
        }
}

/* Sums of trees whose values end where memory ends. */
static void few_leaves_add_up_as_many_do(void **state)
{
    static uint8_t leaf[GROUP_TREES * BLOCK_ROWS];
    static float f32[2][BLOCK_ROWS];
    static double f64[2][BLOCK_ROWS];
    const struct kernels *k;

    (void)state;
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++)
        for (uint32_t most = 1; most <= FEW_LEAVES; most++) {
            const size_t trees = below(GROUP_TREES + 1), height = BLOCK_STEP * (1 + below(8));
            uint16_t leaves[GROUP_TREES];
            uint32_t first[GROUP_TREES], n = 0;

            for (size_t t = 0; t < trees; t++) {
                leaves[t] = (uint16_t)(t + 1 == trees ? most : 1 + below(most));
                first[t] = n;
                n += leaves[t];
                for (size_t r = 0; r < height; r++)
                    leaf[t * height + r] = (uint8_t)below(leaves[t]);
            }
            float *narrow = malloc(n * sizeof *narrow + !n);
            double *wide = malloc(n * sizeof *wide + !n);
            for (uint32_t v = 0; v < n; v++)
                narrow[v] = (float)(wide[v] = ((double)below(1u << 30) - (1 << 29)) / 12345);
            for (size_t r = 0; r < BLOCK_ROWS; r++)
                f32[0][r] = f32[1][r] = (float)(f64[0][r] = f64[1][r] = (double)below(1u << 30) / 777);
            mdl_kernels_ref.add_leaves_f32(f32[0], narrow, first, trees, leaf, height);
            mdl_kernels_ref.add_leaves_f64(f64[0], wide, first, trees, leaf, height);
            k->add_few_f32(f32[1], narrow, first, leaves, trees, leaf, height);
            k->add_few_f64(f64[1], wide, first, leaves, trees, leaf, height);
            assert_memory_equal(f32[0], f32[1], sizeof *f32);
            assert_memory_equal(f64[0], f64[1], sizeof *f64);
            free(narrow);
            free(wide);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_those_of_the_plain_kernel),
        cmocka_unit_test(a_row_is_the_bit_that_the_layout_says),
        cmocka_unit_test(parting_finds_the_leaves_that_descending_finds),
        cmocka_unit_test(levels_of_even_trees_are_the_bits_of_their_leaves),
        cmocka_unit_test(few_leaves_add_up_as_many_do),
    };

    return cmocka_run_group_tests_name("kernel_planes", tests, NULL, NULL);
}
