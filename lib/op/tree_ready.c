/*
 * op/tree_ready.c - tables of an ensemble that the file brings (format/mdl_format.h, section ready)
 *
 * Pieces, forks, planes and nodes for keys are what takes long to work out, and what takes memory.
 * In a file they are there at once, and processes share them.  They are not worked out again to see
 * whether they are right: whoever writes a file decides what it predicts.  But nothing that they say
 * may lead out of the ensemble or round in a circle:
 *
 *     piece    columns that there are; exits to leaves, or to the next tiles, to which no piece before
 *              leads, so that a row meets each once; one matches whatever the outcomes are
 *     fork     columns; left and right leaves of its tree
 *     plane    planes that there are; rows leave a slot of the tree for one of it that is still
 *              empty, so that each stands in one
 *     key      columns; children of the same tree, behind their parent and the gap; leaves of it
 *
 * Trees that ask about categories or zeros, and oblivious or shallow ones, which are soon laid out,
 * have no tables.  What a file with tables does not bring is not there: engines do without.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_deep.h"
#include "op/tree_planes.h"

#include <string.h>

const struct ready mdl_trees_tables[TREES_READY] = {
    [READY_TOPS] = { "tops 1", sizeof(struct tree_top) },
    [READY_EXITS] = { "exits 1", sizeof(struct tree_exits) },
    [READY_TILES] = { "tiles 1", sizeof(struct tree_tile) },
    [READY_FORKS] = { "forks 1", sizeof(struct tree_fork) },
    [READY_PLANES] = { "planes 1", sizeof(struct plane_fork) },
    [READY_DEEP] = { "keys 1", 1 },
};

int mdl_trees_ready(const struct node *n)
{
    const struct trees_plan *p = n->plan;

    return n->ready && !p->right_node && !p->tested;
}

/* Records of a table; 0 where there is none. */
static uint64_t count_of(const struct node *n, enum trees_ready t)
{
    return n->ready[t].type ? (uint64_t)n->ready[t].dims[0] : 0;
}

static mdl_status bad(const struct node *n, enum trees_ready t, uint64_t record, const char *what,
                      mdl_error *err)
{
    return mdl_fail_at(err, MDL_ERR_FORMAT, "ready_data",
                       n->ready[t].offset + record * mdl_trees_tables[t].record_bytes,
                       "table '%s', record %llu: %s", mdl_trees_tables[t].name,
                       (unsigned long long)record, what);
}

/* ---- for the file ------------------------------------------------------------------------ */

static void give(struct tensor *to, enum trees_ready t, const void *data, uint64_t count)
{
    const uint32_t bytes = mdl_trees_tables[t].record_bytes;

    if (!data || !count)
        return;
    to[t] = (struct tensor){ .type = MDL_U8, .rank = 2, .dims = { (int64_t)count, bytes },
                             .count = count * bytes, .data = data };
}

void mdl_trees_give(const struct node *n, struct tensor *to)
{
    const struct trees_plan *p = n->plan;

    if (p->right_node || p->tested || p->even || p->levels || p->heaps)
        return;
    give(to, READY_TOPS, p->tops, p->n_trees);
    give(to, READY_EXITS, p->exits, p->n_trees);
    give(to, READY_TILES, p->tiles, p->n_tiles);
    if (p->forks)
        give(to, READY_FORKS, p->forks, p->fork_start[p->n_trees]);
    if (p->planes)
        give(to, READY_PLANES, p->planes->forks, p->fork_start[p->n_trees]);
    if (p->deep)
        give(to, READY_DEEP, p->deep->table.nodes, p->deep_bytes);
}

/* ---- pieces ------------------------------------------------------------------------------ */

/*
 * How many nodes has a top, if it is a whole tree?  UINT32_MAX: it is none.
 *
 * From exit e to the next, node e lies between: of the nodes that e lies left of, the lowest.  The
 * next exit has e and what is above e for ancestors, and nodes between e and the next one above it
 * that it lies left of.  What is above e and below it by number is what was so when e came.
 */
