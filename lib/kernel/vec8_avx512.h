/*
 * kernel/vec8_avx512.h - vectors of unsigned bytes on x86 with AVX-512; see vec8_avx2.h
 *
 * Descents keep 256-bit vectors and masks of bytes: compares into mask registers are few a
 * cycle.  Look-ups are one byte permute (VBMI).
 *
 * SPDX-License-Identifier: MIT
 */
/* b where the mask is set, else a. */
MDL_INLINE v8 v8_blend(v8 a, v8 b, v8 mask) { return _mm256_ternarylogic_epi32(mask, b, a, 0xCA); }

/* 64 bytes to look up. */
typedef __m512i v8_table;

MDL_INLINE v8_table v8_table_load(const uint8_t *p) { return _mm512_loadu_si512(p); }

/* table[column] of columns below 64. */
MDL_INLINE v8 v8_lookup(v8_table t, v8 column, size_t quarters)
{
    (void)quarters;
    return _mm512_castsi512_si256(_mm512_permutexvar_epi8(_mm512_castsi256_si512(column), t));
}

/* Columns in the lower half are looked up in a, in the upper in b. */
MDL_INLINE v8 v8_lookup_apart(const uint8_t *a, const uint8_t *b, size_t first, v8 column,
                              size_t quarters)
{
    (void)first;
    return _mm256_blend_epi32(v8_lookup(v8_table_load(a), column, quarters),
                              v8_lookup(v8_table_load(b), column, quarters), 0xF0);
}

/* Bit i: table[column[i]] >= rank[i], for 32 columns below 64. */
MDL_INLINE uint32_t v8_outcomes(v8_table t, const uint8_t *column, const uint8_t *rank, size_t quarters)
{
    (void)quarters;
    const __m512i found = _mm512_permutexvar_epi8(_mm512_castsi256_si512(v8_load(column)), t);

    return _mm256_cmpge_epu8_mask(_mm512_castsi512_si256(found), v8_load(rank));
}

/* The same of 64. */
MDL_INLINE uint64_t v8_outcomes64(v8_table t, const uint8_t *column, const uint8_t *rank,
                                  size_t quarters)
{
    (void)quarters;
    return _mm512_cmpge_epu8_mask(_mm512_permutexvar_epi8(_mm512_loadu_si512(column), t),
                                  _mm512_loadu_si512(rank));
}

/* The e with (outcomes ^ (2^e - 1)) & ancestors[e] == 0, of all but the last; else the last, which
 * agrees always. */
MDL_INLINE uint32_t v8_match(const uint32_t *ancestors, uint32_t outcomes)
{
    const __m512i o = _mm512_set1_epi32((int)outcomes);
    const __m512i first = _mm512_setr_epi32(0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047,
                                            4095, 8191, 16383, 32767);
    const __m512i second = _mm512_or_si512(_mm512_slli_epi32(first, 16), _mm512_set1_epi32(65535));
    const unsigned low = _mm512_testn_epi32_mask(_mm512_xor_si512(o, first),
                                                 _mm512_loadu_si512(ancestors));
    const unsigned high = _mm512_testn_epi32_mask(_mm512_xor_si512(o, second),
                                                  _mm512_loadu_si512(ancestors + 16));

    return (uint32_t)__builtin_ctz(low | high << 16);
}

/* The like of two times 16 exits; outcomes of the second in the upper half. */
MDL_INLINE void v8_match_pair(uint32_t *e, const uint16_t *a, const uint16_t *b, uint32_t outcomes)
{
    const __m256i prefix = _mm256_setr_epi16(0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095,
                                             8191, 16383, 32767);
    const unsigned first = _mm256_testn_epi16_mask(
        _mm256_xor_si256(_mm256_set1_epi16((short)outcomes), prefix),
        _mm256_loadu_si256((const __m256i *)(const void *)a));
    const unsigned second = _mm256_testn_epi16_mask(
        _mm256_xor_si256(_mm256_set1_epi16((short)(outcomes >> 16)), prefix),
        _mm256_loadu_si256((const __m256i *)(const void *)b));

    e[0] = (uint32_t)__builtin_ctz(first);
    e[1] = (uint32_t)__builtin_ctz(second);
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

/* 256 bits to look up. */
typedef __m256i v8_set256;

MDL_INLINE v8_set256 v8_set256_load(const uint8_t *p) { return v8_load(p); }

/* All ones where bit code % 8 of byte code / 8 is set.  A permute reads the low five bits of
 * an index, so neither needs them cut out. */
MDL_INLINE v8 v8_members(v8_set256 s, v8 code)
{
    const __m256i found = _mm256_permutexvar_epi8(_mm256_srli_epi16(code, 3), s);
    const __m256i bit = _mm256_permutexvar_epi8(code, _mm256_set1_epi64x((int64_t)0x8040201008040201u));

    return _mm256_cmpeq_epi8(_mm256_and_si256(found, bit), bit);
}
