/*
 * kernel/planes_tmpl.h - many rows down many trees, a bit a row
 *
 * See struct plane_column and struct plane_fork (tree.h).  A fork is two loads, two logic
 * operations and two stores for a whole block of rows; planes stay in registers otherwise:
 *
 *     ranks      bytes -> eight planes, one a bit of the rank (turn_bits)
 *     planes     "rank >= 1", ">= 2", ... of a column from those, doubling: with one bit more,
 *                ">= s" becomes bit | ">= s", and ">= half + s" is bit & ">= s"
 *     leaves     a plane a leaf -> eight planes, one a bit of the leaf's number: pairs, pairs of
 *                pairs, ... are joined, and the odd ones of each have the next bit
 *     bytes      turn_bits again: it undoes itself
 *
 * One fork waits for the one before it, so trees go side by side, a fork of each in turn.
 *
 * Words of vec8_<isa>.h used: v8, V8_LANES, v8_load, v8_store, v8_set, v8_and, v8_or, v8_xor,
 * v8_shl, v8_shr (bits between bytes of a pair may be anything).
 *
 * SPDX-License-Identifier: MIT
 */
#define PLANE_VECTORS (PLANE_BYTES / V8_LANES)

typedef struct { v8 part[PLANE_VECTORS]; } plane_word;

MDL_INLINE plane_word plane_load(const uint8_t *p)
{
    plane_word a;

    MDL_UNROLL(4)
    for (size_t i = 0; i < PLANE_VECTORS; i++)
        a.part[i] = v8_load(p + i * V8_LANES);
    return a;
}

MDL_INLINE void plane_store(uint8_t *p, plane_word a)
{
    MDL_UNROLL(4)
    for (size_t i = 0; i < PLANE_VECTORS; i++)
        v8_store(p + i * V8_LANES, a.part[i]);
}

MDL_INLINE plane_word plane_set(uint8_t x)
{
    plane_word a;

    MDL_UNROLL(4)
    for (size_t i = 0; i < PLANE_VECTORS; i++)
        a.part[i] = v8_set(x);
    return a;
}

MDL_INLINE plane_word plane_and(plane_word a, plane_word b)
{
    MDL_UNROLL(4)
    for (size_t i = 0; i < PLANE_VECTORS; i++)
        a.part[i] = v8_and(a.part[i], b.part[i]);
    return a;
}

MDL_INLINE plane_word plane_xor(plane_word a, plane_word b)
{
    MDL_UNROLL(4)
    for (size_t i = 0; i < PLANE_VECTORS; i++)
        a.part[i] = v8_xor(a.part[i], b.part[i]);
    return a;
}

MDL_INLINE plane_word plane_or(plane_word a, plane_word b)
{
    MDL_UNROLL(4)
    for (size_t i = 0; i < PLANE_VECTORS; i++)
        a.part[i] = v8_or(a.part[i], b.part[i]);
    return a;
}

/* Swap the bits of a whose number has `step` with those of b whose number has not. */
#define SWAP_BITS(a, b, step, mask) do { \
    const v8 t_ = v8_and(v8_xor(v8_shr(a, step), b), mask); \
    (b) = v8_xor(b, t_); \
    (a) = v8_xor(a, v8_shl(t_, step)); \
} while (0)

/* Bit i of each byte of vector k <-> bit k of vector i. */
MDL_INLINE void turn_bits(v8 a[8])
{
    const v8 four = v8_set(0x0f), two = v8_set(0x33), one = v8_set(0x55);

    SWAP_BITS(a[0], a[4], 4, four);
    SWAP_BITS(a[1], a[5], 4, four);
    SWAP_BITS(a[2], a[6], 4, four);
    SWAP_BITS(a[3], a[7], 4, four);
    SWAP_BITS(a[0], a[2], 2, two);
    SWAP_BITS(a[1], a[3], 2, two);
    SWAP_BITS(a[4], a[6], 2, two);
    SWAP_BITS(a[5], a[7], 2, two);
    SWAP_BITS(a[0], a[1], 1, one);
    SWAP_BITS(a[2], a[3], 1, one);
    SWAP_BITS(a[4], a[5], 1, one);
    SWAP_BITS(a[6], a[7], 1, one);
}

