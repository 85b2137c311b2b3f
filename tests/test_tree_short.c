/*
 * tests/test_tree_short.c - files that leave out what follows: levels of oblivious trees, leaves of 0,
 * the last of several values that add up to nearly 0
 *
 * Each ensemble is built twice, by levels and by nodes, as a caller who knows nothing of levels would:
 * what both say must be the same, bit for bit, with every engine.
 *
 * SPDX-License-Identifier: MIT
 */
#include "raw_file.h"

#include <math.h>              /* NAN, a constant */

#define COLS 4u
#define ROWS 300u
#define TREES 24u
#define MOST_LEVELS 11u
#define MOST_LEAVES (1u << MOST_LEVELS)

struct shape {
    uint32_t levels;              /* of the largest tree; others have some fewer, down to none    */
    uint32_t width, threshold_type, leaf_type;
    uint32_t zeros;               /* of 8 leaves that are 0                                       */
    uint32_t covered;             /* largest training weight of a leaf, about; 0: there are none  */
    int categories, weighted;
    int balanced;                 /* values of a leaf add up to 0, but for some units             */
};

static const struct shape shapes[] = {
    { 6, 1, MDL_F32, MDL_F64, 3, 5, 0, 0, 0 },
    { 6, 3, MDL_F32, MDL_F64, 3, 5, 0, 0, 0 },
    { 4, 1, MDL_F64, MDL_F32, 0, 0, 0, 1, 0 },
    { 8, 1, MDL_F32, MDL_F32, 5, 0, 1, 0, 0 },
    { 11, 2, MDL_F64, MDL_F64, 7, 5, 1, 1, 0 },
    { 7, 1, MDL_F32, MDL_F64, 2, 0xFFFFFFFF, 0, 0, 0 },     /* one to five bytes */
    { 7, 3, MDL_F32, MDL_F32, 0, 300000, 0, 0, 0 },
    { 0, 1, MDL_F32, MDL_F64, 0, 5, 0, 0, 0 },
    { 6, 1, MDL_F32, MDL_F64, 8, 0, 0, 0, 0 },      /* a sixteenth is not there: all are listed */
    { 6, 4, MDL_F32, MDL_F64, 3, 5, 0, 0, 1 },
    { 5, 2, MDL_F64, MDL_F64, 0, 0, 0, 1, 1 },
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    return n ? (uint32_t)(next_random(&seed) >> 32) % n : 0;
}

/* An oblivious tree: of its levels, and of its leaves. */
struct tree {
    uint32_t d;
    uint8_t flags[MOST_LEVELS];
    int32_t feature[MOST_LEVELS];
    double threshold[MOST_LEVELS], value[4 * MOST_LEAVES], cover[MOST_LEAVES];
    int64_t off[MOST_LEAVES];     /* units that the last value is more than minus the others      */
    uint32_t set_start[MOST_LEVELS + 1], set_words[MOST_LEVELS];
};

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 0 minus all of n values but the last. */
static double balance_of(const double *x, uint32_t n)
{
    double sum = x[0];

    for (uint32_t k = 1; k + 1 < n; k++)
        sum += x[k];
    return 0 - sum;
}

/* The last of n values: from none to 2^50 units from that. */
static void balance(double *x, uint32_t n)
{
    const uint64_t off = below(4) ? below(1u << below(20)) : 1ull << below(51);
    const uint64_t from = bits_of(balance_of(x, n)), bits = from > off && below(2) ? from - off : from + off;

    memcpy(&x[n - 1], &bits, sizeof bits);
}

