/*
 * tests/test_tree_pack.c - trees in files: nothing is lost, nothing wider than it must be
 *
 * An ensemble that was built is written by splits and questions (op/tree.h).  raw_file.h makes one of
 * nodes of it, as older files are, by a recursion of its own; both must answer the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "raw_file.h"

#include <math.h>              /* NAN, a constant */

#define COLS 3
#define ROWS 300
#define MOST 2047                 /* nodes of the largest tree */

/* What an ensemble of full trees, but for a leaf here and there, is made of. */
struct shape {
    uint32_t levels, trees, width;
    uint32_t thresholds;          /* distinct ones a column; 0: all are   */
    uint32_t type;                /* of all its numbers                   */
    double   cover;               /* of each leaf; 0: none                */
    double   more;                /* that a split has beyond its leaves   */
};

/* The node of a heap whose root is 0. */
static double cover_below(const struct shape *s, const uint8_t *flags, uint32_t i)
{
    if (!flags[i])
        return s->cover;
    return cover_below(s, flags, 2 * i + 1) + cover_below(s, flags, 2 * i + 2) + s->more;
}

static unsigned char *build(const struct shape *s, size_t *size)
{
    const mdl_trees ensemble = { .size = sizeof ensemble, .compare = MDL_TREES_LE,
                                 .threshold_type = s->type, .leaf_type = s->type,
                                 .outputs = s->width, .leaf_width = s->width };
    static uint8_t flags[MOST];
    static int32_t left[MOST], right[MOST], feature[MOST], id[MOST];
    static double threshold[MOST], value[3 * MOST], cover[MOST];
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", s->type, COLS, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &ensemble);
    const int32_t nodes = (int32_t)(2u << s->levels) - 1;
    uint64_t seed = s->levels + s->trees;
    double next = 0;

    for (uint32_t t = 0; t < s->trees; t++) {
        for (int32_t i = 0; i < nodes; i++) {
            const int leaf = 2 * i + 2 >= nodes || (i > 6 && next_random(&seed) % (s->levels > 8 ? 64 : 8) == 0);
            flags[i] = (uint8_t)(leaf ? MDL_NODE_LEAF : MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT
                                        | (i % 5 ? MDL_NODE_DEFAULT_LEFT : 0));
            left[i] = 2 * i + 1;
            right[i] = 2 * i + 2;
            id[i] = nodes - i;
            feature[i] = (int32_t)(next_random(&seed) % COLS);
            threshold[i] = s->thresholds ? (double)(next_random(&seed) % s->thresholds)
                                         : (next += 0.0625);
            for (uint32_t k = 0; k < s->width; k++)
                value[(uint32_t)i * s->width + k] = (double)(next_random(&seed) % (s->width > 1 ? 2 : 4096));
        }
        for (uint32_t i = (uint32_t)nodes; s->cover > 0 && i-- > 0;)
            cover[i] = cover_below(s, flags, i);
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = (uint32_t)nodes, .weight = 1,
                                .iteration = t, .flags = flags, .left = left, .right = right,
                                .feature = feature, .threshold = threshold, .value = value,
                                .leaf_id = id, .cover = s->cover > 0 ? cover : NULL };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return raw_built(b, size);
}

