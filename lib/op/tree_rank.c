/*
 * op/tree_rank.c - the distinct thresholds of every column, sorted
 *
 * A column is a feature and a side for NaN: a feature whose nodes disagree about NaN
 * has two.  A column with more thresholds than a byte can rank becomes several, each
 * with a stretch of them.  Most files list what is asked, once each.  Where they do not, splits that
 * ask the same meet in a hash table, so that only the few distinct ones need a rule, and sorting sees
 * no others.
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

/* Its first bits, which depend on all, say where to look first. */
static uint32_t hash(uint64_t key, uint64_t threshold)
{
    return (uint32_t)((threshold ^ key * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull >> 32);
}

/* Twice as many places, of which a quarter is taken at most. */
static mdl_status make_larger(struct rank_builder *b, mdl_error *err)
{
    const uint64_t size = 2 * (b->mask + 1ull);
    uint32_t *table = mdl_arena_take(b->temp, size, sizeof *table);
    struct rank_met *met = mdl_arena_take_raw(b->temp, size / 4, sizeof *met);

    if (!table || !met)
        return mdl_arena_fail(b->temp, err, "ranks");
    b->shift--;
    b->mask = (uint32_t)(size - 1);
    b->table = table;
    if (b->n_entries)
        memcpy(met, b->met, b->n_entries * sizeof *met);
    b->met = met;
    for (uint32_t e = 0; e < b->n_entries; e++) {
        uint32_t i = hash(met[e].key, met[e].threshold) >> b->shift;
        while (table[i])
            i = (i + 1) & b->mask;
        table[i] = e + 1;
    }
    return MDL_OK;
}

/* What split k asks is new: its place in the table is i. */
static void add(struct rank_builder *b, uint32_t k, uint32_t i, uint64_t key, uint64_t threshold)
{
    b->known[k] = b->n_entries;
    b->met[b->n_entries] = (struct rank_met){ key, threshold };
    b->table[i] = ++b->n_entries;
}

/* Look up what splits from k on ask, to the first that asks something new: it is added; returns
 * the one behind. */
#define MEET(name, integer) \
static uint32_t name(struct rank_builder *b, const struct trees_plan *p, uint32_t k, uint32_t end) \
{ \
    const integer *threshold = p->asked.threshold; \
    const struct tree_words feature = p->asked.feature; \
    const uint32_t *splits = p->right_node ? b->splits : NULL, *table = b->table; \
    const uint8_t *flags = p->asked.flags; \
    const struct rank_met *met = b->met; \
    const uint32_t mask = b->mask, shift = b->shift; \
    const uint64_t patience = b->patience; \
    const int tests = p->tested; \
    uint32_t *known = b->known; \
    uint64_t steps = b->steps; \
\
    for (; k < end && steps < patience; k++) { \
        const uint32_t q = splits ? splits[k] : k; \
        const uint64_t key = (uint64_t)mdl_tree_word(feature, q) << FLAG_BITS | flags[q]; \
        const uint64_t t = threshold[q]; \
        uint32_t i = hash(key, t) >> shift; \
\
        if (tests && mdl_flags_are_test(flags[q])) \
            continue; \
        for (; table[i] && (met[table[i] - 1].key != key || met[table[i] - 1].threshold != t); \
             steps++) \
            i = (i + 1) & mask; \
        if (!table[i]) { \
            add(b, k++, i, key, t); \
            break; \
        } \
        known[k] = table[i] - 1; \
    } \
    b->steps = steps; \
    return k; \
}
MEET(meet_f32, uint32_t)
MEET(meet_f64, uint64_t)

/* All questions that the file lists. */
static mdl_status take_listed(struct rank_builder *b, const struct trees_plan *p, mdl_error *err)
{
    const struct tree_asked *a = &p->asked;

    b->many = a->n > (uint64_t)b->most_columns * (RANK_MOST + 1);
    if (b->many)
        return MDL_OK;
    b->met = mdl_arena_take_raw(b->temp, a->n, sizeof *b->met);
    if (!b->met)
        return mdl_arena_fail(b->temp, err, "ranks");
    for (uint32_t q = 0; q < a->n; q++) {
        if (p->tested && mdl_flags_are_test(a->flags[q]))
            continue;
        b->known[q] = b->n_entries;
        b->met[b->n_entries++] = (struct rank_met){
            (uint64_t)mdl_tree_word(a->feature, q) << FLAG_BITS | a->flags[q],
            a->wide ? ((const uint64_t *)a->threshold)[q] : ((const uint32_t *)a->threshold)[q],
        };
    }
    return MDL_OK;
}

mdl_status mdl_ranks_open(struct rank_builder *b, const struct node *n, mdl_error *err)
{
    const struct trees_plan *p = n->plan;
    const uint64_t most = p->question.bytes ? p->asked.n : p->n_nodes / 2;

    b->patience = STEPS_MOST * (most + 4096);
    b->known = mdl_arena_take_raw(b->temp, most, sizeof *b->known);
    if (!b->known)
        return mdl_arena_fail(b->temp, err, "ranks");
    if (p->question.bytes)
        return take_listed(b, p, err);
    b->shift = 32 - 3;
    for (b->mask = 7; b->mask < FIRST_MOST && b->mask / 4 <= most; b->mask = 2 * b->mask + 1)
        b->shift--;
    return make_larger(b, err);
}

mdl_status mdl_ranks_meet(struct rank_builder *b, const struct node *n, uint32_t first,
                          uint32_t end, mdl_error *err)
{
    const struct trees_plan *p = n->plan;

    for (uint32_t k = first; k < end && !b->many && !p->question.bytes;) {
        if (b->n_entries >= b->mask / 4) {
            const mdl_status s = make_larger(b, err);
            if (s)
                return s;
        }
        k = p->asked.wide ? meet_f64(b, p, k, end) : meet_f32(b, p, k, end);
        b->many = b->n_entries > (uint64_t)b->most_columns * (RANK_MOST + 1)
               || b->steps >= b->patience;
    }
    return MDL_OK;
}

/* The rules of all that was met. */
static mdl_status find_rules(struct rank_builder *b, const struct node *n, uint32_t x_type,
                             mdl_error *err)
{
    const int narrow = n->tensors[TREES_THRESHOLD].type == MDL_F32;

    b->entries = mdl_arena_take_raw(b->temp, b->n_entries, sizeof *b->entries);
    if (!b->entries)
        return mdl_arena_fail(b->temp, err, "ranks");
    for (uint32_t e = 0; e < b->n_entries; e++) {
        const uint32_t low = (uint32_t)b->met[e].threshold;
        float f;
        double t;

        memcpy(&f, &low, sizeof f);
        memcpy(&t, &b->met[e].threshold, sizeof t);
        const struct tree_rule r = mdl_trees_rule_of(n->params, x_type, narrow ? (double)f : t,
                                                     (uint8_t)b->met[e].key);
        const uint32_t feature = (uint32_t)(b->met[e].key >> FLAG_BITS);
        b->entries[e] = (struct rank_entry){ .t = r.t,
                                             .key = 2 * feature + (r.nan_right ? 1u : 0u) };
    }
    return MDL_OK;
}

/* Bits that order thresholds as their values are, NaN last. */
static uint64_t ordered(double t)
{
    uint64_t bits;

    memcpy(&bits, &t, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* Are entries in order as they are? */
static int is_sorted(const struct rank_met *met, uint32_t n)
{
    uint32_t bad = 0;

    for (uint32_t e = 1; e < n; e++)
        bad |= (uint32_t)(met[e].key < met[e - 1].key)
             | ((uint32_t)(met[e].key == met[e - 1].key)
                & (uint32_t)(met[e].threshold < met[e - 1].threshold));
    return !bad;
}

/* Entries by key, then by threshold, to b->order: byte by byte, the lowest first. */
static mdl_status sort(struct rank_builder *b, mdl_error *err)
{
    uint32_t *from = mdl_arena_take_raw(b->temp, b->n_entries, sizeof *from);
    uint32_t *to = mdl_arena_take_raw(b->temp, b->n_entries, sizeof *to);

    if (!from || !to)
        return mdl_arena_fail(b->temp, err, "ranks");
    for (uint32_t e = 0; e < b->n_entries; e++) {
        from[e] = e;
        b->met[e] = (struct rank_met){ b->entries[e].key, ordered(b->entries[e].t) };
    }
    const uint32_t digits = is_sorted(b->met, b->n_entries) ? 0 : 8 + sizeof b->entries->key;
    for (uint32_t digit = 0; digit < digits; digit++) {
        const uint64_t *word = digit < 8 ? &b->met->threshold : &b->met->key;   /* every other */
        const uint32_t shift = 8 * (digit % 8), n = b->n_entries;
        uint32_t at[257] = { 0 };

        for (size_t e = 0; e < n; e++)
            at[(word[2 * e] >> shift & 255u) + 1]++;
        if (n && at[(*word >> shift & 255u) + 1] == n)
            continue;             /* all have the same */
        for (uint32_t d = 0; d < 256; d++)
            at[d + 1] += at[d];
        for (size_t k = 0; k < n; k++)
            to[at[word[2 * (size_t)from[k]] >> shift & 255u]++] = from[k];
        uint32_t *const done = to;
        to = from;
        from = done;
    }
    b->order = from;
    return MDL_OK;
}

static int same(const struct rank_entry *a, const struct rank_entry *b)
{
    return a->key == b->key && (a->t == b->t || (a->t != a->t && b->t != b->t));
}

/* Give every entry its column and rank, in order; equal ones share them.  Returns the number of
 * columns. */
static uint32_t cut_columns(struct rank_builder *b)
{
    const uint32_t *order = b->order;
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
static uint32_t size_columns(struct rank_builder *b, uint32_t *start, uint32_t columns)
{
    for (uint32_t i = 0; i < b->n_entries; i++) {
        const struct rank_entry *e = &b->entries[i];
        b->count[e->column] += e->first && e->t == e->t;
        b->nan[e->column] |= e->t != e->t;
    }
    for (uint32_t c = 0; c <= columns; c++)
        start[c + 1] = start[c] + blocks_of(b->count[c]);
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
static mdl_status make_search(struct rank_builder *b, struct rank_table *table,
                              struct arena *a, mdl_error *err)
{
    uint32_t *start = mdl_arena_take(a, table->n_columns, sizeof *start);
    uint8_t *levels = mdl_arena_take(a, table->n_columns, 1);
    uint64_t cells = 0;

    if (!start || !levels)
        return mdl_arena_fail(a, err, "ranks");
    for (uint32_t c = 0; c < table->n_columns; c++) {
        levels[c] = levels_of(b->count[c]);
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
        const uint32_t c = e->column;
        if (e->t == e->t)
            search[start[c] + place_in_search(e->rank - 1u, levels[c])] = mdl_ceil_float(e->t);
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
    uint32_t *feature = mdl_arena_take(a, columns + 1ull, sizeof *feature);
    uint32_t *start = mdl_arena_take(a, columns + 2ull, sizeof *start);
    uint8_t *nan_right = mdl_arena_take(a, columns + 1ull, sizeof *nan_right);

    b->count = mdl_arena_take(b->temp, columns + 1ull, sizeof *b->count);
    b->nan = mdl_arena_take(b->temp, columns + 1ull, 1);
    if (!b->count || !b->nan)
        return mdl_arena_fail(b->temp, err, "ranks");
    if (!feature || !start || !nan_right)
        return mdl_arena_fail(a, err, "ranks");
    const uint64_t cells = (uint64_t)size_columns(b, start, columns) * RANK_BLOCK;
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
            place_threshold(&to, start[e->column], b->count[e->column], e->rank, e->t);
    }
    feature[columns] = columns ? feature[columns - 1] : 0;
    *table = (struct rank_table){ .n_columns = columns + 1, .feature = feature, .start = start,
                                  .nan_right = nan_right, .f32 = to.f32, .f64 = to.f64 };
    return make_search(b, table, a, err);
}

/* Columns and ranks take the place of the numbers of what is asked; of questions, those of the splits
 * that ask them. */
static mdl_status know(struct rank_builder *b, const struct trees_plan *p, mdl_error *err)
{
    const uint32_t n = p->n_nodes - p->n_leaves, listed = p->question.bytes != 0;
    const uint32_t end = listed ? p->asked.n : n;
    const uint32_t *splits = p->right_node ? b->splits : NULL;
    uint32_t *known = b->known, *places = b->table;   /* the table has had its time */
    const uint8_t *flags = p->asked.flags;

    if (b->ready)
        return MDL_OK;
    if (listed) {
        places = mdl_arena_take_raw(b->temp, b->n_entries, sizeof *places);
        b->known = mdl_arena_take_raw(b->temp, n, sizeof *b->known);
        if (!places || !b->known)
            return mdl_arena_fail(b->temp, err, "ranks");
    }
    for (uint32_t e = 0; e < b->n_entries; e++)
        places[e] = b->entries[e].column | (uint32_t)b->entries[e].rank << 16;
    for (uint32_t k = 0; k < end; k++)
        if (!p->tested || !mdl_flags_are_test(flags[splits ? splits[k] : k]))
            known[k] = places[known[k]];
        else
            known[k] = 0;
    if (!listed)
        return MDL_OK;
    mdl_tree_widen(b->known, p->question, 0, n);
    for (uint32_t k = 0; k < n; k++)
        b->known[k] = known[b->known[k]];
    return MDL_OK;
}

mdl_status mdl_ranks_close(struct rank_builder *b, const struct node *n, const struct value *x,
                           struct arena *a, int *found, mdl_error *err)
{
    struct trees_plan *p = n->plan;

    *found = 0;
    if (!p->n_trees || b->many || !p->in_order)
        return MDL_OK;
    mdl_status s = find_rules(b, n, x->type, err);
    if (!s) s = sort(b, err);
    if (s)
        return s;
    const uint32_t columns = cut_columns(b);
    if (columns >= b->most_columns)
        return MDL_OK;
    *found = 1;
    s = know(b, p, err);
    if (!s) s = make_table(b, &p->ranks, columns, x->type, a, err);
    p->ranks.cols = (uint32_t)x->cols;
    return s;
}
