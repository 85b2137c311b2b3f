/*
 * kernel/block_tmpl.h - many rows down many trees: descents, sums of leaves, sets of categories
 *
 * A descent takes every fork of a tree in turn for a whole block of rows: compare ranks,
 * compare positions, move.  No slots, no stores, nothing to predict.  One fork waits for the
 * one before it, so narrow blocks take several trees side by side: FALL_VECTORS vectors of
 * rows times trees are in flight.  Where BLOCK_HALF rows are half a vector, the other half is
 * another tree.
 *
 * Leaves are added tree by tree, eight rows in registers and eight leaves a load: the sum of a
 * row is that of its trees in order.
 *
 * Words of vec_<isa>.h used: load, store and add of vf and vd; of vec8_<isa>.h: v8, V8_LANES,
 * v8_load, v8_store, v8_set, v8_eq, v8_gt (signed), v8_and, v8_xor; v8_set256, v8_set256_load,
 * v8_members; where V8_LANES is above BLOCK_HALF v8_load_halves, v8_load_fours, v8_spread,
 * v8_store_halves.
 *
 * SPDX-License-Identifier: MIT
 */
#define FALL_VECTORS 8u

/* One fork for `wide` vectors of rows; `every`: rows move wherever they stand. */
MDL_INLINE void fall(v8 *at, const struct tree_fork *fork, const uint8_t *rank, size_t height,
                     size_t wide, int every)
{
    const uint8_t *ranks = rank + fork->column * height;
    const v8 below = v8_set(fork->below), left = v8_set(fork->left), move = v8_set(fork->move);

    MDL_UNROLL(8)
    for (size_t k = 0; k < wide; k++) {
        const v8 right = v8_gt(v8_load(ranks + k * V8_LANES), below);
        const v8 moves = every ? right : v8_and(right, v8_eq(at[k], left));
        at[k] = v8_xor(at[k], v8_and(moves, move));
    }
}

/* `count` trees from start[0] on, `wide` vectors of rows. */
MDL_INLINE void fall_all(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                         const uint8_t *rank, size_t height, size_t wide, size_t count, int every)
{
    v8 at[FALL_VECTORS];
    uint32_t common = start[1] - start[0];

    for (size_t k = 0; k < count * wide; k++)
        at[k] = v8_set(0);
    for (size_t t = 1; t < count; t++)
        common = start[t + 1] - start[t] < common ? start[t + 1] - start[t] : common;
    for (uint32_t i = 0; i < common; i++)
        MDL_UNROLL(8)
        for (size_t t = 0; t < count; t++)
            fall(at + t * wide, &forks[start[t] + i], rank, height, wide, every);
    for (size_t t = 0; t < count; t++) {
        for (uint32_t i = start[t] + common; i < start[t + 1]; i++)
            fall(at + t * wide, &forks[i], rank, height, wide, every);
        for (size_t k = 0; k < wide; k++)
            v8_store(leaf + t * height + k * V8_LANES, at[t * wide + k]);
    }
}

/* All trees for `wide` vectors of rows, as many side by side as registers take. */
#define FALL_TREES(wide, every) do { \
    size_t t_ = 0; \
    for (; t_ + FALL_VECTORS / (wide) <= trees; t_ += FALL_VECTORS / (wide)) \
        fall_all(leaf + t_ * height, forks, start + t_, rank, height, wide, FALL_VECTORS / (wide), every); \
    for (; t_ < trees; t_++) \
        fall_all(leaf + t_ * height, forks, start + t_, rank, height, wide, 1, every); \
} while (0)

#if V8_LANES > BLOCK_HALF
#define HALF_TREES  4u            /* side by side */
#define STILL_FORKS 32u           /* at a time    */

/* The four bytes of a fork behind its column, and where among them a field is. */
#define FORK_BYTES(fork)  ((const uint8_t *)(fork) + offsetof(struct tree_fork, below))
#define FORK_BYTE(field)  \
    v8_set(offsetof(struct tree_fork, field) - offsetof(struct tree_fork, below))

/* One fork each of two trees, for half a vector of rows. */
MDL_INLINE v8 fall_two(v8 at, const struct tree_fork *a, const struct tree_fork *b,
                       const uint8_t *rank, size_t height, int every)
{
    const v8 forks = v8_load_fours(FORK_BYTES(a), FORK_BYTES(b));
    const v8 ranks = v8_load_halves(rank + a->column * height, rank + b->column * height, 0);
    const v8 right = v8_gt(ranks, v8_spread(forks, FORK_BYTE(below)));
    const v8 moved = v8_and(right, v8_spread(forks, FORK_BYTE(move)));
    const v8 left = v8_spread(forks, FORK_BYTE(left));

    return v8_xor(at, every ? moved : v8_and(moved, v8_eq(at, left)));
}

/* Up to HALF_TREES trees for the BLOCK_HALF rows of half a vector.  Those that end before the
 * others go on with forks that move no row. */
