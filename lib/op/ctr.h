/*
 * op/ctr.h - what the files of the operator ctr share
 *
 *     ctr.c        what the file holds, and checks
 *     ctr_plan.c   what it runs on, made at load
 *     ctr_run.c    a call
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_CTR_H
#define MDL_OP_CTR_H

#include "op/op.h"

#define CTR_M 0x4906ba494954cb65u
#define CTR_NO_KEY UINT64_MAX     /* what no row has */

enum { CTR_NUMBER, CTR_EQUAL, CTR_RATIO, CTR_PRIOR, CTR_TABLE, CTR_HASH, CTR_COUNT, CTR_KEY,
       CTR_PART, CTR_BORDER, CTR_SLOTS };

enum { PART_CATEGORY, PART_ABOVE, PART_ABOVE_OR_NAN, PART_EQUAL, PARTS };

struct ctr_ratio { int32_t table, good, all; };
struct ctr_part { int32_t kind, column, category; };
struct ctr_file_table { uint32_t key, width, rows; };

/* Rows by the first bits of their hashes: the first four that have the same.  What there is to
 * say of one: the ratio, if its table has one ratio, else its number. */
#define CTR_WAYS 4u
struct ctr_heap {
    uint64_t hash[CTR_WAYS];      /* CTR_NO_KEY: none                                   */
    uint32_t say[CTR_WAYS];
};

struct ctr_table {
    const uint64_t *hash;         /* [rows] all of them                                 */
    const float    *count;        /* [rows, width]                                      */
    struct ctr_heap *heaps;       /* [1 << (64 - shift)]                                */
    uint32_t rows, width, shift, key;
    uint32_t first, n;            /* ratios                                             */
    uint32_t none;                /* what there is to say of no row                     */
    float   *value;               /* [rows + 1, n] ratios of rows and of none, or NULL  */
};

/* A key begins as the one before: hashes of so many parts are at hand.  Those of longer
 * beginnings are not kept. */
#define CTR_KEPT 8u

/* A part, and where its column is in the working memory. */
struct ctr_taken {
    uint32_t kind, at;
    uint64_t category;            /* CTR_M times it                                     */
    float    border;
};

struct ctr_plan {
    struct ctr_table *tables;
    struct ctr_taken *parts;
    uint32_t *shared;             /* [keys] parts                                       */
    uint32_t *column;             /* [n_codes, then n_floats] of x                      */
    uint32_t n_tables, n_codes, n_floats;
};

/* Elements of a slot in records of `width`; UINT64_MAX when it does not have that shape. */
static inline uint64_t ctr_records(const struct node *n, uint32_t slot, int64_t width)
{
    const struct tensor *t = &n->tensors[slot];

    if (!t->type)
        return 0;
    return t->rank == 2 && t->dims[1] != width ? UINT64_MAX : (uint64_t)t->dims[0];
}

/* ctr_plan.c: n->plan; the ratios of a row, NULL: of none; what there is to say of a row, if it is
 * below t->rows */
mdl_status mdl_ctr_prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err);
void mdl_ctr_ratios(const struct node *n, const struct ctr_table *t, const float *row, float *y);
uint32_t mdl_ctr_say(const struct node *n, const struct ctr_table *t, uint32_t row);

/* ctr.c: element i of a slot is wrong */
mdl_status mdl_ctr_bad(const struct node *n, uint32_t slot, uint64_t i, mdl_error *err);

/* ctr_run.c */
void mdl_ctr_run(const struct node *n, const struct run *r);

#endif
