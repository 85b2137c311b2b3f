/*
 * kernel/vec8_neon.h - vectors of unsigned bytes on 64-bit Arm
 *
 * SPDX-License-Identifier: MIT
 */
typedef uint8x16_t v8;
#define V8_LANES 16u

MDL_INLINE v8 v8_load(const uint8_t *p) { return vld1q_u8(p); }
MDL_INLINE void v8_store(uint8_t *p, v8 a) { vst1q_u8(p, a); }
MDL_INLINE v8 v8_set(uint8_t x) { return vdupq_n_u8(x); }
MDL_INLINE v8 v8_and(v8 a, v8 b) { return vandq_u8(a, b); }
MDL_INLINE v8 v8_xor(v8 a, v8 b) { return veorq_u8(a, b); }

/* Masks: all ones where it holds, else zero. */
MDL_INLINE v8 v8_eq(v8 a, v8 b) { return vceqq_u8(a, b); }
MDL_INLINE v8 v8_ge(v8 a, v8 b) { return vcgeq_u8(a, b); }
/* as signed bytes */
MDL_INLINE v8 v8_gt(v8 a, v8 b) { return vcgtq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)); }

typedef uint8x16x4_t v8_table;

MDL_INLINE v8_table v8_table_load(const uint8_t *p)
{
    return (v8_table){ { vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48) } };
}

/* Sixteen outcomes as bits. */
MDL_INLINE uint32_t v8_outcomes16(v8_table t, const uint8_t *column, const uint8_t *rank)
{
    static const uint8_t bits[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    const uint8x16_t right = vcgeq_u8(vqtbl4q_u8(t, vld1q_u8(column)), vld1q_u8(rank));
    const uint8x16_t set = vandq_u8(right, vld1q_u8(bits));

    return vaddv_u8(vget_low_u8(set)) | (uint32_t)vaddv_u8(vget_high_u8(set)) << 8;
}

MDL_INLINE uint32_t v8_outcomes(v8_table t, const uint8_t *column, const uint8_t *rank)
{
    return v8_outcomes16(t, column, rank) | v8_outcomes16(t, column + 16, rank + 16) << 16;
}

MDL_INLINE uint32_t v8_match(const uint32_t *ancestors, uint32_t outcomes)
{
    static const uint32_t prefix[4] = { 0, 1, 3, 7 }, index[4] = { 0, 1, 2, 3 };
    const uint32x4_t o = vdupq_n_u32(outcomes), first = vld1q_u32(prefix);
    uint32x4_t best = vdupq_n_u32(32), at = vld1q_u32(index);

    for (int k = 0; k < 32; k += 4) {
        const uint32x4_t p = vorrq_u32(vshlq_u32(first, vdupq_n_s32(k)),
                                       vdupq_n_u32(((uint32_t)1 << k) - 1));
        const uint32x4_t misses = vtstq_u32(veorq_u32(o, p), vld1q_u32(ancestors + k));

        best = vminq_u32(best, vorrq_u32(at, misses));
        at = vaddq_u32(at, vdupq_n_u32(4));
    }
    return vminvq_u32(best);
}

typedef uint8x16x2_t v8_set256;

MDL_INLINE v8_set256 v8_set256_load(const uint8_t *p)
{
    return (v8_set256){ { vld1q_u8(p), vld1q_u8(p + 16) } };
}

MDL_INLINE v8 v8_members(v8_set256 s, v8 code)
{
    const uint8x16_t found = vqtbl2q_u8(s, vshrq_n_u8(code, 3));
    const uint8x16_t place = vandq_u8(code, vdupq_n_u8(7));
    const uint8x16_t bit = vshlq_u8(vdupq_n_u8(1), vreinterpretq_s8_u8(place));

    return vtstq_u8(found, bit);
}
