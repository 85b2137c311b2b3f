/*
 * op/tree_rank.c - the distinct thresholds of every column, sorted
 *
 * A column is a feature and a side for NaN: a feature whose nodes disagree about NaN
 * has two.  A column with more thresholds than a byte can rank becomes several, each
 * with a stretch of them.  Nodes that ask the same meet in a hash table, so that only the few
 * distinct ones need a rule, and sorting sees no others.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <math.h>              /* NAN, a constant */
#include <string.h>

/* A distinct (column, threshold); t NaN where only NaN goes right. */
struct rank_entry {
    double   t;
    uint32_t key;                 /* 2 * feature + side of NaN             */
    uint32_t column;              /* of the table, once it is cut to size  */
    uint16_t rank;
    uint16_t first;               /* 0: one before has the same            */
};

/* What nodes ask, as the file says it: the same twice has the same rule.  Flags decide the side of
 * NaN. */
struct rank_met {
    uint64_t key;                 /* feature, and flags below it           */
    uint64_t threshold;           /* its bits                              */
};

#define FLAG_BITS  8
#define FIRST_MOST 1024u          /* places of the table at first, at most */
#define STEPS_MOST 8u             /* looked at in vain, a node: with more the table is a bad one */

/* Where to look first.  The highest bits depend on all. */
static uint32_t hash(const struct rank_builder *b, uint64_t key, uint64_t threshold)
{
    const uint64_t h = (threshold ^ key * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;

    return (uint32_t)(h >> 32) >> b->shift;
}

/* Twice as many places. */
static mdl_status make_larger(struct rank_builder *b, mdl_error *err)
{
    const uint64_t size = 2 * (b->mask + 1ull);
    uint32_t *table = mdl_arena_take(&b->temp, size, sizeof *table);
    struct rank_met *met = mdl_arena_take_raw(&b->temp, size / 2, sizeof *met);

    if (!table || !met)
        return mdl_arena_fail(&b->temp, err, "ranks");
    b->shift--;
    b->mask = (uint32_t)(size - 1);
    b->table = table;
    if (b->n_entries)
        memcpy(met, b->met, b->n_entries * sizeof *met);
    b->met = met;
    for (uint32_t e = 0; e < b->n_entries; e++) {
        uint32_t i = hash(b, met[e].key, met[e].threshold);
        while (table[i])
            i = (i + 1) & b->mask;
        table[i] = e + 1;
    }
    return MDL_OK;
}

/* The number of what a node asks, new or old; there is room. */
static inline uint32_t meet(struct rank_builder *b, uint64_t key, uint64_t threshold)
{
    uint32_t i = hash(b, key, threshold);

    for (; b->table[i]; i = (i + 1) & b->mask) {
        const struct rank_met *m = &b->met[b->table[i] - 1];
        if (m->key == key && m->threshold == threshold)
            return b->table[i] - 1;
        b->steps++;
    }
    b->met[b->n_entries] = (struct rank_met){ key, threshold };
    b->table[i] = ++b->n_entries;
    return b->n_entries - 1;
}

/* What all splits ask.  *few is 0 if there are more than `most`, or they were made to collide. */
static mdl_status meet_all(struct rank_builder *b, const struct node *n, const uint32_t *splits,
                           uint32_t n_splits, uint64_t most, int *few, mdl_error *err)
{
    const struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_THRESHOLD];
    const int narrow = t->type == MDL_F32;

    *few = 0;
    for (uint32_t k = 0; k < n_splits; k++) {
        const uint32_t i = splits[k];

        if (p->n_general && mdl_trees_is_test(p, i))
            continue;
        if (b->n_entries >= b->mask / 2) {
            const mdl_status s = make_larger(b, err);
            if (s)
                return s;
        }
        b->known[k] = meet(b, (uint64_t)p->feature[i] << FLAG_BITS | p->flags[i],
                           narrow ? ((const uint32_t *)t->data)[i]
                                  : ((const uint64_t *)t->data)[i]);
        if (b->n_entries > most || b->steps > STEPS_MOST * (k + 4096ull))
            return MDL_OK;
    }
    *few = 1;
    return MDL_OK;
}

