/*
 * op/tree_plan.c - from the file's nodes to the nodes that the kernels walk
 *
 * Every source's rule becomes "x >= t goes right", exactly:
 *
 *   x <= t                   is  x < the next number above t
 *   thresholds wider than x  are rounded so that no value of x changes sides
 *   |x| <= tiny read as 0    moves thresholds within [-tiny, tiny] to its ends
 *   NaN read as 0            is a fixed side, that of 0
 *
 * Trees with category nodes, or whose zeros go to a default side, are `general`: they
 * are walked over the file's own arrays.  Linear in the number of nodes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <math.h>              /* INFINITY, NAN: constants only */
#include <string.h>

/* ---- thresholds ---------------------------------------------------------------- */

/* The next double above t; +inf stays. */
static double next_up(double t)
{
    uint64_t bits;

    if (t != t || t == (double)INFINITY)
        return t;
    t += 0.0;                    /* -0 becomes +0 */
    memcpy(&bits, &t, sizeof bits);
    bits += t >= 0 ? 1 : (uint64_t)-1;
    memcpy(&t, &bits, sizeof t);
    return t;
}

/* The smallest float not below t: for floats x, x >= t means x >= ceil_float(t). */
static float ceil_float(double t)
{
    float f = (float)t;          /* to nearest; beyond the largest float: infinity */
    uint32_t bits;

    if ((double)f >= t)
        return f;
    memcpy(&bits, &f, sizeof bits);
    if (f == 0)
        bits = 1;                /* smallest positive */
    else
        bits += f > 0 ? 1 : (uint32_t)-1;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* A node's rule as "x >= *t goes right".  `always_left` when no number goes right. */
static double right_from(const struct trees_params *p, double threshold, int *always_left)
{
    double t = threshold;

    *always_left = 0;
    if (p->compare) {            /* x <= t left, so x > t right */
        *always_left = t == (double)INFINITY;
        t = next_up(t);
    }
    if (p->clip_zero && t > -TREES_TINY && t <= TREES_TINY)
        t = t <= 0 ? -TREES_TINY : next_up(TREES_TINY);
    return t;
}

static double threshold_at(const struct node *n, uint32_t i)
{
    const struct tensor *t = &n->tensors[TREES_THRESHOLD];

    return t->type == MDL_F32 ? (double)((const float *)t->data)[i]
                              : ((const double *)t->data)[i];
}

static int nan_goes_right(uint8_t flags, double t)
{
    switch (flags & NODE_MISSING) {
    case NODE_NAN_DEFAULT: return !(flags & NODE_DEFAULT_LEFT);
    case NODE_NAN_ZERO: return 0.0 >= t;
    default: return 1;
    }
}

/* ---- nodes --------------------------------------------------------------------- */

struct split {
    double t;                    /* NaN: nothing goes right but, perhaps, NaN */
    uint32_t feature, child;
};

static void put_node(struct trees_plan *p, uint32_t x_type, uint32_t at, struct split s)
{
    if (x_type == MDL_F32) {
        struct tree_node32 *node = (struct tree_node32 *)p->nodes + at;
        *node = (struct tree_node32){ s.t != s.t ? NAN : ceil_float(s.t), s.feature, s.child };
        return;
    }
    struct tree_node64 *node = (struct tree_node64 *)p->nodes + at;
    *node = (struct tree_node64){ s.t, s.feature, s.child };
}

static struct split make_split(const struct node *n, const struct trees_plan *p, uint32_t i,
                               uint32_t child)
{
    const struct trees_params *params = n->params;
    int always_left;
    double t = right_from(params, threshold_at(n, i), &always_left);
    const int nan_right = nan_goes_right(p->flags[i], always_left ? (double)INFINITY : t);

    /* A clipped 0 is what |x| <= tiny became: NaN_ZERO reads 0 itself, the same side. */
    if (always_left)
        t = (double)NAN;
    return (struct split){ t, p->feature[i] | (nan_right ? TREE_NAN_RIGHT : 0), child };
}

static int is_general(const struct trees_plan *p, uint32_t i)
{
    return (p->flags[i] & NODE_KIND) == NODE_CATEGORY
        || (p->flags[i] & NODE_MISSING) == NODE_ZERO_DEFAULT;
}

/* Where nodes of one tree go while it is renumbered: children side by side. */
struct renumber {
    uint32_t *place;             /* [nodes of the largest tree] position, 0: no parent */
    uint32_t *level;             /* [same] distance from the root                      */
    uint32_t leaf, set;          /* counted over the whole ensemble                    */
};

static mdl_status shared_node(const struct node *n, uint32_t i, const char *what, mdl_error *err)
{
    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_RIGHT].offset + 4ull * i,
                       "node %u %s", i, what);
}

