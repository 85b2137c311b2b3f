/*
 * op/tree_survey.c - all nodes of all trees, seen once
 *
 * Checked, counted and numbered in one pass, while they are in the nearest cache.  Trees are
 * written in pre-order: behind a leaf follows the right child that waits longest least, so a
 * stack of those that wait shows that each node has one parent.
 *
 *     nodes    0  1  2  3  4  5  6         0: 1, 4   1: 2, 3   4: 5, 6
 *     waiting  4  4  4     6  6
 *                 3
 *
 * A tree in another order, or in which something is wrong, is looked at again, node by node.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_survey.h"

#include <string.h>

/* What a node with certain flags may have. */
struct allowed {
    uint64_t columns;             /* features below that; 0: there is no such node         */
    uint64_t mask, most;          /* of the bits of the threshold: (bits & mask) <= most   */
    uint32_t right;               /* bits of the right child that are 0                    */
    uint32_t test, category;      /* ranks cannot decide it; it has a set                  */
};

/* The magnitude of a float, as an integer, is above that of infinity for NaN.  A node that is no
 * number has the threshold 0, and not -0. */
static void list_flags(struct allowed *allowed, uint64_t cols, int narrow)
{
    for (uint32_t f = 0; f < 256; f++) {
        const uint32_t kind = f & NODE_KIND;

        allowed[f] = (struct allowed){ .mask = UINT64_MAX };
        if (kind == NODE_LEAF && f == 0) {
            allowed[f].columns = 1;            /* column 0 */
            allowed[f].right = UINT32_MAX;
        }
        if (kind == NODE_NUMBER && !(f & (0xC0u | NODE_SET_LEFT))) {
            allowed[f].columns = cols;
            allowed[f].mask = narrow ? 0x7FFFFFFFu : 0x7FFFFFFFFFFFFFFFu;
            allowed[f].most = narrow ? 0x7F800000u : 0x7FF0000000000000u;
            allowed[f].test = (f & NODE_MISSING) == NODE_ZERO_DEFAULT;
        }
        if (kind == NODE_CATEGORY && !(f & 0xC0u)) {
            allowed[f].columns = cols;
            allowed[f].test = allowed[f].category = 1;
        }
    }
}

/* Counted over the trees before, and what there is in the tree. */
struct counts {
    uint32_t set, split;
    uint32_t test, category;
};

/* Are the nodes [start, end) right, each for itself?  Without a branch on what a node is: leaves
 * and splits follow each other in no order. */
#define CHECK(name, integer) \
static int name(const struct trees_plan *p, const integer *threshold, \
                const struct allowed *allowed, uint32_t start, uint32_t end, struct counts *c) \
{ \
    const uint8_t *flags = p->flags; \
    const uint32_t *feature = p->feature, *right = p->right; \
    uint32_t bad = 0, test = 0, category = 0; \
\
    for (size_t i = start; i < end; i++) { \
        const struct allowed *may = &allowed[flags[i]]; \
\
        bad |= (uint32_t)(feature[i] >= may->columns) | (right[i] & may->right) \
             | (uint32_t)((threshold[i] & (integer)may->mask) > (integer)may->most); \
        test |= may->test; \
        category |= may->category; \
    } \
    c->test = test; \
    c->category = category; \
    return !bad; \
}
CHECK(nodes_are_right_f32, uint32_t)
CHECK(nodes_are_right_f64, uint64_t)

/* Number the nodes of a tree that are right; 0: they are in no pre-order. */
static int number(struct trees_plan *p, uint32_t start, uint32_t end, struct survey *s,
                  struct counts *c)
{
    const uint8_t *flags = p->flags;
    const uint32_t *right = p->right;
    uint32_t *ordinal = p->ordinal, *splits = s->splits + c->split, *levels = s->level;
    uint64_t *wait = s->wait;
    size_t top = 1, n = 0, i = start;
    uint64_t level = 0;
    uint32_t bad = 0;

    wait[0] = end;                /* behind the last leaf */
    for (; i < end && top; i++) {
        const uint32_t split = flags[i] != NODE_LEAF;

        ordinal[i] = (uint32_t)(i - c->split - n);
        splits[n] = (uint32_t)i;
        levels[n] = (uint32_t)level;
        n += split;
        wait[top] = (level + 1) << 32 | right[i];
        const uint64_t next = wait[top + split - 1];   /* what was put there, or what waited */
        top += 2 * (size_t)split - 1;
        bad |= ((uint32_t)next ^ (uint32_t)(i + 1)) & (split - 1);
        level = next >> 32;
    }
    if (bad || top || i != end)
        return 0;
    for (size_t k = 0; k < n && c->category; k++)
        if ((flags[splits[k]] & NODE_KIND) == NODE_CATEGORY)
            ordinal[splits[k]] = c->set++;
    c->split += (uint32_t)n;
    return 1;
}

