/*
 * op/tree_shap_walk.c - explanations that follow rows down the trees, one after the other
 *
 * Steps (Saabas): at each node a row passes, the column it asks gets what the step changes in what
 * is expected of the subtree.
 *
 * Background: a row beside each of the background rows.  Features are taken from the one or the
 * other, so a leaf is worth something if each feature on its path that tells them apart comes from
 * the right one.  If that are u from the row and v from the background, the leaf's value gives
 *
 *     value (u - 1)! v! / (u + v)!  to each of the u     - value u! (v - 1)! / (u + v)!  to the v
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_shap.h"

#include <string.h>

/* Nodes where the two part, on the way to the one now looked at. */
struct fork_at {
    uint32_t node, slot;
    uint32_t side;                /* 0 left is being looked at, 1 right                    */
};

enum { EITHER, FROM_ROW, FROM_BACKGROUND };

/* Steps to the deepest leaf, or nodes, of the tree that has most. */
static uint32_t most_of(const struct shap *s, int depth)
{
    const struct trees_plan *p = s->n->plan;
    uint32_t most = 0;

    for (uint32_t t = s->first; t < s->last; t++) {
        const uint32_t own = depth ? p->depth[t] : p->tree_start[t + 1] - p->tree_start[t];
        most = own > most ? own : most;
    }
    return most;
}

uint64_t mdl_shap_walk_bytes(const struct shap *s, size_t rows)
{
    const uint64_t each = 8ull * s->n_slots * s->outputs;

    if (s->way == SHAP_STEPS)
        return each * rows + 8ull * most_of(s, 0) * (s->width + 1ull);
    return each + 9ull * s->n_slots + (most_of(s, 1) + 1ull) * sizeof(struct fork_at);
}

