/*
 * op/tree_deep.c - trees for walks by keys (kernel/deep.h), and the walks
 *
 * For trees of many leaves, and for ensembles so small that ranks do not pay.  Nodes of 8 bytes
 * (16 for rows of doubles) take the place of steps, forks and tops.  In memory a tree is
 *
 *     its first DEEP_TOP nodes, level by level | what is below each, the busier child first
 *
 * so that what all rows pass lies together, and most steps below stay in their cache line.
 *
 * A column is a feature and what a node makes of its cells: a number; a number of which what is
 * missing or zero goes to one side; a category.
 *
 * Blocks go tree by tree.  Above L2, a forest costs what it takes to read it: the more rows in a
 * block, the less each.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_deep.h"

#include "kernel/deep.h"

#define DEEP_TOP 255u             /* places: 2 KB of floats */

/* Nodes of more bytes than are near: blocks of that many rows. */
#define NEAR_BYTES (256u << 10)
#define DEEP_BLOCK 4096u
#define MANY_COLUMNS 256u

/* What a node makes of cells. */
enum kind {
    KIND_NUMBER, KIND_ZERO_LEFT, KIND_ZERO_RIGHT,
    KIND_SET, KIND_SET_DEFAULT, KIND_SET_ZERO, KIND_SET_ZERO_DEFAULT,
    KINDS
};

struct trees_deep {
    struct deep_table table;
    int       wide;               /* keys of 8 bytes                          */
    uint32_t  n_numbers;          /* columns 1 .. n_numbers are KIND_NUMBER   */
    uint32_t *feature;            /* [columns] of x                           */
    uint8_t  *kind;               /* [columns]                                */
};

/* ---- at load: columns ------------------------------------------------------------------ */

static enum kind kind_of(uint32_t flags)
{
    const uint32_t missing = flags & NODE_MISSING;

    if ((flags & NODE_KIND) == NODE_NUMBER) {
        if (missing != NODE_ZERO_DEFAULT)
            return KIND_NUMBER;
        return flags & NODE_DEFAULT_LEFT ? KIND_ZERO_LEFT : KIND_ZERO_RIGHT;
    }
    switch (missing) {
    case NODE_NAN_DEFAULT: return KIND_SET_DEFAULT;
    case NODE_NAN_ZERO: return KIND_SET_ZERO;
    case NODE_ZERO_DEFAULT: return KIND_SET_ZERO_DEFAULT;
    default: return KIND_SET;
    }
}

/* Number the columns that nodes use, by kind, then by feature: column[kind * cols + feature]. */
static mdl_status find_columns(const struct trees_plan *p, struct trees_deep *d, uint32_t *column,
                               uint64_t cols, struct arena *a, mdl_error *err)
{
    const uint64_t kinds = p->n_general ? KINDS : 1;
    uint64_t missing = kinds * cols;
    uint32_t count = 1;

    for (uint32_t q = 0; q < p->asked.n && missing; q++)
        if ((p->asked.flags[q] & NODE_KIND) != NODE_LEAF) {   /* of a file of nodes */
            uint32_t *used = &column[kind_of(p->asked.flags[q]) * cols
                                     + mdl_tree_word(p->asked.feature, q)];
            missing -= !*used;
            *used = 1;
        }
    for (uint64_t k = 0; k < kinds * cols; k++) {
        if (column[k])
            column[k] = count++;
        if (k == cols - 1)
            d->n_numbers = count - 1;
    }
    d->table.columns = count;
    d->feature = mdl_arena_take(a, count, sizeof *d->feature);
    d->kind = mdl_arena_take(a, count, 1);
    if (!d->feature || !d->kind)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint64_t k = 0; k < kinds * cols; k++)
        if (column[k]) {
            d->feature[column[k]] = (uint32_t)(k % cols);
            d->kind[column[k]] = (uint8_t)(k / cols);
        }
    return MDL_OK;
}

/* The low bits of `to` that columns and flags need. */
static uint32_t shift_for(uint32_t columns, uint32_t key_bytes)
{
    uint32_t shift = 2;

    while ((uint64_t)columns * key_bytes > (uint64_t)1 << shift)
        shift++;
    return shift;
}

/* ---- at load: nodes ---------------------------------------------------------------------- */