static const struct shape shapes[] = {
    { .levels = 3, .trees = 40, .width = 1, .thresholds = 50, .type = MDL_F32, .cover = 1 },
    { .levels = 5, .trees = 30, .width = 1, .thresholds = 200, .type = MDL_F64, .cover = 30 },
    { .levels = 6, .trees = 12, .width = 3, .thresholds = 100, .type = MDL_F64, .cover = 0.5 },
    { .levels = 7, .trees = 2, .width = 1, .thresholds = 0, .type = MDL_F32 },
    { .levels = 10, .trees = 3, .width = 3, .thresholds = 40, .type = MDL_F32, .cover = 70000, .more = 1 },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

struct answers {
    double  sums[ROWS * 3];
    int32_t leaves[ROWS * 40];
};

static void answer(const unsigned char *file, size_t size, const mdl_load_options *o,
                   struct answers *to)
{
    static double x[ROWS * COLS];
    const mdl_predict_options sums = { .size = sizeof sums, .output_name = "y" };
    const mdl_predict_options ids = { .size = sizeof ids, .output_name = "leaf" };
    mdl_tensor rows = { .size = sizeof rows, .type = MDL_F64, .rank = 2, .dims = { ROWS, COLS }, .data = x };
    mdl_tensor y = { .size = sizeof y, .type = MDL_F64, .rank = 2, .data = to->sums };
    mdl_tensor leaf = { .size = sizeof leaf, .type = MDL_I32, .rank = 2, .data = to->leaves };
    uint64_t seed = 7;
    size_t cols;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    memset(to, 0, sizeof *to);
    for (size_t i = 0; i < ROWS * COLS; i++)
        x[i] = next_random(&seed) % 9 ? (double)(next_random(&seed) % 1024) / 16 - 1 : (double)NAN;
    if (mdl_load_memory(&m, file, size, o, &err))
        fail_msg("%s", err.text);
    y.dims[0] = leaf.dims[0] = ROWS;
    mdl_output_shape(m, &sums, &cols, NULL);
    y.dims[1] = (int64_t)cols;
    mdl_output_shape(m, &ids, &cols, NULL);
    leaf.dims[1] = (int64_t)cols;
    if (mdl_predict_tensor(m, &rows, &y, &sums, &err)
        || mdl_predict_tensor(m, &rows, &leaf, &ids, &err))
        fail_msg("%s", err.text);
    mdl_free(m);
}

static void a_file_of_nodes_answers_the_same_on_every_engine(void **state)
{
    static struct answers want, got;

    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        const mdl_load_options plain = { .size = sizeof plain, .engine = "plain" };
        size_t size, bytes;
        unsigned char *file = build(&shapes[s], &size), *nodes = raw_of_nodes(file, size, &bytes);

        answer(nodes, bytes, &plain, &want);
        for (size_t e = 0; mdl_engine_name(e); e++)
            for (size_t k = 0; mdl_isa_name(k); k++) {
                const mdl_load_options o = { .size = sizeof o, .engine = mdl_engine_name(e),
                                             .isa = mdl_isa_name(k) };
                answer(file, size, &o, &got);
                if (memcmp(&got, &want, sizeof want))
                    fail_msg("shape %zu, %s, %s", s, o.engine, o.isa);
                answer(nodes, bytes, &o, &got);
                if (memcmp(&got, &want, sizeof want))
                    fail_msg("shape %zu of nodes, %s, %s", s, o.engine, o.isa);
            }
        free(file);
        free(nodes);
    }
}

/* Type and length of an array; 0, 0: there is none. */
static void expect_array(unsigned char *file, size_t size, const char *name, uint32_t type,
                         int64_t count)
{
    mdl_tensor t;
    const int there = raw_array(file, size, name, &t) != NULL;

    if (there != (type != 0) || (there && (t.type != type || t.dims[0] != count)))
        fail_msg("'%s' is %s[%d], expected %s[%d]", name, there ? mdl_type_name(t.type) : "none",
                 there ? (int)t.dims[0] : 0, mdl_type_name(type), (int)count);
}

static int64_t length(unsigned char *file, size_t size, const char *name)
{
    mdl_tensor t;

    return raw_array(file, size, name, &t) ? t.dims[0] : 0;
}

static void arrays_are_as_narrow_as_they_can_be(void **state)
{
    static const struct { uint32_t left, question, id, cover, by_leaf, vector; } want[SHAPES] = {
        { MDL_U8, MDL_U8, MDL_U8, MDL_U8, 1, 0 },        /* 280 splits */
        { MDL_U8, MDL_U16, MDL_U8, MDL_U8, 1, 0 },
        { MDL_U8, MDL_U16, MDL_U8, MDL_F32, 1, MDL_U8 },
        { MDL_U8, 0, MDL_U8, 0, 0, 0 },
        { MDL_U16, MDL_U8, MDL_U16, MDL_U32, 0, MDL_U8 },
    };

    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t size, bytes;
        unsigned char *file = build(&shapes[s], &size), *nodes = raw_of_nodes(file, size, &bytes);
        const int64_t splits = length(file, size, "left");
        const int64_t questions = length(file, size, "flags"), all = splits + splits + shapes[s].trees;
        const int64_t n_leaves = splits + shapes[s].trees;

        expect_array(nodes, bytes, "flags", MDL_U8, all);
        expect_array(file, size, "right", 0, 0);
        expect_array(file, size, "left", want[s].left, splits);
        expect_array(file, size, "question", want[s].question, splits);
        assert_true(want[s].question ? questions < splits : questions == splits);
        expect_array(file, size, "feature", MDL_U8, questions);
        expect_array(file, size, "threshold", shapes[s].type, questions);
        expect_array(file, size, "leaf_id", want[s].id, n_leaves);
        expect_array(file, size, "cover", want[s].cover, want[s].by_leaf ? n_leaves : all);
        expect_array(file, size, "vector", want[s].vector, n_leaves);
        expect_array(file, size, "value", shapes[s].type,
                     want[s].vector ? 8 : n_leaves);     /* three values, each 0 or 1 */
        assert_true(size < bytes);
        free(file);
        free(nodes);
    }
}

