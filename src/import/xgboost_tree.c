/*
 * import/xgboost_tree.c - the second pass: tree by tree from the file into the builder
 *
 * One tree is held at a time, in arrays that are used again for the next.  A leaf has
 * left child -1.  Its value is its split_condition; trees with several targets keep them
 *
 *     2.0 to 3.1   in base_weights [nodes][targets]
 *     since 3.2    in leaf_weights [leaves][targets]; a leaf's right child is its row
 *
 * Importances are those of get_score (GBTreeModel::FeatureScore): float32 sums over the splits of
 * all trees, also those that are not used, right children first.
 *
 * NaN goes to the default side, also where the threshold is NaN: no number is below that,
 * so all others go right, which the threshold -infinity says as well.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/scores.h"
#include "import/xgboost.h"

#include <math.h>                /* INFINITY */
#include <string.h>

enum { LEFT, RIGHT, FEATURE, DEFAULT_LEFT, SPLIT_TYPE, CAT_NODES, CAT_SEGMENTS, CAT_SIZES,
       CATEGORIES, INTS };
enum { CONDITION, COVER, GAIN, NODE_WEIGHTS, LEAF_WEIGHTS, REALS };

static const char *const int_keys[INTS] = {
    [LEFT] = "left_children", [RIGHT] = "right_children", [FEATURE] = "split_indices",
    [DEFAULT_LEFT] = "default_left", [SPLIT_TYPE] = "split_type",
    [CAT_NODES] = "categories_nodes", [CAT_SEGMENTS] = "categories_segments",
    [CAT_SIZES] = "categories_sizes", [CATEGORIES] = "categories",
};
static const char *const real_keys[REALS] = {
    [CONDITION] = "split_conditions", [COVER] = "sum_hessian", [GAIN] = "loss_changes",
    [NODE_WEIGHTS] = "base_weights", [LEAF_WEIGHTS] = "leaf_weights",
};

struct tree {
    struct vec ints[INTS];        /* int32                                   */
    struct vec reals[REALS];      /* double, but float32 in value            */
    unsigned ints_seen, reals_seen;
    struct vec flags;             /* uint8 [nodes]                           */
    struct vec value;             /* double [nodes][width], if copied        */
    int64_t nodes, width, id;
    uint64_t number, offset;      /* which tree, and where it begins         */
};

/* What lasts from tree to tree. */
struct forest {
    struct xgb *x;
    struct events *e;
    struct tree t;
    int32_t node;                 /* the ensemble, once a tree was seen      */
    int64_t width;                /* of its leaves                           */
    uint64_t limit;               /* trees before this one are used          */
    uint64_t round;
    struct xgb_sets sets;
    struct scores scores;
    struct vec stack;             /* int32                                   */
    unsigned lacks;               /* bits of reals that some tree lacks      */
};

static const int32_t *ints(const struct tree *t, int which)
{
    return (const int32_t *)(const void *)t->ints[which].data;
}

static uint64_t count(const struct vec *v, size_t bytes) { return v->bytes / bytes; }

#define BAD(f, ...) mdl_events_fail((f)->e, MDL_ERR_FORMAT, __VA_ARGS__)
#define ULL(v) ((unsigned long long)(v))

/* ---- reading one ---------------------------------------------------------------------- */

static void tree_param(struct tree *t, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "num_nodes"))
            mdl_xgb_integer(e, "num_nodes", 1, INT32_MAX, &t->nodes);
        else if (mdl_events_is(e, "size_leaf_vector"))
            mdl_xgb_integer(e, "size_leaf_vector", 0, XGB_MAX_OUTPUTS, &t->width);
        else
            mdl_events_skip(e, NULL);
}

/* Arrays that this model cannot need are passed over. */
static int is_needed(const struct forest *f, int real)
{
    return real < NODE_WEIGHTS || f->x->outputs > 1;
}

