/*
 * tests/test_nd_reduce.c - reducing, normalising, quantising, transforming signals: bad input, and
 * what the tests of the ONNX standard leave out
 *
 * SPDX-License-Identifier: MIT
 */
#include "nd_calls.h"

#include "kernel/half.h"

static const float nan32 = NAN, inf32 = INFINITY;

/* ---- reduce -------------------------------------------------------------------------------- */

enum { SUM, MEAN, MAX, MIN, PROD, L1, L2, LOG_SUM, LOG_SUM_EXP, SUM_SQUARE };

static void reduce_begin_with(struct call *t, int kind, uint32_t type, uint32_t rank, const int64_t *dims,
                              const void *x)
{
    call_begin(t, "reduce");
    call_set(t, "kind", kind);
    call_set(t, "keepdims", 0);
    call_in(t, type, rank, dims, x);
}

static void nothing_reduced_gives_what_the_kind_begins_with(void **state)
{
    const float want[] = { 0, nan32, -inf32, inf32, 1, 0, 0, -inf32, -inf32, 0 };
    const int8_t least[] = { -128 }, largest[] = { 127 };
    const uint8_t none[] = { 0 }, yes[] = { 1 };
    struct call t;
    (void)state;

    for (int kind = SUM; kind <= SUM_SQUARE; kind++) {
        reduce_begin_with(&t, kind, MDL_F32, DIMS(2, 0), ten);
        list(&t, 1, (int64_t[]){ 1 });
        call_run(&t);
        assert_int_equal(t.y->count, 2);
        for (int i = 0; i < 2; i++) {
            const float got = ((float *)t.y->data)[i];
            assert_true(got == want[kind] || (got != got && want[kind] != want[kind]));
        }
        call_end(&t);
    }
    reduce_begin_with(&t, MAX, MDL_I8, DIMS(0), ten);
    gives(&t, 0, NULL, least);
    reduce_begin_with(&t, MIN, MDL_I8, DIMS(0), ten);
    gives(&t, 0, NULL, largest);
    reduce_begin_with(&t, MAX, MDL_BOOL, DIMS(0), ten);
    gives(&t, 0, NULL, none);
    reduce_begin_with(&t, MIN, MDL_BOOL, DIMS(0), ten);
    gives(&t, 0, NULL, yes);
    reduce_begin_with(&t, MEAN, MDL_I64, DIMS(0), ten);
    gives(&t, 0, NULL, (int64_t[]){ 0 });
}

static void integers_keep_their_low_bits_and_the_order_of_their_type(void **state)
{
    const int32_t big[] = { INT32_MAX, 1, -7, -7 };
    const uint64_t huge[] = { UINT64_MAX, 1, (uint64_t)1 << 63 };
    struct call t;
    (void)state;

    reduce_begin_with(&t, SUM, MDL_I32, DIMS(2, 2), big);
    list(&t, 1, (int64_t[]){ -1 });
    gives(&t, DIMS(2), (int32_t[]){ INT32_MIN, -14 });
    reduce_begin_with(&t, MEAN, MDL_I32, DIMS(4), (int32_t[]){ -7, 0, 0, 0 });
    gives(&t, 0, NULL, (int32_t[]){ -1 });
    reduce_begin_with(&t, L1, MDL_I32, DIMS(2), (int32_t[]){ -7, 2 });
    gives(&t, 0, NULL, (int32_t[]){ 9 });
    reduce_begin_with(&t, MAX, MDL_U64, DIMS(3), huge);
    gives(&t, 0, NULL, huge);
    reduce_begin_with(&t, MIN, MDL_U64, DIMS(3), huge);
    gives(&t, 0, NULL, huge + 1);
    reduce_begin_with(&t, MEAN, MDL_U64, DIMS(1), huge);
    gives(&t, 0, NULL, huge);
    reduce_begin_with(&t, L2, MDL_I32, DIMS(2), (int32_t[]){ 3, 4 });
    gives(&t, 0, NULL, (int32_t[]){ 5 });
}

