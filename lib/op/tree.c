/*
 * op/tree.c - tree ensembles: sums of leaves, and which leaves
 *
 *   x      [rows, cols]      float32 or float64
 *   sums   [rows, outputs]   base + sum over trees, in file order, of weight * leaf;
 *                            divided by the iterations used if `average`
 *   leaves [rows, trees]     int32, numbered as the source numbers them
 *
 * Every operation has the type and the order of the source: see docs/numerics.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

static const char *const compare_names[] = { "<", "<=", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, trees_params, compare, 0, compare_names),
    FIELD(FIELD_INT, trees_params, average, 0, NULL),
    FIELD(FIELD_INT, trees_params, clip_zero, 0, NULL),
    FIELD(FIELD_INT, trees_params, truncate, 0, NULL),
    FIELD(FIELD_INT, trees_params, outputs, 1, NULL),
    FIELD(FIELD_INT, trees_params, leaf_width, 1, NULL),
};

static const struct slot slots[TREES_SLOTS] = {
    [TREES_TREE_START] = { "tree_start", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_ITERATION] = { "iteration", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_OUTPUT] = { "output", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_FLAGS] = { "flags", TYPE_BIT(MDL_U8), 1, 1 },
    [TREES_FEATURE] = { "feature", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_THRESHOLD] = { "threshold", TYPES_FLOAT, 1, 1 },
    [TREES_RIGHT] = { "right", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_VALUE] = { "value", TYPES_FLOAT, 2, 1 },
    [TREES_LEAF_ID] = { "leaf_id", TYPE_BIT(MDL_I32), 1, 0 },
    [TREES_BASE] = { "base", TYPES_FLOAT, 1, 0 },
    [TREES_WEIGHT] = { "weight", TYPES_FLOAT, 1, 0 },
    [TREES_SET_START] = { "set_start", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_SET_WORDS] = { "set_words", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_LINEAR_CONST] = { "linear_const", TYPE_BIT(MDL_F64), 1, 0 },
    [TREES_LINEAR_START] = { "linear_start", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_LINEAR_FEATURE] = { "linear_feature", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_LINEAR_COEF] = { "linear_coef", TYPE_BIT(MDL_F64), 1, 0 },
    [TREES_COVER] = { "cover", TYPE_BIT(MDL_F64), 1, 0 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct trees_params *p = n->params;
    const struct tensor *starts = &n->tensors[TREES_TREE_START];
    const mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (s)
        return s;
    if (p->outputs < 1 || p->outputs > INT32_MAX || p->leaf_width < 1
        || p->leaf_width > p->outputs || !starts->count)
        return mdl_fail(err, MDL_ERR_FORMAT, "outputs %lld, leaf_width %lld, %llu tree starts",
                        (long long)p->outputs, (long long)p->leaf_width,
                        (unsigned long long)starts->count);
    value_table(node_out(n, g, 0), n->tensors[TREES_VALUE].type, (uint64_t)p->outputs);
    value_table(node_out(n, g, 1), MDL_I32, starts->count - 1);
    return MDL_OK;
}

uint32_t mdl_trees_iterations(const struct node *n)
{
    return ((const struct trees_plan *)n->plan)->n_iterations;
}

mdl_status mdl_trees_limit(const struct node *n, uint64_t begin, uint64_t end, mdl_error *err)
{
    const uint64_t all = mdl_trees_iterations(n);

    if (end == UINT64_MAX)
        end = all;
    if (begin < end && end <= all)
        return MDL_OK;
    return mdl_fail(err, MDL_ERR_ARGUMENT, "iterations %llu to %llu, the model has %llu",
                    (unsigned long long)begin, (unsigned long long)end, (unsigned long long)all);
}

void mdl_trees_range(const struct node *n, uint64_t begin, uint64_t end, uint32_t *first,
                     uint32_t *last)
{
    const struct trees_plan *p = n->plan;

    if (end > p->n_iterations)
        end = p->n_iterations;
    if (begin > end)
        begin = end;
    *first = p->iteration[begin];
    *last = p->iteration[end];
}

/* ---- leaves into sums ------------------------------------------------------------------ */

