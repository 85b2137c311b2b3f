/*
 * op/tree_shap_walk.c - steps: explanations that follow rows down the trees, one after the other
 *
 * Steps (Saabas): at each node a row passes, the column it asks gets what the step changes in what
 * is expected of the subtree.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_shap.h"

#include <string.h>

/* Nodes of the tree that has most. */
static uint32_t most_nodes(const struct shap *s)
{
    const struct trees_plan *p = s->n->plan;
    uint32_t most = 0;

    for (uint32_t t = s->first; t < s->last; t++) {
        const uint32_t own = p->tree_start[t + 1] - p->tree_start[t];
        most = own > most ? own : most;
    }
    return most;
}

uint64_t mdl_shap_steps_bytes(const struct shap *s, size_t rows)
{
    return 8ull * s->n_slots * s->outputs * rows + 8ull * most_nodes(s) * (s->width + 1ull);
}

/* phi [outputs][n_slots], divided, and scaled as the sums are. */
void mdl_shap_put_row(const struct shap *s, size_t row, const double *phi, double divide,
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
    const size_t each = (size_t)s->n_slots * s->outputs, most = most_nodes(s);
    double *phi = work, *mean = phi + rows * each;

    memset(phi, 0, rows * each * sizeof *phi);
    for (uint32_t t = s->first; t < s->last; t++) {
        expect(s, t, mean, mean + most * s->width);
        for (size_t r = 0; r < rows; r++)
            step_down(s, t, x.type, view_row(x, r), mean, phi + r * each);
    }
    for (size_t r = 0; r < rows; r++)
        mdl_shap_put_row(s, r, phi + r * each, 1, out);
}
