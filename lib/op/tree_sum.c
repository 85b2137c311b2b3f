/*
 * op/tree_sum.c - leaves into sums and ids, in the order and the type of the source
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_walk.h"

#define VECTORS 128u              /* leaves of several values that are looked up at a time */

void mdl_trees_sum_begin(const struct tree_walk *w)
{
    const struct tensor *base = &w->n->tensors[TREES_BASE];
    const size_t outputs = (size_t)((const struct trees_params *)w->n->params)->outputs;
    const int wide = mdl_trees_type(w->n) == MDL_F64;

    for (size_t r = 0; r < w->r->rows; r++)
        for (size_t k = 0; k < outputs; k++) {
            if (wide)
                ((double *)view_row(w->sums, r))[k] = base->type ? ((const double *)base->data)[k] : 0;
            else
                ((float *)view_row(w->sums, r))[k] = base->type ? ((const float *)base->data)[k] : 0;
        }
}

/* A linear leaf: const + sum coef x, or its plain value when one x is missing. */
static double linear_leaf(const struct tree_walk *w, uint32_t leaf, const void *row, double plain)
{
    const struct tensor *t = w->n->tensors;
    const struct trees_params *params = w->n->params;
    const uint32_t *start = t[TREES_LINEAR_START].data;
    const uint32_t *feature = t[TREES_LINEAR_FEATURE].data;
    const double *coef = t[TREES_LINEAR_COEF].data;
    double sum = ((const double *)t[TREES_LINEAR_CONST].data)[leaf];

    for (uint32_t i = start[leaf]; i < start[leaf + 1]; i++) {
        double x = mdl_trees_cell(w->x_type, row, feature[i]);
        if (x != x)
            return plain;
        if (params->clip_zero && x >= -TREES_TINY && x <= TREES_TINY)
            x = 0;
        sum += coef[i] * x;
    }
    return sum;
}

static void add_f32(const struct tree_walk *w, float *y, uint32_t leaf)
{
    const float *value = mdl_tree_values(w->n, leaf);

    for (size_t k = 0; k < w->p->leaf_width; k++)
        y[k] += value[k];
}

static void add_f64(const struct tree_walk *w, double *y, uint32_t tree, uint32_t leaf,
                    const void *row)
{
    const struct tensor *t = w->n->tensors;
    const double *value = mdl_tree_values(w->n, leaf);

    if (t[TREES_LINEAR_CONST].type) {          /* one value a leaf, weighed anew */
        const double x = linear_leaf(w, leaf, row, ((const double *)t[TREES_VALUE].data)[leaf]);
        *y += t[TREES_WEIGHT].type ? x * ((const double *)t[TREES_WEIGHT].data)[tree] : x;
        return;
    }
    for (size_t k = 0; k < w->p->leaf_width; k++)
        y[k] += value[k];
}

int32_t mdl_tree_leaf_id(const struct node *n, uint32_t tree, uint32_t leaf)
{
    const struct tensor *t = &n->tensors[TREES_LEAF_ID];

    switch (t->type) {
    case MDL_U8: return ((const uint8_t *)t->data)[leaf];
    case MDL_U16: return ((const uint16_t *)t->data)[leaf];
    case MDL_I32: return ((const int32_t *)t->data)[leaf];
    default: return (int32_t)(leaf - ((const struct trees_plan *)n->plan)->first_leaf[tree]);
    }
}

void mdl_trees_put_leaf(const struct tree_walk *w, size_t r, uint32_t tree, uint32_t leaf)
{
    if (w->leaves) {
        w->leaves[tree - w->first] = leaf;
        return;
    }
    if (w->ids.data)
        ((int32_t *)view_row(w->ids, r))[tree - w->first] = mdl_tree_leaf_id(w->n, tree, leaf);
    if (!w->sums.data)
        return;
    if (mdl_trees_type(w->n) == MDL_F32)
        add_f32(w, (float *)view_row(w->sums, r) + w->p->output[tree], leaf);
    else
        add_f64(w, (double *)view_row(w->sums, r) + w->p->output[tree], tree, leaf,
                view_row(w->x, r));
}

int mdl_trees_is_simple(const struct tree_walk *w)
{
    return w->sums.data && !w->ids.data && !w->leaves && !w->n->tensors[TREES_LINEAR_CONST].type
        && ((const struct trees_params *)w->n->params)->leaf_width == 1;
}

/* Nothing but plain vectors as long as the outputs are to be added. */
static int is_full(const struct tree_walk *w)
{
    return w->sums.data && !w->ids.data && !w->leaves && !w->n->tensors[TREES_LINEAR_CONST].type
        && (size_t)((const struct trees_params *)w->n->params)->leaf_width == w->n_outputs;
}

/* Row `r` of whole vectors; those that are shared are taken where they are. */
static void add_vectors(const struct tree_walk *w, size_t r, uint32_t n, const uint32_t *leaf)
{
    const struct trees_plan *p = w->p;
    const void *from = p->vector ? p->vectors : p->value;
    void *y = view_row(w->sums, r);
    uint32_t vector[VECTORS];

    for (uint32_t at = 0, some; at < n; at += some) {
        some = n - at < VECTORS ? n - at : VECTORS;
        for (uint32_t i = 0; i < some && p->vector; i++)
            vector[i] = p->vector[leaf[at + i]];
        if (mdl_trees_type(w->n) == MDL_F64)
            w->r->kernels->add_row_f64(y, from, p->vector ? vector : leaf + at, some, w->n_outputs);
        else
            w->r->kernels->add_row_f32(y, from, p->vector ? vector : leaf + at, some, w->n_outputs);
    }
}

void mdl_trees_put_row(const struct tree_walk *w, size_t r, uint32_t tree, uint32_t n,
                    const uint32_t *leaf)
{
    const uint32_t *output = w->p->output + tree;
    const int wide = mdl_trees_type(w->n) == MDL_F64;
    const void *value = w->p->value;
    void *y = w->sums.data ? view_row(w->sums, r) : NULL;

    if (is_full(w)) {
        add_vectors(w, r, n, leaf);
        return;
    }
    if (!mdl_trees_is_simple(w)) {
        for (uint32_t i = 0; i < n; i++)
            mdl_trees_put_leaf(w, r, tree + i, leaf[i]);
        return;
    }
    for (uint32_t i = 0; i < n && wide; i++)
        ((double *)y)[output[i]] += ((const double *)value)[leaf[i]];
    for (uint32_t i = 0; i < n && !wide; i++)
        ((float *)y)[output[i]] += ((const float *)value)[leaf[i]];
}

void mdl_trees_sum_end(const struct tree_walk *w, struct view to)
{
    const struct trees_params *params = w->n->params;
    const uint64_t all = mdl_trees_iterations(w->n);
    const uint64_t end = w->r->tree_end < all ? w->r->tree_end : all;
    const uint64_t iterations = end > w->r->tree_begin ? end - w->r->tree_begin : 1;

    if (!params->average)
        return;
    for (size_t r = 0; r < w->r->rows; r++)
        for (size_t k = 0; k < (size_t)params->outputs; k++) {
            if (mdl_trees_type(w->n) == MDL_F32)
                ((float *)view_row(to, r))[k] = ((float *)view_row(w->sums, r))[k] / (float)iterations;
            else
                ((double *)view_row(to, r))[k] = ((double *)view_row(w->sums, r))[k]
                                               / (double)iterations;
        }
}