/* No category is a member, of any set of the ensemble: there are no words at all. */
static void an_ensemble_whose_sets_are_all_empty_is_packed(void **state)
{
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
                          .leaf_type = MDL_F32, .outputs = 1, .leaf_width = 1 };
    const uint8_t flags[] = { MDL_NODE_CATEGORY, MDL_NODE_LEAF, MDL_NODE_CATEGORY, MDL_NODE_LEAF,
                              MDL_NODE_LEAF };
    const int32_t left[] = { 1, -1, 3, -1, -1 }, right[] = { 2, -1, 4, -1, -1 };
    const int32_t feature[] = { 0, -1, 0, -1, -1 };
    const double threshold[5] = { 0 }, value[] = { 0, 1, 0, 2, 4 };
    const uint32_t set_start[6] = { 0 }, no_words[1] = { 0 };
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 5, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value, .set_start = set_start,
                            .set_words = no_words };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);
    const float row = 3;
    float y = -1;
    size_t size;
    mdl_model *m;
    (void)state;

    mdl_build_tree(b, n, &tree);
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    unsigned char *file = raw_built(b, &size);
    assert_int_equal(mdl_load_memory(&m, file, size, NULL, NULL), MDL_OK);
    assert_int_equal(mdl_predict(m, &row, 1, &y), MDL_OK);
    assert_true(y == 1);          /* no member goes left, and so does not this one */
    mdl_free(m);
    free(file);
}

/* Of two questions in the file only the first is asked; the other, once about a number as well, is
 * whether the last of very many columns is missing or zero. */
static void questions_that_no_split_asks_do_no_harm(void **state)
{
    enum { WIDE = 1 << 20 };
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
                          .leaf_type = MDL_F32, .outputs = 1, .leaf_width = 1 };
    const uint8_t flags[] = { MDL_NODE_NUMBER, MDL_NODE_LEAF, MDL_NODE_LEAF };
    const int32_t left[] = { 1, -1, -1 }, right[] = { 2, -1, -1 };
    const double threshold[3] = { 0.5 }, value[] = { 0, 1, 2 };
    const uint8_t zero = MDL_NODE_NUMBER | MDL_NODE_ZERO_DEFAULT, first = 0;
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, WIDE, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);
    float *row = calloc(WIDE, sizeof *row), y = -1;
    size_t size;
    mdl_tensor told;
    mdl_model *m;
    (void)state;

    for (int32_t t = 0; t < 4; t++) {
        const int32_t feature[] = { t == 3 ? WIDE - 1 : 0, -1, -1 };
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .weight = 1, .flags = flags,
                                .left = left, .right = right, .feature = feature,
                                .threshold = threshold, .value = value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    unsigned char *file = raw_built(b, &size);
    uint8_t *asked = raw_array(file, size, "question", &told), *is = raw_array(file, size, "flags", NULL);
    assert_true(told.type == MDL_U8 && told.dims[0] == 4 && asked[2] == 0 && asked[3] == 1);
    memcpy(asked + 3, &first, 1);
    memcpy(is + 1, &zero, 1);
    raw_repair(file);
    assert_int_equal(mdl_load_memory(&m, file, size, NULL, NULL), MDL_OK);
    assert_int_equal(mdl_predict(m, row, 1, &y), MDL_OK);
    assert_true(row && y == 4);
    mdl_free(m);
    free(row);
    free(file);
}

/* The number that op/tree_vector.c stirs to h. */
static uint64_t unstirred(uint64_t h)
{
    const uint64_t k = 0x9E3779B97F4A7C15u;
    uint64_t inverse = k;

    for (int i = 0; i < 6; i++)
        inverse *= 2 - k * inverse;
    return (h ^ h >> 29 ^ h >> 58) * inverse;
}

