/*
 * tests/test_ctr_trees.c - target statistics that only trees look at, which are worked out at load
 *
 * Columns a and b are categories, c is a number.  Rows of "training" decide which hashes a table
 * has; every ratio is asked by stumps that add 1 to a column of their own.  What must come out is
 * found here by going through all rows of a table.
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"


#define M 0x4906ba494954cb65u

enum { COLS = 3, TABLES = 10, RATIOS = 2 * TABLES, STUMPS = 5 * RATIOS, ROWS = 120, MOST = 200,
       TRAINED = 12, MORE = 15 };     /* categories */
enum { CATEGORY, ABOVE, ABOVE_OR_NAN, EQUAL };

static const int32_t part[][3] = {
    { CATEGORY, 0, 0 },                                               /* 0: a                */
    { CATEGORY, 0, 0 }, { ABOVE, 2, 0 },                              /* 1: a, c > 1/2       */
    { CATEGORY, 0, 0 }, { ABOVE, 2, 0 }, { EQUAL, 1, 3 },             /* 2: and b is 3       */
    { CATEGORY, 0, 0 }, { CATEGORY, 1, 0 },                           /* 3: a, b             */
    { CATEGORY, 0, 0 }, { CATEGORY, 1, 0 }, { ABOVE_OR_NAN, 2, 0 },   /* 4: a, b, c not <= 0 */
    { CATEGORY, 1, 0 }, { ABOVE, 2, 0 },                              /* 5: b, c > 1/2       */
    { ABOVE, 2, 0 }, { CATEGORY, 0, 0 },                              /* 6: a test first     */
};
static const float border[] = { 0, 0, 0.5f, 0, 0.5f, 0, 0, 0, 0, 0, 0, 0, 0.5f, 0.5f, 0 };
static const uint32_t key[] = { 0, 1, 3, 6, 8, 11, 13, 15, 15 };      /* 7: nothing          */
static const uint32_t key_of[TABLES] = { 0, 0, 1, 2, 3, 3, 4, 5, 6, 7 };
/* What stumps ask of each ratio: some is exactly a ratio, other lies between them. */
static const float asked[] = { 0.5f, 0.3f, 2.0f / 3, 0.61f, 0.4f };

static int is_code(double x)
{
    return x == (double)(int32_t)(x == x ? x : 0.5);
}

#define NONE UINT64_MAX

/* The hash of a key; NONE: a category of it is none. */
static uint64_t hash_of(const double *x, uint32_t k)
{
    uint64_t h = 0;

    for (uint32_t i = key[k]; i < key[k + 1]; i++) {
        const double cell = x[part[i][1]];
        const float f = (float)cell;
        const int kind = part[i][0];
        if (kind == CATEGORY && !is_code(cell))
            return NONE;
        const uint64_t v = kind == CATEGORY ? (uint64_t)(int64_t)cell
                         : kind == ABOVE ? f > border[i]
                         : kind == ABOVE_OR_NAN ? !(f <= border[i]) : cell == part[i][2];
        h = M * (h + M * v);
    }
    return h;
}

struct table {
    uint32_t n;
    uint64_t hash[MOST];
    float    count[2 * MOST];      /* all, good */
};

/* The row of a hash is where it belongs: hashes ascend. */
static void put(struct table *t, uint64_t hash, uint64_t *random)
{
    uint32_t at = 0;

    while (at < t->n && t->hash[at] < hash)
        at++;
    if (t->n == MOST || (at < t->n && t->hash[at] == hash))
        return;
    memmove(t->hash + at + 1, t->hash + at, (t->n - at) * sizeof *t->hash);
    memmove(t->count + 2 * at + 2, t->count + 2 * at, (t->n++ - at) * 2 * sizeof *t->count);
    t->hash[at] = hash;
    t->count[2 * at] = (float)(1 + next_random(random) % 6);
    t->count[2 * at + 1] = (float)(next_random(random) % 4);
}