/* The rules of all that was met. */
static mdl_status find_rules(struct rank_builder *b, const struct node *n, uint32_t x_type,
                             mdl_error *err)
{
    const int narrow = n->tensors[TREES_THRESHOLD].type == MDL_F32;

    b->entries = mdl_arena_take_raw(&b->temp, b->n_entries, sizeof *b->entries);
    if (!b->entries)
        return mdl_arena_fail(&b->temp, err, "ranks");
    for (uint32_t e = 0; e < b->n_entries; e++) {
        const uint32_t low = (uint32_t)b->met[e].threshold;
        float f;
        double t;

        memcpy(&f, &low, sizeof f);
        memcpy(&t, &b->met[e].threshold, sizeof t);
        const struct tree_rule r = mdl_trees_rule_of(n->params, x_type, narrow ? (double)f : t,
                                                     (uint8_t)b->met[e].key);
        const uint32_t feature = (uint32_t)(b->met[e].key >> FLAG_BITS);
        b->entries[e] = (struct rank_entry){ .t = r.t, .key = 2 * feature + (r.nan_right ? 1u : 0u) };
    }
    return MDL_OK;
}

/* Order of entries: by key, then by threshold, NaN last. */
static int before(const struct rank_entry *a, const struct rank_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->t < b->t || (a->t == a->t && b->t != b->t);
}

/* Sift order[root] down a heap of n (Williams 1964). */
static void sift(const struct rank_entry *e, uint32_t *order, uint32_t root, uint32_t n)
{
    const uint32_t x = order[root];
    uint32_t child;

    while ((child = 2 * root + 1) < n) {
        if (child + 1 < n && before(&e[order[child]], &e[order[child + 1]]))
            child++;
        if (!before(&e[x], &e[order[child]]))
            break;
        order[root] = order[child];
        root = child;
    }
    order[root] = x;
}

static void sort(const struct rank_entry *e, uint32_t *order, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sift(e, order, i, n);
    for (uint32_t end = n; end > 1; end--) {
        const uint32_t x = order[0];
        order[0] = order[end - 1];
        order[end - 1] = x;
        sift(e, order, 0, end - 1);
    }
}

static int same(const struct rank_entry *a, const struct rank_entry *b)
{
    return a->key == b->key && (a->t == b->t || (a->t != a->t && b->t != b->t));
}

/* Give every entry its column and rank, in order; equal ones share them.  Returns the number of
 * columns. */
static uint32_t cut_columns(struct rank_builder *b, const uint32_t *order)
{
    uint32_t columns = 0, rank = 0;

    for (uint32_t i = 0; i < b->n_entries; i++) {
        struct rank_entry *e = &b->entries[order[i]];
        const struct rank_entry *last = i ? &b->entries[order[i - 1]] : NULL;
        const int is_new = !last || last->key != e->key;

        e->first = !last || !same(last, e);
        if (!e->first) {
            e->column = last->column;
            e->rank = last->rank;
            continue;
        }
        if (is_new || (e->t == e->t && rank == RANK_MOST)) {
            columns++;
            rank = 0;
        }
        e->column = columns - 1;
        e->rank = (uint16_t)(e->t == e->t ? ++rank : RANK_NAN);
    }
    return columns;
}

/* Blocks that `n` thresholds take, pivots included. */
static uint32_t blocks_of(uint32_t n)
{
    return n <= RANK_BLOCK ? 1 : 1 + (n + RANK_BLOCK - 1) / RANK_BLOCK;
}

/* Threshold tables while they are filled. */
struct thresholds {
    float  *f32;
    double *f64;                  /* NULL: not wanted */
};

