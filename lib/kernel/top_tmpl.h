/*
 * kernel/top_tmpl.h - the tops of many trees for one row, without a walk
 *
 * All outcomes of a top are one byte compare, and the exit is the one whose ancestors
 * agree with them; see struct tree_top.
 *
 * Words of vec8_<isa>.h used: v8_table, v8_table_load, v8_outcomes, v8_match.
 *
 * SPDX-License-Identifier: MIT
 */
static uint32_t match(uint32_t *exit, const struct tree_top *tops, const uint32_t *tests, size_t n,
                      const uint8_t *rank)
{
    const v8_table table = v8_table_load(rank);
    uint32_t any = 0;

    for (size_t i = 0; i < n; i++) {
        const struct tree_top *t = &tops[i];
        const uint32_t outcomes = v8_outcomes(table, t->column, t->rank) | (tests ? tests[i] : 0);

        exit[i] = t->exit[v8_match(t->ancestors, outcomes)];
        any |= exit[i];
    }
    return any;
}
