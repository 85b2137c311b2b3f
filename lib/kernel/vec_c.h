/*
 * kernel/vec_c.h - vectors of floats in plain C; see vec_avx2.h for the words
 *
 * Loops over a few lanes, which compilers turn into what vectors the processor has.
 *
 * SPDX-License-Identifier: MIT
 */
#define VF_LANES 4u
#define VD_LANES 2u
typedef struct { float at[VF_LANES]; } vf;
typedef struct { double at[VD_LANES]; } vd;

#define VEC_C_LOAD(v, lanes, real) \
MDL_INLINE v v##_load(const real *p) { v r; memcpy(r.at, p, sizeof r.at); return r; } \
MDL_INLINE void v##_store(real *p, v a) { memcpy(p, a.at, sizeof a.at); } \
MDL_INLINE v v##_set(real x) { v r; for (size_t i = 0; i < lanes; i++) r.at[i] = x; return r; } \
MDL_INLINE v v##_keep(v a) { return a; } \
MDL_INLINE v v##_load_part(const real *p, size_t n) \
{ \
    v r = { { 0 } }; \
    for (size_t i = 0; i < n; i++) r.at[i] = p[i]; \
    return r; \
}
VEC_C_LOAD(vf, VF_LANES, float)
VEC_C_LOAD(vd, VD_LANES, double)

/* A word of up to three arguments, lane by lane. */
#define VEC_C_1(v, lanes, name, of) \
MDL_INLINE v v##_##name(v a) { for (size_t i = 0; i < lanes; i++) a.at[i] = of; return a; }
#define VEC_C_2(v, lanes, name, of) \
MDL_INLINE v v##_##name(v a, v b) { for (size_t i = 0; i < lanes; i++) a.at[i] = of; return a; }
#define A a.at[i]
#define B b.at[i]

#define VEC_C_BOTH(v, lanes) \
VEC_C_2(v, lanes, add, A + B) \
VEC_C_2(v, lanes, sub, A - B) \
VEC_C_2(v, lanes, mul, A * B) \
VEC_C_2(v, lanes, div, A / B) \
VEC_C_2(v, lanes, min, A < B ? A : B) \
VEC_C_2(v, lanes, max, A > B ? A : B) \
VEC_C_1(v, lanes, zero_unless_positive, A <= 0 ? 0 : A) \
MDL_INLINE v v##_if_nan(v x, v a, v b) \
{ \
    for (size_t i = 0; i < lanes; i++) a.at[i] = x.at[i] != x.at[i] ? b.at[i] : a.at[i]; \
    return a; \
} \
MDL_INLINE v v##_if_less(v a, v b, v x, v y) \
{ \
    for (size_t i = 0; i < lanes; i++) x.at[i] = a.at[i] < b.at[i] ? x.at[i] : y.at[i]; \
    return x; \
}
VEC_C_BOTH(vf, VF_LANES)
VEC_C_BOTH(vd, VD_LANES)

VEC_C_1(vf, VF_LANES, abs, float_from_bits(float_bits(A) & 0x7fffffffu))
VEC_C_1(vf, VF_LANES, neg, -A)
VEC_C_1(vf, VF_LANES, sqrt, (float)mdl_sqrt((double)A))
VEC_C_2(vf, VF_LANES, with_sign, float_from_bits((float_bits(A) & 0x7fffffffu) | (float_bits(B) & 0x80000000u)))
VEC_C_1(vf, VF_LANES, top12, float_from_bits(float_bits(A) & 0xfffff000u))
#undef A
#undef B

MDL_INLINE vf vf_fused(vf a, vf b, vf c)
{
    for (size_t i = 0; i < VF_LANES; i++)
        c.at[i] = fused_f32(a.at[i], b.at[i], c.at[i]);
    return c;
}

MDL_INLINE vf vf_even(vf a, vf b)
{
    return (vf){ { a.at[0], a.at[2], b.at[0], b.at[2] } };
}

MDL_INLINE void vf_store_part(float *p, vf a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = a.at[i];
}

MDL_INLINE vd vd_widen(const float *p) { return (vd){ { (double)p[0], (double)p[1] } }; }
MDL_INLINE void vd_narrow(float *p, vd a) { p[0] = (float)a.at[0]; p[1] = (float)a.at[1]; }
MDL_INLINE vd vd_as_float(vd a) { return (vd){ { (double)(float)a.at[0], (double)(float)a.at[1] } }; }
MDL_INLINE double vd_largest(vd a) { return a.at[0] > a.at[1] ? a.at[0] : a.at[1]; }

MDL_INLINE vd vd_widen_part(const float *p, size_t n)
{
    return (vd){ { n > 0 ? (double)p[0] : 0, n > 1 ? (double)p[1] : 0 } };
}

MDL_INLINE float vf_total(const vf *sum)
{
    const vf four = vf_add(sum[0], sum[1]);

    return (four.at[0] + four.at[2]) + (four.at[1] + four.at[3]);
}

MDL_INLINE double vd_total(const vd *sum)
{
    const vd two = vd_add(vd_add(sum[0], sum[2]), vd_add(sum[1], sum[3]));

    return two.at[0] + two.at[1];
}

MDL_INLINE vf vf_pow2(vf t, unsigned s)
{
    for (size_t i = 0; i < VF_LANES; i++)
        t.at[i] = float_from_bits(((float_bits(t.at[i]) >> s) << 23) + (127u << 23));
    return t;
}

MDL_INLINE vd vd_pow2(vd t, unsigned s)
{
    for (size_t i = 0; i < VD_LANES; i++)
        t.at[i] = double_from_bits(((double_bits(t.at[i]) >> s) << 52) + ((uint64_t)1023 << 52));
    return t;
}

MDL_INLINE vd vd_lookup(const double (*table)[2], vd t, vd *low)
{
    for (size_t i = 0; i < VD_LANES; i++) {
        const double *entry = table[double_bits(t.at[i]) & 63];
        t.at[i] = entry[0];
        low->at[i] = entry[1];
    }
    return t;
}

MDL_INLINE uint32_t vf_reached16(const float *t, float x)
{
    uint32_t n = 0;

    for (size_t i = 0; i < 16; i++)
        n += x >= t[i];
    return n;
}

MDL_INLINE uint32_t vd_reached16(const double *t, double x)
{
    uint32_t n = 0;

    for (size_t i = 0; i < 16; i++)
        n += x >= t[i];
    return n;
}
