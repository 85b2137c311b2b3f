/*
 * kernel/vec_rank_x86.h - ranks of a column of cells on x86, after vec_rank_<isa>.h
 *
 * SPDX-License-Identifier: MIT
 */

/* Eight rows of eight floats, `stride` bytes apart, into eight columns, `height` floats apart. */
MDL_INLINE void vr_turn8(float *to, size_t height, const unsigned char *from, size_t stride)
{
    __m256 r[8], s[8];

    for (size_t i = 0; i < 8; i++)
        r[i] = _mm256_loadu_ps((const float *)(const void *)(from + i * stride));
    for (size_t i = 0; i < 8; i += 4) {
        const __m256 a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
        const __m256 c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
        const __m256 d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        s[i] = _mm256_shuffle_ps(a, c, 0x44);
        s[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        s[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
        s[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * height, _mm256_permute2f128_ps(s[i], s[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * height, _mm256_permute2f128_ps(s[i], s[i + 4], 0x31));
    }
}

/* Block ranks of `height` cells, BLOCK_HALF or a multiple of BLOCK_STEP. */
MDL_INLINE void vr_ranks(uint8_t *rank, const float *cell, size_t height, const float *search,
                         unsigned levels, int nan_right)
{
    switch (levels) {
    case 0: vr_column(rank, cell, height, search, 0, nan_right); break;
    case 3: vr_column(rank, cell, height, search, 3, nan_right); break;
    case 4: vr_column(rank, cell, height, search, 4, nan_right); break;
    case 5: vr_column(rank, cell, height, search, 5, nan_right); break;
    case 6: vr_column(rank, cell, height, search, 6, nan_right); break;
    case 7: vr_column(rank, cell, height, search, 7, nan_right); break;
    default: vr_column(rank, cell, height, search, 8, nan_right); break;
    }
}
