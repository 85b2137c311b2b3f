/*
 * kernel/vec8_avx2.h - vectors of unsigned bytes on x86 with AVX2
 *
 * SPDX-License-Identifier: MIT
 */
typedef __m256i v8;
#define V8_LANES 32u

MDL_INLINE v8 v8_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
MDL_INLINE void v8_store(uint8_t *p, v8 a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
MDL_INLINE v8 v8_set(uint8_t x) { return _mm256_set1_epi8((char)x); }
MDL_INLINE v8 v8_and(v8 a, v8 b) { return _mm256_and_si256(a, b); }
MDL_INLINE v8 v8_xor(v8 a, v8 b) { return _mm256_xor_si256(a, b); }

/* Masks: all ones where it holds, else zero. */
MDL_INLINE v8 v8_eq(v8 a, v8 b) { return _mm256_cmpeq_epi8(a, b); }
MDL_INLINE v8 v8_ge(v8 a, v8 b) { return _mm256_cmpeq_epi8(_mm256_max_epu8(a, b), a); }
MDL_INLINE v8 v8_gt(v8 a, v8 b) { return _mm256_cmpgt_epi8(a, b); }        /* as signed bytes */

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

/* Bit i: table[column[i]] >= rank[i], for 32 columns below 64. */
MDL_INLINE uint32_t v8_outcomes(v8_table t, const uint8_t *column, const uint8_t *rank)
{
    const __m256i c = v8_load(column);
    const __m256i odd = _mm256_slli_epi16(c, 3), upper = _mm256_slli_epi16(c, 2);
    const __m256i low = _mm256_blendv_epi8(_mm256_shuffle_epi8(t.quarter[0], c),
                                           _mm256_shuffle_epi8(t.quarter[1], c), odd);
    const __m256i high = _mm256_blendv_epi8(_mm256_shuffle_epi8(t.quarter[2], c),
                                            _mm256_shuffle_epi8(t.quarter[3], c), odd);

    return (uint32_t)_mm256_movemask_epi8(v8_ge(_mm256_blendv_epi8(low, high, upper),
                                                v8_load(rank)));
}

/* One quarter of v8_match: all ones in lane j where exit 8 k + j agrees. */
MDL_INLINE __m256i v8_agrees(const uint32_t *ancestors, __m256i outcomes, int k)
{
    /* 2^(8k + j) - 1: the first eight shifted up, with ones below. */
    const __m256i first = _mm256_setr_epi32(0, 1, 3, 7, 15, 31, 63, 127);
    const __m256i p = _mm256_or_si256(_mm256_slli_epi32(first, 8 * k),
                                      _mm256_set1_epi32((int)(((uint32_t)1 << 8 * k) - 1)));
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(ancestors + 8 * k));

    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_xor_si256(outcomes, p), a),
                              _mm256_setzero_si256());
}

/* The e with (outcomes ^ (2^e - 1)) & ancestors[e] == 0; there is one. */
MDL_INLINE uint32_t v8_match(const uint32_t *ancestors, uint32_t outcomes)
{
    /* Where the lanes of four quarters stand after packing. */
    static const uint8_t order[32] = { 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27,
                                       4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31 };
    const __m256i o = _mm256_set1_epi32((int)outcomes);
    const __m256i low = _mm256_packs_epi32(v8_agrees(ancestors, o, 0), v8_agrees(ancestors, o, 1));
    const __m256i high = _mm256_packs_epi32(v8_agrees(ancestors, o, 2), v8_agrees(ancestors, o, 3));

    return order[__builtin_ctz((unsigned)_mm256_movemask_epi8(_mm256_packs_epi16(low, high)))];
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
