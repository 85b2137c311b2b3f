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

/*
 * A piece in parts: part 0 is its root, and the node that is taken k-th, from 0, has the parts
 * 2 k + 1 and 2 k + 2 for its children.  A part that is not taken is an exit.
 *
 *     0 ---- 2 ---- 6          taken: parts 0, 2, 1: part 2 is right below 0, part 1 is left
 *     |      '----- 3 5 ...
 *     1 ...
 */
#define PARTS (2 * TOP_NODES + 1)

/* How all pieces grew, so that they can be counted before there is room for them.  Tiles lie
 * behind the first piece of their tree in the order in which they are met. */
struct piece {
    uint32_t root;                /* node                                                  */
    uint8_t  part;                /* of the piece above                                    */
    uint8_t  nodes;
    uint8_t  below;               /* exits that are splits                                 */
    uint8_t  whole;               /* all that is below its root, in pre-order: not grown   */
};

struct cutting {
    const struct trees_plan *p;
    const struct rank_builder *b;
    const double *cover;          /* NULL: level by level                                  */
    struct piece *pieces;
    uint32_t  n_pieces;
    uint8_t  *taken;              /* parts, piece by piece                                 */
    uint32_t  n_taken;
    uint32_t  below, tile;        /* while they are put down: the next that is below one   */
    struct tree_question never;       /* right                                                 */
};

static int is_split(const struct trees_plan *p, uint32_t i)
{
    return (p->flags[i] & NODE_KIND) != NODE_LEAF;
}

/* Parts that could be taken next. */
struct frontier {
    double   weight[TOP_EXITS];
    uint32_t node[TOP_EXITS];
    uint8_t  part[TOP_EXITS];
    uint32_t n;
};

/* Node i could be taken if it is no leaf. */
static void offer(const struct cutting *c, struct frontier *f, uint32_t i, uint32_t part,
                  double level)
{
    f->weight[f->n] = c->cover ? c->cover[i] : -level;
    f->node[f->n] = i;
    f->part[f->n] = (uint8_t)part;
    f->n += (uint32_t)is_split(c->p, i);
}

/* Splits from a node down, in a tree in pre-order: the last one below is the rightmost leaf. */
static uint32_t splits_below(const struct trees_plan *p, uint32_t i)
{
    uint32_t last = i;

    while (is_split(p, last))
        last = p->right[last];
    return (last - i) / 2;
}

/* Grow a piece to at most `most` nodes; `go_on`: more begin at the splits it ends at. */
static void grow(struct cutting *c, struct piece *piece, uint32_t most, int go_on)
{
    struct frontier f;
    uint32_t nodes = 0;

    if (c->p->in_order && go_on) {
        const uint32_t below = splits_below(c->p, piece->root);
        if (below <= most) {
            piece->nodes = (uint8_t)below;
            piece->whole = 1;
            return;
        }
    }
    f.n = 0;
    offer(c, &f, piece->root, 0, 0);
    for (; nodes < most && f.n; nodes++) {
        uint32_t best = 0;
        for (uint32_t k = 1; k < f.n; k++)
            best = f.weight[k] > f.weight[best] ? k : best;

        const uint32_t node = f.node[best];
        const double level = 1 - f.weight[best];
        c->taken[c->n_taken++] = f.part[best];
        f.n--;
        f.weight[best] = f.weight[f.n];
        f.node[best] = f.node[f.n];
        f.part[best] = f.part[f.n];
        offer(c, &f, node + 1, 2 * nodes + 1, level);
        offer(c, &f, c->p->right[node], 2 * nodes + 2, level);
    }
    piece->nodes = (uint8_t)nodes;
    piece->below = (uint8_t)f.n;
    for (uint32_t k = 0; k < f.n && go_on; k++)
        c->pieces[c->n_pieces++] = (struct piece){ .root = f.node[k], .part = f.part[k] };
}

/* Cut a tree whose first piece has at most `most` nodes. */
static void cut(struct cutting *c, uint32_t tree, uint32_t most)
{
    const int go_on = !c->p->general[tree];
    uint32_t k = c->n_pieces;

    c->pieces[c->n_pieces++] = (struct piece){ .root = c->p->tree_start[tree] };
    grow(c, &c->pieces[k++], most, go_on);
    while (k < c->n_pieces)
        grow(c, &c->pieces[k++], TILE_NODES, go_on);
}

