/*
 * op/tree_survey.c - all trees, seen once
 *
 * Checked, counted and numbered one after the other, each while it is in the nearest cache.  A tree
 * is what its splits have below their left children (op/tree.h): with what is below its root, every
 * split knows what is below itself, and hands it on.
 *
 *     split            0    1    2          left 1 0 0, 3 splits in all
 *     splits below     3    1    1          itself included: left + right + 1
 *     leaves before    0    0    2          right: those of the split + left + 1
 *
 * A file of nodes is checked node by node first.  From the last to the first, what is below a node
 * ends where it ends for the right child, which is where it ends for the left one; and if all is
 * below the root, each has one parent and the tree is in pre-order.
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
enum { IS_WRONG = 1, IS_TEST = 2 };

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
            is[f] = IS_TEST;
    }
}

/* A tree, and what was found out about it. */
struct tree_seen {
    uint32_t start, end;          /* its nodes                  */
    uint32_t first, splits;       /* its first split; how many  */
    uint32_t kept;                /* where lists of splits have its first one */
    uint32_t is;                  /* of all its nodes           */
    uint32_t deepest;
};

/* ---- files of nodes ---------------------------------------------------------------------- */

/* Which nodes are splits, and which leaves.  Without a branch on what a node is: they follow each
 * other in no order. */
static void find_splits(const struct trees_plan *p, const uint8_t *is, const struct survey *s,
                        struct tree_seen *t)
{
    const uint8_t *flags = p->asked.flags + t->start;
    const size_t nodes = t->end - t->start;
    uint32_t *splits = s->splits + t->first, *leaves = s->place;
    uint32_t all = 0;
    size_t n = 0;

    for (size_t i = 0; i < nodes; i++) {
        const size_t f = flags[i];

        all |= is[f];
        leaves[i - n] = (uint32_t)i + t->start;
        splits[n] = (uint32_t)i + t->start;
        n += f != NODE_LEAF;
    }
    t->is = all;
    t->splits = (uint32_t)n;
}

/* Are they right, each for itself?  A leaf has zeros, and so has the threshold of a category; the
 * magnitude of NaN, as an integer, is above that of infinity. */
#define CHECK(name, integer, infinity) \
static int name(const struct trees_plan *p, uint64_t cols, const uint32_t *splits, size_t n_splits, \
                const uint32_t *leaves, size_t n_leaves) \
{ \
    const integer *threshold = p->asked.threshold; \
    const uint32_t *feature = p->asked.feature.at, *right = p->right_node; \
    const uint8_t *flags = p->asked.flags; \
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
    for (size_t k = 0; k < n_splits && p->n_sets; k++) \
        if ((flags[splits[k]] & NODE_KIND) == NODE_CATEGORY) \
            any |= threshold[splits[k]]; \
    return !any && most < cols && magnitude <= infinity; \
}
CHECK(nodes_are_right_f32, uint32_t, 0xFF000000u)
CHECK(nodes_are_right_f64, uint64_t, 0xFFE0000000000000u)

/* Is a tree whose nodes are right in pre-order?  Its right children are in no range so far. */
static int is_in_order(const struct trees_plan *p, const struct survey *s,
                       const struct tree_seen *t)
{
    const uint32_t nodes = t->end - t->start, *right = p->right_node + t->start;
    uint32_t *below = s->place;   /* the first node that is not below one */
    uint32_t bad = 0;

    memcpy(below, s->next, (nodes + 1ull) * sizeof *below);   /* all are leaves */
    for (uint32_t k = t->splits; k-- > 0;) {
        const uint32_t i = s->splits[t->first + k] - t->start, given = right[i] - t->start;
        const uint32_t r = given < nodes ? given : nodes;

        bad |= below[i + 1] ^ given;
        below[i] = below[r];
    }
    return !bad && below[0] == nodes;
}

static mdl_status bad_parent(const struct node *n, uint32_t i, const char *what, mdl_error *err)
{
    return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_RIGHT].offset + 4ull * i,
                       "node %u %s", i, what);
}

