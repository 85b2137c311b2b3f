/*
 * kernel/rank_tmpl.h - ranks of cells among the thresholds of their columns
 *
 * A search without branches on data: searches of different columns (one row) or rows
 * (a block) overlap in the processor.
 *
 * Parameters: RANK_REAL, and RANK_NAMED(name), which appends the type to a name.
 *
 * SPDX-License-Identifier: MIT
 */

/* How many of n ascending thresholds x reaches; 0 for NaN. */
MDL_INLINE uint32_t RANK_NAMED(count_reached)(const RANK_REAL *t, uint32_t n, RANK_REAL x)
{
    const RANK_REAL *base = t;

    if (!n)
        return 0;
    while (n > 1) {
        const uint32_t half = n / 2;
        base += half & (0u - (uint32_t)(x >= base[half - 1]));
        n -= half;
    }
    return (uint32_t)(base - t) + (x >= *base);
}

static void RANK_NAMED(rank)(uint8_t *rank, const struct rank_table *t, const RANK_REAL *x)
{
    const RANK_REAL *thresholds = t->thresholds;

    for (uint32_t c = 0; c < t->n_columns; c++) {
        const RANK_REAL v = x[t->feature[c]];
        const uint32_t n = RANK_NAMED(count_reached)(thresholds + t->start[c],
                                                     t->start[c + 1] - t->start[c], v);
        rank[c] = (uint8_t)(v != v && t->nan_right[c] ? RANK_NAN : n);
    }
}

static void RANK_NAMED(ranks)(uint8_t *rank, const struct rank_table *t, const RANK_REAL *x,
                              size_t x_stride, size_t rows)
{
    const RANK_REAL *thresholds = t->thresholds;

    for (uint32_t c = 0; c < t->n_columns; c++, rank += FORK_ROWS) {
        const RANK_REAL *column = thresholds + t->start[c];
        const uint32_t n = t->start[c + 1] - t->start[c];
        const uint8_t nan = t->nan_right[c] ? RANK_NAN : 0;
        const unsigned char *cell = (const unsigned char *)(x + t->feature[c]);

        for (size_t r = 0; r < rows; r++, cell += x_stride) {
            const RANK_REAL v = *(const RANK_REAL *)(const void *)cell;
            const uint32_t reached = RANK_NAMED(count_reached)(column, n, v);
            rank[r] = v != v ? nan : (uint8_t)reached;
        }
        for (size_t r = rows; r < FORK_ROWS; r++)
            rank[r] = 0;
    }
}
