/*
 * tests/test_op_sparse.c - sparse rows that are not expanded: the bits of the expanded ones
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_node.h"

#include "model.h"
#include "op/sparse.h"

enum { COLS = 300, ROWS = 9, MOST = ROWS * COLS };

/* Rows as both index types and both value types, and expanded. */
struct rows {
    int32_t start32[ROWS + 1], column32[MOST];
    int64_t start64[ROWS + 1], column64[MOST];
    float   value32[MOST], full32[MOST];
    double  value64[MOST], full64[MOST];
};

static const double special[] = { 0.0, -0.0, NAN, INFINITY, -INFINITY, 5e-324, 1e30, -1e30 };

/* Row r stores about one column in r + 1; row 0 all of them, the last none. */
static void fill(struct rows *x, double absent, int odd, uint64_t *seed)
{
    int32_t n = 0;

    for (size_t r = 0; r < ROWS; r++) {
        x->start64[r] = x->start32[r] = n;
        for (int32_t c = 0; c < COLS; c++) {
            const int stored = next_random(seed) % (r + 1) == 0 && r + 1 < ROWS;
            const float v = odd && next_random(seed) % 16 == 0
                ? (float)special[next_random(seed) % 8]
                : (float)((double)(next_random(seed) >> 11) * 0x1p-50 - 4);
            x->full64[r * COLS + (size_t)c] = stored ? (double)v : absent;
            x->full32[r * COLS + (size_t)c] = stored ? v : (float)absent;
            if (!stored)
                continue;
            x->column64[n] = x->column32[n] = c;
            x->value64[n] = (double)v;
            x->value32[n++] = v;
        }
    }
    x->start64[ROWS] = x->start32[ROWS] = n;
}

static mdl_csr csr(const struct rows *x, int wide_values, int wide_indices)
{
    return (mdl_csr){ .size = sizeof(mdl_csr), .rows = ROWS, .cols = COLS,
                      .type = wide_values ? MDL_F64 : MDL_F32,
                      .index_type = wide_indices ? MDL_I64 : MDL_I32,
                      .row_start = wide_indices ? (const void *)x->start64 : x->start32,
                      .columns = wide_indices ? (const void *)x->column64 : x->column32,
                      .values = wide_values ? (const void *)x->value64 : x->value32 };
}

static mdl_model *load(struct one *t)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;
    size_t size;

    mdl_build_output(t->b, "y", MDL_OUTPUT_OTHER, mdl_build_result(t->b, t->node, 0));
    unsigned char *file = built_file(t->b, &size);
    if (mdl_load_memory(&m, file, size, NULL, &err))
        fail_msg("%s", err.text);
    free(file);
    return m;
}

/* run on the expanded rows and run_sparse on the others, from every row on. */
static void both_ways_agree(const mdl_model *m, const struct rows *x, size_t outputs, uint32_t type)
{
    static double y[2][MOST];
    const struct node *n = &m->m.graph.nodes[0];
    const size_t cell = type == MDL_F64 ? 8 : 4, row_bytes = outputs * cell;

    for (int way = 0; way < 4; way++)
        for (size_t first = 0; first < ROWS; first++) {
            const mdl_csr sparse = csr(x, way & 1, way >> 1);
            const unsigned char *full = type == MDL_F64 ? (const unsigned char *)x->full64
                                                        : (const unsigned char *)x->full32;
            struct view views[2] = {
                { (void *)(uintptr_t)(full + first * COLS * cell), COLS * cell, type },
                { y[0], row_bytes, type } };
            const struct run r = { .kernels = m->kernels, .graph = &m->m.graph, .views = views,
                                   .rows = ROWS - first, .tree_end = UINT64_MAX };

            n->op->run(n, &r);
            views[0].data = NULL;
            views[1].data = y[1];
            memset(y[1], 0xA5, sizeof y[1]);
            assert_true(sparse_ascends(&sparse, first, ROWS - first));
            n->op->run_sparse(n, &r, &sparse, first);
            for (size_t i = 0; i < (ROWS - first) * outputs; i++) {
                const double a = type == MDL_F64 ? y[0][i] : (double)((float *)(void *)y[0])[i];
                const double b = type == MDL_F64 ? y[1][i] : (double)((float *)(void *)y[1])[i];
                if (memcmp(&a, &b, sizeof a) && !(isnan(a) && isnan(b)))
                    fail_msg("way %d, rows from %zu, cell %zu: %a, expanded %a", way, first, i,
                             b, a);
            }
        }
}

