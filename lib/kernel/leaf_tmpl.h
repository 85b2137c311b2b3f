/*
 * kernel/leaf_tmpl.h - leaves of one row added in the order of their trees
 *
 * Sums stay in registers; the sums of a vector leaf are lanes.
 *
 * Parameters: LEAF_NAMED(name) appends the type to a name; LEAF_REAL, LEAF_VEC, LEAF_LANES;
 * LEAF_WORD(name) is the word of vec_<isa>.h, of which load, store and add are used; of
 * vec8_<isa>.h those of top_tmpl.h.
 *
 * SPDX-License-Identifier: MIT
 */
#define LEAF_WIDE 4u              /* vectors of sums in registers */

/* `width` sums, LEAF_LANES to LEAF_WIDE times as many: the last vectors may overlap. */
MDL_INLINE void LEAF_NAMED(add_wide)(LEAF_REAL *y, const LEAF_REAL *value, const uint32_t *leaf,
                                     size_t n, size_t stride, size_t width)
{
    size_t at[LEAF_WIDE];
    LEAF_VEC sum[LEAF_WIDE];

    for (size_t k = 0; k < LEAF_WIDE; k++) {
        at[k] = (k + 1) * LEAF_LANES < width ? k * LEAF_LANES : width - LEAF_LANES;
        sum[k] = LEAF_WORD(load)(y + at[k]);
    }
    for (size_t i = 0; i < n; i++) {
        const LEAF_REAL *v = value + leaf[i] * stride;
        MDL_UNROLL(4)
        for (size_t k = 0; k < LEAF_WIDE; k++)
            sum[k] = LEAF_WORD(add)(sum[k], LEAF_WORD(load)(v + at[k]));
    }
    for (size_t k = 0; k < LEAF_WIDE; k++)
        LEAF_WORD(store)(y + at[k], sum[k]);
}

static void LEAF_NAMED(add_row)(LEAF_REAL *y, const LEAF_REAL *value, const uint32_t *leaf,
                                size_t n, size_t width)
{
    const size_t most = LEAF_WIDE * LEAF_LANES;

    if (width == 1) {
        LEAF_REAL sum = *y;
        MDL_UNROLL(4)
        for (size_t i = 0; i < n; i++)
            sum += value[leaf[i]];
        *y = sum;
        return;
    }
    for (size_t k = 0, some; width >= LEAF_LANES && k < width; k += some) {
        const size_t left = width - k;
        some = left <= most ? left : left < most + LEAF_LANES ? most - LEAF_LANES : most;
        LEAF_NAMED(add_wide)(y + k, value + k, leaf, n, width, some);
    }
    for (size_t k = 0; width < LEAF_LANES && k < width; k++)
        for (size_t i = 0; i < n; i++)
            y[k] += value[leaf[i] * width + k];
}

/* Matching and adding overlap when they take turns. */
MDL_INLINE void LEAF_NAMED(add_all_tops)(LEAF_REAL *y, const LEAF_REAL *value,
                                         const struct tree_top *tops, const uint32_t *first, size_t n,
                                         const uint8_t *rank, size_t quarters)
{
    const v8_table table = v8_table_load(rank);
    LEAF_REAL sum = *y;

    for (size_t i = 0; i < n; i++) {
        const struct tree_top *t = &tops[i];
        const uint32_t outcomes = outcomes32(table, rank, quarters, t->column, t->rank);

        sum += value[first[i] + v8_match(t->ancestors, outcomes)];
    }
    *y = sum;
}

static void LEAF_NAMED(add_tops)(LEAF_REAL *y, const LEAF_REAL *value, const struct tree_top *tops,
                                 const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters)
{
    BY_QUARTERS(LEAF_NAMED(add_all_tops), y, value, tops, first, n, rank);
}

MDL_INLINE void LEAF_NAMED(add_all_heaps)(LEAF_REAL *y, const LEAF_REAL *value,
                                          const struct tree_heap *heaps, const uint32_t *first,
                                          size_t n, const uint8_t *rank, size_t quarters)
{
    const v8_table table = v8_table_load(rank);
    LEAF_REAL sum = *y;
    uint32_t leaf[4];
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        match_four(leaf, heaps + i, first + i, 4, table, rank, quarters);
        MDL_UNROLL(4)
        for (size_t k = 0; k < 4; k++)
            sum += value[leaf[k]];
    }
    if (i < n)
        match_four(leaf, heaps + i, first + i, n - i, table, rank, quarters);
    for (size_t k = 0; i + k < n; k++)
        sum += value[leaf[k]];
    *y = sum;
}

static void LEAF_NAMED(add_heaps)(LEAF_REAL *y, const LEAF_REAL *value,
                                  const struct tree_heap *heaps, const uint32_t *first, size_t n,
                                  const uint8_t *rank, size_t quarters)
{
    BY_QUARTERS(LEAF_NAMED(add_all_heaps), y, value, heaps, first, n, rank);
}

/* All levels of 32 trees are matched while the leaves of the 32 before are added. */
MDL_INLINE void LEAF_NAMED(add_groups)(LEAF_REAL *y, const LEAF_REAL *value,
                                       const struct tree_level *levels, size_t depth,
                                       const uint32_t *first, size_t n, const uint8_t *rank,
                                       size_t quarters)
{
    const v8_table table = v8_table_load(rank);
    LEAF_REAL sum = *y;
    uint8_t number[LEVEL_TREES];

    for (size_t i = 0; i < n; i += LEVEL_TREES, levels += depth, first += LEVEL_TREES) {
        match_group(number, levels, depth, table, rank, quarters);
        if (n - i < LEVEL_TREES) {
            for (size_t k = 0; k < n - i; k++)
                sum += value[first[k] + number[k]];
            break;
        }
        MDL_UNROLL(32)
        for (size_t k = 0; k < LEVEL_TREES; k++)
            sum += value[first[k] + number[k]];
    }
    *y = sum;
}

static void LEAF_NAMED(add_levels)(LEAF_REAL *y, const LEAF_REAL *value,
                                   const struct tree_level *levels, size_t depth,
                                   const uint32_t *first, size_t n, const uint8_t *rank,
                                   size_t quarters)
{
    BY_QUARTERS(LEAF_NAMED(add_groups), y, value, levels, depth, first, n, rank);
}

#undef LEAF_WIDE