static mdl_status bad_parent(const struct node *n, uint32_t i, const char *what, mdl_error *err)
{
    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_RIGHT].offset + 4ull * i,
                       "node %u %s", i, what);
}

/* The same for a tree in any order. */
static mdl_status number_any(const struct node *n, uint32_t start, uint32_t end, struct survey *s,
                             struct counts *c, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint32_t first = c->split;

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
        s->level[c->split - first] = place - 1;
        s->splits[c->split++] = i;
    }
    return MDL_OK;
}

/* How deep a tree is, and how many nodes a row passes in it: by the training weights, else as if
 * half went each way.  Its splits are those from `first` on. */
static double measure(const struct node *n, uint32_t tree, const struct survey *s, uint32_t first,
                      uint32_t end)
{
    struct trees_plan *p = n->plan;
    const double *cover = n->tensors[TREES_COVER].type ? n->tensors[TREES_COVER].data : NULL;
    const double all = cover ? cover[p->tree_start[tree]] : 0;
    uint32_t deepest = 0;
    double sum = 0;

    for (uint32_t k = first; k < end; k++)
        deepest = s->level[k - first] >= deepest ? s->level[k - first] + 1 : deepest;
    p->depth[tree] = deepest;
    if (all > 0) {
        for (uint32_t k = first; k < end; k++)
            sum += cover[s->splits[k]];
        return sum / all;
    }
    for (uint32_t k = first; k < end; k++)
        sum += s->half[s->level[k - first] < 63 ? s->level[k - first] : 63];
    return sum;
}

static mdl_status survey_tree(const struct node *n, uint32_t tree, uint64_t cols,
                              const struct allowed *allowed, struct survey *s, struct counts *c,
                              mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_THRESHOLD];
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1], first = c->split;
    const int right = t->type == MDL_F32 ? nodes_are_right_f32(p, t->data, allowed, start, end, c)
                                         : nodes_are_right_f64(p, t->data, allowed, start, end, c);

    p->first_leaf[tree] = start - c->split;
    if (!right || !number(p, start, end, s, c)) {
        mdl_status status = mdl_trees_explain(n, p, cols, tree, err);
        if (!status) status = number_any(n, start, end, s, c, err);
        if (status)
            return status;
        p->in_order = 0;
    }
    p->general[tree] = (uint8_t)c->test;
    p->n_general += c->test;
    p->path += measure(n, tree, s, first, c->split) / p->n_trees;
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

/* Room for what is found out. */
static mdl_status make_room(struct trees_plan *p, struct survey *s, struct arena *a, mdl_error *err)
{
    s->largest = largest_tree(p);
    s->place = mdl_arena_take_raw(&s->temp, s->largest, sizeof *s->place);
    s->level = mdl_arena_take_raw(&s->temp, s->largest, sizeof *s->level);
    s->wait = mdl_arena_take_raw(&s->temp, s->largest + 2ull, sizeof *s->wait);
    s->splits = mdl_arena_take_raw(&s->temp, p->n_nodes / 2 + 1ull + s->largest, sizeof *s->splits);
    if (!s->place || !s->level || !s->wait || !s->splits)
        return mdl_arena_fail(&s->temp, err, "tree ensemble");
    p->ordinal = mdl_arena_take_raw(a, p->n_nodes, sizeof *p->ordinal);
    p->first_leaf = mdl_arena_take_raw(a, p->n_trees, sizeof *p->first_leaf);
    p->depth = mdl_arena_take_raw(a, p->n_trees, sizeof *p->depth);
    p->general = mdl_arena_take_raw(a, p->n_trees, sizeof *p->general);
    if (!p->ordinal || !p->first_leaf || !p->depth || !p->general)
        return mdl_arena_fail(a, err, "tree ensemble");
    return MDL_OK;
}

mdl_status mdl_trees_survey(const struct node *n, uint64_t cols, struct survey *s,
                            struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    struct allowed allowed[256];
    struct counts c = { .set = 0 };
    mdl_status status = make_room(p, s, a, err);

    list_flags(allowed, cols, n->tensors[TREES_THRESHOLD].type == MDL_F32);
    s->half[0] = 1;
    for (uint32_t l = 1; l < 64; l++)
        s->half[l] = s->half[l - 1] / 2;
    p->in_order = 1;
    for (uint32_t t = 0; t < p->n_trees && !status; t++)
        status = survey_tree(n, t, cols, allowed, s, &c, err);
    p->n_leaves = p->n_nodes - c.split;
    p->n_sets = c.set;
    s->n_splits = c.split;
    return status;
}
