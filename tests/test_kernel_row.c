/*
 * tests/test_kernel_row.c - one row against many trees, on every table
 *
 * Trees are random, drawn so that where the row leaves is known while they are drawn: no
 * matching is asked.  Sums are those of a plain loop over these leaves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "kernel/kernel.h"
#include "kernel/tree.h"

#ifndef TABLE_AT
#define TABLE_AT mdl_kernels_at
#endif

#define TREES 70u
#define NUMBERS 4096u             /* leaf values; first leaves lie below the last 256 */

static uint64_t seed = 7;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random(&seed) >> 33) % n;
}

/* Ranks of a row; the last column is nowhere. */
struct row {
    uint8_t rank[TOP_MOST];
    uint32_t columns, quarters;
};

static struct row random_row(uint32_t quarters)
{
    struct row r = { .columns = 16 * quarters - below(8), .quarters = quarters };
    const uint32_t most = below(2) ? 256 : 3;    /* few: many are equal to what nodes ask */

    for (uint32_t c = 0; c < TOP_MOST; c++)
        r.rank[c] = (uint8_t)below(most);
    r.rank[r.columns - 1] = 0;
    return r;
}

static int ask(const struct row *r, uint8_t *column, uint8_t *rank)
{
    *column = (uint8_t)below(r->columns);
    *rank = (uint8_t)(below(2) || !r->rank[*column] ? 1 + below(255) : r->rank[*column]);
    return r->rank[*column] >= *rank;
}

/* ---- pieces ------------------------------------------------------------------------------- */

/* Draws the nodes above the exits [first, first + exits); the number of the row's exit if it
 * comes here. */
static uint32_t grow(struct tree_top *t, const struct row *r, uint32_t first, uint32_t exits,
                     uint32_t ancestors)
{
    if (exits == 1) {
        t->ancestors[first] = ancestors;
        return first;
    }
    const uint32_t left = 1 + below(exits - 1), node = first + left - 1;
    const int right = ask(r, &t->column[node], &t->rank[node]);

    ancestors |= (uint32_t)1 << node;
    const uint32_t l = grow(t, r, first, left, ancestors);
    const uint32_t g = grow(t, r, first + left, exits - left, ancestors);
    return right ? g : l;
}

static uint32_t random_piece(struct tree_top *t, const struct row *r, uint32_t most)
{
    for (uint32_t i = 0; i <= most; i++) {
        t->column[i] = (uint8_t)(r->columns - 1);
        t->rank[i] = i < most;
        t->ancestors[i] = (uint32_t)1 << most;
    }
    return grow(t, r, 0, 1 + below(most + 1), 0);
}

static uint32_t random_tile(struct tree_tile *tile, const struct row *r)
{
    struct tree_top t;
    const uint32_t e = random_piece(&t, r, TILE_NODES);

    memcpy(tile->column, t.column, sizeof tile->column);
    memcpy(tile->rank, t.rank, sizeof tile->rank);
    for (uint32_t i = 0; i < TILE_EXITS; i++) {
        tile->ancestors[i] = (uint16_t)t.ancestors[i];
        tile->exit[i] = (uint32_t)next_random(&seed);
    }
    return tile->exit[e];
}

/* ---- whole trees ---------------------------------------------------------------------------- */

/* Draws what is below place k of a level; returns the leaves so far, and whether the row's is
 * among them in *at. */
static uint32_t grow_heap(struct tree_heap *h, const struct row *r, uint32_t k, uint32_t level,
                          uint32_t leaves, int here, uint32_t *at)
{
    if (level == HEAP_LEVELS || below(6) == 0) {
        h->leaves |= (uint64_t)1 << ((k << (HEAP_LEVELS - level)) - HEAP_NODES);
        if (here)
            *at = leaves;
        return leaves + 1;
    }
    const int right = ask(r, &h->column[k], &h->rank[k]);
    leaves = grow_heap(h, r, 2 * k, level + 1, leaves, here && !right, at);
    return grow_heap(h, r, 2 * k + 1, level + 1, leaves, here && right, at);
}

