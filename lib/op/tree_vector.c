/*
 * op/tree_vector.c - leaves of several values that are equal are kept once
 *
 * A forest grown to pure leaves has as many different vectors as classes: a handful, which
 * stays in the nearest cache, beside megabytes of leaves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <string.h>

#define FEW 8u                    /* leaves a vector, at least, for it to pay */
#define STEPS_MOST 8u             /* looked at in vain, a leaf: with more, vectors were made to collide */

/* Distinct rows of bytes; `first` has the leaf each was met at. */
struct vectors {
    const unsigned char *rows;
    size_t    bytes;              /* of a row, a multiple of 4                */
    uint32_t *table;              /* 1 + number, by hash                      */
    uint32_t *first;
    uint32_t  mask, n;
    uint64_t  steps;              /* entries of the table that were others    */
};

static uint64_t stir(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9E3779B97F4A7C15ull;
    return h ^ h >> 29;
}

static uint32_t hash(const unsigned char *row, size_t bytes)
{
    uint64_t h = 0, word;
    uint32_t last = 0;
    size_t i = 0;

    for (; i + sizeof word <= bytes; i += sizeof word) {
        memcpy(&word, row + i, sizeof word);
        h = stir(h, word);
    }
    if (i < bytes)
        memcpy(&last, row + i, sizeof last);
    return (uint32_t)(stir(h, last) >> 32);
}

/* The number of the vector of a leaf, new or old. */
static uint32_t enter(struct vectors *v, uint32_t leaf)
{
    const unsigned char *row = v->rows + leaf * v->bytes;
    uint32_t i = hash(row, v->bytes) & v->mask;

    for (; v->table[i]; i = (i + 1) & v->mask, v->steps++)
        if (!memcmp(v->rows + v->first[v->table[i] - 1] * v->bytes, row, v->bytes))
            return v->table[i] - 1;
    v->first[v->n] = leaf;
    v->table[i] = ++v->n;
    return v->n - 1;
}

/* The file says which leaves share values. */
static mdl_status take_shared(const struct node *n, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_VECTOR];
    const struct tree_words w = { t->data, (uint32_t)mdl_type_bytes(t->type) };

    p->vectors = p->value;
    p->vector = mdl_arena_take_raw(a, p->n_leaves, sizeof *p->vector);
    if (!p->vector)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t leaf = 0; leaf < p->n_leaves; leaf++)
        p->vector[leaf] = mdl_tree_word(w, leaf);
    return MDL_OK;
}

mdl_status mdl_trees_share(const struct node *n, struct arena *temp, struct arena *a,
                           mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const size_t width = (size_t)((const struct trees_params *)n->params)->leaf_width;
    const uint32_t most = p->n_leaves / FEW;
    const uint64_t patience = STEPS_MOST * (uint64_t)p->n_leaves;
    struct vectors v = { .rows = p->value,
                         .bytes = width * mdl_type_bytes(mdl_trees_type(n)) };
    uint64_t size = 64;

    if (n->tensors[TREES_VECTOR].type)
        return take_shared(n, a, err);
    if (width < 2 || !most)
        return MDL_OK;
    while (size < 2ull * (most + 1))
        size *= 2;
    v.mask = (uint32_t)(size - 1);
    v.table = mdl_arena_take(temp, size, sizeof *v.table);
    v.first = mdl_arena_take_raw(temp, most + 1ull, sizeof *v.first);
    uint32_t *vector = mdl_arena_take_raw(temp, p->n_leaves, sizeof *vector);
    if (!v.table || !v.first || !vector)
        return mdl_arena_fail(temp, err, "tree ensemble");
    for (uint32_t leaf = 0; leaf < p->n_leaves && v.n <= most && v.steps <= patience; leaf++)
        vector[leaf] = enter(&v, leaf);
    if (v.n > most || v.steps > patience)
        return MDL_OK;

    p->vector = mdl_arena_take_raw(a, p->n_leaves, sizeof *p->vector);
    unsigned char *vectors = mdl_arena_take_raw(a, v.n, v.bytes);
    if (!p->vector || !vectors)
        return mdl_arena_fail(a, err, "tree ensemble");
    memcpy(p->vector, vector, p->n_leaves * sizeof *vector);
    for (uint32_t i = 0; i < v.n; i++)
        memcpy(vectors + i * v.bytes, v.rows + v.first[i] * v.bytes, v.bytes);
    p->vectors = vectors;
    return MDL_OK;
}