/* A tree on its way into the table. */
struct laying {
    const struct node *n;
    const struct value *x;
    struct trees_deep *d;
    const uint32_t *column;
    const double *cover;          /* of the tree's nodes; NULL: none                 */
    uint32_t start;               /* its first node                                  */
    uint64_t root;                /* place of the tree                               */
    uint32_t first_leaf;
    int      simple;              /* no tests, and rows of floats                    */
};

/* The node at `at` of the table. */
static void put_node(struct trees_deep *d, uint64_t at, uint64_t right, uint64_t low, uint64_t t)
{
    const uint64_t to = right << d->table.shift | low;

    if (d->wide)
        ((struct deep_u64 *)(uintptr_t)d->table.nodes)[at] = (struct deep_u64){ to, t };
    else
        ((struct deep_u32 *)(uintptr_t)d->table.nodes)[at] =
            (struct deep_u32){ (uint32_t)to, (uint32_t)t };
}

/* The key that x must reach to go right; the largest is that of NaN where it goes right. */
static uint64_t key_from(const struct trees_deep *d, double t)
{
    if (d->wide)
        return t != t ? UINT64_MAX : deep_key_f64(t);
    return t != t ? UINT32_MAX : deep_key_f32((float)t);
}

/*
 * The rule of most nodes (tree_rule.c) in a few steps, where x is a float and NaN has a side: the
 * least float above t, or not below it, is the nearest one or the next, and keys count floats.
 * 0: it is another node.
 */
static int find_key(const struct trees_params *params, double t, uint8_t flags, uint32_t *key,
                    uint64_t *side)
{
    const uint32_t missing = flags & NODE_MISSING;
    const float f = (float)t;

    if ((missing != NODE_NAN_DEFAULT && missing != NODE_NAN_COMPARES)
        || !(t > -0x1p100 && t < 0x1p100)
        || (t >= -0x1p-100 && t <= 0x1p-100))
        return 0;
    *side = missing == NODE_NAN_COMPARES || !(flags & NODE_DEFAULT_LEFT);
    *key = deep_key_f32(f) + (params->compare ? (double)f <= t : (double)f < t);
    return 1;
}

/* Node i, at a place behind the root; its children will be at `pair`. */
static void put_split(const struct laying *l, uint32_t i, uint32_t at, uint32_t pair)
{
    const struct trees_plan *p = l->n->plan;
    struct trees_deep *d = l->d;
    const uint64_t place = l->root + at, right = pair + 1ull - at, key_bytes = d->wide ? 8 : 4;
    const uint32_t q = mdl_tree_question(p, i), flags = p->asked.flags[q];
    const uint64_t kind = l->simple ? KIND_NUMBER : kind_of(flags);
    const uint64_t c = l->column[kind * l->x->cols + mdl_tree_word(p->asked.feature, q)];
    const double t = mdl_asked_threshold(&p->asked, q);
    uint64_t side;
    uint32_t key;

    if (l->simple && find_key(l->n->params, t, (uint8_t)flags, &key, &side)) {
        put_node(d, place, right, c * key_bytes | side, key - side);
        return;
    }
    if ((flags & NODE_KIND) == NODE_CATEGORY) {
        side = flags & NODE_DEFAULT_LEFT ? 0 : DEEP_SIDE;
        put_node(d, place, right, c * key_bytes | DEEP_SET | side, p->asked.set[q]);
        return;
    }
    const struct tree_rule rule = mdl_trees_rule_of(l->n->params, l->x->type, t, (uint8_t)flags);
    side = kind == KIND_NUMBER && rule.nan_right ? DEEP_SIDE : 0;
    put_node(d, place, right, c * key_bytes | side, key_from(d, rule.t) - side);
}

/* What is needed of a node that comes next, or later. */
MDL_INLINE void fetch_node(const struct laying *l, uint32_t i)
{
    const struct trees_plan *p = l->n->plan;
    const uint32_t k = p->right_node ? i : i - p->ordinal[i];
    const unsigned char *threshold = p->asked.threshold, *feature = p->asked.feature.at;

    if (p->right_node)
        MDL_PREFETCH(p->right_node + i);
    else
        MDL_PREFETCH((const unsigned char *)p->left.at + (size_t)k * p->left.bytes);
    if (p->question.bytes) {
        MDL_PREFETCH((const unsigned char *)p->question.at + (size_t)k * p->question.bytes);
        return;
    }
    MDL_PREFETCH(p->asked.flags + k);
    MDL_PREFETCH(feature + (size_t)k * p->asked.feature.bytes);
    MDL_PREFETCH(threshold + (size_t)k * (p->asked.wide ? sizeof(double) : sizeof(float)));
}