static void field(struct forest *f)
{
    struct events *e = f->e;
    struct tree *t = &f->t;

    for (int i = 0; i < INTS; i++)
        if (mdl_events_is(e, int_keys[i])) {
            t->ints_seen |= 1u << i;
            mdl_events_ints(e, &t->ints[i]);
            return;
        }
    for (int i = 0; i < REALS; i++)
        if (mdl_events_is(e, real_keys[i]) && is_needed(f, i)) {
            t->reals_seen |= 1u << i;
            mdl_events_doubles(e, &t->reals[i]);
            return;
        }
    if (mdl_events_is(e, "tree_param"))
        tree_param(t, e);
    else if (mdl_events_is(e, "id"))
        mdl_xgb_integer(e, "id", 0, INT32_MAX, &t->id);
    else
        mdl_events_skip(e, NULL);
}

static int read_tree(struct forest *f)
{
    struct tree *t = &f->t;

    for (int i = 0; i < INTS; i++)
        t->ints[i].bytes = 0;
    for (int i = 0; i < REALS; i++)
        t->reals[i].bytes = 0;
    t->ints_seen = t->reals_seen = 0;
    t->nodes = t->width = 0;
    t->id = (int64_t)t->number;
    while (mdl_events_key(f->e))
        field(f);
    return !f->e->status;
}

/* ---- checking it ------------------------------------------------------------------------ */

static int has_length(struct forest *f, const char *key, uint64_t have, uint64_t want)
{
    if (have != want)
        BAD(f, "tree %llu: '%s' has %llu entries, expected %llu", ULL(f->t.number), key,
            ULL(have), ULL(want));
    return have == want;
}

static int check_lengths(struct forest *f)
{
    const struct tree *t = &f->t;
    const uint64_t nodes = (uint64_t)t->nodes;

    if (!nodes)
        return !BAD(f, "tree %llu has no 'num_nodes'", ULL(t->number));
    if (t->id != (int64_t)t->number)
        return !BAD(f, "tree %llu has the id %lld", ULL(t->number), (long long)t->id);
    for (int i = LEFT; i <= SPLIT_TYPE; i++)
        if ((i < SPLIT_TYPE || t->ints_seen & 1u << SPLIT_TYPE)
            && !has_length(f, int_keys[i], count(&t->ints[i], 4), nodes))
            return 0;
    for (int i = CONDITION; i <= GAIN; i++)
        if ((i < COVER || t->reals_seen & 1u << i)
            && !has_length(f, real_keys[i], count(&t->reals[i], 8), nodes))
            return 0;
    return has_length(f, int_keys[CAT_SEGMENTS], count(&t->ints[CAT_SEGMENTS], 4),
                      count(&t->ints[CAT_NODES], 4))
        && has_length(f, int_keys[CAT_SIZES], count(&t->ints[CAT_SIZES], 4),
                      count(&t->ints[CAT_NODES], 4));
}

/* ---- flags, values, sets ------------------------------------------------------------------ */

static void *resize(struct forest *f, struct vec *v, uint64_t n, size_t bytes)
{
    v->bytes = 0;
    void *p = n > SIZE_MAX / bytes ? NULL
                                   : mdl_vec_add(v, &f->x->allocator, NULL, (size_t)n * bytes);
    if (!p)
        mdl_events_memory(f->e);
    return p;
}

static int fill_flags(struct forest *f)
{
    struct tree *t = &f->t;
    const int32_t *left = ints(t, LEFT), *default_left = ints(t, DEFAULT_LEFT);
    const int32_t *type = t->ints_seen & 1u << SPLIT_TYPE ? ints(t, SPLIT_TYPE) : NULL;
    double *threshold = (double *)(void *)t->reals[CONDITION].data;
    uint8_t *flags = resize(f, &t->flags, (uint64_t)t->nodes, 1);

    for (int64_t i = 0; flags && i < t->nodes; i++) {
        if (left[i] == -1)
            continue;
        if (type && (type[i] < 0 || type[i] > 1))
            return !BAD(f, "tree %llu: node %lld has the split_type %d", ULL(t->number),
                        (long long)i, (int)type[i]);
        const int is_category = type && type[i] == 1;
        flags[i] = (uint8_t)(MDL_NODE_NAN_DEFAULT
                             | (is_category ? MDL_NODE_CATEGORY : MDL_NODE_NUMBER)
                             | (default_left[i] ? MDL_NODE_DEFAULT_LEFT : 0));
        if (!is_category && threshold[i] != threshold[i])
            threshold[i] = -(double)INFINITY;
    }
    return flags != NULL;
}

