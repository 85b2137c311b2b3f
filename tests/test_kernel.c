/*
 * tests/test_kernel.c - every kernel of every table against the plain one, bit for bit
 *
 * Lengths around the width of registers, rows that do not lie packed, special values,
 * and guard bytes around every result: a kernel writes what it should and nothing else.
 *
 * TABLE_AT(i) are the tables to try, the plain one last and then NULL; test_kernel_avx512.c
 * has others than this machine's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#include "base/cpu.h"
#include "kernel/kernel.h"
#include "kernel/shap.h"
#include "kernel/tree.h"

#ifndef TABLE_AT
#define TABLE_AT mdl_kernels_at
#endif

#define MOST 200u                 /* elements of a row                       */
#define GUARD 64u                 /* bytes before and behind a result        */

static const double special[] = { 0.0, -0.0, 1.0, -1.0, NAN, INFINITY, -INFINITY, 5e-324, -5e-324,
                                  1e-40, 3.4028235e38, 1.7976931348623157e308, 1e-35, 0.1 };

static double some_value(uint64_t *seed)
{
    const uint64_t bits = next_random(seed);

    if (bits % 5 == 0)
        return special[bits / 5 % (sizeof special / sizeof *special)];
    return ((double)(bits >> 11) * 0x1p-53 - 0.5) * 8;
}

static void fill_f32(float *to, size_t n, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)some_value(seed);
}

/* In [0, 1). */
static double unit(uint64_t *seed)
{
    return (double)(next_random(seed) >> 11) * 0x1p-53;
}

static void fill_f64(double *to, size_t n, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        to[i] = some_value(seed);
}

/* Equal bits, but for the payload of NaN, which no rule fixes. */
static int same_f32(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof *a) && !(isnan(a[i]) && isnan(b[i])))
            return 0;
    return 1;
}

static int same_f64(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof *a) && !(isnan(a[i]) && isnan(b[i])))
            return 0;
    return 1;
}

/* A result with guards; the type is the caller's. */
struct guarded {
    _Alignas(64) unsigned char bytes[GUARD + 64 * MOST * 8 + GUARD];
};

static void *guard(struct guarded *g)
{
    memset(g->bytes, 0xA7, sizeof g->bytes);
    return g->bytes + GUARD;
}

static void assert_guarded(const struct guarded *g, size_t used, const char *isa, const char *what)
{
    for (size_t i = 0; i < sizeof g->bytes; i++)
        if ((i < GUARD || i >= GUARD + used) && g->bytes[i] != 0xA7)
            fail_msg("%s of %s wrote outside its result", what, isa);
}

#define FOR_TABLES(k) \
    for (size_t at_ = 0; ((k) = TABLE_AT(at_)) != NULL && (k) != &mdl_kernels_ref; at_++)

static void no_table_has_a_hole(void **state)
{
    const struct kernels *k;

    (void)state;
    for (size_t i = 0; (k = TABLE_AT(i)) != NULL; i++) {
        void (*const *entry)(void) = (void (*const *)(void))(const void *)&k->rank_f32;
        const size_t n = (sizeof *k - offsetof(struct kernels, rank_f32)) / sizeof *entry;

        assert_non_null(k->isa);
        for (size_t f = 0; f < n; f++)
            if (!entry[f])
                fail_msg("kernel %d of %s is missing", (int)f, k->isa);
        print_message("%s: %d kernels\n", k->isa, (int)n);
    }
    assert_ptr_equal(mdl_kernels_named("ref", 0), &mdl_kernels_ref);
    assert_null(mdl_kernels_named("none", mdl_cpu_sets()));
    assert_ptr_equal(mdl_kernels_named(NULL, mdl_cpu_sets()), mdl_kernels_at(0));
}

/* ---- one row, element by element ------------------------------------------------------ */

static struct guarded want_bytes, got_bytes;

#define same_bytes(a, b, n) !memcmp(a, b, (n) * sizeof *(a))

#define CHECK_ROW(TYPE, same, name, n, call) do { \
    TYPE *want = guard(&want_bytes), *got = guard(&got_bytes); \
    const struct kernels *use = &mdl_kernels_ref; \
    TYPE *y = want; \
    call; \
    use = k; \
    y = got; \
    call; \
    if (!same(want, got, n)) \
        fail_msg("%s of %s differs from the plain kernel at length %d", name, k->isa, (int)(n)); \
    assert_guarded(&got_bytes, (n) * sizeof(TYPE), k->isa, name); \
} while (0)

