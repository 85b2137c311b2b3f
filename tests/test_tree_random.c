/*
 * tests/test_tree_random.c - thousands of random trees against a reference of our own
 *
 * Every kernel set, every engine, every way to cut the rows: the same bits (random_forest.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include "random_forest.h"

static void check_rows(const struct forest *f, const struct data *d, const mdl_model *m,
                       size_t first, size_t rows)
{
    static union { float f32[ROWS * MAX_OUTPUTS]; double f64[ROWS * MAX_OUTPUTS]; } y;
    static int32_t ids[ROWS * MAX_TREES];
    const size_t outputs = (size_t)f->ensemble.outputs;
    const int narrow = f->x_type == MDL_F32 || (f->float_cells && rows % 2 == 0);
    const int narrow_y = f->ensemble.leaf_type == MDL_F32;
    const void *x = narrow ? (const void *)(d->narrow + first * f->cols)
                           : (const void *)(d->wide + first * f->cols);
    const mdl_tensor in = { .size = sizeof in, .type = narrow ? MDL_F32 : MDL_F64, .rank = 2,
                            .data = (void *)(uintptr_t)x,
                            .dims = { (int64_t)rows, (int64_t)f->cols } };
    const mdl_tensor out[] = {
        { .size = sizeof *out, .type = f->ensemble.leaf_type, .rank = 2, .data = &y,
          .dims = { (int64_t)rows, (int64_t)outputs } },
        { .size = sizeof *out, .type = MDL_I32, .rank = 2, .data = ids,
          .dims = { (int64_t)rows, (int64_t)f->n_trees } },
    };
    const size_t at = first * outputs;
    mdl_error err = MDL_ERROR_INIT;

    if (mdl_run(m, NULL, &in, 1, out, 2, &err))
        fail_msg("%s", err.text);
    same_bits(&y, narrow_y ? (const void *)(d->narrow_sums + at) : (const void *)(d->sums + at),
              f->ensemble.leaf_type, rows * outputs, mdl_isa(m), rows);
    assert_memory_equal(ids, d->ids + first * f->n_trees, rows * f->n_trees * sizeof *ids);
    if (narrow && narrow_y) {
        assert_int_equal(mdl_predict(m, x, rows, y.f32), MDL_OK);
        same_bits(&y, d->narrow_sums + at, MDL_F32, rows * outputs, mdl_isa(m), rows);
    }
    if (!narrow && !narrow_y) {
        assert_int_equal(mdl_predict_f64(m, x, rows, y.f64), MDL_OK);
        same_bits(&y, d->sums + at, MDL_F64, rows * outputs, mdl_isa(m), rows);
    }
}

static void check_heights(struct forest *f, struct data *d, mdl_model *m)
{
    for (size_t h = 0; h < HEIGHTS; h++)
        check_rows(f, d, m, below((uint32_t)(ROWS - heights[h] + 1)), heights[h]);
}

static void random_forests_answer_bit_for_bit_as_the_reference(void **state)
{
    (void)state;
    assert_true(each_forest(120 * slow(), check_heights) > 2400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_forests_answer_bit_for_bit_as_the_reference),
    };

    return cmocka_run_group_tests_name("tree_random", tests, NULL, NULL);
}