/* One block of rows on its way through the trees [first, last). */
struct walk {
    const struct node *n;
    const struct trees_plan *p;
    const struct run *r;
    struct view x, sums, ids;     /* sums or ids without data: not wanted */
    uint32_t x_type;
    uint32_t first, last;
    size_t n_outputs;
};

static void start_sums(const struct walk *w)
{
    const struct tensor *base = &w->n->tensors[TREES_BASE];
    const size_t outputs = (size_t)((const struct trees_params *)w->n->params)->outputs;
    const int wide = w->n->tensors[TREES_VALUE].type == MDL_F64;

    for (size_t r = 0; r < w->r->rows; r++)
        for (size_t k = 0; k < outputs; k++) {
            if (wide)
                ((double *)view_row(w->sums, r))[k] = base->type ? ((const double *)base->data)[k] : 0;
            else
                ((float *)view_row(w->sums, r))[k] = base->type ? ((const float *)base->data)[k] : 0;
        }
}

/* A linear leaf: const + sum coef x, or its plain value when one x is missing. */
static double linear_leaf(const struct walk *w, uint32_t leaf, const void *row, double plain)
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

static void add_f32(const struct walk *w, float *y, uint32_t tree, uint32_t leaf)
{
    const struct trees_params *params = w->n->params;
    const struct tensor *weight = &w->n->tensors[TREES_WEIGHT];
    const size_t width = (size_t)params->leaf_width;
    const float *value = (const float *)w->n->tensors[TREES_VALUE].data + leaf * width;

    for (size_t k = 0; k < width; k++)
        y[k] += weight->type ? value[k] * ((const float *)weight->data)[tree] : value[k];
}

static void add_f64(const struct walk *w, double *y, uint32_t tree, uint32_t leaf,
                    const void *row)
{
    const struct trees_params *params = w->n->params;
    const struct tensor *weight = &w->n->tensors[TREES_WEIGHT];
    const size_t width = (size_t)params->leaf_width;
    const double *value = (const double *)w->n->tensors[TREES_VALUE].data + leaf * width;
    const double linear = w->n->tensors[TREES_LINEAR_CONST].type
                              ? linear_leaf(w, leaf, row, *value) : 0;

    if (w->n->tensors[TREES_LINEAR_CONST].type)
        value = &linear;
    for (size_t k = 0; k < width; k++)
        y[k] += weight->type ? value[k] * ((const double *)weight->data)[tree] : value[k];
}

/* Row `r` of the block ended at `leaf` of `tree`. */
static void put_leaf(const struct walk *w, size_t r, uint32_t tree, uint32_t leaf)
{
    const struct tensor *leaf_id = &w->n->tensors[TREES_LEAF_ID];

    if (w->ids.data)
        ((int32_t *)view_row(w->ids, r))[tree - w->first] =
            leaf_id->type ? ((const int32_t *)leaf_id->data)[leaf]
                          : (int32_t)(leaf - w->p->first_leaf[tree]);
    if (!w->sums.data)
        return;
    if (w->n->tensors[TREES_VALUE].type == MDL_F32)
        add_f32(w, (float *)view_row(w->sums, r) + w->p->output[tree], tree, leaf);
    else
        add_f64(w, (double *)view_row(w->sums, r) + w->p->output[tree], tree, leaf,
                view_row(w->x, r));
}

/* Nothing but one plain value a leaf is to be added. */
static int is_simple(const struct walk *w)
{
    return w->sums.data && !w->ids.data && !w->n->tensors[TREES_WEIGHT].type
        && !w->n->tensors[TREES_LINEAR_CONST].type
        && ((const struct trees_params *)w->n->params)->leaf_width == 1;
}

