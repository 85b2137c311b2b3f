/*
 * tests/test_tree.c - which way every value goes, and what the leaves add up to
 *
 * Sides and sums are derived by hand from the rules in mdl_build.h; random forests
 * are in test_tree_random.c.  Every check runs on every kernel set, one row at a
 * time and many at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <float.h>
#include <math.h>

#define TINY ((double)1e-35f)    /* LightGBM's zero */
#define DENORMAL_F32 0x1p-149
#define DENORMAL_F64 0x1p-1074
#define NUMBER MDL_NODE_NUMBER
#define LEFT 1
#define RIGHT 0

/* ---- helpers --------------------------------------------------------------------------- */

/* A finished builder as a model on the named kernels. */
static mdl_model *load_built(mdl_builder *b, const char *isa)
{
    const mdl_load_options options = { .size = sizeof options, .isa = isa };
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;
    size_t size;
    mdl_model *m = NULL;

    if (mdl_build_bytes(b, &bytes, &size, &err) || mdl_load_memory(&m, bytes, size, &options, &err))
        fail_msg("%s", err.text);
    mdl_builder_free(b);
    return m;
}

static mdl_trees ensemble_of(uint32_t type)
{
    return (mdl_trees){ .size = sizeof(mdl_trees), .threshold_type = type, .leaf_type = type,
                        .outputs = 1, .leaf_width = 1 };
}

/* A model of the given trees over `cols` columns; outputs "y" and "leaf". */
static mdl_builder *forest(uint32_t x_type, uint64_t cols, const mdl_trees *ensemble,
                           const mdl_tree *trees, size_t n_trees)
{
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", x_type, cols, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, ensemble);

    for (size_t i = 0; i < n_trees; i++)
        mdl_build_tree(b, n, &trees[i]);
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    return b;
}

/* Predict in the types given, any output. */
static void predict(const mdl_model *m, uint32_t x_type, const void *x, size_t rows, uint32_t role,
                    uint32_t y_type, size_t y_cols, void *y)
{
    const mdl_tensor in = { .size = sizeof in, .type = x_type, .rank = 2,
                            .data = (void *)(uintptr_t)x,
                            .dims = { (int64_t)rows, (int64_t)mdl_input_cols(m) } };
    const mdl_tensor out = { .size = sizeof out, .type = y_type, .rank = 2, .data = y,
                             .dims = { (int64_t)rows, (int64_t)y_cols } };
    const mdl_predict_options options = { .size = sizeof options, .output = role };
    mdl_error err = MDL_ERROR_INIT;

    if (mdl_predict_tensor(m, &in, &out, &options, &err))
        fail_msg("%s", err.text);
}

/* One split over one column: what it is, and where values go. */
struct stump {
    uint32_t x_type, threshold_type, compare, flags;   /* of the ensemble */
    uint8_t node;
    double threshold;
    const uint32_t *words;       /* of a set */
    uint32_t n_words;
};

struct probe { double x; int side; };

/* Left leaf 1, right leaf 0. */
static mdl_model *stump_model(const struct stump *s, const char *isa)
{
    const mdl_trees e = { .size = sizeof e, .flags = s->flags, .compare = s->compare,
                          .threshold_type = s->threshold_type, .leaf_type = MDL_F64, .outputs = 1,
                          .leaf_width = 1 };
    const uint8_t flags[] = { s->node, 0, 0 };
    const int32_t left[] = { 1, 0, 0 }, right[] = { 2, 0, 0 }, feature[] = { 0, 0, 0 };
    const double threshold[] = { s->threshold, 0, 0 }, value[] = { 0, LEFT, RIGHT };
    const uint32_t starts[] = { 0, s->n_words, s->n_words, s->n_words };
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value, .set_start = starts,
                            .set_words = s->words };

    return load_built(forest(s->x_type, 1, &e, &tree, 1), isa);
}

static void check_side(const struct stump *s, const char *isa, const struct probe *p, double got,
                       const char *how)
{
    if (got != p->side)
        fail_msg("%s, %s: x %a, threshold %a, compare %u, flags %u, node 0x%02x, x type %u: went "
                 "%s", isa, how, p->x, s->threshold, (unsigned)s->compare, (unsigned)s->flags,
                 s->node, (unsigned)s->x_type, got == LEFT ? "left" : "right");
}

