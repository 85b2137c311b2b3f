/*
 * import/lightgbm_columns.c - names, kinds and categories of the columns
 *
 *     feature_infos=[lo:hi] a:b:c none     numbers within; categories; a column not used
 *     pandas_categorical:[["x", "y"], [1, 2]]
 *
 * The Python package writes one list for each column of a pandas category type, in the
 * order of the columns, but not which columns these were: those it took as categories,
 * and ordered ones, which it took as numbers.  So lists are tied to columns only where
 * there is one way to do it:
 *
 *     1. as many lists as category columns, each with room for the codes of its column;
 *     2. else every list to the first column it fits, and to the last: if these are the
 *        same, there is no third.
 *
 * Otherwise columns keep their codes and the metadata keeps `pandas_categorical` as it is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/lightgbm.h"

#include "import/events.h"
#include "import/number.h"

#include <string.h>

/* What a column's values were in training. */
enum kind { KIND_NUMBER, KIND_UNUSED, KIND_CATEGORY };
struct fact {
    enum kind kind;
    int64_t most;                 /* largest code; INT64_MAX when values were no codes */
};

/* One list of categories. */
struct list {
    struct span text;             /* with its brackets                                 */
    uint64_t n;
    uint32_t type;                /* MDL_STRING, I64, F64, BOOL; 0: mixed              */
    uint64_t column;
};

/* ---- names and kinds --------------------------------------------------------------------- */

static struct fact read_range(struct span info)
{
    const struct fact no_codes = { KIND_NUMBER, INT64_MAX };
    struct span low, high;
    double a, b;

    info.at++;
    info.end--;
    if (info.at > info.end || !mdl_lgb_word(&info, ':', &low) || !mdl_lgb_word(&info, ':', &high)
        || mdl_parse_f64((const char *)low.at, span_length(low), &a) != span_length(low)
        || mdl_parse_f64((const char *)high.at, span_length(high), &b) != span_length(high)
        || !(a >= 0 && a <= b && b < 0x1p31) || a != (double)(int64_t)a
        || b != (double)(int64_t)b)
        return no_codes;
    return (struct fact){ KIND_NUMBER, (int64_t)b };
}

static struct fact read_info(struct span info)
{
    struct fact f = { KIND_CATEGORY, -1 };
    struct span word;

    if (*info.at == '[')
        return read_range(info);
    if (mdl_lgb_is(info, "none"))
        return (struct fact){ KIND_UNUSED, -1 };
    while (mdl_lgb_word(&info, ':', &word)) {
        int64_t code;

        if (mdl_parse_i64((const char *)word.at, span_length(word), &code) != span_length(word))
            return (struct fact){ KIND_NUMBER, INT64_MAX };
        f.most = code > f.most ? code : f.most;
    }
    return f;
}

static mdl_status count_words(const struct lgb *g, struct span s, const char *name)
{
    const unsigned char *at = s.at;
    struct span word;
    uint64_t n = 0;

    while (mdl_lgb_word(&s, ' ', &word))
        n++;
    if (n == g->cols)
        return MDL_OK;
    return mdl_lgb_fail(g, at, "%s has %llu words, expected max_feature_idx + 1 = %llu", name,
                        (unsigned long long)n, (unsigned long long)g->cols);
}

mdl_status mdl_lgb_columns(struct lgb *g)
{
    struct span names = g->names, infos = g->infos, name = { NULL, NULL }, info = name;
    struct vec copy = { 0 };
    mdl_status s = count_words(g, g->names, "feature_names");

    if (!s) s = count_words(g, g->infos, "feature_infos");
    if (s)
        return s;
    g->x = mdl_build_input(g->b, "x", MDL_F64, g->cols, MDL_ABSENT_ZERO);
    for (uint64_t i = 0; !s && i < g->cols; i++) {
        mdl_lgb_word(&names, ' ', &name);
        mdl_lgb_word(&infos, ' ', &info);
        if (!mdl_utf8_valid(name.at, span_length(name))) {
            s = mdl_lgb_fail(g, name.at, "the name of column %llu is not UTF-8",
                             (unsigned long long)i);
            break;
        }
        char *text = mdl_lgb_room(g, &copy, (uint64_t)span_length(name) + 1, 1);
        if (!text) {
            s = mdl_lgb_memory(g);
            break;
        }
        memcpy(text, name.at, span_length(name));
        if (mdl_build_column(g->b, g->x, i, text, read_info(info).kind == KIND_CATEGORY
                                                      ? MDL_COLUMN_CATEGORY : MDL_COLUMN_NUMBER))
            s = mdl_builder_status(g->b, g->err);
    }
    mdl_vec_free(&copy, &g->allocator);
    return s;
}