static void make_tree(struct tree *t, const struct shape *s)
{
    t->d = s->levels - below(s->levels < 3 ? s->levels + 1 : 3);
    t->set_start[0] = 0;
    for (uint32_t l = 0; l < t->d; l++) {
        const int category = s->categories && below(5) == 0;
        t->flags[l] = (uint8_t)((category ? MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT : MDL_NODE_NUMBER)
                                | MDL_NODE_NAN_DEFAULT | (below(2) ? MDL_NODE_DEFAULT_LEFT : 0));
        t->feature[l] = (int32_t)below(COLS);
        t->threshold[l] = category ? 0 : (double)below(40) / 4;
        t->set_words[t->set_start[l]] = 0x155u << below(3);
        t->set_start[l + 1] = t->set_start[l] + (uint32_t)category;
    }
    for (uint32_t i = 0; i < 1u << t->d; i++) {
        const int zero = below(8) < s->zeros;
        t->cover[i] = zero && below(9) ? 0 : 1 + (double)(below(s->covered) >> below(s->covered > 5 ? 32 : 1));
        for (uint32_t k = 0; k < s->width; k++)
            t->value[i * s->width + k] = zero ? 0 : (double)below(4096) / 64 - 20;
        if (i % 50 == 7 && !zero)
            t->value[i * s->width] = -0.0;       /* is no zero that may be left out */
        if (s->balanced && !zero)
            balance(t->value + i * s->width, s->width);
        t->off[i] = (int64_t)(bits_of(t->value[(i + 1) * s->width - 1])
                              - bits_of(balance_of(t->value + i * s->width, s->width)));
    }
}

static void add_levels(mdl_builder *b, int32_t n, const struct shape *s, const struct tree *t,
                       uint64_t iteration, double weight)
{
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = (2u << t->d) - 1, .iteration = iteration,
                            .weight = weight, .flags = t->flags, .feature = t->feature,
                            .threshold = t->threshold, .value = t->value,
                            .cover = s->covered ? t->cover : NULL, .set_start = t->set_start,
                            .set_words = t->set_words, .oblivious = 1 };
    mdl_build_tree(b, n, &tree);
}

/* The same by nodes of a heap, whose last level are the leaves; the caller's struct ends where older
 * ones did. */
static void add_nodes(mdl_builder *b, int32_t n, const struct shape *s, const struct tree *t,
                      uint64_t iteration, double weight)
{
    static uint8_t flags[2 * MOST_LEAVES];
    static int32_t left[2 * MOST_LEAVES], right[2 * MOST_LEAVES], feature[2 * MOST_LEAVES],
        id[2 * MOST_LEAVES];
    static double threshold[2 * MOST_LEAVES], value[8 * MOST_LEAVES], cover[2 * MOST_LEAVES];
    static uint32_t set_start[2 * MOST_LEAVES + 1], set_words[2 * MOST_LEAVES];
    const uint32_t leaves = 1u << t->d;

    for (uint32_t i = 0, level = 0; i < 2 * leaves - 1; i++) {
        const int leaf = i >= leaves - 1;
        level += i + 1 == 2u << level;
        set_start[i + 1] = set_start[i];
        if (leaf) {
            const uint32_t k = i - (leaves - 1);
            flags[i] = MDL_NODE_LEAF;
            id[i] = (int32_t)k;
            cover[i] = t->cover[k];
            memcpy(value + i * s->width, t->value + k * s->width, s->width * sizeof *value);
            continue;
        }
        flags[i] = t->flags[level];
        left[i] = 2 * (int32_t)i + 1;
        right[i] = left[i] + 1;
        feature[i] = t->feature[level];
        threshold[i] = t->threshold[level];
        if ((flags[i] & 3u) == MDL_NODE_CATEGORY) {
            set_words[set_start[i]] = t->set_words[t->set_start[level]];
            set_start[i + 1]++;
        }
    }
    for (uint32_t i = leaves - 1; i-- > 0;)
        cover[i] = cover[2 * i + 1] + cover[2 * i + 2];
    const mdl_tree tree = { .size = offsetof(mdl_tree, oblivious), .n_nodes = 2 * leaves - 1,
                            .iteration = iteration, .weight = weight, .flags = flags, .left = left,
                            .right = right, .feature = feature, .threshold = threshold,
                            .value = value, .leaf_id = id, .cover = s->covered ? cover : NULL,
                            .set_start = set_start, .set_words = set_words };
    mdl_build_tree(b, n, &tree);
}