static void check_stump(const struct stump *s, const struct probe *p, size_t n)
{
    double wide[64], y[64];
    float narrow[64];

    for (size_t k = 0; mdl_isa_name(k); k++) {
        mdl_model *m = stump_model(s, mdl_isa_name(k));
        const int is_f32 = s->x_type == MDL_F32;
        for (size_t i = 0; i < 64; i++) {
            wide[i] = p[i % n].x;
            narrow[i] = (float)wide[i];
        }
        predict(m, s->x_type, is_f32 ? (void *)narrow : (void *)wide, 64, 0, MDL_F64, 1, y);
        for (size_t i = 0; i < 64; i++)
            check_side(s, mdl_isa_name(k), &p[i % n], y[i], "64 rows");
        for (size_t i = 0; i < n; i++) {
            predict(m, s->x_type, is_f32 ? (void *)&narrow[i] : (void *)&wide[i], 1, 0, MDL_F64, 1,
                    y);
            check_side(s, mdl_isa_name(k), &p[i], y[0], "1 row");
        }
        mdl_free(m);
    }
}

#define CHECK(s, ...) \
    do { \
        const struct probe probes_[] = { __VA_ARGS__ }; \
        check_stump(&(s), probes_, sizeof probes_ / sizeof *probes_); \
    } while (0)

static double above(double t, uint32_t type)
{
    return type == MDL_F32 ? (double)nextafterf((float)t, INFINITY)
                           : nextafter(t, (double)INFINITY);
}

static double below(double t, uint32_t type)
{
    return type == MDL_F32 ? (double)nextafterf((float)t, -INFINITY)
                           : nextafter(t, (double)-INFINITY);
}

static const uint32_t both_types[] = { MDL_F32, MDL_F64 };

/* ---- comparisons ------------------------------------------------------------------------ */

static void a_value_on_the_threshold_goes_right_under_less_and_left_under_less_equal(void **state)
{
    static const double thresholds[] = { 1.5, -1.5, 1, 0x1p100, -0x1p-100, 3, 0x1.fffffep-126 };
    (void)state;

    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
            const double v = thresholds[i];
            struct stump s = { both_types[t], both_types[t], MDL_TREES_LT, 0, NUMBER, v, NULL, 0 };
            CHECK(s, { v, RIGHT }, { below(v, s.x_type), LEFT }, { above(v, s.x_type), RIGHT },
                  { (double)INFINITY, RIGHT }, { (double)-INFINITY, LEFT });
            s.compare = MDL_TREES_LE;
            CHECK(s, { v, LEFT }, { below(v, s.x_type), LEFT }, { above(v, s.x_type), RIGHT },
                  { (double)INFINITY, RIGHT }, { (double)-INFINITY, LEFT });
        }
}

static void zeros_have_no_sign_and_denormals_are_numbers(void **state)
{
    (void)state;

    for (size_t t = 0; t < 2; t++) {
        const double tiny = both_types[t] == MDL_F32 ? DENORMAL_F32 : DENORMAL_F64;
        struct stump s = { both_types[t], both_types[t], MDL_TREES_LT, 0, NUMBER, 0, NULL, 0 };
        for (int minus = 0; minus < 2; minus++) {
            s.threshold = minus ? -0.0 : 0.0;
            s.compare = MDL_TREES_LT;
            CHECK(s, { 0.0, RIGHT }, { -0.0, RIGHT }, { tiny, RIGHT }, { -tiny, LEFT });
            s.compare = MDL_TREES_LE;
            CHECK(s, { 0.0, LEFT }, { -0.0, LEFT }, { tiny, RIGHT }, { -tiny, LEFT });
        }
        s.threshold = tiny;
        s.compare = MDL_TREES_LT;
        CHECK(s, { 0.0, LEFT }, { -0.0, LEFT }, { tiny, RIGHT }, { 2 * tiny, RIGHT });
        s.compare = MDL_TREES_LE;
        CHECK(s, { 0.0, LEFT }, { tiny, LEFT }, { 2 * tiny, RIGHT });
        s.threshold = -tiny;
        CHECK(s, { 0.0, RIGHT }, { -0.0, RIGHT }, { -tiny, LEFT }, { -2 * tiny, LEFT });
        s.compare = MDL_TREES_LT;
        CHECK(s, { 0.0, RIGHT }, { -0.0, RIGHT }, { -tiny, RIGHT }, { -2 * tiny, LEFT });
    }
}