static void rows_agree_with_ref_at_every_length(void **state)
{
    const struct kernels *k;
    static float xf[MOST + 1], af[MOST + 1], bf[MOST + 1];
    static double xd[MOST + 1], ad[MOST + 1], bd[MOST + 1];
    uint64_t seed = 42;

    (void)state;
    FOR_TABLES(k)
        for (size_t n = 0; n < 67; n++) {
            const size_t off = n % 2;       /* aligned to the element only */
            fill_f32(xf, MOST + 1, &seed);
            fill_f32(af, MOST + 1, &seed);
            fill_f32(bf, MOST + 1, &seed);
            fill_f64(xd, MOST + 1, &seed);
            fill_f64(ad, MOST + 1, &seed);
            fill_f64(bd, MOST + 1, &seed);
            const float *x = xf + off, *a = af + off, *b = bf + off;
            const double *p = xd + off, *q = ad + off, *r = bd + off;
            CHECK_ROW(float, same_f32, "sub_div_f32", n, use->sub_div_f32(y, x, a, b, n));
            CHECK_ROW(float, same_f32, "mul_add_f32", n, use->mul_add_f32(y, x, a, b, n));
            CHECK_ROW(float, same_f32, "fill_nan_f32", n, use->fill_nan_f32(y, x, a, n));
            CHECK_ROW(float, same_f32, "relu_f32", n, use->relu_f32(y, x, n));
            CHECK_ROW(float, same_f32, "narrow", n, use->narrow(y, p, n));
            CHECK_ROW(double, same_f64, "sub_div_f64", n, use->sub_div_f64(y, p, q, r, n));
            CHECK_ROW(double, same_f64, "mul_add_f64", n, use->mul_add_f64(y, p, q, r, n));
            CHECK_ROW(double, same_f64, "fill_nan_f64", n, use->fill_nan_f64(y, p, q, n));
            CHECK_ROW(double, same_f64, "relu_f64", n, use->relu_f64(y, p, n));
            CHECK_ROW(double, same_f64, "widen", n, use->widen(y, x, n));
        }
}

static void the_plain_kernels_do_what_they_say(void **state)
{
    const struct kernels *k = &mdl_kernels_ref;
    const double x[4] = { 3, NAN, -0.0, -2 }, a[4] = { 1, 5, 0, 2 }, b[4] = { 2, 4, 1, 8 };
    double y[4];
    float f[4];

    (void)state;
    k->sub_div_f64(y, x, a, b, 4);
    assert_true(y[0] == 1 && isnan(y[1]) && y[2] == 0 && y[3] == -0.5);
    k->mul_add_f64(y, x, a, b, 4);
    assert_true(y[0] == 5 && isnan(y[1]) && y[2] == 1 && y[3] == 4);
    k->fill_nan_f64(y, x, a, 4);
    assert_true(y[0] == 3 && y[1] == 5 && signbit(y[2]) && y[3] == -2);
    k->relu_f64(y, x, 4);
    assert_true(y[0] == 3 && isnan(y[1]) && !signbit(y[2]) && y[3] == 0);
    k->narrow(f, (double[4]){ 16777217, 16777219, 1e39, 1e-46 }, 4);   /* ties go to even */
    assert_true(f[0] == 16777216 && f[1] == 16777220 && f[2] == INFINITY && f[3] == 0);
}

/* ---- y = W x + b ------------------------------------------------------------------------- */

static void dense_layers_agree_with_ref(void **state)
{
    const struct kernels *k;
    static float xf[5 * MOST], wf[9 * MOST], bf[9];
    static double xd[5 * MOST], wd[9 * MOST], bd[9];
    uint64_t seed = 7;

    (void)state;
    FOR_TABLES(k)
        for (size_t inputs = 0; inputs < 40; inputs++)
            for (size_t outputs = 1; outputs < 10; outputs += 1 + inputs % 3) {
                const size_t rows = inputs % 5, x_row = inputs + 3, y_row = outputs + 2;
                const int with_bias = inputs % 2;

                fill_f32(xf, sizeof xf / sizeof *xf, &seed);
                fill_f32(wf, sizeof wf / sizeof *wf, &seed);
                fill_f32(bf, 9, &seed);
                fill_f64(xd, sizeof xd / sizeof *xd, &seed);
                fill_f64(wd, sizeof wd / sizeof *wd, &seed);
                fill_f64(bd, 9, &seed);
                const size_t n = rows ? (rows - 1) * y_row + outputs : 0;
                CHECK_ROW(float, same_f32, "dense_f32", n,
                          use->dense_f32(y, y_row * 4, xf, x_row * 4, wf, with_bias ? bf : NULL,
                                         rows, inputs, outputs));
                CHECK_ROW(double, same_f64, "dense_f64", n,
                          use->dense_f64(y, y_row * 8, xd, x_row * 8, wd, with_bias ? bd : NULL,
                                         rows, inputs, outputs));
            }
}

