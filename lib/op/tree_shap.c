/*
 * op/tree_shap.c - trees laid out for the kernel of Shapley values
 *
 * kernel/shap.h says how values come out of a tree.  A tree is laid out in the order of a walk that
 * goes left first.  Layouts are kept if they are not too many, else made for each block of rows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_shap.h"

#include "kernel/math.h"

#include <string.h>

#define KEPT_BYTES (64u << 20)    /* of layouts                                            */

/* ---- points ---------------------------------------------------------------------------------- */

/* n Gauss-Legendre points of [0, 1] and their weights, by Newton's steps. */
static void find_points(double *rule, uint32_t n)
{
    const double pi = 3.14159265358979323846;

    for (uint32_t i = 0; i < n; i++) {
        double x = mdl_cos(pi * (n - i - 0.25) / (n + 0.5)), slope = 1;
        for (int step = 0; step < 8; step++) {
            double p = 1, before = 0;
            for (uint32_t k = 1; k <= n; k++) {
                const double next = ((2.0 * k - 1) * x * p - (k - 1.0) * before) / k;
                before = p;
                p = next;
            }
            slope = n * (x * p - before) / (x * x - 1);
            x -= p / slope;
        }
        const double weight = 1 / ((1 - x * x) * slope * slope);
        rule[i] = (1 + x) / 2;
        rule[n + i] = weight;
        rule[2 * n + i] = weight / 2;
        rule[3 * n + i] = -weight / 2;
    }
}

static mdl_status need_rule(struct shap *s, uint32_t points, struct arena *a, mdl_error *err)
{
    if (s->rule[points])
        return MDL_OK;
    s->rule[points] = mdl_arena_take(a, points, 4 * sizeof(double));
    if (!s->rule[points])
        return mdl_arena_fail(a, err, "explanation");
    find_points(s->rule[points], points);
    return MDL_OK;
}

/* ---- the layout of a tree -------------------------------------------------------------------- */

uint64_t mdl_shap_sketch_bytes(const struct shap *s)
{
    const uint64_t splits = s->most_splits;

    return splits * (sizeof(struct shap_node) + sizeof(struct shap_frame) + 2 * sizeof(double) + 20)
         + (splits + 1) * s->width * sizeof(double) + s->n_slots * 16ull
         + s->most_table * sizeof(double) + 72;
}

void mdl_shap_open(const struct shap *s, struct shap_sketch *k, unsigned char **memory)
{
    const uint64_t splits = s->most_splits;

    memset(k, 0, sizeof *k);
    k->nodes = shap_cut(memory, splits * sizeof *k->nodes);
    k->frames = shap_cut(memory, splits * sizeof *k->frames);
    k->cover = shap_cut(memory, (2 * splits + 1) * sizeof *k->cover);
    k->leaf = shap_cut(memory, (splits + 1) * s->width * sizeof *k->leaf);
    k->table = shap_cut(memory, s->most_table * sizeof *k->table);
    k->product = shap_cut(memory, s->n_slots * sizeof *k->product);
    k->steps = shap_cut(memory, splits * 3 * sizeof *k->steps);
    k->order = shap_cut(memory, splits * sizeof *k->order);
    k->tests = shap_cut(memory, splits * sizeof *k->tests);
    k->last = shap_cut(memory, s->n_slots * sizeof *k->last);
    memset(k->last, 0xFF, s->n_slots * sizeof *k->last);
}

double mdl_shap_share(const struct trees_plan *p, const double *cover, uint32_t root, uint32_t i)
{
    const double left = cover[i + 1 - root], both = left + cover[mdl_tree_right(p, i) - root];

    return both > 0 ? left / both : 0.5;
}

double mdl_shap_value(const struct shap *s, uint32_t leaf, uint32_t k)
{
    const void *values = mdl_tree_values(s->n, leaf);

    return mdl_trees_type(s->n) == MDL_F32 ? (double)((const float *)values)[k]
                                                      : ((const double *)values)[k];
}

