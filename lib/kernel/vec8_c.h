/*
 * kernel/vec8_c.h - vectors of unsigned bytes in plain C; see vec8_x86.h and vec8_avx2.h
 *
 * Bits are handled a word at a time, compares and look-ups byte by byte.
 *
 * SPDX-License-Identifier: MIT
 */
#define V8_LANES 16u
typedef union { uint64_t word[2]; uint8_t byte[V8_LANES]; } v8;

MDL_INLINE v8 v8_load(const uint8_t *p) { v8 r; memcpy(r.byte, p, sizeof r.byte); return r; }
MDL_INLINE void v8_store(uint8_t *p, v8 a) { memcpy(p, a.byte, sizeof a.byte); }

MDL_INLINE v8 v8_set(uint8_t x)
{
    const uint64_t all = x * 0x0101010101010101ull;

    return (v8){ { all, all } };
}

#define V8_C_WORDS(name, of) \
MDL_INLINE v8 v8_##name(v8 a, v8 b) \
{ \
    for (size_t i = 0; i < 2; i++) { const uint64_t x = a.word[i], y = b.word[i]; a.word[i] = of; } \
    return a; \
}
V8_C_WORDS(and, x & y)
V8_C_WORDS(or, x | y)
V8_C_WORDS(xor, x ^ y)

MDL_INLINE v8 v8_shl(v8 a, int n) { a.word[0] <<= n; a.word[1] <<= n; return a; }
MDL_INLINE v8 v8_shr(v8 a, int n) { a.word[0] >>= n; a.word[1] >>= n; return a; }

#define V8_C_BYTES(name, of) \
MDL_INLINE v8 v8_##name(v8 a, v8 b) \
{ \
    for (size_t i = 0; i < V8_LANES; i++) { \
        const uint8_t x = a.byte[i], y = b.byte[i]; \
        a.byte[i] = (uint8_t)(of); \
    } \
    return a; \
}
V8_C_BYTES(add, x + y)
V8_C_BYTES(sub, x - y)
V8_C_BYTES(eq, -(x == y))
V8_C_BYTES(ge, -(x >= y))
V8_C_BYTES(gt, -((x ^ 0x80) > (y ^ 0x80)))      /* as signed bytes */

/* Bit i: lane i of the mask is set.  One bit of each byte, gathered by a product. */
MDL_INLINE uint32_t v8_bits(v8 mask)
{
    const uint64_t low = mask.word[0] & 0x8040201008040201ull, high = mask.word[1] & 0x8040201008040201ull;

    return (uint32_t)(low * 0x0101010101010101ull >> 56 | (high * 0x0101010101010101ull >> 56) << 8);
}

MDL_INLINE v8 v8_blend(v8 a, v8 b, v8 mask)
{
    return v8_xor(a, v8_and(v8_xor(a, b), mask));
}

typedef struct { uint8_t byte[64]; } v8_table;

MDL_INLINE v8_table v8_table_load(const uint8_t *p)
{
    v8_table t;

    memcpy(t.byte, p, sizeof t.byte);
    return t;
}

/* table[column]; columns of 64 and more, which a look-up further on replaces, give anything. */
MDL_INLINE v8 v8_lookup(v8_table t, v8 column, size_t quarters)
{
    (void)quarters;
    for (size_t i = 0; i < V8_LANES; i++)
        column.byte[i] = t.byte[column.byte[i] & 63];
    return column;
}

MDL_INLINE v8 v8_lookup_apart(const uint8_t *a, const uint8_t *b, size_t first, v8 column,
                              size_t quarters)
{
    return v8_lookup(v8_table_load(first ? b : a), column, quarters);
}

MDL_INLINE v8 v8_load_halves(const uint8_t *a, const uint8_t *b, size_t first)
{
    return v8_load(first ? b : a);
}

MDL_INLINE v8 v8_spread(v8 halves, v8 at)
{
    for (size_t i = 0; i < V8_LANES; i++)
        at.byte[i] = halves.byte[at.byte[i] & 15];
    return at;
}

MDL_INLINE void v8_store_halves(uint8_t *a, uint8_t *b, v8 halves)
{
    (void)b;
    v8_store(a, halves);
}

MDL_INLINE uint32_t v8_outcomes16(const v8_table *t, const uint8_t *column, const uint8_t *rank)
{
    return v8_bits(v8_ge(v8_lookup(*t, v8_load(column), 4), v8_load(rank)));
}

MDL_INLINE uint32_t v8_outcomes(v8_table t, const uint8_t *column, const uint8_t *rank, size_t quarters)
{
    (void)quarters;
    return v8_outcomes16(&t, column, rank) | v8_outcomes16(&t, column + 16, rank + 16) << 16;
}

MDL_INLINE uint64_t v8_outcomes64(v8_table t, const uint8_t *column, const uint8_t *rank,
                                  size_t quarters)
{
    return v8_outcomes(t, column, rank, quarters)
         | (uint64_t)v8_outcomes(t, column + 32, rank + 32, quarters) << 32;
}

MDL_INLINE uint32_t v8_match(const uint32_t *ancestors, uint32_t outcomes)
{
    uint32_t e = 0;

    while ((outcomes ^ (((uint32_t)1 << e) - 1)) & ancestors[e])
        e++;
    return e;
}

MDL_INLINE uint32_t v8_match16(const uint16_t *ancestors, uint32_t outcomes)
{
    uint32_t e = 0;

    while ((outcomes ^ (((uint32_t)1 << e) - 1)) & ancestors[e])
        e++;
    return e;
}

MDL_INLINE void v8_match_pair(uint32_t *e, const uint16_t *a, const uint16_t *b, uint32_t outcomes)
{
    e[0] = v8_match16(a, outcomes & 0xffff);
    e[1] = v8_match16(b, outcomes >> 16);
}

MDL_INLINE void v8_sink(uint64_t *at, const uint64_t *right)
{
    for (int i = 0; i < 4; i++) {
        at[i] = 1;
        for (uint32_t level = 0; level < HEAP_LEVELS; level++)
            at[i] = 2 * at[i] + (right[i] >> at[i] & 1);
    }
}

typedef struct { uint8_t byte[32]; } v8_set256;

MDL_INLINE v8_set256 v8_set256_load(const uint8_t *p)
{
    v8_set256 s;

    memcpy(s.byte, p, sizeof s.byte);
    return s;
}

MDL_INLINE v8 v8_members(v8_set256 s, v8 code)
{
    for (size_t i = 0; i < V8_LANES; i++)
        code.byte[i] = (uint8_t)-(s.byte[code.byte[i] >> 3] >> (code.byte[i] & 7) & 1);
    return code;
}
