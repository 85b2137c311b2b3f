/*
 * import/xgboost_columns.c - names, kinds and categories of the columns
 *
 * feature_names and feature_types are lists with a text for each column, or empty.
 * `cats` (since 3.1) holds the categories of data frames, code by code:
 *
 *     enc    [column] { offsets [n + 1], values: bytes of all texts }
 *            [column] { type, values [n] }          integers; empty: no categories
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/xgboost.h"

#include <stdio.h>
#include <string.h>

/* How many texts are in a list: none, or one for each column. */
static mdl_status count_texts(const struct xgb *x, const char *key, xgb_span at, uint64_t *n)
{
    struct events e;
    enum event ev;

    *n = 0;
    if (!at.start)
        return MDL_OK;
    mdl_xgb_events(x, &e, at);
    mdl_events_array(&e);
    while (mdl_events_element(&e, &ev)) {
        if (ev != EVENT_STRING)
            mdl_events_bad(&e, "'%s' is no list of texts", key);
        ++*n;
    }
    if (*n && *n != (uint64_t)x->features)
        mdl_events_bad(&e, "'%s' has %llu entries, expected %lld", key, (unsigned long long)*n,
                       (long long)x->features);
    const mdl_status s = e.status;
    mdl_events_free(&e);
    return s;
}

static uint32_t kind_of(const struct events *e)
{
    if (mdl_events_is(e, "c"))
        return MDL_COLUMN_CATEGORY;
    return mdl_events_is(e, "int") || mdl_events_is(e, "i") ? MDL_COLUMN_INTEGER
                                                           : MDL_COLUMN_NUMBER;
}

/* Both lists side by side; either may be missing. */
static mdl_status describe(const struct xgb *x, uint64_t n_names, uint64_t n_types)
{
    struct events names, types;
    struct vec name = { 0 };
    enum event ev;
    mdl_status s = MDL_OK;

    mdl_xgb_events(x, &names, n_names ? x->names : x->types);
    mdl_xgb_events(x, &types, n_types ? x->types : x->names);
    mdl_events_array(&names);
    mdl_events_array(&types);
    for (uint64_t i = 0; !s && mdl_events_element(&names, &ev) && mdl_events_element(&types, &ev);
         i++) {
        name.bytes = 0;
        if (!mdl_vec_add(&name, &x->allocator, names.text, n_names ? names.length : 0)
            || !mdl_vec_add(&name, &x->allocator, "", 1))
            s = mdl_fail(x->err, MDL_ERR_MEMORY, "out of memory");
        else
            s = mdl_build_column(x->b, x->input, i, (const char *)name.data,
                                 n_types ? kind_of(&types) : MDL_COLUMN_NUMBER);
    }
    mdl_vec_free(&name, &x->allocator);
    mdl_events_free(&names);
    mdl_events_free(&types);
    return s;
}

/* ---- categories -------------------------------------------------------------------------- */

struct categories {
    struct vec offsets;           /* int32                                        */
    struct vec numbers;           /* int64                                        */
    struct vec text;              /* all texts, each with its zero byte           */
    struct vec texts;             /* const char * to each                         */
    int64_t type;
};

/* Types as in Value::ValueKind of XGBoost; UBJSON has no wide unsigned ones. */
enum { KIND_U8 = 10, KIND_U16 = 12, KIND_U32 = 14 };

static int64_t unsigned_value(int64_t type, int64_t v)
{
    switch (type) {
    case KIND_U8: return v & 0xFF;
    case KIND_U16: return v & 0xFFFF;
    case KIND_U32: return v & 0xFFFFFFFF;
    default: return v;
    }
}

static void read_numbers(const struct xgb *x, struct categories *c, struct events *e)
{
    enum event ev;
    int64_t v;

    c->numbers.bytes = 0;
    mdl_events_array(e);
    while (mdl_events_element(e, &ev)) {
        if (ev != EVENT_NUMBER) {
            mdl_events_bad(e, "'values' of categories is no list of numbers");
            return;
        }
        if (!mdl_events_get_i64(e, &v))
            return;
        if (!mdl_vec_add(&c->numbers, &x->allocator, &v, sizeof v)) {
            mdl_events_memory(e);
            return;
        }
    }
}

static void read_column(const struct xgb *x, struct categories *c, struct events *e)
{
    c->offsets.bytes = c->numbers.bytes = 0;
    c->type = 0;
    while (mdl_events_key(e))
        if (mdl_events_is(e, "offsets"))
            mdl_events_ints(e, &c->offsets);
        else if (mdl_events_is(e, "values"))
            read_numbers(x, c, e);
        else if (mdl_events_is(e, "type"))
            mdl_xgb_integer(e, "type", 0, 255, &c->type);
        else
            mdl_events_skip(e, NULL);
}

/* One more text, and its zero byte. */
static int add_text(const struct xgb *x, struct categories *c, const char *text, size_t n)
{
    return mdl_vec_add(&c->text, &x->allocator, text, n)
        && mdl_vec_add(&c->text, &x->allocator, "", 1);
}

/* Before 3.4 the texts of a pandas frame were cut by characters instead of bytes, and the
 * last of them lost: where that makes a difference there are no names. */
static int are_lost(const struct xgb *x, const struct categories *c)
{
    const int64_t *bytes = (const int64_t *)(void *)c->numbers.data;
    int64_t any = 0;

    for (uint64_t i = 0; i < c->numbers.bytes / 8; i++)
        any |= bytes[i];
    return !xgb_since(x, 3, 4) && any & 0x80;
}

