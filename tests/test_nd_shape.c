/*
 * tests/test_nd_shape.c - operators that change shapes, cut and pad: bad input, and what the tests
 * of the ONNX standard leave out
 *
 * SPDX-License-Identifier: MIT
 */
#include "nd_calls.h"

#include "op/nd_move.h"

/* ---- boxes -------------------------------------------------------------------------------- */

/* A box of `rank` dims walked element by element. */
static void walk(unsigned char *to, const unsigned char *from, size_t size, const struct nd_box *b)
{
    int64_t at[ND_BOX_RANK] = { 0 };
    uint64_t n = 1;

    for (uint32_t i = 0; i < b->rank; i++)
        n *= (uint64_t)b->dims[i];
    for (uint64_t k = 0; k < n; k++) {
        int64_t t = 0, f = 0;
        for (uint32_t i = 0; i < b->rank; i++) {
            t += at[i] * b->to[i];
            f += at[i] * b->from[i];
        }
        memcpy(to + t * (int64_t)size, from + f * (int64_t)size, size);
        for (uint32_t i = b->rank; i-- && ++at[i] == b->dims[i];)
            at[i] = 0;
    }
}

/* Random permutations with steps, gaps, repeats and backwards dims, of every size. */
static void a_box_moves_as_element_by_element(void **state)
{
    static unsigned char from[1 << 18], got[1 << 18], want[1 << 18];
    uint64_t seed = 42;
    (void)state;

    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)next_random(&seed);
    for (int round = 0; round < 3000; round++) {
        const size_t size = (size_t)1 << next_random(&seed) % 5;
        struct nd_box b = { .rank = (uint32_t)(next_random(&seed) % 5) };
        int64_t to_step = 1, from_step = 1, to_first = 0, from_first = 0;
        for (uint32_t i = b.rank; i--;)
            b.dims[i] = 1 + (int64_t)(next_random(&seed) % (b.rank < 3 ? 40 : 7));
        uint32_t order[4] = { 0, 1, 2, 3 };
        for (uint32_t i = b.rank; i > 1; i--) {
            const uint32_t k = (uint32_t)(next_random(&seed) % i), was = order[i - 1];
            order[i - 1] = order[k];
            order[k] = was;
        }
        for (uint32_t i = b.rank; i--;) {
            const uint32_t k = order[i];
            const int back = next_random(&seed) % 8 == 0, again = next_random(&seed) % 8 == 0;
            b.to[i] = to_step;
            to_step *= b.dims[i] + (next_random(&seed) % 4 == 0);
            b.from[k] = again ? 0 : back ? -from_step : from_step;
            from_first += back && !again ? from_step * (b.dims[k] - 1) : 0;
            from_step *= again ? 1 : b.dims[k] + (next_random(&seed) % 4 == 0);
        }
        assert_true((uint64_t)to_step * size <= sizeof got);
        assert_true((uint64_t)from_step * size <= sizeof from);
        memset(got, 0xAA, sizeof got);
        memset(want, 0xAA, sizeof want);
        mdl_nd_move(got + (size_t)to_first * size, from + (size_t)from_first * size, size, &b);
        walk(want + (size_t)to_first * size, from + (size_t)from_first * size, size, &b);
        assert_memory_equal(got, want, sizeof got);
    }
}

/* ---- shapes ------------------------------------------------------------------------------- */

static void shapes_that_do_not_fit_are_refused(void **state)
{
    static const struct { const char *op, *text; uint32_t n; int64_t list[9]; } bad[] = {
        { "reshape", "does not become", 1, { 7 } },
        { "reshape", "for the second time", 2, { -1, -1 } },
        { "reshape", "is -2", 1, { -2 } },
        { "reshape", "of a tensor of rank 2", 3, { 2, 3, 0 } },
        { "reshape", "times -1", 2, { -1, 4 } },
        { "reshape", "too many elements", 3, { 1ll << 40, 1ll << 40, -1 } },
        { "reshape", "too many elements", 2, { 1ll << 32, 1ll << 32 } },
        { "reshape", "at most 8", 9, { 1, 1, 1, 1, 1, 1, 1, 2, 3 } },
        { "squeeze", "expected 1", 1, { 0 } },
        { "squeeze", "axis 2 of", 1, { 2 } },
        { "unsqueeze", "axis 5 of", 1, { 5 } },
        { "unsqueeze", "given twice", 2, { 0, -4 } },
        { "unsqueeze", "rank 9", 7, { 0, 1, 2, 3, 4, 5, 6 } },
        { "expand", "do not broadcast", 1, { 5 } },
        { "expand", "dimension 0 of shape is -1", 2, { -1, 3 } },
        { "tile", "3 repeats", 3, { 1, 1, 1 } },
        { "tile", "repeated -1 times", 2, { 1, -1 } },
        { "tile", "repeated", 2, { 1, INT64_MAX } },
        { "center_crop_pad", "1 dimensions, expected 2", 1, { 3 } },
        { "center_crop_pad", "is -3", 2, { 3, -3 } },
        { "pad", "3 pads of 2 axes", 3, { 0, 0, 0 } },
        { "pad", "pads of -4 and 0", 4, { 0, -4, 0, 0 } },
        { "pad", "pads of", 4, { 0, INT64_MAX, 0, 0 } },
        { "pad", "pads of", 4, { 0, INT64_MIN, 0, 0 } },
        { "split", "sizes leave 1", 1, { 1 } },
        { "split", "a part of -1", 1, { -1 } },
        { "split", "a part of 3", 1, { 3 } },
        { "split", "another number of sizes", 2, { 1, 1 } },
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct call t;
        call_begin(&t, bad[i].op);
        floats(&t, DIMS(2, 3));
        list(&t, bad[i].n, bad[i].list);
        refuses(&t, bad[i].text);
    }
}

