/*
 * import/catboost_json_ctr.c - target statistics in the JSON file of CatBoost
 *
 *     features_info.ctrs [ { borders, ctr_type, elements [ part ], prior_numerator,
 *                            prior_denomerator, scale, shift, target_border_idx } ]
 *     ctr_data { a text: { hash_map [ hash as text, words of its row, hash, ... ],
 *                          hash_stride, counter_denominator } }
 *     the text   { "identifier": [ part ], "type" }
 *     part       { combination_element, cat_feature_index, value, float_feature_index, border }
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

#include "import/number.h"

#include <string.h>

static void integer(struct events *e, int32_t *out)
{
    int64_t v = 0;

    if (mdl_events_next(e) != EVENT_NUMBER || !mdl_events_get_i64(e, &v) || v < INT32_MIN
        || v > INT32_MAX)
        mdl_events_bad(e, "expected an integer of 32 bits");
    *out = (int32_t)v;
}

static void number(struct events *e, float *out)
{
    if (mdl_events_next(e) != EVENT_NUMBER)
        mdl_events_bad(e, "expected a number");
    else
        mdl_events_get_f32(e, out);
}

/* ---- what a statistic is of ------------------------------------------------------------------ */

static uint32_t type(struct events *e)
{
    static const char *const names[CAT_STATISTICS] = {
        "Borders", "Buckets", "BinarizedTargetMeanValue", "FloatTargetMeanValue", "Counter",
        "FeatureFreq",
    };

    if (mdl_events_string(e))
        for (uint32_t i = 0; i < CAT_STATISTICS; i++)
            if (mdl_events_is(e, names[i]))
                return i;
    if (!e->status)
        mdl_events_bad(e, "a statistic of an unknown type");
    return 0;
}

static int32_t kind(struct events *e)
{
    static const char *const names[] = { "cat_feature_value", "float_feature",
                                         "cat_feature_exact_value" };

    if (mdl_events_string(e))
        for (int32_t i = 0; i < 3; i++)
            if (mdl_events_is(e, names[i]))
                return i;
    if (!e->status)
        mdl_events_bad(e, "an unknown 'combination_element'");
    return 0;
}

static void part(struct cat *c, struct events *e)
{
    struct cat_part one = { .kind = -1, .index = -1 };

    while (mdl_events_key(e))
        if (mdl_events_is(e, "combination_element"))
            one.kind = kind(e);
        else if (mdl_events_is(e, "cat_feature_index") || mdl_events_is(e, "float_feature_index"))
            integer(e, &one.index);
        else if (mdl_events_is(e, "value"))
            integer(e, &one.category);
        else if (mdl_events_is(e, "border"))
            number(e, &one.border);
        else
            mdl_events_skip(e, NULL);
    if (one.kind < 0)
        mdl_events_bad(e, "no 'combination_element'");
    if (!mdl_vec_add(&c->parts_of, &c->allocator, &one, sizeof one))
        mdl_events_memory(e);
}

static void parts(struct cat *c, struct events *e, struct cat_base *base)
{
    enum event ev;

    base->first = (uint32_t)CAT_COUNT(c->parts_of, struct cat_part);
    mdl_events_array(e);
    while (mdl_events_element(e, &ev))
        if (ev == EVENT_OBJECT)
            part(c, e);
        else
            mdl_events_bad(e, "a part of a combination is no object");
    base->n = (uint32_t)CAT_COUNT(c->parts_of, struct cat_part) - base->first;
}

/* ---- columns --------------------------------------------------------------------------------- */

static void ctr(struct cat *c, struct events *e)
{
    struct cat_ctr one = { .prior = { 0, 1 }, .scale = 1 };
    int32_t target = 0;

    while (mdl_events_key(e))
        if (mdl_events_is(e, "elements"))
            parts(c, e, &one.base);
        else if (mdl_events_is(e, "ctr_type"))
            one.base.type = type(e);
        else if (mdl_events_is(e, "borders")) {
            one.first = (uint32_t)CAT_COUNT(c->borders, float);
            mdl_cat_json_floats(c, e, &c->borders);
            one.n = (uint32_t)CAT_COUNT(c->borders, float) - one.first;
        } else if (mdl_events_is(e, "target_border_idx"))
            integer(e, &target);
        else if (mdl_events_is(e, "prior_numerator"))
            number(e, &one.prior[0]);
        else if (mdl_events_is(e, "prior_denomerator"))
            number(e, &one.prior[1]);
        else if (mdl_events_is(e, "shift"))
            number(e, &one.shift);
        else if (mdl_events_is(e, "scale"))
            number(e, &one.scale);
        else
            mdl_events_skip(e, NULL);
    one.target = target;
    if (!e->status && !mdl_vec_add(&c->ctrs, &c->allocator, &one, sizeof one))
        mdl_events_memory(e);
}

