/*
 * op/tree_survey.c - all nodes of all trees, seen once
 *
 * Checked, counted and numbered tree by tree, each while it is in the nearest cache.  Trees are
 * written in pre-order: behind a node follows what is below it, the left child's first.  So,
 * from the last node to the first, what is below a node ends where it ends for the right child,
 * which is where it ends for the left one; and if all is below the root, each has one parent.
 *
 *     nodes    0  1  2  3  4  5  6         0: 1, 4   1: 2, 3   4: 5, 6
 *     end      7  4  3  4  7  6  7
 *
 * A tree in another order, or in which something is wrong, is looked at again, node by node.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_survey.h"

#include <string.h>

/* What flags say of a node; there is none with IS_WRONG. */
enum { IS_WRONG = 1, IS_TEST = 2, IS_CATEGORY = 4 };

static void list_flags(uint8_t *is)
{
    for (uint32_t f = 0; f < 256; f++) {
        const uint32_t kind = f & NODE_KIND;

        is[f] = IS_WRONG;
        if (kind == NODE_LEAF && f == 0)
            is[f] = 0;
        if (kind == NODE_NUMBER && !(f & (0xC0u | NODE_SET_LEFT)))
            is[f] = (f & NODE_MISSING) == NODE_ZERO_DEFAULT ? IS_TEST : 0;
        if (kind == NODE_CATEGORY && !(f & 0xC0u))
            is[f] = IS_TEST | IS_CATEGORY;
    }
}

/* Counted over the trees before, and what there is in the tree. */
struct counts {
    uint32_t set, split;
    uint32_t end;                 /* splits with those of the tree                         */
    uint32_t is;                  /* of all its nodes                                      */
};

/* Which of the nodes [start, end) are splits, and which leaves: numbered, with the leaves before
 * them.  Without a branch on what a node is: they follow each other in no order. */
static void find_splits(const struct trees_plan *p, const uint8_t *is, uint32_t start, uint32_t end,
                        const struct survey *s, struct counts *c)
{
    const uint8_t *flags = p->flags + start;
    const size_t nodes = end - start;
    uint32_t *ordinal = p->ordinal + start, *splits = s->splits + c->split, *leaves = s->place;
    const uint32_t before = start - c->split;
    uint32_t all = 0;
    size_t n = 0;

    for (size_t i = 0; i < nodes; i++) {
        const size_t f = flags[i];

        all |= is[f];
        ordinal[i] = before + (uint32_t)(i - n);
        leaves[i - n] = (uint32_t)i + start;
        splits[n] = (uint32_t)i + start;
        n += f != NODE_LEAF;
    }
    c->is = all;
    c->end = c->split + (uint32_t)n;
}

/* Are they right, each for itself?  A leaf has zeros; the magnitude of NaN, as an integer, is above
 * that of infinity. */
#define CHECK(name, integer, infinity) \
static int name(const struct trees_plan *p, const integer *threshold, uint64_t cols, \
                const uint32_t *splits, size_t n_splits, const uint32_t *leaves, size_t n_leaves) \
{ \
    const uint32_t *feature = p->feature, *right = p->right; \
    uint32_t most = 0; \
    integer magnitude = 0, any = 0; \
\
    for (size_t k = 0; k < n_splits; k++) { \
        const integer twice = (integer)(threshold[splits[k]] << 1); \
        const uint32_t f = feature[splits[k]]; \
\
        most = f > most ? f : most; \
        magnitude = twice > magnitude ? twice : magnitude; \
    } \
    for (size_t k = 0; k < n_leaves; k++) \
        any |= feature[leaves[k]] | right[leaves[k]] | threshold[leaves[k]]; \
    return !any && most < cols && magnitude <= infinity; \
}
CHECK(nodes_are_right_f32, uint32_t, 0xFF000000u)
CHECK(nodes_are_right_f64, uint64_t, 0xFFE0000000000000u)

/* Is a tree whose nodes are right in pre-order?  Its right children are in no range so far. */
static int is_in_order(const struct trees_plan *p, uint32_t start, uint32_t end,
                       const struct survey *s, const struct counts *c)
{
    const uint32_t nodes = end - start, *right = p->right + start;
    uint32_t *below = s->place;   /* the first node that is not below one */
    uint32_t bad = 0;

    memcpy(below, s->next, (nodes + 1ull) * sizeof *below);   /* all are leaves */
    for (uint32_t k = c->end; k-- > c->split;) {
        const uint32_t i = s->splits[k] - start, given = right[i] - start;
        const uint32_t r = given < nodes ? given : nodes;

        bad |= below[i + 1] ^ given;
        below[i] = below[r];
    }
    return !bad && below[0] == nodes;
}

