/*
 * op/ctr_plan.c - what the operator ctr runs on
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

#include <string.h>

#define CTR_UNDO 0x9770bfd341806e6du  /* CTR_M times it is 1                             */

/* Bytes of arrays for each byte of the tables that they come from, at most. */
#define ARRAY_SHARE 8u

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

/* ---- tables ---------------------------------------------------------------------------------- */

/* About one row for each beginning. */
static mdl_status make_index(struct ctr_index *t, struct arena *a, mdl_error *err)
{
    uint32_t bits = 1, row = 0;

    if (t->start)
        return MDL_OK;
    while (bits < 31 && t->rows >> bits)
        bits++;
    t->shift = 64 - bits;
    t->start = mdl_arena_take_raw(a, ((size_t)1 << bits) + 1, sizeof *t->start);
    if (!t->start)
        return mdl_arena_fail(a, err, "ctr");
    for (uint64_t i = 0; i <= (uint64_t)1 << bits; i++) {
        while (row < t->rows && t->hash[row] >> t->shift < i)
            row++;
        t->start[i] = row;
    }
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

/* ---- arrays ---------------------------------------------------------------------------------- */

struct maker {
    const struct node *n;
    struct ctr_plan *p;
    struct ctr_asked asked;
    struct arena *a, temp;
    float *ratios;                /* room for those of a table                           */
    uint8_t *none;                /* and for what is said of no row of a key             */
    mdl_error *err;
};

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
    return (g->known.rows + 1ull) << key->n_tests <= ARRAY_SHARE * file / key->ratios;
}

/* What to say of a number that ratio i has; the last that was said stands for all. */
static uint8_t say(struct maker *m, uint32_t i, float y)
{
    const float *border = m->asked.border + m->asked.first[i];
    uint32_t low = 0, high = m->asked.n[i];

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (y >= border[middle])
            low = middle + 1;
        else
            high = middle;
    }
    if (y != y)
        low = m->asked.n[i] + 1;
    m->p->stands[m->p->stands_at[i] + low] = y;
    return (uint8_t)low;
}

