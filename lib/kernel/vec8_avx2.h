/*
 * kernel/vec8_avx2.h - vectors of unsigned bytes on x86 with AVX2, beside vec8_x86.h
 *
 * SPDX-License-Identifier: MIT
 */
/* b where the mask is set, else a. */
MDL_INLINE v8 v8_blend(v8 a, v8 b, v8 mask) { return _mm256_blendv_epi8(a, b, mask); }

/* 64 bytes to look up, each quarter in both halves of a register. */
typedef struct { __m256i quarter[4]; } v8_table;

MDL_INLINE v8_table v8_table_load(const uint8_t *p)
{
    v8_table t;

    for (int i = 0; i < 4; i++)
        t.quarter[i] = _mm256_broadcastsi128_si256(
            _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i)));
    return t;
}

/* table[column] of columns below 16 times `quarters`, 2 to 4. */
MDL_INLINE v8 v8_lookup(v8_table t, v8 column, size_t quarters)
{
    const __m256i odd = _mm256_slli_epi16(column, 3), upper = _mm256_slli_epi16(column, 2);
    const __m256i low = _mm256_blendv_epi8(_mm256_shuffle_epi8(t.quarter[0], column),
                                           _mm256_shuffle_epi8(t.quarter[1], column), odd);
    const __m256i third = _mm256_shuffle_epi8(t.quarter[2], column);

    if (quarters == 2)
        return low;
    if (quarters == 3)
        return _mm256_blendv_epi8(low, third, upper);
    return _mm256_blendv_epi8(
        low, _mm256_blendv_epi8(third, _mm256_shuffle_epi8(t.quarter[3], column), odd), upper);
}

/* Columns in the lower half are looked up in a, in the upper in b. */
MDL_INLINE v8 v8_lookup_apart(const uint8_t *a, const uint8_t *b, size_t first, v8 column,
                              size_t quarters)
{
    v8_table t;

    (void)first;
    for (size_t i = 0; i < quarters; i++)
        t.quarter[i] = v8_load_halves(a + 16 * i, b + 16 * i, 0);
    for (size_t i = quarters; i < 4; i++)
        t.quarter[i] = t.quarter[0];
    return v8_lookup(t, column, quarters);
}

/* Bit i: table[column[i]] >= rank[i], for 32 columns below 16 times `quarters`. */
MDL_INLINE uint32_t v8_outcomes(v8_table t, const uint8_t *column, const uint8_t *rank, size_t quarters)
{
    return v8_bits(v8_ge(v8_lookup(t, v8_load(column), quarters), v8_load(rank)));
}

/* The same of 64. */
MDL_INLINE uint64_t v8_outcomes64(v8_table t, const uint8_t *column, const uint8_t *rank,
                                  size_t quarters)
{
    return v8_outcomes(t, column, rank, quarters)
         | (uint64_t)v8_outcomes(t, column + 32, rank + 32, quarters) << 32;
}

/* One quarter of v8_match: zero in lane j where exit 8 k + j agrees. */
MDL_INLINE __m256i v8_differs(const uint32_t *ancestors, __m256i outcomes, int k)
{
    /* 2^(8k + j) - 1: the first eight shifted up, with ones below. */
    const __m256i first = _mm256_setr_epi32(0, 1, 3, 7, 15, 31, 63, 127);
    const __m256i p = _mm256_or_si256(_mm256_slli_epi32(first, 8 * k),
                                      _mm256_set1_epi32((int)(((uint32_t)1 << 8 * k) - 1)));
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(ancestors + 8 * k));

    return _mm256_and_si256(_mm256_xor_si256(outcomes, p), a);
}

/* The e with (outcomes ^ (2^e - 1)) & ancestors[e] == 0, of all but the last; else the last, which
 * agrees always.  Packing saturates, so what is not zero stays so. */
MDL_INLINE uint32_t v8_match(const uint32_t *ancestors, uint32_t outcomes)
{
    /* Where the lanes of four quarters stand after packing. */
    static const uint8_t order[32] = { 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27,
                                       4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31 };
    const __m256i o = _mm256_set1_epi32((int)outcomes);
    const __m256i low = _mm256_packs_epi32(v8_differs(ancestors, o, 0), v8_differs(ancestors, o, 1));
    const __m256i high = _mm256_packs_epi32(v8_differs(ancestors, o, 2), v8_differs(ancestors, o, 3));
    const __m256i agrees = _mm256_cmpeq_epi8(_mm256_packs_epi16(low, high), _mm256_setzero_si256());

    return order[__builtin_ctz((unsigned)_mm256_movemask_epi8(agrees))];
}

/* The like of two times 16 exits; outcomes of the second in the upper half. */
MDL_INLINE void v8_match_pair(uint32_t *e, const uint16_t *a, const uint16_t *b, uint32_t outcomes)
{
    const __m256i prefix = _mm256_setr_epi16(0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095,
                                             8191, 16383, 32767);
    const __m256i x = _mm256_and_si256(
        _mm256_xor_si256(_mm256_set1_epi16((short)outcomes), prefix),
        _mm256_loadu_si256((const __m256i *)(const void *)a));
    const __m256i y = _mm256_and_si256(
        _mm256_xor_si256(_mm256_set1_epi16((short)(outcomes >> 16)), prefix),
        _mm256_loadu_si256((const __m256i *)(const void *)b));
    /* Bits of the first in bytes 0 and 2, of the second in 1 and 3. */
    const unsigned agrees = (unsigned)_mm256_movemask_epi8(
        _mm256_cmpeq_epi8(_mm256_packs_epi16(x, y), _mm256_setzero_si256()));
    const uint32_t first = (uint32_t)__builtin_ctz(agrees & 0x00FF00FFu);
    const uint32_t second = (uint32_t)__builtin_ctz(agrees & 0xFF00FF00u) - 8;

    e[0] = (first & 7) + first / 16 * 8;
    e[1] = (second & 7) + second / 16 * 8;
}

/* Four heaps whose node k goes right where bit k of `right` is set: where the root's row arrives. */
MDL_INLINE void v8_sink(uint64_t *at, const uint64_t *right)
{
    const __m256i r = _mm256_loadu_si256((const __m256i *)(const void *)right);
    const __m256i one = _mm256_set1_epi64x(1);
    __m256i k = one;

    for (uint32_t level = 0; level < HEAP_LEVELS; level++)
        k = _mm256_add_epi64(_mm256_add_epi64(k, k), _mm256_and_si256(_mm256_srlv_epi64(r, k), one));
    _mm256_storeu_si256((__m256i *)(void *)at, k);
}

/* 256 bits to look up, each half in both halves of a register. */
typedef struct { __m256i low, high; } v8_set256;

MDL_INLINE v8_set256 v8_set256_load(const uint8_t *p)
{
    return (v8_set256){
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p)),
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(p + 16))),
    };
}

/* All ones where bit code % 8 of byte code / 8 is set. */
MDL_INLINE v8 v8_members(v8_set256 s, v8 code)
{
    const __m256i bits = _mm256_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0,
                                          1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i byte = _mm256_and_si256(_mm256_srli_epi16(code, 3), _mm256_set1_epi8(31));
    const __m256i found = _mm256_blendv_epi8(_mm256_shuffle_epi8(s.low, byte),
                                             _mm256_shuffle_epi8(s.high, byte), code);
    const __m256i bit = _mm256_shuffle_epi8(bits, _mm256_and_si256(code, _mm256_set1_epi8(7)));

    return _mm256_cmpeq_epi8(_mm256_and_si256(found, bit), bit);
}
