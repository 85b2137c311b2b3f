/*
 * op/nd_regex_match.c - a machine of nd_regex.h follows a text, all its ways at once
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_regex.h"

#include <string.h>

uint32_t mdl_regex_letter(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *s = *at;
    const unsigned n = s[0] < 0x80 ? 1 : s[0] >= 0xC2 && s[0] < 0xE0 ? 2
                     : s[0] >= 0xE0 && s[0] < 0xF0 ? 3 : s[0] >= 0xF0 && s[0] < 0xF5 ? 4 : 0;
    uint32_t c = n < 2 ? s[0] : s[0] & (0x7Fu >> n);
    unsigned i = 1;

    for (; i < n && s + i < end && (s[i] & 0xC0) == 0x80; i++)
        c = c << 6 | (s[i] & 0x3Fu);
    *at += n && i == n ? n : 1;
    return n && i == n ? c : 0x110000u + s[0];
}

static int is_word(uint32_t c)
{
    return c - '0' < 10 || (c | 0x20) - 'a' < 26 || c == '_';
}

static int has(const struct regex *r, const struct regex_step *s, uint32_t c)
{
    for (uint32_t i = 0; i < s->b; i++)
        if (c >= r->ranges[s->a + i].first && c <= r->ranges[s->a + i].last)
            return s->kind == REGEX_LETTER;
    return s->kind != REGEX_LETTER;
}

/* Where we are in the text: the letters before and behind, NONE at its ends. */
#define NONE UINT32_MAX

static int holds(uint32_t kind, uint32_t before, uint32_t behind)
{
    const int edge = (before != NONE && is_word(before)) != (behind != NONE && is_word(behind));

    switch (kind) {
    case REGEX_BEGIN: return before == NONE;
    case REGEX_END:   return behind == NONE;
    case REGEX_EDGE:  return edge;
    default:          return !edge;
    }
}

/* All steps that are reached without a letter from `begin`, added to the list. */
static uint32_t follow(const struct regex *r, uint32_t begin, uint32_t *list, uint32_t n,
                       uint32_t *seen, uint32_t mark, uint32_t *stack, uint32_t before,
                       uint32_t behind)
{
    uint32_t top = 0;

    if (seen[begin] != mark)
        stack[top++] = begin;
    seen[begin] = mark;
    while (top) {
        const uint32_t at = stack[--top];
        const struct regex_step *s = &r->steps[at];
        uint32_t next[2] = { at + 1, at + 1 };
        if (s->kind == REGEX_LETTER || s->kind == REGEX_NOT_LETTER || s->kind == REGEX_MATCH) {
            list[n++] = at;
            continue;
        }
        if (s->kind == REGEX_FORK || s->kind == REGEX_JUMP) {
            next[0] = s->a;
            next[1] = s->b;
        } else if (!holds(s->kind, before, behind)) {
            continue;
        }
        for (int i = 0; i < 2; i++)
            if (seen[next[i]] != mark) {
                seen[next[i]] = mark;
                stack[top++] = next[i];
            }
    }
    return n;
}

int mdl_regex_matches(const struct regex *r, const char *text, uint32_t *room)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    uint32_t *now = room, *next = room + r->n_steps, *seen = next + r->n_steps;
    uint32_t *stack = seen + r->n_steps;
    uint32_t mark = 1, before = NONE, n;
    const unsigned char *ahead = at;
    uint32_t behind = at < end ? mdl_regex_letter(&ahead, end) : NONE;

    memset(seen, 0, r->n_steps * sizeof *seen);
    n = follow(r, 0, now, 0, seen, mark, stack, before, behind);
    while (at < end && n) {
        const uint32_t c = behind;
        uint32_t m = 0;
        at = ahead;
        before = c;
        behind = at < end ? mdl_regex_letter(&ahead, end) : NONE;
        if (!++mark) {            /* marks have gone round */
            memset(seen, 0, r->n_steps * sizeof *seen);
            mark = 1;
        }
        for (uint32_t i = 0; i < n; i++) {
            const struct regex_step *s = &r->steps[now[i]];
            if (s->kind != REGEX_MATCH && has(r, s, c))
                m = follow(r, now[i] + 1, next, m, seen, mark, stack, before, behind);
        }
        uint32_t *const other = now;
        now = next;
        next = other;
        n = m;
    }
    for (uint32_t i = 0; at == end && i < n; i++)
        if (r->steps[now[i]].kind == REGEX_MATCH)
            return 1;
    return 0;
}
