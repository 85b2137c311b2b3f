/*
 * kernel/few_tmpl.h - leaves of a block added, of trees whose values all fit into registers
 *
 * Parameters: FEW_NAMED(name) appends the type to a name; FEW_REAL; and where looking up in
 * registers pays, FEW_ROWS, FEW_TABLE and FEW_WORD(name) for the words of vec_few_<isa>.h: few_load
 * and few_add, of FEW_ROWS rows.
 *
 * SPDX-License-Identifier: MIT
 */
static void FEW_NAMED(add_few)(FEW_REAL *sum, const FEW_REAL *value, const uint32_t *first,
                               const uint16_t *leaves, size_t trees, const uint8_t *leaf,
                               size_t height)
{
#ifdef FEW_ROWS
    for (size_t t = 0; t < trees; t++, leaf += height) {
        const FEW_TABLE table = FEW_WORD(few_load)(value + first[t], leaves[t]);

        for (size_t r = 0; r < height; r += FEW_ROWS)
            FEW_WORD(few_add)(sum + r, table, leaf + r);
    }
#else
    (void)leaves;
    FEW_NAMED(add_leaves)(sum, value, first, trees, leaf, height);
#endif
}
