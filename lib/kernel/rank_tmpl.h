/*
 * kernel/rank_tmpl.h - ranks of one row's cells among the thresholds of their columns
 *
 * Two blocks of compares and counts for a cell, without a branch on data; see tree.h for
 * the layout.
 *
 * Parameters: RANK_REAL; RANK_FIELD, its thresholds in the table; RANK_NAMED(name) appends the
 * type to a name; RANK_WORD(name) is the word of vec_<isa>.h, of which reached16 is used.
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
    const struct rank_table table = *t;       /* stores to rank may not change it */
    const RANK_REAL *column = table.RANK_FIELD;

    for (uint32_t c = 0; c < table.n_columns; c++) {
        const RANK_REAL v = x[table.feature[c]];
        const uint32_t blocks = table.start[c + 1] - table.start[c];
        const uint32_t n = blocks > 1 ? RANK_NAMED(reached)(column, v) : RANK_WORD(reached16)(column, v);
        const uint32_t missing = (v != v) & table.nan_right[c];

        rank[c] = (uint8_t)(n | (0u - missing));     /* n is 0 then, RANK_NAN all ones */
        column += (size_t)blocks * RANK_BLOCK;
    }
}
