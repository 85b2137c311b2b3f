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

/* ---- one step at a time: the definition ------------------------------------------ */

static double cell(uint32_t x_type, const void *row, uint32_t column)
{
    return x_type == MDL_F32 ? (double)((const float *)row)[column]
                             : ((const double *)row)[column];
}

static int is_member(const struct node *n, const struct trees_plan *p, uint32_t i, double x)
{
    const struct trees_params *params = n->params;
    const uint32_t *start = n->tensors[TREES_SET_START].data;
    const uint32_t *words = n->tensors[TREES_SET_WORDS].data;
    const uint32_t set = p->ordinal[i], n_words = start[set + 1] - start[set];

    if (!(x > (params->truncate ? -1.0 : -0x1p-1074) && x < 0x1p31))
        return 0;                /* NaN too; -0 is category 0 */
    const uint32_t category = x < 0 ? 0 : (uint32_t)x;
    return category / 32 < n_words
        && (words[start[set] + category / 32] >> category % 32 & 1u);
}

static int goes_left(const struct node *n, const struct trees_plan *p, uint32_t i, double x)
{
    const struct trees_params *params = n->params;
    const struct tensor *threshold = &n->tensors[TREES_THRESHOLD];
    const uint32_t flags = p->flags[i], missing = flags & NODE_MISSING;

    if (params->clip_zero && x >= -TREES_TINY && x <= TREES_TINY)
        x = 0;
    if (x != x && (missing == NODE_NAN_DEFAULT || missing == NODE_ZERO_DEFAULT))
        return (flags & NODE_DEFAULT_LEFT) != 0;
    if (x != x && missing == NODE_NAN_ZERO)
        x = 0;
    if (missing == NODE_ZERO_DEFAULT && x >= -TREES_TINY && x <= TREES_TINY)
        return (flags & NODE_DEFAULT_LEFT) != 0;
    if ((flags & NODE_KIND) == NODE_CATEGORY)
        return is_member(n, p, i, x) == ((flags & NODE_SET_LEFT) != 0);

    const double t = threshold->type == MDL_F32 ? (double)((const float *)threshold->data)[i]
                                                : ((const double *)threshold->data)[i];
    return params->compare ? x <= t : x < t;
}

uint32_t mdl_trees_walk_plain(const struct node *n, uint32_t x_type, const void *row,
                              uint32_t tree)
{
    const struct trees_plan *p = n->plan;
    uint32_t i = p->tree_start[tree];

    while ((p->flags[i] & NODE_KIND) != NODE_LEAF)
        i = goes_left(n, p, i, cell(x_type, row, p->feature[i])) ? i + 1 : p->right[i];
    return p->ordinal[i];
}

/* ---- many at a time ---------------------------------------------------------------- */

#define LANES 64u                 /* (tree, row) pairs in flight; their lists stay in L1 */
#define FEW_ROWS 8u               /* below this, lanes are trees of one row              */

struct walk {
    const struct node *n;
    const struct run *r;
    struct view x;
    uint32_t x_type;
    uint32_t first, last;         /* trees */
};

/* Leaves of `lanes` (tree, row) pairs, none of a general tree. */
static void walk_lanes(const struct walk *w, uint32_t *leaf, const uint32_t *root,
                       const void *const *row, size_t lanes, size_t depth)
{
    const struct trees_plan *p = w->n->plan;
    const struct kernels *k = w->r->kernels;

    if (w->x_type == MDL_F32)
        k->walk_f32(leaf, p->nodes, root, (const float *const *)row, lanes, depth);
    else
        k->walk_f64(leaf, p->nodes, root, (const double *const *)row, lanes, depth);
    for (size_t i = 0; i < lanes; i++)
        leaf[i] = p->exit_leaf[leaf[i]];
}

/* One tree, up to LANES rows. */
static void walk_tree(const struct walk *w, uint32_t *leaf, uint32_t tree, const void *const *row,
                      size_t rows)
{
    const struct trees_plan *p = w->n->plan;
    uint32_t root[LANES];

    if (p->general[tree]) {
        for (size_t i = 0; i < rows; i++)
            leaf[i] = mdl_trees_walk_plain(w->n, w->x_type, row[i], tree);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        root[i] = p->tree_start[tree];
    walk_lanes(w, leaf, root, row, rows, p->depth[tree]);
}

/* One row, trees [tree, tree + count), up to LANES. */
static void walk_row(const struct walk *w, uint32_t *leaf, uint32_t tree, size_t count,
                     const void *row)
{
    const struct trees_plan *p = w->n->plan;
    const void *rows[LANES];
    uint32_t root[LANES], slot[LANES], exit[LANES], depth = 0;
    size_t lanes = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (p->general[tree + i]) {
            leaf[i] = mdl_trees_walk_plain(w->n, w->x_type, row, tree + i);
            continue;
        }
        root[lanes] = p->tree_start[tree + i];
        rows[lanes] = row;
        slot[lanes++] = i;
        if (p->depth[tree + i] > depth)
            depth = p->depth[tree + i];
    }
    walk_lanes(w, exit, root, rows, lanes, depth);
    for (size_t i = 0; i < lanes; i++)
        leaf[slot[i]] = exit[i];
}

