/*
 * graph/build_pack.c - the builder: an ensemble of nodes becomes one of splits and questions
 *
 * What the file holds then is in op/tree.h.  Nothing is lost: numbers get the narrowest type that has
 * them all, what many splits or leaves have alike is listed once where that is shorter, and what
 * follows from the rest is left out.  Questions are in the order of their ranks (op/tree_rank.c), so
 * that a reader need not sort them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/build_pack.h"

#include <stdlib.h>
#include <string.h>

/* ---- arrays ---------------------------------------------------------------------------- */

void *mdl_pack_array(struct packer *k, uint32_t slot, uint32_t type, uint64_t count)
{
    void *data = mdl_arena_take_raw(k->a, count, mdl_type_bytes(type));

    k->out[slot] = (struct tensor){ .type = type, .rank = 1, .dims = { (int64_t)count }, .count = count,
                                    .data = data, .offset = MDL_NO_OFFSET };
    return data;
}

int mdl_pack_words(struct packer *k, uint32_t slot, const uint32_t *from, uint64_t count,
                   uint32_t widest)
{
    uint32_t most = 0;

    for (uint64_t i = 0; i < count; i++)
        most = from[i] > most ? from[i] : most;
    const uint32_t type = most <= UINT8_MAX ? MDL_U8 : most <= UINT16_MAX ? MDL_U16 : widest;
    void *to = mdl_pack_array(k, slot, type, count);
    if (!to)
        return 0;
    for (uint64_t i = 0; i < count; i++)
        if (type == MDL_U8)
            ((uint8_t *)to)[i] = (uint8_t)from[i];
        else if (type == MDL_U16)
            ((uint16_t *)to)[i] = (uint16_t)from[i];
        else
            ((uint32_t *)to)[i] = from[i];
    return 1;
}

/* ---- splits ---------------------------------------------------------------------------- */

static int is_category(const struct packer *k, uint32_t node)
{
    return (((const uint8_t *)k->t[TREES_FLAGS].data)[node] & NODE_KIND) == NODE_CATEGORY;
}

/* Which nodes are splits, and what is below their left children: trees are in pre-order. */
static int put_splits(struct packer *k)
{
    const uint8_t *flags = k->t[TREES_FLAGS].data;
    const uint32_t *right = k->oblivious ? NULL : k->t[TREES_RIGHT].data;
    uint32_t *left = mdl_arena_take_raw(&k->temp, k->splits, sizeof *left), at = 0, sets = 0;

    k->node = mdl_arena_take_raw(&k->temp, k->splits, sizeof *k->node);
    k->set = k->t[TREES_SET_START].type ? mdl_arena_take(&k->temp, k->nodes, sizeof *k->set) : NULL;
    if (!left || !k->node || (k->t[TREES_SET_START].type && !k->set))
        return 0;
    for (uint32_t i = 0; i < k->nodes; i++) {
        if (!flags[i])
            continue;
        if (k->set && is_category(k, i))
            k->set[i] = sets++;
        left[at] = right ? (right[i] - i - 2) / 2 : 0;
        k->node[at++] = i;
    }
    return k->oblivious || mdl_pack_words(k, TREES_LEFT, left, k->splits, MDL_U32);
}

/* ---- questions --------------------------------------------------------------------------- */

static uint64_t threshold_bits(const struct packer *k, uint32_t node)
{
    const struct tensor *t = &k->t[TREES_THRESHOLD];

    return t->type == MDL_F32 ? ((const uint32_t *)t->data)[node] : ((const uint64_t *)t->data)[node];
}

static double threshold_at(const struct packer *k, uint32_t node)
{
    const struct tensor *t = &k->t[TREES_THRESHOLD];

    return t->type == MDL_F32 ? (double)((const float *)t->data)[node]
                              : ((const double *)t->data)[node];
}

/* The words of the set of a category node. */
static const uint32_t *set_of(const struct packer *k, uint32_t node, uint32_t *count)
{
    const uint32_t *start = k->t[TREES_SET_START].data, *words = k->t[TREES_SET_WORDS].data;
    const uint32_t set = k->set[node];

    *count = start[set + 1] - start[set];
    return words ? words + start[set] : NULL;   /* all sets may be empty */
}