static void infinite_and_largest_thresholds_split_as_written(void **state)
{
    const double inf = (double)INFINITY;
    (void)state;

    for (size_t t = 0; t < 2; t++) {
        const double most = both_types[t] == MDL_F32 ? (double)FLT_MAX : DBL_MAX;
        struct stump s = { both_types[t], both_types[t], MDL_TREES_LT, 0, NUMBER, inf, NULL, 0 };
        CHECK(s, { inf, RIGHT }, { most, LEFT }, { 0, LEFT }, { -inf, LEFT }, { NAN, RIGHT });
        s.compare = MDL_TREES_LE;
        CHECK(s, { inf, LEFT }, { most, LEFT }, { -inf, LEFT }, { NAN, RIGHT });
        s.node = NUMBER | MDL_NODE_NAN_DEFAULT | MDL_NODE_DEFAULT_LEFT;
        CHECK(s, { inf, LEFT }, { NAN, LEFT });
        s.node = NUMBER | MDL_NODE_NAN_ZERO;
        CHECK(s, { inf, LEFT }, { NAN, LEFT });
        s.node = NUMBER | MDL_NODE_NAN_DEFAULT;
        CHECK(s, { inf, LEFT }, { NAN, RIGHT });
        s.threshold = -inf;
        CHECK(s, { -inf, LEFT }, { -most, RIGHT }, { 0, RIGHT });
        s.compare = MDL_TREES_LT;
        CHECK(s, { -inf, RIGHT }, { -most, RIGHT }, { inf, RIGHT });
        s.threshold = most;
        CHECK(s, { most, RIGHT }, { inf, RIGHT }, { below(most, s.x_type), LEFT });
        s.compare = MDL_TREES_LE;
        CHECK(s, { most, LEFT }, { inf, RIGHT }, { -inf, LEFT });
        s.threshold = -most;
        CHECK(s, { -most, LEFT }, { -inf, LEFT }, { above(-most, s.x_type), RIGHT });
    }
}

/* float32 x against float64 thresholds that no float32 hits: widened exactly, not rounded. */
static void a_threshold_between_two_floats_separates_them(void **state)
{
    static const double between[] = { 1 + 0x1p-25, 1 + 0x1p-24, 1 + 0x1.8p-24, -1 - 0x1p-40,
                                      0.1, -0.3, 16777217, 1e30, -1e-30, 1e-42 };
    const double inf = (double)INFINITY, big = (double)FLT_MAX;
    (void)state;

    for (uint32_t compare = 0; compare < 2; compare++) {
        struct stump s = { MDL_F32, MDL_F64, compare, 0, NUMBER, 0, NULL, 0 };
        for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
            const double t = between[i];
            const float near = (float)t;
            const float low = (double)near < t ? near : nextafterf(near, -INFINITY);
            s.threshold = t;
            CHECK(s, { (double)low, LEFT }, { (double)nextafterf(low, INFINITY), RIGHT });
        }
        s.threshold = 3.5e38;
        CHECK(s, { big, LEFT }, { inf, RIGHT }, { -inf, LEFT });
        s.threshold = -3.5e38;
        CHECK(s, { -big, RIGHT }, { -inf, LEFT }, { inf, RIGHT });
        s.threshold = 1e-46;
        CHECK(s, { 0, LEFT }, { -0.0, LEFT }, { DENORMAL_F32, RIGHT });
        s.threshold = -1e-46;
        CHECK(s, { 0, RIGHT }, { -0.0, RIGHT }, { -DENORMAL_F32, LEFT });
    }
}

static void float64_rows_are_compared_as_float64_with_float32_thresholds(void **state)
{
    const double t = (double)0.1f;       /* 0.100000001490116... */
    struct stump s = { MDL_F64, MDL_F32, MDL_TREES_LT, 0, NUMBER, t, NULL, 0 };
    (void)state;

    CHECK(s, { 0.1, LEFT }, { t, RIGHT }, { below(t, MDL_F64), LEFT }, { above(t, MDL_F64), RIGHT });
    s.compare = MDL_TREES_LE;
    CHECK(s, { 0.1, LEFT }, { t, LEFT }, { above(t, MDL_F64), RIGHT });
}

static void float64_rows_for_a_float32_model_are_rounded_first(void **state)
{
    const struct stump s = { MDL_F32, MDL_F32, MDL_TREES_LT, 0, NUMBER, 1, NULL, 0 };
    mdl_model *m = stump_model(&s, NULL);
    const double x[] = { 1 - 0x1p-30, 1 - 0x1p-24, 1e300, -1e300 };
    const int want[] = { RIGHT, LEFT, RIGHT, LEFT };   /* 1 - 2^-30 rounds to 1 */
    double y[4];
    (void)state;

    assert_int_equal(mdl_predict_f64(m, x, 4, y), MDL_OK);
    for (int i = 0; i < 4; i++)
        assert_true(y[i] == want[i]);
    mdl_free(m);
}

/* ---- missing values ------------------------------------------------------------------------ */

