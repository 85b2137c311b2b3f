/*
 * kernel/vec_avx2.h - vectors of floats on x86 with AVX2
 *
 * The words every vec_<isa>.h spells alike.  vf and vd hold VF_LANES floats and VD_LANES
 * doubles.
 *
 * SPDX-License-Identifier: MIT
 */
typedef __m256 vf;
typedef __m256d vd;
#define VF_LANES 8u
#define VD_LANES 4u

MDL_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
MDL_INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
MDL_INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
MDL_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
MDL_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
MDL_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
MDL_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
/* Every second lane of two registers in a row. */
MDL_INLINE vf vf_even(vf a, vf b)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xD8));
}
/* a * b + c in one rounding: for products of matrices alone (gemm.h) */
MDL_INLINE vf vf_fused(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
/* b where x is NaN, else a;  0 where x <= 0, else a */
MDL_INLINE vf vf_if_nan(vf x, vf a, vf b) { return _mm256_blendv_ps(a, b, _mm256_cmp_ps(x, x, _CMP_UNORD_Q)); }
MDL_INLINE vf vf_zero_unless_positive(vf x) { return _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LE_OQ), x); }

MDL_INLINE vd vd_load(const double *p) { return _mm256_loadu_pd(p); }
MDL_INLINE void vd_store(double *p, vd a) { _mm256_storeu_pd(p, a); }
MDL_INLINE vd vd_set(double x) { return _mm256_set1_pd(x); }
MDL_INLINE vd vd_add(vd a, vd b) { return _mm256_add_pd(a, b); }
MDL_INLINE vd vd_sub(vd a, vd b) { return _mm256_sub_pd(a, b); }
MDL_INLINE vd vd_mul(vd a, vd b) { return _mm256_mul_pd(a, b); }
MDL_INLINE vd vd_div(vd a, vd b) { return _mm256_div_pd(a, b); }
MDL_INLINE vd vd_if_nan(vd x, vd a, vd b) { return _mm256_blendv_pd(a, b, _mm256_cmp_pd(x, x, _CMP_UNORD_Q)); }
MDL_INLINE vd vd_zero_unless_positive(vd x) { return _mm256_andnot_pd(_mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_LE_OQ), x); }

/* VD_LANES floats to doubles and back, to nearest. */
MDL_INLINE vd vd_widen(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
MDL_INLINE void vd_narrow(float *p, vd a) { _mm_storeu_ps(p, _mm256_cvtpd_ps(a)); }

/* The same, in a register: compilers would rather load it again in every product. */
MDL_INLINE vf vf_keep(vf a) { __asm__("" : "+x"(a)); return a; }
MDL_INLINE vd vd_keep(vd a) { __asm__("" : "+x"(a)); return a; }

/* The first n <= VF_LANES or VD_LANES numbers and zeros; nothing beyond them is read. */
MDL_INLINE vf vf_load_part(const float *p, size_t n)
{
    static const int32_t mask[16] = { -1, -1, -1, -1, -1, -1, -1, -1 };

    return _mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *)(const void *)(mask + 8 - n)));
}

/* The first 1 <= n <= VF_LANES to memory.  In pieces: a masked store is slow here. */
MDL_INLINE void vf_store_part(float *p, vf a, size_t n)
{
    __m128 half = _mm256_castps256_ps128(a);

    if (n == 8) {
        _mm256_storeu_ps(p, a);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, half);
        half = _mm256_extractf128_ps(a, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, half);
        half = _mm_movehl_ps(half, half);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, half);
}

MDL_INLINE vd vd_load_part(const double *p, size_t n)
{
    static const int64_t mask[8] = { -1, -1, -1, -1 };

    return _mm256_maskload_pd(p, _mm256_loadu_si256((const __m256i *)(const void *)(mask + 4 - n)));
}

MDL_INLINE vd vd_widen_part(const float *p, size_t n)
{
    static const int32_t mask[8] = { -1, -1, -1, -1 };

    return _mm256_cvtps_pd(_mm_maskload_ps(p, _mm_loadu_si128((const __m128i *)(const void *)(mask + 4 - n))));
}

/* The sum of eight lanes in the order of kernel.h. */
MDL_INLINE float vf_total(const vf *sum)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(*sum), _mm256_extractf128_ps(*sum, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

MDL_INLINE double vd_total(const vd *sum)
{
    const __m256d four = _mm256_add_pd(sum[0], sum[1]);
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));

    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

/* a < b ? a : b and a > b ? a : b, as C has it: b where either is NaN. */
MDL_INLINE vd vd_min(vd a, vd b) { return _mm256_min_pd(a, b); }
MDL_INLINE vd vd_max(vd a, vd b) { return _mm256_max_pd(a, b); }