static void a_dense_layer_is_a_dot_product_and_a_bias(void **state)
{
    const float w[6] = { 1, 2, 3, -1, 0, 0.5f }, x[3] = { 10, 20, 30 }, b[2] = { 0.25f, -1 };
    float y[2];

    (void)state;
    mdl_kernels_ref.dense_f32(y, 8, x, 12, w, b, 1, 3, 2);
    assert_true(y[0] == 140.25f && y[1] == 4);
}

/* ---- trees --------------------------------------------------------------------------------- */

#define COLUMNS 9u

/* The middle of `slots` places to node `at`, the halves below it. */
static void make_search(float *search, uint32_t at, const float *t, uint32_t n, uint32_t slots)
{
    const uint32_t half = slots / 2;

    if (!slots)
        return;
    if (half < n)
        search[at] = t[half];
    make_search(search, 2 * at, t, n < half ? n : half, half);
    make_search(search, 2 * at + 1, t + half + 1, n > half + 1 ? n - half - 1 : 0, half);
}

/* Columns of 0 to RANK_MOST ascending thresholds over a few features, in blocks and in trees. */
static void make_table(struct rank_table *t, int wide, uint64_t *seed)
{
    static uint32_t feature[COLUMNS], start[COLUMNS + 1];
    static uint8_t nan_right[COLUMNS];
    static float f32[COLUMNS * 17 * RANK_BLOCK];
    static double f64[COLUMNS * 17 * RANK_BLOCK];
    static float search[COLUMNS * 256];
    static uint32_t search_start[COLUMNS];
    static uint8_t levels[COLUMNS];
    static const uint32_t lengths[COLUMNS] = { 0, 1, 15, 16, 17, 100, 240, 254, 32 };

    for (size_t i = 0; i < sizeof f32 / sizeof *f32; i++)
        f64[i] = f32[i] = NAN;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        const uint32_t n = lengths[c], pivots = n > RANK_BLOCK ? 1 : 0;
        const size_t at = (size_t)start[c] * RANK_BLOCK;
        double v = -4;

        feature[c] = c * 3 / 4;
        nan_right[c] = (uint8_t)(next_random(seed) % 2);
        for (uint32_t i = 0; i < n; i++) {
            v += (double)(1 + next_random(seed) % 64) / 512;
            f32[at + pivots * RANK_BLOCK + i] = (float)v;
            f64[at + pivots * RANK_BLOCK + i] = v;
            if (i % RANK_BLOCK == RANK_BLOCK - 1 && i + 1 < n) {
                f32[at + i / RANK_BLOCK] = (float)v;
                f64[at + i / RANK_BLOCK] = v;
            }
        }
        start[c + 1] = start[c] + pivots + (n ? (n + RANK_BLOCK - 1) / RANK_BLOCK : 1);
    }
    *t = (struct rank_table){ .n_columns = COLUMNS, .feature = feature, .start = start,
                              .nan_right = nan_right, .f32 = f32, .f64 = wide ? f64 : NULL,
                              .cols = 8, .search = search, .search_start = search_start,
                              .levels = levels };
    for (uint32_t c = 0; c < COLUMNS; c++) {
        const size_t first = (start[c] + (lengths[c] > RANK_BLOCK)) * (size_t)RANK_BLOCK;

        levels[c] = lengths[c] > 127 ? 8 : lengths[c] > 63 ? 7 : lengths[c] > 31 ? 6
                  : lengths[c] > 15 ? 5 : lengths[c] > 7 ? 4 : lengths[c] ? 3 : 0;
        search_start[c] = 256 * c;
        for (size_t i = 0; i < 256; i++)
            search[256 * c + i] = NAN;
        make_search(search + 256 * c, 1, f32 + first, lengths[c], (1u << levels[c]) - 1);
    }
}