/* ---- leaves into sums ---------------------------------------------------------------- */

static void start_sums(const struct walk *w, struct view y, size_t rows)
{
    const struct tensor *base = &w->n->tensors[TREES_BASE];
    const size_t outputs = (size_t)((const struct trees_params *)w->n->params)->outputs;
    const int wide = w->n->tensors[TREES_VALUE].type == MDL_F64;

    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < outputs; k++) {
            if (wide)
                ((double *)view_row(y, r))[k] = base->type ? ((const double *)base->data)[k] : 0;
            else
                ((float *)view_row(y, r))[k] = base->type ? ((const float *)base->data)[k] : 0;
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
        double x = cell(w->x_type, row, feature[i]);
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
    const struct trees_plan *p = w->n->plan;
    const struct view sums = run_out(w->n, w->r, 0), ids = run_out(w->n, w->r, 1);
    const struct tensor *leaf_id = &w->n->tensors[TREES_LEAF_ID];

    if (ids.data)
        ((int32_t *)view_row(ids, r))[tree - w->first] =
            leaf_id->type ? ((const int32_t *)leaf_id->data)[leaf] : (int32_t)leaf;
    if (!sums.data)
        return;
    if (w->n->tensors[TREES_VALUE].type == MDL_F32)
        add_f32(w, (float *)view_row(sums, r) + p->output[tree], tree, leaf);
    else
        add_f64(w, (double *)view_row(sums, r) + p->output[tree], tree, leaf, view_row(w->x, r));
}

static void average(const struct walk *w, struct view y, size_t rows)
{
    const struct trees_params *params = w->n->params;
    const uint64_t all = mdl_trees_iterations(w->n);
    const uint64_t end = w->r->tree_end < all ? w->r->tree_end : all;
    const uint64_t iterations = end > w->r->tree_begin ? end - w->r->tree_begin : 0;

    if (!params->average || !iterations)
        return;
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < (size_t)params->outputs; k++) {
            if (w->n->tensors[TREES_VALUE].type == MDL_F32)
                ((float *)view_row(y, r))[k] /= (float)iterations;
            else
                ((double *)view_row(y, r))[k] /= (double)iterations;
        }
}

static void run_few(const struct walk *w, size_t rows)
{
    uint32_t leaf[LANES];

    for (size_t r = 0; r < rows; r++)
        for (uint32_t t = w->first; t < w->last; t += LANES) {
            const uint32_t count = w->last - t < LANES ? w->last - t : LANES;
            walk_row(w, leaf, t, count, view_row(w->x, r));
            for (uint32_t i = 0; i < count; i++)
                put_leaf(w, r, t + i, leaf[i]);
        }
}

static void run_many(const struct walk *w, size_t begin, size_t rows)
{
    const void *row[LANES];
    uint32_t leaf[LANES];

    for (size_t i = 0; i < rows; i++)
        row[i] = view_row(w->x, begin + i);
    for (uint32_t t = w->first; t < w->last; t++) {
        walk_tree(w, leaf, t, row, rows);
        for (size_t i = 0; i < rows; i++)
            put_leaf(w, begin + i, t, leaf[i]);
    }
}

static void run(const struct node *n, const struct run *r)
{
    struct walk w = { .n = n, .r = r, .x = run_in(n, r, 0),
                      .x_type = r->graph->values[n->in[0]].type };
    const struct view sums = run_out(n, r, 0);

    mdl_trees_range(n, r->tree_begin, r->tree_end, &w.first, &w.last);
    if (sums.data)
        start_sums(&w, sums, r->rows);
    if (r->rows < FEW_ROWS)
        run_few(&w, r->rows);
    else
        for (size_t at = 0; at < r->rows; at += LANES)
            run_many(&w, at, r->rows - at < LANES ? r->rows - at : LANES);
    if (sums.data)
        average(&w, sums, r->rows);
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