/* Number a tree that is in another order. */
static mdl_status number_any(const struct node *n, struct survey *s, struct tree_seen *t,
                             mdl_error *err)
{
    struct trees_plan *p = n->plan;
    uint32_t *level = s->place, k = 0;   /* 1 + level; 0: no parent so far */

    memset(level, 0, (size_t)(t->end - t->start) * sizeof *level);
    level[0] = 1;
    for (uint32_t i = t->start; i < t->end; i++) {
        const uint32_t own = level[i - t->start];

        if (!own)
            return bad_parent(n, i, "has no parent", err);
        if ((p->asked.flags[i] & NODE_KIND) == NODE_LEAF)
            continue;
        p->leaf_bits[i / 64] &= ~((uint64_t)1 << i % 64);
        uint32_t *left = &level[i + 1 - t->start], *right = &level[p->right_node[i] - t->start];
        if (*left || *right)
            return bad_parent(n, *left ? i + 1 : p->right_node[i], "has two parents", err);
        *left = *right = own + 1;
        t->deepest = own > t->deepest ? own : t->deepest;
        p->path += s->half[own < 64 ? own - 1 : 63] / p->n_trees;
        s->splits[t->first + k++] = i;
    }
    t->splits = k;
    return MDL_OK;
}

/* Is it written as trees are?  Then its splits know how many are below their left children. */
static int is_written(const struct node *n, uint64_t cols, const uint8_t *is,
                      const struct survey *s, struct tree_seen *t)
{
    const struct trees_plan *p = n->plan;
    uint32_t *left = s->left;

    if (t->start == t->end)
        return 0;
    find_splits(p, is, s, t);
    const uint32_t *splits = s->splits + t->first, leaves = t->end - t->start - t->splits;
    const int right = p->asked.wide
        ? nodes_are_right_f64(p, cols, splits, t->splits, s->place, leaves)
        : nodes_are_right_f32(p, cols, splits, t->splits, s->place, leaves);
    if (t->is & IS_WRONG || !right || !is_in_order(p, s, t))
        return 0;
    for (uint32_t k = 0; k < t->splits; k++)
        left[t->first + k] = (p->right_node[splits[k]] - splits[k] - 2) / 2;
    return 1;
}

/* ---- trees of splits --------------------------------------------------------------------- */

/* Number the nodes of a tree, and its splits; 0: what is below a left child is more than there is
 * below its parent.  Without a branch on which children are leaves. */
static int number(struct trees_plan *p, const struct survey *s, uint8_t *levels,
                  struct tree_seen *t)
{
    const uint32_t first = t->first, n = t->splits;
    const uint32_t *left = s->left + t->kept;
    uint64_t *below = s->below;   /* children that are leaves go to below[-1] */
    uint32_t *depth = s->depth, *splits = s->splits + t->kept;
    uint64_t *leaf_bits = p->leaf_bits;
    uint32_t deepest = 0, bad = 0;

    below[0] = n | (uint64_t)(t->start - first) << 32;
    depth[0] = 1;
    for (uint32_t k = 0; k < n; k++) {
        const uint64_t own = below[k];
        const uint32_t all = (uint32_t)own, leaf = (uint32_t)(own >> 32), level = depth[k];
        const uint32_t given = left[k], l = given & (0 - (uint32_t)(given < all)), r = all - 1 - l;
        const int64_t to_left = (int64_t)(k + 1ull) | -(int64_t)!l;
        const int64_t to_right = (int64_t)(k + 1ull + l) | -(int64_t)!r;
        const uint32_t i = first + k + leaf;

        bad |= given ^ l;
        splits[k] = i;
        levels[k] = (uint8_t)level;
        leaf_bits[i / 64] &= ~((uint64_t)1 << i % 64);
        deepest = level > deepest ? level : deepest;
        below[to_left] = own - all + l;
        below[to_right] = r | (uint64_t)(leaf + l + 1) << 32;
        depth[to_left] = depth[to_right] = level + 1;
    }
    t->deepest = deepest;
    return !bad;
}

#define PATH_TREES 64u            /* stand for all, about */

/* How many splits a row passes in a tree: by the training weights, else as if half went each way. */
static double path_of(const struct node *n, uint32_t tree, const struct survey *s,
                      const struct tree_seen *t)
{
    const uint32_t before = t->start - t->first;
    const uint64_t *below = s->below;
    double path = 0, *sum = s->sum;

    if (sum && !s->busy)
        mdl_tree_leaf_covers(n, tree, sum);
    if (sum && sum[t->splits + 1] > 0) {
        for (uint32_t k = 0; k < t->splits; k++) {
            const double *leaf = sum + ((below[k] >> 32) - before);
            path += leaf[(uint32_t)below[k] + 1] - leaf[0];
        }
        return path / sum[t->splits + 1];
    }
    for (uint32_t k = 0; k < t->splits; k++)
        path += s->half[s->depth[k] < 64 ? s->depth[k] - 1 : 63];
    return path;
}