/* What stands behind the rows of each column is unspecified. */
static void clear_padding(uint8_t *rank, size_t rows, size_t height)
{
    for (size_t c = 0; c < COLUMNS; c++)
        memset(rank + c * height + rows, 0, height - rows);
}

static void ranks_agree_with_ref(void **state)
{
    const struct kernels *k;
    static float xf[BLOCK_ROWS * 8];
    static double xd[BLOCK_ROWS * 8];
    struct rank_table narrow, wide;
    uint64_t seed = 99;

    (void)state;
    FOR_TABLES(k)
        for (size_t rows = 0; rows <= BLOCK_ROWS; rows += 1 + rows / 3) {
            fill_f64(xd, BLOCK_ROWS * 8, &seed);
            make_table(&wide, 1, &seed);
            /* Half of the cells lie on a threshold. */
            for (size_t i = 0; i < BLOCK_ROWS * 8; i += 2)
                xd[i] = wide.f64[next_random(&seed)
                                                          % (wide.start[COLUMNS] * RANK_BLOCK)];
            CHECK_ROW(uint8_t, same_bytes, "rank_f64", (size_t)COLUMNS, use->rank_f64(y, &wide, xd));
            const size_t height = rows <= BLOCK_HALF ? BLOCK_HALF
                                : (rows + BLOCK_STEP - 1) / BLOCK_STEP * BLOCK_STEP;
            CHECK_ROW(uint8_t, same_bytes, "ranks_f64", COLUMNS * height,
                      use->ranks_f64(y, &wide, xd, 8 * sizeof *xd, rows, height);
                      clear_padding(y, rows, height));
            make_table(&narrow, 0, &seed);
            for (size_t i = 0; i < BLOCK_ROWS * 8; i++)
                xf[i] = (float)xd[i];
            CHECK_ROW(uint8_t, same_bytes, "rank_f32", (size_t)COLUMNS, use->rank_f32(y, &narrow, xf));
            CHECK_ROW(uint8_t, same_bytes, "ranks_f32", COLUMNS * height,
                      use->ranks_f32(y, &narrow, xf, 8 * sizeof *xf, rows, height);
                      clear_padding(y, rows, height));
        }
}

static void a_rank_counts_the_thresholds_that_x_reaches(void **state)
{
    /* Column 0 looks at x[1] with 3 thresholds, column 1 at x[0] with 18 of them: 1 .. 18. */
    float thresholds[4 * RANK_BLOCK];
    const uint32_t feature[2] = { 1, 0 }, start[3] = { 0, 1, 4 };
    const uint8_t nan_right[2] = { 1, 0 };
    const struct rank_table t = { .n_columns = 2, .feature = feature, .start = start,
                                  .nan_right = nan_right, .f32 = thresholds };
    const float x[6][2] = { { 0.9f, -1.5f }, { 1, -1 }, { 16, 0.49f }, { 17.5f, 0.5f }, { 99, 3 },
                            { NAN, NAN } };
    const uint8_t want[6][2] = { { 0, 0 }, { 1, 1 }, { 1, 16 }, { 2, 17 }, { 3, 18 }, { RANK_NAN, 0 } };
    uint8_t rank[2];

    (void)state;
    for (size_t i = 0; i < 4 * RANK_BLOCK; i++)
        thresholds[i] = NAN;
    thresholds[0] = -1;
    thresholds[1] = 0.5f;
    thresholds[2] = 2;
    thresholds[RANK_BLOCK] = 16;                 /* the pivot */
    for (size_t i = 0; i < 18; i++)
        thresholds[2 * RANK_BLOCK + i] = (float)(i + 1);
    for (size_t i = 0; i < 6; i++) {
        mdl_kernels_ref.rank_f32(rank, &t, x[i]);
        assert_memory_equal(rank, want[i], 2);
    }
}

static size_t next_height(size_t height)
{
    return height == BLOCK_HALF ? BLOCK_STEP : height + BLOCK_STEP;
}

/* The forks of a random tree of `leaves` leaves from `first` on; returns the end. */
static uint32_t grow(struct tree_fork *forks, uint32_t at, uint32_t first, uint32_t leaves,
                     uint64_t *seed)
{
    if (leaves == 1)
        return at;
    const uint32_t left = 1 + (uint32_t)(next_random(seed) % (leaves - 1));

    forks[at++] = (struct tree_fork){ (uint16_t)(next_random(seed) % COLUMNS),
                                      (uint8_t)(next_random(seed) % 255 ^ 0x80u), (uint8_t)first,
                                      (uint8_t)(first ^ (first + left)), 0 };
    at = grow(forks, at, first, left, seed);
    return grow(forks, at, first + left, leaves - left, seed);
}

