/*
 * import/catboost_json.c - the JSON file of CatBoost
 *
 *     model_info         params, class_params, catboost_version_info, ...
 *     features_info      float_features [ feature_index, flat_feature_index, feature_id, borders,
 *                        has_nans, nan_value_treatment ], categorical_features [ ..., values ]
 *     oblivious_trees    [ leaf_values, leaf_weights, splits [ split_index ] ]
 *     trees              instead: nodes { split { split_index }, left, right } or { value, weight }
 *     scale_and_bias     [ scale, [ bias of each output ] ]
 *
 * split_index says everything about a split that its other keys say, and that those of
 * target statistics do not: see catboost.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

#include "import/number.h"

#include <string.h>

/* ---- values ---------------------------------------------------------------------------------- */

static int integer(struct events *e, int64_t least, int64_t most, int64_t *out)
{
    if (mdl_events_next(e) != EVENT_NUMBER || !mdl_events_get_i64(e, out))
        mdl_events_bad(e, "expected an integer");
    else if (*out < least || *out > most)
        mdl_events_bad(e, "expected an integer from %lld to %lld", (long long)least,
                       (long long)most);
    return !e->status;
}

static int add_double(struct cat *c, struct events *e, enum event ev, struct vec *to)
{
    double v;

    if (ev != EVENT_NUMBER || mdl_parse_f64(e->text, e->length, &v) != e->length) {
        mdl_events_bad(e, "expected a number");
        return 0;
    }
    return mdl_vec_add(to, &c->allocator, &v, sizeof v) ? 1 : !mdl_events_memory(e);
}

/* A number, some in an array, or null: none. */
static void doubles(struct cat *c, struct events *e, struct vec *to)
{
    enum event ev = mdl_events_next(e);

    if (ev == EVENT_NULL || ev == EVENT_FAILED)
        return;
    if (ev != EVENT_ARRAY) {
        add_double(c, e, ev, to);
        return;
    }
    while (mdl_events_element(e, &ev) && add_double(c, e, ev, to))
        ;
}

void mdl_cat_json_floats(struct cat *c, struct events *e, struct vec *to)
{
    enum event ev;
    float f;

    mdl_events_array(e);
    while (mdl_events_element(e, &ev))
        if (ev != EVENT_NUMBER)
            mdl_events_bad(e, "expected a number");
        else if (mdl_events_get_f32(e, &f) && !mdl_vec_add(to, &c->allocator, &f, sizeof f))
            mdl_events_memory(e);
}

/* ---- features_info --------------------------------------------------------------------------- */

static int is_high(struct events *e)
{
    if (!mdl_events_string(e))
        return 0;
    if (mdl_events_is(e, "AsTrue"))
        return 1;
    if (!mdl_events_is(e, "AsFalse") && !mdl_events_is(e, "AsIs"))
        mdl_events_bad(e, "'nan_value_treatment' is none of AsIs, AsFalse, AsTrue");
    return 0;
}

static void feature(struct cat *c, struct events *e, struct vec *to)
{
    struct cat_feature one = { .index = -1, .column = -1, .name = CAT_NO_TEXT,
                               .first = (uint32_t)CAT_COUNT(c->borders, float) };
    struct cat_one_hot hot = { 0 };
    int has_nan = 0;

    while (mdl_events_key(e))
        if (mdl_events_is(e, "feature_index"))
            integer(e, -1, INT32_MAX, &one.index);
        else if (mdl_events_is(e, "flat_feature_index"))
            integer(e, -1, INT32_MAX, &one.column);
        else if (mdl_events_is(e, "borders"))
            mdl_cat_json_floats(c, e, &c->borders);
        else if (mdl_events_is(e, "nan_value_treatment"))
            one.nan_is_high = is_high(e);
        else if (mdl_events_is(e, "values")) {
            hot.first = (uint32_t)CAT_COUNT(c->values, int32_t);
            mdl_events_ints(e, &c->values);
            hot.n = (uint32_t)CAT_COUNT(c->values, int32_t) - hot.first;
        } else if (mdl_events_is(e, "has_nans"))
            has_nan = mdl_events_next(e) == EVENT_BOOL && e->integer;
        else if (!mdl_events_is(e, "feature_id"))
            mdl_events_skip(e, NULL);
        else if (mdl_events_string(e) && e->length
                 && !mdl_cat_text(c, e->text, e->length, &one.name))
            mdl_events_memory(e);
    one.n = (uint32_t)CAT_COUNT(c->borders, float) - one.first;
    one.nan_is_high &= has_nan;
    hot.index = one.index;
    if (!e->status && (!mdl_vec_add(to, &c->allocator, &one, sizeof one)
                       || (hot.n && !mdl_vec_add(&c->one_hot, &c->allocator, &hot, sizeof hot))))
        mdl_events_memory(e);
}