static void nan_is_the_maximum_and_infinity_the_logarithm_of_its_power(void **state)
{
    struct call t;
    (void)state;

    reduce_begin_with(&t, MAX, MDL_F32, DIMS(3), (float[]){ 1, nan32, 2 });
    call_run(&t);
    assert_true(isnan(*(float *)t.y->data));
    call_end(&t);
    reduce_begin_with(&t, LOG_SUM_EXP, MDL_F32, DIMS(2, 2), (float[]){ -inf32, -inf32, inf32, 0 });
    list(&t, 1, (int64_t[]){ 1 });
    gives(&t, DIMS(2), (float[]){ -inf32, inf32 });
    /* 1000 + log 2: e^1000 is too large for any float */
    reduce_begin_with(&t, LOG_SUM_EXP, MDL_F64, DIMS(2), (double[]){ 1000, 1000 });
    gives(&t, 0, NULL, (double[]){ 0x1.f458b90bfbe8ep+9 });
}

/* Of every column alone, of all side by side; across two axes apart from one another. */
static void a_sum_has_the_same_bits_whatever_lies_beside_it(void **state)
{
    static double x[21 * 70], column[21];
    uint64_t seed = 3;
    struct call t, one;
    (void)state;

    for (int i = 0; i < 21 * 70; i++)
        x[i] = (double)(next_random(&seed) >> 11) * 0x1p-50 - 4;
    reduce_begin_with(&t, SUM, MDL_F64, DIMS(7, 3, 70), x);
    list(&t, 2, (int64_t[]){ 0, 1 });
    call_run(&t);
    for (int c = 0; c < 70; c++) {
        for (int r = 0; r < 21; r++)
            column[r] = x[r * 70 + c];
        reduce_begin_with(&one, SUM, MDL_F64, DIMS(7, 3, 1), column);
        list(&one, 2, (int64_t[]){ 0, 1 });
        gives(&one, DIMS(1), (double *)t.y->data + c);
    }
    call_end(&t);
    /* [7, 3, 70] over the first and the last axis: seven sums of rows, in order */
    reduce_begin_with(&t, SUM, MDL_F64, DIMS(7, 3, 70), x);
    list(&t, 2, (int64_t[]){ 2, 0 });
    call_run(&t);
    for (int k = 0; k < 3; k++) {
        double sum = 0;
        for (int r = 0; r < 7; r++)
            sum += mdl_kernels_ref.reduce_f64(0, x + (r * 3 + k) * 70, 70, 0);
        assert_true(((double *)t.y->data)[k] == sum);
    }
    call_end(&t);
}

static void without_axes_all_or_none_are_reduced(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "reduce");
    call_in(&t, MDL_F32, DIMS(2, 5), ten);
    gives(&t, DIMS(1, 1), (float[]){ 45 });
    reduce_begin_with(&t, SUM_SQUARE, MDL_F32, DIMS(2, 2), ten);
    call_set(&t, "noop", 1);
    gives(&t, DIMS(2, 2), (float[]){ 0, 1, 4, 9 });
    reduce_begin_with(&t, SUM, MDL_F32, 0, NULL, ten + 3);
    gives(&t, 0, NULL, (float[]){ 3 });
}

static void axes_that_are_not_there_are_refused(void **state)
{
    struct call t;
    (void)state;

    reduce_begin_with(&t, SUM, MDL_F32, DIMS(2, 5), ten);
    list(&t, 1, (int64_t[]){ 2 });
    refuses(&t, "axis 2 of a tensor of rank 2");
    reduce_begin_with(&t, SUM, MDL_F32, DIMS(2, 5), ten);
    list(&t, 2, (int64_t[]){ 1, -1 });
    refuses(&t, "axis 1 is named twice");
    reduce_begin_with(&t, SUM, MDL_BOOL, DIMS(2), "\1\1");
    refuses(&t, "input 0 is bool");
    call_begin(&t, "standardize");
    call_ints(&t, "axes", 1, (int64_t[]){ 3 });
    call_in(&t, MDL_F32, DIMS(2, 5), ten);
    refuses(&t, "axis 3 of a tensor of rank 2");
}