/* The rows [at, at + rows) ended at leaf[0 .. rows) of `tree`, counted from its first. */
static void put_leaves(const struct walk *w, size_t at, size_t rows, uint32_t tree,
                       const uint8_t *leaf)
{
    const uint32_t first = w->p->first_leaf[tree], output = w->p->output[tree];
    unsigned char *y = view_row(w->sums, at);

    if (!is_simple(w)) {
        for (size_t i = 0; i < rows; i++)
            put_leaf(w, at + i, tree, first + leaf[i]);
        return;
    }
    if (w->n->tensors[TREES_VALUE].type == MDL_F32) {
        const float *value = (const float *)w->n->tensors[TREES_VALUE].data + first;
        for (size_t i = 0; i < rows; i++, y += w->sums.stride)
            ((float *)(void *)y)[output] += value[leaf[i]];
        return;
    }
    const double *value = (const double *)w->n->tensors[TREES_VALUE].data + first;
    for (size_t i = 0; i < rows; i++, y += w->sums.stride)
        ((double *)(void *)y)[output] += value[leaf[i]];
}

static void average(const struct walk *w)
{
    const struct trees_params *params = w->n->params;
    const uint64_t all = mdl_trees_iterations(w->n);
    const uint64_t end = w->r->tree_end < all ? w->r->tree_end : all;
    const uint64_t iterations = end > w->r->tree_begin ? end - w->r->tree_begin : 0;

    if (!params->average || !iterations)
        return;
    for (size_t r = 0; r < w->r->rows; r++)
        for (size_t k = 0; k < (size_t)params->outputs; k++) {
            if (w->n->tensors[TREES_VALUE].type == MDL_F32)
                ((float *)view_row(w->sums, r))[k] /= (float)iterations;
            else
                ((double *)view_row(w->sums, r))[k] /= (double)iterations;
        }
}

/* ---- three ways through the trees --------------------------------------------------------- */

#define ROOTS 64u                 /* walks of one row whose exits are kept at a time */

/* Row by row, straight over the file: general trees, and ensembles so small or so odd
 * that ranks do not pay. */
static void run_plain(const struct walk *w)
{
    for (size_t r = 0; r < w->r->rows; r++)
        for (uint32_t t = w->first; t < w->last; t++)
            put_leaf(w, r, t, mdl_trees_walk_plain(w->n, w->x_type, view_row(w->x, r), t));
}

/* Leaves of the trees [tree, tree + n) of one row, whose ranks are known. */
static void find_leaves(const struct walk *w, uint32_t *leaf, const uint8_t *rank, uint32_t tree,
                        uint32_t n, const void *row)
{
    const struct trees_plan *p = w->p;
    uint32_t begin[ROOTS], end[ROOTS], slot[ROOTS], depth = 0, walks = 0;

    if (p->tops && !(w->r->kernels->match(leaf, p->tops + tree, n, rank) & TOP_GOES_ON)
        && !p->n_general)
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (p->general[tree + i]) {
            leaf[i] = mdl_trees_walk_plain(w->n, w->x_type, row, tree + i);
            continue;
        }
        if (p->tops && !(leaf[i] & TOP_GOES_ON))
            continue;
        begin[walks] = p->tops ? leaf[i] & ~TOP_GOES_ON : p->tree_start[tree + i];
        slot[walks++] = i;
        if (p->depth[tree + i] > depth)
            depth = p->depth[tree + i];
    }
    w->r->kernels->walk(end, p->steps, begin, walks, depth, rank);
    for (uint32_t i = 0; i < walks; i++)
        leaf[slot[i]] = p->step_leaf[end[i]];
}

/* Row `r` ended at leaf[0 .. n) of the trees from `tree` on. */
static void put_row(const struct walk *w, size_t r, uint32_t tree, uint32_t n,
                    const uint32_t *leaf)
{
    const uint32_t *output = w->p->output + tree;
    const int one = w->n_outputs == 1;

    if (!is_simple(w)) {
        for (uint32_t i = 0; i < n; i++)
            put_leaf(w, r, tree + i, leaf[i]);
        return;
    }
    if (w->n->tensors[TREES_VALUE].type == MDL_F32) {
        const float *value = w->n->tensors[TREES_VALUE].data;
        float *y = view_row(w->sums, r), sum = y[0];
        for (uint32_t i = 0; i < n && one; i++)
            sum += value[leaf[i]];
        y[0] = sum;
        for (uint32_t i = 0; i < n && !one; i++)
            y[output[i]] += value[leaf[i]];
        return;
    }
    const double *value = w->n->tensors[TREES_VALUE].data;
    double *y = view_row(w->sums, r), sum = y[0];
    for (uint32_t i = 0; i < n && one; i++)
        sum += value[leaf[i]];
    y[0] = sum;
    for (uint32_t i = 0; i < n && !one; i++)
        y[output[i]] += value[leaf[i]];
}

