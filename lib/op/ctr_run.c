/*
 * op/ctr_run.c - the operator ctr: a call
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

#include <string.h>

/*
 * Working memory of CTR_HEIGHT rows, or of fewer, each array one after the other:
 *
 *     cell   u64 [n_codes]        M times the category, NO_CODE for none
 *     known  u32 [n_groups]       codes of groups
 *     number f32 [n_floats]
 *     passed u8  [n_tests]        outcomes of tests
 */
#define NO_CODE (CTR_M << 40)         /* M times no int32 */

struct ctr_work {
    uint64_t *cell;
    uint32_t *known;
    float    *number;
    uint8_t  *passed;
};

/* M times the int32 that a cell is. */
static inline uint64_t code_of(double x)
{
    const int fits = x >= -2147483648.0 && x <= 2147483647.0;
    const int32_t code = (int32_t)(fits ? x : 0);

    return fits && (double)code == x ? CTR_M * (uint64_t)(int64_t)code : NO_CODE;
}

static inline void gather(const struct ctr_plan *p, const struct ctr_work *w, struct view in,
                          size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        const double *x = view_row(in, r);

        for (uint32_t i = 0; i < p->n_codes; i++)
            w->cell[i * rows + r] = code_of(x[p->column[i]]);
        for (uint32_t i = 0; i < p->n_floats; i++)
            w->number[i * rows + r] = (float)x[p->column[p->n_codes + i]];
    }
}

static inline void run_tests(const struct ctr_plan *p, const struct ctr_work *w, size_t rows)
{
    for (uint32_t i = 0; i < p->n_tests; i++) {
        const struct ctr_test *t = &p->tests[i];
        const uint64_t *cell = w->cell + t->at * rows, category = t->category;
        const float *number = w->number + t->at * rows, border = t->border;
        uint8_t *passed = w->passed + i * rows;

        if (t->kind == PART_EQUAL)
            for (size_t r = 0; r < rows; r++)
                passed[r] = cell[r] == category;
        else if (t->kind == PART_ABOVE)
            for (size_t r = 0; r < rows; r++)
                passed[r] = number[r] > border;
        else
            for (size_t r = 0; r < rows; r++)
                passed[r] = !(number[r] <= border);
    }
}

static inline void look_up(const struct ctr_plan *p, const struct ctr_work *w, size_t rows)
{
    for (uint32_t i = 0; i < p->n_groups; i++) {
        const struct ctr_group g = p->groups[i];
        const uint32_t *part = p->part + g.first;

        for (size_t r = 0; r < rows && g.known.start; r++) {
            uint64_t hash = 0;
            uint32_t lacking = 0;

            for (uint32_t k = 0; k < g.n; k++) {
                const uint64_t cell = w->cell[part[k] * rows + r];
                hash = CTR_M * (hash + cell);
                lacking |= cell == NO_CODE;
            }
            w->known[i * rows + r] = lacking ? g.known.rows : ctr_find(&g.known, hash);
        }
    }
}

/* The ratios of a key for a row, from its tables. */
static void search(const struct node *n, const struct ctr_work *w, const struct ctr_key *key,
                   size_t r, size_t rows, float *y)
{
    const struct ctr_plan *p = n->plan;
    uint64_t hash = 0;
    int lacking = 0;

    for (uint32_t i = 0; i < key->n; i++) {
        const uint32_t part = p->part[key->first + i];
        const uint64_t v = part < p->n_codes ? w->cell[part * rows + r]
                         : w->passed[(part - p->n_codes) * rows + r] ? CTR_M : 0;
        hash = CTR_M * (hash + v);
        lacking |= v == NO_CODE;
    }
    for (uint32_t i = 0; i < key->n_tables; i++) {
        const struct ctr_table *t = &p->tables[key->first_table + i];
        const uint32_t row = lacking ? t->index.rows : ctr_find(&t->index, hash);

        mdl_ctr_ratios(n, t, row < t->index.rows ? t->count + (size_t)row * t->width : NULL, y);
        y += t->n;
    }
}

static inline void copy_values(const struct ctr_plan *p, const struct ctr_work *w,
                               const struct ctr_key *key, struct view out, size_t at, size_t rows)
{
    const uint32_t *part = p->part + key->first + (key->n - key->n_tests);
    uint32_t entry[CTR_HEIGHT];

    memcpy(entry, w->known + key->group * rows, rows * sizeof *entry);
    for (uint32_t i = 0; i < key->n_tests; i++) {
        const uint8_t *passed = w->passed + (part[i] - p->n_codes) * rows;
        for (size_t r = 0; r < rows; r++)
            entry[r] = entry[r] * 2 + passed[r];
    }
    for (uint32_t i = 0; i < key->ratios; i++) {
        const float *stands = p->stands + p->stands_at[key->at + i];
        const uint8_t *said = key->said + i;
        float *y = (float *)out.data + at + i;

        for (size_t r = 0; r < rows; r++, y = (float *)(void *)((char *)y + out.stride))
            *y = stands[said[(size_t)entry[r] * key->ratios]];
    }
}

/* Columns that are no ratios. */
static inline void plain_columns(const struct node *n, struct view in, struct view out, size_t rows)
{
    const uint32_t *number = n->tensors[CTR_NUMBER].data;
    const int32_t *equal = n->tensors[CTR_EQUAL].data;
    const size_t numbers = (size_t)ctr_records(n, CTR_NUMBER, 1);
    const size_t equals = (size_t)ctr_records(n, CTR_EQUAL, 2);

    for (size_t r = 0; r < rows; r++) {
        const double *x = view_row(in, r);
        float *y = view_row(out, r);

        for (size_t i = 0; i < numbers; i++)
            y[i] = (float)x[number[i]];
        for (size_t i = 0; i < equals; i++)
            y[numbers + i] = x[equal[2 * i]] == (double)equal[2 * i + 1];
    }
}

/* Rows from `first` on, at most CTR_HEIGHT. */
MDL_INLINE void run_rows(const struct node *n, const struct run *r, size_t first, size_t rows)
{
    const struct ctr_plan *p = n->plan;
    struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const size_t before = (size_t)(ctr_records(n, CTR_NUMBER, 1) + ctr_records(n, CTR_EQUAL, 2));
    struct ctr_work w = { .cell = r->temp };

    w.known = (uint32_t *)(void *)(w.cell + p->n_codes * rows);
    w.number = (float *)(void *)(w.known + p->n_groups * rows);
    w.passed = (uint8_t *)(w.number + p->n_floats * rows);
    out.data = view_row(out, first);
    in.data = view_row(in, first);
    plain_columns(n, in, out, rows);
    gather(p, &w, in, rows);
    run_tests(p, &w, rows);
    look_up(p, &w, rows);
    for (uint32_t i = 0; i < p->n_keys; i++) {
        const struct ctr_key *key = &p->keys[i];
        const uint32_t *known = w.known + key->group * rows;
        const uint32_t codes = p->groups[key->group].known.rows;

        if (key->said)
            copy_values(p, &w, key, out, before + key->at, rows);
        for (size_t k = 0; k < rows && key->open; k++)
            if (!key->said || known[k] == codes)
                search(n, &w, key, k, rows, (float *)view_row(out, k) + before + key->at);
    }
}

void mdl_ctr_run(const struct node *n, const struct run *r)
{
    size_t row = 0;

    for (; row + CTR_HEIGHT <= r->rows; row += CTR_HEIGHT)
        run_rows(n, r, row, CTR_HEIGHT);
    for (; row < r->rows; row++)
        run_rows(n, r, row, 1);
}