#define FAR_NODES 8u              /* behind a node: another cache line */

/*
 * What is below the nodes that wait on a stack, list[] and their places at[], the highest first: the
 * busier child at once, the other one later.  Children go to places from `next` on.
 */
static void lay_below(const struct laying *l, uint32_t *list, uint32_t *at, uint32_t waiting,
                      uint32_t next)
{
    const struct trees_plan *p = l->n->plan;

    while (waiting) {
        uint32_t i = list[--waiting], place = at[waiting];

        while (!mdl_tree_is_leaf(p, i)) {
            const uint32_t left = i + 1, right = mdl_tree_right(p, i);

            if (right - left > FAR_NODES)
                fetch_node(l, right);
            put_split(l, i, place, next);
            const uint32_t first = !l->cover || l->cover[left - l->start] >= l->cover[right - l->start];
            list[waiting] = first ? right : left;
            at[waiting++] = next + first;
            i = first ? left : right;
            place = next + !first;
            next += 2;
        }
        put_node(l->d, l->root + place, 1, 0, 1 + p->ordinal[i] - l->first_leaf);
    }
}

/* A tree: its top level by level, list[] a queue; the one at k, but for the root, has place k + 1. */
static void lay_tree(const struct laying *l, uint32_t tree, uint32_t *list, uint32_t *at)
{
    const struct trees_plan *p = l->n->plan;
    uint32_t done = 0, end = 1;

    list[0] = p->tree_start[tree];
    put_node(l->d, l->root + 1, 0, 0, 0);
    for (; done < end && end + 1 < DEEP_TOP; done++) {
        const uint32_t i = list[done], place = done ? done + 1 : 0;

        if (mdl_tree_is_leaf(p, i)) {
            put_node(l->d, l->root + place, 1, 0, 1 + p->ordinal[i] - l->first_leaf);
            continue;
        }
        put_split(l, i, place, end + 1);
        list[end++] = i + 1;
        list[end++] = mdl_tree_right(p, i);
    }
    const uint32_t waiting = end - done;
    for (uint32_t k = 0; k < waiting; k++)    /* the first waiting becomes the top */
        at[k] = list[end - 1 - k];
    for (uint32_t k = 0; k < waiting; k++) {
        list[k] = at[k];
        at[k] = end - k;
    }
    lay_below(l, list, at, waiting, end + 1);
}

static mdl_status put_sets(const struct node *n, struct trees_deep *d, struct arena *a,
                           mdl_error *err)
{
    const struct trees_plan *p = n->plan;
    const uint32_t *start = n->tensors[TREES_SET_START].data;

    if (!p->n_sets)
        return MDL_OK;
    struct deep_set *sets = mdl_arena_take(a, p->n_sets, sizeof *sets);
    if (!sets)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t q = 0; q < p->asked.n; q++)
        if ((p->asked.flags[q] & NODE_KIND) == NODE_CATEGORY) {
            const uint32_t s = p->asked.set[q];
            sets[s] = (struct deep_set){ start[s], start[s + 1] - start[s],
                                         (p->asked.flags[q] & NODE_SET_LEFT) != 0 };
        }
    d->table.sets = sets;
    d->table.words = n->tensors[TREES_SET_WORDS].data;
    return MDL_OK;
}