static void a_zero_that_is_copied_leaves_the_rest_to_be_worked_out(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "reshape");
    floats(&t, DIMS(0, 3, 4));
    list(&t, DIMS(0, -1));
    gives(&t, DIMS(0, 12), ten);
    call_begin(&t, "reshape");
    call_set(&t, "allowzero", 1);
    floats(&t, DIMS(0, 3));
    list(&t, DIMS(0, -1));
    refuses(&t, "times -1");
}

static void a_slice_holds_any_position_and_step(void **state)
{
    static const struct { int64_t start, end, step, n; float first; } cases[] = {
        { INT64_MIN, INT64_MAX, 1, 10, 0 }, { INT64_MAX, INT64_MIN, -1, 10, 9 },
        { 3, INT64_MAX, INT64_MAX, 1, 3 },  { -1, INT64_MIN, INT64_MIN, 1, 9 },
        { 7, 7, 1, 0, 0 },                  { 2, 8, -1, 0, 0 },
        { -4, -1, 2, 2, 6 },                { 8, 2, -3, 2, 8 },
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call t;
        call_begin(&t, "slice");
        floats(&t, DIMS(10));
        list(&t, 1, &cases[i].start);
        list(&t, 1, &cases[i].end);
        list(&t, DIMS(0));
        list(&t, 1, &cases[i].step);
        call_run(&t);
        assert_int_equal(t.y->dims[0], cases[i].n);
        if (cases[i].n)
            assert_true(*(const float *)t.y->data == cases[i].first);
        call_end(&t);
    }
}

static void slices_of_other_lengths_and_steps_of_zero_are_refused(void **state)
{
    static const char *const texts[] = { "another number", "axis 2 of", "a step of 0",
                                         "at most 2" };
    struct call t;
    (void)state;

    for (int i = 0; i < 4; i++) {
        call_begin(&t, "slice");
        floats(&t, DIMS(2, 3));
        list(&t, DIMS(0));
        list(&t, i ? 1 : 2, (int64_t[]){ 1, 1 });
        list(&t, 1, (int64_t[]){ i == 1 ? 2 : 0 });
        list(&t, 1, (int64_t[]){ i != 2 });
        if (i == 3)
            t.nds[1].dims[0] = 9, t.nds[1].count = 9;
        refuses(&t, texts[i]);
    }
    call_begin(&t, "slice");
    floats(&t, DIMS(2, 3));
    list(&t, DIMS(0, 0));
    list(&t, DIMS(1, 1));
    list(&t, DIMS(1, -1));
    refuses(&t, "given twice");
}

static void pads_longer_than_the_tensor_go_on(void **state)
{
    static const struct { int mode; float want[9]; } cases[] = {
        { 1, { 1, 2, 1, 0, 1, 2, 1, 0, 1 } },     /* reflect */
        { 2, { 0, 0, 0, 0, 1, 2, 2, 2, 2 } },     /* edge    */
        { 3, { 2, 0, 1, 2, 0, 1, 2, 0, 1 } },     /* wrap: four before */
    };
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        struct call t;
        call_begin(&t, "pad");
        call_set(&t, "mode", cases[i].mode);
        floats(&t, DIMS(3));
        list(&t, DIMS(cases[i].mode == 3 ? 4 : 3, cases[i].mode == 3 ? 2 : 3));
        gives(&t, DIMS(9), cases[i].want);
    }
}

static void nothing_is_not_continued(void **state)
{
    struct call t;
    (void)state;

    for (int mode = 0; mode < 4; mode++) {
        static const float zeros[2];
        call_begin(&t, "pad");
        call_set(&t, "mode", mode);
        floats(&t, DIMS(0));
        list(&t, DIMS(1, 1));
        if (mode)
            refuses(&t, "has no elements to be continued");
        else
            gives(&t, DIMS(2), zeros);
    }
}