static struct one layer(const char *op, uint32_t type, size_t outputs, const float *w32,
                        const double *w64)
{
    struct one t = one_node(op, type, COLS);

    one_weights(&t, "weight", type, 2, (int64_t[]){ (int64_t)outputs, COLS },
                type == MDL_F64 ? (const void *)w64 : w32);
    one_row(&t, "bias", type, (int64_t)outputs, type == MDL_F64 ? (const void *)w64 : w32);
    return t;
}

enum { OUTS = 7 };
static float w32[OUTS * COLS];
static double w64[OUTS * COLS];

static void fill_weights(uint64_t *seed)
{
    for (size_t i = 0; i < OUTS * COLS; i++)
        w32[i] = (float)(w64[i] = (double)(next_random(seed) >> 11) * 0x1p-52 - 1);
    w64[3] = w32[3] = 0;
    w64[4] = w32[4] = -0.0f;
}

static void dense_layers_see_the_same_numbers_in_sparse_rows(void **state)
{
    static struct rows x;
    uint64_t seed = 31;
    (void)state;

    fill_weights(&seed);
    for (size_t outputs = 1; outputs <= OUTS; outputs++)
        for (int odd = 0; odd < 2; odd++)
            for (uint32_t type = 0; type < 2; type++) {
                struct one t = layer("dense", type ? MDL_F64 : MDL_F32, outputs, w32, w64);
                if (odd)
                    mdl_build_choice(t.b, t.node, "activation", "logistic");
                mdl_model *m = load(&t);
                assert_int_equal(m->m.graph.nodes[0].takes_sparse, SPARSE_ZERO);
                fill(&x, 0, odd, &seed);
                both_ways_agree(m, &x, outputs, type ? MDL_F64 : MDL_F32);
                mdl_free(m);
            }
}

static void the_linear_booster_skips_what_is_not_stored(void **state)
{
    static struct rows x;
    uint64_t seed = 32;
    (void)state;

    fill_weights(&seed);
    for (size_t outputs = 1; outputs <= OUTS; outputs += 2) {
        struct one t = layer("linear", MDL_F32, outputs, w32, w64);
        mdl_model *m = load(&t);
        assert_int_equal(m->m.graph.nodes[0].takes_sparse, SPARSE_MISSING);
        fill(&x, (double)NAN, 1, &seed);
        both_ways_agree(m, &x, outputs, MDL_F32);
        mdl_free(m);
    }
}

/* 0 times infinity is NaN: what is left out counts. */
static void infinite_weights_need_the_whole_row(void **state)
{
    uint64_t seed = 33;
    (void)state;

    for (uint32_t type = 0; type < 2; type++)
        for (int nan = 0; nan < 2; nan++) {
            fill_weights(&seed);
            w64[COLS - 1] = nan ? (double)NAN : -(double)INFINITY;
            w32[COLS - 1] = (float)w64[COLS - 1];
            struct one t = layer("dense", type ? MDL_F64 : MDL_F32, 1, w32, w64);
            mdl_model *m = load(&t);
            assert_int_equal(m->m.graph.nodes[0].takes_sparse, 0);
            mdl_free(m);
        }
}

static void rows_out_of_order_or_range_are_not_taken(void **state)
{
    static const struct { int32_t start[3], column[4]; int good; } of[] = {
        { { 0, 2, 4 }, { 0, 299, 5, 6 }, 1 },
        { { 0, 0, 0 }, { 0, 0, 0, 0 }, 1 },
        { { 0, 2, 4 }, { 1, 1, 5, 6 }, 0 },      /* twice */
        { { 0, 2, 4 }, { 2, 1, 5, 6 }, 0 },      /* descending */
        { { 0, 2, 4 }, { 0, 1, 5, 300 }, 0 },    /* beyond the table */
        { { 0, 2, 4 }, { -1, 1, 5, 6 }, 0 },
        { { 0, 3, 2 }, { 0, 1, 2, 3 }, 0 },      /* ends before it begins */
        { { -1, 2, 4 }, { 0, 1, 2, 3 }, 0 },
    };
    const float value[4] = { 1, 2, 3, 4 };
    (void)state;

    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const mdl_csr x = { .size = sizeof x, .rows = 2, .cols = COLS, .type = MDL_F32,
                            .index_type = MDL_I32, .row_start = of[i].start,
                            .columns = of[i].column, .values = value };
        assert_int_equal(sparse_ascends(&x, 0, 2), of[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_layers_see_the_same_numbers_in_sparse_rows),
        cmocka_unit_test(the_linear_booster_skips_what_is_not_stored),
        cmocka_unit_test(infinite_weights_need_the_whole_row),
        cmocka_unit_test(rows_out_of_order_or_range_are_not_taken),
    };

    return cmocka_run_group_tests_name("sparse rows", tests, NULL, NULL);
}