/* Leaves of two values, an eighth of them distinct, whose hashes are all the same. */
static void leaves_that_were_made_to_collide_load_in_time(void **state)
{
    enum { LEAVES = 80000 };
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F32, .leaf_type = MDL_F32,
                          .outputs = 2, .leaf_width = 2 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 1, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);
    mdl_tensor told;
    size_t size;
    (void)state;

    for (uint32_t t = 0; t < LEAVES; t++)
        mdl_build_tree(b, n, &(mdl_tree){
            .size = sizeof(mdl_tree), .n_nodes = 1, .weight = 1, .flags = (uint8_t[]){ 0 },
            .left = (int32_t[]){ 0 }, .right = (int32_t[]){ 0 }, .feature = (int32_t[]){ 0 },
            .threshold = (double[]){ 0 }, .value = (double[]){ t + 1.0, t } });
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    unsigned char *file = raw_built(b, &size);
    unsigned char *value = raw_array(file, size, "value", &told);
    assert_true(value && told.dims[0] == LEAVES && told.dims[1] == 2);
    const double usual = seconds_to_load(file, size);
    for (uint64_t i = 0; i < LEAVES; i++) {
        const uint64_t which = i < LEAVES / 8 ? i : LEAVES / 8 - 1;
        const uint64_t both = unstirred(unstirred((uint64_t)7 << 32 | which));
        memcpy(value + i * sizeof both, &both, sizeof both);
    }
    raw_repair(file);
    assert_in_time(seconds_to_load(file, size), usual);
    free(file);
}

/* Whoever adds up what leaves have gets what the source said of every node. */
static void training_weights_are_what_they_were(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t size, bytes;
        unsigned char *file = build(&shapes[s], &size), *nodes = raw_of_nodes(file, size, &bytes);
        const double *cover = raw_array(nodes, bytes, "cover", NULL);
        const uint8_t *flags = raw_array(nodes, bytes, "flags", NULL);
        const uint32_t *right = raw_array(nodes, bytes, "right", NULL);

        for (int64_t i = 0; cover && i < length(nodes, bytes, "flags"); i++) {
            const double sum = flags[i] ? cover[i + 1] + cover[right[i]] + shapes[s].more
                                        : shapes[s].cover;
            assert_true(cover[i] == sum);
        }
        free(file);
        free(nodes);
    }
}

/* ---- what is wrong ---------------------------------------------------------------------- */

static void what_is_wrong_with_splits_and_questions_is_refused(void **state)
{
    const uint8_t many = 250, left = 7, odd = 0xC1, leaf = 0, cols = COLS, vector = 8;
    const float nan = (float)NAN;
    uint32_t even;
    size_t size;
    unsigned char *file = build(&shapes[0], &size);

    (void)state;
    uint8_t *first_left = raw_array(file, size, "left", NULL);
    uint32_t *start = raw_array(file, size, "tree_start", NULL);
    assert_int_equal(*first_left, 3);            /* below the left child of a root of 7 splits */
    raw_try(file, size, first_left, &left, 1, "more splits below a left child");
    raw_try(file, size, first_left + 2, &left, 1, "more splits below a left child");
    raw_try(file, size, raw_array(file, size, "question", NULL), &many, 1, "asks question 250");
    raw_try(file, size, raw_array(file, size, "flags", NULL), &odd, 1, "unknown flags 0xc1");
    raw_try(file, size, raw_array(file, size, "flags", NULL), &leaf, 1, "unknown flags 0x00");
    raw_try(file, size, raw_array(file, size, "feature", NULL), &cols, 1, "tests column 3 of 3");
    raw_try(file, size, raw_array(file, size, "threshold", NULL), &nan, 4, "threshold NaN");
    even = start[1] + 1;
    raw_try(file, size, start + 1, &even, 4, "expected an odd number");
    free(file);

    file = build(&shapes[2], &size);
    raw_try(file, size, raw_array(file, size, "vector", NULL), &vector, 1, "values that are not there");
    free(file);
}

static void arrays_of_other_lengths_are_refused(void **state)
{
    static const char *const names[] = { "left", "question", "flags", "feature", "threshold", "cover",
                                         "vector", "leaf_id", "value" };
    (void)state;

    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            size_t size;
            unsigned char *file = build(&shapes[s], &size);
            const unsigned char *at = raw_array(file, size, names[k], NULL);
            mdl_model *m = NULL;

            if (at) {
                raw_shorten(file, at);
                raw_repair(file);
                assert_int_equal(mdl_load_memory(&m, file, size, NULL, NULL), MDL_ERR_FORMAT);
            }
            free(file);
        }
}

/* ---- numbers that are made to collide --------------------------------------------------------- */