/* [nodes][width] from [leaves][width]; the leaves' rows lie in their right children. */
static const double *spread_leaves(struct forest *f)
{
    struct tree *t = &f->t;
    const size_t width = (size_t)t->width;
    const int32_t *left = ints(t, LEFT), *right = ints(t, RIGHT);
    uint64_t leaves = 0;

    for (int64_t i = 0; i < t->nodes; i++)
        leaves += left[i] == -1;
    if ((uint64_t)t->nodes > 2 * leaves) {
        BAD(f, "tree %llu has %lld nodes and %llu leaves", ULL(t->number), (long long)t->nodes,
            ULL(leaves));
        return NULL;
    }
    if (!has_length(f, real_keys[LEAF_WEIGHTS], count(&t->reals[LEAF_WEIGHTS], 8),
                    leaves * width))
        return NULL;
    const double *from = (const double *)(void *)t->reals[LEAF_WEIGHTS].data;
    double *to = resize(f, &t->value, (uint64_t)t->nodes * width, sizeof *to);
    for (int64_t i = 0; to && i < t->nodes; i++) {
        if (left[i] != -1)
            continue;
        if (right[i] < 0 || (uint64_t)right[i] >= leaves) {
            BAD(f, "tree %llu: leaf %lld has row %d of %llu", ULL(t->number), (long long)i,
                (int)right[i], ULL(leaves));
            return NULL;
        }
        memcpy(to + (size_t)i * width, from + (size_t)right[i] * width, width * sizeof *to);
    }
    return to;
}

static const double *leaf_values(struct forest *f)
{
    struct tree *t = &f->t;

    if (t->width == 1) {
        double *value = (double *)(void *)t->reals[CONDITION].data;
        for (int64_t i = 0; i < t->nodes && f->x->drop.bytes; i++)
            if (value[i] == 0)
                value[i] = 0;     /* -0: dart adds a leaf to 0 before it goes to the others */
        return value;
    }
    if (t->reals_seen & 1u << LEAF_WEIGHTS)
        return spread_leaves(f);
    if (!has_length(f, real_keys[NODE_WEIGHTS], count(&t->reals[NODE_WEIGHTS], 8),
                    (uint64_t)t->nodes * (uint64_t)t->width))
        return NULL;
    return (const double *)(void *)t->reals[NODE_WEIGHTS].data;
}

static int fill_sets(struct forest *f)
{
    struct tree *t = &f->t;

    f->sets.node = ints(t, CAT_NODES);
    f->sets.segment = ints(t, CAT_SEGMENTS);
    f->sets.size = ints(t, CAT_SIZES);
    f->sets.member = ints(t, CATEGORIES);
    f->sets.n = count(&t->ints[CAT_NODES], 4);
    f->sets.n_members = count(&t->ints[CATEGORIES], 4);
    return mdl_xgb_sets(f->x, f->e, &f->sets, t->number, (uint64_t)t->nodes, t->flags.data);
}

/* ---- into the builder ----------------------------------------------------------------------- */

/* All trees have leaves of one width: that of the first. */
static int begin_ensemble(struct forest *f, int64_t width)
{
    struct xgb *x = f->x;
    const mdl_trees trees = {
        .size = sizeof trees, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
        .leaf_type = MDL_F32, .outputs = x->outputs, .leaf_width = (uint64_t)width,
        .base = mdl_xgb_adds_base_last(x) ? NULL : x->margin,
    };

    f->node = mdl_build_trees(x->b, x->input, &trees);
    f->width = width;
    x->raw = mdl_xgb_add_base(x, mdl_build_result(x->b, f->node, 0));
    x->leaves = mdl_build_result(x->b, f->node, 1);
    return f->node != MDL_NONE;
}

