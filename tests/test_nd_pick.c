/*
 * tests/test_nd_pick.c - operators that pick elements, put them in order or make them: bad input,
 * and what the tests of the ONNX standard leave out
 *
 * SPDX-License-Identifier: MIT
 */
#include "nd_calls.h"

/* ---- indices ------------------------------------------------------------------------------- */

static void indices_outside_are_refused(void **state)
{
    static const char *const ops[] = { "gather", "gather_elements", "gather_nd", "scatter_elements",
                                       "scatter_nd" };
    static const int64_t bad[] = { 3, -4, INT64_MAX, INT64_MIN };
    (void)state;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            struct call t;
            call_begin(&t, ops[i]);
            floats(&t, DIMS(3));
            if (strstr(ops[i], "_nd"))
                call_in(&t, MDL_I64, 2, (const int64_t[]){ 1, 1 }, &bad[k]);
            else
                list(&t, 1, &bad[k]);
            if (strstr(ops[i], "scatter"))
                floats(&t, DIMS(1));
            refuses(&t, "is not in -3 .. 2");
        }
}

static void shapes_of_indices_are_checked(void **state)
{
    const uint8_t far[] = { 0, 0, 0, 1 };
    struct call t;
    (void)state;

    call_begin(&t, "gather_elements");
    floats(&t, DIMS(2, 3));
    call_in(&t, MDL_I64, 2, (const int64_t[]){ 1, 4 }, (int64_t[4]){ 0 });
    refuses(&t, "indices of shape [1, 4]");
    call_begin(&t, "gather_nd");
    floats(&t, DIMS(2, 3));
    list(&t, DIMS(0, 0, 0));
    refuses(&t, "indices of shape [3]");
    call_begin(&t, "scatter_nd");
    floats(&t, DIMS(2, 3));
    list(&t, DIMS(0));
    floats(&t, DIMS(2));
    refuses(&t, "updates of shape [2]");
    call_begin(&t, "scatter_elements");
    floats(&t, DIMS(2, 3));
    call_in(&t, MDL_I64, 2, (const int64_t[]){ 1, 1 }, (int64_t[1]){ 0 });
    floats(&t, DIMS(1, 2));
    refuses(&t, "updates of shape [1, 2]");
    call_begin(&t, "compress");
    floats(&t, DIMS(3));
    call_in(&t, MDL_BOOL, DIMS(4), far);
    refuses(&t, "element 3 of 3 is wanted");
    call_begin(&t, "reverse_sequence");
    floats(&t, DIMS(2, 3));
    list(&t, DIMS(1, 3, 1));
    refuses(&t, "length 3 of a sequence of at most 2");
    call_begin(&t, "tensor_scatter");
    floats(&t, DIMS(1, 3, 2));
    floats(&t, DIMS(1, 2, 2));
    list(&t, DIMS(2));
    refuses(&t, "2 elements from 2 on in a dimension of 3");
    call_begin(&t, "tensor_scatter");
    call_set(&t, "mode", 1);
    floats(&t, DIMS(1, 3, 2));
    floats(&t, DIMS(1, 2, 2));
    list(&t, DIMS(INT64_MIN));
    call_run(&t);                 /* anywhere around */
    call_end(&t);
}

/* By the definition: numpy's minimum and maximum keep NaN, integers wrap, uint64 is unsigned. */
static void updates_reduce_in_their_own_type(void **state)
{
    const float x[] = { 1, NAN, -0.0f }, u[] = { NAN, 2, 3 };
    const uint64_t big[] = { UINT64_MAX, 1 }, add[] = { 2, UINT64_MAX };
    const int8_t small[] = { 100, -100 }, more[] = { 100, -100 };
    const uint64_t largest[] = { UINT64_MAX, UINT64_MAX };
    const int8_t sums[] = { -56, 56 };
    struct call t;
    (void)state;

    call_begin(&t, "scatter_elements");
    call_set(&t, "reduction", 3);
    call_in(&t, MDL_F32, DIMS(3), x);
    list(&t, DIMS(0, 1, 2));
    call_in(&t, MDL_F32, DIMS(3), u);
    call_run(&t);
    assert_true(isnan(((float *)t.y->data)[0]) && isnan(((float *)t.y->data)[1]));
    assert_true(((float *)t.y->data)[2] == 0);
    call_end(&t);
    call_begin(&t, "scatter_elements");
    call_set(&t, "reduction", 4);
    call_in(&t, MDL_U64, DIMS(2), big);
    list(&t, DIMS(0, 1));
    call_in(&t, MDL_U64, DIMS(2), add);
    gives(&t, DIMS(2), largest);
    call_begin(&t, "scatter_nd");
    call_set(&t, "reduction", 1);
    call_in(&t, MDL_I8, DIMS(2), small);
    call_in(&t, MDL_I64, 2, (const int64_t[]){ 2, 1 }, (int64_t[]){ 0, 1 });
    call_in(&t, MDL_I8, DIMS(2), more);
    gives(&t, DIMS(2), sums);
    call_begin(&t, "scatter_nd");
    call_set(&t, "reduction", 1);
    call_in(&t, MDL_STRING, DIMS(1), (const char *[]){ "a" });
    call_in(&t, MDL_I64, 2, (const int64_t[]){ 1, 1 }, (int64_t[]){ 0 });
    call_in(&t, MDL_STRING, DIMS(1), (const char *[]){ "b" });
    refuses(&t, "input 0 is string");
}

