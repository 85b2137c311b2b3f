/*
 * op/nd_regex.c - see nd_regex.h
 *
 *     alternatives = sequence | sequence | ...
 *     sequence     = part part ...        part = atom, perhaps repeated
 *
 * A part is written to the end of the steps as it is read; to repeat it, it is moved or copied:
 * steps of a part refer to steps of the part alone, or to the one behind it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_regex.h"

#include <string.h>

struct reader {
    const unsigned char *at, *end;
    struct regex *r;
    uint32_t      room_ranges, depth;
    mdl_error    *err;
    mdl_status    status;
};

static void fail(struct reader *p, mdl_status s, const char *what)
{
    if (!p->status)
        p->status = mdl_fail(p->err, s, "pattern: %s", what);
}

static uint32_t emit(struct reader *p, uint32_t kind, uint32_t a, uint32_t b)
{
    if (p->r->n_steps == REGEX_MOST) {
        fail(p, MDL_ERR_UNSUPPORTED, "it is too long");
        return 0;
    }
    p->r->steps[p->r->n_steps] = (struct regex_step){ kind, a, b };
    return p->r->n_steps++;
}

static void add_range(struct reader *p, uint32_t first, uint32_t last)
{
    if (p->r->n_ranges == p->room_ranges)
        fail(p, MDL_ERR_UNSUPPORTED, "too many ranges");
    else
        p->r->ranges[p->r->n_ranges++] = (struct regex_range){ first, last };
}

/* ---- letters --------------------------------------------------------------------------------- */

static const struct regex_range digits[] = { { '0', '9' } };
static const struct regex_range words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' },
                                            { 'a', 'z' } };
static const struct regex_range blanks[] = { { '\t', '\n' }, { '\f', '\r' }, { ' ', ' ' } };

/* \d and the like: the ranges, of what it is not if the letter is large. */
static int add_class(struct reader *p, uint32_t c)
{
    const uint32_t small = c | 0x20;
    const struct regex_range *r = small == 'd' ? digits : small == 'w' ? words : blanks;
    const uint32_t n = small == 'd' ? 1 : small == 'w' ? 4 : 3;
    uint32_t next = 0;

    if (small != 'd' && small != 'w' && small != 's')
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        if (c == small)
            add_range(p, r[i].first, r[i].last);
        else
            add_range(p, next, r[i].first - 1);
        next = r[i].last + 1;
    }
    if (c != small)
        add_range(p, next, UINT32_MAX);
    return 1;
}

static uint32_t take_hex(struct reader *p)
{
    const int braces = p->at < p->end && *p->at == '{';
    uint32_t v = 0, n = 0;

    for (p->at += braces; p->at < p->end && n < (braces ? 6 : 2); p->at++, n++) {
        const uint32_t c = *p->at, small = c | 0x20;
        if (c - '0' < 10)
            v = v * 16 + c - '0';
        else if (small - 'a' < 6)
            v = v * 16 + small - 'a' + 10;
        else
            break;
    }
    if (!n || (!braces && n != 2) || (braces && (p->at == p->end || *p->at++ != '}')))
        fail(p, MDL_ERR_FORMAT, "\\x without a number");
    return v;
}

/* What stands behind a backslash, as a letter. */
static uint32_t take_escape(struct reader *p)
{
    static const char from[] = "ntrfva", to[] = "\n\t\r\f\v\a";
    const uint32_t c = *p->at++;
    const char *known = c && c < 0x80 ? strchr(from, (int)c) : NULL;

    if (known)
        return (unsigned char)to[known - from];
    if (c == 'x')
        return take_hex(p);
    if (c >= 0x80 || (c | 0x20) - 'a' < 26 || c - '0' < 10)
        fail(p, MDL_ERR_UNSUPPORTED, "an escape that is not known here");
    return c;
}

/* One end of a range in brackets. */
static uint32_t take_bracket_letter(struct reader *p)
{
    if (*p->at != '\\')
        return mdl_regex_letter(&p->at, p->end);
    if (++p->at == p->end) {
        fail(p, MDL_ERR_FORMAT, "it ends in a backslash");
        return 0;
    }
    return take_escape(p);
}

