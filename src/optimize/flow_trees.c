/*
 * optimize/flow_trees.c - any ensemble onto operator "trees": walk, ask anew, write
 *
 * Two walks over each tree: one finds out what is asked and of which targets leaves speak, one
 * writes the nodes in pre-order (docs/operators.md, "trees").  A node that two others lead to is
 * refused, so walks end; leaves may be shared, and are written again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/flow_trees.h"

#include <math.h>              /* INFINITY, a constant */
#include <stdlib.h>
#include <string.h>

/* What an equality asks for. */
struct asked {
    uint32_t feature;
    double   value;
};

/* A node to be written; `patch` is the node whose right child it is. */
struct visit {
    uint32_t node, patch;
};
#define NO_PATCH UINT32_MAX

/* A few bytes may not unfold into more numbers than this; or than 64 times their own. */
#define MOST_NUMBERS (1ull << 25)

enum part { TREE_START, ITERATION, OUTPUT, FLAGS, FEATURE, THRESHOLD, RIGHT, VALUE, SET_START,
            SET_WORDS, LEAF_NODE, STACK, ASKED, LOOKED, PARTS };

struct work {
    struct flow *f;
    const struct flow_ensemble *e;
    struct vec   part[PARTS];     /* the operator's slots, then what is only needed here     */
    uint8_t     *seen;            /* [n_nodes]                                               */
    uint32_t    *lowest;          /* [n_trees] first target of a tree                        */
    uint32_t     asks;            /* bit 1 << question: some node asks it                    */
    uint32_t     cols, width;     /* columns of x; values of a leaf                          */
    uint32_t     n_nodes, n_leaves;
    uint64_t     said;            /* leaves reached and their entries, shared ones each time */
    int          less;            /* the operator compares with <, else with <=              */
    int          wide;            /* thresholds are float64                                  */
    mdl_error   *err;
    mdl_status   status;
};

#define AT(w, which, type) ((type *)(void *)(w)->part[which].data)
#define COUNT(w, which, type) ((uint32_t)((w)->part[which].bytes / sizeof(type)))

static int memory(struct work *w)
{
    w->status = mdl_fail(w->err, MDL_ERR_MEMORY, "out of memory");
    return 0;
}

/* Is it still in proportion to what the ensemble says? */
static int in_proportion(struct work *w, uint64_t numbers)
{
    if (numbers <= MOST_NUMBERS + 64 * ((uint64_t)w->e->n_entries + w->e->n_nodes))
        return 1;
    w->status = mdl_fail(w->err, MDL_ERR_LIMIT, "leaves or sets that unfold into %llu "
                         "numbers", (unsigned long long)numbers);
    return 0;
}

static int put(struct work *w, enum part part, const void *data, size_t bytes)
{
    return mdl_vec_add(&w->part[part], &w->f->allocator, data, bytes) || memory(w);
}

static int put_u32(struct work *w, enum part part, uint32_t v)
{
    return put(w, part, &v, sizeof v);
}

/* A number in the type of values or thresholds. */
static int put_real(struct work *w, enum part part, int wide, double v)
{
    const float narrow = (float)v;

    return wide ? put(w, part, &v, sizeof v) : put(w, part, &narrow, sizeof narrow);
}

static int push(struct work *w, uint32_t node, uint32_t patch)
{
    const struct visit v = { node, patch };

    return put(w, STACK, &v, sizeof v);
}

static struct visit pop(struct work *w)
{
    struct visit v;

    w->part[STACK].bytes -= sizeof v;
    memcpy(&v, w->part[STACK].data + w->part[STACK].bytes, sizeof v);
    return v;
}

/* ---- what is asked --------------------------------------------------------------------------- */

static int ask_for(struct work *w, uint32_t feature, double value)
{
    const struct asked a = { feature, value + 0.0 };       /* -0 is 0 */

    return value != value || put(w, ASKED, &a, sizeof a);
}

static int survey_split(struct work *w, uint32_t i)
{
    const struct flow_tree_node *n = &w->e->nodes[i];

    if (w->seen[i]++)
        return (w->status = mdl_fail(w->err, MDL_ERR_FORMAT, "node %u is reached twice", i)) == 0;
    if (n->ask > FLOW_MEMBER || n->feature >= INT32_MAX
        || (n->ask == FLOW_MEMBER && (n->set > n->set_end || n->set_end > w->e->n_members)))
        return (w->status = mdl_fail(w->err, MDL_ERR_FORMAT, "node %u asks for feature %u in an "
                                     "unknown way", i, n->feature)) == 0;
    w->asks |= 1u << n->ask;
    w->cols = n->feature >= w->cols ? n->feature + 1 : w->cols;
    if ((n->ask == FLOW_EQ || n->ask == FLOW_NE) && !ask_for(w, n->feature, n->value))
        return 0;
    for (uint32_t k = n->set; k < n->set_end && n->ask == FLOW_MEMBER; k++)
        if (!ask_for(w, n->feature, w->e->members[k]))
            return 0;
    return push(w, n->no, 0) && push(w, n->yes, 0);
}