/* The test at node i of a tree. */
static struct tree_test *test_at(const struct trees_plan *p, uint32_t tree, uint32_t i)
{
    struct tree_test *t = &p->tests[p->test_start[tree]];

    while (t->node != i)
        t++;
    return t;
}

/* Node i of a tree becomes a slot of a piece. */
static struct tree_question step_at(const struct cutting *c, uint32_t tree, uint32_t i, uint32_t slot)
{
    if (!c->p->general[tree] || !mdl_trees_is_test(c->p, i))
        return mdl_rank_of(c->b, i);
    test_at(c->p, tree, i)->slot = (uint8_t)slot;
    return c->never;              /* a test is not right by its rank */
}

/* Exits of a tree with tests that are no leaves: the plain rule goes on there. */
static void go_on_plainly(const struct cutting *c, const uint32_t *node, const uint8_t *first,
                          uint32_t parts, uint32_t *exit)
{
    for (uint32_t k = 0; k < parts; k++)
        exit[first[k]] = is_split(c->p, node[k]) ? TOP_GOES_ON | node[k] : c->p->ordinal[node[k]];
}

/* What no node has been put into: never right, but for the last one, always. */
static void make_empty(const struct rank_table *ranks, struct tree_top *top, struct tree_tile *tile)
{
    memset(top->column, (int)(ranks->n_columns - 1), sizeof top->column);   /* all ranks are 0 */
    memset(top->rank, 1, TOP_NODES);
    for (uint32_t e = 0; e < TOP_EXITS; e++)
        top->ancestors[e] = (uint32_t)1 << TOP_NODES;
    memset(tile->column, (int)(ranks->n_columns - 1), sizeof tile->column);
    memset(tile->rank, 1, TILE_NODES);
    for (uint32_t e = 0; e < TILE_EXITS; e++)
        tile->ancestors[e] = (uint16_t)(1u << TILE_NODES);
}

/*
 * Put down a piece that is all of a subtree in pre-order: nodes, and exits, lie together, and how
 * many leaves are before a node says which exit is leftmost below it.  Its own is the last one.
 */
#define PUT_WHOLE(name, kind, mask) \
static void name(const struct cutting *c, const struct piece *piece, kind *to, uint32_t *exit) \
{ \
    const uint32_t *ordinal = c->p->ordinal + piece->root, *right = c->p->right + piece->root; \
    const uint32_t leaf = ordinal[0], split = piece->root - leaf, n = piece->nodes; \
    const uint32_t *splits = c->b->splits + split; \
    mask ancestors[PARTS]; \
\
    ancestors[0] = 0; \
    for (uint32_t k = 0; k < n; k++) { \
        const uint32_t i = splits[k] - piece->root, r = right[i] - piece->root; \
        const uint32_t slot = ordinal[r] - leaf - 1; \
        const struct tree_question s = mdl_rank_at(c->b, split + k); \
\
        to->column[slot] = (uint8_t)s.column; \
        to->rank[slot] = s.rank; \
        ancestors[i + 1] = ancestors[r] = (mask)(ancestors[i] | (mask)1 << slot); \
    } \
    for (uint32_t i = 0; i < 2 * n + 1; i++) \
        to->ancestors[ordinal[i] - leaf] = ancestors[i]; \
    for (uint32_t e = 0; e < n + 1; e++) \
        exit[e] = leaf + e; \
}
PUT_WHOLE(put_whole_top, struct tree_top, uint32_t)
PUT_WHOLE(put_whole_tile, struct tree_tile, uint16_t)

/*
 * Put down the next piece.  exits[], first[]: of a part, how many, and which is leftmost.  What an
 * exit says is put down for each part that it is leftmost below: its own is the last one.
 */
