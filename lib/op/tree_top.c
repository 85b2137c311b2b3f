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
    struct stand root;
    uint8_t  part;                /* of the piece above                                    */
    uint8_t  nodes;
    uint8_t  below;               /* exits that are splits                                 */
    uint8_t  whole;               /* all that is below its root: not grown                 */
};

struct cutting {
    const struct node *n;
    const struct trees_plan *p;
    const struct rank_builder *b;
    double   *cover;              /* of the tree's leaves, added up; NULL: level by level  */
    uint32_t  first_leaf;         /* of the tree                                           */
    struct piece *pieces;
    uint32_t  n_pieces;
    uint8_t  *taken;              /* parts, piece by piece                                 */
    uint32_t  n_taken;
    uint32_t  below, tile;        /* while they are put down: the next that is below one   */
};

/*
 * Parts that could be taken next, each in a slot; an empty one has the key 0.  Keys are weights as
 * integers, which order as floats that are not negative do; their last bits say which slot.  Four
 * slots have a highest key: the next step waits for the highest of those, and for no branch.
 */
struct frontier {
    uint64_t key[TOP_EXITS], highest[TOP_EXITS / 4];
    struct stand node[TOP_EXITS];
    uint8_t  part[TOP_EXITS];
};

#define SLOT_BITS (2 * TOP_EXITS - 1)

/* A node could be taken if it is no leaf. */
MDL_INLINE void offer(struct frontier *f, const double *cover, uint32_t first, uint32_t slot,
                      struct stand s, uint32_t part, uint64_t level)
{
    uint64_t weight = level;

    if (cover) {
        const double *leaf = cover + (s.leaf - first);
        const double w = leaf[s.below + 1] - leaf[0];
        memcpy(&weight, &w, sizeof weight);
    }
    weight = (weight & ~(uint64_t)SLOT_BITS) | TOP_EXITS | slot;
    f->key[slot] = weight & (0 - (uint64_t)(s.below != 0));
    f->node[slot] = s;
    f->part[slot] = (uint8_t)part;
}

MDL_INLINE uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The key of a slot has changed. */
MDL_INLINE void look_again(struct frontier *f, uint32_t slot)
{
    const uint64_t *k = f->key + slot / 4 * 4;

    f->highest[slot / 4] = higher(higher(k[0], k[1]), higher(k[2], k[3]));
}

/* The highest key of `most` + 1 slots; 0: all are empty. */
MDL_INLINE uint64_t find_best(const struct frontier *f, uint32_t most)
{
    uint64_t best = f->highest[0];

    for (uint32_t i = 1; i <= most / 4; i++)
        best = higher(best, f->highest[i]);
    return best;
}

/* Grow a piece to at most `most` nodes; `go_on`: more begin at the splits it ends at. */
static void grow(struct cutting *c, struct piece *piece, uint32_t most, int go_on)
{
    const uint32_t *left_below = c->b->left, first = c->first_leaf;
    const double *cover = c->cover;
    uint8_t *taken = c->taken + c->n_taken;
    struct frontier f;
    uint32_t nodes = 0;
    uint64_t best;

    if (go_on && piece->root.below <= most) {
        piece->nodes = (uint8_t)piece->root.below;
        piece->whole = 1;
        return;
    }
    memset(f.key, 0, sizeof f.key);
    memset(f.highest, 0, sizeof f.highest);
    offer(&f, cover, first, 0, piece->root, 0, UINT64_MAX);
    look_again(&f, 0);
    for (; nodes < most && (best = find_best(&f, most)) != 0; nodes++) {
        const uint32_t slot = best & (TOP_EXITS - 1), part = f.part[slot];
        const struct stand s = f.node[slot];
        const uint32_t left = left_below[s.split];

        taken[nodes] = (uint8_t)part;
        offer(&f, cover, first, slot, stand_left(s, left), 2 * nodes + 1, best - SLOT_BITS - 1);
        offer(&f, cover, first, nodes + 1, stand_right(s, left), 2 * nodes + 2, best - SLOT_BITS - 1);
        look_again(&f, slot);
        look_again(&f, nodes + 1);
    }
    c->n_taken += nodes;
    piece->nodes = (uint8_t)nodes;
    uint32_t below = 0;           /* no branch: what an exit is follows no order */
    for (uint32_t k = 0; k <= nodes; k++) {
        c->pieces[c->n_pieces + below] = (struct piece){ .root = f.node[k], .part = f.part[k] };
        below += f.key[k] != 0;
    }
    piece->below = (uint8_t)below;
    c->n_pieces += go_on ? below : 0;
}

/* Cut a tree whose first piece has at most `most` nodes. */
static void cut(struct cutting *c, uint32_t tree, uint32_t most)
{
    const struct trees_plan *p = c->p;
    const int go_on = !p->general[tree];
    const uint32_t start = p->tree_start[tree], first = p->first_leaf[tree];
    uint32_t k = c->n_pieces;

    c->first_leaf = first;
    if (c->cover)
        mdl_tree_leaf_covers(c->n, tree, c->cover);
    c->pieces[c->n_pieces++] = (struct piece){
        .root = { start - first, first, (p->tree_start[tree + 1] - start) / 2 },
    };
    grow(c, &c->pieces[k++], most, go_on);
    while (k < c->n_pieces)
        grow(c, &c->pieces[k++], TILE_NODES, go_on);
}

