/*
 * import/events.c - what JSON and UBJSON share: levels, keys, values
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/events.h"

#include "base/arena.h"
#include "import/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct events_key {
    const unsigned char *at;
    size_t length;
    int escaped;
};

void mdl_events_free(struct events *e)
{
    mdl_vec_free(&e->keys, &e->allocator);
    mdl_vec_free(&e->unescaped, &e->allocator);
}

static void fail(struct events *e, mdl_status status, const char *format, va_list args)
{
    char text[400];

    if (e->status)
        return;
    vsnprintf(text, sizeof text, format, args);
    e->status = mdl_fail_at(e->err, status, "", bytes_offset(&e->in), "%s", text);
}

mdl_status mdl_events_fail(struct events *e, mdl_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail(e, status, format, args);
    va_end(args);
    return e->status;
}

enum event mdl_events_bad(struct events *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail(e, MDL_ERR_FORMAT, format, args);
    va_end(args);
    return EVENT_FAILED;
}

mdl_status mdl_events_memory(struct events *e)
{
    return mdl_events_fail(e, MDL_ERR_MEMORY, "out of memory");
}

enum event mdl_events_next(struct events *e)
{
    return e->status ? EVENT_FAILED : e->next(e);
}

/* ---- keys: each once ---------------------------------------------------------------------- */

/* As texts, so that an escape and the character it stands for are the same. */
static int compare(const struct events_key *a, const struct events_key *b)
{
    const unsigned char *p = a->at, *p_end = a->at + a->length;
    const unsigned char *q = b->at, *q_end = b->at + b->length;

    while (p < p_end && q < q_end) {
        uint32_t x = *p, y = *q;
        p += a->escaped ? mdl_json_char(p, p_end, &x) : 1;
        q += b->escaped ? mdl_json_char(q, q_end, &y) : 1;
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (p < p_end) - (q < q_end);
}

static void sift(struct events_key *k, size_t root, size_t n)
{
    const struct events_key top = k[root];

    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare(&k[child], &k[child + 1]) < 0)
            child++;
        if (compare(&top, &k[child]) >= 0)
            break;
        k[root] = k[child];
    }
    k[root] = top;
}

/* Heapsort: n log n comparisons whatever the keys are, and no memory. */
static void sort_keys(struct events_key *k, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(k, i, n);
    for (size_t end = n; end-- > 1;) {
        const struct events_key largest = k[0];
        k[0] = k[end];
        k[end] = largest;
        sift(k, 0, end);
    }
}

static enum event check_keys(struct events *e, size_t from)
{
    struct events_key *k = (struct events_key *)(void *)(e->keys.data + from);
    const size_t n = (e->keys.bytes - from) / sizeof *k;
    char name[64];

    sort_keys(k, n);
    for (size_t i = 1; i < n; i++) {
        if (compare(&k[i - 1], &k[i]) != 0)
            continue;
        e->in.at = k[i - 1].at > k[i].at ? k[i - 1].at : k[i].at;
        return mdl_events_bad(e, "the key '%s' is there twice",
                              mdl_safe_text(name, sizeof name, (const char *)k[i].at,
                                            k[i].length));
    }
    return EVENT_CLOSE;
}

/* `length` bytes at `at` are the key as it is in the file, e->text what it says. */
enum event mdl_events_add_key(struct events *e, const unsigned char *at, size_t length,
                              int escaped)
{
    const struct events_key key = { at, length, escaped };

    if (!mdl_vec_add(&e->keys, &e->allocator, &key, sizeof key)) {
        mdl_events_memory(e);
        return EVENT_FAILED;
    }
    e->levels[e->depth - 1].has_key = 1;
    return EVENT_KEY;
}

/* ---- levels --------------------------------------------------------------------------------- */

enum event mdl_events_push(struct events *e, struct events_level level)
{
    if (e->depth == EVENTS_DEPTH)
        return mdl_events_bad(e, "nested more than %d levels deep", EVENTS_DEPTH);
    level.keys = e->keys.bytes;
    e->levels[e->depth++] = level;
    return level.is_object ? EVENT_OBJECT : EVENT_ARRAY;
}

enum event mdl_events_pop(struct events *e)
{
    const struct events_level *level = &e->levels[--e->depth];
    enum event ev = EVENT_CLOSE;

    if (level->is_object && e->keys.bytes > level->keys)
        ev = check_keys(e, level->keys);
    e->keys.bytes = level->keys;
    e->done = e->depth == 0;
    return ev;
}

/* ---- values ------------------------------------------------------------------------------------ */

