/*
 * import/lightgbm_tree.c - one tree of LightGBM's text
 *
 * A tree of n leaves has the inner nodes 0 .. n - 2; a child below 0 is leaf ~child.  For
 * the builder inner nodes keep their numbers and leaf i becomes node n - 1 + i.
 *
 *     decision_type   bit 0     category node: `threshold` is the number of its set
 *                     bit 1     the default side is the left one
 *                     bits 2-3  missing: 0 none (NaN is read as 0), 1 zero and NaN, 2 NaN
 *
 * Category nodes send members of their set left, all else (NaN too) right, whatever their
 * missing type says.  leaf_value and leaf_coeff are final: shrinkage and DART's weights
 * are in them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/lightgbm.h"

enum {
    NUM_LEAVES, NUM_CAT, SPLIT_FEATURE, THRESHOLD, DECISION_TYPE, LEFT_CHILD, RIGHT_CHILD,
    LEAF_VALUE, LEAF_COUNT, INTERNAL_COUNT, CAT_BOUNDARIES, CAT_THRESHOLD, IS_LINEAR, LEAF_CONST,
    NUM_FEATURES, LEAF_FEATURES, LEAF_COEFF, SPLIT_GAIN, NEEDED,
    /* of training only */
    LEAF_WEIGHT = NEEDED, INTERNAL_VALUE, INTERNAL_WEIGHT, SHRINKAGE, KEYS
};

static const char *const names[KEYS] = {
    "num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child",
    "right_child", "leaf_value", "leaf_count", "internal_count", "cat_boundaries",
    "cat_threshold", "is_linear", "leaf_const", "num_features", "leaf_features", "leaf_coeff",
    "split_gain", "leaf_weight", "internal_value", "internal_weight", "shrinkage",
};

#define CATEGORICAL  1
#define DEFAULT_LEFT 2
#define MISSING_ZERO 1
#define MISSING_NAN  2
#define MOST_TYPE (MISSING_NAN << 2 | DEFAULT_LEFT | CATEGORICAL)

/* What the fields say of the size of things. */
struct shape {
    struct span field[KEYS];
    const unsigned char *at;      /* of the tree                  */
    size_t leaves, inner, nodes, sets;
    int linear;
};

static mdl_status need(const struct lgb *g, const struct shape *h, int key)
{
    return h->field[key].at ? MDL_OK : mdl_lgb_fail(g, h->at, "there is no '%s'", names[key]);
}

/* `n` numbers take at least 2 n - 1 bytes; so no array is larger than its text. */
static mdl_status backed(const struct lgb *g, struct span s, int key, uint64_t n)
{
    if (n <= (span_length(s) + 1) / 2)
        return MDL_OK;
    return mdl_lgb_fail(g, s.at, "%s is too short for %llu values", names[key],
                        (unsigned long long)n);
}

static mdl_status integers(const struct lgb *g, const struct shape *h, int key, size_t n,
                           int64_t least, int64_t most, struct vec *to)
{
    mdl_status s = need(g, h, key);

    if (!s) s = backed(g, h->field[key], key, n);
    if (s)
        return s;
    int32_t *out = mdl_lgb_room(g, to, n, sizeof *out);
    return out ? mdl_lgb_ints(g, h->field[key], names[key], n, least, most, out)
               : mdl_lgb_memory(g);
}

/* `n` numbers of `key`, behind `before` zeros. */
static mdl_status reals(const struct lgb *g, const struct shape *h, int key, size_t before,
                        size_t n, struct vec *to)
{
    mdl_status s = need(g, h, key);

    if (!s) s = backed(g, h->field[key], key, n);
    if (s)
        return s;
    double *out = mdl_lgb_room(g, to, before + n, sizeof *out);
    return out ? mdl_lgb_doubles(g, h->field[key], names[key], n, out + before)
               : mdl_lgb_memory(g);
}

static mdl_status read_shape(struct lgb *g, struct shape *h)
{
    int64_t leaves, sets, linear = 0;
    mdl_status s = mdl_lgb_fields(g, names, KEYS, h->field);

    if (!s) s = need(g, h, NUM_LEAVES);
    if (!s) s = need(g, h, NUM_CAT);
    if (!s) s = need(g, h, LEAF_VALUE);
    if (!s)
        s = mdl_lgb_int(g, h->field[NUM_LEAVES], names[NUM_LEAVES], 1, INT32_MAX / 2, &leaves);
    if (!s) s = mdl_lgb_int(g, h->field[NUM_CAT], names[NUM_CAT], 0, leaves - 1, &sets);
    if (!s && h->field[IS_LINEAR].at)
        s = mdl_lgb_int(g, h->field[IS_LINEAR], names[IS_LINEAR], 0, 1, &linear);
    if (s)
        return s;
    h->leaves = (size_t)leaves;
    h->inner = h->leaves - 1;
    h->nodes = h->leaves + h->inner;
    h->sets = (size_t)sets;
    h->linear = (int)linear;
    return MDL_OK;
}