static mdl_builder *build(const struct shape *s, int by_levels)
{
    static struct tree t;
    const double base[] = { 0.5, -3, 7, 0.25 };
    const mdl_trees e = { .size = sizeof e, .compare = MDL_TREES_LE,
                          .threshold_type = s->threshold_type, .leaf_type = s->leaf_type,
                          .outputs = s->width, .leaf_width = s->width, .base = base };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", s->threshold_type, COLS, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &e);

    seed = 77 + s->levels;
    for (uint32_t k = 0; k < TREES; k++) {
        make_tree(&t, s);
        (by_levels ? add_levels : add_nodes)(b, n, s, &t, k / 2, s->weighted ? 0.75 + k : 1);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return b;
}

static unsigned char *file_of(const struct shape *s, int by_levels, size_t *size)
{
    return raw_built(build(s, by_levels), size);
}

static mdl_model *load(const unsigned char *file, size_t size, const char *engine, const char *isa)
{
    const mdl_load_options o = { .size = sizeof o, .engine = engine, .isa = isa };
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    if (mdl_load_memory(&m, file, size, &o, &err))
        fail_msg("%s", err.text);
    return m;
}

struct answers {
    double sums[ROWS * 4];
    int32_t leaves[ROWS * TREES];
};

/* Calls of 1, 2, 3 ... rows, so that engines of all sizes have some. */
static void answer(const mdl_model *m, const struct shape *s, struct answers *to)
{
    static double x[ROWS * COLS];
    const mdl_predict_options sums = { .size = sizeof sums, .output_name = "y" };
    const mdl_predict_options ids = { .size = sizeof ids, .output_name = "leaf" };
    uint64_t own = 5;

    memset(to, 0, sizeof *to);
    for (size_t i = 0; i < ROWS * COLS; i++)
        x[i] = next_random(&own) % 9 ? (double)(next_random(&own) % 48) / 4 - 1 : (double)NAN;
    for (size_t at = 0, n = 1; at < ROWS; at += n, n++) {
        n = n > ROWS - at ? ROWS - at : n;
        mdl_tensor rows = { .size = sizeof rows, .type = MDL_F64, .rank = 2,
                            .dims = { (int64_t)n, COLS }, .data = x + at * COLS };
        mdl_tensor y = { .size = sizeof y, .type = MDL_F64, .rank = 2,
                         .dims = { (int64_t)n, s->width }, .data = to->sums + at * s->width };
        mdl_tensor leaf = { .size = sizeof leaf, .type = MDL_I32, .rank = 2,
                            .dims = { (int64_t)n, TREES }, .data = to->leaves + at * TREES };
        mdl_error err = MDL_ERROR_INIT;
        if (mdl_predict_tensor(m, &rows, &y, &sums, &err)
            || mdl_predict_tensor(m, &rows, &leaf, &ids, &err))
            fail_msg("%s", err.text);
    }
}

static void levels_answer_as_the_same_trees_of_nodes_with_every_engine(void **state)
{
    static struct answers want, got;

    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t size, bytes;
        unsigned char *file = file_of(&shapes[s], 1, &size), *nodes = file_of(&shapes[s], 0, &bytes);
        mdl_model *m = load(nodes, bytes, "plain", NULL);

        answer(m, &shapes[s], &want);
        mdl_free(m);
        assert_true(size <= bytes);
        for (size_t e = 0; mdl_engine_name(e); e++)
            for (size_t k = 0; mdl_isa_name(k); k++) {
                m = load(file, size, mdl_engine_name(e), mdl_isa_name(k));
                answer(m, &shapes[s], &got);
                mdl_free(m);
                if (memcmp(&got, &want, sizeof want))
                    fail_msg("shape %zu, %s, %s", s, mdl_engine_name(e), mdl_isa_name(k));
            }
        free(file);
        free(nodes);
    }
}

static mdl_tree_info info_of(const mdl_model *m, size_t tree)
{
    mdl_tree_info info = { .size = sizeof info };

    assert_int_equal(mdl_tree_shape(m, 0, tree, &info), MDL_OK);
    return info;
}

