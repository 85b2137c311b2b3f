/*
 * op/tree_deep_lay.c - trees for walks by keys (kernel/deep.h)
 *
 * Nodes of 8 bytes (16 for rows of doubles) take the place of steps, forks and tops.  In memory a
 * tree is
 *
 *     its first DEEP_TOP nodes, level by level | what is below each, the busier child first
 *
 * so that what all rows pass lies together, and most steps below stay in their cache line.
 *
 * A column is a feature and what a node makes of its cells: a number; a number of which what is
 * missing or zero goes to one side; a category.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_deep.h"

#include <string.h>

#define DEEP_TOP 255u             /* places: 2 KB of floats */

/* Nodes of more bytes than are near: blocks of that many rows. */
#define NEAR_BYTES (256u << 10)
#define DEEP_BLOCK 4096u

/* ---- columns ----------------------------------------------------------------------------- */

static enum deep_kind kind_of(uint32_t flags)
{
    const uint32_t missing = flags & NODE_MISSING;

    if ((flags & NODE_KIND) == NODE_NUMBER) {
        if (missing != NODE_ZERO_DEFAULT)
            return KIND_NUMBER;
        return flags & NODE_DEFAULT_LEFT ? KIND_ZERO_LEFT : KIND_ZERO_RIGHT;
    }
    switch (missing) {
    case NODE_NAN_DEFAULT: return KIND_SET_DEFAULT;
    case NODE_NAN_ZERO: return KIND_SET_ZERO;
    case NODE_ZERO_DEFAULT: return KIND_SET_ZERO_DEFAULT;
    default: return KIND_SET;
    }
}

/* Questions that no split asks count, too. */
static uint64_t kinds_of(const struct trees_plan *p) { return p->tested ? KINDS : 1; }

/* Columns that questions need: bit kind * cols + feature.  (There are few, and `cols` may be very many.) */
struct columns {
    uint64_t  cols, kinds;
    uint64_t *bits;               /* [kinds * cols / 64 + 1]                   */
    uint32_t *before;             /* the same: 1 and the bits of words before  */
};

static uint32_t column_at(const struct columns *c, uint64_t at)
{
    return c->before[at / 64] + mdl_bits_below(c->bits[at / 64], (uint32_t)(at % 64));
}

static mdl_status find_columns(const struct trees_plan *p, struct trees_deep *d, struct columns *c,
                               struct arena *temp, struct arena *a, mdl_error *err)
{
    const uint64_t words = c->kinds * c->cols / 64 + 1;
    uint64_t missing = c->kinds * c->cols;
    uint32_t count = 1;

    c->bits = mdl_arena_take(temp, words, sizeof *c->bits);
    c->before = mdl_arena_take_raw(temp, words, sizeof *c->before);
    if (!c->bits || !c->before)
        return mdl_arena_fail(temp, err, "tree ensemble");
    for (uint32_t q = 0; q < p->asked.n && missing; q++)
        if ((p->asked.flags[q] & NODE_KIND) != NODE_LEAF) {   /* of a file of nodes */
            const uint64_t at = kind_of(p->asked.flags[q]) * c->cols + mdl_tree_word(p->asked.feature, q);
            missing -= !(c->bits[at / 64] >> at % 64 & 1);
            c->bits[at / 64] |= (uint64_t)1 << at % 64;
        }
    for (uint64_t w = 0; w < words; w++) {
        c->before[w] = count;
        count += mdl_bits_below(c->bits[w], 63) + (uint32_t)(c->bits[w] >> 63);
    }
    d->table.columns = count;
    d->n_numbers = column_at(c, c->cols) - 1;
    d->feature = mdl_arena_take(a, count, sizeof *d->feature);
    d->kind = mdl_arena_take(a, count, 1);
    if (!d->feature || !d->kind)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint64_t w = 0; w < words; w++)
        for (uint64_t rest = c->bits[w]; rest; rest &= rest - 1) {
            const uint64_t at = 64 * w + (uint32_t)__builtin_ctzll(rest);
            d->feature[column_at(c, at)] = (uint32_t)(at % c->cols);
            d->kind[column_at(c, at)] = (uint8_t)(at / c->cols);
        }
    return MDL_OK;
}

