/*
 * op/ctr.h - what the files of the operator ctr share
 *
 *     ctr.c        what the file holds, and checks
 *     ctr_asked.c  what trees ask of ratios
 *     ctr_plan.c   what it runs on, made at load
 *     ctr_array.c  the arrays of it
 *     ctr_run.c    a call
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_CTR_H
#define MDL_OP_CTR_H

#include "op/op.h"

#define CTR_M      0x4906ba494954cb65u
#define CTR_NO_KEY UINT64_MAX     /* what no row has                                     */

enum { CTR_NUMBER, CTR_EQUAL, CTR_RATIO, CTR_PRIOR, CTR_TABLE, CTR_HASH, CTR_COUNT, CTR_KEY,
       CTR_PART, CTR_BORDER, CTR_SLOTS };

enum { PART_CATEGORY, PART_ABOVE, PART_ABOVE_OR_NAN, PART_EQUAL, PARTS };

struct ctr_ratio { int32_t table, good, all; };
struct ctr_prior { float p0, p1, p2, p3, all; };
struct ctr_part { int32_t kind, column, category; };
struct ctr_file_table { uint32_t key, width, rows; };

/*
 * Most keys are some categories and then some tests, which are 1 or 0.  Keys of the same
 * categories make a group: those categories are looked up once, in the rows of a key that has no
 * tests, and get a *code*, the number of the row found.  A key of the group then has the ratios of
 * all codes and outcomes of its tests in an array, a byte each: which of the few it is that trees
 * can tell apart (ctr_asked.c).
 *
 *     said [codes + 1][1 << n_tests][ratios]     the last code: none
 *
 * Categories that have no code may still be in a table, as tests add to hashes: a key for which
 * that can be is *open*, and such rows are looked up in its tables.  One category alone cannot be
 * taken for another by CTR_TESTS tests (tests/test_op_ctr.c proves it).
 */
#define CTR_TESTS  6u             /* of a key with an array, at most                     */
#define CTR_HEIGHT 16u            /* rows that go together                               */

/* Hashes of rows, ascending, and where those begin that have the same first bits. */
#define CTR_WINDOW 4u             /* that are compared at once                           */
struct ctr_index {
    const uint64_t *hash;         /* [rows], and CTR_NO_KEY up to CTR_WINDOW             */
    uint32_t *start;              /* [(1 << (64 - shift)) + 1]; NULL: not looked up      */
    uint32_t rows, shift;
};

struct ctr_table {
    struct ctr_index index;       /* start: of open keys, and of those without array     */
    const float *count;           /* [rows, width]                                       */
    uint32_t width;
    uint32_t first, n;            /* ratios                                              */
};

struct ctr_group {
    struct ctr_index known;       /* row i has code i; rows 0: there are no codes        */
    uint32_t first, n;            /* parts: categories                                   */
};

struct ctr_key {
    uint8_t *said;                /* NULL: rows are looked up in the tables              */
    uint32_t group;
    uint32_t first, n, n_tests;   /* parts                                               */
    uint32_t first_table, n_tables;
    uint32_t at, ratios;          /* columns of y                                        */
    uint32_t open;
};

struct ctr_test {
    uint32_t kind, at;            /* at: among the codes or the floats                   */
    uint64_t category;            /* CTR_M times it                                      */
    float    border;
};

struct ctr_plan {
    struct ctr_table *tables;
    struct ctr_group *groups;
    struct ctr_key   *keys;       /* that have ratios                                    */
    struct ctr_test  *tests;
    uint32_t *part;               /* among the codes; behind them: n_codes + which test  */
    uint32_t *column;             /* [n_codes, then n_floats] of x                       */
    float    *stands;             /* what stands for each byte, ratio by ratio           */
    size_t   *stands_at;          /* [ratios] those of a ratio                           */
    uint32_t n_tables, n_groups, n_keys, n_tests, n_codes, n_floats;
};

/* Which row has a hash; rows: none. */
static inline uint32_t ctr_find(const struct ctr_index *t, uint64_t hash)
{
    const uint32_t *start = t->start + (hash >> t->shift);
    uint32_t first = start[0];

    for (uint32_t end = start[1]; end - first > CTR_WINDOW;) {      /* a crowd */
        const uint32_t middle = first + (end - first) / 2;
        if (t->hash[middle] <= hash)
            first = middle;
        else
            end = middle;
    }
    if (first + CTR_WINDOW > t->rows)
        first = t->rows < CTR_WINDOW ? 0 : t->rows - CTR_WINDOW;
    /* No branch: which of a few it is cannot be foreseen. */
    const uint64_t *at = t->hash + first;
    const uint32_t row = first + (at[0] < hash) + (at[1] < hash) + (at[2] < hash);

    return t->hash[row] == hash && row < t->rows ? row : t->rows;
}

static inline const struct ctr_ratio *ctr_ratio(const struct node *n)
{
    return n->tensors[CTR_RATIO].data;
}

static inline const struct ctr_prior *ctr_prior(const struct node *n)
{
    return n->tensors[CTR_PRIOR].data;
}

/* A ratio of a row; NULL: of none. */
static inline float ctr_value(struct ctr_ratio r, struct ctr_prior p, const float *row)
{
    const float good = row ? row[r.good] : 0;
    const float all = r.all < 0 ? p.all : row ? row[r.all] : 0;

    return ((good + p.p0) / (all + p.p1) + p.p2) * p.p3;
}

/* Elements of a slot in records of `width`; UINT64_MAX when it does not have that shape. */
static inline uint64_t ctr_records(const struct node *n, uint32_t slot, int64_t width)
{
    const struct tensor *t = &n->tensors[slot];

    if (!t->type)
        return 0;
    return t->rank == 2 && t->dims[1] != width ? UINT64_MAX : (uint64_t)t->dims[0];
}

/* ctr_asked.c: borders that trees ask ratios about, from those on they go right, ascending.  `n`
 * NULL: ratios are seen by more than trees. */
#define CTR_BORDERS 254u          /* more: they do not fit a byte                        */
struct ctr_asked {
    uint64_t *first;              /* [ratios + 1] the first of each in `border`          */
    uint32_t *n;                  /* [ratios] how many; above CTR_BORDERS: too many      */
    float    *border;
};
mdl_status mdl_ctr_asked(const struct node *n, const struct graph *g, struct ctr_asked *to,
                         struct arena *temp, mdl_error *err);

/* ctr_plan.c: n->plan; the ratios of a row, NULL: of none */
mdl_status mdl_ctr_prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err);
void mdl_ctr_ratios(const struct node *n, const struct ctr_table *t, const float *row, float *y);

/* ctr_array.c: arrays and indices of keys */
mdl_status mdl_ctr_arrays(struct node *n, const struct graph *g, struct arena *a,
                          struct arena *temp, mdl_error *err);

/* ctr.c: element i of a slot is wrong */
mdl_status mdl_ctr_bad(const struct node *n, uint32_t slot, uint64_t i, mdl_error *err);

/* ctr_run.c */
void mdl_ctr_run(const struct node *n, const struct run *r);

#endif
