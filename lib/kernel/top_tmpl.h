/*
 * kernel/top_tmpl.h - many trees for one row, without walks
 *
 * All outcomes of a top are one byte compare, and the exit is the one whose ancestors
 * agree with them; see struct tree_top and those that follow it.
 *
 * BLOCK_HALF rows side by side take the nodes of a top in order instead:
 *
 *     stand = node + 1   where the rank is high enough and stand >= the lowest exit below the node
 *
 * A row stands lower where it went left at a node before this one that leads here to the right.
 * One that goes right at a node further up, which comes after this one, is sent on by that.
 *
 * Words of vec8_<isa>.h used: v8_table, v8_table_load, v8_lookup, v8_lookup_apart,
 * v8_load_halves, v8_store_halves, v8_spread, v8_ge, v8_gt (signed), v8_eq, v8_and, v8_or, v8_xor,
 * v8_add, v8_sub, v8_blend, v8_bits, v8_outcomes, v8_outcomes64, v8_match, v8_match_pair, v8_sink.
 *
 * SPDX-License-Identifier: MIT
 */

/* Ranks of columns.  Where `quarters` is a constant up to TOP_COLUMNS / 16, that is one word. */
MDL_INLINE v8 look_up(v8_table first, const uint8_t *rank, size_t quarters, v8 column)
{
    if (quarters <= TOP_COLUMNS / 16)
        return v8_lookup(first, column, quarters);
    const v8 place = v8_and(column, v8_set(TOP_COLUMNS - 1));
    const v8 table = v8_and(column, v8_set((uint8_t)~(TOP_COLUMNS - 1)));
    v8 found = v8_lookup(first, place, TOP_COLUMNS / 16);

    for (size_t t = TOP_COLUMNS; t < 16 * quarters; t += TOP_COLUMNS)
        found = v8_blend(found, v8_lookup(v8_table_load(rank + t), place, TOP_COLUMNS / 16),
                         v8_eq(table, v8_set((uint8_t)t)));
    return found;
}

/* A call of `f` with the number of quarters as a constant, as far as that pays. */
#define BY_QUARTERS(f, ...) \
    (quarters <= 2 ? f(__VA_ARGS__, 2) : quarters == 3 ? f(__VA_ARGS__, 3) \
     : quarters == 4 ? f(__VA_ARGS__, 4) : f(__VA_ARGS__, quarters < 8 ? 8 : quarters))

/* Bit i of 32: rank[column[i]] >= least[i]. */
MDL_INLINE uint32_t outcomes32(v8_table first, const uint8_t *rank, size_t quarters,
                               const uint8_t *column, const uint8_t *least)
{
    uint32_t bits = 0;

    if (quarters <= TOP_COLUMNS / 16)
        return v8_outcomes(first, column, least, quarters);
    for (uint32_t i = 0; i < 32; i += V8_LANES)
        bits |= v8_bits(v8_ge(look_up(first, rank, quarters, v8_load(column + i)),
                              v8_load(least + i))) << i;
    return bits;
}

MDL_INLINE uint64_t outcomes64(v8_table first, const uint8_t *rank, size_t quarters,
                               const uint8_t *column, const uint8_t *least)
{
    if (quarters <= TOP_COLUMNS / 16)
        return v8_outcomes64(first, column, least, quarters);
    return outcomes32(first, rank, quarters, column, least)
         | (uint64_t)outcomes32(first, rank, quarters, column + 32, least + 32) << 32;
}

/* The same of 16 each of a and b. */
MDL_INLINE uint32_t outcomes_pair(v8_table first, const uint8_t *rank, size_t quarters,
                                  const struct tree_tile *a, const struct tree_tile *b)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < 32; i += V8_LANES)
        bits |= v8_bits(v8_ge(look_up(first, rank, quarters,
                                      v8_load_halves(a->column, b->column, i)),
                              v8_load_halves(a->rank, b->rank, i))) << i;
    return bits;
}

MDL_INLINE uint32_t match_all(uint32_t *exit, const struct tree_top *tops,
                              const struct tree_exits *exits, const uint32_t *first,
                              const uint32_t *tests, size_t n, const uint8_t *rank, size_t quarters)
{
    const v8_table table = v8_table_load(rank);
    uint32_t any = 0;

    for (size_t i = 0; i < n; i++) {
        const uint32_t outcomes = outcomes32(table, rank, quarters, tops[i].column, tops[i].rank)
                                | (tests ? tests[i] : 0);
        const uint32_t e = v8_match(tops[i].ancestors, outcomes);

        exit[i] = exits ? exits[i].exit[e] : first[i] + e;
        any |= exit[i];
    }
    return any;
}