/* A test at node i of a tree becomes a slot of a piece. */
static void put_test(const struct trees_plan *p, uint32_t tree, uint32_t i, uint32_t slot)
{
    struct tree_test *t = &p->tests[p->test_start[tree]];

    while (t->node != i)
        t++;
    t->slot = (uint8_t)slot;
}

/* Exits of a tree with tests that are no leaves: the plain rule goes on there. */
static void go_on_plainly(const struct trees_plan *p, const uint32_t *split, const uint32_t *leaf,
                          const uint8_t *first, uint32_t parts, uint32_t *exit)
{
    for (uint32_t k = 0; k < parts; k++) {
        const uint32_t i = split[k] + leaf[k];
        exit[first[k]] = mdl_tree_is_leaf(p, i) ? leaf[k] : TOP_GOES_ON | i;
    }
}

/* What no node has been put into: never right, but for the last one, always. */
static void make_empty(const struct rank_table *ranks, struct tree_top *top, struct tree_tile *tile)
{
    memset(top->column, (int)(ranks->n_columns - 1), sizeof top->column);   /* all ranks are 0 */
    memset(top->rank, 1, TOP_NODES);
    for (uint32_t e = 0; e < TOP_NODES; e++)
        top->ancestors[e] = (uint32_t)1 << TOP_NODES;
    top->ancestors[TOP_NODES] = 0;
    memset(tile->column, (int)(ranks->n_columns - 1), sizeof tile->column);
    memset(tile->rank, 1, TILE_NODES);
    for (uint32_t e = 0; e < TILE_NODES; e++)
        tile->ancestors[e] = (uint16_t)(1u << TILE_NODES);
    tile->ancestors[TILE_NODES] = 0;
}

/*
 * Put down a piece that is all of a subtree: nodes, and exits, lie together.  What an exit has for
 * ancestors is that of the node that is next, until the next one knows better.
 */
#define PUT_WHOLE(name, kind, mask) \
static void name(const struct cutting *c, const struct piece *piece, kind *to, uint32_t *exit, \
                 uint8_t *lowest) \
{ \
    const uint32_t *splits = c->b->splits, *left = c->b->left, *known = c->b->known; \
    const uint32_t leaf = piece->root.leaf, first = piece->root.split; \
    const uint32_t end = first + piece->nodes; \
\
    to->ancestors[0] = 0; \
    exit[0] = leaf; \
    for (uint32_t k = first; k < end; k++) { \
        const uint32_t e = splits[k] - k - leaf, slot = e + left[k]; \
        const mask above = (mask)(to->ancestors[e] | (mask)1 << slot); \
\
        to->column[slot] = (uint8_t)known[k]; \
        to->rank[slot] = (uint8_t)(known[k] >> 16); \
        lowest[slot] = (uint8_t)e; \
        to->ancestors[e] = to->ancestors[slot + 1] = above; \
        exit[slot + 1] = leaf + slot + 1; \
    } \
    to->ancestors[sizeof to->rank - 1] = 0; \
}
PUT_WHOLE(put_whole_top, struct tree_top, uint32_t)
PUT_WHOLE(put_whole_tile, struct tree_tile, uint16_t)

/*
 * Put down the next piece.  exits[], first[]: of a part, how many, and which is leftmost.  What an
 * exit says is put down for each part that it is leftmost below: its own is the last one.
 */