static void nan_follows_the_rule_of_its_node(void **state)
{
    static const double thresholds[] = { 1.5, -1.5, 0.0, -0.0, DENORMAL_F32, -DENORMAL_F32 };
    (void)state;

    for (size_t type = 0; type < 2; type++)
        for (uint32_t compare = 0; compare < 2; compare++)
            for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++)
                for (uint8_t side = 0; side < 2; side++) {
                    const double t = thresholds[i];
                    const uint8_t left = side ? MDL_NODE_DEFAULT_LEFT : 0;
                    const int zero = compare ? 0 <= t : 0 < t;
                    struct stump s = { both_types[type], MDL_F64, compare, 0, NUMBER, t, NULL, 0 };
                    s.node = (uint8_t)(NUMBER | left | MDL_NODE_NAN_COMPARES);
                    CHECK(s, { NAN, RIGHT }, { -(double)NAN, RIGHT }, { -9, LEFT }, { 9, RIGHT });
                    s.node = (uint8_t)(NUMBER | left | MDL_NODE_NAN_DEFAULT);
                    CHECK(s, { NAN, side }, { -(double)NAN, side }, { -9, LEFT }, { 0, zero });
                    s.node = (uint8_t)(NUMBER | left | MDL_NODE_NAN_ZERO);
                    CHECK(s, { NAN, zero }, { -(double)NAN, zero }, { -9, LEFT }, { 9, RIGHT });
                    s.node = (uint8_t)(NUMBER | left | MDL_NODE_ZERO_DEFAULT);
                    CHECK(s, { NAN, side }, { 0, side }, { -0.0, side }, { TINY, side },
                          { -TINY, side }, { DENORMAL_F32, side }, { -DENORMAL_F32, side },
                          { above(TINY, s.x_type), TINY < t }, { -9, LEFT }, { 9, RIGHT },
                          { below(-TINY, s.x_type), t > -TINY });
                }
}

static void values_as_small_as_lightgbms_zero_are_read_as_zero(void **state)
{
    (void)state;

    for (size_t type = 0; type < 2; type++) {
        const uint32_t x = both_types[type];
        struct stump s = { x, MDL_F64, MDL_TREES_LE, MDL_TREES_CLIP_ZERO, NUMBER, 0, NULL, 0 };

        CHECK(s, { 0, LEFT }, { 1e-36, LEFT }, { TINY, LEFT }, { above(TINY, x), RIGHT },
              { -TINY, LEFT }, { -1, LEFT }, { DENORMAL_F32, LEFT }, { NAN, RIGHT });
        s.threshold = 1e-36;         /* 5e-36 is above it, yet read as 0 */
        CHECK(s, { 5e-36, LEFT }, { TINY, LEFT }, { above(TINY, x), RIGHT }, { -5e-36, LEFT });
        s.threshold = -1e-36;        /* -5e-36 is below it, yet read as 0 */
        CHECK(s, { -5e-36, RIGHT }, { -TINY, RIGHT }, { below(-TINY, x), LEFT }, { 0, RIGHT });
        s.threshold = TINY;
        CHECK(s, { TINY, LEFT }, { above(TINY, x), RIGHT }, { 0, LEFT });
        s.threshold = -TINY;
        CHECK(s, { -TINY, RIGHT }, { below(-TINY, x), LEFT }, { 0, RIGHT });
        s.threshold = above(TINY, MDL_F32);
        CHECK(s, { TINY, LEFT }, { s.threshold, LEFT }, { above(s.threshold, x), RIGHT });
        s.threshold = below(-TINY, MDL_F32);
        CHECK(s, { -TINY, RIGHT }, { s.threshold, LEFT }, { above(s.threshold, x), RIGHT });

        s.compare = MDL_TREES_LT;
        s.threshold = 0;
        CHECK(s, { -1e-36, RIGHT }, { -TINY, RIGHT }, { below(-TINY, x), LEFT }, { 0, RIGHT });
        s.threshold = 1e-36;
        CHECK(s, { 5e-36, LEFT }, { TINY, LEFT }, { above(TINY, x), RIGHT }, { -1, LEFT });
        s.threshold = TINY;
        CHECK(s, { TINY, LEFT }, { above(TINY, x), RIGHT }, { 0, LEFT });
        s.threshold = -TINY;
        CHECK(s, { -TINY, RIGHT }, { below(-TINY, x), LEFT }, { 0, RIGHT });
        s.node = NUMBER | MDL_NODE_NAN_ZERO;
        CHECK(s, { NAN, RIGHT }, { 0, RIGHT });
        s.threshold = 1e-36;
        CHECK(s, { NAN, LEFT }, { 0, LEFT });
    }
}

/* ---- sets of categories ----------------------------------------------------------------------- */

static const uint32_t words_1_3_40[] = { 1u << 1 | 1u << 3, 1u << 8 };