static void enter(const struct shap *s, struct shap_sketch *k, uint32_t at,
                  const struct shap_frame *above)
{
    const struct trees_plan *p = s->n->plan;
    const uint32_t slot = s->slot_of[mdl_tree_feature(p, at)], before = k->last[slot];
    struct shap_frame *f = &k->frames[k->depth];
    struct shap_node *n = &k->nodes[k->n_splits];
    const double share = mdl_shap_share(p, k->cover, k->root, at);

    *f = (struct shap_frame){ .weight = 1, .product = k->product[slot], .last = before, .at = at,
                         .node = k->n_splits, .fresh = before == SHAP_FRESH };
    *n = (struct shap_node){ .share = share, .old = before == SHAP_FRESH ? 1 : f->product,
                             .slot = slot, .from = slot, .level = k->depth, .before = before,
                             .child = { SHAP_NONE, SHAP_NONE } };
    if (above) {
        const double taken = k->nodes[above->node].share;
        k->nodes[above->node].child[above->side] = k->all_leaves + k->n_splits;
        f->weight = above->weight * (above->side ? 1 - taken : taken);
        f->fresh += above->fresh;
        n->flags |= above->side ? SHAP_IS_RIGHT : 0;
    }
    if (before != SHAP_FRESH)
        n->flags |= k->frames[before].side ? 0 : SHAP_BEFORE_LEFT;
    k->n_splits++;

    const struct tree_rule rule = mdl_trees_rule(s->n, s->x_type, at);
    if (mdl_trees_is_test(p, at) || rule.t != rule.t) {
        n->flags |= SHAP_GIVEN;
        n->from = k->n_tests;
        k->tests[k->n_tests++] = at;
    } else {
        n->threshold = rule.t;
        n->flags |= rule.nan_right ? 0 : SHAP_NAN_LEFT;
    }
    k->depth++;
    k->deepest = k->depth > k->deepest ? k->depth : k->deepest;
}

static void meet_leaf(const struct shap *s, struct shap_sketch *k, uint32_t at, double weight,
                      uint32_t output, double *bias)
{
    const uint32_t leaf = mdl_tree_ordinal(s->n->plan, at);

    for (uint32_t i = 0; i < s->width; i++) {
        const double value = mdl_shap_value(s, leaf, i);
        k->leaf[(size_t)i * k->all_leaves + k->n_leaves] = value;
        if (bias)
            bias[output + i] += weight * value;
    }
    k->n_leaves++;
}

/* Points that are exact for the tree. */
uint32_t mdl_shap_points(const struct shap_sketch *k)
{
    return k->fresh < 2 * SHAP_POINTS ? (k->fresh + 1) / 2 : SHAP_POINTS;
}

/* Nodes, steps and leaves of a tree; what it gives without a row is added to `bias`.  The most
 * levels and features of a path go to k->deepest and k->fresh. */