#define PUT(name, put_whole, kind, mask) \
static void name(struct cutting *c, uint32_t tree, kind *to, uint32_t *exit) \
{ \
    const struct piece *piece = &c->pieces[c->n_pieces++]; \
    const uint8_t *taken = c->taken + c->n_taken; \
    const uint32_t *right = c->p->right, *ordinal = c->p->ordinal; \
    const uint32_t n = piece->nodes, parts = 2 * n + 1; \
    uint32_t node[PARTS]; \
    mask ancestors[PARTS]; \
    uint8_t first[PARTS], exits[PARTS]; \
\
    if (piece->whole) { \
        put_whole(c, piece, to, exit); \
        return; \
    } \
    c->n_taken += n; \
    memset(exits, 1, sizeof exits); \
    for (uint32_t k = n; k-- > 0;) \
        exits[taken[k]] = (uint8_t)(exits[2 * k + 1] + exits[2 * k + 2]); \
    node[0] = piece->root; \
    ancestors[0] = 0; \
    first[0] = 0; \
    for (uint32_t k = 0; k < n; k++) { \
        const uint32_t part = taken[k], i = node[part]; \
        const uint32_t slot = first[part] + exits[2 * k + 1] - 1u; \
        const struct tree_question s = step_at(c, tree, i, slot); \
\
        to->column[slot] = (uint8_t)s.column; \
        to->rank[slot] = s.rank; \
        node[2 * k + 1] = i + 1; \
        node[2 * k + 2] = right[i]; \
        first[2 * k + 1] = first[part]; \
        first[2 * k + 2] = (uint8_t)(slot + 1); \
        ancestors[2 * k + 1] = ancestors[2 * k + 2] = (mask)(ancestors[part] | (mask)1 << slot); \
    } \
    for (uint32_t k = 0; k < parts; k++) { \
        to->ancestors[first[k]] = ancestors[k]; \
        exit[first[k]] = ordinal[node[k]]; \
    } \
    if (c->p->general[tree]) \
        go_on_plainly(c, node, first, parts, exit); \
    else \
        for (uint32_t k = 0; k < piece->below; k++) \
            exit[first[c->pieces[c->below++].part]] = TOP_GOES_ON | c->tile++; \
}
PUT(put_top, put_whole_top, struct tree_top, uint32_t)
PUT(put_tile, put_whole_tile, struct tree_tile, uint16_t)

/* Put down all pieces: the first ones are the first tiles, or tops. */
static void put_all(struct cutting *c, struct trees_plan *p, uint32_t first_tile)
{
    struct tree_top no_top = { .rank = { 0 } };
    struct tree_tile no_tile = { .rank = { 0 } };
    uint32_t unread[TOP_EXITS];

    make_empty(&p->ranks, &no_top, &no_tile);
    c->never = (struct tree_question){ .column = (uint16_t)(p->ranks.n_columns - 1), .rank = 1 };
    c->n_pieces = c->n_taken = 0;
    c->tile = first_tile;
    for (uint32_t t = 0, tile = first_tile; t < p->n_trees; t++) {
        c->below = c->n_pieces + 1;
        if (first_tile) {
            p->tiles[t] = no_tile;
            put_tile(c, t, &p->tiles[t], p->tiles[t].exit);
        } else {
            p->tops[t] = no_top;
            if (p->exits)
                p->exits[t] = (struct tree_exits){ { 0 } };
            put_top(c, t, &p->tops[t], p->exits ? p->exits[t].exit : unread);
        }
        for (; c->n_pieces < c->below; tile++) {
            p->tiles[tile] = no_tile;
            put_tile(c, t, &p->tiles[tile], p->tiles[tile].exit);
        }
    }
}

mdl_status mdl_trees_cut(struct node *n, const struct rank_builder *b, struct arena *temp,
                         struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct tensor *cover = &n->tensors[TREES_COVER];
    struct cutting c = { .p = p, .b = b, .cover = cover->type ? cover->data : NULL };
    const uint64_t splits = p->n_nodes - p->n_leaves;
    const int small = !p->n_general && splits <= (uint64_t)TILE_NODES * p->n_trees;
    uint32_t whole = 0;

    c.pieces = mdl_arena_take_raw(temp, splits + p->n_trees, sizeof *c.pieces);
    c.taken = mdl_arena_take_raw(temp, splits, 1);
    if (!c.pieces || !c.taken)
        return mdl_arena_fail(temp, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint32_t first = c.n_pieces;
        cut(&c, t, small ? TILE_NODES : TOP_NODES);
        whole += !c.pieces[first].below;
    }
    const uint32_t tiles = small ? c.n_pieces : c.n_pieces - p->n_trees;
    const int apart = !small && (whole < p->n_trees || !p->in_order);
    p->tiles = mdl_arena_take_raw(a, tiles, sizeof *p->tiles);
    p->tops = small ? NULL : mdl_arena_take_raw(a, p->n_trees, sizeof *p->tops);
    p->exits = apart ? mdl_arena_take_raw(a, p->n_trees, sizeof *p->exits) : NULL;
    if (!p->tiles || (!small && !p->tops) || (apart && !p->exits))
        return mdl_arena_fail(a, err, "tree ensemble");
    put_all(&c, p, small ? p->n_trees : 0);
    return MDL_OK;
}