/* ---- arg, softmax ---------------------------------------------------------------------------- */

static void arg_takes_nan_for_the_most_extreme_and_refuses_nothing(void **state)
{
    const float x[] = { 1, nan32, 3, nan32, 3, 3, 1, 3 };
    const float down_x[] = { 1, 3, nan32, 3, 3, 1, nan32, 3 };
    struct call t;
    (void)state;

    for (int last = 0; last < 2; last++)
        for (int down = 0; down < 2; down++) {
            /* rows of four; or the same numbers in columns of one row each */
            call_begin(&t, "arg");
            call_set(&t, "axis", down ? 0 : 1);
            call_set(&t, "last", last);
            call_set(&t, "keepdims", 0);
            call_in(&t, MDL_F32, 2, down ? (const int64_t[]){ 4, 2 } : (const int64_t[]){ 2, 4 },
                    down ? down_x : x);
            gives(&t, DIMS(2), last ? (int64_t[]){ 3, 3 } : (int64_t[]){ 1, 0 });
        }
    call_begin(&t, "arg");
    call_set(&t, "kind", 1);
    call_in(&t, MDL_U64, DIMS(3), (uint64_t[]){ UINT64_MAX, UINT64_MAX - 1, UINT64_MAX });
    gives(&t, DIMS(1), (int64_t[]){ 1 });
    call_begin(&t, "arg");
    call_set(&t, "axis", 1);
    call_in(&t, MDL_F32, DIMS(2, 0), ten);
    refuses(&t, "axis 1 is empty");
}

static void softmax_of_a_column_has_the_bits_of_that_row(void **state)
{
    static float x[9 * 75], column[9];
    uint64_t seed = 5;
    struct call t, one;
    (void)state;

    for (int i = 0; i < 9 * 75; i++)
        x[i] = (float)(next_random(&seed) >> 40) * 0x1p-20f;
    for (int kind = 0; kind < 3; kind++) {
        call_begin(&t, "softmax");
        call_set(&t, "kind", kind);
        call_set(&t, "axis", 0);
        call_in(&t, MDL_F32, DIMS(9, 75), x);
        call_run(&t);
        for (int c = 0; c < 75; c++) {
            for (int r = 0; r < 9; r++)
                column[r] = x[r * 75 + c];
            call_begin(&one, "softmax");
            call_set(&one, "kind", kind);
            call_set(&one, "axis", 0);
            call_in(&one, MDL_F32, DIMS(9, 1), column);
            call_run(&one);
            for (int r = 0; r < 9; r++)
                assert_true(((float *)t.y->data)[r * 75 + c] == ((float *)one.y->data)[r]);
            call_end(&one);
        }
        call_end(&t);
    }
}

static void flat_softmax_takes_all_that_follows_as_one_row(void **state)
{
    const float equal[8] = { 0 };
    struct call t;
    (void)state;

    call_begin(&t, "softmax");
    call_set(&t, "axis", 1);
    call_set(&t, "flat", 1);
    call_in(&t, MDL_F32, DIMS(2, 2, 2), equal);
    gives(&t, DIMS(2, 2, 2), (float[]){ .25f, .25f, .25f, .25f, .25f, .25f, .25f, .25f });
    call_begin(&t, "softmax");
    call_set(&t, "axis", 2);
    call_in(&t, MDL_F32, DIMS(2, 2), ten);
    refuses(&t, "axis 2 of a tensor of rank 2");
}

/* ---- normalising ------------------------------------------------------------------------------- */