static void random_row(double *x, uint64_t *random, int categories)
{
    static const double number[] = { -1, 0, 0.25, 0.5, 0.75, 2, (double)NAN };
    static const double no[] = { (double)NAN, 0.5, 4294967296.0 };

    for (uint32_t i = 0; i < 2; i++)
        x[i] = (double)(next_random(random) % (uint64_t)categories) - 1;
    if (categories > TRAINED && next_random(random) % 8 == 0)
        x[next_random(random) % 2] = no[next_random(random) % 3];
    x[2] = number[next_random(random) % 7];
}

/* Two pairs of categories: the first if its test is passed and the second if not have one hash, as
 * 104523266 + 2109280143 M is M^-1. */
static const double pairs[2][COLS] = { { -1000000000, -50000000, 1 },
                                       { 1109280143, 54523266, -1 } };

/* Rows that some tables do not have, also where a key without tests lacks what one with tests
 * has. */
static void train(struct table *t, uint64_t *random)
{
    double x[COLS];

    for (uint32_t i = 0; i < 300; i++) {
        if (i)
            random_row(x, random, TRAINED);
        else
            memcpy(x, pairs[0], sizeof x);
        for (uint32_t k = 0; k < TABLES; k++)
            if (key_of[k] != 0 || x[0] != 2)
                put(&t[k], hash_of(x, key_of[k]), random);
    }
}

static float ratio_of(const struct table *t, uint64_t hash, uint32_t which)
{
    float all = 0, good = 0;

    for (uint32_t i = 0; i < t->n && hash != NONE; i++)
        if (t->hash[i] == hash) {
            all = t->count[2 * i];
            good = t->count[2 * i + 1];
        }
    return (good + (which ? 0.5f : 0.0f)) / (all + (which ? 1.0f : 0.0f));    /* 0 / 0: NaN */
}

static void give_tables(struct one *t, const struct table *tables)
{
    uint32_t sizes[3 * TABLES];
    int32_t ratio[3 * RATIOS];
    float prior[5 * RATIOS] = { 0 }, count[2 * MOST * TABLES];
    uint64_t hash[MOST * TABLES];
    uint32_t rows = 0;

    for (uint32_t k = 0; k < TABLES; k++) {
        memcpy(sizes + 3 * k, (uint32_t[]){ key_of[k], 2, tables[k].n }, 12);
        for (uint32_t i = 0; i < 2; i++) {
            memcpy(ratio + 3 * (2 * k + i), (int32_t[]){ (int32_t)k, 1, 0 }, 12);
            memcpy(prior + 5 * (2 * k + i), (float[]){ i ? 0.5f : 0, i ? 1 : 0, 0, 1 }, 16);
        }
        memcpy(hash + rows, tables[k].hash, tables[k].n * sizeof *hash);
        memcpy(count + 2 * rows, tables[k].count, 2 * tables[k].n * sizeof *count);
        rows += tables[k].n;
    }
    one_weights(t, "part", MDL_I32, 2, (int64_t[]){ 15, 3 }, part);
    one_row(t, "border", MDL_F32, 15, border);
    one_row(t, "key", MDL_U32, 9, key);
    one_weights(t, "table", MDL_U32, 2, (int64_t[]){ TABLES, 3 }, sizes);
    one_weights(t, "ratio", MDL_I32, 2, (int64_t[]){ RATIOS, 3 }, ratio);
    one_weights(t, "prior", MDL_F32, 2, (int64_t[]){ RATIOS, 5 }, prior);
    one_row(t, "hash", MDL_U64, rows, hash);
    one_row(t, "count", MDL_F32, 2 * rows, count);
}