MDL_INLINE void fall_half(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                          size_t trees, const uint8_t *rank, size_t height, int every)
{
    static const struct tree_fork still[STILL_FORKS] = { { 0 } };
    const struct tree_fork *fork[HALF_TREES];
    uint32_t end[HALF_TREES], most = 0;
    v8 at[HALF_TREES / 2];
    uint8_t unused[BLOCK_HALF];

    for (size_t t = 0; t < HALF_TREES; t++) {
        end[t] = t < trees ? start[t + 1] - start[t] : 0;
        most = end[t] > most ? end[t] : most;
        at[t / 2] = v8_set(0);
    }
    for (uint32_t i = 0, n; i < most; i += n) {
        n = most - i < STILL_FORKS ? most - i : STILL_FORKS;
        for (size_t t = 0; t < HALF_TREES; t++) {
            fork[t] = end[t] > i ? forks + start[t] + i : still;
            n = end[t] > i && end[t] - i < n ? end[t] - i : n;
        }
        for (uint32_t k = 0; k < n; k++)
            MDL_UNROLL(2)
            for (size_t t = 0; t < HALF_TREES; t += 2)
                at[t / 2] = fall_two(at[t / 2], fork[t] + k, fork[t + 1] + k, rank, height, every);
    }
    for (size_t t = 0; t < trees; t += 2)
        v8_store_halves(leaf + t * height, t + 1 < trees ? leaf + (t + 1) * height : unused,
                        at[t / 2]);
}

#define FALL_HALVES(every) do { \
    for (size_t t_ = 0; t_ < trees; t_ += HALF_TREES) \
        fall_half(leaf + t_ * height, forks, start + t_, \
                  trees - t_ < HALF_TREES ? trees - t_ : HALF_TREES, rank, height, every); \
} while (0)
#else
#define FALL_HALVES(every) (void)0
#endif

MDL_INLINE void fall_rows(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                          size_t trees, const uint8_t *rank, size_t height, int every)
{
    for (size_t first = 0, wide; first + V8_LANES <= height; first += wide * V8_LANES) {
        const size_t left = (height - first) / V8_LANES;

        wide = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        switch (wide) {
        case 8: FALL_TREES(8u, every); break;
        case 4: FALL_TREES(4u, every); break;
        case 2: FALL_TREES(2u, every); break;
        default: FALL_TREES(1u, every); break;
        }
        leaf += wide * V8_LANES;
        rank += wide * V8_LANES;
    }
    if (height % V8_LANES)
        FALL_HALVES(every);
}

static void descend(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                    size_t trees, const uint8_t *rank, size_t height)
{
    fall_rows(leaf, forks, start, trees, rank, height, 0);
}

static void descend_even(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                         size_t trees, const uint8_t *rank, size_t height)
{
    fall_rows(leaf, forks, start, trees, rank, height, 1);
}

#define ADD_ROWS 8u

/* Rows go in pairs: one sum of two leaves, one shift for two numbers. */
#define ADD_LEAVES(name, real) \
static void name(real *sum, const real *value, const uint32_t *first, size_t trees, \
                 const uint8_t *leaf, size_t height) \
{ \
    typedef real pair __attribute__((vector_size(2 * sizeof(real)))); \
    for (size_t r = 0; r < height; r += ADD_ROWS) { \
        const uint8_t *from = leaf + r; \
        pair s[ADD_ROWS / 2]; \
        MDL_UNROLL(4) \
        for (size_t k = 0; k < ADD_ROWS / 2; k++) \
            memcpy(&s[k], sum + r + 2 * k, sizeof s[k]); \
        for (size_t t = 0; t < trees; t++, from += height) { \
            const real *v = value + first[t]; \
            uint64_t l; \
            memcpy(&l, from, sizeof l); \
            MDL_KEEP(v); \
            MDL_UNROLL(4) \
            for (size_t k = 0; k < ADD_ROWS / 2; k++, l >>= 16) { \
                MDL_KEEP(l); \
                s[k] += (pair){ v[l & 255], v[l >> 8 & 255] }; \
            } \
        } \
        MDL_UNROLL(4) \
        for (size_t k = 0; k < ADD_ROWS / 2; k++) \
            memcpy(sum + r + 2 * k, &s[k], sizeof s[k]); \
    } \
}
ADD_LEAVES(add_leaves_f32, float)
ADD_LEAVES(add_leaves_f64, double)

static void members(uint8_t *out, const uint8_t *code, const uint8_t *set, size_t height)
{
    const v8_set256 s = v8_set256_load(set);
    size_t r = 0;

    for (; r + V8_LANES <= height; r += V8_LANES)
        v8_store(out + r, v8_xor(v8_members(s, v8_load(code + r)), v8_set(0x80)));
#if V8_LANES > BLOCK_HALF
    if (r < height) {
        const v8 twice = v8_load_halves(code + r, code + r, 0);
        v8_store_halves(out + r, out + r, v8_xor(v8_members(s, twice), v8_set(0x80)));
    }
#endif
}
