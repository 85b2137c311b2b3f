/*
 * op/tree_test.c - nodes that ranks cannot decide: category sets, and the zero rule
 *
 * A cell of a category column becomes a code, one byte: its category, or CODE_NONE, or
 * CODE_NAN.  Every test is then a table of 256 bits, its set and the side of NaN.  Columns that name categories beyond the codes, and LightGBM's zero
 * rule, ask the plain rule about each cell.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

#include <math.h>              /* NAN, a constant */
#include <string.h>

uint8_t mdl_test_code(const struct node *n, double x)
{
    const struct trees_params *params = n->params;

    if (x != x)
        return CODE_NAN;
    if (params->clip_zero && x >= -TREES_TINY && x <= TREES_TINY)
        x = 0;
    if (!(x > (params->truncate ? -1.0 : -0x1p-1074) && x < CODE_NONE))
        return CODE_NONE;
    return x < 0 ? 0 : (uint8_t)x;
}

int mdl_test_right(const struct node *n, const struct tree_test *t, uint32_t x_type,
                   const void *row)
{
    const struct trees_plan *p = n->plan;

    return !mdl_trees_goes_left(n, t->node, mdl_trees_cell(x_type, row, mdl_tree_feature(p, t->node)));
}

/* Does the set of a category question name a category that has no code? */
static int names_beyond(const struct node *n, uint32_t question)
{
    const struct trees_plan *p = n->plan;
    const uint32_t *start = n->tensors[TREES_SET_START].data;
    const uint32_t *words = n->tensors[TREES_SET_WORDS].data, set = p->asked.set[question];

    for (uint32_t w = start[set] + CODE_NONE / 32; w < start[set + 1]; w++)
        if (w > start[set] + CODE_NONE / 32 ? words[w] != 0 : words[w] >> CODE_NONE % 32 != 0)
            return 1;
    return 0;
}

static void set_right(struct tree_test *t, uint32_t code, int right)
{
    const uint8_t bit = (uint8_t)(1u << code % 8);

    t->right[code / 8] = (uint8_t)((t->right[code / 8] & ~bit) | (right ? bit : 0));
}

/* Codes that the set of a test has words for. */
static uint32_t named_by(const struct node *n, const struct tree_test *t)
{
    const struct trees_plan *p = n->plan;
    const uint32_t *start = n->tensors[TREES_SET_START].data;
    const uint32_t set = p->asked.set[mdl_tree_question(p, t->node)];
    const uint32_t count = 32 * (start[set + 1] - start[set]);

    return count < CODE_NONE ? count : CODE_NONE;
}

/* Members go to one side, all else to the other: as the set has it, bit for bit. */
static void fill_table(const struct node *n, struct tree_test *t)
{
    const struct trees_plan *p = n->plan;
    const uint32_t question = mdl_tree_question(p, t->node), set = p->asked.set[question];
    const uint32_t *start = n->tensors[TREES_SET_START].data, *words = n->tensors[TREES_SET_WORDS].data;
    const size_t bytes = (start[set + 1] - start[set]) * sizeof *words;
    const int others_right = (p->asked.flags[question] & NODE_SET_LEFT) != 0;

    if (bytes)
        memcpy(t->right, words + start[set], bytes < sizeof t->right ? bytes : sizeof t->right);
    for (size_t i = 0; i < sizeof t->right && others_right; i++)
        t->right[i] ^= 255u;
    set_right(t, CODE_NONE, others_right);
    set_right(t, CODE_NAN, !mdl_trees_goes_left(n, t->node, (double)NAN));
}

/* Number the columns that are coded: code[f] is 1 + number, 0: not coded. */
static uint32_t number_codes(const struct node *n, uint32_t *code, uint64_t cols)
{
    const struct trees_plan *p = n->plan;
    uint32_t count = 0;

    for (uint32_t q = 0; q < p->asked.n; q++) {
        const uint32_t flags = p->asked.flags[q], f = mdl_tree_word(p->asked.feature, q);
        if ((flags & NODE_KIND) == NODE_CATEGORY && code[f] != UINT32_MAX)
            code[f] = names_beyond(n, q) || (flags & NODE_MISSING) == NODE_ZERO_DEFAULT ? UINT32_MAX : 1;
    }
    for (uint64_t f = 0; f < cols; f++)
        code[f] = code[f] == 1 && count < CODE_PLAIN ? ++count : 0;
    return count;
}

