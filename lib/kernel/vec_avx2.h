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