static uint32_t hash(const struct packer *k, uint32_t node)
{
    const uint64_t key = (uint64_t)((const uint32_t *)k->t[TREES_FEATURE].data)[node] << 8
                       | ((const uint8_t *)k->t[TREES_FLAGS].data)[node];
    uint64_t h = threshold_bits(k, node) ^ key * 0x9E3779B97F4A7C15ull;

    if (is_category(k, node)) {
        uint32_t count;
        const uint32_t *words = set_of(k, node, &count);
        for (uint32_t i = 0; i < count; i++)
            h = ((h ^ words[i]) * 0x9E3779B97F4A7C15ull) ^ h >> 29;
    }
    return (uint32_t)(h * 0xD6E8FEB86659FD93ull >> 32);
}

static int ask_the_same(const struct packer *k, uint32_t a, uint32_t b)
{
    const uint8_t *flags = k->t[TREES_FLAGS].data;
    const uint32_t *feature = k->t[TREES_FEATURE].data;

    if (flags[a] != flags[b] || feature[a] != feature[b] || threshold_bits(k, a) != threshold_bits(k, b))
        return 0;
    if (!is_category(k, a))
        return 1;
    uint32_t n, m;
    const uint32_t *one = set_of(k, a, &n), *other = set_of(k, b, &m);
    return n == m && (!n || !memcmp(one, other, n * sizeof *one));
}

/* Number what splits ask, in the order in which it is asked first. */
static int find_questions(struct packer *k)
{
    uint64_t size = 64;

    while (size < 2ull * k->splits)
        size *= 2;
    const uint32_t mask = (uint32_t)(size - 1);
    uint32_t *table = mdl_arena_take(&k->temp, size, sizeof *table);
    k->question = mdl_arena_take_raw(&k->temp, k->splits, sizeof *k->question);
    k->first = mdl_arena_take_raw(&k->temp, k->splits, sizeof *k->first);
    if (!table || !k->question || !k->first)
        return 0;
    for (uint32_t s = 0; s < k->splits; s++) {
        uint32_t i = hash(k, k->node[s]) & mask, steps = 0;
        for (; steps < PACK_PATIENCE && table[i]; i = (i + 1) & mask, steps++)
            if (ask_the_same(k, k->first[table[i] - 1], k->node[s]))
                break;
        if (steps < PACK_PATIENCE && table[i]) {
            k->question[s] = table[i] - 1;
            continue;
        }
        k->question[s] = k->questions;
        k->first[k->questions++] = k->node[s];
        if (steps < PACK_PATIENCE)
            table[i] = k->questions;
    }
    return 1;
}

/* A question, as it is ordered: by column of ranks, then by rank; tests last. */
struct ordered {
    uint64_t key, t;
    uint32_t number, unused;
};

static int compare(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->t != y->t)
        return x->t < y->t ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Bits that order as the numbers do, NaN last. */
