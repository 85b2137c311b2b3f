/*
 * kernel/deep_tmpl.h - walks by keys: a tree for many rows, many trees for a row
 *
 * A step waits for a chain of loads, 16 cycles where all is in L1, 50 and more where nodes come
 * from L3; the chains of many walks overlap.  A step has no branch on data.  Every second step
 * it is asked whether any walk still moves: nodes only ever go up, so their sum tells.  The pair
 * of children is asked for before it is known which of them is wanted.
 *
 * Eight walks, which fit the registers, are best for the rows of one tree, whose upper nodes are
 * near; sixteen by a fifth for the trees of one row (measured on Zen 3).
 *
 * Integers only: instruction sets bring nothing, so one copy (deep.c) serves all.  DEEP_KEY, DEEP_NODE
 * and DEEP_NAMED say for which keys.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEEP_STEPS
#define DEEP_STEPS 2u             /* between two questions; 1 to 4 are equal within 5 % */

#define DEEP_8(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define DEEP_16(X) DEEP_8(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define DEEP_BEGIN(j) uint64_t i##j = at[j];
#define DEEP_STEP(j) i##j = DEEP_NAMED(deep_step)(&d, i##j, key + j * apart, times, sets);
#define DEEP_SUM(j) sum += i##j;
#define DEEP_END(j) leaf[j] = (uint32_t)nodes[i##j].t - 1;
#endif

/* From node i, by the keys at `key`, which are `times` as far apart as those of one row. */
MDL_INLINE uint64_t DEEP_NAMED(deep_step)(const struct deep_table *d, uint64_t i,
                                          const unsigned char *key, uint64_t times, int sets)
{
    const struct DEEP_NODE *nodes = d->nodes;
    const uint64_t to = nodes[i].to, mask = ((uint64_t)1 << d->shift) - 1 - DEEP_FLAGS;
    const uint64_t right = i + (to >> d->shift);

    MDL_PREFETCH(&nodes[right]);
    const DEEP_KEY k = *(const DEEP_KEY *)(const void *)(key + (to & mask) * times);
    if (sets && to & DEEP_SET)
        return right - !deep_is_right(d, nodes[i].t, k, to & DEEP_SIDE);
    return right - ((DEEP_KEY)(k - (DEEP_KEY)(to & DEEP_SIDE)) < nodes[i].t);
}

/* Eight rows from at[0 .. 7], side by side in eights; 16 trees of one row from at[0 .. 15]. */
MDL_INLINE void DEEP_NAMED(deep_eight)(uint32_t *leaf, const struct deep_table *table,
                                       const uint32_t *at, const DEEP_KEY *keys, int sets)
{
    const struct deep_table d = *table;         /* no store can change it */
    const struct DEEP_NODE *nodes = d.nodes;
    const unsigned char *key = (const unsigned char *)keys;
    const uint64_t times = DEEP_ROWS, apart = sizeof *keys;
    uint64_t sum = 0, before;
    DEEP_8(DEEP_BEGIN)

    do {
        before = sum;
        for (uint32_t k = 0; k < DEEP_STEPS; k++) {
            DEEP_8(DEEP_STEP)
        }
        sum = 0;
        DEEP_8(DEEP_SUM)
    } while (sum != before);
    DEEP_8(DEEP_END)
}

MDL_INLINE void DEEP_NAMED(deep_sixteen)(uint32_t *leaf, const struct deep_table *table,
                                         const uint32_t *at, const DEEP_KEY *keys, int sets)
{
    const struct deep_table d = *table;
    const struct DEEP_NODE *nodes = d.nodes;
    const unsigned char *key = (const unsigned char *)keys;
    const uint64_t times = 1, apart = 0;
    uint64_t sum = 0, before;
    DEEP_16(DEEP_BEGIN)

    do {
        before = sum;
        for (uint32_t k = 0; k < DEEP_STEPS; k++) {
            DEEP_16(DEEP_STEP)
        }
        sum = 0;
        DEEP_16(DEEP_SUM)
    } while (sum != before);
    DEEP_16(DEEP_END)
}

void DEEP_NAMED(mdl_deep_rows)(uint32_t *leaf, const struct deep_table *d, size_t tree,
                                  const DEEP_KEY *key, size_t eights)
{
    const uint32_t r = d->root[tree], at[8] = { r, r, r, r, r, r, r, r };

    for (size_t e = 0; e < eights; e++, leaf += 8, key += (size_t)d->columns * 8) {
        if (d->sets)
            DEEP_NAMED(deep_eight)(leaf, d, at, key, 1);
        else
            DEEP_NAMED(deep_eight)(leaf, d, at, key, 0);
    }
}

/* A few trees, one after the other: their chains overlap too, as far as branches are foreseen. */
MDL_INLINE void DEEP_NAMED(deep_few)(uint32_t *leaf, const struct deep_table *table, size_t tree,
                                     size_t n, const DEEP_KEY *key)
{
    const struct deep_table d = *table;
    const struct DEEP_NODE *nodes = d.nodes;

    for (size_t t = 0; t < n; t++) {
        uint64_t i = d.root[tree + t];
        while (nodes[i].to >> d.shift != 1)
            i = DEEP_NAMED(deep_step)(&d, i, (const unsigned char *)key, 1, d.sets != NULL);
        leaf[t] = (uint32_t)nodes[i].t - 1;
    }
}

#define DEEP_FEW 4u               /* fewer are not filled up to sixteen walks */

/* The last sixteen are filled up with the last tree. */
void DEEP_NAMED(mdl_deep_row)(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n,
                                 const DEEP_KEY *key)
{
    for (size_t t = 0; t < n; t += 16) {
        uint32_t at[16], end[16];

        if (n - t < DEEP_FEW) {
            DEEP_NAMED(deep_few)(leaf + t, d, tree + t, n - t, key);
            return;
        }
        for (size_t j = 0; j < 16; j++)
            at[j] = d->root[tree + (t + j < n ? t + j : n - 1)];
        if (d->sets)
            DEEP_NAMED(deep_sixteen)(end, d, at, key, 1);
        else
            DEEP_NAMED(deep_sixteen)(end, d, at, key, 0);
        for (size_t j = 0; j < 16 && t + j < n; j++)
            leaf[t + j] = end[j];
    }
}
#undef DEEP_FEW