mdl_status mdl_trees_deepen(struct node *n, const struct value *x, uint32_t *place, uint32_t *list,
                            struct arena *temp, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint64_t slots = (uint64_t)p->n_nodes + p->n_trees;

    if (!p->n_trees || slots > UINT32_MAX)
        return MDL_OK;
    struct trees_deep *d = mdl_arena_take(a, 1, sizeof *d);
    uint32_t *root = mdl_arena_take(a, p->n_trees, sizeof *root);
    uint32_t *column = mdl_arena_take(temp, x->cols * (p->n_general ? KINDS : 1), sizeof *column);
    if (!d || !root)
        return mdl_arena_fail(a, err, "tree ensemble");
    if (!column)
        return mdl_arena_fail(temp, err, "tree ensemble");
    mdl_status status = find_columns(p, d, column, x->cols, a, err);
    if (!status) status = put_sets(n, d, a, err);
    if (status)
        return status;

    uint64_t most = 0;
    for (uint32_t t = 0; t < p->n_trees; t++) {
        root[t] = p->tree_start[t] + t;
        if (p->tree_start[t + 1] - p->tree_start[t] > most)
            most = p->tree_start[t + 1] - p->tree_start[t];
    }
    d->table.root = root;
    d->table.shift = shift_for(d->table.columns, sizeof(uint32_t));
    d->wide = x->type == MDL_F64 || (most + 1) >> (32 - d->table.shift) != 0;
    if (d->wide)
        d->table.shift = shift_for(d->table.columns, sizeof(uint64_t));
    d->table.nodes = mdl_arena_take_raw(a, slots, d->wide ? sizeof(struct deep_u64)
                                                      : sizeof(struct deep_u32));
    if (!d->table.nodes)
        return mdl_arena_fail(a, err, "tree ensemble");
    double *cover = mdl_trees_weighed(n) ? mdl_arena_take_raw(temp, most, sizeof *cover) : NULL;
    if (mdl_trees_weighed(n) && !cover)
        return mdl_arena_fail(temp, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const struct laying l = {
            .n = n, .x = x, .d = d, .column = column, .root = root[t], .first_leaf = p->first_leaf[t],
            .cover = cover, .start = p->tree_start[t],
            .simple = !p->general[t] && !d->wide,
        };
        if (cover)
            mdl_tree_covers(n, t, cover);
        lay_tree(&l, t, list, place);
    }
    p->deep = d;
    p->deep_columns = d->table.columns;
    p->deep_bytes = slots * (d->wide ? sizeof(struct deep_u64) : sizeof(struct deep_u32));
    const uint64_t temp_bytes = (uint64_t)d->table.columns * (d->wide ? 8 : 4) + sizeof(uint32_t);
    if (n->temp_bytes < temp_bytes)
        n->temp_bytes = temp_bytes;
    if (p->deep_bytes > NEAR_BYTES && !mdl_trees_match(p))
        n->block_rows = DEEP_BLOCK;
    return MDL_OK;
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* The key of a cell in a column that is no plain number. */
static uint64_t odd_key(const struct node *n, enum kind kind, double x, int wide)
{
    const struct trees_params *params = n->params;
    const int tiny = x >= -TREES_TINY && x <= TREES_TINY;

    if (kind == KIND_ZERO_LEFT || kind == KIND_ZERO_RIGHT) {
        if (x != x || tiny)
            return kind == KIND_ZERO_LEFT ? 0 : wide ? UINT64_MAX : UINT32_MAX;
        return wide ? deep_key_f64(x) : deep_key_f32((float)x);
    }
    if (x != x ? kind == KIND_SET_DEFAULT || kind == KIND_SET_ZERO_DEFAULT
               : tiny && kind == KIND_SET_ZERO_DEFAULT)
        return 0;
    if (x != x ? kind == KIND_SET_ZERO : tiny && params->clip_zero)
        x = 0;
    if (!(x > (params->truncate ? -1.0 : -0x1p-1074) && x < 0x1p31))
        return 1;
    return 2 + (x < 0 ? 0 : (uint64_t)x);
}

static uint32_t narrow_key(float x) { return deep_key_f32(x); }
static uint64_t wide_key(double x) { return deep_key_f64(x); }

/* Keys of `lanes` rows, 1 or DEEP_ROWS, of type X. */
#define FIND_KEYS(X, KEY, OF, key, d, x, stride, lanes) do { \
    const uint32_t *feature_ = (d)->feature; \
    const size_t end_ = (d)->n_numbers + 1; \
    for (size_t r_ = 0; r_ < (lanes); r_++) \
        (key)[r_] = 0; \
    for (size_t c_ = 1; c_ < end_; c_++) { \
        const X *cell_ = (const X *)(const void *)(x) + feature_[c_]; \
        X lane_[DEEP_ROWS]; \
        for (size_t r_ = 0; r_ < (lanes); r_++) \
            lane_[r_] = *(const X *)(const void *)((const unsigned char *)cell_ + r_ * (stride)); \
        for (size_t r_ = 0; r_ < (lanes); r_++) \
            (key)[c_ * (lanes) + r_] = OF(lane_[r_]); \
    } \
} while (0)