static uint32_t nodes_of(const struct tree_top *top)
{
    uint32_t came[TOP_EXITS], e = 0;   /* of a node: the nodes above it with lower numbers */
    uint32_t left = top->ancestors[0], right = 0, known = 0;

    for (; left; e++) {
        for (uint32_t fresh = left & ~known; fresh; fresh &= fresh - 1)
            came[__builtin_ctz(fresh)] = right;
        known |= left;
        if (e >= TOP_NODES || (left & (0 - left)) != 1u << e)
            return UINT32_MAX;
        right = came[e] | 1u << e;
        const uint32_t above = left & (left - 1), lower = (above & (0 - above)) - 1;
        const uint32_t next = e + 1 < TOP_NODES ? top->ancestors[e + 1] : right;   /* tree.h: 0 */
        if ((next & ((2u << e) - 1)) != right || (next & above) != above
            || (next & ~right & ~above & ~lower))
            return UINT32_MAX;
        left = next & ~right;
    }
    for (uint32_t k = e + 1; k < TOP_NODES; k++)
        if (top->ancestors[k] != 1u << TOP_NODES)
            return UINT32_MAX;
    return e;
}

/* Columns that there are; what is behind all nodes is always right; the last exit matches always. */
static int asks_well(const struct trees_plan *p, const uint8_t *column, const uint8_t *rank,
                     uint32_t exits, uint32_t last)
{
    uint8_t most = 0;

    for (uint32_t i = 0; i < exits; i++)
        most = column[i] > most ? column[i] : most;
    return most < p->ranks.n_columns && !rank[exits - 1] && !last;
}

/* Leaves, and the tiles from *next on, as many as exits go on?  Without a branch: numbers have 31 bits,
 * so differences that should not be negative say by their highest one whether they are. */
static int leads_on(const struct trees_plan *p, const uint32_t *exit, uint32_t exits, uint32_t *next)
{
    const uint32_t first = *next;
    uint32_t bad = 0, end_tiles = first;

    for (uint32_t i = 0; i < exits; i++)
        end_tiles += exit[i] / TOP_GOES_ON;
    for (uint32_t i = 0; i < exits; i++) {
        const uint32_t goes = 0 - exit[i] / TOP_GOES_ON, to = exit[i] & ~TOP_GOES_ON;
        const uint32_t end = (p->n_leaves & ~goes) | (end_tiles & goes);

        bad |= (end - 1 - to) | ((to - first) & goes);
    }
    *next = end_tiles;
    return !(bad & TOP_GOES_ON) && end_tiles <= p->n_tiles;
}

/* A whole tree, or the top of one. */
static mdl_status check_top(const struct node *n, uint32_t tree, const struct tree_top *top,
                            const struct tree_exits *exits, uint32_t *next, mdl_error *err)
{
    const struct trees_plan *p = n->plan;

    if (!asks_well(p, top->column, top->rank, TOP_EXITS, top->ancestors[TOP_NODES]))
        return bad(n, READY_TOPS, tree, "not the top of a tree of these columns", err);
    if (exits ? !leads_on(p, exits->exit, TOP_EXITS, next)
              : nodes_of(top) != (p->tree_start[tree + 1] - p->tree_start[tree]) / 2)
        return bad(n, exits ? READY_EXITS : READY_TOPS, tree, "leads out of the ensemble", err);
    return MDL_OK;
}

static mdl_status check_tile(const struct node *n, const struct tree_tile *tiles, uint32_t t,
                             uint32_t *next, mdl_error *err)
{
    const struct trees_plan *p = n->plan;

    if (!asks_well(p, tiles[t].column, tiles[t].rank, TILE_EXITS, tiles[t].ancestors[TILE_NODES])
        || !leads_on(p, tiles[t].exit, TILE_EXITS, next))
        return bad(n, READY_TILES, t, "not a piece of a tree, or leads out of the ensemble", err);
    return MDL_OK;
}