static uint32_t random_heap(struct tree_heap *h, const struct row *r)
{
    uint32_t at = 0;

    memset(h->column, (int)(r->columns - 1), sizeof h->column);
    memset(h->rank, 1, sizeof h->rank);
    h->leaves = 0;
    grow_heap(h, r, 1, 0, 0, 1, &at);
    return at;
}

static void random_levels(struct tree_level *levels, uint32_t depth, const struct row *r, uint32_t *want)
{
    for (uint32_t i = 0; i < TREES; i++) {
        want[i] = 0;
        for (uint32_t k = 0; k < depth; k++) {
            struct tree_level *l = &levels[i / LEVEL_TREES * depth + k];
            const int right = ask(r, &l->column[i % LEVEL_TREES], &l->rank[i % LEVEL_TREES]);
            want[i] = 2 * want[i] + (right ? 1u : 0u);
        }
    }
}

/* ---- sums ------------------------------------------------------------------------------------ */

static float narrow[NUMBERS];
static double wide[NUMBERS];

static void random_numbers(void)
{
    for (uint32_t i = 0; i < NUMBERS; i++) {
        wide[i] = ((double)below(1u << 30) - (1 << 29)) / (1 + below(1000));
        narrow[i] = (float)wide[i];
    }
}

#define CHECK_SUMS(kind, ...) do { \
    float sum_ = 1, got_ = 1; \
    double dsum_ = 1, dgot_ = 1; \
    for (uint32_t i_ = 0; i_ < n; i_++) { \
        sum_ += narrow[first[i_] + want[i_]]; \
        dsum_ += wide[first[i_] + want[i_]]; \
    } \
    k->add_##kind##_f32(&got_, narrow, __VA_ARGS__, first, n, r.rank, r.quarters); \
    k->add_##kind##_f64(&dgot_, wide, __VA_ARGS__, first, n, r.rank, r.quarters); \
    assert_memory_equal(&got_, &sum_, sizeof sum_); \
    assert_memory_equal(&dgot_, &dsum_, sizeof dsum_); \
} while (0)

/* ---- tests ------------------------------------------------------------------------------------- */

static void draw_first(uint32_t *first)
{
    for (uint32_t i = 0; i < TREES; i++)
        first[i] = below(NUMBERS - 256);
}

static void a_top_is_left_where_its_nodes_send_the_row(void **state)
{
    const struct kernels *k;
    static struct tree_top tops[TREES];
    static struct tree_exits exits[TREES];
    uint32_t first[TREES], want[TREES], got[TREES];

    (void)state;
    random_numbers();
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (uint32_t round = 0; round < 16 * 8; round++) {
            const struct row r = random_row(1 + round % 16);
            const uint32_t n = below(TREES + 1);
            uint32_t any = 0;

            draw_first(first);
            for (uint32_t i = 0; i < n; i++) {
                want[i] = random_piece(&tops[i], &r, TOP_NODES);
                for (uint32_t e = 0; e < TOP_EXITS; e++)
                    exits[i].exit[e] = (uint32_t)next_random(&seed);
                any |= exits[i].exit[want[i]];
            }
            assert_int_equal(k->match(got, tops, exits, first, NULL, n, r.rank, r.quarters), any);
            for (uint32_t i = 0; i < n; i++)
                assert_int_equal(got[i], exits[i].exit[want[i]]);
            k->match(got, tops, NULL, first, NULL, n, r.rank, r.quarters);
            for (uint32_t i = 0; i < n; i++)
                assert_int_equal(got[i], first[i] + want[i]);
            CHECK_SUMS(tops, tops);
        }
}