static void trees_show_the_same_nodes_leaves_and_training_weights(void **state)
{
    static double covers[2][2 * MOST_LEAVES];

    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t size, bytes;
        unsigned char *file = file_of(&shapes[s], 1, &size), *nodes = file_of(&shapes[s], 0, &bytes);
        mdl_model *m = load(file, size, NULL, NULL), *twin = load(nodes, bytes, NULL, NULL);

        for (size_t t = 0; t < TREES; t++) {
            const mdl_tree_info a = info_of(m, t), b = info_of(twin, t);
            assert_memory_equal(&a, &b, sizeof a);
            for (uint32_t i = 0; i < a.nodes; i++) {
                mdl_tree_node_info one = { .size = sizeof one }, other = { .size = sizeof other };
                double mine[4], its[4];
                mdl_tree_node(m, 0, t, i, &one);
                mdl_tree_node(twin, 0, t, i, &other);
                assert_true(one.set_words == other.set_words);
                if (one.set_words)
                    assert_memory_equal(one.set, other.set, one.set_words * sizeof *one.set);
                one.set = other.set = NULL;
                assert_memory_equal(&one, &other, sizeof one);
                if (one.flags != MDL_NODE_LEAF)
                    continue;
                mdl_tree_leaf(m, 0, t, i, mine);
                mdl_tree_leaf(twin, 0, t, i, its);
                assert_memory_equal(mine, its, shapes[s].width * sizeof *mine);
            }
            assert_int_equal(a.has_cover, shapes[s].covered != 0);
            if (a.has_cover) {
                mdl_tree_cover(m, 0, t, covers[0]);
                mdl_tree_cover(twin, 0, t, covers[1]);
                assert_memory_equal(covers[0], covers[1], a.nodes * sizeof **covers);
            }
        }
        mdl_free(m);
        mdl_free(twin);
        free(file);
        free(nodes);
    }
}

/* Levels alone are listed, and no leaf that is 0 where there are some. */
static void files_have_no_more_than_what_does_not_follow(void **state)
{
    static const int given[SHAPES] = { 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0 };
    static const int counted[SHAPES] = { 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0 };
    static const int told[SHAPES] = { [4] = 1, [9] = 1, [10] = 1 };

    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        static struct tree t;
        size_t size;
        unsigned char *file = file_of(&shapes[s], 1, &size);
        mdl_tensor level, value, cover, bits;
        int64_t levels = 0, leaves = 0, zeros = 0, bytes = 0, rest = 0;

        seed = 77 + shapes[s].levels;
        for (uint32_t k = 0; k < TREES; k++) {
            make_tree(&t, &shapes[s]);
            levels += t.d;
            leaves += 1 << t.d;
            for (uint32_t i = 0; i < 1u << t.d; i++) {
                int zero = !shapes[s].covered || t.cover[i] == 0;
                for (uint32_t v = i * shapes[s].width; v < (i + 1) * shapes[s].width; v++)
                    zero &= t.value[v] == 0 && !signbit(t.value[v]);
                zeros += zero;
                for (uint64_t c = t.off[i] < 0 ? ~(2 * (uint64_t)t.off[i]) : 2 * (uint64_t)t.off[i], more = !zero;
                     more; c >>= 7, rest++)
                    more = c > 127;
                for (uint32_t c = (uint32_t)t.cover[i]; !zero && shapes[s].covered; c >>= 7, bytes++)
                    zero = c < 128;
            }
        }
        assert_null(raw_array(file, size, "left", NULL));
        assert_null(raw_array(file, size, "question", NULL));
        assert_null(raw_array(file, size, "leaf_id", NULL));
        raw_array(file, size, "level", &level);
        raw_array(file, size, "value", &value);
        assert_int_equal(level.dims[0], levels);
        assert_int_equal(value.dims[1], shapes[s].width - (uint32_t)told[s]);
        assert_int_equal(raw_array(file, size, "rest", &bits) != NULL, told[s]);
        if (told[s])
            assert_int_equal(bits.dims[0], rest);
        assert_int_equal(raw_array(file, size, "given", &bits) != NULL, given[s]);
        assert_int_equal(value.dims[0], given[s] ? leaves - zeros : leaves);
        if (given[s])
            assert_int_equal(bits.dims[0], (leaves + 7) / 8);
        if (raw_array(file, size, "cover", &cover))
            assert_int_equal(cover.dims[0], value.dims[0]);
        assert_int_equal(raw_array(file, size, "count", &cover) != NULL, counted[s]);
        if (counted[s])
            assert_int_equal(cover.dims[0], bytes);
        free(file);
    }
}