/* In the order in which they were laid out: the first piece of a tree, then what lies below it. */
static mdl_status check_pieces(const struct node *n, const struct tree_top *tops,
                               const struct tree_exits *exits, const struct tree_tile *tiles,
                               mdl_error *err)
{
    const struct trees_plan *p = n->plan;
    uint32_t next = tops ? 0 : p->n_trees, tile = next;
    mdl_status s = MDL_OK;

    for (uint32_t t = 0; t < p->n_trees && !s; t++) {
        s = tops ? check_top(n, t, &tops[t], exits ? &exits[t] : NULL, &next, err)
                 : check_tile(n, tiles, t, &next, err);
        for (; tile < next && !s; tile++)
            s = check_tile(n, tiles, tile, &next, err);
    }
    return s || next == p->n_tiles ? s : bad(n, READY_TILES, next, "no piece leads to it", err);
}

mdl_status mdl_ready_pieces(struct node *n, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint64_t n_tops = count_of(n, READY_TOPS), n_tiles = count_of(n, READY_TILES);
    const struct tree_top *tops = n_tops ? n->ready[READY_TOPS].data : NULL;
    const struct tree_exits *exits = count_of(n, READY_EXITS) ? n->ready[READY_EXITS].data : NULL;
    const struct tree_tile *tiles = n->ready[READY_TILES].data;

    if (!n_tops && n_tiles < p->n_trees)
        return MDL_OK;
    if (n_tiles >= TOP_GOES_ON || p->n_leaves >= TOP_GOES_ON || (n_tops && n_tops != p->n_trees)
        || (exits && (!n_tops || count_of(n, READY_EXITS) != p->n_trees)))
        return bad(n, READY_TOPS, 0, "tops, exits or tiles are not of this ensemble", err);
    p->n_tiles = (uint32_t)n_tiles;
    const mdl_status s = check_pieces(n, tops, exits, tiles, err);
    if (s)
        return s;
    p->tops = tops;
    p->exits = exits;
    p->tiles = tiles;
    return MDL_OK;
}

/* ---- forks ------------------------------------------------------------------------------- */

mdl_status mdl_ready_forks(const struct node *n, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct tree_fork *forks = n->ready[READY_FORKS].data;

    if (!count_of(n, READY_FORKS))
        return MDL_OK;
    if (count_of(n, READY_FORKS) != p->fork_start[p->n_trees])
        return bad(n, READY_FORKS, 0, "not as many as splits", err);
    for (uint32_t k = 0; k < p->n_trees; k++) {
        const uint32_t first = p->fork_start[k], end = p->fork_start[k + 1];
        uint32_t column = 0, leaf = 0;

        for (uint32_t i = first; i < end; i++) {
            const uint32_t left = forks[i].left, right = left ^ forks[i].move;
            column = forks[i].column > column ? forks[i].column : column;
            leaf = left > leaf ? left : leaf;
            leaf = right > leaf ? right : leaf;
        }
        if (first < end && (column >= p->ranks.n_columns || leaf > end - first))
            return bad(n, READY_FORKS, first, "leads out of its tree", err);
    }
    p->forks = forks;
    return MDL_OK;
}

/* ---- planes ------------------------------------------------------------------------------ */

#define PLANE_UNITS (PLANE_BYTES / PLANE_UNIT)