static void a_tile_is_left_where_its_nodes_send_the_row(void **state)
{
    const struct kernels *k;
    static struct tree_tile tiles[TREES];
    uint32_t want[TREES], got[TREES], at_tile[TREES];

    (void)state;
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (uint32_t round = 0; round < 16 * 8; round++) {
            const struct row r = random_row(1 + round % 16);
            const uint32_t n = below(TREES + 1);

            for (uint32_t i = 0; i < TREES; i++) {
                want[i] = random_tile(&tiles[i], &r);
                at_tile[i] = below(TREES);
            }
            k->match_tiles(got, tiles, NULL, n, r.rank, r.quarters);
            assert_memory_equal(got, want, n * sizeof *want);
            k->match_tiles(got, tiles, at_tile, n, r.rank, r.quarters);
            for (uint32_t i = 0; i < n; i++)
                assert_int_equal(got[i], want[at_tile[i]]);
        }
}

/* Rows that are ranked by as many columns, each for itself and side by side. */
static void random_rows(struct row *rows, uint8_t *side_by_side, uint32_t quarters)
{
    rows[0] = random_row(quarters);
    for (uint32_t r = 0; r < BLOCK_HALF; r++) {
        if (r)
            do
                rows[r] = random_row(quarters);
            while (rows[r].columns != rows[0].columns);
        for (uint32_t c = 0; c < rows[0].columns; c++)
            side_by_side[c * BLOCK_HALF + r] = rows[r].rank[c] ^ 0x80u;
    }
}

/* Of each node, the lowest exit below it. */
static void find_lowest(struct tree_exits *exits, const struct tree_top *t)
{
    for (uint32_t e = TOP_EXITS; e-- > 0;)
        for (uint32_t i = 0; i < TOP_NODES; i++)
            if (t->ancestors[e] >> i & 1)
                exits->lowest[i] = (uint8_t)e;
}

static void rows_side_by_side_leave_tops_as_each_would_alone(void **state)
{
    const struct kernels *k;
    static struct tree_top tops[TREES];
    static struct tree_exits exits[TREES];
    static uint8_t rank[TOP_MOST * BLOCK_HALF], found[TREES * BLOCK_HALF];
    static struct row rows[BLOCK_HALF];
    const uint32_t first[TREES] = { 0 };
    uint32_t alone[TREES];

    (void)state;
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (uint32_t round = 0; round < 16 * 8; round++) {
            const uint32_t n = below(TREES + 1);

            random_rows(rows, rank, 1 + round % 16);
            for (uint32_t i = 0; i < n; i++) {
                random_piece(&tops[i], &rows[below(BLOCK_HALF)], TOP_NODES);
                find_lowest(&exits[i], &tops[i]);
            }
            k->sift(found, tops, exits, n, rank);
            for (uint32_t r = 0; r < BLOCK_HALF; r++) {
                mdl_kernels_ref.match(alone, tops, NULL, first, NULL, n, rows[r].rank, rows[r].quarters);
                for (uint32_t i = 0; i < n; i++)
                    assert_int_equal(found[i * BLOCK_HALF + r], alone[i]);
            }
        }
}

static void rows_side_by_side_pass_tiles_as_each_would_alone(void **state)
{
    enum { EXITS = 20 * BLOCK_HALF };
    const struct kernels *k;
    static struct tree_tile tiles[TREES];
    static uint8_t rank[TOP_MOST * BLOCK_HALF];
    static struct row rows[BLOCK_HALF];
    uint32_t exit[EXITS], want[EXITS];
    uint16_t which[EXITS];

    (void)state;
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (uint32_t round = 0; round < 16 * 8; round++) {
            uint32_t n = 0;

            random_rows(rows, rank, 1 + round % 16);
            for (uint32_t i = 0; i < TREES; i++)
                random_tile(&tiles[i], &rows[below(BLOCK_HALF)]);
            for (uint16_t i = 0; i < EXITS; i++) {
                const struct row *r = &rows[i % BLOCK_HALF];
                const uint32_t tile = below(TREES), goes_on = below(3) == 0;

                exit[i] = want[i] = tile | (goes_on ? TOP_GOES_ON : 0);
                if (!goes_on)
                    continue;
                which[n++] = i;
                mdl_kernels_ref.match_tiles(&want[i], tiles, &tile, 1, r->rank, r->quarters);
            }
            k->pass_tiles(exit, tiles, which, n, rows->rank, sizeof *rows, rows->quarters);
            assert_memory_equal(exit, want, sizeof want);
        }
}

