/*
 * cli/suggest.c - did you mean: the closest name by edit distance
 *
 * Optimal string alignment: insert, delete, replace, swap of neighbours; letters compare
 * without case and blank, dash and underscore are the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"

#include <string.h>

#define LONGEST 63u             /* longer names are compared up to here */

static unsigned char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned char)(c - 'A' + 'a');
    return c == ' ' || c == '-' ? '_' : (unsigned char)c;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t distance(const char *a, const char *b)
{
    const size_t n = least(strlen(a), LONGEST), m = least(strlen(b), LONGEST);
    size_t rows[3][LONGEST + 1];             /* before last, last, this */
    size_t *two = rows[0], *one = rows[1], *now = rows[2];

    for (size_t j = 0; j <= m; j++)
        one[j] = two[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t differs = fold(a[i - 1]) != fold(b[j - 1]);
            now[j] = least(least(one[j], now[j - 1]) + 1, one[j - 1] + differs);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2])
                && fold(a[i - 2]) == fold(b[j - 1]))
                now[j] = least(now[j], two[j - 2] + 1);
        }
        size_t *oldest = two;
        two = one;
        one = now;
        now = oldest;
    }
    return one[m];
}

void cli_suggest_offer(struct cli_suggest *s, const char *name)
{
    if (!s->typed || !*name)
        return;
    const size_t d = distance(s->typed, name), length = least(strlen(s->typed), strlen(name));

    if (d > (length + 2) / 3 || (s->best && d >= s->distance))
        return;
    s->best = name;
    s->distance = d;
}