/* ---- the lists --------------------------------------------------------------------------- */

static uint32_t type_of(const struct events *e, enum event ev)
{
    if (ev == EVENT_STRING)
        return MDL_STRING;
    if (ev == EVENT_BOOL)
        return MDL_BOOL;
    if (ev != EVENT_NUMBER)
        return 0;
    int64_t v;
    return mdl_parse_i64(e->text, e->length, &v) == e->length ? MDL_I64 : MDL_F64;
}

/* What lists of numbers of both kinds are: numbers; all other mixtures: nothing. */
static uint32_t common_type(uint32_t a, uint32_t b)
{
    if (a == b)
        return a;
    return (a == MDL_I64 || a == MDL_F64) && (b == MDL_I64 || b == MDL_F64) ? MDL_F64 : 0;
}

static mdl_status read_list(const struct lgb *g, struct events *e, struct vec *lists)
{
    struct list list = { .text = { e->in.at - 1, NULL }, .column = UINT64_MAX };
    enum event ev;

    while (mdl_events_element(e, &ev)) {
        const uint32_t type = type_of(e, ev);

        if (ev == EVENT_ARRAY || ev == EVENT_OBJECT)
            return mdl_events_fail(e, MDL_ERR_FORMAT, "a category that is a list or an object");
        list.type = list.n++ ? common_type(list.type, type) : type;
    }
    list.text.end = e->in.at;
    if (!e->status && !mdl_vec_add(lists, &g->allocator, &list, sizeof list))
        return mdl_lgb_memory(g);
    return e->status;
}

/* null, or a list of lists; `e` reads them. */
static mdl_status read_lists(const struct lgb *g, struct events *e, struct vec *lists)
{
    enum event ev = mdl_events_next(e);

    if (ev == EVENT_NULL)
        return MDL_OK;
    if (ev != EVENT_ARRAY)
        return mdl_events_fail(e, MDL_ERR_FORMAT, "pandas_categorical is no list");
    mdl_status s = MDL_OK;
    while (!s && mdl_events_element(e, &ev)) {
        if (ev != EVENT_ARRAY)
            s = mdl_events_fail(e, MDL_ERR_FORMAT, "pandas_categorical is no list of lists");
        else if (lists->bytes / sizeof(struct list) == g->cols)
            s = mdl_events_fail(e, MDL_ERR_FORMAT, "pandas_categorical has more lists than there "
                                "are columns");
        else
            s = read_list(g, e, lists);
    }
    if (!s) mdl_events_next(e);      /* nothing may follow */
    return s ? s : e->status;
}

/* ---- which column is whose --------------------------------------------------------------- */

static void read_facts(const struct lgb *g, struct fact *facts)
{
    struct span infos = g->infos, word = { NULL, NULL }, listed = g->categorical;

    for (uint64_t i = 0; i < g->cols && mdl_lgb_word(&infos, ' ', &word); i++)
        facts[i] = read_info(word);
    while (listed.at && mdl_lgb_word(&listed, ',', &word)) {
        int64_t column;

        if (mdl_parse_i64((const char *)word.at, span_length(word), &column)
                == span_length(word)
            && column >= 0 && (uint64_t)column < g->cols && facts[column].kind == KIND_UNUSED)
            facts[column].kind = KIND_CATEGORY;
    }
}

static int fits(const struct list *list, const struct fact *fact)
{
    return fact->most < 0 || (uint64_t)fact->most < list->n;
}

/* 1. One list for each category column. */
static int tie_to_categories(const struct fact *facts, uint64_t cols, struct list *lists,
                             uint64_t n)
{
    uint64_t k = 0;

    for (uint64_t i = 0; i < cols; i++) {
        if (facts[i].kind != KIND_CATEGORY)
            continue;
        if (k == n || !fits(&lists[k], &facts[i]))
            return 0;
        lists[k++].column = i;
    }
    return k == n;
}