static void scale_of_another_shape_is_broadcast_in_place_too(void **state)
{
    float x[] = { 1, -1, 3, -3 };
    struct call t;
    (void)state;

    call_begin(&t, "layer_norm");
    call_set(&t, "epsilon", 0);
    call_in(&t, MDL_F32, DIMS(2, 2), x);
    call_in(&t, MDL_F32, DIMS(2, 1), (float[]){ 2, 5 });
    call_in(&t, MDL_F32, 0, NULL, (float[]){ 10 });
    gives(&t, DIMS(2, 2), (float[]){ 12, 8, 15, 5 });
    call_begin(&t, "layer_norm");
    call_in(&t, MDL_F32, DIMS(2, 2), x);
    call_in(&t, MDL_F32, DIMS(3), ten);
    refuses(&t, "do not broadcast");
    call_begin(&t, "layer_norm");
    call_in(&t, MDL_F32, DIMS(2), x);
    call_in(&t, MDL_F32, DIMS(2, 2), ten);
    refuses(&t, "scale of shape [2, 2] does not broadcast to [2]");

    /* The scale is x itself, and the result lies over both. */
    call_begin(&t, "layer_norm");
    call_set(&t, "epsilon", 0);
    call_in(&t, MDL_F32, DIMS(1, 2), (float[]){ 3, 1 });
    call_in(&t, MDL_F32, DIMS(1, 2), (float[]){ 3, 1 });
    call_run(&t);
    assert_memory_equal(t.y->data, ((float[]){ 3, -1 }), 8);
    float over[] = { 3, 1 };
    double temp[16];
    t.nds[0].data = t.nds[1].data = over;
    t.y->data = over;
    struct nd_call c = { .kernels = &mdl_kernels_ref, .graph = &t.graph, .values = t.nds,
                         .temp = temp, .temp_bytes = sizeof temp, .err = &t.err };
    assert_int_equal(t.node.op->eval(&t.node, &c), MDL_OK);
    assert_memory_equal(over, ((float[]){ 3, -1 }), 8);
    call_end(&t);
}

/* x in half precision, scale in float32, as mixed networks have them. */
static void types_of_layer_norm_may_differ(void **state)
{
    uint16_t x[] = { 0, 0 }, scale[2];
    struct call t;
    (void)state;

    x[0] = half_from_float(3);
    x[1] = half_from_float(1);
    for (int i = 0; i < 2; i++)
        scale[i] = bf16_from_float(2);
    call_begin(&t, "layer_norm");
    call_set(&t, "epsilon", 0);
    call_in(&t, MDL_F16, DIMS(1, 2), x);
    call_in(&t, MDL_BF16, DIMS(2), scale);
    gives(&t, DIMS(1, 2), (uint16_t[]){ half_from_float(2), half_from_float(-2) });
    call_begin(&t, "layer_norm");
    call_set(&t, "kind", 1);
    call_set(&t, "epsilon", 0);
    call_in(&t, MDL_F16, DIMS(1, 2), (uint16_t[]){ half_from_float(1), half_from_float(-1) });
    call_in(&t, MDL_F32, DIMS(2), (float[]){ 7, 8 });
    gives(&t, DIMS(1, 2), (float[]){ 7, -8 });
}

static void numbers_of_channels_must_fit(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "batch_norm");
    call_in(&t, MDL_F32, DIMS(2, 3), ten);
    for (int i = 0; i < 4; i++)
        call_in(&t, MDL_F32, DIMS(i == 3 ? 2 : 3), ten + 1);
    refuses(&t, "input 4 has 2 numbers, expected 3");
    call_begin(&t, "group_norm");
    call_set(&t, "groups", 2);
    call_in(&t, MDL_F32, DIMS(1, 3, 2), ten);
    call_in(&t, MDL_F32, DIMS(3), ten);
    call_in(&t, MDL_F32, DIMS(3), ten);
    refuses(&t, "3 channels in 2 groups");
    call_begin(&t, "lrn");
    call_in(&t, MDL_F32, DIMS(3), ten);
    refuses(&t, "x has rank 1");
    call_begin(&t, "lp_norm");
    call_set(&t, "p", 3);
    call_in(&t, MDL_F32, DIMS(3), ten);
    refuses(&t, "p is 3");
}