static void features(struct cat *c, struct events *e, struct vec *to)
{
    enum event ev;

    mdl_events_array(e);
    while (mdl_events_element(e, &ev))
        if (ev == EVENT_OBJECT)
            feature(c, e, to);
        else
            mdl_events_bad(e, "a feature is no object");
}

static void features_info(struct cat *c, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "float_features"))
            features(c, e, &c->numbers);
        else if (mdl_events_is(e, "categorical_features"))
            features(c, e, &c->categories);
        else if (mdl_events_is(e, "ctrs"))
            mdl_cat_json_ctrs(c, e);
        else
            mdl_events_skip(e, NULL);
}

/* ---- trees ----------------------------------------------------------------------------------- */

static int add_split(struct cat *c, struct events *e, int64_t index)
{
    const int32_t narrow = (int32_t)index;

    return mdl_vec_add(&c->tree_splits, &c->allocator, &narrow, sizeof narrow)
         ? 1 : !mdl_events_memory(e);
}

/* What is left of an object that describes a split. */
static int split_index(struct events *e, int64_t *index)
{
    *index = -1;
    while (mdl_events_key(e))
        if (mdl_events_is(e, "split_index"))
            integer(e, 0, INT32_MAX, index);
        else
            mdl_events_skip(e, NULL);
    if (!e->status && *index < 0)
        mdl_events_bad(e, "a split has no 'split_index'");
    return !e->status;
}

/* How many there are; a tree of one leaf may have null. */
static int32_t splits(struct cat *c, struct events *e)
{
    enum event ev = mdl_events_next(e);
    int64_t index;
    int32_t n = 0;

    if (ev == EVENT_NULL)
        return 0;
    if (ev != EVENT_ARRAY)
        mdl_events_bad(e, "'splits' is no array");
    for (; mdl_events_element(e, &ev); n++)
        if (ev != EVENT_OBJECT)
            mdl_events_bad(e, "a split is no object");
        else if (split_index(e, &index))
            add_split(c, e, index);
    return n;
}

/* All trees have leaves of as many values. */
static void check_outputs(struct cat *c, struct events *e, uint64_t values, uint64_t leaves)
{
    if (e->status)
        return;
    if (!c->outputs)
        c->outputs = (int64_t)(values / leaves);
    if (!values || values != leaves * (uint64_t)c->outputs)
        mdl_events_bad(e, "tree %llu: %llu values for %llu leaves",
                       (unsigned long long)CAT_COUNT(c->sizes, int32_t) - 1,
                       (unsigned long long)values, (unsigned long long)leaves);
}

static void oblivious_tree(struct cat *c, struct events *e)
{
    const uint64_t before = CAT_COUNT(c->own_values, double);
    int32_t n = 0;

    while (mdl_events_key(e))
        if (mdl_events_is(e, "leaf_values"))
            doubles(c, e, &c->own_values);
        else if (mdl_events_is(e, "leaf_weights"))
            doubles(c, e, &c->own_weights);
        else if (mdl_events_is(e, "splits"))
            n = splits(c, e);
        else
            mdl_events_skip(e, NULL);
    if (!e->status && n > 31)
        mdl_events_bad(e, "a tree has %d splits", (int)n);
    if (!e->status && !mdl_vec_add(&c->sizes, &c->allocator, &n, sizeof n))
        mdl_events_memory(e);
    check_outputs(c, e, CAT_COUNT(c->own_values, double) - before, (uint64_t)1 << (n & 31));
}

static void value(struct cat *c, struct events *e)
{
    const uint64_t before = CAT_COUNT(c->own_values, double);

    doubles(c, e, &c->own_values);
    check_outputs(c, e, CAT_COUNT(c->own_values, double) - before, 1);
}

/* The number of a node that begins here, 0 on failure (and of the very first: no child is
 * that).  It calls itself no deeper than readers go, EVENTS_DEPTH. */
