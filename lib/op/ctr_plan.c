/*
 * op/ctr_plan.c - what the operator ctr runs on
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

#include <string.h>

void mdl_ctr_ratios(const struct node *n, const struct ctr_table *t, const float *row, float *y)
{
    const struct ctr_ratio *r = (const struct ctr_ratio *)n->tensors[CTR_RATIO].data + t->first;
    const float *prior = (const float *)n->tensors[CTR_PRIOR].data + 5 * (size_t)t->first;

    for (size_t i = 0; i < t->n; i++, prior += 5) {
        const float good = row ? row[r[i].good] : 0;
        const float all = r[i].all < 0 ? prior[4] : row ? row[r[i].all] : 0;

        y[i] = ((good + prior[0]) / (all + prior[1]) + prior[2]) * prior[3];
    }
}

uint32_t mdl_ctr_say(const struct node *n, const struct ctr_table *t, uint32_t row)
{
    float y;

    if (t->n != 1)
        return row < t->rows ? row : t->rows;
    mdl_ctr_ratios(n, t, row < t->rows ? t->count + (size_t)row * t->width : NULL, &y);
    memcpy(&row, &y, sizeof row);
    return row;
}

/* The ratios of every row, and of none behind them, where they are not many more than the counts
 * that the file has. */
static mdl_status make_values(const struct node *n, struct ctr_table *t, struct arena *a,
                              mdl_error *err)
{
    if (t->n < 2 || t->n > 4 * t->width)
        return MDL_OK;
    t->value = mdl_arena_take(a, (size_t)t->rows + 1, t->n * sizeof *t->value);
    if (!t->value)
        return mdl_arena_fail(a, err, "ctr");
    for (size_t row = 0; row <= t->rows; row++)
        mdl_ctr_ratios(n, t, row < t->rows ? t->count + row * t->width : NULL,
                       t->value + row * t->n);
    return MDL_OK;
}

/* One or two rows a heap, about; those that find it full are searched for. */
static mdl_status make_heaps(const struct node *n, struct ctr_table *t, struct arena *a,
                             mdl_error *err)
{
    uint32_t bits = 1;

    while (bits < 31 && t->rows / 2 >> bits)
        bits++;
    t->shift = 64 - bits;
    t->heaps = mdl_arena_take(a, (size_t)1 << bits, sizeof *t->heaps);
    if (!t->heaps)
        return mdl_arena_fail(a, err, "ctr");
    memset(t->heaps, 0xFF, ((size_t)1 << bits) * sizeof *t->heaps);
    t->none = mdl_ctr_say(n, t, UINT32_MAX);
    for (uint32_t row = 0, used = 0; row < t->rows; row++) {
        struct ctr_heap *h = &t->heaps[t->hash[row] >> t->shift];

        used = row && t->hash[row - 1] >> t->shift == t->hash[row] >> t->shift ? used + 1 : 0;
        if (used < CTR_WAYS) {
            h->hash[used] = t->hash[row];
            h->say[used] = mdl_ctr_say(n, t, row);
        }
    }
    return MDL_OK;
}

static mdl_status make_tables(const struct node *n, struct ctr_plan *p, struct arena *a,
                              mdl_error *err)
{
    const struct ctr_file_table *from = n->tensors[CTR_TABLE].data;
    const struct ctr_ratio *ratio = n->tensors[CTR_RATIO].data;
    const uint64_t *const all = n->tensors[CTR_HASH].data, *hash = all;
    const float *count = n->tensors[CTR_COUNT].data;
    const uint32_t ratios = (uint32_t)ctr_records(n, CTR_RATIO, 3);
    mdl_status s = MDL_OK;

    for (uint32_t i = 0, r = 0; !s && i < p->n_tables; i++) {
        struct ctr_table *t = &p->tables[i];

        for (uint32_t k = 0; k < from[i].rows; k++)
            if (hash[k] == CTR_NO_KEY || (k && hash[k] <= hash[k - 1]))
                return mdl_ctr_bad(n, CTR_HASH, (uint64_t)(hash - all) + k, err);
        *t = (struct ctr_table){ .hash = hash, .count = count, .rows = from[i].rows,
                             .width = from[i].width, .key = from[i].key, .first = r };
        while (r < ratios && (uint32_t)ratio[r].table == i)
            r++;
        t->n = r - t->first;
        s = make_heaps(n, t, a, err);
        if (!s) s = make_values(n, t, a, err);
        hash += from[i].rows;
        count += (size_t)from[i].rows * from[i].width;
    }
    return s;
}