static uint32_t match(uint32_t *exit, const struct tree_top *tops, const struct tree_exits *exits,
                      const uint32_t *first, const uint32_t *tests, size_t n, const uint8_t *rank,
                      size_t quarters)
{
    if (tests)
        return BY_QUARTERS(match_all, exit, tops, exits, first, tests, n, rank);
    return exits ? BY_QUARTERS(match_all, exit, tops, exits, first, NULL, n, rank)
                 : BY_QUARTERS(match_all, exit, tops, NULL, first, NULL, n, rank);
}

MDL_INLINE void match_all_tiles(uint32_t *exit, const struct tree_tile *tiles, const uint32_t *at,
                                size_t n, const uint8_t *rank, size_t quarters)
{
    const v8_table table = v8_table_load(rank);

    for (size_t i = 0; i < n; i += 2) {
        const size_t next = i + 1 < n ? i + 1 : i;
        const struct tree_tile *a = &tiles[at ? at[i] : i], *b = &tiles[at ? at[next] : next];
        uint32_t e[2];

        v8_match_pair(e, a->ancestors, b->ancestors, outcomes_pair(table, rank, quarters, a, b));
        exit[i] = a->exit[e[0]];
        exit[next] = b->exit[e[1]];
    }
}

static void match_tiles(uint32_t *exit, const struct tree_tile *tiles, const uint32_t *at, size_t n,
                        const uint8_t *rank, size_t quarters)
{
    BY_QUARTERS(match_all_tiles, exit, tiles, at, n, rank);
}

/* Two tiles, each for a row of its own: bits as by outcomes_pair. */
MDL_INLINE uint32_t outcomes_apart(const uint8_t *rank_a, const uint8_t *rank_b, size_t quarters,
                                   const struct tree_tile *a, const struct tree_tile *b)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < 32; i += V8_LANES) {
        const v8 column = v8_load_halves(a->column, b->column, i);
        v8 found = v8_lookup_apart(rank_a, rank_b, i, v8_and(column, v8_set(TOP_COLUMNS - 1)),
                                   quarters < 4 ? quarters : 4);
        for (size_t t = TOP_COLUMNS; t < 16 * quarters; t += TOP_COLUMNS)
            found = v8_blend(found,
                             v8_lookup_apart(rank_a + t, rank_b + t, i,
                                             v8_and(column, v8_set(TOP_COLUMNS - 1)), 4),
                             v8_eq(v8_and(column, v8_set((uint8_t)~(TOP_COLUMNS - 1))),
                                   v8_set((uint8_t)t)));
        bits |= v8_bits(v8_ge(found, v8_load_halves(a->rank, b->rank, i))) << i;
    }
    return bits;
}

MDL_INLINE void pass_all(uint32_t *exit, const struct tree_tile *tiles, const uint16_t *at,
                         size_t n, const uint8_t *rank, size_t stride, size_t quarters)
{
    for (size_t i = 0; i < n; i += 2) {
        const uint16_t one = at[i], two = at[i + 1 < n ? i + 1 : i];
        const struct tree_tile *a = &tiles[exit[one] & ~TOP_GOES_ON];
        const struct tree_tile *b = &tiles[exit[two] & ~TOP_GOES_ON];
        uint32_t e[2];

        v8_match_pair(e, a->ancestors, b->ancestors,
                      outcomes_apart(rank + one % BLOCK_HALF * stride,
                                     rank + two % BLOCK_HALF * stride, quarters, a, b));
        exit[one] = a->exit[e[0]];
        exit[two] = b->exit[e[1]];
    }
}

static void pass_tiles(uint32_t *exit, const struct tree_tile *tiles, const uint16_t *at, size_t n,
                       const uint8_t *rank, size_t stride, size_t quarters)
{
    BY_QUARTERS(pass_all, exit, tiles, at, n, rank, stride);
}

#define SIFT_VECTORS 2u           /* in flight */
#define SIFT_TREES   (V8_LANES / BLOCK_HALF)

