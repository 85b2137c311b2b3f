/*
 * import/sha256.c - see sha256.h
 *
 * Plain C, and the instructions of x86 and ARMv8, which take four rounds at a time: seven
 * times as fast.  The letters are those of FIPS 180-4, 6.2.2.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/sha256.h"

#include "base/cpu.h"

#include <string.h>

#define BLOCK 64u

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

MDL_INLINE uint32_t rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

MDL_INLINE uint32_t load_big(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void expand(uint32_t w[64], const unsigned char *block)
{
    for (size_t i = 0; i < 16; i++)
        w[i] = load_big(block + 4 * i);
    for (size_t i = 16; i < 64; i++) {
        const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

/* The state after `n` blocks more. */
typedef void compress(uint32_t state[8], const unsigned char *block, size_t n);

static void compress_ref(uint32_t state[8], const unsigned char *block, size_t n)
{
    for (; n; n--, block += BLOCK) {
        uint32_t w[64];
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];

        expand(w, block);
        for (size_t i = 0; i < 64; i++) {
            const uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
            const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constant[i] + w[i];
            const uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
            const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d + t1;
            d = c;
            c = b;
            b = a;
            a = t1 + t2;
        }
        state[0] += a; state[1] += b; state[2] += c; state[3] += d;
        state[4] += e; state[5] += f; state[6] += g; state[7] += h;
    }
}

/* ---- by instructions: w[i & 3] are the next four words, and words four rounds ahead of them -- */

#if !defined(MDL_TARGET_SHA256)
#define compress_fast compress_ref
#elif MDL_ARCH_X86
#include <immintrin.h>

MDL_TARGET_BEGIN(MDL_TARGET_SHA256)
static void compress_fast(uint32_t state[8], const unsigned char *block, size_t n)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    /* The instructions want the halves (f e b a) and (h g d c), from the lowest word up. */
    const __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state + 1), 0x1B);
    __m128i abef = _mm_alignr_epi8(abcd, efgh, 8), cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);

    for (; n; n--, block += BLOCK) {
        const __m128i abef_was = abef, cdgh_was = cdgh;
        __m128i w[4];

        for (size_t i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), swap);
        MDL_UNROLL(16)
        for (size_t i = 0; i < 16; i++) {
            const __m128i k = _mm_loadu_si128((const __m128i *)round_constant + i);
            const __m128i now = _mm_add_epi32(w[i & 3], k), last = w[(i + 3) & 3];
            const __m128i w7 = _mm_alignr_epi8(last, w[(i + 2) & 3], 4);

            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, now);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(now, 0x0E));
            w[i & 3] = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
            w[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(w[i & 3], w7), last);
        }
        abef = _mm_add_epi32(abef, abef_was);
        cdgh = _mm_add_epi32(cdgh, cdgh_was);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)state + 1, _mm_alignr_epi8(dchg, feba, 8));
}
MDL_TARGET_END
#else
#include <arm_neon.h>

MDL_TARGET_BEGIN(MDL_TARGET_SHA256)
static void compress_fast(uint32_t state[8], const unsigned char *block, size_t n)
{
    uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);

    for (; n; n--, block += BLOCK) {
        const uint32x4_t abcd_was = abcd, efgh_was = efgh;
        uint32x4_t w[4];

        for (size_t i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * i)));
        MDL_UNROLL(16)
        for (size_t i = 0; i < 16; i++) {
            const uint32x4_t now = vaddq_u32(w[i & 3], vld1q_u32(round_constant + 4 * i));
            const uint32x4_t before = abcd;

            abcd = vsha256hq_u32(abcd, efgh, now);
            efgh = vsha256h2q_u32(efgh, before, now);
            w[i & 3] = vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]);
            w[i & 3] = vsha256su1q_u32(w[i & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
        }
        abcd = vaddq_u32(abcd, abcd_was);
        efgh = vaddq_u32(efgh, efgh_was);
    }
    vst1q_u32(state, abcd);
    vst1q_u32(state + 4, efgh);
}
MDL_TARGET_END
#endif

/* ---- the calls ------------------------------------------------------------------------------- */

static void digest_by(compress *step, unsigned char digest[MDL_SHA256_BYTES], const void *bytes,
                      size_t size)
{
    uint32_t state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
        0x5be0cd19,               /* square roots of the first 8 primes, likewise */
    };
    const size_t left = size % BLOCK;
    const uint64_t bits = (uint64_t)size * 8;

    step(state, bytes, size / BLOCK);

    /* The rest, a one bit, zeros, and the length in bits: one block or two. */
    unsigned char tail[2 * BLOCK] = { 0 };
    const size_t end = left + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    if (left)
        memcpy(tail, (const unsigned char *)bytes + (size - left), left);
    tail[left] = 0x80;
    for (size_t i = 0; i < 8; i++)
        tail[end - 1 - i] = (unsigned char)(bits >> 8 * i);
    step(state, tail, end / BLOCK);

    for (size_t i = 0; i < MDL_SHA256_BYTES; i++)
        digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void mdl_sha256_ref(unsigned char digest[MDL_SHA256_BYTES], const void *bytes, size_t size)
{
    digest_by(compress_ref, digest, bytes, size);
}

void mdl_sha256(unsigned char digest[MDL_SHA256_BYTES], const void *bytes, size_t size)
{
    digest_by(mdl_cpu_has_sha256() ? compress_fast : compress_ref, digest, bytes, size);
}

void mdl_sha256_text(char text[MDL_SHA256_TEXT], const void *bytes, size_t size)
{
    unsigned char digest[MDL_SHA256_BYTES];

    mdl_sha256(digest, bytes, size);
    for (size_t i = 0; i < MDL_SHA256_BYTES; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    text[2 * MDL_SHA256_BYTES] = '\0';
}
