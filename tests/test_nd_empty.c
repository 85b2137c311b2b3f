/*
 * tests/test_nd_empty.c - tensors without elements but with long dimensions: nothing takes no time
 *
 * A dimension of 0 lets the others be of any length.  Whoever walks them one by one never comes
 * back, so each of these either ends or the test does not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "nd_calls.h"

#define LONG ((int64_t)1 << 56)

static void begin(struct call *t, const char *op, uint32_t rank, const int64_t *dims)
{
    call_begin(t, op);
    call_in(t, MDL_F32, rank, dims, ten);
}

/* It runs, and its result has no elements. */
static void makes_nothing(struct call *t)
{
    call_run(t);
    assert_int_equal(t->y->count, 0);
    call_end(t);
}

static void reducing_nothing_ends(void **state)
{
    struct call t;
    (void)state;

    begin(&t, "reduce", DIMS(LONG, 3, 0));
    list(&t, 1, (int64_t[]){ 1 });
    makes_nothing(&t);
    begin(&t, "reduce", DIMS(2, LONG, 2, 0));        /* four sums of nothing, 2^56 times */
    list(&t, 2, (int64_t[]){ 1, 3 });
    call_set(&t, "keepdims", 0);
    gives(&t, DIMS(2, 2), (float[]){ 0, 0, 0, 0 });
    begin(&t, "arg", DIMS(LONG, 3, 0));
    call_set(&t, "axis", 1);
    makes_nothing(&t);
}

static void normalising_nothing_ends(void **state)
{
    struct call t;
    (void)state;

    begin(&t, "layer_norm", DIMS(LONG, 0));
    call_in(&t, MDL_F32, DIMS(0), ten);
    makes_nothing(&t);
    begin(&t, "batch_norm", DIMS(LONG, 1, 0));
    for (int i = 0; i < 4; i++)
        call_in(&t, MDL_F32, DIMS(1), ten);
    makes_nothing(&t);
}

static void sorting_nothing_ends(void **state)
{
    const int64_t order[3] = { 0, 1, 2 };
    struct call t;
    (void)state;

    begin(&t, "order", DIMS(LONG, 3, 0));            /* three equal slices */
    call_set(&t, "axis", 1);
    gives(&t, DIMS(3), order);
}

static void rows_of_nothing_side_by_side_end(void **state)
{
    struct call t;
    (void)state;

    begin(&t, "feature_vector", DIMS(LONG, 0));
    makes_nothing(&t);
}

static void steps_of_nothing_are_counted(void **state)
{
    const float w[4] = { 0 };
    struct call t;
    (void)state;

    /* 2^20 sequences of 2^20 steps without numbers, of a hidden state of one. */
    begin(&t, "recurrent", DIMS(1 << 20, 1 << 20, 0));
    call_in(&t, MDL_F32, DIMS(1, 1, 0), w);
    call_in(&t, MDL_F32, DIMS(1, 1, 1), w);
    call_ints(&t, "functions", 1, (int64_t[]){ 1 });
    t.tensors[1] = t.tensors[2] = (struct tensor){ .type = MDL_F32, .rank = 1, .dims = { 1 },
                                                   .count = 1, .data = w };
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_ERR_LIMIT);
    call_end(&t);
}

/* ---- what else cannot be ---------------------------------------------------------------------- */

static void sums_over_everything_are_refused(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "einsum");
    call_ints(&t, "equation", 15, (int64_t[]){ 'a', ',', 'b', ',', 'c', ',', 'd', ',', 'e', ',', 'f',
                                               ',', 'g', '-', '>' });
    for (int i = 0; i < 7; i++)
        floats(&t, DIMS(256));                       /* 2^56 products */
    assert_int_equal(call_with(&t, &mdl_kernels_ref), MDL_ERR_LIMIT);
    call_end(&t);
}

static void an_order_with_gaps_is_refused(void **state)
{
    const int64_t most[2] = { 0, INT64_MAX }, gap[2] = { 0, 2 }, order[2] = { 0, 1 };
    const int64_t *const groups[2] = { most, gap };
    struct call t;
    (void)state;

    for (int i = 0; i < 2; i++) {
        begin(&t, "unique", DIMS(2));
        list(&t, 2, order);
        list(&t, 2, groups[i]);
        refuses(&t, "order");
    }
    begin(&t, "unique", DIMS(3));
    list(&t, 3, (int64_t[]){ 0, 1, 2 });
    list(&t, 3, (int64_t[]){ 0, 0, 2 });
    refuses(&t, "a group without");
}

static void a_size_kept_in_proportion_stays_in_range(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "resize");
    call_set(&t, "aspect", 2);                       /* not_smaller */
    call_in(&t, MDL_F32, DIMS(1, (int64_t)1 << 40, 0), ten);
    call_in(&t, MDL_F32, DIMS(0), NULL);
    call_in(&t, MDL_F32, DIMS(0), NULL);
    list(&t, 3, (int64_t[]){ (int64_t)1 << 40, 1, 0 });
    refuses(&t, "resized");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reducing_nothing_ends),
        cmocka_unit_test(normalising_nothing_ends),
        cmocka_unit_test(sorting_nothing_ends),
        cmocka_unit_test(rows_of_nothing_side_by_side_end),
        cmocka_unit_test(steps_of_nothing_are_counted),
        cmocka_unit_test(sums_over_everything_are_refused),
        cmocka_unit_test(an_order_with_gaps_is_refused),
        cmocka_unit_test(a_size_kept_in_proportion_stays_in_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
