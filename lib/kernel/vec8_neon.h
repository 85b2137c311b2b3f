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
MDL_INLINE v8 v8_or(v8 a, v8 b) { return vorrq_u8(a, b); }
MDL_INLINE v8 v8_xor(v8 a, v8 b) { return veorq_u8(a, b); }
MDL_INLINE v8 v8_add(v8 a, v8 b) { return vaddq_u8(a, b); }
MDL_INLINE v8 v8_sub(v8 a, v8 b) { return vsubq_u8(a, b); }

/* Bytes shifted. */
MDL_INLINE v8 v8_shl(v8 a, int n) { return vshlq_u8(a, vdupq_n_s8((int8_t)n)); }
MDL_INLINE v8 v8_shr(v8 a, int n) { return vshlq_u8(a, vdupq_n_s8((int8_t)-n)); }

/* Masks: all ones where it holds, else zero. */
MDL_INLINE v8 v8_eq(v8 a, v8 b) { return vceqq_u8(a, b); }
MDL_INLINE v8 v8_ge(v8 a, v8 b) { return vcgeq_u8(a, b); }
/* as signed bytes */
MDL_INLINE v8 v8_gt(v8 a, v8 b) { return vcgtq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)); }

/* Bit i: lane i of the mask is set. */
MDL_INLINE uint32_t v8_bits(v8 mask)
{
    static const uint8_t bits[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    const uint8x16_t set = vandq_u8(mask, vld1q_u8(bits));

    return vaddv_u8(vget_low_u8(set)) | (uint32_t)vaddv_u8(vget_high_u8(set)) << 8;
}

/* b where the mask is set, else a. */
MDL_INLINE v8 v8_blend(v8 a, v8 b, v8 mask) { return vbslq_u8(mask, b, a); }

typedef uint8x16x4_t v8_table;

MDL_INLINE v8_table v8_table_load(const uint8_t *p)
{
    return (v8_table){ { vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48) } };
}

MDL_INLINE v8 v8_lookup(v8_table t, v8 column, size_t quarters)
{
    (void)quarters;
    return vqtbl4q_u8(t, column);
}

/* Columns of lanes from `first` on: those of the first half are looked up in a, others in b. */
MDL_INLINE v8 v8_lookup_apart(const uint8_t *a, const uint8_t *b, size_t first, v8 column,
                              size_t quarters)
{
    return v8_lookup(v8_table_load(first ? b : a), column, quarters);
}

/* Bytes a[0 .. 16) and b[0 .. 16): the V8_LANES of them from lane `first` on. */
MDL_INLINE v8 v8_load_halves(const uint8_t *a, const uint8_t *b, size_t first)
{
    return vld1q_u8(first ? b : a);
}

/* The byte that each byte of `at` names by its low four bits. */
MDL_INLINE v8 v8_spread(v8 halves, v8 at) { return vqtbl1q_u8(halves, vandq_u8(at, vdupq_n_u8(15))); }

MDL_INLINE void v8_store_halves(uint8_t *a, uint8_t *b, v8 halves)
{
    (void)b;
    vst1q_u8(a, halves);
}

MDL_INLINE uint32_t v8_outcomes16(v8_table t, const uint8_t *column, const uint8_t *rank)
{
    return v8_bits(vcgeq_u8(vqtbl4q_u8(t, vld1q_u8(column)), vld1q_u8(rank)));
}

MDL_INLINE uint32_t v8_outcomes(v8_table t, const uint8_t *column, const uint8_t *rank, size_t quarters)
{
    (void)quarters;
    return v8_outcomes16(t, column, rank) | v8_outcomes16(t, column + 16, rank + 16) << 16;
}

MDL_INLINE uint64_t v8_outcomes64(v8_table t, const uint8_t *column, const uint8_t *rank,
                                  size_t quarters)
{
    return v8_outcomes(t, column, rank, quarters)
         | (uint64_t)v8_outcomes(t, column + 32, rank + 32, quarters) << 32;
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

MDL_INLINE uint32_t v8_match16(const uint16_t *ancestors, uint32_t outcomes)
{
    static const uint16_t prefix[16] = { 0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 8191,
                                         16383, 32767 };
    const uint16x8_t o = vdupq_n_u16((uint16_t)outcomes);
    const uint16x8_t low = vtstq_u16(veorq_u16(o, vld1q_u16(prefix)), vld1q_u16(ancestors));
    const uint16x8_t high = vtstq_u16(veorq_u16(o, vld1q_u16(prefix + 8)), vld1q_u16(ancestors + 8));

    return (uint32_t)__builtin_ctz(~v8_bits(vcombine_u8(vmovn_u16(low), vmovn_u16(high))));
}

MDL_INLINE void v8_match_pair(uint32_t *e, const uint16_t *a, const uint16_t *b, uint32_t outcomes)
{
    e[0] = v8_match16(a, outcomes);
    e[1] = v8_match16(b, outcomes >> 16);
}

MDL_INLINE void v8_sink(uint64_t *at, const uint64_t *right)
{
    for (int i = 0; i < 4; i += 2) {
        const uint64x2_t one = vdupq_n_u64(1), r = vld1q_u64(right + i);
        uint64x2_t k = one;
        for (uint32_t level = 0; level < HEAP_LEVELS; level++)
            k = vaddq_u64(vaddq_u64(k, k),
                          vandq_u64(vshlq_u64(r, vnegq_s64(vreinterpretq_s64_u64(k))), one));
        vst1q_u64(at + i, k);
    }
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
