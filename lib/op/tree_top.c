/*
 * op/tree_top.c - trees in pieces that one row is matched against
 *
 * A piece grows from its root by the node that most rows pass: by the source's training
 * weights where it gave them, else level by level.  The first piece of a tree is a top, or a
 * tile where trees are small; what lies below is tiles.  Those of a tree lie together,
 * nearest to the root first.  See struct tree_top and struct tree_tile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <string.h>

/* What all pieces are made from. */
struct cutting {
    const struct node *n;
    const struct trees_plan *p;
    const struct rank_builder *b;
    uint8_t  *starts;             /* [n_nodes] 1: a piece below the first begins here      */
    uint32_t *queue;              /* roots of the tiles of one tree                        */
    uint32_t queued, first_tile;  /* the first of the queue is this tile                   */
};

/* One piece while it grows. */
struct growth {
    uint32_t frontier[TOP_EXITS]; /* nodes that could be taken next                        */
    uint32_t level[TOP_EXITS];
    uint32_t n_frontier;
};

static int is_split(const struct trees_plan *p, uint32_t i)
{
    return (p->flags[i] & NODE_KIND) != NODE_LEAF;
}

/* Place of the frontier node that most rows pass; n_frontier when all are leaves. */
static uint32_t busiest(const struct cutting *c, const struct growth *g)
{
    const struct tensor *t = &c->n->tensors[TREES_COVER];
    const double *cover = t->type ? t->data : NULL;
    uint32_t best = g->n_frontier;

    for (uint32_t k = 0; k < g->n_frontier; k++) {
        if (!is_split(c->p, g->frontier[k]))
            continue;
        if (best == g->n_frontier || (cover ? cover[g->frontier[k]] > cover[g->frontier[best]]
                                            : g->level[k] < g->level[best]))
            best = k;
    }
    return best;
}

/* A piece of at most `most` nodes from `root`; the splits it ends at are left in the queue. */
static void grow(struct cutting *c, uint32_t root, uint32_t most)
{
    struct growth g = { .frontier = { root }, .n_frontier = 1 };

    for (uint32_t nodes = 0; nodes < most; nodes++) {
        const uint32_t k = busiest(c, &g);
        if (k == g.n_frontier)
            return;
        const uint32_t node = g.frontier[k];

        g.frontier[k] = node + 1;
        g.level[k]++;
        g.frontier[g.n_frontier] = c->p->right[node];
        g.level[g.n_frontier++] = g.level[k];
    }
    for (uint32_t k = 0; k < g.n_frontier; k++)
        if (is_split(c->p, g.frontier[k])) {
            c->starts[g.frontier[k]] = 1;
            c->queue[c->queued++] = g.frontier[k];
        }
}

/* Cut a tree whose first piece has at most `most` nodes; returns how many tiles are below. */
static uint32_t cut(struct cutting *c, uint32_t tree, uint32_t most)
{
    c->queued = 0;
    grow(c, c->p->tree_start[tree], most);
    if (c->p->general[tree])
        return 0;
    for (uint32_t k = 0; k < c->queued; k++)
        grow(c, c->queue[k], TILE_NODES);
    return c->queued;
}

/* The test at node i of a tree. */
static struct tree_test *test_at(const struct trees_plan *p, uint32_t tree, uint32_t i)
{
    struct tree_test *t = &p->tests[p->test_start[tree]];

    while (t->node != i)
        t++;
    return t;
}

/* Node i becomes slot k of a piece.  A test is never right by its rank. */
static void put_node(const struct cutting *c, struct tree_top *top, uint32_t tree, uint32_t i,
                     uint32_t k)
{
    if (mdl_trees_is_test(c->p, i)) {
        test_at(c->p, tree, i)->slot = (uint8_t)k;
        return;
    }
    const struct tree_step s = mdl_rank_of(c->b, i);
    top->column[k] = (uint8_t)s.column;
    top->rank[k] = s.rank;
}

/* What an exit at node i says; a tile that begins there is queued. */
static uint32_t exit_at(struct cutting *c, uint32_t tree, uint32_t i)
{
    if (!is_split(c->p, i))
        return c->p->ordinal[i];
    if (c->p->general[tree])
        return TOP_GOES_ON | i;
    c->queue[c->queued] = i;
    return TOP_GOES_ON | (c->first_tile + c->queued++);
}

/* A node still to be numbered, with its ancestors in the piece; in order: the right subtree
 * waits until the left one is done. */
struct pending {
    uint32_t node, ancestors;
    int      left_done;
};