#define PUT(name, kind, mask) \
static void name(struct cutting *c, uint32_t tree, const struct piece *piece, kind *to, \
                 uint32_t *exit, uint8_t *lowest) \
{ \
    const uint8_t *taken = c->taken + c->n_taken; \
    const uint32_t *left = c->b->left, *known = c->b->known; \
    const uint32_t n = piece->nodes, parts = 2 * n + 1, general = c->p->general[tree]; \
    uint32_t split[PARTS], leaf[PARTS]; \
    mask ancestors[PARTS]; \
    uint8_t first[PARTS], exits[PARTS]; \
\
    c->n_taken += n; \
    memset(exits, 1, sizeof exits); \
    for (uint32_t k = n; k-- > 0;) \
        exits[taken[k]] = (uint8_t)(exits[2 * k + 1] + exits[2 * k + 2]); \
    split[0] = piece->root.split; \
    leaf[0] = piece->root.leaf; \
    ancestors[0] = 0; \
    first[0] = 0; \
    for (uint32_t k = 0; k < n; k++) { \
        const uint32_t part = taken[k], slot = first[part] + exits[2 * k + 1] - 1u; \
        const uint32_t at = split[part], below = left[at], asks = known[at]; \
        const mask above = (mask)(ancestors[part] | (mask)1 << slot); \
\
        to->column[slot] = (uint8_t)asks; \
        to->rank[slot] = (uint8_t)(asks >> 16); \
        if (general && mdl_trees_is_test(c->p, at + leaf[part])) { \
            to->column[slot] = (uint8_t)(c->p->ranks.n_columns - 1);   /* not right by its rank */ \
            to->rank[slot] = 1; \
            put_test(c->p, tree, at + leaf[part], slot); \
        } \
        lowest[slot] = first[part]; \
        split[2 * k + 1] = at + 1; \
        split[2 * k + 2] = at + 1 + below; \
        leaf[2 * k + 1] = leaf[part]; \
        leaf[2 * k + 2] = leaf[part] + below + 1; \
        first[2 * k + 1] = first[part]; \
        first[2 * k + 2] = (uint8_t)(slot + 1); \
        ancestors[2 * k + 1] = ancestors[2 * k + 2] = above; \
    } \
    for (uint32_t k = 0; k < parts; k++) { \
        to->ancestors[first[k]] = ancestors[k]; \
        exit[first[k]] = leaf[k]; \
    } \
    to->ancestors[sizeof to->rank - 1] = 0; \
    if (general) \
        go_on_plainly(c->p, split, leaf, first, parts, exit); \
    else \
        for (uint32_t k = 0; k < piece->below; k++) \
            exit[first[c->pieces[c->below++].part]] = TOP_GOES_ON | c->tile++; \
}
PUT(put_part_top, struct tree_top, uint32_t)
PUT(put_part_tile, struct tree_tile, uint16_t)

static void put_top(struct cutting *c, uint32_t tree, struct tree_top *to, struct tree_exits *exits)
{
    const struct piece *piece = &c->pieces[c->n_pieces++];

    if (piece->whole)
        put_whole_top(c, piece, to, exits->exit, exits->lowest);
    else
        put_part_top(c, tree, piece, to, exits->exit, exits->lowest);
}

static void put_tile(struct cutting *c, uint32_t tree, struct tree_tile *to, uint8_t *lowest)
{
    const struct piece *piece = &c->pieces[c->n_pieces++];

    if (piece->whole)
        put_whole_tile(c, piece, to, to->exit, lowest);
    else
        put_part_tile(c, tree, piece, to, to->exit, lowest);
}

/* Put down all pieces: the first ones are the first tiles, or tops. */
static void put_all(struct cutting *c, struct tree_top *tops, struct tree_exits *exits,
                    struct tree_tile *tiles, uint32_t first_tile)
{
    const struct trees_plan *p = c->p;
    struct tree_top no_top = { .rank = { 0 } };
    struct tree_tile no_tile = { .rank = { 0 } };
    struct tree_exits unread;

    make_empty(&p->ranks, &no_top, &no_tile);
    c->n_pieces = c->n_taken = 0;
    c->tile = first_tile;
    for (uint32_t t = 0, tile = first_tile; t < p->n_trees; t++) {
        c->below = c->n_pieces + 1;
        if (first_tile) {
            tiles[t] = no_tile;
            put_tile(c, t, &tiles[t], unread.lowest);
        } else {
            struct tree_exits *out = exits ? &exits[t] : &unread;
            tops[t] = no_top;
            *out = (struct tree_exits){ .exit = { 0 } };
            put_top(c, t, &tops[t], out);
        }
        for (; c->n_pieces < c->below; tile++) {
            tiles[tile] = no_tile;
            put_tile(c, t, &tiles[tile], unread.lowest);
        }
    }
}

mdl_status mdl_trees_cut(struct node *n, const struct rank_builder *b, double *cover,
                         struct arena *temp, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    struct cutting c = { .n = n, .p = p, .b = b, .cover = cover };
    const uint64_t splits = p->n_nodes - p->n_leaves;
    const int small = !p->n_general && splits <= (uint64_t)TILE_NODES * p->n_trees;
    uint32_t whole = 0;

    c.taken = mdl_arena_take_raw(temp, splits, 1);
    c.pieces = mdl_arena_take_raw(temp, splits + p->n_trees + TOP_EXITS, sizeof *c.pieces);
    if (!c.pieces || !c.taken)
        return mdl_arena_fail(temp, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint32_t first = c.n_pieces;
        cut(&c, t, small ? TILE_NODES : TOP_NODES);
        whole += !c.pieces[first].below;
    }
    const int apart = !small && whole < p->n_trees;
    p->n_tiles = small ? c.n_pieces : c.n_pieces - p->n_trees;
    struct tree_tile *tiles = mdl_arena_take_raw(a, p->n_tiles, sizeof *tiles);
    struct tree_top *tops = small ? NULL : mdl_arena_take_raw(a, p->n_trees, sizeof *tops);
    struct tree_exits *exits = apart ? mdl_arena_take_raw(a, p->n_trees, sizeof *exits) : NULL;
    if (!tiles || (!small && !tops) || (apart && !exits))
        return mdl_arena_fail(a, err, "tree ensemble");
    put_all(&c, tops, exits, tiles, small ? p->n_trees : 0);
    p->tiles = tiles;
    p->tops = tops;
    p->exits = exits;
    return MDL_OK;
}