static void texts_are_padded_with_empty_ones(void **state)
{
    static const char *const x[] = { "a", "b" };
    const char *const *y;
    struct call t;
    (void)state;

    call_begin(&t, "pad");
    call_in(&t, MDL_STRING, DIMS(2), x);
    list(&t, DIMS(1, 0));
    call_run(&t);
    y = t.y->data;
    assert_string_equal(y[0], "");
    assert_string_equal(y[1], "a");
    assert_string_equal(y[2], "b");
    call_end(&t);
}

/* ---- parameters of the file --------------------------------------------------------------- */

static void bad_parameters_are_refused(void **state)
{
    static const int64_t perms[][3] = { { 0, 0, 1 }, { 0, 1, 3 }, { -1, 0, 1 },
                                        { INT64_MAX, 0, 1 } };
    struct call t;
    (void)state;

    for (size_t i = 0; i < sizeof perms / sizeof *perms; i++) {
        call_begin(&t, "transpose");
        call_ints(&t, "perm", 3, perms[i]);
        floats(&t, DIMS(1, 2, 3));
        refuses(&t, "where it cannot be");
    }
    call_begin(&t, "transpose");
    call_ints(&t, "perm", 2, (int64_t[]){ 1, 0 });
    floats(&t, DIMS(1, 2, 3));
    refuses(&t, "a tensor of rank 3, perm has 2");
    for (int i = 0; i < 2; i++) {
        call_begin(&t, "depth_space");
        call_set(&t, "block", i ? 1e9 : 0);
        floats(&t, DIMS(1, 4, 1, 1));
        refuses(&t, "blocks of");
    }
    for (int mode = 0; mode < 3; mode++) {
        call_begin(&t, "depth_space");
        call_set(&t, "block", 2);
        call_set(&t, "mode", mode);
        floats(&t, DIMS(1, 3, 3, 1));
        refuses(&t, "does not divide into blocks");
    }
    call_begin(&t, "reverse_sequence");
    call_set(&t, "time_axis", 1);
    floats(&t, DIMS(2, 3));
    list(&t, DIMS(1, 1));
    refuses(&t, "expected 0 and 1");
    call_begin(&t, "gather_nd");
    call_set(&t, "batch_dims", 8);
    floats(&t, DIMS(2, 3));
    list(&t, DIMS(1));
    refuses(&t, "batch_dims is 8");
    call_begin(&t, "eye");
    call_set(&t, "type", MDL_STRING);
    floats(&t, DIMS(2, 3));
    refuses(&t, "which has no 1");
    call_begin(&t, "gather");
    floats(&t, DIMS(2, 3));
    floats(&t, DIMS(1));
    refuses(&t, "input 1 is float32");
    call_begin(&t, "join");
    floats(&t, DIMS(2));
    list(&t, DIMS(1));
    refuses(&t, "expected the same type");
}

static void axes_beyond_the_rank_are_refused(void **state)
{
    static const char *const ops[] = { "flatten", "join", "split", "gather", "gather_elements",
                                       "compress", "topk", "order", "scatter_elements",
                                       "tensor_scatter" };
    (void)state;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (int below = 0; below < 2; below++) {
            const uint8_t yes = 1;
            struct call t;
            call_begin(&t, ops[i]);
            call_set(&t, "axis", below ? -4 : 3);
            floats(&t, DIMS(1, 2));
            if (!strncmp(ops[i], "gather", 6) || !strcmp(ops[i], "scatter_elements")
                || !strcmp(ops[i], "topk"))
                list(&t, DIMS(1));
            if (!strcmp(ops[i], "compress"))
                call_in(&t, MDL_BOOL, DIMS(1), &yes);
            if (strstr(ops[i], "scatter"))
                floats(&t, DIMS(1, 2));
            refuses(&t, "of a tensor of rank 2");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_box_moves_as_element_by_element),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(a_zero_that_is_copied_leaves_the_rest_to_be_worked_out),
        cmocka_unit_test(a_slice_holds_any_position_and_step),
        cmocka_unit_test(slices_of_other_lengths_and_steps_of_zero_are_refused),
        cmocka_unit_test(pads_longer_than_the_tensor_go_on),
        cmocka_unit_test(nothing_is_not_continued),
        cmocka_unit_test(texts_are_padded_with_empty_ones),
        cmocka_unit_test(bad_parameters_are_refused),
        cmocka_unit_test(axes_beyond_the_rank_are_refused),
    };

    return cmocka_run_group_tests_name("nd shape", tests, NULL, NULL);
}