static void a_target_that_is_no_class_is_refused(void **state)
{
    struct call t;
    (void)state;

    for (int ignored = 0; ignored < 2; ignored++) {
        call_begin(&t, "nll_loss");
        call_set(&t, "has_ignore", ignored);
        call_set(&t, "ignore", 5);
        call_in(&t, MDL_F32, DIMS(2, 5), ten);
        call_in(&t, MDL_I64, DIMS(2), (int64_t[]){ 1, 5 });
        if (ignored)
            gives(&t, 0, NULL, (float[]){ -1 });
        else
            refuses(&t, "target 5 of 5 classes");
    }
    call_begin(&t, "nll_loss");
    call_in(&t, MDL_F32, DIMS(2, 5), ten);
    call_in(&t, MDL_I64, DIMS(2, 1), (int64_t[]){ 1, 2 });
    refuses(&t, "x of shape [2, 5] with targets of shape [2, 1]");
}

/* ---- quantising --------------------------------------------------------------------------------- */

static void quantize_saturates_and_takes_nan_for_the_least(void **state)
{
    const float x[] = { 0.5f, 1.5f, -2.5f, 1e30f, -inf32, nan32, 254.6f };
    struct call t;
    (void)state;

    call_begin(&t, "quantize");
    call_in(&t, MDL_F32, DIMS(7), x);
    call_in(&t, MDL_F32, 0, NULL, ten + 1);
    call_in(&t, MDL_U8, 0, NULL, "\3");
    gives(&t, DIMS(7), (uint8_t[]){ 3, 5, 1, 255, 0, 0, 255 });
    call_begin(&t, "quantize");
    call_set(&t, "to", 6);
    call_in(&t, MDL_F32, DIMS(7), x);
    call_in(&t, MDL_F32, 0, NULL, ten + 1);
    gives(&t, DIMS(7), (int8_t[]){ 0, 2, -2, 7, -8, -8, 7 });
}

/* 300 numbers: whole chunks and a part, against the formula on each alone. */
static void quantize_and_back_agree_with_the_formula_on_chunks(void **state)
{
    static float x[600], want[600];
    static int16_t q[600];
    const float scale[] = { 0.25f, 0.5f };
    const int16_t zero[] = { 5, -300 };
    struct call t;
    (void)state;

    for (int i = 0; i < 600; i++) {
        x[i] = (float)(i * 37 % 1000 - 500) * 0.125f;
        q[i] = (int16_t)((int)nearbyint((double)x[i] / (double)scale[i / 300]) + zero[i / 300]);
        want[i] = (float)(q[i] - zero[i / 300]) * scale[i / 300];
    }
    call_begin(&t, "quantize");
    call_set(&t, "axis", 0);
    call_in(&t, MDL_F32, DIMS(2, 300), x);
    call_in(&t, MDL_F32, DIMS(2), scale);
    call_in(&t, MDL_I16, DIMS(2), zero);
    gives(&t, DIMS(2, 300), q);
    call_begin(&t, "dequantize");
    call_set(&t, "axis", 0);
    call_in(&t, MDL_I16, DIMS(2, 300), q);
    call_in(&t, MDL_F32, DIMS(2), scale);
    call_in(&t, MDL_I16, DIMS(2), zero);
    gives(&t, DIMS(2, 300), want);
}