/* The width of a tree's leaves, 0 if it does not fit the others. */
static int check_width(struct forest *f)
{
    struct tree *t = &f->t;

    t->width += !t->width;
    if (t->width > 1 && (uint64_t)t->width != f->x->outputs)
        return !BAD(f, "tree %llu: leaves of %lld values in a model of %llu outputs",
                    ULL(t->number), (long long)t->width, ULL(f->x->outputs));
    if (f->node == MDL_NONE)
        return begin_ensemble(f, t->width);
    if (t->width != f->width)
        mdl_parts_add(&f->x->parts, "trees of one and of several values a leaf in one model");
    return t->width == f->width;
}

/* What the builder found wrong, with the place of the tree. */
static mdl_status builder_status(struct forest *f)
{
    const mdl_status s = mdl_builder_status(f->x->b, f->x->err);

    if (s)
        mdl_error_where(f->x->err, "", f->t.offset, NULL);
    return s;
}

static int add_tree(struct forest *f, double weight)
{
    struct xgb *x = f->x;
    struct tree *t = &f->t;
    const int32_t *info = (const int32_t *)(void *)x->tree_info.data;
    mdl_tree tree = { .size = sizeof tree, .n_nodes = (uint32_t)t->nodes, .weight = weight };

    if (!check_width(f) || !fill_flags(f) || !fill_sets(f))
        return 0;
    tree.value = leaf_values(f);
    if (!tree.value)
        return 0;
    if (info[t->number] < 0)
        return !BAD(f, "tree %llu adds to output %d", ULL(t->number), (int)info[t->number]);
    tree.output = (uint64_t)info[t->number];
    tree.iteration = f->round;
    tree.flags = t->flags.data;
    tree.left = ints(t, LEFT);
    tree.right = ints(t, RIGHT);
    tree.feature = ints(t, FEATURE);
    tree.threshold = (const double *)(void *)t->reals[CONDITION].data;
    if (t->reals_seen & 1u << COVER)
        tree.cover = (const double *)(void *)t->reals[COVER].data;
    tree.set_start = (const uint32_t *)(void *)f->sets.start.data;
    tree.set_words = (const uint32_t *)(void *)f->sets.words.data;
    return !mdl_build_tree(x->b, f->node, &tree);
}

/* ---- importances ------------------------------------------------------------------------------ */

static const char *const kinds[] = { "gain", "weight", "cover", "total_gain", "total_cover" };
enum { MEAN_GAIN, WEIGHT, MEAN_COVER, TOTAL_GAIN, TOTAL_COVER, KINDS };

static double score_of(const struct score *s, size_t kind)
{
    switch (kind) {
    case MEAN_GAIN: return (double)(s->gain / (float)s->splits);
    case WEIGHT: return (double)(float)s->splits;
    case MEAN_COVER: return (double)(s->cover / (float)s->splits);
    case TOTAL_GAIN: return (double)s->gain;
    default: return (double)s->cover;
    }
}

/* Of files without gains or covers. */
static double weight_of(const struct score *s, size_t kind)
{
    return score_of(s, kind + WEIGHT);
}

static int add_scores(struct forest *f)
{
    struct tree *t = &f->t;
    const int32_t *left = ints(t, LEFT), *right = ints(t, RIGHT), *feature = ints(t, FEATURE);
    const double *gain = (const double *)(void *)t->reals[GAIN].data;
    const double *cover = (const double *)(void *)t->reals[COVER].data;
    int32_t *stack = resize(f, &f->stack, (uint64_t)t->nodes + 1, sizeof *stack);
    size_t n = 1;

    f->lacks |= ~t->reals_seen;
    for (int64_t steps = 0; stack && n && steps < t->nodes; steps++) {
        const int32_t i = stack[--n];
        if (left[i] == -1)
            continue;
        if (left[i] < 0 || right[i] < 0 || left[i] >= t->nodes || right[i] >= t->nodes
            || feature[i] < 0)
            return !BAD(f, "tree %llu: node %d has children %d and %d", ULL(t->number), (int)i,
                        (int)left[i], (int)right[i]);
        struct score *s = mdl_scores_at(&f->scores, &f->x->allocator, (uint32_t)feature[i]);
        if (!s)
            return !mdl_events_memory(f->e);
        s->splits++;
        if (!(f->lacks & 1u << GAIN))
            s->gain += (float)gain[i];
        if (!(f->lacks & 1u << COVER))
            s->cover += (float)cover[i];
        stack[n++] = left[i];
        stack[n++] = right[i];
    }
    return stack != NULL;
}

