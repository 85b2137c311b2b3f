/*
 * kernel/rank_tmpl.h - ranks of cells among the thresholds of their columns
 *
 * Two blocks of compares and counts for a cell, without a branch on data; see tree.h for
 * the layout.  One row goes through all columns, a block of rows column by column.
 *
 * Parameters: RANK_REAL; RANK_NAMED(name) appends the type to a name; RANK_WORD(name) is
 * the word of vec_<isa>.h, of which reached16 is used.
 *
 * SPDX-License-Identifier: MIT
 */

/* Thresholds that x reaches in a column of several blocks that begins at t. */
MDL_INLINE uint32_t RANK_NAMED(reached)(const RANK_REAL *t, RANK_REAL x)
{
    const uint32_t passed = RANK_WORD(reached16)(t, x);

    return passed * RANK_BLOCK + RANK_WORD(reached16)(t + (1 + passed) * RANK_BLOCK, x);
}

static void RANK_NAMED(rank)(uint8_t *rank, const struct rank_table *t, const RANK_REAL *x)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const RANK_REAL v = x[t->feature[c]];
        const RANK_REAL *column = (const RANK_REAL *)t->thresholds + (size_t)t->start[c] * RANK_BLOCK;
        const uint32_t n = t->start[c + 1] - t->start[c] > 1 ? RANK_NAMED(reached)(column, v)
                                                             : RANK_WORD(reached16)(column, v);
        const uint32_t missing = (v != v) & t->nan_right[c];

        rank[c] = (uint8_t)(n | (0u - missing));     /* n is 0 then, RANK_NAN all ones */
    }
}

static void RANK_NAMED(ranks)(uint8_t *rank, const struct rank_table *t, const RANK_REAL *x,
                              size_t x_stride, size_t rows)
{
    for (uint32_t c = 0; c < t->n_columns; c++, rank += FORK_ROWS) {
        const RANK_REAL *column = (const RANK_REAL *)t->thresholds + (size_t)t->start[c] * RANK_BLOCK;
        const unsigned char *cell = (const unsigned char *)(x + t->feature[c]);
        const uint32_t nan_right = t->nan_right[c];
        const int wide = t->start[c + 1] - t->start[c] > 1;

        for (size_t r = 0; r < rows; r++, cell += x_stride) {
            const RANK_REAL v = *(const RANK_REAL *)(const void *)cell;
            const uint32_t n = wide ? RANK_NAMED(reached)(column, v) : RANK_WORD(reached16)(column, v);

            rank[r] = (uint8_t)(n | (0u - ((v != v) & nan_right)));
        }
        for (size_t r = rows; r < FORK_ROWS; r++)
            rank[r] = 0;
    }
}
