/*
 * tests/emulated/avx512.c - the AVX-512 kernels on any processor
 *
 * The words and templates of lib/kernel/kernel_avx512.c over SIMDe's intrinsics, which are plain
 * C: what a machine without AVX-512 can know of them.  emulated_avx512.h, made by tests.mk, has
 * a line for every intrinsic that the words use, for instance
 *
 *     #define _mm512_add_pd simde_mm512_add_pd
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"
#include "kernel/tree.h"

#include <math.h>
#include <string.h>

#undef MDL_INLINE                 /* inlined and unrolled, this file takes minutes to compile */
#define MDL_INLINE static __attribute__((unused))
#undef MDL_UNROLL
#define MDL_UNROLL(n)
#define SIMDE_NO_INLINE
#define SIMDE_NO_NATIVE           /* plain C, whatever -march says */
#include <simde/x86/avx512.h>
#include <simde/x86/gfni.h>

/* What SIMDe 0.7.4 lacks; from the operation sections of Intel's manual. */
static inline simde__mmask16 testn_epi32_mask(simde__m512i a, simde__m512i b)
{
    int32_t x[16], y[16];
    unsigned bits = 0;

    simde_mm512_storeu_si512(x, a);
    simde_mm512_storeu_si512(y, b);
    for (int i = 0; i < 16; i++)
        bits |= (unsigned)!(x[i] & y[i]) << i;
    return (simde__mmask16)bits;
}

static inline simde__m512d cvtps_pd(simde__m256 a)
{
    double to[8];
    float from[8];

    simde_mm256_storeu_ps(from, a);
    for (int i = 0; i < 8; i++)
        to[i] = (double)from[i];
    return simde_mm512_loadu_pd(to);
}

static inline simde__m256 cvtpd_ps(simde__m512d a)
{
    double from[8];
    float to[8];

    simde_mm512_storeu_pd(from, a);
    for (int i = 0; i < 8; i++)
        to[i] = (float)from[i];
    return simde_mm256_loadu_ps(to);
}

static inline simde__m128i cvtepi32_epi8(simde__m512i a)
{
    int32_t from[16];
    uint8_t to[16];

    simde_mm512_storeu_si512(from, a);
    for (int i = 0; i < 16; i++)
        to[i] = (uint8_t)from[i];
    return simde_mm_loadu_si128((const simde__m128i *)(const void *)to);
}

static inline simde__mmask16 testn_epi16_mask(simde__m256i a, simde__m256i b)
{
    int16_t x[16], y[16];
    unsigned bits = 0;

    simde_mm256_storeu_si256((simde__m256i *)(void *)x, a);
    simde_mm256_storeu_si256((simde__m256i *)(void *)y, b);
    for (int i = 0; i < 16; i++)
        bits |= (unsigned)!(x[i] & y[i]) << i;
    return (simde__mmask16)bits;
}

/* Elements that are masked out are not read. */
static inline simde__m256 maskz_loadu_ps(simde__mmask8 k, const float *p)
{
    float to[8];

    for (int i = 0; i < 8; i++)
        to[i] = k >> i & 1 ? p[i] : 0;
    return simde_mm256_loadu_ps(to);
}

static inline simde__m512d maskz_loadu_pd(simde__mmask8 k, const double *p)
{
    double to[8];

    for (int i = 0; i < 8; i++)
        to[i] = k >> i & 1 ? p[i] : 0;
    return simde_mm512_loadu_pd(to);
}

static inline simde__m512 maskz_loadu_ps512(simde__mmask16 k, const float *p)
{
    float to[16];

    for (int i = 0; i < 16; i++)
        to[i] = k >> i & 1 ? p[i] : 0;
    return simde_mm512_loadu_ps(to);
}

static inline simde__m512i cvtepu8_epi32(simde__m128i a)
{
    uint8_t from[16];
    int32_t to[16];

    simde_mm_storeu_si128((simde__m128i *)(void *)from, a);
    for (int i = 0; i < 16; i++)
        to[i] = from[i];
    return simde_mm512_loadu_si512(to);
}

static inline simde__m512d i64gather_pd(simde__m512i at, const void *base, int scale)
{
    int64_t index[8];
    double to[8];

    simde_mm512_storeu_si512(index, at);
    for (int i = 0; i < 8; i++)
        memcpy(&to[i], (const char *)base + index[i] * scale, sizeof to[i]);
    return simde_mm512_loadu_pd(to);
}

/* By halves, as compilers expand it; a maximum is its second operand where one is NaN. */
static inline double reduce_max_pd(simde__m512d a)
{
    double x[8];

    simde_mm512_storeu_pd(x, a);
    for (int n = 4; n; n /= 2)
        for (int i = 0; i < n; i++)
            x[i] = x[i] > x[i + n] ? x[i] : x[i + n];
    return x[0];
}

/* SIMDe rounds twice. */
static inline simde__m256 fmadd_ps(simde__m256 a, simde__m256 b, simde__m256 c)
{
    float x[8], y[8], z[8];

    simde_mm256_storeu_ps(x, a);
    simde_mm256_storeu_ps(y, b);
    simde_mm256_storeu_ps(z, c);
    for (int i = 0; i < 8; i++)
        z[i] = fmaf(x[i], y[i], z[i]);
    return simde_mm256_loadu_ps(z);
}

static inline void mask_storeu_ps(float *p, simde__mmask8 k, simde__m256 a)
{
    float from[8];

    simde_mm256_storeu_ps(from, a);
    for (int i = 0; i < 8; i++)
        if (k >> i & 1)
            p[i] = from[i];
}

#define simde_mm256_fmadd_ps fmadd_ps
#define simde_mm256_mask_storeu_ps mask_storeu_ps
#define simde_mm512_testn_epi32_mask testn_epi32_mask
#define simde_mm512_cvtps_pd cvtps_pd
#define simde_mm512_cvtpd_ps cvtpd_ps
#define simde_mm512_cvtepi32_epi8 cvtepi32_epi8
#define simde_mm256_testn_epi16_mask testn_epi16_mask
#define simde_mm256_maskz_loadu_ps maskz_loadu_ps
#define simde_mm512_maskz_loadu_pd maskz_loadu_pd
#define simde_mm512_maskz_loadu_ps maskz_loadu_ps512
#define simde_mm512_cvtepu8_epi32 cvtepu8_epi32
#define simde_mm512_i64gather_pd i64gather_pd
#define simde_mm512_reduce_max_pd reduce_max_pd
#define simde_mm_popcnt_u32 __builtin_popcount

#define __asm__(...)              /* words only hide values from the compiler with it */
#include "emulated_avx512.h"
#include "kernel/vec_avx512.h"
#include "kernel/vec8_x86.h"
#include "kernel/vec8_avx512.h"
#include "kernel/vec_rank_avx512.h"
#include "kernel/vec_rank_x86.h"
#include "kernel/vec_few_avx512.h"
#include "kernel/kernel_tmpl.h"

extern const struct kernels emulated_avx512;
const struct kernels emulated_avx512 = {
    .isa = "avx512, emulated",
#include "kernel/kernel_table.h"
};