/* Stump i asks ratio i / 5 whether it is above a border; NaN goes right if i is a multiple of 3. */
static void give_stumps(struct one *t)
{
    const mdl_trees ensemble = { .size = sizeof ensemble, .compare = MDL_TREES_LE,
                                 .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                                 .outputs = STUMPS, .leaf_width = 1 };

    t->node = mdl_build_trees(t->b, mdl_build_result(t->b, t->node, 0), &ensemble);
    for (uint32_t i = 0; i < STUMPS; i++) {
        const uint8_t flags[] = { (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT
                                            | (i % 3 ? MDL_NODE_DEFAULT_LEFT : 0u)), 0, 0 };
        const mdl_tree stump = { .size = sizeof stump, .n_nodes = 3, .output = i, .iteration = i,
                                 .weight = 1, .flags = flags, .left = (int32_t[]){ 1, 0, 0 },
                                 .right = (int32_t[]){ 2, 0, 0 },
                                 .feature = (int32_t[]){ (int32_t)i / 5, 0, 0 },
                                 .threshold = (double[]){ (double)asked[i % 5], 0, 0 },
                                 .value = (double[]){ 0, 0, 1 } };
        assert_int_equal(mdl_build_tree(t->b, t->node, &stump), 0);
    }
}

/* Rows, what ratios they have, and what the stumps say of those. */
struct cases {
    struct table tables[TABLES];
    double x[ROWS * COLS];
    float ratio[ROWS * RATIOS], sum[ROWS * STUMPS];
};

static struct cases *make_cases(void)
{
    static struct cases c;
    uint64_t random = 7;
    uint32_t met = 0;

    memset(&c, 0, sizeof c);
    train(c.tables, &random);
    for (uint32_t r = 0; r < ROWS; r++) {
        double *x = c.x + r * COLS;
        random_row(x, &random, MORE);
        if (r < 4)
            memcpy(x, pairs[r / 2], sizeof *pairs);
        if (r % 2 && r < 4)
            x[2] = -x[2];
        for (uint32_t i = 0; i < RATIOS; i++)
            c.ratio[r * RATIOS + i] = ratio_of(&c.tables[i / 2], hash_of(x, key_of[i / 2]), i % 2);
        for (uint32_t i = 0; i < STUMPS; i++) {
            const float v = c.ratio[r * RATIOS + i / 5];
            c.sum[r * STUMPS + i] = v != v ? i % 3 == 0 : v > asked[i % 5];
            met += v == asked[i % 5];
        }
    }
    assert_true(met > 20 && c.tables[6].n > 64);
    assert_true(hash_of(pairs[0], 4) == hash_of(pairs[1], 4));
    return &c;
}

static void trees_see_what_is_in_the_tables(void **state)
{
    const struct cases *c = make_cases();
    struct one t = one_node("ctr", MDL_F64, COLS);
    (void)state;

    give_tables(&t, c->tables);
    give_stumps(&t);
    one_gives(&t, c->x, ROWS, MDL_F32, STUMPS, c->sum);
}

static void who_sees_a_table_that_trees_see_too_sees_its_numbers(void **state)
{
    const struct cases *c = make_cases();
    struct one t = one_node("ctr", MDL_F64, COLS);
    int32_t table = mdl_build_result(t.b, t.node, 0);
    (void)state;

    give_tables(&t, c->tables);
    mdl_build_output(t.b, "table", MDL_OUTPUT_OTHER, table);
    give_stumps(&t);
    one_gives(&t, c->x, ROWS, MDL_F32, RATIOS, c->ratio);

    t = one_node("ctr", MDL_F64, COLS);
    table = mdl_build_result(t.b, t.node, 0);
    give_tables(&t, c->tables);
    uint32_t columns[RATIOS];
    for (uint32_t i = 0; i < RATIOS; i++)
        columns[i] = i;
    const int32_t all = mdl_build_node(t.b, "select", "", &table, 1);
    mdl_build_weights(t.b, all, "columns", MDL_U32, 1, (int64_t[]){ RATIOS }, columns);
    mdl_build_output(t.b, "table", MDL_OUTPUT_OTHER, mdl_build_result(t.b, all, 0));
    give_stumps(&t);
    one_gives(&t, c->x, ROWS, MDL_F32, RATIOS, c->ratio);
}

/* Tests add d = 1, 0 or -1 times M^-1, M^-2, ... to what is in the place of a category; between two
 * int32 there is less than 2^32. */