#define CHAIN 80000u              /* splits, each the left child of the one before */
#define PLACES ((uint64_t)1 << 18)
#define GOLDEN 0x9E3779B97F4A7C15ull

/* Where graph/build_pack.c and build_leaves.c begin to look. */
static uint64_t place_of_question(double t, uint8_t flags)
{
    uint64_t bits;

    memcpy(&bits, &t, sizeof bits);
    return ((bits ^ flags * GOLDEN) * 0xD6E8FEB86659FD93ull >> 32) % PLACES;
}

static uint64_t place_of_row(const double *row)
{
    uint32_t words[4];
    uint64_t h = 0;

    memcpy(words, row, sizeof words);
    for (int i = 0; i < 4; i++) {
        h = (h ^ words[i]) * GOLDEN;
        h ^= h >> 29;
    }
    return (h >> 16) % PLACES;
}

/* Seconds to write a chain of so many splits, which answers as it should. */
static double write_chain(uint32_t splits, const double *threshold, const double *value)
{
    const mdl_trees ensemble = { .size = sizeof ensemble, .threshold_type = MDL_F64, .leaf_type = MDL_F64,
                                 .outputs = 2, .leaf_width = 2 };
    static uint8_t flags[2 * CHAIN + 1];
    static int32_t left[2 * CHAIN + 1], right[2 * CHAIN + 1], feature[2 * CHAIN + 1];
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 2 * splits + 1, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature, .threshold = threshold,
                            .value = value };
    mdl_builder *b = mdl_builder_new(NULL);
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = NULL;
    const void *bytes;
    size_t size;
    double x = (double)NAN, y[2];

    memset(flags, MDL_NODE_LEAF, sizeof flags);
    for (uint32_t i = 0; i < splits; i++) {
        flags[i] = MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT;
        left[i] = (int32_t)i + 1;
        right[i] = (int32_t)(splits + 1 + i);
    }
    const int32_t in = mdl_build_input(b, "x", MDL_F64, 1, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, in, &ensemble);
    mdl_build_tree(b, n, &tree);
    mdl_build_output(b, "y", MDL_OUTPUT_VALUE, mdl_build_result(b, n, 0));
    const double start = seconds_now();
    if (mdl_build_bytes(b, &bytes, &size, &err))
        fail_msg("%s", err.text);
    const double seconds = seconds_now() - start;
    assert_int_equal(mdl_load_memory(&m, bytes, size, NULL, &err), MDL_OK);
    assert_int_equal(mdl_predict_f64(m, &x, 1, y), MDL_OK);
    assert_true(y[0] == value[2 * (splits + 1)] && y[1] == value[2 * (splits + 1) + 1]);
    mdl_free(m);
    mdl_builder_free(b);
    return seconds;
}

/* Each would be compared with all before it: four times as many are not sixteen times the work. */
static void what_is_made_to_collide_is_packed_soon(void **state)
{
    const uint8_t flags = MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT;
    double *threshold = calloc(2 * CHAIN + 1, sizeof *threshold);
    double *value = calloc(2 * CHAIN + 1, 2 * sizeof *value);
    uint32_t n = 0;
    (void)state;

    for (double t = 1; n < CHAIN; t += 0x1p-45)
        if (place_of_question(t, flags) < 256)
            threshold[n++] = t;
    assert_in_time(write_chain(CHAIN, threshold, value), write_chain(CHAIN / 4, threshold, value));
    for (n = 0; n < CHAIN; n++)
        threshold[n] = n;
    n = 0;
    for (double row[2] = { 1, 1 }; n <= 2 * CHAIN; row[1]++)
        if (place_of_row(row) < 256)
            memcpy(value + 2 * n++, row, sizeof row);
    assert_in_time(write_chain(CHAIN, threshold, value), write_chain(CHAIN / 4, threshold, value));
    free(threshold);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_nodes_answers_the_same_on_every_engine),
        cmocka_unit_test(arrays_are_as_narrow_as_they_can_be),
        cmocka_unit_test(an_ensemble_whose_sets_are_all_empty_is_packed),
        cmocka_unit_test(questions_that_no_split_asks_do_no_harm),
        cmocka_unit_test(leaves_that_were_made_to_collide_load_in_time),
        cmocka_unit_test(training_weights_are_what_they_were),
        cmocka_unit_test(what_is_wrong_with_splits_and_questions_is_refused),
        cmocka_unit_test(arrays_of_other_lengths_are_refused),
        cmocka_unit_test(what_is_made_to_collide_is_packed_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