static void members_go_to_the_sets_side_and_all_else_to_the_other(void **state)
{
    const double inf = (double)INFINITY;
    (void)state;

    for (size_t type = 0; type < 2; type++)
        for (int in = 0; in < 2; in++) {
            const uint8_t node = in ? MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT : MDL_NODE_CATEGORY;
            const struct stump s = { both_types[type], MDL_F32, 0, 0, node, 0, words_1_3_40, 2 };
            const int out = !in;
            CHECK(s, { 0, out }, { 1, in }, { 2, out }, { 3, in }, { 40, in }, { 31, out },
                  { 32, out }, { 39, out }, { 41, out }, { 63, out }, { 64, out }, { 65, out },
                  { 35, out }, { 1.9, in }, { 3.999, in }, { 40.5, in }, { 0.99, out });
            CHECK(s, { -1, out }, { -3, out }, { -0.0, out }, { 0x1p24 + 1, out },
                  { 0x1p31, out }, { 0x1p32 + 1, out }, { 0x1p63, out }, { 1e30, out },
                  { inf, out }, { -inf, out }, { NAN, out }, { 0x1p31 - 128, out });
        }
}

static void the_category_of_a_negative_fraction_depends_on_truncation(void **state)
{
    static const uint32_t zero[] = { 1 };
    struct stump s = { MDL_F64, MDL_F64, 0, 0, MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT, 0, zero, 1 };
    (void)state;

    CHECK(s, { 0, LEFT }, { -0.0, LEFT }, { 0.7, LEFT }, { -0.5, RIGHT }, { -DENORMAL_F64, RIGHT },
          { -1, RIGHT });
    s.flags = MDL_TREES_TRUNCATE;
    CHECK(s, { 0, LEFT }, { -0.0, LEFT }, { 0.7, LEFT }, { -0.5, LEFT }, { -DENORMAL_F64, LEFT },
          { below(-1, MDL_F64), RIGHT }, { above(-1, MDL_F64), LEFT }, { -1, RIGHT });
    s.x_type = MDL_F32;
    CHECK(s, { -0.5, LEFT }, { -1, RIGHT }, { above(-1, MDL_F32), LEFT });
}

static void nan_at_a_category_node_follows_its_rule(void **state)
{
    static const uint32_t zero_two[] = { 1u << 0 | 1u << 2 };
    const uint8_t node = MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT;
    struct stump s = { MDL_F32, MDL_F32, 0, 0, node, 0, zero_two, 1 };
    (void)state;

    for (uint8_t side = 0; side < 2; side++) {
        const uint8_t left = side ? MDL_NODE_DEFAULT_LEFT : 0;
        s.node = (uint8_t)(node | left);
        CHECK(s, { NAN, RIGHT }, { 2, LEFT }, { 1, RIGHT });
        s.node = (uint8_t)(node | left | MDL_NODE_NAN_DEFAULT);
        CHECK(s, { NAN, side }, { 2, LEFT }, { 1, RIGHT }, { -3, RIGHT }, { 99, RIGHT });
        s.node = (uint8_t)(node | left | MDL_NODE_NAN_ZERO);
        CHECK(s, { NAN, LEFT }, { 0, LEFT }, { 1, RIGHT });      /* 0 is a member */
        s.node = (uint8_t)(node | left | MDL_NODE_ZERO_DEFAULT);
        CHECK(s, { NAN, side }, { 0, side }, { -0.0, side }, { 1e-36, side }, { 2, LEFT });
    }
}

static void a_set_may_be_empty_or_hold_category_2_to_the_24(void **state)
{
    const size_t n_words = (1u << 24) / 32 + 1;
    uint32_t *words = calloc(n_words, sizeof *words);
    struct stump s = { MDL_F64, MDL_F64, 0, 0, MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT, 0, words,
                       (uint32_t)n_words };
    (void)state;

    words[n_words - 1] = 1;
    CHECK(s, { 0x1p24, LEFT }, { 0x1p24 + 1, RIGHT }, { 0x1p24 - 1, RIGHT }, { 0x1p24 + 32, RIGHT },
          { 0, RIGHT });
    s.n_words = 0;
    CHECK(s, { 0x1p24, RIGHT }, { 0, RIGHT }, { 1, RIGHT });
    free(words);
}

/* ---- sums ------------------------------------------------------------------------------------- */

/* A tree of one leaf. */
static mdl_tree one_leaf(const double *value, uint64_t output, uint64_t iteration, double weight)
{
    static const uint8_t flags[] = { MDL_NODE_LEAF };
    static const int32_t none[] = { -1 };
    static const double zero[] = { 0 };

    return (mdl_tree){ .size = sizeof(mdl_tree), .n_nodes = 1, .output = output,
                       .iteration = iteration, .weight = weight, .flags = flags, .left = none,
                       .right = none, .feature = none, .threshold = zero, .value = value };
}