/* Of floats too; |a|; -a; |a| with the sign of s; the upper 12 bits of the mantissa;
 * the square root; a < b ? x : y. */
MDL_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
MDL_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
MDL_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
MDL_INLINE vf vf_neg(vf a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }
MDL_INLINE vf vf_with_sign(vf a, vf s) { return _mm256_or_ps(vf_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), s)); }
MDL_INLINE vf vf_top12(vf a) { return _mm256_and_ps(_mm256_castsi256_ps(_mm256_set1_epi32(-0x1000)), a); }
MDL_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
MDL_INLINE vf vf_if_less(vf a, vf b, vf x, vf y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
MDL_INLINE vd vd_if_less(vd a, vd b, vd x, vd y) { return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ)); }

/* 2^(n >> s) for t = 1.5 2^23 + n with integers n, the result's exponent cut to 9 bits. */
MDL_INLINE vf vf_pow2(vf t, unsigned s)
{
    const __m256i n = _mm256_slli_epi32(_mm256_srli_epi32(_mm256_castps_si256(t), (int)s), 23);

    return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(127 << 23)));
}

/* The largest lane; any, if one is NaN. */
MDL_INLINE double vd_largest(vd a)
{
    const __m128d two = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));

    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
}

/* Rounded to float32. */
MDL_INLINE vd vd_as_float(vd a) { return _mm256_cvtps_pd(_mm256_cvtpd_ps(a)); }

/* For t = 1.5 2^52 + k with integers k: 2^(k >> s), the result's exponent cut to 11 bits; entry
 * k % 64 of a table of pairs, the second of each pair in *low. */
MDL_INLINE vd vd_pow2(vd t, unsigned s)
{
    const __m256i n = _mm256_slli_epi64(_mm256_srli_epi64(_mm256_castpd_si256(t), (int)s), 52);

    return _mm256_castsi256_pd(_mm256_add_epi64(n, _mm256_set1_epi64x((int64_t)1023 << 52)));
}

MDL_INLINE vd vd_lookup(const double (*table)[2], vd t, vd *low)
{
    const char *base = (const char *)table;
    const __m256i k = _mm256_and_si256(_mm256_castpd_si256(t), _mm256_set1_epi64x(63));
    const __m256i at = _mm256_slli_epi64(k, 4);
    const __m128i at01 = _mm256_castsi256_si128(at), at23 = _mm256_extracti128_si256(at, 1);
    const __m128d p0 = _mm_loadu_pd((const double *)(const void *)(base + _mm_cvtsi128_si64(at01)));
    const __m128d p1 = _mm_loadu_pd((const double *)(const void *)(base + _mm_extract_epi64(at01, 1)));
    const __m128d p2 = _mm_loadu_pd((const double *)(const void *)(base + _mm_cvtsi128_si64(at23)));
    const __m128d p3 = _mm_loadu_pd((const double *)(const void *)(base + _mm_extract_epi64(at23, 1)));
    const __m256d even = _mm256_insertf128_pd(_mm256_castpd128_pd256(p0), p2, 1);
    const __m256d odd = _mm256_insertf128_pd(_mm256_castpd128_pd256(p1), p3, 1);

    *low = _mm256_unpackhi_pd(even, odd);
    return _mm256_unpacklo_pd(even, odd);
}

/* How many of 16 numbers x reaches: t <= x; NaN reaches nothing and is never reached. */
MDL_INLINE uint32_t vf_reached16(const float *t, float x)
{
    const __m256 v = _mm256_set1_ps(x);
    const int low = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_loadu_ps(t), _CMP_GE_OQ));
    const int high = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_loadu_ps(t + 8), _CMP_GE_OQ));

    return (uint32_t)_mm_popcnt_u32((unsigned)(low | high << 8));
}

MDL_INLINE uint32_t vd_reached16(const double *t, double x)
{
    const __m256d v = _mm256_set1_pd(x);
    const int a = _mm256_movemask_pd(_mm256_cmp_pd(v, _mm256_loadu_pd(t), _CMP_GE_OQ));
    const int b = _mm256_movemask_pd(_mm256_cmp_pd(v, _mm256_loadu_pd(t + 4), _CMP_GE_OQ));
    const int c = _mm256_movemask_pd(_mm256_cmp_pd(v, _mm256_loadu_pd(t + 8), _CMP_GE_OQ));
    const int d = _mm256_movemask_pd(_mm256_cmp_pd(v, _mm256_loadu_pd(t + 12), _CMP_GE_OQ));

    return (uint32_t)_mm_popcnt_u32((unsigned)(a | b << 4 | c << 8 | d << 12));
}