static void run_row(const struct walk *w, size_t r)
{
    const void *row = view_row(w->x, r);
    uint8_t *rank = w->r->temp;
    uint32_t leaf[ROOTS];

    if (w->x_type == MDL_F32)
        w->r->kernels->rank_f32(rank, &w->p->ranks, row);
    else
        w->r->kernels->rank_f64(rank, &w->p->ranks, row);
    for (uint32_t t = w->first; t < w->last; t += ROOTS) {
        const uint32_t n = w->last - t < ROOTS ? w->last - t : ROOTS;
        find_leaves(w, leaf, rank, t, n, row);
        put_row(w, r, t, n, leaf);
    }
}

/* Up to FORK_ROWS rows at once, tree by tree. */
static void run_block(const struct walk *w, size_t at, size_t rows)
{
    const struct trees_plan *p = w->p;
    const struct kernels *k = w->r->kernels;
    uint8_t *rank = w->r->temp, leaf[FORK_ROWS];

    if (w->x_type == MDL_F32)
        k->ranks_f32(rank, &p->ranks, view_row(w->x, at), w->x.stride, rows);
    else
        k->ranks_f64(rank, &p->ranks, view_row(w->x, at), w->x.stride, rows);
    for (uint32_t t = w->first; t < w->last; t++) {
        if (p->general[t]) {
            for (size_t i = at; i < at + rows; i++)
                put_leaf(w, i, t, mdl_trees_walk_plain(w->n, w->x_type, view_row(w->x, i), t));
            continue;
        }
        k->descend(leaf, p->forks + p->fork_start[t], p->fork_start[t + 1] - p->fork_start[t],
                   rank, rows);
        put_leaves(w, at, rows, t, leaf);
    }
}

/* Ranks cost about as much as walking a few trees for each column. */
static int ranks_pay(const struct walk *w)
{
    return w->p->steps && w->last - w->first >= w->p->ranks.n_columns / 4;
}

/* A descent takes every fork of a tree, whatever the rows; a walk only a row's path.  They
 * cost the same at about this many rows (measured on trees of 31 to 255 leaves). */
static int forks_pay(const struct walk *w)
{
    const struct trees_plan *p = w->p;

    if (!p->forks)
        return 0;
    const size_t least = FORK_ROWS / TREES_TEMP_PER_COLUMN;
    const size_t even = 8 + p->fork_start[p->n_trees] / (5u * p->n_trees);
    return w->r->rows >= (even > least ? even : least);
}

static void run(const struct node *n, const struct run *r)
{
    struct walk w = { .n = n, .p = n->plan, .r = r, .x = run_in(n, r, 0), .sums = run_out(n, r, 0),
                      .ids = run_out(n, r, 1), .x_type = r->graph->values[n->in[0]].type,
                      .n_outputs = (size_t)((const struct trees_params *)n->params)->outputs };

    mdl_trees_range(n, r->tree_begin, r->tree_end, &w.first, &w.last);
    if (w.sums.data)
        start_sums(&w);
    if (!ranks_pay(&w))
        run_plain(&w);
    else if (forks_pay(&w))
        for (size_t at = 0; at < r->rows; at += FORK_ROWS)
            run_block(&w, at, r->rows - at < FORK_ROWS ? r->rows - at : FORK_ROWS);
    else
        for (size_t row = 0; row < r->rows; row++)
            run_row(&w, row);
    if (w.sums.data)
        average(&w);
}

const struct op mdl_op_trees = {
    .name = "trees",
    .about = "base + sum of weight * leaf over trees; leaf ids",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = TREES_SLOTS,
    .params_bytes = sizeof(struct trees_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .infer = infer,
    .prepare = mdl_trees_prepare,
    .run = run,
};
