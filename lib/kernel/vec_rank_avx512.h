/*
 * kernel/vec_rank_avx512.h - ranks of a column of cells on x86 with AVX-512; see vec_rank_avx2.h
 *
 * SPDX-License-Identifier: MIT
 */
/* Thirty-two thresholds, by the low five bits of `at`. */
MDL_INLINE __m512 vr_pick(const float *level, __m512i at)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(level), at, _mm512_loadu_ps(level + 16));
}

/* Level 6 and 7: two and four times thirty-two, by the bits above. */
MDL_INLINE __m512 vr_pick64(const float *level, __m512i at)
{
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(32)),
                                vr_pick(level, at), vr_pick(level + 32, at));
}

MDL_INLINE __m512 vr_pick128(const float *level, __m512i at)
{
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(64)),
                                vr_pick64(level, at), vr_pick64(level + 64, at));
}

/* Ranks, as dwords, of sixteen cells in a column of `levels` levels. */
MDL_INLINE __m512i vr_find(const float *search, __m512 x, unsigned levels, __m512i nan)
{
    /* Three levels have eight floats; the rest is not read from memory. */
    const __m512 first = levels > 3 ? _mm512_loadu_ps(search)
                                    : _mm512_castps256_ps512(_mm256_loadu_ps(search));
    __m512i at = _mm512_set1_epi32(1);

    MDL_UNROLL(8)
    for (unsigned l = 0; l < levels; l++) {
        const __m512 t = l < 4 ? _mm512_permutexvar_ps(at, first)
                       : l == 4 ? _mm512_permutexvar_ps(at, _mm512_loadu_ps(search + 16))
                       : l == 5 ? vr_pick(search + 32, at) : l == 6 ? vr_pick64(search + 64, at)
                                                                    : vr_pick128(search + 128, at);
        const __mmask16 right = _mm512_cmp_ps_mask(x, t, _CMP_GE_OQ);

        at = _mm512_add_epi32(at, at);
        at = _mm512_mask_or_epi32(at, right, at, _mm512_set1_epi32(1));
    }
    at = _mm512_sub_epi32(at, _mm512_set1_epi32((int)(1u << levels)));
    return _mm512_mask_or_epi32(at, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), at, nan);
}

MDL_INLINE void vr_column(uint8_t *rank, const float *cell, size_t height, const float *search,
                          unsigned levels, int nan_right)
{
    const __m512i nan = _mm512_set1_epi32(nan_right ? (int)RANK_NAN : 0);

    for (size_t r = 0; r < height; r += 16) {
        const __m512i n = vr_find(search, _mm512_loadu_ps(cell + r), levels, nan);
        const __m128i bytes = _mm512_cvtepi32_epi8(n);
        _mm_storeu_si128((__m128i *)(void *)(rank + r), _mm_xor_si128(bytes, _mm_set1_epi8(-128)));
    }
}
