/*
 * import/lightgbm_text.c - lines, fields and arrays of numbers of LightGBM's text
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/lightgbm.h"

#include "import/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Do the trees come to their end? */
static int is_whole(const struct lgb *g)
{
    struct bytes in = { .start = g->in.start, .at = g->in.start, .end = g->in.end };
    struct span line;

    while (mdl_lgb_line(&in, &line))
        if (mdl_lgb_is_end(line))
            return 1;
    return 0;
}

/* Where a file is cut off decides which of its parts looks wrong. */
mdl_status mdl_lgb_fail(const struct lgb *g, const unsigned char *at, const char *format, ...)
{
    char text[400], tree[40] = "";
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (g->tree != LGB_NO_TREE)
        snprintf(tree, sizeof tree, "tree %llu: ", (unsigned long long)g->tree);
    return mdl_fail_at(g->err, MDL_ERR_FORMAT, "", (uint64_t)(at - g->in.start), "%s%s%s", tree,
                       text, is_whole(g) ? "" : "; the file ends before 'end of trees': " MDL_CUT_OFF);
}

mdl_status mdl_lgb_memory(const struct lgb *g)
{
    return mdl_fail(g->err, MDL_ERR_MEMORY, "out of memory");
}

void *mdl_lgb_room(const struct lgb *g, struct vec *v, uint64_t count, size_t bytes)
{
    uint64_t all;

    v->bytes = 0;
    if (!size_mul(count, bytes, &all) || all > SIZE_MAX)
        return NULL;
    return mdl_vec_add(v, &g->allocator, NULL, (size_t)all);
}

/* ---- lines ------------------------------------------------------------------------------- */

int mdl_lgb_line(struct bytes *in, struct span *line)
{
    if (in->at == in->end)
        return 0;

    const unsigned char *stop = memchr(in->at, '\n', bytes_left(in));
    line->at = in->at;
    line->end = stop ? stop : in->end;
    in->at = stop ? stop + 1 : in->end;
    while (line->end > line->at && line->end[-1] == '\r')
        line->end--;
    return 1;
}

int mdl_lgb_starts(struct span s, const char *with)
{
    const size_t n = strlen(with);

    return span_length(s) >= n && !memcmp(s.at, with, n);
}

int mdl_lgb_is(struct span s, const char *text)
{
    return span_length(s) == strlen(text) && mdl_lgb_starts(s, text);
}

int mdl_lgb_is_tree(struct span line)
{
    return mdl_lgb_starts(line, "Tree=");
}

/* Files from before 2.2 have no line "end of trees". */
int mdl_lgb_is_end(struct span line)
{
    return mdl_lgb_is(line, "end of trees") || mdl_lgb_is(line, "feature importances:")
        || mdl_lgb_is(line, "feature_importances:");
}

static mdl_status add_field(struct lgb *g, struct span line, const char *const *names, size_t n,
                            struct span *value)
{
    const unsigned char *equals = memchr(line.at, '=', span_length(line));
    const struct span key = { line.at, equals ? equals : line.end };
    char safe[64];

    mdl_safe_text(safe, sizeof safe, (const char *)key.at, span_length(key));
    if (!equals && g->tree != LGB_NO_TREE)
        return mdl_lgb_fail(g, line.at, "the line '%s' is no key=value", safe);
    for (size_t i = 0; i < n; i++) {
        if (!mdl_lgb_is(key, names[i]))
            continue;
        if (value[i].at)
            return mdl_lgb_fail(g, line.at, "the key '%s' is there twice", safe);
        value[i] = (struct span){ equals ? equals + 1 : line.end, line.end };
        return MDL_OK;
    }
    mdl_parts_add(&g->parts, "%s '%s'", g->tree == LGB_NO_TREE ? "header key" : "tree key", safe);
    return MDL_OK;
}

mdl_status mdl_lgb_fields(struct lgb *g, const char *const *names, size_t n, struct span *value)
{
    struct bytes ahead = g->in;
    struct span line;
    mdl_status s = MDL_OK;

    while (!s && mdl_lgb_line(&ahead, &line)) {
        const int blank = line.at == line.end;

        if (mdl_lgb_is_tree(line) || mdl_lgb_is_end(line)
            || (blank && g->tree != LGB_NO_TREE))
            break;
        if (!blank)
            s = add_field(g, line, names, n, value);
        g->in.at = ahead.at;
    }
    return s;
}