/* How deep a tree is, and how many nodes a row passes in it: by the training weights, else as if
 * half went each way. */
struct measure {
    const double *cover, *half;   /* cover NULL: by half                                   */
    uint32_t deepest;
    double   sum;
};

static void add_split(struct measure *m, uint32_t i, uint32_t level)
{
    m->deepest = level >= m->deepest ? level + 1 : m->deepest;
    m->sum += m->cover ? m->cover[i] : m->half[level < 63 ? level : 63];
}

/* The splits of a tree in pre-order. */
static void measure_splits(const struct trees_plan *p, uint32_t start, const struct survey *s,
                           const struct counts *c, struct measure *to)
{
    const uint32_t *right = p->right, *splits = s->splits;
    uint32_t *level = s->place;
    struct measure m = *to;

    level[0] = 0;
    for (uint32_t k = c->split; k < c->end; k++) {
        const uint32_t i = splits[k], own = level[i - start];

        level[i + 1 - start] = level[right[i] - start] = own + 1;
        add_split(&m, i, own);
    }
    *to = m;
}

/* Category nodes have no thresholds; and the numbers of their sets. */
static int number_sets(const struct node *n, const struct survey *s, struct counts *c)
{
    struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_THRESHOLD];
    uint64_t zero = 0;

    for (uint32_t k = c->split; k < c->end; k++) {
        const uint32_t i = s->splits[k];

        if ((p->flags[i] & NODE_KIND) != NODE_CATEGORY)
            continue;
        zero |= t->type == MDL_F32 ? ((const uint32_t *)t->data)[i] : ((const uint64_t *)t->data)[i];
        p->ordinal[i] = c->set++;
    }
    return !zero;
}

static mdl_status bad_parent(const struct node *n, uint32_t i, const char *what, mdl_error *err)
{
    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_RIGHT].offset + 4ull * i,
                       "node %u %s", i, what);
}

/* The same for a tree in any order. */
static mdl_status number_any(const struct node *n, uint32_t start, uint32_t end, struct survey *s,
                             struct counts *c, struct measure *m, mdl_error *err)
{
    struct trees_plan *p = n->plan;

    memset(s->place, 0, (size_t)(end - start) * sizeof *s->place);
    s->place[0] = 1;              /* 1 + level; 0: no parent so far */
    for (uint32_t i = start; i < end; i++) {
        const uint32_t place = s->place[i - start], kind = p->flags[i] & NODE_KIND;

        if (!place)
            return bad_parent(n, i, "has no parent", err);
        p->ordinal[i] = kind == NODE_CATEGORY ? c->set++ : i - c->split;
        if (kind == NODE_LEAF)
            continue;
        uint32_t *left = &s->place[i + 1 - start], *right = &s->place[p->right[i] - start];
        if (*left || *right)
            return bad_parent(n, *left ? i + 1 : p->right[i], "has two parents", err);
        *left = *right = place + 1;
        add_split(m, i, place - 1);
        s->splits[c->split++] = i;
    }
    return MDL_OK;
}

/* Check and number a tree that is written as trees are; 0: it is not. */
static int survey_written(const struct node *n, uint32_t tree, uint64_t cols, const uint8_t *is,
                          const struct survey *s, struct counts *c, struct measure *m)
{
    const struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_THRESHOLD];
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1], set = c->set;

    find_splits(p, is, start, end, s, c);
    const uint32_t *splits = s->splits + c->split;
    const uint32_t count = c->end - c->split, leaves = end - start - count;
    const int right = t->type == MDL_F32
        ? nodes_are_right_f32(p, t->data, cols, splits, count, s->place, leaves)
        : nodes_are_right_f64(p, t->data, cols, splits, count, s->place, leaves);
    if (start == end || c->is & IS_WRONG || !right || !is_in_order(p, start, end, s, c))
        return 0;
    if (c->is & IS_CATEGORY && !number_sets(n, s, c)) {
        c->set = set;
        return 0;
    }
    measure_splits(p, start, s, c, m);
    c->split = c->end;
    return 1;
}