/* Columns whose codes or numbers parts need, each once: `place` has room for two of each of x. */
static void place_parts(const struct node *n, struct ctr_plan *p, uint64_t cols, uint32_t *place)
{
    const struct ctr_part *part = n->tensors[CTR_PART].data;
    const float *border = n->tensors[CTR_BORDER].data;
    const uint64_t parts = ctr_records(n, CTR_PART, 3);

    for (uint64_t i = 0; i < parts; i++) {
        const int is_float = part[i].kind == PART_ABOVE || part[i].kind == PART_ABOVE_OR_NAN;
        uint32_t *at = &place[2 * part[i].column + is_float];

        if (!*at)
            *at = 1 + (is_float ? p->n_floats++ : p->n_codes++);
        p->parts[i] = (struct ctr_taken){ (uint32_t)part[i].kind, *at - 1,
                                      CTR_M * (uint64_t)(int64_t)part[i].category, border[i] };
    }
    for (uint64_t c = 0; c < cols; c++)
        for (uint32_t k = 0; k < 2; k++)
            if (place[2 * c + k])
                p->column[place[2 * c + k] - 1 + k * p->n_codes] = (uint32_t)c;
}

static void share_keys(const struct node *n, struct ctr_plan *p)
{
    const uint32_t *key = n->tensors[CTR_KEY].data;
    const uint64_t keys = ctr_records(n, CTR_KEY, 1);

    for (uint64_t i = 0; i + 1 < keys; i++) {
        const struct ctr_taken *a = p->parts + key[i ? i - 1 : 0], *b = p->parts + key[i];
        const uint32_t n_a = i ? key[i] - key[i - 1] : 0, n_b = key[i + 1] - key[i];
        uint32_t k = 0;

        while (k < n_a && k < n_b && k < CTR_KEPT - 1 && a[k].kind == b[k].kind
               && a[k].at == b[k].at && a[k].category == b[k].category
               && !(a[k].border != b[k].border))
            k++;
        p->shared[i] = k;
    }
}

mdl_status mdl_ctr_prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const uint64_t cols = node_in(n, g, 0)->cols;
    const size_t parts = (size_t)ctr_records(n, CTR_PART, 3);
    const size_t keys = (size_t)ctr_records(n, CTR_KEY, 1);
    struct ctr_plan *p = mdl_arena_take(a, 1, sizeof *p);
    uint32_t *place = mdl_arena_take(a, (size_t)cols, 2 * sizeof *place);

    if (!p || !place)
        return mdl_arena_fail(a, err, "ctr");
    memset(place, 0, (size_t)cols * 2 * sizeof *place);
    *p = (struct ctr_plan){ .tables = mdl_arena_take(a, (size_t)ctr_records(n, CTR_TABLE, 3),
                                                     sizeof *p->tables),
                        .parts = mdl_arena_take(a, parts, sizeof *p->parts),
                        .shared = mdl_arena_take(a, keys, sizeof *p->shared),
                        .column = mdl_arena_take(a, parts, sizeof *p->column),
                        .n_tables = (uint32_t)ctr_records(n, CTR_TABLE, 3) };
    if (!p->tables || !p->parts || !p->shared || !p->column)
        return mdl_arena_fail(a, err, "ctr");
    n->plan = p;
    place_parts(n, p, cols, place);
    share_keys(n, p);
    return make_tables(n, p, a, err);
}