/* 256 bytes <-> eight planes. */
MDL_INLINE void bytes_to_planes(plane_word bit[8], const uint8_t *bytes)
{
    MDL_UNROLL(4)
    for (size_t k = 0; k < PLANE_VECTORS; k++) {
        v8 a[8];

        MDL_UNROLL(8)
        for (size_t i = 0; i < 8; i++)
            a[i] = v8_load(bytes + i * PLANE_BYTES + k * V8_LANES);
        turn_bits(a);
        MDL_UNROLL(8)
        for (size_t i = 0; i < 8; i++)
            bit[i].part[k] = a[i];
    }
}

MDL_INLINE void planes_to_bytes(uint8_t *bytes, const plane_word bit[8])
{
    MDL_UNROLL(4)
    for (size_t k = 0; k < PLANE_VECTORS; k++) {
        v8 a[8];

        MDL_UNROLL(8)
        for (size_t i = 0; i < 8; i++)
            a[i] = bit[i].part[k];
        turn_bits(a);
        MDL_UNROLL(8)
        for (size_t i = 0; i < 8; i++)
            v8_store(bytes + i * PLANE_BYTES + k * V8_LANES, a[i]);
    }
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* Planes of one column, at plane[0 .. thresholds). */
MDL_INLINE void column_planes(uint8_t *plane, const plane_word bit[8], size_t thresholds)
{
    for (size_t k = 0, half = 1; half <= thresholds; k++, half *= 2) {
        const size_t most = thresholds - half < half - 1 ? thresholds - half : half - 1;
        uint8_t *low = plane, *high = plane + half * PLANE_BYTES;
        size_t s = 0;

        for (; s < most; s++, low += PLANE_BYTES, high += PLANE_BYTES) {
            const plane_word p = plane_load(low);
            plane_store(high, plane_and(p, bit[k]));
            plane_store(low, plane_or(p, bit[k]));
        }
        for (; s < half - 1; s++, low += PLANE_BYTES)
            plane_store(low, plane_or(plane_load(low), bit[k]));
        plane_store(low, bit[k]);
    }
}

static void planes(uint8_t *plane, const struct plane_column *columns, size_t n,
                   const uint8_t *rank)
{
    for (size_t c = 0; c < n; c++, rank += BLOCK_ROWS) {
        uint8_t *to = plane + (size_t)columns[c].first * PLANE_BYTES;
        plane_word bit[8], all;

        bytes_to_planes(bit, rank);
        bit[7] = plane_xor(bit[7], plane_set(0xff));
        column_planes(to, bit, columns[c].thresholds);
        if (!columns[c].nan)
            continue;
        all = bit[0];
        for (size_t k = 1; k < 8; k++)
            all = plane_and(all, bit[k]);
        plane_store(to + (size_t)columns[c].thresholds * PLANE_BYTES, all);
    }
}

static void test_plane(uint8_t *plane, const uint8_t *test)
{
    /* 0x7f or 0x80: the highest bit says the contrary of the others. */
    for (size_t k = 0; k < PLANE_BYTES; k += V8_LANES) {
        v8 p = v8_and(v8_xor(v8_load(test + 7 * PLANE_BYTES + k), v8_set(0xff)), v8_set(0x80));

        MDL_UNROLL(7)
        for (size_t i = 0; i < 7; i++)
            p = v8_or(p, v8_and(v8_load(test + i * PLANE_BYTES + k), v8_set((uint8_t)(1u << i))));
        v8_store(plane + k, p);
    }
}

/* ---- forks --------------------------------------------------------------------------------- */

MDL_INLINE void part_one(uint8_t *plane, const struct plane_fork *fork)
{
    uint8_t *left = plane + (size_t)fork->left * PLANE_UNIT;
    const plane_word at = plane_load(left);
    const plane_word condition = plane_load(plane + (size_t)fork->condition * PLANE_UNIT);
    const plane_word moves = plane_and(at, condition);

    plane_store(plane + (size_t)fork->right * PLANE_UNIT, moves);
    plane_store(left, plane_xor(at, moves));
}

/* Eight planes joined; bit[0 .. 3) gain those whose number has the bit. */
MDL_INLINE plane_word join_eight(const uint8_t *slot, plane_word bit[3])
{
    plane_word s[8];

    MDL_UNROLL(8)
    for (size_t i = 0; i < 8; i++)
        s[i] = plane_load(slot + i * PLANE_BYTES);
    bit[0] = plane_xor(bit[0], plane_xor(plane_xor(s[1], s[3]), plane_xor(s[5], s[7])));
    MDL_UNROLL(4)
    for (size_t i = 0; i < 8; i += 2)
        s[i] = plane_xor(s[i], s[i + 1]);
    bit[1] = plane_xor(bit[1], plane_xor(s[2], s[6]));
    s[0] = plane_xor(s[0], s[2]);
    s[4] = plane_xor(s[4], s[6]);
    bit[2] = plane_xor(bit[2], s[4]);
    return plane_xor(s[0], s[4]);
}

/* Zeros behind `slot`, so that eight can be joined. */
MDL_INLINE void pad(uint8_t *slot)
{
    MDL_UNROLL(8)
    for (size_t i = 0; i < 7; i++)
        plane_store(slot + i * PLANE_BYTES, plane_set(0));
}

/* The planes of `n` leaves, zeros behind them, become those of the bits of their numbers. */
MDL_INLINE void number_leaves(plane_word bit[9], uint8_t *slots, size_t n)
{
    MDL_UNROLL(9)
    for (size_t i = 0; i < 9; i++)
        bit[i] = plane_set(0);
    MDL_UNROLL(3)
    for (size_t k = 0; k < 9; k += 3) {
        const size_t groups = (n + 7) / 8;

        for (size_t g = 0; g < groups; g++)
            plane_store(slots + g * PLANE_BYTES, join_eight(slots + g * 8 * PLANE_BYTES, bit + k));
        if (groups == 1)
            return;
        pad(slots + groups * PLANE_BYTES);
        n = groups;
    }
}

static void part(uint8_t *leaf, const struct plane_group *group, const struct plane_fork *forks,
                 uint8_t *plane)
{
    const struct plane_fork *fork = forks + group->first, *end = fork + group->forks;
    uint8_t *slot = plane;

    for (size_t t = 0; t < group->trees; t++) {
        pad(slot + group->leaves[t] * PLANE_BYTES);
        plane_store(slot, plane_set(0xff));
        slot += (group->leaves[t] + 7u) / 8 * 8 * PLANE_BYTES;
    }
    for (; end - fork >= 4; fork += 4) {
        part_one(plane, fork);
        part_one(plane, fork + 1);
        part_one(plane, fork + 2);
        part_one(plane, fork + 3);
    }
    for (; fork < end; fork++)
        part_one(plane, fork);
    slot = plane;
    for (size_t t = 0; t < group->trees; t++, leaf += BLOCK_ROWS) {
        plane_word bit[9];

        number_leaves(bit, slot, group->leaves[t]);
        planes_to_bytes(leaf, bit);
        slot += (group->leaves[t] + 7u) / 8 * 8 * PLANE_BYTES;
    }
}

static void part_even(uint8_t *leaf, const struct plane_group *group,
                      const struct plane_fork *forks, uint8_t *plane)
{
    forks += group->first;
    for (size_t t = 0; t < group->trees; t++, leaf += BLOCK_ROWS) {
        size_t levels = 0;
        plane_word bit[8];

        while (1u << levels < group->leaves[t])
            levels++;
        forks += levels;
        MDL_UNROLL(8)
        for (size_t k = 0; k < 8; k++)
            bit[k] = k < levels ? plane_load(plane + (size_t)(forks - 1 - k)->condition * PLANE_UNIT)
                                : plane_set(0);
        planes_to_bytes(leaf, bit);
    }
}