/* Forks end where the last tree does: a sanitizer sees who reads on. */
static void descents_agree_with_ref(void **state)
{
    const struct kernels *k;
    static struct tree_fork grown[20 * 256];
    static uint8_t rank[COLUMNS * BLOCK_ROWS];
    static uint8_t expected[20 * BLOCK_ROWS], found[20 * BLOCK_ROWS];
    uint32_t start[21] = { 0 };
    uint64_t seed = 5;

    (void)state;
    FOR_TABLES(k)
        for (uint32_t round = 0; round < 40; round++) {
            for (uint32_t t = 0; t < 20; t++)
                start[t + 1] = grow(grown, start[t], 0,
                                    1 + (uint32_t)(next_random(&seed) % (t % 4 ? 31 : 256)), &seed);
            for (size_t i = 0; i < sizeof rank; i++)
                rank[i] = (uint8_t)next_random(&seed);
            for (size_t height = BLOCK_HALF; height <= BLOCK_ROWS; height = next_height(height)) {
                const size_t first = next_random(&seed) % 4, n = 1 + next_random(&seed) % 16;
                const size_t bytes = start[first + n] * sizeof(struct tree_fork);
                struct tree_fork *forks = memcpy(malloc(bytes + !bytes), grown, bytes);
                mdl_kernels_ref.descend(expected, forks, start + first, n, rank, height);
                k->descend(found, forks, start + first, n, rank, height);
                assert_memory_equal(expected, found, n * height);
                mdl_kernels_ref.descend_even(expected, forks, start + first, n, rank, height);
                k->descend_even(found, forks, start + first, n, rank, height);
                assert_memory_equal(expected, found, n * height);
                free(forks);
            }
        }
}

static void leaves_are_added_in_the_order_of_the_trees(void **state)
{
    const struct kernels *k;
    static float f32[1024];
    static double f64[1024];
    static uint8_t leaf[8 * BLOCK_ROWS];
    const uint32_t first[8] = { 0, 100, 3, 768, 700, 512, 20, 21 };
    uint64_t seed = 17;

    (void)state;
    fill_f64(f64, 1024, &seed);
    for (size_t i = 0; i < 1024; i++)
        f32[i] = (float)f64[i];
    for (size_t i = 0; i < sizeof leaf; i++)
        leaf[i] = (uint8_t)next_random(&seed);
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (size_t height = BLOCK_HALF; height <= BLOCK_ROWS; height = next_height(height))
            for (size_t trees = 0; trees <= 8; trees++) {
                float narrow[BLOCK_ROWS];
                double wide[BLOCK_ROWS];
                for (size_t r = 0; r < BLOCK_ROWS; r++)
                    wide[r] = narrow[r] = (float)r / 3;
                k->add_leaves_f32(narrow, f32, first, trees, leaf, height);
                k->add_leaves_f64(wide, f64, first, trees, leaf, height);
                for (size_t r = 0; r < height; r++) {
                    float s = (float)r / 3;
                    double d = (double)s;
                    for (size_t t = 0; t < trees; t++) {
                        s += f32[first[t] + leaf[t * height + r]];
                        d += f64[first[t] + leaf[t * height + r]];
                    }
                    assert_memory_equal(&s, &narrow[r], sizeof s);
                    assert_memory_equal(&d, &wide[r], sizeof d);
                }
            }
}

/* A random top over nodes [first, last): node `root` of them, its subtrees on both sides;
 * the exit of `rank` by walking it, and the ancestors of every exit. */
static uint32_t grow_top(struct tree_top *t, const uint32_t *exit, const uint8_t *rank, uint32_t first,
                         uint32_t last, uint32_t ancestors, int wanted, uint64_t *seed)
{
    if (first == last) {
        t->ancestors[first] = ancestors;
        return wanted ? exit[first] : 0;
    }
    const uint32_t root = first + (uint32_t)(next_random(seed) % (last - first));
    t->column[root] = (uint8_t)(next_random(seed) % TOP_COLUMNS);
    t->rank[root] = (uint8_t)(1 + next_random(seed) % 255);
    const int right = rank[t->column[root]] >= t->rank[root];
    ancestors |= (uint32_t)1 << root;
    return grow_top(t, exit, rank, first, root, ancestors, wanted && !right, seed)
         | grow_top(t, exit, rank, root + 1, last, ancestors, wanted && right, seed);
}

