/*
 * tests/test_nd_math.c - operators that work element by element: what the tests of ONNX leave out
 *
 * SPDX-License-Identifier: MIT
 */
#include "nd_calls.h"

#include "op/nd_number.h"

/* Positions in the lists of kinds, by name. */
static double kind(const struct call *t, const char *name)
{
    const char *const *names = t->node.op->fields[0].choices;
    int i = 0;

    while (names[i] && strcmp(names[i], name) != 0)
        i++;
    assert_non_null(names[i]);
    return i;
}

static struct call *begin(const char *op, const char *name)
{
    static struct call t;

    call_begin(&t, op);
    if (name)
        call_set(&t, t.node.op->fields[0].name, kind(&t, name));
    return &t;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static int64_t below(uint64_t *seed, uint64_t n)
{
    return (int64_t)((next_random(seed) >> 33) % n);
}

/* Element of an operand at index `at` of the result, by the rule itself. */
static uint64_t at_index(const struct nd *y, const int64_t *at, const struct nd *from)
{
    uint64_t place = 0;

    for (uint32_t d = 0; d < from->rank; d++) {
        const int64_t i = at[y->rank - from->rank + d];
        place = place * (uint64_t)from->dims[d] + (uint64_t)(from->dims[d] == 1 ? 0 : i);
    }
    return place;
}

/* Some dims of y are 1 in it, and some leading ones are not there. */
static uint32_t operand_dims(uint64_t *seed, int64_t *dims, uint32_t rank, const int64_t *y, int whole)
{
    const uint32_t cut = whole ? 0 : (uint32_t)below(seed, rank + 1u) * (below(seed, 3) == 0);

    for (uint32_t d = cut; d < rank; d++)
        dims[d - cut] = !whole && below(seed, 3) == 0 ? 1 : y[d];
    return rank - cut;
}

enum { MOST = 40000 };

static void broadcasting_is_that_of_a_loop_over_indices(void **state)
{
    static const int64_t sizes[] = { 0, 1, 1, 2, 3, 5, 8, 63, 64, 65, 130, 300 };
    static float f[3][MOST];
    static uint8_t u[3][MOST];
    uint64_t seed = 12;

    (void)state;
    for (size_t i = 0; i < MOST; i++)
        for (int k = 0; k < 3; k++) {
            f[k][i] = (float)below(&seed, 1000);
            u[k][i] = (uint8_t)below(&seed, k ? 200 : 2);
        }
    for (int round = 0; round < 1500; round++) {
        const uint32_t rank = (uint32_t)below(&seed, 6);
        int64_t y_dims[6], dims[3][6], at[6] = { 0 };
        uint64_t count = 1;
        for (uint32_t d = 0; d < rank; d++) {
            y_dims[d] = sizes[below(&seed, sizeof sizes / sizeof *sizes)];
            if (count * (uint64_t)(y_dims[d] ? y_dims[d] : 1) > MOST)
                y_dims[d] = 1;
            count *= (uint64_t)(y_dims[d] ? y_dims[d] : 1);
        }
        const int is_where = round % 3 == 0, is_float = round % 2;
        struct call *t = is_where ? begin("where", NULL) : begin("binary", "add");
        for (uint32_t k = 0, n = is_where ? 3 : 2; k < n; k++) {
            const uint32_t r = operand_dims(&seed, dims[k], rank, y_dims, k + 1 == n);
            if (is_where && !k)
                call_in(t, MDL_BOOL, r, dims[k], u[0]);
            else
                call_in(t, is_float ? MDL_F32 : MDL_U8, r, dims[k], is_float ? (void *)f[k] : u[k]);
        }
        call_run(t);
        assert_int_equal(t->y->rank, rank);
        assert_memory_equal(t->y->dims, y_dims, rank * sizeof *y_dims);
        for (uint64_t i = 0; i < t->y->count; i++) {
            uint64_t from[3];
            for (uint32_t k = 0; k < t->node.n_in; k++)
                from[k] = at_index(t->y, at, &t->nds[k]);
            if (is_float) {
                const float want = !is_where ? f[0][from[0]] + f[1][from[1]]
                                 : u[0][from[0]] ? f[1][from[1]] : f[2][from[2]];
                assert_true(((float *)t->y->data)[i] == want);
            } else {
                const int want = !is_where ? u[0][from[0]] + u[1][from[1]]
                               : u[0][from[0]] ? u[1][from[1]] : u[2][from[2]];
                assert_int_equal(((uint8_t *)t->y->data)[i], want & 255);
            }
            for (uint32_t d = rank; d-- > 0;) {
                if (++at[d] < y_dims[d])
                    break;
                at[d] = 0;
            }
        }
        call_end(t);
    }
}

static void shapes_that_do_not_broadcast_are_refused(void **state)
{
    struct call *t = begin("binary", "mul");

    (void)state;
    floats(t, DIMS(2, 3));
    floats(t, DIMS(2, 2));
    refuses(t, "[2, 3] and [2, 2] do not broadcast");
    t = begin("where", NULL);
    call_in(t, MDL_BOOL, DIMS(2), "\1\0");
    floats(t, DIMS(3));
    floats(t, DIMS(1));
    refuses(t, "do not broadcast");
}

static void types_that_do_not_fit_are_refused(void **state)
{
    static const double d[2];
    struct call *t = begin("binary", "add");

    (void)state;
    floats(t, DIMS(2));
    call_in(t, MDL_F64, DIMS(2), d);
    refuses(t, "same type");
    t = begin("binary", "bit_and");
    floats(t, DIMS(2));
    floats(t, DIMS(2));
    refuses(t, "input 0 is float32");
    t = begin("binary", "and");
    list(t, DIMS(1, 2));
    list(t, DIMS(1, 2));
    refuses(t, "input 0 is int64");
    t = begin("unary", "sin");
    list(t, DIMS(1, 2));
    refuses(t, "input 0 is int64");
    t = begin("compare", "less");
    call_in(t, MDL_STRING, DIMS(1), (const char *[]){ "a" });
    call_in(t, MDL_STRING, DIMS(1), (const char *[]){ "b" });
    refuses(t, "input 0 is string");
    t = begin("where", NULL);
    floats(t, DIMS(2));
    floats(t, DIMS(2));
    floats(t, DIMS(2));
    refuses(t, "input 0 is float32");
    t = begin("where", NULL);
    call_in(t, MDL_BOOL, DIMS(2), "\1\0");
    floats(t, DIMS(2));
    call_in(t, MDL_F64, DIMS(2), d);
    refuses(t, "same type");
    t = begin("clip", NULL);
    call_in(t, MDL_BOOL, DIMS(2), "\1\0");
    refuses(t, "input 0 is bool");
    t = begin("convert", "string");
    floats(t, DIMS(2));
    refuses(t, "float32 does not become string");
    t = begin("convert", NULL);
    floats(t, DIMS(2));
    refuses(t, "no type to convert to");
    t = begin("reinterpret", "int64");
    floats(t, DIMS(2));
    refuses(t, "float32 has not as many bits as int64");
}

/* ---- integers ---------------------------------------------------------------------------------- */

/* f(a, b) of whole numbers, in this type. */
static int64_t integer(const char *name, uint32_t type, int64_t a, int64_t b)
{
    struct call *t = begin("binary", name);
    int64_t in[2] = { 0, 0 }, y;

    mdl_nd_store_i64(&in[0], type, 0, &a, 1);
    mdl_nd_store_i64(&in[1], type, 0, &b, 1);
    call_in(t, type, 0, NULL, &in[0]);
    call_in(t, type, 0, NULL, &in[1]);
    call_run(t);
    y = mdl_nd_int(t->y, 0);
    call_end(t);
    return y;
}

static void integers_divide_and_wrap_as_the_documents_say(void **state)
{
    (void)state;
    assert_int_equal(integer("div", MDL_I32, -7, 2), -3);
    assert_int_equal(integer("div", MDL_I32, 7, 0), 0);
    assert_int_equal(integer("div", MDL_I32, INT32_MIN, -1), INT32_MIN);
    assert_int_equal(integer("div", MDL_I64, INT64_MIN, -1), INT64_MIN);
    assert_int_equal(integer("div", MDL_U64, -2, 2), INT64_MAX);
    assert_int_equal(integer("mod", MDL_I8, -7, 3), 2);
    assert_int_equal(integer("mod", MDL_I8, 7, -3), -2);
    assert_int_equal(integer("mod", MDL_I64, INT64_MIN, -1), 0);
    assert_int_equal(integer("mod", MDL_I64, 5, 0), 0);
    assert_int_equal(integer("mod", MDL_U64, -1, 10), 5);       /* 2^64 - 1 */
    assert_int_equal(integer("fmod", MDL_I16, -7, 3), -1);
    assert_int_equal(integer("fmod", MDL_I64, INT64_MIN, -1), 0);
    assert_int_equal(integer("add", MDL_I8, 127, 1), -128);
    assert_int_equal(integer("add", MDL_I64, INT64_MAX, 1), INT64_MIN);
    assert_int_equal(integer("sub", MDL_U8, 1, 2), 255);
    assert_int_equal(integer("mul", MDL_I64, INT64_MAX, 2), -2);
    assert_int_equal(integer("pow", MDL_I64, -3, 3), -27);
    assert_int_equal(integer("pow", MDL_I64, 2, -1), 0);
    assert_int_equal(integer("pow", MDL_I64, -1, -3), -1);
    assert_int_equal(integer("pow", MDL_I64, 0, 0), 1);
    assert_int_equal(integer("max", MDL_U64, -1, 1), -1);
    assert_int_equal(integer("min", MDL_U64, -1, 1), 1);
    assert_int_equal(integer("shift_left", MDL_U8, 255, 1), 254);
    assert_int_equal(integer("shift_left", MDL_U64, 1, 64), 0);
    assert_int_equal(integer("shift_right", MDL_U64, -1, 63), 1);
    assert_int_equal(integer("shift_right", MDL_U64, 5, -1), 0);
    assert_int_equal(integer("shift_left", MDL_U32, 3, 32), 0);
}

static void uint64_compares_and_clips_above_half_of_it(void **state)
{
    const uint64_t x[3] = { 1, (uint64_t)1 << 63, UINT64_MAX }, low = 2, high = UINT64_MAX - 1;
    struct call *t = begin("compare", "greater");

    (void)state;
    call_in(t, MDL_U64, DIMS(3), x);
    call_in(t, MDL_U64, DIMS(1), &high);
    gives(t, DIMS(3), "\0\0\1");
    t = begin("clip", NULL);
    call_in(t, MDL_U64, DIMS(3), x);
    call_in(t, MDL_U64, 0, NULL, &low);
    call_in(t, MDL_U64, 0, NULL, &high);
    gives(t, DIMS(3), ((uint64_t[]){ 2, (uint64_t)1 << 63, UINT64_MAX - 1 }));
    t = begin("unary", "sign");
    call_in(t, MDL_U64, DIMS(3), x);
    gives(t, DIMS(3), ((uint64_t[]){ 1, 1, 1 }));
    t = begin("unary", "abs");
    call_in(t, MDL_I64, DIMS(2), ((int64_t[]){ INT64_MIN, -3 }));
    gives(t, DIMS(2), ((int64_t[]){ INT64_MIN, 3 }));
}

/* ---- the rest ------------------------------------------------------------------------------------ */

static void strings_are_equal_letter_by_letter(void **state)
{
    struct call *t = begin("compare", "equal");

    (void)state;
    call_in(t, MDL_STRING, DIMS(2, 2), ((const char *[]){ "a", "b", "", "ab" }));
    call_in(t, MDL_STRING, DIMS(2), ((const char *[]){ "a", "ab" }));
    gives(t, DIMS(2, 2), "\1\0\0\1");
}

static void bounds_of_clip_are_one_number_each(void **state)
{
    struct call *t = begin("clip", NULL);

    (void)state;
    floats(t, DIMS(3));
    floats(t, DIMS(2));
    refuses(t, "input 1 is [2], expected one number");
    t = begin("clip", NULL);
    call_set(t, "high", 1.5);
    floats(t, DIMS(4));
    gives(t, DIMS(4), ((float[]){ 0, 1, 1.5f, 1.5f }));
}

static void training_is_refused_in_the_call(void **state)
{
    const float half = 0.5f, zero = 0;
    struct call *t = begin("dropout", NULL);

    (void)state;
    floats(t, DIMS(2));
    call_in(t, MDL_F32, 0, NULL, &half);
    call_in(t, MDL_BOOL, 0, NULL, "\1");
    refuses(t, "training");
    t = begin("dropout", NULL);
    t->node.n_out = 2;
    floats(t, DIMS(2));
    call_in(t, MDL_F32, 0, NULL, &zero);
    call_in(t, MDL_BOOL, 0, NULL, "\1");
    call_run(t);
    assert_memory_equal(t->y[0].data, ten, 8);
    assert_memory_equal(t->y[1].data, "\1\1", 2);
    call_end(t);
}

static void align_puts_dims_of_1_behind(void **state)
{
    struct call *t = begin("align", NULL);

    (void)state;
    call_set(t, "axis", 1);
    floats(t, DIMS(3));
    floats(t, DIMS(2, 3, 4, 5));
    gives(t, DIMS(3, 1, 1), ten);
    t = begin("align", NULL);
    call_set(t, "axis", 5);
    floats(t, DIMS(3));
    floats(t, DIMS(2, 3));
    refuses(t, "axis 5 of a tensor of rank 2");
}

static void conversions_of_what_is_out_of_range_are_defined(void **state)
{
    const float x[6] = { -1, 300.7f, NAN, 1e30f, -1e30f, -0.5f };
    struct call *t = begin("convert", "uint8");

    (void)state;
    call_in(t, MDL_F32, DIMS(3), x);
    gives(t, DIMS(3), ((uint8_t[]){ 255, 44, 0 }));
    t = begin("convert", "int64");
    call_in(t, MDL_F32, DIMS(6), x);
    gives(t, DIMS(6), ((int64_t[]){ -1, 300, 0, INT64_MAX, INT64_MIN, 0 }));
    t = begin("convert", "uint64");
    call_in(t, MDL_F64, DIMS(2), ((double[]){ 1.5e19, -1 }));
    gives(t, DIMS(2), ((uint64_t[]){ 15000000000000000000u, UINT64_MAX }));
    t = begin("convert", "bool");
    call_in(t, MDL_F32, DIMS(6), ((float[]){ 0, -0.0f, NAN, 0.1f, -1, 0x1p-149f }));
    gives(t, DIMS(6), "\0\0\1\1\1\1");
    t = begin("convert", "float32");
    call_in(t, MDL_U64, DIMS(2), ((uint64_t[]){ UINT64_MAX, ((uint64_t)1 << 40) + 65535 }));
    gives(t, DIMS(2), ((float[]){ 0x1p64f, 0x1p40f }));
}

static void bytes_of_callers_may_have_anything_in_unused_bits(void **state)
{
    const uint8_t x[4] = { 0x08, 0xF8, 0x73, 0xF7 };
    struct call *t = begin("convert", "int8");

    (void)state;
    call_in(t, MDL_I4, DIMS(4), x);
    gives(t, DIMS(4), ((int8_t[]){ -8, -8, 3, 7 }));
    t = begin("convert", "int8");
    call_in(t, MDL_U2, DIMS(4), x);
    gives(t, DIMS(4), ((int8_t[]){ 0, 0, 3, 3 }));
    t = begin("binary", "and");
    call_in(t, MDL_BOOL, DIMS(2), "\2\0");
    call_in(t, MDL_BOOL, DIMS(2), "\1\4");
    gives(t, DIMS(2), "\1\0");
    t = begin("reinterpret", "uint4");
    call_in(t, MDL_I4, DIMS(4), x);
    gives(t, DIMS(4), ((uint8_t[]){ 8, 8, 3, 7 }));
}

static void strings_become_the_numbers_that_strtod_reads(void **state)
{
    static const char *const good[] = {
        "0", "-0", "1", "3.14", "  2.5e3 ", "1e-5", "1E8", "+7", ".5", "5.", "123456789012345678",
        "12345678901234567890123456789", "1e308", "1.7976931348623157e308", "1.7976931348623159e308",
        "4.9e-324", "2.2250738585072014e-308", "1e-400", "1e400", "0.1", "0.3", "9007199254740993",
        "1.1754943508222875e-38", "8.41e21", "6.02214076e23", "1.602176634e-19", "inf", "-INF",
        "Infinity", "3.000000000000000000000000000000000001e0",
    };
    static const char *const bad[] = { "", " ", "one", "1x", "1e", "--1", "1.2.3", "infinit", "0x10", "." };
    double y = 7;
    int64_t k = 7;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const double want = strtod(good[i], NULL);
        assert_true(mdl_nd_read_number(good[i], &y));
        if (y != want || signbit(y) != signbit(want))
            fail_msg("'%s' is %.17g, expected %.17g", good[i], y, want);
    }
    assert_true(mdl_nd_read_number("NaN", &y) && isnan(y));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(mdl_nd_read_number(bad[i], &y));
        assert_false(mdl_nd_read_int(bad[i], &k));
    }
    assert_true(mdl_nd_read_int("-9223372036854775808", &k) && k == INT64_MIN);
    assert_true(mdl_nd_read_int("18446744073709551615", &k) && k == -1);
    assert_false(mdl_nd_read_int("18446744073709551616", &k));
    assert_false(mdl_nd_read_int("-9223372036854775809", &k));
}