/* ---- the inner nodes --------------------------------------------------------------------- */

/* Children as the builder counts them; each node but the root is the child of one. */
static mdl_status read_children(const struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    const int64_t least = -(int64_t)h->leaves, most = (int64_t)h->inner - 1;
    mdl_status s = integers(g, h, LEFT_CHILD, h->inner, least, most, &t->left);
    uint8_t *used = s ? NULL : mdl_lgb_room(g, &t->used, h->nodes, 1);

    if (!s) s = integers(g, h, RIGHT_CHILD, h->inner, least, most, &t->right);
    if (s || !used)
        return s ? s : mdl_lgb_memory(g);
    used[0] = 1;
    for (size_t i = 0; i < 2 * h->inner; i++) {
        const int is_left = i < h->inner;
        int32_t *child = (int32_t *)(void *)(is_left ? t->left.data : t->right.data)
                       + (is_left ? i : i - h->inner);
        const int32_t source = *child;

        *child = source < 0 ? (int32_t)h->inner + ~source : source;
        if (used[*child]++)
            return mdl_lgb_fail(g, h->field[is_left ? LEFT_CHILD : RIGHT_CHILD].at,
                                "node %d is reached twice (a cycle or a shared child)",
                                (int)source);
    }
    return MDL_OK;
}

static uint8_t node_flags(int type)
{
    const unsigned left = type & DEFAULT_LEFT ? MDL_NODE_DEFAULT_LEFT : 0;

    if (type & CATEGORICAL)
        return MDL_NODE_CATEGORY | MDL_NODE_SET_LEFT;
    switch (type >> 2) {
    case MISSING_ZERO: return (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_ZERO_DEFAULT | left);
    case MISSING_NAN: return (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT | left);
    default: return MDL_NODE_NUMBER | MDL_NODE_NAN_ZERO;
    }
}

/* Files may do without decision types: all 0 then, as LightGBM reads them. */
static mdl_status read_flags(const struct lgb *g, const struct shape *h, struct lgb_tree *t,
                             size_t *categorical)
{
    uint8_t *flags = mdl_lgb_room(g, &t->flags, h->nodes, 1);
    mdl_status s = MDL_OK;

    *categorical = 0;
    if (!flags)
        return mdl_lgb_memory(g);
    if (h->field[DECISION_TYPE].at)
        s = integers(g, h, DECISION_TYPE, h->inner, 0, MOST_TYPE, &t->counts);
    for (size_t i = 0; !s && i < h->inner; i++) {
        const int type = h->field[DECISION_TYPE].at ? ((int32_t *)(void *)t->counts.data)[i] : 0;

        flags[i] = node_flags(type);
        *categorical += type & CATEGORICAL;
    }
    return s;
}

/* ---- sets of categories ------------------------------------------------------------------ */

static mdl_status read_sets(const struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    mdl_status s = integers(g, h, CAT_BOUNDARIES, h->sets + 1, 0, INT32_MAX, &t->boundaries);

    if (!s) s = need(g, h, CAT_THRESHOLD);
    if (s)
        return s;
    const int32_t *bound = (const int32_t *)(const void *)t->boundaries.data;
    for (size_t i = 0; i < h->sets; i++)
        if (bound[0] != 0 || bound[i + 1] < bound[i])
            return mdl_lgb_fail(g, h->field[CAT_BOUNDARIES].at,
                                "cat_boundaries must begin with 0 and never decrease");
    const size_t n = (size_t)bound[h->sets];
    s = backed(g, h->field[CAT_THRESHOLD], CAT_THRESHOLD, n);
    if (s)
        return s;
    uint32_t *words = mdl_lgb_room(g, &t->words, n, sizeof *words);
    return words ? mdl_lgb_words(g, h->field[CAT_THRESHOLD], names[CAT_THRESHOLD], n, words)
                 : mdl_lgb_memory(g);
}