static void six_tests_cannot_make_one_category_of_another(void **state)
{
    uint64_t inverse = 1;
    (void)state;

    for (uint32_t i = 0; i < 6; i++)
        inverse *= 2 - M * inverse;
    assert_true(M * inverse == 1);
    for (uint32_t i = 1; i < 3 * 3 * 3 * 3 * 3 * 3; i++) {
        uint64_t sum = 0, power = 1;
        for (uint32_t digits = i, k = 0; k < 6; k++, digits /= 3)
            sum += (power *= inverse) * ((uint64_t)(digits % 3) - 1);
        const uint64_t size = sum >> 63 ? 0 - sum : sum;
        assert_true(size >> 32 != 0 || i == (3 * 3 * 3 * 3 * 3 * 3 - 1) / 2);
    }
}

/* Ratios of 0 and 1, of which the former goes where what is missing goes. */
static void a_ratio_of_zero_may_count_as_missing(void **state)
{
    const uint32_t five = M * (M * 5) > M * (M * 6);       /* its row */
    const float count[] = { 2, five ? 2 : 0, 2, five ? 0 : 2 }, borders[1] = { 0 };
    const float prior[] = { 0, 0, 0, 1, 0 };
    const uint64_t hash[] = { M * (M * (five ? 6 : 5)), M * (M * (five ? 5 : 6)) };
    struct one t = one_node("ctr", MDL_F64, 1);
    (void)state;

    one_weights(&t, "part", MDL_I32, 2, (int64_t[]){ 1, 3 }, (int32_t[]){ CATEGORY, 0, 0 });
    one_row(&t, "border", MDL_F32, 1, borders);
    one_row(&t, "key", MDL_U32, 2, (uint32_t[]){ 0, 1 });
    one_weights(&t, "table", MDL_U32, 2, (int64_t[]){ 1, 3 }, (uint32_t[]){ 0, 2, 2 });
    one_weights(&t, "ratio", MDL_I32, 2, (int64_t[]){ 1, 3 }, (int32_t[]){ 0, 1, 0 });
    one_weights(&t, "prior", MDL_F32, 2, (int64_t[]){ 1, 5 }, prior);
    one_row(&t, "hash", MDL_U64, 2, hash);
    one_row(&t, "count", MDL_F32, 4, count);
    t.node = mdl_build_trees(t.b, mdl_build_result(t.b, t.node, 0), &(mdl_trees){
        .size = sizeof(mdl_trees), .compare = MDL_TREES_LE, .threshold_type = MDL_F32,
        .leaf_type = MDL_F32, .outputs = 1, .leaf_width = 1 });
    mdl_build_tree(t.b, t.node, &(mdl_tree){
        .size = sizeof(mdl_tree), .n_nodes = 3, .weight = 1,
        .flags = (uint8_t[]){ MDL_NODE_NUMBER | MDL_NODE_ZERO_DEFAULT | MDL_NODE_DEFAULT_LEFT, 0, 0 },
        .left = (int32_t[]){ 1, 0, 0 }, .right = (int32_t[]){ 2, 0, 0 },
        .feature = (int32_t[]){ 0, 0, 0 }, .threshold = (double[]){ -0.5, 0, 0 },
        .value = (double[]){ 0, 10, 20 } });
    one_gives(&t, (double[]){ 5, 6 }, 2, MDL_F32, 1, (float[]){ 10, 20 });
}

/* Seconds that it takes to load tables of a category and of that with six tests, the latter of `rows`
 * rows, none of which is of the one category known, and with `ratios` ratios. */
