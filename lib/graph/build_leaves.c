/*
 * graph/build_leaves.c - the builder: leaves of an ensemble, as a file has them
 *
 * Values that leaves share, or that are 0, are left out where that is shorter; the source's numbers are
 * where they are no count; training weights are in the narrowest type that has them all, or in as many
 * bytes as each needs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/build_pack.h"
#include "base/rest.h"

#include <string.h>

#define WORTH 256u                /* bytes: an array more has a record, and begins at a whole line */

static int is_zero(const unsigned char *at, size_t bytes)
{
    unsigned char any = 0;

    for (size_t i = 0; i < bytes; i++)
        any |= at[i];
    return !any;
}

/* Leaves of several values that are equal, once; where that pays. */
static int put_vectors(struct packer *k)
{
    const struct tensor *value = &k->t[TREES_VALUE];
    const size_t bytes = (size_t)k->params->leaf_width * mdl_type_bytes(value->type);
    const unsigned char *rows = value->data;
    uint64_t size = 64;
    uint32_t n = 0, zeros = 0;

    if (k->params->leaf_width < 2 || k->t[TREES_WEIGHT].type || !k->leaves)
        return 1;
    while (size < 2ull * k->leaves)
        size *= 2;
    uint32_t *table = mdl_arena_take(&k->temp, size, sizeof *table);
    uint32_t *first = mdl_arena_take_raw(&k->temp, k->leaves, sizeof *first);
    uint32_t *vector = mdl_arena_take_raw(&k->temp, k->leaves, sizeof *vector);
    if (!table || !first || !vector)
        return 0;
    for (uint32_t leaf = 0; leaf < k->leaves; leaf++) {
        const unsigned char *row = rows + leaf * bytes;
        uint64_t h = 0;
        for (size_t i = 0; i < bytes; i += 4) {
            uint32_t word;
            memcpy(&word, row + i, sizeof word);
            h = (h ^ word) * 0x9E3779B97F4A7C15ull;
            h ^= h >> 29;
        }
        uint64_t i = (h >> 16) & (size - 1);
        uint32_t steps = 0;
        for (; steps < PACK_PATIENCE && table[i]; i = (i + 1) & (size - 1), steps++)
            if (!memcmp(rows + first[table[i] - 1] * bytes, row, bytes))
                break;
        const int known = steps < PACK_PATIENCE && table[i];
        vector[leaf] = known ? table[i] - 1 : n;
        if (!known)
            first[n++] = leaf;
        if (!known && steps < PACK_PATIENCE)
            table[i] = n;
        zeros += (uint32_t)is_zero(row, bytes);
    }
    if (n * bytes + (uint64_t)k->leaves * word_bytes(n - 1)
        >= (k->leaves - zeros) * bytes + k->leaves / 8)          /* what put_given would take */
        return 1;
    unsigned char *to = mdl_arena_take_raw(k->a, n, bytes);
    if (!to || !mdl_pack_words(k, TREES_VECTOR, vector, k->leaves, MDL_U32))
        return 0;
    for (uint32_t v = 0; v < n; v++)
        memcpy(to + v * bytes, rows + first[v] * bytes, bytes);
    k->out[TREES_VALUE].data = to;
    k->out[TREES_VALUE].dims[0] = n;
    k->out[TREES_VALUE].count = (uint64_t)n * (uint64_t)k->params->leaf_width;
    return 1;
}

/* The source's numbers of leaves: none if they are counted in each tree. */
static int put_ids(struct packer *k)
{
    const uint32_t *start = k->t[TREES_TREE_START].data, *id = k->t[TREES_LEAF_ID].data;
    const uint64_t trees = k->t[TREES_TREE_START].count - 1;
    int counted = 1, positive = 1;

    if (!k->t[TREES_LEAF_ID].type)
        return 1;
    for (uint64_t t = 0, leaf = 0; t < trees; t++)
        for (uint32_t i = 0; i < (start[t + 1] - start[t]) / 2 + 1; i++, leaf++) {
            counted &= id[leaf] == i;
            positive &= id[leaf] <= INT32_MAX;
        }
    if (counted)
        k->out[TREES_LEAF_ID] = (struct tensor){ .type = 0 };
    return counted || !positive || mdl_pack_words(k, TREES_LEAF_ID, id, k->leaves, MDL_I32);
}