/* The low bits of `to` that columns and flags need. */
static uint32_t shift_for(uint32_t columns, uint32_t key_bytes)
{
    uint32_t shift = 2;

    while ((uint64_t)columns * key_bytes > (uint64_t)1 << shift)
        shift++;
    return shift;
}

/* ---- questions --------------------------------------------------------------------------- */

/* An ensemble on its way into the table. */
struct laying {
    const struct node *n;
    const struct trees_plan *p;
    const struct survey *s;
    const struct value *x;
    struct trees_deep *d;
    void *nodes;
    void *asked;                  /* [questions] nodes without children; NULL: to be asked   */
    struct columns columns;
    struct stand *list;           /* nodes that wait, and their places                       */
    uint32_t *at;
    uint64_t root;                /* place of the tree                                       */
    uint32_t first_leaf;
};

/* Element `at` of nodes. */
static void put(void *nodes, int wide, uint64_t at, uint64_t to, uint64_t t)
{
    if (wide)
        ((struct deep_u64 *)nodes)[at] = (struct deep_u64){ to, t };
    else
        ((struct deep_u32 *)nodes)[at] = (struct deep_u32){ (uint32_t)to, (uint32_t)t };
}

static struct deep_u64 get(const void *nodes, int wide, uint64_t at)
{
    if (wide)
        return ((const struct deep_u64 *)nodes)[at];
    const struct deep_u32 n = ((const struct deep_u32 *)nodes)[at];
    return (struct deep_u64){ n.to, n.t };
}

/* The key that x must reach to go right; the largest is that of NaN where it goes right. */
static uint64_t key_from(const struct trees_deep *d, double t)
{
    if (d->wide)
        return t != t ? UINT64_MAX : deep_key_f64(t);
    return t != t ? UINT32_MAX : deep_key_f32((float)t);
}

/*
 * The rule of most nodes (tree_rule.c) in a few steps, where x is a float and NaN has a side: the
 * least float above t, or not below it, is the nearest one or the next, and keys count floats.
 * 0: it is another node.
 */
static int find_key(const struct trees_params *params, double t, uint8_t flags, uint32_t *key,
                    uint64_t *side)
{
    const uint32_t missing = flags & NODE_MISSING;
    const float f = (float)t;

    if ((missing != NODE_NAN_DEFAULT && missing != NODE_NAN_COMPARES)
        || !(t > -0x1p100 && t < 0x1p100)
        || (t >= -0x1p-100 && t <= 0x1p-100))
        return 0;
    *side = missing == NODE_NAN_COMPARES || !(flags & NODE_DEFAULT_LEFT);
    *key = deep_key_f32(f) + (params->compare ? (double)f <= t : (double)f < t);
    return 1;
}

/* What a node is that asks a question, but for its children. */
static struct deep_u64 ask(const struct laying *l, uint32_t q)
{
    const struct tree_asked *a = &l->p->asked;
    const struct trees_deep *d = l->d;
    const uint32_t flags = a->flags[q];
    const uint64_t kind = kind_of(flags), key_bytes = d->wide ? 8 : 4;
    const uint64_t c = column_at(&l->columns, kind * l->x->cols + mdl_tree_word(a->feature, q)) * key_bytes;
    const double t = mdl_asked_threshold(a, q);
    uint64_t side;
    uint32_t key;

    if (!d->wide && kind == KIND_NUMBER && find_key(l->n->params, t, (uint8_t)flags, &key, &side))
        return (struct deep_u64){ c | side, key - side };
    if ((flags & NODE_KIND) == NODE_CATEGORY)
        return (struct deep_u64){ c | DEEP_SET | (flags & NODE_DEFAULT_LEFT ? 0 : DEEP_SIDE), a->set[q] };
    const struct tree_rule rule = mdl_trees_rule_of(l->n->params, l->x->type, t, (uint8_t)flags);
    side = kind == KIND_NUMBER && rule.nan_right ? DEEP_SIDE : 0;
    return (struct deep_u64){ c | side, key_from(d, rule.t) - side };
}

