/*
 * op/tree_row.c - one row through an ensemble, from the tops of the trees
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#include <string.h>

#define ROOTS 64u                 /* walks of one row whose exits are kept at a time */

/* Does the row go right at a test? */
static uint32_t ask_test(const struct tree_walk *w, const struct tree_test *t, const uint8_t *code,
                         const void *row)
{
    if (t->code == CODE_PLAIN)
        return (uint32_t)mdl_test_right(w->n, t, w->x_type, row);
    return (uint32_t)t->right[code[t->code] / 8] >> code[t->code] % 8 & 1u;
}

/* The bits of the trees' tests that send the row right, for match: coded ones from the table
 * if there is one, the others test by test. */
static void ask_tests(const struct tree_walk *w, uint32_t *bits, const uint8_t *code, uint32_t tree,
                      uint32_t n, const void *row)
{
    const struct trees_plan *p = w->p;

    memset(bits, 0, n * sizeof *bits);
    for (uint32_t c = 0; c < p->n_codes && p->code_bits; c++) {
        const uint32_t *right = p->code_bits + (size_t)mdl_test_row(p, c, code[c]) * p->n_trees
                              + tree;
        for (uint32_t i = 0; i < n; i++)
            bits[i] |= right[i];
    }
    if (p->code_bits && !p->n_plain)
        return;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = p->test_start[tree + i]; k < p->test_start[tree + i + 1]; k++) {
            const struct tree_test *t = &p->tests[k];
            if (t->slot < TOP_EXITS && (t->code == CODE_PLAIN || !p->code_bits))
                bits[i] |= ask_test(w, t, code, row) << t->slot;
        }
}

/* Where the trees [tree, tree + n) take one row whose ranks and codes are known. */
static uint32_t leave_tops(const struct tree_walk *w, uint32_t *exit, const uint8_t *rank,
                           uint32_t tree, uint32_t n, const void *row)
{
    uint32_t bits[ROOTS];

    if (w->p->n_general)
        ask_tests(w, bits, rank + TOP_COLUMNS, tree, n, row);
    return w->r->kernels->match(exit, w->p->tops + tree, w->p->n_general ? bits : NULL, n, rank);
}

/* Leaves of the trees [tree, tree + n) of one row. */
static void find_leaves(const struct tree_walk *w, uint32_t *leaf, const uint8_t *rank, uint32_t tree,
                        uint32_t n, const void *row)
{
    const struct trees_plan *p = w->p;
    uint32_t begin[ROOTS], end[ROOTS], slot[ROOTS], depth = 0, walks = 0;

    if (p->tops && !(leave_tops(w, leaf, rank, tree, n, row) & TOP_GOES_ON))
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (p->tops && !(leaf[i] & TOP_GOES_ON))
            continue;
        const uint32_t from = p->tops ? leaf[i] & ~TOP_GOES_ON : p->tree_start[tree + i];
        if (p->general[tree + i]) {
            leaf[i] = mdl_trees_walk_from(w->n, w->x_type, row, from);
            continue;
        }
        begin[walks] = from;
        slot[walks++] = i;
        if (p->depth[tree + i] > depth)
            depth = p->depth[tree + i];
    }
    w->r->kernels->walk(end, p->steps, begin, walks, depth, rank);
    for (uint32_t i = 0; i < walks; i++)
        leaf[slot[i]] = p->step_leaf[end[i]];
}

void mdl_trees_run_row(const struct tree_walk *w, size_t r)
{
    const void *row = view_row(w->x, r);
    uint8_t *rank = w->r->temp;
    uint32_t leaf[ROOTS];

    if (w->x_type == MDL_F32)
        w->r->kernels->rank_f32(rank, &w->p->ranks, row);
    else
        w->r->kernels->rank_f64(rank, &w->p->ranks, row);
    for (uint32_t c = 0; c < w->p->n_codes && w->p->tops; c++)
        rank[TOP_COLUMNS + c] = mdl_test_code(w->n, mdl_trees_cell(w->x_type, row,
                                                                   w->p->code_feature[c]));
    for (uint32_t t = w->first; t < w->last; t += ROOTS) {
        const uint32_t n = w->last - t < ROOTS ? w->last - t : ROOTS;
        find_leaves(w, leaf, rank, t, n, row);
        mdl_trees_put_row(w, r, t, n, leaf);
    }
}
