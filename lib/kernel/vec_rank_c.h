/*
 * kernel/vec_rank_c.h - ranks of a column of cells in plain C, for 64-bit Arm too; see vec_rank_avx2.h
 *
 * SPDX-License-Identifier: MIT
 */
MDL_INLINE void vr_turn8(float *to, size_t height, const unsigned char *from, size_t stride)
{
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 8; k++)
            to[k * height + i] = ((const float *)(const void *)(from + i * stride))[k];
}

/* Sixteen searches at once: each step is a load and a compare, and none waits for another. */
MDL_INLINE void vr_ranks(uint8_t *rank, const float *cell, size_t height, const float *search,
                         unsigned levels, int nan_right)
{
    for (size_t r = 0; r < height; r += 16) {
        uint32_t at[16];

        for (size_t k = 0; k < 16; k++)
            at[k] = 1;
        for (unsigned l = 0; l < levels; l++)
            for (size_t k = 0; k < 16; k++)
                at[k] = 2 * at[k] + (cell[r + k] >= search[at[k]]);
        for (size_t k = 0; k < 16; k++) {
            const int nan = cell[r + k] != cell[r + k];
            rank[r + k] = (uint8_t)((nan && nan_right ? RANK_NAN : at[k] - (1u << levels)) ^ 0x80u);
        }
    }
}