static mdl_status place_tree(const struct node *n, uint32_t x_type, uint32_t tree,
                             struct renumber *r, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    uint32_t next = start + 1;

    memset(r->place, 0, (size_t)(end - start) * sizeof *r->place);
    r->place[0] = start + 1;     /* stored one higher: 0 means none */
    r->level[0] = 0;
    for (uint32_t i = start; i < end; i++) {
        const uint32_t at = r->place[i - start] - 1, level = r->level[i - start];

        if (!r->place[i - start])
            return shared_node(n, i, "has no parent", err);
        if ((p->flags[i] & NODE_KIND) == NODE_LEAF) {
            put_node(p, x_type, at, (struct split){ (double)NAN, 0, at });
            p->exit_leaf[at] = r->leaf;
            p->ordinal[i] = r->leaf++;
            if (level > p->depth[tree])
                p->depth[tree] = level;
            continue;
        }
        const uint32_t left = i + 1 - start, right = p->right[i] - start;
        if (r->place[left] || r->place[right])
            return shared_node(n, r->place[left] ? i + 1 : p->right[i], "has two parents", err);
        p->general[tree] |= (uint8_t)is_general(p, i);
        if ((p->flags[i] & NODE_KIND) == NODE_CATEGORY)
            p->ordinal[i] = r->set++;
        put_node(p, x_type, at, make_split(n, p, i, next));
        r->place[left] = ++next;
        r->place[right] = ++next;
        r->level[left] = r->level[right] = level + 1;
    }
    return MDL_OK;
}

static uint32_t largest_tree(const struct trees_plan *p)
{
    uint32_t most = 0;

    for (uint32_t t = 0; t < p->n_trees; t++)
        if (p->tree_start[t + 1] - p->tree_start[t] > most)
            most = p->tree_start[t + 1] - p->tree_start[t];
    return most;
}

mdl_status mdl_trees_prepare(struct node *n, const struct graph *g, struct arena *a,
                             mdl_error *err)
{
    struct trees_plan *p = mdl_arena_take(a, 1, sizeof *p);

    if (!p)
        return mdl_arena_fail(a, err, "tree ensemble");
    n->plan = p;
    mdl_status s = mdl_trees_check(n, node_in(n, g, 0)->cols, p, err);
    if (s)
        return s;

    const uint32_t x_type = node_in(n, g, 0)->type, most = largest_tree(p);
    const size_t node_bytes = x_type == MDL_F32 ? sizeof(struct tree_node32)
                                                : sizeof(struct tree_node64);
    struct renumber r = { .place = mdl_arena_take(a, most, sizeof *r.place),
                          .level = mdl_arena_take(a, most, sizeof *r.level) };
    p->nodes = mdl_arena_take(a, p->n_nodes, node_bytes);
    p->exit_leaf = mdl_arena_take(a, p->n_nodes, sizeof *p->exit_leaf);
    p->ordinal = mdl_arena_take(a, p->n_nodes, sizeof *p->ordinal);
    p->depth = mdl_arena_take(a, p->n_trees, sizeof *p->depth);
    p->general = mdl_arena_take(a, p->n_trees, 1);
    if (!r.place || !r.level || !p->nodes || !p->exit_leaf || !p->ordinal || !p->depth
        || !p->general)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        s = place_tree(n, x_type, t, &r, err);
        if (s)
            return s;
    }
    return MDL_OK;
}