/* The words of node i's set, at the end of set_words. */
static mdl_status add_set(const struct lgb *g, const struct shape *h, struct lgb_tree *t,
                          size_t i)
{
    const double number = ((const double *)(const void *)t->threshold.data)[i];
    const int32_t *bound = (const int32_t *)(const void *)t->boundaries.data;

    if (!(number >= 0 && number < (double)h->sets) || number != (double)(size_t)number)
        return mdl_lgb_fail(g, h->field[THRESHOLD].at,
                            "threshold: node %llu is categorical, its set must be an integer "
                            "below num_cat %llu", (unsigned long long)i,
                            (unsigned long long)h->sets);
    const size_t set = (size_t)number;
    if (t->used.data[set]++)
        return mdl_lgb_fail(g, h->field[THRESHOLD].at, "threshold: set %llu has two nodes",
                            (unsigned long long)set);
    const size_t words = (size_t)(bound[set + 1] - bound[set]);
    if (words
        && !mdl_vec_add(&t->set_words, &g->allocator, t->words.data + 4 * (size_t)bound[set],
                        4 * words))
        return mdl_lgb_memory(g);
    return MDL_OK;
}

/* Sets in the order of their nodes, so that set_start can be an array of offsets. */
static mdl_status place_sets(const struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    uint32_t *start = mdl_lgb_room(g, &t->set_start, h->nodes + 1, sizeof *start);
    mdl_status s = MDL_OK;

    t->set_words.bytes = 0;
    if (!start || !mdl_lgb_room(g, &t->used, h->sets, 1))
        return mdl_lgb_memory(g);
    for (size_t i = 0; !s && i < h->nodes; i++) {
        if ((t->flags.data[i] & MDL_NODE_CATEGORY) != 0)
            s = add_set(g, h, t, i);
        start[i + 1] = (uint32_t)(t->set_words.bytes / 4);
    }
    return s;
}

static mdl_status read_splits(const struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    size_t categorical = 0;
    mdl_status s = integers(g, h, SPLIT_FEATURE, h->inner, 0, (int64_t)g->cols - 1, &t->feature);

    if (!s) s = read_children(g, h, t);
    if (!s) s = reals(g, h, THRESHOLD, 0, h->inner, &t->threshold);
    if (!s) s = read_flags(g, h, t, &categorical);
    if (!s && categorical != h->sets)
        s = mdl_lgb_fail(g, h->at, "num_cat is %llu, decision_type has %llu category nodes",
                         (unsigned long long)h->sets, (unsigned long long)categorical);
    if (!s && h->sets) s = read_sets(g, h, t);
    if (!s && h->sets) s = place_sets(g, h, t);
    return s;
}

/* ---- the leaves -------------------------------------------------------------------------- */

/* leaf_features and leaf_coeff hold num_features[i] values for each leaf i in turn. */
static mdl_status read_linear(const struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    mdl_status s = reals(g, h, LEAF_CONST, h->inner, h->leaves, &t->linear_const);
    uint64_t all = 0;

    if (!s) s = integers(g, h, NUM_FEATURES, h->leaves, 0, INT32_MAX, &t->counts);
    uint32_t *start = s ? NULL : mdl_lgb_room(g, &t->linear_start, h->nodes + 1, sizeof *start);
    if (s || !start)
        return s ? s : mdl_lgb_memory(g);

    const int32_t *count = (const int32_t *)(const void *)t->counts.data;
    for (size_t i = 0; i < h->leaves; i++) {
        all += (uint64_t)count[i];
        start[h->inner + i + 1] = (uint32_t)all;
        if (all > INT32_MAX)
            return mdl_lgb_fail(g, h->field[NUM_FEATURES].at, "num_features add up to 2^31");
    }
    s = integers(g, h, LEAF_FEATURES, (size_t)all, 0, (int64_t)g->cols - 1, &t->linear_feature);
    return s ? s : reals(g, h, LEAF_COEFF, 0, (size_t)all, &t->linear_coef);
}

/* Rows of the training data at each node; a tree of one leaf may leave its own out. */
static mdl_status read_cover(const struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    static const int keys[] = { INTERNAL_COUNT, LEAF_COUNT };
    double *cover = mdl_lgb_room(g, &t->cover, h->nodes, sizeof *cover);
    size_t at = 0;

    if (!cover)
        return mdl_lgb_memory(g);
    for (int k = h->inner ? 0 : 1; k < 2; k++) {
        const size_t n = k ? h->leaves : h->inner;
        struct span word, field = h->field[keys[k]];

        if (!h->inner && !mdl_lgb_word(&field, ' ', &word))
            break;
        const mdl_status s = integers(g, h, keys[k], n, 0, INT32_MAX, &t->counts);
        if (s)
            return s;
        for (size_t i = 0; i < n; i++)
            cover[at++] = ((const int32_t *)(const void *)t->counts.data)[i];
    }
    return MDL_OK;
}