static void a_heap_is_left_at_the_leaf_that_its_nodes_lead_to(void **state)
{
    const struct kernels *k;
    static struct tree_heap heaps[TREES];
    uint32_t first[TREES], want[TREES], got[TREES];

    (void)state;
    random_numbers();
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (uint32_t round = 0; round < 16 * 8; round++) {
            const struct row r = random_row(1 + round % 16);
            const uint32_t n = below(TREES + 1);

            draw_first(first);
            for (uint32_t i = 0; i < n; i++)
                want[i] = random_heap(&heaps[i], &r);
            k->match_heaps(got, heaps, first, n, r.rank, r.quarters);
            for (uint32_t i = 0; i < n; i++)
                assert_int_equal(got[i], first[i] + want[i]);
            CHECK_SUMS(heaps, heaps);
        }
}

static void outcomes_of_levels_are_the_bits_of_the_leaf(void **state)
{
    const struct kernels *k;
    static struct tree_level levels[(TREES / LEVEL_TREES + 1) * LEVEL_MOST];
    uint32_t first[TREES], want[TREES], got[TREES];

    (void)state;
    random_numbers();
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (uint32_t round = 0; round < 16 * 9; round++) {
            const struct row r = random_row(1 + round % 16);
            const uint32_t n = below(TREES + 1), depth = round % (LEVEL_MOST + 1);

            draw_first(first);
            random_levels(levels, depth, &r, want);
            k->match_levels(got, levels, depth, first, n, r.rank, r.quarters);
            for (uint32_t i = 0; i < n; i++)
                assert_int_equal(got[i], first[i] + want[i]);
            CHECK_SUMS(levels, levels, depth);
        }
}

static void leaves_of_any_width_are_added_in_the_order_of_the_trees(void **state)
{
    enum { WIDEST = 45 };
    const struct kernels *k;
    float y[WIDEST + 1], sum[WIDEST + 1];
    double dy[WIDEST + 1], dsum[WIDEST + 1];
    uint32_t leaf[TREES];

    (void)state;
    random_numbers();
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (uint32_t width = 1; width <= WIDEST; width++) {
            const uint32_t n = below(TREES + 1);

            for (uint32_t j = 0; j <= WIDEST; j++) {
                y[j] = sum[j] = narrow[below(NUMBERS)];
                dy[j] = dsum[j] = wide[below(NUMBERS)];
            }
            for (uint32_t i = 0; i < n; i++) {
                leaf[i] = below(NUMBERS / width);
                for (uint32_t j = 0; j < width; j++) {
                    sum[j] += narrow[leaf[i] * width + j];
                    dsum[j] += wide[leaf[i] * width + j];
                }
            }
            k->add_row_f32(y, narrow, leaf, n, width);
            k->add_row_f64(dy, wide, leaf, n, width);
            assert_memory_equal(y, sum, sizeof y);       /* and nothing behind `width` */
            assert_memory_equal(dy, dsum, sizeof dy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_top_is_left_where_its_nodes_send_the_row),
        cmocka_unit_test(a_tile_is_left_where_its_nodes_send_the_row),
        cmocka_unit_test(rows_side_by_side_leave_tops_as_each_would_alone),
        cmocka_unit_test(rows_side_by_side_pass_tiles_as_each_would_alone),
        cmocka_unit_test(a_heap_is_left_at_the_leaf_that_its_nodes_lead_to),
        cmocka_unit_test(outcomes_of_levels_are_the_bits_of_the_leaf),
        cmocka_unit_test(leaves_of_any_width_are_added_in_the_order_of_the_trees),
    };

    return cmocka_run_group_tests_name("kernel_row", tests, NULL, NULL);
}