static void scales_that_do_not_fit_are_refused(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "quantize");
    call_in(&t, MDL_F32, DIMS(2, 5), ten);
    call_in(&t, MDL_F32, DIMS(4), ten);
    refuses(&t, "scales of shape [4] for [2, 5], axis 1");
    call_begin(&t, "quantize");
    call_set(&t, "block", 2);
    call_in(&t, MDL_F32, DIMS(2, 5), ten);
    call_in(&t, MDL_F32, DIMS(2, 2), ten);
    refuses(&t, "blocks of 2");
    call_begin(&t, "quantize");
    call_in(&t, MDL_F32, DIMS(2, 5), ten);
    call_in(&t, MDL_F32, DIMS(5), ten);
    call_in(&t, MDL_U8, DIMS(2), ten);
    refuses(&t, "zero points of shape [2]");
    call_begin(&t, "dequantize");
    call_in(&t, MDL_U8, DIMS(2), ten);
    call_in(&t, MDL_F32, 0, NULL, ten);
    call_in(&t, MDL_I8, 0, NULL, ten);
    refuses(&t, "the zero point is int8, x is uint8");
}

static void dynamic_quantize_of_nothing_has_the_scale_of_zeros(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "dynamic_quantize");
    t.node.n_out = 3;
    call_in(&t, MDL_F32, DIMS(0), ten);
    call_run(&t);
    assert_true(*(float *)t.y[1].data == 1.0f / 255);
    assert_true(*(uint8_t *)t.y[2].data == 0);
    call_end(&t);
}

/* ---- signals and boxes ---------------------------------------------------------------------------- */

/* The transform of one 1 at place 1 is the unit circle, whatever the length. */
static void the_transform_of_an_impulse_is_the_unit_circle(void **state)
{
    static double x[300];
    struct call t;
    (void)state;

    x[1] = 1;
    for (int64_t n = 2; n <= 300; n += n < 40 ? 1 : 29) {
        call_begin(&t, "dft");
        call_in(&t, MDL_F64, DIMS(n, 1), x);
        call_run(&t);
        for (int64_t k = 0; k < n; k++) {
            const long double angle = -2 * 3.14159265358979323846264L * (long double)k / (long double)n;
            assert_true(fabsl((long double)((double *)t.y->data)[2 * k] - cosl(angle)) < 1e-14L);
            assert_true(fabsl((long double)((double *)t.y->data)[2 * k + 1] - sinl(angle)) < 1e-14L);
        }
        call_end(&t);
    }
}

static void transforms_of_no_length_and_of_other_parts_are_refused(void **state)
{
    struct call t;
    (void)state;

    call_begin(&t, "dft");
    call_in(&t, MDL_F32, DIMS(3, 3), ten);
    refuses(&t, "not one of 1 or 2 parts");
    call_begin(&t, "dft");
    call_in(&t, MDL_F32, DIMS(3, 1), ten);
    number(&t, (int64_t[]){ INT64_MAX });
    refuses(&t, "a transform of 9223372036854775807 numbers");
    call_begin(&t, "dft");
    call_in(&t, MDL_F32, DIMS(0, 1), ten);
    refuses(&t, "a transform of 0 numbers");
    call_begin(&t, "dft");
    call_set(&t, "onesided", 1);
    call_in(&t, MDL_F32, DIMS(3, 2), ten);
    refuses(&t, "one side of the transform of complex numbers");
    call_begin(&t, "stft");
    call_in(&t, MDL_F32, DIMS(1, 9, 1), ten);
    number(&t, (int64_t[]){ 0 });
    refuses(&t, "a step of 0");
    call_begin(&t, "window");
    number(&t, (int64_t[]){ -1 });
    refuses(&t, "a window of -1 numbers");
    call_begin(&t, "window");
    call_set(&t, "periodic", 0);
    number(&t, (int64_t[]){ 1 });
    gives(&t, DIMS(1), (float[]){ 1 });
}