/* Also in trees that are no oblivious ones: the twins by nodes. */
static void leaves_of_0_are_left_out_of_any_trees(void **state)
{
    size_t size;
    unsigned char *file = file_of(&shapes[0], 0, &size);
    mdl_tensor value, left;

    (void)state;
    assert_non_null(raw_array(file, size, "given", NULL));
    assert_non_null(raw_array(file, size, "left", &left));
    raw_array(file, size, "value", &value);
    assert_true(value.dims[0] < left.dims[0]);
    free(file);
}

static void a_model_that_was_loaded_is_written_as_it_was_read(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        size_t size, bytes;
        unsigned char *file = file_of(&shapes[s], 1, &size);
        mdl_model *m = load(file, size, NULL, NULL);
        unsigned char *again = raw_built(mdl_builder_from_model(m, NULL), &bytes);

        assert_int_equal(size, bytes);
        assert_memory_equal(file, again, size);
        mdl_free(m);
        free(file);
        free(again);
    }
}

/* ---- what is wrong ---------------------------------------------------------------------------- */

static void what_is_wrong_with_levels_and_bits_is_refused(void **state)
{
    size_t size;
    unsigned char *file = file_of(&shapes[0], 1, &size);
    mdl_tensor bits, level;

    (void)state;
    uint8_t *given = raw_array(file, size, "given", &bits), *first = raw_array(file, size, "level", &level);
    uint32_t *start = raw_array(file, size, "tree_start", NULL);
    assert_int_equal(level.type, MDL_U8);
    raw_try(file, size, first, &(uint8_t){ 255 }, 1, "asks question 255");
    raw_try(file, size, given, &(uint8_t){ given[0] ^ 1u }, 1, "does not name as many leaves as have values");
    start[1] -= 2;                               /* odd, but not those of whole levels */
    raw_refused(file, size, "no whole levels");
    free(file);

    file = file_of(&shapes[5], 1, &size);
    uint8_t *count = raw_array(file, size, "count", &bits);
    raw_try(file, size, count + bits.dims[0] - 1, &(uint8_t){ 200 }, 1, "other numbers than one for each leaf");
    raw_try(file, size, count, &(uint8_t){ count[0] ^ 128u }, 1, "'count' has");
    memset(count, 0xFF, (size_t)bits.dims[0]);
    raw_refused(file, size, "'count' has");
    free(file);

    file = file_of(&shapes[7], 1, &size);        /* 24 leaves and nothing else */
    start = raw_array(file, size, "tree_start", NULL);
    for (uint32_t t = 1; t <= TREES; t++)
        start[t] += 2;                           /* a tree of one level, without leaves or questions */
    raw_refused(file, size, "'value' has 24 rows, expected 25");
    free(file);
}

/* A bit behind the last leaf, in the place of one before. */
static void a_leaf_that_is_not_there_has_no_value(void **state)
{
    struct shape s = { 3, 2, MDL_F32, MDL_F64, 5, 5, 0, 0, 0 };
    uint64_t leaves = 0;
    (void)state;

    for (; leaves % 8 == 0 && s.levels < 9; s.levels++) {    /* the last byte is to have room */
        size_t size;
        unsigned char *file = file_of(&s, 1, &size);
        const uint32_t *start = raw_array(file, size, "tree_start", NULL);
        uint8_t *given = raw_array(file, size, "given", NULL);

        leaves = (start[TREES] + TREES) / 2;
        if (leaves % 8) {
            assert_non_null(given);
            given[0] ^= (uint8_t)(given[0] & (0u - given[0]));   /* without its lowest bit */
            given[leaves / 8] |= 0x80;
            raw_refused(file, size, "does not name as many leaves as have values");
        }
        free(file);
    }
    assert_true(leaves % 8 != 0);
}