/* ---- order --------------------------------------------------------------------------------- */

static void equal_elements_come_in_their_order_and_nan_is_the_largest(void **state)
{
    const float x[] = { 1, NAN, 0.0f, -0.0f, -NAN, 1 };
    const int64_t best[] = { 1, 4, 0, 5, 2, 3 }, worst[] = { 2, 3, 0, 5, 1, 4 };
    struct call t;
    (void)state;

    for (int largest = 0; largest < 2; largest++) {
        call_begin(&t, "topk");
        t.node.n_out = 2;
        call_set(&t, "largest", largest);
        call_in(&t, MDL_F32, DIMS(6), x);
        list(&t, DIMS(6));
        call_run(&t);
        assert_memory_equal(t.y[1].data, largest ? best : worst, sizeof best);
        call_end(&t);
    }
}

static int compare_wide(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Against qsort, for every k, in the middle axis, of integers that no double tells apart. */
static void the_first_k_are_those_of_a_full_sort(void **state)
{
    int64_t x[3 * 50 * 2], lane[50];
    uint64_t seed = 7;
    (void)state;

    for (size_t i = 0; i < 300; i++)
        x[i] = (int64_t)(next_random(&seed) % 30) - (1ll << 60);
    for (int64_t k = 0; k <= 50; k += 7) {
        struct call t;
        call_begin(&t, "topk");
        call_set(&t, "axis", 1);
        call_set(&t, "largest", 0);
        call_in(&t, MDL_I64, DIMS(3, 50, 2), x);
        number(&t, &k);
        call_run(&t);
        for (int64_t o = 0; o < 6; o++) {
            for (int64_t i = 0; i < 50; i++)
                lane[i] = x[(o / 2 * 50 + i) * 2 + o % 2];
            qsort(lane, 50, sizeof *lane, compare_wide);
            for (int64_t i = 0; i < k; i++)
                assert_true(((int64_t *)t.y->data)[(o / 2 * k + i) * 2 + o % 2] == lane[i]);
        }
        call_end(&t);
    }
}

static void more_than_there_is_or_less_than_nothing_is_refused(void **state)
{
    static const int64_t bad[] = { 11, -1, INT64_MIN };
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        struct call t;
        call_begin(&t, "topk");
        floats(&t, DIMS(10));
        number(&t, &bad[i]);
        refuses(&t, "of 10 elements");
    }
}

static void texts_and_complex_numbers_have_an_order(void **state)
{
    const char *const texts[] = { "b", "a", "", "b", "a" };
    const float pairs[] = { 1, 2, 1, -2, 0, 9, 1, 2 };
    const int64_t of_texts[] = { 2, 1, 4, 0, 3 }, of_pairs[] = { 2, 1, 0, 3 };
    const int64_t groups[] = { 0, 1, 1, 2, 2 };
    struct call t;
    (void)state;

    call_begin(&t, "order");
    call_in(&t, MDL_STRING, DIMS(5), texts);
    call_run(&t);
    assert_memory_equal(t.y[1].data, groups, sizeof groups);
    gives(&t, DIMS(5), of_texts);
    call_begin(&t, "order");
    call_in(&t, MDL_C64, DIMS(4), pairs);
    gives(&t, DIMS(4), of_pairs);
}

