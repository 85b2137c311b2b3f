/*
 * op/tree_row.c - one row through an ensemble
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#include <string.h>

#define ROOTS 256u                /* trees of one row whose leaves are kept at a time */

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

/* Below the tops: exits that go on are matched pass by pass until all are leaves. */
static void go_on(const struct tree_walk *w, uint32_t *leaf, const uint8_t *rank, uint32_t n)
{
    const struct trees_plan *p = w->p;
    uint32_t slot[ROOTS], at[ROOTS], out[ROOTS], left = 0;

    for (uint32_t i = 0; i < n; i++) {
        slot[left] = i;
        at[left] = leaf[i] & ~TOP_GOES_ON;
        left += leaf[i] / TOP_GOES_ON;
    }
    while (left) {
        const uint32_t asked = left;

        for (uint32_t k = 0; k < asked; k++) {
            MDL_PREFETCH(&p->tiles[at[k]]);
            MDL_PREFETCH(p->tiles[at[k]].exit);
        }
        w->r->kernels->match_tiles(out, p->tiles, at, asked, rank, p->quarters);
        left = 0;
        for (uint32_t k = 0; k < asked; k++) {
            const uint32_t i = slot[k];
            leaf[i] = out[k];
            slot[left] = i;
            at[left] = out[k] & ~TOP_GOES_ON;
            left += out[k] / TOP_GOES_ON;
        }
    }
}

/* Leaves of the trees [tree, tree + n) of one row, by tops and tiles. */
static void match_pieces(const struct tree_walk *w, uint32_t *leaf, const uint8_t *rank,
                         uint32_t tree, uint32_t n, const void *row)
{
    const struct trees_plan *p = w->p;
    uint32_t bits[ROOTS];

    if (!p->tops) {
        w->r->kernels->match_tiles(leaf, p->tiles + tree, NULL, n, rank, p->quarters);
        go_on(w, leaf, rank, n);
        return;
    }
    if (p->n_general)
        ask_tests(w, bits, rank + p->n_places, tree, n, row);
    const uint32_t any = w->r->kernels->match(
        leaf, p->tops + tree, p->exits ? p->exits + tree : NULL, p->first_leaf + tree,
        p->n_general ? bits : NULL, n, rank, p->quarters);
    if (!(any & TOP_GOES_ON) || !p->exits)
        return;
    for (uint32_t i = 0; i < n && p->n_general; i++)
        if (leaf[i] & TOP_GOES_ON && p->general[tree + i])
            leaf[i] = mdl_trees_walk_from(w->n, w->x_type, row, leaf[i] & ~TOP_GOES_ON);
    go_on(w, leaf, rank, n);
}

/* The group of levels that a tree is in. */
static const struct tree_level *levels_at(const struct trees_plan *p, uint32_t tree)
{
    return p->levels + (size_t)(tree / LEVEL_TREES) * p->level_depth;
}

static void find_leaves(const struct tree_walk *w, uint32_t *leaf, const uint8_t *rank,
                        uint32_t tree, uint32_t n, const void *row)
{
    const struct trees_plan *p = w->p;

    if (p->levels)
        w->r->kernels->match_levels(leaf, levels_at(p, tree), p->level_depth, p->first_leaf + tree, n,
                                    rank, p->quarters);
    else if (p->heaps)
        w->r->kernels->match_heaps(leaf, p->heaps + tree, p->first_leaf + tree, n, rank,
                                   p->quarters);
    else
        match_pieces(w, leaf, rank, tree, n, row);
}

/* Call the kernel add_<kind> of the type of the leaves. */
#define ADD(kind, ...) do { \
    if (mdl_trees_type(w->n) == MDL_F32) \
        w->r->kernels->add_##kind##_f32(y, p->value, __VA_ARGS__, rank, p->quarters); \
    else \
        w->r->kernels->add_##kind##_f64(y, p->value, __VA_ARGS__, rank, p->quarters); \
} while (0)

/* Trees that are matched whole, all of whose leaves are added to one sum: in one go.  0: not so. */
static int add_whole(const struct tree_walk *w, size_t r, const uint8_t *rank)
{
    const struct trees_plan *p = w->p;
    const uint32_t *leaf = p->first_leaf + w->first, n = w->last - w->first;

    if (w->n_outputs != 1 || !mdl_trees_is_simple(w))
        return 0;
    void *y = view_row(w->sums, r);
    if (p->heaps)
        ADD(heaps, p->heaps + w->first, leaf, n);
    else if (p->tops && !p->exits && !p->n_general)
        ADD(tops, p->tops + w->first, leaf, n);
    else if (p->levels && !(w->first % LEVEL_TREES))
        ADD(levels, levels_at(p, w->first), p->level_depth, leaf, n);
    else
        return 0;
    return 1;
}

/* And codes. */
static void find_ranks(const struct tree_walk *w, uint8_t *rank, const void *row)
{
    const struct trees_plan *p = w->p;
    uint8_t *code = rank + p->n_places;

    if (w->x_type == MDL_F32)
        w->r->kernels->rank_f32(rank, &p->ranks, row);
    else
        w->r->kernels->rank_f64(rank, &p->ranks, row);
    for (uint32_t c = 0; c < p->n_codes && p->tops; c++)
        code[c] = mdl_test_code(w->n, mdl_trees_cell(w->x_type, row, p->code_feature[c]));
}

void mdl_trees_run_row(const struct tree_walk *w, size_t r)
{
    const struct trees_plan *p = w->p;
    const void *row = view_row(w->x, r);
    uint8_t *rank = (uint8_t *)w->r->temp + (w->r->keeps ? r * p->row_bytes : 0);
    uint32_t leaf[ROOTS];

    if (w->r->keeps < 2)
        find_ranks(w, rank, row);
    if (add_whole(w, r, rank))
        return;
    /* Levels from where a group of LEVEL_TREES begins. */
    for (uint32_t t = w->first - (p->levels ? w->first % LEVEL_TREES : 0); t < w->last; t += ROOTS) {
        const uint32_t n = w->last - t < ROOTS ? w->last - t : ROOTS;
        const uint32_t early = t < w->first ? w->first - t : 0;
        find_leaves(w, leaf, rank, t, n, row);
        mdl_trees_put_row(w, r, t + early, n - early, leaf + early);
    }
}