/* All questions that the file lists: of each, many splits ask. */
static mdl_status ask_all(struct laying *l, struct arena *temp, mdl_error *err)
{
    if (!l->p->question.bytes)
        return MDL_OK;
    l->asked = mdl_arena_take_raw(temp, l->p->asked.n, l->d->wide ? sizeof(struct deep_u64)
                                                                 : sizeof(struct deep_u32));
    if (!l->asked)
        return mdl_arena_fail(temp, err, "tree ensemble");
    for (uint32_t q = 0; q < l->p->asked.n; q++) {
        const struct deep_u64 node = ask(l, q);
        put(l->asked, l->d->wide, q, node.to, node.t);
    }
    return MDL_OK;
}

/* ---- trees ------------------------------------------------------------------------------- */

#define AHEAD 24u                 /* splits whose questions are on their way: they are far apart */

MDL_INLINE void fetch_question(const struct laying *l, uint32_t split)
{
    const size_t bytes = l->d->wide ? sizeof(struct deep_u64) : sizeof(struct deep_u32);

    if (l->asked && split + AHEAD < l->s->n_splits)
        MDL_PREFETCH((const unsigned char *)l->asked
                     + bytes * mdl_tree_word(l->p->question, split + AHEAD));
}

/* A split, at a place behind the root; its children will be at `pair`. */
static void put_split(const struct laying *l, uint32_t split, uint32_t at, uint32_t pair)
{
    const struct trees_plan *p = l->p;
    const struct deep_u64 node = l->asked
        ? get(l->asked, l->d->wide, mdl_tree_word(p->question, split))
        : ask(l, p->right_node ? l->s->splits[split] : split);

    fetch_question(l, split);
    put(l->nodes, l->d->wide, l->root + at, (pair + 1ull - at) << l->d->table.shift | node.to, node.t);
}

static void put_leaf(const struct laying *l, uint32_t leaf, uint32_t at)
{
    put(l->nodes, l->d->wide, l->root + at, 1ull << l->d->table.shift, 1 + leaf - l->first_leaf);
}

/*
 * What is below the nodes that wait on a stack, the highest first: the busier child at once, the
 * other one later.  Children go to places from `next` on.
 */
static void lay_below(const struct laying *l, uint32_t waiting, uint32_t next)
{
    const uint32_t *left_below = l->s->left;
    const uint8_t *busy = l->s->busy;
    struct stand *list = l->list;
    uint32_t *at = l->at;

    while (waiting) {
        struct stand s = list[--waiting];
        uint32_t place = at[waiting];

        while (s.below) {
            const uint32_t below = left_below[s.split], first = !busy || busy[s.split];
            const struct stand left = stand_left(s, below), right = stand_right(s, below);

            put_split(l, s.split, place, next);
            list[waiting] = first ? right : left;
            at[waiting++] = next + first;
            s = first ? left : right;
            place = next + !first;
            next += 2;
        }
        put_leaf(l, s.leaf, place);
    }
}

/* A tree: its top level by level, list[] a queue; the one at k, but for the root, has place k + 1. */
static void lay_tree(const struct laying *l, uint32_t tree)
{
    const struct trees_plan *p = l->p;
    struct stand *list = l->list;
    uint32_t done = 0, end = 1;

    list[0] = (struct stand){ p->tree_start[tree] - l->first_leaf, l->first_leaf,
                              (p->tree_start[tree + 1] - p->tree_start[tree]) / 2 };
    put(l->nodes, l->d->wide, l->root + 1, 0, 0);
    for (; done < end && end + 1 < DEEP_TOP; done++) {
        const struct stand s = list[done];
        const uint32_t place = done ? done + 1 : 0;

        if (!s.below) {
            put_leaf(l, s.leaf, place);
            continue;
        }
        put_split(l, s.split, place, end + 1);
        list[end++] = stand_left(s, l->s->left[s.split]);
        list[end++] = stand_right(s, l->s->left[s.split]);
    }
    const uint32_t waiting = end - done;
    struct stand kept[DEEP_TOP];

    memcpy(kept, list, end * sizeof *kept);
    for (uint32_t k = 0; k < waiting; k++) {   /* the first waiting becomes the top */
        list[k] = kept[end - 1 - k];
        l->at[k] = end - k;
    }
    lay_below(l, waiting, end + 1);
}

