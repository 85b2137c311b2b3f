/*
 * op/tree_cover.c - training weights of nodes, however the file has them
 *
 * A source that counts rows gives a split what its leaves have together, so that files list leaves
 * alone where that is exact, in a type as narrow as it can be or in as many bytes as each needs, and none
 * for leaves that are not given.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

int mdl_trees_weighed(const struct node *n)
{
    return n->tensors[TREES_COVER].type || n->tensors[TREES_COUNT].type;
}

static double cover_at(const struct tensor *t, size_t i)
{
    switch (t->type) {
    case MDL_U8: return ((const uint8_t *)t->data)[i];
    case MDL_U16: return ((const uint16_t *)t->data)[i];
    case MDL_U32: return ((const uint32_t *)t->data)[i];
    case MDL_F32: return (double)((const float *)t->data)[i];
    default: return ((const double *)t->data)[i];
    }
}

/* Of a leaf; *at is where that of the next one that is given begins. */
static double next_cover(const struct node *n, uint32_t leaf, size_t *at)
{
    const uint8_t *given = n->tensors[TREES_GIVEN].data, *byte = n->tensors[TREES_COUNT].data;
    uint64_t count = 0;
    uint32_t shift = 0;

    if (n->tensors[TREES_GIVEN].type && !(given[leaf / 8] >> leaf % 8 & 1))
        return 0;
    if (!n->tensors[TREES_COUNT].type)
        return cover_at(&n->tensors[TREES_COVER], (*at)++);
    do {
        count |= shift < 64 ? (uint64_t)(byte[*at] & 127) << shift : 0;
        shift += 7;
    } while (byte[(*at)++] > 127);
    return (double)count;
}

static size_t first_cover(const struct trees_plan *p, uint32_t tree)
{
    return p->cover_at ? p->cover_at[tree] : p->first_leaf[tree];
}

void mdl_tree_covers(const struct node *n, uint32_t tree, double *cover)
{
    const struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_COVER];
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    const int by_node = t->count == p->n_nodes;
    uint32_t leaf = p->first_leaf[tree];
    size_t at = first_cover(p, tree);

    for (uint32_t i = start; i < end; i++)
        if (by_node || mdl_tree_is_leaf(p, i))
            cover[i - start] = by_node ? cover_at(t, i) : next_cover(n, leaf++, &at);
    for (uint32_t i = end; i-- > start && !by_node;)   /* children lie behind their parents */
        if (!mdl_tree_is_leaf(p, i))
            cover[i - start] = cover[i + 1 - start] + cover[mdl_tree_right(p, i) - start];
}

#define ADD_UP(type, total) do { \
    const type *at_ = (const type *)t->data + first; \
    total all_ = 0; \
    for (uint32_t k = 0; k < leaves; k++) \
        sum[k + 1] = (double)(all_ += at_[k]); \
} while (0)

void mdl_tree_leaf_covers(const struct node *n, uint32_t tree, double *sum)
{
    const struct trees_plan *p = n->plan;
    const struct tensor *t = &n->tensors[TREES_COVER];
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    const uint32_t first = p->first_leaf[tree], leaves = (end - start) / 2 + 1;
    size_t next = first_cover(p, tree);
    double all = 0, *to = sum + 1;

    sum[0] = 0;
    if (t->count == p->n_nodes) {
        for (uint32_t i = start; i < end; i++)
            if (mdl_tree_is_leaf(p, i))
                *to++ = all += cover_at(t, i);
        return;
    }
    for (uint32_t k = 0; k < leaves && p->cover_at; k++)
        sum[k + 1] = all += next_cover(n, first + k, &next);
    if (p->cover_at)
        return;
    switch (t->type) {
    case MDL_U8: ADD_UP(uint8_t, int64_t); return;
    case MDL_U16: ADD_UP(uint16_t, int64_t); return;
    case MDL_U32: ADD_UP(uint32_t, int64_t); return;
    case MDL_F32: ADD_UP(float, double); return;
    default: ADD_UP(double, double); return;
    }
}