/* phi [outputs][n_slots], divided, and scaled as the sums are. */
static void put_row(const struct shap *s, size_t row, const double *phi, double divide,
                    const struct shap_out *out)
{
    for (uint32_t k = 0; k < s->outputs; k++) {
        for (uint64_t c = 0; c < s->given; c++) {
            const double *of = phi + (size_t)k * s->n_slots;
            const uint32_t slot = s->slot_at[c];
            mdl_shap_put(out, row, k, c, 0,
                         slot == SHAP_NONE ? 0 : of[slot] / divide * s->factor[k]);
        }
        mdl_shap_put(out, row, k, s->given, 0, s->bias[k]);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* What is expected at each node of a tree. */
static void expect(const struct shap *s, uint32_t tree, double *mean, double *cover)
{
    const struct trees_plan *p = s->n->plan;
    const uint32_t start = p->tree_start[tree];

    mdl_tree_covers(s->n, tree, cover);
    for (uint32_t i = p->tree_start[tree + 1]; i-- > start;)
        for (uint32_t k = 0; k < s->width; k++) {
            double *m = &mean[(size_t)(i - start) * s->width + k];
            if (mdl_tree_is_leaf(p, i)) {
                *m = mdl_shap_value(s, mdl_tree_ordinal(p, i), k);
                continue;
            }
            const double left = mdl_shap_share(p, cover, start, i);
            const size_t right = (mdl_tree_right(p, i) - start) * (size_t)s->width;
            *m = left * m[s->width] + (1 - left) * mean[right + k];
        }
}

static void step_down(const struct shap *s, uint32_t tree, uint32_t x_type, const void *row,
                      const double *mean, double *phi)
{
    const struct trees_plan *p = s->n->plan;
    const uint32_t start = p->tree_start[tree];

    for (uint32_t i = start, next; !mdl_tree_is_leaf(p, i); i = next) {
        const uint32_t feature = mdl_tree_feature(p, i);
        const int left = mdl_trees_goes_left(s->n, i, mdl_trees_cell(x_type, row, feature));
        next = left ? i + 1 : mdl_tree_right(p, i);
        for (uint32_t k = 0; k < s->width; k++)
            phi[(size_t)(p->output[tree] + k) * s->n_slots + s->slot_of[feature]] +=
                mean[(size_t)(next - start) * s->width + k]
                - mean[(size_t)(i - start) * s->width + k];
    }
}

void mdl_shap_steps(const struct shap *s, struct view x, size_t rows, double *work,
                    const struct shap_out *out)
{
    const size_t each = (size_t)s->n_slots * s->outputs;
    double *phi = work, *mean = phi + rows * each;

    memset(phi, 0, rows * each * sizeof *phi);
    for (uint32_t t = s->first; t < s->last; t++) {
        expect(s, t, mean, mean + (size_t)most_of(s, 0) * s->width);
        for (size_t r = 0; r < rows; r++)
            step_down(s, t, x.type, view_row(x, r), mean, phi + r * each);
    }
    for (size_t r = 0; r < rows; r++)
        put_row(s, r, phi + r * each, 1, out);
}

/* ---- background ------------------------------------------------------------------------------ */

/* A row beside one of the background. */
struct beside {
    const struct shap *s;
    const double *x, *b;          /* [n_slots]                                             */
    double *phi;                  /* [outputs][n_slots]                                    */
    struct fork_at *forks;        /* [depth + 1]                                           */
    unsigned char *from;          /* [n_slots] EITHER, ...                                 */
    uint32_t n_forks, n_row, n_background;
};

/* (a - 1)! b! / (a + b)!, which is 1 / a over the ways to choose a of a + b. */
static double weigh(uint32_t a, uint32_t b)
{
    double w = 1 / (double)a;

    for (uint32_t i = 1; i <= b; i++)
        w *= (double)i / (a + i);
    return w;
}

static void reach(const struct beside *q, uint32_t tree, uint32_t leaf)
{
    const struct shap *s = q->s;
    const struct trees_plan *p = s->n->plan;

    if (!q->n_forks)
        return;
    const double to_row = q->n_row ? weigh(q->n_row, q->n_background) : 0;
    const double to_background = q->n_background ? -weigh(q->n_background, q->n_row) : 0;
    for (uint32_t k = 0; k < s->width; k++) {
        const double value = mdl_shap_value(s, leaf, k);
        double *phi = q->phi + (size_t)(p->output[tree] + k) * s->n_slots;
        for (uint32_t i = 0; i < q->n_forks; i++) {
            const uint32_t slot = q->forks[i].slot;
            phi[slot] += value * (q->from[slot] == FROM_ROW ? to_row : to_background);
        }
    }
}

/* Take the side of a fork whose feature is not decided. */
static void decide(struct beside *q, const struct fork_at *f, int x_left)
{
    const int from_row = x_left == !f->side;

    q->from[f->slot] = from_row ? FROM_ROW : FROM_BACKGROUND;
    q->n_row += from_row ? 1 : 0;
    q->n_background += from_row ? 0 : 1;
}

static void undo(struct beside *q, const struct fork_at *f)
{
    q->n_row -= q->from[f->slot] == FROM_ROW ? 1 : 0;
    q->n_background -= q->from[f->slot] == FROM_ROW ? 0 : 1;
    q->from[f->slot] = EITHER;
}

/* Down from node i to a leaf, noting where the two part. */
static uint32_t descend(struct beside *q, uint32_t i)
{
    const struct trees_plan *p = q->s->n->plan;

    while (!mdl_tree_is_leaf(p, i)) {
        const uint32_t slot = q->s->slot_of[mdl_tree_feature(p, i)];
        const int x_left = mdl_trees_goes_left(q->s->n, i, q->x[slot]);
        const int b_left = mdl_trees_goes_left(q->s->n, i, q->b[slot]);
        int left = q->from[slot] == FROM_BACKGROUND ? b_left : x_left;

        if (x_left != b_left && q->from[slot] == EITHER) {
            struct fork_at *f = &q->forks[q->n_forks++];
            *f = (struct fork_at){ .node = i, .slot = slot };
            decide(q, f, x_left);
            left = 1;
        }
        i = left ? i + 1 : mdl_tree_right(p, i);
    }
    return i;
}

static void run_pair(struct beside *q, uint32_t tree)
{
    const struct trees_plan *p = q->s->n->plan;
    uint32_t i = p->tree_start[tree];

    q->n_forks = q->n_row = q->n_background = 0;
    for (;;) {
        reach(q, tree, mdl_tree_ordinal(p, descend(q, i)));
        while (q->n_forks && q->forks[q->n_forks - 1].side)
            undo(q, &q->forks[--q->n_forks]);
        if (!q->n_forks)
            return;
        struct fork_at *f = &q->forks[q->n_forks - 1];
        undo(q, f);
        f->side = 1;
        decide(q, f, mdl_trees_goes_left(q->s->n, f->node, q->x[f->slot]));
        i = mdl_tree_right(p, f->node);
    }
}

void mdl_shap_pairs(const struct shap *s, struct view x, size_t rows, double *work,
                    const struct shap_out *out)
{
    const size_t each = (size_t)s->n_slots * s->outputs;
    double *own = work + each;
    struct beside q = { .s = s, .x = own, .phi = work,
                      .forks = (struct fork_at *)(void *)(own + s->n_slots) };

    q.from = (unsigned char *)(q.forks + most_of(s, 1) + 1);
    memset(q.from, EITHER, s->n_slots);
    for (size_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < s->n_slots; c++)
            own[c] = mdl_trees_cell(x.type, view_row(x, r), s->column[c]);
        memset(q.phi, 0, each * sizeof *q.phi);
        for (uint32_t t = s->first; t < s->last; t++)
            for (uint64_t i = 0; i < s->n_background; i++) {
                q.b = s->background + i * s->n_slots;
                run_pair(&q, t);
            }
        put_row(s, r, q.phi, (double)s->n_background, out);
    }
}

/* Sums of the background rows, averaged, are what is expected of no row. */
mdl_status mdl_shap_background(struct shap *s, struct view rows, uint64_t n, struct arena *a,
                               mdl_error *err)
{
    const struct trees_plan *p = s->n->plan;
    double *b = mdl_arena_take_raw(a, n, s->n_slots * sizeof *b);
    double *sum = mdl_arena_take(a, s->outputs, sizeof *sum);

    if (!b || !sum)
        return mdl_arena_fail(a, err, "background");
    for (uint64_t r = 0; r < n; r++) {
        const void *row = view_row(rows, (size_t)r);
        for (uint32_t c = 0; c < s->n_slots; c++)
            b[r * s->n_slots + c] = mdl_trees_cell(rows.type, row, s->column[c]);
        for (uint32_t t = s->first; t < s->last; t++) {
            const uint32_t leaf = mdl_trees_walk_plain(s->n, rows.type, row, t);
            for (uint32_t k = 0; k < s->width; k++)
                sum[p->output[t] + k] += mdl_shap_value(s, leaf, k);
        }
    }
    for (uint32_t k = 0; k < s->outputs; k++)
        s->bias[k] = mdl_shap_expected(s, k, s->bias[k] + sum[k] / (double)n);
    s->background = b;
    s->n_background = n;
    return MDL_OK;
}