static uint64_t order_bits(double t)
{
    uint64_t bits;

    memcpy(&bits, &t, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* Number questions anew, in their order. */
static int order_questions(struct packer *k)
{
    struct ordered *o = mdl_arena_take(&k->temp, k->questions, sizeof *o);
    uint32_t *number = mdl_arena_take_raw(&k->temp, k->questions, sizeof *number);
    uint32_t *first = mdl_arena_take_raw(&k->temp, k->questions, sizeof *first);

    if (!o || !number || !first)
        return 0;
    for (uint32_t q = 0; q < k->questions; q++) {
        const uint32_t i = k->first[q];
        const uint8_t flags = ((const uint8_t *)k->t[TREES_FLAGS].data)[i];
        const uint64_t feature = ((const uint32_t *)k->t[TREES_FEATURE].data)[i];
        const struct tree_rule r = mdl_trees_rule_of(k->params, MDL_F64, threshold_at(k, i), flags);

        o[q] = (struct ordered){ .key = 2 * feature + (r.nan_right != 0), .t = order_bits(r.t), .number = q };
        if (mdl_flags_are_test(flags))
            o[q].key |= (uint64_t)1 << 40;
    }
    if (k->questions)
        qsort(o, k->questions, sizeof *o, compare);
    for (uint32_t q = 0; q < k->questions; q++) {
        first[q] = k->first[o[q].number];
        number[o[q].number] = q;
    }
    for (uint32_t s = 0; s < k->splits; s++)
        k->question[s] = number[k->question[s]];
    k->first = first;
    return 1;
}

/* The sets of the questions that the nodes of a list ask first. */
static int put_sets(struct packer *k, const uint32_t *node, uint32_t count)
{
    uint64_t sets = 0, words = 0, at = 0;
    uint32_t n;

    if (!k->set)
        return 1;
    for (uint32_t q = 0; q < count; q++)
        if (is_category(k, node[q])) {
            set_of(k, node[q], &n);
            words += n;
            sets++;
        }
    uint32_t *start = mdl_pack_array(k, TREES_SET_START, MDL_U32, sets + 1);
    uint32_t *to = mdl_pack_array(k, TREES_SET_WORDS, MDL_U32, words);
    if (!start || !to)
        return 0;
    *start++ = 0;
    for (uint32_t q = 0; q < count; q++)
        if (is_category(k, node[q])) {
            const uint32_t *from = set_of(k, node[q], &n);
            if (n)
                memcpy(to + at, from, n * sizeof *to);
            at += n;
            *start++ = (uint32_t)at;
        }
    return 1;
}

/* What the nodes of a list ask. */
static int put_asked(struct packer *k, const uint32_t *node, uint32_t count)
{
    const struct tensor *threshold = &k->t[TREES_THRESHOLD];
    const size_t bytes = mdl_type_bytes(threshold->type);
    uint32_t *feature = mdl_arena_take_raw(&k->temp, count, sizeof *feature);
    uint8_t *flags = mdl_pack_array(k, TREES_FLAGS, MDL_U8, count);
    unsigned char *to = mdl_pack_array(k, TREES_THRESHOLD, threshold->type, count);

    if (!feature || !flags || !to)
        return 0;
    for (uint32_t q = 0; q < count; q++) {
        feature[q] = ((const uint32_t *)k->t[TREES_FEATURE].data)[node[q]];
        flags[q] = ((const uint8_t *)k->t[TREES_FLAGS].data)[node[q]];
        memcpy(to + q * bytes, (const unsigned char *)threshold->data + node[q] * bytes, bytes);
    }
    return mdl_pack_words(k, TREES_FEATURE, feature, count, MDL_U32) && put_sets(k, node, count);
}

static int put_questions(struct packer *k)
{
    const uint32_t *feature = k->t[TREES_FEATURE].data;
    uint32_t most = 0;

    if (!find_questions(k))
        return 0;
    for (uint32_t q = 0; q < k->questions; q++)
        most = feature[k->first[q]] > most ? feature[k->first[q]] : most;
    const uint64_t each = 1 + word_bytes(most) + mdl_type_bytes(k->t[TREES_THRESHOLD].type);
    const uint64_t number = word_bytes(k->questions ? k->questions - 1 : 0);
    if (!k->oblivious && k->questions * each + k->splits * number > k->splits * each)
        return put_asked(k, k->node, k->splits);       /* each split its own */
    return order_questions(k)
        && mdl_pack_words(k, k->oblivious ? TREES_LEVEL : TREES_QUESTION, k->question, k->splits, MDL_U32)
        && put_asked(k, k->first, k->questions);
}

int mdl_tree_pack(struct tensor *tensors, const struct trees_params *params, int oblivious,
                  struct arena *a)
{
    struct packer k = { .t = tensors, .params = params, .a = a, .oblivious = oblivious,
                        .nodes = (uint32_t)tensors[TREES_FLAGS].count };

    memcpy(k.out, tensors, sizeof k.out);
    k.out[TREES_RIGHT].type = 0;
    k.leaves = (uint32_t)(tensors[TREES_VALUE].dims[0]);
    k.splits = oblivious ? k.nodes : k.nodes - k.leaves;
    mdl_arena_init(&k.temp, &a->allocator, UINT64_MAX);
    const int done = put_splits(&k) && put_questions(&k) && mdl_pack_leaves(&k);
    mdl_arena_free(&k.temp);
    memcpy(tensors, k.out, sizeof k.out);
    return done;
}