static void check_sums(uint32_t type, const mdl_trees *e, const mdl_tree *trees, size_t n,
                       const double *want)
{
    for (size_t k = 0; mdl_isa_name(k); k++)
        for (size_t rows = 1; rows <= 70; rows += 23) {
            mdl_model *m = load_built(forest(MDL_F32, 1, e, trees, n), mdl_isa_name(k));
            float x[70] = { 0 }, narrow[280];
            double wide[280];
            predict(m, MDL_F32, x, rows, 0, type, e->outputs, type == MDL_F32 ? (void *)narrow
                                                                             : (void *)wide);
            for (size_t i = 0; i < rows * e->outputs; i++) {
                const double got = type == MDL_F32 ? (double)narrow[i] : wide[i];
                if (memcmp(&got, &want[i % e->outputs], sizeof got) != 0)
                    fail_msg("%s, %zu rows: %a, expected %a", mdl_isa_name(k), rows, got,
                             want[i % e->outputs]);
            }
            mdl_free(m);
        }
}

/* 2^24 + 1 is no float32: added one by one the ones vanish, added first they would not. */
static void sums_start_from_the_base_and_take_trees_in_order(void **state)
{
    const double one = 1, base = 0x1p24, base64 = 0x1p53, want = 0x1p24, want64 = 0x1p53;
    const mdl_tree trees[] = { one_leaf(&one, 0, 0, 1), one_leaf(&one, 0, 1, 1),
                               one_leaf(&one, 0, 2, 1) };
    mdl_trees e = ensemble_of(MDL_F32);
    (void)state;

    e.base = &base;
    check_sums(MDL_F32, &e, trees, 3, &want);
    e = ensemble_of(MDL_F64);
    e.base = &base64;
    check_sums(MDL_F64, &e, trees, 3, &want64);
    const double three = 3;
    e.base = NULL;
    check_sums(MDL_F64, &e, trees, 3, &three);
}

/* (1 + e)^2 = 1 + 2e + e^2 loses e^2 when rounded; fused with the addition it would stay. */
static void weighted_leaves_are_rounded_before_they_are_added(void **state)
{
    const double v32 = 1 + 0x1p-23, v64 = 1 + 0x1p-52, base32 = -1 - 0x1p-22, base64 = -1 - 0x1p-51;
    const double zero = 0, half = 3.5 * 0.5 + 1;
    const mdl_tree t32 = one_leaf(&v32, 0, 0, v32), t64 = one_leaf(&v64, 0, 0, v64);
    const double leaf = 3.5, one = 1;
    const mdl_tree dart[] = { one_leaf(&leaf, 0, 0, 0.5), one_leaf(&one, 0, 1, 1) };
    mdl_trees e = ensemble_of(MDL_F32);
    (void)state;

    e.base = &base32;
    check_sums(MDL_F32, &e, &t32, 1, &zero);
    e.base = NULL;
    check_sums(MDL_F32, &e, dart, 2, &half);
    e = ensemble_of(MDL_F64);
    e.base = &base64;
    check_sums(MDL_F64, &e, &t64, 1, &zero);
    e.base = NULL;
    check_sums(MDL_F64, &e, dart, 2, &half);
}

static void averages_divide_by_iterations_not_by_trees(void **state)
{
    const double one = 1, two = 2, four = 4, base[] = { 0.5, 1 };
    /* iteration 0: 1 to column 0, 2 to column 1;  iteration 2 (1 is empty): 4 to column 0 */
    const mdl_tree trees[] = { one_leaf(&one, 0, 0, 1), one_leaf(&two, 1, 0, 1),
                               one_leaf(&four, 0, 2, 1) };
    const double want[] = { (0.5 + 1 + 4) / 3, (1.0 + 2) / 3 };
    const double want32[] = { (double)(5.5f / 3), 1 };
    mdl_trees e = ensemble_of(MDL_F64);
    (void)state;

    e.outputs = 2;
    e.base = base;
    e.flags = MDL_TREES_AVERAGE;
    check_sums(MDL_F64, &e, trees, 3, want);
    e.leaf_type = MDL_F32;
    check_sums(MDL_F32, &e, trees, 3, want32);
}

static void vector_leaves_add_to_neighbouring_columns(void **state)
{
    const double a[] = { 1, 2 }, b[] = { 10, 20 }, base[] = { 0.5, 0.25, 0 };
    const mdl_tree trees[] = { one_leaf(a, 0, 0, 1), one_leaf(b, 1, 1, 0.5) };
    const double want[] = { 0.5 + 1, 0.25 + 2 + 5, 10 };
    mdl_trees e = ensemble_of(MDL_F32);
    (void)state;

    e.outputs = 3;
    e.leaf_width = 2;
    e.base = base;
    check_sums(MDL_F32, &e, trees, 2, want);
    e.leaf_type = MDL_F64;
    check_sums(MDL_F64, &e, trees, 2, want);
}

