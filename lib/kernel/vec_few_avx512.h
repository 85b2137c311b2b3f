/*
 * kernel/vec_few_avx512.h - leaf values out of registers on x86 with AVX-512; see few_tmpl.h
 *
 * A double is four words, each looked up among 64 by one permute and put together again by
 * two stages of unpacking: 14 shuffles for 32 rows.
 *
 * SPDX-License-Identifier: MIT
 */
#define VF_FEW_ROWS 16u
#define VD_FEW_ROWS 32u

typedef struct { __m512 part[4]; } vf_few;
typedef struct { __m512i word[4][2]; } vd_few;

/* Of `n` values from p on, those from number `at` on that a register holds. */
MDL_INLINE __mmask16 few_mask(size_t n, size_t at, size_t lanes)
{
    const size_t left = n > at ? n - at : 0;

    return (__mmask16)((1u << (left < lanes ? left : lanes)) - 1);
}

MDL_INLINE vf_few vf_few_load(const float *p, size_t n)
{
    vf_few t;

    MDL_UNROLL(4)
    for (size_t i = 0; i < 4; i++)
        t.part[i] = _mm512_maskz_loadu_ps(few_mask(n, 16 * i, 16), p + 16 * i);
    return t;
}

/* The values of sixteen leaves on top of sums. */
MDL_INLINE void vf_few_add(float *sum, vf_few t, const uint8_t *leaf)
{
    const __m512i at = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)leaf));
    const __m512 v = _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(32)),
                                          _mm512_permutex2var_ps(t.part[0], at, t.part[1]),
                                          _mm512_permutex2var_ps(t.part[2], at, t.part[3]));

    _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_loadu_ps(sum), v));
}

/* Word k of sixteen doubles, then word k + 1. */
MDL_INLINE __m512i few_words(__m512d a, __m512d b, short k)
{
    static const uint16_t first[32] = { 0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60,
                                        1, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41, 45, 49, 53, 57, 61 };
    const __m512i at = _mm512_add_epi16(_mm512_loadu_si512(first), _mm512_set1_epi16(k));

    return _mm512_permutex2var_epi16(_mm512_castpd_si512(a), at, _mm512_castpd_si512(b));
}

MDL_INLINE vd_few vd_few_load(const double *p, size_t n)
{
    const __m512i low = _mm512_setr_epi64(0, 1, 2, 3, 8, 9, 10, 11);
    const __m512i high = _mm512_setr_epi64(4, 5, 6, 7, 12, 13, 14, 15);
    vd_few t;

    MDL_UNROLL(2)
    for (size_t h = 0; h < 2; h++) {
        __m512d a[4];

        MDL_UNROLL(4)
        for (size_t i = 0; i < 4; i++)
            a[i] = _mm512_maskz_loadu_pd((__mmask8)few_mask(n, 32 * h + 8 * i, 8), p + 32 * h + 8 * i);
        MDL_UNROLL(2)
        for (size_t k = 0; k < 4; k += 2) {
            const __m512i x = few_words(a[0], a[1], (short)k), y = few_words(a[2], a[3], (short)k);
            t.word[k][h] = _mm512_permutex2var_epi64(x, low, y);
            t.word[k + 1][h] = _mm512_permutex2var_epi64(x, high, y);
        }
    }
    return t;
}

MDL_INLINE void few_put(double *sum, __m512i v)
{
    _mm512_storeu_pd(sum, _mm512_add_pd(_mm512_loadu_pd(sum), _mm512_castsi512_pd(v)));
}

/* The values of thirty-two leaves on top of sums.  Unpacking leaves the pair of rows 8 k + 2 l
 * in part l of register k if it stood at 8 l + 2 k before. */
MDL_INLINE void vd_few_add(double *sum, vd_few t, const uint8_t *leaf)
{
    static const uint8_t order[32] = { 0, 1, 8, 9, 16, 17, 24, 25, 2, 3, 10, 11, 18, 19, 26, 27,
                                       4, 5, 12, 13, 20, 21, 28, 29, 6, 7, 14, 15, 22, 23, 30, 31 };
    const __m256i in_order = _mm256_permutexvar_epi8(
        _mm256_loadu_si256((const __m256i *)(const void *)order),
        _mm256_loadu_si256((const __m256i *)(const void *)leaf));
    const __m512i at = _mm512_cvtepi8_epi16(in_order);
    const __m512i a = _mm512_permutex2var_epi16(t.word[0][0], at, t.word[0][1]);
    const __m512i b = _mm512_permutex2var_epi16(t.word[1][0], at, t.word[1][1]);
    const __m512i c = _mm512_permutex2var_epi16(t.word[2][0], at, t.word[2][1]);
    const __m512i d = _mm512_permutex2var_epi16(t.word[3][0], at, t.word[3][1]);
    const __m512i ab = _mm512_unpacklo_epi16(a, b), ab_high = _mm512_unpackhi_epi16(a, b);
    const __m512i cd = _mm512_unpacklo_epi16(c, d), cd_high = _mm512_unpackhi_epi16(c, d);

    few_put(sum, _mm512_unpacklo_epi32(ab, cd));
    few_put(sum + 8, _mm512_unpackhi_epi32(ab, cd));
    few_put(sum + 16, _mm512_unpacklo_epi32(ab_high, cd_high));
    few_put(sum + 24, _mm512_unpackhi_epi32(ab_high, cd_high));
}