static void matching_finds_the_exit_that_a_walk_of_the_top_finds(void **state)
{
    const struct kernels *k;
    static struct tree_top tops[32];
    static struct tree_exits exits[32];
    uint8_t rank[TOP_COLUMNS];
    uint32_t want[32], got[32], tests[32];
    uint64_t seed = 11;

    (void)state;
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (int round = 0; round < 400; round++) {
            uint32_t any = 0;
            for (size_t i = 0; i < TOP_COLUMNS; i++)
                rank[i] = (uint8_t)(next_random(&seed) % (round % 2 ? 256 : 3));
            rank[TOP_COLUMNS - 1] = 0;
            memset(tests, 0, sizeof tests);
            for (uint32_t n = 0; n < 32; n++) {
                struct tree_top *t = &tops[n];
                for (uint32_t i = 0; i < TOP_EXITS; i++) {
                    t->column[i] = TOP_COLUMNS - 1;
                    t->rank[i] = i < TOP_NODES;
                    t->ancestors[i] = (uint32_t)1 << TOP_NODES;
                    exits[n].exit[i] = (uint32_t)next_random(&seed) | 1;
                }
                want[n] = grow_top(t, exits[n].exit, rank, 0, n, 0, 1, &seed);
                if (round % 3 == 0)      /* node 0 is a test: its outcome comes from outside */
                    tests[n] = n && rank[t->column[0]] >= t->rank[0];
                if (round % 3 == 0 && n) {
                    t->column[0] = TOP_COLUMNS - 1;
                    t->rank[0] = 1;
                }
                any |= want[n];
            }
            assert_int_equal(k->match(got, tops, exits, NULL, round % 2 && round % 3 ? NULL : tests,
                                      32, rank, TOP_COLUMNS / 16), any);
            assert_memory_equal(got, want, sizeof want);
        }
}

static void members_look_up_every_code_in_every_set(void **state)
{
    const struct kernels *k;
    uint8_t code[BLOCK_ROWS], set[32], out[BLOCK_ROWS];
    uint64_t seed = 3;

    (void)state;
    for (size_t at = 0; (k = TABLE_AT(at)) != NULL; at++)
        for (int round = 0; round < 300; round++) {
            const size_t steps = next_random(&seed) % (BLOCK_ROWS / BLOCK_STEP + 1);
            const size_t height = steps ? BLOCK_STEP * steps : BLOCK_HALF;
            for (size_t i = 0; i < 32; i++)
                set[i] = (uint8_t)next_random(&seed);
            for (size_t r = 0; r < BLOCK_ROWS; r++)
                code[r] = (uint8_t)(round % 2 ? r : next_random(&seed));
            memset(out, 1, sizeof out);
            k->members(out, code, set, height);
            for (size_t r = 0; r < height; r++)
                assert_int_equal(out[r], set[code[r] / 8] >> code[r] % 8 & 1 ? 0x7f : 0x80);
            assert_true(height == BLOCK_ROWS || out[height] == 1);      /* and nothing behind */
        }
}

/* A tree with every kind of step: 0 has two nodes below it, 2 a leaf at its left and 3 one at its
 * right; 3 asks again what 0 did, 4 what 2 did, and rows are told where to go there. */