static void take_brackets(struct reader *p)
{
    const int negated = p->at < p->end && *p->at == '^';
    const uint32_t first = p->r->n_ranges;
    int begun = 0;

    for (p->at += negated; !p->status && p->at < p->end && (*p->at != ']' || !begun); begun = 1) {
        if (p->end - p->at > 1 && p->at[0] == '[' && p->at[1] == ':') {
            fail(p, MDL_ERR_UNSUPPORTED, "a class [:name:]");
            return;
        }
        if (p->end - p->at > 1 && *p->at == '\\' && add_class(p, p->at[1])) {
            p->at += 2;
            continue;
        }
        const uint32_t from = take_bracket_letter(p);
        uint32_t to = from;
        if (p->end - p->at > 1 && p->at[0] == '-' && p->at[1] != ']') {
            p->at++;
            to = take_bracket_letter(p);
        }
        if (to < from)
            fail(p, MDL_ERR_FORMAT, "a range that goes down");
        add_range(p, from, to);
    }
    if (p->at == p->end)
        fail(p, MDL_ERR_FORMAT, "[ without ]");
    p->at += p->at < p->end;
    emit(p, negated ? REGEX_NOT_LETTER : REGEX_LETTER, first, p->r->n_ranges - first);
}

static void letter(struct reader *p, uint32_t c)
{
    const uint32_t first = p->r->n_ranges;

    add_range(p, c, c);
    emit(p, REGEX_LETTER, first, 1);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void take_alternatives(struct reader *p);

static void take_group(struct reader *p)
{
    const size_t left = (size_t)(p->end - p->at);

    if (left > 1 && p->at[0] == '?' && p->at[1] == ':') {
        p->at += 2;
    } else if (left > 2 && p->at[0] == '?'
               && ((p->at[1] == '<' && p->at[2] != '=' && p->at[2] != '!')
                   || (p->at[1] == 'P' && p->at[2] == '<'))) {
        while (p->at < p->end && *p->at != '>')
            p->at++;
        p->at += p->at < p->end;
    } else if (left && p->at[0] == '?') {
        fail(p, MDL_ERR_UNSUPPORTED, "a group (? of a kind that is not known here");
        return;
    }
    if (++p->depth > REGEX_DEPTH)
        fail(p, MDL_ERR_UNSUPPORTED, "too many groups within groups");
    else
        take_alternatives(p);
    p->depth--;
    if (p->at == p->end)
        fail(p, MDL_ERR_FORMAT, "( without )");
    p->at += p->at < p->end;
}

static void take_atom(struct reader *p)
{
    static const char places[] = "bBAz";
    static const uint32_t kinds[] = { REGEX_EDGE, REGEX_NO_EDGE, REGEX_BEGIN, REGEX_END };
    const uint32_t first = p->r->n_ranges, c = mdl_regex_letter(&p->at, p->end);

    switch (c) {
    case '(': take_group(p); return;
    case '[': take_brackets(p); return;
    case '.': add_range(p, '\n', '\n'); emit(p, REGEX_NOT_LETTER, first, 1); return;
    case '^': emit(p, REGEX_BEGIN, 0, 0); return;
    case '$': emit(p, REGEX_END, 0, 0); return;
    case '*': case '+': case '?': fail(p, MDL_ERR_FORMAT, "nothing to repeat"); return;
    case '\\': break;
    default: letter(p, c); return;
    }
    if (p->at == p->end) {
        fail(p, MDL_ERR_FORMAT, "it ends in a backslash");
        return;
    }
    const char *place = *p->at && *p->at < 0x80 ? strchr(places, *p->at) : NULL;
    if (place) {
        p->at++;
        emit(p, kinds[place - places], 0, 0);
    } else if (add_class(p, *p->at)) {
        p->at++;
        emit(p, REGEX_LETTER, first, p->r->n_ranges - first);
    } else {
        letter(p, take_escape(p));
    }
}

static int take_number(struct reader *p, uint32_t *v)
{
    const unsigned char *begin = p->at;

    for (*v = 0; p->at < p->end && *p->at - (unsigned)'0' < 10 && *v < 10000; p->at++)
        *v = *v * 10 + *p->at - '0';
    return p->at > begin;
}

/* {n}, {n,} or {n,m}; 0, with nothing taken, if it is none of them: then { is a letter. */
static int take_counts(struct reader *p, uint32_t *least, uint32_t *most)
{
    const unsigned char *begin = p->at++;
    int good = take_number(p, least);

    *most = *least;
    if (good && p->at < p->end && *p->at == ',') {
        p->at++;
        if (!take_number(p, most))
            *most = UINT32_MAX;
    }
    good = good && p->at < p->end && *p->at == '}';
    p->at = good ? p->at + 1 : begin;
    return good;
}

/* Steps [from, to) once more at the end. */
static void copy(struct reader *p, uint32_t from, uint32_t to)
{
    const uint32_t by = p->r->n_steps - from;

    for (uint32_t i = from; !p->status && i < to; i++) {
        const struct regex_step s = p->r->steps[i];
        const uint32_t moved = s.kind == REGEX_FORK || s.kind == REGEX_JUMP ? by : 0;
        emit(p, s.kind, s.a + moved, s.b + moved);
    }
}

/* Room for a step before steps [from, end): they move one on. */
static void insert_before(struct reader *p, uint32_t from)
{
    struct regex *r = p->r;

    emit(p, REGEX_JUMP, 0, 0);
    if (p->status)
        return;
    for (uint32_t i = r->n_steps - 1; i-- > from;) {
        struct regex_step s = r->steps[i];
        if (s.kind == REGEX_FORK || s.kind == REGEX_JUMP) {
            s.a++;
            s.b++;
        }
        r->steps[i + 1] = s;
    }
}

/* The part [from, end) becomes one that may be left out, or that comes again and again. */
static void make_optional(struct reader *p, uint32_t from, int again)
{
    insert_before(p, from);
    if (again)
        emit(p, REGEX_JUMP, from, from);
    if (!p->status)
        p->r->steps[from] = (struct regex_step){ REGEX_FORK, from + 1, p->r->n_steps };
}

static void repeat(struct reader *p, uint32_t from, uint32_t least, uint32_t most)
{
    const uint32_t to = p->r->n_steps, one = to - from;

    if (least > 1000 || (most != UINT32_MAX && (most > 1000 || most < least))) {
        fail(p, MDL_ERR_UNSUPPORTED, "more than 1,000 repetitions, or less than none");
        return;
    }
    if (!most) {
        p->r->n_steps = from;
        return;
    }
    /* The part itself is the first of `least`, or the first that may be left out. */
    for (uint32_t i = 1; !p->status && i < least; i++)
        copy(p, from, to);
    if (most == UINT32_MAX && least) {
        const uint32_t end = p->r->n_steps;
        emit(p, REGEX_FORK, end - one, end + 1);
        return;
    }
    if (most == UINT32_MAX) {
        make_optional(p, from, 1);
        return;
    }
    if (!least)
        make_optional(p, from, 0);
    for (uint32_t i = least ? least : 1; !p->status && i < most; i++) {
        const uint32_t last = p->r->n_steps;
        copy(p, least ? from : from + 1, (least ? from : from + 1) + one);
        make_optional(p, last, 0);
    }
}

static void take_sequence(struct reader *p)
{
    while (!p->status && p->at < p->end && *p->at != '|' && *p->at != ')') {
        const uint32_t from = p->r->n_steps;
        uint32_t least, most;
        int repeated = 0;
        take_atom(p);
        while (!p->status && p->at < p->end) {
            const unsigned char c = *p->at;
            if (c == '*' || c == '+' || c == '?') {
                p->at++;
                least = c == '+';
                most = c == '?' ? 1 : UINT32_MAX;
            } else if (c != '{' || !take_counts(p, &least, &most)) {
                break;
            }
            if (repeated++) {
                fail(p, MDL_ERR_FORMAT, "a repetition repeated");
                return;
            }
            repeat(p, from, least, most);
            if (p->at < p->end && *p->at == '?')
                p->at++;          /* as few as will do: the same texts match */
        }
    }
}

/* fork to the first; at its end a jump behind them all. */
static void take_alternatives(struct reader *p)
{
    const uint32_t from = p->r->n_steps;
    uint32_t last = from;         /* where the last alternative begins                       */

    take_sequence(p);
    while (!p->status && p->at < p->end && *p->at == '|') {
        p->at++;
        insert_before(p, last);
        const uint32_t jump = emit(p, REGEX_JUMP, UINT32_MAX, UINT32_MAX);
        if (p->status)
            return;
        p->r->steps[last] = (struct regex_step){ REGEX_FORK, last + 1, jump + 1 };
        last = jump + 1;
        take_sequence(p);
    }
    for (uint32_t i = from; i < last; i++)    /* UINT32_MAX: moved or not, it is behind all */
        if (p->r->steps[i].kind == REGEX_JUMP && p->r->steps[i].b > REGEX_MOST)
            p->r->steps[i].a = p->r->steps[i].b = p->r->n_steps;
}

mdl_status mdl_regex_compile(struct regex *r, const char *pattern, size_t length, struct arena *a,
                             mdl_error *err)
{
    struct reader p = { .at = (const unsigned char *)pattern, .r = r, .err = err,
                        .room_ranges = (uint32_t)(length < 65536 ? 4 * length + 4 : 4) };

    p.end = p.at + length;
    if (length >= 65536)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "pattern: it is too long");
    *r = (struct regex){ .steps = mdl_arena_take(a, REGEX_MOST, sizeof *r->steps),
                         .ranges = mdl_arena_take(a, p.room_ranges, sizeof *r->ranges) };
    if (!r->steps || !r->ranges)
        return mdl_arena_fail(a, err, "a pattern");
    take_alternatives(&p);
    if (p.at < p.end)
        fail(&p, MDL_ERR_FORMAT, ") without (");
    emit(&p, REGEX_MATCH, 0, 0);
    return p.status;
}