static void leaves_may_be_nan_or_infinite(void **state)
{
    const double inf = (double)INFINITY, none = (double)NAN, one = 1;
    const mdl_tree trees[] = { one_leaf(&inf, 0, 0, 1), one_leaf(&none, 1, 0, 1),
                               one_leaf(&one, 2, 0, 1) };
    mdl_trees e = ensemble_of(MDL_F32);
    float x = 0, y[3];
    (void)state;

    e.outputs = 3;
    mdl_model *m = load_built(forest(MDL_F32, 1, &e, trees, 3), NULL);
    assert_int_equal(mdl_predict(m, &x, 1, y), MDL_OK);
    assert_true(y[0] == INFINITY && y[1] != y[1] && y[2] == 1);
    mdl_free(m);
}

/* Leaf of column 0 <= 1: 10 + 2 x0 + 3 x1, or 7 when one of these is missing; else 100. */
static void linear_leaves_fall_back_to_their_value_when_something_is_missing(void **state)
{
    const uint8_t flags[] = { NUMBER, 0, 0 };
    const int32_t left[] = { 1, -1, -1 }, right[] = { 2, -1, -1 }, feature[] = { 0, -1, -1 };
    const double threshold[] = { 1, 0, 0 }, value[] = { 0, 7, 99 }, plain = 0.5;
    const double constant[] = { 0, 10, 100 }, coef[] = { 2, 3 };
    const uint32_t start[] = { 0, 0, 2, 2 };
    const int32_t columns[] = { 0, 1 };
    const mdl_tree trees[] = {
        one_leaf(&plain, 0, 0, 1),
        { .size = sizeof(mdl_tree), .n_nodes = 3, .iteration = 1, .weight = 1, .flags = flags,
          .left = left, .right = right, .feature = feature, .threshold = threshold, .value = value,
          .linear_const = constant, .linear_start = start, .linear_feature = columns,
          .linear_coef = coef },
        one_leaf(&plain, 0, 2, 1),
    };
    mdl_trees e = ensemble_of(MDL_F64);
    const double none = (double)NAN;
    const double x[] = { 1, 2, 0.5, none, 2, none, -1, -4, 1e-36, 1 };
    const double want[] = { 1 + 10 + 2 + 6, 1 + 7, 1 + 100, 1 + 10 - 2 - 12, 1 + 10 + 2e-36 + 3 };
    double y[5];
    (void)state;

    e.compare = MDL_TREES_LE;
    for (size_t k = 0; mdl_isa_name(k); k++) {
        mdl_model *m = load_built(forest(MDL_F64, 2, &e, trees, 3), mdl_isa_name(k));
        assert_int_equal(mdl_predict_f64(m, x, 5, y), MDL_OK);
        for (int i = 0; i < 5; i++)
            assert_true(y[i] == want[i]);
        mdl_free(m);
    }
}

/* 1 + 2^53 * x0 - 2^53 * x1, left to right, at x = (1, 1): 1 is lost, the result is 0. */
static void linear_leaves_add_their_terms_in_order(void **state)
{
    static const uint8_t flags[] = { 0 };
    const double coef[] = { 0x1p54, -0x1p54 }, one = 1, zero = 0, x[] = { 1, 1 };
    const uint32_t start[] = { 0, 2 };
    const int32_t columns[] = { 0, 1 }, none[] = { -1 };
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 1, .weight = 1, .flags = flags,
                            .left = none, .right = none, .feature = none, .threshold = &zero,
                            .value = &zero, .linear_const = &one, .linear_start = start,
                            .linear_feature = columns, .linear_coef = coef };
    const mdl_trees e = ensemble_of(MDL_F64);
    double y = 1;
    (void)state;

    mdl_model *m = load_built(forest(MDL_F64, 2, &e, &tree, 1), NULL);
    assert_int_equal(mdl_predict_f64(m, x, 1, &y), MDL_OK);
    assert_true(y == 0);
    mdl_free(m);
}

/* ---- leaf ids, ranges, depth --------------------------------------------------------------------- */

/* Root 0 with children 4 and 2; 2 with children 3 and 1 (leaves 4, 3, 1). */
static mdl_tree crooked_tree(const int32_t *ids)
{
    static const uint8_t flags[] = { NUMBER, 0, NUMBER, 0, 0 };
    static const int32_t left[] = { 4, -1, 3, -1, -1 }, right[] = { 2, -1, 1, -1, -1 };
    static const int32_t feature[] = { 0, -1, 0, -1, -1 };
    static const double threshold[] = { 1, 0, 2, 0, 0 }, value[] = { 0, 300, 0, 200, 100 };

    return (mdl_tree){ .size = sizeof(mdl_tree), .n_nodes = 5, .weight = 1, .flags = flags,
                       .left = left, .right = right, .feature = feature, .threshold = threshold,
                       .value = value, .leaf_id = ids };
}