/* ---- numbers ----------------------------------------------------------------------------- */

int mdl_lgb_word(struct span *s, char separator, struct span *word)
{
    while (s->at < s->end && *s->at == (unsigned char)separator)
        s->at++;
    if (s->at == s->end)
        return 0;

    const unsigned char *stop = memchr(s->at, separator, span_length(*s));
    *word = (struct span){ s->at, stop ? stop : s->end };
    s->at = word->end;
    return 1;
}

static mdl_status not_a_number(const struct lgb *g, struct span word, const char *name, size_t i)
{
    char safe[40];

    return mdl_lgb_fail(g, word.at, "%s: value %llu is '%s'", name, (unsigned long long)i,
                        mdl_safe_text(safe, sizeof safe, (const char *)word.at,
                                      span_length(word)));
}

static int read_int(struct span word, int64_t least, int64_t most, int64_t *out)
{
    const size_t n = span_length(word);

    return mdl_parse_i64((const char *)word.at, n, out) == n && *out >= least && *out <= most;
}

mdl_status mdl_lgb_int(const struct lgb *g, struct span s, const char *name, int64_t least,
                       int64_t most, int64_t *out)
{
    struct span rest = s, word, more;
    char safe[40];

    if (mdl_lgb_word(&rest, ' ', &word) && read_int(word, least, most, out)
        && !mdl_lgb_word(&rest, ' ', &more))
        return MDL_OK;
    return mdl_lgb_fail(g, s.at, "%s is '%s', expected an integer from %lld to %lld", name,
                        mdl_safe_text(safe, sizeof safe, (const char *)s.at, span_length(s)),
                        (long long)least, (long long)most);
}

/* The words behind the n-th, or fewer than n, are an error. */
static mdl_status check_count(const struct lgb *g, struct span rest, const char *name, size_t n,
                              size_t found)
{
    const unsigned char *at = rest.at;
    struct span word;

    while (mdl_lgb_word(&rest, ' ', &word))
        found++;
    if (found == n)
        return MDL_OK;
    return mdl_lgb_fail(g, at, "%s has %llu values, expected %llu", name,
                        (unsigned long long)found, (unsigned long long)n);
}

mdl_status mdl_lgb_doubles(const struct lgb *g, struct span s, const char *name, size_t n,
                           double *out)
{
    struct span word;
    size_t i = 0;

    for (; i < n && mdl_lgb_word(&s, ' ', &word); i++)
        if (mdl_parse_f64((const char *)word.at, span_length(word), &out[i])
            != span_length(word))
            return not_a_number(g, word, name, i);
    return check_count(g, s, name, n, i);
}

mdl_status mdl_lgb_ints(const struct lgb *g, struct span s, const char *name, size_t n,
                        int64_t least, int64_t most, int32_t *out)
{
    struct span word;
    size_t i = 0;

    for (; i < n && mdl_lgb_word(&s, ' ', &word); i++) {
        int64_t v;

        if (!read_int(word, INT32_MIN, INT32_MAX, &v))
            return not_a_number(g, word, name, i);
        if (v < least || v > most)
            return mdl_lgb_fail(g, word.at, "%s: value %llu is %lld, expected %lld to %lld", name,
                                (unsigned long long)i, (long long)v, (long long)least,
                                (long long)most);
        out[i] = (int32_t)v;
    }
    return check_count(g, s, name, n, i);
}

mdl_status mdl_lgb_words(const struct lgb *g, struct span s, const char *name, size_t n,
                         uint32_t *out)
{
    struct span word;
    size_t i = 0;

    for (; i < n && mdl_lgb_word(&s, ' ', &word); i++) {
        int64_t v;

        if (!read_int(word, 0, UINT32_MAX, &v))
            return not_a_number(g, word, name, i);
        out[i] = (uint32_t)v;
    }
    return check_count(g, s, name, n, i);
}