static void find_odd_keys(const struct tree_walk *w, const struct trees_deep *d, void *key,
                          size_t at, size_t lanes)
{
    for (uint32_t c = d->n_numbers + 1; c < d->table.columns; c++)
        for (size_t r = 0; r < lanes; r++) {
            const double x = mdl_trees_cell(w->x_type, view_row(w->x, at + r), d->feature[c]);
            const uint64_t k = odd_key(w->n, d->kind[c], x, d->wide);
            if (d->wide)
                ((uint64_t *)key)[c * lanes + r] = k;
            else
                ((uint32_t *)key)[c * lanes + r] = (uint32_t)k;
        }
}

static void find_keys_of_row(const struct tree_walk *w, const struct trees_deep *d, void *key,
                             size_t at)
{
    const unsigned char *x = view_row(w->x, at);

    if (!d->wide)
        FIND_KEYS(float, uint32_t, narrow_key, (uint32_t *)key, d, x, w->x.stride, 1);
    else if (w->x_type == MDL_F32)
        FIND_KEYS(float, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, 1);
    else
        FIND_KEYS(double, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, 1);
    find_odd_keys(w, d, key, at, 1);
}

static void find_keys_of_eight(const struct tree_walk *w, const struct trees_deep *d, void *key,
                               size_t at)
{
    const unsigned char *x = view_row(w->x, at);

    if (!d->wide)
        FIND_KEYS(float, uint32_t, narrow_key, (uint32_t *)key, d, x, w->x.stride, DEEP_ROWS);
    else if (w->x_type == MDL_F32)
        FIND_KEYS(float, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, DEEP_ROWS);
    else
        FIND_KEYS(double, uint64_t, wide_key, (uint64_t *)key, d, x, w->x.stride, DEEP_ROWS);
    find_odd_keys(w, d, key, at, DEEP_ROWS);
}

/* ---- walks ---------------------------------------------------------------------------------- */

#define ROW_TREES 64u             /* whose leaves are kept at a time */

static void walk_row(const struct tree_walk *w, const struct trees_deep *d, void *key, size_t at)
{
    const struct kernels *k = w->r->kernels;
    uint32_t leaf[ROW_TREES];

    find_keys_of_row(w, d, key, at);
    for (uint32_t t = w->first; t < w->last; t += ROW_TREES) {
        const uint32_t n = w->last - t < ROW_TREES ? w->last - t : ROW_TREES;

        if (d->wide)
            k->deep_row_u64(leaf, &d->table, t, n, key);
        else
            k->deep_row_u32(leaf, &d->table, t, n, key);
        for (uint32_t i = 0; i < n; i++)
            leaf[i] += w->p->first_leaf[t + i];
        mdl_trees_put_row(w, at, t, n, leaf);
    }
}

#define VECTOR_LEAST 4u           /* values of a leaf that are worth a call */

/* The rows [0, rows) ended at leaf[] of a tree. */
static void add_leaves(const struct tree_walk *w, uint32_t tree, const uint32_t *leaf, size_t rows)
{
    const uint32_t first = w->p->first_leaf[tree], output = w->p->output[tree];
    const size_t width = (size_t)((const struct trees_params *)w->n->params)->leaf_width;
    unsigned char *y = w->sums.data;

    if (y && !w->ids.data && w->p->vector && width == w->n_outputs) {
        for (size_t r = 0; r < rows; r++) {
            const uint32_t at = first + leaf[r];
            mdl_trees_put_row(w, r, tree, 1, &at);
        }
        return;
    }
    if (!y || w->ids.data || w->n->tensors[TREES_LINEAR_CONST].type || w->p->vector) {
        for (size_t r = 0; r < rows; r++)
            mdl_trees_put_leaf(w, r, tree, first + leaf[r]);
        return;
    }
    if (w->n->tensors[TREES_VALUE].type == MDL_F32) {
        const float *value = (const float *)w->p->value + first * width;
        for (size_t r = 0; r < rows && width >= VECTOR_LEAST; r++)
            w->r->kernels->add_row_f32((float *)view_row(w->sums, r) + output, value, leaf + r, 1,
                                       width);
        for (size_t r = 0; r < rows && width < VECTOR_LEAST; r++, y += w->sums.stride)
            for (size_t k = 0; k < width; k++)
                ((float *)(void *)y)[output + k] += value[leaf[r] * width + k];
        return;
    }
    const double *value = (const double *)w->p->value + first * width;
    for (size_t r = 0; r < rows && width >= VECTOR_LEAST; r++)
        w->r->kernels->add_row_f64((double *)view_row(w->sums, r) + output, value, leaf + r, 1,
                                   width);
    for (size_t r = 0; r < rows && width < VECTOR_LEAST; r++, y += w->sums.stride)
        for (size_t k = 0; k < width; k++)
            ((double *)(void *)y)[output + k] += value[leaf[r] * width + k];
}