/* Which children of splits more rows pass. */
static void find_busy(const struct node *n, uint32_t tree, const struct survey *s,
                      const struct tree_seen *t)
{
    const uint32_t before = t->start - t->first, *left = s->left + t->first;
    const uint64_t *below = s->below;

    mdl_tree_leaf_covers(n, tree, s->sum);
    for (uint32_t k = 0; k < t->splits; k++) {
        const double *leaf = s->sum + ((below[k] >> 32) - before), *middle = leaf + left[k] + 1;
        s->busy[t->first + k] = *middle - *leaf >= leaf[(uint32_t)below[k] + 1] - *middle;
    }
}

/* ---- all of them ------------------------------------------------------------------------- */

MDL_INLINE void fetch_tree(const struct node *n, uint32_t tree)
{
    const struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_THRESHOLD], *cover = &n->tensors[TREES_COVER];

    if (tree >= p->n_trees || p->tree_start[tree + 1] - p->tree_start[tree] > NEAR_NODES
        || !p->right_node)
        return;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    mdl_trees_fetch(p->asked.flags, start, end, 1);
    mdl_trees_fetch(p->asked.feature.at, start, end, sizeof(uint32_t));
    mdl_trees_fetch(p->right_node, start, end, sizeof *p->right_node);
    mdl_trees_fetch(t->data, start, end, mdl_type_bytes(t->type));
    if (cover->type)
        mdl_trees_fetch(cover->data, start, end, mdl_type_bytes(cover->type));
}

/* Do ranks decide all of its questions? */
static int has_tests(const struct trees_plan *p, const struct tree_seen *t)
{
    uint32_t any = 0;

    for (uint32_t k = t->first; k < t->first + t->splits && p->tested; k++)
        any |= (uint32_t)mdl_flags_are_test(p->asked.flags[mdl_tree_word(p->question, k)]);
    return any != 0;
}

static mdl_status survey_tree(const struct node *n, uint32_t tree, uint64_t cols,
                              const uint8_t *is, struct survey *s, struct rank_builder *b,
                              mdl_error *err)
{
    struct trees_plan *p = n->plan;
    struct tree_seen t = { .start = p->tree_start[tree], .end = p->tree_start[tree + 1],
                           .first = s->n_splits };
    const uint32_t step = p->n_trees / PATH_TREES + 1;
    const int nodes = p->right_node != NULL;

    fetch_tree(n, tree + 1);
    p->first_leaf[tree] = t.start - t.first;
    t.splits = (t.end - t.start) / 2;
    t.kept = b->ready ? 0 : t.first;
    if (nodes && !is_written(n, cols, is, s, &t)) {
        mdl_status status = mdl_trees_explain(n, p, cols, tree, err);
        if (!status) status = number_any(n, s, &t, err);
        if (status)
            return status;
        p->in_order = 0;
    } else {
        if (!nodes)
            mdl_tree_widen(s->left + t.kept, p->left, t.first, t.splits);
        if (!number(p, s, b->level + t.kept, &t))
            return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_LEFT].offset,
                               "tree %u has more splits below a left child than below its parent",
                               tree);
        if (s->busy)
            find_busy(n, tree, s, &t);
        if (tree % step == 0)
            p->path += path_of(n, tree, s, &t) / ((p->n_trees + step - 1) / step);
    }
    p->general[tree] = (uint8_t)(nodes ? (t.is & IS_TEST) != 0 : has_tests(p, &t));
    p->n_general += p->general[tree];
    p->depth[tree] = t.deepest;
    s->n_splits += t.splits;
    return p->in_order ? mdl_ranks_meet(b, n, t.first, s->n_splits, err) : MDL_OK;
}

static uint32_t largest_tree(const struct trees_plan *p)
{
    uint32_t most = 0;

    for (uint32_t t = 0; t < p->n_trees; t++)
        if (p->tree_start[t + 1] - p->tree_start[t] > most)
            most = p->tree_start[t + 1] - p->tree_start[t];
    return most;
}

