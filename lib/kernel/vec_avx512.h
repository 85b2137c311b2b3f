/*
 * kernel/vec_avx512.h - vectors of floats on x86 with AVX-512; see vec_avx2.h for the words
 *
 * vf and vd are eight lanes both: what a dense sum has, kernel.h.
 *
 * SPDX-License-Identifier: MIT
 */
typedef __m256 vf;
typedef __m512d vd;
#define VF_LANES 8u
#define VD_LANES 8u

MDL_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
MDL_INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
MDL_INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
MDL_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
MDL_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
MDL_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
MDL_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
MDL_INLINE vf vf_even(vf a, vf b)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xD8));
}
MDL_INLINE vf vf_fused(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
MDL_INLINE vf vf_if_nan(vf x, vf a, vf b) { return _mm256_mask_mov_ps(a, _mm256_cmp_ps_mask(x, x, _CMP_UNORD_Q), b); }
MDL_INLINE vf vf_zero_unless_positive(vf x) { return _mm256_maskz_mov_ps(_mm256_cmp_ps_mask(x, _mm256_setzero_ps(), _CMP_NLE_UQ), x); }

MDL_INLINE vd vd_load(const double *p) { return _mm512_loadu_pd(p); }
MDL_INLINE void vd_store(double *p, vd a) { _mm512_storeu_pd(p, a); }
MDL_INLINE vd vd_set(double x) { return _mm512_set1_pd(x); }
MDL_INLINE vd vd_add(vd a, vd b) { return _mm512_add_pd(a, b); }
MDL_INLINE vd vd_sub(vd a, vd b) { return _mm512_sub_pd(a, b); }
MDL_INLINE vd vd_mul(vd a, vd b) { return _mm512_mul_pd(a, b); }
MDL_INLINE vd vd_div(vd a, vd b) { return _mm512_div_pd(a, b); }
MDL_INLINE vd vd_if_nan(vd x, vd a, vd b) { return _mm512_mask_mov_pd(a, _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q), b); }
MDL_INLINE vd vd_zero_unless_positive(vd x) { return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_NLE_UQ), x); }

MDL_INLINE vd vd_widen(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
MDL_INLINE void vd_narrow(float *p, vd a) { _mm256_storeu_ps(p, _mm512_cvtpd_ps(a)); }

MDL_INLINE vf vf_keep(vf a) { __asm__("" : "+v"(a)); return a; }
MDL_INLINE vd vd_keep(vd a) { __asm__("" : "+v"(a)); return a; }
MDL_INLINE vf vf_load_part(const float *p, size_t n) { return _mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1), p); }
MDL_INLINE void vf_store_part(float *p, vf a, size_t n) { _mm256_mask_storeu_ps(p, (__mmask8)((1u << n) - 1), a); }
MDL_INLINE vd vd_load_part(const double *p, size_t n) { return _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p); }
MDL_INLINE vd vd_widen_part(const float *p, size_t n) { return _mm512_cvtps_pd(vf_load_part(p, n)); }

MDL_INLINE float vf_total(const vf *sum)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(*sum), _mm256_extractf128_ps(*sum, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

MDL_INLINE double vd_total(const vd *sum)
{
    const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(*sum), _mm512_extractf64x4_pd(*sum, 1));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));

    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

MDL_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
MDL_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
MDL_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
MDL_INLINE vf vf_neg(vf a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }
MDL_INLINE vf vf_with_sign(vf a, vf s) { return _mm256_or_ps(vf_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), s)); }
MDL_INLINE vf vf_top12(vf a) { return _mm256_and_ps(_mm256_castsi256_ps(_mm256_set1_epi32(-0x1000)), a); }
MDL_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
MDL_INLINE vf vf_if_less(vf a, vf b, vf x, vf y) { return _mm256_mask_mov_ps(y, _mm256_cmp_ps_mask(a, b, _CMP_LT_OQ), x); }
MDL_INLINE vd vd_if_less(vd a, vd b, vd x, vd y) { return _mm512_mask_mov_pd(y, _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), x); }

MDL_INLINE vf vf_pow2(vf t, unsigned s)
{
    const __m256i n = _mm256_slli_epi32(_mm256_srli_epi32(_mm256_castps_si256(t), (int)s), 23);

    return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(127 << 23)));
}

MDL_INLINE vd vd_min(vd a, vd b) { return _mm512_min_pd(a, b); }
MDL_INLINE vd vd_max(vd a, vd b) { return _mm512_max_pd(a, b); }
MDL_INLINE double vd_largest(vd a) { return _mm512_reduce_max_pd(a); }
MDL_INLINE vd vd_as_float(vd a) { return _mm512_cvtps_pd(_mm512_cvtpd_ps(a)); }

MDL_INLINE vd vd_pow2(vd t, unsigned s)
{
    const __m512i n = _mm512_slli_epi64(_mm512_srli_epi64(_mm512_castpd_si512(t), s), 52);

    return _mm512_castsi512_pd(_mm512_add_epi64(n, _mm512_set1_epi64((int64_t)1023 << 52)));
}

MDL_INLINE vd vd_lookup(const double (*table)[2], vd t, vd *low)
{
    const __m512i at = _mm512_slli_epi64(_mm512_and_si512(_mm512_castpd_si512(t), _mm512_set1_epi64(63)), 1);

    *low = _mm512_i64gather_pd(at, &table[0][1], 8);
    return _mm512_i64gather_pd(at, &table[0][0], 8);
}

MDL_INLINE uint32_t vf_reached16(const float *t, float x)
{
    const unsigned bits = _mm512_cmp_ps_mask(_mm512_set1_ps(x), _mm512_loadu_ps(t), _CMP_GE_OQ);

    return (uint32_t)_mm_popcnt_u32(bits);
}

MDL_INLINE uint32_t vd_reached16(const double *t, double x)
{
    const __m512d v = _mm512_set1_pd(x);
    const unsigned low = _mm512_cmp_pd_mask(v, _mm512_loadu_pd(t), _CMP_GE_OQ);
    const unsigned high = _mm512_cmp_pd_mask(v, _mm512_loadu_pd(t + 8), _CMP_GE_OQ);

    return (uint32_t)_mm_popcnt_u32(low | high << 8);
}
