/*
 * import/events_json.c - JSON (RFC 8259) as events, and NaN, Infinity, -Infinity as numbers
 *
 * Between two calls the cursor stands behind a value, or behind a key, its colon and
 * the blanks that follow: at the first byte of the value that comes next.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/events.h"

#include "base/arena.h"
#include "base/status.h"

#include <string.h>

static void skip_blanks(struct bytes *in)
{
    while (in->at < in->end
           && (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t'))
        in->at++;
}

/* The byte at the cursor, 0 at the end. */
static unsigned char peek(const struct bytes *in)
{
    return in->at < in->end ? *in->at : 0;
}

static int is_of_a_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '+'
        || c == '.';
}

static enum event unexpected(struct events *e, const char *wanted)
{
    const unsigned char *p = e->in.at;
    char seen[2];

    while (p < e->in.end && is_of_a_word(*p))    /* "tru", "-", "1e": the rest is not there */
        p++;
    if (p == e->in.end)
        return mdl_events_bad(e, "the file ends where %s was expected: " MDL_CUT_OFF, wanted);
    return mdl_events_bad(e, "expected %s, found '%s'", wanted,
                          mdl_safe_text(seen, sizeof seen, (const char *)e->in.at, 1));
}

/* A value at the top of the file is the whole file. */
static enum event leaf(struct events *e, enum event ev)
{
    if (!e->depth)
        e->done = 1;
    return ev;
}

/* ---- strings ---------------------------------------------------------------------------- */

/* Four hexadecimal digits, or UINT32_MAX. */
static uint32_t hex4(const unsigned char *p, const unsigned char *end)
{
    uint32_t v = 0;

    if (end - p < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        const unsigned char c = p[i], lower = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v * 16 + (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            v = v * 16 + (uint32_t)(lower - 'a') + 10;
        else
            return UINT32_MAX;
    }
    return v;
}

/* \uXXXX, or two of them that stand for one character. */
static size_t unicode_escape(const unsigned char *p, const unsigned char *end, uint32_t *code)
{
    const uint32_t first = hex4(p + 2, end);

    if (first == UINT32_MAX || first == 0 || (first >= 0xDC00 && first <= 0xDFFF))
        return 0;
    *code = first;
    if (first < 0xD800 || first > 0xDBFF)
        return 6;
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    const uint32_t second = hex4(p + 8, end);
    if (second < 0xDC00 || second > 0xDFFF)
        return 0;
    *code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    return 12;
}

size_t mdl_json_char(const unsigned char *p, const unsigned char *end, uint32_t *code)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    *code = *p;
    if (*p != '\\')
        return 1;
    if (end - p < 2)
        return 0;
    if (p[1] == 'u')
        return unicode_escape(p, end, code);
    const char *at = p[1] ? strchr(letters, p[1]) : NULL;
    if (!at)
        return 0;
    *code = (unsigned char)meanings[at - letters];
    return 2;
}

/* A character above 0x7F that came from an escape, as UTF-8. */
static size_t put_utf8(unsigned char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (unsigned char)(0x80 | (c & 0x3F));
    out[0] = (unsigned char)((0xF00u >> n & 0xF0) | c);
    return n;
}

static int unescape(struct events *e, const unsigned char *p, const unsigned char *end)
{
    const unsigned char *run = p;                  /* what is copied as it is */

    e->unescaped.bytes = 0;
    while (p < end) {
        unsigned char utf8[4];
        uint32_t code;

        if (*p != '\\') {
            p++;
            continue;
        }
        if (!mdl_vec_add(&e->unescaped, &e->allocator, run, (size_t)(p - run)))
            return !mdl_events_memory(e);
        const size_t taken = mdl_json_char(p, end, &code);
        if (!taken) {
            e->in.at = p;
            mdl_events_bad(e, "an escape in a string that means nothing");
            return 0;
        }
        if (!mdl_vec_add(&e->unescaped, &e->allocator, utf8, put_utf8(utf8, code)))
            return !mdl_events_memory(e);
        run = p += taken;
    }
    if (!mdl_vec_add(&e->unescaped, &e->allocator, run, (size_t)(end - run)))
        return !mdl_events_memory(e);
    e->text = (const char *)e->unescaped.data;
    e->length = e->unescaped.bytes;
    return 1;
}

/* The string whose quote is at the cursor: e->text and where its bytes lie; 0 if bad. */
static int read_string(struct events *e, const unsigned char **from, size_t *raw, int *escaped)
{
    const unsigned char *p = e->in.at + 1, *begin = p;

    *escaped = 0;
    while (p < e->in.end && *p != '"') {
        if (*p == '\\') {
            *escaped = 1;
            p += e->in.end - p > 1;                /* what is escaped ends no string */
        }
        p++;
    }
    if (p == e->in.end) {
        mdl_events_bad(e, "the file ends within a string: " MDL_CUT_OFF);
        return 0;
    }
    *from = begin;
    *raw = (size_t)(p - begin);
    if (!mdl_utf8_valid(begin, *raw)) {
        mdl_events_bad(e, "a string that is not UTF-8, or has a zero byte");
        return 0;
    }
    e->text = (const char *)begin;
    e->length = *raw;
    if (*escaped && !unescape(e, begin, p))
        return 0;
    e->in.at = p + 1;
    return 1;
}

static enum event string_value(struct events *e)
{
    const unsigned char *from;
    size_t raw;
    int escaped;