/* Arrays that are a record shorter than they are: none is read beyond its end. */
static void arrays_of_other_lengths_are_refused(void **state)
{
    static const char *const names[] = { "level", "given", "flags", "feature", "threshold", "cover", "value",
                                         "count", "rest" };

    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            size_t size;
            unsigned char *file = file_of(&shapes[s], 1, &size);
            mdl_tensor told;
            const int there = raw_array(file, size, names[k], &told) != NULL && told.dims[0];
            mdl_model *m = NULL;

            if (there) {
                raw_shorten(file, raw_array(file, size, names[k], NULL));
                raw_repair(file);
                assert_int_equal(mdl_load_memory(&m, file, size, NULL, NULL), MDL_ERR_FORMAT);
            }
            free(file);
        }
}

static mdl_status try_tree(const mdl_tree *first, const mdl_tree *second, const char *says)
{
    const mdl_trees e = { .size = sizeof e, .threshold_type = MDL_F32, .leaf_type = MDL_F64,
                          .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    mdl_error err = MDL_ERROR_INIT;
    const int32_t n = mdl_build_trees(b, mdl_build_input(b, "x", MDL_F32, 2, MDL_ABSENT_MISSING), &e);

    mdl_build_tree(b, n, first);
    if (second)
        mdl_build_tree(b, n, second);
    const mdl_status s = mdl_builder_status(b, &err);
    if (says && !strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
    mdl_builder_free(b);
    return s;
}

static void trees_that_are_not_oblivious_are_refused_by_the_builder(void **state)
{
    const uint8_t flags[] = { MDL_NODE_NUMBER, MDL_NODE_LEAF, MDL_NODE_LEAF };
    const int32_t left[] = { 1, 0, 0 }, right[] = { 2, 0, 0 }, feature[] = { 0, 5, 0 };
    const double threshold[] = { 1, 2, 0 }, value[] = { 1, 2, 3, 4 };
    const mdl_tree good = { .size = sizeof good, .n_nodes = 3, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value, .oblivious = 1 };
    mdl_tree t = good;

    (void)state;
    assert_int_equal(try_tree(&good, &good, NULL), MDL_OK);
    t.oblivious = 0;
    assert_int_equal(try_tree(&t, &good, "tree 1 is oblivious and others are not"), MDL_ERR_ARGUMENT);
    assert_int_equal(try_tree(&good, &t, "tree 1 is oblivious and others are not"), MDL_ERR_ARGUMENT);
    t = good;
    t.n_nodes = 5;
    assert_int_equal(try_tree(&t, NULL, "5 nodes are no oblivious tree"), MDL_ERR_ARGUMENT);
    t.n_nodes = 7;                               /* its second level is a leaf */
    assert_int_equal(try_tree(&t, NULL, "column 5 of 2"), MDL_ERR_FORMAT);
    t.feature = left;
    assert_int_equal(try_tree(&t, NULL, "is of no known kind"), MDL_ERR_FORMAT);
    t = good;
    t.linear_const = value;
    assert_int_equal(try_tree(&t, NULL, "leaves are linear"), MDL_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_answer_as_the_same_trees_of_nodes_with_every_engine),
        cmocka_unit_test(trees_show_the_same_nodes_leaves_and_training_weights),
        cmocka_unit_test(files_have_no_more_than_what_does_not_follow),
        cmocka_unit_test(leaves_of_0_are_left_out_of_any_trees),
        cmocka_unit_test(a_model_that_was_loaded_is_written_as_it_was_read),
        cmocka_unit_test(what_is_wrong_with_levels_and_bits_is_refused),
        cmocka_unit_test(a_leaf_that_is_not_there_has_no_value),
        cmocka_unit_test(arrays_of_other_lengths_are_refused),
        cmocka_unit_test(trees_that_are_not_oblivious_are_refused_by_the_builder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