static void say_row(struct maker *m, const struct ctr_table *t, const float *row, uint8_t *to)
{
    mdl_ctr_ratios(m->n, t, row, m->ratios);
    for (uint32_t i = 0; i < t->n; i++)
        to[i] = say(m, t->first + i, m->ratios[i]);
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

/* The code of categories with that hash, which may well be `guess`. */
static uint32_t code_of(const struct ctr_group *g, uint64_t hash, uint32_t guess)
{
    if (g->n == 1 && (CTR_UNDO * CTR_UNDO * hash + (1u << 31)) >> 32)
        return g->known.rows;     /* what is no int32 is no category */
    if (guess < g->known.rows && g->known.hash[guess] == hash)
        return guess;
    return ctr_find(&g->known, hash);
}

/* Rows of a table, at most CTR_HEIGHT: looked up together, as each is another miss. */
static void fill_rows(struct maker *m, struct ctr_key *key, const struct undo *u,
                      const struct ctr_table *t, uint32_t first, uint32_t rows)
{
    const struct ctr_group *g = &m->p->groups[key->group];
    const uint64_t *hash = t->index.hash + first;
    const float *count = t->count + (size_t)first * t->width;
    uint32_t code[CTR_HEIGHT], met = 0;

    for (uint32_t o = 0; o < 1u << key->n_tests; o++) {
        for (uint32_t r = 0; r < rows; r++)
            code[r] = code_of(g, u->back * hash[r] - u->less[o], first + r);
        for (uint32_t r = 0; r < rows; r++) {
            if (code[r] == g->known.rows)
                continue;
            say_row(m, t, count + (size_t)r * t->width,
                    key->said + (((size_t)code[r] << key->n_tests) + o) * key->ratios
                        + (t->first - key->at));
            met |= 1u << r;
        }
    }
    key->open |= met != (1u << rows) - 1;
}

static mdl_status make_array(struct maker *m, struct ctr_key *key)
{
    struct ctr_group *g = &m->p->groups[key->group];
    const struct ctr_table *t = m->p->tables + key->first_table;
    const mdl_status s = make_index(&g->known, m->a, m->err);
    struct undo u;

    if (s)
        return s;
    const size_t entries = (g->known.rows + (size_t)1) << key->n_tests;
    key->said = mdl_arena_take_raw(m->a, entries, key->ratios);
    if (!key->said)
        return mdl_arena_fail(m->a, m->err, "ctr");
    for (uint32_t i = 0; i < key->n_tables; i++)
        say_row(m, &t[i], NULL, m->none + (t[i].first - key->at));
    if (key->ratios == 1)
        memset(key->said, m->none[0], entries);
    for (size_t i = 0; i < entries && key->ratios > 1; i++)
        memcpy(key->said + i * key->ratios, m->none, key->ratios);
    key->open = key->n_tests && g->n != 1;
    undo_tests(&u, key->n_tests);
    for (uint32_t i = 0; i < key->n_tables; i++)
        for (uint32_t row = 0, rows; row < t[i].index.rows; row += rows) {
            rows = t[i].index.rows - row < CTR_HEIGHT ? t[i].index.rows - row : CTR_HEIGHT;
            fill_rows(m, key, &u, &t[i], row, rows);
        }
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

/* Room for what stands for each that can be said of a ratio. */
static mdl_status make_room(struct maker *m)
{
    const uint64_t ratios = ctr_records(m->n, CTR_RATIO, 3);
    uint64_t all = 0;

    m->ratios = mdl_arena_take_raw(&m->temp, ratios, sizeof *m->ratios);
    m->none = mdl_arena_take_raw(&m->temp, ratios, 1);
    m->p->stands_at = mdl_arena_take_raw(m->a, ratios, sizeof *m->p->stands_at);
    if (!m->ratios || !m->none || !m->p->stands_at)
        return mdl_arena_fail(m->a, m->err, "ctr");
    for (uint64_t i = 0; i < ratios && m->asked.n; i++) {
        m->p->stands_at[i] = (size_t)all;
        all += m->asked.n[i] + 2ull;
    }
    m->p->stands = mdl_arena_take(m->a, all, sizeof *m->p->stands);
    return m->p->stands ? MDL_OK : mdl_arena_fail(m->a, m->err, "ctr");
}

static mdl_status make_keys(struct maker *m, const struct graph *g)
{
    mdl_status s = mdl_ctr_asked(m->n, g, &m->asked, &m->temp, m->err);

    if (!s) s = make_room(m);
    for (uint32_t i = 0; !s && i < m->p->n_keys; i++)
        s = make_key(m, &m->p->keys[i]);
    return s;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static mdl_status make_parts(struct maker *m, uint64_t cols)
{
    const uint64_t parts = ctr_records(m->n, CTR_PART, 3);
    uint32_t mask = 63;

    while (mask < 2 * parts && mask < UINT32_MAX / 2)
        mask = 2 * mask + 1;
    uint32_t *place = mdl_arena_take(&m->temp, cols, 2 * sizeof *place);
    uint32_t *met = mdl_arena_take(&m->temp, mask + 1ull, sizeof *met);
    if (!place || !met)
        return mdl_arena_fail(&m->temp, m->err, "ctr");
    place_columns(m->n, m->p, cols, place);
    number_parts(m->n, m->p, place, met, mask);
    return MDL_OK;
}

mdl_status mdl_ctr_prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const uint64_t parts = ctr_records(n, CTR_PART, 3), tables = ctr_records(n, CTR_TABLE, 3);
    struct ctr_plan *p = n->plan = mdl_arena_take(a, 1, sizeof *p);
    struct maker m = { .n = n, .p = p, .a = a, .err = err };

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
    mdl_arena_init(&m.temp, &a->allocator, a->limit);
    mdl_status s = take_tables(n, p, err);
    if (!s) s = make_parts(&m, node_in(n, g, 0)->cols);
    if (!s) {
        take_keys(n, p);
        s = make_keys(&m, g);
    }
    mdl_arena_free(&m.temp);
    n->temp_bytes = 8ull * p->n_codes + 4ull * p->n_groups + 4ull * p->n_floats + p->n_tests;
    return s;
}