static int survey_tree(struct work *w, uint32_t t)
{
    uint32_t low = UINT32_MAX, high = 0;

    if (!push(w, w->e->roots[t], 0))
        return 0;
    while (w->part[STACK].bytes) {
        const uint32_t i = pop(w).node;

        if (i >= w->e->n_nodes)
            return (w->status = mdl_fail(w->err, MDL_ERR_FORMAT, "tree %u: node %u of %u", t, i,
                                         w->e->n_nodes)) == 0;
        const struct flow_tree_node *n = &w->e->nodes[i];
        if (n->ask != FLOW_LEAF) {
            if (!survey_split(w, i))
                return 0;
            continue;
        }
        if (n->yes > n->no || n->no > w->e->n_entries)
            return (w->status = mdl_fail(w->err, MDL_ERR_FORMAT, "leaf %u says nothing", i)) == 0;
        w->said += 1 + n->no - n->yes;
        if (!in_proportion(w, w->said))
            return 0;
        for (uint32_t k = n->yes; k < n->no; k++) {
            const uint32_t target = w->e->entries[k].target;
            if (target >= w->e->targets)
                return (w->status = mdl_fail(w->err, MDL_ERR_FORMAT, "leaf %u: target %u of %u", i,
                                             target, w->e->targets)) == 0;
            low = target < low ? target : low;
            high = target > high ? target : high;
        }
    }
    w->lowest[t] = low == UINT32_MAX ? 0 : low;
    if (low != UINT32_MAX && high - low + 1 > w->width)
        w->width = high - low + 1;
    return 1;
}