    return read_string(e, &from, &raw, &escaped) ? leaf(e, EVENT_STRING) : EVENT_FAILED;
}

/* ---- numbers and words -------------------------------------------------------------------- */

static int is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

static const unsigned char *behind_digits(const unsigned char *p, const unsigned char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* Bytes of the number at p, 0 if it is none. */
static size_t number_length(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *from = p + (p < end && *p == '-');
    const unsigned char *at = behind_digits(from, end);

    if (at == from)
        return 0;
    if (at < end && *at == '.') {
        from = at + 1;
        at = behind_digits(from, end);
        if (at == from)
            return 0;
    }
    if (at < end && (*at | 0x20) == 'e') {
        from = at + 1;
        from += from < end && (*from == '+' || *from == '-');
        at = behind_digits(from, end);
        if (at == from)
            return 0;
    }
    return (size_t)(at - p);
}

/* Numbers and their commas, blanks excepted. */
static uint64_t pass(struct events *e)
{
    const unsigned char *p = e->in.at, *const end = e->in.end;
    uint64_t count = 0;

    for (size_t n; (n = number_length(p, end)) != 0 && p + n < end && p[n] == ','; p += n + 1) {
        e->in.at = p + n;
        count++;
    }
    e->levels[e->depth - 1].some |= count != 0;
    return count;
}

/* Is this word at the cursor, and does it end there? */
static int is_word(const struct bytes *in, const char *word)
{
    const size_t n = strlen(word);

    if (bytes_left(in) < n || memcmp(in->at, word, n) != 0)
        return 0;
    const unsigned char next = bytes_left(in) > n ? in->at[n] : ' ';
    return !((next | 0x20) >= 'a' && (next | 0x20) <= 'z') && !is_digit(next);
}

static enum event number_value(struct events *e)
{
    static const char *const words[] = { "NaN", "Infinity", "-Infinity" };
    size_t n = number_length(e->in.at, e->in.end);

    for (size_t i = 0; !n && i < sizeof words / sizeof *words; i++)
        if (is_word(&e->in, words[i]))
            n = strlen(words[i]);
    if (!n)
        return unexpected(e, "a value");
    e->number = NUMBER_TEXT;
    e->text = (const char *)e->in.at;
    e->length = n;
    e->in.at += n;
    return leaf(e, EVENT_NUMBER);
}

static enum event word_value(struct events *e, const char *word, enum event ev, int64_t integer)
{
    if (!is_word(&e->in, word))
        return unexpected(e, "a value");
    e->in.at += strlen(word);
    e->number = NUMBER_INTEGER;
    e->integer = integer;
    return leaf(e, ev);
}

/* ---- values and containers ------------------------------------------------------------------ */

static enum event value(struct events *e)
{
    switch (peek(&e->in)) {
    case '{':
        e->in.at++;
        return mdl_events_push(e, (struct events_level){ .is_object = 1 });
    case '[':
        e->in.at++;
        return mdl_events_push(e, (struct events_level){ .is_object = 0 });
    case '"': return string_value(e);
    case 't': return word_value(e, "true", EVENT_BOOL, 1);
    case 'f': return word_value(e, "false", EVENT_BOOL, 0);
    case 'n': return word_value(e, "null", EVENT_NULL, 0);
    default: return number_value(e);
    }
}

/* Pass over the comma before a further member; 0 when the container closes or it is bad. */
static int begins_member(struct events *e, unsigned char close, enum event *ev)
{
    struct events_level *level = &e->levels[e->depth - 1];

    skip_blanks(&e->in);
    if (peek(&e->in) == close && e->in.at < e->in.end) {
        e->in.at++;
        *ev = mdl_events_pop(e);
        return 0;
    }
    if (level->some) {
        if (peek(&e->in) != ',') {
            *ev = unexpected(e, close == '}' ? "',' or '}'" : "',' or ']'");
            return 0;
        }
        e->in.at++;
        skip_blanks(&e->in);
    }
    level->some = 1;
    return 1;
}

static enum event key(struct events *e)
{
    const unsigned char *from;
    enum event ev = EVENT_FAILED;
    size_t raw;
    int escaped;

    if (!begins_member(e, '}', &ev))
        return ev;
    if (peek(&e->in) != '"')
        return unexpected(e, "a key");
    if (!read_string(e, &from, &raw, &escaped))
        return EVENT_FAILED;
    skip_blanks(&e->in);
    if (peek(&e->in) != ':')
        return unexpected(e, "':'");
    e->in.at++;
    skip_blanks(&e->in);
    return mdl_events_add_key(e, from, raw, escaped);
}

static enum event next(struct events *e)
{
    enum event ev = EVENT_FAILED;

    if (!e->depth) {
        skip_blanks(&e->in);
        if (!e->done)
            return value(e);
        return e->in.at == e->in.end ? EVENT_END
                                     : mdl_events_bad(e, "bytes behind the end of the document");
    }
    struct events_level *level = &e->levels[e->depth - 1];
    if (!level->is_object)
        return begins_member(e, ']', &ev) ? value(e) : ev;
    if (!level->has_key)
        return key(e);
    level->has_key = 0;
    return value(e);
}

void mdl_events_json(struct events *e, struct bytes in, mdl_error *err)
{
    memset(e, 0, sizeof *e);
    e->in = in;
    e->err = err;
    e->next = next;
    e->pass = pass;
    e->allocator = mdl_allocator_or_default(NULL);
}