static void an_order_that_is_none_is_refused(void **state)
{
    static const struct { int64_t order[3], group[3]; const char *text; } bad[] = {
        { { 0, 1, 2 }, { 0, 1, 3 }, "not the order of 3" },
        { { 0, 1, 3 }, { 0, 1, 2 }, "not an order" },
        { { 0, 1, -1 }, { 0, 1, 2 }, "not an order" },
        { { 0, 1, 1 }, { 0, 1, 2 }, "not an order" },
        { { 0, 1, 2 }, { 0, 5, 2 }, "not an order" },
        { { 0, 1, 2 }, { 0, -1, 2 }, "not an order" },
        { { 0, 1, 2 }, { 0, 0, 2 }, "a group without" },
        { { 0, 1, 2 }, { 0, 0, INT64_MAX - 1 }, "3" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct call t;
        call_begin(&t, "unique");
        t.node.n_out = 3;
        floats(&t, DIMS(3));
        list(&t, 3, bad[i].order);
        list(&t, 3, bad[i].group);
        refuses(&t, bad[i].text);
    }
}

/* ---- out of little ------------------------------------------------------------------------- */

static void ranges_without_an_end_are_refused(void **state)
{
    const int64_t whole[] = { 0, 1, -1, INT64_MIN, INT64_MAX };
    const double real[] = { 0, 1, (double)INFINITY, (double)NAN };
    struct call t;
    (void)state;

    for (int i = 0; i < 4; i++) {
        call_begin(&t, "range");
        call_in(&t, MDL_F64, 0, NULL, &real[0]);
        call_in(&t, MDL_F64, 0, NULL, &real[i == 2 ? 2 : 1]);
        call_in(&t, MDL_F64, 0, NULL, &real[i == 0 ? 0 : i == 3 ? 3 : 1]);
        if (i == 1)
            gives(&t, DIMS(1), &real[0]);
        else
            refuses(&t, "without an end");
    }
    call_begin(&t, "range");
    for (int i = 0; i < 3; i++)
        number(&t, &whole[0]);
    refuses(&t, "without an end");
    call_begin(&t, "range");      /* all of int64: 2^64 - 1 numbers */
    number(&t, &whole[3]);
    number(&t, &whole[4]);
    number(&t, &whole[1]);
    refuses(&t, "without an end");
    call_begin(&t, "range");      /* two of them, by the largest step down */
    number(&t, &whole[4]);
    number(&t, &whole[3]);
    number(&t, &whole[3]);
    gives(&t, DIMS(2), (const int64_t[]){ INT64_MAX, -1 });
}

static void a_hot_index_outside_is_nowhere(void **state)
{
    const int64_t at[] = { 1, -1, 3, -4, INT64_MIN }, depth = 3, minus = -1;
    const float values[] = { 0, 1 };
    const float want[] = { 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    struct call t;
    (void)state;

    call_begin(&t, "one_hot");
    call_in(&t, MDL_I64, DIMS(5), at);
    number(&t, &depth);
    call_in(&t, MDL_F32, DIMS(2), values);
    gives(&t, DIMS(5, 3), want);
    call_begin(&t, "one_hot");
    call_in(&t, MDL_I64, DIMS(5), at);
    number(&t, &minus);
    call_in(&t, MDL_F32, DIMS(2), values);
    refuses(&t, "expected one");
}

static void diagonals_far_outside_are_all_or_nothing(void **state)
{
    static const int64_t far[] = { INT64_MIN, INT64_MAX };
    const float zeros[6] = { 0 };
    struct call t;
    (void)state;

    for (int k = 0; k < 2; k++)
        for (int upper = 0; upper < 2; upper++) {
            call_begin(&t, "trilu");
            call_set(&t, "upper", upper);
            floats(&t, DIMS(2, 3));
            number(&t, &far[k]);
            gives(&t, DIMS(2, 3), upper != k ? ten : zeros);
        }
    for (int k = -3; k < 4; k++) {
        float want[6] = { 0 };
        call_begin(&t, "eye");
        call_set(&t, "k", k);
        floats(&t, DIMS(2, 3));
        for (int row = 0; row < 2; row++)
            if (row + k >= 0 && row + k < 3)
                want[row * 3 + row + k] = 1;
        gives(&t, DIMS(2, 3), want);
    }
}

/* 300 lanes beside each other and 300 elements in a row: both take more than a chunk. */
static void sums_so_far_are_those_of_a_loop(void **state)
{
    static float x[300 * 300], want[300 * 300];
    uint64_t seed = 3;
    (void)state;

    for (size_t i = 0; i < 300 * 300; i++)
        x[i] = (float)(next_random(&seed) % 1000);
    for (int64_t axis = 0; axis < 2; axis++)
        for (int how = 0; how < 4; how++) {
            const int reverse = how & 1, exclusive = how >> 1;
            struct call t;
            for (size_t lane = 0; lane < 300; lane++) {
                double sum = 0;
                for (size_t k = 0; k < 300; k++) {
                    const size_t i = reverse ? 299 - k : k;
                    const size_t at = axis ? lane * 300 + i : i * 300 + lane;
                    const double next = sum + (double)x[at];
                    want[at] = (float)(exclusive ? sum : next);
                    sum = next;
                }
            }
            call_begin(&t, "cumulate");
            call_set(&t, "reverse", reverse);
            call_set(&t, "exclusive", exclusive);
            call_in(&t, MDL_F32, DIMS(300, 300), x);
            number(&t, &axis);
            gives(&t, DIMS(300, 300), want);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indices_outside_are_refused),
        cmocka_unit_test(shapes_of_indices_are_checked),
        cmocka_unit_test(updates_reduce_in_their_own_type),
        cmocka_unit_test(equal_elements_come_in_their_order_and_nan_is_the_largest),
        cmocka_unit_test(the_first_k_are_those_of_a_full_sort),
        cmocka_unit_test(more_than_there_is_or_less_than_nothing_is_refused),
        cmocka_unit_test(texts_and_complex_numbers_have_an_order),
        cmocka_unit_test(an_order_that_is_none_is_refused),
        cmocka_unit_test(ranges_without_an_end_are_refused),
        cmocka_unit_test(a_hot_index_outside_is_nowhere),
        cmocka_unit_test(diagonals_far_outside_are_all_or_nothing),
        cmocka_unit_test(sums_so_far_are_those_of_a_loop),
    };

    return cmocka_run_group_tests_name("nd pick", tests, NULL, NULL);
}