static mdl_status give_scores(struct forest *f)
{
    const int has_all = !(f->lacks & (1u << GAIN | 1u << COVER));
    const mdl_status s = has_all
        ? mdl_scores_give(&f->scores, &f->x->allocator, f->x->b, KINDS, kinds, score_of)
        : mdl_scores_give(&f->scores, &f->x->allocator, f->x->b, 1, kinds + WEIGHT, weight_of);

    return s ? mdl_fail(f->x->err, s, "out of memory") : MDL_OK;
}

/* ---- all of them --------------------------------------------------------------------------------- */

static mdl_status one_tree(struct forest *f)
{
    struct xgb *x = f->x;
    const double *drop = (const double *)(void *)x->drop.data;
    const int32_t *first = (const int32_t *)(void *)x->rounds.data;
    const uint64_t number = f->t.number;

    f->t.offset = bytes_offset(&f->e->in);
    if (number >= (uint64_t)x->n_trees)
        return BAD(f, "'trees' has more than the %llu of num_trees", ULL(x->n_trees));
    while (number >= (uint64_t)first[f->round + 1])
        f->round++;
    const double weight = number < x->drop.bytes / 8 ? drop[number] : 1.0;
    if (!read_tree(f) || !check_lengths(f) || (number < f->limit && !add_tree(f, weight))
        || !add_scores(f)) {
        const mdl_status s = f->e->status ? f->e->status : mdl_parts_fail(&x->parts, x->err);
        return s ? s : builder_status(f);
    }
    return mdl_import_progress(x->options, bytes_offset(&f->e->in),
                               (uint64_t)(x->file.end - x->file.start), x->err);
}

static mdl_status all_trees(struct forest *f)
{
    const uint64_t all = (uint64_t)f->x->n_trees;
    mdl_status s = MDL_OK;
    enum event ev;

    mdl_events_array(f->e);
    while (!s && mdl_events_element(f->e, &ev)) {
        if (ev != EVENT_OBJECT)
            return BAD(f, "tree %llu is no object", ULL(f->t.number));
        s = one_tree(f);
        f->t.number++;
    }
    if (s || f->e->status)
        return s ? s : f->e->status;
    if (f->t.number != all)
        return BAD(f, "'trees' has %llu entries, expected %llu", ULL(f->t.number), ULL(all));
    if (f->node == MDL_NONE && !begin_ensemble(f, 1))
        return builder_status(f);
    return give_scores(f);
}

static void free_tree(struct tree *t, const mdl_allocator *allocator)
{
    for (int i = 0; i < INTS; i++)
        mdl_vec_free(&t->ints[i], allocator);
    for (int i = 0; i < REALS; i++)
        mdl_vec_free(&t->reals[i], allocator);
    mdl_vec_free(&t->flags, allocator);
    mdl_vec_free(&t->value, allocator);
}

mdl_status mdl_xgb_trees(struct xgb *x)
{
    struct events e;
    struct forest f = { .x = x, .e = &e, .node = MDL_NONE };
    mdl_status s = mdl_xgb_rounds(x, &f.limit);

    if (s)
        return s;
    mdl_xgb_events(x, &e, x->trees);
    s = all_trees(&f);
    free_tree(&f.t, &x->allocator);
    mdl_vec_free(&f.sets.start, &x->allocator);
    mdl_vec_free(&f.sets.words, &x->allocator);
    mdl_vec_free(&f.stack, &x->allocator);
    mdl_scores_free(&f.scores, &x->allocator);
    mdl_events_free(&e);
    return s;
}
