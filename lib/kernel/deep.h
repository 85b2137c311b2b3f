/*
 * kernel/deep.h - trees as they are walked by comparing keys, several walks in flight
 *
 * A cell is first replaced by its *key*, an unsigned number of the same order, and so is every
 * threshold; "x >= t goes right" is a comparison of integers.  NaN has the key 0, less than that
 * of any number.  Where it goes right, 1 is taken from both sides, which makes it the largest.
 *
 * Of one row, the key of column c is key[c].  Rows in eights are key[c * DEEP_ROWS + r], eight
 * after eight.  Column 0 is no column: its key is 0.
 *
 * A tree is a root, a gap, and pairs of children, each parent before its children:
 *
 *     root | - | left right | left right | ...          a pair never crosses a cache line
 *
 *   to   how far it is to the right child << shift | column * bytes of a key | DEEP_SET | side,
 *        the side, 0 or 1, where NaN goes
 *   t    key of the threshold - side; at a set, its number
 *
 * At a leaf t is 1 + its number in the tree, the column is 0, and it is 1 to the right child: so
 * it is its own left child, and walks of different lengths may take equally many steps.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_DEEP_H
#define MDL_KERNEL_DEEP_H

#include <stdint.h>
#include <string.h>

#define DEEP_ROWS  8u
#define DEEP_SIDE  1u
#define DEEP_SET   2u
#define DEEP_FLAGS 3u

struct deep_u32 { uint32_t to, t; };
struct deep_u64 { uint64_t to, t; };

/* A set of categories.  Keys of a column with sets: 2 + the category; 1, no category of any set;
 * 0, to the side of the node. */
struct deep_set {
    uint32_t start, n_words;      /* bit c % 32 of word start + c / 32: c is a member */
    uint32_t left;                /* 1: members go left                               */
};

struct deep_table {
    const void            *nodes; /* struct deep_u32 or deep_u64, as keys are         */
    const uint32_t        *root;  /* of each tree                                     */
    const struct deep_set *sets;  /* NULL: no node has one                            */
    const uint32_t        *words;
    uint32_t               columns;
    uint32_t               shift;
};

/* Keys of numbers: bits that order as unsigned integers do. */
static inline uint32_t deep_key_f32(float x)
{
    uint32_t bits;

    x += 0.0f;                    /* -0 becomes +0 */
    memcpy(&bits, &x, sizeof bits);
    return x != x ? 0 : bits ^ ((bits & 0x80000000u ? 0xFFFFFFFFu : 0) | 0x80000000u);
}

static inline uint64_t deep_key_f64(double x)
{
    const uint64_t top = (uint64_t)1 << 63;
    uint64_t bits;

    x += 0.0;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? 0 : bits ^ ((bits & top ? ~(uint64_t)0 : 0) | top);
}

/* Does a row go right at a set? */
static inline int deep_is_right(const struct deep_table *d, uint64_t set, uint64_t key,
                                uint64_t side)
{
    const struct deep_set *s = &d->sets[set];

    if (key == 0)
        return side != 0;
    return (key >= 2 && (key - 2) / 32 < s->n_words
            && (d->words[s->start + (key - 2) / 32] >> (key - 2) % 32 & 1u)) != s->left;
}

/* The walks of every set but the plain one (deep.c): integers gain nothing by its instructions. */
void mdl_deep_rows_u32(uint32_t *leaf, const struct deep_table *d, size_t tree,
                       const uint32_t *key, size_t eights);
void mdl_deep_rows_u64(uint32_t *leaf, const struct deep_table *d, size_t tree,
                       const uint64_t *key, size_t eights);
void mdl_deep_row_u32(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n,
                      const uint32_t *key);
void mdl_deep_row_u64(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n,
                      const uint64_t *key);

#endif