static int add_texts(const struct xgb *x, struct categories *c, struct events *e)
{
    const int32_t *at = (const int32_t *)(void *)c->offsets.data;
    const int64_t *bytes = (const int64_t *)(void *)c->numbers.data;
    const uint64_t n = c->offsets.bytes / 4, n_bytes = c->numbers.bytes / 8;
    const uint64_t names = are_lost(x, c) ? 0 : n;

    if (at[0] != 0 || (int64_t)at[n - 1] != (int64_t)n_bytes)
        return !mdl_events_fail(e, MDL_ERR_FORMAT, "'offsets' of categories go from %d to %d, there "
                                "are %llu bytes", (int)at[0], (int)at[n - 1],
                                (unsigned long long)n_bytes);
    for (uint64_t i = 1; i < names; i++) {
        const size_t begin = c->text.bytes;

        if (at[i] < at[i - 1] || at[i] > at[n - 1])
            return !mdl_events_fail(e, MDL_ERR_FORMAT, "'offsets' of categories go from %d to %d",
                                    (int)at[i - 1], (int)at[i]);
        for (int32_t k = at[i - 1]; k < at[i]; k++)
            if (!mdl_vec_add(&c->text, &x->allocator, &(char){ (char)(bytes[k] & 0xFF) }, 1))
                return !mdl_events_memory(e);
        if (c->text.bytes > begin
            && !mdl_utf8_valid(c->text.data + begin, c->text.bytes - begin))
            return !mdl_events_fail(e, MDL_ERR_FORMAT, "a category is not UTF-8");
        if (!mdl_vec_add(&c->text, &x->allocator, "", 1))
            return !mdl_events_memory(e);
    }
    return 1;
}

static int add_numbers(const struct xgb *x, struct categories *c, struct events *e)
{
    const int64_t *v = (const int64_t *)(void *)c->numbers.data;
    char text[24];

    for (uint64_t i = 0; i < c->numbers.bytes / 8; i++) {
        const int n = snprintf(text, sizeof text, "%lld", (long long)unsigned_value(c->type, v[i]));
        if (!add_text(x, c, text, (size_t)n))
            return !mdl_events_memory(e);
    }
    return 1;
}

static int build_column(const struct xgb *x, struct categories *c, struct events *e, uint64_t i)
{
    const int is_text = c->offsets.bytes != 0;
    uint64_t n = 0;

    c->text.bytes = c->texts.bytes = 0;
    if (!(is_text ? add_texts : add_numbers)(x, c, e))
        return 0;
    for (size_t at = 0; at < c->text.bytes; n++) {
        const char *text = (const char *)c->text.data + at;
        if (!mdl_vec_add(&c->texts, &x->allocator, &text, sizeof text))
            return !mdl_events_memory(e);
        at += strlen(text) + 1;
    }
    if (n)
        mdl_build_categories(x->b, x->input, i, is_text ? MDL_STRING : MDL_I64, n,
                             (const char *const *)(void *)c->texts.data);
    return 1;
}

/* The list `enc` within cats; an entry for each column, or none at all. */
static mdl_status find_enc(const struct xgb *x, xgb_span *enc)
{
    struct events e;
    uint64_t n = 0;

    *enc = (xgb_span){ 0 };
    mdl_xgb_events(x, &e, x->cats);
    mdl_events_object(&e);
    while (mdl_events_key(&e)) {
        const int is_enc = mdl_events_is(&e, "enc");

        if (is_enc)
            *enc = e.in;
        mdl_events_skip(&e, is_enc ? &n : NULL);
    }
    if (n && n != (uint64_t)x->features)
        mdl_events_bad(&e, "'enc' has %llu entries, expected %lld", (unsigned long long)n,
                       (long long)x->features);
    if (!n)
        enc->start = NULL;
    const mdl_status s = e.status;
    mdl_events_free(&e);
    return s;
}

static mdl_status categories(const struct xgb *x)
{
    struct categories c = { 0 };
    struct events e;
    enum event ev;
    xgb_span enc;
    mdl_status s = x->cats.start ? find_enc(x, &enc) : MDL_OK;

    if (s || !x->cats.start || !enc.start)
        return s;
    mdl_xgb_events(x, &e, enc);
    mdl_events_array(&e);
    for (uint64_t i = 0; mdl_events_element(&e, &ev); i++) {
        if (ev != EVENT_OBJECT)
            mdl_events_bad(&e, "categories of column %llu are no object", (unsigned long long)i);
        read_column(x, &c, &e);
        if (!e.status)
            build_column(x, &c, &e, i);
    }
    s = e.status;
    mdl_vec_free(&c.offsets, &x->allocator);
    mdl_vec_free(&c.numbers, &x->allocator);
    mdl_vec_free(&c.text, &x->allocator);
    mdl_vec_free(&c.texts, &x->allocator);
    mdl_events_free(&e);
    return s;
}

mdl_status mdl_xgb_columns(const struct xgb *x)
{
    uint64_t n_names, n_types;
    mdl_status s = count_texts(x, "feature_names", x->names, &n_names);

    if (!s) s = count_texts(x, "feature_types", x->types, &n_types);
    if (!s && (n_names || n_types)) s = describe(x, n_names, n_types);
    return s ? s : categories(x);
}