MDL_INLINE void fetch_tree(const struct node *n, uint32_t tree)
{
    const struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_THRESHOLD], *cover = &n->tensors[TREES_COVER];

    if (tree >= p->n_trees || p->tree_start[tree + 1] - p->tree_start[tree] > NEAR_NODES)
        return;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    mdl_trees_fetch(p->flags, start, end, 1);
    mdl_trees_fetch(p->feature, start, end, sizeof *p->feature);
    mdl_trees_fetch(p->right, start, end, sizeof *p->right);
    mdl_trees_fetch(t->data, start, end, mdl_type_bytes(t->type));
    if (cover->type)
        mdl_trees_fetch(cover->data, start, end, sizeof(double));
}

static mdl_status survey_tree(const struct node *n, uint32_t tree, uint64_t cols,
                              const uint8_t *is, struct survey *s, struct counts *c,
                              struct rank_builder *b, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree], first = c->split;
    const double *cover = n->tensors[TREES_COVER].type ? n->tensors[TREES_COVER].data : NULL;
    const int weighed = cover && start < p->n_nodes && cover[start] > 0;
    struct measure m = { .cover = weighed ? cover : NULL, .half = s->half };

    fetch_tree(n, tree + 1);
    p->first_leaf[tree] = start - first;
    if (!survey_written(n, tree, cols, is, s, c, &m)) {
        mdl_status status = mdl_trees_explain(n, p, cols, tree, err);
        if (!status) status = number_any(n, start, p->tree_start[tree + 1], s, c, &m, err);
        if (status)
            return status;
        p->in_order = 0;
    }
    p->general[tree] = (c->is & IS_TEST) != 0;
    p->n_general += p->general[tree];
    p->depth[tree] = m.deepest;
    p->path += (weighed ? m.sum / cover[start] : m.sum) / p->n_trees;
    return mdl_ranks_meet(b, n, first, c->split, err);
}

static uint32_t largest_tree(const struct trees_plan *p)
{
    uint32_t most = 0;

    for (uint32_t t = 0; t < p->n_trees; t++)
        if (p->tree_start[t + 1] - p->tree_start[t] > most)
            most = p->tree_start[t + 1] - p->tree_start[t];
    return most;
}

/* Room for what is found out. */
static mdl_status make_room(struct trees_plan *p, struct survey *s, struct arena *a, mdl_error *err)
{
    s->largest = largest_tree(p);
    s->place = mdl_arena_take_raw(&s->temp, s->largest + 2ull, sizeof *s->place);
    s->level = mdl_arena_take_raw(&s->temp, s->largest, sizeof *s->level);
    s->next = mdl_arena_take_raw(&s->temp, s->largest + 2ull, sizeof *s->next);
    s->splits = mdl_arena_take_raw(&s->temp, p->n_nodes / 2 + 1ull + s->largest, sizeof *s->splits);
    if (!s->place || !s->level || !s->next || !s->splits)
        return mdl_arena_fail(&s->temp, err, "tree ensemble");
    for (uint32_t i = 0; i <= s->largest; i++)
        s->next[i] = i + 1;
    p->ordinal = mdl_arena_take_raw(a, p->n_nodes, sizeof *p->ordinal);
    p->first_leaf = mdl_arena_take_raw(a, p->n_trees, sizeof *p->first_leaf);
    p->depth = mdl_arena_take_raw(a, p->n_trees, sizeof *p->depth);
    p->general = mdl_arena_take_raw(a, p->n_trees, sizeof *p->general);
    if (!p->ordinal || !p->first_leaf || !p->depth || !p->general)
        return mdl_arena_fail(a, err, "tree ensemble");
    return MDL_OK;
}

mdl_status mdl_trees_survey(const struct node *n, uint64_t cols, struct survey *s,
                            struct rank_builder *b, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    uint8_t is[256];
    struct counts c = { .set = 0 };
    mdl_status status = make_room(p, s, a, err);

    /* Without forks only a row that can be matched needs ranks. */
    b->most_columns = s->largest / 2 + 1 <= FORK_LEAVES ? UINT16_MAX : TOP_MOST;
    if (!status)
        status = mdl_ranks_open(b, p, s->splits, err);
    list_flags(is);
    s->half[0] = 1;
    for (uint32_t l = 1; l < 64; l++)
        s->half[l] = s->half[l - 1] / 2;
    p->in_order = 1;
    for (uint32_t t = 0; t < p->n_trees && !status; t++)
        status = survey_tree(n, t, cols, is, s, &c, b, err);
    p->n_leaves = p->n_nodes - c.split;
    p->n_sets = c.set;
    s->n_splits = c.split;
    return status;
}