/* ---- leaves that are 0 --------------------------------------------------------------------- */

/* Those of the elements of `bytes` bytes that are given, in a new array; NULL: no memory. */
static void *keep_given(const struct packer *k, struct arena *a, const void *of, uint64_t count,
                        size_t bytes)
{
    const uint8_t *given = k->out[TREES_GIVEN].data;
    const unsigned char *from = of;
    unsigned char *const kept = mdl_arena_take_raw(a, count, bytes), *to = kept;

    for (uint32_t leaf = 0; kept && leaf < k->leaves; leaf++)
        if (given[leaf / 8] >> leaf % 8 & 1) {
            memcpy(to, from + leaf * bytes, bytes);
            to += bytes;
        }
    return kept;
}

/* Leaves whose values and weight are 0 are left out where they are many: no training row was there.
 * Weights are those of the leaves, or NULL. */
static int put_given(struct packer *k, const double **weight)
{
    struct tensor *value = &k->out[TREES_VALUE];
    const size_t bytes = (size_t)k->params->leaf_width * mdl_type_bytes(value->type);
    const unsigned char *row = value->data;
    uint32_t count = 0;

    if (k->out[TREES_VECTOR].type || k->out[TREES_LINEAR_CONST].type)
        return 1;
    uint8_t *given = mdl_pack_array(k, TREES_GIVEN, MDL_U8, (k->leaves + 7ull) / 8);
    if (!given)
        return 0;
    memset(given, 0, (k->leaves + 7ull) / 8);
    for (uint32_t leaf = 0; leaf < k->leaves; leaf++, row += bytes) {
        const int zero = is_zero(row, bytes)
                      && (!*weight || is_zero((const unsigned char *)&(*weight)[leaf], sizeof **weight));
        given[leaf / 8] |= (uint8_t)(!zero << leaf % 8);
        count += (uint32_t)!zero;
    }
    if (count < k->leaves / TREES_SPARSEST || (k->leaves - count) * bytes < k->leaves / 8 + WORTH) {
        k->out[TREES_GIVEN].type = 0;
        return 1;
    }
    value->data = keep_given(k, k->a, value->data, count, bytes);
    value->dims[0] = count;
    value->count = count * (uint64_t)k->params->leaf_width;
    if (*weight)
        *weight = keep_given(k, &k->temp, *weight, count, sizeof **weight);
    k->given = count;
    return value->data && (!k->t[TREES_COVER].type || *weight || !k->summed);
}

/* Several values of a leaf that add up to nearly 0, as those of classes: all but the last, and how far
 * that one is off. */
static int put_rest(struct packer *k)
{
    struct tensor *value = &k->out[TREES_VALUE];
    const size_t width = (size_t)k->params->leaf_width;
    const uint64_t rows = (uint64_t)value->dims[0];
    const double *row = value->data;
    uint64_t bytes = 0;
    int known = 1;

    if (width < 2 || value->type != MDL_F64 || k->out[TREES_VECTOR].type)
        return 1;
    for (uint64_t r = 0; r < rows && known; r++, bytes++)
        for (uint64_t off = mdl_rest_of(row + r * width, width, &known); off > 127; off >>= 7)
            bytes++;
    if (!known || bytes + WORTH >= rows * sizeof *row)
        return 1;
    double *others = mdl_arena_take_raw(k->a, rows, (width - 1) * sizeof *others);
    uint8_t *to = mdl_pack_array(k, TREES_REST, MDL_U8, bytes);
    if (!others || !to)
        return 0;
    value->data = others;
    value->dims[1]--;
    value->count -= rows;
    for (uint64_t r = 0; r < rows; r++, row += width, others += width - 1) {
        uint64_t off = mdl_rest_of(row, width, &known);
        for (; off > 127; off >>= 7)
            *to++ = (uint8_t)(off | 128);
        *to++ = (uint8_t)off;
        memcpy(others, row, (width - 1) * sizeof *others);
    }
    return 1;
}

/* ---- training weights ---------------------------------------------------------------------- */