/* 2. The first way and the last way, if they are one. */
static int tie_uniquely(const struct fact *facts, uint64_t cols, struct list *lists, uint64_t n)
{
    uint64_t k = 0;

    for (uint64_t i = 0; i < cols && k < n; i++)
        if (fits(&lists[k], &facts[i]))
            lists[k++].column = i;
    if (k < n)
        return 0;
    for (uint64_t i = cols; i-- > 0 && k;)
        if (fits(&lists[k - 1], &facts[i])) {
            if (lists[k - 1].column != i)
                return 0;
            k--;
        }
    return !k;
}

/* ---- into the builder -------------------------------------------------------------------- */

struct texts {
    struct vec text, at, pointers;
};

/* One category's text at the end of `t`, as the other sources spell it. */
static int add_text(const struct lgb *g, struct texts *t, const struct events *e, enum event ev)
{
    const char *text = ev == EVENT_BOOL ? e->integer ? "True" : "False" : e->text;
    const size_t n = ev == EVENT_BOOL ? strlen(text) : e->length;
    const uint64_t at = t->text.bytes;

    return mdl_vec_add(&t->at, &g->allocator, &at, sizeof at)
        && (!n || mdl_vec_add(&t->text, &g->allocator, text, n))
        && mdl_vec_add(&t->text, &g->allocator, "", 1);
}

static mdl_status build_list(const struct lgb *g, struct texts *t, const struct list *list)
{
    struct bytes in = g->in;
    struct events e;
    enum event ev = EVENT_NULL;
    int room = 1;

    in.at = list->text.at;
    in.end = list->text.end;
    t->text.bytes = t->at.bytes = 0;
    mdl_events_json(&e, in, g->err);
    mdl_events_array(&e);
    while (room && mdl_events_element(&e, &ev))
        room = add_text(g, t, &e, ev);
    const mdl_status s = e.status;
    mdl_events_free(&e);
    const char **pointer = s || !room ? NULL
                                      : mdl_lgb_room(g, &t->pointers, list->n, sizeof *pointer);
    if (!pointer)
        return s ? s : mdl_lgb_memory(g);
    for (uint64_t i = 0; i < list->n; i++)
        pointer[i] = (const char *)t->text.data + ((const uint64_t *)(const void *)t->at.data)[i];
    if (mdl_build_categories(g->b, g->x, list->column, list->type, list->n, pointer))
        return mdl_builder_status(g->b, g->err);
    return MDL_OK;
}

static mdl_status keep_text(const struct lgb *g)
{
    struct vec copy = { 0 };
    char *text = mdl_lgb_room(g, &copy, (uint64_t)span_length(g->categories) + 1, 1);

    if (!text)
        return mdl_lgb_memory(g);
    memcpy(text, g->categories.at, span_length(g->categories));
    mdl_build_metadata(g->b, "pandas_categorical", text);
    mdl_vec_free(&copy, &g->allocator);
    return MDL_OK;
}

static mdl_status tie(const struct lgb *g, struct list *lists, uint64_t n)
{
    struct vec room = { 0 };
    struct texts t = { 0 };
    struct fact *facts = mdl_lgb_room(g, &room, g->cols, sizeof *facts);
    int known = 1;
    mdl_status s = facts ? MDL_OK : mdl_lgb_memory(g);

    if (!s) {
        read_facts(g, facts);
        known = tie_to_categories(facts, g->cols, lists, n)
             || tie_uniquely(facts, g->cols, lists, n);
    }
    for (uint64_t i = 0; i < n; i++)
        known = known && (lists[i].type || !lists[i].n);
    for (uint64_t i = 0; !s && known && i < n; i++)
        if (lists[i].n)
            s = build_list(g, &t, &lists[i]);
    if (!s && !known) s = keep_text(g);
    mdl_vec_free(&room, &g->allocator);
    mdl_vec_free(&t.text, &g->allocator);
    mdl_vec_free(&t.at, &g->allocator);
    mdl_vec_free(&t.pointers, &g->allocator);
    return s;
}

mdl_status mdl_lgb_categories(struct lgb *g)
{
    struct bytes in = g->in;
    struct vec lists = { 0 };
    struct events e;

    if (!g->categories.at)
        return MDL_OK;
    in.at = g->categories.at;
    in.end = g->categories.end;
    mdl_events_json(&e, in, g->err);
    mdl_status s = read_lists(g, &e, &lists);
    mdl_events_free(&e);
    const uint64_t n = lists.bytes / sizeof(struct list);
    if (!s && n) s = tie(g, (struct list *)(void *)lists.data, n);
    mdl_vec_free(&lists, &g->allocator);
    return s;
}