static void random_decimals_become_the_numbers_that_strtod_reads(void **state)
{
    uint64_t seed = 6;
    char text[64];
    double y;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        const uint64_t digits = next_random(&seed) >> below(&seed, 60);
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits,
                 (int)below(&seed, 600) - 310);
        const double want = strtod(text, NULL);
        assert_true(mdl_nd_read_number(text, &y));
        if (y != want)
            fail_msg("'%s' is %.17g, expected %.17g", text, y, want);
    }
}

static void a_string_that_is_no_number_is_refused(void **state)
{
    struct call *t = begin("convert", "float32");

    (void)state;
    call_in(t, MDL_STRING, DIMS(2), ((const char *[]){ "1", "two" }));
    refuses(t, "element 1 is 'two', which is no number");
    t = begin("convert", "int64");
    call_in(t, MDL_STRING, DIMS(3), ((const char *[]){ "9007199254740993", "-4", " 12 " }));
    gives(t, DIMS(3), ((int64_t[]){ 9007199254740993, -4, 12 }));
}

static void nan_goes_through(void **state)
{
    static const char *const kinds[] = { "abs", "sign", "relu", "leaky_relu", "elu", "selu", "celu", "tanh",
                                         "sigmoid", "erf", "gelu", "gelu_tanh", "mish", "swish", "shrink",
                                         "softplus", "hard_sigmoid", "hard_swish", "round", "floor",
                                         "thresholded_relu", "exp", "log", "sqrt", "sin", "acosh" };
    const float nan[3] = { NAN, NAN, NAN };
    const double wide[3] = { NAN, NAN, NAN };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int is_wide = 0; is_wide < 2; is_wide++) {
            struct call *t = begin("unary", kinds[i]);
            call_in(t, is_wide ? MDL_F64 : MDL_F32, DIMS(3), is_wide ? (void *)(uintptr_t)wide
                                                                     : (void *)(uintptr_t)nan);
            assert_int_equal(call_with(t, mdl_kernels_at(0)), MDL_OK);
            for (uint64_t k = 0; k < 3; k++)
                if (!isnan(mdl_nd_number(t->y, k)))
                    fail_msg("%s of NaN is %g", kinds[i], mdl_nd_number(t->y, k));
            call_end(t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcasting_is_that_of_a_loop_over_indices),
        cmocka_unit_test(shapes_that_do_not_broadcast_are_refused),
        cmocka_unit_test(types_that_do_not_fit_are_refused),
        cmocka_unit_test(integers_divide_and_wrap_as_the_documents_say),
        cmocka_unit_test(uint64_compares_and_clips_above_half_of_it),
        cmocka_unit_test(strings_are_equal_letter_by_letter),
        cmocka_unit_test(bounds_of_clip_are_one_number_each),
        cmocka_unit_test(training_is_refused_in_the_call),
        cmocka_unit_test(align_puts_dims_of_1_behind),
        cmocka_unit_test(conversions_of_what_is_out_of_range_are_defined),
        cmocka_unit_test(bytes_of_callers_may_have_anything_in_unused_bits),
        cmocka_unit_test(strings_become_the_numbers_that_strtod_reads),
        cmocka_unit_test(random_decimals_become_the_numbers_that_strtod_reads),
        cmocka_unit_test(a_string_that_is_no_number_is_refused),
        cmocka_unit_test(nan_goes_through),
    };

    return cmocka_run_group_tests_name("nd_math", tests, NULL, NULL);
}