static void put_threshold(const struct thresholds *to, uint64_t at, double t)
{
    to->f32[at] = t != t ? (float)NAN : mdl_ceil_float(t);
    if (to->f64)
        to->f64[at] = t;
}

/* Threshold number `rank` (from 1) of the `n` of a column whose blocks begin at `block`. */
static void place_threshold(const struct thresholds *to, uint32_t block, uint32_t n, uint32_t rank,
                            double t)
{
    const uint64_t at = (uint64_t)block * RANK_BLOCK;
    const uint32_t i = rank - 1;

    put_threshold(to, at + (n > RANK_BLOCK ? RANK_BLOCK : 0) + i, t);
    if (i % RANK_BLOCK == RANK_BLOCK - 1 && rank < n)
        put_threshold(to, at + i / RANK_BLOCK, t);
}

/* Thresholds of each column, and where its blocks begin; returns the blocks of all. */
static uint32_t size_columns(const struct rank_builder *b, uint32_t *count, uint32_t *start,
                             uint32_t columns)
{
    for (uint32_t i = 0; i < b->n_entries; i++) {
        const struct rank_entry *e = &b->entries[i];
        count[e->column] += e->first && e->t == e->t;
    }
    for (uint32_t c = 0; c <= columns; c++)
        start[c + 1] = start[c] + blocks_of(count[c]);
    return start[columns + 1];
}

/* Levels of a search tree of n thresholds: none, or enough to fill eight floats. */
static uint8_t levels_of(uint32_t n)
{
    uint8_t levels = n ? 3 : 0;

    while ((1u << levels) - 1 < n)
        levels++;
    return levels;
}

/* Where threshold number `i` (from 0) stands in a search tree: an inner node of level l has
 * 2^(levels - 1 - l) - 1 thresholds on each side. */
static uint32_t place_in_search(uint32_t i, uint32_t levels)
{
    uint32_t height = 0;

    for (i++; !(i & 1u); i >>= 1)
        height++;
    return (1u << (levels - 1 - height)) + (i >> 1);
}

/* The search trees of a table. */
static mdl_status make_search(struct rank_builder *b, struct rank_table *table, const uint32_t *count,
                              struct arena *a, mdl_error *err)
{
    uint32_t *start = mdl_arena_take(a, table->n_columns, sizeof *start);
    uint8_t *levels = mdl_arena_take(a, table->n_columns, 1);
    uint64_t cells = 0;

    if (!start || !levels)
        return mdl_arena_fail(a, err, "ranks");
    for (uint32_t c = 0; c < table->n_columns; c++) {
        levels[c] = levels_of(count[c]);
        start[c] = (uint32_t)cells;
        cells += levels[c] > 3 ? (uint64_t)1 << levels[c] : 8;
    }
    float *search = mdl_arena_take(a, cells, sizeof *search);
    if (!search)
        return mdl_arena_fail(a, err, "ranks");
    for (uint64_t i = 0; i < cells; i++)
        search[i] = (float)NAN;
    for (uint32_t i = 0; i < b->n_entries; i++) {
        const struct rank_entry *e = &b->entries[i];
        if (e->t == e->t)
            search[start[e->column] + place_in_search(e->rank - 1, levels[e->column])] = mdl_ceil_float(e->t);
    }
    table->search = search;
    table->search_start = start;
    table->levels = levels;
    return MDL_OK;
}