static void leaves_keep_the_sources_numbers(void **state)
{
    const int32_t ids[] = { 0, 12, 0, 11, -10 };
    const mdl_tree trees[] = { crooked_tree(NULL), crooked_tree(ids) };
    const mdl_trees e = ensemble_of(MDL_F32);
    const float x[] = { 0, 1.5f, 2.5f };
    const int32_t want[] = { 4, -10, 3, 11, 1, 12 };
    int32_t got[6];
    float y[3];
    (void)state;

    mdl_model *m = load_built(forest(MDL_F32, 1, &e, trees, 2), NULL);
    predict(m, MDL_F32, x, 3, MDL_OUTPUT_LEAF, MDL_I32, 2, got);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(mdl_predict(m, x, 3, y), MDL_OK);
    assert_true(y[0] == 200 && y[1] == 400 && y[2] == 600);
    mdl_free(m);
}

/* A path of 3000 splits, each sending x < i left to a leaf of value i. */
static void a_very_deep_tree_is_walked_to_its_end(void **state)
{
    enum { DEPTH = 3000, NODES = 2 * DEPTH + 1 };
    uint8_t *flags = calloc(NODES, 1);
    int32_t *left = calloc(NODES, 4), *right = calloc(NODES, 4), *feature = calloc(NODES, 4);
    double *threshold = calloc(NODES, 8), *value = calloc(NODES, 8);
    const mdl_trees e = ensemble_of(MDL_F32);
    float x[40], y[40];
    (void)state;

    for (int i = 0; i < DEPTH; i++) {
        flags[2 * i] = NUMBER;
        left[2 * i] = 2 * i + 1;
        right[2 * i] = 2 * i + 2;
        threshold[2 * i] = i;
        value[2 * i + 1] = i;
    }
    value[2 * DEPTH] = DEPTH;
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = NODES, .weight = 1, .flags = flags,
                            .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value };
    mdl_model *m = load_built(forest(MDL_F32, 1, &e, &tree, 1), NULL);
    for (int i = 0; i < 40; i++)
        x[i] = (float)(i * 80) - 0.5f;
    for (size_t rows = 1; rows <= 40; rows += 39) {
        assert_int_equal(mdl_predict(m, x, rows, y), MDL_OK);
        for (size_t i = 0; i < rows; i++)
            assert_true(y[i] == (x[i] > (float)DEPTH ? (float)DEPTH : ceilf(x[i])));
    }
    mdl_free(m);
    free(flags), free(left), free(right), free(feature), free(threshold), free(value);
}

static void an_ensemble_without_trees_gives_its_base(void **state)
{
    const double base = 2.5;
    mdl_trees e = ensemble_of(MDL_F32);
    const float x[9] = { 0 };
    float y[9];
    (void)state;

    e.base = &base;
    mdl_model *m = load_built(forest(MDL_F32, 1, &e, NULL, 0), NULL);
    assert_int_equal(mdl_predict(m, x, 9, y), MDL_OK);
    for (int i = 0; i < 9; i++)
        assert_true(y[i] == 2.5f);
    mdl_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_on_the_threshold_goes_right_under_less_and_left_under_less_equal),
        cmocka_unit_test(zeros_have_no_sign_and_denormals_are_numbers),
        cmocka_unit_test(infinite_and_largest_thresholds_split_as_written),
        cmocka_unit_test(a_threshold_between_two_floats_separates_them),
        cmocka_unit_test(float64_rows_are_compared_as_float64_with_float32_thresholds),
        cmocka_unit_test(float64_rows_for_a_float32_model_are_rounded_first),
        cmocka_unit_test(nan_follows_the_rule_of_its_node),
        cmocka_unit_test(values_as_small_as_lightgbms_zero_are_read_as_zero),
        cmocka_unit_test(members_go_to_the_sets_side_and_all_else_to_the_other),
        cmocka_unit_test(the_category_of_a_negative_fraction_depends_on_truncation),
        cmocka_unit_test(nan_at_a_category_node_follows_its_rule),
        cmocka_unit_test(a_set_may_be_empty_or_hold_category_2_to_the_24),
        cmocka_unit_test(sums_start_from_the_base_and_take_trees_in_order),
        cmocka_unit_test(weighted_leaves_are_rounded_before_they_are_added),
        cmocka_unit_test(averages_divide_by_iterations_not_by_trees),
        cmocka_unit_test(vector_leaves_add_to_neighbouring_columns),
        cmocka_unit_test(leaves_may_be_nan_or_infinite),
        cmocka_unit_test(linear_leaves_fall_back_to_their_value_when_something_is_missing),
        cmocka_unit_test(linear_leaves_add_their_terms_in_order),
        cmocka_unit_test(leaves_keep_the_sources_numbers),
        cmocka_unit_test(a_very_deep_tree_is_walked_to_its_end),
        cmocka_unit_test(an_ensemble_without_trees_gives_its_base),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
