/*
 * op/ctr_run.c - the operator ctr: a call
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/ctr.h"

#include <string.h>

/*
 * Working memory of `rows` rows, each array one after the other:
 *
 *     hash   u64 [CTR_KEPT + 1]   of no part, of the first, ..., of CTR_KEPT and more
 *     code   u64 [n_codes]        M times the category, NO_CODE for none
 *     cell   f32 [n_floats]
 */
#define NO_CODE (CTR_M << 40)         /* M times no int32 */

struct ctr_work {
    uint64_t *hash, *code;
    float    *cell;
    size_t    rows;
    int       lacking;            /* some code is NO_CODE */
};

/* Is the cell an int32?  Then *code is it. */
static int is_code(double x, int32_t *code)
{
    if (!(x >= -2147483648.0 && x <= 2147483647.0))
        return 0;
    *code = (int32_t)x;
    return (double)*code == x;
}

static struct ctr_work gather(const struct ctr_plan *p, const struct run *r, struct view in)
{
    const size_t rows = r->rows;
    struct ctr_work w = { .hash = r->temp, .rows = rows };

    w.code = w.hash + (CTR_KEPT + 1) * rows;
    w.cell = (float *)(void *)(w.code + p->n_codes * rows);
    memset(w.hash, 0, rows * sizeof *w.hash);
    for (size_t row = 0; row < rows; row++) {
        const double *x = view_row(in, row);

        for (uint32_t i = 0; i < p->n_codes; i++) {
            int32_t code = 0;
            const int known = is_code(x[p->column[i]], &code);
            w.code[i * rows + row] = known ? CTR_M * (uint64_t)(int64_t)code : NO_CODE;
            w.lacking |= !known;
        }
        for (uint32_t i = 0; i < p->n_floats; i++)
            w.cell[i * rows + row] = (float)x[p->column[p->n_codes + i]];
    }
    return w;
}

static void take_in(const struct ctr_work *w, const struct ctr_taken *part, uint64_t *to,
                    const uint64_t *from)
{
    const uint64_t *code = w->code + part->at * w->rows, category = part->category;
    const float *cell = w->cell + part->at * w->rows, border = part->border;
    const size_t rows = w->rows;

    if (part->kind == PART_CATEGORY)
        for (size_t i = 0; i < rows; i++)
            to[i] = CTR_M * (from[i] + code[i]);
    else if (part->kind == PART_EQUAL)
        for (size_t i = 0; i < rows; i++)
            to[i] = CTR_M * (from[i] + ((0 - (uint64_t)(code[i] == category)) & CTR_M));
    else if (part->kind == PART_ABOVE)
        for (size_t i = 0; i < rows; i++)
            to[i] = CTR_M * (from[i] + ((0 - (uint64_t)(cell[i] > border)) & CTR_M));
    else
        for (size_t i = 0; i < rows; i++)
            to[i] = CTR_M * (from[i] + ((0 - (uint64_t)!(cell[i] <= border)) & CTR_M));
}

/* Hashes of a key; what has no category has none. */
static const uint64_t *hash_key(const struct ctr_work *w, const struct ctr_taken *part, uint32_t n,
                                uint32_t shared)
{
    uint64_t *to = w->hash + (n < CTR_KEPT ? n : CTR_KEPT) * w->rows;

    for (uint32_t i = shared; i < n; i++)
        take_in(w, &part[i], w->hash + (i + 1 < CTR_KEPT ? i + 1 : CTR_KEPT) * w->rows,
                w->hash + (i < CTR_KEPT ? i : CTR_KEPT) * w->rows);
    return to;
}

/* Does the row lack a category of the key? */
static int lacks(const struct ctr_work *w, const struct ctr_taken *part, uint32_t n, size_t row)
{
    for (uint32_t i = 0; i < n; i++)
        if (part[i].kind == PART_CATEGORY && w->code[part[i].at * w->rows + row] == NO_CODE)
            return 1;
    return 0;
}

/* What there is to say of a hash that a full heap may have had no place for. */
static uint32_t search(const struct node *n, const struct ctr_table *t, uint64_t h)
{
    uint32_t low = 0, high = t->rows;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (t->hash[middle] == h)
            return mdl_ctr_say(n, t, middle);
        if (t->hash[middle] < h)
            low = middle + 1;
        else
            high = middle;
    }
    return t->none;
}

static inline uint32_t find(const struct node *n, const struct ctr_table *t, uint64_t h)
{
    const struct ctr_heap *heap = &t->heaps[h >> t->shift];
    const uint32_t past0 = heap->hash[0] != h, past1 = past0 & (heap->hash[1] != h);
    const uint32_t past2 = past1 & (heap->hash[2] != h), past3 = past2 & (heap->hash[3] != h);

    if (past3 & (heap->hash[CTR_WAYS - 1] != CTR_NO_KEY))
        return search(n, t, h);
    /* No branch: what is met cannot be foreseen. */
    const uint32_t none = 0 - (past3 | (h == CTR_NO_KEY));
    return (t->none & none) | (heap->say[past0 + past1 + past2] & ~none);
}

static void look_up(const struct node *n, const struct ctr_table *t, const uint64_t *hash,
                    float *y, size_t stride, size_t rows)
{
    for (size_t row = 0; row < rows; row++, y = (float *)(void *)((char *)y + stride)) {
        const uint32_t said = find(n, t, hash[row]);

        if (t->n == 1)
            memcpy(y, &said, sizeof said);
        else if (t->value)
            for (size_t i = 0; i < t->n; i++)
                y[i] = t->value[(size_t)said * t->n + i];
        else
            mdl_ctr_ratios(n, t, said < t->rows ? t->count + (size_t)said * t->width : NULL, y);
    }
}

static void plain_columns(const struct node *n, const double *x, float *y)
{
    const uint32_t *number = n->tensors[CTR_NUMBER].data;
    const int32_t *equal = n->tensors[CTR_EQUAL].data;
    const size_t numbers = (size_t)ctr_records(n, CTR_NUMBER, 1);
    const size_t equals = (size_t)ctr_records(n, CTR_EQUAL, 2);

    for (size_t i = 0; i < numbers; i++)
        y[i] = (float)x[number[i]];
    for (size_t i = 0; i < equals; i++)
        y[numbers + i] = x[equal[2 * i]] == (double)equal[2 * i + 1];
}

void mdl_ctr_run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct ctr_plan *p = n->plan;
    const uint32_t *key = n->tensors[CTR_KEY].data;
    const size_t before = (size_t)(ctr_records(n, CTR_NUMBER, 1) + ctr_records(n, CTR_EQUAL, 2));
    const uint64_t *hash = NULL;
    const struct ctr_work w = gather(p, r, in);

    for (size_t row = 0; row < r->rows; row++)
        plain_columns(n, view_row(in, row), view_row(out, row));
    for (uint32_t i = 0, k = 0; i < p->n_tables; i++) {
        const struct ctr_table *t = &p->tables[i];

        for (; k <= t->key; k++)      /* also those that no table has: the next may share them */
            hash = hash_key(&w, p->parts + key[k], key[k + 1] - key[k], p->shared[k]);
        if (!t->n)
            continue;
        float *y = (float *)view_row(out, 0) + before + t->first;
        look_up(n, t, hash, y, out.stride, r->rows);
        for (size_t row = 0; row < r->rows && w.lacking; row++)
            if (lacks(&w, p->parts + key[t->key], key[t->key + 1] - key[t->key], row))
                mdl_ctr_ratios(n, t, NULL, (float *)view_row(out, row) + before + t->first);
    }
}