void mdl_shap_walk(const struct shap *s, struct shap_sketch *k, uint32_t tree, double *bias)
{
    const struct trees_plan *p = s->n->plan;
    const uint32_t root = p->tree_start[tree], output = p->output[tree];

    k->n_splits = k->n_steps = k->n_tests = k->n_leaves = k->n_left = 0;
    k->depth = k->deepest = k->fresh = 0;
    k->all_leaves = (p->tree_start[tree + 1] - root + 1) / 2;
    k->root = root;
    mdl_tree_covers(s->n, tree, k->cover);
    if (mdl_tree_is_leaf(p, root)) {
        meet_leaf(s, k, root, 1, output, bias);
        return;
    }
    enter(s, k, root, NULL);
    while (k->depth) {
        struct shap_frame *f = &k->frames[k->depth - 1];
        struct shap_node *n = &k->nodes[f->node];
        const int leaves = (n->child[0] < k->all_leaves) + 2 * (n->child[1] < k->all_leaves);

        if (f->side == 2) {
            k->steps[k->n_steps++] = f->node << 2 | (leaves == 3 ? SHAP_BOTTOM : SHAP_LEAVE);
            n->flags |= leaves == 3 ? SHAP_LEAVES : 0;
            k->order[k->n_left++] = f->node;
            k->last[n->slot] = f->last;
            k->product[n->slot] = f->product;
            k->depth--;
            if (k->depth)
                k->frames[k->depth - 1].side++;
            continue;
        }
        const uint32_t child = f->side ? mdl_tree_right(p, f->at) : f->at + 1;
        const double share = f->side ? 1 - n->share : n->share;
        k->fresh = f->fresh > k->fresh ? f->fresh : k->fresh;
        k->last[n->slot] = k->depth - 1;
        k->product[n->slot] = n->old * share;
        if (mdl_tree_is_leaf(p, child)) {
            n->child[f->side++] = k->n_leaves;
            meet_leaf(s, k, child, f->weight * share, output, bias);
            continue;
        }
        k->steps[k->n_steps++] = f->node << 2 | (f->side && !leaves ? SHAP_ACROSS : SHAP_ENTER);
        enter(s, k, child, f);
    }
}

/* Factors of all nodes; those of column `fixed` for where it is known, or not. */
void mdl_shap_fill(const struct shap *s, struct shap_sketch *k, uint32_t fixed, int known)
{
    const uint32_t points = mdl_shap_points(k);
    const double *t = s->rule[points];

    k->n_table = 0;
    for (uint32_t i = 0; i < k->n_splits; i++) {
        struct shap_node *n = &k->nodes[i];
        const double z = n->share, zo = n->old;
        const int again = n->before != SHAP_FRESH;
        double *left = k->table + k->n_table, *right = left + points, *slope = right + points;

        n->table = (uint32_t)k->n_table;
        k->n_table += (2 + (uint64_t)again) * points;
        for (uint32_t q = 0; q < points; q++) {
            const double stays = zo * (1 - t[q]), r = again ? 1 / (stays + t[q]) : 1;
            left[q] = n->slot == fixed ? (known ? 1 : z) : (z * stays + t[q]) * r;
            right[q] = n->slot == fixed ? (known ? 0 : z) : z * stays * r;
            if (again)
                slope[q] = zo * r * r;
        }
    }
}

/* ---- at first -------------------------------------------------------------------------------- */

static mdl_status fail_without_covers(mdl_error *err)
{
    return mdl_fail(err, MDL_ERR_UNSUPPORTED,
                    "the model has no covers: how many training rows passed each node.  Convert it "
                    "from a file that has them (XGBoost JSON or UBJSON: sum_hessian, LightGBM "
                    "text: leaf_count and internal_count, the fitted object of scikit-learn), or "
                    "give background rows");
}

static mdl_status check_covers(const struct shap_sketch *k, uint32_t nodes, mdl_error *err)
{
    for (uint32_t i = 0; i < nodes; i++)
        if (!(k->cover[i] >= 0 && k->cover[i] <= 0x1p1000))
            return mdl_fail(err, MDL_ERR_UNSUPPORTED,
                            "the cover of node %u is negative, infinite or NaN", k->root + i);
    return MDL_OK;
}

static mdl_status number_columns(struct shap *s, struct arena *a, mdl_error *err)
{
    const struct trees_plan *p = s->n->plan;

    s->slot_of = mdl_arena_take_raw(a, s->cols, sizeof *s->slot_of);
    if (!s->slot_of)
        return mdl_arena_fail(a, err, "explanation");
    memset(s->slot_of, 0xFF, s->cols * sizeof *s->slot_of);
    for (uint32_t i = p->tree_start[s->first]; i < p->tree_start[s->last]; i++)
        if (!mdl_tree_is_leaf(p, i))
            s->slot_of[mdl_tree_feature(p, i)] = 0;
    for (uint64_t c = 0; c < s->cols; c++)
        s->n_slots += s->slot_of[c] == 0;
    s->column = mdl_arena_take_raw(a, s->n_slots, sizeof *s->column);
    s->slot_at = mdl_arena_take_raw(a, s->given, sizeof *s->slot_at);
    if (!s->column || !s->slot_at)
        return mdl_arena_fail(a, err, "explanation");
    memset(s->slot_at, 0xFF, s->given * sizeof *s->slot_at);
    for (uint32_t c = 0, slot = 0; c < s->cols; c++)
        if (s->slot_of[c] == 0) {
            s->column[slot] = c;
            s->slot_at[s->origin ? s->origin[c] : c] = slot;
            s->slot_of[c] = slot++;
        }
    return MDL_OK;
}

