/*
 * import/scores.c - see scores.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/scores.h"

#include <stdlib.h>
#include <string.h>

static size_t count(const struct scores *s)
{
    return s->all.bytes / sizeof(struct score);
}

static struct score *at(const struct scores *s, size_t i)
{
    return (struct score *)(void *)s->all.data + i;
}

#define PATIENCE 1000u            /* steps to a free place; half of them are free */

/* Where the column is, or would be. */
static uint32_t *find(struct scores *s, uint32_t column)
{
    uint32_t *place = (uint32_t *)(void *)s->place.data;
    const size_t mask = s->place.bytes / sizeof *place - 1;
    const uint32_t hash = column * 2654435761u;            /* 2^32 by the golden ratio */
    size_t i = (hash ^ hash >> 15) & mask;

    for (unsigned steps = 0; place[i] && at(s, place[i] - 1)->column != column; steps++) {
        i = (i + 1) & mask;
        s->is_lost |= steps > PATIENCE;
    }
    return &place[i];
}

/* At most half of the places are taken. */
static int grow(struct scores *s, const mdl_allocator *allocator)
{
    const size_t n = s->place.bytes / sizeof(uint32_t);

    if (n && count(s) < n / 2)
        return 1;
    if (!mdl_vec_add(&s->place, allocator, NULL, (n ? n : 64) * sizeof(uint32_t)))
        return 0;
    memset(s->place.data, 0, s->place.bytes);
    for (size_t i = 0; i < count(s); i++)
        *find(s, at(s, i)->column) = (uint32_t)i + 1;
    return 1;
}

struct score *mdl_scores_at(struct scores *s, const mdl_allocator *allocator, uint32_t column)
{
    if (s->is_lost)
        return &s->lost;
    if (!grow(s, allocator))
        return NULL;
    uint32_t *place = find(s, column);
    if (!*place) {
        const struct score fresh = { .column = column };
        if (!mdl_vec_add(&s->all, allocator, &fresh, sizeof fresh))
            return NULL;
        *place = (uint32_t)count(s);
    }
    return at(s, *place - 1);
}

static int by_column(const void *a, const void *b)
{
    const uint32_t x = ((const struct score *)a)->column, y = ((const struct score *)b)->column;

    return x < y ? -1 : x > y;
}

mdl_status mdl_scores_give(struct scores *s, const mdl_allocator *allocator, mdl_builder *b,
                           size_t n_kinds, const char *const *kinds,
                           double (*value)(const struct score *score, size_t k))
{
    struct vec columns = { 0 }, values = { 0 };
    const size_t n = count(s);

    if (s->is_lost)
        return MDL_OK;
    uint32_t *column = mdl_vec_add(&columns, allocator, NULL, n * sizeof *column + 1);
    double *number = mdl_vec_add(&values, allocator, NULL, n * n_kinds * sizeof *number + 1);
    const int good = column && number;

    if (good && n)
        qsort(s->all.data, n, sizeof(struct score), by_column);
    for (size_t i = 0; good && i < n; i++) {
        column[i] = at(s, i)->column;
        for (size_t k = 0; k < n_kinds; k++)
            number[k * n + i] = value(at(s, i), k);
    }
    if (good)
        mdl_build_importance(b, n_kinds, kinds, n, column, number);
    mdl_vec_free(&columns, allocator);
    mdl_vec_free(&values, allocator);
    return good ? MDL_OK : MDL_ERR_MEMORY;
}

void mdl_scores_free(struct scores *s, const mdl_allocator *allocator)
{
    mdl_vec_free(&s->all, allocator);
    mdl_vec_free(&s->place, allocator);
}