static mdl_status put_sets(const struct node *n, struct trees_deep *d, struct arena *a,
                           mdl_error *err)
{
    const struct trees_plan *p = n->plan;
    const uint32_t *start = n->tensors[TREES_SET_START].data;

    if (!p->n_sets)
        return MDL_OK;
    struct deep_set *sets = mdl_arena_take(a, p->n_sets, sizeof *sets);
    if (!sets)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t q = 0; q < p->asked.n; q++)
        if ((p->asked.flags[q] & NODE_KIND) == NODE_CATEGORY) {
            const uint32_t s = p->asked.set[q];
            sets[s] = (struct deep_set){ start[s], start[s + 1] - start[s],
                                         (p->asked.flags[q] & NODE_SET_LEFT) != 0 };
        }
    d->table.sets = sets;
    d->table.words = n->tensors[TREES_SET_WORDS].data;
    return MDL_OK;
}

static mdl_status lay_all(struct laying *l, struct arena *temp, struct arena *a, mdl_error *err)
{
    const struct trees_plan *p = l->p;

    l->d->table.nodes = l->nodes = mdl_arena_take_raw(a, p->deep_bytes, 1);
    if (!l->nodes)
        return mdl_arena_fail(a, err, "tree ensemble");
    const mdl_status status = ask_all(l, temp, err);
    for (uint32_t t = 0; t < p->n_trees && !status; t++) {
        l->root = l->d->table.root[t];
        l->first_leaf = p->first_leaf[t];
        lay_tree(l, t);
    }
    return status;
}

mdl_status mdl_trees_deepen(struct node *n, const struct value *x, const struct survey *s,
                            struct arena *temp, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;
    const uint64_t slots = (uint64_t)p->n_nodes + p->n_trees;

    if (!p->n_trees || !p->in_order || slots > UINT32_MAX)
        return MDL_OK;
    struct trees_deep *d = mdl_arena_take(a, 1, sizeof *d);
    uint32_t *root = mdl_arena_take(a, p->n_trees, sizeof *root);
    struct laying l = {
        .n = n, .p = p, .s = s, .x = x, .d = d, .columns = { .cols = x->cols, .kinds = kinds_of(p) },
        .list = mdl_arena_take_raw(temp, s->largest + 2ull, sizeof *l.list),
        .at = mdl_arena_take_raw(temp, s->largest + 2ull, sizeof *l.at),
    };
    if (!d || !root)
        return mdl_arena_fail(a, err, "tree ensemble");
    if (!l.list || !l.at)
        return mdl_arena_fail(temp, err, "tree ensemble");
    mdl_status status = find_columns(p, d, &l.columns, temp, a, err);
    if (!status) status = put_sets(n, d, a, err);
    if (status)
        return status;

    for (uint32_t t = 0; t < p->n_trees; t++)
        root[t] = p->tree_start[t] + t;
    d->table.root = root;
    d->table.shift = shift_for(d->table.columns, sizeof(uint32_t));
    d->wide = x->type == MDL_F64 || (s->largest + 1ull) >> (32 - d->table.shift) != 0;
    if (d->wide)
        d->table.shift = shift_for(d->table.columns, sizeof(uint64_t));
    const size_t node_bytes = d->wide ? sizeof(struct deep_u64) : sizeof(struct deep_u32);
    p->deep = d;
    p->deep_columns = d->table.columns;
    p->deep_bytes = slots * node_bytes;
    status = mdl_trees_ready(n) ? mdl_ready_deep(n, err) : lay_all(&l, temp, a, err);
    if (status || !p->deep)
        return status;
    const uint64_t temp_bytes = (uint64_t)d->table.columns * (d->wide ? 8 : 4) + sizeof(uint32_t);
    if (n->temp_bytes < temp_bytes)
        n->temp_bytes = temp_bytes;
    if (p->deep_bytes > NEAR_BYTES && !mdl_trees_match(p))
        n->block_rows = DEEP_BLOCK;
    return MDL_OK;
}
