/*
 * kernel/vec_rank_avx2.h - ranks of a column of cells on x86 with AVX2
 *
 * SPDX-License-Identifier: MIT
 */

/* The thresholds at positions `at` of level 3 + k of a search tree, which has 2^k registers:
 * the low three bits of a position are the lane, the next k the register. */
MDL_INLINE __m256 vr_look(const float *level, __m256i at, unsigned k)
{
    __m256 t[16];

    MDL_UNROLL(16)
    for (unsigned i = 0; i < 1u << k; i++)
        t[i] = _mm256_permutevar8x32_ps(_mm256_loadu_ps(level + 8 * i), at);
    MDL_UNROLL(4)
    for (unsigned bit = 0; bit < k; bit++) {
        const __m256 odd = _mm256_castsi256_ps(_mm256_slli_epi32(at, (int)(28 - bit)));
        MDL_UNROLL(8)
        for (unsigned i = 0; i < 1u << (k - 1 - bit); i++)
            t[i] = _mm256_blendv_ps(t[2 * i], t[2 * i + 1], odd);
    }
    return t[0];
}

/* Ranks, as dwords, of eight cells in a column of `levels` levels. */
MDL_INLINE __m256i vr_find(const float *search, __m256 x, unsigned levels, __m256i nan)
{
    const __m256 first = _mm256_loadu_ps(search);
    __m256i at = _mm256_set1_epi32(1);

    MDL_UNROLL(8)
    for (unsigned l = 0; l < levels; l++) {
        const __m256 t = l < 3 ? _mm256_permutevar8x32_ps(first, at)
                       : l == 3 ? vr_look(search + 8, at, 0) : l == 4 ? vr_look(search + 16, at, 1)
                       : l == 5 ? vr_look(search + 32, at, 2) : l == 6 ? vr_look(search + 64, at, 3)
                                                                       : vr_look(search + 128, at, 4);
        at = _mm256_sub_epi32(_mm256_add_epi32(at, at), _mm256_castps_si256(_mm256_cmp_ps(x, t, _CMP_GE_OQ)));
    }
    at = _mm256_sub_epi32(at, _mm256_set1_epi32((int)(1u << levels)));
    return _mm256_or_si256(at, _mm256_and_si256(nan, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q))));
}

MDL_INLINE void vr_column(uint8_t *rank, const float *cell, size_t height, const float *search,
                          unsigned levels, int nan_right)
{
    const __m256i nan = _mm256_set1_epi32(nan_right ? (int)RANK_NAN : 0);

    for (size_t r = 0; r < height; r += 16) {
        const __m256i low = vr_find(search, _mm256_loadu_ps(cell + r), levels, nan);
        const __m256i high = vr_find(search, _mm256_loadu_ps(cell + r + 8), levels, nan);
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        const __m128i rows = _mm_packus_epi16(_mm256_castsi256_si128(words),
                                              _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(void *)(rank + r), _mm_xor_si128(rows, _mm_set1_epi8(-128)));
    }
}
