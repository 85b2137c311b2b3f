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

/* Masks: all ones where it holds, else zero. */
MDL_INLINE v8 v8_eq(v8 a, v8 b) { return vceqq_u8(a, b); }
MDL_INLINE v8 v8_ge(v8 a, v8 b) { return vcgeq_u8(a, b); }

/* b where the mask is set, else a. */
MDL_INLINE v8 v8_blend(v8 a, v8 b, v8 mask) { return vbslq_u8(mask, b, a); }
