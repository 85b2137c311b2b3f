/*
 * import/xgboost_set.c - the sets of a tree's category nodes
 *
 * A category goes right when it is in the node's set; all else goes left, but NaN to the
 * default side.  Sets are lists: node categories_nodes[k] has categories_sizes[k] members
 * from categories[categories_segments[k]] on.
 *
 * From 1.6.0 to 1.7.2 numbers below 0, and beyond the last word of the set, went to the
 * default side as well.  Where that is the right, the same is said by the complement of the
 * set: its members go left and all else right.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/xgboost.h"

#define MOST_CATEGORY ((1 << 24) - 1)              /* larger ones are no category to XGBoost */

/* Sets are bits up to the largest category, so a small file could ask for much: at most
 * this, and this much for each byte of the file (real ones stay below 30). */
#define SET_BYTES ((uint64_t)64 << 20)
#define SET_BYTES_PER_BYTE 64u
#define MOST_SET_BYTES ((uint64_t)8 << 30)         /* their words are counted in 32 bits */

#define BAD(...) mdl_events_fail(e, MDL_ERR_FORMAT, __VA_ARGS__)
#define ULL(v) ((unsigned long long)(v))

static uint64_t most_bytes(const struct xgb *x)
{
    const uint64_t limit = (uint64_t)(x->file.end - x->file.start) * SET_BYTES_PER_BYTE + SET_BYTES;

    return limit < MOST_SET_BYTES ? limit : MOST_SET_BYTES;
}

/* Set k of the lists, at the end of s->words. */
static int add_set(const struct xgb *x, struct events *e, struct xgb_sets *s, uint64_t tree,
                   uint64_t k)
{
    const int32_t begin = s->segment[k], size = s->size[k];
    const int32_t *member;
    int32_t most = -1;

    if (begin < 0 || size < 0 || (uint64_t)begin + (uint64_t)size > s->n_members)
        return !BAD("tree %llu: set %llu is categories %d to %lld of %llu", ULL(tree), ULL(k),
                    (int)begin, (long long)begin + size, ULL(s->n_members));
    member = size ? s->member + begin : NULL;
    for (int32_t i = 0; i < size; i++) {
        if (member[i] < 0 || member[i] > MOST_CATEGORY)
            return !BAD("tree %llu: %d is no category, they are 0 to %d", ULL(tree),
                        (int)member[i], MOST_CATEGORY);
        most = member[i] > most ? member[i] : most;
    }
    const size_t bytes = most < 0 ? 0 : ((size_t)most / 32 + 1) * 4;
    s->all_bytes += bytes;
    if (s->all_bytes > most_bytes(x))
        return !mdl_events_fail(e, MDL_ERR_LIMIT, "tree %llu: the sets of categories need more "
                                "than %llu bytes: number the categories from 0", ULL(tree),
                                ULL(most_bytes(x)));
    uint32_t *words = mdl_vec_add(&s->words, &x->allocator, NULL, bytes);
    if (!words)
        return !mdl_events_memory(e);
    for (int32_t i = 0; i < size; i++)
        words[member[i] / 32] |= (uint32_t)1 << member[i] % 32;
    return 1;
}

static int has_strays_default(const struct xgb *x)
{
    return xgb_since(x, 1, 6) && !xgb_since(x, 1, 8)
        && (x->version[1] == 6 || x->version[2] < 3);
}

static void complement(const struct xgb_sets *s, uint64_t n_nodes, uint8_t *flags)
{
    const uint32_t *start = (const uint32_t *)(void *)s->start.data;
    uint32_t *words = (uint32_t *)(void *)s->words.data;

    for (uint64_t i = 0; i < n_nodes; i++) {
        if (!(flags[i] & MDL_NODE_CATEGORY) || flags[i] & MDL_NODE_DEFAULT_LEFT)
            continue;
        flags[i] |= MDL_NODE_SET_LEFT;
        for (uint32_t w = start[i]; w < start[i + 1]; w++)
            words[w] = ~words[w];
    }
}

/* Nodes that are in no list have an empty set. */
int mdl_xgb_sets(const struct xgb *x, struct events *e, struct xgb_sets *s, uint64_t tree,
                 uint64_t n_nodes, uint8_t *flags)
{
    uint64_t next = 0, members = 0;

    s->start.bytes = s->words.bytes = 0;
    uint32_t *start = n_nodes > SIZE_MAX / 8 ? NULL : mdl_vec_add(&s->start, &x->allocator, NULL,
                                                                  (size_t)(n_nodes + 1) * 4);
    if (!start)
        return !mdl_events_memory(e);
    for (uint64_t k = 0; k < s->n; k++) {
        const int32_t node = s->node[k];

        if (node < 0 || (uint64_t)node >= n_nodes || (uint64_t)node < next)
            return !BAD("tree %llu: 'categories_nodes' has %d, expected %llu to %llu", ULL(tree),
                        (int)node, ULL(next), ULL(n_nodes - 1));
        for (; next <= (uint64_t)node; next++)
            start[next] = (uint32_t)(s->words.bytes / 4);
        if (!add_set(x, e, s, tree, k))
            return 0;
        members += (uint64_t)s->size[k];
        if (members > s->n_members)                /* or each could walk through all of them */
            return !BAD("tree %llu: sets share their categories", ULL(tree));
    }
    for (; next <= n_nodes; next++)
        start[next] = (uint32_t)(s->words.bytes / 4);
    if (has_strays_default(x))
        complement(s, n_nodes, flags);
    return 1;
}