/* Number the nodes and exits of the piece that begins at `root`. */
static void number(struct cutting *c, uint32_t tree, uint32_t root, struct tree_top *top,
                   struct tree_exits *says)
{
    struct pending stack[TOP_EXITS + 1] = { { root, 0, 0 } };
    uint32_t depth = 1, nodes = 0, exits = 0, in_left[TOP_EXITS + 1];

    /* An ancestor's number is known only when its left subtree is done: the exits below it
     * are patched then. */
    memset(in_left, 0, sizeof in_left);
    while (depth) {
        struct pending *at = &stack[depth - 1];

        if (!is_split(c->p, at->node) || (at->node != root && c->starts[at->node])) {
            says->exit[exits] = exit_at(c, tree, at->node);
            top->ancestors[exits++] = at->ancestors;
            depth--;
        } else if (!at->left_done) {
            at->left_done = 1;
            in_left[depth - 1] = exits;
            stack[depth++] = (struct pending){ at->node + 1, at->ancestors, 0 };
        } else {
            const struct pending done = *at;
            const uint32_t bit = (uint32_t)1 << nodes;

            put_node(c, top, tree, done.node, nodes++);
            for (uint32_t e = in_left[depth - 1]; e < exits; e++)
                top->ancestors[e] |= bit;
            /* The right subtree takes this place; its exits have `bit` from the start, and
             * those who wait for their own number above patch theirs later. */
            *at = (struct pending){ c->p->right[done.node], done.ancestors | bit, 0 };
        }
    }
}

/* The piece of at most `most` nodes at `root`. */
static void put_piece(struct cutting *c, uint32_t tree, uint32_t root, uint32_t most,
                      struct tree_top *top, struct tree_exits *says)
{
    const uint8_t nowhere = (uint8_t)(c->p->ranks.n_columns - 1);   /* where every rank is 0 */

    memset(says, 0, sizeof *says);
    for (uint32_t i = 0; i <= most; i++) {
        top->column[i] = nowhere;
        top->rank[i] = i < most;           /* never right; the last one always */
        top->ancestors[i] = (uint32_t)1 << most;
    }
    number(c, tree, root, top, says);
}

static void put_tile(struct cutting *c, uint32_t tree, uint32_t root, struct tree_tile *tile)
{
    struct tree_top top;
    struct tree_exits says;

    put_piece(c, tree, root, TILE_NODES, &top, &says);
    memcpy(tile->column, top.column, sizeof tile->column);
    memcpy(tile->rank, top.rank, sizeof tile->rank);
    memcpy(tile->exit, says.exit, sizeof tile->exit);
    for (uint32_t e = 0; e < TILE_EXITS; e++)
        tile->ancestors[e] = (uint16_t)top.ancestors[e];
}

mdl_status mdl_trees_cut(struct node *n, const struct rank_builder *b, uint32_t *queue,
                         struct arena *temp, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    struct cutting c = { .n = n, .p = p, .b = b, .queue = queue };
    const uint64_t few = (uint64_t)TILE_NODES * p->n_trees;
    const int small = !p->n_general && (p->n_nodes - p->n_trees) / 2 <= few;
    uint64_t tiles = small ? p->n_trees : 0, whole = 0;

    c.first_tile = (uint32_t)tiles;
    c.starts = mdl_arena_take(temp, p->n_nodes, 1);
    if (!c.starts)
        return mdl_arena_fail(temp, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        tiles += cut(&c, t, small ? TILE_NODES : TOP_NODES);
        whole += !c.queued;
    }
    p->tiles = mdl_arena_take(a, tiles, sizeof *p->tiles);
    p->tops = small ? NULL : mdl_arena_take(a, p->n_trees, sizeof *p->tops);
    const int apart = !small && whole < p->n_trees;
    p->exits = apart ? mdl_arena_take(a, p->n_trees, sizeof *p->exits) : NULL;
    if (!p->tiles || (!small && !p->tops) || (apart && !p->exits))
        return mdl_arena_fail(a, err, "tree ensemble");

    for (uint32_t t = 0; t < p->n_trees; t++) {
        struct tree_exits says;
        c.queued = 0;
        if (small)
            put_tile(&c, t, p->tree_start[t], &p->tiles[t]);
        else
            put_piece(&c, t, p->tree_start[t], TOP_NODES, &p->tops[t],
                      p->exits ? &p->exits[t] : &says);
        for (uint32_t k = 0; k < c.queued; k++)
            put_tile(&c, t, c.queue[k], &p->tiles[c.first_tile + k]);
        c.first_tile += c.queued;
    }
    return MDL_OK;
}
