/*
 * op/tree_unpack.c - what a file leaves out of an ensemble is put back
 *
 * A complete tree of d levels that asks one question on each is told by d numbers, `level`; in pre-order
 * its splits are the root, and twice the tree that begins on the level below:
 *
 *     level    a b c                         left    3 1 0
 *     splits   a  b c c  b c c               left    3  1 0 0  1 0 0
 *
 * Of several values of a leaf the last may be told by the others, `rest` (base/rest.h).  Leaves without
 * a bit in `given` are 0, and no training row reached them.  A file has values for a sixteenth of the
 * leaves at least, so that what is put back is bounded by its size.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"
#include "base/rest.h"

#include <string.h>

#define ULL(x) ((unsigned long long)(x))

#define BAD(slot, ...) \
    mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[slot].offset, __VA_ARGS__)

/* ---- leaves ------------------------------------------------------------------------------ */

static int is_given(const uint8_t *given, uint64_t leaf)
{
    return given[leaf / 8] >> leaf % 8 & 1;
}

/* Leaves of [first, end) that are given. */
static uint64_t given_of(const uint8_t *given, uint64_t first, uint64_t end)
{
    uint64_t n = 0;

    for (; first < end && first % 8; first++)
        n += (uint64_t)is_given(given, first);
    for (; first + 8 <= end; first += 8) {
        const uint32_t bits = given[first / 8], pairs = (bits & 0x55u) + (bits >> 1 & 0x55u);
        const uint32_t fours = (pairs & 0x33u) + (pairs >> 2 & 0x33u);
        n += (fours & 15u) + (fours >> 4);
    }
    for (; first < end; first++)
        n += (uint64_t)is_given(given, first);
    return n;
}

/* Bits for all leaves, and a value for each that is set. */
static mdl_status check_given(const struct node *n, uint64_t leaves, mdl_error *err)
{
    const struct tensor *t = &n->tensors[TREES_GIVEN];
    const uint64_t values = (uint64_t)n->tensors[TREES_VALUE].dims[0];
    const uint8_t *given = t->data;

    if (n->tensors[TREES_VECTOR].type || n->tensors[TREES_LINEAR_CONST].type)
        return BAD(TREES_GIVEN, "'given' with leaves that share values, or are linear");
    if (t->count != (leaves + 7) / 8 || values > leaves || values < leaves / TREES_SPARSEST)
        return BAD(TREES_GIVEN, "'given' has %llu bytes, and there are %llu values, for %llu leaves",
                   ULL(t->count), ULL(values), ULL(leaves));
    if (given_of(given, 0, leaves) != values || given_of(given, leaves, 8 * t->count))
        return BAD(TREES_GIVEN, "'given' does not name as many leaves as have values, %llu of %llu",
                   ULL(values), ULL(leaves));
    return MDL_OK;
}

mdl_status mdl_trees_need_values(const struct node *n, uint64_t leaves, mdl_error *err)
{
    const int64_t width = ((const struct trees_params *)n->params)->leaf_width;
    const struct tensor *value = &n->tensors[TREES_VALUE];

    const int rest = n->tensors[TREES_REST].type != 0;

    if (rest && (width < 2 || value->type != MDL_F64 || n->tensors[TREES_VECTOR].type
                 || n->tensors[TREES_LINEAR_CONST].type))
        return BAD(TREES_REST, "'rest' of leaves that are no float64, share values, or have one");
    if (value->dims[1] != width - rest)
        return BAD(TREES_VALUE, "'value' has %lld columns, expected %lld", (long long)value->dims[1],
                   (long long)width - rest);
    if (n->tensors[TREES_GIVEN].type)
        return check_given(n, leaves, err);
    if (n->tensors[TREES_VECTOR].type)
        return mdl_op_need_tensor(n, TREES_VECTOR, 0, leaves, err);
    if ((uint64_t)value->dims[0] != leaves)
        return BAD(TREES_VALUE, "'value' has %lld rows, expected %llu", (long long)value->dims[0],
                   ULL(leaves));
    return MDL_OK;
}