void mdl_cat_json_ctrs(struct cat *c, struct events *e)
{
    enum event ev;

    mdl_events_array(e);
    while (mdl_events_element(e, &ev))
        if (ev == EVENT_OBJECT)
            ctr(c, e);
        else
            mdl_events_bad(e, "a statistic is no object");
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The key of ctr_data, which is JSON again. */
static void read_base(struct cat *c, struct events *e, struct cat_base *base)
{
    struct events inner;

    mdl_events_json(&inner, bytes_of(e->text, e->length), NULL);
    mdl_events_object(&inner);
    while (mdl_events_key(&inner))
        if (mdl_events_is(&inner, "identifier"))
            parts(c, &inner, base);
        else if (mdl_events_is(&inner, "type"))
            base->type = type(&inner);
        else
            mdl_events_skip(&inner, NULL);
    if (inner.status == MDL_ERR_MEMORY)
        mdl_events_memory(e);
    else if (inner.status)
        mdl_events_bad(e, "a key of 'ctr_data' cannot be read");
    mdl_events_free(&inner);
}

/* CatBoost writes empty places of its tables, too: all ones. */
static int hash(struct cat *c, struct events *e, struct cat_rows *rows)
{
    struct cat_hash one = { .row = (uint32_t)rows->rows++ };

    if (!e->length || e->length > 20) {
        mdl_events_bad(e, "a hash is no integer of 64 bits");
        return 0;
    }
    for (size_t i = 0; i < e->length; i++) {
        const uint64_t digit = (uint64_t)(unsigned char)e->text[i] - '0';
        if (digit > 9 || one.hash > (UINT64_MAX - digit) / 10) {
            mdl_events_bad(e, "a hash is no integer of 64 bits");
            return 0;
        }
        one.hash = one.hash * 10 + digit;
    }
    if (one.hash == UINT64_MAX)
        return 1;
    rows->n++;
    return mdl_vec_add(&c->hashes, &c->allocator, &one, sizeof one) ? 1 : !mdl_events_memory(e);
}

/* Counts, but the first word of a mean is a sum. */
static int word(struct cat *c, struct events *e, int is_sum)
{
    int64_t v = 0;
    uint32_t bits;
    float f;

    if (is_sum ? !mdl_events_get_f32(e, &f) : !mdl_events_get_i64(e, &v))
        return 0;
    if (v < INT32_MIN || v > INT32_MAX) {
        mdl_events_bad(e, "a count is no integer of 32 bits");
        return 0;
    }
    bits = (uint32_t)v;
    if (is_sum)
        memcpy(&bits, &f, 4);
    return mdl_vec_add(&c->words, &c->allocator, &bits, 4) ? 1 : !mdl_events_memory(e);
}

/* The first row says how wide they are. */
static int are_whole(struct cat_rows *rows, uint64_t words)
{
    if (rows->rows == 1)
        rows->width = cat_width(rows->base.type, (int64_t)words);
    return !rows->rows || (rows->width && words == rows->rows * rows->width);
}

static void hash_map(struct cat *c, struct events *e, struct cat_rows *rows)
{
    const int is_mean = rows->base.type == CAT_BINARY_MEAN || rows->base.type == CAT_FLOAT_MEAN;
    uint64_t words = 0;
    enum event ev;

    mdl_events_array(e);
    while (mdl_events_element(e, &ev))
        if (ev == EVENT_STRING) {
            if (!are_whole(rows, words) || rows->rows == UINT32_MAX)
                mdl_events_bad(e, "rows of 'hash_map' are not equally long");
            else
                hash(c, e, rows);
        } else if (ev != EVENT_NUMBER || !rows->rows)
            mdl_events_bad(e, "'hash_map' has no hash where one is expected");
        else if (word(c, e, is_mean && words == 2 * (rows->rows - 1)))
            words++;
    if (!e->status && !are_whole(rows, words))
        mdl_events_bad(e, "rows of 'hash_map' are not equally long");
}

static void statistic(struct cat *c, struct events *e)
{
    struct cat_rows one = { .first_hash = CAT_COUNT(c->hashes, struct cat_hash),
                            .first_word = CAT_COUNT(c->words, uint32_t) };

    read_base(c, e, &one.base);
    one.width = cat_width(one.base.type, 2);           /* of no rows at all */
    mdl_events_object(e);
    while (mdl_events_key(e))
        if (mdl_events_is(e, "hash_map"))
            hash_map(c, e, &one);
        else if (mdl_events_is(e, "counter_denominator"))
            integer(e, &one.denominator);
        else
            mdl_events_skip(e, NULL);
    if (!e->status && !mdl_vec_add(&c->rows, &c->allocator, &one, sizeof one))
        mdl_events_memory(e);
}

void mdl_cat_json_rows(struct cat *c, struct events *e)
{
    const enum event ev = mdl_events_next(e);

    if (ev == EVENT_NULL)
        return;
    if (ev != EVENT_OBJECT)
        mdl_events_bad(e, "'ctr_data' is no object");
    while (mdl_events_key(e))
        statistic(c, e);
}