static int by_feature(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;

    if (x->feature != y->feature)
        return x->feature < y->feature ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

/* Each pair once; the features once in LOOKED. */
static int sort_asked(struct work *w)
{
    struct asked *a = AT(w, ASKED, struct asked);
    const uint32_t n = COUNT(w, ASKED, struct asked);
    uint32_t kept = 0;

    if (n)
        qsort(a, n, sizeof *a, by_feature);
    for (uint32_t i = 0; i < n; i++) {
        if (kept && !by_feature(&a[kept - 1], &a[i]))
            continue;
        if ((!kept || a[kept - 1].feature != a[i].feature) && !put_u32(w, LOOKED, a[i].feature))
            return 0;
        a[kept++] = a[i];
    }
    w->part[ASKED].bytes = kept * sizeof *a;
    return 1;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* How many pairs are of features before this one. */
static uint32_t first_of(const struct asked *a, uint32_t n, uint32_t feature)
{
    uint32_t low = 0;

    while (low < n) {
        const uint32_t middle = low + (n - low) / 2;
        if (a[middle].feature < feature)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

/* Where the pair is among those of its feature; *column is the column of positions. */
static uint32_t position(const struct work *w, uint32_t feature, double value, uint32_t *column)
{
    const struct asked key = { feature, value }, *a = AT(w, ASKED, struct asked);
    const uint32_t n = COUNT(w, ASKED, struct asked), *looked = AT(w, LOOKED, uint32_t);
    const struct asked *at = bsearch(&key, a, n, sizeof *a, by_feature);
    const uint32_t *of = bsearch(&feature, looked, COUNT(w, LOOKED, uint32_t), sizeof *looked,
                                 by_number);

    *column = (uint32_t)(of - looked);
    return (uint32_t)(at - a) - first_of(a, n, feature);
}

/* ---- asked anew ------------------------------------------------------------------------------ */

struct question {
    uint8_t  flags;
    uint32_t left, right, feature;
    double   threshold;
};

/* The double below. */
static double below(double t)
{
    uint64_t bits;

    if (t == 0)
        return -0x1p-1074;
    memcpy(&bits, &t, sizeof bits);
    bits += t > 0 ? (uint64_t)-1 : 1;
    memcpy(&t, &bits, sizeof t);
    return t;
}

/* Left as `left_yes` says; NaN to `nan_yes`'s side. */
static struct question number(const struct flow_tree_node *n, int left_yes, double t, int nan_yes)
{
    const int nan_left = left_yes == nan_yes;

    return (struct question){
        .flags = (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT
                           | (nan_left ? MDL_NODE_DEFAULT_LEFT : 0)),
        .left = left_yes ? n->yes : n->no, .right = left_yes ? n->no : n->yes,
        .feature = n->feature, .threshold = t,
    };
}

/* A comparison whose answer is `yes` whatever x is, but for NaN. */
static struct question always(const struct work *w, const struct flow_tree_node *n, int yes,
                              int nan_yes)
{
    const double infinity = (double)INFINITY;

    /* x < -inf is never true, x <= inf always */
    return w->less ? number(n, !yes, -infinity, nan_yes) : number(n, yes, infinity, nan_yes);
}

static struct question compare(const struct work *w, const struct flow_tree_node *n)
{
    const int strict = n->ask == FLOW_LT || n->ask == FLOW_GE;
    const int left_yes = n->ask == FLOW_LE || n->ask == FLOW_LT;
    const int nan_yes = n->missing_yes != 0;

    if (n->value != n->value)
        return always(w, n, 0, nan_yes);
    if (strict == w->less)
        return number(n, left_yes, n->value, nan_yes);
    if (n->value == -(double)INFINITY)
        return always(w, n, !left_yes, nan_yes);           /* x < -inf */
    return number(n, left_yes, below(n->value), nan_yes);
}

/* Bits of the set of positions; where it begins is added by the caller. */
static int put_set(struct work *w, const struct flow_tree_node *n, uint32_t *column)
{
    const size_t begin = w->part[SET_WORDS].bytes;
    const int many = n->ask == FLOW_MEMBER;
    const uint32_t from = many ? n->set : 0, to = many ? n->set_end : 1;

    *column = 0;
    for (uint32_t k = from; k < to; k++) {
        const double v = many ? w->e->members[k] : n->value;
        if (v != v)
            continue;
        const uint32_t at = position(w, n->feature, v + 0.0, column);
        const size_t need = begin + (at / 32 + 1) * sizeof(uint32_t);
        if (!in_proportion(w, need / sizeof(uint32_t)))
            return 0;
        if (need > w->part[SET_WORDS].bytes
            && !put(w, SET_WORDS, NULL, need - w->part[SET_WORDS].bytes))
            return 0;
        AT(w, SET_WORDS, uint32_t)[begin / 4 + at / 32] |= 1u << at % 32;
    }
    return 1;
}

/* Is x one of the values? */
static int membership(struct work *w, const struct flow_tree_node *n, struct question *q)
{
    const int left_yes = n->ask != FLOW_NE;
    const int nan_yes = n->ask == FLOW_NE || n->missing_yes;
    uint32_t column;

    *q = number(n, left_yes, 0, nan_yes);
    if (!COUNT(w, SET_START, uint32_t) && !put_u32(w, SET_START, 0))
        return 0;
    if (!put_set(w, n, &column) || !put_u32(w, SET_START, COUNT(w, SET_WORDS, uint32_t)))
        return 0;
    q->flags = (uint8_t)((q->flags & ~MDL_NODE_NUMBER) | MDL_NODE_CATEGORY
                         | MDL_NODE_SET_LEFT);
    q->feature = COUNT(w, LOOKED, uint32_t) ? w->cols + column : 0;
    return 1;
}

/* ---- written --------------------------------------------------------------------------------- */

static int write_leaf(struct work *w, uint32_t node, uint32_t first)
{
    const struct flow_tree_node *n = &w->e->nodes[node];
    const int wide = w->e->type == MDL_F64;
    const size_t begin = w->part[VALUE].bytes, cell = wide ? 8 : 4;

    w->n_leaves++;
    if (!in_proportion(w, (uint64_t)w->n_leaves * w->width))
        return 0;
    if (!put(w, VALUE, NULL, w->width * cell) || !put_u32(w, LEAF_NODE, node))
        return 0;
    for (uint32_t k = n->yes; k < n->no && !w->e->extreme; k++) {
        const uint32_t at = w->e->entries[k].target - first;
        if (wide)
            ((double *)(void *)(w->part[VALUE].data + begin))[at] += w->e->entries[k].value;
        else
            ((float *)(void *)(w->part[VALUE].data + begin))[at] += (float)w->e->entries[k].value;
    }
    return put_u32(w, FEATURE, 0) && put_real(w, THRESHOLD, w->wide, 0) && put_u32(w, RIGHT, 0);
}

static int write_split(struct work *w, uint32_t node, uint32_t at)
{
    const struct flow_tree_node *n = &w->e->nodes[node];
    struct question q;

    if (n->ask >= FLOW_EQ) {
        if (!membership(w, n, &q))
            return 0;
    } else {
        q = compare(w, n);
    }
    w->part[FLAGS].data[at] = q.flags;
    return put_u32(w, FEATURE, q.feature) && put_real(w, THRESHOLD, w->wide, q.threshold)
        && put_u32(w, RIGHT, 0) && push(w, q.right, at) && push(w, q.left, NO_PATCH);
}

static int write_tree(struct work *w, uint32_t t)
{
    const uint32_t most = w->e->targets - w->width;
    const uint32_t first = w->lowest[t] < most ? w->lowest[t] : most;

    if (!put_u32(w, TREE_START, w->n_nodes) || !put_u32(w, OUTPUT, first)
        || !put_u32(w, ITERATION, t) || !push(w, w->e->roots[t], NO_PATCH))
        return 0;
    while (w->part[STACK].bytes) {
        const struct visit v = pop(w);
        const uint32_t at = w->n_nodes++;

        if (v.patch != NO_PATCH)
            AT(w, RIGHT, uint32_t)[v.patch] = at;
        if (at >= INT32_MAX)
            return (w->status = mdl_fail(w->err, MDL_ERR_LIMIT, "more than 2^31 nodes")) == 0;
        if (!put(w, FLAGS, NULL, 1))
            return 0;
        if (w->e->nodes[v.node].ask == FLOW_LEAF ? !write_leaf(w, v.node, first)
                                                 : !write_split(w, v.node, at))
            return 0;
    }
    return 1;
}

static int write_all(struct work *w)
{
    const uint32_t strict = 1u << FLOW_LT | 1u << FLOW_GE, loose = 1u << FLOW_LE | 1u << FLOW_GT;

    w->seen = mdl_arena_take(&w->f->arena, w->e->n_nodes, 1);
    w->lowest = mdl_arena_take(&w->f->arena, w->e->n_trees, sizeof *w->lowest);
    if (!w->seen || !w->lowest)
        return memory(w);
    w->cols = w->width = 1;
    for (uint32_t t = 0; t < w->e->n_trees; t++)
        if (!survey_tree(w, t))
            return 0;
    if (w->e->extreme)
        w->width = 1;
    w->less = w->asks & strict && !(w->asks & loose);
    w->wide = w->e->type == MDL_F64 || (w->asks & strict && w->asks & loose);
    if (!sort_asked(w))
        return 0;
    for (uint32_t t = 0; t < w->e->n_trees; t++)
        if (!write_tree(w, t))
            return 0;
    return put_u32(w, TREE_START, w->n_nodes) && put_u32(w, ITERATION, w->e->n_trees);
}

/* ---- into the flow --------------------------------------------------------------------------- */

static void weights(const struct work *w, int32_t node, const char *slot, enum part part,
                    uint32_t type)
{
    const int64_t count = (int64_t)(w->part[part].bytes / mdl_type_bytes(type));

    mdl_flow_weights(w->f, node, slot, type, 1, &count, w->part[part].data);
}

/* x as a table, with the positions that nodes ask for. */
static int32_t make_table(struct work *w, int32_t x)
{
    const uint32_t n = COUNT(w, ASKED, struct asked), k = COUNT(w, LOOKED, uint32_t);
    const struct asked *a = AT(w, ASKED, struct asked);
    const int32_t table = mdl_flow_node(w->f, "table", "", &x, 1, 1);

    mdl_flow_int(w->f, table, "cols", w->cols);
    mdl_flow_int(w->f, table, "first", 1);
    if (!k)
        return mdl_flow_result(w->f, table, 0);
    uint32_t *start = mdl_arena_take(&w->f->arena, k + 1ull, sizeof *start);
    double *values = mdl_arena_take(&w->f->arena, n, sizeof *values);
    if (!start || !values)
        return memory(w) - 1;
    for (uint32_t i = 0, column = 0; i < n; i++) {
        column += i && a[i].feature != a[i - 1].feature;
        values[i] = a[i].value;
        start[column + 1] = i + 1;
    }
    const int32_t in = mdl_flow_result(w->f, table, 0);
    const int32_t node = mdl_flow_node(w->f, "positions", "", &in, 1, 1);
    weights(w, node, "feature", LOOKED, MDL_U32);
    mdl_flow_weights(w->f, node, "start", MDL_U32, 1, (const int64_t[1]){ (int64_t)k + 1 }, start);
    mdl_flow_weights(w->f, node, "values", MDL_F64, 1, (const int64_t[1]){ n }, values);
    return mdl_flow_result(w->f, node, 0);
}

/* The least or greatest of what the leaves say. */
static int32_t make_extremes(struct work *w, int32_t leaves)
{
    const uint32_t *leaf = AT(w, LEAF_NODE, uint32_t);
    const uint8_t *flags = w->part[FLAGS].data;
    const int wide = w->e->type == MDL_F64;
    struct work x = { .f = w->f, .e = w->e, .err = w->err };
    uint32_t tree = 0, at = 0, n = 0;
    int ok = put_u32(&x, RIGHT, 0);      /* here RIGHT is start, OUTPUT target, LEAF_NODE trees */

    for (uint32_t i = 0; i <= w->n_nodes && ok; i++) {
        for (; ok && tree <= w->e->n_trees && AT(w, TREE_START, uint32_t)[tree] == i; tree++)
            ok = put_u32(&x, LEAF_NODE, at);
        if (i == w->n_nodes || flags[i])
            continue;
        const struct flow_tree_node *from = &w->e->nodes[leaf[at++]];
        for (uint32_t k = from->yes; k < from->no && ok; k++, n++)
            ok = put_u32(&x, OUTPUT, w->e->entries[k].target)
              && put_real(&x, VALUE, wide, w->e->entries[k].value);
        ok = ok && put_u32(&x, RIGHT, n);
    }
    const int32_t node = ok ? mdl_flow_node(w->f, "extremes", "", &leaves, 1, 1) : FLOW_NONE;
    if (ok) {
        weights(&x, node, "tree_start", LEAF_NODE, MDL_U32);
        weights(&x, node, "start", RIGHT, MDL_U32);
        weights(&x, node, "target", OUTPUT, MDL_U32);
        weights(&x, node, "value", VALUE, w->e->type);
        mdl_flow_int(w->f, node, "targets", w->e->targets);
        mdl_flow_int(w->f, node, "greatest", w->e->extreme == 2);
    }
    for (int i = 0; i < PARTS; i++)
        mdl_vec_free(&x.part[i], &w->f->allocator);
    return ok ? mdl_flow_result(w->f, node, 0) : memory(w) - 1;
}

static int32_t make(struct work *w, int32_t x, const char *name)
{
    const int32_t table = make_table(w, x);
    const int32_t node = mdl_flow_node(w->f, "trees", name, &table, 1, 2);

    mdl_flow_choice(w->f, node, "compare", w->less ? "<" : "<=");
    mdl_flow_int(w->f, node, "average", w->e->average && !w->e->extreme);
    mdl_flow_int(w->f, node, "outputs", w->e->targets);
    mdl_flow_int(w->f, node, "leaf_width", w->width);
    weights(w, node, "tree_start", TREE_START, MDL_U32);
    weights(w, node, "iteration", ITERATION, MDL_U32);
    weights(w, node, "output", OUTPUT, MDL_U32);
    weights(w, node, "flags", FLAGS, MDL_U8);
    weights(w, node, "feature", FEATURE, MDL_U32);
    weights(w, node, "threshold", THRESHOLD, w->wide ? MDL_F64 : MDL_F32);
    weights(w, node, "right", RIGHT, MDL_U32);
    mdl_flow_weights(w->f, node, "value", w->e->type, 2,
                     (const int64_t[2]){ w->n_leaves, w->width }, w->part[VALUE].data);
    if (COUNT(w, SET_START, uint32_t)) {
        weights(w, node, "set_start", SET_START, MDL_U32);
        weights(w, node, "set_words", SET_WORDS, MDL_U32);
    }
    return w->e->extreme ? make_extremes(w, mdl_flow_result(w->f, node, 1))
                         : mdl_flow_result(w->f, node, 0);
}

int32_t mdl_flow_trees(struct flow *f, int32_t x, const char *name, const struct flow_ensemble *e,
                       mdl_error *err)
{
    struct work w = { .f = f, .e = e, .err = err };
    int32_t result = FLOW_NONE;

    if (!e->n_trees || !e->targets || e->targets > INT32_MAX)
        mdl_fail(err, MDL_ERR_FORMAT, "%u trees of %u targets", e->n_trees, e->targets);
    else if (write_all(&w))
        result = make(&w, x, name);
    for (int i = 0; i < PARTS; i++)
        mdl_vec_free(&w.part[i], &f->allocator);
    return w.status ? FLOW_NONE : result;
}