static void bands_beyond_the_spectrum_are_cut(void **state)
{
    const float edges[] = { 0, 1e9f, -700 };
    struct call t;
    (void)state;

    for (int low = 0; low < 3; low += 2) {
        call_begin(&t, "mel_weights");
        number(&t, (int64_t[]){ 2 });
        number(&t, (int64_t[]){ 8 });
        number(&t, (int64_t[]){ 8000 });
        call_in(&t, MDL_F32, 0, NULL, edges + low);
        call_in(&t, MDL_F32, 0, NULL, edges + 1);
        if (low) {
            refuses(&t, "edges at or below -700 hertz");
            continue;
        }
        call_run(&t);
        assert_int_equal(t.y->count, 10);
        for (int i = 0; i < 10; i++)
            assert_true(((float *)t.y->data)[i] >= 0 && ((float *)t.y->data)[i] <= 1);
        call_end(&t);
    }
}

static void boxes_of_nan_scores_are_never_selected(void **state)
{
    const float boxes[] = { 0, 0, 1, 1,  0, 0, 1, 1,  5, 5, 6, 6,  5, 5, 6, nan32 };
    const float scores[] = { nan32, 0.5f, 0.25f, 0.25f }, overlap = 0.5f;
    struct call t;
    (void)state;

    call_begin(&t, "nms");
    call_in(&t, MDL_F32, DIMS(1, 4, 4), boxes);
    call_in(&t, MDL_F32, DIMS(1, 1, 4), scores);
    number(&t, (int64_t[]){ INT64_MAX });
    call_in(&t, MDL_F32, 0, NULL, &overlap);
    gives(&t, DIMS(3, 3), (int64_t[]){ 0, 0, 1,  0, 0, 2,  0, 0, 3 });
    call_begin(&t, "nms");
    call_in(&t, MDL_F32, DIMS(0, 200000, 4), boxes);
    call_in(&t, MDL_F32, DIMS(0, 1, 200000), scores);
    refuses(&t, "200000 boxes");
    call_begin(&t, "nms");
    call_in(&t, MDL_F32, DIMS(1, 4, 4), boxes);
    call_in(&t, MDL_F32, DIMS(1, 4, 1), scores);
    refuses(&t, "boxes of shape [1, 4, 4] with scores of shape [1, 4, 1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_reduced_gives_what_the_kind_begins_with),
        cmocka_unit_test(integers_keep_their_low_bits_and_the_order_of_their_type),
        cmocka_unit_test(nan_is_the_maximum_and_infinity_the_logarithm_of_its_power),
        cmocka_unit_test(a_sum_has_the_same_bits_whatever_lies_beside_it),
        cmocka_unit_test(without_axes_all_or_none_are_reduced),
        cmocka_unit_test(axes_that_are_not_there_are_refused),
        cmocka_unit_test(arg_takes_nan_for_the_most_extreme_and_refuses_nothing),
        cmocka_unit_test(softmax_of_a_column_has_the_bits_of_that_row),
        cmocka_unit_test(flat_softmax_takes_all_that_follows_as_one_row),
        cmocka_unit_test(scale_of_another_shape_is_broadcast_in_place_too),
        cmocka_unit_test(types_of_layer_norm_may_differ),
        cmocka_unit_test(numbers_of_channels_must_fit),
        cmocka_unit_test(a_target_that_is_no_class_is_refused),
        cmocka_unit_test(quantize_saturates_and_takes_nan_for_the_least),
        cmocka_unit_test(quantize_and_back_agree_with_the_formula_on_chunks),
        cmocka_unit_test(scales_that_do_not_fit_are_refused),
        cmocka_unit_test(dynamic_quantize_of_nothing_has_the_scale_of_zeros),
        cmocka_unit_test(the_transform_of_an_impulse_is_the_unit_circle),
        cmocka_unit_test(transforms_of_no_length_and_of_other_parts_are_refused),
        cmocka_unit_test(bands_beyond_the_spectrum_are_cut),
        cmocka_unit_test(boxes_of_nan_scores_are_never_selected),
    };

    return cmocka_run_group_tests_name("nd reduce", tests, NULL, NULL);
}