/* Do the forks of a group move rows from slots that have some to empty ones of the same tree? */
static int parts_well(const struct trees_planes *planes, const struct plane_group *g,
                      const struct plane_fork *forks)
{
    const uint32_t conditions = planes->n_planes - (PLANE_SLOTS + 7);
    uint8_t slots[PLANE_SLOTS + 8] = { 0 };   /* 2 + 2 * the tree, + 1: no rows stand there; or 0 */
    uint32_t slot = 0, bad = 0;

    for (uint32_t t = 0; t < g->trees; t++) {
        memset(slots + slot, (int)(3 + 2 * t), g->leaves[t]);
        slots[slot]--;
        slot += (g->leaves[t] + 7u) / 8 * 8;
    }
    for (uint32_t i = 0; i < g->forks; i++) {
        const uint32_t left = forks[i].left / PLANE_UNITS, right = forks[i].right / PLANE_UNITS;
        const uint32_t condition = forks[i].condition / PLANE_UNITS - (PLANE_SLOTS + 7);
        const uint32_t from = slots[left < slot ? left : slot], to = slots[right < slot ? right : slot];

        bad |= ((forks[i].left | forks[i].right | forks[i].condition) % PLANE_UNITS)
             | (uint32_t)(condition >= conditions) | (uint32_t)(from == 0) | from % 2 | (from ^ to ^ 1u);
        slots[right < slot ? right : slot] = (uint8_t)from;
    }
    return !bad;
}

mdl_status mdl_ready_planes(const struct node *n, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const struct plane_fork *forks = n->ready[READY_PLANES].data;

    if (count_of(n, READY_PLANES) != p->fork_start[p->n_trees]) {
        p->planes = NULL;
        return MDL_OK;
    }
    for (uint32_t g = 0; g < p->planes->n_groups; g++) {
        const struct plane_group *group = &p->planes->groups[g];
        if (!parts_well(p->planes, group, forks + group->first))
            return bad(n, READY_PLANES, group->first, "not the forks of a group of trees", err);
    }
    p->planes->forks = forks;
    return MDL_OK;
}

/* ---- keys -------------------------------------------------------------------------------- */

/* The nodes of a tree, `slots` with the gap behind its root.  Without a branch on what is a leaf. */
#define WALKS_WELL(name, node, word) \
static int name(const struct deep_table *d, const struct node *nodes, uint64_t slots, \
                uint64_t leaves) \
{ \
    const word low = ((word)1 << d->shift) - 1, last = (word)(d->columns - 1) * sizeof(word); \
    uint32_t bad = 0; \
\
    for (uint64_t i = 0; i < slots; i++) { \
        const word to = nodes[i].to, step = to >> d->shift, column = to & low & ~(word)DEEP_FLAGS; \
        const uint32_t is_leaf = step == 1; \
        const uint32_t ends = (uint32_t)((to & low) != 0) | (uint32_t)(nodes[i].t - 1 >= leaves); \
        const uint32_t leads = (uint32_t)(step >= slots - i) | (uint32_t)(step == 0); \
\
        bad |= ((uint32_t)(column > last) | (uint32_t)(column % sizeof(word) != 0) \
                | (uint32_t)(to >> 1 & 1) | (ends & is_leaf) | (leads & ~is_leaf)) \
             & (uint32_t)(i != 1); \
    } \
    return !bad && (nodes->to >> d->shift == 1 || nodes->to >> d->shift > 2); \
}
#define node deep_u32
WALKS_WELL(walks_well_u32, node, uint32_t)
#undef node
#define node deep_u64
WALKS_WELL(walks_well_u64, node, uint64_t)
#undef node

mdl_status mdl_ready_deep(const struct node *n, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    struct trees_deep *d = p->deep;
    const void *nodes = n->ready[READY_DEEP].data;

    if (count_of(n, READY_DEEP) != p->deep_bytes)
        return bad(n, READY_DEEP, 0, "not as many nodes as the trees have", err);
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint64_t all = p->tree_start[t + 1] - p->tree_start[t], root = d->table.root[t];
        const int good = d->wide
            ? walks_well_u64(&d->table, (const struct deep_u64 *)nodes + root, all + 1, (all + 1) / 2)
            : walks_well_u32(&d->table, (const struct deep_u32 *)nodes + root, all + 1, (all + 1) / 2);
        if (!good)
            return bad(n, READY_DEEP, root * (d->wide ? 16 : 8), "not the nodes of a tree", err);
    }
    d->table.nodes = nodes;
    return MDL_OK;
}