static void shapley_values_agree_with_ref(void **state)
{
    const uint32_t steps[] = { 0 << 2 | SHAP_ENTER, 1 << 2 | SHAP_BOTTOM, 0 << 2 | SHAP_ACROSS,
                               2 << 2 | SHAP_ENTER, 3 << 2 | SHAP_ENTER, 4 << 2 | SHAP_BOTTOM,
                               3 << 2 | SHAP_LEAVE, 2 << 2 | SHAP_LEAVE, 0 << 2 | SHAP_LEAVE };
    const uint32_t level[] = { 0, 1, 1, 2, 3 }, slot[] = { 0, 1, 2, 0, 2 };
    const uint32_t before[] = { SHAP_FRESH, SHAP_FRESH, SHAP_FRESH, 0, 1 };
    const uint32_t child[][2] = { { 6 + 1, 6 + 2 }, { 0, 1 }, { 2, 6 + 3 }, { 6 + 4, 5 }, { 3, 4 } };
    const struct kernels *k;
    double x[3 * SHAP_ROWS], sides[2 * SHAP_ROWS], table[5 * 3 * 9], leaves[6], weight[9];
    static double a[5 * 28 * SHAP_ROWS], b[5 * 28 * SHAP_ROWS];
    uint64_t seed = 7;

    (void)state;
    FOR_TABLES(k)
        for (uint32_t round = 0; round < 200; round++) {
            struct shap_node nodes[5];
            struct guarded got, want;
            const uint32_t points = 1 + round % 9;
            double *phi = guard(&got), *ref = guard(&want);

            fill_f64(x, 3 * SHAP_ROWS, &seed);
            fill_f64(table, 5 * 3 * 9, &seed);
            fill_f64(leaves, 6, &seed);
            fill_f64(weight, 9, &seed);
            for (size_t i = 0; i < 2 * SHAP_ROWS; i++)
                sides[i] = next_random(&seed) >> 63 ? 1 : -1;
            for (uint32_t i = 0; i < 5; i++)
                nodes[i] = (struct shap_node){
                    .threshold = i == 4 ? 0 : some_value(&seed), .share = some_value(&seed),
                    .slot = slot[i], .from = i == 4 ? 1 : slot[i], .level = level[i],
                    .child = { child[i][0], child[i][1] }, .table = i * 3 * points,
                    .before = before[i],
                    .flags = (uint32_t)(next_random(&seed) >> 40 & (SHAP_NAN_LEFT | SHAP_BEFORE_LEFT))
                           | (i == 2 || i == 3 ? SHAP_IS_RIGHT : 0) | (i == 4 ? SHAP_GIVEN : 0) };
            const struct shap_tree t = { .nodes = nodes, .steps = steps, .table = table,
                                         .leaf = leaves, .weight = weight, .n_leaves = 6,
                                         .n_steps = sizeof steps / sizeof *steps, .points = points };
            fill_f64(phi, 3 * SHAP_ROWS, &seed);
            memcpy(ref, phi, 3 * SHAP_ROWS * sizeof *phi);
            k->shap(phi, x, sides, &t, a);
            mdl_kernels_ref.shap(ref, x, sides, &t, b);
            assert_true(same_f64(phi, ref, 3 * SHAP_ROWS));
            assert_guarded(&got, 3 * SHAP_ROWS * sizeof *phi, k->isa, "shap");
            assert_true(same_f64(a, b, 4 * (size_t)shap_level(points) - SHAP_ROWS));
        }
}

#define ALONE_SPLITS 40u
#define ALONE_SLOTS  6u

/* A tree of random shape, its nodes in the order of a walk that goes left first; a leaf is met where
 * no more splits are left.  Returns the number of levels. */
static uint32_t grow_shap_tree(struct shap_node *nodes, uint32_t *order, uint32_t splits,
                               uint64_t *seed)
{
    uint32_t path[ALONE_SPLITS], used = 0, left = 0, leaf = 0, depth = 0, levels = 0;
    uint32_t side[ALONE_SPLITS], want[ALONE_SPLITS];      /* splits still to place below it */

    for (uint32_t next = splits, is_right = 0;;) {
        if (next) {
            struct shap_node *n = &nodes[used];
            *n = (struct shap_node){ .threshold = unit(seed), .share = unit(seed), .old = 1,
                                     .slot = (uint32_t)(next_random(seed) >> 40) % ALONE_SLOTS,
                                     .level = depth, .before = SHAP_FRESH,
                                     .flags = is_right ? SHAP_IS_RIGHT : 0 };
            n->from = n->slot;
            if (next_random(seed) >> 62 == 0) {
                n->flags |= SHAP_GIVEN;
                n->threshold = 0;
                n->from = n->slot % 2;
            } else {
                n->flags |= (uint32_t)(next_random(seed) >> 63) * SHAP_NAN_LEFT;
            }
            for (uint32_t i = 0; i < depth; i++)
                if (nodes[path[i]].slot == n->slot) {
                    n->before = i;
                    n->old = nodes[path[i]].old * (side[i] ? 1 - nodes[path[i]].share : nodes[path[i]].share);
                    n->flags = (n->flags & ~SHAP_BEFORE_LEFT) | (side[i] ? 0 : SHAP_BEFORE_LEFT);
                }
            if (depth)
                nodes[path[depth - 1]].child[side[depth - 1]] = splits + 1 + used;
            want[depth] = (uint32_t)(next_random(seed) >> 40) % next;     /* to the left */
            side[depth] = 0;
            path[depth++] = used++;
            levels = depth > levels ? depth : levels;
            const uint32_t rest = next - 1 - want[depth - 1];
            next = want[depth - 1];
            want[depth - 1] = rest;
            is_right = 0;
            continue;
        }
        nodes[path[depth - 1]].child[side[depth - 1]] = leaf++;
        while (depth && side[depth - 1]) {
            struct shap_node *n = &nodes[path[--depth]];
            n->flags |= n->child[0] <= splits && n->child[1] <= splits ? SHAP_LEAVES : 0;
            order[left++] = path[depth];
        }
        if (!depth)
            return levels;
        side[depth - 1] = 1;
        next = want[depth - 1];
        is_right = 1;
    }
}

