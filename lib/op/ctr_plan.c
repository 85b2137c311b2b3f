/*
 * op/ctr_plan.c - what the operator ctr runs on
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

#include <string.h>

void mdl_ctr_ratios(const struct node *n, const struct ctr_table *t, const float *row, float *y)
{
    const struct ctr_ratio *ratio = ctr_ratio(n) + t->first;
    const struct ctr_prior *prior = ctr_prior(n) + t->first;

    for (uint32_t i = 0; i < t->n; i++)
        y[i] = ctr_value(ratio[i], prior[i], row);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static mdl_status take_tables(const struct node *n, struct ctr_plan *p, mdl_error *err)
{
    const struct ctr_file_table *from = n->tensors[CTR_TABLE].data;
    const struct ctr_ratio *ratio = n->tensors[CTR_RATIO].data;
    const uint64_t *const all = n->tensors[CTR_HASH].data, *hash = all;
    const float *count = n->tensors[CTR_COUNT].data;
    const uint32_t ratios = (uint32_t)ctr_records(n, CTR_RATIO, 3);

    for (uint32_t i = 0, r = 0; i < p->n_tables; i++) {
        struct ctr_table *t = &p->tables[i];

        for (uint32_t k = 0; k < from[i].rows; k++)
            if (hash[k] == CTR_NO_KEY || (k && hash[k] <= hash[k - 1]))
                return mdl_ctr_bad(n, CTR_HASH, (uint64_t)(hash - all) + k, err);
        *t = (struct ctr_table){ .index = { .hash = hash, .rows = from[i].rows }, .count = count,
                                 .width = from[i].width, .first = r };
        while (r < ratios && (uint32_t)ratio[r].table == i)
            r++;
        t->n = r - t->first;
        hash += from[i].rows;
        count += (size_t)from[i].rows * from[i].width;
    }
    return MDL_OK;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int is_float(int32_t kind)
{
    return kind == PART_ABOVE || kind == PART_ABOVE_OR_NAN;
}

/* Columns whose codes or numbers parts need, each once: `place` has room for two of each of x. */
static void place_columns(const struct node *n, struct ctr_plan *p, uint64_t cols, uint32_t *place)
{
    const struct ctr_part *part = n->tensors[CTR_PART].data;

    for (uint64_t i = 0; i < ctr_records(n, CTR_PART, 3); i++) {
        uint32_t *at = &place[2 * part[i].column + is_float(part[i].kind)];

        if (!*at)
            *at = 1 + (is_float(part[i].kind) ? p->n_floats++ : p->n_codes++);
    }
    for (uint64_t c = 0; c < cols; c++)
        for (uint32_t k = 0; k < 2; k++)
            if (place[2 * c + k])
                p->column[place[2 * c + k] - 1 + k * p->n_codes] = (uint32_t)c;
}

static int same_test(const struct ctr_test *a, const struct ctr_test *b)
{
    return a->kind == b->kind && a->at == b->at && a->category == b->category
        && !(a->border != b->border);
}

/* The number of a test.  `met` is a table of [mask + 1] numbers and 1; what has no place near
 * where it belongs is one more test. */
static uint32_t number_test(struct ctr_plan *p, const struct ctr_test *test, uint32_t *met,
                            uint32_t mask)
{
    uint32_t border;
    const float f = test->border + 0.0f;             /* -0 is 0 */

    memcpy(&border, &f, sizeof border);
    uint64_t h = ((uint64_t)test->at << 34 ^ (uint64_t)border << 2 ^ test->kind) + test->category;
    h *= CTR_M;
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t *at = &met[((h >> 32) + i) & mask];

        if (!*at)
            *at = p->n_tests + 1;
        else if (same_test(&p->tests[*at - 1], test))
            return *at - 1;
        else
            continue;
        break;
    }
    p->tests[p->n_tests] = *test;
    return p->n_tests++;
}

