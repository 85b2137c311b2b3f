/*
 * kernel/vec8_avx2.h - vectors of unsigned bytes on x86 with AVX2
 *
 * SPDX-License-Identifier: MIT
 */
typedef __m256i v8;
#define V8_LANES 32u

MDL_INLINE v8 v8_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
MDL_INLINE void v8_store(uint8_t *p, v8 a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
MDL_INLINE v8 v8_set(uint8_t x) { return _mm256_set1_epi8((char)x); }
MDL_INLINE v8 v8_and(v8 a, v8 b) { return _mm256_and_si256(a, b); }

/* Masks: all ones where it holds, else zero. */
MDL_INLINE v8 v8_eq(v8 a, v8 b) { return _mm256_cmpeq_epi8(a, b); }
MDL_INLINE v8 v8_ge(v8 a, v8 b) { return _mm256_cmpeq_epi8(_mm256_max_epu8(a, b), a); }

/* b where the mask is set, else a. */
MDL_INLINE v8 v8_blend(v8 a, v8 b, v8 mask) { return _mm256_blendv_epi8(a, b, mask); }