static int expect(struct events *e, enum event want, const char *what)
{
    const enum event ev = mdl_events_next(e);

    if (ev == want)
        return 1;
    if (ev != EVENT_FAILED)
        mdl_events_bad(e, "expected %s", what);
    return 0;
}

int mdl_events_object(struct events *e) { return expect(e, EVENT_OBJECT, "an object"); }
int mdl_events_array(struct events *e) { return expect(e, EVENT_ARRAY, "an array"); }
int mdl_events_string(struct events *e) { return expect(e, EVENT_STRING, "a string"); }
int mdl_events_key(struct events *e) { return mdl_events_next(e) == EVENT_KEY; }

int mdl_events_is(const struct events *e, const char *key)
{
    return strlen(key) == e->length && !memcmp(key, e->text, e->length);
}

int mdl_events_element(struct events *e, enum event *ev)
{
    *ev = mdl_events_next(e);
    return *ev != EVENT_CLOSE && *ev != EVENT_FAILED && *ev != EVENT_END;
}

void mdl_events_skip(struct events *e, uint64_t *count)
{
    const unsigned depth = e->depth;
    uint64_t members = 0;
    enum event ev;

    do {
        ev = mdl_events_next(e);
        if (ev == EVENT_FAILED || ev == EVENT_END)
            return;
        if (ev == EVENT_ARRAY)
            members += e->pass(e) * (e->depth == depth + 1);
        const unsigned inside = ev == EVENT_OBJECT || ev == EVENT_ARRAY ? 2 : 1;
        members += e->depth == depth + inside && ev != EVENT_CLOSE && ev != EVENT_KEY;
    } while (e->depth > depth);
    if (count)
        *count = members;
}

int mdl_events_span(struct events *e, struct bytes *value)
{
    *value = e->in;
    mdl_events_skip(e, NULL);
    value->end = e->in.at;
    return !e->status;
}

int mdl_events_get_f32(struct events *e, float *out)
{
    if (e->number == NUMBER_TEXT) {
        if (mdl_parse_f32(e->text, e->length, out) == e->length)
            return 1;
        mdl_events_bad(e, "a number that cannot be read");
        return 0;
    }
    *out = e->number == NUMBER_INTEGER ? (float)e->integer : (float)e->real;
    return 1;
}

int mdl_events_get_i64(struct events *e, int64_t *out)
{
    if (e->number == NUMBER_INTEGER) {
        *out = e->integer;
        return 1;
    }
    if (e->number == NUMBER_TEXT && mdl_parse_i64(e->text, e->length, out) == e->length)
        return 1;
    mdl_events_bad(e, "expected an integer");
    return 0;
}

/* Elements of an array of numbers; 1 at its end. */
static int is_number(struct events *e, enum event ev)
{
    if (ev == EVENT_NUMBER || ev == EVENT_BOOL)
        return 1;
    mdl_events_bad(e, "expected a number");
    return 0;
}

int mdl_events_doubles(struct events *e, struct vec *out)
{
    enum event ev;
    float f;

    if (!mdl_events_array(e))
        return 0;
    while (mdl_events_element(e, &ev)) {
        if (!is_number(e, ev) || !mdl_events_get_f32(e, &f))
            return 0;
        const double wide = (double)f;
        if (!mdl_vec_add(out, &e->allocator, &wide, sizeof wide))
            return !mdl_events_memory(e);
    }
    return !e->status;
}

int mdl_events_ints(struct events *e, struct vec *out)
{
    enum event ev;
    int64_t wide;

    if (!mdl_events_array(e))
        return 0;
    while (mdl_events_element(e, &ev)) {
        if (!is_number(e, ev) || !mdl_events_get_i64(e, &wide))
            return 0;
        const int32_t i = (int32_t)wide;
        if (wide < INT32_MIN || wide > INT32_MAX) {
            mdl_events_bad(e, "the integer %lld does not fit 32 bits", (long long)wide);
            return 0;
        }
        if (!mdl_vec_add(out, &e->allocator, &i, sizeof i))
            return !mdl_events_memory(e);
    }
    return !e->status;
}

/* ---- UTF-8 ---------------------------------------------------------------------------------------- */

/* Bytes of the character at p, 0 if it is none (RFC 3629, table 3-7 of Unicode). */
static size_t utf8_char(const unsigned char *p, size_t left)
{
    const unsigned char c = p[0];
    const size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3
                   : c >= 0xF0 && c < 0xF5 ? 4 : 0;

    if (!n || n > left || !c)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F) || (c == 0xF0 && p[1] < 0x90)
        || (c == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

int mdl_utf8_valid(const unsigned char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        const size_t length = utf8_char(p + at, n - at);
        if (!length)
            return 0;
        at += length;
    }
    return 1;
}