/* Has every split what its children have together?  So it is in oblivious trees. */
static int adds_up(const struct packer *k, const double *cover)
{
    const uint32_t *right = k->t[TREES_RIGHT].data;
    int all = 1;

    for (uint32_t s = 0; s < k->splits && !k->oblivious; s++) {
        const uint32_t i = k->node[s];
        all &= cover[i] == cover[i + 1] + cover[right[i]];
    }
    return all;
}

/* The weights of leaves; NULL: no memory. */
static const double *of_leaves(struct packer *k)
{
    const double *cover = k->t[TREES_COVER].data;
    const uint8_t *flags = k->t[TREES_FLAGS].data;
    double *leaves = k->oblivious ? NULL : mdl_arena_take_raw(&k->temp, k->leaves, sizeof *leaves);
    uint32_t at = 0;

    for (uint32_t i = 0; i < k->nodes && leaves; i++)
        if (!flags[i])
            leaves[at++] = cover[i];
    return k->oblivious ? cover : leaves;
}

/* Numbers in the narrowest type that has them all. */
static uint32_t type_of(const double *from, uint64_t n)
{
    int whole = 1, narrow = 1;
    uint32_t most = 0;

    for (uint64_t i = 0; i < n; i++) {
        const double c = from[i];
        const int fits = c >= 0 && c <= UINT32_MAX;
        const uint32_t word = fits ? (uint32_t)c : 0;

        whole &= fits && (double)word == c
               && (c != 0 || is_zero((const unsigned char *)&from[i], sizeof c));   /* not -0 */
        narrow &= (double)(float)c == c;
        most = word > most ? word : most;
    }
    return !whole ? narrow ? MDL_F32 : MDL_F64 : most <= UINT8_MAX ? MDL_U8
         : most <= UINT16_MAX ? MDL_U16 : MDL_U32;
}

static int put_reals(struct packer *k, const double *from, uint64_t n, uint32_t type)
{
    void *to = mdl_pack_array(k, TREES_COVER, type, n);

    for (uint64_t i = 0; to && i < n; i++)
        switch (type) {
        case MDL_U8: ((uint8_t *)to)[i] = (uint8_t)from[i]; break;
        case MDL_U16: ((uint16_t *)to)[i] = (uint16_t)from[i]; break;
        case MDL_U32: ((uint32_t *)to)[i] = (uint32_t)from[i]; break;
        case MDL_F32: ((float *)to)[i] = (float)from[i]; break;
        default: ((double *)to)[i] = from[i];
        }
    return to != NULL;
}

/* Whole numbers, seven bits a byte, the lowest first; the eighth says that there are more. */
static int put_counts(struct packer *k, const double *from, uint64_t n, uint64_t bytes)
{
    uint8_t *to = mdl_pack_array(k, TREES_COUNT, MDL_U8, bytes);

    k->out[TREES_COVER].type = 0;
    for (uint64_t i = 0; to && i < n; i++) {
        uint32_t c = (uint32_t)from[i];
        for (; c > 127; c >>= 7)
            *to++ = (uint8_t)(c | 128);
        *to++ = (uint8_t)c;
    }
    return to != NULL;
}

static int put_weights(struct packer *k, const double *from, uint64_t n)
{
    const uint32_t type = type_of(from, n);
    uint64_t bytes = n;

    if (type == MDL_F32 || type == MDL_F64 || !k->oblivious)   /* others read all when they load */
        return put_reals(k, from, n, type);
    for (uint64_t i = 0; i < n; i++)
        for (uint32_t c = (uint32_t)from[i]; c > 127; c >>= 7)
            bytes++;
    return bytes + WORTH < n * mdl_type_bytes(type) ? put_counts(k, from, n, bytes)
                                                    : put_reals(k, from, n, type);
}

int mdl_pack_leaves(struct packer *k)
{
    const double *cover = k->t[TREES_COVER].data, *leaves = NULL;

    k->given = k->leaves;
    k->summed = k->t[TREES_COVER].type && adds_up(k, cover);
    if (k->summed && !(leaves = of_leaves(k)))
        return 0;
    if (!put_vectors(k) || !put_ids(k) || !put_given(k, &leaves) || !put_rest(k))
        return 0;
    if (!k->t[TREES_COVER].type)
        return 1;
    return k->summed ? put_weights(k, leaves, k->given) : put_weights(k, cover, k->nodes);
}