mdl_status mdl_trees_rest(const struct node *n, struct tensor *value, struct arena *a, mdl_error *err)
{
    const struct tensor *rest = &n->tensors[TREES_REST];
    const uint8_t *at = rest->data, *end = at + rest->count;
    const uint64_t rows = (uint64_t)value->dims[0];
    const size_t others = (size_t)value->dims[1];
    double *to = mdl_arena_take_raw(a, rows, (others + 1) * sizeof *to);

    if (!to)
        return mdl_arena_fail(a, err, "tree ensemble");
    const uint64_t told = mdl_rest_rows(to, value->data, rows, others, &at, end);
    if (told < rows || at != end)
        return BAD(TREES_REST, "'rest' tells the last values of %s%llu rows, expected %llu",
                   told < rows ? "" : "more than ", ULL(told), ULL(rows));
    value->data = to;
    value->dims[1]++;
    value->count += rows;
    return MDL_OK;
}

/* Without a branch on what is given: the leaves follow each other in no order. */
static void spread_u64(uint64_t *to, const uint64_t *from, uint64_t count, const uint8_t *given,
                       uint64_t leaves)
{
    uint64_t next = 0, leaf = 0;

    for (; leaf < leaves && next < count; leaf++) {
        const uint64_t is = (uint64_t)is_given(given, leaf);
        to[leaf] = from[next] & (0 - is);
        next += is;
    }
    for (; leaf < leaves; leaf++)
        to[leaf] = 0;
}

const void *mdl_trees_spread(const struct node *n, const struct tensor *t, uint64_t leaves,
                             size_t bytes, struct arena *a)
{
    const uint8_t *given = n->tensors[TREES_GIVEN].data;
    const unsigned char *from = t->data;

    if (!n->tensors[TREES_GIVEN].type)
        return t->data;
    unsigned char *to = mdl_arena_take_raw(a, leaves, bytes);
    if (to && bytes == sizeof(uint64_t))
        spread_u64((uint64_t *)(void *)to, t->data, (uint64_t)t->dims[0], given, leaves);
    else for (uint64_t leaf = 0; to && leaf < leaves; leaf++) {
        const int is = is_given(given, leaf);
        if (is)
            memcpy(to + leaf * bytes, from, bytes);
        else
            memset(to + leaf * bytes, 0, bytes);
        from += is ? bytes : 0;
    }
    return to;
}

#define EACH_BYTE 0x0101010101010101u

/* Where the number behind `n` others begins; beyond `end` if there are not so many. */
static uint64_t skip_numbers(const uint8_t *at, uint64_t from, uint64_t end, uint64_t n)
{
    while (from + 8 <= end) {
        uint64_t word;
        memcpy(&word, at + from, sizeof word);
        const uint64_t last = (~word >> 7 & EACH_BYTE) * EACH_BYTE >> 56;   /* bytes that end one */
        if (last >= n)             /* behind the last byte of its number: the next has begun, perhaps */
            break;
        n -= last;
        from += 8;
    }
    for (; n && from < end; from++)
        n -= at[from] < 128;
    return from + n;
}

/* Where the training weights of each tree begin: those of leaves that are given, or in bytes. */
static mdl_status find_weights(const struct node *n, struct trees_plan *p, struct arena *a,
                               mdl_error *err)
{
    const struct tensor *count = &n->tensors[TREES_COUNT], *cover = &n->tensors[TREES_COVER];
    const uint8_t *given = n->tensors[TREES_GIVEN].data;
    uint64_t leaf = 0, at = 0;

    if (count->type && cover->type)
        return BAD(TREES_COUNT, "'count' and 'cover'");
    if (!count->type && (!given || !cover->type || cover->count == p->n_nodes))
        return MDL_OK;
    p->cover_at = mdl_arena_take_raw(a, p->n_trees, sizeof *p->cover_at);
    if (!p->cover_at)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint64_t leaves = (p->tree_start[t + 1] - p->tree_start[t]) / 2 + 1;
        const uint64_t n_given = given ? given_of(given, leaf, leaf + leaves) : leaves;

        if (at > UINT32_MAX || (count->type && n_given && at >= count->count))
            return BAD(TREES_COUNT, "'count' has no numbers for tree %u", t);
        p->cover_at[t] = (uint32_t)at;
        at = count->type ? skip_numbers(count->data, at, count->count, n_given) : at + n_given;
        leaf += leaves;
    }
    if (count->type && (at != count->count || (at && ((const uint8_t *)count->data)[at - 1] > 127)))
        return BAD(TREES_COUNT, "'count' has other numbers than one for each leaf");
    return MDL_OK;
}

