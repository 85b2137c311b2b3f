/*
 * import/events_ubjson.c - UBJSON (ubjson.org, draft 12) as events
 *
 *     Z null   T true   F false   i U I l L integers of 1, 1, 2, 4, 8 bytes, U unsigned
 *     d D float32, float64        S string: length, bytes
 *     [ ... ]    [ # count ...    [ $ type # count ...
 *     { key value ... }           { # count key value ...        key: length, bytes
 *
 * Numbers are big-endian; a length or count is an integer with its marker.  Elements of
 * a typed array are plain numbers: other types, and typed objects, are written by no
 * framework and refused, like H (numbers as text), C (a character) and N (nothing).
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/events.h"

#include "base/arena.h"

#include <string.h>

static unsigned char peek(const struct bytes *in)
{
    return in->at < in->end ? *in->at : 0;
}

static enum event leaf(struct events *e, enum event ev)
{
    if (!e->depth)
        e->done = 1;
    return ev;
}

static enum event cut(struct events *e)
{
    return mdl_events_bad(e, "the file ends within a value: " MDL_CUT_OFF);
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* Bytes of a number with this marker, 0 if it marks none. */
static unsigned number_bytes(unsigned char type)
{
    switch (type) {
    case 'i': case 'U': return 1;
    case 'I': return 2;
    case 'l': case 'd': return 4;
    case 'L': case 'D': return 8;
    default: return 0;
    }
}

static uint64_t big_endian(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static enum event number(struct events *e, unsigned char type)
{
    const unsigned n = number_bytes(type);

    if (bytes_left(&e->in) < n)
        return cut(e);
    const uint64_t bits = big_endian(e->in.at, n);
    const uint32_t word = (uint32_t)bits;
    float f;

    e->in.at += n;
    e->number = NUMBER_INTEGER;
    switch (type) {
    case 'i': e->integer = (int8_t)bits; break;
    case 'I': e->integer = (int16_t)bits; break;
    case 'l': e->integer = (int32_t)word; break;
    case 'd':
        memcpy(&f, &word, sizeof f);
        e->real = (double)f;
        e->number = NUMBER_REAL;
        break;
    case 'D':
        memcpy(&e->real, &bits, sizeof e->real);
        e->number = NUMBER_REAL;
        break;
    default: e->integer = (int64_t)bits;           /* U, L */
    }
    return leaf(e, EVENT_NUMBER);
}

/* A length or count: an integer that is not negative; 0 if bad. */
static int length(struct events *e, uint64_t *out)
{
    const unsigned char type = peek(&e->in);

    if (!bytes_left(&e->in)) {
        cut(e);
        return 0;
    }
    const unsigned n = type == 'd' || type == 'D' ? 0 : number_bytes(type);

    if (!n) {
        mdl_events_bad(e, "expected a length");
        return 0;
    }
    if (bytes_left(&e->in) < n + 1u) {
        cut(e);
        return 0;
    }
    const uint64_t v = big_endian(e->in.at + 1, n);
    if (type != 'U' && v >> (8 * n - 1)) {
        mdl_events_bad(e, "a negative length");
        return 0;
    }
    e->in.at += n + 1u;
    *out = v;
    return 1;
}

/* ---- strings -------------------------------------------------------------------------------- */

static int text(struct events *e)
{
    uint64_t n;

    if (!length(e, &n))
        return 0;
    if (n > bytes_left(&e->in)) {
        cut(e);
        return 0;
    }
    if (!mdl_utf8_valid(e->in.at, (size_t)n)) {
        mdl_events_bad(e, "a string that is not UTF-8, or has a zero byte");
        return 0;
    }
    e->text = (const char *)e->in.at;
    e->length = (size_t)n;
    e->in.at += n;
    return 1;
}

/* ---- containers ------------------------------------------------------------------------------- */

/* What stands behind the opening bracket: $ type, # count; each member has a byte at least. */
static enum event open(struct events *e, int is_object)
{
    struct events_level level = { .is_object = (uint8_t)is_object };

    if (peek(&e->in) == '$') {
        e->in.at++;
        level.type = peek(&e->in);
        level.type_bytes = (uint8_t)number_bytes(level.type);
        if (bytes_left(&e->in) < 2)
            return cut(e);
        if (is_object || !level.type_bytes)
            return mdl_events_bad(e, "a typed %s of something other than numbers",
                                  is_object ? "object" : "array");
        e->in.at++;
        if (peek(&e->in) != '#')
            return mdl_events_bad(e, "a typed array without a count");
    }
    if (peek(&e->in) == '#') {
        e->in.at++;
        level.counted = 1;
        if (!length(e, &level.left))
            return EVENT_FAILED;
        if (level.left > bytes_left(&e->in) / (level.type ? level.type_bytes : 1u))
            return mdl_events_bad(e, "more members than the file has bytes: " MDL_CUT_OFF);
    }
    return mdl_events_push(e, level);
}

static enum event value(struct events *e, unsigned char type)
{
    char seen[2];

    switch (type) {
    case '{': return open(e, 1);
    case '[': return open(e, 0);
    case 'S': return text(e) ? leaf(e, EVENT_STRING) : EVENT_FAILED;
    case 'Z': return leaf(e, EVENT_NULL);
    case 'T': case 'F':
        e->number = NUMBER_INTEGER;
        e->integer = type == 'T';
        return leaf(e, EVENT_BOOL);
    default: break;
    }
    if (number_bytes(type))
        return number(e, type);
    e->in.at--;
    return mdl_events_bad(e, "no value begins with '%s'",
                          mdl_safe_text(seen, sizeof seen, (const char *)&type, 1));
}

static enum event marked_value(struct events *e)
{
    if (e->in.at == e->in.end)
        return mdl_events_bad(e, "the file ends where a value was expected: " MDL_CUT_OFF);
    return value(e, *e->in.at++);
}

static enum event key(struct events *e)
{
    const unsigned char *from = NULL;

    if (!text(e))
        return EVENT_FAILED;
    from = (const unsigned char *)e->text;
    return mdl_events_add_key(e, from, e->length, 0);
}

/* Is the innermost container at its end?  Its bracket is passed over. */
static int closes(struct events *e, struct events_level *level)
{
    if (level->counted)
        return !level->left;
    if (peek(&e->in) != (level->is_object ? '}' : ']'))
        return 0;
    e->in.at++;
    return 1;
}

static enum event next(struct events *e)
{
    if (!e->depth) {
        if (!e->done)
            return marked_value(e);
        return e->in.at == e->in.end ? EVENT_END
                                     : mdl_events_bad(e, "bytes behind the end of the document");
    }
    struct events_level *level = &e->levels[e->depth - 1];
    if (level->has_key) {
        level->has_key = 0;
        return marked_value(e);
    }
    if (closes(e, level))
        return mdl_events_pop(e);
    if (level->counted)
        level->left--;
    if (level->is_object)
        return key(e);
    return level->type ? number(e, level->type) : marked_value(e);
}

/* A typed array's elements have one length. */
static uint64_t pass(struct events *e)
{
    struct events_level *level = &e->levels[e->depth - 1];
    const uint64_t n = level->type ? level->left : 0;

    if (!n)
        return 0;
    bytes_take(&e->in, n * level->type_bytes);
    level->left = 0;
    return n;
}

void mdl_events_ubjson(struct events *e, struct bytes in, mdl_error *err)
{
    memset(e, 0, sizeof *e);
    e->in = in;
    e->err = err;
    e->next = next;
    e->pass = pass;
    e->allocator = mdl_allocator_or_default(NULL);
}