/* ---- the choice ---------------------------------------------------------------------------- */

/*
 * Rows from which on a block goes tree by tree.  Row by row 16 trees are in flight, which from L3
 * counts more than that a tree's top stays near.  Measured (us a row; row by row / tree by tree):
 *
 *     trees x leaves, MB      16 rows        256 rows       1,024 rows     4,096 rows
 *     1 x 5,000,  0.1         0.26 / 0.11    0.26 / 0.10
 *     200 x 480,  1.5         4.2 / 3.9      4.2 / 2.9
 *     30 x 18,000, 8.5        2.4 / 4.0      2.4 / 2.5      2.4 / 3.0      2.4 / 2.0
 *     100 x 9,700, 15.5       10 / 12        10 / 12        10 / 9.7       10 / 6.1
 *     100 x 400, 2,000 columns               18 / 33        (keys beyond L2)
 */
static size_t least_eights(const struct trees_plan *p)
{
    if (p->n_trees < 16)
        return DEEP_ROWS;
    if (p->deep_columns > MANY_COLUMNS)
        return SIZE_MAX;
    if (p->deep_bytes > 16u << 20)
        return 1024;
    return p->deep_bytes > (256u << 10) ? (size_t)(p->deep_bytes >> 14) : 16;
}

/*
 * Walks of a group take as many steps as the longest, about 0.4 of the way from the mean path
 * to the depth (18.4, 37: 26 steps; 8.2, 14: 11), and one to see that all have ended.
 */
double mdl_trees_deep_cost(const struct trees_plan *p, const struct kernels *k, size_t rows)
{
    const double megabytes = (double)p->deep_bytes / 1e6;
    double depth = 0;

    if (!p->deep)
        return 0;
    if (k == &mdl_kernels_ref)
        return 1e9;
    for (uint32_t t = 0; t < p->n_trees; t++)
        depth += (double)p->depth[t] / p->n_trees;
    const double steps = p->n_trees < 4 && rows < DEEP_ROWS ? p->path
                                                            : p->path + 0.4 * (depth - p->path) + 1;
    const double far = megabytes / 8 < 4 ? megabytes / 8 : 4;
    const double step = (rows < least_eights(p) ? 1.6 : 1.1) + far + (p->n_general ? 1 : 0);
    /* Keys of many rows are made column by column: of wide rows, each is a miss. */
    const double column = rows >= least_eights(p) && p->deep_columns > 64 ? 4.5 : 1.5;
    return (rows < least_eights(p) ? 90 : 30) + column * p->deep_columns
         + p->n_trees * (5 + step * steps);
}

/* Eights of rows tree by tree, then the others one by one. */
void mdl_trees_run_deep(const struct tree_walk *w)
{
    const struct trees_deep *d = w->p->deep;
    const struct kernels *k = w->r->kernels;
    const size_t rows = w->r->rows, key_bytes = d->wide ? 8 : 4;
    const size_t eights = rows < least_eights(w->p) ? 0 : rows / DEEP_ROWS;
    unsigned char *key = w->r->temp;
    uint32_t *leaf = (uint32_t *)(void *)(key + eights * DEEP_ROWS * d->table.columns * key_bytes);

    for (size_t e = 0; e < eights; e++)
        find_keys_of_eight(w, d, key + e * DEEP_ROWS * d->table.columns * key_bytes, e * DEEP_ROWS);
    for (uint32_t t = w->first; t < w->last && eights; t++) {
        if (d->wide)
            k->deep_rows_u64(leaf, &d->table, t, (const uint64_t *)(const void *)key, eights);
        else
            k->deep_rows_u32(leaf, &d->table, t, (const uint32_t *)(const void *)key, eights);
        add_leaves(w, t, leaf, eights * DEEP_ROWS);
    }
    for (size_t r = eights * DEEP_ROWS; r < rows; r++)
        walk_row(w, d, key, r);
}
