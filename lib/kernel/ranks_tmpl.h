/*
 * kernel/ranks_tmpl.h - ranks of a block of rows, column by column
 *
 * Floats: eight columns of x at a time are turned into columns of cells, and every column of
 * ranks that looks at one of them searches its thresholds level by level, eight or more rows
 * at once, the levels in registers.  Doubles: two blocks of compares a cell, as for one row.
 *
 * Words of vec_rank_<isa>.h used: vr_turn8, vr_ranks; of vec_<isa>.h: vd_reached16.
 *
 * SPDX-License-Identifier: MIT
 */
#define TURN 8u

/* Columns [first, first + TURN) of x, as far as there are any, into cells[column][row]. */
MDL_INLINE void turn_columns(float *cells, const float *x, size_t x_stride, size_t first,
                             size_t cols, size_t rows)
{
    const unsigned char *from = (const unsigned char *)(x + first);
    const size_t wide = cols - first < TURN ? cols - first : TURN;
    size_t r = 0;

    for (; wide == TURN && r + TURN <= rows; r += TURN)
        vr_turn8(cells + r, BLOCK_ROWS, from + r * x_stride, x_stride);
    for (; r < rows; r++)
        for (size_t k = 0; k < wide; k++)
            cells[k * BLOCK_ROWS + r] = ((const float *)(const void *)(from + r * x_stride))[k];
}

static void ranks_f32(uint8_t *rank, const struct rank_table *t, const float *x, size_t x_stride,
                      size_t rows, size_t height)
{
    float cells[TURN * BLOCK_ROWS];

    for (size_t k = 0; k < TURN; k++)
        for (size_t r = rows; r < height; r++)
            cells[k * BLOCK_ROWS + r] = 0;
    for (uint32_t c = 0; c < t->n_columns;) {
        const size_t last = t->cols > TURN ? t->cols - TURN : 0;
        const size_t first = t->feature[c] < last ? t->feature[c] : last;

        turn_columns(cells, x, x_stride, first, t->cols, rows);
        for (; c < t->n_columns && t->feature[c] >= first && t->feature[c] < first + TURN; c++)
            vr_ranks(rank + c * height, cells + (t->feature[c] - first) * BLOCK_ROWS, height,
                     t->search + t->search_start[c], t->levels[c], t->nan_right[c]);
    }
}

static void ranks_f64(uint8_t *rank, const struct rank_table *t, const double *x, size_t x_stride,
                      size_t rows, size_t height)
{
    for (uint32_t c = 0; c < t->n_columns; c++, rank += height) {
        const double *column = t->f64 + (size_t)t->start[c] * RANK_BLOCK;
        const unsigned char *cell = (const unsigned char *)(x + t->feature[c]);
        const uint32_t nan_right = t->nan_right[c];
        const int wide = t->start[c + 1] - t->start[c] > 1;

        for (size_t r = 0; r < rows; r++, cell += x_stride) {
            const double v = *(const double *)(const void *)cell;
            const uint32_t n = wide ? reached_f64(column, v) : vd_reached16(column, v);

            rank[r] = (uint8_t)((n | (0u - ((v != v) & nan_right))) ^ 0x80u);
        }
        for (size_t r = rows; r < height; r++)
            rank[r] = 0x80u;
    }
}