/* Of a row alone; with a column that is known or not, too. */
static void shapley_values_of_a_row_agree_with_ref(void **state)
{
    const struct kernels *k;
    struct shap_node nodes[ALONE_SPLITS];
    uint32_t order[ALONE_SPLITS];
    double x[ALONE_SLOTS * SHAP_ROWS], sides[2 * SHAP_ROWS], leaves[ALONE_SPLITS + 1], rule[2 * 21];
    static double work[SHAP_ALONE * (5 * ALONE_SPLITS + 8) + 3 * ALONE_SPLITS];
    uint64_t seed = 11;

    (void)state;
    FOR_TABLES(k)
        for (uint32_t round = 0; round < 500; round++) {
            const uint32_t splits = 1 + (uint32_t)(next_random(&seed) >> 40) % ALONE_SPLITS;
            const uint32_t points = 1 + round % 21;
            struct guarded got, want;
            double *phi = guard(&got), *ref = guard(&want);

            for (size_t i = 0; i < ALONE_SLOTS * SHAP_ROWS; i++)
                phi[i] = unit(&seed);
            memcpy(ref, phi, ALONE_SLOTS * SHAP_ROWS * sizeof *phi);
            for (size_t i = 0; i < ALONE_SLOTS * SHAP_ROWS; i++)
                x[i] = next_random(&seed) >> 61 ? unit(&seed) : (double)NAN;
            for (size_t i = 0; i < 2 * SHAP_ROWS; i++)
                sides[i] = next_random(&seed) >> 63 ? 1 : -1;
            for (size_t i = 0; i <= splits; i++)
                leaves[i] = next_random(&seed) >> 54 ? unit(&seed) - 0.5 : (double)INFINITY;
            for (size_t i = 0; i < 2 * points; i++)
                rule[i] = unit(&seed);
            const uint32_t levels = grow_shap_tree(nodes, order, splits, &seed);
            assert_true(shap_alone(splits, levels) <= sizeof work / sizeof *work);
            const struct shap_tree t = { .nodes = nodes, .order = order, .leaf = leaves, .point = rule,
                                         .weight = rule + points, .points = points,
                                         .n_splits = splits, .n_leaves = splits + 1, .levels = levels,
                                         .fixed = round % 3 ? SHAP_FRESH : nodes[0].slot,
                                         .known = round % 2 };
            for (size_t r = 0; r < SHAP_ROWS; r++) {
                k->shap_one(phi + r, x + r, sides + r, &t, work);
                mdl_kernels_ref.shap_one(ref + r, x + r, sides + r, &t, work);
            }
            assert_true(same_f64(phi, ref, ALONE_SLOTS * SHAP_ROWS));
            assert_guarded(&got, ALONE_SLOTS * SHAP_ROWS * sizeof *phi, k->isa, "shap_one");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_table_has_a_hole),
        cmocka_unit_test(rows_agree_with_ref_at_every_length),
        cmocka_unit_test(the_plain_kernels_do_what_they_say),
        cmocka_unit_test(dense_layers_agree_with_ref),
        cmocka_unit_test(a_dense_layer_is_a_dot_product_and_a_bias),
        cmocka_unit_test(ranks_agree_with_ref),
        cmocka_unit_test(a_rank_counts_the_thresholds_that_x_reaches),
        cmocka_unit_test(descents_agree_with_ref),
        cmocka_unit_test(leaves_are_added_in_the_order_of_the_trees),
        cmocka_unit_test(members_look_up_every_code_in_every_set),
        cmocka_unit_test(matching_finds_the_exit_that_a_walk_of_the_top_finds),
        cmocka_unit_test(shapley_values_agree_with_ref),
        cmocka_unit_test(shapley_values_of_a_row_agree_with_ref),
    };

    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
