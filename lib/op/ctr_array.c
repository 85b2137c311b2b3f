/*
 * op/ctr_array.c - the arrays of the operator ctr, worked out at load
 *
 * Rows of a table are given to codes backwards: a hash, less what tests have added, is that of
 * categories.  Of the 2^tests hashes that there may have been most belong to no code, which is
 * seen without a look-up: one category is an int32, and of more there is a sieve.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

#include <math.h>                 /* INFINITY, NAN: constants only */
#include <string.h>

#define CTR_UNDO 0x9770bfd341806e6du  /* CTR_M times it is 1                             */

/* Bytes of arrays for each byte of the tables that they come from, at most. */
#define ARRAY_SHARE 8u
#define TOGETHER    64u               /* rows that are looked up one beside the other    */

struct maker {
    const struct node *n;
    struct ctr_plan *p;
    struct ctr_asked asked;
    struct arena *a, *temp;
    mdl_error *err;
    uint8_t *none;                /* [ratios] what is said of no row of a key            */
    uint8_t *sieve;               /* a bit for each eighth of a beginning of ...         */
    uint32_t sieved;              /* ... this group: is there a hash?                    */
};

/* Some rows of a table that go to entries of an array. */
struct batch {
    uint64_t hash[TOGETHER];
    uint32_t row[TOGETHER], entry[TOGETHER], n;
};

/* ---- hashes ---------------------------------------------------------------------------------- */

/* About one row for each beginning. */
static mdl_status make_index(struct ctr_index *t, struct arena *a, mdl_error *err)
{
    uint32_t bits = 1, end = 0;

    if (t->start)
        return MDL_OK;
    while (bits < 31 && t->rows >> bits)
        bits++;
    t->shift = 64 - bits;
    t->start = mdl_arena_take(a, ((size_t)1 << bits) + 1, sizeof *t->start);
    if (!t->start)
        return mdl_arena_fail(a, err, "ctr");
    for (uint32_t row = 0; row < t->rows; row++)
        t->start[(t->hash[row] >> t->shift) + 1] = row + 1;
    for (size_t i = 0; i <= (size_t)1 << bits; i++)
        t->start[i] = end = t->start[i] > end ? t->start[i] : end;
    if (t->rows >= CTR_WINDOW)
        return MDL_OK;
    uint64_t *few = mdl_arena_take_raw(a, CTR_WINDOW, sizeof *few);
    if (!few)
        return mdl_arena_fail(a, err, "ctr");
    for (uint32_t i = 0; i < CTR_WINDOW; i++)
        few[i] = i < t->rows ? t->hash[i] : CTR_NO_KEY;
    t->hash = few;
    return MDL_OK;
}

static mdl_status make_sieve(struct maker *m, uint32_t group)
{
    const struct ctr_index *t = &m->p->groups[group].known;

    if (m->sieve && m->sieved == group)
        return MDL_OK;
    m->sieved = group;
    m->sieve = mdl_arena_take(m->temp, (size_t)1 << (64 - t->shift), 1);
    if (!m->sieve)
        return mdl_arena_fail(m->temp, m->err, "ctr");
    for (uint32_t row = 0; row < t->rows; row++)
        m->sieve[t->hash[row] >> t->shift] |= (uint8_t)(1u << (t->hash[row] >> (t->shift - 3) & 7));
    return MDL_OK;
}

/* Hashes before tests: back * hash - less[outcomes], where the last test is the lowest bit. */
struct undo {
    uint64_t back, less[1u << CTR_TESTS];
};

static void undo_tests(struct undo *u, uint32_t n_tests)
{
    u->back = 1;
    u->less[0] = 0;
    for (uint32_t i = 0; i < n_tests; i++) {       /* one more test before those */
        u->back *= CTR_UNDO;
        for (uint32_t o = 0; o < 1u << i; o++) {
            u->less[o] *= CTR_UNDO;
            u->less[o | 1u << i] = u->less[o] + CTR_M;
        }
    }
}