static double time_of(uint32_t rows, uint32_t ratios)
{
    const int32_t parts[8][3] = { { CATEGORY, 0, 0 }, { CATEGORY, 0, 0 }, { ABOVE, 1, 0 }, { ABOVE, 2, 0 },
                                  { EQUAL, 1, 0 }, { EQUAL, 1, 1 }, { EQUAL, 1, 2 }, { EQUAL, 1, 3 } };
    const uint32_t keys[] = { 0, 1, 8 }, sizes[] = { 0, 1, 1, 1, 1, rows };
    const float borders[8] = { 0 };
    uint64_t *hash = malloc((rows + 1ull) * sizeof *hash);
    float *count = calloc(rows + 1ull, sizeof *count), *prior = calloc(ratios + 1ull, 5 * sizeof *prior);
    int32_t *ratio = calloc(ratios + 1ull, 3 * sizeof *ratio);
    struct one t = one_node("ctr", MDL_F64, COLS);
    size_t size;

    for (uint64_t i = 1; i <= rows; i++)
        hash[i] = i << 40;
    hash[0] = M * M;
    for (uint32_t i = 1; i <= ratios; i++)
        ratio[3 * i] = 1;
    one_weights(&t, "part", MDL_I32, 2, (int64_t[]){ 8, 3 }, parts);
    one_row(&t, "border", MDL_F32, 8, borders);
    one_row(&t, "key", MDL_U32, 3, keys);
    one_weights(&t, "table", MDL_U32, 2, (int64_t[]){ 2, 3 }, sizes);
    one_weights(&t, "ratio", MDL_I32, 2, (int64_t[]){ ratios + 1, 3 }, ratio);
    one_weights(&t, "prior", MDL_F32, 2, (int64_t[]){ ratios + 1, 5 }, prior);
    one_row(&t, "hash", MDL_U64, rows + 1, hash);
    one_row(&t, "count", MDL_F32, rows + 1, count);
    const int32_t table = mdl_build_result(t.b, t.node, 0);
    t.node = mdl_build_trees(t.b, table, &(mdl_trees){
        .size = sizeof(mdl_trees), .threshold_type = MDL_F32, .leaf_type = MDL_F32, .outputs = 1,
        .leaf_width = 1 });
    mdl_build_tree(t.b, t.node, &(mdl_tree){
        .size = sizeof(mdl_tree), .n_nodes = 1, .weight = 1, .flags = (uint8_t[]){ 0 },
        .left = (int32_t[]){ 0 }, .right = (int32_t[]){ 0 }, .feature = (int32_t[]){ 0 },
        .threshold = (double[]){ 0 }, .value = (double[]){ 1 } });
    mdl_build_output(t.b, "y", MDL_OUTPUT_RAW, mdl_build_result(t.b, t.node, 0));
    unsigned char *file = built_file(t.b, &size);
    const double seconds = seconds_to_load(file, size);
    free(file);
    free(hash);
    free(count);
    free(prior);
    free(ratio);
    return seconds;
}

static void rows_without_a_code_cost_nothing_for_each_ratio(void **state)
{
    enum { N = 30000, R = 20000 };
    const double apart = time_of(N, 1) + time_of(1, R), both = time_of(N, R);
    (void)state;

    assert_in_time(both, apart);
}

/* Seconds that it takes to load so many nodes of a number each, the last of which is an output. */
static double time_of_nodes(uint32_t n)
{
    struct one t = one_node("ctr", MDL_F64, 1);
    size_t size;

    for (uint32_t i = 1; i < n; i++) {
        one_row(&t, "number", MDL_U32, 1, &(uint32_t){ 0 });
        t.node = mdl_build_node(t.b, "ctr", "", &t.x, 1);
    }
    one_row(&t, "number", MDL_U32, 1, &(uint32_t){ 0 });
    mdl_build_output(t.b, "y", MDL_OUTPUT_OTHER, mdl_build_result(t.b, t.node, 0));
    unsigned char *file = built_file(t.b, &size);
    const double seconds = seconds_to_load(file, size);
    free(file);
    return seconds;
}

static void very_many_nodes_load_in_the_time_of_each(void **state)
{
    const double few = time_of_nodes(1000), many = time_of_nodes(10000);
    (void)state;

    if (many > 30 * few + 0.2)
        fail_msg("%.3f s for ten times as many as %.3f s", many, few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_see_what_is_in_the_tables),
        cmocka_unit_test(who_sees_a_table_that_trees_see_too_sees_its_numbers),
        cmocka_unit_test(six_tests_cannot_make_one_category_of_another),
        cmocka_unit_test(a_ratio_of_zero_may_count_as_missing),
        cmocka_unit_test(rows_without_a_code_cost_nothing_for_each_ratio),
        cmocka_unit_test(very_many_nodes_load_in_the_time_of_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
