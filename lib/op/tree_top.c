/*
 * op/tree_top.c - the top of every tree, for kernels->match
 *
 * A top grows from the root by the node that most rows pass: by the source's training
 * weights where it gave them, else level by level.  See struct tree_top.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <string.h>

/* One tree's top while it grows; nodes are numbered from the tree's first. */
struct growth {
    uint32_t frontier[TOP_EXITS];          /* nodes that could be taken next             */
    uint32_t level[TOP_EXITS];
    uint32_t n_frontier;
    uint8_t *taken;                        /* [nodes of the tree]                        */
};

static int is_split(const struct trees_plan *p, uint32_t i)
{
    return (p->flags[i] & NODE_KIND) != NODE_LEAF;
}

/* Place of the frontier node that most rows pass; n_frontier when all are leaves. */
static uint32_t busiest(const struct node *n, const struct growth *g, uint32_t start)
{
    const struct trees_plan *p = n->plan;
    const double *cover = n->tensors[TREES_COVER].type ? n->tensors[TREES_COVER].data : NULL;
    uint32_t best = g->n_frontier;

    for (uint32_t k = 0; k < g->n_frontier; k++) {
        if (!is_split(p, start + g->frontier[k]))
            continue;
        if (best == g->n_frontier
            || (cover ? cover[start + g->frontier[k]] > cover[start + g->frontier[best]]
                      : g->level[k] < g->level[best]))
            best = k;
    }
    return best;
}

static void grow(const struct node *n, struct growth *g, uint32_t start)
{
    const struct trees_plan *p = n->plan;

    g->frontier[0] = g->level[0] = 0;
    g->n_frontier = 1;
    for (uint32_t nodes = 0; nodes < TOP_NODES; nodes++) {
        const uint32_t k = busiest(n, g, start);
        if (k == g->n_frontier)
            return;
        const uint32_t node = g->frontier[k];

        g->taken[node] = 1;
        g->frontier[k] = node + 1;
        g->level[k]++;
        g->frontier[g->n_frontier] = p->right[start + node] - start;
        g->level[g->n_frontier++] = g->level[k];
    }
}

/* A node still to be numbered, with its ancestors in the top; in order: the right subtree
 * waits until the left one is done. */
struct pending {
    uint32_t node, ancestors;
    int      left_done;
};

/* The test at node i of a tree. */
static struct tree_test *test_at(const struct trees_plan *p, uint32_t tree, uint32_t i)
{
    struct tree_test *t = &p->tests[p->test_start[tree]];

    while (t->node != i)
        t++;
    return t;
}

/* Node i becomes slot k of the top.  A test is never right by its rank. */
static void put_node(const struct trees_plan *p, struct tree_top *top, uint32_t tree, uint32_t i,
                     uint32_t k, const struct rank_builder *b)
{
    if (mdl_trees_is_test(p, i)) {
        test_at(p, tree, i)->slot = (uint8_t)k;
        return;
    }
    const struct tree_step s = mdl_rank_of(b, i);
    top->column[k] = (uint8_t)s.column;
    top->rank[k] = s.rank;
}

/* What an exit at node i says. */
static uint32_t exit_at(const struct trees_plan *p, uint32_t tree, uint32_t i,
                        const uint32_t *place)
{
    if (!is_split(p, i))
        return p->ordinal[i];
    return TOP_GOES_ON | (p->general[tree] ? i : place[i - p->tree_start[tree]]);
}

/* Number the taken nodes and the exits. */
static void number(const struct node *n, uint32_t tree, struct tree_top *top,
                   const struct growth *g, const uint32_t *place, const struct rank_builder *b)
{
    const struct trees_plan *p = n->plan;
    struct pending stack[TOP_EXITS + 1] = { { 0, 0, 0 } };
    const uint32_t start = p->tree_start[tree];
    uint32_t depth = 1, nodes = 0, exits = 0, in_left[TOP_EXITS + 1];

    /* An ancestor's number is known only when its left subtree is done: the exits below it
     * are patched then. */
    memset(in_left, 0, sizeof in_left);
    while (depth) {
        struct pending *at = &stack[depth - 1];

        if (!g->taken[at->node]) {
            top->exit[exits] = exit_at(p, tree, start + at->node, place);
            top->ancestors[exits++] = at->ancestors;
            depth--;
        } else if (!at->left_done) {
            at->left_done = 1;
            in_left[depth - 1] = exits;
            stack[depth++] = (struct pending){ at->node + 1, at->ancestors, 0 };
        } else {
            const struct pending done = *at;
            const uint32_t bit = (uint32_t)1 << nodes;

            put_node(p, top, tree, start + done.node, nodes++, b);
            for (uint32_t e = in_left[depth - 1]; e < exits; e++)
                top->ancestors[e] |= bit;
            /* The right subtree takes this place; its exits have `bit` from the start, and
             * those who wait for their own number above patch theirs later. */
            *at = (struct pending){ p->right[start + done.node] - start, done.ancestors | bit, 0 };
        }
    }
}

/* The least level of an exit that is no leaf; 0 when all are. */
static uint32_t least_level(const struct trees_plan *p, const struct growth *g, uint32_t start)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t k = 0; k < g->n_frontier; k++)
        if (is_split(p, start + g->frontier[k]) && g->level[k] < least)
            least = g->level[k];
    return least == UINT32_MAX ? 0 : least;
}

uint32_t mdl_tree_top(const struct node *n, uint32_t tree, struct tree_top *top, uint8_t *taken,
                      const uint32_t *place, const struct rank_builder *b)
{
    const struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree];
    const uint8_t nowhere = (uint8_t)(p->ranks.n_columns - 1);   /* where every rank is 0 */
    struct growth g = { .taken = taken };

    memset(taken, 0, p->tree_start[tree + 1] - start);
    for (uint32_t i = 0; i < TOP_EXITS; i++) {
        top->column[i] = nowhere;
        top->rank[i] = i < TOP_NODES;      /* never right; the last one always */
        top->ancestors[i] = (uint32_t)1 << TOP_NODES;
    }
    grow(n, &g, start);
    number(n, tree, top, &g, place, b);
    return least_level(p, &g, start);
}