/* A copy of a layout that stays. */
static mdl_status keep(const struct shap *s, const struct shap_sketch *k, struct shap_kept *to,
                       struct arena *a, mdl_error *err)
{
    struct shap_node *nodes = mdl_arena_take_raw(a, k->n_splits, sizeof *nodes);
    uint32_t *steps = mdl_arena_take_raw(a, k->n_steps, sizeof *steps);
    uint32_t *order = mdl_arena_take_raw(a, k->n_splits, sizeof *order);
    uint32_t *tests = mdl_arena_take_raw(a, k->n_tests, sizeof *tests);
    double *table = mdl_arena_take_raw(a, k->n_table, sizeof *table);
    double *leaf = mdl_arena_take_raw(a, (uint64_t)k->n_leaves * s->width, sizeof *leaf);

    if (!nodes || !steps || !order || !tests || !table || !leaf)
        return mdl_arena_fail(a, err, "explanation");
    memcpy(nodes, k->nodes, k->n_splits * sizeof *nodes);
    memcpy(steps, k->steps, k->n_steps * sizeof *steps);
    memcpy(order, k->order, k->n_splits * sizeof *order);
    memcpy(tests, k->tests, k->n_tests * sizeof *tests);
    memcpy(table, k->table, k->n_table * sizeof *table);
    memcpy(leaf, k->leaf, (size_t)k->n_leaves * s->width * sizeof *leaf);
    *to = (struct shap_kept){ nodes, steps, order, tests, table, leaf, k->n_steps, mdl_shap_points(k),
                              k->n_splits, k->n_leaves, k->n_tests, k->deepest };
    return MDL_OK;
}

/* All trees once: what is expected of no row, and how much room they need. */
static mdl_status survey(struct shap *s, struct arena *a, struct arena *temp, mdl_error *err)
{
    const struct trees_plan *p = s->n->plan;
    struct shap_sketch k;

    for (uint32_t t = s->first; t < s->last; t++) {
        const uint32_t splits = (p->tree_start[t + 1] - p->tree_start[t]) / 2;
        s->most_splits = splits > s->most_splits ? splits : s->most_splits;
    }
    unsigned char *memory = mdl_arena_take_raw(temp, 1, mdl_shap_sketch_bytes(s));
    if (!memory)
        return mdl_arena_fail(temp, err, "explanation");
    mdl_shap_open(s, &k, &memory);
    for (uint32_t t = s->first; t < s->last; t++) {
        mdl_shap_walk(s, &k, t, s->bias);
        const uint32_t points = mdl_shap_points(&k);
        const uint64_t table = 3ull * points * k.n_splits;
        s->most_points = points > s->most_points ? points : s->most_points;
        s->most_depth = k.deepest > s->most_depth ? k.deepest : s->most_depth;
        s->most_tests = k.n_tests > s->most_tests ? k.n_tests : s->most_tests;
        s->most_table = table > s->most_table ? table : s->most_table;
        mdl_status status = check_covers(&k, p->tree_start[t + 1] - k.root, err);
        if (!status && points)
            status = need_rule(s, points, a, err);
        if (status)
            return status;
    }
    if (s->most_table > UINT32_MAX || s->most_splits >> 29)
        return mdl_fail(err, MDL_ERR_LIMIT, "a tree of %u splits is too large to be explained",
                        s->most_splits);
    return MDL_OK;
}