/* SIFT_VECTORS times SIFT_TREES trees, slot by slot; where there are not so many, one twice. */
MDL_INLINE void sift_some(uint8_t *const *at, const struct tree_top *const *tops,
                          const struct tree_exits *const *exits, const uint8_t *rank)
{
    v8 stand[SIFT_VECTORS] = { v8_set(0), v8_set(0) }, place = v8_set(0);

    for (size_t half = 0; half < TOP_EXITS; half += TOP_EXITS / 2) {
        const size_t end = half ? TOP_NODES : half + TOP_EXITS / 2;
        v8 least[SIFT_VECTORS], lowest[SIFT_VECTORS];

        for (size_t k = 0; k < SIFT_VECTORS; k++) {
            const size_t a = k * SIFT_TREES, b = a + SIFT_TREES - 1;
            least[k] = v8_xor(v8_load_halves(tops[a]->rank + half, tops[b]->rank + half, 0),
                              v8_set(0x80));
            lowest[k] = v8_load_halves(exits[a]->lowest + half, exits[b]->lowest + half, 0);
        }
        for (size_t i = half; i < end; i++) {
            const v8 next = v8_add(place, v8_set(1));
            MDL_UNROLL(2)
            for (size_t k = 0; k < SIFT_VECTORS; k++) {
                const size_t a = k * SIFT_TREES, b = a + SIFT_TREES - 1;
                const v8 ranks = v8_load_halves(rank + tops[a]->column[i] * BLOCK_HALF,
                                                rank + tops[b]->column[i] * BLOCK_HALF, 0);
                const v8 stays = v8_or(v8_gt(v8_spread(least[k], place), ranks),
                                       v8_gt(v8_spread(lowest[k], place), stand[k]));
                stand[k] = v8_blend(next, stand[k], stays);
            }
            place = next;
        }
    }
    for (size_t k = 0; k < SIFT_VECTORS; k++)
        v8_store_halves(at[k * SIFT_TREES], at[k * SIFT_TREES + SIFT_TREES - 1], stand[k]);
}

static void sift(uint8_t *at, const struct tree_top *tops, const struct tree_exits *exits, size_t n,
                 const uint8_t *rank)
{
    for (size_t i = 0; i < n; i += SIFT_VECTORS * SIFT_TREES) {
        const struct tree_top *top[SIFT_VECTORS * SIFT_TREES];
        const struct tree_exits *out[SIFT_VECTORS * SIFT_TREES];
        uint8_t *to[SIFT_VECTORS * SIFT_TREES];

        for (size_t k = 0; k < SIFT_VECTORS * SIFT_TREES; k++) {
            const size_t t = i + k < n ? i + k : n - 1;
            top[k] = &tops[t];
            out[k] = &exits[t];
            to[k] = at + t * BLOCK_HALF;
        }
        sift_some(to, top, out, rank);
    }
}

/* Up to four heaps. */
MDL_INLINE void match_four(uint32_t *leaf, const struct tree_heap *heaps, const uint32_t *first,
                           size_t n, v8_table table, const uint8_t *rank, size_t quarters)
{
    uint64_t right[4] = { 0 }, at[4];

    MDL_UNROLL(4)
    for (size_t k = 0; k < n; k++)
        right[k] = outcomes64(table, rank, quarters, heaps[k].column, heaps[k].rank);
    v8_sink(at, right);
    MDL_UNROLL(4)
    for (size_t k = 0; k < n; k++) {
        const uint64_t before = heaps[k].leaves << 1 << (~at[k] & (HEAP_NODES - 1));
        leaf[k] = first[k] + (uint32_t)__builtin_popcountll(before);
    }
}

MDL_INLINE void match_all_heaps(uint32_t *leaf, const struct tree_heap *heaps,
                                const uint32_t *first, size_t n, const uint8_t *rank,
                                size_t quarters)
{
    const v8_table table = v8_table_load(rank);
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        match_four(leaf + i, heaps + i, first + i, 4, table, rank, quarters);
    if (i < n)
        match_four(leaf + i, heaps + i, first + i, n - i, table, rank, quarters);
}

static void match_heaps(uint32_t *leaf, const struct tree_heap *heaps, const uint32_t *first,
                        size_t n, const uint8_t *rank, size_t quarters)
{
    BY_QUARTERS(match_all_heaps, leaf, heaps, first, n, rank);
}

/* Numbers of the leaves of a group of oblivious trees. */
MDL_INLINE void match_group(uint8_t *number, const struct tree_level *levels, size_t depth,
                            v8_table table, const uint8_t *rank, size_t quarters)
{
    for (uint32_t lane = 0; lane < LEVEL_TREES; lane += V8_LANES) {
        v8 at = v8_set(0);
        for (size_t k = 0; k < depth; k++)
            at = v8_sub(v8_add(at, at),
                        v8_ge(look_up(table, rank, quarters, v8_load(levels[k].column + lane)),
                              v8_load(levels[k].rank + lane)));
        v8_store(number + lane, at);
    }
}

static void match_levels(uint32_t *leaf, const struct tree_level *levels, size_t depth,
                         const uint32_t *first, size_t n, const uint8_t *rank, size_t quarters)
{
    const v8_table table = v8_table_load(rank);
    uint8_t number[LEVEL_TREES];

    for (size_t i = 0; i < n; i += LEVEL_TREES, levels += depth) {
        const size_t some = n - i < LEVEL_TREES ? n - i : LEVEL_TREES;

        if (quarters <= 4)
            match_group(number, levels, depth, table, rank, 4);
        else
            match_group(number, levels, depth, table, rank, quarters);
        for (size_t k = 0; k < some; k++)
            leaf[i + k] = first[i + k] + number[k];
    }
}