/* ---- levels ------------------------------------------------------------------------------ */

static void put_word(unsigned char *to, size_t bytes, uint32_t x)
{
    const uint8_t u8 = (uint8_t)x;
    const uint16_t u16 = (uint16_t)x;

    memcpy(to, bytes == 1 ? (const void *)&u8 : bytes == 2 ? (const void *)&u16 : &x, bytes);
}

/* What each level has, the root's first, for all splits of a tree of d levels. */
static void unfold(unsigned char *to, const unsigned char *each, uint32_t d, size_t bytes)
{
    for (uint32_t h = 1; h <= d; h++) {
        unsigned char *root = to + (d - h) * bytes, *left = root + bytes;
        const size_t below = (((size_t)1 << (h - 1)) - 1) * bytes;

        memcpy(root, each + (d - h) * bytes, bytes);
        if (below)
            memcpy(left + below, left, below);
    }
}

/* The levels of a tree of so many nodes; -1: it is not complete. */
static int levels_of(uint32_t nodes)
{
    int d = 0;

    while ((nodes >> d) > 1)
        d++;
    return nodes & (nodes + 1) ? -1 : d;
}

static mdl_status check_levels(const struct node *n, const struct trees_plan *p, uint32_t *most,
                               mdl_error *err)
{
    uint64_t levels = 0;

    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint32_t nodes = p->tree_start[t + 1] - p->tree_start[t];
        const int d = levels_of(nodes);
        if (d < 0)
            return BAD(TREES_TREE_START, "tree %u has %u nodes, no whole levels of them", t, nodes);
        levels += (uint32_t)d;
        *most = (uint32_t)d > *most ? (uint32_t)d : *most;
    }
    return mdl_op_need_tensor(n, TREES_LEVEL, 0, levels, err);
}

static mdl_status unfold_levels(const struct node *n, struct trees_plan *p, struct arena *a,
                                mdl_error *err)
{
    const struct tensor *level = &n->tensors[TREES_LEVEL];
    const size_t asked_bytes = mdl_type_bytes(level->type), splits = (p->n_nodes - p->n_trees) / 2;
    const unsigned char *asked = level->data;
    unsigned char each[4 * 32];
    uint32_t most = 0;

    const mdl_status s = check_levels(n, p, &most, err);
    if (s)
        return s;
    const size_t left_bytes = most <= 9 ? 1 : most <= 17 ? 2 : 4;   /* 2^(most - 1) - 1 */
    unsigned char *question = mdl_arena_take_raw(a, splits, asked_bytes);
    unsigned char *left = mdl_arena_take_raw(a, splits, left_bytes);
    if (!question || !left)
        return mdl_arena_fail(a, err, "tree ensemble");
    p->question = (struct tree_words){ question, (uint32_t)asked_bytes };
    p->left = (struct tree_words){ left, (uint32_t)left_bytes };
    for (uint32_t t = 0; t < p->n_trees; t++) {
        const uint32_t nodes = p->tree_start[t + 1] - p->tree_start[t];
        const uint32_t d = (uint32_t)levels_of(nodes);

        if (!d)
            continue;
        for (uint32_t i = 0; i < d; i++)
            put_word(each + i * left_bytes, left_bytes, ((uint32_t)1 << (d - 1 - i)) - 1);
        unfold(left, each, d, left_bytes);
        unfold(question, asked, d, asked_bytes);
        asked += d * asked_bytes;
        question += nodes / 2 * asked_bytes;
        left += nodes / 2 * left_bytes;
    }
    return MDL_OK;
}

mdl_status mdl_trees_unpack(const struct node *n, struct trees_plan *p, struct arena *a,
                            mdl_error *err)
{
    const uint64_t leaves = ((uint64_t)p->n_nodes + p->n_trees) / 2;
    mdl_status s = MDL_OK;

    if (n->tensors[TREES_LEVEL].type || n->tensors[TREES_GIVEN].type)
        s = mdl_trees_need_values(n, leaves, err);
    if (!s && n->tensors[TREES_LEVEL].type) s = unfold_levels(n, p, a, err);
    return s ? s : find_weights(n, p, a, err);
}