mdl_status mdl_tests_prepare(struct node *n, uint64_t cols, struct arena *temp, struct arena *a,
                             mdl_error *err)
{
    struct trees_plan *p = n->plan;
    uint32_t tests = 0;

    if (!p->n_general)
        return MDL_OK;
    for (uint32_t i = 0; i < p->n_nodes; i++)
        tests += (uint32_t)(!mdl_tree_is_leaf(p, i) && mdl_trees_is_test(p, i));
    uint32_t *code = mdl_arena_take(temp, cols, sizeof *code);
    if (!code)
        return mdl_arena_fail(temp, err, "tree ensemble");
    p->n_codes = number_codes(n, code, cols);
    p->code_feature = mdl_arena_take(a, p->n_codes, sizeof *p->code_feature);
    p->tests = mdl_arena_take(a, tests, sizeof *p->tests);
    p->test_start = mdl_arena_take(a, (uint64_t)p->n_trees + 1, sizeof *p->test_start);
    if (!p->code_feature || !p->tests || !p->test_start)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint64_t f = 0; f < cols; f++)
        if (code[f])
            p->code_feature[code[f] - 1] = (uint32_t)f;

    tests = 0;
    for (uint32_t t = 0; t < p->n_trees; t++) {
        for (uint32_t i = p->tree_start[t]; i < p->tree_start[t + 1]; i++) {
            if (mdl_tree_is_leaf(p, i) || !mdl_trees_is_test(p, i))
                continue;
            struct tree_test *test = &p->tests[tests++];
            const uint32_t number = (mdl_tree_flags(p, i) & NODE_KIND) == NODE_CATEGORY
                                        ? code[mdl_tree_feature(p, i)] : 0;
            *test = (struct tree_test){ .node = i, .slot = TOP_EXITS,
                                        .code = (uint16_t)(number ? number - 1 : CODE_PLAIN) };
            p->n_plain += !number;
            if (number)
                fill_table(n, test);
        }
        p->test_start[t + 1] = tests;
        if (tests - p->test_start[t] > p->most_tests)
            p->most_tests = tests - p->test_start[t];
    }
    return MDL_OK;
}

/* ---- by code, for all trees at once ----------------------------------------------------- */

#define TABLE_MOST (16u << 20)    /* bytes of code_bits; beyond, tests are asked one by one */

/* Categories that tests of each code column name: one more than the last. */
static void count_named(const struct node *n, uint32_t *named)
{
    const struct trees_plan *p = n->plan;

    for (uint32_t k = 0; k < p->test_start[p->n_trees]; k++) {
        const struct tree_test *t = &p->tests[k];
        if (t->code != CODE_PLAIN && named_by(n, t) > named[t->code])
            named[t->code] = named_by(n, t);
    }
}

uint32_t mdl_test_row(const struct trees_plan *p, uint32_t c, uint8_t code)
{
    const uint32_t named = p->code_row[c + 1] - p->code_row[c] - 2;

    return p->code_row[c] + (code < named ? code : named + (code == CODE_NAN));
}

mdl_status mdl_tests_tabulate(struct node *n, struct arena *a, mdl_error *err)
{
    struct trees_plan *p = n->plan;

    p->code_row = mdl_arena_take(a, p->n_codes + 1ull, sizeof *p->code_row);
    if (!p->code_row)
        return mdl_arena_fail(a, err, "tree ensemble");
    count_named(n, p->code_row + 1);
    for (uint32_t c = 0; c < p->n_codes; c++)
        p->code_row[c + 1] += p->code_row[c] + 2;
    const uint64_t cells = (uint64_t)p->code_row[p->n_codes] * p->n_trees;
    if (!cells || cells > TABLE_MOST / sizeof *p->code_bits)
        return MDL_OK;
    p->code_bits = mdl_arena_take(a, cells, sizeof *p->code_bits);
    if (!p->code_bits)
        return mdl_arena_fail(a, err, "tree ensemble");

    for (uint32_t tree = 0; tree < p->n_trees; tree++)
        for (uint32_t k = p->test_start[tree]; k < p->test_start[tree + 1]; k++) {
            const struct tree_test *t = &p->tests[k];
            if (t->code == CODE_PLAIN || t->slot == TOP_EXITS)
                continue;
            const uint32_t first = p->code_row[t->code];
            const uint32_t named = p->code_row[t->code + 1] - first - 2;
            for (uint32_t row = 0; row < named + 2; row++) {
                const uint32_t code = row < named ? row : row == named ? CODE_NONE : CODE_NAN;
                const uint32_t right = (uint32_t)t->right[code / 8] >> code % 8 & 1u;
                p->code_bits[(uint64_t)(first + row) * p->n_trees + tree] |= right << t->slot;
            }
        }
    return MDL_OK;
}