/* The table in the model's arena; its last column has no thresholds: the rank there is 0. */
static mdl_status make_table(struct rank_builder *b, struct rank_table *table, uint32_t columns,
                             uint32_t x_type, struct arena *a, mdl_error *err)
{
    uint32_t *count = mdl_arena_take(&b->temp, columns + 1ull, sizeof *count);
    uint32_t *feature = mdl_arena_take(a, columns + 1ull, sizeof *feature);
    uint32_t *start = mdl_arena_take(a, columns + 2ull, sizeof *start);
    uint8_t *nan_right = mdl_arena_take(a, columns + 1ull, sizeof *nan_right);

    if (!count)
        return mdl_arena_fail(&b->temp, err, "ranks");
    if (!feature || !start || !nan_right)
        return mdl_arena_fail(a, err, "ranks");
    const uint64_t cells = (uint64_t)size_columns(b, count, start, columns) * RANK_BLOCK;
    const struct thresholds to = {
        .f32 = mdl_arena_take(a, cells, sizeof *to.f32),
        .f64 = x_type == MDL_F64 ? mdl_arena_take(a, cells, sizeof *to.f64) : NULL,
    };
    if (!to.f32 || (x_type == MDL_F64 && !to.f64))
        return mdl_arena_fail(a, err, "ranks");

    for (uint64_t i = 0; i < cells; i++)
        put_threshold(&to, i, (double)NAN);
    for (uint32_t i = 0; i < b->n_entries; i++) {
        const struct rank_entry *e = &b->entries[i];

        feature[e->column] = e->key / 2;
        nan_right[e->column] = (uint8_t)(e->key % 2);
        if (e->t == e->t)
            place_threshold(&to, start[e->column], count[e->column], e->rank, e->t);
    }
    feature[columns] = columns ? feature[columns - 1] : 0;
    *table = (struct rank_table){ .n_columns = columns + 1, .feature = feature, .start = start,
                                  .nan_right = nan_right, .f32 = to.f32, .f64 = to.f64 };
    return make_search(b, table, count, a, err);
}

/* Columns and ranks of splits take the place of the numbers of what they ask. */
static void know(struct rank_builder *b, const struct trees_plan *p, const uint32_t *splits,
                 uint32_t n_splits)
{
    /* The table has had its time. */
    for (uint32_t e = 0; e < b->n_entries; e++)
        b->table[e] = b->entries[e].column | (uint32_t)b->entries[e].rank << 16;
    for (uint32_t k = 0; k < n_splits; k++)
        if (!p->n_general || !mdl_trees_is_test(p, splits[k]))
            b->known[k] = b->table[b->known[k]];
}

mdl_status mdl_ranks_begin(struct rank_builder *b, const struct node *n, const struct value *x,
                           const uint32_t *splits, uint32_t n_splits, struct arena *a, int *found,
                           mdl_error *err)
{
    struct trees_plan *p = n->plan;
    int few;

    *found = 0;
    if (!p->n_trees)
        return MDL_OK;
    b->ordinal = p->ordinal;
    b->known = mdl_arena_take_raw(&b->temp, n_splits, sizeof *b->known);
    if (!b->known)
        return mdl_arena_fail(&b->temp, err, "ranks");
    b->shift = 32 - 3;
    for (b->mask = 7; b->mask < FIRST_MOST && b->mask / 2 <= n_splits; b->mask = 2 * b->mask + 1)
        b->shift--;
    mdl_status s = make_larger(b, err);
    if (!s)
        s = meet_all(b, n, splits, n_splits, (uint64_t)b->most_columns * (RANK_MOST + 1), &few, err);
    if (s || !few)
        return s;
    s = find_rules(b, n, x->type, err);
    if (s)
        return s;
    uint32_t *order = mdl_arena_take_raw(&b->temp, b->n_entries, sizeof *order);
    if (!order)
        return mdl_arena_fail(&b->temp, err, "ranks");
    for (uint32_t i = 0; i < b->n_entries; i++)
        order[i] = i;
    sort(b->entries, order, b->n_entries);

    const uint32_t columns = cut_columns(b, order);
    if (columns >= b->most_columns)
        return MDL_OK;
    *found = 1;
    know(b, p, splits, n_splits);
    s = make_table(b, &p->ranks, columns, x->type, a, err);
    p->ranks.cols = (uint32_t)x->cols;
    return s;
}