/* Layouts of the first trees, as many as fit. */
static mdl_status keep_some(struct shap *s, struct arena *a, struct arena *temp, mdl_error *err)
{
    unsigned char *memory = mdl_arena_take_raw(temp, 1, mdl_shap_sketch_bytes(s));
    struct shap_sketch k;

    s->kept = mdl_arena_take(a, s->last - s->first, sizeof *s->kept);
    if (!memory || !s->kept)
        return mdl_arena_fail(memory ? a : temp, err, "explanation");
    mdl_shap_open(s, &k, &memory);
    const uint64_t most = a->used + KEPT_BYTES;
    for (uint32_t t = s->first; t < s->last && a->used < most; t++) {
        mdl_shap_walk(s, &k, t, NULL);
        mdl_shap_fill(s, &k, SHAP_NONE, 0);
        const mdl_status status = keep(s, &k, &s->kept[t - s->first], a, err);
        if (status)
            return status;
    }
    return MDL_OK;
}

static double number_at(const struct tensor *t, uint32_t k)
{
    return t->type == MDL_F32 ? (double)((const float *)t->data)[k] : ((const double *)t->data)[k];
}

double mdl_shap_expected(const struct shap *s, uint32_t output, double sum)
{
    return sum * s->factor[output] + (s->add ? number_at(s->add, output) : 0);
}

/* What sums begin with, and what they are multiplied by. */
static mdl_status set_base(struct shap *s, double average, struct arena *a, mdl_error *err)
{
    const struct tensor *base = &s->n->tensors[TREES_BASE];

    s->bias = mdl_arena_take(a, s->outputs, sizeof *s->bias);
    s->factor = mdl_arena_take(a, s->outputs, sizeof *s->factor);
    if (!s->bias || !s->factor)
        return mdl_arena_fail(a, err, "explanation");
    for (uint32_t k = 0; k < s->outputs; k++) {
        s->bias[k] = base->type ? number_at(base, k) : 0;
        s->factor[k] = s->mul ? average * number_at(s->mul, k) : average;
    }
    return MDL_OK;
}

mdl_status mdl_shap_prepare(struct shap *s, const struct graph *g, const struct node *n,
                            uint64_t begin, uint64_t end, struct arena *a, mdl_error *err)
{
    const struct trees_params *params = n->params;
    struct arena temp;

    s->n = n;
    s->x_type = node_in(n, g, 0)->type;
    s->cols = node_in(n, g, 0)->cols;
    s->outputs = (uint32_t)params->outputs;
    s->width = (uint32_t)params->leaf_width;
    mdl_trees_range(n, begin, end, &s->first, &s->last);
    if (n->tensors[TREES_LINEAR_CONST].type)
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "leaves are linear models: there are no "
                        "contributions of columns to such trees (LightGBM refuses them too)");
    if (s->way != SHAP_BACKGROUND && !mdl_trees_weighed(n))
        return fail_without_covers(err);
    mdl_status status = number_columns(s, a, err);
    end = end < mdl_trees_iterations(n) ? end : mdl_trees_iterations(n);
    if (!status) status = set_base(s, params->average ? 1 / (double)(end - begin) : 1, a, err);
    if (status || s->way == SHAP_BACKGROUND)
        return status;
    s->rule = mdl_arena_take(a, SHAP_POINTS + 1, sizeof *s->rule);
    if (!s->rule)
        return mdl_arena_fail(a, err, "explanation");
    mdl_arena_init(&temp, &a->allocator, a->limit);
    status = survey(s, a, &temp, err);
    mdl_arena_free(&temp);
    if (!status && s->way == SHAP_PATHS) {
        mdl_arena_init(&temp, &a->allocator, a->limit);
        status = keep_some(s, a, &temp, err);
        mdl_arena_free(&temp);
    }
    for (uint32_t k = 0; k < s->outputs; k++)
        s->bias[k] = mdl_shap_expected(s, k, s->bias[k]);
    return status;
}