/* As feature_importance (GBDT::FeatureImportance): splits with a gain, which is a float. */
static mdl_status add_scores(struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    g->no_gains |= !h->field[SPLIT_GAIN].at;
    if (g->no_gains)
        return MDL_OK;
    const mdl_status s = reals(g, h, SPLIT_GAIN, 0, h->inner, &t->gain);
    if (s)
        return s;
    const int32_t *feature = (const int32_t *)(const void *)t->feature.data;
    const double *gain = (const double *)(const void *)t->gain.data;
    for (size_t i = 0; i < h->inner; i++) {
        if (!((float)gain[i] > 0))
            continue;
        struct score *score = mdl_scores_at(&g->scores, &g->allocator, (uint32_t)feature[i]);
        if (!score)
            return mdl_lgb_memory(g);
        score->splits++;
        score->sum += (double)(float)gain[i];
    }
    return MDL_OK;
}

static mdl_status read_leaves(const struct lgb *g, const struct shape *h, struct lgb_tree *t)
{
    mdl_status s = reals(g, h, LEAF_VALUE, h->inner, h->leaves, &t->value);
    int32_t *id = s ? NULL : mdl_lgb_room(g, &t->leaf_id, h->nodes, sizeof *id);

    if (s || !id)
        return s ? s : mdl_lgb_memory(g);
    for (size_t i = 0; i < h->leaves; i++)
        id[h->inner + i] = (int32_t)i;
    return h->linear ? read_linear(g, h, t) : MDL_OK;
}

/* ---- into the builder -------------------------------------------------------------------- */

static mdl_status build(const struct lgb *g, const struct shape *h, const struct lgb_tree *t,
                        int covered)
{
    const mdl_tree tree = {
        .size = sizeof tree, .n_nodes = (uint32_t)h->nodes, .output = g->tree % g->outputs,
        .iteration = g->tree / g->outputs, .weight = 1, .flags = t->flags.data,
        .left = (const int32_t *)(const void *)t->left.data,
        .right = (const int32_t *)(const void *)t->right.data,
        .feature = (const int32_t *)(const void *)t->feature.data,
        .threshold = (const double *)(const void *)t->threshold.data,
        .value = (const double *)(const void *)t->value.data,
        .leaf_id = (const int32_t *)(const void *)t->leaf_id.data,
        .cover = covered ? (const double *)(const void *)t->cover.data : NULL,
        .set_start = h->sets ? (const uint32_t *)(const void *)t->set_start.data : NULL,
        .set_words = (const uint32_t *)(const void *)t->set_words.data,
        .linear_const = h->linear ? (const double *)(const void *)t->linear_const.data : NULL,
        .linear_start = (const uint32_t *)(const void *)t->linear_start.data,
        .linear_feature = (const int32_t *)(const void *)t->linear_feature.data,
        .linear_coef = (const double *)(const void *)t->linear_coef.data,
    };

    if (!mdl_build_tree(g->b, g->ensemble, &tree))
        return MDL_OK;
    const mdl_status s = mdl_builder_status(g->b, g->err);
    mdl_error_where(g->err, "", (uint64_t)(h->at - g->in.start), NULL);
    return s;
}

mdl_status mdl_lgb_tree(struct lgb *g, struct lgb_tree *t, int wanted)
{
    struct shape h = { .at = g->in.at };
    mdl_status s = read_shape(g, &h);
    const int covered = h.field[LEAF_COUNT].at && (h.field[INTERNAL_COUNT].at || !h.inner);

    if (!s) s = read_leaves(g, &h, t);
    if (!s && h.inner) s = read_splits(g, &h, t);
    if (!s && !h.inner && !mdl_lgb_room(g, &t->flags, 1, 1)) s = mdl_lgb_memory(g);
    if (!s && covered) s = read_cover(g, &h, t);
    if (!s && wanted && h.inner) s = add_scores(g, &h, t);
    return s || !wanted || g->parts.count ? s : build(g, &h, t, covered);
}

void mdl_lgb_tree_free(const struct lgb *g, struct lgb_tree *t)
{
    struct vec *const all[] = {
        &t->flags, &t->left, &t->right, &t->feature, &t->threshold, &t->value, &t->leaf_id,
        &t->cover, &t->set_start, &t->set_words, &t->boundaries, &t->words, &t->used,
        &t->linear_const, &t->linear_start, &t->linear_feature, &t->linear_coef, &t->counts,
        &t->gain,
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mdl_vec_free(all[i], &g->allocator);
}