static void number_parts(const struct node *n, struct ctr_plan *p, const uint32_t *place,
                         uint32_t *met, uint32_t mask)
{
    const struct ctr_part *part = n->tensors[CTR_PART].data;
    const float *border = n->tensors[CTR_BORDER].data;

    for (uint64_t i = 0; i < ctr_records(n, CTR_PART, 3); i++) {
        const uint32_t at = place[2 * part[i].column + is_float(part[i].kind)] - 1;
        const struct ctr_test test = { (uint32_t)part[i].kind, at,
                                       CTR_M * (uint64_t)(int64_t)part[i].category, border[i] };

        p->part[i] = part[i].kind == PART_CATEGORY ? at
                                                   : p->n_codes + number_test(p, &test, met, mask);
    }
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Categories that a key begins with. */
static uint32_t categories_of(const struct ctr_plan *p, const struct ctr_key *key)
{
    uint32_t n = 0;

    while (n < key->n && p->part[key->first + n] < p->n_codes)
        n++;
    return n;
}

/* Keys that have ratios; those of a group follow each other, the one without tests first. */
static void take_keys(const struct node *n, struct ctr_plan *p)
{
    const struct ctr_file_table *from = n->tensors[CTR_TABLE].data;
    const uint32_t *first = n->tensors[CTR_KEY].data;

    for (uint32_t i = 0, end; i < p->n_tables; i = end) {
        struct ctr_key key = { .first = first[from[i].key], .first_table = i,
                               .at = p->tables[i].first };

        key.n = first[from[i].key + 1] - key.first;
        for (end = i; end < p->n_tables && from[end].key == from[i].key; end++)
            key.ratios += p->tables[end].n;
        key.n_tables = end - i;
        if (!key.ratios)
            continue;
        const uint32_t categories = categories_of(p, &key);
        struct ctr_group *g = p->n_groups ? &p->groups[p->n_groups - 1] : NULL;
        if (!g || g->n != categories
            || memcmp(p->part + g->first, p->part + key.first, categories * sizeof *p->part)) {
            g = &p->groups[p->n_groups++];
            *g = (struct ctr_group){ .first = key.first, .n = categories };
        }
        key.group = p->n_groups - 1;
        key.n_tests = key.n - categories;
        if (!key.n_tests && !g->known.rows)
            g->known = p->tables[i].index;
        p->keys[p->n_keys++] = key;
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static mdl_status make_parts(const struct node *n, struct ctr_plan *p, uint64_t cols,
                             struct arena *temp, mdl_error *err)
{
    const uint64_t parts = ctr_records(n, CTR_PART, 3);
    uint32_t mask = 63;

    while (mask < 2 * parts && mask < UINT32_MAX / 2)
        mask = 2 * mask + 1;
    uint32_t *place = mdl_arena_take(temp, cols, 2 * sizeof *place);
    uint32_t *met = mdl_arena_take(temp, mask + 1ull, sizeof *met);
    if (!place || !met)
        return mdl_arena_fail(temp, err, "ctr");
    place_columns(n, p, cols, place);
    number_parts(n, p, place, met, mask);
    return MDL_OK;
}

mdl_status mdl_ctr_prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const uint64_t parts = ctr_records(n, CTR_PART, 3), tables = ctr_records(n, CTR_TABLE, 3);
    struct ctr_plan *p = n->plan = mdl_arena_take(a, 1, sizeof *p);
    struct arena temp;

    if (!p)
        return mdl_arena_fail(a, err, "ctr");
    *p = (struct ctr_plan){ .tables = mdl_arena_take(a, tables, sizeof *p->tables),
                            .groups = mdl_arena_take(a, tables, sizeof *p->groups),
                            .keys = mdl_arena_take(a, tables, sizeof *p->keys),
                            .tests = mdl_arena_take(a, parts, sizeof *p->tests),
                            .part = mdl_arena_take(a, parts, sizeof *p->part),
                            .column = mdl_arena_take(a, parts, sizeof *p->column),
                            .n_tables = (uint32_t)tables };
    if (!p->tables || !p->groups || !p->keys || !p->tests || !p->part || !p->column)
        return mdl_arena_fail(a, err, "ctr");
    mdl_arena_init(&temp, &a->allocator, a->limit);
    mdl_status s = take_tables(n, p, err);
    if (!s) s = make_parts(n, p, node_in(n, g, 0)->cols, &temp, err);
    if (!s) {
        take_keys(n, p);
        s = mdl_ctr_arrays(n, g, a, &temp, err);
    }
    mdl_arena_free(&temp);
    n->temp_bytes = 8ull * p->n_codes + 4ull * p->n_groups + 4ull * p->n_floats + p->n_tests;
    return s;
}