static uint32_t node(struct cat *c, struct events *e)
{
    const uint32_t at = (uint32_t)CAT_COUNT(c->nodes, struct cat_node);
    struct cat_node one = { .leaf = (uint32_t)CAT_COUNT(c->own_values, double) };
    int64_t index = 0;
    int is_leaf = 0, has_split = 0;

    if (!mdl_vec_add(&c->nodes, &c->allocator, &one, sizeof one) || !add_split(c, e, 0)) {
        mdl_events_memory(e);
        return 0;
    }
    while (mdl_events_key(e)) {
        const int left = mdl_events_is(e, "left");

        if (left || mdl_events_is(e, "right")) {
            if (mdl_events_object(e))
                *(left ? &one.left : &one.right) = node(c, e);
        } else if (mdl_events_is(e, "split")) {
            has_split = mdl_events_object(e) && split_index(e, &index);
        } else if (mdl_events_is(e, "value")) {
            one.leaf = (uint32_t)CAT_COUNT(c->own_values, double);
            value(c, e);
            is_leaf = 1;
        } else if (mdl_events_is(e, "weight"))
            doubles(c, e, &c->own_weights);
        else
            mdl_events_skip(e, NULL);
    }
    if (!e->status && (is_leaf ? has_split || one.left || one.right
                               : !has_split || !one.left || !one.right))
        mdl_events_bad(e, "a node is neither a leaf nor a split with two children");
    if (e->status)
        return 0;
    CAT_AT(c->nodes, struct cat_node)[at] = one;
    CAT_AT(c->tree_splits, int32_t)[at] = (int32_t)index;
    return at;
}

static void tree(struct cat *c, struct events *e)
{
    const size_t before = CAT_COUNT(c->nodes, struct cat_node);

    node(c, e);
    const int32_t n = (int32_t)(CAT_COUNT(c->nodes, struct cat_node) - before);
    if (!e->status && !mdl_vec_add(&c->sizes, &c->allocator, &n, sizeof n))
        mdl_events_memory(e);
}

static void trees(struct cat *c, struct events *e, void (*one)(struct cat *, struct events *))
{
    enum event ev;

    mdl_events_array(e);
    while (mdl_events_element(e, &ev))
        if (ev == EVENT_OBJECT)
            one(c, e);
        else
            mdl_events_bad(e, "a tree is no object");
}

/* ---- the document ---------------------------------------------------------------------------- */

static void scale_and_bias(struct cat *c, struct events *e)
{
    struct vec scale = { 0 };
    enum event ev;

    mdl_events_array(e);
    if (mdl_events_element(e, &ev) && add_double(c, e, ev, &scale))
        c->scale = *CAT_AT(scale, double);
    doubles(c, e, &c->bias);
    if (mdl_events_element(e, &ev))
        mdl_events_bad(e, "'scale_and_bias' has more than two elements");
    mdl_vec_free(&scale, &c->allocator);
}

static void model_info(struct cat *c, struct events *e)
{
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "params"))
            mdl_cat_params(c, e);
        else if (mdl_events_is(e, "class_params"))
            mdl_cat_classes(c, e);
        else if (mdl_events_is(e, "catboost_version_info")) {
            if (mdl_events_string(e))
                mdl_cat_version(c, e->text, e->length);
        } else if (mdl_events_is(e, "loss_function")) {
            if (mdl_events_string(e) && mdl_cat_loss(c, e->text, e->length))
                mdl_events_bad(e, "'loss_function' cannot be read");
        } else if (mdl_events_is(e, "binclass_probability_threshold")) {
            if (mdl_events_string(e) && mdl_cat_threshold(c, e->text, e->length))
                mdl_events_bad(e, "'binclass_probability_threshold' is not between 0 and 1");
        } else
            mdl_events_skip(e, NULL);
}

static void document(struct cat *c, struct events *e)
{
    int found = 0;

    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "model_info"))
            model_info(c, e);
        else if (mdl_events_is(e, "features_info"))
            features_info(c, e);
        else if (mdl_events_is(e, "oblivious_trees")) {
            found |= 1;
            trees(c, e, oblivious_tree);
        } else if (mdl_events_is(e, "trees")) {
            found |= 2;
            trees(c, e, tree);
        } else if (mdl_events_is(e, "scale_and_bias"))
            scale_and_bias(c, e);
        else if (mdl_events_is(e, "ctr_data"))
            mdl_cat_json_rows(c, e);
        else
            mdl_events_skip(e, NULL);
    if (!e->status && found != 1 && found != 2)
        mdl_events_bad(e, found ? "both 'trees' and 'oblivious_trees'"
                                : "there is neither 'trees' nor 'oblivious_trees'");
}

mdl_status mdl_cat_json(struct cat *c)
{
    struct events e;

    mdl_events_json(&e, c->file, c->err);
    document(c, &e);
    if (!e.status)
        mdl_events_next(&e);                       /* nothing may follow */
    const mdl_status s = e.status;
    mdl_events_free(&e);
    return s;
}
