/*
 * kernel/vec8_x86.h - vectors of unsigned bytes on x86: the words AVX2 and AVX-512 share
 *
 * SPDX-License-Identifier: MIT
 */
typedef __m256i v8;
#define V8_LANES 32u

MDL_INLINE v8 v8_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
MDL_INLINE void v8_store(uint8_t *p, v8 a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
MDL_INLINE v8 v8_set(uint8_t x) { return _mm256_set1_epi8((char)x); }
MDL_INLINE v8 v8_and(v8 a, v8 b) { return _mm256_and_si256(a, b); }
MDL_INLINE v8 v8_or(v8 a, v8 b) { return _mm256_or_si256(a, b); }
MDL_INLINE v8 v8_xor(v8 a, v8 b) { return _mm256_xor_si256(a, b); }
MDL_INLINE v8 v8_add(v8 a, v8 b) { return _mm256_add_epi8(a, b); }
MDL_INLINE v8 v8_sub(v8 a, v8 b) { return _mm256_sub_epi8(a, b); }

/* Bytes shifted; bits from the neighbour in a pair come in. */
MDL_INLINE v8 v8_shl(v8 a, int n) { return _mm256_slli_epi16(a, n); }
MDL_INLINE v8 v8_shr(v8 a, int n) { return _mm256_srli_epi16(a, n); }

/* Masks: all ones where it holds, else zero. */
MDL_INLINE v8 v8_eq(v8 a, v8 b) { return _mm256_cmpeq_epi8(a, b); }
MDL_INLINE v8 v8_ge(v8 a, v8 b) { return _mm256_cmpeq_epi8(_mm256_max_epu8(a, b), a); }
MDL_INLINE v8 v8_gt(v8 a, v8 b) { return _mm256_cmpgt_epi8(a, b); }        /* as signed bytes */

/* Bit i: lane i of the mask is set. */
MDL_INLINE uint32_t v8_bits(v8 mask) { return (uint32_t)_mm256_movemask_epi8(mask); }

/* Bytes a[0 .. 16) and b[0 .. 16): the V8_LANES of them from lane `first` on. */
MDL_INLINE v8 v8_load_halves(const uint8_t *a, const uint8_t *b, size_t first)
{
    (void)first;
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)a)),
        _mm_loadu_si128((const __m128i *)(const void *)b), 1);
}

/* Of each half of 16 bytes, the byte that each byte of `at` names by its low four bits. */
MDL_INLINE v8 v8_spread(v8 halves, v8 at) { return _mm256_shuffle_epi8(halves, at); }

/* Four bytes of a and of b, each in a half whose rest is 0. */
MDL_INLINE v8 v8_load_fours(const uint8_t *a, const uint8_t *b)
{
    int32_t four[2];

    memcpy(&four[0], a, sizeof four[0]);
    memcpy(&four[1], b, sizeof four[1]);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_cvtsi32_si128(four[0])),
                                   _mm_cvtsi32_si128(four[1]), 1);
}

/* The lower half to a, the upper to b. */
MDL_INLINE void v8_store_halves(uint8_t *a, uint8_t *b, v8 halves)
{
    _mm_storeu_si128((__m128i *)(void *)a, _mm256_castsi256_si128(halves));
    _mm_storeu_si128((__m128i *)(void *)b, _mm256_extracti128_si256(halves, 1));
}