/* Rows whose hashes, undone, may be those of codes.  No branch: it cannot be foreseen. */
static void sift(const struct maker *m, const struct ctr_group *g, const uint64_t *hash,
                 uint32_t rows, uint64_t back, uint64_t less, struct batch *b)
{
    const uint32_t shift = g->known.shift;
    uint32_t n = 0;

    if (g->n == 1)                /* what is no int32 is no category */
        for (uint32_t r = 0; r < rows; r++) {
            const uint64_t h = back * hash[r] - less;
            b->hash[n] = h;
            b->row[n] = r;
            n += !((CTR_UNDO * CTR_UNDO * h + (1u << 31)) >> 32);
        }
    else
        for (uint32_t r = 0; r < rows; r++) {
            const uint64_t h = back * hash[r] - less;
            b->hash[n] = h;
            b->row[n] = r;
            n += m->sieve[h >> shift] >> (h >> (shift - 3) & 7) & 1;
        }
    b->n = n;
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* Are there codes, and may the key have an array?  It is not much larger than the tables. */
static int has_array(const struct maker *m, const struct ctr_key *key)
{
    const struct ctr_plan *p = m->p;
    const struct ctr_group *g = &p->groups[key->group];
    uint64_t file = 0;

    if (!g->known.rows || key->n_tests > CTR_TESTS || !m->asked.n)
        return 0;
    for (uint32_t i = 0; i < key->n_tests; i++)
        if (p->part[key->first + g->n + i] < p->n_codes)
            return 0;
    for (uint32_t i = 0; i < key->ratios; i++)
        if (m->asked.n[key->at + i] > CTR_BORDERS)
            return 0;
    for (uint32_t i = 0; i < key->n_tables; i++) {
        const struct ctr_table *t = &p->tables[key->first_table + i];
        file += t->index.rows * (sizeof *t->index.hash + t->width * sizeof *t->count);
    }
    const uint64_t entries = (g->known.rows + 1ull) << key->n_tests;
    return entries <= UINT32_MAX && entries <= ARRAY_SHARE * file / key->ratios;
}

/* What to say of a ratio in some rows: how many borders it reaches, or one more than there are for
 * NaN.  No branch here, either. */
static void say(const struct maker *m, uint32_t ratio, const float *y, uint32_t *said, uint32_t n)
{
    const float *border = m->asked.border + m->asked.first[ratio];
    const uint32_t borders = m->asked.n[ratio];

    memset(said, 0, n * sizeof *said);
    for (uint32_t left = borders, half; left; left -= half) {
        half = (left + 1) / 2;
        for (uint32_t k = 0; k < n; k++)
            said[k] += half & (0u - (uint32_t)(y[k] >= border[said[k] + half - 1]));
    }
    for (uint32_t k = 0; k < n; k++)
        said[k] += (borders + 1) & (0u - (uint32_t)(y[k] != y[k]));
}

static void say_rows(const struct maker *m, const struct ctr_key *key, const struct ctr_table *t,
                     const float *count, const struct batch *b)
{
    const struct ctr_ratio *ratio = ctr_ratio(m->n);
    const struct ctr_prior *prior = ctr_prior(m->n);
    const uint32_t n = b->n, width = t->width, ratios = key->ratios;
    float y[TOGETHER];
    uint32_t said[TOGETHER];

    for (uint32_t i = t->first; i < t->first + t->n; i++) {
        const struct ctr_prior p = prior[i];
        const struct ctr_ratio r = ratio[i];
        uint8_t *to = key->said + (i - key->at);

        for (uint32_t k = 0; k < n; k++)
            y[k] = ctr_value(r, p, count + (size_t)b->row[k] * width);
        say(m, i, y, said, n);
        for (uint32_t k = 0; k < n; k++)
            to[(size_t)b->entry[k] * ratios] = (uint8_t)said[k];
    }
}

/* Rows of a table, at most TOGETHER: each look-up is another miss. */
static void fill_rows(const struct maker *m, struct ctr_key *key, const struct undo *u,
                      const struct ctr_table *t, uint32_t first, uint32_t rows)
{
    const struct ctr_group *g = &m->p->groups[key->group];
    const float *count = t->count + (size_t)first * t->width;
    struct batch b;
    uint64_t met = 0;

    for (uint32_t o = 0; o < 1u << key->n_tests; o++) {
        uint32_t n = 0;

        sift(m, g, t->index.hash + first, rows, u->back, u->less[o], &b);
        for (uint32_t k = 0; k < b.n; k++) {
            const uint32_t code = ctr_find(&g->known, b.hash[k]);
            b.row[n] = b.row[k];
            b.entry[n] = code << key->n_tests | o;
            n += code != g->known.rows;
        }
        b.n = n;
        for (uint32_t k = 0; k < n; k++)
            met |= 1ull << b.row[k];
        if (n)                    /* rows may be many that have no code, and so may ratios */
            say_rows(m, key, t, count, &b);
    }
    key->open |= met != UINT64_MAX >> (TOGETHER - rows);
}

/* The same hashes as those of the codes, in their order. */
static void fill_same(const struct maker *m, const struct ctr_key *key, const struct ctr_table *t,
                      uint32_t first, uint32_t rows)
{
    struct batch b = { .n = rows };

    for (uint32_t r = 0; r < rows; r++) {
        b.row[r] = r;
        b.entry[r] = first + r;
    }
    say_rows(m, key, t, t->count + (size_t)first * t->width, &b);
}

static void fill(const struct maker *m, struct ctr_key *key, const struct ctr_table *t)
{
    const struct ctr_index *known = &m->p->groups[key->group].known;
    const int same = !key->n_tests && t->index.rows == known->rows
                  && !memcmp(t->index.hash, known->hash, known->rows * sizeof *known->hash);
    struct undo u;

    undo_tests(&u, key->n_tests);
    for (uint32_t row = 0, rows; row < t->index.rows; row += rows) {
        rows = t->index.rows - row < TOGETHER ? t->index.rows - row : TOGETHER;
        if (same)
            fill_same(m, key, t, row, rows);
        else
            fill_rows(m, key, &u, t, row, rows);
    }
}

static mdl_status make_array(struct maker *m, struct ctr_key *key)
{
    struct ctr_group *g = &m->p->groups[key->group];
    mdl_status s = make_index(&g->known, m->a, m->err);

    if (!s && g->n != 1) s = make_sieve(m, key->group);
    if (s)
        return s;
    const size_t entries = (g->known.rows + (size_t)1) << key->n_tests;
    key->said = mdl_arena_take_raw(m->a, entries, key->ratios);
    if (!key->said)
        return mdl_arena_fail(m->a, m->err, "ctr");
    for (uint32_t i = 0; i < key->ratios; i++) {
        const uint32_t ratio = key->at + i;
        const float y = ctr_value(ctr_ratio(m->n)[ratio], ctr_prior(m->n)[ratio], NULL);
        uint32_t said;

        say(m, ratio, &y, &said, 1);
        m->none[i] = (uint8_t)said;
    }
    if (key->ratios == 1)
        memset(key->said, m->none[0], entries);
    for (size_t i = 0; i < entries && key->ratios > 1; i++)
        memcpy(key->said + i * key->ratios, m->none, key->ratios);
    key->open = key->n_tests && g->n != 1;
    for (uint32_t i = 0; i < key->n_tables; i++)
        fill(m, key, &m->p->tables[key->first_table + i]);
    return MDL_OK;
}

static mdl_status make_key(struct maker *m, struct ctr_key *key)
{
    mdl_status s = MDL_OK;

    key->open = 1;
    if (has_array(m, key))
        s = make_array(m, key);
    for (uint32_t i = 0; !s && key->open && i < key->n_tables; i++)
        s = make_index(&m->p->tables[key->first_table + i].index, m->a, m->err);
    return s;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What stands for each that can be said of a ratio: what is below all borders, they, NaN. */
static mdl_status make_stands(struct maker *m)
{
    const uint64_t ratios = ctr_records(m->n, CTR_RATIO, 3);
    uint64_t all = 0;

    m->none = mdl_arena_take_raw(m->temp, ratios, 1);
    m->p->stands_at = mdl_arena_take_raw(m->a, ratios, sizeof *m->p->stands_at);
    if (!m->none || !m->p->stands_at)
        return mdl_arena_fail(m->a, m->err, "ctr");
    for (uint64_t i = 0; i < ratios && m->asked.n; i++) {
        m->p->stands_at[i] = (size_t)all;
        all += m->asked.n[i] + 2ull;
    }
    float *to = m->p->stands = mdl_arena_take_raw(m->a, all, sizeof *m->p->stands);
    if (!to)
        return mdl_arena_fail(m->a, m->err, "ctr");
    for (uint64_t i = 0; i < ratios && m->asked.n; i++) {
        const uint32_t borders = m->asked.n[i];

        *to++ = -INFINITY;
        for (uint32_t k = 0; k < borders; k++)
            *to++ = borders > CTR_BORDERS ? 0 : m->asked.border[m->asked.first[i] + k];
        *to++ = NAN;
    }
    return MDL_OK;
}

mdl_status mdl_ctr_arrays(struct node *n, const struct graph *g, struct arena *a,
                          struct arena *temp, mdl_error *err)
{
    struct maker m = { .n = n, .p = n->plan, .a = a, .temp = temp, .err = err };
    mdl_status s = mdl_ctr_asked(n, g, &m.asked, temp, err);

    if (!s) s = make_stands(&m);
    for (uint32_t i = 0; !s && i < m.p->n_keys; i++)
        s = make_key(&m, &m.p->keys[i]);
    return s;
}
