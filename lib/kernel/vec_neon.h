/*
 * kernel/vec_neon.h - vectors of floats on 64-bit Arm; see vec_avx2.h for the words
 *
 * SPDX-License-Identifier: MIT
 */
typedef float32x4_t vf;
typedef float64x2_t vd;
#define VF_LANES 4u
#define VD_LANES 2u

MDL_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
MDL_INLINE void vf_store(float *p, vf a) { vst1q_f32(p, a); }
MDL_INLINE vf vf_set(float x) { return vdupq_n_f32(x); }
MDL_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
MDL_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
MDL_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
MDL_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
MDL_INLINE vf vf_even(vf a, vf b) { return vuzp1q_f32(a, b); }
MDL_INLINE vf vf_fused(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
MDL_INLINE vf vf_if_nan(vf x, vf a, vf b) { return vbslq_f32(vceqq_f32(x, x), a, b); }
MDL_INLINE vf vf_zero_unless_positive(vf x)
{
    return vbslq_f32(vcleq_f32(x, vdupq_n_f32(0)), vdupq_n_f32(0), x);
}

MDL_INLINE vd vd_load(const double *p) { return vld1q_f64(p); }
MDL_INLINE void vd_store(double *p, vd a) { vst1q_f64(p, a); }
MDL_INLINE vd vd_set(double x) { return vdupq_n_f64(x); }
MDL_INLINE vd vd_add(vd a, vd b) { return vaddq_f64(a, b); }
MDL_INLINE vd vd_sub(vd a, vd b) { return vsubq_f64(a, b); }
MDL_INLINE vd vd_mul(vd a, vd b) { return vmulq_f64(a, b); }
MDL_INLINE vd vd_div(vd a, vd b) { return vdivq_f64(a, b); }
MDL_INLINE vd vd_if_nan(vd x, vd a, vd b) { return vbslq_f64(vceqq_f64(x, x), a, b); }
MDL_INLINE vd vd_zero_unless_positive(vd x)
{
    return vbslq_f64(vcleq_f64(x, vdupq_n_f64(0)), vdupq_n_f64(0), x);
}

MDL_INLINE vd vd_widen(const float *p) { return vcvt_f64_f32(vld1_f32(p)); }
MDL_INLINE void vd_narrow(float *p, vd a) { vst1_f32(p, vcvt_f32_f64(a)); }

MDL_INLINE vf vf_keep(vf a) { return a; }
MDL_INLINE vd vd_keep(vd a) { return a; }

MDL_INLINE vf vf_load_part(const float *p, size_t n)
{
    float32x4_t v = vdupq_n_f32(0);

    if (n > 0) v = vld1q_lane_f32(p, v, 0);
    if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
    if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
    if (n > 3) v = vld1q_lane_f32(p + 3, v, 3);
    return v;
}

MDL_INLINE void vf_store_part(float *p, vf a, size_t n)
{
    if (n == 4) {
        vst1q_f32(p, a);
        return;
    }
    vst1q_lane_f32(p, a, 0);
    if (n > 1) vst1q_lane_f32(p + 1, a, 1);
    if (n > 2) vst1q_lane_f32(p + 2, a, 2);
}

MDL_INLINE vd vd_load_part(const double *p, size_t n)
{
    float64x2_t v = vdupq_n_f64(0);

    if (n > 0) v = vld1q_lane_f64(p, v, 0);
    if (n > 1) v = vld1q_lane_f64(p + 1, v, 1);
    return v;
}

MDL_INLINE vd vd_widen_part(const float *p, size_t n)
{
    float32x2_t v = vdup_n_f32(0);

    if (n > 0) v = vld1_lane_f32(p, v, 0);
    if (n > 1) v = vld1_lane_f32(p + 1, v, 1);
    return vcvt_f64_f32(v);
}

MDL_INLINE float vf_total(const vf *sum)
{
    const float32x4_t four = vaddq_f32(sum[0], sum[1]);
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));

    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

MDL_INLINE double vd_total(const vd *sum)
{
    const float64x2_t two = vaddq_f64(vaddq_f64(sum[0], sum[2]), vaddq_f64(sum[1], sum[3]));

    return vgetq_lane_f64(two, 0) + vgetq_lane_f64(two, 1);
}

MDL_INLINE vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
MDL_INLINE vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
MDL_INLINE vf vf_abs(vf a) { return vabsq_f32(a); }
MDL_INLINE vf vf_neg(vf a) { return vnegq_f32(a); }
MDL_INLINE vf vf_with_sign(vf a, vf s) { return vbslq_f32(vdupq_n_u32(0x80000000u), s, a); }
MDL_INLINE vf vf_top12(vf a) { return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(0xfffff000u))); }
MDL_INLINE vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
MDL_INLINE vf vf_if_less(vf a, vf b, vf x, vf y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
MDL_INLINE vd vd_if_less(vd a, vd b, vd x, vd y) { return vbslq_f64(vcltq_f64(a, b), x, y); }
MDL_INLINE vf vf_pow2(vf t, unsigned s)
{
    const uint32x4_t n = vshlq_n_u32(vshlq_u32(vreinterpretq_u32_f32(t), vdupq_n_s32(-(int32_t)s)), 23);

    return vreinterpretq_f32_u32(vaddq_u32(n, vdupq_n_u32(127u << 23)));
}

MDL_INLINE vd vd_min(vd a, vd b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
MDL_INLINE vd vd_max(vd a, vd b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
MDL_INLINE double vd_largest(vd a) { return vmaxvq_f64(a); }
MDL_INLINE vd vd_as_float(vd a) { return vcvt_f64_f32(vcvt_f32_f64(a)); }

MDL_INLINE vd vd_pow2(vd t, unsigned s)
{
    const uint64x2_t n = vshlq_u64(vreinterpretq_u64_f64(t), vdupq_n_s64(-(int64_t)s));

    return vreinterpretq_f64_u64(vaddq_u64(vshlq_n_u64(n, 52), vdupq_n_u64((uint64_t)1023 << 52)));
}

MDL_INLINE vd vd_lookup(const double (*table)[2], vd t, vd *low)
{
    const uint64x2_t at = vandq_u64(vreinterpretq_u64_f64(t), vdupq_n_u64(63));
    const float64x2_t p0 = vld1q_f64(table[vgetq_lane_u64(at, 0)]);
    const float64x2_t p1 = vld1q_f64(table[vgetq_lane_u64(at, 1)]);

    *low = vzip2q_f64(p0, p1);
    return vzip1q_f64(p0, p1);
}

MDL_INLINE uint32_t vf_reached16(const float *t, float x)
{
    const float32x4_t v = vdupq_n_f32(x);
    const uint32x4_t a = vcgeq_f32(v, vld1q_f32(t)), b = vcgeq_f32(v, vld1q_f32(t + 4));
    const uint32x4_t c = vcgeq_f32(v, vld1q_f32(t + 8)), d = vcgeq_f32(v, vld1q_f32(t + 12));

    return 0u - vaddvq_u32(vaddq_u32(vaddq_u32(a, b), vaddq_u32(c, d)));   /* masks are -1 */
}

MDL_INLINE uint32_t vd_reached16(const double *t, double x)
{
    const float64x2_t v = vdupq_n_f64(x);
    uint64x2_t sum = vdupq_n_u64(0);

    for (uint32_t i = 0; i < 16; i += 2)
        sum = vaddq_u64(sum, vcgeq_f64(v, vld1q_f64(t + i)));
    return (uint32_t)(0u - vaddvq_u64(sum));
}