/* Are trees so large, or so few, that walks by keys may be wanted?  See keys_may_pay. */
static int may_walk_deep(const struct trees_plan *p, uint32_t largest)
{
    return largest / 2 + 1 > FORK_LEAVES || p->n_trees <= FEW_TREES;
}

/* Room for what is found out. */
static mdl_status make_room(const struct node *n, struct survey *s, struct rank_builder *b,
                            struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;

    s->largest = largest_tree(p);
    const uint64_t splits = (b->ready ? s->largest : p->n_nodes) / 2 + 1ull;
    const int busy = mdl_trees_weighed(n) && !b->ready && may_walk_deep(p, s->largest);
    s->place = mdl_arena_take_raw(&s->temp, s->largest + 2ull, sizeof *s->place);
    s->level = mdl_arena_take_raw(&s->temp, s->largest, sizeof *s->level);
    s->next = mdl_arena_take_raw(&s->temp, s->largest + 2ull, sizeof *s->next);
    uint64_t *below = mdl_arena_take_raw(&s->temp, s->largest / 2 + 2ull, sizeof *below);
    uint32_t *depth = mdl_arena_take_raw(&s->temp, s->largest / 2 + 2ull, sizeof *depth);
    b->level = mdl_arena_take_raw(&s->temp, splits, 1);
    s->sum = mdl_trees_weighed(n)
                 ? mdl_arena_take_raw(&s->temp, s->largest / 2 + 3ull, sizeof *s->sum) : NULL;
    s->splits = mdl_arena_take_raw(&s->temp, splits + s->largest, sizeof *s->splits);
    s->left = mdl_arena_take_raw(&s->temp, splits, sizeof *s->left);
    s->busy = busy ? mdl_arena_take_raw(&s->temp, splits, 1) : NULL;
    if (!s->place || !s->level || !s->next || !below || !depth
        || !b->level || !s->splits
        || !s->left || (mdl_trees_weighed(n) && !s->sum)
        || (busy && !s->busy))
        return mdl_arena_fail(&s->temp, err, "tree ensemble");
    for (uint32_t i = 0; i <= s->largest; i++)
        s->next[i] = i + 1;
    s->below = below + 1;
    s->depth = depth + 1;
    b->splits = s->splits;
    b->left = s->left;
    const uint64_t words = p->n_nodes / 64 + 1;
    p->leaf_bits = mdl_arena_take_raw(a, words, sizeof *p->leaf_bits);
    p->leaves_before = mdl_arena_take_raw(a, words, sizeof *p->leaves_before);
    p->first_leaf = mdl_arena_take_raw(a, p->n_trees, sizeof *p->first_leaf);
    p->depth = mdl_arena_take_raw(a, p->n_trees, sizeof *p->depth);
    p->general = mdl_arena_take_raw(a, p->n_trees, sizeof *p->general);
    if (!p->leaf_bits || !p->leaves_before || !p->first_leaf || !p->depth || !p->general)
        return mdl_arena_fail(a, err, "tree ensemble");
    memset(p->leaf_bits, 0xFF, words * sizeof *p->leaf_bits);   /* splits take theirs away */
    return MDL_OK;
}

mdl_status mdl_trees_survey(const struct node *n, uint64_t cols, struct survey *s,
                            struct rank_builder *b, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    uint8_t is[256];
    mdl_status status = make_room(n, s, b, a, err);

    /* Without forks only a row that can be matched needs ranks. */
    b->most_columns = s->largest / 2 + 1 <= FORK_LEAVES ? UINT16_MAX : TOP_MOST;
    if (!status)
        status = mdl_ranks_open(b, n, err);
    list_flags(is);
    s->half[0] = 1;
    for (uint32_t l = 1; l < 64; l++)
        s->half[l] = s->half[l - 1] / 2;
    p->in_order = 1;
    for (uint32_t t = 0; t < p->n_trees && !status; t++)
        status = survey_tree(n, t, cols, is, s, b, err);
    p->n_leaves = p->n_nodes - s->n_splits;
    for (uint32_t w = 0, before = 0; w <= p->n_nodes / 64 && !status; w++) {
        const uint32_t last = 64 * w + 63;
        p->leaves_before[w] = before;
        before = mdl_tree_ordinal(p, last) + (uint32_t)mdl_tree_is_leaf(p, last);
    }
    return status;
}
